-- Fills a new ledger: :invoices invoices of attendees that are half as many.
-- The first quarter bills carts of two items; the last 15 % are void; 1,000
-- more at the end have a value that no benchmark reaches.  All but the void
-- ones are unpaid.  Everything is derived from the row's number, so that every
-- contender and every run has the same rows in the same places.

\set carts :invoices / 4
\set products 1000

SET session_replication_role = replica;		-- as in a restore: the rows agree already

INSERT INTO staff (user_id) SELECT g FROM generate_series(-100, -1) g;

INSERT INTO attendee (user_id, recipient, email, access_code)
SELECT 1000000 + g, 'Attendee ' || g, g || '@example.org', md5(g::text)
FROM generate_series(1, :invoices / 2) g;

INSERT INTO category (name, required, limit_per_attendee)
SELECT 'Category ' || g, g = 1, 5 FROM generate_series(1, 10) g;

-- Half of them tickets.  The reservation outlasts the benchmark.
INSERT INTO product (category_id, name, price, stock, reservation_duration)
SELECT CASE WHEN g <= :products / 2 THEN 1 ELSE 2 + g % 9 END, 'Product ' || g,
	CASE WHEN g <= :products / 2 THEN 80 ELSE 20 END, 1000000, '7 days'
FROM generate_series(1, :products) g;

INSERT INTO cart (attendee_id, revision, reservation_duration, entry_count)
SELECT g, 2, '7 days', 2 FROM generate_series(1, :carts) g;

INSERT INTO cart_item (cart_id, product_id, quantity)
SELECT g, 1 + (g + which * 7) % (:products / 2) + which * (:products / 2), 1
FROM generate_series(1, :carts) g, generate_series(0, 1) which;

INSERT INTO reservation (cart_id, product_id, quantity, reserved_until)
SELECT i.cart_id, i.product_id, i.quantity,
	(c.time_last_updated AT TIME ZONE 'UTC' + c.reservation_duration) AT TIME ZONE 'UTC'
FROM cart_item i JOIN cart c USING (cart_id) ORDER BY cart_item_id;

INSERT INTO invoice (attendee_id, cart_id, cart_revision, status, recipient, due_time, value,
	closed_time)
SELECT 1 + (g - 1) % (:invoices / 2),
	CASE WHEN g <= :carts THEN g END, CASE WHEN g <= :carts THEN 2 END,
	(CASE WHEN g > :invoices * 0.85 AND g <= :invoices THEN 'void' ELSE 'unpaid' END)::regpaydb.invoice_status,
	'Attendee ' || 1 + (g - 1) % (:invoices / 2), now() + '30 days',
	CASE WHEN g > :invoices THEN 900000000 ELSE 100 END,
	CASE WHEN g > :invoices * 0.85 AND g <= :invoices THEN now() END
FROM generate_series(1, :invoices + 1000) g;

INSERT INTO line_item (invoice_id, description, quantity, price, product_id)
SELECT invoice_id, 'What invoice ' || invoice_id || ' bills', 1, value, NULL
FROM invoice WHERE cart_id IS NULL
UNION ALL
SELECT i.invoice_id, 'Product ' || p.product_id, e.quantity, p.price, p.product_id
FROM invoice i JOIN cart_item e USING (cart_id) JOIN product p USING (product_id);

SET session_replication_role = DEFAULT;

-- What a contender has done, in one row, to be compared with what it had to do.
CREATE VIEW work_done AS SELECT
	(SELECT count(*) FROM payment) AS payments,
	i.paid, i.counted, i.paid_invoices,
	(SELECT count(*) FROM cart WHERE status = 'paid') AS paid_carts,
	(SELECT coalesce(sum(quantity), 0) FROM cart_item JOIN cart USING (cart_id)
		WHERE status = 'paid') AS sold,
	(SELECT count(*) FROM reservation) AS reserved,
	(SELECT coalesce(sum(value), 0) FROM credit_note)::bigint AS noted,
	(SELECT count(*) FROM outbox) AS events
FROM (SELECT sum(paid)::bigint AS paid, sum(payment_count) AS counted,
	count(*) FILTER (WHERE status = 'paid') AS paid_invoices FROM invoice) AS i;

VACUUM (ANALYZE, FREEZE);
