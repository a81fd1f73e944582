-- The outbox: one row for each thing that happened, in the same transaction.
-- The status history stays, whatever consumers take out of it.
SET client_min_messages = warning;
SELECT test.new_ledger('outbox');

-- What happened since the last look; taking rows is deleting them.
CREATE FUNCTION test.take()
	RETURNS TABLE (kind regpaydb.outbox_kind, invoice_id bigint, old_status regpaydb.invoice_status,
		new_status regpaydb.invoice_status, credit_note_id bigint, cart_id bigint, reversal_id bigint)
	LANGUAGE sql AS $$
	WITH taken AS (
		DELETE FROM outbox.outbox o WHERE o.outbox_id IN (
			SELECT t.outbox_id FROM outbox.outbox t ORDER BY t.outbox_id FOR UPDATE SKIP LOCKED)
		RETURNING o.*)
	SELECT t.kind, t.invoice_id, t.old_status, t.new_status, t.credit_note_id, t.cart_id, t.reversal_id
	FROM taken t ORDER BY t.kind, t.invoice_id, t.credit_note_id
$$;

-- An invoice is made.
SELECT test.invoice(1, 100) AS invoice_id;
SELECT * FROM test.take();
-- Paid in part: nothing changes its status, so nothing is told.
SELECT regpaydb.pay(1, 40, 'part') AS payment_id;
SELECT * FROM test.take();
-- Paid, and overpaid.
SELECT regpaydb.pay(1, 70, 'rest, and 10') AS payment_id;
SELECT * FROM test.take();
-- Repeated, refused, looked at: nothing.
SELECT test.invoice(2, 100) AS invoice_id;
SELECT count(*) FROM test.take();
SELECT regpaydb.pay(2, 1, '', 'stripe', 'pi_1') AS payment_id, regpaydb.pay(2, 1, '', 'stripe', 'pi_1') AS same;
SELECT test.raises('SELECT regpaydb.pay(1, 1, '''')');
SELECT regpaydb.update_status(1), regpaydb.balance_due(1), regpaydb.can_view(1, 101);
SELECT * FROM test.take();
-- Refunded.
SELECT regpaydb.refund_invoice(1) AS credit_note_id;
SELECT * FROM test.take();
-- A note is paid out.
SELECT regpaydb.refund_credit_note(3, 'cash') AS credit_note_refund_id;
SELECT * FROM test.take();
-- A new invoice that takes a note (of 100), with residual.
SELECT test.invoice(1, 60) AS invoice_id;
SELECT * FROM test.take();
-- A cancellation fee on the residual (of 40).
SELECT regpaydb.cancellation_fee(max(credit_note_id), 25) AS invoice_id FROM credit_note;
SELECT * FROM test.take();
-- Voids; voiding again is nothing.
SELECT test.invoice(1, 500) AS invoice_id;
SELECT count(*) FROM test.take();
SELECT test.raises('SELECT regpaydb.void_invoice(5)');
UPDATE conference SET auto_apply_credit = false;
SELECT test.invoice(1, 20) AS invoice_id;
SELECT regpaydb.void_invoice(6), regpaydb.void_invoice(6);
SELECT * FROM test.take();
-- Of value zero: made, and paid.
SELECT test.invoice(1, 0) AS invoice_id;
SELECT * FROM test.take();
-- Money on a void invoice: the note, but no change of status.
INSERT INTO payment (invoice_id, amount) VALUES (6, 5);
SELECT * FROM test.take();
-- A statement that pays several invoices: a row for each.
SELECT test.invoice(1, 10) + test.invoice(1, 10) + test.invoice(1, 10) AS invoice_ids;
SELECT count(*) FROM test.take();
INSERT INTO payment (invoice_id, amount) VALUES (8, 10), (9, 5), (9, 5), (10, 4);
SELECT * FROM test.take();

-- Lines are returned: all is told that happens to the invoice, its note and its successor,
-- in that order.
SELECT regpaydb.manual_invoice(1, '1 day', '[{"description": "Kept", "price": 70}, {"description": "Returned", "price": 30}]') AS invoice_id;
SELECT regpaydb.pay(11, 100, '') > 0 AS paid, count(*) > 0 AS told FROM test.take();
DELETE FROM outbox;
SELECT regpaydb.return_items(11, jsonb_build_array(jsonb_build_object('line_item_id', max(line_item_id)))) > 0 AS returned FROM line_item;
SELECT outbox_id - min(outbox_id) OVER () AS place, kind, invoice_id, old_status, new_status,
	(SELECT value FROM credit_note n WHERE n.credit_note_id = o.credit_note_id) AS note FROM outbox o ORDER BY 1;
SELECT count(*) FROM test.take();
-- A note is charged.
SELECT regpaydb.charge_credit_note(max(credit_note_id), '[{"description": "Fee", "price": 5}]') AS invoice_id FROM credit_note;
SELECT kind, invoice_id, old_status, new_status, (SELECT value FROM credit_note n WHERE n.credit_note_id = t.credit_note_id) AS note FROM test.take() t;

-- None on rollback.
BEGIN;
SELECT regpaydb.pay(10, 6, 'rest') > 0 AS paid;
SELECT count(*) FROM outbox;
ROLLBACK;
SELECT * FROM test.take();
BEGIN;
SAVEPOINT s;
SELECT regpaydb.refund_invoice(8) > 0 AS refunded;
ROLLBACK TO s;
COMMIT;
SELECT * FROM test.take();

-- A refund is requested; that it is done is another thing, told once.
SELECT test.invoice(2, 10) AS invoice \gset
SELECT regpaydb.record_payment(:invoice, 14, '', 'bank', 'b1') > 0 AS paid, regpaydb.record_payment(:invoice, 14, '', 'bank', 'b2') > 0 AS paid_twice;
SELECT count(*) FROM test.take();
SELECT max(credit_note_id) AS note, min(credit_note_id) AS of_4 FROM credit_note JOIN payment p ON payment_id = credit_note_id WHERE p.invoice_id = :invoice \gset
SELECT regpaydb.request_refund(:note, 'back') AS refund \gset
SELECT kind, invoice_id, credit_note_id = :note AS note, reversal_id FROM test.take();
SELECT test.raises(format('SELECT regpaydb.request_refund(%s, ''back'')', :note)) ~ '^RP006' AS again;
SELECT regpaydb.confirm_refund(:refund), regpaydb.confirm_refund(:refund);
SELECT kind, invoice_id, credit_note_id = :note AS note, reversal_id FROM test.take();
-- One that fails: the note that it was, and a new one of the same invoice.
SELECT regpaydb.request_refund(:of_4, 'back') AS refund \gset
SELECT count(*) FROM test.take();
SELECT regpaydb.fail_refund(:refund, 'closed') AS again \gset
SELECT kind, invoice_id = :invoice AS invoice, old_status, new_status, CASE credit_note_id WHEN :of_4 THEN 'failed' WHEN :again THEN 'new' END AS note, reversal_id FROM test.take();
-- A platform takes back: of the note, then the ticket, then what is not there.
SELECT regpaydb.record_reversal('bank', 'b1', 4, 'r1') AS reversal;
SELECT kind, invoice_id = :invoice AS invoice, old_status, new_status, credit_note_id = :again AS note, reversal_id FROM test.take();
SELECT regpaydb.record_reversal('bank', 'b1', 4, 'r1') AS again;
SELECT regpaydb.record_reversal('bank', 'b1', 10, 'r2') AS reversal;
SELECT kind, invoice_id = :invoice AS invoice, old_status, new_status, credit_note_id, reversal_id FROM test.take();
SELECT count(*) FROM outbox;

-- Rows may be deleted (that is what taking them is), but not changed.
SELECT test.invoice(2, 1) AS invoice_id;
SELECT statement, test.raises(statement) FROM (VALUES
	(1, 'UPDATE outbox SET kind = ''invoice_updated'''),
	(2, 'UPDATE outbox SET "time" = now()'),
	(3, 'UPDATE outbox SET outbox_id = outbox_id'),
	(4, 'TRUNCATE outbox')) v (n, statement) ORDER BY n;
SELECT count(*) FROM outbox;
DELETE FROM outbox;

-- Nothing depends on what was taken: the whole history is there.
SELECT invoice_id, old_status, new_status FROM status_history
ORDER BY invoice_id, "time", CASE WHEN old_status IS NULL THEN 1 WHEN old_status = 'unpaid' THEN 2 ELSE 3 END;
-- Each invoice's history ends in its status, in an unbroken chain.
SELECT i.invoice_id, i.status FROM invoice i
WHERE NOT EXISTS (SELECT FROM status_history h WHERE h.invoice_id = i.invoice_id AND h.new_status = i.status)
	OR (SELECT count(*) FROM status_history h WHERE h.invoice_id = i.invoice_id) <>
		(SELECT count(DISTINCT new_status) FROM status_history h WHERE h.invoice_id = i.invoice_id)
	OR EXISTS (SELECT FROM status_history h WHERE h.invoice_id = i.invoice_id AND h.old_status IS NOT NULL
		AND NOT EXISTS (SELECT FROM status_history p WHERE p.invoice_id = i.invoice_id
			AND p.new_status = h.old_status AND p."time" <= h."time"));

DROP FUNCTION test.take();
SELECT * FROM test.money();
SELECT * FROM regpaydb.check_integrity();
