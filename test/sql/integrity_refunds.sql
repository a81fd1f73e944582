-- check_integrity() of refunds and reversals: a sound ledger has none of its problems,
-- and each of what somebody could have changed past the guards is one.
SET client_min_messages = warning;
SELECT test.new_ledger('integrity_refunds');
UPDATE conference SET auto_apply_credit = false;

-- Refund 1 is done, of two payments; 2 is requested; 3 has failed; 4 is done, and has no
-- parts, as those of before version 0.3.0.  Reversal 1 took a note and more, 2 is a loss.
SELECT test.invoice(1, 100) AS invoice_id, 'payments 1 and 2, refund 1' AS what;
SELECT regpaydb.record_payment(1, 60, '', 'card', 'a1') AS p1, regpaydb.record_payment(1, 40, '', 'card', 'a2') AS p2, regpaydb.refund_invoice(1) AS n3;
SELECT regpaydb.request_refund(3, 'both') AS refund, regpaydb.confirm_refund(1, 'card', 're_1');
SELECT test.invoice(1, 50) AS invoice_id, 'payment 4, note 5, refund 2' AS what;
SELECT regpaydb.record_payment(2, 80, '', 'card', 'b1') AS p4, regpaydb.request_refund(5, 'some', '[{"payment_id": 4, "amount": 20}]') AS refund;
SELECT test.invoice(2, 20) AS invoice_id, 'payment 6, note 7, refund 3 failed by payment 8, note 9' AS what;
SELECT regpaydb.record_payment(3, 35, '', 'card', 'c1') AS p6, regpaydb.request_refund(7, 'x') AS refund, regpaydb.fail_refund(3, 'closed') AS n9;
SELECT test.invoice(2, 10) AS invoice_id, 'payment 10, note 11, refund 4' AS what;
SELECT regpaydb.record_payment(4, 10, '', 'card', 'd1') AS p10, regpaydb.refund_credit_note(regpaydb.refund_invoice(4), 'old') AS refund;
SELECT test.invoice(1, 30) AS invoice_id, 'payments 12 and 13, note 14, reversal 1 by 15 (of 14) and 16, note 17' AS what;
SELECT regpaydb.record_payment(5, 30, '', 'card', 'e1') AS p12, regpaydb.record_payment(5, 20, '', 'card', 'e2') AS p13, regpaydb.record_reversal('card', 'e1', 15, 'dp_1') AS reversal;
SELECT test.invoice(1, 5) AS invoice_id, test.invoice(1, 25) AS other, 'payment 18, note 19, put on invoice 7 by 20, reversal 2 a loss of 25 of 30 by 21' AS what;
SELECT regpaydb.record_payment(6, 30, '', 'card', 'f1') AS p18, regpaydb.apply_credit_note(19, 7) AS p20, regpaydb.record_reversal('card', 'f1', 30, 'dp_2') AS reversal;
SET session_replication_role = replica;
DELETE FROM credit_note_refund_part WHERE credit_note_refund_id = 4;
UPDATE credit_note_refund SET closed_time = NULL, closed_by = NULL WHERE credit_note_refund_id = 4;
RESET session_replication_role;
SELECT payment_id, invoice_id, kind, amount FROM payment ORDER BY 1;
SELECT credit_note_refund_id, credit_note_id, state, closed_time IS NOT NULL AS ended, provider, provider_ref, failure_reason, returned_payment_id FROM credit_note_refund ORDER BY 1;
SELECT * FROM credit_note_refund_part ORDER BY 1;
SELECT reversal_id, payment_id, amount, loss, reversing_payment_id FROM reversal ORDER BY 1;
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
	WHEN OTHERS THEN
		RETURN SQLSTATE || ': ' || SQLERRM;
	END;
