/*
 * stock_change.h
 *	  What a changed stock means for the units that are free.
 */
#ifndef REGPAYDB_STOCK_CHANGE_H
#define REGPAYDB_STOCK_CHANGE_H

#include "ledger/model.h"

/* What there is of a product, or of a category; product_id is 0 then. */
typedef struct StockLevel
{
	int64		product_id;
	int64		category_id;
	bool		unlimited;
	int32		stock;			/* 0 where there is no limit */
} StockLevel;

typedef struct StockUpdate
{
	StockLevel	before;
	StockLevel	after;
	bool		recount;		/* by how much is not known */
} StockUpdate;

extern bool stock_differs(const StockUpdate *update);
extern void change_stock_of_products(Ledger *ledger, StockUpdate *updates, int nupdates);
extern void change_stock_of_categories(Ledger *ledger, StockUpdate *updates, int nupdates);

#endif							/* REGPAYDB_STOCK_CHANGE_H */
