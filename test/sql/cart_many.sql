-- Carts with many items, in many categories, of an attendee who has paid for many,
-- among many reservations: what is read in pieces is read to its end.
SET client_min_messages = warning;
SELECT test.new_ledger('cart_many');
INSERT INTO attendee (user_id) VALUES (103);
-- Forty categories; the last ones are required and limited.
INSERT INTO category (name, required, limit_per_attendee)
SELECT 'Category ' || g, g > 38, CASE WHEN g > 36 THEN 20 END FROM generate_series(1, 40) g;
INSERT INTO product (category_id, name, price, stock, limit_per_attendee)
SELECT g, 'Product ' || g, g, 30, CASE g WHEN 1 THEN 13 WHEN 40 THEN 14 END FROM generate_series(1, 40) g;

-- Of each product one, in one cart, put there in no order.
SELECT regpaydb.current_cart(1) AS cart \gset
SELECT count(regpaydb.set_quantity(:cart, product_id, 1)) FROM (SELECT * FROM product ORDER BY product_id * 7 % 41 OFFSET 0) p;
SELECT count(*), sum(quantity) FROM reservation WHERE cart_id = :cart;
SELECT regpaydb.invoice_cart(:cart) AS invoice \gset
SELECT value FROM invoice WHERE invoice_id = :invoice;
SELECT regpaydb.pay(:invoice, 820, 'all') > 0 AS paid;
SELECT status, (SELECT count(*) FROM reservation WHERE cart_id = :cart) AS reserved,
	(SELECT count(*) FILTER (WHERE sold = 1) FROM product_stock) AS sold FROM cart WHERE cart_id = :cart;
SELECT regpaydb.refund_invoice(:invoice) > 0 AS refunded;
SELECT count(*) FROM product_stock WHERE sold <> 0;

-- The last category is required, and its limit is kept.
SELECT test.fill(1, 3, 1) AS cart \gset
SELECT test.raises(format('SELECT regpaydb.invoice_cart(%s)', :cart));
SELECT test.fill(1, 39, 1) AS cart \gset
SELECT test.raises(format('SELECT regpaydb.invoice_cart(%s)', :cart));
SELECT test.raises('SELECT test.fill(1, 40, 15)');
SELECT test.raises('SELECT test.fill(1, 39, 21)');
SELECT test.fill(1, 40, 14) AS cart \gset
SELECT regpaydb.invoice_cart(:cart) > 0 AS invoiced;

-- Twelve paid carts of one attendee, the oldest of which count: a thirteenth of the
-- first product is hers, and no more.
DO $$
DECLARE
	id bigint;
BEGIN
	FOR n IN 1 .. 12 LOOP
		id := test.fill(2, 1, 1);
		IF n = 1 THEN
			PERFORM regpaydb.set_quantity(id, 39, 1), regpaydb.set_quantity(id, 40, 1);
		END IF;
		PERFORM regpaydb.pay(regpaydb.invoice_cart(id), (SELECT sum(price * quantity) FROM cart_item JOIN product USING (product_id) WHERE cart_id = id), 'n');
	END LOOP;
END $$;
SELECT count(*) FILTER (WHERE status = 'paid') AS paid_carts FROM cart WHERE attendee_id = 2;
SELECT test.raises('SELECT test.fill(2, 1, 2)');
SELECT regpaydb.invoice_cart(test.fill(2, 1, 1)) AS invoice \gset
SELECT test.raises(format('SELECT regpaydb.validate_allowed_to_pay(%s)', :invoice));
SELECT regpaydb.pay(:invoice, 1, 'the thirteenth') > 0 AS paid;
SELECT test.raises('SELECT test.fill(2, 1, 1)');

-- Reservations of many carts, of which one is looked at when it is nearly sold out: in
-- the index alone, where everybody sees what is in a page, and in the table, where
-- some have changed since.
INSERT INTO attendee (user_id) SELECT 1000 + g FROM generate_series(1, 28) g;
SELECT count(test.fill(attendee_id, 5, 1)) FROM attendee WHERE user_id > 1000;
VACUUM reservation;
SELECT test.raises('SELECT test.fill(3, 5, 3)');
SELECT test.raises('SELECT test.fill(3, 5, 2)');
SELECT test.raises('SELECT test.fill(3, 5, 3)');
-- More often than rows are looked at by chance.
DO $$
BEGIN
	FOR n IN 1 .. 150 LOOP
		PERFORM test.fill(3, 5, 1 + n % 2);
	END LOOP;
