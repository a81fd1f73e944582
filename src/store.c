/*
 * store.c
 *	  Every SQL text that the engine runs, in one table, and the plans made of
 *	  them.  rows.c has a typed function for each.
 *
 * A text stands for any ledger: '@' is the ledger's schema.  Whatever is
 * looked up through search_path is qualified, operators too, since the caller
 * chooses search_path; result columns are cast, so that their types are known
 * whatever was done to the table.
 *
 * Lock order, everywhere: attendee, cart, product, invoice, credit note, each
 * by id.  Rows of cart_item, which plain SQL has before any trigger of ours can
 * lock the cart, are waited for only for a moment: see set_quantity().
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "direct.h"
#include "store.h"

#define EQ	" OPERATOR(pg_catalog.=) "
#define NE	" OPERATOR(pg_catalog.<>) "
#define LE	" OPERATOR(pg_catalog.<=) "
#define GT	" OPERATOR(pg_catalog.>) "
#define MINUS	" OPERATOR(pg_catalog.-) "

#define INVOICE_COLUMNS \
	"invoice_id::bigint, attendee_id::bigint, status::pg_catalog.text, " \
	"value::numeric, paid::numeric, payment_count::bigint, " \
	"COALESCE(last_payment_id, 0)::bigint, COALESCE(cart_id, 0)::bigint, " \
	"COALESCE(cart_revision, 0)::integer FROM @.invoice WHERE invoice_id" EQ "$1"

#define CREDIT_NOTE_COLUMNS \
	"n.credit_note_id::bigint, n.attendee_id::bigint, n.value::numeric, " \
	"n.state::pg_catalog.text FROM @.credit_note n "

/* In UTC, so that a caller's time zone does not move the ends of days. */
#define RESERVED_UNTIL \
	"((c.time_last_updated AT TIME ZONE 'UTC' OPERATOR(pg_catalog.+) " \
	"c.reservation_duration) AT TIME ZONE 'UTC')"

#define CART_COLUMNS \
	"c.cart_id::bigint, c.attendee_id::bigint, c.status::pg_catalog.text, " \
	"c.revision::integer, c.entry_count::integer, " \
	"(" RESERVED_UNTIL " OPERATOR(pg_catalog.<=) pg_catalog.clock_timestamp()) FROM @.cart c "

#define ACTOR_IS_ATTENDEE \
	"FROM @.attendee a WHERE a.user_id" EQ "$1 OR a.access_code" EQ "$2"

#define UNPAID "'unpaid'::regpaydb.invoice_status"

#define CREDIT_NOTE_IS_UNCLAIMED "n.state" EQ "'unclaimed'::regpaydb.credit_note_state"

/* Of an invoice at time $1, from the times that it keeps. */
#define IS_ISSUED_AND_OPEN \
	"i.issue_time" LE "$1 AND (i.closed_time" LE "$1) IS NOT TRUE"
#define WAS_PAID	IS_ISSUED_AND_OPEN " AND i.paid_time" LE "$1"
#define WAS_UNPAID	IS_ISSUED_AND_OPEN " AND (i.paid_time" LE "$1) IS NOT TRUE"

#define SUM_WHERE(amount, condition) \
	"COALESCE(pg_catalog.sum(" amount ") FILTER (WHERE " condition "), 0.00)"

#define ARRAY_OF(members, key) \
	"COALESCE(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(" members ") " \
	"ORDER BY " key "), '[]'::pg_catalog.jsonb)"

#define MAX_ARGS 8

