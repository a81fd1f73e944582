# The benchmark's private server, psql sessions on it, and the clocks.

package Server;

use strict;
use warnings FATAL => 'all';

use File::Temp 'tempdir';
use IPC::Open2;
use POSIX ();
use Time::HiRes 'time';

our $folder;
our $foreign = 0;    # seconds of CPU that others used while we measured
our $ours    = 0;    # and how many there were

my $ticks = POSIX::sysconf(POSIX::_SC_CLK_TCK());
my %sessions;

sub slurp
{
	my ($path) = @_;
	open(my $file, '<', $path) or return '';
	local $/;
	return scalar(<$file>) // '';
}

sub spew
{
	my ($path, $text) = @_;
	open(my $file, '>', $path) or die "$path: $!\n";
	print $file $text;
	close($file) or die "$path: $!\n";
	return $path;
}

sub command
{
	my (@command) = @_;
	my $log = "$folder/log";

	system('sh', '-c', 'exec "$@" </dev/null >"$0" 2>&1', $log, @command) == 0
	  or die "failed: @command\n" . slurp($log);
	return slurp($log);
}

# MB of shared_buffers: a quarter of the memory, as usual, but not more than
# is needed.
sub buffers
{
	my ($ram) = slurp('/proc/meminfo') =~ /^MemTotal:\s+(\d+)/m;
	return $ram / 4096 < 2048 ? int($ram / 4096) : 2048;
}

# What a DBA would set on a machine like this, but that nothing runs in the
# background (autovacuum, checkpoints) or beside the backend (parallel workers,
# whose CPU would not be counted) while we measure.
sub start
{
	my $buffers = buffers();

	$folder = tempdir('bench.XXXX', TMPDIR => 1, CLEANUP => 1);
	$ENV{PGHOST} = $folder;
	$ENV{PGUSER} = 'postgres';
	command(qw(initdb -U postgres --auth=trust --locale=C.UTF-8 -E UTF8 -D), "$folder/data");
	open(my $conf, '>>', "$folder/data/postgresql.conf") or die $!;
	print $conf <<"END";
listen_addresses = ''
unix_socket_directories = '$folder'
timezone = 'UTC'
search_path = 'regpaydb, public'
shared_buffers = ${buffers}MB
work_mem = 64MB
maintenance_work_mem = 256MB
max_wal_size = 16GB
checkpoint_timeout = 1h
autovacuum = off
jit = off
max_parallel_workers_per_gather = 0
max_parallel_maintenance_workers = 0
END
	close($conf);
	command('pg_ctl', 'start', '-w', '-D', "$folder/data", '-l', "$folder/postgres.log");
	return;
}

sub stop
{
	return if !defined $folder || !-e "$folder/data/postmaster.pid";
	%sessions = ();
	local $?;
	command(qw(pg_ctl stop -m immediate -D), "$folder/data");
	return;
}

# Runs files and commands of SQL in a database.
sub psql
{
	my ($database, @arguments) = @_;
	return command(qw(psql -XqAt -v ON_ERROR_STOP=1 -d), $database, @arguments);
}

# ---- databases ----

sub copy_database
{
	my ($from, $to) = @_;
	delete $sessions{$to};
	psql('postgres', '-c', "DROP DATABASE IF EXISTS \"$to\" WITH (FORCE)",
		'-c', "CREATE DATABASE \"$to\" TEMPLATE \"$from\" STRATEGY file_copy");
	psql($to, '-c', 'CREATE EXTENSION IF NOT EXISTS pg_prewarm', '-c', <<'SQL');
SELECT count(pg_prewarm(oid)) FROM pg_class
WHERE relnamespace = 'regpaydb'::regnamespace AND relkind IN ('r', 'i')
SQL
	return;
}

# ---- sessions ----

# The one session in a database.
sub session
{
	my ($database) = @_;

	return $sessions{$database} if exists $sessions{$database};
	my $self = bless { buffer => '' };
	$self->{psql} = open2($self->{out}, $self->{in}, 'sh', '-c',
		'exec psql -XqAt -P null=NULL -d "$0" 2>&1', $database);
	($self->{pid}) = $self->ask('SELECT pg_backend_pid()') =~ /(\d+)/;
	return $sessions{$database} = $self;
}

