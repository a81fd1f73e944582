# A failover under load, as docs/operations.md tells and by its commands: clients pay
# with the platform's references and try again, the primary dies, the standby takes
# over.  What a client was told is there, once, and the old primary comes back as the
# new one's standby; then it all goes the other way.
#
# With REGPAYDB_CHAOS it goes to and fro for so many seconds.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use File::Copy;
use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RegpayTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $clients = 4;
my $invoices = 40;
my $enough = 20;	# payments that each client has to be told of between two failovers
my $end = time + ($ENV{REGPAYDB_CHAOS} || 0);
my $folder = PostgreSQL::Test::Utils::tempdir;
my %block = page_blocks('docs/operations.md', 'test/t/failover.pl');

my %node = (north => new_node('north', init => { allows_streaming => 1 }));
$node{north}->append_conf('postgresql.conf', <<'CONF');
cluster_name = 'north'
synchronous_commit = remote_apply
wal_keep_size = 1GB
CONF
$node{north}->start;
$node{north}->safe_psql('postgres', <<"SQL");
CREATE EXTENSION regpaydb;
SELECT regpaydb.create_ledger();
INSERT INTO regpaydb.attendee (user_id) SELECT generate_series(1, $invoices);
SELECT regpaydb.manual_invoice(a, '1 day', '[{"description": "Dinner", "price": 1000000}]') FROM generate_series(1, $invoices) a;
SQL
$node{north}->backup('base');
$node{south} = PostgreSQL::Test::Cluster->new('south');
$node{south}->init_from_backup($node{north}, 'base', has_streaming => 1);
$node{south}->append_conf('postgresql.conf', "cluster_name = 'south'\n");
$node{south}->start;

# ---- what the page tells to do ----

sub connection
{
	my ($name) = @_;
	return $node{$name}->connstr('postgres');
}

# A block of the page, with its names set.
sub run_block
{
	my ($name, %value) = @_;
	my $script = "$folder/$name.sh";

	unlink $script;
	append_to_file($script, join '', 'set -e -o pipefail', "\n", (map {"$_=\"$value{$_}\"\n"} sort keys %value),
		$block{$name});
	my ($out, $err);
	my $right = IPC::Run::run([ 'bash', $script ], '<', \undef, '>', "$folder/$name.out", '2>', "$folder/$name.err");
	($out, $err) = map { slurp_file("$folder/$name.$_") } qw(out err);
	ok($right, "the page's commands: $name") or die "$out$err";
	return "$out$err";
}

sub wait_for_standby
{
	my ($primary, $standby) = @_;

	return $node{$primary}->poll_query_until('postgres', <<"SQL");
SELECT sync_state = 'sync' AND state = 'streaming' FROM pg_stat_replication WHERE application_name = '$standby'
SQL
}

# ---- clients ----

# Each pays by references of its own, one after the other.  What it was not told of it
# sends again, to whichever server takes writes.
sub client
{
	my ($number) = @_;
	my $acks = "$folder/acks.$number";
	my $both = sprintf 'host=%s,%s port=%s,%s dbname=postgres target_session_attrs=read-write connect_timeout=10',
	  map { my $what = $_; map { $node{$_}->$what } qw(north south) } qw(host port);
	my $next = 1;

	append_to_file($acks, '');
	until (-e "$folder/stop")
	{
		my $script = join '', map {
			sprintf "SELECT 'ack', '%d-%d', regpaydb.pay(%d, 1.50, 'card', 'stripe', '%d-%d');\n",
			  $number, $_, 1 + ($number * 7 + $_) % $invoices, $number, $_
		} $next .. $next + 99;
		open my $file, '>', "$folder/script.$number" or die "script: $!";
		print $file $script;
		close $file;
		system "psql -XAtq -v ON_ERROR_STOP=1 -v VERBOSITY=verbose -d '$both' -f '$folder/script.$number'"
		  . " >>'$acks' 2>>'$folder/errors.$number'";
		my @told = slurp_file($acks) =~ /^ack\|\d+-(\d+)\|\d+$/mg;
		$next = $told[-1] + 1 if @told;
		sleep 0.02;
	}
	return;
}

sub start_client
{
	my ($number) = @_;
	my $pid = fork // die "fork: $!";

	return $pid if $pid;
	eval { client($number) };
	print STDERR $@;
	POSIX::_exit($@ ? 1 : 0);	# the servers are the parent's
}

# The references that a client was told of.
sub told
{
	my ($number) = @_;
	my $file = "$folder/acks.$number";
	my @told = -e $file ? slurp_file($file) =~ /^ack\|(\d+-\d+)\|\d+$/mg : ();

	return @told;
}

sub wait_for_payments
{
	my @before = map { scalar told($_) } 1 .. $clients;

	return wait_until(sub {
		return !grep { scalar told($_) < $before[ $_ - 1 ] + $enough } 1 .. $clients;
	}, 60);
}

# ---- who has paid sees it on the standby ----

