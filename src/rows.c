/*
 * rows.c
 *	  A typed function for every SQL text of store.c.
 *
 * Where a payment's way through the ledger leads, a row is read and written
 * without SQL, if its table is one in which that makes no difference.
 */
#include "postgres.h"

#include "commands/sequence.h"
#include "executor/spi.h"
#include "access/xact.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "columns.h"
#include "direct.h"
#include "money.h"
#include "rows.h"
#include "store.h"

const char *const invoice_status_names[] = {
	[INVOICE_UNPAID] = "unpaid",
	[INVOICE_PAID] = "paid",
	[INVOICE_REFUNDED] = "refunded",
	[INVOICE_VOID] = "void",
};

const char *const payment_kind_names[] = {
	[PAYMENT_PLAIN] = "payment",
	[PAYMENT_MANUAL] = "manual",
	[PAYMENT_CREDIT_NOTE] = "credit_note",
	[PAYMENT_CREDIT_APPLICATION] = "credit_application",
};

const char *const credit_note_state_names[] = {
	[CREDIT_NOTE_UNCLAIMED] = "unclaimed",
	[CREDIT_NOTE_APPLIED] = "applied",
	[CREDIT_NOTE_REFUNDED] = "refunded",
};

const char *const outbox_kind_names[] = {
	[OUTBOX_INVOICE_CREATED] = "invoice_created",
	[OUTBOX_INVOICE_UPDATED] = "invoice_updated",
	[OUTBOX_CREDIT_NOTE_CREATED] = "credit_note_created",
	[OUTBOX_CREDIT_NOTE_APPLIED] = "credit_note_applied",
	[OUTBOX_CREDIT_NOTE_REFUNDED] = "credit_note_refunded",
	[OUTBOX_CART_PAID] = "cart_paid",
	[OUTBOX_CART_RELEASED] = "cart_released",
};

/* ---- the ledger ---- */