END $$;
SELECT statement, test.plant(statement) FROM (VALUES
	-- Refunds, and how they end.
	(10, 'UPDATE credit_note_refund SET state = ''failed'' WHERE credit_note_refund_id = 1'),
	(11, 'UPDATE credit_note_refund SET state = ''failed'', failure_reason = ''x'', provider = NULL, provider_ref = NULL WHERE credit_note_refund_id = 1'),
	(12, 'UPDATE credit_note_refund SET state = ''done'' WHERE credit_note_refund_id = 3'),
	(13, 'UPDATE credit_note_refund SET state = ''done'', failure_reason = NULL, returned_payment_id = NULL WHERE credit_note_refund_id = 3'),
	(14, 'UPDATE credit_note_refund SET state = ''requested'' WHERE credit_note_refund_id = 1'),
	(15, 'UPDATE credit_note_refund SET state = ''requested'' WHERE credit_note_refund_id = 3'),
	(16, 'UPDATE credit_note_refund SET returned_payment_id = NULL WHERE credit_note_refund_id = 3'),
	(17, 'UPDATE credit_note_refund SET returned_payment_id = 999 WHERE credit_note_refund_id = 3'),
	(18, 'UPDATE credit_note_refund SET returned_payment_id = 6 WHERE credit_note_refund_id = 3'),
	(19, 'UPDATE credit_note_refund SET returned_payment_id = 8 WHERE credit_note_refund_id = 2'),
	(20, 'UPDATE payment SET invoice_id = 1 WHERE payment_id = 8'),
	(21, 'UPDATE payment SET amount = 14 WHERE payment_id = 8'),
	(22, 'UPDATE payment SET kind = ''payment'' WHERE payment_id = 8'),
	(23, 'DELETE FROM payment WHERE payment_id = 8'),
	(24, 'DELETE FROM credit_note_refund WHERE credit_note_refund_id = 3'),
	(25, 'UPDATE credit_note_refund SET closed_time = now() WHERE credit_note_refund_id = 2'),
	(26, 'UPDATE credit_note_refund SET provider = ''card'' WHERE credit_note_refund_id = 2'),
	(27, 'UPDATE credit_note_refund SET failure_reason = ''x'' WHERE credit_note_refund_id = 2'),
	(28, 'UPDATE credit_note_refund SET failure_reason = ''x'' WHERE credit_note_refund_id = 1'),
	(29, 'UPDATE credit_note_refund SET failure_reason = NULL WHERE credit_note_refund_id = 3'),
	(30, 'UPDATE credit_note_refund SET closed_time = NULL WHERE credit_note_refund_id = 3'),
	(31, 'UPDATE credit_note_refund SET provider = ''card'', provider_ref = ''x'' WHERE credit_note_refund_id = 3'),
	(32, 'INSERT INTO payment (invoice_id, amount, kind) VALUES (3, 1, ''refund_failed'')'),
	(33, 'UPDATE payment SET kind = ''refund_failed'' WHERE payment_id = 1'),
	(34, 'UPDATE credit_note_refund SET credit_note_id = 9 WHERE credit_note_refund_id = 2'),
	(35, 'UPDATE credit_note SET state = ''unclaimed'' WHERE credit_note_id = 7'),
	(36, 'UPDATE credit_note SET value = 31 WHERE credit_note_id = 5'),
	-- Parts.
	(40, 'UPDATE credit_note_refund_part SET amount = 59 WHERE credit_note_refund_part_id = 1'),
	(41, 'DELETE FROM credit_note_refund_part WHERE credit_note_refund_part_id = 1'),
	(42, 'DELETE FROM credit_note_refund_part WHERE payment_id IS NULL'),
	(43, 'INSERT INTO credit_note_refund_part (credit_note_refund_id, amount) VALUES (1, 1)'),
	(44, 'INSERT INTO credit_note_refund_part (credit_note_refund_id, payment_id, amount) VALUES (4, 10, 11)'),
	(45, 'INSERT INTO credit_note_refund_part (credit_note_refund_id, payment_id, amount) VALUES (4, 10, 9)'),
	(46, 'UPDATE credit_note_refund_part SET credit_note_refund_id = 4 WHERE credit_note_refund_part_id = 1'),
	(47, 'UPDATE credit_note_refund_part SET credit_note_refund_id = 999 WHERE credit_note_refund_id = 2'),
	(48, 'UPDATE credit_note_refund_part SET amount = 120 - amount WHERE credit_note_refund_id = 1'),
	(49, 'UPDATE credit_note_refund_part SET amount = 100 - amount WHERE credit_note_refund_id = 1'),
	(50, 'UPDATE credit_note_refund_part SET payment_id = 999 WHERE credit_note_refund_part_id = 1'),
	(51, 'UPDATE credit_note_refund_part SET payment_id = 3 WHERE credit_note_refund_part_id = 1'),
	(52, 'UPDATE credit_note_refund_part SET payment_id = 20 WHERE credit_note_refund_id = 2 AND payment_id IS NOT NULL'),
	(53, 'UPDATE credit_note_refund_part SET payment_id = 8 WHERE credit_note_refund_id = 2 AND payment_id IS NOT NULL'),
	(54, 'UPDATE credit_note_refund_part SET payment_id = 2 WHERE credit_note_refund_id = 2 AND payment_id IS NOT NULL'),
	(55, 'UPDATE credit_note_refund_part SET payment_id = 16 WHERE credit_note_refund_id = 2 AND payment_id IS NOT NULL'),
	-- Reversals.
	(60, 'UPDATE reversal SET amount = 16 WHERE reversal_id = 1'),
	(61, 'UPDATE reversal SET amount = 14 WHERE reversal_id = 1'),
	(62, 'UPDATE reversal SET loss = 1 WHERE reversal_id = 1'),
	(63, 'UPDATE reversal SET loss = 15 WHERE reversal_id = 1'),
	(65, 'UPDATE reversal SET loss = 24 WHERE reversal_id = 2'),
	(66, 'UPDATE reversal SET reversing_payment_id = NULL WHERE reversal_id = 1'),
	(67, 'UPDATE reversal SET reversing_payment_id = 999 WHERE reversal_id = 1'),
	(68, 'UPDATE reversal SET reversing_payment_id = 14 WHERE reversal_id = 1'),
	(69, 'UPDATE reversal SET reversing_payment_id = 15 WHERE reversal_id = 1'),
	(70, 'UPDATE reversal SET payment_id = 18 WHERE reversal_id = 1'),
	(72, 'UPDATE reversal SET payment_id = 15 WHERE reversal_id = 1'),
	(73, 'UPDATE reversal SET payment_id = 999 WHERE reversal_id = 1'),
	(74, 'UPDATE reversal SET payment_id = 1 WHERE reversal_id = 2'),
	(75, 'DELETE FROM reversal WHERE reversal_id = 1'),
	(76, 'DELETE FROM reversal WHERE reversal_id = 2'),
	(77, 'DELETE FROM payment WHERE payment_id = 16'),
	(78, 'UPDATE payment SET kind = ''payment'' WHERE payment_id = 16'),
	(79, 'UPDATE payment SET amount = -14 WHERE payment_id = 16'),
	(80, 'UPDATE payment SET invoice_id = 6 WHERE payment_id = 16'),
	(81, 'INSERT INTO payment (invoice_id, amount, kind) VALUES (2, -1, ''reversal'')'),
	(82, 'INSERT INTO reversal (payment_id, provider, reversal_ref, amount, loss) VALUES (12, ''x'', ''x'', 15.01, 15.01)'),
	(83, 'INSERT INTO reversal (payment_id, provider, reversal_ref, amount, loss) VALUES (6, ''x'', ''x'', 35.01, 35.01)'),
	(84, 'INSERT INTO reversal (payment_id, provider, reversal_ref, amount) VALUES (4, ''x'', ''x'', 1)'),
	(85, 'INSERT INTO reversal (payment_id, provider, reversal_ref, amount, loss) VALUES (1, ''x'', ''x'', 0.01, 0.01)'),
	(86, 'INSERT INTO reversal (payment_id, provider, reversal_ref, amount, loss) VALUES (20, ''x'', ''x'', 1, 1)'),
	-- Two wrongs that make the sums right.
	(90, 'UPDATE reversal SET loss = 1 WHERE reversal_id = 1; UPDATE reversal SET loss = 24 WHERE reversal_id = 2'),
	(91, 'UPDATE reversal SET reversing_payment_id = 99 WHERE reversal_id = 1; UPDATE payment SET payment_id = 99 WHERE payment_id = 16; UPDATE reversal SET payment_id = 18 WHERE reversal_id = 1')
) v (n, statement) ORDER BY n;

