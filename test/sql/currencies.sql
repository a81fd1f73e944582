-- Currencies of no decimals and of three: what their tables hold, what is refused
-- at each entry, and what functions and reports show.
SET client_min_messages = warning;

-- Which are taken.
SELECT currency, test.raises(format('SELECT regpaydb.create_ledger(%L, currency => %L)', 'money_' || row_number() OVER (ORDER BY n), currency)) AS made
FROM unnest('{JPY,KWD,USD,UYI,TND,MRU,XXX,CLF,UYW,jpy,Jpy,JP,JPYX,"JPY ",999,"",ÄÖÜ}'::text[]) WITH ORDINALITY AS u (currency, n) ORDER BY n;
SELECT nspname, (SELECT string_agg(DISTINCT format_type(atttypid, atttypmod), ', ') FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid
	WHERE relnamespace = n.oid AND relkind = 'r' AND atttypid = 'numeric'::regtype) AS money
FROM pg_namespace n WHERE nspname ~ '^money_\d+$' ORDER BY length(nspname), nspname;
-- Every numeric column of every table is money.
SELECT c.relname || '.' || a.attname AS money, format_type(a.atttypid, a.atttypmod) AS yen, (SELECT format_type(k.atttypid, k.atttypmod)
	FROM pg_attribute k WHERE attrelid = to_regclass('money_2.' || c.relname) AND attname = a.attname) AS dinar
FROM pg_attribute a JOIN pg_class c ON c.oid = a.attrelid
WHERE relnamespace = 'money_1'::regnamespace AND relkind = 'r' AND atttypid = 'numeric'::regtype ORDER BY 1;
\x on
SELECT * FROM test.report('SELECT regpaydb.create_ledger(''money_x'', currency => ''CLF'')');
\x off
DO $$ BEGIN
	EXECUTE (SELECT string_agg(format('DROP SCHEMA %I CASCADE', nspname), ';') FROM pg_namespace WHERE nspname ~ '^money_\d+$');
END $$;

-- A shop in a currency whose least amount is u, with a ticket of 100 and a dinner of
-- 7.  Attendee 1 is Alice.
CREATE FUNCTION test.new_market(topic name, currency text, u numeric) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM regpaydb.create_ledger(topic, 'Testing Conference', currency);
	PERFORM set_config('regpaydb.ledger', topic, false), set_config('search_path', quote_ident(topic), false);
	INSERT INTO attendee (user_id, recipient) VALUES (101, 'Alice'), (102, 'Bob');
	INSERT INTO staff VALUES (900);
	INSERT INTO category (name) VALUES ('Ticket');
	INSERT INTO product (category_id, name, price) VALUES (1, 'Full', 100), (1, 'Dinner', 7 * u);
	UPDATE conference SET auto_apply_credit = false;
END $$;
CREATE FUNCTION test.line(price text) RETURNS jsonb LANGUAGE sql AS
	$$ SELECT format('[{"description": "Ticket", "price": %s}]', price)::jsonb $$;
-- Where amounts come in; @ is one.
CREATE TABLE test.entry (n int, call text);
INSERT INTO test.entry VALUES
	(1, 'SELECT regpaydb.pay(1, @, '''')'),
	(2, 'SELECT regpaydb.record_payment(1, @, '''', ''bank'', ''1'')'),
	(3, 'SELECT regpaydb.record_manual_payment(1, @, '''', 900)'),
	(4, 'SELECT regpaydb.manual_invoice(1, ''1 day'', test.line(''@''))'),
	(5, 'SELECT regpaydb.manual_invoice(1, ''1 day'', test.line(''"@"''))'),
	(6, 'INSERT INTO payment (invoice_id, amount) VALUES (1, @)'),
	(7, 'INSERT INTO product (category_id, name, price) VALUES (1, ''x'', @)'),
	(8, 'UPDATE product SET price = @'),
	(9, 'INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES (1, 1, ''x'', 1, @)'),
	(10, 'SELECT regpaydb.record_payment(1, test.most(), '''', ''bank'', ''1''), regpaydb.record_reversal(''bank'', ''1'', @, ''2'')'),
	(11, 'SELECT test.part(@)');
