# How costs grow with the ledger: ledgers of 100,000 payments, of ten times and of a
# hundred times as many, and what the same work takes in each.

package Bench;

use strict;
use warnings FATAL => 'all';

use POSIX ();
use Time::HiRes 'time';

our ($quick, $rounds, $started);

# One call each, of the i-th of so many tens of invoices (growth.sql), in an order that
# looks random.  What they write is rolled back.
my @calls = (
	[ 'pay(), with a cart' => q{PERFORM regpaydb.pay(ten * 10, 100, 'card')} ],
	[ 'record_payment()'   => q{PERFORM regpaydb.record_payment(ten * 10, 10, 'card', 'stripe', 'new_' || i)} ],
	[ 'INSERT INTO payment' => q{INSERT INTO payment (invoice_id, amount) VALUES (ten * 10, 10)} ],
	[ 'set_quantity()'     => q{PERFORM regpaydb.set_quantity(ten * 3, 1 + ten * 3 % 500, 2)} ],
	[ 'available_stock()'  => q{PERFORM regpaydb.available_stock(1 + ten % 1000)} ],
	[ 'refund_invoice()'   => q{PERFORM regpaydb.refund_invoice(ten * 10 - 5)} ],
	[ 'can_view()'         => q{PERFORM regpaydb.can_view(ten * 10, user_id => 1000000 + (ten * 10 + 3) / 4)} ],
	[ 'balance_due()'      => q{PERFORM regpaydb.balance_due(ten * 10)} ],
	[ 'invoice_document()' => q{PERFORM regpaydb.invoice_document(ten * 10 - 1)} ],
	[ 'refund_sources()'   => q{PERFORM regpaydb.refund_sources(ten * 10)} ],
	[ 'statement of an attendee' =>
	  q{PERFORM FROM report_attendee_statement WHERE attendee_id = 1 + (ten * 10) / 4} ]);

# What reads all of the ledger, or all of a day that is a tenth of it.
my @questions = (
	[ 'check_integrity()' => 'SELECT * FROM regpaydb.check_integrity()' ],
	[ 'reconciliation()'  => 'SELECT * FROM regpaydb.reconciliation(now())' ],
	(map { [ $_ => "TABLE $_" ] } qw(report_sales_and_payments report_items_sold report_product_status
		report_paid_invoices_by_date report_received_by_day)),
	[ 'the same, no references' => 'SELECT date, kind, provider, payments, amount FROM report_received_by_day' ],
	[ 'report_received, today' => q{SELECT * FROM report_received
		WHERE "time" >= current_date AND "time" < current_date + 1} ],
	(map { [ $_ => "TABLE $_" ] } qw(report_credit_notes report_overdue_ageing report_unclaimed_ageing
		report_attendee_statement)));

sub growth_ledger
{
	my ($n) = @_;
	my $name = "growth_$n";

	print STDERR 'making a ledger of ', commas($n), " payments ...\n";
	Server::psql('postgres', '-c', "CREATE DATABASE $name");
	Server::psql($name, '-c', 'CREATE EXTENSION regpaydb', '-c', 'SELECT regpaydb.create_ledger()');
	Server::psql($name, '-v', "payments=$n", '-f', "$FindBin::RealBin/growth.sql");
	return;
}

# Microseconds of CPU of a call, in a ledger of n payments.
sub cost_of_call
{
	my ($n, $call, $times, $start) = @_;
	my $session = Server::session("growth_$n");
	my $tens = $n / 10;

	$session->ask('BEGIN');
	my (undef, $cpu) = measure_sql("growth_$n", <<"SQL");
DO \$\$
DECLARE
	ten bigint;
BEGIN
	FOR i IN $start .. $start + $times - 1 LOOP
		ten := 1 + (i * 7919::bigint) % $tens;
		$call;
	END LOOP;
END
\$\$
SQL
	$session->ask('ROLLBACK');
	$session->ask("VACUUM $_") for qw(payment invoice outbox cart cart_item reservation stock_slot line_item
		credit_note);
	return $cpu * 1e6 / $times;
}

# Seconds of CPU of a question; all rows are made, and none is sent.
sub cost_of_question
{
	my ($n, $question) = @_;
	my (undef, $cpu) = measure_sql("growth_$n", "EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) $question");
	return $cpu;
}

