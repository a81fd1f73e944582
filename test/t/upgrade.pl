# The library is replaced by the next version under sessions that run the old
# one: nobody writes a ledger of another version, and everybody is told what
# to do.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use File::Basename;
use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RegpayTest;
use Test::More;

plan skip_all => 'REGPAYDB_SRC, the folder of the sources, is not set' unless $ENV{REGPAYDB_SRC};

my $folder = PostgreSQL::Test::Utils::tempdir;

# ---- a server of our own, and two versions of the sources ----

my ($server, $pg_config) = copy_server($folder);

sub change_file
{
	my ($file, $pattern, $replacement) = @_;
	my $text = slurp_file($file);

	$text =~ s/$pattern/$replacement/ or BAIL_OUT("nothing to change in $file");
	write_file($file, $text);
	return;
}

# Build products of the original would do for the copy as well; but it was
# perhaps built for another server.
sub copy_sources
{
	my ($name) = @_;
	my $copy = "$folder/$name";

	make_path($copy);
	system_or_bail('cp', '-r', (map { "$ENV{REGPAYDB_SRC}/$_" } qw(Makefile regpaydb.control src sql)), $copy);
	unlink glob "$copy/src/*.o $copy/src/*/*.o $copy/*.so $copy/src/admin/ledger_sql.h $copy/src/admin/upgrade_steps.h";
	return $copy;
}

sub install
{
	my ($sources) = @_;

	system_or_bail('make', '-s', '-C', $sources, 'with_llvm=no', "PG_CONFIG=$pg_config", 'install');
	return;
}

my $old_sources = copy_sources('old');
my ($old) = slurp_file("$old_sources/regpaydb.control") =~ /^default_version *= *'([^']*)'/m;
my $new = "$old.1";

