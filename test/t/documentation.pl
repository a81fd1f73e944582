# The documentation is true: its examples print what it shows, and it tells of
# everything that is in the catalog, and of nothing else.
#
# A page's ```sql and ```sh examples run in order, in one psql, in a database of
# the page's own.  A block without language right after one shows what it prints;
# one that shows nothing must not fail.  In the page's source
#     <!-- run: SQL -->           is run, and not shown
#     <!-- not run: reason -->    is why the next example isn't; see @not_run
# After a run, what each page would have to look like is in the folder of the
# logs, as pages/<page>.

use strict;
use warnings FATAL => 'all';

use Digest::SHA qw(sha256_hex);
use FindBin;
use lib $FindBin::RealBin;

use File::Basename;
use File::Path qw(make_path);
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RegpayTest;
use Test::More;

my $sources = $ENV{REGPAYDB_SRC};

# Examples that can't run here, and what runs them instead.
my @not_run = ("README.md: needs pg_cron; test/t/cron.pl runs it");

# Pages whose examples are others' to run.
my %run_elsewhere = (
	'docs/django.md' => 'parts of test/django, which runs them',
	'docs/performance.md' => 'settings to try, on a server with data',
	'docs/tables.md' => 'made from the catalog; has none');

my $node = new_node('main');
$node->start;
my $folder = PostgreSQL::Test::Utils::tempdir;
my $results = "$PostgreSQL::Test::Utils::log_path/pages";
make_path($results);

# ---- pages and their examples ----

# A page's lines, and its examples: where they are, their language and text, what
# they should print (undef where the page doesn't say), and why they aren't run.
sub parse_page
{
	my ($text) = @_;
	my @lines = split /\n/, $text, -1;
	my (@examples, @problems, $last, $reason);

	for (my $i = 0; $i < @lines; $i++)
	{
		if ($lines[$i] =~ /^<!-- (not )?run: (.*) -->$/)
		{
			if ($1) { $reason = $2 }
			else { push @examples, { language => 'sql', text => "$2\n", line => $i + 1, hidden => 1 } }
		}
		elsif ($lines[$i] =~ /^```(\w*)$/)
		{
			my ($language, $start) = ($1, $i + 1);

			$i++ while $i < $#lines && $lines[ $i + 1 ] ne '```';
			my $body = join '', map { "$_\n" } @lines[ $start .. $i++ ];
			if ($language eq '')
			{
				if ($last) { @$last{qw(expected from to)} = ($body, $start, $i) }
				else { push @problems, "line $start: the output of no example" }
				undef $last;
				next;
			}
			next if $language !~ /^(sql|sh)$/;
			$last = { language => $language, text => $body, line => $start, end => $i,
				not_run => $reason };
			undef $reason;
			push @examples, $last;
		}
		elsif ($lines[$i] ne '')
		{
			push @problems, 'line ' . ($i + 1) . ': SQL that is no example'
			  if $lines[$i] =~ /^ {4}(SELECT|INSERT|UPDATE|DELETE|ALTER|CREATE|DROP|GRANT|SET|BEGIN)\b/;
			undef $last;
		}
	}
	push @problems, 'has no example' if !grep { !$_->{hidden} && !$_->{not_run} } @examples;
	return (\@lines, \@examples, \@problems);
}

# What psql prints, as the pages show it: errors have their SQLSTATEs, results of
# type void are left out, and so are blanks at the ends of lines.
sub as_shown
{
	my ($output) = @_;

	$output =~ s/^(?:LOCATION|\w+ NAME):  .*\n//mg;
	$output =~ s/^(NOTICE|WARNING):  \w{5}: /$1:  /mg;
	$output =~ s/^ \w+ *\n-+\n(?: *\n)+\(\d+ rows?\)\n\n//mg;
	$output =~ s/[ \t]+$//mg;
	$output =~ s/^\n+|\n+$//g;
	return $output eq '' ? '' : "$output\n";
}

