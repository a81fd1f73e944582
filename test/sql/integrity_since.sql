-- check_integrity(since) looks at what moved since then: what is wrong there it finds, what
-- is wrong elsewhere it does not look at, and what it costs is what moved.
SET client_min_messages = warning;
SELECT test.new_shop('integrity_since');
UPDATE conference SET auto_apply_credit = false;

-- Something of everything for an attendee, whose cart and invoices these are:
-- cart:     what is in her cart, not billed
-- ticket:   1 ticket and 1 badge by cart, paid
-- unpaid:   part of it paid
-- free:     of value zero
-- void:     nothing paid
-- refunded: its note has a refund that is requested, of 1 part
-- failed:   a refund that came back into a note, which is unclaimed
-- settled:  paid by a note of "over"
-- reversed: all of it is taken back
-- kept:     a successor of which a line was returned
CREATE TABLE thing (who bigint, what text, invoice_id bigint, cart_id bigint, payment_id bigint, credit_note_id bigint,
	credit_note_refund_id bigint, reversal_id bigint, PRIMARY KEY (who, what));
CREATE FUNCTION everything(who bigint) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	t thing;
	i bigint;
BEGIN
	t := (who, 'ticket', NULL, test.fill(who, 1, 1), NULL, NULL, NULL, NULL);
	PERFORM test.fill(who, 6, 1);
	INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES (t.cart_id, 1, 'Early', 1, 10);
	t.invoice_id := regpaydb.invoice_cart(t.cart_id);
	t.payment_id := regpaydb.pay(t.invoice_id, 90, 'card');
	INSERT INTO thing VALUES (t.*);
	INSERT INTO thing (who, what, cart_id) VALUES (who, 'cart', test.fill(who, 4, 2));
	i := test.invoice(who, 100);
	INSERT INTO thing (who, what, invoice_id, payment_id) VALUES (who, 'unpaid', i, regpaydb.pay(i, 30, 'card'));
	INSERT INTO thing (who, what, invoice_id) VALUES (who, 'free', test.invoice(who, 0));
	i := test.invoice(who, 10);
	PERFORM regpaydb.void_invoice(i);
	INSERT INTO thing (who, what, invoice_id) VALUES (who, 'void', i);
	i := test.invoice(who, 50);
	t := (who, 'refunded', i, NULL, regpaydb.record_payment(i, 50, '', 'card', 'a' || who), NULL, NULL, NULL);
	t.credit_note_id := regpaydb.refund_invoice(i);
	t.credit_note_refund_id := regpaydb.request_refund(t.credit_note_id, 'back');
	INSERT INTO thing VALUES (t.*);
	i := test.invoice(who, 20);
	t := (who, 'failed', i, NULL, regpaydb.record_payment(i, 20, '', 'card', 'b' || who), NULL, NULL, NULL);
	t.credit_note_refund_id := regpaydb.request_refund(regpaydb.refund_invoice(i), 'back');
	t.credit_note_id := regpaydb.fail_refund(t.credit_note_refund_id, 'closed');
	INSERT INTO thing VALUES (t.*);
	i := test.invoice(who, 5);
	t := (who, 'over', i, NULL, regpaydb.pay(i, 15, ''), NULL, NULL, NULL);
	t.credit_note_id := (SELECT max(n.credit_note_id) FROM credit_note n);
	INSERT INTO thing VALUES (t.*);
	i := test.invoice(who, 10);
	INSERT INTO thing (who, what, invoice_id, payment_id) VALUES (who, 'settled', i, regpaydb.apply_credit_note(t.credit_note_id, i));
	i := test.invoice(who, 30);
	t := (who, 'reversed', i, NULL, regpaydb.record_payment(i, 30, '', 'card', 'c' || who), NULL, NULL, NULL);
	t.reversal_id := regpaydb.record_reversal('card', 'c' || who, 30, 'r' || who);
	INSERT INTO thing VALUES (t.*);
	i := regpaydb.manual_invoice(who, '1 day', '[{"description": "A", "price": 7}, {"description": "B", "price": 3}]');
	PERFORM regpaydb.pay(i, 10, ''), regpaydb.return_items(i, format('[{"line_item_id": %s}]', max(l.line_item_id))::jsonb)
		FROM line_item l WHERE l.invoice_id = i;
	INSERT INTO thing (who, what, invoice_id) SELECT who, 'kept', s.invoice_id FROM invoice s WHERE s.replaces = i;
