-- The life of a refund: requested, then done or failed.  Each function in each state,
-- each of its errors, the parts that say where the money goes back to, who may, and
-- what reports tell of what is under way.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
DROP ROLE IF EXISTS regress_refund_app, regress_refund_staff, regress_refund_reports, regress_refund_clerk;
CREATE ROLE regress_refund_app NOLOGIN;
CREATE ROLE regress_refund_staff NOLOGIN;
CREATE ROLE regress_refund_reports NOLOGIN;
CREATE ROLE regress_refund_clerk NOLOGIN;
SELECT test.new_ledger('refund_life');
UPDATE conference SET auto_apply_credit = false;
SELECT regpaydb.grant_access('regress_refund_app', 'app'), regpaydb.grant_access('regress_refund_staff', 'staff'),
	regpaydb.grant_access('regress_refund_reports', 'reports'), regpaydb.grant_access('regress_refund_clerk', 'staff');
GRANT USAGE ON SCHEMA test TO regress_refund_app, regress_refund_staff, regress_refund_reports, regress_refund_clerk;

-- A note of all that these payments brought to an invoice of its own: card is the first
-- of them, cash the last, which has no reference.
CREATE FUNCTION note_of(card numeric, cash numeric DEFAULT 0, attendee_id bigint DEFAULT 1) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	id bigint := test.invoice(attendee_id, card + cash);
BEGIN
	PERFORM regpaydb.record_payment(id, card, 'Card of ' || attendee_id, 'card', 'pi_' || id);
	IF cash > 0 THEN
		PERFORM regpaydb.record_manual_payment(id, cash, 'cash', 900);
	END IF;
	RETURN regpaydb.refund_invoice(id);
END $$;
-- A refund with its parts, and its note; payments by the invoice that they were for.
CREATE FUNCTION refund(id bigint) RETURNS TABLE (state regpaydb.refund_state, note regpaydb.credit_note_state, provider text,
		provider_ref text, ended boolean, reason text, parts text) LANGUAGE sql AS $$
	SELECT r.state, n.state, provider, provider_ref, closed_time IS NOT NULL, failure_reason,
		(SELECT string_agg(format('%s to %s', t.amount, coalesce(p.reference, 'nobody knows')), ', ' ORDER BY t.payment_id)
			FROM credit_note_refund_part t LEFT JOIN payment p USING (payment_id) WHERE t.credit_note_refund_id = id)
	FROM credit_note_refund r JOIN credit_note n USING (credit_note_id) WHERE credit_note_refund_id = id
$$;
CREATE FUNCTION books() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	t text;
	part text;
	whole text := '';
BEGIN
	FOREACH t IN ARRAY '{invoice,payment,credit_note,credit_note_claim,credit_note_refund,credit_note_refund_part,reversal,outbox}'::text[] LOOP
		EXECUTE format('SELECT string_agg(r::text, '';'' ORDER BY r::text) FROM refund_life.%I r', t) INTO part;
		whole := whole || t || coalesce(part, '');
	END LOOP;
	RETURN md5(whole);
END $$;

-- ---------------------------------------------------------------------------
-- Requested, done
-- ---------------------------------------------------------------------------
SELECT note_of(100, 20) AS note \gset
SELECT reference, amount, refundable FROM regpaydb.refund_sources(:note) ORDER BY payment_id;
SELECT regpaydb.request_refund(:note, 'Back to where it came from', entered_by => 900) AS refund \gset
SELECT * FROM refund(:refund);
SELECT entered_by, closed_by FROM credit_note_refund WHERE credit_note_refund_id = :refund;
SELECT value, reference, owner, age >= '0' AS has_age FROM report_refunds_in_flight;
SELECT state, value, reference, provider, jsonb_path_query_array(parts, '$[*].amount') AS parts, parts -> 0 ->> 'provider_ref' AS first_ref FROM report_credit_note_refunds;
SELECT * FROM test.money();
SELECT credit_notes_unclaimed, credit_notes_refunded, difference, losses FROM regpaydb.reconciliation(now());
SELECT regpaydb.available_credit(1);
SELECT regpaydb.confirm_refund(:refund, 'card', 're_1');
SELECT * FROM refund(:refund);
SELECT count(*) AS in_flight FROM report_refunds_in_flight;
SELECT books() AS books \gset
-- Again: the same reference, the provider alone, and neither.
SELECT regpaydb.confirm_refund(:refund, 'card', 're_1'), regpaydb.confirm_refund(:refund, 'card'), regpaydb.confirm_refund(:refund),
	regpaydb.confirm_refund(credit_note_refund_id => :refund, provider_ref => 're_1', provider => 'card');
