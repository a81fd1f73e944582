# A conference goes through every kind of dump and restore that people use:
# nothing is lost, nothing is posted twice, and the ledger goes on working.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RegpayTest;
use Test::More;

my $node = new_node('main');
$node->start;

my $folder = PostgreSQL::Test::Utils::tempdir;
my @ledgers = ('regpaydb', 'Second conference');

sub set_ledger
{
	my ($ledger) = @_;
	return qq{SET regpaydb.ledger = '$ledger'; SET search_path = "$ledger";\n};
}

# ---- the source ----

# What users add to a ledger: a column that comes after a dropped one, a
# generated column, an index, a policy, rights.
my $additions = <<'SQL';
ALTER TABLE payment ADD COLUMN mistake int, ADD COLUMN roll text DEFAULT 'north';
ALTER TABLE payment DROP COLUMN mistake;
ALTER TABLE payment ADD COLUMN cents numeric GENERATED ALWAYS AS (amount * 100) STORED;
ALTER TABLE invoice ADD COLUMN purchase_order text;
COMMENT ON COLUMN invoice.purchase_order IS 'Ours.';
CREATE INDEX payment_roll_idx ON payment (lower(roll)) WHERE amount > 0;
ALTER TABLE invoice ENABLE ROW LEVEL SECURITY;
CREATE POLICY only_small ON invoice FOR SELECT TO restore_clerk USING (value < 100);
GRANT SELECT ON invoice TO restore_clerk;
SQL

# Invoices in every state there is.
my $conference = <<'SQL';
UPDATE conference SET auto_apply_credit = false;
INSERT INTO staff VALUES (1), (2);
INSERT INTO attendee (user_id, recipient, email)
	SELECT 1000 + g, format(E'Attendee %s\n\tO''Brien \\. "street" ünïcode', g), 'a' || g || '@example.org'
	FROM generate_series(1, 310) g;
DO $$
DECLARE
	line jsonb := '[{"description": "Ticket", "price": 100.00}, {"description": "Early bird; \\N", "price": -9.95},
		{"description": "T-shirt", "price": 25.10, "quantity": 2}]';
	value numeric := 140.25;
	invoice bigint;
	note bigint;
	low bigint;
BEGIN
	FOR i IN 1 .. 300 LOOP
		invoice := regpaydb.manual_invoice(i, '30 days',
			CASE i % 15 WHEN 0 THEN '[{"description": "Speaker", "price": 0}]' ELSE line END);
		CASE i % 15
		WHEN 0 THEN		-- worth nothing, so paid at once
			IF i % 2 = 0 THEN
				PERFORM regpaydb.void_invoice(invoice);
			END IF;
		WHEN 1 THEN		-- left unpaid
		WHEN 2 THEN		-- paid in part
			PERFORM regpaydb.pay(invoice, 40.25, 'part', 'stripe', 'ch_' || i);
		WHEN 3 THEN		-- paid in two parts
			PERFORM regpaydb.pay(invoice, 40.25, 'part', 'stripe', 'ch_a' || i);
			PERFORM regpaydb.pay(invoice, 100, 'rest', 'stripe', 'ch_b' || i);
		WHEN 4 THEN		-- paid too much
			INSERT INTO payment (invoice_id, amount, reference, roll)
				VALUES (invoice, value + i, E'transfer\t' || i, NULL);
		WHEN 5 THEN		-- void
			PERFORM regpaydb.void_invoice(invoice);
		WHEN 6 THEN		-- refunded, the note not claimed
			PERFORM regpaydb.pay(invoice, value, 'full');
			PERFORM regpaydb.refund_invoice(invoice);
		WHEN 7 THEN		-- ids not in the order in which they were written
			low := nextval(pg_get_serial_sequence('payment', 'payment_id'));
			INSERT INTO payment (invoice_id, amount) VALUES (invoice, 20), (invoice, 30);
			INSERT INTO payment (payment_id, invoice_id, amount) VALUES (low, invoice, 10);
			IF i % 2 = 0 THEN
				INSERT INTO payment (invoice_id, amount) VALUES (invoice, value);
			END IF;
		WHEN 8 THEN		-- refunded, and paid out
			PERFORM regpaydb.pay(invoice, value, 'full');
			PERFORM regpaydb.refund_credit_note(regpaydb.refund_invoice(invoice), 'cash', 1);
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
-- One statement for many invoices, with ids that go down, and gaps.
INSERT INTO payment (payment_id, invoice_id, amount)
	SELECT 100000 - 3 * row_number() OVER (ORDER BY invoice_id), invoice_id, 1.01
	FROM invoice, generate_series(1, 2) WHERE status = 'unpaid' AND invoice_id % 2 = 0;
SELECT setval(pg_get_serial_sequence('payment', 'payment_id'), 100000);

-- Carts: active, lapsed, paid and released, with discounts, and with invoices in
-- every state there is.
INSERT INTO category (name, required, limit_per_attendee, display_order, stock) VALUES
	('Ticket', true, 2, 1, 150), ('Extra\t"x"', false, NULL, 2, NULL);
INSERT INTO product (category_id, name, price, stock, limit_per_attendee, reservation_duration) VALUES
	(1, 'Full', 100, 70, NULL, '2 hours'), (1, E'O''Brien\\', 40.10, NULL, 1, '1 hour 30 minutes'),
	(2, 'Shirt', 25.10, 5000, NULL, '1 day'), (2, 'Workshop', 90, 3, 2, '3 hours');
DO $$
DECLARE
	attendee bigint;
	basket bigint;
	invoice bigint;
	first_one bigint;
