-- Carts whose tables their owner has done something to: they are sold all the same.
SET client_min_messages = warning;

-- ---------------------------------------------------------------------------
-- An index of the owner's that has every column of a reservation, and comes first
-- ---------------------------------------------------------------------------
SELECT test.new_shop('odd_carts_index');
CREATE INDEX reservation_owners_idx ON reservation (cart_id) INCLUDE (product_id, quantity, reserved_until);
REINDEX INDEX CONCURRENTLY reservation_pkey;
SELECT test.fill(1, 1, 2) AS cart_id, regpaydb.invoice_cart(1) AS invoice_id;
SELECT test.fill(2, 1, 1) AS cart_id, regpaydb.invoice_cart(2) AS invoice_id;
-- So that rows are read from the index.
VACUUM reservation;
SELECT regpaydb.pay(1, 200, 'all') > 0 AS paid;
SELECT cart_id, product_id, quantity FROM reservation;
SELECT * FROM regpaydb.check_integrity();

-- ---------------------------------------------------------------------------
-- A foreign key that follows the cart's status, whose trigger does other things
-- to the products
-- ---------------------------------------------------------------------------
SELECT test.new_shop('odd_carts_cascade');
SELECT test.fill(1, 1, 2) AS cart_id, regpaydb.invoice_cart(1) AS invoice_id;
ALTER TABLE cart ADD UNIQUE (cart_id, status);
CREATE TABLE badge (cart_id bigint, status regpaydb.cart_status,
	FOREIGN KEY (cart_id, status) REFERENCES cart (cart_id, status) ON UPDATE CASCADE);
INSERT INTO badge VALUES (1, 'active');
CREATE FUNCTION rename_product() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	UPDATE product SET name = name || '!' WHERE product_id = 1;
	RETURN NULL;
END $$;
CREATE TRIGGER t AFTER UPDATE ON badge FOR EACH ROW EXECUTE FUNCTION rename_product();
SELECT regpaydb.pay(1, 200, 'all') > 0 AS paid;
SELECT * FROM badge;
SELECT name, sold FROM product JOIN product_stock USING (product_id) WHERE product_id = 1;
SELECT regpaydb.refund_invoice(1) > 0 AS refunded;
SELECT * FROM badge;
SELECT name, sold FROM product JOIN product_stock USING (product_id) WHERE product_id = 1;
SELECT * FROM regpaydb.check_integrity();

-- ---------------------------------------------------------------------------
-- Columns with prices, stocks and limits that are generated, or of other types:
-- what one statement sells is what a statement for each invoice sells
-- ---------------------------------------------------------------------------
SELECT test.new_shop('odd_carts_columns');
SELECT test.drop_reports('odd_carts_columns');
UPDATE conference SET auto_apply_credit = false;
INSERT INTO attendee (user_id) SELECT 200 + g FROM generate_series(1, 8) g;
ALTER TABLE product ADD room integer NOT NULL DEFAULT 10, ADD net numeric NOT NULL DEFAULT 50;
-- The room gets smaller, or larger, with every cart that is paid.
CREATE FUNCTION change_room() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	UPDATE product SET room = room + TG_ARGV[0]::integer WHERE product_id = 1;
	RETURN NULL;
