/*
 * refuse.h
 *	  The errors for what can't be done to an invoice.
 */
#ifndef REGPAYDB_REFUSE_H
#define REGPAYDB_REFUSE_H

#include "base/compat.h"
#include "ledger/model.h"

pg_noreturn extern void settle_refuse(Ledger *ledger, InvoiceRefusal refusal,
									  const InvoiceRow *invoice);

#endif							/* REGPAYDB_REFUSE_H */