sub DESTROY
{
	my ($self) = @_;
	local ($?, $!);
	close($self->{in});
	close($self->{out});
	waitpid($self->{psql}, 0);
	return;
}

# Runs SQL and returns what it answers; meanwhile, if given, is called every
# few milliseconds until it has.
sub ask
{
	my ($self, $sql, $meanwhile) = @_;
	my $done = "-- done\n";
	my $answer;

	syswrite($self->{in}, "$sql\n;\\echo $done");
	while ($self->{buffer} !~ /^$done\z/m)
	{
		if ($meanwhile)
		{
			my $ready = '';
			vec($ready, fileno($self->{out}), 1) = 1;
			if (!select($ready, undef, undef, 0.01))
			{
				$meanwhile->();
				next;
			}
		}
		sysread($self->{out}, $self->{buffer}, 65536, length $self->{buffer})
		  or die "the session ended: $self->{buffer}\n";
	}
	$answer = substr($self->{buffer}, 0, -length $done);
	$self->{buffer} = '';
	die $answer if $answer =~ /^(psql:.*)?(ERROR|FATAL|PANIC):/m;
	chomp $answer;
	return $answer;
}

sub forget_sessions
{
	%sessions = ();
	return;
}

# ---- clocks ----

# Seconds of CPU that a backend has used.
sub backend_cpu
{
	my ($pid) = @_;
	my ($nanoseconds) = slurp("/proc/$pid/schedstat") =~ /^(\d+)/;
	return $nanoseconds / 1e9 if $nanoseconds;
	my @stat = split ' ', slurp("/proc/$pid/stat") =~ s/.*\) //r;
	return ($stat[11] + $stat[12]) / $ticks;
}

# kB of memory of a backend that it does not share.
sub private_memory
{
	my ($pid) = @_;
	my ($anonymous) = slurp("/proc/$pid/status") =~ /^RssAnon:\s+(\d+)/m;
	return $anonymous // 0;
}

# Seconds of CPU that the machine has used, what the hypervisor kept to itself
# included; and that the server's processes have; and that we all have.
sub used_cpu
{
	my ($user, $nice, $system, $idle, $iowait, $irq, $softirq, $steal) =
	  slurp('/proc/stat') =~ /^cpu +(.*)/ ? split(' ', $1) : (0) x 8;
	my ($postmaster) = slurp("$folder/data/postmaster.pid") =~ /^(\d+)/;
	my (%parent, %used);

	opendir(my $proc, '/proc') or die $!;
	for my $pid (grep { /^\d+$/ } readdir $proc)
	{
		my @stat = split ' ', slurp("/proc/$pid/stat") =~ s/.*\) //r or next;
		$parent{$pid} = $stat[1];
		$used{$pid} = $stat[11] + $stat[12] + $stat[13] + $stat[14];
	}
	my ($server, $us) = (0, 0);
	for my $pid (keys %used)
	{
		my $ancestor = $pid;
		while ($ancestor && $ancestor != $postmaster && $ancestor != $$)
		{
			$ancestor = $parent{$ancestor};
		}
		next if !$ancestor;
		$us += $used{$pid};
		$server += $used{$pid} if $ancestor == $postmaster;
	}
	return map { $_ / $ticks } $user + $nice + $system + $irq + $softirq + $steal, $server, $us;
}

# Runs a piece of work and returns the seconds that it took, and the CPU that
# cpu says it did: a session's backend or, without one, the whole server.
sub measure
{
	my ($session, $work) = @_;
	my ($machine, $server, $us) = used_cpu();
	my $cpu = $session ? backend_cpu($session->{pid}) : $server;
	my $start = time;

	$work->();
	my $wall = time - $start;
	my $cpu_after = $session && backend_cpu($session->{pid});
	my ($machine_after, $server_after, $us_after) = used_cpu();
	$foreign += ($machine_after - $machine) - ($us_after - $us);
	$ours += $wall;
	return ($wall, ($session ? $cpu_after : $server_after) - $cpu);
}

1;