/* row_ledger_version: the ledger's version, or NULL where there is no row. */
char *
row_ledger_version(Ledger *ledger)
{
	if (store_run(ledger, Q_LEDGER_VERSION, NULL, NULL) == 0)
		return NULL;
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

int
row_access_code_length(Ledger *ledger)
{
	if (store_run(ledger, Q_ACCESS_CODE_LENGTH, NULL, NULL) == 0)
		no_ledger(ledger->schema_name);
	return DatumGetInt32(needed_column(0, 1));
}

bool
row_has_payments(Ledger *ledger)
{
	return store_run(ledger, Q_HAS_PAYMENTS, NULL, NULL) > 0;
}

bool
row_is_staff(Ledger *ledger, int64 user_id)
{
	DirectTable *table = direct_open(ledger, STAFF, DIRECT_READ);
	Datum		args[] = {Int64GetDatum(user_id)};

	return table != NULL ? direct_find(table, user_id) :
		store_run(ledger, Q_IS_STAFF, args, NULL) > 0;
}

/* row_integrity_problems: leaves (object, problem) rows in SPI_tuptable. */
void
row_integrity_problems(Ledger *ledger)
{
	store_run(ledger, Q_INTEGRITY_PROBLEMS, NULL, NULL);
}

/*
 * row_reconciliation: leaves the row of regpaydb.reconciliation() in
 * SPI_tuptable.
 */
void
row_reconciliation(Ledger *ledger, TimestampTz as_of)
{
	Datum		args[] = {TimestampTzGetDatum(as_of)};

	store_run(ledger, Q_RECONCILIATION, args, NULL);
}

/*
 * row_invoice_document
 *		As jsonb, in the memory context from before engine_begin; false where
 *		there is no such invoice.
 */
bool
row_invoice_document(Ledger *ledger, int64 invoice_id, Datum *document)
{
	Datum		args[] = {Int64GetDatum(invoice_id)};

	if (store_run(ledger, Q_INVOICE_DOCUMENT, args, NULL) == 0)
		return false;
	*document = SPI_datumTransfer(needed_column(0, 1), false, -1);
	return true;
}

/* ---- attendees ---- */

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

bool
row_attendee(Ledger *ledger, int64 attendee_id, AttendeeRow *row)
{
	DirectTable *table = direct_open(ledger, ATTENDEE, DIRECT_READ);

	if (table == NULL)
		return read_attendee(ledger, Q_ATTENDEE, attendee_id, row);
	if (!row_attendee_access(ledger, attendee_id, row))
		return false;
	row->recipient = DatumGetTextPCopy(direct_needed_value(table, ATTENDEE_COL_RECIPIENT));
	return true;
}

/* row_attendee_access: the same without the recipient. */
bool
row_attendee_access(Ledger *ledger, int64 attendee_id, AttendeeRow *row)
{
	DirectTable *table = direct_open(ledger, ATTENDEE, DIRECT_READ);

	if (table == NULL)
		return read_attendee(ledger, Q_ATTENDEE, attendee_id, row);
	if (!direct_find(table, attendee_id))
		return false;
	row->user_id = DatumGetInt64(direct_needed_value(table, ATTENDEE_COL_USER_ID));
	row->access_code =
		TextDatumGetCString(direct_needed_value(table, ATTENDEE_COL_ACCESS_CODE));
	row->recipient = NULL;
	return true;
}

/*
 * row_invoice_attendee
 *		The attendee whose invoice it is, without the recipient.  Looks for one
 *		also where there is no such invoice, which takes the time that it takes
 *		where there is.
 */
bool
row_invoice_attendee(Ledger *ledger, int64 invoice_id, AttendeeRow *row)
{
	DirectTable *table = direct_open(ledger, INVOICE, DIRECT_READ);
	bool		exists;
	int64		attendee_id;

	if (table == NULL)
		return read_attendee(ledger, Q_INVOICE_ATTENDEE, invoice_id, row);
	exists = direct_find(table, invoice_id);
	attendee_id = exists ?
		DatumGetInt64(direct_needed_value(table, INVOICE_COL_ATTENDEE_ID)) : 0;
	return row_attendee_access(ledger, attendee_id, row) && exists;
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

/* row_invoice_for_access_code: the invoice to show, or 0. */
int64
row_invoice_for_access_code(Ledger *ledger, text *code)
{
	Datum		args[] = {PointerGetDatum(code)};

	if (store_run(ledger, Q_INVOICE_FOR_ACCESS_CODE, args, NULL) == 0)
		return 0;
	return int8_column(0, 1);
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

/* ---- invoices ---- */

static bool
read_invoice(Ledger *ledger, StoreQuery query, int64 invoice_id, InvoiceRow *row)
{
	Datum		args[] = {Int64GetDatum(invoice_id)};

	if (store_run(ledger, query, args, NULL) == 0)
		return false;
	row->invoice_id = int8_column(0, 1);
	row->attendee_id = int8_column(0, 2);
	row->state.status = enum_column(0, 3, invoice_status_names, lengthof(invoice_status_names));
	row->state.value = money_column(0, 4);
	row->state.paid = money_column(0, 5);
	row->state.payment_count = int8_column(0, 6);
	row->last_payment_id = int8_column(0, 7);
	row->cart_id = int8_column(0, 8);
	row->cart_revision = DatumGetInt32(needed_column(0, 9));
	row->cart_checked = false;
	row->state.unsellable = false;
	row->locked = query == Q_LOCK_INVOICE;
	return true;
}

static int64
int8_or_0(DirectTable *table, int column)
{
	bool		isnull;
	Datum		value = direct_value(table, column, &isnull);

	return isnull ? 0 : DatumGetInt64(value);
}

static int64
money_value(DirectTable *table, int column, const char *name)
{
	return money_from_numeric(DatumGetNumeric(direct_needed_value(table, column)), name);
}

/* The invoice that was found. */
static void
get_invoice(DirectTable *table, InvoiceRow *row, bool locked)
{
	bool		isnull;
	Datum		revision = direct_value(table, INVOICE_COL_CART_REVISION, &isnull);

	row->locked = locked;
	row->invoice_id = DatumGetInt64(direct_needed_value(table, INVOICE_COL_ID));
	row->attendee_id = DatumGetInt64(direct_needed_value(table, INVOICE_COL_ATTENDEE_ID));
	row->state.status =
		enum_value(ENUM_INVOICE_STATUS,
				   DatumGetObjectId(direct_needed_value(table, INVOICE_COL_STATUS)));
	row->state.value = money_value(table, INVOICE_COL_VALUE, "value");
	row->state.paid = money_value(table, INVOICE_COL_PAID, "paid");
	row->state.payment_count =
		DatumGetInt64(direct_needed_value(table, INVOICE_COL_PAYMENT_COUNT));
	row->cart_checked = false;
	row->state.unsellable = false;
	row->last_payment_id = int8_or_0(table, INVOICE_COL_LAST_PAYMENT_ID);
	row->cart_id = int8_or_0(table, INVOICE_COL_CART_ID);
	row->cart_revision = isnull ? 0 : DatumGetInt32(revision);
}

bool
row_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *row)
{
	DirectTable *table = direct_open(ledger, INVOICE, DIRECT_READ);

	if (table == NULL)
		return read_invoice(ledger, Q_INVOICE, invoice_id, row);
	if (!direct_find(table, invoice_id))
		return false;
	get_invoice(table, row, false);
	return true;
}

/*
 * row_invoice_cart
 *		The cart that an invoice bills, or 0, and the place of its row.  False
 *		where there is no such invoice or SQL would have to look.
 */
bool
row_invoice_cart(Ledger *ledger, int64 invoice_id, ItemPointer tid, int64 *cart_id)
{
	DirectTable *table = direct_open(ledger, INVOICE, DIRECT_UPDATE);

	if (table == NULL || !direct_find(table, invoice_id))
		return false;
	*cart_id = int8_or_0(table, INVOICE_COL_CART_ID);
	*tid = *direct_tid(table);
	return true;
}

/*
 * row_peek_invoice
 *		Read an invoice, which may be at tid, that is to be written without being
 *		locked before: row_update_invoice tells whether that was possible.  False
 *		where there is no such invoice or SQL would have to look.
 */
bool
row_peek_invoice(Ledger *ledger, int64 invoice_id, ItemPointer tid, InvoiceRow *row)
{
	DirectTable *table = direct_open(ledger, INVOICE, DIRECT_UPDATE);

	if (table == NULL || !direct_find_at(table, tid, invoice_id))
		return false;
	get_invoice(table, row, false);
	return true;
}

bool
row_lock_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *row)
{
	DirectTable *table = direct_open(ledger, INVOICE, DIRECT_UPDATE);

	if (table == NULL)
		return read_invoice(ledger, Q_LOCK_INVOICE, invoice_id, row);
	if (!direct_lock(table, invoice_id))
		return false;
	get_invoice(table, row, true);
	return true;
}

/*
 * row_insert_invoice
 *		An unpaid invoice of this attendee, value and cart, issued now; due after
 *		the given time or, for a cart's, when its reservation ends.  Returns its
 *		id.
 */
int64
row_insert_invoice(Ledger *ledger, const InvoiceRow *invoice, text *recipient, Interval *due)
{
	bool		has_cart = invoice->cart_id != 0;
	Datum		args[] = {Int64GetDatum(invoice->attendee_id), PointerGetDatum(recipient),
		IntervalPGetDatum(due), money_datum(invoice->state.value),
	Int64GetDatum(invoice->cart_id), Int32GetDatum(invoice->cart_revision)};

	store_write(ledger, Q_INSERT_INVOICE, INVOICE, args, has_cart ? "  n   " : "    nn");
	return int8_column(0, 1);
}

static void
update_invoice_by_sql(Ledger *ledger, int64 invoice_id, const InvoiceVerdict *after,
					  int64 last_payment_id, bool paid, bool closed)
{
	Datum		args[] = {Int64GetDatum(invoice_id),
		CStringGetTextDatum(invoice_status_names[after->status]),
		money_datum(after->paid), Int64GetDatum(after->payment_count),
	Int64GetDatum(last_payment_id), BoolGetDatum(paid), BoolGetDatum(closed)};
	char		nulls[] = "       ";

	if (last_payment_id == 0)
		nulls[4] = 'n';
	store_write_own(ledger, Q_UPDATE_INVOICE, INVOICE, invoice_id, args, nulls, true);
}

/*
 * row_update_invoice
 *		Carry out a verdict on the invoice before.  False, and nothing is done,
 *		where it was not locked and has changed meanwhile.
 */
bool
row_update_invoice(Ledger *ledger, const InvoiceRow *before,
				   const InvoiceVerdict *after, int64 last_payment_id)
{
	bool		changed = after->status != before->state.status;
	bool		paid = changed && after->status == INVOICE_PAID;
	bool		closed = changed && (after->status == INVOICE_REFUNDED ||
									 after->status == INVOICE_VOID);
	DirectTable *table = direct_open(ledger, INVOICE, DIRECT_UPDATE);
	Datum		now = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	Datum		values[INVOICE_COLUMNS] = {
		[INVOICE_COL_PAYMENT_COUNT] = Int64GetDatum(after->payment_count),
		[INVOICE_COL_LAST_PAYMENT_ID] = Int64GetDatum(last_payment_id),
		[INVOICE_COL_PAID_TIME] = now,
		[INVOICE_COL_CLOSED_TIME] = now,
	};
	bool		nulls[INVOICE_COLUMNS] = {
		[INVOICE_COL_LAST_PAYMENT_ID] = last_payment_id == 0,
	};
	bool		replaced[INVOICE_COLUMNS] = {
		[INVOICE_COL_STATUS] = true,
		[INVOICE_COL_PAID] = true,
		[INVOICE_COL_PAYMENT_COUNT] = true,
		[INVOICE_COL_LAST_PAYMENT_ID] = true,
		[INVOICE_COL_PAID_TIME] = paid,
		[INVOICE_COL_CLOSED_TIME] = closed,
	};

	if (table == NULL)
	{
		if (!before->locked)
			return false;
		update_invoice_by_sql(ledger, before->invoice_id, after, last_payment_id, paid, closed);
		return true;
	}
	values[INVOICE_COL_STATUS] = ObjectIdGetDatum(enum_oid(ENUM_INVOICE_STATUS, after->status));
	values[INVOICE_COL_PAID] = money_datum(after->paid);
	if (direct_update(table, before->invoice_id, before->locked, values, nulls, replaced))
	{
		/* It may have waited for another session. */
		ledger_check_name(ledger);
		return true;
	}
	if (before->locked)
		store_not_written(ledger, INVOICE);
	return false;
}

/*
 * row_takes_credit
 *		Whether a new invoice takes credit notes of its attendee's: there are
 *		some, the conference wants that, and it is her only unpaid invoice.
 */
bool
row_takes_credit(Ledger *ledger, const InvoiceRow *invoice)
{
	Datum		args[] = {Int64GetDatum(invoice->attendee_id),
	Int64GetDatum(invoice->invoice_id)};

	return store_run(ledger, Q_TAKES_CREDIT, args, NULL) > 0;
}

void
row_insert_line(Ledger *ledger, int64 invoice_id, const LineItemRow *line)
{
	char		nulls[] = "     ";
	Datum		args[] = {Int64GetDatum(invoice_id), PointerGetDatum(line->description),
		Int32GetDatum(line->quantity), money_datum(line->price),
	nullable_int8(line->product_id, &nulls[4])};

	store_write(ledger, Q_INSERT_LINE, LINE_ITEM, args, nulls);
}

/* ---- payments ---- */

int64
row_next_payment_id(Ledger *ledger)
{
	if (!OidIsValid(ledger->payment_sequence))
		ereport(ERROR,
				(errcode(ERRCODE_OBJECT_NOT_IN_PREREQUISITE_STATE),
				 errmsg("column \"payment_id\" of ledger \"%s\" is not an identity column",
						ledger->schema_name),
				 errhint("Make it one again with ALTER TABLE ... ADD GENERATED BY DEFAULT AS IDENTITY.")));
	return nextval_internal(ledger->payment_sequence, false);
}

static bool
insert_payment_by_sql(Ledger *ledger, const PaymentRow *payment)
{
	char		nulls[] = "        ";
	Datum		args[] = {Int64GetDatum(payment->payment_id),
		Int64GetDatum(payment->invoice_id),
		CStringGetTextDatum(payment_kind_names[payment->kind]),
		money_datum(payment->amount), PointerGetDatum(payment->reference),
		nullable_text(payment->provider, &nulls[5]),
		nullable_text(payment->provider_ref, &nulls[6]),
	nullable_int8(payment->entered_by, &nulls[7])};
	bool		must_write = payment->provider_ref == NULL;

	if (!store_write_own(ledger, Q_INSERT_PAYMENT, PAYMENT, payment->payment_id,
						 args, nulls, must_write))
		return false;
	if (int8_column(0, 1) != payment->payment_id || int8_column(0, 2) != payment->invoice_id ||
		money_column(0, 3) != payment->amount)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
				 errmsg("payment " INT64_FORMAT " was changed while it was recorded",
						payment->payment_id),
				 errdetail("A trigger on the table changed its key, invoice or amount."),
				 errhint("Triggers on a ledger's tables must let the engine's rows pass.")));
	return true;
}

