-- Any table of a ledger that its owner has done something to, besides those of
-- odd_tables: a day of a conference goes on as ever.
SET client_min_messages = warning;

-- A day's work: carts are filled and billed, one is paid by a function, two by one
-- statement, one of them too much; one is given back, its note put on an invoice, and
-- what is left over paid out.
CREATE FUNCTION test.day() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	i bigint;
	note bigint;
	result text;
BEGIN
	-- Numbers begin anew each time: what was done is taken back, but a sequence is not.
	PERFORM setval('invoice_invoice_id_seq', 1, false);
	FOR a IN 1 .. 3 LOOP
		PERFORM test.fill(a, 1, 1), test.fill(a, 4, a::int), regpaydb.invoice_cart(regpaydb.current_cart(a));
	END LOOP;
	PERFORM test.lapse(regpaydb.current_cart(3));
	PERFORM regpaydb.validate_allowed_to_pay(1), regpaydb.pay(1, 125.50, 'all');
	INSERT INTO payment (invoice_id, amount) VALUES (3, 180), (2, 151);
	note := regpaydb.refund_invoice(2);
	i := test.invoice(2, 100);
	PERFORM regpaydb.apply_credit_note(note, i);
	note := (SELECT max(credit_note_id) FROM credit_note WHERE state = 'unclaimed' AND attendee_id = 2);
	PERFORM regpaydb.cancellation_fee(note, 10);
	note := (SELECT max(credit_note_id) FROM credit_note WHERE state = 'unclaimed' AND attendee_id = 2);
	PERFORM regpaydb.refund_credit_note(note, 'bank', 900);
	-- One more for who was here before.
	PERFORM test.fill(1, 2);
	PERFORM regpaydb.validate_cart(regpaydb.current_cart(1));
	result := (SELECT string_agg(format('%s %s', status, paid), ', ' ORDER BY invoice_id) FROM invoice);
	result := format('%s; notes %s; sold %s; reserved %s; limit %s; problems %s', result,
		(SELECT string_agg(format('%s %s', state, value), ', ' ORDER BY credit_note_id) FROM credit_note),
		(SELECT string_agg(sold::text, ' ' ORDER BY product_id) FROM product_stock WHERE product_id IN (1, 2, 4)),
		(SELECT sum(quantity) FROM reservation),
		(SELECT test.raises('SELECT test.fill(3, 4, 2)')),
		(SELECT count(*) FROM regpaydb.check_integrity()));
	RETURN result;
END $$;

SELECT test.new_shop('odd_shop');
UPDATE conference SET auto_apply_credit = false;
UPDATE product SET limit_per_attendee = 4 WHERE product_id = 4;
SELECT test.with_change('SELECT', 'SELECT test.day()') AS ever \gset
\echo :ever

CREATE TABLE seen (what text);
CREATE FUNCTION look() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN
	INSERT INTO seen VALUES (TG_TABLE_NAME);
	RETURN coalesce(NEW, OLD);
END';
CREATE FUNCTION always() RETURNS boolean LANGUAGE sql IMMUTABLE AS 'SELECT true';

-- What makes a difference: nothing.
CREATE TABLE tables (t text PRIMARY KEY, key text);
INSERT INTO tables VALUES ('category', 'category_id'), ('product', 'product_id'), ('cart', 'cart_id'), ('cart_item', 'cart_id'),
	('reservation', 'cart_id'), ('invoice', 'invoice_id'), ('payment', 'payment_id'), ('credit_note', 'credit_note_id'),
	('credit_note_refund', 'credit_note_id'), ('outbox', 'outbox_id');
SELECT t, change, otherwise
FROM tables, (VALUES
	('CREATE TABLE child () INHERITS (%1$I)'),
	('CREATE TRIGGER a BEFORE INSERT OR UPDATE OR DELETE ON %1$I FOR EACH ROW EXECUTE FUNCTION look()'),
	('CREATE TRIGGER z AFTER INSERT OR UPDATE OR DELETE ON %1$I FOR EACH ROW EXECUTE FUNCTION look()'),
	('ALTER TABLE %1$I ADD CHECK (always())'),
	('ALTER TABLE %1$I ADD twice numeric GENERATED ALWAYS AS (%2$I * 2) STORED'),
	('CREATE INDEX ON %1$I ((always())) WHERE %2$I > 0'),
	('ALTER TABLE %1$I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY; CREATE POLICY p ON %1$I USING (true)'),
	('REVOKE ALL ON %1$I FROM CURRENT_USER')
) AS c (change), LATERAL test.with_change(format(change, t, key), 'SELECT test.day()') AS otherwise
WHERE otherwise <> :'ever' ORDER BY change, t;
-- (Changes are made.)
SELECT left(test.with_change('ALTER TABLE cart ADD CHECK (NOT always())', 'SELECT test.day()'), 5) AS code;

SELECT * FROM regpaydb.check_integrity();
