-- An application's own payment types: tables whose primary key references
-- payment, and credit_note_refund, written in the same transaction.
SET client_min_messages = warning;
SELECT test.new_ledger('subclass');
UPDATE conference SET auto_apply_credit = false;

CREATE TABLE demo_payment (
	payment_id bigint PRIMARY KEY REFERENCES payment,
	card text NOT NULL,
	charge_id text NOT NULL UNIQUE
);
CREATE TABLE demo_refund (
	credit_note_refund_id bigint PRIMARY KEY REFERENCES credit_note_refund,
	refund_id text NOT NULL UNIQUE
);

-- One statement writes both, by pay() ...
SELECT test.invoice(1, 100) AS ticket \gset
INSERT INTO demo_payment
SELECT regpaydb.pay(:ticket, 60, 'Demo payment by user: alice', 'demo', 'ch_1'), '**** 4242', 'ch_1';
-- ... or by plain SQL, with RETURNING; many at once.
WITH p AS (
	INSERT INTO payment (invoice_id, amount, reference, provider, provider_ref)
	VALUES (:ticket, 50, 'Demo payment by user: alice', 'demo', 'ch_2')
	RETURNING payment_id, provider_ref
)
INSERT INTO demo_payment SELECT payment_id, '**** 1111', provider_ref FROM p;
SELECT p.invoice_id = :ticket AS ticket, p.kind, p.amount, d.card, d.charge_id
FROM payment p LEFT JOIN demo_payment d USING (payment_id) ORDER BY payment_id;
SELECT status, paid FROM invoice WHERE invoice_id = :ticket;

-- What fails in the application's table takes the payment with it.
SELECT test.invoice(1, 30) AS dinner \gset
SELECT test.raises(format('INSERT INTO demo_payment SELECT regpaydb.pay(%s, 30, ''x'', ''demo'', ''ch_3''), ''**** 4242'', ''ch_1''', :dinner));
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :dinner;
SELECT count(*) FROM payment WHERE provider_ref = 'ch_3';
-- A rollback takes both.
BEGIN;
INSERT INTO demo_payment SELECT regpaydb.pay(:dinner, 30, 'x', 'demo', 'ch_3'), '**** 4242', 'ch_3';
SELECT status, paid FROM invoice WHERE invoice_id = :dinner;
ROLLBACK;
SELECT status, paid FROM invoice WHERE invoice_id = :dinner;
SELECT count(*) AS demo_payments FROM demo_payment;
-- A webhook that comes twice: pay() returns the first payment's id, which the
-- application's table has already.
INSERT INTO demo_payment SELECT regpaydb.pay(:dinner, 30, 'x', 'demo', 'ch_3'), '**** 4242', 'ch_3'
ON CONFLICT (payment_id) DO NOTHING;
INSERT INTO demo_payment SELECT regpaydb.pay(:dinner, 30, 'x', 'demo', 'ch_3'), '**** 4242', 'ch_3'
ON CONFLICT (payment_id) DO NOTHING;
SELECT count(*) AS demo_payments FROM demo_payment;
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :dinner;

-- The same for refunds.
SELECT regpaydb.refund_invoice(:ticket) AS note \gset
INSERT INTO demo_refund SELECT regpaydb.refund_credit_note(:note, 'Refunded to **** 4242', 900), 're_1';
SELECT n.value, n.state, r.reference, r.entered_by, d.refund_id
FROM demo_refund d JOIN credit_note_refund r USING (credit_note_refund_id) JOIN credit_note n USING (credit_note_id);
SELECT regpaydb.refund_invoice(:dinner) AS note \gset
BEGIN;
INSERT INTO demo_refund SELECT regpaydb.refund_credit_note(:note, 'Refunded to **** 4242'), 're_2';
SELECT state FROM credit_note WHERE credit_note_id = :note;
ROLLBACK;
SELECT state FROM credit_note WHERE credit_note_id = :note;
SELECT test.raises(format('INSERT INTO demo_refund SELECT regpaydb.refund_credit_note(%s, ''x''), ''re_1''', :note));
SELECT state, (SELECT count(*) FROM credit_note_refund) AS refunds FROM credit_note WHERE credit_note_id = :note;

-- The other way round: the parent row can't go.
SELECT test.raises('DELETE FROM payment'), test.raises('TRUNCATE payment CASCADE');

-- Columns, indexes and triggers of one's own on the ledger's tables.
ALTER TABLE payment ADD COLUMN fee numeric(14,2) NOT NULL DEFAULT 0.25, ADD COLUMN note text;
CREATE INDEX ON payment (fee);
CREATE FUNCTION test.stamp() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	NEW.note := coalesce(NEW.note, 'stamped ' || NEW.kind);
	RETURN NEW;
END $$;
CREATE TRIGGER stamp BEFORE INSERT ON payment FOR EACH ROW EXECUTE FUNCTION test.stamp();
SELECT test.invoice(2, 10) AS workshop \gset
INSERT INTO payment (invoice_id, amount, fee) VALUES (:workshop, 4, 1.5);
SELECT regpaydb.pay(:workshop, 8, 'x') > 0 AS paid;
SELECT kind, amount, fee, note FROM payment WHERE invoice_id = :workshop ORDER BY payment_id;
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :workshop;
-- A column is dropped, and made again with another type.
ALTER TABLE payment DROP COLUMN fee;
ALTER TABLE payment ADD COLUMN fee text;
SELECT test.invoice(2, 10) AS tour \gset
INSERT INTO payment (invoice_id, amount) VALUES (:tour, 12);
SELECT regpaydb.refund_invoice(:tour) > 0 AS refunded;
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :tour;
DROP TRIGGER stamp ON payment;
DROP FUNCTION test.stamp();

SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
