/*
 * cart_check.c
 *	  Whether a cart can be sold, found out from the rows in the usual case that
 *	  it can.
 *
 * The view cart_problem says what keeps a cart from being sold, and is asked
 * whenever there may be something.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "base/array.h"
#include "flow/cart_check.h"
#include "rows/cart_rows.h"
#include "rows/product_rows.h"
#include "rows/reservation_rows.h"
#include "rows/row.h"

/* What an attendee has of one product in one cart. */
typedef struct Holding
{
	int64		product_id;
	int64		category_id;
	int32		quantity;
	bool		in_cart;		/* the one that is looked at, else a paid one */
	int32	   *limit;			/* on the product, NULL for none */
} Holding;

typedef struct Holdings
{
	Holding    *holdings;
	int			nholdings;
} Holdings;

/* ---- what the attendee has ---- */

static void
add_holding(Holdings *all, const ProductRow *product, int32 quantity, bool in_cart)
{
	all->holdings = room_for_one(all->holdings, all->nholdings, sizeof(Holding));
	all->holdings[all->nholdings++] = (Holding)
	{
		product->product_id, product->category_id, quantity, in_cart, product->limit_per_attendee
	};
}

/* False where a product is gone. */
static bool
add_paid_carts(Ledger *ledger, const CartRow *cart, Holdings *all)
{
	int			ncarts;
	int64	   *cart_ids = row_paid_carts(ledger, cart->attendee_id, &ncarts);

	for (int i = 0; i < ncarts; i++)
	{
		int			nitems;
		CartItemRow *items;

		if (cart_ids[i] == cart->cart_id)
			continue;
		items = row_cart_items(ledger, cart_ids[i], &nitems);
		for (int j = 0; j < nitems; j++)
		{
			ProductRow	product;

			CHECK_FOR_INTERRUPTS();
			if (!row_product_limit(ledger, items[j].product_id, &product))
				return false;
			add_holding(all, &product, items[j].quantity, false);
		}
	}
	return true;
}

/* ---- what it may have ---- */

/* Whether a cart surely has the units of a product, or there is no limit to them. */
static bool
is_in_stock(Ledger *ledger, const ProductRow *product, const ReservationRow *reservations,
			int nreservations, int32 quantity)
{
	CategoryRow category;

	for (int i = 0; i < nreservations; i++)
		if (reservations[i].product_id == product->product_id && !reservations[i].lapsed &&
			reservations[i].quantity >= quantity)
			return true;
	return !product->has_stock && row_category(ledger, product->category_id, &category) &&
		!category.has_stock;
}

static bool
product_limit_is_kept(const Holdings *all, const Holding *holding)
{
	int64		quantity = 0;

	if (!holding->in_cart || holding->limit == NULL)
		return true;
	for (int i = 0; i < all->nholdings; i++)
		if (all->holdings[i].product_id == holding->product_id)
			quantity += all->holdings[i].quantity;
	return quantity <= *holding->limit;
}

static bool
category_is_kept(const Holdings *all, const CategoryRow *category, CartCheck check)
{
	int64		quantity = 0;
	bool		has_some = false;
	bool		in_cart = false;

	for (int i = 0; i < all->nholdings; i++)
		if (all->holdings[i].category_id == category->category_id)
		{
			has_some = true;
			in_cart = in_cart || all->holdings[i].in_cart;
			quantity += all->holdings[i].quantity;
		}
	if (check == CART_CHECK_ALL && category->required && !has_some)
		return false;
	return category->limit_per_attendee == NULL ||
		!in_cart || quantity <= *category->limit_per_attendee;
}

static bool
rules_are_kept(Ledger *ledger, const Holdings *all, CartCheck check)
{
	int			ncategories;
	CategoryRow *categories = row_categories(ledger, &ncategories);

	for (int i = 0; i < ncategories; i++)
		if (!category_is_kept(all, &categories[i], check))
			return false;
	for (int i = 0; i < all->nholdings; i++)
		if (!product_limit_is_kept(all, &all->holdings[i]))
			return false;
	return true;
}

/* Whether what was read of all of this are the numbers that the tables have. */
static bool
rows_are_exact(Ledger *ledger)
{
	return row_is_exact(ledger, CART_ITEM) && row_is_exact(ledger, PRODUCT) &&
		row_is_exact(ledger, RESERVATION) && row_is_exact(ledger, CATEGORY);
}

/*
 * cart_is_sound
 *		Whether a cart surely has no problem of the kinds in check.  False may also
 *		mean that it is not known.
 */
bool
cart_is_sound(Ledger *ledger, int64 cart_id, CartCheck check)
{
	CartRow		cart;
	Holdings	all = {0};
	int			nitems;
	CartItemRow *items;
	int			nreservations;
	ReservationRow *reservations;

	if (!rows_are_exact(ledger))
		return false;
	items = row_cart_items(ledger, cart_id, &nitems);
	reservations = row_reservations(ledger, cart_id, &nreservations);
	if (nitems == 0 && check == CART_CHECK_ALL)
		return false;
	for (int i = 0; i < nitems; i++)
	{
		ProductRow	product;

		if (!row_product_limit(ledger, items[i].product_id, &product) ||
			!is_in_stock(ledger, &product, reservations, nreservations, items[i].quantity))
			return false;
		add_holding(&all, &product, items[i].quantity, true);
	}
	return check == CART_CHECK_STOCK ||
		(row_cart(ledger, cart_id, &cart) && add_paid_carts(ledger, &cart, &all) &&
		 rules_are_kept(ledger, &all, check));
}
