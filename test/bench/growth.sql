-- Fills a new ledger with :payments payments (a multiple of 1,000), as a restore would:
-- all that the engine would have written is written here, so that check_integrity() finds
-- nothing.  Of each ten invoices
--
--	1, 2	are paid carts of two items
--	3 to 8	are paid
--	9		was paid too much: the rest is a credit note, every third of them refunded
--	10		is unpaid, for a cart that holds what is in it; half of them are overdue
--
-- which makes ten payments, the note's included.  An attendee has four invoices.
-- Nine tenths of it happened on the 99 days before today's, the rest today: of ten
-- million payments that is a day of a million.

\set attendees :payments / 4
\set products 1000
\set tens :payments / 10
SELECT now() AS now \gset

SET session_replication_role = replica;
SET synchronous_commit = off;

INSERT INTO staff (user_id) VALUES (-1);

INSERT INTO attendee (attendee_id, user_id, recipient, email, access_code)
SELECT g, 1000000 + g, 'Attendee ' || g, g || '@example.org', md5(g::text)
FROM generate_series(1, :attendees) g;

INSERT INTO category (category_id, name)
SELECT g, 'Category ' || g FROM generate_series(1, 10) g;

-- Half of them tickets.
INSERT INTO product (product_id, category_id, name, price, stock, reservation_duration)
SELECT g, CASE WHEN g <= :products / 2 THEN 1 ELSE 2 + g % 9 END, 'Product ' || g,
	CASE WHEN g <= :products / 2 THEN 80 ELSE 20 END, 1000000, '7 days'
FROM generate_series(1, :products) g;

-- When what is about these ten happened.
CREATE FUNCTION pg_temp.at(ten bigint, tens bigint, now timestamptz) RETURNS timestamptz
LANGUAGE sql STABLE AS $$
	SELECT CASE WHEN ten < tens * 9 / 10
		THEN date_trunc('day', now) - interval '99 days' + (ten * 110.0 / tens) * interval '1 day'
		ELSE date_trunc('day', now) + ((ten - tens * 9 / 10) * 10.0 / tens) * (now - date_trunc('day', now)) END
$$;

INSERT INTO cart (cart_id, attendee_id, status, revision, time_last_updated,
	reservation_duration, entry_count)
SELECT b * 3 + k, (b * 10 + CASE k WHEN 3 THEN 10 ELSE k END + 3) / 4,
	(CASE k WHEN 3 THEN 'active' ELSE 'paid' END)::regpaydb.cart_status, 2,
	CASE k WHEN 3 THEN :'now' ELSE pg_temp.at(b, :tens, :'now') END, '7 days', 2
FROM generate_series(0, :tens - 1::bigint) b, generate_series(1, 3) k;

INSERT INTO cart_item (cart_id, product_id, quantity)
SELECT c, 1 + c % (:products / 2) + which * (:products / 2), 1
FROM generate_series(1, :tens * 3) c, generate_series(0, 1) which;

INSERT INTO reservation (cart_id, product_id, quantity, reserved_until)
SELECT c, 1 + c % (:products / 2) + which * (:products / 2), 1,
	(:'now'::timestamptz AT TIME ZONE 'UTC' + interval '7 days') AT TIME ZONE 'UTC'
FROM generate_series(3, :tens * 3, 3) c, generate_series(0, 1) which;

INSERT INTO stock_slot (product_id, free)
SELECT product_id, CASE slot WHEN 1 THEN left_over - left_over / 8 * 7 ELSE left_over / 8 END
FROM (
	SELECT p.product_id, p.stock - count(i.cart_id) AS left_over
	FROM product p LEFT JOIN cart_item i ON i.product_id = p.product_id
	GROUP BY p.product_id, p.stock) held, generate_series(1, 8) slot
ORDER BY product_id, slot;

INSERT INTO invoice (invoice_id, attendee_id, cart_id, cart_revision, status, recipient,
	issue_time, due_time, value, paid, payment_count, last_payment_id, paid_time)
