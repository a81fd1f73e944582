-- To find where money is and came from takes as long as the way that it went, however
-- large the ledger is: nothing is read but by an index, also by plans that were made when
-- the ledger was empty, and before anybody knows that it is large.
SET client_min_messages = warning;
SELECT test.new_ledger('money_cost');
UPDATE conference SET auto_apply_credit = false;

-- How many rows of the ledger a statement reads by indexes, and how many of its large
-- tables' otherwise.
CREATE FUNCTION rows_read(OUT by_index bigint, OUT scanned bigint) LANGUAGE sql AS $$
	SELECT sum(idx_tup_fetch), sum(seq_tup_read) FILTER (WHERE relname IN ('invoice', 'payment', 'credit_note', 'credit_note_claim',
		'credit_note_application', 'credit_note_refund', 'credit_note_refund_part', 'reversal'))
	FROM pg_stat_xact_user_tables WHERE schemaname = 'money_cost'
$$;
CREATE FUNCTION reads(statement text, OUT by_index bigint, OUT scanned bigint) LANGUAGE plpgsql AS $$
DECLARE
	before record := rows_read();
	after record;
BEGIN
	EXECUTE statement;
	after := rows_read();
	by_index := after.by_index - before.by_index;
	scanned := after.scanned - before.scanned;
END $$;

-- A way of so many notes: one is charged, and what is left over again.
CREATE FUNCTION way(steps int, OUT payment bigint, OUT note bigint) LANGUAGE plpgsql AS $$
BEGIN
	payment := regpaydb.record_payment(test.invoice(1, 1), 10001, '', 'card', 'way of ' || steps);
	note := max(credit_note_id) FROM credit_note;
	FOR step IN 2 .. steps LOOP
		PERFORM regpaydb.charge_credit_note(note, '[{"description": "Fee", "price": 1}]');
		note := max(credit_note_id) FROM credit_note;
	END LOOP;
