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
COMMENT ON FUNCTION regpaydb.total_payments(bigint) IS 'What has been paid on the invoice, less what was turned into credit notes or taken back by a platform.';

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

CREATE FUNCTION regpaydb.return_items(
		invoice_id bigint,
		items jsonb,
		reason text DEFAULT NULL)
	RETURNS bigint
	LANGUAGE c VOLATILE PARALLEL UNSAFE
	AS 'MODULE_PATHNAME', 'regpaydb_return_items';
REVOKE ALL ON FUNCTION regpaydb.return_items(bigint, jsonb, text) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.return_items(bigint, jsonb, text) IS 'Takes items of a paid invoice back: what remains is on a new invoice that is paid, at the prices that were paid, and nobody else can buy it meanwhile; returns the credit note of what is left over, NULL for none. items: [{"line_item_id": 7, "quantity": 1}, ...], by default all of a line.';
