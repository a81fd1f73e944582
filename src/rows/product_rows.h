/*
 * product_rows.h
 *	  Products and what carts reserve of them.
 */
#ifndef REGPAYDB_PRODUCT_ROWS_H
#define REGPAYDB_PRODUCT_ROWS_H

#include "ledger/model.h"

extern bool row_product(Ledger *ledger, int64 product_id, ProductRow *product);
extern bool row_lock_product(Ledger *ledger, int64 product_id);
extern bool row_product_exists(Ledger *ledger, int64 product_id);
extern bool row_available_stock(Ledger *ledger, int64 product_id, int64 *available,
								bool *unlimited);
extern void row_change_sold(Ledger *ledger, int64 product_id, int64 quantity);
extern CategoryRow *row_categories(Ledger *ledger, int *ncategories);
extern int64 row_reserved_by_others(Ledger *ledger, int64 product_id, const int64 *cart_id);
extern int64 row_reserved_at_most(Ledger *ledger, int64 product_id, const int64 *cart_id);
extern ReservationRow *row_reservations(Ledger *ledger, int64 cart_id, int *nreservations);
extern int32 row_reserved(Ledger *ledger, int64 cart_id, int64 product_id);
extern void row_release_items(Ledger *ledger, int64 cart_id);
extern void row_move_reservation(Ledger *ledger, int64 cart_id);
extern void row_reserve_items(Ledger *ledger, int64 cart_id);

#endif							/* REGPAYDB_PRODUCT_ROWS_H */
