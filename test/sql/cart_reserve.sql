-- Carts, and what they keep from being sold to others.
SET client_min_messages = warning;
SELECT test.new_shop('cart_reserve');

-- ---------------------------------------------------------------------------
-- current_cart
-- ---------------------------------------------------------------------------
-- Made if there is none; then the same one.
SELECT regpaydb.current_cart(1) AS alice, regpaydb.current_cart(1) AS again,
	regpaydb.current_cart(2) AS bob, regpaydb.current_cart(3) AS carol;
SELECT cart_id, attendee_id, status, revision, entry_count FROM cart ORDER BY 1;
-- The database allows one active cart (23505); unknown attendees are RP002.
SELECT call, test.raises(call) FROM (VALUES
	(1, 'INSERT INTO cart (attendee_id) VALUES (1)'),
	(2, 'SELECT regpaydb.current_cart(999)'),
	(3, 'SELECT regpaydb.current_cart(NULL)')) v (n, call) ORDER BY n;
-- On whose behalf: Bob finds no cart of Alice's, and can do nothing to it.
SET regpaydb.user_id = '102';
SELECT call, test.raises(call) FROM (VALUES
	(1, 'SELECT regpaydb.current_cart(1)'),
	(2, 'SELECT regpaydb.set_quantity(1, 1, 1)'),
	(3, 'SELECT regpaydb.validate_cart(1)'),
	(4, 'SELECT regpaydb.extend_reservation(1, ''1 hour'')'),
	(5, 'SELECT regpaydb.invoice_cart(1)'),
	(6, 'SELECT regpaydb.current_cart(2)')) v (n, call) ORDER BY n;
RESET regpaydb.user_id;

-- ---------------------------------------------------------------------------
-- set_quantity
-- ---------------------------------------------------------------------------
-- Adds, changes, and removes with 0; each change is a revision.  The quantity
-- that it has already changes nothing.
SELECT call, test.outcome(call) FROM (VALUES
	(1, 'SELECT regpaydb.set_quantity(1, 1, 2)'),
	(2, 'SELECT regpaydb.set_quantity(1, 1, 0)')) v (n, call) ORDER BY n;
SELECT regpaydb.set_quantity(1, 1, 2);
SELECT call, test.outcome(call) FROM (VALUES
	(1, 'SELECT regpaydb.set_quantity(1, 1, 2)'),
	(2, 'SELECT regpaydb.set_quantity(1, 1, 5)'),
	(3, 'SELECT regpaydb.set_quantity(1, 1, 1)'),
	(4, 'SELECT regpaydb.set_quantity(1, 1, 0)'),
	(5, 'SELECT regpaydb.set_quantity(1, 4, 1000000)'),
	(6, 'SELECT regpaydb.set_quantity(1, 3, 0)')) v (n, call) ORDER BY n;
SELECT product_id, quantity FROM cart_item WHERE cart_id = 1;
-- What is unknown, NULL, negative, or more than there is.
SELECT call, test.raises(call) FROM (VALUES
	(1, 'SELECT regpaydb.set_quantity(999, 1, 1)'),
	(2, 'SELECT regpaydb.set_quantity(1, 999, 1)'),
	(3, 'SELECT regpaydb.set_quantity(1, 999, 0)'),
	(4, 'SELECT regpaydb.set_quantity(NULL, 1, 1)'),
	(5, 'SELECT regpaydb.set_quantity(1, NULL, 1)'),
	(6, 'SELECT regpaydb.set_quantity(1, 1, NULL)'),
	(7, 'SELECT regpaydb.set_quantity(1, 1, -1)'),
	(8, 'SELECT regpaydb.set_quantity(1, 1, 6)'),
	(9, 'SELECT regpaydb.set_quantity(2, 1, 4)'),
	(10, 'SELECT regpaydb.set_quantity(2, 1, 2147483647)')) v (n, call) ORDER BY n;
\x on
SELECT * FROM test.report('SELECT regpaydb.set_quantity(2, 1, 4)');
SELECT * FROM test.report('SELECT regpaydb.set_quantity(1, 1, -1)');
\x off
SELECT cart_id, revision, entry_count FROM cart ORDER BY 1;

