-- Triggers of the ledger's owner that make something else of the successor of an invoice,
-- or of its cart: then nothing is returned, for what is given back must not be sold twice.
SET client_min_messages = warning;
SELECT test.new_shop('return_triggers');

-- Alice has a ticket, a dinner and a discount on each of them.
SELECT test.fill(1, 1, 2) AS cart, test.fill(1, 5) AS same \gset
INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES
	(:cart, 1, 'Early', 2, 10), (:cart, 5, 'Early', 1, 5);
SELECT regpaydb.invoice_cart(:cart) AS invoice \gset
SELECT regpaydb.pay(:invoice, regpaydb.balance_due(:invoice), 'all') AS payment \gset
CREATE TABLE test.dinner AS SELECT jsonb_agg(jsonb_build_object('line_item_id', line_item_id)) AS lines
	FROM line_item WHERE product_id = 5;

-- What comes of her return of the dinner with such a trigger; it is taken back.
CREATE FUNCTION test.returned_with(trigger text, body text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('CREATE FUNCTION test.idea() RETURNS trigger LANGUAGE plpgsql AS %L',
		format('BEGIN %s; RETURN NEW; END', body));
	EXECUTE format('CREATE TRIGGER an_idea %s FOR EACH ROW EXECUTE FUNCTION test.idea()', trigger);
	BEGIN
		PERFORM regpaydb.return_items(1, lines, 'no dinner') FROM test.dinner;
		result := concat_ws('; ', 'done',
			(SELECT string_agg(problem, '; ' ORDER BY problem) FROM regpaydb.check_integrity()));
	EXCEPTION WHEN OTHERS THEN
		result := format('%s: %s', SQLSTATE, SQLERRM);
	END;
	RAISE EXCEPTION USING ERRCODE = 'T0000', MESSAGE = result;
EXCEPTION WHEN SQLSTATE 'T0000' THEN
	RETURN SQLERRM;
END $$;
SELECT idea, test.returned_with("when", body) FROM (VALUES
	(1, 'nothing', 'BEFORE INSERT ON cart', 'NULL'),
	(2, 'a dinner with each ticket', 'AFTER INSERT ON cart_item',
		'IF NEW.product_id = 1 THEN INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (NEW.cart_id, 5, 1); END IF'),
	(3, 'a badge in each cart', 'AFTER INSERT ON cart',
		'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (NEW.cart_id, 6, 1)'),
	(4, 'a discount in each cart', 'AFTER INSERT ON cart',
		'INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES (NEW.cart_id, 1, ''x'', 1, 1)'),
	(5, 'two of each', 'BEFORE INSERT ON cart_item', 'NEW.quantity := 2 * NEW.quantity'),
	(6, 'higher discounts', 'BEFORE INSERT ON cart_discount', 'NEW.amount := 99'),
	(7, 'more discounts', 'BEFORE INSERT ON cart_discount', 'NEW.quantity := 4'),
	(8, 'discounts on something else', 'BEFORE INSERT ON cart_discount', 'NEW.product_id := 3'),
	(9, 'new carts are released', 'BEFORE INSERT ON cart', 'NEW.status := ''released'''),
	(10, 'new carts are Bob''s', 'BEFORE INSERT ON cart', 'NEW.attendee_id := 2'),
	(11, 'new carts have many entries', 'BEFORE INSERT ON cart', 'NEW.entry_count := 7'),
	(12, 'carts stay as they are', 'BEFORE UPDATE ON cart', 'NEW.status := OLD.status'),
	(13, 'invoices are Bob''s', 'BEFORE INSERT ON invoice', 'NEW.attendee_id := 2'),
	(14, 'invoices have no cart', 'BEFORE INSERT ON invoice', 'NEW.cart_id := NULL; NEW.cart_revision := NULL'),
	(15, 'invoices replace none', 'BEFORE INSERT ON invoice', 'NEW.replaces := NULL'),
	(16, 'new invoices are voided', 'AFTER INSERT ON outbox',
		'IF NEW.kind = ''invoice_created'' THEN PERFORM regpaydb.void_invoice(NEW.invoice_id); END IF')) AS v (n, idea, "when", body)
ORDER BY n;
SELECT regpaydb.available_stock(5), (SELECT count(*) FROM invoice) AS invoices, (SELECT count(*) FROM cart) AS carts;
SELECT conserved FROM test.money();
SELECT * FROM regpaydb.check_integrity();
DROP FUNCTION test.returned_with;
DROP TABLE test.dinner;
