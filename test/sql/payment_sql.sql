-- Payments by plain SQL: whatever statement inserts them, it settles each
-- invoice that it touches, once.
SET client_min_messages = warning;
SELECT test.new_ledger('payment_sql');
UPDATE conference SET auto_apply_credit = false;
CREATE FUNCTION test.invoices(ids bigint[])
	RETURNS TABLE (invoice_id bigint, status regpaydb.invoice_status, value numeric,
		paid numeric, payment_count bigint, notes text)
	LANGUAGE sql SET search_path = payment_sql AS $$
	SELECT i.invoice_id, i.status, i.value, i.paid, i.payment_count,
		(SELECT string_agg(n.value::text, ', ' ORDER BY n.credit_note_id)
		FROM credit_note n JOIN payment p ON p.payment_id = n.credit_note_id
		WHERE p.invoice_id = i.invoice_id)
	FROM invoice i WHERE i.invoice_id = ANY (ids) ORDER BY 1
$$;

-- Thirty invoices of 100 each, numbers 1 to 30.
SELECT count(test.invoice(1 + n % 2, 100)) FROM generate_series(1, 30) n;

-- One row.
INSERT INTO payment (invoice_id, amount, reference) VALUES (1, 100, 'one row');
SELECT * FROM test.invoices('{1}');

-- Many rows, many invoices: exact, part, over.
INSERT INTO payment (invoice_id, amount) VALUES (4, 130), (2, 100), (3, 99.99);
SELECT * FROM test.invoices('{2,3,4}');

-- Several rows on one invoice are counted together, in whatever order: 60 + 60
-- makes one note of 20, not two; +100 -30 is 70, not a refund; -30 +100 too.
INSERT INTO payment (invoice_id, amount) VALUES (5, 60), (6, 100), (7, -30), (5, 60), (7, 100), (6, -30);
SELECT * FROM test.invoices('{5,6,7}');
-- 250 in three rows: one note of 150.
INSERT INTO payment (invoice_id, amount) VALUES (8, 100), (8, 100), (8, 50);
SELECT * FROM test.invoices('{8}');

-- COPY.
COPY payment (invoice_id, amount, reference, provider, provider_ref) FROM stdin WITH (FORMAT csv);
9,100.00,Full,bank,T1
10,40.00,Part,bank,T2
11,120.00,Over,bank,T3
10,60.00,Rest,bank,T4
\.
SELECT * FROM test.invoices('{9,10,11}');
-- A duplicate reference fails the whole COPY; nothing is left of it.
\set VERBOSITY sqlstate
COPY payment (invoice_id, amount, reference, provider, provider_ref) FROM stdin WITH (FORMAT csv);
12,100.00,New,bank,T5
9,100.00,Told twice,bank,T1
\.
\set VERBOSITY default
SELECT * FROM test.invoices('{9,12}');

-- INSERT ... SELECT.
INSERT INTO payment (invoice_id, amount, reference)
SELECT invoice_id, value, 'all at once' FROM invoice WHERE invoice_id BETWEEN 12 AND 14;
SELECT * FROM test.invoices('{12,13,14}');
-- No rows at all.
INSERT INTO payment (invoice_id, amount) SELECT invoice_id, value FROM invoice WHERE false;

-- ON CONFLICT DO NOTHING: what conflicts is not inserted, and not settled.
INSERT INTO payment (invoice_id, amount, provider, provider_ref) VALUES
	(15, 100, 'bank', 'T1'), (16, 100, 'bank', 'T6') ON CONFLICT DO NOTHING;
SELECT * FROM test.invoices('{9,15,16}');
-- The same rows twice in one statement; then the statement told again.
INSERT INTO payment (invoice_id, amount, provider, provider_ref) VALUES
	(17, 50, 'bank', 'T7'), (17, 50, 'bank', 'T7') ON CONFLICT (provider, provider_ref) DO NOTHING;
INSERT INTO payment (invoice_id, amount, provider, provider_ref) VALUES
	(17, 50, 'bank', 'T7'), (17, 50, 'bank', 'T7') ON CONFLICT (provider, provider_ref) DO NOTHING;