SELECT call, test.raises(format('SELECT regpaydb.' || call, :refund)) FROM (VALUES
	(1, 'confirm_refund(%s, ''card'', ''re_2'')'), (2, 'confirm_refund(%s, ''bank'', ''re_1'')'), (3, 'confirm_refund(%s, ''bank'')'),
	(4, 'confirm_refund(%s, ''Card'', ''re_1'')'), (5, 'confirm_refund(%s, ''card'', ''re_1 '')'), (6, 'fail_refund(%s, ''closed'')')) AS c (n, call) ORDER BY n;
SELECT books() = :'books' AS as_it_was;
-- One that nobody gave a reference has none: any that comes later is another.
SELECT regpaydb.request_refund(note_of(5), '') AS refund \gset
SELECT regpaydb.confirm_refund(:refund), regpaydb.confirm_refund(:refund);
SELECT test.raises(format('SELECT regpaydb.confirm_refund(%s, ''card'', ''re_3'')', :refund)) ~ '^RP009' AS later;
SELECT regpaydb.request_refund(note_of(5), '') AS refund \gset
SELECT regpaydb.confirm_refund(:refund, 'card');
SELECT provider, provider_ref, ended FROM refund(:refund);
-- A reference stands for one refund, and for one reversal.
SELECT regpaydb.request_refund(note_of(5), '') AS refund \gset
SELECT test.raises(format('SELECT regpaydb.confirm_refund(%s, ''card'', ''re_1'')', :refund)) AS taken;
SELECT regpaydb.record_payment(test.invoice(1, 5), 5, '', 'card', 'disputed') > 0 AS paid;
SELECT regpaydb.record_reversal('card', 'disputed', 5, 'dp_1') > 0 AS reversed;
SELECT test.raises(format('SELECT regpaydb.confirm_refund(%s, ''card'', ''dp_1'')', :refund)) AS a_reversals;
SELECT state FROM refund(:refund);
SELECT regpaydb.confirm_refund(:refund, 'bank', 're_1');
SELECT * FROM refund(:refund);
-- Done at once.
SELECT regpaydb.refund_credit_note(note_of(30, 10), 'Cash') AS refund \gset
SELECT * FROM refund(:refund);
SELECT regpaydb.confirm_refund(:refund);
SELECT test.raises(format('SELECT regpaydb.fail_refund(%s, ''x'')', :refund)) AS fails;

