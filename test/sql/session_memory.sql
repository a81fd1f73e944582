-- What a session keeps of the ledgers that it has worked on, plans above all, has
-- bounds, however many they are and whatever their owners do.
SET client_min_messages = warning;

-- What is kept now, in plans, tables and kilobytes.
CREATE VIEW test.kept AS
SELECT count(*) FILTER (WHERE name = 'CachedPlanSource') AS plans,
	count(*) FILTER (WHERE name = 'regpaydb table') AS tables,
	count(*) FILTER (WHERE name = 'regpaydb ledger') AS ledgers,
	sum(total_bytes) FILTER (WHERE name LIKE 'regpaydb%' OR name LIKE '%Plan%') / 1024 AS kilobytes
FROM pg_backend_memory_contexts;
-- Pays an invoice too much, in a ledger of that name.
CREATE FUNCTION test.pay_in(ledger name) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	i bigint;
BEGIN
	PERFORM set_config('regpaydb.ledger', ledger, false);
	i := test.invoice(1, 10);
	PERFORM regpaydb.pay(i, 15, 'too much'), regpaydb.balance_due(i), regpaydb.can_view(i, 1),
		regpaydb.available_credit(1);
	PERFORM regpaydb.fail_refund(regpaydb.request_refund(regpaydb.refund_invoice(i), ''), '');
	PERFORM regpaydb.record_payment(i, 5, 'too late', 'bank', 'p' || i), regpaydb.record_reversal('bank', 'p' || i, 5, 'r' || i),
		regpaydb.payment_summary('bank', 'p' || i);
END $$;

-- ---------------------------------------------------------------------------
-- Many ledgers
-- ---------------------------------------------------------------------------
\set ECHO errors
\o /dev/null
SELECT unnest(ARRAY[format('SELECT regpaydb.create_ledger(%L)', 'memory_' || n),
	format('INSERT INTO memory_%s.attendee (user_id) VALUES (1)', n), format('UPDATE memory_%s.conference SET auto_apply_credit = false', n)]) FROM generate_series(1, 24) n \gexec
\o
\set ECHO all
\c -
SET client_min_messages = warning;
CREATE TEMP TABLE measured AS SELECT 0 AS n, * FROM test.kept;
\set ECHO errors
\o /dev/null
SELECT unnest(ARRAY[format('SELECT test.pay_in(%L)', 'memory_' || n), format('INSERT INTO measured SELECT %s, * FROM test.kept', n)])
FROM generate_series(1, 24) n \gexec
\o
\set ECHO all
-- Up to twenty keep what they have; when there are more, those that are not in use
-- give it back.
SELECT n, ledgers, plans > lag(plans) OVER (ORDER BY n) AS more_plans, tables > lag(tables) OVER (ORDER BY n) AS more_tables,
	kilobytes > lag(kilobytes) OVER (ORDER BY n) AS more_memory
FROM measured WHERE n IN (1, 2, 20, 21, 22, 24) ORDER BY n;
SELECT max(plans) = max(plans) FILTER (WHERE n <= 21) AS plans, max(tables) = max(tables) FILTER (WHERE n <= 21) AS tables,
	max(kilobytes) < 1.1 * max(kilobytes) FILTER (WHERE n <= 21) AS memory FROM measured;
-- One transaction that uses all of them, twice; the next one has no use for them.
BEGIN;
SELECT count(test.pay_in('memory_' || n)) FROM generate_series(1, 24) n;
SELECT count(test.pay_in('memory_' || n)) FROM generate_series(1, 24) n;
SELECT ledgers FROM test.kept;
COMMIT;
SELECT ledgers FROM test.kept;
SELECT ledgers FROM test.kept;
-- The same where it fails, and where a cursor keeps tables open.
BEGIN;
DECLARE c CURSOR FOR SELECT regpaydb.can_view(1, 1) FROM generate_series(1, 10);
SELECT count(test.pay_in('memory_' || n)) FROM generate_series(1, 22) n;
SET LOCAL regpaydb.ledger = memory_24;
FETCH 3 c;
SAVEPOINT s;
SELECT test.pay_in('memory_' || n), 1 / (n - 24) FROM generate_series(20, 24) n;
ROLLBACK TO s;
FETCH 3 c;
SELECT 1 / 0;
ROLLBACK;
SELECT 1 AS another;
SELECT ledgers, tables FROM test.kept;
SELECT test.pay_in('memory_1');
SELECT (SELECT count(*) FROM regpaydb.check_integrity()) AS problems, count(*) FROM memory_1.invoice;

