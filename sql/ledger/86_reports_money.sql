-- Reports: invoices and money.

CREATE VIEW report_invoices WITH (security_invoker = true) AS
	SELECT i.invoice_id, i.attendee_id, a.user_id, i.recipient, a.email, i.status, i.issue_time,
		i.due_time, i.paid_time, i.closed_time, i.value, i.paid,
		CASE WHEN i.status = 'unpaid' THEN i.value - i.paid ELSE 0.00 END AS due,
		i.payment_count, i.cart_id, i.issued_by, i.closed_by, i.closed_reason
	FROM invoice i
	JOIN attendee a ON a.attendee_id = i.attendee_id;
COMMENT ON VIEW report_invoices IS 'Every invoice, and whom it is for.';
COMMENT ON COLUMN report_invoices.invoice_id IS 'Key: the invoice.';
COMMENT ON COLUMN report_invoices.attendee_id IS 'Who is invoiced.';
COMMENT ON COLUMN report_invoices.user_id IS 'The attendee''s key in the application.';
COMMENT ON COLUMN report_invoices.recipient IS 'What was printed as recipient.';
COMMENT ON COLUMN report_invoices.email IS 'Where to write to.';
COMMENT ON COLUMN report_invoices.status IS 'unpaid, paid, refunded or void.';
COMMENT ON COLUMN report_invoices.issue_time IS 'When it was issued.';
COMMENT ON COLUMN report_invoices.due_time IS 'When it should be paid.';
COMMENT ON COLUMN report_invoices.paid_time IS 'When it became paid, if it ever did.';
COMMENT ON COLUMN report_invoices.closed_time IS 'When it became refunded or void, if it did.';
COMMENT ON COLUMN report_invoices.value IS 'Sum of its lines.';
COMMENT ON COLUMN report_invoices.paid IS 'Sum of its payments, less what became credit notes.';
COMMENT ON COLUMN report_invoices.due IS 'What remains to be paid; 0 where nothing can be.';
COMMENT ON COLUMN report_invoices.payment_count IS 'Number of its payments, credit notes included.';
COMMENT ON COLUMN report_invoices.cart_id IS 'The cart that it bills, if any.';
COMMENT ON COLUMN report_invoices.issued_by IS 'user_id on whose behalf it was made, if any.';
COMMENT ON COLUMN report_invoices.closed_by IS 'user_id on whose behalf it was refunded or voided, if any.';
COMMENT ON COLUMN report_invoices.closed_reason IS 'Why it was refunded or voided, where that was said.';

CREATE VIEW report_payments WITH (security_invoker = true) AS
	SELECT p.payment_id, p."time", p.kind, p.amount, p.reference, p.provider, p.provider_ref,
		p.entered_by, p.invoice_id, i.status AS invoice_status, i.attendee_id, i.recipient,
		p.value_date
	FROM payment p
	JOIN invoice i ON i.invoice_id = p.invoice_id;
COMMENT ON VIEW report_payments IS 'Every payment, credit notes and their applications included, and whose invoice it is on.';
COMMENT ON COLUMN report_payments.payment_id IS 'Key: the payment.';
COMMENT ON COLUMN report_payments."time" IS 'When it was recorded.';
COMMENT ON COLUMN report_payments.kind IS 'payment, manual, reversal (taken back by a platform), credit_note (taken off the invoice), credit_application or refund_failed.';
COMMENT ON COLUMN report_payments.amount IS 'Amount; negative where money was taken off the invoice.';
COMMENT ON COLUMN report_payments.reference IS 'What people identify it by.';
COMMENT ON COLUMN report_payments.provider IS 'The payment platform.';
COMMENT ON COLUMN report_payments.provider_ref IS 'The platform''s own key.';
COMMENT ON COLUMN report_payments.entered_by IS 'user_id of who entered it, or on whose behalf it was recorded, if any.';
COMMENT ON COLUMN report_payments.invoice_id IS 'The invoice that it is on.';
COMMENT ON COLUMN report_payments.invoice_status IS 'Status of the invoice.';
COMMENT ON COLUMN report_payments.attendee_id IS 'Who is invoiced.';
COMMENT ON COLUMN report_payments.recipient IS 'What was printed as recipient.';
COMMENT ON COLUMN report_payments.value_date IS 'The day on which it happened, as the bank says.';

