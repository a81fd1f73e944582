-- Tables that their owner has done something to.  The engine writes the rows of
-- plain tables without SQL; whatever else SQL would do to a row happens all the
-- same, whatever the table is, and when it changes under a running session.
SET client_min_messages = warning;

-- Pays three invoices of 100 in the three ways, the third too much, and tells how
-- the ledger is then, or what was raised.
CREATE FUNCTION test.pay_all() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	i bigint;
	j bigint;
	k bigint;
	result text;
BEGIN
	i := test.invoice(1, 100);
	j := test.invoice(1, 100);
	k := test.invoice(1, 100);
	PERFORM regpaydb.pay(i, 100, 'pay');
	INSERT INTO payment (invoice_id, amount, reference) VALUES (j, 40, 'one'), (j, 60, 'two');
	PERFORM regpaydb.pay(k, 130, 'too much', 'bank', 'ref ' || k);
	SELECT string_agg(format('%s %s of %s', status, payment_count, paid), ', ' ORDER BY invoice_id)
	INTO result FROM invoice WHERE invoice_id IN (i, j, k);
	RETURN format('%s; %s logged; %s problems', result,
		(SELECT count(*) FROM outbox WHERE invoice_id IN (i, j, k)),
		(SELECT count(*) FROM regpaydb.check_integrity()));
EXCEPTION WHEN OTHERS THEN
	RETURN format('%s: %s', SQLSTATE, SQLERRM);
