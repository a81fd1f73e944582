/*
 * reversal.h
 *	  Money that a platform takes back.
 */
#ifndef REGPAYDB_REVERSAL_H
#define REGPAYDB_REVERSAL_H

#include "ledger/model.h"

extern bool reversal_is_recorded(Ledger *ledger, ReversalRow *reversal);
extern bool reverse_payment(Ledger *ledger, ReversalRow *reversal, const PaymentRow *payment);

#endif							/* REGPAYDB_REVERSAL_H */
