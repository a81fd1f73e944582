-- record_reversal(): a platform took money back.  The invoice's own unclaimed notes go
-- first, so that a ticket which is still covered stays paid; what is not there is a loss.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
DROP ROLE IF EXISTS regress_reversal_app, regress_reversal_staff, regress_reversal_reports;
CREATE ROLE regress_reversal_app NOLOGIN;
CREATE ROLE regress_reversal_staff NOLOGIN;
CREATE ROLE regress_reversal_reports NOLOGIN;
SELECT test.new_shop('reversal');
UPDATE conference SET auto_apply_credit = false;
SELECT regpaydb.grant_access('regress_reversal_app', 'app'), regpaydb.grant_access('regress_reversal_staff', 'staff'),
	regpaydb.grant_access('regress_reversal_reports', 'reports');
GRANT USAGE ON SCHEMA test TO regress_reversal_app, regress_reversal_staff, regress_reversal_reports;

-- An invoice: what it is, its payments after the first so many, and its notes.
CREATE FUNCTION look(id bigint, skip bigint DEFAULT 0) RETURNS TABLE (status regpaydb.invoice_status, paid numeric, cart regpaydb.cart_status, payments text, notes text) LANGUAGE sql AS $$
	SELECT i.status, i.paid, (SELECT c.status FROM cart c WHERE c.cart_id = i.cart_id),
		(SELECT string_agg(format('%s %s', kind, amount), ', ' ORDER BY payment_id) FROM (
			SELECT * FROM payment p WHERE p.invoice_id = id ORDER BY payment_id OFFSET skip) p),
		(SELECT string_agg(format('%s %s', n.value, n.state), ', ' ORDER BY credit_note_id) FROM credit_note n JOIN payment p ON payment_id = credit_note_id WHERE p.invoice_id = id)
	FROM invoice i WHERE i.invoice_id = id
$$;
CREATE FUNCTION taken(id bigint) RETURNS TABLE (amount numeric, loss numeric, of text, by_payment numeric, reference text) LANGUAGE sql AS $$
	SELECT v.amount, v.loss, p.provider || ' ' || p.provider_ref, r.amount, r.reference FROM reversal v JOIN payment p USING (payment_id)
	LEFT JOIN payment r ON r.payment_id = reversing_payment_id WHERE reversal_id = id
$$;
CREATE FUNCTION trail(ref text) RETURNS text LANGUAGE sql AS $$ SELECT regexp_replace(regpaydb.payment_summary('card', ref), '(note|invoice|refund) \d+', '\1', 'g') $$;
CREATE FUNCTION books() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	t text;
	part text;
	whole text := '';
BEGIN
	FOREACH t IN ARRAY '{invoice,payment,credit_note,credit_note_claim,credit_note_refund,credit_note_refund_part,reversal,outbox,cart}'::text[] LOOP
		EXECUTE format('SELECT string_agg(r::text, '';'' ORDER BY r::text) FROM reversal.%I r', t) INTO part;
		whole := whole || t || coalesce(part, '');
	END LOOP;
	RETURN md5(whole);
END $$;
CREATE FUNCTION told() RETURNS TABLE (kind regpaydb.outbox_kind, old_status regpaydb.invoice_status, new_status regpaydb.invoice_status, note numeric, invoice boolean, reversal numeric) LANGUAGE sql AS $$
	WITH t AS (DELETE FROM outbox RETURNING *)
	SELECT t.kind, old_status, new_status, n.value, t.invoice_id IS NOT NULL, v.amount FROM t LEFT JOIN credit_note n USING (credit_note_id) LEFT JOIN reversal v USING (reversal_id) ORDER BY outbox_id
$$;