-- One day of it is read by the indexes on "time".  Of a reversal the whole amount is
-- there, as the platform's file has it; its payment may be hidden from who asks.
CREATE VIEW report_received WITH (security_invoker = true) AS
	SELECT "time"::date AS date, "time", kind, provider, provider_ref, reference, amount,
		payment_id, reversal_id, invoice_id, entered_by, value_date
	FROM (
		SELECT "time", kind, provider, provider_ref, reference, amount, payment_id,
			NULL::bigint AS reversal_id, invoice_id, entered_by, value_date
		FROM payment
		WHERE kind IN ('payment', 'manual')
		UNION ALL
		SELECT v."time", 'reversal'::text::regpaydb.payment_kind AS kind, v.provider, v.reversal_ref,
			v.reference, -v.amount, v.payment_id, v.reversal_id, p.invoice_id, v.entered_by,
			NULL::date AS value_date
		FROM reversal v
		LEFT JOIN payment p ON p.payment_id = v.payment_id) AS entry;
COMMENT ON VIEW report_received IS 'Money from outside, payment by payment, and what platforms took back: what is behind the sums of report_received_by_day.';
COMMENT ON COLUMN report_received.date IS 'The day, in the session''s time zone. To read one day by an index, ask for its times.';
COMMENT ON COLUMN report_received."time" IS 'When it was recorded.';
COMMENT ON COLUMN report_received.kind IS 'payment, manual where staff entered it, or reversal where a platform took it back.';
COMMENT ON COLUMN report_received.provider IS 'The payment platform; NULL where none was given.';
COMMENT ON COLUMN report_received.provider_ref IS 'The platform''s own key of the payment or reversal.';
COMMENT ON COLUMN report_received.reference IS 'What people identify it by.';
COMMENT ON COLUMN report_received.amount IS 'Amount; negative where it was given back or taken back.';
COMMENT ON COLUMN report_received.payment_id IS 'The payment, or that which was taken back.';
COMMENT ON COLUMN report_received.reversal_id IS 'The reversal, if it is one.';
COMMENT ON COLUMN report_received.invoice_id IS 'The invoice that the payment is on; NULL where who asks may not see that.';
COMMENT ON COLUMN report_received.entered_by IS 'user_id of who entered it, or on whose behalf it was recorded, if any.';
COMMENT ON COLUMN report_received.value_date IS 'The day on which it happened, as the bank says.';

CREATE VIEW report_received_by_day WITH (security_invoker = true) AS
	SELECT date, kind, provider, count(*) AS payments, sum(amount) AS amount,
		array_agg(reference ORDER BY place) FILTER (WHERE place <= 10) AS reference_list,
		greatest(count(*) - 10, 0) AS more_references
	FROM (
		SELECT "time"::date AS date, kind, provider, amount, reference,
			row_number() OVER (PARTITION BY "time"::date, kind, provider ORDER BY id) AS place
		FROM (
			SELECT "time", kind, provider, amount, coalesce(provider_ref, reference) AS reference,
				payment_id AS id
			FROM payment
			WHERE kind IN ('payment', 'manual')
			UNION ALL
			SELECT "time", 'reversal'::text::regpaydb.payment_kind AS kind, provider, -amount,
				reversal_ref, reversal_id
			FROM reversal) AS entry) AS placed
	GROUP BY date, kind, provider;
COMMENT ON VIEW report_received_by_day IS 'Money from outside by day and payment platform, to hold against the platform''s or the bank''s file. What platforms took back is in it whole, with what of it is a loss.';
COMMENT ON COLUMN report_received_by_day.date IS 'The day, in the session''s time zone.';
COMMENT ON COLUMN report_received_by_day.kind IS 'payment, manual where staff entered it, or reversal where a platform took it back.';
COMMENT ON COLUMN report_received_by_day.provider IS 'The payment platform; NULL where none was given.';
COMMENT ON COLUMN report_received_by_day.payments IS 'How many payments, or reversals.';
COMMENT ON COLUMN report_received_by_day.amount IS 'Their sum, less what was given back.';
COMMENT ON COLUMN report_received_by_day.reference_list IS 'The platform''s keys of the first ten, or what else they were identified by, in the order in which they were recorded.';
COMMENT ON COLUMN report_received_by_day.more_references IS 'How many more there are; report_received has them all.';

