# What clients do to a ledger besides paying: consume its outbox together,
# cancel, load a hundred thousand payments at once, change its tables under
# sessions that use them.

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
$node->append_conf('postgresql.conf', "shared_buffers = 32MB\nmax_wal_size = 4GB\n");
$node->start;

# A database with a ledger of so many invoices of 100 each.
sub new_conference
{
	my ($database, $invoices) = @_;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, <<"SQL");
CREATE EXTENSION regpaydb;
SELECT regpaydb.create_ledger();
INSERT INTO regpaydb.staff VALUES (1);
INSERT INTO regpaydb.attendee (user_id) SELECT generate_series(1, $invoices);
SELECT count(regpaydb.manual_invoice(attendee_id, '1 day', '[{"description": "Ticket", "price": 100}]'))
	FROM regpaydb.attendee;
SQL
	return;
}

# Whether the server has run through all of this without a crash.
my $started = $node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()');

# ---- consumers of the outbox ----

{
	my $payments = 600;
	my $producers = 2;
	my $consumers = 3;
	my (@clients, @taken);

	new_conference('consumers', $payments);
	$node->safe_psql('consumers', <<'SQL');
CREATE TABLE produced (LIKE regpaydb.outbox);
INSERT INTO produced TABLE regpaydb.outbox;
CREATE FUNCTION keep() RETURNS trigger LANGUAGE plpgsql AS
	'BEGIN INSERT INTO produced VALUES (NEW.*); RETURN NULL; END';
CREATE TRIGGER keep AFTER INSERT ON regpaydb.outbox FOR EACH ROW EXECUTE FUNCTION keep();
SQL

	# Producers pay, each every other invoice, some of it too much, and now and
	# then think better of it.
	for my $number (1 .. $producers)
	{
		my $script = join '', map { my $amount = $_ % 3 ? 100 : 110; <<"SQL" }
BEGIN; SELECT regpaydb.pay($_, $amount, 'x'); ROLLBACK;
SELECT regpaydb.pay($_, $amount, 'x');
SQL
		  grep { $_ % $producers == $number - 1 } 1 .. $payments;

		append_to_file("$folder/producer$number", $script);
		push @clients, IPC::Run::start([
				'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('consumers'),
				'-f', "$folder/producer$number"
			], '<', \undef, '>', "$folder/produced$number", '2>', "$folder/errors$number");
	}

	# Consumers take a few rows at a time and say what they took; sometimes
	# they fail, and the rows are somebody else's.
	for my $number (1 .. $consumers)
	{
		my $take = 'DELETE FROM regpaydb.outbox WHERE outbox_id IN '
		  . "(SELECT outbox_id FROM regpaydb.outbox ORDER BY 1 LIMIT 7 FOR UPDATE SKIP LOCKED) RETURNING outbox_id";
		my $script = "$take;\nBEGIN;\n\\o /dev/null\n$take;\n\\o\nROLLBACK;\nSELECT pg_sleep(0.002);\n";

		append_to_file("$folder/consumer$number", $script x 250);
		push @clients, IPC::Run::start([
				'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr('consumers'),
				'-f', "$folder/consumer$number"
			], '<', \undef, '>', "$folder/consumed$number", '2>', "$folder/consumer_errors$number");
	}
	is(scalar(grep { !$_->finish } @clients), 0, 'outbox: all clients came to their end');

	my @share = map { scalar(grep { /^\d+$/ } lines(slurp_file("$folder/consumed$_"))) } 1 .. $consumers;
	note("taken: @share");
	is(scalar(grep { $_ < 50 } @share), 0, 'outbox: each consumer took a share');
	@taken = map { grep { /^\d+$/ } lines(slurp_file("$folder/consumed$_")) } 1 .. $consumers;
	push @taken, lines($node->safe_psql('consumers', 'DELETE FROM regpaydb.outbox RETURNING outbox_id'));
	my @produced = lines($node->safe_psql('consumers', 'SELECT outbox_id FROM produced'));

	is(scalar @produced, 2 * $payments + $payments / 3, 'outbox: one event for each thing that happened');
	is(join(' ', sort { $a <=> $b } @taken), join(' ', sort { $a <=> $b } @produced),
		'outbox: each event was taken, once');
	integrity($node, 'consumers', 'regpaydb', 'outbox: sound, though its rows are gone');
	is($node->safe_psql('consumers', <<'SQL'), '0', 'outbox: the history is kept elsewhere');
SELECT count(*) FROM ((SELECT invoice_id, old_status, new_status FROM produced
		WHERE kind IN ('invoice_created', 'invoice_updated'))
	EXCEPT (SELECT invoice_id, old_status, new_status FROM regpaydb.status_history)) lost
SQL
}

