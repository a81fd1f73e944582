/*
 * successor.h
 *	  What remains of an invoice of which lines are returned.
 */
#ifndef REGPAYDB_SUCCESSOR_H
#define REGPAYDB_SUCCESSOR_H

#include "ledger/model.h"

extern void find_successor(const InvoiceRow *invoice, const LineItemRow *lines, int nlines,
						   const ReturnedLine *returned, int nreturned, Successor *successor);
extern int32 successor_keeps(const Successor *successor, int64 product_id);
extern void make_successor_cart(Ledger *ledger, const InvoiceRow *invoice, Successor *successor);
extern bool successor_cart_is_sound(Ledger *ledger, const InvoiceRow *invoice,
									const Successor *successor);

#endif							/* REGPAYDB_SUCCESSOR_H */
