-- Values of kind that younger versions have brought are told by their place among the
-- others, or as texts: as values they can't be used yet in the transaction that brings
-- them, which may be that of upgrade_ledger().
--
-- Each problem is one object's, and a condition on kind and id finds it by indexes; that
-- is how check_integrity(since) asks.  So whatever an object is held against is joined to
-- it by its id, from which PostgreSQL derives the same condition on the other's, and is
-- no WITH that several places use.  Where all of the ledger has to be read, kind and id
-- are NULL, by which PostgreSQL knows that nothing of it is asked for.
CREATE VIEW integrity_problem WITH (security_invoker = true) AS
WITH RECURSIVE succession AS (	-- successors that go back to a first invoice
	SELECT s.invoice_id
	FROM invoice s
	WHERE s.replaces IS NOT NULL
		AND NOT EXISTS (SELECT FROM invoice p WHERE p.invoice_id = s.replaces AND p.replaces IS NOT NULL)
	UNION
	SELECT s.invoice_id
	FROM succession p
	CROSS JOIN LATERAL (	-- by the index, however long the chains are
		SELECT i.invoice_id FROM invoice i WHERE i.replaces = p.invoice_id OFFSET 0) s
)
SELECT format('invoice %s', t.invoice_id) AS object, problem, 'invoice' AS kind, t.invoice_id AS id
FROM (
	SELECT invoice_id, CASE WHEN i.status IS NULL THEN ARRAY[
		format('does not exist, but has %s payments, which add up to %s', p.number, p.amount)]
	ELSE array_remove(ARRAY[
		CASE WHEN i.paid <> coalesce(p.amount, 0) OR i.payment_count <> coalesce(p.number, 0) THEN
			format('paid is %s for %s payments, but its %s payments add up to %s',
				i.paid, i.payment_count, coalesce(p.number, 0), coalesce(p.amount, 0)) END,
		CASE WHEN i.last_payment_id IS DISTINCT FROM p.last_id THEN
			format('counts payments up to %s, but its last one is %s',
				coalesce(i.last_payment_id::text, 'none'), coalesce(p.last_id::text, 'none')) END,
		CASE WHEN NOT CASE i.status
				WHEN 'unpaid' THEN coalesce(p.amount, 0) < i.value AND (p.amount > 0 OR p.number IS NULL)
				WHEN 'paid' THEN coalesce(p.amount, 0) = i.value
				ELSE coalesce(p.amount, 0) = 0
			END THEN
			format('is %s, which does not fit a value of %s and payments of %s',
				i.status, i.value, coalesce(p.amount, 0)) END,
		CASE WHEN NOT CASE i.status
				WHEN 'unpaid' THEN i.paid_time IS NULL AND i.closed_time IS NULL
				WHEN 'paid' THEN i.paid_time IS NOT NULL AND i.closed_time IS NULL
				WHEN 'refunded' THEN i.paid_time IS NOT NULL AND i.closed_time IS NOT NULL
				ELSE i.closed_time IS NOT NULL AND (i.paid_time IS NULL OR i.value = 0)
			END THEN
			format('is %s, which does not fit the times at which it was paid (%s) and closed (%s)',
				i.status, i.paid_time, i.closed_time) END,
		CASE WHEN i.status IN ('unpaid', 'paid') AND (i.closed_by IS NOT NULL OR i.closed_reason IS NOT NULL) THEN
			format('is %s, but says who closed it (%s) or why (%s)',
				i.status, i.closed_by, i.closed_reason) END,
		CASE WHEN coalesce(l.amount, 0) <> i.value THEN
			format('the lines add up to %s, but its value is %s', coalesce(l.amount, 0), i.value) END
		], NULL)
	END AS problems
	FROM invoice i
	FULL JOIN (
		SELECT invoice_id, sum(amount) AS amount, count(*) AS number, max(payment_id) AS last_id
		FROM payment GROUP BY invoice_id) p USING (invoice_id)
	LEFT JOIN (
		SELECT invoice_id, sum(price * quantity) AS amount
		FROM line_item GROUP BY invoice_id) l USING (invoice_id)) t
