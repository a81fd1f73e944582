-- HINTs are true in each state in which they are raised: what they say is there is
-- there, and what they say can be done works.
SET client_min_messages = warning;

-- What a statement that is refused tells; one that is not is taken back.
CREATE FUNCTION test.told(statement text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	detail text;
	hint text;
BEGIN
	EXECUTE statement;
	RAISE EXCEPTION USING ERRCODE = 'T0000';
EXCEPTION WHEN SQLSTATE 'T0000' THEN
	RETURN 'works';
WHEN OTHERS THEN
	GET STACKED DIAGNOSTICS detail = PG_EXCEPTION_DETAIL, hint = PG_EXCEPTION_HINT;
	RETURN concat_ws(' | ', SQLSTATE, detail, hint);
END $$;

-- Case 12: money that came by direct debit went back to the bank; no note was made.
SELECT test.new_ledger('hints');
UPDATE conference SET auto_apply_credit = false;
SELECT test.invoice(1, 100) AS invoice;
SELECT test.told('INSERT INTO payment (invoice_id, amount, reference) VALUES (1, -100, ''refund event came first'')');
INSERT INTO payment (invoice_id, amount, reference) VALUES (1, 100, 'direct debit');
INSERT INTO payment (invoice_id, amount, reference) VALUES (1, -100, 'returned by the bank');
SELECT count(*) AS notes FROM credit_note;
SELECT test.told('SELECT regpaydb.pay(1, 100, ''card'')') AS pay;
SELECT test.told('SELECT regpaydb.refund_invoice(1)') AS refund;
SELECT test.told('SELECT regpaydb.void_invoice(1)') AS void;
SELECT test.told('INSERT INTO payment (invoice_id, amount) VALUES (1, -1)') AS negative;
SELECT jsonb_path_query_array(regpaydb.invoice_document(1), '$.payments[*].amount') AS payments, regpaydb.invoice_document(1) -> 'credit_notes' AS notes;

-- Every state that an invoice comes to, by each way: 2 unpaid, 3 part-paid, 4 paid, 5
-- paid too much, 6 of nothing, 7 voided, 8 voided with money on it (as a note), 9
-- voided as what was paid went back, 10 refunded to a note, 11 whose note was paid
-- out, 12 whose note was applied to 13, which that paid.
SELECT test.invoice(1, CASE n WHEN 6 THEN 0 ELSE 100 END) AS invoice FROM generate_series(2, 13) n;
SELECT regpaydb.pay(3, 40, '') > 0 AS paid, regpaydb.pay(4, 100, '') > 0 AS paid, regpaydb.pay(5, 130, '') > 0 AS paid,
	regpaydb.pay(8, 40, '') > 0 AS paid, regpaydb.pay(9, 40, '') > 0 AS paid, regpaydb.pay(10, 100, '') > 0 AS paid,
	regpaydb.pay(11, 100, '') > 0 AS paid, regpaydb.pay(12, 100, '') > 0 AS paid;
SELECT regpaydb.void_invoice(7), regpaydb.refund_invoice(8) > 0 AS note;
INSERT INTO payment (invoice_id, amount) VALUES (9, -40);
SELECT regpaydb.refund_invoice(10) > 0 AS note, regpaydb.refund_credit_note(regpaydb.refund_invoice(11), '') AS refund,
	regpaydb.apply_credit_note(regpaydb.refund_invoice(12), 13) > 0 AS payment;
-- What each tells who pays, refunds, voids, takes off, and puts a note on it.
SELECT invoice_id, i.status, paid, (SELECT string_agg(state::text, ' ' ORDER BY credit_note_id) FROM credit_note JOIN payment p ON payment_id = credit_note_id WHERE p.invoice_id = i.invoice_id) AS notes,
	test.told(format('SELECT regpaydb.pay(%s, 1, '''')', invoice_id)) AS pay
FROM invoice i ORDER BY 1;
SELECT invoice_id, i.status, test.told(format('SELECT regpaydb.refund_invoice(%s)', invoice_id)) AS refund,
	test.told(format('SELECT regpaydb.void_invoice(%s)', invoice_id)) AS void
FROM invoice i ORDER BY 1;
SELECT invoice_id, i.status, test.told(format('SELECT regpaydb.record_manual_payment(%s, -200, '''', 900)', invoice_id)) AS negative, regpaydb.total_payments(invoice_id) AS "what total_payments() says"
FROM invoice i ORDER BY 1;
-- "Nothing more is due", and refund_invoice() works where void_invoice() sends to it.
SELECT invoice_id, regpaydb.balance_due(invoice_id) AS due FROM invoice WHERE status = 'paid' ORDER BY 1;
SELECT invoice_id, test.told(format('SELECT regpaydb.refund_invoice(%s)', invoice_id)) AS refund_invoice
FROM invoice WHERE test.told(format('SELECT regpaydb.void_invoice(%s)', invoice_id)) ~ '^RP007' ORDER BY 1;
-- As much as total_payments() says can be given back, and no more.
SELECT invoice_id, test.told(format('SELECT regpaydb.record_manual_payment(%s, -%s, '''', 900)', invoice_id, paid)) AS all_of_it,
	split_part(test.told(format('SELECT regpaydb.record_manual_payment(%s, -%s, '''', 900)', invoice_id, paid + 0.01)), ' ', 1) AS more
