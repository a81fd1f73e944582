/*
 * settle_batch.h
 *	  All payments of a statement.
 */
#ifndef REGPAYDB_SETTLE_BATCH_H
#define REGPAYDB_SETTLE_BATCH_H

#include "ledger/model.h"

/* A payment that somebody inserted and that is to be settled. */
typedef struct NewPayment
{
	int64		invoice_id;
	int64		payment_id;
	int64		amount;
	bool		engine_kind;	/* of a kind that only the engine makes */
	bool		other_time;		/* not of the time of its transaction */
	bool		without_actor;	/* asks who acts, which is not known here */
} NewPayment;

extern void settle_new_payments(Ledger *ledger, NewPayment *payments, int64 npayments);

#endif							/* REGPAYDB_SETTLE_BATCH_H */
