-- The owner of a ledger against whoever calls its functions, and they against
-- the owner.  Triggers, rules, defaults and constraints of the owner's run as the
-- owner, and leave nothing behind in the caller's session that runs, or makes
-- something run, as the caller; nor does the caller choose what they run.
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_thief, regress_thiefs_app;
CREATE ROLE regress_thief NOLOGIN;
CREATE ROLE regress_thiefs_app NOLOGIN;
GRANT USAGE ON SCHEMA test TO regress_thief, regress_thiefs_app;
CREATE SCHEMA regress_thief AUTHORIZATION regress_thief;
GRANT USAGE ON SCHEMA regpaydb TO regress_thief;
GRANT EXECUTE ON FUNCTION regpaydb.create_ledger TO regress_thief;
-- Who ran what.
CREATE TABLE test.ran (n serial, what text, who name DEFAULT current_user);
GRANT SELECT, INSERT ON test.ran TO PUBLIC;
GRANT USAGE ON SEQUENCE test.ran_n_seq TO PUBLIC;

SET ROLE regress_thief;
SELECT regpaydb.create_ledger('regress_thief', currency => 'EUR');
SET regpaydb.ledger = 'regress_thief';
SET search_path = regress_thief;
INSERT INTO attendee (user_id, recipient, access_code) VALUES (101, 'Alice', 'ALICES-CODE'), (102, 'Bob', 'BOBS-CODE');
SELECT regpaydb.grant_access('regress_thiefs_app', 'app');
SELECT test.invoice(1, 100000) AS i1, test.invoice(2, 10) AS i2;
CREATE FUNCTION run_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO test.ran (what) VALUES (TG_ARGV[0]);
	EXECUTE TG_ARGV[0];
	RETURN CASE WHEN TG_WHEN = 'BEFORE' THEN NEW END;
END $$;
CREATE TABLE later (id int);
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON later DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION run_it('SELECT ''late''');
RESET ROLE;
RESET search_path;

-- ---------------------------------------------------------------------------
-- A trigger on a table that the engine writes, when a superuser calls
-- ---------------------------------------------------------------------------
CREATE TABLE test.attack (n int, attack text, code text);
INSERT INTO test.attack (n, attack) VALUES
	(1, 'RESET ROLE'),
	(2, 'SET ROLE NONE'),
	(3, 'SET SESSION AUTHORIZATION DEFAULT'),
	(4, 'SET LOCAL SESSION AUTHORIZATION DEFAULT'),
	(5, 'SELECT set_config(''role'', ''none'', false)'),
	(6, 'SELECT set_config(''session_authorization'', session_user, true)'),
	(7, 'ALTER ROLE regress_thief SUPERUSER'),
	(8, 'GRANT pg_execute_server_program TO regress_thief'),
	(9, 'CREATE TEMP TABLE account (id int)'),
	(10, 'CREATE TEMP VIEW account AS SELECT 1 AS id'),
	(11, 'SELECT 1 AS id INTO TEMP account'),
	(12, 'CREATE TEMP SEQUENCE account_seq'),
	(14, 'PREPARE pg1 AS SELECT ''planted'''),
	(15, 'DEALLOCATE ALL'),
	(16, 'DISCARD PLANS'),
	(17, 'DISCARD TEMP'),
	(18, 'LISTEN thief'),
	(19, 'UNLISTEN *'),
	(20, 'CLOSE ALL'),
	(21, 'INSERT INTO regress_thief.later VALUES (1)'),
	(22, 'SET CONSTRAINTS ALL DEFERRED'),
	(23, 'LOAD ''auto_explain'''),
	(24, 'SET session_replication_role = replica'),
	(25, 'COPY regress_thief.later TO PROGRAM ''true'''),
	(27, 'SET regpaydb.user_id = ''900'''),
	(28, 'SET regpaydb.ledger = ''nowhere'''),
	(29, 'SET search_path = regress_thief'),
	(30, 'SET row_security = off'),
	(31, 'SET default_transaction_read_only = on'),
	(32, 'SET standard_conforming_strings = off'),
	(33, 'SET thief.setting = ''x'''),
	(34, 'SET LOCAL thief.setting = ''x''');
