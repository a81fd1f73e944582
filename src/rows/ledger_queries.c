/*
 * ledger_queries.c
 *	  The texts about attendees, invoices, payments and credit notes.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "rows/query.h"

#define ACTOR_IS_ATTENDEE \
	"FROM @.attendee a WHERE a.user_id" EQ "$1 OR a.access_code" EQ "$2"

#define CREDIT_NOTE_IS_UNCLAIMED "n.state" EQ "'unclaimed'::regpaydb.credit_note_state"

/* Of an invoice at time $1, from the times that it keeps. */
#define IS_ISSUED_AND_OPEN \
	"i.issue_time" LE "$1 AND (i.closed_time" LE "$1) IS NOT TRUE"

#define WAS_PAID	IS_ISSUED_AND_OPEN " AND i.paid_time" LE "$1"

#define WAS_UNPAID	IS_ISSUED_AND_OPEN " AND (i.paid_time" LE "$1) IS NOT TRUE"

#define SUM_WHERE(amount, condition) \
	"COALESCE(pg_catalog.sum(" amount ") FILTER (WHERE " condition "), #)"

#define ARRAY_OF(members, key) \
	"COALESCE(pg_catalog.jsonb_agg(pg_catalog.jsonb_build_object(" members ") " \
	"ORDER BY " key "), '[]'::pg_catalog.jsonb)"

