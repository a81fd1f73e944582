-- Who did it: every row that the engine writes on somebody's behalf says whose,
-- by functions and by plain SQL, on ordinary tables and on those that SQL has to
-- write; refunds and voids say why.
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_entered;
CREATE ROLE regress_entered NOLOGIN;

-- What a statement enters, as the rows that are new or changed tell it.  It is
-- taken back.
CREATE FUNCTION test.entered(statement text, actor text DEFAULT '', code text DEFAULT '') RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	result text;
	last_payment bigint := (SELECT max(payment_id) FROM payment);
	last_refund bigint := coalesce((SELECT max(credit_note_refund_id) FROM credit_note_refund), 0);
	last_invoice bigint := (SELECT max(invoice_id) FROM invoice);
	last_event bigint := (SELECT max(outbox_id) FROM outbox);
	closed bigint[] := ARRAY(SELECT invoice_id FROM invoice WHERE closed_time IS NOT NULL);
BEGIN
	PERFORM set_config('regpaydb.user_id', actor, true), set_config('regpaydb.access_code', code, true);
	EXECUTE statement;
	PERFORM set_config('regpaydb.user_id', '', true), set_config('regpaydb.access_code', '', true);
	SELECT string_agg(what, ', ' ORDER BY place, what) INTO result FROM (
		SELECT 1 AS place, format('%s by %s', kind, coalesce(entered_by::text, '-')) AS what
		FROM payment WHERE payment_id > last_payment
		UNION ALL
		SELECT 2, format('refund %s by %s', state, coalesce(entered_by::text, '-'))
			|| CASE WHEN closed_time IS NOT NULL THEN ', closed by ' || coalesce(closed_by::text, '-') ELSE '' END
		FROM credit_note_refund WHERE credit_note_refund_id > last_refund
		UNION ALL
		SELECT 2, format('reversal by %s', coalesce(entered_by::text, '-')) FROM reversal
		UNION ALL
		SELECT 3, format('issued by %s', coalesce(issued_by::text, '-'))
		FROM invoice WHERE invoice_id > last_invoice
		UNION ALL
		SELECT 4, format('%s by %s%s', status, coalesce(closed_by::text, '-'), ' because ' || closed_reason)
		FROM invoice WHERE closed_time IS NOT NULL AND invoice_id <> ALL (closed)
		UNION ALL
		SELECT 5, format('%s events by %s', count(*), coalesce(entered_by::text, '-'))
		FROM outbox WHERE outbox_id > last_event GROUP BY entered_by
		UNION ALL
		SELECT 6, format('PROBLEM: %s %s', object, problem) FROM regpaydb.check_integrity()) w;
	RAISE EXCEPTION USING ERRCODE = 'T0000', MESSAGE = coalesce(result, 'nothing');
EXCEPTION WHEN SQLSTATE 'T0000' THEN
	RETURN SQLERRM;
WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;