-- The invoice that a note came from, or went to, may be somebody else's and
-- hidden from the owner: outer joins show the note all the same.
CREATE VIEW report_credit_notes WITH (security_invoker = true) AS
	SELECT n.credit_note_id, p."time", n.attendee_id, a.user_id, a.recipient AS owner, a.email,
		n.value, n.state,
		CASE n.state
			WHEN 'unclaimed' THEN 'unclaimed'
			WHEN 'applied' THEN concat_ws(' to invoice ', 'applied', used.invoice_id)
			ELSE concat_ws(': ', CASE r.state
				WHEN 'requested' THEN 'refund requested'
				WHEN 'failed' THEN 'refund failed'
				ELSE 'refunded'
			END, nullif(r.reference, ''))
		END AS status,
		p.invoice_id AS from_invoice_id, used.invoice_id AS to_invoice_id,
		coalesce(used."time", r."time") AS claim_time, r.state AS refund_state
	FROM credit_note n
	JOIN attendee a ON a.attendee_id = n.attendee_id
	LEFT JOIN payment p ON p.payment_id = n.credit_note_id
	LEFT JOIN credit_note_application c ON c.credit_note_id = n.credit_note_id
	LEFT JOIN payment used ON used.payment_id = c.payment_id
	LEFT JOIN credit_note_refund r ON r.credit_note_id = n.credit_note_id;
COMMENT ON VIEW report_credit_notes IS 'Every credit note, whose it is, and what became of it.';
COMMENT ON COLUMN report_credit_notes.credit_note_id IS 'Key: the note.';
COMMENT ON COLUMN report_credit_notes."time" IS 'When it was made.';
COMMENT ON COLUMN report_credit_notes.attendee_id IS 'Whose money it is.';
COMMENT ON COLUMN report_credit_notes.user_id IS 'The owner''s key in the application.';
COMMENT ON COLUMN report_credit_notes.owner IS 'The owner''s name and address, as printed on invoices.';
COMMENT ON COLUMN report_credit_notes.email IS 'Where to write to.';
COMMENT ON COLUMN report_credit_notes.value IS 'The amount.';
COMMENT ON COLUMN report_credit_notes.state IS 'unclaimed, applied or refunded.';
COMMENT ON COLUMN report_credit_notes.status IS 'The same for people: which invoice it was applied to, or how it was refunded.';
COMMENT ON COLUMN report_credit_notes.from_invoice_id IS 'The invoice that it came from.';
COMMENT ON COLUMN report_credit_notes.to_invoice_id IS 'The invoice that it was applied to, if it was.';
COMMENT ON COLUMN report_credit_notes.claim_time IS 'When it was applied, or its refund was requested or made, if it was.';
COMMENT ON COLUMN report_credit_notes.refund_state IS 'How far its refund is, if it has one: the money of a failed one is in a newer note.';

CREATE VIEW report_credit_note_refunds WITH (security_invoker = true) AS
	SELECT r.credit_note_refund_id, r."time", r.credit_note_id, n.value, r.reference,
		r.entered_by, n.attendee_id, a.user_id, a.recipient AS owner, a.email, r.state,
		r.provider, r.provider_ref, r.closed_time, r.closed_by, r.failure_reason,
		(SELECT jsonb_agg(jsonb_build_object('payment_id', t.payment_id, 'amount', t.amount,
				'provider', p.provider, 'provider_ref', p.provider_ref, 'reference', p.reference)
				ORDER BY t.payment_id)
			FROM credit_note_refund_part t
			LEFT JOIN payment p ON p.payment_id = t.payment_id
			WHERE t.credit_note_refund_id = r.credit_note_refund_id) AS parts
	FROM credit_note_refund r
	JOIN credit_note n ON n.credit_note_id = r.credit_note_id
	JOIN attendee a ON a.attendee_id = n.attendee_id;
