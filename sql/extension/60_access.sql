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
