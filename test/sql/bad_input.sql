-- What makes no sense is refused, with an error that says why, and leaves
-- nothing behind.
SET client_min_messages = warning;
SELECT test.new_ledger('bad_input');
UPDATE conference SET auto_apply_credit = false;
SELECT test.invoice(1, 100) AS invoice_id, 'unpaid' AS what;
SELECT test.invoice(1, 50) AS invoice_id, 'refunded' AS what;
SELECT regpaydb.pay(2, 50, 'x') AS payment_id, regpaydb.refund_invoice(2) AS credit_note_id;

CREATE FUNCTION test.rows() RETURNS text
	LANGUAGE sql AS $$
	SELECT concat_ws(' ', (SELECT count(*) FROM bad_input.invoice), (SELECT sum(paid) FROM bad_input.invoice),
		(SELECT count(*) FROM bad_input.line_item), (SELECT count(*) FROM bad_input.payment),
		(SELECT count(*) FROM bad_input.credit_note), (SELECT count(*) FROM bad_input.credit_note_application),
		(SELECT count(*) FROM bad_input.credit_note_refund), (SELECT count(*) FROM bad_input.credit_note_refund_part),
		(SELECT count(*) FROM bad_input.reversal), (SELECT count(*) FROM bad_input.outbox),
		(SELECT count(*) FROM bad_input.attendee), (SELECT string_agg(status::text, ',' ORDER BY invoice_id) FROM bad_input.invoice))
$$;
SELECT test.rows() AS rows \gset

-- NULL where a value is needed: 22004, with the argument's name.
SELECT call, test.raises(call) FROM (VALUES
	(1, 'SELECT regpaydb.validate_allowed_to_pay(NULL)'),
	(2, 'SELECT regpaydb.pay(NULL, 1, ''x'')'),
	(3, 'SELECT regpaydb.pay(1, NULL, ''x'')'),
	(4, 'SELECT regpaydb.pay(1, 1, NULL)'),
	(5, 'SELECT regpaydb.pay(NULL, NULL, NULL, NULL, NULL)'),
	(6, 'SELECT regpaydb.record_manual_payment(NULL, 1, ''x'', 900)'),
	(7, 'SELECT regpaydb.record_manual_payment(1, NULL, ''x'', 900)'),
	(8, 'SELECT regpaydb.record_manual_payment(1, 1, NULL, 900)'),
	(9, 'SELECT regpaydb.record_manual_payment(1, 1, ''x'', NULL)'),
	(10, 'SELECT regpaydb.update_status(NULL)'),
	(11, 'SELECT regpaydb.total_payments(NULL)'),
	(12, 'SELECT regpaydb.balance_due(NULL)'),
	(13, 'SELECT regpaydb.manual_invoice(NULL, ''1 day'', ''[]'')'),
	(14, 'SELECT regpaydb.manual_invoice(1, NULL, ''[]'')'),
	(15, 'SELECT regpaydb.manual_invoice(1, ''1 day'', NULL)'),
	(16, 'SELECT regpaydb.void_invoice(NULL)'),
	(17, 'SELECT regpaydb.refund_invoice(NULL)'),
	(18, 'SELECT regpaydb.apply_credit_note(NULL, 1)'),
	(19, 'SELECT regpaydb.apply_credit_note(2, NULL)'),
	(20, 'SELECT regpaydb.refund_credit_note(NULL, ''x'')'),
	(21, 'SELECT regpaydb.refund_credit_note(2, NULL)'),
	(22, 'SELECT regpaydb.cancellation_fee(NULL, 10)'),
	(23, 'SELECT regpaydb.cancellation_fee(2, NULL)'),
	(24, 'SELECT regpaydb.available_credit(NULL)'),
	(25, 'SELECT regpaydb.invoice_for_access_code(NULL)'),
	(26, 'SELECT regpaydb.rotate_access_code(NULL)'),
	(27, 'SELECT regpaydb.create_ledger(NULL)'),
	(28, 'SELECT regpaydb.create_ledger(''x'', NULL)'),
	(29, 'SELECT regpaydb.create_ledger(''x'', ''x'', NULL)'),
	(30, 'SELECT regpaydb.upgrade_ledger(NULL)'),
	(31, 'SELECT regpaydb.return_items(NULL, ''[]'')'),
	(32, 'SELECT regpaydb.return_items(1, NULL)'),
	(33, 'SELECT regpaydb.charge_credit_note(NULL, ''[]'')'),
	(34, 'SELECT regpaydb.charge_credit_note(2, NULL)'),
	(35, 'SELECT regpaydb.charge_credit_note(2, ''[]'', NULL)'),
	(36, 'SELECT regpaydb.request_refund(NULL, ''x'')'),
	(37, 'SELECT regpaydb.request_refund(2, NULL)'),
	(38, 'SELECT regpaydb.confirm_refund(NULL)'),
	(39, 'SELECT regpaydb.confirm_refund(1, NULL, ''re_1'')'),
	(40, 'SELECT regpaydb.fail_refund(NULL, ''x'')'),
	(41, 'SELECT regpaydb.fail_refund(1, NULL)'),
	(42, 'SELECT * FROM regpaydb.refund_sources(NULL)'),
	(43, 'SELECT * FROM regpaydb.money_trail(NULL)'),
	(44, 'SELECT regpaydb.payment_summary(NULL, ''x'')'),
	(45, 'SELECT regpaydb.payment_summary(''x'', NULL)'),
	(46, 'SELECT regpaydb.record_reversal(NULL, ''x'', 1, ''x'')'),
	(47, 'SELECT regpaydb.record_reversal(''x'', NULL, 1, ''x'')'),
	(48, 'SELECT regpaydb.record_reversal(''x'', ''x'', NULL, ''x'')'),
	(49, 'SELECT regpaydb.record_reversal(''x'', ''x'', 1, NULL)'),
	(50, 'SELECT regpaydb.record_reversal(''x'', ''x'', 1, ''x'', NULL)')) v (n, call) ORDER BY n;

