-- Whether a cart can be sold is a rule that stands twice: the view cart_problem has
-- it in SQL, and the engine finds the same out without SQL where it can
-- (cart_check.c), or when it takes units from the slots (stock_take.c).  So does the end
-- of a reservation.  Here the one is held against the other on many random carts.
--
-- cart_check.pl runs this on the library as it is, weakened.pl on libraries with a
-- fault.  psql's variables "seed" and "rounds" say which carts, and how many.  The
-- last line of the output begins with "agreed", "disagreed" or "too few".
\o /dev/null
SET client_min_messages = warning;
CREATE SCHEMA cart_check;
SELECT regpaydb.create_ledger('shop');
SET regpaydb.ledger = shop;
SET search_path = shop, cart_check;

-- ---- a view that tells whether it was asked ----

-- The engine asks the view where it is not sure itself, as it can't be where units
-- have to be taken that there may be too few of.  Elsewhere it should be: so every cart
-- gets a row that sorts behind all others, while a setting is on: an error with its text
-- means that the engine was not sure, and that the view had nothing against the cart.
ALTER VIEW cart_problem RENAME TO true_problem;
CREATE VIEW cart_problem AS
	SELECT cart_id, kind, category_id, problem FROM true_problem
	UNION ALL
	SELECT c.cart_id, k.kind, NULL, 'zzz: the view was asked'
	FROM cart c CROSS JOIN (VALUES ('empty'), ('sold_out'), ('limit'), ('required')) k (kind)
	WHERE current_setting('cart_check.marked', true) = 'on';

-- ---- both sides ----

-- "expected" is what SQL says, "got" what the engine does.
CREATE TABLE cart_check.comparison (
	comparison_id bigint GENERATED ALWAYS AS IDENTITY,
	round integer, what text, cart_id bigint, expected text, got text);

CREATE FUNCTION cart_check.compare(round integer, what text, cart_id bigint,
		expected text, got text)
	RETURNS void LANGUAGE sql AS $$
	INSERT INTO comparison (round, what, cart_id, expected, got)
	VALUES (round, what, cart_id, expected, got)
$$;

CREATE FUNCTION cart_check.pick(n integer) RETURNS integer LANGUAGE sql AS $$
	SELECT floor(random() * n)::integer
$$;

-- RP005 with its message, or else what a query says after a statement, which is
-- taken back.
CREATE FUNCTION cart_check.outcome(statement text, look text, marked boolean DEFAULT false)
	RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	PERFORM set_config('cart_check.marked', CASE WHEN marked THEN 'on' ELSE 'off' END, true);
	EXECUTE statement;
	EXECUTE look INTO result;
	RAISE EXCEPTION USING ERRCODE = 'T0000', MESSAGE = coalesce(result, 'nothing');
EXCEPTION
	WHEN SQLSTATE 'T0000' THEN RETURN SQLERRM;
	WHEN SQLSTATE 'RP005' THEN RETURN 'RP005: ' || SQLERRM;
END $$;

-- What the engine has to raise for a cart that has a problem, or one of these kinds;
-- NULL where it has none.
CREATE FUNCTION cart_check.problem(id bigint, kinds text[] DEFAULT '{empty,sold_out,limit,required}')
	RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT 'RP005: ' || min(p.problem) FILTER (WHERE p.kind = ANY (kinds))
		FROM true_problem p WHERE p.cart_id = id);
END $$;

