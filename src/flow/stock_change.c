/*
 * stock_change.c
 *	  What a changed stock means for the units that are free: what there is more of is
 *	  free at once, what there is less of is not.
 *
 * Whoever has slots of a product that is changed is waited for, in the same order as
 * by those who take, see stock_take.c.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "base/array.h"
#include "flow/pool.h"
#include "flow/stock_change.h"
#include "rows/product_rows.h"
#include "rows/slot_rows.h"

/* stock_differs: whether an update is one that matters here. */
bool
stock_differs(const StockUpdate *update)
{
	const StockLevel *before = &update->before;
	const StockLevel *after = &update->after;

	return update->recount || before->stock != after->stock || before->unlimited != after->unlimited ||
		before->category_id != after->category_id;
}

static int
compare_updates(const void *a, const void *b)
{
	const StockLevel *left = &((const StockUpdate *) a)->after;
	const StockLevel *right = &((const StockUpdate *) b)->after;

	if (left->product_id != right->product_id)
		return left->product_id < right->product_id ? -1 : 1;
	if (left->category_id != right->category_id)
		return left->category_id < right->category_id ? -1 : 1;
	return 0;
}

static void
change_pool(Ledger *ledger, bool of_category, int64 id, const StockUpdate *update)
{
	StockPool	pool = {
		.of_category = of_category, .id = id, .limited = !update->after.unlimited
	};

	if (update->recount)
		pool_forget(ledger, &pool);
	else
		pool_change(ledger, &pool, (int64) update->after.stock - update->before.stock);
}

/* Slots of a category are counted afresh when somebody takes next. */
static void
forget_category(Ledger *ledger, int64 category_id)
{
	StockPool	pool = {.of_category = true, .id = category_id, .limited = true};

	row_touch_pool(ledger, &pool);
	pool_forget(ledger, &pool);
}

/* Products have come to other categories. */
static void
forget_categories(Ledger *ledger, const StockUpdate *updates, int nupdates)
{
	int64	   *category_ids = palloc(2 * nupdates * sizeof(int64));
	int			n = 0;

	for (int i = 0; i < nupdates; i++)
		if (updates[i].before.category_id != updates[i].after.category_id)
		{
			category_ids[n++] = updates[i].before.category_id;
			category_ids[n++] = updates[i].after.category_id;
		}
	qsort(category_ids, n, sizeof(int64), compare_int8);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (i == 0 || category_ids[i] != category_ids[i - 1])
			forget_category(ledger, category_ids[i]);
	}
	pfree(category_ids);
}

/*
 * change_stock_of_products
 *		Products' rows were written, with another stock or of another category; sorts
 *		the updates.
 */
void
change_stock_of_products(Ledger *ledger, StockUpdate *updates, int nupdates)
{
	qsort(updates, nupdates, sizeof(StockUpdate), compare_updates);
	for (int i = 0; i < nupdates; i++)
	{
		CHECK_FOR_INTERRUPTS();
		change_pool(ledger, false, updates[i].after.product_id, &updates[i]);
	}
	forget_categories(ledger, updates, nupdates);
}

/*
 * Whoever takes of a category without a stock does not look for slots of it: where it
 * gets one, all who have taken of one of its products are waited for.
 */
static void
wait_for_products(Ledger *ledger, int64 category_id)
{
	int			nproducts;
	int64	   *product_ids;

	row_shut_category(ledger, category_id);
	product_ids = row_touch_products(ledger, category_id, &nproducts);
	for (int i = 0; i < nproducts; i++)
	{
		StockPool	pool = {.id = product_ids[i]};
		ProductRow	product;

		CHECK_FOR_INTERRUPTS();
		if (!row_product(ledger, product_ids[i], &product))
			continue;
		pool.limited = product.has_stock;
		pool_change(ledger, &pool, 0);
	}
}

/* change_stock_of_categories: the same for categories. */
void
change_stock_of_categories(Ledger *ledger, StockUpdate *updates, int nupdates)
{
	qsort(updates, nupdates, sizeof(StockUpdate), compare_updates);
	for (int i = 0; i < nupdates; i++)
	{
		const StockUpdate *update = &updates[i];
		int64		category_id = update->after.category_id;

		CHECK_FOR_INTERRUPTS();
		if (!update->before.unlimited && !update->after.unlimited)
		{
			change_pool(ledger, true, category_id, update);
			continue;
		}
		if (!update->after.unlimited)
			wait_for_products(ledger, category_id);
		forget_category(ledger, category_id);
	}
}
