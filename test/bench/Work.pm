# What contenders do while they are measured.

package Bench;

use strict;
use warnings FATAL => 'all';

use List::Util qw(max min);

our ($invoices, $processors);

sub measure_sql
{
	my ($name, $sql, $meanwhile) = @_;
	my $session = Server::session($name);
	return Server::measure($session, sub { $session->ask($sql, $meanwhile) });
}

# Clears dead rows away, of these tables and of those that most work writes.
sub clear_up
{
	my ($name, @tables) = @_;
	Server::session($name)->ask("VACUUM $_")
	  for qw(payment invoice outbox cart reservation), @tables,
	  $name =~ /floor|promises/ ? 'counter' : ();
	return;
}

# Runs work in a transaction that is rolled back, and clears up after it.
sub rolled_back
{
	my ($name, $work) = @_;
	my $session = Server::session($name);

	$session->ask('BEGIN');
	my @result = eval { $work->() };
	my $error = $@;
	$session->ask('ROLLBACK');
	clear_up($name, qw(credit_note credit_note_claim credit_note_application));
	die $error if $error;
	return @result;
}

# A loop in the server over n payments, from the start-th of size invoices on.
# It goes through them in an order that looks random, each once.
sub make_loop
{
	my ($name, $job) = @_;
	my $body = statement($name =~ s/, small$//r, $job);

	$body =~ s/(?<!:):(\w+)/v_$1/g;
	$body =~ s/^SELECT /PERFORM /mg if $name =~ /pay|INSERT/;
	Server::session($name)->ask(<<"SQL");
CREATE OR REPLACE PROCEDURE pg_temp.loop(first bigint, size bigint, start bigint, n bigint,
	v_amount numeric, commits boolean)
LANGUAGE plpgsql AS \$loop\$
DECLARE
	v_invoice_id bigint;
	v_other_id bigint;
	v_note_id bigint;
BEGIN
	FOR i IN start .. start + n - 1 LOOP
		v_invoice_id := first + (i * 7919) % size;
		v_other_id := v_invoice_id + size;
		$body
		IF commits THEN
			COMMIT;
		END IF;
	END LOOP;
END
\$loop\$
SQL
	return;
}

sub loop_work
{
	my ($name, $round, $size, $carts, $n) = @_;
	my ($first, $count) = $carts ? with_cart($size) : without_cart($size);

	return rolled_back($name, sub {
		my ($wall, $cpu) = measure_sql($name, "CALL pg_temp.loop($first, $count, 0, $n, 100, false)");
		expect_work($name, payments => $n, paid => 100 * $n, counted => $n, paid_invoices => $n,
			$carts ? (paid_carts => $n, sold => 2 * $n, events => 2 * $n) : (events => $n));
		expect_integrity($name) if $round == 0;
		return ($wall, $cpu, $n);
	});
}

# What pgbench runs to pay invoices, from the start-th of size on.
sub payment_script
{
	my ($name, $job) = @_;
	return "\\set invoice_id :first + ((:start + :client_id * :n + :i) * 7919) % :size\n"
	  . statement($name, $job);
}

my $settings = { on => '', off => '-c synchronous_commit=off' };

# n times a script by each client; the caller sees to it that no invoice is paid
# twice.
sub pgbench
{
	my ($name, $text, $sync, $clients, $n, %variables) = @_;
	my $script = Server::spew("$Server::folder/script", "\\set i :i + 1\n$text");
	my $output;

	%variables = (i => -1, n => $n, %variables);
	local $ENV{PGOPTIONS} = $settings->{$sync};
	my ($wall, $cpu) = Server::measure(undef, sub {
		$output = Server::command(qw(pgbench -n -M prepared), '-c', $clients,
			'-j', min($clients, $processors), '-t', $n, '-f', $script,
			(map { ('-D', "$_=$variables{$_}") } sort keys %variables), $name);
	});
	my ($rate) = $output =~ /^tps = ([\d.]+)/m;
	die "pgbench said: $output\n"
	  if !$rate || $output !~ m{actually processed: (\d+)/\1$}m;
	return ($clients * $n / $rate, $cpu, $clients * $n);
}

# A batch of n payments: invoices from first on, each with so many payments of
# the same amount, which add up to its value; in the order of the invoices, or
# in one that looks random.
sub make_batch
{
	my ($name, $first, $each, $n, $amount, $order) = @_;
	my $place = $order eq 'sorted' ? 'g' : "(g::bigint * 7919) % $n";

	Server::session($name)->ask(<<"SQL");
DROP TABLE IF EXISTS batch;
CREATE TEMP TABLE batch AS
	SELECT ($first + $place / $each)::bigint AS invoice_id, ($amount)::numeric AS amount, 'transfer' AS reference
	FROM generate_series(0, $n - 1) g;
ANALYZE batch;
COPY batch TO '$Server::folder/batch';
SQL
	return;
}

# A batch in which every tenth payment is too much, and every tenth on a void
# invoice.
sub make_mixed_batch
{
	my ($name, $unpaid, $n) = @_;
	my ($void) = void($invoices);

	Server::session($name)->ask(<<"SQL");
DROP TABLE IF EXISTS batch;
CREATE TEMP TABLE batch AS
	SELECT CASE WHEN i % 10 = 0 THEN $void + i / 10 ELSE $unpaid + i END AS invoice_id,
		CASE WHEN i % 10 = 1 THEN 150 ELSE 100 END::numeric AS amount, 'transfer' AS reference
	FROM (SELECT (g::bigint * 7919) % $n AS i FROM generate_series(0, $n - 1) g) AS random;
ANALYZE batch;
SQL
	return;
}

# Loads the batch into payment, in a way, and has it settled.
sub load_sql
{
	my ($name, $way, $settle) = @_;
	my $load = $way eq 'COPY'
	  ? "COPY payment (invoice_id, amount, reference) FROM '$Server::folder/batch'"
	  : 'INSERT INTO payment (invoice_id, amount, reference) SELECT * FROM batch';
	return $load . ';' . ($name =~ /floor|promises/ ? statement($name =~ s/, small$//r, $settle) : '');
}

# memory has that of the session before it did anything, and gets the most that
# it has in the first round: later the session may keep what checking took.
sub bulk_work
{
	my ($name, $round, $way, $carts, $n, $each, $memory) = @_;
	my $sql = load_sql($name, $way, 'settle the batch' . ($carts ? ' with carts' : ''));
	my $pid = Server::session($name)->{pid};
	my $most = 0;

	return rolled_back($name, sub {
		my ($wall, $cpu) =
		  measure_sql($name, $sql, sub { $most = max($most, Server::private_memory($pid)) });
		my $paid = $n / $each;
		expect_work($name, payments => $n, paid => 100 * $paid, counted => $n, paid_invoices => $paid,
			$carts ? (paid_carts => $paid, sold => 2 * $paid, events => 2 * $paid)
			: (events => $paid));
		expect_integrity($name) if $round == 0;
		$memory->{most} //= $most;
		return ($wall, $cpu, $n, ($memory->{most} - $memory->{idle}) / 1024);
	});
}

1;