END $$;
CREATE FUNCTION follow(change integer) RETURNS void LANGUAGE plpgsql AS $$ BEGIN
	EXECUTE format('CREATE TRIGGER follow AFTER UPDATE ON cart FOR EACH ROW
		WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION change_room(%L)', change);
END $$;
CREATE DOMAIN few AS integer CHECK (VALUE < 100);
CREATE DOMAIN money_of_ours AS numeric(14,2) CHECK (VALUE >= 0);
-- The columns made again, with the views that show them.
CREATE FUNCTION columns_again(changes text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	defs text[] := ARRAY(SELECT format('CREATE VIEW %I AS %s', relname, pg_get_viewdef(oid))
		FROM pg_class WHERE relnamespace = 'odd_carts_columns'::regnamespace AND relkind = 'v' ORDER BY oid);
	def text;
BEGIN
	DROP VIEW current_reservation, product_stock, category_stock, cart_line, cart_problem, status_history, integrity_problem;
	EXECUTE changes;
	FOREACH def IN ARRAY defs LOOP
		EXECUTE def;
	END LOOP;
END $$;
-- Eight attendees want the first product, their reservations have lapsed, and all
-- pay: one by one, and at once.
CREATE FUNCTION sell(changes text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	who bigint;
	id bigint;
	result text;
BEGIN
	PERFORM columns_again(changes);
	RETURN NEXT test.raises('SELECT test.fill(3, 1, 11)');
	FOR who IN SELECT attendee_id FROM attendee WHERE user_id > 200 ORDER BY 1 LOOP
		id := test.fill(who, 1, 1);
		PERFORM regpaydb.invoice_cart(id), test.lapse(id);
	END LOOP;
	FOREACH result IN ARRAY ARRAY['FOR id IN SELECT invoice_id FROM invoice ORDER BY 1 LOOP
			INSERT INTO payment (invoice_id, amount) SELECT invoice_id, value FROM invoice WHERE invoice_id = id; END LOOP',
		'INSERT INTO payment (invoice_id, amount) SELECT invoice_id, value FROM invoice'] LOOP
		BEGIN
			EXECUTE format('DO $d$ DECLARE id bigint; BEGIN %s; END $d$', result);
			result := format('%s of %s paid %s, %s sold, %s problems', (SELECT count(*) FROM invoice WHERE status = 'paid'),
				(SELECT count(*) FROM invoice), (SELECT sum(paid) FROM invoice), (SELECT sold FROM product_stock WHERE product_id = 1),
				(SELECT count(*) FROM regpaydb.check_integrity()));
			RAISE EXCEPTION USING ERRCODE = 'XX999';
		EXCEPTION WHEN SQLSTATE 'XX999' THEN
			RETURN NEXT result;
		END;
	END LOOP;
	RAISE EXCEPTION USING ERRCODE = 'XX998';
EXCEPTION WHEN SQLSTATE 'XX998' THEN
	RETURN;
END $$;
SELECT n, sell(changes) FROM (VALUES
	(1, 'SELECT 1'),
	(2, 'ALTER TABLE product DROP stock, ADD stock integer GENERATED ALWAYS AS (room - 5) STORED'),
	(3, 'ALTER TABLE product DROP stock, ADD stock integer GENERATED ALWAYS AS (room) STORED; SELECT follow(-1)'),
	(4, 'ALTER TABLE product DROP stock, ADD stock integer GENERATED ALWAYS AS (3 + (room - 10) / 2) STORED; SELECT follow(1)'),
	(5, 'ALTER TABLE product ALTER stock TYPE few'),
	(6, 'ALTER TABLE product ALTER stock TYPE bigint'),
	(7, 'ALTER TABLE product ALTER stock TYPE numeric USING stock - 1'),
	(8, 'ALTER TABLE product DROP limit_per_attendee, ADD limit_per_attendee integer GENERATED ALWAYS AS (room) STORED; UPDATE product SET stock = 20'),
	(9, 'ALTER TABLE product DROP limit_per_attendee, ADD limit_per_attendee few DEFAULT 10; UPDATE product SET stock = 20'),
	(10, 'ALTER TABLE category DROP limit_per_attendee, ADD limit_per_attendee integer GENERATED ALWAYS AS (9 + category_id) STORED; UPDATE product SET stock = 20'),
	(11, 'ALTER TABLE category DROP limit_per_attendee, ADD limit_per_attendee few DEFAULT 10; UPDATE product SET stock = 20'),
	(12, 'ALTER TABLE product DROP price, ADD price numeric(14,2) GENERATED ALWAYS AS (net * 1.1) STORED'),
	(13, 'ALTER TABLE product ALTER price TYPE money_of_ours'),
	(14, 'ALTER TABLE product ALTER price TYPE integer')
) AS c (n, changes) ORDER BY n;
SELECT n, sell(changes) FROM (VALUES (1, 'SELECT 1')) AS c (n, changes);
-- What there is to sell is more than an integer holds, once the carts are invoiced.
SELECT columns_again('ALTER TABLE product ALTER stock TYPE bigint, ALTER limit_per_attendee TYPE bigint;
	ALTER TABLE category ALTER limit_per_attendee TYPE bigint');
SELECT min(regpaydb.invoice_cart(test.fill(a, product_id))) AS i FROM (VALUES (1, 1), (2, 3), (3, 4), (4, 4)) AS c (a, product_id) \gset
UPDATE product SET stock = 3000000000 WHERE product_id = 1;
UPDATE product SET limit_per_attendee = 9999999999 WHERE product_id = 3;
UPDATE category SET limit_per_attendee = 9999999999 WHERE category_id = 2;
SELECT test.raises(format('SELECT regpaydb.pay(%s, 100, '''')', :i));
SELECT test.raises(format('INSERT INTO payment (invoice_id, amount) VALUES (%s + 1, 25.50)', :i));
SELECT test.raises(format('INSERT INTO payment (invoice_id, amount) VALUES (%s + 2, 25.50), (%1$s + 3, 25.50)', :i));
SELECT invoice_id - :i AS n, status, paid FROM invoice ORDER BY 1;
SELECT product_id, sold FROM product_stock WHERE sold > 0 ORDER BY 1;
SELECT test.raises(format('SELECT regpaydb.refund_invoice(%s)', :i));
SELECT * FROM regpaydb.check_integrity();

-- ---------------------------------------------------------------------------
-- Constraints that change a row which the engine has read, at all three isolation
-- levels, of which two have one snapshot for the whole transaction
-- ---------------------------------------------------------------------------
SELECT test.new_shop('odd_carts_checks');
UPDATE conference SET auto_apply_credit = false;
CREATE FUNCTION touch(tab text, what text) RETURNS void LANGUAGE plpgsql AS
	$$ BEGIN EXECUTE format('UPDATE %I SET %s', tab, what); END $$;
-- A cart is sold, refunded, and its money given back.
CREATE FUNCTION cycle(way text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	cart bigint := test.fill(1, 1);
	invoice bigint := regpaydb.invoice_cart(cart);
BEGIN
	EXECUTE format(way, invoice);
	PERFORM regpaydb.refund_credit_note(regpaydb.refund_invoice(invoice), 'bank', 900);
	RETURN (SELECT format('%s, %s paid; cart %s; %s sold; %s problems', i.status, i.paid, c.status, sold,
			(SELECT count(*) FROM regpaydb.check_integrity()))
		FROM invoice i JOIN cart c USING (cart_id), product_stock WHERE product_id = 1 AND cart_id = cart);
END $$;
CREATE FUNCTION all_cycles() RETURNS TABLE (result text, cases bigint) LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT c.result, count(*) FROM (SELECT test.with_change(
			format('ALTER TABLE %I ADD CHECK (query_to_xml(%L, true, false, '''') IS NOT NULL) NOT VALID', checked,
				format('SELECT touch(%L, %L)', touched, what)),
			format('SELECT cycle(%L)', way)) AS result
		FROM unnest(ARRAY['payment', 'cart', 'product']) AS checked,
			(VALUES ('product', 'name = name || ''!'''), ('cart', 'reservation_duration = reservation_duration'),
				('invoice', 'recipient = recipient || ''!''')) AS t (touched, what),
			unnest(ARRAY['SELECT regpaydb.pay(%s, 100, '''')', 'SELECT regpaydb.pay(%1$s, 100, '''', ''bank'', ''%1$s'')',
				'INSERT INTO payment (invoice_id, amount) VALUES (%s, 100)',
				'INSERT INTO payment (invoice_id, amount) VALUES (%s, 50), (%1$s, 70)']) AS way
		WHERE checked <> touched) AS c GROUP BY 1 ORDER BY 1;
END $$;
SELECT * FROM all_cycles();
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT * FROM all_cycles();
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT * FROM all_cycles();
COMMIT;
