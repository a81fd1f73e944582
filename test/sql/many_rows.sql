-- One statement for more carts and invoices than fit into the first piece of memory
-- that is taken for them; and what is read by SQL where a table is not plain.
SET client_min_messages = warning;
SELECT test.new_ledger('many_rows');
INSERT INTO category (name) VALUES ('Seat');
INSERT INTO product (category_id, name, price, stock) VALUES (1, 'Front', 10, 1000);
INSERT INTO attendee (user_id) SELECT 1000 + g FROM generate_series(1, 300) g;
INSERT INTO cart (attendee_id) SELECT attendee_id FROM attendee WHERE user_id > 1000;

-- ---------------------------------------------------------------------------
-- 1. Carts: filled, changed and emptied by one statement.
-- ---------------------------------------------------------------------------
CREATE VIEW carts AS
SELECT count(*), min(revision), max(revision), sum(quantity) AS items,
	(SELECT sum(quantity) FROM current_reservation) AS reserved,
	(SELECT string_agg(format('%s %s of %s', number, status, paid), ', ' ORDER BY status, paid) FROM
		(SELECT status, paid, count(*) AS number FROM invoice GROUP BY 1, 2) i) AS invoices
FROM cart LEFT JOIN cart_item USING (cart_id);
INSERT INTO cart_item (cart_id, product_id, quantity) SELECT cart_id, 1, 2 FROM cart ORDER BY random();
SELECT * FROM carts;
SELECT count(regpaydb.invoice_cart(cart_id)) FROM cart;
INSERT INTO payment (invoice_id, amount) SELECT invoice_id, 1 FROM invoice WHERE invoice_id % 2 = 0;
SELECT * FROM carts;
UPDATE cart_item SET quantity = 3;
SELECT * FROM carts;
SELECT count(*), sum(value) FROM credit_note WHERE state = 'unclaimed';
SELECT * FROM regpaydb.check_integrity();

-- ---------------------------------------------------------------------------
-- 2. Invoices of carts: paid by one statement.
-- ---------------------------------------------------------------------------
UPDATE conference SET auto_apply_credit = false;
SELECT count(regpaydb.invoice_cart(cart_id)) FROM cart;
INSERT INTO payment (invoice_id, amount) SELECT invoice_id, value FROM invoice WHERE status = 'unpaid' ORDER BY random();
SELECT * FROM carts;
SELECT sold FROM product_stock;
SELECT * FROM regpaydb.check_integrity();
-- Nothing gets into one of them any more, nor into any with it.
SELECT test.raises('UPDATE cart_item SET quantity = 4');

-- ---------------------------------------------------------------------------
-- 3. Tables that are read and written by SQL do as others do.
-- ---------------------------------------------------------------------------
CREATE TABLE attendee_child () INHERITS (attendee);
CREATE TABLE invoice_child () INHERITS (invoice);
CREATE TABLE payment_child () INHERITS (payment);
SELECT test.invoice(1, 100) AS first, test.invoice(1, 100) AS other \gset
SELECT regpaydb.pay(:first, 100, 'card', 'stripe', 'twice') AS paid \gset
SELECT regpaydb.pay(:first, 100, 'card', 'stripe', 'twice') = :paid AS same;
SELECT test.raises(format('SELECT regpaydb.pay(%s, 100, '''', ''stripe'', ''twice'')', :other));
SELECT test.raises(format('SELECT regpaydb.pay(%s, 99, '''', ''stripe'', ''twice'')', :first));
SELECT regpaydb.can_view(:first, 101) AS owner, regpaydb.can_view(:first, 102) AS other,
	regpaydb.can_view(:first, NULL, 'ALICES-CODE') AS code, regpaydb.can_view(0, 101) AS none;
SELECT regpaydb.invoice_for_access_code('ALICES-CODE') = :other AS unpaid;
SELECT test.raises('SELECT regpaydb.manual_invoice(0, ''1 day'', ''[{"description": "x", "price": 1}]'')');
SELECT test.raises('SELECT regpaydb.void_invoice(0)');
SELECT regpaydb.void_invoice(:other);
SELECT status, paid FROM invoice WHERE invoice_id IN (:first, :other) ORDER BY invoice_id;
SELECT * FROM regpaydb.check_integrity();
