/*
 * settle.h
 *	  The life of money: what happens to an invoice or a credit note is decided and
 *	  written here.
 */
#ifndef REGPAYDB_SETTLE_H
#define REGPAYDB_SETTLE_H

#include "base/compat.h"
#include "flow/settle_counted.h"
#include "ledger/model.h"

/* Raises an error where an invoice must not take a payment. */
typedef void (*SettleCheck) (Ledger *ledger, const InvoiceRow *invoice);

extern bool settle_lock_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *invoice);
extern void settle_payment(Ledger *ledger, const InvoiceRow *invoice,
						   const PaymentRow *payment, SettleCheck check,
						   int64 credit_owner);
extern bool settle_inserted(Ledger *ledger, int64 invoice_id, const SettleAdded *added,
							int64 credit_owner, int64 *credit_note_id);
extern void settle_added(Ledger *ledger, const InvoiceRow *invoice, const SettleAdded *added,
						 const PaymentTotals *totals, int64 credit_owner);
extern InvoiceStatus settle_afresh(Ledger *ledger, const InvoiceRow *invoice);
extern bool settle_return(Ledger *ledger, const InvoiceRow *invoice, text *reason,
						  Successor *successor, int64 *credit_note_id);
extern bool settle_refund(Ledger *ledger, const InvoiceRow *invoice, text *reason,
						  int64 *credit_note_id);
extern void settle_void(Ledger *ledger, const InvoiceRow *invoice, text *reason);
extern int64 settle_application(Ledger *ledger, const InvoiceRow *invoice,
								const CreditNoteRow *note, int64 *residual_id);
extern int64 settle_put_note(Ledger *ledger, int64 invoice_id, const CreditNoteRow *note,
							 SettleAdded *added);

#endif							/* REGPAYDB_SETTLE_H */
