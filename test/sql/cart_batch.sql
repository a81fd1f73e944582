-- A statement that pays for many carts does to them, to the stock and to the log
-- what a statement for each of their invoices does, one after the other.
SET client_min_messages = warning;

-- Forty people who want more than there is of seven products, one of which is
-- unlimited, and ten for the last two of another.  Of some the reservation has lapsed, and others have reserved it
-- since; some have changed their carts since they were invoiced.
CREATE FUNCTION test.crowd(topic name) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	cart_ids bigint[];
BEGIN
	PERFORM test.new_ledger(topic);
	UPDATE conference SET auto_apply_credit = false;
	INSERT INTO category (name) VALUES ('Ticket'), ('Extra');
	INSERT INTO product (category_id, name, price, stock, reservation_duration)
	SELECT 1 + g % 2, 'Product ' || g, 10 * g, CASE WHEN g < 7 THEN 9 + g END, '1 hour'
	FROM generate_series(1, 7) g;
	INSERT INTO attendee (user_id) SELECT 1000 + g FROM generate_series(1, 40) g;
	INSERT INTO cart (attendee_id) SELECT attendee_id FROM attendee WHERE user_id > 1000 ORDER BY 1;
	FOR g IN 1 .. 40 LOOP
		BEGIN
			PERFORM regpaydb.set_quantity(g, 1 + g % 7, 1 + g % 3);
			PERFORM regpaydb.set_quantity(g, 1 + (g * 3 + 1) % 7, 2);
			PERFORM regpaydb.invoice_cart(g);
			IF g % 4 = 0 THEN
				PERFORM test.lapse(g);
			END IF;
		EXCEPTION WHEN SQLSTATE 'RP005' THEN
			NULL;
		END;
	END LOOP;
	FOR g IN 1 .. 40 LOOP
		BEGIN
			PERFORM regpaydb.set_quantity(g, 1 + (g * 5 + 2) % 7, 2);
			IF g % 3 <> 0 THEN
				PERFORM regpaydb.invoice_cart(g);
			END IF;
		EXCEPTION WHEN SQLSTATE 'RP005' THEN
			NULL;
		END;
	END LOOP;
	INSERT INTO payment (invoice_id, amount)
	SELECT invoice_id, value FROM invoice WHERE status = 'unpaid' AND invoice_id % 9 = 0;
	PERFORM test.lapse(cart_id) FROM cart WHERE status = 'active' AND cart_id % 4 <> 1;
	-- Ten for the same last two; after each, an invoice without a cart, to be
	-- paid too much.
	INSERT INTO product (category_id, name, price, stock) VALUES (2, 'Last', 10, 2);
	FOR g IN 41 .. 50 LOOP
		INSERT INTO attendee (user_id) VALUES (2000 + g);
		INSERT INTO cart (attendee_id) VALUES (currval('attendee_attendee_id_seq'));
		PERFORM regpaydb.set_quantity(g, 8, 1), regpaydb.invoice_cart(g), test.lapse(g);
		PERFORM test.invoice(3, 100);
	END LOOP;
	PERFORM regpaydb.current_cart(1);

	CREATE TABLE seen (what text, id bigint, sold bigint, reserved bigint);
	CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN
		INSERT INTO seen SELECT TG_TABLE_NAME, NULL, sum(sold), (SELECT sum(quantity) FROM reservation) FROM product_stock;
		RETURN NULL;
	END';
	-- What is paid: all, a part, in two parts, too much, what is paid back, for
	-- nothing, what changes nothing.
	CREATE VIEW paying AS SELECT invoice_id, unnest(CASE CASE WHEN cart_id IS NULL THEN 4 ELSE invoice_id % 8 END
			WHEN 0 THEN ARRAY[value, 7] WHEN 1 THEN ARRAY[value / 2] WHEN 2 THEN ARRAY[value - 1, 1]
			WHEN 3 THEN ARRAY[5, -5] WHEN 4 THEN ARRAY[value + 30] ELSE ARRAY[value] END) AS amount
		FROM invoice WHERE status = 'unpaid' OR (status = 'void' AND invoice_id % 2 = 0)
	UNION ALL SELECT invoice_id, -1 FROM invoice WHERE status = 'paid';
END $$;

-- How the two differ, after a statement for each invoice in the order of their ids
-- and after one for all; either is taken back.
CREATE FUNCTION test.batch_difference(trigger text, OUT way text, OUT what text, OUT state text)
	RETURNS SETOF record LANGUAGE plpgsql AS $$
DECLARE
	one json;
	many json;
	of_one bigint;