END $$;
-- The same with a change of the ledger, which is taken back.
CREATE FUNCTION test.pay_all_with(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE change;
	result := test.pay_all();
	RAISE EXCEPTION USING ERRCODE = 'XX999', MESSAGE = result;
EXCEPTION WHEN SQLSTATE 'XX999' THEN
	RETURN SQLERRM;
END $$;

SELECT test.new_ledger('odd_plain');
UPDATE conference SET auto_apply_credit = false;
SELECT test.pay_all();

-- ---------------------------------------------------------------------------
-- 1. What happens to rows by other means than triggers.
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('odd_rules');
UPDATE conference SET auto_apply_credit = false;
CREATE TABLE seen (what text);
SELECT n, test.pay_all_with(change) FROM (VALUES
	(1, 'CREATE RULE r AS ON INSERT TO outbox DO INSTEAD NOTHING'),
	(2, 'CREATE RULE r AS ON INSERT TO payment DO INSTEAD NOTHING'),
	(3, 'CREATE RULE r AS ON UPDATE TO invoice DO INSTEAD NOTHING'),
	(4, 'CREATE RULE r AS ON INSERT TO outbox DO ALSO INSERT INTO seen VALUES (''outbox'')'),
	(5, 'CREATE RULE r AS ON UPDATE TO invoice DO ALSO INSERT INTO seen VALUES (''invoice'')'),
	(6, 'ALTER TABLE invoice ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY'),
	(7, 'ALTER TABLE outbox ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY'),
	(8, 'REVOKE UPDATE ON invoice FROM CURRENT_USER'),
	(9, 'REVOKE INSERT ON outbox FROM CURRENT_USER'),
	(10, 'CREATE TABLE child () INHERITS (invoice)'),
	(11, 'CREATE TABLE child () INHERITS (outbox)'),
	(12, 'CREATE TABLE child () INHERITS (payment)'),
	(13, 'ALTER TABLE outbox ALTER COLUMN outbox_id SET GENERATED ALWAYS'),
	(14, 'ALTER TABLE payment ALTER COLUMN payment_id SET GENERATED ALWAYS'),
	(15, 'ALTER TABLE outbox ALTER COLUMN outbox_id DROP IDENTITY'),
	(16, 'ALTER TABLE outbox ALTER COLUMN "time" DROP DEFAULT'),
	(17, 'ALTER TABLE outbox ADD CHECK (invoice_id < 0)'),
	(18, 'ALTER TABLE invoice ADD CHECK (paid < 100)'),
	(19, 'ALTER TABLE payment ADD CHECK (amount < 0) NOT VALID'),
	(20, 'CREATE UNIQUE INDEX ON outbox (kind) WHERE kind = ''invoice_updated''')
) AS c (n, change) ORDER BY n;
-- Rows in a child of the invoices are found as SQL finds them.
CREATE TABLE child () INHERITS (invoice);
INSERT INTO child (invoice_id, attendee_id, value) VALUES (1000000, 1, 10);
SELECT regpaydb.balance_due(1000000);
SELECT test.raises('SELECT regpaydb.pay(1000000, 10, '''')');
DROP TABLE child;
SELECT test.raises('SELECT regpaydb.balance_due(1000000)');
SELECT test.pay_all();

-- ---------------------------------------------------------------------------
-- 2. Columns: generated, with defaults, of other types, dropped, made again.
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('odd_columns');
SELECT test.drop_reports('odd_columns');
UPDATE conference SET auto_apply_credit = false;
CREATE FUNCTION always_7() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 7';
CREATE DOMAIN given AS int NOT NULL;
CREATE DOMAIN small_text AS text CHECK (length(VALUE) < 3);
SELECT test.invoice(2, 100) AS old \gset
INSERT INTO payment (invoice_id, amount) VALUES (:old, 1);
ALTER TABLE invoice ADD gone text DEFAULT 'gone', ADD due_balance numeric GENERATED ALWAYS AS (value - paid) STORED,
	ADD note text DEFAULT 'invoice', ADD late text DEFAULT repeat('x', 3000);
ALTER TABLE payment ADD gone text DEFAULT 'gone', ADD cents bigint GENERATED ALWAYS AS (amount * 100) STORED,
	ADD note text DEFAULT 'payment' || length('12345'), ADD seen timestamptz DEFAULT clock_timestamp();
ALTER TABLE outbox ADD gone text DEFAULT 'gone', ADD summary text GENERATED ALWAYS AS (coalesce(invoice_id::text, '-')) STORED,
	ADD note text DEFAULT 'outbox', ADD who name DEFAULT current_user, ADD rnd double precision DEFAULT random();
SELECT test.pay_all();
ALTER TABLE invoice DROP gone;
ALTER TABLE payment DROP gone;
ALTER TABLE outbox DROP gone;
SELECT test.pay_all();
SELECT regpaydb.pay(:old, 99, '') > 0 AS paid;
SELECT DISTINCT status, value - paid = due_balance AS right, note, length(late) FROM invoice;
SELECT DISTINCT amount * 100 = cents AS right, note, seen BETWEEN time AND clock_timestamp() AS seen FROM payment WHERE cents <> 100;
SELECT DISTINCT summary = coalesce(invoice_id::text, '-') AS right, note, who = current_user AS who, rnd BETWEEN 0 AND 1 AS rnd FROM outbox WHERE invoice_id > 1;
SELECT n, test.pay_all_with(change) FROM (VALUES
	(1, 'ALTER TABLE outbox ADD x int DEFAULT always_7()'),
	(2, 'ALTER TABLE outbox ADD x given DEFAULT 1; ALTER TABLE outbox ALTER x DROP DEFAULT'),
	(3, 'ALTER TABLE outbox ADD x small_text; ALTER TABLE outbox ALTER x SET DEFAULT ''abcd'''),
	(4, 'ALTER TABLE outbox ADD x int NOT NULL DEFAULT 5'),
	(5, 'DELETE FROM outbox; ALTER TABLE outbox ADD x int NOT NULL'),
	(6, 'ALTER TABLE payment ADD x given DEFAULT 3'),
	(7, 'ALTER TABLE payment ADD x int CHECK (x > always_7())'),
	(8, 'ALTER TABLE invoice ADD CHECK (always_7() < paid OR paid < 100)'),
	(9, 'ALTER TABLE invoice ADD CHECK (always_7() > paid) NOT VALID'),
	(10, 'DROP VIEW integrity_problem, status_history; ALTER TABLE invoice ALTER last_payment_id TYPE int;
		CREATE VIEW integrity_problem AS SELECT ''''::text AS object, ''''::text AS problem WHERE false'),
	(11, 'ALTER TABLE outbox DROP summary; ALTER TABLE outbox ALTER invoice_id TYPE numeric'),
	(12, 'ALTER TABLE outbox ALTER kind TYPE text'),
	(13, 'ALTER TABLE payment ALTER reference TYPE varchar(3) USING left(reference, 3)'),
	(14, 'ALTER TABLE payment ALTER provider TYPE small_text USING left(provider, 2)'),
	(15, 'ALTER TABLE outbox DROP cart_id'),
	(16, 'ALTER TABLE outbox DROP cart_id; ALTER TABLE outbox ADD cart_id bigint'),
	(17, 'ALTER TABLE outbox RENAME note TO remark'),
	(18, 'ALTER TABLE payment DROP entered_by; ALTER TABLE payment ADD entered_by text'),
	(19, 'ALTER TABLE outbox ALTER "time" TYPE date'),
	(20, 'ALTER TABLE outbox ADD x regclass DEFAULT ''invoice'''),
	(21, 'DROP VIEW integrity_problem; ALTER TABLE payment DROP cents; ALTER TABLE payment ALTER amount TYPE numeric(14,4);
		CREATE VIEW integrity_problem AS SELECT ''''::text AS object, ''''::text AS problem WHERE false')
) AS c (n, change) ORDER BY n;
-- A function of PostgreSQL's own that runs somebody's code: a trigger's is not the
-- only one that calls the engine and catches its error.
CREATE FUNCTION call_engine() RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN regpaydb.balance_due(-1);
EXCEPTION WHEN SQLSTATE 'RP002' THEN
	RETURN SQLSTATE;