/*
 * row_insert_payment
 *		Insert a payment that the engine settles by itself; false where its
 *		provider's reference is recorded already.
 *
 * Waits for a session that is just recording the same reference.
 */
bool
row_insert_payment(Ledger *ledger, const PaymentRow *payment)
{
	DirectTable *table = direct_open(ledger, PAYMENT, DIRECT_INSERT);
	bool		once = payment->provider_ref != NULL;
	bool		inserted;
	Datum		values[PAYMENT_COLUMNS] = {
		[PAYMENT_COL_ID] = Int64GetDatum(payment->payment_id),
		[PAYMENT_COL_INVOICE_ID] = Int64GetDatum(payment->invoice_id),
		[PAYMENT_COL_REFERENCE] = PointerGetDatum(payment->reference),
		[PAYMENT_COL_PROVIDER] = PointerGetDatum(payment->provider),
		[PAYMENT_COL_PROVIDER_REF] = PointerGetDatum(payment->provider_ref),
	};
	bool		nulls[PAYMENT_COLUMNS] = {
		[PAYMENT_COL_PROVIDER] = payment->provider == NULL,
		[PAYMENT_COL_PROVIDER_REF] = payment->provider_ref == NULL,
		[PAYMENT_COL_ENTERED_BY] = payment->entered_by == NULL,
	};

	if (table == NULL || (once && !direct_has_unique_index(table)))
		return insert_payment_by_sql(ledger, payment);
	values[PAYMENT_COL_KIND] = ObjectIdGetDatum(enum_oid(ENUM_PAYMENT_KIND, payment->kind));
	values[PAYMENT_COL_AMOUNT] = money_datum(payment->amount);
	if (payment->entered_by != NULL)
		values[PAYMENT_COL_ENTERED_BY] = Int64GetDatum(*payment->entered_by);
	inserted = direct_insert(table, values, nulls, once);
	/* As the table's trigger does where it is SQL that inserts. */
	ledger_refresh(ledger);
	return inserted;
}

