-- A statement that pays for many carts counts their products itself, and writes no
-- SQL, as long as no code but the engine's runs.  Here that ends in its middle: a
-- trigger that the fifth invoice's credit note sets off changes the tables. What
-- comes out is what comes out of a statement for each invoice.
SET client_min_messages = warning;
CREATE FUNCTION test.queue(topic name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM test.new_ledger(topic);
	UPDATE conference SET auto_apply_credit = false;
	INSERT INTO category (name) VALUES ('Ticket');
	-- The second is sold out before everybody is served, whose reservations lapsed.
	INSERT INTO product (category_id, name, price, stock) VALUES (1, 'Seat', 10, 100), (1, 'Tour', 5, 14);
	INSERT INTO attendee (user_id) SELECT 1000 + g FROM generate_series(1, 10) g;
	FOR a IN 3 .. 12 LOOP
		PERFORM test.fill(a, 1, 2), test.fill(a, 2, 1);
		PERFORM regpaydb.invoice_cart(regpaydb.current_cart(a));
		PERFORM test.lapse(regpaydb.current_cart(a));
	END LOOP;
	PERFORM test.fill(1, 2, 6);
	-- What a trigger sees of the stock.
	CREATE TABLE seen (place serial, what text);
	CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN
		INSERT INTO seen (what) SELECT TG_TABLE_NAME || string_agg(format('' %s'', sold), '','' ORDER BY product_id) FROM product_stock;
		RETURN coalesce(NEW, OLD);
	END';
	-- What the trigger of the note does; once.
	CREATE TABLE todo (command text);
	CREATE FUNCTION interrupt() RETURNS trigger LANGUAGE plpgsql AS 'DECLARE c text; BEGIN
		DELETE FROM todo RETURNING command INTO c;
		IF FOUND THEN
			EXECUTE c;
		END IF;
		RETURN NEW;
	END';
	CREATE TRIGGER interrupt AFTER INSERT ON credit_note FOR EACH ROW EXECUTE FUNCTION interrupt();
END $$;
-- Pays for all ten, the fifth 7 too much, and the eighth a part; tells what there is then.
CREATE FUNCTION test.pay_in_turn(one_by_one boolean) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	CREATE TEMP TABLE due AS SELECT invoice_id, value + CASE invoice_id WHEN 5 THEN 7 WHEN 8 THEN -1 ELSE 0 END AS amount FROM invoice;
	IF one_by_one THEN
		FOR i IN 1 .. 10 LOOP
			INSERT INTO payment (invoice_id, amount) SELECT invoice_id, amount FROM due WHERE invoice_id = i;
		END LOOP;
	ELSE
		INSERT INTO payment (invoice_id, amount) SELECT invoice_id, amount FROM due;
	END IF;
	SELECT format('%s; sold %s; reserved %s; notes %s; events %s; problems %s; seen %s', string_agg(left(status::text, 1) || paid, ' ' ORDER BY invoice_id),
		(SELECT string_agg(sold::text, ', ' ORDER BY product_id) FROM product_stock),
		(SELECT sum(quantity) FROM reservation), (SELECT string_agg(value::text, ', ' ORDER BY credit_note_id) FROM credit_note),
		(SELECT count(*) FROM outbox), (SELECT count(*) FROM regpaydb.check_integrity()),
		(SELECT string_agg(what, '; ' ORDER BY place) FROM seen))
	INTO result FROM invoice;
	RETURN result;
END $$;
CREATE FUNCTION test.pay_queue(command text, one_by_one boolean) RETURNS text LANGUAGE sql AS $$
	SELECT test.with_change(format('INSERT INTO todo VALUES (%L)', command), format('SELECT test.pay_in_turn(%L)', one_by_one))
$$;

SELECT test.queue('batch_interrupted');
SELECT test.pay_queue('SELECT', false);
SELECT n, test.pay_queue(command, false) = test.pay_queue(command, true) AS same,
	split_part(test.pay_queue(command, false), '; seen', 1) = split_part(test.pay_queue('SELECT', false), '; seen', 1) AS as_ever
FROM (VALUES
	(1, 'CREATE TRIGGER t BEFORE UPDATE ON cart FOR EACH ROW EXECUTE FUNCTION look()'),
	(2, 'CREATE TRIGGER t BEFORE UPDATE ON product FOR EACH ROW EXECUTE FUNCTION look()'),
	(3, 'CREATE TRIGGER t AFTER DELETE ON reservation FOR EACH ROW EXECUTE FUNCTION look()'),
	(4, 'CREATE TRIGGER t BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION look()'),
	(5, 'CREATE TRIGGER t BEFORE UPDATE ON invoice FOR EACH ROW EXECUTE FUNCTION look()'),
	(6, 'CREATE RULE r AS ON DELETE TO reservation DO ALSO INSERT INTO seen (what) SELECT ''rule '' || sum(sold) FROM product_stock'),
	(7, 'CREATE TABLE child () INHERITS (cart_item)'),
	(8, 'DROP INDEX reservation_product_id_idx'),
	(9, 'ALTER TABLE product ADD colour text DEFAULT ''red'''),
	(10, 'ALTER TABLE reservation ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY')
) AS c (n, command) ORDER BY n;
-- What changes the stock itself counts from the next invoice on.
SELECT n, test.pay_queue(command, false) = test.pay_queue(command, true) AS same, test.pay_queue(command, false)
FROM (VALUES
	(1, 'UPDATE product SET stock = 11 WHERE product_id = 1'),
	(2, 'UPDATE product SET stock = NULL WHERE product_id = 2'),
	(3, 'SELECT regpaydb.set_quantity(regpaydb.current_cart(1), 2, 0)'),
	(4, 'SELECT regpaydb.set_quantity(regpaydb.current_cart(3), 1, 1)'),
	(5, 'SELECT regpaydb.set_quantity(regpaydb.current_cart(12), 1, 1)'),
	(6, 'INSERT INTO payment (invoice_id, amount) VALUES (10, 25)')
) AS c (n, command) ORDER BY n;
SELECT * FROM regpaydb.check_integrity();
