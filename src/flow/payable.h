/*
 * payable.h
 *	  Whether an invoice can be paid now.
 */
#ifndef REGPAYDB_PAYABLE_H
#define REGPAYDB_PAYABLE_H

#include "ledger/model.h"

extern void check_payable(Ledger *ledger, const InvoiceRow *invoice);
extern void check_likely_payable(Ledger *ledger, const InvoiceRow *invoice);

#endif							/* REGPAYDB_PAYABLE_H */
