-- Credit notes: made by refunds and overpayments, applied or refunded in full.
SET client_min_messages = warning;
SELECT test.new_ledger('credit_note');
UPDATE conference SET auto_apply_credit = false;

-- A paid invoice of Alice's, refunded into a note.  What does it for short.
CREATE FUNCTION test.note(attendee_id bigint, value numeric) RETURNS bigint
	LANGUAGE plpgsql AS $$
DECLARE
	id bigint := test.invoice(attendee_id, value);
BEGIN
	PERFORM regpaydb.pay(id, value, 'to be refunded');
	RETURN regpaydb.refund_invoice(id);
END $$;

-- ---------------------------------------------------------------------------
-- refund_invoice
-- ---------------------------------------------------------------------------
-- One note for everything that was paid, in however many payments.
SELECT test.invoice(1, 100) AS ticket \gset
SELECT regpaydb.pay(:ticket, 30, 'a') AS p1, regpaydb.pay(:ticket, 70, 'b') AS p2;
SELECT regpaydb.refund_invoice(:ticket) AS ticket_note \gset
SELECT :ticket_note AS credit_note_id;
-- The note is a negative payment of the invoice that it came from.
SELECT payment_id, kind, amount, entered_by FROM payment WHERE invoice_id = :ticket ORDER BY 1;
SELECT * FROM credit_note;
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :ticket;
-- A second click makes no second note (RP008).
SELECT test.raises(format('SELECT regpaydb.refund_invoice(%s)', :ticket));
SELECT regpaydb.available_credit(1);

-- Nothing was paid: no note, and the invoice is void.
SELECT test.invoice(1, 10) AS unpaid \gset
SELECT regpaydb.refund_invoice(:unpaid) IS NULL AS no_note;
SELECT status FROM invoice WHERE invoice_id = :unpaid;
SELECT test.raises(format('SELECT regpaydb.refund_invoice(%s)', :unpaid));
-- A part was paid: it becomes a note, and the invoice is void.
SELECT test.invoice(1, 10) AS part \gset
SELECT regpaydb.pay(:part, 4, 'part') > 0 AS paid;
SELECT regpaydb.refund_invoice(:part) AS part_note \gset
SELECT value, state FROM credit_note WHERE credit_note_id = :part_note;
SELECT status, paid FROM invoice WHERE invoice_id = :part;
SELECT test.raises('SELECT regpaydb.refund_invoice(999999)');

-- ---------------------------------------------------------------------------
-- apply_credit_note
-- ---------------------------------------------------------------------------
-- Exactly the invoice's value.
SELECT test.invoice(1, 100) AS dinner \gset
SELECT regpaydb.apply_credit_note(:ticket_note, :dinner) AS application \gset
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :dinner;
SELECT kind, amount FROM payment WHERE payment_id = :application;
SELECT payment_id = :application AS payment, credit_note_id = :ticket_note AS note FROM credit_note_application;
SELECT state FROM credit_note WHERE credit_note_id = :ticket_note;
-- Once: not again, not to another invoice, nor refunded (RP006).
SELECT test.invoice(1, 5) AS small \gset
SELECT test.raises(format('SELECT regpaydb.apply_credit_note(%s, %s)', :ticket_note, :small));
SELECT test.raises(format('SELECT regpaydb.refund_credit_note(%s, ''cash'')', :ticket_note));
SELECT test.raises(format('SELECT regpaydb.cancellation_fee(%s, 10)', :ticket_note));

-- Less than the invoice: a part payment.
SELECT test.note(1, 30) AS n30 \gset
SELECT test.invoice(1, 100) AS large \gset
SELECT regpaydb.apply_credit_note(:n30, :large) > 0 AS applied;
SELECT status, paid FROM invoice WHERE invoice_id = :large;
-- More than the rest: always the full value; what is left over is a new note.
SELECT test.note(1, 90) AS n90 \gset
SELECT regpaydb.apply_credit_note(:n90, :large) > 0 AS applied;
SELECT status, paid FROM invoice WHERE invoice_id = :large;
SELECT kind, amount FROM payment WHERE invoice_id = :large ORDER BY payment_id;
SELECT attendee_id, value, state FROM credit_note ORDER BY credit_note_id DESC LIMIT 1;

-- The residual of Alice's note on Bob's invoice is Alice's.
SELECT test.note(1, 50) AS alices \gset
SELECT test.invoice(2, 20) AS bobs \gset
SELECT regpaydb.available_credit(1) AS alice, regpaydb.available_credit(2) AS bob;
SELECT regpaydb.apply_credit_note(:alices, :bobs) > 0 AS applied;
SELECT status, paid FROM invoice WHERE invoice_id = :bobs;
SELECT attendee_id, value, state FROM credit_note ORDER BY credit_note_id DESC LIMIT 1;
SELECT regpaydb.available_credit(1) AS alice, regpaydb.available_credit(2) AS bob;
-- When Bob's invoice is refunded then, the money on it is Bob's.
SELECT regpaydb.refund_invoice(:bobs) > 0 AS refunded;
SELECT regpaydb.available_credit(1) AS alice, regpaydb.available_credit(2) AS bob;

