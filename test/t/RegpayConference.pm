# A conference with every kind of event in it, the same one for the same seed.

package RegpayConference;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';

our @EXPORT = qw(generate_conference);

my $ATTENDEES = 2300;
my $ROUNDS = 2;         # stories of each attendee
my $RIVALS = 12;        # pairs of attendees who want the last one of something
my $SNAPSHOTS = 25;
my $STRETCH = 800_000;  # a second of generating is so many seconds of the conference

# What is for sale.  The first six are there for everybody, of the others there
# is one each.
sub catalogue
{
	return <<"SQL";
INSERT INTO staff VALUES (900);
INSERT INTO attendee (user_id, recipient, email)
	SELECT 10000 + g, 'Attendee ' || g, 'a' || g || '\@example.org' FROM generate_series(1, $ATTENDEES + 2 * $RIVALS) g;
INSERT INTO category (name) VALUES ('Ticket'), ('T-shirt'), ('Extra'), ('Nothing');
INSERT INTO product (category_id, name, price, stock, reservation_duration) VALUES
	(1, 'Professional', 640.00, 5000, '1 hour'), (1, 'Student', 95.50, NULL, '2 hours'),
	(2, 'Red', 25.25, 9000, '1 hour'), (2, 'Blue', 24.99, NULL, '1 day'),
	(3, 'Dinner', 75.00, 20000, '1 hour'), (3, 'Badge', 0.00, NULL, '1 hour');
INSERT INTO product (category_id, name, price, stock)
	SELECT 3, 'Tour ' || g, 10 + g, 1 FROM generate_series(1, $RIVALS) g;
INSERT INTO product (category_id, name, price) VALUES (4, 'Never sold', 1.00);
CREATE TABLE public.snapshot (
	"time" timestamptz, money_received numeric, on_paid_invoices numeric, part_payments numeric,
	credit_notes_unclaimed numeric, credit_notes_refunded numeric, sales numeric, due numeric, losses numeric);
SQL
}

# The figures as they are, from the rows' state.
my $snapshot = <<'SQL';
INSERT INTO public.snapshot SELECT clock_timestamp(),
	(SELECT coalesce(sum(amount), 0) FROM payment p WHERE NOT EXISTS (SELECT FROM credit_note WHERE credit_note_id = payment_id)
		AND NOT EXISTS (SELECT FROM credit_note_application a WHERE a.payment_id = p.payment_id)
		AND NOT EXISTS (SELECT FROM credit_note_refund f WHERE f.returned_payment_id = p.payment_id)),
	(SELECT coalesce(sum(paid), 0) FROM invoice WHERE status = 'paid'),
	(SELECT coalesce(sum(paid), 0) FROM invoice WHERE status <> 'paid'),
	(SELECT coalesce(sum(value), 0) FROM credit_note WHERE state = 'unclaimed'),
	(SELECT coalesce(sum(value), 0) FROM credit_note n WHERE state = 'refunded'
		AND NOT EXISTS (SELECT FROM credit_note_refund f WHERE f.credit_note_id = n.credit_note_id AND f.state = 'failed')),
	(SELECT coalesce(sum(value), 0) FROM invoice WHERE status = 'paid'),
	(SELECT coalesce(sum(value - paid), 0) FROM invoice WHERE status = 'unpaid'),
	(SELECT coalesce(sum(loss), 0) FROM reversal);
SQL

my $next_ref = 0;

sub any { return $_[ int rand @_ ] }

sub cents { return sprintf '%.2f', (1 + int rand 30_000) / 100 }

# Does something with the newest of an attendee's invoices that is such, if any.
sub invoice
{
	my ($attendee, $condition, $what) = @_;
	return "SELECT $what FROM (SELECT * FROM invoice WHERE attendee_id = $attendee AND $condition"
	  . " ORDER BY invoice_id DESC LIMIT 1) i";
}

sub note
{
	my ($attendee, $what) = @_;
	return "SELECT $what FROM (SELECT * FROM credit_note WHERE attendee_id = $attendee AND state = 'unclaimed'"
	  . " ORDER BY credit_note_id LIMIT 1) n";
}

