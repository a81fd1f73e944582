/*
 * tables.h
 *	  The tables of a ledger, and what is known of one.
 */
#ifndef REGPAYDB_TABLES_H
#define REGPAYDB_TABLES_H

#include "postgres.h"

#include "lib/ilist.h"

typedef enum LedgerTable
{
	CONFERENCE,
	ATTENDEE,
	STAFF,
	CATEGORY,
	PRODUCT,
	CART,
	CART_ITEM,
	CART_DISCOUNT,
	RESERVATION,
	STOCK_SLOT,
	INVOICE,
	LINE_ITEM,
	PAYMENT,
	CREDIT_NOTE,
	CREDIT_NOTE_CLAIM,
	CREDIT_NOTE_APPLICATION,
	CREDIT_NOTE_REFUND,
	CREDIT_NOTE_REFUND_PART,
	REVERSAL,
	OUTBOX,
	LEDGER_TABLES
} LedgerTable;

/*
 * A ledger, as cached; never freed, so that a pointer to it stays good.  What is in
 * its context may be when a transaction ends that has not found it, see ledger.c.
 */
typedef struct Ledger
{
	Oid			schema;			/* hash key */
	bool		valid;			/* set last, cleared by invalidations */
	bool		version_checked;
	bool		may_be_gone;	/* some schema has changed since it was loaded */
	bool		read_only;		/* reads see what the calling query sees */
	char		schema_name[NAMEDATALEN];
	char		quoted_schema[NAMEDATALEN * 2 + 3];
	Oid			owner;			/* of every table */
	Oid			tables[LEDGER_TABLES];
	bool		distributed;	/* its tables are Citus's, and their rows in ... */
	Oid			shards[LEDGER_TABLES];	/* ... these, which are on this node */
	Oid			payment_sequence;
	int			decimals;		/* of amounts of money */
	uint64		checked_at;		/* changes seen before its name was looked at */
	uint64		loads;			/* how often it was loaded */
	uint64		found_in;		/* number of the transaction */
	struct Ledger *original;	/* itself, also in a copy */
	dlist_node	kept_node;		/* among those that have a context */
	MemoryContext context;		/* of what follows; NULL while there is none */
	struct TableInfo *table_infos[LEDGER_TABLES];	/* inspect.c's */
	MemoryContext name_context; /* of what was made with its name */
	struct Plans *plans;		/* plan.c's; NULL while there are none */
} Ledger;

extern const char *const ledger_table_names[LEDGER_TABLES];

extern const char *ledger_table_name(const char *relation);

#endif							/* REGPAYDB_TABLES_H */
