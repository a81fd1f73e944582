/*
 * credit_note.c
 *	  Credit notes: applied to an invoice, charged with a fee.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "base/args.h"
#include "base/errors.h"
#include "base/money.h"
#include "engine/actor.h"
#include "flow/bill.h"
#include "flow/find.h"
#include "flow/payable.h"
#include "flow/settle.h"
#include "functions/lines.h"
#include "rows/attendee_rows.h"
#include "rows/credit_note_rows.h"

/*
 * apply_credit_note(credit_note_id, invoice_id) -> payment_id
 *		Put a credit note's full value on an invoice that can be paid; what is
 *		left over becomes a new note of the same owner.
 *
 * Raises RP001-RP006, RP010, RP012, 22004, 42501.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_apply_credit_note);
Datum
regpaydb_apply_credit_note(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger = staff_begin(CREDIT_NOTE_APPLICATION, "credit_note_id", ACL_INSERT);
	int64		credit_note_id = int8_arg(fcinfo, 0, "credit_note_id");
	InvoiceRow	invoice;
	CreditNoteRow note;
	int64		payment_id;

	lock_invoice(ledger, int8_arg(fcinfo, 1, "invoice_id"), &invoice);
	check_payable(ledger, &invoice);
	lock_unclaimed_note(ledger, credit_note_id, &note);
	payment_id = settle_application(ledger, &invoice, &note, NULL);
	engine_end();
	PG_RETURN_INT64(payment_id);
}

/*
 * Make an invoice of these lines, due after the given time, and pay it by a locked,
 * unclaimed note.  One of value zero is paid without it.
 */
static int64
charge_note(Ledger *ledger, const CreditNoteRow *note, const LineItemRow *lines, int nlines,
			Interval *due)
{
	NewInvoice	bill = {
		.attendee_id = note->attendee_id,
		.due = due,
		.lines = lines,
		.nlines = nlines
	};
	AttendeeRow attendee;
	InvoiceRow	invoice;

	if (value_of_lines(lines, nlines, ledger->decimals) > note->value)
		ereport(ERROR,
				(errcode(RP_INVALID_AMOUNT),
				 errmsg("the lines of the invoice come to more than credit note " INT64_FORMAT " has",
						note->credit_note_id),
				 errdetail("The credit note has %s.",
						   money_to_cstring(note->value, ledger->decimals)),
				 errhint("Charge less, or use regpaydb.manual_invoice() and regpaydb.apply_credit_note().")));
	if (!row_attendee(ledger, note->attendee_id, &attendee))
		not_found("attendee", note->attendee_id);
	bill.recipient = attendee.recipient;
	lock_invoice(ledger, settle_new_invoice(ledger, &bill), &invoice);
	if (invoice.state.status == INVOICE_UNPAID)
		settle_application(ledger, &invoice, note, NULL);
	return invoice.invoice_id;
}

/*
 * charge_credit_note(credit_note_id, lines, due DEFAULT '1 day') -> invoice_id
 *		Make an invoice of these lines, due after the given time, and pay it by this
 *		very note; what is left over becomes a new note of the same owner.
 *
 * lines is as for manual_invoice().  Raises RP002, RP003, RP006, RP010, RP012, 22001,
 * 22004, 22023, 42501.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_charge_credit_note);
Datum
regpaydb_charge_credit_note(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger;
	int64		credit_note_id;
	LineItemRow *lines;
	int			nlines;
	CreditNoteRow note;
	int64		invoice_id;

	engine_check_privilege(INVOICE, "value", ACL_INSERT);
	ledger = staff_begin(CREDIT_NOTE_APPLICATION, "credit_note_id", ACL_INSERT);
	credit_note_id = int8_arg(fcinfo, 0, "credit_note_id");
	require_arg(fcinfo, 1, "lines");
	require_arg(fcinfo, 2, "due");
	lines = parse_lines(ledger, PG_GETARG_JSONB_P(1), &nlines);

	/*
	 * The note is locked before the invoice here, against the lock order, but
	 * nobody else can know of an invoice that this transaction makes.
	 */
	lock_unclaimed_note(ledger, credit_note_id, &note);
	invoice_id = charge_note(ledger, &note, lines, nlines, PG_GETARG_INTERVAL_P(2));
	engine_end();
	PG_RETURN_INT64(invoice_id);
}

