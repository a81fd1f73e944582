-- Paying, refunding and voiding invoices with carts.
SET client_min_messages = warning;
SELECT test.new_shop('cart_pay');
UPDATE conference SET auto_apply_credit = false;

-- Alice's invoice 1 bills two of five, 200.00; Bob's invoice 2 bills nothing,
-- Carol's invoice 3 has no cart; Bob owns a note of 200.00.
SELECT test.fill(1, 1, 2) AS cart_id, regpaydb.invoice_cart(1) AS invoice_id;
SELECT test.fill(2, 6, 1) AS cart_id, regpaydb.invoice_cart(2) AS invoice_id;
SELECT test.invoice(3, 10) AS invoice_id;
SELECT test.invoice(2, 5) AS other \gset
SELECT regpaydb.pay(:other, 205, 'overpaid') > 0 AS paid;
SELECT credit_note_id AS note FROM credit_note \gset

-- ---------------------------------------------------------------------------
-- What payments make of cart and stock
-- ---------------------------------------------------------------------------
SELECT call, test.outcome(replace(call, '#note', :'note')) FROM (VALUES
	-- Paid: the cart is paid, the stock taken, in one transaction.
	(10, 'SELECT regpaydb.pay(1, 200, ''all'')'),
	(11, 'SELECT regpaydb.pay(1, 250, ''too much'')'),
	(12, 'SELECT regpaydb.pay(1, 50, ''part'')'),
	(13, 'SELECT regpaydb.pay(1, 50, ''part''), regpaydb.pay(1, 150, ''rest'')'),
	(14, 'SELECT regpaydb.record_manual_payment(1, 200, ''transfer'', 900)'),
	(15, 'INSERT INTO payment (invoice_id, amount) VALUES (1, 120), (1, 80)'),
	(16, 'SELECT regpaydb.apply_credit_note(#note, 1)'),
	(17, 'SELECT regpaydb.pay(1, 150, ''part''); SELECT regpaydb.apply_credit_note(#note, 1)'),
	-- Paid again, it is paid once.
	(18, 'SELECT regpaydb.pay(1, 200, ''all''); INSERT INTO payment (invoice_id, amount) VALUES (1, 200)'),
	(19, 'SELECT regpaydb.pay(1, 200, ''all''), regpaydb.update_status(1), regpaydb.update_status(1)'),
	-- Refunded: released, and the stock is back.
	(20, 'SELECT regpaydb.pay(1, 200, ''all''); SELECT regpaydb.refund_invoice(1)'),
	(21, 'SELECT regpaydb.pay(1, 200, ''all''); SELECT regpaydb.record_manual_payment(1, -200, ''cash'', 900)'),
	(22, 'SELECT regpaydb.pay(1, 200, ''all''); SELECT regpaydb.record_manual_payment(1, -0.01, ''cash'', 900)'),
	(23, 'SELECT regpaydb.pay(1, 200, ''all''); SELECT regpaydb.record_manual_payment(1, -200.01, ''cash'', 900)'),
	(24, 'SELECT regpaydb.pay(1, 200, ''all''); SELECT regpaydb.cancellation_fee(regpaydb.refund_invoice(1), 10)'),
	(25, 'SELECT regpaydb.pay(1, 200, ''all''); SELECT regpaydb.refund_invoice(1); SELECT regpaydb.pay(1, 1, ''late'')'),
	(26, 'SELECT regpaydb.pay(1, 200, ''all''); SELECT regpaydb.refund_invoice(1); INSERT INTO payment (invoice_id, amount) VALUES (1, 200)'),
	-- Void, with nothing paid or a sum of zero: the cart stays active, so that
	-- it can be invoiced again.
	(30, 'SELECT regpaydb.void_invoice(1)'),
	(31, 'SELECT regpaydb.refund_invoice(1)'),
	(32, 'SELECT regpaydb.pay(1, 10, ''part''); SELECT regpaydb.record_manual_payment(1, -10, ''back'', 900)'),
	(33, 'INSERT INTO payment (invoice_id, amount) VALUES (1, 10), (1, -10)'),
	(34, 'SELECT regpaydb.pay(1, 50, ''part''); SELECT regpaydb.refund_invoice(1)'),
	(35, 'SELECT regpaydb.void_invoice(1); SELECT regpaydb.pay(regpaydb.invoice_cart(1), 200, ''all'')'),
	(36, 'INSERT INTO payment (invoice_id, amount) VALUES (1, 10), (1, -10); SELECT regpaydb.set_quantity(1, 1, 3)'),
	(37, 'SELECT regpaydb.pay(1, 50, ''part''); SELECT regpaydb.void_invoice(1)'),
	(38, 'SELECT regpaydb.pay(1, 200, ''all''); SELECT regpaydb.void_invoice(1)'),
	-- A paid invoice of value zero: voiding releases the cart, and so it stays.
	(40, 'SELECT regpaydb.void_invoice(2)'),
	(41, 'SELECT regpaydb.refund_invoice(2)'),
	(42, 'SELECT regpaydb.void_invoice(2); SELECT regpaydb.void_invoice(2)'),
	(43, 'SELECT regpaydb.void_invoice(2); INSERT INTO payment (invoice_id, amount) VALUES (2, 5)'),
	(44, 'SELECT regpaydb.void_invoice(2); SELECT regpaydb.invoice_cart(2)'),
	(45, 'INSERT INTO payment (invoice_id, amount) VALUES (2, 5)')
) v (n, call) ORDER BY n;

