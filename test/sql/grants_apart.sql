-- What is granted for one ledger is nobody else's affair: not that of the owner of
-- another ledger, of the owner of a schema, of ALTER DEFAULT PRIVILEGES, or of an
-- owner who is gone.  And check_grants() tells of what grant_access() did not grant.
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_alice, regress_bob, regress_carol, regress_dba, regress_terminal, regress_terminals,
	regress_shop, regress_web, regress_new;
CREATE ROLE regress_alice NOLOGIN;
CREATE ROLE regress_bob NOLOGIN;
CREATE ROLE regress_carol NOLOGIN;
CREATE ROLE regress_dba NOLOGIN;
CREATE ROLE regress_terminal NOLOGIN;
CREATE ROLE regress_terminals NOLOGIN;
CREATE ROLE regress_shop NOLOGIN;
CREATE ROLE regress_web NOLOGIN;
CREATE ROLE regress_new NOLOGIN;
GRANT USAGE ON SCHEMA test TO PUBLIC;
GRANT USAGE ON SCHEMA regpaydb TO regress_alice, regress_bob, regress_carol;
GRANT EXECUTE ON FUNCTION regpaydb.create_ledger TO regress_alice, regress_bob, regress_carol;
CREATE SCHEMA regress_alice AUTHORIZATION regress_alice;
CREATE SCHEMA regress_alice_too AUTHORIZATION regress_alice;
CREATE SCHEMA regress_bob AUTHORIZATION regress_bob;

-- Which functions a role may execute, and whether it may use the schema.
CREATE FUNCTION test.has(who name) RETURNS text LANGUAGE sql AS $$
	SELECT concat_ws(' ', count(*), 'functions', CASE WHEN bool_or(p.proname = 'pay') THEN 'with pay' END,
		CASE WHEN has_schema_privilege(who, 'regpaydb', 'USAGE') THEN 'and the schema' END)
	FROM pg_proc p WHERE pronamespace = 'regpaydb'::regnamespace AND has_function_privilege(who, p.oid, 'EXECUTE')
$$;
-- All that is granted in ledgers and on functions, to compare.
CREATE FUNCTION test.all_grants() RETURNS TABLE (object text, granted text) LANGUAGE sql AS $$
	SELECT o.object, a.privilege_type || ' to ' || a.grantee::regrole FROM (
		SELECT oid::regclass::text, relacl, relowner FROM pg_class WHERE relnamespace::regnamespace::text LIKE 'regress%'
		UNION ALL SELECT attrelid::regclass || '.' || attname, attacl, 0 FROM pg_attribute WHERE attacl IS NOT NULL AND attrelid > 16384
		UNION ALL SELECT nspname, nspacl, nspowner FROM pg_namespace WHERE nspname LIKE 'regress%' OR nspname = 'regpaydb'
		UNION ALL SELECT oid::regprocedure::text, proacl, proowner FROM pg_proc WHERE pronamespace = 'regpaydb'::regnamespace)
			o (object, acl, owner), aclexplode(o.acl) a
	WHERE a.grantee <> o.owner ORDER BY 1, 2
$$;

-- ---------------------------------------------------------------------------
-- The owner of one ledger, and what others have in theirs
-- ---------------------------------------------------------------------------
SET ROLE regress_alice;
SELECT regpaydb.create_ledger('regress_alice', 'A', 'EUR'), regpaydb.create_ledger('regress_alice_too', 'A', 'EUR');
INSERT INTO regress_alice.attendee (user_id, recipient) VALUES (101, 'Alice');
SET ROLE regress_bob;
SELECT regpaydb.create_ledger('regress_bob', 'B', 'EUR');
RESET ROLE;
-- The payment terminals of alice's, as README has it; one has its rights from a group.
GRANT USAGE ON SCHEMA regpaydb TO regress_terminal, regress_new;
GRANT EXECUTE ON FUNCTION regpaydb.pay TO regress_terminal, regress_new;
GRANT regress_terminals TO regress_new;
SET ROLE regress_alice;
GRANT USAGE ON SCHEMA regress_alice TO regress_terminal, regress_terminals;
GRANT INSERT (invoice_id, amount, reference, provider, provider_ref) ON regress_alice.payment TO regress_terminal, regress_terminals;
SET regpaydb.ledger = 'regress_alice';
SELECT regpaydb.grant_access('regress_shop', 'app');
RESET ROLE;
-- (Carol may make a ledger, and has none yet.)
SELECT who, test.has(who) FROM unnest('{regress_alice,regress_carol,regress_terminal,regress_new,regress_shop}'::name[]) who;
CREATE TEMP TABLE before AS SELECT * FROM test.all_grants();