/* row_payment_by_ref: fills in the payment's id, invoice and amount. */
bool
row_payment_by_ref(Ledger *ledger, text *provider, text *provider_ref, PaymentRow *payment)
{
	Datum		args[] = {PointerGetDatum(provider), PointerGetDatum(provider_ref)};
	DirectTable *table = direct_open(ledger, PAYMENT, DIRECT_READ);

	if (table != NULL)
	{
		if (!direct_find_unique(table, args[0], args[1]))
			return false;
		payment->payment_id = DatumGetInt64(direct_needed_value(table, PAYMENT_COL_ID));
		payment->invoice_id = DatumGetInt64(direct_needed_value(table, PAYMENT_COL_INVOICE_ID));
		payment->amount = money_value(table, PAYMENT_COL_AMOUNT, "amount");
		return true;
	}
	if (store_run(ledger, Q_PAYMENT_BY_REF, args, NULL) == 0)
		return false;
	payment->payment_id = int8_column(0, 1);
	payment->invoice_id = int8_column(0, 2);
	payment->amount = money_column(0, 3);
	return true;
}

PaymentTotals
row_payment_totals(Ledger *ledger, int64 invoice_id)
{
	Datum		args[] = {Int64GetDatum(invoice_id)};
	PaymentTotals totals;

	store_run(ledger, Q_PAYMENT_TOTALS, args, NULL);
	totals.amount = money_column(0, 1);
	totals.payment_count = int8_column(0, 2);
	totals.last_payment_id = int8_column(0, 3);
	return totals;
}

