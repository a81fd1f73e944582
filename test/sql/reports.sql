-- Reports, by figures that can be checked by hand.  The generated conference of
-- test/t/reports.pl has the large ones.
SET client_min_messages = warning;
SET TimeZone = 'UTC';
SET DateStyle = 'ISO';

-- All reports of a ledger, one line for each row.
CREATE FUNCTION test.count_reports() RETURNS TABLE (report name, number bigint)
	LANGUAGE plpgsql AS $$
BEGIN
	FOR report IN SELECT relname FROM pg_class
		WHERE relnamespace = current_schema()::regnamespace AND relkind = 'v' AND starts_with(relname, 'report_')
		ORDER BY relname
	LOOP
		EXECUTE format('SELECT count(*) FROM %I', report) INTO number;
		RETURN NEXT;
	END LOOP;
END $$;

-- ---------------------------------------------------------------------------
-- An empty ledger
-- ---------------------------------------------------------------------------
SELECT regpaydb.create_ledger('reports_empty');
SET regpaydb.ledger = 'reports_empty';
SET search_path = reports_empty;
SELECT * FROM test.count_reports();
\x on
SELECT * FROM report_sales_and_payments;
SELECT * FROM report_outbox_lag;
SELECT * FROM regpaydb.reconciliation(now());
\x off

-- ---------------------------------------------------------------------------
-- A small conference
-- ---------------------------------------------------------------------------
-- Some payments of days long ago, so that the sums of a day can be told: as from
-- a backup, since new ones are of today.  Times that now() gives are not shown.
SELECT test.new_shop('reports');
UPDATE conference SET auto_apply_credit = false;

-- Invoice 1: Alice's, 100.00 + 2 * 25.50 - 10.00 = 141.00, paid in two parts on
-- one day and by hand on the next, 9.00 too much: note 4.
SELECT test.fill(1, 1) AS cart_id, test.fill(1, 3, 2) AS cart_id;
INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES (1, 1, 'Early bird', 1, 10.00);
SELECT regpaydb.invoice_cart(1) AS invoice_id;
SET session_replication_role = replica;
INSERT INTO payment (invoice_id, amount, "time", reference, provider, provider_ref) VALUES
	(1, 50.00, '2001-03-01 09:00+00', 'card 1', 'stripe', 'ch_1'),
	(1, 70.00, '2001-03-01 23:00+00', 'card 2', 'stripe', 'ch_2');
INSERT INTO payment (invoice_id, kind, amount, "time", reference, entered_by)
	VALUES (1, 'manual', 30.00, '2001-03-02 01:00+00', 'cash', 900);
RESET session_replication_role;
SELECT regpaydb.update_status(1);
-- Invoice 2: Alice's, 5.00, paid by note 4; the rest, 4.00, is note 6.
SELECT test.invoice(1, 5.00) AS invoice_id;
SELECT regpaydb.apply_credit_note(4, 2) AS payment_id;
-- Invoice 3: Bob's, a student ticket for 40.00, paid and refunded: note 8, which
-- is paid out.
SELECT test.fill(2, 2) AS cart_id, regpaydb.invoice_cart(2) AS invoice_id;
SELECT regpaydb.pay(3, 40.00, 'transfer', 'bank', 'b-1') AS payment_id;
SELECT regpaydb.refund_invoice(3) AS credit_note_id, regpaydb.refund_credit_note(8, 'back to the bank', 900) AS refund_id;
-- Invoice 4: Bob's, of no value; paid at once.
SELECT test.invoice(2, 0) AS invoice_id;
-- Invoice 5: Bob's, 60.00, of which 20.00 are paid and 5.00 of that given back.
SELECT test.invoice(2, 60.00) AS invoice_id, regpaydb.pay(5, 20.00, 'part') AS payment_id;
SELECT regpaydb.record_manual_payment(5, -5.00, 'a mistake', 900) AS payment_id;
-- Invoice 6: Carol's, 10.00; Alice's note 6 pays for part of it.
SELECT test.invoice(3, 10.00) AS invoice_id, regpaydb.apply_credit_note(6, 6) AS payment_id;
-- Invoice 7: Carol's, void; late money: note 13.
SELECT test.invoice(3, 7.00) AS invoice_id;
SELECT regpaydb.void_invoice(7);
INSERT INTO payment (invoice_id, amount, reference) VALUES (7, 7.00, 'late');
-- Cart 3: Carol's, not invoiced yet: dinner and two badges, one of them free.
SELECT test.fill(3, 5) AS cart_id, test.fill(3, 6, 2) AS cart_id;
INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES (3, 5, 'Speaker', 1, 75.00);
SELECT invoice_id, attendee_id, status, value, paid FROM invoice ORDER BY invoice_id;
SELECT * FROM regpaydb.check_integrity();