sub manual_invoice
{
	my ($attendee, $price) = @_;
	my @lines = sprintf '{"description": "%s", "price": %s}', any('Tutorial', 'Sponsorship', 'Booth'), $price // cents();

	push @lines, sprintf '{"description": "Lunch", "price": %s, "quantity": %d}', cents(), 1 + int rand 3
	  if !defined $price && rand() < 0.5;
	push @lines, sprintf '{"description": "Ticket - Student", "price": 95.50, "product_id": 2}, '
	  . '{"description": "Rebate", "price": -20.00, "product_id": 2}'
	  if !defined $price && rand() < 0.3;
	return sprintf q{SELECT regpaydb.manual_invoice(%d, '%d days', '[%s]')}, $attendee, int rand 60, join ', ', @lines;
}

# Pays so much on the newest unpaid invoice, one way or another.
sub pay
{
	my ($attendee, $amount) = @_;
	my $provider = any(undef, 'stripe', 'stripe', 'bank', "o'pay");
	my $ref = $provider && rand() < 0.9 ? "'" . any('ch ', 'NB,', 'x') . ++$next_ref . "'" : 'NULL';

	$provider = $provider ? "'" . $provider =~ s/'/''/r . "'" : 'NULL';
	return invoice($attendee, "status = 'unpaid'",
		"regpaydb.pay(invoice_id, $amount, 'card " . int(rand 9999) . "', $provider, $ref)")
	  if rand() < 0.5;
	return 'INSERT INTO payment (invoice_id, amount, reference, provider, provider_ref) '
	  . invoice($attendee, "status = 'unpaid'", "invoice_id, $amount, '" . any('', 'transfer') . "', $provider, $ref");
}

sub pay_in_parts
{
	my ($attendee) = @_;
	return 'INSERT INTO payment (invoice_id, amount, reference) SELECT invoice_id, part, note FROM ('
	  . invoice($attendee, "status = 'unpaid' AND value - paid > 1", 'invoice_id, value - paid AS due')
	  . ") i, LATERAL (VALUES (0.55, 'part 1'), (due - 0.55, 'part 2')) p (part, note)";
}

sub by_hand
{
	my ($attendee, $condition, $amount) = @_;
	return invoice($attendee, $condition,
		"regpaydb.record_manual_payment(invoice_id, $amount, '" . any('cash', 'cheque, late', '') . "', 900, value_date => '2026-01-15')");
}

sub fill
{
	my ($attendee) = @_;
	my %quantity = map { +(1 + int rand 6) => (1 + int rand 3) } 1 .. 1 + int rand 3;
	my @sql = map {"SELECT regpaydb.set_quantity(regpaydb.current_cart($attendee), $_, $quantity{$_})"}
	  sort keys %quantity;

	# A discount of some, on what is in the cart.
	push @sql, 'INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) '
	  . "SELECT cart_id, product_id, '" . any('Early bird', 'Speaker', 'Volunteer') . "', 1, least(price, " . any(5, 10.5)
	  . ') FROM cart JOIN cart_item USING (cart_id) JOIN product USING (product_id) '
	  . "WHERE attendee_id = $attendee AND cart.status = 'active' AND price > 0 ORDER BY product_id LIMIT 1"
	  if rand() < 0.5;
	return @sql;
}

sub invoice_cart { return "SELECT regpaydb.invoice_cart(regpaydb.current_cart($_[0]))" }

sub lapse
{
	return 'UPDATE cart SET time_last_updated = now() - reservation_duration - interval \'1 minute\' '
	  . "WHERE attendee_id = $_[0] AND status = 'active'";
}

# By staff, who say why, unlike what else is refunded and voided.
sub refund
{
	return 'SET regpaydb.user_id = 900',
	  invoice($_[0], "status = 'paid' AND value > 0", q{regpaydb.refund_invoice(invoice_id, 'asked for, ' || invoice_id)}),
	  'RESET regpaydb.user_id';
}

# Something of it is returned, to staff, and the rest is kept.
sub give_back
{
	my ($attendee) = @_;
	my $line = 'SELECT line_item_id FROM line_item l WHERE l.invoice_id = i.invoice_id AND l.price >= 0 AND l.price * l.quantity <= i.value ORDER BY '
	  . any('l.quantity', '-l.quantity', 'l.price') . ', 1 LIMIT 1';
	my $quantity = any('', ', "quantity": 1');

	return 'SET regpaydb.user_id = 900',
	  invoice($attendee, "status = 'paid' AND EXISTS (SELECT FROM line_item l WHERE l.invoice_id = invoice.invoice_id AND l.price >= 0 AND l.price * l.quantity <= value)",
		qq{regpaydb.return_items(invoice_id, format('[{"line_item_id": %s$quantity}]', ($line))::jsonb, 'asked for, ' || invoice_id)}),
	  'RESET regpaydb.user_id';
}

