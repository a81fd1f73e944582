-- Every function with each of its arguments NULL, and with whatever a text can
-- hold, as every role: an error or an answer, never a crash, and nothing is left.
-- The calls are made from the catalog, so that no function is left out.
SET client_min_messages = warning;
SELECT test.new_ledger('attack_input');
UPDATE conference SET auto_apply_credit = false;
DROP ROLE IF EXISTS regress_a_app, regress_a_staff, regress_a_reports, regress_a_nobody;
CREATE ROLE regress_a_app NOLOGIN;
CREATE ROLE regress_a_staff NOLOGIN;
CREATE ROLE regress_a_reports NOLOGIN;
CREATE ROLE regress_a_nobody NOLOGIN;
GRANT USAGE ON SCHEMA test TO regress_a_app, regress_a_staff, regress_a_reports, regress_a_nobody;
SELECT regpaydb.grant_access('regress_a_app', 'app'), regpaydb.grant_access('regress_a_staff', 'staff'),
	regpaydb.grant_access('regress_a_reports', 'reports');
INSERT INTO category (name) VALUES ('Ticket');
INSERT INTO product (category_id, name, price, stock) VALUES (1, 'Seat', 100, 5);
SELECT test.invoice(1, 100) AS i1, test.invoice(1, 50) AS i2;
SELECT regpaydb.pay(2, 60, '') AS p1, regpaydb.current_cart(1) AS c1;
-- A refund that is on its way, and a platform's payment that could be reversed.
SELECT test.invoice(2, 5) AS i3, regpaydb.record_payment(3, 10, '', 'bank', 'arrived') AS p2;
SELECT regpaydb.request_refund(max(credit_note_id), 'requested') AS refund FROM credit_note;