/* ---- credit notes ---- */

static bool
read_credit_note(Ledger *ledger, StoreQuery query, int64 id, CreditNoteRow *row)
{
	Datum		args[] = {Int64GetDatum(id)};

	if (store_run(ledger, query, args, NULL) == 0)
		return false;
	row->credit_note_id = int8_column(0, 1);
	row->attendee_id = int8_column(0, 2);
	row->value = money_column(0, 3);
	row->state = enum_column(0, 4, credit_note_state_names, lengthof(credit_note_state_names));
	return true;
}

static CreditNoteState
credit_note_state(DirectTable *table)
{
	return enum_value(ENUM_CREDIT_NOTE_STATE,
					  DatumGetObjectId(direct_needed_value(table, CREDIT_NOTE_COL_STATE)));
}

static void
get_credit_note(DirectTable *table, CreditNoteRow *row)
{
	row->credit_note_id = DatumGetInt64(direct_needed_value(table, CREDIT_NOTE_COL_ID));
	row->attendee_id = DatumGetInt64(direct_needed_value(table, CREDIT_NOTE_COL_ATTENDEE_ID));
	row->value = money_value(table, CREDIT_NOTE_COL_VALUE, "value");
	row->state = credit_note_state(table);
}

bool
row_credit_note(Ledger *ledger, int64 credit_note_id, CreditNoteRow *row)
{
	DirectTable *table = direct_open(ledger, CREDIT_NOTE, DIRECT_READ);

	if (table == NULL)
		return read_credit_note(ledger, Q_CREDIT_NOTE, credit_note_id, row);
	if (!direct_find_now(table, credit_note_id))
		return false;
	get_credit_note(table, row);
	return true;
}

