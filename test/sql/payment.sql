-- Making payments with regpaydb.pay(), and asking beforehand with
-- regpaydb.validate_allowed_to_pay().
SET client_min_messages = warning;
SELECT test.new_ledger('payment');
SELECT test.invoice(1, 100) AS ticket \gset

-- ---------------------------------------------------------------------------
-- The three steps: validate, pay, and the status follows by itself
-- ---------------------------------------------------------------------------
SELECT regpaydb.validate_allowed_to_pay(:ticket);
SELECT regpaydb.balance_due(:ticket), regpaydb.total_payments(:ticket);
SELECT regpaydb.pay(:ticket, 40, 'First part') AS payment_id;
SELECT regpaydb.balance_due(:ticket), regpaydb.total_payments(:ticket);
SELECT regpaydb.validate_allowed_to_pay(:ticket);
SELECT regpaydb.pay(invoice_id => :ticket, amount => 60.00, reference => 'Second part',
	provider => 'stripe', provider_ref => 'pi_1') AS payment_id;
SELECT regpaydb.balance_due(:ticket), regpaydb.total_payments(:ticket);
SELECT status, value, paid, payment_count FROM invoice WHERE invoice_id = :ticket;
SELECT payment_id, kind, reference, amount, provider, provider_ref, entered_by
FROM payment ORDER BY payment_id;
SELECT count(*) AS notes FROM credit_note;

-- What is paid too much becomes a credit note of the invoiced attendee.
SELECT test.invoice(2, 50) AS workshop \gset
SELECT regpaydb.pay(:workshop, 80, 'Rounded up generously') AS payment_id;
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :workshop;
SELECT credit_note_id, attendee_id, value, state FROM credit_note;
SELECT payment_id, kind, amount FROM payment WHERE invoice_id = :workshop ORDER BY 1;
SELECT regpaydb.total_payments(:workshop), regpaydb.balance_due(:workshop),
	regpaydb.available_credit(2);

-- ---------------------------------------------------------------------------
-- What can't be paid: paid, refunded and void invoices (RP001), unknown ones
-- (RP002)
-- ---------------------------------------------------------------------------
SELECT test.invoice(1, 10) AS refunded \gset
SELECT regpaydb.pay(:refunded, 10, 'x') > 0, regpaydb.refund_invoice(:refunded) > 0;
UPDATE conference SET auto_apply_credit = false;
SELECT test.invoice(1, 10) AS voided \gset
SELECT regpaydb.void_invoice(:voided);
SELECT test.raises(format('SELECT regpaydb.validate_allowed_to_pay(%s)', i)),
	test.raises(format('SELECT regpaydb.pay(%s, 10, ''card'')', i))
FROM unnest(ARRAY[:ticket, :refunded, :voided, 999999]) WITH ORDINALITY u (i, n) ORDER BY n;
-- Nothing was recorded.
SELECT count(*) FROM payment WHERE reference = 'card';
-- The balance of what is closed is nothing.
SELECT regpaydb.balance_due(:refunded), regpaydb.total_payments(:refunded),
	regpaydb.balance_due(:voided), regpaydb.total_payments(:voided);

-- ---------------------------------------------------------------------------
-- The same payment told twice: recorded once
-- ---------------------------------------------------------------------------
SELECT test.invoice(2, 100) AS dinner \gset
SELECT test.invoice(2, 100) AS tshirt \gset
SELECT regpaydb.pay(:dinner, 70, 'webhook', 'stripe', 'pi_7') AS first \gset
SELECT regpaydb.pay(:dinner, 70, 'return page', 'stripe', 'pi_7') = :first AS same_payment;
SELECT regpaydb.pay(:dinner, 70.00, 'webhook, once more', 'stripe', 'pi_7') = :first AS same_payment;
SELECT paid, payment_count FROM invoice WHERE invoice_id = :dinner;
SELECT reference FROM payment WHERE provider_ref = 'pi_7';

-- With another amount, or for another invoice, it is a conflict (RP009).
SELECT test.raises(format('SELECT regpaydb.pay(%s, 70.01, '''', ''stripe'', ''pi_7'')', :dinner));
SELECT test.raises(format('SELECT regpaydb.pay(%s, 70, '''', ''stripe'', ''pi_7'')', :tshirt));
-- Another provider may use the same reference; without a reference every
-- payment is a new one, with a provider or without.
SELECT regpaydb.pay(:dinner, 10, '', 'paypal', 'pi_7') > :first AS new_payment;
SELECT regpaydb.pay(:tshirt, 10, '', 'bank') < regpaydb.pay(:tshirt, 10, '', 'bank') AS two_payments;
SELECT regpaydb.pay(:tshirt, 10, '') < regpaydb.pay(:tshirt, 10, '') AS two_payments;
SELECT invoice_id = :dinner AS dinner, paid, payment_count FROM invoice
WHERE invoice_id IN (:dinner, :tshirt) ORDER BY invoice_id;

