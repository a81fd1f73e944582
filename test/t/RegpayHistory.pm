# What the tests share that hold random histories against a model: a server, a psql that
# stays, and dice.

package RegpayHistory;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use IPC::Open2;
use PostgreSQL::Test::Cluster;
use RegpayTest;
use Test::More;

our @EXPORT = qw(begin_server end_server answers any chance money differs);

my ($node, $pid, $printed, $psql);

# What it prints, errors too.
sub answers
{
	my ($sql) = @_;
	my @lines;

	print $psql "$sql;\n\\echo that is all\n";
	$psql->flush;
	while (<$printed>)
	{
		chomp;
		return @lines if $_ eq 'that is all';
		push @lines, $_;
	}
	BAIL_OUT("psql is gone: @lines");
	return;
}

# A server with the extension, the function attempt() and what is given beside it, and a
# session that works on the ledger "history".
sub begin_server
{
	my ($functions) = @_;

	$node = new_node('main');

	# Without statistics, queries are thought to be so costly that they are compiled.
	$node->append_conf('postgresql.conf', "jit = off\n");
	$node->start;
	$node->safe_psql('postgres', <<'SQL' . $functions);
CREATE EXTENSION regpaydb;
-- What a deed returns behind "=", or its error behind "!".
CREATE FUNCTION attempt(deed text) RETURNS text LANGUAGE plpgsql AS $$
DECLARE
	result text;
BEGIN
	EXECUTE deed INTO result;
	RETURN '=' || coalesce(result, '');
EXCEPTION WHEN OTHERS THEN
	RETURN format('!%s %s', SQLSTATE, replace(SQLERRM, E'\n', ' '));
END $$;
SQL

	# A psql of our own, for one of the framework's looks for what it prints only now and
	# then: a second for what takes this one some milliseconds.
	$pid = open2($printed, $psql, 'sh', '-c', 'exec psql -XAtq -d "$0" 2>&1', $node->connstr('postgres'));
	answers('SET search_path = history, public; SET regpaydb.ledger = history; SET client_min_messages = error');
	return $node;
}

sub end_server
{
	close $psql;
	waitpid $pid, 0;
	return;
}

# ---- dice ----

sub any { return $_[ int rand @_ ] }

sub chance { return rand() < $_[0] }

# ---- words ----

sub money { return sprintf '%.2f', $_[0] / 100 }

# That a statement came to what the model expects: an error's code, the id of what it made,
# '' for nothing, or undef for what is not compared; what is wrong with it, else.
sub differs
{
	my ($got, $expected) = @_;

	return $got =~ /^=/ ? () : $got if !defined $expected;
	return $got eq "=$expected->{id}" ? () : "$got, expected was the id $expected->{id}" if ref $expected;
	return $got =~ ($expected eq '' ? qr/^=$/ : qr/^!$expected /) ? () : "$got, expected was " . ($expected || 'nothing');
}

1;
