/*
 * queries.h
 *	  The engine's SQL texts.
 *
 * A text stands for any ledger: '@' is the ledger's schema, and '#' is zero, with
 * the decimals of its amounts.  Whatever is
 * looked up through search_path is qualified, operators too, since the caller
 * chooses search_path; result columns are cast, so that their types are known
 * whatever was done to the table.
 *
 * Lock order, everywhere: attendee, cart, product, invoice, credit note, each
 * by id.  Rows of cart_item, which plain SQL has before any trigger of ours can
 * lock the cart, are waited for only for a moment: see set_quantity().
 */
#ifndef REGPAYDB_QUERIES_H
#define REGPAYDB_QUERIES_H

#include "postgres.h"

#include "rows/store.h"

#define MAX_ARGS 9

typedef struct QueryText
{
	const char *text;
	int			nargs;
	Oid			argtypes[MAX_ARGS];
} QueryText;

/* Those from Q_PRODUCT on are about products and carts. */
#define CART_QUERIES	Q_PRODUCT

extern const QueryText ledger_queries[];
extern const QueryText cart_queries[];

#define EQ	" OPERATOR(pg_catalog.=) "
#define NE	" OPERATOR(pg_catalog.<>) "
#define LE	" OPERATOR(pg_catalog.<=) "
#define GT	" OPERATOR(pg_catalog.>) "
#define MINUS	" OPERATOR(pg_catalog.-) "

/* In UTC, so that a caller's time zone does not move the ends of days. */
#define RESERVED_UNTIL \
	"((c.time_last_updated AT TIME ZONE 'UTC' OPERATOR(pg_catalog.+) " \
	"c.reservation_duration) AT TIME ZONE 'UTC')"

#define UNPAID "'unpaid'::regpaydb.invoice_status"

#endif							/* REGPAYDB_QUERIES_H */
