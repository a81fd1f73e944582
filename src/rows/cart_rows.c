/*
 * cart_rows.c
 *	  A typed function for every SQL text about carts, or what is done instead of
 *	  it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "ledger/catalog.h"
#include "rows/columns.h"
#include "rows/direct.h"
#include "rows/rows.h"
#include "rows/store.h"

static void
read_cart(uint64 row, CartRow *cart)
{
	cart->cart_id = int8_column(row, 1);
	cart->attendee_id = int8_column(row, 2);
	cart->status = enum_column(row, 3, cart_status_names, lengthof(cart_status_names));
	cart->revision = int4_column(row, 4);
	cart->entry_count = int4_column(row, 5);
	cart->lapsed = DatumGetBool(needed_column(row, 6));
}

static bool
query_cart(Ledger *ledger, StoreQuery query, int64 cart_id, CartRow *cart)
{
	Datum		args[] = {Int64GetDatum(cart_id)};

	if (store_run(ledger, query, args, NULL) == 0)
		return false;
	read_cart(0, cart);
	return true;
}

/* As RESERVED_UNTIL in queries.h has it. */
static TimestampTz
reserved_until(DirectTable *table)
{
	return DatumGetTimestampTz(DirectFunctionCall2(timestamp_pl_interval,
												   direct_needed_value(table, CART_COL_TIME_LAST_UPDATED),
												   direct_needed_value(table, CART_COL_RESERVATION_DURATION)));
}

static void
get_cart(DirectTable *table, CartRow *cart)
{
	cart->cart_id = DatumGetInt64(direct_needed_value(table, CART_COL_ID));
	cart->attendee_id = DatumGetInt64(direct_needed_value(table, CART_COL_ATTENDEE_ID));
	cart->status = enum_value(ENUM_CART_STATUS,
							  DatumGetObjectId(direct_needed_value(table, CART_COL_STATUS)));
	cart->revision = DatumGetInt32(direct_needed_value(table, CART_COL_REVISION));
	cart->entry_count = DatumGetInt32(direct_needed_value(table, CART_COL_ENTRY_COUNT));
	cart->lapsed = reserved_until(table) <= GetCurrentTimestamp();
}

bool
row_cart(Ledger *ledger, int64 cart_id, CartRow *cart)
{
	DirectTable *table = direct_open(ledger, CART, DIRECT_READ);

	if (table == NULL)
		return query_cart(ledger, Q_CART, cart_id, cart);
	if (!direct_find_now(table, cart_id))
		return false;
	get_cart(table, cart);
	return true;
}

bool
row_lock_cart(Ledger *ledger, int64 cart_id, CartRow *cart)
{
	DirectTable *table = direct_open(ledger, CART, DIRECT_UPDATE);

	if (table == NULL)
		return query_cart(ledger, Q_LOCK_CART, cart_id, cart);
	if (!direct_lock(table, cart_id))
		return false;
	get_cart(table, cart);
	return true;
}

/*
 * row_locked_cart
 *		A cart that this transaction has locked, ready to be written.
 */
bool
row_locked_cart(Ledger *ledger, int64 cart_id, CartRow *cart)
{
	DirectTable *table = direct_open(ledger, CART, DIRECT_UPDATE);

	if (table == NULL)
		return query_cart(ledger, Q_CART, cart_id, cart);
	if (!direct_is_locked(table, cart_id) && !direct_lock(table, cart_id))
		return false;
	get_cart(table, cart);
	return true;
}

/*
 * row_paid_carts
 *		The attendee's paid carts; NULL where SQL would have to look.
 */