SELECT b * 10 + k, (b * 10 + k + 3) / 4,
	CASE WHEN k IN (1, 2) THEN b * 3 + k WHEN k = 10 THEN b * 3 + 3 END,
	CASE WHEN k IN (1, 2, 10) THEN 2 END,
	(CASE k WHEN 10 THEN 'unpaid' ELSE 'paid' END)::regpaydb.invoice_status,
	'Attendee ' || (b * 10 + k + 3) / 4,
	t, t + CASE WHEN b % 2 = 0 THEN interval '0' ELSE interval '1 year' END,
	100, CASE k WHEN 10 THEN 0 ELSE 100 END, CASE k WHEN 10 THEN 0 WHEN 9 THEN 2 ELSE 1 END,
	CASE k WHEN 10 THEN NULL WHEN 9 THEN b * 10 + 10 ELSE b * 10 + k END,
	CASE WHEN k < 10 THEN t END
FROM (SELECT b, pg_temp.at(b, :tens, :'now') AS t FROM generate_series(0, :tens - 1::bigint) b OFFSET 0) AS ten,
	generate_series(1, 10) k;

INSERT INTO line_item (invoice_id, description, quantity, price, product_id)
SELECT b * 10 + k, 'What invoice ' || b * 10 + k || ' bills', 1, 100, NULL
FROM generate_series(0, :tens - 1::bigint) b, generate_series(3, 9) k
UNION ALL
SELECT b * 10 + CASE k WHEN 3 THEN 10 ELSE k END, 'Product ' || product_id, 1,
	CASE which WHEN 0 THEN 80 ELSE 20 END, product_id
FROM generate_series(0, :tens - 1::bigint) b, generate_series(1, 3) k, generate_series(0, 1) which,
	LATERAL (SELECT 1 + (b * 3 + k) % (:products / 2) + which * (:products / 2) AS product_id) AS p;

INSERT INTO payment (payment_id, invoice_id, kind, "time", reference, amount, provider,
	provider_ref)
SELECT b * 10 + k, b * 10 + least(k, 9),
	(CASE k WHEN 10 THEN 'credit_note' ELSE 'payment' END)::regpaydb.payment_kind, t,
	CASE k WHEN 10 THEN 'Credit note from invoice ' || b * 10 + 9 ELSE 'card ' || 1000 + (b * 7 + k) % 9000 END,
	CASE k WHEN 10 THEN -20 WHEN 9 THEN 120 ELSE 100 END,
	CASE WHEN k < 10 THEN (ARRAY['stripe', 'paypal', 'bank'])[1 + k % 3] END,
	CASE WHEN k < 10 THEN 'ch_' || lpad((b * 10 + k)::text, 12, '0') || md5(b::text) END
FROM (SELECT b, pg_temp.at(b, :tens, :'now') AS t FROM generate_series(0, :tens - 1::bigint) b OFFSET 0) AS ten,
	generate_series(1, 10) k;

INSERT INTO credit_note (credit_note_id, attendee_id, value, state)
SELECT b * 10 + 10, (b * 10 + 12) / 4, 20,
	(CASE WHEN b % 3 = 0 THEN 'refunded' ELSE 'unclaimed' END)::regpaydb.credit_note_state
FROM generate_series(0, :tens - 1::bigint) b;

INSERT INTO credit_note_claim (credit_note_id, claim)
SELECT b * 10 + 10, 'refunded' FROM generate_series(0, :tens - 1::bigint, 3) b;

INSERT INTO credit_note_refund (credit_note_refund_id, credit_note_id, "time", reference)
SELECT b / 3 + 1, b * 10 + 10, pg_temp.at(b, :tens, :'now'), 'bank'
FROM generate_series(0, :tens - 1::bigint, 3) b;

INSERT INTO credit_note_refund_part (credit_note_refund_id, payment_id, amount)
SELECT b / 3 + 1, b * 10 + 9, 20 FROM generate_series(0, :tens - 1::bigint, 3) b;

SET session_replication_role = DEFAULT;

SELECT count(setval(pg_get_serial_sequence(relation, key), last))
FROM (
	SELECT 'attendee', 'attendee_id', max(attendee_id) FROM attendee
	UNION ALL SELECT 'category', 'category_id', max(category_id) FROM category
	UNION ALL SELECT 'product', 'product_id', max(product_id) FROM product
	UNION ALL SELECT 'cart', 'cart_id', max(cart_id) FROM cart
	UNION ALL SELECT 'invoice', 'invoice_id', max(invoice_id) FROM invoice
	UNION ALL SELECT 'payment', 'payment_id', max(payment_id) FROM payment
	UNION ALL SELECT 'credit_note_refund', 'credit_note_refund_id', max(credit_note_refund_id)
		FROM credit_note_refund) AS t (relation, key, last);

VACUUM (ANALYZE, FREEZE);