END $$;
VACUUM reservation;
SELECT count(test.lapse(cart_id)) FROM cart JOIN attendee USING (attendee_id) WHERE user_id BETWEEN 1001 AND 1004;
SELECT test.raises('SELECT test.fill(3, 5, 7)');
SELECT test.raises('SELECT test.fill(3, 5, 6)');
SELECT test.fill(3, 39, 1) AS cart \gset
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT test.fill(3, 40, 1) AS cart \gset
SELECT regpaydb.pay(regpaydb.invoice_cart(:cart), 6 * 5 + 39 + 40, 'all') > 0 AS paid;
COMMIT;
SELECT product_id, sold FROM product_stock WHERE product_id IN (5, 39, 40) ORDER BY 1;
SELECT * FROM regpaydb.check_integrity();

-- ---------------------------------------------------------------------------
-- A statement pays for many carts and, in its middle, code changes that their tables
-- use: SQL does the rest, and knows what was sold until then
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('cart_middle');
UPDATE conference SET auto_apply_credit = false;
INSERT INTO category (name) VALUES ('Ticket');
INSERT INTO product (category_id, name, price, stock) VALUES (1, 'Few', 10, 6), (1, 'Many', 1, 100);
INSERT INTO attendee (user_id) SELECT 1000 + g FROM generate_series(1, 10) g;
DO $$
DECLARE
	id bigint;
BEGIN
	FOR g IN 3 .. 12 LOOP
		id := test.fill(g, 1, 1);
		PERFORM regpaydb.set_quantity(id, 2, g), regpaydb.invoice_cart(id), test.lapse(id);
	END LOOP;
END $$;
-- Called for each row that is written, it makes a function when so many were.
CREATE SEQUENCE event;
CREATE FUNCTION on_event(at bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	IF nextval('cart_middle.event') = at THEN
		EXECUTE 'CREATE OR REPLACE FUNCTION cart_middle.made() RETURNS int LANGUAGE sql AS ''SELECT 1''';
	END IF;
	RETURN '';
END $$;
CREATE FUNCTION pay_all(change text, at bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format(change, at);
	PERFORM setval('event', 1, false);
	INSERT INTO payment (invoice_id, amount) SELECT invoice_id, value FROM invoice;
	result := format('paid %s; sold %s', (SELECT string_agg(invoice_id::text, ' ' ORDER BY invoice_id) FROM invoice WHERE status = 'paid'),
		(SELECT string_agg(sold::text, ', ' ORDER BY product_id) FROM product_stock));
	-- Refunds of some, and of others payments that are too much.
	PERFORM setval('event', 1, false);
	INSERT INTO payment (invoice_id, amount)
	SELECT invoice_id, CASE WHEN invoice_id % 2 = 0 THEN -1 ELSE 1 END FROM invoice WHERE status = 'paid';
	RAISE EXCEPTION USING ERRCODE = 'XX999', MESSAGE = format('%s; then paid %s; sold %s; %s problems', result,
		(SELECT count(*) FROM invoice WHERE status = 'paid'), (SELECT string_agg(sold::text, ', ' ORDER BY product_id) FROM product_stock),
		(SELECT count(*) FROM regpaydb.check_integrity()));
EXCEPTION WHEN SQLSTATE 'XX999' THEN
	RETURN SQLERRM;
END $$;
SELECT n, at, pay_all(change, at) FROM (VALUES
	(1, 'ALTER TABLE cart ADD CHECK (query_to_xml(''SELECT cart_middle.on_event(%s)'', true, false, '''') IS NOT NULL) NOT VALID'),
	(2, 'ALTER TABLE outbox ADD x xml DEFAULT query_to_xml(''SELECT cart_middle.on_event(%s)'', true, false, '''')')) c (n, change),
	unnest(ARRAY[1000, 1, 2, 3, 6, 9, 12]) at ORDER BY n, at;
