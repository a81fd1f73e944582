# A refund by a payment platform, while the server, or the worker, is killed between every
# two of its steps: the request, its commit, what the worker reads, each question to the
# platform, what it records, its commit.  The platform keeps a list of its own.  No charge is
# refunded twice, none is forgotten, and whoever was refused has a note again.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RegpayTest;
use Test::More;

my $node = new_node('main');
$node->append_conf('postgresql.conf', "synchronous_commit = on\nwal_writer_delay = 10s\n");
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION regpaydb;
SELECT regpaydb.create_ledger();
INSERT INTO regpaydb.staff VALUES (1);
INSERT INTO regpaydb.attendee (user_id) VALUES (1);
UPDATE regpaydb.conference SET auto_apply_credit = false;
SQL

# ---- the platform, which nobody kills ----

my (%made, %refused, $questions);

# Makes a refund, or not; for a key that it knows it says what it said before.
sub ask_platform
{
	my ($key, $charge, $amount) = @_;

	$questions++;
	return 0 if $refused{$charge};
	$made{$key} //= "$charge: $amount";
	return 1;
}

# ---- who asks for a refund, and the worker ----

my $stop_at = '';
my $session;

# Between two steps, where it is the turn of this place.
sub reached
{
	my ($place) = @_;

	die "stopped\n" if $place eq $stop_at;
	return;
}

# What must not fail.
sub run
{
	my ($sql) = @_;
	my ($out, $err) = ask($session, $sql);

	BAIL_OUT("$sql: $err") if $err ne '';
	return $out;
}

# Until it is known to be asked for, also by who does not know whether it was.
sub request_refund
{
	my ($note) = @_;

	return if run("SELECT state FROM regpaydb.credit_note WHERE credit_note_id = $note") ne 'unclaimed';
	run('BEGIN');
	run("SELECT regpaydb.request_refund($note, 'cancelled')");
	reached('requested');
	run('COMMIT');
	reached('request committed');
	return;
}

# What is in flight, from the beginning.
sub work
{
	my %parts;

	foreach my $line (lines(run(<<'SQL')))
SELECT r.credit_note_refund_id, t.payment_id, p.provider_ref, t.amount
FROM regpaydb.credit_note_refund r
JOIN regpaydb.credit_note_refund_part t USING (credit_note_refund_id)
JOIN regpaydb.payment p USING (payment_id)
WHERE r.state = 'requested' ORDER BY 1, 2
SQL
	{
		my ($refund, @part) = split /\|/, $line;

		push @{ $parts{$refund} }, \@part;
	}
	reached('read');
	for my $refund (sort { $a <=> $b } keys %parts)
	{
		my $refused = 0;

		for my $part (@{ $parts{$refund} })
		{
			my ($payment, $charge, $amount) = @$part;

			$refused ||= !ask_platform("$refund/$payment", $charge, $amount);
			reached("asked for $charge");
		}
		run('BEGIN');
		run($refused ? "SELECT regpaydb.fail_refund($refund, 'the card is closed')" : "SELECT regpaydb.confirm_refund($refund, 'card', 're_$refund')");
		reached('recorded');
		run('COMMIT');
		reached('recorded and committed');
	}
	return;
}

# ---- each of them stopped at each place ----

my @expected;
my ($done, $failed) = (0, 0);

for my $killed (qw(server worker))
{
	for my $refuses (0, 1)
	{
		for my $place (0 .. 6)
		{
			my $name = join ' ', $killed, $refuses, $place;
			my @charge = map { "$name $_" } qw(one two);

			$session = session($node, 'postgres');
			my $invoice = run(q{SELECT regpaydb.manual_invoice(1, '1 day', '[{"description": "Ticket", "price": 100}]')});
			run("SELECT regpaydb.record_payment($invoice, 60, '', 'card', '$charge[0]'), regpaydb.record_payment($invoice, 40, '', 'card', '$charge[1]')");
			my $note = run("SELECT regpaydb.refund_invoice($invoice)");
			if ($refuses) { @refused{@charge} = (1, 1); $failed++ }
			else { push @expected, "$charge[0]: 60.00", "$charge[1]: 40.00"; $done++ }

			$stop_at = ('requested', 'request committed', 'read', "asked for $charge[0]", "asked for $charge[1]", 'recorded',
				'recorded and committed')[$place];
			my $stopped = !eval { request_refund($note); work(); 1 };
			BAIL_OUT("not stopped at $stop_at: $@") if !$stopped || $@ ne "stopped\n";
			$stop_at = '';
			if ($killed eq 'server')
			{
				$node->stop('immediate');
				$node->start;
			}
			eval { $session->quit };	# a transaction that is open goes with it
			$session = session($node, 'postgres');
			request_refund($note);
			work();
			$session->quit;
		}
	}
}

is(join("\n", sort values %made), join("\n", sort @expected), 'the platform has refunded each charge once, and none that it refused');
cmp_ok($questions, '>', keys(%made) + 2 * $failed, 'some questions came again');
is($node->safe_psql('postgres', 'SELECT state, count(*) FROM regpaydb.credit_note_refund GROUP BY state ORDER BY state'),
	"done|$done\nfailed|$failed", 'every refund has ended');
is($node->safe_psql('postgres', "SELECT count(*), sum(value) FROM regpaydb.credit_note WHERE state = 'unclaimed'"),
	"$failed|" . 100 * $failed . '.00', 'those of whom the platform would not hear have their money in a note');
is($node->safe_psql('postgres', <<'SQL'), join("\n", 'credit_note_refunded|' . ($done + $failed), "refund_done|$done", "refund_failed|$failed"),
SELECT kind, count(*) FROM regpaydb.outbox WHERE kind::text LIKE '%refund%' GROUP BY kind ORDER BY kind::text
SQL
	'the outbox tells of each once');
is($node->safe_psql('postgres', <<'SQL'), '0', 'no charge got more back than it was');
SELECT count(*) FROM (SELECT t.payment_id, sum(t.amount) AS amount FROM regpaydb.credit_note_refund_part t
	JOIN regpaydb.credit_note_refund r USING (credit_note_refund_id) WHERE r.state = 'done' GROUP BY 1) back
JOIN regpaydb.payment p USING (payment_id) WHERE back.amount > p.amount
SQL
integrity($node, 'postgres', 'regpaydb', 'the ledger is sound');
money_is_conserved($node, 'postgres', 'regpaydb', 'and money is conserved');
$node->stop;

done_testing();