COMMENT ON VIEW report_credit_note_refunds IS 'Every refund of a credit note, those that are requested or have failed included.';
COMMENT ON COLUMN report_credit_note_refunds.credit_note_refund_id IS 'Key: the refund.';
COMMENT ON COLUMN report_credit_note_refunds."time" IS 'When it was recorded: requested, or done at once.';
COMMENT ON COLUMN report_credit_note_refunds.credit_note_id IS 'The note.';
COMMENT ON COLUMN report_credit_note_refunds.value IS 'The amount.';
COMMENT ON COLUMN report_credit_note_refunds.reference IS 'What people identify the refund by.';
COMMENT ON COLUMN report_credit_note_refunds.entered_by IS 'user_id of who entered it, or on whose behalf it was recorded, if any.';
COMMENT ON COLUMN report_credit_note_refunds.attendee_id IS 'Who is to get it.';
COMMENT ON COLUMN report_credit_note_refunds.user_id IS 'The attendee''s key in the application.';
COMMENT ON COLUMN report_credit_note_refunds.owner IS 'The attendee''s name and address, as printed on invoices.';
COMMENT ON COLUMN report_credit_note_refunds.email IS 'Where to write to.';
COMMENT ON COLUMN report_credit_note_refunds.state IS 'requested, done or failed.';
COMMENT ON COLUMN report_credit_note_refunds.provider IS 'The payment platform that made it, where that is known.';
COMMENT ON COLUMN report_credit_note_refunds.provider_ref IS 'The platform''s own key of the refund.';
COMMENT ON COLUMN report_credit_note_refunds.closed_time IS 'When it was done or failed.';
COMMENT ON COLUMN report_credit_note_refunds.closed_by IS 'user_id on whose behalf that was recorded, if any.';
COMMENT ON COLUMN report_credit_note_refunds.failure_reason IS 'Why it failed, if it did.';
COMMENT ON COLUMN report_credit_note_refunds.parts IS 'How much goes back to which payment, as a list of objects; payment_id is null for what goes some other way. NULL for those of before version 0.3.0.';

CREATE VIEW report_refunds_in_flight WITH (security_invoker = true) AS
	SELECT r.credit_note_refund_id, r."time", now() - r."time" AS age, r.credit_note_id, n.value,
		r.reference, r.entered_by, n.attendee_id, a.user_id, a.recipient AS owner, a.email
	FROM credit_note_refund r
	JOIN credit_note n ON n.credit_note_id = r.credit_note_id
	JOIN attendee a ON a.attendee_id = n.attendee_id
	WHERE r.state = 'requested';
COMMENT ON VIEW report_refunds_in_flight IS 'Refunds that were requested, and of which nobody has said yet that they are done or failed.';
COMMENT ON COLUMN report_refunds_in_flight.credit_note_refund_id IS 'Key: the refund.';
COMMENT ON COLUMN report_refunds_in_flight."time" IS 'When it was requested.';
COMMENT ON COLUMN report_refunds_in_flight.age IS 'For how long it has been on its way.';
COMMENT ON COLUMN report_refunds_in_flight.credit_note_id IS 'The note.';
COMMENT ON COLUMN report_refunds_in_flight.value IS 'The amount.';
COMMENT ON COLUMN report_refunds_in_flight.reference IS 'What people identify the refund by.';
COMMENT ON COLUMN report_refunds_in_flight.entered_by IS 'user_id of who entered it, or on whose behalf it was recorded, if any.';
COMMENT ON COLUMN report_refunds_in_flight.attendee_id IS 'Who is to get it.';
COMMENT ON COLUMN report_refunds_in_flight.user_id IS 'The attendee''s key in the application.';
COMMENT ON COLUMN report_refunds_in_flight.owner IS 'The attendee''s name and address, as printed on invoices.';
COMMENT ON COLUMN report_refunds_in_flight.email IS 'Where to write to.';

CREATE VIEW report_reversals WITH (security_invoker = true) AS
	SELECT v.reversal_id, v."time", v.provider, v.reversal_ref, v.amount, v.loss, v.reference,
		v.entered_by, v.payment_id, p.provider_ref AS payment_ref, p.amount AS payment_amount,
		p.invoice_id, i.status AS invoice_status, i.attendee_id, i.recipient
	FROM reversal v
	JOIN payment p ON p.payment_id = v.payment_id
	JOIN invoice i ON i.invoice_id = p.invoice_id;
