# Scenarios: who may see what.

package Bench;

use strict;
use warnings FATAL => 'all';

use List::Util qw(min);

our ($quick, $invoices, $million, @tables);

# can_view() by owner, by code and by staff.
sub can_view_calls
{
	my $calls = min(100_000, $million);
	my %who   = (
		owner => 'user_id, NULL',
		code  => 'NULL, access_code',
		staff => 'staff_id, NULL');
	my %call = (
		'can_view()'                => 'can_view(invoice_id, %s)',
		'inlined SQL function'      => 'ok',
		'SQL function, not inlined' => 'scalar_view(invoice_id, %s)');
	my @small = ('can_view(), small', 'inlined SQL function, small');
	my @names = ('inlined SQL function', 'SQL function, not inlined', 'can_view()', @small);

	Server::copy_database('million', 'access');
	Server::copy_database('engine_small', 'access, small');
	access_functions('access', $million, $calls);
	access_functions('access, small', $invoices / 10, $invoices / 10);
	for my $who (sort keys %who)
	{
		my $title = 'can_view() for invoices out of ' . commas($million) . ", by $who";
		compare(
			title   => $title,
			figure  => 'cpu',
			against => [ @names[ 0, 1 ] ],
			jobs    => [
				map {
					my $name = $_;
					my $database = $name =~ /small/ ? 'access, small' : 'access';
					my $rows     = $name =~ /small/ ? $invoices / 10  : $calls;
					my $from     = 'call' . ($name =~ /^inlined/
						? ", inlined_view(invoice_id, $who{$who}) AS ok" : '');
					my $sql = "SELECT count(*) FROM $from WHERE "
					  . ($call{ $name =~ s/, small//r } =~ s/%s/$who{$who}/r);
					{
						name  => $name,
						reach => $name =~ /can_view/ ? 'inlined 0.45' : '',
						work  => sub {
							my $seen;
							my ($wall, $cpu) = Server::measure(Server::session($database),
								sub { $seen = Server::session($database)->ask($sql) });
							die "$seen of $rows may be viewed\n" if $seen != $rows;
							return ($wall, $cpu, $rows);
						},
					}
				} @names
			]);
		growth($title, @small);
		$tables[-1]{title} = "Growth: can_view() by $who, in a ledger of " . commas($million)
		  . ' invoices against one of ' . commas($invoices / 10);
	}
	return;
}

sub access_functions
{
	my ($database, $size, $calls) = @_;
	Server::psql($database, '-v', "invoices=$size", '-v', "calls=$calls",
		'-f', "$FindBin::RealBin/access.sql");
	return;
}

# What an actor sees under row-level security, against joins by the owner.
sub row_level_security
{
	my $attendees = 5;		# none of the first 1,000, who have a third invoice
	my $join = 'SELECT count(*), sum(value) FROM invoice JOIN attendee USING (attendee_id) WHERE ';

	Server::copy_database('million', 'access');
	die "regpaydb.grant_access() does not exist yet\n"
	  if Server::psql('access', '-c', "SELECT to_regproc('regpaydb.grant_access') IS NULL") =~ /t/;
	Server::psql('access', '-c', 'CREATE ROLE app', '-c', "SELECT regpaydb.grant_access('app', 'app')");
	actor_sees("All invoices of one of " . commas($million / 2) . ' attendees, row-level security',
		$attendees, [ map { 1001000 + $_ * 17 } 1 .. $attendees ], "2|",
		sub { "$join user_id = $_[0]" });
	actor_sees('All of ' . commas($million) . ' invoices that staff see, row-level security',
		$million, [-7], ($million + 1000) . '|',
		sub { "$join user_id = $_[0] OR EXISTS (SELECT FROM staff s WHERE s.user_id = $_[0])" });
	Server::psql('access', '-c', 'DROP OWNED BY app', '-c', 'DROP ROLE app');
	return;
}

sub actor_sees
{
	my ($title, $units, $users, $expected, $join) = @_;
	my $session = Server::session('access');
	my $work = sub {
		my ($sql, $before) = @_;
		my ($wall, $cpu) = (0, 0);
		for my $user (@$users)
		{
			my ($answer, @used);
			$session->ask("BEGIN; SELECT set_config('regpaydb.user_id', '$user', true); $before");
			@used = Server::measure($session, sub { $answer = $session->ask($sql->($user)) });
			$session->ask('ROLLBACK');
			die "user $user sees $answer\n" if $answer !~ /^\Q$expected\E/;
			$wall += $used[0];
			$cpu += $used[1];
		}
		return ($wall, $cpu, $units);
	};

	compare(
		title   => $title,
		figure  => 'cpu',
		against => ['hand-written join'],
		jobs    => [
			{
				name => 'hand-written join',
				work => sub { $work->($join, '') },
			},
			{
				name  => 'row-level security',
				reach => '1.3',
				work  => sub {
					$work->(sub { 'SELECT count(*), sum(value) FROM invoice' }, 'SET LOCAL ROLE app');
				},
			} ]);
	return;
}

1;
