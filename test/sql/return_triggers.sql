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

-- Triggers that keep a row from becoming what the engine makes of it, or take it back
-- afterwards: whatever it was for, nothing of it is done.
SELECT test.new_shop('kept_by_triggers');
UPDATE conference SET auto_apply_credit = false;
SELECT test.fill(1, 5) AS cart, regpaydb.invoice_cart(1) AS invoice, regpaydb.pay(1, 75, '') AS payment, 'paid' AS what;
SELECT test.fill(2, 6) AS cart, regpaydb.invoice_cart(2) AS invoice, 'paid, of value zero' AS what;
SELECT test.fill(3, 1) AS cart, regpaydb.invoice_cart(3) AS invoice, 'unpaid' AS what;
SELECT test.invoice(1, 30) AS invoice, regpaydb.pay(4, 30, '') AS payment, regpaydb.refund_invoice(4) AS note, 'refunded' AS what;
SELECT test.invoice(1, 30) AS invoice, 'unpaid, without a cart' AS what;
CREATE TABLE test.works (n int, what text, work text);
INSERT INTO test.works VALUES
	(1, 'refund', 'SELECT regpaydb.refund_invoice(1)'),
	(2, 'money that leaves', 'SELECT regpaydb.record_manual_payment(1, -75, ''back'', 900)'),
	(3, 'INSERT of that', 'INSERT INTO payment (invoice_id, amount, kind, entered_by) VALUES (1, -75, ''manual'', 900)'),
	(4, 'void of a paid one', 'SELECT regpaydb.void_invoice(2)'),
	(5, 'pay', 'SELECT regpaydb.pay(3, 100, '''')'),
	(6, 'INSERT of that', 'INSERT INTO payment (invoice_id, amount) VALUES (3, 100)'),
	(7, 'void', 'SELECT regpaydb.void_invoice(3)'),
	(8, 'amendment', 'SELECT test.fill(3, 4)'),
	(9, 'amendment by SQL', 'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (3, 4, 1)'),
	(10, 'apply a note', 'SELECT regpaydb.apply_credit_note(n, 5) FROM (SELECT max(credit_note_id) FROM credit_note) AS c (n)'),
	(11, 'pay a note out', 'SELECT regpaydb.refund_credit_note(n, '''') FROM (SELECT max(credit_note_id) FROM credit_note) AS c (n)'),
	(12, 'return', 'SELECT regpaydb.return_items(1, jsonb_agg(jsonb_build_object(''line_item_id'', line_item_id))) FROM line_item WHERE invoice_id = 1'),
	(13, 'invoice', 'SELECT regpaydb.invoice_cart(test.fill(1, 6, 2))'),
	(14, 'manual invoice', 'SELECT test.invoice(1, 30)');
