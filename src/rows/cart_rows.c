/*
 * cart_rows.c
 *	  Carts and what is in them.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/array.h"
#include "rows/cart_rows.h"
#include "rows/plan.h"
#include "rows/result.h"
#include "rows/row.h"

/* ---- carts ---- */

/* As RESERVED_UNTIL in query.h has it. */
static TimestampTz
reserved_until(const Row *row)
{
	return DatumGetTimestampTz(DirectFunctionCall2(timestamp_pl_interval,
												   row_needed(row, CART_COL_TIME_LAST_UPDATED),
												   row_needed(row, CART_COL_RESERVATION_DURATION)));
}

static Interval *
longer(Interval *left, Interval *right)
{
	return DatumGetIntervalP(DirectFunctionCall2(interval_larger, IntervalPGetDatum(left),
												 IntervalPGetDatum(right)));
}

static void
get_cart(const Row *row, CartRow *cart)
{
	cart->cart_id = row_int8(row, CART_COL_ID);
	cart->attendee_id = row_int8(row, CART_COL_ATTENDEE_ID);
	cart->status = row_enum(row, CART_COL_STATUS);
	cart->revision = row_int4(row, CART_COL_REVISION);
	cart->entry_count = row_int4(row, CART_COL_ENTRY_COUNT);
	cart->lapsed = reserved_until(row) <= GetCurrentTimestamp();
}

bool
row_cart(Ledger *ledger, int64 cart_id, CartRow *cart)
{
	Row			row;

	if (!row_find(ledger, CART, cart_id, &row))
		return false;
	get_cart(&row, cart);
	return true;
}

bool
row_lock_cart(Ledger *ledger, int64 cart_id, CartRow *cart)
{
	Row			row;

	if (!row_lock(ledger, CART, cart_id, &row))
		return false;
	get_cart(&row, cart);
	return true;
}

/* Those of an attendee's that have this status. */
static int64 *
carts_of_attendee(Ledger *ledger, int64 attendee_id, CartStatus status, int *ncarts)
{
	RowList		list;
	int64	   *cart_ids = room_for_one(NULL, 0, sizeof(int64));

	*ncarts = 0;
	row_list(&list, ledger, CART, CART_BY_ATTENDEE, attendee_id);
	while (row_next(&list))
	{
		if ((CartStatus) row_enum(&list.row, CART_COL_STATUS) != status)
			continue;
		cart_ids = room_for_one(cart_ids, *ncarts, sizeof(int64));
		cart_ids[(*ncarts)++] = row_int8(&list.row, CART_COL_ID);
	}
	row_list_end(&list);
	return cart_ids;
}

/* row_paid_carts: the attendee's paid carts. */
int64 *
row_paid_carts(Ledger *ledger, int64 attendee_id, int *ncarts)
{
	return carts_of_attendee(ledger, attendee_id, CART_STATUS_PAID, ncarts);
}

/* row_active_cart: the attendee's active cart; false where there is none. */
bool
row_active_cart(Ledger *ledger, int64 attendee_id, int64 *cart_id)
{
	int			ncarts;
	int64	   *cart_ids = carts_of_attendee(ledger, attendee_id, CART_STATUS_ACTIVE, &ncarts);

	if (ncarts > 0)
		*cart_id = cart_ids[0];
	return ncarts > 0;
}

/* row_insert_cart: a new active cart; false where there is one. */
bool
row_insert_cart(Ledger *ledger, int64 attendee_id, int64 *cart_id)
{
	Datum		args[] = {Int64GetDatum(attendee_id)};

	return key_of_result(run_query(ledger, Q_INSERT_CART, args, NULL), cart_id);
}

/* row_insert_paid_cart: a cart that is paid from the start, for so many items and discounts. */
int64
row_insert_paid_cart(Ledger *ledger, int64 attendee_id, int32 nentries)
{
	Datum		args[] = {Int64GetDatum(attendee_id), Int32GetDatum(nentries)};

	write_by_query(ledger, Q_INSERT_PAID_CART, CART, args, NULL);
	return int8_column(0, 1);
}

void
row_set_cart_status(Ledger *ledger, int64 cart_id, CartStatus status)
{
	RowValues  *row = begin_values(CART);

	set_enum(row, CART_COL_STATUS, status);
	row_update(ledger, cart_id, row);
}

/* row_reserved_until: when the reservation of a cart ends. */
TimestampTz
row_reserved_until(Ledger *ledger, int64 cart_id)
{
	Row			row;

	if (!row_find(ledger, CART, cart_id, &row))
		row_not_written(ledger, CART);
	return reserved_until(&row);
}

/*
 * row_cart_problem
 *		A problem, of the kinds in check, that keeps a cart from being sold, in words
 *		for people; NULL for none.
 */
