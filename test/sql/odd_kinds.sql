-- A table of a ledger that is not what it seems: a view, a foreign table, a partitioned
-- one, a partition.  Every function and trigger says so, with RP012, and none answers
-- from what is not there.
SELECT test.new_ledger('odd_kinds');
SELECT test.invoice(1, 100) AS invoice_id;
CREATE FOREIGN DATA WRAPPER odd_kinds;
CREATE SERVER odd_kinds FOREIGN DATA WRAPPER odd_kinds;
CREATE FUNCTION test.make_odd(t name, kind text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	key name := (SELECT attname FROM pg_attribute WHERE attrelid = t::regclass AND attnum = 1);
BEGIN
	EXECUTE format('ALTER TABLE %I RENAME TO kept', t);
	EXECUTE format(CASE kind
		WHEN 'view' THEN 'CREATE VIEW %I AS SELECT * FROM kept'
		WHEN 'materialized view' THEN 'CREATE MATERIALIZED VIEW %I AS SELECT * FROM kept'
		WHEN 'partitioned table' THEN 'CREATE TABLE %1$I (LIKE kept) PARTITION BY HASH (%2$I)'
		WHEN 'partition' THEN 'CREATE TABLE whole (LIKE kept) PARTITION BY HASH (%2$I); '
			'CREATE TABLE %1$I PARTITION OF whole FOR VALUES WITH (MODULUS 1, REMAINDER 0)'
		ELSE 'CREATE FOREIGN TABLE %I (' || (SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)), ', ')
			FROM pg_attribute WHERE attrelid = 'kept'::regclass AND attnum > 0) || ') SERVER odd_kinds'
	END, t, key);
END $$;
-- What all of these say, and how many of them.
CREATE FUNCTION test.say(t name, kind text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	said text[] := '{}';
	call text;
BEGIN
	PERFORM test.make_odd(t, kind);
	FOREACH call IN ARRAY ARRAY['SELECT regpaydb.pay(1, 1, '''')', 'SELECT regpaydb.can_view(1, 101)',
		'SELECT regpaydb.balance_due(1)', 'SELECT regpaydb.current_cart(1)', 'SELECT regpaydb.update_status(1)',
		'SELECT * FROM regpaydb.check_integrity()', 'SELECT * FROM regpaydb.reconciliation(now())',
		'SELECT regpaydb.refund_invoice(1)', 'SELECT regpaydb.money_trail(1)', 'SELECT regpaydb.invoice_document(1)',
		'SELECT regpaydb.upgrade_ledger(''odd_kinds'')', 'SELECT regpaydb.expire_invoices()'] LOOP
		said := said || test.raises(call);
	END LOOP;
	-- The triggers, where the table with the trigger is the ledger's still.
	IF t <> 'payment' THEN
		said := said || test.raises('INSERT INTO payment (invoice_id, amount) VALUES (1, 1)');
	END IF;
	IF t <> 'attendee' THEN
		said := said || test.raises('INSERT INTO attendee (user_id) VALUES (7)');
	END IF;
	RAISE EXCEPTION USING ERRCODE = 'T0000',
		MESSAGE = (SELECT string_agg(format('%s x %s', n, s), ', ') FROM (
			SELECT count(*) AS n, replace(replace(s, t, '...'), kind, '***') AS s FROM unnest(said) s GROUP BY 2 ORDER BY 1 DESC, 2) c);
EXCEPTION WHEN SQLSTATE 'T0000' THEN
	RETURN SQLERRM;
END $$;
SELECT kind, said, count(*), CASE WHEN count(*) < 5 THEN string_agg(t, ', ' ORDER BY t) END AS tables
FROM unnest(ARRAY['view', 'materialized view', 'foreign table', 'partitioned table', 'partition']) kind
CROSS JOIN (SELECT relname AS t FROM pg_class WHERE relnamespace = 'odd_kinds'::regnamespace AND relkind = 'r') t
CROSS JOIN LATERAL test.say(t, kind) said
GROUP BY kind, said ORDER BY kind, count(*) DESC, said;
-- What it says in full.
BEGIN;
SELECT test.make_odd('staff', 'view');
SELECT * FROM test.report('SELECT regpaydb.pay(1, 1, '''')');
ROLLBACK;
SELECT * FROM regpaydb.check_integrity();

-- Citus's schema-based sharding would call the schema distributed and distribute none of
-- the tables.
SET citus.enable_schema_based_sharding = on;
SELECT * FROM test.report('SELECT regpaydb.create_ledger(''odd_sharded'')');
SET citus.enable_schema_based_sharding = off;
SELECT to_regnamespace('odd_sharded') AS nothing_left;
-- Without Citus, nobody sends calls from other nodes, whatever the session's name.
SET application_name = 'citus_internal gpid=10000000001';
SELECT regpaydb.balance_due(1);
RESET application_name;
DROP SERVER odd_kinds;
DROP FOREIGN DATA WRAPPER odd_kinds;
