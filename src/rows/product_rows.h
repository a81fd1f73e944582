/*
 * product_rows.h
 *	  Products and what carts reserve of them.
 */
#ifndef REGPAYDB_PRODUCT_ROWS_H
#define REGPAYDB_PRODUCT_ROWS_H

#include "ledger/model.h"

extern bool row_product(Ledger *ledger, int64 product_id, ProductRow *product);
extern bool row_product_limit(Ledger *ledger, int64 product_id, ProductRow *product);
extern int64 *row_product_ids(Ledger *ledger, int *nproducts);
extern bool row_product_exists(Ledger *ledger, int64 product_id);
extern int64 *row_touch_products(Ledger *ledger, int64 category_id, int *nproducts);
extern int64 *row_products_of_carts(Ledger *ledger, const int64 *cart_ids, int ncarts,
									int *nproducts);
extern int64 row_available(Ledger *ledger, const StockPool *pool);
extern bool row_category(Ledger *ledger, int64 category_id, CategoryRow *category);
extern CategoryRow *row_categories(Ledger *ledger, int *ncategories);
extern ReservationRow *row_reservations(Ledger *ledger, int64 cart_id, int *nreservations);
extern int32 row_reserved(Ledger *ledger, int64 cart_id, int64 product_id);
extern void row_release_items(Ledger *ledger, int64 cart_id);
extern void row_move_reservation(Ledger *ledger, int64 cart_id);
extern void row_reserve_items(Ledger *ledger, int64 cart_id);
extern void row_reserve_without(Ledger *ledger, int64 cart_id, int64 product_id);
extern void row_hold_items(Ledger *ledger, int64 cart_id);
extern LapsedRow *row_lapsed(Ledger *ledger, const StockPool *pool, int64 cart_id, int32 limit,
							 int *nlapsed);
extern int64 row_take_back(Ledger *ledger, const LapsedRow *lapsed);

#endif							/* REGPAYDB_PRODUCT_ROWS_H */
