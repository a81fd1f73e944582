/*
 * invoice.c
 *	  Invoices: made, looked at, refunded and voided.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/timestamp.h"

#include "base/args.h"
#include "base/money.h"
#include "engine/actor.h"
#include "flow/bill.h"
#include "flow/find.h"
#include "flow/payable.h"
#include "flow/return.h"
#include "flow/settle.h"
#include "functions/lines.h"
#include "ledger/catalog.h"
#include "rows/attendee_rows.h"

/*
 * manual_invoice(attendee_id, due, lines) -> invoice_id
 *		Make an invoice with the given lines, due after the given time.
 *
 * lines is a jsonb array of {"description", "price", "quantity", "product_id"};
 * prices are in units of the ledger's currency.  An invoice of value zero is
 * paid at once; another one takes the attendee's credit notes, if it is her
 * only unpaid one.  Raises RP002, RP003, RP010, RP012, 22001, 22004, 22023, 42501.
 * Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_manual_invoice);
Datum
regpaydb_manual_invoice(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger = staff_begin(INVOICE, "value", ACL_INSERT);
	NewInvoice	bill = {.attendee_id = int8_arg(fcinfo, 0, "attendee_id")};
	int64		invoice_id;

	require_arg(fcinfo, 1, "due");
	require_arg(fcinfo, 2, "lines");
	bill.due = PG_GETARG_INTERVAL_P(1);
	bill.lines = parse_lines(ledger, PG_GETARG_JSONB_P(2), &bill.nlines);
	if (!row_lock_attendee(ledger, bill.attendee_id, &bill.recipient))
		not_found("attendee", bill.attendee_id);
	invoice_id = settle_new_invoice(ledger, &bill);
	settle_with_credit(ledger, invoice_id);
	engine_end();
	PG_RETURN_INT64(invoice_id);
}

/*
 * validate_allowed_to_pay(invoice_id) -> void
 *		Raise an error unless the invoice can be paid now.
 *
 * Raises RP001, RP002, RP004, RP005, RP012, 22004, 42501.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_validate_allowed_to_pay);
Datum
regpaydb_validate_allowed_to_pay(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger = engine_begin(INVOICE, "status", ACL_SELECT);
	InvoiceRow	invoice;

	find_invoice(ledger, int8_arg(fcinfo, 0, "invoice_id"), &invoice);
	check_payable(ledger, &invoice);
	engine_end();
	PG_RETURN_VOID();
}

/*
 * update_status(invoice_id) -> invoice_status
 *		Collect the invoice's payments afresh and bring it to the state that
 *		they call for.  Does nothing where the triggers did their work.
 *
 * Raises RP002, RP003, RP012, 22004, 42501.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_update_status);
Datum
regpaydb_update_status(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger = engine_begin(PAYMENT, "amount", ACL_INSERT);
	InvoiceRow	invoice;
	InvoiceStatus status;

	lock_invoice(ledger, int8_arg(fcinfo, 0, "invoice_id"), &invoice);
	status = settle_afresh(ledger, &invoice);
	engine_end();
	return DirectFunctionCall2(enum_in, CStringGetDatum(invoice_status_names[status]),
							   ObjectIdGetDatum(extension_type("invoice_status")));
}

/*
 * The invoice that a function which only reads is called for; returns how many
 * decimals its amounts have.
 */
static int
read_invoice_arg(FunctionCallInfo fcinfo, InvoiceRow *invoice)
{
	Ledger	   *ledger = engine_begin_read(INVOICE, "paid", ACL_SELECT);

	int			decimals = ledger->decimals;

	find_invoice(ledger, int8_arg(fcinfo, 0, "invoice_id"), invoice);
	engine_end();
	return decimals;
}

