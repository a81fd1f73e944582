/*
 * stock.c
 *	  What carts hold and products have: locked, checked, sold and released.
 *
 * Whoever counts stock has the products locked; whoever reserves some writes
 * them too, so that REPEATABLE READ notices.  For the lock order see queries.h.
 */
#include "postgres.h"

#include "base/errors.h"
#include "flow/cart_check.h"
#include "flow/inventory.h"
#include "flow/stock.h"
#include "rows/rows.h"

/* lock_carts: lock carts and the products in them; returns the carts. */
CartRow *
lock_carts(Ledger *ledger, const int64 *cart_ids, int ncarts, int *nlocked)
{
	CartRow    *carts = row_lock_carts(ledger, cart_ids, ncarts, nlocked);

	row_lock_products_of_carts(ledger, cart_ids, ncarts);
	return carts;
}

/*
 * lock_carts_of_invoices
 *		Lock what has to be locked before these invoices are.
 */
void
lock_carts_of_invoices(Ledger *ledger, const int64 *invoice_ids, int ninvoices)
{
	int			ncarts;
	int64	   *cart_ids = row_carts_of_invoices(ledger, invoice_ids, ninvoices, &ncarts);

	if (ncarts > 0)
		lock_carts(ledger, cart_ids, ncarts, &ncarts);
}

static void
refuse_problem(char *problem)
{
	if (problem != NULL)
		ereport(ERROR,
				(errcode(RP_CART_INVALID),
				 errmsg("%s", problem),
				 errdetail("The cart can't be had as it is."),
				 errhint("Change the cart with regpaydb.set_quantity().")));
}

/* check_cart: raise RP005 where a cart can't be invoiced and paid. */
void
check_cart(Ledger *ledger, int64 cart_id)
{
	if (!cart_is_sound(ledger, cart_id, CART_CHECK_ALL))
		refuse_problem(row_cart_problem(ledger, cart_id));
}

/* check_reservation: raise RP005 where what a cart holds can't be reserved. */
void
check_reservation(Ledger *ledger, int64 cart_id)
{
	if (!cart_is_sound(ledger, cart_id, CART_CHECK_STOCK | CART_CHECK_LIMITS))
		refuse_problem(row_reservation_problem(ledger, cart_id));
}

/* check_stock: raise RP005 where what a cart holds is sold out. */
void
check_stock(Ledger *ledger, int64 cart_id)
{
	if (!cart_is_sound(ledger, cart_id, CART_CHECK_STOCK))
		refuse_problem(row_stock_problem(ledger, cart_id));
}

/* reservation_is_possible: whether what a cart holds is not sold out. */
bool
reservation_is_possible(Ledger *ledger, int64 cart_id)
{
	return cart_is_sound(ledger, cart_id, CART_CHECK_STOCK) ||
		row_stock_problem(ledger, cart_id) == NULL;
}

static bool
cart_has_changed(Ledger *ledger, const InvoiceRow *invoice)
{
	CartRow		cart;

	return !row_locked_cart(ledger, invoice->cart_id, &cart) ||
		cart.status != CART_STATUS_ACTIVE || cart.revision != invoice->cart_revision;
}

/*
 * cart_is_unsellable
 *		Whether a locked, unpaid invoice must not become paid: its cart, which is
 *		locked too, has changed, or the items are gone.
 */
bool
cart_is_unsellable(Ledger *ledger, const InvoiceRow *invoice)
{
	if (!invoice->has_cart)
		return false;
	if (cart_has_changed(ledger, invoice))
		return true;
	return !(invoice->inventory != NULL &&
			 inventory_suffices(invoice->inventory, invoice->cart_id)) &&
		!reservation_is_possible(ledger, invoice->cart_id);
}

/*
 * cart_is_invalid
 *		Whether the cart of a locked, unpaid invoice has changed, or does not
 *		validate any more for whatever reason.
 */
bool
cart_is_invalid(Ledger *ledger, const InvoiceRow *invoice)
{
	return invoice->has_cart &&
		(cart_has_changed(ledger, invoice) ||
		 (!cart_is_sound(ledger, invoice->cart_id, CART_CHECK_ALL) &&
		  row_cart_problem(ledger, invoice->cart_id) != NULL));
}

static void
change_sold(Ledger *ledger, int64 cart_id, int sign)
{
	int			nitems;
	CartItemRow *items = row_cart_items(ledger, cart_id, &nitems);

	for (int i = 0; i < nitems; i++)
		row_change_sold(ledger, items[i].product_id, sign * items[i].quantity);
}

/*
 * sell_cart
 *		The locked, active cart of an invoice is paid for; its items are reserved
 *		for ever.
 *
 * Its status comes first: from then on no trigger's function changes it.
 */
void
sell_cart(Ledger *ledger, const InvoiceRow *invoice)
{
	row_set_cart_status(ledger, invoice->cart_id, CART_STATUS_PAID);
	if (invoice->inventory != NULL && inventory_sell(invoice->inventory, invoice->cart_id))
		return;
	change_sold(ledger, invoice->cart_id, 1);
	row_release_items(ledger, invoice->cart_id);
}

/* release_cart: the items of a locked, paid cart can be bought again. */
void
release_cart(Ledger *ledger, const InvoiceRow *invoice)
{
	row_set_cart_status(ledger, invoice->cart_id, CART_STATUS_RELEASED);
	if (invoice->inventory != NULL && inventory_take_back(invoice->inventory, invoice->cart_id))
		return;
	change_sold(ledger, invoice->cart_id, -1);
}
