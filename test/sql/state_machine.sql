-- The state machine of an invoice (spec section 4): every status, and whatever
-- can happen to it.
SET client_min_messages = warning;
SELECT test.new_ledger('state_machine');
-- Credit notes stay where they are, so that each invoice stands for itself.
UPDATE conference SET auto_apply_credit = false;

-- An invoice of value 100 (or of 0) of Alice's, in the state that is asked for.
CREATE FUNCTION test.invoice_in_state(state text) RETURNS bigint
	LANGUAGE plpgsql AS $$
DECLARE
	id bigint := test.invoice(1, CASE WHEN state LIKE '%value 0%' THEN 0 ELSE 100 END);
BEGIN
	CASE state
		WHEN 'unpaid', 'paid, value 0' THEN NULL;
		WHEN 'unpaid, 40 paid' THEN PERFORM regpaydb.pay(id, 40, '');
		WHEN 'paid' THEN PERFORM regpaydb.pay(id, 100, '');
		WHEN 'refunded' THEN
			PERFORM regpaydb.pay(id, 100, '');
			PERFORM regpaydb.refund_invoice(id);
		WHEN 'void' THEN PERFORM regpaydb.void_invoice(id);
		WHEN 'void, 40 was paid' THEN
			PERFORM regpaydb.pay(id, 40, '');
			PERFORM regpaydb.refund_invoice(id);
	END CASE;
	RETURN id;
END $$;

-- What an event makes of an invoice in a given state: its status, what is paid
-- on it, how many payments more it has, and the credit notes that came of it.
-- '$' in the event is the invoice; '#' is a fresh credit note of 60.
CREATE FUNCTION test.outcome(state text, event text,
		OUT status regpaydb.invoice_status, OUT paid numeric, OUT more_payments bigint,
		OUT notes text, OUT error text)
	LANGUAGE plpgsql AS $$
DECLARE
	id bigint := test.invoice_in_state(state);
	source bigint;
	note bigint;
	before bigint;
	last_note bigint;
BEGIN
	IF event LIKE '%#%' THEN
		source := test.invoice(1, 60);
		PERFORM regpaydb.pay(source, 60, '');
		note := regpaydb.refund_invoice(source);
	END IF;
	SELECT payment_count INTO before FROM invoice WHERE invoice_id = id;
	SELECT coalesce(max(credit_note_id), 0) INTO last_note FROM credit_note;
	error := test.raises(replace(replace(event, '$', id::text), '#', coalesce(note, 0)::text));
	error := CASE WHEN error <> 'no error' THEN left(error, 5) END;
	SELECT i.status, i.paid, i.payment_count - before INTO status, paid, more_payments
		FROM invoice i WHERE invoice_id = id;
	SELECT string_agg(value::text, ', ' ORDER BY credit_note_id) INTO notes
		FROM credit_note WHERE credit_note_id > last_note;
END $$;

