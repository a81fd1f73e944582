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
