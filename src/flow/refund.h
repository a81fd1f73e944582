/*
 * refund.h
 *	  Credit notes that are paid out: requested, done, failed.
 */
#ifndef REGPAYDB_REFUND_H
#define REGPAYDB_REFUND_H

#include "flow/trail.h"

extern int64 payment_refundable(Provenance *provenance, const PaymentRow *payment);
extern int64 refund_note(Ledger *ledger, const CreditNoteRow *note, RefundRow *refund,
						 const MoneyPart *parts, int nparts);
extern void refund_confirm(Ledger *ledger, int64 refund_id, text *provider, text *provider_ref);
extern int64 refund_fail(Ledger *ledger, int64 refund_id, text *reason);
extern bool refund_is_of_ref(Provenance *provenance, const PaymentRow *payment, text *provider,
							 text *ref, int64 amount);

#endif							/* REGPAYDB_REFUND_H */
