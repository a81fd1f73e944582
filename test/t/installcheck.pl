# "make installcheck" on a server that is somebody's own: for one test alone, for all
# that a role may run who is no superuser; and the roles and databases of the server
# stay as they were.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use IPC::Run qw(start finish);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RegpayTest;
use Test::More;

# In a copy, as other tests are run in the sources at the same time.
my $copy = PostgreSQL::Test::Utils::tempdir . '/copy';
system_or_bail('cp', '-a', $ENV{REGPAYDB_SRC}, $copy);
system_or_bail('rm', '-rf', "$copy/output");

my $node = new_node('main');
$node->start;
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;

# What is somebody's own, named as other extensions' tests name it.
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE gannet LOGIN CREATEDB;
CREATE ROLE nobody LOGIN;
CREATE ROLE admin LOGIN SUPERUSER;
CREATE ROLE regress_app;
CREATE DATABASE contrib_regression OWNER gannet;
CREATE DATABASE isolation_regression OWNER gannet;
SQL
$node->safe_psql('contrib_regression', 'CREATE TABLE kept AS SELECT 42 AS answer');

# Databases by their oids, for one that was dropped and made again is another one.
sub is_there
{
	return $node->safe_psql('postgres', <<'SQL');
SELECT 'role', rolname, oid FROM pg_roles UNION ALL SELECT 'database', datname, oid FROM pg_database ORDER BY 1, 2
SQL
}

my $before = is_there();

# What make says, and which tests passed and failed.
sub installcheck
{
	my @arguments = @_;
	my ($out, $ok) = ('');

	# PostgreSQL's modules set it, and make would pass its own flags on.
	local $ENV{MAKEFLAGS} = '';
	$ok = IPC::Run::run([ 'make', '-s', '-C', $copy, 'installcheck', @arguments ], '>', \$out, '2>&1');
	my @passed = grep {defined} $out =~ /^(?:test (\w+) +\.\.\. ok|ok \d+ +[-+] (\w+)) /mg;
	my @failed = grep {defined} $out =~ /^(?:test (\w+) +\.\.\. FAILED|not ok \d+ +[-+] (\w+)) /mg;

	return ($ok, $out, "@passed", "@failed");
}

# That these tests passed, and none else was run.
sub passes
{
	my ($name, $expected, @arguments) = @_;
	my ($ok, $out, $passed, $failed) = installcheck(@arguments);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($ok, $name) or diag($out);
	is($passed, $expected, "$name: these tests");
	is($failed, '', "$name: none fails");
	is(is_there(), $before, "$name: roles and databases are as before");
	return $out;
}

# That nothing is run, and why.
sub is_refused
{
	my ($name, $words, @arguments) = @_;
	my ($ok, $out, $passed, $failed) = installcheck(@arguments);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok(!$ok, "$name: is refused");
	is("$passed$failed", '', "$name: nothing was run");
	like($out, $words, "$name: says why");
	is(is_there(), $before, "$name: roles and databases are as before");
	return;
}

# ---- one test alone ----

passes('REGRESS=seed', '00_helpers seed', 'REGRESS=seed');
passes('ISOLATION=one_note', 'one_note', 'ISOLATION=one_note');
passes('one of each', '00_helpers seed one_note', 'REGRESS=00_helpers seed', 'ISOLATION=one_note');
passes('no SQL test', 'one_note', 'REGRESS=', 'ISOLATION=one_note');
passes('a test that makes roles', '00_helpers staff_actor', 'REGRESS=staff_actor');
passes('an isolation test that makes roles', 'grant_concurrent', 'ISOLATION=grant_concurrent');
is($node->safe_psql('contrib_regression', 'SELECT answer FROM kept'), '42', 'what was in other databases still is');

# ---- as somebody else ----

passes('a superuser of another name', '00_helpers attack_path hostile', 'REGRESS=attack_path hostile', 'PGUSER=admin');

my $out = passes('an owner, one test', '00_helpers seed', 'REGRESS=seed', 'PGUSER=gannet');
unlike($out, qr/not run/, 'an owner, one test: it is run');
$out = passes('an owner, two tests', '00_helpers seed', 'REGRESS=seed staff_actor', 'PGUSER=gannet');
like($out, qr/^installcheck: not run, as gannet is no superuser: staff_actor$/m, 'an owner, two tests: says which is not run');
is_refused('an owner, a test for superusers', qr/^installcheck: there is no test to run$/m, 'REGRESS=staff_actor', 'PGUSER=gannet');
is_refused('a role that can make no database', qr/ALTER ROLE nobody CREATEDB/, 'REGRESS=seed', 'PGUSER=nobody');
is_refused('no such role', qr/role "stranger" does not exist/, 'REGRESS=seed', 'PGUSER=stranger');