-- The most that there is; and a part of this much of a refund of all that an invoice of
-- nothing was paid.
CREATE FUNCTION test.most() RETURNS numeric LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT 1000000000000 - CASE currency WHEN 'JPY' THEN 1 ELSE 0.001 END FROM conference);
END $$;
CREATE FUNCTION test.part(amount numeric) RETURNS bigint LANGUAGE plpgsql AS $$
DECLARE
	payment bigint := regpaydb.record_payment(test.invoice(1, 0), test.most(), '', 'bank', '1');
BEGIN
	RETURN regpaydb.request_refund((SELECT max(credit_note_id) FROM credit_note), '', jsonb_build_array(jsonb_build_object('payment_id', payment, 'amount', amount)));
END $$;
-- What became of it: the amount that was recorded.
CREATE FUNCTION test.became(call text, amount text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE replace(call, '@', amount);
	SELECT CASE WHEN call LIKE '%manual_invoice%' THEN (SELECT value FROM invoice ORDER BY invoice_id DESC LIMIT 1)
		WHEN call LIKE '%product %' THEN (SELECT max(price) FROM product WHERE name = 'x' OR call LIKE 'UPDATE%')
		WHEN call LIKE '%reversal%' THEN (SELECT -p.amount FROM payment p WHERE kind = 'reversal' ORDER BY payment_id DESC LIMIT 1)
		WHEN call LIKE '%part%' THEN (SELECT t.amount FROM credit_note_refund_part t ORDER BY payment_id NULLS LAST LIMIT 1)
		WHEN call LIKE '%discount%' THEN (SELECT d.amount FROM cart_discount d)
		ELSE (SELECT p.amount FROM payment p WHERE kind <> 'credit_note' ORDER BY payment_id DESC LIMIT 1) END INTO result;
	RAISE EXCEPTION USING ERRCODE = 'T0000', MESSAGE = coalesce(result, 'nothing');
EXCEPTION WHEN SQLSTATE 'T0000' THEN
	RETURN SQLERRM;
WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;

-- Yen.
SELECT test.new_market('yen', 'JPY', 1);
SELECT test.invoice(1, 1000), test.fill(1, 1);
SELECT call, test.became(call, '1') AS "1", test.became(call, '1.0') AS "1.0", test.became(call, '0.5') AS half, test.became(call, '1.4') AS "1.4",
	test.became(call, '0.01') AS cent, test.became(call, '1e2') AS "1e2", test.became(call, '999999999999') AS highest,
	test.became(call, '999999999999.5') AS over, test.became(call, '1000000000000') AS above
FROM test.entry ORDER BY n;
\x on
SELECT * FROM test.report('SELECT regpaydb.pay(1, 0.5, '''')');
SELECT * FROM test.report('SELECT regpaydb.pay(1, 1000000000000, '''')');
SELECT * FROM test.report('SELECT regpaydb.pay(1, ''NaN'', '''')');
SELECT * FROM test.report('SELECT regpaydb.manual_invoice(1, ''1 day'', test.line(''1.5''))');
SELECT * FROM test.report('SELECT regpaydb.manual_invoice(1, ''1 day'', ''[{"description": "x", "price": 999999999999, "quantity": 2}]'')');
SELECT * FROM test.report('SELECT regpaydb.manual_invoice(1, ''1 day'', test.line(''-5''))');
SELECT * FROM test.report('SELECT regpaydb.record_manual_payment(1, -1, '''', 900)');
\x off

-- Dinars, of a thousand fils.
SELECT test.new_market('dinar', 'KWD', 0.001);
SELECT test.invoice(1, 1000), test.fill(1, 1);
SELECT call, test.became(call, '1') AS "1", test.became(call, '0.001') AS fils, test.became(call, '0.0010') AS "0.0010", test.became(call, '0.0005') AS half,
	test.became(call, '0.0004') AS less, test.became(call, '1.2345') AS "1.2345", test.became(call, '999999999999.999') AS highest,
	test.became(call, '999999999999.9995') AS over, test.became(call, '1000000000000') AS above
FROM test.entry ORDER BY n;
\x on
SELECT * FROM test.report('SELECT regpaydb.pay(1, 0.0005, '''')');
SELECT * FROM test.report('SELECT regpaydb.manual_invoice(1, ''1 day'', test.line(''1.2345''))');
SELECT * FROM test.report('SELECT regpaydb.manual_invoice(1, ''1 day'', ''[{"description": "x", "price": 999999999999.999, "quantity": 2}]'')');
SELECT * FROM test.report('SELECT regpaydb.pay(1, ''NaN'', '''')');
\x off

-- What both show, for nothing too; the most that there is; a cart with a discount.
CREATE FUNCTION test.shows() RETURNS TABLE (what text, value text) LANGUAGE sql AS $$
	SELECT * FROM (VALUES
		('balance_due', regpaydb.balance_due(1)::text), ('total_payments', regpaydb.total_payments(1)::text),
		('available_credit', regpaydb.available_credit(1)::text)) v
	UNION ALL
	SELECT 'reconciliation', r::text FROM regpaydb.reconciliation(now()) r
	UNION ALL
	SELECT 'document', jsonb_path_query_array(d, '$.**.value')::text || jsonb_path_query_array(d, '$.**.price')::text ||
		jsonb_path_query_array(d, '$.**.amount')::text FROM regpaydb.invoice_document(1) d
	UNION ALL
	SELECT 'sales', r::text FROM report_sales_and_payments r
$$;
CREATE FUNCTION test.trade(u numeric) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
	most numeric := 1000000000000 - u;
	id bigint;
	note bigint;
	two bigint;
BEGIN
	PERFORM regpaydb.pay(1, 1000 + u, '');
	RETURN NEXT 'too much: ' || (SELECT status || ' ' || paid FROM invoice WHERE invoice_id = 1) || ', credit ' || regpaydb.available_credit(1);
	id := regpaydb.manual_invoice(2, '1 day', test.line(most::text));
	PERFORM regpaydb.pay(id, most - u, '');
	RETURN NEXT 'the most: due ' || regpaydb.balance_due(id) || ', more is ' || test.raises(format('SELECT regpaydb.pay(%s, %s, '''')', id, most));
	PERFORM regpaydb.pay(id, u, '');
	RETURN NEXT 'it is ' || (SELECT status || ' ' || paid FROM invoice WHERE invoice_id = id);
	note := regpaydb.refund_invoice(id);
	RETURN NEXT 'its note: ' || (SELECT value FROM credit_note WHERE credit_note_id = note);
	id := regpaydb.cancellation_fee(note, 33.3333333);
	RETURN NEXT 'a third of it: ' || (SELECT value FROM invoice WHERE invoice_id = id) || ' and ' || regpaydb.available_credit(2);
	PERFORM regpaydb.refund_credit_note((SELECT credit_note_id FROM credit_note WHERE attendee_id = 2 AND state = 'unclaimed'), '');
	PERFORM regpaydb.set_quantity(1, 1, 1), regpaydb.set_quantity(1, 2, 3);
	INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES (1, 2, 'Early bird', 2, 3 * u);
	id := regpaydb.invoice_cart(1);
	RETURN QUERY SELECT format('%s x %s', quantity, price) FROM line_item WHERE invoice_id = id ORDER BY line_item_id;
	RETURN NEXT 'the cart: ' || (SELECT value FROM invoice WHERE invoice_id = id);
	RETURN NEXT 'refused: ' || test.raises(format('SELECT regpaydb.pay(%s, %s, '''')', id, u / 2));
	PERFORM regpaydb.pay(id, (SELECT value FROM invoice WHERE invoice_id = id), '');
	RETURN NEXT 'it is ' || (SELECT status || ' ' || paid FROM invoice WHERE invoice_id = id);
	id := regpaydb.manual_invoice(1, '1 day', test.line(u::text));
	PERFORM regpaydb.record_payment(id, 2 * u, '', 'bank', 'one'), regpaydb.record_payment(id, most - 3 * u, '', 'bank', 'two');
	SELECT max(credit_note_id), max(payment_id) FILTER (WHERE provider_ref = 'two') INTO note, two FROM credit_note, payment;
	RETURN QUERY SELECT format('refundable: %s of %s', amount, refundable) FROM regpaydb.refund_sources(note);
	RETURN NEXT 'a part too small: ' || test.raises(format('SELECT regpaydb.request_refund(%s, '''', ''[{"payment_id": %s, "amount": %s}]'')', note, two, u / 2));
	PERFORM regpaydb.request_refund(note, '', jsonb_build_array(jsonb_build_object('payment_id', two, 'amount', most - 4 * u)));
	RETURN NEXT 'parts: ' || (SELECT string_agg(t.amount::text, ' ' ORDER BY t.payment_id) FROM credit_note_refund_part t JOIN credit_note_refund r USING (credit_note_refund_id) WHERE r.credit_note_id = note);
	RETURN NEXT 'in flight: ' || (SELECT value FROM report_refunds_in_flight);
	RETURN NEXT 'too much: ' || test.raises(format('SELECT regpaydb.record_reversal(''bank'', ''two'', %s, ''more'')', 2 * u));
	PERFORM regpaydb.record_reversal('bank', 'two', u, 'all');
	RETURN NEXT 'reversed: ' || (SELECT v.amount || ', loss ' || v.loss FROM reversal v) || ': ' || regpaydb.payment_summary('bank', 'two') || '; ' || regpaydb.payment_summary('bank', 'one');
	RETURN QUERY SELECT 'PROBLEM ' || object || problem FROM regpaydb.check_integrity();
	RETURN QUERY SELECT 'money ' || m::text FROM test.money() m;
END $$;
SELECT * FROM test.shows();
SELECT * FROM test.trade(0.001);
SELECT * FROM test.shows();
SET search_path = yen;
SET regpaydb.ledger = yen;
SELECT * FROM test.shows();
SELECT * FROM test.trade(1);
SELECT * FROM test.shows();

-- Fees are rounded half up to what the currency has.
CREATE FUNCTION test.fee(value numeric, percentage numeric) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	id bigint := regpaydb.manual_invoice(1, '1 day', test.line(value::text));
	result text;
BEGIN
	PERFORM regpaydb.pay(id, value, '');
	id := regpaydb.cancellation_fee(regpaydb.refund_invoice(id), percentage);
	SELECT i.value INTO result FROM invoice i WHERE i.invoice_id = id;
	RAISE EXCEPTION USING ERRCODE = 'T0000', MESSAGE = coalesce(result, 'none');
EXCEPTION WHEN SQLSTATE 'T0000' THEN
	RETURN SQLERRM;
WHEN OTHERS THEN
	RETURN SQLSTATE;
END $$;
SELECT value, percentage, test.fee(value, percentage) FROM (VALUES (1, 49.999), (1, 50), (1, 0.1), (3, 50), (5, 10), (25, 10), (24, 10),
	(999999999999, 50), (1, 100), (1000, 0.05), (1000, 0.049999999999)) AS f (value, percentage);
SET search_path = dinar;
SET regpaydb.ledger = dinar;
SELECT value, percentage, test.fee(value, percentage) FROM (VALUES (0.001, 49.999), (0.001, 50), (0.003, 50), (0.025, 10), (0.024, 10), (1, 0.05), (1, 0.049999999),
	(999999999999.999, 50), (0.001, 100), (100, 33.3335)) AS f (value, percentage);

-- A ledger's currency: before money is in it, it becomes another one of as many
-- decimals; then it stays.
CREATE FUNCTION test.changes() RETURNS TABLE (currency text, becomes text) LANGUAGE plpgsql AS $$
BEGIN
	FOREACH currency IN ARRAY '{JPY,ISK,KWD,BHD,USD,EUR,CLF,eur,NULL}'::text[] LOOP
		becomes := test.raises(format('UPDATE conference SET currency = %L', currency));
		RETURN NEXT;
	END LOOP;
END $$;
SELECT test.new_market('empty_yen', 'JPY', 1);
SELECT * FROM test.changes();
SELECT currency FROM conference;
SELECT test.new_market('empty_dinar', 'KWD', 0.001);
SELECT * FROM test.changes();
SELECT currency FROM conference;
SELECT test.new_market('empty_dollar', 'USD', 0.01);
SELECT * FROM test.changes();
SELECT currency FROM conference;
\x on
SELECT * FROM test.report('UPDATE conference SET currency = ''JPY''');
SELECT test.invoice(1, 10) AS invoice, regpaydb.pay(1, 1, '') > 0 AS paid;
SELECT * FROM test.report('UPDATE conference SET currency = ''USD''');
SELECT * FROM test.report('UPDATE conference SET currency = ''JPY''');
\x off
SET search_path = yen;
SELECT * FROM test.changes();

-- An owner who changed the type of a money column: whichever it is, amounts stay
-- what they are, or are refused.
CREATE FUNCTION test.retype(topic name, currency text, money text, type text) RETURNS TABLE (column_changed text, to_type text, due text, pay text, part text, fraction text, refund text, sum text, problems bigint)
	LANGUAGE plpgsql AS $$
DECLARE
	u numeric := CASE currency WHEN 'JPY' THEN 1 WHEN 'KWD' THEN 0.001 ELSE 0.01 END;
BEGIN
	PERFORM test.new_market(topic, currency, u), test.invoice(1, 100), test.drop_reports(topic::regnamespace);
	EXECUTE 'DROP VIEW IF EXISTS integrity_problem, cart_problem, cart_line, current_reservation';
	EXECUTE format('ALTER TABLE %s ALTER %s TYPE %s', split_part(money, '.', 1), split_part(money, '.', 2), type);
	column_changed := money;
	to_type := type;
	BEGIN
		due := regpaydb.balance_due(1);
	EXCEPTION WHEN OTHERS THEN
		due := SQLSTATE || ' ' || SQLERRM;
	END;
	part := test.raises(format('SELECT regpaydb.pay(1, %s, '''')', 10 + 5 * u));
	pay := test.raises(format('SELECT regpaydb.pay(1, %s, '''')', 100 + u));
	fraction := test.raises(format('SELECT regpaydb.record_payment(1, %s, '''', ''bank'', ''1'')', u / 10));
	refund := test.raises('SELECT regpaydb.refund_invoice(1)');
	sum := (SELECT string_agg(amount::text, ' ' ORDER BY payment_id) FROM payment);
	problems := (SELECT count(*) FROM invoice i WHERE paid <> coalesce((SELECT sum(p.amount) FROM payment p WHERE p.invoice_id = i.invoice_id), 0)) + (SELECT count(*) FROM test.money() WHERE NOT conserved);
	RETURN NEXT;
	EXECUTE format('DROP SCHEMA %I CASCADE', topic);
END $$;
SET search_path = public;
SELECT currency, r.* FROM (VALUES
	(1, 'EUR', 'payment.amount', 'numeric(12,0)'),
	(2, 'EUR', 'payment.amount', 'numeric'),
	(3, 'EUR', 'payment.amount', 'numeric(15,3)'),
	(4, 'EUR', 'invoice.paid', 'numeric(15,3)'),
	(5, 'EUR', 'credit_note.value', 'numeric(20,5)'),
	(6, 'EUR', 'product.price', 'numeric(12,0)'),
	(7, 'KWD', 'payment.amount', 'numeric(14,2)'),
	(8, 'KWD', 'payment.amount', 'numeric'),
	(9, 'JPY', 'payment.amount', 'numeric(14,2)'),
	(10, 'JPY', 'invoice.value', 'numeric(14,2)'),
	(11, 'JPY', 'invoice.paid', 'numeric')
) AS v (n, currency, money, type), test.retype('retyped', currency, money, type) r ORDER BY n;
RESET regpaydb.ledger;
DROP TABLE test.entry;
DROP FUNCTION test.new_market, test.line, test.became, test.shows, test.trade, test.fee, test.changes, test.retype;
