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
		due numeric,
		losses numeric)
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'regpaydb_reconciliation';
REVOKE ALL ON FUNCTION regpaydb.reconciliation(timestamptz) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.reconciliation(timestamptz) IS 'Where the money that had been received by a time was then: on invoices, in unclaimed credit notes or refunded, which leaves a difference of 0. Beside it the value of the invoices that were paid, what was due on the others, and what platforms took back that no invoice had.';

CREATE FUNCTION regpaydb.invoice_document(
		invoice_id bigint)
	RETURNS jsonb
	LANGUAGE c STABLE PARALLEL RESTRICTED
	AS 'MODULE_PATHNAME', 'regpaydb_invoice_document';
REVOKE ALL ON FUNCTION regpaydb.invoice_document(bigint) FROM PUBLIC;
COMMENT ON FUNCTION regpaydb.invoice_document(bigint) IS 'The complete invoice for an application to render: recipient, lines, payments, credit notes, totals, status.';
