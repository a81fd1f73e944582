/*
 * snapshot_mark.c
 *	  For how long a call site may keep what it has read: for as long as reading
 *	  it again would show the same.  PL/pgSQL keeps call sites for longer than a
 *	  statement.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/snapmgr.h"

#include "ledger/snapshot_mark.h"

/*
 * A snapshot does not tell that its own transaction has taken something back:
 * the number of the next command stays the same, and so does all else where the
 * isolation level has one snapshot for the whole transaction.
 */
static uint64 rollbacks;

static void
subtransaction_ended(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		rollbacks++;
}

/* snapshot_mark_init: when the library is loaded. */
void
snapshot_mark_init(void)
{
	RegisterSubXactCallback(subtransaction_ended, NULL);
}

/* snapshot_mark_is_current: whether the active snapshot shows what was seen then. */
bool
snapshot_mark_is_current(const SnapshotMark *mark)
{
	Snapshot	snapshot = GetActiveSnapshot();

	return mark->xmax == snapshot->xmax &&
		mark->completed == snapshot->snapXactCompletionCount &&
		mark->command == snapshot->curcid &&
		mark->rollbacks == rollbacks;
}

/* set_snapshot_mark: remember what the active snapshot shows. */
void
set_snapshot_mark(SnapshotMark *mark)
{
	Snapshot	snapshot = GetActiveSnapshot();

	mark->xmax = snapshot->xmax;
	mark->completed = snapshot->snapXactCompletionCount;
	mark->command = snapshot->curcid;
	mark->rollbacks = rollbacks;
}
