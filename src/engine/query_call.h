/*
 * query_call.h
 *	  A reading engine call that is kept for as long as a query runs.
 */
#ifndef REGPAYDB_QUERY_CALL_H
#define REGPAYDB_QUERY_CALL_H

#include "fmgr.h"

#include "ledger/ledger.h"

struct QueryCall;

/* For a call site's fn_extra; zero at first. */
typedef struct QuerySite
{
	struct QueryCall *call;		/* NULL while none is kept */
	bool		was_called;
	uint64		refused_at;		/* changes seen when it could not be kept, + 1 */
	MemoryContextCallback callback;
} QuerySite;

extern void query_call_init(void);
extern Ledger *query_call_resume(QuerySite *site, FmgrInfo *call_site,
								 const LedgerTable *tables, int ntables, const char *column);
extern void query_call_suspend(void);

#endif							/* REGPAYDB_QUERY_CALL_H */