COMMENT ON VIEW report_reversals IS 'Money that platforms took back, and what of it is lost.';
COMMENT ON COLUMN report_reversals.reversal_id IS 'Key: the reversal.';
COMMENT ON COLUMN report_reversals."time" IS 'When it was recorded.';
COMMENT ON COLUMN report_reversals.provider IS 'The payment platform.';
COMMENT ON COLUMN report_reversals.reversal_ref IS 'The platform''s own key of the reversal.';
COMMENT ON COLUMN report_reversals.amount IS 'How much.';
COMMENT ON COLUMN report_reversals.loss IS 'How much of it was spent elsewhere already.';
COMMENT ON COLUMN report_reversals.reference IS 'What people identify it by.';
COMMENT ON COLUMN report_reversals.entered_by IS 'user_id on whose behalf it was recorded, if any.';
COMMENT ON COLUMN report_reversals.payment_id IS 'The payment that had brought the money.';
COMMENT ON COLUMN report_reversals.payment_ref IS 'The platform''s own key of that payment.';
COMMENT ON COLUMN report_reversals.payment_amount IS 'What it had brought.';
COMMENT ON COLUMN report_reversals.invoice_id IS 'The invoice that it was for.';
COMMENT ON COLUMN report_reversals.invoice_status IS 'Status of the invoice now.';
COMMENT ON COLUMN report_reversals.attendee_id IS 'Who is invoiced.';
COMMENT ON COLUMN report_reversals.recipient IS 'What was printed as recipient.';

CREATE VIEW report_unclaimed_ageing WITH (security_invoker = true) AS
	SELECT n.credit_note_id, n.attendee_id, a.user_id, a.recipient AS owner, a.email, n.value,
		p."time", p.invoice_id AS from_invoice_id, i.status AS invoice_status, age.days,
		CASE
			WHEN age.days <= 30 THEN '0-30 days'
			WHEN age.days <= 60 THEN '31-60 days'
			WHEN age.days <= 90 THEN '61-90 days'
			WHEN age.days > 90 THEN 'over 90 days'
		END AS bucket
	FROM credit_note n
	JOIN attendee a ON a.attendee_id = n.attendee_id
	LEFT JOIN payment p ON p.payment_id = n.credit_note_id
	LEFT JOIN invoice i ON i.invoice_id = p.invoice_id
	CROSS JOIN LATERAL (SELECT extract(day FROM now() - p."time")::integer AS days) AS age
	WHERE n.state = 'unclaimed';
COMMENT ON VIEW report_unclaimed_ageing IS 'Money that was paid too much, too late or given back, and that nobody asked for yet: every unclaimed credit note, and for how long it has been one.';
COMMENT ON COLUMN report_unclaimed_ageing.credit_note_id IS 'Key: the note.';
COMMENT ON COLUMN report_unclaimed_ageing.attendee_id IS 'Whose money it is.';
COMMENT ON COLUMN report_unclaimed_ageing.user_id IS 'The owner''s key in the application.';
COMMENT ON COLUMN report_unclaimed_ageing.owner IS 'The owner''s name and address, as printed on invoices.';
COMMENT ON COLUMN report_unclaimed_ageing.email IS 'Where to write to.';
COMMENT ON COLUMN report_unclaimed_ageing.value IS 'The amount.';
COMMENT ON COLUMN report_unclaimed_ageing."time" IS 'When the note was made.';
COMMENT ON COLUMN report_unclaimed_ageing.from_invoice_id IS 'The invoice that it came from.';
COMMENT ON COLUMN report_unclaimed_ageing.invoice_status IS 'Status of that invoice: paid where too much was paid, refunded or void where money was given back or came too late.';
COMMENT ON COLUMN report_unclaimed_ageing.days IS 'For how many whole days it has been there.';
COMMENT ON COLUMN report_unclaimed_ageing.bucket IS 'The same in months: 0-30, 31-60, 61-90, over 90 days.';

