/*
 * stock_take.h
 *	  Units of products taken for a cart, and given back.
 */
#ifndef REGPAYDB_STOCK_TAKE_H
#define REGPAYDB_STOCK_TAKE_H

#include "ledger/model.h"

typedef struct StockChange
{
	int64		product_id;
	int64		quantity;		/* to take, or below zero to give back */
} StockChange;

extern void stock_has_changed(Ledger *ledger, const ProductRow *before, const ProductRow *after);
extern void category_stock_has_changed(Ledger *ledger, const CategoryRow *before,
									   const CategoryRow *after);
extern bool stock_take(Ledger *ledger, StockChange *changes, int nchanges, int64 cart_id);

#endif							/* REGPAYDB_STOCK_TAKE_H */
