# A ledger that 0.1.0 made, with every kind of row, is brought to this version: by
# ALTER EXTENSION UPDATE and upgrade_ledger() where it is, and where a dump of it is
# restored into this version.  Then it is what a fresh ledger is, and works.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RegpayTest;
use Test::More;

plan skip_all => 'REGPAYDB_SRC, the folder of the sources, is not set' unless $ENV{REGPAYDB_SRC};

my $folder = PostgreSQL::Test::Utils::tempdir;
my $source = $ENV{REGPAYDB_SRC};
my ($server, $pg_config) = copy_server($folder);

system_or_bail('make', '-s', '-C', $source, 'with_llvm=no', "PG_CONFIG=$pg_config", 'install');
my $share = qx{$pg_config --sharedir};
chomp $share;
system_or_bail('cp', "$source/test/upgrade/regpaydb--0.1.0.sql", "$share/extension/");

my $node = new_node('main', install_path => $server);
$node->start;
my $version = $node->safe_psql('postgres', q{SELECT default_version FROM pg_available_extensions WHERE name = 'regpaydb'});

# A new function belongs to whom it does in a fresh extension.
my ($update) = glob "$source/sql/regpaydb--*--$version.sql";
my $installer = slurp_file("$source/sql/extension/90_installer.sql");
ok(slurp_file($update) =~ /\Q$installer\E\z/, 'the script that updates to this version ends as that which installs it');

my @roles = qw(upgrade_owner upgrade_shop upgrade_desk upgrade_books);
$node->safe_psql('postgres', join ';', map { "CREATE ROLE $_ LOGIN" } @roles);

# Restore the dump of 0.1.0; the error messages.
sub restore
{
	my ($database, @first) = @_;
	my ($status, $out, $err);

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, join ';', @first) if @first;
	($status, $out, $err) = $node->psql($database, slurp_file("$source/test/upgrade/ledger-0.1.0.sql"), on_error_stop => 0);
	return $err;
}

# What is in a ledger that no upgrade may change, and the user's own things.
sub content
{
	my ($database) = @_;

	return $node->safe_psql($database, <<'SQL');
SET search_path = conf;
SELECT md5(string_agg((payment_id, invoice_id, kind, "time", reference, amount, provider, provider_ref, entered_by, note_of_ours)::text, ' ' ORDER BY payment_id)) FROM payment;
SELECT md5(string_agg((invoice_id, attendee_id, cart_id, cart_revision, status, value, paid, payment_count, last_payment_id, issue_time, paid_time, closed_time)::text, ' ' ORDER BY invoice_id)) FROM invoice;
SELECT md5(string_agg((outbox_id, "time", kind, invoice_id, old_status, new_status, credit_note_id, cart_id)::text, ' ' ORDER BY outbox_id)) FROM outbox;
SELECT md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM (SELECT c::text AS t FROM credit_note c UNION ALL SELECT c::text FROM cart c
	UNION ALL SELECT i::text FROM cart_item i UNION ALL SELECT r::text FROM reservation r UNION ALL SELECT p::text FROM product p
	UNION ALL SELECT a::text FROM attendee a UNION ALL SELECT l::text FROM line_item l) t;
SELECT count(*) FROM our_view;
SQL
}

