-- check_integrity() reports what of carts, reservations and stock does not agree
-- with the facts.  As in integrity.sql, each corruption is planted by itself,
-- past the triggers and foreign keys, and taken back.
SET client_min_messages = warning;
SELECT test.new_shop('cart_integrity');
UPDATE conference SET auto_apply_credit = false;
INSERT INTO attendee (user_id, recipient) VALUES (104, 'Dora'), (105, 'Eva');

-- A sound ledger with something of everything.
SELECT test.fill(1, 1, 2) AS cart_id, regpaydb.invoice_cart(1) AS invoice_id, regpaydb.pay(1, 200, '') AS payment_id, 'paid' AS what;
SELECT test.fill(2, 1, 1) AS cart_id, regpaydb.invoice_cart(2) AS invoice_id, regpaydb.pay(2, 30, '') AS payment_id, 'unpaid, 30 paid' AS what;
SELECT test.fill(3, 3, 1) AS cart_id;
INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES (3, 3, 'Speaker', 1, 5);
SELECT regpaydb.invoice_cart(3) AS invoice_id, regpaydb.set_quantity(3, 4, 1), 'amended' AS what;
SELECT test.fill(4, 5, 1) AS cart_id, regpaydb.invoice_cart(4) AS invoice_id, regpaydb.pay(4, 75, '') AS payment_id,
	regpaydb.refund_invoice(4) AS credit_note_id, 'released' AS what;
SELECT test.fill(5, 6, 1) AS cart_id, regpaydb.invoice_cart(5) AS invoice_id, regpaydb.void_invoice(5), 'released, of value zero' AS what;
SELECT regpaydb.current_cart(5) AS cart_id, 'empty' AS what;
SELECT test.lapse(3);
SELECT cart_id, cart.status, revision, entry_count, invoice_id, cart_revision, invoice.status, value, paid
FROM cart LEFT JOIN invoice USING (cart_id) ORDER BY 1, 5;
SELECT cart_id, product_id, quantity FROM cart_item ORDER BY 1, 2;
SELECT cart_id, product_id, quantity FROM reservation ORDER BY 1, 2;
SELECT product_id, stock, sold FROM product_stock ORDER BY 1;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();

-- Units come to a slot of a product, or are taken from it, and nobody knows why.
CREATE FUNCTION test.give(product bigint, units integer) RETURNS void LANGUAGE sql AS $$
	UPDATE stock_slot SET free = free + units
	WHERE stock_slot_id = (SELECT min(stock_slot_id) FROM stock_slot WHERE product_id = product)
$$;
CREATE FUNCTION test.plant(statement text) RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	found text;
	missed text;
BEGIN
	BEGIN
		SET LOCAL session_replication_role = replica;
		EXECUTE statement;
		SELECT string_agg(DISTINCT object, ', ' ORDER BY object) INTO found FROM regpaydb.check_integrity();
		missed := test.missed();
		RAISE EXCEPTION USING ERRCODE = 'T0000';
	EXCEPTION WHEN SQLSTATE 'T0000' THEN
		RETURN coalesce(found, 'NOT REPORTED') || coalesce('; not since: ' || nullif(missed, ''), '');
	END;
END $$;

