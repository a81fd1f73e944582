-- The reports' questions, as somebody would ask them of the tables by hand.  The
-- benchmark sees to it that the answers are the same.

-- @ report_sales_and_payments by hand
SELECT sold, payments, sold - payments, part, received, noted, applied, refunded, unclaimed,
	noted - applied - refunded - unclaimed - returned, returned
FROM (SELECT
	(SELECT coalesce(sum(price * quantity), 0.00) FROM line_item JOIN invoice USING (invoice_id)
		WHERE status = 'paid') AS sold,
	(SELECT coalesce(sum(paid), 0.00) FROM invoice WHERE status = 'unpaid') AS part,
	(SELECT coalesce(sum(value), 0.00) FROM credit_note_refund r JOIN credit_note USING (credit_note_id)
		WHERE r.state <> 'failed') AS refunded,
	(SELECT coalesce(sum(value), 0.00) FROM credit_note WHERE state = 'unclaimed') AS unclaimed
	) AS other,
	(SELECT coalesce(sum(amount), 0.00) AS payments,
		coalesce(sum(amount) FILTER (WHERE kind IN ('payment', 'manual', 'reversal')), 0.00) AS received,
		coalesce(-sum(amount) FILTER (WHERE kind = 'credit_note'), 0.00) AS noted,
		coalesce(sum(amount) FILTER (WHERE kind = 'credit_application'), 0.00) AS applied,
		coalesce(sum(amount) FILTER (WHERE kind = 'refund_failed'), 0.00) AS returned
	FROM payment) AS money

-- @ report_items_sold by hand
SELECT product_id, description, price, sum(quantity), sum(price * quantity)
FROM invoice JOIN line_item USING (invoice_id)
WHERE status = 'paid'
GROUP BY product_id, description, price

-- @ report_product_line_items by hand
SELECT issue_time, line_item_id, invoice_id, status, paid_time, attendee_id, user_id,
	invoice.recipient, category_id, category.name, product_id, product.name, description, quantity,
	line_item.price, line_item.price * quantity
FROM line_item JOIN invoice USING (invoice_id) JOIN attendee USING (attendee_id)
JOIN product USING (product_id) JOIN category USING (category_id)

-- @ report_paid_invoices_by_date by hand
SELECT paid_time::date, count(*), sum(value), count(*) FILTER (WHERE status = 'paid'),
	coalesce(sum(value) FILTER (WHERE status = 'paid'), 0.00)
FROM invoice WHERE paid_time IS NOT NULL GROUP BY 1

-- @ report_product_status by hand
SELECT category_id, g.name, product_id, p.name, price, p.stock, coalesce(paid, 0),
	coalesce(reserved, 0), coalesce(unreserved, 0), coalesce(refunded, 0),
	p.stock - coalesce(paid, 0) - coalesce(reserved, 0)
FROM product p JOIN category g USING (category_id) LEFT JOIN (
	SELECT product_id, sum(quantity) FILTER (WHERE status = 'paid') AS paid,
		sum(quantity) FILTER (WHERE status = 'active' AND
			time_last_updated + reservation_duration > now()) AS reserved,
		sum(quantity) FILTER (WHERE status = 'active' AND
			time_last_updated + reservation_duration <= now()) AS unreserved,
		sum(quantity) FILTER (WHERE status = 'released') AS refunded
	FROM cart JOIN cart_item USING (cart_id) GROUP BY product_id) AS held USING (product_id)

-- @ report_discount_status by hand
SELECT description, product_id, name, amount,
	coalesce(sum(quantity) FILTER (WHERE status = 'paid'), 0),
	coalesce(sum(quantity) FILTER (WHERE status = 'active' AND
		time_last_updated + d.reservation_duration > now()), 0),
	coalesce(sum(quantity) FILTER (WHERE status = 'active' AND
		time_last_updated + d.reservation_duration <= now()), 0),
	coalesce(sum(quantity) FILTER (WHERE status = 'released'), 0),
	coalesce(sum(amount * quantity) FILTER (WHERE status = 'paid'), 0.00)
FROM (SELECT * FROM cart_discount JOIN cart USING (cart_id)) AS d JOIN product USING (product_id)
GROUP BY description, product_id, name, amount

-- @ report_invoices by hand
SELECT invoice_id, attendee_id, user_id, i.recipient, email, status, issue_time, due_time,
	paid_time, closed_time, value, paid, CASE status WHEN 'unpaid' THEN value - paid ELSE 0.00 END,
	payment_count, cart_id, issued_by, closed_by, closed_reason
