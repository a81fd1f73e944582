\echo Use "CREATE EXTENSION regpaydb" to load this file. \quit
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
-- Ledgers.

CREATE FUNCTION regpaydb.create_ledger(
		schema_name name DEFAULT 'regpaydb',
		conference_name text DEFAULT 'Conference',
		currency text DEFAULT 'USD')
	RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_create_ledger';
REVOKE ALL ON FUNCTION regpaydb.create_ledger(name, text, text) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.create_ledger(name, text, text) IS 'Makes a ledger: one conference''s tables, owned by the caller, in a schema of the caller''s.';

CREATE FUNCTION regpaydb.upgrade_ledger(
		schema_name name DEFAULT 'regpaydb')
	RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_upgrade_ledger';
REVOKE ALL ON FUNCTION regpaydb.upgrade_ledger(name) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.upgrade_ledger(name) IS 'Brings a ledger to the version of the extension after ALTER EXTENSION regpaydb UPDATE, and grants its owner and the roles with access to it what they need: also when it has a new owner.';

CREATE FUNCTION regpaydb.check_integrity()
	RETURNS TABLE (object text, problem text)
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'regpaydb_check_integrity';
REVOKE ALL ON FUNCTION regpaydb.check_integrity() FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.check_integrity() IS 'Whatever in the ledger does not agree with the facts: no rows, when all is well.';
-- Invoices.

CREATE FUNCTION regpaydb.manual_invoice(
		attendee_id bigint,
		due interval,
		lines jsonb)
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_manual_invoice';
REVOKE ALL ON FUNCTION regpaydb.manual_invoice(bigint, interval, jsonb) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.manual_invoice(bigint, interval, jsonb) IS 'Makes an invoice with the given lines, due after the given time; returns its id. lines: [{"description": "...", "price": 10.00, "quantity": 1, "product_id": null}, ...]';

CREATE FUNCTION regpaydb.validate_allowed_to_pay(
		invoice_id bigint)
	RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_validate_allowed_to_pay';