-- ---------------------------------------------------------------------------
-- Failed
-- ---------------------------------------------------------------------------
SELECT note_of(100, 20) AS note \gset
SELECT regpaydb.request_refund(:note, 'Back to the card') AS refund \gset
SELECT regpaydb.fail_refund(:refund, 'Card closed') AS again \gset
SELECT * FROM refund(:refund);
-- The money came back to where the note had come from, and is a note of the same.
SELECT p.kind, amount, p.reference, p.invoice_id = (SELECT invoice_id FROM payment WHERE payment_id = :note) AS same_invoice, p.entered_by
FROM credit_note_refund JOIN payment p ON payment_id = returned_payment_id WHERE credit_note_refund_id = :refund;
SELECT n.attendee_id, n.value, n.state, i.status, i.paid FROM credit_note n JOIN payment ON payment_id = credit_note_id JOIN invoice i USING (invoice_id) WHERE credit_note_id = :again;
SELECT reference, amount, refundable FROM regpaydb.refund_sources(:again) ORDER BY payment_id;
SELECT * FROM regpaydb.refund_sources(:note) EXCEPT SELECT * FROM regpaydb.refund_sources(:again);
SELECT state, failure_reason, closed_by FROM report_credit_note_refunds WHERE credit_note_refund_id = :refund;
SELECT state, refund_state FROM report_credit_notes WHERE credit_note_id IN (:note, :again) ORDER BY credit_note_id;
SELECT entry, amount, balance FROM report_attendee_statement WHERE attendee_id = 1 ORDER BY entry_number DESC LIMIT 2;
SELECT * FROM test.money();
SELECT credit_notes_unclaimed, credit_notes_refunded, difference FROM regpaydb.reconciliation(now());
SELECT books() AS books \gset
SELECT call, test.raises(format('SELECT regpaydb.' || call, :refund)) FROM (VALUES
	(1, 'fail_refund(%s, ''Card closed'')'), (2, 'fail_refund(%s, ''x'')'), (3, 'confirm_refund(%s)'), (4, 'confirm_refund(%s, ''card'', ''re_9'')')) AS c (n, call) ORDER BY n;
SELECT state, test.raises(format('SELECT regpaydb.request_refund(%s, '''')', :note)) AS request, test.raises(format('SELECT regpaydb.apply_credit_note(%s, 1)', :note)) AS apply,
	test.raises(format('SELECT regpaydb.refund_credit_note(%s, '''')', :note)) AS refund FROM credit_note WHERE credit_note_id = :note;
SELECT books() = :'books' AS as_it_was;
-- It fails a second time, and the third time it does not; an empty reason is one.
SELECT regpaydb.request_refund(:again, 'Back to the card') AS refund \gset
SELECT regpaydb.fail_refund(:refund, '') AS third \gset
SELECT regpaydb.request_refund(:third, 'By bank transfer', '[]') AS refund \gset
SELECT regpaydb.confirm_refund(:refund, 'bank', 'tr_1');
SELECT * FROM refund(:refund);
SELECT p.reference, place, t.amount, t.credit_note_id = :third AS third, credit_note_refund_id = :refund AS this FROM payment p, regpaydb.money_trail(payment_id) t
WHERE p.invoice_id = (SELECT invoice_id FROM payment WHERE payment_id = :note) AND kind IN ('payment', 'manual') ORDER BY payment_id;
-- The note of somebody else's invoice is her own again.
SELECT regpaydb.apply_credit_note(note_of(50, 0, 2), test.invoice(1, 30)) > 0 AS applied;
SELECT max(credit_note_id) AS rest FROM credit_note \gset
SELECT regpaydb.fail_refund(regpaydb.request_refund(:rest, ''), 'x') AS again \gset
SELECT n.attendee_id, n.value, n.state, i.attendee_id AS invoiced FROM credit_note n JOIN payment ON payment_id = credit_note_id JOIN invoice i USING (invoice_id) WHERE credit_note_id IN (:rest, :again) ORDER BY credit_note_id;
SELECT reference, amount, refundable FROM regpaydb.refund_sources(:again);
-- One whose invoice is paid stays paid: what came back is too much for it.
SELECT test.invoice(1, 40) AS invoice \gset
SELECT regpaydb.record_payment(:invoice, 65, 'Too much', 'card', 'pi_more') > 0 AS paid;
SELECT regpaydb.fail_refund(regpaydb.request_refund(max(credit_note_id), ''), 'x') > 0 AS note FROM credit_note;
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :invoice;
SELECT value, state FROM credit_note JOIN payment p ON payment_id = credit_note_id WHERE p.invoice_id = :invoice ORDER BY credit_note_id;
SELECT * FROM regpaydb.check_integrity();

