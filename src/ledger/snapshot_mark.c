/*
 * snapshot_mark.c
 *	  Whether what was read is what reading it again would show.
 *
 * Of other transactions a snapshot shows those before its xmax, but for those that
 * it has as running: so two with the same xmax and the same list show the same.  As
 * many do not suffice, for one that is being prepared is there twice for a while, as
 * itself and as what it becomes.  Of its own transaction a snapshot shows what was
 * written before a certain command.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
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

static bool
same_ids(const TransactionId *left, const TransactionId *right, int n)
{
	return n == 0 || memcmp(left, right, n * sizeof(TransactionId)) == 0;
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
		first->subxcnt == second->subxcnt && first->curcid == second->curcid &&
		same_ids(first->xip, second->xip, first->xcnt) &&
		same_ids(first->subxip, second->subxip, first->subxcnt);
}

/* What stands for the transactions that a snapshot has as running. */
static uint64
hash_of_running(Snapshot snapshot)
{
	uint64		hash = hash_bytes_extended((unsigned char *) snapshot->xip,
										   snapshot->xcnt * sizeof(TransactionId), 0);

	return hash_bytes_extended((unsigned char *) snapshot->subxip,
							   snapshot->subxcnt * sizeof(TransactionId), hash);
}

static SnapshotMark
mark_of(Snapshot snapshot)
{
	return (SnapshotMark)
	{
		snapshot->xmax, snapshot->xcnt, snapshot->subxcnt, hash_of_running(snapshot),
		snapshot->curcid, ended
	};
}

/* snapshot_mark_is_current: whether the active snapshot shows what was seen then. */
bool
snapshot_mark_is_current(const SnapshotMark *mark)
{
	SnapshotMark now = mark_of(GetActiveSnapshot());

	return mark->xmax == now.xmax && mark->xcnt == now.xcnt && mark->subxcnt == now.subxcnt &&
		mark->running == now.running && mark->command == now.command && mark->ended == now.ended;
}

/* set_snapshot_mark: remember what the active snapshot shows. */
void
set_snapshot_mark(SnapshotMark *mark)
{
	*mark = mark_of(GetActiveSnapshot());
}
