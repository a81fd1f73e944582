# Tables that change, as ANALYZE and autovacuum change them too, at any moment of a
# call: what it has open of them stays good, and nothing of it is left behind.  And
# tables that can't be locked to be changed.

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

# A ledger so busy that its tables can't be locked all at once: two of them are always
# in use by somebody.
my @busy;

$node->safe_psql('postgres', 'CREATE ROLE shop');
for my $table ('attendee', 'outbox')
{
	my ($out, $err);

	append_to_file("$folder/use_$table",
		"BEGIN;\nLOCK TABLE regpaydb.$table IN ACCESS SHARE MODE;\nSELECT pg_sleep(0.03 + random() * 0.04);\nCOMMIT;\n");
	push @busy, IPC::Run::start([ 'pgbench', '-n', '-T', 180, '-c', 4, '-f', "$folder/use_$table", $node->connstr ],
		'>', \$out, '2>', \$err);
}
ok(wait_until(sub {
	$node->safe_psql('postgres', "SELECT count(DISTINCT relation) FROM pg_locks WHERE mode = 'AccessShareLock'
		AND relation IN ('regpaydb.attendee'::regclass, 'regpaydb.outbox'::regclass)") eq '2' }), 'two tables are in use');
fails_with($node, 'postgres', "SELECT regpaydb.grant_access('shop', 'app')", '55P03',
	'could not lock the tables.*DETAIL: .*HINT: ', 'they are not locked all at once, and nothing is done unlocked');
is($node->safe_psql('postgres', "SELECT count(*) FROM pg_policy"), '0', 'there are no policies');
$_->kill_kill for @busy;
ok(wait_until(sub { $node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'pgbench'") eq '0' }),
	'they are gone');
$node->safe_psql('postgres', "SELECT regpaydb.grant_access('shop', 'app')");
is($node->safe_psql('postgres', "SELECT count(*) > 10 FROM pg_policy"), 't', 'then it is granted');
integrity($node, 'postgres', 'regpaydb', 'sound');

done_testing();
