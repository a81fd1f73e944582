-- The errors of business rules: class RP, each with a message, DETAIL and HINT.
SET client_min_messages = warning;
SELECT test.new_ledger('error_codes');
UPDATE conference SET auto_apply_credit = false;
SELECT test.invoice(1, 100) AS invoice_id, 'paid' AS what;
SELECT regpaydb.pay(1, 110, 'x', 'stripe', 'pi_1') AS payment_id;
SELECT test.invoice(1, 100) AS invoice_id, 'unpaid' AS what;
SELECT test.invoice(1, 100) AS invoice_id, 'void' AS what, regpaydb.void_invoice(3);
SELECT test.invoice(2, 100) AS invoice_id, 'refunded' AS what;
SELECT regpaydb.pay(4, 100, 'x') AS payment_id, regpaydb.refund_invoice(4) AS credit_note_id;
SELECT regpaydb.refund_credit_note(4, 'cash') AS credit_note_refund_id;
SELECT test.invoice(2, 10) AS invoice_id, 'paid, refund 2 has failed, and some was reversed' AS what;
SELECT regpaydb.pay(5, 25, 'x', 'stripe', 'pi_3') AS payment_id;
SELECT regpaydb.fail_refund(regpaydb.request_refund(6, 'to the card'), 'closed') AS credit_note_id;
SELECT regpaydb.record_reversal('stripe', 'pi_3', 5, 'dp_0') AS reversal_id;

-- One of each.  (RP004 and RP005 are about carts.)
\x on
-- RP001 invoice_not_payable
SELECT * FROM test.report('SELECT regpaydb.pay(1, 10, ''card'')');
SELECT * FROM test.report('SELECT regpaydb.pay(3, 10, ''card'')');
SELECT * FROM test.report('SELECT regpaydb.pay(4, 10, ''card'')');
-- RP002 not_found
SELECT * FROM test.report('SELECT regpaydb.pay(999, 10, ''card'')');
-- RP003 invalid_amount
SELECT * FROM test.report('SELECT regpaydb.pay(2, 10.001, ''card'')');
SELECT * FROM test.report('SELECT regpaydb.pay(2, -10, ''card'')');
-- RP006 credit_note_claimed
SELECT * FROM test.report('SELECT regpaydb.refund_credit_note(4, ''cash'')');
-- RP007 invoice_has_payments
SELECT * FROM test.report('SELECT regpaydb.void_invoice(1)');
-- RP008 invalid_state
SELECT * FROM test.report('SELECT regpaydb.refund_invoice(4)');
-- RP009 idempotency_conflict
SELECT * FROM test.report('SELECT regpaydb.pay(2, 10, ''card'', ''stripe'', ''pi_1'')');
-- RP010 staff_only
SELECT * FROM test.report('SELECT regpaydb.record_manual_payment(2, 10, ''cash'', 101)');
-- RP011 append_only
SELECT * FROM test.report('DELETE FROM payment');
SELECT * FROM test.report('UPDATE invoice SET paid = 0');
-- RP012 ledger_version
SET regpaydb.ledger = 'nowhere';
SELECT * FROM test.report('SELECT regpaydb.pay(2, 10, ''card'')');
SET regpaydb.ledger = 'error_codes';
\x off