-- Amounts: 0, NaN, infinite, too precise, too large are RP003 in every function
-- that takes one; so is what is below what was paid.
SELECT amount, test.raises(format('SELECT regpaydb.pay(1, %s, ''x'')', amount)) AS pay,
	split_part(test.raises(format('SELECT regpaydb.record_manual_payment(1, %s, ''x'', 900)', amount)), ':', 1) AS manual,
	split_part(test.raises(format('SELECT regpaydb.record_reversal(''x'', ''x'', %s, ''x'')', amount)), ':', 1) AS reversal
FROM unnest(ARRAY['0', '0.00', '-0.0', '0.001', '0.004', '0.005', '99.999', '-0.01', '-1', '''NaN''', '''Infinity''', '''-Infinity''',
	'1000000000000', '999999999999.991', '-1000000000000', '1e20', '1e1000', '-1e1000', '1e-1000', '123456789.123456789'])
	WITH ORDINALITY u (amount, n) ORDER BY n;
-- Zeros behind the second decimal are no loss.
BEGIN;
SELECT regpaydb.pay(1, 1.5000000, 'x') > 0 AS paid;
SELECT amount FROM payment ORDER BY payment_id DESC LIMIT 1;
ROLLBACK;
-- The largest amount that fits.
BEGIN;
SELECT regpaydb.pay(1, 999999999999.99, 'x') > 0 AS paid;
SELECT value FROM credit_note ORDER BY credit_note_id DESC LIMIT 1;
SELECT * FROM regpaydb.check_integrity();
-- A second one on the same invoice becomes a note of its own; both together
-- are more than one amount can hold, but not more than an attendee can have.
INSERT INTO payment (invoice_id, amount) VALUES (1, 999999999999.99 - 100);
SELECT regpaydb.available_credit(1);
ROLLBACK;

-- Unknown ids, of every size: RP002.
SELECT id, split_part(test.raises(replace('SELECT regpaydb.pay(#, 1, ''x'')', '#', id)), ':', 1) AS pay,
	split_part(test.raises(replace('SELECT regpaydb.balance_due(#)', '#', id)), ':', 1) AS balance,
	split_part(test.raises(replace('SELECT regpaydb.apply_credit_note(#, 1)', '#', id)), ':', 1) AS note,
	split_part(test.raises(replace('SELECT regpaydb.refund_credit_note(#, ''x'')', '#', id)), ':', 1) AS refund,
	split_part(test.raises(replace('SELECT regpaydb.request_refund(#, ''x'')', '#', id)), ':', 1) AS request,
	split_part(test.raises(replace('SELECT regpaydb.confirm_refund(#)', '#', id)), ':', 1) AS confirm,
	split_part(test.raises(replace('SELECT regpaydb.fail_refund(#, ''x'')', '#', id)), ':', 1) AS fail,
	split_part(test.raises(replace('SELECT * FROM regpaydb.refund_sources(#)', '#', id)), ':', 1) AS sources,
	split_part(test.raises(replace('SELECT * FROM regpaydb.money_trail(#)', '#', id)), ':', 1) AS trail,
	split_part(test.raises(replace('SELECT regpaydb.return_items(#, ''[{"line_item_id": 1}]'')', '#', id)), ':', 1) AS return,
	split_part(test.raises(replace('SELECT regpaydb.charge_credit_note(#, ''[{"description": "x", "price": 1}]'')', '#', id)), ':', 1) AS charge,
	split_part(test.raises(replace('SELECT regpaydb.available_credit(#)', '#', id)), ':', 1) AS credit,
	split_part(test.raises(replace('SELECT test.invoice(#, 1)', '#', id)), ':', 1) AS invoice,
	split_part(test.raises(replace('SELECT regpaydb.rotate_access_code(#)', '#', id)), ':', 1) AS code,
	regpaydb.can_view(id::bigint, 900) AS can_view
