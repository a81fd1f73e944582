/*
 * standing.c
 *	  A reading engine call that stands for as long as a query runs: a function
 *	  that is called for every row keeps its tables open, as a query does with
 *	  those that it reads itself.
 *
 * It holds what the query's resource owner accounts for, so it has to end when
 * that does, at the latest.  A call may stand only where its call site lives in
 * the executor state of the active portal's own query.  Then ExecutorEnd frees
 * that state, and closes what is open, while the portal's resource owner is the
 * current one.  Where an error ends the query there is no ExecutorEnd: the
 * resource owner releases all that is open, and the memory may go before that
 * or, if the portal is an older one than the subtransaction that it failed in,
 * long after.  So the call is told when its resource owner is released.  Other
 * call sites, such as those of PL/pgSQL's expressions, live for longer than what
 * they open may: for them every call is one of its own.
 *
 * Like a query that is running, it keeps its own session from altering the
 * tables (55006).
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/execdesc.h"
#include "miscadmin.h"
#include "nodes/execnodes.h"
#include "tcop/pquery.h"
#include "utils/memutils.h"
#include "utils/portal.h"
#include "utils/snapmgr.h"

#include "engine/standing.h"

/*
 * The calls that are open, each from open_call() until its resource owner or its
 * memory goes, whichever is first.
 */
static dlist_head open_calls = DLIST_STATIC_INIT(open_calls);

/* Told of every resource owner that is released, which is the current one then. */
static void
resources_released(ResourceReleasePhase phase, bool is_commit, bool is_top_level, void *arg)
{
	dlist_mutable_iter iter;

	if (phase != RESOURCE_RELEASE_BEFORE_LOCKS)
		return;
	dlist_foreach_modify(iter, &open_calls)
	{
		StandingCall *call = dlist_container(StandingCall, node, iter.cur);

		if (call->owner != CurrentResourceOwner)
			continue;
		dlist_delete(&call->node);
		call->is_open = false;
	}
}

/* standing_init: when the library is loaded. */
void
standing_init(void)
{
	RegisterResourceReleaseCallback(resources_released, NULL);
}

/*
 * Whether a call may stand at this call site until the query ends.
 *
 * In a subtransaction of the portal's it may not: tables and indexes may have
 * been made there, and vanish with it while the portal lives on.
 */
static bool
may_stand(FmgrInfo *call_site)
{
	Portal		portal = ActivePortal;
	QueryDesc  *query = portal == NULL ? NULL : portal->queryDesc;

	return query != NULL && query->estate != NULL &&
		query->estate->es_query_cxt == call_site->fn_mcxt &&
		query->snapshot == GetActiveSnapshot() &&
		portal->resowner == CurrentResourceOwner &&
		portal->createSubid == GetCurrentSubTransactionId();
}

/*
 * The memory context of what is open goes.  Where its resource owner is there
 * still, but is not the current one, there was an error, and it is about to
 * release the rest.
 */
static void
close_call(void *arg)
{
	StandingCall *call = arg;

	if (!call->is_open)
		return;
	dlist_delete(&call->node);
	call->is_open = false;
	if (call->owner == CurrentResourceOwner)
		direct_close(&call->scope.direct);
}

static bool
is_current(const StandingCall *call)
{
	return call->owner == CurrentResourceOwner &&
		call->snapshot == GetActiveSnapshot() &&
		call->caller == GetUserId() &&
		call->changes == ledger_changes() &&
		ledger_is_of_setting(&call->scope.reader);
}

/*
 * Begin a call as any other, open the tables, and leave it as it is; false where
 * SQL would have to read one of them.
 */
static bool
open_call(StandingCall *call, FmgrInfo *call_site, const LedgerTable *tables, int ntables,
		  const char *column)
{
	uint64		changes = ledger_changes();
	DirectScope *direct = &call->scope.direct;
	Ledger	   *ledger = engine_begin_read(&call->scope, tables[0], column, ACL_SELECT);
	bool		is_direct = true;

	direct->parent = call_site->fn_mcxt;
	for (int i = 0; i < ntables && is_direct; i++)
		is_direct = direct_open(ledger, tables[i], DIRECT_READ) != NULL;
	if (!is_direct || direct->connected)
	{
		/* Finding the version out took SQL: then not now. */
		call->refused_at = is_direct ? 0 : changes + 1;
		engine_end(&call->scope);
		return false;
	}
	engine_leave(&call->scope);
	direct->steady = true;
	call->owner = CurrentResourceOwner;
	call->snapshot = GetActiveSnapshot();
	call->caller = GetUserId();
	call->changes = changes;
	call->callback.func = close_call;
	call->callback.arg = call;
	MemoryContextRegisterResetCallback(direct->context, &call->callback);
	dlist_push_head(&open_calls, &call->node);
	call->is_open = true;
	return true;
}

/*
 * standing_resume
 *		As engine_begin_read, for rows of the given tables and a privilege on the
 *		first one's column, where the call stands or can from now on; else NULL.
 *
 * The caller's privileges and the version are checked when it is opened, and
 * again when anything has changed that they depend on.  Nothing but
 * PostgreSQL's own index and table access runs in it, so it does not act as the
 * ledger's owner.  It is not worth it for one call, so the first is none.
 */
Ledger *
standing_resume(StandingCall *call, FmgrInfo *call_site, const LedgerTable *tables, int ntables,
				const char *column)
{
	bool		may = may_stand(call_site);

	if (call->is_open && (!may || !is_current(call)))
	{
		if (call->owner != CurrentResourceOwner)
			return NULL;
		MemoryContextDelete(call->scope.direct.context);
	}
	if (!call->is_open)
	{
		if (!may || !call->was_called || call->refused_at == ledger_changes() + 1)
		{
			call->was_called = true;
			return NULL;
		}
		if (!open_call(call, call_site, tables, ntables, column))
			return NULL;
	}
	direct_resume(&call->scope.direct);
	return &call->scope.reader;
}

/* standing_suspend: at the end of a call that was resumed. */
void
standing_suspend(StandingCall *call)
{
	direct_suspend(&call->scope.direct);
}