-- ---------------------------------------------------------------------------
-- Parts
-- ---------------------------------------------------------------------------
SELECT note_of(100, 20) AS note, note_of(70) AS other \gset
SELECT min(payment_id) FILTER (WHERE kind = 'payment') AS card, min(payment_id) FILTER (WHERE kind = 'manual') AS cash FROM payment
WHERE invoice_id = (SELECT invoice_id FROM payment WHERE payment_id = :note) \gset
SELECT payment_id AS others FROM regpaydb.refund_sources(:other) \gset
SELECT books() AS books \gset
-- What is not of the form.
SELECT left(parts, 60) AS parts, test.raises(format('SELECT regpaydb.request_refund(%s, '''', %L)', :note, parts)) FROM (VALUES
	(1, '{}'), (2, 'null'), (3, '1'), (4, '"x"'), (5, '[1]'), (6, '[[]]'), (7, '[null]'), (8, '[{}]'), (9, '[{"payment_id": 1}]'), (10, '[{"amount": 1}]'),
	(11, '[{"payment_id": 1, "amount": 1, "reason": "x"}]'), (12, '[{"payment_id": "1", "amount": 1}]'), (13, '[{"payment_id": 1, "amount": "1"}]'),
	(14, '[{"payment_id": null, "amount": 1}]'), (15, '[{"payment_id": 1, "amount": null}]'), (16, '[{"payment_id": 1.5, "amount": 1}]'),
	(17, '[{"payment_id": 9223372036854775808, "amount": 1}]'), (18, '[{"payment_id": 1, "amount": true}]'), (19, '[{"Payment_id": 1, "amount": 1}]'),
	(20, '[{"payment_id": 1, "amount": [1]}]'), (21, '{"payment_id": 1, "amount": 1}'), (22, 'true')) AS v (n, parts) ORDER BY n;
-- (jsonb keeps the last one of a name that is there twice.)
SELECT '[{"payment_id": 1, "payment_id": 2, "amount": 1}]'::jsonb;
-- Amounts; NaN and infinity are no numbers of JSON.
SELECT amount, test.raises(format('SELECT regpaydb.request_refund(%s, '''', ''[{"payment_id": %s, "amount": %s}]'')', :note, :card, amount)) ~ '^22P02|^RP003' AS refused,
	test.raises(format('SELECT regpaydb.request_refund(%s, '''', ''[{"payment_id": %s, "amount": %s}]'')', :note, :card, amount)) AS raises
FROM unnest('{0,0.00,-0.0,-1,0.001,99.999,100.005,1e20,1e1000,1e-1000,1000000000000,NaN,Infinity}'::text[]) WITH ORDINALITY AS u (amount, n) ORDER BY n;
-- More than went in, more than the note has, no source, no payment, twice the same.
SELECT n, what, replace(replace(replace(test.raises(format('SELECT regpaydb.request_refund(%s, '''', ', :note)
	|| quote_literal(replace(replace(replace(replace(parts, 'CARD', :'card'), 'CASH', :'cash'), 'OTHER', :'others'), 'NOTE', :'note')) || ')'), ' ' || :note, ' NOTE'), ' ' || :card, ' CARD'), ' ' || :others, ' OTHER') AS raises
FROM (VALUES
	(1, 'a cent more', '[{"payment_id": CARD, "amount": 100.01}]'),
	(2, 'a cent more of the second', '[{"payment_id": CARD, "amount": 1}, {"payment_id": CASH, "amount": 20.01}]'),
	(3, 'of another note', '[{"payment_id": OTHER, "amount": 1}]'),
	(4, 'the note itself', '[{"payment_id": NOTE, "amount": 1}]'),
	(5, 'none', '[{"payment_id": 999999, "amount": 1}]'),
	(6, 'the least id', '[{"payment_id": -9223372036854775808, "amount": 1}]'),
	(7, 'the highest id', '[{"payment_id": 9223372036854775807, "amount": 1}]'),
	(8, 'twice', '[{"payment_id": CARD, "amount": 1}, {"payment_id": CARD, "amount": 1}]'),
	(9, 'one good, one bad', '[{"payment_id": CARD, "amount": 1}, {"payment_id": OTHER, "amount": 1}]')) AS v (n, what, parts) ORDER BY n;
