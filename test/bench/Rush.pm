# Scenarios: a ticket rush.  A visit is a cart, something put into it twice, an
# invoice and its payment, each call in a transaction of its own.

package Bench;

use strict;
use warnings FATAL => 'all';

our ($quick, $invoices);

my @sellers = ('same promises', 'PL/pgSQL twin', 'regpaydb');

# What visitors buy: a ticket and something else or, where the rush is for one
# product, two of a ticket, by another quantity of it.
my %ticket_and_more = (product => 1, other => 501, quantity => 1, items => 2, amount => 100);
my %two_tickets     = (product => 1, other => 1, quantity => 2, items => 1, amount => 160);
my $units           = 2;

# How many have visited each database; the first one's attendee_id.
my (%visits, $first_visitor);

# New databases, in which so many have yet to come, and a crowd has carts already.
sub open_sale
{
	my ($visitors, $crowd, @names) = @_;

	fresh('row', @names);
	for my $name (@names)
	{
		Server::psql($name, '-v', "visitors=$visitors", '-v', "crowd=$crowd", '-v', 'few=100',
			'-f', "$FindBin::RealBin/rush.sql");
		Server::session($name)->ask('SET synchronous_commit = off');
		make_visit($name);
		$visits{$name} = 0;
	}
	Server::psql('postgres', '-c', 'CHECKPOINT');
	$first_visitor = $invoices / 2 + 1;
	return;
}

# A visit's calls, each with its SQL.
sub visit_calls
{
	my ($name) = @_;
	my $set    = statement($name, 'set_quantity');
	my $payer  = $name eq 'same promises' ? 'same promises, uncounted' : $name;

	return (
		[ current_cart => statement($name, 'current_cart') ],
		[ set_quantity => $set =~ s/:quantity/1/gr ],
		[ set_quantity => $set =~ s/:product_id/:other_id/gr ],
		[ invoice_cart => statement($name, 'invoice_cart') ],
		[ pay          => statement($payer, 'payment with a cart') ]);
}

# Procedures that do n whole visits, or one of the calls of each.  The ids of a single
# session's carts and invoices follow each other.
sub make_visit
{
	my ($name) = @_;
	my %body;

	for my $call (visit_calls($name))
	{
		my ($part, $sql) = @$call;
		$sql =~ s/\b(\w+) \\gset$/$1 INTO v_$1;/m;
		$sql =~ s/(?<!:):(\w+)/v_$1/g;
		$sql =~ s/^SELECT (?!.* INTO )/PERFORM /;
		$body{$_} .= "$sql\n\t\tCOMMIT;\n\t\t" for $part, 'visit';
	}
	Server::session($name)->ask(<<"SQL") for sort keys %body;
CREATE PROCEDURE pg_temp.$_(first_attendee bigint, first_cart bigint, first_invoice bigint,
	n bigint, v_product_id bigint, v_other_id bigint, v_quantity integer, v_amount numeric)
LANGUAGE plpgsql AS \$loop\$
DECLARE
	v_attendee_id bigint;
	v_cart_id bigint;
	v_invoice_id bigint;
BEGIN
	FOR i IN 0 .. n - 1 LOOP
		v_attendee_id := first_attendee + i;
		v_cart_id := first_cart + i;
		v_invoice_id := first_invoice + i;
		$body{$_}
	END LOOP;
END
\$loop\$
SQL
	return;
}

sub call_visits
{
	my ($name, $part, $n, $first_cart, $first_invoice, %buy) = @_;
	my $attendee = $first_visitor + $visits{$name};

	return measure_sql($name, "CALL pg_temp.$part($attendee, $first_cart, $first_invoice, $n, "
		  . "$buy{product}, $buy{other}, $buy{quantity}, $buy{amount})");
}

