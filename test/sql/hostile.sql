-- Whoever can write SQL tries to make the engine crash, lose count of money, or
-- lend out its owner's rights.  Each block is a way in which that once worked, or
-- might have, and shows what happens instead.
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_hostile, regress_clerk;
CREATE ROLE regress_hostile NOLOGIN;
CREATE ROLE regress_clerk NOLOGIN;
GRANT USAGE ON SCHEMA test TO regress_hostile, regress_clerk;

-- What a statement raises, without its words.
CREATE FUNCTION test.code(statement text) RETURNS text
	LANGUAGE sql RETURN split_part(test.raises(statement), ':', 1);

-- ---------------------------------------------------------------------------
-- 1. Anybody can make a ledger, and then change its tables: no length of access
-- codes that its owner comes up with overruns a buffer.
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('hostile_length');
ALTER TABLE conference DROP CONSTRAINT conference_access_code_length_check;
SELECT length, test.raises(format('UPDATE conference SET access_code_length = %s', length)) AS set_to,
	test.raises('SELECT regpaydb.rotate_access_code(1)') AS rotate,
	test.raises('INSERT INTO attendee (user_id) VALUES (103)') AS insert
FROM unnest('{200000, 65, 15, 0, -1, 2147483647}'::integer[]) AS length;
SELECT test.raises('UPDATE conference SET access_code_length = 64') AS set_to,
	length(regpaydb.rotate_access_code(1));
DROP SCHEMA hostile_length CASCADE;

-- ---------------------------------------------------------------------------
-- 2. A ledger that has no version.
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('hostile_version');
ALTER TABLE conference ALTER COLUMN ledger_version DROP NOT NULL;
UPDATE conference SET ledger_version = NULL;
SELECT test.raises('SELECT regpaydb.upgrade_ledger(''hostile_version'')');
DROP SCHEMA hostile_version CASCADE;

-- ---------------------------------------------------------------------------
-- 3. A trigger makes the engine forget all that it knows of the ledger, by a
-- GRANT, and calls it again, while the engine is at work.
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('hostile_grant');
SELECT test.invoice(1, 100) AS i1, test.invoice(2, 10) AS i2;
CREATE FUNCTION grant_and_pay() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	GRANT SELECT ON payment, invoice, credit_note TO regress_clerk;
	IF NEW.invoice_id = 1 AND NEW.kind = 'payment' THEN
		PERFORM regpaydb.pay(2, 25, 'nested');
	END IF;
	REVOKE SELECT ON payment, invoice, credit_note FROM regress_clerk;
	RETURN NULL;
END $$;
CREATE TRIGGER z AFTER INSERT ON payment FOR EACH ROW EXECUTE FUNCTION grant_and_pay();
SELECT regpaydb.pay(1, 130, 'outer') > 0 AS paid;
SELECT invoice_id, status, paid, payment_count FROM invoice ORDER BY 1;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();

-- ---------------------------------------------------------------------------
-- 4. A trigger collects the payments before the engine does.  They count once.
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('hostile_early');
UPDATE conference SET auto_apply_credit = false;
SELECT test.invoice(1, 100) AS i1, test.invoice(1, 100) AS i2, test.invoice(1, 100) AS i3, test.invoice(2, 40) AS i4;
CREATE FUNCTION collect() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM regpaydb.update_status(NEW.invoice_id);
	RETURN NULL;
END $$;
CREATE TRIGGER z AFTER INSERT ON payment FOR EACH ROW WHEN (NEW.kind <> 'credit_note')
	EXECUTE FUNCTION collect();
SELECT regpaydb.pay(1, 60, '') > 0 AS paid;
SELECT regpaydb.record_manual_payment(2, 30, '', 900) > 0 AS paid;
SELECT regpaydb.record_manual_payment(2, -10, '', 900) > 0 AS paid_back;
SELECT regpaydb.pay(4, 65, '') > 0 AS paid;
SELECT regpaydb.apply_credit_note((SELECT credit_note_id FROM credit_note WHERE state = 'unclaimed'), 3) > 0 AS applied;
INSERT INTO payment (invoice_id, amount) VALUES (1, 10), (2, 5), (1, 30), (1, 20);
SELECT invoice_id, status, paid, payment_count,
	(SELECT sum(amount) FROM payment p WHERE p.invoice_id = i.invoice_id) AS payments
FROM invoice i ORDER BY 1;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();

-- ---------------------------------------------------------------------------
-- 5. The statement itself collects the payments that it has inserted so far.
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('hostile_select');
SELECT test.invoice(1, 100) AS i1, test.invoice(2, 100) AS i2;
INSERT INTO payment (invoice_id, amount, reference)
	SELECT 1, 15 + n, regpaydb.update_status(1) FROM generate_series(1, 4) AS n;
SELECT invoice_id, status, paid, payment_count FROM invoice ORDER BY 1;
SELECT * FROM regpaydb.check_integrity();
-- One INSERT brings back rows that are missing, and adds new ones.
SET session_replication_role = replica;
DELETE FROM payment WHERE payment_id IN (1, 3);
RESET session_replication_role;
INSERT INTO payment (payment_id, invoice_id, amount) VALUES (1, 1, 16), (3, 1, 18), (101, 1, 5), (102, 1, 70);
SELECT invoice_id, status, paid, payment_count FROM invoice ORDER BY 1;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();

-- ---------------------------------------------------------------------------
-- 6. A trigger on what the engine writes comes back for the same invoice, which
-- is halfway between two states: refused, and nothing is left behind.
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('hostile_halfway');
SELECT test.invoice(1, 100) AS i1, test.invoice(2, 50) AS i2;
CREATE FUNCTION collect() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM regpaydb.update_status(1);
	RETURN NULL;
END $$;
CREATE TRIGGER z AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION collect();
SELECT test.raises('SELECT regpaydb.pay(1, 120, '''')');
SELECT test.raises('INSERT INTO payment (invoice_id, amount) VALUES (1, 120)');
SELECT test.raises('SELECT regpaydb.void_invoice(1)');
DROP TRIGGER z ON outbox;
CREATE TRIGGER z AFTER INSERT ON credit_note FOR EACH ROW EXECUTE FUNCTION collect();
SELECT test.raises('SELECT regpaydb.pay(1, 120, '''')');
DROP TRIGGER z ON credit_note;
SELECT (SELECT count(*) FROM payment) AS payments, (SELECT count(*) FROM credit_note) AS notes,
	(SELECT count(*) FROM outbox) AS outbox, (SELECT string_agg(status::text, ' ') FROM invoice) AS status;
