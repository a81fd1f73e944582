-- What the contenders run, by contender and job.  pgbench runs the payments as
-- they stand; in the server a loop in PL/pgSQL does, whose variables :invoice_id
-- and :amount become.

-- @ bare: payment
WITH recorded AS (
	INSERT INTO payment (invoice_id, amount, reference)
	VALUES (:invoice_id, :amount, 'card 4242'))
UPDATE invoice SET paid = paid + :amount, payment_count = payment_count + 1,
	status = CASE WHEN paid + :amount >= value THEN 'paid' ELSE status END,
	paid_time = CASE WHEN paid + :amount >= value THEN now() END
WHERE invoice_id = :invoice_id;

-- @ promises: payment
WITH recorded AS (
	INSERT INTO payment (invoice_id, amount, reference)
	VALUES (:invoice_id, :amount, 'card 4242')
), changed AS (
	UPDATE invoice SET paid = paid + :amount, payment_count = payment_count + 1,
		status = CASE WHEN paid + :amount >= value THEN 'paid' ELSE status END,
		paid_time = CASE WHEN paid + :amount >= value THEN now() END
	WHERE invoice_id = :invoice_id
	RETURNING invoice_id, status)
INSERT INTO outbox (kind, invoice_id, old_status, new_status)
SELECT 'invoice_updated', invoice_id, 'unpaid', status FROM changed WHERE status = 'paid';

-- @ insert: payment
INSERT INTO payment (invoice_id, amount, reference) VALUES (:invoice_id, :amount, 'card 4242');

-- @ pay: payment
SELECT pay(:invoice_id, :amount, 'card 4242');

-- @ bare: payment with a cart
WITH recorded AS (
	INSERT INTO payment (invoice_id, amount, reference)
	VALUES (:invoice_id, :amount, 'card 4242')
), changed AS (
	UPDATE invoice SET paid = paid + :amount, payment_count = payment_count + 1,
		status = CASE WHEN paid + :amount >= value THEN 'paid' ELSE status END,
		paid_time = CASE WHEN paid + :amount >= value THEN now() END
	WHERE invoice_id = :invoice_id
	RETURNING cart_id, status
), bought AS (
	UPDATE cart SET status = 'paid' FROM changed
	WHERE cart.cart_id = changed.cart_id AND changed.status = 'paid'
	RETURNING cart.cart_id
), counted AS (
	UPDATE counter SET sold = sold + i.quantity FROM bought JOIN cart_item i USING (cart_id)
	WHERE counter.product_id = i.product_id)
DELETE FROM reservation USING bought WHERE reservation.cart_id = bought.cart_id;

-- @ promises: payment with a cart
WITH recorded AS (
	INSERT INTO payment (invoice_id, amount, reference)
	VALUES (:invoice_id, :amount, 'card 4242')
), changed AS (
	UPDATE invoice SET paid = paid + :amount, payment_count = payment_count + 1,
		status = CASE WHEN paid + :amount >= value THEN 'paid' ELSE status END,
		paid_time = CASE WHEN paid + :amount >= value THEN now() END
	WHERE invoice_id = :invoice_id
	RETURNING invoice_id, cart_id, status
), bought AS (
	UPDATE cart SET status = 'paid' FROM changed
	WHERE cart.cart_id = changed.cart_id AND changed.status = 'paid'
	RETURNING cart.cart_id
), counted AS (
	UPDATE counter SET sold = sold + i.quantity FROM bought JOIN cart_item i USING (cart_id)
	WHERE counter.product_id = i.product_id
), freed AS (
	DELETE FROM reservation USING bought WHERE reservation.cart_id = bought.cart_id)
INSERT INTO outbox (kind, invoice_id, old_status, new_status, cart_id)
SELECT 'invoice_updated'::outbox_kind, invoice_id, 'unpaid'::invoice_status, status, NULL::bigint
FROM changed WHERE status = 'paid'
UNION ALL
SELECT 'cart_paid', NULL, NULL, NULL, cart_id FROM bought;