CREATE FUNCTION test.done_with(trigger text, body text, work text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('CREATE FUNCTION test.idea() RETURNS trigger LANGUAGE plpgsql AS %L',
		format('BEGIN %s; RETURN NEW; END', body));
	EXECUTE format('CREATE TRIGGER an_idea %s FOR EACH ROW EXECUTE FUNCTION test.idea()', trigger);
	BEGIN
		EXECUTE work;
		result := concat_ws('; ', 'done',
			(SELECT string_agg(problem, '; ' ORDER BY problem) FROM regpaydb.check_integrity()));
	EXCEPTION WHEN OTHERS THEN
		result := format('%s: %s', SQLSTATE, SQLERRM);
	END;
	RAISE EXCEPTION USING ERRCODE = 'T0000', MESSAGE = result;
EXCEPTION WHEN SQLSTATE 'T0000' THEN
	RETURN SQLERRM;
END $$;
SELECT idea, what, test.done_with("when", body, work) FROM (VALUES
	(1, 'carts stay as they are', 'BEFORE UPDATE ON cart', 'NEW.status := OLD.status', '{1,2,3,4,5,6,7,12}'::int[]),
	(2, 'carts become what they were', 'AFTER UPDATE ON cart',
		'IF pg_trigger_depth() = 1 THEN UPDATE cart SET status = OLD.status WHERE cart_id = NEW.cart_id; END IF', '{1,4,5}'),
	(3, 'invoices stay as they are', 'BEFORE UPDATE ON invoice', 'NEW.status := OLD.status', '{1,2,3,4,5,6,7,8,9,10,12}'),
	(4, 'paid stays as it is', 'BEFORE UPDATE ON invoice', 'NEW.paid := OLD.paid', '{1,2,5,6,10}'),
	(5, 'payments do not count', 'BEFORE UPDATE ON invoice', 'NEW.payment_count := OLD.payment_count', '{1,5,10}'),
	(6, 'the last payment stays as it is', 'BEFORE UPDATE ON invoice', 'NEW.last_payment_id := OLD.last_payment_id', '{1,5,10}'),
	(7, 'notes stay unclaimed', 'BEFORE UPDATE ON credit_note', 'NEW.state := OLD.state', '{10,11}'),
	(8, 'revisions stay as they are', 'BEFORE UPDATE ON cart', 'NEW.revision := OLD.revision', '{5,8,9}'),
	(9, 'what is free stays as it is', 'BEFORE UPDATE ON stock_slot', 'NEW.free := OLD.free', '{1,12}'),
	-- In the middle of one amendment of a cart, there is no other.
	(10, 'a badge with each other amendment', 'AFTER UPDATE ON cart',
		'IF pg_trigger_depth() = 1 THEN PERFORM regpaydb.set_quantity(NEW.cart_id, 6, 1); END IF', '{8}'),
	-- Of new rows.
	(11, 'notes are of less', 'BEFORE INSERT ON credit_note', 'NEW.value := NEW.value - 1', '{1,12}'),
	(12, 'notes are Bob''s', 'BEFORE INSERT ON credit_note', 'NEW.attendee_id := 2', '{1,12}'),
	(13, 'notes are refunded', 'BEFORE INSERT ON credit_note', 'NEW.state := ''refunded''', '{1}'),
	(14, 'claims are refunds', 'BEFORE INSERT ON credit_note_claim', 'NEW.claim := ''refunded''', '{10}'),
	(17, 'notes are payments', 'BEFORE INSERT ON payment', 'IF NEW.amount < 0 THEN NEW.kind := ''manual''; END IF', '{1,12}'),
	(18, 'payments are manual', 'BEFORE INSERT ON payment', 'NEW.kind := ''manual''', '{5,10}'),
	(19, 'lines are dearer', 'BEFORE INSERT ON line_item', 'NEW.price := NEW.price + 1', '{13,14}'),
	(20, 'lines are of two', 'BEFORE INSERT ON line_item', 'NEW.quantity := 2 * NEW.quantity', '{13,14}'),
	(21, 'lines are another invoice''s', 'BEFORE INSERT ON line_item', 'NEW.invoice_id := 3', '{13,14}'),
	(22, 'lines are of no product', 'BEFORE INSERT ON line_item', 'NEW.product_id := NULL', '{13}'),
	(23, 'invoices are of more', 'BEFORE INSERT ON invoice', 'NEW.value := NEW.value + 1', '{13,14}'),
	-- These only add something.
	(30, 'other words', 'BEFORE INSERT ON line_item', 'NEW.description := ''a '' || NEW.description', '{13,14}'),
	(31, 'long reservations', 'BEFORE UPDATE ON cart', 'NEW.reservation_duration := ''9 days''', '{1,5,8}'),
	(32, 'reasons', 'BEFORE UPDATE ON invoice', 'NEW.closed_reason := CASE WHEN NEW.closed_time IS NOT NULL THEN ''so it is'' END', '{1,2,5,7,12}')) AS v (n, idea, "when", body, on_works)
JOIN test.works w ON w.n = ANY (on_works) ORDER BY v.n, w.n;
SELECT conserved FROM test.money();
SELECT * FROM regpaydb.check_integrity();
DROP FUNCTION test.done_with;
DROP TABLE test.works;
DROP FUNCTION test.returned_with;
DROP TABLE test.dinner;
