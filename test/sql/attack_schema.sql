-- Tables that change under a session that has plans for them, in whatever way:
-- an error or an answer, never a crash, and where it is mended, all goes on.
SET client_min_messages = warning;
DROP ROLE IF EXISTS regress_s_app;
CREATE ROLE regress_s_app NOLOGIN;
GRANT USAGE ON SCHEMA test TO regress_s_app;
SELECT test.new_ledger('attack_schema');
-- (They would keep columns from being dropped.)
SELECT test.drop_reports('attack_schema');
UPDATE conference SET auto_apply_credit = false;
INSERT INTO category (name) VALUES ('Ticket');
INSERT INTO product (category_id, name, price, stock) VALUES (1, 'Seat', 100, 50);
SELECT regpaydb.grant_access('regress_s_app', 'app');
SELECT test.invoice(1, 100) AS i1, test.invoice(1, 100) AS i2;
-- Calls of everything, with the plans that this session has; all is taken back.
CREATE FUNCTION test.use_all() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	call text;
	codes text[] := '{}';
BEGIN
	FOREACH call IN ARRAY ARRAY[
		'SELECT regpaydb.pay(1, 130, '''', ''bank'', ''a'')',
		'INSERT INTO attack_schema.payment (invoice_id, amount) VALUES (1, 130), (2, 5)',
		'SELECT regpaydb.record_manual_payment(1, 1, '''', 900)',
		'SELECT regpaydb.update_status(1)', 'SELECT regpaydb.balance_due(1)', 'SELECT regpaydb.can_view(1, 101)',
		'SELECT regpaydb.refund_invoice(1)',
		'SELECT test.invoice(2, 10)', 'SELECT regpaydb.void_invoice(2)', 'SELECT regpaydb.available_credit(1)',
		'SELECT regpaydb.set_quantity(regpaydb.current_cart(1), 1, 1), regpaydb.invoice_cart(regpaydb.current_cart(1))',
		'SELECT regpaydb.expire_invoices()', 'SELECT regpaydb.available_stock(1)', 'SELECT regpaydb.rotate_access_code(1)',
		'SELECT regpaydb.invoice_for_access_code(''ALICES-CODE'')', 'SELECT * FROM regpaydb.check_integrity()',
		'INSERT INTO attack_schema.attendee (user_id) VALUES (7)',
		'SELECT regpaydb.actor_invoices(''attack_schema.invoice'')', 'SELECT regpaydb.grant_access(''regress_s_app'', ''reports'')'] LOOP
		BEGIN
			EXECUTE call;
			RAISE EXCEPTION USING ERRCODE = 'T0000';
		EXCEPTION WHEN SQLSTATE 'T0000' THEN
			codes := codes || 'ok'::text;
		WHEN undefined_table OR invalid_schema_name THEN	-- regclass tells them apart until 15
			codes := codes || '42P01'::text;
		WHEN OTHERS THEN
			codes := codes || SQLSTATE;
		END;
	END LOOP;
	RETURN (SELECT string_agg(format('%s x %s', n, c), ', ' ORDER BY c) FROM (SELECT c, count(*) AS n FROM unnest(codes) c GROUP BY 1) s);
