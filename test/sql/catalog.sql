-- What the catalogs say of every function in schema regpaydb: none is executable
-- by everybody, SECURITY DEFINER without a search_path of its own, without a
-- comment, or parallel safe while it writes.
SET client_min_messages = warning;

-- What only looks is stable, and what is parallel safe does not do anything else.
-- Here is all that may be.
CREATE TABLE test.reads (name name PRIMARY KEY, parallel_safe boolean);
INSERT INTO test.reads VALUES
	('actor_attendees', true), ('actor_carts', true), ('actor_floor', true),
	('actor_invoices', true), ('actor_is_set', true), ('actor_user', true),
	('available_credit', false), ('available_stock', false), ('balance_due', false),
	('can_view', false), ('check_grants', false), ('check_integrity', false), ('invoice_for_access_code', false),
	('invoice_document', false), ('money_trail', false), ('payment_summary', false),
	('reconciliation', false), ('refund_sources', false), ('total_payments', false);

CREATE FUNCTION test.function_faults() RETURNS TABLE (function text, fault text) LANGUAGE sql AS $$
	SELECT p.proname || '(' || pg_get_function_identity_arguments(p.oid) || ')', f.fault
	FROM pg_proc p
	LEFT JOIN test.reads r ON r.name = p.proname
	CROSS JOIN LATERAL (VALUES
		('executable by everybody', EXISTS (SELECT FROM aclexplode(coalesce(p.proacl, acldefault('f', p.proowner))) a
			WHERE a.grantee = 0)),
		('security definer without search_path', p.prosecdef
			AND NOT EXISTS (SELECT FROM unnest(p.proconfig) c WHERE c LIKE 'search_path=%')),
		('no comment', coalesce(obj_description(p.oid, 'pg_proc'), '') = ''),
		('parallel safe, and writes', p.proparallel = 's' AND (p.provolatile = 'v' OR NOT coalesce(r.parallel_safe, false))),
		('not parallel unsafe, and volatile', p.proparallel <> 'u' AND p.provolatile = 'v'),
		('not volatile, and not known to only read', p.provolatile <> 'v' AND r.name IS NULL),
		('leakproof', p.proleakproof),
		('strict, so that a NULL is no error', p.proisstrict),
		('name taken twice', EXISTS (SELECT FROM pg_proc o WHERE o.pronamespace = p.pronamespace
			AND o.proname = p.proname AND o.oid <> p.oid)),
		('no member of the extension', NOT EXISTS (SELECT FROM pg_depend d JOIN pg_extension e ON e.oid = d.refobjid
			WHERE d.classid = 'pg_proc'::regclass AND d.objid = p.oid AND d.deptype = 'e' AND e.extname = 'regpaydb'))
		) f (fault, is_so)
	WHERE p.pronamespace = 'regpaydb'::regnamespace AND f.is_so
	ORDER BY 1, 2
$$;
SELECT * FROM test.function_faults();
-- (It looks at something.)
SELECT count(*) > 30 AS functions FROM pg_proc WHERE pronamespace = 'regpaydb'::regnamespace;

-- It sees each fault where there is one.
BEGIN;
CREATE FUNCTION regpaydb.faultless() RETURNS int LANGUAGE sql RETURN 1;
REVOKE ALL ON FUNCTION regpaydb.faultless FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.faultless IS 'Nothing is wrong with it.';
ALTER EXTENSION regpaydb ADD FUNCTION regpaydb.faultless();
CREATE FUNCTION regpaydb.for_everybody() RETURNS int LANGUAGE sql RETURN 1;
COMMENT ON FUNCTION regpaydb.for_everybody IS 'EXECUTE is as CREATE FUNCTION leaves it.';
CREATE FUNCTION regpaydb.for_everybody_again() RETURNS int LANGUAGE sql RETURN 1;
REVOKE ALL ON FUNCTION regpaydb.for_everybody_again FROM PUBLIC;
GRANT EXECUTE ON FUNCTION regpaydb.for_everybody_again TO PUBLIC;
COMMENT ON FUNCTION regpaydb.for_everybody_again IS 'EXECUTE was granted.';
CREATE FUNCTION regpaydb.definer() RETURNS int LANGUAGE sql SECURITY DEFINER RETURN 1;
REVOKE ALL ON FUNCTION regpaydb.definer FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.definer IS 'Its search_path is the caller''s.';
CREATE FUNCTION regpaydb.definer_with_path() RETURNS int LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog RETURN 1;
REVOKE ALL ON FUNCTION regpaydb.definer_with_path FROM PUBLIC;
CREATE FUNCTION regpaydb.definer_with_other() RETURNS int LANGUAGE sql SECURITY DEFINER SET work_mem = '1MB' RETURN 1;
REVOKE ALL ON FUNCTION regpaydb.definer_with_other FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.definer_with_other IS 'Something else is set.';
CREATE FUNCTION regpaydb.writes() RETURNS int LANGUAGE sql VOLATILE PARALLEL SAFE RETURN 1;
REVOKE ALL ON FUNCTION regpaydb.writes FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.writes IS 'Volatile and parallel safe.';
CREATE FUNCTION regpaydb.claims_to_read() RETURNS int LANGUAGE sql STABLE PARALLEL SAFE LEAKPROOF STRICT RETURN 1;
REVOKE ALL ON FUNCTION regpaydb.claims_to_read FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.claims_to_read IS '';
ALTER FUNCTION regpaydb.can_view PARALLEL SAFE;
CREATE FUNCTION regpaydb.pay(integer, integer, text) RETURNS int LANGUAGE sql RETURN 1;
SELECT * FROM test.function_faults();
ROLLBACK;
SELECT * FROM test.function_faults();

