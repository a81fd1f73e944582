-- The floor that keeps the same promises: the ledger's own tables with all of
-- their keys, foreign keys, checks and indexes, and no engine.
DO $$
DECLARE
	t record;
BEGIN
	FOR t IN SELECT tgrelid::regclass AS relation, tgname FROM pg_trigger
		WHERE NOT tgisinternal
	LOOP
		EXECUTE format('DROP TRIGGER %I ON %s', t.tgname, t.relation);
	END LOOP;
END
$$;
