-- Tables that their owner has done something to that only newer versions of
-- PostgreSQL can do (18: columns that are computed when they are read, constraints
-- that are not enforced or not validated).  The others say that they know nothing of it.
SET client_min_messages = warning;
SELECT test.new_ledger('odd_versions');
UPDATE conference SET auto_apply_credit = false;
SELECT n, test.with_change(change, 'SELECT test.pay_all()') FROM (VALUES
	-- Virtual columns
	(1, 'ALTER TABLE invoice ADD due numeric GENERATED ALWAYS AS (value - paid) VIRTUAL'),
	(2, 'ALTER TABLE payment ADD cents bigint GENERATED ALWAYS AS (amount * 100) VIRTUAL'),
	(3, 'ALTER TABLE outbox ADD ten bigint GENERATED ALWAYS AS (invoice_id * 10) VIRTUAL'),
	(4, 'ALTER TABLE invoice ADD due numeric GENERATED ALWAYS AS (value - paid) VIRTUAL CHECK (due >= 0)'),
	(5, 'ALTER TABLE invoice ADD due numeric GENERATED ALWAYS AS (value - paid) VIRTUAL, ADD CHECK (due > 50) NOT VALID'),
	(6, 'ALTER TABLE invoice ADD due numeric GENERATED ALWAYS AS (nullif(value - paid, 0)) VIRTUAL NOT NULL'),
	(7, 'ALTER TABLE payment ADD cents bigint GENERATED ALWAYS AS (amount * 100) VIRTUAL CHECK (cents < 10000)'),
	(8, 'ALTER TABLE outbox ADD v bigint GENERATED ALWAYS AS (outbox_id * 2) VIRTUAL, ADD s bigint GENERATED ALWAYS AS (outbox_id * 2) STORED, ADD CHECK (v = s)'),
	(9, 'ALTER TABLE invoice ADD due numeric GENERATED ALWAYS AS (value - paid) VIRTUAL;
		CREATE FUNCTION refuse() RETURNS trigger LANGUAGE plpgsql AS $f$ BEGIN RAISE ''due: %'', NEW.due; END $f$;
		CREATE TRIGGER t AFTER UPDATE ON invoice FOR EACH ROW WHEN (NEW.due < OLD.due) EXECUTE FUNCTION refuse()'),
	(10, 'ALTER TABLE outbox DROP cart_id; ALTER TABLE outbox ADD cart_id bigint GENERATED ALWAYS AS (outbox_id) VIRTUAL'),
	-- Constraints that are not enforced, or not yet
	(11, 'ALTER TABLE payment ADD CHECK (amount < 0) NOT ENFORCED'),
	(12, 'ALTER TABLE invoice ADD CHECK (paid < 0) NOT ENFORCED, ADD CHECK (paid < 100) NOT VALID'),
	(13, 'ALTER TABLE outbox ADD CHECK (outbox_id < 0) NOT ENFORCED, ADD CHECK (outbox_id > 0)'),
	(14, 'ALTER TABLE payment ALTER CONSTRAINT payment_invoice_id_fkey NOT ENFORCED'),
	(15, 'ALTER TABLE outbox ADD CONSTRAINT other FOREIGN KEY (outbox_id) REFERENCES staff (user_id) NOT ENFORCED'),
	(16, 'ALTER TABLE outbox ADD CONSTRAINT other FOREIGN KEY (outbox_id) REFERENCES staff (user_id) NOT ENFORCED;
		ALTER TABLE outbox ALTER CONSTRAINT other ENFORCED'),
	(17, 'ALTER TABLE outbox ADD x int; ALTER TABLE outbox ADD CONSTRAINT x NOT NULL x NOT VALID'),
	(18, 'ALTER TABLE payment ADD x int DEFAULT 1; ALTER TABLE payment ADD CONSTRAINT x NOT NULL x NOT VALID')
) AS c (n, change) ORDER BY n;
-- Without its foreign key, too, there is no payment without an invoice.
SELECT test.with_change('ALTER TABLE payment ALTER CONSTRAINT payment_invoice_id_fkey NOT ENFORCED', q.call) FROM (VALUES
	('SELECT regpaydb.pay(1000, 10, '''')'),
	('INSERT INTO payment (invoice_id, amount) VALUES (1000, 10) RETURNING payment_id'),
	('INSERT INTO payment (invoice_id, amount) SELECT 1000 + n, 10 FROM generate_series(1, 20) n RETURNING payment_id')) AS q (call);
SELECT * FROM regpaydb.check_integrity();
SET search_path = public;