# All that an owner can run: those that are not listed in the Makefile.
my ($superusers) = slurp_file("$copy/Makefile") =~ /^SUPERUSERS_ONLY = ((?:.*\\\n)*.*)/m;
my %listed = map { $_ => 1 } $superusers =~ /(\w+)/g;
my ($sql, $specs) = map { [ sort map {m{/(\w+)\.\w+$}} glob $_ ] } "$copy/test/sql/*.sql", "$copy/test/specs/*.spec";
my @owners = grep { !$listed{$_} } @$sql, @$specs;
cmp_ok(scalar @owners, '>', 50, scalar(@owners) . ' of ' . (@$sql + @$specs) . ' tests are an owner\'s, too');
is(join(' ', grep { my $name = $_; !grep { $_ eq $name } @$sql, @$specs } sort keys %listed), '', 'the others are there');
my %text = map { m{/(\w+)\.\w+$} => slurp_file($_) } glob "$copy/test/sql/*.sql $copy/test/specs/*.spec";
is(join(' ', grep { $text{$_} =~ /\bCREATE ROLE\b/i } @owners), '', 'none of them makes roles');

# All of them take minutes: some here, the others in the long run.
my @chosen = @owners[ grep { $ENV{REGPAYDB_CHAOS} || $_ % 8 == 0 } 0 .. $#owners ];
passes('an owner, ' . @chosen . ' tests', "00_helpers @{[ grep { $_ ne '00_helpers' } @chosen ]}", 'PGUSER=gannet',
	"REGRESS=@{[ grep { -e \"$copy/test/sql/$_.sql\" } @chosen ]}", "ISOLATION=@{[ grep { -e \"$copy/test/specs/$_.spec\" } @chosen ]}");

# ---- what is there before ----

is_refused('a role of that name', qr/^    the role regress_app$/m, 'REGRESS=row_security');
$node->safe_psql('postgres', 'CREATE DATABASE regress_bytes');
$before = is_there();
is_refused("a test's other database", qr/^    the database regress_bytes$/m, 'REGRESS=attack_input');
$node->safe_psql('postgres', 'CREATE DATABASE contrib_regression_regpaydb');
$before = is_there();
is_refused('a database of that name', qr/^    the database contrib_regression_regpaydb$/m, 'REGRESS=seed');

# ... is used where that is asked for.
passes('a database of that name', '00_helpers seed', 'REGRESS=00_helpers seed', 'EXTRA_REGRESS_OPTS=--use-existing');
passes('what is in it', 'payment', 'REGRESS=payment', 'EXTRA_REGRESS_OPTS=--use-existing');
$node->safe_psql('postgres', 'DROP DATABASE contrib_regression_regpaydb');
$before = is_there();

# ---- tests that do not end as they should ----

append_to_file("$copy/test/sql/leaves.sql", <<'SQL');
CREATE ROLE regress_left;
CREATE ROLE "Regress ""Left""";
CREATE DATABASE regress_left;
SELECT regpaydb.create_ledger('left');
GRANT ALL ON SCHEMA "left" TO regress_left, "Regress ""Left""";
SQL
append_to_file("$copy/expected/leaves.out", "something else\n");
my ($ok, $said, $passed, $failed) = installcheck('REGRESS=leaves');
ok(!$ok, 'a test that fails');
is($failed, 'leaves', 'a test that fails: it is told');
is(is_there(), $before, 'a test that fails: leaves nothing');

append_to_file("$copy/test/sql/waits.sql", "CREATE ROLE regress_left;\nSELECT pg_sleep(600);\n");
my $waiting = start([ 'make', '-s', '-C', $copy, 'installcheck', 'REGRESS=waits' ],
	'>', \$said, '2>&1', init => sub { setpgrp });
ok(wait_until(sub { $node->safe_psql('postgres', "SELECT count(*) FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep'") }),
	'a test that waits');
isnt(is_there(), $before, 'a test that waits: has a role and a database');
kill 'INT', -$waiting->{KIDS}[0]{PID};		# the whole group, as a terminal does
finish($waiting);
is(is_there(), $before, 'a test that is interrupted: leaves nothing');

# ---- what tests make is seen ----

my $all = join '', map { slurp_file($_) } glob "$ENV{REGPAYDB_SRC}/test/sql/*.sql $ENV{REGPAYDB_SRC}/test/specs/*.spec";
my $made = () = $all =~ /CREATE (?:ROLE|DATABASE) (?:"(?:[^"]|"")*"|[a-z0-9_]+)/g;
my $any = () = $all =~ /\bcreate\s+(?:role|user|group|database)\b(?!\s+mapping)/gi;
cmp_ok($made, '>', 50, "tests make roles and databases in $made places");
is($any, $made, 'each time in the words by which test/installcheck finds them');

done_testing();
