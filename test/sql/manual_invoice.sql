-- Invoices that staff make: regpaydb.manual_invoice(attendee_id, due, lines).
SET client_min_messages = warning;
SELECT test.new_ledger('manual_invoice');
INSERT INTO category (name) VALUES ('Shirts');
INSERT INTO product (product_id, category_id, name, price) VALUES (7, 1, 'T-shirt', 20);

-- Lines of description, price, quantity (1 by default) and product (none by
-- default); a discount is a line with a negative price.
SELECT regpaydb.manual_invoice(1, '14 days', '[
	{"description": "Conference ticket", "price": 149.00},
	{"description": "T-shirt", "price": 20, "quantity": 3, "product_id": 7},
	{"description": "Speaker''s discount", "price": -49.5, "quantity": 1, "product_id": null}]') AS invoice \gset
SELECT attendee_id, cart_id, cart_revision, status, recipient, value, paid, payment_count,
	due_time = issue_time + interval '14 days' AS due_in_two_weeks
FROM invoice WHERE invoice_id = :invoice;
SELECT line_item_id, description, quantity, price, product_id FROM line_item
WHERE invoice_id = :invoice ORDER BY line_item_id;

-- The recipient is printed as it was when the invoice was issued.
UPDATE attendee SET recipient = E'Alice Ltd.\n1 Street' WHERE attendee_id = 1;
SELECT test.invoice(1, 1) AS later \gset
SELECT recipient FROM invoice WHERE invoice_id IN (:invoice, :later) ORDER BY invoice_id;

-- Of value zero, it is paid at once, whatever its lines.
SELECT regpaydb.manual_invoice(2, '0 days', '[{"description": "Free", "price": 0}]') AS free \gset
SELECT regpaydb.manual_invoice(attendee_id => 2, due => '0', lines =>
	'[{"description": "Ticket", "price": 10, "quantity": 2}, {"description": "Grant", "price": -20}]') AS granted \gset
SELECT status, value, paid, payment_count FROM invoice WHERE invoice_id IN (:free, :granted) ORDER BY invoice_id;
SELECT old_status, new_status FROM status_history WHERE invoice_id = :free ORDER BY new_status;
-- It is no unpaid invoice, so that it does not hold back Bob's credit.
SELECT test.invoice(2, 10) AS i \gset
SELECT regpaydb.pay(:i, 12, 'over') > 0 AS paid;
SELECT test.invoice(2, 10) AS i \gset
SELECT paid FROM invoice WHERE invoice_id = :i;

-- Prices as decimal strings, as JSON libraries send them; numbers in any form.
SELECT regpaydb.manual_invoice(1, '0', format('[{"description": "x", "price": %s}]', price)::jsonb) AS invoice_id, price
INTO TEMP made FROM unnest(ARRAY['"149.00"', '149.0000', '1.49e2', '14900e-2', '0.01', '"0.5"', '999999999999.99', '"+5"'])
	WITH ORDINALITY u (price, n) ORDER BY n;
SELECT m.price, i.value FROM made m JOIN invoice i USING (invoice_id) ORDER BY invoice_id;
-- Texts are kept as they are.
SELECT regpaydb.manual_invoice(1, '0', '[{"price": 1, "description": "50% off; \"Größe\" {0} %s $1 \\ '' <b>\u00e9</b>\n2nd line"}]') AS i \gset
SELECT description FROM line_item WHERE invoice_id = :i;
SELECT description = '50% off; "Größe" {0} %s $1 \ '' <b>é</b>' || E'\n2nd line' AS same FROM line_item WHERE invoice_id = :i;
-- Many lines; a key that is given twice counts once, as always in jsonb.
SELECT regpaydb.manual_invoice(1, '0', (SELECT jsonb_agg(jsonb_build_object('description', 'line ' || n, 'price', 0.01))
	FROM generate_series(1, 2000) n)) AS i \gset
SELECT value FROM invoice WHERE invoice_id = :i;
SELECT regpaydb.manual_invoice(1, '0', '[{"description": "a", "description": "b", "price": 1, "price": 2}]') AS i \gset
SELECT description, price FROM line_item WHERE invoice_id = :i;

