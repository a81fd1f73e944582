/*
 * placement.h
 *	  Whether a ledger's rows are in its tables, on this server.
 */
#ifndef REGPAYDB_PLACEMENT_H
#define REGPAYDB_PLACEMENT_H

#include "ledger/tables.h"

extern void check_table_kind(const Ledger *ledger, LedgerTable table);
extern void find_placement(Ledger *ledger);
extern void check_still_placed(const Ledger *ledger);
extern bool is_sent(void);
extern void check_not_sent(void);
extern void allow_local_ddl(void);
extern void allow_nested(void);
extern void check_sharding_setting(const char *schema_name);

#endif							/* REGPAYDB_PLACEMENT_H */
