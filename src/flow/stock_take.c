/*
 * stock_take.c
 *	  Units of products taken for carts, and given back: of each product, and of its
 *	  category, if that has a stock of its own.
 *
 * What a lapsed reservation has is taken back when it is wanted, and no slot suffices.
 * Its own cart gives it back and takes it again, which does nothing to slots unless
 * there is less than nothing in them.
 *
 * Slots are waited for in one order: products by their ids, then categories.  A
 * category that has too little is looked at before, as of which products there is
 * something to be taken back has to be known then.  Where several carts change in one
 * statement, stock_lock.c locks all of it first.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "base/array.h"
#include "flow/pool.h"
#include "flow/stock_take.h"
#include "rows/product_rows.h"
#include "rows/reservation_rows.h"
#include "rows/slot_rows.h"

/* How many lapsed reservations are looked at at a time. */
#define MAX_LAPSED	100

/* What is taken of a product or a category, and what comes back to it. */
typedef struct PoolChange
{
	int64		id;
	int64		take;
	int64		back;			/* all of it */
	int64		taken_back;		/* of that, from lapsed carts */
	int64		anew;			/* of that, what had lapsed of the cart that takes it again */
	bool		taken;
} PoolChange;

typedef struct PoolChanges
{
	PoolChange *changes;
	int			nchanges;
} PoolChanges;

typedef struct StockTake
{
	Ledger	   *ledger;
	int64		cart_id;
	bool		makes;			/* slots of what does not change, too */
	PoolChanges products;
	PoolChanges categories;
} StockTake;

static PoolChange *
change_of(PoolChanges *list, int64 id)
{
	for (int i = 0; i < list->nchanges; i++)
		if (list->changes[i].id == id)
			return &list->changes[i];
	list->changes = room_for_one(list->changes, list->nchanges, sizeof(PoolChange));
	list->changes[list->nchanges] = (PoolChange)
	{
		.id = id
	};
	return &list->changes[list->nchanges++];
}

/* Units come back that lapsed carts had. */
static void
come_back(PoolChanges *list, int64 id, int64 units)
{
	PoolChange *change = change_of(list, id);

	change->back += units;
	change->taken_back += units;
}

/*
 * Whether more is taken than the cart itself gives back of what it has for sure: only
 * then it matters what is free, or owed.
 */
static bool
grows(const PoolChange *change)
{
	return change->take > change->back - change->taken_back - change->anew;
}

static void
add_change(PoolChange *sum, const PoolChange *change)
{
	sum->take += change->take;
	sum->back += change->back;
	sum->taken_back += change->taken_back;
	sum->anew += change->anew;
}

static int
compare_changes(const void *a, const void *b)
{
	int64		left = ((const PoolChange *) a)->id;
	int64		right = ((const PoolChange *) b)->id;

	return left < right ? -1 : left > right;
}

static void
sort_changes(PoolChanges *list)
{
	qsort(list->changes, list->nchanges, sizeof(PoolChange), compare_changes);
}

/*
 * stock_available
 *		How many of a product can be had now; false where there is no limit.
 */
bool
stock_available(Ledger *ledger, const ProductRow *product, int64 *available)
{
	StockPool	own = pool_of_product(product);
	StockPool	shared;
	bool		has_shared = pool_of_category(ledger, product->category_id, &shared);
	int64		of_category = has_shared ? row_available(ledger, &shared) : PG_INT64_MAX;

	*available = Min(own.limited ? row_available(ledger, &own) : PG_INT64_MAX, of_category);
	return own.limited || has_shared;
}

/* ---- lapsed reservations ---- */

/*
 * Take some lapsed reservations back, until there are so many units of them; products
 * and categories get them later, but for one product, whose units the caller has then.
 */
static int64
take_some_back(StockTake *take, const StockPool *pool, int32 limit, int64 quantity, int *nlapsed)
{
	LapsedRow  *lapsed = row_lapsed(take->ledger, pool, take->cart_id, limit, nlapsed);
	int64		units = 0;

	for (int i = 0; i < *nlapsed && units < quantity; i++)
	{
		int64		taken = row_take_back(take->ledger, &lapsed[i]);

		if (pool->of_category)
			come_back(&take->products, lapsed[i].product_id, taken);
		units += taken;
	}
	pfree(lapsed);
	return units;
}

