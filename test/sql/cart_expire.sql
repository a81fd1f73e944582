-- expire_invoices: what can't be paid any more is given up, and nothing else.
SET client_min_messages = warning;
SELECT test.new_shop('cart_expire');
UPDATE conference SET auto_apply_credit = false;
INSERT INTO attendee (user_id, recipient) VALUES (104, 'Dora'), (105, 'Eva'), (106, 'Fay'), (107, 'Gil');

SELECT test.fill(1, 2) AS cart_id, regpaydb.invoice_cart(1) AS invoice_id, 'lapsed, taken by Dora' AS what;
SELECT test.fill(2, 5) AS cart_id, regpaydb.invoice_cart(2) AS invoice_id, regpaydb.pay(2, 15, 'part') AS payment_id,
	'lapsed, taken by Eva, 15.00 paid' AS what;
SELECT test.fill(3, 3) AS cart_id, regpaydb.invoice_cart(3) AS invoice_id, 'lapsed, and still there' AS what;
SELECT test.lapse(cart_id) FROM cart;
SELECT test.fill(4, 2) AS cart_id, regpaydb.invoice_cart(4) AS invoice_id, 'reserved' AS what;
SELECT test.fill(5, 5) AS cart_id, regpaydb.invoice_cart(5) AS invoice_id, 'reserved' AS what;
SELECT test.fill(6, 6) AS cart_id, regpaydb.invoice_cart(6) AS invoice_id, 'paid' AS what;
SELECT test.fill(7, 4, 9) AS cart_id, regpaydb.invoice_cart(7) AS invoice_id, 'over a limit by now' AS what;
UPDATE product SET limit_per_attendee = 3 WHERE product_id = 4;
SELECT regpaydb.manual_invoice(1, '-1 day', '[{"description": "x", "price": 1}]') AS invoice_id, 'no cart, overdue' AS what;

-- Nothing, for a limit of 0; NULL and negative ones are refused.
SELECT regpaydb.expire_invoices(0);
SELECT call, test.raises(call) FROM (VALUES
	(1, 'SELECT regpaydb.expire_invoices(NULL)'),
	(2, 'SELECT regpaydb.expire_invoices(-1)')) v (n, call) ORDER BY n;
SELECT status, count(*) FROM invoice GROUP BY 1 ORDER BY 1;

-- All at once; what has payments becomes credit.  Then there is nothing to do.
SELECT call, test.outcome(call) FROM (VALUES
	(1, 'SELECT regpaydb.expire_invoices()'),
	(2, 'SELECT regpaydb.expire_invoices("limit" => 1000)'),
	(3, 'SELECT regpaydb.expire_invoices(2147483647)')) v (n, call) ORDER BY n;
-- So many at most.
SELECT regpaydb.expire_invoices(1);
SELECT status, count(*) FROM invoice GROUP BY 1 ORDER BY 1;
SELECT regpaydb.expire_invoices(1);
SELECT status, count(*) FROM invoice GROUP BY 1 ORDER BY 1;
SELECT regpaydb.expire_invoices(5);
SELECT regpaydb.expire_invoices(5);
SELECT invoice_id, invoice.status, value, paid, cart.status AS cart
FROM invoice LEFT JOIN cart USING (cart_id) ORDER BY 1;
SELECT attendee_id, value, state FROM credit_note;
SELECT kind, invoice_id, old_status, new_status, credit_note_id FROM outbox
WHERE new_status = 'void' OR kind = 'credit_note_created' ORDER BY invoice_id, outbox_id;
-- The carts are as they were, and can be put right.
SELECT cart_id, revision FROM cart WHERE cart_id IN (1, 2, 7) ORDER BY 1;
SELECT test.outcome('SELECT regpaydb.set_quantity(7, 4, 3); SELECT regpaydb.pay(regpaydb.invoice_cart(7), 76.50, ''all'')');

-- Two that lapsed want what one can have: both are left alone until one has it.
SELECT test.new_shop('cart_expire_rivals');
SELECT test.fill(1, 2) AS cart_id, regpaydb.invoice_cart(1) AS invoice_id, test.lapse(1);
SELECT test.fill(2, 2) AS cart_id, regpaydb.invoice_cart(2) AS invoice_id, test.lapse(2);
SELECT regpaydb.expire_invoices();
SELECT regpaydb.pay(2, 40, 'all') AS payment_id;
SELECT regpaydb.expire_invoices();
SELECT invoice_id, status, paid FROM invoice ORDER BY 1;
-- Whoever has money on an expired invoice does not lose it when more arrives.
INSERT INTO payment (invoice_id, amount) VALUES (1, 40);
SELECT invoice_id, status, paid, regpaydb.available_credit(attendee_id) FROM invoice ORDER BY 1;

-- It is for roles that may change what becomes of invoices.
DROP ROLE IF EXISTS regress_expire;
CREATE ROLE regress_expire NOLOGIN;
GRANT USAGE ON SCHEMA cart_expire_rivals, regpaydb, test TO regress_expire;
GRANT EXECUTE ON FUNCTION regpaydb.expire_invoices(integer) TO regress_expire;
SET ROLE regress_expire;
SELECT left(test.raises('SELECT regpaydb.expire_invoices()'), 5) AS code;
RESET ROLE;
GRANT UPDATE (status) ON invoice TO regress_expire;
SET ROLE regress_expire;
SELECT regpaydb.expire_invoices();
RESET ROLE;
DROP OWNED BY regress_expire;
DROP ROLE regress_expire;

SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
SET regpaydb.ledger = 'cart_expire';
SET search_path = cart_expire;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