-- Every RP error that can be had without a cart: which lacks DETAIL or HINT?
CREATE TABLE test.error (n serial, statement text);
INSERT INTO test.error (statement) VALUES
	('SELECT regpaydb.validate_allowed_to_pay(1)'),
	('SELECT regpaydb.validate_allowed_to_pay(999)'),
	('SELECT regpaydb.pay(1, 10, '''')'),
	('SELECT regpaydb.pay(2, 0, '''')'),
	('SELECT regpaydb.pay(2, ''NaN'', '''')'),
	('SELECT regpaydb.pay(2, ''Infinity'', '''')'),
	('SELECT regpaydb.pay(2, 1000000000000, '''')'),
	('SELECT regpaydb.pay(2, 0.004, '''')'),
	('SELECT regpaydb.pay(2, -1, '''')'),
	('SELECT regpaydb.pay(2, 1, '''', ''stripe'', ''pi_1'')'),
	('SELECT regpaydb.record_manual_payment(2, 0, '''', 900)'),
	('SELECT regpaydb.record_manual_payment(2, 1, '''', 1)'),
	('SELECT regpaydb.record_manual_payment(999, 1, '''', 900)'),
	('SELECT regpaydb.update_status(999)'),
	('SELECT regpaydb.total_payments(999)'),
	('SELECT regpaydb.balance_due(999)'),
	('SELECT regpaydb.void_invoice(1)'),
	('SELECT regpaydb.void_invoice(4)'),
	('SELECT regpaydb.void_invoice(999)'),
	('SELECT regpaydb.refund_invoice(3)'),
	('SELECT regpaydb.refund_invoice(4)'),
	('SELECT regpaydb.refund_invoice(999)'),
	('SELECT regpaydb.apply_credit_note(2, 1)'),
	('SELECT regpaydb.apply_credit_note(4, 2)'),
	('SELECT regpaydb.apply_credit_note(999, 2)'),
	('SELECT regpaydb.refund_credit_note(4, '''')'),
	('SELECT regpaydb.refund_credit_note(999, '''')'),
	('SELECT regpaydb.cancellation_fee(2, -1)'),
	('SELECT regpaydb.cancellation_fee(2, 101)'),
	('SELECT regpaydb.cancellation_fee(4, 10)'),
	('SELECT regpaydb.cancellation_fee(999, 10)'),
	('SELECT regpaydb.charge_credit_note(2, ''[{"description": "x", "price": 10.01}]'')'),
	('SELECT regpaydb.charge_credit_note(2, ''[{"description": "x", "price": -1}]'')'),
	('SELECT regpaydb.charge_credit_note(4, ''[{"description": "x", "price": 1}]'')'),
	('SELECT regpaydb.charge_credit_note(999, ''[{"description": "x", "price": 1}]'')'),
	('SELECT regpaydb.return_items(1, ''[{"line_item_id": 1, "quantity": 2}]'')'),
	('SELECT regpaydb.return_items(1, ''[{"line_item_id": 1, "quantity": 0}]'')'),
	('SELECT regpaydb.return_items(1, ''[{"line_item_id": 1, "quantity": 3000000000}]'')'),
	('SELECT regpaydb.return_items(1, ''[{"line_item_id": 2}]'')'),
	('SELECT regpaydb.return_items(2, ''[{"line_item_id": 2}]'')'),
	('SELECT regpaydb.return_items(3, ''[{"line_item_id": 3}]'')'),
	('SELECT regpaydb.return_items(4, ''[{"line_item_id": 4}]'')'),
	('SELECT regpaydb.return_items(999, ''[{"line_item_id": 1}]'')'),
	('SELECT regpaydb.request_refund(4, ''x'')'),
	('SELECT regpaydb.request_refund(999, ''x'')'),
	('SELECT regpaydb.request_refund(2, ''x'', ''[{"payment_id": 999, "amount": 1}]'')'),
	('SELECT regpaydb.request_refund(2, ''x'', ''[{"payment_id": 1, "amount": 10.01}]'')'),
	('SELECT regpaydb.request_refund(2, ''x'', ''[{"payment_id": 3, "amount": 1}]'')'),
	('SELECT regpaydb.request_refund(2, ''x'', ''[{"payment_id": 1, "amount": 0}]'')'),
	('SELECT regpaydb.request_refund(2, ''x'', ''[{"payment_id": 1, "amount": 0.001}]'')'),
	('SELECT regpaydb.request_refund(2, ''x'', NULL, 101)'),
	('SELECT regpaydb.confirm_refund(999)'),
	('SELECT regpaydb.confirm_refund(1, ''bank'')'),
	('SELECT regpaydb.confirm_refund(1, ''bank'', ''re_1'')'),
	('SELECT regpaydb.fail_refund(999, ''x'')'),
	('SELECT regpaydb.fail_refund(1, ''x'')'),
	('SELECT regpaydb.confirm_refund(2)'),
	('SELECT regpaydb.fail_refund(2, ''x'')'),
	('SELECT regpaydb.refund_sources(999)'),
	('SELECT regpaydb.refund_sources(1)'),
	('SELECT regpaydb.money_trail(999)'),
	('SELECT regpaydb.money_trail(2)'),
	('SELECT regpaydb.record_reversal(''stripe'', ''pi_2'', 1, ''dp_1'')'),
	('SELECT regpaydb.record_reversal(''stripe'', ''pi_1'', 0, ''dp_1'')'),
	('SELECT regpaydb.record_reversal(''stripe'', ''pi_1'', -1, ''dp_1'')'),
	('SELECT regpaydb.record_reversal(''stripe'', ''pi_1'', 110.01, ''dp_1'')'),
	('SELECT regpaydb.record_reversal(''stripe'', ''pi_1'', 1, ''dp_1''), regpaydb.record_reversal(''stripe'', ''pi_1'', 2, ''dp_1'')'),
	('INSERT INTO payment (invoice_id, amount, kind) VALUES (2, -1, ''reversal'')'),
	('INSERT INTO payment (invoice_id, amount, kind) VALUES (2, 1, ''refund_failed'')'),
	('UPDATE credit_note_refund SET state = ''failed'''),
	('DELETE FROM credit_note_refund_part'),
	('DELETE FROM reversal'),
	('SELECT regpaydb.available_credit(999)'),
	('SELECT regpaydb.rotate_access_code(999)'),
	('SELECT regpaydb.invoice_for_access_code(''x'')'),
	('SELECT test.invoice(999, 1)'),
	('SELECT test.invoice(1, -1)'),
	('SELECT test.invoice(1, 0.001)'),
	('SELECT test.invoice(1, 1000000000000)'),
	('SELECT regpaydb.manual_invoice(1, ''0'', ''[{"description": "x", "price": "x"}]'')'),
	('SELECT regpaydb.manual_invoice(1, ''0'', ''[{"description": "x", "price": 1, "quantity": -1}]'')'),
	('SELECT regpaydb.manual_invoice(1, ''0'', ''[{"description": "x", "price": 1, "quantity": 3000000000}]'')'),
	('SELECT regpaydb.manual_invoice(1, ''0'', ''[{"description": "x", "price": 999999999999, "quantity": 2}]'')'),
	('SELECT regpaydb.manual_invoice(1, ''0'', ''[{"description": "x", "price": 999999999999, "quantity": 2000000000}]'')'),
	('INSERT INTO payment (invoice_id, amount) VALUES (2, -1)'),
	('INSERT INTO payment (invoice_id, amount) VALUES (2, 999999999999.99), (2, 999999999999.99)'),
	('INSERT INTO payment (invoice_id, amount, kind) VALUES (2, 1, ''credit_application'')'),
	('UPDATE payment SET amount = 1'),
	('DELETE FROM invoice'),
	('UPDATE invoice SET status = ''paid'''),
	('DELETE FROM credit_note'),
	('TRUNCATE line_item'),
	('UPDATE outbox SET kind = kind'),
	('UPDATE conference SET currency = ''USD'''),
	('DELETE FROM conference'),
	('SELECT regpaydb.upgrade_ledger(''nowhere'')');
SELECT r.code, count(*) FROM test.error, test.report(statement) r GROUP BY 1 ORDER BY 1;
SELECT n, statement, r.code, r.message, r.detail <> '' AS has_detail, r.hint <> '' AS has_hint
FROM test.error, test.report(statement) r
WHERE r.code !~ '^RP' OR r.detail = '' OR r.hint = ''
ORDER BY n;
-- The style: messages start in lower case and have no full stop; DETAIL and
-- HINT are sentences.  This lists what is otherwise.
SELECT n, r.message, r.detail, r.hint FROM test.error, test.report(statement) r
WHERE r.message !~ '^[a-z"]' OR r.message ~ '\.$'
	OR r.detail !~ '^$|^["A-Z0-9].*\.$' OR r.hint !~ '^$|^["A-Z0-9].*\.$'
ORDER BY n;

DROP TABLE test.error;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
