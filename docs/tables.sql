-- Prints tables.md, from the comments in a ledger that create_ledger() just made:
--     psql -X -q -A -t -f docs/tables.sql >docs/tables.md
-- The tests compare the two.
SELECT E'# Tables and views\n\n'
	'What is in a ledger, in the words of the comments that `\\d+` shows. Made by\n'
	'[tables.sql](tables.sql). For the whole, see the [picture](../README.md#tables).\n'
	'Where the currency has no decimals, or three, amounts are `numeric(12,0)` or\n'
	'`numeric(15,3)` in place of `numeric(14,2)`.'
UNION ALL
SELECT page
FROM (
	SELECT format(E'\n## %s\n\n%s: %s\n\n| column | type | is |\n|---|---|---|\n%s', c.relname,
			CASE c.relkind WHEN 'r' THEN 'Table' ELSE 'View' END,
			obj_description(c.oid, 'pg_class'),
			(SELECT string_agg(format('| `%s` | %s | %s |', a.attname,
					replace(format_type(a.atttypid, a.atttypmod), 'timestamp with time zone', 'timestamptz'),
					col_description(c.oid, a.attnum)), E'\n' ORDER BY a.attnum)
				FROM pg_attribute a
				WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped)) AS page
	FROM pg_class c
	WHERE c.relnamespace = 'regpaydb'::regnamespace AND c.relkind IN ('r', 'v')
	ORDER BY c.relkind, c.oid) AS pages;
