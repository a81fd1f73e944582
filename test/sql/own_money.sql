-- A reversal takes the money of its own payment before any other, also where a credit
-- note has that; what the other payments brought can go back to them still.
SET client_min_messages = warning;
SELECT test.new_ledger('own_money');
UPDATE conference SET auto_apply_credit = false;
CREATE FUNCTION trails() RETURNS TABLE (payment text, trail text) LANGUAGE sql AS $$
	SELECT provider_ref, regpaydb.payment_summary(provider, provider_ref) FROM payment
	WHERE provider IS NOT NULL ORDER BY payment_id
$$;
CREATE FUNCTION sources(note bigint) RETURNS TABLE (payment text, amount numeric, refundable numeric) LANGUAGE sql AS $$
	SELECT provider_ref, amount, refundable FROM regpaydb.refund_sources(note)
$$;
CREATE FUNCTION newest() RETURNS bigint LANGUAGE sql AS 'SELECT max(credit_note_id) FROM credit_note';

-- Cancelled, and paid by two: the note has the money of both.
SELECT test.invoice(1, 100) AS invoice \gset
SELECT regpaydb.pay(:invoice, 60, '', 'card', 'a') > 0 AND regpaydb.pay(:invoice, 40, '', 'card', 'b') > 0 AS paid,
	regpaydb.refund_invoice(:invoice) > 0 AS cancelled;
SELECT regpaydb.record_reversal('card', 'a', 50, 'ra') AS reversal;
SELECT * FROM trails();
SELECT * FROM sources(newest());
SELECT regpaydb.request_refund(newest(), 'rest') > 0 AS requested;
SELECT p.provider_ref, t.amount FROM credit_note_refund_part t LEFT JOIN payment p USING (payment_id) ORDER BY 1;

-- Paid too much by one, and late by another: each has a note of its own.
SELECT test.invoice(1, 60) AS invoice \gset
SELECT regpaydb.pay(:invoice, 200, '', 'card', 'c') > 0 AND regpaydb.record_payment(:invoice, 50, '', 'card', 'd') > 0 AS paid;
SELECT regpaydb.record_reversal('card', 'c', 180, 'rc') AS reversal;
SELECT * FROM trails() WHERE payment IN ('c', 'd');
SELECT * FROM sources(newest());

-- It came back when a refund failed, and in part.
SELECT test.invoice(1, 30) AS invoice \gset
SELECT regpaydb.pay(:invoice, 20, '', 'card', 'e') > 0 AND regpaydb.pay(:invoice, 40, '', 'card', 'f') > 0
	AND regpaydb.record_payment(:invoice, 25, '', 'card', 'g') > 0 AS paid, regpaydb.refund_invoice(:invoice) > 0 AS cancelled;
SELECT credit_note_id, value FROM credit_note JOIN payment ON payment_id = credit_note_id WHERE invoice_id = :invoice ORDER BY 1;
SELECT regpaydb.fail_refund(regpaydb.request_refund(credit_note_id, ''), 'closed') > 0 AS failed FROM credit_note WHERE state = 'unclaimed' AND value = 30;
SELECT regpaydb.record_reversal('card', 'e', 7, 'e1') > 0 AS reversed;
SELECT * FROM trails() WHERE payment BETWEEN 'e' AND 'g';
SELECT regpaydb.record_reversal('card', 'f', 9, 'f1') > 0 AND regpaydb.record_reversal('card', 'e', 3, 'e2') > 0
	AND regpaydb.record_reversal('card', 'f', 14, 'f2') > 0 AS reversed;
SELECT * FROM trails() WHERE payment BETWEEN 'e' AND 'g';
SELECT s.* FROM credit_note n JOIN payment ON payment_id = credit_note_id, sources(credit_note_id) s
	WHERE invoice_id = :invoice AND state = 'unclaimed' ORDER BY credit_note_id, payment;
SELECT * FROM regpaydb.check_integrity();

-- The refund of a note fails that came from somebody else's invoice: it is hers once.
SELECT test.invoice(1, 10) AS hers, test.invoice(2, 10) AS his \gset
SELECT regpaydb.pay(:hers, 110, '') > 0 AS "100 too much";
SELECT regpaydb.apply_credit_note(newest(), :his) > 0 AS applied;
SELECT regpaydb.fail_refund(regpaydb.request_refund(newest(), 'back'), 'card expired') > 0 AS failed;
SELECT attendee_id, balance, (SELECT sum(value) FROM credit_note n WHERE n.attendee_id = s.attendee_id AND state = 'unclaimed') AS credit,
	(SELECT sum(value - paid) FROM invoice i WHERE i.attendee_id = s.attendee_id AND status = 'unpaid') AS due
FROM (SELECT DISTINCT ON (attendee_id) attendee_id, balance FROM report_attendee_statement ORDER BY attendee_id, entry_number DESC) s
ORDER BY attendee_id;
SELECT entry_number, entry, amount, balance FROM report_attendee_statement WHERE attendee_id = 2 ORDER BY 1;
SELECT entry, amount FROM report_attendee_statement WHERE attendee_id = 1 ORDER BY entry_number DESC LIMIT 5;
SELECT * FROM regpaydb.check_integrity();
