/*
 * payment_rows.h
 *	  Payments.
 */
#ifndef REGPAYDB_PAYMENT_ROWS_H
#define REGPAYDB_PAYMENT_ROWS_H

#include "ledger/model.h"

extern int64 row_next_payment_id(Ledger *ledger);
extern bool row_insert_payment(Ledger *ledger, const PaymentRow *payment);
extern bool row_payment(Ledger *ledger, int64 payment_id, PaymentRow *payment);
extern bool row_lock_payment(Ledger *ledger, int64 payment_id, PaymentRow *payment);
extern bool row_payment_by_ref(Ledger *ledger, text *provider, text *provider_ref,
							   PaymentRow *payment);
extern PaymentTotals row_payment_totals(Ledger *ledger, int64 invoice_id);
extern void row_payments_above(Ledger *ledger, int64 invoice_id, int64 above_id, int64 up_to_id,
							   PaymentTotals *above, PaymentTotals *up_to);

#endif							/* REGPAYDB_PAYMENT_ROWS_H */
