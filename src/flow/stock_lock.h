/*
 * stock_lock.h
 *	  The stock of several carts, locked before one of them changes.
 */
#ifndef REGPAYDB_STOCK_LOCK_H
#define REGPAYDB_STOCK_LOCK_H

#include "ledger/ledger.h"

extern void stock_lock(Ledger *ledger, const int64 *cart_ids, int ncarts);

#endif							/* REGPAYDB_STOCK_LOCK_H */
