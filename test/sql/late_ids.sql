-- Payments whose ids are below one that is counted: new ones, that a session got
-- before it waited, are counted, and looking at the latest of an invoice's is
-- enough to tell; restored ones are not, whatever the session knows.
SELECT test.new_ledger('late_ids');
UPDATE conference SET auto_apply_credit = false;
SELECT test.invoice(1, 9000) AS invoice;

-- How many payments a statement reads, by which index ever.
CREATE FUNCTION reads(statement text) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	before bigint;
	read bigint;
BEGIN
	before := idx_tup_fetch + seq_tup_read FROM pg_stat_xact_user_tables WHERE relid = 'payment'::regclass;
	EXECUTE statement;
	read := idx_tup_fetch + seq_tup_read - before FROM pg_stat_xact_user_tables WHERE relid = 'payment'::regclass;
	RETURN read;
END
$$;
CREATE VIEW state AS SELECT status, paid, payment_count, last_payment_id,
	(SELECT count(*) FROM integrity_problem) AS problems FROM invoice;

-- Even ids in their order, odd ones late.
INSERT INTO payment (payment_id, invoice_id, amount) SELECT g, 1, 1 FROM generate_series(2, 2000, 2) g;
SELECT reads('INSERT INTO payment (payment_id, invoice_id, amount) VALUES (1999, 1, 1)') >= 1000 AS "the first reads all";
SELECT reads('INSERT INTO payment (payment_id, invoice_id, amount) VALUES (1997, 1, 1)') >= 1000 AS "and the next";
INSERT INTO payment (payment_id, invoice_id, amount) SELECT g, 1, 1 FROM generate_series(2002, 2080, 2) g;
SELECT reads('INSERT INTO payment (payment_id, invoice_id, amount) VALUES (2079, 1, 1)') >= 1000 AS "one more";
SELECT reads('INSERT INTO payment (payment_id, invoice_id, amount) VALUES (2077, 1, 1)') < 100 AS "then the latest";
SELECT reads('INSERT INTO payment (payment_id, invoice_id, amount) VALUES (2075, 1, 1), (2073, 1, 1)') < 100 AS "of several";
SELECT * FROM state;
-- One that is later than that is counted too.
INSERT INTO payment (payment_id, invoice_id, amount) VALUES (3, 1, 1);
INSERT INTO payment (payment_id, invoice_id, amount) VALUES (2071, 1, 1);
SELECT * FROM state;

-- Restored: all above the milestone, some of them, one and a new one with it.
CREATE FUNCTION advance(first bigint) RETURNS void LANGUAGE sql AS $$
	INSERT INTO payment (payment_id, invoice_id, amount) SELECT g, 1, 1 FROM generate_series(first, first + 98, 2) g
$$;
SELECT advance(2102);
INSERT INTO payment (payment_id, invoice_id, amount) VALUES (2199, 1, 1);
SELECT advance(2202);
INSERT INTO payment (payment_id, invoice_id, amount) VALUES (2299, 1, 1);
CREATE TABLE saved AS TABLE payment;
CREATE PROCEDURE lose(lost bigint[]) LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL session_replication_role = replica;
	DELETE FROM payment WHERE payment_id = ANY (lost);
END
$$;
CREATE FUNCTION restore(lost bigint[]) RETURNS bigint LANGUAGE sql AS $$
	SELECT reads(format('INSERT INTO payment OVERRIDING SYSTEM VALUE SELECT * FROM saved WHERE payment_id = ANY (%L)', lost))
$$;
SELECT * FROM state;
CALL lose('{2300}');
SELECT restore('{2300}') > 0 AS restored;
SELECT * FROM state;
CALL lose('{2299,2298,1}');
SELECT restore('{2299}') > 0 AS restored, restore('{2298,1}') > 0 AS restored;
SELECT * FROM state;
SELECT array_agg(payment_id) AS last FROM saved WHERE payment_id > 2200 \gset
CALL lose(:'last');
SELECT restore(:'last') > 0 AS restored;
SELECT * FROM state;
CALL lose('{2298}');
INSERT INTO payment (payment_id, invoice_id, amount) VALUES (2298, 1, 1), (2297, 1, 1);
SELECT * FROM state;

-- Restored: some that come to nothing.
INSERT INTO payment (payment_id, invoice_id, amount) VALUES (2291, 1, 5), (2289, 1, -5);
INSERT INTO saved SELECT * FROM payment WHERE payment_id IN (2291, 2289);
CALL lose('{2291,2289}');
SELECT restore('{2291,2289}') > 0 AS restored;
SELECT * FROM state;

-- Recorded again beside others that were never counted: that is mended with it.
-- Which of them a restore brings back can't be told, so all are of today.
CREATE FUNCTION record_again(lost bigint[]) RETURNS bigint LANGUAGE sql AS $$
	SELECT reads(format('INSERT INTO payment (payment_id, invoice_id, amount) SELECT payment_id, invoice_id, amount FROM saved WHERE payment_id = ANY (%L)', lost))
$$;
CREATE PROCEDURE slip_in(slipped bigint, worth numeric) LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL session_replication_role = replica;
	INSERT INTO payment (payment_id, invoice_id, amount) VALUES (slipped, 1, worth);
END
$$;
CALL lose('{2298}');
CALL slip_in(2295, 2);
SELECT test.raises('SELECT restore(''{2298}'')');
SELECT record_again('{2298}') > 0 AS recorded;
SELECT * FROM state;
CALL lose('{2298}');
CALL slip_in(2293, 1);
SELECT record_again('{2298}') > 0 AS recorded;
SELECT * FROM state;

-- Restored after as many were counted in a transaction that was rolled back.
BEGIN;
SELECT advance(2302);
INSERT INTO payment (payment_id, invoice_id, amount) VALUES (2399, 1, 1);
INSERT INTO payment (payment_id, invoice_id, amount) VALUES (2397, 1, 1);
ROLLBACK;
CALL lose('{2298,2296}');
SELECT restore('{2298}') > 0 AS restored, restore('{2296}') > 0 AS restored;
SELECT * FROM state;

-- Counted by a trigger, before its statement is.
CREATE FUNCTION count_it() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	PERFORM regpaydb.update_status(NEW.invoice_id);
	RETURN NULL;
END
$$;
SELECT advance(2402);
INSERT INTO payment (payment_id, invoice_id, amount) VALUES (2499, 1, 1);
CREATE TRIGGER a AFTER INSERT ON payment FOR EACH ROW EXECUTE FUNCTION count_it();
INSERT INTO payment (payment_id, invoice_id, amount) VALUES (2497, 1, 1);
INSERT INTO payment (payment_id, invoice_id, amount) VALUES (2495, 1, 1), (2493, 1, 1);
SELECT * FROM state;