-- Nothing is left of one that is dropped, and an error in between is no matter.
\c -
SET client_min_messages = warning;
CREATE FUNCTION test.new_to_pay_in(ledger name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM regpaydb.create_ledger(ledger);
	EXECUTE format('INSERT INTO %I.attendee (user_id) VALUES (1)', ledger);
	EXECUTE format('UPDATE %I.conference SET auto_apply_credit = false', ledger);
END $$;
SELECT test.new_to_pay_in('memory_gone');
SELECT test.pay_in('memory_gone'), test.pay_in('memory_1');
SELECT ledgers FROM test.kept;
DROP SCHEMA memory_gone CASCADE;
SELECT ledgers, tables FROM test.kept;
SELECT test.new_to_pay_in('memory_gone');
SELECT test.pay_in('memory_gone');
SELECT ledgers FROM test.kept;
BEGIN; DROP SCHEMA memory_gone CASCADE; ROLLBACK;
SELECT test.pay_in('memory_gone');
SELECT ledgers FROM test.kept;
DROP SCHEMA memory_gone CASCADE;
SELECT ledgers FROM test.kept;
SET regpaydb.ledger = memory_gone;
SELECT test.raises('SELECT regpaydb.can_view(1, 1)');

-- ---------------------------------------------------------------------------
-- Rules, which make other queries of the engine's
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('memory_rule');
CREATE FUNCTION pay_often(i bigint, times int) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	raised text;
BEGIN
	FOR n IN 1 .. times LOOP
		BEGIN
			PERFORM regpaydb.pay(i, 1, 'x'), regpaydb.refund_invoice(i);
		EXCEPTION WHEN OTHERS THEN
			raised := SQLSTATE;
		END;
	END LOOP;
	RETURN raised;
END $$;
CREATE TABLE seen (what text);
INSERT INTO seen VALUES ('x');
CREATE FUNCTION grown(rule text, OUT raised text, OUT plans boolean, OUT much boolean) LANGUAGE plpgsql AS $$
DECLARE
	i bigint := test.invoice(1, 100000);
	before test.kept;
	now test.kept;
BEGIN
	EXECUTE rule;
	raised := pay_often(i, 3);
	SELECT * INTO before FROM test.kept;
	raised := pay_often(i, 500);
	SELECT * INTO now FROM test.kept;
	plans := now.plans > before.plans + 10;
	much := now.kilobytes > before.kilobytes + 200;
	DROP RULE IF EXISTS r ON outbox;
END $$;
SELECT * FROM grown('SELECT 1');
SELECT * FROM grown('CREATE RULE r AS ON INSERT TO outbox DO INSTEAD DELETE FROM seen');
SELECT * FROM grown('CREATE RULE r AS ON INSERT TO outbox DO INSTEAD NOTHING');
SELECT * FROM grown('CREATE RULE r AS ON INSERT TO outbox DO ALSO DELETE FROM seen');
SELECT * FROM grown('CREATE RULE r AS ON INSERT TO outbox DO INSTEAD UPDATE memory_rule.seen SET what = (1 / NEW.invoice_id - 1 / 0)::text');
SELECT * FROM grown('CREATE RULE r AS ON INSERT TO outbox WHERE NEW.kind = ''invoice_updated'' DO INSTEAD SELECT 1 / 0');
-- Without the rule it is as it was.
SELECT * FROM grown('SELECT 1');
SELECT regpaydb.pay(test.invoice(1, 10), 10, 'x') > 0 AS paid;
SELECT count(*) FROM outbox WHERE kind = 'invoice_updated';

-- ---------------------------------------------------------------------------
-- A schema that is renamed again and again
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('memory_name');
UPDATE conference SET auto_apply_credit = false;
SELECT test.pay_in('memory_name');
CREATE TEMP TABLE before AS SELECT * FROM test.kept;
SET search_path = public;
DO $$
BEGIN
	FOR n IN 1 .. 20 LOOP
		ALTER SCHEMA memory_name RENAME TO memory_other;
		PERFORM test.pay_in('memory_other');
		COMMIT;
		ALTER SCHEMA memory_other RENAME TO memory_name;
		PERFORM test.pay_in('memory_name');
		PERFORM test.pay_in('memory_name');
		IF n % 3 = 0 THEN
			ROLLBACK;
		END IF;
		COMMIT;
		EXIT WHEN to_regnamespace('memory_other') IS NOT NULL;
	END LOOP;
END $$;
SELECT k.plans > b.plans + 10 AS plans, k.tables > b.tables + 10 AS tables, k.kilobytes > b.kilobytes + 200 AS much
FROM before b, test.kept k;

DROP VIEW test.kept CASCADE;
DROP FUNCTION test.pay_in;