my $new_sources = copy_sources('new');
change_file("$new_sources/regpaydb.control", qr/(?<=default_version = ')\Q$old\E(?=')/, $new);
write_file("$new_sources/sql/upgrade/$old--$new.sql", <<'SQL');
ALTER TABLE conference ADD COLUMN place text;
COMMENT ON TABLE conference IS 'Upgraded.';
CREATE TABLE room (room_id bigint GENERATED ALWAYS AS IDENTITY);
SQL
change_file("$new_sources/sql/ledger/10_conference.sql", qr/(?=\n\);)/, ",\n\tplace text");
change_file("$new_sources/sql/ledger/10_conference.sql", qr/\A/, "CREATE TABLE room (room_id bigint GENERATED ALWAYS AS IDENTITY);\n");
change_file("$new_sources/src/admin/grants.c", qr/(?<=\tfunctions\[\] = \{\n)/, qq(\t{ACCESS_REPORTS, "rooms()"},\n));
change_file("$new_sources/src/admin/grants.c", qr/(?<=\trelations\[\] = \{\n)/, qq(\t{ACCESS_REPORTS, "SELECT", "room"},\n));
my $rooms = <<'SQL';
CREATE FUNCTION regpaydb.rooms() RETURNS integer LANGUAGE sql RETURN 0;
REVOKE ALL ON FUNCTION regpaydb.rooms() FROM PUBLIC;
CREATE TYPE regpaydb.room_kind AS ENUM ('hall');
SQL
my $known = <<'SQL';
SELECT pg_catalog.set_config('regpaydb_update.known', pg_catalog.string_agg(pg_catalog.format('%s/%s', d.classid, d.objid), ' '), true)
	FROM pg_catalog.pg_depend d JOIN pg_catalog.pg_extension e ON e.oid OPERATOR(pg_catalog.=) d.refobjid
	WHERE d.refclassid OPERATOR(pg_catalog.=) 'pg_catalog.pg_extension'::pg_catalog.regclass
		AND d.deptype OPERATOR(pg_catalog.=) 'e' AND e.extname OPERATOR(pg_catalog.=) 'regpaydb';
SQL
append_to_file("$new_sources/sql/extension/66_rooms.sql", $rooms);
append_to_file("$new_sources/sql/regpaydb--$old--$new.sql",
	$known . $rooms . slurp_file("$new_sources/sql/extension/90_installer.sql"));

# ---- the old version at work ----

install($old_sources);
my $node = new_node('main', install_path => $server);
$node->append_conf('postgresql.conf', 'max_prepared_transactions = 2');
$node->start;

my $ledger = <<'SQL';
INSERT INTO staff VALUES (1);
INSERT INTO attendee (user_id) SELECT generate_series(1, 20);
SELECT regpaydb.manual_invoice(g, '1 day', '[{"description": "Ticket", "price": 100}]') FROM generate_series(1, 20) g;
SELECT regpaydb.pay(g, 50 + 10 * g, 'old') FROM generate_series(1, 10) g;
SQL
$node->safe_psql('postgres', <<"SQL");
CREATE DATABASE conference;
\\c conference
CREATE EXTENSION regpaydb;
SELECT regpaydb.create_ledger();
SET search_path = regpaydb;
$ledger
SELECT regpaydb.create_ledger('second');
SET search_path = second;
SET regpaydb.ledger = second;
$ledger
SQL

sub version
{
	my ($schema) = @_;

	return $node->safe_psql('conference', "SELECT ledger_version FROM $schema.conference");
}

# What is in both ledgers, without the columns that come and go.
sub content
{
	return $node->safe_psql('conference', join ' UNION ALL ', map { <<"SQL" } qw(regpaydb second));
SELECT (SELECT count(*) || md5(string_agg(p::text, ' ' ORDER BY p::text)) FROM $_.payment p),
	(SELECT md5(string_agg((invoice_id, status, paid, payment_count)::text, ' ' ORDER BY invoice_id)) FROM $_.invoice),
	(SELECT count(*) || md5(string_agg(o::text, ' ' ORDER BY o::text)) FROM $_.outbox o)
SQL
}

# The second ledger belongs to an ordinary role, and to nobody else whatever is said
# of tables that are made; a role has access to it.
$node->safe_psql('conference', <<'SQL');
CREATE ROLE keeper;
CREATE ROLE books;
SET regpaydb.ledger = second;
DO $$
DECLARE
	command text;
BEGIN
	FOR command IN SELECT format('ALTER TABLE %s OWNER TO keeper', oid::regclass) FROM pg_class
		WHERE relnamespace = 'second'::regnamespace AND relkind IN ('r', 'v') LOOP
		EXECUTE command;
	END LOOP;
END $$;
ALTER SCHEMA second OWNER TO keeper;
SELECT regpaydb.upgrade_ledger('second'), regpaydb.grant_access('books', 'reports');
ALTER DEFAULT PRIVILEGES FOR ROLE keeper GRANT ALL ON TABLES TO books, PUBLIC;
ALTER DEFAULT PRIVILEGES FOR ROLE keeper GRANT ALL ON SEQUENCES TO books, PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON FUNCTIONS TO books, PUBLIC;
ALTER DEFAULT PRIVILEGES GRANT ALL ON TYPES TO books;
GRANT EXECUTE ON FUNCTION regpaydb.pay TO books;
SQL
is(version('regpaydb'), $old, 'the ledger is of the old version');
my $dump = "$folder/old.sql";
$node->command_ok([ 'pg_dump', '-d', $node->connstr('conference'), '-f', $dump ], 'a dump of the old version');

# Sessions with the old library: one that has used the ledger, one that has
# only loaded the library, one in a transaction that has read but not written,
# one in a transaction whose snapshot is of now.
my ($used, $loaded, $reading, $snapshot) = map { session($node, 'conference') } 1 .. 4;
is(ask($used, q{SELECT regpaydb.pay(11, 10, 'before')}) =~ /^\d+$/, 1, 'old session pays');
is(ask($used, q{SET regpaydb.ledger = second; SELECT regpaydb.pay(11, 10, 'before'); RESET regpaydb.ledger}) =~ /^\d+$/,
	1, 'old session pays in the second ledger');
ask($_, q{LOAD 'regpaydb'}) for $loaded, $reading, $snapshot;

# ---- the library is replaced ----

install($new_sources);
my $content = content();

# Whoever connects now runs the new library on the old ledger.
my $hint = qr/HINT:.*ALTER EXTENSION regpaydb UPDATE.*regpaydb\.upgrade_ledger\('regpaydb'\)/;
my %calls = (
	pay => q{SELECT regpaydb.pay(12, 10, 'too early')},
	'INSERT INTO payment' => q{INSERT INTO regpaydb.payment (invoice_id, amount) VALUES (12, 10)},
	record_manual_payment => q{SELECT regpaydb.record_manual_payment(12, 10, 'too early', 1)},
	record_payment => q{SELECT regpaydb.record_payment(12, 10, 'too early', 'bank', 'b-1')},
	manual_invoice => q{SELECT regpaydb.manual_invoice(1, '1 day', '[{"description": "x", "price": 1}]')},
	validate_allowed_to_pay => 'SELECT regpaydb.validate_allowed_to_pay(12)',
	update_status => 'SELECT regpaydb.update_status(12)',
	total_payments => 'SELECT regpaydb.total_payments(12)',
	balance_due => 'SELECT regpaydb.balance_due(12)',
	void_invoice => 'SELECT regpaydb.void_invoice(12)',
	refund_invoice => 'SELECT regpaydb.refund_invoice(1)',
	return_items => q{SELECT regpaydb.return_items(6, '[{"line_item_id": 6}]')},
	apply_credit_note => 'SELECT regpaydb.apply_credit_note(max(credit_note_id), 12) FROM regpaydb.credit_note',
	refund_credit_note => q{SELECT regpaydb.refund_credit_note(max(credit_note_id), 'x') FROM regpaydb.credit_note},
	request_refund => q{SELECT regpaydb.request_refund(max(credit_note_id), 'x') FROM regpaydb.credit_note},
	confirm_refund => 'SELECT regpaydb.confirm_refund(1)',
	fail_refund => q{SELECT regpaydb.fail_refund(1, 'x')},
	record_reversal => q{SELECT regpaydb.record_reversal('bank', 'b-1', 10, 'r-1')},
	refund_sources => 'SELECT * FROM regpaydb.refund_sources(1)',
	money_trail => 'SELECT * FROM regpaydb.money_trail(1)',
	payment_summary => q{SELECT regpaydb.payment_summary('bank', 'b-1')},
	charge_credit_note => q{SELECT regpaydb.charge_credit_note(max(credit_note_id), '[{"description": "x", "price": 1}]') FROM regpaydb.credit_note},
	cancellation_fee => 'SELECT regpaydb.cancellation_fee(max(credit_note_id), 10) FROM regpaydb.credit_note',
	available_credit => 'SELECT regpaydb.available_credit(1)',
	can_view => 'SELECT regpaydb.can_view(1, 1)',
	invoice_for_access_code => 'SELECT regpaydb.invoice_for_access_code(access_code) FROM regpaydb.attendee LIMIT 1',
	rotate_access_code => 'SELECT regpaydb.rotate_access_code(1)',
	current_cart => 'SELECT regpaydb.current_cart(1)',
	set_quantity => 'SELECT regpaydb.set_quantity(1, 1, 1)',
	extend_reservation => q{SELECT regpaydb.extend_reservation(1, '1 hour')},
	validate_cart => 'SELECT regpaydb.validate_cart(1)',
	invoice_cart => 'SELECT regpaydb.invoice_cart(1)',
	available_stock => 'SELECT regpaydb.available_stock(1)',
	expire_invoices => 'SELECT regpaydb.expire_invoices()',
	reconciliation => 'SELECT * FROM regpaydb.reconciliation(now())',
	invoice_document => 'SELECT regpaydb.invoice_document(1)',
	check_grants => 'SELECT * FROM regpaydb.check_grants()',
	check_integrity => 'SELECT * FROM regpaydb.check_integrity()',
	grant_access => q{SELECT regpaydb.grant_access('pg_monitor', 'reports')},
	revoke_access => q{SELECT regpaydb.revoke_access('pg_monitor', 'reports')},
	actor_floor => q{SELECT regpaydb.actor_floor('regpaydb.invoice')},
	actor_attendees => q{SELECT regpaydb.actor_attendees('regpaydb.invoice')},
	actor_invoices => q{SELECT regpaydb.actor_invoices('regpaydb.invoice')},
	actor_carts => q{SELECT regpaydb.actor_carts('regpaydb.invoice')});
my $functions = $node->safe_psql('conference', <<'SQL');
SELECT string_agg(proname, ' ' ORDER BY proname) FROM pg_proc
WHERE pronamespace = 'regpaydb'::regnamespace AND prorettype <> 'trigger'::regtype
	AND proname NOT IN ('create_ledger', 'upgrade_ledger', 'actor_is_set', 'actor_user')
SQL
is(join(' ', sort grep { !/ / } keys %calls), $functions, 'every function is called');

fails_with($node, 'conference', $calls{$_}, 'RP012', $hint, "new library, old ledger: $_") for sort keys %calls;
is(ask($used, 'SELECT regpaydb.balance_due(12)'), '100.00', 'an old session goes on while nothing is updated');

$node->safe_psql('conference', 'ALTER EXTENSION regpaydb UPDATE');
is($node->safe_psql('conference', q{SELECT extversion FROM pg_extension WHERE extname = 'regpaydb'}), $new,
	'the extension is of the new version');
fails_with($node, 'conference', $calls{$_}, 'RP012', $hint, "before upgrade_ledger: $_")
  for 'pay', 'INSERT INTO payment', 'can_view', 'check_integrity';
is(content(), $content, 'nothing was written meanwhile');

# ---- the ledgers are upgraded, one after the other ----

# What it brought is nobody's; what roles were granted before is theirs.
is($node->safe_psql('conference', <<'SQL'), "t|f|t|f\n0", 'default privileges open nothing that is new');
SELECT has_function_privilege('books', 'regpaydb.pay(bigint, numeric, text, text, text)', 'EXECUTE'),
	has_function_privilege('books', 'regpaydb.rooms()', 'EXECUTE'),
	has_function_privilege('keeper', 'regpaydb.pay(bigint, numeric, text, text, text)', 'EXECUTE'),
	has_function_privilege('keeper', 'regpaydb.rooms()', 'EXECUTE');
SELECT count(*) FROM pg_type, aclexplode(typacl) WHERE typname = 'room_kind' AND grantee = 'books'::regrole
SQL

# An ordinary user's transactions come first, then the upgrade.
is(ask($reading, 'BEGIN; SELECT regpaydb.balance_due(12)'), '100.00', 'an old session is in a transaction');
ask($snapshot, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT 1');

my $is_waiting = q{SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%upgrade_ledger%'
	AND pid <> pg_backend_pid() AND wait_event_type = 'Lock'};
my $upgrade = session($node, 'conference');
$upgrade->query_until(qr/begun/, "\\echo begun\nSELECT regpaydb.upgrade_ledger();\n\\echo upgraded\n");
ok( wait_until(
		sub {
			return $node->safe_psql('conference', $is_waiting) eq '1';
		}, 20),
	'the upgrade waits for who is just reading');
is(ask($reading, 'ROLLBACK; SELECT 1'), '1', 'that one ends');
my ($out, $err) = ask($upgrade, 'SELECT 2');
like("$err$out", qr/^\s*upgraded\n2$/, 'upgrade_ledger succeeds');
is(version('regpaydb'), $new, 'the ledger is of the new version');
is(version('second'), $old, 'the second one is not');
is($node->safe_psql('conference', q{SELECT obj_description('regpaydb.conference'::regclass) || count(place) FROM regpaydb.conference}),
	'Upgraded.0', 'the step was carried out');
is(content(), $content, 'rows are what they were');

# Old sessions are told to reconnect, and write nothing.
for my $old_session ([ used => $used ], [ loaded => $loaded ], [ snapshot => $snapshot ])
{
	my ($name, $session) = @$old_session;

	for my $call ('pay', 'INSERT INTO payment', 'manual_invoice', 'can_view')
	{
		# What it reads is of the time of its snapshot.
		next if $name eq 'snapshot' && $call eq 'can_view';
		ask($session, 'SAVEPOINT s') if $name eq 'snapshot';
		($out, $err) = ask($session, $calls{$call});
		refused($err, 'RP012', qr/of version \Q$new\E, but this session runs regpaydb \Q$old\E.*HINT:.*reconnect/s,
			"old session ($name): $call");
		ask($session, 'ROLLBACK TO s') if $name eq 'snapshot';
	}
}
($out, $err) = ask($used, 'SELECT regpaydb.upgrade_ledger()');
refused($err, 'RP012', qr/of version \Q$new\E, but this session runs its library of \Q$old\E.*HINT:.*reconnect/s,
	'an old session can not upgrade back');
ask($snapshot, 'COMMIT');
is(content(), $content, 'old sessions have written nothing');

# The second ledger is still the old library's.
is(ask($loaded, q{SET regpaydb.ledger = second; SELECT regpaydb.balance_due(12)}), '100.00',
	'an old session still works on the ledger that is not upgraded');
fails_with($node, 'conference', "SET regpaydb.ledger = second; $calls{pay}", 'RP012', qr/upgrade_ledger\('second'\)/,
	'a new session does not');

# One that is in the midst of a transaction: either the upgrade waits for it,
# or its next payment is refused.
($out, $err) = ask($used, "SET regpaydb.ledger = second; BEGIN; SELECT regpaydb.pay(13, 1, 'first')");
is($err, '', 'an old session has begun to pay');
$upgrade->query_until(qr/begun/, "\\echo begun\nSELECT regpaydb.upgrade_ledger('second');\n\\echo upgraded\n");
my $waits;
ok( wait_until(
		sub {
			$waits = $node->safe_psql('conference', $is_waiting) eq '1';
			return $waits || version('second') eq $new;
		}, 20),
	'the upgrade waits for it, or does not');
($out, $err) = ask($used, "SELECT regpaydb.pay(13, 2, 'second')");
$waits ? is($err, '', 'it goes on paying') : refused($err, 'RP012', qr/reconnect/, 'it is refused to pay more');
ask($used, 'ROLLBACK');
($out, $err) = ask($upgrade, 'SELECT 2');
like("$err$out", qr/^\s*upgraded\n2$/, 'upgrade_ledger succeeds');
is(version('second'), $new, 'the second ledger is upgraded');
($out, $err) = ask($loaded, $calls{pay});
refused($err, 'RP012', qr/ledger "second".*reconnect/s, 'and now an old session does not work on it either');
is(content(), $content, 'rows are what they were');

# ---- the new version at work ----

# The session that upgraded, and whoever connects.
is(ask($upgrade, q{SELECT regpaydb.pay(12, 10, 'new'); SELECT regpaydb.balance_due(12)}) =~ /^\d+\n90\.00$/, 1,
	'the session that upgraded works');
is($node->safe_psql('conference', "SELECT regpaydb.upgrade_ledger(); $calls{$_} LIMIT 1") ne 'x', 1, "new: $_")
  for 'pay', 'record_manual_payment', 'manual_invoice', 'check_integrity';
for my $schema ('regpaydb', 'second')
{
	is($node->safe_psql('conference',
			"SET regpaydb.ledger = $schema; SELECT regpaydb.pay(20, 130, 'new'); SELECT status, paid FROM $schema.invoice WHERE invoice_id = 20")
		  =~ /^\d+\npaid\|100.00$/, 1, "$schema: new sessions pay");
	integrity($node, 'conference', $schema, "$schema: sound");
	money_is_conserved($node, 'conference', $schema, "$schema: keeps the money");
}

# What the new version brought is its owner's and that of the roles with access, as
# they need it; and nobody else's.
is($node->safe_psql('conference', <<'SQL'), 't|t|t|f|f', 'roles have what they need of what is new');
SELECT has_function_privilege('keeper', 'regpaydb.rooms()', 'EXECUTE'), has_function_privilege('books', 'regpaydb.rooms()', 'EXECUTE'),
	has_table_privilege('books', 'second.room', 'SELECT'), has_table_privilege('books', 'second.room', 'INSERT, UPDATE, DELETE'),
	has_sequence_privilege('books', 'second.room_room_id_seq', 'USAGE')
SQL
is($node->safe_psql('conference', 'SET regpaydb.ledger = second; SELECT * FROM regpaydb.check_grants()'), '', 'and nothing else');

# An upgraded ledger has the columns of a new one.
$node->safe_psql('conference', q{SELECT regpaydb.create_ledger('fresh')});
my $columns = q{SELECT table_name, column_name, data_type, is_nullable, column_default IS NULL
	FROM information_schema.columns WHERE table_schema = '%s' ORDER BY 1, 2};
is($node->safe_psql('conference', sprintf $columns, 'second'), $node->safe_psql('conference', sprintf $columns, 'fresh'),
	'an upgraded ledger has the columns of a fresh one');

# ---- the old dump restores into the new version, and is upgraded there ----

$node->safe_psql('postgres', 'CREATE DATABASE restored');
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-o', "$folder/output", '-d', $node->connstr('restored'), '-f', $dump ],
	'the old dump restores');
fails_with($node, 'restored', $calls{pay}, 'RP012', $hint, 'it is of the old version');
$node->safe_psql('restored', q{SELECT regpaydb.upgrade_ledger(); SELECT regpaydb.upgrade_ledger('second')});
is($node->safe_psql('restored', q{SELECT regpaydb.pay(12, 150, 'restored'); SELECT status, paid FROM regpaydb.invoice WHERE invoice_id = 12})
	  =~ /^\d+\npaid\|100.00$/, 1, 'and works when it is upgraded');
integrity($node, 'restored', $_, "restored $_: sound") for 'regpaydb', 'second';

# Data that come into the new version's tables from the old one are not
# posted again; the ledger's row says that they are old.
$node->safe_psql('postgres', 'CREATE DATABASE data_only');
$node->command_ok([ 'pg_dump', '-d', $node->connstr('conference'), '-f', "$folder/new.sql", '--data-only' ], 'a dump of data');
$node->safe_psql('data_only', q{CREATE EXTENSION regpaydb; SELECT regpaydb.create_ledger('regpaydb'), regpaydb.create_ledger('second'),
	regpaydb.create_ledger('fresh'); SET session_replication_role = replica; DELETE FROM regpaydb.conference; DELETE FROM second.conference;
	DELETE FROM fresh.conference});
$node->command_ok([ 'psql', '-X', '-q', '-v', 'ON_ERROR_STOP=1', '-o', "$folder/output", '-d', $node->connstr('data_only'), '-f', "$folder/new.sql" ],
	'data go into fresh ledgers');
integrity($node, 'data_only', $_, "data only, $_: sound") for 'regpaydb', 'second';

$_->quit for $used, $loaded, $reading, $snapshot, $upgrade;

done_testing();