char *
row_cart_problem(Ledger *ledger, int64 cart_id, CartCheck check)
{
	static const EngineQuery queries[] = {
		[CART_CHECK_STOCK] = Q_STOCK_PROBLEM,
		[CART_CHECK_RESERVATION] = Q_RESERVATION_PROBLEM,
		[CART_CHECK_ALL] = Q_CART_PROBLEM,
	};
	Datum		args[] = {Int64GetDatum(cart_id)};

	if (run_query(ledger, queries[check], args, NULL) == 0)
		return NULL;
	return TextDatumGetCString(needed_column(0, 1));
}

/* ---- what is in them ---- */

static int
compare_items(const void *a, const void *b)
{
	int64		left = ((const CartItemRow *) a)->product_id;
	int64		right = ((const CartItemRow *) b)->product_id;

	return left < right ? -1 : left > right;
}

/* row_cart_items: what is in a cart, in the order of the products' ids. */
CartItemRow *
row_cart_items(Ledger *ledger, int64 cart_id, int *nitems)
{
	RowList		list;
	CartItemRow *items = room_for_one(NULL, 0, sizeof(CartItemRow));

	*nitems = 0;
	row_list(&list, ledger, CART_ITEM, CART_ITEM_BY_CART, cart_id);
	while (row_next(&list))
	{
		items = room_for_one(items, *nitems, sizeof(CartItemRow));
		items[(*nitems)++] = (CartItemRow)
		{
			row_int8(&list.row, CART_ITEM_COL_PRODUCT_ID),
			row_int4(&list.row, CART_ITEM_COL_QUANTITY)
		};
	}
	row_list_end(&list);
	qsort(items, *nitems, sizeof(CartItemRow), compare_items);
	return items;
}

/* row_cart_lines: the lines of an invoice for a cart. */
LineItemRow *
row_cart_lines(Ledger *ledger, int64 cart_id, int *nlines)
{
	Datum		args[] = {Int64GetDatum(cart_id)};
	LineItemRow *lines;

	*nlines = (int) run_query(ledger, Q_CART_LINES, args, NULL);
	lines = palloc(Max(*nlines, 1) * sizeof(LineItemRow));
	for (int i = 0; i < *nlines; i++)
	{
		lines[i].description = DatumGetTextPCopy(needed_column(i, 1));
		lines[i].quantity = int4_column(i, 2);
		lines[i].price = money_column(ledger, i, 3);
		lines[i].product_id = palloc(sizeof(int64));
		*lines[i].product_id = int8_column(i, 4);
	}
	return lines;
}

/* row_cart_discounts: those of a cart, in the order of their ids. */
CartDiscountRow *
row_cart_discounts(Ledger *ledger, int64 cart_id, int *ndiscounts)
{
	Datum		args[] = {Int64GetDatum(cart_id)};
	CartDiscountRow *discounts;

	*ndiscounts = (int) run_query(ledger, Q_CART_DISCOUNTS, args, NULL);
	discounts = palloc(Max(*ndiscounts, 1) * sizeof(CartDiscountRow));
	for (int i = 0; i < *ndiscounts; i++)
		discounts[i] = (CartDiscountRow)
	{
		int8_column(i, 1), DatumGetTextPCopy(needed_column(i, 2)),
			int4_column(i, 3), money_column(ledger, i, 4)
	};
	return discounts;
}

void
row_insert_discount(Ledger *ledger, int64 cart_id, const CartDiscountRow *discount)
{
	Datum		args[] = {Int64GetDatum(cart_id), Int64GetDatum(discount->product_id),
		PointerGetDatum(discount->description), Int32GetDatum(discount->quantity),
	money_datum(ledger, discount->amount)};

	write_own_by_query(ledger, Q_INSERT_DISCOUNT, CART_DISCOUNT, cart_id, false, args);
}

/* row_count_entries: items and discounts. */
int
row_count_entries(Ledger *ledger, int64 cart_id)
{
	RowList		list;
	int			nentries;

	(void) row_cart_items(ledger, cart_id, &nentries);
	row_list(&list, ledger, CART_DISCOUNT, CART_DISCOUNT_BY_CART, cart_id);
	while (row_next(&list))
		nentries++;
	row_list_end(&list);
	return nentries;
}

/* Raises 09000 where a trigger has changed it. */
static void
check_item(Ledger *ledger, int32 written, int32 quantity)
{
	if (written != quantity)
		row_not_written(ledger, CART_ITEM);
}

/* A product comes into a cart; false where there is some of it. */
static bool
insert_item(Ledger *ledger, int64 cart_id, int64 product_id, int32 quantity)
{
	RowValues  *row = begin_values(CART_ITEM);
	Row			written;

	set_int8(row, CART_ITEM_COL_CART_ID, cart_id);
	set_int8(row, CART_ITEM_COL_PRODUCT_ID, product_id);
	set_value(row, CART_ITEM_COL_QUANTITY, Int32GetDatum(quantity));
	if (!row_insert_once(ledger, row, &written))
		return false;
	check_item(ledger, row_int8(&written, CART_ITEM_COL_CART_ID) != cart_id ||
			   row_int8(&written, CART_ITEM_COL_PRODUCT_ID) != product_id ? 0 :
			   row_int4(&written, CART_ITEM_COL_QUANTITY), quantity);
	return true;
}

