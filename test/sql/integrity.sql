-- check_integrity() reports whatever in a ledger does not agree with the facts.
-- Each kind of corruption is planted by itself, with triggers and foreign keys
-- out of force, and taken back.
SET client_min_messages = warning;
SELECT test.new_ledger('integrity');
UPDATE conference SET auto_apply_credit = false;

-- A sound ledger with something of everything.
SELECT test.invoice(1, 100) AS invoice_id, 'unpaid, 30 paid' AS what;
SELECT regpaydb.pay(1, 30, '') AS payment_id;
SELECT test.invoice(1, 100) AS invoice_id, 'paid, overpaid by 20' AS what;
SELECT regpaydb.pay(2, 120, '') AS payment_id;
SELECT test.invoice(1, 50) AS invoice_id, 'refunded' AS what;
SELECT regpaydb.pay(3, 50, '') AS payment_id, regpaydb.refund_invoice(3) AS credit_note_id;
SELECT test.invoice(2, 40) AS invoice_id, 'paid by a note of 50' AS what;
SELECT regpaydb.apply_credit_note(5, 4) AS payment_id;
SELECT test.invoice(2, 60) AS invoice_id, 'void, 60 was paid back by note' AS what;
SELECT regpaydb.pay(5, 25, '') AS payment_id, regpaydb.refund_invoice(5) AS credit_note_id;
SELECT regpaydb.refund_credit_note(9, 'cash') AS credit_note_refund_id;
SELECT test.invoice(2, 0) AS invoice_id, 'of value zero' AS what;
SELECT test.invoice(2, 70) AS invoice_id, 'unpaid' AS what;
SELECT test.invoice(2, 80) AS invoice_id, 'void, nothing paid' AS what, regpaydb.void_invoice(8);
SELECT invoice_id, status, value, paid, payment_count FROM invoice ORDER BY 1;
SELECT payment_id, invoice_id, kind, amount FROM payment ORDER BY 1;
SELECT credit_note_id, attendee_id, value, state FROM credit_note ORDER BY 1;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();

-- Plant a corruption, list the objects that are reported, and take it back.  All rows are
-- of the last hour, so the check of that has to find it, too.
CREATE FUNCTION test.plant(statement text) RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	found text;
	missed text;
BEGIN
	BEGIN
		SET LOCAL session_replication_role = replica;
		EXECUTE statement;
		SELECT string_agg(DISTINCT object, ', ' ORDER BY object) INTO found FROM regpaydb.check_integrity();
		missed := test.missed();
		RAISE EXCEPTION USING ERRCODE = 'T0000';
	EXCEPTION WHEN SQLSTATE 'T0000' THEN
		RETURN coalesce(found, 'NOT REPORTED') || coalesce('; not since: ' || nullif(missed, ''), '');
	END;
END $$;

