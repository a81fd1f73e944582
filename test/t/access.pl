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
	like($err, qr/row-level security|permission denied|user may lack SELECT privilege/, "$role can't dump");
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

# ---- whose schema the extension takes ----

# Who owns the extension owns what it calls; that is why others' schemas are
# refused, however they came to be theirs.
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE team;			-- a group, which may create nothing
GRANT team TO mallory;
CREATE ROLE accountants;	-- has the rights of alice, who owns databases
GRANT alice TO accountants;
CREATE ROLE visitors NOINHERIT;
GRANT alice TO visitors;
SQL
my $number = 0;

# What CREATE EXTENSION, by a superuser, says to a schema made in this way.
sub installs_into
{
	my ($sql, $settings) = @_;
	my $database = new_database('squatted_' . ++$number, 'alice');

	$node->safe_psql($database, "GRANT CREATE ON DATABASE $database TO mallory; $sql", as_role('boss'));
	my $answer = answer($database, 'boss', ($settings // '') . q{; CREATE EXTENSION regpaydb;
		SELECT string_agg(DISTINCT proowner::regrole::text, ' ') FROM pg_proc WHERE pronamespace = 'regpaydb'::regnamespace});
	is(answer($database, 'boss', q{SELECT count(*) FROM pg_extension WHERE extname = 'regpaydb'}), '0', 'nothing is left')
	  if $answer eq '42501';
	$node->safe_psql('postgres', "DROP DATABASE $database");
	return $answer;
}

