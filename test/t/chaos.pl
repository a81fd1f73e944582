# Everything at once: sessions at all isolation levels pay, refund, sell, amend and
# void in every way there is, on few invoices, carts and notes, while statements
# are cancelled, backends terminated, and tables vacuumed, indexed and altered.
# What a client is told is what the documentation says, money and stock are right
# in every snapshot, and nothing crashes.
#
# REGPAYDB_CHAOS says for how many seconds, if not for a few; on a slow server it goes
# on until there was enough to judge by.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use POSIX ();
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RegpayTest;
use Test::More;
use Time::HiRes qw(sleep time);

my $seconds = $ENV{REGPAYDB_CHAOS} || 20;
my $folder = PostgreSQL::Test::Utils::tempdir;
my @levels = ('read committed', 'repeatable read', 'serializable');
my $attendees = 12;
my $invoices = 40;	# that are there at first
my $seed = $ENV{REGPAYDB_CHAOS_SEED} || int(time);

note("seed $seed");
srand $seed;

my $node = new_node('main');
$node->append_conf('postgresql.conf', <<'CONF');
max_connections = 40
log_error_verbosity = verbose
log_min_error_statement = panic
deadlock_timeout = 100ms
max_pred_locks_per_transaction = 1000
CONF
$node->start;
$node->safe_psql('postgres', 'CREATE ROLE treasurer LOGIN; CREATE ROLE shop LOGIN; CREATE ROLE guest;'
	  . 'GRANT CREATE ON DATABASE postgres TO treasurer; GRANT CREATE ON SCHEMA public TO treasurer');
$node->safe_psql('postgres', <<"SQL", extra_params => [ '-U', 'treasurer' ]);
CREATE EXTENSION regpaydb;
SELECT regpaydb.create_ledger();
SELECT regpaydb.grant_access('shop', 'app'), regpaydb.grant_access('shop', 'staff');
GRANT SELECT, INSERT, UPDATE, DELETE ON regpaydb.cart_item, regpaydb.cart_discount TO shop;
GRANT SELECT, UPDATE (time_last_updated) ON regpaydb.cart TO shop;
INSERT INTO regpaydb.staff VALUES (900);
INSERT INTO regpaydb.attendee (user_id) SELECT generate_series(1, $attendees);
INSERT INTO regpaydb.category (name, limit_per_attendee) VALUES ('Seat', NULL), ('Tour', 6);
INSERT INTO regpaydb.product (category_id, name, price, stock, limit_per_attendee, reservation_duration) VALUES
	(1, 'Front', 100, 9, NULL, '1 hour'), (1, 'Back', 40, 15, NULL, '1 second'), (1, 'Standing', 10, NULL, NULL, '0'),
	(2, 'Cave', 25.50, 6, 3, '3 seconds'), (2, 'Gift', 0, 50, NULL, '1 hour');
SELECT regpaydb.manual_invoice(1 + g % $attendees, '1 day', '[{"description": "Ticket", "price": 100}]')
	FROM generate_series(1, $invoices) g;
-- What a client may want to do something with.
CREATE FUNCTION pick(OUT invoice bigint, OUT unpaid bigint, OUT due numeric, OUT note bigint, OUT cart bigint, OUT attendee bigint,
	OUT paid bigint, OUT line bigint, OUT refund bigint)
LANGUAGE sql SECURITY DEFINER AS \$\$
	SELECT (SELECT invoice_id FROM (SELECT invoice_id FROM regpaydb.invoice ORDER BY invoice_id DESC LIMIT 25) i
			ORDER BY random() LIMIT 1),
		coalesce(u.invoice_id, 0), coalesce(nullif(u.value - u.paid, 0), 1),
		coalesce((SELECT credit_note_id FROM (SELECT credit_note_id FROM regpaydb.credit_note WHERE state = 'unclaimed'
			ORDER BY credit_note_id DESC LIMIT 8) n ORDER BY random() LIMIT 1), 0),
		coalesce((SELECT cart_id FROM regpaydb.cart WHERE status = 'active' ORDER BY random() LIMIT 1), 0),
		1 + floor(random() * $attendees), coalesce(p.invoice_id, 0), coalesce(p.line_item_id, 0),
		coalesce((SELECT credit_note_refund_id FROM (SELECT * FROM regpaydb.credit_note_refund ORDER BY state, credit_note_refund_id DESC LIMIT 6) r
			ORDER BY random() LIMIT 1), 0)
	FROM (VALUES (1)) one LEFT JOIN (
		SELECT * FROM (SELECT * FROM regpaydb.invoice WHERE status = 'unpaid' ORDER BY invoice_id DESC LIMIT 12) i
		ORDER BY random() LIMIT 1) u ON true LEFT JOIN (
		SELECT * FROM (SELECT * FROM regpaydb.invoice WHERE status = 'paid' ORDER BY invoice_id DESC LIMIT 12) i
		JOIN regpaydb.line_item USING (invoice_id) ORDER BY random() LIMIT 1) p ON true
