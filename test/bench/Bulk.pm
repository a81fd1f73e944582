# Scenarios: many payments in one statement.

package Bench;

use strict;
use warnings FATAL => 'all';

our ($quick, $invoices, @floors, @bases, @tables);

sub bulk
{
	my ($n, $way, $order, $carts) = @_;
	my @names = (@floors, $carts ? 'same promises, uncounted' : (),
		$n > $invoices ? () : 'PL/pgSQL twin', 'INSERT');
	my ($first, $each) = (($carts ? with_cart($invoices) : without_cart($invoices))[0],
		$n > $invoices ? 5 : 1);

	my %memory;

	Server::forget_sessions();
	for my $name (@names)
	{
		make_batch($name, $first, $each, $n, 100 / $each, $order);
		$memory{$name} = { idle => Server::private_memory(Server::session($name)->{pid}) };
	}
	compare(
		title   => "Bulk: " . commas($n) . " payments by $way, $order" . ($carts ? ', with carts' : ''),
		figure  => 'rate',
		against => [ @names[ 0 .. $#names - 1 ] ],
		jobs    => [
			map {
				my $name = $_;
				{
					name  => $name,
					reach => $name ne 'INSERT' ? '' : $carts ? 'promises 1.0' : 'floor 1.2',
					work  => sub { bulk_work($name, $_[0], $way, $carts, $n, $each, $memory{$name}) },
				}
			} @names
		]);
	return;
}

sub bulk_loads
{
	my @sizes = $quick ? (10_000, 100_000) : (100_000, 1_000_000);

	fresh('statement', @bases, 'INSERT');
	for my $n (@sizes)
	{
		for my $order ('random', 'sorted')
		{
			for my $way ('COPY', 'INSERT ... SELECT')
			{
				bulk($n, $way, $order, 0);
				memory($tables[-1]) if $n == $sizes[-1];
			}
		}
	}
	return;
}

sub bulk_with_carts
{
	fresh('statement', @bases, 'same promises, uncounted', 'INSERT');
	bulk(10_000, 'INSERT ... SELECT', 'random', 1);
	return;
}

sub bulk_growth
{
	my $n     = $invoices / 20;
	my @small = map { "$_, small" } 'same promises', 'INSERT';
	my @large = map { s/, small//r } @small;

	fresh('statement', @large, @small);
	for my $name (@large, @small)
	{
		my ($first) = without_cart($name =~ /small/ ? $invoices / 10 : $invoices);
		make_batch($name, $first, 1, $n, 100, 'random');
	}
	compare(
		title  => 'Bulk: ' . commas($n) . ' payments by INSERT ... SELECT',
		figure => 'rate',
		against => [],
		jobs    => [
			map {
				my $name = $_;
				{ name => $name, work => sub { bulk_work($name, $_[0], '', 0, $n, 1, { idle => 0 }) } }
			} @large, @small
		]);
	growth('bulk, ' . commas($n) . ' payments by INSERT ... SELECT', @small);
	splice(@tables, -2, 1);
	$_->{reach} = $_->{name} eq 'INSERT' ? '1/1.3 = 0.77' : '' for @{ $tables[-1]{jobs} };
	return;
}

sub mixed_bulk
{
	my $n = $quick ? 10_000 : 100_000;

	fresh('statement', @bases, 'INSERT');
	make_mixed_batch($_, (without_cart($invoices))[0], $n) for @bases, 'INSERT';
	compare(
		title  => 'Bulk: ' . commas($n) . ' payments, every tenth too much, every tenth on a void invoice',
		figure  => 'rate',
		against => [@bases],
		jobs    => [
			map {
				my $name = $_;
				my $sql  = load_sql($name, '', 'settle the mixed batch');
				{
					name  => $name,
					reach => $name eq 'INSERT' ? 'floor 0.9' : '',
					work  => sub {
						my ($round) = @_;
						return rolled_back($name, sub {
							my ($wall, $cpu) = measure_sql($name, $sql);
							expect_work($name, payments => $n * 1.2, paid => $n * 90, counted => $n * 1.2,
								paid_invoices => $n * 0.9, noted => $n * 15, events => $n * 1.1);
							expect_integrity($name) if $round == 0;
							return ($wall, $cpu, $n);
						});
					},
				}
			} @bases, 'INSERT'
		]);
	return;
}

sub one_statement
{
	my ($first) = endless($invoices);
	my @sizes = (1000, 10_000, $quick ? () : 100_000);
	my $flat  = commas($sizes[0]) . ' rows';
	my @jobs;

	fresh('statement', @bases, 'INSERT');
	for my $name (@bases, 'INSERT')
	{
		for my $n (@sizes)
		{
			my $rows = ', ' . commas($n) . ' rows';
			push @jobs, {
				name  => $name . $rows,
				bases => { 'bare floor' => "bare floor$rows", 'same promises' => "same promises$rows",
					$flat => "$name, $flat" },
				reach => $name eq 'INSERT' ? 'floor 1.0, flat 1.3' : '',
				work  => sub {
					my ($round) = @_;
					make_batch($name, $first, $n, $n, 1, 'sorted');
					return rolled_back($name, sub {
						my ($wall, $cpu) = measure_sql($name, load_sql($name, '', 'settle the batch'));
						expect_work($name, payments => $n, paid => $n, counted => $n);
						expect_integrity($name) if $round == 0;
						return ($wall, $cpu, $n);
					});
				},
			};
		}
	}
	compare(
		title   => 'One statement with many payments on one invoice',
		figure  => 'cpu',
		against => [ @floors, $flat ],
		jobs    => \@jobs);
	return;
}

1;
