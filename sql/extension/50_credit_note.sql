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

CREATE FUNCTION regpaydb.charge_credit_note(
		credit_note_id bigint,
		lines jsonb,
		due interval DEFAULT '1 day')
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_charge_credit_note';
REVOKE ALL ON FUNCTION regpaydb.charge_credit_note(bigint, jsonb, interval) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.charge_credit_note(bigint, jsonb, interval) IS 'Makes an invoice of these lines, due after the given time, and pays it by this credit note; what is left over becomes a new note. Returns the invoice''s id. lines are as those of manual_invoice().';

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