-- ---------------------------------------------------------------------------
-- The duplicate charge
-- ---------------------------------------------------------------------------
SELECT test.fill(1, 1, 2) AS cart, regpaydb.invoice_cart(1) AS invoice \gset
SELECT regpaydb.pay(:invoice, 200, 'Alice', 'card', 'a1') > 0 AS paid, regpaydb.record_payment(:invoice, 200, 'Alice again', 'card', 'a2') > 0 AS twice;
SELECT * FROM look(:invoice);
SELECT free, sold FROM product_stock WHERE product_id = 1;
SELECT count(*) AS events FROM told();
-- The first charge is taken back: the second one covers the ticket.
SELECT regpaydb.record_reversal('card', 'a1', 200, 'dp_a1', 'Dispute, fraudulent') AS reversal \gset
SELECT * FROM taken(:reversal);
SELECT * FROM look(:invoice, 3);
SELECT free, sold FROM product_stock WHERE product_id = 1;
SELECT * FROM told();
SELECT trail('a1') AS a1, trail('a2') AS a2;
SELECT regpaydb.balance_due(:invoice), regpaydb.total_payments(:invoice), regpaydb.available_credit(1);
SELECT * FROM test.money();
-- The same call, and named arguments in another order, come to the same.
SELECT books() AS books \gset
SELECT regpaydb.record_reversal('card', 'a1', 200, 'dp_a1') = :reversal AS same, regpaydb.record_reversal(reversal_ref => 'dp_a1', amount => 200.00, reference => 'another', provider_ref => 'a1', provider => 'card') = :reversal AS same_too;
SELECT books() = :'books' AS as_it_was;
-- Then the second one, too: nothing covers it, and the seats are free for others.
SELECT regpaydb.record_reversal('card', 'a2', 200, 'dp_a2') AS reversal \gset
SELECT * FROM taken(:reversal);
SELECT * FROM look(:invoice, 6);
SELECT free, sold FROM product_stock WHERE product_id = 1;
SELECT * FROM told();
SELECT trail('a1') AS a1, trail('a2') AS a2;
SELECT regpaydb.pay(regpaydb.invoice_cart(test.fill(2, 1, 5)), 500, '', 'card', 'bobs') > 0 AS sold_to_bob;
SELECT count(*) > 0 AS events FROM told();
-- The dispute is won: the money is a payment like any other, and a note here.
SELECT regpaydb.record_payment(:invoice, 200, 'Dispute won', 'card', 'won') > 0 AS came_back;
SELECT * FROM look(:invoice, 7);
SELECT count(*) FROM told();
-- The other way round: the second charge is taken back, and the first one is left alone.
SELECT test.fill(3, 5) AS cart \gset
SELECT regpaydb.invoice_cart(:cart) AS invoice \gset
SELECT regpaydb.pay(:invoice, 75, 'Carol', 'card', 'c1') > 0 AS paid, regpaydb.record_payment(:invoice, 75, 'Carol again', 'card', 'c2') > 0 AS twice;
SELECT regpaydb.record_reversal('card', 'c2', 75, 'dp_c2') AS reversal \gset
SELECT * FROM look(:invoice, 3);
SELECT trail('c1') AS c1, trail('c2') AS c2;
SELECT * FROM regpaydb.check_integrity();
SELECT count(*) > 0 AS events FROM told();

