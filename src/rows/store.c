/*
 * store.c
 *	  Runs the engine's SQL texts, which are in queries.h, with plans that are
 *	  kept.  rows.c and the other files of rows have a typed function for each.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"

#include "base/money.h"
#include "rows/direct.h"
#include "rows/queries.h"
#include "rows/store.h"

/* ---- what is written ---- */

/*
 * The row that the engine itself is writing, which the triggers of its table
 * let pass.  Exact to the row, so that what a user's trigger does meanwhile
 * is treated as anybody's.
 */
static struct
{
	Oid			relid;
	int64		id;
	bool		many;			/* several rows may have this id */
}			writing;

/* store_is_writing: whether the engine itself is writing this row just now. */
bool
store_is_writing(Oid relid, int64 id)
{
	return writing.relid == relid && writing.id == id;
}

/*
 * store_has_written
 *		The guard has let the engine's row pass: the next change of it is
 *		somebody else's.
 */
void
store_has_written(void)
{
	if (!writing.many)
		writing.relid = InvalidOid;
}

/* ---- plans ---- */

/* A ledger's plans, made with its name, each when it is first needed. */
struct Plans
{
	MemoryContextCallback callback;
	SPIPlanPtr	of_query[STORE_QUERIES];
};

/* When the memory goes that they are in, nobody is using them any more. */
static void
free_plans(void *arg)
{
	struct Plans *plans = arg;

	for (int query = 0; query < STORE_QUERIES; query++)
		if (plans->of_query[query] != NULL)
			SPI_freeplan(plans->of_query[query]);
}

static struct Plans *
plans_of(Ledger *ledger)
{
	struct Plans *plans = ledger->plans;

	if (plans == NULL)
	{
		plans = MemoryContextAllocZero(ledger->name_context, sizeof(struct Plans));
		plans->callback.func = free_plans;
		plans->callback.arg = plans;
		MemoryContextRegisterResetCallback(ledger->name_context, &plans->callback);
		ledger->plans = plans;
	}
	return plans;
}

static void
free_plan(void *arg)
{
	SPI_freeplan(arg);
}

/* Free a plan when the transaction ends: it may be running just now. */
static void
retire_plan(SPIPlanPtr plan)
{
	MemoryContextCallback *callback = MemoryContextAlloc(TopTransactionContext,
														 sizeof(MemoryContextCallback));

	callback->func = free_plan;
	callback->arg = plan;
	MemoryContextRegisterResetCallback(TopTransactionContext, callback);
}

/* Whether a rule makes the query one of another kind, or none at all. */
static bool
is_rewritten(SPIPlanPtr plan)
{
	ListCell   *source;
	ListCell   *query;

	foreach(source, SPI_plan_get_plan_sources(plan))
		foreach(query, ((CachedPlanSource *) lfirst(source))->query_list)
			if (((Query *) lfirst(query))->canSetTag)
				return false;
	return true;
}

/*
 * The plan of a query, made when it is first needed.  When the tables change,
 * PostgreSQL makes it anew from the text.
 *
 * A plan that a rule has rewritten is not kept: PostgreSQL does not notice the end
 * of a rule where it knows no table that the plan depends on.  If nobody frees
 * it, it goes with the connection to SPI.
 */
static SPIPlanPtr
get_plan(Ledger *ledger, StoreQuery query, bool *kept)
{
	struct Plans *plans = plans_of(ledger->original);
	SPIPlanPtr	plan = plans->of_query[query];
	const QueryText *text = query < CART_QUERIES ? &ledger_queries[query] :
		&cart_queries[query - CART_QUERIES];
	StringInfoData buf;

	*kept = true;
	if (plan != NULL)
		return plan;

	initStringInfo(&buf);
	for (const char *c = text->text; *c != '\0'; c++)
	{
		if (*c == '@')
			appendStringInfoString(&buf, ledger->quoted_schema);
		else if (*c == '#')
			appendStringInfoString(&buf, money_to_cstring(0, ledger->decimals));
		else
			appendStringInfoChar(&buf, *c);
	}
	plan = SPI_prepare(buf.data, text->nargs, (Oid *) text->argtypes);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	pfree(buf.data);
	*kept = !is_rewritten(plan);
	if (*kept && SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_keepplan failed");
	if (*kept)
		plans->of_query[query] = plan;
	return plan;
}

/* ---- running them ---- */

/*
 * store_run
 *		Run a query; returns the number of rows, which are in SPI_tuptable until
 *		the next one.  nulls as in SPI_execute_plan.
 */
uint64
store_run(Ledger *ledger, StoreQuery query, Datum *args, const char *nulls)
{
	DirectScope *scope = direct_begin_sql();
	SPIPlanPtr	plan;
	bool		kept;
	int			result;

	ledger_check_name(ledger);
	plan = get_plan(ledger, query, &kept);

	/* One result at a time, so that a long statement does not pile them up. */
	SPI_freetuptable(SPI_tuptable);
	SPI_tuptable = NULL;
	result = SPI_execute_plan(plan, args, nulls, ledger->read_only, 0);
	direct_end_sql(scope);
	if (result < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));

	if (!kept)
		SPI_freeplan(plan);
	else if (result == SPI_OK_REWRITTEN && plans_of(ledger->original)->of_query[query] == plan)
	{
		/* There is a rule since it was made. */
		ledger->original->plans->of_query[query] = NULL;
		retire_plan(plan);
	}
	return SPI_processed;
}

/* store_not_written: raise 09000 for a row that is not there. */
void
store_not_written(Ledger *ledger, LedgerTable table)
{
	ereport(ERROR,
			(errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
			 errmsg("a row of table \"%s\" was not written",
					get_rel_name(ledger->tables[table])),
			 errdetail("A trigger or rule on the table suppressed it."),
			 errhint("Triggers on a ledger's tables must let the engine's rows pass.")));
}

/* store_write: run a query that writes one row, and make sure that it did. */
void
store_write(Ledger *ledger, StoreQuery query, LedgerTable table, Datum *args, const char *nulls)
{
	if (store_run(ledger, query, args, nulls) != 1)
		store_not_written(ledger, table);
}

/*
 * store_write_own
 *		Write one row as the engine's own, past the triggers that guard its
 *		table.  Returns whether there was one; must_write makes that an error.
 */
bool
store_write_own(Ledger *ledger, StoreQuery query, LedgerTable table, int64 id,
				Datum *args, const char *nulls, bool must_write)
{
	Oid			save_relid = writing.relid;
	int64		save_id = writing.id;
	bool		save_many = writing.many;
	volatile bool written = true;

	PG_TRY();
	{
		writing.relid = ledger->tables[table];
		writing.id = id;
		writing.many = !must_write;
		if (must_write)
			store_write(ledger, query, table, args, nulls);
		else
			written = store_run(ledger, query, args, nulls) == 1;
	}
	PG_FINALLY();
	{
		writing.relid = save_relid;
		writing.id = save_id;
		writing.many = save_many;
	}
	PG_END_TRY();
	return written;
}
