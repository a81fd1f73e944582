-- Money that leaves is staff's: a negative payment that is not the engine's own
-- needs the privilege to insert payment.entered_by, and an actor who is staff,
-- whichever way it comes.  Everything else takes amounts above zero only.
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_leaves_app, regress_leaves_staff, regress_leaves_both,
	regress_leaves_column, regress_leaves_table, regress_leaves_reports;
CREATE ROLE regress_leaves_app NOLOGIN;
CREATE ROLE regress_leaves_staff NOLOGIN;
CREATE ROLE regress_leaves_both NOLOGIN;		-- one role for attendees and staff
CREATE ROLE regress_leaves_column NOLOGIN;		-- may insert the column amount, granted by hand
CREATE ROLE regress_leaves_table NOLOGIN;		-- may insert the whole table, granted by hand
CREATE ROLE regress_leaves_reports NOLOGIN;
SELECT test.new_shop('money_leaves');
UPDATE conference SET auto_apply_credit = false;
SELECT regpaydb.grant_access('regress_leaves_app', 'app'),
	regpaydb.grant_access('regress_leaves_both', 'app'),
	regpaydb.grant_access('regress_leaves_both', 'staff'),
	regpaydb.grant_access('regress_leaves_staff', 'staff'),
	regpaydb.grant_access('regress_leaves_reports', 'reports');
GRANT USAGE ON SCHEMA money_leaves, regpaydb TO regress_leaves_column, regress_leaves_table;
GRANT SELECT ON invoice TO regress_leaves_column, regress_leaves_table;
GRANT INSERT (invoice_id, amount) ON payment TO regress_leaves_column;
GRANT SELECT (invoice_id, amount) ON payment TO regress_leaves_column;
GRANT SELECT, INSERT ON payment TO regress_leaves_table;
GRANT EXECUTE ON FUNCTION regpaydb.pay, regpaydb.record_payment, regpaydb.record_manual_payment
	TO regress_leaves_column, regress_leaves_table;
GRANT USAGE ON SCHEMA test TO PUBLIC;

-- Invoice 1 bills Alice's seat and is paid, 2 is hers and part-paid, 3 is Bob's
-- and paid; 4 is Bob's and unpaid.
SELECT test.fill(1, 2), regpaydb.invoice_cart(1), regpaydb.pay(1, 40, 'card') > 0 AS paid;
SELECT test.invoice(1, 100), test.invoice(2, 50), test.invoice(2, 30);
SELECT regpaydb.pay(2, 60, 'half') > 0 AS half, regpaydb.pay(3, 50, 'all') > 0 AS paid;

-- All that there is, in one text.
CREATE FUNCTION books() RETURNS text LANGUAGE sql AS $$
	SELECT md5(string_agg(row::text, ' ' ORDER BY row::text)) FROM (
		SELECT 'invoice' || i::text AS row FROM money_leaves.invoice i
		UNION ALL SELECT 'payment' || p::text FROM money_leaves.payment p
		UNION ALL SELECT 'note' || n::text FROM money_leaves.credit_note n
		UNION ALL SELECT 'cart' || c::text FROM money_leaves.cart c
		UNION ALL SELECT 'item' || c::text FROM money_leaves.cart_item c
		UNION ALL SELECT 'reservation' || r::text FROM money_leaves.reservation r
		UNION ALL SELECT 'product' || p::text FROM money_leaves.product p
		UNION ALL SELECT 'outbox' || o::text FROM money_leaves.outbox o) b