-- What the rows can't tell: a larger loss than there was, which of an invoice's payments
-- was reversed, and money that came by hand.
SELECT statement, test.plant(statement) FROM (VALUES
	(64, 'UPDATE reversal SET amount = 16, loss = 1 WHERE reversal_id = 1'),
	(71, 'UPDATE reversal SET payment_id = 13 WHERE reversal_id = 1'),
	(92, 'UPDATE credit_note_refund SET returned_payment_id = NULL, state = ''done'', failure_reason = NULL WHERE credit_note_refund_id = 3; UPDATE payment SET kind = ''manual'' WHERE payment_id = 8')
) v (n, statement) ORDER BY n;

-- What is not wrong is not reported: a reference that was forgotten, parts that are gone
-- altogether, as those of an upgraded refund, another user, other times.
SELECT statement, test.plant(statement) FROM (VALUES
	(1, 'UPDATE credit_note_refund SET provider_ref = NULL WHERE credit_note_refund_id = 1'),
	(2, 'UPDATE credit_note_refund SET provider = NULL, provider_ref = NULL WHERE credit_note_refund_id = 1'),
	(3, 'DELETE FROM credit_note_refund_part'),
	(4, 'UPDATE credit_note_refund SET entered_by = 1, closed_by = 1, reference = ''x'', "time" = ''2020-01-01'''),
	(5, 'UPDATE credit_note_refund SET failure_reason = '''' WHERE credit_note_refund_id = 3'),
	(6, 'UPDATE reversal SET entered_by = 1, reference = ''x'', provider = ''y'''),
	(7, 'UPDATE credit_note_refund_part SET credit_note_refund_part_id = -credit_note_refund_part_id'),
	(8, 'DELETE FROM outbox'),
	(9, 'UPDATE credit_note_refund SET state = ''done'', closed_time = now() WHERE credit_note_refund_id = 2')) v (n, statement) ORDER BY n;