\$\$;
SQL

# ---- what the clients do ----

sub any { return $_[ int rand @_ ] }

sub product { return 1 + int rand 5 }

sub amount { return any(1, 5, 25.5, 40, 99.99, 100, 100, 250) }

# A platform sends some of its payments again.  Each of these stands for one
# invoice and amount, but for a few that are sent by mistake.
my $charges = 60 + 10 * $seconds;

sub charge
{
	my $number = 1 + int rand $charges;
	my $invoice = 1 + ($number * 7 + (rand() < 0.05)) % $invoices;
	return ($invoice, 10 + $number % 90, sprintf 'ch_%05d', $number);
}

# BEGIN may be cancelled, and what follows it would be committed one by one; so
# may COMMIT, and what follows would be refused in a transaction that has failed.
sub transaction
{
	return ('BEGIN', '\if :ERROR', '\else', @_, '\if :ERROR', '\connect', '\endif', '\endif');
}

my @batches = map { "$folder/batch.$_" } 1 .. 10;
for my $batch (@batches)
{
	append_to_file($batch, join '', map { 1 + int(rand $invoices) . "\t" . amount() . "\tbank\n" } 1 .. 1 + int rand 8);
}

# Of each kind of work: how often, the codes of errors that it may meet besides
# those that any may, and its statements.  "engine" marks transactions of one
# statement of the engine's: no two of them may deadlock.  What is "plain" or
# "several" locks rows in an order of its own.
my $call = 'SELECT /* engine */';
my %work = (
	bill => [ 6, '', sub {"$call regpaydb.manual_invoice(:attendee, '1 day', '[{\"description\": \"Dinner\", \"price\": " . any(75, 250, 900) . "}, {\"description\": \"Rebate\", \"price\": -15}]')"} ],
	bill_nothing => [ 1, '', sub {"$call regpaydb.manual_invoice(:attendee, '0', '[{\"description\": \"Badge\", \"price\": 0}]')"} ],
	pay => [ 10, 'RP00[12345]', sub {"$call regpaydb.pay(:unpaid, " . any(':due', ':due', amount()) . ", 'card')"} ],
	pay_charge => [ 8, 'RP00[1-59]', sub {
			my ($invoice, $amount, $ref) = charge();
			return "$call 'ack $ref', regpaydb.pay($invoice, $amount, 'card', 'stripe', '$ref')";
		} ],
	insert => [ 4, '', sub {"INSERT /* engine */ INTO regpaydb.payment (invoice_id, amount) VALUES (:invoice, " . amount() . ')'} ],
	insert_several => [ 4, '', sub {
			'INSERT /* engine */ INTO regpaydb.payment (invoice_id, amount) VALUES (:invoice, 5), '
			  . join ', ', map { '(' . (1 + int rand $invoices) . ', ' . amount() . ')' } 1 .. 1 + int rand 6;
		} ],
	insert_charge => [ 4, '23505', sub {
			my ($invoice, $amount, $ref) = charge();
			return 'INSERT /* engine */ INTO regpaydb.payment (invoice_id, amount, provider, provider_ref) '
			  . "VALUES ($invoice, $amount, 'stripe', '$ref')" . any('', ' ON CONFLICT DO NOTHING');
		} ],
	load_charges => [ 2, '', sub {
			my @charges = sort { $a->[2] cmp $b->[2] } map { [ charge() ] } 1 .. 4;
			return 'INSERT /* engine */ INTO regpaydb.payment (invoice_id, amount, provider, provider_ref) VALUES '
			  . join(', ', map {"($_->[0], $_->[1], 'stripe', '$_->[2]')"} @charges) . ' ON CONFLICT DO NOTHING';
		} ],
	merge_charge => [ 1, '23505', sub {
			my ($invoice, $amount, $ref) = charge();
			return "MERGE /* engine */ INTO regpaydb.payment p USING (VALUES ('$ref')) s (ref) ON p.provider_ref = s.ref "
			  . "WHEN NOT MATCHED THEN INSERT (invoice_id, amount, provider, provider_ref) VALUES ($invoice, $amount, 'stripe', '$ref')";
		} ],
	copy => [ 2, '', sub { '\copy regpaydb.payment (invoice_id, amount, reference) FROM ' . any(@batches) } ],
	take_back => [ 2, 'RP003', sub {'INSERT /* engine */ INTO regpaydb.payment (invoice_id, amount) VALUES (:invoice, -3)'} ],
	manual => [ 4, '', sub {"$call regpaydb.record_manual_payment(:invoice, " . amount() . ", 'cash', 900)"} ],
	manual_back => [ 4, 'RP003', sub {"$call regpaydb.record_manual_payment(:invoice, -" . amount() . ", 'cash', 900)"} ],
	refund => [ 4, 'RP008', sub {"$call regpaydb.refund_invoice(:invoice)"} ],
	give_back => [ 5, 'RP00[238]', sub {
			my $items = 'jsonb_build_array(' . any("jsonb_build_object('line_item_id', :line)", "jsonb_build_object('line_item_id', :line, 'quantity', 1)") . ')';
			return "$call regpaydb.return_items(:paid, $items, 'returned')";
		} ],
	substitute => [ 3, 'RP00[1-9]|25P02|40001', sub {
			return transaction("SELECT /* several */ regpaydb.return_items(:paid, jsonb_build_array(jsonb_build_object('line_item_id', :line, 'quantity', 1)), 'exchanged')",
				'SELECT /* several */ regpaydb.set_quantity(regpaydb.current_cart(:attendee), ' . product() . ', 1)',
				'SELECT /* several */ regpaydb.invoice_cart(regpaydb.current_cart(:attendee))', any('COMMIT', 'COMMIT', 'ROLLBACK'));
		} ],
	void => [ 2, 'RP00[78]', sub {"$call regpaydb.void_invoice(:invoice)"} ],
	apply => [ 6, 'RP00[1-6]', sub {"$call regpaydb.apply_credit_note(:note, :unpaid)"} ],
	cash_out => [ 3, 'RP00[26]', sub {"$call regpaydb.refund_credit_note(:note, 'bank', 900)"} ],
	ask_back => [ 4, 'RP00[26]|40001', sub {"$call regpaydb.request_refund(:note, 'back')"} ],
	ask_parts => [ 2, 'RP00[236]|40001', sub {
			return "$call regpaydb.request_refund(:note, 're_' || :note, (SELECT jsonb_agg(jsonb_build_object('payment_id', payment_id, 'amount', " . any('least(amount, refundable)', 5) . ')) '
			  . 'FROM regpaydb.refund_sources(:note) WHERE refundable > 0))';
		} ],
	back_done => [ 4, 'RP00[289]', sub {"$call regpaydb.confirm_refund(:refund, 'stripe', 're_' || " . any(':refund', ':refund', ':refund', 1) . ')'} ],
	back_failed => [ 3, 'RP00[28]', sub {"$call regpaydb.fail_refund(:refund, 'closed')"} ],
	reverse => [ 5, 'RP00[239]|40001', sub {
			my (undef, $amount, $ref) = charge();
			return "$call regpaydb.record_reversal('stripe', '$ref', " . any($amount, $amount, 5) . ", '" . any("dp_$ref", "dp_$ref", 're_' . (1 + int rand 30)) . "')";
		} ],
	trail => [ 2, 'RP002', sub { "$call * FROM regpaydb." . any('refund_sources(:note)', 'money_trail((SELECT coalesce(max(payment_id), 0) FROM regpaydb.payment WHERE amount > 0))') } ],
	fee => [ 3, 'RP00[236]', sub {"$call regpaydb.cancellation_fee(:note, " . any(5, 33.3, 100) . ')'} ],
	charge => [ 3, 'RP00[236]', sub {"$call regpaydb.charge_credit_note(:note, '[{\"description\": \"Fee\", \"price\": " . any(0, 5, 40, 100) . "}]')"} ],
	update_status => [ 1, '', sub {"$call regpaydb.update_status(:invoice)"} ],
	rotate => [ 2, '', sub {"$call regpaydb.rotate_access_code(:attendee)"} ],
	look => [ 2, 'RP00[2458]', sub {
			"$call regpaydb." . any('balance_due(:invoice)', 'total_payments(:invoice)', 'invoice_document(:invoice)',
				'can_view(:invoice, 3)', 'available_credit(:attendee)', 'available_stock(' . product() . ')', 'validate_cart(:cart)');
		} ],
	fill => [ 10, 'RP00[58]|40001', sub {"$call regpaydb.set_quantity(regpaydb.current_cart(:attendee), " . product() . ', ' . int(rand 4) . ')'} ],
	change => [ 4, 'RP00[258]|40001', sub {"$call regpaydb.set_quantity(:cart, " . product() . ', ' . int(rand 4) . ')'} ],
	extend => [ 2, 'RP00[258]', sub {"$call regpaydb.extend_reservation(:cart, '" . any('1 minute', '2 seconds') . "')"} ],
	checkout => [ 8, 'RP00[2358]', sub {"$call regpaydb.invoice_cart(:cart)"} ],
	expire => [ 2, '', sub {"$call regpaydb.expire_invoices(" . any(1, 3, 100) . ')'} ],
	plain_item => [ 3, 'RP00[58]|40001|23505|23503', sub {
			any('INSERT /* plain */ INTO regpaydb.cart_item (cart_id, product_id, quantity) VALUES (:cart, ' . product() . ', 1)',
				'UPDATE /* plain */ regpaydb.cart_item SET quantity = ' . (1 + int rand 3) . ' WHERE cart_id = :cart',
				'DELETE /* plain */ FROM regpaydb.cart_item WHERE cart_id = :cart AND product_id = ' . product());
		} ],
	plain_items => [ 1, 'RP00[58]|40001', sub {
			any('UPDATE /* plain */ regpaydb.cart_item SET quantity = 1 WHERE quantity > 1',
				'DELETE /* plain */ FROM regpaydb.cart_item i USING regpaydb.cart c WHERE c.cart_id = i.cart_id AND '
				  . "status = 'active' AND product_id = " . product());
		} ],
	plain_discount => [ 2, 'RP00[58]|40001|23503', sub {
			any('INSERT /* plain */ INTO regpaydb.cart_discount (cart_id, product_id, description, quantity, amount) '
				  . 'VALUES (:cart, ' . product() . ", 'Speaker', 1, " . any(1, 5, 60) . ')',
				'DELETE /* plain */ FROM regpaydb.cart_discount WHERE cart_id = :cart');
		} ],
	lapse => [ 2, '40001', sub {"UPDATE /* plain */ regpaydb.cart SET time_last_updated = now() - interval '2 hours' WHERE cart_id = :cart AND status = 'active'"} ],
	undo => [ 3, 'RP00[1-8]|25P02|23505|40001|3B001', sub {
			my ($invoice, $amount, $ref) = charge();
			return transaction('SAVEPOINT s', any("SELECT /* several */ regpaydb.pay(:unpaid, :due, 'undone', 'stripe', 'undone_$ref')",
					'SELECT /* several */ regpaydb.set_quantity(:cart, ' . product() . ', 2)',
					'SELECT /* several */ regpaydb.refund_invoice(:invoice)'),
				'ROLLBACK TO s', "INSERT /* several */ INTO regpaydb.payment (invoice_id, amount) VALUES (:invoice, 7)",
				any('COMMIT', 'COMMIT', 'ROLLBACK'));
		} ],
	several => [ 3, 'RP00[1-9]|25P02|23505|40001', sub {
			return transaction("SELECT /* several */ regpaydb.pay(:unpaid, :due, 'card')", 'SELECT /* several */ regpaydb.refund_invoice(:invoice)',
				"SELECT /* several */ regpaydb.manual_invoice(:attendee, '1 day', '[{\"description\": \"Tutorial\", \"price\": 20}]')",
				any('COMMIT', 'COMMIT', 'ROLLBACK'));
		} ],
);
# The server refuses COPY FROM to a role that policies apply to.
my %deck = (treasurer => [ map { ($_) x $work{$_}[0] } sort keys %work ]);
$deck{shop} = [ grep { $_ ne 'copy' } @{ $deck{treasurer} } ];

