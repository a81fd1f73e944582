# A database for each conference, on two servers, behind pgbouncer in transaction pooling,
# and reports over both by postgres_fdw, as docs/operations.md tells and by its commands.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RegpayTest;
use Test::More;

my ($pgbouncer) = grep { -x } map {"$_/pgbouncer"} split(/:/, $ENV{PATH}), '/usr/sbin';
die "there is no pgbouncer: install Debian's package\n" if !$pgbouncer;

my $folder = PostgreSQL::Test::Utils::tempdir_short;
my %block = page_blocks('docs/operations.md', 'test/t/databases.pl');
my %shows = page_results('docs/operations.md', 'test/t/databases.pl');
my %password = (shop_password => 'gannets dive', books_password => 'herons wait');
my @conferences = (
	{ conference => 'gannet', name => 'Gannet Conf 2026', currency => 'AUD' },
	{ conference => 'heron', name => 'Heron Camp', currency => 'NZD' });

# The roles of others than us have to give their passwords.
for my $conference (@conferences)
{
	my $node = $conference->{node} = new_node("of_$conference->{conference}");

	$node->start;
	$conference->{server} = $node->host;
	$conference->{port} = $node->port;
	unlink $node->data_dir . '/pg_hba.conf';
	$node->append_conf('pg_hba.conf', "local all shop,books scram-sha-256\nlocal all all trust\n");
	$node->reload;
}
my ($first, $second) = map { $_->{node} } @conferences;

sub names
{
	my ($conference) = @_;
	return (%password, map { $_ => $conference->{$_} } qw(conference name currency server port));
}

# A block of the page, with its names set; what it prints.
sub run_block
{
	my ($name, $node, %value) = @_;
	my $script = "$folder/$name.sh";

	unlink $script;
	append_to_file($script, join '', "set -e -o pipefail\ncd '$folder'\n", (map {"$_='$value{$_}'\n"} sort keys %value),
		$block{$name});
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	my $right = IPC::Run::run([ 'bash', $script ], '<', \undef, '>', \my $out, '2>', \my $err);
	ok($right && $err !~ /ERROR|FATAL/, "the page's commands: $name") or diag("$out$err");
	return $out;
}

for my $conference (@conferences)
{
	run_block('roles', $conference->{node}, names($conference));
	run_block('conference', $conference->{node}, names($conference));
	$conference->{node}->safe_psql($conference->{conference}, <<'SQL');
INSERT INTO regpaydb.attendee (user_id) VALUES (101), (102);
SELECT regpaydb.manual_invoice(a, '30 days', '[{"description": "Ticket", "price": 500.00}]') FROM generate_series(1, 2) a;
SQL
}

# ---- through the pool ----

run_block('pool', $first, %password, folder => $folder, map {
	("server_$_" => $conferences[ $_ - 1 ]{server}, "port_$_" => $conferences[ $_ - 1 ]{port})
} 1, 2);
# One connection to each server, so that clients do share it.
append_to_file("$folder/pgbouncer.ini", "listen_addr =\ndefault_pool_size = 1\n");
my $pool = IPC::Run::start([ $pgbouncer, '-q', "$folder/pgbouncer.ini" ], '<', \undef, '>', "$folder/pool.out", '2>', "$folder/pool.err");
END { $pool->kill_kill if $pool }
wait_until(sub { return -S "$folder/.s.PGSQL.6432" }, 60) or die slurp_file("$folder/pool.err");

