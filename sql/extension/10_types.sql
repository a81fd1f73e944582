-- Whoever owns the schema can plant functions in it that callers of ours would
-- run.  An empty schema of somebody else is let pass, with a warning: that is
-- what a superuser meets who restores a dump.
DO $$
BEGIN
	IF EXISTS (SELECT FROM pg_catalog.pg_namespace n, pg_catalog.pg_extension e
			WHERE n.nspname OPERATOR(pg_catalog.=) 'regpaydb'
				AND e.extname OPERATOR(pg_catalog.=) 'regpaydb'
				AND n.nspowner OPERATOR(pg_catalog.<>) e.extowner) THEN
		IF EXISTS (SELECT FROM pg_catalog.pg_class
				WHERE relnamespace OPERATOR(pg_catalog.=) 'regpaydb'::pg_catalog.regnamespace)
			OR EXISTS (SELECT FROM pg_catalog.pg_proc
				WHERE pronamespace OPERATOR(pg_catalog.=) 'regpaydb'::pg_catalog.regnamespace)
			OR EXISTS (SELECT FROM pg_catalog.pg_operator
				WHERE oprnamespace OPERATOR(pg_catalog.=) 'regpaydb'::pg_catalog.regnamespace)
			OR EXISTS (SELECT FROM pg_catalog.pg_type
				WHERE typnamespace OPERATOR(pg_catalog.=) 'regpaydb'::pg_catalog.regnamespace) THEN
			RAISE EXCEPTION 'schema "regpaydb" belongs to somebody else and is not empty'
				USING ERRCODE = 'insufficient_privilege',
					HINT = 'Drop the schema, or let its owner install the extension.';
		END IF;
		RAISE WARNING 'schema "regpaydb" belongs to somebody else'
			USING HINT = 'Install the extension only into a schema whose owner you trust.';
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
