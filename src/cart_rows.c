/*
 * cart_rows.c
 *	  A typed function for every SQL text of store.c that is about products and
 *	  carts.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"

#include "columns.h"
#include "rows.h"
#include "store.h"

const char *const cart_status_names[] = {
	[CART_STATUS_ACTIVE] = "active",
	[CART_STATUS_PAID] = "paid",
	[CART_STATUS_RELEASED] = "released",
};

/* ---- products ---- */

bool
row_product_exists(Ledger *ledger, int64 product_id)
{
	Datum		args[] = {Int64GetDatum(product_id)};

	return store_run(ledger, Q_PRODUCT, args, NULL) > 0;
}

/* row_available_stock: what is neither sold nor reserved, by anybody. */
bool
row_available_stock(Ledger *ledger, int64 product_id, int64 *available, bool *unlimited)
{
	Datum		args[] = {Int64GetDatum(product_id)};

	if (store_run(ledger, Q_PRODUCT, args, NULL) == 0)
		return false;
	SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, unlimited);
	*available = *unlimited ? 0 : int8_column(0, 2);
	return true;
}

/*
 * row_touch_products
 *		Write the locked products of a cart, as whoever reserves stock has to.
 */
void
row_touch_products(Ledger *ledger, int64 cart_id)
{
	Datum		args[] = {Int64GetDatum(cart_id)};
	int			nitems;

	row_cart_items(ledger, cart_id, &nitems);
	if (store_run(ledger, Q_TOUCH_PRODUCTS, args, NULL) != (uint64) nitems)
		store_not_written(ledger, PRODUCT);
}

void
row_change_sold(Ledger *ledger, int64 product_id, int32 quantity)
{
	Datum		args[] = {Int64GetDatum(product_id), Int32GetDatum(quantity)};

	store_write_own(ledger, Q_CHANGE_SOLD, PRODUCT, product_id, args, NULL, true);
}

/* ---- carts ---- */

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
find_cart(Ledger *ledger, StoreQuery query, int64 cart_id, CartRow *cart)
{
	Datum		args[] = {Int64GetDatum(cart_id)};

	if (store_run(ledger, query, args, NULL) == 0)
		return false;
	read_cart(0, cart);
	return true;
}

bool
row_cart(Ledger *ledger, int64 cart_id, CartRow *cart)
{
	return find_cart(ledger, Q_CART, cart_id, cart);
}

bool
row_lock_cart(Ledger *ledger, int64 cart_id, CartRow *cart)
{
	return find_cart(ledger, Q_LOCK_CART, cart_id, cart);
}

/* row_active_cart: the attendee's active cart, or 0. */
int64
row_active_cart(Ledger *ledger, int64 attendee_id)
{
	Datum		args[] = {Int64GetDatum(attendee_id)};

	return store_run(ledger, Q_FIND_ACTIVE_CART, args, NULL) == 0 ? 0 : int8_column(0, 1);
}

/* row_insert_cart: a new active cart, or 0 where there is one. */
int64
row_insert_cart(Ledger *ledger, int64 attendee_id)
{
	Datum		args[] = {Int64GetDatum(attendee_id)};

	return store_run(ledger, Q_INSERT_CART, args, NULL) == 0 ? 0 : int8_column(0, 1);
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

/* row_lock_products_of_carts: in the order of their ids. */
void
row_lock_products_of_carts(Ledger *ledger, const int64 *cart_ids, int ncarts)
{
	Datum		args[1];

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

CartItemRow *
row_cart_items(Ledger *ledger, int64 cart_id, int *nitems)
{
	Datum		args[] = {Int64GetDatum(cart_id)};
	CartItemRow *items;

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
		lines[i].price = money_column(i, 3);
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
	Datum		args[] = {Int64GetDatum(cart_id),
	CStringGetTextDatum(cart_status_names[status])};

	store_write_own(ledger, Q_SET_CART_STATUS, CART, cart_id, args, NULL, true);
}

/* row_release_items: a cart reserves nothing any more. */
void
row_release_items(Ledger *ledger, int64 cart_id)
{
	Datum		args[] = {Int64GetDatum(cart_id)};

	store_write_own(ledger, Q_RELEASE_ITEMS, RESERVATION, cart_id, args, NULL, false);
	if (store_run(ledger, Q_HOLDS_ITEMS, args, NULL) != 0)
		store_not_written(ledger, RESERVATION);
}

/* row_move_reservation: a cart's reservation ends when its row says now. */
void
row_move_reservation(Ledger *ledger, int64 cart_id)
{
	Datum		args[] = {Int64GetDatum(cart_id)};

	store_write_own(ledger, Q_MOVE_RESERVATION, RESERVATION, cart_id, args, NULL, false);
	if (store_run(ledger, Q_MISTIMED_RESERVATION, args, NULL) != 0)
		store_not_written(ledger, RESERVATION);
}

/* row_reserve_items: a cart reserves what is in it. */
void
row_reserve_items(Ledger *ledger, int64 cart_id)
{
	Datum		args[] = {Int64GetDatum(cart_id)};

	row_release_items(ledger, cart_id);
	store_run(ledger, Q_RESERVE_ITEMS, args, NULL);
	if (store_run(ledger, Q_UNRESERVED_ITEMS, args, NULL) != 0)
		store_not_written(ledger, RESERVATION);
}

int64 *
row_unpaid_invoices_of_cart(Ledger *ledger, int64 cart_id, int *ninvoices)
{
	Datum		args[] = {Int64GetDatum(cart_id)};

	store_run(ledger, Q_UNPAID_INVOICES_OF_CART, args, NULL);
	return int8_columns(1, ninvoices);
}

/* row_invoice_of_revision: the invoice of the cart as it is, or 0. */
int64
row_invoice_of_revision(Ledger *ledger, const CartRow *cart)
{
	Datum		args[] = {Int64GetDatum(cart->cart_id), Int32GetDatum(cart->revision)};

	return store_run(ledger, Q_INVOICE_OF_REVISION, args, NULL) == 0 ? 0 : int8_column(0, 1);
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
