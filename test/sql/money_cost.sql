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
SELECT * FROM regpaydb.check_integrity();