CROSS JOIN LATERAL unnest(t.problems) problem
WHERE t.problems <> '{}'
UNION ALL
SELECT format('payment %s', p.payment_id), 'is of kind credit_note, but no credit note', 'payment', p.payment_id
FROM payment p
WHERE p.kind = 'credit_note'
	AND NOT EXISTS (SELECT FROM credit_note n WHERE n.credit_note_id = p.payment_id)
UNION ALL
SELECT format('payment %s', p.payment_id), 'is of kind credit_application, but applies no credit note', 'payment', p.payment_id
FROM payment p
WHERE p.kind = 'credit_application'
	AND NOT EXISTS (SELECT FROM credit_note_application a WHERE a.payment_id = p.payment_id)
UNION ALL
SELECT format('credit note %s', t.credit_note_id), problem, 'credit note', t.credit_note_id
FROM (
	SELECT n.credit_note_id, array_remove(ARRAY[
		CASE WHEN p.kind IS DISTINCT FROM 'credit_note' OR p.amount IS DISTINCT FROM -n.value THEN
			format('has a value of %s, but its payment is of kind %s and amount %s', n.value, p.kind, p.amount) END,
		CASE WHEN (n.state = 'applied') <> (a.payment_id IS NOT NULL)
				OR (n.state = 'refunded') <> (r.credit_note_refund_id IS NOT NULL) THEN
			format('is %s, but has %s application and %s refund', n.state,
				CASE WHEN a.payment_id IS NULL THEN 'no' ELSE 'an' END,
				CASE WHEN r.credit_note_refund_id IS NULL THEN 'no' ELSE 'a' END) END,
		CASE WHEN a.payment_id IS NOT NULL AND (applied.kind IS DISTINCT FROM 'credit_application'
				OR applied.amount IS DISTINCT FROM n.value) THEN
			format('has a value of %s, but was applied as a payment of kind %s and amount %s',
				n.value, applied.kind, applied.amount) END
		], NULL) AS problems
	FROM credit_note n
	LEFT JOIN payment p ON p.payment_id = n.credit_note_id
	LEFT JOIN credit_note_application a ON a.credit_note_id = n.credit_note_id
	LEFT JOIN payment applied ON applied.payment_id = a.payment_id
	LEFT JOIN credit_note_refund r ON r.credit_note_id = n.credit_note_id) t
CROSS JOIN LATERAL unnest(t.problems) problem
WHERE t.problems <> '{}'
UNION ALL
SELECT format('credit note %s', credit_note_id),
	format('is %s, but its claim says %s', coalesce(state::text, 'missing'),
		coalesce(claim::text, 'nothing')),
	'credit note', credit_note_id
FROM credit_note n
FULL JOIN credit_note_claim c USING (credit_note_id)
WHERE state IS DISTINCT FROM coalesce(claim, 'unclaimed')
UNION ALL
SELECT format('credit note %s', credit_note_id), 'does not exist, but was applied', 'credit note', credit_note_id
FROM credit_note_application a
WHERE NOT EXISTS (SELECT FROM credit_note n WHERE n.credit_note_id = a.credit_note_id)
UNION ALL
SELECT format('credit note %s', credit_note_id), 'does not exist, but was refunded', 'credit note', credit_note_id
FROM credit_note_refund r
WHERE NOT EXISTS (SELECT FROM credit_note n WHERE n.credit_note_id = r.credit_note_id)
UNION ALL
SELECT format('product %s', p.product_id),
	format('has a stock of %s, but %s free, %s reserved and %s sold', coalesce(p.stock::text, 'any number'),
		slots.free, coalesce(taken.reserved, 0), coalesce(taken.sold, 0)),
	NULL, NULL
FROM product p
JOIN (
	SELECT product_id, sum(free) AS free, bool_and(owing) AS owing
	FROM stock_slot GROUP BY product_id) slots ON slots.product_id = p.product_id
LEFT JOIN (
	SELECT product_id, sum(reserved) AS reserved, sum(sold) AS sold
	FROM (
		SELECT product_id, quantity AS reserved, 0 AS sold
		FROM reservation WHERE reserved_until > '-infinity'
		UNION ALL
		SELECT i.product_id, 0, i.quantity
		FROM cart_item i
		JOIN cart c ON c.cart_id = i.cart_id
		WHERE c.status = 'paid') t
	GROUP BY product_id) taken ON taken.product_id = p.product_id
