# That the attacks which our tests see fail do succeed where the defence against
# them is missing: each is run against the sound library, and then against one
# that is compiled from weakened sources.  So is cart_check.sql, which has to notice
# faults in what the engine finds out about carts; and so are tests of the stock, of returns,
# and of refunds and reversals, each against a fault for which units would be sold twice, or
# lost, or money be somebody else's, or go back twice.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use File::Basename;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RegpayLibrary;
use RegpayTest;
use Test::More;

plan skip_all => 'REGPAYDB_SRC, the folder of the sources, is not set' unless $ENV{REGPAYDB_SRC};

# ---- the sources, and libraries made of them ----

my $source = $ENV{REGPAYDB_SRC};
my $isolationtester = dirname($ENV{PG_REGRESS}) . '/../isolation/isolationtester';
my $build = RegpayLibrary->new($source);

# One with some texts replaced: [ from, to ], or [ file, from, to ] for SQL.
sub library { return $build->library(@_) }

# ---- a server with two conferences, and people who may this or that ----

my $node = new_node('weakened');
$node->append_conf('postgresql.conf', "restart_after_crash = on\nmax_connections = 20\n");
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE ROLE weak_owner;		-- owns the ledger conf
CREATE ROLE weak_rival;		-- owns the ledger rival
CREATE ROLE weak_app;		-- may what an app may in conf, and makes functions of its own
CREATE ROLE weak_staff;
CREATE ROLE weak_clerk;		-- was granted INSERT on tables of conf by hand
CREATE ROLE weak_nobody;
CREATE ROLE weak_squatter;
CREATE DATABASE sound;
SQL
$node->safe_psql('sound', <<'SQL');
CREATE EXTENSION regpaydb;
GRANT USAGE ON SCHEMA regpaydb TO weak_owner, weak_rival, weak_clerk, weak_nobody;
GRANT EXECUTE ON FUNCTION regpaydb.create_ledger TO weak_owner, weak_rival;
CREATE SCHEMA conf AUTHORIZATION weak_owner;
CREATE SCHEMA rival AUTHORIZATION weak_rival;
CREATE SCHEMA app_own AUTHORIZATION weak_app;
CREATE SCHEMA squat AUTHORIZATION weak_squatter;
CREATE SCHEMA nobody_own AUTHORIZATION weak_nobody;
GRANT USAGE ON SCHEMA app_own TO PUBLIC;
CREATE TABLE ran (who name DEFAULT current_user, what text);
GRANT INSERT, SELECT ON ran TO PUBLIC;
CREATE FUNCTION fill(ledger name) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
	PERFORM regpaydb.create_ledger(ledger);
	PERFORM set_config('regpaydb.ledger', ledger, false);
	PERFORM set_config('search_path', ledger, false);
	UPDATE conference SET auto_apply_credit = false;
	INSERT INTO attendee (user_id, access_code) VALUES (101, 'CODE-OF-ADA'), (102, 'CODE-OF-BOB');
	INSERT INTO staff VALUES (900);
	PERFORM regpaydb.manual_invoice(1 + (n + 1) % 2, '1 day', '[{"description": "Ticket", "price": 100}]')
		FROM generate_series(1, 3) n;
	PERFORM regpaydb.pay(2, 130, 'too much', 'bank', 'b-1');
END $$;
GRANT EXECUTE ON FUNCTION fill TO PUBLIC;
SET ROLE weak_owner;
SELECT fill('conf');
SELECT regpaydb.grant_access('weak_app', 'app'), regpaydb.grant_access('weak_staff', 'staff');
GRANT USAGE ON SCHEMA conf TO weak_clerk;
GRANT SELECT, INSERT ON ALL TABLES IN SCHEMA conf TO weak_clerk;
SET ROLE weak_rival;
SELECT public.fill('rival');
SQL

sub weaken { return RegpayLibrary::use_library($node, @_) }

# What an attack comes to, in a database of its own whose functions are those of
# this library: output and errors; "crash".
my $databases = 0;

sub come_of
{
	my ($library, $attack) = @_;
	my $database = 'attacked' . ++$databases;
	my $logged = -s $node->logfile;

	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE sound");
	weaken($database, $library) if defined $library;
	my ($status, $out, $err) = $node->psql($database,
		"\\set VERBOSITY verbose\n\\o /dev/null\nSET client_min_messages = warning;\nSET regpaydb.ledger = conf;\n$attack");
	if ($status == 2 && $err =~ /server closed the connection|connection to server was lost/)
	{
		# It may answer for a moment still.
		wait_until(sub { slurp_file($node->logfile, $logged) =~ /database system is ready to accept connections/ })
		  or BAIL_OUT('the server did not restart');
		return 'crash';
	}
	$node->safe_psql('postgres', "DROP DATABASE $database");
	return $err =~ /ERROR:\s+(\w{5}): +(.*)/ ? "$1: $2" : $out;
}

# Random carts, about which the engine and a view have to agree.
my $carts = "\\set seed 6\n\\set rounds 30\n" . slurp_file("$FindBin::RealBin/cart_check.sql");

# ---- the attacks ----

# '\o' before what is looked at, since psql's output until then is dropped.
# A deferred trigger runs as who is at the end of the transaction, since 18 as who it was
# queued by.
my $late = $node->pg_version >= 18 ? qr/^late\|f$/ : qr/^late\|t$/;

