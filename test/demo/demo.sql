-- The story of a conference's money, from the first invoice to the last cent.
-- ./dev demo plays it; by hand, in a new database and from this folder:
--     psql -X -q -v ON_ERROR_STOP=1 -f demo.sql
-- What is worth copying stands between \set ECHO queries, which shows it, and
-- \set ECHO none.  \o /dev/null hides results that tell nothing.

\pset footer off
\pset null '-'

\echo 'regpaydb keeps the money of a conference in PostgreSQL: invoices, payments, credit'
\echo 'notes, refunds. You insert what the bank or the card processor tells you; the'
\echo 'database works out what that means for every invoice.'
\echo
\echo '== 1. A conference opens its ledger'
\o /dev/null
\set ECHO queries
CREATE EXTENSION regpaydb;
SELECT regpaydb.create_ledger(conference_name => 'Gannet Conf 2026', currency => 'AUD');
\set ECHO none

SET search_path = public, regpaydb;
INSERT INTO staff (user_id) VALUES (900);       -- the treasurer

CREATE TEMP TABLE registration (user_id bigint, name text, ticket text, dinner boolean);
\copy registration FROM 'registrations.csv' (FORMAT csv, HEADER)

-- Everybody gets a random access code; Ada's is fixed so that it can be shown.
INSERT INTO attendee (user_id, recipient)
SELECT user_id, name
FROM registration
ORDER BY user_id;
UPDATE attendee SET access_code = 'ADAS-CODE' WHERE recipient = 'Ada Brandt';

CREATE TEMP TABLE price_list (item text, price numeric);
INSERT INTO price_list VALUES
	('Student ticket', 95.00), ('Enthusiast ticket', 320.00), ('Professional ticket', 640.00),
	('Conference dinner', 75.00);

SELECT manual_invoice(attendee_id, due => '30 days',
	lines => jsonb_agg(jsonb_build_object('description', item, 'price', price) ORDER BY price DESC))
FROM attendee
JOIN registration USING (user_id)
JOIN price_list ON item = ticket || ' ticket' OR (dinner AND item = 'Conference dinner')
GROUP BY attendee_id
ORDER BY attendee_id;
\o

\echo
\echo '36 people register, and each gets an invoice. This is Ada''s:'
SELECT invoice_id AS invoice, recipient, description, price, status
FROM invoice
JOIN line_item USING (invoice_id)
WHERE invoice_id = 1
ORDER BY line_item_id;

\echo '== 2. Ada''s employer looks at her invoice'
\echo 'Her employer is going to pay. Ada sends them a link that holds her access code;'
\echo 'it opens all of her invoices and nobody else''s:'
\set ECHO queries
SELECT invoice_for_access_code('ADAS-CODE') AS invoice_to_show,
       can_view(1, access_code => 'ADAS-CODE') AS right_code,
       can_view(1, access_code => 'WRONG-CODE') AS wrong_code,
       can_view(2, access_code => 'ADAS-CODE') AS bens_invoice;
\set ECHO none

\echo '== 3. Card payments'
\echo 'Ben''s browser sends his payment twice. Both times it carries the card processor''s'
\echo 'reference ch_1001, so one payment is made, and both calls return it:'
\set ECHO queries
SELECT pay(2, 320.00, 'Card 4242', 'cardpay', 'ch_1001') AS first_call,
       pay(2, 320.00, 'Card 4242', 'cardpay', 'ch_1001') AS second_call;
\set ECHO none

\echo 'Really paying again is refused, with an SQLSTATE (RP001) for the application:'
\set ON_ERROR_STOP off
\set ECHO queries
SELECT pay(2, 320.00, 'Card 1881', 'cardpay', 'ch_1002');
\set ECHO none
\set ON_ERROR_STOP on

\echo
\echo 'Farid can''t come and has not paid: his invoice is voided. Grace paid by card, but'
\echo 'her employer wants to pay instead: she gets her money back on her card.'
\o /dev/null
\set ECHO queries
SELECT void_invoice(6, reason => 'Can''t come');
SELECT pay(7, 640.00, 'Card 0005', 'cardpay', 'ch_1003');
SELECT refund_credit_note(refund_invoice(7, reason => 'Her employer pays'), 'Back to card 0005');
\set ECHO none
\o

