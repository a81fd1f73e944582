-- The engine's twin in PL/pgSQL, on the ledger's own tables without the engine's
-- triggers (promises.sql): the same locks in the same order, running totals,
-- state machine, credit notes, carts, slots and outbox, held to the same integrity
-- checks.  It leaves out what the engine does besides: append-only guards,
-- replay detection, privileges, actors, the stock of a category, taking back what
-- has lapsed, refunding an invoice that is paid in part when its cart changes.
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

-- Units of a product taken, from a slot that nobody has locked and that suffices,
-- else from all of them; given back, where wanted is below zero.
CREATE FUNCTION take_units(which bigint, wanted bigint)
	RETURNS boolean
	LANGUAGE plpgsql
AS $$
DECLARE
	slots bigint[];
	total bigint;
BEGIN
	UPDATE stock_slot SET free = free - wanted WHERE stock_slot_id = (
		SELECT stock_slot_id FROM stock_slot WHERE product_id = which AND free >= wanted
		LIMIT 1 FOR NO KEY UPDATE SKIP LOCKED);
	IF FOUND THEN
		RETURN true;
	END IF;
	SELECT array_agg(stock_slot_id), sum(free) INTO slots, total FROM (
		SELECT stock_slot_id, free FROM stock_slot WHERE product_id = which
		ORDER BY stock_slot_id FOR NO KEY UPDATE) AS locked;
	IF total < wanted THEN
		RETURN false;
	END IF;
	UPDATE stock_slot SET free = CASE stock_slot_id WHEN slots[1] THEN total - wanted ELSE 0 END
	WHERE product_id = which;
	RETURN true;
END
$$;

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
	PERFORM FROM reservation WHERE cart_id = which AND reserved_until = '-infinity';
	RETURN FOUND;
END
$$;

CREATE FUNCTION move_cart(which bigint, new_status cart_status)
	RETURNS void
	LANGUAGE plpgsql
