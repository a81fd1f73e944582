-- A ledger without rows, for the setup of an isolation test: most have many permutations,
-- and to make a ledger takes longer than any of them.  The first one of a test drops what
-- the test before has left.  Whoever is no superuser makes a new one each time.
CREATE OR REPLACE FUNCTION public.fresh_ledger(test text) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	ledger oid := to_regnamespace('regpaydb');
BEGIN
	IF obj_description(ledger, 'pg_namespace') IS DISTINCT FROM test
			OR NOT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user) THEN
		DROP SCHEMA IF EXISTS regpaydb CASCADE;
		CREATE EXTENSION regpaydb;
		PERFORM regpaydb.create_ledger();
		EXECUTE format('COMMENT ON SCHEMA regpaydb IS %L', test);
		RETURN;
	END IF;
	-- Past the triggers that keep the rows.
	SET LOCAL session_replication_role = replica;
	EXECUTE (SELECT format('TRUNCATE %s RESTART IDENTITY', string_agg(oid::regclass::text, ', '))
		FROM pg_class WHERE relnamespace = ledger AND relkind = 'r' AND relname <> 'conference');
	UPDATE regpaydb.conference SET auto_apply_credit = DEFAULT, access_code_length = DEFAULT, stock_slots = DEFAULT;
	SET LOCAL session_replication_role = origin;
END $$;
