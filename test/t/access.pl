# Who may see and do what, beyond one session: through dumps, trusted installs
# and standbys; and access codes, by statistics.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RegpayTest;
use Test::More;

my $node = new_node('access', init => { allows_streaming => 1 });
$node->start;

my $folder = PostgreSQL::Test::Utils::tempdir;

sub as_role
{
	my ($role) = @_;
	return (extra_params => [ '-U', $role ]);
}

# What a role gets for a statement: the output, or the error's SQLSTATE.
sub answer
{
	my ($database, $role, $sql) = @_;
	my ($status, $out, $err) = $node->psql($database, $sql,
		extra_params => [ '-U', $role, '-v', 'VERBOSITY=sqlstate' ]);

	return $err =~ /ERROR:\s+(\w{5})/ ? $1 : $out;
}

sub definitions
{
	my ($database) = @_;
	my ($out, $err) = run_command([ 'pg_dump', '-d', $node->connstr($database), '--schema-only' ]);

	die $err if $err;
	$out =~ s/^\\(un)?restrict .*\n//mg;
	return $out;
}

sub dump_as
{
	my ($role, $database, $file) = @_;

	command_ok([ 'pg_dump', '-U', $role, '-d', $node->connstr($database), '-Fc', '-f', "$folder/$file" ],
		"$role dumps $database");
	return;
}

sub restore_as
{
	my ($role, $file, $database) = @_;

	command_ok([ 'pg_restore', '-e', '-U', $role, '-d', $node->connstr($database), "$folder/$file" ],
		"$role restores $file into $database");
	return;
}

sub new_database
{
	my ($name, $owner) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $name OWNER $owner TEMPLATE template0");
	return $name;
}

$node->safe_psql('postgres', <<'SQL');
CREATE ROLE boss SUPERUSER LOGIN;
CREATE ROLE deputy SUPERUSER LOGIN;
CREATE ROLE alice LOGIN;		-- owns a database
CREATE ROLE mallory LOGIN;		-- may create schemas
CREATE ROLE shop LOGIN;
CREATE ROLE desk LOGIN;
CREATE ROLE books LOGIN;
SQL

my $people = <<'SQL';
INSERT INTO regpaydb.staff VALUES (900);
INSERT INTO regpaydb.attendee (user_id, recipient, access_code) VALUES
	(101, 'Ada', 'CODE-OF-ADA'), (102, 'Bob', 'CODE-OF-BOB');
SELECT regpaydb.manual_invoice(a, '1 day', '[{"description": "Ticket", "price": 100}]')
	FROM (VALUES (1), (2), (1)) v (a);
SELECT regpaydb.grant_access('shop', 'app'), regpaydb.grant_access('desk', 'staff'),
	regpaydb.grant_access('books', 'reports');
SQL