END $$;
-- What is read to tell of a way, and to refund and reverse what is at its end.
CREATE TABLE found (phase text, steps int, what text, by_index bigint, scanned bigint);
CREATE FUNCTION look(phase text, steps int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	w record := way(steps);
BEGIN
	INSERT INTO found SELECT phase, steps, 'trail', r.* FROM reads(format('SELECT count(*) FROM regpaydb.money_trail(%s)', w.payment)) r;
	INSERT INTO found SELECT phase, steps, 'sources', r.* FROM reads(format('SELECT count(*) FROM regpaydb.refund_sources(%s)', w.note)) r;
	INSERT INTO found SELECT phase, steps, 'refund', r.* FROM reads(format('SELECT regpaydb.fail_refund(regpaydb.request_refund(%s, ''''), '''')', w.note)) r;
	INSERT INTO found SELECT phase, steps, 'reversal', r.* FROM reads(format('SELECT regpaydb.record_reversal(''card'', ''way of %1$s'', 10, ''%1$s'')', steps)) r;
END $$;

-- Known to be empty, which is when reading a whole table is cheapest.
VACUUM (ANALYZE) invoice, payment, credit_note, credit_note_claim, credit_note_application, credit_note_refund,
	credit_note_refund_part, reversal;
SELECT look('empty', 3);

-- 100,000 invoices, half of them refunded, of each of which a note was paid out or was not.
SET session_replication_role = replica;
INSERT INTO attendee (user_id, access_code) SELECT 1000 + g, md5(g::text) FROM generate_series(1, 20000) g;
INSERT INTO invoice (invoice_id, attendee_id, status, due_time, value, paid, payment_count, last_payment_id, paid_time, closed_time)
	SELECT 1000 + g, 3 + g % 20000, (CASE WHEN g % 2 = 0 THEN 'refunded' ELSE 'paid' END)::regpaydb.invoice_status, now(), 100,
		CASE WHEN g % 2 = 0 THEN 0 ELSE 100 END, 1 + (g + 1) % 2, 1000 + 2 * g - g % 2, now(), CASE WHEN g % 2 = 0 THEN now() END
	FROM generate_series(1, 100000) g;
INSERT INTO line_item (invoice_id, description, quantity, price) SELECT invoice_id, 'Ticket', 1, value FROM invoice WHERE invoice_id > 1000;
INSERT INTO payment (payment_id, invoice_id, kind, amount, provider, provider_ref)
	SELECT 999 + 2 * g, 1000 + g, 'payment'::regpaydb.payment_kind, 100, 'card', g::text FROM generate_series(1, 100000) g
	UNION ALL SELECT 1000 + 2 * g, 1000 + g, 'credit_note', -100, NULL, NULL FROM generate_series(2, 100000, 2) g;
INSERT INTO credit_note (credit_note_id, attendee_id, value, state)
	SELECT 1000 + 2 * g, 3 + g % 20000, 100, (CASE WHEN g % 4 = 0 THEN 'refunded' ELSE 'unclaimed' END)::regpaydb.credit_note_state
	FROM generate_series(2, 100000, 2) g;
INSERT INTO credit_note_claim SELECT credit_note_id, state FROM credit_note WHERE credit_note_id > 1000 AND state = 'refunded';
INSERT INTO credit_note_refund (credit_note_refund_id, credit_note_id, closed_time)
	SELECT credit_note_id, credit_note_id, now() FROM credit_note WHERE credit_note_id > 1000 AND state = 'refunded';
INSERT INTO credit_note_refund_part (credit_note_refund_id, payment_id, amount)
	SELECT credit_note_refund_id, credit_note_id - 1, 100 FROM credit_note_refund WHERE credit_note_id > 1000;
INSERT INTO reversal (payment_id, provider, reversal_ref, amount, reversing_payment_id)
	SELECT 1001 + 100 * g, 'card', 'r' || g, 100, 500000 + g FROM generate_series(1, 1000) g;
INSERT INTO payment (payment_id, invoice_id, kind, amount) SELECT reversing_payment_id, invoice_id, 'reversal', -100
	FROM reversal v JOIN payment p USING (payment_id) WHERE v.reversal_ref LIKE 'r%';
UPDATE invoice SET status = 'refunded', paid = 0, payment_count = 2, last_payment_id = reversing_payment_id, closed_time = now()
	FROM reversal v JOIN payment p USING (payment_id) WHERE v.reversal_ref LIKE 'r%' AND p.invoice_id = invoice.invoice_id;
SET session_replication_role = DEFAULT;
SELECT count(setval(pg_get_serial_sequence(t, c), 1000000)) FROM (VALUES ('invoice', 'invoice_id'), ('payment', 'payment_id'),
	('credit_note_refund', 'credit_note_refund_id'), ('reversal', 'reversal_id')) s (t, c);
SELECT look('large', 10), look('large', 100), look('large', 1000);
ANALYZE;
SELECT look('analyzed', 11), look('analyzed', 101), look('analyzed', 1001);

SELECT phase, steps, what, scanned FROM found WHERE scanned > 0 AND phase <> 'empty';
-- Each step takes some rows more.
SELECT what, max(by_index / steps) <= 15 AS proportional, max(by_index) > 2000 AS counted FROM found WHERE steps >= 100 GROUP BY what ORDER BY what;

-- ---------------------------------------------------------------------------
-- Whatever shape the way has
-- ---------------------------------------------------------------------------
-- Of a shape in so many parts: a payment, a note, and what the payment's reference is.
CREATE FUNCTION shape(kind text, parts int, OUT payment bigint, OUT note bigint, OUT ref text) LANGUAGE plpgsql AS $$
DECLARE
	invoice bigint;
	other bigint;
	rest bigint;
	fee CONSTANT jsonb := '[{"description": "Fee", "price": 1}]';
BEGIN
	ref := format('%s of %s', kind, parts);
	invoice := test.invoice(2, CASE WHEN kind IN ('wide, then deep', 'each is reversed') THEN parts ELSE 10 END);
	IF kind IN ('wide, then deep', 'each is reversed') THEN
		-- What many have paid becomes one note.
		FOR part IN 1 .. parts LOOP
			payment := regpaydb.pay(invoice, 1, '', 'card', ref || CASE WHEN part < parts THEN ' ' || part ELSE '' END);
		END LOOP;
		note := regpaydb.refund_invoice(invoice);
	ELSE
		payment := regpaydb.record_payment(invoice, 10000, '', 'card', ref);
		note := max(credit_note_id) FROM credit_note;
	END IF;
	FOR part IN 1 .. parts LOOP
		CASE kind
			WHEN 'reversed in parts' THEN
				PERFORM regpaydb.record_reversal('card', ref, 1, ref || ' ' || part);
			WHEN 'each is reversed' THEN
				CONTINUE WHEN part = parts;
				PERFORM regpaydb.record_reversal('card', ref || ' ' || part, 0.5, ref || ' ' || part);
			WHEN 'refunds that fail' THEN
				PERFORM regpaydb.fail_refund(regpaydb.request_refund(note, ''), '');
			WHEN 'notes of an invoice' THEN
				PERFORM regpaydb.record_payment(invoice, 1, '', 'card', ref || ' ' || part);
			WHEN 'wide, then deep' THEN
				PERFORM regpaydb.charge_credit_note(note, '[{"description": "Fee", "price": 0.01}]');
			WHEN 'refunded in parts' THEN
				other := regpaydb.charge_credit_note(note, fee);
				rest := max(credit_note_id) FROM credit_note;
				PERFORM regpaydb.request_refund(regpaydb.refund_invoice(other), '');
				note := rest;
				CONTINUE;
			WHEN 'apart and together' THEN
				-- A note is taken apart, and the parts pay one invoice.
				IF part = 1 THEN
					invoice := test.invoice(2, 10000);
				END IF;
				other := regpaydb.charge_credit_note(note, fee);
				rest := max(credit_note_id) FROM credit_note;
				PERFORM regpaydb.apply_credit_note(regpaydb.refund_invoice(other), invoice);
				note := rest;
				CONTINUE;
		END CASE;
		note := max(credit_note_id) FROM credit_note;
	END LOOP;
	IF kind = 'apart and together' THEN
		note := regpaydb.refund_invoice(invoice);
	END IF;
END $$;
CREATE TABLE found_of (kind text, parts int, what text, by_index bigint, scanned bigint);
CREATE FUNCTION look_at_shape(kind text, parts int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	s record := shape(kind, parts);
BEGIN
	INSERT INTO found_of SELECT kind, parts, what, r.*
	FROM (VALUES
		('trail', format('SELECT count(*) FROM regpaydb.money_trail(%s)', s.payment)),
		('sources', format('SELECT count(*) FROM regpaydb.refund_sources(%s)', s.note)),
		('refund', format('SELECT regpaydb.fail_refund(regpaydb.request_refund(%s, ''''), '''')', s.note)),
		('reversal', format('SELECT regpaydb.record_reversal(''card'', %L, 0.01, %L)', s.ref, s.ref || ' last'))) c (what, call),
		LATERAL reads(call) r;
END $$;
SELECT count(look_at_shape(kind, parts)) FROM unnest('{20,80}'::int[]) parts,
	unnest('{reversed in parts,each is reversed,refunds that fail,notes of an invoice,"wide, then deep",refunded in parts,apart and together}'::text[]) kind;
-- Four times as many parts: hardly more than four times the rows.
SELECT kind, what, small.by_index AS of_20, large.by_index AS of_80 FROM found_of small JOIN found_of large USING (kind, what)
WHERE small.parts = 20 AND large.parts = 80 AND (large.by_index > 4.2 * small.by_index OR large.scanned > 0);
SELECT count(*) AS counted, min(by_index) > 100 AS some FROM found_of WHERE parts = 80;

-- Rows are not all: one payment that was reversed in 3,000 parts, whose rest came back and
-- became a note again each time.  All ways from the beginning would take minutes.
SET session_replication_role = replica;
CREATE FUNCTION reversed_in(parts int, first bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO invoice (invoice_id, attendee_id, status, due_time, value, paid, payment_count, last_payment_id, paid_time)
		VALUES (first, 1, 'paid', now(), 100, 100, 2 + 3 * parts, first + 1 + 3 * parts, now());
	INSERT INTO line_item (invoice_id, description, quantity, price) VALUES (first, 'Ticket', 1, 100);
	INSERT INTO payment (payment_id, invoice_id, kind, amount, provider, provider_ref)
		VALUES (first, first, 'payment', 100 + parts + 100, 'card', 'reversed in ' || parts);
	INSERT INTO payment (payment_id, invoice_id, kind, amount) SELECT first + 1 + 3 * part, first, 'credit_note'::regpaydb.payment_kind, -(parts - part + 100) FROM generate_series(0, parts) part
		UNION ALL SELECT first + 2 + 3 * part, first, 'credit_application', parts - part + 100 FROM generate_series(0, parts - 1) part
		UNION ALL SELECT first + 3 + 3 * part, first, 'reversal', -1 FROM generate_series(0, parts - 1) part;
	INSERT INTO credit_note (credit_note_id, attendee_id, value, state)
		SELECT first + 1 + 3 * part, 1, parts - part + 100, (CASE WHEN part < parts THEN 'applied' ELSE 'unclaimed' END)::regpaydb.credit_note_state
		FROM generate_series(0, parts) part;
	INSERT INTO credit_note_claim SELECT credit_note_id, state FROM credit_note WHERE credit_note_id BETWEEN first AND first + 3 * parts;
	INSERT INTO credit_note_application (payment_id, credit_note_id) SELECT credit_note_id + 1, credit_note_id FROM credit_note WHERE credit_note_id BETWEEN first AND first + 3 * parts;
	INSERT INTO reversal (payment_id, provider, reversal_ref, amount, reversing_payment_id)
		SELECT first, 'card', first || ' ' || part, 1, first + 3 + 3 * part FROM generate_series(0, parts - 1) part;
	RETURN first + 1 + 3 * parts;
END $$;
SELECT reversed_in(3000, 600000) - 600000 AS note;
SET session_replication_role = DEFAULT;
SET statement_timeout = '30s';
SELECT place, amount FROM regpaydb.money_trail(600000);
SELECT amount, refundable FROM regpaydb.refund_sources(609001);
SELECT regpaydb.record_reversal('card', 'reversed in 3000', 1, 'last') > 0 AS reversed;
SELECT place, amount FROM regpaydb.money_trail(600000);
RESET statement_timeout;
SELECT * FROM regpaydb.check_integrity();