/* The same until there are no more. */
static int64
take_back(StockTake *take, const StockPool *pool, int64 quantity)
{
	int64		units = 0;
	int			nlapsed = MAX_LAPSED;

	while (units < quantity && nlapsed == MAX_LAPSED)
		units += take_some_back(take, pool, MAX_LAPSED, quantity - units, &nlapsed);
	return units;
}

/* ---- products ---- */

/*
 * Take units of a product, quantity more than come back; counts what it takes back of
 * lapsed ones.  Who had the slots may have had lapsed carts, too: these are looked at
 * again when the slots are there.
 */
static bool
take_product(StockTake *take, StockPool *pool, int64 quantity)
{
	if (pool_take(take->ledger, pool, quantity))
		return true;
	for (int look = 0; look < 2; look++)
	{
		int64		owed = pool->limited ? -Min(pool_free(take->ledger, pool), 0) : 0;
		int64		units = pool->limited ? take_back(take, pool, quantity + owed) : 0;

		pool->taken_back += units;
		if ((units > 0 && units >= quantity &&
			 pool_take(take->ledger, pool, quantity - units)) ||
			pool_gather(take->ledger, pool, quantity, units))
			return true;
	}
	return false;
}

/*
 * Raise 40001 where a product got, or lost, its stock just when a slot was taken, as of
 * what it was before.
 */
static void
check_limit(const ProductRow *product, const StockPool *pool)
{
	if (product->has_stock != pool->limited)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("the stock of product " INT64_FORMAT " has just been changed",
						product->product_id),
				 errhint("Retry the transaction.")));
}

/*
 * Change a product, and count what that is for its category.  The row is looked at
 * again when there are slots that this transaction has: from then on nobody changes
 * whether there is a stock, or the category.
 */
static bool
change_product(StockTake *take, const PoolChange *change)
{
	int64		quantity = change->take - change->back;
	bool		taken = true;
	ProductRow	product;
	StockPool	pool;

	if (!row_product(take->ledger, change->id, &product))
		return false;
	pool = pool_of_product(&product);
	pool.taken_back = change->taken_back;
	if (grows(change))
		taken = take_product(take, &pool, quantity);
	else
		pool_give(take->ledger, &pool, -quantity);
	if (!row_product(take->ledger, change->id, &product))
		return false;
	if (grows(change))
		check_limit(&product, &pool);
	come_back(&take->categories, product.category_id, pool.taken_back - change->taken_back);
	if (taken)
		add_change(change_of(&take->categories, product.category_id), change);
	return taken;
}

/* Make the slots of a product that does not change, if there are none. */
static void
make_product(StockTake *take, int64 product_id)
{
	ProductRow	product;
	StockPool	pool;

	if (!row_product(take->ledger, product_id, &product))
		return;
	pool = pool_of_product(&product);
	pool_make(take->ledger, &pool);
}

/* Give back to a product what comes back, without taking anything. */
static void
give_product(StockTake *take, const PoolChange *change)
{
	PoolChange	back = *change;

	back.take = 0;
	if (back.back > 0)
		(void) change_product(take, &back);
}

static bool
change_products(StockTake *take)
{
	bool		taken = true;

	sort_changes(&take->products);
	for (int i = 0; i < take->products.nchanges; i++)
	{
		PoolChange *change = &take->products.changes[i];

		CHECK_FOR_INTERRUPTS();
		if (take->makes && change->back == 0)
		{
			make_product(take, change->id);
			continue;
		}
		change->taken = taken = taken && change_product(take, change);
		if (!taken)
			give_product(take, change);
	}
	return taken;
}

/* ---- categories ---- */

/* Where a category has too little for what is to be taken, take lapsed units back. */
static void
look_at_categories(StockTake *take)
{
	PoolChanges wanted = {0};

	for (int i = 0; i < take->products.nchanges; i++)
	{
		const PoolChange *change = &take->products.changes[i];
		ProductRow	product;

		if (row_product(take->ledger, change->id, &product))
			add_change(change_of(&wanted, product.category_id), change);
	}
	sort_changes(&wanted);
	for (int i = 0; i < wanted.nchanges; i++)
	{
		const PoolChange *change = &wanted.changes[i];
		StockPool	pool;
		int64		missing;

		if (!grows(change) || !pool_of_category(take->ledger, change->id, &pool))
			continue;
		missing = change->take - change->back - pool_free(take->ledger, &pool);
		if (missing > 0)
			(void) take_back(take, &pool, missing);
	}
}

