# Libraries that are compiled from the sources, changed in some way: what is shared by the
# tests which show that others notice faults, and that there are no races.

package RegpayLibrary;

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use RegpayTest;
use Test::More;

# All sources, compiled once, with these options of the compiler's besides.
sub new
{
	my ($class, $source, @options) = @_;
	my ($version) = slurp_file("$source/regpaydb.control") =~ /^default_version *= *'([^']*)'/m;
	my ($cc, $include) = map { my $answer = qx{pg_config $_}; chomp $answer; $answer } '--cc', '--includedir-server';
	my $folder = PostgreSQL::Test::Utils::tempdir;
	my $self = bless {
		source => $source,
		folder => $folder,
		cc => $cc,
		# Small and fast to compile; what is compiled in is what matters.
		compile => [ $cc, qw(-O0 -w -fPIC -fno-strict-aliasing -fwrapv), qq(-DREGPAYDB_VERSION="$version"), "-I$include", @options ],
		sources => [ sort glob "$source/src/*.c $source/src/*/*.c" ],
		libraries => 0
	}, $class;

	$self->{object} = { map { ($self->name_of($_) => "$folder/" . $self->name_of($_) . '.o') } @{ $self->{sources} } };
	mkdir "$folder/sound";
	$self->make_headers("$folder/sound");
	$self->compile($_, $self->{object}{ $self->name_of($_) }, "-I$folder/sound") for @{ $self->{sources} };
	return $self;
}

# Two of them may have one name, on different floors.
sub name_of
{
	my ($self, $path) = @_;

	return ($path =~ s{^\Q$self->{source}\E/}{}r) =~ s{/}{_}gr;
}

# As the Makefile makes src/admin/ledger_sql.h.
sub ledger_header
{
	my ($self, %texts) = @_;
	my $all = join '', map { $texts{$_} // slurp_file($_) } sort glob "$self->{source}/sql/ledger/*.sql";

	return join '', "static const char ledger_sql[] = \"\"\n",
	  (map { my $line = $_; $line =~ s/([\\"])/\\$1/g; qq("$line\\n"\n) } split /\n/, $all), ";\n", qq(static const char ledger_views_sql[] = "";\n);
}

# What the Makefile makes, in a folder of its own.
sub make_headers
{
	my ($self, $work, %texts) = @_;

	mkdir "$work/admin";
	write_file("$work/admin/ledger_sql.h", $self->ledger_header(%texts));
	write_file("$work/admin/upgrade_steps.h", '');
	return;
}

sub compile
{
	my ($self, $file, $object, @include) = @_;

	system_or_bail(@{ $self->{compile} }, @include, "-I$self->{source}/src", '-c', $file, '-o', $object);
	return;
}

# The one source, of those that were not changed yet and those that were, in which
# a text stands, and stands once.
sub file_with
{
	my ($self, $from, $text) = @_;
	my $times = 0;
	my $result;

	for my $path (@{ $self->{sources} })
	{
		my $found = () = ($text->{$path} // slurp_file($path)) =~ /\Q$from\E/g;

		$times += $found;
		$result = $path if $found;
	}
	BAIL_OUT("the sources have $times times, not once: $from") if $times != 1;
	return $result;
}

# A library with some texts replaced: [ from, to ], or [ file, from, to ] for SQL.
sub library
{
	my ($self, @changes) = @_;
	my $work = "$self->{folder}/library" . ++$self->{libraries};
	my (%text, %changed);

	mkdir $work;
	for my $change (@changes)
	{
		my ($from, $to) = @$change[-2, -1];
		my $path = @$change == 3 ? "$self->{source}/$change->[0]" : $self->file_with($from, \%text);

		$text{$path} //= slurp_file($path);
		my @parts = split /\Q$from\E/, $text{$path}, -1;
		BAIL_OUT("$path has " . (@parts - 1) . " times, not once: $from") if @parts != 2;
		$text{$path} = join $to, @parts;
	}
	for my $path (sort keys %text)
	{
		if ($path =~ /\.sql$/)
		{
			$self->make_headers($work, %text);
			$self->compile("$self->{source}/src/admin/install.c", "$work/install.o", "-I$work");
			$changed{'src_admin_install.c'} = "$work/install.o";
		}
		else
		{
			my $file = $self->name_of($path);

			write_file("$work/$file", $text{$path});
			$self->compile("$work/$file", "$work/$file.o", "-I$self->{folder}/sound");
			$changed{$file} = "$work/$file.o";
		}
	}
	system_or_bail($self->{cc}, '-shared', '-o', "$work/regpaydb.so",
		map { $changed{$_} // $self->{object}{$_} } sort keys %{ $self->{object} });
	return "$work/regpaydb.so";
}

# The functions of a database are those of this library, for whoever connects from now on.
sub use_library
{
	my ($node, $database, $library) = @_;

	$node->safe_psql($database, "UPDATE pg_proc SET probin = '$library' WHERE pronamespace = 'regpaydb'::regnamespace AND probin IS NOT NULL");
	return;
}

1;
