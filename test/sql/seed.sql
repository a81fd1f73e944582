-- The text that regpaydb was made from ("Payments and Refunds"), sentence by
-- sentence, in its order: what it says, and the SQL that shows it.  (What it
-- says about carts is shown where carts are.)
SET client_min_messages = warning;
SELECT test.new_ledger('seed');
-- Notes wait until they are applied, except where it is said otherwise.
UPDATE conference SET auto_apply_credit = false;

-- "Invoices may have multiple PaymentBase objects attached to them; each of
-- these represent a payment against the invoice."
SELECT test.invoice(1, 100) AS invoice \gset
SELECT regpaydb.pay(:invoice, 30, 'one') AS payment_id;
SELECT regpaydb.pay(:invoice, 30, 'two') AS payment_id;
SELECT reference, amount FROM payment WHERE invoice_id = :invoice ORDER BY payment_id;

-- "Payments can be negative (and this represents a refund against the Invoice)"
SELECT regpaydb.record_manual_payment(:invoice, -10, 'refund', 900) AS payment_id;
SELECT regpaydb.total_payments(:invoice), regpaydb.balance_due(:invoice);

-- "Registrasion also keeps track of money that is not currently attached to
-- invoices through credit notes."
SELECT regpaydb.refund_invoice(:invoice) AS note \gset
SELECT regpaydb.total_payments(:invoice), regpaydb.available_credit(1);

-- "Credit notes may be applied to unpaid invoices in full, if there is an
-- amount left over from the credit note, a new credit note will be created from
-- that amount."
SELECT test.invoice(1, 20) AS invoice \gset
SELECT regpaydb.apply_credit_note(:note, :invoice) AS payment_id;
SELECT amount, kind FROM payment WHERE invoice_id = :invoice ORDER BY payment_id;
SELECT value, state FROM credit_note ORDER BY credit_note_id;

-- "Credit notes may also be released, at which point they're the responsibility
-- of the payment application to create a refund."
SELECT regpaydb.refund_credit_note(max(credit_note_id), 'by bank transfer') AS credit_note_refund_id FROM credit_note;
SELECT value, state FROM credit_note ORDER BY credit_note_id;

-- "Finally, Registrasion provides a manual payments feature, which allows for
-- staff members to manually report payments into the system."
SELECT test.invoice(1, 40) AS invoice \gset
SELECT regpaydb.record_manual_payment(:invoice, 40, 'cheque 17', 900) AS payment_id;
SELECT kind, reference, entered_by FROM payment WHERE invoice_id = :invoice;

-- "... providing an access URL that allows anyone who holds that URL to view
-- their invoice and make payment."
SELECT test.invoice(1, 100) AS invoice \gset
SET regpaydb.access_code = 'ALICES-CODE';
SELECT regpaydb.balance_due(:invoice);
SELECT regpaydb.pay(:invoice, 60, 'by her employer') AS payment_id;
RESET regpaydb.access_code;

-- "It returns true if the user is allowed to view the invoice:
-- InvoiceController.can_view(self, user=request.user, access_code="CODE")"
SELECT regpaydb.can_view(:invoice, user_id => 101) AS alice, regpaydb.can_view(:invoice, user_id => 102) AS bob,
	regpaydb.can_view(:invoice, user_id => 900) AS staff,
	regpaydb.can_view(:invoice, user_id => 102, access_code => 'ALICES-CODE') AS bob_with_her_code,
	regpaydb.can_view(:invoice, access_code => 'ALICES-CODE') AS code, regpaydb.can_view(:invoice, access_code => 'CODE') AS wrong_code;

-- "As a rule, you should call can_view before doing any operations that amend
-- the status of an invoice."  With an actor it is done for you.
SET regpaydb.user_id = '102';
SELECT test.raises(format('SELECT regpaydb.pay(%s, 1, ''x'')', :invoice));
SELECT test.raises(format('SELECT regpaydb.refund_invoice(%s)', :invoice));
RESET regpaydb.user_id;

-- "The access code is unique for each attendee – this means that every invoice
-- that an attendee generates can be viewed with the same access code."
SELECT count(*) > 3 AS several, bool_and(regpaydb.can_view(invoice_id, access_code => 'ALICES-CODE')) AS all_of_them
FROM invoice WHERE attendee_id = 1;
SELECT test.raises('INSERT INTO attendee (user_id, access_code) VALUES (103, ''ALICES-CODE'')');

-- "This is useful if the user amends their registration between giving the URL
-- to their employer, and their employer making payment."
SELECT test.invoice(2, 100) AS old_one \gset
SELECT regpaydb.void_invoice(:old_one), test.invoice(2, 120) AS new_one \gset
SELECT regpaydb.invoice_for_access_code('BOBS-CODE') = :new_one AS new_one;

-- "1. Validate that the invoice is ready to be paid, 2. Create a payment object
-- for the amount that you are paying towards an invoice, 3. Ask the invoice to
-- calculate its status now that the payment has been made."
SELECT regpaydb.validate_allowed_to_pay(:new_one);
INSERT INTO payment (invoice_id, amount, reference) VALUES (:new_one, 120, 'Demo payment by user: bob');
SELECT regpaydb.update_status(:new_one);

