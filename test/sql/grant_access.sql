-- grant_access and revoke_access: what each access may call and touch, and
-- nothing else.
SET client_min_messages = warning;
SELECT test.new_ledger('grants');
UPDATE conference SET auto_apply_credit = false;
DROP ROLE IF EXISTS regress_app, regress_staff, regress_reports, "Regress ""Both""", regress_ledger;
CREATE ROLE regress_app NOLOGIN;
CREATE ROLE regress_staff NOLOGIN;
CREATE ROLE regress_reports NOLOGIN;
CREATE ROLE "Regress ""Both""" NOLOGIN;
CREATE ROLE regress_ledger NOLOGIN;

SELECT call, test.raises(call) FROM (VALUES
	(1, 'SELECT regpaydb.grant_access(''regress_app'', ''owner'')'),
	(2, 'SELECT regpaydb.grant_access(''regress_app'', ''APP'')'),
	(3, 'SELECT regpaydb.grant_access(''regress_app'', '''')'),
	(4, 'SELECT regpaydb.grant_access(''regress_app'', NULL)'),
	(5, 'SELECT regpaydb.grant_access(NULL, ''app'')'),
	(6, 'SELECT regpaydb.grant_access(''no_such_role'', ''app'')'),
	(7, 'SELECT regpaydb.grant_access(''public'', ''app'')'),
	(8, 'SELECT regpaydb.revoke_access(''regress_app'', ''x'')'),
	(9, 'SELECT regpaydb.revoke_access(NULL, ''app'')')) v (n, call) ORDER BY n;

-- What a role may call, and what it may do with tables and views, from the catalogs.
CREATE FUNCTION test.may_call(who name) RETURNS SETOF text LANGUAGE sql AS $$
	SELECT proname::text FROM pg_proc p
	WHERE pronamespace = 'regpaydb'::regnamespace AND has_function_privilege(who, p.oid, 'EXECUTE')
	ORDER BY 1
$$;
CREATE FUNCTION test.may_touch(who name, ledger name) RETURNS TABLE (relation text, privileges text) LANGUAGE sql AS $$
	SELECT c.relname::text, string_agg(privilege, ', ' ORDER BY privilege)
	FROM pg_class c
	JOIN pg_roles r ON r.rolname = who
	CROSS JOIN LATERAL (
		SELECT a.privilege_type FROM aclexplode(c.relacl) a WHERE a.grantee = r.oid
		UNION ALL
		SELECT format('%s (%s)', a.privilege_type, string_agg(t.attname, ', ' ORDER BY t.attnum))
		FROM pg_attribute t, aclexplode(t.attacl) a
		WHERE t.attrelid = c.oid AND a.grantee = r.oid GROUP BY a.privilege_type) p (privilege)
	WHERE c.relnamespace = ledger::regnamespace AND c.relkind IN ('r', 'v', 'm', 'S')
	GROUP BY 1 ORDER BY 1
$$;
SELECT regpaydb.grant_access('regress_app', 'app');
SELECT regpaydb.grant_access('regress_staff', 'staff');
SELECT regpaydb.grant_access('regress_reports', 'reports');
SELECT test.may_call('regress_app') AS app;
SELECT test.may_call('regress_staff') AS staff EXCEPT SELECT test.may_call('regress_app') ORDER BY 1;
SELECT test.may_call('regress_app') AS app EXCEPT SELECT test.may_call('regress_staff');
SELECT test.may_call('regress_reports') AS reports;
SELECT * FROM test.may_touch('regress_app', 'grants');
SELECT * FROM test.may_touch('regress_staff', 'grants');
SELECT * FROM test.may_touch('regress_reports', 'grants');
-- Whoever reads reports reads every table and view of the ledger.
SELECT c.relname AS not_for_reports FROM pg_class c
WHERE relnamespace = 'grants'::regnamespace AND relkind IN ('r', 'v')
	AND NOT has_any_column_privilege('regress_reports', c.oid, 'SELECT');
-- Nothing that is not for the owner of the ledger alone is left out.
SELECT p.proname AS for_owners_only FROM pg_proc p
WHERE pronamespace = 'regpaydb'::regnamespace AND prorettype <> 'trigger'::regtype
	AND NOT has_function_privilege('regress_staff', p.oid, 'EXECUTE')
	AND NOT has_function_privilege('regress_reports', p.oid, 'EXECUTE')
ORDER BY 1;

-- Granting again changes nothing.
CREATE TEMP TABLE acl AS SELECT oid, relacl FROM pg_class WHERE relnamespace = 'grants'::regnamespace;
SELECT regpaydb.grant_access('regress_app', 'app'), regpaydb.grant_access('regress_staff', 'staff');
SELECT c.relname FROM pg_class c JOIN acl USING (oid) WHERE c.relacl IS DISTINCT FROM acl.relacl;

-- ---------------------------------------------------------------------------
-- What they can do
-- ---------------------------------------------------------------------------
INSERT INTO category (name) VALUES ('Ticket');
INSERT INTO product (category_id, name, price, stock) VALUES (1, 'Seat', 100, 5);
SELECT test.invoice(1, 100) AS i1, test.invoice(1, 50) AS i2, test.invoice(2, 10) AS i3, test.invoice(2, 7) AS i4;
SELECT regpaydb.pay(3, 15, 'x') AS payment_id;
SELECT test.invoice(2, 1) AS i5, regpaydb.pay(5, 3, 'x') AS payment_id;
SELECT regpaydb.request_refund(max(credit_note_id), 'to the bank') AS refund FROM credit_note;
CREATE TABLE test.access_call AS SELECT * FROM (VALUES
	(1, 'SELECT regpaydb.can_view(1, 101)'),
	(2, 'SELECT regpaydb.invoice_for_access_code(''ALICES-CODE'')'),
	(3, 'SELECT regpaydb.validate_allowed_to_pay(1)'),
	(4, 'SELECT regpaydb.total_payments(1)'),
	(5, 'SELECT regpaydb.balance_due(1)'),
	(6, 'SELECT regpaydb.available_credit(1)'),
	(7, 'SELECT * FROM regpaydb.check_integrity()'),
	(8, 'SELECT regpaydb.rotate_access_code(1)'),
	(9, 'SELECT regpaydb.pay(1, 1, '''')'),
	(10, 'SELECT regpaydb.record_manual_payment(1, 1, '''', 900)'),
	(11, 'SELECT regpaydb.update_status(1)'),
	(12, 'SELECT regpaydb.manual_invoice(1, ''0'', ''[{"description": "x", "price": 1}]'')'),
	(13, 'SELECT regpaydb.void_invoice(2)'),
	(14, 'SELECT regpaydb.refund_invoice(3)'),
	(15, 'SELECT regpaydb.cancellation_fee((SELECT min(credit_note_id) FROM credit_note WHERE state = ''unclaimed''), 10)'),
	(16, 'SELECT regpaydb.apply_credit_note((SELECT min(credit_note_id) FROM credit_note WHERE state = ''unclaimed''), 4)'),
	(17, 'SELECT regpaydb.refund_credit_note((SELECT min(credit_note_id) FROM credit_note WHERE state = ''unclaimed''), '''')'),
	(18, 'SELECT regpaydb.set_quantity(regpaydb.current_cart(1), 1, 1)'),
	(19, 'SELECT regpaydb.validate_cart(1)'),
	(20, 'SELECT regpaydb.extend_reservation(1, ''1 day'')'),
	(21, 'SELECT regpaydb.invoice_cart(1)'),
	(22, 'SELECT regpaydb.available_stock(1)'),
	(23, 'SELECT regpaydb.expire_invoices()'),
	(24, 'INSERT INTO payment (invoice_id, amount, reference, provider, provider_ref) VALUES (1, 1, ''x'', ''bank'', ''1'')'),
	(25, 'SELECT regpaydb.return_items(3, ''[{"line_item_id": 3}]'')'),
	(26, 'SELECT regpaydb.charge_credit_note((SELECT min(credit_note_id) FROM credit_note WHERE state = ''unclaimed''), ''[{"description": "x", "price": 1}]'')'),
	(70, 'SELECT regpaydb.request_refund((SELECT min(credit_note_id) FROM credit_note WHERE state = ''unclaimed''), '''')'),
	(71, 'SELECT regpaydb.confirm_refund(1)'),
	(72, 'SELECT regpaydb.fail_refund(1, ''card closed'')'),
	(73, 'SELECT * FROM regpaydb.refund_sources((SELECT min(credit_note_id) FROM credit_note))'),
	(74, 'SELECT * FROM regpaydb.money_trail(1)'),
	(75, 'SELECT regpaydb.payment_summary(''bank'', ''1'')'),
	(76, 'SELECT regpaydb.record_payment(1, 1, '''', ''bank'', ''1''), regpaydb.record_reversal(''bank'', ''1'', 1, ''2'')'),
	(77, 'SELECT * FROM report_refunds_in_flight'),
	(78, 'SELECT * FROM report_reversals'),
	(79, 'SELECT * FROM credit_note_refund_part'),
	(80, 'SELECT * FROM reversal'),
	(81, 'INSERT INTO reversal (payment_id, provider, reversal_ref, amount, loss) VALUES (1, ''x'', ''x'', 1, 1)'),
	(82, 'INSERT INTO reversal (amount) VALUES (1)'),
	(83, 'INSERT INTO credit_note_refund_part (credit_note_refund_id, amount) VALUES (1, 1)'),
	(84, 'UPDATE credit_note_refund SET state = ''done'''),
	(30, 'SELECT regpaydb.upgrade_ledger(''grants'')'),
	(31, 'SELECT regpaydb.create_ledger(''grants_more'')'),
	(32, 'SELECT regpaydb.grant_access(current_user, ''staff'')'),
	(33, 'SELECT regpaydb.revoke_access(''regress_app'', ''app'')'),
	(40, 'INSERT INTO payment (payment_id, invoice_id, amount) VALUES (1000, 1, 1)'),
	(41, 'INSERT INTO payment (invoice_id, amount, kind) VALUES (1, 1, ''manual'')'),
	(42, 'INSERT INTO payment (invoice_id, amount, kind) VALUES (1, -1, ''credit_note'')'),
	(43, 'INSERT INTO payment (invoice_id, amount, "time") VALUES (1, 1, ''2001-01-01'')'),
	(44, 'INSERT INTO payment (invoice_id, amount, entered_by) VALUES (1, 1, 900)'),
	(45, 'UPDATE payment SET reference = ''x'''),
	(46, 'DELETE FROM payment'),
	(47, 'TRUNCATE payment CASCADE'),
	(48, 'UPDATE invoice SET status = ''paid'''),
	(49, 'UPDATE invoice SET recipient = ''x'''),
	(50, 'INSERT INTO invoice (attendee_id, value) VALUES (1, 1)'),
	(51, 'INSERT INTO invoice (value) VALUES (1)'),
	(52, 'INSERT INTO credit_note (credit_note_id, attendee_id, value) VALUES (1, 1, 1)'),
	(53, 'INSERT INTO credit_note_application (credit_note_id) VALUES (1)'),
	(54, 'INSERT INTO credit_note_refund (credit_note_id) VALUES (1)'),
	(55, 'UPDATE credit_note SET state = ''refunded'''),
	(56, 'INSERT INTO staff VALUES (666)'),
	(57, 'INSERT INTO attendee (user_id) VALUES (666)'),
	(58, 'UPDATE attendee SET recipient = ''x'''),
	(59, 'UPDATE product SET price = 0'),
	(60, 'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (1, 1, 1)'),
	(61, 'DELETE FROM outbox'),
	(62, 'UPDATE conference SET currency = ''EUR'''),
	(63, 'SELECT setval(pg_get_serial_sequence(''payment'', ''payment_id''), 1)'),
	(64, 'ALTER TABLE payment DISABLE TRIGGER ALL'),
	(65, 'CREATE TABLE grants.x ()')) v (n, call);