$$;
-- Each statement takes 10 back from an invoice, somewhere in it.
CREATE TABLE statements (n int PRIMARY KEY, what text, statement text);
INSERT INTO statements VALUES
	(1, 'one row', 'INSERT INTO payment (invoice_id, amount) VALUES (@, -10)'),
	(2, 'one of many', 'INSERT INTO payment (invoice_id, amount) VALUES (@, 1), (@, 2), (@, -10), (@, 3)'),
	(3, 'a sum above 0', 'INSERT INTO payment (invoice_id, amount) VALUES (@, 100), (@, -10)'),
	(4, 'on another invoice', 'INSERT INTO payment (invoice_id, amount) VALUES (4, 1), (@, -10)'),
	(5, 'SELECT', 'INSERT INTO payment (invoice_id, amount) SELECT invoice_id, -10 FROM invoice WHERE invoice_id = @'),
	(6, 'RETURNING', 'INSERT INTO payment (invoice_id, amount) VALUES (@, -10) RETURNING amount'),
	(7, 'CTE', 'WITH w AS (INSERT INTO payment (invoice_id, amount) VALUES (@, -10) RETURNING amount) SELECT sum(amount) FROM w'),
	(8, 'two CTEs', 'WITH w AS (INSERT INTO payment (invoice_id, amount) VALUES (@, 5) RETURNING amount), v AS (INSERT INTO payment (invoice_id, amount) VALUES (@, -10) RETURNING amount) SELECT sum(v.amount) FROM w, v'),
	(9, 'MERGE', 'MERGE INTO payment p USING (SELECT @ AS i) s ON false WHEN NOT MATCHED THEN INSERT (invoice_id, amount) VALUES (s.i, -10)'),
	(10, 'ON CONFLICT', 'INSERT INTO payment (invoice_id, amount) VALUES (@, -10) ON CONFLICT DO NOTHING'),
	(11, 'DO block', 'DO $x$ BEGIN INSERT INTO payment (invoice_id, amount) VALUES (@, -10); END $x$'),
	(12, 'half a unit', 'INSERT INTO payment (invoice_id, amount) VALUES (@, -0.005)'),
	(13, 'the least', 'INSERT INTO payment (invoice_id, amount) VALUES (@, -0.01)'),
	(14, 'more than there is', 'INSERT INTO payment (invoice_id, amount) VALUES (@, -1000)'),
	(15, 'of no invoice', 'INSERT INTO payment (invoice_id, amount) VALUES (99, -10)'),
	(16, 'signed by staff', 'INSERT INTO payment (invoice_id, amount, entered_by) VALUES (@, -10, 900)'),
	(17, 'of kind manual', 'INSERT INTO payment (invoice_id, amount, kind) VALUES (@, -10, ''manual'')'),
	(18, 'as a note', 'INSERT INTO payment (invoice_id, amount, kind) VALUES (@, -10, ''credit_note'')'),
	(19, 'pay()', 'SELECT regpaydb.pay(@, -10, '''')'),
	(20, 'record_payment()', 'SELECT regpaydb.record_payment(@, -10, '''', ''bank'', ''r1'')'),
	(21, 'pay() nothing', 'SELECT regpaydb.pay(@, 0, '''')'),
	(22, 'record_payment() nothing', 'SELECT regpaydb.record_payment(@, 0, '''', ''bank'', ''r1'')'),
	(23, 'manual payment', 'SELECT regpaydb.record_manual_payment(@, -10, '''', 900)'),
	(24, 'manual payment of nothing', 'SELECT regpaydb.record_manual_payment(@, 0, '''', 900)');
GRANT SELECT ON statements TO PUBLIC;


-- What becomes of a statement on an invoice, by a role on behalf of a user or the
-- holder of a code; what goes through is taken back, what fails left nothing.
CREATE FUNCTION becomes(statement text, invoice_id int, role text, user_id text DEFAULT '',
		access_code text DEFAULT '')
	RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before text := money_leaves.books();
	result text;
BEGIN
	BEGIN
		PERFORM set_config('regpaydb.user_id', user_id, true),
			set_config('regpaydb.access_code', access_code, true);
		EXECUTE format('SET LOCAL ROLE %I', role);
		EXECUTE replace(statement, '@', invoice_id::text);
		RAISE EXCEPTION USING ERRCODE = 'T0000';
	EXCEPTION WHEN SQLSTATE 'T0000' THEN
		result := 'done';
	WHEN OTHERS THEN
		result := SQLSTATE;
	END;
	RETURN result || CASE WHEN money_leaves.books() = before THEN '' ELSE ', BUT THE BOOKS CHANGED' END;