-- "... validate_allowed_to_pay method, which performs all of the pre-payment
-- checks (is the invoice still unpaid and non-void?"
-- "If the pre-payment check fails, InvoiceController will raise"
SELECT test.raises(format('SELECT regpaydb.validate_allowed_to_pay(%s)', :new_one)) AS paid,
	test.raises(format('SELECT regpaydb.validate_allowed_to_pay(%s)', :old_one)) AS void;

-- "Payment apps should subclass this class to handle implementation-specific
-- issues."
CREATE TABLE demo_payment (payment_id bigint PRIMARY KEY REFERENCES payment, card text NOT NULL);
SELECT test.invoice(2, 30) AS invoice \gset
INSERT INTO demo_payment SELECT regpaydb.pay(:invoice, 30, 'Demo payment by user: bob'), '**** 4242';

-- "The invoice that this payment applies to."  "The time that this payment was
-- generated. Note that this will default to the current time when the model is
-- created."  "A human-readable reference for the payment, this will be displayed
-- alongside the invoice."  "The amount the payment is for."
BEGIN;
INSERT INTO payment (invoice_id, amount, reference) VALUES (:old_one, 1, 'how late am I?')
RETURNING invoice_id = :old_one AS invoice, "time" = now() AS now, reference, amount;
ROLLBACK;

-- "Note that multiple payments can be provided against an Invoice, however,
-- payments that exceed the total value of the invoice will have credit notes
-- generated."
SELECT test.invoice(2, 50) AS invoice \gset
INSERT INTO payment (invoice_id, amount) VALUES (:invoice, 30), (:invoice, 30);
SELECT status, value, paid FROM invoice WHERE invoice_id = :invoice;
SELECT -amount AS credit_note FROM payment WHERE invoice_id = :invoice AND kind = 'credit_note';

-- "You should call update_status immediately after you create a PaymentBase
-- object, as this keeps invoice and its payments synchronised"  Here it is
-- so by itself, and calling it changes nothing.
SELECT regpaydb.update_status(:invoice), regpaydb.update_status(:invoice);
SELECT paid, payment_count FROM invoice WHERE invoice_id = :invoice;

-- "If an invoice is VOID, it will remain void."
INSERT INTO payment (invoice_id, amount) VALUES (:old_one, 100);
SELECT status, paid FROM invoice WHERE invoice_id = :old_one;
-- "If an invoice is UNPAID and it now has PaymentBase objects whose value meets
-- or exceed's the invoice's value, the invoice becomes PAID."
SELECT test.invoice(2, 50) AS meets, test.invoice(2, 50) AS exceeds, test.invoice(2, 50) AS less \gset
INSERT INTO payment (invoice_id, amount) VALUES (:meets, 50), (:exceeds, 51), (:less, 49);
SELECT value, status, paid FROM invoice WHERE invoice_id IN (:meets, :exceeds, :less) ORDER BY invoice_id;
-- "If an invoice is UNPAID and it now has PaymentBase objects whose values sum
-- to zero, the invoice becomes VOID."
INSERT INTO payment (invoice_id, amount) VALUES (:less, -49);
SELECT value, status, paid FROM invoice WHERE invoice_id = :less;
-- "If an invoice is PAID and it now has PaymentBase objects of less than the
-- invoice's value, the invoice becomes REFUNDED."
INSERT INTO payment (invoice_id, amount) VALUES (:meets, -20);
SELECT value, status, paid FROM invoice WHERE invoice_id = :meets;

-- "If you overpay an invoice, or pay into an invoice that should not have funds
-- attached, a credit note for the residual payments will also be issued."
-- (Of the last three: 1 overpaid; 100 into the void one; 30 left of the
-- refunded one.)
SELECT p.invoice_id = :exceeds AS overpaid, p.invoice_id = :old_one AS void, p.invoice_id = :meets AS refunded, n.value
FROM credit_note n JOIN payment p ON p.payment_id = n.credit_note_id
WHERE p.invoice_id IN (:exceeds, :old_one, :meets) ORDER BY n.value;

-- "Credit notes are created when you mark an invoice as refunded, but they're
-- also created if you overpay an invoice, or if you direct money into an invoice
-- that can no longer take payment."
SELECT regpaydb.refund_invoice(:exceeds) AS note \gset
SELECT value, state FROM credit_note WHERE credit_note_id = :note;
INSERT INTO payment (invoice_id, amount) VALUES (:exceeds, 7);
SELECT value, state FROM credit_note ORDER BY credit_note_id DESC LIMIT 1;

-- "Once created, Credit Notes act as a payment that can be put towards other
-- invoices, or that can be cashed out, back to the original payment platform.
-- Credits can only be applied or cashed out in full."  There is no function
-- that takes a part of one: neither has an amount.
SELECT proname, pg_get_function_identity_arguments(oid) FROM pg_proc
WHERE pronamespace = 'regpaydb'::regnamespace AND proname IN ('apply_credit_note', 'refund_credit_note') ORDER BY 1;

-- "This means that it's easy to track funds that aren't accounted for by
-- invoices – it's just the sum of the credit notes that haven't been applied to
-- new invoices, or haven't been cashed out."
SELECT sum(value) AS not_on_invoices FROM credit_note WHERE state = 'unclaimed';
SELECT sum(regpaydb.available_credit(attendee_id)) AS the_same FROM attendee;

-- "... it also allows you to invoice for cancellation fees and the like."
SELECT regpaydb.cancellation_fee(:note, 10) AS fee \gset
SELECT status, value FROM invoice WHERE invoice_id = :fee;
SELECT -amount AS left_over FROM payment WHERE invoice_id = :fee AND kind = 'credit_note';

-- "In Registrasion, credit notes originate against invoices, and are represented
-- as negative payments to an invoice."
SELECT count(*) AS notes, count(*) FILTER (WHERE p.amount = -n.value AND p.kind = 'credit_note') AS negative_payments
FROM credit_note n LEFT JOIN payment p ON p.payment_id = n.credit_note_id;

-- "Calling refund() will generate a refund of all of the payments applied to
-- that invoice."
SELECT test.invoice(1, 90) AS invoice \gset
SELECT regpaydb.pay(:invoice, 40, 'a') > 0 AS a, regpaydb.pay(:invoice, 50, 'b') > 0 AS b;
SELECT regpaydb.refund_invoice(:invoice) AS note \gset
SELECT value, attendee_id FROM credit_note WHERE credit_note_id = :note;

-- "This will result in an instance of CreditNoteApplication being applied as a
-- payment to invoice. CreditNoteApplication will always be a payment of the full
-- amount of its parent credit note. If this payment overpays the invoice it's
-- being applied to, a credit note for the residual will be generated."
SELECT test.invoice(1, 70) AS invoice \gset
SELECT regpaydb.apply_credit_note(:note, :invoice) AS application \gset
SELECT p.amount, p.kind, a.credit_note_id = :note AS of_this_note
FROM payment p JOIN credit_note_application a USING (payment_id) WHERE payment_id = :application;
SELECT max(credit_note_id) AS residual FROM credit_note \gset
SELECT value, state FROM credit_note WHERE credit_note_id = :residual;

-- "It is possible to release a credit note back to the original payment
-- platform. To do so, you attach an instance of CreditNoteRefund to the original
-- CreditNote"  "Credit notes may only be refunded in full."  "The CreditNote that
-- this refund corresponds to."  "The time that this refund was generated."
-- "A human-readable reference for the refund, this should allow the user to
-- identify the refund in their records."
BEGIN;
SELECT regpaydb.refund_credit_note(:residual, 'Card **** 4242, refund re_1') AS refund \gset
SELECT credit_note_id = :residual AS note, "time" = now() AS now, reference FROM credit_note_refund WHERE credit_note_refund_id = :refund;

-- "You'll usually want to make a subclass of CreditNoteRefund for your own
-- purposes"
CREATE TABLE demo_refund (credit_note_refund_id bigint PRIMARY KEY REFERENCES credit_note_refund, platform_id text NOT NULL);
INSERT INTO demo_refund VALUES (:refund, 're_1');
COMMIT;
SELECT state FROM credit_note WHERE credit_note_id = :residual;

-- "In order to make it easy to transfer funds from a refunded invoice to a new
-- invoice, Registrasion provides an automatic credit note facility."
UPDATE conference SET auto_apply_credit = true;
INSERT INTO attendee (attendee_id, user_id, recipient) VALUES (3, 103, 'Carol');
SELECT test.invoice(3, 150) AS invoice \gset
SELECT regpaydb.pay(:invoice, 150, 'x') > 0 AS paid, regpaydb.refund_invoice(:invoice) > 0 AS refunded;
SELECT test.invoice(3, 120) AS invoice \gset
SELECT status, value, paid FROM invoice WHERE invoice_id = :invoice;
SELECT regpaydb.available_credit(3);

-- "This means that it's possible for a staff member to apply a payment with a
-- specific invoice reference into the invoice matching that reference.
-- Registrasion will generate a credit note if the invoice is not able to receive
-- payment (e.g. because it has since been voided), you can use that credit note
-- to pay into a valid invoice if necessary."
UPDATE conference SET auto_apply_credit = false;
SELECT test.invoice(3, 30) AS voided, test.invoice(3, 30) AS valid \gset
SELECT regpaydb.void_invoice(:voided);
SELECT regpaydb.record_manual_payment(:voided, 30, 'transfer for the voided one', 900) > 0 AS recorded;
SELECT max(credit_note_id) AS note FROM credit_note \gset
SELECT regpaydb.apply_credit_note(:note, :valid) > 0 AS applied;
SELECT invoice_id = :valid AS valid, status, paid FROM invoice WHERE invoice_id IN (:voided, :valid) ORDER BY invoice_id;

-- "It is possible for staff to enter a negative amount on a manual payment. This
-- will be treated as a refund."
SELECT regpaydb.record_manual_payment(:valid, -30, 'cash back', 900) > 0 AS recorded;
SELECT status, paid FROM invoice WHERE invoice_id = :valid;

-- Nothing was lost, and nothing was made.
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
