-- One ledger with every kind of row, of its owner's own things too, in the schema
-- :ledger that is already there, for psql run by its owner.  :references makes the
-- references of the payment platform differ between ledgers.

SET search_path = :"ledger";
SET regpaydb.ledger = :'ledger';

-- The owner's own: a column after one that was dropped, a generated one, an index on
-- an expression, one that covers, a policy, comments, tables that "subclass" payment
-- and refund, statistics, a view over the engine's functions and a copy of it.
ALTER TABLE payment ADD COLUMN mistake int, ADD COLUMN roll text DEFAULT 'north';
ALTER TABLE payment DROP COLUMN mistake;
ALTER TABLE payment ADD COLUMN doubled numeric GENERATED ALWAYS AS (amount * 2) STORED;
ALTER TABLE invoice ADD COLUMN purchase_order text COLLATE "C";
COMMENT ON COLUMN invoice.purchase_order IS 'Ours.';
CREATE INDEX payment_roll_idx ON payment (lower(roll), abs(amount)) WHERE amount > 0;
COMMENT ON INDEX payment_roll_idx IS 'Ours, too.';
CREATE STATISTICS payment_kinds ON kind, roll FROM payment;
CREATE TABLE cheque (payment_id bigint PRIMARY KEY REFERENCES payment, number text NOT NULL);
COMMENT ON TABLE cheque IS 'Payments by cheque.';
CREATE TABLE transfer_back (credit_note_refund_id bigint PRIMARY KEY REFERENCES credit_note_refund, iban text NOT NULL);
ALTER TABLE cheque ENABLE ROW LEVEL SECURITY;
CREATE POLICY no_cheques ON cheque FOR SELECT TO books USING (regpaydb.can_view((SELECT p.invoice_id FROM payment p WHERE p.payment_id = cheque.payment_id)));
COMMENT ON POLICY no_cheques ON cheque IS 'A policy that calls the engine.';
GRANT SELECT ON cheque TO books;
CREATE POLICY only_small ON invoice AS RESTRICTIVE FOR SELECT TO clerk USING (value < 100);
GRANT SELECT ON invoice TO clerk;

-- By hand, and by grant_access().
GRANT USAGE ON SCHEMA :"ledger" TO clerk, terminal;
GRANT INSERT (invoice_id, amount, reference, provider, provider_ref) ON payment TO terminal;
GRANT SELECT (name, price) ON product TO PUBLIC;
GRANT SELECT, UPDATE (display_order) ON category TO clerk WITH GRANT OPTION;
SELECT regpaydb.grant_access('shop', 'app'), regpaydb.grant_access('desk', 'app'), regpaydb.grant_access('desk', 'staff'),
	regpaydb.grant_access('books', 'reports') \g /dev/null
ALTER DEFAULT PRIVILEGES IN SCHEMA :"ledger" GRANT SELECT ON TABLES TO clerk;

UPDATE conference SET auto_apply_credit = false;
INSERT INTO staff VALUES (1), (2);
INSERT INTO attendee (user_id, recipient, email)
	SELECT 1000 + g, format(E'Attendee %s\n\tO''Brien \\. "street" ünïcode', g), 'a' || g || '@example.org'
	FROM generate_series(1, 4000) g;
INSERT INTO category (name, required, limit_per_attendee, display_order, stock) VALUES ('Ticket', true, 2, 1, 150), (E'Extra\t"x"', false, NULL, 2, NULL);
INSERT INTO product (category_id, name, price, stock, limit_per_attendee, reservation_duration) VALUES
	(1, 'Full', 100, 70, NULL, '2 hours'), (1, E'O''Brien\\', 40.10, NULL, 1, '1 hour 30 minutes'),
	(2, 'Shirt', 25.10, 5000, NULL, '1 day'), (2, 'Workshop', 90, 3, 2, '3 hours');
SELECT set_config('regpaydb_test.references', :'references', false) \g /dev/null

-- Invoices by hand, in every state.
DO $$
DECLARE
	ref text := current_setting('regpaydb_test.references');
	line jsonb := '[{"description": "Ticket", "price": 100.00}, {"description": "Early bird; \\N", "price": -9.95},
		{"description": "T-shirt", "price": 25.10, "quantity": 2, "product_id": 3}]';
	value numeric := 140.25;
	invoice bigint;
	note bigint;
	low bigint;