END $$;
SELECT n, test.pay_all_with(change) FROM (VALUES
	(1, 'ALTER TABLE outbox ADD x xml; ALTER TABLE outbox ALTER x SET DEFAULT query_to_xml(''SELECT call_engine()'', true, false, '''')'),
	(2, 'ALTER TABLE payment ADD CHECK (query_to_xml(''SELECT call_engine()'', true, false, '''') IS NOT NULL) NOT VALID'),
	(3, 'ALTER TABLE invoice ADD CHECK (query_to_xml(''SELECT call_engine()'', true, false, '''') IS NOT NULL) NOT VALID')
) AS c (n, change) ORDER BY n;
-- A function that a constraint or default calls is what it is now.
ALTER TABLE outbox ADD seven int DEFAULT always_7();
SELECT test.pay_all();
CREATE OR REPLACE FUNCTION always_7() RETURNS int LANGUAGE sql IMMUTABLE AS 'SELECT 8';
SELECT test.pay_all();
SELECT seven, count(*) FROM outbox GROUP BY 1 ORDER BY 1;

-- ---------------------------------------------------------------------------
-- 3. Keys and indexes.
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('odd_keys');
UPDATE conference SET auto_apply_credit = false;
SELECT n, test.pay_all_with(change) FROM (VALUES
	(1, 'ALTER TABLE invoice DROP CONSTRAINT invoice_pkey CASCADE'),
	(2, 'ALTER TABLE invoice DROP CONSTRAINT invoice_pkey CASCADE; ALTER TABLE invoice ADD PRIMARY KEY (invoice_id) DEFERRABLE INITIALLY DEFERRED'),
	(3, 'ALTER TABLE invoice DROP CONSTRAINT invoice_pkey CASCADE; ALTER TABLE invoice ADD PRIMARY KEY (invoice_id, attendee_id)'),
	(4, 'ALTER TABLE invoice DROP CONSTRAINT invoice_pkey CASCADE; CREATE INDEX ON invoice USING hash (invoice_id)'),
	(5, 'ALTER TABLE invoice DROP CONSTRAINT invoice_pkey CASCADE; ALTER TABLE invoice ADD PRIMARY KEY (attendee_id, invoice_id)'),
	(6, 'ALTER TABLE outbox DROP CONSTRAINT outbox_pkey'),
	(7, 'ALTER TABLE outbox ADD CONSTRAINT u UNIQUE (invoice_id, kind, new_status) DEFERRABLE'),
	(8, 'ALTER TABLE outbox ADD CONSTRAINT u UNIQUE (kind) DEFERRABLE INITIALLY IMMEDIATE'),
	(9, 'ALTER TABLE invoice ADD CONSTRAINT u UNIQUE (paid) DEFERRABLE'),
	(10, 'CREATE INDEX ON outbox USING gin ((ARRAY[invoice_id])) WHERE invoice_id IS NOT NULL'),
	(11, 'CREATE INDEX ON invoice USING brin (paid); CREATE INDEX ON invoice ((paid * 2)) INCLUDE (recipient)'),
	(12, 'ALTER TABLE outbox ADD CONSTRAINT e EXCLUDE USING btree (invoice_id WITH =, kind WITH =, new_status WITH =)'),
	(13, 'ALTER TABLE outbox ADD FOREIGN KEY (invoice_id) REFERENCES invoice DEFERRABLE INITIALLY DEFERRED'),
	(14, 'CREATE TABLE paid_amount (paid numeric PRIMARY KEY); INSERT INTO paid_amount VALUES (0), (40), (100);
		ALTER TABLE invoice ADD FOREIGN KEY (paid) REFERENCES paid_amount'),
	(15, 'CREATE TABLE paid_amount (paid numeric PRIMARY KEY); INSERT INTO paid_amount VALUES (0), (40);
		ALTER TABLE invoice ADD FOREIGN KEY (paid) REFERENCES paid_amount'),
	(16, 'ALTER TABLE payment ALTER CONSTRAINT payment_invoice_id_fkey DEFERRABLE INITIALLY DEFERRED'),
	(17, 'ALTER TABLE invoice ADD UNIQUE (invoice_id, status); CREATE TABLE s (i bigint, s regpaydb.invoice_status,
		FOREIGN KEY (i, s) REFERENCES invoice (invoice_id, status) ON UPDATE CASCADE)')
) AS c (n, change) ORDER BY n;
-- Functions in indexes and generated columns may do anything, even call the engine
-- and catch its error.
CREATE FUNCTION call_engine(bigint) RETURNS text IMMUTABLE LANGUAGE plpgsql AS $$
BEGIN
	RETURN regpaydb.balance_due(-1);
EXCEPTION WHEN SQLSTATE 'RP002' THEN
	RETURN SQLSTATE;
END $$;
SELECT n, test.pay_all_with(change) FROM (VALUES
	(1, 'CREATE INDEX ON outbox (call_engine(invoice_id))'),
	(2, 'CREATE INDEX ON payment (payment_id) WHERE call_engine(invoice_id) = ''RP002'''),
	(3, 'CREATE INDEX ON invoice (call_engine(invoice_id), paid)'),
	(4, 'ALTER TABLE payment ADD x text GENERATED ALWAYS AS (call_engine(invoice_id)) STORED'),
	(5, 'ALTER TABLE invoice ADD x text GENERATED ALWAYS AS (call_engine(payment_count)) STORED'),
	(6, 'ALTER TABLE outbox ADD x text GENERATED ALWAYS AS (call_engine(invoice_id)) STORED')
) AS c (n, change) ORDER BY n;
-- Foreign keys on what the engine updates: followed, or in the way.
ALTER TABLE invoice ADD UNIQUE (invoice_id, status);
CREATE TABLE follower (i bigint, s regpaydb.invoice_status, FOREIGN KEY (i, s) REFERENCES invoice (invoice_id, status) ON UPDATE CASCADE);
SELECT test.invoice(1, 100) AS invoice \gset
INSERT INTO follower SELECT invoice_id, status FROM invoice WHERE invoice_id = :invoice;
SELECT regpaydb.pay(:invoice, 100, '') > 0 AS paid;
SELECT s FROM follower;
ALTER TABLE follower DROP CONSTRAINT follower_i_s_fkey, ADD FOREIGN KEY (i, s) REFERENCES invoice (invoice_id, status);
SELECT test.raises(format('SELECT regpaydb.refund_invoice(%s)', :invoice));
DROP TABLE follower;
-- A key that is dropped under a session that knows it, and made again.
ALTER TABLE invoice DROP CONSTRAINT invoice_pkey CASCADE;
SELECT test.pay_all();
ALTER TABLE invoice ADD PRIMARY KEY (invoice_id);
SELECT test.pay_all();
-- An invoice that this transaction made has a foreign key's check to come, which
-- must not be lost when it is paid.
ALTER TABLE invoice ALTER CONSTRAINT invoice_attendee_id_fkey DEFERRABLE INITIALLY DEFERRED;
ALTER TABLE payment ADD CONSTRAINT payment_invoice_id_fkey FOREIGN KEY (invoice_id) REFERENCES invoice;
BEGIN;
INSERT INTO invoice (attendee_id, value) VALUES (77, 10) RETURNING invoice_id AS invoice \gset
INSERT INTO line_item (invoice_id, description, quantity, price) VALUES (:invoice, 'x', 1, 10);
SELECT regpaydb.pay(:invoice, 10, '') > 0 AS paid;
COMMIT;
SELECT count(*) FROM invoice WHERE attendee_id = 77;

