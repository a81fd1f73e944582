# A ledger that Citus distributes by its schema, by the very commands of docs/scale.md: on a
# coordinator and two workers.  test/citus/run makes the folder and stops the servers.

use strict;
use warnings FATAL => 'all';

use IO::Socket::INET;
use Test::More;
use Time::HiRes qw(sleep time);

my $work = $ENV{CITUS_WORK} // die "CITUS_WORK is not set\n";
my $number = 0;
my $db = 'conferences';
my @ledger_functions;	# calls of every function of a ledger, made of the catalog below

# ---- commands ----

sub slurp
{
	my ($file) = @_;
	open my $in, '<', $file or die "$file: $!\n";
	return join '', <$in>;
}

sub write_file
{
	my ($file, $text) = @_;
	open my $out, '>', $file or die "$file: $!\n";
	print $out $text;
	close $out;
	return $file;
}

sub shell
{
	my ($script) = @_;
	my $printed = qx{($script) 2>&1 </dev/null};
	die "failed: $script\n$printed" if $?;
	return $printed;
}

# The options of psql: a node's port, and who connects; the others are psql's own.
sub psql
{
	my ($port, %with) = @_;
	my $variables = join ' ', map {"-v $_=$with{v}{$_}"} keys %{ $with{v} // {} };

	return "psql -X -q -At -h 127.0.0.1 -p $port -U " . ($with{user} // 'organiser') . ' -d ' . ($with{db} // $db)
	  . " -v VERBOSITY=verbose -v SHOW_CONTEXT=never $variables";
}

# What a script prints, warnings and notices not.
sub tells
{
	my ($port, $sql, %with) = @_;
	my $file = write_file("$work/sql" . ++$number, "SET client_min_messages = error;\n$sql\n");
	my $printed = qx{@{[ psql($port, %with) ]} <$file 2>&1};

	$printed =~ s/^(?:LOCATION|SCHEMA NAME|TABLE NAME|CONSTRAINT NAME|STATEMENT):  .*\n//mg;
	$printed =~ s/^(?:psql:<stdin>:\d+: )?(ERROR|FATAL):  /$1:  /mg;
	chomp $printed;
	return $printed;
}

# The same, where there must be no error.
sub sql
{
	my ($port, $sql, %with) = @_;
	my $printed = tells($port, $sql, %with);
	die "failed on $port: $sql\n$printed\n" if $printed =~ /^(?:ERROR|FATAL)/m;
	return $printed;
}

# The code and message of the first error.
sub refuses
{
	my ($port, $sql, $expected, $name, %with) = @_;
	my ($error) = tells($port, $sql, %with) =~ /^ERROR:  (.*)$/m;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return like($error // 'no error', $expected, $name);
}

sub wait_until
{
	my ($is_so) = @_;
	my $end = time + 60;
	sleep 0.05 while !$is_so->() && time < $end;
	return time < $end;
}

# A script in a psql of its own, which goes on meanwhile; what it printed when it has ended.
sub start
{
	my ($port, $sql, %with) = @_;
	my $file = write_file("$work/sql" . ++$number, $sql);
	my $pid = fork // die "fork: $!\n";

	if ($pid == 0)
	{
		exec "exec @{[ psql($port, %with) ]} <$file >$file.out 2>&1" or die;
	}
	return { pid => $pid, file => "$file.out" };
}

sub ended
{
	my ($started) = @_;
	waitpid $started->{pid}, 0;
	return slurp($started->{file});
}

# ---- the page's commands ----

my %block = slurp('docs/scale.md') =~ /^<!-- not run: test\/citus runs it: (\w+) -->\n```\w+\n(.*?)^```$/msg;
my %was_run;

sub block
{
	my ($name, $ledger) = @_;
	my $text = $block{$name} // die "the page has no commands called $name\n";
	$was_run{$name} = 1;
	$text =~ s/\bgannet\b/$ledger/g if defined $ledger;
	return $text;
}

# ---- three nodes ----

sub free_ports
{
	my @sockets = map { IO::Socket::INET->new(LocalAddr => '127.0.0.1', LocalPort => 0, Listen => 1) // die "no port: $!\n" } 1 .. shift;
	return map { $_->sockport } @sockets;
}

my ($coordinator, @workers) = free_ports(3);
my @nodes = ($coordinator, @workers);
for my $port (@nodes)
{
	my $data = "$work/node$port";

	shell("initdb -D $data -U postgres --auth=trust --locale=C.UTF-8 -E UTF8 --no-sync");
	open my $conf, '>>', "$data/postgresql.conf" or die;
	print $conf <<"END";
listen_addresses = '127.0.0.1'
port = $port
unix_socket_directories = ''
fsync = off
shared_preload_libraries = 'citus'
wal_level = logical
max_prepared_transactions = 50
max_connections = 100
timezone = 'UTC'
citus.enable_statistics_collection = off
END
	close $conf;
	shell("pg_ctl start -w -D $data -l $work/postgres$port.log");
	sql($port, "CREATE DATABASE $db", db => 'postgres', user => 'postgres');
	sql($port, 'CREATE EXTENSION citus', user => 'postgres');
}
sql($coordinator, join("\n", "SELECT citus_set_coordinator_host('127.0.0.1', $coordinator);",
		map {"SELECT citus_add_node('127.0.0.1', $_);"} @workers), user => 'postgres');
is(sql($coordinator, block('once'), user => 'postgres'), 't|SET', 'the superuser\'s commands');

sub place_of
{
	my ($ledger) = @_;
	return (split /\|/, sql($coordinator, block('where', $ledger)))[1];
}

sub make_ledger { return sql($coordinator, block('make', shift)) }
sub distribute { return tells($coordinator, block('distribute', shift)) }

sub is_sound
{
	my ($ledger, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(tells(place_of($ledger), "SET regpaydb.ledger = '$ledger'; SELECT * FROM regpaydb.check_integrity();"), '', "$name: integrity");
}

# ---- the way in, while somebody is at work ----

refuses($coordinator, "SET citus.enable_schema_based_sharding = on; SELECT regpaydb.create_ledger('sharded');",
	qr/^RP012: ledger "sharded" can't be made under schema-based sharding/, 'create_ledger() under schema-based sharding');
make_ledger('gannet');
sql($coordinator, <<'SQL');
SET regpaydb.ledger = 'gannet';
INSERT INTO gannet.staff VALUES (7);
INSERT INTO gannet.attendee (user_id, recipient, access_code) VALUES (101, 'Ada', 'CODE-OF-ADA'), (102, 'Ben', 'CODE-OF-BEN');
SELECT regpaydb.manual_invoice(1 + n % 2, '1 day', '[{"description": "Ticket", "price": 1000}]') FROM generate_series(1, 4) n;
SELECT regpaydb.pay(1, 1010, 'too much', 'bank', 'b-1');
INSERT INTO gannet.payment (invoice_id, amount) VALUES (2, 10);
INSERT INTO gannet.product (category_id, name, price, stock) SELECT NULL, 'x', 1, 1 WHERE false;
SQL
refuses($coordinator, "SET citus.enable_unsafe_triggers = on; SELECT citus_schema_distribute('gannet');", qr/there is no ledger in schema "gannet"/,
	'rows that are copied with triggers on');
my $before = sql($coordinator, 'SELECT sum(paid), sum(payment_count), count(*) FROM gannet.invoice');

my $holder = start($coordinator, <<'SQL');
SET regpaydb.ledger = 'gannet';
BEGIN;
SELECT regpaydb.pay(2, 5, 'before the conversion') IS NOT NULL;
SELECT count(*) FROM (SELECT pg_sleep(3)) s;
COMMIT;
SQL
ok(wait_until(sub { sql($coordinator, q{SELECT count(*) FROM pg_stat_activity WHERE query ~ 'pg_sleep' AND pid <> pg_backend_pid()}, user => 'postgres') }), 'a client is at work');
my $idle = start($coordinator, <<'SQL');
SET regpaydb.ledger = 'gannet';
SELECT regpaydb.balance_due(2) IS NOT NULL;
SELECT pg_sleep(12) IS NULL;
SELECT regpaydb.pay(2, 5, 'from before the conversion');
SELECT regpaydb.can_view(2, 101);
SQL
my $converter = start($coordinator, block('distribute', 'gannet'));
ok(wait_until(sub { sql($coordinator, q{SELECT count(*) FROM pg_stat_activity WHERE query ~ 'LOCK TABLE' AND wait_event = 'PgSleep' AND pid <> pg_backend_pid()}, user => 'postgres') }), 'the conversion waits for it');
like(ended($holder), qr/^t\n1\n$/, 'who was at work finishes');
ok(wait_until(sub { sql($coordinator, q{SELECT count(*) FROM pg_locks WHERE relation = to_regclass('gannet.payment') AND granted AND mode = 'AccessExclusiveLock'}, user => 'postgres') }), 'and then it has all of the tables');
my @waiting = map { start($coordinator, "SET regpaydb.ledger = 'gannet';\n$_;\n") } 'SELECT regpaydb.pay(3, 7, \'meanwhile\')',
  'SELECT regpaydb.can_view(3, 102)', 'INSERT INTO gannet.payment (invoice_id, amount) VALUES (3, 8)';
unlike(ended($converter), qr/ERROR/, 'the way in');
my $place = place_of('gannet');
my ($other) = grep { $_ ne $place } @workers;
my $elsewhere = qr/^RP012: ledger "gannet" is on node 127\.0\.0\.1:$place$/;
{
	my ($pay, $view, $insert) = map { ended($_) } @waiting;

	like($pay, qr/RP012|40001/, 'pay() that waited is refused');
	like($view, qr/RP012|40001|^t/, 'can_view() that waited is refused, or answered before');
	unlike($insert, qr/^\d/, 'INSERT that waited answers nothing else');
	is(sql($coordinator, 'SELECT count(*), coalesce(sum(amount), 0) FROM gannet.payment WHERE invoice_id = 3'), $insert =~ /ERROR/ ? '0|0' : '1|8.00', 'and is there if it said so');
}
like(ended($idle), qr/^t\nf\n[^\n]*ERROR:  RP012: ledger "gannet" is on node .*ERROR:  RP012: /s, 'a session from before: RP012 at once');
is(sql($coordinator, "SELECT count(*) FROM citus_shards WHERE table_name::text LIKE 'gannet.%' AND nodeport = $place"), 20, 'all of its tables are there');
is(sql($coordinator, q{SELECT count(*) FROM gannet.payment WHERE reference = 'before the conversion'}), 1, 'with what was paid last');
is_sound('gannet', 'distributed');
is(sql($place, q{SELECT count(*) FILTER (WHERE tgenabled = 'O'), count(*) FILTER (WHERE tgenabled <> 'O') > 0 FROM pg_trigger t JOIN pg_dist_shard s ON tgrelid = ('gannet.payment_' || shardid)::regclass WHERE NOT tgisinternal AND logicalrelid = 'gannet.payment'::regclass}, user => 'postgres'),
	'3|f', 'its triggers are on');

# ---- every function, on every node ----

my $value = <<'SQL';
CASE WHEN n = 'schema_name' THEN $$'gannet'$$ WHEN n = 'role' THEN $$'shop'$$ WHEN n = 'access' THEN $$'staff'$$
	WHEN t = 'bigint'::regtype THEN '1' WHEN t = 'numeric'::regtype THEN '1' WHEN t = 'integer'::regtype THEN '1'
	WHEN t = 'jsonb'::regtype THEN $$'[]'$$ WHEN t = 'interval'::regtype THEN $$'1 day'$$
	WHEN t = 'regclass'::regtype THEN $$'gannet.invoice'$$
	WHEN t IN ('date'::regtype, 'timestamptz'::regtype) THEN 'now()::' || t::regtype ELSE $$'x'$$ END
SQL
sql($coordinator, 'CREATE ROLE shop LOGIN; CREATE ROLE desk LOGIN; CREATE ROLE books LOGIN;', user => 'postgres');
@ledger_functions = split /\n/, sql($coordinator, <<"SQL");
SELECT format('SELECT * FROM regpaydb.%I(%s)', proname, (SELECT string_agg($value, ', ' ORDER BY o)
	FROM unnest(proargtypes, proargnames[1:pronargs]) WITH ORDINALITY AS a (t, n, o)))
FROM pg_proc WHERE pronamespace = 'regpaydb'::regnamespace AND prorettype <> 'trigger'::regtype
	AND proname NOT IN ('create_ledger', 'actor_is_set', 'actor_user') ORDER BY proname
SQL
cmp_ok(scalar @ledger_functions, '>', 40, 'there are functions');
for my $port ($coordinator, $other)
{
	my @wrong = grep { tells($port, "SET regpaydb.ledger = 'gannet'; $_;") !~ /^ERROR:  RP012: ledger "gannet" is on node 127\.0\.0\.1:$place\n/ } @ledger_functions;
	is(join("\n", @wrong), '', ($port == $coordinator ? 'the coordinator' : 'another worker') . ': every function says where the ledger is');
}
{
	my @wrong = grep { tells($place, "BEGIN; SET regpaydb.ledger = 'gannet'; $_; ROLLBACK;") =~ /RP012|XX000|0A000/ } @ledger_functions;
	is(join("\n", @wrong), '', 'its node: none says so');
}
sql($coordinator, 'CREATE DATABASE plain', user => 'postgres', db => 'postgres');
sql($coordinator, "CREATE EXTENSION regpaydb; SELECT regpaydb.create_ledger('gannet', 'Gannet', 'AUD')", user => 'postgres', db => 'plain');
make_ledger('scene');
distribute('scene');
my $scenario = slurp('test/citus/scenario.sql');
my $plain = tells($coordinator, $scenario, user => 'postgres', db => 'plain', v => { ledger => 'gannet' });
my $there = tells(place_of('scene'), $scenario, v => { ledger => 'scene' });
cmp_ok(scalar(split /\n/, $plain), '>', 80, 'the scenario says something');
is($there, $plain, 'and the same on a node as in a plain ledger');

# ---- payments and reports from any node ----

my $paid = 'SELECT sum(paid), sum(payment_count) FROM gannet.invoice WHERE invoice_id IN (3, 4)';
sub paid_by
{
	my ($port, $statement, $amount, $count, $name) = @_;
	my ($sum_before, $count_before) = split /\|/, sql($place, $paid);
	my $printed = sql($port, $statement);
	my ($sum, $count_after) = split /\|/, sql($place, $paid);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	return is(($sum - $sum_before) . ' ' . ($count_after - $count_before), "$amount $count", $name);
}
for my $port (@nodes)
{
	my $name = $port == $coordinator ? 'the coordinator' : $port == $place ? 'its node' : 'another worker';

	paid_by($port, 'INSERT INTO gannet.payment (invoice_id, amount) VALUES (3, 1)', 1, 1, "$name: INSERT");
	paid_by($port, 'INSERT INTO gannet.payment (invoice_id, amount) VALUES (3, 1), (4, 2), (3, 3)', 6, 3, "$name: of several rows");
	paid_by($port, 'INSERT INTO gannet.payment (invoice_id, amount) SELECT invoice_id, 4 FROM gannet.invoice WHERE invoice_id IN (3, 4)', 8, 2, "$name: INSERT ... SELECT");
	paid_by($port, "COPY gannet.payment (invoice_id, amount, provider, provider_ref) FROM stdin;\n3\t5\tcopy\t$port-1\n4\t6\tcopy\t$port-2\n\\.\n", 11, 2, "$name: COPY");
	paid_by($port, "INSERT INTO gannet.payment (invoice_id, amount, provider, provider_ref) VALUES (3, 5, 'copy', '$port-1'), (3, 7, 'copy', '$port-3') ON CONFLICT DO NOTHING", 7, 1, "$name: ON CONFLICT DO NOTHING");
	paid_by($port, 'WITH w AS (INSERT INTO gannet.payment (invoice_id, amount) VALUES (3, 1) RETURNING payment_id) SELECT count(*) FROM w', 1, 1, "$name: in WITH");
	paid_by($port, 'PREPARE p (bigint) AS INSERT INTO gannet.payment (invoice_id, amount) VALUES ($1, 1);' . 'EXECUTE p (3);' x 8, 8, 8, "$name: prepared");
	paid_by($port, 'BEGIN; INSERT INTO gannet.payment (invoice_id, amount) VALUES (3, 1); SELECT pg_sleep(1.1); INSERT INTO gannet.payment (invoice_id, amount) VALUES (4, 1); SAVEPOINT s; INSERT INTO gannet.payment (invoice_id, amount) VALUES (4, 1); ROLLBACK TO s; COMMIT;', 2, 2, "$name: a transaction");
	paid_by($port, 'BEGIN; INSERT INTO gannet.payment (invoice_id, amount) VALUES (3, 1), (4, 1); INSERT INTO gannet.payment (invoice_id, amount) VALUES (3, 1); ROLLBACK;', 0, 0, "$name: one that is rolled back");
	refuses($port, "INSERT INTO gannet.payment (invoice_id, amount, provider, provider_ref) VALUES (4, 5, 'copy', '$port-1')", qr/^23505: /, "$name: a reference twice");
	refuses($port, 'INSERT INTO gannet.payment (invoice_id, amount) VALUES (999, 1)', qr/^23503: /, "$name: no such invoice");
	refuses($port, "INSERT INTO gannet.payment (invoice_id, amount, \"time\") VALUES (3, 1, now() - interval '61 minutes')", qr/^22023: payment \d+ is not of the time/, "$name: a time of the past");
	refuses($port, "INSERT INTO gannet.payment (invoice_id, amount, \"time\") VALUES (3, 1, now() + interval '61 minutes')", qr/^22023: payment \d+ is not of the time/, "$name: of the future");
	refuses($port, "INSERT INTO gannet.payment (invoice_id, amount, kind) VALUES (3, 1, 'reversal')", qr/^RP008: /, "$name: a kind of the engine's");
	refuses($port, 'UPDATE gannet.payment SET amount = 2 WHERE payment_id = 1', qr/^RP011: rows of table "payment" can't be updated/, "$name: append-only");
	my $views = sql($coordinator, q{SELECT count(*) FROM pg_class WHERE relnamespace = 'gannet'::regnamespace AND relkind = 'v'});
	is(sql($port, q{SELECT format('SELECT 1 FROM (SELECT count(*) FROM %s) c;', oid::regclass) FROM pg_class WHERE relnamespace = 'gannet'::regnamespace AND relkind = 'v' \gexec}), join("\n", (1) x $views), "$name: every view");
	is(sql($port, 'SELECT sum(n) > 0 FROM (SELECT count(*) AS n FROM gannet.report_payments UNION ALL SELECT count(*) FROM scene.report_payments) u'), 't', "$name: reports of two ledgers");
}
for my $port ($coordinator, $other)
{
	refuses($port, "SET regpaydb.user_id = '101'; INSERT INTO gannet.payment (invoice_id, amount) VALUES (3, -1)", qr/^RP012: payment \d+ comes through another node/, "$port: money that leaves");
	refuses($port, 'INSERT INTO gannet.payment (invoice_id, amount, entered_by) VALUES (3, 1, 101)', qr/^RP012: payment \d+ comes through another node/, "$port: a signature");
}
sql($place, "INSERT INTO gannet.payment (invoice_id, amount, entered_by) VALUES (3, -1, 101)");
refuses($place, "SET application_name = 'citus_internal gpid=1'; INSERT INTO gannet.payment (invoice_id, amount, \"time\") VALUES (3, 1, now() - interval '61 minutes')", qr/^(22023|XX000): /, 'who pretends to be a node gains little');
is_sound('gannet', 'payments from any node');

# ---- functions that Citus sends ----

sub state_of { return sql($place, 'SELECT count(*), sum(amount) FROM gannet.payment') }
my $state = state_of();
for my $port ($coordinator, $other)
{
	refuses($port, "SET regpaydb.ledger = 'gannet'; SELECT regpaydb.pay(invoice_id, 1, 'x') FROM gannet.invoice WHERE invoice_id = 3", qr/^RP012: a function of regpaydb is called through another node/, "$port: a call for the rows of a distributed table");
	refuses($port, "SET regpaydb.ledger = 'gannet'; SELECT count(*) FROM gannet.invoice WHERE regpaydb.can_view(invoice_id, 101)", qr/^RP012: /, "$port: or in WHERE");
}
is(sql($place, "SET regpaydb.ledger = 'gannet'; SELECT sum(regpaydb.balance_due(invoice_id)) = sum(value - paid) FROM gannet.invoice WHERE status = 'unpaid'"), 't', 'on the node it works');
sql($coordinator, <<'SQL', user => 'postgres');
CREATE SCHEMA sent;
GRANT USAGE ON SCHEMA sent TO organiser;
CREATE FUNCTION sent.pay(i bigint, a numeric) RETURNS bigint LANGUAGE sql SET regpaydb.ledger = 'gannet' AS 'SELECT regpaydb.pay(i, a, ''delegated'')';
SELECT create_distributed_function('sent.pay(bigint, numeric)', colocate_with := 'gannet.payment');
SQL
refuses($coordinator, 'SELECT sent.pay(3, 1)', qr/^RP012: a function of regpaydb is called through another node/, 'a delegated function');
refuses($coordinator, 'BEGIN; SELECT sent.pay(3, 1); COMMIT;', qr/^RP012: /, 'and in a transaction');
refuses($coordinator, 'BEGIN; SELECT sent.pay(3, 1) FROM gannet.conference; COMMIT;', qr/^RP012: /, 'and where its commit would be lost');
is(state_of(), $state, 'nothing was paid by these');

# ---- a commit whose node is gone ----

my $lost = start($coordinator, <<'SQL');
BEGIN;
INSERT INTO gannet.payment (invoice_id, amount, reference) VALUES (3, 99, 'lost');
SELECT pg_sleep(3) IS NULL;
COMMIT;
SELECT 'still here';
SQL
my $kill = q{SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE application_name LIKE 'citus_internal%' AND state = 'idle in transaction'};
ok(wait_until(sub { sql($coordinator, q{SELECT count(*) FROM pg_stat_activity WHERE query ~ '^SELECT pg_sleep' AND state = 'active'}, user => 'postgres') }), 'a payment waits for its commit');
is(sql($place, $kill, user => 'postgres'), 1, 'its transaction on the node is ended');
like(ended($lost), qr/ERROR|FATAL/, 'and the COMMIT fails');
is(sql($place, q{SELECT count(*) FROM gannet.payment WHERE reference = 'lost'}), 0, 'nothing is there');

# ---- roles ----

sql($place, block('grant'));
sub sees
{
	my ($user, $sql, %with) = @_;
	return tells($with{port} // $place, "SET regpaydb.ledger = 'gannet'; SET regpaydb.user_id = '$with{actor}'; $sql", user => $user);
}
is(sees('shop', 'SELECT count(*) FROM gannet.invoice; SELECT count(*) FROM gannet.attendee', actor => ''), "0\n0", 'an app without an actor sees nothing');
for my $actor ('101', '102')
{
	my $mine = sql($place, "SELECT string_agg(invoice_id::text, ',' ORDER BY invoice_id) FROM gannet.invoice JOIN gannet.attendee USING (attendee_id) WHERE user_id = $actor");
	my %query = (
		'one table' => 'SELECT string_agg(invoice_id::text, \',\' ORDER BY invoice_id) FROM gannet.invoice',
		'prepared' => 'PREPARE q AS SELECT string_agg(invoice_id::text, \',\' ORDER BY invoice_id) FROM gannet.invoice; \o /dev/null' . "\n" . 'EXECUTE q;' x 7 . "\n\\o\nEXECUTE q;",
		'a join, prepared' => 'PREPARE q (bigint) AS SELECT string_agg(invoice_id::text, \',\' ORDER BY invoice_id) FROM gannet.invoice JOIN gannet.attendee USING (attendee_id) WHERE invoice_id > $1; \o /dev/null' . "\n" . 'EXECUTE q (0);' x 7 . "\n\\o\nEXECUTE q (0);",
		'a join' => 'SELECT string_agg(invoice_id::text, \',\' ORDER BY invoice_id) FROM gannet.invoice i JOIN gannet.attendee a USING (attendee_id)',
		'a subquery' => 'SELECT (SELECT string_agg(invoice_id::text, \',\' ORDER BY invoice_id) FROM gannet.invoice)',
		'WITH' => 'WITH x AS MATERIALIZED (SELECT * FROM gannet.invoice) SELECT string_agg(invoice_id::text, \',\' ORDER BY invoice_id) FROM x',
		'lines' => 'SELECT string_agg(DISTINCT invoice_id::text, \',\') FROM gannet.line_item WHERE false OR invoice_id > 0',
		'the shard itself' => "SELECT string_agg(invoice_id::text, ',' ORDER BY invoice_id) FROM gannet.invoice_" . sql($coordinator, "SELECT shardid FROM pg_dist_shard WHERE logicalrelid = 'gannet.invoice'::regclass"));
	is(sees('shop', $query{$_}, actor => $actor), $mine, "user $actor sees her own: $_") for sort keys %query;
	like(sees('shop', 'SET citus.enable_local_execution = off; SELECT * FROM gannet.invoice', actor => $actor), qr/^ERROR:  RP012: /, "user $actor, by way of a connection: RP012");
	like(sees('shop', "COPY gannet.invoice TO stdout", actor => $actor), qr/^ERROR:  /, "user $actor: no COPY");
}
is(sees('shop', 'SELECT regpaydb.pay(4, 1, \'x\') > 0', actor => 101), 't', 'an app pays for its actor');
like(sees('shop', 'SELECT regpaydb.pay(3, 1, \'x\')', actor => 101), qr/^ERROR:  RP002: /, 'and for nobody else');
like(sees('shop', 'INSERT INTO gannet.payment (invoice_id, amount) VALUES (4, 1)', actor => 101), qr/^ERROR:  42501: permission denied/, 'a plain INSERT is the owner\'s');
like(sees('shop', 'SELECT regpaydb.refund_invoice(4)', actor => 101), qr/^ERROR:  42501: /, 'staff\'s functions are staff\'s');
is(sees('desk', 'SELECT regpaydb.record_manual_payment(4, 1, \'cash\', 7) > 0; SELECT count(*) > 3 FROM gannet.invoice', actor => ''), "t\nt", 'the desk works');
is(sees('books', 'SELECT count(*) > 3 FROM gannet.report_invoices; SELECT count(*) FROM regpaydb.check_integrity()', actor => ''), "t\n0", 'books are read');
like(sees('books', 'SELECT access_code FROM gannet.attendee', actor => ''), qr/^ERROR:  42501: /, 'without access codes');
for my $port ($coordinator, $other)
{
	like(sees($_, 'SELECT count(*) FROM gannet.invoice', actor => 101, port => $port), qr/^ERROR:  42501: /, "$port: $_ has no access") for qw(shop desk books);
}
is(sql($place, "SET regpaydb.ledger = 'gannet'; SELECT * FROM regpaydb.check_grants()"), '', 'check_grants() knows all of it');

# Access that was granted before.
make_ledger('older');
sql($coordinator, "SET regpaydb.ledger = 'older'; INSERT INTO older.attendee (user_id) VALUES (1), (2); SELECT regpaydb.grant_access('shop', 'app'), regpaydb.grant_access('desk', 'staff'), regpaydb.grant_access('books', 'reports')");
like(distribute('older'), qr/ERROR/, 'a ledger with access app is not distributed');
is(sql($coordinator, "SELECT count(*) FROM citus_shards WHERE table_name::text LIKE 'older.%'"), 0, 'not in part either');
is(tells($coordinator, "SET regpaydb.ledger = 'older'; SELECT count(*) FROM older.attendee", user => 'shop'), 0, 'and shows the app what it did');
sql($coordinator, "SET regpaydb.ledger = 'older'; SELECT regpaydb.revoke_access('shop', 'app')");
unlike(distribute('older'), qr/ERROR/, 'without it, it is');
for my $port (@nodes)
{
	like(tells($port, 'SELECT count(*) FROM older.attendee', user => 'shop'), qr/^ERROR:  42501: /, "$port: the app has no access then");
	is(tells($port, 'SELECT count(*) FROM older.attendee', user => 'desk'), 2, "$port: staff reads");
	like(tells($port, "SET regpaydb.ledger = 'older'; SELECT regpaydb.record_manual_payment(1, 1, '', 1)", user => 'desk'), qr/^ERROR:  (42501|RP012): /, "$port: and has no functions");
}

# ---- moves, while clients pay ----

# Clients that pay through the coordinator until told to stop, each statement answered.
sub start_clients
{
	my ($n) = @_;
	unlink "$work/stop";
	return map {
		my $client = $_;
		my $ref = "$client-" . ++$number;
		my $file = write_file("$work/client$ref.sql", join '', map {"INSERT INTO gannet.payment (invoice_id, amount, provider, provider_ref) VALUES (@{[ 3 + $client % 2 ]}, 0.01, 'move', :'round' || '-$ref-$_');\n"} 1 .. 20);
		my $pid = fork // die "fork: $!\n";

		if ($pid == 0)
		{
			my $script = "i=0; while [ ! -e $work/stop ]; do i=\$((i + 1)); @{[ psql($coordinator) ]} -v QUIET=off -v round=\$i -f $file; done >$work/client$ref.out 2>&1";
			exec 'bash', '-c', $script or die;
		}
		{ pid => $pid, file => "$work/client$ref.out" };
	} 1 .. $n;
}

my ($answered, $failed, $called) = (0, 0, 0);
sub stop_clients
{
	write_file("$work/stop", '');
	for my $client (@_)
	{
		my $printed = ended($client);
		$answered += () = $printed =~ /^INSERT 0 1$/mg;
		$failed += () = $printed =~ /ERROR|FATAL/g;
	}
	return;
}

sub move
{
	my ($to) = @_;
	my @clients = start_clients(4);
	my $idle = start($place, "SET regpaydb.ledger = 'gannet'; SELECT regpaydb.balance_due(3) > 0; \\! while [ ! -e $work/moved ]; do sleep 0.1; done\nSELECT regpaydb.pay(3, 1, 'on the old node'); SELECT regpaydb.can_view(3, 102);");

	# By the function on the node, with nobody to send it elsewhere.
	my $caller = start($place, "SET regpaydb.ledger = 'gannet';\n" . join '',
		map {"SELECT regpaydb.pay(4, 0.01, 'x', 'call', '$number-$_') > 0;\n\\o /dev/null\nSELECT pg_sleep(0.003);\n\\o\n"} 1 .. 3000);

	unlink "$work/moved";
	sleep 1;
	sql($coordinator, block('move'), v => { host => '127.0.0.1', port => $to });
	sleep 1;
	stop_clients(@clients);
	write_file("$work/moved", '');
	is(place_of('gannet'), $to, 'it has moved');
	like(ended($idle), qr/^t\n[^\n]*ERROR:  RP012: ledger "gannet" is on node 127\.0\.0\.1:$to\n.*ERROR:  RP012: /s, 'a session on the old node: RP012 at once');
	($place, $other) = ($to, $place);
	cmp_ok($answered, '>', 50, "$answered payments were answered");
	is($failed, 0, 'none failed');
	is(sql($place, q{SELECT count(*) FROM gannet.payment WHERE provider = 'move'}), $answered, 'all of them are there, once');
	my $said = ended($caller);
	$called += () = $said =~ /^t$/mg;
	is(join(' ', sort keys %{ { map { $_ => 1 } $said =~ /ERROR:  (\w{5})/g } }), 'RP012', 'pay() on the old node: RP012 from then on');
	is(sql($place, q{SELECT count(*) FROM gannet.payment WHERE provider = 'call'}), $called, "what it said was paid is there, once ($called)");
	is_sound('gannet', 'moved');
	like(sees($_, 'SELECT count(*) FROM gannet.invoice', actor => 101), qr/^ERROR:  42501: /, "$_ has no access on the new node") for qw(shop desk books);
	like(tells($place, "SET regpaydb.ledger = 'gannet'; SELECT regpaydb.balance_due(3)", user => 'desk'), qr/^ERROR:  42501: /, 'nor functions');
	return;
}
my $first = $place;
move($other);
sql($place, block('grant'));
is(sees('shop', 'SELECT count(*) FROM gannet.invoice', actor => 101), 2, 'until it is granted');
move($first);
like(sees('shop', 'SELECT regpaydb.balance_due(4)', actor => 101), qr/^ERROR:  42501: /, 'back again: what was granted at first is not valid');
sql($place, block('grant'));
is(sees('shop', 'SELECT count(*) FROM gannet.invoice', actor => 101), 2, 'it is granted afresh');
is(sees('shop', 'SELECT sum(x) FROM (SELECT i.invoice_id, 1 AS x FROM gannet.invoice i JOIN gannet.attendee USING (attendee_id)) j', actor => 101), 2, 'with the policies of the shards');
sql($place, "SET regpaydb.ledger = 'gannet'; SELECT regpaydb.revoke_access('shop', 'app')");
like(sees('shop', 'SELECT count(*) FROM gannet.invoice', actor => 101), qr/^ERROR:  42501: /, 'and taken back');

# Ids of the group with the lower numbers come after those of the other one.
my ($low, $high) = sort { $a <=> $b } @workers;
move($high) if $place != $high;
sql($place, "SET regpaydb.ledger = 'gannet'; SELECT regpaydb.pay(3, 0.5, 'high'); INSERT INTO gannet.payment (invoice_id, amount) VALUES (3, 0.5)");
move($low);
for my $port (@nodes)
{
	sql($port, 'INSERT INTO gannet.payment (invoice_id, amount) VALUES (3, 0.25)');
}
sql($place, "SET regpaydb.ledger = 'gannet'; SELECT regpaydb.pay(3, 0.5, 'low'); SELECT regpaydb.update_status(3)");
is(sql($place, 'SELECT paid = (SELECT sum(amount) FROM gannet.payment WHERE invoice_id = 3), payment_count = (SELECT count(*) FROM gannet.payment WHERE invoice_id = 3) FROM gannet.invoice WHERE invoice_id = 3'), 't|t', 'payments whose ids go down are counted');
is_sound('gannet', 'ids that go down');

# ---- upgrades ----

is(tells($place, "SELECT regpaydb.upgrade_ledger('gannet')"), '', 'upgrade_ledger() has nothing to do');
refuses($place, "BEGIN; UPDATE gannet.conference SET ledger_version = '0.2.0'; SELECT regpaydb.upgrade_ledger('gannet'); ROLLBACK;",
	qr/^RP012: ledger "gannet" is of version 0\.2\.0, and distributed$/, 'and refuses what it can\'t');
my $sharedir = shell('pg_config --sharedir') =~ s/\n//r;
SKIP:
{
	skip 'the server\'s folder is not ours to write to', 3 if !-w "$sharedir/extension";
	shell("cp test/upgrade/regpaydb--0.2.0.sql $sharedir/extension/");
	sql($_, 'CREATE DATABASE old', db => 'postgres', user => 'postgres'), sql($_, 'CREATE EXTENSION citus', db => 'old', user => 'postgres') for @nodes;
	sql($coordinator, join("\n", "SELECT citus_set_coordinator_host('127.0.0.1', $coordinator);",
			map {"SELECT citus_add_node('127.0.0.1', $_);"} @workers), db => 'old', user => 'postgres');
	sql($coordinator, "CREATE ROLE upgrade_owner LOGIN; CREATE ROLE upgrade_shop; CREATE ROLE upgrade_desk; CREATE ROLE upgrade_books; CREATE EXTENSION regpaydb VERSION '0.2.0'", db => 'old', user => 'postgres');
	tells($coordinator, slurp('test/upgrade/ledger-0.2.0.sql'), db => 'old', user => 'postgres');
	my ($ledger) = grep { $_ ne 'regpaydb' } split /\n/, sql($coordinator, q{SELECT n.nspname FROM pg_class c JOIN pg_namespace n ON n.oid = relnamespace WHERE relname = 'credit_note_claim' ORDER BY 1}, db => 'old', user => 'postgres');
	my $as_owner = { db => 'old', user => 'postgres' };

	sql($coordinator, "ALTER EXTENSION regpaydb UPDATE; SELECT regpaydb.upgrade_ledger('$ledger')", %$as_owner);
	sql($coordinator, "SET regpaydb.ledger = '$ledger'; SELECT regpaydb.revoke_access(r::regrole::name, 'app') FROM (SELECT DISTINCT unnest(polroles) r FROM pg_policy WHERE polrelid = '$ledger.conference'::regclass AND polname = 'app') p", %$as_owner);
	(my $grants = block('once')) =~ s/^(?:CREATE|GRANT CREATE).*\n//mg;
	sql($coordinator, $grants =~ s/organiser/upgrade_owner/gr, %$as_owner);
	unlike(tells($coordinator, block('distribute', $ledger), %$as_owner), qr/ERROR/, 'a ledger of 0.2.0 that was upgraded is distributed');
	my ($where) = sql($coordinator, block('where', $ledger), %$as_owner) =~ /\|(\d+)/;
	is(tells($where, "SET regpaydb.ledger = '$ledger'; SELECT * FROM regpaydb.check_integrity()", %$as_owner), '', 'and sound');
	is(sql($where, "SET regpaydb.ledger = '$ledger'; SELECT regpaydb.pay(regpaydb.manual_invoice((SELECT min(attendee_id) FROM $ledger.attendee), '1 day', '[{\"description\": \"x\", \"price\": 10}]'), 1, 'x') > 0", %$as_owner), 't', 'and in use');
}

# ---- what is distributed in another way ----

for my $how ([ 'reference', 'a reference table beside payment', q{SET ROLE organiser; CREATE TABLE partly.stripe_payment (payment_id bigint PRIMARY KEY REFERENCES partly.payment); RESET ROLE; SELECT create_reference_table('partly.stripe_payment')} ],
	[ 'local', 'one of its tables in Citus\'s metadata', q{SELECT citus_add_local_table_to_metadata('partly.outbox')} ])
{
	my ($kind, $name, $make) = @$how;

	make_ledger('partly');
	sql($coordinator, "INSERT INTO partly.attendee (user_id) VALUES (1); SET regpaydb.ledger = 'partly'; SELECT regpaydb.manual_invoice(1, '1 day', '[{\"description\": \"x\", \"price\": 10}]'); SELECT regpaydb.pay(1, 1, 'x');");
	my $made = tells($coordinator, "SET citus.enable_unsafe_triggers = on; $make", user => 'postgres');
	unlike($made, qr/ERROR/, "$name is made");
	for my $port (@nodes)
	{
		# Where a table is not at all, its name is none (42P01).
		my @said = map { tells($port, "SET regpaydb.ledger = 'partly'; $_;", user => 'postgres') =~ s/\n.*//sr . " $_" } map { s/gannet/partly/gr } @ledger_functions;
		is(join("\n", grep { !/^ERROR:  (RP012: |42P01: relation "partly.invoice" does not exist .*actor_)/ } @said), '', "$name, on $port: every function says RP012");
	}
	refuses($coordinator, 'INSERT INTO partly.payment (invoice_id, amount) VALUES (1, 1)', qr/^(RP012|23505): /, "$name: and INSERT is refused");
	sql($coordinator, 'DROP SCHEMA partly CASCADE', user => 'postgres');
}

# ---- the way back ----

refuses($coordinator, "SELECT citus_schema_undistribute('gannet')", qr/identity column/, 'it can\'t be undistributed');
my $whole = q{SELECT (SELECT count(*) FROM gannet.payment), (SELECT sum(amount) FROM gannet.payment), (SELECT sum(paid) FROM gannet.invoice), (SELECT count(*) FROM gannet.credit_note), (SELECT count(*) FROM gannet.outbox)};
my $distributed = sql($coordinator, $whole);
shell("cd $work && export PGHOST=127.0.0.1 PGPORT=$coordinator PGUSER=postgres PGDATABASE=$db && set -e\n" . block('way_back'));
is(sql($coordinator, $whole, db => 'gannet', user => 'postgres'), $distributed, 'the way back: all of it');
is(sql($coordinator, "SET regpaydb.ledger = 'gannet'; SELECT * FROM regpaydb.check_integrity(); SELECT regpaydb.pay(4, 1, 'home') > 0; INSERT INTO gannet.payment (invoice_id, amount) VALUES (4, 1) RETURNING payment_id > 0;", db => 'gannet', user => 'postgres'), "t\nt", 'and it is in use');
is(sql($coordinator, $paid, db => 'gannet', user => 'postgres') ne '', 1, 'as ordinary tables');

is(join(' ', grep { !$was_run{$_} } sort keys %block), '', 'every command of the page was run');
done_testing();