-- After such an error the same session goes on; about other invoices a trigger
-- may do as it likes.
CREATE TRIGGER z AFTER INSERT ON outbox FOR EACH ROW WHEN (NEW.invoice_id = 2) EXECUTE FUNCTION collect();
SELECT regpaydb.pay(2, 80, '') > 0 AS paid, regpaydb.pay(1, 100, '') > 0 AS paid;
DROP TRIGGER z ON outbox;
SELECT invoice_id, status, paid, payment_count FROM invoice ORDER BY 1;
SELECT * FROM regpaydb.check_integrity();
-- A trigger adds money to the invoice that a note is just put on.
SELECT test.invoice(1, 100) AS i3;
CREATE FUNCTION add_money() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO payment (invoice_id, amount) VALUES (NEW.invoice_id, 90);
	RETURN NULL;
END $$;
CREATE TRIGGER z AFTER INSERT ON payment FOR EACH ROW WHEN (NEW.kind = 'credit_application')
	EXECUTE FUNCTION add_money();
SELECT regpaydb.apply_credit_note((SELECT credit_note_id FROM credit_note WHERE state = 'unclaimed'), 3) > 0 AS applied;
SELECT invoice_id, status, paid, payment_count FROM invoice WHERE invoice_id = 3;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();

-- ---------------------------------------------------------------------------
-- 7. INSERT privilege on a table that the engine writes is no right to make up
-- its rows; on payment it is.
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('hostile_insert');
SELECT test.invoice(1, 100) AS i1;
SELECT regpaydb.pay(1, 130, '') > 0 AS paid;
GRANT USAGE ON SCHEMA hostile_insert, regpaydb TO regress_clerk;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA hostile_insert TO regress_clerk;
GRANT USAGE ON ALL SEQUENCES IN SCHEMA hostile_insert TO regress_clerk;
SET ROLE regress_clerk;
SELECT statement, test.raises(statement) FROM (VALUES
	(1, 'INSERT INTO invoice (attendee_id, value, paid, status) VALUES (1, 0, 0, ''paid'')'),
	(2, 'INSERT INTO line_item (invoice_id, description, quantity, price) VALUES (1, ''x'', 1, -100)'),
	(3, 'INSERT INTO credit_note (credit_note_id, attendee_id, value) VALUES (1, 2, 130)'),
	(4, 'INSERT INTO credit_note_claim (credit_note_id, claim) VALUES (2, ''refunded'')'),
	(5, 'INSERT INTO credit_note_application (payment_id, credit_note_id) VALUES (1, 2)'),
	(6, 'INSERT INTO credit_note_refund (credit_note_id) VALUES (2)'),
	(7, 'INSERT INTO payment (invoice_id, amount, kind) VALUES (1, -10, ''credit_note'')'),
	(8, 'INSERT INTO payment (invoice_id, amount, kind) VALUES (1, 10, ''credit_application'')'),
	(9, 'INSERT INTO payment (invoice_id, amount) VALUES (1, 1)'),
	(10, 'INSERT INTO payment (invoice_id, amount, kind) VALUES (1, -10, ''reversal'')'),
	(11, 'INSERT INTO payment (invoice_id, amount, kind) VALUES (1, 10, ''refund_failed'')'),
	(12, 'INSERT INTO credit_note_refund_part (credit_note_refund_id, payment_id, amount) VALUES (1, 1, 30)'),
	(13, 'INSERT INTO reversal (payment_id, provider, reversal_ref, amount, loss) VALUES (1, ''x'', ''x'', 30, 30)')
) AS s (n, statement) ORDER BY n;
SELECT test.code('COPY invoice FROM PROGRAM ''true''');
RESET ROLE;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();

-- ---------------------------------------------------------------------------
-- 8. (Dumps that are restored: see test/t/dump_restore.pl.)
-- 9. A ledger is made in a schema of its owner's only.  Whoever else may create
-- objects there, or has, could plant what the ledger's views call.
-- ---------------------------------------------------------------------------
CREATE SCHEMA hostile_open;
GRANT CREATE, USAGE ON SCHEMA hostile_open TO regress_hostile;
SELECT test.raises('SELECT regpaydb.create_ledger(''hostile_open'')');
-- What was planted while the schema was open stays refused when it is closed.
SET ROLE regress_hostile;
CREATE FUNCTION hostile_open.coalesce_me(numeric) RETURNS numeric LANGUAGE sql RETURN 0;
RESET ROLE;
REVOKE ALL ON SCHEMA hostile_open FROM regress_hostile;
SELECT test.raises('SELECT regpaydb.create_ledger(''hostile_open'')');
DROP FUNCTION hostile_open.coalesce_me;
GRANT CREATE, USAGE ON SCHEMA hostile_open TO regress_hostile;
SET ROLE regress_hostile;
CREATE OPERATOR hostile_open.= (LEFTARG = numeric, RIGHTARG = numeric, FUNCTION = pg_catalog.numeric_ne);
RESET ROLE;
REVOKE ALL ON SCHEMA hostile_open FROM regress_hostile;
SELECT test.raises('SELECT regpaydb.create_ledger(''hostile_open'')');
DROP OPERATOR hostile_open.= (numeric, numeric);
GRANT CREATE ON SCHEMA hostile_open TO PUBLIC;
SELECT test.raises('SELECT regpaydb.create_ledger(''hostile_open'')');
REVOKE ALL ON SCHEMA hostile_open FROM PUBLIC;
SELECT test.raises('SELECT regpaydb.create_ledger(''hostile_open'')');
-- Nor is one upgraded in a schema that was opened since.
GRANT CREATE ON SCHEMA hostile_open TO regress_hostile;
SELECT test.raises('SELECT regpaydb.upgrade_ledger(''hostile_open'')');
REVOKE ALL ON SCHEMA hostile_open FROM regress_hostile;
-- Names that mean something else in search_path.
SELECT name, test.code(format('SELECT regpaydb.create_ledger(%L)', name))
FROM unnest('{$user,pg_temp,pg_toast,pg_hostile,pg_catalog}'::text[]) AS name;
DROP SCHEMA hostile_open CASCADE;

