/*
 * product_rows.c
 *	  Products and what carts reserve of them: a typed function for every SQL
 *	  text about them, or what is done instead of it.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "utils/builtins.h"

#include "rows/columns.h"
#include "rows/direct.h"
#include "rows/rows.h"
#include "rows/store.h"

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
row_change_sold(Ledger *ledger, int64 product_id, int64 quantity)
{
	Datum		args[] = {Int64GetDatum(product_id), Int64GetDatum(quantity)};
	DirectTable *table = direct_open(ledger, PRODUCT, DIRECT_UPDATE);
	Datum		values[PRODUCT_COLUMNS];
	bool		nulls[PRODUCT_COLUMNS] = {false};
	bool		replaced[PRODUCT_COLUMNS] = {[PRODUCT_COL_SOLD] = true};

	if (table == NULL)
	{
		store_write_own(ledger, Q_CHANGE_SOLD, PRODUCT, product_id, args, NULL, true);
		return;
	}
	if (!direct_is_locked(table, product_id) && !direct_lock(table, product_id))
		store_not_written(ledger, PRODUCT);
	values[PRODUCT_COL_SOLD] =
		DirectFunctionCall2(int8pl, direct_needed_value(table, PRODUCT_COL_SOLD),
							Int64GetDatum(quantity));
	if (!direct_update(table, product_id, true, values, nulls, replaced))
		store_not_written(ledger, PRODUCT);
}

static int32 *
copy_int4(DirectTable *table, int column)
{
	bool		isnull;
	Datum		value = direct_value(table, column, &isnull);
	int32	   *copy;

	if (isnull)
		return NULL;
	copy = palloc(sizeof(int32));
	*copy = DatumGetInt32(value);
	return copy;
}

/*
 * row_product
 *		A product as it is now; false where there is none or SQL would have to
 *		look.
 */
bool
row_product(Ledger *ledger, int64 product_id, ProductRow *row)
{
	DirectTable *table = direct_open(ledger, PRODUCT, DIRECT_READ);

	if (table == NULL || !direct_find_now(table, product_id))
		return false;
	row->product_id = product_id;
	row->category_id = DatumGetInt64(direct_needed_value(table, PRODUCT_COL_CATEGORY_ID));
	row->stock = copy_int4(table, PRODUCT_COL_STOCK);
	row->limit_per_attendee = copy_int4(table, PRODUCT_COL_LIMIT);
	row->sold = DatumGetInt64(direct_needed_value(table, PRODUCT_COL_SOLD));
	return true;
}

/* What carts reserve in a list of reservations, but for one of them, if any. */
static int64
add_up_others(DirectList *list, const int64 *cart_id)
{
	int64		quantity = 0;

	while (direct_list_next(list))
	{
		CHECK_FOR_INTERRUPTS();
		if (cart_id == NULL ||
			DatumGetInt64(direct_list_needed_value(list, RESERVATION_COL_CART_ID)) != *cart_id)
			quantity += DatumGetInt32(direct_list_needed_value(list, RESERVATION_COL_QUANTITY));
	}
	direct_list_end(list);
	return quantity;
}

/*
 * row_reserved_by_others
 *		How many of a product carts, but for the given one, keep from being sold
 *		just now; false where SQL has to look.
 */
bool
row_reserved_by_others(Ledger *ledger, int64 product_id, const int64 *cart_id,
					   int64 *quantity)
{
	DirectTable *table = direct_open(ledger, RESERVATION, DIRECT_LIST);
	DirectList	list;

	if (table == NULL)
		return false;
	direct_list(&list, table, RESERVATION_BY_PRODUCT, product_id,
				GetCurrentTransactionStartTimestamp());
	*quantity = add_up_others(&list, cart_id);
	return true;
}

/*
 * row_reserved_at_most
 *		The same or more: reservations that are gone are counted where the index
 *		still has them.  Takes a fraction of the time.  False where that is not
 *		known.
 */