-- ---------------------------------------------------------------------------
-- Until when
-- ---------------------------------------------------------------------------
-- Until time_last_updated + reservation_duration, which a change renews to the
-- longest of what is left and what the products ask for.  (now() stands still
-- in a transaction, so that this is exact.)
BEGIN;
SELECT regpaydb.set_quantity(2, 3, 1);		-- 30 minutes
SELECT product_id, quantity, until - now() AS left FROM current_reservation WHERE cart_id = 2;
SELECT regpaydb.set_quantity(2, 1, 1);		-- 1 hour
SELECT product_id, quantity, until - now() AS left FROM current_reservation WHERE cart_id = 2 ORDER BY 1;
-- 50 minutes later the hour begins again.
UPDATE cart SET time_last_updated = now() - interval '50 minutes' WHERE cart_id = 2;
SELECT product_id, quantity, until - now() AS left FROM current_reservation WHERE cart_id = 2 ORDER BY 1;
SELECT regpaydb.set_quantity(2, 6, 1);		-- asks for nothing
SELECT product_id, quantity, until - now() AS left FROM current_reservation WHERE cart_id = 2 ORDER BY 1;
-- What is left may be the longest: 20 hours of a day's reservation.
SELECT regpaydb.set_quantity(2, 5, 1);
SELECT regpaydb.set_quantity(2, 5, 0);
UPDATE cart SET time_last_updated = now() - interval '4 hours' WHERE cart_id = 2;
SELECT regpaydb.set_quantity(2, 6, 2);
SELECT product_id, quantity, until - now() AS left FROM current_reservation WHERE cart_id = 2 ORDER BY 1;
-- The same quantity is no change and renews nothing.
UPDATE cart SET time_last_updated = now() - interval '1 hour' WHERE cart_id = 2;
SELECT regpaydb.set_quantity(2, 6, 2);
SELECT DISTINCT until - now() AS left FROM current_reservation WHERE cart_id = 2;
-- Removing is a change: what is left, or an hour for product 1.
UPDATE cart SET reservation_duration = '61 minutes' WHERE cart_id = 2;
SELECT regpaydb.set_quantity(2, 6, 0);
SELECT DISTINCT until - now() AS left FROM current_reservation WHERE cart_id = 2;
-- A change of a lapsed cart reserves again.
SELECT test.lapse(2);
SELECT count(*) FROM current_reservation WHERE cart_id = 2;
SELECT regpaydb.set_quantity(2, 3, 2);
SELECT product_id, quantity, until - now() AS left FROM current_reservation WHERE cart_id = 2 ORDER BY 1;
ROLLBACK;

-- ---------------------------------------------------------------------------
-- available_stock
-- ---------------------------------------------------------------------------
-- Less what is reserved, by anybody; NULL for what is unlimited.
SELECT product_id, stock, regpaydb.available_stock(product_id) FROM product ORDER BY 1;
-- What lapsed is available, and can be taken.
SELECT test.lapse(1);
SELECT regpaydb.available_stock(1);
SELECT regpaydb.set_quantity(2, 1, 4);
SELECT regpaydb.available_stock(1);
-- Never negative, should there be less than was reserved.
UPDATE product SET stock = 3 WHERE product_id = 1;
SELECT regpaydb.available_stock(1);
UPDATE product SET stock = 5 WHERE product_id = 1;
SELECT call, test.raises(call) FROM (VALUES
	(1, 'SELECT regpaydb.available_stock(999)'),
	(2, 'SELECT regpaydb.available_stock(NULL)')) v (n, call) ORDER BY n;
-- However much of an unlimited product is reserved, it stays unlimited.
BEGIN;
SELECT regpaydb.set_quantity(2, 4, 2147483647), regpaydb.set_quantity(3, 4, 2147483647);
SELECT regpaydb.available_stock(4);
ROLLBACK;

-- ---------------------------------------------------------------------------
-- What lapsed and was taken
-- ---------------------------------------------------------------------------
-- Alice's two lapsed, and Bob took four of the five: one is left for her.
SELECT call, test.outcome(call) FROM (VALUES
	(1, 'SELECT regpaydb.validate_cart(1)'),
	(2, 'SELECT regpaydb.set_quantity(1, 1, 3)'),
	(3, 'SELECT regpaydb.set_quantity(1, 1, 1)'),
	(4, 'SELECT regpaydb.set_quantity(1, 1, 0)'),
	-- As a change reserves all that is in the cart again, nothing can be added
	-- before that is put right; the same quantity asks for nothing.
	(5, 'SELECT regpaydb.set_quantity(1, 4, 1)'),
	(6, 'SELECT regpaydb.set_quantity(1, 1, 2)'),
	(7, 'SELECT regpaydb.invoice_cart(1)'),
	(8, 'SELECT regpaydb.extend_reservation(1, ''1 hour'')')) v (n, call) ORDER BY n;