\echo
\echo '== 4. The bank''s statement'
\echo 'bank-statement.csv holds 40 transfers, as people make them. It is copied into a'
\echo 'table that finds "INV 12" or "invoice 12" in their purpose. They have arrived, in'
\echo 'whatever state their invoices are, so record_payment() takes them, each once:'
CREATE TABLE bank_statement (
	line integer GENERATED ALWAYS AS IDENTITY,
	booking_date date,
	amount numeric(14,2),
	payer text,
	purpose text,
	transaction_id text,
	invoice_id bigint GENERATED ALWAYS AS
		(substring(purpose FROM '(?i)\minv(?:oice)?[ -]?(\d{1,9})\M')::bigint) STORED
);
\copy bank_statement (booking_date, amount, payer, purpose, transaction_id) FROM 'bank-statement.csv' (FORMAT csv, HEADER)
\set ON_ERROR_STOP off
\set ECHO queries
SELECT record_payment(invoice_id, amount, 'Transfer ' || transaction_id, 'bank', transaction_id, booking_date)
FROM bank_statement
JOIN invoice USING (invoice_id)
ORDER BY invoice_id, line;
\set ECHO none
\set ON_ERROR_STOP on
SELECT count(*) AS recorded FROM payment WHERE provider = 'bank' \gset
\echo
\echo That is SQLSTATE RP009. Two different transfers bear the word NONREF where others have
\echo a reference. :recorded payments were recorded, so that neither gets lost. The treasurer gives
\echo 'both of them a reference, by day and line, and runs it again:'
\set ECHO queries
UPDATE bank_statement SET transaction_id = booking_date || ' line ' || line
WHERE transaction_id = 'NONREF';
\set ECHO none
\o /dev/null
SELECT record_payment(invoice_id, amount, 'Transfer ' || transaction_id, 'bank', transaction_id, booking_date)
FROM bank_statement
JOIN invoice USING (invoice_id)
ORDER BY invoice_id, line;
SELECT count(*) AS recorded FROM payment WHERE provider = 'bank' \gset
SELECT record_payment(invoice_id, amount, 'Transfer ' || transaction_id, 'bank', transaction_id, booking_date)
FROM bank_statement
JOIN invoice USING (invoice_id)
ORDER BY invoice_id, line;
SELECT count(*) - :recorded AS more FROM payment WHERE provider = 'bank' \gset
\o
\echo -> :recorded payments. Once more, as if the file came twice: :more more.
\echo
\echo 'What the 40 transfers were, and the status of their invoices now:'
-- Each line of the statement, judged by what was paid on its invoice before.
WITH line AS (
	SELECT *, row_number() OVER (PARTITION BY transaction_id ORDER BY booking_date) AS copy
	FROM bank_statement
), recorded AS (
	SELECT provider_ref AS transaction_id, value - coalesce(sum(amount) OVER before, 0) AS due, value
	FROM payment
	JOIN invoice USING (invoice_id)
	WHERE kind = 'payment'
	WINDOW before AS (PARTITION BY invoice_id ORDER BY payment_id
		ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)
)
SELECT CASE
		WHEN status IS NULL THEN 'for no known invoice'
		WHEN copy > 1 THEN 'listed a second time'
		WHEN status IN ('void', 'refunded') THEN format('for a %s invoice', status)
		WHEN due <= 0 THEN 'for an invoice already paid'
		WHEN amount > due THEN 'more than was due'
		WHEN amount < due THEN 'a part of what was due'
		WHEN due < recorded.value THEN 'the rest of what was due'
		ELSE 'exactly what was due'
	END AS transfer,
	count(*), sum(amount) AS amount, string_agg(DISTINCT status::text, ' or ') AS invoices
FROM line
LEFT JOIN invoice USING (invoice_id)
LEFT JOIN recorded USING (transaction_id)
GROUP BY transfer
ORDER BY count(*) DESC, amount DESC;

\echo 'Three of them are for no known invoice. They wait for the treasurer:'
SELECT transaction_id, amount, payer, purpose
FROM bank_statement AS bank
WHERE NOT EXISTS (SELECT FROM payment WHERE provider = 'bank' AND provider_ref = bank.transaction_id)
ORDER BY transaction_id;

\echo 'She knows Julia, and enters her payment by hand, as user 900, who is staff; with the'
\echo 'bank''s reference, so that a second click, or the next load, does not record it again:'
\o /dev/null
\set ECHO queries
SELECT record_manual_payment(36, 640.00, 'Transfer NB260311-0026', entered_by => 900,
       provider => 'bank', provider_ref => 'NB260311-0026', value_date => '2026-03-11');
