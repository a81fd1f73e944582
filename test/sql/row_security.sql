-- Row-level security: a role with access app sees in the tables what the actor of
-- the settings may view, whatever way it looks.
SET client_min_messages = warning;
SELECT test.new_ledger('rls');
UPDATE conference SET auto_apply_credit = false;
DROP ROLE IF EXISTS regress_app, regress_reports, regress_hand;
CREATE ROLE regress_app NOLOGIN;
CREATE ROLE regress_reports NOLOGIN;
CREATE ROLE regress_hand NOLOGIN;
GRANT USAGE ON SCHEMA test TO regress_app, regress_reports, regress_hand;
SELECT regpaydb.grant_access('regress_app', 'app'), regpaydb.grant_access('regress_reports', 'reports');
GRANT USAGE ON SCHEMA rls TO regress_hand;
GRANT SELECT, DELETE ON ALL TABLES IN SCHEMA rls TO regress_hand;

-- Alice (user 101) and Bob (102) have something of everything; 900 is staff.
INSERT INTO category (name) VALUES ('Ticket');
INSERT INTO product (category_id, name, price, stock) VALUES (1, 'Seat', 100, 50);
DO $$
BEGIN
	FOR a IN 1 .. 2 LOOP
		PERFORM regpaydb.set_quantity(regpaydb.current_cart(a), 1, 1);
		INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount)
			VALUES (regpaydb.current_cart(a), 1, 'Speaker', 1, 10);
		PERFORM regpaydb.pay(regpaydb.invoice_cart(regpaydb.current_cart(a)), 100, 'over');
		PERFORM regpaydb.refund_credit_note((SELECT max(credit_note_id) FROM credit_note), 'back');
		PERFORM regpaydb.pay(test.invoice(a, 20), 50, 'over');
		PERFORM regpaydb.apply_credit_note((SELECT max(credit_note_id) FROM credit_note), test.invoice(a, 25));
		PERFORM test.invoice(a, 33);
		PERFORM regpaydb.record_payment((SELECT max(invoice_id) - 2 FROM invoice), 7, '', 'bank', 'p' || a);
		PERFORM regpaydb.record_reversal('bank', 'p' || a, 7, 'r' || a);
	END LOOP;
END $$;
-- A row per table and view: how many rows each shows, and how many of Bob's.
CREATE FUNCTION test.sees() RETURNS TABLE (relation text, rows bigint, alices bigint) LANGUAGE plpgsql AS $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT c.relname, EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'attendee_id'
				AND has_column_privilege(c.oid, a.attnum, 'SELECT')) AS by_attendee,
			EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'invoice_id') AS by_invoice,
			EXISTS (SELECT FROM pg_attribute a WHERE a.attrelid = c.oid AND a.attname = 'cart_id') AS by_cart
			FROM pg_class c
			WHERE c.relnamespace = 'rls'::regnamespace AND relkind IN ('r', 'v') AND relname !~ '^report_'
				AND has_any_column_privilege(c.oid, 'SELECT') ORDER BY c.relname LOOP
		relation := r.relname;
		EXECUTE format('SELECT count(*), %s FROM rls.%I',
			CASE WHEN r.by_attendee THEN 'count(*) FILTER (WHERE attendee_id = 1)'
				WHEN r.by_invoice THEN 'count(*) FILTER (WHERE invoice_id <= 4)'
				WHEN r.by_cart THEN 'count(*) FILTER (WHERE cart_id = 1)' ELSE 'NULL' END, r.relname)
			INTO rows, alices;
		RETURN NEXT;
	END LOOP;
END $$;
SELECT * FROM test.sees();

SET ROLE regress_app;
-- Nobody in particular sees what is everybody's.
SELECT * FROM test.sees() WHERE rows > 0;
BEGIN;
SELECT set_config('regpaydb.user_id', '101', true);
SELECT * FROM test.sees();
-- Whoever holds her code sees the same, and with both, both are seen.
SELECT set_config('regpaydb.user_id', '', true), set_config('regpaydb.access_code', 'ALICES-CODE', true);
SELECT relation, rows, alices FROM test.sees() WHERE rows <> alices;
SELECT sum(rows) FROM test.sees() WHERE alices IS NOT NULL;
SELECT set_config('regpaydb.user_id', '102', true);
SELECT relation, rows, alices FROM test.sees() WHERE rows <> alices;
-- Staff sees all, a wrong code and an unknown user nothing.
SELECT set_config('regpaydb.user_id', '900', true), set_config('regpaydb.access_code', '', true);
SELECT * FROM test.sees();
SELECT set_config('regpaydb.user_id', '666', true), set_config('regpaydb.access_code', 'ALICES-COD', true);
SELECT * FROM test.sees() WHERE rows > 0;
SELECT set_config('regpaydb.user_id', 'robert''); --', true);
SELECT test.raises('SELECT * FROM invoice');
COMMIT;
-- After the transaction nobody is anybody again.
SELECT * FROM test.sees() WHERE rows > 0;
RESET ROLE;

