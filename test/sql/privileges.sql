-- Who may do what: a role's rights in a ledger are its privileges on that
-- ledger's tables, and no function lends it more.
SET client_min_messages = warning;
SELECT test.new_ledger('privileges');
UPDATE conference SET auto_apply_credit = false;
DROP ROLE IF EXISTS regress_nobody, regress_payer, regress_owner, regress_other;
CREATE ROLE regress_nobody NOLOGIN;
CREATE ROLE regress_payer NOLOGIN;
CREATE ROLE regress_owner NOLOGIN;
CREATE ROLE regress_other NOLOGIN;
GRANT USAGE ON SCHEMA test TO regress_nobody, regress_payer, regress_owner, regress_other;
-- Invoice 1 and 2 are unpaid, 3 is paid; note 2 is unclaimed.
SELECT test.invoice(1, 100) AS i1, test.invoice(1, 50) AS i2, test.invoice(2, 10) AS i3;
SELECT regpaydb.pay(3, 15, 'x') AS payment_id;

CREATE TABLE test.call AS SELECT * FROM (VALUES
	(1, 'SELECT regpaydb.can_view(1, 101)'),
	(2, 'SELECT regpaydb.invoice_for_access_code(''ALICES-CODE'')'),
	(3, 'SELECT regpaydb.validate_allowed_to_pay(1)'),
	(4, 'SELECT regpaydb.total_payments(1)'),
	(5, 'SELECT regpaydb.balance_due(1)'),
	(6, 'SELECT regpaydb.available_credit(1)'),
	(7, 'SELECT * FROM regpaydb.check_integrity()'),
	(8, 'SELECT regpaydb.rotate_access_code(1)'),
	(9, 'SELECT regpaydb.pay(1, 1, '''')'),
	(10, 'SELECT regpaydb.record_manual_payment(1, 1, '''', 900)'),
	(11, 'SELECT regpaydb.update_status(1)'),
	(12, 'SELECT regpaydb.manual_invoice(1, ''0'', ''[{"description": "x", "price": 1}]'')'),
	(13, 'SELECT regpaydb.void_invoice(2)'),
	(14, 'SELECT regpaydb.refund_invoice(3)'),
	(15, 'SELECT regpaydb.apply_credit_note(2, 1)'),
	(16, 'SELECT regpaydb.refund_credit_note(2, '''')'),
	(17, 'SELECT regpaydb.cancellation_fee(2, 10)'),
	(18, 'SELECT regpaydb.upgrade_ledger(''privileges'')'),
	(19, 'INSERT INTO privileges.payment (invoice_id, amount) VALUES (1, 1)'),
	(20, 'SELECT regpaydb.return_items(3, ''[{"line_item_id": 3}]'')'),
	(21, 'SELECT regpaydb.charge_credit_note(2, ''[{"description": "x", "price": 1}]'')'),
	(22, 'SELECT regpaydb.request_refund(2, '''')'),
	(23, 'SELECT regpaydb.confirm_refund(1)'),
	(24, 'SELECT regpaydb.fail_refund(1, ''x'')'),
	(25, 'SELECT * FROM regpaydb.refund_sources(2)'),
	(26, 'SELECT * FROM regpaydb.money_trail(1)'),
	(27, 'SELECT regpaydb.payment_summary(''stripe'', ''pi_1'')'),
	(28, 'SELECT regpaydb.record_reversal(''stripe'', ''pi_1'', 1, ''dp_1'')')) v (n, call);
GRANT SELECT ON test.call TO PUBLIC;

-- Without any privilege, nothing can be called.
SET ROLE regress_nobody;
SELECT split_part(test.raises(call), ':', 1) AS code, count(*) FROM test.call GROUP BY 1;
SELECT test.raises('SELECT regpaydb.create_ledger(''x'')');
RESET ROLE;
-- With EXECUTE on every function, but no privilege in the ledger: the same.
GRANT USAGE ON SCHEMA regpaydb TO regress_nobody;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA regpaydb TO regress_nobody;
SET ROLE regress_nobody;
SELECT call, test.raises(call) FROM test.call ORDER BY n;
RESET ROLE;
-- With the schema, too.
GRANT USAGE ON SCHEMA privileges TO regress_nobody;
SET ROLE regress_nobody;
SELECT call, test.raises(call) FROM test.call ORDER BY n;
RESET ROLE;
-- And nothing happened.
SELECT invoice_id, status, paid FROM invoice ORDER BY 1;
SELECT credit_note_id, state FROM credit_note ORDER BY 1;

