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

-- What is free of each product and, in payments, what was sold: one row that every
-- buyer writes.
CREATE TABLE counter (
	product_id bigint PRIMARY KEY REFERENCES product,
	free integer NOT NULL CHECK (free >= 0),
	sold integer NOT NULL DEFAULT 0
) WITH (fillfactor = 25);
INSERT INTO counter (product_id, free) SELECT product_id, free FROM product_stock;
VACUUM (ANALYZE, FREEZE) counter;
