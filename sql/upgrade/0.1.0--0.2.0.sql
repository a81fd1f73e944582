-- Who did it, why, and what the bank says.
COMMENT ON COLUMN conference.currency IS 'ISO 4217 code of the one currency of all amounts. How many decimals it has is fixed, and the currency, too, once there are payments.';
COMMENT ON TRIGGER conference_guard ON conference IS 'Keeps the row, the decimals of its currency and, once there are payments, the currency.';

ALTER TABLE payment ADD COLUMN value_date date;
COMMENT ON COLUMN payment."time" IS 'When the payment was recorded: the time of that transaction.';
COMMENT ON COLUMN payment.entered_by IS 'user_id of who entered it, or on whose behalf a function recorded it; NULL where neither is known.';
COMMENT ON COLUMN payment.value_date IS 'The day on which it happened, as the bank says; NULL where that is not known.';

ALTER TABLE invoice ADD COLUMN issued_by bigint, ADD COLUMN closed_by bigint,
	ADD COLUMN closed_reason text,
	ADD CONSTRAINT invoice_closed_reason_check CHECK (length(closed_reason) <= 1000);
COMMENT ON COLUMN invoice.issued_by IS 'user_id on whose behalf it was made; NULL where there was no actor.';
COMMENT ON COLUMN invoice.closed_by IS 'user_id on whose behalf it became refunded or void; NULL where there was no actor.';
COMMENT ON COLUMN invoice.closed_reason IS 'Why it was refunded or voided, where that was said.';
DROP TRIGGER invoice_guard_update ON invoice;
CREATE TRIGGER invoice_guard_update
	BEFORE UPDATE ON invoice
	FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_rows('invoice_id', 'attendee_id',
		'cart_id', 'cart_revision', 'status', 'value', 'paid', 'payment_count',
		'last_payment_id', 'issue_time', 'paid_time', 'closed_time', 'issued_by',
		'closed_by', 'closed_reason');
COMMENT ON TRIGGER invoice_guard_update ON invoice IS 'Keeps the columns that only the engine changes.';

COMMENT ON COLUMN credit_note_refund.entered_by IS 'user_id of who entered it, or on whose behalf it was recorded; NULL where neither is known.';

ALTER TABLE outbox ADD COLUMN entered_by bigint;
COMMENT ON COLUMN outbox.entered_by IS 'user_id on whose behalf it was done; NULL where there was no actor.';