-- ---------------------------------------------------------------------------
-- 10. A privilege on a column that does not matter opens nothing.
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('hostile_column');
UPDATE conference SET auto_apply_credit = false;
SELECT test.invoice(1, 100) AS i1, test.invoice(2, 10) AS i2, test.invoice(2, 20) AS i3;
SELECT regpaydb.pay(2, 15, '') > 0 AS paid;
GRANT USAGE ON SCHEMA hostile_column, regpaydb TO regress_clerk;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA regpaydb TO regress_clerk;
GRANT SELECT (recipient), UPDATE (recipient, due_time) ON invoice TO regress_clerk;
GRANT SELECT (email), UPDATE (email) ON attendee TO regress_clerk;
GRANT INSERT (reference, "time") ON payment TO regress_clerk;
GRANT INSERT (reference) ON credit_note_refund TO regress_clerk;
GRANT INSERT (reference) ON reversal TO regress_clerk;
GRANT INSERT (recipient) ON invoice TO regress_clerk;
GRANT SELECT ("time") ON payment TO regress_clerk;
SET ROLE regress_clerk;
SELECT call, test.raises(call) FROM (VALUES
	(1, 'SELECT regpaydb.rotate_access_code(1)'),
	(2, 'SELECT regpaydb.void_invoice(1)'),
	(3, 'SELECT regpaydb.refund_invoice(1)'),
	(4, 'SELECT regpaydb.pay(1, 1, '''')'),
	(5, 'SELECT regpaydb.record_manual_payment(1, 1, '''', 900)'),
	(6, 'SELECT regpaydb.update_status(1)'),
	(7, 'SELECT regpaydb.manual_invoice(1, ''0'', ''[{"description": "x", "price": 1}]'')'),
	(8, 'SELECT regpaydb.refund_credit_note(2, '''')'),
	(9, 'SELECT regpaydb.apply_credit_note(2, 1)'),
	(10, 'SELECT regpaydb.cancellation_fee(2, 10)'),
	(11, 'SELECT regpaydb.can_view(1, 101)'),
	(12, 'SELECT regpaydb.balance_due(1)'),
	(13, 'SELECT regpaydb.available_credit(1)'),
	(14, 'SELECT * FROM regpaydb.check_integrity()'),
	(15, 'UPDATE invoice SET recipient = ''Clerk'''),
	(16, 'SELECT regpaydb.return_items(2, ''[{"line_item_id": 2}]'')'),
	(17, 'SELECT regpaydb.charge_credit_note(2, ''[{"description": "x", "price": 1}]'')'),
	(18, 'SELECT regpaydb.request_refund(2, '''')'),
	(19, 'SELECT regpaydb.confirm_refund(1)'),
	(20, 'SELECT regpaydb.fail_refund(1, '''')'),
	(21, 'SELECT regpaydb.record_reversal(''x'', ''x'', 1, ''x'')'),
	(22, 'SELECT * FROM regpaydb.refund_sources(2)'),
	(23, 'SELECT * FROM regpaydb.money_trail(1)'),
	(24, 'SELECT regpaydb.payment_summary(''x'', ''x'')')
) AS c (n, call) ORDER BY n;
RESET ROLE;
SELECT invoice_id, status, paid, recipient FROM invoice ORDER BY 1;
-- A privilege on the column that does matter is enough.
GRANT INSERT (amount) ON payment TO regress_clerk;
SET ROLE regress_clerk;
SELECT regpaydb.pay(1, 100, '') > 0 AS paid;
RESET ROLE;

-- ---------------------------------------------------------------------------
-- 11. An actor who is not staff enters no manual payment in another's name.
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('hostile_staff');
SELECT test.invoice(1, 100) AS i1;
SELECT set_config('regpaydb.user_id', '101', false);
SELECT test.raises('SELECT regpaydb.record_manual_payment(1, 100, '''', 900)');
SELECT set_config('regpaydb.user_id', '102', false);
SELECT test.raises('SELECT regpaydb.record_manual_payment(1, 100, '''', 900)');
SELECT set_config('regpaydb.user_id', '900', false);
SELECT test.raises('SELECT regpaydb.record_manual_payment(1, 50, '''', 101)');
SELECT test.raises('SELECT regpaydb.record_manual_payment(1, 50, '''', 900)');
SELECT set_config('regpaydb.user_id', value, false), test.code('SELECT regpaydb.record_manual_payment(1, 50, '''', 900)')
FROM unnest('{x,900x,99999999999999999999,0x384}'::text[]) AS value;
RESET regpaydb.user_id;
SELECT status, paid FROM invoice;

-- ---------------------------------------------------------------------------
-- 12. A trigger writes the row that the engine is writing, from within.
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('hostile_rewrite');
SELECT test.invoice(1, 100) AS i1, test.invoice(2, 100) AS i2;
CREATE FUNCTION rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF pg_trigger_depth() < 3 THEN
		EXECUTE TG_ARGV[0];
	END IF;
	RETURN CASE WHEN TG_WHEN = 'BEFORE' THEN NEW END;
END $$;
-- After the engine's row, and before it; the same column, and one that is free.
CREATE TRIGGER z AFTER UPDATE ON invoice FOR EACH ROW
	EXECUTE FUNCTION rewrite('UPDATE invoice SET paid = 0, status = ''unpaid'' WHERE invoice_id = 1');
SELECT test.raises('SELECT regpaydb.pay(1, 100, '''')');
SELECT test.raises('INSERT INTO payment (invoice_id, amount) VALUES (1, 100)');
DROP TRIGGER z ON invoice;
CREATE TRIGGER a BEFORE UPDATE ON invoice FOR EACH ROW
	EXECUTE FUNCTION rewrite('UPDATE invoice SET paid = 99 WHERE invoice_id = 1');
