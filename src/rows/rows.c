/*
 * rows.c
 *	  A typed function for every SQL text about the ledger and invoices.
 *
 * Where a payment's way through the ledger leads, a row is read and written
 * without SQL, if its table is one in which that makes no difference.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "access/xact.h"
#include "utils/builtins.h"

#include "base/actor_setting.h"
#include "base/money.h"
#include "ledger/catalog.h"
#include "rows/columns.h"
#include "rows/direct.h"
#include "rows/rows.h"
#include "rows/store.h"

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
	row->state.value = money_column(ledger, 0, 4);
	row->state.paid = money_column(ledger, 0, 5);
	row->state.limit = money_max(ledger->decimals);
	row->state.payment_count = int8_column(0, 6);
	row->has_payment = int8_or_null_column(0, 7, &row->last_payment_id);
	row->has_cart = int8_or_null_column(0, 8, &row->cart_id);
	row->cart_revision = int4_column(0, 9);
	row->cart_checked = false;
	row->inventory = NULL;
	row->state.unsellable = false;
	row->locked = query == Q_LOCK_INVOICE;
	row->committed = false;
	return true;
}

/* False where it is null. */
static bool
int8_or_null(DirectTable *table, int column, int64 *value)
{
	bool		isnull;
	Datum		datum = direct_value(table, column, &isnull);

	*value = isnull ? 0 : DatumGetInt64(datum);
	return !isnull;
}

/* The invoice that was found. */
static void
get_invoice(const Ledger *ledger, DirectTable *table, InvoiceRow *row, bool locked)
{
	bool		isnull;
	Datum		revision = direct_value(table, INVOICE_COL_CART_REVISION, &isnull);

	row->locked = locked;
	row->committed = !direct_is_own(table);
	row->invoice_id = DatumGetInt64(direct_needed_value(table, INVOICE_COL_ID));
	row->attendee_id = DatumGetInt64(direct_needed_value(table, INVOICE_COL_ATTENDEE_ID));
	row->state.status =
		enum_value(ENUM_INVOICE_STATUS,
				   DatumGetObjectId(direct_needed_value(table, INVOICE_COL_STATUS)));
	row->state.value = direct_money(ledger, table, INVOICE_COL_VALUE, "value");
	row->state.paid = direct_money(ledger, table, INVOICE_COL_PAID, "paid");
	row->state.limit = money_max(ledger->decimals);
	row->state.payment_count =
		DatumGetInt64(direct_needed_value(table, INVOICE_COL_PAYMENT_COUNT));
	row->cart_checked = false;
	row->inventory = NULL;
	row->state.unsellable = false;
	row->has_payment = int8_or_null(table, INVOICE_COL_LAST_PAYMENT_ID, &row->last_payment_id);
	row->has_cart = int8_or_null(table, INVOICE_COL_CART_ID, &row->cart_id);
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
	get_invoice(ledger, table, row, false);
	return true;
}

/*
 * row_invoice_cart
 *		The cart that an invoice bills, if any, and the place of its row.  False
 *		where there is no such invoice or SQL would have to look.
 */
bool
row_invoice_cart(Ledger *ledger, int64 invoice_id, ItemPointer tid, bool *has_cart,
				 int64 *cart_id)
{
	DirectTable *table = direct_open(ledger, INVOICE, DIRECT_UPDATE);

	if (table == NULL || !direct_find(table, invoice_id))
		return false;
	*has_cart = int8_or_null(table, INVOICE_COL_CART_ID, cart_id);
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
	get_invoice(ledger, table, row, false);
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
	get_invoice(ledger, table, row, true);
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
	char		nulls[] = "       ";
	int64		actor;
	bool		has_actor = actor_user_id(&actor);
	Datum		args[] = {Int64GetDatum(invoice->attendee_id), PointerGetDatum(recipient),
		IntervalPGetDatum(due), money_datum(ledger, invoice->state.value),
		Int64GetDatum(invoice->cart_id), Int32GetDatum(invoice->cart_revision),
	nullable_int8(has_actor ? &actor : NULL, &nulls[6])};

	if (invoice->has_cart)
		nulls[2] = 'n';
	else
		nulls[4] = nulls[5] = 'n';
	store_write(ledger, Q_INSERT_INVOICE, INVOICE, args, nulls);
	check_is_of_now(2, "invoice");
	return int8_column(0, 1);
}