-- A role with only INSERT on payment, and EXECUTE on pay, takes payments: the
-- engine settles them as the ledger's owner.
GRANT USAGE ON SCHEMA regpaydb, privileges TO regress_payer;
GRANT INSERT ON privileges.payment TO regress_payer;
GRANT EXECUTE ON FUNCTION regpaydb.pay TO regress_payer;
SET ROLE regress_payer;
SELECT regpaydb.pay(1, 40, 'part', 'stripe', 'pi_1') > 0 AS paid;
SELECT regpaydb.pay(1, 40, 'part', 'stripe', 'pi_1') > 0 AS repeated;
INSERT INTO privileges.payment (invoice_id, amount) VALUES (1, 70);
SELECT call, split_part(test.raises(call), ':', 1) AS code FROM test.call WHERE n NOT IN (9, 19) ORDER BY n;
SELECT statement, split_part(test.raises(statement), ':', 1) AS code FROM (VALUES
	(1, 'SELECT * FROM privileges.payment'),
	(2, 'SELECT * FROM privileges.invoice'),
	(3, 'UPDATE privileges.invoice SET recipient = ''x'''),
	(4, 'INSERT INTO privileges.credit_note (credit_note_id, attendee_id, value) VALUES (1, 1, 1)'),
	(5, 'DELETE FROM privileges.payment'),
	(6, 'INSERT INTO privileges.outbox (kind) VALUES (''invoice_created'')')) v (n, statement) ORDER BY n;
RESET ROLE;
SELECT invoice_id, status, paid FROM invoice WHERE invoice_id = 1;
SELECT value, state, attendee_id FROM credit_note ORDER BY credit_note_id DESC LIMIT 1;

-- Under row-level security, forced on the owner too, it works the same.
ALTER TABLE invoice ENABLE ROW LEVEL SECURITY;
ALTER TABLE invoice FORCE ROW LEVEL SECURITY;
ALTER TABLE credit_note ENABLE ROW LEVEL SECURITY;
ALTER TABLE credit_note FORCE ROW LEVEL SECURITY;
SET ROLE regress_payer;
SELECT regpaydb.pay(2, 60, 'over') > 0 AS paid;
RESET ROLE;
ALTER TABLE invoice NO FORCE ROW LEVEL SECURITY;
ALTER TABLE invoice DISABLE ROW LEVEL SECURITY;
ALTER TABLE credit_note NO FORCE ROW LEVEL SECURITY;
ALTER TABLE credit_note DISABLE ROW LEVEL SECURITY;
SELECT invoice_id, status, paid FROM invoice WHERE invoice_id = 2;