-- Alice (user 101, code ALICES-CODE) owes invoice 1 and has paid 2; 3 and a note
-- are what she paid too much; 4 was part-paid.  Cart 1 is billed by invoice 5 and
-- cart 2 (Bob's) by 6, whose reservation has lapsed and that Carol took.
CREATE FUNCTION test.new_entries(topic name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM test.new_shop(topic);
	UPDATE conference SET auto_apply_credit = false;
	PERFORM test.invoice(1, 100), test.invoice(1, 50), test.invoice(1, 20), test.invoice(1, 80);
	PERFORM regpaydb.pay(2, 50, ''), regpaydb.pay(3, 30, ''), regpaydb.pay(4, 40, '');
	PERFORM test.fill(1, 1);
	PERFORM regpaydb.invoice_cart(1);
	PERFORM test.fill(2, 2);
	PERFORM regpaydb.invoice_cart(2);
	PERFORM test.lapse(2);
	PERFORM test.fill(3, 2);
	INSERT INTO staff VALUES (901);
END $$;

CREATE FUNCTION test.several() RETURNS bigint LANGUAGE sql RETURN regpaydb.manual_invoice(1, '1 day',
	'[{"description": "x", "price": 3, "quantity": 2}, {"description": "y", "price": 3, "quantity": 2}]');

-- The statements; s is for staff only.
CREATE TABLE test.entry (n int PRIMARY KEY, s boolean, what text, statement text);
INSERT INTO test.entry VALUES
	(1, false, 'pay', 'SELECT regpaydb.pay(1, 100, '''')'),
	(2, false, 'pay once', 'SELECT regpaydb.pay(1, 100, '''', ''card'', ''1'')'),
	(3, false, 'pay in part', 'SELECT regpaydb.pay(1, 10, '''')'),
	(4, false, 'pay too much', 'SELECT regpaydb.pay(1, 130, '''')'),
	(5, false, 'pay for a cart', 'SELECT regpaydb.pay(5, 100, '''')'),
	(6, false, 'record_payment', 'SELECT regpaydb.record_payment(1, 100, '''', ''bank'', ''1'')'),
	(7, false, 'record_payment twice', 'SELECT regpaydb.record_payment(1, 50, '''', ''bank'', ''1'') FROM generate_series(1, 2)'),
	(8, false, 'record_payment too late', 'SELECT regpaydb.record_payment(2, 100, '''', ''bank'', ''1'')'),
	(9, false, 'INSERT', 'INSERT INTO payment (invoice_id, amount) VALUES (1, 100)'),
	(10, false, 'INSERT too much', 'INSERT INTO payment (invoice_id, amount) VALUES (1, 60), (1, 70), (4, 5)'),
	(11, false, 'set_quantity', 'SELECT regpaydb.set_quantity(1, 1, 2)'),
	(12, false, 'cart by SQL', 'UPDATE cart_item SET quantity = 2 WHERE cart_id = 1'),
	(13, false, 'discount by SQL', 'INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES (1, 1, ''Early bird'', 1, 10)'),
	(14, false, 'cart with payments', 'SELECT regpaydb.pay(5, 10, ''''), regpaydb.set_quantity(1, 1, 2)'),
	(15, false, 'invoice_cart again', 'SELECT regpaydb.set_quantity(1, 1, 2), regpaydb.invoice_cart(1)'),
	(16, false, 'invoice_cart of nothing', 'SELECT regpaydb.set_quantity(1, 1, 0), regpaydb.set_quantity(1, 6, 1), regpaydb.invoice_cart(1)'),
	(17, false, 'update_status', 'SELECT regpaydb.update_status(1)'),
	(20, true, 'record_manual_payment', 'SELECT regpaydb.record_manual_payment(1, 100, '''', 901)'),
	(21, true, 'record_manual_payment of the actor', 'SELECT regpaydb.record_manual_payment(1, 130, '''')'),
	(22, true, 'manual refund', 'SELECT regpaydb.record_manual_payment(2, -50, '''')'),
	(23, true, 'negative INSERT', 'INSERT INTO payment (invoice_id, amount) VALUES (2, -50)'),
	(24, true, 'apply_credit_note', 'SELECT regpaydb.apply_credit_note(max(credit_note_id), 1) FROM credit_note'),
	(25, true, 'with a rest', 'SELECT regpaydb.pay(1, 95, ''''), regpaydb.apply_credit_note(max(credit_note_id), 1) FROM credit_note'),
	(26, true, 'refund_invoice', 'SELECT regpaydb.refund_invoice(2)'),
	(27, true, 'refund_invoice for a reason', 'SELECT regpaydb.refund_invoice(2, ''ill'')'),
	(28, true, 'refund_invoice, part-paid', 'SELECT regpaydb.refund_invoice(4, ''ill'')'),
	(29, true, 'refund_invoice, unpaid', 'SELECT regpaydb.refund_invoice(1, ''ill'')'),
	(30, true, 'void_invoice', 'SELECT regpaydb.void_invoice(1)'),
	(31, true, 'void_invoice for a reason', 'SELECT regpaydb.void_invoice(1, ''mistake'')'),
	(32, true, 'void_invoice twice', 'SELECT regpaydb.void_invoice(1, ''mistake''), regpaydb.void_invoice(1, ''other'')'),
	(33, true, 'refund_credit_note', 'SELECT regpaydb.refund_credit_note(max(credit_note_id), '''') FROM credit_note'),
	(34, true, 'refund_credit_note by another', 'SELECT regpaydb.refund_credit_note(max(credit_note_id), '''', 901) FROM credit_note'),
	(35, true, 'cancellation_fee', 'SELECT regpaydb.cancellation_fee(max(credit_note_id), 10) FROM credit_note'),
	(36, true, 'manual_invoice', 'SELECT test.invoice(1, 5)'),
	(37, true, 'manual_invoice of nothing', 'SELECT test.invoice(1, 0)'),
	(38, true, 'manual_invoice that takes credit', 'SELECT regpaydb.void_invoice(1), regpaydb.refund_invoice(4), regpaydb.void_invoice(5); UPDATE conference SET auto_apply_credit = true; SELECT test.invoice(1, 35)'),
	(39, true, 'expire_invoices', 'SELECT regpaydb.expire_invoices()'),
	(40, true, 'after void_invoice', 'SELECT regpaydb.void_invoice(1, ''mistake''); INSERT INTO payment (invoice_id, amount) VALUES (1, 5)'),
	(41, true, 'charge_credit_note', 'SELECT regpaydb.charge_credit_note(max(credit_note_id), ''[{"description": "x", "price": 3}]'') FROM credit_note'),
	(42, true, 'return_items', 'SELECT regpaydb.return_items(2, ''[{"line_item_id": 2}]'')'),
	(43, true, 'return_items, of several', 'SELECT regpaydb.pay(test.several(), 12, ''''); SELECT regpaydb.return_items(max(invoice_id), jsonb_build_array(jsonb_build_object(''line_item_id'', max(line_item_id), ''quantity'', 1)), ''ill'') FROM line_item'),
	(45, true, 'request_refund', 'SELECT regpaydb.request_refund(max(credit_note_id), '''') FROM credit_note'),
	(46, true, 'request_refund by another', 'SELECT regpaydb.request_refund(max(credit_note_id), '''', NULL, 901) FROM credit_note'),
	(47, true, 'confirm_refund', 'SELECT regpaydb.confirm_refund(regpaydb.request_refund(max(credit_note_id), '''')) FROM credit_note'),
	(49, true, 'fail_refund', 'SELECT regpaydb.fail_refund(regpaydb.request_refund(max(credit_note_id), ''''), ''card closed'') FROM credit_note'),
	(50, false, 'record_reversal', 'SELECT regpaydb.record_payment(1, 100, '''', ''bank'', ''1''), regpaydb.record_reversal(''bank'', ''1'', 100, ''2'')'),
	(51, false, 'record_reversal with a loss', 'SELECT regpaydb.record_payment(3, 10, '''', ''bank'', ''1''), regpaydb.record_reversal(''bank'', ''1'', 10, ''2'')'),
	(44, true, 'return_items, of a cart', 'SELECT regpaydb.set_quantity(1, 3, 2), regpaydb.pay(regpaydb.invoice_cart(1), 151, ''''); SELECT regpaydb.return_items(max(invoice_id), jsonb_build_array(jsonb_build_object(''line_item_id'', max(line_item_id), ''quantity'', 1))) FROM line_item');
GRANT SELECT ON test.entry TO PUBLIC;

SELECT test.new_entries('entered_by');
SELECT what, test.entered(statement) AS without_an_actor FROM test.entry ORDER BY n;
SELECT what, test.entered(statement, '900') AS by_staff FROM test.entry ORDER BY n;
SELECT what, test.entered(statement, '101') AS by_alice FROM test.entry WHERE NOT s ORDER BY n;
SELECT what, test.entered(statement, '', 'ALICES-CODE') AS by_her_code FROM test.entry WHERE NOT s ORDER BY n;
SELECT DISTINCT test.entered(statement, '101') AS by_alice, test.entered(statement, '', 'ALICES-CODE') AS by_her_code FROM test.entry WHERE s;
-- User 0 did it, too, and users below.
INSERT INTO staff VALUES (0), (-9223372036854775808);
SELECT what, test.entered(statement, '0') AS by_0, test.entered(statement, '-9223372036854775808') AS by_the_least
FROM test.entry WHERE n IN (4, 15, 21, 27, 33) ORDER BY n;

-- The same where SQL writes the rows, as triggers and rules of the owner's want.
CREATE TABLE test.entered_before AS SELECT n, test.entered(statement) AS nobody, test.entered(statement, '900') AS staff,
	test.entered(statement, '101') AS alice, test.entered(statement, '', 'ALICES-CODE') AS code FROM test.entry;
CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
SELECT test.raises(format('CREATE TRIGGER a BEFORE INSERT OR UPDATE ON %I FOR EACH ROW EXECUTE FUNCTION pass()', t))
FROM unnest('{invoice,line_item,payment,credit_note,credit_note_claim,credit_note_application,credit_note_refund,credit_note_refund_part,reversal,outbox,cart,cart_item,reservation,product,attendee,staff}'::text[]) t;
SELECT e.what, b.* FROM test.entered_before b JOIN test.entry e USING (n)
WHERE (nobody, staff, alice, code) <> (test.entered(statement), test.entered(statement, '900'),
	test.entered(statement, '101'), test.entered(statement, '', 'ALICES-CODE')) ORDER BY n;
SELECT test.new_entries('entered_rule');
CREATE TABLE seen (what bigint);
CREATE SEQUENCE rules_ran;
CREATE RULE r AS ON INSERT TO outbox DO ALSO INSERT INTO seen VALUES (nextval('rules_ran'));
CREATE RULE r AS ON UPDATE TO invoice DO ALSO INSERT INTO seen VALUES (nextval('rules_ran'));
SELECT e.what, b.*, test.entered(statement), test.entered(statement, '900'), test.entered(statement, '101') FROM test.entered_before b JOIN test.entry e USING (n)
WHERE (nobody, staff, alice, code) <> (test.entered(statement), test.entered(statement, '900'),
	test.entered(statement, '101'), test.entered(statement, '', 'ALICES-CODE')) ORDER BY n;
SELECT is_called AS rules_ran FROM rules_ran;

-- A setting with spaces or a sign is a user's number or it is none.
SELECT test.new_entries('entered_odd');
SELECT setting, test.entered('SELECT regpaydb.void_invoice(1)', setting) FROM unnest('{900," 900","900 ",+900,0900,9e2,900.0,"",-0}'::text[]) WITH ORDINALITY AS u (setting, n) ORDER BY n;

-- Reasons: as long as a reference, kept with the invoice, and as the reference of
-- the note.
SELECT length, test.raises(format('SELECT regpaydb.void_invoice(1, %L)', repeat('é', length))) AS void,
	test.raises(format('SELECT regpaydb.refund_invoice(2, %L)', repeat('é', length))) AS refund
FROM unnest('{1001,1000}'::int[]) WITH ORDINALITY AS u (length, n) ORDER BY n;
SELECT invoice_id, status, length(closed_reason) FROM invoice WHERE invoice_id IN (1, 2) ORDER BY 1;
SELECT length(reference) FROM payment WHERE kind = 'credit_note' AND invoice_id = 2;
SELECT regpaydb.refund_invoice(4, '') > 0 AS refunded;
SELECT status, closed_reason IS NULL AS "null", closed_reason FROM invoice WHERE invoice_id = 4;
SELECT '"' || reference || '"' AS reference FROM payment WHERE kind = 'credit_note' AND invoice_id = 4;
SELECT regpaydb.refund_invoice(3, NULL) > 0 AS refunded;
SELECT status, closed_reason IS NULL AS "null" FROM invoice WHERE invoice_id = 3;
SELECT reference FROM payment WHERE kind = 'credit_note' AND invoice_id = 3 ORDER BY payment_id;
SELECT test.raises('SELECT regpaydb.void_invoice(1, ''another one'')'), length(closed_reason) FROM invoice WHERE invoice_id = 1;
SELECT test.raises('SELECT regpaydb.refund_invoice(2, ''another one'')'), length(closed_reason) FROM invoice WHERE invoice_id = 2;

-- A payment by plain SQL is signed by the actor or by nobody, whoever the role may
-- sign for; without an actor the role decides.
SELECT test.new_entries('entered_sql');
SELECT regpaydb.grant_access('regress_entered', 'app'), regpaydb.grant_access('regress_entered', 'staff');
GRANT USAGE ON SCHEMA test TO regress_entered;
SELECT coalesce(signed::text, 'nobody') AS signed_by, test.entered(s) AS no_actor, test.entered(s, '101') AS by_alice,
	test.entered(s, '', 'ALICES-CODE') AS by_her_code, test.entered(s, '900') AS by_staff, test.entered(s, '12345') AS by_nobody,
	test.entered('SET LOCAL ROLE regress_entered; ' || s || '; RESET ROLE', '101') AS "role, for Alice",
	test.entered('SET LOCAL ROLE regress_entered; ' || s || '; RESET ROLE', '900') AS "role, for staff"
FROM unnest('{NULL,101,900,901,0}'::bigint[]) WITH ORDINALITY AS u (signed, n),
	format('INSERT INTO payment (invoice_id, amount, entered_by) VALUES (1, 5, NULL), (1, 10, %s)', coalesce(signed::text, 'NULL')) AS s
ORDER BY n;
\x on
SELECT * FROM (SELECT set_config('regpaydb.user_id', '101', true) OFFSET 0) s,
	test.report('INSERT INTO payment (invoice_id, amount, entered_by) VALUES (1, 10, 900)');
SELECT * FROM (SELECT set_config('regpaydb.access_code', 'ALICES-CODE', true) OFFSET 0) s,
	test.report('INSERT INTO payment (invoice_id, amount, entered_by) VALUES (1, 10, 900)');
\x off
SELECT regpaydb.revoke_access('regress_entered', 'app'), regpaydb.revoke_access('regress_entered', 'staff');
SET regpaydb.ledger = 'entered_odd';
SET search_path = entered_odd;

-- Nobody changes the story afterwards: not the owner, not a role with the privilege.
GRANT USAGE ON SCHEMA entered_odd, regpaydb, test TO regress_entered;
GRANT SELECT, UPDATE ON ALL TABLES IN SCHEMA entered_odd TO regress_entered;
CREATE FUNCTION try() RETURNS TABLE (change text, becomes text) LANGUAGE sql AS $$
	SELECT c, test.raises('UPDATE entered_odd.' || c) FROM unnest(ARRAY[
		'invoice SET issued_by = 900', 'invoice SET closed_by = 900', 'invoice SET closed_reason = ''x''',
		'invoice SET closed_by = NULL, closed_reason = NULL WHERE invoice_id = 2', 'invoice SET closed_time = now()',
		'payment SET entered_by = 900', 'payment SET value_date = now()', 'credit_note_refund SET entered_by = 900',
		'outbox SET entered_by = 900']) WITH ORDINALITY AS u (c, n) ORDER BY n
$$;
SELECT regpaydb.refund_credit_note(min(credit_note_id), '') > 0 AS refunded FROM credit_note;
SELECT * FROM try();
CREATE POLICY p ON invoice TO regress_entered USING (true);
CREATE POLICY p ON payment TO regress_entered USING (true);
CREATE POLICY p ON credit_note_refund TO regress_entered USING (true);
CREATE POLICY p ON outbox TO regress_entered USING (true);
SET ROLE regress_entered;
SELECT * FROM try();
RESET ROLE;
-- (What is free may be changed by the same role.)
SET ROLE regress_entered;
UPDATE invoice SET due_time = due_time, recipient = recipient;
RESET ROLE;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();

DROP TABLE test.entry, test.entered_before;
DROP FUNCTION test.entered, test.new_entries;
SET search_path = public;
DROP OWNED BY regress_entered;
DROP ROLE regress_entered;
