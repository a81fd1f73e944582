\echo Use "ALTER EXTENSION regpaydb UPDATE" to load this file. \quit
-- What is there before, for the end of this script.
SELECT pg_catalog.set_config('regpaydb_update.known', pg_catalog.string_agg(pg_catalog.format('%s/%s', d.classid, d.objid), ' '), true)
	FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid OPERATOR(pg_catalog.=) d.refobjid
	WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
		AND d.deptype OPERATOR(pg_catalog.=) 'e' AND e.extname OPERATOR(pg_catalog.=) 'regpaydb';

-- Money that leaves is staff's, is recorded once, and says who and why.
DROP FUNCTION regpaydb.void_invoice(bigint);
CREATE FUNCTION regpaydb.void_invoice(
		invoice_id bigint,
		reason text DEFAULT NULL)
	RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_void_invoice';
REVOKE ALL ON FUNCTION regpaydb.void_invoice(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.void_invoice(bigint, text) IS 'Voids an invoice on which no money is; the reason is kept with it.';

DROP FUNCTION regpaydb.refund_invoice(bigint);
CREATE FUNCTION regpaydb.refund_invoice(
		invoice_id bigint,
		reason text DEFAULT NULL)
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_refund_invoice';
REVOKE ALL ON FUNCTION regpaydb.refund_invoice(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.refund_invoice(bigint, text) IS 'Turns all that was paid on the invoice into a credit note and returns its id; NULL where nothing was paid, the invoice is void then. The reason is kept with the invoice and the note.';

COMMENT ON FUNCTION regpaydb.guard_conference() IS 'Trigger function of conference: keeps its row, the decimals of its currency and, once there are payments, the currency.';

CREATE FUNCTION regpaydb.record_payment(
		invoice_id bigint,
		amount numeric,
		reference text,
		provider text,
		provider_ref text,
		value_date date DEFAULT NULL)
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_record_payment';
REVOKE ALL ON FUNCTION regpaydb.record_payment(bigint, numeric, text, text, text, date) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.record_payment(bigint, numeric, text, text, text, date) IS 'Records a payment that has arrived, whatever state the invoice is in: what it can''t take becomes a credit note. Returns the payment''s id; the same provider and provider_ref again returns the first one''s and does nothing.';

DROP FUNCTION regpaydb.record_manual_payment(bigint, numeric, text, bigint);
CREATE FUNCTION regpaydb.record_manual_payment(
		invoice_id bigint,
		amount numeric,
		reference text,
		entered_by bigint DEFAULT NULL,
		provider text DEFAULT NULL,
		provider_ref text DEFAULT NULL,
		value_date date DEFAULT NULL)
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_record_manual_payment';
REVOKE ALL ON FUNCTION regpaydb.record_manual_payment(bigint, numeric, text, bigint, text, text, date) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.record_manual_payment(bigint, numeric, text, bigint, text, text, date) IS 'Records a payment that a staff member reports, whatever state the invoice is in; a negative amount is a refund. Returns the payment''s id; the same provider and provider_ref again returns the first one''s and does nothing.';

CREATE FUNCTION regpaydb.check_grants()
	RETURNS TABLE (role name, object text, privilege text)
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'regpaydb_check_grants';
REVOKE ALL ON FUNCTION regpaydb.check_grants() FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.check_grants() IS 'What roles were granted in the ledger, but not by grant_access(): by hand, or by default privileges.';

COMMENT ON FUNCTION regpaydb.upgrade_ledger(name) IS 'Brings a ledger to the version of the extension after ALTER EXTENSION regpaydb UPDATE, and grants its owner and the roles with access to it what they need: also when it has a new owner.';
COMMENT ON FUNCTION regpaydb.revoke_access(name, text) IS 'Takes back what grant_access() granted, but for what the role''s other accesses need, and for functions that it needs in other ledgers.';
COMMENT ON FUNCTION regpaydb.grant_access(name, text) IS 'Grants a database role what it needs in the ledger: access is app (what attendees'' requests need; sees what the actor may view), staff (also manual payments, refunds, voids and credit notes) or reports (reads everything).';

-- Functions belong to the owner of their schema, who is whoever installs the
-- extension, or did before a dump: a superuser or not, he may make ledgers, let
-- others do so, and restore a dump of it all.  Making a ledger grants its owner
-- the other functions.
--
-- They belong to nobody else, whatever ALTER DEFAULT PRIVILEGES says; types can be
-- used by everybody, as ever.
--
-- Scripts of ALTER EXTENSION UPDATE end in this, too.  What was there before, and was
-- granted to roles, they leave alone: it is in regpaydb_update.known, which they set
-- first, to pg_depend's "classid/objid", with blanks between them.
DO $$
DECLARE
	schema_owner pg_catalog.oid := (SELECT nspowner FROM pg_catalog.pg_namespace
		WHERE nspname OPERATOR(pg_catalog.=) 'regpaydb');
	known pg_catalog.text[] := pg_catalog.string_to_array(pg_catalog.current_setting('regpaydb_update.known'), ' ');
	member record;
	name pg_catalog.text;
	others pg_catalog.text;
BEGIN
	FOR member IN
		SELECT d.objid, d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass AS is_function,
			coalesce(p.proowner, t.typowner) AS owner, coalesce(p.proacl, t.typacl) AS acl
		FROM pg_catalog.pg_depend d
		JOIN pg_catalog.pg_extension e ON e.oid OPERATOR(pg_catalog.=) d.refobjid
		LEFT JOIN pg_catalog.pg_proc p ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_proc'::pg_catalog.regclass
			AND p.oid OPERATOR(pg_catalog.=) d.objid
		LEFT JOIN pg_catalog.pg_type t ON d.classid OPERATOR(pg_catalog.=) 'pg_catalog.pg_type'::pg_catalog.regclass
			AND t.oid OPERATOR(pg_catalog.=) d.objid
		WHERE e.extname OPERATOR(pg_catalog.=) 'regpaydb'
			AND d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
			AND d.deptype OPERATOR(pg_catalog.=) 'e'
			AND (p.oid IS NOT NULL OR t.typacl IS NOT NULL)
			AND pg_catalog.format('%s/%s', d.classid, d.objid) OPERATOR(pg_catalog.<>) ALL (known)
	LOOP
		others := (SELECT pg_catalog.string_agg(', ' OPERATOR(pg_catalog.||) a.grantee::pg_catalog.regrole::pg_catalog.text, '')
			FROM pg_catalog.aclexplode(member.acl) a
			WHERE a.grantee OPERATOR(pg_catalog.<>) ALL (ARRAY[0, member.owner, schema_owner]));
		IF member.is_function THEN
			name := member.objid::pg_catalog.regprocedure;
			EXECUTE pg_catalog.format('ALTER FUNCTION %s OWNER TO %s', name, schema_owner::pg_catalog.regrole);
			EXECUTE pg_catalog.format('GRANT ALL ON FUNCTION %s TO %s', name, schema_owner::pg_catalog.regrole);
			-- The last one, since a dump has what differs from that.
			EXECUTE pg_catalog.format('REVOKE ALL ON FUNCTION %s FROM PUBLIC%s CASCADE', name, others);
		ELSE
			name := member.objid::pg_catalog.regtype;
			EXECUTE pg_catalog.format('REVOKE ALL ON TYPE %s FROM PUBLIC, %s%s CASCADE', name,
				schema_owner::pg_catalog.regrole, others);
			EXECUTE pg_catalog.format('GRANT ALL ON TYPE %s TO PUBLIC, %s', name, member.owner::pg_catalog.regrole);
		END IF;
	END LOOP;
END
$$;
