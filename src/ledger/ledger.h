/*
 * ledger.h
 *	  Which ledger is worked on, its tables and its owner.
 */
#ifndef REGPAYDB_LEDGER_H
#define REGPAYDB_LEDGER_H

#include "postgres.h"

#include "utils/relcache.h"

#include "base/compat.h"
#include "ledger/tables.h"

#define DEFAULT_LEDGER	"regpaydb"

extern char *ledger_setting;

extern void ledger_init(void);
extern Ledger *ledger_of_setting(void);
extern Ledger *ledger_of_schema(Oid schema);
extern Ledger *ledger_of_relation(Relation rel, LedgerTable table,
								  LedgerTable other_table);
extern Oid	ledger_rows_relid(const Ledger *ledger, LedgerTable table);
extern Oid	ledger_shard(const Ledger *ledger, const char *table);
extern void ledger_check_tables(const Ledger *ledger);
extern void ledger_refresh(Ledger *ledger);
extern void ledger_check_name(Ledger *ledger);
extern uint64 ledger_changes(void);
extern bool ledger_is_of_setting(const Ledger *ledger);
pg_noreturn extern void no_ledger(const char *schema_name);

#endif							/* REGPAYDB_LEDGER_H */
