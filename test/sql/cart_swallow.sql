-- A trigger of the owner's keeps or changes a row that the engine writes for a
-- cart: an error, and nothing is left half done.
SET client_min_messages = warning;
SELECT test.new_shop('cart_swallow');
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION halve() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.quantity := 1; RETURN NEW; END';
CREATE FUNCTION forget() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.reserved_until := ''-infinity''; RETURN NEW; END';
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN NEW.reserved_until := OLD.reserved_until; RETURN NEW; END';
CREATE FUNCTION meddling(victim name, event text, function name, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('CREATE TRIGGER a BEFORE %s ON %I FOR EACH ROW EXECUTE FUNCTION %I()', event, victim, function);
	result := test.outcome(call);
	EXECUTE format('DROP TRIGGER a ON %I', victim);
	RETURN result;
END $$;
SELECT test.fill(1, 1, 2) AS cart_id, regpaydb.invoice_cart(1) AS invoice_id;
SELECT test.fill(2, 2, 1) AS cart_id, regpaydb.invoice_cart(2) AS invoice_id, test.lapse(2);
SELECT victim, event, function, call, meddling(victim, event, function, call) FROM (VALUES
	(1, 'reservation', 'INSERT', 'swallow', 'SELECT regpaydb.set_quantity(1, 4, 2)'),
	(2, 'reservation', 'INSERT', 'halve', 'SELECT regpaydb.set_quantity(1, 4, 2)'),
	(3, 'reservation', 'INSERT', 'forget', 'SELECT regpaydb.set_quantity(1, 4, 2)'),
	(4, 'reservation', 'DELETE', 'swallow', 'SELECT regpaydb.set_quantity(1, 1, 1)'),
	(5, 'reservation', 'DELETE', 'swallow', 'SELECT regpaydb.pay(1, 200, '''')'),
	(6, 'reservation', 'UPDATE', 'swallow', 'SELECT regpaydb.extend_reservation(1, ''1 day'')'),
	(7, 'reservation', 'UPDATE', 'forget', 'SELECT regpaydb.extend_reservation(1, ''1 day'')'),
	(8, 'reservation', 'UPDATE', 'swallow', 'UPDATE cart SET time_last_updated = time_last_updated - interval ''1 minute'' WHERE cart_id = 1'),
	(9, 'reservation', 'INSERT', 'swallow', 'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (1, 2, 1)'),
	(10, 'stock_slot', 'UPDATE', 'swallow', 'SELECT regpaydb.set_quantity(1, 1, 1)'),
	(11, 'stock_slot', 'INSERT', 'swallow', 'DELETE FROM stock_slot; SELECT regpaydb.set_quantity(1, 1, 1)'),
	(12, 'product', 'UPDATE', 'swallow', 'DELETE FROM stock_slot; SELECT regpaydb.set_quantity(1, 1, 1)'),
	(13, 'cart', 'UPDATE', 'swallow', 'SELECT regpaydb.set_quantity(1, 1, 1)'),
	(14, 'cart', 'UPDATE', 'swallow', 'SELECT regpaydb.pay(1, 200, '''')'),
	(15, 'cart_item', 'INSERT', 'swallow', 'SELECT regpaydb.set_quantity(1, 4, 2)'),
	(16, 'cart_item', 'INSERT OR UPDATE', 'halve', 'SELECT regpaydb.set_quantity(1, 4, 2)'),
	(17, 'cart_item', 'DELETE', 'swallow', 'SELECT regpaydb.set_quantity(1, 1, 0)'),
	-- Of what lapsed: taken back for another cart, taken again, or let go.
	(18, 'reservation', 'UPDATE', 'keep', 'SELECT test.fill(3, 2, 1)'),
	(19, 'reservation', 'UPDATE', 'swallow', 'SELECT test.fill(3, 2, 1)'),
	(20, 'reservation', 'UPDATE', 'forget', 'SELECT test.fill(3, 2, 1), test.fill(3, 2, 0); SELECT regpaydb.pay(2, 40, '''')'),
	(21, 'reservation', 'UPDATE', 'swallow', 'UPDATE product SET stock = 0; INSERT INTO payment (invoice_id, amount) VALUES (2, 40)'),
	(22, 'reservation', 'INSERT', 'forget', 'SELECT regpaydb.pay(2, 40, '''')'),
	(23, 'reservation', 'INSERT', 'swallow', 'UPDATE product SET stock = 0; INSERT INTO payment (invoice_id, amount) VALUES (2, 40)'),
	(24, 'stock_slot', 'UPDATE', 'swallow', 'SELECT regpaydb.pay(1, 200, ''''), regpaydb.refund_invoice(1)'),
	(25, 'stock_slot', 'UPDATE', 'swallow', 'UPDATE product SET stock = 9 WHERE product_id = 1')) v (n, victim, event, function, call)
ORDER BY n;
SELECT cart_id, product_id, quantity FROM cart_item ORDER BY 1, 2;
SELECT * FROM regpaydb.check_integrity();