int64 *
row_paid_carts(Ledger *ledger, int64 attendee_id, int *ncarts)
{
	DirectTable *table = direct_open(ledger, CART, DIRECT_LIST);
	DirectList	list;
	int			capacity = 8;
	int64	   *cart_ids;

	if (table == NULL)
		return NULL;
	cart_ids = palloc(capacity * sizeof(int64));
	*ncarts = 0;
	direct_list(&list, table, CART_BY_ATTENDEE, attendee_id, 0);
	while (direct_list_next(&list))
	{
		CHECK_FOR_INTERRUPTS();
		if (enum_value(ENUM_CART_STATUS,
					   DatumGetObjectId(direct_list_needed_value(&list, CART_COL_STATUS))) !=
			CART_STATUS_PAID)
			continue;
		if (*ncarts == capacity)
		{
			capacity *= 2;
			cart_ids = repalloc(cart_ids, capacity * sizeof(int64));
		}
		cart_ids[(*ncarts)++] = DatumGetInt64(direct_list_needed_value(&list, CART_COL_ID));
	}
	direct_list_end(&list);
	return cart_ids;
}

/* row_active_cart: the attendee's active cart; false where there is none. */
bool
row_active_cart(Ledger *ledger, int64 attendee_id, int64 *cart_id)
{
	Datum		args[] = {Int64GetDatum(attendee_id)};

	return key_of_result(store_run(ledger, Q_FIND_ACTIVE_CART, args, NULL), cart_id);
}

/* row_insert_cart: a new active cart; false where there is one. */
bool
row_insert_cart(Ledger *ledger, int64 attendee_id, int64 *cart_id)
{
	Datum		args[] = {Int64GetDatum(attendee_id)};

	return key_of_result(store_run(ledger, Q_INSERT_CART, args, NULL), cart_id);
}

/* row_carts_of_invoices: the carts that these invoices bill. */
int64 *
row_carts_of_invoices(Ledger *ledger, const int64 *invoice_ids, int ninvoices, int *ncarts)
{
	Datum		args[] = {int8_array_datum(invoice_ids, ninvoices)};

	store_run(ledger, Q_CARTS_OF_INVOICES, args, NULL);
	return int8_columns(1, ncarts);
}

/* row_lock_carts: lock carts in the order of their ids; returns them. */
CartRow *
row_lock_carts(Ledger *ledger, const int64 *cart_ids, int ncarts, int *nlocked)
{
	Datum		args[1];
	CartRow    *carts = palloc(Max(ncarts, 1) * sizeof(CartRow));

	if (ncarts == 1)
	{
		*nlocked = row_lock_cart(ledger, cart_ids[0], &carts[0]) ? 1 : 0;
		return carts;
	}
	args[0] = int8_array_datum(cart_ids, ncarts);
	*nlocked = (int) store_run(ledger, Q_LOCK_CARTS, args, NULL);
	for (int i = 0; i < *nlocked; i++)
		read_cart(i, &carts[i]);
	return carts;
}

static int
compare_items(const void *a, const void *b)
{
	int64		left = ((const CartItemRow *) a)->product_id;
	int64		right = ((const CartItemRow *) b)->product_id;

	return left < right ? -1 : left > right;
}

static CartItemRow *
list_items(DirectTable *table, int64 cart_id, int *nitems)
{
	DirectList	list;
	int			capacity = 8;
	CartItemRow *items = palloc(capacity * sizeof(CartItemRow));

	*nitems = 0;
	direct_list(&list, table, CART_ITEM_BY_CART, cart_id, 0);
	while (direct_list_next(&list))
	{
		CHECK_FOR_INTERRUPTS();
		if (*nitems == capacity)
		{
			capacity *= 2;
			items = repalloc_huge(items, capacity * sizeof(CartItemRow));
		}
		items[*nitems].product_id =
			DatumGetInt64(direct_list_needed_value(&list, CART_ITEM_COL_PRODUCT_ID));
		items[*nitems].quantity =
			DatumGetInt32(direct_list_needed_value(&list, CART_ITEM_COL_QUANTITY));
		(*nitems)++;
	}
	direct_list_end(&list);
	qsort(items, *nitems, sizeof(CartItemRow), compare_items);
	return items;
}

/* False, and nothing is done, where SQL has to do it. */
static bool
lock_products_of_cart(Ledger *ledger, int64 cart_id)
{
	DirectTable *products = direct_open(ledger, PRODUCT, DIRECT_UPDATE);
	DirectTable *cart_items = direct_open(ledger, CART_ITEM, DIRECT_LIST);
	int			nitems;
	CartItemRow *items;

	if (products == NULL || cart_items == NULL)
		return false;
	items = list_items(cart_items, cart_id, &nitems);
	for (int i = 0; i < nitems; i++)
		(void) direct_lock(products, items[i].product_id);
	return true;
}

