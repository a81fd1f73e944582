-- Every change of a cart is a new revision, once for each statement, and what
-- was billed before is given up at once.
SET client_min_messages = warning;
SELECT test.new_shop('cart_amend');
UPDATE conference SET auto_apply_credit = false;

-- Alice's invoice 1 is unpaid, on Bob's invoice 2 are 30.00, Carol's invoice 3
-- has a discount.  Attendee 4 has paid, attendee 5 got her money back.
INSERT INTO attendee (user_id, recipient) VALUES (104, 'Dora'), (105, 'Eva');
SELECT test.fill(1, 1, 1) AS cart_id, regpaydb.invoice_cart(1) AS invoice_id;
SELECT test.fill(2, 1, 1) AS cart_id, regpaydb.invoice_cart(2) AS invoice_id, regpaydb.pay(2, 30, 'part') AS payment_id;
SELECT test.fill(3, 4, 2) AS cart_id;
INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES (3, 4, 'Speaker', 1, 5);
SELECT regpaydb.invoice_cart(3) AS invoice_id;
SELECT test.fill(4, 4, 1) AS cart_id, regpaydb.invoice_cart(4) AS invoice_id, regpaydb.pay(4, 25.50, 'all') AS payment_id;
SELECT test.fill(5, 4, 1) AS cart_id, regpaydb.invoice_cart(5) AS invoice_id, regpaydb.pay(5, 25.50, 'all') AS payment_id;
SELECT regpaydb.refund_credit_note(regpaydb.refund_invoice(5), 'cash') AS refund_id;
SELECT cart_id, cart.status, revision, invoice_id, invoice.status, value, paid
FROM cart LEFT JOIN invoice USING (cart_id) ORDER BY 1;

