-- Installing regpaydb, and making ledgers.
SET client_min_messages = warning;

-- ---------------------------------------------------------------------------
-- What CREATE EXTENSION made
-- ---------------------------------------------------------------------------
-- Code and types only: no table is a member of it.
SELECT c.relkind, count(*)
FROM pg_depend d
JOIN pg_extension e ON d.refclassid = 'pg_extension'::regclass AND d.refobjid = e.oid AND d.deptype = 'e'
JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
WHERE e.extname = 'regpaydb'
GROUP BY 1 ORDER BY 1;

-- Before there is a ledger, functions say which call makes one.
\x on
SELECT * FROM test.report('SELECT regpaydb.pay(1, 10, ''card'')');
\x off
SELECT test.raises('SELECT * FROM regpaydb.check_integrity()');

-- ---------------------------------------------------------------------------
-- Ledgers
-- ---------------------------------------------------------------------------
SELECT regpaydb.create_ledger();

-- The defaults: schema regpaydb, "Conference", US dollars; new invoices take
-- credit, access codes have 16 characters (80 random bits).
SELECT name, currency, auto_apply_credit, access_code_length,
	ledger_version = (SELECT extversion FROM pg_extension WHERE extname = 'regpaydb') AS current
FROM regpaydb.conference;
SELECT * FROM regpaydb.check_integrity();

-- The tables are ordinary tables of the caller.
SELECT relname, pg_get_userbyid(relowner) = current_user AS mine
FROM pg_class WHERE relnamespace = 'regpaydb'::regnamespace AND relkind = 'r'
ORDER BY relname;
SELECT count(*) AS members_of_the_extension
FROM pg_depend d
JOIN pg_class c ON d.classid = 'pg_class'::regclass AND c.oid = d.objid
WHERE d.refclassid = 'pg_extension'::regclass AND d.deptype = 'e'
	AND c.relnamespace = 'regpaydb'::regnamespace;

-- The keys are identities that accept a value of one's own.
SELECT table_name, column_name, identity_generation
FROM information_schema.columns
WHERE table_schema = 'regpaydb' AND is_identity = 'YES'
ORDER BY table_name;

-- A second ledger beside the first, in a schema that needs quoting.
SELECT regpaydb.create_ledger('Second "Conf"', conference_name => 'Zweite Konferenz', currency => 'EUR');
SELECT name, currency FROM "Second ""Conf""".conference;

-- The setting regpaydb.ledger says which one a function works on; a trigger
-- works on the ledger of its own table.  They never touch each other.
SHOW regpaydb.ledger;
INSERT INTO regpaydb.attendee (attendee_id, user_id) VALUES (1, 1);
INSERT INTO "Second ""Conf""".attendee (attendee_id, user_id) VALUES (1, 1);
SET regpaydb.ledger = 'Second "Conf"';
SELECT test.invoice(1, 100) AS second_conference_invoice;
SELECT regpaydb.pay(1, 30, 'in the second conference');
RESET regpaydb.ledger;
SELECT test.raises('SELECT regpaydb.pay(1, 30, ''there is no such invoice here'')');
INSERT INTO "Second ""Conf""".payment (invoice_id, amount) VALUES (1, 70);
SELECT invoice_id, status, paid FROM "Second ""Conf""".invoice;
SELECT count(*) AS invoices, (SELECT count(*) FROM regpaydb.payment) AS payments
FROM regpaydb.invoice;
SELECT * FROM regpaydb.check_integrity();
SET regpaydb.ledger = 'Second "Conf"';
SELECT * FROM regpaydb.check_integrity();

-- A renamed schema is the same ledger under another name.
ALTER SCHEMA "Second ""Conf""" RENAME TO second;
SELECT test.raises('SELECT regpaydb.balance_due(1)');
SET regpaydb.ledger = 'second';
SELECT regpaydb.balance_due(1);
RESET regpaydb.ledger;

-- A schema that exists may be used, if it is the caller's.
CREATE SCHEMA third;
SELECT regpaydb.create_ledger('third');
SELECT name, currency FROM third.conference;
DROP SCHEMA third CASCADE;

