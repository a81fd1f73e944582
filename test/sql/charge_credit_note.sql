-- A credit note is charged: an invoice of any lines, paid by that very note at once,
-- as a fee for the change of a registration is.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SELECT test.new_shop('charge_credit_note');
UPDATE conference SET auto_apply_credit = false;
CREATE FUNCTION test.note(attendee_id bigint, value numeric) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	id bigint := test.invoice(attendee_id, value);
BEGIN
	PERFORM regpaydb.pay(id, value, 'to be refunded');
	RETURN regpaydb.refund_invoice(id);
END $$;
CREATE FUNCTION test.charged(id bigint) RETURNS TABLE (attendee bigint, recipient text, status regpaydb.invoice_status,
		value numeric, paid numeric, payments bigint, due interval, cart bigint, replaces bigint, lines text, by_notes text, rest text)
	LANGUAGE sql AS $$
	SELECT attendee_id, recipient, status, value, paid, payment_count, due_time - issue_time, cart_id, replaces,
		(SELECT string_agg(format('%s %s %s%s', quantity, description, price, ' of ' || product_id), '; ' ORDER BY line_item_id)
			FROM line_item l WHERE l.invoice_id = i.invoice_id),
		(SELECT string_agg(format('%s: %s', credit_note_id, amount), '; ') FROM payment p
			JOIN credit_note_application a USING (payment_id) WHERE p.invoice_id = i.invoice_id),
		(SELECT string_agg(format('%s: %s of attendee %s, %s', credit_note_id, n.value, n.attendee_id, state), '; ') FROM payment p
			JOIN credit_note n ON credit_note_id = payment_id WHERE p.invoice_id = i.invoice_id)
	FROM invoice i WHERE i.invoice_id = id
$$;
SELECT test.note(1, 50) AS older, test.note(1, 200) AS note \gset
UPDATE conference SET auto_apply_credit = true;

-- Several lines: a fixed fee, something of the shop's, and what makes it less.
SET regpaydb.user_id = '900';
SELECT regpaydb.charge_credit_note(:note, '[{"description": "Change of registration", "price": 15}, {"description": "Lanyard", "price": "2.50", "quantity": 3, "product_id": 4},
	{"description": "Goodwill", "price": -5}]') AS charged \gset
\x on
SELECT * FROM test.charged(:charged);
\x off
SELECT issued_by, paid_time IS NOT NULL AS was_paid FROM invoice WHERE invoice_id = :charged;
SELECT kind, amount, entered_by, reference FROM payment WHERE invoice_id = :charged ORDER BY payment_id;
RESET regpaydb.user_id;
SELECT kind, old_status, new_status, credit_note_id, entered_by FROM outbox WHERE invoice_id = :charged ORDER BY outbox_id;
-- This very note, and none of its owner's others.
SELECT credit_note_id, attendee_id, value, state FROM credit_note ORDER BY 1;
SELECT regpaydb.invoice_document(:charged) -> 'lines' -> 1 AS lanyards;

-- All of it, a cent less and a cent more; due when it is said.
SELECT regpaydb.charge_credit_note(:older, '[{"description": "Fee", "price": 50}]', '0') AS charged \gset
SELECT status, value, due, rest FROM test.charged(:charged);
SELECT max(credit_note_id) AS rest FROM credit_note \gset
SELECT test.raises(format('SELECT regpaydb.charge_credit_note(%s, ''[{"description": "Fee", "price": 182.51}]'')', :rest)) AS a_cent_more;
SELECT regpaydb.charge_credit_note(:rest, '[{"description": "Fee", "price": 182.49}]', '12 days') AS charged \gset
SELECT status, value, due, rest FROM test.charged(:charged);
-- Named arguments, a time before today's, and one that is too far.
SELECT max(credit_note_id) AS rest FROM credit_note \gset
SELECT due FROM test.charged(regpaydb.charge_credit_note(lines => '[{"description": "Fee", "price": 0.01}]', due => '-1 day', credit_note_id => :rest));
SELECT test.note(2, 100) AS bobs \gset
SELECT test.raises(format('SELECT regpaydb.charge_credit_note(%s, ''[{"description": "Fee", "price": 1}]'', ''1000000 years'')', :bobs));
-- Lines that come to nothing: the invoice is paid by itself, and the note is as it was.
SELECT status, value, paid, payments, by_notes, rest FROM test.charged(regpaydb.charge_credit_note(:bobs, '[{"description": "Fee", "price": 10}, {"description": "Waived", "price": -10}]'));
SELECT state FROM credit_note WHERE credit_note_id = :bobs;
-- An unpaid invoice of the owner's hinders nothing, and takes nothing; nor does a
-- conference where credit is not taken by itself.
UPDATE conference SET auto_apply_credit = false;
SELECT test.invoice(2, 1000) AS unpaid \gset
SELECT status, value, by_notes = :'bobs' || ': 100.00' AS by_this, rest ~ '^[0-9]+: 90.00 of attendee 2, unclaimed$' AS the_rest
FROM test.charged(regpaydb.charge_credit_note(:bobs, '[{"description": "Fee", "price": 10}]'));
SELECT status, paid FROM invoice WHERE invoice_id = :unpaid;
UPDATE conference SET auto_apply_credit = true;
-- Stock and limits are none of its business: it bills a product, and sells none.
SELECT test.note(3, 300) AS carols \gset
SELECT status, lines FROM test.charged(regpaydb.charge_credit_note(:carols, '[{"description": "Dinner, later", "price": 75, "quantity": 2, "product_id": 5}]'));
SELECT free, reserved, sold FROM product_stock WHERE product_id = 5;
-- cancellation_fee() is one line of it.
SELECT max(credit_note_id) AS rest FROM credit_note \gset
SELECT regexp_replace(lines, 'note [0-9]+', 'note') AS lines, status, due, rest ~ '^[0-9]+: 135.00 of attendee 3, unclaimed$' AS the_rest
FROM test.charged(regpaydb.cancellation_fee(:rest, 10));
-- What was left over of a return.
SELECT regpaydb.manual_invoice(3, '1 day', '[{"description": "A", "price": 30}, {"description": "B", "price": 20}]') AS invoice \gset
SELECT regpaydb.return_items(:invoice, (SELECT jsonb_build_array(jsonb_build_object('line_item_id', max(line_item_id))) FROM line_item)) AS note \gset
SELECT lines, status, by_notes = :'note' || ': 20.00' AS by_this, rest ~ '15.00' AS the_rest
FROM test.charged(regpaydb.charge_credit_note(:note, '[{"description": "Change", "price": 5}]'));
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();

