# The README's first example does what the README says that it does.
use strict;
use warnings;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;

my $readme = slurp_file("$ENV{REGPAYDB_SRC}/README.md");
my ($sql, $printed) = $readme =~ /^```sql\n(.*?)^```\n\n^```\n(.*?)^```\n/ms;
ok(defined $sql && $sql =~ /create_ledger/, 'README has an example with its output');

my $node = PostgreSQL::Test::Cluster->new('readme');
$node->init;
$node->start;

# The README shows what the last three statements print.
my $output = $node->safe_psql('postgres', $sql, extra_params => [ '-P', 'format=aligned', '-P', 'tuples_only=off' ]);
my @tables = split /\n\n/, $output;
my @lines = map { grep { !/^\(1 row\)$/ } split /\n/ } @tables[ -3 .. -1 ];
s/\s+$// foreach @lines;
my @expected = grep { $_ ne '' } split /\n/, $printed;
s/\s+$// foreach @expected;
is_deeply([ grep { $_ ne '' } @lines ], \@expected, 'it prints what README shows');

$node->stop;
done_testing();
