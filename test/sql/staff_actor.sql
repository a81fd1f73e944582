-- Staff are people, not only roles: where an actor is set, every function of
-- access staff is for those in the table staff, whatever the role may.
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_actor_app, regress_actor_both, regress_actor_staff, regress_actor_reports;
CREATE ROLE regress_actor_app NOLOGIN;
CREATE ROLE regress_actor_both NOLOGIN;
CREATE ROLE regress_actor_staff NOLOGIN;
CREATE ROLE regress_actor_reports NOLOGIN;
SELECT test.new_shop('staff_actor');
UPDATE conference SET auto_apply_credit = false;
SELECT regpaydb.grant_access('regress_actor_app', 'app'), regpaydb.grant_access('regress_actor_both', 'app'),
	regpaydb.grant_access('regress_actor_both', 'staff'), regpaydb.grant_access('regress_actor_staff', 'staff'),
	regpaydb.grant_access('regress_actor_reports', 'reports');
GRANT USAGE ON SCHEMA test TO regress_actor_app, regress_actor_both, regress_actor_staff, regress_actor_reports;

-- All is Alice's (attendee 1, user 101): invoice 1 is paid and 2 is not; note 2 is
-- what she paid too much; invoice 3 bills a seat whose reservation has lapsed and
-- that Bob took.
SELECT test.invoice(1, 100), test.invoice(1, 20);
SELECT regpaydb.pay(1, 130, '');
SELECT test.fill(1, 2), regpaydb.invoice_cart(1);
SELECT test.lapse(1), test.fill(2, 2);
-- Invoice 4 is Bob's, whose refund 1 is on its way.
SELECT test.invoice(2, 10), regpaydb.pay(4, 15, '');
SELECT regpaydb.request_refund(max(credit_note_id), 'back') AS refund FROM credit_note;

