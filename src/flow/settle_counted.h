/*
 * settle_counted.h
 *	  Whether an invoice counts payments already.
 */
#ifndef REGPAYDB_SETTLE_COUNTED_H
#define REGPAYDB_SETTLE_COUNTED_H

#include "ledger/model.h"

/* Payments of one invoice that were inserted, to be settled. */
typedef struct SettleAdded
{
	int64		amount;
	int64		npayments;
	int64		first_id;
	int64		last_id;
} SettleAdded;

extern void settle_add(SettleAdded *added, const PaymentRow *payment);
extern bool settle_is_counted(Ledger *ledger, const InvoiceRow *invoice,
							  const SettleAdded *added, PaymentTotals *totals);

#endif							/* REGPAYDB_SETTLE_COUNTED_H */
