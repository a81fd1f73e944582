/*
 * product_rows.h
 *	  Products and categories.
 */
#ifndef REGPAYDB_PRODUCT_ROWS_H
#define REGPAYDB_PRODUCT_ROWS_H

#include "ledger/model.h"

extern bool row_product(Ledger *ledger, int64 product_id, ProductRow *product);
extern bool row_product_limit(Ledger *ledger, int64 product_id, ProductRow *product);
extern int64 *row_product_ids(Ledger *ledger, int *nproducts);
extern bool row_product_exists(Ledger *ledger, int64 product_id);
extern void row_shut_category(Ledger *ledger, int64 category_id);
extern int64 *row_touch_products(Ledger *ledger, int64 category_id, int *nproducts);
extern int64 *row_products_of_carts(Ledger *ledger, const int64 *cart_ids, int ncarts,
									int *nproducts);
extern int64 row_available(Ledger *ledger, const StockPool *pool);
extern bool row_category(Ledger *ledger, int64 category_id, CategoryRow *category);
extern CategoryRow *row_categories(Ledger *ledger, int *ncategories);

#endif							/* REGPAYDB_PRODUCT_ROWS_H */