# Run a page's examples, and set what each printed.
sub run_examples
{
	my ($name, $examples) = @_;
	my ($script, $number, $output) = ('', 0, '');
	my $mark = '-- example';

	for my $example (grep { !$_->{not_run} } @$examples)
	{
		$number++;
		$script .= "\\echo\n\\echo '$mark $number'\n";
		if ($example->{language} eq 'sh')
		{
			my $file = "$folder/$name.$number.sh";

			append_to_file($file, "exec 2>&1\nset -e -o pipefail\n$example->{text}");
			$script .= "\\! bash $file || echo 'the shell failed'\n";
		}
		else
		{
			$script .= $example->{text};
		}
	}
	# A folder of the page's own, for the files that its commands write.
	make_path("$folder/$name");
	local $ENV{PGHOST} = $node->host;
	local $ENV{PGPORT} = $node->port;
	local $ENV{PGUSER} = $node->safe_psql('postgres', 'SELECT current_user');
	local $ENV{PGDATABASE} = 'conference';
	append_to_file("$folder/$name.sql", $script);
	$output = qx{cd '$folder/$name' && psql -X -q -P pager=off -P null=NULL -v VERBOSITY=verbose \\
		-v SHOW_CONTEXT=never <'$folder/$name.sql' 2>&1};

	my @printed = split /^\Q$mark\E \d+\n/m, $output, -1;
	shift @printed;
	$_->{printed} = as_shown(shift(@printed) // 'did not run')
	  for grep { !$_->{not_run} } @$examples;
	return;
}

# Roles are the server's, not the database's.
sub clean_up
{
	$node->safe_psql('postgres', $_) for split /\n/, $node->safe_psql('postgres', <<'SQL');
SELECT format('DROP DATABASE %I', datname) FROM pg_database
WHERE datname NOT IN ('postgres', 'template0', 'template1')
SQL
	$node->safe_psql('postgres', $_) for split /\n/, $node->safe_psql('postgres', <<'SQL');
SELECT format('DROP ROLE %I', rolname) FROM pg_roles WHERE rolname !~ '^pg_' AND rolname <> current_user
SQL
	return;
}

# Whatever is wrong with a page, and its examples.
sub try_page
{
	my ($name, $text) = @_;
	my ($lines, $examples, $problems) = parse_page($text);

	$name =~ s{/}{_}g;
	$node->safe_psql('postgres', 'CREATE DATABASE conference');
	run_examples($name, $examples);
	clean_up();
	for my $example (grep { !$_->{not_run} } @$examples)
	{
		my $printed = $example->{printed};

		if (defined $example->{expected})
		{
			push @$problems, "line $example->{line}: expected\n$example->{expected}but it prints\n$printed"
			  if as_shown($example->{expected}) ne $printed;
		}
		elsif ($printed =~ /^(ERROR|FATAL|the shell failed|did not run|invalid command|\S+: error)/m)
		{
			push @$problems, "line $example->{line}: fails\n$printed";
		}
	}

	my @rewritten = @$lines;
	for my $example (reverse grep { defined $_->{expected} && !$_->{not_run} } @$examples)
	{
		splice @rewritten, $example->{from}, $example->{to} - $example->{from}, split /\n/, $example->{printed};
	}
	append_to_file("$results/$name", join("\n", @rewritten));
	return ($problems, $examples);
}

# ---- the rig notices ----

my $setup = "```sql\nCREATE EXTENSION regpaydb;\nSELECT regpaydb.create_ledger();\n```\n";
my $right = "```sql\nSELECT name FROM regpaydb.conference;\nSELECT regpaydb.balance_due(1);\n```\n\n```\n"
  . "    name\n------------\n Conference\n(1 row)\n\n"
  . "ERROR:  RP002: there is no invoice 1\n"
  . "DETAIL:  It does not exist in this ledger, or may not be viewed.\n"
  . "HINT:  Check the number, and the settings regpaydb.ledger, regpaydb.user_id and regpaydb.access_code.\n```\n";
my %planted = (
	'what is right' => [ "$setup\n$right", undef ],
	'a wrong output' => [ $setup . $right =~ s/ Conference/ Konferenz/r, qr/^line 5: expected/ ],
	'another SQLSTATE' => [ $setup . $right =~ s/RP002/RP001/r, qr/^line 5: expected/ ],
	'an output that is cut short' => [ $setup . $right =~ s/^HINT.*\n//mr, qr/^line 5: expected/ ],
	'an example that fails' => [ "$setup\n```sql\nSELECT regpaydb.balance_due(1);\n```\n", qr/^line 6: fails/ ],
	'a command that fails' => [ "```sh\nfalse\ntrue\n```\n", qr/^line 1: fails/ ],
	'psql that is gone before the end' => [ "```sql\n\\q\n```\n\n```sql\nSELECT 1;\n```\n", qr/^line 5: fails/ ],
	'a page without examples' => [ "# Reference\n\nNothing.\n", qr/^has no example/ ],
	'a page whose only example is not run' =>
	  [ "<!-- not run: no time -->\n```sql\nSELECT 1;\n```\n", qr/^has no example/ ],
	'an output of nothing' => [ "${setup}Hence\n\n```\n 1\n```\n", qr/^line 7: the output of no example/ ],
	'SQL in an indented block' => [ "$setup\n    SELECT regpaydb.pay(1, 1, '');\n", qr/^line 6: SQL that is no example/ ]);
for my $name (sort keys %planted)
{
	my ($page, $problem) = @{ $planted{$name} };
	my ($problems) = try_page("planted $name", $page);

	ok($problem ? @$problems == 1 && $problems->[0] =~ $problem : !@$problems, "planted: $name")
	  or diag(join "\n", @$problems);
}

# ---- the pages ----

my @pages = ('README.md', map { 'docs/' . basename($_) } sort glob "$sources/docs/*.md");
my %text = map { $_ => slurp_file("$sources/$_") } @pages;
my (@seen_not_run, %examples);

for my $page (grep { !$run_elsewhere{$_} } @pages)
{
	my ($problems, $examples) = try_page($page, $text{$page});

	is(join("\n", @$problems), '', "$page: its examples print what it shows");
	note("$page: " . @$examples . ' examples');
	push @seen_not_run, map { "$page: $_->{not_run}" } grep { $_->{not_run} } @$examples;
	$examples{$page} = join '', map { $_->{text} } grep { !$_->{hidden} && !$_->{not_run} } @$examples;
}
is_deeply(\@seen_not_run, \@not_run, 'the examples that are not run are those that can\'t be');

done_testing();