-- ---------------------------------------------------------------------------
-- Ledgers of other owners
-- ---------------------------------------------------------------------------
-- A role that may execute the functions makes a ledger of its own; all in it is
-- its own.
CREATE SCHEMA regress_mine AUTHORIZATION regress_owner;
CREATE SCHEMA regress_theirs AUTHORIZATION regress_other;
GRANT USAGE ON SCHEMA regpaydb TO regress_owner, regress_other;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA regpaydb TO regress_owner, regress_other;
SET ROLE regress_other;
SELECT regpaydb.create_ledger('regress_theirs');
SET regpaydb.ledger = 'regress_theirs';
INSERT INTO regress_theirs.attendee (user_id, recipient, access_code) VALUES (101, 'Alice', 'ALICES-CODE');
SELECT test.invoice(1, 100) AS invoice_id;
RESET ROLE;
SET ROLE regress_owner;
SELECT regpaydb.create_ledger('regress_mine');
SELECT DISTINCT pg_get_userbyid(relowner) AS owner FROM pg_class WHERE relnamespace = 'regress_mine'::regnamespace;
SET regpaydb.ledger = 'regress_mine';
INSERT INTO regress_mine.attendee (user_id, recipient, access_code) VALUES (101, 'Alice', 'ALICES-CODE');
SELECT test.invoice(1, 100) AS invoice_id;
SELECT regpaydb.pay(1, 130, 'over') > 0 AS paid;
SELECT regpaydb.available_credit(1);
SELECT * FROM regpaydb.check_integrity();
-- Naming somebody else's ledger in the setting gains nothing: not a superuser's ...
SET regpaydb.ledger = 'privileges';
SELECT DISTINCT split_part(test.raises(call), ':', 1) AS code FROM test.call;
-- ... nor another role's; nor can it be upgraded, or made again.
SET regpaydb.ledger = 'regress_theirs';
SELECT DISTINCT split_part(test.raises(call), ':', 1) AS code FROM test.call;
SELECT call, replace(test.raises(call), current_database(), 'this one') AS raises FROM (VALUES
	(1, 'SELECT regpaydb.upgrade_ledger(''regress_theirs'')'),
	(2, 'SELECT regpaydb.create_ledger(''regress_theirs'')'),
	(3, 'SELECT regpaydb.create_ledger(''a_new_schema'')')) v (n, call) ORDER BY n;