\set ECHO none
\o
\echo
\echo 'All invoices, after that:'
SELECT status, count(*) AS invoices, sum(value) AS billed, sum(paid) AS paid,
	sum(balance_due(invoice_id)) AS still_due
FROM invoice
GROUP BY status
ORDER BY status;

\echo '== 5. Credit notes'
\echo 'What an invoice could not take became a credit note by itself, which belongs to the'
\echo 'attendee. Ada''s employer, for one, had paid 751 for 715:'
SELECT credit_note_id AS note, invoice_id AS from_invoice, i.recipient AS owner, n.value, state
FROM credit_note AS n
JOIN payment ON payment_id = credit_note_id
JOIN invoice AS i USING (invoice_id)
ORDER BY note;

\echo 'Ada buys a T-shirt, too. Her new invoice takes her credit by itself. Lucia''s employer'
\echo 'had paid twice: she gives that credit to Rania, who still owes 340. What the invoices'
\echo 'do not need becomes new credit of Ada''s and of Lucia''s:'
SELECT credit_note_id AS note FROM credit_note WHERE attendee_id = 12 AND state = 'unclaimed' \gset
\o /dev/null
\set ECHO queries
SELECT manual_invoice(1, '30 days', '[{"description": "T-shirt", "price": 25.00}]');
SELECT apply_credit_note(:note, 18);
\set ECHO none
\o
SELECT credit_note_id AS note, owner.recipient AS owner, n.value,
	invoice_id AS to_invoice, i.recipient, i.status, available_credit(n.attendee_id) AS owners_credit
FROM credit_note_application
JOIN credit_note AS n USING (credit_note_id)
JOIN attendee AS owner USING (attendee_id)
JOIN payment USING (payment_id)
JOIN invoice AS i USING (invoice_id)
ORDER BY note;

\echo '== 6. A cancellation'
\echo 'Tove can''t come after all. Where the site acts for her, user 120, it can give her'
\echo 'nothing back, whatever it tries (SQLSTATE RP010):'
\set ON_ERROR_STOP off
\set ECHO queries
SET regpaydb.user_id = 120;
INSERT INTO payment (invoice_id, amount, reference) VALUES (20, -715.00, 'All of it back');
\set ECHO none
\set ON_ERROR_STOP on
\echo
\echo 'The treasurer refunds Tove''s invoice of 715 into a credit note, from which a fee of'
\echo '10 % is taken. That she did it, and why, is kept:'
\o /dev/null
\set ECHO queries
SET regpaydb.user_id = 900;
SELECT cancellation_fee(refund_invoice(20, reason => 'Cancelled'), percentage => 10);
\set ECHO none
\o
SELECT credit_note_id AS note, invoice_id AS fee_invoice
FROM credit_note AS n
JOIN payment ON payment_id = credit_note_id
WHERE attendee_id = 20 AND state = 'unclaimed' \gset
\echo
\echo Invoice :fee_invoice is the fee. The rest, note :note, is paid back. What else the application
\echo 'knows of that goes into a table of its own, in the same transaction:'
\set ECHO queries
CREATE TABLE bank_refund (credit_note_refund_id bigint PRIMARY KEY REFERENCES credit_note_refund,
                          payment_order text NOT NULL);
INSERT INTO bank_refund VALUES (refund_credit_note(:note, 'Gannet Conf refund'), 'PO-31');
\set ECHO none
RESET regpaydb.user_id;
SELECT invoice_id AS from_invoice, i.status, i.closed_by, closed_reason,
	credit_note_id AS note, n.value, n.state, r.entered_by AS paid_back_by, payment_order
FROM credit_note AS n
JOIN payment ON payment_id = credit_note_id
JOIN invoice AS i USING (invoice_id)
LEFT JOIN credit_note_refund AS r USING (credit_note_id)
LEFT JOIN bank_refund USING (credit_note_refund_id)
WHERE n.attendee_id = 20
ORDER BY note;

\echo '== 7. A ticket rush'
\o /dev/null
INSERT INTO category (name) VALUES ('Extra');
INSERT INTO product (category_id, name, price, stock) VALUES
	(1, 'Workshop', 60.00, 5), (1, 'Boat trip', 45.00, NULL);
\echo 'A workshop has five seats. Uma, Viktor, Wanjiru, Xavier and Yuki put one into their'
\echo 'carts, where it is theirs for an hour. Zara is the sixth, and gets SQLSTATE RP005:'
\set ON_ERROR_STOP off
\set ECHO queries
SELECT set_quantity(current_cart(attendee_id), product_id => 1, quantity => 1)
FROM generate_series(21, 25) AS attendee_id;
SELECT set_quantity(current_cart(26), product_id => 1, quantity => 1);
\set ECHO none
\set ON_ERROR_STOP on