my $by_mallory = 'SET SESSION AUTHORIZATION mallory; CREATE SCHEMA regpaydb';
my $by_alice = 'SET SESSION AUTHORIZATION alice; CREATE SCHEMA regpaydb';
for my $case (
	[ 'his own' => $by_mallory, '42501' ],
	[ 'given to a group without CREATE' => "$by_mallory AUTHORIZATION team", '42501' ],
	[ 'given to that group later' => "$by_mallory; ALTER SCHEMA regpaydb OWNER TO team", '42501' ],
	[ 'his own, who may create no more' => "$by_mallory; RESET SESSION AUTHORIZATION;
		DO \$\$ BEGIN EXECUTE format('REVOKE CREATE ON DATABASE %I FROM mallory', current_database()); END \$\$", '42501' ],
	[ 'another superuser\'s' => 'CREATE SCHEMA regpaydb AUTHORIZATION deputy', 'deputy' ],
	[ 'that of who owns the database' => $by_alice, 'alice' ],
	[ 'that of a role that has her rights' => 'CREATE SCHEMA regpaydb AUTHORIZATION accountants', 'accountants' ],
	[ 'that of one that would have to become her first' => 'CREATE SCHEMA regpaydb AUTHORIZATION visitors', '42501' ],
	[ 'one in which others may create objects' => "$by_alice; GRANT CREATE ON SCHEMA regpaydb TO mallory", '42501' ],
	[ 'one in which everybody may' => 'CREATE SCHEMA regpaydb; GRANT CREATE ON SCHEMA regpaydb TO PUBLIC', '42501' ],
	[ 'one in which others have' => "CREATE SCHEMA regpaydb; GRANT CREATE ON SCHEMA regpaydb TO mallory; SET ROLE mallory;
		CREATE FUNCTION regpaydb.pay(int, numeric, text) RETURNS int LANGUAGE sql RETURN 1; RESET ROLE; REVOKE ALL ON SCHEMA regpaydb FROM mallory", '42501' ],
	[ 'hers, with something in it' => "$by_alice; CREATE TYPE regpaydb.planted AS ENUM ()", '42501' ],
	[ 'his own, which is named' => $by_mallory, 'mallory', 'mallory' ],
	[ 'his own, where somebody else is named' => $by_mallory, '42501', 'alice' ],
	[ 'his own, where almost he is named' => $by_mallory, '42501', 'Mallory' ],
	[ 'his own, named, with something in it' => "$by_mallory; CREATE TABLE regpaydb.planted ()", '42501', 'mallory' ],
	[ 'the installer\'s own, whoever is named' => 'CREATE SCHEMA regpaydb', 'boss', 'mallory' ])
{
	my ($name, $sql, $expected, $owner) = @$case;
	is(installs_into($sql, defined $owner ? "SET regpaydb.schema_owner = '$owner'" : undef), $expected,
		"a superuser installs into a schema: $name");
}
# The setting is read whether or not the library knows it already, and stays.
is(installs_into($by_mallory, q{LOAD 'regpaydb'; SET regpaydb.schema_owner = 'mallory'}), 'mallory', 'set when the library is loaded');
is(answer('source', 'boss', q{SET regpaydb.schema_owner = 'alice'; LOAD 'regpaydb'; SHOW regpaydb.schema_owner}), 'alice', 'set before');
is(answer('source', 'boss', q{LOAD 'regpaydb'; SHOW regpaydb.schema_owner}), '', 'empty at first');

# A restore of a dump of somebody else's install says what to do, and then works.
new_database('elsewhere', 'boss');
my @restore = ('pg_restore', '-e', '-U', 'boss', '-d', $node->connstr('elsewhere'), "$folder/alice");
my ($out, $err) = run_command(\@restore);
like($err, qr/belongs to somebody else.*It belongs to "alice".*set regpaydb\.schema_owner to the role's name/s,
	'a dump of hers does not restore into a database that is not hers, and says why');
$node->safe_psql('postgres', 'DROP DATABASE elsewhere');
new_database('elsewhere', 'boss');
{
	local $ENV{PGOPTIONS} = '-c regpaydb.schema_owner=alice';
	($out, $err) = run_command(\@restore);
}
is($err, '', 'it does where she is named');
is(definitions('elsewhere'), definitions('trusted'), 'with the same definitions');
accesses_work('elsewhere', 'alice', 'restored where she owns nothing') if $node->safe_psql('elsewhere', 'GRANT CREATE ON DATABASE elsewhere TO alice') eq '';
accesses_end('elsewhere', 'alice', 'restored where she owns nothing');

# ---- a ledger changes hands ----

# As docs/operations.md tells; the new owner's dump is as good as the old one's.
new_database('handed_on', 'boss');
$node->safe_psql('handed_on', <<'SQL' . $people, as_role('boss'));
CREATE ROLE old_owner LOGIN;
CREATE ROLE new_owner LOGIN;
CREATE EXTENSION regpaydb;
GRANT CREATE ON DATABASE handed_on TO old_owner, new_owner;
CREATE SCHEMA conference AUTHORIZATION old_owner;
GRANT USAGE ON SCHEMA regpaydb TO old_owner;
GRANT EXECUTE ON FUNCTION regpaydb.create_ledger TO old_owner;
SET SESSION AUTHORIZATION old_owner;
SELECT regpaydb.create_ledger('conference');
SET regpaydb.ledger = conference;
INSERT INTO conference.attendee (user_id) VALUES (101);
SELECT regpaydb.grant_access('shop', 'app'), regpaydb.grant_access('books', 'reports');
RESET SESSION AUTHORIZATION;
RESET regpaydb.ledger;
SELECT regpaydb.create_ledger();
SQL
my $tables = q{SELECT string_agg(DISTINCT relowner::regrole::text, ' ') FROM pg_class WHERE relnamespace = 'conference'::regnamespace};
is($node->safe_psql('handed_on', <<"SQL"), 'new_owner', 'all of it is the new owner\'s');
REASSIGN OWNED BY old_owner TO new_owner;
SELECT regpaydb.upgrade_ledger('conference') \\g /dev/null
DROP OWNED BY old_owner;
DROP ROLE old_owner;
$tables;
SQL
dump_as('boss', 'handed_on', 'handed_on');
new_database('handed_on_restored', 'boss');
restore_as('boss', 'handed_on', 'handed_on_restored');
$node->safe_psql('postgres', 'GRANT CREATE ON DATABASE handed_on_restored TO new_owner');
is(definitions('handed_on_restored'), definitions('handed_on'), 'it restores to the same definitions');
for my $database ('handed_on', 'handed_on_restored')
{
	my $ledger = 'SET regpaydb.ledger = conference; ';

	accesses_work($database, 'boss', "$database: the other ledger");
	is(answer($database, 'new_owner', "$ledger SELECT * FROM regpaydb.check_integrity()"), '', "$database: the new owner can call functions");
	is(answer($database, 'new_owner', 'SELECT regpaydb.upgrade_ledger(\'conference\')'), '', "$database: and upgrade the ledger");
	is(answer($database, 'new_owner', "$ledger BEGIN; SELECT regpaydb.grant_access('mallory', 'app'); ROLLBACK"), '', "$database: and grant access");
	is(answer($database, 'shop', "$ledger SET regpaydb.user_id = '101'; SELECT count(*) FROM conference.attendee"), '1', "$database: roles have their access");
	is(answer($database, 'new_owner', "$ledger SELECT count(*) FROM regpaydb.check_grants()"), '0', "$database: nobody else has anything");
	is(answer($database, 'new_owner', "$ledger SELECT regpaydb.revoke_access('shop', 'app')"), '', "$database: and it can be taken back");
	is(answer($database, 'shop', "$ledger SELECT count(*) FROM conference.attendee"), '42501', "$database: and is gone");
}

# ---- default privileges ----

# Whatever they say, of the superuser as whom the script of CREATE EXTENSION runs,
# and of the installer, nobody but the owner has anything of what it makes.
my $defaults = join '', map { my $role = $_; map { "ALTER DEFAULT PRIVILEGES FOR ROLE $role $_;\n" }
	(map { ("GRANT ALL ON $_ TO mallory WITH GRANT OPTION", "GRANT ALL ON $_ TO PUBLIC") } qw(TABLES SEQUENCES FUNCTIONS TYPES SCHEMAS)),
	'REVOKE ALL ON TYPES FROM PUBLIC', "REVOKE EXECUTE ON FUNCTIONS FROM $role" } $node->safe_psql('postgres', 'SELECT current_user'), 'boss', 'alice';
my $acls = <<'SQL';
SELECT proname, proacl FROM pg_proc WHERE pronamespace = 'regpaydb'::regnamespace AND proacl <> ARRAY[makeaclitem(proowner, proowner, 'EXECUTE', false)]
UNION ALL SELECT typname, typacl FROM pg_type WHERE typnamespace = 'regpaydb'::regnamespace AND typtype = 'e'
	AND NOT (typacl @> acldefault('T', typowner) AND typacl <@ acldefault('T', typowner))
UNION ALL SELECT nspname, nspacl FROM pg_namespace WHERE nspname = 'regpaydb' AND nspacl <> acldefault('n', nspowner)
UNION ALL SELECT relname, relacl FROM pg_class WHERE relnamespace = 'regpaydb'::regnamespace
	AND relacl <> acldefault(CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)
SQL
for my $installer ('boss', 'alice')
{
	my $database = new_database("defaults_$installer", 'alice');
	my $before = $node->safe_psql($database, "$defaults SELECT count(*) FROM pg_default_acl");

	cmp_ok($before, '>=', 14, 'there are default privileges');
	is(answer($database, $installer, 'CREATE EXTENSION regpaydb'), '', "$installer installs");
	is($node->safe_psql($database, $acls), '', "what CREATE EXTENSION made is $installer\'s only");
	is(answer($database, $installer, 'SELECT regpaydb.create_ledger()'), '', "$installer makes a ledger");
	is($node->safe_psql($database, $acls), '', "and so is what create_ledger() made");
	is(answer($database, 'mallory', 'SELECT regpaydb.balance_due(1)'), '42501', 'others can call nothing');
	is($node->safe_psql($database, q{SELECT * FROM regpaydb.check_grants()}), '', 'check_grants() has nothing to tell');
	$node->safe_psql($database, $people, as_role($installer));
	accesses_work($database, $installer, "with default privileges, $installer\'s");

	# A dump of it has the same definitions where there are none.
	# (The default privileges themselves can be restored by a superuser only.)
	dump_as($installer, $database, "defaults_$installer");
	new_database("plain_$installer", 'alice');
	restore_as('boss', "defaults_$installer", "plain_$installer");
	is(definitions("plain_$installer"), definitions($database), 'a dump restores to the same definitions');
	is($node->safe_psql("plain_$installer", 'SELECT * FROM regpaydb.check_grants()'), '', 'and has nothing to tell');
}
# Where a restore meets them it can't know better: they are told of.
new_database('restored_to_defaults', 'alice');
$node->safe_psql('restored_to_defaults', $defaults);
restore_as('boss', 'boss', 'restored_to_defaults');
is($node->safe_psql('restored_to_defaults', q{SELECT privilege FROM regpaydb.check_grants() WHERE role = 'mallory' AND object = 'table product' AND privilege ~ 'UPDATE'}),
	'UPDATE WITH GRANT OPTION', 'a restore into a database with default privileges is told of');
is(answer('restored_to_defaults', 'mallory', 'SELECT regpaydb.refund_invoice(1)'), '42501', 'functions are nobody\'s even there');

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
	is($server->safe_psql('source', $before . 'SELECT count(*) FROM regpaydb.check_grants()', as_role('books')), '0', "$how: check_grants()");
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