# ---- a long statement is cancelled ----

new_conference('bulk', 20001);
$node->safe_psql('bulk', 'VACUUM ANALYZE');
my $state = q{SELECT (SELECT count(*) FROM regpaydb.payment), (SELECT count(*) FROM regpaydb.credit_note),
	(SELECT count(*) FROM regpaydb.outbox), (SELECT sum(paid) FROM regpaydb.invoice),
	(SELECT count(*) FROM regpaydb.invoice WHERE status <> 'unpaid')};
my $before = $node->safe_psql('bulk', $state);
my $session = session($node, 'bulk');
my ($out, $err);

# Early, and when it has worked for a while.
for my $timeout ('50ms', '700ms')
{
	ask($session, "SET statement_timeout = '$timeout'");
	my $seconds = seconds_to(
		sub {
			($out, $err) = ask($session, <<'SQL');
INSERT INTO regpaydb.payment (invoice_id, amount)
	SELECT 1 + g % 20000, 1 + g % 3 FROM generate_series(1, 1000000) g
SQL
		});
	refused($err, '57014', qr/statement timeout/, "a million payments are cancelled after $timeout");
	cmp_ok($seconds, '<', 20, 'soon');
}
ask($session, 'SET statement_timeout = 0');

# In the midst of the trigger for sure: it waits for an invoice there.
my $locker = session($node, 'bulk');
ask($locker, 'BEGIN; SELECT invoice_id FROM regpaydb.invoice WHERE invoice_id = 10000 FOR NO KEY UPDATE');
ask($session, q{SET statement_timeout = '3s'});
($out, $err) = ask($session, 'INSERT INTO regpaydb.payment (invoice_id, amount) SELECT g, 130 FROM generate_series(9000, 11000) g');
refused($err, '57014', qr/statement timeout/, 'a statement is cancelled while it settles');
ask($locker, 'ROLLBACK');
ask($session, 'SET statement_timeout = 0');
is($node->safe_psql('bulk', $state), $before, 'and nothing is left behind');
integrity($node, 'bulk', 'regpaydb', 'cancelled: sound');

# In a savepoint, after which the transaction goes on.
is(ask($session, <<'SQL'), "t\nt", 'a cancelled session goes on');
BEGIN;
SAVEPOINT s;
SET LOCAL statement_timeout = '50ms';
\set QUIET on
\o /dev/null
INSERT INTO regpaydb.payment (invoice_id, amount) SELECT 1 + g % 20000, 1 FROM generate_series(1, 1000000) g;
\o
ROLLBACK TO s;
SELECT regpaydb.pay(20001, 30, 'x') > 0;
SELECT paid = 30 FROM regpaydb.invoice WHERE invoice_id = 20001;
ROLLBACK;
SQL

# ---- a hundred thousand payments in one statement ----

# The most memory that the session's process ever had, in MB; 0 if unknown.
sub peak_memory
{
	my ($session) = @_;
	my $pid = ask($session, 'SELECT pg_backend_pid()');

	return 0 if !-r "/proc/$pid/status";
	return slurp_file("/proc/$pid/status") =~ /^VmHWM:\s*(\d+) kB/m ? $1 / 1024 : 0;
}

