# What the TAP tests of regpaydb share.

package RegpayTest;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use File::Basename;
use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(new_node fails_with session ask refused integrity money_is_conserved
  lines seconds_to wait_until same_words timing_spread copy_server write_file
  page_blocks page_results);

# A node that is initialized, but not started.
sub new_node
{
	my ($name, %options) = @_;
	my $init = delete $options{init} // {};
	my $node = PostgreSQL::Test::Cluster->new($name, %options);

	$node->init(extra => [ '--locale=C.UTF-8', '-E', 'UTF8' ], %$init);
	$node->append_conf('postgresql.conf', "timezone = 'UTC'\nlog_statement = none\n");
	return $node;
}

# A file of this text, in place of what there was.
sub write_file
{
	my ($file, $text) = @_;

	open my $out, '>', $file or die "$file: $!";
	print $out $text;
	close $out;
	return;
}

# A copy of the server's files, for nobody else sees what is installed here.
# Programs find their libraries and files relative to themselves, so all of it
# goes below one folder, in the given one.  Returns that folder and the new
# pg_config.
sub copy_server
{
	my ($folder) = @_;
	my %dir;

	for my $what (qw(bindir pkglibdir sharedir includedir))
	{
		my $place = qx{pg_config --$what};
		chomp($dir{$what} = $place);
	}
	my $common = dirname($dir{bindir});
	$common = dirname($common) while grep { index("$_/", "$common/") != 0 } values %dir;
	for my $what (sort keys %dir)
	{
		my $copy = "$folder/pg" . substr($dir{$what}, length $common);

		next if -e $copy;
		make_path(dirname($copy));
		system_or_bail('cp', $what eq 'bindir' ? '-rL' : '-rs', $dir{$what}, $copy);
		unlink glob "$copy/regpaydb* $copy/extension/regpaydb*";
	}
	return ("$folder/pg" . substr(dirname($dir{bindir}), length $common),
		"$folder/pg" . substr($dir{bindir}, length $common) . '/pg_config');
}

# That a statement fails with this SQLSTATE, and with words that match.
sub fails_with
{
	my ($node, $database, $sql, $sqlstate, $words, $name) = @_;
	my ($status, $out, $err) = $node->psql($database, $sql,
		extra_params => [ '-v', 'VERBOSITY=verbose' ]);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	refused($err, $sqlstate, $words, $name);
	return;
}