FROM unnest(ARRAY['0', '-1', '999', '9223372036854775807', '-9223372036854775808']) WITH ORDINALITY u (id, n) ORDER BY n;

-- Texts that are too long: 22001.  (A reference has at most 1000 characters, a
-- provider and its reference 200.)
SELECT call, test.raises(call) FROM (VALUES
	(1, 'SELECT regpaydb.pay(1, 1, repeat(''x'', 1000000))'),
	(2, 'SELECT regpaydb.pay(1, 1, repeat(''é'', 1001))'),
	(3, 'SELECT regpaydb.pay(1, 1, '''', repeat(''x'', 1000000), ''x'')'),
	(4, 'SELECT regpaydb.pay(1, 1, '''', ''x'', repeat(''x'', 1000000))'),
	(5, 'SELECT regpaydb.pay(1, 1, '''', ''x'', repeat(''x'', 201))'),
	(6, 'SELECT regpaydb.record_manual_payment(1, 1, repeat(''x'', 1000000), 900)'),
	(7, 'SELECT regpaydb.refund_credit_note(2, repeat(''x'', 1000000))'),
	(8, 'SELECT regpaydb.create_ledger(''x'', repeat(''x'', 1000000))'),
	(9, 'SELECT regpaydb.create_ledger(''x'', ''x'', repeat(''x'', 1000000))'),
	(10, 'SELECT regpaydb.manual_invoice(1, ''1 day'', jsonb_build_array(jsonb_build_object(''description'', repeat(''x'', 1000000), ''price'', 1)))'),
	(11, 'SELECT regpaydb.manual_invoice(1, ''1 day'', to_jsonb(repeat(''x'', 1000000)))'),
	(12, 'SELECT regpaydb.return_items(1, ''[{"line_item_id": 1}]'', repeat(''x'', 1000000))'),
	(13, 'SELECT regpaydb.charge_credit_note(2, jsonb_build_array(jsonb_build_object(''description'', repeat(''x'', 1000000), ''price'', 1)))'),
	(14, 'SELECT regpaydb.request_refund(2, repeat(''x'', 1000000))'),
	(15, 'SELECT regpaydb.request_refund(2, '''', to_jsonb(repeat(''x'', 1000000)))'),
	(16, 'SELECT regpaydb.confirm_refund(1, repeat(''x'', 1000000), ''x'')'),
	(17, 'SELECT regpaydb.confirm_refund(1, ''x'', repeat(''é'', 201))'),
	(18, 'SELECT regpaydb.fail_refund(1, repeat(''x'', 1000000))'),
	(19, 'SELECT regpaydb.record_reversal(repeat(''x'', 1000000), ''x'', 1, ''x'')'),
	(20, 'SELECT regpaydb.record_reversal(''x'', repeat(''x'', 1000000), 1, ''x'')'),
	(21, 'SELECT regpaydb.record_reversal(''x'', ''x'', 1, repeat(''x'', 1000000))'),
	(22, 'SELECT regpaydb.record_reversal(''x'', ''x'', 1, ''x'', repeat(''x'', 1000000))'),
	(23, 'SELECT regpaydb.payment_summary(repeat(''x'', 1000000), ''x'')')) v (n, call) ORDER BY n;
-- What only reads says no, not an error.
SELECT regpaydb.can_view(1, NULL, repeat('x', 1000000)), regpaydb.can_view(NULL), regpaydb.can_view(NULL, NULL, NULL);

-- Nothing was left behind by any of these.
SELECT test.rows() = :'rows' AS nothing_left_behind;
SELECT count(*) FROM pg_namespace WHERE nspname = 'x';
SELECT * FROM regpaydb.check_integrity();