FROM invoice WHERE paid > 0 ORDER BY 1;
-- Notes that are claimed, each way, and the rest of one that was applied.
SELECT test.invoice(2, 30) AS invoice;
SELECT regpaydb.apply_credit_note(credit_note_id, 14) > 0 AS payment FROM credit_note JOIN payment p ON payment_id = credit_note_id WHERE p.invoice_id = 10;
SELECT credit_note_id, state, test.told(format('SELECT regpaydb.refund_credit_note(%s, '''')', credit_note_id)) FROM credit_note WHERE state <> 'unclaimed' ORDER BY 1;
SELECT value, state FROM credit_note JOIN payment p ON payment_id = credit_note_id WHERE p.invoice_id = 14;
-- Refunds: where they go, how they end, and what is taken back.
SELECT regpaydb.record_payment(14, 12, '', 'bank', 'arrived') AS payment \gset
SELECT max(credit_note_id) AS note, min(payment_id) AS other FROM credit_note, payment \gset
SELECT test.told(format('SELECT regpaydb.request_refund(%s, '''', ''[{"payment_id": %s, "amount": 12.01}]'')', :note, :payment)) AS too_much,
	test.told(format('SELECT regpaydb.request_refund(%s, '''', ''[{"payment_id": %s, "amount": 12}]'')', :note, :payment)) AS as_much_as_it_says,
	test.told(format('SELECT regpaydb.request_refund(%s, '''', ''[{"payment_id": %s, "amount": 1}]'')', :note, :other)) AS no_source;