END $$;
CREATE TABLE test.change (n serial, change text);
INSERT INTO test.change (change) VALUES
	('SELECT 1'),
	-- Indexes and constraints
	('DROP INDEX attendee_access_code_key'),
	('DROP INDEX invoice_attendee_id_idx, invoice_unpaid_idx'),
	('DROP INDEX cart_active_key'),
	('ALTER TABLE payment DROP CONSTRAINT payment_provider_provider_ref_key'),
	('ALTER TABLE payment DROP CONSTRAINT payment_pkey CASCADE'),
	('ALTER TABLE invoice DROP CONSTRAINT invoice_pkey CASCADE'),
	('ALTER TABLE cart_item DROP CONSTRAINT cart_item_cart_id_product_id_key'),
	-- Columns
	('ALTER TABLE invoice RENAME COLUMN paid TO paid_so_far'),
	('ALTER TABLE invoice DROP COLUMN due_time'),
	('ALTER TABLE invoice DROP COLUMN last_payment_id CASCADE; ALTER TABLE invoice ADD COLUMN last_payment_id bigint'),
	('ALTER TABLE invoice DROP COLUMN attendee_id CASCADE'),
	('ALTER TABLE invoice DROP COLUMN attendee_id CASCADE; ALTER TABLE invoice ADD COLUMN attendee_id text DEFAULT ''x'''),
	('ALTER TABLE payment DROP COLUMN kind CASCADE; ALTER TABLE payment ADD COLUMN kind text DEFAULT ''payment'''),
	('ALTER TABLE payment DROP COLUMN kind CASCADE; ALTER TABLE payment ADD COLUMN kind int DEFAULT 1'),
	('ALTER TABLE payment DROP COLUMN amount CASCADE; ALTER TABLE payment ADD COLUMN amount int'),
	('ALTER TABLE payment DROP COLUMN payment_id CASCADE; ALTER TABLE payment ADD COLUMN payment_id bigserial'),
	('ALTER TABLE payment ALTER COLUMN payment_id DROP IDENTITY'),
	('ALTER TABLE attendee DROP COLUMN access_code CASCADE; ALTER TABLE attendee ADD COLUMN access_code bytea'),
	('ALTER TABLE attendee ALTER COLUMN access_code DROP NOT NULL; UPDATE attendee SET access_code = NULL'),
	('ALTER TABLE attendee ALTER COLUMN user_id DROP NOT NULL; UPDATE attendee SET user_id = NULL'),
	('DROP TRIGGER attendee_access_code ON attendee; DROP INDEX attendee_access_code_key; ALTER TABLE attendee ALTER COLUMN access_code TYPE varchar(3) USING ''x'''),
	('ALTER TABLE conference DROP COLUMN access_code_length; ALTER TABLE conference ADD COLUMN access_code_length text DEFAULT ''many'''),
	('ALTER TABLE conference ALTER COLUMN auto_apply_credit TYPE text'),
	('ALTER TABLE conference ALTER COLUMN ledger_version TYPE int USING 1'),
	('DROP VIEW integrity_problem; DROP INDEX credit_note_unclaimed_idx; ALTER TABLE credit_note ALTER COLUMN state DROP DEFAULT, ALTER COLUMN state TYPE text'),
	('DROP POLICY actor ON staff; ALTER TABLE staff ALTER COLUMN user_id TYPE text'),
	-- Tables
	('ALTER TABLE outbox RENAME TO inbox'),
	('ALTER TABLE outbox RENAME TO inbox; CREATE VIEW outbox AS SELECT * FROM inbox'),
	('ALTER TABLE outbox RENAME TO inbox; CREATE MATERIALIZED VIEW outbox AS SELECT * FROM inbox'),
	('ALTER TABLE outbox RENAME TO inbox; CREATE TABLE outbox (x int)'),
	('ALTER TABLE outbox RENAME TO inbox; CREATE UNLOGGED TABLE outbox (LIKE inbox INCLUDING ALL)'),
	('ALTER TABLE invoice RENAME TO a; ALTER TABLE payment RENAME TO invoice; ALTER TABLE a RENAME TO payment'),
	('DROP TABLE credit_note CASCADE'),
	('DROP TABLE staff CASCADE; CREATE TABLE staff (user_id bigint) PARTITION BY RANGE (user_id)'),
	('DROP VIEW cart_problem CASCADE'),
	('DROP VIEW cart_line CASCADE; CREATE VIEW cart_line AS SELECT ''x''::text AS cart_id'),
	('ALTER SCHEMA attack_schema RENAME TO attack_other'),
	('ALTER TABLE payment SET SCHEMA public'),
	('ALTER TABLE payment OWNER TO regress_s_app'),
	('DELETE FROM conference'),
	-- Triggers and rules
	('ALTER TABLE payment DISABLE TRIGGER payment_settle'),
	('DROP TRIGGER payment_settle ON payment'),
	('ALTER TABLE invoice DISABLE TRIGGER ALL'),
	('CREATE RULE r AS ON INSERT TO payment DO INSTEAD NOTHING'),
	('CREATE RULE r AS ON UPDATE TO invoice DO INSTEAD NOTHING'),
	('CREATE RULE r AS ON INSERT TO outbox DO INSTEAD INSERT INTO staff VALUES (NEW.outbox_id) RETURNING NULL::bigint, NULL::timestamptz, NULL::regpaydb.outbox_kind, NULL::bigint, NULL::regpaydb.invoice_status, NULL::regpaydb.invoice_status, NULL::bigint, NULL::bigint, NULL::bigint, NULL::bigint'),
	-- Policies and row-level security
	('ALTER TABLE invoice FORCE ROW LEVEL SECURITY; DROP POLICY everyone ON invoice'),
	('ALTER TABLE attendee FORCE ROW LEVEL SECURITY; CREATE POLICY no ON attendee AS RESTRICTIVE USING (false)');
