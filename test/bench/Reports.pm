# Scenario: each report against the same question put to the tables by hand.

package Bench;

use strict;
use warnings FATAL => 'all';

our ($quick, $invoices, @tables, %struck);

# A ledger with so many payments as the benchmark has at most: every tenth of
# some makes a note, of which every third is refunded, and some carts are paid.
sub make_report_ledger
{
	my ($name)  = @_;
	my $n       = $quick ? 100_000 : 1_000_000;
	my $first   = (without_cart($invoices))[0];
	my $session = Server::session($name);

	make_mixed_batch($name, $first, $invoices / 10);
	$session->ask(load_sql($name, '', ''));
	make_batch($name, $first + $invoices / 10, 5, $n, 20, 'random');
	$session->ask(load_sql($name, '', ''));
	make_batch($name, 1, 1, $invoices / 100, 100, 'sorted');
	$session->ask(load_sql($name, '', ''));
	$session->ask(<<'SQL');
SELECT count(refund_credit_note(credit_note_id, 'bank')) FROM credit_note WHERE credit_note_id % 3 = 0;
SET session_replication_role = replica;
INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount)
	SELECT cart_id, product_id, 'Early bird ' || cart_id % 10, quantity, 1 FROM cart_item WHERE cart_id % 4 = 0;
UPDATE invoice SET due_time = issue_time - invoice_id % 120 * interval '1 day' WHERE invoice_id % 5 = 0;
RESET session_replication_role;
VACUUM (ANALYZE, FREEZE)
SQL
	return;
}

sub reports
{
	fresh('row', 'INSERT');
	my $session = Server::session('INSERT');
	my @reports = split /\n/, $session->ask("SELECT relname FROM pg_class
		WHERE relname LIKE 'report\\_%' AND relkind = 'v' ORDER BY relname");

	die "the ledger has no reports yet\n" if !@reports;
	make_report_ledger('INSERT');

	my @jobs;
	for my $report (@reports)
	{
		my $by_hand = question($report, 'by hand');
		my $asked   = question($report, 'by report') // "SELECT * FROM $report";
		if (!defined $by_hand)
		{
			$struck{$report} = 'nobody has written it by hand';
			next;
		}
		my $rows = same_answers($session, $report, $asked, $by_hand);
		push @jobs, report_job("$report by hand", $by_hand);
		push @jobs, {
			%{ report_job("$report, " . commas($rows) . ' rows', $asked) },
			bases => { 'by hand' => "$report by hand" },
			reach => '1.1',
		};
	}
	compare(
		title   => 'Reports in full, against the same question put to the tables by hand',
		figure  => 'cpu',
		against => ['by hand'],
		jobs    => \@jobs);
	$tables[-1]{jobs} = [ grep { $_->{bases} } @jobs ];
	return;
}

# The SQL of a report by hand or, where it is not asked for in full, by report.
sub question
{
	my ($report, $how) = @_;
	my ($sql) = Server::slurp("$FindBin::RealBin/reports.sql") =~
	  /^-- \@ $report $how\n(.*?)(?=^-- |\z)/ms;
	return $sql;
}

# Dies unless the two give the same rows; returns their number.
sub same_answers
{
	my ($session, $report, @questions) = @_;
	my ($one, $other) = split /\n/, $session->ask(join "\n", 'BEGIN;',
		(map { "SELECT count(*), sum(hashtextextended(r::text, 0)) FROM ($_) AS r;" } @questions),
		'COMMIT;');

	die "$report says $one, by hand it is $other\n" if $one ne $other;
	return (split /\|/, $one)[0];
}

# EXPLAIN ANALYZE makes all rows and sends none.
sub report_job
{
	my ($name, $sql) = @_;
	return {
		name => $name,
		work => sub {
			return (measure_sql('INSERT', "EXPLAIN (ANALYZE, TIMING OFF, SUMMARY OFF) $sql"), 1);
		},
	};
}

1;
