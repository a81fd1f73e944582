-- A role with access app, which may make functions, operators and tables of its
-- own, tries to see or do more than the actor may.
SET client_min_messages = warning;
SELECT test.new_ledger('attack_app');
UPDATE conference SET auto_apply_credit = false;
DROP ROLE IF EXISTS regress_x_app, regress_x_member, regress_x_noinherit, regress_x_both;
CREATE ROLE regress_x_app NOLOGIN;
CREATE ROLE regress_x_member NOLOGIN IN ROLE regress_x_app;
CREATE ROLE regress_x_noinherit NOLOGIN NOINHERIT IN ROLE regress_x_app;
CREATE ROLE regress_x_both NOLOGIN;
GRANT USAGE ON SCHEMA test TO regress_x_app, regress_x_member, regress_x_noinherit, regress_x_both;
CREATE SCHEMA regress_x AUTHORIZATION regress_x_app;
GRANT USAGE ON SCHEMA regress_x TO PUBLIC;
SELECT regpaydb.grant_access('regress_x_app', 'app'), regpaydb.grant_access('regress_x_both', 'app'), regpaydb.grant_access('regress_x_both', 'reports');
CREATE TABLE test.i AS SELECT test.invoice(1 + n % 2, 1000 + n) AS id, 1 + n % 2 AS attendee FROM generate_series(1, 40) n;
SELECT regpaydb.pay(id, 2000, 'secret ' || attendee, 'bank', 'ref ' || id) IS NOT NULL AS paid FROM test.i ORDER BY id LIMIT 1;
INSERT INTO payment (invoice_id, amount, reference) SELECT id, 1, 'secret ' || attendee FROM test.i;
ANALYZE;

-- ---------------------------------------------------------------------------
-- Members of the role, and roles with another access besides
-- ---------------------------------------------------------------------------
CREATE FUNCTION test.seen() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT format('%s of attendees %s', count(*), array_agg(DISTINCT attendee_id ORDER BY attendee_id)) FROM attack_app.invoice);
EXCEPTION WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
SET regpaydb.user_id = '101';
SET ROLE regress_x_app; SELECT test.seen();
SET ROLE regress_x_member; SELECT test.seen();
SELECT test.raises('INSERT INTO attack_app.payment (invoice_id, amount) VALUES (1, 1)') LIKE '42501%' AS refused;
SET ROLE regress_x_noinherit; SELECT test.seen();
SET ROLE regress_x_both; SELECT test.seen();
-- What row_security and roles can be set to.
SET ROLE regress_x_member;
SET row_security = off;
SELECT test.seen();
SET row_security = on;
SELECT test.raises('ALTER ROLE regress_x_member BYPASSRLS') LIKE '42501%' AS refused,
	test.raises('ALTER TABLE attack_app.invoice DISABLE ROW LEVEL SECURITY') LIKE '42501%' AS refused,
	test.raises('DROP POLICY actor ON attack_app.invoice') LIKE '42501%' AS refused,
	test.raises('CREATE POLICY mine ON attack_app.invoice USING (true)') LIKE '42501%' AS refused,
	test.raises('ALTER POLICY actor ON attack_app.invoice TO regress_x_both') LIKE '42501%' AS refused,
	test.raises('CREATE TRIGGER t AFTER INSERT ON attack_app.payment EXECUTE FUNCTION test.seen()') LIKE '42501%' AS refused,
	test.raises('CREATE RULE r AS ON SELECT TO attack_app.invoice DO INSTEAD SELECT 1') LIKE '42501%' AS refused,
	test.raises('LOCK TABLE attack_app.invoice IN ACCESS EXCLUSIVE MODE') LIKE '42501%' AS refused;
-- A table that takes the place of a policy's own: inheritance, references.
SELECT test.raises('CREATE TABLE regress_x.child () INHERITS (attack_app.invoice)') LIKE '42501%' AS refused,
	test.raises('CREATE TABLE regress_x.spy (id bigint REFERENCES attack_app.invoice)') LIKE '42501%' AS refused;
RESET ROLE;

-- ---------------------------------------------------------------------------
-- COPY
-- ---------------------------------------------------------------------------
SET ROLE regress_x_app;
COPY (SELECT count(*), min(attendee_id), max(attendee_id) FROM attack_app.invoice) TO STDOUT;
COPY attack_app.credit_note TO STDOUT;
SET regpaydb.user_id = '666';
COPY attack_app.invoice TO STDOUT;
SET regpaydb.user_id = '101';
\set VERBOSITY sqlstate
\copy attack_app.payment (invoice_id, amount) FROM /dev/null
\copy attack_app.payment FROM /dev/null
\copy attack_app.invoice FROM /dev/null
COPY attack_app.payment TO '/tmp/x';
\set VERBOSITY default

-- ---------------------------------------------------------------------------
-- Functions, operators, views, rules and cursors of its own
-- ---------------------------------------------------------------------------
SET client_min_messages = notice;
CREATE FUNCTION regress_x.spy(numeric, numeric) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
BEGIN
	IF $1 NOT IN (SELECT value FROM attack_app.invoice) THEN
		RAISE NOTICE 'sees % in a value', $1;
	END IF;
	RETURN true;
