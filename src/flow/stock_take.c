/*
 * stock_take.c
 *	  Units of products taken for a cart, and given back: of each product, and of its
 *	  category, if that has a stock of its own.
 *
 * Products come first, by their ids, then categories: so nobody who waits for slots has
 * some that he is waited for, see pool.c.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "base/array.h"
#include "flow/pool.h"
#include "flow/stock_take.h"
#include "rows/product_rows.h"
#include "rows/slot_rows.h"

/* How many lapsed reservations are looked at at a time. */
#define MAX_LAPSED	100

/* What is taken of a category, or given back, by all changes. */
typedef struct CategoryChange
{
	int64		category_id;
	int64		quantity;		/* as of StockChange */
	int64		lapsed;			/* given back besides, of lapsed reservations */
} CategoryChange;

typedef struct StockTake
{
	Ledger	   *ledger;
	int64		cart_id;
	CategoryChange *categories;
	int			ncategories;
} StockTake;

static CategoryChange *
category_change(StockTake *take, int64 category_id)
{
	for (int i = 0; i < take->ncategories; i++)
		if (take->categories[i].category_id == category_id)
			return &take->categories[i];
	take->categories = room_for_one(take->categories, take->ncategories, sizeof(CategoryChange));
	take->categories[take->ncategories] = (CategoryChange)
	{
		category_id, 0, 0
	};
	return &take->categories[take->ncategories++];
}

/* Change a pool by so many units, which surely can be done: it was just changed so. */
static void
change_back(Ledger *ledger, const StockPool *pool, int64 quantity)
{
	if (quantity > 0)
		pool_give(ledger, pool, quantity);
	else if (quantity < 0)
		pool_change(ledger, pool, quantity);
}

/* ---- of a product ---- */

/* Take lapsed reservations of a product back, until there are so many units of them. */
static int64
take_back(StockTake *take, const StockPool *pool, int64 quantity)
{
	int64		units = 0;
	int			nlapsed = MAX_LAPSED;

	while (units < quantity && nlapsed == MAX_LAPSED)
	{
		LapsedRow  *lapsed = row_lapsed(take->ledger, pool, take->cart_id, MAX_LAPSED, &nlapsed);

		for (int i = 0; i < nlapsed && units < quantity; i++)
			units += row_take_back(take->ledger, &lapsed[i]);
		pfree(lapsed);
	}
	return units;
}

static StockPool
pool_of_product(const ProductRow *product)
{
	return (StockPool)
	{
		false, product->product_id, product->stock != NULL
	};
}

static bool
take_product(StockTake *take, const ProductRow *product, int64 quantity)
{
	StockPool	pool = pool_of_product(product);
	int64		units = 0;

	if (pool_take(take->ledger, &pool, quantity))
		return true;
	if (pool.limited)
		units = take_back(take, &pool, quantity);
	category_change(take, product->category_id)->lapsed += units;
	if (units < quantity)
		return pool_gather(take->ledger, &pool, quantity, units);
	if (units > quantity)
		pool_give(take->ledger, &pool, units - quantity);
	return true;
}

/* ---- of a category ---- */

/*
 * Take lapsed reservations of a category's products back, for these as for the
 * category, until there are so many units of them.
 */
static int64
take_back_in_category(StockTake *take, const StockPool *category, int64 quantity)
{
	int			nlapsed;
	LapsedRow  *lapsed = row_lapsed(take->ledger, category, take->cart_id, MAX_LAPSED, &nlapsed);
	int64		units = 0;

	for (int i = 0; i < nlapsed && units < quantity; i++)
	{
		int64		taken = row_take_back(take->ledger, &lapsed[i]);
		ProductRow	product;
		StockPool	pool;

		if (taken == 0 || !row_product(take->ledger, lapsed[i].product_id, &product))
			continue;
		pool = pool_of_product(&product);
		pool_give(take->ledger, &pool, taken);
		units += taken;
	}
	pfree(lapsed);
	return units;
}

/* The category's pool; false where it has no stock of its own. */
static bool
pool_of_category(Ledger *ledger, int64 category_id, StockPool *pool)
{
	CategoryRow category;

	*pool = (StockPool)
	{
		true, category_id, true
	};
	return row_category(ledger, category_id, &category) && category.stock != NULL;
}

static bool
take_category(StockTake *take, const CategoryChange *change)
{
	int64		quantity = change->quantity - change->lapsed;
	StockPool	pool;
	int64		units;

	if (quantity == 0 || !pool_of_category(take->ledger, change->category_id, &pool))
		return true;
	if (quantity < 0)
	{
		pool_give(take->ledger, &pool, -quantity);
		return true;
	}
	if (pool_take(take->ledger, &pool, quantity))
		return true;
	units = take_back_in_category(take, &pool, quantity);
	return pool_gather(take->ledger, &pool, quantity, units);
}

/* ---- of all ---- */