-- The same, to be seen.
SELECT regpaydb.pay(1, 200, 'all', 'card', 'ch_1') > 0 AS paid;
SELECT cart_id, status, revision FROM cart WHERE cart_id = 1;
SELECT sold, regpaydb.available_stock(product_id) FROM product_stock WHERE product_id = 1;
SELECT count(*) AS reserved FROM reservation;
SELECT kind, invoice_id, old_status, new_status, credit_note_id, cart_id FROM outbox ORDER BY outbox_id DESC LIMIT 2;
-- It is hers for ever, however long ago it was reserved.
SELECT test.lapse(1);
SELECT test.raises('SELECT test.fill(2, 1, 4)');
-- Her next cart is another one.
SELECT regpaydb.current_cart(1) > 1 AS another;
-- Released: the items can be bought again, by anybody.
SELECT regpaydb.refund_invoice(1) > 0 AS refunded;
SELECT cart_id, status FROM cart WHERE cart_id = 1;
SELECT sold, regpaydb.available_stock(product_id) FROM product_stock WHERE product_id = 1;
SELECT kind, invoice_id, old_status, new_status, value, cart_id FROM outbox LEFT JOIN credit_note USING (credit_note_id)
ORDER BY outbox_id DESC LIMIT 3;
SELECT test.outcome('SELECT test.fill(3, 1, 5); SELECT regpaydb.pay(regpaydb.invoice_cart(regpaydb.current_cart(3)), 500, ''all'')');
-- Looking at the refunded invoice neither fails nor changes anything, whatever
-- she does with her next cart.
SELECT test.fill(1, 4, 1) > 1 AS next_cart;
SELECT regpaydb.update_status(1), regpaydb.balance_due(1), regpaydb.total_payments(1), regpaydb.can_view(1, 101),
	regpaydb.invoice_for_access_code('ALICES-CODE');
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = 1;
-- The card processor sends its message again: the first payment, and nothing else.
SELECT test.outcome('SELECT regpaydb.pay(1, 200, ''all'', ''card'', ''ch_1'')');