CREATE TABLE test.event (n int, event text);
INSERT INTO test.event VALUES
	(1, 'INSERT INTO payment (invoice_id, amount) VALUES ($, 30)'),
	(2, 'INSERT INTO payment (invoice_id, amount) VALUES ($, 100)'),
	(3, 'INSERT INTO payment (invoice_id, amount) VALUES ($, 130)'),
	(4, 'INSERT INTO payment (invoice_id, amount) VALUES ($, -10)'),
	(5, 'INSERT INTO payment (invoice_id, amount) VALUES ($, -40)'),
	(6, 'INSERT INTO payment (invoice_id, amount) VALUES ($, -100)'),
	(7, 'INSERT INTO payment (invoice_id, amount) VALUES ($, -100.01)'),
	(8, 'INSERT INTO payment (invoice_id, amount) VALUES ($, 50), ($, -50)'),
	(9, 'INSERT INTO payment (invoice_id, amount) VALUES ($, -150), ($, 250)'),
	(10, 'SELECT regpaydb.validate_allowed_to_pay($)'),
	(11, 'SELECT regpaydb.pay($, 100, '''')'),
	(12, 'SELECT regpaydb.record_manual_payment($, 100, '''', 900)'),
	(13, 'SELECT regpaydb.record_manual_payment($, -10, '''', 900)'),
	(14, 'SELECT regpaydb.apply_credit_note(#, $)'),
	(15, 'SELECT regpaydb.refund_invoice($)'),
	(16, 'SELECT regpaydb.void_invoice($)'),
	(17, 'SELECT regpaydb.update_status($)');

-- UNPAID: paid when the payments reach its value, what is more becomes a note;
-- void when its payments sum to zero; otherwise it stays.  Nothing takes more
-- out of it than was put in (RP003).
SELECT event, o.* FROM test.event, test.outcome('unpaid', event) o ORDER BY n;

-- UNPAID, with 40 of 100 paid: taking all 40 back voids it; refund_invoice
-- makes a note of them; void_invoice refuses (RP007).
SELECT event, o.* FROM test.event, test.outcome('unpaid, 40 paid', event) o ORDER BY n;

-- PAID: whatever leaves less than its value makes it refunded, and what is
-- left becomes a note.  It takes no more payments (RP001); one that comes all
-- the same becomes a note.
SELECT event, o.* FROM test.event, test.outcome('paid', event) o ORDER BY n;

-- REFUNDED never changes.  Money that comes becomes a note, none can go.
SELECT event, o.* FROM test.event, test.outcome('refunded', event) o ORDER BY n;

-- VOID never changes either; voiding it again does nothing.
SELECT event, o.* FROM test.event, test.outcome('void', event) o ORDER BY n;
SELECT event, o.* FROM test.event, test.outcome('void, 40 was paid', event) o ORDER BY n;

-- An invoice of value zero is paid at once.  As nothing was paid on it,
-- refund_invoice returns no note and voids it, as void_invoice does.
SELECT event, o.* FROM test.event, test.outcome('paid, value 0', event) o ORDER BY n;

-- The edges: one cent below the value, the value, one cent above.
SELECT event, o.* FROM (VALUES
	(1, 'INSERT INTO payment (invoice_id, amount) VALUES ($, 99.99)'),
	(2, 'INSERT INTO payment (invoice_id, amount) VALUES ($, 100.00)'),
	(3, 'INSERT INTO payment (invoice_id, amount) VALUES ($, 100.01)'),
	(4, 'INSERT INTO payment (invoice_id, amount) VALUES ($, 0.01)')) AS edges (n, event),
	test.outcome('unpaid', event) o ORDER BY n;
SELECT event, o.* FROM (VALUES
	(1, 'INSERT INTO payment (invoice_id, amount) VALUES ($, -0.01)'),
	(2, 'INSERT INTO payment (invoice_id, amount) VALUES ($, 0.01)')) AS edges (n, event),
	test.outcome('paid', event) o ORDER BY n;

-- A long life: in parts to paid, over, refunded, and money after that.
SELECT test.invoice(2, 100) AS invoice \gset
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :invoice;
SELECT regpaydb.pay(:invoice, 60, 'part') > 0 AS part;
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :invoice;
SELECT regpaydb.pay(:invoice, 60, 'rest, and 20 too much') > 0 AS rest;
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :invoice;
SELECT regpaydb.refund_invoice(:invoice) > 0 AS refunded;
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :invoice;
INSERT INTO payment (invoice_id, amount) VALUES (:invoice, 5);
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :invoice;
SELECT kind, amount FROM payment WHERE invoice_id = :invoice ORDER BY payment_id;
SELECT n.value, n.state, n.attendee_id FROM credit_note n JOIN payment p ON p.payment_id = n.credit_note_id
WHERE p.invoice_id = :invoice ORDER BY n.credit_note_id;

-- Its history.
SELECT old_status, new_status FROM status_history WHERE invoice_id = :invoice
ORDER BY "time", new_status;

DROP TABLE test.event;
DROP FUNCTION test.outcome(text, text), test.invoice_in_state(text);
SELECT conserved FROM test.money();
SELECT * FROM regpaydb.check_integrity();
