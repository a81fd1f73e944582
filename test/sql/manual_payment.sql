-- Manual payments: what staff report, such as bank transfers and cheques.
SET client_min_messages = warning;
SELECT test.new_ledger('manual_payment');
UPDATE conference SET auto_apply_credit = false;

-- A transfer for an invoice: it is marked as manual, with who entered it.
SELECT test.invoice(1, 100) AS ticket \gset
SELECT regpaydb.record_manual_payment(:ticket, 100, 'Bank transfer of 3 May', 900) AS payment_id;
SELECT kind, amount, reference, entered_by, provider, provider_ref FROM payment ORDER BY payment_id;
SELECT status, paid FROM invoice WHERE invoice_id = :ticket;

-- Only staff enter them (RP010): not Alice (101), nobody unknown, not a user
-- who is staff no more.
SELECT test.invoice(1, 80) AS dinner \gset
INSERT INTO staff VALUES (901);
SELECT regpaydb.record_manual_payment(:dinner, 10, 'while on staff', 901) > 0 AS recorded;
DELETE FROM staff WHERE user_id = 901;
SELECT test.raises(format('SELECT regpaydb.record_manual_payment(%s, 10, ''cheque'', %s)', :dinner, who))
FROM unnest(ARRAY[101, 901, 0, -1]) WITH ORDINALITY u (who, n) ORDER BY n;
SELECT paid, payment_count FROM invoice WHERE invoice_id = :dinner;

-- The cart and the status are not validated: into an invoice that can't take
-- it, the money is recorded all the same, as a credit note.
SELECT regpaydb.record_manual_payment(:ticket, 100, 'The same transfer twice', 900) > 0 AS recorded;
SELECT test.invoice(2, 50) AS voided \gset
SELECT regpaydb.void_invoice(:voided);
SELECT regpaydb.record_manual_payment(:voided, 50, 'Came after it was voided', 900) > 0 AS recorded;
SELECT invoice_id = :voided AS void_one, status, paid, payment_count FROM invoice
WHERE invoice_id IN (:ticket, :voided) ORDER BY invoice_id;
-- ... which pays for a valid invoice then.
SELECT test.invoice(2, 50) AS valid \gset
SELECT regpaydb.apply_credit_note(max(credit_note_id), :valid) > 0 AS applied FROM credit_note WHERE attendee_id = 2;
SELECT status, paid FROM invoice WHERE invoice_id = :valid;

-- Overpaid: the rest is a credit note.
SELECT regpaydb.record_manual_payment(:dinner, 75.50, 'Cheque', 900) > 0 AS recorded;
SELECT status, paid FROM invoice WHERE invoice_id = :dinner;
SELECT attendee_id, value, state FROM credit_note ORDER BY credit_note_id;

-- A negative amount is a refund.  All of it: refunded, and no note.
SELECT test.invoice(2, 60) AS workshop \gset
SELECT regpaydb.record_manual_payment(:workshop, 60, 'Cash', 900) > 0 AS recorded;
SELECT regpaydb.record_manual_payment(:workshop, -60, 'Cash back', 900) > 0 AS recorded;
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :workshop;
-- A part of it: refunded as well, and the rest is a credit note.
SELECT test.invoice(2, 60) AS tutorial \gset
SELECT regpaydb.record_manual_payment(:tutorial, 60, 'Cash', 900) > 0 AS recorded;
SELECT regpaydb.record_manual_payment(:tutorial, -20, 'Cash back', 900) > 0 AS recorded;
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :tutorial;
-- Of an unpaid invoice: less is paid; when nothing is left, it is void.
SELECT test.invoice(2, 60) AS tour \gset
SELECT regpaydb.record_manual_payment(:tour, 30, 'Cash', 900) > 0 AS recorded;
SELECT regpaydb.record_manual_payment(:tour, -10, 'Cash back', 900) > 0 AS recorded;
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :tour;
SELECT regpaydb.record_manual_payment(:tour, -20, 'Cash back', 900) > 0 AS recorded;
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :tour;
-- Never more than is there, and nothing from what is closed (RP003).
SELECT test.invoice(1, 40) AS badge \gset
SELECT regpaydb.pay(:badge, 15, 'card') > 0 AS paid;
SELECT test.raises(format('SELECT regpaydb.record_manual_payment(%s, %s, ''too much'', 900)', i, a))
FROM (VALUES (1, :badge, -15.01), (2, :tutorial, -1), (3, :tour, -1), (4, :voided, -50)) v (n, i, a) ORDER BY n;
SELECT test.raises(format('SELECT regpaydb.record_manual_payment(%s, 0, ''nothing'', 900)', :badge));
SELECT test.raises('SELECT regpaydb.record_manual_payment(999999, 1, ''whose?'', 900)');

SELECT invoice_id, attendee_id, status, value, paid, payment_count FROM invoice ORDER BY 1;
SELECT attendee_id, value, state FROM credit_note ORDER BY credit_note_id;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
