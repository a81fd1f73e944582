/*
 * bill.c
 *	  New invoices: what their lines add up to, and the credit that they take.
 */
#include "postgres.h"

#include "common/int.h"
#include "miscadmin.h"

#include "base/errors.h"
#include "base/money.h"
#include "flow/bill.h"
#include "flow/settle.h"
#include "rows/credit_note_rows.h"
#include "rows/invoice_rows.h"
#include "rows/outbox_rows.h"

/*
 * value_of_lines
 *		What lines add up to, in minor units.  Raises RP003 where that is less than
 *		zero or too much.
 */
int64
value_of_lines(const LineItemRow *lines, int nlines, int decimals)
{
	int64		limit = money_max(decimals);
	int64		value = 0;
	int64		amount;
	bool		overflow = false;

	for (int i = 0; i < nlines && !overflow; i++)
		overflow = pg_mul_s64_overflow(lines[i].price, lines[i].quantity, &amount) ||
			pg_add_s64_overflow(value, amount, &value);
	if (overflow || value > limit)
		ereport(ERROR,
				(errcode(RP_INVALID_AMOUNT),
				 errmsg("the lines of the invoice add up to too much"),
				 errdetail("The ledger holds amounts up to %s.", money_to_cstring(limit, decimals)),
				 errhint("Check prices and quantities.")));
	if (value < 0)
		ereport(ERROR,
				(errcode(RP_INVALID_AMOUNT),
				 errmsg("the lines of the invoice add up to less than zero"),
				 errdetail("They add up to %s.", money_to_cstring(value, decimals)),
				 errhint("A discount can't be larger than what it is given on.")));
	return value;
}

/*
 * settle_new_invoice
 *		Make an invoice with its lines; one of value zero is paid at once.
 *		Returns its id.
 */
int64
settle_new_invoice(Ledger *ledger, const NewInvoice *bill)
{
	const CartRow *cart = bill->cart;
	InvoiceRow	invoice = {
		.locked = true,
		.attendee_id = bill->attendee_id,
		.has_cart = cart != NULL,
		.cart_id = cart == NULL ? 0 : cart->cart_id,
		.cart_revision = cart == NULL ? 0 : cart->revision,
		.is_successor = bill->predecessor != NULL,
		.replaces = bill->predecessor == NULL ? 0 : bill->predecessor->invoice_id,
		.state = {
			.status = INVOICE_UNPAID,
			.value = value_of_lines(bill->lines, bill->nlines, ledger->decimals),
			.limit = money_max(ledger->decimals),
		},
	};
	SettleAdded no_payments = {0};
	PaymentTotals not_added_up = {0};

	invoice.invoice_id = row_insert_invoice(ledger, &invoice, bill->recipient, bill->due);
	for (int i = 0; i < bill->nlines; i++)
		row_insert_line(ledger, invoice.invoice_id, &bill->lines[i]);
	row_log_invoice(ledger, OUTBOX_INVOICE_CREATED, invoice.invoice_id, NULL, INVOICE_UNPAID);
	if (invoice.state.value == 0)
		settle_added(ledger, &invoice, &no_payments, &not_added_up, bill->attendee_id);
	return invoice.invoice_id;
}

/*
 * settle_with_credit
 *		Let a new invoice take its attendee's unclaimed notes, oldest first,
 *		until it is paid, if it is her only unpaid one.
 *
 * The attendee is locked, so that no other invoice of hers takes her notes meanwhile.
 * (cancellation_fee() makes one without that, and pays it in the same transaction.)
 */
void
settle_with_credit(Ledger *ledger, int64 invoice_id)
{
	InvoiceRow	invoice;
	CreditNoteRow note;

	while (settle_lock_invoice(ledger, invoice_id, &invoice) &&
		   invoice.state.status == INVOICE_UNPAID &&
		   row_takes_credit(ledger, &invoice))
	{
		CHECK_FOR_INTERRUPTS();

		/*
		 * Another session may have claimed it, and left a new one: look
		 * again.
		 */
		if (row_lock_oldest_credit_note(ledger, invoice.attendee_id, &note))
			settle_application(ledger, &invoice, &note, NULL);
	}
}
