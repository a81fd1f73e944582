/*
 * product_rows.c
 *	  Products and what carts reserve of them.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "utils/builtins.h"

#include "base/array.h"
#include "rows/plan.h"
#include "rows/product_rows.h"
#include "rows/result.h"
#include "rows/row.h"

/* ---- products ---- */

/* row_product: a product as it is now; false where there is none. */
bool
row_product(Ledger *ledger, int64 product_id, ProductRow *product)
{
	Row			row;

	if (!row_find(ledger, PRODUCT, product_id, &row))
		return false;
	product->product_id = product_id;
	product->category_id = row_int8(&row, PRODUCT_COL_CATEGORY_ID);
	product->stock = row_copy_int4(&row, PRODUCT_COL_STOCK);
	product->limit_per_attendee = row_copy_int4(&row, PRODUCT_COL_LIMIT);
	product->sold = row_int8(&row, PRODUCT_COL_SOLD);
	return true;
}

/* row_lock_product: false where there is none. */
bool
row_lock_product(Ledger *ledger, int64 product_id)
{
	Row			row;

	return row_lock(ledger, PRODUCT, product_id, &row);
}

bool
row_product_exists(Ledger *ledger, int64 product_id)
{
	Row			row;

	return row_find(ledger, PRODUCT, product_id, &row);
}

/* row_available_stock: what is neither sold nor reserved, by anybody. */
bool
row_available_stock(Ledger *ledger, int64 product_id, int64 *available, bool *unlimited)
{
	Datum		args[] = {Int64GetDatum(product_id)};

	if (run_query(ledger, Q_PRODUCT, args, NULL) == 0)
		return false;
	SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, unlimited);
	*available = *unlimited ? 0 : int8_column(0, 2);
	return true;
}

/*
 * row_change_sold
 *		So many more of a locked product are sold.  With 0 the row is written as it is:
 *		whoever reserves stock has to, so that REPEATABLE READ notices.
 */
void
row_change_sold(Ledger *ledger, int64 product_id, int64 quantity)
{
	RowValues  *values = begin_values(PRODUCT);
	Row			row;

	if (!row_lock(ledger, PRODUCT, product_id, &row))
		row_not_written(ledger, PRODUCT);
	set_value(values, PRODUCT_COL_SOLD,
			  DirectFunctionCall2(int8pl, row_needed(&row, PRODUCT_COL_SOLD),
								  Int64GetDatum(quantity)));
	row_update(ledger, product_id, values);
}

/* row_categories: all of them. */
CategoryRow *
row_categories(Ledger *ledger, int *ncategories)
{
	RowList		list;
	CategoryRow *categories = room_for_one(NULL, 0, sizeof(CategoryRow));

	*ncategories = 0;
	row_list_all(&list, ledger, CATEGORY);
	while (row_next(&list))
	{
		categories = room_for_one(categories, *ncategories, sizeof(CategoryRow));
		categories[(*ncategories)++] = (CategoryRow)
		{
			.category_id = row_int8(&list.row, CATEGORY_COL_ID),
			.required = row_bool(&list.row, CATEGORY_COL_REQUIRED),
			.limit_per_attendee = row_copy_int4(&list.row, CATEGORY_COL_LIMIT),
		};
	}
	row_list_end(&list);
	return categories;
}

/* ---- reservations ---- */

/* What carts reserve in a list of reservations, but for one of them, if any. */
static int64
add_up_others(RowList *list, const int64 *cart_id)
{
	int64		quantity = 0;

	while (row_next(list))
		if (cart_id == NULL || row_int8(&list->row, RESERVATION_COL_CART_ID) != *cart_id)
			quantity += row_int4(&list->row, RESERVATION_COL_QUANTITY);
	row_list_end(list);
	return quantity;
}

/*
 * row_reserved_by_others
 *		How many of a product carts, but for the given one, if any, keep from being
 *		sold just now.
 */
int64
row_reserved_by_others(Ledger *ledger, int64 product_id, const int64 *cart_id)
{
	RowList		list;

	row_list(&list, ledger, RESERVATION, RESERVATION_BY_PRODUCT, product_id,
			 GetCurrentTransactionStartTimestamp());
	return add_up_others(&list, cart_id);
}

/*
 * row_reserved_at_most
 *		The same or more, in a fraction of the time: reservations that are gone are
 *		counted where an index still has them.
 */
int64
row_reserved_at_most(Ledger *ledger, int64 product_id, const int64 *cart_id)
{
	RowList		list;

	row_list_at_least(&list, ledger, RESERVATION, RESERVATION_BY_PRODUCT, product_id,
					  GetCurrentTransactionStartTimestamp());
	return add_up_others(&list, cart_id);
}

/* row_reservations: what a cart reserves. */
ReservationRow *
row_reservations(Ledger *ledger, int64 cart_id, int *nreservations)
{
	RowList		list;
	ReservationRow *reservations = room_for_one(NULL, 0, sizeof(ReservationRow));

	*nreservations = 0;
	row_list(&list, ledger, RESERVATION, RESERVATION_BY_CART, cart_id, 0);
	while (row_next(&list))
	{
		reservations = room_for_one(reservations, *nreservations, sizeof(ReservationRow));
		reservations[(*nreservations)++] = (ReservationRow)
		{
			row_int8(&list.row, RESERVATION_COL_PRODUCT_ID),
			row_int4(&list.row, RESERVATION_COL_QUANTITY),
			DatumGetTimestampTz(row_needed(&list.row, RESERVATION_COL_RESERVED_UNTIL))
		};
	}
	row_list_end(&list);
	return reservations;
}

/* row_reserved: how many of a product a cart reserves, lapsed or not. */
int32
row_reserved(Ledger *ledger, int64 cart_id, int64 product_id)
{
	int			nreservations;
	ReservationRow *reservations = row_reservations(ledger, cart_id, &nreservations);

	for (int i = 0; i < nreservations; i++)
		if (reservations[i].product_id == product_id)
			return reservations[i].quantity;
	return 0;
}

/* row_release_items: a cart reserves nothing any more. */
void
row_release_items(Ledger *ledger, int64 cart_id)
{
	row_delete_list(ledger, RESERVATION, RESERVATION_BY_CART, cart_id);
}

/* row_move_reservation: a cart's reservation ends when its row says now. */
void
row_move_reservation(Ledger *ledger, int64 cart_id)
{
	Datum		args[] = {Int64GetDatum(cart_id)};

	write_own_by_query(ledger, Q_MOVE_RESERVATION, RESERVATION, cart_id, true, args);
	if (run_query(ledger, Q_MISTIMED_RESERVATION, args, NULL) != 0)
		row_not_written(ledger, RESERVATION);
}

/* row_reserve_items: a cart reserves what is in it. */
void
row_reserve_items(Ledger *ledger, int64 cart_id)
{
	Datum		args[] = {Int64GetDatum(cart_id)};

	row_release_items(ledger, cart_id);
	run_query(ledger, Q_RESERVE_ITEMS, args, NULL);
	if (run_query(ledger, Q_UNRESERVED_ITEMS, args, NULL) != 0)
		row_not_written(ledger, RESERVATION);
}
