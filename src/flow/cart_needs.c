/*
 * cart_needs.c
 *	  What a cart has to take, or give back, to have what is in it.
 */
#include "postgres.h"

#include "flow/cart_needs.h"
#include "rows/cart_rows.h"
#include "rows/reservation_rows.h"

static void
add_change(CartNeeds *needs, int64 product_id, int64 quantity)
{
	if (quantity == 0)
		return;
	needs->changes[needs->nchanges++] = (StockChange)
	{
		product_id, quantity
	};
	needs->gives = needs->gives || quantity < 0;
}

/* What is reserved of a product; nothing where there is no such row. */
static ReservationRow
find_reservation(const ReservationRow *reservations, int nreservations, int64 product_id)
{
	for (int i = 0; i < nreservations; i++)
		if (reservations[i].product_id == product_id)
			return reservations[i];
	return (ReservationRow)
	{
		.product_id = product_id
	};
}

static bool
is_in_cart(const CartNeeds *needs, int64 product_id)
{
	for (int i = 0; i < needs->nitems; i++)
		if (needs->items[i].product_id == product_id)
			return true;
	return false;
}

/* find_cart_needs: of a locked cart. */
void
find_cart_needs(Ledger *ledger, int64 cart_id, CartNeeds *needs)
{
	int			nreservations;
	ReservationRow *reservations = row_reservations(ledger, cart_id, &nreservations);

	memset(needs, 0, sizeof(*needs));
	needs->items = row_cart_items(ledger, cart_id, &needs->nitems);
	needs->changes = palloc(Max(2 * needs->nitems + nreservations, 1) * sizeof(StockChange));
	for (int i = 0; i < needs->nitems; i++)
	{
		const CartItemRow *item = &needs->items[i];
		ReservationRow row = find_reservation(reservations, nreservations, item->product_id);
		int64		held = row.held ? row.quantity : 0;

		needs->grows = needs->grows || item->quantity > row.quantity;
		add_change(needs, item->product_id, row.lapsed ? item->quantity : item->quantity - held);
		if (row.lapsed)
			add_change(needs, item->product_id, -held);
	}
	for (int i = 0; i < nreservations; i++)
		if (reservations[i].held && !is_in_cart(needs, reservations[i].product_id))
			add_change(needs, reservations[i].product_id, -reservations[i].quantity);
}

/*
 * reserve_cart
 *		A cart reserves what is in it; but has none of what it could not take, unless
 *		all was taken.
 */
void
reserve_cart(Ledger *ledger, int64 cart_id, const CartNeeds *needs, bool taken)
{
	ReservationRow *rows = palloc(Max(needs->nitems, 1) * sizeof(ReservationRow));

	for (int i = 0; i < needs->nitems; i++)
	{
		rows[i] = (ReservationRow)
		{
			.product_id = needs->items[i].product_id,
			.quantity = needs->items[i].quantity,
			.held = true
		};
		for (int j = 0; j < needs->nchanges && !taken; j++)
			if (needs->changes[j].product_id == rows[i].product_id &&
				needs->changes[j].quantity > 0)
				rows[i].held = false;
	}
	row_reserve_items(ledger, cart_id, rows, needs->nitems);
}