SELECT * FROM test.invoices('{17}');
-- ON CONFLICT DO UPDATE would change a payment: RP011.
SELECT test.raises($$INSERT INTO payment (invoice_id, amount, provider, provider_ref)
	VALUES (17, 60, 'bank', 'T7') ON CONFLICT (provider, provider_ref) DO UPDATE SET amount = 60$$);
-- Without a real conflict it inserts.
INSERT INTO payment (invoice_id, amount, provider, provider_ref)
VALUES (17, 50, 'bank', 'T8') ON CONFLICT (provider, provider_ref) DO UPDATE SET amount = 60;
SELECT * FROM test.invoices('{17}');

-- MERGE.
CREATE TABLE test.bank_statement (invoice_id bigint, amount numeric, ref text);
INSERT INTO test.bank_statement VALUES (18, 100, 'M1'), (19, 30, 'M2'), (9, 100, 'T1');
MERGE INTO payment p USING test.bank_statement s ON p.provider = 'bank' AND p.provider_ref = s.ref
WHEN NOT MATCHED THEN
	INSERT (invoice_id, amount, provider, provider_ref) VALUES (s.invoice_id, s.amount, 'bank', s.ref);
SELECT * FROM test.invoices('{9,18,19}');
-- Again: nothing.
MERGE INTO payment p USING test.bank_statement s ON p.provider = 'bank' AND p.provider_ref = s.ref
WHEN NOT MATCHED THEN
	INSERT (invoice_id, amount, provider, provider_ref) VALUES (s.invoice_id, s.amount, 'bank', s.ref);
SELECT * FROM test.invoices('{9,18,19}');
SELECT test.raises($$MERGE INTO payment p USING test.bank_statement s ON p.provider_ref = s.ref
	WHEN MATCHED THEN DELETE$$);
DROP TABLE test.bank_statement;

-- A writable CTE, and RETURNING.
WITH received AS (
	INSERT INTO payment (invoice_id, amount) VALUES (20, 55), (20, 55) RETURNING invoice_id, amount
)
SELECT invoice_id, sum(amount) FROM received GROUP BY 1;
SELECT * FROM test.invoices('{20}');
INSERT INTO payment (invoice_id, amount, reference) VALUES (21, 100, 'returning')
RETURNING invoice_id, kind, amount, reference, provider, provider_ref, entered_by;
-- Two inserting CTEs on one invoice, in one statement.
WITH a AS (INSERT INTO payment (invoice_id, amount) VALUES (22, 70) RETURNING 1),
	b AS (INSERT INTO payment (invoice_id, amount) VALUES (22, 70) RETURNING 1)
SELECT count(*) FROM a, b;
SELECT * FROM test.invoices('{21,22}');

-- Prepared, and in a function, again and again.
PREPARE pay (bigint, numeric) AS INSERT INTO payment (invoice_id, amount) VALUES ($1, $2);
EXECUTE pay (23, 50);
EXECUTE pay (23, 50);
EXECUTE pay (23, 50);
DEALLOCATE pay;
DO $$ BEGIN FOR n IN 1..4 LOOP INSERT INTO payment (invoice_id, amount) VALUES (24, 30); END LOOP; END $$;
SELECT * FROM test.invoices('{23,24}');

-- Ids of one's own: above all others, and later one below what is posted.
INSERT INTO payment (payment_id, invoice_id, amount) VALUES (1000000, 25, 40);
INSERT INTO payment (payment_id, invoice_id, amount) VALUES (999999, 25, 40);
SELECT * FROM test.invoices('{25}');
INSERT INTO payment (payment_id, invoice_id, amount) VALUES (-5, 25, 10), (999998, 25, 10), (1000001, 26, 1);
SELECT * FROM test.invoices('{25,26}');
-- Numbers from the sequence, which are below all of these.
INSERT INTO payment (invoice_id, amount) VALUES (25, 7), (26, 99);
SELECT regpaydb.pay(27, 150, 'over') > 0 AS paid;
SELECT regpaydb.refund_invoice(26) > 0 AS refunded;
INSERT INTO payment (payment_id, invoice_id, amount) VALUES (0, 26, 3);
SELECT * FROM test.invoices('{25,26,27}');