SELECT test.code('SELECT regpaydb.pay(1, 100, '''')');
DROP TRIGGER a ON invoice;
CREATE TRIGGER z AFTER UPDATE ON invoice FOR EACH ROW
	EXECUTE FUNCTION rewrite('UPDATE invoice SET paid = 100, status = ''paid'' WHERE invoice_id = 2');
SELECT test.raises('SELECT regpaydb.pay(1, 100, '''')');
DROP TRIGGER z ON invoice;
-- The note that the engine is just claiming.
CREATE TRIGGER z AFTER UPDATE ON credit_note FOR EACH ROW
	EXECUTE FUNCTION rewrite('UPDATE credit_note SET value = 1000, state = ''unclaimed''');
SELECT regpaydb.pay(2, 130, '') > 0 AS paid;
SELECT test.raises(format('SELECT regpaydb.refund_credit_note(%s, '''')', credit_note_id)) FROM credit_note;
DROP TRIGGER z ON credit_note;
SELECT invoice_id, status, paid, payment_count FROM invoice ORDER BY 1;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();

-- ---------------------------------------------------------------------------
-- 13 to 16. Locks, a renamed ledger, the currency: test/specs/key_locks.spec.
--
-- 19. update_status finds its way from whatever the rows are, even to what the
-- state machine would never come to, and then stays there.
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('hostile_converge');
UPDATE conference SET auto_apply_credit = false;
SELECT test.invoice(1, 100) AS i1, test.invoice(1, 100) AS i2, test.invoice(2, 100) AS i3;
INSERT INTO payment (invoice_id, amount) VALUES (1, 60), (1, 40), (2, 60), (2, 10), (3, 100);
SET session_replication_role = replica;
DELETE FROM payment WHERE payment_id IN (2, 4, 5);
RESET session_replication_role;
SELECT regpaydb.update_status(invoice_id), regpaydb.update_status(invoice_id) FROM invoice ORDER BY invoice_id;
SELECT invoice_id, status, paid, payment_count, last_payment_id,
	(SELECT coalesce(sum(amount), 0) FROM payment p WHERE p.invoice_id = i.invoice_id) AS payments
FROM invoice i ORDER BY 1;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();

-- ---------------------------------------------------------------------------
-- 20. A trigger or a rule swallows a row of the engine's.
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('hostile_swallow');
UPDATE conference SET auto_apply_credit = false;
SELECT test.invoice(1, 100) AS i1, test.invoice(2, 100) AS i2;
SELECT regpaydb.pay(2, 130, '') > 0 AS paid;
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION swallowing(victim name, event text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('CREATE TRIGGER a BEFORE %s ON %I FOR EACH ROW EXECUTE FUNCTION swallow()', event, victim);
	result := test.raises(call);
	EXECUTE format('DROP TRIGGER a ON %I', victim);
	RETURN result;
END $$;
SELECT victim, event, swallowing(victim, event, call) FROM (VALUES
	(1, 'payment', 'INSERT', 'SELECT regpaydb.pay(1, 130, '''')'),
	(2, 'payment', 'INSERT', 'SELECT regpaydb.pay(1, 130, '''', ''bank'', ''x'')'),
	(3, 'payment', 'INSERT', 'SELECT regpaydb.record_manual_payment(1, 130, '''', 900)'),
	(4, 'invoice', 'UPDATE', 'SELECT regpaydb.pay(1, 130, '''')'),
	(5, 'invoice', 'UPDATE', 'INSERT INTO payment (invoice_id, amount) VALUES (1, 130)'),
	(6, 'credit_note', 'INSERT', 'SELECT regpaydb.pay(1, 130, '''')'),
	(7, 'outbox', 'INSERT', 'SELECT regpaydb.pay(1, 130, '''')'),
	(8, 'invoice', 'INSERT', 'SELECT test.invoice(1, 5)'),
	(9, 'line_item', 'INSERT', 'SELECT test.invoice(1, 5)'),
	(10, 'credit_note', 'UPDATE', 'SELECT regpaydb.refund_credit_note(2, '''')'),
	(11, 'credit_note_claim', 'INSERT', 'SELECT regpaydb.refund_credit_note(2, '''')'),
	(12, 'credit_note_refund', 'INSERT', 'SELECT regpaydb.refund_credit_note(2, '''')'),
	(13, 'credit_note_application', 'INSERT', 'SELECT regpaydb.apply_credit_note(2, 1)'),
	(14, 'attendee', 'UPDATE', 'SELECT regpaydb.rotate_access_code(1)'),
	(15, 'credit_note_refund', 'INSERT', 'SELECT regpaydb.request_refund(2, '''')'),
	(16, 'credit_note_refund_part', 'INSERT', 'SELECT regpaydb.request_refund(2, '''')'),
	(17, 'credit_note_refund', 'UPDATE', 'SELECT regpaydb.confirm_refund(regpaydb.request_refund(2, ''''))'),
	(18, 'credit_note_refund', 'UPDATE', 'SELECT regpaydb.fail_refund(regpaydb.request_refund(2, ''''), ''x'')'),
	(19, 'payment', 'INSERT', 'SELECT regpaydb.fail_refund(regpaydb.request_refund(2, ''''), ''x'')'),
	(20, 'reversal', 'INSERT', 'SELECT regpaydb.record_payment(1, 1, '''', ''bank'', ''y''), regpaydb.record_reversal(''bank'', ''y'', 1, ''z'')'),
	(21, 'outbox', 'INSERT', 'SELECT regpaydb.request_refund(2, '''')')
) AS c (n, victim, event, call) ORDER BY n;
-- A trigger that changes the engine's row instead.
CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN NEW.amount := 1; RETURN NEW; END';
CREATE TRIGGER a BEFORE INSERT ON payment FOR EACH ROW EXECUTE FUNCTION change();
SELECT test.code('SELECT regpaydb.pay(1, 130, '''')');
DROP TRIGGER a ON payment;
SELECT invoice_id, status, paid, payment_count FROM invoice ORDER BY 1;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();

-- ---------------------------------------------------------------------------
-- 21. Prices that numeric would take, or choke on.
-- ---------------------------------------------------------------------------
SELECT left(price, 20) AS price, test.code(format('SELECT regpaydb.manual_invoice(1, ''0'', %L)',
	jsonb_build_array(jsonb_build_object('description', 'x', 'price', price))))
FROM unnest(ARRAY['1e500', '1e-500', '1e999999999', '1e131071', repeat('9', 140000), '0.' || repeat('0', 20000) || '1',
	'NaN', 'Infinity', '-inf', '', ' ', '-', '+', '.', '1.2.3', ' 1', '1 ', '1_000', '0x10', '1e2', '--1', '١', '999999999999.99',
	'1000000000000', '0.001', '1.', '.5', '+1', '-0']) WITH ORDINALITY AS p (price, n) ORDER BY n;
-- As numbers, exponents and all.
SELECT left(price, 20) AS price, test.code(format('SELECT regpaydb.manual_invoice(1, ''0'', %L)',
	format('[{"description": "x", "price": %s}]', price)))
FROM unnest(ARRAY['1e500', '1e-500', '1e131071', '1e-16383', '1e2', '0.001', 'true', 'null', '[1]', '{}']) WITH ORDINALITY AS p (price, n) ORDER BY n;

-- ---------------------------------------------------------------------------
-- 22. A trigger leaves something behind in the session that called: a deferred
-- trigger, a table that hides one of the caller's, a statement.
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('hostile_lent');
SELECT test.invoice(1, 100) AS invoice \gset
SELECT regpaydb.grant_access('regress_clerk', 'app');
CREATE TABLE later (a int);
CREATE FUNCTION tell() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN RAISE EXCEPTION ''the owner''''s code runs as %'', current_user; END';
CREATE CONSTRAINT TRIGGER t AFTER INSERT ON later DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION tell();
CREATE FUNCTION leave_behind() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN EXECUTE TG_ARGV[0]; RETURN NULL; END';
CREATE FUNCTION lent(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('CREATE TRIGGER t AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION leave_behind(%L)', statement);
	SET LOCAL ROLE regress_clerk;
	result := test.raises('SELECT regpaydb.pay(1, 100, ''''); SET CONSTRAINTS ALL IMMEDIATE');
	RESET ROLE;
	DROP TRIGGER t ON outbox;
	RETURN result;
