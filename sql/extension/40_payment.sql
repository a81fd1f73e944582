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