static void
update_invoice_by_sql(Ledger *ledger, int64 invoice_id, const InvoiceVerdict *after,
					  const int64 *last_payment_id, bool paid, bool closed,
					  const int64 *closed_by, text *closed_reason)
{
	char		nulls[] = "         ";
	Datum		args[] = {Int64GetDatum(invoice_id),
		CStringGetTextDatum(invoice_status_names[after->status]),
		money_datum(ledger, after->paid), Int64GetDatum(after->payment_count),
		nullable_int8(last_payment_id, &nulls[4]), BoolGetDatum(paid), BoolGetDatum(closed),
	nullable_int8(closed_by, &nulls[7]), nullable_text(closed_reason, &nulls[8])};

	store_write_own(ledger, Q_UPDATE_INVOICE, INVOICE, invoice_id, args, nulls, true);
}

/*
 * row_update_invoice
 *		Carry out a verdict on the invoice before.  last_payment_id may be NULL,
 *		and so may closed_reason, which is for one that the verdict closes.  False,
 *		and nothing is done, where it was not locked and has changed meanwhile.
 */
bool
row_update_invoice(Ledger *ledger, const InvoiceRow *before, const InvoiceVerdict *after,
				   const int64 *last_payment_id, text *closed_reason)
{
	bool		changed = after->status != before->state.status;
	bool		paid = changed && after->status == INVOICE_PAID;
	bool		closed = changed && (after->status == INVOICE_REFUNDED ||
									 after->status == INVOICE_VOID);
	int64		actor;
	bool		has_actor = actor_user_id(&actor);
	DirectTable *table = direct_open(ledger, INVOICE, DIRECT_UPDATE);
	Datum		now = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	Datum		values[INVOICE_COLUMNS] = {
		[INVOICE_COL_PAYMENT_COUNT] = Int64GetDatum(after->payment_count),
		[INVOICE_COL_PAID_TIME] = now,
		[INVOICE_COL_CLOSED_TIME] = now,
		[INVOICE_COL_CLOSED_REASON] = PointerGetDatum(closed_reason),
	};
	bool		nulls[INVOICE_COLUMNS] = {
		[INVOICE_COL_LAST_PAYMENT_ID] = last_payment_id == NULL,
		[INVOICE_COL_CLOSED_BY] = !has_actor,
		[INVOICE_COL_CLOSED_REASON] = closed_reason == NULL,
	};
	bool		replaced[INVOICE_COLUMNS] = {
		[INVOICE_COL_STATUS] = true,
		[INVOICE_COL_PAID] = true,
		[INVOICE_COL_PAYMENT_COUNT] = true,
		[INVOICE_COL_LAST_PAYMENT_ID] = true,
		[INVOICE_COL_PAID_TIME] = paid,
		[INVOICE_COL_CLOSED_TIME] = closed,
		[INVOICE_COL_CLOSED_BY] = closed,
		[INVOICE_COL_CLOSED_REASON] = closed,
	};

	if (table == NULL)
	{
		if (!before->locked)
			return false;
		update_invoice_by_sql(ledger, before->invoice_id, after, last_payment_id, paid, closed,
							  has_actor ? &actor : NULL, closed_reason);
		return true;
	}
	if (last_payment_id != NULL)
		values[INVOICE_COL_LAST_PAYMENT_ID] = Int64GetDatum(*last_payment_id);
	if (has_actor)
		values[INVOICE_COL_CLOSED_BY] = Int64GetDatum(actor);
	values[INVOICE_COL_STATUS] = ObjectIdGetDatum(enum_oid(ENUM_INVOICE_STATUS, after->status));
	values[INVOICE_COL_PAID] = money_datum(ledger, after->paid);
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
		Int32GetDatum(line->quantity), money_datum(ledger, line->price),
	nullable_int8(line->product_id, &nulls[4])};

	store_write(ledger, Q_INSERT_LINE, LINE_ITEM, args, nulls);
}