-- Agrees with can_view, for everybody and every invoice.
CREATE TABLE test.viewer AS SELECT * FROM (VALUES ('101', ''), ('102', ''), ('900', ''), ('666', ''), ('', 'ALICES-CODE'),
	('', 'BOBS-CODE'), ('101', 'BOBS-CODE'), ('900', 'ALICES-CODE'), ('', 'nonsense'), ('666', 'ALICES-CODE')) v (user_id, code);
GRANT SELECT ON test.viewer TO regress_app;
CREATE FUNCTION test.visible(viewing_user text, viewing_code text) RETURNS bigint[] LANGUAGE plpgsql AS $$
BEGIN
	PERFORM set_config('regpaydb.user_id', viewing_user, true), set_config('regpaydb.access_code', viewing_code, true);
	RETURN (SELECT coalesce(array_agg(invoice_id ORDER BY invoice_id), '{}') FROM invoice);
END $$;
CREATE TABLE test.all_invoices AS SELECT invoice_id FROM invoice;
GRANT SELECT ON test.all_invoices TO regress_app;
SET ROLE regress_app;
SELECT user_id, code, seen, seen = (SELECT coalesce(array_agg(invoice_id ORDER BY invoice_id), '{}') FROM test.all_invoices
	WHERE regpaydb.can_view(invoice_id, nullif(user_id, '')::bigint, nullif(code, ''))) AS as_can_view
FROM (SELECT *, test.visible(user_id, code) AS seen FROM test.viewer OFFSET 0) v;
RESET ROLE;
RESET regpaydb.user_id;
RESET regpaydb.access_code;
DROP TABLE test.viewer, test.all_invoices;

-- ---------------------------------------------------------------------------
-- Ways around it
-- ---------------------------------------------------------------------------
CREATE FUNCTION test.leak(amount numeric) RETURNS boolean LANGUAGE plpgsql COST 0.0000001 AS $$
BEGIN
	RAISE NOTICE 'leaks %', amount;
	RETURN true;
END $$;
CREATE VIEW test.plain AS SELECT * FROM rls.invoice;
GRANT SELECT ON test.plain TO regress_app;
SET client_min_messages = notice;
SET ROLE regress_app;
BEGIN;
SELECT set_config('regpaydb.user_id', '101', true);
-- A function of one's own in WHERE sees no other row.
SELECT count(*) FROM invoice WHERE test.leak(value);
SELECT count(*) FROM status_history h JOIN invoice USING (invoice_id) WHERE test.leak(value);
-- Subqueries, joins, and aggregates of the rest.
SELECT count(*) FROM payment WHERE invoice_id IN (SELECT invoice_id FROM line_item);
SELECT i.invoice_id, p.payment_id IS NOT NULL AS paid FROM invoice i FULL JOIN payment p USING (invoice_id) WHERE i.invoice_id IS NULL OR i.attendee_id <> 1;
SELECT (SELECT sum(amount) FROM payment) = (SELECT sum(paid) FROM invoice) AS adds_up;
-- A plan that was made for one serves another.
PREPARE look AS SELECT array_agg(invoice_id ORDER BY invoice_id) FROM invoice;
EXECUTE look; EXECUTE look; EXECUTE look; EXECUTE look; EXECUTE look; EXECUTE look;
SELECT set_config('regpaydb.user_id', '102', true);
EXECUTE look;
SELECT set_config('regpaydb.user_id', '', true);
EXECUTE look;
COMMIT;
RESET ROLE;
EXECUTE look;
SET ROLE regress_app;
EXECUTE look;
DEALLOCATE look;
SET row_security = off;
SELECT test.raises('SELECT count(*) FROM invoice');
RESET row_security;
-- What policies call tells a role nothing about a ledger that it has no part in,
-- nor where there is none.
RESET ROLE;
SELECT test.new_ledger('rls_other');
SET regpaydb.ledger = 'rls_other';
SELECT test.invoice(1, 5);
SET ROLE regress_app;
SET regpaydb.user_id = '101';
SELECT call, test.raises(call) FROM (VALUES
	(1, 'SELECT regpaydb.actor_invoices(''rls_other.invoice'')'),
	(2, 'SELECT regpaydb.actor_attendees(''rls_other.invoice'')'),
	(3, 'SELECT regpaydb.actor_carts(''rls_other.invoice'')'),
	(4, 'SELECT regpaydb.actor_floor(''rls_other.invoice'')'),
	(5, 'SELECT regpaydb.actor_floor(''pg_class'')'),
	(6, 'SELECT regpaydb.actor_floor(''test.plain'')'),
	(7, 'SELECT regpaydb.actor_floor(0)'),
	(8, 'SELECT regpaydb.actor_floor(4294967295)'),
	(9, 'SELECT regpaydb.actor_floor(NULL)')) v (n, call) ORDER BY n;
