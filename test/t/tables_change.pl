# Tables that change, as ANALYZE and autovacuum change them too, at any moment of a
# call: what it has open of them stays good, and nothing of it is left behind.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RegpayTest;
use Test::More;

my $folder = PostgreSQL::Test::Utils::tempdir;
my $node = new_node('main');

$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION regpaydb;
SELECT regpaydb.create_ledger();
INSERT INTO regpaydb.attendee (user_id) SELECT generate_series(1, 100);
INSERT INTO regpaydb.category (name) VALUES ('Ticket');
INSERT INTO regpaydb.product (category_id, name, price, stock) VALUES (1, 'Adult', 10, 1000), (1, 'Child', 5, 1000);
SELECT regpaydb.set_quantity(regpaydb.current_cart(a), p, 1) FROM generate_series(1, 100) a, generate_series(1, 2) p;
SELECT regpaydb.invoice_cart(c) FROM generate_series(1, 100) c;
SQL

append_to_file("$folder/work", <<'SQL');
\set n random(1, 100)
SELECT regpaydb.available_credit(:n);
SELECT regpaydb.available_credit(:n);
BEGIN;
SELECT regpaydb.pay(:n, 16, '');
SELECT regpaydb.refund_invoice(:n);
ROLLBACK;
BEGIN;
INSERT INTO regpaydb.payment (invoice_id, amount) VALUES (:n, 5), (1 + :n % 100, 15);
ROLLBACK;
SQL

# What takes no lock that keeps anybody out.
for my $tables ([ 'attendee', 'cart_item' ], [ 'product', 'cart', 'reservation' ],
	[ 'invoice', 'payment', 'credit_note', 'outbox' ])
{
	my $what = join ', ', @$tables;
	my $log_end = -s $node->logfile;
	my ($work, $changes, $work_out, $changes_out, $work_err, $changes_err);

	append_to_file("$folder/$tables->[0]", "ALTER TABLE regpaydb.$_ SET (fillfactor = 100);\n") for @$tables;
	my @bench = ('pgbench', '-n', '-T', 4);
	$changes = IPC::Run::start([ @bench, '-f', "$folder/$tables->[0]", $node->connstr ],
		'>', \$changes_out, '2>', \$changes_err);
	$work = IPC::Run::start([ @bench, '-c', 2, '-f', "$folder/work", $node->connstr ],
		'>', \$work_out, '2>', \$work_err);
	ok($work->finish, "$what: every call does its work") or diag(substr $work_err, 0, 2000);
	ok($changes->finish, "$what: while the tables change") or diag(substr $changes_err, 0, 2000);
	like($work_out, qr/actually processed: \d{2}/, "$what: often") or diag($work_out);
	like($changes_out, qr/actually processed: \d{3}/, "$what: and often") or diag($changes_out);
	unlike(substr(slurp_file($node->logfile), $log_end), qr/WARNING|ERROR|PANIC|signal/,
		"$what: the server has nothing to complain of");
}
integrity($node, 'postgres', 'regpaydb', 'sound');

done_testing();
