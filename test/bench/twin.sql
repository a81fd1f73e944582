-- The engine's twin in PL/pgSQL, on the ledger's own tables without the engine's
-- triggers (promises.sql): the same locks in the same order, running totals,
-- state machine, credit notes, carts and outbox, held to the same integrity
-- checks.  It leaves out what the engine does besides: append-only guards,
-- replay detection, privileges.
--
-- There are two triggers.  settle_row() is the faster one for a payment at a
-- time, settle_statement() for many; the benchmark gives the twin the one that
-- suits it.

-- What becomes of an invoice that has paid on it.
CREATE FUNCTION next_status(status invoice_status, value numeric, paid numeric, unsellable boolean)
	RETURNS invoice_status
	LANGUAGE sql IMMUTABLE
	RETURN CASE
		WHEN status = 'unpaid' AND unsellable THEN 'void'
		WHEN status = 'unpaid' AND paid >= value THEN 'paid'
		WHEN status = 'unpaid' AND paid = 0 THEN 'void'
		WHEN status = 'paid' AND paid < value THEN 'refunded'
		ELSE status
	END;

-- Whether a locked cart is not what was invoiced, or what is in it is gone.
CREATE FUNCTION cart_is_unsellable(which bigint, invoiced_revision integer)
	RETURNS boolean
	LANGUAGE plpgsql
AS $$
BEGIN
	PERFORM FROM cart
	WHERE cart_id = which AND status = 'active' AND revision = invoiced_revision;
	IF NOT FOUND THEN
		RETURN true;
	END IF;
	PERFORM FROM cart_item i JOIN product p USING (product_id)
	WHERE i.cart_id = which AND p.stock < p.sold + i.quantity + (
		SELECT coalesce(sum(r.quantity), 0) FROM reservation r
		WHERE r.product_id = i.product_id AND r.cart_id <> which AND r.reserved_until > now());
	RETURN FOUND;
END
$$;

CREATE FUNCTION move_cart(which bigint, new_status cart_status)
	RETURNS void
	LANGUAGE plpgsql
AS $$
BEGIN
	UPDATE cart SET status = new_status WHERE cart_id = which;
	UPDATE product p
	SET sold = sold + CASE new_status WHEN 'paid' THEN i.quantity ELSE -i.quantity END
	FROM cart_item i
	WHERE i.cart_id = which AND p.product_id = i.product_id;
	IF new_status = 'paid' THEN
		DELETE FROM reservation WHERE cart_id = which;
	END IF;
	INSERT INTO outbox (kind, cart_id)
	VALUES (CASE new_status WHEN 'paid' THEN 'cart_paid' ELSE 'cart_released' END::outbox_kind, which);
END
$$;

CREATE FUNCTION settle_row()
	RETURNS trigger
	LANGUAGE plpgsql
AS $$
DECLARE
	i invoice;
	new_status invoice_status;
	total numeric;
	credit numeric := 0;
	note bigint;
BEGIN
	-- Whether an invoice has a cart never changes.  The usual case, none, takes
	-- one lock; the other takes all of them in order.
	SELECT * INTO i FROM invoice
	WHERE invoice_id = NEW.invoice_id AND cart_id IS NULL FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		PERFORM FROM cart c JOIN invoice b USING (cart_id)
		WHERE b.invoice_id = NEW.invoice_id FOR NO KEY UPDATE OF c;
		PERFORM FROM product WHERE product_id IN (
			SELECT e.product_id FROM cart_item e JOIN invoice b USING (cart_id)
			WHERE b.invoice_id = NEW.invoice_id)
		ORDER BY product_id FOR NO KEY UPDATE;
		SELECT * INTO i FROM invoice WHERE invoice_id = NEW.invoice_id FOR NO KEY UPDATE;
	END IF;

	total := i.paid + NEW.amount;
	IF total < 0 THEN
		RAISE EXCEPTION 'invoice % can''t give back more than was paid on it', i.invoice_id;
	END IF;
	new_status := next_status(i.status, i.value, total,
		i.cart_id IS NOT NULL AND i.status = 'unpaid'
			AND cart_is_unsellable(i.cart_id, i.cart_revision));
	IF new_status = 'paid' THEN
		credit := total - i.value;
	ELSIF new_status <> 'unpaid' THEN
		credit := total;
	END IF;

	IF i.cart_id IS NOT NULL AND new_status <> i.status THEN
		IF new_status = 'paid' THEN
			PERFORM move_cart(i.cart_id, 'paid');
		ELSIF i.status = 'paid' THEN
			PERFORM move_cart(i.cart_id, 'released');
		END IF;
	END IF;
	IF credit > 0 THEN
		note := nextval('payment_payment_id_seq');
	END IF;
	UPDATE invoice SET status = new_status, paid = total - credit,
		payment_count = payment_count + CASE WHEN credit > 0 THEN 2 ELSE 1 END,
		last_payment_id = greatest(last_payment_id, NEW.payment_id, note),
		paid_time = CASE WHEN new_status = 'paid' AND i.status = 'unpaid' THEN now() ELSE paid_time END,
		closed_time = CASE WHEN new_status > 'paid' AND i.status <= 'paid' THEN now() ELSE closed_time END
	WHERE invoice_id = i.invoice_id;
	IF new_status <> i.status THEN
		INSERT INTO outbox (kind, invoice_id, old_status, new_status)
		VALUES ('invoice_updated', i.invoice_id, i.status, new_status);
	END IF;
	IF credit > 0 THEN
		INSERT INTO payment (payment_id, invoice_id, kind, amount, reference)
		VALUES (note, i.invoice_id, 'credit_note', -credit,
			'Credit note from invoice ' || i.invoice_id);
		INSERT INTO credit_note (credit_note_id, attendee_id, value)
		VALUES (note, i.attendee_id, credit);
		INSERT INTO outbox (kind, invoice_id, credit_note_id)
		VALUES ('credit_note_created', i.invoice_id, note);
	END IF;
	RETURN NULL;