END $$;
SELECT lent('INSERT INTO later VALUES (1)');
SELECT lent('CREATE TEMPORARY TABLE invoice ()');
SELECT lent('PREPARE p AS SELECT 1');
SELECT status, paid FROM invoice WHERE invoice_id = :invoice;
-- A deferrable trigger is in nobody's way unless it is to be fired later.
CREATE CONSTRAINT TRIGGER now_or_later AFTER INSERT ON outbox DEFERRABLE FOR EACH ROW
	WHEN (NEW.kind = 'invoice_updated') EXECUTE FUNCTION leave_behind('SELECT 1');
SET ROLE regress_clerk;
BEGIN;
SELECT regpaydb.pay(:invoice, 100, '') > 0 AS paid;
ROLLBACK;
BEGIN;
SET CONSTRAINTS now_or_later DEFERRED;
SELECT regpaydb.balance_due(:invoice);
SELECT test.raises(format('SELECT regpaydb.pay(%s, 100, '''')', :invoice));
ROLLBACK;
RESET ROLE;

-- ---------------------------------------------------------------------------
-- Trigger functions where they do not belong: called directly, at the wrong
-- event, timing or level, without transition tables, on tables of one's own.
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('hostile_trigger');
SELECT test.invoice(1, 100) AS i1;
SELECT call, test.code(call) FROM (VALUES
	(1, 'SELECT regpaydb.settle_payments()'), (2, 'SELECT regpaydb.guard_rows()'),
	(3, 'SELECT regpaydb.guard_conference()'), (4, 'SELECT regpaydb.make_access_code()'),
	(5, 'SELECT regpaydb.amend_carts()')
) AS c (n, call) ORDER BY n;
CREATE SCHEMA hostile_own AUTHORIZATION regress_hostile;
GRANT USAGE ON SCHEMA regpaydb TO regress_hostile;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA regpaydb TO regress_hostile;
SET ROLE regress_hostile;
-- Tables like the ledger's, but for the types of what the engine reads.
CREATE TABLE hostile_own.payment (payment_id text, invoice_id real, amount text, kind text, cart_id text, currency int, access_code int);
CREATE TABLE hostile_own.cart_item (cart_id text, product_id int);
CREATE TABLE hostile_own.conference (currency int, ledger_version text);
CREATE TABLE hostile_own.attendee (access_code int);
CREATE TABLE hostile_own.empty ();
CREATE FUNCTION hostile_own.attach(tab text, fn text, spec text, statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('CREATE TRIGGER t %s EXECUTE FUNCTION regpaydb.%s', replace(spec, '@', 'hostile_own.' || tab), fn);
	result := test.raises(replace(statement, '@', 'hostile_own.' || tab));
	EXECUTE format('DROP TRIGGER t ON hostile_own.%s', tab);
	RETURN split_part(result, ':', 1);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
SELECT fn, tab, array_agg(DISTINCT hostile_own.attach(tab, fn || args, spec, statement)) AS codes
FROM unnest('{settle_payments,amend_carts,guard_rows,guard_conference,make_access_code}'::text[]) AS fn,
	unnest('{payment,cart_item,conference,attendee,empty}'::text[]) AS tab,
	unnest(ARRAY['()', '(''payment_id'')', '(''cart_id'', ''nothing'')']) AS args,
	(VALUES
		('BEFORE INSERT ON @ FOR EACH ROW', 'INSERT INTO @ DEFAULT VALUES'),
		('AFTER INSERT ON @ FOR EACH ROW', 'INSERT INTO @ DEFAULT VALUES'),
		('BEFORE INSERT ON @ FOR EACH STATEMENT', 'INSERT INTO @ DEFAULT VALUES'),
		('AFTER INSERT ON @ FOR EACH STATEMENT', 'INSERT INTO @ DEFAULT VALUES'),
		('AFTER INSERT ON @ REFERENCING NEW TABLE AS n FOR EACH STATEMENT', 'INSERT INTO @ DEFAULT VALUES'),
		('BEFORE UPDATE ON @ FOR EACH STATEMENT', 'UPDATE @ SET ctid = ctid'),
		('BEFORE TRUNCATE ON @ FOR EACH STATEMENT', 'TRUNCATE @'),
		('AFTER TRUNCATE ON @ FOR EACH STATEMENT', 'TRUNCATE @'),
		('AFTER DELETE ON @ REFERENCING OLD TABLE AS o FOR EACH STATEMENT', 'DELETE FROM @')
	) AS v (spec, statement)
GROUP BY 1, 2 ORDER BY 1, 2;
-- Rows that are updated and deleted; the columns are there, but are not bigint.
INSERT INTO hostile_own.payment VALUES ('x', 1, 'y', 'z', 'w', 1, 1);
SELECT fn, array_agg(DISTINCT hostile_own.attach('payment', fn || args, spec, statement)) AS codes
FROM unnest('{settle_payments,amend_carts,guard_rows,guard_conference,make_access_code}'::text[]) AS fn,
	unnest(ARRAY['()', '(''payment_id'')', '(''cart_id'', ''nothing'')']) AS args,
	(VALUES
		('BEFORE UPDATE ON @ FOR EACH ROW', 'UPDATE @ SET amount = ''q'''),
		('AFTER UPDATE ON @ FOR EACH ROW', 'UPDATE @ SET amount = ''q'''),
		('AFTER UPDATE ON @ REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT', 'UPDATE @ SET amount = ''q'''),
		('BEFORE DELETE ON @ FOR EACH ROW', 'DELETE FROM @'),
		('AFTER DELETE ON @ FOR EACH ROW', 'DELETE FROM @')
	) AS v (spec, statement)
