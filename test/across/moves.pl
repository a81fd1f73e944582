# A ledger with every kind of row moves from PostgreSQL 15 to 17 to 18, in the three ways
# and by the very commands of docs/operations.md, while clients pay.  As root, in a Debian
# that has these versions; test/across/run makes it.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use Site;
use Test::More;

$ENV{PGHOST} = "$work/s";
my $sources = $ENV{ACROSS_SOURCES};
my @ledgers = ('regpaydb', 'Tutorials 2027', 'dinar');
my $next_port = 5400;
my $quick = '--encoding=UTF8 --locale=C.UTF-8 --no-sync';

# ---- the server that moves ----

shell("mkdir '$work'/s");
my %first = (version => 15, data => "$work/first", port => $next_port++);
shell(bin(15) . "/initdb --pgdata='$first{data}' --username=postgres $quick");
configure($first{data}, $first{port});
run_block('install', $sources, names(\%first, \%first));
shell("cp '$sources'/test/upgrade/regpaydb--0.1.0.sql \$(" . bin(15) . '/pg_config --sharedir)/extension/', 'root');
start_server(15, $first{data});
sql($first{port}, 'postgres', "\\i $sources/test/across/conference.sql");

# A ledger of an older version of ours, which the move brings to this one.
my $tells = shell(<<"END");
psql() { @{[ bin(18) ]}/psql -X -q -h '$work/s' -p $first{port} -U postgres "\$@"; }
psql -d postgres -c 'CREATE ROLE upgrade_owner LOGIN' -c 'CREATE ROLE upgrade_shop' -c 'CREATE ROLE upgrade_desk' \\
	-c 'CREATE ROLE upgrade_books' -c 'CREATE DATABASE older'
psql -d older -c "CREATE EXTENSION regpaydb VERSION '0.1.0'"
psql -d older -f '$sources'/test/upgrade/ledger-0.1.0.sql >/dev/null
END
is(join("\n", grep { !/schema "regpaydb" already exists/ } split /\n/, $tells), '', 'a ledger of 0.1.0 is there');

# ---- it is worth the trouble ----

my $enums = <<'SQL';
SELECT format('SELECT %L || e FROM unnest(enum_range(NULL::%s)) e EXCEPT %s', oid::regtype || ' ', oid::regtype,
	(SELECT string_agg(format('SELECT %L || %I FROM %s', t.oid::regtype || ' ', attname, attrelid::regclass), ' EXCEPT ')
	FROM pg_attribute a JOIN pg_class c ON c.oid = attrelid WHERE relkind = 'r' AND atttypid = t.oid AND relnamespace = '@'::regnamespace))
FROM pg_type t WHERE typtype = 'e' AND typnamespace = 'regpaydb'::regnamespace \gexec
SQL
for my $ledger (@ledgers)
{
	is(sql($first{port}, 'conference', $enums =~ s/@/"$ledger"/r), '', "$ledger: every state and kind that there is has rows");
}
{
	my $start = fingerprint($first{port}, 'conference');
	my %least = (rows => 55, sequences => 40, privileges => 150, policies => 70, comments => 300, definitions => 600, roles => 12, granted => 10);

	is(join("\n", grep {/\|0\|/} @{ $start->{rows} }), '', 'no table is empty');
	cmp_ok(scalar @{ $start->{$_} }, '>=', $least{$_}, "there are $_ to compare") for sort keys %least;
	is(join("\n", grep { /^trigger\|/ && !/\|O$/ } @{ $start->{definitions} }), '', 'no trigger fires for rows that are replicated');
}

# ---- parts of every move ----

# The names that the page's commands take, for a move of one server to another.
sub names
{
	my ($from, $to, %more) = @_;
	return (
		old_bin => bin($from->{version}), old_data => $from->{data}, old_port => $from->{port},
		new_bin => bin($to->{version}), new_data => $to->{data}, new_port => $to->{port},
		dump_bin => bin(knows_marks($from->{version}) && !knows_marks($to->{version}) ? $from->{version} : $to->{version}),
		initdb_options => $quick, database => 'conference', mode => '--copy', %more);
}