-- ---------------------------------------------------------------------------
-- 4. Triggers: for rows and statements, before and after, with transition tables
-- and conditions, deferred ones, and those that swallow or change the row.
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('odd_triggers');
UPDATE conference SET auto_apply_credit = false;
CREATE TABLE fired (n bigint GENERATED ALWAYS AS IDENTITY, what text);
CREATE FUNCTION fire() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO fired (what) VALUES (concat_ws(' ', TG_WHEN, TG_OP, TG_LEVEL, TG_TABLE_NAME,
		to_jsonb(OLD) ->> 'paid', to_jsonb(NEW) ->> 'paid', to_jsonb(NEW) ->> 'kind', to_jsonb(NEW) ->> 'amount'));
	RETURN NEW;
END $$;
CREATE FUNCTION count_rows() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	INSERT INTO fired (what) SELECT format('%s: %s new rows', TG_TABLE_NAME, count(*)) FROM new_row;
	RETURN NULL;
END $$;
CREATE FUNCTION swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE FUNCTION change() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	CASE TG_TABLE_NAME
		WHEN 'invoice' THEN NEW.recipient := NEW.recipient || '!';
		WHEN 'payment' THEN NEW.reference := NEW.reference || '!';
		ELSE NEW."time" := '2000-01-01';
	END CASE;
	RETURN NEW;
