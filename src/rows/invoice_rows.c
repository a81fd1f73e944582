/*
 * invoice_rows.c
 *	  Invoices and their lines.
 */
#include "postgres.h"

#include "access/xact.h"
#include "utils/fmgrprotos.h"
#include "utils/timestamp.h"

#include "base/actor_setting.h"
#include "base/array.h"
#include "base/money.h"
#include "rows/cart_rows.h"
#include "rows/invoice_rows.h"
#include "rows/plan.h"
#include "rows/result.h"
#include "rows/row.h"

static void
get_invoice(const Row *row, bool locked, InvoiceRow *invoice)
{
	bool		isnull;
	Datum		revision = row_value(row, INVOICE_COL_CART_REVISION, &isnull);

	*invoice = (InvoiceRow)
	{
		.locked = locked,
		.committed = row_is_committed(row),
		.invoice_id = row_int8(row, INVOICE_COL_ID),
		.attendee_id = row_int8(row, INVOICE_COL_ATTENDEE_ID),
		.cart_revision = isnull ? 0 : DatumGetInt32(revision),
		.state = {
			.status = row_enum(row, INVOICE_COL_STATUS),
			.value = row_money(row, INVOICE_COL_VALUE),
			.paid = row_money(row, INVOICE_COL_PAID),
			.limit = money_max(row->ledger->decimals),
			.payment_count = row_int8(row, INVOICE_COL_PAYMENT_COUNT),
		},
	};
	invoice->has_payment = row_int8_or_null(row, INVOICE_COL_LAST_PAYMENT_ID,
											&invoice->last_payment_id);
	invoice->has_cart = row_int8_or_null(row, INVOICE_COL_CART_ID, &invoice->cart_id);
	invoice->is_successor = row_int8_or_null(row, INVOICE_COL_REPLACES, &invoice->replaces);
}

bool
row_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *invoice)
{
	Row			row;

	if (!row_find(ledger, INVOICE, invoice_id, &row))
		return false;
	get_invoice(&row, false, invoice);
	return true;
}

/* row_invoice_owner: only whose it is. */
bool
row_invoice_owner(Ledger *ledger, int64 invoice_id, int64 *attendee_id)
{
	Row			row;

	if (!row_find(ledger, INVOICE, invoice_id, &row))
		return false;
	*attendee_id = row_int8(&row, INVOICE_COL_ATTENDEE_ID);
	return true;
}

/* row_invoice_cart: only the cart that it bills; false where there is none. */
bool
row_invoice_cart(Ledger *ledger, int64 invoice_id, int64 *cart_id)
{
	Row			row;

	return row_find(ledger, INVOICE, invoice_id, &row) &&
		row_int8_or_null(&row, INVOICE_COL_CART_ID, cart_id);
}

bool
row_lock_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *invoice)
{
	Row			row;

	if (!row_lock(ledger, INVOICE, invoice_id, &row))
		return false;
	get_invoice(&row, true, invoice);
	return true;
}

/* row_unpaid_invoices_of_cart: their ids, in order. */
int64 *
row_unpaid_invoices_of_cart(Ledger *ledger, int64 cart_id, int *ninvoices)
{
	RowList		list;
	int64	   *invoice_ids = room_for_one(NULL, 0, sizeof(int64));

	*ninvoices = 0;
	row_list(&list, ledger, INVOICE, INVOICE_BY_CART, cart_id);
	while (row_next(&list))
	{
		if (row_enum(&list.row, INVOICE_COL_STATUS) != INVOICE_UNPAID)
			continue;
		invoice_ids = room_for_one(invoice_ids, *ninvoices, sizeof(int64));
		invoice_ids[(*ninvoices)++] = row_int8(&list.row, INVOICE_COL_ID);
	}
	row_list_end(&list);
	qsort(invoice_ids, *ninvoices, sizeof(int64), compare_int8);
	return invoice_ids;
}

/* row_invoice_of_revision: the invoice of the cart as it is; false for none. */
bool
row_invoice_of_revision(Ledger *ledger, const CartRow *cart, int64 *invoice_id)
{
	RowList		list;
	bool		found = false;

	row_list(&list, ledger, INVOICE, INVOICE_BY_CART, cart->cart_id);
	while (!found && row_next(&list))
	{
		int			status = row_enum(&list.row, INVOICE_COL_STATUS);

		found = row_int4(&list.row, INVOICE_COL_CART_REVISION) == cart->revision &&
			(status == INVOICE_UNPAID || status == INVOICE_PAID);
		*invoice_id = row_int8(&list.row, INVOICE_COL_ID);
	}
	row_list_end(&list);
	return found;
}

/* When a new invoice is due; a cart's never before it is issued. */
static TimestampTz
due_time(Ledger *ledger, const InvoiceRow *invoice, Interval *due)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();

	if (!invoice->has_cart)
		return DatumGetTimestampTz(DirectFunctionCall2(timestamptz_pl_interval,
													   TimestampTzGetDatum(now),
													   IntervalPGetDatum(due)));
	return Max(now, row_reserved_until(ledger, invoice->cart_id));
}

/*
 * row_insert_invoice
 *		An unpaid invoice of this attendee, value and cart, in the place of another if
 *		it is a successor, issued now; due after the given time or, for a cart's, when
 *		its reservation ends.  Returns its id.
 */
