/*
 * product_rows.c
 *	  Products and categories.
 */
#include "postgres.h"

#include "base/array.h"
#include "rows/plan.h"
#include "rows/product_rows.h"
#include "rows/result.h"
#include "rows/row.h"
#include "rows/slot_rows.h"

static void
get_product(const Row *row, ProductRow *product)
{
	product->product_id = row_int8(row, PRODUCT_COL_ID);
	product->category_id = row_int8(row, PRODUCT_COL_CATEGORY_ID);
	product->has_stock = !row_is_null(row, PRODUCT_COL_STOCK);
	product->limit_per_attendee = NULL;
}

/* row_product: a product as it is now, without its limit; false where there is none. */
bool
row_product(Ledger *ledger, int64 product_id, ProductRow *product)
{
	Row			row;

	if (!row_find(ledger, PRODUCT, product_id, &row))
		return false;
	get_product(&row, product);
	return true;
}

/* row_product_limit: the same with its limit. */
bool
row_product_limit(Ledger *ledger, int64 product_id, ProductRow *product)
{
	Row			row;

	if (!row_find(ledger, PRODUCT, product_id, &row))
		return false;
	get_product(&row, product);
	product->limit_per_attendee = row_copy_int4(&row, PRODUCT_COL_LIMIT);
	return true;
}

/* row_product_ids: those of all products. */
int64 *
row_product_ids(Ledger *ledger, int *nproducts)
{
	RowList		list;
	int64	   *product_ids = room_for_one(NULL, 0, sizeof(int64));

	*nproducts = 0;
	row_list_all(&list, ledger, PRODUCT);
	while (row_next(&list))
	{
		product_ids = room_for_one(product_ids, *nproducts, sizeof(int64));
		product_ids[(*nproducts)++] = row_int8(&list.row, PRODUCT_COL_ID);
	}
	row_list_end(&list);
	return product_ids;
}

bool
row_product_exists(Ledger *ledger, int64 product_id)
{
	Row			row;

	return row_find(ledger, PRODUCT, product_id, &row);
}

/* row_shut_category: wait for whoever adds products to a category, until this transaction ends. */
void
row_shut_category(Ledger *ledger, int64 category_id)
{
	Datum		args[] = {Int64GetDatum(category_id)};

	run_query(ledger, Q_SHUT_CATEGORY, args, NULL);
}

/* row_touch_products: lock and write all products of a category, in the order of their ids. */
int64 *
row_touch_products(Ledger *ledger, int64 category_id, int *nproducts)
{
	Datum		args[] = {Int64GetDatum(category_id)};
	int64	   *product_ids;

	run_query(ledger, Q_PRODUCTS_OF_CATEGORY, args, NULL);
	product_ids = int8_columns(1, nproducts);
	for (int i = 0; i < *nproducts; i++)
	{
		Datum		product[] = {Int64GetDatum(product_ids[i])};

		write_own_by_query(ledger, Q_TOUCH_PRODUCT, PRODUCT, product_ids[i], false, product);
	}
	return product_ids;
}

/*
 * row_products_of_carts
 *		Products of what there is in these carts, and what they reserve; with the other
 *		products of their categories, where these have a stock of their own.  In the
 *		order of their ids.
 */
int64 *
row_products_of_carts(Ledger *ledger, const int64 *cart_ids, int ncarts, int *nproducts)
{
	Datum		args[] = {int8_array_datum(cart_ids, ncarts)};

	run_query(ledger, Q_PRODUCTS_OF_CARTS, args, NULL);
	return int8_columns(1, nproducts);
}

/*
 * row_available
 *		How many units of a pool that has a stock are free, or held by reservations that
 *		have lapsed.
 */
int64
row_available(Ledger *ledger, const StockPool *pool)
{
	Datum		args[] = {Int64GetDatum(pool->id)};
	int			nslots;
	SlotRow    *slots = row_slots(ledger, pool, &nslots);
	int64		available = 0;

	for (int i = 0; i < nslots; i++)
		available += slots[i].free;
	pfree(slots);
	if (nslots == 0)
		run_query(ledger, pool->of_category ? Q_CATEGORY_AVAILABLE : Q_PRODUCT_AVAILABLE,
				  args, NULL);
	else
		run_query(ledger, pool->of_category ? Q_CATEGORY_LAPSED : Q_PRODUCT_LAPSED, args, NULL);
	return available + int8_column(0, 1);
}

static void
get_category(const Row *row, CategoryRow *category)
{
	category->category_id = row_int8(row, CATEGORY_COL_ID);
	category->required = row_bool(row, CATEGORY_COL_REQUIRED);
	category->has_stock = !row_is_null(row, CATEGORY_COL_STOCK);
	category->limit_per_attendee = NULL;
}

/* row_category: a category as it is now, without its limit; false where there is none. */
bool
row_category(Ledger *ledger, int64 category_id, CategoryRow *category)
{
	Row			row;

	if (!row_find(ledger, CATEGORY, category_id, &row))
		return false;
	get_category(&row, category);
	return true;
}

/* row_categories: all of them, with their limits. */
CategoryRow *
row_categories(Ledger *ledger, int *ncategories)
{
	RowList		list;
	CategoryRow *categories = room_for_one(NULL, 0, sizeof(CategoryRow));

	*ncategories = 0;
	row_list_all(&list, ledger, CATEGORY);
	while (row_next(&list))
	{
		categories = room_for_one(categories, *ncategories, sizeof(CategoryRow));
		get_category(&list.row, &categories[*ncategories]);
		categories[(*ncategories)++].limit_per_attendee =
			row_copy_int4(&list.row, CATEGORY_COL_LIMIT);
	}
	row_list_end(&list);
	return categories;
}