bool
row_lock_credit_note(Ledger *ledger, int64 credit_note_id, CreditNoteRow *row)
{
	DirectTable *table = direct_open(ledger, CREDIT_NOTE, DIRECT_UPDATE);

	if (table == NULL)
		return read_credit_note(ledger, Q_LOCK_CREDIT_NOTE, credit_note_id, row);
	if (!direct_lock(table, credit_note_id))
		return false;
	get_credit_note(table, row);
	return true;
}

/* row_lock_oldest_credit_note: the attendee's oldest unclaimed note, locked. */
bool
row_lock_oldest_credit_note(Ledger *ledger, int64 attendee_id, CreditNoteRow *row)
{
	return read_credit_note(ledger, Q_LOCK_OLDEST_CREDIT_NOTE, attendee_id, row);
}

void
row_insert_credit_note(Ledger *ledger, const CreditNoteRow *note)
{
	Datum		args[] = {Int64GetDatum(note->credit_note_id),
	Int64GetDatum(note->attendee_id), money_datum(note->value)};
	DirectTable *table = direct_open(ledger, CREDIT_NOTE, DIRECT_INSERT);
	bool		nulls[CREDIT_NOTE_COLUMNS] = {false};
	Datum		values[CREDIT_NOTE_COLUMNS] = {
		[CREDIT_NOTE_COL_ID] = args[0],
		[CREDIT_NOTE_COL_ATTENDEE_ID] = args[1],
		[CREDIT_NOTE_COL_VALUE] = args[2],
	};

	if (table == NULL)
	{
		store_write(ledger, Q_INSERT_CREDIT_NOTE, CREDIT_NOTE, args, NULL);
		return;
	}
	values[CREDIT_NOTE_COL_STATE] =
		ObjectIdGetDatum(enum_oid(ENUM_CREDIT_NOTE_STATE, CREDIT_NOTE_UNCLAIMED));
	(void) direct_insert(table, values, nulls, false);
}