-- ---------------------------------------------------------------------------
-- Covered in part, and parts of a payment
-- ---------------------------------------------------------------------------
-- 100 and 40 for a ticket of 100; 30 are taken back: 110 are left.
SELECT test.invoice(1, 100) AS invoice \gset
SELECT regpaydb.record_payment(:invoice, 100, '', 'card', 'd1') > 0 AS paid, regpaydb.record_payment(:invoice, 40, '', 'card', 'd2') > 0 AS more;
SELECT loss FROM taken(regpaydb.record_reversal('card', 'd1', 30, 'dp_d1'));
SELECT * FROM look(:invoice, 3);
SELECT trail('d1') AS d1, trail('d2') AS d2;
SELECT reference, provider_ref, amount, refundable FROM regpaydb.refund_sources((SELECT max(credit_note_id) FROM credit_note)) ORDER BY payment_id;
-- The other 70, for which only 10 are too much: the ticket goes, and 40 are a note.
SELECT test.raises('SELECT regpaydb.record_reversal(''card'', ''d1'', 70.01, ''dp_d2'')') AS a_cent_more;
SELECT loss FROM taken(regpaydb.record_reversal('card', 'd1', 70, 'dp_d2'));
SELECT * FROM look(:invoice, 6);
SELECT trail('d1') AS d1, trail('d2') AS d2;
SELECT test.raises('SELECT regpaydb.record_reversal(''card'', ''d1'', 0.01, ''dp_d3'')') AS nothing_left;
SELECT provider_ref, amount, refundable FROM regpaydb.refund_sources((SELECT max(credit_note_id) FROM credit_note)) ORDER BY payment_id;
SELECT * FROM regpaydb.check_integrity();
-- A payment of which some is on the invoice and some in a note, and one that came later:
-- 100 of 150, then 100, then 100.  The second one is taken back.
SELECT test.invoice(1, 150) AS invoice \gset
SELECT regpaydb.record_payment(:invoice, 100, '', 'card', 'e1') > 0 AS p1, regpaydb.record_payment(:invoice, 100, '', 'card', 'e2') > 0 AS p2, regpaydb.record_payment(:invoice, 100, '', 'card', 'e3') > 0 AS p3;
SELECT loss FROM taken(regpaydb.record_reversal('card', 'e2', 100, 'dp_e2'));
SELECT * FROM look(:invoice, 5);
SELECT trail('e1') AS e1, trail('e2') AS e2, trail('e3') AS e3;
SELECT * FROM regpaydb.check_integrity();
-- Only as many notes as are needed: those with the payment's money, then the newest.
SELECT test.invoice(1, 10) AS invoice \gset
SELECT regpaydb.record_payment(:invoice, 10, '', 'card', 'f' || n) > 0 AS paid FROM generate_series(1, 5) n;
SELECT loss FROM taken(regpaydb.record_reversal('card', 'f3', 10, 'dp_f3'));
SELECT * FROM look(:invoice, 9);
SELECT loss FROM taken(regpaydb.record_reversal('card', 'f1', 10, 'dp_f1'));
SELECT * FROM look(:invoice, 11);
SELECT n, trail('f' || n) FROM generate_series(1, 5) n ORDER BY n;

-- ---------------------------------------------------------------------------
-- Invoices that are not paid
-- ---------------------------------------------------------------------------
-- Unpaid, with a part payment: some of it, then the rest.
SELECT test.invoice(1, 100) AS invoice \gset
SELECT regpaydb.pay(:invoice, 30, '', 'card', 'g1') > 0 AS paid;
SELECT count(*) > 0 AS events FROM told();
SELECT loss FROM taken(regpaydb.record_reversal('card', 'g1', 10, 'dp_g1'));
SELECT * FROM look(:invoice);
SELECT regpaydb.balance_due(:invoice);
SELECT loss FROM taken(regpaydb.record_reversal('card', 'g1', 20, 'dp_g2'));
SELECT * FROM look(:invoice);
SELECT * FROM told();
-- A cart's, which is voided with its last money and can be billed again.
SELECT test.fill(3, 3) AS cart \gset
SELECT regpaydb.invoice_cart(:cart) AS invoice \gset
SELECT regpaydb.pay(:invoice, 5, '', 'card', 'g3') > 0 AS paid;
SELECT loss FROM taken(regpaydb.record_reversal('card', 'g3', 5, 'dp_g3'));
SELECT * FROM look(:invoice);
SELECT regpaydb.invoice_cart(:cart) > :invoice AS another;
-- Void, and money that came too late; then what of it was spent, and what was not.
SELECT test.invoice(1, 100) AS invoice, test.invoice(1, 25) AS other \gset
SELECT regpaydb.void_invoice(:invoice);
SELECT regpaydb.record_payment(:invoice, 60, '', 'card', 'h1') > 0 AS late, regpaydb.record_payment(:invoice, 25, '', 'card', 'h2') > 0 AS later;
SELECT regpaydb.apply_credit_note(max(credit_note_id), :other) > 0 AS applied FROM credit_note;
SELECT count(*) > 0 AS events FROM told();
SELECT amount, loss, by_payment FROM taken(regpaydb.record_reversal('card', 'h1', 60, 'dp_h1'));
SELECT * FROM look(:invoice, 2);
SELECT * FROM told();
SELECT amount, loss, by_payment FROM taken(regpaydb.record_reversal('card', 'h2', 25, 'dp_h2'));
SELECT * FROM look(:invoice, 6);
SELECT * FROM told();
SELECT trail('h1') AS h1, trail('h2') AS h2;
SELECT losses, difference FROM regpaydb.reconciliation(now());
-- Refunded, to a note that is there; to one that was paid out; some of each.
SELECT test.invoice(1, 50) AS invoice \gset
SELECT regpaydb.record_payment(:invoice, 50, '', 'card', 'i1') > 0 AS paid;
SELECT regpaydb.refund_invoice(:invoice) > 0 AS note;
SELECT loss FROM taken(regpaydb.record_reversal('card', 'i1', 50, 'dp_i1'));
SELECT * FROM look(:invoice);
SELECT test.invoice(1, 50) AS invoice \gset
SELECT regpaydb.record_payment(:invoice, 50, '', 'card', 'i2') > 0 AS paid;
SELECT regpaydb.request_refund(regpaydb.refund_invoice(:invoice), 're_i2') AS refund \gset
SELECT test.raises('SELECT regpaydb.record_reversal(''card'', ''i2'', 50, ''dp_i2'')') AS requested;
SELECT regpaydb.confirm_refund(:refund);
SELECT test.raises('SELECT regpaydb.record_reversal(''card'', ''i2'', 0.01, ''dp_i2'')') AS done;
-- A refund that goes some other way leaves the payment open: the money leaves twice.
SELECT test.invoice(1, 50) AS invoice \gset
SELECT regpaydb.record_payment(:invoice, 50, '', 'card', 'i3') > 0 AS paid;
SELECT regpaydb.confirm_refund(regpaydb.request_refund(regpaydb.refund_invoice(:invoice), 'cash', '[]'));
SELECT count(*) > 0 AS events FROM told();
SELECT amount, loss, by_payment FROM taken(regpaydb.record_reversal('card', 'i3', 50, 'dp_i3'));
SELECT * FROM told();
SELECT trail('i3');
SELECT * FROM test.money();
SELECT losses, difference FROM regpaydb.reconciliation(now());
SELECT * FROM regpaydb.check_integrity();

