# The line of the README that gives up what nobody paid for in time, under the
# real pg_cron, for a role that may do just that.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RegpayTest;
use Test::More;

my ($readme) = slurp_file("$ENV{REGPAYDB_SRC}/README.md") =~ /^(SELECT cron\.schedule\(.*?\);)$/ms;
ok($readme, 'README says how to schedule the sweep');

my $node = new_node('main');

# Without the library the server would not start: it is no part of PostgreSQL,
# and ./dev installs it.
my $library = $node->config_data('--pkglibdir') . '/pg_cron.so';
if (!-e $library)
{
	fail("pg_cron is installed: the package postgresql-15-cron has $library");
	done_testing();
	exit;
}
$node->append_conf('postgresql.conf', <<"CONF");
shared_preload_libraries = 'pg_cron'
cron.database_name = 'postgres'
cron.host = '@{[ $node->host ]}'
CONF
$node->start;

# From 1.5 on a job can run every second.
my $version = $node->safe_psql('postgres',
	q{SELECT default_version FROM pg_available_extensions WHERE name = 'pg_cron'});
my ($major, $minor) = $version =~ /^(\d+)\.(\d+)/;
$readme =~ s/'\* \* \* \* \*'/'1 second'/ if $major > 1 || $minor >= 5;
note("pg_cron $version: $readme");

# Carts of seven attendees, who each want one of the first product:
#   1 and 2  lapsed, and somebody has the seats now; 40 was paid for the second
#   3        the same, but somebody is just at it
#   4        lapsed, but what is in it is still free
#   5        as it should be
#   6        paid
#   7        has what 1, 2 and 3 had
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION pg_cron;
CREATE EXTENSION regpaydb;
SELECT regpaydb.create_ledger();
INSERT INTO regpaydb.category (name) VALUES ('Seat');
INSERT INTO regpaydb.product (category_id, name, price, stock) VALUES (1, 'Floor', 100, 5), (1, 'Balcony', 50, 1);
INSERT INTO regpaydb.attendee (user_id) SELECT generate_series(1, 7);
SELECT regpaydb.set_quantity(regpaydb.current_cart(a), CASE a WHEN 4 THEN 2 ELSE 1 END, 1) FROM generate_series(1, 6) a
	WHERE a IN (1, 2, 3, 4, 5);
SELECT regpaydb.invoice_cart(a) FROM generate_series(1, 5) a;
SELECT regpaydb.pay(2, 40, 'part');
UPDATE regpaydb.cart SET time_last_updated = now() - interval '2 hours' WHERE cart_id <= 4;
SELECT regpaydb.set_quantity(regpaydb.current_cart(6), 1, 1);
SELECT regpaydb.pay(regpaydb.invoice_cart(6), 100, 'full');
SELECT regpaydb.set_quantity(regpaydb.current_cart(7), 1, 3);

CREATE ROLE sweeper LOGIN;
CREATE ROLE intruder LOGIN;
GRANT USAGE ON SCHEMA cron, regpaydb TO sweeper, intruder;
GRANT EXECUTE ON FUNCTION regpaydb.expire_invoices TO sweeper, intruder;
GRANT UPDATE (status) ON regpaydb.invoice TO sweeper;
SQL

my $statuses = q{SELECT string_agg(status::text, ' ' ORDER BY invoice_id) FROM regpaydb.invoice};
is($node->safe_psql('postgres', $statuses), 'unpaid unpaid unpaid unpaid unpaid paid', 'nothing is given up by itself');

my $customer = session($node, 'postgres');
ask($customer, 'BEGIN; SELECT FROM regpaydb.cart WHERE cart_id = 3 FOR NO KEY UPDATE');

# The same order by somebody who has no rights in the ledger.
$node->safe_psql('postgres', "SET ROLE intruder; $readme");
$node->safe_psql('postgres', "SET ROLE sweeper; $readme");

ok(wait_until(sub {
			return $node->safe_psql('postgres', q{SELECT count(*) FROM cron.job_run_details
				WHERE status IN ('succeeded', 'failed') AND username IN ('sweeper', 'intruder')
				HAVING count(DISTINCT username) = 2}) ne '';
		}, 150), 'pg_cron has run both jobs');
is($node->safe_psql('postgres', <<'SQL'), "intruder|failed|t\nsweeper|succeeded|f", 'only who may sweep does');
SELECT DISTINCT username, status, return_message ~ 'permission denied' FROM cron.job_run_details ORDER BY 1
SQL
is($node->safe_psql('postgres', $statuses), 'void void unpaid unpaid unpaid paid',
	'invoices whose seats are gone are void; the one that somebody is at is passed over');
is($node->safe_psql('postgres', 'SELECT attendee_id, value, state FROM regpaydb.credit_note'), '2|40.00|unclaimed',
	'what was paid in part is credit');
is($node->safe_psql('postgres', <<'SQL'), "1|unpaid|void\n2|unpaid|void", 'the outbox says so');
SELECT invoice_id, old_status, new_status FROM regpaydb.outbox
WHERE kind = 'invoice_updated' AND new_status = 'void' ORDER BY 1
SQL
integrity($node, 'postgres', 'regpaydb', 'sound');
money_is_conserved($node, 'postgres', 'regpaydb', 'keeps the money');

ask($customer, 'COMMIT');
$customer->quit;
# (Ours, or one of pg_cron's, which may be at it.)
ok(wait_until(sub {
			$node->safe_psql('postgres', 'SELECT regpaydb.expire_invoices()');
			return $node->safe_psql('postgres', $statuses) ne 'void void unpaid unpaid unpaid paid';
		}, 10), 'the next sweep has the one that was passed over');
is($node->safe_psql('postgres', $statuses), 'void void void unpaid unpaid paid', 'what can still be had stays');

done_testing();
