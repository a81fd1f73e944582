-- Where the money is: refund_sources() says which payments brought a note's money,
-- money_trail() where a payment's is now.  Both add up, forwards and backwards, whatever
-- way the money went, and end in a ledger that somebody has broken.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET statement_timeout = '120s';
SET jit = off;
DROP ROLE IF EXISTS regress_trail_app, regress_trail_staff, regress_trail_reports, regress_trail_some;
CREATE ROLE regress_trail_app NOLOGIN;
CREATE ROLE regress_trail_staff NOLOGIN;
CREATE ROLE regress_trail_reports NOLOGIN;
CREATE ROLE regress_trail_some NOLOGIN;
SELECT test.new_ledger('provenance');
INSERT INTO attendee (user_id, recipient, access_code) VALUES (103, 'Carol', 'CAROLS-CODE');
UPDATE conference SET auto_apply_credit = false;

-- What does not add up: of a payment, of a note, of an invoice, and where the two
-- directions do not say the same.  Counted from the rows, and from what was done.
CREATE FUNCTION test.wrong_trails() RETURNS TABLE (what text, id bigint, says numeric, rows_say numeric) LANGUAGE sql AS $$
	WITH trail AS (
		SELECT p.payment_id, p.kind, t.* FROM payment p, regpaydb.money_trail(p.payment_id) t WHERE p.amount > 0 AND p.kind IN ('payment', 'manual')
	), source AS (
		SELECT n.credit_note_id, n.value, s.payment_id, s.amount, s.refundable FROM credit_note n, regpaydb.refund_sources(n.credit_note_id) s
	), at_rest AS (
		SELECT credit_note_id, value FROM credit_note n LEFT JOIN credit_note_refund r USING (credit_note_id)
		WHERE n.state = 'unclaimed' OR r.state <> 'failed'
	)
	SELECT 'payment', p.payment_id, (SELECT sum(t.amount) FROM trail t WHERE t.payment_id = p.payment_id), p.amount FROM payment p
	WHERE p.amount > 0 AND kind IN ('payment', 'manual') AND p.amount IS DISTINCT FROM (SELECT sum(t.amount) FROM trail t WHERE t.payment_id = p.payment_id)
	UNION ALL
	SELECT 'note', n.credit_note_id, (SELECT sum(s.amount) FROM source s WHERE s.credit_note_id = n.credit_note_id), n.value FROM credit_note n
	WHERE n.value IS DISTINCT FROM (SELECT sum(s.amount) FROM source s WHERE s.credit_note_id = n.credit_note_id)
	UNION ALL
	SELECT 'invoice', i.invoice_id, coalesce((SELECT sum(t.amount) FROM trail t WHERE t.place = 'invoice' AND t.invoice_id = i.invoice_id), 0), i.paid FROM invoice i
	WHERE i.paid <> coalesce((SELECT sum(t.amount) FROM trail t WHERE t.place = 'invoice' AND t.invoice_id = i.invoice_id), 0)
	UNION ALL
	SELECT 'from ' || coalesce(t.payment_id, s.payment_id), coalesce(t.credit_note_id, s.credit_note_id), t.amount, s.amount
	FROM (SELECT * FROM trail WHERE credit_note_id IS NOT NULL) t
	FULL JOIN (SELECT * FROM source WHERE credit_note_id IN (SELECT credit_note_id FROM at_rest)) s ON s.payment_id = t.payment_id AND s.credit_note_id = t.credit_note_id
	WHERE t.amount IS DISTINCT FROM s.amount
	UNION ALL
	SELECT 'place of note', t.credit_note_id, NULL, NULL FROM trail t JOIN credit_note n USING (credit_note_id) LEFT JOIN credit_note_refund r USING (credit_note_id)
	WHERE t.place <> CASE n.state WHEN 'unclaimed' THEN 'credit_note' WHEN 'refunded' THEN 'refund' ELSE 'nowhere' END
		OR t.credit_note_refund_id IS DISTINCT FROM r.credit_note_refund_id OR t.invoice_id IS NOT NULL
	UNION ALL
	SELECT 'reversed', i.invoice_id, coalesce((SELECT sum(t.amount) FROM trail t WHERE t.place = 'reversed' AND t.invoice_id = i.invoice_id), 0), -coalesce(sum(p.amount), 0)
	FROM invoice i LEFT JOIN payment p ON p.invoice_id = i.invoice_id AND p.kind = 'reversal' GROUP BY i.invoice_id
	HAVING coalesce((SELECT sum(t.amount) FROM trail t WHERE t.place = 'reversed' AND t.invoice_id = i.invoice_id), 0) <> -coalesce(sum(p.amount), 0)
	UNION ALL
	SELECT 'given back', i.invoice_id, coalesce((SELECT sum(t.amount) FROM trail t WHERE t.place = 'refund' AND t.invoice_id = i.invoice_id), 0), -coalesce(sum(p.amount), 0)
	FROM invoice i LEFT JOIN payment p ON p.invoice_id = i.invoice_id AND p.kind IN ('payment', 'manual') AND p.amount < 0 GROUP BY i.invoice_id
	HAVING coalesce((SELECT sum(t.amount) FROM trail t WHERE t.place = 'refund' AND t.invoice_id = i.invoice_id), 0) <> -coalesce(sum(p.amount), 0)
	UNION ALL
	SELECT 'no place twice', t.payment_id, count(*), 1 FROM trail t GROUP BY t.payment_id, place, invoice_id, credit_note_id, credit_note_refund_id HAVING count(*) > 1 OR min(t.amount) <= 0
	UNION ALL
	SELECT 'refundable', p.payment_id, max(s.refundable), max(p.amount) - coalesce((SELECT sum(t.amount) FROM credit_note_refund_part t JOIN credit_note_refund r USING (credit_note_refund_id)
			WHERE t.payment_id = p.payment_id AND r.state <> 'failed'), 0) - coalesce((SELECT sum(v.amount) FROM reversal v WHERE v.payment_id = p.payment_id), 0)
	FROM source s JOIN payment p USING (payment_id) GROUP BY p.payment_id
	HAVING min(s.refundable) <> max(s.refundable) OR max(s.refundable) <> max(p.amount) - coalesce((SELECT sum(t.amount) FROM credit_note_refund_part t JOIN credit_note_refund r USING (credit_note_refund_id)
			WHERE t.payment_id = p.payment_id AND r.state <> 'failed'), 0) - coalesce((SELECT sum(v.amount) FROM reversal v WHERE v.payment_id = p.payment_id), 0)
	UNION ALL
	SELECT 'part', credit_note_refund_id, sum(t.amount), max(n.value) FROM credit_note_refund_part t JOIN credit_note_refund USING (credit_note_refund_id) JOIN credit_note n USING (credit_note_id)
	GROUP BY 2 HAVING sum(t.amount) <> max(n.value)