-- What only staff may: what grant_access('staff') lets a role execute and 'app'
-- does not.  Each is called below in a way that works for staff; one that is added
-- has to be added here, too.
CREATE TABLE calls (function text PRIMARY KEY, call text NOT NULL);
INSERT INTO calls VALUES
	('apply_credit_note', 'apply_credit_note(2, 2)'),
	('cancellation_fee', 'cancellation_fee(2, 10)'),
	('charge_credit_note', 'charge_credit_note(2, ''[{"description": "x", "price": 1}]'')'),
	('check_integrity', 'check_integrity()'),
	('check_grants', 'check_grants()'),
	('confirm_refund', 'confirm_refund(1)'),
	('expire_invoices', 'expire_invoices()'),
	('fail_refund', 'fail_refund(1, ''card closed'')'),
	('manual_invoice', 'manual_invoice(1, ''1 day'', ''[{"description": "x", "price": 1}]'')'),
	('money_trail', 'money_trail(1)'),
	('payment_summary', 'payment_summary(''bank'', ''none'')'),
	('reconciliation', 'reconciliation(now())'),
	('record_manual_payment', 'record_manual_payment(2, 20, '''')'),
	('refund_credit_note', 'refund_credit_note(2, '''')'),
	('refund_invoice', 'refund_invoice(1)'),
	('refund_sources', 'refund_sources(2)'),
	('request_refund', 'request_refund(2, '''')'),
	('return_items', 'return_items(1, ''[{"line_item_id": 1}]'')'),
	('rotate_access_code', 'rotate_access_code(1)'),
	('void_invoice', 'void_invoice(2)');
SELECT coalesce(p.proname, c.function) AS function,
	CASE WHEN c IS NULL THEN 'IS NOT CALLED' WHEN p IS NULL THEN 'IS NO FUNCTION OF STAFF''S' ELSE 'is called' END AS here
FROM calls c
FULL JOIN (SELECT proname FROM pg_proc WHERE pronamespace = 'regpaydb'::regnamespace
		AND has_function_privilege('regress_actor_staff', oid, 'EXECUTE')
		AND NOT has_function_privilege('regress_actor_app', oid, 'EXECUTE')) p ON c.function = p.proname
ORDER BY 1;

-- What becomes of a call; it is taken back, and what fails must have left nothing.
CREATE FUNCTION books() RETURNS text LANGUAGE sql AS $$
	SELECT md5(string_agg(row::text, ' ' ORDER BY row::text)) FROM (
		SELECT 'invoice' || i::text AS row FROM staff_actor.invoice i
		UNION ALL SELECT 'payment' || p::text FROM staff_actor.payment p
		UNION ALL SELECT 'note' || n::text FROM staff_actor.credit_note n
		UNION ALL SELECT 'claim' || n::text FROM staff_actor.credit_note_claim n
		UNION ALL SELECT 'refund' || n::text FROM staff_actor.credit_note_refund n
		UNION ALL SELECT 'part' || n::text FROM staff_actor.credit_note_refund_part n
		UNION ALL SELECT 'reversal' || n::text FROM staff_actor.reversal n
		UNION ALL SELECT 'application' || n::text FROM staff_actor.credit_note_application n
		UNION ALL SELECT 'cart' || c::text FROM staff_actor.cart c
		UNION ALL SELECT 'attendee' || a::text FROM staff_actor.attendee a
		UNION ALL SELECT 'outbox' || o::text FROM staff_actor.outbox o) b
$$;
CREATE FUNCTION becomes(call text, role text, user_id text DEFAULT '', access_code text DEFAULT '')
	RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before text := staff_actor.books();
	result text;
BEGIN
	BEGIN
		PERFORM set_config('regpaydb.user_id', user_id, true), set_config('regpaydb.access_code', access_code, true);
		EXECUTE format('SET LOCAL ROLE %I', role);
		EXECUTE 'SELECT * FROM regpaydb.' || call;
		RAISE EXCEPTION USING ERRCODE = 'T0000';
	EXCEPTION WHEN SQLSTATE 'T0000' THEN
		result := 'done';
	WHEN OTHERS THEN
		result := SQLSTATE;
	END;
	RETURN result || CASE WHEN staff_actor.books() = before THEN '' ELSE ', BUT SOMETHING CHANGED' END;
END $$;
-- Whose it is, somebody else, the holders of her code and of none, nobody, users
-- whose numbers are 0 and less, two settings, staff, staff with somebody's code,
-- what is no user, and no actor.
SELECT function, becomes(call, role, '101') AS alice, becomes(call, role, '102') AS bob,
	becomes(call, role, '', 'ALICES-CODE') AS her_code, becomes(call, role, '', 'NO-CODE') AS no_code,
	becomes(call, role, '12345') AS nobody, becomes(call, role, '0') AS "0", becomes(call, role, '-1') AS "-1",
	becomes(call, role, '-9223372036854775808') AS least,
	becomes(call, role, '101', 'ALICES-CODE') AS two, becomes(call, role, '900') AS staff,
	becomes(call, role, '900', 'BOBS-CODE') AS staff_code, becomes(call, role, 'staff') AS what,
	becomes(call, role) AS no_actor
FROM calls, (SELECT 'regress_actor_both' AS role) r ORDER BY function;
-- No role is above it: access staff alone, and the owner who is a superuser.
SELECT DISTINCT n, becomes(call, role, '101') AS alice, becomes(call, role, '', 'ALICES-CODE') AS her_code,
	becomes(call, role, '900') AS staff
FROM calls, unnest(ARRAY['regress_actor_staff', current_user]) WITH ORDINALITY AS r (role, n)
WHERE function <> 'rotate_access_code' ORDER BY n;
-- Access app gains nothing by an actor who is staff; access reports has what it has.
SELECT DISTINCT becomes(call, 'regress_actor_app', '900') AS app FROM calls;
SELECT function, becomes(call, 'regress_actor_reports') AS reports, becomes(call, 'regress_actor_reports', '101') AS for_alice,
	becomes(call, 'regress_actor_reports', '900') AS for_staff
FROM calls WHERE becomes(call, 'regress_actor_reports') = 'done' ORDER BY function;
-- Who is taken off the staff is not staff from then on, in a session that knew her.
SET regpaydb.user_id = '900';
SELECT regpaydb.void_invoice(3);
DELETE FROM staff WHERE user_id = 900;
SELECT test.raises('SELECT regpaydb.void_invoice(2)');
INSERT INTO staff VALUES (900);
SELECT regpaydb.void_invoice(2);
RESET regpaydb.user_id;
-- Staff may be users 0, -1 and the least and highest there are.
INSERT INTO staff VALUES (0), (-1), (-9223372036854775808), (9223372036854775807);
SELECT user_id, becomes('refund_invoice(1)', 'regress_actor_both', user_id::text) AS refund,
	becomes('record_manual_payment(1, 20, '''')', 'regress_actor_both', user_id::text) AS record