CREATE VIEW report_overdue_ageing WITH (security_invoker = true) AS
	SELECT i.invoice_id, i.attendee_id, a.user_id, i.recipient, a.email, i.issue_time,
		i.due_time, i.value, i.paid, i.value - i.paid AS due, age.days,
		CASE
			WHEN age.days <= 30 THEN '0-30 days'
			WHEN age.days <= 60 THEN '31-60 days'
			WHEN age.days <= 90 THEN '61-90 days'
			WHEN age.days > 90 THEN 'over 90 days'
		END AS bucket
	FROM invoice i
	JOIN attendee a ON a.attendee_id = i.attendee_id
	CROSS JOIN LATERAL (SELECT extract(day FROM now() - i.due_time)::integer AS days) AS age
	WHERE i.status = 'unpaid' AND i.due_time < now();
COMMENT ON VIEW report_overdue_ageing IS 'Unpaid invoices that should have been paid, and for how long.';
COMMENT ON COLUMN report_overdue_ageing.invoice_id IS 'Key: the invoice.';
COMMENT ON COLUMN report_overdue_ageing.attendee_id IS 'Who is invoiced.';
COMMENT ON COLUMN report_overdue_ageing.user_id IS 'The attendee''s key in the application.';
COMMENT ON COLUMN report_overdue_ageing.recipient IS 'What was printed as recipient.';
COMMENT ON COLUMN report_overdue_ageing.email IS 'Where to write to.';
COMMENT ON COLUMN report_overdue_ageing.issue_time IS 'When it was issued.';
COMMENT ON COLUMN report_overdue_ageing.due_time IS 'When it should have been paid.';
COMMENT ON COLUMN report_overdue_ageing.value IS 'Sum of its lines.';
COMMENT ON COLUMN report_overdue_ageing.paid IS 'What was paid.';
COMMENT ON COLUMN report_overdue_ageing.due IS 'What remains to be paid.';
COMMENT ON COLUMN report_overdue_ageing.days IS 'For how many whole days it has been overdue.';
COMMENT ON COLUMN report_overdue_ageing.bucket IS 'The same in months: 0-30, 31-60, 61-90, over 90 days.';

