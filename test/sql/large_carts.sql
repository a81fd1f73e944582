-- More of everything than is read of it at first: things in a cart, reservations,
-- categories, an attendee's paid carts, carts that a statement pays for.  The rules are
-- kept to the last row of each.
SET client_min_messages = warning;
SELECT test.new_ledger('large_carts');
UPDATE conference SET auto_apply_credit = false;
INSERT INTO category (category_id, name, display_order) SELECT g, 'Category ' || g, g FROM generate_series(1, 40) g;
INSERT INTO product (product_id, category_id, name, price, stock, reservation_duration)
SELECT g, g, 'Product ' || g, g, 1000, '1 hour' FROM generate_series(1, 40) g;

-- So many different things in a cart, all of which are billed, reserved and sold.
CREATE FUNCTION fill_up(attendee_id bigint, quantity integer, OUT cart bigint) LANGUAGE plpgsql AS $$
BEGIN
	cart := regpaydb.current_cart(attendee_id);
	FOR i IN 1 .. 40 LOOP
		PERFORM regpaydb.set_quantity(cart, i, quantity);
	END LOOP;
END $$;
CREATE FUNCTION stock(OUT reserved bigint, OUT sold numeric) LANGUAGE sql AS $$
	SELECT (SELECT coalesce(sum(quantity), 0) FROM reservation), (SELECT sum(sold) FROM product_stock)
$$;
SELECT fill_up(1, 2) AS cart \gset
SELECT regpaydb.validate_cart(:cart);
SELECT reserved, sold FROM stock();
SELECT regpaydb.invoice_cart(:cart) AS invoice \gset
SELECT value, value = 2 * 40 * 41 / 2 AS right FROM invoice WHERE invoice_id = :invoice;
SELECT regpaydb.pay(:invoice, 1640, 'all') > 0 AS paid;
SELECT reserved, sold FROM stock();
SELECT count(*) FROM product_stock WHERE sold <> 2;
SELECT * FROM regpaydb.check_integrity();

-- The last product of the last category is looked at: its stock, its limit, and
-- that of its category; and a category from which everybody needs something.
SELECT fill_up(2, 1) AS cart \gset
UPDATE product SET stock = 2 WHERE product_id = 40;
SELECT test.raises(format('SELECT regpaydb.set_quantity(%s, 40, 2)', :cart));
UPDATE product SET stock = 1000, limit_per_attendee = 1 WHERE product_id = 40;
SELECT test.raises(format('SELECT regpaydb.set_quantity(%s, 40, 2)', :cart));
UPDATE product SET limit_per_attendee = NULL WHERE product_id = 40;
UPDATE category SET limit_per_attendee = 1 WHERE category_id = 40;
SELECT test.raises(format('SELECT regpaydb.set_quantity(%s, 40, 2)', :cart));
UPDATE category SET limit_per_attendee = NULL, required = true WHERE category_id = 40;
SELECT regpaydb.set_quantity(:cart, 40, 0);
SELECT test.raises(format('SELECT regpaydb.validate_cart(%s)', :cart));
SELECT regpaydb.set_quantity(:cart, 40, 2);
SELECT regpaydb.validate_cart(:cart);
UPDATE category SET required = false WHERE category_id = 40;

-- What was bought before counts, however often that was: twenty times one of it,
-- and of a limit of twenty-one there is one left.  And so it does where a category
-- is needed.
UPDATE product SET limit_per_attendee = 21 WHERE product_id = 39;
INSERT INTO attendee (attendee_id, user_id) VALUES (100, 1100);
DO $$ BEGIN
	FOR i IN 1 .. 20 LOOP
		PERFORM test.fill(100, 39);
		PERFORM regpaydb.pay(regpaydb.invoice_cart(regpaydb.current_cart(100)), 39, 'again');
	END LOOP;
END $$;
SELECT count(*) FROM cart WHERE attendee_id = 100 AND status = 'paid';
SELECT regpaydb.current_cart(100) AS cart \gset
SELECT test.raises(format('SELECT regpaydb.set_quantity(%s, 39, 2)', :cart));
SELECT regpaydb.set_quantity(:cart, 39, 1);
SELECT regpaydb.validate_cart(:cart);
SELECT regpaydb.set_quantity(:cart, 39, 0), regpaydb.set_quantity(:cart, 1, 1);
UPDATE category SET required = true WHERE category_id = 39;
SELECT regpaydb.validate_cart(:cart);
UPDATE category SET required = true WHERE category_id = 38;
SELECT test.raises(format('SELECT regpaydb.validate_cart(%s)', :cart));
UPDATE category SET required = false;
SELECT * FROM regpaydb.check_integrity();

-- A statement that pays for a hundred carts, each with much in it; and one that
-- gives some of it back.
INSERT INTO attendee (attendee_id, user_id) SELECT g, 1000 + g FROM generate_series(201, 300) g;
DO $$ BEGIN
	FOR a IN 201 .. 300 LOOP
		FOR i IN 1 .. 10 LOOP
			PERFORM test.fill(a, 1 + (a + 3 * i) % 40);
		END LOOP;
		PERFORM regpaydb.invoice_cart(regpaydb.current_cart(a));
	END LOOP;
END $$;
SELECT reserved, sold FROM stock();
INSERT INTO payment (invoice_id, amount)
SELECT invoice_id, value FROM invoice WHERE attendee_id > 200 ORDER BY hashint8(invoice_id);
SELECT reserved, sold FROM stock();
SELECT status, count(*) FROM invoice WHERE attendee_id > 200 GROUP BY 1;
INSERT INTO payment (invoice_id, amount)
SELECT invoice_id, -1 FROM invoice WHERE attendee_id > 200 AND attendee_id % 2 = 0 ORDER BY hashint8(invoice_id);
SELECT reserved, sold FROM stock();
SELECT status, count(*) FROM invoice WHERE attendee_id > 200 GROUP BY 1 ORDER BY 1;
SELECT * FROM regpaydb.check_integrity();
SELECT conserved FROM test.money();