-- A repeated call is no new payment: it succeeds when the invoice is paid, and
-- even when it is refunded since.
SELECT regpaydb.pay(:dinner, 20, '', 'stripe', 'pi_8') AS last \gset
SELECT status FROM invoice WHERE invoice_id = :dinner;
SELECT regpaydb.pay(:dinner, 20, '', 'stripe', 'pi_8') = :last AS same_payment;
SELECT regpaydb.refund_invoice(:dinner) > 0 AS refunded;
SELECT regpaydb.pay(:dinner, 20, '', 'stripe', 'pi_8') = :last AS same_payment;
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :dinner;
SELECT test.raises(format('SELECT regpaydb.pay(%s, 20, '''', ''stripe'', ''pi_9'')', :dinner));
-- What was rolled back was not recorded, and can be sent again.
BEGIN;
SELECT regpaydb.pay(:tshirt, 1, 'rolled back', 'stripe', 'pi_11') > 0 AS paid;
SELECT paid FROM invoice WHERE invoice_id = :tshirt;
ROLLBACK;
SELECT paid FROM invoice WHERE invoice_id = :tshirt;
SELECT regpaydb.pay(:tshirt, 2, 'after the rollback', 'stripe', 'pi_11') > 0 AS paid;
SELECT paid FROM invoice WHERE invoice_id = :tshirt;

-- A provider's reference needs a provider; neither is empty.
SELECT test.raises(format('SELECT regpaydb.pay(%s, 1, '''', NULL, ''pi_12'')', :tshirt));
SELECT test.raises(format('SELECT regpaydb.pay(%s, 1, '''', '''', ''pi_12'')', :tshirt));
SELECT test.raises(format('SELECT regpaydb.pay(%s, 1, '''', ''stripe'', '''')', :tshirt));

-- ---------------------------------------------------------------------------
-- On whose behalf: with an actor, invoices that the actor may not view are
-- not found
-- ---------------------------------------------------------------------------
SELECT test.invoice(1, 500) AS alices \gset
CREATE TABLE test.call AS SELECT * FROM (VALUES
	(1, format('SELECT regpaydb.validate_allowed_to_pay(%s)', :alices)),
	(2, format('SELECT regpaydb.pay(%s, 1, '''')', :alices)),
	(3, format('SELECT regpaydb.balance_due(%s)', :alices)),
	(4, format('SELECT regpaydb.total_payments(%s)', :alices)),
	(5, format('SELECT regpaydb.update_status(%s)', :alices)),
	(6, format('SELECT regpaydb.record_manual_payment(%s, 1, '''', 900)', :alices))) AS c (n, call);
-- Bob: not his.  The words are those for an invoice that does not exist.
SET regpaydb.user_id = '102';
SELECT call, test.raises(call) FROM test.call ORDER BY n;
SELECT test.raises('SELECT regpaydb.balance_due(999999)');
-- Nor can he learn of it by repeating somebody's payment.
SELECT split_part(test.raises(format('SELECT regpaydb.pay(%s, 100, '''', ''stripe'', ''pi_1'')', :alices)), ':', 1);
-- Alice, staff, and who holds Alice's code: there it is.  (Manual payments are
-- for staff.)
SET regpaydb.user_id = '101';
SELECT call, test.raises(call) FROM test.call WHERE n < 6 ORDER BY n;
SET regpaydb.user_id = '900';
SELECT call, test.raises(call) FROM test.call ORDER BY n;
SET regpaydb.user_id = '';
SET regpaydb.access_code = 'ALICES-CODE';
SELECT call, test.raises(call) FROM test.call WHERE n < 6 ORDER BY n;
-- Bob's code does not open it; Bob with Alice's code may.
SET regpaydb.access_code = 'BOBS-CODE';
SELECT call, test.raises(call) FROM test.call ORDER BY n;
SET regpaydb.user_id = '102';
SET regpaydb.access_code = 'ALICES-CODE';
SELECT test.raises(format('SELECT regpaydb.pay(%s, 1, '''')', :alices));
RESET regpaydb.access_code;
-- A user id that is none is an error, not "nobody in particular".
SET regpaydb.user_id = 'alice';
SELECT test.raises(format('SELECT regpaydb.balance_due(%s)', :alices));
SET regpaydb.user_id = '101; DROP TABLE payment';
SELECT test.raises(format('SELECT regpaydb.balance_due(%s)', :alices));
-- Set for one transaction, it is gone with it; then the role's own rights count.
RESET regpaydb.user_id;
BEGIN;
SELECT set_config('regpaydb.user_id', '102', true);
SELECT test.raises(format('SELECT regpaydb.balance_due(%s)', :alices));
COMMIT;
SELECT regpaydb.balance_due(:alices);
DROP TABLE test.call;

-- ---------------------------------------------------------------------------
SELECT invoice_id, attendee_id, status, value, paid, payment_count FROM invoice ORDER BY 1;
SELECT credit_note_id, attendee_id, value, state FROM credit_note ORDER BY 1;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
