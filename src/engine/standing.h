/*
 * standing.h
 *	  A reading engine call that stands for as long as a query runs.
 */
#ifndef REGPAYDB_STANDING_H
#define REGPAYDB_STANDING_H

#include "postgres.h"

#include "fmgr.h"
#include "lib/ilist.h"
#include "utils/resowner.h"
#include "utils/snapshot.h"

#include "engine/engine.h"

/* For a call site's fn_extra; zero at first. */
typedef struct StandingCall
{
	EngineScope scope;
	bool		is_open;
	dlist_node	node;			/* of the list of those that are */
	bool		was_called;
	uint64		refused_at;		/* changes seen when it could not be opened, + 1 */
	MemoryContextCallback callback;

	/* What it was opened for. */
	ResourceOwner owner;
	Snapshot	snapshot;
	Oid			caller;
	uint64		changes;
} StandingCall;

extern void standing_init(void);
extern Ledger *standing_resume(StandingCall *call, FmgrInfo *call_site,
							   const LedgerTable *tables, int ntables, const char *column);
extern void standing_suspend(StandingCall *call);

#endif							/* REGPAYDB_STANDING_H */
