-- The extension, and helpers of the tests.
--
-- This file runs first: the other ones use what it leaves behind, each in a ledger of
-- its own.
SET client_min_messages = warning;

-- ---------------------------------------------------------------------------
-- The extension
-- ---------------------------------------------------------------------------
CREATE EXTENSION regpaydb;

-- ---------------------------------------------------------------------------
-- Helpers of the test suite
-- ---------------------------------------------------------------------------
CREATE SCHEMA test;

-- What a statement raises, as "SQLSTATE: message".
CREATE FUNCTION test.raises(statement text) RETURNS text
	LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN
	RETURN format('%s: %s', SQLSTATE, SQLERRM);
END $$;

-- All that a statement's error tells a person.
CREATE FUNCTION test.report(statement text)
	RETURNS TABLE (code text, message text, detail text, hint text)
	LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE statement;
	code := 'no error';
	RETURN NEXT;
EXCEPTION WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS code = RETURNED_SQLSTATE, message = MESSAGE_TEXT,
		detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN NEXT;
END $$;

-- A ledger of its own for a topic, made the current one.  Alice is attendee 1
-- (user 101), Bob is attendee 2 (user 102), user 900 is staff.
CREATE FUNCTION test.new_ledger(topic name) RETURNS void
	LANGUAGE plpgsql AS $$
BEGIN
	PERFORM regpaydb.create_ledger(topic, 'Testing Conference', 'EUR');
	PERFORM set_config('regpaydb.ledger', topic, false);
	PERFORM set_config('search_path', quote_ident(topic), false);
	INSERT INTO attendee (user_id, recipient, access_code) VALUES
		(101, 'Alice', 'ALICES-CODE'), (102, 'Bob', 'BOBS-CODE');
	INSERT INTO staff VALUES (900);
END $$;

-- What check_integrity() finds and, since then, does not, of what one object's rows tell:
-- the objects; and whatever it finds since then only.
CREATE FUNCTION test.missed(since timestamptz DEFAULT now() - interval '1 hour') RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	missed text;
	invented text;
BEGIN
	EXECUTE format('WITH whole AS (SELECT object, problem FROM %I.integrity_problem WHERE kind IS NOT NULL),
		part AS (SELECT * FROM regpaydb.check_integrity($1))
		SELECT (SELECT string_agg(DISTINCT object, '', '' ORDER BY object) FROM (TABLE whole EXCEPT ALL TABLE part) m),
			(SELECT string_agg(DISTINCT object, '', '' ORDER BY object) FROM (TABLE part EXCEPT ALL TABLE whole) i)',
		current_setting('regpaydb.ledger')) INTO missed, invented USING since;
	RETURN concat_ws(', ', missed, 'invented: ' || invented);
END $$;

-- An invoice with one line.
CREATE FUNCTION test.invoice(attendee_id bigint, value numeric) RETURNS bigint
	LANGUAGE sql AS $$
	SELECT regpaydb.manual_invoice(attendee_id, '30 days',
		jsonb_build_array(jsonb_build_object('description', 'Ticket', 'price', value)))
$$;

-- Money is conserved: what came in from outside, and was not taken back, is on
-- invoices, in unclaimed credit notes, or was refunded, unless that failed.  Counted
-- from the rows, not from the state of the notes.
CREATE FUNCTION test.money(
		OUT received numeric, OUT retained numeric, OUT unclaimed numeric,
		OUT refunded numeric, OUT conserved boolean)
	LANGUAGE plpgsql AS $$
BEGIN
	SELECT coalesce(sum(amount), 0) INTO received FROM payment WHERE kind IN ('payment', 'manual', 'reversal');
	SELECT coalesce(sum(paid), 0) INTO retained FROM invoice;
	SELECT coalesce(sum(n.value), 0) INTO refunded
		FROM credit_note n JOIN credit_note_refund r USING (credit_note_id) WHERE r.state <> 'failed';
	SELECT coalesce(sum(n.value), 0) INTO unclaimed FROM credit_note n
		WHERE NOT EXISTS (SELECT FROM credit_note_refund r WHERE r.credit_note_id = n.credit_note_id)
			AND NOT EXISTS (SELECT FROM credit_note_application a WHERE a.credit_note_id = n.credit_note_id);
	conserved := received = retained + unclaimed + refunded;
END $$;

-- A ledger with something to sell, and a third attendee, Carol (user 103).
CREATE FUNCTION test.new_shop(topic name) RETURNS void
	LANGUAGE plpgsql AS $$
BEGIN
	PERFORM test.new_ledger(topic);
	INSERT INTO attendee (user_id, recipient, access_code) VALUES (103, 'Carol', 'CAROLS-CODE');
	INSERT INTO category (category_id, name, display_order) VALUES
		(1, 'Ticket', 1), (2, 'T-shirt', 2), (3, 'Extra', 3);
	INSERT INTO product (product_id, category_id, name, price, stock, reservation_duration) VALUES
		(1, 1, 'Full', 100.00, 5, '1 hour'),
		(2, 1, 'Student', 40.00, 1, '1 hour'),
		(3, 2, 'Red', 25.50, 2, '30 minutes'),
		(4, 2, 'Blue', 25.50, NULL, '2 hours'),
		(5, 3, 'Dinner', 75.00, 1, '1 day'),
		(6, 3, 'Badge', 0.00, NULL, '0');
END $$;

-- The attendee's cart, with so many of a product in it.
CREATE FUNCTION test.fill(attendee_id bigint, product_id bigint, quantity integer DEFAULT 1)
	RETURNS bigint
	LANGUAGE plpgsql AS $$