GRANT SELECT ON test.access_call TO PUBLIC;
GRANT USAGE ON SCHEMA test TO PUBLIC;
-- Each call is rolled back.
CREATE FUNCTION test.try(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE call;
	RAISE EXCEPTION USING ERRCODE = 'T0000';
EXCEPTION
	WHEN SQLSTATE 'T0000' THEN
		RETURN 'yes';
	WHEN OTHERS THEN
		RETURN SQLSTATE;
END $$;
BEGIN;
SELECT regpaydb.set_quantity(regpaydb.current_cart(1), 1, 1);
CREATE TEMP TABLE result (n integer, who text, answer text);
GRANT INSERT ON result TO PUBLIC;
SET LOCAL ROLE regress_app;
INSERT INTO result SELECT n, 'app', test.try(call) FROM test.access_call;
SET LOCAL regpaydb.user_id = '900';
INSERT INTO result SELECT n, 'app for staff', test.try(call) FROM test.access_call;
SET LOCAL regpaydb.user_id = '';
SET LOCAL ROLE regress_staff;
INSERT INTO result SELECT n, 'staff', test.try(call) FROM test.access_call;
SET LOCAL ROLE regress_reports;
INSERT INTO result SELECT n, 'reports', test.try(call) FROM test.access_call;
RESET ROLE;
SELECT c.call, a.answer AS app, f.answer AS app_for_staff, s.answer AS staff, r.answer AS reports
FROM test.access_call c
JOIN result a ON a.n = c.n AND a.who = 'app'
JOIN result f ON f.n = c.n AND f.who = 'app for staff'
JOIN result s ON s.n = c.n AND s.who = 'staff'
JOIN result r ON r.n = c.n AND r.who = 'reports'
ORDER BY c.n;
ROLLBACK;
DROP TABLE test.access_call;

-- ---------------------------------------------------------------------------
-- Two accesses of one role; taken back one by one
-- ---------------------------------------------------------------------------
SELECT regpaydb.grant_access('Regress "Both"', 'app'), regpaydb.grant_access('Regress "Both"', 'staff'),
	regpaydb.grant_access('Regress "Both"', 'reports');
SELECT test.may_call('Regress "Both"') EXCEPT SELECT test.may_call('regress_staff');
SELECT regpaydb.revoke_access('Regress "Both"', 'staff');
SELECT * FROM test.may_touch('Regress "Both"', 'grants') EXCEPT SELECT * FROM test.may_touch('regress_app', 'grants') ORDER BY 1;
SELECT test.may_call('Regress "Both"') EXCEPT SELECT test.may_call('regress_app') EXCEPT SELECT test.may_call('regress_reports');
SELECT regpaydb.revoke_access('Regress "Both"', 'app');
SELECT * FROM test.may_touch('Regress "Both"', 'grants') EXCEPT SELECT * FROM test.may_touch('regress_reports', 'grants');
SELECT * FROM test.may_touch('regress_reports', 'grants') EXCEPT SELECT * FROM test.may_touch('Regress "Both"', 'grants');
SELECT test.may_call('Regress "Both"') EXCEPT SELECT test.may_call('regress_reports');
-- Without any access it has nothing; what it never had, can't be taken.
SELECT regpaydb.revoke_access('Regress "Both"', 'reports'), regpaydb.revoke_access('Regress "Both"', 'reports');
SELECT * FROM test.may_touch('Regress "Both"', 'grants');
SELECT test.may_call('Regress "Both"');
SELECT has_schema_privilege('Regress "Both"', 'grants', 'USAGE') OR has_schema_privilege('Regress "Both"', 'regpaydb', 'USAGE') AS usage;
DROP ROLE "Regress ""Both""";

-- Access is to one ledger.  Functions stay, as long as another ledger needs them.
SELECT test.new_ledger('grants_other');
SET regpaydb.ledger = 'grants_other';
SELECT regpaydb.grant_access('regress_app', 'reports');
SELECT * FROM test.may_touch('regress_app', 'grants_other') EXCEPT SELECT * FROM test.may_touch('regress_reports', 'grants');
SET ROLE regress_app;
SELECT test.raises('SELECT regpaydb.pay(1, 1, '''')');
RESET ROLE;
SET regpaydb.ledger = 'grants';
SELECT regpaydb.revoke_access('regress_app', 'app');
SELECT * FROM test.may_touch('regress_app', 'grants');
SELECT test.may_call('regress_app') EXCEPT SELECT test.may_call('regress_reports');
SELECT test.may_call('regress_reports') EXCEPT SELECT test.may_call('regress_app');
-- A table of that name that is no ledger's leaves it nothing.
CREATE SCHEMA grants_none;
CREATE TABLE grants_none.conference (name text);
CREATE POLICY app ON grants_none.conference TO regress_app;
SET regpaydb.ledger = 'grants_other';
SELECT regpaydb.revoke_access('regress_app', 'reports');
SELECT test.may_call('regress_app');
DROP TABLE grants_none.conference;
DROP SCHEMA grants_none;
SET regpaydb.ledger = 'grants';

-- A ledger's owner, who is no superuser, grants access to it: to nobody else's.
CREATE SCHEMA regress_ledger AUTHORIZATION regress_ledger;
GRANT USAGE ON SCHEMA regpaydb TO regress_ledger;
GRANT EXECUTE ON FUNCTION regpaydb.create_ledger TO regress_ledger;
SET ROLE regress_ledger;
SELECT regpaydb.create_ledger('regress_ledger');
SET regpaydb.ledger = 'regress_ledger';
SELECT regpaydb.grant_access('regress_app', 'app'), regpaydb.grant_access('regress_staff', 'staff');
INSERT INTO regress_ledger.attendee (user_id, recipient) VALUES (1, 'Ada');
SELECT test.invoice(1, 100);
SET regpaydb.ledger = 'grants';
SELECT test.raises('SELECT regpaydb.grant_access(''regress_app'', ''app'')');
SELECT test.raises('SELECT regpaydb.revoke_access(''regress_staff'', ''staff'')');
RESET ROLE;
SET regpaydb.ledger = 'regress_ledger';
SET ROLE regress_app;
SELECT regpaydb.pay(1, 100, 'by the owner''s grant');
RESET ROLE;

-- A role that is dropped takes its access with it.
DROP OWNED BY regress_app, regress_staff;
DROP ROLE regress_app, regress_staff;
SELECT polname, polrelid::regclass, polroles::regrole[] FROM pg_policy JOIN pg_class c ON c.oid = polrelid
WHERE relnamespace IN ('grants'::regnamespace, 'grants_other'::regnamespace, 'regress_ledger'::regnamespace) ORDER BY 1, 2;

DROP OWNED BY regress_reports;
DROP ROLE regress_reports;
DROP SCHEMA regress_ledger CASCADE;
DROP OWNED BY regress_ledger;
DROP ROLE regress_ledger;