END $$;
CREATE FUNCTION regress_x.spy(text, text) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
BEGIN
	IF $1 <> 'secret 1' AND $1 <> '' THEN
		RAISE NOTICE 'sees "%"', $1;
	END IF;
	RETURN true;
END $$;
-- The planner would ask these about the statistics of rows that are not shown.
CREATE OPERATOR regress_x.<<< (LEFTARG = numeric, RIGHTARG = numeric, FUNCTION = regress_x.spy, RESTRICT = scalarltsel);
CREATE OPERATOR regress_x.=== (LEFTARG = text, RIGHTARG = text, FUNCTION = regress_x.spy, RESTRICT = eqsel, JOIN = eqjoinsel);
SET search_path = regress_x, attack_app;
SELECT count(*) FROM invoice WHERE value <<< 5;
SELECT count(*) FROM payment WHERE reference === 'x';
SELECT count(*) FROM payment p JOIN payment q ON p.reference === q.reference;
SELECT count(*) FROM status_history JOIN invoice USING (invoice_id) WHERE value <<< 1;
-- A function that LEAKPROOF would let past the policies; a cast that fails.
SELECT test.raises('ALTER FUNCTION regress_x.spy(numeric, numeric) LEAKPROOF') LIKE '42501%' AS refused;
SELECT count(*) FROM payment WHERE CASE WHEN reference <> 'secret 1' AND reference <> '' THEN reference::int = 1 ELSE true END;
SELECT count(*) FROM invoice WHERE 1 / (attendee_id - 2) < 5;
-- A view shows what its owner sees: a view of one's own no more than oneself.
CREATE VIEW regress_x.mine AS SELECT * FROM attack_app.invoice;
SELECT count(DISTINCT attendee_id) FROM regress_x.mine;
CREATE FUNCTION regress_x.count_all() RETURNS bigint LANGUAGE sql SECURITY DEFINER RETURN (SELECT count(*) FROM attack_app.invoice);
-- A cursor, a plan and a function of one actor's, used by another.
BEGIN;
SELECT set_config('regpaydb.user_id', '102', true);
DECLARE held CURSOR WITH HOLD FOR SELECT attendee_id FROM attack_app.invoice ORDER BY 1;
PREPARE one AS SELECT count(*) FILTER (WHERE attendee_id = 1) AS alices, count(*) FILTER (WHERE attendee_id = 2) AS bobs FROM attack_app.invoice;
CREATE FUNCTION regress_x.counted() RETURNS text LANGUAGE plpgsql STABLE AS
	'BEGIN RETURN (SELECT array_agg(DISTINCT attendee_id) FROM attack_app.invoice); END';
EXECUTE one;
SELECT regress_x.counted();
SELECT set_config('regpaydb.user_id', '101', true);
EXECUTE one;
SELECT regress_x.counted();
-- Within one statement the actor changes: what was kept is not used for another.
SELECT n, regress_x.counted() FROM (SELECT n, set_config('regpaydb.user_id', (100 + n)::text, true) FROM generate_series(1, 3) n OFFSET 0) s;
COMMIT;
FETCH 1 held;		-- (it is read when it is held, for the actor of that moment)
CLOSE held;
SELECT count(*) FROM attack_app.invoice WHERE set_config('regpaydb.user_id', '900', false) IS NOT NULL;
SELECT set_config('regpaydb.user_id', '101', false);
SET client_min_messages = warning;
-- As another role the same plans and functions are made anew.
RESET ROLE;
EXECUTE one;
SET ROLE regress_x_both;
EXECUTE one;
SET regpaydb.user_id = '';
EXECUTE one;
RESET ROLE;
SET regpaydb.user_id = '101';
SET ROLE regress_x_app;
EXECUTE one;
DEALLOCATE one;

-- ---------------------------------------------------------------------------
-- Statistics and sizes
-- ---------------------------------------------------------------------------
SELECT count(*) FROM pg_stats WHERE schemaname = 'attack_app' AND tablename NOT IN ('conference', 'category', 'product');
SELECT count(*) FROM pg_stats_ext WHERE schemaname = 'attack_app';
SELECT test.raises('SELECT * FROM pg_statistic') LIKE '42501%' AS refused;
SELECT count(*) FROM information_schema.columns WHERE table_schema = 'attack_app' AND table_name = 'staff';
-- Sequences tell how much there is.
SELECT test.raises('SELECT last_value FROM attack_app.payment_payment_id_seq') LIKE '42501%' AS refused,
	test.raises('SELECT nextval(''attack_app.payment_payment_id_seq'')') LIKE '42501%' AS refused,
	test.raises('SELECT currval(''attack_app.payment_payment_id_seq'')') LIKE '42501%' AS refused;

