# A hot standby answers what only reads, refuses what writes, and takes over.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RegpayTest;
use Test::More;

my $primary = new_node('primary', init => { allows_streaming => 1 });
$primary->start;
$primary->safe_psql('postgres', <<'SQL');
CREATE ROLE standby_clerk;
CREATE EXTENSION regpaydb;
SELECT regpaydb.create_ledger();
SET search_path = regpaydb;
INSERT INTO staff VALUES (77);
INSERT INTO attendee (user_id, access_code) VALUES (1001, 'CODE-OF-THE-FIRST'), (1002, 'CODE-OF-THE-SECOND');
SELECT regpaydb.manual_invoice(a, '1 day', '[{"description": "Ticket", "price": 100}]')
	FROM generate_series(1, 2) a, generate_series(1, 3);
GRANT USAGE ON SCHEMA regpaydb TO standby_clerk;
GRANT SELECT ON invoice TO standby_clerk;
GRANT EXECUTE ON FUNCTION regpaydb.can_view, regpaydb.balance_due, regpaydb.pay TO standby_clerk;
SQL
$primary->backup('base');

my $standby = PostgreSQL::Test::Cluster->new('standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

# Of the first attendee's invoices one becomes overpaid, one part-paid.
$primary->safe_psql('postgres', <<'SQL');
SELECT regpaydb.pay(min(invoice_id), 130, 'too much', 'bank', 'b-1') FROM regpaydb.invoice WHERE attendee_id = 1;
SELECT regpaydb.pay(max(invoice_id), 40, 'part', 'bank', 'b-2') FROM regpaydb.invoice WHERE attendee_id = 1;
SQL

# A refund of the second one is under way.
my $refund = $primary->safe_psql('postgres', <<'SQL');
SELECT regpaydb.pay(max(invoice_id), 103, 'too much', 'bank', 'b-4') AS payment FROM regpaydb.invoice WHERE attendee_id = 2 \gset
SELECT regpaydb.request_refund(max(credit_note_id), 'back') FROM regpaydb.credit_note;
SQL
$primary->wait_for_catchup($standby);

my ($paid, $unpaid, $part, $other, $note) = split /\|/, $primary->safe_psql('postgres', <<'SQL');
SELECT min(invoice_id) FILTER (WHERE status = 'paid'), min(invoice_id) FILTER (WHERE paid = 0 AND attendee_id = 1),
	min(invoice_id) FILTER (WHERE paid = 40), min(invoice_id) FILTER (WHERE attendee_id = 2),
	(SELECT credit_note_id FROM regpaydb.credit_note WHERE state = 'unclaimed')
FROM regpaydb.invoice
SQL
ok($note && $part && $paid, 'the primary has a note, a paid and a part-paid invoice');

# What only reads, and its answer.
my @reads = (
	[ "SELECT regpaydb.can_view($paid, 1001), regpaydb.can_view($paid, 1002), regpaydb.can_view($paid, 77)", 't|f|t' ],
	[ "SELECT regpaydb.can_view($paid, NULL, 'CODE-OF-THE-FIRST'), regpaydb.can_view($paid, NULL, 'CODE')", 't|f' ],
	[ 'SELECT regpaydb.can_view(999999, 77), regpaydb.can_view(NULL)', 'f|f' ],
	[ q{SELECT regpaydb.invoice_for_access_code('CODE-OF-THE-FIRST')}, $part ],
	[ "SELECT regpaydb.total_payments($paid), regpaydb.total_payments($part)", '100.00|40.00' ],
	[ "SELECT regpaydb.balance_due($paid), regpaydb.balance_due($part), regpaydb.balance_due($unpaid)", '0.00|60.00|100.00' ],
	[ 'SELECT regpaydb.available_credit(1), regpaydb.available_credit(2)', '30.00|0.00' ],
	[ "SELECT regpaydb.validate_allowed_to_pay($part)", '' ],
	[ "SELECT provider_ref, amount, refundable FROM regpaydb.refund_sources($note)", 'b-1|30.00|130.00' ],
	[ "SELECT place, amount FROM regpaydb.money_trail($note - 1)", "invoice|100.00\ncredit_note|30.00" ],
	[ q{SELECT regpaydb.payment_summary('bank', 'b-4') ~ '3.00 back by refund \d+ \(requested: back\)$'}, 't' ],
	[ 'SELECT value FROM regpaydb.report_refunds_in_flight', '3.00' ],
	[ 'SELECT count(*) FROM regpaydb.check_integrity()', '0' ],
	[ q{SELECT count(*) FROM regpaydb.check_integrity(now() - interval '1 hour')}, '0' ],
	[ "SELECT new_status FROM regpaydb.status_history WHERE invoice_id = $paid ORDER BY 1", "unpaid\npaid" ]);

# What writes.
my %writes = (
	'pay' => "SELECT regpaydb.pay($part, 60, 'rest')",
	'pay with a reference' => "SELECT regpaydb.pay($part, 60, 'rest', 'bank', 'b-3')",
	'INSERT INTO payment' => "INSERT INTO regpaydb.payment (invoice_id, amount) VALUES ($part, 60)",
	'record_manual_payment' => "SELECT regpaydb.record_manual_payment($part, 60, 'cash', 77)",
	'update_status' => "SELECT regpaydb.update_status($part)",
	'manual_invoice' => q{SELECT regpaydb.manual_invoice(1, '1 day', '[{"description": "x", "price": 1}]')},
	'void_invoice' => "SELECT regpaydb.void_invoice($unpaid)",
	'refund_invoice' => "SELECT regpaydb.refund_invoice($paid)",
	'return_items' => qq{SELECT regpaydb.return_items($paid, (SELECT jsonb_agg(jsonb_build_object('line_item_id', line_item_id)) FROM regpaydb.line_item WHERE invoice_id = $paid))},
	'apply_credit_note' => "SELECT regpaydb.apply_credit_note($note, $part)",
	'refund_credit_note' => "SELECT regpaydb.refund_credit_note($note, 'cash')",
	'request_refund' => "SELECT regpaydb.request_refund($note, 'back')",
	'confirm_refund' => "SELECT regpaydb.confirm_refund($refund)",
	'fail_refund' => "SELECT regpaydb.fail_refund($refund, 'closed')",
	'record_reversal' => q{SELECT regpaydb.record_reversal('bank', 'b-1', 130, 'r-1')},
	'cancellation_fee' => "SELECT regpaydb.cancellation_fee($note, 10)",
	'charge_credit_note' => qq{SELECT regpaydb.charge_credit_note($note, '[{"description": "x", "price": 1}]')},
	'return_items' => "SELECT regpaydb.return_items($paid, (SELECT jsonb_build_array(jsonb_build_object('line_item_id', min(line_item_id))) FROM regpaydb.line_item WHERE invoice_id = $paid))",
	'rotate_access_code' => 'SELECT regpaydb.rotate_access_code(1)',
	'create_ledger' => q{SELECT regpaydb.create_ledger('another')},
	'upgrade_ledger' => 'SELECT regpaydb.upgrade_ledger()');

sub reads_right
{
	my ($session, $where) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	for my $read (@reads)
	{
		my ($out, $err) = ask($session, $read->[0]);
		is($err . $out, $read->[1], "$where: $read->[0]");
	}
	return;
}

sub writes_refused
{
	my ($session, $where) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	for my $what (sort keys %writes)
	{
		my ($out, $err) = ask($session, $writes{$what});
		refused($err, '25006', qr/read-only transaction|during recovery/, "$where: $what is refused");
	}
	return;
}

# ---- on the standby ----

my $session = session($standby, 'postgres');
is(ask($session, 'SELECT pg_is_in_recovery()'), 't', 'this is a standby');
reads_right($session, 'standby');
writes_refused($session, 'standby');
reads_right($session, 'standby, after refusals');

my ($out, $err) = ask($session, "SELECT regpaydb.validate_allowed_to_pay($paid)");
refused($err, 'RP001', qr/can't be paid/, 'standby: an invoice that is not payable is found to be so');
($out, $err) = ask($session, 'SELECT regpaydb.balance_due(999999)');
refused($err, 'RP002', qr/there is no invoice/, 'standby: an unknown invoice is not found');

# As they are called by an application: by a role of few rights, for an actor,
# in any isolation that a standby has.
for my $isolation ('READ COMMITTED', 'REPEATABLE READ')
{
	is(ask($session, <<"SQL"), "t\n60.00\n100.00", "standby: $isolation");
BEGIN ISOLATION LEVEL $isolation;
SET LOCAL ROLE standby_clerk;
SELECT regpaydb.can_view($paid, 1001);
SET LOCAL regpaydb.user_id = '1001';
SELECT regpaydb.balance_due($part);
SET LOCAL regpaydb.user_id = '77';
SELECT regpaydb.balance_due($other);
COMMIT;
SQL
}
ask($session, 'BEGIN; SAVEPOINT s');
($out, $err) = ask($session, $writes{pay});
refused($err, '25006', qr/read-only/, 'standby: a refusal in a savepoint');
is(ask($session, "ROLLBACK TO s; SELECT regpaydb.balance_due($part); COMMIT"), '60.00', 'and the transaction goes on');

# What happens on the primary is seen, by a session that has its plans.
is($primary->safe_psql('postgres', "SELECT regpaydb.pay($unpaid, 25, 'part') > 0"), 't', 'the primary goes on');
$primary->wait_for_catchup($standby);
is(ask($session, "SELECT regpaydb.balance_due($unpaid)"), '75.00', 'standby: sees a new payment');
$primary->safe_psql('postgres', 'ALTER TABLE regpaydb.invoice ADD COLUMN remark text');
$primary->wait_for_catchup($standby);
is(ask($session, "SELECT regpaydb.balance_due($unpaid)"), '75.00', 'standby: goes on after ALTER TABLE');

# The same refusals, on the primary, where a transaction is declared read-only.
my $reader = session($primary, 'postgres');
ask($reader, 'SET default_transaction_read_only = on');
my ($replaced) = grep { $_->[0] =~ /balance_due\($paid/ } @reads;
$replaced->[1] = '0.00|60.00|75.00';
reads_right($reader, 'read-only');
writes_refused($reader, 'read-only');
$reader->quit;

my $state = q{SELECT (SELECT count(*) FROM regpaydb.payment), (SELECT count(*) FROM regpaydb.outbox),
	(SELECT sum(paid) FROM regpaydb.invoice), (SELECT count(*) FROM regpaydb.credit_note)};
is($standby->safe_psql('postgres', $state), $primary->safe_psql('postgres', $state), 'both have the same');

# ---- the standby takes over ----

$primary->stop('fast');
$standby->promote;
ok($standby->poll_query_until('postgres', 'SELECT NOT pg_is_in_recovery()'), 'the standby is promoted');

# The session that was refused is served, and so is a new one.
is(ask($session, 'SELECT pg_is_in_recovery()'), 'f', 'the session goes on');
like(ask($session, $writes{pay}), qr/^\d+$/, 'promoted: pay works in a session of before');
is(ask($session, "SELECT status, paid, payment_count FROM regpaydb.invoice WHERE invoice_id = $part"), 'paid|100.00|2',
	'promoted: the invoice is settled');
like($standby->safe_psql('postgres', "SELECT regpaydb.pay($other, 110, 'too much')"), qr/^\d+$/,
	'promoted: pay works in a new session');
is($standby->safe_psql('postgres', "SELECT regpaydb.available_credit(2)"), '10.00', 'promoted: with a credit note');
like(ask($session, $writes{refund_invoice}), qr/^\d+$/, 'promoted: refund_invoice works');
like(ask($session, $writes{refund_credit_note}), qr/^\d+$/, 'promoted: refund_credit_note works');
$session->quit;
integrity($standby, 'postgres', 'regpaydb', 'promoted: sound');
money_is_conserved($standby, 'postgres', 'regpaydb', 'promoted: keeps the money');

done_testing();