# What any statement may meet.
my $any_time = '57014|57P01';

# One session does all that changes tables: of the server, not the engine, is
# that two of those get into each other's way.
my @tables = qw(invoice payment credit_note cart cart_item product attendee outbox reservation);
my $toggle = 0;
$work{maintain} = [ 0, '', sub {
		my $table = any(@tables);

		return any(
			"VACUUM regpaydb.$table", "VACUUM ANALYZE regpaydb.$table", "ANALYZE regpaydb.$table",
			"CREATE INDEX CONCURRENTLY IF NOT EXISTS chaos_$table ON regpaydb.$table ((${table}_id + 1))",
			"DROP INDEX CONCURRENTLY IF EXISTS regpaydb.chaos_$table",
			"REINDEX INDEX CONCURRENTLY regpaydb." . any('invoice_pkey', 'payment_pkey', 'cart_pkey', 'product_pkey', 'payment_provider_provider_ref_key'),
			"ALTER TABLE regpaydb.$table ADD COLUMN chaos_" . ++$toggle . ' int' . any('', ' DEFAULT 5'),
			"ALTER TABLE regpaydb.$table DROP COLUMN IF EXISTS chaos_" . int(rand($toggle + 1)),
			'UPDATE regpaydb.conference SET auto_apply_credit = NOT auto_apply_credit',
			"GRANT SELECT ON regpaydb.$table TO guest", "REVOKE SELECT ON regpaydb.$table FROM guest",
			"SELECT regpaydb.grant_access('guest', '" . any('app', 'staff', 'reports') . "')",
			"SELECT regpaydb.revoke_access('guest', '" . any('app', 'staff', 'reports') . "')")
		  =~ s/\(\(reservation_id \+ 1\)\)/(product_id, quantity)/r;
	} ];