END $$;
CREATE FUNCTION with_trigger(on_table name, spec text) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	TRUNCATE fired;
	EXECUTE format('CREATE %s', replace(spec, '@', 't'));
	RETURN NEXT test.pay_all();
	SET CONSTRAINTS ALL IMMEDIATE;
	RETURN QUERY SELECT '  ' || what || CASE WHEN count(*) > 1 THEN ' x ' || count(*) ELSE '' END
		FROM fired GROUP BY what ORDER BY min(n);
	EXECUTE format('DROP TRIGGER t ON %I', on_table);
END $$;
SELECT n, with_trigger(tab, spec) FROM (VALUES
	(1, 'invoice', 'TRIGGER @ AFTER UPDATE ON invoice FOR EACH ROW EXECUTE FUNCTION fire()'),
	(2, 'invoice', 'TRIGGER @ AFTER UPDATE OF status ON invoice FOR EACH ROW EXECUTE FUNCTION fire()'),
	(3, 'invoice', 'TRIGGER @ AFTER UPDATE OF recipient ON invoice FOR EACH ROW EXECUTE FUNCTION fire()'),
	(4, 'invoice', 'TRIGGER @ AFTER UPDATE ON invoice FOR EACH ROW WHEN (OLD.status <> NEW.status) EXECUTE FUNCTION fire()'),
	(5, 'invoice', 'TRIGGER @ BEFORE UPDATE ON invoice FOR EACH ROW EXECUTE FUNCTION fire()'),
	(6, 'invoice', 'TRIGGER @ BEFORE UPDATE ON invoice FOR EACH STATEMENT EXECUTE FUNCTION fire()'),
	(7, 'invoice', 'TRIGGER @ AFTER UPDATE ON invoice FOR EACH STATEMENT EXECUTE FUNCTION fire()'),
	(8, 'invoice', 'TRIGGER @ AFTER UPDATE ON invoice REFERENCING NEW TABLE AS new_row FOR EACH STATEMENT EXECUTE FUNCTION count_rows()'),
	(9, 'invoice', 'TRIGGER @ AFTER UPDATE ON invoice REFERENCING NEW TABLE AS new_row FOR EACH ROW EXECUTE FUNCTION count_rows()'),
	(10, 'invoice', 'CONSTRAINT TRIGGER @ AFTER UPDATE ON invoice DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fire()'),
	(11, 'invoice', 'TRIGGER @ BEFORE UPDATE ON invoice FOR EACH ROW EXECUTE FUNCTION swallow()'),
	(12, 'invoice', 'TRIGGER @ BEFORE UPDATE ON invoice FOR EACH ROW EXECUTE FUNCTION change()'),
	(13, 'outbox', 'TRIGGER @ AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION fire()'),
	(14, 'outbox', 'TRIGGER @ AFTER INSERT ON outbox FOR EACH ROW WHEN (NEW.kind = ''credit_note_created'') EXECUTE FUNCTION fire()'),
	(15, 'outbox', 'TRIGGER @ BEFORE INSERT ON outbox FOR EACH STATEMENT EXECUTE FUNCTION fire()'),
	(16, 'outbox', 'TRIGGER @ AFTER INSERT ON outbox REFERENCING NEW TABLE AS new_row FOR EACH STATEMENT EXECUTE FUNCTION count_rows()'),
	(17, 'outbox', 'TRIGGER @ BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION swallow()'),
	(18, 'outbox', 'TRIGGER @ BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION change()'),
	(19, 'outbox', 'CONSTRAINT TRIGGER @ AFTER INSERT ON outbox DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION fire()'),
	(20, 'payment', 'TRIGGER @ AFTER INSERT ON payment FOR EACH ROW EXECUTE FUNCTION fire()'),
	(21, 'payment', 'TRIGGER @ AFTER INSERT ON payment FOR EACH STATEMENT EXECUTE FUNCTION fire()'),
	(22, 'payment', 'TRIGGER @ AFTER INSERT ON payment REFERENCING NEW TABLE AS new_row FOR EACH STATEMENT EXECUTE FUNCTION count_rows()'),
	(23, 'payment', 'TRIGGER @ BEFORE INSERT ON payment FOR EACH ROW WHEN (NEW.kind = ''payment'') EXECUTE FUNCTION change()'),
	(24, 'payment', 'TRIGGER @ BEFORE INSERT ON payment FOR EACH ROW WHEN (NEW.kind = ''credit_note'') EXECUTE FUNCTION swallow()')
) AS c (n, tab, spec) ORDER BY n;
SELECT test.pay_all();
-- Triggers that are not fired, or only so.
ALTER TABLE invoice DISABLE TRIGGER invoice_guard_update;
SELECT test.pay_all();
ALTER TABLE invoice ENABLE ALWAYS TRIGGER invoice_guard_update;
SELECT test.pay_all();
-- A guard of a user's own making, on what the engine writes, is obeyed.
CREATE TRIGGER g BEFORE UPDATE ON invoice FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_rows();
SELECT test.pay_all();
DROP TRIGGER g ON invoice;
CREATE TRIGGER g BEFORE INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_rows();
SELECT test.pay_all();
DROP TRIGGER g ON outbox;

