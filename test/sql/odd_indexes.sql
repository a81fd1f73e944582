-- Indexes that their owner has made in place of ours.  Rows are found by an index
-- without SQL only where SQL would find the same by it; whatever the indexes are, the
-- same money is recorded once, the same rows are found, and nothing is oversold.
SET client_min_messages = warning;

-- What is done: a reference is used again, by INSERT too, and with others of its kind;
-- three carts want the last five seats, two at a time, and one after its reservation
-- has lapsed; and who has bought the one Blue that everybody may have wants another.
CREATE FUNCTION test.work() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	i bigint;
	j bigint;
	first bigint;
	result text;
BEGIN
	i := test.invoice(1, 100);
	first := regpaydb.pay(i, 10, 'one', 'bank', 'r1');
	result := format('again %s', regpaydb.pay(i, 10, 'again', 'bank', 'r1') = first);
	INSERT INTO payment (invoice_id, amount, provider, provider_ref) VALUES (i, 5, 'bank', 'r1'), (i, 5, 'bank', 'r2')
	ON CONFLICT DO NOTHING;
	PERFORM regpaydb.pay(i, 5, 'swapped', 'r1', 'bank');
	result := format('%s, other %s, case %s, %s on %s', result,
		test.raises(format('SELECT regpaydb.pay(%s, 11, ''other'', ''bank'', ''r1'')', i)),
		regpaydb.pay(i, 1, 'case', 'Bank', 'r1') <> first,
		(SELECT paid FROM invoice WHERE invoice_id = i), (SELECT count(*) FROM payment WHERE invoice_id = i));
	FOR a IN 1 .. 3 LOOP
		BEGIN
			PERFORM test.fill(a, 1, 2);
			j := regpaydb.invoice_cart(regpaydb.current_cart(a));
			IF a = 1 THEN
				PERFORM test.lapse(regpaydb.current_cart(1));
			END IF;
			INSERT INTO payment (invoice_id, amount) VALUES (j, 200), (i, 1);
		EXCEPTION WHEN SQLSTATE 'RP005' THEN
			result := format('%s; %s', result, SQLERRM);
		END;
	END LOOP;
	PERFORM test.fill(3, 4), regpaydb.pay(regpaydb.invoice_cart(regpaydb.current_cart(3)), 25.50, 'blue');
	result := format('%s; %s', result, test.raises('SELECT test.fill(3, 4)'));
	result := format('%s; sold %s, %s problems', result, (SELECT sold FROM product_stock WHERE product_id = 1),
		(SELECT count(*) FROM regpaydb.check_integrity()));
	RETURN result;
END $$;

SELECT test.new_shop('odd_indexes');
UPDATE conference SET auto_apply_credit = false;
UPDATE product SET limit_per_attendee = 1 WHERE product_id = 4;
SELECT test.with_change('SELECT', 'SELECT test.work()');
SELECT test.with_change('SELECT', 'SELECT test.work()') AS ever \gset

-- What makes a provider's payment unique.
SELECT n, nullif(test.with_change('ALTER TABLE payment DROP CONSTRAINT payment_provider_provider_ref_key; ' || change, 'SELECT test.work()'), :'ever') AS otherwise
FROM (VALUES
	(1, 'ALTER TABLE payment ADD UNIQUE (provider_ref, provider)'),
	(2, 'CREATE UNIQUE INDEX ON payment (provider, provider_ref) WHERE provider IS NOT NULL'),
	(3, 'CREATE UNIQUE INDEX ON payment (provider, provider_ref) WHERE invoice_id > 0'),
	(4, 'CREATE UNIQUE INDEX ON payment (provider COLLATE "C", provider_ref)'),
	(5, 'CREATE UNIQUE INDEX ON payment (provider, provider_ref text_pattern_ops)'),
	(6, 'CREATE UNIQUE INDEX ON payment (provider text_pattern_ops, provider_ref)'),
	(7, 'CREATE UNIQUE INDEX ON payment (provider, provider_ref) INCLUDE (amount)'),
	(8, 'CREATE UNIQUE INDEX ON payment (provider DESC, provider_ref NULLS FIRST)'),
	(9, 'CREATE UNIQUE INDEX ON payment (provider, provider_ref); CREATE UNIQUE INDEX ON payment (provider_ref, provider)'),
	(10, 'CREATE UNIQUE INDEX ON payment (provider, provider_ref); CREATE UNIQUE INDEX ON payment (provider, provider_ref)'),
	(11, 'CREATE UNIQUE INDEX ON payment (provider, provider_ref COLLATE "POSIX")'),
	(12, 'CREATE INDEX ON payment (provider, provider_ref); CREATE UNIQUE INDEX ON payment (provider, provider_ref)'),
	(13, 'CREATE UNIQUE INDEX ON payment (provider, provider_ref, invoice_id); CREATE UNIQUE INDEX ON payment (provider, provider_ref)')
) AS c (n, change) ORDER BY n;
-- One that is checked at the end of the transaction is none that a row can be left
-- out by, nor is there one where it is gone; SQL says so.
SELECT n, test.with_change('ALTER TABLE payment DROP CONSTRAINT payment_provider_provider_ref_key; ' || change, 'SELECT test.work()')
FROM (VALUES
	(1, 'SELECT'),
	(2, 'ALTER TABLE payment ADD UNIQUE (provider, provider_ref) DEFERRABLE'),
	(3, 'CREATE UNIQUE INDEX ON payment (lower(provider), provider_ref)')
) AS c (n, change) ORDER BY n;