# ---- clients ----

my $scripts = 0;

# A psql with a script that lasts for some seconds, unless its session is terminated;
# where each line of it comes from.
sub start_client
{
	my ($client) = @_;
	my @lines = map { [ 'setup', $_ ] } '\set VERBOSITY verbose', '\set invoice 1', '\set unpaid 1', '\set due 1',
	  '\set note 0', '\set cart 0', '\set attendee 1', '\set paid 0', '\set line 0', '\set refund 0';
	my $name = "$folder/client." . ++$scripts;

	if ($client->{name} eq 'killer')
	{
		push @lines, map { (
				[ 'kill', 'SELECT pg_' . (rand() < 0.07 ? 'terminate' : 'cancel') . '_backend(pid) FROM (SELECT pid FROM pg_stat_activity '
					  . "WHERE application_name = 'chaos' AND state = 'active' ORDER BY random() LIMIT 1) p \\g /dev/null" ],
				[ 'kill', 'SELECT pg_sleep(0.07) \g /dev/null' ]) } 1 .. 400;
	}
	else
	{
		for (1 .. ($client->{name} eq 'maintainer' ? 200 : 3000))
		{
			my $kind = $client->{name} eq 'maintainer' ? 'maintain' : any(@{ $deck{ $client->{user} } });
			my @sql = $work{$kind}[2]->();

			push @lines, [ 'pick', 'SELECT * FROM pick() \gset' ] if $kind ne 'maintain' && rand() < 0.7;
			push @lines, map { [ $kind, /^\\/ ? $_ : "$_;" ] } @sql;
			push @lines, [ $kind, "\\echo done $kind :ERROR" ];
			# Not to be the only one at work.
			push @lines, [ 'setup', 'SELECT pg_sleep(0.1) \g /dev/null' ] if $kind eq 'maintain';
		}
	}
	append_to_file("$name.sql", join '', map {"$_->[1]\n"} @lines);
	local $ENV{PGAPPNAME} = $client->{name} eq 'killer' ? 'killer' : 'chaos';
	local $ENV{PGOPTIONS} = '-c default_transaction_isolation=' . $client->{level} =~ s/ /\\ /r
	  . ($client->{user} eq 'shop' ? ' -c regpaydb.user_id=900' : '');
	$client->{lines} = \@lines;
	$client->{files} = $name;
	my $command = "exec psql -XAtq -U $client->{user} -d '" . $node->connstr('postgres') . "' -f $name.sql >$name.out 2>$name.err </dev/null";
	$client->{pid} = fork // die "could not fork: $!";
	if ($client->{pid} == 0)
	{
		exec 'sh', '-c', $command or POSIX::_exit(1);
	}
	return;
}