GROUP BY 1 ORDER BY 1;
RESET ROLE;
-- On the wrong tables of the ledger itself.
CREATE TRIGGER t AFTER INSERT ON attendee REFERENCING NEW TABLE AS n FOR EACH STATEMENT
	EXECUTE FUNCTION regpaydb.settle_payments();
SELECT test.raises('INSERT INTO attendee (user_id) VALUES (104)');
DROP TRIGGER t ON attendee;
CREATE TRIGGER t BEFORE INSERT ON payment FOR EACH ROW EXECUTE FUNCTION regpaydb.make_access_code();
SELECT test.raises('INSERT INTO payment (invoice_id, amount) VALUES (1, 1)');
DROP TRIGGER t ON payment;
CREATE TRIGGER t BEFORE UPDATE ON attendee FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_conference();
SELECT test.raises('UPDATE attendee SET email = ''x''');
DROP TRIGGER t ON attendee;
-- A second trigger that settles, and one that comes first: payments count once.
CREATE TRIGGER a AFTER INSERT ON payment REFERENCING NEW TABLE AS n FOR EACH STATEMENT
	EXECUTE FUNCTION regpaydb.settle_payments();
CREATE TRIGGER z AFTER INSERT ON payment REFERENCING NEW TABLE AS n FOR EACH STATEMENT
	EXECUTE FUNCTION regpaydb.settle_payments();
INSERT INTO payment (invoice_id, amount) VALUES (1, 10), (1, 20);
SELECT regpaydb.pay(1, 80, '') > 0 AS paid;
SELECT status, paid, payment_count FROM invoice;
SELECT * FROM regpaydb.check_integrity();

