/*
 * kept.h
 *	  For how long a call site may keep what it has read.
 */
#ifndef REGPAYDB_KEPT_H
#define REGPAYDB_KEPT_H

#include "postgres.h"

/* What the rows that were read were seen by.  Zero for nothing yet. */
typedef struct KeptFor
{
	TransactionId xmax;
	uint64		completed;
	CommandId	command;
	uint64		rollbacks;
} KeptFor;

extern void kept_init(void);
extern bool kept_is_current(const KeptFor *kept);
extern void kept_set(KeptFor *kept);

#endif							/* REGPAYDB_KEPT_H */