-- ---------------------------------------------------------------------------
-- Whose notes
-- ---------------------------------------------------------------------------
-- Bob's note paid some of Alice's invoice, and what was left over of it is his.
SELECT test.invoice(2, 30) AS bobs, test.invoice(1, 70) AS invoice \gset
SELECT regpaydb.record_payment(:bobs, 60, '', 'card', 'j1') > 0 AS paid, regpaydb.record_payment(:invoice, 60, '', 'card', 'j2') > 0 AS part;
SELECT regpaydb.apply_credit_note(max(credit_note_id), :invoice) > 0 AS applied FROM credit_note;
SELECT * FROM look(:invoice);
SELECT attendee_id, value FROM credit_note ORDER BY credit_note_id DESC LIMIT 1;
-- Alice's payment is taken back: Bob's note is his, and so is his part of the ticket.
SELECT amount, loss FROM taken(regpaydb.record_reversal('card', 'j2', 60, 'dp_j2'));
SELECT * FROM look(:invoice, 3);
SELECT attendee_id, value, state FROM credit_note ORDER BY credit_note_id DESC LIMIT 2;
SELECT trail('j1') AS j1, trail('j2') AS j2;
-- His own payment: the 30 that pay for his invoice are there; the rest was spent on hers.
SELECT amount, loss FROM taken(regpaydb.record_reversal('card', 'j1', 60, 'dp_j1'));
SELECT * FROM look(:bobs);
SELECT trail('j1') AS j1, trail('j2') AS j2;
-- Paid twice by different people's money: a note of another invoice is not taken.
SELECT test.invoice(1, 10) AS invoice \gset
SELECT regpaydb.record_payment(:invoice, 10, '', 'card', 'k1') > 0 AS paid;
SELECT sum(value) > 10 AS alice_has_notes FROM credit_note WHERE attendee_id = 1 AND state = 'unclaimed';
SELECT loss FROM taken(regpaydb.record_reversal('card', 'k1', 10, 'dp_k1'));
SELECT * FROM look(:invoice);
-- What came in by hand, with a reference, can be taken back, too; a return can't.
SELECT test.invoice(1, 10) AS invoice \gset
SELECT regpaydb.record_manual_payment(:invoice, 10, 'terminal', 900, 'card', 'k2') > 0 AS paid, regpaydb.record_manual_payment(:invoice, 5, 'terminal', 900, 'card', 'k3') > 0 AS more;
SELECT regpaydb.record_manual_payment(:invoice, -4, 'given back', 900, 'card', 'k4') > 0 AS given_back;
SELECT * FROM test.report('SELECT regpaydb.record_reversal(''card'', ''k4'', 4, ''dp_k4'')');
SELECT loss FROM taken(regpaydb.record_reversal('card', 'k2', 6, 'dp_k2'));
SELECT * FROM look(:invoice);
SELECT trail('k2') AS k2, trail('k3') AS k3;
SELECT * FROM regpaydb.check_integrity();
-- Some of the ticket was returned: what is kept of it was paid by a note, elsewhere.
SELECT regpaydb.manual_invoice(1, '1 day', '[{"description": "A", "price": 30}, {"description": "B", "price": 20}]') AS invoice \gset
SELECT regpaydb.record_payment(:invoice, 50, '', 'card', 'l1') > 0 AS paid;
SELECT regpaydb.return_items(:invoice, (SELECT jsonb_build_array(jsonb_build_object('line_item_id', max(line_item_id))) FROM line_item)) > 0 AS note;
SELECT trail('l1');
SELECT amount, loss FROM taken(regpaydb.record_reversal('card', 'l1', 50, 'dp_l1'));
SELECT status, paid FROM invoice WHERE replaces = :invoice;
SELECT trail('l1');