static Datum
claim_text(CreditNoteState claim)
{
	return CStringGetTextDatum(credit_note_state_names[claim]);
}

static void
set_credit_note_state(Ledger *ledger, int64 credit_note_id, CreditNoteState claim)
{
	DirectTable *table = direct_open(ledger, CREDIT_NOTE, DIRECT_UPDATE);
	Datum		values[CREDIT_NOTE_COLUMNS];
	bool		nulls[CREDIT_NOTE_COLUMNS] = {false};
	bool		replaced[CREDIT_NOTE_COLUMNS] = {[CREDIT_NOTE_COL_STATE] = true};

	if (table == NULL)
	{
		Datum		args[] = {Int64GetDatum(credit_note_id), claim_text(claim)};

		store_write_own(ledger, Q_CLAIM_CREDIT_NOTE, CREDIT_NOTE, credit_note_id, args, NULL,
						true);
		return;
	}
	values[CREDIT_NOTE_COL_STATE] = ObjectIdGetDatum(enum_oid(ENUM_CREDIT_NOTE_STATE, claim));
	if ((!direct_is_locked(table, credit_note_id) && !direct_lock(table, credit_note_id)) ||
		credit_note_state(table) != CREDIT_NOTE_UNCLAIMED ||
		!direct_update(table, credit_note_id, true, values, nulls, replaced))
		store_not_written(ledger, CREDIT_NOTE);
}

/* row_claim_credit_note: the one claim of a locked, unclaimed note. */
void
row_claim_credit_note(Ledger *ledger, const CreditNoteRow *note, CreditNoteState claim)
{
	DirectTable *table;
	Datum		values[CLAIM_COLUMNS] = {
		[CLAIM_COL_CREDIT_NOTE_ID] = Int64GetDatum(note->credit_note_id),
	};
	bool		nulls[CLAIM_COLUMNS] = {false};

	set_credit_note_state(ledger, note->credit_note_id, claim);
	table = direct_open(ledger, CREDIT_NOTE_CLAIM, DIRECT_INSERT);
	if (table == NULL)
	{
		Datum		args[] = {Int64GetDatum(note->credit_note_id), claim_text(claim)};

		store_write(ledger, Q_INSERT_CLAIM, CREDIT_NOTE_CLAIM, args, NULL);
		return;
	}
	values[CLAIM_COL_CLAIM] = ObjectIdGetDatum(enum_oid(ENUM_CREDIT_NOTE_STATE, claim));
	(void) direct_insert(table, values, nulls, false);
}

void
row_insert_application(Ledger *ledger, int64 payment_id, int64 credit_note_id)
{
	DirectTable *table = direct_open(ledger, CREDIT_NOTE_APPLICATION, DIRECT_INSERT);
	bool		nulls[APPLICATION_COLUMNS] = {false};
	Datum		values[APPLICATION_COLUMNS] = {
		[APPLICATION_COL_PAYMENT_ID] = Int64GetDatum(payment_id),
		[APPLICATION_COL_CREDIT_NOTE_ID] = Int64GetDatum(credit_note_id),
	};

	if (table != NULL)
		(void) direct_insert(table, values, nulls, false);
	else
		store_write(ledger, Q_INSERT_APPLICATION, CREDIT_NOTE_APPLICATION, values, NULL);
}

int64
row_insert_refund(Ledger *ledger, int64 credit_note_id, text *reference, int64 *entered_by)
{
	char		nulls[] = "   ";
	Datum		args[] = {Int64GetDatum(credit_note_id), PointerGetDatum(reference),
	nullable_int8(entered_by, &nulls[2])};

	store_write(ledger, Q_INSERT_REFUND, CREDIT_NOTE_REFUND, args, nulls);
	return int8_column(0, 1);
}