# Whether a minor release is one that marks columns: see the page.
sub knows_marks { return shell('grep -c pg_attver ' . bin(shift) . '/pg_dump || true') > 0 }

# That the page's commands do what they should, and say nothing but what is expected.
sub runs
{
	my ($name, $hop, $names, $says) = @_;
	my ($status, $printed) = run_block($name, $hop->{folder}, %$names);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($status eq '0' && $printed =~ ($says // qr/^$/), "$hop->{name}: $name") or diag("status $status: $printed");
	return;
}

sub fails
{
	my ($name, $hop, $names, $says, $why) = @_;
	my ($status, $printed) = run_block($name, $hop->{folder}, %$names);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($status ne '0' && $printed =~ $says, "$hop->{name}: $name fails $why") or diag("status $status: $printed");
	return;
}

sub new_hop
{
	my ($way, $from, $version) = @_;
	my $hop = { name => "$way $from->{version} to $version", way => $way, folder => "$work/$way-$version" };

	shell("mkdir '$hop->{folder}'");
	return ($hop, { version => $version, data => "$hop->{folder}/data", port => $next_port++ });
}

# A server of the first one's files for a way of its own.
sub first_of
{
	my ($way) = @_;
	my %copy = (%first, data => "$work/$way-15", port => $next_port++);

	shell("cp -a '$first{data}' '$copy{data}'\necho 'port = $copy{port}' >>'$copy{data}'/postgresql.conf");
	start_server(15, $copy{data});
	return \%copy;
}

sub is_closed
{
	my ($server, $hop, $which) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	like(value($server->{port}, 'conference', 'SELECT 1', 'shop'), qr/too many connections for database/, "$hop->{name}: $which is closed");
	return;
}

# That the engine says nothing is wrong, nor do the rows: what came in is where it should be.
sub is_sound
{
	my ($port, $name) = @_;
	my @problems = map { sql($port, 'conference', <<"SQL") } @ledgers;
SET regpaydb.ledger = '$_';
SET search_path = "$_";
SELECT '$_', * FROM regpaydb.check_integrity();
SELECT '$_: money' WHERE (SELECT sum(amount) FROM payment WHERE kind IN ('payment', 'manual', 'reversal'))
	<> (SELECT sum(paid) FROM invoice) + (SELECT coalesce(sum(value), 0) FROM credit_note n
		LEFT JOIN credit_note_refund r USING (credit_note_id) WHERE n.state <> 'applied' AND r.state IS DISTINCT FROM 'failed');
SQL

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(join("\n", grep {length} @problems), '', "$name: every ledger is sound");
	return;
}

# What people do afterwards, in each ledger: each line says t.
sub goes_on
{
	my ($server, $name) = @_;

	# New ones each time, who have no credit, nor tickets.
	my $attendee = 3900 + $server->{port} % 100;

	for my $ledger (@ledgers)
	{
		my ($answers, $good) = Site::try_sql($server->{port}, 'conference', <<"SQL");
SET regpaydb.ledger = '$ledger'; SET search_path = "$ledger";
CREATE TEMP TABLE before AS SELECT max(payment_id) AS last, (SELECT count(*) FROM credit_note) AS notes, (SELECT count(*) FROM outbox) AS events FROM payment;
SELECT payment_id AS known, invoice_id AS of, amount AS of_it, provider, provider_ref FROM payment WHERE provider = 'stripe' ORDER BY 1 LIMIT 1 \\gset
SELECT 'a reference is known', regpaydb.record_payment(:of, :of_it, 'again', :'provider', :'provider_ref') = :known;
SELECT regpaydb.manual_invoice($attendee, '1 day', '[{"description": "After", "price": 50}]') AS invoice \\gset
SELECT 'a new payment', regpaydb.pay(:invoice, 57 + (value - paid) - 50, 'after') > last FROM before, invoice WHERE invoice_id = :invoice;
SELECT 'paid', status = 'paid' FROM invoice WHERE invoice_id = :invoice;
SELECT 'a note', count(*) > notes FROM credit_note, before GROUP BY notes;
SELECT 'events', count(*) > events FROM outbox, before GROUP BY events;
SELECT 'refunded', regpaydb.refund_invoice(:invoice, 'after') > last FROM before;
SELECT regpaydb.current_cart($attendee - 50) AS cart \\gset
SELECT regpaydb.set_quantity(:cart, 1, 1), regpaydb.set_quantity(:cart, 3, 2) \\g /dev/null
SELECT 'a cart', regpaydb.invoice_cart(:cart) > :invoice;
SELECT 'a cart that is amended', regpaydb.set_quantity(:cart, 3, 1) IS NOT NULL;
SELECT regpaydb.invoice_cart(:cart) AS invoice_of_cart \\gset
SELECT 'a cart is paid', regpaydb.pay(:invoice_of_cart, regpaydb.balance_due(:invoice_of_cart), 'cart') > 0;
SELECT 'paid for good', status = 'paid' FROM cart WHERE cart_id = :cart;
SELECT i.invoice_id AS kept, i.value AS kept_value, l.line_item_id AS line, l.price, p.sold FROM invoice i JOIN line_item l USING (invoice_id)
	JOIN product_stock p USING (product_id) WHERE i.replaces IS NOT NULL AND i.status = 'paid' AND i.cart_id IS NOT NULL
	AND p.product_id = 3 AND l.price BETWEEN 1 AND i.value ORDER BY 1 LIMIT 1 \\gset
SELECT regpaydb.return_items(:kept, jsonb_build_array(jsonb_build_object('line_item_id', :line, 'quantity', 1)), 'after') AS left_over \\gset
SELECT 'returned', value = :price FROM credit_note WHERE credit_note_id = :left_over;
SELECT 'and the rest is kept', i.status = 'paid' AND i.value = :kept_value - :price AND c.status = 'paid' AND p.sold = :sold - 1
	FROM invoice i JOIN cart c USING (cart_id), product_stock p WHERE i.replaces = :kept AND p.product_id = 3;
INSERT INTO cheque SELECT regpaydb.record_payment(:invoice, 1, 'late', 'bank', 'after $server->{port}'), 'late';
INSERT INTO staff (user_id) SELECT 100 + count(*) FROM staff;
SELECT 'a number of the owner''s', max(staff_number) >= 7000 FROM staff;
SELECT 'and a sequence', nextval('"Receipts, ''printed''"') > 105;
SET ROLE shop;
SELECT 'shop without a user', count(*) = 0 FROM invoice;
SELECT set_config('regpaydb.user_id', '1001', false) \\g /dev/null
SELECT 'shop for a user', count(*) > 0 AND count(*) = count(*) FILTER (WHERE attendee_id = 1) FROM invoice;
RESET ROLE; RESET regpaydb.user_id;
SET ROLE books;
SELECT 'books', count(*) > 100 FROM payment;
RESET ROLE;
\\set ON_ERROR_STOP 0
\\set VERBOSITY sqlstate
SET ROLE terminal;
INSERT INTO payment (invoice_id, amount, entered_by) VALUES (1, -1, 1);
INSERT INTO payment (invoice_id, amount, reference) VALUES (1, 1, 'terminal');
RESET ROLE;
UPDATE payment SET amount = 1 WHERE payment_id = :known;
DELETE FROM credit_note;
SQL
		my @not = grep { !/\|t$/ } split /\n/, $answers;

		local $Test::Builder::Level = $Test::Builder::Level + 1;
		my $none = "@not" =~ s/psql:\S+ //gr;
		is($none, 'ERROR:  42501 ERROR:  RP011 ERROR:  RP011', "$name: $ledger: everybody goes on");
		cmp_ok(scalar(split /\n/, $answers), '>=', 20, "$name: $ledger: and all of it was tried");
	}
	is_sound($server->{port}, "$name: after that");
	return;
}

# 17 and newer make these with a search_path of their own.
sub is_maintained
{
	my ($server, $name) = @_;
	my $printed = value($server->{port}, 'conference', <<'SQL');
REINDEX DATABASE conference;
VACUUM (FULL, ANALYZE);
CLUSTER regpaydb.payment;
REFRESH MATERIALIZED VIEW application.to_pay;
REFRESH MATERIALIZED VIEW CONCURRENTLY regpaydb.due_copy;
CREATE INDEX again ON regpaydb.payment (lower(roll), abs(amount));
DROP INDEX regpaydb.again;
SELECT count(*) FILTER (WHERE m.due IS DISTINCT FROM regpaydb.balance_due(i.invoice_id)) FROM application.to_pay m FULL JOIN regpaydb.invoice i USING (invoice_id);
SQL
	is($printed, '0', "$name: indexes, copies and statistics are made again");
	return;
}

# What the last commands say where all is well.
my $opened = qr/\A(?:NOTICE:  version "\S+" of extension "regpaydb" is already installed\n|vacuumdb: vacuuming database .*\n|\n)*\z/;

# pg_cron runs in the new server what it ran in the old one, by a role that may do that.
# A job of its own, since one that is there does not go over from minutes to seconds.
sub is_scheduled
{
	my ($server, $name) = @_;

	sql($server->{port}, 'conference', 'CREATE EXTENSION IF NOT EXISTS pg_cron; GRANT USAGE ON SCHEMA cron TO sweeper');
	sql($server->{port}, 'conference', q{SELECT cron.schedule('often', '1 second', 'SELECT regpaydb.expire_invoices()')}, 'sweeper');
	ok(wait_until(sub { sql($server->{port}, 'conference', q{SELECT count(*) > 0 FROM cron.job_run_details WHERE status = 'succeeded' AND jobid = (SELECT jobid FROM cron.job WHERE jobname = 'often')}) eq 't' }),
		"$name: pg_cron gives up what nobody paid for");
	sql($server->{port}, 'conference', q{SELECT cron.unschedule('often')}, 'sweeper');
	return;
}

# The end of each move: what is there is what was, then the database is opened, and the
# clients go on in the new server.
sub check_and_open
{
	my ($hop, $names, $from, $to, $before) = @_;
	my $name = $hop->{name};

	is_closed($to, $hop, 'the new server');
	same_fingerprint(fingerprint($to->{port}, 'conference'), $before, $name);
	runs('open', $hop, $names, $opened);
	is_sound($to->{port}, $name);
	is(sql($to->{port}, 'conference', q{SELECT extowner::regrole FROM pg_extension WHERE extname = 'regpaydb'}), 'postgres',
		"$name: the extension is the superuser's");
	clients_go_to($to->{port});
	ok(clients_have_paid($to->{port}, 10), "$name: clients pay in the new server");
	stop_clients($to->{port}, $name);
	goes_on($to, $name);
	is_maintained($to, $name);
	is_scheduled($to, $name);
	return;
}

my %installed;

# The page's first part: regpaydb for the new version, and a new server.
sub install
{
	my ($hop, $names, $version) = @_;
	my ($status, $printed);

	return if $installed{$version}++;
	($status, $printed) = run_block('install', $sources, %$names);
	is($status, '0', "$hop->{name}: install") or diag($printed);
	return;
}

sub new_server
{
	my ($hop, $names, $to) = @_;

	runs('before', $hop, $names);
	runs('new_server', $hop, $names, qr/Success/);
	configure($to->{data}, $to->{port});
	return;
}

# Close the old server, on which clients pay; what is in it then.
sub close_old
{
	my ($hop, $names, $from) = @_;

	runs('close', $hop, $names);
	is_closed($from, $hop, 'the old server');
	return fingerprint($from->{port}, 'conference');
}

my $jobs = 'SELECT jobname, schedule, command, username, database, active FROM cron.job';

# ---- by pg_upgrade ----

sub by_pg_upgrade
{
	my ($from, $version, $mode) = @_;
	my ($hop, $to) = new_hop('pg_upgrade', $from, $version);
	my %names = names($from, $to, mode => $mode);
	my $name = $hop->{name};
	my ($before, $job);

	# From 18 on, a server has data checksums.
	if ($version >= 18)
	{
		new_server($hop, \%names, $to);
		fails('upgrade_check', $hop, \%names, qr/data checksums/, 'where only the new server has checksums');
		shell("rm -r '$to->{data}'");
		$names{initdb_options} .= ' --no-data-checksums';
	}
	new_server($hop, \%names, $to);
	fails('upgrade_check', $hop, \%names, qr/required libraries\s+fatal/, 'where the library is missing') if !$installed{$version};
	install($hop, \%names, $version);
	runs('upgrade_check', $hop, \%names, qr/Clusters are compatible/);
	ok(start_clients($from->{port}, "upgrade$version"), "$name: clients pay in the old server");
	$before = close_old($hop, \%names, $from);
	$job = sql($from->{port}, 'conference', $jobs);
	runs('upgrade', $hop, \%names, qr/Upgrade Complete/);
	is(sql($to->{port}, 'conference', $jobs), $job, "$name: what is scheduled stays so");
	check_and_open($hop, \%names, $from, $to, $before);

	# Until the new server is opened, the way back is the old one.
	if ($mode eq '--copy')
	{
		start_server($from->{version}, $from->{data});
		same_fingerprint(fingerprint($from->{port}, 'conference'), $before, "$name: the old server");
		stop_server($from->{version}, $from->{data});
	}
	return $to;
}

# The ledger of 0.1.0 moves with the others of its server, and is upgraded in the end.
sub with_an_older_one
{
	my ($from) = @_;
	my $hop = { folder => "$work/older", name => 'pg_upgrade 15 to 18 of a ledger of 0.1.0' };
	my ($to, %names);

	shell("mkdir '$hop->{folder}'");
	runs('close', $hop, { names($from, $from, database => 'older') });
	$to = by_pg_upgrade(by_pg_upgrade($from, 17, '--link'), 18, '--copy');
	%names = names($from, $to, database => 'older');
	runs('open', $hop, \%names, qr/\A(?:vacuumdb: vacuuming database .*\n|\n)*\z/);
	is(sql($to->{port}, 'older', q{SELECT extversion <> '0.1.0' AND extversion = ledger_version FROM pg_extension, conf.conference WHERE extname = 'regpaydb'}), 't',
		"$hop->{name}: it is of this version");
	is(sql($to->{port}, 'older', q{SET regpaydb.ledger = conf; SELECT regpaydb.record_payment(7, 1, 'after', 'bank', 'after') > 0}, 'upgrade_owner'), 't',
		"$hop->{name}: its owner goes on");
	return $to;
}

# ---- by dump and restore ----

# A dump that is made while clients pay holds what was committed when it began.
sub dump_while_clients_pay
{
	my ($hop, $from, $to) = @_;
	my ($in, $out, $snapshot, @rows);
	my $pid = IPC::Open3::open3($in, $out, undef, bin(18) . '/psql', '-X', '-q', '-A', '-t', '-p', $from->{port}, '-U', 'postgres', '-d', 'conference');

	print $in "BEGIN ISOLATION LEVEL REPEATABLE READ; SET timezone = 'UTC'; SET search_path = pg_catalog; SELECT pg_export_snapshot();\n$Site::question{rows}\\echo done\n";
	$in->flush;
	chomp($snapshot = <$out>);
	while (<$out>) { chomp; last if $_ eq 'done'; push @rows, $_ }
	for my $format ('plain', 'custom', 'directory --jobs=2')
	{
		my $file = "$hop->{folder}/practice." . $format =~ s/ .*//r;
		my $load = $format eq 'plain' ? "psql -X -q -v ON_ERROR_STOP=1 -p $to->{port} -U postgres -d practice -f '$file' >/dev/null"
		  : "pg_restore --exit-on-error --jobs=2 -p $to->{port} -U postgres -d practice '$file'";
		my $first = sql($from->{port}, 'conference', 'SELECT count(*) FROM regpaydb.payment');

		shell(<<"END");
export PGHOST='$work/s'
@{[ bin($to->{version}) ]}/pg_dump -p $from->{port} -U postgres --exclude-extension=pg_cron --snapshot='$snapshot' --format=$format --file='$file' conference
@{[ bin($to->{version}) ]}/psql -X -q -p $to->{port} -U postgres -d postgres -c 'CREATE DATABASE practice TEMPLATE template0 OWNER gannet'
@{[ bin($to->{version}) ]}/$load
END
		cmp_ok(sql($from->{port}, 'conference', 'SELECT count(*) FROM regpaydb.payment'), '>', $first, "$hop->{name}: clients paid while the dump was made ($format)");
		is(join("\n", @{ fingerprint($to->{port}, 'practice')->{rows} }), join("\n", @rows), "$hop->{name}: the dump has what was there when it began ($format)");
		is(sql($to->{port}, 'practice', 'SELECT * FROM regpaydb.check_integrity()'), '', "$hop->{name}: it is sound ($format)");
		is(sql($to->{port}, 'practice', q{SELECT regpaydb.record_payment(1, 1, '', 'practice', '1') > max(payment_id) FROM regpaydb.payment}), 't',
			"$hop->{name}: and goes on ($format)");
		sql($to->{port}, 'postgres', 'DROP DATABASE practice');
	}
	close $in;
	waitpid $pid, 0;
	return;
}

# The roles of the old server; the new one knows its superuser already.
sub roles
{
	my ($hop, $names) = @_;

	runs('roles', $hop, $names, qr/\A(?:waiting for server .*|server started|psql:roles.sql:\d+: ERROR:  role "postgres" already exists|\n)*\z/);
	return;
}

sub by_dump
{
	my ($from, $version, $how, $practice) = @_;
	my ($hop, $to) = new_hop($how, $from, $version);
	my %names = names($from, $to);
	my $before;

	install($hop, \%names, $version);
	new_server($hop, \%names, $to);
	roles($hop, \%names);
	ok(start_clients($from->{port}, "$how$version"), "$hop->{name}: clients pay in the old server");
	if ($practice)
	{
		dump_while_clients_pay($hop, $from, $to);
		sql($from->{port}, 'conference', q{BEGIN; INSERT INTO regpaydb.staff VALUES (77); PREPARE TRANSACTION 'left'});
		runs('close', $hop, \%names, qr/\Aprepared: left\n\z/);
		sql($from->{port}, 'conference', q{ROLLBACK PREPARED 'left'});
	}
	$before = close_old($hop, \%names, $from);
	runs($how, $hop, \%names);
	check_and_open($hop, \%names, $from, $to, $before);
	is_closed($from, $hop, 'the old server still');
	runs('way_back', $hop, \%names);
	is(value($from->{port}, 'conference', 'SELECT 1', 'shop'), '1', "$hop->{name}: the old server is open again");
	stop_server($from->{version}, $from->{data});
	return $to;
}

# ---- by logical replication ----

sub by_replication
{
	my ($from, $version, $first) = @_;
	my ($hop, $to) = new_hop('replication', $from, $version);
	my %names = names($from, $to);
	my $name = $hop->{name};
	my $failed = q{SELECT sync_error_count + apply_error_count > 0 FROM pg_stat_subscription_stats};

	install($hop, \%names, $version);
	new_server($hop, \%names, $to);
	if ($first)
	{
		sql($from->{port}, 'conference', 'CREATE TABLE application.loose (a int); ALTER SYSTEM SET wal_level = replica');
		shell(bin($from->{version}) . "/pg_ctl restart --pgdata='$from->{data}' --log='$from->{data}'/log");
		runs('replica_identity', $hop, \%names, qr/\Awal_level is replica\nno replica identity: application.loose\n\z/);
		sql($from->{port}, 'conference', 'ALTER SYSTEM RESET wal_level');
		shell(bin($from->{version}) . "/pg_ctl restart --pgdata='$from->{data}' --log='$from->{data}'/log");
		like(value($from->{port}, 'conference', 'BEGIN; CREATE PUBLICATION p FOR TABLES IN SCHEMA application; DELETE FROM application.loose'),
			qr/ERROR:  55000: cannot delete from table "loose" because it does not have a replica identity/, "$name: such a table must not be published");
		sql($from->{port}, 'conference', 'DROP TABLE application.loose');
	}
	runs('replica_identity', $hop, \%names);
	ok(start_clients($from->{port}, "replication$version"), "$name: clients pay in the old server");
	roles($hop, \%names);
	{
		# Without run_as_owner: why the page says so.
		local $block{follow} = $block{follow} =~ s/ WITH \(run_as_owner = true\)//r if $first;
		runs('follow', $hop, \%names, qr/\A(?:NOTICE:  created replication slot "move" on publisher\n)\z/);
	}
	if ($first)
	{
		ok(wait_until(sub { sql($to->{port}, 'conference', $failed) eq 't' }), "$name: policies that owners forced on themselves stop replication");
		like(shell("cat '$to->{data}'/log"), qr/cannot replicate into relation with row-level security enabled: "attendee"/, "$name: which the log says");
		sql($to->{port}, 'conference', 'ALTER SUBSCRIPTION move SET (run_as_owner = true)');
	}
	runs('followed', $hop, \%names);
	is_closed($to, $hop, 'the new server');
	ok(clients_have_paid($from->{port}, 40), "$name: clients pay meanwhile");
	is_sound($to->{port}, "$name: meanwhile");
	runs('switch_over', $hop, \%names, qr/\A(?:NOTICE:  dropped replication slot "move" on publisher\n)\z/);
	is_closed($from, $hop, 'the old server');
	is(sql($to->{port}, 'conference', 'SELECT count(*) FROM pg_subscription'), '0', "$name: nothing is followed any more");
	is(sql($from->{port}, 'conference', 'SELECT count(*) FROM pg_replication_slots'), '0', "$name: the old server keeps nothing for it");

	# What the last commands are for.
	if ($first)
	{
		my $sequence = 'regpaydb.payment_payment_id_seq';
		my $is = sql($to->{port}, 'conference', "SELECT last_value FROM $sequence");

		sql($to->{port}, 'conference', "SELECT setval('$sequence', 1)");
		fails('open', $hop, \%names, qr/^[<>] \Q$sequence\E\|/m, 'where a sequence was left out');
		is_closed($to, $hop, 'the new server still');
		sql($to->{port}, 'conference', "SELECT setval('$sequence', $is)");
		sql($to->{port}, 'conference', 'SET session_replication_role = replica; DELETE FROM regpaydb.line_item WHERE line_item_id = 1');
		fails('open', $hop, \%names, qr/^[<>] regpaydb.line_item\|/m, 'where a row was lost');
		is_closed($to, $hop, 'the new server still');
		shell(bin(18) . "/psql -X -q -h '$work/s' -p $from->{port} -U postgres -d conference -c 'COPY (SELECT * FROM regpaydb.line_item WHERE line_item_id = 1) TO STDOUT' |"
			. bin(18) . "/psql -X -q -h '$work/s' -p $to->{port} -U postgres -d conference -c 'SET session_replication_role = replica' -c 'COPY regpaydb.line_item FROM STDIN'");
	}
	check_and_open($hop, \%names, $from, $to, fingerprint($from->{port}, 'conference'));
	is_closed($from, $hop, 'the old server still');
	stop_server($from->{version}, $from->{data});
	return $to;
}

# ---- the comparison sees faults ----

sub sees_faults
{
	my ($server) = @_;
	my $right = fingerprint($server->{port}, 'conference');
	my %fault = (
		'rows: an amount' => 'UPDATE payment SET amount = amount + 0.01 WHERE payment_id = 2',
		'rows: a lost payment' => 'DELETE FROM payment WHERE payment_id = 2',
		'rows: a table that was left out' => 'TRUNCATE outbox',
		'rows: an owner\'s column' => q{UPDATE invoice SET purchase_order = '' WHERE invoice_id = 3},
		'sequences: one that was left out' => 'ALTER TABLE staff ALTER staff_number RESTART WITH 1',
		'sequences: an id used up' => q{SELECT nextval(pg_get_serial_sequence('invoice', 'invoice_id'))},
		'privileges: one of a table' => 'REVOKE SELECT ON invoice FROM clerk',
		'privileges: one of a column' => 'REVOKE SELECT (name) ON product FROM PUBLIC',
		'privileges: one of a function' => 'GRANT EXECUTE ON FUNCTION regpaydb.pay TO clerk',
		'privileges: one of a schema' => 'REVOKE USAGE ON SCHEMA regpaydb FROM clerk',
		'privileges: an owner' => 'ALTER TABLE cheque OWNER TO postgres',
		'policies: a lost one' => 'DROP POLICY only_small ON invoice',
		'policies: one that is off' => 'ALTER TABLE attendee NO FORCE ROW LEVEL SECURITY',
		'comments: a lost one' => 'COMMENT ON INDEX payment_roll_idx IS NULL',
		'definitions: a lost index' => 'DROP INDEX payment_roll_idx',
		'definitions: a trigger that is off' => 'ALTER TABLE payment DISABLE TRIGGER payment_settle',
		'definitions: a copy that is empty' => 'REFRESH MATERIALIZED VIEW due_copy WITH NO DATA',
		'definitions: a lost check' => 'ALTER TABLE attendee DROP CONSTRAINT attendee_email_check',
		'roles: a lost member' => 'REVOKE clerk FROM books',
		'roles: a lost setting' => 'ALTER ROLE shop RESET idle_in_transaction_session_timeout',
		'granted: to somebody else' => 'REVOKE INSERT (amount) ON payment FROM terminal');

	for my $fault (sort keys %fault)
	{
		my ($aspect) = $fault =~ /^(\w+)/;
		my $setting = "SET timezone = 'UTC'; SET datestyle = ISO; SET search_path = pg_catalog; SET max_parallel_workers_per_gather = 0;\n";
		my $seen = sql($server->{port}, 'conference', <<"SQL");
BEGIN;
SET LOCAL session_replication_role = replica;
SET LOCAL search_path = regpaydb;
\\o /dev/null
$fault{$fault};
\\o
SET LOCAL session_replication_role = origin;
$setting
$Site::question{$aspect}
ROLLBACK;
SQL
		isnt($seen, join("\n", @{ $right->{$aspect} }), "a fault is seen: $fault");
	}
	# What nextval() has given out stays so.
	return;
}

# ---- all the ways ----

my %way = (
	pg_upgrade => sub { stop_server(18, with_an_older_one(first_of('pg_upgrade'))->{data}) },
	dump => sub {
		my $last;

		$last = by_dump(by_dump(first_of('dump'), 17, 'dump', 1), 18, 'dump_plain');
		stop_server(18, $last->{data});
		stop_server(18, by_dump(first_of('dump_custom'), 18, 'dump_custom')->{data});
	},
	replication => sub {
		my $last = by_replication(by_replication(first_of('replication'), 17, 1), 18);

		sees_faults($last);
		stop_server(18, $last->{data});
	});

stop_server(15, $first{data});
my @ways = @ARGV ? @ARGV : qw(pg_upgrade dump replication);
for my $way (@ways)
{
	my $start = time;

	$way{$way}->();
	diag("$way: " . (time - $start) . ' s');
}
is(join(' ', grep { !$Site::was_run{$_} } sort keys %block), '', 'all the page\'s commands were run') if !@ARGV;
done_testing();
