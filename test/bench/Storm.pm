# Scenario: a session pays while another one makes and drops temporary tables without end,
# each of which every session of the database is told of.

package Bench;

use strict;
use warnings FATAL => 'all';

use List::Util qw(min);

our $quick;

my $many = $quick ? 200 : 1000;
my $used = 200;
my $payments = $quick ? 200 : 1000;
my $storm = 'CREATE TEMP TABLE gust (a int, b text); DROP TABLE gust';

# A payment after each temporary table: so each has to take in what one of them tells,
# however fast the two sessions are.
sub storm
{
	my ($alone, $many_ledgers) = ('one ledger', commas($many) . ' ledgers');
	my $quiet = "$alone, no storm";
	my %place = (
		$quiet => [ 'alone', 1 ],
		$alone => [ 'alone', 1 ],
		"$many_ledgers, $used of them used" => [ 'many', $used ],
		"$many_ledgers, one of them used"   => [ 'many', 1 ]);
	my @names = ($quiet, $alone, reverse sort grep { /^\Q$many_ledgers\E/ } keys %place);
	my %paying;

	make_ledgers('alone', 1);
	make_ledgers('many', $many);
	for my $name (@names)
	{
		my ($database, $ledgers) = @{ $place{$name} };
		my $session = $paying{$name} = Server::session("dbname=$database application_name='$name'");
		$session->ask('SET synchronous_commit = off');
		# The one that it goes on with comes last, but among those that are kept.
		$session->ask("SET regpaydb.ledger = conf_$_; SELECT pay(1, 1, 'first'); SELECT * FROM check_integrity()")
		  for reverse 1 .. $ledgers;
	}
	compare(
		title   => 'A payment after each temporary table that another session makes and drops',
		figure  => 'cpu',
		against => [ $quiet, $alone ],
		jobs    => [
			map {
				my $name = $_;
				my $session = $paying{$name};
				my $gusts = Server::session("dbname=$place{$name}[0] application_name=storm");
				{
					name  => $name,
					reach => $name =~ /^\Q$many_ledgers\E/ ? "$alone 1.1" : '',
					work  => sub {
						my $before = $session->ask('SELECT paid FROM conf_1.invoice');
						my @figures = Server::measure($session, sub {
							for (1 .. $payments)
							{
								$gusts->ask($storm) if $name ne $quiet;
								$session->ask(q{SELECT pay(1, 1, 'in a storm')});
							}
						});
						my $paid = $session->ask('SELECT paid FROM conf_1.invoice') - $before;
						die "$paid of $payments were paid\n" if $paid != $payments;
						return (@figures, $payments);
					},
				}
			} @names
		]);
	expect_rows($_, 'SELECT count(*) FROM conf_1.integrity_problem', 0) for 'alone', 'many';
	return;
}

# A database with so many ledgers, conf_1 and so on; what the storm uses has one of
# 900,000,000 to pay.
sub make_ledgers
{
	my ($database, $ledgers) = @_;

	print STDERR "making a database of $ledgers ledgers ...\n";
	Server::psql('postgres', '-c', "CREATE DATABASE $database");
	Server::psql($database, '-c', 'SET synchronous_commit = off', '-c', 'CREATE EXTENSION regpaydb', '-c', <<"SQL");
DO \$\$
BEGIN
	FOR i IN 1 .. $ledgers LOOP
		PERFORM create_ledger('conf_' || i);
		COMMIT;
	END LOOP;
	FOR i IN 1 .. @{[ min($used, $ledgers) ]} LOOP
		PERFORM set_config('regpaydb.ledger', 'conf_' || i, false);
		EXECUTE format('INSERT INTO %I.attendee (user_id) VALUES (1)', 'conf_' || i);
		PERFORM manual_invoice(1, '1 day', '[{"description": "Ticket", "price": 900000000}]');
		COMMIT;
	END LOOP;
END \$\$;
SQL
	Server::psql($database, '-c', 'VACUUM ANALYZE');
	return;
}

1;
