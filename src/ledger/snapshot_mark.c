/*
 * snapshot_mark.c
 *	  Whether what was read is what reading it again would show.
 *
 * Of the transactions before a snapshot's xmax, those that run can only become
 * fewer: so two snapshots with the same xmax, and as many that run, show the same
 * of others.  Of its own transaction a snapshot shows what was written before a
 * certain command.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/snapmgr.h"

#include "ledger/snapshot_mark.h"

/*
 * How many transactions and subtransactions of this session have ended.  A
 * snapshot does not tell that its own transaction has taken something back, nor
 * which command of which transaction it is of.  PL/pgSQL keeps call sites for
 * longer than either.
 */
static uint64 ended;

static void
transaction_ended(XactEvent event, void *arg)
{
	ended++;
}

static void
subtransaction_ended(SubXactEvent event, SubTransactionId id, SubTransactionId parent, void *arg)
{
	if (event == SUBXACT_EVENT_ABORT_SUB)
		ended++;
}

/* snapshot_mark_init: when the library is loaded. */
void
snapshot_mark_init(void)
{
	RegisterXactCallback(transaction_ended, NULL);
	RegisterSubXactCallback(subtransaction_ended, NULL);
}

/*
 * snapshots_show_the_same
 *		Whether two snapshots of one transaction, none of whose subtransactions
 *		has been rolled back in between, show the same rows.
 */
bool
snapshots_show_the_same(Snapshot first, Snapshot second)
{
	return first->xmax == second->xmax && first->xcnt == second->xcnt &&
		first->subxcnt == second->subxcnt && first->curcid == second->curcid;
}

/* snapshot_mark_is_current: whether the active snapshot shows what was seen then. */
bool
snapshot_mark_is_current(const SnapshotMark *mark)
{
	Snapshot	snapshot = GetActiveSnapshot();

	return mark->xmax == snapshot->xmax && mark->xcnt == snapshot->xcnt &&
		mark->subxcnt == snapshot->subxcnt && mark->command == snapshot->curcid &&
		mark->ended == ended;
}

/* set_snapshot_mark: remember what the active snapshot shows. */
void
set_snapshot_mark(SnapshotMark *mark)
{
	Snapshot	snapshot = GetActiveSnapshot();

	mark->xmax = snapshot->xmax;
	mark->xcnt = snapshot->xcnt;
	mark->subxcnt = snapshot->subxcnt;
	mark->command = snapshot->curcid;
	mark->ended = ended;
}
