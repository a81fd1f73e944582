/*
 * invoice.h
 *	  What an invoice can do now.
 */
#ifndef REGPAYDB_INVOICE_H
#define REGPAYDB_INVOICE_H

#include "rows.h"

extern void check_payable(Ledger *ledger, const InvoiceRow *invoice);
extern void check_likely_payable(Ledger *ledger, const InvoiceRow *invoice);

#endif							/* REGPAYDB_INVOICE_H */
