/*
 * snapshot_mark.h
 *	  Whether what was read is what reading it again would show.
 */
#ifndef REGPAYDB_SNAPSHOT_MARK_H
#define REGPAYDB_SNAPSHOT_MARK_H

#include "utils/snapshot.h"

/* What the active snapshot showed.  Zero for nothing yet. */
typedef struct SnapshotMark
{
	TransactionId xmax;
	uint32		xcnt;
	int32		subxcnt;
	uint64		running;		/* which these are, as a hash */
	CommandId	command;
	uint64		ended;
} SnapshotMark;

extern void snapshot_mark_init(void);
extern bool snapshots_show_the_same(Snapshot first, Snapshot second);
extern bool snapshot_mark_is_current(const SnapshotMark *mark);
extern void set_snapshot_mark(SnapshotMark *mark);

#endif							/* REGPAYDB_SNAPSHOT_MARK_H */