SET ROLE regress_bob;
SET regpaydb.ledger = 'regress_bob';
SELECT count(regpaydb.revoke_access(who, access)) FROM unnest('{regress_alice,regress_carol,regress_terminal,regress_new,regress_shop}'::name[]) who,
	unnest('{app,staff,reports}'::text[]) access;
RESET ROLE;
SELECT * FROM before EXCEPT SELECT * FROM test.all_grants();
SELECT * FROM test.all_grants() EXCEPT SELECT * FROM before;
-- Even where he has granted access first, what they need in her ledgers stays.
SET ROLE regress_bob;
SELECT count(regpaydb.grant_access(who, access)) FROM unnest('{regress_alice,regress_carol,regress_terminal,regress_new,regress_shop}'::name[]) who,
	unnest('{app,staff,reports}'::text[]) access;
SELECT count(regpaydb.revoke_access(who, access)) FROM unnest('{regress_alice,regress_carol,regress_terminal,regress_new,regress_shop}'::name[]) who,
	unnest('{app,staff,reports}'::text[]) access;
RESET ROLE;
SELECT * FROM before EXCEPT SELECT * FROM test.all_grants();
SELECT DISTINCT substring(object FROM '^regress_bob') FROM (SELECT * FROM test.all_grants() EXCEPT SELECT * FROM before) s WHERE object !~ '\(';
-- A superuser's ledger is no different, nor is another one of her own.
SELECT test.new_ledger('grants_apart');
SELECT count(regpaydb.revoke_access(who, access)) FROM unnest('{regress_alice,regress_carol,regress_terminal,regress_new,regress_shop}'::name[]) who,
	unnest('{app,staff,reports}'::text[]) access;
SET ROLE regress_alice;
SET regpaydb.ledger = 'regress_alice_too';
SELECT count(regpaydb.revoke_access(who, access)) FROM unnest('{regress_carol,regress_terminal,regress_new,regress_shop}'::name[]) who,
	unnest('{app,staff,reports}'::text[]) access;
RESET ROLE;
SELECT * FROM before EXCEPT SELECT * FROM test.all_grants();
-- An owner needs all that he has, and can't be shut out of his own ledger.
SET ROLE regress_alice;
SET regpaydb.ledger = 'regress_alice';
SELECT test.raises('SELECT regpaydb.grant_access(''regress_alice'', ''app'')');
SELECT test.raises('SELECT regpaydb.revoke_access(''regress_alice'', ''app'')');
-- She takes back what she gave; then nothing is left that would keep the role.
SELECT regpaydb.revoke_access('regress_shop', 'app');
RESET ROLE;
SELECT test.has('regress_shop');
DROP ROLE regress_shop;
CREATE ROLE regress_shop NOLOGIN;
-- Where all ledgers have one owner: the schema of the extension, in which one of
-- them is, serves the others.
DO $$ BEGIN
	-- It is there if 00_install ran before.
	IF to_regclass('regpaydb.conference') IS NULL THEN PERFORM regpaydb.create_ledger(); END IF;