# Of so many payments, how many the standby does not have yet when pay() has answered.
sub stale
{
	my ($primary, $standby, $number) = @_;
	my ($writer, $reader) = map { session($node{$_}, 'postgres') } $primary, $standby;
	my $stale = 0;

	for my $i (1 .. $number)
	{
		my ($id) = ask($writer, "SELECT regpaydb.pay(1, 0.01, 'seen')") =~ /(\d+)/;
		$stale++ if ask($reader, "SELECT count(*) FROM regpaydb.payment WHERE payment_id = $id") ne '1';
	}
	$_->quit for $writer, $reader;
	return $stale;
}

# ---- the primary dies ----

# It has not sent the last of its log for a while: whoever was told something that the
# standby does not have would be heard of.
sub die_unheard
{
	my ($primary) = @_;
	my $sender = $node{$primary}->safe_psql('postgres', 'SELECT pid FROM pg_stat_replication');

	kill 'STOP', $sender;
	sleep 0.3;
	my $pid = fork // die "fork: $!";
	if (!$pid)
	{
		# By now it has got the signal to end, and does so without another word.
		sleep 0.5;
		kill 'CONT', $sender;
		POSIX::_exit(0);
	}
	$node{$primary}->stop('immediate');
	waitpid $pid, 0;
	return;
}

# ---- to and fro ----

my ($primary, $standby) = qw(north south);
run_block('synchronous', primary => connection($primary), standby_name => $standby);
ok(wait_for_standby($primary, $standby), 'the standby is synchronous');
is(stale($primary, $standby, 60), 0, 'remote_apply: whoever has paid sees it on the standby');

my $self = $$;
my @pids = map { start_client($_) } 1 .. $clients;
END { append_to_file("$folder/stop", '') if $self && $$ == $self }
my $rounds = 0;
do
{
	my ($old, $new) = ($primary, $standby);
	my $round = 'round ' . ++$rounds;

	ok(wait_for_payments(), "$round: clients pay") or die 'nobody pays';
	die_unheard($old);
	my $died = time;
	run_block('promote', standby_data => $node{$new}->data_dir, standby => connection($new));
	ok(wait_for_payments(), "$round: clients go on") or die 'nobody pays';
	note(sprintf '%s: %d payments each in %.1f s from the end of the primary', $round, $enough, time - $died);

	# Sequences have jumped, and go up.
	is($node{$new}->safe_psql('postgres', <<'SQL'), 't|t', "$round: ids stay in order, and few are left out");
SELECT last_value >= max(payment_id), last_value - count(*) <= 33 * (SELECT timeline_id FROM pg_control_checkpoint())
FROM regpaydb.payment, pg_sequences WHERE schemaname = 'regpaydb' AND sequencename = 'payment_payment_id_seq' GROUP BY last_value
SQL

	# Its configuration is in its folder here, which is taken from the new primary.
	my $data = $node{$old}->data_dir;
	copy("$data/postgresql.conf", "$folder/postgresql.conf") or die "copy: $!";
	my $printed = run_block('rewind', old_data => $data, new => connection($new) . " application_name=$old");
	like($printed, qr/Done!/, "$round: the old primary is rewound");
	copy("$folder/postgresql.conf", "$data/postgresql.conf") or die "copy: $!";
	$node{$old}->start;
	run_block('synchronous', primary => connection($new), standby_name => $old);
	ok(wait_for_standby($new, $old), "$round: it streams from the new one, and is synchronous");
	($primary, $standby) = ($new, $old);
} while (time < $end || $rounds < 2);

ok(wait_for_payments(), 'clients pay until the end');
append_to_file("$folder/stop", '');
waitpid $_, 0 for @pids;

# ---- what is there ----

my @told = map { told($_) } 1 .. $clients;
my %times;
$times{$_}++ for @told;
is(join(' ', grep { $times{$_} > 1 } sort keys %times), '', 'no client was told twice');
note(scalar @told . " payments were acknowledged, in $rounds failovers");
$node{$primary}->wait_for_catchup($node{$standby});
for my $name ($primary, $standby)
{
	my %there = map { split /\|/ } lines($node{$name}->safe_psql('postgres',
		q{SELECT provider_ref, count(*) FROM regpaydb.payment WHERE provider = 'stripe' GROUP BY 1}));

	is(join(' ', grep { !$there{$_} } @told), '', "$name: what was acknowledged is there");
	is(join(' ', grep { $there{$_} > 1 } sort keys %there), '', "$name: nothing is there twice");
	is(join(' ', grep { !$times{$_} } sort keys %there), '', "$name: nothing else is there");
	integrity($node{$name}, 'postgres', 'regpaydb', "$name: sound");
	money_is_conserved($node{$name}, 'postgres', 'regpaydb', "$name: keeps the money");
}
my @unexpected = grep { /^(?:psql:\S+ )?(?:ERROR|PANIC): / } map { lines(slurp_file("$folder/errors.$_")) } 1 .. $clients;
is(join("\n", @unexpected), '', 'clients met no error but lost connections');

done_testing();
