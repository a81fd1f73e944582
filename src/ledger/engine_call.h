/*
 * engine_call.h
 *	  The engine calls that are running: one stack for all that ends with a call,
 *	  or with the transaction or subtransaction that fails in it.
 */
#ifndef REGPAYDB_ENGINE_CALL_H
#define REGPAYDB_ENGINE_CALL_H

#include "ledger/ledger.h"

/*
 * A row that the engine itself is writing by SQL, which the triggers of its table
 * let pass; none where relid is InvalidOid.  Exact to the row, so that what a
 * user's trigger does meanwhile is treated as anybody's.
 */
typedef struct WrittenRow
{
	Oid			relid;
	int64		id;
	bool		many;			/* several rows may have this id */
} WrittenRow;

typedef struct EngineCall
{
	struct EngineCall *outer;	/* that this one was made in */
	int			nest_level;		/* of transactions, as it began */
	bool		is_kept;		/* by a query, see query_call.c; else freed as it ends */
	Ledger	   *ledger;
	MemoryContext caller_context;

	/* Whom to be again: see engine.c. */
	Oid			save_userid;
	int			save_sec_context;
	int			save_nestlevel; /* of settings; 0 where they are left alone */

	/* What is open: see open_table.c. */
	MemoryContext parent;		/* of context */
	MemoryContext context;		/* NULL until something is opened */
	bool		connected;		/* to SPI */
	bool		wrote;			/* since others could see what was written */
	struct OpenTable *tables[LEDGER_TABLES];

	/* What is being done just now. */
	WrittenRow	writing;		/* see plan.c */
	const struct TableInfo *evaluated;	/* see modify.c */
	bool		is_settling;	/* see settle.c; and which invoice */
	int64		settled_invoice;

	Ledger		reader;			/* see engine_begin_read; last, as it is not cleared */
} EngineCall;

/* The innermost one; NULL outside of the engine. */
extern EngineCall *engine_call;

extern void engine_call_init(void);
extern void engine_call_push(EngineCall *call);
extern void engine_call_pop(void);
extern EngineCall *engine_call_new(Ledger *ledger);
extern bool engine_is_writing(Oid relid, int64 id);
extern void engine_has_written(void);

#endif							/* REGPAYDB_ENGINE_CALL_H */