static const struct
{
	const char *text;
	int			nargs;
	Oid			argtypes[MAX_ARGS];
}			queries[STORE_QUERIES] = {

	[Q_LEDGER_VERSION] = {
		"SELECT ledger_version::pg_catalog.text FROM @.conference",
		0, {0}
	},
	[Q_ACCESS_CODE_LENGTH] = {
		"SELECT access_code_length::integer FROM @.conference",
		0, {0}
	},
	[Q_HAS_PAYMENTS] = {
		"SELECT 1 FROM @.payment LIMIT 1",
		0, {0}
	},
	[Q_IS_STAFF] = {
		"SELECT 1 FROM @.staff WHERE user_id" EQ "$1",
		1, {INT8OID}
	},
	[Q_ATTENDEE] = {
		"SELECT user_id::bigint, access_code::pg_catalog.text, "
		"recipient::pg_catalog.text FROM @.attendee WHERE attendee_id" EQ "$1",
		1, {INT8OID}
	},
	/* Whoever a user or the holder of a code is; either may be NULL. */
	[Q_ACTOR_ATTENDEES] = {
		"SELECT a.attendee_id::bigint " ACTOR_IS_ATTENDEE,
		2, {INT8OID, TEXTOID}
	},
	[Q_ACTOR_INVOICES] = {
		"SELECT i.invoice_id::bigint FROM @.invoice i WHERE i.attendee_id" EQ "ANY "
		"(ARRAY(SELECT a.attendee_id " ACTOR_IS_ATTENDEE "))",
		2, {INT8OID, TEXTOID}
	},
	[Q_ACTOR_CARTS] = {
		"SELECT c.cart_id::bigint FROM @.cart c WHERE c.attendee_id" EQ "ANY "
		"(ARRAY(SELECT a.attendee_id " ACTOR_IS_ATTENDEE "))",
		2, {INT8OID, TEXTOID}
	},
	[Q_INVOICE_ATTENDEE] = {
		"SELECT a.user_id::bigint, a.access_code::pg_catalog.text, "
		"a.recipient::pg_catalog.text "
		"FROM @.invoice i JOIN @.attendee a ON a.attendee_id" EQ "i.attendee_id "
		"WHERE i.invoice_id" EQ "$1",
		1, {INT8OID}
	},
	/* An update, so that REPEATABLE READ notices who came in between. */
	[Q_LOCK_ATTENDEE] = {
		"UPDATE @.attendee SET recipient = recipient WHERE attendee_id" EQ "$1 "
		"RETURNING recipient::pg_catalog.text",
		1, {INT8OID}
	},
	[Q_SET_ACCESS_CODE] = {
		"UPDATE @.attendee SET access_code = $2 WHERE attendee_id" EQ "$1",
		2, {INT8OID, TEXTOID}
	},
	[Q_ACCESS_CODE_EXISTS] = {
		"SELECT 1 FROM @.attendee WHERE access_code" EQ "$1",
		1, {TEXTOID}
	},
	[Q_INVOICE_FOR_ACCESS_CODE] = {
		"SELECT i.invoice_id::bigint "
		"FROM @.attendee a JOIN @.invoice i ON i.attendee_id" EQ "a.attendee_id "
		"WHERE a.access_code" EQ "$1 "
		"ORDER BY CASE WHEN i.status" EQ "'unpaid'::regpaydb.invoice_status THEN 0 "
		"WHEN i.status" EQ "'paid'::regpaydb.invoice_status THEN 1 ELSE 2 END, "
		"i.issue_time DESC, i.invoice_id DESC LIMIT 1",
		1, {TEXTOID}
	},
	[Q_AVAILABLE_CREDIT] = {
		"SELECT COALESCE(pg_catalog.sum(n.value), 0.00)::numeric FROM @.credit_note n "
		"WHERE n.attendee_id" EQ "$1 AND " CREDIT_NOTE_IS_UNCLAIMED,
		1, {INT8OID}
	},
	[Q_INVOICE] = {
		"SELECT " INVOICE_COLUMNS,
		1, {INT8OID}
	},
	[Q_LOCK_INVOICE] = {
		"SELECT " INVOICE_COLUMNS " FOR NO KEY UPDATE",
		1, {INT8OID}
	},
	[Q_INSERT_INVOICE] = {
		"INSERT INTO @.invoice (attendee_id, recipient, due_time, value, cart_id, "
		"cart_revision) VALUES ($1, $2, COALESCE(pg_catalog.now() OPERATOR(pg_catalog.+) $3, "
		"(SELECT GREATEST(pg_catalog.now(), " RESERVED_UNTIL ") FROM @.cart c "
		"WHERE c.cart_id" EQ "$5)), $4, $5, $6) RETURNING invoice_id::bigint",
		6, {INT8OID, TEXTOID, INTERVALOID, NUMERICOID, INT8OID, INT4OID}
	},
	[Q_UPDATE_INVOICE] = {
		"UPDATE @.invoice SET status = $2::regpaydb.invoice_status, paid = $3, "
		"payment_count = $4, last_payment_id = $5, "
		"paid_time = CASE WHEN $6 THEN pg_catalog.now() ELSE paid_time END, "
		"closed_time = CASE WHEN $7 THEN pg_catalog.now() ELSE closed_time END "
		"WHERE invoice_id" EQ "$1",
		7, {INT8OID, TEXTOID, NUMERICOID, INT8OID, INT8OID, BOOLOID, BOOLOID}
	},
	[Q_TAKES_CREDIT] = {
		"SELECT 1 FROM @.conference WHERE auto_apply_credit AND EXISTS ("
		"SELECT 1 FROM @.credit_note n WHERE n.attendee_id" EQ "$1 "
		"AND " CREDIT_NOTE_IS_UNCLAIMED ") AND NOT EXISTS ("
		"SELECT 1 FROM @.invoice i WHERE i.attendee_id" EQ "$1 "
		"AND i.status" EQ "'unpaid'::regpaydb.invoice_status AND i.invoice_id" NE "$2)",
		2, {INT8OID, INT8OID}
	},
	[Q_INSERT_LINE] = {
		"INSERT INTO @.line_item (invoice_id, description, quantity, price, product_id) "
		"VALUES ($1, $2, $3, $4, $5)",
		5, {INT8OID, TEXTOID, INT4OID, NUMERICOID, INT8OID}
	},
	[Q_INSERT_PAYMENT] = {
		"INSERT INTO @.payment (payment_id, invoice_id, kind, amount, reference, "
		"provider, provider_ref, entered_by) "
		"VALUES ($1, $2, $3::regpaydb.payment_kind, $4, $5, $6, $7, $8) "
		"ON CONFLICT (provider, provider_ref) DO NOTHING "
		"RETURNING payment_id::bigint, invoice_id::bigint, amount::numeric",
		8, {INT8OID, INT8OID, TEXTOID, NUMERICOID, TEXTOID, TEXTOID, TEXTOID, INT8OID}
	},
	[Q_PAYMENT_BY_REF] = {
		"SELECT payment_id::bigint, invoice_id::bigint, amount::numeric FROM @.payment "
		"WHERE provider" EQ "$1 AND provider_ref" EQ "$2",
		2, {TEXTOID, TEXTOID}
	},
	[Q_PAYMENT_TOTALS] = {
		"SELECT COALESCE(pg_catalog.sum(amount), 0)::numeric AS \"sum of the payments\", pg_catalog.count(*)::bigint, "
		"COALESCE(pg_catalog.max(payment_id), 0)::bigint FROM @.payment "
		"WHERE invoice_id" EQ "$1",
		1, {INT8OID}
	},
	[Q_CREDIT_NOTE] = {
		"SELECT " CREDIT_NOTE_COLUMNS "WHERE n.credit_note_id" EQ "$1",
		1, {INT8OID}
	},
	[Q_LOCK_CREDIT_NOTE] = {
		"SELECT " CREDIT_NOTE_COLUMNS "WHERE n.credit_note_id" EQ "$1 FOR NO KEY UPDATE",
		1, {INT8OID}
	},
	[Q_LOCK_OLDEST_CREDIT_NOTE] = {
		"SELECT " CREDIT_NOTE_COLUMNS
		"LEFT JOIN @.payment p ON p.payment_id" EQ "n.credit_note_id "
		"WHERE n.attendee_id" EQ "$1 AND " CREDIT_NOTE_IS_UNCLAIMED
		" ORDER BY p.\"time\", n.credit_note_id LIMIT 1 FOR NO KEY UPDATE OF n",
		1, {INT8OID}
	},
	[Q_INSERT_CREDIT_NOTE] = {
		"INSERT INTO @.credit_note (credit_note_id, attendee_id, value) VALUES ($1, $2, $3)",
		3, {INT8OID, INT8OID, NUMERICOID}
	},
	[Q_CLAIM_CREDIT_NOTE] = {
		"UPDATE @.credit_note n SET state = $2::regpaydb.credit_note_state "
		"WHERE n.credit_note_id" EQ "$1 AND " CREDIT_NOTE_IS_UNCLAIMED,
		2, {INT8OID, TEXTOID}
	},
	[Q_INSERT_CLAIM] = {
		"INSERT INTO @.credit_note_claim (credit_note_id, claim) "
		"VALUES ($1, $2::regpaydb.credit_note_state)",
		2, {INT8OID, TEXTOID}
	},
	[Q_INSERT_APPLICATION] = {
		"INSERT INTO @.credit_note_application (payment_id, credit_note_id) VALUES ($1, $2)",
		2, {INT8OID, INT8OID}
	},
	[Q_INSERT_REFUND] = {
		"INSERT INTO @.credit_note_refund (credit_note_id, reference, entered_by) "
		"VALUES ($1, $2, $3) RETURNING credit_note_refund_id::bigint",
		3, {INT8OID, TEXTOID, INT8OID}
	},
	[Q_LOG] = {
		"INSERT INTO @.outbox (kind, invoice_id, old_status, new_status, credit_note_id, "
		"cart_id) VALUES ($1::regpaydb.outbox_kind, $2, $3::regpaydb.invoice_status, "
		"$4::regpaydb.invoice_status, $5, $6)",
		6, {TEXTOID, INT8OID, TEXTOID, TEXTOID, INT8OID, INT8OID}
	},
	[Q_INTEGRITY_PROBLEMS] = {
		"SELECT object::pg_catalog.text, problem::pg_catalog.text FROM @.integrity_problem",
		0, {0}
	},
	/*
	 * Sums of what had been recorded by $1.  A claim is taken to be no earlier
	 * than its note: a transaction that began before the note was made, and
	 * waited for it, has an earlier time.
	 */
	[Q_RECONCILIATION] = {
		"SELECT m.received::numeric, m.on_paid::numeric, m.on_other::numeric, "
		"n.unclaimed::numeric, n.refunded::numeric, "
		"(m.received" MINUS "m.on_paid" MINUS "m.on_other" MINUS "n.unclaimed" MINUS "n.refunded)::numeric, "
		"i.paid_value::numeric, (i.unpaid_value" MINUS "m.on_unpaid)::numeric "
		"FROM (SELECT "
		SUM_WHERE("p.amount", "p.kind" EQ "ANY ('{payment,manual}'::regpaydb.payment_kind[])") " AS received, "
		SUM_WHERE("p.amount", WAS_PAID) " AS on_paid, "
		SUM_WHERE("p.amount", "(" WAS_PAID ") IS NOT TRUE") " AS on_other, "
		SUM_WHERE("p.amount", WAS_UNPAID) " AS on_unpaid "
		"FROM @.payment p JOIN @.invoice i ON i.invoice_id" EQ "p.invoice_id "
		"LEFT JOIN @.credit_note_application c ON c.payment_id" EQ "p.payment_id "
		"LEFT JOIN @.payment made ON made.payment_id" EQ "c.credit_note_id "
		"WHERE p.\"time\"" LE "$1 AND (made.\"time\"" GT "$1) IS NOT TRUE) m, "
		"(SELECT "
		SUM_WHERE("i.value", WAS_PAID) " AS paid_value, "
		SUM_WHERE("i.value", WAS_UNPAID) " AS unpaid_value FROM @.invoice i) i, "
		"(SELECT "
		SUM_WHERE("n.value", "(used.\"time\"" LE "$1) IS NOT TRUE AND (r.\"time\"" LE "$1) IS NOT TRUE") " AS unclaimed, "
		SUM_WHERE("n.value", "r.\"time\"" LE "$1") " AS refunded "
		"FROM @.credit_note n JOIN @.payment made ON made.payment_id" EQ "n.credit_note_id "
		"LEFT JOIN @.credit_note_application c ON c.credit_note_id" EQ "n.credit_note_id "
		"LEFT JOIN @.payment used ON used.payment_id" EQ "c.payment_id "
		"LEFT JOIN @.credit_note_refund r ON r.credit_note_id" EQ "n.credit_note_id "
		"WHERE made.\"time\"" LE "$1) n",
		1, {TIMESTAMPTZOID}
	},
	[Q_INVOICE_DOCUMENT] = {
		"SELECT pg_catalog.jsonb_build_object("
		"'invoice_id', i.invoice_id, 'conference', f.name, 'currency', f.currency, "
		"'status', i.status, 'attendee_id', i.attendee_id, 'recipient', i.recipient, "
		"'issue_time', i.issue_time, 'due_time', i.due_time, "
		"'paid_time', i.paid_time, 'closed_time', i.closed_time, "
		"'lines', (SELECT " ARRAY_OF("'description', l.description, 'quantity', l.quantity, "
									 "'price', l.price, 'total', l.price OPERATOR(pg_catalog.*) l.quantity, "
									 "'product_id', l.product_id", "l.line_item_id")
		" FROM @.line_item l WHERE l.invoice_id" EQ "i.invoice_id), "
		"'payments', (SELECT " ARRAY_OF("'payment_id', p.payment_id, 'time', p.\"time\", 'kind', p.kind, "
										"'reference', p.reference, 'provider', p.provider, 'amount', p.amount, "
										"'credit_note_id', CASE WHEN p.kind" EQ "'credit_note'::regpaydb.payment_kind "
										"THEN p.payment_id ELSE c.credit_note_id END", "p.payment_id")
		" FROM @.payment p LEFT JOIN @.credit_note_application c ON c.payment_id" EQ "p.payment_id "
		"WHERE p.invoice_id" EQ "i.invoice_id), "
		"'credit_notes', (SELECT " ARRAY_OF("'credit_note_id', n.credit_note_id, 'time', p.\"time\", "
											"'value', n.value, 'state', n.state, 'applied_to_invoice_id', used.invoice_id, "
											"'claim_time', COALESCE(used.\"time\", r.\"time\"), "
											"'reference', r.reference", "n.credit_note_id")
		" FROM @.payment p JOIN @.credit_note n ON n.credit_note_id" EQ "p.payment_id "
		"LEFT JOIN @.credit_note_application c ON c.credit_note_id" EQ "n.credit_note_id "
		"LEFT JOIN @.payment used ON used.payment_id" EQ "c.payment_id "
		"LEFT JOIN @.credit_note_refund r ON r.credit_note_id" EQ "n.credit_note_id "
		"WHERE p.invoice_id" EQ "i.invoice_id), "
		"'totals', pg_catalog.jsonb_build_object('value', i.value, 'paid', i.paid, "
		"'due', CASE WHEN i.status" EQ UNPAID " THEN i.value" MINUS "i.paid ELSE 0.00 END))"
		"::pg_catalog.jsonb FROM @.invoice i, @.conference f WHERE i.invoice_id" EQ "$1",
		1, {INT8OID}
	},
	[Q_PRODUCT] = {
		"SELECT p.stock::integer, (p.stock OPERATOR(pg_catalog.-) p.sold "
		"OPERATOR(pg_catalog.-) (SELECT COALESCE(pg_catalog.sum(r.quantity), 0) "
		"FROM @.current_reservation r WHERE r.product_id" EQ "p.product_id))::bigint "
		"FROM @.product p WHERE p.product_id" EQ "$1",
		1, {INT8OID}
	},
	/* So that REPEATABLE READ notices who reserved in between. */
	[Q_TOUCH_PRODUCTS] = {
		"UPDATE @.product SET sold = sold WHERE product_id" EQ "ANY "
		"(SELECT i.product_id FROM @.cart_item i WHERE i.cart_id" EQ "$1)",
		1, {INT8OID}
	},
	[Q_CHANGE_SOLD] = {
		"UPDATE @.product SET sold = sold OPERATOR(pg_catalog.+) $2 "
		"WHERE product_id" EQ "$1",
		2, {INT8OID, INT4OID}
	},
	[Q_CART] = {
		"SELECT " CART_COLUMNS "WHERE c.cart_id" EQ "$1",
		1, {INT8OID}
	},
	[Q_LOCK_CART] = {
		"SELECT " CART_COLUMNS "WHERE c.cart_id" EQ "$1 FOR NO KEY UPDATE",
		1, {INT8OID}
	},
	[Q_FIND_ACTIVE_CART] = {
		"SELECT cart_id::bigint FROM @.cart WHERE attendee_id" EQ "$1 "
		"AND status" EQ "'active'::regpaydb.cart_status",
		1, {INT8OID}
	},
	[Q_INSERT_CART] = {
		"INSERT INTO @.cart (attendee_id) VALUES ($1) "
		"ON CONFLICT (attendee_id) WHERE status" EQ "'active'::regpaydb.cart_status "
		"DO NOTHING RETURNING cart_id::bigint",
		1, {INT8OID}
	},
	[Q_CARTS_OF_INVOICES] = {
		"SELECT DISTINCT i.cart_id::bigint FROM @.invoice i "
		"WHERE i.invoice_id" EQ "ANY ($1) AND i.cart_id IS NOT NULL",
		1, {INT8ARRAYOID}
	},
	[Q_LOCK_CARTS] = {
		"SELECT " CART_COLUMNS "WHERE c.cart_id" EQ "ANY ($1) "
		"ORDER BY c.cart_id FOR NO KEY UPDATE",
		1, {INT8ARRAYOID}
	},
	/* The same for one cart, with a plan that fits that. */
	[Q_LOCK_PRODUCTS_OF_CART] = {
		"SELECT 1 FROM @.product p WHERE p.product_id" EQ "ANY "
		"(SELECT i.product_id FROM @.cart_item i WHERE i.cart_id" EQ "$1) "
		"ORDER BY p.product_id FOR NO KEY UPDATE",
		1, {INT8OID}
	},
	[Q_LOCK_PRODUCTS_OF_CARTS] = {
		"SELECT 1 FROM @.product p WHERE p.product_id" EQ "ANY "
		"(SELECT i.product_id FROM @.cart_item i WHERE i.cart_id" EQ "ANY ($1)) "
		"ORDER BY p.product_id FOR NO KEY UPDATE",
		1, {INT8ARRAYOID}
	},
	[Q_CART_PROBLEM] = {
		"SELECT problem::pg_catalog.text FROM @.cart_problem "
		"WHERE cart_id" EQ "$1 ORDER BY problem LIMIT 1",
		1, {INT8OID}
	},
	/* The kinds are constants so that the rest is not even planned. */
	[Q_RESERVATION_PROBLEM] = {
		"SELECT problem::pg_catalog.text FROM @.cart_problem WHERE cart_id" EQ "$1 "
		"AND (kind" EQ "'sold_out' OR kind" EQ "'limit') ORDER BY problem LIMIT 1",
		1, {INT8OID}
	},
	[Q_STOCK_PROBLEM] = {
		"SELECT problem::pg_catalog.text FROM @.cart_problem WHERE cart_id" EQ "$1 "
		"AND kind" EQ "'sold_out' ORDER BY problem LIMIT 1",
		1, {INT8OID}
	},
	/* Whether a cart has more of something than it reserves. */
	[Q_CART_GROWS] = {
		"SELECT 1 FROM @.cart_item i WHERE i.cart_id" EQ "$1 AND NOT EXISTS ("
		"SELECT 1 FROM @.reservation r WHERE r.cart_id" EQ "i.cart_id "
		"AND r.product_id" EQ "i.product_id "
		"AND r.quantity OPERATOR(pg_catalog.>=) i.quantity) LIMIT 1",
		1, {INT8OID}
	},
	[Q_CART_ITEMS] = {
		"SELECT product_id::bigint, quantity::integer FROM @.cart_item "
		"WHERE cart_id" EQ "$1 ORDER BY product_id",
		1, {INT8OID}
	},
	[Q_ITEM] = {
		"SELECT quantity::integer FROM @.cart_item "
		"WHERE cart_id" EQ "$1 AND product_id" EQ "$2",
		2, {INT8OID, INT8OID}
	},
	[Q_RESERVED] = {
		"SELECT quantity::integer FROM @.reservation "
		"WHERE cart_id" EQ "$1 AND product_id" EQ "$2",
		2, {INT8OID, INT8OID}
	},
	[Q_CART_LINES] = {
		"SELECT l.description::pg_catalog.text, l.quantity::integer, l.price::numeric, "
		"l.product_id::bigint FROM @.cart_line l WHERE l.cart_id" EQ "$1 ORDER BY l.place",
		1, {INT8OID}
	},
	[Q_COUNT_ENTRIES] = {
		"SELECT ((SELECT pg_catalog.count(*) FROM @.cart_item i WHERE i.cart_id" EQ "$1) "
		"OPERATOR(pg_catalog.+) "
		"(SELECT pg_catalog.count(*) FROM @.cart_discount d WHERE d.cart_id" EQ "$1))::bigint",
		1, {INT8OID}
	},
	[Q_SET_ITEM] = {
		"INSERT INTO @.cart_item AS i (cart_id, product_id, quantity) VALUES ($1, $2, $3) "
		"ON CONFLICT (cart_id, product_id) DO UPDATE SET quantity = EXCLUDED.quantity",
		3, {INT8OID, INT8OID, INT4OID}
	},
	[Q_DELETE_ITEM] = {
		"DELETE FROM @.cart_item WHERE cart_id" EQ "$1 AND product_id" EQ "$2",
		2, {INT8OID, INT8OID}
	},
	[Q_AMEND_CART] = {
		"UPDATE @.cart c SET revision = c.revision OPERATOR(pg_catalog.+) 1, "
		"entry_count = $2 WHERE c.cart_id" EQ "$1",
		2, {INT8OID, INT4OID}
	},
	/* So that REPEATABLE READ notices an invoice made in between. */
	[Q_TOUCH_CART] = {
		"UPDATE @.cart SET revision = revision WHERE cart_id" EQ "$1",
		1, {INT8OID}
	},
	/* To the longest of what is left and what the products ask for. */
	[Q_RENEW_CART] = {
		"UPDATE @.cart c SET time_last_updated = pg_catalog.now(), "
		"reservation_duration = GREATEST('0'::interval, "
		RESERVED_UNTIL " OPERATOR(pg_catalog.-) pg_catalog.now(), "
		"(SELECT pg_catalog.max(p.reservation_duration) FROM @.cart_item i "
		"JOIN @.product p ON p.product_id" EQ "i.product_id WHERE i.cart_id" EQ "$1)) "
		"WHERE c.cart_id" EQ "$1",
		1, {INT8OID}
	},
	[Q_EXTEND_CART] = {
		"UPDATE @.cart c SET time_last_updated = pg_catalog.now(), "
		"reservation_duration = GREATEST('0'::interval, $2, "
		RESERVED_UNTIL " OPERATOR(pg_catalog.-) pg_catalog.now()) WHERE c.cart_id" EQ "$1",
		2, {INT8OID, INTERVALOID}
	},
	[Q_SET_CART_STATUS] = {
		"UPDATE @.cart SET status = $2::regpaydb.cart_status WHERE cart_id" EQ "$1",
		2, {INT8OID, TEXTOID}
	},
	[Q_RELEASE_ITEMS] = {
		"DELETE FROM @.reservation WHERE cart_id" EQ "$1",
		1, {INT8OID}
	},
	[Q_HOLDS_ITEMS] = {
		"SELECT 1 FROM @.reservation WHERE cart_id" EQ "$1 LIMIT 1",
		1, {INT8OID}
	},
	/* Items of which the reservation is not as it should be. */
	[Q_UNRESERVED_ITEMS] = {
		"SELECT 1 FROM @.cart_item i JOIN @.cart c ON c.cart_id" EQ "i.cart_id "
		"WHERE i.cart_id" EQ "$1 AND NOT EXISTS (SELECT 1 FROM @.reservation r "
		"WHERE r.cart_id" EQ "i.cart_id AND r.product_id" EQ "i.product_id "
		"AND r.quantity" EQ "i.quantity AND r.reserved_until" EQ RESERVED_UNTIL ") LIMIT 1",
		1, {INT8OID}
	},
	[Q_RESERVE_ITEMS] = {
		"INSERT INTO @.reservation (cart_id, product_id, quantity, reserved_until) "
		"SELECT i.cart_id, i.product_id, i.quantity, " RESERVED_UNTIL " "
		"FROM @.cart_item i JOIN @.cart c ON c.cart_id" EQ "i.cart_id "
		"WHERE i.cart_id" EQ "$1",
		1, {INT8OID}
	},
	[Q_MOVE_RESERVATION] = {
		"UPDATE @.reservation r SET reserved_until = " RESERVED_UNTIL " "
		"FROM @.cart c WHERE r.cart_id" EQ "$1 AND c.cart_id" EQ "$1",
		1, {INT8OID}
	},
	[Q_MISTIMED_RESERVATION] = {
		"SELECT 1 FROM @.reservation r JOIN @.cart c ON c.cart_id" EQ "r.cart_id "
		"WHERE r.cart_id" EQ "$1 AND r.reserved_until" NE RESERVED_UNTIL " LIMIT 1",
		1, {INT8OID}
	},
	[Q_UNPAID_INVOICES_OF_CART] = {
		"SELECT invoice_id::bigint FROM @.invoice WHERE cart_id" EQ "$1 "
		"AND status" EQ UNPAID " ORDER BY invoice_id",
		1, {INT8OID}
	},
	[Q_INVOICE_OF_REVISION] = {
		"SELECT invoice_id::bigint FROM @.invoice WHERE cart_id" EQ "$1 "
		"AND cart_revision" EQ "$2 "
		"AND (status" EQ UNPAID " OR status" EQ "'paid'::regpaydb.invoice_status)",
		2, {INT8OID, INT4OID}
	},
	/*
	 * Nobody is waited for, so that the order of the carts does not matter.
	 * What is sold out is worked out here for all carts at once: cart_problem
	 * adds the reservations of a product up for every cart that has it.
	 */
	[Q_LOCK_EXPIRED] = {
		"SELECT i.invoice_id::bigint, c.cart_id::bigint "
		"FROM @.invoice i JOIN @.cart c ON c.cart_id" EQ "i.cart_id "
		"WHERE i.status" EQ UNPAID " AND (c.revision" NE "i.cart_revision "
		"OR c.cart_id" EQ "ANY (SELECT e.cart_id FROM @.cart_item e "
		"JOIN @.product p ON p.product_id" EQ "e.product_id "
		"LEFT JOIN (SELECT r.product_id, pg_catalog.sum(r.quantity) AS quantity "
		"FROM @.current_reservation r GROUP BY r.product_id) held "
		"ON held.product_id" EQ "e.product_id "
		"LEFT JOIN @.current_reservation own ON own.product_id" EQ "e.product_id "
		"AND own.cart_id" EQ "e.cart_id "
		"JOIN @.invoice u ON u.cart_id" EQ "e.cart_id AND u.status" EQ UNPAID " "
		"WHERE e.quantity OPERATOR(pg_catalog.>) (p.stock OPERATOR(pg_catalog.-) p.sold "
		"OPERATOR(pg_catalog.-) COALESCE(held.quantity, 0) "
		"OPERATOR(pg_catalog.+) COALESCE(own.quantity, 0))) "
		"OR EXISTS (SELECT 1 FROM @.cart_problem o WHERE o.cart_id" EQ "c.cart_id "
		"AND o.kind" NE "'sold_out')) "
		"ORDER BY i.invoice_id LIMIT $1 FOR NO KEY UPDATE OF c SKIP LOCKED",
		1, {INT4OID}
	},
};