SELECT statement, test.plant(statement) FROM (VALUES
	-- Statuses of carts.
	(10, 'UPDATE cart SET status = ''active'' WHERE cart_id = 1'),
	(11, 'UPDATE cart SET status = ''released'' WHERE cart_id = 1'),
	(12, 'UPDATE cart SET status = ''paid'' WHERE cart_id = 2'),
	(13, 'UPDATE cart SET status = ''released'' WHERE cart_id = 2'),
	(14, 'UPDATE cart SET status = ''paid'' WHERE cart_id = 4'),
	(15, 'UPDATE cart SET status = ''active'' WHERE cart_id = 4'),
	(16, 'UPDATE cart SET status = ''paid'' WHERE cart_id = 5'),
	(17, 'UPDATE cart SET status = ''paid'' WHERE cart_id = 6'),
	(18, 'UPDATE cart SET status = ''released'' WHERE cart_id = 6'),
	(19, 'DELETE FROM cart WHERE cart_id = 1'),
	(20, 'DELETE FROM cart WHERE cart_id = 2'),
	-- Revisions.
	(30, 'UPDATE cart SET revision = revision + 1 WHERE cart_id = 1'),
	(31, 'UPDATE cart SET revision = revision + 1 WHERE cart_id = 2'),
	(32, 'UPDATE cart SET revision = revision + 1 WHERE cart_id = 4'),
	(33, 'UPDATE cart SET revision = revision + 1 WHERE cart_id = 5'),
	(34, 'UPDATE invoice SET cart_revision = 9 WHERE invoice_id = 1'),
	(35, 'UPDATE invoice SET cart_revision = 1 WHERE invoice_id = 2'),
	(36, 'UPDATE invoice SET cart_id = NULL, cart_revision = NULL WHERE invoice_id = 1'),
	(37, 'UPDATE invoice SET cart_id = NULL, cart_revision = NULL WHERE invoice_id = 4'),
	(38, 'UPDATE invoice SET cart_id = 3 WHERE invoice_id = 1'),
	(42, 'UPDATE cart SET entry_count = entry_count + 1 WHERE cart_id = 3'),
	(43, 'UPDATE cart SET entry_count = 0 WHERE cart_id = 1'),
	-- Items and discounts.
	(50, 'UPDATE cart_item SET quantity = 3 WHERE cart_id = 1'),
	(51, 'DELETE FROM cart_item WHERE cart_id = 1'),
	(52, 'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (1, 3, 1)'),
	(53, 'UPDATE cart_item SET product_id = 4 WHERE cart_id = 1'),
	(54, 'UPDATE cart_item SET quantity = 3 WHERE cart_id = 2'),
	(55, 'DELETE FROM cart_item WHERE cart_id = 2'),
	(56, 'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (2, 3, 1)'),
	(57, 'UPDATE cart_item SET product_id = 4 WHERE cart_id = 2'),
	(58, 'UPDATE cart_item SET cart_id = 6 WHERE cart_id = 2'),
	(59, 'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (4, 3, 1)'),
	(60, 'DELETE FROM cart_discount'),
	(61, 'UPDATE cart_discount SET cart_id = 1'),
	(62, 'INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES (1, 1, ''x'', 1, 1)'),
	-- Reservations.
	(70, 'UPDATE reservation SET quantity = quantity + 1 WHERE cart_id = 2'),
	(71, 'DELETE FROM reservation WHERE cart_id = 2'),
	(72, 'DELETE FROM reservation WHERE cart_id = 3'),
	(73, 'INSERT INTO reservation (cart_id, product_id, quantity) VALUES (2, 4, 1)'),
	(74, 'INSERT INTO reservation (cart_id, product_id, quantity) VALUES (1, 1, 2)'),
	(75, 'INSERT INTO reservation (cart_id, product_id, quantity) VALUES (4, 5, 1)'),
	(76, 'INSERT INTO reservation (cart_id, product_id, quantity) VALUES (6, 5, 1)'),
	(77, 'INSERT INTO reservation (cart_id, product_id, quantity) VALUES (999, 5, 1)'),
	(78, 'UPDATE reservation SET cart_id = 6 WHERE cart_id = 2'),
	-- Stock.
	(80, 'SELECT test.give(1, -1)'),
	(81, 'SELECT test.give(1, 2)'),
	(82, 'SELECT test.give(4, -1)'),
	(83, 'SELECT test.give(5, -1)'),
	(84, 'UPDATE product SET stock = 1 WHERE product_id = 1'),
	(85, 'UPDATE product SET stock = 1 WHERE product_id = 1; SELECT test.give(1, -4)'),
	(86, 'UPDATE product SET stock = NULL WHERE product_id = 1'),
	(87, 'UPDATE product SET stock = 0 WHERE product_id = 4'),
	(88, 'DELETE FROM stock_slot WHERE stock_slot_id IN (SELECT min(stock_slot_id) FROM stock_slot WHERE product_id = 1 AND free > 0)'),
	(89, 'INSERT INTO stock_slot (product_id, free) VALUES (1, 1)'),
	(95, 'INSERT INTO stock_slot (product_id, free) VALUES (6, 1)'),
	(96, 'UPDATE category SET stock = 9 WHERE category_id = 1; INSERT INTO stock_slot (category_id, free) VALUES (1, 9)'),
	(97, 'UPDATE category SET stock = 2 WHERE category_id = 1; INSERT INTO stock_slot (category_id, free) VALUES (1, -1)'),
	-- Several wrongs that make the sums right.
	(94, 'UPDATE cart SET status = ''paid'' WHERE cart_id = 2; DELETE FROM reservation WHERE cart_id = 2')
) v (n, statement) ORDER BY n;