# Dies unless all visitors have what they paid for, and nothing else has happened.
sub expect_visits
{
	my ($name, $thorough, %buy) = @_;
	my $n = $visits{$name};

	expect_work($name, payments => $n, paid => $buy{amount} * $n, counted => $n,
		paid_invoices => $n, paid_carts => $n, sold => $units * $n, counted_sold => 0,
		events => 3 * $n);
	expect_rows($name, 'SELECT * FROM rows_made', join('|', $n, $buy{items} * $n, 0, $n,
			$buy{items} * $n));
	return if !$thorough;
	expect_integrity($name);
	return if $name ne 'same promises';

	# It does not say up to which payment it has counted.
	expect_rows($name, "SELECT count(*) FROM integrity_problem
		WHERE problem NOT LIKE 'counts payments up to %'", 0);
	expect_rows($name, 'SELECT count(*) FROM counter c JOIN product_stock s USING (product_id)
		WHERE c.free <> s.free', 0);
	return;
}

sub close_round
{
	my ($name, $round, %buy) = @_;
	expect_visits($name, $round == 0, %buy);
	clear_up($name, qw(attendee cart_item stock_slot));
	return;
}

# n whole visits.
sub visit_work
{
	my ($name, $round, $n, %buy) = @_;
	my @result = call_visits($name, 'visit', $n, 0, 0, %buy);

	$visits{$name} += $n;
	close_round($name, $round, %buy);
	return (@result, $n);
}

# n visits, so many at a time, call by call: wall, CPU and units of each call.
sub calls_work
{
	my ($name, $round, $n, $at_a_time, %buy) = @_;
	my $session = Server::session($name);
	my %result;

	for (1 .. $n / $at_a_time)
	{
		my ($cart, $invoice) = (0, 0);
		for my $part (qw(current_cart set_quantity invoice_cart pay))
		{
			my ($wall, $cpu) = call_visits($name, $part, $at_a_time, $cart, $invoice, %buy);
			my $sum = $result{$part} //= [ 0, 0, 0 ];
			$sum->[0] += $wall;
			$sum->[1] += $cpu;
			$sum->[2] += $at_a_time * ($part eq 'set_quantity' ? 2 : 1);
			$cart    = $session->ask('SELECT max(cart_id) FROM cart') - $at_a_time + 1;
			$invoice = $session->ask('SELECT max(invoice_id) FROM invoice') - $at_a_time + 1;
		}
		$visits{$name} += $at_a_time;
	}
	close_round($name, $round, %buy);
	return \%result;
}

# What is done once for several jobs of a round, which each take a part of it.
sub shared
{
	my ($result, $work, $part) = @_;

	$$result //= eval { $work->() } // { error => $@ };
	die $$result->{error} if exists $$result->{error};
	return @{ $$result->{$part} };
}

sub visit_in_server
{
	my $n = $quick ? 200 : 1000;
	my %calls;

	open_sale(most_rounds() * 2 * $n, 0, @sellers);
	compare(
		title   => 'A visit: a cart, two items, an invoice and its payment, each committed, in the server',
		figure  => 'cpu',
		against => [ @sellers[ 0, 1 ] ],
		jobs    => [
			map {
				my $name = $_;
				{
					name  => $name,
					reach => $name eq 'regpaydb' ? 'promises 1.1' : '',
					work  => sub { visit_work($name, $_[0], $n, %ticket_and_more) },
				}
			} @sellers
		]);
	compare(
		title   => 'The calls of a visit, each committed, loop in the server',
		figure  => 'cpu',
		against => [ @sellers[ 0, 1 ] ],
		jobs    => [
			map {
				my $part = $_;
				map {
					my $name = $_;
					{
						name  => "$part, $name",
						bases => { map { ($_ => "$part, $_") } @sellers },
						work  => sub {
							my ($round) = @_;
							return shared(\$calls{$name}{$round},
								sub { calls_work($name, $round, $n, $n, %ticket_and_more) }, $part);
						},
					}
				} @sellers
			} qw(current_cart set_quantity invoice_cart pay)
		]);
	return;
}

# What a visit to a product costs that a crowd has in carts, and to one that few have.
sub crowded_product
{
	my $n     = $quick ? 100 : 500;
	my $calls = $quick ? 1000 : 5000;
	my $crowd = $invoices / 4;
	my %reserved = ('100 reserved' => 0, commas($crowd) . ' reserved' => 1);
	my @order    = sort { $reserved{$a} <=> $reserved{$b} } keys %reserved;
	my %measured;

	open_sale(most_rounds() * 2 * $n, $crowd, 'regpaydb');
	my $session = Server::session('regpaydb');
	my $few     = $session->ask('SELECT max(product_id) FROM product');

	$session->ask(<<'SQL');
CREATE PROCEDURE pg_temp.available(n bigint, which bigint) LANGUAGE plpgsql AS $$
BEGIN
	FOR i IN 1 .. n LOOP
		PERFORM available_stock(which);
	END LOOP;
END
$$
SQL
	my $measure = sub {
		my ($round, $by) = @_;
		my $product = $few - $reserved{$by};
		my $result  = calls_work('regpaydb', $round, $n, 50, %two_tickets, product => $product,
			other => $product);
		$result->{available_stock} =
		  [ measure_sql('regpaydb', "CALL pg_temp.available($calls, $product)"), $calls ];
		return $result;
	};
	compare(
		title   => 'Calls on a product that a crowd has in carts, each committed, in the server',
		figure  => 'cpu',
		against => [ $order[0] ],
		jobs    => [
			map {
				my $part = $_;
				map {
					my $by = $_;
					{
						name  => "$part, $by",
						bases => { $order[0] => "$part, $order[0]" },
						reach => $by ne $order[0] && $part ne 'current_cart' ? '1.2' : '',
						work  => sub {
							my ($round) = @_;
							return shared(\$measured{$by}{$round}, sub { $measure->($round, $by) }, $part);
						},
					}
				} @order
			} qw(current_cart set_quantity invoice_cart pay available_stock)
		]);
	return;
}

sub rush
{
	my ($sync)  = @_;
	my $clients = 8;
	my $n       = $sync eq 'on' || $quick ? 40 : 250;
	my %spread  = ('one product' => 0, 'eight products' => 1);

	open_sale(most_rounds() * 2 * $clients * $n, 0, @sellers);
	compare(
		title   => "A rush: visits by 8 clients, pgbench, synchronous_commit $sync",
		figure  => 'rate',
		against => [ 'eight products', @sellers[ 0, 1 ] ],
		jobs    => [
			map {
				my $products = $_;
				map {
					my $name  = $_;
					my $reach = $sync eq 'on' ? 'eight 0.85, promises 1.5' : 'eight 0.85';
					{
						name  => "$name, $products",
						bases => { 'eight products' => "$name, eight products",
							map { ($_ => "$_, $products") } @sellers },
						reach => $name eq 'regpaydb' && !$spread{$products} ? $reach : '',
						work  => sub {
							my @result = pgbench($name, visit_script($name), $sync, $clients, $n,
								first => $first_visitor + $visits{$name},
								spread => $spread{$products}, quantity => $two_tickets{quantity},
								amount => $two_tickets{amount});
							$visits{$name} += $result[2];
							close_round($name, $_[0], %two_tickets);
							return @result;
						},
					}
				} @sellers
			} 'one product', 'eight products'
		]);
	expect_visits($_, 1, %two_tickets) for @sellers;
	return;
}

# What pgbench runs for a visit: each client buys of a product of its own, or all of one.
sub visit_script
{
	my ($name) = @_;
	return join('', "\\set attendee_id :first + :client_id * :n + :i\n",
		"\\set product_id 1 + :client_id * :spread\n", "\\set other_id :product_id\n",
		map { $_->[1] } visit_calls($name));
}

1;
