# Tables that change, as ANALYZE and autovacuum change them too, at any moment of a
# call: what it has open of them stays good, and nothing of it is left behind.  Tables
# that can't be locked to be changed.  And an extension that is dropped and made again,
# whose tables and types are others by the same names.

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
		"BEGIN;\nLOCK TABLE regpaydb.$table IN ACCESS SHARE MODE;\nSELECT pg_sleep(0.1 + random() * 0.1);\nCOMMIT;\n");
	push @busy, IPC::Run::start([ 'pgbench', '-n', '-T', 180, '-c', 8, '-f', "$folder/use_$table", $node->connstr ],
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

# A session goes on after the extension was dropped, with what was of its types, and made
# again, by itself or by somebody else.  The ledgers are made again in the schemas that
# they were in: one whose rows are reached without SQL, and one where triggers of the
# owner's want SQL.
$node->safe_psql('postgres', 'CREATE DATABASE again');
$node->safe_psql('again', <<'SQL');
CREATE SCHEMA plain;
CREATE SCHEMA by_sql;
CREATE FUNCTION public.noop() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE FUNCTION public.make() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	CREATE EXTENSION regpaydb;
	PERFORM regpaydb.create_ledger('plain'), regpaydb.create_ledger('by_sql');
	EXECUTE (SELECT string_agg(format('CREATE TRIGGER x BEFORE INSERT OR UPDATE ON %s
			FOR EACH ROW EXECUTE FUNCTION public.noop()', oid::regclass), '; ')
		FROM pg_class WHERE relnamespace = 'by_sql'::regnamespace AND relkind = 'r');
	EXECUTE (SELECT string_agg(format('INSERT INTO %1$I.staff VALUES (900); INSERT INTO %1$I.category (name) VALUES (''Ticket'');
			INSERT INTO %1$I.product (category_id, name, price, stock) VALUES (1, ''Adult'', 100, 1000)', name), '; ')
		FROM unnest(ARRAY['plain', 'by_sql']) AS name);
END $$;
CREATE FUNCTION public.unmake() RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	SET LOCAL client_min_messages = warning;
	DROP EXTENSION regpaydb CASCADE;
	EXECUTE (SELECT string_agg(format('DROP TABLE %s CASCADE', oid::regclass), '; ')
		FROM pg_class WHERE relnamespace IN ('plain'::regnamespace, 'by_sql'::regnamespace) AND relkind = 'r');
END $$;
-- Somebody new buys, pays in all ways, and is given back; how her invoices are then.
CREATE FUNCTION public.buy(ledger name, OUT result text) LANGUAGE plpgsql AS $$
DECLARE
	who bigint;
	user_id bigint;
	first bigint;
BEGIN
	PERFORM set_config('search_path', ledger, true), set_config('regpaydb.ledger', ledger, true);
	EXECUTE 'INSERT INTO attendee (user_id) SELECT 101 + count(*) FROM attendee RETURNING attendee_id, user_id' INTO who, user_id;
	EXECUTE 'SELECT regpaydb.set_quantity(regpaydb.current_cart($1), 1, 1)' USING who;
	EXECUTE 'SELECT regpaydb.invoice_cart(regpaydb.current_cart($1))' INTO first USING who;
	EXECUTE 'SELECT regpaydb.manual_invoice($1, ''1 day'', jsonb_build_array(jsonb_build_object(''description'', ''Dinner'', ''price'', 50)))
		FROM generate_series(1, 3)' USING who;
	EXECUTE 'SELECT regpaydb.pay($1, 100, ''''), regpaydb.record_payment($1 + 1, 20, '''', ''bank'', $1::text),
		regpaydb.record_payment($1 + 1, 20, '''', ''bank'', $1::text)' USING first;
	EXECUTE 'INSERT INTO payment (invoice_id, amount) VALUES ($1 + 1, 30), ($1 + 2, 40)' USING first;
	EXECUTE 'SELECT regpaydb.refund_credit_note(regpaydb.refund_invoice($1), ''bank'', 900), regpaydb.void_invoice($1 + 3)' USING first;
	EXECUTE 'SELECT string_agg(format(''%s: %s by %s'', status, paid, payment_count), '', '' ORDER BY invoice_id)
			|| (SELECT string_agg('', '' || cart.status, '''') FROM cart WHERE attendee_id = $1)
			|| (SELECT format('', %s sold, %s problems'', sold, (SELECT count(*) FROM regpaydb.check_integrity())) FROM product_stock)
		FROM invoice WHERE attendee_id = $1 AND regpaydb.can_view(invoice_id, $2)' INTO result USING who, user_id;
END $$;
SELECT public.make();
SQL
my $bought = 'refunded: 0.00 by 2, paid: 50.00 by 2, unpaid: 40.00 by 1, void: 0.00 by 0, released, 0 sold, 0 problems';
my %session = map { $_ => session($node, 'again') } 'one', 'another';

for my $dropped_by ('nobody', 'one', 'another')
{
	ask($session{$dropped_by}, 'SELECT public.unmake(); SELECT public.make()') if $session{$dropped_by};
	for my $buyer ('one', 'another')
	{
		for my $ledger ('plain', 'by_sql')
		{
			my ($out, $err) = ask($session{$buyer}, "SELECT public.buy('$ledger')");

			is("$out$err", $bought, "the extension was dropped by $dropped_by: $buyer goes on in the ledger $ledger");
		}
	}
}
$_->quit for values %session;

done_testing();
