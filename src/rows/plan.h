/*
 * plan.h
 *	  The engine's SQL: run, with plans that are saved.
 */
#ifndef REGPAYDB_PLAN_H
#define REGPAYDB_PLAN_H

#include "base/compat.h"
#include "ledger/ledger.h"
#include "rows/query.h"
#include "rows/specs.h"

/* What is done to the rows of a table: see statement.c. */
typedef enum StatementKind
{
	STATEMENT_FIND,
	STATEMENT_FIND_UNIQUE,
	STATEMENT_LOCK,
	STATEMENT_LIST_ALL,
	STATEMENT_LIST,				/* and so on, for each of a table's lists */
	STATEMENT_LAST_LIST = STATEMENT_LIST + MAX_LISTS - 1,
	STATEMENT_DELETE,			/* the same */
	STATEMENT_LAST_DELETE = STATEMENT_DELETE + MAX_LISTS - 1,
	STATEMENT_INSERT,
	STATEMENT_INSERT_RETURNING,
	STATEMENT_INSERT_ONCE,
	STATEMENT_UPDATE,
	STATEMENT_KINDS
} StatementKind;

/* The texts of query.h have the first numbers, the statements of each table the rest. */
#define PLANS	(QUERIES + LEDGER_TABLES * STATEMENT_KINDS)

/* Says what the plan of a number is made of, in the current memory context. */
typedef void (*MakeText) (int number, QueryText *text);

extern uint64 run_plan(Ledger *ledger, int number, MakeText make_text, Datum *args,
					   const char *nulls);
extern uint64 run_query(Ledger *ledger, EngineQuery query, Datum *args, const char *nulls);
extern uint64 run_query_now(Ledger *ledger, EngineQuery query, Datum *args, const char *nulls);
extern void begin_own_write(Ledger *ledger, LedgerTable table, int64 id, bool many);
extern void end_own_write(void);
pg_noreturn extern void row_not_written(Ledger *ledger, LedgerTable table);
extern void write_by_query(Ledger *ledger, EngineQuery query, LedgerTable table, Datum *args,
						   const char *nulls);
extern void write_own_by_query(Ledger *ledger, EngineQuery query, LedgerTable table, int64 id,
							   bool many, Datum *args);

#endif							/* REGPAYDB_PLAN_H */