-- Each in a transaction of its own, which commits if it can.
CREATE PROCEDURE test.try_attacks(event text) LANGUAGE plpgsql AS $$
DECLARE
	a record;
	result text;
BEGIN
	FOR a IN SELECT * FROM test.attack ORDER BY n LOOP
		EXECUTE format('CREATE TRIGGER t %s FOR EACH ROW EXECUTE FUNCTION regress_thief.run_it(%L)', event, a.attack);
		result := split_part(test.raises('SELECT regpaydb.pay(1, 1, '''')'), ':', 1);
		COMMIT;
		EXECUTE format('DROP TRIGGER t ON %s', split_part(event, ' ON ', 2));
		UPDATE test.attack SET code = result WHERE n = a.n;
		COMMIT;
	END LOOP;
END $$;
CREATE FUNCTION test.settings() RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(s || '=' || coalesce(current_setting(s, true), ''), ' ' ORDER BY s)
	FROM unnest('{regpaydb.user_id,regpaydb.ledger,search_path,row_security,default_transaction_read_only,standard_conforming_strings,thief.setting,session_replication_role}'::text[]) s
$$;
LISTEN regress_owners_own;
PREPARE mine AS SELECT 'mine';
SELECT test.settings();
CALL test.try_attacks('AFTER UPDATE ON regress_thief.invoice');
SELECT n, attack, code FROM test.attack ORDER BY n;
CREATE TEMP TABLE codes AS SELECT n, code FROM test.attack;
CALL test.try_attacks('BEFORE INSERT ON regress_thief.payment');
SELECT n, attack, c.code, a.code AS other_code FROM test.attack a JOIN codes c USING (n) WHERE a.code <> c.code;
-- Nobody but the thief ran anything, and the session is as it was.
SELECT who, count(DISTINCT what) FROM test.ran GROUP BY 1;
SELECT test.settings();
SELECT pg_listening_channels();
EXECUTE mine;
SELECT name FROM pg_prepared_statements;
SELECT relname, relkind FROM pg_class WHERE relpersistence = 't' AND relnamespace = pg_my_temp_schema();
SELECT regpaydb.pay(1, 1, '') > 0 AS paid, current_user = session_user AS oneself;
UNLISTEN *;
DEALLOCATE mine;

-- A deferrable trigger on the ledger's own tables, and its constraints.
SET ROLE regress_thief;
CREATE CONSTRAINT TRIGGER late AFTER UPDATE ON regress_thief.invoice DEFERRABLE INITIALLY DEFERRED
	FOR EACH ROW EXECUTE FUNCTION regress_thief.run_it('SELECT ''late''');
RESET ROLE;
SELECT test.raises('SELECT regpaydb.pay(1, 1, '''')');
SELECT test.raises('INSERT INTO regress_thief.payment (invoice_id, amount) VALUES (1, 1)');
-- As the owner it may run: it is the owner's.
SET ROLE regress_thief;
SELECT regpaydb.pay(1, 1, '') > 0 AS paid;
RESET ROLE;
DROP TRIGGER late ON regress_thief.invoice;
SELECT who, count(DISTINCT what) FROM test.ran GROUP BY 1;

-- Foreign keys of an application's that are deferred, as Django makes them, do not
-- get in the way of what the engine does with the rows that they reference.
SET ROLE regress_thief;
CREATE TABLE regress_thief.stripe (payment_id bigint PRIMARY KEY REFERENCES regress_thief.payment DEFERRABLE INITIALLY DEFERRED,
	invoice_id bigint REFERENCES regress_thief.invoice DEFERRABLE INITIALLY DEFERRED,
	attendee_id bigint REFERENCES regress_thief.attendee DEFERRABLE INITIALLY DEFERRED);
INSERT INTO regress_thief.stripe SELECT min(payment_id), 2, 2 FROM regress_thief.payment;
RESET ROLE;
SELECT regpaydb.pay(2, 15, 'too much') > 0 AS paid, regpaydb.rotate_access_code(2) IS NOT NULL AS rotated;
SELECT regpaydb.refund_credit_note((SELECT max(credit_note_id) FROM regress_thief.credit_note), 'back') > 0 AS refunded;
DROP TABLE regress_thief.stripe;

-- Defaults, checks, generated columns, indexes, rules and policies.
TRUNCATE test.ran;
SET ROLE regress_thief;
CREATE FUNCTION regress_thief.note(what text) RETURNS text LANGUAGE plpgsql VOLATILE AS $$
BEGIN
	INSERT INTO test.ran (what) VALUES (note.what);
	RETURN what;
END $$;
CREATE FUNCTION regress_thief.note_always(what numeric) RETURNS text LANGUAGE plpgsql IMMUTABLE AS $$
BEGIN
	PERFORM regress_thief.note('index or generated');
	RETURN what;
END $$;
ALTER TABLE regress_thief.payment ADD COLUMN mark text DEFAULT regress_thief.note('default');
ALTER TABLE regress_thief.payment ADD CHECK (regress_thief.note('check') <> '') NOT VALID;
ALTER TABLE regress_thief.invoice ADD COLUMN mark text GENERATED ALWAYS AS (regress_thief.note_always(paid)) STORED;
CREATE INDEX ON regress_thief.invoice (regress_thief.note_always(value));
CREATE RULE r AS ON UPDATE TO regress_thief.invoice DO ALSO SELECT regress_thief.note('rule');
CREATE POLICY p ON regress_thief.invoice AS RESTRICTIVE USING (regress_thief.note('policy') <> '');
CREATE OR REPLACE VIEW regress_thief.integrity_problem AS SELECT regress_thief.note('view') AS object, NULL::text AS problem, NULL::text AS kind, NULL::bigint AS id;
RESET ROLE;
TRUNCATE test.ran;
SELECT regpaydb.pay(1, 1, '') > 0 AS paid;
SELECT split_part(test.raises('SELECT * FROM regpaydb.check_integrity()'), ':', 1) AS code;
SELECT DISTINCT what, who FROM test.ran ORDER BY 1;
SET ROLE regress_thief;
DROP RULE r ON regress_thief.invoice;
DROP POLICY p ON regress_thief.invoice;
RESET ROLE;

-- ---------------------------------------------------------------------------
-- A caller against the owner: search_path does not say what owner's code runs
-- ---------------------------------------------------------------------------
SET ROLE regress_thief;
CREATE FUNCTION regress_thief.audit(numeric) RETURNS void LANGUAGE sql AS
	'INSERT INTO test.ran (what) VALUES (''the owner''''s own'')';
CREATE FUNCTION regress_thief.call_audit() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM audit(NEW.paid);
	RETURN NULL;
END $$;
CREATE TRIGGER audit AFTER UPDATE ON regress_thief.invoice FOR EACH ROW EXECUTE FUNCTION regress_thief.call_audit();
RESET ROLE;
CREATE SCHEMA regress_app AUTHORIZATION regress_thiefs_app;
TRUNCATE test.ran;
SET ROLE regress_thiefs_app;
CREATE FUNCTION regress_app.audit(numeric) RETURNS void LANGUAGE sql AS
	'INSERT INTO test.ran (what) VALUES (''the caller''''s'')';
GRANT USAGE ON SCHEMA regress_app TO PUBLIC;
SET search_path = regress_app, pg_catalog;
SELECT regpaydb.pay(1, 1, '') > 0 AS paid;
INSERT INTO regress_thief.payment (invoice_id, amount) VALUES (1, 1);
SHOW search_path;
RESET ROLE;
RESET search_path;
SELECT what, who, count(*) FROM test.ran GROUP BY 1, 2;

DROP TABLE codes, test.attack, test.ran CASCADE;
DROP PROCEDURE test.try_attacks;
DROP FUNCTION test.settings;
DROP SCHEMA regress_thief, regress_app CASCADE;
DROP OWNED BY regress_thief, regress_thiefs_app;
DROP ROLE regress_thief, regress_thiefs_app;