/*
 * row_set_item
 *		A cart has so many of a product; none, for a quantity of 0.
 */
void
row_set_item(Ledger *ledger, int64 cart_id, int64 product_id, int32 quantity)
{
	Datum		args[] = {Int64GetDatum(cart_id), Int64GetDatum(product_id),
	Int32GetDatum(quantity)};
	CartItemRow *items;
	int			nitems;
	int32		written = 0;

	if (quantity > 0 && insert_item(ledger, cart_id, product_id, quantity))
		return;
	if (quantity > 0)
		write_own_by_query(ledger, Q_SET_ITEM, CART_ITEM, cart_id, false, args);
	else
		write_own_by_query(ledger, Q_DELETE_ITEM, CART_ITEM, cart_id, true, args);
	items = row_cart_items(ledger, cart_id, &nitems);
	for (int i = 0; i < nitems; i++)
		if (items[i].product_id == product_id)
			written = items[i].quantity;
	check_item(ledger, written, quantity);
}

/* The longest that a product in a cart asks for; NULL where there is none. */
static Interval *
wanted_duration(Ledger *ledger, int64 cart_id)
{
	int			nitems;
	CartItemRow *items = row_cart_items(ledger, cart_id, &nitems);
	Interval   *wanted = NULL;

	for (int i = 0; i < nitems; i++)
	{
		Row			row;
		Interval   *duration;

		CHECK_FOR_INTERRUPTS();
		if (!row_find(ledger, PRODUCT, items[i].product_id, &row))
			continue;
		duration = palloc(sizeof(Interval));
		*duration = *DatumGetIntervalP(row_needed(&row, PRODUCT_COL_RESERVATION_DURATION));
		wanted = wanted == NULL ? duration : longer(wanted, duration);
	}
	return wanted;
}

/*
 * row_amend_cart
 *		The next revision of a locked cart.  With renew, what is in it is reserved for
 *		the longest of what is left and what the products ask for.
 *
 * Its reservation does not follow: see row_reserve_items().
 */
void
row_amend_cart(Ledger *ledger, int64 cart_id, bool renew)
{
	RowValues  *values = begin_values(CART);
	int			nentries = row_count_entries(ledger, cart_id);
	Interval   *wanted = renew ? wanted_duration(ledger, cart_id) : NULL;
	Datum		now = TimestampTzGetDatum(GetCurrentTransactionStartTimestamp());
	Row			row;

	if (!row_find(ledger, CART, cart_id, &row))
		row_not_written(ledger, CART);
	set_value(values, CART_COL_REVISION, Int32GetDatum(row_int4(&row, CART_COL_REVISION) + 1));
	set_value(values, CART_COL_ENTRY_COUNT, Int32GetDatum(nentries));
	if (renew)
	{
		Interval   *duration = palloc0(sizeof(Interval));
		Datum		left = DirectFunctionCall2(timestamp_mi,
											   TimestampTzGetDatum(reserved_until(&row)), now);

		duration = longer(duration, DatumGetIntervalP(left));
		if (wanted != NULL)
			duration = longer(duration, wanted);
		set_value(values, CART_COL_TIME_LAST_UPDATED, now);
		set_value(values, CART_COL_RESERVATION_DURATION, IntervalPGetDatum(duration));
	}
	row_update(ledger, cart_id, values);
}

/* row_touch_cart: write a locked cart as it is, as whoever bills it has to. */
void
row_touch_cart(Ledger *ledger, const CartRow *cart)
{
	RowValues  *values = begin_values(CART);

	set_value(values, CART_COL_REVISION, Int32GetDatum(cart->revision));
	row_update(ledger, cart->cart_id, values);
}

/* row_extend_cart: never shortens the reservation. */
void
row_extend_cart(Ledger *ledger, int64 cart_id, Interval *duration)
{
	Datum		args[] = {Int64GetDatum(cart_id), IntervalPGetDatum(duration)};

	write_own_by_query(ledger, Q_EXTEND_CART, CART, cart_id, false, args);
}

/*
 * row_lock_expired
 *		Unpaid invoices whose carts can't be sold, limit of them at most; locks
 *		the carts, and passes over those that somebody else has locked.
 */
int64 *
row_lock_expired(Ledger *ledger, int32 limit, int *nexpired)
{
	Datum		args[] = {Int32GetDatum(limit)};

	run_query(ledger, Q_LOCK_EXPIRED, args, NULL);
	return int8_columns(1, nexpired);
}