END
$$;

CREATE FUNCTION settle_statement()
	RETURNS trigger
	LANGUAGE plpgsql
AS $$
BEGIN
	IF pg_trigger_depth() > 1 THEN		-- by the notes that are made below
		RETURN NULL;
	END IF;
	PERFORM FROM cart WHERE cart_id IN (
		SELECT i.cart_id FROM new_payment JOIN invoice i USING (invoice_id))
	ORDER BY cart_id FOR NO KEY UPDATE;
	IF FOUND THEN
		PERFORM FROM product WHERE product_id IN (
			SELECT e.product_id FROM new_payment
			JOIN invoice i USING (invoice_id) JOIN cart_item e USING (cart_id))
		ORDER BY product_id FOR NO KEY UPDATE;
	END IF;
	PERFORM FROM invoice WHERE invoice_id IN (SELECT invoice_id FROM new_payment)
	ORDER BY invoice_id FOR NO KEY UPDATE;

	WITH added AS (
		SELECT invoice_id, sum(amount) AS amount, count(*) AS number, max(payment_id) AS last_id
		FROM new_payment GROUP BY invoice_id
	), becomes AS (
		SELECT i.invoice_id, i.attendee_id, i.cart_id, i.value, i.status AS old_status,
			i.paid + a.amount AS total, a.number, a.last_id,
			next_status(i.status, i.value, i.paid + a.amount,
				i.cart_id IS NOT NULL AND i.status = 'unpaid'
					AND cart_is_unsellable(i.cart_id, i.cart_revision)) AS status
		FROM added a JOIN invoice i USING (invoice_id)
	), noted AS (
		SELECT *, CASE WHEN credit > 0 THEN nextval('payment_payment_id_seq') END AS note
		FROM (SELECT *, CASE status WHEN 'unpaid' THEN 0 WHEN 'paid' THEN total - value
			ELSE total END AS credit FROM becomes) AS verdict
	), changed AS (
		UPDATE invoice i SET status = n.status, paid = n.total - n.credit,
			payment_count = payment_count + n.number + CASE WHEN n.credit > 0 THEN 1 ELSE 0 END,
			last_payment_id = greatest(last_payment_id, n.last_id, n.note),
			paid_time = CASE WHEN n.status = 'paid' AND n.old_status = 'unpaid' THEN now() ELSE paid_time END,
			closed_time = CASE WHEN n.status > 'paid' AND n.old_status <= 'paid' THEN now() ELSE closed_time END
		FROM noted n WHERE i.invoice_id = n.invoice_id
	), moved AS (
		UPDATE cart c SET status = CASE n.status WHEN 'paid' THEN 'paid' ELSE 'released' END::cart_status
		FROM noted n
		WHERE c.cart_id = n.cart_id AND n.status <> n.old_status
			AND (n.status = 'paid' OR n.old_status = 'paid')
		RETURNING c.cart_id, c.status
	), counted AS (
		UPDATE product p SET sold = sold + change.quantity
		FROM (SELECT e.product_id,
				sum(CASE m.status WHEN 'paid' THEN e.quantity ELSE -e.quantity END) AS quantity
			FROM moved m JOIN cart_item e USING (cart_id) GROUP BY e.product_id) change
		WHERE p.product_id = change.product_id
	), freed AS (
		DELETE FROM reservation r USING moved m WHERE r.cart_id = m.cart_id AND m.status = 'paid'
	), payments AS (
		INSERT INTO payment (payment_id, invoice_id, kind, amount, reference)
		SELECT note, invoice_id, 'credit_note', -credit, 'Credit note from invoice ' || invoice_id
		FROM noted WHERE credit > 0
	), notes AS (
		INSERT INTO credit_note (credit_note_id, attendee_id, value)
		SELECT note, attendee_id, credit FROM noted WHERE credit > 0
	)
	INSERT INTO outbox (kind, invoice_id, old_status, new_status, credit_note_id, cart_id)
	SELECT 'invoice_updated'::outbox_kind, invoice_id, old_status, status, NULL::bigint, NULL::bigint
	FROM noted WHERE status <> old_status
	UNION ALL
	SELECT 'credit_note_created', invoice_id, NULL, NULL, note, NULL
	FROM noted WHERE credit > 0
	UNION ALL
	SELECT CASE status WHEN 'paid' THEN 'cart_paid' ELSE 'cart_released' END::outbox_kind,
		NULL, NULL, NULL, NULL, cart_id
	FROM moved;
	-- The check of invoice.paid refuses what would give back too much.
	RETURN NULL;
END
$$;
