/*
 * settle.h
 *	  The life of money: every operation ends here.
 */
#ifndef REGPAYDB_SETTLE_H
#define REGPAYDB_SETTLE_H

#include "compat.h"
#include "rows.h"

/* A payment that somebody inserted and that is to be settled. */
typedef struct NewPayment
{
	int64		invoice_id;
	int64		payment_id;
	int64		amount;
	ItemPointerData invoice_tid;	/* where its row was, if that is known */
	bool		engine_kind;	/* of a kind that only the engine makes */
	bool		other_time;		/* not of the time of its transaction */
	bool		has_cart;		/* the invoice may bill a cart */
} NewPayment;

/* Payments of one invoice that were inserted, to be settled. */
typedef struct SettleAdded
{
	int64		amount;
	int64		npayments;
	int64		first_id;
	int64		last_id;
} SettleAdded;

/* Raises an error where an invoice must not take a payment. */
typedef void (*SettleCheck) (Ledger *ledger, const InvoiceRow *invoice);

extern void settle_new_payments(Ledger *ledger, NewPayment *payments, int64 npayments);
extern bool settle_lock_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *invoice);
extern bool settle_is_contended(Ledger *ledger, int64 invoice_id);
extern bool settle_peek_invoice(Ledger *ledger, int64 invoice_id, ItemPointer tid,
								InvoiceRow *invoice);
extern bool settle_payment(Ledger *ledger, const InvoiceRow *invoice,
						   const PaymentRow *payment, SettleCheck check,
						   int64 credit_owner);
extern bool settle_is_surely_new(const InvoiceRow *invoice, int64 payment_id);
extern bool settle_is_counted(Ledger *ledger, const InvoiceRow *invoice,
							  const SettleAdded *added, PaymentTotals *totals);
extern bool settle_added(Ledger *ledger, const InvoiceRow *invoice, const SettleAdded *added,
						 const PaymentTotals *totals, int64 credit_owner);
pg_noreturn extern void settle_refuse(Ledger *ledger, InvoiceRefusal refusal,
									  const InvoiceRow *invoice);
extern InvoiceStatus settle_afresh(Ledger *ledger, const InvoiceRow *invoice);
extern bool settle_refund(Ledger *ledger, const InvoiceRow *invoice, text *reason,
						  int64 *credit_note_id);
extern void settle_void(Ledger *ledger, const InvoiceRow *invoice, text *reason);
extern int64 settle_application(Ledger *ledger, const InvoiceRow *invoice,
								const CreditNoteRow *note);
extern int64 settle_new_invoice(Ledger *ledger, int64 attendee_id, const CartRow *cart,
								text *recipient, Interval *due,
								const LineItemRow *lines, int nlines);
extern void settle_with_credit(Ledger *ledger, int64 invoice_id);

#endif							/* REGPAYDB_SETTLE_H */