-- The ledger of the table counts, not that of the setting.
SELECT count(*) FROM rls.invoice;
RESET regpaydb.user_id;
RESET ROLE;
SET regpaydb.ledger = 'rls';
SET search_path = rls;
SET client_min_messages = warning;
DROP SCHEMA rls_other CASCADE;

-- ---------------------------------------------------------------------------
-- Writing
-- ---------------------------------------------------------------------------
SET ROLE regress_app;
BEGIN;
SELECT set_config('regpaydb.user_id', '101', true);
INSERT INTO payment (invoice_id, amount, reference) VALUES (4, 10, 'mine') RETURNING invoice_id, amount, kind;
INSERT INTO payment (invoice_id, amount, reference, provider, provider_ref) VALUES (4, 1, 'mine', 'bank', 'a') ON CONFLICT DO NOTHING;
INSERT INTO payment (invoice_id, amount, reference, provider, provider_ref) VALUES (4, 1, 'mine', 'bank', 'a') ON CONFLICT DO NOTHING;
SELECT paid FROM invoice WHERE invoice_id = 4;
-- Somebody else's invoice is as one that does not exist.
SELECT split_part(test.raises('INSERT INTO payment (invoice_id, amount) VALUES (8, 1)'), ':', 1) AS bobs,
	test.raises('INSERT INTO payment (invoice_id, amount) VALUES (8, 1)') = test.raises('INSERT INTO payment (invoice_id, amount) VALUES (999, 1)') AS same,
	split_part(test.raises('INSERT INTO payment (invoice_id, amount) SELECT i, 1 FROM generate_series(4, 8) i'), ':', 1) AS some;
COMMIT;
-- Without an actor the privilege counts, as for pay(); what can't be seen can't be returned.
INSERT INTO payment (invoice_id, amount, reference) VALUES (8, 2, 'from a webhook');
SELECT test.raises('INSERT INTO payment (invoice_id, amount) VALUES (8, 1) RETURNING payment_id');
RESET ROLE;
-- A site that registers attendees itself grants that.
GRANT INSERT (user_id, recipient, email), UPDATE (recipient) ON attendee TO regress_app;
SET ROLE regress_app;
BEGIN;
SELECT set_config('regpaydb.user_id', '103', true);
INSERT INTO attendee (user_id, recipient) VALUES (103, 'Carol') RETURNING recipient, length(access_code);
SELECT test.raises('INSERT INTO attendee (user_id, recipient) VALUES (104, ''Dave'')');
UPDATE attendee SET recipient = recipient || '!' RETURNING user_id, recipient;
COMMIT;
RESET ROLE;
SELECT user_id, recipient FROM attendee ORDER BY 1;

-- ---------------------------------------------------------------------------
-- The rest
-- ---------------------------------------------------------------------------
-- Roles that are granted privileges by hand, and reports, see all of it.
SET ROLE regress_hand;
SET regpaydb.user_id = '101';
SELECT count(*) AS invoices, count(DISTINCT attendee_id) AS attendees FROM invoice;
SELECT test.raises('DELETE FROM payment');
SET ROLE regress_reports;
SELECT count(*) AS invoices, count(DISTINCT attendee_id) AS attendees FROM invoice;
RESET regpaydb.user_id;
RESET ROLE;

