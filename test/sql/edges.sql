-- What happens at the edges of what functions and triggers of ours expect: numbers
-- that are far too large, tables without what create_ledger() gave them, a trigger of
-- ours where we did not put it, settings of the session's own.
SET client_min_messages = warning;
SELECT test.new_shop('edges');
UPDATE conference SET auto_apply_credit = false;

-- ---------------------------------------------------------------------------
-- Numbers
-- ---------------------------------------------------------------------------
SELECT n, test.raises(format('SELECT regpaydb.manual_invoice(1, ''1 day'', %L)', lines)) FROM (VALUES
	(1, '[{"description": "x", "price": 1, "quantity": -1e30}]'),
	(2, '[{"description": "x", "price": 1, "quantity": 1e30}]'),
	(3, '[{"description": "x", "price": 1, "product_id": 12345}]'),
	(4, '[{"description": "x", "price": 999999999999.99, "quantity": 2147483647}]'),
	-- Each of these alone is within an int64.
	(5, '[{"description": "x", "price": 999999999999.99, "quantity": 90000}, {"description": "y", "price": 999999999999.99, "quantity": 90000}]'),
	(6, '[{"description": "x", "price": -999999999999.99, "quantity": 90000}, {"description": "y", "price": -999999999999.99, "quantity": 90000}]')
) AS l (n, lines) ORDER BY n;
-- A statement whose payments add up to more than an int64 holds.
SELECT test.invoice(1, 100) AS invoice \gset
SELECT test.raises(format('INSERT INTO payment (invoice_id, amount) SELECT %s, 999999999999.99 FROM generate_series(1, 100000)', :invoice));

-- ---------------------------------------------------------------------------
-- A table that its owner has let more into
-- ---------------------------------------------------------------------------
BEGIN;
ALTER TABLE payment ALTER amount DROP NOT NULL;
SELECT split_part(test.raises(format('INSERT INTO payment (invoice_id, amount) VALUES (%s, NULL)', :invoice)), ':', 1) AS code;
ALTER TABLE payment ALTER invoice_id DROP NOT NULL;
SELECT split_part(test.raises('INSERT INTO payment (invoice_id, amount) VALUES (NULL, 1)'), ':', 1) AS code;
ROLLBACK;
-- Without its foreign key, for an invoice that is not there.
BEGIN;
ALTER TABLE payment DROP CONSTRAINT payment_invoice_id_fkey;
SELECT test.raises('INSERT INTO payment (invoice_id, amount) VALUES (12345, 1)');
SELECT test.raises('INSERT INTO payment (invoice_id, amount) VALUES (12345, 1), (12346, 1)');
ROLLBACK;
SELECT count(*) FROM payment;

-- ---------------------------------------------------------------------------
-- Triggers of ours, and of others
-- ---------------------------------------------------------------------------
-- An attendee's code of her own is kept, whenever the trigger that makes one runs.
BEGIN;
CREATE TRIGGER always BEFORE INSERT ON attendee FOR EACH ROW EXECUTE FUNCTION regpaydb.make_access_code();
INSERT INTO attendee (user_id, access_code) VALUES (601, 'HER-OWN-CODE'), (602, NULL);
SELECT user_id, access_code = 'HER-OWN-CODE' AS her_own FROM attendee WHERE user_id > 600 ORDER BY 1;
ROLLBACK;
-- A column that a trigger of ours needs has another name.
BEGIN;
ALTER TABLE cart_discount RENAME cart_id TO basket_id;
SELECT test.raises('DELETE FROM cart_discount');
SELECT split_part(test.raises(format('INSERT INTO cart_discount (basket_id, product_id, description, quantity, amount) VALUES (%s, 1, ''x'', 1, 1)', regpaydb.current_cart(1))), ':', 1) AS code;
ROLLBACK;
-- A trigger may pay in another ledger while an invoice of the same number is settled
-- in this one, but not the invoice itself.
SELECT regpaydb.create_ledger('edges_other', currency => 'EUR');
INSERT INTO edges_other.attendee (user_id) VALUES (1);
SELECT set_config('regpaydb.ledger', 'edges_other', false);
SELECT regpaydb.manual_invoice(1, '1 day', '[{"description": "Ticket", "price": 50}]') = :invoice AS same_number;
SELECT set_config('regpaydb.ledger', 'edges', false);
CREATE FUNCTION follow() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	EXECUTE format('INSERT INTO %I.payment (invoice_id, amount) VALUES ($1, 20)', TG_ARGV[0]) USING NEW.invoice_id;
	RETURN NULL;
END $$;
BEGIN;
CREATE TRIGGER follow AFTER UPDATE ON invoice FOR EACH ROW EXECUTE FUNCTION follow('edges');
SELECT test.raises(format('INSERT INTO payment (invoice_id, amount) VALUES (%s, 100)', :invoice));
ROLLBACK;
CREATE TRIGGER follow AFTER UPDATE ON invoice FOR EACH ROW EXECUTE FUNCTION follow('edges_other');
INSERT INTO payment (invoice_id, amount) VALUES (:invoice, 100);
SELECT paid FROM invoice WHERE invoice_id = :invoice;
SELECT paid FROM edges_other.invoice WHERE invoice_id = :invoice;
DROP TRIGGER follow ON invoice;

-- ---------------------------------------------------------------------------
-- A session's own lock_timeout
-- ---------------------------------------------------------------------------
-- Neither a short one nor a long one is another afterwards.
SET lock_timeout = '50ms';
SELECT test.fill(1, 1, 1) > 0 AS filled;
SHOW lock_timeout;
SET lock_timeout = '2min';
SELECT test.fill(1, 1, 2) > 0 AS filled;
SHOW lock_timeout;
SELECT test.raises(format('SELECT regpaydb.set_quantity(%s, 1, 50)', regpaydb.current_cart(1)));
SHOW lock_timeout;
RESET lock_timeout;

-- ---------------------------------------------------------------------------
-- Schemas that are PostgreSQL's own
-- ---------------------------------------------------------------------------
SELECT schema, split_part(test.raises(format('SELECT regpaydb.create_ledger(%L)', schema)), ':', 1) AS code
FROM (VALUES ('information_schema'), ('pg_catalog'), ('pg_toast'), ('pg_mine')) AS s (schema);
SELECT * FROM regpaydb.check_integrity();
