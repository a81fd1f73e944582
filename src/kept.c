/*
 * kept.c
 *	  For how long a call site may keep what it has read: for as long as reading
 *	  it again would show the same.  PL/pgSQL keeps call sites for longer than a
 *	  statement.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/snapmgr.h"

#include "kept.h"

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

/* kept_init: when the library is loaded. */
void
kept_init(void)
{
	RegisterSubXactCallback(subtransaction_ended, NULL);
}

/* kept_is_current: whether the active snapshot shows what was seen then. */
bool
kept_is_current(const KeptFor *kept)
{
	Snapshot	snapshot = GetActiveSnapshot();

	return kept->xmax == snapshot->xmax &&
		kept->completed == snapshot->snapXactCompletionCount &&
		kept->command == snapshot->curcid &&
		kept->rollbacks == rollbacks;
}

/* kept_set: remember what the active snapshot shows. */
void
kept_set(KeptFor *kept)
{
	Snapshot	snapshot = GetActiveSnapshot();

	kept->xmax = snapshot->xmax;
	kept->completed = snapshot->snapXactCompletionCount;
	kept->command = snapshot->curcid;
	kept->rollbacks = rollbacks;
}