END $$;
-- So far back.
CREATE FUNCTION backdate(by interval) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL session_replication_role = replica;
	UPDATE payment SET "time" = "time" - by;
	UPDATE invoice SET issue_time = issue_time - by, paid_time = paid_time - by, closed_time = closed_time - by;
	UPDATE credit_note_refund SET "time" = "time" - by, closed_time = closed_time - by;
	UPDATE reversal SET "time" = "time" - by;
	UPDATE cart SET time_last_updated = time_last_updated - by;
	UPDATE reservation SET reserved_until = reserved_until - by WHERE reserved_until > '-infinity';
END $$;
SELECT everything(1);
SELECT backdate('10 days');
SELECT everything(2);
SELECT * FROM regpaydb.check_integrity();
SELECT * FROM regpaydb.check_integrity('-infinity');
SELECT * FROM test.money();

-- A fault in each of these things: of attendee 1's all finds it, and the last day's
-- check does not look at it; of attendee 2's both do.  :invoice_id and so on are the thing's keys.
CREATE FUNCTION found(change text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	whole text;
	part text;
BEGIN
	SET LOCAL session_replication_role = replica;
	EXECUTE change;
	SET LOCAL session_replication_role = origin;
	SELECT string_agg(DISTINCT object, ', ' ORDER BY object) INTO whole FROM regpaydb.check_integrity();
	SELECT string_agg(DISTINCT object, ', ' ORDER BY object) INTO part FROM regpaydb.check_integrity(now() - interval '1 day');
	RAISE EXCEPTION USING ERRCODE = 'T0000';
EXCEPTION WHEN SQLSTATE 'T0000' THEN
	RETURN format('%s -> %s', coalesce(regexp_replace(whole, ' -?\d+', '', 'g'), 'nothing'),
		CASE WHEN part IS NULL THEN 'nothing' WHEN part = whole THEN 'the same' ELSE regexp_replace(part, ' -?\d+', '', 'g') END);
END $$;
-- A statement with a thing's keys.
CREATE FUNCTION of_thing(statement text, t thing) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	k record;
BEGIN
	FOR k IN SELECT * FROM jsonb_each_text(to_jsonb(t)) WHERE key LIKE '%_id' LOOP
		statement := replace(statement, ':' || k.key, coalesce(k.value, '0'));
	END LOOP;
	RETURN statement;
END $$;
SELECT n, fault, found(of_thing(fault, t1)) AS old, found(of_thing(fault, t2)) AS new
FROM (VALUES
	(1, 'unpaid', 'UPDATE invoice SET paid = 31 WHERE invoice_id = :invoice_id'),
	(2, 'unpaid', 'UPDATE line_item SET price = 99 WHERE invoice_id = :invoice_id'),
	(3, 'unpaid', 'UPDATE payment SET amount = 31 WHERE payment_id = :payment_id'),
	(4, 'unpaid', 'UPDATE payment SET kind = ''credit_note'' WHERE payment_id = :payment_id'),
	(5, 'unpaid', 'DELETE FROM payment WHERE payment_id = :payment_id'),
	(6, 'free', 'UPDATE invoice SET closed_by = 1 WHERE invoice_id = :invoice_id'),
	(7, 'void', 'UPDATE invoice SET closed_time = NULL WHERE invoice_id = :invoice_id'),
	(8, 'ticket', 'UPDATE invoice SET cart_revision = 1 WHERE invoice_id = :invoice_id'),
	(9, 'ticket', 'UPDATE cart SET status = ''released'' WHERE cart_id = :cart_id'),
	(10, 'ticket', 'UPDATE cart_item SET quantity = 3 WHERE cart_id = :cart_id AND product_id = 6'),
	(11, 'ticket', 'UPDATE cart_discount SET amount = 9 WHERE cart_id = :cart_id'),
	(12, 'ticket', 'UPDATE cart SET entry_count = 1 WHERE cart_id = :cart_id'),
	(13, 'cart', 'UPDATE cart SET entry_count = 3 WHERE cart_id = :cart_id'),
	(14, 'cart', 'UPDATE reservation SET quantity = 3 WHERE cart_id = :cart_id'),
	(15, 'cart', 'UPDATE cart_item SET quantity = 1 WHERE cart_id = :cart_id'),
	(16, 'cart', 'UPDATE reservation SET reserved_until = reserved_until + interval ''1 s'' WHERE cart_id = :cart_id'),
	(17, 'refunded', 'UPDATE credit_note SET value = 49 WHERE credit_note_id = :credit_note_id'),
	(18, 'refunded', 'UPDATE credit_note SET state = ''unclaimed'' WHERE credit_note_id = :credit_note_id'),
	(19, 'refunded', 'DELETE FROM credit_note_claim WHERE credit_note_id = :credit_note_id'),
	(20, 'refunded', 'UPDATE credit_note_refund SET failure_reason = ''x'' WHERE credit_note_refund_id = :credit_note_refund_id'),
	(21, 'refunded', 'UPDATE credit_note_refund_part SET amount = 49 WHERE credit_note_refund_id = :credit_note_refund_id'),
	(22, 'refunded', 'UPDATE payment SET amount = 49 WHERE payment_id = :payment_id'),
	(23, 'failed', 'UPDATE credit_note_refund SET closed_time = NULL WHERE credit_note_refund_id = :credit_note_refund_id'),
	(24, 'failed', 'UPDATE credit_note_refund SET returned_payment_id = NULL WHERE credit_note_refund_id = :credit_note_refund_id'),
	(25, 'failed', 'DELETE FROM credit_note WHERE credit_note_id = :credit_note_id'),
	(26, 'settled', 'DELETE FROM credit_note_application WHERE payment_id = :payment_id'),
	(27, 'over', 'UPDATE credit_note SET state = ''refunded'' WHERE credit_note_id = :credit_note_id'),
	(28, 'reversed', 'UPDATE reversal SET loss = 1 WHERE reversal_id = :reversal_id'),
	(29, 'reversed', 'DELETE FROM reversal WHERE reversal_id = :reversal_id'),
	(30, 'reversed', 'UPDATE payment SET amount = 29 WHERE payment_id = :payment_id'),
	(31, 'kept', 'UPDATE line_item SET quantity = 2 WHERE invoice_id = :invoice_id'),
	(32, 'kept', 'UPDATE invoice SET replaces = 999 WHERE invoice_id = :invoice_id'),
	(33, 'kept', 'UPDATE invoice SET status = ''paid'' WHERE invoice_id = (SELECT replaces FROM invoice WHERE invoice_id = :invoice_id)'),
	(34, 'unpaid', 'UPDATE payment SET invoice_id = 999 WHERE payment_id = :payment_id'),
	-- What takes all of the ledger to tell.
	(40, 'kept', 'UPDATE invoice SET replaces = :invoice_id WHERE invoice_id = (SELECT replaces FROM invoice WHERE invoice_id = :invoice_id);
		UPDATE invoice SET paid_time = now() WHERE paid_time IS NULL AND invoice_id = :invoice_id'),
	(41, 'ticket', 'UPDATE stock_slot SET free = free + 1 WHERE product_id = 1'),
	(42, 'ticket', 'UPDATE product SET stock = 4 WHERE product_id = 1'),
	-- What does not say when it was.
	(50, 'refunded', 'DELETE FROM credit_note_refund WHERE credit_note_refund_id = :credit_note_refund_id'),
	(51, 'ticket', 'UPDATE invoice SET cart_id = NULL, cart_revision = NULL WHERE invoice_id = :invoice_id'),
	(52, 'cart', 'DELETE FROM reservation WHERE cart_id = :cart_id'),
	(53, 'cart', 'UPDATE cart SET time_last_updated = time_last_updated - interval ''2 days'' WHERE cart_id = :cart_id')
	) v (n, what, fault)
JOIN thing t1 ON t1.who = 1 AND t1.what = v.what
JOIN thing t2 ON t2.who = 2 AND t2.what = v.what
ORDER BY n;

-- What moves something old: that is looked at again.
CREATE FUNCTION after(fault text, moved text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	before text;
	afterwards text;
BEGIN
	SET LOCAL session_replication_role = replica;
	EXECUTE fault;
	SET LOCAL session_replication_role = origin;
	SELECT string_agg(DISTINCT object, ', ' ORDER BY object) INTO before FROM regpaydb.check_integrity(now() - interval '1 day');
	EXECUTE moved;
	SELECT string_agg(DISTINCT object, ', ' ORDER BY object) INTO afterwards FROM regpaydb.check_integrity(now() - interval '1 day');
	RAISE EXCEPTION USING ERRCODE = 'T0000';
EXCEPTION WHEN SQLSTATE 'T0000' THEN
	RETURN format('%s -> %s', coalesce(regexp_replace(before, ' -?\d+', '', 'g'), 'nothing'), coalesce(regexp_replace(afterwards, ' -?\d+', '', 'g'), 'nothing'));
END $$;
SELECT n, moved, after(of_thing(fault, t), of_thing(moved, t)) AS found
FROM (VALUES
	(1, 'unpaid', 'UPDATE line_item SET price = 99 WHERE invoice_id = :invoice_id', 'SELECT regpaydb.pay(:invoice_id, 1, '''')'),
	(2, 'unpaid', 'UPDATE line_item SET price = 99 WHERE invoice_id = :invoice_id', 'INSERT INTO payment (invoice_id, amount) VALUES (:invoice_id, 1)'),
	(3, 'unpaid', 'UPDATE line_item SET price = 99 WHERE invoice_id = :invoice_id', 'SELECT regpaydb.refund_invoice(:invoice_id)'),
	(4, 'ticket', 'UPDATE line_item SET description = ''x'' WHERE invoice_id = :invoice_id AND price = 0; UPDATE cart SET entry_count = 9
		WHERE cart_id = (SELECT cart_id FROM invoice WHERE invoice_id = :invoice_id)', 'SELECT regpaydb.refund_invoice(:invoice_id)'),
	(5, 'failed', 'UPDATE payment SET kind = ''manual'' WHERE payment_id = :credit_note_id', 'SELECT regpaydb.refund_credit_note(:credit_note_id, '''')'),
	(6, 'failed', 'UPDATE payment SET kind = ''manual'' WHERE payment_id = :credit_note_id', 'SELECT regpaydb.apply_credit_note(:credit_note_id, test.invoice(2, 20))'),
	(7, 'refunded', 'UPDATE credit_note_refund_part p SET amount = 49 FROM payment y WHERE y.payment_id = p.payment_id AND y.invoice_id = :invoice_id', 'SELECT regpaydb.confirm_refund(:credit_note_refund_id)'),
	(8, 'refunded', 'UPDATE credit_note_refund_part p SET amount = 49 FROM payment y WHERE y.payment_id = p.payment_id AND y.invoice_id = :invoice_id', 'SELECT regpaydb.fail_refund(:credit_note_refund_id, ''x'')'),
	(9, 'refunded', 'UPDATE payment SET kind = ''reversal'' WHERE invoice_id = :invoice_id AND amount > 0', 'SELECT regpaydb.confirm_refund(:credit_note_refund_id)'),
	(10, 'cart', 'UPDATE cart SET entry_count = 9 WHERE attendee_id = 1 AND status = ''active''', 'SELECT regpaydb.extend_reservation(cart_id, ''1 minute'') FROM cart WHERE attendee_id = 1 AND status = ''active'''),
	(11, 'cart', 'UPDATE cart SET entry_count = 9 WHERE attendee_id = 1 AND status = ''active''', 'SELECT regpaydb.invoice_cart(cart_id) FROM cart WHERE attendee_id = 1 AND status = ''active''')
	) v (n, what, fault, moved)
JOIN thing t ON t.who = 1 AND t.what = v.what
ORDER BY n;

-- Times: of what is to come there is nothing to say, and that is no sound ledger.
SELECT since, test.raises(format('SELECT * FROM regpaydb.check_integrity(%s)', since)) FROM unnest(ARRAY['NULL', '''-infinity''', '''4713-01-01 BC''',
	'now()', 'clock_timestamp()', 'current_date']) WITH ORDINALITY s (since, n) ORDER BY n;
SELECT regexp_replace(message, ': .*', '') AS message, code, detail, hint, since FROM (VALUES ('now() + interval ''1 minute'''), ('''infinity'''), ('''294276-01-01''')) s (since),
	LATERAL test.report(format('SELECT * FROM regpaydb.check_integrity(%s)', since));
-- What is recorded in the very transaction is seen; in words, as ever.
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE invoice SET paid = 31 WHERE invoice_id = (SELECT invoice_id FROM thing WHERE who = 2 AND what = 'unpaid');
SET LOCAL session_replication_role = origin;
SELECT * FROM regpaydb.check_integrity();
SELECT * FROM regpaydb.check_integrity(now() - interval '1 day');
SELECT * FROM regpaydb.check_integrity(now());
SELECT regpaydb.pay(invoice_id, 1, '') > 0 AS paid FROM thing WHERE who = 2 AND what = 'unpaid';
SELECT regexp_replace(object, '\d+', '#'), problem FROM regpaydb.check_integrity(now());
ROLLBACK;

-- New invoices that nothing was paid on are found by their ids, among the newest or in
-- the midst of them; not where a thousand that are older have higher ones.
CREATE FUNCTION found_with_id(id bigint) RETURNS text LANGUAGE sql AS $$
	SELECT found(format('INSERT INTO invoice (invoice_id, attendee_id, value) VALUES (%s, 2, 1)', id))
$$;
SELECT found_with_id(9223372036854775807) AS highest, found_with_id(-9223372036854775808) AS lowest;
SET session_replication_role = replica;
INSERT INTO invoice (invoice_id, attendee_id, status, issue_time, due_time, value, closed_time)
	SELECT 10000 + 2 * g, 1, 'void', now() - interval '1 year', now(), 5, now() - interval '1 year' FROM generate_series(1, 2500) g;
INSERT INTO line_item (invoice_id, description, quantity, price) SELECT invoice_id, 'x', 1, 5 FROM invoice WHERE invoice_id > 10000;
RESET session_replication_role;
SELECT found_with_id(20000) AS newest, found_with_id(13101) AS late, found_with_id(12001) AS too_late;
SELECT found('INSERT INTO invoice (invoice_id, attendee_id, value) VALUES (9000, 2, 1); INSERT INTO payment (invoice_id, amount) VALUES (9000, 1)') AS but_paid;
-- However many they are.
BEGIN;
SET LOCAL session_replication_role = replica;
INSERT INTO invoice (invoice_id, attendee_id, issue_time, value) SELECT g, 1, now() - g % 2 * interval '1 year', 1 FROM generate_series(20001, 24000) g;
SET LOCAL session_replication_role = origin;
SELECT count(*) FROM regpaydb.check_integrity(now());
ROLLBACK;

-- As those who may, with and without an actor.
DROP ROLE IF EXISTS regress_since_app, regress_since_staff, regress_since_reports;
CREATE ROLE regress_since_app;
CREATE ROLE regress_since_staff;
CREATE ROLE regress_since_reports;
SELECT regpaydb.grant_access('regress_since_app', 'app'), regpaydb.grant_access('regress_since_staff', 'staff'), regpaydb.grant_access('regress_since_reports', 'reports');
GRANT USAGE ON SCHEMA test TO regress_since_app, regress_since_staff, regress_since_reports;
SET session_replication_role = replica;
UPDATE invoice SET closed_by = 1 WHERE invoice_id = (SELECT invoice_id FROM thing WHERE who = 2 AND what = 'ticket');
RESET session_replication_role;
SET ROLE regress_since_app;
SELECT test.raises('SELECT * FROM regpaydb.check_integrity(now() - interval ''1 day'')');
SET ROLE regress_since_staff;
SELECT count(*) FROM regpaydb.check_integrity(now() - interval '1 day');
SET regpaydb.user_id = 102;
SELECT test.raises('SELECT * FROM regpaydb.check_integrity(now() - interval ''1 day'')');
SET regpaydb.user_id = 900;
SELECT count(*) FROM regpaydb.check_integrity(now() - interval '1 day');
RESET regpaydb.user_id;
SET ROLE regress_since_reports;
SELECT count(*) FROM regpaydb.check_integrity(now() - interval '1 day');
RESET ROLE;
DROP OWNED BY regress_since_app, regress_since_staff, regress_since_reports;
DROP ROLE regress_since_app, regress_since_staff, regress_since_reports;

-- ---------------------------------------------------------------------------
-- What it costs
-- ---------------------------------------------------------------------------
SELECT test.new_ledger('integrity_since_cost');
-- How many rows of the ledger a statement reads, and how many of them by no index.
CREATE FUNCTION rows_read(OUT by_index bigint, OUT scanned bigint) LANGUAGE sql AS $$
	SELECT sum(idx_tup_fetch), sum(seq_tup_read) FROM pg_stat_xact_user_tables WHERE schemaname = 'integrity_since_cost' AND relname NOT IN ('conference', 'staff', 'found')
$$;
CREATE TABLE found (phase text, moved int, by_index bigint, scanned bigint);
CREATE FUNCTION look(phase text, moved int) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	before record;
	after record;
BEGIN
	PERFORM regpaydb.pay(test.invoice(2, 10), 5, '') FROM generate_series(1, moved);
	before := rows_read();
	PERFORM regpaydb.check_integrity(now());
	after := rows_read();
	INSERT INTO found VALUES (phase, moved, after.by_index - before.by_index, after.scanned - before.scanned);
END $$;
CREATE FUNCTION grow(first int, last int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL session_replication_role = replica;
	INSERT INTO invoice (invoice_id, attendee_id, status, issue_time, due_time, value, paid, payment_count, last_payment_id, paid_time)
		SELECT g, 1, 'paid', now() - interval '1 year', now(), 5, 5, 1, g, now() - interval '1 year' FROM generate_series(first, last) g;
	INSERT INTO line_item (invoice_id, description, quantity, price) SELECT g, 'x', 1, 5 FROM generate_series(first, last) g;
	INSERT INTO payment (payment_id, invoice_id, amount, "time") SELECT g, g, 5, now() - interval '1 year' FROM generate_series(first, last) g;
	PERFORM setval(pg_get_serial_sequence('invoice', 'invoice_id'), last), setval(pg_get_serial_sequence('payment', 'payment_id'), last);
END $$;
-- (Each in a transaction of its own: what moved has its time.)
SELECT grow(1, 2000);
ANALYZE;
SELECT look('small', 10);
SELECT look('small', 100);
SELECT grow(3000, 22000);
SELECT look('large', 10);
SELECT look('large', 100);
ANALYZE;
SELECT look('analyzed', 10);
SELECT look('analyzed', 100);
SELECT phase, moved, scanned, by_index = (SELECT by_index FROM found f WHERE f.phase = 'small' AND f.moved = found.moved) AS as_many, by_index < 4000 + 30 * moved AS few
FROM found ORDER BY moved, phase DESC;
SELECT * FROM regpaydb.check_integrity();