/*
 * The fee in minor units, rounded half up; percentage is 0 to 100, with any
 * number of decimals, so that this is exact in numeric only.
 */
static int64
fee_of(int64 value, Numeric percentage, int decimals)
{
	Datum		fee = DirectFunctionCall2(numeric_mul,
										  NumericGetDatum(money_to_numeric(value, decimals)),
										  NumericGetDatum(percentage));

	fee = DirectFunctionCall2(numeric_mul, fee, NumericGetDatum(int64_div_fast_to_numeric(1, 2)));
	fee = DirectFunctionCall2(numeric_round, fee, Int32GetDatum(decimals));
	return money_from_numeric(DatumGetNumeric(fee), decimals, "fee");
}

static void
check_percentage(Numeric percentage)
{
	Datum		value = NumericGetDatum(percentage);

	if (numeric_is_nan(percentage) ||
		DatumGetBool(DirectFunctionCall2(numeric_lt, value,
										 NumericGetDatum(int64_to_numeric(0)))) ||
		DatumGetBool(DirectFunctionCall2(numeric_gt, value,
										 NumericGetDatum(int64_to_numeric(100)))))
		ereport(ERROR,
				(errcode(RP_INVALID_AMOUNT),
				 errmsg("percentage is out of range"),
				 errdetail("A fee is a part of its credit note."),
				 errhint("Give a percentage of the credit note from 0 to 100.")));
}

/*
 * cancellation_fee(credit_note_id, percentage) -> invoice_id
 *		Invoice a percentage of a credit note, due in one day, and pay it by this
 *		very note; what is left over becomes a new note.
 *
 * Returns NULL, and does nothing, where the fee is zero.  Raises RP002, RP003,
 * RP006, RP010, RP012, 22004, 42501.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_cancellation_fee);
Datum
regpaydb_cancellation_fee(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger;
	int64		credit_note_id;
	Interval	one_day = {.day = 1};
	LineItemRow line = {.quantity = 1};
	CreditNoteRow note;
	int64		invoice_id;

	engine_check_privilege(INVOICE, "value", ACL_INSERT);
	ledger = staff_begin(CREDIT_NOTE_APPLICATION, "credit_note_id", ACL_INSERT);
	credit_note_id = int8_arg(fcinfo, 0, "credit_note_id");
	require_arg(fcinfo, 1, "percentage");
	check_percentage(PG_GETARG_NUMERIC(1));
	lock_unclaimed_note(ledger, credit_note_id, &note);
	line.price = fee_of(note.value, PG_GETARG_NUMERIC(1), ledger->decimals);
	if (line.price == 0)
	{
		engine_end();
		PG_RETURN_NULL();
	}
	line.description = cstring_to_text(psprintf("Cancellation fee on credit note " INT64_FORMAT,
												credit_note_id));
	invoice_id = charge_note(ledger, &note, &line, 1, &one_day);
	engine_end();
	PG_RETURN_INT64(invoice_id);
}

/*
 * available_credit(attendee_id) -> numeric
 *		Sum of the attendee's unclaimed notes, in units of the ledger's currency.
 *
 * Raises RP002, RP012, 22004, 42501.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_available_credit);
Datum
regpaydb_available_credit(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger = engine_begin_read(CREDIT_NOTE, "value", ACL_SELECT);
	int64		attendee_id = int8_arg(fcinfo, 0, "attendee_id");
	AttendeeRow attendee;
	Numeric		credit;

	find_attendee(ledger, attendee_id, &attendee);
	credit = row_available_credit(ledger, attendee_id);
	engine_end();
	PG_RETURN_NUMERIC(credit);
}
