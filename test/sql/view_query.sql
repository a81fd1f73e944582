-- can_view in queries that call it for many rows: it keeps its tables open while
-- one runs, and what it has checked holds for as long as nothing has changed.
SET client_min_messages = warning;		-- leaks would be warned of
SELECT test.new_ledger('other_view');
SELECT test.invoice(2, 100) AS others_bobs \gset
SELECT test.new_ledger('view_query');
SELECT test.invoice(1, 100) AS alices \gset
SELECT test.invoice(2, 100) AS bobs \gset
CREATE ROLE regress_viewer;
CREATE ROLE regress_viewers;
GRANT EXECUTE ON FUNCTION regpaydb.can_view TO regress_viewer;
GRANT USAGE ON SCHEMA view_query, regpaydb, test TO regress_viewer;
GRANT SELECT ON view_query.invoice TO regress_viewers;
GRANT regress_viewers TO regress_viewer;

-- The same answers in any order of users, whose numbers share places (900 + 128).
SELECT string_agg(left(regpaydb.can_view(i, u, c)::text, 1), '' ORDER BY n) AS answers
FROM (VALUES (1, :alices, 900, NULL), (2, :alices, 1028, NULL), (3, :bobs, 900, NULL), (4, 999999, 900, NULL),
	(5, :alices, 101, NULL), (6, :bobs, 101, NULL), (7, :bobs, 101, 'BOBS-CODE'), (8, :alices, 900, 'x'),
	(9, NULL, 900, NULL), (10, :bobs, NULL, 'BOBS-CODE'), (11, :alices, NULL, 'BOBS-CODE'), (12, :alices, 0, NULL),
	(13, :alices, -124, NULL), (14, 999999, 1028, 'BOBS-CODE'), (15, :bobs, 102, 'x'), (16, :alices, NULL, NULL),
	(17, :bobs, NULL, 'BOBS-CODEBOBS-CODE'), (18, :bobs, NULL, 'BOBS-COD'), (19, :bobs, NULL, '')) v (n, i, u, c);

-- In every kind of query.
CREATE TABLE public.users AS SELECT u FROM unnest(ARRAY[101, 102, 900, 555]) u, generate_series(1, 3);
SELECT count(*) FROM public.users WHERE regpaydb.can_view(:alices, u);
SELECT count(*) FROM public.users WHERE regpaydb.can_view(:alices, u) AND NOT regpaydb.can_view(:bobs, u);
SELECT DISTINCT u FROM public.users a WHERE EXISTS (SELECT FROM public.users b WHERE regpaydb.can_view(:bobs, a.u) OFFSET 2) ORDER BY u;
SELECT regpaydb.can_view(:alices, u) FROM public.users ORDER BY u LIMIT 4;
CREATE TABLE public.answers AS SELECT u, regpaydb.can_view(:alices, u) AS may FROM public.users;
INSERT INTO public.answers SELECT u, regpaydb.can_view(:bobs, u) FROM public.users;
UPDATE public.answers SET may = regpaydb.can_view(999999, u) WHERE regpaydb.can_view(:alices, u) AND u = 101;
SELECT u, count(*) FILTER (WHERE may) FROM public.answers GROUP BY u ORDER BY u;
COPY (SELECT DISTINCT regpaydb.can_view(:alices, u) FROM public.users WHERE u = 900) TO STDOUT;
DO $$
DECLARE
	may boolean;
	seen int := 0;
BEGIN
	FOR may IN SELECT regpaydb.can_view(invoice_id, u) FROM view_query.invoice, public.users LOOP
		seen := seen + may::int;
		COMMIT;
	END LOOP;
	FOR may IN SELECT regpaydb.can_view(invoice_id, u) FROM view_query.invoice, public.users LOOP
		seen := seen + may::int;
		ROLLBACK;
		EXIT WHEN seen > 15;
	END LOOP;
	RAISE WARNING '% seen', seen;
END $$;
-- With everything in another session's way of asking: prepared, by a generic plan.
SET plan_cache_mode = force_generic_plan;
PREPARE views AS SELECT count(*) FROM public.users WHERE regpaydb.can_view($1, u);
EXECUTE views(:alices);
EXECUTE views(:bobs);
EXECUTE views(999999);
RESET plan_cache_mode;