# A fee of a fixed amount, off what has that much.
sub charge
{
	my ($attendee) = @_;
	my $price = any('0.00', '5.00', '12.34');
	return note($attendee, qq{regpaydb.charge_credit_note(credit_note_id, '[{"description": "Handling", "price": $price}]')}) . " WHERE value >= $price";
}

sub cash_out { return note($_[0], "regpaydb.refund_credit_note(credit_note_id, '" . any('', 'transfer back') . "', 900)") }

# On its way by a platform; $parts say where to, by default to where it came from.
sub request
{
	my ($attendee, $reference, $parts) = @_;
	$parts //= 'NULL';
	return note($attendee, "regpaydb.request_refund(credit_note_id, '$reference', $parts, 900)");
}

# Does something with the oldest of an attendee's refunds that are on their way.
sub on_its_way
{
	my ($attendee, $what) = @_;
	return "SELECT $what FROM (SELECT r.* FROM credit_note_refund r JOIN credit_note n USING (credit_note_id)"
	  . " WHERE attendee_id = $attendee AND r.state = 'requested' ORDER BY 1 LIMIT 1) r";
}

sub confirm { return on_its_way($_[0], q{regpaydb.confirm_refund(credit_note_refund_id, 'stripe', 're ' || credit_note_refund_id)}) }

sub fail { return on_its_way($_[0], q{regpaydb.fail_refund(credit_note_refund_id, 'the card is no more: ' || credit_note_refund_id)}) }

# The platform tells of a refund of ours as of something that it took back.
sub report_refund
{
	my ($attendee) = @_;
	return 'SELECT regpaydb.record_reversal(p.provider, p.provider_ref, t.amount, r.reference) FROM ('
	  . on_its_way($attendee, '*') . ') r JOIN credit_note_refund_part t USING (credit_note_refund_id) '
	  . "JOIN payment p USING (payment_id) WHERE p.provider_ref IS NOT NULL AND r.reference LIKE 'rf %' LIMIT 1";
}

# By card, which can be disputed.
sub pay_by_card
{
	my ($attendee, $condition, $amount) = @_;
	return invoice($attendee, $condition, "regpaydb.record_payment(invoice_id, $amount, 'card', 'stripe', 'ch_" . ++$next_ref . "')");
}

# The platform takes money back: of the newest or the oldest charge of which nothing went
# back.
sub dispute
{
	my ($attendee, $amount, $order) = @_;
	$order //= 'DESC';
	return "SELECT regpaydb.record_reversal(provider, provider_ref, $amount, 'dp_' || payment_id, '" . any('', 'chargeback') . "') FROM ("
	  . 'SELECT p.* FROM payment p JOIN invoice USING (invoice_id) '
	  . "WHERE attendee_id = $attendee AND kind = 'payment' AND provider_ref LIKE 'ch\\_%' "
	  . 'AND NOT EXISTS (SELECT FROM reversal v WHERE v.payment_id = p.payment_id) '
	  . 'AND NOT EXISTS (SELECT FROM credit_note_refund_part t JOIN credit_note_refund r USING (credit_note_refund_id) '
	  . "WHERE t.payment_id = p.payment_id AND r.state <> 'failed') ORDER BY payment_id $order LIMIT 1) p";
}