WHERE slots.free <> coalesce(p.stock, 0) - coalesce(taken.reserved + taken.sold, 0)
	OR (p.stock IS NOT NULL AND slots.free < 0 AND NOT slots.owing)
UNION ALL
SELECT format('category %s', g.category_id),
	format('has a stock of %s, but %s free, %s reserved and %s sold', g.stock,
		slots.free, coalesce(taken.reserved, 0), coalesce(taken.sold, 0)),
	NULL, NULL
FROM category g
JOIN (
	SELECT category_id, sum(free) AS free, bool_and(owing) AS owing
	FROM stock_slot GROUP BY category_id) slots ON slots.category_id = g.category_id
LEFT JOIN (
	SELECT p.category_id, sum(t.reserved) AS reserved, sum(t.sold) AS sold
	FROM product p
	JOIN (
		SELECT product_id, quantity AS reserved, 0 AS sold
		FROM reservation WHERE reserved_until > '-infinity'
		UNION ALL
		SELECT i.product_id, 0, i.quantity
		FROM cart_item i
		JOIN cart c ON c.cart_id = i.cart_id
		WHERE c.status = 'paid') t ON t.product_id = p.product_id
	GROUP BY p.category_id) taken ON taken.category_id = g.category_id
WHERE slots.free <> g.stock - coalesce(taken.reserved + taken.sold, 0)
	OR (slots.free < 0 AND NOT slots.owing)
UNION ALL
SELECT format('cart %s', c.cart_id),
	format('is %s, but the invoices of its revision %s are %s', c.status, c.revision,
		coalesce(i.statuses, 'none')),
	'cart', c.cart_id
FROM cart c
LEFT JOIN (
	SELECT cart_id, cart_revision, string_agg(status::text, ', ' ORDER BY status) AS statuses,
		count(*) FILTER (WHERE status = 'paid') AS paid,
		count(*) FILTER (WHERE status = 'refunded' OR (status = 'void' AND paid_time IS NOT NULL)) AS given_back
	FROM invoice GROUP BY cart_id, cart_revision) i
	ON i.cart_id = c.cart_id AND i.cart_revision = c.revision
WHERE NOT CASE c.status
	WHEN 'active' THEN coalesce(i.paid, 0) = 0
	WHEN 'paid' THEN coalesce(i.paid, 0) = 1
	ELSE coalesce(i.given_back, 0) = 1 AND i.paid = 0
END
UNION ALL
SELECT format('invoice %s', i.invoice_id),
	format('is %s for revision %s of cart %s, which is at revision %s',
		i.status, i.cart_revision, i.cart_id, c.revision),
	'invoice', i.invoice_id
FROM invoice i
JOIN cart c ON c.cart_id = i.cart_id
WHERE i.status IN ('unpaid', 'paid') AND i.cart_revision <> c.revision
UNION ALL
SELECT format('invoice %s', i.invoice_id),
	CASE
		WHEN c.cart_id IS NULL THEN format('bills cart %s, which does not exist', i.cart_id)
		WHEN c.attendee_id <> i.attendee_id THEN format('is attendee %s''s, but bills cart %s of attendee %s',
			i.attendee_id, i.cart_id, c.attendee_id)
		ELSE format('is unpaid, but its cart %s is %s', i.cart_id, c.status)
	END,
	'invoice', i.invoice_id
FROM invoice i
LEFT JOIN cart c ON c.cart_id = i.cart_id
WHERE i.cart_id IS NOT NULL
	AND (c.cart_id IS NULL OR c.attendee_id <> i.attendee_id
		OR (i.status = 'unpaid' AND c.status <> 'active'))
UNION ALL
SELECT format('invoice %s', invoice_id),
	CASE
		WHEN discount IS NULL THEN format('bills %s of product %s, but its cart holds %s',
			coalesce(billed, 0), product_id, coalesce(held, 0))
		ELSE format('bills a discount of %s on %s of product %s, but its cart has it on %s',
			discount, coalesce(billed, 0), product_id, coalesce(held, 0))
	END,
	'invoice', invoice_id