bool
row_reserved_at_most(Ledger *ledger, int64 product_id, const int64 *cart_id,
					 int64 *quantity)
{
	DirectTable *table = direct_open(ledger, RESERVATION, DIRECT_LIST);
	DirectList	list;

	if (table == NULL || !direct_list_entries(&list, table, RESERVATION_BY_PRODUCT, product_id,
											  GetCurrentTransactionStartTimestamp()))
		return false;
	*quantity = add_up_others(&list, cart_id);
	return true;
}

/* row_categories: all of them; NULL where SQL would have to look. */
CategoryRow *
row_categories(Ledger *ledger, int *ncategories)
{
	DirectTable *table = direct_open(ledger, CATEGORY, DIRECT_LIST);
	DirectList	list;
	int			capacity = 16;
	CategoryRow *rows;

	if (table == NULL)
		return NULL;
	rows = palloc(capacity * sizeof(CategoryRow));
	*ncategories = 0;
	direct_list_all(&list, table);
	while (direct_list_next(&list))
	{
		CategoryRow *row;
		Datum		limit;

		if (*ncategories == capacity)
		{
			capacity *= 2;
			rows = repalloc(rows, capacity * sizeof(CategoryRow));
		}
		row = &rows[(*ncategories)++];
		row->category_id = DatumGetInt64(direct_list_needed_value(&list, CATEGORY_COL_ID));
		row->required = DatumGetBool(direct_list_needed_value(&list, CATEGORY_COL_REQUIRED));
		limit = direct_list_value(&list, CATEGORY_COL_LIMIT, &row->unlimited);
		row->limit_per_attendee = row->unlimited ? 0 : DatumGetInt32(limit);
	}
	direct_list_end(&list);
	return rows;
}

/* ---- reservations ---- */

/*
 * row_reservations
 *		What a cart reserves, to be deleted; NULL where SQL would have to do that.
 */
ReservationRow *
row_reservations(Ledger *ledger, int64 cart_id, int *nreservations)
{
	DirectTable *table = direct_open(ledger, RESERVATION, DIRECT_DELETE);
	DirectList	list;
	int			capacity = 8;
	ReservationRow *rows;

	if (table == NULL)
		return NULL;
	rows = palloc(capacity * sizeof(ReservationRow));
	*nreservations = 0;
	direct_list(&list, table, RESERVATION_BY_CART, cart_id, 0);
	while (direct_list_next(&list))
	{
		ReservationRow *row;

		CHECK_FOR_INTERRUPTS();
		if (*nreservations == capacity)
		{
			capacity *= 2;
			rows = repalloc_huge(rows, capacity * sizeof(ReservationRow));
		}
		row = &rows[(*nreservations)++];
		row->tid = *direct_list_tid(&list);
		row->product_id = DatumGetInt64(direct_list_needed_value(&list, RESERVATION_COL_PRODUCT_ID));
		row->quantity = DatumGetInt32(direct_list_needed_value(&list, RESERVATION_COL_QUANTITY));
		row->reserved_until =
			DatumGetTimestampTz(direct_list_needed_value(&list, RESERVATION_COL_RESERVED_UNTIL));
	}
	direct_list_end(&list);
	return rows;
}

/*
 * row_delete_reservations
 *		Delete what row_reservations has found.  False where SQL has to do it, or
 *		what is left of it.
 */
bool
row_delete_reservations(Ledger *ledger, int64 cart_id, ReservationRow *reservations,
						int nreservations)
{
	DirectTable *table = direct_open(ledger, RESERVATION, DIRECT_DELETE);

	if (table == NULL)
		return false;
	for (int i = 0; i < nreservations; i++)
		if (!direct_delete(table, &reservations[i].tid, cart_id))
			return false;
	return true;
}

/* row_release_items: a cart reserves nothing any more. */
void
row_release_items(Ledger *ledger, int64 cart_id)
{
	Datum		args[] = {Int64GetDatum(cart_id)};
	int			nreservations;
	ReservationRow *reservations = row_reservations(ledger, cart_id, &nreservations);

	if (reservations != NULL &&
		row_delete_reservations(ledger, cart_id, reservations, nreservations))
		return;
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