/* row_lock_products_of_carts: in the order of their ids. */
void
row_lock_products_of_carts(Ledger *ledger, const int64 *cart_ids, int ncarts)
{
	Datum		args[1];

	if (ncarts == 1 && lock_products_of_cart(ledger, cart_ids[0]))
		return;
	if (ncarts == 1)
	{
		args[0] = Int64GetDatum(cart_ids[0]);
		store_run(ledger, Q_LOCK_PRODUCTS_OF_CART, args, NULL);
		return;
	}
	args[0] = int8_array_datum(cart_ids, ncarts);
	store_run(ledger, Q_LOCK_PRODUCTS_OF_CARTS, args, NULL);
}

static char *
find_problem(Ledger *ledger, StoreQuery query, int64 cart_id)
{
	Datum		args[] = {Int64GetDatum(cart_id)};

	if (store_run(ledger, query, args, NULL) == 0)
		return NULL;
	return TextDatumGetCString(needed_column(0, 1));
}

/*
 * row_cart_problem
 *		What keeps a cart from being sold, for people; NULL where nothing does.
 */
char *
row_cart_problem(Ledger *ledger, int64 cart_id)
{
	return find_problem(ledger, Q_CART_PROBLEM, cart_id);
}

/* row_reservation_problem: what keeps its items from being reserved. */
char *
row_reservation_problem(Ledger *ledger, int64 cart_id)
{
	return find_problem(ledger, Q_RESERVATION_PROBLEM, cart_id);
}

/* row_stock_problem: what of them is sold out. */
char *
row_stock_problem(Ledger *ledger, int64 cart_id)
{
	return find_problem(ledger, Q_STOCK_PROBLEM, cart_id);
}

/*
 * row_listed_items
 *		What is in a cart, in the order of the products' ids; NULL where SQL would
 *		have to look.
 */
CartItemRow *
row_listed_items(Ledger *ledger, int64 cart_id, int *nitems)
{
	DirectTable *table = direct_open(ledger, CART_ITEM, DIRECT_LIST);

	return table == NULL ? NULL : list_items(table, cart_id, nitems);
}

/* row_cart_items: the same, by SQL if need be. */
CartItemRow *
row_cart_items(Ledger *ledger, int64 cart_id, int *nitems)
{
	Datum		args[] = {Int64GetDatum(cart_id)};
	CartItemRow *items = row_listed_items(ledger, cart_id, nitems);

	if (items != NULL)
		return items;
	*nitems = (int) store_run(ledger, Q_CART_ITEMS, args, NULL);
	items = palloc(Max(*nitems, 1) * sizeof(CartItemRow));
	for (int i = 0; i < *nitems; i++)
	{
		items[i].product_id = int8_column(i, 1);
		items[i].quantity = int4_column(i, 2);
	}
	return items;
}

static int32
find_quantity(Ledger *ledger, StoreQuery query, int64 cart_id, int64 product_id)
{
	Datum		args[] = {Int64GetDatum(cart_id), Int64GetDatum(product_id)};

	return store_run(ledger, query, args, NULL) == 0 ? 0 : int4_column(0, 1);
}

/* row_reserved: how many of a product a cart reserves, lapsed or not. */
int32
row_reserved(Ledger *ledger, int64 cart_id, int64 product_id)
{
	return find_quantity(ledger, Q_RESERVED, cart_id, product_id);
}