SELECT statement, test.plant(statement) FROM (VALUES
	-- Totals.
	(10, 'UPDATE invoice SET paid = paid + 1 WHERE invoice_id = 1'),
	(11, 'UPDATE invoice SET payment_count = payment_count + 1 WHERE invoice_id = 1'),
	(12, 'UPDATE invoice SET payment_count = 0 WHERE invoice_id = 2'),
	(13, 'UPDATE invoice SET last_payment_id = 1000 WHERE invoice_id = 1'),
	(14, 'UPDATE invoice SET last_payment_id = NULL WHERE invoice_id = 1'),
	(15, 'UPDATE invoice SET value = 99 WHERE invoice_id = 1'),
	(16, 'UPDATE payment SET amount = 31 WHERE payment_id = 1'),
	(17, 'DELETE FROM payment WHERE payment_id = 1'),
	(18, 'INSERT INTO payment (invoice_id, amount) VALUES (7, 10)'),
	(19, 'INSERT INTO payment (invoice_id, amount) VALUES (7, 10), (7, -10)'),
	(20, 'INSERT INTO payment (invoice_id, amount) VALUES (2, 10)'),
	(21, 'INSERT INTO payment (invoice_id, amount) VALUES (8, 10)'),
	(22, 'UPDATE payment SET invoice_id = 7 WHERE payment_id = 1'),
	(23, 'INSERT INTO payment (invoice_id, amount) VALUES (999, 10)'),
	(24, 'UPDATE line_item SET price = price + 1 WHERE invoice_id = 1'),
	(25, 'UPDATE line_item SET quantity = 2 WHERE invoice_id = 1'),
	(26, 'DELETE FROM line_item WHERE invoice_id = 1'),
	(27, 'INSERT INTO line_item (invoice_id, description, quantity, price) VALUES (1, ''x'', 1, 1)'),
	(28, 'INSERT INTO invoice (attendee_id, value) VALUES (1, 100)'),
	-- Statuses.
	(30, 'UPDATE invoice SET status = ''paid'', paid_time = now() WHERE invoice_id = 1'),
	(31, 'UPDATE invoice SET status = ''void'', closed_time = now() WHERE invoice_id = 1'),
	(32, 'UPDATE invoice SET status = ''unpaid'', paid_time = NULL WHERE invoice_id = 2'),
	(33, 'UPDATE invoice SET status = ''refunded'', closed_time = now() WHERE invoice_id = 2'),
	(34, 'UPDATE invoice SET status = ''unpaid'', paid_time = NULL, closed_time = NULL WHERE invoice_id = 3'),
	(35, 'UPDATE invoice SET status = ''paid'', closed_time = NULL WHERE invoice_id = 3'),
	(36, 'UPDATE invoice SET status = ''void'' WHERE invoice_id = 3'),
	(37, 'UPDATE invoice SET status = ''refunded'' WHERE invoice_id = 8'),
	(38, 'UPDATE invoice SET status = ''unpaid'', closed_time = NULL WHERE invoice_id = 5'),
	(39, 'UPDATE invoice SET status = ''unpaid'', paid_time = NULL WHERE invoice_id = 6'),
	(40, 'UPDATE invoice SET status = ''void'' WHERE invoice_id = 7'),
	(41, 'UPDATE invoice SET paid_time = NULL WHERE invoice_id = 2'),
	(42, 'UPDATE invoice SET closed_time = NULL WHERE invoice_id = 3'),
	(43, 'UPDATE invoice SET closed_time = now() WHERE invoice_id = 1'),
	-- Credit notes.
	(50, 'UPDATE credit_note SET value = 21 WHERE credit_note_id = 3'),
	(51, 'UPDATE credit_note SET state = ''applied'' WHERE credit_note_id = 3'),
	(52, 'UPDATE credit_note SET state = ''refunded'' WHERE credit_note_id = 3'),
	(53, 'UPDATE credit_note SET state = ''unclaimed'' WHERE credit_note_id = 5'),
	(54, 'UPDATE credit_note SET state = ''refunded'' WHERE credit_note_id = 5'),
	(55, 'UPDATE credit_note SET state = ''unclaimed'' WHERE credit_note_id = 9'),
	(56, 'DELETE FROM credit_note WHERE credit_note_id = 3'),
	(57, 'DELETE FROM credit_note WHERE credit_note_id = 5'),
	(58, 'INSERT INTO credit_note (credit_note_id, attendee_id, value) VALUES (1, 1, 30)'),
	(59, 'INSERT INTO credit_note (credit_note_id, attendee_id, value) VALUES (999, 1, 30)'),
	(60, 'UPDATE payment SET kind = ''manual'' WHERE payment_id = 3'),
	(61, 'UPDATE payment SET kind = ''payment'' WHERE payment_id = 6'),
	(62, 'UPDATE payment SET kind = ''credit_note'' WHERE payment_id = 1'),
	(63, 'UPDATE payment SET kind = ''credit_application'' WHERE payment_id = 1'),
	(64, 'DELETE FROM credit_note_application'),
	(65, 'UPDATE credit_note_application SET payment_id = 1'),
	(66, 'UPDATE credit_note_application SET credit_note_id = 3'),
	(67, 'UPDATE credit_note_application SET credit_note_id = 999'),
	(68, 'INSERT INTO credit_note_application (payment_id, credit_note_id) VALUES (1, 3)'),
	(69, 'INSERT INTO credit_note_application (payment_id, credit_note_id) VALUES (998, 999)'),
	(70, 'DELETE FROM credit_note_refund'),
	(71, 'UPDATE credit_note_refund SET credit_note_id = 3'),
	(72, 'INSERT INTO credit_note_refund (credit_note_id) VALUES (3)'),
	(73, 'INSERT INTO credit_note_refund (credit_note_id) VALUES (5)'),
	(74, 'INSERT INTO credit_note_refund (credit_note_id) VALUES (999)'),
	-- Two wrongs that make the sums right.
	(80, 'UPDATE invoice SET paid = 29 WHERE invoice_id = 1; UPDATE payment SET amount = 29 WHERE payment_id = 1;
		UPDATE credit_note SET value = 21 WHERE credit_note_id = 3'),
	(81, 'UPDATE payment SET amount = 45 WHERE payment_id = 6; UPDATE payment SET amount = -5 WHERE payment_id = 7;
		UPDATE credit_note SET value = 5 WHERE credit_note_id = 7'),
	(82, 'UPDATE payment SET amount = 40, invoice_id = 7 WHERE payment_id = 1; UPDATE invoice SET paid = 40,
		payment_count = 1, last_payment_id = 1 WHERE invoice_id = 7; UPDATE invoice SET paid = 0, payment_count = 0,
		last_payment_id = NULL WHERE invoice_id = 1; UPDATE credit_note_refund SET credit_note_id = 3')
) v (n, statement) ORDER BY n;

-- What is not wrong is not reported.
SELECT statement, test.plant(statement) FROM (VALUES
	(1, 'UPDATE invoice SET recipient = ''x'', due_time = now()'),
	(2, 'UPDATE payment SET reference = ''x'', entered_by = 1'),
	(3, 'DELETE FROM outbox'),
	(4, 'UPDATE attendee SET email = ''x''')) v (n, statement) ORDER BY n;
SELECT * FROM regpaydb.check_integrity();

-- What it says, in words; it names every problem, and reads the current ledger.
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE invoice SET paid = 31 WHERE invoice_id = 1;
UPDATE line_item SET price = 101 WHERE invoice_id = 2;
UPDATE credit_note SET state = 'applied' WHERE credit_note_id = 3;
SET LOCAL session_replication_role = origin;
SELECT * FROM regpaydb.check_integrity() ORDER BY 1, 2;
SELECT regpaydb.create_ledger('untouched');
SET LOCAL regpaydb.ledger = 'untouched';
SELECT * FROM regpaydb.check_integrity();
ROLLBACK;
SELECT * FROM regpaydb.check_integrity();

-- A wrong total is repaired by update_status.
ALTER TABLE invoice DISABLE TRIGGER invoice_guard_update;
UPDATE invoice SET paid = 31, payment_count = 5 WHERE invoice_id = 1;
ALTER TABLE invoice ENABLE TRIGGER invoice_guard_update;
SELECT object FROM regpaydb.check_integrity() ORDER BY 1;
SELECT regpaydb.update_status(1);
SELECT paid, payment_count FROM invoice WHERE invoice_id = 1;
SELECT * FROM regpaydb.check_integrity();

-- Invoices that replace each other, though what they have is the same; and successors
-- that nothing was paid on.
SELECT test.new_ledger('integrity_replaces');
UPDATE conference SET auto_apply_credit = false;
SELECT test.invoice(1, 50) AS invoice_id, regpaydb.pay(i, 50, '') AS payment_id, regpaydb.refund_invoice(i) AS credit_note_id, 'refunded' AS what
FROM generate_series(1, 3) i;
SELECT test.invoice(1, 50) AS invoice_id, 'unpaid' AS what;
SELECT test.invoice(1, 50) AS invoice_id, 'void' AS what, regpaydb.void_invoice(5);
SELECT test.invoice(1, 50) AS invoice_id, 'paid' AS what, regpaydb.pay(6, 50, '') AS payment_id;
CREATE FUNCTION test.succession(VARIADIC pairs bigint[]) RETURNS text LANGUAGE sql AS $$
	SELECT test.plant(string_agg(format('UPDATE invoice SET replaces = %s WHERE invoice_id = %s', pairs[n + 1], pairs[n]), ';'))
	FROM generate_series(1, array_length(pairs, 1), 2) n
$$;
SELECT test.succession(1, 1) AS itself, test.succession(1, 2, 2, 1) AS two, test.succession(1, 2, 2, 3, 3, 1) AS three,
	test.succession(1, 1, 6, 2) AS itself_beside_another, test.succession(1, 2, 2, 1, 6, 3) AS two_beside_another;
SELECT test.succession(4, 1) AS unpaid, test.succession(5, 1) AS void, test.succession(2, 1, 4, 2) AS unpaid_in_a_chain;
SELECT test.succession(6, 1) AS paid, test.succession(2, 1, 6, 2) AS a_chain, test.succession(1, 2, 2, 3, 6, 1) AS backwards,
	test.succession(2, 1, 3, 2, 6, 3) AS a_long_one;
-- In words.
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE invoice SET replaces = CASE invoice_id WHEN 1 THEN 2 WHEN 2 THEN 1 ELSE 3 END WHERE invoice_id IN (1, 2, 4);
SET LOCAL session_replication_role = origin;
SELECT * FROM regpaydb.check_integrity() ORDER BY 1, 2;
ROLLBACK;
SELECT * FROM regpaydb.check_integrity();

DROP FUNCTION test.succession;
DROP FUNCTION test.plant(text);
SELECT * FROM test.money();
