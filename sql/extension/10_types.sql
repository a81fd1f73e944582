-- Whoever owns the schema can plant functions in it that callers of ours would
-- run.  That is the installer; or, where a superuser restores the dump of another
-- installer, who that was, if he owns the database or could not have made the
-- schema himself.  It is empty then.
DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_namespace n, pg_catalog.pg_extension e,
				pg_catalog.pg_database d
			WHERE n.nspname OPERATOR(pg_catalog.=) 'regpaydb'
				AND e.extname OPERATOR(pg_catalog.=) 'regpaydb'
				AND d.datname OPERATOR(pg_catalog.=) pg_catalog.current_database()
				AND n.nspowner OPERATOR(pg_catalog.<>) e.extowner
				AND ((NOT pg_catalog.pg_has_role(n.nspowner, d.datdba, 'MEMBER')
						AND pg_catalog.has_database_privilege(n.nspowner, d.oid, 'CREATE'))
					OR EXISTS (SELECT FROM pg_catalog.pg_class
						WHERE relnamespace OPERATOR(pg_catalog.=) n.oid)
					OR EXISTS (SELECT FROM pg_catalog.pg_proc
						WHERE pronamespace OPERATOR(pg_catalog.=) n.oid)
					OR EXISTS (SELECT FROM pg_catalog.pg_operator
						WHERE oprnamespace OPERATOR(pg_catalog.=) n.oid)
					OR EXISTS (SELECT FROM pg_catalog.pg_type
						WHERE typnamespace OPERATOR(pg_catalog.=) n.oid))) THEN
		RAISE EXCEPTION 'schema "regpaydb" belongs to somebody else'
			USING ERRCODE = 'insufficient_privilege',
				DETAIL = 'The owner of a schema can put functions into it that are called instead of ours.',
				HINT = 'Drop the schema, or let its owner install the extension. To restore a dump, let the database belong to the schema''s owner.';
	END IF;
END
$$;

CREATE TYPE regpaydb.invoice_status AS ENUM ('unpaid', 'paid', 'refunded', 'void');
COMMENT ON TYPE regpaydb.invoice_status IS 'Status of an invoice.';

CREATE TYPE regpaydb.payment_kind AS ENUM ('payment', 'manual', 'credit_note', 'credit_application');
COMMENT ON TYPE regpaydb.payment_kind IS 'Where a payment comes from.';

CREATE TYPE regpaydb.credit_note_state AS ENUM ('unclaimed', 'applied', 'refunded');
COMMENT ON TYPE regpaydb.credit_note_state IS 'What became of a credit note.';

CREATE TYPE regpaydb.cart_status AS ENUM ('active', 'paid', 'released');
COMMENT ON TYPE regpaydb.cart_status IS 'Status of a cart.';

CREATE TYPE regpaydb.outbox_kind AS ENUM (
	'invoice_created', 'invoice_updated',
	'credit_note_created', 'credit_note_applied', 'credit_note_refunded',
	'cart_paid', 'cart_released');
COMMENT ON TYPE regpaydb.outbox_kind IS 'What an outbox row tells of.';