static bool
change_categories(StockTake *take, bool taken)
{
	sort_changes(&take->categories);
	for (int i = 0; i < take->categories.nchanges; i++)
	{
		PoolChange *change = &take->categories.changes[i];
		int64		quantity = (taken ? change->take : 0) - change->back;
		StockPool	pool;

		CHECK_FOR_INTERRUPTS();
		if (!pool_of_category(take->ledger, change->id, &pool))
			continue;
		pool.taken_back = change->taken_back;
		if (!taken || !grows(change))
		{
			change->taken = taken;
			if (quantity < 0)
				pool_give(take->ledger, &pool, -quantity);
			else if (take->makes)
				pool_make(take->ledger, &pool);
			continue;
		}
		change->taken = taken = pool_take(take->ledger, &pool, quantity) ||
			pool_gather(take->ledger, &pool, quantity, 0);
		if (!taken && change->back > 0)
			pool_give(take->ledger, &pool, change->back);
	}
	return taken;
}

/* ---- all ---- */

/* Give back what was taken before something could not be had. */
static void
undo(StockTake *take)
{
	for (int i = 0; i < take->products.nchanges; i++)
	{
		const PoolChange *change = &take->products.changes[i];
		ProductRow	product;
		StockPool	pool;

		if (!change->taken || change->take == 0 ||
			!row_product(take->ledger, change->id, &product))
			continue;
		pool = pool_of_product(&product);
		pool_give(take->ledger, &pool, change->take);
	}
	for (int i = 0; i < take->categories.nchanges; i++)
	{
		const PoolChange *change = &take->categories.changes[i];
		StockPool	pool;

		if (change->taken && change->take > 0 &&
			pool_of_category(take->ledger, change->id, &pool))
			pool_give(take->ledger, &pool, change->take);
	}
}

/*
 * stock_take
 *		Take units for a locked cart, and give others back.  False where not all can
 *		be had; none is taken then.
 */
bool
stock_take(Ledger *ledger, const StockChange *changes, int nchanges, int64 cart_id)
{
	StockTake	take = {.ledger = ledger, .cart_id = cart_id};
	bool		taken;

	for (int i = 0; i < nchanges; i++)
	{
		PoolChange *change = change_of(&take.products, changes[i].product_id);

		if (changes[i].quantity > 0)
			change->take += changes[i].quantity;
		else
			change->back -= changes[i].quantity;
		change->anew = change->take > 0 ? change->back : 0;
	}
	look_at_categories(&take);
	taken = change_products(&take);
	taken = change_categories(&take, taken) && taken;
	if (!taken)
		undo(&take);
	return taken;
}

/* Of a product that has a stock, or whose category has one, take lapsed units back. */
static void
take_product_back(StockTake *take, int64 product_id, int32 limit)
{
	ProductRow	product;
	StockPool	pool;
	StockPool	shared;
	int			nlapsed;

	if (!row_product(take->ledger, product_id, &product))
		return;
	pool = pool_of_product(&product);
	if (pool.limited || pool_of_category(take->ledger, product.category_id, &shared))
		come_back(&take->products, product_id,
				  take_some_back(take, &pool, limit, PG_INT64_MAX, &nlapsed));
}

/*
 * stock_take_back
 *		Take lapsed reservations of all products back that have a stock, or whose
 *		category has one, so many of each at most.  Makes slots where there are none:
 *		those who are told that something is sold out make none that last.
 */
void
stock_take_back(Ledger *ledger, int32 limit)
{
	StockTake	take = {.ledger = ledger, .makes = true};
	int			nproducts;
	int64	   *product_ids = row_product_ids(ledger, &nproducts);
	int			ncategories;
	CategoryRow *categories = row_categories(ledger, &ncategories);

	for (int i = 0; i < nproducts; i++)
	{
		CHECK_FOR_INTERRUPTS();
		take_product_back(&take, product_ids[i], limit);
	}
	for (int i = 0; i < ncategories; i++)
		(void) change_of(&take.categories, categories[i].category_id);
	(void) change_categories(&take, change_products(&take));
}
