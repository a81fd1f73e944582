/*
 * query.h
 *	  The engine's SQL texts.
 *
 * A text stands for any ledger: '@' is the ledger's schema, and '#' is zero, with
 * the decimals of its amounts.  Whatever is looked up through search_path is
 * qualified, operators too, since the caller chooses search_path; result columns
 * are cast, so that their types are known whatever was done to the table.
 *
 * What is done to one row, or to those of one key, has no text here: it is made
 * from the table's spec, see statement.c.
 *
 * Lock order, everywhere: attendee, cart, product and its slots, category and its
 * slots, invoice, credit note, payment, refund, each by id.  Rows of cart_item, which
 * plain SQL has before any trigger of ours can lock the cart, are waited for only for a
 * moment: see set_quantity().
 */
#ifndef REGPAYDB_QUERY_H
#define REGPAYDB_QUERY_H

typedef enum EngineQuery
{
	Q_LEDGER_VERSION,
	Q_ACCESS_CODE_LENGTH,
	Q_HAS_PAYMENTS,
	Q_ACTOR_ATTENDEES,
	Q_ACTOR_INVOICES,
	Q_ACTOR_CARTS,
	Q_SET_ACCESS_CODE,
	Q_ACCESS_CODE_EXISTS,
	Q_INVOICE_FOR_ACCESS_CODE,
	Q_AVAILABLE_CREDIT,
	Q_TAKES_CREDIT,
	Q_INVOICE_LINES,
	Q_PAYMENT_TOTALS,
	Q_PAYMENTS_ABOVE,
	Q_LOCK_OLDEST_CREDIT_NOTE,
	Q_INVOICE_FLOW,
	Q_NOTE_FATE,
	Q_OWN_NOTES,
	Q_GONE_BACK,
	Q_REFUND_PARTS,
	Q_REFUNDS_OF_REF,
	Q_REVERSAL_OF_REF,
	Q_INTEGRITY_PROBLEMS,
	Q_INTEGRITY_PROBLEMS_SINCE,
	Q_RECONCILIATION,
	Q_INVOICE_DOCUMENT,
	Q_PRODUCT_AVAILABLE,
	Q_PRODUCT_LAPSED,
	Q_PRODUCT_FREE,
	Q_CATEGORY_FREE,
	Q_CATEGORY_AVAILABLE,
	Q_CATEGORY_LAPSED,
	Q_PRODUCTS_OF_CATEGORY,
	Q_SHUT_CATEGORY,
	Q_PRODUCTS_OF_CARTS,
	Q_INSERT_CART,
	Q_INSERT_PAID_CART,
	Q_CART_DISCOUNTS,
	Q_INSERT_DISCOUNT,
	Q_CART_PROBLEM,
	Q_RESERVATION_PROBLEM,
	Q_STOCK_PROBLEM,
	Q_CART_LINES,
	Q_SET_ITEM,
	Q_DELETE_ITEM,
	Q_EXTEND_CART,
	Q_LAPSED_OF_PRODUCT,
	Q_LAPSED_OF_CATEGORY,
	Q_TAKE_BACK,
	Q_TOUCH_PRODUCT,
	Q_TOUCH_CATEGORY,
	Q_TRY_LOCK_CATEGORY,
	Q_TRY_LOCK_PRODUCT_SLOT,
	Q_TRY_LOCK_CATEGORY_SLOT,
	Q_MAKE_PRODUCT_SLOTS,
	Q_MAKE_CATEGORY_SLOTS,
	Q_MOVE_RESERVATION,
	Q_MISTIMED_RESERVATION,
	Q_LOCK_EXPIRED,
	QUERIES
} EngineQuery;

#define MAX_ARGS 37

typedef struct QueryText
{
	const char *text;
	int			nargs;
	Oid			argtypes[MAX_ARGS];
} QueryText;

/* Those from Q_PRODUCT_AVAILABLE on are about products and carts. */
#define CART_QUERIES	Q_PRODUCT_AVAILABLE

extern const QueryText ledger_queries[];
extern const QueryText cart_queries[];

#define EQ	" OPERATOR(pg_catalog.=) "
#define NE	" OPERATOR(pg_catalog.<>) "
#define LE	" OPERATOR(pg_catalog.<=) "
#define GT	" OPERATOR(pg_catalog.>) "
#define LT	" OPERATOR(pg_catalog.<) "
#define GE	" OPERATOR(pg_catalog.>=) "
#define MINUS	" OPERATOR(pg_catalog.-) "

/*
 * The end of a cart's reservation: this is the rule.  In UTC, so that a caller's time
 * zone does not move the ends of days.
 *
 * It is stored in reservation.reserved_until.  It stands again where that can't be
 * read: in reserved_until() of cart_rows.c, which test/t/cart_check.pl holds against
 * this; in the view integrity_problem, which proves what is stored; and in two reports,
 * for carts that have no reservations.
 */
#define RESERVED_UNTIL \
	"((c.time_last_updated AT TIME ZONE 'UTC' OPERATOR(pg_catalog.+) " \
	"c.reservation_duration) AT TIME ZONE 'UTC')"

/* A reservation whose units were taken back when they were wanted, and it had lapsed. */
#define NOT_HELD "'-infinity'::pg_catalog.timestamptz"

#define UNPAID "'unpaid'::regpaydb.invoice_status"

#endif							/* REGPAYDB_QUERY_H */
