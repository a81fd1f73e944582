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

CREATE FUNCTION regpaydb.record_manual_payment(
		invoice_id bigint,
		amount numeric,
		reference text,
		entered_by bigint)
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_record_manual_payment';
REVOKE ALL ON FUNCTION regpaydb.record_manual_payment(bigint, numeric, text, bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.record_manual_payment(bigint, numeric, text, bigint) IS 'Records a payment that a staff member reports, whatever state the invoice is in; a negative amount is a refund. Returns the payment''s id.';