SELECT invoice_cart(current_cart(21)) AS invoice \gset
\echo
\echo Uma gets invoice :invoice for her seat, and pays it. But before her money is here, she adds
\echo 'the boat trip, which voids the invoice at once. The money becomes credit; her new'
\echo 'invoice takes that by itself, and she pays the rest by card:'
\set ECHO queries
SELECT set_quantity(current_cart(21), product_id => 2, quantity => 1);
SELECT record_payment(:invoice, 60.00, 'Transfer NB260320-0007', 'bank', 'NB260320-0007');
SELECT pay(invoice_cart(current_cart(21)), 45.00, 'Card 7007');
\set ECHO none
\o
SELECT invoice_id AS invoice, i.status, value AS billed, paid,
	string_agg(format('%s %s', kind, amount), ', ' ORDER BY payment_id) AS payments
FROM invoice AS i
JOIN payment USING (invoice_id)
WHERE cart_id IS NOT NULL
GROUP BY invoice_id
ORDER BY invoice_id;
\o /dev/null
\echo 'The workshop moves to a larger room, and Zara tries again:'
\set ECHO queries
UPDATE product SET stock = 7 WHERE name = 'Workshop';
SELECT set_quantity(current_cart(26), product_id => 1, quantity => 1);
\set ECHO none
\o
\echo
\echo 'What there is, is free, reserved or sold:'
SELECT name, product_stock.stock, free, reserved, sold
FROM product_stock
JOIN product USING (product_id)
ORDER BY product_id;

\echo '== 8. A change of plans'
\echo 'Aoife takes the last seat of the workshop. Uma, whose invoice is paid, can''t join the'
\echo 'boat trip: the treasurer takes that back, and pays it out. Her seat in the workshop is'
\echo 'never free meanwhile, so Bruno, who waits for one, gets none (SQLSTATE RP005):'
SELECT invoice_id AS invoice, jsonb_build_array(jsonb_build_object('line_item_id', line_item_id)) AS items
FROM invoice
JOIN line_item USING (invoice_id)
WHERE attendee_id = 21 AND status = 'paid' AND description = 'Extra - Boat trip' \gset
\o /dev/null
\set ON_ERROR_STOP off
\set ECHO queries
SELECT set_quantity(current_cart(27), product_id => 1, quantity => 1);
SET regpaydb.user_id = 900;
SELECT refund_credit_note(return_items(:invoice, :'items', reason => 'Seasick'), 'Back to card 7007');
RESET regpaydb.user_id;
SELECT set_quantity(current_cart(28), product_id => 1, quantity => 1);
\set ECHO none
\set ON_ERROR_STOP on
\o
\echo
\echo 'What she keeps is on an invoice of its own, at the price that she paid:'
SELECT i.invoice_id AS invoice, i.status, value AS billed, paid, replaces, closed_reason,
	string_agg(description, ', ' ORDER BY line_item_id) AS lines
FROM invoice AS i
JOIN line_item USING (invoice_id)
WHERE attendee_id = 21 AND cart_id IS NOT NULL
GROUP BY i.invoice_id
ORDER BY i.invoice_id;

\echo 'Ewa would rather join the boat trip than the dinner. One is returned and the other'
\echo 'bought in one transaction. Her new invoice takes her credit by itself:'
SELECT invoice_id AS invoice, jsonb_build_array(jsonb_build_object('line_item_id', line_item_id)) AS items
FROM invoice
JOIN line_item USING (invoice_id)
WHERE attendee_id = 5 AND status = 'paid' AND description = 'Conference dinner' \gset
\o /dev/null
\set ECHO queries
BEGIN;
SELECT return_items(:invoice, :'items', reason => 'Boat trip instead');
SELECT set_quantity(current_cart(5), product_id => 2, quantity => 1);
SELECT invoice_cart(current_cart(5));
COMMIT;
\set ECHO none
\o
SELECT i.invoice_id AS invoice, i.status, value AS billed, paid, replaces,
	string_agg(description, ', ' ORDER BY line_item_id) AS lines
FROM invoice AS i
JOIN line_item USING (invoice_id)
WHERE attendee_id = 5
GROUP BY i.invoice_id
ORDER BY i.invoice_id;

SELECT available_credit(5) AS ewas_credit;