REVOKE ALL ON FUNCTION regpaydb.validate_allowed_to_pay(bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.validate_allowed_to_pay(bigint) IS 'Raises an error unless the invoice can be paid now.';

CREATE FUNCTION regpaydb.update_status(
		invoice_id bigint)
	RETURNS regpaydb.invoice_status
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_update_status';
REVOKE ALL ON FUNCTION regpaydb.update_status(bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.update_status(bigint) IS 'Collects the invoice''s payments afresh and brings it to the state that they call for; returns its status.';

CREATE FUNCTION regpaydb.total_payments(
		invoice_id bigint)
	RETURNS numeric
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'regpaydb_total_payments';
REVOKE ALL ON FUNCTION regpaydb.total_payments(bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.total_payments(bigint) IS 'What has been paid on the invoice, less what was turned into credit notes.';

CREATE FUNCTION regpaydb.balance_due(
		invoice_id bigint)
	RETURNS numeric
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'regpaydb_balance_due';
REVOKE ALL ON FUNCTION regpaydb.balance_due(bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.balance_due(bigint) IS 'What remains to be paid on the invoice; 0 when it is refunded or void.';

CREATE FUNCTION regpaydb.void_invoice(
		invoice_id bigint,
		reason text DEFAULT NULL)
	RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_void_invoice';
REVOKE ALL ON FUNCTION regpaydb.void_invoice(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.void_invoice(bigint, text) IS 'Voids an invoice on which no money is; the reason is kept with it.';

CREATE FUNCTION regpaydb.refund_invoice(
		invoice_id bigint,
		reason text DEFAULT NULL)
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_refund_invoice';
REVOKE ALL ON FUNCTION regpaydb.refund_invoice(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.refund_invoice(bigint, text) IS 'Turns all that was paid on the invoice into a credit note and returns its id; NULL where nothing was paid, the invoice is void then. The reason is kept with the invoice and the note.';
-- Payments.

CREATE FUNCTION regpaydb.pay(
		invoice_id bigint,
		amount numeric,
		reference text,
		provider text DEFAULT NULL,
		provider_ref text DEFAULT NULL)
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_pay';
REVOKE ALL ON FUNCTION regpaydb.pay(bigint, numeric, text, text, text) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.pay(bigint, numeric, text, text, text) IS 'Records a payment on an invoice that can be paid, and settles the invoice; returns the payment''s id. The same provider and provider_ref again returns the first payment''s id and does nothing.';

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
-- Credit notes.

CREATE FUNCTION regpaydb.apply_credit_note(
		credit_note_id bigint,
		invoice_id bigint)
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_apply_credit_note';
REVOKE ALL ON FUNCTION regpaydb.apply_credit_note(bigint, bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.apply_credit_note(bigint, bigint) IS 'Puts a credit note''s full value on an invoice; what is left over becomes a new note of the same owner. Returns the payment''s id.';

CREATE FUNCTION regpaydb.refund_credit_note(
		credit_note_id bigint,
		reference text,
		entered_by bigint DEFAULT NULL)
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_refund_credit_note';
REVOKE ALL ON FUNCTION regpaydb.refund_credit_note(bigint, text, bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.refund_credit_note(bigint, text, bigint) IS 'Records that a credit note was paid out in full; returns the refund''s id.';

CREATE FUNCTION regpaydb.cancellation_fee(
		credit_note_id bigint,
		percentage numeric)
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_cancellation_fee';
REVOKE ALL ON FUNCTION regpaydb.cancellation_fee(bigint, numeric) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.cancellation_fee(bigint, numeric) IS 'Invoices a percentage of a credit note and pays it by that note; what is left over becomes a new note. Returns the invoice''s id; NULL where the fee is 0.';

CREATE FUNCTION regpaydb.available_credit(
		attendee_id bigint)
	RETURNS numeric
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'regpaydb_available_credit';
REVOKE ALL ON FUNCTION regpaydb.available_credit(bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.available_credit(bigint) IS 'Sum of the attendee''s unclaimed credit notes.';
-- Carts and stock.

CREATE FUNCTION regpaydb.current_cart(
		attendee_id bigint)
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_current_cart';
REVOKE ALL ON FUNCTION regpaydb.current_cart(bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.current_cart(bigint) IS 'The attendee''s active cart, made if there is none.';

CREATE FUNCTION regpaydb.set_quantity(
		cart_id bigint,
		product_id bigint,
		quantity integer)
	RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_set_quantity';
REVOKE ALL ON FUNCTION regpaydb.set_quantity(bigint, bigint, integer) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.set_quantity(bigint, bigint, integer) IS 'Puts so many of a product into an active cart, in place of what it had; 0 removes it. Reserves the cart''s items, and voids or refunds the invoice that billed the cart as it was.';

CREATE FUNCTION regpaydb.validate_cart(
		cart_id bigint)
	RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_validate_cart';
REVOKE ALL ON FUNCTION regpaydb.validate_cart(bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.validate_cart(bigint) IS 'Raises an error unless the cart can be invoiced and paid.';

CREATE FUNCTION regpaydb.extend_reservation(
		cart_id bigint,
		duration interval)
	RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_extend_reservation';
REVOKE ALL ON FUNCTION regpaydb.extend_reservation(bigint, interval) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.extend_reservation(bigint, interval) IS 'Keeps the items of an active cart reserved for at least the given time from now.';

CREATE FUNCTION regpaydb.available_stock(
		product_id bigint)
	RETURNS integer
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'regpaydb_available_stock';
REVOKE ALL ON FUNCTION regpaydb.available_stock(bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.available_stock(bigint) IS 'How many of the product are neither sold nor reserved; NULL for any number.';

CREATE FUNCTION regpaydb.invoice_cart(
		cart_id bigint)
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_invoice_cart';
REVOKE ALL ON FUNCTION regpaydb.invoice_cart(bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.invoice_cart(bigint) IS 'The invoice of the cart as it is now, made if there is none.';

CREATE FUNCTION regpaydb.expire_invoices(
		"limit" integer DEFAULT 100)
	RETURNS integer
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_expire_invoices';
REVOKE ALL ON FUNCTION regpaydb.expire_invoices(integer) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.expire_invoices(integer) IS 'Voids, or refunds to credit, unpaid invoices whose carts can''t be had any more, so many at most; returns how many. For a scheduler, every minute.';
-- Who may see what.

CREATE FUNCTION regpaydb.can_view(
		invoice_id bigint,
		user_id bigint DEFAULT NULL,
		access_code text DEFAULT NULL)
	RETURNS boolean
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'regpaydb_can_view';
REVOKE ALL ON FUNCTION regpaydb.can_view(bigint, bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.can_view(bigint, bigint, text) IS 'Whether this user, or a holder of this access code, may view the invoice: its attendee, staff, and holders of the attendee''s code may.';

CREATE FUNCTION regpaydb.invoice_for_access_code(
		access_code text)
	RETURNS bigint
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'regpaydb_invoice_for_access_code';
REVOKE ALL ON FUNCTION regpaydb.invoice_for_access_code(text) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.invoice_for_access_code(text) IS 'The invoice to show to the holder of an access code: the newest unpaid one, else the newest paid one, else the newest.';

CREATE FUNCTION regpaydb.rotate_access_code(
		attendee_id bigint)
	RETURNS text
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_rotate_access_code';
REVOKE ALL ON FUNCTION regpaydb.rotate_access_code(bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.rotate_access_code(bigint) IS 'Gives the attendee a new access code and returns it; the old one stops working.';

CREATE FUNCTION regpaydb.grant_access(
		role name,
		access text)
	RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_grant_access';
REVOKE ALL ON FUNCTION regpaydb.grant_access(name, text) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.grant_access(name, text) IS 'Grants a database role what it needs in the ledger: access is app (what attendees'' requests need; sees what the actor may view), staff (also manual payments, refunds, voids and credit notes) or reports (reads everything).';

CREATE FUNCTION regpaydb.revoke_access(
		role name,
		access text)
	RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_revoke_access';
REVOKE ALL ON FUNCTION regpaydb.revoke_access(name, text) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.revoke_access(name, text) IS 'Takes back what grant_access() granted, but for what the role''s other accesses need, and for functions that it needs in other ledgers.';

CREATE FUNCTION regpaydb.check_grants()
	RETURNS TABLE (role name, object text, privilege text)
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'regpaydb_check_grants';
REVOKE ALL ON FUNCTION regpaydb.check_grants() FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.check_grants() IS 'What roles were granted in the ledger, but not by grant_access(): by hand, or by default privileges.';

-- What the policies of a ledger's tables call.  They are evaluated with the rights
-- of whoever reads the table, once for each statement.

CREATE FUNCTION regpaydb.actor_is_set()
	RETURNS boolean
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'regpaydb_actor_is_set';
REVOKE ALL ON FUNCTION regpaydb.actor_is_set() FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.actor_is_set() IS 'For policies: whether the session acts for somebody, by the settings regpaydb.user_id and regpaydb.access_code.';

CREATE FUNCTION regpaydb.actor_user()
	RETURNS bigint
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'regpaydb_actor_user';
REVOKE ALL ON FUNCTION regpaydb.actor_user() FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.actor_user() IS 'For policies: the setting regpaydb.user_id, NULL where it is empty.';

CREATE FUNCTION regpaydb.actor_floor(
		ledger_table regclass)
	RETURNS bigint
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'regpaydb_actor_floor';
REVOKE ALL ON FUNCTION regpaydb.actor_floor(regclass) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.actor_floor(regclass) IS 'For policies: the lowest key from which on the actor may view every row of that table''s ledger, which is the lowest there is for staff, and NULL for others.';

CREATE FUNCTION regpaydb.actor_attendees(
		ledger_table regclass)
	RETURNS bigint[]
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'regpaydb_actor_attendees';
REVOKE ALL ON FUNCTION regpaydb.actor_attendees(regclass) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.actor_attendees(regclass) IS 'For policies: the attendees of that table''s ledger who the actor is, by user id or access code.';

CREATE FUNCTION regpaydb.actor_invoices(
		ledger_table regclass)
	RETURNS bigint[]
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'regpaydb_actor_invoices';
REVOKE ALL ON FUNCTION regpaydb.actor_invoices(regclass) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.actor_invoices(regclass) IS 'For policies: the invoices of those attendees.';

CREATE FUNCTION regpaydb.actor_carts(
		ledger_table regclass)
	RETURNS bigint[]
	LANGUAGE c STABLE PARALLEL SAFE
	AS 'MODULE_PATHNAME', 'regpaydb_actor_carts';
REVOKE ALL ON FUNCTION regpaydb.actor_carts(regclass) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.actor_carts(regclass) IS 'For policies: the carts of those attendees.';
-- Reports that are more than a view.

CREATE FUNCTION regpaydb.reconciliation(
		as_of timestamptz)
	RETURNS TABLE (
		money_received numeric,
		on_paid_invoices numeric,
		part_payments numeric,
		credit_notes_unclaimed numeric,
		credit_notes_refunded numeric,
		difference numeric,
		sales numeric,
		due numeric)
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'regpaydb_reconciliation';
REVOKE ALL ON FUNCTION regpaydb.reconciliation(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.reconciliation(timestamptz) IS 'Where the money that had been received by a time was then: on invoices, in unclaimed credit notes or refunded, which leaves a difference of 0. Beside it the value of the invoices that were paid, and what was due on the others.';

CREATE FUNCTION regpaydb.invoice_document(
		invoice_id bigint)
	RETURNS jsonb
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'regpaydb_invoice_document';
REVOKE ALL ON FUNCTION regpaydb.invoice_document(bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.invoice_document(bigint) IS 'The complete invoice for an application to render: recipient, lines, payments, credit notes, totals, status.';
-- Trigger functions of the ledgers' tables.

CREATE FUNCTION regpaydb.settle_payments()
	RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_settle_payments';
REVOKE ALL ON FUNCTION regpaydb.settle_payments() FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.settle_payments() IS 'Trigger function of payment: settles the invoices that a statement''s payments are for.';

CREATE FUNCTION regpaydb.amend_carts()
	RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_amend_carts';
REVOKE ALL ON FUNCTION regpaydb.amend_carts() FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.amend_carts() IS 'Trigger function of cart_item and cart_discount: amends the carts that a statement changes.';

CREATE FUNCTION regpaydb.move_reservation()
	RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_move_reservation';
REVOKE ALL ON FUNCTION regpaydb.move_reservation() FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.move_reservation() IS 'Trigger function of cart: what it holds is reserved until its row says.';

CREATE FUNCTION regpaydb.guard_rows()
	RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_guard_rows';
REVOKE ALL ON FUNCTION regpaydb.guard_rows() FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.guard_rows() IS 'Trigger function: refuses changes of what only the engine changes.';

CREATE FUNCTION regpaydb.guard_conference()
	RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_guard_conference';
REVOKE ALL ON FUNCTION regpaydb.guard_conference() FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.guard_conference() IS 'Trigger function of conference: keeps its row, the decimals of its currency and, once there are payments, the currency.';

CREATE FUNCTION regpaydb.make_access_code()
	RETURNS trigger
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_make_access_code';
REVOKE ALL ON FUNCTION regpaydb.make_access_code() FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.make_access_code() IS 'Trigger function of attendee: makes an access code where none is given.';
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