SELECT * FROM test.count_reports();

-- Sales: 141.00 + 5.00 + 0.00; payments: those, and 15.00 + 4.00 in part.
-- Received: 150.00 + 40.00 + 20.00 - 5.00 + 7.00.
-- Notes: 9.00 and 4.00 applied, 40.00 refunded, 7.00 unclaimed.
\x on
SELECT * FROM report_sales_and_payments;
SELECT * FROM regpaydb.reconciliation(now());
\x off
SELECT * FROM report_items_sold ORDER BY description, price;
SELECT invoice_id, status, attendee_id, user_id, recipient, category, product, description, quantity, price, total
	FROM report_product_line_items ORDER BY line_item_id;
-- Four became paid, among them the one that was refunded.
SELECT date > '2002-01-01' AS now, invoices, value, still_paid, still_paid_value FROM report_paid_invoices_by_date;
-- Before and after Carol's reservation lapses.
SELECT product, price, stock, paid, reserved, unreserved, refunded, available FROM report_product_status ORDER BY product_id;
SELECT * FROM report_discount_status ORDER BY description;
BEGIN;
SELECT test.lapse(3);
SELECT product, stock, paid, reserved, unreserved, refunded, available FROM report_product_status WHERE product_id IN (5, 6) ORDER BY product_id;
SELECT * FROM report_discount_status WHERE product_id = 5;
ROLLBACK;

SELECT invoice_id, attendee_id, user_id, recipient, status, value, paid, due, payment_count, cart_id,
	paid_time IS NOT NULL AS was_paid, closed_time IS NOT NULL AS closed FROM report_invoices ORDER BY invoice_id;
SELECT payment_id, kind, amount, reference, provider, provider_ref, entered_by, invoice_id, invoice_status, attendee_id, recipient
	FROM report_payments ORDER BY payment_id;
-- 120.00 on the first of March, 30.00 on the second; in Sydney, where the second
-- begins at 13:00 UTC, 50.00 and 100.00.
SELECT * FROM report_received_by_day WHERE date < '2002-01-01' ORDER BY date, kind, provider;
SELECT kind, provider, payments, amount, reference_list, more_references FROM report_received_by_day
	WHERE date > '2002-01-01' ORDER BY kind, provider;
BEGIN;
SET LOCAL TimeZone = 'Australia/Sydney';
SELECT date, kind, payments, amount FROM report_received_by_day WHERE date < '2002-01-01' ORDER BY date, kind, provider;
ROLLBACK;
SELECT date, kind, provider, provider_ref, reference, amount, payment_id, reversal_id, invoice_id, entered_by
	FROM report_received WHERE "time" < '2002-01-01' ORDER BY payment_id;
-- A row of a day is short, however many payments it has; those of one day are found by an
-- index.
BEGIN;
INSERT INTO payment (invoice_id, amount, provider, provider_ref)
	SELECT 7, 1.00, 'bulk', 'x' || lpad(n::text, 4, '0') FROM generate_series(1, 1000) n;
SELECT kind, provider, payments, amount, reference_list, more_references FROM report_received_by_day
	WHERE provider = 'bulk';