-- Refused: a second ledger in one schema, a schema of somebody else's, and
-- what is no ISO 4217 code.
DROP ROLE IF EXISTS regress_install;
CREATE ROLE regress_install NOLOGIN;
CREATE SCHEMA regress_theirs AUTHORIZATION regress_install;
SELECT call, test.raises(call) FROM (VALUES
	(1, 'SELECT regpaydb.create_ledger()'),
	(2, 'SELECT regpaydb.create_ledger(''second'')'),
	(3, 'SELECT regpaydb.create_ledger(''regress_theirs'')'),
	(4, 'SELECT regpaydb.create_ledger(''x'', currency => ''usd'')'),
	(5, 'SELECT regpaydb.create_ledger(''x'', currency => ''USDX'')'),
	(6, 'SELECT regpaydb.create_ledger(''x'', currency => '''')'),
	(7, 'SELECT regpaydb.create_ledger(''x'', currency => ''U$D'')'),
	(8, 'SELECT regpaydb.create_ledger(''x'', currency => NULL)'),
	(9, 'SELECT regpaydb.create_ledger(''x'', conference_name => NULL)'),
	(10, 'SELECT regpaydb.create_ledger(NULL)'),
	(11, 'SELECT regpaydb.create_ledger(''x'', conference_name => '''')')
) AS calls (n, call) ORDER BY n;
-- What it stumbles over is told with the one statement that did.
CREATE SCHEMA taken;
CREATE TABLE taken.report_outbox_lag ();
CREATE FUNCTION test.context(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	context text;
BEGIN
	EXECUTE statement;
	RETURN NULL;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS context = PG_EXCEPTION_CONTEXT;
	-- (How many there are differs between versions: less than ten, not the ledger's SQL.)
	RETURN format('%s: a context of %s lines', SQLERRM,
		(SELECT CASE WHEN count(*) < 10 THEN 'few' ELSE count(*)::text END FROM regexp_split_to_table(context, '\n')));
END $$;
SELECT test.context('SELECT regpaydb.create_ledger(''taken'')');
CREATE FUNCTION test.refuse() RETURNS event_trigger LANGUAGE plpgsql AS $$ BEGIN
	IF EXISTS (SELECT FROM pg_event_trigger_ddl_commands() WHERE object_identity ~ 'conference_guard_truncate') THEN
		RAISE 'not here';
	END IF;
END $$;
CREATE EVENT TRIGGER refuse ON ddl_command_end EXECUTE FUNCTION test.refuse();
SELECT test.context('SELECT regpaydb.create_ledger(''x'')');
DROP EVENT TRIGGER refuse;
DROP FUNCTION test.context, test.refuse;
DROP SCHEMA taken CASCADE;
-- None of these left anything behind.
SELECT count(*) FROM pg_namespace WHERE nspname = 'x';
SELECT count(*) FROM pg_class WHERE relnamespace = 'regress_theirs'::regnamespace;

-- ---------------------------------------------------------------------------
-- Versions
-- ---------------------------------------------------------------------------
-- upgrade_ledger has nothing to do at the first version.
SELECT regpaydb.upgrade_ledger();
SELECT regpaydb.upgrade_ledger('second');
SELECT call, test.raises(call) FROM (VALUES
	(1, 'SELECT regpaydb.upgrade_ledger(''public'')'),
	(2, 'SELECT regpaydb.upgrade_ledger(''no_such_schema'')'),
	(3, 'SELECT regpaydb.upgrade_ledger(NULL)')
) AS calls (n, call) ORDER BY n;

-- A function that meets a ledger of another version names the call that mends it.
BEGIN;
UPDATE second.conference SET ledger_version = '0.0.1';
COMMIT;
\c -
SET client_min_messages = warning;
SET regpaydb.ledger = 'second';
\x on
SELECT code, replace(message, extversion, 'CURRENT') AS message, detail, hint
FROM test.report('SELECT regpaydb.pay(1, 10, ''card'')'), pg_extension WHERE extname = 'regpaydb';
\x off
SELECT call, split_part(test.raises(call), ':', 1) AS code FROM (VALUES
	(1, 'SELECT regpaydb.can_view(1, 1)'),
	(2, 'SELECT regpaydb.balance_due(1)'),
	(3, 'SELECT regpaydb.refund_invoice(1)'),
	(4, 'SELECT * FROM regpaydb.check_integrity()'),
	(5, 'INSERT INTO second.payment (invoice_id, amount) VALUES (1, 1)'),
	(6, 'SELECT regpaydb.upgrade_ledger(''second'')')
) AS calls (n, call) ORDER BY n;
SELECT count(*), sum(amount) FROM second.payment;
UPDATE second.conference SET ledger_version = (SELECT extversion FROM pg_extension WHERE extname = 'regpaydb');
SELECT regpaydb.upgrade_ledger('second');
SELECT regpaydb.balance_due(1);

-- Schemas that hold no ledger.
SET regpaydb.ledger = 'public';
SELECT test.raises('SELECT regpaydb.balance_due(1)');
SET regpaydb.ledger = '';
SELECT split_part(test.raises('SELECT regpaydb.balance_due(1)'), ':', 1) AS code;
-- A table that is called conference does not make a ledger.
CREATE SCHEMA decoy;
CREATE TABLE decoy.conference (ledger_version text);
SET regpaydb.ledger = 'decoy';
SELECT split_part(test.raises('SELECT regpaydb.balance_due(1)'), ':', 1) AS code;
DROP SCHEMA decoy CASCADE;
RESET regpaydb.ledger;

-- Settings of ours that do not exist are refused, so that a typing error shows.
SET regpaydb.legder = 'second';

-- ---------------------------------------------------------------------------
-- What the catalogs say
-- ---------------------------------------------------------------------------
-- DROP EXTENSION is refused while a ledger stands.
\set VERBOSITY sqlstate
DROP EXTENSION regpaydb;
\set VERBOSITY default
SELECT count(*) FROM pg_extension WHERE extname = 'regpaydb';

-- Nobody may call anything by default, and no name is overloaded.
SELECT p.proname
FROM pg_proc p, LATERAL aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
WHERE p.pronamespace = 'regpaydb'::regnamespace AND a.grantee = 0;
SELECT proname, count(*) FROM pg_proc
WHERE pronamespace = 'regpaydb'::regnamespace GROUP BY 1 HAVING count(*) > 1;

-- The functions, with the names of their arguments.
SELECT proname AS function, pg_get_function_arguments(oid) AS arguments,
	pg_get_function_result(oid) AS result
FROM pg_proc
WHERE pronamespace = 'regpaydb'::regnamespace AND prorettype <> 'trigger'::regtype
ORDER BY proname;
-- What only reads is stable, all else volatile; none is leakproof, and parallel
-- safe is what policies call.
SELECT proname, provolatile, proparallel, proleakproof
FROM pg_proc WHERE pronamespace = 'regpaydb'::regnamespace
	AND (provolatile <> 'v' OR proparallel <> 'u' OR proleakproof)
ORDER BY proname;
-- None is SECURITY DEFINER: they check the caller's privileges themselves.
SELECT proname FROM pg_proc WHERE pronamespace = 'regpaydb'::regnamespace AND prosecdef;

-- Everything has a comment: this lists what lacks one.
SELECT 'function' AS kind, proname::text AS name FROM pg_proc
WHERE pronamespace = 'regpaydb'::regnamespace AND obj_description(oid, 'pg_proc') IS NULL
UNION ALL
SELECT 'type', typname FROM pg_type t
WHERE typnamespace = 'regpaydb'::regnamespace AND typtype IN ('e', 'd', 'b', 'r')
	AND typelem = 0 AND obj_description(oid, 'pg_type') IS NULL
UNION ALL
SELECT 'relation', relname FROM pg_class
WHERE relnamespace IN ('regpaydb'::regnamespace, 'second'::regnamespace)
	AND relkind IN ('r', 'v', 'm', 'c') AND obj_description(oid, 'pg_class') IS NULL
UNION ALL
SELECT 'column', c.relname || '.' || a.attname
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE c.relnamespace IN ('regpaydb'::regnamespace, 'second'::regnamespace) AND c.relkind IN ('r', 'v', 'm', 'c')
	AND a.attnum > 0 AND NOT a.attisdropped AND col_description(c.oid, a.attnum) IS NULL
UNION ALL
SELECT 'policy', c.relname || '.' || p.polname
FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
WHERE c.relnamespace IN ('regpaydb'::regnamespace, 'second'::regnamespace)
	AND obj_description(p.oid, 'pg_policy') IS NULL
UNION ALL
SELECT 'trigger', c.relname || '.' || t.tgname
FROM pg_trigger t JOIN pg_class c ON c.oid = t.tgrelid
WHERE c.relnamespace IN ('regpaydb'::regnamespace, 'second'::regnamespace)
	AND NOT t.tgisinternal AND obj_description(t.oid, 'pg_trigger') IS NULL
ORDER BY 1, 2;
-- (The list above looks at something.)
SELECT count(*) > 10 AS has_relations FROM pg_class
WHERE relnamespace = 'second'::regnamespace AND relkind IN ('r', 'v');

-- The reports read as whoever asks them may.
SELECT relname AS report FROM pg_class
WHERE relnamespace = 'second'::regnamespace AND relkind = 'v' AND starts_with(relname, 'report_')
	AND 'security_invoker=true' = ANY (reloptions)
ORDER BY relname;
SELECT relname FROM pg_class
WHERE relnamespace = 'second'::regnamespace AND relkind = 'v' AND starts_with(relname, 'report_')
	AND 'security_invoker=true' = ANY (reloptions) IS NOT TRUE;

-- Every foreign key has an index that starts with its columns.
SELECT con.conrelid::regclass AS "table", con.conname
FROM pg_constraint con
WHERE con.contype = 'f' AND con.connamespace = 'second'::regnamespace
	AND NOT EXISTS (SELECT FROM pg_index i
		WHERE i.indrelid = con.conrelid AND (i.indpred IS NULL OR pg_get_expr(i.indpred, i.indrelid) LIKE '%IS NOT NULL%')
			AND i.indkey[0] = con.conkey[1])
ORDER BY 1, 2;

DROP SCHEMA regress_theirs;
DROP ROLE regress_install;
SELECT * FROM regpaydb.check_integrity();