SELECT regpaydb.set_quantity(1, 1, 1);
SELECT regpaydb.available_stock(1);
-- A cart of which two things are gone is not stuck: each can be removed, in any
-- order.  What others reserved meanwhile is not touched.
SELECT regpaydb.set_quantity(1, 1, 0), regpaydb.set_quantity(1, 2, 1), regpaydb.set_quantity(1, 5, 1);
SELECT test.lapse(1);
SELECT regpaydb.set_quantity(3, 2, 1), regpaydb.set_quantity(3, 5, 1);
SELECT call, test.outcome(call) FROM (VALUES
	(1, 'SELECT regpaydb.set_quantity(1, 2, 0); SELECT regpaydb.set_quantity(1, 5, 0)'),
	(2, 'SELECT regpaydb.set_quantity(1, 5, 0); SELECT regpaydb.set_quantity(1, 2, 0)'),
	(3, 'SELECT regpaydb.set_quantity(1, 2, 0); SELECT regpaydb.validate_cart(3)'),
	(4, 'DELETE FROM cart_item WHERE cart_id = 1 AND product_id = 5; SELECT regpaydb.validate_cart(3)')) v (n, call) ORDER BY n;
DELETE FROM cart_item WHERE cart_id = 1;
-- If nothing was taken, a lapsed cart is as good as ever.
SELECT test.lapse(2);
SELECT regpaydb.validate_cart(2);
SELECT regpaydb.available_stock(1);

-- ---------------------------------------------------------------------------
-- extend_reservation
-- ---------------------------------------------------------------------------
BEGIN;
-- Lapsed, and free: reserved again, and no new revision.
SELECT test.outcome('SELECT regpaydb.extend_reservation(2, ''20 minutes'')');
SELECT regpaydb.extend_reservation(2, '20 minutes');
SELECT DISTINCT until - now() AS left FROM current_reservation WHERE cart_id = 2;
SELECT regpaydb.available_stock(1);
-- At least this time from now: longer, and never shorter.
SELECT regpaydb.extend_reservation(2, '3 hours');
SELECT DISTINCT until - now() AS left FROM current_reservation WHERE cart_id = 2;
SELECT regpaydb.extend_reservation(2, '1 minute');
SELECT DISTINCT until - now() AS left FROM current_reservation WHERE cart_id = 2;
SELECT regpaydb.extend_reservation(2, '-10 hours');
SELECT DISTINCT until - now() AS left FROM current_reservation WHERE cart_id = 2;
UPDATE cart SET time_last_updated = now() - interval '1 hour' WHERE cart_id = 2;
SELECT regpaydb.extend_reservation(2, '2 hours 1 minute');
SELECT DISTINCT until - now() AS left FROM current_reservation WHERE cart_id = 2;
-- An empty cart may be extended, too; its first items have that time, then.
SELECT test.lapse(1);
SELECT regpaydb.extend_reservation(1, '5 hours'), regpaydb.set_quantity(1, 3, 1);
SELECT until - now() AS left FROM current_reservation WHERE cart_id = 1;
ROLLBACK;
-- Lapsed, and taken (RP005); unknown and NULL.
SELECT test.lapse(3);
SELECT regpaydb.set_quantity(1, 2, 1);
SELECT call, test.raises(call) FROM (VALUES
	(1, 'SELECT regpaydb.extend_reservation(3, ''1 hour'')'),
	(2, 'SELECT regpaydb.extend_reservation(999, ''1 hour'')'),
	(3, 'SELECT regpaydb.extend_reservation(NULL, ''1 hour'')'),
	(4, 'SELECT regpaydb.extend_reservation(1, NULL)')) v (n, call) ORDER BY n;