FROM (
	SELECT invoice_id, product_id, discount, sum(billed) AS billed, sum(held) AS held
	FROM (	-- not a FULL JOIN of joins, through which no condition is derived
		SELECT i.invoice_id, l.product_id, CASE WHEN l.price < 0 THEN -l.price END AS discount,
			l.quantity AS billed, NULL::integer AS held
		FROM invoice i
		JOIN cart c ON c.cart_id = i.cart_id AND c.revision = i.cart_revision
		JOIN line_item l ON l.invoice_id = i.invoice_id
		WHERE i.status IN ('unpaid', 'paid')
		UNION ALL
		SELECT i.invoice_id, e.product_id, NULL AS discount, NULL AS billed, e.quantity
		FROM invoice i
		JOIN cart c ON c.cart_id = i.cart_id AND c.revision = i.cart_revision
		JOIN cart_item e ON e.cart_id = i.cart_id
		WHERE i.status IN ('unpaid', 'paid')
		UNION ALL
		SELECT i.invoice_id, d.product_id, d.amount, NULL AS billed, d.quantity
		FROM invoice i
		JOIN cart c ON c.cart_id = i.cart_id AND c.revision = i.cart_revision
		JOIN cart_discount d ON d.cart_id = i.cart_id
		WHERE i.status IN ('unpaid', 'paid')) t
	GROUP BY invoice_id, product_id, discount) t
WHERE billed IS DISTINCT FROM held
UNION ALL
SELECT format('cart %s', c.cart_id),
	format('is %s and has %s items and discounts, but its row says %s', c.status, entries.number,
		c.entry_count),
	'cart', c.cart_id
FROM cart c
CROSS JOIN LATERAL (
	SELECT (SELECT count(*) FROM cart_item i WHERE i.cart_id = c.cart_id)
		+ (SELECT count(*) FROM cart_discount d WHERE d.cart_id = c.cart_id) AS number) entries
WHERE c.entry_count <> entries.number
UNION ALL
SELECT format('cart %s', cart_id), format('does not reserve what is in it: product %s', product_id), 'cart', cart_id
FROM (
	SELECT cart_id, product_id, sum(held) AS held, sum(reserved) AS reserved
	FROM (
		SELECT i.cart_id, i.product_id, i.quantity AS held, NULL::integer AS reserved
		FROM cart_item i
		JOIN cart c ON c.cart_id = i.cart_id
		WHERE c.status = 'active'
		UNION ALL
		SELECT cart_id, product_id, NULL AS held, quantity
		FROM reservation) t
	GROUP BY cart_id, product_id) t
WHERE held IS DISTINCT FROM reserved
UNION ALL
SELECT format('cart %s', c.cart_id),
	format('has product %s reserved until %s, but its row says otherwise', r.product_id,
		r.reserved_until),
	'cart', c.cart_id
FROM reservation r
JOIN cart c ON c.cart_id = r.cart_id
WHERE r.reserved_until > '-infinity' AND r.reserved_until <>
	(c.time_last_updated AT TIME ZONE 'UTC' + c.reservation_duration) AT TIME ZONE 'UTC'
UNION ALL
SELECT format('invoice %s', kept.invoice_id),
	format('has %s of "%s" for %s, but invoice %s, which it replaces, had %s', kept.quantity,
		kept.description, kept.price, kept.replaces, coalesce(had.quantity, 0)),
	'invoice', kept.invoice_id
FROM (
	SELECT i.invoice_id, i.replaces, l.product_id, l.description, l.price,
		sum(l.quantity) AS quantity
	FROM invoice i
	JOIN line_item l ON l.invoice_id = i.invoice_id
	WHERE i.replaces IS NOT NULL
	GROUP BY i.invoice_id, i.replaces, l.product_id, l.description, l.price) kept
LEFT JOIN (
	SELECT i.invoice_id, l.product_id, l.description, l.price, sum(l.quantity) AS quantity
	FROM invoice i
	JOIN line_item l ON l.invoice_id = i.replaces
	GROUP BY i.invoice_id, l.product_id, l.description, l.price) had
	ON had.invoice_id = kept.invoice_id AND had.description = kept.description
		AND had.price = kept.price AND had.product_id IS NOT DISTINCT FROM kept.product_id