/* ---- outbox ---- */

/* What an outbox row tells of; 0 and NULL for what it does not. */
typedef struct OutboxRow
{
	OutboxKind	kind;
	int64		invoice_id;
	const InvoiceStatus *old_status;
	const InvoiceStatus *new_status;
	int64		credit_note_id;
	int64		cart_id;
} OutboxRow;

static void
log_by_sql(Ledger *ledger, const OutboxRow *row)
{
	char		nulls[] = "      ";
	Datum		args[] = {CStringGetTextDatum(outbox_kind_names[row->kind]),
		Int64GetDatum(row->invoice_id),
		row->old_status == NULL ? (Datum) 0 :
		CStringGetTextDatum(invoice_status_names[*row->old_status]),
		row->new_status == NULL ? (Datum) 0 :
		CStringGetTextDatum(invoice_status_names[*row->new_status]),
	Int64GetDatum(row->credit_note_id), Int64GetDatum(row->cart_id)};

	nulls[1] = row->invoice_id == 0 ? 'n' : ' ';
	nulls[2] = row->old_status == NULL ? 'n' : ' ';
	nulls[3] = row->new_status == NULL ? 'n' : ' ';
	nulls[4] = row->credit_note_id == 0 ? 'n' : ' ';
	nulls[5] = row->cart_id == 0 ? 'n' : ' ';
	store_write(ledger, Q_LOG, OUTBOX, args, nulls);
}

static Datum
status_datum(const InvoiceStatus *status)
{
	return status == NULL ? (Datum) 0 :
		ObjectIdGetDatum(enum_oid(ENUM_INVOICE_STATUS, *status));
}

static void
log_row(Ledger *ledger, const OutboxRow *row)
{
	DirectTable *table = direct_open(ledger, OUTBOX, DIRECT_INSERT);
	Datum		values[OUTBOX_COLUMNS] = {
		[OUTBOX_COL_INVOICE_ID] = Int64GetDatum(row->invoice_id),
		[OUTBOX_COL_CREDIT_NOTE_ID] = Int64GetDatum(row->credit_note_id),
		[OUTBOX_COL_CART_ID] = Int64GetDatum(row->cart_id),
	};
	bool		nulls[OUTBOX_COLUMNS] = {
		[OUTBOX_COL_INVOICE_ID] = row->invoice_id == 0,
		[OUTBOX_COL_OLD_STATUS] = row->old_status == NULL,
		[OUTBOX_COL_NEW_STATUS] = row->new_status == NULL,
		[OUTBOX_COL_CREDIT_NOTE_ID] = row->credit_note_id == 0,
		[OUTBOX_COL_CART_ID] = row->cart_id == 0,
	};

	if (table == NULL)
	{
		log_by_sql(ledger, row);
		return;
	}
	values[OUTBOX_COL_KIND] = ObjectIdGetDatum(enum_oid(ENUM_OUTBOX_KIND, row->kind));
	values[OUTBOX_COL_OLD_STATUS] = status_datum(row->old_status);
	values[OUTBOX_COL_NEW_STATUS] = status_datum(row->new_status);
	(void) direct_insert(table, values, nulls, false);
}

/* row_log_invoice: before is NULL for an invoice that was just made. */
void
row_log_invoice(Ledger *ledger, OutboxKind kind, int64 invoice_id,
				const InvoiceStatus *before, InvoiceStatus after)
{
	OutboxRow	row = {kind, invoice_id, before, &after, 0, 0};

	log_row(ledger, &row);
}

/* row_log_credit_note: invoice_id is 0 where no invoice has to do with it. */
void
row_log_credit_note(Ledger *ledger, OutboxKind kind, int64 credit_note_id, int64 invoice_id)
{
	OutboxRow	row = {kind, invoice_id, NULL, NULL, credit_note_id, 0};

	log_row(ledger, &row);
}

void
row_log_cart(Ledger *ledger, OutboxKind kind, int64 cart_id)
{
	OutboxRow	row = {kind, 0, NULL, NULL, 0, cart_id};

	log_row(ledger, &row);
}