# What each role can do in a ledger that was set up by the above, and cannot.
sub accesses_work
{
	my ($database, $owner, $how) = @_;
	my $for_ada = q{SET regpaydb.user_id = '101'; };

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	for my $case (
		[ shop => 'SELECT count(*) FROM regpaydb.invoice', '0' ],
		[ shop => $for_ada . 'SELECT string_agg(invoice_id::text, \' \' ORDER BY invoice_id) FROM regpaydb.invoice', '1 3' ],
		[ shop => $for_ada . 'SELECT regpaydb.pay(1, 1, \'card\') > 0', 't' ],
		[ shop => $for_ada . 'SELECT regpaydb.pay(2, 1, \'card\')', 'RP002' ],
		[ shop => 'SELECT regpaydb.refund_invoice(1)', '42501' ],
		[ shop => q{SELECT regpaydb.grant_access('shop', 'staff')}, '42501' ],
		[ shop => 'UPDATE regpaydb.invoice SET recipient = \'x\'', '42501' ],
		[ desk => 'SELECT count(*) FROM regpaydb.invoice', '3' ],
		[ desk => q{SELECT regpaydb.record_manual_payment(2, 1, 'cash', 900) > 0}, 't' ],
		[ books => 'SELECT count(*) FROM regpaydb.check_integrity()', '0' ],
		[ books => 'SELECT regpaydb.pay(1, 1, \'x\')', '42501' ],
		[ books => 'SELECT access_code FROM regpaydb.attendee', '42501' ],
		[ mallory => 'SELECT regpaydb.pay(1, 1, \'x\')', '42501' ],
		[ $owner => 'SELECT regpaydb.balance_due(3)', '100.00' ],
		[ $owner => 'SELECT regpaydb.upgrade_ledger()', '' ],
		[ $owner => q{BEGIN; SELECT regpaydb.grant_access('mallory', 'app'); ROLLBACK}, '' ],
		[ $owner => q{BEGIN; SELECT regpaydb.create_ledger('another'); ROLLBACK}, '' ])
	{
		my ($role, $sql, $expected) = @$case;
		is(answer($database, $role, $sql), $expected, "$how: $role: $sql");
	}
	is($node->safe_psql($database, q{SELECT count(*) >= 35 FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid
		WHERE relnamespace = 'regpaydb'::regnamespace AND NOT tgisinternal}), 't', "$how: with its triggers");
	return;
}

# All of it is taken back, so that the roles could be dropped.
sub accesses_end
{
	my ($database, $owner, $how) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(answer($database, $owner, <<'SQL'), '0|0', "$how: revoke_access leaves nothing");
BEGIN;
SELECT regpaydb.revoke_access('shop', 'app'), regpaydb.revoke_access('desk', 'staff'),
	regpaydb.revoke_access('books', 'reports') \g /dev/null
SELECT count(*) FILTER (WHERE classid <> 'pg_policy'::regclass), count(*) FILTER (WHERE classid = 'pg_policy'::regclass)
	FROM pg_shdepend d JOIN pg_roles r ON r.oid = refobjid AND refclassid = 'pg_authid'::regclass
	WHERE rolname IN ('shop', 'desk', 'books') AND d.dbid = (SELECT oid FROM pg_database WHERE datname = current_database());
ROLLBACK;
SQL
	return;
}

# ---- a superuser's install ----

new_database('source', 'boss');
$node->safe_psql('source', "CREATE EXTENSION regpaydb; SELECT regpaydb.create_ledger(); $people", as_role('boss'));
accesses_work('source', 'boss', 'source');
dump_as('boss', 'source', 'boss');
{
	my $restored = new_database('by_deputy', 'postgres');

	restore_as('deputy', 'boss', $restored);
	is(definitions($restored), definitions('source'), 'another superuser restores the same definitions');
	accesses_work($restored, 'boss', 'restored by another superuser');
	accesses_end($restored, 'boss', 'restored by another superuser');
}

# Who has only what policies show has no dump that would be less than whole.
for my $role ('shop', 'desk', 'books')
{
	my ($out, $err) = run_command([ 'pg_dump', '-U', $role, '-d', $node->connstr('source'), '--data-only', '-t', 'regpaydb.invoice' ]);
	like($err, qr/row-level security|permission denied/, "$role can't dump");
}

# ---- a trusted install: by the role that owns the database ----

new_database('trusted', 'alice');
$node->safe_psql('trusted', "CREATE EXTENSION regpaydb; SELECT regpaydb.create_ledger(); $people", as_role('alice'));
is($node->safe_psql('trusted', q{SELECT rolsuper FROM pg_roles WHERE rolname = 'alice'}), 'f', 'alice is no superuser');
is( $node->safe_psql('trusted', q{SELECT string_agg(DISTINCT proowner::regrole::text, ' ')
	FROM pg_proc WHERE pronamespace = 'regpaydb'::regnamespace}),
	'alice', 'a trusted install\'s functions are its installer\'s');
accesses_work('trusted', 'alice', 'trusted');
dump_as('alice', 'trusted', 'alice');

