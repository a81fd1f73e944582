# Many ledgers in one database: the locks that pg_dump and DROP need, by the arithmetic of
# docs/operations.md.  REGPAYDB_LEDGERS says how many ledgers, if not 200.
#
# They are made one after the other: create_ledger() lets nobody else make one in the same
# database meanwhile, and what it takes is PostgreSQL's, for 560 statements of DDL.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RegpayTest;
use Test::More;

my $ledgers = $ENV{REGPAYDB_LEDGERS} || 200;
my $dropped = $ledgers < 60 ? $ledgers : 60;
my $folder = PostgreSQL::Test::Utils::tempdir;
my %block = page_blocks('docs/operations.md', 'test/t/many.pl');

my $node = new_node('main');
$node->append_conf('postgresql.conf', <<'CONF');
max_connections = 10
max_worker_processes = 2
max_wal_senders = 0
max_locks_per_transaction = 64
autovacuum = off
CONF
$node->start;
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION regpaydb;
DO \$\$ BEGIN FOR i IN 1 .. $ledgers LOOP PERFORM regpaydb.create_ledger('conf_' || i); COMMIT; END LOOP; END \$\$;
SQL

is($node->safe_psql('postgres', <<"SQL"), 't|0', 'a session that has paid in all of them keeps something of 20 at most, and the last is sound');
DO \$\$
BEGIN
	FOR i IN 1 .. $ledgers LOOP
		PERFORM set_config('regpaydb.ledger', 'conf_' || i, false);
		EXECUTE format('INSERT INTO conf_%s.attendee (user_id) VALUES (101)', i);
		PERFORM regpaydb.pay(regpaydb.manual_invoice(1, '1 day', '[{"description": "Ticket", "price": 100}]'), 130, 'too much');
		COMMIT;
	END LOOP;
END \$\$;
SELECT count(*) BETWEEN 1 AND 20, (SELECT count(*) FROM regpaydb.check_integrity())
FROM pg_backend_memory_contexts WHERE name = 'regpaydb ledger';
SQL

sub set_locks
{
	my ($number) = @_;

	$node->append_conf('postgresql.conf', "max_locks_per_transaction = $number\n");
	$node->restart;
	return;
}

sub dump_all
{
	return [ 'pg_dump', '--dbname', $node->connstr('postgres'), '--file', "$folder/all.sql" ];
}

my $enough = $node->safe_psql('postgres', $block{locks});
cmp_ok($enough * 12, '>=', $ledgers * 59, "$enough locks a transaction are enough for all tables, views and sequences");

# What is promised for so few is a tenth of what it takes.
set_locks(10);
command_fails_like(dump_all(), qr/out of shared memory/, 'with few locks a dump of all fails');
command_ok([ 'pg_dump', '--format=custom', '--schema=conf_7', '--dbname', $node->connstr('postgres'), '--file', "$folder/conf_7" ],
	'but one ledger can be dumped');

set_locks($enough);
command_ok(dump_all(), 'with what the page says all can be dumped');
is(scalar(() = slurp_file("$folder/all.sql") =~ /^CREATE SCHEMA conf_\d+;$/mg), $ledgers, 'and all are in the dump');

# One ledger's dump, in a database of its own.
$node->safe_psql('postgres', 'CREATE DATABASE one');
$node->safe_psql('one', 'CREATE EXTENSION regpaydb');
command_ok([ 'pg_restore', '--exit-on-error', '--dbname', $node->connstr('one'), "$folder/conf_7" ], 'one ledger is restored');
integrity($node, 'one', 'conf_7', 'it is sound');
money_is_conserved($node, 'one', 'conf_7', 'and keeps the money');
is($node->safe_psql('one', q{SET regpaydb.ledger = 'conf_7'; SELECT regpaydb.available_credit(1)}), '30.00', 'all of it');

# Dropping: each by itself.  A few of them do: more than have room at once.
my $drop = "DO \$\$ BEGIN FOR i IN 1 .. $dropped LOOP EXECUTE 'DROP SCHEMA conf_' || i || ' CASCADE'; %s END LOOP; END \$\$";
fails_with($node, 'postgres', 'SET client_min_messages = error; ' . sprintf($drop, ''), '53200', qr/out of shared memory/,
	'with these locks so many can\'t be dropped in one transaction');
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_namespace WHERE nspname ~ '^conf_'}), $ledgers, 'and none is');
$node->safe_psql('postgres', "SET client_min_messages = error;\n" . sprintf($drop, 'COMMIT;'));
is($node->safe_psql('postgres', q{SELECT count(*) FROM pg_namespace WHERE nspname ~ '^conf_'}), $ledgers - $dropped,
	'each by itself can');

done_testing();
