\echo Use "ALTER EXTENSION regpaydb UPDATE" to load this file. \quit
-- Money that leaves is staff's, is recorded once, and says who and why.
DROP FUNCTION regpaydb.void_invoice(bigint);
CREATE FUNCTION regpaydb.void_invoice(
		invoice_id bigint,
		reason text DEFAULT NULL)
	RETURNS void
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_void_invoice';
REVOKE ALL ON FUNCTION regpaydb.void_invoice(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.void_invoice(bigint, text) IS 'Voids an invoice on which no money is; the reason is kept with it.';

DROP FUNCTION regpaydb.refund_invoice(bigint);
CREATE FUNCTION regpaydb.refund_invoice(
		invoice_id bigint,
		reason text DEFAULT NULL)
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_refund_invoice';
REVOKE ALL ON FUNCTION regpaydb.refund_invoice(bigint, text) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.refund_invoice(bigint, text) IS 'Turns all that was paid on the invoice into a credit note and returns its id; NULL where nothing was paid, the invoice is void then. The reason is kept with the invoice and the note.';

COMMENT ON FUNCTION regpaydb.guard_conference() IS 'Trigger function of conference: keeps its row, the decimals of its currency and, once there are payments, the currency.';

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

DROP FUNCTION regpaydb.record_manual_payment(bigint, numeric, text, bigint);
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