WHERE kept.quantity > coalesce(had.quantity, 0)
UNION ALL
SELECT format('invoice %s', s.invoice_id),
	CASE
		WHEN p.invoice_id IS NULL THEN format('replaces invoice %s, which does not exist', s.replaces)
		WHEN p.attendee_id <> s.attendee_id THEN format('is attendee %s''s, but replaces invoice %s of attendee %s',
			s.attendee_id, p.invoice_id, p.attendee_id)
		ELSE format('replaces invoice %s, which is %s', p.invoice_id, p.status)
	END,
	'invoice', s.invoice_id
FROM invoice s
LEFT JOIN invoice p ON p.invoice_id = s.replaces
WHERE s.replaces IS NOT NULL
	AND (p.invoice_id IS NULL OR p.attendee_id <> s.attendee_id OR p.status IN ('unpaid', 'paid'))
UNION ALL
SELECT format('refund %s', r.credit_note_refund_id),
	format('is %s, but its money %s', r.state, CASE
		WHEN r.returned_payment_id IS NULL THEN 'did not come back'
		WHEN p.payment_id IS NULL THEN format('came back as payment %s, which does not exist', r.returned_payment_id)
		ELSE format('came back as payment %s: %s of kind %s on invoice %s, of %s from invoice %s',
			r.returned_payment_id, p.amount, p.kind, p.invoice_id, n.value, made.invoice_id)
	END),
	'refund', r.credit_note_refund_id
FROM credit_note_refund r
LEFT JOIN credit_note n ON n.credit_note_id = r.credit_note_id
LEFT JOIN payment made ON made.payment_id = r.credit_note_id
LEFT JOIN payment p ON p.payment_id = r.returned_payment_id
WHERE CASE WHEN r.state = 'failed' THEN p.kind::text IS DISTINCT FROM 'refund_failed'
		OR p.amount IS DISTINCT FROM n.value OR p.invoice_id IS DISTINCT FROM made.invoice_id
	ELSE r.returned_payment_id IS NOT NULL END
UNION ALL
SELECT format('refund %s', credit_note_refund_id),
	format('is %s, which does not fit the time at which it ended (%s), its reference (%s) or why it failed (%s)',
		state, closed_time, provider_ref, failure_reason),
	'refund', credit_note_refund_id
FROM credit_note_refund
WHERE NOT CASE state
	WHEN 'requested' THEN closed_time IS NULL AND provider IS NULL AND failure_reason IS NULL
	WHEN 'done' THEN failure_reason IS NULL
	ELSE closed_time IS NOT NULL AND provider IS NULL AND failure_reason IS NOT NULL
END
UNION ALL
SELECT format('payment %s', p.payment_id), 'is of kind refund_failed, but no refund failed', 'payment', p.payment_id
FROM payment p
WHERE p.kind > 'credit_application'
	AND NOT EXISTS (SELECT FROM credit_note_refund r WHERE r.returned_payment_id = p.payment_id)
UNION ALL
SELECT format('refund %s', t.credit_note_refund_id),
	format('has parts of %s, but its credit note has a value of %s', t.amount, n.value),
	'refund', t.credit_note_refund_id
FROM (
	SELECT credit_note_refund_id, sum(amount) AS amount
	FROM credit_note_refund_part GROUP BY credit_note_refund_id) t
LEFT JOIN credit_note_refund r ON r.credit_note_refund_id = t.credit_note_refund_id
LEFT JOIN credit_note n ON n.credit_note_id = r.credit_note_id
WHERE n.value IS DISTINCT FROM t.amount
UNION ALL
SELECT format('payment %s', back.payment_id),
	CASE
		WHEN p.payment_id IS NULL THEN format('does not exist, but %s went back to it', back.amount)
		ELSE format('is of kind %s and brought %s, but %s went back to it', p.kind, p.amount, back.amount)
	END,
	'payment', back.payment_id
FROM (
	SELECT payment_id, sum(amount) AS amount
	FROM (
		SELECT t.payment_id, t.amount
		FROM credit_note_refund_part t
		JOIN credit_note_refund r ON r.credit_note_refund_id = t.credit_note_refund_id
		WHERE r.state <> 'failed' AND t.payment_id IS NOT NULL
		UNION ALL
		SELECT payment_id, amount
		FROM reversal) b
	GROUP BY payment_id) back