# That these error messages are of this SQLSTATE, and match.
sub refused
{
	my ($err, $sqlstate, $words, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	ok($err =~ /ERROR:  $sqlstate: / && $err =~ /$words/s, $name)
	  or diag("expected $sqlstate and $words, got: $err");
	return;
}

# A psql that stays, whose errors have SQLSTATEs; ended by its quit().
sub session
{
	my ($node, $database) = @_;
	my $session = $node->background_psql($database, on_error_stop => 0);

	ask($session, '\set VERBOSITY verbose');
	return $session;
}

# What a session answers to a query: output and error messages.
sub ask
{
	my ($session, $sql) = @_;
	my ($out, $err);

	$session->{stderr} = '';
	$out = $session->query($sql) // '';
	$err = $session->{stderr} // '';
	$session->{stderr} = '';
	return wantarray ? ($out, $err) : $out;
}

sub integrity
{
	my ($node, $database, $schema, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($node->safe_psql($database,
			"SET regpaydb.ledger = '$schema'; SELECT * FROM regpaydb.check_integrity()"),
		'', $name);
	return;
}

# Conservation of money, and of the events that tell of it, without the
# extension's own opinion.
sub money_is_conserved
{
	my ($node, $database, $schema, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is($node->safe_psql($database, "SET search_path = '$schema';" . <<'SQL'), 't|0|0|0', $name);
SELECT (SELECT sum(amount) FROM payment WHERE kind IN ('payment', 'manual', 'reversal'))
	= (SELECT sum(paid) FROM invoice)
	+ (SELECT coalesce(sum(value), 0) FROM credit_note n LEFT JOIN credit_note_refund r USING (credit_note_id)
		WHERE n.state <> 'applied' AND r.state IS DISTINCT FROM 'failed'),
	(SELECT count(*) FROM invoice i WHERE paid <>
		(SELECT coalesce(sum(amount), 0) FROM payment p WHERE p.invoice_id = i.invoice_id)),
	(SELECT count(*) FROM invoice WHERE status = 'unpaid' AND paid >= value
		OR status = 'paid' AND paid <> value OR status IN ('void', 'refunded') AND paid <> 0),
	(SELECT count(*) FROM credit_note n WHERE
		(SELECT count(*) FROM credit_note_application a WHERE a.credit_note_id = n.credit_note_id) <>
			(state = 'applied')::int
		OR (SELECT count(*) FROM credit_note_refund r WHERE r.credit_note_id = n.credit_note_id) <>
			(state = 'refunded')::int)
SQL
	return;
}

sub lines
{
	return split /\n/, shift;
}

# The commands of a page that one test runs, by the names that the page gives them:
#     <!-- not run: TEST runs it: NAME -->
sub page_blocks
{
	my ($page, $test) = @_;
	my $text = slurp_file("$ENV{REGPAYDB_SRC}/$page");

	return $text =~ /^<!-- not run: \Q$test\E runs it: (\w+) -->\n```\w+\n(.*?)^```$/msg;
}

# What the page says that they print, where it does.
sub page_results
{
	my ($page, $test) = @_;
	my $text = slurp_file("$ENV{REGPAYDB_SRC}/$page");

	return $text =~ /^<!-- not run: \Q$test\E runs it: (\w+) -->\n```\w+\n(?:(?!```).*\n)*```\n\n```\n((?:(?!```).*\n)*)```$/mg;
}

# How long a piece of work takes.
sub seconds_to
{
	my ($work) = @_;
	my $start = time;

	$work->();
	return time - $start;
}

# Wait for a condition; whether it came.
sub wait_until
{
	my ($condition, $seconds) = @_;
	my $end = time + ($seconds // $PostgreSQL::Test::Utils::timeout_default);

	until ($condition->())
	{
		return 0 if time > $end;
		sleep 0.05;
	}
	return 1;
}

# What asks for an invoice on behalf of user 101, or by a code: '@' is 999999 for
# one that is not there, and 2 for one that is somebody else's.
my @probes = (
	[ 'wrong user' => q{SELECT regpaydb.can_view(@, 101)} ],
	[ 'wrong code' => q{SELECT regpaydb.can_view(@, NULL, 'CODE-OF-ADA')} ],
	[ 'balance_due' => q{SELECT regpaydb.balance_due(@)} ],
	[ 'pay' => q{SELECT regpaydb.pay(@, 1, '')} ]);

# That a role gets the same words for both.
sub same_words
{
	my ($node, $database, $role) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	for my $probe (@probes)
	{
		my @answers = map {
			my $number = $_;
			my ($status, $out, $err) = $node->psql($database,
				"\\set VERBOSITY verbose\nSET regpaydb.user_id = '101'; " . $probe->[1] =~ s/@/$number/r,
				extra_params => [ '-U', $role ]);
			"$out$err" =~ s/\b$number\b/NUMBER/gr =~ s/psql:.*?: //gr
		} 999999, 2;
		is($answers[0], $answers[1], "$probe->[0]: the same words for what is not there and what is another's");
	}
	return;
}

# By how much the times for both differ: the highest ratio of their medians over
# many rounds, in which they take turns.  The best of some tries, for a machine
# may be busy.
sub timing_spread
{
	my ($node, $database, $role) = @_;
	my $best;

	for my $try (1 .. 5)
	{
		my $highest = 0;
		my @as = defined $role ? (extra_params => [ '-U', $role ]) : ();

		for my $probe (@probes)
		{
			my ($there, $not) = map { $probe->[1] =~ s/@/$_/r } 2, 999999;
			my $ratio = $node->safe_psql($database, <<"SQL", @as);
SET regpaydb.user_id = '101';
CREATE TEMP TABLE took (which int, t double precision);
DO \$\$
DECLARE
	start timestamptz;
BEGIN
	FOR i IN 1 .. 300 LOOP
		FOR which IN 0 .. 1 LOOP
			start := clock_timestamp();
			FOR j IN 1 .. 10 LOOP
				BEGIN
					IF which = 0 THEN PERFORM ($there); ELSE PERFORM ($not); END IF;
				EXCEPTION WHEN OTHERS THEN NULL;
				END;
			END LOOP;
			INSERT INTO took VALUES (which, extract(epoch FROM clock_timestamp() - start));
		END LOOP;
	END LOOP;
END \$\$;
SELECT greatest(m0 / m1, m1 / m0) FROM (
	SELECT percentile_cont(0.3) WITHIN GROUP (ORDER BY t) FILTER (WHERE which = 0) AS m0,
		percentile_cont(0.3) WITHIN GROUP (ORDER BY t) FILTER (WHERE which = 1) AS m1 FROM took) m
SQL
			$ratio =~ s/\n.*//s;
			$highest = $ratio if $ratio > $highest;
		}
		$best = $highest if !defined $best || $highest < $best;
		last if $best < 1.15;
	}
	return sprintf '%.2f', $best;
}

1;
