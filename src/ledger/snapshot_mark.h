/*
 * snapshot_mark.h
 *	  For how long a call site may keep what it has read.
 */
#ifndef REGPAYDB_SNAPSHOT_MARK_H
#define REGPAYDB_SNAPSHOT_MARK_H

#include "postgres.h"

/* What the rows that were read were seen by.  Zero for nothing yet. */
typedef struct SnapshotMark
{
	TransactionId xmax;
	uint64		completed;
	CommandId	command;
	uint64		rollbacks;
} SnapshotMark;

extern void snapshot_mark_init(void);
extern bool snapshot_mark_is_current(const SnapshotMark *mark);
extern void set_snapshot_mark(SnapshotMark *mark);

#endif							/* REGPAYDB_SNAPSHOT_MARK_H */
