# What is kept of a snapshot is not believed where another one shows something else, even
# if as many transactions run: one that is being prepared is there twice, as itself and as
# what it becomes.  Here that lasts for as long as it waits for a standby, which is none.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RegpayTest;
use Test::More;

my $node = new_node('main');

# Nothing but what is done here may end a transaction.
$node->append_conf('postgresql.conf', <<'CONF');
wal_level = replica
max_wal_senders = 1
max_prepared_transactions = 1
synchronous_standby_names = 'nobody'
synchronous_commit = local
autovacuum = off
CONF
$node->start;
$node->safe_psql('postgres', <<'SQL');
CREATE EXTENSION regpaydb;
SELECT regpaydb.create_ledger();
INSERT INTO regpaydb.attendee (user_id) VALUES (1);
SELECT regpaydb.manual_invoice(1, '1 day', '[{"description": "Ticket", "price": 100}]');
-- It asks twice in one place, which keeps who is staff, and waits in between.
CREATE FUNCTION ask_twice(OUT first boolean, OUT second boolean) LANGUAGE plpgsql AS
$$ BEGIN
	FOR i IN 1 .. 2 LOOP
		second := regpaydb.can_view(1, 77);
		IF i = 1 THEN
			first := second;
			PERFORM pg_advisory_lock(1);
		END IF;
	END LOOP;
END $$;
SQL

sub asked
{
	my ($sql) = @_;

	return wait_until(sub { $node->safe_psql('postgres', $sql) eq 't' });
}

my ($gate, $prepared, $hirer) = map { session($node, 'postgres') } 1 .. 3;
my ($out, $err);

ask($gate, 'SELECT pg_advisory_lock(1)');
ask($prepared, 'SET synchronous_commit = on; BEGIN; SELECT pg_current_xact_id()');
my $pid = ask($prepared, 'SELECT pg_backend_pid()');
ask($hirer, 'BEGIN; INSERT INTO regpaydb.staff VALUES (77)');
# A later one that has ended: so the number of the first that has not begun stays.
$node->safe_psql('postgres', 'SELECT pg_current_xact_id()');

my $asker = IPC::Run::start([ 'psql', '-XAtq', '-d', $node->connstr('postgres'), '-c', 'SELECT * FROM ask_twice()' ],
	'<', \undef, '>', \$out, '2>', \$err);
ok(asked(q{SELECT count(*) = 1 FROM pg_locks WHERE locktype = 'advisory' AND NOT granted}), 'asked once');

$prepared->query_until(qr/begins/, "\\echo begins\nPREPARE TRANSACTION 'p';\n");
ok(asked("SELECT wait_event IS NOT DISTINCT FROM 'SyncRep' FROM pg_stat_activity WHERE pid = $pid"), 'one is being prepared');
ask($hirer, 'COMMIT');
ask($gate, 'SELECT pg_advisory_unlock(1)');
$asker->finish;
is($err, '', 'asked twice');
is($out, "f|t\n", 'who is staff meanwhile may view');

$node->safe_psql('postgres', "SELECT pg_cancel_backend($pid)");
ok(asked("SELECT count(*) = 1 FROM pg_prepared_xacts"), 'it is prepared');
$node->safe_psql('postgres', "ROLLBACK PREPARED 'p'");
$_->quit for $gate, $prepared, $hirer;
$node->stop;
done_testing();
