# kill -9, again and again, while clients pay, items are returned, and refunds are asked for,
# done and failed: what a client was told to be recorded is recorded, once, nothing is done
# by half, and the ledger is sound.
#
# Tests run with fsync = off.  That is no less strict here: a killed process
# does not take the operating system's cache with it.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RegpayTest;
use Test::More;
use Time::HiRes qw(sleep);

my $folder = PostgreSQL::Test::Utils::tempdir;
my $invoices = 150;
my $clients = 4;
my $enough = 150;	# acknowledged payments in a round

my $node = new_node('main');
$node->append_conf('postgresql.conf', <<'CONF');
synchronous_commit = on
restart_after_crash = on
log_min_error_statement = fatal
checkpoint_timeout = 30s
wal_writer_delay = 10s
max_connections = 20
CONF
$node->start;
$node->safe_psql('postgres', <<"SQL");
CREATE EXTENSION regpaydb;
SELECT regpaydb.create_ledger();
INSERT INTO regpaydb.staff VALUES (1);
INSERT INTO regpaydb.attendee (user_id) SELECT generate_series(1, $invoices);
CREATE TABLE charge (payment_id bigint PRIMARY KEY REFERENCES regpaydb.payment, reference text NOT NULL UNIQUE);
INSERT INTO regpaydb.category (name) VALUES ('Ticket');
INSERT INTO regpaydb.product (category_id, name, price, stock) VALUES (1, 'Full', 70, 100000), (1, 'Dinner', 20, 100000);
-- Somebody buys a ticket and three dinners, one of them for less.
CREATE FUNCTION buy(attendee_id bigint) RETURNS bigint LANGUAGE plpgsql AS \$\$
DECLARE
	basket bigint := regpaydb.current_cart(attendee_id);
	bill bigint;
BEGIN
	PERFORM regpaydb.set_quantity(basket, 1, 1), regpaydb.set_quantity(basket, 2, 3);
	IF NOT EXISTS (SELECT FROM regpaydb.cart_discount d WHERE d.cart_id = basket) THEN
		INSERT INTO regpaydb.cart_discount (cart_id, product_id, description, quantity, amount) VALUES (basket, 2, 'Volunteer', 1, 5);
	END IF;
	bill := regpaydb.invoice_cart(basket);
	IF regpaydb.balance_due(bill) > 0 THEN
		PERFORM regpaydb.pay(bill, regpaydb.balance_due(bill), 'x');
	END IF;
	RETURN bill;
END \$\$;
-- One of what there are several of is returned, of one of the newest invoices that are
-- paid; which one, and the note.
CREATE FUNCTION give_back() RETURNS text LANGUAGE plpgsql AS \$\$
DECLARE
	line record;
BEGIN
	SELECT i.invoice_id, l.line_item_id INTO line
		FROM (SELECT * FROM regpaydb.invoice WHERE status = 'paid' ORDER BY invoice_id DESC LIMIT 40) i JOIN regpaydb.line_item l USING (invoice_id)
		WHERE l.quantity > 1 ORDER BY random() LIMIT 1;
	IF NOT FOUND THEN
		RETURN NULL;
	END IF;
	RETURN line.invoice_id || ':' || regpaydb.return_items(line.invoice_id,
		jsonb_build_array(jsonb_build_object('line_item_id', line.line_item_id, 'quantity', 1)), 'given back');
END \$\$;
SQL

# ---- clients ----

# What a client sends: a script of its own for psql, longer than it gets to
# run.  psql prints an "ack" line when the server has said that the statement
# is committed.  A reference says what was paid: <name>:<invoice>:<amount>.
my $sent = 0;

sub reference
{
	my ($invoice, $amount) = @_;
	return 'r' . ++$sent . ":$invoice:$amount";
}

