/*
 * stock_lock.c
 *	  The stock of several carts, locked before one of them changes.
 *
 * Each of them takes and gives in the order of its own products.  All together are in
 * no order: so who changes several in one statement locks the slots of all products
 * and categories first, in the order in which stock_take.c waits for them.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "base/array.h"
#include "flow/pool.h"
#include "flow/stock_lock.h"
#include "rows/product_rows.h"

/*
 * Raise 40001 where products have come to a category while others were waited for: what
 * is taken back of them then would be locked too late.
 */
static void
check_none_came(Ledger *ledger, const int64 *cart_ids, int ncarts, const int64 *locked, int nlocked)
{
	int			nproducts;
	int64	   *product_ids = row_products_of_carts(ledger, cart_ids, ncarts, &nproducts);

	for (int i = 0; i < nproducts; i++)
		if (bsearch(&product_ids[i], locked, nlocked, sizeof(int64), compare_int8) == NULL)
			ereport(ERROR,
					(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
					 errmsg("product " INT64_FORMAT " has just come to another category",
							product_ids[i]),
					 errhint("Retry the transaction.")));
	pfree(product_ids);
}

/* Lock the slots of products, in this order; returns the categories that these are in. */
static int64 *
lock_products(Ledger *ledger, const int64 *product_ids, int nproducts, int *ncategories)
{
	int64	   *category_ids = palloc(Max(nproducts, 1) * sizeof(int64));

	*ncategories = 0;
	for (int i = 0; i < nproducts; i++)
	{
		ProductRow	product;
		StockPool	pool;

		CHECK_FOR_INTERRUPTS();
		if (!row_product(ledger, product_ids[i], &product))
			continue;
		pool = pool_of_product(&product);
		pool_lock(ledger, &pool);
		/* It may have been moved while it was waited for; now it can't. */
		if (row_product(ledger, product_ids[i], &product))
			category_ids[(*ncategories)++] = product.category_id;
	}
	return category_ids;
}

/* The same of categories that have a stock; sorts them. */
static void
lock_categories(Ledger *ledger, int64 *category_ids, int ncategories)
{
	qsort(category_ids, ncategories, sizeof(int64), compare_int8);
	for (int i = 0; i < ncategories; i++)
	{
		StockPool	pool;

		if (i > 0 && category_ids[i] == category_ids[i - 1])
			continue;
		if (pool_of_category(ledger, category_ids[i], &pool))
			pool_lock(ledger, &pool);
	}
}

/*
 * stock_lock
 *		Lock all slots of what there is in several carts, and what they reserve, since
 *		one after the other is to be changed: in order, before any is taken.  Raises
 *		40001.
 */
void
stock_lock(Ledger *ledger, const int64 *cart_ids, int ncarts)
{
	int			nproducts;
	int64	   *product_ids = row_products_of_carts(ledger, cart_ids, ncarts, &nproducts);
	int			ncategories;
	int64	   *category_ids = lock_products(ledger, product_ids, nproducts, &ncategories);

	lock_categories(ledger, category_ids, ncategories);
	check_none_came(ledger, cart_ids, ncarts, product_ids, nproducts);
}
