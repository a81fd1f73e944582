/*
 * pool.h
 *	  The free units of a product, or of a category: taken and given back.
 */
#ifndef REGPAYDB_POOL_H
#define REGPAYDB_POOL_H

#include "ledger/model.h"

extern StockPool pool_of_product(const ProductRow *product);
extern bool pool_of_category(Ledger *ledger, int64 category_id, StockPool *pool);
extern int64 pool_free(Ledger *ledger, const StockPool *pool);
extern bool pool_take(Ledger *ledger, StockPool *pool, int64 quantity);
extern bool pool_gather(Ledger *ledger, StockPool *pool, int64 quantity, int64 extra);
extern void pool_give(Ledger *ledger, StockPool *pool, int64 quantity);
extern void pool_change(Ledger *ledger, const StockPool *pool, int64 quantity);
extern void pool_make(Ledger *ledger, const StockPool *pool);
extern void pool_forget(Ledger *ledger, const StockPool *pool);
extern void pool_lock(Ledger *ledger, const StockPool *pool);

#endif							/* REGPAYDB_POOL_H */