sub statements
{
	my ($first_invoice) = @_;
	my $invoice = $first_invoice + int(rand($invoices - 1));
	my $amount = 1 + int(rand(60));
	my $kind = rand;
	my $one = reference($invoice, $amount);
	my $two = reference($invoice + 1, $amount);

	return "SELECT 'ack pay $one' FROM regpaydb.pay($invoice, $amount, 'x', 'crash', '$one');\n" if $kind < 0.5;
	return "INSERT INTO regpaydb.payment (invoice_id, amount, provider, provider_ref) "
	  . "VALUES ($invoice, $amount, 'crash', '$one'), ($invoice + 1, $amount, 'crash', '$two') "
	  . "RETURNING 'ack pay ' || provider_ref;\n" if $kind < 0.75;
	# A transaction of several statements, with the application's own row.
	return "BEGIN;\nWITH p AS (INSERT INTO regpaydb.payment (invoice_id, amount, provider, provider_ref) "
	  . "VALUES ($invoice, $amount, 'crash', '$one') RETURNING payment_id)\n"
	  . "INSERT INTO charge SELECT payment_id, '$one' FROM p;\nCOMMIT;\n\\echo ack pay $one\n\\echo ack charge $one\n"
	  if $kind < 0.85;
	return "SELECT 'ack refund ' || note FROM regpaydb.refund_invoice($invoice) note WHERE note IS NOT NULL;\n"
	  if $kind < 0.86;
	return "SELECT 'ack buy ' || buy(" . (1 + int(rand($invoices))) . ");\n" if $kind < 0.88;
	return "SELECT 'ack return ' || bill FROM give_back() bill WHERE bill IS NOT NULL;\n" if $kind < 0.90;
	return "SELECT 'ack cash ' || regpaydb.refund_credit_note(max(credit_note_id), 'x') FROM regpaydb.credit_note "
	  . "WHERE state = 'unclaimed' HAVING max(credit_note_id) IS NOT NULL;\n" if $kind < 0.915;
	return "SELECT 'ack request ' || regpaydb.request_refund(max(credit_note_id), 'x') FROM regpaydb.credit_note "
	  . "WHERE state = 'unclaimed' HAVING max(credit_note_id) IS NOT NULL;\n" if $kind < 0.945;
	my $on_its_way = "(SELECT credit_note_refund_id AS id FROM regpaydb.credit_note_refund WHERE state = 'requested' ORDER BY random() LIMIT 1)";
	return "SELECT 'ack done ' || id FROM $on_its_way r, LATERAL regpaydb.confirm_refund(id, 'crash', 're_' || id);\n" if $kind < 0.955;
	return "SELECT 'ack failed ' || id || ':' || regpaydb.fail_refund(id, 'closed') FROM $on_its_way r;\n" if $kind < 0.965;
	my $reversal = 'd' . ++$sent;
	return "SELECT 'ack reverse $reversal' FROM (SELECT provider_ref FROM regpaydb.payment WHERE provider = 'crash' "
	  . 'ORDER BY payment_id DESC LIMIT 1 OFFSET ' . int(rand 50) . ") p, LATERAL regpaydb.record_reversal('crash', provider_ref, 1, '$reversal');\n"
	  if $kind < 0.975;
	return "SELECT 'ack apply ' || regpaydb.apply_credit_note(min(credit_note_id), $invoice) FROM regpaydb.credit_note "
	  . "WHERE state = 'unclaimed' HAVING min(credit_note_id) IS NOT NULL;\n";
}

# Start the clients on new invoices.
sub start_clients
{
	my ($round) = @_;
	my $first = $node->safe_psql('postgres', <<'SQL');
SELECT min(regpaydb.manual_invoice(attendee_id, '1 day', jsonb_build_array(jsonb_build_object(
	'description', 'Ticket', 'price', CASE attendee_id % 3 WHEN 0 THEN 40 ELSE 4940 END), jsonb_build_object(
	'description', 'Dinner', 'price', 20, 'quantity', 3))))
FROM regpaydb.attendee
SQL
	my @clients;

	for my $number (1 .. $clients)
	{
		my $script = "$folder/script.$round.$number";
		my $client = { stderr => "$folder/errors.$round.$number", acks => "$folder/acks.$round.$number" };

		append_to_file($script, join '', map { statements($first) } 1 .. 20000);
		$client->{run} = IPC::Run::start(
			[ 'psql', '-XAtq', '-v', 'VERBOSITY=verbose', '-d', $node->connstr('postgres'), '-f', $script ],
			'<', \undef, '>', $client->{acks}, '2>', $client->{stderr});
		push @clients, $client;
	}
	return @clients;
}

# Let them work, until so many payments are recorded.
sub let_work
{
	my ($payments) = @_;
	my $before = recorded();

	return wait_until(sub { return recorded() >= $before + $payments }, 60);
}

sub recorded
{
	return $node->safe_psql('postgres', q{SELECT count(*) FROM regpaydb.payment WHERE provider = 'crash'});
}