-- Each change is made after the plans are, and taken back.
CREATE FUNCTION test.after_change(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM test.use_all();
	BEGIN
		EXECUTE change;
	EXCEPTION WHEN OTHERS THEN
		RETURN format('no change: %s', SQLSTATE);
	END;
	result := test.use_all();
	RAISE EXCEPTION USING ERRCODE = 'T0001', MESSAGE = result;
EXCEPTION WHEN SQLSTATE 'T0001' THEN
	RETURN SQLERRM;
END $$;
SELECT n, left(change, 100) AS change, test.after_change(change) AS outcome FROM test.change ORDER BY n;
SELECT test.use_all();
-- The policies' plans, as the app.
SET ROLE regress_s_app;
SET regpaydb.user_id = '101';
PREPARE look AS SELECT count(*) FROM attack_schema.invoice;
PREPARE look_at_lines AS SELECT count(*) FROM attack_schema.line_item;
EXECUTE look; EXECUTE look; EXECUTE look; EXECUTE look; EXECUTE look; EXECUTE look;
EXECUTE look_at_lines;
RESET ROLE;
BEGIN; ALTER TABLE attack_schema.staff RENAME TO stuff; SET LOCAL ROLE regress_s_app; SELECT test.raises('EXECUTE look'); ROLLBACK;
BEGIN; ALTER TABLE attack_schema.attendee DROP COLUMN access_code CASCADE; SET LOCAL ROLE regress_s_app; SELECT test.raises('EXECUTE look_at_lines'); ROLLBACK;
BEGIN; DROP POLICY actor ON attack_schema.invoice; SET LOCAL ROLE regress_s_app; EXECUTE look; ROLLBACK;
BEGIN; DROP POLICY everyone ON attack_schema.invoice; SET LOCAL ROLE regress_s_app; EXECUTE look; ROLLBACK;
BEGIN; REVOKE SELECT ON attack_schema.invoice FROM regress_s_app; SET LOCAL ROLE regress_s_app; SELECT test.raises('EXECUTE look'), test.raises('EXECUTE look_at_lines'); ROLLBACK;
BEGIN; ALTER SCHEMA attack_schema RENAME TO attack_other; SET LOCAL ROLE regress_s_app; SELECT test.raises('EXECUTE look'); ROLLBACK;
SET ROLE regress_s_app;
EXECUTE look;
DEALLOCATE ALL;
RESET ROLE;
RESET regpaydb.user_id;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();

SET search_path = public;
DROP FUNCTION test.after_change, test.use_all;
DROP TABLE test.change;
DROP OWNED BY regress_s_app;
DROP ROLE regress_s_app;