SELECT test.told(format('SELECT regpaydb.request_refund(%s, '''', ''[{"payment_id": %s, "amount": 0}]'')', :note, :payment)) AS zero,
	test.told(format('SELECT regpaydb.request_refund(%s, '''', ''[]'')', :note)) AS left_out,
	test.told(format('SELECT regpaydb.request_refund(%s, '''', ''{}'')', :note)) AS form,
	test.told(format('SELECT * FROM regpaydb.money_trail(%s)', :note)) AS takes_off;
SELECT test.told('SELECT regpaydb.record_reversal(''bank'', ''arrived'', 12.01, ''r'')') AS too_much, test.told('SELECT regpaydb.record_reversal(''bank'', ''arrived'', 12, ''r'')') AS as_much_as_it_brought,
	test.told('SELECT regpaydb.record_reversal(''bank'', ''arrived'', 0, ''r'')') AS nothing, test.told('SELECT regpaydb.record_reversal(''bank'', ''arrives'', 1, ''r'')') AS unknown,
	test.told('SELECT regpaydb.record_reversal(''bank'', ''arrived'', 1, '''')') AS "without a key", test.told('SELECT regpaydb.confirm_refund(1, ''bank'', '''')') AS "an empty one";
SELECT regpaydb.request_refund(:note, 'to the bank') AS refund \gset
SELECT test.told(format('SELECT regpaydb.fail_refund(%s, '''')', credit_note_refund_id)) AS "fails what is done", test.told(format('SELECT regpaydb.confirm_refund(%s, ''bank'', ''re_1'')', credit_note_refund_id)) AS "another reference"
FROM credit_note_refund WHERE state = 'done' ORDER BY 1 LIMIT 1;
-- More of it is reversed than there is left; with the refund's reference it is the refund.
SELECT test.told('SELECT regpaydb.record_reversal(''bank'', ''arrived'', 1, ''re_1'')') AS more, test.told('SELECT regpaydb.record_reversal(''bank'', ''arrived'', 12, ''to the bank'')') AS "its reference";
SELECT regpaydb.fail_refund(:refund, 'card closed') > 0 AS note;
SELECT test.told(format('SELECT regpaydb.confirm_refund(%s)', :refund)) AS "confirms what has failed", test.told(format('SELECT regpaydb.fail_refund(%s, '''')', :refund)) AS "fails it again",
	test.told('SELECT regpaydb.record_reversal(''bank'', ''arrived'', 12, ''to the bank'')') AS "record_reversal()";
SELECT regpaydb.record_reversal('bank', 'arrived', 5, 'r') > 0 AS reversal;
SELECT test.told('SELECT regpaydb.record_reversal(''bank'', ''arrived'', 4, ''r'')') AS another_amount, test.told('SELECT regpaydb.record_reversal(''bank'', ''arrived'', 5, ''r'')') AS the_same;

-- What is returned: where it can be, as much as there is, a discount with what it was given on.
SELECT invoice_id, status, test.told(format('SELECT regpaydb.return_items(%s, ''[{"line_item_id": %s}]'')', invoice_id, line_item_id)) AS return_items
FROM invoice JOIN line_item USING (invoice_id) WHERE invoice_id BETWEEN 1 AND 13 ORDER BY 1;
SELECT regpaydb.manual_invoice(2, '1 day', '[{"description": "Ticket", "price": 50, "quantity": 2}, {"description": "Discount", "price": -10, "quantity": 2}, {"description": "Dinner", "price": 9}]') AS invoice \gset
SELECT regpaydb.pay(:invoice, 89, '') > 0 AS paid, min(line_item_id) AS ticket, min(line_item_id) + 1 AS discount, max(line_item_id) AS dinner FROM line_item WHERE invoice_id = :invoice \gset
SELECT test.told(replace(replace('SELECT regpaydb.return_items(i, ''[{"line_item_id": l, "quantity": 3}]'')', 'l,', :'ticket' || ','), 'i,', :'invoice' || ',')) AS three,
	test.told(format('SELECT regpaydb.return_items(%s, ''[{"line_item_id": %s}, {"line_item_id": %s}]'')', :invoice, :ticket, :discount)) AS "without a quantity";
SELECT test.told(format('SELECT regpaydb.return_items(%s, ''[{"line_item_id": %s, "quantity": 1}]'')', :invoice, :discount)) AS alone,
	test.told(format('SELECT regpaydb.return_items(%s, ''[{"line_item_id": %s, "quantity": 1}, {"line_item_id": %s, "quantity": 1}]'')', :invoice, :discount, :ticket)) AS "with it",
	test.told(format('SELECT regpaydb.return_items(%s, ''[{"line_item_id": %s}]'')', :invoice, :ticket)) AS larger_than_what_is_left;
SELECT test.told(format('SELECT regpaydb.return_items(%s, ''[{"line_item_id": %s}]'')', 4, :ticket)) AS line_of_another, test.told(format('SELECT regpaydb.return_items(%s, ''[{"id": %s}]'')', :invoice, :ticket)) AS form;
SELECT regpaydb.return_items(:invoice, jsonb_build_array(jsonb_build_object('line_item_id', :dinner))) AS note \gset
SELECT test.told(format('SELECT regpaydb.charge_credit_note(%s, ''[{"description": "Fee", "price": 10}]'')', :note)) AS more, test.told(format('SELECT regpaydb.charge_credit_note(%s, ''[{"description": "Fee", "price": 9}]'')', :note)) AS less,
	test.told(format('SELECT regpaydb.apply_credit_note(%s, test.invoice(2, 10))', :note)) AS "by these two";

-- Who may not.
SET regpaydb.user_id = '101';
SELECT test.told('SELECT regpaydb.refund_invoice(4)'), test.told('SELECT regpaydb.record_manual_payment(4, 1, '''')');
INSERT INTO staff VALUES (101);
SELECT test.told('SELECT regpaydb.refund_invoice(4)') AS "added to staff";
DELETE FROM staff WHERE user_id = 101;
RESET regpaydb.user_id;
SELECT test.told('SELECT regpaydb.refund_invoice(4)') AS "setting reset";
SELECT test.told('SELECT regpaydb.record_manual_payment(4, 1, '''', 101)');
SET regpaydb.access_code = 'ALICES-CODE';
SELECT test.told('SELECT regpaydb.refund_invoice(4)');
RESET regpaydb.access_code;
-- What can't be found, under another setting.
SET regpaydb.user_id = '102';
SELECT test.told('SELECT regpaydb.balance_due(4)');
RESET regpaydb.user_id;
SELECT test.told('SELECT regpaydb.balance_due(4)');
SELECT test.told('SELECT regpaydb.invoice_for_access_code(''alices-code'')'), test.told('SELECT regpaydb.invoice_for_access_code(''ALICES-CODE'')');

-- Carts: sold out, over a limit, without what is required, empty, amended, closed.
SELECT test.new_shop('hints_cart');
UPDATE conference SET auto_apply_credit = false;
SELECT test.fill(1, 2), regpaydb.invoice_cart(1) AS invoice;
SELECT test.lapse(1), test.fill(2, 2);
SELECT test.told('SELECT regpaydb.pay(1, 40, '''')') AS sold_out, test.told('SELECT regpaydb.set_quantity(1, 2, 2)') AS too_many, test.told('SELECT regpaydb.validate_cart(1)') AS validate;
SELECT test.told('SELECT regpaydb.set_quantity(1, 2, 0), regpaydb.set_quantity(1, 1, 1), regpaydb.pay(regpaydb.invoice_cart(1), 100, '''')') AS "set_quantity()";
SELECT test.told('SELECT regpaydb.set_quantity(1, 2, -1)') AS below, test.told('SELECT regpaydb.set_quantity(1, 2, 0)') AS zero;
UPDATE category SET required = true WHERE category_id = 3;
SELECT test.told('SELECT regpaydb.validate_cart(2)') AS required, test.told('SELECT regpaydb.set_quantity(2, 5, 1), regpaydb.validate_cart(2)') AS "set_quantity()";
UPDATE category SET required = false, limit_per_attendee = 1 WHERE category_id = 3;
SELECT test.told('SELECT regpaydb.set_quantity(2, 6, 2)') AS category_limit;
SELECT test.told(format('SELECT regpaydb.invoice_cart(%s)', regpaydb.current_cart(3))) AS empty, test.told(format('SELECT regpaydb.set_quantity(%s, 1, 1), regpaydb.invoice_cart(%1$s)', regpaydb.current_cart(3))) AS "set_quantity()";
-- An invoice of the cart as it was: the owner wrote it, since the engine voids them.
INSERT INTO invoice (invoice_id, attendee_id, value, cart_id, cart_revision) VALUES (100, 2, 0.01, 2, 99);
INSERT INTO line_item (invoice_id, description, quantity, price) VALUES (100, 'x', 1, 0.01);
SELECT test.told('SELECT regpaydb.pay(100, 0.01, '''')') AS amended, test.told('SELECT regpaydb.pay(regpaydb.invoice_cart(2), 40, '''')') AS "invoice_cart()";
SELECT regpaydb.invoice_cart(2) AS invoice \gset
SELECT regpaydb.pay(:invoice, 40, '') > 0 AS paid;
SELECT test.told('SELECT regpaydb.pay(100, 0.01, '''')') AS closed, test.told('SELECT regpaydb.current_cart(2)') AS "current_cart()";
SELECT test.told('SELECT regpaydb.set_quantity(2, 1, 1)') AS paid, test.told('SELECT regpaydb.set_quantity(regpaydb.current_cart(2), 1, 1)') AS "current_cart()";
SELECT regpaydb.refund_invoice(:invoice) > 0 AS note;
SELECT test.told('SELECT regpaydb.set_quantity(2, 1, 1)') AS released, test.told('SELECT regpaydb.pay(100, 0.01, '''')') AS closed;
-- What can't be changed, and what can.
SELECT test.told('UPDATE cart SET status = ''paid'' WHERE cart_id = 1') AS cart, test.told('TRUNCATE cart_item') AS items, test.told('DELETE FROM cart_item WHERE cart_id = 1') AS "delete";
SELECT test.told('TRUNCATE cart_discount') AS discounts, test.told('UPDATE reservation SET quantity = 0') AS reservation, test.told('SELECT regpaydb.extend_reservation(regpaydb.current_cart(3), ''1 day'')') AS extend;
SELECT test.told('UPDATE stock_slot SET free = 1') AS slot, test.told('UPDATE product SET stock = stock + 1; UPDATE category SET stock = 9') AS stock, test.told('DELETE FROM stock_slot; SELECT regpaydb.set_quantity(regpaydb.current_cart(3), 2, 1)') AS slots;
SELECT test.told('UPDATE product SET product_id = 99 WHERE product_id = 6') AS product, test.told('INSERT INTO product (product_id, category_id, name, price) VALUES (99, 1, ''x'', 1)') AS another, test.told('UPDATE outbox SET cart_id = 1') AS outbox, test.told('DELETE FROM outbox') AS "delete";
SELECT test.told('DELETE FROM conference') AS conference, test.told('UPDATE payment SET amount = 1') AS payment;
-- Amounts.
SELECT test.told('SELECT regpaydb.pay(1, 0.001, '''')') AS decimals, test.told('SELECT regpaydb.pay(1, 0, '''')') AS nothing, test.told('SELECT regpaydb.pay(1, ''NaN'', '''')') AS nan;
SELECT test.told('SELECT regpaydb.record_manual_payment(1, 0, '''', 900)') AS nothing, test.told('SELECT regpaydb.cancellation_fee(1, 101)') AS percentage;
SELECT * FROM regpaydb.check_integrity();
DROP FUNCTION test.told;
