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

our @EXPORT = qw(begin_server end_server answers any chance money differs misses);

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

-- Plants a fault in a row, which it takes back, and asks what is wrong, in all of the
-- ledger and since some time: it is the same, but for what did not move since then.
CREATE FUNCTION misses(fault int, seed float8) RETURNS SETOF text LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
	statement text := (ARRAY['invoice SET paid = paid + 1', 'invoice SET payment_count = payment_count + 1', 'invoice SET value = value + 1',
		'invoice SET status = ''paid''', 'invoice SET status = ''unpaid''', 'invoice SET closed_by = 1', 'invoice SET last_payment_id = NULL',
		'invoice SET replaces = invoice_id', 'payment SET amount = amount + 1', 'payment SET kind = ''credit_note''', 'payment SET kind = ''manual''',
		'payment SET kind = ''refund_failed''', 'payment SET invoice_id = 99999', 'payment SET invoice_id = (SELECT min(invoice_id) FROM invoice)',
		'line_item SET quantity = quantity + 1', 'line_item SET price = price + 1', 'credit_note SET value = value + 1', 'credit_note SET state = ''applied''',
		'credit_note SET state = ''unclaimed''', 'credit_note_claim SET claim = ''refunded''', 'credit_note_refund SET state = ''failed''',
		'credit_note_refund SET state = ''done''', 'credit_note_refund SET returned_payment_id = 99999', 'credit_note_refund_part SET amount = amount + 1',
		'credit_note_refund_part SET payment_id = 99999', 'reversal SET loss = amount', 'reversal SET amount = amount + 1', 'reversal SET reversing_payment_id = 99999'])[fault];
	planted text := split_part(statement, ' ', 1);
	past timestamptz;
	key text;
	missed text[];
BEGIN
	PERFORM setseed(seed);
	past := (SELECT "time" FROM payment ORDER BY random() LIMIT 1);
	key := (SELECT attname FROM pg_index JOIN pg_attribute ON attrelid = indrelid AND attnum = ANY (indkey) WHERE indrelid = planted::regclass AND indisprimary);
	SET LOCAL session_replication_role = replica;
	EXECUTE format('UPDATE %s WHERE %I = (SELECT %2$I FROM %s ORDER BY random() LIMIT 1)', statement, key, planted);
	SET LOCAL session_replication_role = origin;
	WITH whole AS MATERIALIZED (
		SELECT kind, id, object, problem FROM integrity_problem WHERE kind IS NOT NULL
	), part AS MATERIALIZED (
		SELECT object, problem FROM regpaydb.check_integrity(past)
	), moved AS (
		SELECT object, problem FROM whole WHERE CASE kind
			WHEN 'invoice' THEN EXISTS (SELECT FROM invoice WHERE invoice_id = id AND issue_time >= past)
				OR EXISTS (SELECT FROM payment WHERE invoice_id = id AND "time" >= past)
			WHEN 'payment' THEN EXISTS (SELECT FROM payment WHERE payment_id = id AND "time" >= past)
				OR EXISTS (SELECT FROM reversal WHERE payment_id = id AND "time" >= past)
			WHEN 'credit note' THEN EXISTS (SELECT FROM credit_note JOIN payment ON payment_id = credit_note_id WHERE credit_note_id = id AND "time" >= past)
				OR EXISTS (SELECT FROM credit_note_refund WHERE credit_note_id = id AND greatest("time", closed_time) >= past)
				OR EXISTS (SELECT FROM credit_note_application JOIN payment USING (payment_id) WHERE credit_note_id = id AND "time" >= past)
			WHEN 'refund' THEN EXISTS (SELECT FROM credit_note_refund WHERE credit_note_refund_id = id AND greatest("time", closed_time) >= past)
			WHEN 'reversal' THEN EXISTS (SELECT FROM reversal WHERE reversal_id = id AND "time" >= past) END)
	SELECT array_agg(line) INTO missed FROM (
		SELECT format('of all it does not say: %s %s', object, problem) FROM (SELECT object, problem FROM whole EXCEPT SELECT * FROM regpaydb.check_integrity('-infinity')) m
		UNION ALL SELECT format('of what moved it does not say: %s %s', object, problem) FROM (TABLE moved EXCEPT TABLE part) m
		UNION ALL SELECT format('it alone says: %s %s', object, problem) FROM (TABLE part EXCEPT SELECT object, problem FROM whole) m) l (line);
	RAISE EXCEPTION USING ERRCODE = 'T0000';
EXCEPTION WHEN SQLSTATE 'T0000' THEN
	RETURN QUERY SELECT format('check_integrity since %s, after UPDATE %s: %s', past, statement, m) FROM unnest(missed) m;
WHEN unique_violation OR check_violation THEN
	RETURN;
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

# What check_integrity() does not say of what moved, of some faults that are planted.
sub misses
{
	return map { answers('SELECT misses(' . (1 + int rand 28) . ', ' . rand() . ')') } 1 .. 4;
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