END $$;

-- Without an actor the role's privileges decide.  On an invoice that is paid and
-- has a seat, and on one that is part-paid.
SELECT n, what, becomes(statement, 1, current_user) AS owner,
	becomes(statement, 1, 'regress_leaves_app') AS app,
	becomes(statement, 1, 'regress_leaves_staff') AS staff,
	becomes(statement, 1, 'regress_leaves_both') AS both,
	becomes(statement, 1, 'regress_leaves_column') AS "column",
	becomes(statement, 1, 'regress_leaves_table') AS "table",
	becomes(statement, 1, 'regress_leaves_reports') AS reports
FROM statements ORDER BY n;
SELECT n, what FROM statements WHERE becomes(statement, 1, current_user) <> becomes(statement, 2, current_user)
	OR becomes(statement, 1, 'regress_leaves_app') <> becomes(statement, 2, 'regress_leaves_app')
	OR becomes(statement, 1, 'regress_leaves_both') <> becomes(statement, 2, 'regress_leaves_both') ORDER BY n;

-- With one, she has to be staff: invoice 1's own attendee, somebody else, the
-- holder of a code, nobody, a user whose number is 0 or less, and staff; who has
-- both settings is the user.
SELECT n, what, becomes(statement, 1, 'regress_leaves_both', '101') AS alice,
	becomes(statement, 1, 'regress_leaves_both', '102') AS bob,
	becomes(statement, 1, 'regress_leaves_both', '', 'ALICES-CODE') AS code,
	becomes(statement, 1, 'regress_leaves_both', '', 'NO-SUCH-CODE') AS no_code,
	becomes(statement, 1, 'regress_leaves_both', '0') AS user_0,
	becomes(statement, 1, 'regress_leaves_both', '-1') AS user_less,
	becomes(statement, 1, 'regress_leaves_both', '101', 'ALICES-CODE') AS two,
	becomes(statement, 1, 'regress_leaves_both', '900') AS staff,
	becomes(statement, 1, 'regress_leaves_both', '900', 'BOBS-CODE') AS staff_and_code
FROM statements ORDER BY n;
SELECT n, what, becomes(statement, 1, current_user, '101') AS owner_for_alice,
	becomes(statement, 1, current_user, '900') AS owner_for_staff,
	becomes(statement, 1, current_user, 'x') AS owner_for_x,
	becomes(statement, 1, 'regress_leaves_app', '101') AS app_for_alice,
	becomes(statement, 1, 'regress_leaves_app', '900') AS app_for_staff,
	becomes(statement, 1, 'regress_leaves_staff', '101') AS staff_for_alice,
	becomes(statement, 1, 'regress_leaves_staff', '900') AS staff_for_staff,
	becomes(statement, 1, 'regress_leaves_table', '900') AS table_for_staff,
	becomes(statement, 1, 'regress_leaves_table', '101') AS table_for_alice
FROM statements ORDER BY n;

-- What they say.
\x on
SET regpaydb.user_id = '101';
SELECT * FROM test.report('INSERT INTO payment (invoice_id, amount) VALUES (1, -10)');
SELECT * FROM test.report('SELECT regpaydb.pay(1, -10, '''')');
RESET regpaydb.user_id;
SET ROLE regress_leaves_app;
SELECT * FROM test.report('INSERT INTO payment (invoice_id, amount) VALUES (1, -10)');
SELECT * FROM test.report('SELECT regpaydb.pay(1, -10, '''')');
RESET ROLE;
\x off

