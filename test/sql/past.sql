-- The past stands still: a payment that is new is of the time of its transaction,
-- whoever records it, and what reconciliation() says of last year stays.
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_past_app, regress_past_staff, regress_past_table;
CREATE ROLE regress_past_app NOLOGIN;
CREATE ROLE regress_past_staff NOLOGIN;
CREATE ROLE regress_past_table NOLOGIN;		-- may insert the whole table, granted by hand
SELECT test.new_ledger('past');
UPDATE conference SET auto_apply_credit = false;
SELECT regpaydb.grant_access('regress_past_app', 'app'), regpaydb.grant_access('regress_past_staff', 'staff');
GRANT USAGE ON SCHEMA past, regpaydb TO regress_past_table;
GRANT SELECT, INSERT ON payment TO regress_past_table;
GRANT USAGE ON SCHEMA test TO regress_past_app, regress_past_staff, regress_past_table;
CREATE POLICY all_rows ON payment TO regress_past_table USING (true);

-- A ledger of last year: a ticket that is paid, one that was paid too much, and one
-- that is not paid.  (The session is a superuser's, who may pass the triggers over.)
SELECT test.invoice(1, 100), test.invoice(2, 50), test.invoice(2, 30);
SELECT regpaydb.pay(1, 100, ''), regpaydb.pay(2, 60, '');
SELECT regpaydb.refund_credit_note(credit_note_id, '') FROM credit_note;
SET session_replication_role = replica;
UPDATE payment SET "time" = '2025-06-01';
UPDATE invoice SET issue_time = '2025-05-01', paid_time = CASE WHEN status = 'paid' THEN timestamptz '2025-06-01' END;
UPDATE credit_note_refund SET "time" = '2025-07-01';
RESET session_replication_role;
SELECT * FROM regpaydb.check_integrity();
CREATE FUNCTION last_year() RETURNS text LANGUAGE sql AS $$
	SELECT md5(string_agg(r::text, ' ' ORDER BY as_of)) FROM generate_series(timestamptz '2025-01-01', '2025-12-31 23:59', '10 days') as_of,
		regpaydb.reconciliation(as_of) r
$$;
CREATE TABLE was AS SELECT last_year() AS books;
SELECT r.* FROM regpaydb.reconciliation('2025-12-31') r;

-- What becomes of a statement, and of last year.
CREATE FUNCTION becomes(statement text, role text DEFAULT current_user) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
	moved boolean;
BEGIN
	BEGIN
		EXECUTE format('SET LOCAL ROLE %I', role);
		EXECUTE statement;
		RESET ROLE;
		moved := past.last_year() <> (SELECT books FROM past.was);
		RAISE EXCEPTION USING ERRCODE = 'T0000';
	EXCEPTION WHEN SQLSTATE 'T0000' THEN
		result := 'done';
	WHEN OTHERS THEN
		result := SQLSTATE;
	END;
	RETURN result || CASE WHEN moved THEN ', AND LAST YEAR MOVED' ELSE '' END;
END $$;
SELECT what, becomes(format('INSERT INTO payment (invoice_id, amount, "time") VALUES (3, 10, %s)', value)) AS owner,
	becomes(format('INSERT INTO payment (invoice_id, amount, "time") VALUES (3, 10, %s)', value), 'regress_past_table') AS "table",
	becomes(format('INSERT INTO payment (invoice_id, amount, "time") VALUES (3, 10, %s)', value), 'regress_past_staff') AS staff,
	becomes(format('INSERT INTO payment (invoice_id, amount, "time") VALUES (1, 5, DEFAULT), (3, 10, %s)', value)) AS among_others,
	becomes(format('INSERT INTO payment (invoice_id, amount, "time") VALUES (1, -10, %s)', value)) AS negative
FROM (VALUES
	(1, 'of the transaction', 'now()'),
	(2, 'default', 'DEFAULT'),
	(3, 'last year', '''2025-12-01'''),
	(4, 'a second ago', 'now() - interval ''1 second'''),
	(5, 'the least before', 'now() - interval ''1 microsecond'''),
	(6, 'the least after', 'now() + interval ''1 microsecond'''),
	(7, 'by the clock', 'clock_timestamp() + interval ''1 second'''),
	(8, 'NULL', 'NULL'),
	(9, 'for ever', '''infinity'''),
	(10, 'before all', '''-infinity'''),
	(11, 'today, another zone', 'now() AT TIME ZONE ''UTC'' AT TIME ZONE ''UTC'''),
	(12, 'midnight', 'date_trunc(''year'', now())')
) AS t (n, what, value) ORDER BY n;
\x on
SELECT code, regexp_replace(message, '\d+', 'N') AS message, detail, hint FROM test.report('INSERT INTO payment (invoice_id, amount, "time") VALUES (3, 10, ''2025-12-01'')');
\x off
SELECT becomes('INSERT INTO payment (invoice_id, amount, "time") SELECT 3, 1, now() FROM generate_series(1, 3)') AS "select",
	becomes('WITH w AS (INSERT INTO payment (invoice_id, amount, "time") VALUES (3, 1, ''2025-12-01'') RETURNING amount) TABLE w') AS cte,
	becomes('MERGE INTO payment p USING (SELECT 3 AS i) s ON false WHEN NOT MATCHED THEN INSERT (invoice_id, amount, "time") VALUES (s.i, 1, ''2025-12-01'')') AS merge,
	becomes('INSERT INTO payment (invoice_id, amount, "time", provider, provider_ref) VALUES (3, 1, ''2025-12-01'', ''bank'', ''1'') ON CONFLICT DO NOTHING') AS on_conflict,
	becomes('INSERT INTO payment (payment_id, invoice_id, amount, "time") VALUES (-1, 3, 1, ''2025-12-01'')') AS low_id,
	becomes('INSERT INTO payment (payment_id, invoice_id, amount, "time") VALUES (0, 2, 1, ''2025-12-01'')') AS id_0,
	becomes('INSERT INTO payment (payment_id, invoice_id, amount, "time") VALUES (9223372036854775807, 1, 1, ''2025-12-01'')') AS high_id;
COPY payment (invoice_id, amount, "time") FROM STDIN;
3	10	2025-12-01
\.
-- A statement in a transaction that began earlier is of that time.
BEGIN;
SELECT pg_sleep(0.01);
INSERT INTO payment (invoice_id, amount) VALUES (3, 1);
SELECT "time" = now() AS of_its_transaction FROM payment ORDER BY payment_id DESC LIMIT 1;
ROLLBACK;
-- When the bank says that it came is value_date, which moves nothing.
SELECT what, becomes(format('INSERT INTO payment (invoice_id, amount, value_date) VALUES (3, 10, %s)', value)) AS owner,
	becomes(format('INSERT INTO payment (invoice_id, amount, value_date) VALUES (3, 10, %s)', value), 'regress_past_app') AS app,
	becomes(format('SELECT regpaydb.record_payment(3, 10, '''', ''bank'', ''x'', %s)', value), 'regress_past_app') AS record_payment,
	becomes(format('SELECT regpaydb.record_manual_payment(3, 10, '''', 900, value_date => %s)', value), 'regress_past_staff') AS record_manual_payment
FROM (VALUES
	(1, 'none', 'NULL'), (2, 'last year', 'date ''2025-12-01'''), (3, 'the next', 'date ''2099-12-01'''), (4, 'for ever', 'date ''infinity''')
) AS t (n, what, value) ORDER BY n;

-- What the owner does to the table gives no other times either: a default, a
-- trigger, of a plain INSERT and of what the engine writes.
CREATE FUNCTION set_time() RETURNS trigger LANGUAGE plpgsql AS
	$$ BEGIN NEW."time" := '2025-12-01'; RETURN NEW; END $$;
CREATE FUNCTION becomes_all() RETURNS TABLE (statement text, becomes text) LANGUAGE sql AS $$
	SELECT s, becomes(s) FROM unnest(ARRAY[
		'INSERT INTO payment (invoice_id, amount) VALUES (3, 10)',
		'SELECT regpaydb.pay(3, 10, '''')',
		'SELECT regpaydb.pay(3, 10, '''', ''card'', ''1'')',
		'SELECT regpaydb.record_payment(3, 10, '''', ''bank'', ''1'')',
		'SELECT regpaydb.record_manual_payment(3, 10, '''', 900)',
		'SELECT regpaydb.refund_invoice(1)']) WITH ORDINALITY AS u (s, n) ORDER BY n
$$;
ALTER TABLE payment ALTER "time" SET DEFAULT '2025-12-01';
SELECT * FROM becomes_all();
ALTER TABLE payment ALTER "time" SET DEFAULT now();
CREATE TRIGGER t BEFORE INSERT ON payment FOR EACH ROW EXECUTE FUNCTION set_time();
SELECT * FROM becomes_all();
DROP TRIGGER t ON payment;

-- So are the times of an invoice and of a note that is paid out, which
-- reconciliation() counts by.
CREATE FUNCTION set_times() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	RETURN jsonb_populate_record(NEW, jsonb_build_object(TG_ARGV[0], '2025-12-01'));
END $$;
CREATE FUNCTION becomes_dated() RETURNS TABLE (statement text, becomes text) LANGUAGE sql AS $$
	SELECT s, becomes(s) FROM unnest(ARRAY[
		'SELECT test.invoice(1, 7)',
		'SELECT test.invoice(1, 0)',
		'SELECT regpaydb.pay(3, 35, '''')',
		'INSERT INTO payment (invoice_id, amount) VALUES (3, 30)',
		'SELECT regpaydb.void_invoice(3)',
		'SELECT regpaydb.refund_invoice(1)',
		'SELECT regpaydb.pay(3, 35, ''''); SELECT regpaydb.refund_credit_note(max(credit_note_id), '''') FROM credit_note',
		'SELECT regpaydb.pay(3, 35, ''''); SELECT regpaydb.request_refund(max(credit_note_id), '''') FROM credit_note',
		'SELECT regpaydb.record_payment(3, 35, '''', ''bank'', ''1''), regpaydb.record_reversal(''bank'', ''1'', 5, ''2'')'])
		WITH ORDINALITY AS u (s, n) ORDER BY n
$$;
ALTER TABLE invoice ALTER issue_time SET DEFAULT '2025-12-01';
ALTER TABLE credit_note_refund ALTER "time" SET DEFAULT '2025-12-01';
ALTER TABLE reversal ALTER "time" SET DEFAULT '2025-12-01';
SELECT * FROM becomes_dated();
ALTER TABLE invoice ALTER issue_time SET DEFAULT now();
ALTER TABLE credit_note_refund ALTER "time" SET DEFAULT now();
ALTER TABLE reversal ALTER "time" SET DEFAULT now();
CREATE TRIGGER t BEFORE INSERT ON invoice FOR EACH ROW EXECUTE FUNCTION set_times('issue_time');
CREATE TRIGGER t BEFORE INSERT ON credit_note_refund FOR EACH ROW EXECUTE FUNCTION set_times('time');
CREATE TRIGGER t BEFORE INSERT ON reversal FOR EACH ROW EXECUTE FUNCTION set_times('time');
SELECT * FROM becomes_dated();
DROP TRIGGER t ON invoice;
DROP TRIGGER t ON credit_note_refund;
DROP TRIGGER t ON reversal;

-- Nor do rows of the other tables whose times count.
SELECT statement, becomes(statement) FROM (VALUES
	(1, 'UPDATE payment SET "time" = ''2025-12-01'''),
	(2, 'DELETE FROM payment'),
	(3, 'UPDATE invoice SET issue_time = ''2024-12-01'''),
	(4, 'UPDATE invoice SET paid_time = NULL'),
	(5, 'UPDATE invoice SET closed_time = ''2025-12-01'''),
	(6, 'UPDATE invoice SET value = 1'),
	(7, 'DELETE FROM invoice WHERE invoice_id = 3'),
	(8, 'UPDATE credit_note_refund SET "time" = ''2024-12-01'''),
	(9, 'DELETE FROM credit_note_refund'),
	(10, 'UPDATE credit_note SET value = 1'),
	(11, 'UPDATE payment SET value_date = NULL'),
	(12, 'UPDATE payment SET entered_by = 900'),
	(13, 'TRUNCATE payment CASCADE'),
	(14, 'UPDATE credit_note_refund SET closed_time = ''2024-12-01'''),
	(15, 'SELECT regpaydb.record_payment(3, 35, '''', ''bank'', ''1''), regpaydb.record_reversal(''bank'', ''1'', 5, ''2''); UPDATE reversal SET "time" = ''2024-12-01'''),
	(16, 'SELECT regpaydb.record_payment(3, 35, '''', ''bank'', ''1''), regpaydb.record_reversal(''bank'', ''1'', 5, ''2''); DELETE FROM reversal')
) AS s (n, statement) ORDER BY n;
SELECT last_year() = books AS stands FROM was;

-- A column of less precision holds the time of the transaction as well as it can.
SELECT test.drop_reports('past');
ALTER TABLE payment ALTER "time" TYPE timestamptz(0);
SELECT * FROM becomes_all();
SELECT becomes('INSERT INTO payment (invoice_id, amount, "time") VALUES (3, 10, now() - interval ''2 seconds'')');

-- A refund that is requested and fails later, and reversals, are of their days: what
-- each day's books say is what was so then.
SELECT test.new_ledger('past_refunds');
UPDATE conference SET auto_apply_credit = false;
CREATE FUNCTION on_day(day int, statement text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	payments bigint := (SELECT coalesce(max(payment_id), 0) FROM payment);
	refunds bigint := (SELECT coalesce(max(credit_note_refund_id), 0) FROM credit_note_refund);
	reversals bigint := (SELECT coalesce(max(reversal_id), 0) FROM reversal);
	t timestamptz := timestamptz '2025-06-01 12:00 UTC' + day * interval '1 day';
BEGIN
	EXECUTE statement;
	SET LOCAL session_replication_role = replica;
	UPDATE payment SET "time" = t WHERE payment_id > payments;
	UPDATE credit_note_refund SET "time" = t WHERE credit_note_refund_id > refunds;
	UPDATE credit_note_refund SET closed_time = t WHERE closed_time = now();
	UPDATE reversal SET "time" = t WHERE reversal_id > reversals;
	UPDATE invoice SET issue_time = CASE WHEN issue_time = now() THEN t ELSE issue_time END,
		paid_time = CASE WHEN paid_time = now() THEN t ELSE paid_time END, closed_time = CASE WHEN closed_time = now() THEN t ELSE closed_time END;
	SET LOCAL session_replication_role = origin;
END $$;
SELECT on_day(n, statement) FROM (VALUES
	(1, 'SELECT test.invoice(1, 100), test.invoice(2, 50), regpaydb.record_payment(1, 130, '''', ''card'', ''a'')'),
	(2, 'SELECT regpaydb.request_refund(max(credit_note_id), ''x'') FROM credit_note'),
	(3, 'SELECT regpaydb.fail_refund(1, ''x'')'),
	(4, 'SELECT regpaydb.request_refund(max(credit_note_id), ''x'') FROM credit_note'),
	(5, 'SELECT regpaydb.confirm_refund(2)'),
	(6, 'SELECT regpaydb.record_payment(2, 80, '''', ''card'', ''b'')'),
	(7, 'SELECT regpaydb.record_reversal(''card'', ''b'', 10, ''r1'')'),
	(8, 'SELECT regpaydb.refund_invoice(1)'),
	(9, 'SELECT regpaydb.apply_credit_note(max(credit_note_id), test.invoice(2, 60)) FROM credit_note'),
	(10, 'SELECT regpaydb.record_reversal(''card'', ''a'', 100, ''r2'')')) AS d (n, statement) ORDER BY n;
SELECT day, r.* FROM generate_series(0, 11) day, regpaydb.reconciliation(timestamptz '2025-06-01 18:00 UTC' + day * interval '1 day') r ORDER BY day;
SELECT conserved FROM test.money();
SELECT * FROM regpaydb.check_integrity();