-- By what rows are found and listed.
SELECT n, nullif(test.with_change(change, 'SELECT test.work()'), :'ever') AS otherwise
FROM (VALUES
	(1, 'DROP INDEX reservation_product_id_idx'),
	(2, 'DROP INDEX reservation_product_id_idx; CREATE INDEX ON reservation (product_id)'),
	(3, 'DROP INDEX reservation_product_id_idx; CREATE INDEX ON reservation (product_id, reserved_until)'),
	(4, 'DROP INDEX reservation_product_id_idx; CREATE INDEX ON reservation (product_id, reserved_until) INCLUDE (quantity)'),
	(5, 'DROP INDEX reservation_product_id_idx; CREATE INDEX ON reservation (product_id, reserved_until) INCLUDE (cart_id)'),
	(6, 'DROP INDEX reservation_product_id_idx; CREATE INDEX ON reservation (product_id DESC, reserved_until DESC) INCLUDE (quantity, cart_id)'),
	(7, 'DROP INDEX reservation_product_id_idx; CREATE INDEX ON reservation (product_id, (reserved_until AT TIME ZONE ''UTC''))'),
	(8, 'DROP INDEX reservation_product_id_idx; CREATE INDEX ON reservation (product_id, reserved_until) WHERE quantity > 2'),
	(9, 'DROP INDEX reservation_product_id_idx; CREATE INDEX ON reservation (product_id, cart_id, reserved_until, quantity)'),
	(10, 'DROP INDEX reservation_product_id_idx; CREATE INDEX ON reservation USING hash (product_id)'),
	(11, 'DROP INDEX reservation_product_id_idx; CREATE INDEX ON reservation USING brin (product_id, reserved_until)'),
	(12, 'ALTER TABLE reservation ADD ended timestamptz DEFAULT ''2000-01-01'';
		DROP INDEX reservation_product_id_idx; CREATE INDEX ON reservation (product_id, ended)'),
	(13, 'ALTER TABLE reservation DROP CONSTRAINT reservation_pkey; CREATE INDEX ON reservation (cart_id) WHERE quantity > 2'),
	(14, 'ALTER TABLE reservation DROP CONSTRAINT reservation_pkey; CREATE INDEX ON reservation ((cart_id + 0))'),
	(15, 'DROP INDEX cart_attendee_id_idx'),
	(16, 'DROP INDEX cart_attendee_id_idx; CREATE INDEX ON cart USING hash (attendee_id)'),
	(17, 'DROP INDEX cart_attendee_id_idx; CREATE INDEX ON cart (attendee_id) WHERE status = ''released'''),
	(18, 'DROP INDEX cart_attendee_id_idx; CREATE INDEX ON cart ((attendee_id + 0))'),
	(19, 'CREATE INDEX ON reservation (product_id, cart_id); CREATE INDEX ON cart_item (cart_id); CREATE INDEX ON cart (attendee_id, status)'),
	(20, 'ALTER TABLE outbox DROP CONSTRAINT outbox_pkey; ALTER TABLE outbox ADD PRIMARY KEY (outbox_id, "time")'),
	(21, 'ALTER TABLE staff DROP CONSTRAINT staff_pkey; ALTER TABLE staff ADD PRIMARY KEY (user_id) DEFERRABLE')
) AS c (n, change) ORDER BY n;

-- An index that could not be made finds nothing.  (It is there, and not valid.)
INSERT INTO attendee (user_id, recipient) VALUES (501, 'Same'), (502, 'Same');
SELECT test.fill(4, 1, 1) > 0 AS filled, test.fill(5, 1, 1) > 0 AS filled;
DROP INDEX reservation_product_id_idx;
\set VERBOSITY sqlstate
CREATE UNIQUE INDEX CONCURRENTLY broken ON reservation (product_id, reserved_until) INCLUDE (cart_id, quantity);
CREATE UNIQUE INDEX CONCURRENTLY broken_too ON reservation (product_id, quantity);
\set VERBOSITY default
SELECT indisvalid FROM pg_index WHERE indexrelid = 'broken_too'::regclass;
SELECT test.raises(format('SELECT regpaydb.set_quantity(%s, 1, 4)', regpaydb.current_cart(1)));
SELECT regpaydb.set_quantity(regpaydb.current_cart(1), 1, 3);
SELECT * FROM regpaydb.check_integrity();