FROM invoice i JOIN attendee USING (attendee_id)

-- @ report_payments by hand
SELECT payment_id, "time", kind, amount, reference, provider, provider_ref, entered_by, invoice_id,
	status, attendee_id, recipient, value_date
FROM payment JOIN invoice USING (invoice_id)

-- @ report_received by hand
SELECT "time"::date, "time", kind, provider, provider_ref, reference, amount, payment_id, NULL::bigint,
	invoice_id, entered_by, value_date
FROM payment WHERE kind IN ('payment', 'manual')
UNION ALL
SELECT v."time"::date, v."time", 'reversal', v.provider, reversal_ref, v.reference, -v.amount, payment_id,
	reversal_id, invoice_id, v.entered_by, NULL
FROM reversal v JOIN payment p USING (payment_id)

-- @ report_received_by_day by hand
SELECT "time"::date, kind, provider, count(*), sum(amount), (array_agg(reference ORDER BY payment_id))[:10],
	greatest(count(*) - 10, 0)
FROM (SELECT "time", kind, provider, amount, coalesce(provider_ref, reference) AS reference, payment_id
	FROM payment WHERE kind IN ('payment', 'manual')
	UNION ALL SELECT "time", 'reversal', provider, -amount, reversal_ref, reversal_id FROM reversal) e
GROUP BY 1, 2, 3

-- @ report_credit_notes by hand
SELECT n.credit_note_id, p."time", n.attendee_id, user_id, recipient, email, value, n.state,
	CASE n.state WHEN 'unclaimed' THEN 'unclaimed'
		WHEN 'applied' THEN 'applied to invoice ' || used.invoice_id
		ELSE CASE r.state WHEN 'done' THEN 'refunded' ELSE 'refund ' || r.state END
			|| coalesce(': ' || nullif(r.reference, ''), '') END,
	p.invoice_id, used.invoice_id, coalesce(used."time", r."time"), r.state
FROM credit_note n JOIN payment p ON payment_id = credit_note_id JOIN attendee USING (attendee_id)
LEFT JOIN credit_note_application a USING (credit_note_id)
LEFT JOIN payment used ON used.payment_id = a.payment_id
LEFT JOIN credit_note_refund r ON r.credit_note_id = n.credit_note_id

-- @ report_credit_note_refunds by hand
SELECT credit_note_refund_id, "time", credit_note_id, value, reference, entered_by, attendee_id,
	user_id, recipient, email, r.state, r.provider, r.provider_ref, closed_time, closed_by, failure_reason,
	coalesce(parts, 0)
FROM credit_note_refund r JOIN credit_note USING (credit_note_id) JOIN attendee USING (attendee_id)
LEFT JOIN (SELECT credit_note_refund_id, count(*) AS parts FROM credit_note_refund_part GROUP BY 1) AS back
	USING (credit_note_refund_id)

-- @ report_refund_parts by hand
SELECT credit_note_refund_part_id, credit_note_refund_id, state, part.amount, payment_id, p.provider,
	p.provider_ref, p.reference, p.amount, invoice_id
FROM credit_note_refund_part part JOIN credit_note_refund USING (credit_note_refund_id)
LEFT JOIN payment p USING (payment_id)

-- @ report_refunds_in_flight by hand
SELECT credit_note_refund_id, "time", now() - "time", credit_note_id, value, reference, entered_by,
	attendee_id, user_id, recipient, email
FROM credit_note_refund r JOIN credit_note USING (credit_note_id) JOIN attendee USING (attendee_id)
WHERE r.state = 'requested'

-- @ report_reversals by hand
SELECT reversal_id, v."time", v.provider, reversal_ref, v.amount, loss, v.reference, v.entered_by,
	payment_id, provider_ref, p.amount, invoice_id, status, attendee_id, recipient
FROM reversal v JOIN payment p USING (payment_id) JOIN invoice USING (invoice_id)

-- @ report_unclaimed_ageing by hand
SELECT credit_note_id, n.attendee_id, user_id, a.recipient, email, n.value, "time", invoice_id,
	status, extract(day FROM now() - "time")::integer,
	CASE WHEN extract(day FROM now() - "time") <= 30 THEN '0-30 days'
		WHEN extract(day FROM now() - "time") <= 60 THEN '31-60 days'
		WHEN extract(day FROM now() - "time") <= 90 THEN '61-90 days' ELSE 'over 90 days' END
FROM credit_note n JOIN payment ON payment_id = credit_note_id JOIN invoice USING (invoice_id)
JOIN attendee a ON a.attendee_id = n.attendee_id
WHERE state = 'unclaimed'

