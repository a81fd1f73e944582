-- regpaydb.update_status() collects an invoice's payments afresh.  It repairs
-- what a load with triggers disabled left behind, and does nothing otherwise.
SET client_min_messages = warning;
SELECT test.new_ledger('update_status');
UPDATE conference SET auto_apply_credit = false;

-- Payments loaded with triggers disabled, on invoices in every state.
CREATE TABLE test.load (n int, what text, value numeric, before text, loaded numeric[], invoice_id bigint);
INSERT INTO test.load VALUES
	(1, 'unpaid: nothing', 100, 'unpaid', '{}'),
	(2, 'unpaid: a part', 100, 'unpaid', '{30}'),
	(3, 'unpaid: exactly', 100, 'unpaid', '{30,70}'),
	(4, 'unpaid: over', 100, 'unpaid', '{60,60}'),
	(5, 'unpaid: sum of zero', 100, 'unpaid', '{50,-50}'),
	(6, '40 paid: the rest', 100, '40', '{60}'),
	(7, '40 paid: over', 100, '40', '{100}'),
	(8, '40 paid: taken back', 100, '40', '{-40}'),
	(9, 'paid: more', 100, 'paid', '{5}'),
	(10, 'paid: less', 100, 'paid', '{-30}'),
	(11, 'paid: all back', 100, 'paid', '{-100}'),
	(12, 'paid: there and back', 100, 'paid', '{20,-20}'),
	(13, 'refunded: more', 100, 'refunded', '{25}'),
	(14, 'void: more', 100, 'void', '{25,25}'),
	(15, 'value 0: some', 0, 'unpaid', '{10}');
DO $$
DECLARE
	l record;
	id bigint;
BEGIN
	FOR l IN SELECT * FROM test.load ORDER BY n LOOP
		id := test.invoice(1, l.value);
		IF l.before IN ('paid', 'refunded') THEN PERFORM regpaydb.pay(id, l.value, ''); END IF;
		IF l.before = '40' THEN PERFORM regpaydb.pay(id, 40, ''); END IF;
		IF l.before = 'refunded' THEN PERFORM regpaydb.refund_invoice(id); END IF;
		IF l.before = 'void' THEN PERFORM regpaydb.void_invoice(id); END IF;
		UPDATE test.load SET invoice_id = id WHERE n = l.n;
	END LOOP;
END $$;
DELETE FROM outbox;
ALTER TABLE payment DISABLE TRIGGER USER;
INSERT INTO payment (invoice_id, amount, reference)
SELECT invoice_id, unnest(loaded), 'loaded' FROM test.load ORDER BY n;
ALTER TABLE payment ENABLE TRIGGER USER;
-- All but the first are found.
SELECT count(DISTINCT object) FROM regpaydb.check_integrity() WHERE object LIKE 'invoice%';

-- Repaired: by the state machine's rules.
SELECT what, loaded, i.status AS before, regpaydb.update_status(l.invoice_id) AS after
FROM test.load l JOIN invoice i USING (invoice_id) ORDER BY n;
SELECT what, status, i.value, paid, payment_count,
	(SELECT string_agg(c.value::text, ', ' ORDER BY c.credit_note_id) FROM credit_note c
		JOIN payment p ON p.payment_id = c.credit_note_id WHERE p.invoice_id = i.invoice_id) AS notes,
	(SELECT string_agg(o.kind || coalesce(' ' || o.new_status, ''), ', ' ORDER BY o.outbox_id) FROM outbox o
		WHERE o.invoice_id = i.invoice_id) AS told
FROM test.load l JOIN invoice i USING (invoice_id) ORDER BY n;
SELECT * FROM regpaydb.check_integrity();

-- Again: nothing happens.
SELECT count(*) AS payments, (SELECT count(*) FROM outbox) AS told FROM payment \gset
SELECT count(regpaydb.update_status(invoice_id)) FROM invoice;
SELECT count(*) = :payments AS no_payments, (SELECT count(*) = :told FROM outbox) AS nothing_told FROM payment;

-- After a repair everything works as before: later payments are counted once,
-- whatever their number is.
SELECT invoice_id AS part FROM test.load WHERE n = 2 \gset
INSERT INTO payment (payment_id, invoice_id, amount) VALUES (-1, :part, 20);
SELECT regpaydb.pay(:part, 55, '') > 0 AS paid;
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :part;

-- Payments that were not seen are found by the next payment, too?  No: it adds
-- what it brings; update_status is what collects.
SELECT test.invoice(2, 100) AS late \gset
ALTER TABLE payment DISABLE TRIGGER USER;
INSERT INTO payment (invoice_id, amount) VALUES (:late, 10);
ALTER TABLE payment ENABLE TRIGGER USER;
SELECT regpaydb.pay(:late, 20, '') > 0 AS paid;
SELECT regpaydb.update_status(:late);
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :late;

-- A load with session_replication_role = replica, as replication and some
-- restores do it.
SELECT test.invoice(2, 100) AS replicated \gset
SET session_replication_role = replica;
INSERT INTO payment (invoice_id, amount) VALUES (:replicated, 100);
RESET session_replication_role;
SELECT status, paid FROM invoice WHERE invoice_id = :replicated;
SELECT regpaydb.update_status(:replicated);
SELECT status, paid FROM invoice WHERE invoice_id = :replicated;

-- Loaded with more taken out than put in: refused, and nothing changes.
SELECT test.invoice(2, 100) AS overdrawn \gset
BEGIN;
ALTER TABLE payment DISABLE TRIGGER USER;
INSERT INTO payment (invoice_id, amount) VALUES (:overdrawn, -10);
ALTER TABLE payment ENABLE TRIGGER USER;
SELECT test.raises(format('SELECT regpaydb.update_status(%s)', :overdrawn));
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :overdrawn;
ROLLBACK;

SELECT test.raises('SELECT regpaydb.update_status(999999)'), test.raises('SELECT regpaydb.update_status(NULL)');
DROP TABLE test.load;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
