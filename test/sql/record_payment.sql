-- record_payment(): money that has arrived, as a payment platform or a bank tells,
-- whatever state the invoice is in; once for each of their references, and so
-- record_manual_payment().
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_record_app, regress_record_staff, regress_record_reports;
CREATE ROLE regress_record_app NOLOGIN;
CREATE ROLE regress_record_staff NOLOGIN;
CREATE ROLE regress_record_reports NOLOGIN;
SELECT test.new_shop('record_payment');
UPDATE conference SET auto_apply_credit = false;
SELECT regpaydb.grant_access('regress_record_app', 'app'), regpaydb.grant_access('regress_record_staff', 'staff'),
	regpaydb.grant_access('regress_record_reports', 'reports');
GRANT USAGE ON SCHEMA test TO regress_record_app, regress_record_staff, regress_record_reports;

-- Invoices in every state: 1 unpaid, 2 part-paid, 3 paid, 4 refunded, 5 void, 6 of
-- a cart as it is, 7 of a cart that was amended, 8 of one that lapsed and is sold
-- out, 9 of one that lapsed, 10 of a part-paid cart.
SELECT test.invoice(1, 100), test.invoice(1, 100), test.invoice(1, 100), test.invoice(1, 100), test.invoice(1, 100);
SELECT regpaydb.pay(2, 40, '') > 0 AS paid, regpaydb.pay(3, 100, '') > 0 AS paid, regpaydb.pay(4, 100, '') > 0 AS paid;
SELECT regpaydb.refund_credit_note(regpaydb.refund_invoice(4), '') AS refunded;
SELECT regpaydb.void_invoice(5);
SELECT test.fill(1, 1), regpaydb.invoice_cart(1) AS invoice;
SELECT test.fill(2, 1), regpaydb.invoice_cart(2) AS invoice, regpaydb.set_quantity(2, 1, 2);
INSERT INTO attendee (user_id) VALUES (104), (105), (106);
SELECT test.fill(3, 5), regpaydb.invoice_cart(3) AS invoice;
SELECT test.lapse(3), test.fill(6, 5);
SELECT test.fill(4, 4) AS cart \gset
SELECT regpaydb.invoice_cart(:cart) AS invoice, test.lapse(:cart);
SELECT test.fill(5, 1) AS cart \gset
SELECT regpaydb.invoice_cart(:cart) AS invoice, regpaydb.pay(10, 40, '') > 0 AS paid;
SELECT invoice_id, i.status, value, paid, c.status AS cart FROM invoice i LEFT JOIN cart c USING (cart_id) ORDER BY 1;