BEGIN
	FOR i IN 1 .. 60 LOOP
		invoice := regpaydb.manual_invoice(i, '30 days',
			CASE i % 15 WHEN 0 THEN '[{"description": "Speaker", "price": 0}]' ELSE line END);
		CASE i % 15
		WHEN 0 THEN		-- worth nothing, so paid at once
			IF i % 2 = 0 THEN
				PERFORM regpaydb.void_invoice(invoice);
			END IF;
		WHEN 1 THEN		-- left unpaid
		WHEN 2 THEN		-- paid in part
			PERFORM regpaydb.pay(invoice, 40.25, 'part', 'stripe', ref || 'ch_' || i);
		WHEN 3 THEN		-- paid in two parts, of which one is late
			PERFORM regpaydb.pay(invoice, 40.25, 'part', 'stripe', ref || 'ch_a' || i);
			PERFORM regpaydb.record_payment(invoice, 100, 'rest', 'bank', ref || 'nb_' || i, '2026-01-31');
		WHEN 4 THEN		-- paid too much
			INSERT INTO payment (invoice_id, amount, reference, roll)
				VALUES (invoice, value + i, E'transfer\t' || i, NULL);
		WHEN 5 THEN		-- void
			PERFORM regpaydb.void_invoice(invoice, 'by mistake');
		WHEN 6 THEN		-- refunded, the note not claimed
			PERFORM regpaydb.pay(invoice, value, 'full');
			PERFORM set_config('regpaydb.user_id', '1', true);
			PERFORM regpaydb.refund_invoice(invoice, 'ill');
			PERFORM set_config('regpaydb.user_id', '', true);
		WHEN 7 THEN		-- ids not in the order in which they were written
			low := nextval(pg_get_serial_sequence('payment', 'payment_id'));
			INSERT INTO payment (invoice_id, amount) VALUES (invoice, 20), (invoice, 30);
			INSERT INTO payment (payment_id, invoice_id, amount) VALUES (low, invoice, 10);
		WHEN 8 THEN		-- refunded, and paid out
			PERFORM regpaydb.pay(invoice, value, 'full');
			INSERT INTO transfer_back SELECT regpaydb.refund_credit_note(regpaydb.refund_invoice(invoice), 'cash', 1), 'XX' || i;
		WHEN 9 THEN		-- paid in part and given back by hand: void
			PERFORM regpaydb.record_manual_payment(invoice, 50, 'cash', 1);
			PERFORM regpaydb.record_manual_payment(invoice, -50, 'cash back', 2);
		WHEN 10 THEN	-- refunded; the note goes on her or somebody else's invoice
			PERFORM regpaydb.pay(invoice, value, 'full');
			note := regpaydb.refund_invoice(invoice);
			PERFORM regpaydb.apply_credit_note(note, regpaydb.manual_invoice(i + i % 2, '1 day',
				'[{"description": "Workshop", "price": 90}]'));
		WHEN 11 THEN	-- refunded against a fee
			PERFORM regpaydb.record_manual_payment(invoice, value, 'cash', 1);
			PERFORM regpaydb.cancellation_fee(regpaydb.refund_invoice(invoice), 33.3);
		WHEN 12 THEN	-- the note goes on her next invoice by itself
			PERFORM regpaydb.pay(invoice, value + 100, 'too much');
			UPDATE conference SET auto_apply_credit = true;
			PERFORM regpaydb.manual_invoice(i, '1 day', line);
			UPDATE conference SET auto_apply_credit = false;
		WHEN 13 THEN	-- money for a void invoice, more than once
			PERFORM regpaydb.void_invoice(invoice);
			INSERT INTO payment (invoice_id, amount) VALUES (invoice, 5), (invoice, 6);
			INSERT INTO payment (invoice_id, amount) VALUES (invoice, 7);
		WHEN 14 THEN	-- paid by a kind of payment of the application's own
			INSERT INTO cheque SELECT regpaydb.pay(invoice, value, 'cheque'), 'no. ' || i;
		END CASE;
	END LOOP;
END;
$$;

-- Carts: empty, active, lapsed, paid and released, with discounts, and with invoices
-- in every state.
DO $$
DECLARE
	basket bigint;
	invoice bigint;