-- A time that is out of PostgreSQL's range is refused there and then, and does
-- not spoil the product for everybody who looks at it afterwards.
BEGIN;
SELECT test.raises('SELECT regpaydb.extend_reservation(1, ''178000000 years'')') <> 'no error' AS refused;
SELECT test.raises('SELECT regpaydb.available_stock(2)');
SELECT test.raises('SELECT regpaydb.set_quantity(2, 2, 1)');
ROLLBACK;
BEGIN;
SELECT test.raises('UPDATE product SET reservation_duration = ''178000000 years'' WHERE product_id = 3;
	SELECT regpaydb.set_quantity(2, 3, 1)') <> 'no error' AS refused;
SELECT test.raises('SELECT regpaydb.available_stock(3)');
ROLLBACK;

-- ---------------------------------------------------------------------------
-- Limits
-- ---------------------------------------------------------------------------
-- Of a product and of a category, for each attendee.
SELECT test.new_shop('cart_reserve_limits');
UPDATE product SET limit_per_attendee = 2 WHERE product_id = 4;
UPDATE category SET limit_per_attendee = 3 WHERE category_id = 2;
SELECT regpaydb.current_cart(1) AS alice, regpaydb.current_cart(2) AS bob;
SELECT call, test.outcome(call) FROM (VALUES
	(1, 'SELECT regpaydb.set_quantity(1, 4, 2)'),
	(2, 'SELECT regpaydb.set_quantity(1, 4, 3)'),
	(3, 'SELECT regpaydb.set_quantity(1, 4, 2), regpaydb.set_quantity(1, 3, 1)'),
	(4, 'SELECT regpaydb.set_quantity(1, 4, 2), regpaydb.set_quantity(1, 3, 2)'),
	(5, 'SELECT regpaydb.set_quantity(1, 4, 2), regpaydb.set_quantity(2, 4, 2)')) v (n, call) ORDER BY n;
-- What was paid counts, in whichever cart and invoice; what another attendee
-- has does not.
SELECT test.fill(1, 4, 1) AS cart_id;
SELECT regpaydb.pay(regpaydb.invoice_cart(1), 25.50, 'card') > 0 AS paid;
SELECT regpaydb.current_cart(1) AS second_cart;
SELECT call, test.outcome(call) FROM (VALUES
	(1, 'SELECT regpaydb.set_quantity(3, 4, 1)'),
	(2, 'SELECT regpaydb.set_quantity(3, 4, 2)'),
	(3, 'SELECT regpaydb.set_quantity(3, 3, 2)'),
	(4, 'SELECT regpaydb.set_quantity(3, 3, 2), regpaydb.set_quantity(3, 4, 1)'),
	(5, 'SELECT regpaydb.set_quantity(2, 4, 2)')) v (n, call) ORDER BY n;
\x on
SELECT * FROM test.report('SELECT regpaydb.set_quantity(3, 4, 2)');
\x off
-- What was released does not count any more.
SELECT regpaydb.refund_invoice(1) IS NOT NULL AS refunded;
SELECT test.outcome('SELECT regpaydb.set_quantity(3, 4, 2), regpaydb.set_quantity(3, 3, 1)');
-- A limit of 0: nobody may have it.
UPDATE product SET limit_per_attendee = 0 WHERE product_id = 5;
SELECT test.raises('SELECT regpaydb.set_quantity(2, 5, 1)');
-- Plain SQL is held to limits and stock as well.
SELECT statement, test.raises(statement) FROM (VALUES
	(1, 'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (2, 4, 3)'),
	(2, 'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (2, 4, 2), (2, 3, 2)'),
	(3, 'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (2, 1, 6)'),
	(4, 'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (2, 1, 3), (3, 1, 3)'),
	(5, 'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (2, 1, 0)'),
	(6, 'INSERT INTO cart_item (cart_id, product_id, quantity) VALUES (2, 1, -1)')) v (n, statement) ORDER BY n;
-- Less of what is over a limit by now can be had, though not more.
SELECT regpaydb.set_quantity(2, 1, 3);
UPDATE product SET limit_per_attendee = 1 WHERE product_id = 1;
SELECT call, test.outcome(call) FROM (VALUES
	(1, 'SELECT regpaydb.validate_cart(2)'),
	(2, 'SELECT regpaydb.set_quantity(2, 1, 4)'),
	(3, 'SELECT regpaydb.set_quantity(2, 1, 2)'),
	(4, 'SELECT regpaydb.set_quantity(2, 1, 1), regpaydb.validate_cart(2)')) v (n, call) ORDER BY n;

SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
SET regpaydb.ledger = 'cart_reserve';
SET search_path = cart_reserve;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