BEGIN
	FOR i IN 1 .. 80 LOOP
		INSERT INTO attendee (user_id, recipient) VALUES (2000 + i, 'Buyer ' || i) RETURNING attendee_id INTO attendee;
		basket := regpaydb.current_cart(attendee);
		CONTINUE WHEN i % 10 = 0;		-- empty
		PERFORM regpaydb.set_quantity(basket, 1 + i % 2, 1);
		PERFORM regpaydb.set_quantity(basket, 3, i);
		IF i % 3 = 0 THEN
			INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount)
				VALUES (basket, 3, E'Early; \\N\t', 1, 9.95), (basket, 1 + i % 2, 'Speaker', 1, 40);
		END IF;
		CONTINUE WHEN i % 10 = 1;		-- without an invoice
		invoice := regpaydb.invoice_cart(basket);
		CASE i % 10
		WHEN 2 THEN		-- unpaid, or paid in part
			IF i % 4 = 0 THEN
				PERFORM regpaydb.pay(invoice, 1.5, 'part');
			END IF;
		WHEN 3 THEN		-- lapsed, and still free
			UPDATE cart SET time_last_updated = now() - interval '3 days' WHERE cart_id = basket;
		WHEN 4 THEN		-- paid, and the next one begun
			PERFORM regpaydb.pay(invoice, regpaydb.balance_due(invoice), 'full');
			IF i % 4 = 0 THEN
				PERFORM regpaydb.set_quantity(regpaydb.current_cart(attendee), 3, 2);
			END IF;
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
		WHEN 8 THEN		-- worth nothing: paid at once, and void, and late money for it
			DELETE FROM cart_item WHERE cart_id = basket AND product_id = 3;
			DELETE FROM cart_discount WHERE cart_id = basket;
			INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount)
				SELECT basket, product_id, 'Gratis', 1, price FROM product WHERE product_id = 1 + i % 2;
			first_one := invoice;
			invoice := regpaydb.invoice_cart(basket);
			IF i % 4 = 0 THEN
				PERFORM regpaydb.void_invoice(invoice);
				INSERT INTO payment (invoice_id, amount) VALUES (first_one, 8), (invoice, 5);
			END IF;
		WHEN 9 THEN		-- amended, and left like that
			PERFORM regpaydb.set_quantity(basket, 1 + i % 2, 0);
		END CASE;
	END LOOP;
	-- Carts that lapsed while somebody else took the last ones: one invoice is void
	-- by late money, one is unpaid as if all were well.
	FOR i IN 1 .. 3 LOOP
		INSERT INTO attendee (user_id, recipient) VALUES (3000 + i, 'Late ' || i) RETURNING attendee_id INTO attendee;
		basket := regpaydb.current_cart(attendee);
		PERFORM regpaydb.set_quantity(basket, 2, 1), regpaydb.set_quantity(basket, 4, 2);
		invoice := regpaydb.invoice_cart(basket);
		IF i < 3 THEN
			UPDATE cart SET time_last_updated = now() - interval '3 days' WHERE cart_id = basket;
		ELSE
			INSERT INTO payment (invoice_id, amount) VALUES (invoice, 220.10), (invoice - 1, 220.10);
		END IF;
	END LOOP;
END;
$$;
-- Items are returned, again and again, of what was bought by carts and by hand: what
-- is kept is on successors of successors.  Money arrives late for those before them.
DO $$
DECLARE
	attendee bigint;
	basket bigint;
	bill bigint;
	one text := '[{"line_item_id": %s, "quantity": 1}]';
BEGIN
	FOR i IN 1 .. 12 LOOP
		INSERT INTO attendee (user_id, recipient) VALUES (4000 + i, E'Returner\t' || i) RETURNING attendee_id INTO attendee;
		IF i % 3 = 0 THEN
			bill := regpaydb.manual_invoice(attendee, '1 day', '[{"description": "Booth; \\N", "price": 40.05, "quantity": 6, "product_id": 3},
				{"description": "Rebate", "price": -0.05}, {"description": "Lunch", "price": 0}]');
			PERFORM regpaydb.pay(bill, 240.25, 'by hand');
		ELSE
			basket := regpaydb.current_cart(attendee);
			PERFORM regpaydb.set_quantity(basket, 1, 1), regpaydb.set_quantity(basket, 3, 6);
			INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount)
				VALUES (basket, 3, E'Early; \\N\t', 2, 5.05), (basket, 1, 'Speaker', 1, 100);
			bill := regpaydb.invoice_cart(basket);
			PERFORM regpaydb.pay(bill, 140.50 + i % 2, 'for a cart');
		END IF;
		FOR n IN 1 .. i % 5 LOOP
			PERFORM set_config('regpaydb.user_id', '1', true);
			PERFORM regpaydb.return_items(bill, format(one, (SELECT max(line_item_id) FROM line_item WHERE invoice_id = bill
				AND price > 0 AND description ~ 'Shirt|Booth'))::jsonb, CASE n % 2 WHEN 0 THEN 'too big' END);
			PERFORM set_config('regpaydb.user_id', '', true);
			bill := (SELECT invoice_id FROM invoice WHERE replaces = bill);
		END LOOP;
		-- The row of the first one comes after those of its successors then.
		IF i % 4 = 2 THEN
			INSERT INTO payment (invoice_id, amount, reference) SELECT min(v.invoice_id), 2.75, 'late' FROM invoice v WHERE v.attendee_id = attendee;
		END IF;
		IF i % 4 = 3 THEN
			PERFORM regpaydb.charge_credit_note(max(credit_note_id), '[{"description": "Handling", "price": 3.30}]')
				FROM credit_note WHERE attendee_id = attendee AND state = 'unclaimed';
		END IF;
		-- What is kept is worth nothing, or the last one is refunded, or her next cart takes the note.
		IF i IN (4, 8) THEN
			PERFORM regpaydb.return_items(bill, (SELECT jsonb_agg(jsonb_build_object('line_item_id', line_item_id)) FROM line_item
				WHERE invoice_id = bill AND product_id = 3));
		ELSIF i = 7 THEN
			PERFORM regpaydb.refund_invoice(bill, 'ill');
		ELSIF i = 11 THEN
			UPDATE conference SET auto_apply_credit = true;
			PERFORM regpaydb.set_quantity(regpaydb.current_cart(attendee), 3, 1);
			PERFORM regpaydb.invoice_cart(regpaydb.current_cart(attendee));
			UPDATE conference SET auto_apply_credit = false;
		END IF;
	END LOOP;
END;
$$;
-- Refunds that are on their way, done at once or by a platform, and failed ones, of which
-- some are asked for again; and money that platforms took back, where it still was and
-- where it was not.
DO $$
DECLARE
	attendee bigint;
	bill bigint;
	note bigint;
	refund bigint;
	charge text;
