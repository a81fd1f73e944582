-- For the ticket rush, after data.sql: :visitors attendees who have nothing yet; then
-- carts that have one of a ticket each, :crowd of them one kind and :few another.
SELECT max(attendee_id) AS last FROM attendee \gset

SET session_replication_role = replica;		-- as in a restore: the rows agree already

INSERT INTO attendee (user_id, recipient, email, access_code)
SELECT 1000000 + g, 'Attendee ' || g, g || '@example.org', md5(g::text)
FROM generate_series(:last + 1, :last + :visitors + :crowd + :few) g;

INSERT INTO product (category_id, name, price, stock, reservation_duration)
VALUES (1, 'What everybody wants', 80, 1000000, '7 days'), (1, 'What few want', 80, 1000000, '7 days');

INSERT INTO cart (attendee_id, revision, reservation_duration, entry_count)
SELECT g, 2, '7 days', 1
FROM generate_series(:last + :visitors + 1, :last + :visitors + :crowd + :few) g;

INSERT INTO cart_item (cart_id, product_id, quantity)
SELECT cart_id,
	(SELECT max(product_id) FROM product)
		- CASE WHEN attendee_id <= :last + :visitors + :crowd THEN 1 ELSE 0 END, 1
FROM cart WHERE attendee_id > :last + :visitors ORDER BY cart_id;

INSERT INTO reservation (cart_id, product_id, quantity, reserved_until)
SELECT i.cart_id, i.product_id, i.quantity,
	(c.time_last_updated AT TIME ZONE 'UTC' + c.reservation_duration) AT TIME ZONE 'UTC'
FROM cart_item i JOIN cart c USING (cart_id)
WHERE attendee_id > :last + :visitors ORDER BY cart_item_id;

SET session_replication_role = DEFAULT;

-- What visits have made, in one row.
CREATE VIEW row_count AS SELECT
	(SELECT count(*) FROM cart) AS carts,
	(SELECT count(*) FROM cart_item) AS items,
	(SELECT count(*) FROM reservation) AS reservations,
	(SELECT count(*) FROM invoice) AS invoices,
	(SELECT count(*) FROM line_item) AS lines;
CREATE TABLE row_count_before AS SELECT * FROM row_count;
CREATE VIEW rows_made AS SELECT n.carts - b.carts AS carts, n.items - b.items AS items,
	n.reservations - b.reservations AS reservations, n.invoices - b.invoices AS invoices,
	n.lines - b.lines AS lines
FROM row_count n, row_count_before b;

VACUUM (ANALYZE, FREEZE) attendee, product, cart, cart_item, reservation;
