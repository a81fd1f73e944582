/*
 * bill.h
 *	  New invoices.
 */
#ifndef REGPAYDB_BILL_H
#define REGPAYDB_BILL_H

#include "ledger/model.h"

/* cart and predecessor are NULL for none; a cart is locked, and tells when it is due. */
typedef struct NewInvoice
{
	int64		attendee_id;
	const CartRow *cart;
	const InvoiceRow *predecessor;
	text	   *recipient;
	Interval   *due;			/* after how long, without a cart */
	const LineItemRow *lines;
	int			nlines;
} NewInvoice;

extern int64 value_of_lines(const LineItemRow *lines, int nlines, int decimals);
extern int64 settle_new_invoice(Ledger *ledger, const NewInvoice *bill);
extern void settle_with_credit(Ledger *ledger, int64 invoice_id);

#endif							/* REGPAYDB_BILL_H */