/*
 * The row that the engine itself is writing, which the triggers of its table
 * let pass.  Exact to the row, so that what a user's trigger does meanwhile
 * is treated as anybody's.
 */
static struct
{
	Oid			relid;
	int64		id;
	bool		many;			/* several rows may have this id */
}			writing;

/* store_is_writing: whether the engine itself is writing this row just now. */
bool
store_is_writing(Oid relid, int64 id)
{
	return writing.relid == relid && writing.id == id;
}

/*
 * store_has_written
 *		The guard has let the engine's row pass: the next change of it is
 *		somebody else's.
 */
void
store_has_written(void)
{
	if (!writing.many)
		writing.relid = InvalidOid;
}

/*
 * The plan of a query, made when it is first needed.
 *
 * It is never freed, as a trigger may bring us here while the plan runs; when
 * the tables change, PostgreSQL makes it anew from the text.
 */
static SPIPlanPtr
get_plan(Ledger *ledger, StoreQuery query)
{
	SPIPlanPtr	plan = ledger->plans[query];
	StringInfoData text;

	if (plan != NULL)
		return plan;

	initStringInfo(&text);
	for (const char *c = queries[query].text; *c != '\0'; c++)
	{
		if (*c == '@')
			appendStringInfoString(&text, ledger->quoted_schema);
		else
			appendStringInfoChar(&text, *c);
	}
	plan = SPI_prepare(text.data, queries[query].nargs, (Oid *) queries[query].argtypes);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_keepplan failed");
	ledger->plans[query] = plan;
	pfree(text.data);
	return plan;
}