for my $case (
	[ 'one invoice', 'SELECT 1, 0.01 FROM generate_series(1, 100000)', 'unpaid|1000.00', 1 ],
	[ '20,000 invoices', 'SELECT 1 + g % 20000, 30 FROM generate_series(1, 100000) g', 'paid|100.00', 20000 ])
{
	my ($name, $query, undef, $touched) = @$case;
	my $loader = session($node, 'bulk');
	my $memory;
	my $seconds;

	# Its plans and caches are there.
	ask($loader, 'BEGIN; INSERT INTO regpaydb.payment (invoice_id, amount) SELECT g, 130 FROM generate_series(1, 100) g; ROLLBACK');
	$memory = peak_memory($loader);
	ask($loader, 'BEGIN');
	$seconds = seconds_to(sub { ($out, $err) = ask($loader, "INSERT INTO regpaydb.payment (invoice_id, amount) $query") });
	is($err, '', "100,000 payments on $name");
	cmp_ok($seconds, '<', 60, 'in a reasonable time');
	cmp_ok(peak_memory($loader) - $memory, '<', 300, 'and memory');
	note(sprintf '%s: %.1f s, %.0f MB more than %.0f MB', $name, $seconds, peak_memory($loader) - $memory, $memory);
	is(ask($loader, 'SELECT count(*), sum(payment_count - CASE WHEN paid_time IS NULL THEN 0 ELSE 1 END) '
				. 'FROM regpaydb.invoice WHERE payment_count > 0'),
		"$touched|100000", 'all are counted');
	is(ask($loader, 'SELECT count(*) FROM regpaydb.check_integrity()'), '0', 'the ledger is sound');
	ask($loader, 'ROLLBACK');
	$loader->quit;
}
$_->quit for $session, $locker;
$node->safe_psql('postgres', 'DROP DATABASE bulk');

# ---- tables change under a session ----

new_conference('changes', 200);
$session = session($node, 'changes');
my $other = session($node, 'changes');
my $invoice = 0;

# A session does everything once; returns its errors.
sub work
{
	my ($session, $schema) = @_;
	my @errors;

	$invoice++;
	for my $sql (
		"SELECT regpaydb.can_view($invoice, 1), regpaydb.balance_due($invoice)",
		"SELECT regpaydb.pay($invoice, 30, 'x', 'bank', 'r' || $invoice || clock_timestamp())",
		"INSERT INTO $schema.payment (invoice_id, amount) VALUES ($invoice, 60), ($invoice, 50)",
		"SELECT regpaydb.available_credit($invoice)",
		"SELECT regpaydb.refund_credit_note(regpaydb.refund_invoice($invoice), 'x')",
		"SELECT regpaydb.rotate_access_code($invoice)",
		"SELECT regpaydb.cancellation_fee(min(credit_note_id), 10) FROM $schema.credit_note WHERE state = 'unclaimed'",
		"SELECT regpaydb.pay(regpaydb.manual_invoice($invoice, '1 day', '[{\"description\": \"Dinner\", \"price\": 50}]'), 10, 'x')",
		"SELECT regpaydb.pay(regpaydb.manual_invoice($invoice, '1 day', '[{\"description\": \"Lunch\", \"price\": 5, \"quantity\": 20}]'), 100, 'x')",
		"SELECT regpaydb.charge_credit_note(regpaydb.return_items(max(invoice_id), jsonb_build_array(jsonb_build_object('line_item_id', max(line_item_id), 'quantity', 8))), '[{\"description\": \"Fee\", \"price\": 15}]') FROM $schema.line_item WHERE description = 'Lunch' AND quantity = 20",
		"SELECT regpaydb.record_payment(regpaydb.manual_invoice($invoice, '1 day', '[{\"description\": \"Badge\", \"price\": 10}]'), 35, 'x', 'card', 'c $invoice')",
		"SELECT regpaydb.fail_refund(regpaydb.request_refund(max(credit_note_id), 'x'), 'x') FROM $schema.credit_note",
		"SELECT regpaydb.record_reversal('card', 'c $invoice', 5, 'dp $invoice')",
		"SELECT regpaydb.confirm_refund(regpaydb.request_refund(max(credit_note_id), 'x'), 'card', 're $invoice') FROM $schema.credit_note",
		"SELECT regpaydb.payment_summary('card', 'c $invoice'), s.* FROM regpaydb.refund_sources((SELECT max(credit_note_id) FROM $schema.credit_note)) s",
		'SELECT count(*) FROM regpaydb.check_integrity()')
	{
		my ($out, $err) = ask($session, $sql);
		push @errors, $err if $err;
	}
	return join '', @errors;
}

