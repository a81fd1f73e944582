/*
 * plan.c
 *	  Runs the engine's SQL, with plans that are saved.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "jit/jit.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/plancache.h"
#include "utils/snapmgr.h"

#include "base/money.h"
#include "ledger/placement.h"
#include "rows/open_table.h"
#include "rows/plan.h"

/* ---- plans ---- */

/* A ledger's plans, made with its name, each when it is first needed. */
struct Plans
{
	MemoryContextCallback callback;
	Oid			type;			/* one of the extension's: arguments are of its types */
	SPIPlanPtr	plans[PLANS];
};

/* When their memory is freed, no plan is in use any more. */
static void
free_plans(void *arg)
{
	struct Plans *plans = arg;

	for (int i = 0; i < PLANS; i++)
		if (plans->plans[i] != NULL)
			SPI_freeplan(plans->plans[i]);
}

/* Those of an extension that was dropped since are left, until the name's memory goes. */
static struct Plans *
plans_of(Ledger *ledger)
{
	struct Plans *plans = ledger->plans;
	Oid			type = enum_type(ENUM_PAYMENT_KIND);

	if (plans == NULL || plans->type != type)
	{
		plans = MemoryContextAllocZero(ledger->name_context, sizeof(struct Plans));
		plans->callback.func = free_plans;
		plans->callback.arg = plans;
		plans->type = type;
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

/* Whether a rule has replaced the query by one of another kind, or by nothing. */
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

static SPIPlanPtr
prepare(const Ledger *ledger, const QueryText *text)
{
	StringInfoData buf;
	SPIPlanPtr	plan;

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
	return plan;
}

/* Whether it is large, and so seldom asked for that to plan it again is no matter. */
static bool
is_rare(int number)
{
	return number == Q_INTEGRITY_PROBLEMS || number == Q_INTEGRITY_PROBLEMS_SINCE ||
		number == Q_RECONCILIATION;
}

/*
 * The plan of this number, made when it is first needed.  When the tables change,
 * PostgreSQL makes it anew from the text.
 *
 * A plan that a rule has rewritten is not saved: PostgreSQL does not notice the end
 * of a rule where it knows no table that the plan depends on.  If nobody frees
 * it, it goes with the connection to SPI.
 */
static SPIPlanPtr
get_plan(Ledger *ledger, int number, MakeText make_text, bool *saved)
{
	struct Plans *plans = plans_of(ledger->original);
	SPIPlanPtr	plan = plans->plans[number];
	QueryText	text;

	*saved = true;
	if (plan != NULL)
		return plan;
	make_text(number, &text);
	plan = prepare(ledger, &text);
	*saved = !is_rare(number) && !is_rewritten(plan);
	if (*saved && SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_keepplan failed");
	if (*saved)
		plans->plans[number] = plan;
	return plan;
}

/* ---- running them ---- */

/* Whether a plan finds rows by keys that have indexes. */
static bool
is_by_key(int number)
{
	int			kind;

	switch (number)
	{
		case Q_INVOICE_FLOW:
		case Q_NOTE_FATE:
		case Q_OWN_NOTES:
		case Q_GONE_BACK:
		case Q_REFUND_PARTS:
		case Q_REFUNDS_OF_REF:
		case Q_INTEGRITY_PROBLEMS_SINCE:
			return true;
	}
	kind = (number - QUERIES) % STATEMENT_KINDS;
	return number >= QUERIES && kind < STATEMENT_DELETE && kind != STATEMENT_LIST_ALL;
}

/*
 * Our queries read few rows, but some have many expressions: where tables were never
 * analyzed their cost is thought to be high, and to compile them takes a hundred times
 * as long as to run them, while others wait for what we have locked.  Set as a variable,
 * since to change a setting takes as long as a small query.
 */
static int
execute_uncompiled(const Ledger *ledger, SPIPlanPtr plan, Datum *args, const char *nulls)
{
	bool		save_jit = jit_enabled;
	volatile int result = 0;

	jit_enabled = false;
	PG_TRY();
	{
		result = SPI_execute_plan(plan, args, nulls, ledger->read_only, 0);
	}
	PG_FINALLY();
	{
		jit_enabled = save_jit;
	}
	PG_END_TRY();
	return result;
}

/*
 * Where few rows are, reading them all is cheaper than an index; but a plan may outlive
 * that by far in a transaction that writes many, and then each call would read all of
 * them.
 */
static void
use_indexes(void)
{
	(void) set_config_option("enable_seqscan", "off", PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

static int
execute_plan(const Ledger *ledger, int number, SPIPlanPtr plan, Datum *args, const char *nulls)
{
	bool		by_key = is_by_key(number);
	int			save_nestlevel;
	int			result;

	if (!by_key && !ledger->distributed)
		return execute_uncompiled(ledger, plan, args, nulls);
	save_nestlevel = NewGUCNestLevel();
	if (by_key)
		use_indexes();
	if (ledger->distributed)
		allow_nested();
	result = execute_uncompiled(ledger, plan, args, nulls);
	AtEOXact_GUC(true, save_nestlevel);
	return result;
}

/*
 * run_plan
 *		Run a plan; returns the number of rows, which are in SPI_tuptable until
 *		the next one.  nulls as in SPI_execute_plan.  make_text says what it is
 *		made of, where it has to be made.
 */
uint64
run_plan(Ledger *ledger, int number, MakeText make_text, Datum *args, const char *nulls)
{
	struct Plans *plans;
	SPIPlanPtr	plan;
	bool		saved;
	int			result;

	begin_sql();
	ledger_check_name(ledger);
	plan = get_plan(ledger, number, make_text, &saved);

	/* One result at a time, so that a long statement does not pile them up. */
	SPI_freetuptable(SPI_tuptable);
	SPI_tuptable = NULL;
	result = execute_plan(ledger, number, plan, args, nulls);
	if (result < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));

	plans = ledger->original->plans;
	if (!saved)
		SPI_freeplan(plan);
	else if (result == SPI_OK_REWRITTEN && plans != NULL && plans->plans[number] == plan)
	{
		/* There is a rule since it was made. */
		plans->plans[number] = NULL;
		retire_plan(plan);
	}
	return SPI_processed;
}

static void
copy_text(int number, QueryText *text)
{
	*text = number < CART_QUERIES ? ledger_queries[number] : cart_queries[number - CART_QUERIES];
}

/* run_query: run one of the texts in query.h, as run_plan does. */
uint64
run_query(Ledger *ledger, EngineQuery query, Datum *args, const char *nulls)
{
	return run_plan(ledger, query, copy_text, args, nulls);
}

/*
 * run_query_now
 *		The same for a query that sees what is committed now, whatever the transaction's
 *		snapshot shows.
 */
uint64
run_query_now(Ledger *ledger, EngineQuery query, Datum *args, const char *nulls)
{
	Ledger		reader = *ledger;
	uint64		nrows;

	reader.read_only = true;
	/* No snapshot is taken in parallel mode, which only reads. */
	PushActiveSnapshot(IsInParallelMode() ? GetActiveSnapshot() : GetLatestSnapshot());
	nrows = run_query(&reader, query, args, nulls);
	PopActiveSnapshot();
	return nrows;
}

/* begin_own_write, end_own_write: around SQL that writes past the triggers. */
void
begin_own_write(Ledger *ledger, LedgerTable table, int64 id, bool many)
{
	engine_call->writing = (WrittenRow)
	{
		ledger_rows_relid(ledger, table), id, many
	};
}

void
end_own_write(void)
{
	engine_call->writing.relid = InvalidOid;
}

/* row_not_written: raise 09000 for a row that is not there, or not what was written. */
void
row_not_written(Ledger *ledger, LedgerTable table)
{
	ereport(ERROR,
			(errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
			 errmsg("a row of table \"%s\" was not written",
					get_rel_name(ledger->tables[table])),
			 errdetail("A trigger or rule on the table suppressed or changed it."),
			 errhint("Triggers on a ledger's tables must let the engine's rows pass.")));
}

/* write_by_query: run a query that writes one row, and make sure that it did. */
void
write_by_query(Ledger *ledger, EngineQuery query, LedgerTable table, Datum *args, const char *nulls)
{
	if (run_query(ledger, query, args, nulls) != 1)
		row_not_written(ledger, table);
}

/*
 * write_own_by_query
 *		The same for a write of the engine's own, which the table's guards let pass.
 *		With many, it may be any number of rows with this id.
 */
void
write_own_by_query(Ledger *ledger, EngineQuery query, LedgerTable table, int64 id, bool many,
				   Datum *args)
{
	uint64		nrows;

	begin_own_write(ledger, table, id, many);
	nrows = run_query(ledger, query, args, NULL);
	end_own_write();
	if (!many && nrows != 1)
		row_not_written(ledger, table);
}
