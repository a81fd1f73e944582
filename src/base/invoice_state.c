/*
 * invoice_state.c
 *	  The state machine of an invoice: given its row and what happens to it,
 *	  the verdict on what it becomes.  Spec section 4.
 */
#include "base/invoice_state.h"

#include "common/int.h"

static InvoiceStatus
next_status(const InvoiceState *invoice, int64 paid, int64 payment_count)
{
	switch (invoice->status)
	{
		case INVOICE_UNPAID:
			if (invoice->unsellable)
				return INVOICE_VOID;
			if (paid >= invoice->value)
				return INVOICE_PAID;
			if (paid == 0 && payment_count > 0)
				return INVOICE_VOID;
			return INVOICE_UNPAID;
		case INVOICE_PAID:
			return paid < invoice->value ? INVOICE_REFUNDED : INVOICE_PAID;
		case INVOICE_REFUNDED:
		case INVOICE_VOID:
			break;
	}
	return invoice->status;
}

static CartAction
cart_action(InvoiceStatus before, InvoiceStatus after)
{
	if (before == after)
		return CART_UNCHANGED;
	if (after == INVOICE_PAID)
		return CART_PAY;
	/* Only a cart that was paid for is released: spec section 4. */
	return before == INVOICE_PAID ? CART_RELEASE : CART_UNCHANGED;
}

/* Count the payments, and the credit note if there is one. */
static InvoiceRefusal
count_payments(int64 payment_count, InvoiceVerdict *verdict)
{
	return pg_add_s64_overflow(payment_count, verdict->credit > 0 ? 1 : 0,
							   &verdict->payment_count) ? INVOICE_TOO_LARGE : INVOICE_OK;
}

/*
 * invoice_state_settle
 *		Take payments that add up to amount into account.
 *
 * With no payments at all (0, 0) this brings the invoice to the state that
 * its row calls for, which is how a zero-value invoice is paid at once.
 * Refuses with INVOICE_OVERDRAWN or INVOICE_TOO_LARGE.
 */
InvoiceRefusal
invoice_state_settle(const InvoiceState *invoice, int64 amount, int64 payments,
					 InvoiceVerdict *verdict)
{
	int64		paid;
	int64		payment_count;

	if (pg_add_s64_overflow(invoice->paid, amount, &paid))
		return amount < 0 ? INVOICE_OVERDRAWN : INVOICE_TOO_LARGE;
	if (paid < 0)
		return INVOICE_OVERDRAWN;
	if (paid > invoice->limit ||
		pg_add_s64_overflow(invoice->payment_count, payments, &payment_count))
		return INVOICE_TOO_LARGE;

	verdict->status = next_status(invoice, paid, payment_count);
	verdict->cart = cart_action(invoice->status, verdict->status);

	switch (verdict->status)
	{
		case INVOICE_UNPAID:
			verdict->credit = 0;
			break;
		case INVOICE_PAID:
			verdict->credit = paid - invoice->value;
			break;
		case INVOICE_REFUNDED:
		case INVOICE_VOID:
			verdict->credit = paid;
			break;
	}

	verdict->paid = paid - verdict->credit;
	return count_payments(payment_count, verdict);
}

/*
 * invoice_state_refund
 *		Turn all that was paid into one credit note.
 *
 * Where nothing was paid, the invoice becomes void and there is no note.
 * Refuses with INVOICE_CLOSED what is refunded or void already, with
 * INVOICE_TOO_LARGE what has all the payments that can be counted.
 */
InvoiceRefusal
invoice_state_refund(const InvoiceState *invoice, InvoiceVerdict *verdict)
{
	if (invoice->status == INVOICE_REFUNDED || invoice->status == INVOICE_VOID)
		return INVOICE_CLOSED;
	if (invoice->paid == 0)
		return invoice_state_void(invoice, verdict);

	verdict->status = invoice->status == INVOICE_PAID ? INVOICE_REFUNDED : INVOICE_VOID;
	verdict->cart = cart_action(invoice->status, verdict->status);
	verdict->credit = invoice->paid;
	verdict->paid = 0;
	return count_payments(invoice->payment_count, verdict);
}

/*
 * invoice_state_void
 *		Void an invoice on which no money is.
 *
 * A void invoice stays as it is.  Refuses with INVOICE_CLOSED a refunded one,
 * with INVOICE_HAS_PAYMENTS one on which money is.
 */
InvoiceRefusal
invoice_state_void(const InvoiceState *invoice, InvoiceVerdict *verdict)
{
	if (invoice->status == INVOICE_REFUNDED)
		return INVOICE_CLOSED;
	if (invoice->paid != 0)
		return INVOICE_HAS_PAYMENTS;

	verdict->status = INVOICE_VOID;
	verdict->cart = cart_action(invoice->status, INVOICE_VOID);
	verdict->credit = 0;
	verdict->paid = 0;
	verdict->payment_count = invoice->payment_count;
	return INVOICE_OK;
}