-- ---------------------------------------------------------------------------
-- Errors, and what they leave behind
-- ---------------------------------------------------------------------------
UPDATE conference SET auto_apply_credit = false;
SELECT test.note(1, 100) AS n100 \gset
SELECT regpaydb.refund_credit_note(test.note(3, 5), 'out', 900) > 0 AS paid_out;
SELECT (SELECT count(*) FROM invoice) || ' ' || (SELECT count(*) FROM line_item) || ' ' || (SELECT count(*) FROM payment) || ' '
	|| (SELECT count(*) FROM outbox) || ' ' || (SELECT count(*) FROM credit_note_claim) AS rows \gset
SELECT n, replace(call, '#', 'note') AS call, test.raises('SELECT regpaydb.' || replace(call, '#', :'n100')) FROM (VALUES
	(1, 'charge_credit_note(NULL, ''[{"description": "x", "price": 1}]'')'),
	(2, 'charge_credit_note(#, NULL)'),
	(3, 'charge_credit_note(#, ''[{"description": "x", "price": 1}]'', NULL)'),
	(4, 'charge_credit_note(0, ''[{"description": "x", "price": 1}]'')'),
	(5, 'charge_credit_note(-1, ''[{"description": "x", "price": 1}]'')'),
	(6, 'charge_credit_note(9223372036854775807, ''[{"description": "x", "price": 1}]'')'),
	(10, 'charge_credit_note(#, ''[]'')'),
	(11, 'charge_credit_note(#, ''{}'')'),
	(12, 'charge_credit_note(#, ''[{"description": "x"}]'')'),
	(13, 'charge_credit_note(#, ''[{"price": 1}]'')'),
	(14, 'charge_credit_note(#, ''[{"description": " ", "price": 1}]'')'),
	(15, 'charge_credit_note(#, ''[{"description": "x", "price": 1, "line_item_id": 1}]'')'),
	(16, 'charge_credit_note(#, ''[{"description": "x", "price": 1, "quantity": 1.5}]'')'),
	(20, 'charge_credit_note(#, ''[{"description": "x", "price": 100.01}]'')'),
	(21, 'charge_credit_note(#, ''[{"description": "x", "price": 51, "quantity": 2}]'')'),
	(22, 'charge_credit_note(#, ''[{"description": "x", "price": 999999999999.99, "quantity": 2147483647}]'')'),
	(23, 'charge_credit_note(#, ''[{"description": "x", "price": -1}]'')'),
	(24, 'charge_credit_note(#, ''[{"description": "x", "price": 1}, {"description": "y", "price": -2}]'')'),
	(25, 'charge_credit_note(#, ''[{"description": "x", "price": 0.001}]'')'),
	(26, 'charge_credit_note(#, ''[{"description": "x", "price": "NaN"}]'')'),
	(27, 'charge_credit_note(#, ''[{"description": "x", "price": 1, "quantity": 0}]'')'),
	(28, 'charge_credit_note(#, ''[{"description": "x", "price": 1, "quantity": 2147483648}]'')'),
	(30, 'charge_credit_note(#, ''[{"description": "x", "price": 1, "product_id": 99}]'')'),
	(31, 'charge_credit_note(#, jsonb_build_array(jsonb_build_object(''description'', repeat(''x'', 1001), ''price'', 1)))')) AS c (n, call)
ORDER BY n;
-- Claimed, both ways.
SELECT state, split_part(test.raises(format('SELECT regpaydb.charge_credit_note(%s, ''[{"description": "x", "price": 0}]'')', min(credit_note_id))), ':', 1) AS code
FROM credit_note WHERE state <> 'unclaimed' GROUP BY state ORDER BY state;
\x on
SELECT replace(code, :'n100', 'note') AS code, replace(message, :'n100', '#') AS message, detail, hint
FROM test.report(format('SELECT regpaydb.charge_credit_note(%s, ''[{"description": "x", "price": 100.01}]'')', :n100));
\x off
-- Staff's, as cancellation_fee() is.
SET regpaydb.user_id = '101';
SELECT test.raises(format('SELECT regpaydb.charge_credit_note(%s, ''[{"description": "x", "price": 1}]'')', :n100)) AS alice;
RESET regpaydb.user_id;
SELECT state, value FROM credit_note WHERE credit_note_id = :n100;
SELECT (SELECT count(*) FROM invoice) || ' ' || (SELECT count(*) FROM line_item) || ' ' || (SELECT count(*) FROM payment) || ' '
	|| (SELECT count(*) FROM outbox) || ' ' || (SELECT count(*) FROM credit_note_claim) = :'rows' AS nothing_left_behind;
DROP FUNCTION test.note, test.charged;
SELECT conserved FROM test.money();
SELECT * FROM regpaydb.check_integrity();
