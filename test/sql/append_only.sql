-- What was recorded stays: changing it raises RP011, whoever tries.
SET client_min_messages = warning;
SELECT test.new_ledger('append_only');
-- One row of everything.
SELECT test.invoice(1, 100) AS invoice_id;
SELECT regpaydb.pay(1, 130, 'over', 'stripe', 'pi_1') AS payment_id;
SELECT regpaydb.refund_invoice(1) AS credit_note_id;
SELECT test.invoice(1, 20) AS invoice_id;
SELECT regpaydb.refund_credit_note(3, 'cash') AS credit_note_refund_id;
SELECT regpaydb.record_payment(2, 20, '', 'stripe', 'pi_2') AS payment_id;
SELECT regpaydb.record_reversal('stripe', 'pi_2', 20, 'dp_1') AS reversal_id;
SELECT credit_note_id, value, state FROM credit_note ORDER BY 1;
UPDATE conference SET auto_apply_credit = false;
SELECT test.invoice(2, 50) AS unpaid_invoice_id;

-- A statement, and what it raises, with all rows compared before and after.
CREATE FUNCTION test.fingerprint() RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	part text;
	whole text := '';
	t text;
BEGIN
	FOREACH t IN ARRAY ARRAY['conference', 'attendee', 'staff', 'invoice', 'line_item', 'payment', 'credit_note',
			'credit_note_application', 'credit_note_refund', 'credit_note_refund_part', 'reversal', 'outbox'] LOOP
		EXECUTE format('SELECT string_agg(r::text, '';'' ORDER BY r::text) FROM %I r', t) INTO part;
		whole := whole || t || coalesce(part, '');
	END LOOP;
	RETURN md5(whole);
END $$;
SELECT test.fingerprint() AS fingerprint \gset

-- Rows: no UPDATE, DELETE or TRUNCATE.
CREATE TABLE test.statement (n serial, statement text);
INSERT INTO test.statement (statement) VALUES
	('UPDATE payment SET amount = 1'),
	('UPDATE payment SET reference = ''better'''),
	('UPDATE payment SET payment_id = payment_id'),
	('UPDATE payment SET kind = ''manual'' WHERE payment_id = 1'),
	('UPDATE payment SET entered_by = 900'),
	('DELETE FROM payment'),
	('TRUNCATE payment CASCADE'),
	('UPDATE line_item SET price = 1'),
	('UPDATE line_item SET description = ''cheaper'''),
	('DELETE FROM line_item'),
	('TRUNCATE line_item'),
	('UPDATE credit_note SET value = 1000'),
	('UPDATE credit_note SET attendee_id = 2'),
	('UPDATE credit_note SET state = ''unclaimed'''),
	('UPDATE credit_note SET state = ''refunded'' WHERE state = ''unclaimed'''),
	('UPDATE credit_note SET state = state'),
	('UPDATE credit_note SET credit_note_id = 1'),
	('DELETE FROM credit_note'),
	('TRUNCATE credit_note CASCADE'),
	('UPDATE credit_note_application SET credit_note_id = 3'),
	('UPDATE credit_note_application SET claim = ''applied'''),
	('DELETE FROM credit_note_application'),
	('TRUNCATE credit_note_application'),
	('UPDATE credit_note_refund SET reference = ''other'''),
	('UPDATE credit_note_refund SET credit_note_id = 4'),
	('UPDATE credit_note_refund SET "time" = now()'),
	('DELETE FROM credit_note_refund'),
	('TRUNCATE credit_note_refund CASCADE'),
	-- Not even the end of a refund, which the engine writes.
	('UPDATE credit_note_refund SET state = ''failed'''),
	('UPDATE credit_note_refund SET state = ''requested'''),
	('UPDATE credit_note_refund SET provider = ''stripe'', provider_ref = ''re_1'''),
	('UPDATE credit_note_refund SET closed_time = now()'),
	('UPDATE credit_note_refund SET closed_by = 900'),
	('UPDATE credit_note_refund SET failure_reason = ''x'''),
	('UPDATE credit_note_refund SET returned_payment_id = 1'),
	('UPDATE credit_note_refund SET credit_note_refund_id = 9'),
	('UPDATE credit_note_refund_part SET amount = 1'),
	('UPDATE credit_note_refund_part SET payment_id = NULL'),
	('DELETE FROM credit_note_refund_part'),
	('TRUNCATE credit_note_refund_part'),
	('UPDATE reversal SET amount = 1'),
	('UPDATE reversal SET loss = 1'),
	('UPDATE reversal SET reversal_ref = ''dp_2'''),
	('DELETE FROM reversal'),
	('TRUNCATE reversal'),
	('UPDATE outbox SET kind = ''invoice_created'''),
	('TRUNCATE outbox'),
	-- Invoices: what only the engine changes.
	('UPDATE invoice SET status = ''paid'' WHERE invoice_id = 3'),
	('UPDATE invoice SET status = ''unpaid'' WHERE invoice_id = 1'),
	('UPDATE invoice SET value = 1'),
	('UPDATE invoice SET paid = 999'),
	('UPDATE invoice SET payment_count = 0'),
	('UPDATE invoice SET invoice_id = invoice_id + 100'),
	('UPDATE invoice SET attendee_id = 2'),
	('UPDATE invoice SET cart_id = 1, cart_revision = 1'),
	('UPDATE invoice SET issue_time = issue_time - interval ''1 year'''),
	('UPDATE invoice SET recipient = ''x'', status = ''void'''),
	('DELETE FROM invoice'),
	('TRUNCATE invoice CASCADE'),
	('TRUNCATE attendee CASCADE'),
	-- The conference: its row, and its currency once money is in the ledger.
	('UPDATE conference SET currency = ''USD'''),
	('UPDATE conference SET currency = ''USD'', name = ''x'''),
	('DELETE FROM conference'),
	('TRUNCATE conference');
