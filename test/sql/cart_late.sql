-- Money that arrives when its cart was amended, or lapsed and its items are gone,
-- becomes a credit note and never sells what somebody else has.
SET client_min_messages = warning;
SELECT test.new_shop('cart_late');
UPDATE conference SET auto_apply_credit = false;
INSERT INTO attendee (user_id, recipient) VALUES (104, 'Dora');

-- Alice's invoice 1 bills the only student ticket, 40.00; Bob's invoice 2 a red
-- T-shirt; on Carol's invoice 3 for dinner are 15.00 of 75.00.
SELECT test.fill(1, 2, 1) AS cart_id, regpaydb.invoice_cart(1) AS invoice_id;
SELECT test.fill(2, 3, 1) AS cart_id, regpaydb.invoice_cart(2) AS invoice_id;
SELECT test.fill(3, 5, 1) AS cart_id, regpaydb.invoice_cart(3) AS invoice_id, regpaydb.pay(3, 15, 'part') AS payment_id;

-- What happened before, and the money that comes then.  The invoice is void and
-- its money a credit note, which the outbox tells; or it is paid, where the
-- ticket is still to be had.
SELECT happened, money, test.outcome(setup || '; ' || payment) FROM (VALUES
	(1, 'nothing', 'SELECT 1'),
	(2, 'lapsed', 'SELECT test.lapse(1)'),
	(3, 'lapsed, reserved by Dora', 'SELECT test.lapse(1), test.fill(4, 2, 1)'),
	(4, 'lapsed, bought by Dora', 'SELECT test.lapse(1); SELECT test.fill(4, 2, 1);
		SELECT regpaydb.pay(regpaydb.invoice_cart(regpaydb.current_cart(4)), 40, '''')'),
	(5, 'amended', 'SELECT regpaydb.set_quantity(1, 4, 1)'),
	(6, 'amended, and back', 'SELECT regpaydb.set_quantity(1, 2, 0); SELECT regpaydb.set_quantity(1, 2, 1)')
) s (i, happened, setup), (VALUES
	(1, 'INSERT 40', 'INSERT INTO payment (invoice_id, amount) VALUES (1, 40)'),
	(2, 'INSERT 15', 'INSERT INTO payment (invoice_id, amount) VALUES (1, 15)'),
	(3, 'INSERT 15, 25', 'INSERT INTO payment (invoice_id, amount) VALUES (1, 15), (1, 25)'),
	(4, 'INSERT 100', 'INSERT INTO payment (invoice_id, amount) VALUES (1, 100)'),
	(5, 'by hand, 40', 'SELECT regpaydb.record_manual_payment(1, 40, ''transfer'', 900)'),
	(6, 'by hand, 15', 'SELECT regpaydb.record_manual_payment(1, 15, ''transfer'', 900)'),
	(7, '15, and 25 later', 'INSERT INTO payment (invoice_id, amount) VALUES (1, 15); INSERT INTO payment (invoice_id, amount) VALUES (1, 25)'),
	(8, '40, and back', 'INSERT INTO payment (invoice_id, amount) VALUES (1, 40), (1, -40)')
) p (j, money, payment) ORDER BY i, j;

-- The same where something was paid before: all of it is one note.
SELECT happened, money, test.outcome(setup || '; ' || payment) FROM (VALUES
	(1, 'nothing', 'SELECT 1'),
	(2, 'lapsed', 'SELECT test.lapse(3)'),
	(3, 'lapsed, reserved by Dora', 'SELECT test.lapse(3), test.fill(4, 5, 1)'),
	(4, 'amended', 'SELECT regpaydb.set_quantity(3, 4, 1)')
) s (i, happened, setup), (VALUES
	(1, 'INSERT 60', 'INSERT INTO payment (invoice_id, amount) VALUES (3, 60)'),
	(2, 'INSERT 5', 'INSERT INTO payment (invoice_id, amount) VALUES (3, 5)'),
	(3, 'by hand, -5', 'SELECT regpaydb.record_manual_payment(3, -5, ''cash'', 900)'),
	(4, 'by hand, -15', 'SELECT regpaydb.record_manual_payment(3, -15, ''cash'', 900)'),
	(5, 'by hand, -20', 'SELECT regpaydb.record_manual_payment(3, -20, ''cash'', 900)')
) p (j, money, payment) ORDER BY i, j;

-- What else would keep a cart from being invoiced does not: the money is here,
-- and nobody else has the ticket.  Less stock than that does, once the reservation
-- has lapsed; until then the ticket is Alice's.
SELECT setup, test.outcome(setup || '; INSERT INTO payment (invoice_id, amount) VALUES (1, 40)') FROM (VALUES
	(1, 'UPDATE product SET limit_per_attendee = 0 WHERE product_id = 2'),
	(2, 'UPDATE category SET required = true'),
	(3, 'UPDATE product SET stock = 0 WHERE product_id = 2'),
	(4, 'SELECT test.lapse(1); UPDATE product SET stock = 0 WHERE product_id = 2'),
	(5, 'UPDATE product SET stock = 0 WHERE product_id = 2; SELECT test.lapse(1)'),
	(6, 'SELECT test.lapse(1); UPDATE category SET stock = 0 WHERE category_id = 1')) s (i, setup) ORDER BY i;

-- ---------------------------------------------------------------------------
-- Several invoices in one statement
-- ---------------------------------------------------------------------------
-- Each as it stands: Alice's is gone, Bob's was amended, Carol's is there.
SELECT test.outcome('SELECT test.lapse(1), test.fill(4, 2, 1); SELECT regpaydb.set_quantity(2, 4, 1);
	INSERT INTO payment (invoice_id, amount) VALUES (3, 30), (1, 40), (2, 25.50), (3, 30)');

-- All three want the last one, and all three have lapsed: exactly one gets it.
CREATE FUNCTION test.rivals(lapse_all boolean, product bigint) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR attendee IN 1..3 LOOP
		PERFORM regpaydb.invoice_cart(test.fill(attendee, product, 1));
		IF lapse_all OR attendee < 3 THEN
			PERFORM test.lapse(regpaydb.current_cart(attendee));
		END IF;
	END LOOP;
END $$;
SELECT test.new_shop('cart_late_rivals');
UPDATE conference SET auto_apply_credit = false;
BEGIN;
SELECT test.rivals(true, 2);
INSERT INTO payment (invoice_id, amount) VALUES (2, 40), (3, 40), (1, 40);
SELECT invoice.status, paid, cart.status AS cart, count(*) FROM invoice JOIN cart USING (cart_id) GROUP BY 1, 2, 3 ORDER BY 1, 3;
SELECT sold, stock FROM product_stock WHERE product_id = 2;
SELECT count(*), sum(value) FROM credit_note;
SELECT kind, new_status, count(*) FROM outbox WHERE kind <> 'invoice_created' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT * FROM regpaydb.check_integrity();
ROLLBACK;
-- One who does not pay enough is not the one.
BEGIN;
SELECT test.rivals(true, 5);
SELECT status, value FROM invoice;
INSERT INTO payment (invoice_id, amount) SELECT invoice_id, CASE attendee_id WHEN 1 THEN 1 ELSE 75 END FROM invoice;
SELECT invoice.status, paid, count(*) FROM invoice JOIN cart USING (cart_id) GROUP BY 1, 2 ORDER BY 1;
SELECT sold, stock FROM product_stock WHERE product_id = 5;
SELECT * FROM regpaydb.check_integrity();
ROLLBACK;
-- One of them still has it reserved: she is the one.
BEGIN;
SELECT test.rivals(false, 2);
INSERT INTO payment (invoice_id, amount) SELECT invoice_id, 40 FROM invoice ORDER BY invoice_id;
SELECT attendee_id, invoice.status, paid, cart.status AS cart FROM invoice JOIN cart USING (cart_id, attendee_id) ORDER BY 1;
SELECT * FROM regpaydb.check_integrity();
ROLLBACK;
-- Two are left: two get one.
BEGIN;
SELECT test.rivals(true, 3);
UPDATE product SET stock = 2 WHERE product_id = 3;
INSERT INTO payment (invoice_id, amount) SELECT invoice_id, 25.50 FROM invoice ORDER BY invoice_id DESC;
SELECT invoice.status, count(*) FROM invoice GROUP BY 1 ORDER BY 1;
SELECT sold, stock FROM product_stock WHERE product_id = 3;
SELECT * FROM regpaydb.check_integrity();
ROLLBACK;
-- Half of a cart is no cart: Alice's ticket is there but her dinner is not, so
-- that Bob can have the ticket.
BEGIN;
SELECT test.fill(1, 2, 1) AS cart_id, test.fill(1, 5, 1) AS cart_id, regpaydb.invoice_cart(regpaydb.current_cart(1)) AS alice \gset
SELECT test.lapse(:cart_id);
SELECT regpaydb.invoice_cart(test.fill(2, 2, 1)) AS bob \gset
SELECT test.lapse(regpaydb.current_cart(2)), test.fill(3, 5, 1) > 0 AS carol_takes_the_dinner;
INSERT INTO payment (invoice_id, amount) VALUES (:alice, 115), (:bob, 40);
SELECT attendee_id, status, paid FROM invoice ORDER BY 1;
SELECT product_id, sold FROM product_stock WHERE product_id IN (2, 5) ORDER BY 1;
SELECT * FROM regpaydb.check_integrity();
ROLLBACK;
DROP FUNCTION test.rivals(boolean, bigint);

-- ---------------------------------------------------------------------------
-- COPY, and the rest of the story
-- ---------------------------------------------------------------------------
SET regpaydb.ledger = 'cart_late';
SET search_path = cart_late;
SELECT test.lapse(1), test.fill(4, 2, 1) > 0 AS dora_takes_it;
SELECT regpaydb.set_quantity(2, 4, 1);
SELECT max(outbox_id) AS before FROM outbox \gset
COPY payment (invoice_id, amount, reference, provider, provider_ref) FROM stdin (FORMAT csv);
1,40.00,Alice,bank,T1
2,25.50,Bob,bank,T2
3,60.00,Carol,bank,T3
\.
SELECT invoice_id, invoice.status, value, paid, payment_count, cart.status AS cart
FROM invoice JOIN cart USING (cart_id) ORDER BY 1;
SELECT kind, o.invoice_id, old_status, new_status, n.attendee_id, n.value, cart_id
FROM outbox o LEFT JOIN credit_note n USING (credit_note_id) WHERE outbox_id > :before ORDER BY outbox_id;
-- The same transaction: the note has the payment's time.
SELECT count(*) AS notes, count(*) FILTER (WHERE n."time" = p."time") AS same_time
FROM credit_note JOIN payment n ON n.payment_id = credit_note_id
JOIN payment p ON p.invoice_id = n.invoice_id AND p.kind = 'payment';
-- A void invoice does not come back: not when Dora lets go of the ticket, nor by
-- more money, update_status or a look at it.
SELECT regpaydb.set_quantity(regpaydb.current_cart(4), 2, 0);
INSERT INTO payment (invoice_id, amount) VALUES (1, 40);
SELECT regpaydb.update_status(1), regpaydb.can_view(1, 101), regpaydb.balance_due(1), regpaydb.total_payments(1);
SELECT status, paid FROM invoice WHERE invoice_id = 1;
SELECT cart_id, status FROM cart WHERE attendee_id = 1;
-- The money is Alice's, and pays for her ticket in the end.
SELECT regpaydb.available_credit(1);
UPDATE conference SET auto_apply_credit = true;
SELECT regpaydb.invoice_cart(1) AS invoice \gset
SELECT status, value, paid FROM invoice WHERE invoice_id = :invoice;
SELECT regpaydb.available_credit(1);
SELECT product_id, stock, sold FROM product_stock WHERE sold > 0 ORDER BY 1;

SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