END $$;
SELECT regpaydb.create_ledger('grants_apart_too');
SET regpaydb.ledger = 'regpaydb';
SELECT regpaydb.grant_access('regress_shop', 'app');
SET regpaydb.ledger = 'grants_apart_too';
SELECT regpaydb.grant_access('regress_shop', 'app');
SET regpaydb.ledger = 'regpaydb';
SELECT regpaydb.revoke_access('regress_shop', 'app');
SELECT test.has('regress_shop');
SET ROLE regress_shop;
SET regpaydb.ledger = 'grants_apart_too';
SELECT split_part(test.raises('SELECT regpaydb.pay(1, 1, '''')'), ':', 1) AS code;
RESET ROLE;
SELECT regpaydb.revoke_access('regress_shop', 'app');
SELECT test.has('regress_shop');
DROP SCHEMA grants_apart_too CASCADE;

-- ---------------------------------------------------------------------------
-- Tables in a schema of somebody else's
-- ---------------------------------------------------------------------------
CREATE SCHEMA regress_shared AUTHORIZATION regress_dba;
GRANT CREATE, USAGE ON SCHEMA regress_shared TO regress_carol;
GRANT USAGE ON SCHEMA regress_shared TO regress_terminal;
CREATE SCHEMA regress_carol AUTHORIZATION regress_carol;
SET ROLE regress_carol;
SELECT regpaydb.create_ledger('regress_carol');
DO $$
DECLARE
	name text;
BEGIN
	FOR name IN SELECT relname FROM pg_class WHERE relnamespace = 'regress_carol'::regnamespace AND relkind = 'r' LOOP
		EXECUTE format('ALTER TABLE regress_carol.%I SET SCHEMA regress_shared', name);
	END LOOP;
END $$;
SET regpaydb.ledger = 'regress_shared';
\x on
SELECT r.* FROM (VALUES
	('SELECT regpaydb.grant_access(''regress_web'', ''reports'')'),
	('SELECT regpaydb.revoke_access(''regress_terminal'', ''reports'')'),
	('SELECT regpaydb.upgrade_ledger(''regress_shared'')')) c (call), test.report(call) r;
\x off
RESET ROLE;
SELECT has_schema_privilege('regress_web', 'regress_shared', 'USAGE') AS outsider,
	has_schema_privilege('regress_terminal', 'regress_shared', 'USAGE') AS user;
-- Not for a superuser, or the schema's owner, either.
SELECT test.raises('SELECT regpaydb.grant_access(''regress_web'', ''reports'')');
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA regpaydb TO regress_dba;
GRANT USAGE ON SCHEMA regpaydb TO regress_dba;
SET ROLE regress_dba;
SELECT test.raises(call) FROM unnest(ARRAY['SELECT regpaydb.grant_access(''regress_web'', ''reports'')',
	'SELECT regpaydb.upgrade_ledger(''regress_shared'')']) call;
RESET ROLE;
DROP SCHEMA regress_shared, regress_carol CASCADE;
DROP OWNED BY regress_dba;

-- ---------------------------------------------------------------------------
-- Default privileges
-- ---------------------------------------------------------------------------
-- Whatever they say, to whomever, what create_ledger() makes is its owner's only.
CREATE FUNCTION test.defaults(command text, whom text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	kind text;
BEGIN
	FOREACH kind IN ARRAY ARRAY['TABLES', 'SEQUENCES', 'FUNCTIONS', 'TYPES', 'SCHEMAS'] LOOP
		EXECUTE format('ALTER DEFAULT PRIVILEGES %s', format(command, kind, whom));
	END LOOP;
END $$;
DO $$ BEGIN EXECUTE format('GRANT CREATE ON DATABASE %I TO regress_carol', current_database()); END $$;
SET ROLE regress_carol;
SELECT test.defaults('GRANT ALL ON %s TO %s WITH GRANT OPTION', 'regress_web'), test.defaults('GRANT ALL ON %s TO %s', 'PUBLIC');
ALTER DEFAULT PRIVILEGES REVOKE SELECT, INSERT, UPDATE ON TABLES FROM regress_carol;
SELECT regpaydb.create_ledger('regress_carol');
RESET ROLE;
SELECT relname, relacl FROM pg_class WHERE relnamespace = 'regress_carol'::regnamespace
	AND (aclcontains(relacl, makeaclitem('regress_web'::regrole, relowner, 'SELECT', false))
		OR relacl <> acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)) ;
SELECT count(*) > 30 AS looked_at FROM pg_class WHERE relnamespace = 'regress_carol'::regnamespace AND relacl IS NOT NULL;
SELECT nspacl FROM pg_namespace WHERE nspname = 'regress_carol';
SELECT typname, typacl FROM pg_type WHERE typnamespace = 'regress_carol'::regnamespace AND typacl IS NOT NULL;
SET ROLE regress_carol;
SET regpaydb.ledger = 'regress_carol';
SELECT * FROM regpaydb.check_grants();
-- (For what she makes herself they are in force; and that is told of.)
CREATE TABLE regress_carol.badge (attendee_id bigint);
SELECT role, object, count(*) FILTER (WHERE privilege NOT LIKE 'MAINTAIN%'),
	bool_or(privilege LIKE 'MAINTAIN%') = (current_setting('server_version_num')::int >= 170000) AS maintain_since_17
FROM regpaydb.check_grants() GROUP BY 1, 2 ORDER BY 1, 2;
DROP TABLE regress_carol.badge;
-- A role with access has that, and nothing else.
INSERT INTO regress_carol.attendee (user_id, recipient) VALUES (101, 'Ada');
INSERT INTO regress_carol.category (name) VALUES ('Ticket');
INSERT INTO regress_carol.product (category_id, name, price) VALUES (1, 'Professional', 100.00);
INSERT INTO regress_carol.staff VALUES (900);
SELECT test.invoice(1, 100);
SELECT regpaydb.grant_access('regress_web', 'app');
SELECT * FROM regpaydb.check_grants();
SET ROLE regress_web;
SET regpaydb.user_id = '101';
SELECT statement, split_part(test.raises(statement), ':', 1) AS code FROM (VALUES
	(1, 'UPDATE regress_carol.product SET price = 0.01'),
	(2, 'TRUNCATE regress_carol.staff'),
	(3, 'SELECT regpaydb.refund_invoice(1)'),
	(4, 'SELECT setval(''regress_carol.invoice_invoice_id_seq'', 1)'),
	(5, 'CREATE TABLE regress_carol.x ()'),
	(6, 'SELECT price FROM regress_carol.product')) s (n, statement) ORDER BY n;
RESET regpaydb.user_id;
SET ROLE regress_carol;
SELECT test.defaults('REVOKE ALL ON %s FROM %s', 'regress_web'), test.defaults('REVOKE ALL ON %s FROM %s', 'PUBLIC');
DROP SCHEMA regress_carol CASCADE;
-- The recipe for a schema of one's own: everything that is made in it.
CREATE SCHEMA regress_carol;
CREATE TABLE regress_carol.ours (id int);
GRANT USAGE ON SCHEMA regress_carol TO regress_web;
GRANT SELECT ON regress_carol.ours TO regress_web;
ALTER DEFAULT PRIVILEGES IN SCHEMA regress_carol GRANT ALL ON TABLES TO regress_web;
ALTER DEFAULT PRIVILEGES IN SCHEMA regress_carol GRANT ALL ON SEQUENCES TO PUBLIC;
SELECT regpaydb.create_ledger('regress_carol');
-- What was there is as it was.
SELECT * FROM regpaydb.check_grants();
SET ROLE regress_web;
SELECT test.raises('SELECT access_code FROM regress_carol.attendee'), test.raises('UPDATE regress_carol.product SET price = 0.01');
RESET ROLE;

-- ---------------------------------------------------------------------------
-- check_grants()
-- ---------------------------------------------------------------------------
SET ROLE regress_carol;
ALTER DEFAULT PRIVILEGES IN SCHEMA regress_carol REVOKE ALL ON TABLES FROM regress_web;
ALTER DEFAULT PRIVILEGES IN SCHEMA regress_carol REVOKE ALL ON SEQUENCES FROM PUBLIC;
DROP TABLE regress_carol.ours;
REVOKE ALL ON SCHEMA regress_carol FROM regress_web;
-- What accesses grant is explained, one by one and together.
SELECT regpaydb.grant_access('regress_shop', 'app');
SELECT * FROM regpaydb.check_grants();
SELECT regpaydb.grant_access('regress_shop', 'staff'), regpaydb.grant_access('regress_web', 'reports');
SELECT * FROM regpaydb.check_grants();
SELECT regpaydb.revoke_access('regress_shop', 'app'), regpaydb.grant_access('regress_dba', 'staff');
SELECT * FROM regpaydb.check_grants();
-- All else is not, and what another role's access would explain isn't either.
SET search_path = regress_carol;
CREATE VIEW "who owes" AS SELECT * FROM invoice;
GRANT USAGE, CREATE ON SCHEMA regress_carol TO regress_terminal;
GRANT INSERT ON attendee TO regress_shop;
GRANT SELECT ON attendee, payment TO regress_web;
GRANT SELECT (access_code), UPDATE (email) ON attendee TO regress_web;
GRANT SELECT ON "who owes", invoice TO PUBLIC;
GRANT USAGE ON SEQUENCE payment_payment_id_seq TO regress_terminal;
GRANT INSERT (amount) ON payment TO regress_terminal;
GRANT SELECT ON staff TO regress_dba WITH GRANT OPTION;
SELECT * FROM regpaydb.check_grants();
RESET search_path;
-- For roles of access staff and reports; an actor has to be staff.
SET ROLE regress_dba;
SELECT count(*) FROM regpaydb.check_grants();
SET regpaydb.user_id = '1';
SELECT test.raises('SELECT * FROM regpaydb.check_grants()');
RESET regpaydb.user_id;
SET ROLE regress_web;
SELECT count(*) FROM regpaydb.check_grants();
SET ROLE regress_terminal;
SELECT test.raises('SELECT * FROM regpaydb.check_grants()');
-- In the schema of the extension, owners of ledgers and roles with access to one
-- may be, but nobody else.
RESET ROLE;
SET regpaydb.ledger = 'regpaydb';
SELECT * FROM regpaydb.check_grants();

-- ---------------------------------------------------------------------------
-- A ledger changes hands
-- ---------------------------------------------------------------------------
SET ROLE regress_carol;
SET regpaydb.ledger = 'regress_carol';
SELECT regpaydb.grant_access('regress_shop', 'app');
REVOKE CREATE ON SCHEMA regress_carol FROM regress_terminal;
RESET ROLE;
DROP OWNED BY regress_new;
REASSIGN OWNED BY regress_carol TO regress_new;
DROP OWNED BY regress_carol;
DROP ROLE regress_carol;
SET ROLE regress_new;
SELECT split_part(test.raises(call), ':', 1) AS code FROM unnest(ARRAY['SELECT * FROM regpaydb.check_integrity()',
	'SELECT regpaydb.upgrade_ledger(''regress_carol'')']) call;
RESET ROLE;
SELECT regpaydb.upgrade_ledger('regress_carol');
SET ROLE regress_new;
SELECT * FROM regpaydb.check_integrity();
SELECT regpaydb.upgrade_ledger('regress_carol');
SELECT regpaydb.grant_access('regress_terminal', 'app'), regpaydb.revoke_access('regress_terminal', 'app');
INSERT INTO regress_carol.attendee (user_id, recipient) VALUES (101, 'Ada');
SELECT test.invoice(1, 100);
-- Roles with access have it; what they were granted by the old owner's leave came along.
SET ROLE regress_shop;
SET regpaydb.user_id = '101';
SELECT regpaydb.pay(1, 100, '') > 0 AS paid, count(*) FROM regress_carol.invoice;
RESET regpaydb.user_id;
RESET ROLE;
-- The same after ALTER ... OWNER, back to somebody who owns a ledger already.
DO $$
DECLARE
	command text;
BEGIN
	FOR command IN SELECT format('ALTER TABLE %s OWNER TO regress_bob', oid::regclass) FROM pg_class
		WHERE relnamespace = 'regress_carol'::regnamespace AND relkind IN ('r', 'v') LOOP
		EXECUTE command;
	END LOOP;
END $$;
SELECT test.raises('SELECT regpaydb.upgrade_ledger(''regress_carol'')');
ALTER SCHEMA regress_carol OWNER TO regress_bob;
SELECT regpaydb.upgrade_ledger('regress_carol');
SET ROLE regress_bob;
SELECT * FROM regpaydb.check_integrity();
RESET ROLE;
-- upgrade_ledger() grants what roles with access lack, as after an upgrade; not to
-- others, and nothing that they have is lost.
CREATE TEMP TABLE granted AS SELECT * FROM test.all_grants();
REVOKE ALL ON regress_carol.invoice, regress_carol.payment FROM regress_shop;
REVOKE EXECUTE ON FUNCTION regpaydb.pay, regpaydb.settle_payments FROM regress_shop, regress_bob;
REVOKE USAGE ON SCHEMA regress_carol, regpaydb FROM regress_shop;
REVOKE USAGE ON SCHEMA regpaydb FROM regress_bob;
DROP POLICY actor ON regress_carol.staff;
SET ROLE regress_alice;
SELECT test.raises('SELECT regpaydb.upgrade_ledger(''regress_carol'')');
RESET ROLE;
SELECT regpaydb.upgrade_ledger('regress_carol');
SELECT * FROM granted EXCEPT SELECT * FROM test.all_grants();
SELECT * FROM test.all_grants() EXCEPT SELECT * FROM granted;
SELECT polroles::regrole[] FROM pg_policy WHERE polrelid = 'regress_carol.staff'::regclass AND polname = 'actor';
-- (It had something to do.)
SELECT count(*) > 5 AS lost FROM granted WHERE granted LIKE '%regress_shop' AND object LIKE 'regress_carol.%';

-- ---------------------------------------------------------------------------
-- Roles go
-- ---------------------------------------------------------------------------
DROP OWNED BY regress_shop, regress_terminal, regress_web, regress_dba, regress_terminals;
DROP ROLE regress_shop, regress_terminal, regress_web, regress_dba, regress_terminals;
DROP OWNED BY regress_bob, regress_new CASCADE;
DROP ROLE regress_bob, regress_new;
SELECT count(*) FROM pg_namespace WHERE nspname IN ('regress_bob', 'regress_carol');
SET ROLE regress_alice;
SET regpaydb.ledger = 'regress_alice';
SELECT * FROM regpaydb.check_integrity();
SELECT * FROM regpaydb.check_grants();
RESET ROLE;
DROP OWNED BY regress_alice CASCADE;
DROP ROLE regress_alice;
DROP FUNCTION test.has, test.all_grants, test.defaults;
RESET regpaydb.ledger;