new_database('by_alice', 'alice');
restore_as('alice', 'alice', 'by_alice');
is(definitions('by_alice'), definitions('trusted'), 'she restores the same definitions');
accesses_work('by_alice', 'alice', 'restored by herself');
accesses_end('by_alice', 'alice', 'restored by herself');
dump_as('alice', 'by_alice', 'again');

new_database('by_boss', 'alice');
restore_as('boss', 'again', 'by_boss');
is(definitions('by_boss'), definitions('trusted'), 'a superuser restores the same definitions into her database');
accesses_work('by_boss', 'alice', 'restored by a superuser');
accesses_end('by_boss', 'alice', 'restored by a superuser');
dump_as('boss', 'by_boss', 'third');
new_database('again_by_alice', 'alice');
restore_as('alice', 'third', 'again_by_alice');
accesses_work('again_by_alice', 'alice', 'restored a third time');
accesses_end('again_by_alice', 'alice', 'restored a third time');

# Who owns the extension owns what it calls; that is why others' schemas are refused.
new_database('squatted', 'boss');
$node->safe_psql('squatted', 'GRANT CREATE ON DATABASE squatted TO mallory');
$node->safe_psql('squatted', 'CREATE SCHEMA regpaydb', as_role('mallory'));
fails_with($node, 'squatted', 'CREATE EXTENSION regpaydb', '42501', qr/schema "regpaydb" belongs to somebody else.*HINT/s,
	'a squatted schema, though empty, is refused');
$node->safe_psql('squatted', 'CREATE FUNCTION regpaydb.planted() RETURNS int LANGUAGE sql RETURN 1', as_role('mallory'));
$node->safe_psql('squatted', 'ALTER DATABASE squatted OWNER TO mallory');
fails_with($node, 'squatted', 'CREATE EXTENSION regpaydb', '42501', qr/belongs to somebody else/,
	'one with something in it is, even if it is the database\'s owner\'s');
is(answer('squatted', 'boss', 'SELECT count(*) FROM pg_extension WHERE extname = \'regpaydb\''), '0', 'nothing is left');
$node->safe_psql('squatted', 'DROP FUNCTION regpaydb.planted');
$node->safe_psql('squatted', 'CREATE EXTENSION regpaydb');
is(answer('squatted', 'mallory', 'SELECT regpaydb.create_ledger()'), '', 'a superuser installs it for the database\'s owner');
# Where she may create schemas, hers could be a squatted one; where not, it is what
# a superuser restores.
new_database('elsewhere', 'boss');
$node->safe_psql('elsewhere', 'GRANT CREATE ON DATABASE elsewhere TO alice');
my ($out, $err) = run_command([ 'pg_restore', '-e', '-U', 'boss', '-d', $node->connstr('elsewhere'), "$folder/alice" ]);
like($err, qr/belongs to somebody else.*To restore a dump, let the database belong to the schema's owner/s,
	'a dump of hers does not restore where she could have made the schema, and says why');
new_database('restored_by_boss', 'boss');
($out, $err) = run_command([ 'pg_restore', '-e', '-U', 'boss', '-d', $node->connstr('restored_by_boss'), "$folder/alice" ]);
is($err, '', 'it does where she could not');
is(answer('restored_by_boss', 'alice', 'SELECT count(*) FROM regpaydb.check_integrity()'), '0', 'and is sound');

# ---- a hot standby, and transactions that only read ----

