/*
 * attendee_rows.c
 *	  Attendees, and what is whose.
 */
#include "postgres.h"

#include "utils/builtins.h"

#include "rows/attendee_rows.h"
#include "rows/plan.h"
#include "rows/result.h"
#include "rows/row.h"

/* row_attendee_access: without the recipient, or without the code too. */
bool
row_attendee_access(Ledger *ledger, int64 attendee_id, bool with_code, AttendeeRow *attendee)
{
	Row			row;

	if (!row_find(ledger, ATTENDEE, attendee_id, &row))
		return false;
	attendee->user_id = row_int8(&row, ATTENDEE_COL_USER_ID);
	attendee->access_code = !with_code ? NULL :
		TextDatumGetCString(row_needed(&row, ATTENDEE_COL_ACCESS_CODE));
	attendee->recipient = NULL;
	return true;
}

bool
row_attendee(Ledger *ledger, int64 attendee_id, AttendeeRow *attendee)
{
	Row			row;

	if (!row_find(ledger, ATTENDEE, attendee_id, &row))
		return false;
	attendee->user_id = row_int8(&row, ATTENDEE_COL_USER_ID);
	attendee->access_code = TextDatumGetCString(row_needed(&row, ATTENDEE_COL_ACCESS_CODE));
	attendee->recipient = DatumGetTextPCopy(row_needed(&row, ATTENDEE_COL_RECIPIENT));
	return true;
}

/*
 * row_actor_keys
 *		The keys of what belongs to whoever has this user id or this code, either of
 *		which may be NULL, as a bigint[] in the memory context that the engine was
 *		called in.
 */
Datum
row_actor_keys(Ledger *ledger, ActorKeys which, const int64 *user_id, const char *code)
{
	static const EngineQuery queries[] = {
		[ACTOR_ATTENDEES] = Q_ACTOR_ATTENDEES,
		[ACTOR_INVOICES] = Q_ACTOR_INVOICES,
		[ACTOR_CARTS] = Q_ACTOR_CARTS,
	};
	char		nulls[] = "  ";
	Datum		args[] = {nullable_int8(user_id, &nulls[0]),
	nullable_text(code == NULL ? NULL : cstring_to_text(code), &nulls[1])};
	int64	   *keys;
	int			nkeys;

	run_query(ledger, queries[which], args, nulls);
	keys = int8_columns(1, &nkeys);
	return copy_result(int8_array_datum(keys, nkeys));
}

/*
 * row_lock_attendee
 *		Lock an attendee, so that one invoice of hers is made at a time.
 *
 * Her row is written as it is, so that REPEATABLE READ notices an invoice that was
 * made in between; triggers of the owner's are fired by that.
 */
bool
row_lock_attendee(Ledger *ledger, int64 attendee_id, text **recipient)
{
	RowValues  *values = begin_values(ATTENDEE);
	Row			row;

	if (!row_lock(ledger, ATTENDEE, attendee_id, &row))
		return false;
	*recipient = DatumGetTextPCopy(row_needed(&row, ATTENDEE_COL_RECIPIENT));
	set_value(values, ATTENDEE_COL_RECIPIENT, PointerGetDatum(*recipient));
	row_update(ledger, attendee_id, values);
	return true;
}

void
row_set_access_code(Ledger *ledger, int64 attendee_id, const char *code)
{
	Datum		args[] = {Int64GetDatum(attendee_id), CStringGetTextDatum(code)};

	write_by_query(ledger, Q_SET_ACCESS_CODE, ATTENDEE, args, NULL);
}

bool
row_access_code_exists(Ledger *ledger, const char *code)
{
	Datum		args[] = {CStringGetTextDatum(code)};

	return run_query(ledger, Q_ACCESS_CODE_EXISTS, args, NULL) > 0;
}

/* row_invoice_for_access_code: the invoice to show; false where there is none. */
bool
row_invoice_for_access_code(Ledger *ledger, text *code, int64 *invoice_id)
{
	Datum		args[] = {PointerGetDatum(code)};

	return key_of_result(run_query(ledger, Q_INVOICE_FOR_ACCESS_CODE, args, NULL), invoice_id);
}
