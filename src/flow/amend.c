/*
 * amend.c
 *	  A cart that changes, by set_quantity() or by plain SQL on its items and
 *	  discounts.
 */
#include "postgres.h"

#include "flow/amend.h"
#include "flow/settle.h"
#include "flow/stock.h"
#include "flow/stock_take.h"
#include "rows/cart_rows.h"
#include "rows/invoice_rows.h"
#include "rows/reservation_rows.h"

/*
 * cart_has_lapsed
 *		Whether a locked cart reserves nothing any more.
 */
bool
cart_has_lapsed(Ledger *ledger, int64 cart_id)
{
	CartRow		cart;

	return !row_cart(ledger, cart_id, &cart) || cart.lapsed;
}

static void
add_change(StockChange *changes, int *nchanges, int64 product_id, int64 quantity)
{
	if (quantity != 0)
		changes[(*nchanges)++] = (StockChange)
	{
		product_id, quantity
	};
}

/*
 * What a cart has to take, or give back, to have what is in it.  What has lapsed is
 * given back, and taken anew.
 */
static StockChange *
find_changes(const CartItemRow *items, int nitems, const ReservationRow *reservations,
			 int nreservations, int *nchanges, bool *grows)
{
	StockChange *changes = palloc(Max(2 * nitems + nreservations, 1) * sizeof(StockChange));

	*nchanges = 0;
	*grows = false;
	for (int i = 0; i < nitems; i++)
	{
		int32		reserved = 0;
		int32		held = 0;
		bool		lapsed = false;

		for (int j = 0; j < nreservations; j++)
			if (reservations[j].product_id == items[i].product_id)
			{
				reserved = reservations[j].quantity;
				held = reservations[j].held ? reserved : 0;
				lapsed = reservations[j].lapsed;
			}
		*grows = *grows || items[i].quantity > reserved;
		add_change(changes, nchanges, items[i].product_id,
				   lapsed ? items[i].quantity : (int64) items[i].quantity - held);
		if (lapsed)
			add_change(changes, nchanges, items[i].product_id, -held);
	}
	for (int j = 0; j < nreservations; j++)
	{
		bool		in_cart = false;

		for (int i = 0; i < nitems; i++)
			in_cart = in_cart || items[i].product_id == reservations[j].product_id;
		if (!in_cart && reservations[j].held)
			add_change(changes, nchanges, reservations[j].product_id,
					   -reservations[j].quantity);
	}
	return changes;
}

/*
 * A cart reserves what is in it; but has none of what it could not take, where it
 * could not.
 */
static void
reserve(Ledger *ledger, int64 cart_id, const CartItemRow *items, int nitems,
		const StockChange *changes, int nchanges, bool taken)
{
	ReservationRow *rows = palloc(Max(nitems, 1) * sizeof(ReservationRow));

	for (int i = 0; i < nitems; i++)
	{
		rows[i] = (ReservationRow)
		{
			.product_id = items[i].product_id, .quantity = items[i].quantity, .held = true
		};
		for (int j = 0; j < nchanges && !taken; j++)
			if (changes[j].product_id == items[i].product_id && changes[j].quantity > 0)
				rows[i].held = false;
	}
	row_reserve_items(ledger, cart_id, rows, nitems);
}

/*
 * amend_cart
 *		A locked cart has changed: what it holds is reserved afresh, and the invoice
 *		that billed it as it was is given up.
 *
 * Raises RP005 where there is more in it than before and that can't be had.  A
 * lapsed cart of which less remains, but still more than can be had, stays lapsed:
 * others have what it held.
 */
void
amend_cart(Ledger *ledger, int64 cart_id)
{
	int			nitems;
	int			nreservations;
	int			nchanges;
	bool		grows;
	CartItemRow *items = row_cart_items(ledger, cart_id, &nitems);
	ReservationRow *reservations = row_reservations(ledger, cart_id, &nreservations);
	StockChange *changes = find_changes(items, nitems, reservations, nreservations, &nchanges,
										&grows);
	bool		gives = false;
	bool		held;
	int			ninvoices;
	int64	   *invoice_ids;

	/* What is wrong can't be told any more when something was given back. */
	for (int i = 0; i < nchanges; i++)
		gives = gives || changes[i].quantity < 0;
	if (gives && grows)
		check_cart(ledger, cart_id, CART_CHECK_RESERVATION);
	held = stock_take(ledger, changes, nchanges, cart_id);
	if (!held && grows)
		refuse_cart(ledger, cart_id, CART_CHECK_RESERVATION);
	row_amend_cart(ledger, cart_id, held);
	reserve(ledger, cart_id, items, nitems, changes, nchanges, held);
	if (grows)
		check_cart(ledger, cart_id, CART_CHECK_RESERVATION);

	invoice_ids = row_unpaid_invoices_of_cart(ledger, cart_id, &ninvoices);
	for (int i = 0; i < ninvoices; i++)
	{
		InvoiceRow	invoice;
		int64		credit_note_id;

		if (settle_lock_invoice(ledger, invoice_ids[i], &invoice) &&
			invoice.state.status == INVOICE_UNPAID)
			(void) settle_refund(ledger, &invoice, NULL, &credit_note_id);
	}
}
