-- Ids are whatever the tables hold: 0, below zero, the least and the highest there
-- are.  None of them means "none" to the engine (cases 02 and 07).
SET client_min_messages = warning;

-- The life of one id: a user, attendee, category, product, cart and payment of that
-- number, and an invoice where it can have it.
CREATE FUNCTION test.life(id bigint) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	topic text := 'ids' || translate(id::text, '-', 'm');
	cart bigint;
	bill bigint;
	note bigint;
	other bigint;
BEGIN
	PERFORM regpaydb.create_ledger(topic), set_config('regpaydb.ledger', topic, false), set_config('search_path', topic, false);
	INSERT INTO staff VALUES (id);
	INSERT INTO attendee (attendee_id, user_id, recipient, access_code) VALUES (id, id, 'Alice', 'ALICES-CODE'), (5, 5, 'Bob', 'BOBS-CODE');
	INSERT INTO category (category_id, name, required, limit_per_attendee) VALUES (id, 'Ticket', true, 2);
	INSERT INTO product (product_id, category_id, name, price, stock) VALUES (id, id, 'Seat', 10, 2), (7, id, 'Chair', 4, 1);
	INSERT INTO cart (cart_id, attendee_id) VALUES (id, id);
	RETURN NEXT 'current cart is it: ' || (regpaydb.current_cart(id) = id);
	PERFORM regpaydb.set_quantity(id, id, 1);
	RETURN NEXT 'stock ' || regpaydb.available_stock(id) || ', reserved ' || (SELECT count(*) FROM reservation WHERE cart_id = id AND product_id = id);
	RETURN NEXT 'too many: ' || test.raises(format('SELECT regpaydb.set_quantity(%s, %s, 3)', id, id));
	PERFORM regpaydb.validate_cart(id), regpaydb.extend_reservation(id, '2 hours');
	bill := regpaydb.invoice_cart(id);
	RETURN NEXT 'the same invoice again: ' || (regpaydb.invoice_cart(id) = bill) || ', cart ' || (SELECT cart_id = id FROM invoice WHERE invoice_id = bill);
	-- Amended: voided and billed anew.
	PERFORM regpaydb.set_quantity(id, 7, 1);
	other := regpaydb.invoice_cart(id);
	RETURN NEXT 'amended: ' || (SELECT string_agg(status || ' ' || value, ', ' ORDER BY invoice_id) FROM invoice);
	-- Paid with that payment id.
	INSERT INTO payment (payment_id, invoice_id, amount) VALUES (id, other, 14);
	RETURN NEXT 'paid: ' || (SELECT format('%s by %s of them, the last is it: %s, cart %s', i.status, payment_count, last_payment_id = id, c.status) FROM invoice i JOIN cart c USING (cart_id) WHERE i.invoice_id = other)
		|| ', sold ' || (SELECT string_agg(sold::text, ' ' ORDER BY product_id = id DESC) FROM product_stock);
	RETURN NEXT 'seen by user, code, staff: ' || regpaydb.can_view(other, id) || ' ' || regpaydb.can_view(other, NULL, 'ALICES-CODE') || ' ' || regpaydb.can_view(other, 5)
		|| ' ' || (regpaydb.invoice_for_access_code('ALICES-CODE') = other);
	RETURN NEXT 'problems: ' || (SELECT count(*) FROM regpaydb.check_integrity());
	RETURN NEXT 'counted again: ' || regpaydb.update_status(other) || ', paid once: ' || test.raises(format('SELECT regpaydb.pay(%s, 1, '''')', other));
	-- A second cart, and what the first holds counts for the limit.
	cart := regpaydb.current_cart(id);
	RETURN NEXT 'another cart: ' || (cart <> id) || ', of the first: ' || test.raises(format('SELECT regpaydb.set_quantity(%s, %s, 1)', cart, id));
	RETURN NEXT 'a paid cart: ' || left(test.raises(format('SELECT regpaydb.set_quantity(%s, %s, 1)', id, id)), 5);
	-- Refunded: released, sold again.
	note := regpaydb.refund_invoice(other, 'ill');
	RETURN NEXT 'refunded: ' || (SELECT format('%s, cart %s', i.status, c.status) FROM invoice i JOIN cart c USING (cart_id) WHERE i.invoice_id = other)
		|| ', sold ' || (SELECT sum(sold) FROM product_stock) || ', credit ' || regpaydb.available_credit(id) || ', stock ' || regpaydb.available_stock(id);
	PERFORM regpaydb.set_quantity(cart, id, 1);
	bill := regpaydb.invoice_cart(cart);
	RETURN NEXT 'by credit: ' || (SELECT status FROM invoice WHERE invoice_id = bill) || ', left ' || regpaydb.available_credit(id);
	note := (SELECT credit_note_id FROM credit_note WHERE state = 'unclaimed');
	bill := regpaydb.cancellation_fee(note, 50);
	RETURN NEXT 'fee: ' || (SELECT value FROM invoice WHERE invoice_id = bill);
	note := (SELECT credit_note_id FROM credit_note WHERE state = 'unclaimed');
	PERFORM regpaydb.refund_credit_note(note, 'out', id);
	RETURN NEXT 'signed: ' || (SELECT entered_by = id FROM credit_note_refund);
	-- A manual invoice of that product, whose payment is an actor's.
	bill := regpaydb.manual_invoice(id, '1 day', jsonb_build_array(jsonb_build_object('description', 'x', 'price', 3, 'product_id', id)));
	PERFORM set_config('regpaydb.user_id', id::text, true);
	note := regpaydb.record_manual_payment(bill, 3, '');
	RETURN NEXT 'on behalf: ' || (SELECT status FROM invoice WHERE invoice_id = bill) || ', ' || (SELECT entered_by = id FROM payment WHERE payment_id = note)
		|| ', attendees ' || (regpaydb.actor_attendees('attendee') = ARRAY[id]) || ', carts ' || cardinality(regpaydb.actor_carts('cart')) || ', all: ' || (regpaydb.actor_floor('invoice') = -9223372036854775808);
	PERFORM set_config('regpaydb.user_id', '', true);
	-- A line of that number is returned in part, and the note is charged.
	INSERT INTO invoice (invoice_id, attendee_id, value) OVERRIDING SYSTEM VALUE VALUES (CASE WHEN id BETWEEN 1 AND 99 THEN id + 100 ELSE id END, id, 30);
	bill := (SELECT invoice_id FROM invoice WHERE value = 30 AND status = 'unpaid');
	INSERT INTO line_item (line_item_id, invoice_id, description, quantity, price, product_id) VALUES (id, bill, 'x', 2, 10, id), (50, bill, 'y', 1, 10, NULL);
	PERFORM regpaydb.pay(bill, 30, '');
	note := regpaydb.return_items(bill, jsonb_build_array(jsonb_build_object('line_item_id', id, 'quantity', 1)));
	RETURN NEXT 'returned: ' || (SELECT format('%s of %s, replaces it: %s', i.status, i.value, regpaydb.invoice_document(bill) -> 'replaced_by' = to_jsonb(i.invoice_id)) FROM invoice i WHERE replaces = bill)
		|| ', left ' || (SELECT value FROM credit_note WHERE credit_note_id = note);
	bill := regpaydb.charge_credit_note(note, jsonb_build_array(jsonb_build_object('description', 'x', 'price', 4, 'product_id', id)));
	RETURN NEXT 'charged: ' || (SELECT status || ' ' || value FROM invoice WHERE invoice_id = bill) || ', left ' || regpaydb.available_credit(id);
	RETURN NEXT 'a new code: ' || length(regpaydb.rotate_access_code(id));
	RETURN NEXT 'statement: ' || (SELECT string_agg(entry || ' ' || amount, ', ' ORDER BY entry, amount) FROM report_attendee_statement WHERE attendee_id = id);
	RETURN QUERY SELECT format('PROBLEM %s %s', object, problem) FROM regpaydb.check_integrity();
	RETURN NEXT 'money ' || m::text FROM test.money() m;
END $$;

CREATE TABLE test.lived AS SELECT n, life FROM test.life(77) WITH ORDINALITY AS l (life, n);
SELECT life FROM test.lived ORDER BY n;
-- The others live as 77 does.
SELECT id, count(*) AS lines, count(*) FILTER (WHERE o.life IS DISTINCT FROM l.life) AS different,
	string_agg(o.life, ', ') FILTER (WHERE o.life IS DISTINCT FROM l.life) AS differences
FROM unnest('{0,-1,-9223372036854775808,9223372036854775807}'::bigint[]) WITH ORDINALITY AS i (id, m),
	LATERAL (SELECT * FROM test.life(id) WITH ORDINALITY AS x (life, n)) o LEFT JOIN test.lived l USING (n)
GROUP BY id, m ORDER BY m;
DROP TABLE test.lived;
DROP FUNCTION test.life;

-- Where the sequences count from -2 on: the engine's own invoices, payments, notes,
-- refunds and events are of these ids, too, and so are batches of them.
SELECT test.new_shop('ids_below');
DO $$ BEGIN
	EXECUTE (SELECT string_agg(format('ALTER TABLE %I ALTER %I SET MINVALUE -9223372036854775808 RESTART -2', table_name, column_name), ';')
		FROM information_schema.columns WHERE table_schema = 'ids_below' AND is_identity = 'YES' AND table_name NOT IN ('attendee', 'category', 'product'));
END $$;
ALTER TABLE payment ALTER payment_id RESTART -4;
UPDATE conference SET auto_apply_credit = false;
UPDATE product SET stock = 10;
SELECT test.fill(a, 1) AS cart FROM generate_series(1, 3) a;
SELECT regpaydb.invoice_cart(c) AS invoice FROM generate_series(-2, 0) c;
SELECT test.invoice(1, 30) AS invoice;
INSERT INTO payment (invoice_id, amount) VALUES (0, 100), (-1, 100), (-2, 100), (1, 40);
SELECT invoice_id, i.status, paid, last_payment_id, cart_id, c.status AS cart FROM invoice i LEFT JOIN cart c USING (cart_id) ORDER BY 1;
SELECT payment_id, invoice_id, kind, amount FROM payment ORDER BY 1;
SELECT sold FROM product_stock WHERE product_id = 1;
-- A batch that SQL has to settle, with ids below those that are counted.
INSERT INTO payment (payment_id, invoice_id, amount) VALUES (-10, -2, 5), (-9, -1, 5), (-8, 0, 5);
CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER a BEFORE INSERT OR UPDATE ON invoice FOR EACH ROW EXECUTE FUNCTION pass();
CREATE TRIGGER a BEFORE INSERT OR UPDATE ON payment FOR EACH ROW EXECUTE FUNCTION pass();
CREATE TRIGGER a BEFORE INSERT OR UPDATE ON cart FOR EACH ROW EXECUTE FUNCTION pass();
INSERT INTO payment (payment_id, invoice_id, amount) VALUES (-14, -2, 1), (-13, -1, 1), (-12, 0, 1), (-11, 1, 1);
SELECT regpaydb.refund_invoice(i) AS note FROM generate_series(-2, 0) i;
SELECT sold FROM product_stock WHERE product_id = 1;
DROP TRIGGER a ON invoice;
DROP TRIGGER a ON payment;
DROP TRIGGER a ON cart;
-- The note 0, put on an invoice; that of an invoice 0, paid out.
SELECT test.invoice(1, 7) AS invoice;
SELECT regpaydb.apply_credit_note(0, 2) AS payment;
SELECT credit_note_id, value, state FROM credit_note WHERE attendee_id = 1 ORDER BY 1;
SELECT test.raises('SELECT regpaydb.refund_credit_note(0, '''')');
SELECT regpaydb.refund_credit_note(max(credit_note_id), '') AS refund FROM credit_note WHERE attendee_id = 3;
-- Refunds -1 and 0, of which one fails; where the money of the payments -4 and 0 is.
SELECT regpaydb.request_refund(max(credit_note_id), 'back') AS refund FROM credit_note WHERE attendee_id = 1 AND state = 'unclaimed';
SELECT regpaydb.fail_refund(-1, 'gone') AS note;
SELECT regpaydb.request_refund(max(credit_note_id), 'back') AS refund FROM credit_note WHERE attendee_id = 1 AND state = 'unclaimed';
SELECT regpaydb.confirm_refund(0);
SELECT payment_id, t.* FROM payment p, regpaydb.money_trail(payment_id) t WHERE kind = 'payment' ORDER BY 1, place, t.amount, 4, 5, 6;
SELECT credit_note_id, value, s.payment_id, s.amount, s.refundable FROM credit_note, regpaydb.refund_sources(credit_note_id) s ORDER BY 1, 3;
SELECT * FROM credit_note_refund_part ORDER BY 1;
SELECT count(*), min(outbox_id), count(invoice_id), count(credit_note_id), count(cart_id), min(cart_id) AS cart, max(cart_id) AS cart FROM outbox;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
SELECT entry, invoice_id, credit_note_id, amount FROM report_attendee_statement WHERE attendee_id = 3 ORDER BY entry_number;
SELECT money_received, on_paid_invoices, credit_notes_unclaimed, credit_notes_refunded, difference FROM regpaydb.reconciliation(now());

-- A restore of it: what is counted is known for that, whatever its ids are.
CREATE FUNCTION test.restore(source name, target name) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	t text;
BEGIN
	PERFORM regpaydb.create_ledger(target, currency => 'EUR');
	FOREACH t IN ARRAY '{attendee,staff,category,product,cart,cart_item,cart_discount,reservation,invoice,line_item,payment,credit_note,credit_note_claim,credit_note_application,credit_note_refund,credit_note_refund_part,reversal,outbox}'::text[] LOOP
		EXECUTE format('INSERT INTO %I.%I SELECT * FROM %I.%2$I', target, t, source);
	END LOOP;
END $$;
CREATE FUNCTION test.difference(source name, target name) RETURNS TABLE (name text, rows bigint) LANGUAGE plpgsql AS $$
DECLARE
	t text;
BEGIN
	FOREACH t IN ARRAY '{attendee,product,cart,cart_item,reservation,invoice,line_item,payment,credit_note,credit_note_claim,credit_note_refund,credit_note_refund_part,reversal,outbox}'::text[] LOOP
		name := t;
		EXECUTE format('SELECT count(*) FROM (SELECT x::text FROM %I.%I x EXCEPT ALL SELECT y::text FROM %I.%2$I y) d', target, t, source) INTO rows;
		CONTINUE WHEN rows = 0;
		RETURN NEXT;
	END LOOP;
END $$;
SELECT test.restore('ids_below', 'ids_restored');
SELECT * FROM test.difference('ids_below', 'ids_restored');
SELECT test.restore('idsm9223372036854775808', 'ids_restored_least');
SELECT * FROM test.difference('idsm9223372036854775808', 'ids_restored_least');
SELECT test.restore('ids9223372036854775807', 'ids_restored_highest');
SELECT * FROM test.difference('ids9223372036854775807', 'ids_restored_highest');
SELECT test.restore('ids0', 'ids_restored_0');
SELECT * FROM test.difference('ids0', 'ids_restored_0');
SELECT ledger, set_config('regpaydb.ledger', ledger, false) = ledger AS set, (SELECT count(*) FROM regpaydb.check_integrity() WHERE ledger <> '') AS problems
FROM unnest('{ids_restored,ids_restored_least,ids_restored_highest,ids_restored_0}'::text[]) ledger;

-- Case 02: cart 0 is invoiced.  Case 07: payment 0 is counted, cart 0 sold and found.
SELECT test.new_shop('ids_cases');
INSERT INTO cart (cart_id, attendee_id) VALUES (0, 1);
SELECT regpaydb.set_quantity(0, 1, 1), regpaydb.invoice_cart(0) AS invoice;
SELECT test.invoice(1, 100) AS invoice;
INSERT INTO payment (payment_id, invoice_id, amount, provider, provider_ref) VALUES (0, 2, 10, 'bank', 'p0');
SELECT * FROM regpaydb.check_integrity();
SELECT regpaydb.pay(1, 100, '') > 0 AS paid;
SELECT status FROM cart WHERE cart_id = 0;
SELECT sold FROM product_stock WHERE product_id = 1;
SELECT regpaydb.current_cart(1) <> 0 AS another;
SELECT * FROM regpaydb.check_integrity();
-- By plain SQL, as 07 has it: a cart's invoice that its owner wrote.
INSERT INTO cart (cart_id, attendee_id) VALUES (-5, 2);
INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (-5, 1, 1);
INSERT INTO invoice (invoice_id, attendee_id, value, cart_id, cart_revision) VALUES (0, 2, 100, -5, 2);
INSERT INTO line_item (line_item_id, invoice_id, description, quantity, price, product_id) VALUES (0, 0, 'x', 1, 100, 1);
SELECT regpaydb.invoice_cart(-5) AS invoice, regpaydb.pay(0, 100, '') > 0 AS paid;
SELECT status FROM cart WHERE cart_id = -5;
SELECT * FROM regpaydb.check_integrity();
-- Payment 0 is a source and a place as any other: of a reversal, and of a refund's part.
SELECT regpaydb.record_reversal('bank', 'p0', 4, 'r0') AS reversal;
SELECT * FROM regpaydb.money_trail(0);
SELECT regpaydb.refund_invoice(2) AS note \gset
SELECT payment_id, amount, refundable FROM regpaydb.refund_sources(:note);
SELECT test.raises(format('SELECT regpaydb.request_refund(%s, ''x'', ''[{"payment_id": 0, "amount": 6.01}]'')', :note)) ~ '^RP003' AS too_much;
SELECT regpaydb.request_refund(:note, 'its reference', '[{"payment_id": 0, "amount": 2}]') AS refund \gset
SELECT payment_id, amount FROM credit_note_refund_part WHERE credit_note_refund_id = :refund ORDER BY payment_id;
SELECT payment_id, amount, refundable FROM regpaydb.refund_sources(:note);
-- What another refund is called by people is a reference that a platform may use.
SELECT regpaydb.record_payment(test.invoice(1, 0), 3, '', 'bank', 'p3') > 0 AS paid;
SELECT regpaydb.confirm_refund(regpaydb.request_refund(max(credit_note_id), 'x'), 'bank', 'its reference') FROM credit_note;
SELECT regpaydb.fail_refund(:refund, 'x') > 0 AS note;
SELECT regpaydb.payment_summary('bank', 'p0') ~ '^10.00: 6.00 in credit note [0-9]+, 4.00 reversed on invoice 2$' AS summary;
SELECT * FROM regpaydb.check_integrity();
-- Nothing of that number: not found, and nothing is made.
SELECT test.new_shop('ids_none');
SELECT call, test.raises('SELECT regpaydb.' || replace(call, '@', '0')) AS "0", test.raises('SELECT regpaydb.' || replace(call, '@', '-1')) = replace(test.raises('SELECT regpaydb.' || replace(call, '@', '0')), ' 0', ' -1') AS "-1",
	split_part(test.raises('SELECT regpaydb.' || replace(call, '@', '-9223372036854775808')), ':', 1) AS least, split_part(test.raises('SELECT regpaydb.' || replace(call, '@', '9223372036854775807')), ':', 1) AS highest
FROM unnest('{"pay(@, 1, '''')","record_payment(@, 1, '''', ''b'', ''1'')","record_manual_payment(@, 1, '''', 900)","validate_allowed_to_pay(@)","update_status(@)","balance_due(@)","total_payments(@)","invoice_document(@)","void_invoice(@)","refund_invoice(@)","apply_credit_note(@, @)","refund_credit_note(@, '''')","cancellation_fee(@, 10)","charge_credit_note(@, ''[{\"description\": \"x\", \"price\": 1}]'')","request_refund(@, '''')","confirm_refund(@)","fail_refund(@, '''')","refund_sources(@)","money_trail(@)","return_items(@, ''[{\"line_item_id\": @}]'')","available_credit(@)","rotate_access_code(@)","current_cart(@)","set_quantity(@, 1, 1)","validate_cart(@)","invoice_cart(@)","extend_reservation(@, ''1 hour'')","available_stock(@)","can_view(@, @)"}'::text[]) WITH ORDINALITY AS u (call, n) ORDER BY n;
SELECT (SELECT count(*) FROM cart) + (SELECT count(*) FROM invoice) + (SELECT count(*) FROM payment) AS rows;
RESET regpaydb.ledger;
DROP FUNCTION test.restore, test.difference;
