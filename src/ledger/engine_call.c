/*
 * engine_call.c
 *	  The engine calls that are running.
 *
 * A user's trigger, or an expression in a table, may call the engine again from
 * within a call, and may catch an error of that inner call.  The calls that such
 * an error has ended leave the stack as their subtransaction does, so that the
 * call on top is always the one that is running.  What they had open is released by their
 * resource owner, and who they acted as is restored, as everywhere.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/memutils.h"

#include "ledger/engine_call.h"

EngineCall *engine_call;

/* Forget the calls that began at this nesting level of transactions, or deeper. */
static void
unwind(int nest_level)
{
	while (engine_call != NULL && engine_call->nest_level >= nest_level)
		engine_call_pop();
}

static void
transaction_ended(XactEvent event, void *arg)
{
	if (event != XACT_EVENT_PRE_COMMIT && event != XACT_EVENT_PRE_PREPARE &&
		event != XACT_EVENT_PARALLEL_PRE_COMMIT)
		unwind(0);
}

static void
subtransaction_ended(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		unwind(GetCurrentTransactionNestLevel());
}

/* engine_call_init: when the library is loaded. */
void
engine_call_init(void)
{
	RegisterXactCallback(transaction_ended, NULL);
	RegisterSubXactCallback(subtransaction_ended, NULL);
}

/*
 * engine_call_new
 *		A call of the ledger, not on the stack yet.  Its memory is the
 *		transaction's, so that unwinding finds it whatever else is gone.
 */
EngineCall *
engine_call_new(Ledger *ledger)
{
	EngineCall *call = MemoryContextAlloc(TopTransactionContext, sizeof(EngineCall));

	memset(call, 0, offsetof(EngineCall, reader));
	call->ledger = ledger;
	call->caller_context = call->parent = CurrentMemoryContext;
	return call;
}

/* engine_call_push: the call is the innermost one from now on. */
void
engine_call_push(EngineCall *call)
{
	call->outer = engine_call;
	call->nest_level = GetCurrentTransactionNestLevel();
	engine_call = call;
}

/* engine_call_pop: the innermost call has ended, or is suspended. */
void
engine_call_pop(void)
{
	EngineCall *call = engine_call;

	engine_call = call->outer;
	if (!call->is_kept)
		pfree(call);
}

/* engine_is_writing: whether the engine itself is writing this row just now. */
bool
engine_is_writing(Oid relid, int64 id)
{
	return engine_call != NULL && engine_call->writing.relid == relid &&
		engine_call->writing.id == id;
}

/*
 * engine_has_written
 *		The guard has let the engine's row pass: from now on a change of it is
 *		somebody else's.
 */
void
engine_has_written(void)
{
	if (!engine_call->writing.many)
		engine_call->writing.relid = InvalidOid;
}
