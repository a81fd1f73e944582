-- Who may view an invoice, and access codes.
SET client_min_messages = warning;
SELECT test.new_ledger('access');
SELECT test.invoice(1, 100) AS alices \gset
SELECT test.invoice(2, 100) AS bobs \gset

-- Every combination, in a transaction that only reads: can_view never writes.
-- True for its attendee (101), for staff (900), for its attendee's code.
BEGIN READ ONLY;
SELECT u.user_id, c.code,
	regpaydb.can_view(:alices, u.user_id, c.code) AS alices,
	regpaydb.can_view(:bobs, u.user_id, c.code) AS bobs,
	regpaydb.can_view(999999, u.user_id, c.code) AS unknown,
	regpaydb.can_view(NULL, u.user_id, c.code) AS none
FROM unnest(ARRAY[NULL, 101, 102, 900, 555, 0, -101]) WITH ORDINALITY u (user_id, n),
	unnest(ARRAY[NULL, 'ALICES-CODE', 'BOBS-CODE', '', 'alices-code', 'ALICES-COD', 'ALICES-CODE ', 'ALICES-CODEALICES-CODE', 'x'])
		WITH ORDINALITY c (code, m)
ORDER BY n, m;
-- Named, with defaults.
SELECT regpaydb.can_view(:alices) AS nobody,
	regpaydb.can_view(:alices, user_id => 101) AS alice,
	regpaydb.can_view(:alices, access_code => 'ALICES-CODE') AS code,
	regpaydb.can_view(invoice_id => :alices, access_code => 'BOBS-CODE') AS bobs_code,
	regpaydb.can_view(:alices, access_code => repeat('ALICES-CODE', 100000)) AS a_megabyte;
-- What else only reads.
SELECT regpaydb.balance_due(:alices), regpaydb.total_payments(:alices), regpaydb.available_credit(1),
	regpaydb.invoice_for_access_code('ALICES-CODE') = :alices AS found;
