/*
 * amend.h
 *	  Carts that change.
 */
#ifndef REGPAYDB_AMEND_H
#define REGPAYDB_AMEND_H

#include "ledger/model.h"

extern bool cart_has_lapsed(Ledger *ledger, int64 cart_id);
extern void amend_cart(Ledger *ledger, int64 cart_id);

#endif							/* REGPAYDB_AMEND_H */
