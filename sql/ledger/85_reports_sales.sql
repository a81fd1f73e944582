-- Reports: what is sold.  Every report is a plain query over keys, so that a
-- condition on it reaches the tables, and reads as whoever asks it may.
-- Days are those of the session's time zone.

CREATE VIEW report_sales_and_payments WITH (security_invoker = true) AS
	SELECT sold.amount AS items_on_paid_invoices,
		money.payments AS all_payments,
		sold.amount - money.payments AS sales_less_payments,
		part.amount AS part_payments,
		money.received AS money_received,
		money.credit_notes,
		money.applied AS credit_notes_applied,
		refund.amount AS credit_notes_refunded,
		unclaimed.amount AS credit_notes_unclaimed,
		money.credit_notes - money.applied - refund.amount - unclaimed.amount - money.returned
			AS credit_notes_difference,
		money.returned AS credit_notes_returned
	FROM (
		SELECT coalesce(sum(l.price * l.quantity), 0.00) AS amount
		FROM line_item l
		JOIN invoice i ON i.invoice_id = l.invoice_id
		WHERE i.status = 'paid') AS sold
	CROSS JOIN (
		SELECT coalesce(sum(paid), 0.00) AS amount
		FROM invoice
		WHERE status = 'unpaid') AS part
	CROSS JOIN (
		SELECT coalesce(sum(amount), 0.00) AS payments,
			coalesce(sum(amount) FILTER (WHERE kind < 'credit_note'), 0.00) AS received,
			coalesce(-sum(amount) FILTER (WHERE kind = 'credit_note'), 0.00) AS credit_notes,
			coalesce(sum(amount) FILTER (WHERE kind = 'credit_application'), 0.00) AS applied,
			coalesce(sum(amount) FILTER (WHERE kind > 'credit_application'), 0.00) AS returned
		FROM payment) AS money
	CROSS JOIN (
		SELECT coalesce(sum(n.value), 0.00) AS amount
		FROM credit_note_refund r
		JOIN credit_note n ON n.credit_note_id = r.credit_note_id
		WHERE r.state <> 'failed') AS refund
	CROSS JOIN (
		SELECT coalesce(sum(value), 0.00) AS amount
		FROM credit_note
		WHERE state = 'unclaimed') AS unclaimed;
COMMENT ON VIEW report_sales_and_payments IS 'Sales held against payments, and credit notes against what became of them: one row.';
COMMENT ON COLUMN report_sales_and_payments.items_on_paid_invoices IS 'Sum of the lines of all paid invoices.';
COMMENT ON COLUMN report_sales_and_payments.all_payments IS 'Sum of all payments, credit notes (which are negative) and their applications included.';
COMMENT ON COLUMN report_sales_and_payments.sales_less_payments IS 'The first less the second: minus part_payments, when all is well.';
COMMENT ON COLUMN report_sales_and_payments.part_payments IS 'What is paid on invoices that are unpaid still.';
COMMENT ON COLUMN report_sales_and_payments.money_received IS 'Sum of the payments from outside, less those given back or taken back by platforms.';
COMMENT ON COLUMN report_sales_and_payments.credit_notes IS 'Sum of all credit notes ever made.';
COMMENT ON COLUMN report_sales_and_payments.credit_notes_applied IS 'Of these, put on invoices.';
COMMENT ON COLUMN report_sales_and_payments.credit_notes_refunded IS 'Of these, paid out, or on the way.';
COMMENT ON COLUMN report_sales_and_payments.credit_notes_unclaimed IS 'Of these, unclaimed.';
COMMENT ON COLUMN report_sales_and_payments.credit_notes_difference IS 'Credit notes of which none of that is known: 0, when all is well.';
COMMENT ON COLUMN report_sales_and_payments.credit_notes_returned IS 'Of these, with refunds that failed: their money is in newer notes.';

CREATE VIEW report_items_sold WITH (security_invoker = true) AS
	SELECT l.product_id, l.description, l.price, sum(l.quantity) AS quantity,
		sum(l.price * l.quantity) AS total
	FROM line_item l
	JOIN invoice i ON i.invoice_id = l.invoice_id
	WHERE i.status = 'paid'
	GROUP BY l.product_id, l.description, l.price;
