-- Functions belong to the owner of their schema, who is whoever installs the
-- extension, or did before a dump: a superuser or not, he may make ledgers, let
-- others do so, and restore a dump of it all.  Making a ledger grants its owner
-- the other functions.
DO $$
DECLARE
	f pg_catalog.regprocedure;
BEGIN
	FOR f IN
		SELECT d.objid FROM pg_catalog.pg_depend d
		JOIN pg_catalog.pg_extension e ON e.oid OPERATOR(pg_catalog.=) d.refobjid
		WHERE e.extname OPERATOR(pg_catalog.=) 'regpaydb'
			AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
			AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
			AND d.deptype OPERATOR(pg_catalog.=) 'e'
	LOOP
		EXECUTE pg_catalog.format('ALTER FUNCTION %s OWNER TO %s', f,
			(SELECT nspowner::pg_catalog.regrole FROM pg_catalog.pg_namespace
				WHERE nspname OPERATOR(pg_catalog.=) 'regpaydb'));
		-- Again, since a dump has what differs from the last REVOKE here.
		EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC', f);
	END LOOP;
END
$$;
