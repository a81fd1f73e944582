/*
 * refund_rows.h
 *	  Refunds of credit notes, and to which payments they go back.
 */
#ifndef REGPAYDB_REFUND_ROWS_H
#define REGPAYDB_REFUND_ROWS_H

#include "ledger/model.h"

extern bool row_refund(Ledger *ledger, int64 refund_id, RefundRow *refund);
extern bool row_lock_refund(Ledger *ledger, int64 refund_id, RefundRow *refund);
extern int64 row_insert_refund(Ledger *ledger, const RefundRow *refund);
extern void row_end_refund(Ledger *ledger, const RefundRow *refund);
extern void row_insert_refund_part(Ledger *ledger, int64 refund_id, const MoneyPart *part);
extern MoneyPart *row_refund_parts(Ledger *ledger, int64 refund_id, int *nparts);
extern int64 *row_refunds_of_ref(Ledger *ledger, text *provider, text *ref,
								 const int64 *payment_id, int *nrefunds);

#endif							/* REGPAYDB_REFUND_ROWS_H */