-- COPY: a statement as any other, whose rows are all or none there.  (PostgreSQL
-- has it for those only whom policies do not restrict.)
SET ROLE regress_leaves_app;
COPY payment (invoice_id, amount) FROM STDIN;
2	5
2	-10
\.
RESET ROLE;
ALTER ROLE regress_leaves_app BYPASSRLS;
ALTER ROLE regress_leaves_both BYPASSRLS;
SET ROLE regress_leaves_app;
COPY payment (invoice_id, amount) FROM STDIN;
2	5
2	-10
\.
SET ROLE regress_leaves_both;
SET regpaydb.user_id = '101';
COPY payment (invoice_id, amount) FROM STDIN;
2	5
2	-10
\.
RESET ROLE;
COPY payment (invoice_id, amount) FROM STDIN;
2	5
2	-10
\.
RESET regpaydb.user_id;
ALTER ROLE regress_leaves_app NOBYPASSRLS;
ALTER ROLE regress_leaves_both NOBYPASSRLS;
SELECT invoice_id, status, paid, payment_count FROM invoice ORDER BY 1;

-- Case 06: a role with access app, and one with both on behalf of its attendee.
SELECT status, paid FROM invoice WHERE invoice_id = 1;
SELECT money_received, part_payments FROM regpaydb.reconciliation(now());
SET ROLE regress_leaves_app;
SELECT test.raises('INSERT INTO payment (invoice_id, amount, reference) VALUES (1, -40, ''mine now'')');
SET ROLE regress_leaves_both;
SET regpaydb.user_id = '101';
SELECT test.raises('INSERT INTO payment (invoice_id, amount, reference) VALUES (1, -40, ''mine now'')');
SELECT test.raises('INSERT INTO payment (invoice_id, amount, reference) VALUES (2, -60, ''mine now'')');
SELECT test.raises('SELECT regpaydb.pay(2, -60, ''mine now'')');
SELECT test.raises('SELECT regpaydb.pay(1, -40, ''mine now'')');
RESET regpaydb.user_id;
RESET ROLE;
SELECT i.status, i.paid, c.status AS cart, p.sold FROM invoice i JOIN cart c USING (cart_id), product_stock p
WHERE i.invoice_id = 1 AND p.product_id = 2;
SELECT money_received, part_payments FROM regpaydb.reconciliation(now());

-- A function of the owner's that whoever calls it runs as the owner: that is what
-- it is for, and then the actor counts; one of the app's gains nothing.
CREATE FUNCTION give_back(id bigint) RETURNS void LANGUAGE sql SECURITY DEFINER
	AS 'INSERT INTO money_leaves.payment (invoice_id, amount) VALUES (id, -1)';
GRANT EXECUTE ON FUNCTION give_back TO regress_leaves_app;
CREATE SCHEMA money_leaves_app AUTHORIZATION regress_leaves_app;
SET ROLE regress_leaves_app;
CREATE FUNCTION money_leaves_app.give_back(id bigint) RETURNS void LANGUAGE sql SECURITY DEFINER
	AS 'INSERT INTO money_leaves.payment (invoice_id, amount) VALUES (id, -1)';
CREATE VIEW money_leaves_app.payment_view AS SELECT invoice_id, amount FROM money_leaves.payment;
GRANT ALL ON money_leaves_app.payment_view TO regress_leaves_both;
GRANT USAGE ON SCHEMA money_leaves_app TO regress_leaves_both;
GRANT EXECUTE ON FUNCTION money_leaves_app.give_back TO regress_leaves_both;
RESET ROLE;
CREATE VIEW payment_view AS SELECT invoice_id, amount FROM payment;
CREATE VIEW payment_invoker WITH (security_invoker = true) AS SELECT invoice_id, amount FROM payment;
GRANT SELECT, INSERT ON payment_view, payment_invoker TO regress_leaves_app, regress_leaves_both;
SELECT what, becomes(statement, 2, 'regress_leaves_app') AS app,
	becomes(statement, 2, 'regress_leaves_app', '101') AS app_for_alice,
	becomes(statement, 2, 'regress_leaves_app', '900') AS app_for_staff,
	becomes(statement, 2, 'regress_leaves_both') AS both,
	becomes(statement, 2, 'regress_leaves_both', '101') AS both_for_alice,
	becomes(statement, 2, 'regress_leaves_both', '900') AS both_for_staff