-- Invoices that are not their cart's: of another attendee, of no cart, of a cart
-- that can't be paid any more; or that bill something else than the cart holds,
-- where the sums are right.  Whatever it is put down to, it is reported.
SELECT statement, test.plant(statement) <> 'NOT REPORTED' AS reported FROM (VALUES
	(21, 'UPDATE cart SET attendee_id = 5 WHERE cart_id = 1'),
	(39, 'UPDATE invoice SET cart_id = 999 WHERE invoice_id = 2'),
	(40, 'UPDATE invoice SET cart_id = 4 WHERE invoice_id = 2'),
	(41, 'UPDATE invoice SET attendee_id = 1 WHERE invoice_id = 2'),
	(90, 'UPDATE cart_item SET quantity = 3 WHERE cart_id = 1; SELECT test.give(1, -1)'),
	(91, 'UPDATE cart_item SET product_id = 4 WHERE cart_id = 1; SELECT test.give(1, 2), test.give(4, -2)'),
	(92, 'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (1, 4, 1); SELECT test.give(4, -1);
		UPDATE cart SET entry_count = 2 WHERE cart_id = 1'),
	(93, 'UPDATE cart_item SET quantity = 2 WHERE cart_id = 2; UPDATE reservation SET quantity = 2 WHERE cart_id = 2; SELECT test.give(1, -1)')
) v (n, statement) ORDER BY n;

-- What is not wrong is not reported.
SELECT statement, test.plant(statement) FROM (VALUES
	(1, 'SET LOCAL session_replication_role = origin; UPDATE product SET price = 1, name = ''x'', stock = 2, limit_per_attendee = 1, reservation_duration = ''1 day'' WHERE product_id = 1'),
	(2, 'UPDATE category SET required = true, limit_per_attendee = 0'),
	(3, 'DELETE FROM stock_slot'),
	(4, 'UPDATE stock_slot SET free = CASE WHEN stock_slot_id = any_slot THEN total ELSE 0 END
		FROM (SELECT product_id AS id, min(stock_slot_id) AS any_slot, sum(free) AS total FROM stock_slot GROUP BY 1) s WHERE product_id = id'),
	(5, 'UPDATE attendee SET recipient = ''x''')) v (n, statement) ORDER BY n;
SELECT * FROM regpaydb.check_integrity();

-- What it says, in words.
BEGIN;
SET LOCAL session_replication_role = replica;
SELECT test.give(1, -1);
UPDATE product SET stock = 2 WHERE product_id = 5;
UPDATE cart SET status = 'released' WHERE cart_id = 1;
UPDATE cart SET revision = 7, entry_count = 3 WHERE cart_id = 2;
DELETE FROM reservation WHERE cart_id = 3;
SET LOCAL session_replication_role = origin;
SELECT * FROM regpaydb.check_integrity() ORDER BY 1, 2;
ROLLBACK;

-- Discounts that are not those which the invoice bills, where the sums are right.
SELECT test.new_shop('cart_integrity_discounts');
UPDATE conference SET auto_apply_credit = false;
SELECT test.fill(1, 1, 3) AS cart, test.fill(1, 4) AS same, 'paid' AS what;
INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES (1, 1, 'Early', 1, 10), (1, 1, 'Speaker', 2, 10), (1, 1, 'Child', 1, 5);
SELECT regpaydb.pay(regpaydb.invoice_cart(1), 290.50, '') AS payment_id;
SELECT test.fill(2, 4, 3) AS cart, test.fill(2, 3, 1) AS same, 'unpaid' AS what;
INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES (2, 4, 'Early', 3, 2), (2, 3, 'Early', 1, 2);
SELECT regpaydb.invoice_cart(2) AS invoice_id;
SELECT test.fill(3, 4, 2) AS cart, test.fill(3, 1, 1) AS same, 'refunded, with a successor' AS what;
INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES (3, 4, 'Crew', 2, 3), (3, 1, 'Crew', 1, 3);
SELECT regpaydb.pay(regpaydb.invoice_cart(3), 142, '') AS payment_id;
SELECT regpaydb.return_items(3, jsonb_agg(jsonb_build_object('line_item_id', line_item_id, 'quantity', 1))) AS credit_note_id
FROM line_item WHERE invoice_id = 3 AND product_id = 4;
SELECT regpaydb.manual_invoice(1, '1 day', '[{"description": "A", "price": 9, "product_id": 1}, {"description": "B", "price": -2, "product_id": 1}]') AS manual;
-- More discounts, and another invoice for the cart, of which the old one is void.
SELECT test.fill(2, 1) AS cart, regpaydb.invoice_cart(2) AS invoice_id;
SELECT invoice_id, cart_id, cart_revision, status, value, replaces FROM invoice ORDER BY 1;
SELECT * FROM regpaydb.check_integrity();
SELECT statement, test.plant(statement) FROM (VALUES
	(1, 'UPDATE cart_discount SET quantity = 2 WHERE cart_id = 1 AND description = ''Early'''),
	(2, 'UPDATE cart_discount SET amount = 9 WHERE cart_id = 1 AND description = ''Early'''),
	(3, 'UPDATE cart_discount SET product_id = 4 WHERE cart_id = 1 AND description = ''Early'''),
	(4, 'DELETE FROM cart_discount WHERE cart_id = 1 AND description = ''Early''; UPDATE cart SET entry_count = entry_count - 1 WHERE cart_id = 1'),
	(5, 'INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES (1, 1, ''x'', 1, 1); UPDATE cart SET entry_count = entry_count + 1 WHERE cart_id = 1'),
	(6, 'UPDATE cart_discount SET cart_id = 2 WHERE cart_id = 1; UPDATE cart SET entry_count = entry_count + CASE cart_id WHEN 1 THEN -3 ELSE 3 END WHERE cart_id IN (1, 2)'),
	(7, 'UPDATE cart_discount SET quantity = 1 WHERE cart_id = 2 AND product_id = 4'),
	(8, 'UPDATE cart_discount SET product_id = 7 - product_id WHERE cart_id = 2'),
	(9, 'UPDATE cart_discount SET amount = 4 WHERE cart_id > 3'),
	(10, 'UPDATE line_item SET price = price + CASE WHEN price < 0 THEN 3 ELSE -1 END WHERE invoice_id = 1 AND product_id = 1 AND (price > 0 OR description ~ ''Early'')'),
	(11, 'UPDATE line_item SET product_id = 4 WHERE invoice_id = 1 AND description ~ ''Child'''),
	(12, 'UPDATE line_item SET product_id = NULL WHERE invoice_id = 1 AND description ~ ''Child''')) v (n, statement) ORDER BY n;
-- Nor is it reported how they are called, or that one of several is put into two; or what an invoice billed that is void, refunded or nobody's cart's.
SELECT statement, test.plant(statement) FROM (VALUES
	(1, 'UPDATE cart_discount SET description = ''x'''),
	(2, 'UPDATE cart_discount SET quantity = 3 - quantity WHERE cart_id = 1 AND amount = 10'),
	(3, 'UPDATE cart_discount SET amount = 1 WHERE cart_id = 3'),
	(4, 'UPDATE line_item SET product_id = 4 WHERE description IN (''A'', ''B'')')) v (n, statement) ORDER BY n;
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE cart_discount SET amount = 9 WHERE cart_id = 1 AND description = 'Early';
SET LOCAL session_replication_role = origin;
SELECT * FROM regpaydb.check_integrity() ORDER BY 1, 2;
ROLLBACK;

DROP FUNCTION test.plant(text), test.give(bigint, integer);
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