my (%done, %failed, %acks, @unexpected);
my $snapshots = 0;
my $terminated = 0;

# What there was too little of to judge by.
sub missing
{
	return join ', ', (grep { !$done{$_} } sort keys %work), (grep { !$failed{$_} } qw(40001 57014)),
	  $terminated ? () : 'terminated sessions', $snapshots >= 5 ? () : 'snapshots',
	  (grep { (values %{ $acks{$_} })[0] > 1 } keys %acks) ? () : 'charges that are sent again';
}

sub allowed
{
	my ($client, $kind, $code) = @_;

	return 1 if $code =~ /^(?:$any_time)$/;
	return 1 if $code eq '40001' && $client->{level} ne 'read committed';
	# Which ones deadlock is in the log: any can be the victim of a plain one.
	return 1 if $code eq '40P01';
	return $work{$kind} && $work{$kind}[1] ne '' && $code =~ /^(?:$work{$kind}[1])$/;
}

# What a client that has ended has seen.
sub look_at_client
{
	my ($client) = @_;

	$terminated++ if $? != 0;
	for my $line (lines(slurp_file("$client->{files}.out")))
	{
		$done{$1}++ if $line =~ /^done (\w+) false/;
		$acks{$1}{$2}++ if $line =~ /^ack (\w+)\|(\d+)/;
	}
	for my $line (lines(slurp_file("$client->{files}.err")))
	{
		# WARNINGs are of ROLLBACK and COMMIT outside of transactions.
		next if $line !~ /(?:ERROR|FATAL|PANIC):/;
		if ($line =~ /^psql:.*?:(\d+): (?:ERROR|FATAL):  (\w{5}): (.*)/)
		{
			my ($kind, $sql) = @{ $client->{lines}[ $1 - 1 ] };

			$failed{$2}{$kind}++;
			push @unexpected, "$client->{level}, $kind: $2: $3: $sql" if !allowed($client, $kind, $2);
		}
		# A session that has only begun is told so without a code.
		elsif ($line !~ /FATAL:  (?:57P01|terminating connection due to administrator command)/)
		{
			push @unexpected, $line;
		}
	}
	unlink map {"$client->{files}.$_"} qw(sql out err);
	return;
}