RESET ROLE;
-- A superuser may work in everybody's; the engine acts as its owner.
SELECT regpaydb.pay(1, 5, 'x') > 0 AS paid;
SELECT invoice_id, status, paid FROM regress_theirs.invoice;
SELECT * FROM regpaydb.check_integrity();
-- Even a superuser makes no ledger in a schema that is somebody else's.
CREATE SCHEMA regress_empty AUTHORIZATION regress_other;
SELECT test.raises('SELECT regpaydb.create_ledger(''regress_empty'')');
DROP SCHEMA regress_empty;
-- A table of another owner's in a ledger is not worked on.
SET regpaydb.ledger = 'regress_mine';
ALTER TABLE regress_mine.outbox OWNER TO regress_other;
SELECT split_part(test.raises('SELECT regpaydb.pay(1, 5, '''')'), ':', 1) AS code;
ALTER TABLE regress_mine.outbox OWNER TO regress_owner;
SELECT * FROM regpaydb.check_integrity();

-- A role that may attach trigger functions to tables of its own gains nothing.
SET ROLE regress_owner;
CREATE TABLE regress_mine.fake (payment_id bigint, invoice_id bigint, amount numeric, kind regpaydb.payment_kind);
CREATE TRIGGER fake AFTER INSERT ON regress_mine.fake REFERENCING NEW TABLE AS n
	FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.settle_payments();
SELECT split_part(test.raises('INSERT INTO regress_mine.fake VALUES (1, 1, 1, ''payment'')'), ':', 1) AS code;
DROP TABLE regress_mine.fake;
RESET ROLE;

-- ---------------------------------------------------------------------------
-- A hostile search_path: operators and functions that shadow PostgreSQL's
-- ---------------------------------------------------------------------------
CREATE SCHEMA hostile;
CREATE FUNCTION hostile.hijacked() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'hijacked'; END $$;
DO $$
DECLARE
	t text;
	o text;
BEGIN
	FOREACH t IN ARRAY ARRAY['bigint', 'integer', 'text', 'numeric', 'boolean', 'name', 'timestamptz', 'regpaydb.invoice_status',
			'regpaydb.credit_note_state', 'regpaydb.payment_kind', 'regpaydb.outbox_kind', 'regpaydb.refund_state'] LOOP
		EXECUTE format('CREATE FUNCTION hostile.compare(%s, %1$s) RETURNS boolean LANGUAGE sql AS $f$ SELECT hostile.hijacked() $f$', t);
		FOREACH o IN ARRAY ARRAY['=', '<>', '<', '>', '<=', '>='] LOOP
			EXECUTE format('CREATE OPERATOR hostile.%s (FUNCTION = hostile.compare, LEFTARG = %s, RIGHTARG = %2$s)', o, t);
		END LOOP;
	END LOOP;
	FOREACH t IN ARRAY ARRAY['bigint', 'numeric', 'integer'] LOOP
		EXECUTE format('CREATE FUNCTION hostile.compute(%s, %1$s) RETURNS %1$s LANGUAGE plpgsql AS $f$ BEGIN RAISE ''hijacked''; END $f$', t);
		FOREACH o IN ARRAY ARRAY['+', '-', '*', '/'] LOOP
			EXECUTE format('CREATE OPERATOR hostile.%s (FUNCTION = hostile.compute, LEFTARG = %s, RIGHTARG = %2$s)', o, t);
		END LOOP;
		EXECUTE format('CREATE AGGREGATE hostile.sum(%s) (SFUNC = hostile.compute, STYPE = %1$s)', t);
		EXECUTE format('CREATE AGGREGATE hostile.max(%s) (SFUNC = hostile.compute, STYPE = %1$s)', t);
	END LOOP;
END $$;
CREATE FUNCTION hostile.add(timestamptz, interval) RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE 'hijacked'; END $$;
CREATE OPERATOR hostile.+ (FUNCTION = hostile.add, LEFTARG = timestamptz, RIGHTARG = interval);
CREATE FUNCTION hostile.now() RETURNS timestamptz LANGUAGE plpgsql AS $$ BEGIN RAISE 'hijacked'; END $$;
CREATE FUNCTION hostile.count_step(bigint) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE 'hijacked'; END $$;
CREATE AGGREGATE hostile.count(*) (SFUNC = hostile.count_step, STYPE = bigint);
CREATE FUNCTION hostile.format(text, VARIADIC "any") RETURNS text LANGUAGE internal AS 'text_format';
CREATE FUNCTION hostile.btrim(text) RETURNS text LANGUAGE plpgsql AS $$ BEGIN RAISE 'hijacked'; END $$;
CREATE FUNCTION hostile.length(text) RETURNS integer LANGUAGE plpgsql AS $$ BEGIN RAISE 'hijacked'; END $$;
CREATE FUNCTION hostile.nextval(regclass) RETURNS bigint LANGUAGE plpgsql AS $$ BEGIN RAISE 'hijacked'; END $$;
CREATE TABLE hostile.invoice (x int);
CREATE TABLE hostile.payment (x int);
CREATE TABLE hostile.conference (x int);
CREATE TABLE hostile.attendee (x int);
CREATE TABLE hostile.staff (x int);
CREATE TABLE hostile.credit_note (x int);
CREATE TABLE hostile.credit_note_refund (x int);
CREATE TABLE hostile.credit_note_refund_part (x int);
CREATE TABLE hostile.reversal (x int);
CREATE TABLE hostile.integrity_problem (x int);
CREATE TYPE hostile.invoice_status AS ENUM ('x');
CREATE DOMAIN hostile.text AS pg_catalog.text CHECK (false);

-- New plans, in a new session; every function.
\c -
SET client_min_messages = warning;
SET search_path = hostile, pg_catalog;
SELECT regpaydb.create_ledger('hostile_ledger', 'Under attack', 'EUR');
SET regpaydb.ledger = 'hostile_ledger';
-- (It works: the shadows are in force.)
SELECT 1::bigint = 1::bigint;
INSERT INTO hostile_ledger.attendee (user_id, recipient) VALUES (101, 'Alice');
INSERT INTO hostile_ledger.attendee (user_id, recipient, access_code) VALUES (102, 'Bob', 'BOBS-CODE');
INSERT INTO hostile_ledger.staff VALUES (900);
SELECT regpaydb.manual_invoice(1, '1 day', '[{"description": "Ticket", "price": 100}, {"description": "Discount", "price": -1}]');
SELECT regpaydb.manual_invoice(2, '1 day', '[{"description": "Free", "price": 0}]');
SELECT regpaydb.validate_allowed_to_pay(1);
SELECT regpaydb.pay(1, 50, 'card', 'stripe', 'pi_1');
SELECT regpaydb.pay(1, 50, 'card', 'stripe', 'pi_1');
SELECT regpaydb.record_manual_payment(1, 60, 'cash', 900);
SELECT regpaydb.update_status(1);
SELECT regpaydb.total_payments(1), regpaydb.balance_due(1), regpaydb.available_credit(1);
SELECT regpaydb.can_view(1, 101), regpaydb.can_view(1, 102), regpaydb.can_view(2, 900), regpaydb.can_view(2, NULL, 'BOBS-CODE');
SELECT regpaydb.invoice_for_access_code('BOBS-CODE');
SELECT regpaydb.cancellation_fee(3, 10);
SELECT regpaydb.refund_invoice(1);
SELECT regpaydb.manual_invoice(1, '1 day', '[{"description": "Takes the notes", "price": 150}]');
SELECT regpaydb.refund_invoice(4);
SELECT regpaydb.manual_invoice(2, '1 day', '[{"description": "For a note", "price": 5}]');
SELECT regpaydb.apply_credit_note(9, 5);
SELECT regpaydb.refund_credit_note(11, 'cash');
INSERT INTO hostile_ledger.payment (invoice_id, amount) VALUES (5, 1), (5, 2);
SELECT regpaydb.void_invoice(2);
SELECT regpaydb.manual_invoice(2, '1 day', '[{"description": "Kept", "price": 6}, {"description": "Returned", "price": 4}]');
SELECT regpaydb.pay(6, 10, '');
SELECT regpaydb.return_items(6, '[{"line_item_id": 8, "quantity": 1}]', 'too much') AS note \gset
SELECT regpaydb.charge_credit_note(:note, '[{"description": "Fee", "price": 1}]');
SELECT payment_id, amount, refundable FROM regpaydb.refund_sources((SELECT pg_catalog.max(credit_note_id) FROM hostile_ledger.credit_note));
SELECT place, amount FROM regpaydb.money_trail(1);
SELECT regpaydb.payment_summary('stripe', 'pi_1');
SELECT regpaydb.request_refund(pg_catalog.max(credit_note_id), 'to the card') AS refund FROM hostile_ledger.credit_note \gset
SELECT regpaydb.fail_refund(:refund, 'card closed') AS note \gset
SELECT regpaydb.confirm_refund(regpaydb.request_refund(:note, 'to the card', '[]'), 'stripe', 're_1');
SELECT regpaydb.record_payment(6, 5, 'late', 'stripe', 'pi_2');
SELECT regpaydb.record_reversal('stripe', 'pi_2', 5, 'dp_1');
SET regpaydb.user_id = '101';
SELECT regpaydb.balance_due(1);
RESET regpaydb.user_id;
UPDATE hostile_ledger.conference SET name = 'Still ours';
SELECT regpaydb.upgrade_ledger('hostile_ledger');
SELECT * FROM regpaydb.check_integrity();
RESET search_path;
SELECT regpaydb.rotate_access_code(2) <> 'BOBS-CODE' AS rotated;
SELECT invoice_id, status, value, paid, payment_count FROM hostile_ledger.invoice ORDER BY 1;
SELECT payment_id, invoice_id, kind, amount FROM hostile_ledger.payment ORDER BY 1;
SELECT credit_note_id, attendee_id, value, state FROM hostile_ledger.credit_note ORDER BY 1;
SELECT * FROM regpaydb.check_integrity();
SET search_path = hostile_ledger;
SELECT * FROM test.money();
RESET search_path;

-- Clean up: roles are not of this database only.
DROP SCHEMA hostile, regress_mine, regress_theirs CASCADE;
DROP TABLE test.call;
DROP OWNED BY regress_nobody, regress_payer, regress_owner, regress_other;
DROP ROLE regress_nobody, regress_payer, regress_owner, regress_other;
SET regpaydb.ledger = 'privileges';
SET search_path = privileges;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