$$;

-- ---------------------------------------------------------------------------
-- Every way, step by step
-- ---------------------------------------------------------------------------
CREATE FUNCTION trail(ref text) RETURNS TABLE (place text, amount numeric, invoice_id bigint, credit_note_id bigint, refund bigint) LANGUAGE sql AS $$
	SELECT t.* FROM payment p, regpaydb.money_trail(p.payment_id) t WHERE p.provider_ref = ref
$$;
CREATE FUNCTION sources(note bigint) RETURNS TABLE (ref text, amount numeric, refundable numeric) LANGUAGE sql AS $$
	SELECT coalesce(provider_ref, reference), amount, refundable FROM regpaydb.refund_sources(note) ORDER BY payment_id
$$;
-- Last in, first out: 60 and 60 for 100, and 50 more.
SELECT test.invoice(1, 100) AS invoice;
SELECT regpaydb.record_payment(1, 60, 'first', 'card', 'a1') AS a1, regpaydb.record_payment(1, 60, 'second', 'card', 'a2') AS a2, regpaydb.record_payment(1, 50, 'third', 'bank', 'a3') AS a3;
SELECT credit_note_id, value FROM credit_note ORDER BY 1;
SELECT * FROM regpaydb.refund_sources(3);
SELECT * FROM regpaydb.refund_sources(5);
SELECT * FROM trail('a1');
SELECT * FROM trail('a2');
SELECT * FROM trail('a3');
-- The note goes to somebody else's invoice, which is paid by hand, too, and some of which
-- is given back by hand: what came last, first, also of what is inside a note.
SELECT test.invoice(2, 90) AS invoice;
SELECT regpaydb.record_manual_payment(2, 25, 'cash', 900) AS cash;
SELECT regpaydb.apply_credit_note(5, 2) AS payment, regpaydb.apply_credit_note(3, 2) AS another;
SELECT regpaydb.record_manual_payment(2, -5, 'given back', 900) > 0 AS unpaid_again;
SELECT invoice_id, status, paid FROM invoice ORDER BY 1;
SELECT * FROM trail('a2');
SELECT * FROM trail('a3');
SELECT place, t.amount, t.invoice_id, credit_note_id FROM payment p, regpaydb.money_trail(payment_id) t WHERE kind = 'manual' AND p.amount > 0;
SELECT credit_note_id, value, state, s.* FROM credit_note, sources(credit_note_id) s ORDER BY 1, 5;
-- A fee, the rest of it to another invoice, some of which is returned.
SELECT test.invoice(3, 200) AS invoice;
SELECT regpaydb.record_payment(3, 120, 'part', 'card', 'c1') > 0 AS p1, regpaydb.record_payment(3, 80, 'part', 'card', 'c2') > 0 AS p2;
SELECT regpaydb.refund_invoice(3) AS note \gset
SELECT regpaydb.cancellation_fee(:note, 10) AS fee \gset
SELECT max(credit_note_id) AS rest FROM credit_note \gset
SELECT * FROM sources(:rest);
SELECT place, amount, invoice_id = :fee AS fee, credit_note_id = :rest AS rest FROM trail('c1');
SELECT place, amount, invoice_id = :fee AS fee, credit_note_id = :rest AS rest FROM trail('c2');
SELECT regpaydb.manual_invoice(3, '1 day', '[{"description": "A", "price": 70}, {"description": "B", "price": 60, "quantity": 2}]') AS invoice \gset
SELECT regpaydb.apply_credit_note(:rest, :invoice) > 0 AS applied, regpaydb.record_payment(:invoice, 10, '', 'card', 'c3') > 0 AS paid;
SELECT regpaydb.return_items(:invoice, (SELECT jsonb_build_array(jsonb_build_object('line_item_id', max(line_item_id), 'quantity', 1)) FROM line_item)) AS note \gset
SELECT * FROM sources(:note);
SELECT place, t.amount, credit_note_id = :note AS returned, t.invoice_id = (SELECT i.invoice_id FROM invoice i WHERE replaces = :invoice) AS successor FROM trail('c2') t;
-- A refund of it that fails, then one that is done, in parts; a reversal of what is left.
SELECT regpaydb.fail_refund(regpaydb.request_refund(:note, 'x'), 'x') AS note \gset
SELECT * FROM sources(:note);
SELECT regpaydb.request_refund(:note, 'in parts', jsonb_build_array(jsonb_build_object('payment_id', (SELECT payment_id FROM payment WHERE provider_ref = 'c3'), 'amount', 10))) AS refund \gset
SELECT * FROM sources(:note);
SELECT place, amount, credit_note_id = :note AS note, refund = :refund AS this FROM trail('c3') UNION ALL SELECT place, amount, credit_note_id = :note, refund = :refund FROM trail('c2');
SELECT regpaydb.record_reversal('card', 'c1', 100, 'dp_c1') > 0 AS reversed;
SELECT amount, loss FROM reversal;
SELECT * FROM sources(:note);
-- What people are told.
SELECT ref, regexp_replace(regpaydb.payment_summary(CASE ref WHEN 'a3' THEN 'bank' ELSE 'card' END, ref), '(note|invoice|refund) \d+', '\1', 'g') AS summary
FROM unnest('{a1,a2,a3,c1,c2,c3,none}'::text[]) ref;
SELECT * FROM test.wrong_trails();
SELECT * FROM regpaydb.check_integrity();
-- Payments with ids out of their order, and a negative one that came before what it took.
SELECT test.invoice(1, 100) AS invoice \gset
INSERT INTO payment (payment_id, invoice_id, amount, provider, provider_ref) VALUES (100010, :invoice, 70, 'card', 'd1');
INSERT INTO payment (payment_id, invoice_id, amount, provider, provider_ref) VALUES (100005, :invoice, 20, 'card', 'd2');
INSERT INTO payment (payment_id, invoice_id, amount, reference) VALUES (100003, :invoice, -15, 'back');
INSERT INTO payment (payment_id, invoice_id, amount, provider, provider_ref) VALUES (100007, :invoice, 30, 'card', 'd3');
SELECT status, paid FROM invoice WHERE invoice_id = :invoice;
SELECT value, s.* FROM credit_note, sources(credit_note_id) s WHERE credit_note_id = (SELECT max(credit_note_id) FROM credit_note);
SELECT 'd1' AS ref, place, amount FROM trail('d1') UNION ALL SELECT 'd2', place, amount FROM trail('d2') UNION ALL SELECT 'd3', place, amount FROM trail('d3');
SELECT * FROM test.wrong_trails();
-- What brings a note's money is followed too: the payment that it is on an invoice.
SELECT kind, place, t.amount FROM payment p, regpaydb.money_trail(payment_id) t WHERE kind = 'credit_application' ORDER BY payment_id, place, credit_note_id LIMIT 2;