# ---- what must be true in every snapshot ----

my $facts = <<'SQL';
SET search_path = regpaydb;
BEGIN ISOLATION LEVEL REPEATABLE READ;
SELECT 'integrity', object, problem FROM check_integrity()
UNION ALL SELECT 'money', received::text, kept::text
	FROM (SELECT coalesce(sum(amount), 0) AS received FROM payment WHERE kind IN ('payment', 'manual', 'reversal')) r,
		(SELECT (SELECT sum(paid) FROM invoice) + (SELECT coalesce(sum(value), 0) FROM credit_note n LEFT JOIN credit_note_refund f USING (credit_note_id)
			WHERE n.state <> 'applied' AND f.state IS DISTINCT FROM 'failed') AS kept) k
	WHERE received <> kept
UNION ALL SELECT 'total of invoice', invoice_id::text, paid::text FROM invoice i
	LEFT JOIN (SELECT invoice_id, sum(amount) AS total, count(*) AS number FROM payment GROUP BY 1) p USING (invoice_id)
	WHERE paid <> coalesce(total, 0) OR payment_count <> coalesce(number, 0)
UNION ALL SELECT 'state of invoice', invoice_id::text, status::text FROM invoice
	WHERE CASE status WHEN 'unpaid' THEN paid >= value WHEN 'paid' THEN paid <> value ELSE paid <> 0 END
