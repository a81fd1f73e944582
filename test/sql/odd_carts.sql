-- Carts whose tables their owner has done something to: they are sold all the same.
SET client_min_messages = warning;

-- ---------------------------------------------------------------------------
-- An index of the owner's that has every column of a reservation, and comes first
-- ---------------------------------------------------------------------------
SELECT test.new_shop('odd_carts_index');
CREATE INDEX reservation_owners_idx ON reservation (cart_id) INCLUDE (product_id, quantity, reserved_until);
REINDEX INDEX CONCURRENTLY reservation_pkey;
SELECT test.fill(1, 1, 2) AS cart_id, regpaydb.invoice_cart(1) AS invoice_id;
SELECT test.fill(2, 1, 1) AS cart_id, regpaydb.invoice_cart(2) AS invoice_id;
-- So that rows are read from the index.
VACUUM reservation;
SELECT regpaydb.pay(1, 200, 'all') > 0 AS paid;
SELECT cart_id, product_id, quantity FROM reservation;
SELECT * FROM regpaydb.check_integrity();

-- ---------------------------------------------------------------------------
-- A foreign key that follows the cart's status, whose trigger does other things
-- to the products
-- ---------------------------------------------------------------------------
SELECT test.new_shop('odd_carts_cascade');
SELECT test.fill(1, 1, 2) AS cart_id, regpaydb.invoice_cart(1) AS invoice_id;
ALTER TABLE cart ADD UNIQUE (cart_id, status);
CREATE TABLE badge (cart_id bigint, status regpaydb.cart_status,
	FOREIGN KEY (cart_id, status) REFERENCES cart (cart_id, status) ON UPDATE CASCADE);
INSERT INTO badge VALUES (1, 'active');
CREATE FUNCTION rename_product() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN
	UPDATE product SET name = name || '!' WHERE product_id = 1;
	RETURN NULL;
END $$;
CREATE TRIGGER t AFTER UPDATE ON badge FOR EACH ROW EXECUTE FUNCTION rename_product();
SELECT regpaydb.pay(1, 200, 'all') > 0 AS paid;
SELECT * FROM badge;
SELECT name, sold FROM product WHERE product_id = 1;
SELECT regpaydb.refund_invoice(1) > 0 AS refunded;
SELECT * FROM badge;
SELECT name, sold FROM product WHERE product_id = 1;
SELECT * FROM regpaydb.check_integrity();