-- The end of a reservation as SQL has reckoned it.
CREATE FUNCTION cart_check.has_lapsed(id bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RETURN coalesce((SELECT max(r.reserved_until) FROM reservation r
		WHERE r.cart_id = id) <= clock_timestamp(), true);
END $$;

-- Whether the engine has to know by itself that the cart can be had: all of it is
-- reserved, or there is any number of it.
CREATE FUNCTION cart_check.is_sure(id bigint) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	RETURN NOT EXISTS (SELECT FROM cart_item i JOIN product p USING (product_id)
			JOIN category g USING (category_id)
		WHERE i.cart_id = id AND num_nonnulls(p.stock, g.stock) > 0 AND NOT EXISTS (
			SELECT FROM reservation r WHERE r.cart_id = id AND r.product_id = i.product_id
				AND r.quantity >= i.quantity AND r.reserved_until > now()));
END $$;

-- ---- random ledgers ----

UPDATE conference SET auto_apply_credit = false;
INSERT INTO attendee (user_id) SELECT generate_series(1, 10);
INSERT INTO category (name) SELECT 'Category ' || n FROM generate_series(1, 4) n;
-- The last one is free, so that there can be very many of it.
INSERT INTO product (category_id, name, price)
	SELECT 1 + n % 4, 'Product ' || n, CASE WHEN n = 9 THEN 0 ELSE 10 * n END
	FROM generate_series(1, 9) n;

-- The end is near, before or after now.  The session's zone must not matter to it,
-- which it would where days or months are added in that zone.
CREATE FUNCTION cart_check.random_times(OUT updated timestamptz, OUT duration interval)
	LANGUAGE plpgsql AS $$
DECLARE
	months integer := pick(2) * pick(14);
	near double precision := (random() - 0.5) * (ARRAY[1, 60, 3600, 7200, 300000])[1 + pick(5)];
BEGIN
	duration := make_interval(months => months,
		days => pick(2) * (pick(40) - CASE WHEN months > 0 THEN 9 ELSE 0 END),
		secs => pick(2) * random() * 100000);
	updated := ((clock_timestamp() + make_interval(secs => near)) AT TIME ZONE 'UTC' - duration)
		AT TIME ZONE 'UTC';
END $$;

-- Attendees fill their carts, pay for them, and give them back.
CREATE FUNCTION cart_check.trade() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	a bigint;
	cart bigint;
	invoice bigint;
	deed integer;
	due numeric;
BEGIN
	FOR a IN SELECT attendee_id FROM attendee ORDER BY attendee_id LOOP
		deed := pick(12);
		CONTINUE WHEN deed = 0;
		cart := regpaydb.current_cart(a);
		IF deed = 1 THEN
			DELETE FROM cart_item WHERE cart_id = cart;
			CONTINUE;
		END IF;
		FOR i IN 0 .. pick(3) LOOP
			PERFORM regpaydb.set_quantity(cart, 1 + pick(8), pick(4));
		END LOOP;
		PERFORM regpaydb.set_quantity(cart, 9, (ARRAY[0, 1, 1, 2, 2000000000])[1 + pick(5)]);
		CONTINUE WHEN deed < 3 OR NOT EXISTS (SELECT FROM cart_item WHERE cart_id = cart);
		invoice := regpaydb.invoice_cart(cart);
		SELECT i.value - i.paid INTO due FROM invoice i WHERE i.invoice_id = invoice;
		CONTINUE WHEN deed < 7 OR due = 0;
		PERFORM regpaydb.pay(invoice, due, '');
		CONTINUE WHEN deed < 10;
		PERFORM regpaydb.refund_invoice(invoice);
	END LOOP;
END $$;

-- How many of a product nobody else can have now.
CREATE FUNCTION cart_check.taken(id bigint) RETURNS bigint LANGUAGE plpgsql AS $$
BEGIN
	RETURN (SELECT s.sold + s.reserved - s.lapsed FROM product_stock s WHERE s.product_id = id);
END $$;

-- Rules that somebody's carts just keep, or just don't.
CREATE FUNCTION cart_check.tighten() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	id bigint;
	a bigint;
	held bigint;
	most CONSTANT integer := 2147483647;
BEGIN
	FOR id IN SELECT category_id FROM category ORDER BY category_id LOOP
		a := 1 + pick(10);
		SELECT coalesce(sum(i.quantity), 0) INTO held
			FROM cart c JOIN cart_item i USING (cart_id) JOIN product p USING (product_id)
			WHERE c.attendee_id = a AND c.status <> 'released' AND p.category_id = id;
		UPDATE category SET required = pick(8) = 0,
			limit_per_attendee = CASE WHEN pick(6) = 0
				THEN least(greatest(held - 1 + pick(4), 0), most) END
			WHERE category_id = id;
		SELECT coalesce(sum(taken(p.product_id)), 0) INTO held
			FROM product p WHERE p.category_id = id;
		UPDATE category SET stock = CASE WHEN pick(8) = 0
				THEN least(greatest(held - 2 + pick(5), 0), most) END
			WHERE category_id = id;
	END LOOP;
	FOR id IN SELECT product_id FROM product ORDER BY product_id LOOP
		a := 1 + pick(10);
		SELECT coalesce(sum(i.quantity), 0) INTO held
			FROM cart c JOIN cart_item i USING (cart_id)
			WHERE c.attendee_id = a AND c.status <> 'released' AND i.product_id = id;
		UPDATE product SET limit_per_attendee = CASE WHEN pick(15) = 0
				THEN least(greatest(held - 1 + pick(4), 0), most) END
			WHERE product_id = id;
		UPDATE product SET stock = CASE WHEN pick(6) = 0
				THEN least(greatest(taken(id) - 2 + pick(5), 0), most) END,
			category_id = CASE WHEN pick(10) = 0 THEN 1 + pick(4) ELSE category_id END
			WHERE product_id = id;
	END LOOP;
END $$;

CREATE FUNCTION cart_check.stir() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	id bigint;
	times record;
BEGIN
	PERFORM set_config('timezone', (ARRAY['UTC', 'America/New_York', 'Europe/Berlin',
		'Australia/Lord_Howe', 'Asia/Kolkata', 'America/Santiago'])[1 + pick(6)], false);
	UPDATE category SET required = false, limit_per_attendee = NULL, stock = NULL;
	UPDATE product SET stock = NULL, limit_per_attendee = NULL;
	PERFORM trade();
	FOR id IN SELECT cart_id FROM cart WHERE status = 'active' ORDER BY cart_id LOOP
		CONTINUE WHEN pick(2) = 0;
		times := random_times();
		UPDATE cart SET time_last_updated = times.updated, reservation_duration = times.duration
			WHERE cart_id = id;
	END LOOP;
	PERFORM tighten();
END $$;

-- ---- what is compared ----

-- Whether a cart that was changed just now is reserved afresh, and what of it can't be
-- had.
CREATE FUNCTION cart_check.amended(id bigint) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	RETURN concat_ws('; ',
		CASE WHEN (SELECT time_last_updated = now() FROM cart WHERE cart_id = id)
			THEN 'renewed' ELSE 'left' END,
		problem(id, '{sold_out}'), problem(id, '{limit}'));
END $$;

-- Each function that asks whether a cart can be sold, and what it has to say.
CREATE FUNCTION cart_check.check_cart(round integer, id bigint) RETURNS void
	LANGUAGE plpgsql AS $$
DECLARE
	lapsed boolean := has_lapsed(id);
	sure boolean := is_sure(id);
	bill record;
	got text;
BEGIN
	PERFORM compare(round, 'validate_cart', id, coalesce(problem(id), 'sound'),
		outcome(format('SELECT regpaydb.validate_cart(%s)', id), $s$SELECT 'sound'$s$, sure));

	-- What is reserved stays so; what lapsed has to be there.
	got := outcome(format('SELECT regpaydb.extend_reservation(%s, ''1 hour'')', id),
		$s$SELECT 'sound'$s$, sure);
	IF lapsed = has_lapsed(id) THEN
		PERFORM compare(round, 'extend_reservation', id,
			coalesce(CASE WHEN lapsed THEN problem(id, '{sold_out,limit}') END, 'sound'), got);
	END IF;

	SELECT invoice_id, value - paid AS due INTO bill
		FROM invoice WHERE cart_id = id AND status = 'unpaid';
	IF bill.invoice_id IS NULL THEN
		PERFORM compare(round, 'invoice_cart', id, coalesce(problem(id), 'sound'),
			outcome(format('SELECT regpaydb.invoice_cart(%s)', id), $s$SELECT 'sound'$s$, sure));
		RETURN;
	END IF;

	-- pay() tells first that something is sold out, if that can be.
	lapsed := has_lapsed(id);
	got := outcome(format('SELECT regpaydb.pay(%s, %s, '''')', bill.invoice_id, bill.due),
		$s$SELECT 'sound'$s$, sure);
	IF lapsed = has_lapsed(id) THEN
		PERFORM compare(round, 'pay', id,
			coalesce(CASE WHEN lapsed THEN problem(id, '{sold_out}') END, problem(id), 'sound'), got);
	END IF;

	-- Money that has arrived buys whatever is not sold out.
	PERFORM compare(round, 'record_payment', id,
		CASE WHEN problem(id, '{sold_out}') IS NULL THEN 'paid' ELSE 'void' END,
		outcome(format('SELECT regpaydb.record_payment(%s, %s, '''', ''bank'', ''x'')',
				bill.invoice_id, bill.due),
			format('SELECT status FROM invoice WHERE invoice_id = %s', bill.invoice_id)));
