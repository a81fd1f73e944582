-- Functions belong to the owner of their schema, who is whoever installs the
-- extension, or did before a dump: a superuser or not, he may make ledgers, let
-- others do so, and restore a dump of it all.  Making a ledger grants its owner
-- the other functions.
--
-- They belong to nobody else, whatever ALTER DEFAULT PRIVILEGES says; types can be
-- used by everybody, as ever.
DO $$
DECLARE
	schema_owner pg_catalog.oid := (SELECT nspowner FROM pg_catalog.pg_namespace
		WHERE nspname OPERATOR(pg_catalog.=) 'regpaydb');
	member record;
BEGIN
	FOR member IN
		SELECT p.oid::pg_catalog.regprocedure AS name,
			(SELECT pg_catalog.string_agg(', ' OPERATOR(pg_catalog.||) a.grantee::pg_catalog.regrole::pg_catalog.text, '')
				FROM pg_catalog.aclexplode(p.proacl) a
				WHERE a.grantee OPERATOR(pg_catalog.<>) ALL (ARRAY[0, p.proowner, schema_owner])) AS others
		FROM pg_catalog.pg_depend d
		JOIN pg_catalog.pg_extension e ON e.oid OPERATOR(pg_catalog.=) d.refobjid
		JOIN pg_catalog.pg_proc p ON p.oid OPERATOR(pg_catalog.=) d.objid
		WHERE e.extname OPERATOR(pg_catalog.=) 'regpaydb'
			AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
			AND d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
			AND d.deptype OPERATOR(pg_catalog.=) 'e'
	LOOP
		EXECUTE pg_catalog.format('ALTER FUNCTION %s OWNER TO %s', member.name, schema_owner::pg_catalog.regrole);
		EXECUTE pg_catalog.format('GRANT ALL ON FUNCTION %s TO %s', member.name, schema_owner::pg_catalog.regrole);
		-- The last one, since a dump has what differs from that.
		EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC%s CASCADE', member.name, member.others);
	END LOOP;
	FOR member IN
		SELECT t.oid::pg_catalog.regtype AS name, t.typowner AS owner,
			(SELECT pg_catalog.string_agg(', ' OPERATOR(pg_catalog.||) a.grantee::pg_catalog.regrole::pg_catalog.text, '')
				FROM pg_catalog.aclexplode(t.typacl) a
				WHERE a.grantee OPERATOR(pg_catalog.<>) ALL (ARRAY[0, t.typowner])) AS others
		FROM pg_catalog.pg_type t
		WHERE t.typnamespace OPERATOR(pg_catalog.=) 'regpaydb'::pg_catalog.regnamespace
			AND t.typtype OPERATOR(pg_catalog.=) 'e' AND t.typacl IS NOT NULL
	LOOP
		EXECUTE pg_catalog.format('REVOKE ALL ON TYPE %s FROM PUBLIC%s CASCADE', member.name, member.others);
		EXECUTE pg_catalog.format('GRANT ALL ON TYPE %s TO PUBLIC, %s', member.name, member.owner::pg_catalog.regrole);
	END LOOP;
END
$$;
