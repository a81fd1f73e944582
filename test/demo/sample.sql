-- A small conference to play with, for ./dev psql: says nothing but two lines
-- on what to try.  Every later session finds the ledger by its search_path.

CREATE EXTENSION regpaydb;
\o /dev/null
SELECT regpaydb.create_ledger(conference_name => 'Gannet Conf 2026', currency => 'AUD');
SELECT format('ALTER DATABASE %I SET search_path = public, regpaydb', current_database()) \gexec
SET search_path = public, regpaydb;

INSERT INTO staff (user_id) VALUES (900);
INSERT INTO attendee (user_id, recipient, access_code) VALUES
	(101, 'Ada Brandt', 'ADAS-CODE'),
	(102, 'Ben Okafor', 'BENS-CODE'),
	(103, 'Chiara Moretti', 'CHIARAS-CODE'),
	(104, 'Dmitri Volkov', 'DMITRIS-CODE'),
	(105, 'Ewa Nowak', 'EWAS-CODE');

-- 1: Ada's, overpaid; the credit of 36.00 pays for 2, and 11.00 are left.
SELECT manual_invoice(1, '30 days', '[{"description": "Professional ticket", "price": 640.00},
	{"description": "Conference dinner", "price": 75.00}]');
SELECT record_payment(1, 751.00, 'Transfer NB260304-0004', 'bank', 'NB260304-0004', '2026-03-04');
SELECT manual_invoice(1, '30 days', '[{"description": "T-shirt", "price": 25.00}]');

-- 3: Ben's, paid by card, refunded, and a fee (4) kept.
SELECT manual_invoice(2, '30 days', '[{"description": "Enthusiast ticket", "price": 320.00}]');
SELECT pay(3, 320.00, 'Card 4242', 'cardpay', 'ch_1001');
SELECT cancellation_fee(refund_invoice(3, reason => 'Cancelled'), percentage => 10);

-- 5: Chiara's, unpaid.  6: hers, too, paid in part.
SELECT manual_invoice(3, '30 days', '[{"description": "Professional ticket", "price": 640.00}]');
SELECT manual_invoice(3, '30 days', '[{"description": "Tutorial", "price": 90.00, "quantity": 2}]');
SELECT pay(6, 100.00, 'Card 1881', 'cardpay', 'ch_1002');

-- 7: Dmitri's, void; a cheque came all the same.
SELECT manual_invoice(4, '30 days', '[{"description": "Student ticket", "price": 95.00}]');
SELECT void_invoice(7, reason => 'Not a student');
SELECT record_manual_payment(7, 95.00, 'Cheque 117', entered_by => 900);

-- 8: Ewa's, free of charge, so paid at once.
SELECT manual_invoice(5, '30 days', '[{"description": "Speaker ticket", "price": 320.00},
	{"description": "Speaker discount", "price": -320.00}]');
\o
\echo 'Try:  TABLE invoice;   TABLE credit_note;   \\df regpaydb.*   SELECT * FROM check_integrity();'
\echo '      SELECT pay(5, 700.00, ''Card 4242'');   SELECT apply_credit_note(11, 6);   TABLE outbox;'