-- The invoice is validated first: paid, refunded, void (RP001), unknown (RP002);
-- then the note.  What fails claims nothing.
SELECT test.note(2, 10) AS n10 \gset
SELECT test.raises(format('SELECT regpaydb.apply_credit_note(%s, %s)', note, invoice)) FROM (VALUES
	(1, :n10, :dinner), (2, :n10, :ticket), (3, :n10, :unpaid), (4, :n10, 999999),
	(5, 999999, :small), (6, 1, :small),
	(7, :ticket_note, :dinner)) v (n, note, invoice) ORDER BY n;
SELECT state FROM credit_note WHERE credit_note_id = :n10;
SELECT status, paid FROM invoice WHERE invoice_id = :small;

-- ---------------------------------------------------------------------------
-- refund_credit_note
-- ---------------------------------------------------------------------------
SELECT regpaydb.refund_credit_note(:n10, 'Back to the card of Bob', 900) AS refund_id;
SELECT regpaydb.refund_credit_note(test.note(2, 11), 'Back to the card') AS refund_id;
SELECT credit_note_refund_id, reference, entered_by, value, n.state, r.state AS refund, attendee_id
FROM credit_note_refund r JOIN credit_note n USING (credit_note_id) ORDER BY 1;
SELECT test.raises(format('SELECT regpaydb.refund_credit_note(%s, ''again'')', :n10));
SELECT test.raises(format('SELECT regpaydb.apply_credit_note(%s, %s)', :n10, :small));
SELECT test.raises(format('SELECT regpaydb.cancellation_fee(%s, 10)', :n10));
SELECT test.raises('SELECT regpaydb.refund_credit_note(999999, ''cash'')');

-- One claim ever, enforced by the database: not even rows that are written by
-- hand give a note an application and a refund, or two of either.
SELECT test.note(1, 7) AS n7 \gset
SELECT statement, test.raises(replace(replace(statement, '#', :n10::text), '%', :n7::text)) FROM (VALUES
	(1, 'INSERT INTO credit_note_refund (credit_note_id) VALUES (#)'),
	(2, 'INSERT INTO credit_note_application (payment_id, credit_note_id) VALUES (1, #)'),
	(3, 'INSERT INTO credit_note_refund (credit_note_id) VALUES (%)'),
	(4, 'INSERT INTO credit_note_application (payment_id, credit_note_id) VALUES (1, %)'),
	(5, 'INSERT INTO credit_note_refund (credit_note_id, claim) VALUES (%, ''unclaimed'')')) v (n, statement) ORDER BY n;

-- ---------------------------------------------------------------------------
-- A new invoice takes the attendee's notes, oldest first
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('credit_note_auto');
UPDATE conference SET auto_apply_credit = false;
SELECT test.note(2, 5) AS bobs \gset
SELECT test.note(1, 10) AS first \gset
SELECT test.note(1, 20) AS second \gset
SELECT test.note(1, 30) AS third \gset
UPDATE conference SET auto_apply_credit = true;
-- 25 takes 10 and 20; 5 is left over, as a new note, and the third is untouched.
SELECT test.invoice(1, 25) AS invoice \gset
SELECT status, paid FROM invoice WHERE invoice_id = :invoice;
SELECT kind, amount FROM payment WHERE invoice_id = :invoice ORDER BY payment_id;
SELECT attendee_id, value, state FROM credit_note ORDER BY credit_note_id;
-- 100 takes all that is left (30, then 5, which is younger), and stays unpaid.
SELECT test.invoice(1, 100) AS invoice \gset
SELECT status, paid FROM invoice WHERE invoice_id = :invoice;
SELECT kind, amount FROM payment WHERE invoice_id = :invoice ORDER BY payment_id;
SELECT regpaydb.available_credit(1), regpaydb.available_credit(2);
-- Only the sole unpaid invoice: a second one takes nothing, whatever there is.
UPDATE conference SET auto_apply_credit = false;
SELECT test.note(1, 40) AS n40 \gset
UPDATE conference SET auto_apply_credit = true;
SELECT test.invoice(1, 40) AS other \gset
SELECT status, paid FROM invoice WHERE invoice_id = :other;
SELECT regpaydb.available_credit(1);
-- An unpaid invoice of Bob's is no hindrance to Alice, nor a paid, void or
-- refunded one of hers.
SELECT regpaydb.void_invoice(:other);
SELECT regpaydb.pay(:invoice, 65, 'rest') > 0 AS paid;
UPDATE conference SET auto_apply_credit = false;
SELECT test.invoice(2, 1000) AS bobs_invoice \gset
UPDATE conference SET auto_apply_credit = true;
SELECT test.invoice(1, 40) AS again \gset
SELECT status, paid FROM invoice WHERE invoice_id = :again;
SELECT regpaydb.available_credit(1), regpaydb.available_credit(2);
-- auto_apply_credit = false: notes wait until they are applied.
SELECT regpaydb.refund_invoice(:again) > 0 AS refunded;
UPDATE conference SET auto_apply_credit = false;
SELECT test.invoice(1, 40) AS third_time \gset
SELECT status, paid FROM invoice WHERE invoice_id = :third_time;
SELECT regpaydb.available_credit(1);