static int
compare_changes(const void *a, const void *b)
{
	int64		left = ((const StockChange *) a)->product_id;
	int64		right = ((const StockChange *) b)->product_id;

	return left < right ? -1 : left > right;
}

static int
compare_categories(const void *a, const void *b)
{
	int64		left = ((const CategoryChange *) a)->category_id;
	int64		right = ((const CategoryChange *) b)->category_id;

	return left < right ? -1 : left > right;
}

/*
 * One product; what that is for its category is counted.  The row is looked at again
 * when there are slots that this transaction has: from then on nobody changes what
 * stock there is, or the category.
 */
static bool
change_product(StockTake *take, const StockChange *change)
{
	ProductRow	before;
	ProductRow	product;

	CHECK_FOR_INTERRUPTS();
	if (change->quantity == 0)
		return true;
	if (!row_product(take->ledger, change->product_id, &product))
		return false;
	do
	{
		StockPool	pool = pool_of_product(&product);

		before = product;
		if (change->quantity < 0)
			pool_give(take->ledger, &pool, -change->quantity);
		else if (!take_product(take, &product, change->quantity))
			return false;
		if (!row_product(take->ledger, change->product_id, &product))
			return false;
		if ((product.stock == NULL) == (before.stock == NULL))
			break;
		change_back(take->ledger, &pool, change->quantity);
	} while (true);
	category_change(take, product.category_id)->quantity += change->quantity;
	return true;
}

/* Undo what was done of products, and of categories, before one could not be had. */
static void
undo(StockTake *take, const StockChange *changes, int nproducts, int ncategories)
{
	StockPool	pool;

	for (int i = 0; i < nproducts; i++)
	{
		ProductRow	product;

		if (changes[i].quantity == 0 ||
			!row_product(take->ledger, changes[i].product_id, &product))
			continue;
		pool = pool_of_product(&product);
		change_back(take->ledger, &pool, changes[i].quantity);
	}
	for (int i = 0; i < take->ncategories; i++)
	{
		const CategoryChange *change = &take->categories[i];

		if (pool_of_category(take->ledger, change->category_id, &pool))
			change_back(take->ledger, &pool, i < ncategories ? change->quantity : change->lapsed);
	}
}

/*
 * stock_take
 *		Take units for a locked cart, and give others back, all or none of them:
 *		false where not all can be had.  Sorts the changes.
 */
bool
stock_take(Ledger *ledger, StockChange *changes, int nchanges, int64 cart_id)
{
	StockTake	take = {ledger, cart_id, room_for_one(NULL, 0, sizeof(CategoryChange)), 0};
	int			ntaken = 0;
	int			ncounted = 0;
	bool		taken = true;

	qsort(changes, nchanges, sizeof(StockChange), compare_changes);
	while (ntaken < nchanges && taken)
	{
		taken = change_product(&take, &changes[ntaken]);
		ntaken += taken;
	}
	qsort(take.categories, take.ncategories, sizeof(CategoryChange), compare_categories);
	while (ncounted < take.ncategories && taken)
	{
		taken = take_category(&take, &take.categories[ncounted]);
		ncounted += taken;
	}
	if (!taken)
		undo(&take, changes, ntaken, ncounted);
	return taken;
}

/* ---- the stock itself changes ---- */

static int64
stock_of(const int32 *stock)
{
	return stock == NULL ? 0 : *stock;
}

static void
forget_category(Ledger *ledger, int64 category_id)
{
	StockPool	pool = {true, category_id, true};

	row_forget_slots(ledger, &pool);
}

/*
 * stock_has_changed
 *		A product's row was written, with another stock or of another category: what
 *		there is more of is free, what there is less of is not.
 */
void
stock_has_changed(Ledger *ledger, const ProductRow *before, const ProductRow *after)
{
	StockPool	pool = pool_of_product(after);

	pool_change(ledger, &pool, stock_of(after->stock) - stock_of(before->stock));
	if (before->category_id == after->category_id)
		return;
	pool_wait(ledger, &pool);
	forget_category(ledger, Min(before->category_id, after->category_id));
	forget_category(ledger, Max(before->category_id, after->category_id));
}

/*
 * category_stock_has_changed
 *		The same for a category.
 *
 * Whoever takes of one without a stock does not look for slots of it: where there is
 * a stock now, all who have taken of one of its products are waited for.
 */
void
category_stock_has_changed(Ledger *ledger, const CategoryRow *before, const CategoryRow *after)
{
	StockPool	pool = {true, after->category_id, true};
	int			nproducts;
	int64	   *product_ids;

	if (before->stock != NULL && after->stock != NULL)
	{
		pool_change(ledger, &pool, stock_of(after->stock) - stock_of(before->stock));
		return;
	}
	if (after->stock != NULL)
	{
		product_ids = row_touch_products(ledger, after->category_id, &nproducts);
		for (int i = 0; i < nproducts; i++)
		{
			StockPool	of_product = {false, product_ids[i], false};

			pool_wait(ledger, &of_product);
		}
	}
	forget_category(ledger, after->category_id);
}