SELECT * FROM regpaydb.check_integrity();
SELECT split_part(test.raises(format('SELECT regpaydb.pay(%s, 1, '''')', :alices)), ':', 1) AS writing;
COMMIT;

-- The status of the invoice does not matter.
SELECT regpaydb.void_invoice(:bobs);
SELECT regpaydb.can_view(:bobs, 102), regpaydb.can_view(:bobs, 101), regpaydb.can_view(:bobs, NULL, 'BOBS-CODE');
-- The actor of the session does not matter either: the arguments say who asks.
SET regpaydb.user_id = '101';
SELECT regpaydb.can_view(:bobs, 102), regpaydb.can_view(:alices), regpaydb.can_view(:alices, 102);
RESET regpaydb.user_id;
-- Staff no more.
DELETE FROM staff WHERE user_id = 900;
SELECT regpaydb.can_view(:alices, 900);
-- What is taken back within one snapshot is not remembered: PL/pgSQL keeps
-- call sites until the transaction ends.
CREATE FUNCTION test.kept(invoice bigint) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	may boolean := regpaydb.can_view(invoice, 900);
	lowest bigint := regpaydb.actor_floor('staff');
BEGIN
	RETURN concat_ws(' ', may, 'sees', lowest IS NOT NULL);
END $$;
SET regpaydb.user_id = '900';
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT test.kept(:alices);
SAVEPOINT s;
INSERT INTO staff VALUES (900);
SELECT test.kept(:alices);
ROLLBACK TO s;
SELECT test.kept(:alices);
COMMIT;
RESET regpaydb.user_id;

-- ---------------------------------------------------------------------------
-- invoice_for_access_code: the newest unpaid, else the newest paid, else the
-- newest; ties go to the highest id
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('access_code');
UPDATE conference SET auto_apply_credit = false;
-- No invoice yet, unknown codes (RP002), no code (22004).
SELECT call, test.raises(call) FROM (VALUES
	(1, 'SELECT regpaydb.invoice_for_access_code(''ALICES-CODE'')'),
	(2, 'SELECT regpaydb.invoice_for_access_code(''no such code'')'),
	(3, 'SELECT regpaydb.invoice_for_access_code('''')'),
	(4, 'SELECT regpaydb.invoice_for_access_code(''alices-code'')'),
	(5, 'SELECT regpaydb.invoice_for_access_code(repeat(''x'', 1000000))'),
	(6, 'SELECT regpaydb.invoice_for_access_code(NULL)')) v (n, call) ORDER BY n;
-- Void only: the newest void.
SELECT test.invoice(1, 10) AS i1, test.invoice(2, 10) AS bobs \gset
SELECT regpaydb.void_invoice(:i1);
SELECT regpaydb.invoice_for_access_code('ALICES-CODE') = :i1 AS i1;
SELECT test.invoice(1, 10) AS i2 \gset
SELECT regpaydb.void_invoice(:i2);
SELECT regpaydb.invoice_for_access_code('ALICES-CODE') = :i2 AS i2;
-- A refunded one is as good as a void one: the newest of both.
SELECT test.invoice(1, 10) AS i3 \gset
SELECT regpaydb.pay(:i3, 10, '') > 0 AS paid, regpaydb.refund_invoice(:i3) > 0 AS refunded;
SELECT regpaydb.invoice_for_access_code('ALICES-CODE') = :i3 AS i3;
-- A paid one, before newer void ones.
SELECT test.invoice(1, 10) AS i4 \gset
SELECT regpaydb.pay(:i4, 10, '') > 0 AS paid;
SELECT test.invoice(1, 10) AS i5 \gset
SELECT regpaydb.void_invoice(:i5);
SELECT regpaydb.invoice_for_access_code('ALICES-CODE') = :i4 AS i4;
-- An unpaid one, before newer paid ones.
SELECT test.invoice(1, 10) AS i6 \gset
SELECT test.invoice(1, 0) AS i7 \gset
SELECT regpaydb.invoice_for_access_code('ALICES-CODE') = :i6 AS i6;
-- The newest of several unpaid ones; of one moment, the highest id.
SELECT test.invoice(1, 10) AS i8 \gset
SELECT regpaydb.invoice_for_access_code('ALICES-CODE') = :i8 AS i8;
BEGIN;
SELECT test.invoice(1, 10) AS i9 \gset
SELECT test.invoice(1, 10) AS i10 \gset
COMMIT;
SELECT regpaydb.invoice_for_access_code('ALICES-CODE') = :i10 AS i10;
-- New is what was issued last, not what has the highest id.
INSERT INTO invoice (invoice_id, attendee_id, value, issue_time) VALUES (5000, 1, 0, now() - interval '1 year');
SELECT regpaydb.invoice_for_access_code('ALICES-CODE') = :i10 AS i10;
SELECT regpaydb.update_status(5000);
-- Bob's code finds Bob's.
SELECT regpaydb.invoice_for_access_code('BOBS-CODE') = :bobs AS bobs;

-- ---------------------------------------------------------------------------
-- Codes: made by default, unique, replaced by rotate_access_code
-- ---------------------------------------------------------------------------
INSERT INTO attendee (user_id) SELECT n FROM generate_series(1001, 1500) n;
SELECT count(*), count(DISTINCT access_code), bool_and(access_code ~ '^[2-9A-HJ-NP-Z]{16}$') AS well_formed
FROM attendee WHERE user_id > 1000;
-- Longer ones on demand; a code of one's own is kept, but must be unique.
UPDATE conference SET access_code_length = 40;
INSERT INTO attendee (user_id) VALUES (2001);
SELECT length(access_code) FROM attendee WHERE user_id = 2001;
UPDATE conference SET access_code_length = 16;
SELECT statement, split_part(test.raises(statement), ':', 1) FROM (VALUES
	(1, 'INSERT INTO attendee (user_id, access_code) VALUES (2002, ''ALICES-CODE'')'),
	(2, 'INSERT INTO attendee (user_id, access_code) VALUES (2002, '''')'),
	(3, 'INSERT INTO attendee (user_id) VALUES (101)'),
	(4, 'UPDATE conference SET access_code_length = 5'),
	(5, 'UPDATE conference SET access_code_length = 1000')) v (n, statement) ORDER BY n;

-- A new code; the old one stops working at once.
SELECT regpaydb.rotate_access_code(1) AS code \gset
SELECT :'code' ~ '^[2-9A-HJ-NP-Z]{16}$' AS well_formed, :'code' <> 'ALICES-CODE' AS new;
SELECT access_code = :'code' AS stored FROM attendee WHERE attendee_id = 1;
SELECT regpaydb.can_view(:i10, access_code => 'ALICES-CODE') AS old_code, regpaydb.can_view(:i10, access_code => :'code') AS new_code;
SELECT test.raises('SELECT regpaydb.invoice_for_access_code(''ALICES-CODE'')');
SELECT regpaydb.invoice_for_access_code(:'code') = :i10 AS i10;
SELECT regpaydb.can_view(:bobs, access_code => 'BOBS-CODE') AS bobs_code;
SELECT regpaydb.rotate_access_code(1) <> :'code' AS another;
SELECT test.raises('SELECT regpaydb.rotate_access_code(999999)'), test.raises('SELECT regpaydb.rotate_access_code(NULL)');

SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
SET regpaydb.ledger = 'access';
SELECT * FROM regpaydb.check_integrity();