-- Lines that are not of the documented form: 22023.  Prices that are no
-- number, quantities, and totals that can't be: RP003.
SELECT count(*) AS invoices_before, (SELECT count(*) FROM line_item) AS lines_before FROM invoice \gset
SELECT lines, test.raises(format('SELECT regpaydb.manual_invoice(1, ''1 day'', %L)', lines)) FROM (VALUES
	(1, '{}'),
	(2, '[]'),
	(3, 'null'),
	(4, '"Ticket"'),
	(5, '17'),
	(6, '{"description": "x", "price": 1}'),
	(7, '[[]]'),
	(8, '[{}]'),
	(9, '[null]'),
	(10, '["x"]'),
	(11, '[{"price": 1}]'),
	(12, '[{"description": "x"}]'),
	(13, '[{"description": null, "price": 1}]'),
	(14, '[{"description": "", "price": 1}]'),
	(15, '[{"description": "   ", "price": 1}]'),
	(16, '[{"description": 5, "price": 1}]'),
	(17, '[{"description": ["x"], "price": 1}]'),
	(18, '[{"description": {"price": 1}, "price": 1}]'),
	(19, '[{"description": "x", "price": 1, "quantity": "1"}]'),
	(20, '[{"description": "x", "price": 1, "quantity": 1.5}]'),
	(21, '[{"description": "x", "price": 1, "quantity": [1]}]'),
	(22, '[{"description": "x", "price": 1, "product_id": "a"}]'),
	(23, '[{"description": "x", "price": 1, "product_id": 1.5}]'),
	(24, '[{"description": "x", "price": 1, "product_id": {}}]'),
	(25, '[{"description": "x", "price": 1, "product_id": 9223372036854775808}]'),
	(26, '[{"description": "x", "price": 1, "prize": 2}]'),
	(27, '[{"description": "x", "price": 1}, {"description": "y"}]'),
	(28, '[{"description": "x", "price": null}]'),
	(29, '[{"description": "x", "price": "NaN"}]'),
	(30, '[{"description": "x", "price": "Infinity"}]'),
	(31, '[{"description": "x", "price": "ten"}]'),
	(32, '[{"description": "x", "price": ""}]'),
	(33, '[{"description": "x", "price": "1e2"}]'),
	(34, '[{"description": "x", "price": true}]'),
	(35, '[{"description": "x", "price": {}}]'),
	(36, '[{"description": "x", "price": 0.004}]'),
	(37, '[{"description": "x", "price": "1.001"}]'),
	(38, '[{"description": "x", "price": 1000000000000}]'),
	(39, '[{"description": "x", "price": 1e1000}]'),
	(40, '[{"description": "x", "price": 1e-1000}]'),
	(41, '[{"description": "x", "price": 1, "quantity": -1}]'),
	(42, '[{"description": "x", "price": 1, "quantity": 0}]'),
	(43, '[{"description": "x", "price": 1, "quantity": 2147483648}]'),
	(44, '[{"description": "x", "price": 1, "quantity": 1e30}]'),
	(45, '[{"description": "x", "price": -0.01}]'),
	(46, '[{"description": "x", "price": 10}, {"description": "y", "price": -10.01}]'),
	(47, '[{"description": "x", "price": 999999999999.99}, {"description": "y", "price": 0.01}]'),
	(48, '[{"description": "x", "price": 999999999999.99, "quantity": 2147483647}]'),
	(49, '[{"description": "x", "price": -999999999999.99, "quantity": 2147483647}, {"description": "y", "price": 1}]')
) v (n, lines) ORDER BY n;

-- NULL arguments (22004), unknown attendees (RP002), due times out of range.
SELECT call, test.raises(call) FROM (VALUES
	(1, 'SELECT regpaydb.manual_invoice(NULL, ''1 day'', ''[{"description": "x", "price": 1}]'')'),
	(2, 'SELECT regpaydb.manual_invoice(1, NULL, ''[{"description": "x", "price": 1}]'')'),
	(3, 'SELECT regpaydb.manual_invoice(1, ''1 day'', NULL)'),
	(4, 'SELECT regpaydb.manual_invoice(999, ''1 day'', ''[{"description": "x", "price": 1}]'')'),
	(5, 'SELECT regpaydb.manual_invoice(1, ''999999 years'', ''[{"description": "x", "price": 1}]'')')
) v (n, call) ORDER BY n;
-- Descriptions have at most 1000 characters.
SELECT test.raises(format('SELECT regpaydb.manual_invoice(1, ''1 day'', %L)',
	jsonb_build_array(jsonb_build_object('description', repeat('é', 1000), 'price', 1))));
SELECT test.raises(format('SELECT regpaydb.manual_invoice(1, ''1 day'', %L)',
	jsonb_build_array(jsonb_build_object('description', repeat('é', 1001), 'price', 1))));
SELECT test.raises(format('SELECT regpaydb.manual_invoice(1, ''1 day'', %L)',
	jsonb_build_array(jsonb_build_object('description', repeat('x', 1000000), 'price', 1))));
-- All these failures left nothing behind; the one that succeeded, one of each.
SELECT count(*) - :invoices_before AS invoices_made, (SELECT count(*) - :lines_before FROM line_item) AS lines_made FROM invoice;

SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
