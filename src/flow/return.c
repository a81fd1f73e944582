/*
 * return.c
 *	  Lines of a paid invoice that are returned, while the others stay paid for.
 *
 * The invoice is refunded as ever; but what remains of its cart goes to another cart
 * at once, and its lines to a successor, which the note pays for.
 *
 * Spec section 9.
 */
#include "postgres.h"

#include "base/errors.h"
#include "base/money.h"
#include "flow/bill.h"
#include "flow/find.h"
#include "flow/return.h"
#include "flow/settle.h"
#include "flow/successor.h"
#include "ledger/catalog.h"
#include "rows/attendee_rows.h"
#include "rows/cart_rows.h"
#include "rows/invoice_rows.h"

/* What to do with an invoice of which nothing can be returned. */
static const char *
instead_of_return(const InvoiceRow *invoice)
{
	if (invoice->state.status != INVOICE_UNPAID)
		return "What became of it, and whether another one replaces it, is in regpaydb.invoice_document().";
	if (invoice->has_cart)
		return "What is not paid for yet is changed in the cart.";
	return "Void it, or refund what was paid on it, and make another one.";
}

/* Raise RP008 for an invoice of which nothing can be returned. */
static void
check_paid(const InvoiceRow *invoice)
{
	if (invoice->state.status != INVOICE_PAID)
		ereport(ERROR,
				(errcode(RP_INVALID_STATE),
				 errmsg("invoice " INT64_FORMAT " is %s", invoice->invoice_id,
						invoice_status_names[invoice->state.status]),
				 errdetail("Items of a paid invoice can be returned."),
				 errhint("%s", instead_of_return(invoice))));
}

/* Raise RP003 where what remains is worth more than the invoice: discounts are gone. */
static void
check_value(Ledger *ledger, const InvoiceRow *invoice, const Successor *successor)
{
	int64		value = value_of_lines(successor->lines, successor->nlines, ledger->decimals);

	if (value > invoice->state.value)
		ereport(ERROR,
				(errcode(RP_INVALID_AMOUNT),
				 errmsg("what is returned adds up to less than zero"),
				 errdetail("The invoice comes to %s, and what remains of it to %s.",
						   money_to_cstring(invoice->state.value, ledger->decimals),
						   money_to_cstring(value, ledger->decimals)),
				 errhint("Return a discount together with what it was given on.")));
}

/* The successor, unpaid unless its value is zero. */
static void
bill_successor(Ledger *ledger, const InvoiceRow *predecessor, const Successor *successor,
			   InvoiceRow *invoice)
{
	Interval	at_once = {0};
	AttendeeRow attendee;
	CartRow		cart;
	NewInvoice	bill = {
		.attendee_id = predecessor->attendee_id,
		.predecessor = predecessor,
		.due = &at_once,
		.lines = successor->lines,
		.nlines = successor->nlines
	};

	if (!row_attendee(ledger, predecessor->attendee_id, &attendee))
		not_found("attendee", predecessor->attendee_id);
	bill.recipient = attendee.recipient;
	if (predecessor->has_cart)
	{
		if (!row_cart(ledger, successor->cart_id, &cart))
			not_found("cart", successor->cart_id);
		bill.cart = &cart;
	}
	lock_invoice(ledger, settle_new_invoice(ledger, &bill), invoice);
}

/*
 * Raise 09000 where triggers of users' have made something else of the successor: then
 * nothing may be left of the return.
 */
static void
check_successor(Ledger *ledger, const InvoiceRow *predecessor, const Successor *successor,
				int64 invoice_id)
{
	InvoiceRow	invoice;

	if (row_invoice(ledger, invoice_id, &invoice) && invoice.state.status == INVOICE_PAID &&
		invoice.is_successor && invoice.replaces == predecessor->invoice_id &&
		invoice.attendee_id == predecessor->attendee_id &&
		invoice.has_cart == predecessor->has_cart &&
		(!invoice.has_cart || (invoice.cart_id == successor->cart_id &&
							   successor_cart_is_sound(ledger, predecessor, successor))))
		return;
	ereport(ERROR,
			(errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
			 errmsg("what remains of invoice " INT64_FORMAT " was changed while items were returned",
					predecessor->invoice_id),
			 errdetail("A trigger changed its successor, or the successor's cart."),
			 errhint("Triggers on a ledger's tables must let the engine's rows pass.")));
}

/*
 * return_lines
 *		Take lines of a locked invoice back.  What is left over is a credit note, whose
 *		id goes to credit_note_id; false where there is none.
 *
 * Raises RP002, RP003, RP008, 09000.  reason may be NULL.
 */
bool
return_lines(Ledger *ledger, const InvoiceRow *invoice, const ReturnedLine *returned,
			 int nreturned, text *reason, int64 *credit_note_id)
{
	int			nlines;
	LineItemRow *lines = row_invoice_lines(ledger, invoice->invoice_id, &nlines);
	Successor	successor;
	InvoiceRow	bill;
	CreditNoteRow note;
	bool		has_note;

	check_paid(invoice);
	find_successor(invoice, lines, nlines, returned, nreturned, &successor);
	if (successor.nlines == 0)
		return settle_refund(ledger, invoice, reason, credit_note_id);

	check_value(ledger, invoice, &successor);
	has_note = settle_return(ledger, invoice, reason, &successor, credit_note_id);
	bill_successor(ledger, invoice, &successor, &bill);
	if (bill.state.status == INVOICE_UNPAID)
	{
		lock_unclaimed_note(ledger, *credit_note_id, &note);
		(void) settle_application(ledger, &bill, &note, credit_note_id);
		has_note = note.value > bill.state.value;
	}
	check_successor(ledger, invoice, &successor, bill.invoice_id);
	return has_note;
}
