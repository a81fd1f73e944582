/*
 * stock.c
 *	  Carts: locked, checked, held, sold and released.
 *
 * For the lock order see query.h.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "base/array.h"
#include "base/errors.h"
#include "flow/cart_check.h"
#include "flow/cart_needs.h"
#include "flow/stock.h"
#include "flow/stock_lock.h"
#include "flow/stock_take.h"
#include "flow/successor.h"
#include "rows/cart_rows.h"
#include "rows/invoice_rows.h"
#include "rows/product_rows.h"
#include "rows/reservation_rows.h"

/* Sort ids and leave each out that is there already; returns how many are left. */
static int
sort_ids(int64 *ids, int nids)
{
	int			n = 0;

	qsort(ids, nids, sizeof(int64), compare_int8);
	for (int i = 0; i < nids; i++)
		if (n == 0 || ids[i] != ids[n - 1])
			ids[n++] = ids[i];
	return n;
}

/*
 * lock_carts
 *		Lock carts, in the order of their ids; sorts cart_ids, and returns those that
 *		there are.
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
	return carts;
}

/*
 * lock_carts_of_invoices
 *		Lock what has to be locked before these invoices are: the carts that they
 *		bill, if they do; returns them.
 */
CartRow *
lock_carts_of_invoices(Ledger *ledger, const int64 *invoice_ids, int64 ninvoices, int *nlocked)
{
	int64	   *cart_ids = room_for_one(NULL, 0, sizeof(int64));
	int			ncarts = 0;
	CartRow    *carts;

	for (int64 i = 0; i < ninvoices; i++)
	{
		int64		cart_id;

		CHECK_FOR_INTERRUPTS();
		if (!row_invoice_cart(ledger, invoice_ids[i], &cart_id))
			continue;
		cart_ids = room_for_one(cart_ids, ncarts, sizeof(int64));
		cart_ids[ncarts++] = cart_id;
	}
	carts = lock_carts(ledger, cart_ids, ncarts, nlocked);
	pfree(cart_ids);
	return carts;
}

/*
 * Whether a locked, active cart has to take units to be paid: its reservation has
 * lapsed, or had, and its time was set anew when others had its units.
 */
static bool
may_take(Ledger *ledger, const CartRow *cart)
{
	int			nreservations;
	ReservationRow *reservations;
	bool		held = true;

	if (cart->lapsed)
		return true;
	reservations = row_reservations(ledger, cart->cart_id, &nreservations);
	for (int i = 0; i < nreservations; i++)
		held = held && reservations[i].held;
	pfree(reservations);
	return !held;
}

/*
 * lock_stock
 *		Where locked carts may have to take units in a statement that settles several
 *		invoices, or to give them back if they are paid, lock these, too.
 */
void
lock_stock(Ledger *ledger, const CartRow *carts, int ncarts, bool released)
{
	int64	   *cart_ids = palloc(Max(ncarts, 1) * sizeof(int64));
	int			n = 0;

	for (int i = 0; i < ncarts; i++)
		if ((carts[i].status == CART_STATUS_ACTIVE && may_take(ledger, &carts[i])) ||
			(carts[i].status == CART_STATUS_PAID && released))
			cart_ids[n++] = carts[i].cart_id;
	if (n > 0)
		stock_lock(ledger, cart_ids, n);
	pfree(cart_ids);
}

/* A problem, of the kinds in check, that keeps a cart from being sold; NULL for none. */
static char *
cart_problem(Ledger *ledger, int64 cart_id, CartCheck check)
{
	return cart_is_sound(ledger, cart_id, check) ? NULL :
		row_cart_problem(ledger, cart_id, check);
}

pg_noreturn static void
cart_is_refused(const char *problem)
{
	ereport(ERROR,
			(errcode(RP_CART_INVALID),
			 errmsg("%s", problem),
			 errdetail("The cart can't be had as it is."),
			 errhint("Change the cart with regpaydb.set_quantity().")));
}

/* check_cart: raise RP005 where a cart has such a problem. */
void
check_cart(Ledger *ledger, int64 cart_id, CartCheck check)
{
	char	   *problem = cart_problem(ledger, cart_id, check);

	if (problem != NULL)
		cart_is_refused(problem);
}

/*
 * check_still_wrong
 *		Raise 40001 for a cart that could not be had, though nothing is wrong with it by
 *		now: others had what is in it, and have given it back.
 */
void
check_still_wrong(Ledger *ledger, int64 cart_id)
{
	int			nitems;
	CartItemRow *items = row_cart_items(ledger, cart_id, &nitems);

	for (int i = 0; i < nitems; i++)
		if (!row_product_exists(ledger, items[i].product_id))
			return;
	if (cart_is_possible(ledger, cart_id, CART_CHECK_STOCK))
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("what is in cart " INT64_FORMAT " was just bought and given back by others",
						cart_id),
				 errhint("Retry the transaction.")));
}

/*
 * refuse_cart
 *		Raise RP005 for a cart of which not all could be taken, for a problem of the
 *		kinds in check if there is one.
 */
void
refuse_cart(Ledger *ledger, int64 cart_id, CartCheck check)
{
	check_cart(ledger, cart_id, check);
	cart_is_refused("what is in the cart is sold out");
}

/*
 * hold_cart
 *		Take the units of a locked cart that it has not, or whose reservation has
 *		lapsed; false where they can't be had, and it has none of these then.
 */
bool
hold_cart(Ledger *ledger, int64 cart_id)
{
	CartNeeds	needs;
	bool		held;

	find_cart_needs(ledger, cart_id, &needs);
	if (needs.nchanges == 0)
		return true;
	held = stock_take(ledger, needs.changes, needs.nchanges, cart_id);
	reserve_cart(ledger, cart_id, &needs, held);
	return held;
}

/* cart_is_possible: whether a cart has no problem of the kinds in check. */
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
	return cart_has_changed(ledger, invoice) || !hold_cart(ledger, invoice->cart_id);
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

/*
 * sell_cart
 *		The locked, active cart of an invoice is paid for; its items are reserved
 *		for ever.  Raises RP005 where they can't be had after all.
 *
 * Its status comes first: from then on no trigger's function changes it.
 */
void
sell_cart(Ledger *ledger, const InvoiceRow *invoice)
{
	if (!hold_cart(ledger, invoice->cart_id))
		refuse_cart(ledger, invoice->cart_id, CART_CHECK_STOCK);
	row_set_cart_status(ledger, invoice->cart_id, CART_STATUS_PAID);
	row_release_items(ledger, invoice->cart_id);
}

/*
 * release_cart
 *		The items of a locked, paid cart can be bought again; but those that go to a
 *		successor, if it is not NULL, are its, in a cart of its own.
 */
void
release_cart(Ledger *ledger, const InvoiceRow *invoice, Successor *successor)
{
	int			nitems;
	CartItemRow *items = row_cart_items(ledger, invoice->cart_id, &nitems);
	StockChange *changes = palloc(Max(nitems, 1) * sizeof(StockChange));
	int			nchanges = 0;

	for (int i = 0; i < nitems; i++)
	{
		int32		kept = successor == NULL ? 0 : successor_keeps(successor, items[i].product_id);

		if (items[i].quantity > kept)
			changes[nchanges++] = (StockChange)
		{
			items[i].product_id, kept - items[i].quantity
		};
	}
	(void) stock_take(ledger, changes, nchanges, invoice->cart_id);
	row_set_cart_status(ledger, invoice->cart_id, CART_STATUS_RELEASED);
	if (successor != NULL)
		make_successor_cart(ledger, invoice, successor);
}