AS $$
BEGIN
	UPDATE cart SET status = new_status WHERE cart_id = which;
	IF new_status = 'paid' THEN
		DELETE FROM reservation WHERE cart_id = which;
	ELSE
		PERFORM take_units(product_id, -quantity) FROM cart_item WHERE cart_id = which;
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
	), given_back AS (
		UPDATE stock_slot s SET free = free + change.quantity
		FROM (SELECT e.product_id, sum(e.quantity) AS quantity,
				(SELECT min(stock_slot_id) FROM stock_slot
				WHERE product_id = e.product_id) AS stock_slot_id
			FROM moved m JOIN cart_item e USING (cart_id)
			WHERE m.status = 'released' GROUP BY e.product_id) change
		WHERE s.stock_slot_id = change.stock_slot_id
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

-- A visit, by functions as the engine has them.  pay() is an INSERT here.

CREATE FUNCTION twin_current_cart(whose bigint)
	RETURNS bigint
	LANGUAGE plpgsql
AS $$
DECLARE
	found_id bigint;
BEGIN
	PERFORM FROM attendee WHERE attendee_id = whose;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no attendee %', whose;
	END IF;
	SELECT cart_id INTO found_id FROM cart WHERE attendee_id = whose AND status = 'active';
	IF NOT FOUND THEN
		INSERT INTO cart (attendee_id) VALUES (whose)
		ON CONFLICT (attendee_id) WHERE status = 'active' DO NOTHING
		RETURNING cart_id INTO found_id;
		IF NOT FOUND THEN		-- made by another session meanwhile
			SELECT cart_id INTO STRICT found_id FROM cart
			WHERE attendee_id = whose AND status = 'active';
		END IF;
	END IF;
	RETURN found_id;
END
$$;

-- Raises an error where an attendee has more than she may of what is in a cart or,
-- with all, where something is missing.
CREATE FUNCTION check_limits(which bigint, whose bigint, everything boolean)
	RETURNS void
	LANGUAGE plpgsql
AS $$
BEGIN
	PERFORM FROM (
		SELECT p.product_id, p.limit_per_attendee, p.category_id, sum(i.quantity) AS quantity,
			bool_or(c.cart_id = which) AS wanted
		FROM cart c JOIN cart_item i USING (cart_id) JOIN product p USING (product_id)
		WHERE c.attendee_id = whose AND (c.status = 'paid' OR c.cart_id = which)
		GROUP BY p.product_id) AS has
	RIGHT JOIN category g USING (category_id)
	GROUP BY g.category_id
	HAVING bool_or(wanted AND quantity > has.limit_per_attendee)
		OR (bool_or(wanted) AND sum(quantity) > g.limit_per_attendee)
		OR (everything AND g.required AND count(has.product_id) = 0);
	IF FOUND THEN
		RAISE EXCEPTION 'an attendee can''t have what is in cart %', which;
	END IF;
END
$$;

CREATE FUNCTION twin_set_quantity(which bigint, what bigint, wanted integer)
	RETURNS void
	LANGUAGE plpgsql
AS $$
DECLARE
	c cart;
	had integer;
	held integer;
	i invoice;
BEGIN
	SELECT * INTO c FROM cart WHERE cart_id = which AND status = 'active' FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no active cart %', which;
	END IF;
	SELECT quantity, CASE WHEN reserved_until > '-infinity' THEN quantity ELSE 0 END
	INTO had, held FROM reservation WHERE cart_id = which AND product_id = what;
	IF wanted = coalesce(had, 0) THEN
		RETURN;
	END IF;
	IF wanted > 0 THEN
		INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (which, what, wanted)
		ON CONFLICT (cart_id, product_id) DO UPDATE SET quantity = EXCLUDED.quantity;
	ELSE
		DELETE FROM cart_item WHERE cart_id = which AND product_id = what;
	END IF;
	IF wanted > coalesce(had, 0) THEN
		PERFORM check_limits(which, c.attendee_id, false);
	END IF;
	IF NOT take_units(what, wanted - coalesce(held, 0)) THEN
		RAISE EXCEPTION 'product % is sold out', what;
	END IF;

	-- Reserved to the longest of what is left and what the products ask for.
	UPDATE cart SET revision = revision + 1,
		entry_count = entry_count + CASE WHEN wanted = 0 THEN -1 WHEN had IS NULL THEN 1 ELSE 0 END,
		time_last_updated = now(),
		reservation_duration = greatest('0'::interval,
			c.time_last_updated + c.reservation_duration - now(),
			(SELECT max(p.reservation_duration) FROM cart_item e JOIN product p USING (product_id)
				WHERE e.cart_id = which))
	WHERE cart_id = which RETURNING * INTO c;
	IF wanted > 0 THEN
		INSERT INTO reservation (cart_id, product_id, quantity) VALUES (which, what, wanted)
		ON CONFLICT (cart_id, product_id) DO UPDATE SET quantity = EXCLUDED.quantity;
	ELSE
		DELETE FROM reservation WHERE cart_id = which AND product_id = what;
	END IF;
	UPDATE reservation SET reserved_until =
		(c.time_last_updated AT TIME ZONE 'UTC' + c.reservation_duration) AT TIME ZONE 'UTC'
	WHERE cart_id = which;

	-- An invoice of the cart as it was is void.
	FOR i IN SELECT * FROM invoice WHERE cart_id = which AND status = 'unpaid'
		ORDER BY invoice_id FOR NO KEY UPDATE
	LOOP
		IF i.paid > 0 THEN
			RAISE EXCEPTION 'invoice % is paid in part', i.invoice_id;
		END IF;
		UPDATE invoice SET status = 'void', closed_time = now() WHERE invoice_id = i.invoice_id;
		INSERT INTO outbox (kind, invoice_id, old_status, new_status)
		VALUES ('invoice_updated', i.invoice_id, 'unpaid', 'void');
	END LOOP;
END
$$;

CREATE FUNCTION twin_invoice_cart(which bigint)
	RETURNS bigint
	LANGUAGE plpgsql
AS $$
DECLARE
	c cart;
	owner attendee;
	made bigint;
BEGIN
	SELECT a.* INTO owner FROM attendee a JOIN cart USING (attendee_id)
	WHERE cart_id = which FOR NO KEY UPDATE OF a;
	SELECT * INTO c FROM cart WHERE cart_id = which FOR NO KEY UPDATE;
	IF NOT FOUND THEN
		RAISE EXCEPTION 'there is no cart %', which;
	END IF;
	SELECT invoice_id INTO made FROM invoice
	WHERE cart_id = which AND cart_revision = c.revision AND status IN ('unpaid', 'paid');
	IF FOUND THEN
		RETURN made;
	END IF;
	PERFORM FROM cart_item WHERE cart_id = which;
	IF NOT FOUND OR c.status <> 'active' OR cart_is_unsellable(which, c.revision) THEN
		RAISE EXCEPTION 'cart % can''t be had', which;
	END IF;
	PERFORM check_limits(which, c.attendee_id, true);

	INSERT INTO invoice (attendee_id, cart_id, cart_revision, recipient, due_time, value)
	SELECT c.attendee_id, which, c.revision, owner.recipient,
		(c.time_last_updated AT TIME ZONE 'UTC' + c.reservation_duration) AT TIME ZONE 'UTC',
		sum(quantity * price)
	FROM cart_line WHERE cart_id = which
	RETURNING invoice_id INTO made;
	INSERT INTO line_item (invoice_id, description, quantity, price, product_id)
	SELECT made, description, quantity, price, product_id
	FROM cart_line WHERE cart_id = which ORDER BY place;
	INSERT INTO outbox (kind, invoice_id, new_status) VALUES ('invoice_created', made, 'unpaid');
	RETURN made;
END
$$;

INSERT INTO stock_slot (product_id, free)
SELECT product_id, free * n / 8 - free * (n - 1) / 8 FROM product_stock, generate_series(1, 8) n;
VACUUM (ANALYZE, FREEZE) stock_slot;