-- ---------------------------------------------------------------------------
-- A refund of ours that is told as a reversal
-- ---------------------------------------------------------------------------
CREATE FUNCTION asked(ref text, amount numeric, reference text, parts jsonb DEFAULT NULL) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	id bigint := test.invoice(1, amount);
BEGIN
	PERFORM regpaydb.record_payment(id, amount, '', 'card', ref);
	RETURN regpaydb.request_refund(regpaydb.refund_invoice(id), reference, parts);
END $$;
CREATE FUNCTION refund(id bigint) RETURNS TABLE (state regpaydb.refund_state, provider text, provider_ref text, reversals bigint) LANGUAGE sql AS $$
	SELECT state, provider, provider_ref, (SELECT count(*) FROM reversal WHERE reversal_ref ~ '^re_') FROM credit_note_refund WHERE credit_note_refund_id = id
$$;
SELECT count(*) > 0 AS events FROM told();
-- By its reference, while it is requested: it is done, and nothing is booked.
SELECT asked('m1', 10, 're_m1') AS refund \gset
SELECT count(*) > 0 AS events FROM told();
SELECT test.raises('SELECT regpaydb.record_reversal(''card'', ''m1'', 9, ''re_m1'')') AS another_amount;
SELECT regpaydb.record_reversal('card', 'm1', 10, 're_m1') IS NULL AS ours;
SELECT * FROM refund(:refund);
SELECT * FROM told();
-- Three times, and when it has been confirmed under that reference, or another one.
SELECT regpaydb.record_reversal('card', 'm1', 10, 're_m1') IS NULL AS ours, regpaydb.record_reversal('card', 'm1', 10, 're_m1') IS NULL AS again;
SELECT asked('m2', 10, 'to the card') AS refund \gset
SELECT regpaydb.confirm_refund(:refund, 'card', 're_m2');
SELECT regpaydb.record_reversal('card', 'm2', 10, 're_m2') IS NULL AS ours, regpaydb.record_reversal('card', 'm2', 10, 'to the card') IS NULL AS by_its_reference;
SELECT test.raises('SELECT regpaydb.record_reversal(''card'', ''m2'', 9, ''re_m2'')') AS another_amount, test.raises('SELECT regpaydb.record_reversal(''card'', ''m1'', 10, ''re_m2'')') AS another_payment,
	test.raises('SELECT regpaydb.record_reversal(''card'', ''won'', 10, ''re_m2'')') AS of_another_invoice;
