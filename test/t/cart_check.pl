# That the engine, which finds out by itself whether a cart can be sold, agrees with the
# view cart_problem about random carts: see cart_check.sql.  (That a fault in it is
# noticed there: weakened.pl.)
#
# REGPAYDB_CARTS_SEED makes the carts of that seed, REGPAYDB_CARTS so many rounds.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RegpayTest;
use Test::More;

my $seed = $ENV{REGPAYDB_CARTS_SEED} || int(time);
my $rounds = $ENV{REGPAYDB_CARTS} || 80;
my $node = new_node('main');

note("seed $seed");

# So that the rows are where they were with that seed.
$node->append_conf('postgresql.conf', 'autovacuum = off');
$node->start;

# What cart_check.sql says in a database of its own: the last line, and those before,
# which are about one function each.
sub verdict
{
	my ($database, $rounds) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, 'CREATE EXTENSION regpaydb');
	my @lines = lines($node->safe_psql($database,
			"\\set seed $seed\n\\set rounds $rounds\n" . slurp_file("$FindBin::RealBin/cart_check.sql")));
	return (pop @lines, @lines);
}

my ($verdict, @functions) = verdict('carts', $rounds);

note("$_->[0]: $_->[1] sound, $_->[2] not") for map { [ split /\|/ ] } @functions;
like($verdict, qr/^agreed: /, 'the engine and the view agree about carts') or diag("seed $seed");
note($verdict);
is($node->safe_psql('carts', q{UPDATE shop.product SET stock = NULL; SET regpaydb.ledger = shop; SELECT * FROM regpaydb.check_integrity()}),
	'', 'the ledger is sound');

like((verdict('nothing', 0))[0], qr/^too few/, 'where nothing is compared they do not agree');

$node->stop;
done_testing();