$node->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('access_standby');
$standby->init_from_backup($node, 'base', has_streaming => 1);
$standby->start;
for my $where ([ $standby => '' ], [ $node => 'SET default_transaction_read_only = on; ' ])
{
	my ($server, $before) = @$where;
	my $how = $before ? 'read-only' : 'standby';
	my %answer = (
		'SELECT regpaydb.can_view(1, 101), regpaydb.can_view(1, 102), regpaydb.can_view(1, 900)' => 't|f|t',
		q{SELECT regpaydb.can_view(2, access_code => 'CODE-OF-BOB'), regpaydb.can_view(2, access_code => 'CODE-OF-ADA')} => 't|f',
		q{SELECT regpaydb.invoice_for_access_code('CODE-OF-ADA')} => '3',
		'SELECT count(*) FROM regpaydb.invoice' => '0',
		q{SET regpaydb.user_id = '101'; SELECT string_agg(invoice_id::text, ' ' ORDER BY invoice_id) FROM regpaydb.invoice} => '1 3',
		q{SET regpaydb.access_code = 'CODE-OF-BOB'; SELECT string_agg(invoice_id::text, ' ') FROM regpaydb.line_item} => '2',
		q{SET regpaydb.user_id = '900'; SELECT count(*) FROM regpaydb.invoice} => '3',
		q{SET regpaydb.user_id = '101'; SELECT count(*) FROM regpaydb.payment WHERE invoice_id = 2} => '0',
		q{SET regpaydb.user_id = '101'; SELECT regpaydb.balance_due(3)} => '100.00');

	for my $sql (sort keys %answer)
	{
		is($server->safe_psql('source', $before . $sql, as_role('shop')), $answer{$sql}, "$how: $sql");
	}
	my ($status, $stdout, $stderr) = $server->psql('source', "\\set VERBOSITY verbose\n${before}SELECT regpaydb.pay(1, 1, '')", as_role('shop'));
	refused($stderr, '25006', qr/read-only/, "$how: pay is refused");
}
$standby->stop;

# ---- 100,000 access codes ----

my $codes = <<'SQL';
CREATE TEMP TABLE code (code text);
WITH made AS (INSERT INTO regpaydb.attendee (user_id) SELECT 10000 + n FROM generate_series(1, 50000) n RETURNING access_code)
	INSERT INTO code SELECT access_code FROM made;
INSERT INTO code SELECT regpaydb.rotate_access_code(attendee_id) FROM regpaydb.attendee WHERE user_id > 10000;
SELECT count(*), count(DISTINCT code), count(*) FILTER (WHERE code !~ '^[2-9A-HJ-NP-Z]{16}$') FROM code;
WITH used AS (SELECT c, count(*) AS n FROM code, regexp_split_to_table(code, '') c GROUP BY 1),
	by_place AS (SELECT p, substr(code, p, 1) AS c, count(*) AS n FROM code, generate_series(1, 16) p GROUP BY 1, 2)
-- Chi-square with 31 degrees of freedom is above 120 once in 10^12 times, with
-- 16 * 31 above 750 once in 10^12.
SELECT (SELECT count(*) FROM used), (SELECT sum((n - 50000.0) ^ 2 / 50000) < 120 FROM used),
	(SELECT count(*) FROM by_place), (SELECT sum((n - 3125.0) ^ 2 / 3125) < 750 FROM by_place);
SELECT count(*) FROM code c JOIN regpaydb.attendee a ON a.access_code = c.code;
SQL
is($node->safe_psql('source', $codes, as_role('boss')), "100000|100000|0\n32|t|512|t\n50000",
	'access codes have length and alphabet, are unique, and every character is as likely in every place');

# (The statistics notice it when one of 32 characters comes 6 % more often.)
is($node->safe_psql('source', <<'SQL'), 'f', 'and a small bias would be noticed');
WITH used AS (SELECT CASE WHEN n % 501 = 0 THEN 0 ELSE n % 32 END AS c, count(*) AS n FROM generate_series(1, 1600000) n GROUP BY 1)
SELECT sum((n - 50000.0) ^ 2 / 50000) < 120 FROM used
SQL

# ---- nothing tells what is not there from what may not be seen ----

$node->safe_psql('source', 'VACUUM ANALYZE');
same_words($node, 'source', 'shop');
my $spread = timing_spread($node, 'source', 'shop');
cmp_ok($spread, '<', 1.25, "and neither does the time it takes (spread $spread)");

$node->stop;
done_testing();