is(work($session, 'regpaydb'), '', 'a session uses a ledger');
is(work($other, 'regpaydb'), '', 'and another one');
for my $change (
	'ALTER TABLE regpaydb.payment ADD COLUMN remark text',
	'ALTER TABLE regpaydb.invoice ADD COLUMN remark text, ADD COLUMN number int NOT NULL DEFAULT 7',
	'ALTER TABLE regpaydb.payment RENAME COLUMN remark TO note',
	'ALTER TABLE regpaydb.payment DROP COLUMN note',
	'ALTER TABLE regpaydb.invoice DROP COLUMN remark',
	'ALTER TABLE regpaydb.credit_note ADD COLUMN remark text; ALTER TABLE regpaydb.outbox ADD COLUMN remark text',
	'CREATE INDEX ON regpaydb.payment (amount); REINDEX TABLE regpaydb.invoice',
	'VACUUM FULL regpaydb.payment',
	'ALTER TABLE regpaydb.attendee ALTER COLUMN recipient TYPE varchar',
	'ALTER TABLE regpaydb.payment ADD COLUMN half numeric GENERATED ALWAYS AS (amount / 2) STORED',
	'ANALYZE', 'DISCARD PLANS')
{
	ask($other, $_) for split /; /, $change;
	is(work($session, 'regpaydb') . work($other, 'regpaydb'), '', "both go on after $change");
}
integrity($node, 'changes', 'regpaydb', 'changed: sound');

# The schema is called something else.
ask($session, q{SELECT regpaydb.create_ledger('moving'); SET regpaydb.ledger = moving;
	INSERT INTO moving.attendee (user_id) SELECT generate_series(1, 200);
	SELECT regpaydb.manual_invoice(attendee_id, '1 day', '[{"description": "Ticket", "price": 100}]') FROM moving.attendee});
ask($other, 'SET regpaydb.ledger = moving');
is(work($session, 'moving') . work($other, 'moving'), '', 'two sessions use another ledger');
ask($session, 'ALTER SCHEMA moving RENAME TO "Moved here"');
($out, $err) = ask($session, 'SELECT regpaydb.balance_due(100)');
refused($err, 'RP012', qr/there is no ledger in schema "moving".*HINT/s, 'a ledger is not found by its old name');
($out, $err) = ask($other, 'SELECT regpaydb.balance_due(100)');
refused($err, 'RP012', qr/there is no ledger in schema "moving".*HINT/s, 'by the other session neither');
ask($_, q{SET regpaydb.ledger = 'Moved here'}) for $session, $other;
is(work($session, '"Moved here"') . work($other, '"Moved here"'), '', 'but by its new name');

# Two ledgers swap their names.
ask($session, q{SELECT regpaydb.create_ledger('left'); SELECT regpaydb.create_ledger('right')});
for my $schema ('left', 'right')
{
	ask($session, qq{SET regpaydb.ledger = '$schema'; INSERT INTO "$schema".attendee (user_id, recipient) VALUES (1, '$schema');
		SELECT regpaydb.manual_invoice(1, '1 day', '[{"description": "$schema", "price": 100}]') FROM generate_series(1, 3)});
	ask($_, qq{SET regpaydb.ledger = '$schema'; SELECT regpaydb.pay(1, 10, '$schema')}) for $session, $other;
}
ask($other, 'BEGIN; ALTER SCHEMA "left" RENAME TO middle; ALTER SCHEMA "right" RENAME TO "left"; ALTER SCHEMA middle RENAME TO "right"; COMMIT');
for my $each ($session, $other)
{
	ask($each, q{SET regpaydb.ledger = 'left'; SELECT regpaydb.pay(2, 11, 'was right')});
	ask($each, q{SET regpaydb.ledger = 'right'; INSERT INTO "right".payment (invoice_id, amount) VALUES (3, 12)});
}
is($node->safe_psql('changes', q{SELECT recipient, (SELECT string_agg(invoice_id || ':' || paid, ' ' ORDER BY invoice_id) FROM "left".invoice) FROM "left".attendee}),
	'right|1:20.00 2:22.00 3:0.00', 'swapped: the left one was the right one');
