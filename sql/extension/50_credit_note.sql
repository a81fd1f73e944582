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
COMMENT ON FUNCTION regpaydb.refund_credit_note(bigint, text, bigint) IS 'Records that a credit note was paid out in full: a refund that is requested and done at once; returns its id.';

CREATE FUNCTION regpaydb.request_refund(
		credit_note_id bigint,
		reference text,
		parts jsonb DEFAULT NULL,
		entered_by bigint DEFAULT NULL)
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_request_refund';
REVOKE ALL ON FUNCTION regpaydb.request_refund(bigint, text, jsonb, bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.request_refund(bigint, text, jsonb, bigint) IS 'Claims a credit note for a refund that a payment platform is to make; returns the refund''s id, which is the idempotency key to send, with the payment''s where there are several parts. parts: [{"payment_id": 3, "amount": 100.00}, ...], by default what its sources can take; the rest goes some other way.';

CREATE FUNCTION regpaydb.confirm_refund(
		credit_note_refund_id bigint,
		provider text DEFAULT NULL,
		provider_ref text DEFAULT NULL)
	RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_confirm_refund';
REVOKE ALL ON FUNCTION regpaydb.confirm_refund(bigint, text, text) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.confirm_refund(bigint, text, text) IS 'Records that a refund that was requested is done; again with the same reference does nothing.';

CREATE FUNCTION regpaydb.fail_refund(
		credit_note_refund_id bigint,
		reason text)
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_fail_refund';
REVOKE ALL ON FUNCTION regpaydb.fail_refund(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.fail_refund(bigint, text) IS 'Records that a refund that was requested has failed: its money becomes a new credit note, whose id is returned.';

CREATE FUNCTION regpaydb.refund_sources(
		credit_note_id bigint)
	RETURNS TABLE (
		payment_id bigint,
		provider text,
		provider_ref text,
		reference text,
		amount numeric,
		refundable numeric)
	LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 5
	AS 'MODULE_PATHNAME', 'regpaydb_refund_sources';
REVOKE ALL ON FUNCTION regpaydb.refund_sources(bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.refund_sources(bigint) IS 'Which payments from outside brought a credit note''s money, how much each, and how much of each payment can still go back to it.';

CREATE FUNCTION regpaydb.money_trail(
		payment_id bigint)
	RETURNS TABLE (
		place text,
		amount numeric,
		invoice_id bigint,
		credit_note_id bigint,
		credit_note_refund_id bigint)
	LANGUAGE c STABLE PARALLEL RESTRICTED ROWS 5
	AS 'MODULE_PATHNAME', 'regpaydb_money_trail';
REVOKE ALL ON FUNCTION regpaydb.money_trail(bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.money_trail(bigint) IS 'Where the money that a payment brought is now: on invoices, in unclaimed credit notes, refunded or reversed.';

CREATE FUNCTION regpaydb.payment_summary(
		provider text,
		provider_ref text)
	RETURNS text
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'regpaydb_payment_summary';
REVOKE ALL ON FUNCTION regpaydb.payment_summary(text, text) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.payment_summary(text, text) IS 'The same in words for a platform''s payment: 640.00: 475.00 on invoice 12 (paid), 100.00 back by refund 7 (done), 65.00 in credit note 88. NULL where there is no such payment.';

CREATE FUNCTION regpaydb.record_reversal(
		provider text,
		provider_ref text,
		amount numeric,
		reversal_ref text,
		reference text DEFAULT '')
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_record_reversal';
REVOKE ALL ON FUNCTION regpaydb.record_reversal(text, text, numeric, text, text) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.record_reversal(text, text, numeric, text, text) IS 'Records that a platform took back money that this payment had brought, from what its invoice has too much first; returns the reversal''s id. NULL where reversal_ref is a refund of ours, which is confirmed. The same reversal_ref again returns the first one''s id and does nothing.';

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
