/*
 * bill.h
 *	  New invoices.
 */
#ifndef REGPAYDB_BILL_H
#define REGPAYDB_BILL_H

#include "ledger/model.h"

extern int64 settle_new_invoice(Ledger *ledger, int64 attendee_id, const CartRow *cart,
								text *recipient, Interval *due,
								const LineItemRow *lines, int nlines);
extern void settle_with_credit(Ledger *ledger, int64 invoice_id);

#endif							/* REGPAYDB_BILL_H */
