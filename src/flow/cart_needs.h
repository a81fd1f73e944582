/*
 * cart_needs.h
 *	  What a cart has to take, or give back, to have what is in it.
 */
#ifndef REGPAYDB_CART_NEEDS_H
#define REGPAYDB_CART_NEEDS_H

#include "flow/stock_take.h"

typedef struct CartNeeds
{
	CartItemRow *items;
	int			nitems;
	StockChange *changes;		/* what has lapsed is given back, and taken anew */
	int			nchanges;
	bool		grows;			/* there is more of something than it reserves */
	bool		gives;			/* something is given back */
} CartNeeds;

extern void find_cart_needs(Ledger *ledger, int64 cart_id, CartNeeds *needs);
extern void reserve_cart(Ledger *ledger, int64 cart_id, const CartNeeds *needs, bool taken);

#endif							/* REGPAYDB_CART_NEEDS_H */