-- The same without a counter of what is sold, as it need not be where a reservation
-- was counted already.

-- @ uncounted: payment with a cart
WITH recorded AS (
	INSERT INTO payment (invoice_id, amount, reference)
	VALUES (:invoice_id, :amount, 'card 4242')
), changed AS (
	UPDATE invoice SET paid = paid + :amount, payment_count = payment_count + 1,
		status = CASE WHEN paid + :amount >= value THEN 'paid' ELSE status END,
		paid_time = CASE WHEN paid + :amount >= value THEN now() END
	WHERE invoice_id = :invoice_id
	RETURNING invoice_id, cart_id, status
), bought AS (
	UPDATE cart SET status = 'paid' FROM changed
	WHERE cart.cart_id = changed.cart_id AND changed.status = 'paid'
	RETURNING cart.cart_id
), freed AS (
	DELETE FROM reservation USING bought WHERE reservation.cart_id = bought.cart_id)
INSERT INTO outbox (kind, invoice_id, old_status, new_status, cart_id)
SELECT 'invoice_updated'::outbox_kind, invoice_id, 'unpaid'::invoice_status, status, NULL::bigint
FROM changed WHERE status = 'paid'
UNION ALL
SELECT 'cart_paid', NULL, NULL, NULL, cart_id FROM bought;

-- What floors do after a batch was loaded into payment.  The engine and its
-- twin have triggers.

-- @ bare: settle the batch
UPDATE invoice i SET paid = paid + b.amount, payment_count = payment_count + b.number,
	status = CASE WHEN paid + b.amount >= value THEN 'paid' ELSE status END,
	paid_time = CASE WHEN paid + b.amount >= value THEN now() END
FROM (SELECT invoice_id, sum(amount) AS amount, count(*) AS number
	FROM batch GROUP BY invoice_id) b
WHERE i.invoice_id = b.invoice_id;

-- @ promises: settle the batch
WITH changed AS (
	UPDATE invoice i SET paid = paid + b.amount, payment_count = payment_count + b.number,
		status = CASE WHEN paid + b.amount >= value THEN 'paid' ELSE status END,
		paid_time = CASE WHEN paid + b.amount >= value THEN now() END
	FROM (SELECT invoice_id, sum(amount) AS amount, count(*) AS number
		FROM batch GROUP BY invoice_id) b
	WHERE i.invoice_id = b.invoice_id
	RETURNING i.invoice_id, i.status)
INSERT INTO outbox (kind, invoice_id, old_status, new_status)
SELECT 'invoice_updated', invoice_id, 'unpaid', status FROM changed WHERE status = 'paid';

-- @ bare: settle the batch with carts
WITH changed AS (
	UPDATE invoice i SET paid = paid + b.amount, payment_count = payment_count + b.number,
		status = CASE WHEN paid + b.amount >= value THEN 'paid' ELSE status END,
		paid_time = CASE WHEN paid + b.amount >= value THEN now() END
	FROM (SELECT invoice_id, sum(amount) AS amount, count(*) AS number
		FROM batch GROUP BY invoice_id) b
	WHERE i.invoice_id = b.invoice_id
	RETURNING i.cart_id, i.status
), bought AS (
	UPDATE cart SET status = 'paid' FROM changed
	WHERE cart.cart_id = changed.cart_id AND changed.status = 'paid'
	RETURNING cart.cart_id
), counted AS (
	UPDATE counter SET sold = sold + c.quantity
	FROM (SELECT product_id, sum(quantity) AS quantity
		FROM bought JOIN cart_item USING (cart_id) GROUP BY product_id) c
	WHERE counter.product_id = c.product_id)
DELETE FROM reservation USING bought WHERE reservation.cart_id = bought.cart_id;