SELECT test.raises(format('SELECT regpaydb.request_refund(%s, '''', (SELECT jsonb_agg(jsonb_build_object(''payment_id'', %s, ''amount'', 0.01)) FROM generate_series(1, 30000)))', :note, :card)) ~ '^22023: parts: payment \d+ is named twice$' AS a_megabyte;
SELECT test.raises(format('SELECT regpaydb.request_refund(%s, '''', (SELECT jsonb_agg(jsonb_build_object(''payment_id'', 1000000 + n, ''amount'', 0.01)) FROM generate_series(1, 30000) n))', :note)) AS of_other_payments;
SELECT books() = :'books' AS as_it_was;
-- Parts together are at most the note, though each payment could take more: a note of
-- 30 of two payments of 40.
SELECT test.invoice(1, 50) AS invoice \gset
SELECT regpaydb.record_payment(:invoice, 40, 'first', 'card', 'pi_a') AS a, regpaydb.record_payment(:invoice, 40, 'second', 'card', 'pi_b') AS b \gset
SELECT max(credit_note_id) AS thirty FROM credit_note \gset
SELECT regpaydb.refund_invoice(:invoice) AS fifty \gset
SELECT 30 AS note, reference, amount, refundable FROM regpaydb.refund_sources(:thirty) UNION ALL SELECT 50, reference, amount, refundable FROM regpaydb.refund_sources(:fifty) ORDER BY 1, 2;
SELECT test.raises(format('SELECT regpaydb.request_refund(%s, '''', ''[{"payment_id": %s, "amount": 40}, {"payment_id": %s, "amount": 10.01}]'')', :fifty, :a, :b)) ~ 'add up to more than credit note' AS a_cent_more;
SELECT test.raises(format('SELECT regpaydb.request_refund(%s, '''', ''[{"payment_id": %s, "amount": 30.01}]'')', :thirty, :b)) ~ 'too much of credit note' AS more_than_the_note;
-- The order is of no account; more of a payment than the note has of it may go back, as
-- long as that payment has it.
SELECT regpaydb.request_refund(:fifty, '', format('[{"payment_id": %s, "amount": 35}, {"amount": 15, "payment_id": %s}]', :b, :a)::jsonb) AS refund \gset
SELECT * FROM refund(:refund);
SELECT reference, amount, refundable FROM regpaydb.refund_sources(:thirty);
SELECT regpaydb.request_refund(:thirty, '') AS other_refund \gset
SELECT * FROM refund(:other_refund);
SELECT reference, refundable FROM regpaydb.refund_sources(:fifty) ORDER BY payment_id;
-- When the first one fails, its parts are free again.
SELECT regpaydb.fail_refund(:refund, 'x') AS fifty \gset
SELECT reference, amount, refundable FROM regpaydb.refund_sources(:fifty) ORDER BY payment_id;
SELECT regpaydb.request_refund(:fifty, '') AS refund \gset
SELECT * FROM refund(:refund);
-- Two refunds of one payment: what the first one took the second one can't.
SELECT test.invoice(2, 100) AS invoice \gset
SELECT regpaydb.record_payment(:invoice, 160, 'one card', 'card', 'pi_one') AS one \gset
SELECT max(credit_note_id) AS sixty FROM credit_note \gset
SELECT regpaydb.refund_invoice(:invoice) AS hundred \gset
SELECT regpaydb.refund_credit_note(:sixty, 'done') > 0 AS done;
SELECT amount, refundable FROM regpaydb.refund_sources(:hundred);
SELECT test.raises(format('SELECT regpaydb.request_refund(%s, '''', ''[{"payment_id": %s, "amount": 100.01}]'')', :hundred, :one)) ~ '^RP003' AS more;
SELECT regpaydb.request_refund(:hundred, '', format('[{"payment_id": %s, "amount": 99.99}]', :one)::jsonb) AS refund \gset
SELECT * FROM refund(:refund);
SELECT refundable FROM regpaydb.refund_sources(:hundred);
-- []: all of it goes some other way; the payment could still be reversed.
SELECT regpaydb.request_refund(:note, 'By bank', '[]') AS refund \gset
SELECT * FROM refund(:refund);
SELECT reference, amount, refundable FROM regpaydb.refund_sources(:note) ORDER BY payment_id;
-- Zeros behind the decimals are no loss.
SELECT regpaydb.request_refund(:other, '', format('[{"payment_id": %s, "amount": 70.0000}]', :others)::jsonb) AS refund \gset
SELECT * FROM refund(:refund);
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();

-- ---------------------------------------------------------------------------
-- Claimed, once
-- ---------------------------------------------------------------------------
SELECT note_of(10) AS note \gset
SELECT regpaydb.request_refund(:note, '') AS refund \gset
SELECT books() AS books \gset
SELECT call, replace(test.raises(format('SELECT regpaydb.' || call, :note)), :'note', 'NOTE') AS raises FROM (VALUES
	(1, 'request_refund(%s, '''')'), (2, 'request_refund(%s, '''', ''[]'')'), (3, 'refund_credit_note(%s, '''')'), (4, 'apply_credit_note(%s, test.invoice(1, 1))'),
	(5, 'cancellation_fee(%s, 10)'), (6, 'charge_credit_note(%s, ''[{"description": "x", "price": 1}]'')')) AS c (n, call) ORDER BY n;
