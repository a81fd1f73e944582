/*
 * store.h
 *	  The engine's SQL: which texts there are, and running them.  Only rows.c
 *	  and the other files of rows run them; others need to know what the engine is writing.
 */
#ifndef REGPAYDB_STORE_H
#define REGPAYDB_STORE_H

#include "postgres.h"

#include "ledger/ledger.h"

typedef enum StoreQuery
{
	Q_LEDGER_VERSION,
	Q_ACCESS_CODE_LENGTH,
	Q_HAS_PAYMENTS,
	Q_IS_STAFF,
	Q_ATTENDEE,
	Q_ACTOR_ATTENDEES,
	Q_ACTOR_INVOICES,
	Q_ACTOR_CARTS,
	Q_INVOICE_ATTENDEE,
	Q_LOCK_ATTENDEE,
	Q_SET_ACCESS_CODE,
	Q_ACCESS_CODE_EXISTS,
	Q_INVOICE_FOR_ACCESS_CODE,
	Q_AVAILABLE_CREDIT,
	Q_INVOICE,
	Q_LOCK_INVOICE,
	Q_INSERT_INVOICE,
	Q_UPDATE_INVOICE,
	Q_TAKES_CREDIT,
	Q_INSERT_LINE,
	Q_INSERT_PAYMENT,
	Q_PAYMENT_BY_REF,
	Q_PAYMENT_TOTALS,
	Q_PAYMENTS_ABOVE,
	Q_CREDIT_NOTE,
	Q_LOCK_CREDIT_NOTE,
	Q_LOCK_OLDEST_CREDIT_NOTE,
	Q_INSERT_CREDIT_NOTE,
	Q_CLAIM_CREDIT_NOTE,
	Q_INSERT_CLAIM,
	Q_INSERT_APPLICATION,
	Q_INSERT_REFUND,
	Q_LOG,
	Q_INTEGRITY_PROBLEMS,
	Q_RECONCILIATION,
	Q_INVOICE_DOCUMENT,
	Q_PRODUCT,
	Q_TOUCH_PRODUCTS,
	Q_CHANGE_SOLD,
	Q_CART,
	Q_LOCK_CART,
	Q_FIND_ACTIVE_CART,
	Q_INSERT_CART,
	Q_CARTS_OF_INVOICES,
	Q_LOCK_CARTS,
	Q_LOCK_PRODUCTS_OF_CART,
	Q_LOCK_PRODUCTS_OF_CARTS,
	Q_CART_PROBLEM,
	Q_RESERVATION_PROBLEM,
	Q_STOCK_PROBLEM,
	Q_CART_ITEMS,
	Q_ITEM,
	Q_RESERVED,
	Q_CART_LINES,
	Q_COUNT_ENTRIES,
	Q_SET_ITEM,
	Q_DELETE_ITEM,
	Q_AMEND_CART,
	Q_TOUCH_CART,
	Q_RENEW_CART,
	Q_CART_GROWS,
	Q_EXTEND_CART,
	Q_SET_CART_STATUS,
	Q_RELEASE_ITEMS,
	Q_HOLDS_ITEMS,
	Q_UNRESERVED_ITEMS,
	Q_RESERVE_ITEMS,
	Q_MOVE_RESERVATION,
	Q_MISTIMED_RESERVATION,
	Q_UNPAID_INVOICES_OF_CART,
	Q_INVOICE_OF_REVISION,
	Q_LOCK_EXPIRED,
	STORE_QUERIES
} StoreQuery;

extern bool store_is_writing(Oid relid, int64 id);
extern void store_has_written(void);
pg_noreturn extern void store_not_written(Ledger *ledger, LedgerTable table);

extern uint64 store_run(Ledger *ledger, StoreQuery query, Datum *args, const char *nulls);
extern void store_write(Ledger *ledger, StoreQuery query, LedgerTable table, Datum *args,
						const char *nulls);
extern bool store_write_own(Ledger *ledger, StoreQuery query, LedgerTable table, int64 id,
							Datum *args, const char *nulls, bool must_write);

#endif							/* REGPAYDB_STORE_H */