SELECT test.raises('SELECT regpaydb.record_reversal(''card'', ''m2'', 10, ''re_other'')') ~ '^RP003' AS another_reference;
-- Done at once.
SELECT test.invoice(1, 10) AS invoice \gset
SELECT regpaydb.record_payment(:invoice, 10, '', 'card', 'm3') > 0 AS paid;
SELECT regpaydb.refund_credit_note(regpaydb.refund_invoice(:invoice), 're_m3') AS refund \gset
SELECT regpaydb.record_reversal('card', 'm3', 10, 're_m3') IS NULL AS ours;
SELECT * FROM refund(:refund);
-- It failed: then the platform took the money after all, from the note that it became.
SELECT asked('m4', 10, 'failing') AS refund \gset
SELECT regpaydb.fail_refund(:refund, 'timeout') > 0 AS note;
SELECT loss FROM taken(regpaydb.record_reversal('card', 'm4', 10, 'failing'));
SELECT state FROM refund(:refund);
SELECT trail('m4');
-- Two payments in one refund: each part is told by itself, under the refund's reference.
SELECT test.invoice(1, 30) AS invoice \gset
SELECT regpaydb.record_payment(:invoice, 20, '', 'card', 'm5') > 0 AS p1, regpaydb.record_payment(:invoice, 10, '', 'card', 'm6') > 0 AS p2;
SELECT regpaydb.request_refund(regpaydb.refund_invoice(:invoice), 'both') AS refund \gset
SELECT test.raises('SELECT regpaydb.record_reversal(''card'', ''m5'', 30, ''both'')') AS all_of_one;
SELECT regpaydb.record_reversal('card', 'm6', 10, 'both') IS NULL AS ours, regpaydb.record_reversal('card', 'm5', 20, 'both') IS NULL AS the_other;
SELECT * FROM refund(:refund);
-- The reference of a refund that does not go back to this payment is another's.
SELECT asked('m7', 10, 'cash', '[]') AS refund \gset
SELECT amount, loss FROM taken(regpaydb.record_reversal('card', 'm7', 10, 'cash'));
SELECT state FROM refund(:refund);
-- Many refunds without a reference are of no reference.
SELECT asked('m8', 10, '') AS refund \gset
SELECT test.raises('SELECT regpaydb.record_reversal(''card'', ''m8'', 10, ''x'')') ~ '^RP003' AS no_reference;
SELECT * FROM regpaydb.check_integrity();

