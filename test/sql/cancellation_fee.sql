-- Cancellation fees: a percentage of a credit note, invoiced and paid by it.
SET client_min_messages = warning;
SELECT test.new_ledger('cancellation_fee');
CREATE FUNCTION test.note(attendee_id bigint, value numeric) RETURNS bigint
	LANGUAGE plpgsql AS $$
DECLARE
	id bigint := test.invoice(attendee_id, value);
BEGIN
	PERFORM regpaydb.pay(id, value, 'to be refunded');
	RETURN regpaydb.refund_invoice(id);
END $$;
-- (An invoice takes notes that are there already: so make them at once.)
UPDATE conference SET auto_apply_credit = false;
SELECT test.note(1, 50) AS older \gset
SELECT test.note(1, 200) AS note \gset
UPDATE conference SET auto_apply_credit = true;

-- 15 % of 200: an invoice of 30, paid, due in one day, and a new note of 170.
SELECT regpaydb.cancellation_fee(:note, 15) AS fee \gset
SELECT attendee_id, recipient, status, value, paid, payment_count,
	due_time = issue_time + interval '1 day' AS due_in_a_day,
	cart_id FROM invoice WHERE invoice_id = :fee;
SELECT quantity, price, product_id FROM line_item WHERE invoice_id = :fee;
SELECT kind, amount FROM payment WHERE invoice_id = :fee ORDER BY payment_id;
-- It is this note that paid, and the older one is untouched.
SELECT credit_note_id = :note AS this_note FROM credit_note_application;
SELECT credit_note_id = :older AS older, credit_note_id = :note AS this_note, attendee_id, value, state
FROM credit_note ORDER BY credit_note_id;

-- All of it: no note is left.
SELECT regpaydb.cancellation_fee(:older, 100) AS fee \gset
SELECT status, value, paid FROM invoice WHERE invoice_id = :fee;
SELECT value, state FROM credit_note ORDER BY credit_note_id;

-- Unpaid invoices of the attendee neither hinder it nor take anything of it.
SELECT max(credit_note_id) AS rest FROM credit_note \gset
UPDATE conference SET auto_apply_credit = false;
SELECT test.invoice(1, 1000) AS unpaid \gset
UPDATE conference SET auto_apply_credit = true;
SELECT regpaydb.cancellation_fee(:rest, 50) AS fee \gset
SELECT invoice_id = :fee AS fee, status, value, paid FROM invoice
WHERE invoice_id IN (:fee, :unpaid) ORDER BY invoice_id;

-- Rounded half up, to the cent.
CREATE TABLE test.fee (n int, value numeric, percentage numeric, expected numeric, note bigint, invoice bigint);
INSERT INTO test.fee VALUES
	(1, 0.10, 5, 0.01),		-- 0.005
	(2, 0.10, 4.9, NULL),		-- 0.0049 is 0
	(3, 0.10, 14.9, 0.01),		-- 0.0149
	(4, 0.10, 15, 0.02),		-- 0.015
	(5, 0.10, 25, 0.03),		-- 0.025: not to even
	(6, 99.99, 33.333, 33.33),	-- 33.3296667
	(7, 10.01, 50, 5.01),		-- 5.005
	(8, 149.00, 12.5, 18.63),	-- 18.625
	(9, 100, 0.005, 0.01),		-- 0.005
	(10, 100, 0.00499999999999999999, NULL),
	(11, 0.01, 50, 0.01),		-- 0.005
	(12, 0.01, 49.9999999999, NULL),
	(13, 0.01, 100, 0.01),
	(14, 33.33, 99.999, 33.33),	-- 33.3296667: all of it
	(15, 999999999999.99, 50, 500000000000.00),
	(16, 999999999999.99, 100, 999999999999.99),
	(17, 123456789012.34, 0.00000001, 12.35);	-- 12.345678901234
-- One after the other, with notes of Bob's.
UPDATE conference SET auto_apply_credit = false;
DO $$
DECLARE
	f record;
	this_note bigint;
BEGIN
	FOR f IN SELECT * FROM test.fee ORDER BY n LOOP
		this_note := test.note(2, f.value);
		UPDATE test.fee SET note = this_note, invoice = regpaydb.cancellation_fee(this_note, f.percentage)
		WHERE n = f.n;
	END LOOP;
END $$;
SELECT f.n, f.value, f.percentage, f.expected, i.value AS fee, i.status,
	f.expected IS NOT DISTINCT FROM i.value AS as_expected, c.state,
	(SELECT -amount FROM payment p WHERE p.invoice_id = i.invoice_id AND kind = 'credit_note') AS left_over
FROM test.fee f LEFT JOIN invoice i ON i.invoice_id = f.invoice
LEFT JOIN credit_note c ON c.credit_note_id = f.note
ORDER BY n;
DROP TABLE test.fee;

-- Zero percent: NULL, and nothing is done.
SELECT test.note(1, 100) AS n100 \gset
SELECT count(*) AS invoices FROM invoice \gset
SELECT count(*) AS told FROM outbox \gset
SELECT regpaydb.cancellation_fee(:n100, 0) IS NULL AS nothing;
SELECT regpaydb.cancellation_fee(:n100, 0.0001) IS NULL AS nothing;
SELECT count(*) = :invoices AS same FROM invoice;
SELECT count(*) = :told AS same FROM outbox;
SELECT state FROM credit_note WHERE credit_note_id = :n100;

-- Out of range (RP003), unknown (RP002), claimed already (RP006).
SELECT call, test.raises(replace(call, '#', :n100::text)) FROM (VALUES
	(1, 'SELECT regpaydb.cancellation_fee(#, -0.01)'),
	(2, 'SELECT regpaydb.cancellation_fee(#, 100.01)'),
	(3, 'SELECT regpaydb.cancellation_fee(#, ''NaN'')'),
	(4, 'SELECT regpaydb.cancellation_fee(#, ''Infinity'')'),
	(5, 'SELECT regpaydb.cancellation_fee(#, ''-Infinity'')'),
	(6, 'SELECT regpaydb.cancellation_fee(#, NULL)'),
	(7, 'SELECT regpaydb.cancellation_fee(NULL, 10)'),
	(8, 'SELECT regpaydb.cancellation_fee(999999, 10)')) c (n, call) ORDER BY n;
SELECT test.raises(format('SELECT regpaydb.cancellation_fee(%s, %s)', :note, p))
FROM unnest(ARRAY[0, 15]) WITH ORDINALITY u (p, n) ORDER BY n;
SELECT state FROM credit_note WHERE credit_note_id = :n100;

DROP FUNCTION test.note(bigint, numeric);
SELECT conserved FROM test.money();
SELECT * FROM regpaydb.check_integrity();
