-- What a ledger does, said without ids and times: the same on a node of Citus as anywhere.
-- psql's variable ledger is set.
\set VERBOSITY sqlstate
SELECT set_config('regpaydb.ledger', :'ledger', false) IS NULL AS x, set_config('search_path', :'ledger', false) IS NULL AS x \gset
INSERT INTO attendee (user_id, recipient) VALUES (901, 'Ada'), (902, 'Ben');
INSERT INTO staff VALUES (999);
INSERT INTO category (name) VALUES ('Ticket');
INSERT INTO product (category_id, name, price, stock) SELECT category_id, 'Full', 100, 3 FROM category WHERE name = 'Ticket';
INSERT INTO product (category_id, name, price, stock) SELECT category_id, 'Day', 40, NULL FROM category WHERE name = 'Ticket';
SELECT attendee_id AS ada FROM attendee WHERE user_id = 901 \gset
SELECT attendee_id AS ben FROM attendee WHERE user_id = 902 \gset
SELECT product_id AS fulls FROM product WHERE name = 'Full' \gset
SELECT product_id AS days FROM product WHERE name = 'Day' \gset
SELECT regpaydb.manual_invoice(:ada, '1 day', '[{"description": "Dinner", "price": 75}]') AS i1 \gset
SELECT regpaydb.pay(:i1, 50, 'card', 'stripe', 'sc-1') AS p1 \gset
SELECT regpaydb.pay(:i1, 50, 'card', 'stripe', 'sc-1') = :p1 AS once, regpaydb.balance_due(:i1), regpaydb.total_payments(:i1);
SELECT regpaydb.pay(:i1, 51, 'card', 'stripe', 'sc-1');
SELECT regpaydb.pay(:i1, 60, 'card') > 0 AS paid;
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :i1;
SELECT regpaydb.available_credit(:ada);
SELECT regpaydb.pay(:i1, 1, 'card');
SELECT regpaydb.manual_invoice(:ada, '1 day', '[{"description": "Shirt", "price": 20}, {"description": "Off", "price": -5}]') AS i2 \gset
SELECT status, paid FROM invoice WHERE invoice_id = :i2;
SELECT regpaydb.available_credit(:ada);
-- Carts and stock
SELECT regpaydb.current_cart(:ben) AS cart \gset
SELECT regpaydb.set_quantity(:cart, :fulls, 2);
SELECT regpaydb.set_quantity(:cart, :days, 1);
SELECT regpaydb.available_stock(:fulls), regpaydb.available_stock(:days);
SELECT regpaydb.set_quantity(:cart, :fulls, 9);
SELECT regpaydb.validate_cart(:cart);
SELECT regpaydb.extend_reservation(:cart, '2 hours');
SELECT regpaydb.invoice_cart(:cart) AS i3 \gset
SELECT regpaydb.invoice_cart(:cart) = :i3 AS same;
INSERT INTO payment (invoice_id, amount) VALUES (:i3, 100), (:i3, 40);
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :i3;
INSERT INTO payment (invoice_id, amount, provider, provider_ref) VALUES (:i3, 100, 'bank', 'sc-2') ON CONFLICT DO NOTHING;
INSERT INTO payment (invoice_id, amount, provider, provider_ref) VALUES (:i3, 100, 'bank', 'sc-2') ON CONFLICT DO NOTHING;
INSERT INTO payment (invoice_id, amount) SELECT :i3, g FROM generate_series(1, 3) g;
SELECT status, paid, payment_count FROM invoice WHERE invoice_id = :i3;
SELECT status FROM cart WHERE cart_id = :cart;
SELECT regpaydb.available_stock(:fulls), regpaydb.available_credit(:ben);
SELECT line_item_id AS line FROM line_item WHERE invoice_id = :i3 AND product_id = :fulls \gset
SELECT regpaydb.return_items(:i3, format('[{"line_item_id": %s, "quantity": 1}]', :line)::jsonb, 'ill') > 0 AS note;
SELECT status, value, paid FROM invoice WHERE replaces = :i3;
SELECT regpaydb.available_stock(:fulls), regpaydb.available_credit(:ben);
-- Notes, refunds, reversals
SELECT credit_note_id AS note FROM credit_note WHERE attendee_id = :ben AND state = 'unclaimed' ORDER BY value DESC LIMIT 1 \gset
SELECT sum(amount) FROM regpaydb.refund_sources(:note);
SELECT regpaydb.cancellation_fee(:note, 10) > 0 AS fee;
SELECT regpaydb.available_credit(:ben);
SELECT credit_note_id AS note FROM credit_note WHERE attendee_id = :ben AND state = 'unclaimed' ORDER BY value DESC LIMIT 1 \gset
SELECT regpaydb.request_refund(:note, 'back') AS refund \gset
SELECT regpaydb.confirm_refund(:refund, 'stripe', 're-1');
SELECT regpaydb.refund_credit_note(:note, 'again');
SELECT regpaydb.refund_invoice(:i1, 'cancelled') > 0 AS note;
SELECT regpaydb.refund_invoice(:i1);
SELECT regpaydb.void_invoice(:i2);
SELECT regpaydb.record_reversal('stripe', 'sc-1', 50, 'cb-1') > 0 AS reversed;
SELECT regpaydb.record_manual_payment(:i2, 5, 'cash', 999) > 0 AS manual;
SELECT regpaydb.record_payment(:i2, 7, 'late', 'bank', 'sc-3') > 0 AS arrived;
SELECT regpaydb.update_status(:i2);
SELECT status, value, paid, payment_count FROM invoice ORDER BY value, paid, status;
SELECT state, value FROM credit_note ORDER BY value, state;
SELECT kind, old_status, new_status, count(*) FROM outbox GROUP BY 1, 2, 3 ORDER BY 1, 2, 3;
SELECT place, sum(m.amount) FROM payment p, regpaydb.money_trail(p.payment_id) m WHERE p.kind IN ('payment', 'manual') GROUP BY 1 ORDER BY 1;
-- Guards
UPDATE invoice SET paid = 0;
UPDATE payment SET amount = 1;
DELETE FROM credit_note;
TRUNCATE outbox;
INSERT INTO payment (invoice_id, amount, "time") VALUES (:i2, 1, now() - interval '1 minute');
INSERT INTO payment (invoice_id, amount, kind) VALUES (:i2, 1, 'reversal');
UPDATE product SET stock = 5 WHERE name = 'Full';
SELECT regpaydb.available_stock(:fulls);
DELETE FROM stock_slot;
SELECT regpaydb.available_stock(:fulls);
-- Actors
SET regpaydb.user_id = '901';
SELECT regpaydb.balance_due(:i1), regpaydb.can_view(:i1), regpaydb.can_view(:i3);
SELECT regpaydb.balance_due(:i3);
SELECT regpaydb.refund_invoice(:i2);
RESET regpaydb.user_id;
-- Transactions
BEGIN;
SELECT regpaydb.manual_invoice(:ben, '1 day', '[{"description": "Walk", "price": 10}]') AS i4 \gset
SAVEPOINT s;
SELECT regpaydb.pay(:i4, 1, 'x') > 0 AS paid;
ROLLBACK TO s;
SELECT regpaydb.pay(:i4, 2, 'x') > 0 AS paid;
COMMIT;
SELECT paid FROM invoice WHERE invoice_id = :i4;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT regpaydb.pay(:i4, 3, 'x') > 0 AS paid;
COMMIT;
BEGIN ISOLATION LEVEL SERIALIZABLE;
SELECT regpaydb.pay(:i4, 4, 'x') > 0 AS paid;
COMMIT;
SELECT paid FROM invoice WHERE invoice_id = :i4;
SELECT regpaydb.balance_due(invoice_id) FROM invoice WHERE invoice_id = :i4;
SELECT sum(regpaydb.balance_due(i.invoice_id)) FROM invoice i JOIN attendee USING (attendee_id) WHERE user_id IN (901, 902);
SELECT difference FROM regpaydb.reconciliation(now());
SELECT * FROM regpaydb.check_integrity();
SELECT * FROM regpaydb.check_integrity(now() - interval '1 day');