# Seconds of CPU of pg_dump, its backend's included, and MB of the dump.
sub cost_of_dump
{
	my ($n) = @_;
	my $file = "$Server::folder/dump";
	my @before = POSIX::times();
	my ($wall, $cpu) = Server::measure(undef, sub { Server::command(qw(pg_dump -Fc -Z1 -f), $file, "growth_$n") });
	my @after = POSIX::times();
	my $size = -s $file;

	unlink $file;
	return ($cpu + ($after[3] + $after[4] - $before[3] - $before[4]) / POSIX::sysconf(POSIX::_SC_CLK_TCK()), $size / 1e6);
}

# A row for each thing, of its figures in each ledger and what ten times the payments
# multiply them by.
sub print_growth
{
	my ($title, $sizes, @rows) = @_;

	printf "\n%s\n  %-30s", $title, '';
	printf ' %12s', commas($_) for @$sizes;
	print '   times, for ten times as many', "\n";
	for my $row (@rows)
	{
		my ($name, @figures) = @$row;
		printf "  %-30s", $name;
		printf ' %12s', $_ >= 1000 ? commas($_) : sprintf '%.3g', $_ for @figures;
		print '   ', join(' ', map { sprintf '%.2f', $figures[$_] / $figures[ $_ - 1 ] } 1 .. $#figures), "\n";
	}
	return;
}

sub growth_of_calls
{
	my (@sizes) = @_;
	my $times = $quick ? 200 : 1000;
	my (@rows, %figures);

	# The first round warms up: it reads the same rows.
	for my $call (@calls)
	{
		my ($name, $sql) = @$call;
		for my $round (0 .. $rounds)
		{
			for my $n (@sizes)
			{
				my $cost = eval { cost_of_call($n, $sql, $times, 1) } // die "$name: $@";
				push @{ $figures{$name}{$n} }, $cost if $round;
			}
		}
		printf STDERR "%5d s  %s\n", time - $started, $name;
		push @rows, [ $name, map { median(@{ $figures{$name}{$_} }) } @sizes ];
	}
	print_growth("One call, microseconds of CPU: the median of $rounds rounds of $times calls", \@sizes, @rows);
	return;
}

sub growth_of_questions
{
	my (@sizes) = @_;
	my @rows;

	for my $question (@questions)
	{
		push @rows, [ $question->[0], map { cost_of_question($_, $question->[1]) } @sizes ];
		printf STDERR "%5d s  %s\n", time - $started, $question->[0];
	}
	print_growth('All of the ledger, seconds of CPU, once', \@sizes, @rows);
	return;
}

sub growth_on_disk
{
	my (@sizes) = @_;
	my (@dump, @rows);

	for my $of ([ 'the ledger', q{SELECT sum(pg_total_relation_size(oid)) / 1e6 FROM pg_class
			WHERE relnamespace = 'regpaydb'::regnamespace AND relkind = 'r'} ],
		map { [ "table $_", "SELECT pg_total_relation_size('$_') / 1e6" ] } qw(payment invoice))
	{
		push @rows, [ $of->[0], map { 0 + Server::session("growth_$_")->ask($of->[1]) } @sizes ];
	}
	for my $n (@sizes)
	{
		push @dump, [ cost_of_dump($n) ];
	}
	print_growth('MB on disk, with indexes', \@sizes, @rows, [ 'dump by pg_dump -Fc -Z1', map { $_->[1] } @dump ]);
	print_growth('Dump, seconds of CPU, once', \@sizes, [ 'pg_dump', map { $_->[0] } @dump ]);
	return;
}

# Ledgers of up to so many payments.
sub measure_growth
{
	my ($largest) = @_;
	my @sizes = grep { $_ <= $largest } map { 10**$_ } 4 .. 9;

	@sizes = @sizes[ -3 .. -1 ] if @sizes > 3;
	growth_ledger($_) for @sizes;
	growth_of_ledgers(@sizes);
	return;
}

sub growth_of_ledgers
{
	my (@sizes) = @_;

	for my $n (@sizes)
	{
		my $problems = Server::session("growth_$n")->ask('SELECT count(*) FROM regpaydb.check_integrity()');
		die 'the ledger of ' . commas($n) . " payments has $problems problems\n" if $problems;
	}
	growth_of_calls(@sizes);
	growth_of_questions(@sizes);
	growth_on_disk(@sizes);
	return;
}

1;
