/*
 * ledger.h
 *	  Which ledger is worked on, its tables, its owner and its version; and
 *	  acting as its owner.
 */
#ifndef REGPAYDB_LEDGER_H
#define REGPAYDB_LEDGER_H

#include "postgres.h"

#include "executor/spi.h"
#include "utils/acl.h"
#include "utils/relcache.h"

typedef enum LedgerTable
{
	CONFERENCE,
	ATTENDEE,
	STAFF,
	INVOICE,
	LINE_ITEM,
	PAYMENT,
	CREDIT_NOTE,
	CREDIT_NOTE_APPLICATION,
	CREDIT_NOTE_REFUND,
	OUTBOX,
	LEDGER_TABLES
} LedgerTable;

/* A ledger, as cached; never freed, so that a pointer to it stays good. */
typedef struct Ledger
{
	Oid			schema;			/* hash key */
	bool		valid;			/* set last, cleared by invalidations */
	bool		version_checked;
	bool		read_only;		/* reads see what the calling query sees */
	char		schema_name[NAMEDATALEN];
	char		quoted_schema[NAMEDATALEN * 2 + 3];
	Oid			owner;			/* of every table */
	Oid			tables[LEDGER_TABLES];
	Oid			payment_sequence;
	SPIPlanPtr *plans;			/* kept by store.c */
} Ledger;

/* Whom to be again when the engine is done. */
typedef struct EngineScope
{
	Oid			save_userid;
	int			save_sec_context;
	Ledger		reader;			/* see engine_begin_read */
} EngineScope;

extern char *ledger_setting;

extern void ledger_init(void);
extern Ledger *ledger_of_setting(void);
extern Ledger *ledger_of_relation(Relation rel, LedgerTable table);
extern void ledger_check_privilege(Ledger *ledger, LedgerTable table,
								   AclMode privilege);
extern void ledger_check_version(Ledger *ledger, bool missing_ok);
extern Ledger *engine_begin(EngineScope *scope, LedgerTable table,
							AclMode privilege);
extern Ledger *engine_begin_read(EngineScope *scope, LedgerTable table,
								 AclMode privilege);
extern void engine_begin_as_owner(EngineScope *scope, Ledger *ledger);
extern void engine_end(EngineScope *scope);

#endif							/* REGPAYDB_LEDGER_H */