\echo '== 9. Money goes back'
\echo 'Hana pays by card, and then can''t come. But for a fee of 10 %, she gets her money back on'
\echo 'that card. The card processor has to do that, and may refuse: it is requested first.'
\o /dev/null
\set ECHO queries
SELECT pay(34, 320.00, 'Card 3434', 'cardpay', 'ch_1004');
SET regpaydb.user_id = 900;
SELECT cancellation_fee(refund_invoice(34, reason => 'Cancelled'), percentage => 10);
\set ECHO none
\o
SELECT credit_note_id AS note FROM credit_note WHERE attendee_id = 34 AND state = 'unclaimed' \gset
\echo
\echo The rest is note :note. Whose charge was that money, and how much can go back to it?
\set ECHO queries
SELECT * FROM refund_sources(:note);
\set ECHO none
\o /dev/null
\set ECHO queries
SELECT request_refund(:note, 'Gannet Conf refund');
\set ECHO none
\o
SELECT credit_note_refund_id AS refund FROM credit_note_refund WHERE credit_note_id = :note \gset
\echo
\echo From now on nobody can use the note. A worker asks the processor, with the number of
\echo refund :refund as key, so that the processor makes it once, however often it is asked. The
\echo processor says that the card has expired:
\o /dev/null
\set ECHO queries
SELECT fail_refund(:refund, 'Card has expired');
\set ECHO none
\o
SELECT credit_note_id AS note FROM credit_note WHERE attendee_id = 34 AND state = 'unclaimed' \gset
\echo
\echo The money is a credit note again, note :note. Hana names a bank account, the treasurer
\echo 'requests it anew, pays it out, and confirms it with the bank''s reference:'
\o /dev/null
\set ECHO queries
SELECT confirm_refund(request_refund(:note, 'Gannet Conf refund', parts => '[]'), 'bank', 'NB260330-0002');
\set ECHO none
RESET regpaydb.user_id;
\o
SELECT credit_note_refund_id AS refund, credit_note_id AS note, value, state, provider_ref, failure_reason
FROM report_credit_note_refunds
WHERE attendee_id = 34
ORDER BY refund;

\echo 'Ben''s ticket was paid twice, by his card and by a transfer, which left him a credit of'
\echo '320. Now his bank takes the card''s money back (a chargeback). The processor tells it'
\echo 'twice. His credit goes, and his ticket stays, paid by the transfer:'
\set ECHO queries
SELECT record_reversal('cardpay', 'ch_1001', 320.00, 'dp_7', 'Chargeback') AS first_call,
       record_reversal('cardpay', 'ch_1001', 320.00, 'dp_7', 'Chargeback') AS second_call;
\set ECHO none
SELECT invoice_id AS invoice, recipient, status, value AS billed, paid, available_credit(attendee_id) AS credit
FROM invoice
WHERE attendee_id = 2;

\echo 'Where is the money of the card payments now?'
\set ECHO queries
SELECT provider_ref, payment_summary(provider, provider_ref)
FROM payment
WHERE provider = 'cardpay'
ORDER BY provider_ref;
\set ECHO none

\echo '== 10. Telling others'
\echo 'All that happened is in the outbox, too. A mailer takes it from there:'
\set ECHO queries
WITH taken AS (
    DELETE FROM outbox WHERE outbox_id IN (
        SELECT outbox_id FROM outbox ORDER BY outbox_id LIMIT 1000 FOR UPDATE SKIP LOCKED)
    RETURNING kind)
SELECT kind, count(*) FROM taken GROUP BY kind ORDER BY kind;
\set ECHO none

\echo '== 11. Does it add up?'
\echo 'All money that came in is on an invoice, in a credit note, paid back, or was taken back:'
SELECT came_in, on_invoices, in_credit_notes, paid_back, taken_back,
	came_in - on_invoices - in_credit_notes - paid_back - taken_back AS difference
FROM (SELECT
	(SELECT sum(amount) FROM payment WHERE kind IN ('payment', 'manual')) AS came_in,
	(SELECT sum(paid) FROM invoice) AS on_invoices,
	(SELECT sum(value) FROM credit_note WHERE state = 'unclaimed') AS in_credit_notes,
	(SELECT sum(value) FROM report_credit_note_refunds WHERE state = 'done') AS paid_back,
	(SELECT -sum(amount) FROM payment WHERE kind = 'reversal') AS taken_back) AS money;

SELECT coalesce(string_agg(object || ': ' || problem, E'\n'), 'No problems found') AS check_integrity
FROM check_integrity();