-- ---------------------------------------------------------------------------
-- Tables that change under a session that has plans for them.
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('hostile_alter');
SELECT test.invoice(1, 100) AS i1;
SELECT regpaydb.pay(1, 10, '') > 0 AS paid;
ALTER TABLE invoice ADD COLUMN extra text DEFAULT 'x';
SELECT regpaydb.pay(1, 10, '') > 0 AS paid;
SELECT test.drop_reports(current_schema()::regnamespace);
ALTER TABLE payment DROP COLUMN entered_by;
SELECT test.code('SELECT regpaydb.pay(1, 10, '''')');
INSERT INTO payment (invoice_id, amount) VALUES (1, 10);
ALTER TABLE payment ADD COLUMN entered_by bigint;
SELECT regpaydb.pay(1, 10, '') > 0 AS paid;
ALTER TABLE invoice ALTER COLUMN status DROP DEFAULT;
SELECT test.code('SELECT test.invoice(1, 5)');
ALTER TABLE invoice ALTER COLUMN status SET DEFAULT 'unpaid';
-- A statement that has the table open, and alters it from within.
CREATE FUNCTION alter_it() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN ALTER TABLE invoice ADD COLUMN IF NOT EXISTS more int DEFAULT 1; RETURN NULL; END';
CREATE TRIGGER z AFTER INSERT ON payment FOR EACH ROW EXECUTE FUNCTION alter_it();
SELECT regpaydb.pay(1, 10, '') > 0 AS paid;
DROP TRIGGER z ON payment;
CREATE TRIGGER z AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION alter_it();
SELECT regpaydb.pay(1, 80, '') > 0 AS paid;
DROP TRIGGER z ON outbox;
SELECT status, paid, payment_count FROM invoice;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
-- A trigger takes a table away from under the engine, or renames the ledger,
-- which the call then follows.
CREATE FUNCTION run_it() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN EXECUTE TG_ARGV[0]; RETURN NULL; END';
SELECT test.invoice(2, 100) > 0 AS made;
SELECT max(invoice_id) AS invoice FROM invoice \gset
CREATE TRIGGER z AFTER INSERT ON payment FOR EACH ROW EXECUTE FUNCTION run_it('ALTER TABLE outbox RENAME TO inbox');
SELECT test.code(format('SELECT regpaydb.pay(%s, 100, '''')', :invoice));
DROP TRIGGER z ON payment;
CREATE TRIGGER z AFTER INSERT ON payment FOR EACH ROW EXECUTE FUNCTION run_it('ALTER SCHEMA hostile_alter RENAME TO hostile_altered');
SELECT test.code(format('SELECT regpaydb.pay(%s, 100, '''')', :invoice));
SELECT test.raises('SELECT regpaydb.balance_due(1)');
SET regpaydb.ledger = 'hostile_altered';
SET search_path = hostile_altered;
DROP TRIGGER z ON payment;
SELECT status, paid, payment_count FROM invoice ORDER BY invoice_id;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
-- Types of columns.
DROP VIEW integrity_problem, status_history;
ALTER TABLE invoice ALTER COLUMN payment_count TYPE numeric, ALTER COLUMN paid TYPE numeric;
ALTER TABLE payment ALTER COLUMN amount TYPE numeric;
SELECT test.invoice(2, 100) AS invoice \gset
SELECT regpaydb.pay(:invoice, 10, '') > 0 AS paid;
ALTER TABLE payment DROP CONSTRAINT payment_amount_check;
SELECT amount, test.raises(format('INSERT INTO payment (invoice_id, amount) VALUES (%s, %L)', :invoice, amount))
FROM unnest('{0.001, Infinity, NaN, 1e30, 10}'::text[]) AS amount;
ALTER TABLE payment ALTER COLUMN amount TYPE double precision;
SELECT test.raises(format('INSERT INTO payment (invoice_id, amount) VALUES (%s, 10)', :invoice));
SELECT test.code(format('SELECT regpaydb.pay(%s, 10, '''')', :invoice));
ALTER TABLE payment ALTER COLUMN amount TYPE text;
SELECT test.code(format('INSERT INTO payment (invoice_id, amount) VALUES (%s, ''10'')', :invoice)),
	test.code(format('SELECT regpaydb.pay(%s, 10, '''')', :invoice)),
	test.code(format('SELECT regpaydb.update_status(%s)', :invoice));

-- ---------------------------------------------------------------------------
-- Carts.  search_path names functions, operators and tables of an attacker's.
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('hostile_cart');
INSERT INTO category (name) VALUES ('Ticket'), ('Shirt');
INSERT INTO product (category_id, name, price, stock, limit_per_attendee) VALUES
	(1, 'Seat', 100, 1, 1), (2, 'Shirt', 10, 5, NULL), (2, 'Mug', 5, NULL, NULL);
CREATE SCHEMA hostile_path;
GRANT USAGE ON SCHEMA hostile_path TO PUBLIC;
DO $$
DECLARE
	op text;
	t text;
	f text;
BEGIN
	FOREACH t IN ARRAY '{bigint,integer,text,interval,timestamptz,numeric,regpaydb.cart_status,regpaydb.invoice_status}'::text[] LOOP
		EXECUTE format('CREATE FUNCTION hostile_path.planted(%s, %1$s) RETURNS boolean LANGUAGE plpgsql AS %L',
			t, 'BEGIN RAISE EXCEPTION ''planted code runs''; END');
		FOREACH op IN ARRAY '{=,<>,<,<=,>,>=}'::text[] LOOP
			EXECUTE format('CREATE OPERATOR hostile_path.%s (LEFTARG = %s, RIGHTARG = %2$s, FUNCTION = hostile_path.planted)', op, t);
		END LOOP;
		FOREACH f IN ARRAY '{sum,max,count,coalesce,greatest}'::text[] LOOP
			EXECUTE format('CREATE FUNCTION hostile_path.%I(%s) RETURNS bigint LANGUAGE plpgsql AS %L',
				f, t, 'BEGIN RAISE EXCEPTION ''planted code runs''; END');
		END LOOP;
	END LOOP;
END $$;
-- (It is found before PostgreSQL's own.)
SET search_path = hostile_path, pg_catalog;
SELECT test.raises('SELECT 1::pg_catalog.int8 = 1::pg_catalog.int8');
SET search_path = hostile_cart;
CREATE FUNCTION hostile_path.now() RETURNS timestamptz LANGUAGE plpgsql AS
	$$BEGIN RAISE EXCEPTION 'planted code runs as %', current_user; END$$;
CREATE TABLE hostile_path.cart (LIKE cart);
CREATE TABLE hostile_path.product (LIKE product);
CREATE TABLE hostile_path.cart_item (LIKE cart_item);
CREATE DOMAIN hostile_path.text AS pg_catalog.int4;
CREATE DOMAIN hostile_path."interval" AS pg_catalog.int4;
SET search_path = hostile_path, pg_catalog;
SELECT regpaydb.current_cart(1), regpaydb.current_cart(1);
SELECT regpaydb.set_quantity(1, 1, 1), regpaydb.set_quantity(1, 2, 2);
SELECT regpaydb.extend_reservation(1, '2 hours'), regpaydb.validate_cart(1), regpaydb.available_stock(1);
INSERT INTO hostile_cart.cart_discount (cart_id, product_id, description, quantity, amount) VALUES (1, 2, 'Bulk', 2, 1);
SELECT regpaydb.invoice_cart(1);
SELECT regpaydb.expire_invoices();
DELETE FROM hostile_cart.cart_discount;
SELECT regpaydb.invoice_cart(1);
SELECT regpaydb.pay(2, 120, '') > 0 AS paid;
SELECT regpaydb.refund_invoice(2) > 0 AS refunded;
SELECT * FROM regpaydb.check_integrity();
SET search_path = hostile_cart;
DROP SCHEMA hostile_path CASCADE;
SELECT cart_id, status, revision FROM cart;
SELECT product_id, sold FROM product_stock ORDER BY 1;

-- On whose behalf: somebody else's carts are not there, whatever is called.
SELECT regpaydb.current_cart(2) AS bobs_cart;
SELECT regpaydb.set_quantity(2, 2, 1);
SELECT regpaydb.invoice_cart(2) AS bobs_invoice;
CREATE TABLE test.cart_call AS SELECT * FROM (VALUES
	(1, 'SELECT regpaydb.current_cart(2)'),
	(2, 'SELECT regpaydb.set_quantity(2, 2, 3)'),
	(3, 'SELECT regpaydb.set_quantity(2, 2, 0)'),
	(4, 'SELECT regpaydb.validate_cart(2)'),
	(5, 'SELECT regpaydb.extend_reservation(2, ''1 day'')'),
	(6, 'SELECT regpaydb.invoice_cart(2)'),
	(7, 'SELECT regpaydb.validate_allowed_to_pay(3)'),
	(8, 'SELECT regpaydb.pay(3, 10, '''')'),
	(9, 'SELECT regpaydb.void_invoice(3)')) v (n, call);