-- @ report_overdue_ageing by hand
SELECT invoice_id, attendee_id, user_id, i.recipient, email, issue_time, due_time, value, paid,
	value - paid, extract(day FROM now() - due_time)::integer,
	CASE WHEN extract(day FROM now() - due_time) <= 30 THEN '0-30 days'
		WHEN extract(day FROM now() - due_time) <= 60 THEN '31-60 days'
		WHEN extract(day FROM now() - due_time) <= 90 THEN '61-90 days' ELSE 'over 90 days' END
FROM invoice i JOIN attendee USING (attendee_id)
WHERE status = 'unpaid' AND due_time < now()

-- @ report_outbox_lag by hand
SELECT count(*), min("time"), now() - min("time") FROM outbox

-- @ report_attendee_statement by report
SELECT s.* FROM generate_series(1, 500) AS which,
	LATERAL (SELECT * FROM report_attendee_statement WHERE attendee_id = which OFFSET 0) AS s

-- @ report_attendee_statement by hand
SELECT s.* FROM generate_series(1, 500) AS which, LATERAL (
	SELECT which, row_number() OVER entries, "time", entry, invoice_id, credit_note_id, reference,
		amount, sum(amount) OVER entries
	FROM (
		SELECT issue_time AS "time", 1 AS place, invoice_id AS id, 'invoice' AS entry, invoice_id,
			NULL::bigint AS credit_note_id, '' AS reference, value AS amount
		FROM invoice WHERE attendee_id = which
		UNION ALL
		SELECT p."time", 2, payment_id, CASE kind
				WHEN 'payment' THEN 'payment' || CASE WHEN p.amount < 0 THEN ' returned' ELSE '' END
				WHEN 'manual' THEN 'manual payment' || CASE WHEN p.amount < 0 THEN ' returned' ELSE '' END
				WHEN 'credit_note' THEN 'credit to somebody else'
				WHEN 'credit_application' THEN 'credit of somebody else'
				WHEN 'reversal' THEN 'payment reversed' ELSE 'refund of somebody else failed' END,
			invoice_id, n.credit_note_id, p.reference, -p.amount
		FROM invoice i JOIN payment p USING (invoice_id)
		LEFT JOIN credit_note_application a USING (payment_id)
		LEFT JOIN credit_note_refund f ON f.returned_payment_id = payment_id
		LEFT JOIN credit_note n
			ON n.credit_note_id = coalesce(a.credit_note_id, f.credit_note_id, payment_id)
		WHERE i.attendee_id = which AND n.attendee_id IS DISTINCT FROM which
		UNION ALL
		SELECT p."time", 3, n.credit_note_id, 'credit from somebody else''s invoice', invoice_id,
			n.credit_note_id, p.reference, -n.value
		FROM credit_note n JOIN payment p ON payment_id = credit_note_id JOIN invoice i USING (invoice_id)
		WHERE n.attendee_id = which AND i.attendee_id <> which
		UNION ALL
		SELECT p."time", 4, p.payment_id, 'credit put on somebody else''s invoice', invoice_id,
			n.credit_note_id, p.reference, n.value
		FROM credit_note n LEFT JOIN credit_note_application a USING (credit_note_id)
		LEFT JOIN credit_note_refund f USING (credit_note_id)
		JOIN payment p ON p.payment_id = coalesce(a.payment_id, f.returned_payment_id)
		JOIN invoice i USING (invoice_id)
		WHERE n.attendee_id = which AND i.attendee_id <> which
		UNION ALL
		SELECT closed_time, 5, invoice_id, 'invoice ' || status, invoice_id, NULL, '', -value
		FROM invoice WHERE attendee_id = which AND closed_time IS NOT NULL
		UNION ALL
		SELECT r."time", 6, credit_note_refund_id, 'credit paid out', NULL, credit_note_id, r.reference,
			n.value
		FROM credit_note n JOIN credit_note_refund r USING (credit_note_id)
		WHERE n.attendee_id = which
		UNION ALL
		SELECT closed_time, 7, credit_note_refund_id, 'credit not paid out', NULL, credit_note_id,
			failure_reason, -n.value
		FROM credit_note n JOIN credit_note_refund r USING (credit_note_id)
		WHERE n.attendee_id = which AND r.state = 'failed') AS entry
	WINDOW entries AS (ORDER BY "time", place, id ROWS UNBOUNDED PRECEDING)
	OFFSET 0) AS s