FROM (VALUES
	(1, 'function of the owner''s', 'SELECT money_leaves.give_back(@)'),
	(2, 'function of the app''s', 'SELECT money_leaves_app.give_back(@)'),
	(3, 'view of the owner''s', 'INSERT INTO money_leaves.payment_view VALUES (@, -1)'),
	(4, 'view that asks as the caller', 'INSERT INTO money_leaves.payment_invoker VALUES (@, -1)'),
	(5, 'view of the app''s', 'INSERT INTO money_leaves_app.payment_view VALUES (@, -1)')
) AS s (n, what, statement) ORDER BY n;

-- A trigger of the owner's gives money back for whoever fires it: on a table of
-- its own it runs as the caller; on one that the engine writes, as the owner.
CREATE TABLE wish (invoice_id bigint);
GRANT INSERT ON wish TO regress_leaves_app;
CREATE FUNCTION grant_wish() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO money_leaves.payment (invoice_id, amount) VALUES (2, -1);
	RETURN NULL;
END $$;
CREATE TRIGGER t AFTER INSERT ON wish FOR EACH ROW EXECUTE FUNCTION grant_wish();
SELECT becomes('INSERT INTO money_leaves.wish VALUES (@)', 2, 'regress_leaves_app') AS app,
	becomes('INSERT INTO money_leaves.wish VALUES (@)', 2, current_user) AS owner;
DROP TRIGGER t ON wish;
CREATE TRIGGER t AFTER INSERT ON outbox FOR EACH ROW WHEN (NEW.invoice_id = 4) EXECUTE FUNCTION grant_wish();
SELECT becomes('SELECT regpaydb.pay(4, 30, '''')', 4, 'regress_leaves_app') AS app,
	becomes('SELECT regpaydb.pay(4, 30, '''')', 4, 'regress_leaves_app', '102') AS app_for_bob;
DROP TRIGGER t ON outbox;

-- What the engine takes off an invoice needs no staff: an overpayment by an
-- attendee, one for an invoice that is void, a cart that she changes.
SELECT regpaydb.void_invoice(4);
SELECT test.fill(3, 1), regpaydb.invoice_cart(regpaydb.current_cart(3)) AS carols \gset
SELECT regpaydb.pay(:carols, 20, '') > 0 AS paid;
SET ROLE regress_leaves_app;
SET regpaydb.user_id = '101';
INSERT INTO payment (invoice_id, amount) VALUES (2, 90);
SET regpaydb.user_id = '102';
INSERT INTO payment (invoice_id, amount) VALUES (4, 30), (4, 5);
SET regpaydb.user_id = '103';
SELECT regpaydb.set_quantity(regpaydb.current_cart(3), 1, 2);
RESET regpaydb.user_id;
RESET ROLE;
SELECT attendee_id, value, state FROM credit_note ORDER BY credit_note_id;

-- Staff gives back what was paid, on behalf of herself, and the seat is free.
SET ROLE regress_leaves_both;
SET regpaydb.user_id = '900';
INSERT INTO payment (invoice_id, amount, reference) VALUES (1, -40, 'chargeback');
SELECT regpaydb.record_manual_payment(3, -50, 'transferred back') > 0 AS recorded;
RESET regpaydb.user_id;
RESET ROLE;
SELECT i.invoice_id, i.status, i.paid, c.status AS cart FROM invoice i LEFT JOIN cart c USING (cart_id) ORDER BY 1;
SELECT sold FROM product_stock WHERE product_id = 2;
SELECT money_received, difference FROM regpaydb.reconciliation(now());
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();

SET search_path = public;
REVOKE ALL ON SCHEMA test FROM PUBLIC;
DROP SCHEMA money_leaves_app CASCADE;
DROP OWNED BY regress_leaves_app, regress_leaves_staff, regress_leaves_both, regress_leaves_column,
	regress_leaves_table, regress_leaves_reports;
DROP ROLE regress_leaves_app, regress_leaves_staff, regress_leaves_both, regress_leaves_column,
	regress_leaves_table, regress_leaves_reports;