-- ---------------------------------------------------------------------------
-- validate_allowed_to_pay
-- ---------------------------------------------------------------------------
SELECT test.new_shop('cart_pay_validate');
UPDATE conference SET auto_apply_credit = false;
SELECT test.fill(1, 2, 1) AS cart_id, regpaydb.invoice_cart(1) AS invoice_id;
SELECT test.fill(2, 4, 1) AS cart_id, regpaydb.invoice_cart(2) AS invoice_id;
SELECT test.invoice(3, 10) AS no_cart;
SELECT test.invoice(3, 5) AS other \gset
SELECT regpaydb.pay(:other, 45, 'overpaid') > 0 AS paid;
SELECT credit_note_id AS note FROM credit_note \gset
-- Not unpaid is RP001, amended RP004, not valid any more RP005, in that order;
-- pay and apply_credit_note ask the same.
CREATE FUNCTION test.asks(setup text, note bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text := '';
	ask text;
BEGIN
	EXECUTE setup;
	FOREACH ask IN ARRAY ARRAY['SELECT regpaydb.validate_allowed_to_pay(1)',
			'SELECT regpaydb.pay(1, 40, '''')', format('SELECT regpaydb.apply_credit_note(%s, 1)', note)] LOOP
		BEGIN
			EXECUTE ask;
			result := result || 'may ';
			RAISE EXCEPTION USING ERRCODE = 'T0001';
		EXCEPTION
			WHEN SQLSTATE 'T0001' THEN NULL;
			WHEN OTHERS THEN result := result || SQLSTATE || ' ';
		END;
	END LOOP;
	RAISE EXCEPTION USING ERRCODE = 'T0000', MESSAGE = result;
EXCEPTION WHEN SQLSTATE 'T0000' THEN
	RETURN SQLERRM;
END $$;
-- A revision that was loaded past the triggers; amending voids at once otherwise.
\set load 'SET LOCAL session_replication_role = replica; UPDATE cart SET revision = 9 WHERE cart_id = 1; SET LOCAL session_replication_role = origin; '
SELECT replace(setup, :'load', 'load an amended cart; ') AS setup, test.asks(setup, :note) FROM (VALUES
	(10, 'SELECT 1'),
	(11, 'SELECT regpaydb.pay(1, 15, ''part'')'),
	-- Lapsed and free is no matter.
	(12, 'SELECT test.lapse(1)'),
	(20, 'SELECT regpaydb.pay(1, 40, ''all'')'),
	(21, 'SELECT regpaydb.pay(1, 40, ''all''); SELECT regpaydb.refund_invoice(1)'),
	(22, 'SELECT regpaydb.void_invoice(1)'),
	(23, 'SELECT regpaydb.set_quantity(1, 4, 1)'),
	(24, 'SELECT regpaydb.pay(1, 40, ''all''); ' || :'load'),
	(30, :'load'),
	(31, :'load' || 'SELECT test.lapse(1); SELECT regpaydb.set_quantity(2, 2, 1)'),
	(40, 'SELECT test.lapse(1); SELECT regpaydb.set_quantity(2, 2, 1)'),
	(41, 'SELECT test.lapse(1); SELECT regpaydb.set_quantity(2, 2, 1); SELECT regpaydb.pay(regpaydb.invoice_cart(2), 65.50, ''all'')'),
	(42, 'UPDATE product SET limit_per_attendee = 0 WHERE product_id = 2'),
	(43, 'UPDATE category SET limit_per_attendee = 0 WHERE category_id = 1'),
	(44, 'UPDATE category SET required = true WHERE category_id = 2'),
	(45, 'UPDATE product SET stock = 0 WHERE product_id = 2'),
	(46, 'SELECT test.lapse(1); UPDATE product SET stock = 0 WHERE product_id = 2'),
	-- What another attendee does with her cart does not matter.
	(50, 'SELECT regpaydb.set_quantity(2, 3, 2)'),
	(51, 'SELECT regpaydb.pay(2, 25.50, ''all'')')
) v (n, setup) ORDER BY n;
SELECT regpaydb.validate_allowed_to_pay(3) AS no_cart_passes;
-- What people are told.
\x on
SELECT v.* FROM (SELECT test.lapse(1), regpaydb.set_quantity(2, 2, 1) OFFSET 0) s, test.report('SELECT regpaydb.pay(1, 40, ''late'')') v;
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE cart SET revision = 9 WHERE cart_id = 1;
SET LOCAL session_replication_role = origin;
SELECT * FROM test.report('SELECT regpaydb.pay(1, 40, ''late'')');
ROLLBACK;
SELECT v.* FROM (SELECT regpaydb.set_quantity(1, 2, 0) OFFSET 0) s, test.report('SELECT regpaydb.pay(1, 40, ''late'')') v;
\x off
-- What was refused left nothing behind.
SELECT count(*) FROM payment WHERE invoice_id = 1;
DROP FUNCTION test.asks(text, bigint);

-- ---------------------------------------------------------------------------
-- update_status, after a load past the triggers
-- ---------------------------------------------------------------------------
SELECT test.new_shop('cart_pay_load');
SELECT test.fill(1, 2, 1) AS cart_id, regpaydb.invoice_cart(1) AS invoice_id;
SELECT test.fill(2, 3, 1) AS cart_id, regpaydb.invoice_cart(2) AS invoice_id;
ALTER TABLE payment DISABLE TRIGGER payment_settle;
INSERT INTO payment (invoice_id, amount) VALUES (1, 40), (2, 20);
ALTER TABLE payment ENABLE TRIGGER payment_settle;
SELECT setup, test.outcome(setup || 'SELECT regpaydb.update_status(1), regpaydb.update_status(2)') FROM (VALUES
	(1, ''),
	(2, 'SELECT test.lapse(1); '),
	(3, 'SELECT test.lapse(1); SELECT test.fill(3, 2, 1); '),
	(4, 'SELECT test.lapse(2); SELECT test.fill(3, 3, 2); ')) v (n, setup) ORDER BY n;
SELECT regpaydb.update_status(1), regpaydb.update_status(2), regpaydb.update_status(1);
SELECT cart_id, status FROM cart ORDER BY 1;

-- It does nothing to an invoice whose payments all count, even where the items
-- are gone: no money arrives.
SELECT test.new_shop('cart_pay_again');
SELECT test.fill(1, 2, 1) AS cart_id, regpaydb.invoice_cart(1) AS invoice_id;
SELECT regpaydb.pay(1, 10, 'part') > 0 AS paid;
SELECT test.lapse(1), test.fill(3, 2, 1) AS cart_id;
SELECT test.outcome('SELECT regpaydb.update_status(1)');

-- ---------------------------------------------------------------------------
-- Much of what is unlimited
-- ---------------------------------------------------------------------------
SELECT test.new_shop('cart_pay_many');
SELECT test.fill(1, 6, 2147483647) AS cart_id, regpaydb.invoice_cart(1) > 0 AS paid;
-- Whatever happens to so many of them, no payment gets lost over it.
SELECT test.fill(2, 6, 1) AS cart_id, test.fill(2, 4, 1) AS cart_id, regpaydb.invoice_cart(2) AS invoice \gset
SELECT test.raises('INSERT INTO payment (invoice_id, amount) VALUES (2, 25.50)');

SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
SET regpaydb.ledger = 'cart_pay_load';
SET search_path = cart_pay_load;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
SET regpaydb.ledger = 'cart_pay_validate';
SET search_path = cart_pay_validate;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
SET regpaydb.ledger = 'cart_pay';
SET search_path = cart_pay;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