/* row_cart_lines: the lines of an invoice for a cart. */
LineItemRow *
row_cart_lines(Ledger *ledger, int64 cart_id, int *nlines)
{
	Datum		args[] = {Int64GetDatum(cart_id)};
	LineItemRow *lines;

	*nlines = (int) store_run(ledger, Q_CART_LINES, args, NULL);
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

/* row_count_entries: items and discounts. */
int64
row_count_entries(Ledger *ledger, int64 cart_id)
{
	Datum		args[] = {Int64GetDatum(cart_id)};

	store_run(ledger, Q_COUNT_ENTRIES, args, NULL);
	return int8_column(0, 1);
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

	if (quantity > 0)
		store_write_own(ledger, Q_SET_ITEM, CART_ITEM, cart_id, args, NULL, true);
	else
		store_write_own(ledger, Q_DELETE_ITEM, CART_ITEM, cart_id, args, NULL, false);
	if (find_quantity(ledger, Q_ITEM, cart_id, product_id) != quantity)
		store_not_written(ledger, CART_ITEM);
}

/* row_amend_cart: the next revision of a cart. */
void
row_amend_cart(Ledger *ledger, int64 cart_id, int64 entry_count)
{
	Datum		args[] = {Int64GetDatum(cart_id), Int32GetDatum((int32) entry_count)};

	store_write_own(ledger, Q_AMEND_CART, CART, cart_id, args, NULL, true);
}

/* row_touch_cart: write a locked cart as it is, as whoever bills it has to. */
void
row_touch_cart(Ledger *ledger, int64 cart_id)
{
	Datum		args[] = {Int64GetDatum(cart_id)};

	store_write_own(ledger, Q_TOUCH_CART, CART, cart_id, args, NULL, true);
}

/* row_renew_cart: what is in a cart is reserved from now on. */
void
row_renew_cart(Ledger *ledger, int64 cart_id)
{
	Datum		args[] = {Int64GetDatum(cart_id)};

	store_write_own(ledger, Q_RENEW_CART, CART, cart_id, args, NULL, true);
}

/* row_cart_grows: whether a cart has more of something than it reserves. */
bool
row_cart_grows(Ledger *ledger, int64 cart_id)
{
	Datum		args[] = {Int64GetDatum(cart_id)};

	return store_run(ledger, Q_CART_GROWS, args, NULL) > 0;
}

/* row_extend_cart: never shortens the reservation. */
void
row_extend_cart(Ledger *ledger, int64 cart_id, Interval *duration)
{
	Datum		args[] = {Int64GetDatum(cart_id), IntervalPGetDatum(duration)};

	store_write_own(ledger, Q_EXTEND_CART, CART, cart_id, args, NULL, true);
}

void
row_set_cart_status(Ledger *ledger, int64 cart_id, CartStatus status)
{
	DirectTable *table = direct_open(ledger, CART, DIRECT_UPDATE);
	Datum		values[CART_COLUMNS];
	bool		nulls[CART_COLUMNS] = {false};
	bool		replaced[CART_COLUMNS] = {[CART_COL_STATUS] = true};

	if (table == NULL)
	{
		Datum		args[] = {Int64GetDatum(cart_id),
		CStringGetTextDatum(cart_status_names[status])};

		store_write_own(ledger, Q_SET_CART_STATUS, CART, cart_id, args, NULL, true);
		return;
	}
	values[CART_COL_STATUS] = ObjectIdGetDatum(enum_oid(ENUM_CART_STATUS, status));
	if (!direct_update(table, cart_id, true, values, nulls, replaced))
		store_not_written(ledger, CART);
}

int64 *
row_unpaid_invoices_of_cart(Ledger *ledger, int64 cart_id, int *ninvoices)
{
	Datum		args[] = {Int64GetDatum(cart_id)};

	store_run(ledger, Q_UNPAID_INVOICES_OF_CART, args, NULL);
	return int8_columns(1, ninvoices);
}

/* row_invoice_of_revision: the invoice of the cart as it is; false for none. */
bool
row_invoice_of_revision(Ledger *ledger, const CartRow *cart, int64 *invoice_id)
{
	Datum		args[] = {Int64GetDatum(cart->cart_id), Int32GetDatum(cart->revision)};

	return key_of_result(store_run(ledger, Q_INVOICE_OF_REVISION, args, NULL), invoice_id);
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

	store_run(ledger, Q_LOCK_EXPIRED, args, NULL);
	return int8_columns(1, nexpired);
}