-- What each does with what it is owed, less, and more.
SELECT invoice_id, status, test.outcome(format('SELECT regpaydb.record_payment(%s, %s, '''', ''bank'', ''x'')', invoice_id, value)) AS value,
	test.outcome(format('SELECT regpaydb.record_payment(%s, 5, '''', ''bank'', ''x'')', invoice_id)) AS less,
	test.outcome(format('SELECT regpaydb.record_payment(%s, %s, '''', ''bank'', ''x'')', invoice_id, value + 7)) AS more
FROM invoice ORDER BY 1;
-- pay() refuses what can't be paid, and record_manual_payment() does not.
SELECT invoice_id, status, test.outcome(format('SELECT regpaydb.pay(%s, %s, '''', ''bank'', ''x'')', invoice_id, value)) AS pay,
	test.outcome(format('SELECT regpaydb.record_manual_payment(%s, %s, '''', 900, ''bank'', ''x'')', invoice_id, value)) AS manual
FROM invoice ORDER BY 1;

-- Once for each reference, in whatever state its invoice is by then, and by
-- whichever of the three functions it comes.
SELECT regpaydb.record_payment(1, 100, 'first', 'bank', 'r1', '2025-12-30') AS first \gset
SELECT regpaydb.record_payment(1, 100, 'again', 'bank', 'r1') = :first AS record, regpaydb.record_payment(1, 100.000, '', 'bank', 'r1', NULL) = :first AS zeros,
	regpaydb.pay(1, 100, '', 'bank', 'r1') = :first AS pay, regpaydb.record_manual_payment(1, 100, '', 900, 'bank', 'r1') = :first AS manual;
SELECT reference, kind, provider, provider_ref, value_date, entered_by FROM payment WHERE payment_id = :first;
SELECT regpaydb.record_manual_payment(2, 60, 'first', 900, 'bank', 'r2', '2025-12-31') AS second \gset
SELECT regpaydb.record_manual_payment(2, 60, 'again', 900, 'bank', 'r2') = :second AS manual, regpaydb.record_payment(2, 60, '', 'bank', 'r2') = :second AS record,
	regpaydb.pay(2, 60, '', 'bank', 'r2') = :second AS pay;
SELECT reference, kind, provider, provider_ref, value_date, entered_by FROM payment WHERE payment_id = :second;
SELECT invoice_id, status, paid, payment_count FROM invoice WHERE invoice_id < 3 ORDER BY 1;
SELECT count(*) AS notes FROM credit_note WHERE state = 'unclaimed';
-- A double click on a refund is one refund, too.
SELECT regpaydb.record_manual_payment(2, -30, '', 900, 'bank', 'back') = regpaydb.record_manual_payment(2, -30, '', 900, 'bank', 'back') AS same;
SELECT status, paid FROM invoice WHERE invoice_id = 2;
-- Without a reference there is no telling: each is a payment.
SELECT regpaydb.record_manual_payment(1, 10, '', 900) <> regpaydb.record_manual_payment(1, 10, '', 900) AS two,
	regpaydb.record_manual_payment(1, 10, '', 900, 'bank') <> regpaydb.record_manual_payment(1, 10, '', 900, 'bank') AS two_of_a_provider;
-- The same reference of another provider is another payment.
SELECT regpaydb.record_payment(1, 100, '', 'card', 'r1') <> :first AS other_provider, regpaydb.record_payment(1, 100, '', 'BANK', 'r1') <> :first AS other_case,
	regpaydb.record_payment(1, 100, '', 'bank', 'r1 ') <> :first AS other_space;

-- Another payment under a reference that is taken is told, never swallowed: another
-- invoice, amount, or sign.
SELECT call, test.raises('SELECT regpaydb.' || call) FROM (VALUES
	(1, 'record_payment(3, 100, '''', ''bank'', ''r1'')'),
	(2, 'record_payment(1, 99.99, '''', ''bank'', ''r1'')'),
	(3, 'record_payment(2, 60.01, '''', ''bank'', ''r2'')'),
	(4, 'record_payment(2, 30, '''', ''bank'', ''back'')'),
	(5, 'record_manual_payment(3, 100, '''', 900, ''bank'', ''r1'')'),
	(6, 'record_manual_payment(1, -100, '''', 900, ''bank'', ''r1'')'),
	(7, 'record_manual_payment(2, -29, '''', 900, ''bank'', ''back'')'),
	(8, 'pay(3, 100, '''', ''bank'', ''r1'')'),
	(9, 'record_payment(99, 100, '''', ''bank'', ''r1'')')
) AS c (n, call) ORDER BY n;
\x on
SELECT * FROM test.report('SELECT regpaydb.record_payment(3, 100, '''', ''bank'', ''r1'')');
\x off
-- What was recorded by plain SQL counts, too; a note's payment has no reference.
INSERT INTO payment (invoice_id, amount, provider, provider_ref) VALUES (3, 5, 'bank', 'sql');
SELECT test.raises('SELECT regpaydb.record_payment(3, 6, '''', ''bank'', ''sql'')'), test.raises('SELECT regpaydb.record_payment(3, 5, '''', ''bank'', ''sql'')');

-- Arguments.
SELECT call, test.raises('SELECT regpaydb.' || call) FROM (VALUES
	(1, 'record_payment(NULL, 1, '''', ''bank'', ''n'')'),
	(2, 'record_payment(3, NULL, '''', ''bank'', ''n'')'),
	(3, 'record_payment(3, 1, NULL, ''bank'', ''n'')'),
	(4, 'record_payment(3, 1, '''', NULL, ''n'')'),
	(5, 'record_payment(3, 1, '''', ''bank'', NULL)'),
	(6, 'record_payment(3, 1, '''', NULL, NULL)'),
	(7, 'record_payment(3, 1, '''', '''', ''n'')'),
	(8, 'record_payment(3, 1, '''', ''bank'', '''')'),
	(9, 'record_payment(3, 1, '''', repeat(''b'', 201), ''n'')'),
	(10, 'record_payment(3, 1, '''', ''bank'', repeat(''é'', 201))'),
	(11, 'record_payment(3, 1, repeat(''x'', 1001), ''bank'', ''n'')'),
	(12, 'record_payment(3, 0, '''', ''bank'', ''n'')'),
	(13, 'record_payment(3, -1, '''', ''bank'', ''n'')'),
	(14, 'record_payment(3, 0.001, '''', ''bank'', ''n'')'),
	(15, 'record_payment(3, ''NaN'', '''', ''bank'', ''n'')'),
	(16, 'record_payment(3, ''Infinity'', '''', ''bank'', ''n'')'),
	(17, 'record_payment(3, 1000000000000, '''', ''bank'', ''n'')'),
	(18, 'record_payment(3, 999999999999.99, '''', ''bank'', ''n'')'),
	(19, 'record_payment(99, 1, '''', ''bank'', ''n'')'),
	(20, 'record_payment(0, 1, '''', ''bank'', ''n'')'),
	(21, 'record_manual_payment(3, 1, '''', 900, NULL, ''n'')'),
	(22, 'record_manual_payment(3, 1, '''', 900, ''bank'', '''')'),
	(23, 'record_manual_payment(3, 1, '''', 900, '''')'),
	(24, 'record_manual_payment(3, 0, '''', 900, ''bank'', ''n'')'),
	(25, 'record_payment(3, 1, repeat(''é'', 1000), repeat(''é'', 200), repeat(''é'', 200))')
) AS c (n, call) ORDER BY n;
SELECT count(*) FROM payment WHERE provider_ref = 'n';

-- Who may: access app and staff, for an invoice that the actor may view.
CREATE FUNCTION becomes(call text, role text, user_id text DEFAULT '', access_code text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('regpaydb.user_id', user_id, true), set_config('regpaydb.access_code', access_code, true);
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE 'SELECT regpaydb.' || call;
	RAISE EXCEPTION USING ERRCODE = 'T0000';
EXCEPTION WHEN SQLSTATE 'T0000' THEN
	RETURN 'done';
WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
SELECT call, becomes(call, 'regress_record_app') AS app, becomes(call, 'regress_record_app', '101') AS alice,
	becomes(call, 'regress_record_app', '102') AS bob, becomes(call, 'regress_record_app', '', 'ALICES-CODE') AS her_code,
	becomes(call, 'regress_record_app', '', 'BOBS-CODE') AS his_code, becomes(call, 'regress_record_app', '0') AS nobody,
	becomes(call, 'regress_record_app', '900') AS staff, becomes(call, 'regress_record_staff') AS access_staff, becomes(call, 'regress_record_reports') AS reports
FROM (VALUES
	(1, 'record_payment(3, 1, '''', ''bank'', ''w'')'),
	(2, 'record_payment(1, 100, '''', ''bank'', ''r1'')'),
	(3, 'record_payment(1, 99, '''', ''bank'', ''r1'')'),
	(4, 'record_payment(99, 1, '''', ''bank'', ''w'')')
) AS c (n, call) ORDER BY n;
-- A reference that is taken tells nobody of an invoice that she may not view.
SELECT becomes('record_payment(7, 1, '''', ''bank'', ''r1'')', 'regress_record_app', '101') AS anothers, becomes('record_payment(99, 1, '''', ''bank'', ''r1'')', 'regress_record_app', '101') AS unknown;
-- The privilege is INSERT on payment, as pay() asks for.
REVOKE INSERT (amount) ON payment FROM regress_record_app;
SELECT becomes('record_payment(3, 1, '''', ''bank'', ''w'')', 'regress_record_app') AS app;
REVOKE EXECUTE ON FUNCTION regpaydb.record_payment FROM regress_record_staff;
SELECT becomes('record_payment(3, 1, '''', ''bank'', ''w'')', 'regress_record_staff') AS staff;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();

-- Case 13: a bank's file in which one reference stands for several transfers.  One
-- statement records it, or tells of what it can't record, and then nothing is.
SELECT test.new_ledger('record_bank');
SELECT test.invoice(1 + n % 2, 100) AS invoice FROM generate_series(1, 4) n;
CREATE TABLE bank_statement (line int PRIMARY KEY, transaction_id text, invoice_id bigint, amount numeric, booked date);
INSERT INTO bank_statement VALUES (1, 'A1', 1, 100, '2025-12-29'), (2, 'NONREF', 2, 100, '2025-12-29'),
	(3, 'NONREF', 3, 100, '2025-12-30'), (4, 'NONREF', 4, 60, '2025-12-30');
SELECT test.raises('SELECT regpaydb.record_payment(invoice_id, amount, '''', ''bank'', transaction_id, booked) FROM bank_statement ORDER BY line');
SELECT invoice_id, status, paid FROM invoice ORDER BY 1;
SELECT count(*) FROM payment;
-- With what tells them apart, all of it is there, and loading it again is nothing.
SELECT regpaydb.record_payment(invoice_id, amount, transaction_id, 'bank', transaction_id || '/' || booked || '/' || invoice_id, booked) AS payment
FROM bank_statement ORDER BY line;
SELECT regpaydb.record_payment(invoice_id, amount, transaction_id, 'bank', transaction_id || '/' || booked || '/' || invoice_id, booked) AS payment
FROM bank_statement ORDER BY line;
SELECT invoice_id, status, paid, payment_count FROM invoice ORDER BY 1;
SELECT sum(amount) = (SELECT sum(amount) FROM bank_statement) AS all_of_it, count(*) FROM payment;
SELECT reference, provider_ref, value_date FROM payment ORDER BY payment_id;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();

SET search_path = public;
DROP OWNED BY regress_record_app, regress_record_staff, regress_record_reports;
DROP ROLE regress_record_app, regress_record_staff, regress_record_reports;