-- ---------------------------------------------------------------------------
-- A big scene: much of everything, by a generator that is the same each time
-- ---------------------------------------------------------------------------
SELECT setval(pg_get_serial_sequence('payment', 'payment_id'), 200000) > 0 AS above;
CREATE FUNCTION test.scene(seed bigint, steps int) RETURNS TABLE (step text, done bigint) LANGUAGE plpgsql AS $$
DECLARE
	x bigint := seed;
	action int;
	i bigint;
	n bigint;
	r record;
	amount numeric;
	counts jsonb := '{}';
BEGIN
	FOR s IN 1 .. steps LOOP
		x := (x * 1103515245 + 12345) % 2147483648;
		action := (x / 65536) % 13;
		amount := 1 + (x / 1024) % 5000 / 100.0;
		SELECT invoice_id INTO i FROM invoice ORDER BY hashint8(invoice_id * 7919 + x) LIMIT 1;
		SELECT credit_note_id INTO n FROM credit_note WHERE state = 'unclaimed' ORDER BY hashint8(credit_note_id * 7919 + x) LIMIT 1;
		BEGIN
			step := CASE action WHEN 0 THEN 'invoice' WHEN 1 THEN 'pay' WHEN 2 THEN 'pay' WHEN 3 THEN 'pay too much' WHEN 4 THEN 'give back' WHEN 5 THEN 'refund' WHEN 6 THEN 'apply'
				WHEN 7 THEN 'apply' WHEN 8 THEN 'fee' WHEN 9 THEN 'request' WHEN 10 THEN 'end' WHEN 11 THEN 'reverse' ELSE 'at once' END;
			CASE step
			WHEN 'invoice' THEN PERFORM test.invoice(1 + x % 3, amount);
			WHEN 'pay' THEN PERFORM regpaydb.record_payment(i, amount, '', 'scene', seed || ' ' || s);
			WHEN 'pay too much' THEN PERFORM regpaydb.record_payment(i, 60 + amount, '', 'scene', seed || ' ' || s);
			WHEN 'give back' THEN PERFORM regpaydb.record_manual_payment(i, -amount / 2 + mod(amount / 2, 0.01), '', 900);
			WHEN 'refund' THEN PERFORM regpaydb.refund_invoice(i);
			WHEN 'apply' THEN PERFORM regpaydb.apply_credit_note(n, (SELECT invoice_id FROM invoice WHERE status = 'unpaid' ORDER BY hashint8(invoice_id + x) LIMIT 1));
			WHEN 'fee' THEN PERFORM regpaydb.cancellation_fee(n, 10);
			WHEN 'request' THEN PERFORM regpaydb.request_refund(n, '', CASE WHEN x % 3 = 0 THEN (SELECT jsonb_agg(jsonb_build_object('payment_id', payment_id, 'amount', round(least(o.amount, refundable) / 2 + 0.01, 2)))
				FROM regpaydb.refund_sources(n) o WHERE refundable > 0.01 AND o.amount > 0.01) WHEN x % 3 = 1 THEN '[]' END);
			WHEN 'end' THEN
				SELECT credit_note_refund_id INTO STRICT n FROM credit_note_refund WHERE state = 'requested' ORDER BY hashint8(credit_note_refund_id + x) LIMIT 1;
				IF x % 2 = 0 THEN PERFORM regpaydb.confirm_refund(n); ELSE PERFORM regpaydb.fail_refund(n, 'x'); END IF;
			WHEN 'reverse' THEN
				SELECT provider_ref, p.amount INTO STRICT r FROM payment p WHERE provider = 'scene' ORDER BY hashint8(payment_id + x) LIMIT 1;
				PERFORM regpaydb.record_reversal('scene', r.provider_ref, CASE WHEN x % 2 = 0 THEN r.amount ELSE least(amount, r.amount) END, seed || ' ' || s);
			ELSE PERFORM regpaydb.refund_credit_note(n, '');
			END CASE;
			counts := counts || jsonb_build_object(step, coalesce((counts ->> step)::bigint, 0) + 1);
		EXCEPTION WHEN OTHERS THEN
			IF SQLSTATE !~ '^RP|^22004|^P0002' THEN RAISE; END IF;
		END;
	END LOOP;
	RETURN QUERY SELECT key, value::bigint FROM jsonb_each_text(counts) ORDER BY 1;