END $$;

-- What set_quantity() comes to.  The view is asked about the changed cart afterwards:
-- that the cart now reserves what is in it does not stand against itself.
CREATE FUNCTION cart_check.check_amendment(round integer, id bigint) RETURNS void
	LANGUAGE plpgsql AS $$
DECLARE
	-- Mostly one that it has, so that it can have less.
	product bigint := coalesce((SELECT i.product_id FROM cart_item i
		WHERE i.cart_id = id AND pick(3) > 0 ORDER BY random() LIMIT 1), 1 + pick(9));
	before integer := coalesce((SELECT r.quantity FROM reservation r
		WHERE r.cart_id = id AND r.product_id = product), 0);
	after integer := greatest(before - 2 + pick(4), 0);
	lapsed boolean := has_lapsed(id);
	was_renewed boolean := (SELECT time_last_updated = now() FROM cart WHERE cart_id = id);
	got text := outcome(format('SELECT regpaydb.set_quantity(%s, %s, %s)', id, product, after),
		format('SELECT amended(%s)', id), after > before AND NOT lapsed AND is_sure(id));
	renewed boolean := got ~ '^renewed';
	problem text := substring(got FROM 'RP005.*');
BEGIN
	IF before = after OR lapsed <> has_lapsed(id) THEN
		RETURN;
	END IF;
	IF after > before THEN
		-- Where it is refused the message is the view's, which has that row then.
		PERFORM compare(round, 'set_quantity, more', id,
			CASE WHEN problem ~ 'zzz' THEN 'renewed'
				WHEN problem ~ 'is required$|is empty$' THEN 'RP005 for stock and limits only'
				ELSE coalesce(problem, 'renewed') END,
			CASE WHEN renewed THEN 'renewed' ELSE got END);
	ELSIF NOT was_renewed THEN
		-- It may have less at any time; if it had lapsed, it is reserved again only
		-- where all of it is there.
		PERFORM compare(round, 'set_quantity, less', id,
			CASE WHEN lapsed AND problem ~ 'is sold out|are left' THEN 'void' ELSE 'renewed' END,
			CASE WHEN got ~ '^RP005' THEN got WHEN renewed THEN 'renewed' ELSE 'void' END);
	END IF;