COMMENT ON VIEW report_items_sold IS 'What is on paid invoices, discounts included.';
COMMENT ON COLUMN report_items_sold.product_id IS 'The product, if any.';
COMMENT ON COLUMN report_items_sold.description IS 'What was billed.';
COMMENT ON COLUMN report_items_sold.price IS 'Price of one; negative for a discount.';
COMMENT ON COLUMN report_items_sold.quantity IS 'How many.';
COMMENT ON COLUMN report_items_sold.total IS 'price times quantity.';

CREATE VIEW report_product_line_items WITH (security_invoker = true) AS
	SELECT i.issue_time, l.line_item_id, i.invoice_id, i.status, i.paid_time, i.attendee_id,
		a.user_id, i.recipient, g.category_id, g.name AS category, p.product_id,
		p.name AS product, l.description, l.quantity, l.price, l.price * l.quantity AS total
	FROM line_item l
	JOIN invoice i ON i.invoice_id = l.invoice_id
	JOIN attendee a ON a.attendee_id = i.attendee_id
	JOIN product p ON p.product_id = l.product_id
	JOIN category g ON g.category_id = p.category_id;
COMMENT ON VIEW report_product_line_items IS 'Every line for a product, with date and attendee.';
COMMENT ON COLUMN report_product_line_items.issue_time IS 'When the invoice was issued.';
COMMENT ON COLUMN report_product_line_items.line_item_id IS 'Key: the line.';
COMMENT ON COLUMN report_product_line_items.invoice_id IS 'The invoice that it is on.';
COMMENT ON COLUMN report_product_line_items.status IS 'Status of the invoice.';
COMMENT ON COLUMN report_product_line_items.paid_time IS 'When the invoice became paid, if it ever did.';
COMMENT ON COLUMN report_product_line_items.attendee_id IS 'Who is invoiced.';
COMMENT ON COLUMN report_product_line_items.user_id IS 'The attendee''s key in the application.';
COMMENT ON COLUMN report_product_line_items.recipient IS 'What was printed as recipient.';
COMMENT ON COLUMN report_product_line_items.category_id IS 'The product''s category.';
COMMENT ON COLUMN report_product_line_items.category IS 'Name of the category.';
COMMENT ON COLUMN report_product_line_items.product_id IS 'The product.';
COMMENT ON COLUMN report_product_line_items.product IS 'Name of the product.';
COMMENT ON COLUMN report_product_line_items.description IS 'What is billed.';
COMMENT ON COLUMN report_product_line_items.quantity IS 'How many.';
COMMENT ON COLUMN report_product_line_items.price IS 'Price of one; negative for a discount.';
COMMENT ON COLUMN report_product_line_items.total IS 'price times quantity.';

CREATE VIEW report_paid_invoices_by_date WITH (security_invoker = true) AS
	SELECT paid_time::date AS date, count(*) AS invoices, sum(value) AS value,
		count(*) FILTER (WHERE status = 'paid') AS still_paid,
		coalesce(sum(value) FILTER (WHERE status = 'paid'), 0.00) AS still_paid_value
	FROM invoice
	WHERE paid_time IS NOT NULL
	GROUP BY paid_time::date;
COMMENT ON VIEW report_paid_invoices_by_date IS 'Invoices by the day on which they became paid, which nothing moves later.';
COMMENT ON COLUMN report_paid_invoices_by_date.date IS 'The day, in the session''s time zone.';
COMMENT ON COLUMN report_paid_invoices_by_date.invoices IS 'How many became paid on it, those without value included.';
COMMENT ON COLUMN report_paid_invoices_by_date.value IS 'Sum of their values.';
COMMENT ON COLUMN report_paid_invoices_by_date.still_paid IS 'How many of them are paid still.';
COMMENT ON COLUMN report_paid_invoices_by_date.still_paid_value IS 'Sum of the values of those.';

