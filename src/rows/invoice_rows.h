/*
 * invoice_rows.h
 *	  Invoices and their lines.
 */
#ifndef REGPAYDB_INVOICE_ROWS_H
#define REGPAYDB_INVOICE_ROWS_H

#include "ledger/model.h"

extern bool row_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *invoice);
extern bool row_invoice_owner(Ledger *ledger, int64 invoice_id, int64 *attendee_id);
extern bool row_invoice_cart(Ledger *ledger, int64 invoice_id, int64 *cart_id);
extern bool row_lock_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *invoice);
extern int64 *row_unpaid_invoices_of_cart(Ledger *ledger, int64 cart_id, int *ninvoices);
extern bool row_invoice_of_revision(Ledger *ledger, const CartRow *cart, int64 *invoice_id);
extern int64 row_insert_invoice(Ledger *ledger, const InvoiceRow *invoice, text *recipient,
								Interval *due);
extern LineItemRow *row_invoice_lines(Ledger *ledger, int64 invoice_id, int *nlines);
extern void row_insert_line(Ledger *ledger, int64 invoice_id, const LineItemRow *line);
extern void row_update_invoice(Ledger *ledger, const InvoiceRow *before,
							   const InvoiceVerdict *after, const int64 *last_payment_id,
							   text *closed_reason);
extern bool row_takes_credit(Ledger *ledger, const InvoiceRow *invoice);
extern bool row_invoice_document(Ledger *ledger, int64 invoice_id, Datum *document);

#endif							/* REGPAYDB_INVOICE_ROWS_H */