-- ---------------------------------------------------------------------------
-- Errors that tell: unique references, foreign keys, conflicts
-- ---------------------------------------------------------------------------
SELECT split_part(test.raises(format('INSERT INTO attack_app.payment (invoice_id, amount) VALUES (%s, 1)', i)), ':', 1) AS code, count(*)
FROM unnest(ARRAY[1, 3, 5, 999999, -1, 0]) i GROUP BY 1;
RESET ROLE;
SELECT invoice_id AS bobs FROM invoice WHERE attendee_id = 2 ORDER BY 1 LIMIT 1 \gset
SET ROLE regress_x_app;
SELECT statement, test.raises(format(statement, :bobs)) = test.raises(format(statement, 999999)) OR
	replace(test.raises(format(statement, :bobs)), :'bobs', 'N') = replace(test.raises(format(statement, 999999)), '999999', 'N') AS same_words
FROM (VALUES
	('INSERT INTO attack_app.payment (invoice_id, amount) VALUES (%s, 1)'),
	('INSERT INTO attack_app.payment (invoice_id, amount, provider, provider_ref) VALUES (%s, 1, ''bank'', ''new'')'),
	('INSERT INTO attack_app.payment (invoice_id, amount) VALUES (%s, 1) RETURNING payment_id'),
	('SELECT regpaydb.pay(%s, 1, '''')'), ('SELECT regpaydb.balance_due(%s)'), ('SELECT regpaydb.total_payments(%s)'),
	('SELECT regpaydb.update_status(%s)'), ('SELECT regpaydb.validate_allowed_to_pay(%s)'), ('SELECT regpaydb.can_view(%s, 101)'),
	('SELECT * FROM attack_app.invoice WHERE invoice_id = %s'), ('SELECT * FROM attack_app.line_item WHERE invoice_id = %s')) v (statement);
RESET ROLE;
RESET regpaydb.user_id;
-- ---------------------------------------------------------------------------
-- Settings that change what SQL means, or who sees what, while the engine works
-- ---------------------------------------------------------------------------
CREATE FUNCTION test.with_settings(name text, value text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config(name, value, true);
	SELECT concat_ws(' ', regpaydb.balance_due(i), regpaydb.can_view(i, 101), regpaydb.pay(i, 10.50, 'x') > 0, regpaydb.update_status(i),
		regpaydb.current_cart(1) > 0) INTO result FROM (SELECT max(invoice_id) FROM attack_app.invoice) m (i);
	INSERT INTO attack_app.payment (invoice_id, amount) SELECT max(invoice_id), 1 FROM attack_app.invoice;
	SELECT result || ' ' || (SELECT count(*) FROM attack_app.invoice) || ' ' || regpaydb.balance_due(max(invoice_id)) INTO result FROM attack_app.invoice;
	RAISE EXCEPTION USING ERRCODE = 'T0000';
EXCEPTION WHEN SQLSTATE 'T0000' THEN
	RETURN result;
WHEN OTHERS THEN
	RETURN SQLSTATE || ' ' || SQLERRM;
END $$;
SET ROLE regress_x_app;
SET regpaydb.user_id = '101';
SELECT test.with_settings('application_name', 'as usual') AS as_usual;
SELECT name, value, test.with_settings(name, value) FROM (VALUES
	('transform_null_equals', 'on'), ('standard_conforming_strings', 'off'), ('quote_all_identifiers', 'on'), ('array_nulls', 'off'),
	('DateStyle', 'SQL, DMY'), ('IntervalStyle', 'iso_8601'), ('TimeZone', 'Pacific/Kiritimati'), ('bytea_output', 'escape'),
	('extra_float_digits', '-15'), ('lc_numeric', 'C'), ('lc_monetary', 'C'), ('plan_cache_mode', 'force_generic_plan'), ('plan_cache_mode', 'force_custom_plan'),
	('enable_seqscan', 'off'), ('enable_indexscan', 'off'), ('enable_bitmapscan', 'off'), ('from_collapse_limit', '1'), ('geqo_threshold', '2'),
	('constraint_exclusion', 'on'), ('row_security', 'on'), ('check_function_bodies', 'off'), ('default_transaction_isolation', 'serializable'),
	('default_table_access_method', 'heap'), ('work_mem', '64kB'), ('synchronize_seqscans', 'off'), ('cursor_tuple_fraction', '0'),
	('search_path', ''), ('search_path', 'pg_temp, regress_x'), ('regpaydb.ledger', 'attack_app')) v (name, value)
WHERE test.with_settings(name, value) <> test.with_settings('application_name', 'as usual');
SELECT test.with_settings('row_security', 'off');
SET row_security = off;
SELECT regpaydb.balance_due(2) >= 0 AS function_works_without_policies;
RESET row_security;
RESET ROLE;
RESET regpaydb.user_id;
DROP FUNCTION test.with_settings;

SET search_path = attack_app;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();

SET search_path = public;
DROP TABLE test.i;
DROP FUNCTION test.seen;
DROP SCHEMA regress_x CASCADE;
DROP OWNED BY regress_x_app, regress_x_member, regress_x_noinherit, regress_x_both;
DROP ROLE regress_x_app, regress_x_member, regress_x_noinherit, regress_x_both;