-- The end of a reservation is reckoned as the engine does: see table reservation. What a
-- successor's cart has is in a released one, too, but was not given back.
CREATE VIEW report_product_status WITH (security_invoker = true) AS
	SELECT g.category_id, g.name AS category, p.product_id, p.name AS product, p.price, p.stock,
		coalesce(held.paid, 0) AS paid, coalesce(held.reserved, 0) AS reserved,
		coalesce(held.active, 0) - coalesce(held.reserved, 0) AS unreserved,
		coalesce(held.released, 0) - coalesce(held.kept, 0) AS refunded,
		p.stock - coalesce(held.paid, 0) - coalesce(held.reserved, 0) AS available
	FROM product p
	JOIN category g ON g.category_id = p.category_id
	LEFT JOIN (
		SELECT i.product_id,
			sum(i.quantity) FILTER (WHERE c.status = 'paid') AS paid,
			sum(i.quantity) FILTER (WHERE c.status = 'active'
				AND (c.time_last_updated AT TIME ZONE 'UTC' + c.reservation_duration)
					AT TIME ZONE 'UTC' > now()) AS reserved,
			sum(i.quantity) FILTER (WHERE c.status = 'active') AS active,
			sum(i.quantity) FILTER (WHERE c.status = 'released') AS released,
			sum(i.quantity) FILTER (WHERE s.invoice_id IS NOT NULL) AS kept
		FROM cart_item i
		JOIN cart c ON c.cart_id = i.cart_id
		LEFT JOIN invoice s ON s.cart_id = c.cart_id AND s.replaces IS NOT NULL
		GROUP BY i.product_id) AS held ON held.product_id = p.product_id;
COMMENT ON VIEW report_product_status IS 'How many of each product are in which kind of cart.';
COMMENT ON COLUMN report_product_status.category_id IS 'The product''s category.';
COMMENT ON COLUMN report_product_status.category IS 'Name of the category.';
COMMENT ON COLUMN report_product_status.product_id IS 'Key: the product.';
COMMENT ON COLUMN report_product_status.product IS 'Name of the product.';
COMMENT ON COLUMN report_product_status.price IS 'Price of one.';
COMMENT ON COLUMN report_product_status.stock IS 'How many there are in all; NULL for any number.';
COMMENT ON COLUMN report_product_status.paid IS 'How many are in paid carts.';
COMMENT ON COLUMN report_product_status.reserved IS 'How many active carts reserve.';
COMMENT ON COLUMN report_product_status.unreserved IS 'How many are in active carts whose reservation lapsed.';
COMMENT ON COLUMN report_product_status.refunded IS 'How many are in released carts, but for what remained paid for when the rest was returned.';
COMMENT ON COLUMN report_product_status.available IS 'What is left of the stock; NULL for any number.';

-- A cart with discounts may have no items, and then has no rows in table reservation:
-- its end is reckoned from its own row, as query.h does.
CREATE VIEW report_discount_status WITH (security_invoker = true) AS
	SELECT d.description, p.product_id, p.name AS product, d.amount,
		coalesce(sum(d.quantity) FILTER (WHERE c.status = 'paid'), 0) AS paid,
		coalesce(sum(d.quantity) FILTER (WHERE c.status = 'active'
			AND c.reserved_until > now()), 0) AS reserved,
		coalesce(sum(d.quantity) FILTER (WHERE c.status = 'active'
			AND c.reserved_until <= now()), 0) AS unreserved,
		coalesce(sum(d.quantity) FILTER (WHERE c.status = 'released'), 0)
			- coalesce(sum(d.quantity) FILTER (WHERE s.invoice_id IS NOT NULL), 0) AS refunded,
		coalesce(sum(d.amount * d.quantity) FILTER (WHERE c.status = 'paid'), 0.00) AS total
	FROM cart_discount d
	JOIN (
		SELECT cart_id, status,
			(time_last_updated AT TIME ZONE 'UTC' + reservation_duration) AT TIME ZONE 'UTC'
				AS reserved_until
		FROM cart) AS c ON c.cart_id = d.cart_id
	LEFT JOIN invoice s ON s.cart_id = c.cart_id AND s.replaces IS NOT NULL
	JOIN product p ON p.product_id = d.product_id
	GROUP BY d.description, p.product_id, p.name, d.amount;
COMMENT ON VIEW report_discount_status IS 'On how many items each discount is given, by the kind of cart that they are in.';
COMMENT ON COLUMN report_discount_status.description IS 'Why it is given.';
COMMENT ON COLUMN report_discount_status.product_id IS 'The product that it is given on.';
COMMENT ON COLUMN report_discount_status.product IS 'Name of the product.';
COMMENT ON COLUMN report_discount_status.amount IS 'On each.';
COMMENT ON COLUMN report_discount_status.paid IS 'On how many in paid carts.';
COMMENT ON COLUMN report_discount_status.reserved IS 'On how many that active carts reserve.';
COMMENT ON COLUMN report_discount_status.unreserved IS 'On how many in active carts whose reservation lapsed.';
COMMENT ON COLUMN report_discount_status.refunded IS 'On how many in released carts, but for what remained paid for when the rest was returned.';
COMMENT ON COLUMN report_discount_status.total IS 'What it came to in paid carts.';
