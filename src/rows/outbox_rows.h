/*
 * outbox_rows.h
 *	  The outbox: what consumers are told.
 */
#ifndef REGPAYDB_OUTBOX_ROWS_H
#define REGPAYDB_OUTBOX_ROWS_H

#include "ledger/model.h"

extern void row_log_invoice(Ledger *ledger, OutboxKind kind, int64 invoice_id,
							const InvoiceStatus *before, InvoiceStatus after);
extern void row_log_credit_note(Ledger *ledger, OutboxKind kind, int64 credit_note_id,
								const int64 *invoice_id);
extern void row_log_reversal(Ledger *ledger, OutboxKind kind, const ReversalRow *reversal,
							 int64 invoice_id);
extern void row_log_cart(Ledger *ledger, OutboxKind kind, int64 cart_id);

#endif							/* REGPAYDB_OUTBOX_ROWS_H */