# What attendees do; each is a list of statements.
my @stories = (
	sub { manual_invoice($_[0]), pay($_[0], 'value - paid') },
	sub { manual_invoice($_[0]), pay($_[0], 'round((value - paid) * 0.4 + 0.01, 2)') },
	sub { manual_invoice($_[0]), pay_in_parts($_[0]) },
	sub { manual_invoice($_[0]), pay($_[0], 'value - paid + ' . cents()) },
	sub { manual_invoice($_[0]), pay($_[0], 'value - paid + ' . cents()), cash_out($_[0]) },
	# what was paid too much is put on the next invoices
	sub { manual_invoice($_[0], '20.00'), pay($_[0], '200.00'), manual_invoice($_[0], '50.00'), manual_invoice($_[0], '300.00') },
	sub { manual_invoice($_[0]), pay($_[0], 'value - paid'), refund($_[0]) },
	sub {
		manual_invoice($_[0]), pay($_[0], 'value - paid'), refund($_[0]),
		  note($_[0], 'regpaydb.cancellation_fee(credit_note_id, ' . any(5, 12.5, 100) . ')'), cash_out($_[0]);
	},
	sub { manual_invoice($_[0]), invoice($_[0], "status = 'unpaid' AND paid = 0", 'regpaydb.void_invoice(invoice_id)') },
	sub {
		manual_invoice($_[0]), invoice($_[0], "status = 'unpaid' AND paid = 0", 'regpaydb.void_invoice(invoice_id)'),
		  'INSERT INTO payment (invoice_id, amount, reference) ' . invoice($_[0], "status = 'void'", "invoice_id, 33.33, 'late'");
	},
	sub { manual_invoice($_[0], '0.00') },
	sub { manual_invoice($_[0], '0.00'), invoice($_[0], "status = 'paid' AND value = 0", 'regpaydb.void_invoice(invoice_id)') },
	sub { manual_invoice($_[0]), by_hand($_[0], "status = 'unpaid'", 'value - paid'), by_hand($_[0], "status = 'paid' AND value > 1", '-0.75') },
	sub { manual_invoice($_[0]), by_hand($_[0], "status = 'unpaid'", '0.01'), by_hand($_[0], "status = 'unpaid' AND paid > 0", '-paid') },
	# for somebody else
	sub {
		my ($attendee, $other) = @_;
		manual_invoice($attendee, '10.00'), pay($attendee, '70.00'), manual_invoice($other, any('40.00', '400.00')),
		  "SELECT regpaydb.apply_credit_note(n.credit_note_id, i.invoice_id) FROM ("
		  . note($attendee, 'credit_note_id') . ') n, ('
		  . invoice($other, "status = 'unpaid' AND cart_id IS NULL", 'invoice_id') . ') i';
	},
	sub { fill($_[0]), invoice_cart($_[0]), pay($_[0], 'value - paid') },
	sub { fill($_[0]), invoice_cart($_[0]), pay($_[0], 'value - paid'), refund($_[0]) },
	sub { fill($_[0]), invoice_cart($_[0]), pay($_[0], 'value - paid'), give_back($_[0]), give_back($_[0]), charge($_[0]) },
	sub { fill($_[0]), invoice_cart($_[0]), pay($_[0], 'value - paid + 0.40'), give_back($_[0]), fill($_[0]), invoice_cart($_[0]), pay($_[0], 'value - paid') },
	sub { manual_invoice($_[0]), pay($_[0], 'value - paid'), give_back($_[0]), charge($_[0]), cash_out($_[0]) },
	sub { fill($_[0]), invoice_cart($_[0]), lapse($_[0]) },
	sub { fill($_[0]), lapse($_[0]) },
	sub { fill($_[0]), invoice_cart($_[0]), pay($_[0], '0.01'), fill($_[0]), invoice_cart($_[0]) },
	sub { fill($_[0]) },
	# refunds that a platform makes, or doesn't
	sub { manual_invoice($_[0]), pay($_[0], 'value - paid + ' . cents()), request($_[0], any('', 'to be sent')) },
	sub { manual_invoice($_[0]), pay($_[0], 'value - paid'), refund($_[0]), request($_[0], 'sent'), confirm($_[0]) },
	sub {
		manual_invoice($_[0]), pay($_[0], 'value - paid'), refund($_[0]), request($_[0], 'wire', q{'[]'}), fail($_[0]),
		  request($_[0], 'again');
	},
	sub {
		my ($attendee, $other) = @_;
		manual_invoice($attendee, '10.00'), pay($attendee, '90.00'), manual_invoice($other, '40.00'),
		  "SELECT regpaydb.apply_credit_note(n.credit_note_id, i.invoice_id) FROM ("
		  . note($attendee, 'credit_note_id') . ') n, ('
		  . invoice($other, "status = 'unpaid' AND cart_id IS NULL", 'invoice_id') . ') i',
		  request($attendee, ''), fail($attendee);
	},
	sub {
		manual_invoice($_[0]), pay_by_card($_[0], "status = 'unpaid'", 'value - paid + 45'), request($_[0], 'rf ' . ++$next_ref),
		  report_refund($_[0]);
	},
	# charges that a platform takes back: one of two, a part, what is spent elsewhere, and
	# what was given back already
	sub {
		manual_invoice($_[0]), pay_by_card($_[0], "status = 'unpaid'", 'value - paid'),
		  pay_by_card($_[0], "status = 'paid' AND value > 0", 'value'), dispute($_[0], 'amount');
	},
	sub { manual_invoice($_[0]), pay_by_card($_[0], "status = 'unpaid'", 'value - paid'), dispute($_[0], 'round(amount * 0.4 + 0.01, 2)', 'ASC') },
	sub {
		manual_invoice($_[0], '10.00'), pay_by_card($_[0], "status = 'unpaid'", '70.00'), manual_invoice($_[0], '400.00'),
		  dispute($_[0], 'amount');
	},
	sub {
		manual_invoice($_[0], '50.00'), pay_by_card($_[0], "status = 'unpaid'", '50.00'), refund($_[0]),
		  manual_invoice($_[0], '500.00'), dispute($_[0], 'amount');
	},);