-- In words.
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE credit_note_refund SET returned_payment_id = 6, provider = 'card' WHERE credit_note_refund_id = 3;
UPDATE credit_note_refund SET state = 'failed', failure_reason = 'x' WHERE credit_note_refund_id = 2;
UPDATE credit_note_refund_part SET amount = 59, payment_id = 8 WHERE credit_note_refund_part_id = 1;
UPDATE credit_note_refund_part SET payment_id = 999, amount = 45 WHERE credit_note_refund_part_id = 2;
UPDATE reversal SET loss = 2 WHERE reversal_id = 1;
UPDATE reversal SET reversing_payment_id = NULL WHERE reversal_id = 2;
INSERT INTO reversal (payment_id, provider, reversal_ref, amount, reversing_payment_id) VALUES (12, 'x', 'x', 1, 998);
UPDATE credit_note_refund SET returned_payment_id = 997 WHERE credit_note_refund_id = 4;
SET LOCAL session_replication_role = origin;
\a
\t
SELECT object, regexp_replace(problem, '\([^)]*20\d\d[^)]*\)', '(then)') FROM regpaydb.check_integrity() ORDER BY 1, 2;
\t
\a
ROLLBACK;
SELECT * FROM regpaydb.check_integrity();
SELECT * FROM test.money();
DROP FUNCTION test.plant;