my @attacks = (

	# Trigger functions, attached or called by somebody who may execute them: the
	# owner of another ledger.
	{
		what => 'a trigger function is called directly',
		weak => [ [ "if (!CALLED_AS_TRIGGER(fcinfo))\n\t\tereport", "if (false)\n\t\tereport" ] ],
		attack => 'SET ROLE weak_rival; SELECT regpaydb.settle_payments()',
		sound => qr/^39P01: function "settle_payments" was not called/,
		weakened => qr/^crash$/
	},
	{
		what => 'a row trigger function is attached to statements',
		weak => [ [ 'if ((trigger->tg_event & TIMING_AND_LEVEL) != timing_and_level ||', 'if (' ] ],
		attack => <<'SQL',
SET ROLE weak_rival;
CREATE TRIGGER t BEFORE INSERT ON rival.attendee FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.make_access_code();
INSERT INTO rival.attendee (user_id) VALUES (7);
SQL
		sound => qr/^39P01: function "make_access_code" was called for the wrong event/,
		weakened => qr/^crash$/
	},
	{
		what => 'a trigger function is attached to another event',
		weak => [ [ '(trigger->tg_event & TRIGGER_EVENT_OPMASK) != event))', 'false))' ] ],
		attack => <<'SQL',
SET ROLE weak_rival;
CREATE TRIGGER t AFTER DELETE ON rival.payment REFERENCING OLD TABLE AS o FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.settle_payments();
DELETE FROM rival.payment WHERE false;
\o
SELECT 'let pass';
SQL
		sound => qr/^39P01: function "settle_payments" was called for the wrong event/,
		weakened => qr/^crash$|^let pass$|transition table/
	},
	{
		what => 'a column has another type',
		weak => [ [ 'if (OidIsValid(type) && SPI_gettypeid(desc, number) != type)', 'if (false)' ] ],
		attack => <<'SQL',
SET ROLE weak_rival;
ALTER TABLE rival.payment DROP COLUMN amount CASCADE;
ALTER TABLE rival.payment ADD COLUMN amount int;
INSERT INTO rival.payment (invoice_id, amount) VALUES (1, 12345);
SQL
		sound => qr/^42804: column "amount" of table "payment" is of type integer/,
		weakened => qr/^crash$/
	},
	{
		what => 'a column is missing',
		weak => [ [ 'if (number <= 0)', 'if (false)' ], [ 'if (OidIsValid(type) && SPI_gettypeid(desc, number) != type)', 'if (false)' ] ],
		attack => <<'SQL',
SET ROLE weak_rival;
ALTER TABLE rival.payment DROP COLUMN amount CASCADE;
INSERT INTO rival.payment (invoice_id) VALUES (1);
SQL
		sound => qr/^42703: table "payment" has no column "amount"/,
		# It reads what is no column: anything may come of it.
		weakened => qr/^crash$|^XX00|^$/
	},
	{
		what => 'payments are settled that are in another table',
		weak => [ [ "if (ledger_rows_relid(ledger, table) != RelationGetRelid(rel) &&\n\t\tledger_rows_relid(ledger, other_table) != RelationGetRelid(rel))", 'if (false)' ] ],
		attack => <<'SQL',
SET ROLE weak_rival;
CREATE TABLE rival.made_up (LIKE rival.payment INCLUDING ALL);
CREATE TRIGGER t AFTER INSERT ON rival.made_up REFERENCING NEW TABLE AS n FOR EACH STATEMENT EXECUTE FUNCTION regpaydb.settle_payments();
INSERT INTO rival.made_up (payment_id, invoice_id, amount) VALUES (1000, 1, 100);
\o
SELECT status FROM rival.invoice WHERE invoice_id = 1;
SQL
		sound => qr/^RP012: table "rival.made_up" is not the table "payment"/,
		weakened => qr/^paid$/
	},
	{
		what => 'a table of another owner is in the ledger',
		weak => [ [ 'else if (owner != ledger->owner)', 'else if (false)' ] ],
		attack => <<'SQL',
-- The superuser's table, put where the rival says that the ledger's is.
CREATE TABLE rival.secret AS SELECT 900::bigint AS user_id;
SET ROLE weak_rival;
ALTER TABLE rival.staff RENAME TO old_staff;
RESET ROLE;
ALTER TABLE rival.secret RENAME TO staff;
SET ROLE weak_rival;
SET regpaydb.ledger = rival;
\o
SELECT regpaydb.can_view(1, 101);
SQL
		sound => qr/^42501: the tables of ledger "rival" have different owners/,
		weakened => qr/^42501: permission denied for table staff|^t$/
	},

	# Access is per ledger.
	{
		what => 'an app pays in another ledger',
		weak => [ [ "	engine_check_privilege_in(ledger, table, column, privilege);\n	engine_begin_as_owner(ledger);\n	engine_check_version(ledger, false);", "	engine_begin_as_owner(ledger);\n	engine_check_version(ledger, false);" ] ],
		attack => <<'SQL',
SET ROLE weak_app;
SET regpaydb.ledger = rival;
SELECT regpaydb.pay(1, 100, '');
RESET ROLE;
\o
SELECT status FROM rival.invoice WHERE invoice_id = 1;
SQL
		sound => qr/^42501: permission denied for schema rival/,
		weakened => qr/^paid$/
	},
	(
		map {
			{
				what => "an app reads another ledger by $_->[0]",
				weak => [ [ "	engine_check_privilege_in(ledger, table, column, privilege);\n	engine_begin_as_owner(ledger);\n	reader = engine_reader();", "	engine_begin_as_owner(ledger);\n	reader = engine_reader();" ] ],
				attack => "SET ROLE weak_app; SET regpaydb.user_id = '101'; SET regpaydb.ledger = rival; \\o\nSELECT regpaydb.$_->[0]",
				sound => qr/^42501: permission denied for schema rival/,
				weakened => $_->[1]
			}
		} [ 'balance_due(1)', qr/^100.00$/ ], [ q{actor_invoices((SELECT oid FROM pg_class WHERE relnamespace = to_regnamespace('rival') AND relname = 'invoice'))}, qr/^\{1,3\}$/ ]),
	{
		what => 'a privilege on any column does for every one',
		weak => [ [ 'pg_attribute_aclcheck(relid, number, caller, privilege) != ACLCHECK_OK', 'pg_attribute_aclcheck_all(relid, caller, privilege, ACLMASK_ANY) != ACLCHECK_OK' ] ],
		attack => <<'SQL',
GRANT UPDATE (recipient) ON conf.invoice TO weak_clerk;
GRANT EXECUTE ON FUNCTION regpaydb.void_invoice TO weak_clerk;
SET ROLE weak_clerk;
SELECT regpaydb.void_invoice(1);
\o
SELECT status FROM conf.invoice WHERE invoice_id = 1;
SQL
		sound => qr/^42501: permission denied for table invoice/,
		weakened => qr/^void$/
	},
	{
		what => 'functions are for everybody',
		weaken => 'GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA regpaydb TO PUBLIC',
		attack => <<'SQL',
SET ROLE weak_nobody;
CREATE TABLE nobody_own.payment (id int);
CREATE TRIGGER t BEFORE INSERT ON nobody_own.payment FOR EACH ROW EXECUTE FUNCTION regpaydb.guard_rows();
\o
SELECT 'attached';
SQL
		sound => qr/^42501: permission denied for function regpaydb.guard_rows/,
		weakened => qr/^attached$/
	},
	{
		what => 'the schema of the functions belongs to somebody else',
		weaken => 'ALTER SCHEMA regpaydb OWNER TO weak_squatter',
		attack => <<'SQL',
SET ROLE weak_squatter;
CREATE FUNCTION regpaydb.pay(integer, integer, text) RETURNS bigint LANGUAGE sql AS
	'INSERT INTO public.ran (what) VALUES (''planted''); SELECT 0::bigint';
RESET ROLE;
SELECT regpaydb.pay(1, 1, '');
\o
SELECT what, who = session_user FROM ran;
SQL
		sound => qr/^42501: permission denied for schema regpaydb/,
		weakened => qr/^planted\|t$/
	},

	# The actor.
	(
		map {
			{
				what => "an actor reaches another's invoice by $_->[0]",
				weak => [ [ 'if (!actor_may_view(ledger, attendee_id != NULL ? *attendee_id : id) || attendee_id == NULL)', 'if (attendee_id == NULL)' ],
					[ 'if (!actor_may_view(ledger, invoice->attendee_id))', 'if (false)' ] ],
				attack => "SET ROLE $_->[1]; SET regpaydb.user_id = '101'; \\o\nSELECT regpaydb.$_->[0]",
				sound => qr/^RP002: there is no invoice 2/,
				weakened => $_->[2]
			}
		} [ 'balance_due(2)', 'weak_app', qr/^0.00$/ ], [ q{pay(2, 1, '')}, 'weak_app', qr/^RP001/ ], [ 'update_status(2)', 'weak_app', qr/^paid$/ ]),
	{
		what => 'a setting that is no user id makes nobody of an actor',
		weak => [ [ "if (errno != 0 || *end != '\\0')", "if (*end != '\\0')\n\t\treturn false;\n\tif (errno != 0)" ] ],
		attack => "SET ROLE weak_app; SET regpaydb.user_id = '101 OR true'; \\o\nSELECT regpaydb.balance_due(2)",
		sound => qr/^22023: the setting regpaydb.user_id is not a user id/,
		weakened => qr/^0.00$/
	},
	{
		what => 'the beginning of an access code will do',
		weak => [ [ 'unsigned char difference = code_length != given_length;', 'unsigned char difference = 0;' ] ],
		attack => "SET ROLE weak_app; \\o\nSELECT regpaydb.can_view(1, NULL, 'C')",
		sound => qr/^f$/,
		weakened => qr/^t$/
	},
	{
		what => 'access codes are a little alike',
		weak => [ [ 'difference |= (unsigned char) code[place', 'difference = (unsigned char) code[place' ] ],
		attack => "SET ROLE weak_app; \\o\nSELECT regpaydb.can_view(1, NULL, 'XXXXXXXXXXA')",
		sound => qr/^f$/,
		weakened => qr/^t$/
	},

	# Money that leaves, and who signs for it.
	{
		what => 'an app takes money off a paid invoice',
		weak => [ [ qq(		if (leaves)\n			engine_check_privilege_in(ledger, PAYMENT, "entered_by", ACL_INSERT);\n), '' ] ],
		attack => <<'SQL',
SET ROLE weak_app;
INSERT INTO conf.payment (invoice_id, amount) VALUES (2, -100);
RESET ROLE;
\o
SELECT status FROM conf.invoice WHERE invoice_id = 2;
SQL
		sound => qr/^42501: permission denied for table payment/,
		weakened => qr/^refunded$/
	},
	{
		what => 'an attendee takes her money off a paid invoice, by a role that may',
		weak => [ [ "		if (leaves)\n			actor_must_be_staff(ledger);\n", '' ] ],
		attack => <<'SQL',
SET ROLE weak_staff;
SET regpaydb.user_id = '102';
INSERT INTO conf.payment (invoice_id, amount) VALUES (2, 5), (2, -100);
RESET ROLE;
\o
SELECT status FROM conf.invoice WHERE invoice_id = 2;
SQL
		sound => qr/^RP010: the actor is not staff/,
		weakened => qr/^refunded$/
	},
	{
		what => 'an attendee pays less than nothing',
		weak => [ [ "check_arrives(int64 amount)\n{\n	if (amount <= 0)", "check_arrives(int64 amount)\n{\n	if (amount == 0)" ] ],
		attack => <<'SQL',
SET ROLE weak_app;
SET regpaydb.user_id = '101';
SELECT regpaydb.pay(1, 50, '');
\o
SELECT regpaydb.pay(1, -50, '') > 0;
SQL
		sound => qr/^RP003: amount must be above zero/,
		weakened => qr/^t$/
	},
	(
		map {
			{
				what => "an attendee does what staff does: $_",
				weak => [ [ "engine_begin(table, column, privilege);\n\n	actor_must_be_staff(ledger);\n	return ledger;", "engine_begin(table, column, privilege);\n\n	return ledger;" ] ],
				attack => "SET ROLE weak_staff; SET regpaydb.user_id = '102'; \\o\nSELECT regpaydb.$_ > 0",
				sound => qr/^RP010: the actor is not staff/,
				weakened => qr/^t$/
			}
		} 'refund_invoice(2)', q{refund_credit_note(2, 'to me')}, q{manual_invoice(2, '1 day', '[{"description": "x", "price": 1}]')}),
	{
		what => "an attendee changes another's access code",
		weak => [ [ 'if (!(exists && actor_user_id(&actor) && actor == attendee.user_id))', 'if (false)' ] ],
		attack => "SET ROLE weak_staff; SET regpaydb.user_id = '101'; \\o\nSELECT length(regpaydb.rotate_access_code(2))",
		sound => qr/^RP010: the actor is not staff/,
		weakened => qr/^16$/
	},
	{
		what => 'a member of the staff signs in the name of another',
		weak => [ [ 'if (is_user ? actor == entered_by : actor_code() == NULL)', 'if (true)' ] ],
		attack => <<'SQL',
INSERT INTO conf.staff VALUES (901);
SET ROLE weak_staff;
SET regpaydb.user_id = '901';
\o
SELECT regpaydb.record_manual_payment(1, 100, 'cash', 900) > 0;
SQL
		sound => qr/^RP010: user 901 can't enter this as user 900/,
		weakened => qr/^t$/
	},
	{
		what => 'an attendee signs a payment by plain SQL in the name of staff',
		weak => [ [ "		actor_must_be(DatumGetInt64(entered_by));\n", "		(void) entered_by;\n" ] ],
		attack => <<'SQL',
SET ROLE weak_staff;
SET regpaydb.user_id = '101';
INSERT INTO conf.payment (invoice_id, amount, entered_by) VALUES (1, 100, 900);
RESET ROLE;
\o
SELECT entered_by FROM conf.payment WHERE invoice_id = 1;
SQL
		sound => qr/^RP010: user 101 can't enter this as user 900/,
		weakened => qr/^900$/
	},
	{
		what => 'who closed an invoice is changed',
		weak => [ [ 'sql/ledger/70_triggers.sql', "		'closed_by', 'closed_reason', 'replaces');", "		'closed_reason');" ] ],
		attack => <<'SQL',
SELECT fill('made');
SELECT regpaydb.void_invoice(1);
UPDATE made.invoice SET closed_by = 900 WHERE invoice_id = 1;
\o
SELECT closed_by FROM made.invoice WHERE invoice_id = 1;
SQL
		sound => qr/^RP011: column "closed_by" of table "invoice" can't be changed/,
		weakened => qr/^900$/
	},
	{
		what => 'a transfer is lost under the reference of another',
		weak => [ [ 'if (first.invoice_id != payment->invoice_id || first.amount != payment->amount)', 'if (false)' ] ],
		attack => <<'SQL',
SET ROLE weak_app;
\o
SELECT regpaydb.record_payment(1, 100, '', 'bank', 'b-1') = 1;
SQL
		sound => qr/^RP009: provider reference "b-1" of "bank" is recorded with another payment/,
		weakened => qr/^t$/
	},

	# The past.
	{
		what => 'a payment of another year is made up',
		weak => [ [ 'if (payments[i].other_time)', 'if (false)' ] ],
		attack => <<'SQL',
SET ROLE weak_owner;
INSERT INTO conf.payment (invoice_id, amount, "time") VALUES (1, 100, '2020-06-01');
\o
SELECT money_received FROM regpaydb.reconciliation('2021-01-01');
SQL
		sound => qr/^22023: payment \d+ is not of the time at which it is recorded/,
		weakened => qr/^100.00$/
	},
	{
		what => "an owner's trigger dates what the engine records",
		weak => [ [ qq(row_check_time(&written, PAYMENT_COL_TIME);), q() ] ],
		attack => <<'SQL',
SET ROLE weak_owner;
CREATE FUNCTION conf.date_it() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN NEW."time" := '2020-06-01'; RETURN NEW; END $$;
CREATE TRIGGER a BEFORE INSERT ON conf.payment FOR EACH ROW EXECUTE FUNCTION conf.date_it();
SELECT regpaydb.pay(1, 100, '');
\o
SELECT money_received FROM regpaydb.reconciliation('2021-01-01');
SQL
		sound => qr/^09000: the time of a row of table "payment" was changed/,
		weakened => qr/^100.00$/
	},
	{
		what => 'a currency is changed for one of other decimals',
		weak => [ [ 'if (currency != NULL && currency_decimals(currency) != ledger->decimals)', 'if (false)' ] ],
		attack => <<'SQL',
SELECT regpaydb.create_ledger('made');
UPDATE made.conference SET currency = 'JPY';
\o
SELECT currency FROM made.conference;
SQL
		sound => qr/^0A000: the currency can't become JPY/,
		weakened => qr/^JPY$/
	},

	# Policies.
	{
		what => 'who is nobody sees all',
		weak => [ [ 'result->isnull = !has_user || !row_is_staff(ledger, user_id);', 'result->isnull = has_user && !row_is_staff(ledger, user_id);' ] ],
		attack => "SET ROLE weak_app; \\o\nSELECT count(*) FROM conf.invoice",
		sound => qr/^0$/,
		weakened => qr/^3$/
	},
	{
		what => 'the result that was kept for one actor is used for another',
		weak => [ [ 'result->actor == actor_changes && ', '' ] ],
		attack => <<'SQL',
SET ROLE weak_app;
\o
SELECT string_agg(invoices, ' ' ORDER BY n)
FROM (SELECT n, set_config('regpaydb.user_id', (100 + n)::text, false), regpaydb.actor_invoices('conf.invoice')::text AS invoices
	FROM generate_series(1, 3) n OFFSET 0) s;
SQL
		sound => qr/^\{1,3\} \{2\} \{\}$/,
		weakened => qr/^\{1,3\} \{1,3\} \{1,3\}$/
	},
	{
		what => 'the result that was kept for one ledger is used for another',
		weak => [ [ ' && result->ledger_table == ledger_table', '' ] ],
		attack => <<'SQL',
SET regpaydb.ledger = rival;
SELECT regpaydb.manual_invoice(1, '1 day', '[{"description": "x", "price": 1}]');
SET regpaydb.user_id = '101';
\o
SELECT regpaydb.actor_invoices(t) FROM unnest('{conf.invoice,rival.invoice}'::regclass[]) t OFFSET 1;
SQL
		sound => qr/^\{1,3,4\}$/,
		weakened => qr/^\{1,3\}$/
	},
	{
		what => 'the result that was kept outlives a change',
		weak => [ [ ' && mark->command == now.command', '' ] ],
		attack => <<'SQL',
SET regpaydb.user_id = '102';
CREATE FUNCTION seen() RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text := '';
	seen bigint[];
BEGIN
	FOR i IN 1 .. 2 LOOP
		seen := regpaydb.actor_invoices('conf.invoice');
		result := result || array_length(seen, 1);
		INSERT INTO conf.invoice (attendee_id, value) VALUES (2, 1);
	END LOOP;
	RETURN result;
END $$;
\o
SELECT seen();
SQL
		sound => qr/^12$/,
		weakened => qr/^11$/
	},
	{
		what => 'the result that was kept outlives what is taken back',
		weak => [ [ ' && mark->ended == now.ended', '' ] ],
		attack => <<'SQL',
CREATE FUNCTION may() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN RETURN regpaydb.can_view(1, 5); END';
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT may();
SAVEPOINT s;
INSERT INTO conf.staff VALUES (5);
SELECT may();
ROLLBACK TO s;
\o
SELECT may();
SQL
		sound => qr/^f$/,
		weakened => qr/^t$/
	},
	(
		map {
			my ($what, $weak, $role, $change) = @$_;
			{
				what => "a query that runs goes on with $what",
				weak => [ [ $weak, '' ] ],
				attack => <<"SQL",
BEGIN;
CREATE ROLE weak_member;
GRANT weak_app TO weak_member;
CREATE ROLE weak_boss SUPERUSER;
SET ROLE $role;
DECLARE c CURSOR FOR SELECT regpaydb.can_view(1, 101) FROM generate_series(1, 9);
MOVE 3 c;
RESET ROLE;
$change;
\\o
FETCH c;
SQL
				sound => qr/^42501: permission denied/,
				weakened => qr/^t$/
			}
		} [ 'what another role may', "\t\tquery_call->caller == GetUserId() &&\n", 'weak_app', 'SET ROLE weak_nobody' ],
		[ 'a privilege that was taken back', "\t\tquery_call->changes == ledger_changes() &&\n", 'weak_app',
			'REVOKE ALL ON SCHEMA conf FROM weak_app; SET ROLE weak_app' ],
		[ 'a membership that was taken back', "\tCacheRegisterSyscacheCallback(AUTHMEMROLEMEM, roles_changed, 0);\n", 'weak_member',
			'REVOKE weak_app FROM weak_member; SET ROLE weak_member' ],
		[ 'what a superuser may', "\tCacheRegisterSyscacheCallback(AUTHOID, roles_changed, 0);\n", 'weak_boss',
			'ALTER ROLE weak_boss NOSUPERUSER; SET ROLE weak_boss' ],
		[ 'the ledger that it began with', " &&\n\t\tledger_is_of_setting(&query_call->call->reader)", 'weak_app',
			'SET LOCAL regpaydb.ledger = rival; SET ROLE weak_app' ]),
	{
		what => 'policies permit, where they should restrict',
		weak => [ [ '"AS RESTRICTIVE"', '"AS PERMISSIVE"' ] ],
		attack => <<'SQL',
SET ROLE weak_rival;
SET regpaydb.ledger = rival;
SELECT regpaydb.grant_access('weak_app', 'app');
SET ROLE weak_app;
SET regpaydb.user_id = '101';
\o
SELECT count(*) FROM rival.invoice;
SQL
		sound => qr/^2$/,
		weakened => qr/^3$/
	},
	{
		what => 'policies let anything be written',
		weak => [ [ '"USING (%s) WITH CHECK (%s)"', '"USING (%s) WITH CHECK (true OR %s)"' ] ],
		attack => <<'SQL',
SET ROLE weak_rival;
SET regpaydb.ledger = rival;
SELECT regpaydb.grant_access('weak_app', 'app');
SET ROLE weak_app;
SET regpaydb.user_id = '101';
INSERT INTO rival.payment (invoice_id, amount) VALUES (2, 1);
\o
SELECT 'written';
SQL
		sound => qr/^42501: new row violates row-level security policy "actor"/,
		weakened => qr/^written$/
	},
	{
		what => 'a view reads as its owner',
		weak => [ [ 'sql/ledger/60_outbox.sql', 'CREATE VIEW status_history WITH (security_invoker = true) AS', 'CREATE VIEW status_history AS' ] ],
		attack => <<'SQL',
CREATE SCHEMA made AUTHORIZATION weak_owner;
SET ROLE weak_owner;
SELECT public.fill('made');
SELECT regpaydb.grant_access('weak_app', 'app');
SET ROLE weak_app;
SET regpaydb.user_id = '101';
\o
SELECT count(DISTINCT invoice_id) FROM made.status_history;
SQL
		sound => qr/^2$/,
		weakened => qr/^3$/
	},
	{
		what => 'row-level security is not switched on',
		weak => [ [ 'ddl_execute(psprintf("ALTER TABLE %s ENABLE ROW LEVEL SECURITY", name));', '' ] ],
		attack => <<'SQL',
CREATE SCHEMA made AUTHORIZATION weak_owner;
SET ROLE weak_owner;
SELECT public.fill('made');
SELECT regpaydb.grant_access('weak_app', 'app');
SET ROLE weak_app;
SET regpaydb.user_id = '101';
\o
SELECT count(*) FROM made.payment;
SQL
		sound => qr/^0$/,
		weakened => qr/^2$/
	},

	# The owner against the caller, and the caller against the owner.
	(
		map {
			{
				what => "an owner's trigger leaves $_->[0] behind",
				weak => [ [ "\t\tsec_context |= SECURITY_RESTRICTED_OPERATION;\n", '' ] ],
				attack => <<"SQL",
SET ROLE weak_rival;
CREATE FUNCTION rival.note() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN INSERT INTO public.ran (what) VALUES (TG_NAME); RETURN NULL; END';
CREATE TABLE rival.later (id int);
CREATE CONSTRAINT TRIGGER late AFTER INSERT ON rival.later DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION rival.note();
CREATE FUNCTION rival.attack() RETURNS trigger LANGUAGE plpgsql AS \$\$ BEGIN $_->[1]; RETURN NULL; END \$\$;
CREATE TRIGGER attack AFTER UPDATE ON rival.invoice FOR EACH ROW EXECUTE FUNCTION rival.attack();
RESET ROLE;
SET regpaydb.ledger = rival;
SELECT regpaydb.pay(1, 1, '');
\\o
$_->[2];
SQL
				sound => qr/^42501: cannot .* within security-restricted operation/,
				weakened => $_->[3]
			}
		} [ 'a deferred trigger', 'INSERT INTO rival.later VALUES (1)', 'SELECT what, who = session_user FROM ran', $late ],
		[ 'a temporary table', 'CREATE TEMP TABLE account (id int)', q{SELECT tableowner FROM pg_tables WHERE tablename = 'account'}, qr/^weak_rival$/ ],
		[ 'a prepared statement', q{PREPARE pg1 AS SELECT 'planted'}, 'EXECUTE pg1', qr/^planted$/ ]),
	{
		what => "an owner's trigger changes the caller's settings",
		weak => [ [ 'AtEOXact_GUC(false, call->save_nestlevel);', 'AtEOXact_GUC(true, call->save_nestlevel);' ], [ "\t\tddl_search_path(ledger->schema_name);\n", '' ] ],
		attack => <<'SQL',
SET ROLE weak_rival;
CREATE FUNCTION rival.attack() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN SET search_path = rival, pg_catalog; RETURN NULL; END $$;
CREATE TRIGGER attack AFTER UPDATE ON rival.invoice FOR EACH ROW EXECUTE FUNCTION rival.attack();
RESET ROLE;
SET regpaydb.ledger = rival;
SELECT regpaydb.pay(1, 1, '');
\o
SHOW search_path;
SQL
		sound => qr/^"\$user", public$/,
		weakened => qr/^rival, pg_catalog$/
	},
	{
		what => "a caller's search_path chooses what an owner's trigger calls",
		weak => [ [ "\t\tddl_search_path(ledger->schema_name);\n", '' ] ],
		attack => <<'SQL',
SET ROLE weak_owner;
CREATE FUNCTION conf.audit() RETURNS void LANGUAGE sql AS 'INSERT INTO public.ran (what) VALUES (''audit'')';
CREATE FUNCTION conf.audited() RETURNS trigger LANGUAGE plpgsql AS $$ BEGIN PERFORM audit(); RETURN NULL; END $$;
CREATE TRIGGER audit AFTER UPDATE ON conf.invoice FOR EACH ROW EXECUTE FUNCTION conf.audited();
SET ROLE weak_app;
CREATE FUNCTION app_own.audit() RETURNS void LANGUAGE sql AS 'INSERT INTO public.ran (what) VALUES (''planted'')';
SET search_path = app_own;
SELECT regpaydb.pay(1, 1, '');
\o
SELECT what, who FROM public.ran;
SQL
		sound => qr/^audit\|weak_owner$/,
		weakened => qr/^planted\|weak_owner$/
	},
	{
		what => "a caller's search_path chooses the engine's operators",
		weak => [ [ "\t\tddl_search_path(ledger->schema_name);\n", '' ], [ '"WHERE n.attendee_id" EQ "$1 AND " CREDIT_NOTE_IS_UNCLAIMED,', '"WHERE n.attendee_id = $1 AND " CREDIT_NOTE_IS_UNCLAIMED,' ] ],
		attack => <<'SQL',
SET ROLE weak_app;
CREATE FUNCTION app_own.eq(bigint, bigint) RETURNS boolean LANGUAGE plpgsql AS
	$$ BEGIN INSERT INTO public.ran (what) VALUES ('planted'); RETURN $1 OPERATOR(pg_catalog.=) $2; END $$;
CREATE OPERATOR app_own.= (LEFTARG = bigint, RIGHTARG = bigint, FUNCTION = app_own.eq);
SET search_path = app_own, pg_catalog;
SELECT regpaydb.available_credit(1);
\o
SELECT DISTINCT what, who FROM public.ran UNION ALL SELECT 'nothing', '' WHERE NOT EXISTS (SELECT FROM public.ran);
SQL
		sound => qr/^nothing\|$/,
		weakened => qr/^planted\|weak_owner$/
	},
	{
		what => 'policies that are forced on the owner hide rows from the engine, which says all is well',
		weak => [ [ ' | SECURITY_NOFORCE_RLS', '' ], [ '!update_by_sql(ledger, key, row))', '(update_by_sql(ledger, key, row), false))' ] ],
		attack => <<'SQL',
ALTER TABLE conf.outbox FORCE ROW LEVEL SECURITY;
ALTER TABLE conf.invoice FORCE ROW LEVEL SECURITY;
CREATE POLICY hide ON conf.invoice AS RESTRICTIVE FOR UPDATE TO weak_owner USING (false);
-- (With a trigger like this, rows are written by SQL.)
CREATE FUNCTION conf.pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER a BEFORE UPDATE ON conf.invoice FOR EACH ROW EXECUTE FUNCTION conf.pass();
SET ROLE weak_app;
INSERT INTO conf.payment (invoice_id, amount) VALUES (1, 100);
RESET ROLE;
\o
SELECT status FROM conf.invoice WHERE invoice_id = 1;
SQL
		sound => qr/^paid$/,
		weakened => qr/^unpaid$|^55006|^RP002/
	},
	{
		what => "an owner's trigger swallows a row of the engine's",
		weak => [ [ '!update_by_sql(ledger, key, row))', '(update_by_sql(ledger, key, row), false))' ] ],
		attack => <<'SQL',
CREATE FUNCTION conf.swallow() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NULL; END';
CREATE TRIGGER a BEFORE UPDATE ON conf.invoice FOR EACH ROW EXECUTE FUNCTION conf.swallow();
SET ROLE weak_app;
SELECT regpaydb.pay(1, 100, '');
RESET ROLE;
\o
SELECT count(*) > 0 FROM regpaydb.check_integrity();
SQL
		sound => qr/^09000: a row of table "invoice" was not written/,
		weakened => qr/^t$/
	},

	# What only the engine writes.
	{
		what => 'a role with INSERT makes up a credit note',
		weak => [ [ 'if (!relation_ownercheck(RelationGetRelid(trigger->tg_relation), GetUserId()))', 'if (false)' ] ],
		attack => <<'SQL',
SET ROLE weak_clerk;
INSERT INTO conf.credit_note (credit_note_id, attendee_id, value) VALUES (1, 1, 1000);
\o
SELECT value FROM conf.credit_note WHERE attendee_id = 1;
SQL
		sound => qr/^RP011: rows of table "credit_note" can't be inserted/,
		weakened => qr/^1000.00$/
	},
	{
		what => 'a role with INSERT makes up a payment by a note',
		weak => [ [ 'if (payments[i].engine_kind)', 'if (false)' ] ],
		attack => <<'SQL',
SET ROLE weak_clerk;
INSERT INTO conf.payment (invoice_id, amount, kind) VALUES (1, 100, 'credit_application');
\o
SELECT status FROM conf.invoice WHERE invoice_id = 1;
SQL
		sound => qr/^RP008: payment \d+ is of a kind that only the engine makes/,
		weakened => qr/^paid$/
	},
	{
		what => 'a trigger writes another row while the engine writes one',
		weak => [ [ " &&\n\t\tengine_call->writing.id == id", '' ], [ 'if (!engine_call->writing.many)', 'if (false)' ] ],
		attack => <<'SQL',
SET ROLE weak_owner;
CREATE FUNCTION conf.rewrite() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
	UPDATE conf.invoice SET status = 'paid', paid = 100 WHERE invoice_id = 3 AND NEW.invoice_id = 1;
	RETURN NULL;
END $$;
CREATE TRIGGER z AFTER UPDATE ON conf.invoice FOR EACH ROW EXECUTE FUNCTION conf.rewrite();
CREATE FUNCTION conf.pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
CREATE TRIGGER a BEFORE UPDATE ON conf.invoice FOR EACH ROW EXECUTE FUNCTION conf.pass();
SELECT regpaydb.pay(1, 10, '');
\o
SELECT status FROM conf.invoice WHERE invoice_id = 3;
SQL
		sound => qr/^RP011: column "status" of table "invoice" can't be changed/,
		weakened => qr/^paid$/
	},
	{
		what => 'a payment is changed',
		weak => [ [ 'sql/ledger/70_triggers.sql', "	BEFORE UPDATE OR DELETE ON payment\n", "	BEFORE DELETE ON payment\n" ] ],
		attack => <<'SQL',
SELECT fill('made');
UPDATE made.payment SET amount = 1000 WHERE payment_id = 1;
\o
SELECT amount FROM made.payment WHERE payment_id = 1;
SQL
		sound => qr/^RP011: rows of table "payment" can't be updated/,
		weakened => qr/^1000.00$/
	},

	# What others are granted.
	(
		map {
			{
				what => "the owner of another ledger takes functions from $_->[0]",
				weak => [ [ $_->[1], $_->[2] ] ],
				attack => <<"SQL",
GRANT EXECUTE ON FUNCTION regpaydb.pay TO weak_clerk;
SET ROLE weak_rival;
SET regpaydb.ledger = rival;
SELECT regpaydb.revoke_access('$_->[3]', 'app');
\\o
SELECT has_function_privilege('$_->[3]', 'regpaydb.pay(bigint, numeric, text, text, text)', 'EXECUTE');
SQL
				sound => qr/^t$/,
				weakened => qr/^f$/
			}
		} [ 'an owner', 'if (values[2] == role)', 'if (false)', 'weak_owner' ],
		[ 'a role with access', 'grants_set_functions(functions_owner, access_of_all, false', 'grants_set_functions(functions_owner, access, false', 'weak_app' ],
		[ 'a role with grants by hand', '*keeps_all || is_granted_by_hand(others, nothers, role)', '*keeps_all', 'weak_clerk' ]),
	{
		what => 'default privileges open a ledger',
		weak => [ [ "	ddl_own_relations(schema, before);\n	if (", '	if (' ] ],
		attack => <<'SQL',
ALTER DEFAULT PRIVILEGES GRANT ALL ON TABLES TO weak_nobody;
SELECT fill('fresh');
RESET search_path;
GRANT USAGE ON SCHEMA fresh TO weak_nobody;
SET ROLE weak_nobody;
UPDATE fresh.attendee SET user_id = 666 WHERE user_id = 101;
\o
SELECT count(access_code) FROM fresh.attendee WHERE user_id = 666;
SQL
		sound => qr/^42501: permission denied for table attendee/,
		weakened => qr/^1$/
	},

	# Making a ledger.
	{
		what => 'a ledger is made where somebody planted a function',
		weak => [ [ "	check_nothing_planted(schema, schema_name);\n	return schema;", '	return schema;' ] ],
		attack => <<'SQL',
CREATE SCHEMA open_house;
GRANT USAGE, CREATE ON SCHEMA open_house TO weak_squatter;
SET ROLE weak_squatter;
CREATE FUNCTION open_house.format(text, text) RETURNS text LANGUAGE sql AS
	'INSERT INTO public.ran (what) VALUES (''planted''); SELECT ''''';
RESET ROLE;
SELECT fill('open_house');
INSERT INTO open_house.category (name, required) VALUES ('Ticket', true);
SELECT regpaydb.current_cart(1);
SELECT * FROM open_house.cart_problem;
\o
SELECT DISTINCT what, who = session_user FROM public.ran;
SQL
		sound => qr/^42501: schema "open_house" is open to others/,
		weakened => qr/^planted\|t$/
	},
	{
		what => 'a ledger is made in the schema of somebody else',
		weak => [ [ "	if (ddl_schema_owner(schema) != GetUserId())\n		ereport(ERROR,\n				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),\n				 errmsg(\"schema", "	if (false)\n		ereport(ERROR,\n				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),\n				 errmsg(\"schema" ] ],
		attack => <<'SQL',
SELECT fill('squat');
SET ROLE weak_squatter;
DROP TABLE squat.credit_note_refund, squat.credit_note_application, squat.credit_note_claim CASCADE;
\o
SELECT 'dropped';
SQL
		sound => qr/^42501: schema "squat" belongs to somebody else/,
		weakened => qr/^dropped$/
	},

	# Access codes.
	{
		what => 'a code is longer than its buffer',
		weak => [ [ 'if (length < MIN_CODE_LENGTH || length > MAX_CODE_LENGTH)', 'if (false)' ] ],
		attack => <<'SQL',
SET ROLE weak_rival;
SET regpaydb.ledger = rival;
ALTER TABLE rival.conference DROP CONSTRAINT conference_access_code_length_check;
UPDATE rival.conference SET access_code_length = 200000;
SELECT regpaydb.rotate_access_code(1);
SQL
		sound => qr/^22023: access_code_length is 200000/,
		weakened => qr/^crash$/
	},
	{
		what => 'two attendees get one code, where chance has it',
		both => [ [ 'if (!pg_strong_random(bytes, length))', "memset(bytes, 0, length);\n\t\tif (!pg_strong_random(bytes, 1))" ] ],
		weak => [ [ '} while (row_access_code_exists(ledger, code));', '} while (false);' ] ],
		attack => <<'SQL',
SELECT regpaydb.rotate_access_code(1 + n % 2) FROM generate_series(1, 500) n;
\o
SELECT 'all different';
SQL
		sound => qr/^all different$/,
		weakened => qr/^23505/
	},

	# Carts that can't be sold.
	(
		map {
			{
				what => "a cart is sold that can't be, since $_->[0]",
				weak => [ @$_[ 1 .. $#$_ ] ],
				attack => $carts,
				sound => qr/^agreed: /m,
				weakened => qr/^disagreed: /m
			}
		} [ 'what was paid does not count towards the limit of a category', [ "\t\t\tquantity += all->holdings[i].quantity;\n\t\t}\n\tif (", "\t\t\tquantity += all->holdings[i].in_cart ? all->holdings[i].quantity : 0;\n\t\t}\n\tif (" ] ],
		[ 'nothing is required', [ 'category->required && !has_some', 'false' ] ],
		[ 'its reservation has lapsed', [ '!reservations[i].lapsed &&', 'true &&' ] ],
		[ 'others have what is in it', [ '(!slot->owing && slot->free >= quantity)', 'true' ] ],
		[ 'a reservation ends when it begins', [ 'cart->lapsed = reserved_until(row)', 'cart->lapsed = DatumGetTimestampTz(row_needed(row, CART_COL_TIME_LAST_UPDATED))' ] ],
		[ 'a reservation ends in the time zone of the session', [ 'DirectFunctionCall2(timestamp_pl_interval', 'DirectFunctionCall2(timestamptz_pl_interval' ] ]));

# ---- against the sound build, and the weakened one ----

my %sound;

for my $attack (@attacks)
{
	my @both = @{ $attack->{both} // [] };
	my ($before, $name) = ('', $attack->{what});
	my $sound = @both ? come_of(library(@both), $attack->{attack}) : ($sound{ $attack->{attack} } //= come_of(undef, $attack->{attack}));
	my $weakened = come_of(library(@both, @{ $attack->{weak} // [] }), ($attack->{weaken} // '') . ";\n$attack->{attack}");

	like($sound, $attack->{sound}, "does not succeed: $name");
	like($weakened, $attack->{weakened}, "succeeds on a weakened build: $name");
	unlike($weakened, $attack->{sound}, "and the test can tell: $name");
}

# ---- faults with the stock and with money, and the tests that notice them ----

# What notices it is a permutation of an isolation test, or an SQL test.
my @faults = (
	{
		what => 'a slot is used that is not locked',
		weak => [ [ 'if (!row_try_lock(ledger, STOCK_SLOT, slot->slot_id, &row))', 'if (!row_find(ledger, STOCK_SLOT, slot->slot_id, &row))' ] ],
		spec => [ stock_last_unit => 'rc1 rc2 snap2 one1 one2 c1 c2 check' ]
	},
	{
		what => 'a slot is locked as it is by now, not as it was seen',
		weak => [ [ 'LockWaitSkip, 0, &failure) == TM_Ok;', 'LockWaitSkip, TUPLE_LOCK_FLAG_FIND_LAST_VERSION, &failure) == TM_Ok;' ] ],
		spec => [ stock_last_unit => 'rr1 rr2 snap2 one1 c1 one2 c2 one2 check' ]
	},
	{
		what => 'who gathers locks no slot',
		weak => [ [ 'there = row_lock_slot(ledger, &slots[i]);', 'there = row_find_slot(ledger, &slots[i]);' ] ],
		spec => [ stock_gather => 'rc1 rc2 snap2 three1 three2 c1 c2 check' ]
	},
	{
		what => 'nothing is given back',
		weak => [ [ 'if (!use_one_slot(ledger, pool, -quantity, true))', 'if (false)' ] ],
		spec => [ stock_lowered => 'lower2 take3 back3 take3 check' ]
	},
	{
		what => 'what was lowered is not owed',
		weak => [ [ '(!slot->owing && slot->free >= quantity)', 'slot->free >= quantity' ] ],
		sql => 'stock'
	},
	{
		what => 'what a lapsed cart had comes back twice',
		weak => [ [ 'change->back += units;', 'change->back += 2 * units;' ] ],
		spec => [ stock_category => 'front1 lapse1 rc2 rc3 back2 back3 c2 c3 check' ]
	},
	{
		what => 'a lapsed reservation is not marked when it is taken back',
		weak => [ [ qq("UPDATE @.reservation r SET reserved_until = " NOT_HELD " "), qq("UPDATE @.reservation r SET reserved_until = r.reserved_until ") ],
			[ '"RETURNING CASE WHEN r.reserved_until" EQ NOT_HELD " THEN r.quantity::bigint END"', '"RETURNING r.quantity::bigint"' ] ],
		spec => [ stock_category => 'front1 lapse1 rc2 rc3 back2 back3 c2 c3 check' ]
	},
	{
		what => 'the stock of a category is not looked at',
		weak => [ [ 'return row_category(ledger, category_id, &category) && category.has_stock;', 'return false;' ] ],
		spec => [ stock_category => 'rc1 rc2 snap2 front1 c1 back2 c2 check' ]
	},
	{
		what => 'slots are made of what is reserved',
		weak => [ [ '"(coalesce(stock, 0)" MINUS "reserved" MINUS "sold" MINUS "$2)', '"(coalesce(stock, 0)" MINUS "sold" MINUS "$2)' ] ],
		sql => 'stock'
	},
	{
		what => 'slots are made of what is sold',
		weak => [ [ '"(coalesce(stock, 0)" MINUS "reserved" MINUS "sold" MINUS "$2)', '"(coalesce(stock, 0)" MINUS "reserved" MINUS "$2)' ] ],
		sql => 'stock'
	},
	{
		what => 'slots of a category are made of what is reserved',
		weak => [ [ '(SELECT (stock" MINUS "reserved" MINUS "sold" MINUS "$2)', '(SELECT (stock" MINUS "sold" MINUS "$2)' ] ],
		sql => 'stock'
	},
	{
		what => 'a changed stock does nothing to the slots',
		weak => [ [ 'pool_change(ledger, &pool, (int64) update->after.stock - update->before.stock);', '(void) pool;' ] ],
		spec => [ stock_lowered => 'rc2 rc3 snap3 lower2 take3 c2 c3 check' ]
	},
	{
		what => 'a category gets a stock while others take of its products',
		weak => [ [ "			wait_for_products(ledger, category_id);\n", "			(void) wait_for_products;\n" ] ],
		spec => [ stock_category_made => 'rc1 rc2 snap2 back1 three2 c1 c2 front3 check' ]
	},
	{
		what => 'a product gets a stock while others take it',
		weak => [ [ 'pool->limited = product.has_stock;', ';' ], [ 'if (product->has_stock != pool->limited)', 'if (false)' ] ],
		spec => [ stock_unlimited => 'rc1 rc2 snap1 lim2 any1 c2 c1 check' ]
	},
	{
		what => 'slots are not locked before those of a batch are taken',
		weak => [ [ "		lock_stock(ledger, carts, ncarts, leaves);\n", "		(void) leaves;\n" ] ],
		spec => [ stock_crosswise => 'rc3 back3 pay2 pay1 c3 check' ]
	},
	{
		what => 'carts of a batch are locked in any order',
		weak => [ [ "	qsort(ids, nids, sizeof(int64), compare_int8);\n	for (int i = 0; i < nids; i++)\n		if (n == 0", "	for (int i = 0; i < nids; i++)\n		if (n == 0" ] ],
		spec => [ stock_crosswise => 'rc3 cart3 three2 swap1 c3 check' ]
	},
	{
		what => 'a batch locks the category from which a product was moved',
		weak => [ [ 'if (row_product(ledger, product_ids[i], &product))', '' ] ],
		spec => [ stock_order => 'begin1 move1 begin2 wine2 batch c1 begin3 seat3 c2 dinner3 c3(batch) check' ]
	},
	{
		what => 'a batch does not see that a product has come to a category',
		weak => [ [ "	check_none_came(ledger, cart_ids, ncarts, product_ids, nproducts);\n", "	(void) check_none_came;\n" ] ],
		spec => [ stock_order => 'begin2 wine2 batch bun1 c2 check' ]
	},
	{
		what => 'SQL gives back to slots in order, though one is locked',
		weak => [ [ 'if (gives && row_try_lock_any_slot(ledger, pool, &any))', 'if (false && row_try_lock_any_slot(ledger, pool, &any))' ] ],
		spec => [ stock_order => 'begin2 fish2 fish old analyze soup c2 check' ]
	},
	{
		what => 'who makes the slots of a category waits for who gives it a stock',
		weak => [ [ 'if (row_try_lock_category(ledger, pool->id))', 'if (row_lock_pool(ledger, pool), true)' ] ],
		spec => [ stock_order => 'move1 begin1 any1 ten(seat) soon1(*) seat(soon1) check' ]
	},

	# Items that are returned.
	{
		what => 'what is kept is given back, too',
		weak => [ [ 'int32		kept = successor == NULL ? 0 : successor_keeps(successor, items[i].product_id);', 'int32		kept = 0;' ] ],
		sql => 'return_items'
	},
	{
		what => 'what is kept is given back, and taken again',
		weak => [ [ 'int32		kept = successor == NULL ? 0 : successor_keeps(successor, items[i].product_id);', 'int32		kept = 0;' ],
			[ "	if (successor != NULL)\n		make_successor_cart(ledger, invoice, successor);\n", <<'C' ] ],
	for (int i = 0; i < nitems && successor != NULL; i++)
	{
		StockChange again = {items[i].product_id, successor_keeps(successor, items[i].product_id)};

		if (again.quantity > 0 && !stock_take(ledger, &again, 1, invoice->cart_id))
			ereport(ERROR, (errcode(RP_CART_INVALID), errmsg("sold out")));
	}
	if (successor != NULL)
		make_successor_cart(ledger, invoice, successor);
C
		sql => 'return_items'
	},
	{
		what => 'the cart of a successor is sold as others are',
		weak => [ [ 'if (cart == CART_PAY && !invoice->is_successor)', 'if (cart == CART_PAY)' ] ],
		sql => 'return_items'
	},
	{
		what => 'the cart of a successor has to be for sale',
		weak => [ [ '!invoice->cart_checked && !invoice->is_successor && cart_is_unsellable', '!invoice->cart_checked && cart_is_unsellable' ] ],
		sql => 'return_items'
	},
	{
		what => 'a discount is dropped from the cart of the successor',
		weak => [ [ "		if (is_discount(line))\n", "		if (false)\n" ] ],
		sql => 'return_items'
	},
	{
		what => 'a discount has the reason of another one of that product',
		weak => [ [ 'discount = &discounts[of_cart[i].place];', 'discount = &discounts[i];' ] ],
		sql => 'return_items'
	},
	{
		what => 'what is returned in part stays as it was',
		weak => [ [ 'kept[nkept++].quantity = quantity;', 'nkept++;' ] ],
		sql => 'return_items'
	},
	{
		what => 'a trigger makes something else of what is updated',
		weak => [ [ 'return row->set[column] && (table_specs[row->table].columns[column].written & STAYS) != 0;', 'return false;' ] ],
		sql => 'return_triggers'
	},
	{
		what => 'successors replace each other',
		weak => [ [ 'sql/ledger/80_integrity.sql', '	AND NOT EXISTS (SELECT FROM succession f', '	AND s.invoice_id < 0 AND NOT EXISTS (SELECT FROM succession f' ] ],
		sql => 'integrity'
	},
	{
		what => 'a successor is not paid',
		weak => [ [ 'sql/ledger/80_integrity.sql', "(s.status = 'unpaid' OR s.paid_time IS NULL)", "s.status = 'refunded' AND s.paid_time IS NULL" ] ],
		sql => 'integrity'
	},
	{
		what => 'a cart has discounts that its invoice has not',
		weak => [ [ 'sql/ledger/80_integrity.sql', "WHERE billed IS DISTINCT FROM held\n", "WHERE billed <> held\n" ] ],
		sql => 'cart_integrity'
	},
	{
		what => 'a refund that ends does not move',
		weak => [ [ 'r.closed_time" GE "$1 "', 'r.closed_time" GE "NULL "' ] ],
		sql => 'integrity_since'
	},
	{
		what => 'the second thousand of new invoices is not looked at',
		weak => [ [ 'b WHERE l.found), "', 'b WHERE false), "' ] ],
		sql => 'integrity_since'
	},
	{
		what => 'a cart that only reserves does not move',
		weak => [ [ 'AND r.reserved_until" GE "$1 OFFSET 0', 'AND r.reserved_until" GE "NULL OFFSET 0' ] ],
		sql => 'integrity_since'
	},
	{
		what => 'the payments that money went back to are not looked at',
		weak => [ [ '"WHERE t.credit_note_refund_id" EQ "m.credit_note_refund_id OFFSET 0) b "', '"WHERE false OFFSET 0) b "' ] ],
		sql => 'integrity_since'
	},
	{
		what => 'a discount is returned by itself',
		weak => [ [ "	check_value(ledger, invoice, &successor);\n", "	(void) check_value;\n" ] ],
		sql => 'return_items'
	},
	{
		what => 'what is left over is nobody\'s answer',
		weak => [ [ '		*residual_id = credit_note_id;', '		;' ] ],
		sql => 'return_items'
	},
	{
		what => 'what is left over is another attendee\'s',
		weak => [ [ 'if (settle_inserted(ledger, invoice->invoice_id, &added, note->attendee_id,', 'if (settle_inserted(ledger, invoice->invoice_id, &added, 2,' ] ],
		sql => 'return_items'
	},
	{
		what => 'items of an invoice that is not paid are returned',
		weak => [ [ "	check_paid(invoice);\n	find_successor", "	(void) check_paid;\n	find_successor" ] ],
		sql => 'return_items'
	},
	{
		what => 'the same, of two who return at once',
		weak => [ [ "	check_paid(invoice);\n	find_successor", "	(void) check_paid;\n	find_successor" ] ],
		spec => [ return_twice => 'rc1 rc2 front1 shirt2 c1 c2 check' ]
	},
	{
		what => 'a note is charged with more than it has',
		weak => [ [ 'if (value_of_lines(lines, nlines, ledger->decimals) > note->value)', 'if (false)' ] ],
		sql => 'charge_credit_note'
	},

	# Money that goes back.
	{
		what => 'more is reversed than there was',
		weak => [ [ 'if (reversal->amount > refundable)', 'if (false)' ] ],
		spec => [ reversal_twice => 'rc1 rc2 some1 more2 c1 c2 check' ]
	},
	{
		what => 'more is to go back to a payment than there was',
		weak => [ [ 'if (named[i].amount > refundable)', 'if (false)' ] ],
		spec => [ refund_claim => 'rc1 rc2 small1 all2 c1 c2 check' ]
	},
	{
		what => 'the payment is not locked to which a refund goes back',
		weak => [ [ 'if (!row_lock_payment(provenance->ledger, payment_id, &payment))', 'if (!row_payment(provenance->ledger, payment_id, &payment))' ] ],
		spec => [ refund_claim => 'rc1 rc2 small1 all2 c1 c2 check' ]
	},
	{
		what => 'the payment is not locked that is reversed',
		weak => [ [ 'if (!row_lock_payment(ledger, payment->payment_id, &locked))', 'if (!row_payment(ledger, payment->payment_id, &locked))' ] ],
		spec => [ reversal_refund => 'rc1 rc2 away2 all1 c2 c1 check' ]
	},
	{
		what => 'an old snapshot is believed',
		weak => [ [ 'if (money_column(ledger, 0, 1) != gone)', 'if (false)' ] ],
		spec => [ refund_claim => 'rr1 rr2 small1 all2 c1 c2 all2 check' ]
	},
	{
		what => 'what failed counts as gone back',
		weak => [ [ q{EQ "t.credit_note_refund_id)" NE "'failed'::regpaydb.refund_state) "}, q{EQ "t.credit_note_refund_id) IS NOT NULL) "} ] ],
		spec => [ refund_ends => 'rc1 rc2 fail1 c1 again2 c2 check' ]
	},
	{
		what => 'the oldest notes are taken back first',
		weak => [ [ q(" ORDER BY p.\"time\" DESC, n.credit_note_id DESC",), q(" ORDER BY p.\"time\", n.credit_note_id",) ] ],
		spec => [ reversal_notes => 'rc1 rc2 rc3 few1 ask3 c1 c3 c2 check' ]
	},
	{
		what => 'somebody else\'s notes are taken back',
		weak => [ [ q("WHERE p.invoice_id" EQ "$1 AND n.attendee_id" EQ "$2 AND "), q("WHERE p.invoice_id" EQ "$1 AND $2 IS NOT NULL AND ") ] ],
		spec => [ reversal_refund => 'rc1 rc2 fail2 apply60 dispute1 c2 c1 check' ]
	},
	{
		what => 'a loss is not recorded',
		weak => [ [ 'reversal->loss = reversal->amount + payment.amount;', 'reversal->loss = 0;' ] ],
		spec => [ reversal_twice => 'rc1 rc2 lost1 lost2 c1 c2 check' ]
	},
	{
		what => 'the money of a refund that failed is the invoice\'s attendee\'s',
		weak => [ [ 'settle_inserted(ledger, invoice.invoice_id, &added, note.attendee_id, &credit_note_id)', 'settle_inserted(ledger, invoice.invoice_id, &added, invoice.attendee_id, &credit_note_id)' ] ],
		spec => [ reversal_refund => 'rc1 rc2 most1 away2 c1 back2 c2 check' ]
	},
	{
		what => 'the money of a refund that failed is nowhere',
		weak => [ [ 'if (!settle_inserted(ledger, invoice.invoice_id, &added, note.attendee_id, &credit_note_id))', 'if (credit_note_id = 1, false)' ] ],
		spec => [ refund_ends => 'rc1 rc2 fail1 fail2 c1 c2 check' ]
	},
	{
		what => 'a reversal takes the money that came in last',
		weak => [ [ 'if (row->has_reversed)', 'if (false)' ] ],
		spec => [ reversal_notes => 'rc1 rc2 rc3 few1 ask3 c1 c3 c2 check' ]
	},
	{
		what => 'a refund has the reference that it was told last',
		weak => [ [ "if ((provider != NULL && !same_text(provider, refund.provider)) ||\n\t\t\t(provider_ref != NULL && !same_text(provider_ref, refund.provider_ref)))", 'if (false)' ] ],
		spec => [ refund_ends => 'rc1 rc2 done1 other2 c1 c2 check' ]
	},
	{
		what => 'a reference is another refund\'s, too',
		weak => [ [ "if ((nothers > 0 && others[0] != refund_id) ||\n", "if (false ||\n" ] ],
		spec => [ refund_ends => 'rc1 rc2 snap2 done1 c1 second2 c2 check' ]
	},
	{
		what => 'a reference is not locked',
		weak => [ [ 'row_lock_ref(ledger, provider, provider_ref);', ';' ] ],
		spec => [ reversal_refund => 'rc1 rc2 odd1 done6 c1 c2 check' ]
	},
	{
		what => 'where a refund goes is not stored',
		weak => [ [ 'for (int i = 0; i < ntaken; i++)', 'for (int i = 0; i < 0; i++)' ] ],
		spec => [ refund_claim => 'rc1 rc2 small1 half2 c1 c2 check' ]
	},
	{
		what => 'a refund of ours that a platform tells of is a reversal',
		weak => [ [ 'if (nrefunds == 0)', 'if (true)' ] ],
		spec => [ reversal_refund => 'rc1 rc2 report1 done2 c1 c2 check' ]
	},
	{
		what => 'a refund ends twice',
		weak => [ [ 'if (refund.state != REFUND_REQUESTED)', 'if (false)' ] ],
		spec => [ refund_ends => 'rc1 rc2 done1 fail2 c1 c2 check' ]
	});

$node->safe_psql('postgres', "CREATE DATABASE tested TEMPLATE template0 ENCODING 'UTF8' LOCALE 'C'");
$node->safe_psql('tested', slurp_file("$source/test/sql/00_helpers.sql"));

# A database for a test, whose functions are those of this library.
sub database_of
{
	my ($library) = @_;
	my $database = 'faulty' . ++$databases;

	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE tested");
	weaken($database, $library) if defined $library;
	return $database;
}

# What a program prints that reads this text, run as pg_regress would.
sub output_of
{
	my ($text, @program) = @_;
	my $output;
	local %ENV = (%ENV, PGHOST => $node->host, PGPORT => $node->port, PGTZ => 'UTC', PGDATESTYLE => 'Postgres, MDY',
		PGOPTIONS => '-c intervalstyle=postgres_verbose -c lc_messages=C', PGISOLATIONTIMEOUT => 60);

	IPC::Run::run(\@program, '<', \$text, '>&', \$output);
	return $output =~ s/^unused step name: .*\n//gmr;
}

sub come_of_permutation
{
	my ($library, $name, $permutation) = @_;
	my $text = slurp_file("$source/test/specs/$name.spec") =~ s/^permutation.*//gmr;

	# It is there, made by a session that has loaded no other library.
	$text =~ s/public\.fresh_ledger\('$name'\)/regpaydb.create_ledger()/ or BAIL_OUT("$name makes no ledger");
	return output_of("$text\npermutation $permutation\n", $isolationtester,
		'dbname=' . database_of($library));
}

sub come_of_test
{
	my ($library, $name) = @_;

	return output_of(slurp_file("$source/test/sql/$name.sql"), qw(psql -X -a -q -d),
		database_of($library));
}

# What the test is expected to print, all of it or of one permutation.
sub expected_of
{
	my ($name, $permutation) = @_;
	my $expected = slurp_file("$source/expected/$name.out");

	return $expected if !defined $permutation;
	my ($first, @all) = split /(?=^starting permutation: )/m, $expected;
	my $steps = $permutation =~ s/\(.*?\)//gr;
	my ($one) = grep { /^starting permutation: \Q$steps\E$/m } @all;
	return $first . ($one // BAIL_OUT("$name has no permutation $permutation"));
}

# As diff -w compares.
sub same
{
	my ($left, $right) = map { s/[ \t]+//gr =~ s/\n+\z//r } @_;

	return $left eq $right;
}

my %passed;

for my $fault (@faults)
{
	my ($name, $permutation) = $fault->{spec} ? @{ $fault->{spec} } : $fault->{sql};
	my $expected = expected_of($name, $permutation);
	my $run = sub { $permutation ? come_of_permutation(shift, $name, $permutation) : come_of_test(shift, $name) };
	my $which = join ': ', $name, $permutation // ();

	if (!$passed{$which}++)
	{
		my $output = $run->(undef);
		ok(same($output, $expected), "passes: $which") or diag($output);
	}
	ok(!same($run->(library(@{ $fault->{weak} })), $expected), "notices that $fault->{what}: $which");
}

# ---- time tells, where less is done for what is not there ----

my $hasty = library([ 'if (!actor_may_view(ledger, attendee_id != NULL ? *attendee_id : id) || attendee_id == NULL)', 'if (attendee_id == NULL || !actor_may_view(ledger, *attendee_id))' ]);
$node->safe_psql('postgres', 'CREATE DATABASE hasty TEMPLATE sound');
weaken('hasty', $hasty);
$node->safe_psql('postgres', 'ALTER DATABASE hasty SET regpaydb.ledger = conf');
my $spread = timing_spread($node, 'hasty', undef);
cmp_ok($spread, '>', 1.25, "time tells on a weakened build (spread $spread)");

$node->stop;
done_testing();
