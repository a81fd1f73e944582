/*
 * stock.h
 *	  What carts hold and products have.
 */
#ifndef REGPAYDB_STOCK_H
#define REGPAYDB_STOCK_H

#include "base/compat.h"
#include "ledger/model.h"

extern CartRow *lock_carts(Ledger *ledger, int64 *cart_ids, int ncarts, int *nlocked);
extern CartRow *lock_carts_of_invoices(Ledger *ledger, const int64 *invoice_ids, int64 ninvoices,
									   int *nlocked);
extern void lock_stock(Ledger *ledger, const CartRow *carts, int ncarts, bool released);
extern void check_cart(Ledger *ledger, int64 cart_id, CartCheck check);
extern bool cart_is_possible(Ledger *ledger, int64 cart_id, CartCheck check);
extern bool cart_is_unsellable(Ledger *ledger, const InvoiceRow *invoice);
extern bool cart_is_invalid(Ledger *ledger, const InvoiceRow *invoice);
extern void check_still_wrong(Ledger *ledger, int64 cart_id);
pg_noreturn extern void refuse_cart(Ledger *ledger, int64 cart_id, CartCheck check);
extern bool hold_cart(Ledger *ledger, int64 cart_id);
extern void sell_cart(Ledger *ledger, const InvoiceRow *invoice);
extern void release_cart(Ledger *ledger, const InvoiceRow *invoice, Successor *successor);

#endif							/* REGPAYDB_STOCK_H */