-- In a transaction with a savepoint: what is rolled back never was.
BEGIN;
INSERT INTO payment (invoice_id, amount) VALUES (28, 60);
SAVEPOINT s;
INSERT INTO payment (invoice_id, amount) VALUES (28, 60);
SELECT * FROM test.invoices('{28}');
ROLLBACK TO s;
SELECT * FROM test.invoices('{28}');
COMMIT;
SELECT * FROM test.invoices('{28}');

-- One statement, ten thousand payments on one invoice.
INSERT INTO payment (invoice_id, amount) SELECT 29, 0.01 FROM generate_series(1, 10000);
SELECT * FROM test.invoices('{29}');

-- Refused.  Credit notes and their applications are the engine's to make; the
-- column's own rules speak before ours.
SELECT statement, test.raises(statement) FROM (VALUES
	(1, 'INSERT INTO payment (invoice_id, amount, kind) VALUES (30, -5, ''credit_note'')'),
	(2, 'INSERT INTO payment (invoice_id, amount, kind) VALUES (30, 5, ''credit_application'')'),
	(3, 'INSERT INTO payment (invoice_id, amount, kind) VALUES (30, 5, ''payment''), (30, 5, ''credit_application'')'),
	(4, 'INSERT INTO payment (invoice_id, amount) VALUES (30, 0)'),
	(5, 'INSERT INTO payment (invoice_id, amount) VALUES (30, 0.004)'),
	(6, 'INSERT INTO payment (invoice_id, amount) VALUES (30, ''NaN'')'),
	(7, 'INSERT INTO payment (invoice_id, amount) VALUES (30, ''Infinity'')'),
	(8, 'INSERT INTO payment (invoice_id, amount) VALUES (30, 1000000000000)'),
	(9, 'INSERT INTO payment (invoice_id, amount) VALUES (30, 999999999999.995)'),
	(10, 'INSERT INTO payment (invoice_id, amount) VALUES (30, NULL)'),
	(11, 'INSERT INTO payment (invoice_id, amount) VALUES (NULL, 5)'),
	(12, 'INSERT INTO payment (invoice_id, amount) VALUES (31, 5)'),
	(13, 'INSERT INTO payment (invoice_id, amount) VALUES (30, 5), (31, 5)'),
	(14, 'INSERT INTO payment (payment_id, invoice_id, amount) VALUES (1, 30, 5)'),
	(15, 'INSERT INTO payment (invoice_id, amount, provider, provider_ref) VALUES (30, 5, ''bank'', ''T1'')'),
	(16, 'INSERT INTO payment (invoice_id, amount, provider, provider_ref) VALUES (30, 5, NULL, ''T9'')'),
	(17, 'INSERT INTO payment (invoice_id, amount, reference) VALUES (30, 5, repeat(''x'', 1000001))'),
	(18, 'INSERT INTO payment (invoice_id, amount, reference) VALUES (30, 5, NULL)'),
	(19, 'INSERT INTO payment (invoice_id, amount) VALUES (30, -5)'),
	(20, 'INSERT INTO payment (invoice_id, amount) VALUES (1, -1), (30, -5)'),
	(21, 'INSERT INTO payment (invoice_id, amount) VALUES (30, 999999999999.99), (30, 0.01)'),
	(22, 'INSERT INTO payment (invoice_id, amount) SELECT 30, 999999999999.99 FROM generate_series(1, 100000)')
) AS refused (n, statement) ORDER BY n;
SELECT * FROM test.invoices('{1,30}');
-- An assignment rounds to two decimals, as it does in every numeric(14,2).
INSERT INTO payment (invoice_id, amount) VALUES (30, 0.005), (30, 1.994) RETURNING amount;
SELECT * FROM test.invoices('{30}');
-- The largest amount there is.
INSERT INTO payment (invoice_id, amount) VALUES (1, 999999999999.99 - 100);
SELECT * FROM test.invoices('{1}');

-- Each change of status was told once.
SELECT new_status, count(*), count(DISTINCT invoice_id) FROM outbox WHERE kind = 'invoice_updated'
GROUP BY 1 ORDER BY 1;
SELECT count(*) AS notes, count(DISTINCT credit_note_id) AS told FROM outbox WHERE kind = 'credit_note_created';

DROP FUNCTION test.invoices(bigint[]);
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