-- ---------------------------------------------------------------------------
-- Errors
-- ---------------------------------------------------------------------------
SELECT test.invoice(1, 100) AS invoice \gset
SELECT regpaydb.record_payment(:invoice, 100, '', 'card', 'n1') > 0 AS paid, regpaydb.record_payment(:invoice, 100, '', 'card', 'n2') > 0 AS twice, regpaydb.record_payment(:invoice, 100, '', 'bank', 'n1') > 0 AS by_bank;
SELECT loss FROM taken(regpaydb.record_reversal('card', 'n1', 40, 'dp_n1'));
SELECT books() AS books \gset
SELECT call, test.raises('SELECT regpaydb.record_reversal(' || call || ')') FROM (VALUES
	(1, '''card'', ''none'', 1, ''x'''), (2, '''Card'', ''n1'', 1, ''x'''), (3, '''card'', ''n1 '', 1, ''x'''),
	(4, '''card'', ''n1'', 0, ''x'''), (5, '''card'', ''n1'', -1, ''x'''), (6, '''card'', ''n1'', 0.001, ''x'''), (7, '''card'', ''n1'', ''NaN'', ''x'''),
	(8, '''card'', ''n1'', ''Infinity'', ''x'''), (9, '''card'', ''n1'', 1000000000000, ''x'''), (10, '''card'', ''n1'', 60.01, ''x'''), (11, '''card'', ''n1'', 999999999999.99, ''x'''),
	(12, '''card'', ''n1'', 41, ''dp_n1'''), (13, '''card'', ''n2'', 40, ''dp_n1'''), (14, '''bank'', ''n1'', 100.01, ''dp_n1'''),
	(15, ''''', ''n1'', 1, ''x'''), (16, '''card'', '''', 1, ''x'''), (17, '''card'', ''n1'', 1, '''''),
	(18, '''card'', ''n1'', 1, repeat(''é'', 201)'), (19, '''card'', ''n1'', 1, ''x'', repeat(''é'', 1001)'), (20, '''card'', repeat(''x'', 201), 1, ''x'''),
	(21, 'NULL, ''n1'', 1, ''x'''), (22, '''card'', NULL, 1, ''x'''), (23, '''card'', ''n1'', NULL, ''x'''), (24, '''card'', ''n1'', 1, NULL'), (25, '''card'', ''n1'', 1, ''x'', NULL')) AS c (n, call) ORDER BY n;
SELECT books() = :'books' AS as_it_was;
\x on
SELECT * FROM test.report('SELECT regpaydb.record_reversal(''card'', ''n1'', 60.01, ''x'')');
SELECT * FROM test.report('SELECT regpaydb.record_reversal(''card'', ''none'', 1, ''x'')');
SELECT * FROM test.report('SELECT regpaydb.record_reversal(''card'', ''n1'', 41, ''dp_n1'')');
\x off
-- The platform's name is part of the key; texts are kept as long as they may be.
SELECT loss FROM taken(regpaydb.record_reversal('bank', 'n1', 10, 'dp_n1'));
SELECT length(reference), loss FROM taken(regpaydb.record_reversal('card', 'n1', 1.0, repeat('é', 200), repeat('é', 1000)));
-- Without a reference for people, the payment has the platform's key.
SELECT v.provider, reversal_ref, v.reference, p.reference AS of_the_payment, p.provider IS NULL AS no_provider, v.entered_by, p.entered_by FROM reversal v JOIN payment p ON p.payment_id = reversing_payment_id WHERE reversal_ref IN ('dp_n1', 'dp_a1') ORDER BY reversal_id;

-- ---------------------------------------------------------------------------
-- Who may
-- ---------------------------------------------------------------------------
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
CREATE TABLE test.reversal_call (n int, what text, call text);
INSERT INTO test.reversal_call VALUES (1, 'new', 'SELECT regpaydb.record_reversal(''card'', ''n1'', 1, ''who'')'), (2, 'again', 'SELECT regpaydb.record_reversal(''card'', ''n1'', 40, ''dp_n1'')'),
	(3, 'unknown', 'SELECT regpaydb.record_reversal(''card'', ''none'', 1, ''who'')'), (4, 'ours', 'SELECT regpaydb.record_reversal(''card'', ''m1'', 10, ''re_m1'')'),
	(5, 'a row', 'INSERT INTO reversal (amount) VALUES (1)'), (6, 'confirm', 'SELECT regpaydb.confirm_refund(1)');
CREATE VIEW test.who AS SELECT n, what, becomes(call, 'regress_reversal_app') AS app, becomes(call, 'regress_reversal_app', '101') AS for_alice, becomes(call, 'regress_reversal_app', '', 'ALICES-CODE') AS with_her_code, becomes(call, 'regress_reversal_app', '900') AS for_staff,
	becomes(call, 'regress_reversal_staff') AS staff, becomes(call, 'regress_reversal_staff', '101') AS staff_for_alice, becomes(call, 'regress_reversal_staff', '900') AS staff_for_staff, becomes(call, 'regress_reversal_reports') AS reports FROM test.reversal_call;
SELECT what, app, for_alice, with_her_code, for_staff, staff, staff_for_alice, staff_for_staff, reports FROM test.who ORDER BY n;
-- The owner lets the shop's webhook do it: for nobody in particular, it is the platform's word.
GRANT INSERT (amount) ON reversal TO regress_reversal_app;
SELECT what, app, for_alice, with_her_code, for_staff FROM test.who ORDER BY n;
-- (And takes it back, or does not let staff.)
REVOKE INSERT (amount) ON reversal FROM regress_reversal_app, regress_reversal_staff;
SELECT what, app, staff FROM test.who WHERE n = 1;
-- What each sees of it.
SET ROLE regress_reversal_app;
SET regpaydb.user_id = '102';
SELECT provider, reversal_ref, amount, loss FROM reversal ORDER BY reversal_id;
RESET regpaydb.user_id;
RESET ROLE;
SELECT count(*) = (SELECT count(*) FROM reversal) AS all_of_them FROM report_reversals;
SELECT provider, reversal_ref, amount, loss, payment_ref, payment_amount, invoice_status, attendee_id, recipient FROM report_reversals WHERE loss > 0 ORDER BY reversal_id;
SELECT becomes('SELECT * FROM report_reversals', 'regress_reversal_app') AS app, becomes('SELECT * FROM report_reversals', 'regress_reversal_reports') AS reports;
SELECT r.losses = (SELECT sum(loss) FROM reversal) AS losses, r.difference, r.losses AS that_much FROM regpaydb.reconciliation(now()) r;
SELECT losses, difference FROM regpaydb.reconciliation('2020-01-01');
SELECT entry, amount FROM report_attendee_statement WHERE attendee_id = 3 ORDER BY entry_number;
SELECT jsonb_path_query_array(regpaydb.invoice_document(:invoice), '$.payments[*].kind') AS kinds;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
DROP VIEW test.who;
DROP TABLE test.reversal_call;
SET search_path = public;
DROP OWNED BY regress_reversal_app, regress_reversal_staff, regress_reversal_reports;
DROP ROLE regress_reversal_app, regress_reversal_staff, regress_reversal_reports;

-- ---------------------------------------------------------------------------
-- References that two have, and what triggers of an owner's make of rows
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('reversal_refs');
SELECT regpaydb.record_payment(test.invoice(1, 50), 200, '', 'st', 'r1') AS payment;
-- Of two refunds with one reference it is the one whose part it is.
SELECT regpaydb.charge_credit_note(credit_note_id, '[{"description": "Fee", "price": 50}]') FROM credit_note WHERE state = 'unclaimed';
SELECT regpaydb.request_refund(max(credit_note_id), 'cancelled', '[{"payment_id": 1, "amount": 40}]') AS refund FROM credit_note;
SELECT regpaydb.record_payment(test.invoice(1, 50), 90, '', 'st', 'r2') AS payment;
SELECT regpaydb.request_refund(max(credit_note_id), 'cancelled', '[]') AS refund FROM credit_note;
SELECT test.raises($$SELECT regpaydb.record_reversal('st', 'r1', 41, 'cancelled')$$);
SELECT regpaydb.record_reversal('st', 'r1', 40, 'cancelled') AS none;
SELECT credit_note_refund_id, state FROM credit_note_refund ORDER BY 1;
-- What staff have recorded by hand, with the platform's reference, is not taken twice.
SELECT regpaydb.record_manual_payment(1, -50, 'given back', 900, 'st', 're_9') AS payment;
SELECT invoice_id, status FROM invoice ORDER BY 1;
SELECT regpaydb.record_reversal('st', 'r1', 50, 're_9') AS none;
SELECT test.raises($$SELECT regpaydb.record_reversal('st', 'r2', 50, 're_9')$$);
SELECT count(*) AS reversals FROM reversal;
SELECT * FROM regpaydb.check_integrity();
-- A trigger that changes what a refund, a part or a reversal is: nothing is left of the call.
CREATE FUNCTION change_row() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW := jsonb_populate_record(NEW, TG_ARGV[0]::jsonb);
	RETURN NEW;
END $$;
SELECT regpaydb.record_payment(test.invoice(2, 10), 100, '', 'st', 'r3') AS payment;
SELECT max(credit_note_id) AS note FROM credit_note \gset
CREATE FUNCTION with_change(t regclass, change text, call text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE format('CREATE TRIGGER change BEFORE INSERT ON %s FOR EACH ROW EXECUTE FUNCTION change_row(%L)', t, change);
	result := test.raises(call);
	RAISE EXCEPTION USING ERRCODE = 'T0000', MESSAGE = result;
EXCEPTION WHEN SQLSTATE 'T0000' THEN
	RETURN SQLERRM;
END $$;
SELECT t, change, with_change(t, change, CASE WHEN t = 'reversal'::regclass THEN 'SELECT regpaydb.record_reversal(''st'', ''r3'', 30, ''v1'')'
	ELSE format('SELECT regpaydb.request_refund(%s, '''')', :note) END)
FROM (VALUES ('credit_note_refund'::regclass, '{"state": "done"}'), ('credit_note_refund', '{"provider_ref": "x", "provider": "y"}'),
	('credit_note_refund', '{"reference": "another"}'), ('credit_note_refund_part', '{"payment_id": null}'), ('credit_note_refund_part', '{"amount": 1}'),
	('reversal', '{"reversal_ref": "other"}'), ('reversal', '{"provider": "other"}'), ('reversal', '{"amount": 80, "loss": 50}'), ('reversal', '{"reversing_payment_id": null}')) c (t, change);
SELECT * FROM regpaydb.check_integrity();
