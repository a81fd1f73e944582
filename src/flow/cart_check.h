/*
 * cart_check.h
 *	  Whether a cart can be sold.
 */
#ifndef REGPAYDB_CART_CHECK_H
#define REGPAYDB_CART_CHECK_H

#include "ledger/model.h"

/* What of the view cart_problem is looked for. */
#define CART_CHECK_STOCK	0x01
#define CART_CHECK_LIMITS	0x02
#define CART_CHECK_REQUIRED 0x04	/* and that there is something in it at all */
#define CART_CHECK_ALL		0x07

extern bool cart_is_sound(Ledger *ledger, int64 cart_id, int checks);

#endif							/* REGPAYDB_CART_CHECK_H */
