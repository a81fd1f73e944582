/*
 * return.h
 *	  Lines of a paid invoice that are returned.
 */
#ifndef REGPAYDB_RETURN_H
#define REGPAYDB_RETURN_H

#include "ledger/model.h"

extern bool return_lines(Ledger *ledger, const InvoiceRow *invoice, const ReturnedLine *returned,
						 int nreturned, text *reason, int64 *credit_note_id);

#endif							/* REGPAYDB_RETURN_H */