-- A condition that is STABLE sees what was written before the row, as in SQL.
CREATE FUNCTION status_of(bigint) RETURNS text STABLE LANGUAGE sql AS
	'SELECT status::text FROM invoice WHERE invoice_id = $1';
SELECT with_trigger('outbox', 'TRIGGER @ AFTER INSERT ON outbox FOR EACH ROW
	WHEN (NEW.kind = ''invoice_updated'' AND status_of(NEW.invoice_id) = ''paid'') EXECUTE FUNCTION fire()');

-- A trigger catches the error of an engine call that it makes, and the call that
-- it was fired by goes on.
CREATE FUNCTION fail_and_go_on() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM regpaydb.pay(-1, 1, 'nothing');
	RETURN NULL;
EXCEPTION WHEN SQLSTATE 'RP002' THEN
	INSERT INTO fired (what) VALUES ('caught');
	RETURN NULL;
END $$;
SELECT n, with_trigger(tab, format('TRIGGER @ AFTER %s ON %s FOR EACH ROW EXECUTE FUNCTION fail_and_go_on()', event, tab))
FROM (VALUES (1, 'outbox', 'INSERT'), (2, 'invoice', 'UPDATE'), (3, 'payment', 'INSERT')) AS c (n, tab, event) ORDER BY n;

-- A trigger on the outbox pays the next invoice, and so on: calls within calls.
SELECT min(i) AS first, max(i) AS last FROM (SELECT test.invoice(2, 10) AS i FROM generate_series(1, 20)) AS made \gset
CREATE FUNCTION pay_next() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	IF NEW.kind = 'invoice_updated' AND EXISTS (SELECT FROM invoice WHERE invoice_id = NEW.invoice_id + 1) THEN
		PERFORM regpaydb.pay(NEW.invoice_id + 1, 10, 'chain');
	END IF;
	RETURN NULL;
END $$;
CREATE TRIGGER t AFTER INSERT ON outbox FOR EACH ROW EXECUTE FUNCTION pay_next();
INSERT INTO payment (invoice_id, amount) VALUES (:first, 10);
SELECT status, count(*) FROM invoice WHERE invoice_id BETWEEN :first AND :last GROUP BY 1;
DROP TRIGGER t ON outbox;
SELECT * FROM regpaydb.check_integrity();

-- ---------------------------------------------------------------------------
-- 5. Several calls in one query see what the ones before have written.
-- ---------------------------------------------------------------------------
SELECT test.invoice(1, 100) AS invoice \gset
SELECT regpaydb.pay(:invoice, 30, '') > 0 AS a, regpaydb.pay(:invoice, 30, '') > 0 AS b, regpaydb.pay(:invoice, 30, '') > 0 AS c;
SELECT count(regpaydb.pay(:invoice, 1, '')) FROM generate_series(1, 9);
WITH p AS (INSERT INTO payment (invoice_id, amount) VALUES (:invoice, 1) RETURNING invoice_id)
SELECT test.raises(format('SELECT regpaydb.pay(%s, 1, '''')', invoice_id)) FROM p;
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :invoice;
-- A transaction that only reads.
BEGIN READ ONLY;
SELECT regpaydb.balance_due(:invoice);
SELECT test.raises(format('SELECT regpaydb.update_status(%s)', :invoice));
SELECT test.raises(format('SELECT regpaydb.void_invoice(%s)', :invoice));
COMMIT;

SET search_path = public;
DROP FUNCTION test.pay_all, test.pay_all_with;