UNION ALL SELECT 'claims of note', n.credit_note_id::text, n.state::text FROM credit_note n
	WHERE (SELECT count(*) FROM credit_note_application a WHERE a.credit_note_id = n.credit_note_id) <> (state = 'applied')::int
		OR (SELECT count(*) FROM credit_note_refund r WHERE r.credit_note_id = n.credit_note_id) <> (state = 'refunded')::int
UNION ALL SELECT 'gone back', payment_id::text, gone::text FROM (
		SELECT payment_id, p.amount, (SELECT coalesce(sum(t.amount), 0) FROM credit_note_refund_part t JOIN credit_note_refund r USING (credit_note_refund_id)
				WHERE t.payment_id = p.payment_id AND r.state <> 'failed')
			+ (SELECT coalesce(sum(v.amount), 0) FROM reversal v WHERE v.payment_id = p.payment_id) AS gone FROM payment p) b
	WHERE gone > greatest(amount, 0)
UNION ALL SELECT 'refund', credit_note_refund_id::text, r.state::text FROM credit_note_refund r JOIN credit_note n USING (credit_note_id)
	WHERE value IS DISTINCT FROM (SELECT sum(amount) FROM credit_note_refund_part t WHERE t.credit_note_refund_id = r.credit_note_refund_id)
		OR (r.state = 'failed') <> (returned_payment_id IS NOT NULL)
UNION ALL SELECT 'a reference of two', provider, provider_ref FROM (SELECT provider, provider_ref FROM credit_note_refund
	UNION ALL SELECT provider, reversal_ref FROM reversal) b WHERE provider_ref IS NOT NULL GROUP BY 2, 3 HAVING count(*) > 1
UNION ALL SELECT 'recorded twice', provider, provider_ref FROM payment WHERE provider_ref IS NOT NULL GROUP BY 2, 3 HAVING count(*) > 1
UNION ALL SELECT 'undone', provider, provider_ref FROM payment WHERE provider_ref LIKE 'undone%'
-- What is reserved counts, lapsed or not, until it is taken back.
UNION ALL SELECT 'units of product', product_id::text, format('%s taken of %s, %s free', taken, stock, free) FROM product p
	CROSS JOIN LATERAL (
		SELECT (SELECT coalesce(sum(quantity), 0) FROM cart_item i JOIN cart c USING (cart_id) WHERE c.status = 'paid' AND i.product_id = p.product_id)
			+ (SELECT coalesce(sum(quantity), 0) FROM reservation r WHERE reserved_until > '-infinity' AND r.product_id = p.product_id) AS taken,
			(SELECT sum(free) FROM stock_slot s WHERE s.product_id = p.product_id) AS free) u
	WHERE taken > stock OR free <> coalesce(stock, 0) - taken
UNION ALL SELECT 'paid cart without its invoice', cart_id::text, count(invoice_id)::text
	FROM cart c LEFT JOIN (SELECT * FROM invoice WHERE status = 'paid') i USING (cart_id)
	WHERE c.status = 'paid' GROUP BY cart_id HAVING count(invoice_id) <> 1
-- An invoice of which something is returned, and the one with the rest, are one deed.
UNION ALL SELECT 'replaced but not refunded', s.invoice_id::text, p.status::text FROM invoice s JOIN invoice p ON p.invoice_id = s.replaces
	WHERE p.status IN ('unpaid', 'paid') OR s.status = 'unpaid'
UNION ALL SELECT 'not in the cart that was kept', i.invoice_id::text, l.description FROM invoice i JOIN line_item l USING (invoice_id)
	LEFT JOIN cart_item q ON q.cart_id = i.cart_id AND q.product_id = l.product_id
	WHERE i.replaces IS NOT NULL AND i.cart_id IS NOT NULL AND l.price >= 0 AND l.quantity IS DISTINCT FROM q.quantity;