BEGIN
	CREATE TEMP TABLE due AS SELECT * FROM paying ORDER BY hashint8(invoice_id), amount;
	BEGIN
		EXECUTE trigger;
		FOR of_one IN SELECT DISTINCT invoice_id FROM due ORDER BY 1 LOOP
			INSERT INTO payment (invoice_id, amount) SELECT * FROM due WHERE invoice_id = of_one;
		END LOOP;
		one := (SELECT json_agg(s) FROM crowd_state() s);
		RAISE 'take it back' USING errcode = 'XX999';
	EXCEPTION WHEN SQLSTATE 'XX999' THEN
		NULL;
	END;
	BEGIN
		EXECUTE trigger;
		INSERT INTO payment (invoice_id, amount) SELECT * FROM due;
		many := (SELECT json_agg(s) FROM crowd_state() s);
		RAISE 'take it back' USING errcode = 'XX999';
	EXCEPTION WHEN SQLSTATE 'XX999' THEN
		NULL;
	END;
	DROP TABLE due;
	RETURN QUERY
	WITH o AS (SELECT * FROM json_to_recordset(one) AS x (what text, state text)),
		m AS (SELECT * FROM json_to_recordset(many) AS x (what text, state text))
	SELECT 'one by one', * FROM (TABLE o EXCEPT ALL TABLE m) d
	UNION ALL SELECT 'at once', * FROM (TABLE m EXCEPT ALL TABLE o) d
	ORDER BY 2, 1;
END $$;

SELECT test.crowd('cart_batch');
-- All of it that does not depend on the order in which ids were given.
CREATE FUNCTION crowd_state(OUT what text, OUT state text) RETURNS SETOF record LANGUAGE sql AS $$
	SELECT 'invoice ' || invoice_id, format('%s %s %s', status, paid, payment_count) FROM invoice
	UNION ALL SELECT 'cart ' || cart_id, format('%s %s', status, revision) FROM cart
	UNION ALL SELECT 'product ' || product_id, sold::text FROM product_stock
	UNION ALL SELECT 'reservation ' || cart_id, string_agg(format('%s %s', product_id, quantity), ', ' ORDER BY product_id)
		FROM reservation GROUP BY cart_id
	UNION ALL SELECT 'note ' || invoice_id, string_agg(value::text, ', ' ORDER BY value)
		FROM credit_note c JOIN payment p ON payment_id = credit_note_id GROUP BY invoice_id
	UNION ALL SELECT 'event ' || row_number() OVER (ORDER BY outbox_id),
		format('%s %s %s %s %s', kind, invoice_id, old_status, new_status, cart_id) FROM outbox
	UNION ALL SELECT 'seen ' || row_number() OVER (ORDER BY what, id, sold, reserved),
		format('%s %s %s %s', what, id, sold, reserved) FROM seen
$$;

SELECT i.status AS invoice, c.status AS cart, c.revision = i.cart_revision AS current,
	c.time_last_updated + c.reservation_duration < now() AS lapsed, count(*)
FROM invoice i LEFT JOIN cart c USING (cart_id) GROUP BY 1, 2, 3, 4 ORDER BY 1, 2, 3, 4;
SELECT count(*), count(DISTINCT invoice_id) FROM paying;
SELECT * FROM test.batch_difference('');
-- With triggers that look at the stock: on what is written by SQL then, and on
-- tables that not every invoice writes.
SELECT * FROM test.batch_difference('CREATE TRIGGER see AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION see()');
SELECT * FROM test.batch_difference('CREATE TRIGGER see AFTER UPDATE ON invoice FOR EACH ROW EXECUTE FUNCTION see()');
SELECT * FROM test.batch_difference('CREATE TRIGGER see AFTER UPDATE ON cart FOR EACH ROW EXECUTE FUNCTION see()');
SELECT * FROM test.batch_difference('CREATE TRIGGER see BEFORE INSERT ON credit_note FOR EACH STATEMENT EXECUTE FUNCTION see()');
SELECT * FROM test.batch_difference('CREATE TRIGGER see AFTER DELETE ON reservation FOR EACH ROW EXECUTE FUNCTION see()');
-- And that change it: a note is made, and somebody reserves what is left.
CREATE FUNCTION grab() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM regpaydb.set_quantity(test.fill(1, 2, 1), 3, 1);
	RETURN NULL;
EXCEPTION WHEN SQLSTATE 'RP005' THEN
	RETURN NULL;
END
$$;
SELECT * FROM test.batch_difference('CREATE TRIGGER grab AFTER INSERT ON credit_note FOR EACH ROW EXECUTE FUNCTION grab()');

-- To be seen.
INSERT INTO payment (invoice_id, amount) SELECT * FROM paying ORDER BY hashint8(invoice_id);
SELECT * FROM crowd_state() WHERE what NOT LIKE 'event %' ORDER BY what COLLATE "C";
SELECT * FROM regpaydb.check_integrity();
