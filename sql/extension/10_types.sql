-- Whoever owns the schema, or may create objects in it, can plant functions in it
-- that callers of ours would run.  So it has to be the installer's; or that of
-- whoever has the rights of the database's owner; or, where a superuser restores
-- the dump of another installer, that of whom the setting regpaydb.schema_owner
-- names.  Nothing of anybody else's is in it then.
DO $$
DECLARE
	schema record;
	others text;
BEGIN
	SELECT n.oid, n.nspowner AS owner, n.nspacl AS acl, e.extowner AS installer, d.datdba AS database_owner,
			pg_catalog.pg_get_userbyid(n.nspowner) AS owner_name
		INTO STRICT schema
		FROM pg_catalog.pg_namespace n, pg_catalog.pg_extension e, pg_catalog.pg_database d
		WHERE n.nspname OPERATOR(pg_catalog.=) 'regpaydb'
			AND e.extname OPERATOR(pg_catalog.=) 'regpaydb'
			AND d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database();
	IF schema.owner OPERATOR(pg_catalog.<>) schema.installer
			AND NOT pg_catalog.pg_has_role(schema.owner, schema.database_owner, 'USAGE')
			AND schema.owner_name::pg_catalog.text OPERATOR(pg_catalog.<>)
				coalesce(pg_catalog.current_setting('regpaydb.schema_owner', true), '') THEN
		RAISE EXCEPTION 'schema "regpaydb" belongs to somebody else'
			USING ERRCODE = 'insufficient_privilege',
				DETAIL = pg_catalog.format('It belongs to "%s", who could put functions into it that are called instead of ours.',
					schema.owner_name),
				HINT = 'Drop the schema, or let its owner install the extension. If you restore a dump in which it is that role''s, set regpaydb.schema_owner to the role''s name.';
	END IF;

	-- The schema that CREATE EXTENSION, or a dump, has just made belongs to nobody but
	-- its owner, whatever ALTER DEFAULT PRIVILEGES says.
	SELECT pg_catalog.string_agg(DISTINCT CASE WHEN a.grantee OPERATOR(pg_catalog.=) 0 THEN 'PUBLIC'
			ELSE a.grantee::pg_catalog.regrole::pg_catalog.text END, ', ')
		INTO others
		FROM pg_catalog.pg_default_acl d, pg_catalog.aclexplode(d.defaclacl) a
		WHERE d.defaclobjtype OPERATOR(pg_catalog.=) 'n'
			AND d.defaclrole OPERATOR(pg_catalog.=) schema.owner
			AND d.defaclacl OPERATOR(pg_catalog.=) schema.acl
			AND a.grantee OPERATOR(pg_catalog.<>) schema.owner;
	IF others IS NOT NULL THEN
		EXECUTE pg_catalog.format('REVOKE ALL ON SCHEMA regpaydb FROM %s CASCADE', others);
	END IF;

	IF EXISTS (SELECT FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a
				WHERE n.oid OPERATOR(pg_catalog.=) schema.oid AND a.privilege_type OPERATOR(pg_catalog.=) 'CREATE'
					AND a.grantee OPERATOR(pg_catalog.<>) schema.owner
					AND a.grantee OPERATOR(pg_catalog.<>) schema.installer)
			OR EXISTS (SELECT FROM pg_catalog.pg_class
				WHERE relnamespace OPERATOR(pg_catalog.=) schema.oid AND relowner OPERATOR(pg_catalog.<>) schema.installer)
			OR EXISTS (SELECT FROM pg_catalog.pg_proc
				WHERE pronamespace OPERATOR(pg_catalog.=) schema.oid AND proowner OPERATOR(pg_catalog.<>) schema.installer)
			OR EXISTS (SELECT FROM pg_catalog.pg_operator
				WHERE oprnamespace OPERATOR(pg_catalog.=) schema.oid AND oprowner OPERATOR(pg_catalog.<>) schema.installer)
			OR EXISTS (SELECT FROM pg_catalog.pg_type
				WHERE typnamespace OPERATOR(pg_catalog.=) schema.oid AND typowner OPERATOR(pg_catalog.<>) schema.installer) THEN
		RAISE EXCEPTION 'schema "regpaydb" is open to others'
			USING ERRCODE = 'insufficient_privilege',
				DETAIL = 'Somebody else may create objects in it, or has.',
				HINT = 'Drop from it what is somebody else''s, and grant nobody CREATE on it.';
	END IF;
END
$$;

-- What there was before this script (see the last part of it): nothing.
SELECT pg_catalog.set_config('regpaydb_update.known', '', true);

CREATE TYPE regpaydb.invoice_status AS ENUM ('unpaid', 'paid', 'refunded', 'void');
COMMENT ON TYPE regpaydb.invoice_status IS 'Status of an invoice.';

-- In this order: those before credit_note are external, the others move money that
-- is in the ledger.
CREATE TYPE regpaydb.payment_kind AS ENUM ('payment', 'manual', 'reversal',
	'credit_note', 'credit_application', 'refund_failed');
COMMENT ON TYPE regpaydb.payment_kind IS 'Where a payment comes from. Those before credit_note are money from outside, or that went back there.';

CREATE TYPE regpaydb.credit_note_state AS ENUM ('unclaimed', 'applied', 'refunded');
COMMENT ON TYPE regpaydb.credit_note_state IS 'What became of a credit note.';

CREATE TYPE regpaydb.refund_state AS ENUM ('requested', 'done', 'failed');
COMMENT ON TYPE regpaydb.refund_state IS 'How far a refund is.';

CREATE TYPE regpaydb.cart_status AS ENUM ('active', 'paid', 'released');
COMMENT ON TYPE regpaydb.cart_status IS 'Status of a cart.';

CREATE TYPE regpaydb.outbox_kind AS ENUM (
	'invoice_created', 'invoice_updated',
	'credit_note_created', 'credit_note_applied', 'credit_note_refunded',
	'cart_paid', 'cart_released',
	'refund_done', 'refund_failed', 'payment_reversed', 'reversal_loss');
COMMENT ON TYPE regpaydb.outbox_kind IS 'What an outbox row tells of.';