SELECT books() = :'books' AS as_it_was;
-- An unclaimed note of a failed refund is taken by a new invoice, as others are.
SELECT regpaydb.fail_refund(:refund, 'x') AS again \gset
SELECT regpaydb.apply_credit_note(:again, test.invoice(1, 8)) > 0 AS applied;
SELECT state FROM credit_note WHERE credit_note_id = :again;

-- ---------------------------------------------------------------------------
-- Who entered it, who may
-- ---------------------------------------------------------------------------
INSERT INTO staff VALUES (901);
SELECT note_of(10) AS n1, note_of(10) AS n2 \gset
SELECT test.raises(format('SELECT regpaydb.request_refund(%s, '''', NULL, 101)', :n1)) AS alice_signs, test.raises(format('SELECT regpaydb.request_refund(%s, '''', NULL, -5)', :n1)) AS nobody_signs;
SET regpaydb.user_id = '900';
SELECT test.raises(format('SELECT regpaydb.request_refund(%s, '''', NULL, 901)', :n1)) AS for_a_colleague;
SELECT regpaydb.request_refund(:n1, '') AS r1 \gset
SELECT regpaydb.request_refund(:n2, '', NULL, 900) AS r2 \gset
SET regpaydb.user_id = '901';
SELECT regpaydb.confirm_refund(:r1), regpaydb.fail_refund(:r2, 'x') > 0 AS note;
RESET regpaydb.user_id;
SELECT state, entered_by, closed_by FROM credit_note_refund WHERE credit_note_refund_id IN (:r1, :r2) ORDER BY state;
SELECT kind, entered_by FROM outbox ORDER BY outbox_id DESC LIMIT 3;
-- A user who is no staff, and a code.
SELECT note_of(10) AS n1, regpaydb.request_refund(note_of(10), '') AS r1 \gset
CREATE FUNCTION becomes(call text, role text, user_id text DEFAULT '', code text DEFAULT '') RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('regpaydb.user_id', user_id, true), set_config('regpaydb.access_code', code, true);
	EXECUTE format('SET LOCAL ROLE %I', role);
	EXECUTE call;
	RAISE EXCEPTION USING ERRCODE = 'T0000';
EXCEPTION WHEN SQLSTATE 'T0000' THEN
	RETURN 'done';
WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
CREATE TABLE test.refund_call (n int, what text, call text);
INSERT INTO test.refund_call VALUES
	(1, 'request', format('SELECT regpaydb.request_refund(%s, '''')', :n1)), (2, 'confirm', format('SELECT regpaydb.confirm_refund(%s)', :r1)),
	(3, 'fail', format('SELECT regpaydb.fail_refund(%s, ''x'')', :r1)), (4, 'at once', format('SELECT regpaydb.refund_credit_note(%s, '''')', :n1)),
	(5, 'sources', format('SELECT * FROM regpaydb.refund_sources(%s)', :n1)), (6, 'in flight', 'SELECT * FROM report_refunds_in_flight'),
	(7, 'a row', format('INSERT INTO credit_note_refund (credit_note_id) VALUES (%s)', :n1)),
	(8, 'its end', format('UPDATE credit_note_refund SET state = ''done'' WHERE credit_note_refund_id = %s', :r1));
SELECT what, becomes(call, 'regress_refund_app') AS app, becomes(call, 'regress_refund_app', '900') AS as_staff, becomes(call, 'regress_refund_staff') AS staff, becomes(call, 'regress_refund_staff', '900') AS for_staff,
	becomes(call, 'regress_refund_staff', '101') AS for_alice, becomes(call, 'regress_refund_staff', '', 'ALICES-CODE') AS with_her_code, becomes(call, 'regress_refund_reports') AS reports
FROM test.refund_call ORDER BY n;
-- The privilege is INSERT (credit_note_id) on credit_note_refund.
REVOKE INSERT (credit_note_id) ON credit_note_refund FROM regress_refund_clerk;
SELECT what, becomes(call, 'regress_refund_clerk') AS clerk FROM test.refund_call WHERE n < 6 ORDER BY n;
-- An attendee sees her own refunds and their parts, and nobody else's.
SET ROLE regress_refund_app;
SET regpaydb.user_id = '102';
SELECT count(*) > 0 AS refunds, (SELECT count(*) FROM credit_note_refund_part) > 0 AS parts, bool_and(attendee_id = 2) AS only_his FROM credit_note_refund JOIN credit_note USING (credit_note_id);
SELECT count(*) AS without_their_refund FROM credit_note_refund_part t WHERE NOT EXISTS (SELECT FROM credit_note_refund r WHERE r.credit_note_refund_id = t.credit_note_refund_id);
RESET regpaydb.user_id;
RESET ROLE;

-- What is printed for people: the note of a refund that is under way is refunded, the
-- one of a refund that has failed too, and its money is in the new one.
SELECT test.invoice(1, 10) AS invoice \gset
SELECT regpaydb.record_payment(:invoice, 13, 'for the document', 'card', 'pi_doc') > 0 AS paid;
SELECT max(credit_note_id) AS note FROM credit_note \gset
SELECT regpaydb.request_refund(:note, 'back') AS refund \gset
SELECT jsonb_path_query_array(regpaydb.invoice_document(:invoice), '$.credit_notes[*].state') AS notes, jsonb_path_query_array(regpaydb.invoice_document(:invoice), '$.credit_notes[*].refund_state') AS refunds;
SELECT regpaydb.fail_refund(:refund, 'x') > 0 AS note;
SELECT jsonb_path_query_array(regpaydb.invoice_document(:invoice), '$.credit_notes[*].state') AS notes, jsonb_path_query_array(regpaydb.invoice_document(:invoice), '$.payments[*].kind') AS kinds,
	jsonb_path_query_array(regpaydb.invoice_document(:invoice), '$.payments[*].amount') AS amounts, jsonb_path_query_array(regpaydb.invoice_document(:invoice), '$.credit_notes[*].refund_state') AS refunds;

SELECT conserved FROM test.money();
SELECT difference FROM regpaydb.reconciliation(now());
SELECT * FROM regpaydb.check_integrity();
SET search_path = public;
DROP TABLE test.refund_call;
DROP OWNED BY regress_refund_app, regress_refund_staff, regress_refund_reports, regress_refund_clerk;
DROP ROLE regress_refund_app, regress_refund_staff, regress_refund_reports, regress_refund_clerk;