END $$;
SELECT step, done > 1 AS often FROM test.scene(1, 800);
SELECT count(*) > 30 AS invoices, (SELECT count(*) FROM payment) > 200 AS payments, (SELECT count(*) FROM credit_note) > 50 AS notes, (SELECT count(*) FROM reversal WHERE loss > 0) > 1 AS losses FROM invoice;
SELECT * FROM test.wrong_trails();
SELECT * FROM regpaydb.check_integrity();
SELECT conserved FROM test.money();
SELECT difference, losses = (SELECT sum(loss) FROM reversal) AS losses FROM regpaydb.reconciliation(now());
SELECT step, done > 1 AS often FROM test.scene(2, 400);
SELECT * FROM test.wrong_trails();
SELECT * FROM regpaydb.check_integrity();
-- Per payment from outside, what went back is at most what came.
SELECT p.payment_id FROM payment p WHERE p.kind IN ('payment', 'manual') AND p.amount > 0
	AND p.amount < coalesce((SELECT sum(t.amount) FROM credit_note_refund_part t JOIN credit_note_refund r USING (credit_note_refund_id) WHERE t.payment_id = p.payment_id AND state <> 'failed'), 0)
		+ coalesce((SELECT sum(amount) FROM reversal v WHERE v.payment_id = p.payment_id), 0);