-- What makes a good call: a value for every argument, by its name.
CREATE TABLE test.argument (name text PRIMARY KEY, value text);
INSERT INTO test.argument VALUES
	('schema_name', '''attack_made'''), ('conference_name', '''Conference'''), ('currency', '''EUR'''),
	('attendee_id', '1'), ('due', '''1 day''::interval'), ('lines', '''[{"description": "x", "price": 1}]''::jsonb'), ('items', '''[{"line_item_id": 1}]''::jsonb'),
	('invoice_id', '1'), ('amount', '1'), ('reference', '''r'''), ('provider', '''bank'''), ('provider_ref', '''ref'''),
	('entered_by', '900'), ('credit_note_id', '(SELECT min(credit_note_id) FROM attack_input.credit_note)'), ('percentage', '10'),
	('cart_id', '1'), ('product_id', '1'), ('quantity', '1'), ('duration', '''1 hour''::interval'), ('limit', '10'),
	('user_id', '101'), ('access_code', '''ALICES-CODE'''), ('role', '''regress_a_nobody'''), ('access', '''app'''),
	('reason', '''r'''), ('value_date', '''2026-05-03''::date'),
	('payment_id', '(SELECT min(payment_id) FROM attack_input.payment WHERE provider_ref = ''arrived'')'), ('reversal_ref', '''rev'''), ('parts', '''[]''::jsonb'),
	('credit_note_refund_id', '(SELECT min(credit_note_refund_id) FROM attack_input.credit_note_refund)'),
	('ledger_table', '''attack_input.invoice''::regclass'), ('as_of', '''now''::timestamptz'), ('since', '''yesterday''::timestamptz');
GRANT SELECT ON test.argument TO PUBLIC;
CREATE TABLE test.argument_of AS
	SELECT p.proname::text AS function, a.n::int, a.name, t.oid::regtype AS type
	FROM pg_proc p, unnest(p.proargnames, p.proargtypes::oid[]) WITH ORDINALITY a (name, type, n) JOIN pg_type t ON t.oid = a.type
	WHERE p.pronamespace = 'regpaydb'::regnamespace;
-- (Is there a value for every one?)
SELECT DISTINCT name FROM test.argument_of EXCEPT SELECT name FROM test.argument;
GRANT SELECT ON test.argument_of TO PUBLIC;
-- The call of a function, with another expression for one of its arguments.
CREATE FUNCTION test.call_of(called text, other_name text, expression text) RETURNS text LANGUAGE sql STABLE AS $$
	SELECT format('SELECT * FROM regpaydb.%I(%s)', called, string_agg(format('%I => %s', a.name,
		CASE WHEN a.name = other_name THEN expression ELSE v.value END), ', ' ORDER BY a.n))
	FROM test.argument_of a JOIN test.argument v USING (name) WHERE a.function = called
$$;
-- What comes of it; it is taken back.
CREATE FUNCTION test.code_of(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE call;
	RAISE EXCEPTION USING ERRCODE = 'T0000';
EXCEPTION WHEN SQLSTATE 'T0000' THEN
	RETURN 'done';
WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
CREATE FUNCTION test.fingerprint() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	r record;
	n bigint;
	result text := '';
BEGIN
	FOR r IN SELECT c.oid::regclass AS t FROM pg_class c WHERE relnamespace = 'attack_input'::regnamespace AND relkind = 'r' ORDER BY 1 LOOP
		EXECUTE format('SELECT hashtext(string_agg(t::text, '' '' ORDER BY t::text)) FROM %s t', r.t) INTO n;
		result := result || ' ' || coalesce(n, 0);
	END LOOP;
	RETURN result;
END $$;
SELECT test.fingerprint() AS before \gset

-- ---------------------------------------------------------------------------
-- NULL for each argument, one by one and all at once, as each role
-- ---------------------------------------------------------------------------
CREATE TABLE test.outcome (who text, function text, argument text, code text);
GRANT INSERT ON test.outcome TO PUBLIC;
CREATE FUNCTION test.try_nulls(who text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO test.outcome SELECT who, function, name, test.code_of(test.call_of(function, name, 'NULL')) FROM test.argument_of;
	INSERT INTO test.outcome SELECT who, function, 'every', test.code_of(format('SELECT * FROM regpaydb.%I(%s)', function,
		string_agg(format('%I => NULL', name), ', '))) FROM test.argument_of GROUP BY function;
$$;
SELECT test.try_nulls('owner');
SET ROLE regress_a_app; SELECT test.try_nulls('app'); RESET ROLE;
SET ROLE regress_a_staff; SELECT test.try_nulls('staff'); RESET ROLE;
SET ROLE regress_a_reports; SELECT test.try_nulls('reports'); RESET ROLE;
SET ROLE regress_a_nobody; SELECT test.try_nulls('nobody'); RESET ROLE;
SELECT who, code, count(*) FROM test.outcome WHERE who <> 'owner' GROUP BY 1, 2 ORDER BY 1, 2;
-- Where NULL is no error, it is documented as that.
SELECT function, argument, code FROM test.outcome WHERE who = 'owner' AND code <> '22004' ORDER BY 1, 2;
-- Nobody but the owner is told more about an argument than that he may not call.
SELECT DISTINCT function FROM test.outcome o WHERE who = 'nobody' AND code <> '42501';
SELECT test.fingerprint() = :'before' AS unchanged;

-- ---------------------------------------------------------------------------
-- Texts
-- ---------------------------------------------------------------------------
CREATE TABLE test.payload (n int, payload text);
INSERT INTO test.payload VALUES
	(1, ''), (2, ' '), (3, ''''), (4, '''''; DROP TABLE attack_input.payment CASCADE; --'), (5, '"'), (6, '\'), (7, E'\\'''),
	(8, '%'), (9, '%s%s%s%s%s%s%n%n%n%n'), (10, '%1$s %2$*1$d %999999999d'), (11, '$1'), (12, '@.payment'), (13, '$$'),
	(14, E'\x01\x1b[2J\b\r\n\t'), (15, U&'\200B\202E\FEFF'), (16, repeat('x', 1048576)), (17, repeat('''', 1048576)),
	(18, repeat('%n', 524288)), (19, repeat(U&'\+01F389', 262144)), (20, '{"a": ' || repeat('[', 5000) || repeat(']', 5000) || '}'),
	(21, repeat('[', 100000)), (22, '[{"description": "%n''\"", "price": "%s"}]'), (23, 'NULL'), (24, 'app'''), (25, 'regress_a_app" SUPERUSER; --');
GRANT SELECT ON test.payload TO PUBLIC;
TRUNCATE test.outcome;
CREATE FUNCTION test.try_texts(who text) RETURNS void LANGUAGE sql AS $$
	INSERT INTO test.outcome SELECT who, function, name || CASE WHEN length(payload) > 1000 THEN ' (long)' ELSE '' END,
		test.code_of(test.call_of(function, name, quote_literal(payload)))
	FROM test.argument_of, test.payload WHERE type IN ('text'::regtype, 'name'::regtype, 'jsonb'::regtype)
$$;
SELECT test.try_texts('owner');
SET ROLE regress_a_app; SELECT test.try_texts('app'); RESET ROLE;
SET ROLE regress_a_staff; SELECT test.try_texts('staff'); RESET ROLE;
SET ROLE regress_a_nobody; SELECT test.try_texts('nobody'); RESET ROLE;
SELECT function, argument, string_agg(DISTINCT code, ' ' ORDER BY code) AS codes FROM test.outcome WHERE who = 'owner' GROUP BY 1, 2 ORDER BY 1, 2;
SELECT who, string_agg(DISTINCT code, ' ' ORDER BY code) AS codes FROM test.outcome GROUP BY 1 ORDER BY 1;
-- Through plain SQL, and through the settings.
SELECT n, test.code_of(format('INSERT INTO attack_input.payment (invoice_id, amount, reference) VALUES (1, 1, %L)', payload)) AS reference,
	test.code_of(format('INSERT INTO attack_input.payment (invoice_id, amount, provider, provider_ref) VALUES (1, 1, %L, %1$L)', payload)) AS provider,
	test.code_of(format('INSERT INTO attack_input.attendee (user_id, access_code) VALUES (7, %L)', payload)) AS access_code
FROM test.payload ORDER BY n;
CREATE FUNCTION test.with_setting(name text, value text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config(name, value, true);
	result := test.code_of(call);
	PERFORM set_config(name, '', true);
	RETURN result;
END $$;
SELECT setting, string_agg(DISTINCT test.with_setting(setting, payload, call), ' ') AS codes
FROM test.payload, unnest('{regpaydb.user_id,regpaydb.access_code}'::text[]) setting,
	unnest(ARRAY['SELECT regpaydb.balance_due(1)', 'SELECT regpaydb.actor_invoices(''attack_input.invoice'')']) call
GROUP BY 1 ORDER BY 1;
SELECT string_agg(DISTINCT test.with_setting('regpaydb.ledger', left(payload, 1000), 'SELECT regpaydb.balance_due(1)'), ' ') AS ledger FROM test.payload WHERE payload <> '';
RESET regpaydb.ledger;
SET regpaydb.ledger = 'attack_input';

-- Bytes that are no text: PostgreSQL stops them before they come here.
SELECT test.code_of('SELECT regpaydb.pay(1, 1, E''\xff'')') AS literal, test.code_of('SELECT regpaydb.pay(1, 1, E''\xed\xa0\x80'')') AS surrogate,
	test.code_of('SELECT regpaydb.pay(1, 1, convert_from(''\xc328'', ''UTF8''))') AS converted, test.code_of('SELECT regpaydb.pay(1, 1, chr(0))') AS zero;
-- In a database that takes any bytes they are taken, and counted one by one.
SELECT current_database() AS here \gset
DROP DATABASE IF EXISTS regress_bytes;
CREATE DATABASE regress_bytes ENCODING 'SQL_ASCII' LOCALE 'C' TEMPLATE template0;
\c regress_bytes
SET client_min_messages = warning;
SET client_encoding = 'SQL_ASCII';
CREATE EXTENSION regpaydb;
SELECT regpaydb.create_ledger(conference_name => E'\xff\xfe');
INSERT INTO regpaydb.attendee (user_id, recipient, access_code) VALUES (1, E'\xc3', E'\xf0\x9f');
SELECT regpaydb.manual_invoice(1, '1 day', '[{"description": "x", "price": 10}]');
SELECT regpaydb.pay(1, 1, E'\xed\xa0\x80', E'\xff', E'\xfe') > 0 AS paid, regpaydb.can_view(1, access_code => E'\xf0\x9f'), regpaydb.can_view(1, access_code => E'\xf0');
SELECT regpaydb.pay(1, 1, E'\xff', E'\xff', E'\xfe') > 0 AS again, regpaydb.invoice_for_access_code(E'\xf0\x9f');
SET regpaydb.access_code = E'\xf0\x9f';
SELECT regpaydb.balance_due(1), regpaydb.actor_invoices('regpaydb.invoice');
SELECT encode(reference::bytea, 'hex'), encode(provider::bytea, 'hex') FROM regpaydb.payment;
\c :here
SET client_min_messages = warning;
DROP DATABASE regress_bytes;
SET search_path = attack_input;
SET regpaydb.ledger = 'attack_input';

SELECT test.fingerprint() = :'before' AS unchanged;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
SET search_path = public;
DROP FUNCTION test.call_of, test.code_of, test.fingerprint, test.try_nulls, test.try_texts, test.with_setting;
DROP TABLE test.argument, test.argument_of, test.outcome, test.payload;
DROP OWNED BY regress_a_app, regress_a_staff, regress_a_reports, regress_a_nobody;
DROP ROLE regress_a_app, regress_a_staff, regress_a_reports, regress_a_nobody;