# Two want the last one: the reservation of the first lapses, the second pays for
# it, and then there is money of the first.
sub rivalry
{
	my ($pair) = @_;
	my $first = $ATTENDEES + 2 * $pair + 1;
	my $second = $first + 1;
	my $product = 7 + $pair;

	return (
		"SELECT regpaydb.set_quantity(regpaydb.current_cart($first), $product, 1)", invoice_cart($first), lapse($first),
		"SELECT regpaydb.set_quantity(regpaydb.current_cart($second), $product, 1)", invoice_cart($second),
		pay($second, 'value - paid'),
		'INSERT INTO payment (invoice_id, amount, reference) ' . invoice($first, 'true', "invoice_id, value, 'late'"));
}

# Everybody's statements, in everybody's order, but shuffled.
sub shuffled
{
	my (@queues) = @_;
	my @sql;

	while (@queues)
	{
		my $i = int rand @queues;

		push @sql, shift @{ $queues[$i] };
		splice @queues, $i, 1 if !@{ $queues[$i] };
	}
	return @sql;
}

# The script that makes it in the ledger that search_path and regpaydb.ledger
# name; each statement is a transaction.  In the end its seconds are stretched to
# the months before now, in the same order; but carts stay as they are, since
# their reservations are about now.
sub generate_conference
{
	my ($seed) = @_;
	my (@queues, @sql, $every);

	srand $seed;
	$next_ref = 0;
	for my $attendee (1 .. $ATTENDEES)
	{
		my $other = 1 + $attendee % $ATTENDEES;

		push @queues, [ map { $stories[ ($attendee + $_ * 7) % @stories ]->($attendee, $other) } 1 .. $ROUNDS ];
	}
	push @queues, [ rivalry($_) ] for 0 .. $RIVALS - 1;
	@sql = shuffled(@queues);
	$every = int(@sql / $SNAPSHOTS);
	return catalogue() . join('', map { "$sql[$_];\n" . ($_ % $every == 0 ? $snapshot : '') } 0 .. $#sql) . <<"SQL";
SELECT regpaydb.expire_invoices(1000);
$snapshot
SET session_replication_role = replica;
SELECT clock_timestamp() AS generated \\gset
UPDATE invoice SET due_time = due_time - issue_time + :'generated'::timestamptz - (:'generated' - issue_time) * $STRETCH,
	issue_time = :'generated'::timestamptz - (:'generated' - issue_time) * $STRETCH,
	paid_time = :'generated'::timestamptz - (:'generated' - paid_time) * $STRETCH,
	closed_time = :'generated'::timestamptz - (:'generated' - closed_time) * $STRETCH;
UPDATE payment SET "time" = :'generated'::timestamptz - (:'generated' - "time") * $STRETCH;
UPDATE credit_note_refund SET "time" = :'generated'::timestamptz - (:'generated' - "time") * $STRETCH,
	closed_time = :'generated'::timestamptz - (:'generated' - closed_time) * $STRETCH;
UPDATE reversal SET "time" = :'generated'::timestamptz - (:'generated' - "time") * $STRETCH;
UPDATE outbox SET "time" = :'generated'::timestamptz - (:'generated' - "time") * $STRETCH;
UPDATE public.snapshot SET "time" = :'generated'::timestamptz - (:'generated' - "time") * $STRETCH;
RESET session_replication_role;
SQL
}

1;