-- @ promises: settle the batch with carts
WITH changed AS (
	UPDATE invoice i SET paid = paid + b.amount, payment_count = payment_count + b.number,
		status = CASE WHEN paid + b.amount >= value THEN 'paid' ELSE status END,
		paid_time = CASE WHEN paid + b.amount >= value THEN now() END
	FROM (SELECT invoice_id, sum(amount) AS amount, count(*) AS number
		FROM batch GROUP BY invoice_id) b
	WHERE i.invoice_id = b.invoice_id
	RETURNING i.invoice_id, i.cart_id, i.status
), bought AS (
	UPDATE cart SET status = 'paid' FROM changed
	WHERE cart.cart_id = changed.cart_id AND changed.status = 'paid'
	RETURNING cart.cart_id
), counted AS (
	UPDATE counter SET sold = sold + c.quantity
	FROM (SELECT product_id, sum(quantity) AS quantity
		FROM bought JOIN cart_item USING (cart_id) GROUP BY product_id) c
	WHERE counter.product_id = c.product_id
), freed AS (
	DELETE FROM reservation USING bought WHERE reservation.cart_id = bought.cart_id)
INSERT INTO outbox (kind, invoice_id, old_status, new_status, cart_id)
SELECT 'invoice_updated'::outbox_kind, invoice_id, 'unpaid'::invoice_status, status, NULL::bigint
FROM changed WHERE status = 'paid'
UNION ALL
SELECT 'cart_paid', NULL, NULL, NULL, cart_id FROM bought;

-- @ uncounted: settle the batch with carts
WITH changed AS (
	UPDATE invoice i SET paid = paid + b.amount, payment_count = payment_count + b.number,
		status = CASE WHEN paid + b.amount >= value THEN 'paid' ELSE status END,
		paid_time = CASE WHEN paid + b.amount >= value THEN now() END
	FROM (SELECT invoice_id, sum(amount) AS amount, count(*) AS number
		FROM batch GROUP BY invoice_id) b
	WHERE i.invoice_id = b.invoice_id
	RETURNING i.invoice_id, i.cart_id, i.status
), bought AS (
	UPDATE cart SET status = 'paid' FROM changed
	WHERE cart.cart_id = changed.cart_id AND changed.status = 'paid'
	RETURNING cart.cart_id
), freed AS (
	DELETE FROM reservation USING bought WHERE reservation.cart_id = bought.cart_id)
INSERT INTO outbox (kind, invoice_id, old_status, new_status, cart_id)
SELECT 'invoice_updated'::outbox_kind, invoice_id, 'unpaid'::invoice_status, status, NULL::bigint
FROM changed WHERE status = 'paid'
UNION ALL
SELECT 'cart_paid', NULL, NULL, NULL, cart_id FROM bought;

-- A batch in which some pay too much, and some pay what is void.

-- @ bare: settle the mixed batch
WITH becomes AS MATERIALIZED (
	SELECT i.invoice_id, i.attendee_id, b.number, paid + b.amount AS total,
		CASE WHEN status = 'unpaid' AND paid + b.amount >= value THEN 'paid' ELSE status END AS status,
		CASE WHEN status = 'unpaid' THEN greatest(paid + b.amount - value, 0)
			ELSE paid + b.amount END AS credit
	FROM (SELECT invoice_id, sum(amount) AS amount, count(*) AS number
		FROM batch GROUP BY invoice_id) b
	JOIN invoice i USING (invoice_id)
), changed AS (
	UPDATE invoice i SET paid = b.total - b.credit, status = b.status,
		payment_count = payment_count + b.number + (b.credit > 0)::integer,
		paid_time = CASE WHEN b.status = 'paid' THEN now() END
	FROM becomes b WHERE i.invoice_id = b.invoice_id
), noted AS (
	INSERT INTO payment (invoice_id, kind, amount, reference)
	SELECT invoice_id, 'credit_note', -credit, 'Credit note from invoice ' || invoice_id
	FROM becomes WHERE credit > 0
	RETURNING payment_id, invoice_id)
INSERT INTO credit_note (credit_note_id, attendee_id, value)
SELECT payment_id, attendee_id, credit FROM noted JOIN becomes USING (invoice_id);

