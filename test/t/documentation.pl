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
my @not_run = (
	'README.md: needs pg_cron; test/t/cron.pl runs it',
	map({"docs/operations.md: test/t/failover.pl runs it: $_"} qw(synchronous promote rewind)),
	map({"docs/operations.md: test/across runs it: $_"} qw(
		names functions install before new_server upgrade_check close upgrade roles close dump
		dump_custom dump_plain replica_identity follow followed switch_over open way_back)),
	'docs/operations.md: test/t/many.pl runs it: locks',
	map({"docs/operations.md: test/t/databases.pl runs it: $_"} qw(
		roles conference pool pay reports import over_all place)),
	map({"docs/scale.md: test/citus runs it: $_"} qw(once make distribute where grant move way_back)));

# Pages whose examples are others' to run.
my %run_elsewhere = (
	'docs/django.md' => 'parts of test/django, which runs them',
	'docs/tables.md' => 'made from the catalog; has none');

# Pages for those who change the code, which have no examples.
my @inside = ('src/README.md', 'test/README.md');

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
			else { push @examples, { language => 'sql', text => "$2;\n", line => $i + 1, hidden => 1 } }
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

	$name =~ s/[^\w.]/_/g;
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
my %text = map { $_ => slurp_file("$sources/$_") } @pages, @inside;
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


# ---- the pages and the catalog ----

$node->safe_psql('postgres', <<'SQL');
CREATE DATABASE catalog;
\c catalog
CREATE EXTENSION regpaydb;
SELECT regpaydb.create_ledger();
CREATE ROLE app; CREATE ROLE staff; CREATE ROLE reports;
SELECT regpaydb.grant_access(role, role) FROM unnest('{app, staff, reports}'::text[]) role;
SQL

sub catalog
{
	return $node->safe_psql('catalog', shift);
}