LEFT JOIN payment p ON p.payment_id = back.payment_id
WHERE (back.amount <= p.amount AND p.kind < 'credit_note') IS NOT TRUE
UNION ALL
SELECT format('reversal %s', v.reversal_id),
	format('took %s, of which %s is a loss, but %s', v.amount, v.loss, CASE
		WHEN v.reversing_payment_id IS NULL THEN 'no payment took the rest'
		WHEN p.payment_id IS NULL THEN format('its payment %s does not exist', v.reversing_payment_id)
		ELSE format('its payment %s is of kind %s and amount %s on invoice %s', p.payment_id, p.kind,
			p.amount, p.invoice_id)
	END),
	'reversal', v.reversal_id
FROM reversal v
LEFT JOIN payment brought ON brought.payment_id = v.payment_id
LEFT JOIN payment p ON p.payment_id = v.reversing_payment_id
WHERE CASE WHEN v.loss = v.amount THEN v.reversing_payment_id IS NOT NULL
	ELSE p.kind::text IS DISTINCT FROM 'reversal' OR p.amount IS DISTINCT FROM v.loss - v.amount
		OR p.invoice_id IS DISTINCT FROM brought.invoice_id END
UNION ALL
SELECT format('payment %s', p.payment_id), 'is of kind reversal, but no reversal took it', 'payment', p.payment_id
FROM payment p
WHERE p.kind < 'credit_note' AND p.kind > 'manual'
	AND NOT EXISTS (SELECT FROM reversal v WHERE v.reversing_payment_id = p.payment_id)
UNION ALL
SELECT format('invoice %s', s.invoice_id),
	format('replaces invoice %s, but is %s, and was not paid by what that one gave back', s.replaces,
		s.status),
	'invoice', s.invoice_id
FROM invoice s
WHERE s.replaces IS NOT NULL AND (s.status = 'unpaid' OR s.paid_time IS NULL)
UNION ALL
SELECT format('invoice %s', s.invoice_id),
	format('replaces invoice %s, and so on in a circle: none is the first', s.replaces),
	NULL, NULL
FROM invoice s
WHERE s.replaces IS NOT NULL
	AND NOT EXISTS (SELECT FROM succession f WHERE f.invoice_id = s.invoice_id)
UNION ALL
SELECT 'ledger',
	format('%s came in, but %s is on invoices, %s in unclaimed credit notes and %s was refunded',
		received, retained, unclaimed, refunded),
	NULL, NULL
FROM (SELECT
	(SELECT coalesce(sum(amount), 0) FROM payment WHERE kind < 'credit_note') AS received,
	(SELECT coalesce(sum(paid), 0) FROM invoice) AS retained,
	(SELECT coalesce(sum(value), 0) FROM credit_note WHERE state = 'unclaimed') AS unclaimed,
	(SELECT coalesce(sum(value), 0) FROM credit_note WHERE state = 'refunded')
		- (SELECT coalesce(sum(n.value), 0)
			FROM credit_note_refund r
			JOIN credit_note n ON n.credit_note_id = r.credit_note_id
			WHERE r.state = 'failed') AS refunded) AS money
WHERE received <> retained + unclaimed + refunded
UNION ALL
SELECT 'ledger',
	format('platforms took %s back, but %s was taken off invoices, and %s is a loss',
		reversed, taken, lost),
	NULL, NULL
FROM (SELECT
	(SELECT coalesce(sum(amount), 0) FROM reversal) AS reversed,
	(SELECT coalesce(-sum(amount), 0) FROM payment WHERE kind < 'credit_note' AND kind > 'manual') AS taken,
	(SELECT coalesce(sum(loss), 0) FROM reversal) AS lost) AS money
WHERE reversed <> taken + lost;
COMMENT ON VIEW integrity_problem IS 'Whatever in this ledger does not agree with the facts: no rows, when all is well. check_integrity() reads it.';
COMMENT ON COLUMN integrity_problem.object IS 'What it is about.';
COMMENT ON COLUMN integrity_problem.problem IS 'What is wrong with it.';
COMMENT ON COLUMN integrity_problem.kind IS 'What kind of object that is; NULL where all of the ledger has to be read to tell.';
COMMENT ON COLUMN integrity_problem.id IS 'Key of the object; NULL where kind is.';