is($node->safe_psql('changes', q{SELECT recipient, (SELECT string_agg(invoice_id || ':' || paid, ' ' ORDER BY invoice_id) FROM "right".invoice) FROM "right".attendee}),
	'left|1:20.00 2:0.00 3:24.00', 'swapped: the right one was the left one');
integrity($node, 'changes', $_, "swapped, $_: sound") for 'left', 'right';

# A ledger is dropped, and another made in its place.
for my $who ($session, $other)
{
	ask($session, 'DROP SCHEMA "Moved here" CASCADE');
	for my $each ($session, $other)
	{
		($out, $err) = ask($each, q{SET regpaydb.ledger = 'Moved here'; SELECT regpaydb.balance_due(1)});
		refused($err, 'RP012', qr/there is no ledger in schema "Moved here".*HINT/s, 'a dropped ledger is not there');
	}
	ask($who, q{SELECT regpaydb.create_ledger('Moved here'); INSERT INTO "Moved here".attendee (user_id) SELECT generate_series(1, 200);
		SELECT regpaydb.manual_invoice(attendee_id, '1 day', '[{"description": "Ticket", "price": 100}]') FROM "Moved here".attendee});
	is(work($session, '"Moved here"') . work($other, '"Moved here"'), '', 'a new one in its place is used');
}
integrity($node, 'changes', 'Moved here', 'made anew: sound');

# In one transaction, which is rolled back.
is(ask($session, <<'SQL'), "0\n0.00\nt", 'a ledger dropped and made in a transaction, that is rolled back');
BEGIN;
DROP SCHEMA "Moved here" CASCADE;
SELECT regpaydb.create_ledger('Moved here') \gset
SELECT count(*) FROM "Moved here".invoice;
INSERT INTO "Moved here".attendee (user_id) VALUES (1);
SELECT regpaydb.available_credit(1);
ROLLBACK;
SELECT regpaydb.pay(150, 10, 'x') > 0;
SQL

# ---- columns of the engine's change their type ----

# That is nobody's right, but a session with plans must not crash over it.
ask($_, 'RESET regpaydb.ledger') for $session, $other;
my @types = (
	[ 'payment', 'amount', 'double precision' ], [ 'payment', 'amount', 'text' ], [ 'payment', 'amount', 'numeric(20,4)' ],
	[ 'payment', 'payment_id', 'integer' ], [ 'payment', 'invoice_id', 'numeric' ], [ 'payment', 'kind', 'text' ],
	[ 'payment', 'reference', 'varchar(5)' ], [ 'invoice', 'paid', 'double precision' ], [ 'invoice', 'value', 'integer' ],
	[ 'invoice', 'status', 'text' ], [ 'invoice', 'payment_count', 'smallint' ], [ 'invoice', 'invoice_id', 'integer' ],
	[ 'invoice', 'last_payment_id', 'text' ], [ 'credit_note', 'value', 'text' ], [ 'credit_note', 'state', 'text' ],
	[ 'credit_note', 'credit_note_id', 'integer' ], [ 'attendee', 'access_code', 'bytea' ], [ 'attendee', 'user_id', 'text' ],
	[ 'conference', 'ledger_version', 'integer' ], [ 'conference', 'auto_apply_credit', 'text' ], [ 'outbox', 'kind', 'text' ],
	[ 'credit_note_refund', 'state', 'text' ], [ 'credit_note_refund', 'provider_ref', 'varchar(5)' ], [ 'credit_note_refund', 'credit_note_id', 'integer' ],
	[ 'credit_note_refund_part', 'amount', 'text' ], [ 'credit_note_refund_part', 'payment_id', 'text' ], [ 'reversal', 'amount', 'double precision' ],
	[ 'reversal', 'loss', 'text' ], [ 'reversal', 'payment_id', 'integer' ], [ 'reversal', 'reversing_payment_id', 'numeric' ]);