BEGIN
	FOR i IN 1 .. 60 LOOP
		INSERT INTO attendee (user_id, recipient) VALUES (5000 + i, 'Refunded ' || i) RETURNING attendee_id INTO attendee;
		charge := 'ch_back_' || i;
		bill := regpaydb.manual_invoice(attendee, '1 day', '[{"description": "Ticket", "price": 80.20}]');
		PERFORM regpaydb.pay(bill, 30.10, 'one', 'bank', charge), regpaydb.pay(bill, 60.10, 'two', 'stripe', charge);
		note := CASE WHEN i % 2 = 0 THEN regpaydb.refund_invoice(bill, 'ill') ELSE (SELECT max(credit_note_id) FROM credit_note) END;
		CASE i % 10
		WHEN 0, 1 THEN		-- on its way, to where it came from
			PERFORM regpaydb.request_refund(note, 'out ' || i);
		WHEN 2 THEN		-- on its way, some of it some other way
			PERFORM regpaydb.request_refund(note, E'tab\t\\N' || i, (SELECT jsonb_build_array(jsonb_build_object('payment_id', payment_id, 'amount', 20.05))
				FROM payment WHERE provider_ref = charge AND provider = 'stripe'));
		WHEN 3, 4 THEN		-- done
			refund := regpaydb.request_refund(note, 'out ' || i, CASE i % 10 WHEN 4 THEN '[]'::jsonb END);
			PERFORM regpaydb.confirm_refund(refund, 'stripe', E're_"\t' || i);
		WHEN 5, 6 THEN		-- failed
			PERFORM set_config('regpaydb.user_id', '2', true);
			note := regpaydb.fail_refund(regpaydb.request_refund(note, 'out ' || i), E'card "gone";\n\\N');
			PERFORM set_config('regpaydb.user_id', '', true);
			IF i > 30 THEN
				PERFORM regpaydb.request_refund(note, 'out again ' || i);
			END IF;
		WHEN 7 THEN		-- the note is taken back, and some is missing where that was on another invoice
			IF i > 30 THEN
				PERFORM regpaydb.apply_credit_note(note, regpaydb.manual_invoice(attendee, '1 day', '[{"description": "Dinner", "price": 5}]'));
			END IF;
			PERFORM regpaydb.record_reversal('stripe', charge, 12.34, 'dp_' || i);
		WHEN 8 THEN		-- most of it is elsewhere, or all
			PERFORM regpaydb.apply_credit_note(note, regpaydb.manual_invoice(attendee, '1 day', '[{"description": "Dinner", "price": 200}]'));
			IF i > 30 THEN
				PERFORM regpaydb.apply_credit_note(n.credit_note_id, regpaydb.manual_invoice(n.attendee_id, '1 day', '[{"description": "Lunch", "price": 30}]'))
					FROM credit_note n WHERE n.attendee_id = attendee AND n.state = 'unclaimed';
			END IF;
			PERFORM regpaydb.record_reversal('stripe', charge, 60.10, 'dp_' || i, E'dispute\t' || i);
		WHEN 9 THEN		-- a platform tells of a refund that is ours, and takes the rest
			refund := regpaydb.request_refund(note, 're_told_' || i);
			PERFORM regpaydb.record_reversal('stripe', charge, 10, 're_told_' || i),
				regpaydb.record_reversal('stripe', charge, 50.10, 'dp_' || i), regpaydb.record_reversal('bank', charge, 0.10, 'dp_' || i);
		END CASE;
	END LOOP;
END;
$$;
-- What a consumer has taken.
DELETE FROM outbox WHERE outbox_id % 7 = 0;
UPDATE invoice SET purchase_order = 'PO ' || invoice_id WHERE invoice_id % 3 = 0;
SQL

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE restore_treasurer LOGIN;
CREATE ROLE restore_clerk;
CREATE ROLE restore_desk LOGIN;
CREATE ROLE restore_terminal LOGIN;
CREATE DATABASE source;
SQL
$node->safe_psql('source', <<'SQL' . set_ledger('regpaydb') . $additions . <<'SQL' . $conference);
CREATE EXTENSION regpaydb;
SELECT regpaydb.create_ledger('regpaydb', 'First', 'AUD');
GRANT USAGE ON SCHEMA regpaydb TO restore_treasurer, restore_clerk;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA regpaydb TO restore_treasurer;
GRANT CREATE ON DATABASE source TO restore_treasurer;
SQL
CREATE SCHEMA application;
CREATE TABLE application.cheque
	(payment_id bigint PRIMARY KEY REFERENCES payment, number text NOT NULL);
SET search_path = regpaydb, application;
SQL

# The second ledger belongs to an ordinary role, which obeys its own policies.
$node->safe_psql('source', <<'SQL' . set_ledger('Second conference') . $additions . <<'SQL' . $conference . <<'SQL');
SET ROLE restore_treasurer;
SELECT regpaydb.create_ledger('Second conference', E'Second\n"conference"', 'EUR');
SQL
CREATE TABLE cheque (payment_id bigint PRIMARY KEY REFERENCES payment, number text NOT NULL);
SQL
ALTER TABLE invoice FORCE ROW LEVEL SECURITY;
ALTER TABLE payment CLUSTER ON payment_time_idx;
SQL

# Both owners grant access, to a role of both ledgers too, and by hand.
my $grants = <<'SQL';
SELECT regpaydb.grant_access('restore_desk', 'staff'), regpaydb.grant_access('restore_clerk', 'reports');
GRANT INSERT (invoice_id, amount, reference) ON payment TO restore_terminal;
GRANT SELECT ON product TO PUBLIC;
SQL
$node->safe_psql('source', 'GRANT EXECUTE ON FUNCTION regpaydb.pay TO restore_terminal;' . set_ledger('regpaydb') . $grants);
$node->safe_psql('source', 'SET ROLE restore_treasurer;' . set_ledger('Second conference') . $grants
	  . 'GRANT USAGE ON SCHEMA "Second conference" TO restore_terminal');

# ---- what is compared ----

# The answers to a query for each of some objects, by the object's name.
sub ask_each
{
	my ($database, $objects, $query) = @_;
	my @names = lines($node->safe_psql($database, $objects));
	my @queries = map { my $text = $query; $text =~ s/\@/$_/g; $text } @names;
	my @answers = lines($node->safe_psql($database, join(' UNION ALL ', @queries)));

	return { map { split /\|/, $_, 2 } @answers };
}

# Number and hash of the rows of every table.
sub rows
{
	my ($database) = @_;
	return ask_each($database, <<'TABLES', <<'ROWS');
SELECT oid::regclass FROM pg_class
WHERE relkind = 'r' AND relnamespace::regnamespace::text !~ '^(pg_|information_schema)'
TABLES
SELECT '@', count(*), md5(string_agg(t::text, E'\n' ORDER BY t::text COLLATE "C")) FROM @ t
ROWS
}

# Where every identity column goes on.
sub next_ids
{
	my ($database) = @_;
	return ask_each($database, "SELECT oid::regclass FROM pg_class WHERE relkind = 'S'",
		q{SELECT '@', last_value, is_called FROM @});
}

# Everything but the rows, as pg_dump tells it: columns, indexes, policies,
# triggers, comments, rights, owners, the extension.
sub definitions
{
	my ($database) = @_;
	my ($out, $err) = run_command([ 'pg_dump', '-d', $node->connstr($database), '--schema-only' ]);

	die $err if $err;

	# Newer minor versions put a random word here.
	$out =~ s/^\\(un)?restrict .*\n//mg;
	return $out;
}

