/*
 * cart_rows.h
 *	  Carts and what is in them.
 */
#ifndef REGPAYDB_CART_ROWS_H
#define REGPAYDB_CART_ROWS_H

#include "ledger/model.h"

extern bool row_cart(Ledger *ledger, int64 cart_id, CartRow *cart);
extern bool row_lock_cart(Ledger *ledger, int64 cart_id, CartRow *cart);
extern int64 *row_paid_carts(Ledger *ledger, int64 attendee_id, int *ncarts);
extern bool row_active_cart(Ledger *ledger, int64 attendee_id, int64 *cart_id);
extern bool row_insert_cart(Ledger *ledger, int64 attendee_id, int64 *cart_id);
extern int64 row_insert_paid_cart(Ledger *ledger, int64 attendee_id, int32 nentries);
extern TimestampTz row_reserved_until(Ledger *ledger, int64 cart_id);
extern char *row_cart_problem(Ledger *ledger, int64 cart_id, CartCheck check);
extern CartItemRow *row_cart_items(Ledger *ledger, int64 cart_id, int *nitems);
extern LineItemRow *row_cart_lines(Ledger *ledger, int64 cart_id, int *nlines);
extern CartDiscountRow *row_cart_discounts(Ledger *ledger, int64 cart_id, int *ndiscounts);
extern void row_insert_discount(Ledger *ledger, int64 cart_id, const CartDiscountRow *discount);
extern int	row_count_entries(Ledger *ledger, int64 cart_id);
extern void row_set_item(Ledger *ledger, int64 cart_id, int64 product_id, int32 quantity);
extern void row_amend_cart(Ledger *ledger, int64 cart_id, bool renew);
extern void row_touch_cart(Ledger *ledger, const CartRow *cart);
extern void row_extend_cart(Ledger *ledger, int64 cart_id, Interval *duration);
extern void row_set_cart_status(Ledger *ledger, int64 cart_id, CartStatus status);
extern int64 *row_lock_expired(Ledger *ledger, int32 limit, int *nexpired);

#endif							/* REGPAYDB_CART_ROWS_H */
