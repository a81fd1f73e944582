-- Invoices for carts.
SET client_min_messages = warning;
SELECT test.new_shop('cart_invoice');

-- ---------------------------------------------------------------------------
-- Lines
-- ---------------------------------------------------------------------------
-- Items at their price, as "Category - Product"; discounts are negative.  In the
-- order in which people see categories and products, discounts after their item.
UPDATE category SET display_order = 0 WHERE category_id = 3;
UPDATE product SET display_order = 1 WHERE product_id = 3;
BEGIN;
SELECT test.fill(1, 3, 2) AS cart, test.fill(1, 1, 3), test.fill(1, 4, 1), test.fill(1, 5, 1), test.fill(1, 6, 1);
INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES
	(1, 1, 'Early bird', 3, 33.33), (1, 3, 'Volunteer', 1, 25.50), (1, 1, 'Speaker', 1, 0.01);
SELECT regpaydb.invoice_cart(1) AS invoice_id;
-- Due when the reservation ends: the dinner is kept for a day.
SELECT invoice_id, attendee_id, cart_id, cart_revision, status, recipient, value, paid,
	due_time - now() AS due_in
FROM invoice;
COMMIT;
SELECT description, quantity, price, product_id FROM line_item ORDER BY line_item_id;
-- To the cent: 51.00 + 300.00 + 25.50 + 75.00 - 99.99 - 25.50 - 0.01.
SELECT sum(quantity * price) = 326.00 AS lines, (SELECT value = 326.00 FROM invoice) AS invoice FROM line_item;
SELECT kind, invoice_id, old_status, new_status FROM outbox ORDER BY outbox_id;

