/*
 * credit_note_rows.c
 *	  Credit notes, and what became of them.
 */
#include "postgres.h"

#include "rows/credit_note_rows.h"
#include "rows/plan.h"
#include "rows/result.h"
#include "rows/row.h"

bool
row_lock_credit_note(Ledger *ledger, int64 credit_note_id, CreditNoteRow *note)
{
	Row			row;

	if (!row_lock(ledger, CREDIT_NOTE, credit_note_id, &row))
		return false;
	note->credit_note_id = row_int8(&row, CREDIT_NOTE_COL_ID);
	note->attendee_id = row_int8(&row, CREDIT_NOTE_COL_ATTENDEE_ID);
	note->value = row_money(&row, CREDIT_NOTE_COL_VALUE);
	note->state = row_enum(&row, CREDIT_NOTE_COL_STATE);
	return true;
}

/*
 * row_lock_oldest_credit_note
 *		The attendee's oldest unclaimed note, locked; false where there is none, or
 *		another session has just claimed it.
 */
bool
row_lock_oldest_credit_note(Ledger *ledger, int64 attendee_id, CreditNoteRow *note)
{
	Datum		args[] = {Int64GetDatum(attendee_id)};
	int64		credit_note_id;

	return key_of_result(run_query(ledger, Q_LOCK_OLDEST_CREDIT_NOTE, args, NULL),
						 &credit_note_id) &&
		row_lock_credit_note(ledger, credit_note_id, note);
}

void
row_insert_credit_note(Ledger *ledger, const CreditNoteRow *note)
{
	RowValues  *row = begin_values(CREDIT_NOTE);

	set_int8(row, CREDIT_NOTE_COL_ID, note->credit_note_id);
	set_int8(row, CREDIT_NOTE_COL_ATTENDEE_ID, note->attendee_id);
	set_money(row, CREDIT_NOTE_COL_VALUE, ledger, note->value);
	set_enum(row, CREDIT_NOTE_COL_STATE, CREDIT_NOTE_UNCLAIMED);
	row_insert(ledger, row, NULL);
}

/*
 * row_claim_credit_note
 *		The one claim of a locked, unclaimed note.  That it still is unclaimed is
 *		looked at once more: a trigger may have been here meanwhile.
 */
void
row_claim_credit_note(Ledger *ledger, const CreditNoteRow *note, CreditNoteState claim)
{
	RowValues  *new_state = begin_values(CREDIT_NOTE);
	RowValues  *row = begin_values(CREDIT_NOTE_CLAIM);
	CreditNoteRow now;

	if (!row_lock_credit_note(ledger, note->credit_note_id, &now) ||
		now.state != CREDIT_NOTE_UNCLAIMED)
		row_not_written(ledger, CREDIT_NOTE);
	set_enum(new_state, CREDIT_NOTE_COL_STATE, claim);
	row_update(ledger, note->credit_note_id, new_state);
	set_int8(row, CLAIM_COL_CREDIT_NOTE_ID, note->credit_note_id);
	set_enum(row, CLAIM_COL_CLAIM, claim);
	row_insert(ledger, row, NULL);
}

void
row_insert_application(Ledger *ledger, int64 payment_id, int64 credit_note_id)
{
	RowValues  *row = begin_values(CREDIT_NOTE_APPLICATION);

	set_int8(row, APPLICATION_COL_PAYMENT_ID, payment_id);
	set_int8(row, APPLICATION_COL_CREDIT_NOTE_ID, credit_note_id);
	row_insert(ledger, row, NULL);
}

/*
 * row_own_notes
 *		The unclaimed notes that an invoice has made for its own attendee, the newest
 *		first.  A note is its payment, so these are parts of money.
 */
MoneyPart *
row_own_notes(Ledger *ledger, const InvoiceRow *invoice, int *nnotes)
{
	Datum		args[] = {Int64GetDatum(invoice->invoice_id), Int64GetDatum(invoice->attendee_id)};
	MoneyPart  *notes;

	*nnotes = (int) run_query(ledger, Q_OWN_NOTES, args, NULL);
	notes = palloc(Max(*nnotes, 1) * sizeof(MoneyPart));
	for (int i = 0; i < *nnotes; i++)
		notes[i] = (MoneyPart)
	{
		.payment_id = int8_column(i, 1), .amount = money_column(ledger, i, 2)
	};
	return notes;
}

/*
 * row_available_credit
 *		What the attendee's unclaimed notes come to, in the memory context that the
 *		engine was called in: all together may be more than one amount can be.
 */
Numeric
row_available_credit(Ledger *ledger, int64 attendee_id)
{
	Datum		args[] = {Int64GetDatum(attendee_id)};

	run_query(ledger, Q_AVAILABLE_CREDIT, args, NULL);
	return DatumGetNumeric(copy_result(needed_column(0, 1)));
}