-- A long chain: one note that goes from invoice to invoice.
DO $$
DECLARE
	note bigint;
BEGIN
	PERFORM regpaydb.record_payment(test.invoice(1, 500), 1000, '', 'card', 'chain');
	SELECT max(credit_note_id) INTO note FROM credit_note;
	FOR n IN 1 .. 200 LOOP
		PERFORM regpaydb.charge_credit_note(note, jsonb_build_array(jsonb_build_object('description', 'x', 'price', 1)));
		SELECT max(credit_note_id) INTO note FROM credit_note;
	END LOOP;
END $$;
SELECT count(*) AS places, sum(amount), max(amount) FROM trail('chain');
SELECT s.* FROM sources((SELECT max(credit_note_id) FROM credit_note)) s;

-- ---------------------------------------------------------------------------
-- Refunds of before version 0.3.0, which do not say where they went
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('provenance_old');
UPDATE conference SET auto_apply_credit = false;
SELECT test.invoice(1, 100) AS invoice;
SELECT regpaydb.record_payment(1, 60, '', 'card', 'a1') > 0 AS a1, regpaydb.record_payment(1, 60, '', 'card', 'a2') > 0 AS a2;
SELECT regpaydb.refund_credit_note(3, 're_old') AS refund;
SET session_replication_role = replica;
DELETE FROM credit_note_refund_part;
UPDATE credit_note_refund SET closed_time = NULL, closed_by = NULL;
RESET session_replication_role;
SELECT provider_ref, place, t.amount, t.invoice_id, credit_note_id, credit_note_refund_id FROM payment p, regpaydb.money_trail(payment_id) t WHERE kind = 'payment' ORDER BY payment_id, place;
SELECT payment_id, amount, refundable FROM regpaydb.refund_sources(3);
SELECT state, parts FROM report_credit_note_refunds;
-- What it took is counted: of a2, and the rest can be refunded or reversed.
SELECT regpaydb.refund_invoice(1) AS note \gset
SELECT payment_id, amount, refundable FROM regpaydb.refund_sources(:note) ORDER BY 1;
SELECT test.raises(format('SELECT regpaydb.request_refund(%s, '''', ''[{"payment_id": 2, "amount": 40.01}]'')', :note)) AS too_much;
SELECT test.raises('SELECT regpaydb.record_reversal(''card'', ''a2'', 40.01, ''x'')') AS reversed;
-- Told as a reversal under its reference, it is that refund; of the other payment it isn't.
SELECT regpaydb.record_reversal('card', 'a2', 20, 're_old') IS NULL AS ours, regpaydb.record_reversal('card', 'a2', 20, 're_old') IS NULL AS again;
SELECT test.raises('SELECT regpaydb.record_reversal(''card'', ''a1'', 60.01, ''re_old'')') AS other_payment;
SELECT regpaydb.confirm_refund(1), test.raises('SELECT regpaydb.fail_refund(1, ''x'')') AS fail;
SELECT regpaydb.request_refund(:note, '') AS refund;
SELECT payment_id, amount FROM credit_note_refund_part ORDER BY 1;
SELECT regpaydb.payment_summary('card', 'a1') AS a1, regpaydb.payment_summary('card', 'a2') AS a2;
SELECT * FROM regpaydb.check_integrity();

-- ---------------------------------------------------------------------------
-- A ledger that somebody has broken: it ends, and says something
-- ---------------------------------------------------------------------------
SET statement_timeout = '5s';
SELECT test.new_ledger('provenance_broken');
UPDATE conference SET auto_apply_credit = false;
SELECT test.invoice(1, 10) AS one, test.invoice(1, 10) AS two;
SELECT regpaydb.record_payment(1, 30, '', 'card', 'a1') > 0 AS a1, regpaydb.record_payment(2, 30, '', 'card', 'b1') > 0 AS b1;
CREATE FUNCTION test.broken(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text := '';
BEGIN
	BEGIN
		SET LOCAL session_replication_role = replica;
		EXECUTE change;
		SELECT string_agg(format('%s: %s', p.payment_id, (SELECT string_agg(place || ' ' || t.amount, ', ') FROM regpaydb.money_trail(p.payment_id) t)), '; ' ORDER BY payment_id) INTO result FROM payment p WHERE amount > 0;
		result := result || ' | ' || (SELECT string_agg(format('%s: %s', n.credit_note_id, (SELECT string_agg(s.payment_id || ' ' || s.amount, ', ') FROM regpaydb.refund_sources(n.credit_note_id) s)), '; ' ORDER BY credit_note_id) FROM credit_note n);
		RAISE EXCEPTION USING ERRCODE = 'T0000';
	EXCEPTION WHEN SQLSTATE 'T0000' THEN
		RETURN result;
	WHEN OTHERS THEN
		RETURN SQLSTATE || ': ' || SQLERRM;
	END;
END $$;
SELECT what, test.broken(change) FROM (VALUES
	(1, 'nothing', 'SELECT 1'),
	(2, 'a note on its own invoice, before it was there', 'INSERT INTO payment (payment_id, invoice_id, amount, kind) VALUES (0, 1, 20, ''credit_application''); INSERT INTO credit_note_application (payment_id, credit_note_id) VALUES (0, 2)'),
	(3, 'two notes, each on the other''s invoice, before', 'INSERT INTO payment (payment_id, invoice_id, amount, kind) VALUES (-1, 2, 20, ''credit_application''), (0, 1, 20, ''credit_application''); INSERT INTO credit_note_application (payment_id, credit_note_id) VALUES (-1, 2), (0, 4)'),
	(4, 'the same, after', 'INSERT INTO payment (payment_id, invoice_id, amount, kind) VALUES (11, 2, 20, ''credit_application''), (12, 1, 20, ''credit_application''); INSERT INTO credit_note_application (payment_id, credit_note_id) VALUES (11, 2), (12, 4)'),
	(5, 'a note that is an application, and its own', 'INSERT INTO credit_note_application (payment_id, credit_note_id) VALUES (2, 2)'),
	(6, 'a failed refund that came back before', 'INSERT INTO payment (payment_id, invoice_id, amount, kind) VALUES (0, 1, 20, ''refund_failed''); INSERT INTO credit_note_refund (credit_note_id, state, returned_payment_id) VALUES (2, ''failed'', 0)'),
	(7, 'no payment of the note', 'DELETE FROM payment WHERE payment_id = 2'),
	(8, 'no payment that brought it', 'DELETE FROM payment WHERE payment_id = 1'),
	(9, 'less of it', 'UPDATE payment SET amount = 5 WHERE payment_id = 1'),
	(10, 'no note', 'DELETE FROM credit_note WHERE credit_note_id = 2'),
	(11, 'the note''s payment on another invoice', 'UPDATE payment SET invoice_id = 2 WHERE payment_id = 2'),
	(12, 'an invoice that does not exist', 'UPDATE payment SET invoice_id = 99 WHERE payment_id = 1'),
	(13, 'a reversal of a payment of another invoice', 'INSERT INTO payment (payment_id, invoice_id, amount, kind) VALUES (20, 1, -5, ''reversal''); INSERT INTO reversal (payment_id, provider, reversal_ref, amount, reversing_payment_id) VALUES (3, ''x'', ''x'', 5, 20)'),
	(14, 'amounts at the limit', 'UPDATE payment SET amount = 999999999999.99 WHERE amount > 0; UPDATE payment SET amount = -999999999999.99 WHERE amount < 0')
) AS c (n, what, change) ORDER BY n;
SELECT * FROM test.wrong_trails();
RESET statement_timeout;

-- ---------------------------------------------------------------------------
-- Who may, and what is unknown
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('provenance_who');
UPDATE conference SET auto_apply_credit = false;
SELECT regpaydb.grant_access('regress_trail_app', 'app'), regpaydb.grant_access('regress_trail_staff', 'staff'), regpaydb.grant_access('regress_trail_reports', 'reports'), regpaydb.grant_access('regress_trail_some', 'reports');
GRANT USAGE ON SCHEMA test TO regress_trail_app, regress_trail_staff, regress_trail_reports, regress_trail_some;
SELECT test.invoice(1, 10) AS invoice, regpaydb.record_payment(1, 15, '', 'card', 'a1') AS payment;
SELECT call, id, test.raises(format('SELECT * FROM regpaydb.%s(%s)', call, id)) FROM unnest('{refund_sources,money_trail}'::text[]) call, unnest('{0,-1,999,9223372036854775807,-9223372036854775808,"NULL"}'::text[]) WITH ORDINALITY AS u (id, n) ORDER BY 1, n;
SELECT test.raises('SELECT * FROM regpaydb.refund_sources(1)') AS no_note, test.raises('SELECT * FROM regpaydb.money_trail(2)') AS a_note;
SELECT regpaydb.payment_summary('card', 'a2') IS NULL AS unknown, regpaydb.payment_summary('Card', 'a1') IS NULL AS other_case, regpaydb.payment_summary('card', 'a1');
CREATE FUNCTION becomes(call text, role text, user_id text DEFAULT '', code text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	n bigint;
BEGIN
	PERFORM set_config('regpaydb.user_id', user_id, true), set_config('regpaydb.access_code', code, true);
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE 'SELECT count(*) FROM regpaydb.' || call INTO n;
	RAISE EXCEPTION USING ERRCODE = 'T0000', MESSAGE = n || ' rows';
EXCEPTION WHEN SQLSTATE 'T0000' THEN
	RETURN SQLERRM;
WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
SELECT call, becomes(call, 'regress_trail_app') AS app, becomes(call, 'regress_trail_app', '101') AS for_alice, becomes(call, 'regress_trail_staff') AS staff, becomes(call, 'regress_trail_staff', '900') AS for_staff, becomes(call, 'regress_trail_staff', '101') AS staff_for_alice,
	becomes(call, 'regress_trail_staff', '', 'ALICES-CODE') AS with_her_code, becomes(call, 'regress_trail_reports') AS reports, becomes(call, 'regress_trail_reports', '101') AS reports_for_alice
FROM unnest('{refund_sources(2),money_trail(1),"payment_summary(''card'', ''a1'')",refund_sources(99)}'::text[]) call;
-- The privileges are SELECT on payment, credit_note_refund and reversal.
SELECT victim, test.with_change(format('REVOKE SELECT ON %s FROM regress_trail_some', victim), 'SELECT becomes(''money_trail(1)'', ''regress_trail_some'')') AS trail FROM unnest('{payment,credit_note_refund,reversal,credit_note}'::text[]) victim;
-- They read only: in a read-only transaction, and row by row of a query.
BEGIN TRANSACTION READ ONLY;
SELECT payment_id, t.place, t.amount FROM payment p CROSS JOIN LATERAL regpaydb.money_trail(p.payment_id) t WHERE p.amount > 0;
SELECT s.amount, regpaydb.payment_summary('card', 'a1') FROM regpaydb.refund_sources(2) s;
COMMIT;
BEGIN TRANSACTION ISOLATION LEVEL SERIALIZABLE READ ONLY;
SELECT amount, refundable FROM regpaydb.refund_sources(2);
COMMIT;
SET search_path = public;
DROP FUNCTION test.wrong_trails, test.scene, test.broken;
RESET regpaydb.ledger;
DROP OWNED BY regress_trail_app, regress_trail_staff, regress_trail_reports, regress_trail_some;
DROP ROLE regress_trail_app, regress_trail_staff, regress_trail_reports, regress_trail_some;
