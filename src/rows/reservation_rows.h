/*
 * reservation_rows.h
 *	  What carts reserve.
 */
#ifndef REGPAYDB_RESERVATION_ROWS_H
#define REGPAYDB_RESERVATION_ROWS_H

#include "ledger/model.h"

extern ReservationRow *row_reservations(Ledger *ledger, int64 cart_id, int *nreservations);
extern int32 row_reserved(Ledger *ledger, int64 cart_id, int64 product_id);
extern void row_release_items(Ledger *ledger, int64 cart_id);
extern void row_move_reservation(Ledger *ledger, int64 cart_id);
extern void row_reserve_items(Ledger *ledger, int64 cart_id, const ReservationRow *rows,
							  int nrows);
extern LapsedRow *row_lapsed(Ledger *ledger, const StockPool *pool, int64 cart_id, int32 limit,
							 int *nlapsed);
extern int64 row_take_back(Ledger *ledger, const LapsedRow *lapsed);

#endif							/* REGPAYDB_RESERVATION_ROWS_H */
