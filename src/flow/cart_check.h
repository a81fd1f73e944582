/*
 * cart_check.h
 *	  Whether a cart can be sold.
 */
#ifndef REGPAYDB_CART_CHECK_H
#define REGPAYDB_CART_CHECK_H

#include "ledger/model.h"

extern bool cart_is_sound(Ledger *ledger, int64 cart_id, CartCheck check);

#endif							/* REGPAYDB_CART_CHECK_H */
