-- Stock below what is taken: nothing more is sold until enough came back, of lapsed
-- reservations too; and who has let his own lapse has to be content with what is left.
SET client_min_messages = warning;
SELECT test.new_shop('stock_below');
INSERT INTO attendee (user_id) VALUES (104);
-- Alice has three tickets; Bob has two, if nobody else wants them; Carol has a T-shirt.
SELECT test.fill(1, 1, 3) AS alices, test.fill(2, 1, 2) AS bobs, test.lapse(2), test.fill(3, 3, 2) AS carols;
SELECT regpaydb.invoice_cart(2) AS bobs_invoice;

-- What comes of a call, and what there is then, by the view and by the function.
CREATE FUNCTION test.after(setup text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE setup;
	result := test.raises(call);
	RAISE EXCEPTION USING ERRCODE = 'T0000', MESSAGE = format('%s; %s; Bob: %s; problems: %s', result,
		(SELECT string_agg(format('%s: %s free, %s reserved, %s lapsed, %s sold, %s', product_id, free, reserved, lapsed, sold, regpaydb.available_stock(product_id)), '; ' ORDER BY product_id)
			FROM product_stock WHERE product_id IN (1, 3)),
		(SELECT string_agg(CASE WHEN reserved_until = '-infinity' THEN 'none' WHEN reserved_until <= now() THEN 'lapsed' ELSE 'live' END, ', ' ORDER BY product_id) FROM reservation WHERE cart_id = 2),
		(SELECT count(*) FROM regpaydb.check_integrity()));
EXCEPTION WHEN SQLSTATE 'T0000' THEN
	RETURN SQLERRM;
END $$;
SELECT setup, call, test.after(setup, call) FROM (VALUES
	(1, 'UPDATE product SET stock = 2 WHERE product_id = 1'),
	(2, 'UPDATE product SET stock = 3 WHERE product_id = 1'),
	(3, 'UPDATE product SET stock = 4 WHERE product_id = 1'),
	(4, 'UPDATE product SET stock = 5 WHERE product_id = 1'),
	(5, 'UPDATE category SET stock = 3 WHERE category_id = 1'),
	(6, 'UPDATE category SET stock = 4 WHERE category_id = 1'),
	(7, 'UPDATE category SET stock = 5 WHERE category_id = 1')
) AS s (i, setup), (VALUES
	(1, 'SELECT test.fill(4, 1, 1)'),
	(2, 'SELECT test.fill(4, 1, 2)'),
	(3, 'SELECT test.fill(4, 2, 1)'),
	-- Bob's own.
	(4, 'SELECT regpaydb.extend_reservation(2, ''1 day'')'),
	(5, 'SELECT regpaydb.set_quantity(2, 4, 1)'),
	(6, 'SELECT regpaydb.set_quantity(2, 1, 1)'),
	(7, 'INSERT INTO payment (invoice_id, amount) VALUES (1, 200)'),
	-- It is Alice's as long as it lives, to be had by others when she gives it back.
	(8, 'SELECT regpaydb.pay(regpaydb.invoice_cart(1), 300, '''')'),
	(9, 'SELECT regpaydb.set_quantity(1, 1, 1), test.fill(4, 1, 2)')
) AS c (j, call) ORDER BY i, j;
-- One for another of the same category is not more.
SELECT test.after('UPDATE category SET stock = 1 WHERE category_id = 2', 'UPDATE cart_item SET product_id = 4 WHERE cart_id = 3') AS same,
	test.after('UPDATE category SET stock = 1 WHERE category_id = 2', 'UPDATE cart_item SET product_id = 4, quantity = 3 WHERE cart_id = 3') AS more,
	test.after('UPDATE category SET stock = 1 WHERE category_id = 2; SELECT test.lapse(3)', 'UPDATE cart_item SET product_id = 4 WHERE cart_id = 3') AS same_of_lapsed;
-- The view says what the functions do, for whoever asks.
SELECT test.after('SELECT 1', 'SELECT regpaydb.validate_cart(2)') AS as_it_is,
	test.after('UPDATE product SET stock = 4 WHERE product_id = 1', 'SELECT regpaydb.validate_cart(2)') AS too_few;
DROP FUNCTION test.after(text, text);
SELECT * FROM regpaydb.check_integrity();