sub pooled
{
	my ($conference, $sql) = @_;
	local $ENV{PGPASSWORD} = $password{shop_password};

	IPC::Run::run([ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', "host=$folder port=6432 user=shop dbname=$conference" ],
		'<', \$sql, '>', \my $out, '2>', \my $err);
	$out .= $err;
	chomp $out;
	return $out;
}

sub as_actor
{
	my ($user, $sql) = @_;
	return "BEGIN; SELECT FROM set_config('regpaydb.user_id', '$user', true); $sql; COMMIT;";
}

is(pooled('gannet', $block{pay}), "101\n1", 'paid, by the page\'s statements');
is(pooled('heron', as_actor(102, "SELECT regpaydb.pay(2, 95.00, 'card', 'stripe', 'ch_1')")), '1', 'and in the other database');
refused(pooled('gannet', as_actor(102, "SELECT regpaydb.pay(1, 1.00, '')")), 'RP002', qr/there is no invoice 1/,
	'an invoice of another user is none');
my $mine = 'SELECT string_agg(invoice_id::text, $$,$$) FROM regpaydb.invoice';
is(pooled('gannet', as_actor(101, $mine)), '1', 'an actor sees her own');
is(pooled('gannet', as_actor(102, $mine)), '2', 'and the next one his, on the same connection');
is(pooled('gannet', $mine), '', 'who says nothing is nobody');
is($first->safe_psql('gannet', "SELECT count(DISTINCT pid) FROM pg_stat_activity WHERE usename = 'shop'"), 1, 'all by one connection');

# ---- reports over both ----

run_block('reports', $first);
run_block('import', $first, names($_)) for @conferences;
my @treasurer = (extra_params => [ '-U', 'treasurer' ]);

append_to_file("$folder/over_all.sql", $block{over_all});
{
	my $printed = qx{psql -X -q -P pager=off -h '${\ $first->host}' -p ${\ $first->port} -U treasurer -d reports -f '$folder/over_all.sql' 2>&1};
	$printed =~ s/[ \t]+$//mg;
	$printed =~ s/\n+\z/\n/;
	is($printed, $shows{over_all}, 'a query over both prints what the page shows');
}
is($first->safe_psql('reports', 'SELECT count(*) FROM received WHERE money_received > 0', @treasurer), 2, 'both have money');

# ---- many clients, few connections ----

# Clients that take turns on these connections, each for one user in one conference.
my @clients = map {
	my ($conference, $user) = @$_;
	my $invoice = $user - 100;
	my $client = { script => join('', map { as_actor($user, "SELECT regpaydb.pay($invoice, 0.01, '$conference $user'), count(*) FROM regpaydb.invoice") . "\n" } 1 .. 50) };
	$client->{run} = IPC::Run::start([ 'env', "PGPASSWORD=$password{shop_password}", 'psql', '-XAtq', '-d', "host=$folder port=6432 user=shop dbname=$conference" ],
		'<', \$client->{script}, '>', \$client->{out}, '2>', \$client->{err});
	$client;
} map { my $c = $_; map { [ $c, $_ ] } 101, 102 } qw(gannet heron);
for my $client (@clients)
{
	$client->{run}->finish;
	is(scalar(grep {/^\d+\|1$/} lines($client->{out})) . $client->{err}, '50', 'each payment saw its actor\'s invoice');
}
for my $conference (@conferences)
{
	my $name = $conference->{conference};

	is($conference->{node}->safe_psql($name, q{SELECT reference, invoice_id, count(*) FROM regpaydb.payment WHERE amount = 0.01 AND kind = 'payment' GROUP BY 1, 2 ORDER BY 1}),
		"$name 101|1|50\n$name 102|2|50", "$name: has what was paid there");
	integrity($conference->{node}, $name, 'regpaydb', "$name: sound");
}

is($first->safe_psql('reports', 'SELECT conference, money_received FROM received ORDER BY 1', @treasurer), "gannet|150.00\nheron|96.00",
	'the reports have it at once');

# What is wrong in one of them is seen.
$second->safe_psql('heron', <<'SQL');
SET session_replication_role = replica;
INSERT INTO regpaydb.payment (invoice_id, amount, reference) VALUES (2, 1.00, 'past the engine');
SQL
like($first->safe_psql('reports', 'SELECT * FROM problems', @treasurer), qr/\Aheron\|invoice 2\|[^\n]*(\nheron\|[^\n]*)*\z/,
	'problems of one are shown as of that one');

# Days are UTC's, but for a view on a function that sets the time zone: a payment at one in
# the morning in Hobart.
$first->safe_psql('gannet', <<"SQL");
$block{place}
SET session_replication_role = replica;
INSERT INTO regpaydb.payment (invoice_id, amount, "time", reference) VALUES (2, 0.01, '2026-01-02 01:00 Australia/Hobart', 'late');
ALTER ROLE books SET TimeZone = 'Australia/Hobart';
SQL
is($first->safe_psql('reports', <<'SQL', @treasurer), "2026-01-01\n2026-01-02", 'days are of UTC or of the place');
SET TimeZone = 'Australia/Hobart';
IMPORT FOREIGN SCHEMA public LIMIT TO (received_here) FROM SERVER gannet INTO gannet;
SELECT min(date) FROM gannet.report_received_by_day;
SELECT min(date) FROM gannet.received_here;
SQL
$first->safe_psql('gannet', <<'SQL');
SET session_replication_role = replica;
DELETE FROM regpaydb.payment WHERE reference = 'late';
SQL

# Nothing is written from there: three times over.
my $insert = q{INSERT INTO heron.payment (invoice_id, amount) VALUES (1, 5.00)};
my $count = $second->safe_psql('heron', 'SELECT count(*), sum(amount) FROM regpaydb.payment');
fails_as('55000', qr/does not allow inserts/, 'an INSERT');
$first->safe_psql('reports', q{ALTER SERVER heron OPTIONS (SET updatable 'true')}, @treasurer);
fails_as('42501', qr/permission denied/, 'an INSERT where the server would be updatable');
$second->safe_psql('postgres', 'ALTER ROLE books SUPERUSER');
fails_as('23502', qr/null value in column "payment_id"/, 'and one by a role that may');
is($second->safe_psql('heron', 'SELECT count(*), sum(amount) FROM regpaydb.payment'), $count, 'nothing was written');

sub fails_as
{
	my ($sqlstate, $words, $what) = @_;
	my ($status, $out, $err) = $first->psql('reports', $insert, extra_params => [ '-U', 'treasurer', '-v', 'VERBOSITY=verbose' ]);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	refused($err, $sqlstate, $words, "$what through a foreign table fails loudly");
	return;
}

$pool->kill_kill;
undef $pool;
done_testing();
