# Scenarios: one payment at a time, and what becomes of it.

package Bench;

use strict;
use warnings FATAL => 'all';

use List::Util qw(min);

our ($quick, $rounds, $invoices, @bases, @all);

sub in_server_loop
{
	my ($carts) = @_;
	my $kind  = $carts ? 'payment with a cart' : 'payment';
	my $n     = ($carts ? 500 : 2000) * ($quick ? 1 : 2);
	my %reach = $carts ? map { ($_ => 'promises 0.85') } 'INSERT', 'pay()'
	  : ('INSERT' => 'bare 1.2, promises 1.0', 'pay()' => 'bare 1.1, promises 0.95');
	my @names = ('bare floor', 'bare floor, same keys', 'same promises',
		$carts ? 'same promises, uncounted' : (), @all[ 2 .. $#all ]);
	my @small = map { "$_, small" } 'same promises', 'INSERT', 'pay()';

	fresh('row', @names, @small);
	make_loop($_, $kind) for @names, @small;
	compare(
		title   => "One $kind, loop in the server",
		figure  => 'cpu',
		against => [ grep { !/bare floor,/ } @names[ 0 .. $#names - 2 ] ],
		jobs    => [
			map {
				my $name = $_;
				my $size = $invoices / ($name =~ /small/ ? 10 : 1);
				{
					name  => $name,
					reach => $reach{$name},
					work  => sub { loop_work($name, $_[0], $size, $carts, $n) },
				}
			} @names, @small
		]);
	growth("one $kind, loop in the server", @small);
	return;
}

sub pgbench_payments
{
	my ($carts, $clients, $sync) = @_;
	my $job = $carts ? 'payment with a cart' : 'payment';
	my ($first, $size) = $carts ? with_cart($invoices) : without_cart($invoices);
	my $n = int(min($size / most_rounds(), $quick ? 800 : 4000) / $clients);
	my $reach = ($sync eq 'off' ? 'floor 0.95, twin 1.7' : $clients == 8 ? 'floor 1.0' : '');
	my %done;

	fresh('row', @all);
	compare(
		title => "One $job, pgbench, $clients client" . ($clients > 1 ? 's' : '')
		  . ", synchronous_commit $sync",
		figure  => 'rate',
		against => [@bases],
		jobs    => [
			map {
				my $name = $_;
				{
					name  => $name,
					reach => $name =~ /INSERT|pay/ ? $reach : '',
					work  => sub {
						my @result = pgbench($name, payment_script($name, $job), $sync, $clients, $n,
							amount => 100, first => $first, size => $size,
							start => $_[0] * $clients * $n);
						my $sum = $done{$name} += $result[2];
						expect_work($name, payments => $sum, paid => 100 * $sum, counted => $sum,
							paid_invoices => $sum, $carts
							? (paid_carts => $sum, sold => 2 * $sum, events => 2 * $sum)
							: (events => $sum));
						expect_integrity($name) if $_[0] == 0;
						return @result;
					},
				}
			} @all
		]);
	return;
}

sub hot_invoice
{
	my ($sync) = @_;
	my ($first, $size) = endless($invoices);
	my $n = $quick ? 200 : 500;
	my %done;

	fresh('row', @all);
	compare(
		title   => "One invoice that 8 clients pay, pgbench, synchronous_commit $sync",
		figure  => 'rate',
		against => [@bases],
		jobs    => [
			map {
				my $name = $_;
				{
					name  => $name,
					reach => $name =~ /INSERT|pay/ && $sync eq 'off' ? 'floor 1.3' : '',
					work  => sub {
						my @result = pgbench($name, payment_script($name, 'payment'), $sync, 8, $n,
							amount => 1, first => $first, size => $size, start => 0);
						my $sum = $done{$name} += $result[2];
						expect_work($name, payments => $sum, paid => $sum, counted => $sum);
						expect_integrity($name) if $_[0] == 0;
						return @result;
					},
				}
			} @all
		]);
	return;
}

# Each round pays the k-th payment and the next ones.  Invoices with few
# payments are used once.
sub kth_payment
{
	my $n  = 200;
	my @ks = $quick ? (1, 100, 10_000) : (1, 100, 10_000, 100_000);
	my ($first) = endless($invoices);
	my (@jobs, %base);

	fresh('row', 'same promises', 'INSERT', 'pay()');
	for my $name ('same promises', 'INSERT', 'pay()')
	{
		make_loop($name, 'payment');
		Server::session($name)->ask('SET synchronous_commit = off');
		for my $place (0 .. $#ks)
		{
			my $k    = $ks[$place];
			my $once = $k <= 100;
			my $base = $first + 100 * $place;
			if ($k > 1)
			{
				make_batch($name, $base, $k - 1, ($k - 1) * ($once ? most_rounds() : 1), 1, 'sorted');
				Server::session($name)->ask(load_sql($name, '', 'settle the batch'));
			}
			push @jobs, {
				name  => "$name, k = " . commas($k),
				bases => { 'k = 1' => "$name, k = 1",
					'same promises' => 'same promises, k = ' . commas($k) },
				reach => $name =~ /floor|promises/ ? '' : 'k = 1: 1.1',
				work  => sub {
					my $invoice = $base + ($once ? $_[0] : 0);
					my @result = measure_sql($name, "CALL pg_temp.loop($invoice, 1, 0, $n, 1, true)");
					expect_rows($name,
						"SELECT payment_count, paid::bigint FROM invoice WHERE invoice_id = $invoice",
						join('|', ($k - 1 + ($once ? $n : $n * ($_[0] + 1))) x 2));
					return (@result, $n);
				},
			};
		}
	}
	compare(
		title   => 'The k-th payment on one invoice, a loop in the server that commits each',
		figure  => 'cpu',
		against => [ 'same promises', 'k = 1' ],
		jobs    => \@jobs);
	expect_integrity($_) for 'INSERT', 'pay()';
	return;
}

sub refund_and_apply
{
	my $n     = $quick ? 500 : 2000;
	my @large = ('same promises', 'INSERT');
	my @small = map { "$_, small" } @large;

	fresh('row', @large, @small);
	make_loop($_, 'refund and apply') for @large, @small;
	for my $name (@large, @small)
	{
		my ($first) = without_cart($name =~ /small/ ? $invoices / 10 : $invoices);
		make_batch($name, $first, 1, $n, 100, 'sorted');
		Server::session($name)->ask(load_sql($name, '', 'settle the batch'));
	}
	compare(
		title   => 'refund_invoice() and apply_credit_note() against the same rows by plain SQL',
		figure  => 'cpu',
		against => ['same promises'],
		jobs    => [
			map {
				my $name = $_;
				my ($first) = without_cart($name =~ /small/ ? $invoices / 10 : $invoices);
				{
					name  => $name,
					reach => $name eq 'INSERT' ? '1.3' : '',
					work  => sub {
						my ($round) = @_;
						return rolled_back($name, sub {
							my ($wall, $cpu) =
							  measure_sql($name, "CALL pg_temp.loop($first, $n, 0, $n, 100, false)");
							expect_work($name, payments => 3 * $n, paid => 100 * $n, counted => 3 * $n,
								paid_invoices => $n, noted => 100 * $n, events => 5 * $n);
							expect_integrity($name) if $round == 0;
							return ($wall, $cpu, $n);
						});
					},
				}
			} @large, @small
		]);
	growth('refund_invoice() and apply_credit_note()', @small);
	return;
}

1;