const QueryText ledger_queries[] = {
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
	/* An update, so that REPEATABLE READ notices who came in between. */
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
		"SELECT COALESCE(pg_catalog.sum(n.value), #)::numeric FROM @.credit_note n "
		"WHERE n.attendee_id" EQ "$1 AND " CREDIT_NOTE_IS_UNCLAIMED,
		1, {INT8OID}
	},
	[Q_TAKES_CREDIT] = {
		"SELECT 1 FROM @.conference WHERE auto_apply_credit AND EXISTS ("
		"SELECT 1 FROM @.credit_note n WHERE n.attendee_id" EQ "$1 "
		"AND " CREDIT_NOTE_IS_UNCLAIMED ") AND NOT EXISTS ("
		"SELECT 1 FROM @.invoice i WHERE i.attendee_id" EQ "$1 "
		"AND i.status" EQ "'unpaid'::regpaydb.invoice_status AND i.invoice_id" NE "$2)",
		2, {INT8OID, INT8OID}
	},
	[Q_INVOICE_LINES] = {
		"SELECT line_item_id::bigint, description::pg_catalog.text, quantity::integer, price::numeric, "
		"product_id::bigint FROM @.line_item WHERE invoice_id" EQ "$1 ORDER BY line_item_id",
		1, {INT8OID}
	},
	[Q_PAYMENT_TOTALS] = {
		"SELECT COALESCE(pg_catalog.sum(amount), 0)::numeric AS \"sum of the payments\", pg_catalog.count(*)::bigint, "
		"pg_catalog.max(payment_id)::bigint FROM @.payment "
		"WHERE invoice_id" EQ "$1",
		1, {INT8OID}
	},
	[Q_PAYMENTS_ABOVE] = {
		"SELECT COALESCE(pg_catalog.sum(amount), 0)::numeric AS \"sum of the payments\", pg_catalog.count(*)::bigint, "
		"COALESCE(pg_catalog.sum(amount) FILTER (WHERE payment_id OPERATOR(pg_catalog.<=) $3), 0)::numeric "
		"AS \"sum of the payments\", "
		"pg_catalog.count(*) FILTER (WHERE payment_id OPERATOR(pg_catalog.<=) $3)::bigint "
		"FROM @.payment WHERE invoice_id" EQ "$1 AND payment_id OPERATOR(pg_catalog.>) $2",
		3, {INT8OID, INT8OID, INT8OID}
	},
	[Q_LOCK_OLDEST_CREDIT_NOTE] = {
		"SELECT n.credit_note_id::bigint FROM @.credit_note n "
		"LEFT JOIN @.payment p ON p.payment_id" EQ "n.credit_note_id "
		"WHERE n.attendee_id" EQ "$1 AND " CREDIT_NOTE_IS_UNCLAIMED
		" ORDER BY p.\"time\", n.credit_note_id LIMIT 1 FOR NO KEY UPDATE OF n",
		1, {INT8OID}
	},
	/*
	 * One by one, so that only rows of these payments are read, however few rows the
	 * other tables have when the query is planned.
	 */
	[Q_INVOICE_FLOW] = {
		"SELECT p.payment_id::bigint, p.amount::numeric, p.kind::regpaydb.payment_kind, "
		"COALESCE((SELECT a.credit_note_id FROM @.credit_note_application a WHERE a.payment_id" EQ "p.payment_id), "
		"(SELECT r.credit_note_id FROM @.credit_note_refund r WHERE r.returned_payment_id" EQ "p.payment_id))::bigint, "
		"(SELECT v.payment_id FROM @.reversal v WHERE v.reversing_payment_id" EQ "p.payment_id)::bigint "
		"FROM @.payment p WHERE p.invoice_id" EQ "$1 ORDER BY p.payment_id",
		1, {INT8OID}
	},
	[Q_NOTE_FATE] = {
		"SELECT COALESCE(a.payment_id, r.returned_payment_id)::bigint, "
		"(SELECT p.invoice_id FROM @.payment p "
		"WHERE p.payment_id" EQ "COALESCE(a.payment_id, r.returned_payment_id))::bigint, "
		"CASE WHEN r.returned_payment_id IS NULL THEN r.credit_note_refund_id END::bigint, "
		"r.returned_payment_id IS NULL AND (SELECT t.credit_note_refund_id FROM @.credit_note_refund_part t "
		"WHERE t.credit_note_refund_id" EQ "r.credit_note_refund_id LIMIT 1) IS NOT NULL "
		"FROM @.credit_note n "
		"LEFT JOIN @.credit_note_application a ON a.credit_note_id" EQ "n.credit_note_id "
		"LEFT JOIN @.credit_note_refund r ON r.credit_note_id" EQ "n.credit_note_id "
		"WHERE n.credit_note_id" EQ "$1",
		1, {INT8OID}
	},
	/* Each by its payment: by the attendee, all payments would be read for each of many. */
	[Q_OWN_NOTES] = {
		"SELECT n.credit_note_id::bigint, n.value::numeric FROM @.payment p CROSS JOIN LATERAL "
		"(SELECT * FROM @.credit_note c WHERE c.credit_note_id" EQ "p.payment_id OFFSET 0) n "
		"WHERE p.invoice_id" EQ "$1 AND n.attendee_id" EQ "$2 AND " CREDIT_NOTE_IS_UNCLAIMED
		" ORDER BY p.\"time\" DESC, n.credit_note_id DESC",
		2, {INT8OID, INT8OID}
	},
	/* The state is looked up for each, by the key, for a plan may be of a smaller ledger. */
	[Q_GONE_BACK] = {
		"SELECT ((SELECT COALESCE(pg_catalog.sum(t.amount), 0) FROM @.credit_note_refund_part t "
		"WHERE t.payment_id" EQ "$1 AND (SELECT r.state FROM @.credit_note_refund r "
		"WHERE r.credit_note_refund_id" EQ "t.credit_note_refund_id)" NE "'failed'::regpaydb.refund_state) "
		"OPERATOR(pg_catalog.+) (SELECT COALESCE(pg_catalog.sum(v.amount), 0) FROM @.reversal v "
		"WHERE v.payment_id" EQ "$1))::numeric AS \"sum of what went back\"",
		1, {INT8OID}
	},
	[Q_REFUND_PARTS] = {
		"SELECT payment_id::bigint, amount::numeric FROM @.credit_note_refund_part "
		"WHERE credit_note_refund_id" EQ "$1 ORDER BY payment_id",
		1, {INT8OID}
	},
	/* Two searches by keys: of an OR, all refunds are read where they were few once. */
	[Q_REFUNDS_OF_REF] = {
		"SELECT f.credit_note_refund_id FROM (SELECT r.credit_note_refund_id::bigint, r.state, 1 AS place "
		"FROM @.credit_note_refund r WHERE r.provider" EQ "$1 AND r.provider_ref" EQ "$2 "
		"UNION ALL SELECT r.credit_note_refund_id::bigint, r.state, 2 "
		"FROM @.credit_note_refund r WHERE r.reference" EQ "$2 "
		"AND r.credit_note_refund_id" EQ "ANY (ARRAY(SELECT t.credit_note_refund_id "
		"FROM @.credit_note_refund_part t WHERE t.payment_id" EQ "$3))) f "
		"WHERE f.state" NE "'failed'::regpaydb.refund_state "
		"ORDER BY f.place, f.state, f.credit_note_refund_id",
		3, {TEXTOID, TEXTOID, INT8OID}
	},
	[Q_REVERSAL_OF_REF] = {
		"SELECT v.reversal_id::bigint FROM @.reversal v "
		"WHERE v.provider" EQ "$1 AND v.reversal_ref" EQ "$2",
		2, {TEXTOID, TEXTOID}
	},
	[Q_INTEGRITY_PROBLEMS] = {
		"SELECT object::pg_catalog.text, problem::pg_catalog.text FROM @.integrity_problem",
		0, {0}
	},
	/*
	 * What moved since $1, as the times of its rows say, and what is held against these
	 * rows: found by indexes from one to the next, and one by one, as in Q_INVOICE_FLOW,
	 * so that all of it costs what moved costs, whatever else the ledger has.
	 *
	 * An index of times would have made each payment and each amendment of a cart write
	 * to it.  So invoices are found by what was paid on them, by their carts, and new ones
	 * by their ids: the newest, until there are a thousand in a row that are older.  Carts
	 * are found by their invoices, and by what they reserve.  (Columns have their names in
	 * the first SELECT, since Citus forgets those that stand behind the name of a WITH.)
	 */
	[Q_INTEGRITY_PROBLEMS_SINCE] = {
		"WITH RECURSIVE paid AS MATERIALIZED ("
		"SELECT p.payment_id, p.invoice_id, p.kind FROM @.payment p WHERE p.\"time\"" GE "$1), "
		"returned AS MATERIALIZED ("
		"SELECT r.credit_note_refund_id, r.credit_note_id FROM @.credit_note_refund r WHERE r.\"time\"" GE "$1 "
		"UNION SELECT r.credit_note_refund_id, r.credit_note_id FROM @.credit_note_refund r WHERE r.closed_time" GE "$1 "
		"UNION SELECT f.credit_note_refund_id, f.credit_note_id FROM paid p CROSS JOIN LATERAL ("
		"SELECT r.credit_note_refund_id, r.credit_note_id FROM @.credit_note_refund r "
		"WHERE r.returned_payment_id" EQ "p.payment_id OFFSET 0) f "
		"WHERE p.kind" EQ "'refund_failed'::regpaydb.payment_kind), "
		"reversed AS MATERIALIZED ("
		"SELECT v.reversal_id, v.payment_id FROM @.reversal v WHERE v.\"time\"" GE "$1), "
		"newest AS ("
		"SELECT pg_catalog.min(n.invoice_id) AS first, pg_catalog.bool_or(n.issue_time" GE "$1) AS found FROM ("
		"SELECT i.invoice_id, i.issue_time FROM @.invoice i ORDER BY i.invoice_id DESC LIMIT 1000) n "
		"UNION ALL SELECT b.first, b.found FROM newest l CROSS JOIN LATERAL ("
		"SELECT pg_catalog.min(n.invoice_id) AS first, pg_catalog.bool_or(n.issue_time" GE "$1) AS found FROM ("
		"SELECT i.invoice_id, i.issue_time FROM @.invoice i WHERE i.invoice_id" LT "l.first "
		"ORDER BY i.invoice_id DESC LIMIT 1000) n) b WHERE l.found), "
		"changed AS MATERIALIZED ("
		"SELECT p.invoice_id FROM paid p "
		"UNION SELECT i.invoice_id FROM @.invoice i "
		"WHERE i.invoice_id" GE "(SELECT pg_catalog.min(l.first) FROM newest l) AND i.issue_time" GE "$1), "
		"filled AS MATERIALIZED ("
		"SELECT h.cart_id FROM @.product g CROSS JOIN LATERAL ("
		"SELECT r.cart_id FROM @.reservation r "
		"WHERE r.product_id" EQ "g.product_id AND r.reserved_until" GE "$1 OFFSET 0) h "
		"WHERE (SELECT c.time_last_updated FROM @.cart c WHERE c.cart_id" EQ "h.cart_id)" GE "$1 "
		"UNION SELECT (SELECT i.cart_id FROM @.invoice i WHERE i.invoice_id" EQ "m.invoice_id) FROM changed m), "
		"billed AS MATERIALIZED ("
		"SELECT m.invoice_id FROM changed m "
		"UNION SELECT b.invoice_id FROM filled m CROSS JOIN LATERAL ("
		"SELECT i.invoice_id FROM @.invoice i WHERE i.cart_id" EQ "m.cart_id OFFSET 0) b), "
		"moved AS ("
		"SELECT 'invoice'::pg_catalog.text AS kind, m.invoice_id AS id FROM billed m "
		"UNION SELECT 'invoice', f.invoice_id FROM billed m CROSS JOIN LATERAL ("
		"SELECT s.invoice_id FROM @.invoice s WHERE s.replaces" EQ "m.invoice_id OFFSET 0) f "
		"UNION SELECT 'cart', m.cart_id FROM filled m "
		"UNION SELECT 'payment', m.payment_id FROM paid m "
		"UNION SELECT 'payment', m.payment_id FROM reversed m "
		"UNION SELECT 'payment', b.payment_id FROM returned m CROSS JOIN LATERAL ("
		"SELECT t.payment_id FROM @.credit_note_refund_part t "
		"WHERE t.credit_note_refund_id" EQ "m.credit_note_refund_id OFFSET 0) b "
		"UNION SELECT 'credit note', m.credit_note_id FROM returned m "
		"UNION SELECT 'credit note', (SELECT n.credit_note_id FROM @.credit_note n "
		"WHERE n.credit_note_id" EQ "m.payment_id) FROM paid m "
		"UNION SELECT 'credit note', (SELECT a.credit_note_id FROM @.credit_note_application a "
		"WHERE a.payment_id" EQ "m.payment_id) FROM paid m "
		"UNION SELECT 'refund', m.credit_note_refund_id FROM returned m "
		"UNION SELECT 'reversal', m.reversal_id FROM reversed m) "
		"SELECT p.object::pg_catalog.text, p.problem::pg_catalog.text FROM moved m CROSS JOIN LATERAL ("
		"SELECT v.object, v.problem FROM @.integrity_problem v "
		"WHERE v.kind" EQ "m.kind AND v.id" EQ "m.id OFFSET 0) p WHERE m.id IS NOT NULL",
		1, {TIMESTAMPTZOID}
	},
	/*
	 * Sums of what had been recorded by $1.  A claim is taken to be no earlier
	 * than its note: a transaction that began before the note was made, and
	 * waited for it, has an earlier time.  So is the failure of a refund.
	 */
	[Q_RECONCILIATION] = {
		"SELECT m.received::numeric, m.on_paid::numeric, m.on_other::numeric, "
		"n.unclaimed::numeric, n.refunded::numeric, "
		"(m.received" MINUS "m.on_paid" MINUS "m.on_other" MINUS "n.unclaimed" MINUS "n.refunded)::numeric, "
		"i.paid_value::numeric, (i.unpaid_value" MINUS "m.on_unpaid)::numeric, v.losses::numeric "
		"FROM (SELECT "
		SUM_WHERE("p.amount", "p.kind OPERATOR(pg_catalog.<) 'credit_note'::regpaydb.payment_kind") " AS received, "
		SUM_WHERE("p.amount", WAS_PAID) " AS on_paid, "
		SUM_WHERE("p.amount", "(" WAS_PAID ") IS NOT TRUE") " AS on_other, "
		SUM_WHERE("p.amount", WAS_UNPAID) " AS on_unpaid "
		"FROM @.payment p JOIN @.invoice i ON i.invoice_id" EQ "p.invoice_id "
		"LEFT JOIN @.credit_note_application c ON c.payment_id" EQ "p.payment_id "
		"LEFT JOIN @.payment made ON made.payment_id" EQ "c.credit_note_id "
		"LEFT JOIN @.credit_note_refund f ON f.returned_payment_id" EQ "p.payment_id "
		"WHERE p.\"time\"" LE "$1 AND (made.\"time\"" GT "$1) IS NOT TRUE "
		"AND (f.\"time\"" GT "$1) IS NOT TRUE) m, "
		"(SELECT "
		SUM_WHERE("i.value", WAS_PAID) " AS paid_value, "
		SUM_WHERE("i.value", WAS_UNPAID) " AS unpaid_value FROM @.invoice i) i, "
		"(SELECT "
		SUM_WHERE("n.value", "(used.\"time\"" LE "$1) IS NOT TRUE AND (r.\"time\"" LE "$1) IS NOT TRUE") " AS unclaimed, "
		SUM_WHERE("n.value", "r.\"time\"" LE "$1 AND (back.\"time\"" LE "$1) IS NOT TRUE") " AS refunded "
		"FROM @.credit_note n JOIN @.payment made ON made.payment_id" EQ "n.credit_note_id "
		"LEFT JOIN @.credit_note_application c ON c.credit_note_id" EQ "n.credit_note_id "
		"LEFT JOIN @.payment used ON used.payment_id" EQ "c.payment_id "
		"LEFT JOIN @.credit_note_refund r ON r.credit_note_id" EQ "n.credit_note_id "
		"LEFT JOIN @.payment back ON back.payment_id" EQ "r.returned_payment_id "
		"WHERE made.\"time\"" LE "$1) n, "
		"(SELECT " SUM_WHERE("v.loss", "v.\"time\"" LE "$1") " AS losses FROM @.reversal v) v",
		1, {TIMESTAMPTZOID}
	},
	[Q_INVOICE_DOCUMENT] = {
		"SELECT pg_catalog.jsonb_build_object("
		"'invoice_id', i.invoice_id, 'conference', f.name, 'currency', f.currency, "
		"'status', i.status, 'attendee_id', i.attendee_id, 'recipient', i.recipient, "
		"'issue_time', i.issue_time, 'due_time', i.due_time, "
		"'paid_time', i.paid_time, 'closed_time', i.closed_time, "
		"'replaces', i.replaces, 'replaced_by', "
		"(SELECT s.invoice_id FROM @.invoice s WHERE s.replaces" EQ "i.invoice_id), "
		"'lines', (SELECT " ARRAY_OF("'line_item_id', l.line_item_id, "
									 "'description', l.description, 'quantity', l.quantity, "
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
											"'reference', r.reference, 'refund_state', r.state", "n.credit_note_id")
		" FROM @.payment p JOIN @.credit_note n ON n.credit_note_id" EQ "p.payment_id "
		"LEFT JOIN @.credit_note_application c ON c.credit_note_id" EQ "n.credit_note_id "
		"LEFT JOIN @.payment used ON used.payment_id" EQ "c.payment_id "
		"LEFT JOIN @.credit_note_refund r ON r.credit_note_id" EQ "n.credit_note_id "
		"WHERE p.invoice_id" EQ "i.invoice_id), "
		"'totals', pg_catalog.jsonb_build_object('value', i.value, 'paid', i.paid, "
		"'due', CASE WHEN i.status" EQ UNPAID " THEN i.value" MINUS "i.paid ELSE # END))"
		"::pg_catalog.jsonb FROM @.invoice i, @.conference f WHERE i.invoice_id" EQ "$1",
		1, {INT8OID}
	},
};