/*
 * store_run
 *		Run a query; returns the number of rows, which are in SPI_tuptable until
 *		the next one.  nulls as in SPI_execute_plan.
 */
uint64
store_run(Ledger *ledger, StoreQuery query, Datum *args, const char *nulls)
{
	DirectScope *scope = direct_begin_sql();
	SPIPlanPtr	plan;
	int			result;

	ledger_check_name(ledger);
	plan = get_plan(ledger, query);

	/* One result at a time, so that a long statement does not pile them up. */
	SPI_freetuptable(SPI_tuptable);
	SPI_tuptable = NULL;
	result = SPI_execute_plan(plan, args, nulls, ledger->read_only, 0);
	direct_end_sql(scope);
	if (result < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));

	/*
	 * A rule made another query of it, or none at all, which PostgreSQL does
	 * not notice the end of: it knows no table that such a plan depends on.
	 */
	if (result == SPI_OK_REWRITTEN)
		ledger->plans[query] = NULL;
	return SPI_processed;
}

/* store_not_written: raise 09000 for a row that is not there. */
void
store_not_written(Ledger *ledger, LedgerTable table)
{
	ereport(ERROR,
			(errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
			 errmsg("a row of table \"%s\" was not written",
					get_rel_name(ledger->tables[table])),
			 errdetail("A trigger or rule on the table suppressed it."),
			 errhint("Triggers on a ledger's tables must let the engine's rows pass.")));
}

/* store_write: run a query that writes one row, and make sure that it did. */
void
store_write(Ledger *ledger, StoreQuery query, LedgerTable table, Datum *args, const char *nulls)
{
	if (store_run(ledger, query, args, nulls) != 1)
		store_not_written(ledger, table);
}

/*
 * store_write_own
 *		Write one row as the engine's own, past the triggers that guard its
 *		table.  Returns whether there was one; must_write makes that an error.
 */
bool
store_write_own(Ledger *ledger, StoreQuery query, LedgerTable table, int64 id,
				Datum *args, const char *nulls, bool must_write)
{
	Oid			save_relid = writing.relid;
	int64		save_id = writing.id;
	bool		save_many = writing.many;
	volatile bool written = true;

	PG_TRY();
	{
		writing.relid = ledger->tables[table];
		writing.id = id;
		writing.many = !must_write;
		if (must_write)
			store_write(ledger, query, table, args, nulls);
		else
			written = store_run(ledger, query, args, nulls) == 1;
	}
	PG_FINALLY();
	{
		writing.relid = save_relid;
		writing.id = save_id;
		writing.many = save_many;
	}
	PG_END_TRY();
	return written;
}
