/*
 * cart_queries.c
 *	  The texts about products and carts.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "rows/query.h"

/* Of so many units, the share of slot n: all of them together are all units. */
#define SHARE(units) \
	"((" units " OPERATOR(pg_catalog.*) n OPERATOR(pg_catalog./) f.stock_slots) OPERATOR(pg_catalog.-) " \
	"(" units " OPERATOR(pg_catalog.*) (n OPERATOR(pg_catalog.-) 1) OPERATOR(pg_catalog./) f.stock_slots))"

/* A reservation whose units nobody has taken back yet, though its time is over. */
#define LAPSED \
	"r.reserved_until" GT NOT_HELD " AND r.reserved_until" LE "pg_catalog.now()"

const QueryText cart_queries[] = {
	[Q_PRODUCT_AVAILABLE - CART_QUERIES] = {
		"SELECT available::bigint FROM @.product_stock WHERE product_id" EQ "$1",
		1, {INT8OID}
	},
	/* Found by the index; so the view does it, too. */
	[Q_PRODUCT_LAPSED - CART_QUERIES] = {
		"SELECT coalesce(pg_catalog.sum(r.quantity), 0)::bigint FROM @.reservation r "
		"WHERE r.product_id" EQ "$1 AND " LAPSED,
		1, {INT8OID}
	},
	[Q_PRODUCT_FREE - CART_QUERIES] = {
		"SELECT coalesce(free, 0) FROM @.product_stock WHERE product_id" EQ "$1",
		1, {INT8OID}
	},
	[Q_CATEGORY_FREE - CART_QUERIES] = {
		"SELECT free FROM @.category_stock WHERE category_id" EQ "$1",
		1, {INT8OID}
	},
	[Q_CATEGORY_AVAILABLE - CART_QUERIES] = {
		"SELECT available::bigint FROM @.category_stock WHERE category_id" EQ "$1",
		1, {INT8OID}
	},
	[Q_CATEGORY_LAPSED - CART_QUERIES] = {
		"SELECT coalesce(pg_catalog.sum(r.quantity), 0)::bigint FROM @.product p "
		"JOIN @.reservation r ON r.product_id" EQ "p.product_id "
		"WHERE p.category_id" EQ "$1 AND " LAPSED,
		1, {INT8OID}
	},
	[Q_PRODUCTS_OF_CATEGORY - CART_QUERIES] = {
		"SELECT product_id::bigint FROM @.product WHERE category_id" EQ "$1 ORDER BY product_id",
		1, {INT8OID}
	},
	/* Who is just adding a product to it has its row FOR KEY SHARE. */
	[Q_SHUT_CATEGORY - CART_QUERIES] = {
		"SELECT 1 FROM @.category WHERE category_id" EQ "$1 FOR UPDATE",
		1, {INT8OID}
	},
	[Q_PRODUCTS_OF_CARTS - CART_QUERIES] = {
		"WITH mine AS MATERIALIZED ("
		"SELECT i.product_id FROM @.cart_item i WHERE i.cart_id OPERATOR(pg_catalog.=) ANY ($1) "
		"UNION SELECT r.product_id FROM @.reservation r "
		"WHERE r.cart_id OPERATOR(pg_catalog.=) ANY ($1)), "
		"shared AS (SELECT p.category_id FROM mine m JOIN @.product p ON p.product_id" EQ "m.product_id "
		"JOIN @.category g ON g.category_id" EQ "p.category_id WHERE g.stock IS NOT NULL) "
		"SELECT product_id::bigint FROM mine UNION "
		"SELECT p.product_id FROM @.product p JOIN shared s ON s.category_id" EQ "p.category_id "
		"ORDER BY product_id",
		1, {INT8ARRAYOID}
	},
	[Q_INSERT_CART - CART_QUERIES] = {
		"INSERT INTO @.cart (attendee_id) VALUES ($1) "
		"ON CONFLICT (attendee_id) WHERE status" EQ "'active'::regpaydb.cart_status "
		"DO NOTHING RETURNING cart_id::bigint",
		1, {INT8OID}
	},
	[Q_INSERT_PAID_CART - CART_QUERIES] = {
		"INSERT INTO @.cart (attendee_id, status, entry_count) "
		"VALUES ($1, 'paid'::regpaydb.cart_status, $2) RETURNING cart_id::bigint",
		2, {INT8OID, INT4OID}
	},
	[Q_CART_DISCOUNTS - CART_QUERIES] = {
		"SELECT product_id::bigint, description::pg_catalog.text, quantity::integer, amount::numeric "
		"FROM @.cart_discount WHERE cart_id" EQ "$1 ORDER BY cart_discount_id",
		1, {INT8OID}
	},
	[Q_INSERT_DISCOUNT - CART_QUERIES] = {
		"INSERT INTO @.cart_discount (cart_id, product_id, description, quantity, amount) "
		"VALUES ($1, $2, $3, $4, $5)",
		5, {INT8OID, INT8OID, TEXTOID, INT4OID, NUMERICOID}
	},
	[Q_CART_PROBLEM - CART_QUERIES] = {
		"SELECT problem::pg_catalog.text FROM @.cart_problem "
		"WHERE cart_id" EQ "$1 ORDER BY problem LIMIT 1",
		1, {INT8OID}
	},
	/* The kinds are constants so that the rest is not even planned. */
	[Q_RESERVATION_PROBLEM - CART_QUERIES] = {
		"SELECT problem::pg_catalog.text FROM @.cart_problem WHERE cart_id" EQ "$1 "
		"AND (kind" EQ "'sold_out' OR kind" EQ "'limit') ORDER BY problem LIMIT 1",
		1, {INT8OID}
	},
	[Q_STOCK_PROBLEM - CART_QUERIES] = {
		"SELECT problem::pg_catalog.text FROM @.cart_problem WHERE cart_id" EQ "$1 "
		"AND kind" EQ "'sold_out' ORDER BY problem LIMIT 1",
		1, {INT8OID}
	},
	[Q_CART_LINES - CART_QUERIES] = {
		"SELECT l.description::pg_catalog.text, l.quantity::integer, l.price::numeric, "
		"l.product_id::bigint FROM @.cart_line l WHERE l.cart_id" EQ "$1 ORDER BY l.place",
		1, {INT8OID}
	},
	[Q_SET_ITEM - CART_QUERIES] = {
		"INSERT INTO @.cart_item AS i (cart_id, product_id, quantity) VALUES ($1, $2, $3) "
		"ON CONFLICT (cart_id, product_id) DO UPDATE SET quantity = EXCLUDED.quantity",
		3, {INT8OID, INT8OID, INT4OID}
	},
	[Q_DELETE_ITEM - CART_QUERIES] = {
		"DELETE FROM @.cart_item WHERE cart_id" EQ "$1 AND product_id" EQ "$2",
		2, {INT8OID, INT8OID}
	},
	[Q_EXTEND_CART - CART_QUERIES] = {
		"UPDATE @.cart c SET time_last_updated = pg_catalog.now(), "
		"reservation_duration = GREATEST('0'::interval, $2, "
		RESERVED_UNTIL " OPERATOR(pg_catalog.-) pg_catalog.now()) WHERE c.cart_id" EQ "$1",
		2, {INT8OID, INTERVALOID}
	},
	[Q_MOVE_RESERVATION - CART_QUERIES] = {
		"UPDATE @.reservation r SET reserved_until = " RESERVED_UNTIL " "
		"FROM @.cart c WHERE r.cart_id" EQ "$1 AND c.cart_id" EQ "$1 "
		"AND r.reserved_until" NE NOT_HELD " "
		"RETURNING CASE WHEN r.reserved_until" EQ RESERVED_UNTIL " THEN r.cart_id::bigint END",
		1, {INT8OID}
	},
	[Q_LAPSED_OF_PRODUCT - CART_QUERIES] = {
		"SELECT r.cart_id::bigint, r.product_id::bigint FROM @.reservation r "
		"JOIN @.cart c ON c.cart_id" EQ "r.cart_id WHERE r.product_id" EQ "$1 "
		"AND " LAPSED " AND c.status" EQ "'active'::regpaydb.cart_status "
		"AND r.cart_id" NE "$2 ORDER BY r.reserved_until LIMIT $3 "
		"FOR NO KEY UPDATE OF c SKIP LOCKED",
		3, {INT8OID, INT8OID, INT4OID}
	},
	[Q_LAPSED_OF_CATEGORY - CART_QUERIES] = {
		"SELECT l.cart_id::bigint, l.product_id::bigint FROM @.product p CROSS JOIN LATERAL ("
		"SELECT r.cart_id, r.product_id FROM @.reservation r "
		"WHERE r.product_id" EQ "p.product_id AND " LAPSED " AND r.cart_id" NE "$2 "
		"ORDER BY r.reserved_until LIMIT $3) l "
		"JOIN @.cart c ON c.cart_id" EQ "l.cart_id WHERE p.category_id" EQ "$1 "
		"AND c.status" EQ "'active'::regpaydb.cart_status LIMIT $3 "
		"FOR NO KEY UPDATE OF c SKIP LOCKED",
		3, {INT8OID, INT8OID, INT4OID}
	},
	/* IS TRUE, so that the row is found by its key, not among all that have lapsed. */
	[Q_TAKE_BACK - CART_QUERIES] = {
		"UPDATE @.reservation r SET reserved_until = " NOT_HELD " "
		"WHERE r.cart_id" EQ "$1 AND r.product_id" EQ "$2 AND (" LAPSED ") IS TRUE "
		"RETURNING CASE WHEN r.reserved_until" EQ NOT_HELD " THEN r.quantity::bigint END",
		2, {INT8OID, INT8OID}
	},
	[Q_TOUCH_PRODUCT - CART_QUERIES] = {
		"UPDATE @.product SET display_order = display_order WHERE product_id" EQ "$1",
		1, {INT8OID}
	},
	[Q_TOUCH_CATEGORY - CART_QUERIES] = {
		"UPDATE @.category SET display_order = display_order WHERE category_id" EQ "$1",
		1, {INT8OID}
	},
	[Q_TRY_LOCK_CATEGORY - CART_QUERIES] = {
		"SELECT 1 FROM @.category WHERE category_id" EQ "$1 FOR NO KEY UPDATE SKIP LOCKED",
		1, {INT8OID}
	},
	[Q_TRY_LOCK_PRODUCT_SLOT - CART_QUERIES] = {
		"SELECT stock_slot_id::bigint FROM @.stock_slot WHERE product_id" EQ "$1 LIMIT 1 "
		"FOR NO KEY UPDATE SKIP LOCKED",
		1, {INT8OID}
	},
	[Q_TRY_LOCK_CATEGORY_SLOT - CART_QUERIES] = {
		"SELECT stock_slot_id::bigint FROM @.stock_slot WHERE category_id" EQ "$1 LIMIT 1 "
		"FOR NO KEY UPDATE SKIP LOCKED",
		1, {INT8OID}
	},
	/* Materialized, so that what is costly is not done, nor thought to be done, for each. */
	[Q_MAKE_PRODUCT_SLOTS - CART_QUERIES] = {
		"WITH pool AS MATERIALIZED (SELECT stock, "
		"(coalesce(stock, 0)" MINUS "reserved" MINUS "sold" MINUS "$2)::bigint AS free "
		"FROM @.product_stock WHERE product_id" EQ "$1) "
		"INSERT INTO @.stock_slot (product_id, free, owing) "
		"SELECT $1, " SHARE("p.free") ", p.stock IS NOT NULL "
		"AND p.free OPERATOR(pg_catalog.<) 0 "
		"FROM pool p, @.conference f, pg_catalog.generate_series(1, f.stock_slots) AS n",
		2, {INT8OID, INT8OID}
	},
	[Q_MAKE_CATEGORY_SLOTS - CART_QUERIES] = {
		"WITH pool AS MATERIALIZED (SELECT (stock" MINUS "reserved" MINUS "sold" MINUS "$2)::bigint AS free "
		"FROM @.category_stock WHERE category_id" EQ "$1) "
		"INSERT INTO @.stock_slot (category_id, free, owing) "
		"SELECT $1, " SHARE("g.free") ", g.free OPERATOR(pg_catalog.<) 0 "
		"FROM pool g, @.conference f, pg_catalog.generate_series(1, f.stock_slots) AS n",
		2, {INT8OID, INT8OID}
	},
	[Q_MISTIMED_RESERVATION - CART_QUERIES] = {
		"SELECT 1 FROM @.reservation r JOIN @.cart c ON c.cart_id" EQ "r.cart_id "
		"WHERE r.cart_id" EQ "$1 AND r.reserved_until" NE RESERVED_UNTIL " "
		"AND r.reserved_until" NE NOT_HELD " LIMIT 1",
		1, {INT8OID}
	},
	/* Nobody is waited for, so that the order of the carts does not matter. */
	[Q_LOCK_EXPIRED - CART_QUERIES] = {
		"SELECT i.invoice_id::bigint, c.cart_id::bigint "
		"FROM @.invoice i JOIN @.cart c ON c.cart_id" EQ "i.cart_id "
		"WHERE i.status" EQ UNPAID " AND (c.revision" NE "i.cart_revision "
		"OR EXISTS (SELECT 1 FROM @.cart_problem o WHERE o.cart_id" EQ "c.cart_id)) "
		"ORDER BY i.invoice_id LIMIT $1 FOR NO KEY UPDATE OF c SKIP LOCKED",
		1, {INT4OID}
	},
};