-- The same for what create_ledger() makes: no function, no rule, no SECURITY
-- DEFINER view, row-level security on every table with something of somebody's
-- once a role needs it, and everything has a comment.
CREATE FUNCTION test.ledger_faults(ledger name) RETURNS TABLE (object text, fault text) LANGUAGE sql AS $$
	SELECT c.relname::text, f.fault FROM pg_class c
	CROSS JOIN LATERAL (VALUES
		('no row-level security', c.relkind = 'r' AND NOT c.relrowsecurity
			AND c.relname NOT IN ('conference', 'category', 'product', 'stock_slot')),
		('a policy for everybody is missing', c.relrowsecurity AND NOT EXISTS (SELECT FROM pg_policy p
			WHERE p.polrelid = c.oid AND p.polpermissive AND p.polroles = '{0}')),
		('reads as its owner', c.relkind = 'v' AND NOT coalesce('security_invoker=true' = ANY (c.reloptions), false)),
		('for everybody', EXISTS (SELECT FROM aclexplode(c.relacl) a WHERE a.grantee = 0)),
		('a column for everybody', EXISTS (SELECT FROM pg_attribute t, aclexplode(t.attacl) a
			WHERE t.attrelid = c.oid AND a.grantee = 0)),
		('no comment', coalesce(obj_description(c.oid, 'pg_class'), '') = '')) f (fault, is_so)
	WHERE c.relnamespace = ledger::regnamespace AND c.relkind IN ('r', 'v', 'm', 'f', 'p') AND f.is_so
	UNION ALL
	SELECT proname::text, 'a function' FROM pg_proc WHERE pronamespace = ledger::regnamespace
	UNION ALL
	SELECT rulename || ' on ' || c.relname, 'a rule' FROM pg_rewrite JOIN pg_class c ON c.oid = ev_class
	WHERE c.relnamespace = ledger::regnamespace AND rulename <> '_RETURN'
	UNION ALL
	SELECT p.polname || ' on ' || c.relname, f.fault FROM pg_policy p JOIN pg_class c ON c.oid = p.polrelid
	CROSS JOIN LATERAL (VALUES
		('not of regpaydb''s', p.polname NOT IN ('everyone', 'actor', 'app', 'staff', 'reports')),
		('permissive', p.polpermissive AND p.polname = 'actor'),
		('for one command', p.polcmd <> '*' AND p.polname IN ('actor', 'everyone')),
		('writes what it likes', p.polname = 'actor' AND p.polwithcheck IS NULL)) f (fault, is_so)
	WHERE c.relnamespace = ledger::regnamespace AND f.is_so
	ORDER BY 1, 2
$$;
DROP ROLE IF EXISTS regress_catalog;
CREATE ROLE regress_catalog NOLOGIN;
SELECT test.new_ledger('catalog');
SELECT regpaydb.grant_access('regress_catalog', 'app');
SELECT * FROM test.ledger_faults('catalog');
SELECT count(*) > 20 AS relations FROM pg_class WHERE relnamespace = 'catalog'::regnamespace AND relkind IN ('r', 'v');
BEGIN;
ALTER TABLE invoice DISABLE ROW LEVEL SECURITY;
ALTER VIEW status_history RESET (security_invoker);
ALTER VIEW cart_line SET (security_invoker = false);
GRANT SELECT ON payment TO PUBLIC;
GRANT SELECT (value) ON credit_note TO PUBLIC;
COMMENT ON TABLE staff IS NULL;
CREATE TABLE planted (id int);
CREATE FUNCTION planted() RETURNS int LANGUAGE sql RETURN 1;
CREATE RULE planted AS ON DELETE TO outbox DO ALSO NOTHING;
CREATE POLICY planted ON outbox USING (true);
DROP POLICY everyone ON cart;
DROP POLICY actor ON line_item;
CREATE POLICY actor ON line_item FOR SELECT TO regress_catalog USING (true);
SELECT * FROM test.ledger_faults('catalog');
ROLLBACK;

-- Every table that has something of an attendee's has a policy for the actor.
SELECT c.relname FROM pg_class c
WHERE c.relnamespace = 'catalog'::regnamespace AND c.relkind = 'r'
	AND c.relname NOT IN ('conference', 'category', 'product', 'stock_slot')
	AND NOT EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = c.oid AND p.polname = 'actor');

DROP FUNCTION test.function_faults, test.ledger_faults;
DROP TABLE test.reads;
DROP OWNED BY regress_catalog;
DROP ROLE regress_catalog;
