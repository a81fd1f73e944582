# What "make dist" makes for PGXN: all that is in git and nothing else, whichever
# program unpacks it; META.json is valid; and the extension builds, installs and is
# tested from the zip alone.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use File::Basename;
use JSON::PP;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RegpayTest;
use Test::More;

my $sources = $ENV{REGPAYDB_SRC};
my $folder = PostgreSQL::Test::Utils::tempdir;
my ($version) = slurp_file("$sources/regpaydb.control") =~ /^default_version *= *'(.*)'/m;
my $name = "regpaydb-$version";

sub shell
{
	my ($command) = @_;
	my $output = qx{( $command ) 2>&1};

	die "$command: $output" if $?;
	return $output;
}

# ---- META.json, as https://pgxn.org/meta/spec.txt (1.0.0) has it ----

my $semver = qr/^(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)\.(?:0|[1-9]\d*)(?:-[A-Za-z][0-9A-Za-z-]*)?$/;
my $term = qr{^[^\s/\\[:cntrl:]]{2,}$};
my $uri = qr{^[a-z][a-z0-9+.-]*://[^\s/]+(?:/\S*)?$}i;
my %license = map { $_ => 1 } qw(agpl_3 apache_1_1 apache_2_0 artistic_1 artistic_2 bsd freebsd gfdl_1_2 gfdl_1_3
  gpl_1 gpl_2 gpl_3 lgpl_2_1 lgpl_3_0 mit mozilla_1_0 mozilla_1_1 openssl perl_5 postgresql qpl_1_0 ssleay sun zlib
  open_source restricted unrestricted unknown);

sub is_text { return defined $_[0] && !ref $_[0] && $_[0] =~ /\S/ }
sub is_map { return ref $_[0] eq 'HASH' && %{ $_[0] } }
sub is_matching { my ($value, $pattern) = @_; return is_text($value) && $value =~ $pattern }

# Whatever has these keys besides those of one's own, x_…
sub unknown_keys
{
	my ($map, $where, @known) = @_;
	my %known = map { $_ => 1 } @known;

	return map {"$where: there is no key $_"} grep { !$known{$_} && !/^x_./i } sort keys %$map;
}

# What is wrong with one, whose files are in this folder.
sub meta_problems
{
	my ($text, $files) = @_;
	my $meta = eval { JSON::PP->new->utf8->decode($text) };
	my @problems;

	return 'no JSON object' if !is_map($meta);
	push @problems, unknown_keys($meta, 'META', qw(name version abstract maintainer license provides meta-spec
		description generated_by tags no_index prereqs release_status resources));
	push @problems, 'name' if !is_matching($meta->{name}, $term);
	push @problems, 'version' if !is_matching($meta->{version}, $semver);
	push @problems, 'abstract' if !is_text($meta->{abstract});
	my @maintainers = ref $meta->{maintainer} eq 'ARRAY' ? @{ $meta->{maintainer} } : $meta->{maintainer};
	push @problems, 'maintainer' if !@maintainers || grep { !is_text($_) } @maintainers;
	my @licenses = ref $meta->{license} eq 'ARRAY' ? @{ $meta->{license} } : $meta->{license};
	push @problems, 'license' if ref $meta->{license} eq 'HASH'
	  ? !is_map($meta->{license}) || grep { !is_matching($_, $uri) } values %{ $meta->{license} }
	  : !@licenses || grep { !is_text($_) || !$license{$_} } @licenses;

	push @problems, 'provides' if !is_map($meta->{provides});
	my %provides = is_map($meta->{provides}) ? %{ $meta->{provides} } : ();
	for my $extension (sort keys %provides)
	{
		my $provided = $provides{$extension};

		push @problems, "provides.$extension" if !is_map($provided) || $extension !~ $term;
		next if !is_map($provided);
		push @problems, unknown_keys($provided, "provides.$extension", qw(file version abstract docfile));
		push @problems, "provides.$extension.version" if !is_matching($provided->{version}, $semver);
		push @problems, "provides.$extension.file" if !is_text($provided->{file});
		push @problems, map {"provides.$extension.$_: no such file"}
		  grep { is_text($provided->{$_}) && !-f "$files/$provided->{$_}" } qw(file docfile);
	}

	push @problems, 'meta-spec' if !is_map($meta->{'meta-spec'}) || !is_matching($meta->{'meta-spec'}{version}, qr/^1\.0\.\d+$/);
	push @problems, 'release_status' if !is_matching($meta->{release_status} // 'stable', qr/^(?:stable|testing|unstable)$/);
	push @problems, 'tags' if exists $meta->{tags} && (ref $meta->{tags} ne 'ARRAY' || grep { !is_matching($_, qr/^[^\/\\]{2,}$/) } @{ $meta->{tags} });

	for my $phase (exists $meta->{prereqs} ? sort keys %{ $meta->{prereqs} } : ())
	{
		push @problems, "prereqs.$phase" if $phase !~ /^(?:configure|build|test|runtime|develop|x_.+)$/;
		for my $relation (sort keys %{ $meta->{prereqs}{$phase} })
		{
			my $needed = $meta->{prereqs}{$phase}{$relation};

			push @problems, "prereqs.$phase.$relation" if $relation !~ /^(?:requires|recommends|suggests|conflicts|x_.+)$/
			  || !is_map($needed) || grep { !is_text($_) || ($_ ne '0' && $_ !~ $semver) } values %$needed;
		}
	}
	if (exists $meta->{resources})
	{
		my $resources = $meta->{resources};

		push @problems, 'resources' if !is_map($resources) || !grep { exists $resources->{$_} } qw(homepage bugtracker repository);
		push @problems, unknown_keys($resources, 'resources', qw(homepage bugtracker repository)) if is_map($resources);
		push @problems, 'resources.homepage' if is_map($resources) && exists $resources->{homepage} && !is_matching($resources->{homepage}, $uri);
		push @problems, 'resources.repository' if is_map($resources) && exists $resources->{repository}
		  && !(is_matching($resources->{repository}{url}, $uri) && is_matching($resources->{repository}{type}, qr/^[a-z]+$/)
			|| is_matching($resources->{repository}{web}, $uri));
	}
	return @problems;
}

my $text = slurp_file("$sources/META.json");
my $meta = JSON::PP->new->utf8->decode($text);

is(join("\n", meta_problems($text, $sources)), '', 'META.json is valid');
is($meta->{version}, $version, 'it has the version of the control file');
is($meta->{provides}{regpaydb}{version}, $version, 'as has the extension that it provides');
is(join(' ', keys %{ $meta->{provides} }), 'regpaydb', 'which is the only one');
is($meta->{prereqs}{runtime}{requires}{PostgreSQL}, '15.0.0', 'it needs PostgreSQL 15');
is($meta->{resources}{homepage}, "https://pgxn.org/dist/$meta->{name}/", 'its home is the page that PGXN gives to what has its name');

like(slurp_file("$sources/debian/changelog"), qr/^regpaydb \(\Q$version\E\) /, "so does Debian's package have its version");

# That is noticed where it is not so.
for my $field (qw(name version abstract maintainer license provides meta-spec))
{
	my %without = %$meta;

	delete $without{$field};
	is(join(' ', meta_problems(encode_json(\%without), $sources)), $field, "noticed: a META.json without $field");
}
my %planted = (
	'no JSON object' => '[]',
	'version' => $text =~ s/"version": "\Q$version\E",\n/"version": "$version.1",\n/r,
	'license' => $text =~ s/"postgresql"/"PostgreSQL Licence"/r,
	'provides.regpaydb.file: no such file' => $text =~ s/"regpaydb.control"/"sql\/regpaydb.sql"/r,
	'provides.regpaydb.version' => $text =~ s/"version": "\Q$version\E"\n/"version": 2\n/r,
	'META: there is no key licence' => $text =~ s/"name"/"licence": "mit", "name"/r,
	'prereqs.runtime.requires' => $text =~ s/"15.0.0"/"15"/r,
	'resources.homepage' => $text =~ s/"https:\S*\/dist\S*"/"regpaydb"/r,
	'release_status' => $text =~ s/"unstable"/"new"/r,
	'meta-spec' => $text =~ s/"1.0.0"/"2.0.0"/r);
is(join(' ', meta_problems($planted{$_}, $sources)), $_, "noticed: $_") for sort keys %planted;

# ---- the zip ----

# From a repository of its own, for these files may be a copy that has none.  What was
# built here is ignored by git.
my $git = "git -c user.name=test -c user.email=test\@localhost -c core.excludesFile= -C '$folder/git'";
shell("cp -a '$sources' '$folder/git' && rm -rf '$folder/git/.git' && git init -q '$folder/git' && $git add -A && $git commit -q -m test");
shell("echo uncommitted >'$folder/git/uncommitted'");
shell("make -s -C '$folder/git' dist");

my @files = sort split /\0/, qx{$git ls-files -z};
cmp_ok(scalar @files, '>', 200, scalar(@files) . ' files are in git');
my @unpacked = (
	[ 'unzip' => "unzip -q '$folder/git/$name.zip' -d", "$folder/by_unzip" ],
	[ "Python's zipfile" => "python3 -m zipfile -e '$folder/git/$name.zip'", "$folder/by_python" ]);
for my $unpacked (@unpacked)
{
	my ($what, $command, $there) = @$unpacked;

	mkdir $there or die "$there: $!";
	shell("$command '$there'");
	is(join(' ', map { m{([^/]+)$} } glob "$there/*"), $name, "$what: makes one folder");
	is(join("\n", sort split /\0/, qx{cd '$there/$name' && find . ! -type d -printf '%P\\0'}),
		join("\n", @files), "$what: has what is in git, and nothing else");
	is(join("\n", grep { -l "$there/$name/$_" || slurp_file("$there/$name/$_") ne slurp_file("$sources/$_") } @files), '',
		"$what: its files are those of git, none of them a link");
}

# ---- from the zip alone ----

my ($pg, $pg_config) = copy_server($folder);
my $make = "make -s -C '$folder/by_python/$name' with_llvm=no PG_CONFIG='$pg_config'";

shell("$make COPT=-Werror");
shell("$make install DESTDIR='$folder/destdir'");
is(join(' ', sort split /\n/, qx{find '$folder/destdir' -type f -printf '%f\n'}),
	join(' ', sort "regpaydb--$version.sql", 'regpaydb.control', 'regpaydb.so', map { basename($_) } glob "$sources/sql/regpaydb--*--*.sql"),
	'make install DESTDIR=… puts there what it should');
shell("$make install");

my $node = new_node('main', install_path => $pg);
$node->start;
$ENV{PGHOST} = $node->host;
$ENV{PGPORT} = $node->port;
my $checked = shell("$make installcheck REGRESS='00_install seed' ISOLATION=one_note || true");
my @passed = $checked =~ /^(?:test (\w+) +\.\.\. ok|ok \d+ +[-+] (\w+)) /mg;
is(join(' ', grep {defined} @passed), '00_helpers 00_install seed one_note', 'make installcheck passes') or diag($checked);
$node->stop;

done_testing();