-- A cursor that is read on after the role, its privileges, or memberships changed.
SET search_path = view_query, public;
GRANT SELECT ON public.users TO regress_viewer;
SET ROLE regress_viewer;
BEGIN;
DECLARE c CURSOR FOR SELECT regpaydb.can_view(1, u) FROM public.users;
FETCH 6 c;
RESET ROLE;
FETCH 2 c;
SET ROLE regress_viewers;
FETCH c;
ROLLBACK;
RESET ROLE;
-- (All in one subtransaction: a call does not stay open in one of the cursor's.)
CREATE FUNCTION test.after(change text, back text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	c refcursor;
	may boolean;
	result text := '';
BEGIN
	SET LOCAL ROLE regress_viewer;
	OPEN c FOR SELECT regpaydb.can_view(1, 900) FROM generate_series(1, 10);
	FOR i IN 1 .. 4 LOOP
		IF i = 4 THEN
			RESET ROLE;
			EXECUTE change;
			SET LOCAL ROLE regress_viewer;
		END IF;
		FETCH c INTO may;
		result := result || may || ' ';
	END LOOP;
	RESET ROLE;
	CLOSE c;
	EXECUTE back;
	RETURN result;
EXCEPTION WHEN OTHERS THEN
	RETURN result || SQLSTATE;
END $$;
SELECT n, change, test.after(change, back) FROM (VALUES
	(1, 'SELECT 1', 'SELECT 1'),
	(2, 'REVOKE SELECT ON view_query.invoice FROM regress_viewers', 'GRANT SELECT ON view_query.invoice TO regress_viewers'),
	(3, 'REVOKE regress_viewers FROM regress_viewer', 'GRANT regress_viewers TO regress_viewer'),
	(4, 'ALTER ROLE regress_viewer SUPERUSER; REVOKE regress_viewers FROM regress_viewer', 'ALTER ROLE regress_viewer NOSUPERUSER; GRANT regress_viewers TO regress_viewer'),
	(5, 'REVOKE USAGE ON SCHEMA view_query FROM regress_viewer', 'GRANT USAGE ON SCHEMA view_query TO regress_viewer'),
	(6, 'REVOKE SELECT ON view_query.invoice FROM regress_viewers; GRANT SELECT (invoice_id) ON view_query.invoice TO regress_viewers',
		'REVOKE SELECT (invoice_id) ON view_query.invoice FROM regress_viewers; GRANT SELECT ON view_query.invoice TO regress_viewers'),
	(7, 'ALTER SCHEMA view_query RENAME TO renamed', 'ALTER SCHEMA renamed RENAME TO view_query'),
	(8, 'SELECT set_config(''regpaydb.ledger'', ''other_view'', false)', 'SELECT set_config(''regpaydb.ledger'', ''view_query'', false)'),
	(9, 'SELECT set_config(''regpaydb.ledger'', ''none'', false)', 'SELECT set_config(''regpaydb.ledger'', ''view_query'', false)'),
	(10, 'CREATE TEMP TABLE x (a int)', 'DROP TABLE x'),
	(11, 'CREATE INDEX x ON view_query.attendee (user_id, attendee_id)', 'DROP INDEX view_query.x'),
	(12, 'ALTER TABLE view_query.staff ADD COLUMN x int', 'ALTER TABLE view_query.staff DROP COLUMN x'),
	(13, 'ALTER TABLE view_query.outbox ADD COLUMN x int', 'ALTER TABLE view_query.outbox DROP COLUMN x'),
	(14, 'DROP INDEX view_query.attendee_access_code_key', 'SELECT 1'),
	(15, 'CREATE TABLE more_staff () INHERITS (view_query.staff)', 'DROP TABLE more_staff; ANALYZE view_query.staff'),
	(16, 'UPDATE view_query.conference SET ledger_version = ''0''; ANALYZE view_query.conference',
		'UPDATE view_query.conference SET ledger_version = (SELECT extversion FROM pg_extension WHERE extname = ''regpaydb'')'),
	(17, 'DELETE FROM view_query.staff', 'INSERT INTO view_query.staff VALUES (900)')) v (n, change, back) ORDER BY n;

-- Two ledgers in turn, in one query.
SELECT string_agg(answer, '' ORDER BY n) AS answers
FROM (SELECT n, set_config('regpaydb.ledger', CASE WHEN n % 4 < 2 THEN 'other_view' ELSE 'view_query' END, false),
		left(regpaydb.can_view(1, 102)::text, 1) AS answer
	FROM generate_series(1, 12) n OFFSET 0) s;
SET regpaydb.ledger = view_query;

-- Savepoints: what was opened in one, or for what was made in one.
BEGIN;
DECLARE c CURSOR FOR SELECT regpaydb.can_view(1, 101) FROM generate_series(1, 20);
SAVEPOINT s;
FETCH 3 c;
SELECT regpaydb.create_ledger('saved');
SET LOCAL regpaydb.ledger = saved;
FETCH 3 c;
ROLLBACK TO s;
FETCH 3 c;
SAVEPOINT s;
ALTER TABLE view_query.invoice ADD COLUMN x int;		-- it is open
ROLLBACK TO s;
FETCH 2 c;
SAVEPOINT s;
FETCH 2 c;
RELEASE s;
FETCH 2 c;
CLOSE c;
ALTER TABLE view_query.invoice ADD COLUMN x int;		-- and is not any more
SAVEPOINT s;
DECLARE c CURSOR FOR SELECT regpaydb.can_view(1, 101) FROM generate_series(1, 20);
FETCH 2 c;
ROLLBACK TO s;
ALTER TABLE view_query.invoice DROP COLUMN x;
COMMIT;

-- An error ends the query, and nothing stays open, wherever it is caught.
BEGIN;
DECLARE c CURSOR FOR SELECT regpaydb.can_view(1, 101), 1 / (4 - n) FROM generate_series(1, 20) n;
SAVEPOINT s;
FETCH 3 c;
FETCH 3 c;
ROLLBACK TO s;
FETCH 1 c;
ROLLBACK;
BEGIN;
DO $$
DECLARE
	may boolean;
BEGIN
	FOR i IN 1 .. 3 LOOP
		BEGIN
			FOR may IN SELECT regpaydb.can_view(1, 101) AND 1 / (4 - n) > -2 FROM generate_series(1, 20) n LOOP
				NULL;
			END LOOP;
		EXCEPTION WHEN division_by_zero THEN NULL;
		END;
		BEGIN
			FOR may IN SELECT regpaydb.can_view(1, 101) FROM generate_series(1, 20) n LOOP
				RAISE division_by_zero;
			END LOOP;
		EXCEPTION WHEN division_by_zero THEN NULL;
		END;
		FOR may IN SELECT regpaydb.can_view(1, 101) FROM generate_series(1, 100) n LOOP
			BEGIN
				RAISE division_by_zero;
			EXCEPTION WHEN division_by_zero THEN NULL;
			END;
		END LOOP;
	END LOOP;
END $$;
ALTER TABLE view_query.invoice ADD COLUMN x int;
ALTER TABLE view_query.attendee ADD COLUMN x int;
ROLLBACK;

-- A cursor that outlives its transaction, and one that has it cut short.
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT regpaydb.can_view(1, u) FROM public.users ORDER BY u;
FETCH 3 held;
DECLARE cut CURSOR FOR SELECT regpaydb.can_view(1, u) FROM public.users;
FETCH 3 cut;
COMMIT;
FETCH 4 held;
CLOSE held;

-- A cursor that fails in a savepoint loses what it holds with that savepoint; it is
-- closed after that, at any depth, by the transaction's end, or in another query.
CREATE FUNCTION test.close_c(bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	IF $1 = 2 AND EXISTS (SELECT FROM pg_cursors WHERE name = 'c') THEN
		EXECUTE 'CLOSE c';
	END IF;
	RETURN $1;
END $$;
CREATE TEMP TABLE statements AS
SELECT row_number() OVER () AS n, s FROM generate_series(0, 6) depth, generate_series(1, 4) ending,
	LATERAL unnest(ARRAY['BEGIN',
		'DECLARE c CURSOR FOR SELECT 1 / (6 - n), regpaydb.can_view(1, 101) FROM generate_series(1, 20) n',
		'FETCH 5 FROM c', 'SAVEPOINT s']
		|| CASE WHEN depth > 4 THEN ARRAY['SAVEPOINT r', 'FETCH 1 FROM c', 'ROLLBACK TO r'] ELSE ARRAY['FETCH 1 FROM c'] END
		|| 'ROLLBACK TO s'::text || array_fill('SAVEPOINT t'::text, ARRAY[depth])
		|| (ARRAY['CLOSE c', 'SELECT 1', 'DECLARE d CURSOR FOR SELECT 1',
			'SELECT test.close_c(a.attendee_id), s.user_id, i.value
			FROM view_query.attendee a, view_query.staff s, view_query.invoice i
			WHERE i.invoice_id > 0 AND a.attendee_id > 0 AND s.user_id = 900'])[ending]
		|| CASE depth % 3 WHEN 2 THEN 'ROLLBACK' ELSE 'COMMIT' END) AS t (s);
SET enable_seqscan = off;		-- the query holds pins itself
SET enable_bitmapscan = off;
\set ECHO errors
\o /dev/null
SELECT s FROM statements ORDER BY n \gexec
\o
\set ECHO all
RESET enable_seqscan;
RESET enable_bitmapscan;
-- The same in PL/pgSQL, whose blocks are subtransactions.
DO $$
DECLARE
	c refcursor;
	other refcursor;
	may boolean;
BEGIN
	FOR depth IN 0 .. 3 LOOP
		c := NULL;
		other := NULL;
		OPEN c FOR SELECT 1 / (6 - n) > -2 AND regpaydb.can_view(1, 101) FROM generate_series(1, 20) n;
		OPEN other FOR SELECT regpaydb.can_view(1, 101) FROM generate_series(1, 20) n;
		MOVE FORWARD 5 FROM c;
		MOVE FORWARD 5 FROM other;
		BEGIN
			IF depth > 1 THEN
				BEGIN
					FETCH c INTO may;
				EXCEPTION WHEN division_by_zero THEN
					RAISE division_by_zero;
				END;
			END IF;
			FETCH c INTO may;
		EXCEPTION WHEN division_by_zero THEN
			IF depth = 1 THEN
				CLOSE c;
			END IF;
		END;
		BEGIN
			IF depth = 2 THEN
				CLOSE c;
			END IF;
			FETCH other INTO may;
		EXCEPTION WHEN OTHERS THEN
			RAISE WARNING 'not so: %', SQLERRM;
		END;
		IF depth <> 3 THEN
			CLOSE other;
		END IF;
	END LOOP;
END $$;
-- One that was to be held fails while it is, and one fails when its query is ended.
BEGIN;
DECLARE held CURSOR WITH HOLD FOR SELECT 1 / (6 - n), regpaydb.can_view(1, 101) FROM generate_series(1, 20) n;
MOVE 5 held;
COMMIT;
CREATE FUNCTION test.fail() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RAISE division_by_zero; END';
CREATE TABLE public.failing (u bigint);
CREATE TRIGGER t AFTER INSERT ON public.failing FOR EACH ROW EXECUTE FUNCTION test.fail();
INSERT INTO public.failing SELECT u FROM public.users WHERE regpaydb.can_view(1, u);
WITH f AS (INSERT INTO public.failing VALUES (1)) SELECT count(*) FROM public.users WHERE regpaydb.can_view(1, u);
DROP TABLE public.failing;
SELECT regpaydb.can_view(1, u) FROM public.users ORDER BY u LIMIT 2;

-- Where SQL has to read: staff who are in another table.
CREATE TABLE view_query.more_staff () INHERITS (view_query.staff);
INSERT INTO view_query.more_staff VALUES (555);
SELECT u, count(*) FROM public.users WHERE regpaydb.can_view(1, u) GROUP BY u ORDER BY u;
DROP TABLE view_query.more_staff;

DROP TABLE public.users, public.answers;
DROP OWNED BY regress_viewer, regress_viewers;
DROP ROLE regress_viewer, regress_viewers;
