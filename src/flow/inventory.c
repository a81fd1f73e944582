/*
 * inventory.c
 *	  What is left of products while a statement sells many carts: read once for
 *	  all of them, and written once.
 *
 * Meanwhile the rows of the products lag behind.  Nobody can see that, as they are
 * locked and only the engine's code runs.  Before any other does, or SQL is asked
 * about stock, the inventory has to be written.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "utils/hsearch.h"
#include "utils/memutils.h"

#include "flow/inventory.h"
#include "rows/cart_rows.h"
#include "rows/product_rows.h"
#include "rows/row.h"

/* Of one product; the key comes first. */
typedef struct StockCount
{
	int64		product_id;
	bool		unlimited;
	int64		stock;
	int64		sold;
	int64		reserved;		/* by any cart, and not lapsed */
	int64		unwritten;		/* how much of sold is not in the product's row */
} StockCount;

struct Inventory
{
	Ledger	   *ledger;
	MemoryContext context;
	HTAB	   *counts;
	MemoryContext cart_context;
	bool		has_cart;		/* whether one was looked at, and which was the last */
	int64		cart_id;
	CartItemRow *items;
	int			nitems;
	ReservationRow *reservations;
	int			nreservations;
};

static void
reset_counts(Inventory *inventory)
{
	HASHCTL		ctl = {
		.keysize = sizeof(int64),
		.entrysize = sizeof(StockCount),
		.hcxt = inventory->context,
	};

	if (inventory->counts != NULL)
		hash_destroy(inventory->counts);
	inventory->counts = hash_create("regpaydb inventory", 64, &ctl,
									HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
	inventory->has_cart = false;
}

/* Whether no code but the engine's runs in anything that selling a cart does. */
static bool
is_usable(Ledger *ledger)
{
	return row_runs_no_code(ledger, PRODUCT, ROW_UPDATE) &&
		row_runs_no_code(ledger, CART, ROW_UPDATE) &&
		row_runs_no_code(ledger, CART_ITEM, ROW_LIST) &&
		row_runs_no_code(ledger, RESERVATION, ROW_DELETE) &&
		row_runs_no_code(ledger, INVOICE, ROW_UPDATE) &&
		row_runs_no_code(ledger, OUTBOX, ROW_INSERT);
}

/*
 * inventory_begin
 *		An inventory for the rest of a statement, or NULL where code that is not
 *		the engine's would run meanwhile.  Lives in the current memory context.
 */
Inventory *
inventory_begin(Ledger *ledger)
{
	Inventory  *inventory;

	if (!is_usable(ledger))
		return NULL;
	inventory = palloc0(sizeof(Inventory));
	inventory->ledger = ledger;
	inventory->context = AllocSetContextCreate(CurrentMemoryContext, "regpaydb inventory",
											   ALLOCSET_DEFAULT_SIZES);
	inventory->cart_context = AllocSetContextCreate(inventory->context, "regpaydb cart",
													ALLOCSET_SMALL_SIZES);
	reset_counts(inventory);
	return inventory;
}

/* inventory_write: write what was counted, and count afresh from then on. */
void
inventory_write(Inventory *inventory)
{
	HASH_SEQ_STATUS scan;
	StockCount *count;

	hash_seq_init(&scan, inventory->counts);
	while ((count = hash_seq_search(&scan)) != NULL)
		if (count->unwritten != 0)
			row_change_sold(inventory->ledger, count->product_id, count->unwritten);
	reset_counts(inventory);
}

/* NULL where there is no such product. */
static StockCount *
count_of(Inventory *inventory, int64 product_id)
{
	bool		found;
	StockCount *count = hash_search(inventory->counts, &product_id, HASH_ENTER, &found);
	ProductRow	product;

	if (found)
		return count;
	count->unwritten = 0;
	if (!row_product(inventory->ledger, product_id, &product))
	{
		hash_search(inventory->counts, &product_id, HASH_REMOVE, NULL);
		return NULL;
	}
	count->reserved = row_reserved_by_others(inventory->ledger, product_id, NULL);
	count->unlimited = product.stock == NULL;
	count->stock = count->unlimited ? 0 : *product.stock;
	count->sold = product.sold;
	return count;
}

/*
 * Read a cart, and the counts of all that is in it.  False where a product is
 * gone, or code of somebody else's would run.
 */
static bool
read_cart(Inventory *inventory, int64 cart_id)
{
	MemoryContext save_context;

	if (!is_usable(inventory->ledger))
		return false;
	if (inventory->has_cart && inventory->cart_id == cart_id)
		return true;
	inventory->has_cart = false;
	MemoryContextReset(inventory->cart_context);
	save_context = MemoryContextSwitchTo(inventory->cart_context);
	inventory->items = row_cart_items(inventory->ledger, cart_id, &inventory->nitems);
	inventory->reservations = row_reservations(inventory->ledger, cart_id,
											   &inventory->nreservations);
	MemoryContextSwitchTo(save_context);
	for (int i = 0; i < inventory->nitems; i++)
		if (count_of(inventory, inventory->items[i].product_id) == NULL)
			return false;
	for (int i = 0; i < inventory->nreservations; i++)
		if (count_of(inventory, inventory->reservations[i].product_id) == NULL)
			return false;
	inventory->cart_id = cart_id;
	inventory->has_cart = true;
	return true;
}

/* Count what the cart reserves out, or in again. */
static void
count_reservations(Inventory *inventory, int sign)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();

	for (int i = 0; i < inventory->nreservations; i++)
	{
		const ReservationRow *reservation = &inventory->reservations[i];

		if (reservation->reserved_until > now)
			count_of(inventory, reservation->product_id)->reserved += sign * reservation->quantity;
	}
}