for my $type (@types)
{
	my ($table, $column, $to) = @$type;
	my $errors;

	# A ledger without what would forbid the change: views, other tables'
	# foreign keys, checks, defaults, indexes on expressions and predicates.
	$node->safe_psql('changes', "DROP SCHEMA IF EXISTS types CASCADE; SELECT regpaydb.create_ledger('types')");
	ask($session, q{SET regpaydb.ledger = types; INSERT INTO types.attendee (user_id) SELECT generate_series(1, 5);
		SELECT regpaydb.manual_invoice(attendee_id, '1 day', '[{"description": "Ticket", "price": 100}]') FROM types.attendee});
	$invoice = 0;
	$errors = work($session, 'types');
	is($errors, '', "a new ledger for $table.$column") if $errors;
	$node->safe_psql('changes', <<"SQL");
DROP VIEW types.integrity_problem, types.status_history;
SELECT format('DROP VIEW %s', string_agg(oid::regclass::text, ', ')) FROM pg_class
	WHERE relnamespace = 'types'::regnamespace AND starts_with(relname, 'report_') \\gexec
DO \$\$
DECLARE
	c record;
BEGIN
	FOR c IN SELECT conrelid::regclass AS relation, conname FROM pg_constraint
		WHERE connamespace = 'types'::regnamespace AND contype IN ('c', 'f') LOOP
		EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.relation, c.conname);
	END LOOP;
	FOR c IN SELECT indexrelid::regclass AS index FROM pg_index JOIN pg_class ON pg_class.oid = indexrelid
		WHERE relnamespace = 'types'::regnamespace AND (indpred IS NOT NULL OR indexprs IS NOT NULL) LOOP
		EXECUTE format('DROP INDEX %s', c.index);
	END LOOP;
END;
\$\$;
SQL
	my $using =
		$to eq 'bytea' ? "convert_to($column, 'UTF8')"
	  : $column eq 'ledger_version' ? '1'
	  : $to =~ /int/ ? "$column\::numeric::$to"
	  : "$column\::text::$to";
	my $alter = "ALTER TABLE types.$table ALTER COLUMN $column TYPE $to USING $using";

	$node->safe_psql('changes', 'DROP TRIGGER attendee_access_code ON types.attendee') if $column eq 'access_code';
	my $status = $node->psql('changes', $alter);
	$status = $node->psql('changes', "ALTER TABLE types.$table ALTER COLUMN $column DROP DEFAULT; $alter") if $status;
	is($status, 0, "$table.$column becomes $to");
	$errors = work($session, 'types');
	$errors .= work($session, 'types');
	my @codes = $errors =~ /(?:ERROR|FATAL|PANIC):  (\w{5})/g;
	note("$table.$column to $to: @codes");
	unlike($errors, qr/XX000|server closed|FATAL|PANIC/, "$table.$column to $to: errors at most, and clear ones");
	is(ask($session, 'SELECT 1'), '1', "$table.$column to $to: the session is alive");
	if ($table eq 'payment' && $column eq 'amount' && $to ne 'numeric(20,4)')
	{
		($out, $err) = ask($session, 'INSERT INTO types.payment (invoice_id, amount) VALUES (5, 1)');
		refused($err, '42804', qr/column "amount" of table "payment" is of type $to, not numeric/,
			"$table.$column to $to: a payment is refused");
	}
	elsif ($table eq 'payment' && $column eq 'amount')
	{
		($out, $err) = ask($session, 'INSERT INTO types.payment (invoice_id, amount) VALUES (5, 0.0001)');
		refused($err, 'RP003', qr/amount/, "$table.$column to $to: what is too precise is refused");
	}
}

is($node->safe_psql('postgres', 'SELECT pg_postmaster_start_time()'), $started, 'the server was never restarted');
unlike(slurp_file($node->logfile), qr/terminated by signal|PANIC|TRAP/, 'and nothing crashed');
$_->quit for $session, $other;

done_testing();