sub fingerprint
{
	my ($database) = @_;
	return {
		rows => rows($database),
		next_ids => next_ids($database),
		definitions => definitions($database)
	};
}

my $source = fingerprint('source');

# ---- the source is worth the trouble ----

my %least = (
	'unpaid' => 40, 'paid' => 80, 'refunded' => 60, 'void' => 40,
	'note unclaimed' => 60, 'note applied' => 30, 'note refunded' => 15,
	'kind payment' => 200, 'kind manual' => 50, 'kind credit_note' => 150, 'kind credit_application' => 30,
	'part paid' => 20, 'worth nothing' => 10, 'void with payments' => 20, 'events' => 500,
	'no roll' => 20, 'purchase order' => 80, 'cheque' => 20, 'out of order' => 40,
	'cart active' => 25, 'cart paid' => 20, 'cart released' => 8, 'lapsed' => 8, 'empty' => 8, 'discount' => 30,
	'cart unpaid' => 20, 'cart void' => 15, 'cart refunded' => 8, 'cart part paid' => 2, 'amended often' => 10,
	'gone' => 1, 'reserved' => 30, 'successor' => 20, 'chain' => 10, 'worth nothing, and a successor' => 2, 'before what it replaces' => 1,
	'refund requested' => 20, 'refund done' => 30, 'refund failed' => 10, 'refund in parts' => 20, 'some other way' => 10,
	'reversal' => 20, 'all is a loss' => 3, 'some is a loss' => 3, 'kind reversal' => 15, 'kind refund_failed' => 10);