END $$;

-- Several invoices are paid by one statement.  What is held against that is the
-- view, before each of them is paid by itself.
CREATE FUNCTION cart_check.pay_one_by_one() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	bill record;
	result text := '';
BEGIN
	FOR bill IN SELECT invoice_id, cart_id, value - paid AS due FROM invoice
			WHERE status = 'unpaid' ORDER BY invoice_id LOOP
		result := result || CASE WHEN problem(bill.cart_id, '{sold_out}') IS NULL
			THEN 'paid ' ELSE 'void ' END;
		PERFORM regpaydb.record_payment(bill.invoice_id, bill.due, '', 'bank',
			bill.invoice_id::text);
	END LOOP;
	RETURN result;
END $$;

-- Some of those who are billed for a product can have it.
CREATE FUNCTION cart_check.contend() RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	wanted record;
	times record;
	id bigint;
BEGIN
	SELECT e.product_id, sum(e.quantity)::integer AS quantity INTO wanted
		FROM invoice i JOIN cart_item e USING (cart_id)
		WHERE i.status = 'unpaid' AND e.product_id <> 9
		GROUP BY e.product_id ORDER BY count(*) DESC, e.product_id LIMIT 1;
	UPDATE product SET stock = CASE WHEN product_id = wanted.product_id
		THEN (SELECT s.sold FROM product_stock s WHERE s.product_id = wanted.product_id)
			+ wanted.quantity / 3 + pick(wanted.quantity) END;
	FOR id IN SELECT cart_id FROM invoice WHERE status = 'unpaid' ORDER BY cart_id LOOP
		times := random_times();
		UPDATE cart SET time_last_updated = times.updated, reservation_duration = times.duration
			WHERE cart_id = id;
	END LOOP;
END $$;

CREATE FUNCTION cart_check.compare_words(round integer, what text, carts bigint[],
		expected text, got text)
	RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. cardinality(carts) LOOP
		PERFORM compare(round, what, carts[i],
			split_part(expected, ' ', i), split_part(got, ' ', i));
	END LOOP;
END $$;

