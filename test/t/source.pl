# What errors tell people, as the sources have it: every error of class RP has DETAIL
# and HINT, full sentences both, and a HINT names no function that does not exist.
# (Whether a HINT is true: test/sql/hints.sql.)

use strict;
use warnings FATAL => 'all';

use PostgreSQL::Test::Utils;
use Test::More;

plan skip_all => 'REGPAYDB_SRC, the folder of the sources, is not set' unless $ENV{REGPAYDB_SRC};

my %source = map { (m{([^/]+)$})[0] => slurp_file($_) } glob "$ENV{REGPAYDB_SRC}/src/*.c $ENV{REGPAYDB_SRC}/src/*/*.c";
my $sql = join '', map { slurp_file($_) } glob "$ENV{REGPAYDB_SRC}/sql/extension/*.sql";
my %function = map { $_ => 1 } $sql =~ /^CREATE FUNCTION regpaydb\.(\w+)/mg;

# A parenthesized text, which may have string literals in it.
my $string = qr/"(?:[^"\\]|\\.)*"/;
my $parentheses;
$parentheses = qr/\((?:[^()"]++|$string|(??{ $parentheses }))*+\)/;

# The texts of an ereport's part, as errhint, of which there are several where it
# depends; literals side by side are one.
sub texts
{
	my ($ereport, $part) = @_;
	my @texts;

	while ($ereport =~ /\b$part($parentheses)/g)
	{
		my $arguments = $1;
		push @texts, join '', map { substr $_, 1, -1 } $1 =~ /$string/g
		  while $arguments =~ /((?:$string\s*(?:INT64_FORMAT\s*)?)+)/g;
	}
	return grep { $_ ne '%s' } @texts;
}

# What is wrong with the errors of a source.
sub problems
{
	my ($file, $text) = @_;
	my @problems;

	while ($text =~ /\bereport($parentheses)/g)
	{
		my $ereport = $1;
		my $where = "$file: " . ((texts($ereport, 'errmsg'))[0] // '?');

		for my $part (qw(errdetail errhint))
		{
			push @problems, "$where: has no $part" if $ereport =~ /\berrcode\(RP_/ && $ereport !~ /\b$part\(/;
			push @problems, map {"$where: $part is no sentence: $_"} grep { !/^[A-Z0-9%]|^regpaydb\./ || !/[.)]$/ } texts($ereport, $part);
		}
		push @problems, map {"$where: the message is a sentence"} grep {/\.$/ || /^[A-Z][a-z]/} texts($ereport, 'errmsg');
		push @problems, map {"$where: there is no function $_"} grep { !$function{$_} }
		  map {/\bregpaydb\.(\w+)\(/g} $ereport;
	}
	return @problems;
}

my $ereports = join '', map { $source{$_} =~ /\bereport($parentheses)/g } sort keys %source;
my $number = () = $ereports =~ /\berrcode\(RP_/g;
my $all = () = join('', values %source) =~ /\bRP_\w+\b/g;
cmp_ok($number, '>', 25, "the sources raise errors of class RP in $number places");
is($all, $number, 'and name their codes nowhere else');
is(join("\n", map { problems($_, $source{$_}) } sort keys %source), '', 'all of them tell what they should');

# Sentences that are chosen from a table; texts of functions, too.
my @chosen = join('', values %source) =~ /^\t\t(?:\[\w+\] = |\{"\w+", )("[^"]*\.")\}?,$/mg;
cmp_ok(scalar @chosen, '>', 8, scalar @chosen . ' more are chosen from');
is(join("\n", grep { !$function{$_} } map {/\bregpaydb\.(\w+)\(/g} @chosen), '', 'whose functions exist');

# That is noticed where it is not so.
my ($planted, $noticed) = (0, 0);
for my $file (sort keys %source)
{
	for my $part (qw(errdetail errhint))
	{
		while ($source{$file} =~ /\bereport($parentheses)/g)
		{
			my ($text, $start, $ereport) = ($source{$file}, $-[1], $1);

			next if $ereport !~ /\berrcode\(RP_/;
			substr($text, $start, length $ereport) = $ereport =~ s/\b$part\(/errmsg_plural(/gr;
			$planted++;
			$noticed++ if grep {/has no $part$/} problems($file, $text);
		}
	}
}
cmp_ok($planted, '>', 50, "$planted times one is left out");
is($noticed, $planted, 'which is noticed each time');
like(join("\n", problems('x.c', 'ereport(ERROR, (errcode(RP_NOT_FOUND), errmsg("no"), errdetail("Gone."), errhint("Ask regpaydb.nobody().")))')),
	qr/no function nobody/, 'as is a function that does not exist');
like(join("\n", problems('x.c', 'ereport(ERROR, (errmsg("no"), errhint("try again")))')), qr/is no sentence/, 'and what is no sentence');
like(join("\n", problems('x.c', 'ereport(ERROR, (errmsg("It failed.")))')), qr/the message is a sentence/, 'or should be none');

done_testing();