# All objects of a ledger, without the user's own: definitions, comments, owners, and
# who may use them.
sub objects
{
	my ($database) = @_;

	return $node->safe_psql($database, <<'SQL');
SET search_path = conf;
CREATE FUNCTION pg_temp.acl(aclitem[]) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s %s %s', grantee::regrole, privilege_type, is_grantable), ', ' ORDER BY grantee::regrole::text, privilege_type)
	FROM aclexplode($1)
$$;
SELECT 'relation', c.relname, c.relkind, c.reloptions, c.relrowsecurity, c.relowner::regrole, pg_temp.acl(c.relacl), obj_description(c.oid, 'pg_class')
FROM pg_class c
WHERE c.relnamespace = 'conf'::regnamespace AND c.relname !~ '^our' ORDER BY 2;
SELECT 'column', c.relname, t.attname, format_type(t.atttypid, t.atttypmod), t.attnotnull, t.attidentity, t.attgenerated,
	pg_get_expr(d.adbin, d.adrelid), pg_temp.acl(t.attacl), col_description(c.oid, t.attnum)
FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid AND t.attnum > 0 AND NOT t.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = t.attnum
WHERE c.relnamespace = 'conf'::regnamespace AND c.relname !~ '^our' AND t.attname <> 'note_of_ours' ORDER BY 2, 3;
SELECT 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint')
FROM pg_constraint WHERE connamespace = 'conf'::regnamespace ORDER BY 2, 3;
SELECT 'index', pg_get_indexdef(indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = indexrelid
WHERE c.relnamespace = 'conf'::regnamespace AND c.relname !~ '^our' ORDER BY c.relname;
SELECT 'trigger', pg_get_triggerdef(t.oid), tgenabled, obj_description(t.oid, 'pg_trigger')
FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE c.relnamespace = 'conf'::regnamespace AND NOT tgisinternal ORDER BY c.relname, tgname;
SELECT 'view', c.relname, pg_get_viewdef(c.oid) FROM pg_class c
WHERE c.relnamespace = 'conf'::regnamespace AND relkind = 'v' AND relname !~ '^our' ORDER BY 2;
SELECT 'policy', p.polrelid::regclass, polname, polcmd, polpermissive, (SELECT string_agg(r::regrole::text, ' ' ORDER BY r::regrole::text) FROM unnest(polroles) r),
	pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid), obj_description(p.oid, 'pg_policy')
FROM pg_policy p JOIN pg_class c ON c.oid = polrelid WHERE c.relnamespace = 'conf'::regnamespace ORDER BY 2, 3;
SELECT 'schema', n.nspowner::regrole, pg_temp.acl(n.nspacl), obj_description(n.oid, 'pg_namespace') FROM pg_namespace n WHERE nspname = 'conf';
SQL
}

# That both have the same lines; those that differ, else.
sub same_lines
{
	my ($got, $expected, $name) = @_;
	my %is_got = map { $_ => 1 } lines($got);
	my %is_expected = map { $_ => 1 } lines($expected);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	cmp_ok(scalar keys %is_expected, '>', 50, "$name: there is something to compare");
	is(join("\n", (map { "not expected: $_" } grep { !$is_expected{$_} } sort keys %is_got),
			map { "missing: $_" } grep { !$is_got{$_} } sort keys %is_expected), '', $name);
	return;
}

sub functions
{
	my ($database) = @_;

	return $node->safe_psql($database, <<'SQL');
SELECT pg_get_functiondef(p.oid), obj_description(p.oid, 'pg_proc'), p.proowner::regrole,
	(SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(p.proacl) a)
FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'regpaydb') AND d.deptype = 'e'
ORDER BY p.proname;
SELECT t.typname, (SELECT string_agg(enumlabel, ' ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid), t.typacl, obj_description(t.oid, 'pg_type')
FROM pg_depend d JOIN pg_type t ON t.oid = d.objid AND d.classid = 'pg_type'::regclass
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'regpaydb') AND d.deptype = 'e'
ORDER BY 1
SQL
}

# What was granted by grant_access() is of the ledger's owner in this version.
sub has_function
{
	my ($database, $role, $function) = @_;

	return $node->safe_psql($database, "SELECT has_function_privilege('$role', 'regpaydb.$function', 'EXECUTE')");
}

# ---- a fresh one to hold them against ----

my $access = join ';', q{SELECT regpaydb.grant_access('upgrade_shop', 'app')}, q{SELECT regpaydb.grant_access('upgrade_shop', 'staff')},
  q{SELECT regpaydb.grant_access('upgrade_desk', 'staff')}, q{SELECT regpaydb.grant_access('upgrade_books', 'reports')};

$node->safe_psql('postgres', 'CREATE DATABASE fresh; GRANT CREATE ON DATABASE fresh TO upgrade_owner');
$node->safe_psql('fresh', <<"SQL");
CREATE EXTENSION regpaydb;
GRANT EXECUTE ON FUNCTION regpaydb.create_ledger TO upgrade_owner;
GRANT USAGE ON SCHEMA regpaydb TO upgrade_owner;
SET ROLE upgrade_owner;
SELECT regpaydb.create_ledger('conf', 'Old Conference', 'AUD');
SET regpaydb.ledger = 'conf';
$access
SQL