CREATE FUNCTION cart_check.check_statements(round integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	carts bigint[];
	bills bigint[];
	expected text;
	look text;
BEGIN
	PERFORM contend();
	SELECT array_agg(cart_id ORDER BY invoice_id), array_agg(invoice_id ORDER BY invoice_id),
			string_agg(CASE WHEN problem(cart_id) IS NULL THEN 'unpaid' ELSE 'void' END, ' '
				ORDER BY invoice_id)
		INTO carts, bills, expected FROM invoice WHERE status = 'unpaid';
	IF bills IS NULL THEN
		RETURN;
	END IF;
	look := format($s$SELECT string_agg(status::text, ' ' ORDER BY invoice_id)
		FROM invoice WHERE invoice_id = ANY (%L)$s$, bills);

	-- (Whether one invoice is given up is nothing to the carts of the others.)
	PERFORM compare_words(round, 'expire_invoices', carts, expected,
		outcome('SELECT regpaydb.expire_invoices()', look));
	PERFORM compare_words(round, 'many payments', carts,
		outcome('SELECT', 'SELECT pay_one_by_one()'),
		outcome($s$INSERT INTO payment (invoice_id, amount)
			SELECT invoice_id, value - paid FROM invoice WHERE status = 'unpaid'$s$, look));
END $$;

-- A cart that has more than it may is refused an extension only if it has lapsed.
CREATE FUNCTION cart_check.check_ends(round integer) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
	id bigint := (SELECT max(cart_id) FROM cart WHERE status = 'active'
		AND EXISTS (SELECT FROM cart_item i WHERE i.cart_id = cart.cart_id));
	times record;
	lapsed boolean;
	got text;
BEGIN
	IF id IS NULL THEN
		RETURN;
	END IF;
	UPDATE product SET limit_per_attendee = 0
		WHERE product_id IN (SELECT i.product_id FROM cart_item i WHERE i.cart_id = id);
	FOR i IN 1 .. 20 LOOP
		times := random_times();
		UPDATE cart SET time_last_updated = times.updated, reservation_duration = times.duration
			WHERE cart_id = id;
		lapsed := has_lapsed(id);
		got := outcome(format('SELECT regpaydb.extend_reservation(%s, ''0'')', id),
			$s$SELECT 'living'$s$);
		CONTINUE WHEN lapsed <> has_lapsed(id);
		PERFORM compare(round, 'the end', id,
			CASE WHEN lapsed THEN problem(id, '{sold_out,limit}') ELSE 'living' END, got);
	END LOOP;
END $$;

-- ---- all of it ----

CREATE PROCEDURE cart_check.run(seed bigint, rounds integer) LANGUAGE plpgsql AS $$
DECLARE
	id bigint;
BEGIN
	PERFORM setseed((seed % 1000003) / 1000003.0);
	FOR n IN 1 .. rounds LOOP
		PERFORM stir();
		-- What this transaction has written is seen as what others have.
		IF pick(3) > 0 THEN
			COMMIT;
		END IF;
		FOR id IN SELECT cart_id FROM cart WHERE status = 'active' ORDER BY cart_id LOOP
			PERFORM check_cart(n, id);
			FOR i IN 1 .. 4 LOOP
				PERFORM check_amendment(n, id);
			END LOOP;
		END LOOP;
		PERFORM check_statements(n), check_ends(n);
		COMMIT;
	END LOOP;
END $$;

CREATE VIEW cart_check.result AS
	SELECT what,
		count(*) FILTER (WHERE expected !~ '^RP005|^void') AS sound,
		count(*) FILTER (WHERE expected ~ '^RP005|^void') AS unsound,
		count(*) FILTER (WHERE got ~ 'zzz') AS asked,
		count(*) FILTER (WHERE expected <> got AND got !~ 'zzz') AS disagreed
	FROM comparison GROUP BY what;

CALL cart_check.run(:seed, :rounds);
\o
SELECT * FROM result ORDER BY what;
SELECT CASE
	WHEN sum(disagreed) > 0 THEN (
		SELECT format('disagreed: %s times, first in round %s, cart %s, %s: expected %s, got %s',
			(SELECT sum(disagreed) FROM result), round, cart_id, what, expected, got)
		FROM comparison WHERE expected <> got AND got !~ 'zzz' ORDER BY comparison_id LIMIT 1)
	WHEN count(*) < 10 OR min(least(sound, unsound)) * 8 < :rounds THEN 'too few were compared'
	WHEN sum(asked) > 0 THEN format('too few were found sound by the engine itself, which asked the view about %s',
		sum(asked))
	ELSE format('agreed: %s were sound, %s were not', sum(sound), sum(unsound)) END
FROM result;