SELECT statement, test.raises(statement) FROM test.statement ORDER BY n;
-- A table that others reference can't be truncated by itself; PostgreSQL says so.
SELECT statement, test.raises(statement) FROM (VALUES
	(1, 'TRUNCATE payment'), (2, 'TRUNCATE invoice'), (3, 'TRUNCATE credit_note'), (4, 'TRUNCATE attendee'),
	(5, 'DELETE FROM attendee'), (7, 'TRUNCATE credit_note_refund'),
	(6, 'INSERT INTO conference (name, currency, ledger_version) VALUES (''x'', ''USD'', ''0'')')) v (n, statement) ORDER BY n;
SELECT test.fingerprint() = :'fingerprint' AS all_as_before;

-- Updates that hit no row, are no changes.
UPDATE payment SET amount = 1 WHERE payment_id = 999;
DELETE FROM invoice WHERE invoice_id = 999;

-- A role that has the privilege is told RP011; one that has not, 42501.
DROP ROLE IF EXISTS regress_clerk, regress_reader;
CREATE ROLE regress_clerk NOLOGIN;
CREATE ROLE regress_reader NOLOGIN;
GRANT USAGE ON SCHEMA append_only, test TO regress_clerk, regress_reader;
GRANT ALL ON ALL TABLES IN SCHEMA append_only TO regress_clerk;
GRANT SELECT ON ALL TABLES IN SCHEMA append_only TO regress_reader;
GRANT SELECT ON test.statement TO regress_clerk, regress_reader;
SET ROLE regress_clerk;
SELECT DISTINCT split_part(test.raises(statement), ':', 1) AS clerk FROM test.statement;
RESET ROLE;
SET ROLE regress_reader;
SELECT DISTINCT split_part(test.raises(statement), ':', 1) AS reader FROM test.statement;
RESET ROLE;
SELECT test.fingerprint() = :'fingerprint' AS all_as_before;

-- The engine's own right to write a row is for that row, while it writes it: a
-- trigger of the application's that meddles then is told RP011 too.
CREATE FUNCTION test.meddle() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE append_only.invoice SET value = 1 WHERE invoice_id <> NEW.invoice_id;
	RETURN NULL;
END $$;
CREATE TRIGGER meddle AFTER UPDATE ON invoice FOR EACH ROW EXECUTE FUNCTION test.meddle();
SELECT test.raises('SELECT regpaydb.pay(3, 1, '''')');
DROP TRIGGER meddle ON invoice;
-- One that suppresses the engine's rows is found out, too.
CREATE FUNCTION test.suppress() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN RETURN NULL; END $$;
CREATE TRIGGER suppress BEFORE UPDATE ON invoice FOR EACH ROW EXECUTE FUNCTION test.suppress();
SELECT test.raises('SELECT regpaydb.pay(3, 1, '''')');
SELECT test.raises('INSERT INTO append_only.payment (invoice_id, amount) VALUES (1, 5)');
DROP TRIGGER suppress ON invoice;
CREATE TRIGGER suppress BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION test.suppress();
SELECT test.raises('SELECT test.invoice(1, 5)');
DROP TRIGGER suppress ON outbox;
DROP FUNCTION test.meddle(), test.suppress();
SELECT test.fingerprint() = :'fingerprint' AS all_as_before;

-- What is left to the application: who and when of an invoice, columns of its
-- own, names, settings, and the currency of a ledger without money.
UPDATE invoice SET recipient = 'Alice Ltd.', due_time = due_time + interval '1 day' WHERE invoice_id = 1;
ALTER TABLE invoice ADD COLUMN purchase_order text;
UPDATE invoice SET purchase_order = 'PO 1', value = value, status = status WHERE invoice_id = 1;
UPDATE attendee SET recipient = 'Alice Smith', email = 'alice@example.org' WHERE attendee_id = 1;
UPDATE conference SET name = 'New name', access_code_length = 20, currency = 'EUR';
SELECT recipient, purchase_order, status FROM invoice WHERE invoice_id = 1;
DELETE FROM outbox;
SELECT regpaydb.create_ledger('append_only_empty', currency => 'USD');
INSERT INTO append_only_empty.attendee (user_id) VALUES (1);
UPDATE append_only_empty.conference SET currency = 'EUR';
SELECT currency FROM append_only_empty.conference;
SELECT test.raises('UPDATE append_only_empty.conference SET currency = ''Euro''');

DROP TABLE test.statement;
DROP FUNCTION test.fingerprint();
REVOKE ALL ON SCHEMA append_only, test FROM regress_clerk, regress_reader;
REVOKE ALL ON ALL TABLES IN SCHEMA append_only FROM regress_clerk, regress_reader;
DROP ROLE regress_clerk, regress_reader;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