BEGIN
	FOR i IN 61 .. 100 LOOP
		basket := regpaydb.current_cart(i);
		CONTINUE WHEN i % 10 = 0;		-- empty
		PERFORM regpaydb.set_quantity(basket, 1 + i % 2, 1);
		PERFORM regpaydb.set_quantity(basket, 3, i % 7 + 1);
		IF i % 3 = 0 THEN
			INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount)
				VALUES (basket, 3, E'Early; \\N\t', 1, 9.95), (basket, 1 + i % 2, 'Speaker', 1, 40);
		END IF;
		CONTINUE WHEN i % 10 = 1;		-- without an invoice
		invoice := regpaydb.invoice_cart(basket);
		CASE i % 10
		WHEN 2, 8 THEN	-- unpaid, or paid in part
			IF i % 4 = 0 THEN
				PERFORM regpaydb.pay(invoice, 1.5, 'part');
			END IF;
		WHEN 3 THEN		-- lapsed, and still free
			UPDATE cart SET time_last_updated = now() - interval '3 days' WHERE cart_id = basket;
		WHEN 4 THEN		-- paid, and the next one begun
			PERFORM regpaydb.pay(invoice, regpaydb.balance_due(invoice), 'full');
			PERFORM regpaydb.set_quantity(regpaydb.current_cart(i), 3, 2);
		WHEN 5 THEN		-- paid and given back
			PERFORM regpaydb.pay(invoice, regpaydb.balance_due(invoice) + 3, 'full');
			PERFORM regpaydb.refund_invoice(invoice);
		WHEN 6 THEN		-- amended: void, and invoiced anew
			PERFORM regpaydb.set_quantity(basket, 3, 0);
			PERFORM regpaydb.invoice_cart(basket);
		WHEN 7 THEN		-- amended when paid in part: refunded to credit
			PERFORM regpaydb.pay(invoice, 12.34, 'part');
			UPDATE cart_item SET quantity = quantity + 1 WHERE cart_id = basket AND product_id = 3;
			invoice := regpaydb.invoice_cart(basket);
			PERFORM regpaydb.pay(invoice, regpaydb.balance_due(invoice), 'the new one');
		WHEN 9 THEN		-- amended, and left like that
			PERFORM regpaydb.set_quantity(basket, 1 + i % 2, 0);
		END CASE;
	END LOOP;
END;
$$;

-- Items are returned of what was bought: successors of successors, with money that is
-- late for the first of them, and a fee off what is left over.
DO $$
DECLARE
	basket bigint;
	bill bigint;
	first_one bigint;
	one text := '[{"line_item_id": %s, "quantity": 1}]';
BEGIN
	FOR i IN 101 .. 112 LOOP
		IF i % 3 = 0 THEN
			first_one := regpaydb.manual_invoice(i, '1 day', '[{"description": "Booth; \\N", "price": 40.05, "quantity": 6, "product_id": 3},
				{"description": "Rebate", "price": -0.05}, {"description": "Lunch", "price": 0}]');
		ELSE
			basket := regpaydb.current_cart(i);
			PERFORM regpaydb.set_quantity(basket, 1, 1), regpaydb.set_quantity(basket, 3, 6);
			INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount)
				VALUES (basket, 3, E'Early; \\N\t', 2, 5.05), (basket, 1, 'Speaker', 1, 100);
			first_one := regpaydb.invoice_cart(basket);
		END IF;
		PERFORM regpaydb.pay(first_one, regpaydb.balance_due(first_one), 'full');
		bill := first_one;
		FOR n IN 1 .. i % 5 LOOP
			PERFORM set_config('regpaydb.user_id', '1', true);
			PERFORM regpaydb.return_items(bill, format(one, (SELECT max(line_item_id) FROM line_item WHERE invoice_id = bill
				AND price > 0 AND description ~ 'Shirt|Booth'))::jsonb, CASE n % 2 WHEN 0 THEN 'too big' END);
			PERFORM set_config('regpaydb.user_id', '', true);
			bill := (SELECT invoice_id FROM invoice WHERE replaces = bill);
		END LOOP;
		IF i % 4 = 2 THEN
			INSERT INTO payment (invoice_id, amount, reference) VALUES (first_one, 2.75, 'late');
		ELSIF i % 4 = 3 THEN
			PERFORM regpaydb.charge_credit_note(max(credit_note_id), '[{"description": "Handling", "price": 3.30}]')
				FROM credit_note WHERE attendee_id = i AND state = 'unclaimed' HAVING count(*) > 0;
		END IF;
		-- What is kept is worth nothing, or the last one is refunded.
		IF i IN (104, 109) THEN
			PERFORM regpaydb.return_items(bill, (SELECT jsonb_agg(jsonb_build_object('line_item_id', line_item_id)) FROM line_item
				WHERE invoice_id = bill AND product_id = 3));
		ELSIF i = 107 THEN
			PERFORM regpaydb.refund_invoice(bill, 'ill');
		END IF;
	END LOOP;
