/*
 * attendee_rows.c
 *	  Attendees, and what they may view: a typed function for every SQL text about
 *	  them, or what is done instead of it.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "rows/columns.h"
#include "rows/direct.h"
#include "rows/rows.h"
#include "rows/store.h"

static bool
read_attendee(Ledger *ledger, StoreQuery query, int64 id, AttendeeRow *row)
{
	Datum		args[] = {Int64GetDatum(id)};

	if (store_run(ledger, query, args, NULL) == 0)
		return false;
	row->user_id = int8_column(0, 1);
	row->access_code = TextDatumGetCString(needed_column(0, 2));
	row->recipient = DatumGetTextPCopy(needed_column(0, 3));
	return true;
}

/* The attendee that was found, without the recipient or without the code too. */
static void
get_attendee_access(DirectTable *table, bool with_code, AttendeeRow *row)
{
	row->user_id = DatumGetInt64(direct_needed_value(table, ATTENDEE_COL_USER_ID));
	row->access_code = !with_code ? NULL :
		TextDatumGetCString(direct_needed_value(table, ATTENDEE_COL_ACCESS_CODE));
	row->recipient = NULL;
}

bool
row_attendee(Ledger *ledger, int64 attendee_id, AttendeeRow *row)
{
	DirectTable *table = direct_open(ledger, ATTENDEE, DIRECT_READ);

	if (table == NULL)
		return read_attendee(ledger, Q_ATTENDEE, attendee_id, row);
	if (!direct_find(table, attendee_id))
		return false;
	get_attendee_access(table, true, row);
	row->recipient = DatumGetTextPCopy(direct_needed_value(table, ATTENDEE_COL_RECIPIENT));
	return true;
}

/* row_attendee_access: the same without the recipient or without the code too. */
bool
row_attendee_access(Ledger *ledger, int64 attendee_id, bool with_code, AttendeeRow *row)
{
	DirectTable *table = direct_open(ledger, ATTENDEE, DIRECT_READ);

	if (table == NULL)
		return read_attendee(ledger, Q_ATTENDEE, attendee_id, row);
	if (!direct_find(table, attendee_id))
		return false;
	get_attendee_access(table, with_code, row);
	return true;
}

/*
 * row_invoice_attendee
 *		The attendee whose invoice it is, without the recipient.  Looks for one
 *		also where there is no such invoice, which takes the time that it takes
 *		where there is.
 */
bool
row_invoice_attendee(Ledger *ledger, int64 invoice_id, bool with_code, AttendeeRow *row)
{
	DirectTable *table = direct_open(ledger, INVOICE, DIRECT_READ);
	bool		exists;
	int64		attendee_id;

	if (table == NULL)
		return read_attendee(ledger, Q_INVOICE_ATTENDEE, invoice_id, row);
	exists = direct_find(table, invoice_id);
	/* Any attendee will do where the answer is no. */
	attendee_id = exists ?
		DatumGetInt64(direct_needed_value(table, INVOICE_COL_ATTENDEE_ID)) : invoice_id;
	return row_attendee_access(ledger, attendee_id, with_code, row) && exists;
}

/* row_invoice_exists: whether there is such an invoice. */
bool
row_invoice_exists(Ledger *ledger, int64 invoice_id)
{
	DirectTable *table = direct_open(ledger, INVOICE, DIRECT_READ);
	AttendeeRow row;

	return table != NULL ? direct_find(table, invoice_id) :
		read_attendee(ledger, Q_INVOICE_ATTENDEE, invoice_id, &row);
}

static Datum
keys_of_actor(Ledger *ledger, StoreQuery query, const int64 *user_id, const char *code)
{
	char		nulls[] = "  ";
	Datum		args[] = {nullable_int8(user_id, &nulls[0]),
	nullable_text(code == NULL ? NULL : cstring_to_text(code), &nulls[1])};
	int64	   *keys;
	int			nkeys;

	store_run(ledger, query, args, nulls);
	keys = int8_columns(1, &nkeys);
	return SPI_datumTransfer(int8_array_datum(keys, nkeys), false, -1);
}

/*
 * row_actor_attendees, row_actor_invoices, row_actor_carts
 *		Keys of whoever has this user id or this code, either of which may be
 *		NULL, as a bigint[] in the memory context from before engine_begin.
 */
Datum
row_actor_attendees(Ledger *ledger, const int64 *user_id, const char *code)
{
	return keys_of_actor(ledger, Q_ACTOR_ATTENDEES, user_id, code);
}

Datum
row_actor_invoices(Ledger *ledger, const int64 *user_id, const char *code)
{
	return keys_of_actor(ledger, Q_ACTOR_INVOICES, user_id, code);
}

Datum
row_actor_carts(Ledger *ledger, const int64 *user_id, const char *code)
{
	return keys_of_actor(ledger, Q_ACTOR_CARTS, user_id, code);
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
	Datum		args[] = {Int64GetDatum(attendee_id)};

	if (store_run(ledger, Q_LOCK_ATTENDEE, args, NULL) == 0)
		return false;
	*recipient = DatumGetTextPCopy(needed_column(0, 1));
	return true;
}

void
row_set_access_code(Ledger *ledger, int64 attendee_id, const char *code)
{
	Datum		args[] = {Int64GetDatum(attendee_id), CStringGetTextDatum(code)};

	store_write(ledger, Q_SET_ACCESS_CODE, ATTENDEE, args, NULL);
}

bool
row_access_code_exists(Ledger *ledger, const char *code)
{
	Datum		args[] = {CStringGetTextDatum(code)};

	return store_run(ledger, Q_ACCESS_CODE_EXISTS, args, NULL) > 0;
}

/* row_invoice_for_access_code: the invoice to show; false where there is none. */
bool
row_invoice_for_access_code(Ledger *ledger, text *code, int64 *invoice_id)
{
	Datum		args[] = {PointerGetDatum(code)};

	return key_of_result(store_run(ledger, Q_INVOICE_FOR_ACCESS_CODE, args, NULL), invoice_id);
}

/*
 * row_available_credit
 *		In the memory context from before engine_begin; all notes together may
 *		be more than one amount can be.
 */
Numeric
row_available_credit(Ledger *ledger, int64 attendee_id)
{
	Datum		args[] = {Int64GetDatum(attendee_id)};
	Numeric		credit;

	store_run(ledger, Q_AVAILABLE_CREDIT, args, NULL);
	/* Detoast before the copy: detoasting a short value makes another one. */
	credit = DatumGetNumeric(needed_column(0, 1));
	return (Numeric) DatumGetPointer(SPI_datumTransfer(NumericGetDatum(credit), false, -1));
}