-- Twice at one revision: the same invoice, which keeps its prices and recipient.
UPDATE product SET price = 120 WHERE product_id = 1;
UPDATE attendee SET recipient = 'Alice & Co' WHERE attendee_id = 1;
SELECT regpaydb.invoice_cart(1) AS invoice_id;
SELECT recipient, value FROM invoice;
-- A partly paid one, too.
SELECT regpaydb.pay(1, 26, 'part') AS payment_id;
SELECT test.outcome('SELECT regpaydb.invoice_cart(1)');
-- The database allows no second one: the unique index says so (23505).
SELECT split_part(test.raises('INSERT INTO invoice (attendee_id, cart_id, cart_revision, value)
	SELECT attendee_id, cart_id, cart_revision, 0 FROM invoice WHERE invoice_id = 1'), ':', 1) AS code;

-- Amended: the old one is given up, its money is credit, which the new one takes.
SELECT regpaydb.set_quantity(1, 3, 0);
SELECT status, paid FROM invoice;
DELETE FROM cart_discount WHERE description = 'Volunteer';
SELECT regpaydb.invoice_cart(1) AS second \gset
SELECT cart_revision, recipient, status, value, paid FROM invoice ORDER BY invoice_id;
SELECT attendee_id, value, state FROM credit_note ORDER BY credit_note_id;
SELECT regpaydb.available_credit(1);

-- A void invoice is no invoice of the revision: a new one is made.
SELECT regpaydb.refund_invoice(:second) IS NOT NULL AS refunded;
UPDATE conference SET auto_apply_credit = false;
SELECT regpaydb.invoice_cart(1) AS third \gset
SELECT regpaydb.void_invoice(:third);
SELECT regpaydb.invoice_cart(1) AS fourth \gset
SELECT :third > :second AS third_is_new, :fourth > :third AS fourth_is_new, regpaydb.invoice_cart(1) = :fourth AS same;
SELECT cart_revision, status, value, paid FROM invoice ORDER BY invoice_id;
SELECT status, revision FROM cart;
-- Paid: still the same invoice.  Released: there is none to be had (RP008).
SELECT regpaydb.pay(:fourth, 360.50, 'all') > 0 AS paid;
SELECT regpaydb.invoice_cart(1) = :fourth AS same;
SELECT regpaydb.refund_invoice(:fourth) > 0 AS refunded;
SELECT test.raises('SELECT regpaydb.invoice_cart(1)');

-- ---------------------------------------------------------------------------
-- Due
-- ---------------------------------------------------------------------------
-- The later of now and the reservation's end.
SELECT test.new_shop('cart_invoice_due');
BEGIN;
SELECT test.fill(1, 3) AS cart_id, test.fill(2, 6) AS cart_id, test.fill(3, 1) AS cart_id;
UPDATE product SET price = 1 WHERE product_id = 6;
SELECT test.lapse(3);
SELECT regpaydb.extend_reservation(1, '3 days');
SELECT regpaydb.invoice_cart(1), regpaydb.invoice_cart(2), regpaydb.invoice_cart(3);
SELECT invoice_id, due_time - now() AS due_in FROM invoice ORDER BY 1;
ROLLBACK;

-- ---------------------------------------------------------------------------
-- What can't be invoiced
-- ---------------------------------------------------------------------------
SELECT test.new_shop('cart_invoice_refused');
UPDATE conference SET auto_apply_credit = false;
SELECT regpaydb.current_cart(1) AS alice, regpaydb.current_cart(2) AS bob, regpaydb.current_cart(3) AS carol;
-- Empty, or with nothing but a discount.
SELECT test.raises('SELECT regpaydb.invoice_cart(1)');
SELECT test.raises('SELECT regpaydb.validate_cart(1)');
INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES (1, 1, 'Nothing to take it off', 1, 5);
SELECT test.raises('SELECT regpaydb.invoice_cart(1)');
-- A total below zero is refused (RP003); one of zero is not.
SELECT regpaydb.set_quantity(1, 6, 1);
SELECT test.raises('SELECT regpaydb.invoice_cart(1)');
SELECT test.outcome('UPDATE cart_discount SET amount = 100; SELECT regpaydb.set_quantity(1, 1, 1), regpaydb.invoice_cart(1)');
DELETE FROM cart_discount;
-- A total that the ledger can't hold.
UPDATE product SET price = 999999999999.99 WHERE product_id = 4;
SELECT test.raises('SELECT test.fill(2, 4, 2), regpaydb.invoice_cart(2)');
SELECT test.raises('SELECT test.fill(2, 4, 2147483647), regpaydb.invoice_cart(2)');
SELECT test.outcome('SELECT test.fill(2, 4, 1), regpaydb.invoice_cart(2)');
UPDATE product SET price = 25.50 WHERE product_id = 4;
-- A required category is missing; it may be in another cart, if that is paid.
UPDATE category SET required = true WHERE category_id = 1;
SELECT test.raises('SELECT regpaydb.invoice_cart(1)');
\x on
SELECT * FROM test.report('SELECT regpaydb.validate_cart(1)');
\x off
SELECT regpaydb.set_quantity(1, 1, 1);
SELECT regpaydb.pay(regpaydb.invoice_cart(1), 100, 'all') > 0 AS paid;
SELECT test.outcome('SELECT test.fill(1, 4), regpaydb.invoice_cart(regpaydb.current_cart(1))');
SELECT test.raises('SELECT test.fill(2, 4), regpaydb.invoice_cart(2)');
SELECT test.outcome('SELECT regpaydb.refund_invoice((SELECT invoice_id FROM invoice WHERE cart_id = 1 AND status = ''paid''));
	SELECT test.fill(1, 4), regpaydb.invoice_cart(regpaydb.current_cart(1))');
UPDATE category SET required = false;
-- Over a limit that was set meanwhile; of a product, of a category.
SELECT test.fill(2, 3, 2) AS cart_id, test.fill(2, 1) AS cart_id;
UPDATE product SET limit_per_attendee = 1 WHERE product_id = 3;
SELECT test.raises('SELECT regpaydb.invoice_cart(2)');
UPDATE product SET limit_per_attendee = NULL WHERE product_id = 3;
UPDATE category SET limit_per_attendee = 1 WHERE category_id = 2;
SELECT test.raises('SELECT regpaydb.invoice_cart(2)');
UPDATE category SET limit_per_attendee = NULL WHERE category_id = 2;
-- Sold out meanwhile: lapsed and reserved by Carol, then lapsed and bought by her.
SELECT test.lapse(2);
SELECT test.fill(3, 3, 1) AS cart_id;
SELECT test.raises('SELECT regpaydb.invoice_cart(2)');
SELECT regpaydb.pay(regpaydb.invoice_cart(3), 25.50, 'all') > 0 AS paid;
SELECT test.raises('SELECT regpaydb.invoice_cart(2)');
SELECT test.raises('SELECT regpaydb.validate_cart(2)');
-- Lapsed and free: invoiced, and due at once.
SELECT regpaydb.set_quantity(2, 3, 1);
SELECT test.lapse(2);
SELECT test.outcome('SELECT regpaydb.validate_cart(2), regpaydb.invoice_cart(2)');
-- Unknown and NULL.
SELECT call, test.raises(call) FROM (VALUES
	(1, 'SELECT regpaydb.invoice_cart(999)'), (2, 'SELECT regpaydb.invoice_cart(NULL)'),
	(3, 'SELECT regpaydb.validate_cart(999)'), (4, 'SELECT regpaydb.validate_cart(NULL)')) v (n, call) ORDER BY n;
-- Of a closed cart validate_cart says that it is closed (RP008): neither that
-- nothing is wrong, nor that what the attendee owns is sold out.
UPDATE product SET stock = 1 WHERE product_id = 3;
SELECT cart_id, status, regpaydb.available_stock(product_id), left(test.raises(format('SELECT regpaydb.validate_cart(%s)', cart_id)), 5) AS code
FROM cart JOIN cart_item USING (cart_id) WHERE status = 'paid' AND product_id IN (1, 3) ORDER BY 1;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();

-- ---------------------------------------------------------------------------
-- Zero value, and credit
-- ---------------------------------------------------------------------------
SELECT test.new_shop('cart_invoice_credit');
-- A cart that costs nothing is paid at once, by no payment, and takes no credit.
SELECT test.outcome('SELECT test.fill(1, 6, 2), regpaydb.invoice_cart(regpaydb.current_cart(1))');
-- Alice has notes of 30 and 80.
SELECT regpaydb.pay(test.invoice(1, 5), 35, 'overpaid') AS payment_id;
SELECT regpaydb.pay(test.invoice(2, 5), 85, 'overpaid') AS payment_id;
ALTER TABLE credit_note DISABLE TRIGGER credit_note_guard_update;
UPDATE credit_note SET attendee_id = 1;
ALTER TABLE credit_note ENABLE TRIGGER credit_note_guard_update;
SELECT regpaydb.available_credit(1);
SELECT call, test.outcome(call) FROM (VALUES
	(1, 'SELECT test.fill(1, 6, 2), regpaydb.invoice_cart(regpaydb.current_cart(1))'),
	-- Oldest first, until it is paid: the cart is paid then, and the stock taken.
	(2, 'SELECT test.fill(1, 3, 1), regpaydb.invoice_cart(regpaydb.current_cart(1))'),
	(3, 'SELECT test.fill(1, 5, 1), regpaydb.invoice_cart(regpaydb.current_cart(1))'),
	(4, 'SELECT test.fill(1, 1, 2), regpaydb.invoice_cart(regpaydb.current_cart(1))'),
	-- Not where she owes something else, nor where the conference does not want it.
	(5, 'SELECT test.invoice(1, 1000); SELECT test.fill(1, 3, 1), regpaydb.invoice_cart(regpaydb.current_cart(1))'),
	(6, 'UPDATE conference SET auto_apply_credit = false;
		SELECT test.fill(1, 3, 1), regpaydb.invoice_cart(regpaydb.current_cart(1))'),
	-- Bob has none.
	(7, 'SELECT test.fill(2, 3, 1), regpaydb.invoice_cart(regpaydb.current_cart(2))')) v (n, call) ORDER BY n;
-- An amended invoice gives back the credit that it took, whole, and the next
-- invoice takes it again.
SELECT test.fill(1, 1, 2) AS cart \gset
SELECT regpaydb.invoice_cart(:cart) AS first \gset
SELECT status, value, paid FROM invoice WHERE invoice_id = :first;
SELECT regpaydb.set_quantity(:cart, 1, 1);
SELECT status, value, paid FROM invoice WHERE invoice_id = :first;
SELECT regpaydb.available_credit(1);
SELECT regpaydb.invoice_cart(:cart) AS second \gset
SELECT status, value, paid FROM invoice WHERE cart_id = :cart ORDER BY invoice_id;
SELECT attendee_id, value, state FROM credit_note ORDER BY credit_note_id;
SELECT status FROM cart;

SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
SET regpaydb.ledger = 'cart_invoice';
SET search_path = cart_invoice;
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