-- An attendee's own are found by an index, all of them by a scan; a prepared
-- plan and a parallel one show the same.
INSERT INTO attendee (user_id) SELECT generate_series(10001, 12000);
SET session_replication_role = replica;
INSERT INTO invoice (attendee_id, value, status) SELECT a, 10, 'unpaid' FROM attendee, LATERAL (SELECT attendee_id) s (a), generate_series(1, 10) WHERE user_id > 10000;
INSERT INTO payment (invoice_id, amount) SELECT invoice_id, 4 FROM invoice WHERE value = 10;
RESET session_replication_role;
ANALYZE;
CREATE FUNCTION test.plan(query text) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	line text;
BEGIN
	FOR line IN EXECUTE 'EXPLAIN (COSTS OFF) ' || query LOOP
		IF line ~ '(Scan|Gather|Workers|BitmapOr)' THEN
			RETURN NEXT line;
		END IF;
	END LOOP;
END $$;
SET ROLE regress_app;
SET regpaydb.user_id = '10005';
SELECT test.plan('SELECT * FROM invoice');
SELECT test.plan('SELECT * FROM payment');
SELECT count(*), sum(value) FROM invoice;
SELECT count(*) FROM payment;
SET regpaydb.user_id = '900';
SELECT test.plan('SELECT * FROM invoice');
SELECT test.plan('SELECT * FROM payment');
SELECT count(*) > 20000 AS everything FROM invoice;
SET parallel_setup_cost = 0; SET parallel_tuple_cost = 0; SET min_parallel_table_scan_size = 0; SET max_parallel_workers_per_gather = 2;
SELECT test.plan('SELECT sum(value) FROM invoice');
SELECT count(*) FILTER (WHERE value = 10) FROM invoice;
-- (debug_parallel_query was force_parallel_mode until 15.)
SELECT name AS parallel_mode FROM pg_settings WHERE name IN ('force_parallel_mode', 'debug_parallel_query') \gset
SET :parallel_mode = on;
SET regpaydb.user_id = '10005';
SELECT count(*), sum(value) FROM invoice;
SET regpaydb.user_id = '';
SELECT count(*) FROM invoice;
RESET :parallel_mode;
RESET regpaydb.user_id;
RESET ROLE;

-- ---------------------------------------------------------------------------
-- Switched on by the first role that needs it, off by the last
-- ---------------------------------------------------------------------------
CREATE FUNCTION test.row_security(ledger name) RETURNS TABLE ("on" bigint, policies text) LANGUAGE sql AS $$
	SELECT (SELECT count(*) FROM pg_class WHERE relnamespace = ledger::regnamespace AND relrowsecurity),
		(SELECT string_agg(format('%s %s', n, polname), ', ' ORDER BY polname) FROM (
			SELECT polname, count(*) AS n FROM pg_policy JOIN pg_class c ON c.oid = polrelid
			WHERE c.relnamespace = ledger::regnamespace GROUP BY 1) p)
$$;
SELECT test.new_ledger('rls_switch');
SELECT * FROM test.row_security('rls_switch');
SELECT regpaydb.grant_access('regress_reports', 'reports'), regpaydb.grant_access('regress_hand', 'staff');
SELECT * FROM test.row_security('rls_switch');
SELECT regpaydb.grant_access('regress_app', 'app'), regpaydb.grant_access('regress_hand', 'app');
SELECT * FROM test.row_security('rls_switch');
SELECT regpaydb.revoke_access('regress_app', 'app');
SELECT * FROM test.row_security('rls_switch');
SELECT regpaydb.revoke_access('regress_hand', 'app');
SELECT * FROM test.row_security('rls_switch');
-- Policies of the owner's are left alone, and count.
ALTER TABLE invoice ENABLE ROW LEVEL SECURITY;
CREATE POLICY cheap ON invoice USING (value < 50);
SELECT regpaydb.grant_access('regress_app', 'app');
SELECT test.invoice(1, 20), test.invoice(1, 80), test.invoice(2, 30);
SELECT * FROM test.row_security('rls_switch');
SET regpaydb.user_id = '101';
SET ROLE regress_app;
SELECT invoice_id, value FROM invoice;
RESET ROLE;
SET ROLE regress_reports;
SELECT invoice_id, value FROM invoice;
RESET ROLE;
RESET regpaydb.user_id;
SELECT regpaydb.revoke_access('regress_app', 'app');
SELECT * FROM test.row_security('rls_switch');
SET regpaydb.ledger = 'rls';
SET search_path = rls;

DROP VIEW test.plain;
DROP OWNED BY regress_app, regress_reports, regress_hand;
DROP ROLE regress_app, regress_reports, regress_hand;