GRANT SELECT ON test.cart_call TO PUBLIC;
BEGIN;
SELECT set_config('regpaydb.user_id', '101', true);
SELECT call, test.raises(call) FROM test.cart_call ORDER BY n;
SELECT set_config('regpaydb.user_id', '', true), set_config('regpaydb.access_code', 'ALICES-CODE', true);
SELECT call, test.code(call) FROM test.cart_call ORDER BY n;
SELECT set_config('regpaydb.access_code', 'nonsense', true);
SELECT call, test.code(call) FROM test.cart_call ORDER BY n;
-- Nothing tells a cart of somebody else's from one that is not there.
SELECT test.raises('SELECT regpaydb.set_quantity(2, 2, 1)') = replace(test.raises('SELECT regpaydb.set_quantity(99, 2, 1)'), '99', '2') AS same;
-- Its owner, and staff.
SELECT set_config('regpaydb.access_code', 'BOBS-CODE', true), test.code('SELECT regpaydb.validate_cart(2)');
SELECT set_config('regpaydb.access_code', '', true), set_config('regpaydb.user_id', '900', true),
	test.code('SELECT regpaydb.validate_cart(2)');
ROLLBACK;
-- A privilege on carts or products is none to call what is about money.
GRANT USAGE ON SCHEMA hostile_cart TO regress_hostile;
GRANT SELECT ON cart, cart_item, product TO regress_hostile;
SET ROLE regress_hostile;
SELECT call, test.code(call) FROM test.cart_call ORDER BY n;
SELECT test.code('SELECT regpaydb.available_stock(2)'), test.code('SELECT regpaydb.expire_invoices()');
RESET ROLE;

-- What only the engine changes, in carts too.
SELECT statement, test.raises(statement) FROM (VALUES
	(1, 'UPDATE cart SET status = ''paid'' WHERE cart_id = 2'),
	(2, 'UPDATE cart SET revision = 99 WHERE cart_id = 2'),
	(3, 'UPDATE cart SET entry_count = 99 WHERE cart_id = 2'),
	(4, 'UPDATE cart SET attendee_id = 1 WHERE cart_id = 2'),
	(5, 'UPDATE cart SET cart_id = 99 WHERE cart_id = 2'),
	(6, 'UPDATE stock_slot SET free = free + 1'),
	(7, 'UPDATE product SET product_id = 99 WHERE product_id = 3'),
	(8, 'DELETE FROM reservation'),
	(9, 'UPDATE reservation SET quantity = 1'),
	(10, 'TRUNCATE reservation'),
	(11, 'TRUNCATE cart_item, cart_discount'),
	(12, 'TRUNCATE cart CASCADE'),
	(13, 'DELETE FROM cart WHERE cart_id = 2'),
	(14, 'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (1, 2, 1)'),
	(15, 'UPDATE cart_item SET quantity = 9 WHERE cart_id = 1'),
	(16, 'DELETE FROM cart_item WHERE cart_id = 1'),
	(17, 'UPDATE cart_item SET cart_id = 2 WHERE cart_id = 1'),
	(18, 'UPDATE cart_item SET cart_id = 1, product_id = 3 WHERE cart_id = 2')
) AS s (n, statement) ORDER BY n;

-- amend_carts where it does not belong, and twice where it does.
CREATE TRIGGER t AFTER INSERT ON payment REFERENCING NEW TABLE AS n FOR EACH STATEMENT
	EXECUTE FUNCTION regpaydb.amend_carts();
SELECT test.raises('INSERT INTO payment (invoice_id, amount) VALUES (3, 1)');
DROP TRIGGER t ON payment;
CREATE TRIGGER t AFTER UPDATE ON cart REFERENCING OLD TABLE AS o NEW TABLE AS n FOR EACH STATEMENT
	EXECUTE FUNCTION regpaydb.amend_carts();
SELECT test.raises('SELECT regpaydb.set_quantity(2, 2, 2)');
DROP TRIGGER t ON cart;
CREATE TRIGGER t AFTER INSERT ON cart_item FOR EACH ROW EXECUTE FUNCTION regpaydb.amend_carts();
SELECT test.raises('SELECT regpaydb.set_quantity(2, 3, 2)');
DROP TRIGGER t ON cart_item;
CREATE TRIGGER t AFTER INSERT ON cart_item FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.amend_carts();
SELECT test.raises('SELECT regpaydb.set_quantity(2, 3, 2)');
DROP TRIGGER t ON cart_item;
CREATE TRIGGER t AFTER INSERT ON cart_item REFERENCING NEW TABLE AS n FOR EACH STATEMENT
	EXECUTE FUNCTION regpaydb.amend_carts();
INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (2, 3, 2);
DROP TRIGGER t ON cart_item;
SELECT cart_id, status, revision FROM cart ORDER BY 1;
SELECT cart_id, product_id, quantity FROM reservation ORDER BY 1, 2;
SELECT invoice_id, status FROM invoice ORDER BY 1;
SELECT * FROM regpaydb.check_integrity();

-- Columns of other types under a session that knows the cart's tables, and
-- tables without their views.
SELECT test.drop_reports(current_schema()::regnamespace);
DROP VIEW integrity_problem, cart_problem, cart_line, product_stock, category_stock;
ALTER TABLE cart_item ALTER COLUMN quantity TYPE numeric;
SELECT test.code('SELECT regpaydb.set_quantity(2, 3, 3)'), test.code('SELECT regpaydb.invoice_cart(2)');
ALTER TABLE cart_item ALTER COLUMN cart_id TYPE integer;
SELECT test.raises('DELETE FROM cart_item WHERE cart_id = 2');
DROP VIEW current_reservation;
DROP TRIGGER cart_move_reservation ON cart;
ALTER TABLE cart DROP CONSTRAINT cart_time_last_updated_check;
DELETE FROM stock_slot;
ALTER TABLE cart ALTER COLUMN time_last_updated DROP DEFAULT, ALTER COLUMN time_last_updated TYPE text;
SELECT test.code('SELECT regpaydb.set_quantity(2, 3, 3)'), test.code('SELECT regpaydb.available_stock(2)');

DROP TABLE test.cart_call;
DROP FUNCTION test.code;
SET search_path = public;
DROP OWNED BY regress_hostile, regress_clerk;
DROP ROLE regress_hostile, regress_clerk;
