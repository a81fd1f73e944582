/*
 * query_call.c
 *	  A reading engine call that is kept for as long as a query runs: a function
 *	  that is called for every row keeps its tables open, as a query does with
 *	  those that it reads itself.
 *
 * What it has open is accounted for by the query's resource owner.  It ends once,
 * with that or with the query's memory, whichever goes first:
 * - At ExecutorEnd the memory goes, while the resource owner is there and is the
 *	 current one.  The call closes what it has open.
 * - Where an error ends the query there is no ExecutorEnd.  The resource owner
 *	 releases all that is open; the memory goes before that or long after.
 *
 * Only a call site that lives in the executor state of the active portal's own
 * query may keep one.  Others, such as those of PL/pgSQL's expressions, live for
 * longer than what they open may: for them every call is one of its own.
 *
 * Like a query that is running, it keeps its own session from altering the
 * tables (55006).
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/execdesc.h"
#include "lib/ilist.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "tcop/pquery.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/resowner.h"
#include "utils/snapmgr.h"

#include "engine/engine.h"
#include "engine/query_call.h"
#include "rows/open_table.h"

/* In the transaction's memory, so that it outlives its site and its resource owner. */
typedef struct QueryCall
{
	EngineCall *call;
	QuerySite  *site;			/* NULL when the query's memory is gone */
	dlist_node	node;			/* of all that there are */

	/* What it was made for. */
	ResourceOwner owner;
	Snapshot	snapshot;
	Oid			caller;
	uint64		changes;
} QueryCall;

/* From keep_call() until the resource owner or the query ends. */
static dlist_head query_calls = DLIST_STATIC_INIT(query_calls);

static void
forget_call(QueryCall *query_call)
{
	if (query_call->site != NULL)
		query_call->site->call = NULL;
	dlist_delete(&query_call->node);
	pfree(query_call->call);
	pfree(query_call);
}

/* Told of every resource owner that is released, which is the current one then. */
static void
resources_released(ResourceReleasePhase phase, bool is_commit, bool is_top_level, void *arg)
{
	dlist_mutable_iter iter;

	if (phase != RESOURCE_RELEASE_BEFORE_LOCKS)
		return;
	dlist_foreach_modify(iter, &query_calls)
	{
		QueryCall  *query_call = dlist_container(QueryCall, node, iter.cur);

		if (query_call->owner == CurrentResourceOwner)
			forget_call(query_call);
	}
}

/* query_call_init: when the library is loaded. */
void
query_call_init(void)
{
	RegisterResourceReleaseCallback(resources_released, NULL);
}

/* The memory context of what is open goes, and with it, soon, the site. */
static void
memory_goes(void *arg)
{
	QueryCall  *query_call = ((QuerySite *) arg)->call;

	if (query_call == NULL)
		return;
	if (query_call->owner == CurrentResourceOwner)
	{
		open_tables_close(query_call->call);
		forget_call(query_call);
	}
	else
	{
		/* After an error: its resource owner is about to be released. */
		query_call->site->call = NULL;
		query_call->site = NULL;
	}
}

/*
 * Whether a call may be kept at this call site until the query ends.
 *
 * In a subtransaction of the portal's it may not: tables and indexes may have
 * been made there, and vanish with it while the portal lives on.
 */
static bool
may_keep(FmgrInfo *call_site)
{
	Portal		portal = ActivePortal;
	QueryDesc  *query = portal == NULL ? NULL : portal->queryDesc;

	return query != NULL && query->estate != NULL &&
		query->estate->es_query_cxt == call_site->fn_mcxt &&
		query->snapshot == GetActiveSnapshot() &&
		portal->resowner == CurrentResourceOwner &&
		portal->createSubid == GetCurrentSubTransactionId();
}

static bool
is_current(const QueryCall *query_call)
{
	return query_call->owner == CurrentResourceOwner &&
		query_call->snapshot == GetActiveSnapshot() &&
		query_call->caller == GetUserId() &&
		query_call->changes == ledger_changes() &&
		ledger_is_of_setting(&query_call->call->reader);
}

/*
 * Begin a call as any other, open the tables, and keep it as it is; not where
 * SQL would have to read one of them.
 */
static void
keep_call(QuerySite *site, FmgrInfo *call_site, const LedgerTable *tables, int ntables,
		  const char *column)
{
	uint64		changes = ledger_changes();
	Ledger	   *ledger = engine_begin_read(tables[0], column, ACL_SELECT);
	EngineCall *call = engine_call;
	bool		is_open = true;
	QueryCall  *query_call;

	call->parent = call_site->fn_mcxt;
	for (int i = 0; i < ntables && is_open; i++)
		is_open = open_table(ledger, tables[i], ROW_FIND) != NULL;
	if (!is_open || call->connected)
	{
		/* To find the version out, SQL was run, which closed the tables: next time. */
		site->refused_at = is_open ? 0 : changes + 1;
		engine_end();
		return;
	}
	query_call = MemoryContextAlloc(TopTransactionContext, sizeof(QueryCall));
	query_call->call = call;
	query_call->site = site;
	query_call->owner = CurrentResourceOwner;
	query_call->snapshot = GetActiveSnapshot();
	query_call->caller = call->save_userid;
	query_call->changes = changes;
	engine_leave();
	call->is_kept = true;
	engine_call_pop();

	site->call = query_call;
	site->callback.func = memory_goes;
	site->callback.arg = site;
	MemoryContextRegisterResetCallback(call->context, &site->callback);
	dlist_push_head(&query_calls, &query_call->node);
}

/*
 * query_call_resume
 *		As engine_begin_read, for rows of the given tables and a privilege on the
 *		first one's column, where a call is kept or can be from now on; else NULL.
 *
 * The caller's privileges and the version are checked when it is made, and again
 * when anything has changed that they depend on.  Nothing but PostgreSQL's own
 * index and table access runs in it, so it does not act as the ledger's owner.  It
 * is not worth it for one call, so the first is none.
 */
Ledger *
query_call_resume(QuerySite *site, FmgrInfo *call_site, const LedgerTable *tables, int ntables,
				  const char *column)
{
	bool		may = may_keep(call_site);

	if (site->call != NULL && (!may || !is_current(site->call)))
	{
		if (site->call->owner != CurrentResourceOwner)
			return NULL;
		MemoryContextDelete(site->call->call->context);
	}
	if (site->call == NULL)
	{
		bool		is_worth_it = site->was_called;

		site->was_called = true;
		if (may && is_worth_it && site->refused_at != ledger_changes() + 1)
			keep_call(site, call_site, tables, ntables, column);
	}
	if (site->call == NULL)
		return NULL;
	engine_call_push(site->call->call);
	return &site->call->call->reader;
}

/* query_call_suspend: at the end of a call that was resumed. */
void
query_call_suspend(void)
{
	engine_call_pop();
}