static void
count_sold(Inventory *inventory, int sign)
{
	for (int i = 0; i < inventory->nitems; i++)
	{
		StockCount *count = count_of(inventory, inventory->items[i].product_id);

		count->sold += sign * inventory->items[i].quantity;
		count->unwritten += sign * inventory->items[i].quantity;
	}
}

static bool
is_in_stock(Inventory *inventory, const CartItemRow *item)
{
	const StockCount *count = count_of(inventory, item->product_id);

	return count->unlimited || item->quantity <= count->stock - count->sold - count->reserved;
}

/*
 * inventory_suffices
 *		Whether there surely is what a locked cart holds.  Where that is not
 *		sure the inventory is written, so that SQL can tell.
 */
bool
inventory_suffices(Inventory *inventory, int64 cart_id)
{
	bool		suffices = read_cart(inventory, cart_id);

	if (suffices)
	{
		count_reservations(inventory, -1);
		for (int i = 0; i < inventory->nitems; i++)
			suffices = suffices && is_in_stock(inventory, &inventory->items[i]);
		count_reservations(inventory, 1);
	}
	if (!suffices)
		inventory_write(inventory);
	return suffices;
}

/*
 * inventory_sell
 *		Sell what a locked cart holds, and reserve it no more.  False, and the
 *		inventory is written, where the caller has to do that row by row.
 */
bool
inventory_sell(Inventory *inventory, int64 cart_id)
{
	if (!read_cart(inventory, cart_id))
	{
		inventory_write(inventory);
		return false;
	}
	row_release_items(inventory->ledger, cart_id);
	count_reservations(inventory, -1);
	count_sold(inventory, 1);
	inventory->has_cart = false;
	return true;
}

/* inventory_take_back: what a locked cart sold can be sold again; the same. */
bool
inventory_take_back(Inventory *inventory, int64 cart_id)
{
	if (!read_cart(inventory, cart_id))
	{
		inventory_write(inventory);
		return false;
	}
	count_sold(inventory, -1);
	return true;
}
