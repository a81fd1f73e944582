/*
 * stock.c
 *	  What carts hold and products have: locked, checked, sold and released.
 *
 * Whoever counts stock has the products locked; whoever reserves some writes
 * them too, so that REPEATABLE READ notices.  For the lock order see query.h.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "base/array.h"
#include "base/errors.h"
#include "flow/cart_check.h"
#include "flow/inventory.h"
#include "flow/stock.h"
#include "rows/cart_rows.h"
#include "rows/invoice_rows.h"
#include "rows/product_rows.h"

static int
compare_ids(const void *a, const void *b)
{
	int64		left = *(const int64 *) a;
	int64		right = *(const int64 *) b;

	return left < right ? -1 : left > right;
}

/* Sort ids and leave each out that is there already; returns how many are left. */
static int
sort_ids(int64 *ids, int nids)
{
	int			n = 0;

	qsort(ids, nids, sizeof(int64), compare_ids);
	for (int i = 0; i < nids; i++)
		if (n == 0 || ids[i] != ids[n - 1])
			ids[n++] = ids[i];
	return n;
}

/* lock_products: lock what is in carts, in the order of the products' ids. */
void
lock_products(Ledger *ledger, const int64 *cart_ids, int ncarts)
{
	int64	   *product_ids = room_for_one(NULL, 0, sizeof(int64));
	int			nproducts = 0;

	for (int i = 0; i < ncarts; i++)
	{
		int			nitems;
		CartItemRow *items = row_cart_items(ledger, cart_ids[i], &nitems);

		for (int j = 0; j < nitems; j++)
		{
			product_ids = room_for_one(product_ids, nproducts, sizeof(int64));
			product_ids[nproducts++] = items[j].product_id;
		}
		pfree(items);
	}
	nproducts = sort_ids(product_ids, nproducts);
	for (int i = 0; i < nproducts; i++)
	{
		CHECK_FOR_INTERRUPTS();
		(void) row_lock_product(ledger, product_ids[i]);
	}
	pfree(product_ids);
}

/*
 * lock_carts
 *		Lock carts, in the order of their ids, and the products in them; sorts
 *		cart_ids, and returns those that there are.
 */
CartRow *
lock_carts(Ledger *ledger, int64 *cart_ids, int ncarts, int *nlocked)
{
	CartRow    *carts = palloc(Max(ncarts, 1) * sizeof(CartRow));

	*nlocked = 0;
	ncarts = sort_ids(cart_ids, ncarts);
	for (int i = 0; i < ncarts; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (row_lock_cart(ledger, cart_ids[i], &carts[*nlocked]))
			(*nlocked)++;
	}
	lock_products(ledger, cart_ids, ncarts);
	return carts;
}

/*
 * lock_carts_of_invoices
 *		Lock what has to be locked before these invoices are: the carts that they
 *		bill, if they do, and what is in them.  Returns how many these are.
 */
int
lock_carts_of_invoices(Ledger *ledger, const int64 *invoice_ids, int64 ninvoices)
{
	int64	   *cart_ids = NULL;
	int			ncarts = 0;
	int			nlocked = 0;

	for (int64 i = 0; i < ninvoices; i++)
	{
		int64		cart_id;

		CHECK_FOR_INTERRUPTS();
		if (!row_invoice_cart(ledger, invoice_ids[i], &cart_id))
			continue;
		cart_ids = room_for_one(cart_ids, ncarts, sizeof(int64));
		cart_ids[ncarts++] = cart_id;
	}
	if (ncarts > 0)
	{
		pfree(lock_carts(ledger, cart_ids, ncarts, &nlocked));
		pfree(cart_ids);
	}
	return nlocked;
}

/* A problem, of the kinds in check, that keeps a cart from being sold; NULL for none. */
static char *
cart_problem(Ledger *ledger, int64 cart_id, CartCheck check)
{
	return cart_is_sound(ledger, cart_id, check) ? NULL :
		row_cart_problem(ledger, cart_id, check);
}

/* check_cart: raise RP005 where a cart has such a problem. */
void
check_cart(Ledger *ledger, int64 cart_id, CartCheck check)
{
	char	   *problem = cart_problem(ledger, cart_id, check);

	if (problem != NULL)
		ereport(ERROR,
				(errcode(RP_CART_INVALID),
				 errmsg("%s", problem),
				 errdetail("The cart can't be had as it is."),
				 errhint("Change the cart with regpaydb.set_quantity().")));
}

/* cart_is_possible: whether it has none. */
bool
cart_is_possible(Ledger *ledger, int64 cart_id, CartCheck check)
{
	return cart_problem(ledger, cart_id, check) == NULL;
}

static bool
cart_has_changed(Ledger *ledger, const InvoiceRow *invoice)
{
	CartRow		cart;

	return !row_lock_cart(ledger, invoice->cart_id, &cart) ||
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
		!cart_is_possible(ledger, invoice->cart_id, CART_CHECK_STOCK);
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
		 !cart_is_possible(ledger, invoice->cart_id, CART_CHECK_ALL));
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

/*
 * touch_products
 *		Write the locked products of a cart as they are, as whoever reserves stock
 *		has to.
 */
void
touch_products(Ledger *ledger, int64 cart_id)
{
	change_sold(ledger, cart_id, 0);
}