COMMIT;
SQL

# ---- chaos ----

my @clients = (
	{ name => 'killer', user => 'postgres', level => $levels[0] },
	{ name => 'maintainer', user => 'treasurer', level => $levels[0] },
	map { { name => "client $_", user => $_ % 2 ? 'treasurer' : 'shop', level => $levels[ $_ % 3 ] } } 1 .. 9);
my $wrong = '';
my $end = time + $seconds;
my $latest = $end + 2 * $PostgreSQL::Test::Utils::timeout_default;

start_client($_) for @clients;
for (; time < $end || (missing() ne '' && time < $latest); sleep 0.2)
{
	for my $client (@clients)
	{
		next if waitpid($client->{pid}, POSIX::WNOHANG) == 0;
		look_at_client($client);
		start_client($client);
	}
	my ($status, $out, $err) = $node->psql('postgres', "\\set VERBOSITY sqlstate\n$facts");

	$snapshots++;
	$wrong = "after snapshot $snapshots:\n$out$err" if $wrong eq '' && ($status != 0 || $out ne '');
}
# Again and again, for one may be about to connect.
while (@clients)
{
	$node->safe_psql('postgres', "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name IN ('chaos', 'killer')");
	sleep 0.2;
	@clients = grep {
		my $ended = waitpid($_->{pid}, POSIX::WNOHANG) != 0;
		look_at_client($_) if $ended;
		!$ended
	} @clients;
}

# ---- how it went ----

note("$snapshots snapshots, $terminated sessions ended and begun again");
note(join ', ', map { "$_: " . ($done{$_} // 0) } sort keys %work);
for my $code (sort keys %failed)
{
	note("$code: ", join ', ', map {"$_ $failed{$code}{$_}"} sort keys %{ $failed{$code} });
}
is(missing(), '', 'there was enough of all kinds of work, and it was looked at often enough');
is($wrong, '', 'in every snapshot money and stock were right');
is($node->safe_psql('postgres', $facts), '', 'so they are in the end');
is(scalar(@unexpected), 0, 'no error but documented ones') or diag(join "\n", @unexpected[ 0 .. (@unexpected > 20 ? 20 : $#unexpected) ]);
integrity($node, 'postgres', 'regpaydb', 'the ledger is sound');
money_is_conserved($node, 'postgres', 'regpaydb', 'it keeps the money');

# Whoever sent a charge again was told the same.
is(join(' ', grep { keys %{ $acks{$_} } > 1 } sort keys %acks), '', 'a charge is one payment to everybody');
is($node->safe_psql('postgres', 'SELECT count(*) FROM (VALUES '
		  . join(', ', map {"('$_', " . (keys %{ $acks{$_} })[0] . ')'} sort keys %acks) . q{) a (ref, id)
	LEFT JOIN regpaydb.payment p ON payment_id = id AND provider = 'stripe' AND provider_ref = ref WHERE payment_id IS NULL}),
	0, 'and is recorded');

# ---- the log ----

my $log = slurp_file($node->logfile);
my (%deadlocks, @between_functions);

is(join("\n", $log =~ /(?:ERROR|FATAL|PANIC):  (?:XX|58|53).*/g), '', 'no internal error');
is(join("\n", $log =~ /.*(?:PANIC|TRAP|terminated by signal).*/g), '', 'no crash');
while ($log =~ /ERROR:  40P01:.*\n.*DETAIL:  ((?:.*\n)(?:\t.*\n)*)/g)
{
	my $detail = $1;
	my @queries = $detail =~ /^\tProcess \d+: (.*)$/mg;
	my $kind = (grep { !m{/\* engine \*/|^COPY |_access\(} } @queries) ? 'others' : 'engine';

	$deadlocks{$kind}++;
	push @between_functions, $detail if $kind eq 'engine';
}
note('deadlocks: ', join ', ', map {"$_: $deadlocks{$_}"} sort keys %deadlocks);
is(join("\n", @between_functions), '', 'no deadlock between functions');

done_testing();