-- Texts are kept as they are, whatever is in them.
CREATE TABLE test.strange (n int, t text);
INSERT INTO test.strange VALUES (1, ''), (2, ' '), (3, ''''), (4, '"'), (5, '\'), (6, '%s %n %d %'), (7, '$1 $$ @ :x'),
	(8, '''); DROP TABLE payment; --'), (9, E'two\nlines\ttab'), (10, 'Größe € 漢字 🎉'), (11, repeat('é', 1000)),
	(12, '{"json": true}'), (13, '<b>bold</b>');
SELECT n, regpaydb.pay(1, 0.01, t) > 0 AS paid FROM test.strange ORDER BY n;
SELECT count(*) AS same FROM test.strange s JOIN payment p ON p.reference = s.t AND p.amount = 0.01;
-- As the provider's reference, too; and in the message that shows it.
SELECT n, regpaydb.pay(1, 0.02, '', 'x', t) = regpaydb.pay(1, 0.02, 'again', 'x', t) AS recorded_once
FROM test.strange WHERE t <> '' AND length(t) <= 200 ORDER BY n;
SELECT test.raises('SELECT regpaydb.pay(1, 0.03, '''', ''x'', ''%s %n %d %'')');
SELECT regpaydb.can_view(1, access_code => t) FROM test.strange WHERE n IN (1, 6, 8) ORDER BY n;
SELECT test.raises(format('SELECT regpaydb.invoice_for_access_code(%L)', t)) FROM test.strange WHERE n IN (6, 8) ORDER BY n;
-- In settings: the name of a ledger is a name.
SET regpaydb.ledger = 'bad_input"; DROP TABLE payment; --';
SELECT test.raises('SELECT regpaydb.balance_due(1)');
SET regpaydb.ledger = 'bad_input';
SET regpaydb.access_code = '%s'' OR true --';
SELECT test.raises('SELECT regpaydb.balance_due(1)');
RESET regpaydb.access_code;
-- A user id beyond what there can be.
SET regpaydb.user_id = '9223372036854775808';
SELECT test.raises('SELECT regpaydb.balance_due(1)');
SET regpaydb.user_id = '-9223372036854775808';
SELECT test.raises('SELECT regpaydb.balance_due(1)');
RESET regpaydb.user_id;

-- Trigger functions are for triggers, and for the ledgers' tables.
SELECT call, test.raises(call) FROM (VALUES
	(1, 'SELECT regpaydb.settle_payments()'),
	(2, 'SELECT regpaydb.guard_rows()'),
	(3, 'SELECT regpaydb.guard_conference()'),
	(4, 'SELECT regpaydb.make_access_code()')) v (n, call) ORDER BY n;
CREATE TABLE test.payment (payment_id text, invoice_id text, amount text, kind text);
CREATE TRIGGER t AFTER INSERT ON test.payment REFERENCING NEW TABLE AS n
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.settle_payments();
SELECT split_part(test.raises('INSERT INTO test.payment VALUES (''1'', ''1'', ''1'', ''1'')'), ':', 1);
DROP TRIGGER t ON test.payment;
CREATE TRIGGER t BEFORE INSERT ON test.payment FOR EACH ROW EXECUTE FUNCTION regpaydb.settle_payments();
SELECT split_part(test.raises('INSERT INTO test.payment VALUES (''1'', ''1'', ''1'', ''1'')'), ':', 1);
DROP TRIGGER t ON test.payment;
CREATE TRIGGER t BEFORE INSERT ON test.payment FOR EACH ROW EXECUTE FUNCTION regpaydb.make_access_code();
SELECT split_part(test.raises('INSERT INTO test.payment VALUES (''1'', ''1'', ''1'', ''1'')'), ':', 1);
DROP TRIGGER t ON test.payment;
CREATE TRIGGER t BEFORE UPDATE ON test.payment FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_conference();
CREATE TRIGGER u BEFORE UPDATE ON test.payment FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_rows('payment_id', 'amount');
INSERT INTO test.payment VALUES ('1', '1', '1', '1');
SELECT split_part(test.raises('UPDATE test.payment SET amount = ''2'''), ':', 1);
DROP TRIGGER t ON test.payment;
SELECT split_part(test.raises('UPDATE test.payment SET amount = ''2'''), ':', 1);
DROP TABLE test.payment;
-- A second settling trigger on the ledger's own table, of the wrong kind.
BEGIN;
CREATE TRIGGER wrong AFTER INSERT ON payment FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.settle_payments();
SELECT test.raises('INSERT INTO bad_input.payment (invoice_id, amount) VALUES (1, 1)');
ROLLBACK;

DROP TABLE test.strange;
DROP FUNCTION test.rows();
SELECT invoice_id, status, value, paid FROM invoice ORDER BY 1;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