END;
$$;

-- Refunds on their way, done in parts and failed, and what a platform took back: of what
-- is paid twice, of what is paid once, and of what was spent elsewhere.
DO $$
DECLARE
	ref text := current_setting('regpaydb_test.references');
	bill bigint;
	note bigint;
	refund bigint;
BEGIN
	FOR i IN 1 .. 7 LOOP
		bill := regpaydb.manual_invoice(112 + i, '1 day', '[{"description": "Dinner", "price": 60.5}]');
		PERFORM regpaydb.pay(bill, 20.5, 'card', 'stripe', ref || 'rf_' || i);
		PERFORM regpaydb.pay(bill, 40, 'transfer', 'bank', ref || 'rf_' || i);
		IF i <= 4 THEN
			note := regpaydb.refund_invoice(bill);
			refund := regpaydb.request_refund(note, 'back ' || i, entered_by => 1);
		END IF;
		CASE i
		WHEN 1 THEN		-- on its way
		WHEN 2 THEN
			PERFORM regpaydb.confirm_refund(refund, 'stripe', ref || 're_' || i);
		WHEN 3 THEN
			PERFORM regpaydb.fail_refund(refund, E'closed;\t\\N');
		WHEN 4 THEN		-- failed, and on its way again, part of it by hand
			note := regpaydb.fail_refund(refund, 'closed');
			PERFORM regpaydb.request_refund(note, 'again', (SELECT jsonb_agg(jsonb_build_object('payment_id', payment_id, 'amount', 20.5))
				FROM payment WHERE invoice_id = bill AND provider = 'stripe'));
		WHEN 5 THEN		-- she had paid twice
			PERFORM regpaydb.record_payment(bill, 60.5, 'twice', 'stripe', ref || 'rf_twice');
			PERFORM regpaydb.record_reversal('stripe', ref || 'rf_twice', 60.5, ref || 'dp_' || i, 'not mine');
		WHEN 6 THEN		-- taken back in parts
			PERFORM regpaydb.record_reversal('stripe', ref || 'rf_' || i, 10.25, ref || 'dp_a' || i);
			PERFORM regpaydb.record_reversal('stripe', ref || 'rf_' || i, 10.25, ref || 'dp_b' || i);
		WHEN 7 THEN		-- a loss
			PERFORM regpaydb.apply_credit_note(regpaydb.refund_invoice(bill), regpaydb.manual_invoice(112 + i, '1 day',
				'[{"description": "Tour", "price": 60.5}]'));
			PERFORM regpaydb.record_reversal('stripe', ref || 'rf_' || i, 20.5, ref || 'dp_' || i, E'won''t pay;\t\\N');
		END CASE;
	END LOOP;
END;
$$;

-- What a consumer has taken, and what an owner sets.
DELETE FROM outbox WHERE outbox_id % 7 = 0 AND invoice_id < 100;
UPDATE invoice SET purchase_order = 'PO ' || invoice_id WHERE invoice_id % 3 = 0;
UPDATE conference SET auto_apply_credit = true;
-- A sequence that was told where to begin and has given nothing out since, so that
-- pg_sequences calls its last value unknown; and one that counts otherwise.
ALTER TABLE staff ADD COLUMN staff_number bigint GENERATED BY DEFAULT AS IDENTITY;
ALTER TABLE staff ALTER COLUMN staff_number RESTART WITH 7000;
CREATE SEQUENCE "Receipts, 'printed'" INCREMENT BY 10 START 105;
SELECT nextval('"Receipts, ''printed''"') \g /dev/null

CREATE VIEW due AS SELECT invoice_id, value - paid AS due FROM invoice;
CREATE MATERIALIZED VIEW due_copy AS SELECT * FROM due;
CREATE UNIQUE INDEX ON due_copy (invoice_id);
ALTER TABLE payment CLUSTER ON payment_time_idx;
-- The owner obeys her own policies, which stops her own dumps but a superuser's not.
ALTER TABLE attendee FORCE ROW LEVEL SECURITY;