-- An invoice of value zero takes no note.
SELECT regpaydb.void_invoice(:third_time);
UPDATE conference SET auto_apply_credit = true;
SELECT test.invoice(1, 0) AS free \gset
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :free;
SELECT regpaydb.available_credit(1);

-- "Oldest" is by the time of the payment that the note is, not by its number.
SELECT test.new_ledger('credit_note_oldest');
SELECT test.invoice(1, 10) AS a \gset
SELECT regpaydb.void_invoice(:a);
INSERT INTO payment (payment_id, invoice_id, amount) VALUES (50, :a, 1);
INSERT INTO payment (payment_id, invoice_id, amount) VALUES (51, :a, 2);
SELECT credit_note_id, value FROM credit_note ORDER BY 1;
ALTER TABLE payment DISABLE TRIGGER payment_guard;
UPDATE payment SET "time" = "time" - interval '1 hour' WHERE payment_id = 2;
ALTER TABLE payment ENABLE TRIGGER payment_guard;
SELECT test.invoice(1, 2) AS b \gset
SELECT credit_note_id, value, state FROM credit_note ORDER BY 1;

-- available_credit counts unclaimed notes only, of a known attendee.
SELECT regpaydb.available_credit(1), regpaydb.available_credit(2);
SELECT test.raises('SELECT regpaydb.available_credit(999)');

-- On whose behalf: Bob can neither see nor use Alice's note, nor even his own:
-- that is for staff (RP010).
UPDATE conference SET auto_apply_credit = false;
SELECT test.note(2, 8) AS bobs_note, test.note(1, 9) AS alices_note \gset
SELECT test.invoice(2, 8) AS bobs_invoice, test.invoice(1, 9) AS alices_invoice \gset
SET regpaydb.user_id = '102';
SELECT call, split_part(test.raises(call), ':', 1) AS code FROM (VALUES
	(1, 'SELECT regpaydb.available_credit(1)'),
	(2, format('SELECT regpaydb.apply_credit_note(%s, %s)', :alices_note, :bobs_invoice)),
	(3, format('SELECT regpaydb.apply_credit_note(%s, %s)', :bobs_note, :alices_invoice)),
	(4, format('SELECT regpaydb.refund_credit_note(%s, ''mine!'')', :alices_note)),
	(5, format('SELECT regpaydb.cancellation_fee(%s, 50)', :alices_note)),
	(6, format('SELECT regpaydb.refund_invoice(%s)', :alices_invoice)),
	(7, format('SELECT regpaydb.void_invoice(%s)', :alices_invoice)),
	(8, 'SELECT test.invoice(1, 10)'),
	(9, 'SELECT regpaydb.rotate_access_code(1)'),
	(10, 'SELECT regpaydb.available_credit(2)'),
	(11, format('SELECT regpaydb.apply_credit_note(%s, %s)', :bobs_note, :bobs_invoice))
) c (n, call) ORDER BY n;
SET regpaydb.user_id = '900';
SELECT regpaydb.apply_credit_note(:bobs_note, :bobs_invoice) > 0 AS applied;
RESET regpaydb.user_id;
SELECT status, paid FROM invoice WHERE invoice_id IN (:alices_invoice, :bobs_invoice) ORDER BY invoice_id;

-- Results of one statement do not share their memory.
SELECT regpaydb.available_credit(1) = (SELECT regpaydb.available_credit(1)) AS same,
	regpaydb.available_credit(1) AS alice, regpaydb.available_credit(2) AS bob;
SELECT bool_and(a = (SELECT sum(value) FROM credit_note WHERE attendee_id = 1 AND state = 'unclaimed')) AS same
FROM (SELECT regpaydb.available_credit(1 + 0 * g) AS a, regpaydb.available_credit(2) AS b
	FROM generate_series(1, 100) g) c;

DROP FUNCTION test.note(bigint, numeric);
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
SET regpaydb.ledger = 'credit_note_auto';
SET search_path = credit_note_auto;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
SET regpaydb.ledger = 'credit_note';
SET search_path = credit_note;
SELECT invoice_id, attendee_id, status, value, paid, payment_count FROM invoice ORDER BY 1;
SELECT credit_note_id, attendee_id, value, state FROM credit_note ORDER BY 1;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