/*
 * total_payments(invoice_id) -> numeric
 *		What is paid on the invoice, in units of the ledger's currency; credit
 *		notes that came from it are taken off.
 *
 * Raises RP002, RP012, 22004, 42501.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_total_payments);
Datum
regpaydb_total_payments(PG_FUNCTION_ARGS)
{
	InvoiceRow	invoice;
	int			decimals = read_invoice_arg(fcinfo, &invoice);

	PG_RETURN_NUMERIC(money_to_numeric(invoice.state.paid, decimals));
}

/*
 * balance_due(invoice_id) -> numeric
 *		What remains to be paid, in units of the ledger's currency; nothing, for
 *		an invoice that is refunded or void.
 *
 * Raises RP002, RP012, 22004, 42501.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_balance_due);
Datum
regpaydb_balance_due(PG_FUNCTION_ARGS)
{
	InvoiceRow	invoice;
	int			decimals = read_invoice_arg(fcinfo, &invoice);

	if (invoice.state.status != INVOICE_UNPAID)
		PG_RETURN_NUMERIC(money_to_numeric(0, decimals));
	PG_RETURN_NUMERIC(money_to_numeric(invoice.state.value - invoice.state.paid, decimals));
}

/*
 * void_invoice(invoice_id, reason DEFAULT NULL) -> void
 *		Void an invoice on which no money is; nothing happens to a void one.
 *
 * reason, of at most 1,000 characters, is kept as its closed_reason.  Raises
 * RP002, RP007, RP008, RP010, RP012, 22001, 22004, 42501.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_void_invoice);
Datum
regpaydb_void_invoice(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger = staff_begin(INVOICE, "status", ACL_UPDATE);
	text	   *reason = optional_text_arg(fcinfo, 1, "reason", MAX_TEXT_LENGTH);
	InvoiceRow	invoice;

	lock_invoice(ledger, int8_arg(fcinfo, 0, "invoice_id"), &invoice);
	settle_void(ledger, &invoice, reason);
	engine_end();
	PG_RETURN_VOID();
}

/*
 * refund_invoice(invoice_id, reason DEFAULT NULL) -> credit_note_id
 *		Turn all that was paid on the invoice into a credit note; NULL where
 *		nothing was paid, the invoice is void then.
 *
 * reason, of at most 1,000 characters, is kept as the invoice's closed_reason and
 * the note's reference.  Raises RP002, RP008, RP010, RP012, 22001, 22004, 42501.
 * Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_refund_invoice);
Datum
regpaydb_refund_invoice(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger = staff_begin(INVOICE, "status", ACL_UPDATE);
	text	   *reason = optional_text_arg(fcinfo, 1, "reason", MAX_TEXT_LENGTH);
	InvoiceRow	invoice;
	int64		credit_note_id;
	bool		has_note;

	lock_invoice(ledger, int8_arg(fcinfo, 0, "invoice_id"), &invoice);
	has_note = settle_refund(ledger, &invoice, reason, &credit_note_id);
	engine_end();
	if (!has_note)
		PG_RETURN_NULL();
	PG_RETURN_INT64(credit_note_id);
}

/*
 * return_items(invoice_id, items, reason DEFAULT NULL) -> credit_note_id
 *		Take items of a paid invoice back: it is refunded, and what remains is on a
 *		successor that the note pays for, at the prices that were paid.  Returns the
 *		note of what is left over; NULL where nothing is.
 *
 * items is a jsonb array of {"line_item_id", "quantity"}, by default all of the line.
 * Nobody else can buy what remains meanwhile.  Where nothing remains, there is no
 * successor.  reason, of at most 1,000 characters, is kept as the invoice's
 * closed_reason and its note's reference.  Raises RP002, RP003, RP008, RP010, RP012,
 * 22001, 22004, 22023, 42501.  Spec section 9.
 */
PG_FUNCTION_INFO_V1(regpaydb_return_items);
Datum
regpaydb_return_items(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger;
	int64		invoice_id;
	text	   *reason;
	ReturnedLine *returned;
	int			nreturned;
	InvoiceRow	invoice;
	int64		credit_note_id;
	bool		has_note;

	engine_check_privilege(INVOICE, "value", ACL_INSERT);
	engine_check_privilege(CREDIT_NOTE_APPLICATION, "credit_note_id", ACL_INSERT);
	ledger = staff_begin(INVOICE, "status", ACL_UPDATE);
	invoice_id = int8_arg(fcinfo, 0, "invoice_id");
	require_arg(fcinfo, 1, "items");
	reason = optional_text_arg(fcinfo, 2, "reason", MAX_TEXT_LENGTH);
	returned = parse_returned(PG_GETARG_JSONB_P(1), &nreturned);
	lock_invoice(ledger, invoice_id, &invoice);
	has_note = return_lines(ledger, &invoice, returned, nreturned, reason, &credit_note_id);
	engine_end();
	if (!has_note)
		PG_RETURN_NULL();
	PG_RETURN_INT64(credit_note_id);
}