-- A credit note moves money between an attendee's invoices and her credit, which
-- leaves her balance as it is, unless one of the two is somebody else's.  That
-- other side may be hidden from who asks: outer joins keep the balance right.
-- (Constants have names so that a dump shows them as they are.)
CREATE VIEW report_attendee_statement WITH (security_invoker = true) AS
	SELECT attendee_id, row_number() OVER entries AS entry_number, "time", entry, invoice_id,
		credit_note_id, reference, amount, sum(amount) OVER entries AS balance
	FROM (
		SELECT attendee_id, issue_time AS "time", 1 AS place, invoice_id AS id,
			'invoice' AS entry, invoice_id, NULL::bigint AS credit_note_id, '' AS reference,
			value AS amount
		FROM invoice
		UNION ALL
		SELECT i.attendee_id, p."time", 2, p.payment_id,
			CASE p.kind
				WHEN 'payment' THEN CASE WHEN p.amount > 0 THEN 'payment' ELSE 'payment returned' END
				WHEN 'manual' THEN
					CASE WHEN p.amount > 0 THEN 'manual payment' ELSE 'manual payment returned' END
				WHEN 'credit_note' THEN 'credit to somebody else'
				WHEN 'credit_application' THEN 'credit of somebody else'
				ELSE CASE WHEN p.amount < 0 THEN 'payment reversed' ELSE 'refund of somebody else failed' END
			END,
			p.invoice_id, coalesce(c.credit_note_id, n.credit_note_id), p.reference, -p.amount
		FROM invoice i
		JOIN payment p ON p.invoice_id = i.invoice_id
		LEFT JOIN credit_note_application c ON c.payment_id = p.payment_id
		LEFT JOIN credit_note_refund f ON f.returned_payment_id = p.payment_id
		LEFT JOIN credit_note n ON n.credit_note_id = coalesce(c.credit_note_id, f.credit_note_id,
			p.payment_id)
		WHERE n.attendee_id IS DISTINCT FROM i.attendee_id
		UNION ALL
		SELECT n.attendee_id, p."time", 3, n.credit_note_id,
			'credit from somebody else''s invoice' AS entry,
			p.invoice_id, n.credit_note_id, p.reference, -n.value
		FROM credit_note n
		LEFT JOIN payment p ON p.payment_id = n.credit_note_id
		LEFT JOIN invoice i ON i.invoice_id = p.invoice_id
		WHERE n.attendee_id IS DISTINCT FROM i.attendee_id
		UNION ALL
		SELECT n.attendee_id, p."time", 4, p.payment_id,
			'credit put on somebody else''s invoice' AS entry,
			p.invoice_id, n.credit_note_id, p.reference, n.value
		FROM credit_note n
		LEFT JOIN credit_note_application c ON c.credit_note_id = n.credit_note_id
		LEFT JOIN credit_note_refund f ON f.credit_note_id = n.credit_note_id
		LEFT JOIN payment p ON p.payment_id = coalesce(c.payment_id, f.returned_payment_id)
		LEFT JOIN invoice i ON i.invoice_id = p.invoice_id
		WHERE (n.state = 'applied' OR f.state = 'failed')
			AND n.attendee_id IS DISTINCT FROM i.attendee_id
		UNION ALL
		SELECT attendee_id, closed_time, 5, invoice_id, format('invoice %s', status),
			invoice_id, NULL AS credit_note_id, '' AS reference, -value
		FROM invoice
		WHERE closed_time IS NOT NULL
		UNION ALL
		SELECT n.attendee_id, r."time", 6, r.credit_note_refund_id, 'credit paid out' AS entry,
			NULL AS invoice_id, n.credit_note_id, r.reference, n.value
		FROM credit_note n
		JOIN credit_note_refund r ON r.credit_note_id = n.credit_note_id
		UNION ALL
		SELECT n.attendee_id, r.closed_time, 7, r.credit_note_refund_id,
			'credit not paid out' AS entry, NULL AS invoice_id, n.credit_note_id,
			r.failure_reason, -n.value
		FROM credit_note n
		JOIN credit_note_refund r ON r.credit_note_id = n.credit_note_id
		WHERE r.state = 'failed') AS entry
	WINDOW entries AS (PARTITION BY attendee_id ORDER BY "time", place, id
		ROWS UNBOUNDED PRECEDING);
COMMENT ON VIEW report_attendee_statement IS 'What every attendee was charged, paid and got back, with the running balance. Moves between her own invoices and credit leave that as it is and are left out.';
COMMENT ON COLUMN report_attendee_statement.attendee_id IS 'The attendee.';
COMMENT ON COLUMN report_attendee_statement.entry_number IS 'Place in the attendee''s statement; key together with attendee_id.';
COMMENT ON COLUMN report_attendee_statement."time" IS 'When it was recorded; NULL where who asks may not see the invoice that it happened to.';
COMMENT ON COLUMN report_attendee_statement.entry IS 'What happened, for people.';
COMMENT ON COLUMN report_attendee_statement.invoice_id IS 'The invoice that it happened to, if any and if who asks may see it.';
COMMENT ON COLUMN report_attendee_statement.credit_note_id IS 'The credit note that it happened to, if any.';
COMMENT ON COLUMN report_attendee_statement.reference IS 'What people identify the payment or refund by.';
COMMENT ON COLUMN report_attendee_statement.amount IS 'What it adds to what the attendee owes; negative where it takes off.';
COMMENT ON COLUMN report_attendee_statement.balance IS 'What the attendee owes then; negative where it is credit.';

CREATE VIEW report_outbox_lag WITH (security_invoker = true) AS
	SELECT count(*) AS waiting, min("time") AS oldest_time, now() - min("time") AS lag
	FROM outbox;
COMMENT ON VIEW report_outbox_lag IS 'How far the consumers of the outbox are behind: one row.';
COMMENT ON COLUMN report_outbox_lag.waiting IS 'How many rows nobody took yet.';
COMMENT ON COLUMN report_outbox_lag.oldest_time IS 'When the oldest of them was written; NULL where there is none.';
COMMENT ON COLUMN report_outbox_lag.lag IS 'For how long it has waited; NULL where there is none.';
