# Rounds, figures and tables.

package Bench;

use strict;
use warnings FATAL => 'all';

use List::Util qw(max min);

our ($quick, $rounds, $started, $invoices, @tables, %struck, $processors);

my $repeats = $quick ? 2 : $rounds;

# Rounds at most, the one that warms up and those that are repeated included.
sub most_rounds { return 1 + $rounds + $repeats; }

$processors = () = Server::slurp('/proc/stat') =~ /^cpu\d/mg;

# Measures a scenario: title; figure, one of cpu and wall (microseconds of a
# unit), rate (units a second) and memory; against, the jobs that others are
# compared with; jobs, each with a name, work that is called with the number of
# the round and returns (wall, cpu, units, memory), and what the table shows of
# it: reach, and bases where the jobs to compare it with have other names.
sub compare
{
	my (%scenario) = @_;
	my @jobs = @{ $scenario{jobs} };
	my (@good, @disturbed);

	for (my $round = 0; @good < $rounds && $round < most_rounds(); $round++)
	{
		my %figures;

		printf STDERR "%5d s  %s: %s\n", time - $started, $scenario{title},
		  $round ? "round $round" : 'warming up';
		($Server::foreign, $Server::ours) = (0, 0);
		for my $job (@jobs)
		{
			my ($wall, $cpu, $units, $memory) = eval { $job->{work}->($round) };
			if ($@)
			{
				$struck{"$scenario{title}: $job->{name}"} = $@ =~ s/\s+\z//r;
				next;
			}
			$figures{ $job->{name} } = {
				cpu    => $cpu * 1e6 / $units,
				wall   => $wall * 1e6 / $units,
				rate   => $units / $wall,
				memory => $memory,
			};
		}
		@jobs = grep { !exists $struck{"$scenario{title}: $_->{name}"} } @jobs;
		push @jobs, shift @jobs if @jobs;
		next if $round == 0;
		my $busy = $Server::foreign / ($Server::ours * $processors || 1);
		if ($Server::foreign > 0.05 && $busy > 0.05)
		{
			push @disturbed, [ $busy, \%figures ];
		}
		else
		{
			push @good, \%figures;
		}
	}
	my $rejected = @disturbed;
	my @least = sort { $a->[0] <=> $b->[0] } @disturbed;
	my $taken = min($rounds - @good, scalar @least);
	push @good, map { $_->[1] } @least[ 0 .. $taken - 1 ];
	push @tables, { %scenario, rounds => \@good, rejected => $rejected, taken => $taken };
	return;
}

# The figures of a job in the rounds of a scenario, or their ratios to those of
# another.
sub figures
{
	my ($table, $name, $figure, $base) = @_;
	my @rounds = grep { $_->{$name} && (!defined $base || $_->{$base}) } @{ $table->{rounds} };
	return map { $_->{$name}{$figure} / (defined $base ? $_->{$base}{$figure} : 1) } @rounds;
}

# What the last scenario says of a tenth of the ledger: takes the jobs on the
# small ledgers out of its table and into one of its own.
sub growth
{
	my ($title, @small) = @_;
	my $last = $tables[-1];
	my @large = map { s/, small//r } @small;

	push @tables, {
		%$last,
		title   => "Growth: $title, in a ledger of " . commas($invoices) . ' invoices against one of '
		  . commas($invoices / 10),
		against => ['a tenth'],
		jobs    => [ map { { name => $_, bases => { 'a tenth' => "$_, small" },
			reach => /promises|SQL/ ? '' : '1.3' } } @large ],
	};
	$last->{jobs} = [ grep { $_->{name} !~ /, small/ } @{ $last->{jobs} } ];
	return;
}

# What the last scenario says of the backend's memory: the most that it does not
# share while it loads, less what it had when its session began.
sub memory
{
	my ($last) = @_;

	push @tables, {
		%$last,
		title  => "Memory: $last->{title}, MB over idle",
		figure => 'memory',
		jobs => [ map { { name => $_->{name}, reach => $_->{name} eq 'INSERT' ? '200 MB' : '' } }
			@{ $last->{jobs} } ],
	};
	return;
}

sub commas
{
	my $number = sprintf('%d', $_[0]);
	1 while $number =~ s/^(\d+)(\d{3})/$1,$2/;
	return $number;
}

sub median
{
	my @sorted = sort { $a <=> $b } @_;
	return ($sorted[ $#sorted / 2 ] + $sorted[ @sorted / 2 ]) / 2;
}

sub number
{
	my ($value) = @_;
	return commas($value) if $value >= 1000;
	return sprintf($value >= 100 ? '%.0f' : $value >= 10 ? '%.1f' : '%.2f', $value);
}

my %heading = (
	cpu    => [ 'us of CPU',  'us of time' ],
	wall   => [ 'us of time', 'us of CPU' ],
	rate   => [ 'a second',   'us of CPU' ],
	memory => [ 'MB',         'us of CPU' ]);

sub print_table
{
	my ($table) = @_;
	my $figure = $table->{figure};
	my $other  = $figure eq 'cpu' ? 'wall' : 'cpu';

	printf "\n%s\n", $table->{title};
	printf "  %d rounds%s%s\n", scalar @{ $table->{rounds} },
	  $table->{rejected} ? ", $table->{rejected} rejected for other load" : '',
	  $table->{taken} ? ", $table->{taken} of which were taken for want of better ones" : '';
	my $width = max(map { length $_->{name} } @{ $table->{jobs} });
	printf "  %-${width}s %10s %19s %10s", '', $heading{$figure}[0], 'min - max', $heading{$figure}[1];
	printf ' %13s', "/ $_" for @{ $table->{against} };
	print "  reach\n";
	for my $job (@{ $table->{jobs} })
	{
		my $name    = $job->{name};
		next if exists $struck{"$table->{title}: $name"};
		my @figures = figures($table, $name, $figure);
		next if !@figures;
		my $line = sprintf "  %-${width}s %10s %19s %10s", $name, number(median(@figures)),
		  number(min @figures) . ' - ' . number(max @figures),
		  number(median(figures($table, $name, $other)));
		for my $base (@{ $table->{against} })
		{
			my @ratios = figures($table, $name, $figure, $job->{bases}{$base} // $base);
			$line .= sprintf ' %13s', @ratios ? sprintf('%.2f', median(@ratios)) : '';
		}
		$line .= '  ' . ($job->{reach} // '');
		print $line =~ s/\s+\z//r, "\n";
	}
	return;
}

1;
