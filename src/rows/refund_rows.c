/*
 * refund_rows.c
 *	  Refunds of credit notes, and to which payments they go back.
 */
#include "postgres.h"

#include "base/actor_setting.h"
#include "rows/plan.h"
#include "rows/refund_rows.h"
#include "rows/result.h"
#include "rows/row.h"

static void
read_refund(const Row *row, RefundRow *refund)
{
	*refund = (RefundRow)
	{
		.refund_id = row_int8(row, REFUND_COL_ID),
		.credit_note_id = row_int8(row, REFUND_COL_CREDIT_NOTE_ID),
		.reference = row_copy_text(row, REFUND_COL_REFERENCE),
		.state = row_enum(row, REFUND_COL_STATE),
		.provider = row_copy_text(row, REFUND_COL_PROVIDER),
		.provider_ref = row_copy_text(row, REFUND_COL_PROVIDER_REF)
	};
}

bool
row_refund(Ledger *ledger, int64 refund_id, RefundRow *refund)
{
	Row			row;

	if (!row_find(ledger, CREDIT_NOTE_REFUND, refund_id, &row))
		return false;
	read_refund(&row, refund);
	return true;
}

bool
row_lock_refund(Ledger *ledger, int64 refund_id, RefundRow *refund)
{
	Row			row;

	if (!row_lock(ledger, CREDIT_NOTE_REFUND, refund_id, &row))
		return false;
	read_refund(&row, refund);
	return true;
}

/* row_insert_refund: one that is requested, or done at once; returns its id. */
int64
row_insert_refund(Ledger *ledger, const RefundRow *refund)
{
	RowValues  *row = begin_values(CREDIT_NOTE_REFUND);
	int64		user_id;
	const int64 *actor = actor_user_id(&user_id) ? &user_id : NULL;
	Row			written;

	set_int8(row, REFUND_COL_CREDIT_NOTE_ID, refund->credit_note_id);
	set_now(row, REFUND_COL_TIME);
	set_text_or_null(row, REFUND_COL_REFERENCE, refund->reference);
	set_int8_or_null(row, REFUND_COL_ENTERED_BY,
					 refund->entered_by != NULL ? refund->entered_by : actor);
	set_enum(row, REFUND_COL_STATE, refund->state);
	if (refund->state == REFUND_DONE)
	{
		set_now(row, REFUND_COL_CLOSED_TIME);
		set_int8_or_null(row, REFUND_COL_CLOSED_BY, actor);
	}
	row_insert(ledger, row, &written);
	row_check_time(&written, REFUND_COL_TIME);
	return row_int8(&written, REFUND_COL_ID);
}

/* row_end_refund: a locked one that is requested is done, or has failed. */
void
row_end_refund(Ledger *ledger, const RefundRow *refund)
{
	RowValues  *row = begin_values(CREDIT_NOTE_REFUND);
	int64		actor;

	set_enum(row, REFUND_COL_STATE, refund->state);
	set_now(row, REFUND_COL_CLOSED_TIME);
	set_int8_or_null(row, REFUND_COL_CLOSED_BY, actor_user_id(&actor) ? &actor : NULL);
	set_text_or_null(row, REFUND_COL_PROVIDER, refund->provider);
	set_text_or_null(row, REFUND_COL_PROVIDER_REF, refund->provider_ref);
	if (refund->state == REFUND_FAILED)
	{
		set_text_or_null(row, REFUND_COL_FAILURE_REASON, refund->failure_reason);
		set_int8(row, REFUND_COL_RETURNED_PAYMENT_ID, refund->returned_payment_id);
	}
	row_update(ledger, refund->refund_id, row);
}

void
row_insert_refund_part(Ledger *ledger, int64 refund_id, const MoneyPart *part)
{
	RowValues  *row = begin_values(CREDIT_NOTE_REFUND_PART);

	set_int8(row, REFUND_PART_COL_REFUND_ID, refund_id);
	set_int8_or_null(row, REFUND_PART_COL_PAYMENT_ID,
					 part->no_payment ? NULL : &part->payment_id);
	set_money(row, REFUND_PART_COL_AMOUNT, ledger, part->amount);
	row_insert(ledger, row, NULL);
}

/*
 * row_refund_parts
 *		To which payments a refund goes back, by their ids, what goes some other way
 *		last.  None for one of before version 0.3.0.
 */
MoneyPart *
row_refund_parts(Ledger *ledger, int64 refund_id, int *nparts)
{
	Datum		args[] = {Int64GetDatum(refund_id)};
	MoneyPart  *parts;

	*nparts = (int) run_query(ledger, Q_REFUND_PARTS, args, NULL);
	parts = palloc(Max(*nparts, 1) * sizeof(MoneyPart));
	for (int i = 0; i < *nparts; i++)
	{
		parts[i].no_payment = !int8_or_null_column(i, 1, &parts[i].payment_id);
		parts[i].amount = money_column(ledger, i, 2);
	}
	return parts;
}

/*
 * row_refunds_of_ref
 *		The refunds that a platform's reference stands for, as the ledger is now: one
 *		that has it, and, unless payment_id is NULL, those that go back to this payment
 *		and have it as their reference, what is requested first.
 */
int64 *
row_refunds_of_ref(Ledger *ledger, text *provider, text *ref, const int64 *payment_id,
				   int *nrefunds)
{
	Datum		args[] = {PointerGetDatum(provider), PointerGetDatum(ref),
	payment_id == NULL ? (Datum) 0 : Int64GetDatum(*payment_id)};

	run_query_now(ledger, Q_REFUNDS_OF_REF, args, payment_id == NULL ? "  n" : NULL);
	return int8_columns(1, nrefunds);
}