-- ---------------------------------------------------------------------------
-- Each way to amend
-- ---------------------------------------------------------------------------
SELECT statement, test.outcome(statement) FROM (VALUES
	-- set_quantity
	(10, 'SELECT regpaydb.set_quantity(1, 1, 2)'),
	(11, 'SELECT regpaydb.set_quantity(1, 1, 1)'),
	(12, 'SELECT regpaydb.set_quantity(1, 1, 0)'),
	(13, 'SELECT regpaydb.set_quantity(1, 4, 1)'),
	(14, 'SELECT regpaydb.set_quantity(2, 4, 1)'),
	(15, 'SELECT regpaydb.set_quantity(3, 4, 1)'),
	-- Items by plain SQL
	(20, 'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (1, 4, 1)'),
	(21, 'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (2, 4, 1)'),
	(22, 'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (1, 3, 1), (1, 4, 1), (1, 5, 1)'),
	(23, 'UPDATE cart_item SET quantity = 2 WHERE cart_id = 1'),
	(24, 'UPDATE cart_item SET product_id = 4 WHERE cart_id = 2'),
	(25, 'DELETE FROM cart_item WHERE cart_id = 1'),
	(26, 'DELETE FROM cart_item WHERE cart_id = 2'),
	(27, 'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (1, 1, 3)
		ON CONFLICT (cart_id, product_id) DO UPDATE SET quantity = EXCLUDED.quantity'),
	(28, 'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (1, 1, 3) ON CONFLICT DO NOTHING'),
	(29, 'MERGE INTO cart_item i USING (VALUES (1, 1), (1, 4)) v (cart, product)
		ON cart_id = cart AND product_id = product WHEN MATCHED THEN UPDATE SET quantity = 2
		WHEN NOT MATCHED THEN INSERT (cart_id, product_id, quantity) VALUES (cart, product, 1)'),
	(30, 'UPDATE cart_item SET quantity = 5 WHERE cart_id = 999'),
	-- Discounts by plain SQL
	(40, 'INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES (1, 1, ''x'', 1, 5)'),
	(41, 'INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES (2, 1, ''x'', 1, 5), (2, 1, ''y'', 1, 5)'),
	(42, 'UPDATE cart_discount SET amount = 6'),
	(43, 'UPDATE cart_discount SET description = ''Student'''),
	(44, 'DELETE FROM cart_discount'),
	-- Several carts in one statement
	(50, 'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (1, 4, 1), (2, 4, 1), (1, 3, 1)'),
	(51, 'UPDATE cart_item SET quantity = quantity + 1 WHERE cart_id <= 3'),
	(52, 'DELETE FROM cart_item WHERE cart_id <= 3'),
	(53, 'WITH i AS (INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (1, 4, 1))
		INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES (1, 1, ''x'', 1, 5)'),
	(54, 'WITH d AS (DELETE FROM cart_item WHERE cart_id = 1 RETURNING cart_id)
		INSERT INTO cart_item (cart_id, product_id, quantity) SELECT cart_id, 4, 1 FROM d'),
	-- What moves to another cart amends both
	(60, 'UPDATE cart_item SET cart_id = 1 WHERE cart_id = 3'),
	(61, 'UPDATE cart_item SET cart_id = 2 WHERE cart_id = 1'),
	(62, 'UPDATE cart_discount SET cart_id = 2 WHERE cart_id = 3')
) v (n, statement) ORDER BY n;

-- What changes nothing of the cart leaves its invoice alone.
SELECT statement, test.outcome(statement) FROM (VALUES
	(1, 'UPDATE product SET price = 1, name = ''Renamed'' WHERE product_id = 1'),
	(2, 'UPDATE cart SET reservation_duration = ''5 hours'''),
	(3, 'SELECT regpaydb.extend_reservation(1, ''9 hours'')'),
	(4, 'SELECT regpaydb.current_cart(1), regpaydb.validate_cart(1), regpaydb.invoice_cart(1)')) v (n, statement) ORDER BY n;

-- ---------------------------------------------------------------------------
-- Paid and released carts are frozen (RP008)
-- ---------------------------------------------------------------------------
SELECT statement, test.outcome(replace(statement, '#', cart::text)) FROM (VALUES (4), (5)) c (cart), (VALUES
	(10, 'SELECT regpaydb.set_quantity(#, 4, 2)'),
	(11, 'SELECT regpaydb.set_quantity(#, 4, 1)'),
	(12, 'SELECT regpaydb.set_quantity(#, 4, 0)'),
	(13, 'SELECT regpaydb.extend_reservation(#, ''1 hour'')'),
	(20, 'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (#, 6, 1)'),
	(21, 'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (#, 4, 9)
		ON CONFLICT (cart_id, product_id) DO UPDATE SET quantity = EXCLUDED.quantity'),
	(22, 'UPDATE cart_item SET quantity = 2 WHERE cart_id = #'),
	(23, 'DELETE FROM cart_item WHERE cart_id = #'),
	(24, 'UPDATE cart_item SET cart_id = 1 WHERE cart_id = #'),
	(25, 'UPDATE cart_item SET cart_id = # WHERE cart_id = 1'),
	(26, 'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (1, 6, 1), (#, 6, 1)'),
	(27, 'WITH d AS (DELETE FROM cart_item WHERE cart_id = # RETURNING cart_id)
		INSERT INTO cart_item (cart_id, product_id, quantity) SELECT cart_id, 1, 1 FROM d'),
	(30, 'INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES (#, 4, ''x'', 1, 5)'),
	(31, 'UPDATE cart_discount SET cart_id = #')
) v (n, statement) ORDER BY cart, n;
\x on
SELECT * FROM test.report('SELECT regpaydb.set_quantity(4, 4, 2)');
\x off

-- ---------------------------------------------------------------------------
-- Plain SQL does not get round stock
-- ---------------------------------------------------------------------------
-- Not by an INSERT that looks like one that puts back what was there.
SELECT statement, test.outcome(statement) FROM (VALUES
	(1, 'WITH d AS (DELETE FROM cart_item WHERE cart_id = 1 RETURNING cart_id)
		INSERT INTO cart_item (cart_id, product_id, quantity) SELECT cart_id, 3, 1000 FROM d'),
	(2, 'WITH i AS (INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (1, 3, 1000))
		DELETE FROM cart_item WHERE cart_id = 1'),
	(3, 'WITH d AS (DELETE FROM cart_discount WHERE cart_id = 3 RETURNING cart_id)
		INSERT INTO cart_item (cart_id, product_id, quantity) SELECT cart_id, 3, 1000 FROM d'),
	(4, 'UPDATE cart_item SET quantity = 1000 WHERE cart_id = 1'),
	(5, 'UPDATE cart_item SET product_id = 3, quantity = 1000 WHERE cart_id = 1')) v (n, statement) ORDER BY n;
-- A discount on a lapsed cart reserves it again; where something of it is gone,
-- the cart is amended, but stays lapsed until that is taken out.
BEGIN;
SELECT test.fill(1, 3, 2) AS cart_id;
SELECT test.lapse(1);
SELECT test.outcome('INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES (1, 1, ''x'', 1, 5)');
SELECT regpaydb.set_quantity(2, 3, 2);
SELECT test.outcome('INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES (1, 1, ''x'', 1, 5)');
SELECT test.outcome('DELETE FROM cart_item WHERE cart_id = 1 AND product_id = 3');
SELECT test.outcome('DELETE FROM cart_item WHERE cart_id = 1');
ROLLBACK;

-- ---------------------------------------------------------------------------
-- What only the engine changes (RP011)
-- ---------------------------------------------------------------------------
SELECT statement, test.raises(statement) FROM (VALUES
	(10, 'UPDATE cart SET status = ''paid'' WHERE cart_id = 1'),
	(11, 'UPDATE cart SET status = ''active'' WHERE cart_id = 5'),
	(12, 'UPDATE cart SET status = ''released'' WHERE cart_id = 4'),
	(13, 'UPDATE cart SET revision = revision + 1'),
	(14, 'UPDATE cart SET entry_count = 9'),
	(15, 'UPDATE cart SET attendee_id = 2 WHERE cart_id = 1'),
	(16, 'UPDATE cart SET cart_id = 77 WHERE cart_id = 1'),
	(20, 'UPDATE stock_slot SET free = 0'),
	(21, 'UPDATE stock_slot SET free = free + 1 WHERE product_id = 4'),
	(22, 'UPDATE product SET product_id = 77 WHERE product_id = 6'),
	(30, 'UPDATE reservation SET quantity = 9'),
	(31, 'DELETE FROM reservation'),
	(32, 'TRUNCATE reservation'),
	(33, 'TRUNCATE cart_item'),
	(34, 'TRUNCATE cart_discount'),
	(35, 'TRUNCATE cart CASCADE'),
	(40, 'UPDATE invoice SET cart_id = 2 WHERE invoice_id = 1'),
	(41, 'UPDATE invoice SET cart_revision = cart_revision + 1'),
	(42, 'UPDATE invoice SET cart_id = NULL, cart_revision = NULL')) v (n, statement) ORDER BY n;
-- What staff may change by themselves.
BEGIN;
UPDATE product SET name = 'Complete', price = 99, stock = 6, limit_per_attendee = 3, display_order = 1 WHERE product_id = 1;
UPDATE category SET name = 'Passes', required = true, limit_per_attendee = 9 WHERE category_id = 1;
UPDATE cart SET time_last_updated = now();
ROLLBACK;

-- ---------------------------------------------------------------------------
-- A role that may
-- ---------------------------------------------------------------------------
DROP ROLE IF EXISTS regress_cart;
CREATE ROLE regress_cart NOLOGIN;
GRANT USAGE ON SCHEMA cart_amend, regpaydb, test TO regress_cart;
SET ROLE regress_cart;
SELECT split_part(test.raises('INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (1, 4, 1)'), ':', 1) AS code;
RESET ROLE;
-- Nor does a role that may make carts and products make up what the engine
-- keeps: a cart that seems to have more in it than it has could be filled unseen.
BEGIN;
GRANT SELECT, INSERT ON cart, product, reservation, stock_slot TO regress_cart;
SET ROLE regress_cart;
SELECT statement, left(test.raises(statement), 5) IN ('RP011', '42501') AS refused FROM (VALUES
	(1, 'INSERT INTO cart (attendee_id, entry_count) VALUES (4, 100)'),
	(2, 'INSERT INTO cart (attendee_id, revision) VALUES (4, 7)'),
	(3, 'INSERT INTO cart (attendee_id, status) VALUES (4, ''paid'')'),
	(4, 'INSERT INTO cart (attendee_id, status) VALUES (4, ''released'')'),
	(5, 'INSERT INTO stock_slot (stock_slot_id, product_id, free) VALUES (777, 1, 7)'),
	(6, 'INSERT INTO reservation (cart_id, product_id, quantity) VALUES (1, 6, 1)')) v (n, statement) ORDER BY n;
ROLLBACK;
BEGIN;
GRANT SELECT, INSERT ON cart, product TO regress_cart;
SET ROLE regress_cart;
INSERT INTO cart (attendee_id) VALUES (4);
INSERT INTO product (product_id, category_id, name, price) VALUES (77, 1, 'x', 1);
ROLLBACK;
GRANT SELECT, INSERT, UPDATE, DELETE ON cart_item, cart_discount TO regress_cart;
SET ROLE regress_cart;
-- It amends as anybody, though it can't write the invoice or the cart itself.
INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (1, 4, 1), (2, 4, 1);
DELETE FROM cart_discount;
RESET ROLE;
DROP OWNED BY regress_cart;
DROP ROLE regress_cart;
SELECT invoice_id, invoice.status, paid, payment_count, cart_revision, revision
FROM invoice JOIN cart USING (cart_id) ORDER BY 1;
SELECT credit_note_id, attendee_id, value, state FROM credit_note ORDER BY 1;
SELECT kind, invoice_id, old_status, new_status, credit_note_id FROM outbox ORDER BY outbox_id DESC LIMIT 4;

-- A trigger of the application's own may amend any cart but the one that is
-- just being paid for: nothing gets into a paid cart for free.
CREATE FUNCTION test.amend() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM regpaydb.set_quantity(TG_ARGV[0]::bigint, 3, 1);
	RETURN NEW;
END $$;
SELECT regpaydb.invoice_cart(1) AS invoice \gset
SELECT test.outcome(format('INSERT INTO payment (invoice_id, amount) VALUES (%s, 125.50)', :invoice)) AS no_trigger;
CREATE TRIGGER amend AFTER UPDATE OF status ON invoice FOR EACH ROW EXECUTE FUNCTION test.amend(2);
SELECT test.outcome(format('INSERT INTO payment (invoice_id, amount) VALUES (%s, 125.50)', :invoice)) AS another_cart;
DROP TRIGGER amend ON invoice;
CREATE TRIGGER amend AFTER UPDATE OF status ON invoice FOR EACH ROW EXECUTE FUNCTION test.amend(1);
SELECT test.outcome(format('INSERT INTO payment (invoice_id, amount) VALUES (%s, 125.50)', :invoice)) NOT LIKE '%PROBLEM%' AS same_cart;
DROP TRIGGER amend ON invoice;
CREATE TRIGGER amend AFTER INSERT ON payment FOR EACH ROW EXECUTE FUNCTION test.amend(1);
SELECT test.outcome(format('INSERT INTO payment (invoice_id, amount) VALUES (%s, 125.50)', :invoice)) AS before_settling;
DROP TRIGGER amend ON payment;
DROP FUNCTION test.amend();

SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