FROM staff ORDER BY 1;
DELETE FROM staff WHERE user_id <> 900;

-- Nobody signs for somebody else, with an actor or without one.
INSERT INTO staff VALUES (901);
SELECT user_id, entered_by, becomes(format('record_manual_payment(1, 20, '''', %s)', entered_by), 'regress_actor_both', user_id) AS payment,
	becomes(format('refund_credit_note(2, '''', %s)', entered_by), 'regress_actor_both', user_id) AS refund
FROM unnest('{NULL,101,900,901}'::text[]) WITH ORDINALITY AS u (u, n), coalesce(u, '') AS user_id,
	unnest('{NULL,900,901,101,12345}'::text[]) WITH ORDINALITY AS e (e, m), coalesce(e, 'NULL') AS entered_by
ORDER BY n, m;
SET regpaydb.user_id = '900';
\x on
SELECT * FROM test.report('SELECT regpaydb.record_manual_payment(1, 20, '''', 901)');
SELECT * FROM test.report('SELECT regpaydb.refund_credit_note(2, '''', 12345)');
RESET regpaydb.user_id;
SELECT * FROM test.report('SELECT regpaydb.record_manual_payment(1, 20, '''')');
\x off

-- An attendee may have a new code for herself.  For everybody else's, and for those
-- of nobody, one answer.
SELECT what, becomes('rotate_access_code(1)', role, user_id, access_code) AS own,
	becomes('rotate_access_code(2)', role, user_id, access_code) AS "another's",
	becomes('rotate_access_code(99)', role, user_id, access_code) AS unknown,
	becomes('rotate_access_code(NULL)', role, user_id, access_code) AS "null"
FROM (VALUES
	(1, 'Alice', 'regress_actor_both', '101', ''),
	(2, 'who has her code', 'regress_actor_both', '', 'ALICES-CODE'),
	(3, 'Bob, who has her code', 'regress_actor_both', '102', 'ALICES-CODE'),
	(4, 'nobody', 'regress_actor_both', '0', ''),
	(5, 'staff', 'regress_actor_both', '900', ''),
	(6, 'without an actor', 'regress_actor_both', '', ''),
	(7, 'Alice, by access app', 'regress_actor_app', '101', ''),
	(8, 'Alice, by the owner', current_user, '101', '')
) AS v (n, what, role, user_id, access_code) ORDER BY n;
SET ROLE regress_actor_both;
SET regpaydb.user_id = '101';
SELECT length(regpaydb.rotate_access_code(1));
RESET regpaydb.user_id;
RESET ROLE;
SELECT attendee_id, access_code = 'ALICES-CODE' AS old FROM attendee WHERE attendee_id = 1;
SET regpaydb.access_code = 'ALICES-CODE';
SELECT test.raises('SELECT regpaydb.balance_due(1)');
RESET regpaydb.access_code;
-- An attendee whose number, and her user's, is 0.
INSERT INTO attendee (attendee_id, user_id) VALUES (0, 0);
SELECT becomes('rotate_access_code(0)', 'regress_actor_both', '0') AS own, becomes('rotate_access_code(1)', 'regress_actor_both', '0') AS "another's",
	becomes('rotate_access_code(0)', 'regress_actor_both', '101') AS by_alice;

SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
SET search_path = public;
DROP OWNED BY regress_actor_app, regress_actor_both, regress_actor_staff, regress_actor_reports;
DROP ROLE regress_actor_app, regress_actor_both, regress_actor_staff, regress_actor_reports;