-- @ promises: settle the mixed batch
WITH becomes AS MATERIALIZED (
	SELECT i.invoice_id, i.attendee_id, b.number, paid + b.amount AS total, status AS old_status,
		CASE WHEN status = 'unpaid' AND paid + b.amount >= value THEN 'paid' ELSE status END AS status,
		CASE WHEN status = 'unpaid' THEN greatest(paid + b.amount - value, 0)
			ELSE paid + b.amount END AS credit
	FROM (SELECT invoice_id, sum(amount) AS amount, count(*) AS number
		FROM batch GROUP BY invoice_id) b
	JOIN invoice i USING (invoice_id)
), changed AS (
	UPDATE invoice i SET paid = b.total - b.credit, status = b.status,
		payment_count = payment_count + b.number + (b.credit > 0)::integer,
		paid_time = CASE WHEN b.status = 'paid' THEN now() END
	FROM becomes b WHERE i.invoice_id = b.invoice_id
), noted AS (
	INSERT INTO payment (invoice_id, kind, amount, reference)
	SELECT invoice_id, 'credit_note', -credit, 'Credit note from invoice ' || invoice_id
	FROM becomes WHERE credit > 0
	RETURNING payment_id, invoice_id
), notes AS (
	INSERT INTO credit_note (credit_note_id, attendee_id, value)
	SELECT payment_id, attendee_id, credit FROM noted JOIN becomes USING (invoice_id))
INSERT INTO outbox (kind, invoice_id, old_status, new_status, credit_note_id)
SELECT 'invoice_updated'::outbox_kind, invoice_id, old_status, status, NULL::bigint
FROM becomes WHERE status <> old_status
UNION ALL
SELECT 'credit_note_created', invoice_id, NULL, NULL, payment_id FROM noted;

-- Everything paid on :invoice_id becomes a note, which pays :other_id.

-- @ promises: refund and apply
WITH refunded AS (
	UPDATE invoice SET status = 'refunded', paid = 0, payment_count = payment_count + 1,
		closed_time = now()
	WHERE invoice_id = :invoice_id
	RETURNING invoice_id, attendee_id
), noted AS (
	INSERT INTO payment (invoice_id, kind, amount, reference)
	VALUES (:invoice_id, 'credit_note', -:amount, 'Credit note from invoice ' || :invoice_id)
	RETURNING payment_id
), note AS (
	INSERT INTO credit_note (credit_note_id, attendee_id, value)
	SELECT payment_id, attendee_id, :amount FROM noted, refunded
	RETURNING credit_note_id)
INSERT INTO outbox (kind, invoice_id, old_status, new_status, credit_note_id)
SELECT 'invoice_updated'::outbox_kind, invoice_id, 'paid'::invoice_status, 'refunded'::invoice_status,
	NULL::bigint
FROM refunded
UNION ALL
SELECT 'credit_note_created', :invoice_id, NULL, NULL, credit_note_id FROM note;
:note_id := currval('payment_payment_id_seq');
WITH claimed AS (
	UPDATE credit_note SET state = 'applied' WHERE credit_note_id = :note_id
	RETURNING credit_note_id
), claim AS (
	INSERT INTO credit_note_claim (credit_note_id, claim)
	SELECT credit_note_id, 'applied' FROM claimed
), applied AS (
	INSERT INTO payment (invoice_id, kind, amount, reference)
	VALUES (:other_id, 'credit_application', :amount, 'Credit note ' || :note_id)
	RETURNING payment_id
), application AS (
	INSERT INTO credit_note_application (payment_id, credit_note_id)
	SELECT payment_id, :note_id FROM applied
), changed AS (
	UPDATE invoice SET status = 'paid', paid = :amount, payment_count = payment_count + 1,
		paid_time = now()
	WHERE invoice_id = :other_id
	RETURNING status)
INSERT INTO outbox (kind, invoice_id, old_status, new_status, credit_note_id)
SELECT 'credit_note_applied'::outbox_kind, :other_id, NULL::invoice_status, NULL::invoice_status,
	:note_id
UNION ALL
SELECT 'invoice_updated', :other_id, 'unpaid', status, NULL FROM changed;

