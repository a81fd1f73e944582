/*
 * reservation_rows.c
 *	  What carts reserve.
 */
#include "postgres.h"

#include "access/xact.h"
#include "executor/spi.h"
#include "miscadmin.h"

#include "base/array.h"
#include "rows/cart_rows.h"
#include "rows/plan.h"
#include "rows/reservation_rows.h"
#include "rows/result.h"
#include "rows/row.h"

/* row_reservations: what a cart reserves. */
ReservationRow *
row_reservations(Ledger *ledger, int64 cart_id, int *nreservations)
{
	RowList		list;
	ReservationRow *reservations = room_for_one(NULL, 0, sizeof(ReservationRow));

	*nreservations = 0;
	row_list(&list, ledger, RESERVATION, RESERVATION_BY_CART, cart_id);
	while (row_next(&list))
	{
		TimestampTz until =
			DatumGetTimestampTz(row_needed(&list.row, RESERVATION_COL_RESERVED_UNTIL));

		reservations = room_for_one(reservations, *nreservations, sizeof(ReservationRow));
		reservations[(*nreservations)++] = (ReservationRow)
		{
			.product_id = row_int8(&list.row, RESERVATION_COL_PRODUCT_ID),
			.quantity = row_int4(&list.row, RESERVATION_COL_QUANTITY),
			.held = !TIMESTAMP_IS_NOBEGIN(until),
			.lapsed = until <= GetCurrentTransactionStartTimestamp()
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

/* Rows of reservations were written by a query that returns what is not null for each. */
static void
check_written(Ledger *ledger)
{
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		int64		value;

		if (!int8_or_null_column(i, 1, &value))
			row_not_written(ledger, RESERVATION);
	}
}

/* row_move_reservation: a cart's reservation ends when its row says now. */
void
row_move_reservation(Ledger *ledger, int64 cart_id)
{
	Datum		args[] = {Int64GetDatum(cart_id)};

	write_own_by_query(ledger, Q_MOVE_RESERVATION, RESERVATION, cart_id, true, args);
	check_written(ledger);
	if (run_query(ledger, Q_MISTIMED_RESERVATION, args, NULL) != 0)
		row_not_written(ledger, RESERVATION);
}

/* Whether a cart reserves just this. */
static bool
reserves(Ledger *ledger, int64 cart_id, const ReservationRow *rows, int nrows)
{
	int			nfound;
	ReservationRow *found = row_reservations(ledger, cart_id, &nfound);
	int			nequal = 0;

	for (int i = 0; i < nrows; i++)
		for (int j = 0; j < nfound; j++)
			if (found[j].product_id == rows[i].product_id &&
				found[j].quantity == rows[i].quantity && found[j].held == rows[i].held)
				nequal++;
	return nfound == nrows && nequal == nrows;
}

/* row_reserve_items: a locked cart reserves this, and nothing else, until its row says. */
void
row_reserve_items(Ledger *ledger, int64 cart_id, const ReservationRow *rows, int nrows)
{
	Datum		until = TimestampTzGetDatum(row_reserved_until(ledger, cart_id));

	row_release_items(ledger, cart_id);
	for (int i = 0; i < nrows; i++)
	{
		RowValues  *values = begin_values(RESERVATION);

		CHECK_FOR_INTERRUPTS();
		set_int8(values, RESERVATION_COL_CART_ID, cart_id);
		set_int8(values, RESERVATION_COL_PRODUCT_ID, rows[i].product_id);
		set_value(values, RESERVATION_COL_QUANTITY, Int32GetDatum(rows[i].quantity));
		set_value(values, RESERVATION_COL_RESERVED_UNTIL,
				  rows[i].held ? until : TimestampTzGetDatum(DT_NOBEGIN));
		row_insert(ledger, values, NULL);
	}
	if (!reserves(ledger, cart_id, rows, nrows))
		row_not_written(ledger, RESERVATION);
}

/*
 * row_lapsed
 *		Carts but the given one that still have units of a product, or of a category's
 *		products, though their reservation has lapsed, longest ago first, so many at
 *		most; locks them, and passes over those that somebody else has locked.
 */
LapsedRow *
row_lapsed(Ledger *ledger, const StockPool *pool, int64 cart_id, int32 limit, int *nlapsed)
{
	Datum		args[] = {Int64GetDatum(pool->id), Int64GetDatum(cart_id), Int32GetDatum(limit)};
	LapsedRow  *lapsed;

	*nlapsed = (int) run_query(ledger, pool->of_category ? Q_LAPSED_OF_CATEGORY : Q_LAPSED_OF_PRODUCT,
							   args, NULL);
	lapsed = palloc(Max(*nlapsed, 1) * sizeof(LapsedRow));
	for (int i = 0; i < *nlapsed; i++)
		lapsed[i] = (LapsedRow)
	{
		int8_column(i, 1), int8_column(i, 2)
	};
	return lapsed;
}

/* Whether a cart has the units of a product, though its reservation has lapsed. */
static bool
has_lapsed_units(Ledger *ledger, const LapsedRow *lapsed)
{
	int			nreservations;
	ReservationRow *reservations = row_reservations(ledger, lapsed->cart_id, &nreservations);
	bool		found = false;

	for (int i = 0; i < nreservations; i++)
		found = found || (reservations[i].product_id == lapsed->product_id &&
						  reservations[i].held && reservations[i].lapsed);
	pfree(reservations);
	return found;
}

/*
 * row_take_back
 *		Take the units of a lapsed reservation from a locked cart; returns how many,
 *		none where it is no longer so.
 */
int64
row_take_back(Ledger *ledger, const LapsedRow *lapsed)
{
	Datum		args[] = {Int64GetDatum(lapsed->cart_id), Int64GetDatum(lapsed->product_id)};

	write_own_by_query(ledger, Q_TAKE_BACK, RESERVATION, lapsed->cart_id, true, args);
	check_written(ledger);
	if (SPI_processed > 0)
		return int8_column(0, 1);
	if (has_lapsed_units(ledger, lapsed))
		row_not_written(ledger, RESERVATION);
	return 0;
}