# Their connections are gone: collect what they were told.
sub acknowledged
{
	my (@clients) = @_;
	my (@acks, @unexpected);

	for my $client (@clients)
	{
		$client->{run}->finish;
		push @acks, grep { s/^ack // } lines(slurp_file($client->{acks}));

		# Invoices that are closed, notes that are taken, refunds that are done, money that
		# went back already, a connection that ends.
		push @unexpected, grep { /(ERROR|FATAL|PANIC): / && !/ERROR:  RP00[1368]: |(FATAL|WARNING):  57P0[1-3]/ }
		  lines(slurp_file($client->{stderr}));
	}
	return (\@acks, \@unexpected);
}

# ---- what must be true after a crash ----

my %round_number;
my %ever;	# all acknowledged, in all rounds

sub check_round
{
	my ($round, @clients) = @_;
	my ($acks, $unexpected) = acknowledged(@clients);
	my %count;

	for my $ack (@$acks)
	{
		my ($what, $which) = split / /, $ack;

		$count{$what}++;
		$ever{$what}{$which} = $round;
	}
	note(join ', ', "round $round", map { "$_: $count{$_}" } sort keys %count);
	cmp_ok($count{pay} // 0, '>', $enough, "$round: enough payments were acknowledged");
	ok($count{$_}, "$round: $_ was acknowledged") for qw(charge refund cash apply buy return request done failed reverse);
	is(join("\n", @$unexpected), '', "$round: no error but the expected ones");
	is(lost(), '', "$round: what was acknowledged is there, once");

	# A client has one statement on its way, of two payments at most, that it
	# may not have been told about.
	cmp_ok(recorded() - keys %{ $ever{pay} }, '<=', 2 * $clients * $round_number{$round},
		"$round: hardly more is there");
	integrity($node, 'postgres', 'regpaydb', "$round: sound");
	money_is_conserved($node, 'postgres', 'regpaydb', "$round: keeps the money");
	is($node->safe_psql('postgres', <<'SQL'), '0|0|0|0|0|0|0|0', "$round: nothing is half done");
WITH note AS (SELECT credit_note_id, count(*) FILTER (WHERE kind = 'credit_note_created') AS made,
		count(*) FILTER (WHERE kind IN ('credit_note_applied', 'credit_note_refunded')) AS claimed,
		count(*) FILTER (WHERE kind = 'refund_done') AS done, count(*) FILTER (WHERE kind = 'refund_failed') AS failed
	FROM regpaydb.outbox GROUP BY 1),
change AS (SELECT invoice_id, count(*) AS number FROM regpaydb.outbox WHERE kind = 'invoice_updated' GROUP BY 1)
SELECT (SELECT count(*) FROM regpaydb.credit_note LEFT JOIN note USING (credit_note_id)
		WHERE made IS DISTINCT FROM 1),
	(SELECT count(*) FROM regpaydb.credit_note LEFT JOIN note USING (credit_note_id)
		WHERE claimed IS DISTINCT FROM (state <> 'unclaimed')::int),
	(SELECT count(*) FROM regpaydb.invoice LEFT JOIN change USING (invoice_id)
		WHERE coalesce(number, 0) <> (status <> 'unpaid')::int + (status = 'refunded')::int),
	-- What was asked for has its parts, and was told of to its end; so were reversals.
	(SELECT count(*) FROM regpaydb.credit_note_refund r LEFT JOIN note USING (credit_note_id)
		WHERE done <> (state = 'done')::int OR failed <> (state = 'failed')::int OR (returned_payment_id IS NULL) <> (state <> 'failed')),
	(SELECT count(*) FROM regpaydb.credit_note_refund r JOIN regpaydb.credit_note n USING (credit_note_id) WHERE value IS DISTINCT FROM
		(SELECT sum(amount) FROM regpaydb.credit_note_refund_part p WHERE p.credit_note_refund_id = r.credit_note_refund_id)),
	(SELECT count(*) FROM regpaydb.reversal v WHERE 1 <> (SELECT count(*) FROM regpaydb.outbox o WHERE o.reversal_id = v.reversal_id AND kind = 'payment_reversed')
		OR (loss > 0)::int <> (SELECT count(*) FROM regpaydb.outbox o WHERE o.reversal_id = v.reversal_id AND kind = 'reversal_loss')),
	-- What was given back has a successor, which has one less of all that there was.
	(SELECT count(*) FROM regpaydb.invoice p WHERE closed_reason = 'given back' AND NOT EXISTS (
		SELECT FROM regpaydb.invoice s WHERE s.replaces = p.invoice_id AND s.value = p.value - 20 AND s.status <> 'unpaid'
			AND (SELECT sum(quantity) FROM regpaydb.line_item l WHERE l.invoice_id = s.invoice_id)
				= (SELECT sum(quantity) FROM regpaydb.line_item l WHERE l.invoice_id = p.invoice_id) - 1)),
	-- And so has the cart.
	(SELECT count(*) FROM regpaydb.invoice s JOIN regpaydb.invoice p ON p.invoice_id = s.replaces LEFT JOIN regpaydb.cart c ON c.cart_id = s.cart_id
		WHERE (s.cart_id IS NULL) <> (p.cart_id IS NULL) OR s.cart_id IS NOT NULL AND (
			(SELECT status <> 'released' FROM regpaydb.cart b WHERE b.cart_id = p.cart_id) OR (c.status = 'paid') <> (s.status = 'paid') OR
			(SELECT sum(quantity) FROM regpaydb.cart_item q WHERE q.cart_id = s.cart_id)
				<> (SELECT sum(quantity) FROM regpaydb.cart_item q WHERE q.cart_id = p.cart_id) - 1 OR
			(SELECT count(*) FROM regpaydb.cart_discount d WHERE d.cart_id = s.cart_id)
				<> (SELECT count(*) FROM regpaydb.cart_discount d WHERE d.cart_id = p.cart_id)))
SQL
	return;
}

# What was acknowledged and is not in the database as it should be.
sub lost
{
	my $values = join ",\n", map {
		my $what = $_;
		map { "('$what', '$_')" } sort keys %{ $ever{$what} }
	} sort keys %ever;

	return $node->safe_psql('postgres', <<"SQL");
WITH ack (what, which) AS (VALUES $values)
SELECT what, which FROM ack
WHERE 1 <> CASE what
	WHEN 'pay' THEN (SELECT count(*) FROM regpaydb.payment
		WHERE provider = 'crash' AND provider_ref = which AND kind = 'payment'
			AND invoice_id = split_part(which, ':', 2)::bigint AND amount = split_part(which, ':', 3)::numeric)
	WHEN 'charge' THEN (SELECT count(*) FROM charge WHERE reference = which)
	WHEN 'refund' THEN (SELECT count(*) FROM regpaydb.credit_note WHERE credit_note_id::text = which)
	WHEN 'cash' THEN (SELECT count(*) FROM regpaydb.credit_note_refund WHERE credit_note_refund_id::text = which)
	WHEN 'request' THEN (SELECT count(*) FROM regpaydb.credit_note_refund WHERE credit_note_refund_id::text = which)
	WHEN 'done' THEN (SELECT count(*) FROM regpaydb.credit_note_refund WHERE credit_note_refund_id::text = which AND state = 'done'
		AND provider = 'crash' AND provider_ref = 're_' || which)
	WHEN 'failed' THEN (SELECT count(*) FROM regpaydb.credit_note_refund r JOIN regpaydb.credit_note o USING (credit_note_id)
		JOIN regpaydb.credit_note n ON n.credit_note_id = split_part(which, ':', 2)::bigint
		WHERE r.credit_note_refund_id = split_part(which, ':', 1)::bigint AND r.state = 'failed' AND n.value = o.value AND n.attendee_id = o.attendee_id)
	WHEN 'reverse' THEN (SELECT count(*) FROM regpaydb.reversal WHERE provider = 'crash' AND reversal_ref = which AND amount = 1)
	WHEN 'buy' THEN (SELECT count(*) FROM regpaydb.invoice JOIN regpaydb.cart USING (cart_id)
		WHERE invoice_id::text = which AND invoice.status = CASE cart.status WHEN 'paid' THEN 'paid' WHEN 'released' THEN 'refunded' END::regpaydb.invoice_status)
	WHEN 'return' THEN (SELECT count(*) FROM regpaydb.invoice s JOIN regpaydb.invoice p ON p.invoice_id = s.replaces
		JOIN regpaydb.credit_note n ON n.credit_note_id = split_part(which, ':', 2)::bigint
		WHERE p.invoice_id = split_part(which, ':', 1)::bigint AND p.status = 'refunded' AND n.attendee_id = p.attendee_id AND n.value = 20)
	WHEN 'apply' THEN (SELECT count(*) FROM regpaydb.credit_note_application WHERE payment_id::text = which)
END
ORDER BY 1, 2
SQL
}

# ---- the postmaster is killed ----

# A process that is killed stays as a zombie until init looks after it, which
# some never do in containers.
sub has_ended
{
	my ($pid) = @_;
	my $stat;

	return 1 if !kill 0, $pid;
	open my $file, '<', "/proc/$pid/stat" or return 0;
	$stat = <$file>;
	return defined $stat && $stat =~ /\) Z /;
}

# It, or it and all that it has started.  Its children end by themselves, and
# until then there can't be another.
sub kill_server
{
	my ($everything) = @_;
	my $pidfile = $node->data_dir . '/postmaster.pid';
	my ($postmaster) = lines(slurp_file($pidfile));
	my @children = lines($node->safe_psql('postgres', 'SELECT pid FROM pg_stat_activity WHERE pid <> pg_backend_pid()'));

	$node->kill9;
	kill 'KILL', @children if $everything;
	return 0 if !wait_until(sub { return !grep { !has_ended($_) } $postmaster, @children }, 60);
	wait_until(sub { return !kill 0, $postmaster }, 10) or unlink $pidfile;
	return 1;
}

for my $round (1 .. 3)
{
	my $name = $round == 2 ? 'postmaster and backends' : "postmaster, round $round";
	my $offset = -s $node->logfile;
	my @clients;

	$round_number{$name} = $round;
	@clients = start_clients($round);
	ok(let_work(3 * $enough), "$name: clients are at work");
	ok(kill_server($round == 2), "$name: it is killed");
	$node->start;
	like(slurp_file($node->logfile, $offset), qr/database system was not properly shut down/, "$name: it was a crash");
	check_round($name, @clients);
}

# ---- single backends are killed ----

# The postmaster then ends all others and recovers.
for my $round (4 .. 5)
{
	my $name = "backend, round $round";
	my @clients;
	my $offset = -s $node->logfile;

	$round_number{$name} = $round;
	@clients = start_clients($round);
	ok(let_work(3 * $enough), "$name: clients are at work");
	my ($victim) = lines($node->safe_psql('postgres', <<'SQL'));
SELECT pid FROM pg_stat_activity WHERE backend_type = 'client backend' AND pid <> pg_backend_pid() ORDER BY random()
SQL
	kill 'KILL', $victim;
	ok(wait_until(sub { return slurp_file($node->logfile, $offset) =~ /all server processes terminated/ }, 60),
		"$name: all others are ended");
	ok($node->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()'), "$name: it recovers");
	like(slurp_file($node->logfile, $offset), qr/\Q($victim\E|$victim\) was terminated by signal 9/, "$name: it was a crash");
	check_round($name, @clients);
}

# ---- what was on its way is so still ----

# It ends once, whatever its worker was told of it before the server was killed.
my $on_its_way = $node->safe_psql('postgres', q{SELECT count(*) FROM regpaydb.credit_note_refund WHERE state = 'requested'});
cmp_ok($on_its_way, '>', 2, 'refunds were on their way');
is($node->safe_psql('postgres', <<'SQL'), "t\n0", 'they can end, twice told');
SELECT bool_and(state = 'requested' AND closed_time IS NULL) FROM regpaydb.report_refunds_in_flight JOIN regpaydb.credit_note_refund USING (credit_note_refund_id);
SELECT regpaydb.confirm_refund(credit_note_refund_id, 'crash', 're_' || credit_note_refund_id) FROM regpaydb.report_refunds_in_flight \g /dev/null
SELECT regpaydb.confirm_refund(credit_note_refund_id, 'crash', 're_' || credit_note_refund_id)
	FROM regpaydb.credit_note_refund WHERE provider_ref = 're_' || credit_note_refund_id \g /dev/null
SELECT count(*) FROM regpaydb.report_refunds_in_flight;
SQL
integrity($node, 'postgres', 'regpaydb', 'sound when all have ended');

# ---- the comparison sees a loss ----

my ($some) = sort keys %{ $ever{pay} };
$node->safe_psql('postgres', <<"SQL");
SET session_replication_role = replica;
DELETE FROM charge WHERE reference = '$some';
DELETE FROM regpaydb.payment WHERE provider_ref = '$some';
SQL
like(lost(), qr/^pay\|\Q$some\E$/m, 'a lost payment is seen');
isnt($node->safe_psql('postgres', 'SELECT * FROM regpaydb.check_integrity()'), '', 'and by check_integrity');

done_testing();