# As text that is_deeply can show: a line for each.
sub is_same
{
	my ($page, $catalog, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	is(join("\n", sort @$page), join("\n", sort @$catalog), $name);
	return;
}

my $reference = $text{'docs/reference.md'};

# Functions: the signature, and the comment, are the catalog's.
my @documented = map { s/ {2,}/ /gr } $reference =~ /^ {4}(\w+\(.*\) → .*\n\n.*)$/mg;
my @functions = split /\n\n\n/, catalog(<<'SQL');
SELECT string_agg(format(E'%s(%s) → %s\n\n%s', proname,
		regexp_replace(pg_get_function_arguments(oid), '::(timestamp with time zone|\w+)', '', 'g'),
		pg_get_function_result(oid), obj_description(oid, 'pg_proc')), E'\n\n\n')
FROM pg_proc WHERE pronamespace = 'regpaydb'::regnamespace
SQL
cmp_ok(scalar @functions, '>', 40, 'there are functions');
is_same(\@documented, \@functions, 'reference.md: functions, their arguments and comments are those of the catalog');

# Their sections: an argument table, errors, access, an example.
my %section = $reference =~ /^### (\w+)\n(.*?)(?=^##)/msg;
my ($internal) = $reference =~ /^## What triggers and policies call\n(.*?)(?=^## )/ms;
my @with_section = split /\n/, catalog(<<'SQL');
SELECT proname FROM pg_proc
WHERE pronamespace = 'regpaydb'::regnamespace AND prorettype <> 'trigger'::regtype AND proname !~ '^actor_'
SQL
is_same([ keys %section ], \@with_section, 'reference.md: every function that is called has a section');

for my $line (split /\n/, catalog(<<'SQL'))
SELECT proname, array_to_string(CASE WHEN proargmodes IS NULL THEN proargnames
		ELSE (SELECT array_agg(n ORDER BY o) FROM unnest(proargnames, proargmodes) WITH ORDINALITY AS a (n, m, o)
			WHERE m = 'i') END, ' '),
	(SELECT coalesce(string_agg(r, ', ' ORDER BY o), '–')
		FROM unnest('{app, staff, reports}'::text[]) WITH ORDINALITY AS role (r, o)
		WHERE has_function_privilege(r, oid, 'EXECUTE'))
FROM pg_proc
WHERE pronamespace = 'regpaydb'::regnamespace AND prorettype <> 'trigger'::regtype AND proname !~ '^actor_'
SQL
{
	my ($function, $arguments, $access) = split /\|/, $line;
	my $text = $section{$function} // '';
	my ($table) = $text =~ /^\| argument \| is \|\n\|---\|---\|\n((?:\|.*\n)+)/m;
	my @names = ($table // '') =~ /^\| `"?(\w+)"?` \|/mg;

	is("@names", $arguments, "$function: its arguments are explained");
	like($text, qr/^- Access: \Q$access\E$/m, "$function: who has access is $access");
	like($text, qr/^- Privilege: ./m, "$function: the privilege that it asks for");
	like($examples{'docs/reference.md'}, qr/regpaydb\.$function\(/, "$function: has an example");

	# What its comment in the sources says that it raises.
	my ($comment) = map { slurp_file($_) =~ m{^ \* \Q$function\E\((?:(?!\*/).)*?Raises\s(.*?)\*/}ms } glob "$sources/src/*.c $sources/src/*/*.c";
	my ($errors) = $text =~ /^- Errors: (.*)$/m;
	my @raised = ($comment // '') =~ /\b(RP\d{3}-RP\d{3}|RP\d{3}|[0-9][0-9A-Z]{4})\b/g;
	@raised = map { /^RP(\d+)-RP(\d+)/ ? map { sprintf 'RP%03d', $_ } $1 .. $2 : $_ } @raised;
	my @missing = grep { !/^(22004|42501|RP012)$/ && index($errors // '', $_) < 0 } @raised;
	is("@missing", '', "$function: the errors of its sources are named") if $function ne 'can_view';
}

# Privileges: those that a section names will do, and all of them are needed.
$node->safe_psql('catalog', <<'SQL');
CREATE ROLE lone;
GRANT USAGE ON SCHEMA regpaydb TO lone;
GRANT EXECUTE ON ALL FUNCTIONS IN SCHEMA regpaydb TO lone;
CREATE FUNCTION is_refused(call text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE call;
	RETURN false;
EXCEPTION
	WHEN insufficient_privilege THEN RETURN true;
	WHEN OTHERS THEN RETURN false;
END
$$;
SQL
my @owners_only;
for my $line (split /\n/, catalog(<<'SQL'))
SELECT proname, format('SELECT * FROM regpaydb.%I(%s)', proname,
	(SELECT string_agg('NULL::' || format_type(t, NULL), ', ' ORDER BY o) FROM unnest(proargtypes) WITH ORDINALITY AS a (t, o)))
FROM pg_proc
WHERE pronamespace = 'regpaydb'::regnamespace AND prorettype <> 'trigger'::regtype AND proname !~ '^actor_'
SQL
{
	my ($function, $call) = split /\|/, $line;
	my ($privileges) = ($section{$function} // '') =~ /^- Privilege: (.*)$/m;
	my ($verb, @grants);

	while (($privileges // '') =~ /\b([A-Z]+) on |`(\w+)\.(\w+)`/g)
	{
		if (defined $1) { $verb = $1 }
		else { push @grants, "$verb ($3) ON regpaydb.$2" }
	}

	if (!@grants)
	{
		push @owners_only, $function;
		next;
	}
	my $sql = '';
	for my $left_out (@grants, 'none')
	{
		$sql .= "BEGIN;\n";
		$sql .= "GRANT $_ TO lone;\n" for grep { $_ ne $left_out } @grants;
		$sql .= "SET LOCAL ROLE lone;\nSELECT is_refused('$call');\nROLLBACK;\n";
	}
	is(catalog($sql), join("\n", ('t') x @grants, 'f'), "$function: needs what it names, and nothing else");
}
is_same(\@owners_only, [qw(create_ledger upgrade_ledger grant_access revoke_access)],
	'but for those whose caller has to own something');

like($internal, qr/^- Access: app, staff, reports\n.*^- Access: –$/ms, 'functions of policies and triggers: access');
is(catalog(<<'SQL'), '', 'that is so');
SELECT proname, r FROM pg_proc, unnest('{app, staff, reports}'::text[]) r
WHERE pronamespace = 'regpaydb'::regnamespace AND (proname ~ '^actor_' OR prorettype = 'trigger'::regtype)
	AND has_function_privilege(r, pg_proc.oid, 'EXECUTE') <> (proname ~ '^actor_')
SQL

# Types, settings, error codes.
is_same([ $reference =~ /^(\| `\w+` \| .* \| (?:Status|Where|What|How).*\. \|)$/mg ], [ split /\n/, catalog(<<'SQL') ],
SELECT format('| `%s` | %s | %s |', typname,
	(SELECT string_agg(enumlabel, ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid),
	obj_description(oid, 'pg_type'))
FROM pg_type t WHERE typnamespace = 'regpaydb'::regnamespace AND typtype = 'e'
SQL
	'reference.md: types, their values and comments are those of the catalog');
my %setting = slurp_file("$sources/src/regpaydb.c") =~ /DefineCustom\w+Variable\("(regpaydb\.\w+)",\s*"(.*?)"/sg;
is_same([ $reference =~ /^\| `(regpaydb\.\w+ *)` \| .*? \| (.*) \|$/mg ], [%setting],
	'reference.md: settings are those of the library');
my %code = slurp_file("$sources/src/base/errors.h") =~ /^#define RP_(\w+)\s+MAKE_SQLSTATE\(([^)]*)\)/mg;
is_same([ $reference =~ /^(\| RP\d{3} \| \w+ \|)/mg ],
	[ map { '| ' . $code{$_} =~ s/\W//gr . ' | ' . lc . ' |' } keys %code ], 'reference.md: error codes are those of the library');

# What the extension has, as \dx+ lists it.
my $listed = $node->safe_psql('catalog', '\dx+ regpaydb');
is_same([ grep { !/\[\]$/ } $listed =~ /^((?:function|type) .*)$/mg ],
	[ split /\n/, catalog(<<'SQL') ], '\dx+ lists the functions and types of the schema, and nothing else');
SELECT 'function ' || oid::regprocedure FROM pg_proc WHERE pronamespace = 'regpaydb'::regnamespace
UNION ALL SELECT 'type ' || oid::regtype FROM pg_type WHERE typnamespace = 'regpaydb'::regnamespace AND typtype = 'e'
SQL
is_same([ grep { !/^(function|type) / } split /\n/, $listed ], [], 'nothing else indeed');

# Tables and views, column by column.
my $tables = catalog(slurp_file("$sources/docs/tables.sql"));
is($text{'docs/tables.md'}, "$tables\n", 'tables.md is what tables.sql prints');
unlike($tables, qr/\|  \|$/m, 'every column has a comment');

my %report = $text{'docs/reports.md'} =~ /^### (report_\w+)\n\n(.*)\n/mg;
is_same([ map { "$_: $report{$_}" } keys %report ], [ split /\n/, catalog(<<'SQL') ],
SELECT relname || ': ' || obj_description(oid, 'pg_class') FROM pg_class
WHERE relnamespace = 'regpaydb'::regnamespace AND relname ~ '^report_'
SQL
	'reports.md: reports and their comments are those of the catalog');
is_same([ $text{'docs/reports.md'} =~ /^\| \[`(report_\w+)`\]/mg ], [ keys %report ], 'reports.md: its list has them all');
like($examples{'docs/reports.md'}, qr/\bFROM $_\b/, "reports.md: an example of $_") for sort keys %report;

# ---- pages for those who change the code, and the sources ----

my $code = join '', map { slurp_file($_) } glob "$sources/src/*.[ch] $sources/src/*/*.[ch]";

my %file = map { basename($_) => 1 } glob "$sources/*/* $sources/*/*/*";

# What a page names that is not there: functions, structs, their members, arrays, and
# files, a source by its floor and without .c, too.
sub not_there
{
	my ($page) = @_;
	my @missing;

	for my $name (grep { !/NAME/ } $page =~ /`([^`\s]+)`/g)
	{
		my ($word) = $name =~ /^(?|(\w+)\(\)|(\w+)\[\]|[A-Z]\w*\.(\w+)|([A-Z][a-z]+[A-Z]\w+))$/;
		my $is_there = $name =~ m{^\w+/\w.*[^/]$} ? grep {-e} map {"$sources/$_"} $name, "test/$name", "src/$name", "src/$name.c"
		  : $name =~ /\.(?:[ch]|p[lm]|sql|md)$/ ? $file{$name}
		  : !defined $word || $code =~ /\b$word\b/;

		push @missing, $name if !$is_there;
	}
	return @missing;
}

is(join(' ', not_there($text{$_})), '', "$_: names what is there") for @inside;
is(join(' ', not_there('`settle()`, `no_such()`, `Ledger.valid`, `Ledger.no_such`, `EngineCall`, `NoSuch`, `functions[]`, `no_array[]`, `flow/settle`, `flow/nothing`, `row.pl`')),
	'no_such() Ledger.no_such NoSuch no_array[] flow/nothing row.pl', 'which is noticed where it is not so');

# What a session keeps is what the library can write to.
my $library = qx{pg_config --pkglibdir} =~ s/\n//r . '/regpaydb.so';
my @kept = grep { !/^(?:_|completed\b)/ } qx{objdump -t '$library'} =~ / O \.(?:data|bss)\s+[0-9a-f]+\s+(?:\.hidden )?(\w+)/g;
my ($kept) = $text{'src/README.md'} =~ /^## What is kept.*?\n(.*?)(?=^## )/ms;
cmp_ok(scalar @kept, '>', 10, 'the library has variables');
is(join(' ', grep { $kept !~ /`$_`/ } @kept), '', 'src/README.md: names every variable of the library');

# ---- pictures ----

for my $source (glob "$sources/docs/*.dot $sources/src/*.dot")
{
	my $name = basename($source, '.dot');
	my $folder = basename(dirname($source));
	my ($page, $link) = $folder eq 'docs' ? ('README.md', "docs/$name.svg") : ("$folder/README.md", "$name.svg");
	my $digest = sha256_hex(slurp_file($source));

	like(slurp_file("$sources/$folder/$name.svg"), qr/made of $name\.dot: sha256 $digest/,
		"$name.svg was made of $name.dot (make pictures)");
	like($text{$page}, qr/!\[.+\]\(\Q$link\E\)/, "$page shows $name.svg");
}
is_same([ slurp_file("$sources/src/floors.dot") =~ m{<b>(\w+)</b>}g ], [ map { basename($_) } glob "$sources/src/*/" ],
	'floors.dot has every floor');
my $dot = slurp_file("$sources/docs/tables.dot");
is_same([ $dot =~ /^\t(\w+);$/mg ], [ split /\n/, catalog(<<'SQL') ], 'tables.dot has every table');
SELECT relname FROM pg_class WHERE relnamespace = 'regpaydb'::regnamespace AND relkind = 'r'
SQL
is_same([ $dot =~ /^\t(\w+ -> \w+);$/mg ], [ split /\n/, catalog(<<'SQL') ], 'tables.dot has every foreign key');
SELECT format('%s -> %s', c.relname, p.relname) FROM pg_constraint
JOIN pg_class c ON c.oid = conrelid JOIN pg_class p ON p.oid = confrelid
WHERE contype = 'f' AND connamespace = 'regpaydb'::regnamespace
SQL

# ---- links ----

# The anchor of a heading, as GitHub makes it.
sub anchors
{
	return map { s/`//gr } map { s/[^\w\- ]//gr } map { s/ /-/gr } map { lc } shift =~ /^#+ (.*)$/mg;
}

my %anchor = map { my $page = $_; map { ("$page#$_" => 1) } anchors($text{$page}) } keys %text;
for my $page (sort keys %text)
{
	my @broken;

	for my $link ($text{$page} =~ /\]\((?!https?:)([^)\s]+)\)/g)
	{
		my ($file, $anchor) = split /#/, $link;
		my $target = $file eq '' ? $page : dirname($page) eq '.' ? $file : dirname($page) . "/$file";

		1 while $target =~ s{[^/]+/\.\./}{};
		push @broken, $link if !-e "$sources/$target" || (defined $anchor && !$anchor{"$target#$anchor"});
	}
	is("@broken", '', "$page: its links lead somewhere");
}

done_testing();
