-- After VACUUM rows are read from an index alone, where a page says that everybody
-- sees what is in it.  What is reserved is counted right then too, and when the page
-- has changed since.
SET client_min_messages = warning;
SELECT test.new_shop('vacuumed_tables');
INSERT INTO attendee (user_id) SELECT 1000 + g FROM generate_series(1, 20) g;
-- What a fifth attendee can have of a product of ten, one try after the other;
-- repeated, for not each looks at the rows themselves.
UPDATE product SET stock = 10 WHERE product_id = 1;
CREATE FUNCTION can_have(quantity integer) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	cart bigint := regpaydb.current_cart(5);
	answer text;
	answers text[] = '{}';
BEGIN
	FOR i IN 1 .. 40 LOOP
		answer := test.raises(format('SELECT regpaydb.set_quantity(%s, 1, %s)', cart, quantity));
		IF answer <> ALL (answers) THEN
			answers := answers || answer;
		END IF;
		PERFORM regpaydb.set_quantity(cart, 1, 0);
	END LOOP;
	RETURN array_to_string(answers, ' or ');
END $$;
SELECT test.fill(1, 1, 3) > 0 AS filled, test.fill(2, 1, 2) > 0 AS filled;
VACUUM reservation;
VACUUM cart;
-- (It is what this is about.)
SELECT relname, relallvisible > 0 AS visible FROM pg_class
WHERE oid IN ('reservation'::regclass, 'cart'::regclass) ORDER BY 1;
SELECT can_have(6), can_have(5);
VACUUM reservation;
SELECT can_have(6), can_have(5);

-- Paid for in one statement, two carts with the page as it is.
SELECT regpaydb.invoice_cart(regpaydb.current_cart(1)) AS invoice_1, regpaydb.invoice_cart(regpaydb.current_cart(2)) AS invoice_2 \gset
VACUUM reservation;
INSERT INTO payment (invoice_id, amount) VALUES (:invoice_1, 300), (:invoice_2, 200);
SELECT product_id, sold, regpaydb.available_stock(product_id) FROM product_stock WHERE product_id = 1;
SELECT can_have(6), can_have(5);

-- Given back, and reserved again by others, before and after VACUUM.
SELECT regpaydb.refund_invoice(:invoice_1) > 0 AS refunded;
SELECT can_have(9), can_have(8);
SELECT test.fill(6, 1, 4) > 0 AS filled;
VACUUM reservation;
SELECT can_have(5), can_have(4);
SELECT regpaydb.set_quantity(regpaydb.current_cart(6), 1, 1);
SELECT can_have(8), can_have(7);
-- One that has lapsed counts for nothing, seen by everybody or not.
SELECT test.lapse(regpaydb.current_cart(6));
SELECT can_have(9), can_have(8);
VACUUM reservation;
SELECT can_have(9), can_have(8);

-- The same for what a transaction has done itself, and at the higher levels.
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT can_have(9), can_have(8);
SELECT test.fill(7, 1, 2) > 0 AS filled;
SELECT can_have(7), can_have(6);
ROLLBACK;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT can_have(9), can_have(8);
ROLLBACK;
SELECT * FROM regpaydb.check_integrity();
SELECT conserved FROM test.money();