SELECT max(length(r::text)) < 250 AS short FROM report_received_by_day r;
SET LOCAL enable_seqscan = off;
CREATE FUNCTION test.indexes(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		RETURN QUERY SELECT match[1] FROM regexp_matches(line, '(?:using|on) (\w+_(?:idx|key|pkey))') match;
	END LOOP;
END $$;
SELECT DISTINCT test.indexes('SELECT * FROM report_received WHERE "time" >= ''2001-03-01'' AND "time" < ''2001-03-02''') ORDER BY 1;
ROLLBACK;
SELECT credit_note_id, attendee_id, owner, value, state, status, from_invoice_id, to_invoice_id,
	claim_time IS NOT NULL AS claimed FROM report_credit_notes ORDER BY credit_note_id;
SELECT credit_note_refund_id, credit_note_id, value, reference, entered_by, attendee_id, owner FROM report_credit_note_refunds;
SELECT credit_note_id, owner, value, from_invoice_id, invoice_status, days, bucket FROM report_unclaimed_ageing;

-- Alice owes nothing: Carol had her last 4.00.
SELECT attendee_id, entry_number, entry, invoice_id, credit_note_id, reference, amount, balance
	FROM report_attendee_statement WHERE attendee_id = 1;
SELECT attendee_id, entry_number, entry, invoice_id, credit_note_id, reference, amount, balance
	FROM report_attendee_statement WHERE attendee_id <> 1;

CREATE FUNCTION test.overdue(age interval) RETURNS TABLE (days integer, bucket text) LANGUAGE plpgsql AS $$
BEGIN
	UPDATE invoice SET due_time = now() - age WHERE invoice_id = 5;
	RETURN QUERY SELECT o.days, o.bucket FROM report_overdue_ageing o WHERE o.invoice_id = 5;
END $$;
-- Nothing is overdue but what has been due for days.
SELECT invoice_id FROM report_overdue_ageing;
BEGIN;
UPDATE invoice SET due_time = now() - interval '31 days 1 hour' WHERE invoice_id = 5;
UPDATE invoice SET due_time = now() - interval '1 minute' WHERE invoice_id IN (1, 6, 7);
SELECT invoice_id, recipient, value, paid, due, days, bucket FROM report_overdue_ageing ORDER BY invoice_id;
SELECT age, o.days, o.bucket FROM unnest('{30 days,31 days,60 days 23:00,61 days,90 days 23:00,91 days,4000 days}'::interval[]) age,
	test.overdue(age) o;
ROLLBACK;
SELECT waiting = (SELECT count(*) FROM outbox) AS waiting, oldest_time = (SELECT min("time") FROM outbox) AS oldest,
	lag < interval '1 minute' AS lag FROM report_outbox_lag;

-- ---------------------------------------------------------------------------
-- invoice_document
-- ---------------------------------------------------------------------------
CREATE FUNCTION test.document(id bigint) RETURNS text LANGUAGE sql AS $$
	SELECT regexp_replace(jsonb_pretty(regpaydb.invoice_document(id)), '"20[0-9T:.+-]+"', '"TIME"', 'g')
$$;
\t on
\pset format unaligned
SELECT test.document(1);
SELECT test.document(3);
SELECT test.document(4);
\pset format aligned
\t off
-- A document's totals are those of its parts.
SELECT count(*) FROM invoice i, LATERAL regpaydb.invoice_document(i.invoice_id) d
WHERE (d -> 'totals' ->> 'value')::numeric = (SELECT coalesce(sum((l ->> 'total')::numeric), 0) FROM jsonb_array_elements(d -> 'lines') l)
	AND (d -> 'totals' ->> 'paid')::numeric = (SELECT coalesce(sum((p ->> 'amount')::numeric), 0) FROM jsonb_array_elements(d -> 'payments') p);

-- ---------------------------------------------------------------------------
-- reconciliation: as of any time
-- ---------------------------------------------------------------------------
SELECT t, money_received, on_paid_invoices, part_payments, credit_notes_unclaimed, credit_notes_refunded, difference
FROM (VALUES ('-infinity'), ('2001-03-01 08:59:59.999999+00'), ('2001-03-01 09:00+00'), ('2001-03-02 00:00+00'),
	('2001-03-02 01:00+00'), ('infinity')) v (t), regpaydb.reconciliation(t::timestamptz);

-- A transaction that claims a note may have begun before the one that made it:
-- the claims of notes 4 and 8 are one minute older than these.  There is no
-- difference as of any time, and nothing is claimed before it is there.
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE payment SET "time" = '2001-01-01 09:00' WHERE payment_id IN (1, 2, 3, 7);
UPDATE payment SET "time" = '2001-01-01 10:01' WHERE payment_id IN (4, 8);
UPDATE payment SET "time" = '2001-01-01 10:00' WHERE payment_id = 5;
UPDATE credit_note_refund SET "time" = '2001-01-01 10:00';
SELECT to_char(t, 'HH24:MI') AS t, money_received, on_paid_invoices, part_payments, credit_notes_unclaimed, credit_notes_refunded, difference
FROM generate_series('2001-01-01 09:58'::timestamptz, '2001-01-01 10:02', '1 minute') t, regpaydb.reconciliation(t);
ROLLBACK;

-- What does not agree makes a difference.
CREATE FUNCTION test.difference(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('session_replication_role', 'replica', true);
	EXECUTE statement;
	SELECT format('%s, %s', r.difference, s.credit_notes_difference) INTO result
	FROM regpaydb.reconciliation('infinity') r, report_sales_and_payments s;
	RAISE EXCEPTION USING ERRCODE = 'T0000', MESSAGE = result;
EXCEPTION WHEN SQLSTATE 'T0000' THEN
	PERFORM set_config('session_replication_role', 'origin', true);
	RETURN SQLERRM;
END $$;
SELECT statement, test.difference(statement) FROM (VALUES
	(1, 'SELECT 1'),
	(2, 'UPDATE credit_note SET value = value + 1 WHERE credit_note_id = 13'),
	(3, 'DELETE FROM credit_note WHERE credit_note_id = 13'),
	(4, 'UPDATE payment SET amount = amount - 2 WHERE payment_id = 13'),
	(5, 'UPDATE payment SET amount = amount + 3 WHERE payment_id = 5'),
	(6, 'INSERT INTO credit_note_refund (credit_note_id) VALUES (4)'),
	(7, 'DELETE FROM credit_note_application WHERE credit_note_id = 4')
) s (n, statement) ORDER BY n;

-- ---------------------------------------------------------------------------
-- Who may see what
-- ---------------------------------------------------------------------------
SELECT test.raises(call) FROM (VALUES (1, 'SELECT regpaydb.reconciliation(NULL)'), (2, 'SELECT regpaydb.invoice_document(NULL)'),
	(3, 'SELECT regpaydb.invoice_document(99)')) c (n, call) ORDER BY n;

-- For an actor: her own invoices, and the ledger's sums for staff.
CREATE FUNCTION test.for_actor(actor text, code text) RETURNS TABLE (invoice_1 text, invoice_3 text, sums text)
	LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('regpaydb.user_id', actor, true), set_config('regpaydb.access_code', code, true);
	RETURN QUERY SELECT test.raises('SELECT regpaydb.invoice_document(1)'), test.raises('SELECT regpaydb.invoice_document(3)'),
		test.raises('SELECT regpaydb.reconciliation(now())');
	PERFORM set_config('regpaydb.user_id', '', true), set_config('regpaydb.access_code', '', true);
END $$;
\x on
SELECT actor, code, f.* FROM (VALUES (1, '', ''), (2, '101', ''), (3, '', 'ALICES-CODE'), (4, '900', ''), (5, '900', 'ALICES-CODE'), (6, '555', ''))
	a (n, actor, code), test.for_actor(actor, code) f ORDER BY n;
\x off

-- The functions need the privileges to read what they tell; the reports read as
-- whoever asks, under that role's policies.
DROP ROLE IF EXISTS regress_reader;
CREATE ROLE regress_reader;
GRANT USAGE ON SCHEMA regpaydb, reports, test TO regress_reader;
GRANT EXECUTE ON FUNCTION regpaydb.reconciliation, regpaydb.invoice_document, test.raises TO regress_reader;
CREATE FUNCTION test.as_reader() RETURNS TABLE (sums text, document text, report text)
	LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL ROLE regress_reader;
	RETURN QUERY SELECT test.raises('SELECT regpaydb.reconciliation(now())'), test.raises('SELECT regpaydb.invoice_document(1)'),
		test.raises('SELECT FROM report_invoices');
	RESET ROLE;
END $$;
BEGIN;
SELECT * FROM test.as_reader();
GRANT SELECT ON payment TO regress_reader;
SELECT * FROM test.as_reader();
GRANT SELECT ON invoice TO regress_reader;
SELECT * FROM test.as_reader();
GRANT SELECT ON credit_note TO regress_reader;
SELECT * FROM test.as_reader();
GRANT SELECT ON line_item TO regress_reader;
SELECT * FROM test.as_reader();
GRANT SELECT ON report_invoices TO regress_reader;
SELECT * FROM test.as_reader();
GRANT SELECT ON attendee TO regress_reader;
SELECT * FROM test.as_reader();
ROLLBACK;

BEGIN;
GRANT SELECT ON ALL TABLES IN SCHEMA reports TO regress_reader;
ALTER TABLE invoice ENABLE ROW LEVEL SECURITY;
ALTER TABLE credit_note ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_invoices ON invoice TO regress_reader USING (attendee_id = 1);
CREATE POLICY own_notes ON credit_note TO regress_reader USING (attendee_id = 1);
ALTER TABLE payment ENABLE ROW LEVEL SECURITY;
CREATE POLICY own_payments ON payment TO regress_reader USING (EXISTS (
	SELECT FROM invoice i WHERE i.invoice_id = payment.invoice_id));
SET LOCAL ROLE regress_reader;
SELECT items_on_paid_invoices, part_payments FROM report_sales_and_payments;
SELECT DISTINCT attendee_id FROM report_invoices;
SELECT DISTINCT attendee_id FROM report_payments;
SELECT DISTINCT attendee_id FROM report_product_line_items;
-- Carol's invoice, which Alice's note went to, is not seen; that it did, is.
SELECT attendee_id, entry, invoice_id, amount, balance FROM report_attendee_statement;
SELECT credit_note_id, status, from_invoice_id, to_invoice_id, claim_time IS NULL AS hidden FROM report_credit_notes ORDER BY 1;
SELECT sum(invoices), sum(value) FROM report_paid_invoices_by_date;
ROLLBACK;

-- The functions call nothing that is planted in the caller's search_path.
CREATE SCHEMA reports_hostile;
SET search_path = reports_hostile, pg_catalog;
CREATE FUNCTION planted_number(numeric, numeric) RETURNS numeric LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$;
DO $$
DECLARE
	type text;
	operator text;
BEGIN
	FOREACH type IN ARRAY '{bigint,timestamptz,numeric,regpaydb.invoice_status,regpaydb.payment_kind}'::text[] LOOP
		EXECUTE format('CREATE FUNCTION planted(%s, %1$s) RETURNS boolean LANGUAGE plpgsql AS $f$ BEGIN RAISE ''planted''; END $f$', type);
		FOREACH operator IN ARRAY '{=,<>,<,<=,>,>=}'::text[] LOOP
			EXECUTE format('CREATE OPERATOR %s (leftarg = %s, rightarg = %2$s, function = planted)', operator, type);
		END LOOP;
	END LOOP;
END $$;
CREATE OPERATOR - (leftarg = numeric, rightarg = numeric, function = planted_number);
CREATE OPERATOR * (leftarg = numeric, rightarg = numeric, function = planted_number);
CREATE AGGREGATE sum(numeric) (sfunc = planted_number, stype = numeric);
CREATE FUNCTION planted_json(jsonb, jsonb) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN RAISE 'planted'; END $$;
CREATE AGGREGATE jsonb_agg(jsonb) (sfunc = planted_json, stype = jsonb);
SELECT test.raises('SELECT 2.0 - 1.0'), test.raises('SELECT now() <= now()');
SELECT difference FROM regpaydb.reconciliation('infinity');
SELECT length(regpaydb.invoice_document(1)::text) OPERATOR(pg_catalog.>) 500 AS document;
SET search_path = reports;
DROP SCHEMA reports_hostile CASCADE;

-- They write nothing.
BEGIN READ ONLY;
SELECT count(*) FROM test.count_reports();
SELECT difference FROM regpaydb.reconciliation(now());
SELECT regpaydb.invoice_document(1) ->> 'status';
-- Nor do they keep anybody from writing.
SELECT DISTINCT mode FROM pg_locks WHERE pid = pg_backend_pid() AND locktype = 'relation';
ROLLBACK;

DROP FUNCTION test.count_reports, test.overdue, test.document, test.difference, test.for_actor, test.as_reader;
DROP OWNED BY regress_reader;
DROP ROLE regress_reader;
