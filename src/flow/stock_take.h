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

extern bool stock_available(Ledger *ledger, const ProductRow *product, int64 *available);
extern bool stock_take(Ledger *ledger, const StockChange *changes, int nchanges, int64 cart_id);
extern void stock_take_back(Ledger *ledger, int32 limit);

#endif							/* REGPAYDB_STOCK_TAKE_H */