-- @ insert: refund and apply
SELECT apply_credit_note(refund_invoice(:invoice_id), :other_id);

-- A visit, one transaction for each: a cart, two items, an invoice, and the payment
-- as above.  The floor has one counter for each product.  It looks whether that
-- suffices and the cart is active, not at limits or credit.

-- @ promises: current_cart
INSERT INTO cart (attendee_id) VALUES (:attendee_id)
ON CONFLICT (attendee_id) WHERE status = 'active' DO NOTHING
RETURNING cart_id \gset

-- @ promises: set_quantity
WITH had AS (
	SELECT coalesce(sum(quantity), 0)::integer AS quantity FROM reservation
	WHERE cart_id = :cart_id AND product_id = :product_id
), counted AS (
	UPDATE counter SET free = free - :quantity + had.quantity FROM had
	WHERE product_id = :product_id AND free >= :quantity - had.quantity
	RETURNING product_id, (had.quantity = 0)::integer AS entries
), item AS (
	INSERT INTO cart_item (cart_id, product_id, quantity)
	SELECT :cart_id, product_id, :quantity FROM counted
	ON CONFLICT (cart_id, product_id) DO UPDATE SET quantity = EXCLUDED.quantity
), renewed AS (
	UPDATE cart SET revision = revision + 1, entry_count = entry_count + entries,
		time_last_updated = now(), reservation_duration = greatest(p.reservation_duration,
			time_last_updated + cart.reservation_duration - now())
	FROM counted JOIN product p USING (product_id)
	WHERE cart_id = :cart_id AND status = 'active'
	RETURNING (time_last_updated AT TIME ZONE 'UTC' + cart.reservation_duration)
		AT TIME ZONE 'UTC' AS until
), moved AS (
	UPDATE reservation SET reserved_until = until FROM renewed
	WHERE cart_id = :cart_id AND product_id <> :product_id)
INSERT INTO reservation (cart_id, product_id, quantity, reserved_until)
SELECT :cart_id, :product_id, :quantity, until FROM renewed
ON CONFLICT (cart_id, product_id) DO UPDATE
SET quantity = EXCLUDED.quantity, reserved_until = EXCLUDED.reserved_until;

-- @ promises: invoice_cart
WITH line AS (
	SELECT product_id, format('%s - %s', g.name, p.name) AS description, quantity, price
	FROM cart_item JOIN product p USING (product_id) JOIN category g USING (category_id)
	WHERE cart_id = :cart_id
	ORDER BY g.display_order, category_id, p.display_order, product_id
), made AS (
	INSERT INTO invoice (attendee_id, cart_id, cart_revision, recipient, due_time, value)
	SELECT c.attendee_id, cart_id, revision, recipient,
		(time_last_updated AT TIME ZONE 'UTC' + reservation_duration) AT TIME ZONE 'UTC',
		(SELECT sum(quantity * price) FROM line)
	FROM cart c JOIN attendee USING (attendee_id)
	WHERE cart_id = :cart_id AND status = 'active'
	FOR NO KEY UPDATE OF c
	RETURNING invoice_id
), billed AS (
	INSERT INTO line_item (invoice_id, description, quantity, price, product_id)
	SELECT invoice_id, description, quantity, price, product_id FROM made, line)
INSERT INTO outbox (kind, invoice_id, new_status)
SELECT 'invoice_created', invoice_id, 'unpaid' FROM made
RETURNING invoice_id \gset

-- @ insert: current_cart
SELECT twin_current_cart(:attendee_id) AS cart_id \gset

-- @ insert: set_quantity
SELECT twin_set_quantity(:cart_id, :product_id, :quantity);

-- @ insert: invoice_cart
SELECT twin_invoice_cart(:cart_id) AS invoice_id \gset

-- @ pay: current_cart
SELECT current_cart(:attendee_id) AS cart_id \gset

-- @ pay: set_quantity
SELECT set_quantity(:cart_id, :product_id, :quantity);

-- @ pay: invoice_cart
SELECT invoice_cart(:cart_id) AS invoice_id \gset
