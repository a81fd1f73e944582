# The floors of src/ (see src/README.md): a file includes, and calls, what is on its own
# floor or below it, and no two files call each other. Prints the figures; on any
# checkout:
#   REGPAYDB_SRC=$PWD prove -v test/t/floors.pl

use strict;
use warnings FATAL => 'all';

use Test::More;

plan skip_all => 'REGPAYDB_SRC, the folder of the sources, is not set' unless $ENV{REGPAYDB_SRC};

# What each floor may use besides itself.
my @order = qw(base ledger rows engine flow functions);
my %below = map { my $floor = $_; ($order[$floor] => { map { $order[$_] => 1 } 0 .. $floor }) } 0 .. $#order;
$below{admin} = { %{ $below{engine} }, admin => 1 };

my %source;
for my $path (glob "$ENV{REGPAYDB_SRC}/src/*/*.[ch]")
{
	my ($name) = $path =~ m{/src/(\w+/\w+\.[ch])$} or next;

	# Made by the Makefile: texts.
	next if $name =~ m{^admin/(?:ledger_sql|upgrade_steps)\.h$};
	open my $in, '<', $path or die "$path: $!";
	$source{$name} = do { local $/; <$in> };
	close $in;
}

# Files of one name are one: x.c and x.h. To each the others that it uses.
sub arrows
{
	my (%text) = @_;
	my (%declared_in, %uses);

	for my $file (sort keys %text)
	{
		my $unit = $file =~ s/\.[ch]$//r;

		$uses{$unit} //= {};
		$text{$file} =~ s{/\*.*?\*/}{}gs;
		$uses{$unit}{$_} = 1 for $text{$file} =~ m{^#include "(\w+/\w+)\.h"}mg;
		next unless $file =~ /\.h$/;
		$declared_in{$_} = $unit for $text{$file} =~ /^(?:pg_noreturn )?extern [^;(]*?(\w+)\(/mg,
		  $text{$file} =~ /^extern [^;(]*?(\w+)(?:\[[^;]*\])?;/mg;
	}
	for my $file (grep {/\.c$/} sort keys %text)
	{
		my $unit = $file =~ s/\.c$//r;
		my $code = $text{$file} =~ s/"(?:[^"\\]|\\.)*"/""/gr;

		$uses{$unit}{$_} = 1 for grep { defined && $_ ne $unit } map { $declared_in{$_} } $code =~ /\b(\w+)\b/g;
	}
	delete $uses{$_}{$_} for keys %uses;
	for my $used (values %uses)
	{
		delete @$used{ grep { !exists $uses{$_} } keys %$used };
	}
	return \%uses;
}

sub floor_of
{
	return $_[0] =~ s{/.*}{}r;
}

sub arrows_up
{
	my ($uses) = @_;
	my @up;

	for my $unit (sort keys %$uses)
	{
		push @up, map {"$unit uses $_"} grep { !$below{ floor_of($unit) }{ floor_of($_) } } sort keys %{ $uses->{$unit} };
	}
	return @up;
}

# What is left when every file goes that uses none of those left.
sub circles
{
	my ($uses) = @_;
	my %left = map { $_ => { %{ $uses->{$_} } } } keys %$uses;

	while (my @free = grep { !%{ $left{$_} } } keys %left)
	{
		delete @left{@free};
		delete @{$_}{@free} for values %left;
	}
	# ... and that none of those left uses.
	while (my @unused = grep { my $unit = $_; !grep { $_->{$unit} } values %left } keys %left)
	{
		delete @left{@unused};
	}
	return sort keys %left;
}

my $uses = arrows(%source);
my $number = 0;
$number += keys %$_ for values %$uses;

is(join(' ', sort grep { !$below{$_} } map { floor_of($_) } keys %$uses), '', 'every folder of src/ is a floor');
cmp_ok(scalar keys %$uses, '>', 40, scalar(keys %$uses) . " files of src/ have $number arrows");
is(join("\n", arrows_up($uses)), '', 'none of them goes up');
is(join(' ', circles($uses)), '', 'and no files are in a circle');

# That is noticed where it is not so.
my %planted = (
	'an include' => [ 'base/money.c', qq(#include "ledger/ledger.h"\n) ],
	'a call' => [ 'rows/row.c', "void f(void) { settle_void(NULL, NULL, NULL); }\n" ],
	'a variable' => [ 'base/money.c', "char *f(void) { return ledger_setting; }\n" ],
	'an include in a header' => [ 'ledger/ledger.h', qq(#include "rows/row.h"\n) ],
	'a floor that is beside' => [ 'functions/payment.c', qq(#include "admin/grants.h"\n) ]);
for my $what (sort keys %planted)
{
	my ($file, $text) = @{ $planted{$what} };

	die "there is no $file" unless $source{$file};
	is(scalar arrows_up(arrows(%source, $file => $source{$file} . $text)), 1, "$what that goes up is noticed");
}
my ($below, $above) = ('flow/settle_counted', 'flow/settle');
ok($uses->{$above}{$below}, "$above uses $below");
is(join(' ', circles(arrows(%source, "$below.c" => qq($source{"$below.c"}#include "$above.h"\n)))), "$above $below",
	'and a circle if that uses it, too');

done_testing();
