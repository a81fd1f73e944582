-- The bare floor: nothing is left of the ledger's tables, after promises.sql,
-- but the columns, their primary keys, and the key by which a cart's items are
-- found.
DO $$
DECLARE
	c record;
BEGIN
	FOR c IN SELECT conrelid::regclass AS relation, conname FROM pg_constraint
		WHERE connamespace = 'regpaydb'::regnamespace AND conrelid <> 0 AND contype IN ('f', 'c', 'u')
			AND conname <> 'cart_item_cart_id_product_id_key'
		ORDER BY contype = 'u'		-- foreign keys first: they depend on unique ones
	LOOP
		EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.relation, c.conname);
	END LOOP;
	FOR c IN SELECT indexrelid::regclass AS index FROM pg_index i
		JOIN pg_class t ON t.oid = indrelid
		WHERE t.relnamespace = 'regpaydb'::regnamespace
			AND NOT EXISTS (SELECT FROM pg_constraint WHERE conindid = indexrelid)
	LOOP
		EXECUTE format('DROP INDEX %s', c.index);
	END LOOP;
END
$$;