# That a ledger is of this version now: as a fresh one, its rows as they were, and
# everybody at work.
sub is_upgraded
{
	my ($database, $before) = @_;
	my $as = sub { my ($role, $sql) = @_; return $node->safe_psql($database, "SET regpaydb.ledger = 'conf'; $sql", extra_params => [ '-U', $role ]) };

	is($node->safe_psql($database, 'SELECT ledger_version FROM conf.conference'), $version, "$database: the ledger is of this version");
	is(content($database), $before, "$database: its rows are what they were");
	same_lines(objects($database), objects('fresh'), "$database: its objects are those of a fresh ledger");
	integrity($node, $database, 'conf', "$database: sound");
	is($as->('upgrade_shop', q{BEGIN; SELECT set_config('regpaydb.user_id', '104', true) <> ''; SELECT regpaydb.record_payment(7, 599, 'rest', 'stripe', 'ch_9', '2026-11-01') > 0; COMMIT}),
		"t\nt", "$database: the shop records a payment by a function that is new");
	is($as->('upgrade_desk', q{SELECT regpaydb.refund_invoice(7, 'called off') > 0}), 't', "$database: the desk refunds by a function that has changed");
	is($as->('upgrade_books', q{SELECT closed_reason FROM conf.report_invoices WHERE invoice_id = 7}), 'called off', "$database: the books show it");
	is($node->safe_psql($database, q{SELECT entered_by, value_date, note_of_ours IS NULL FROM conf.payment WHERE provider_ref = 'ch_9'}), '104|2026-11-01|t', "$database: who did it is kept");
	is($as->('upgrade_owner', q{SELECT regpaydb.revoke_access('upgrade_desk', 'staff')}), '', "$database: an access is revoked");
	is(has_function($database, 'upgrade_desk', $_), 'f', "$database: with it goes $_") for 'refund_invoice(bigint, text)', 'apply_credit_note(bigint, bigint)';
	is(has_function($database, 'upgrade_shop', $_), 't', "$database: the others' stays") for 'refund_invoice(bigint, text)';
	integrity($node, $database, 'conf', "$database: sound afterwards");
	return;
}

# ---- the ledger is upgraded where it is ----

like(restore('upgraded', q{CREATE EXTENSION regpaydb VERSION '0.1.0'}, 'GRANT CREATE ON DATABASE upgraded TO upgrade_owner'),
	qr/^[^\n]*ERROR:  schema "regpaydb" already exists\n*$/, 'the ledger of 0.1.0 is there');
my $before = content('upgraded');
my @as_owner = (extra_params => [ '-U', 'upgrade_owner' ]);

$node->safe_psql('upgraded', 'ALTER EXTENSION regpaydb UPDATE');
same_lines(map({ functions($_) =~ s/ ?upgrade_\w+=\S+//gr } 'upgraded', 'fresh'),
	'the functions and types are those of a fresh extension');
fails_with($node, 'upgraded', q{SET regpaydb.ledger = 'conf'; SELECT regpaydb.balance_due(7)}, 'RP012', qr/upgrade_ledger\('conf'\)/, 'the ledger is not yet');
$node->safe_psql('upgraded', q{SELECT regpaydb.upgrade_ledger('conf')}, @as_owner);
same_lines(functions('upgraded'), functions('fresh'), 'the functions and those who may execute them, too');
is_upgraded('upgraded', $before);

# ---- a dump of it is restored into this version ----

my $errors = restore('restored');
my @gone = $errors =~ /ERROR:  (.*)/g;
is_deeply([ grep { !/^function regpaydb\.(void_invoice\(bigint\)|refund_invoice\(bigint\)|record_manual_payment\(bigint, numeric, text, bigint\)) does not exist$/ } @gone ],
	[], 'a dump of 0.1.0 restores, but for grants on functions that are not there any more');
cmp_ok(scalar @gone, '>', 0, 'of which there are some');
$node->safe_psql('restored', q{SELECT regpaydb.upgrade_ledger('conf')}, @as_owner);
is_upgraded('restored', $before);

done_testing();
