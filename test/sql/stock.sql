-- Stock in one session: of products, and of categories, which have one for all of their
-- products together; changed, taken and given back.
SET client_min_messages = warning;
SELECT test.new_shop('stock');
INSERT INTO attendee (user_id) VALUES (104), (105);
UPDATE conference SET auto_apply_credit = false;
-- Each attendee's cart has her number.
SELECT regpaydb.current_cart(n) FROM generate_series(1, 5) n;

-- What there is: of all slots together, for which one units are in is left to chance.
CREATE VIEW levels AS
	SELECT format('product %s', product_id) AS what, s.stock, free, reserved, lapsed, sold, available,
		regpaydb.available_stock(product_id) AS function, (SELECT count(*) FROM stock_slot t WHERE t.product_id = s.product_id) AS slots
	FROM product_stock s
	UNION ALL
	SELECT format('category %s', category_id), s.stock, free, reserved, lapsed, sold, available,
		NULL, (SELECT count(*) FROM stock_slot t WHERE t.category_id = s.category_id)
	FROM category_stock s;
-- What a call comes to, and it is taken back.
CREATE FUNCTION test.tried(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE call;
	RAISE EXCEPTION USING ERRCODE = 'T0000';
EXCEPTION WHEN SQLSTATE 'T0000' THEN
	RETURN 'done';
WHEN OTHERS THEN
	RETURN format('%s: %s', SQLSTATE, SQLERRM);
END $$;

-- Nobody has taken anything: slots there are none.
SELECT * FROM levels ORDER BY what;

-- ---- a category with a stock ----

-- Three tickets, of which one is for a student at most.
UPDATE category SET stock = 3 WHERE category_id = 1;
SELECT * FROM levels WHERE what IN ('category 1', 'product 1', 'product 2') ORDER BY what;
SELECT test.fill(1, 1, 2) AS alices;
SELECT * FROM levels WHERE what IN ('category 1', 'product 1', 'product 2') ORDER BY what;
-- RP005 names which of them is exhausted: the category, or the product.
SELECT test.tried('SELECT test.fill(2, 1, 2)') AS category_has_one, test.tried('SELECT test.fill(2, 2, 2)') AS product_has_one;
SELECT test.fill(2, 2, 1) AS bobs;
SELECT test.tried('SELECT test.fill(3, 1, 1)') AS category, test.tried('SELECT test.fill(3, 2, 1)') AS both,
	test.tried('SELECT regpaydb.set_quantity(1, 1, 3)') AS more, test.tried('SELECT regpaydb.validate_cart(1), regpaydb.validate_cart(2)') AS live;
-- One for the other, by one statement.
UPDATE cart_item SET product_id = 1 WHERE cart_id = 2;
SELECT * FROM levels WHERE what IN ('category 1', 'product 1', 'product 2') ORDER BY what;
SELECT test.tried('SELECT test.fill(3, 2, 1)') AS category;
-- Given back: by the one, sold by the other and refunded.
SELECT regpaydb.set_quantity(1, 1, 1);
SELECT regpaydb.pay(regpaydb.invoice_cart(2), 100, '') AS payment_id;
SELECT test.fill(3, 2, 1) AS carols;
SELECT * FROM levels WHERE what IN ('category 1', 'product 1', 'product 2') ORDER BY what;
SELECT regpaydb.refund_invoice(1) AS credit_note_id;
SELECT * FROM levels WHERE what IN ('category 1', 'product 1', 'product 2') ORDER BY what;
-- No product of it has a stock: available_stock() is the category's; and of the other
-- category, where the product has one, the product's.
UPDATE product SET stock = NULL WHERE category_id = 1;
SELECT * FROM levels ORDER BY what;
-- And a number again, of which all are counted that were taken meanwhile.
SELECT test.fill(4, 1, 1) AS dans;
UPDATE product SET stock = 9 WHERE category_id = 1;
UPDATE category SET stock = NULL WHERE category_id = 1;
SELECT test.fill(4, 1, 4) AS dans;
SELECT * FROM levels WHERE what ~ 'category|product [12]' ORDER BY what;
UPDATE category SET stock = 6 WHERE category_id = 1;
SELECT test.tried('SELECT test.fill(4, 1, 5)') AS category;
SELECT * FROM levels WHERE what IN ('category 1', 'product 1', 'product 2') ORDER BY what;
SELECT * FROM regpaydb.check_integrity();

-- ---- stock that changes ----

-- Two slots, so that it is known what is in them: shares are equal.
UPDATE conference SET stock_slots = 2;
INSERT INTO product (product_id, category_id, name, price, stock) VALUES (7, 3, 'Tour', 10, 6);
SELECT test.fill(1, 7, 2) AS alices, test.fill(4, 7, 2) AS dans;
-- Quantity over several slots.
SELECT test.fill(5, 7, 2) AS evas;
SELECT * FROM levels WHERE what = 'product 7';
-- Below what is taken: nothing is sold until enough is back.
UPDATE product SET stock = 4 WHERE product_id = 7;
SELECT * FROM levels WHERE what = 'product 7';
SELECT test.tried('SELECT test.fill(3, 7, 1)') AS owed, test.fill(1, 7, 0) AS alices;
SELECT * FROM levels WHERE what = 'product 7';
SELECT test.tried('SELECT test.fill(3, 7, 1)') AS none, test.fill(4, 7, 1) AS dans;
SELECT test.tried('SELECT test.fill(3, 7, 2)') AS two, test.tried('SELECT test.fill(3, 7, 1)') AS one;
-- All that comes back is owed.
UPDATE product SET stock = 1 WHERE product_id = 7;
SELECT test.fill(5, 7, 0) AS evas;
SELECT * FROM levels WHERE what = 'product 7';
SELECT test.tried('SELECT test.fill(3, 7, 1)') AS none;
UPDATE product SET stock = 4 WHERE product_id = 7;
SELECT test.tried('SELECT test.fill(3, 7, 4)') AS four, test.fill(3, 7, 3) AS carols;
UPDATE product SET stock = 0 WHERE product_id = 7;
UPDATE product SET stock = 2 WHERE product_id = 7;
-- One is owed by each slot, and three come to one of them.
SELECT test.fill(3, 7, 0) AS carols;
SELECT * FROM levels WHERE what = 'product 7';
SELECT test.tried('SELECT test.fill(1, 7, 2)') AS two, test.tried('SELECT test.fill(1, 7, 1)') AS one;
-- In one statement two products, up and down; and a stock that ends, and begins.
SELECT test.fill(2, 3, 2) AS bobs;
UPDATE product SET stock = CASE product_id WHEN 3 THEN 4 WHEN 7 THEN NULL ELSE 3 END WHERE product_id IN (3, 4, 7);
SELECT * FROM levels WHERE what ~ 'product [347]' ORDER BY what;
SELECT test.tried('SELECT test.fill(1, 3, 3)') AS red, test.tried('SELECT test.fill(1, 4, 4)') AS blue, test.fill(1, 7, 1000000000) AS tour;
UPDATE product SET stock = 1000000002 WHERE product_id = 7;
SELECT test.tried('SELECT test.fill(3, 7, 1)') AS as_many, test.tried('SELECT test.fill(3, 7, 2)') AS one_more;
SELECT * FROM levels WHERE what ~ 'product [347]' ORDER BY what;
SELECT * FROM regpaydb.check_integrity();

-- ---- slots ----

-- Made, and taken of, in a savepoint that is rolled back.
INSERT INTO product (product_id, category_id, name, price, stock) VALUES (8, 2, 'Green', 10, 3), (9, 2, 'Black', 10, NULL);
UPDATE category SET stock = 9 WHERE category_id = 2;
BEGIN;
SAVEPOINT s;
SELECT test.fill(5, 8, 2) AS evas, test.fill(5, 9, 2) AS evas;
SELECT * FROM levels WHERE what ~ 'category 2|product [89]' ORDER BY what;
ROLLBACK TO s;
SELECT * FROM levels WHERE what ~ 'category 2|product [89]' ORDER BY what;
SELECT test.fill(5, 8, 3) AS evas;
SAVEPOINT s;
SELECT test.fill(5, 8, 1);
ROLLBACK TO s;
SELECT test.tried('SELECT test.fill(3, 8, 1)') AS sold_out;
COMMIT;
SELECT * FROM levels WHERE what ~ 'category 2|product [89]' ORDER BY what;
-- Whoever deletes them has them counted afresh, of what is reserved and sold, in as many as
-- the conference wants; rows of others are left alone.
SELECT regpaydb.pay(regpaydb.invoice_cart(5), 30, '') AS payment_id;
SELECT test.fill(3, 9, 1) AS carols;
DELETE FROM stock_slot;
SELECT * FROM levels WHERE what ~ 'category 2|product [389]' ORDER BY what;
UPDATE conference SET stock_slots = 3;
SELECT test.tried('SELECT test.fill(5, 8, 1)') AS all_sold, test.fill(1, 9, 1) AS alices, test.fill(1, 3, 1) AS alices;
SELECT * FROM levels WHERE what ~ 'category 2|product [389]' ORDER BY what;
SELECT test.tried('SELECT test.fill(5, 3, 2)') AS one_red, test.tried('SELECT test.fill(5, 9, 2)') AS one_of_all;
UPDATE conference SET stock_slots = 1;
SELECT test.tried('UPDATE conference SET stock_slots = 0') AS none, test.tried('UPDATE conference SET stock_slots = 1001') AS many;
-- Lapsed reservations, which expire_invoices() takes back; and it makes slots.
SELECT test.lapse(cart_id) FROM cart WHERE status = 'active' ORDER BY cart_id;
DELETE FROM stock_slot;
SELECT * FROM levels ORDER BY what;
SELECT regpaydb.expire_invoices();
SELECT * FROM levels ORDER BY what;
SELECT count(*) FILTER (WHERE reserved_until = '-infinity') AS taken_back, count(*) AS all FROM reservation;
-- A product goes with its slots, as does a category.
INSERT INTO category (category_id, name, stock) VALUES (4, 'Book', 4);
INSERT INTO product (product_id, category_id, name, price, stock) VALUES (10, 4, 'Atlas', 10, 4);
SELECT test.fill(4, 10, 4) AS dans;
SELECT test.fill(4, 10, 0) AS dans;
SELECT * FROM levels WHERE what ~ '4|10' ORDER BY what;
DELETE FROM product WHERE product_id = 10;
DELETE FROM category WHERE category_id = 4;
SELECT count(*) FROM stock_slot WHERE product_id = 10 OR category_id = 4;
SELECT * FROM regpaydb.check_integrity();

-- ---- what only the engine does, and what check_integrity() has to say ----

SELECT test.tried('UPDATE stock_slot SET free = free + 1') AS updated,
	test.tried('TRUNCATE stock_slot') AS truncated, test.tried('UPDATE reservation SET reserved_until = now()') AS reservation;
CREATE ROLE regress_stock_clerk;
GRANT USAGE ON SCHEMA stock TO regress_stock_clerk;
GRANT ALL ON stock_slot TO regress_stock_clerk;
SET ROLE regress_stock_clerk;
INSERT INTO stock_slot (product_id, free) VALUES (1, 1);
UPDATE stock_slot SET free = free + 1;
RESET ROLE;
DROP OWNED BY regress_stock_clerk;
DROP ROLE regress_stock_clerk;
CREATE FUNCTION test.reported(statement text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL session_replication_role = replica;
	EXECUTE statement;
	RETURN QUERY SELECT format('%s: %s', object, problem) FROM regpaydb.check_integrity() ORDER BY 1;
	RAISE EXCEPTION USING ERRCODE = 'T0000';
EXCEPTION WHEN SQLSTATE 'T0000' THEN
	RETURN;
END $$;
SELECT test.reported('UPDATE stock_slot SET free = free + 1 WHERE product_id = 3');
SELECT test.reported('UPDATE stock_slot SET free = free - 1 WHERE category_id = 2');
SELECT test.reported('DELETE FROM stock_slot WHERE product_id = 3');
DROP VIEW levels;
DROP FUNCTION test.tried(text), test.reported(text);
SELECT * FROM regpaydb.check_integrity();