for my $ledger (@ledgers)
{
	my %count = map { split /\|/ } lines($node->safe_psql('source',
			set_ledger($ledger) . 'SET search_path = :schema, application;' =~ s/:schema/"$ledger"/r . <<'SQL'));
SELECT status::text, count(*) FROM invoice GROUP BY 1
UNION ALL SELECT 'note ' || state, count(*) FROM credit_note GROUP BY 1
UNION ALL SELECT 'kind ' || kind, count(*) FROM payment GROUP BY 1
UNION ALL SELECT 'part paid', count(*) FROM invoice WHERE status = 'unpaid' AND paid > 0
UNION ALL SELECT 'worth nothing', count(*) FROM invoice WHERE value = 0 AND status = 'paid'
UNION ALL SELECT 'void with payments', count(*) FROM invoice WHERE status = 'void' AND payment_count > 1
UNION ALL SELECT 'events', count(*) FROM outbox
UNION ALL SELECT 'no roll', count(*) FROM payment WHERE roll IS NULL
UNION ALL SELECT 'purchase order', count(purchase_order) FROM invoice
UNION ALL SELECT 'cheque', count(*) FROM cheque
UNION ALL SELECT 'cart ' || status, count(*) FROM cart GROUP BY 1
UNION ALL SELECT 'lapsed', count(*) FROM cart WHERE status = 'active' AND time_last_updated < now() - interval '1 day'
UNION ALL SELECT 'empty', count(*) FROM cart WHERE entry_count = 0
UNION ALL SELECT 'discount', count(*) FROM cart_discount
UNION ALL SELECT 'cart ' || status, count(*) FROM invoice WHERE cart_id IS NOT NULL AND status <> 'paid' GROUP BY 1
UNION ALL SELECT 'cart part paid', count(*) FROM invoice WHERE cart_id IS NOT NULL AND status = 'unpaid' AND paid > 0
UNION ALL SELECT 'amended often', count(*) FROM cart WHERE revision > 3
UNION ALL SELECT 'gone', count(*) FROM invoice i JOIN cart_problem p USING (cart_id) WHERE status = 'unpaid' AND kind = 'sold_out'
UNION ALL SELECT 'reserved', count(*) FROM current_reservation
UNION ALL SELECT 'successor', count(*) FROM invoice WHERE replaces IS NOT NULL
UNION ALL SELECT 'chain', count(*) FROM invoice s JOIN invoice p ON p.invoice_id = s.replaces WHERE p.replaces IS NOT NULL
UNION ALL SELECT 'worth nothing, and a successor', count(*) FROM invoice WHERE replaces IS NOT NULL AND value = 0
UNION ALL SELECT 'before what it replaces', count(*) FROM invoice s JOIN invoice p ON p.invoice_id = s.replaces WHERE s.ctid < p.ctid
UNION ALL SELECT 'refund ' || state, count(*) FROM credit_note_refund GROUP BY 1
UNION ALL SELECT 'refund in parts', count(*) FROM (SELECT FROM credit_note_refund_part GROUP BY credit_note_refund_id HAVING count(*) > 1) p
UNION ALL SELECT 'some other way', count(*) FROM credit_note_refund_part WHERE payment_id IS NULL
UNION ALL SELECT 'reversal', count(*) FROM reversal
UNION ALL SELECT 'all is a loss', count(*) FROM reversal WHERE loss = amount
UNION ALL SELECT 'some is a loss', count(*) FROM reversal WHERE loss > 0 AND loss < amount
UNION ALL SELECT 'out of order', count(*)
	FROM (SELECT payment_id < lag(payment_id) OVER (ORDER BY ctid) AS late FROM payment) p WHERE late
SQL
	my @few = grep { ($count{$_} // 0) < $least{$_} } sort keys %least;

	is(join(', ', map { "$_: " . ($count{$_} // 0) } @few), '', "$ledger: the source has enough of everything");
	integrity($node, 'source', $ledger, "$ledger: the source is sound");
	money_is_conserved($node, 'source', $ledger, "$ledger: the source keeps the money");
}
is($node->safe_psql('source', "SELECT DISTINCT tableowner FROM pg_tables WHERE schemaname = 'Second conference'"),
	'restore_treasurer', 'the second ledger belongs to an ordinary role');
is(scalar(grep { /^0\|/ } values %{ $source->{rows} }), 0, 'no table of the source is empty');
cmp_ok(scalar keys %{ $source->{rows} }, '>=', 40, 'all tables are compared');
cmp_ok(scalar keys %{ $source->{next_ids} }, '>=', 26, 'all sequences are compared');

# ---- after a restore ----

# A ledger goes on where it was: an old reference is known, a new payment
# settles, too much of it makes one note, a late id counts, and what is
# guarded is guarded.
my $goes_on = <<'SQL';
CREATE TEMP TABLE before AS SELECT (SELECT count(*) FROM credit_note) AS notes,
	(SELECT count(*) FROM outbox) AS events, (SELECT max(payment_id) FROM payment) AS last_id;
SELECT payment_id AS old_id, invoice_id AS old_invoice, amount AS old_amount, provider, provider_ref
	FROM payment WHERE provider_ref IS NOT NULL ORDER BY 1 LIMIT 1 \gset
SELECT invoice_id, value - paid AS due FROM invoice WHERE status = 'unpaid' AND paid > 0 ORDER BY 1 LIMIT 1 \gset
SELECT 'repeated', regpaydb.pay(:old_invoice, :old_amount, 'again', :'provider', :'provider_ref') = :old_id;
SELECT 'new id', regpaydb.pay(:invoice_id, :due + 7, 'after', 'bank', 'after') > last_id FROM before;
SELECT 'overpaid', status, value = paid, regpaydb.balance_due(:invoice_id) FROM invoice
	WHERE invoice_id = :invoice_id;
SELECT 'notes', count(*) - notes FROM credit_note, before GROUP BY notes;
SELECT 'note', n.value, n.state, n.attendee_id = i.attendee_id, i.invoice_id = :invoice_id
	FROM before, credit_note n JOIN payment p ON p.payment_id = n.credit_note_id JOIN invoice i USING (invoice_id)
	WHERE n.credit_note_id > last_id;
SELECT 'events', count(*) - events FROM outbox, before GROUP BY events;
SELECT invoice_id, value - paid AS due FROM invoice WHERE status = 'unpaid' AND paid > 0 ORDER BY 1 LIMIT 1 \gset
SELECT nextval(pg_get_serial_sequence('payment', 'payment_id')) AS low_id \gset
INSERT INTO payment (invoice_id, amount) VALUES (:invoice_id, 1), (:invoice_id, 2);
INSERT INTO payment (payment_id, invoice_id, amount) VALUES (:low_id, :invoice_id, :due - 3);
SELECT 'late id', status, value = paid FROM invoice WHERE invoice_id = :invoice_id;
SELECT 'status', regpaydb.update_status(:invoice_id);
-- Carts go on too: what has a buyer is hers, an invoice is found again and paid,
-- a change makes it void, what is gone is not sold by late money.
SELECT i.invoice_id AS cart_invoice, i.cart_id, c.attendee_id AS buyer, i.value - i.paid AS due, p.sold, q.quantity, p.product_id
	FROM invoice i JOIN cart c USING (cart_id) JOIN cart_item q USING (cart_id) JOIN product_stock p USING (product_id)
	WHERE i.status = 'unpaid' AND i.paid = 0 AND p.product_id = 3 AND EXISTS
		(SELECT FROM cart_discount d WHERE d.cart_id = c.cart_id) AND NOT EXISTS
		(SELECT FROM cart_problem o WHERE o.cart_id = c.cart_id) ORDER BY 1 LIMIT 1 \gset
SELECT 'same cart', regpaydb.current_cart(:buyer) = :cart_id, regpaydb.invoice_cart(:cart_id) = :cart_invoice;
SELECT 'cart paid', regpaydb.pay(:cart_invoice, :due, 'for a cart') > 0;
SELECT 'sold', c.status, p.sold - :sold = :quantity, (SELECT count(*) FROM reservation r WHERE r.cart_id = :cart_id)
	FROM cart c, product_stock p WHERE c.cart_id = :cart_id AND p.product_id = :product_id;
SELECT i.invoice_id AS cart_invoice, i.cart_id AS other_cart, c.revision FROM invoice i JOIN cart c USING (cart_id)
	WHERE i.status = 'unpaid' AND NOT EXISTS (SELECT FROM cart_problem o WHERE o.cart_id = c.cart_id) ORDER BY 1 LIMIT 1 \gset
SELECT regpaydb.set_quantity(:other_cart, 3, 77) \g /dev/null
SELECT 'amended', i.status, c.revision - :revision, (SELECT r.quantity FROM reservation r
	WHERE r.cart_id = c.cart_id AND r.product_id = 3) FROM invoice i JOIN cart c USING (cart_id) WHERE invoice_id = :cart_invoice;
SELECT i.invoice_id AS gone_invoice, i.value - i.paid AS due FROM invoice i JOIN cart_problem p USING (cart_id)
	WHERE i.status = 'unpaid' AND p.kind = 'sold_out' ORDER BY 1 LIMIT 1 \gset
INSERT INTO payment (invoice_id, amount) VALUES (:gone_invoice, :due);
SELECT 'gone', status, paid FROM invoice WHERE invoice_id = :gone_invoice;
-- Something of what was kept before is returned, too.
SELECT i.invoice_id AS kept, i.value AS kept_value, l.line_item_id AS line, l.price, p.sold FROM invoice i JOIN line_item l USING (invoice_id)
	JOIN product_stock p USING (product_id) WHERE i.replaces IS NOT NULL AND i.status = 'paid' AND i.cart_id IS NOT NULL
	AND p.product_id = 3 AND l.price BETWEEN 1 AND i.value ORDER BY 1 LIMIT 1 \gset
SELECT regpaydb.return_items(:kept, jsonb_build_array(jsonb_build_object('line_item_id', :line, 'quantity', 1)), 'after') AS left_over \gset
SELECT 'returned', value = :price, state FROM credit_note WHERE credit_note_id = :left_over;
SELECT i.cart_id AS kept_cart FROM invoice i WHERE i.replaces = :kept \gset
SELECT 'kept', i.status, i.value = :kept_value - :price, c.status, p.sold - :sold FROM invoice i JOIN cart c USING (cart_id), product_stock p
	WHERE i.replaces = :kept AND p.product_id = 3;
-- A refund that was on its way is done, another one fails, and what was told is known.
SELECT 'trails', count(*) FROM payment p WHERE p.provider_ref LIKE 'ch\_back\_%'
	AND p.amount IS DISTINCT FROM (SELECT sum(t.amount) FROM regpaydb.money_trail(p.payment_id) t);
SELECT 'sources', count(*) FROM credit_note n JOIN payment p ON p.payment_id = n.credit_note_id JOIN invoice i USING (invoice_id) JOIN attendee a ON a.attendee_id = i.attendee_id
	WHERE a.user_id > 5000 AND n.value IS DISTINCT FROM (SELECT sum(s.amount) FROM regpaydb.refund_sources(n.credit_note_id) s);
SELECT credit_note_refund_id AS done_id FROM credit_note_refund WHERE state = 'requested' ORDER BY 1 LIMIT 1 \gset
SELECT credit_note_refund_id AS failed_id FROM credit_note_refund WHERE state = 'requested' ORDER BY 1 DESC LIMIT 1 \gset
SELECT regpaydb.confirm_refund(:done_id, 'stripe', 're_after'), regpaydb.confirm_refund(:done_id, 'stripe', 're_after') \g /dev/null
SELECT regpaydb.fail_refund(:failed_id, 'after') AS back_again \gset
SELECT 'failed', n.value = o.value, n.state FROM credit_note n, credit_note_refund r JOIN credit_note o USING (credit_note_id)
	WHERE n.credit_note_id = :back_again AND r.credit_note_refund_id = :failed_id;
SELECT 'ended', array_agg(state ORDER BY state) FROM credit_note_refund WHERE credit_note_refund_id IN (:done_id, :failed_id);
SELECT 'told again', regpaydb.record_reversal(v.provider, p.provider_ref, v.amount, v.reversal_ref) = v.reversal_id
	FROM reversal v JOIN payment p USING (payment_id) ORDER BY v.reversal_id LIMIT 1;
SELECT 'told of ours', regpaydb.record_reversal('stripe', 'ch_back_9', 10, 're_told_9') IS NULL;
SELECT regpaydb.record_reversal('stripe', 'ch_back_4', 60.10, 'dp_after') AS taken_back \gset
SELECT 'taken back', loss FROM reversal WHERE reversal_id = :taken_back;
SELECT 'access code', length(access_code) FROM attendee WHERE attendee_id = 1;
SELECT 'problems', count(*) FROM regpaydb.check_integrity();
\set ON_ERROR_STOP 0
\set VERBOSITY sqlstate
UPDATE payment SET amount = 1 WHERE payment_id = :old_id;
\echo error :LAST_ERROR_SQLSTATE
SELECT regpaydb.set_quantity(:cart_id, 3, 1);
\echo error :LAST_ERROR_SQLSTATE
SELECT regpaydb.set_quantity(:other_cart, 4, 2);
\echo error :LAST_ERROR_SQLSTATE
INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES (:kept_cart, 3, 'Late', 1, 1);
\echo error :LAST_ERROR_SQLSTATE
SQL
my $went_on = <<'TEXT';
repeated|t
new id|t
overpaid|paid|t|0.00
notes|1
note|7.00|unclaimed|t|t
events|2
late id|paid|t
status|paid
same cart|t|t
cart paid|t
sold|paid|t|0
amended|void|1|77
gone|void|0.00
returned|t|unclaimed
kept|paid|t|paid|-1
trails|0
sources|0
failed|t|unclaimed
ended|{done,failed}
told again|t
told of ours|t
taken back|50.10
access code|16
problems|0
error RP011
error RP008
error RP005
error RP008
TEXT
chomp $went_on;

# How many triggers are enabled, and how much of what users added is there.
sub triggers_and_additions
{
	my ($database, $ledger) = @_;

	return $node->safe_psql($database, <<"SQL");
SELECT (SELECT count(*) FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
		WHERE NOT tgisinternal AND tgenabled = 'O' AND relnamespace = '"$ledger"'::regnamespace),
	(SELECT count(*) FROM pg_indexes WHERE schemaname = '$ledger' AND indexname = 'payment_roll_idx'),
	(SELECT count(*) FROM pg_policies WHERE schemaname = '$ledger' AND policyname = 'only_small'),
	(SELECT count(*) FROM information_schema.columns WHERE table_schema = '$ledger'
		AND column_name IN ('roll', 'cents', 'purchase_order'))
SQL
}

my %there = map { $_ => triggers_and_additions('source', $_) } @ledgers;
like($there{$_}, qr/^[2-9]\d\|1\|1\|3$/, "$_: triggers and additions are counted") for @ledgers;

my %by_hand = map { $_ => $node->safe_psql('source', set_ledger($_) . 'SELECT * FROM regpaydb.check_grants()') } @ledgers;
like($by_hand{$_}, qr/^PUBLIC\|table product\|SELECT\n(?:.*\n)*restore_terminal\|column payment\.amount\|INSERT\n/m, "$_: something is granted by hand")
  for @ledgers;

sub check_restored
{
	my ($database, $how) = @_;
	my $target = fingerprint($database);

	is_deeply($target->{rows}, $source->{rows}, "$how: same rows in every table");
	is_deeply($target->{next_ids}, $source->{next_ids}, "$how: same next ids");
	is($target->{definitions}, $source->{definitions}, "$how: same definitions");
	for my $ledger (@ledgers)
	{
		is(triggers_and_additions($database, $ledger), $there{$ledger},
			"$how: $ledger: triggers; index, policy and columns of users");
		integrity($node, $database, $ledger, "$how: $ledger: sound");
		is($node->safe_psql($database, set_ledger($ledger) . $goes_on), $went_on, "$how: $ledger: goes on");
		money_is_conserved($node, $database, $ledger, "$how: $ledger: keeps the money");
		is($node->safe_psql($database, set_ledger($ledger) . 'SELECT * FROM regpaydb.check_grants()'), $by_hand{$ledger},
			"$how: $ledger: the same is granted by hand, and the rest by grant_access");
	}
	# Each takes back what is his, and the other's stays.
	is($node->safe_psql($database, 'SET ROLE restore_treasurer;' . set_ledger('Second conference') . <<'SQL'), 't|t|f', "$how: access ends");
SELECT regpaydb.revoke_access('restore_desk', 'staff'), regpaydb.revoke_access('restore_terminal', 'app') \g /dev/null
SELECT has_function_privilege('restore_desk', 'regpaydb.refund_invoice(bigint, text)', 'EXECUTE'),
	has_function_privilege('restore_terminal', 'regpaydb.pay(bigint, numeric, text, text, text)', 'EXECUTE'),
	has_schema_privilege('restore_desk', 'Second conference', 'USAGE');
SQL
	return;
}

# ---- the round trips ----

sub dump_to
{
	my ($file, @options) = @_;
	command_ok([ 'pg_dump', '-d', $node->connstr('source'), '-f', "$folder/$file", @options ],
		join(' ', 'pg_dump', @options));
	return;
}

sub load_with_psql
{
	my ($database, $file, @options) = @_;
	command_ok([
			'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-o', "$folder/output",
			'-d', $node->connstr($database), '-f', "$folder/$file", @options
		], join(' ', "psql of $file", @options));
	return;
}

sub load_with_pg_restore
{
	my ($database, $file, @options) = @_;
	command_ok([ 'pg_restore', '-e', '-d', $node->connstr($database), @options, "$folder/$file" ],
		join(' ', "pg_restore of $file", @options));
	return;
}

my $targets = 0;

sub new_target
{
	my $database = 'target' . ++$targets;

	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE template0");
	return $database;
}

sub round_trip
{
	my ($how, $load) = @_;
	my $database = new_target();

	note($how);
	$load->($database);
	$node->safe_psql('postgres', "GRANT CREATE ON DATABASE $database TO restore_treasurer");
	check_restored($database, $how);
	$node->safe_psql('postgres', "DROP DATABASE $database");
	return;
}

dump_to('plain.sql');
round_trip('plain', sub { load_with_psql($_[0], 'plain.sql') });
round_trip('plain -1', sub { load_with_psql($_[0], 'plain.sql', '-1') });

dump_to('custom', '-Fc');
round_trip('-Fc', sub { load_with_pg_restore($_[0], 'custom') });

dump_to('directory', '-Fd', '-j4');
round_trip('-Fd -j4', sub { load_with_pg_restore($_[0], 'directory', '-j4') });

for my $option ('--inserts', '--column-inserts')
{
	dump_to('inserts.sql', $option);
	round_trip($option, sub { load_with_psql($_[0], 'inserts.sql') });
}

# Here the triggers are there already when the data come.
dump_to('schema.sql', '--schema-only');
dump_to('schema', '-Fc', '--schema-only');
for my $options ([], ['--disable-triggers'], ['--inserts'], [ '--inserts', '--rows-per-insert=50' ])
{
	dump_to('data.sql', '--data-only', @$options);
	round_trip(join(' ', 'schema, then data', @$options),
		sub { load_with_psql($_[0], 'schema.sql'); load_with_psql($_[0], 'data.sql') });
}
dump_to('data', '-Fc', '--data-only');
for my $options ([], ['--disable-triggers'], [ '--disable-triggers', '-j4' ])
{
	round_trip(join(' ', 'schema, then data -Fc', @$options),
		sub { load_with_pg_restore($_[0], 'schema'); load_with_pg_restore($_[0], 'data', @$options) });
}

# Over a database in which there are such ledgers, that went on since.
dump_to('clean.sql', '--clean', '--if-exists');
round_trip('--clean',
	sub {
		load_with_psql($_[0], 'plain.sql');
		$node->safe_psql($_[0], set_ledger('regpaydb') . $goes_on);
		load_with_psql($_[0], 'clean.sql');
	});

# An ordinary role takes its own ledger along.
{
	my $database = new_target();
	my $from = $node->connstr('source') . ' user=restore_treasurer';
	my $to = $node->connstr($database) . ' user=restore_treasurer';
	my @dump = ('pg_dump', '-d', $from, '-Fc', '-n', '"Second conference"', '-f', "$folder/own");

	$node->safe_psql($database, <<"SQL");
CREATE EXTENSION regpaydb;
GRANT CREATE ON DATABASE $database TO restore_treasurer;
GRANT USAGE ON SCHEMA regpaydb TO restore_treasurer;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA regpaydb TO restore_treasurer;
SQL
	command_fails_like(\@dump, qr/row-level security/, 'owner: policies that she forced on herself stop her dump');
	$node->safe_psql('source', 'ALTER TABLE "Second conference".invoice NO FORCE ROW LEVEL SECURITY');
	command_ok(\@dump, 'owner: dumps her ledger');
	command_ok([ 'pg_restore', '-e', '-d', $to, "$folder/own" ], 'owner: restores her ledger');
	is_deeply(
		rows($database),
		{ map { $_ => $source->{rows}{$_} } grep { /^"Second/ } keys %{ $source->{rows} } },
		'owner: same rows in every table');
	integrity($node, $database, 'Second conference', 'owner: sound');
	is($node->safe_psql($database, "SET ROLE restore_treasurer;\n" . set_ledger('Second conference') . $goes_on),
		$went_on, 'owner: goes on');
	$node->safe_psql('source', 'ALTER TABLE "Second conference".invoice FORCE ROW LEVEL SECURITY');
}

is_deeply(fingerprint('source'), $source, 'the source has not changed meanwhile');

# ---- currencies of no decimals and of three ----

# A small ledger in a currency whose least amount is this, with ids of 0 and below,
# what staff did and why, and the bank's dates.
sub small_ledger
{
	my ($ledger, $currency, $least) = @_;
	return "SELECT regpaydb.create_ledger('$ledger', currency => '$currency');" . set_ledger($ledger) . <<"SQL";
INSERT INTO attendee (attendee_id, user_id) VALUES (0, 0), (-1, -1);
INSERT INTO staff VALUES (0);
INSERT INTO category (category_id, name) VALUES (0, 'Ticket');
INSERT INTO product (product_id, category_id, name, price, stock) VALUES (0, 0, 'Full', 100 + $least, 5), (-1, 0, 'Student', 7, 2);
INSERT INTO cart (cart_id, attendee_id) VALUES (0, 0), (-1, -1);
INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES (0, 0, 'Early bird', 1, $least);
SELECT regpaydb.set_quantity(0, 0, 2), regpaydb.set_quantity(-1, -1, 1);
SELECT regpaydb.record_payment(regpaydb.invoice_cart(0), 300, 'r', 'bank', '1', '2025-12-31');
SELECT set_config('regpaydb.user_id', '0', false);
SELECT regpaydb.refund_credit_note(credit_note_id, 'by hand') FROM credit_note;
SELECT regpaydb.void_invoice(regpaydb.invoice_cart(-1), 'by mistake');
INSERT INTO payment (payment_id, invoice_id, amount) SELECT 0, regpaydb.invoice_cart(-1), 1 + $least;
INSERT INTO payment (payment_id, invoice_id, amount) SELECT -1, invoice_id, $least FROM payment WHERE payment_id = 0;
SELECT regpaydb.refund_invoice(invoice_id, 'ill') FROM payment WHERE payment_id = 0;
SELECT regpaydb.return_items(1, '[{"line_item_id": 1, "quantity": 1}]');
SELECT regpaydb.record_payment(1, 9 + $least, '', 'bank', '3');
SELECT regpaydb.request_refund(credit_note_id, 'on its way', jsonb_build_array(jsonb_build_object('payment_id', payment_id, 'amount', $least)))
	FROM credit_note, payment WHERE provider_ref = '3' AND state = 'unclaimed' AND value = 9 + $least;
SELECT regpaydb.record_reversal('bank', '3', 9, 'd-1');
RESET regpaydb.user_id;
SQL
}

my %least_of = (yen => '1', dinar => '0.001');
my %goes_on_in = (
	yen => "RP003: amount has decimals\nRP011|RP011\n316|t\n10 numeric(12,0)|0",
	dinar => "RP003: amount has more than three decimals\nRP011|RP011\n315.001|t\n10 numeric(15,3)|0");
$node->safe_psql('postgres', 'CREATE DATABASE units TEMPLATE template0');
$node->safe_psql('units', "CREATE EXTENSION regpaydb;" . small_ledger('yen', 'JPY', 1));
$node->safe_psql('units', small_ledger('dinar', 'KWD', '0.001'));
my $units = fingerprint('units');
for my $format ([qw(-Fp)], [qw(-Fp --inserts)], [qw(-Fc)])
{
	my $how = "units @$format";
	my $database = new_target();

	command_ok([ 'pg_dump', '-d', $node->connstr('units'), '-f', "$folder/units", @$format ], "$how: dump");
	$format->[0] eq '-Fc' ? load_with_pg_restore($database, 'units') : load_with_psql($database, 'units');
	is_deeply(fingerprint($database), $units, "$how: the same");
	integrity($node, $database, $_, "$how: $_: sound") for sort keys %least_of;
	money_is_conserved($node, $database, $_, "$how: $_: keeps the money") for sort keys %least_of;
	for my $ledger (sort keys %least_of)
	{
		is($node->safe_psql($database, set_ledger($ledger) . <<"SQL"), $goes_on_in{$ledger}, "$how: $ledger: goes on in its units");
CREATE FUNCTION raises(statement text) RETURNS text LANGUAGE plpgsql AS \$\$
BEGIN
	EXECUTE statement;
	RETURN 'no error';
EXCEPTION WHEN OTHERS THEN RETURN format('%s: %s', SQLSTATE, SQLERRM);
END \$\$;
SELECT raises('SELECT regpaydb.pay(1, $least_of{$ledger} / 2.0, '''')');
SELECT left(raises('UPDATE conference SET currency = ''EUR'''), 5), left(raises('UPDATE payment SET amount = 1'), 5);
SELECT regpaydb.record_payment(1, 6, '', 'bank', '2') > 0 AS recorded \\gset
SELECT sum(amount), :'recorded' FROM payment WHERE kind = 'payment' AND invoice_id = 1;
SELECT count(*) FILTER (WHERE format_type(atttypid, atttypmod) = t) || ' ' || t, (SELECT count(*) FROM regpaydb.check_integrity())
FROM pg_attribute a, (SELECT format_type(atttypid, atttypmod) AS t FROM pg_attribute WHERE attrelid = 'payment'::regclass AND attname = 'amount') p
WHERE attrelid IN (SELECT oid FROM pg_class WHERE relnamespace = '$ledger'::regnamespace AND relkind = 'r') AND atttypid = 'numeric'::regtype GROUP BY t;
SQL
	}
	$node->safe_psql('postgres', "DROP DATABASE $database");
}

# ---- the comparison sees faults ----

my $faulty = new_target();
load_with_psql($faulty, 'plain.sql');
$node->safe_psql('postgres', "GRANT CREATE ON DATABASE $faulty TO restore_treasurer");
is_deeply(fingerprint($faulty), $source, 'no difference before faults are planted');

# Plant one, look, and take it out again.
sub fault
{
	my ($what, $aspect, $sql, $unsound) = @_;
	my $before = $source->{$aspect};
	my $after;

	$node->safe_psql('postgres', "CREATE DATABASE fault TEMPLATE $faulty");
	$node->safe_psql('fault', "SET session_replication_role = replica; SET search_path = regpaydb; $sql");
	$after = fingerprint('fault')->{$aspect};
	isnt(join('', explain($after)), join('', explain($before)), "fault seen: $what");
	isnt($node->safe_psql('fault', 'SELECT * FROM regpaydb.check_integrity()'), '', "check_integrity sees: $what")
	  if $unsound;
	$node->safe_psql('postgres', 'DROP DATABASE fault');
	return;
}

my $one = q{(SELECT min(invoice_id) FROM invoice WHERE status = 'paid' AND payment_count > 0)};
fault('an amount', 'rows',
	"UPDATE payment SET amount = amount + 0.01 WHERE payment_id = (SELECT min(payment_id) FROM payment)", 1);
fault('a status', 'rows', "UPDATE invoice SET status = 'unpaid' WHERE invoice_id = $one", 1);
fault('a payment posted twice', 'rows', "UPDATE invoice SET paid = paid * 2 WHERE invoice_id = $one", 1);
fault('a lost payment', 'rows', 'DELETE FROM payment WHERE payment_id = (SELECT max(payment_id) FROM payment)', 1);
fault('a note claimed', 'rows', q{UPDATE credit_note SET state = 'refunded' WHERE state = 'unclaimed'}, 1);
fault('a lost line', 'rows', 'DELETE FROM line_item WHERE line_item_id = 1', 1);
fault('a successor of another invoice', 'rows', q{UPDATE invoice SET replaces = (SELECT max(invoice_id) FROM invoice WHERE status = 'unpaid')
	WHERE invoice_id = (SELECT max(invoice_id) FROM invoice WHERE replaces IS NOT NULL)}, 1);
fault('a successor that is one no more', 'rows', 'UPDATE invoice SET replaces = NULL WHERE replaces IS NOT NULL', 0);
fault('a revision', 'rows', q{UPDATE cart SET revision = revision + 1 WHERE cart_id = (SELECT min(cart_id) FROM cart WHERE status = 'paid')}, 1);
fault('a lost reservation', 'rows', 'DELETE FROM reservation WHERE product_id = 4', 1);
fault('a refund that is done, as if it were not', 'rows', q{UPDATE credit_note_refund SET state = 'requested' WHERE provider_ref LIKE 're%'}, 1);
fault('a lost part of a refund', 'rows', 'DELETE FROM credit_note_refund_part WHERE credit_note_refund_part_id = (SELECT min(credit_note_refund_part_id)
	FROM credit_note_refund_part JOIN credit_note_refund USING (credit_note_refund_id) WHERE provider IS NULL AND credit_note_refund_id IN
	(SELECT credit_note_refund_id FROM credit_note_refund_part GROUP BY 1 HAVING count(*) > 1))', 1);
fault('a lost reversal', 'rows', 'DELETE FROM reversal WHERE reversal_id = (SELECT min(reversal_id) FROM reversal WHERE loss = 0)', 1);
fault('a loss that is less', 'rows', 'UPDATE reversal SET loss = loss - 0.01 WHERE loss > 0', 1);
fault('a column of the users', 'rows', q{UPDATE payment SET roll = 'north' WHERE roll IS NULL}, 0);
fault('an event told twice', 'rows',
	'INSERT INTO outbox (kind, invoice_id) SELECT kind, invoice_id FROM outbox LIMIT 1', 0);
fault('an id used up', 'next_ids', q{SELECT nextval(pg_get_serial_sequence('invoice', 'invoice_id'))}, 0);
fault('a lost index', 'definitions', 'DROP INDEX payment_roll_idx', 0);
fault('a lost policy', 'definitions', 'DROP POLICY only_small ON invoice', 0);
fault('a disabled trigger', 'definitions', 'ALTER TABLE payment DISABLE TRIGGER payment_settle', 0);

done_testing();