int64
row_insert_invoice(Ledger *ledger, const InvoiceRow *invoice, text *recipient, Interval *due)
{
	TimestampTz due_by = due_time(ledger, invoice, due);
	RowValues  *row = begin_values(INVOICE);
	int64		actor;
	Row			written;

	set_int8(row, INVOICE_COL_ATTENDEE_ID, invoice->attendee_id);
	set_value(row, INVOICE_COL_RECIPIENT, PointerGetDatum(recipient));
	set_now(row, INVOICE_COL_ISSUE_TIME);
	set_value(row, INVOICE_COL_DUE_TIME, TimestampTzGetDatum(due_by));
	set_int8_or_null(row, INVOICE_COL_ISSUED_BY, actor_user_id(&actor) ? &actor : NULL);
	set_money(row, INVOICE_COL_VALUE, ledger, invoice->state.value);
	if (invoice->has_cart)
	{
		set_int8(row, INVOICE_COL_CART_ID, invoice->cart_id);
		set_value(row, INVOICE_COL_CART_REVISION, Int32GetDatum(invoice->cart_revision));
	}
	if (invoice->is_successor)
		set_int8(row, INVOICE_COL_REPLACES, invoice->replaces);
	row_insert(ledger, row, &written);
	row_check_time(&written, INVOICE_COL_ISSUE_TIME);
	return row_int8(&written, INVOICE_COL_ID);
}

/*
 * row_update_invoice
 *		Write what a verdict, after, makes of a locked invoice, before.  last_payment_id
 *		may be NULL, and so may closed_reason, which is for one that is closed.
 */
void
row_update_invoice(Ledger *ledger, const InvoiceRow *before, const InvoiceVerdict *after,
				   const int64 *last_payment_id, text *closed_reason)
{
	bool		changed = after->status != before->state.status;
	bool		paid = changed && after->status == INVOICE_PAID;
	bool		closed = changed && (after->status == INVOICE_REFUNDED ||
									 after->status == INVOICE_VOID);
	RowValues  *row = begin_values(INVOICE);
	int64		actor;

	set_enum(row, INVOICE_COL_STATUS, after->status);
	set_money(row, INVOICE_COL_PAID, ledger, after->paid);
	set_int8(row, INVOICE_COL_PAYMENT_COUNT, after->payment_count);
	set_int8_or_null(row, INVOICE_COL_LAST_PAYMENT_ID, last_payment_id);
	if (paid)
		set_now(row, INVOICE_COL_PAID_TIME);
	if (closed)
	{
		set_now(row, INVOICE_COL_CLOSED_TIME);
		set_int8_or_null(row, INVOICE_COL_CLOSED_BY, actor_user_id(&actor) ? &actor : NULL);
		set_text_or_null(row, INVOICE_COL_CLOSED_REASON, closed_reason);
	}
	row_update(ledger, before->invoice_id, row);
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

	return run_query(ledger, Q_TAKES_CREDIT, args, NULL) > 0;
}

void
row_insert_line(Ledger *ledger, int64 invoice_id, const LineItemRow *line)
{
	RowValues  *row = begin_values(LINE_ITEM);

	set_int8(row, LINE_ITEM_COL_INVOICE_ID, invoice_id);
	set_value(row, LINE_ITEM_COL_DESCRIPTION, PointerGetDatum(line->description));
	set_value(row, LINE_ITEM_COL_QUANTITY, Int32GetDatum(line->quantity));
	set_money(row, LINE_ITEM_COL_PRICE, ledger, line->price);
	set_int8_or_null(row, LINE_ITEM_COL_PRODUCT_ID, line->product_id);
	row_insert(ledger, row, NULL);
}

/* row_invoice_lines: the lines of an invoice, in the order of their ids. */
LineItemRow *
row_invoice_lines(Ledger *ledger, int64 invoice_id, int *nlines)
{
	Datum		args[] = {Int64GetDatum(invoice_id)};
	LineItemRow *lines;

	*nlines = (int) run_query(ledger, Q_INVOICE_LINES, args, NULL);
	lines = palloc0(Max(*nlines, 1) * sizeof(LineItemRow));
	for (int i = 0; i < *nlines; i++)
	{
		LineItemRow *line = &lines[i];
		int64		product_id;

		line->line_item_id = int8_column(i, 1);
		line->description = DatumGetTextPCopy(needed_column(i, 2));
		line->quantity = int4_column(i, 3);
		line->price = money_column(ledger, i, 4);
		if (int8_or_null_column(i, 5, &product_id))
		{
			line->product_id = palloc(sizeof(int64));
			*line->product_id = product_id;
		}
	}
	return lines;
}

/*
 * row_invoice_document
 *		As jsonb, in the memory context that the engine was called in; false where
 *		there is no such invoice.
 */
bool
row_invoice_document(Ledger *ledger, int64 invoice_id, Datum *document)
{
	Datum		args[] = {Int64GetDatum(invoice_id)};

	if (run_query(ledger, Q_INVOICE_DOCUMENT, args, NULL) == 0)
		return false;
	*document = copy_result(needed_column(0, 1));
	return true;
}