DECLARE
	id bigint := regpaydb.current_cart(attendee_id);
BEGIN
	PERFORM regpaydb.set_quantity(id, product_id, quantity);
	RETURN id;
END $$;

-- A ledger without its reports, which keep columns from changing their types.
CREATE FUNCTION test.drop_reports(ledger regnamespace) RETURNS void
	LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE (SELECT format('DROP VIEW %s', string_agg(oid::regclass::text, ', '))
		FROM pg_class WHERE relnamespace = ledger AND relkind = 'v' AND starts_with(relname, 'report_'));
END $$;

-- Let the reservation of a cart have ended a minute ago.
CREATE FUNCTION test.lapse(id bigint) RETURNS void
	LANGUAGE plpgsql AS $$
BEGIN
	UPDATE cart SET time_last_updated = now() - reservation_duration - interval '1 minute'
	WHERE cart_id = id;
END $$;

-- What a statement does to carts, invoices and stock, and the outbox with it;
-- it is taken back.
CREATE FUNCTION test.outcome(statement text) RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	result text;
	last_event bigint := (SELECT coalesce(max(outbox_id), 0) FROM outbox);
	last_invoice bigint := (SELECT coalesce(max(invoice_id), 0) FROM invoice);
	revisions jsonb := (SELECT jsonb_object_agg(cart_id, revision) FROM cart);
	payments jsonb := (SELECT jsonb_object_agg(invoice_id, paid) FROM invoice);
	sales jsonb := (SELECT jsonb_object_agg(product_id, sold) FROM product_stock);
BEGIN
	EXECUTE statement;
	SELECT string_agg(what, ', ' ORDER BY place, id) INTO result FROM (
		SELECT 1 AS place, cart_id AS id, format('cart %s revision +%s', cart_id, revision - before) AS what
		FROM cart, LATERAL (SELECT (revisions ->> cart_id::text)::integer AS before) b
		WHERE revision <> before
		UNION ALL
		SELECT 2, outbox_id, CASE kind
			WHEN 'invoice_created' THEN 'new invoice'
			WHEN 'invoice_updated' THEN format('invoice %s %s>%s',
				CASE WHEN invoice_id > last_invoice THEN 'new' ELSE invoice_id::text END, old_status, new_status)
			WHEN 'credit_note_created' THEN format('attendee %s gets note of %s', attendee_id, value)
			WHEN 'credit_note_applied' THEN format('note of %s applied', value)
			ELSE format('%s %s', kind, CASE WHEN revisions ? cart_id::text THEN cart_id::text ELSE 'new' END) END
		FROM outbox LEFT JOIN credit_note USING (credit_note_id)
		WHERE outbox_id > last_event
		UNION ALL
		SELECT 3, invoice_id, format('invoice %s has %s', invoice_id, paid)
		FROM invoice, LATERAL (SELECT (payments ->> invoice_id::text)::numeric AS before) b
		WHERE paid <> before AND paid > 0
		UNION ALL
		SELECT 4, product_id, format('product %s sold %s', product_id, to_char(sold - before, 'FMSG999'))
		FROM product_stock, LATERAL (SELECT (sales ->> product_id::text)::integer AS before) b
		WHERE sold <> before
		UNION ALL
		SELECT 5, 0, format('PROBLEM: %s %s', object, problem) FROM regpaydb.check_integrity()
		UNION ALL
		SELECT 5, 0, 'PROBLEM: money is lost' FROM test.money() WHERE NOT conserved) w;
	RAISE EXCEPTION USING ERRCODE = 'T0000', MESSAGE = coalesce(result, 'nothing');
EXCEPTION WHEN SQLSTATE 'T0000' THEN
	RETURN SQLERRM;
WHEN OTHERS THEN
	RETURN format('%s: %s', SQLSTATE, SQLERRM);
END $$;

-- What a piece of work, a query of one text, comes to after a change of the ledger,
-- or the error that one of them raises.  Both are taken back.
CREATE FUNCTION test.with_change(change text, work text) RETURNS text
	LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE change;
	EXECUTE work INTO result;
	RAISE EXCEPTION USING ERRCODE = 'T0000', MESSAGE = result;
EXCEPTION WHEN SQLSTATE 'T0000' THEN
	RETURN SQLERRM;
WHEN OTHERS THEN
	RETURN format('%s: %s', SQLSTATE, SQLERRM);
END $$;

-- Pays three invoices of 100 in the three ways, the third too much, and tells how
-- the ledger is then, or what was raised.
CREATE FUNCTION test.pay_all() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	i bigint;
	j bigint;
	k bigint;
	result text;
BEGIN
	i := test.invoice(1, 100);
	j := test.invoice(1, 100);
	k := test.invoice(1, 100);
	PERFORM regpaydb.pay(i, 100, 'pay');
	INSERT INTO payment (invoice_id, amount, reference) VALUES (j, 40, 'one'), (j, 60, 'two');
	PERFORM regpaydb.pay(k, 130, 'too much', 'bank', 'ref ' || k);
	SELECT string_agg(format('%s %s of %s', status, payment_count, paid), ', ' ORDER BY invoice_id)
	INTO result FROM invoice WHERE invoice_id IN (i, j, k);
	RETURN format('%s; %s logged; %s problems', result,
		(SELECT count(*) FROM outbox WHERE invoice_id IN (i, j, k)),
		(SELECT count(*) FROM regpaydb.check_integrity()));
EXCEPTION WHEN OTHERS THEN
	RETURN format('%s: %s', SQLSTATE, SQLERRM);
END $$;
