# Ledgers that earlier versions made, with every kind of row, are brought to this version:
# by ALTER EXTENSION UPDATE and upgrade_ledger() where they are, and where a dump of them
# is restored into this version.  Then they are what a fresh ledger is, and work.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RegpayTest;
use Test::More;

plan skip_all => 'REGPAYDB_SRC, the folder of the sources, is not set' unless $ENV{REGPAYDB_SRC};

my $folder = PostgreSQL::Test::Utils::tempdir;
my $source = $ENV{REGPAYDB_SRC};
my ($server, $pg_config) = copy_server($folder);

system_or_bail('make', '-s', '-C', $source, 'with_llvm=no', "PG_CONFIG=$pg_config", 'install');
my $share = qx{$pg_config --sharedir};
chomp $share;
system_or_bail('cp', glob("$source/test/upgrade/regpaydb--*.sql"), "$share/extension/");

my $node = new_node('main', install_path => $server);
$node->start;
my $version = $node->safe_psql('postgres', q{SELECT default_version FROM pg_available_extensions WHERE name = 'regpaydb'});

# A new function belongs to whom it does in a fresh extension.
my @updates = glob "$source/sql/regpaydb--*--$version.sql";
my $installer = slurp_file("$source/sql/extension/90_installer.sql");
is(scalar @updates, 1, 'one script updates to this version');
ok(slurp_file($updates[0]) =~ /\Q$installer\E\z/, 'it ends as that which installs it');

my @roles = qw(upgrade_owner upgrade_shop upgrade_desk upgrade_books);
$node->safe_psql('postgres', join ';', map { "CREATE ROLE $_ LOGIN" } @roles);

# Restore the dump of a version, or what that was changed to; the error messages.
sub restore_text
{
	my ($text, $database, @first) = @_;
	my ($status, $out, $err);

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, join ';', @first) if @first;
	($status, $out, $err) = $node->psql($database, $text, on_error_stop => 0);
	return $err;
}

sub restore
{
	my ($old, @where) = @_;

	return restore_text(slurp_file("$source/test/upgrade/ledger-$old.sql"), @where);
}

# What is in a ledger that no upgrade may change, and the user's own things.  What is
# reserved is what has not lapsed.
sub content
{
	my ($database) = @_;

	return $node->safe_psql($database, <<'SQL');
SET search_path = conf;
SELECT md5(string_agg((payment_id, invoice_id, kind, "time", reference, amount, provider, provider_ref, entered_by, note_of_ours)::text, ' ' ORDER BY payment_id)) FROM payment;
SELECT md5(string_agg((invoice_id, attendee_id, cart_id, cart_revision, status, value, paid, payment_count, last_payment_id, issue_time, paid_time, closed_time)::text, ' ' ORDER BY invoice_id)) FROM invoice;
SELECT md5(string_agg((outbox_id, "time", kind, invoice_id, old_status, new_status, credit_note_id, cart_id)::text, ' ' ORDER BY outbox_id)) FROM outbox;
SELECT md5(string_agg(t::text, ' ' ORDER BY t::text)) FROM (SELECT c::text AS t FROM credit_note c UNION ALL SELECT c::text FROM cart c
	UNION ALL SELECT i::text FROM cart_item i UNION ALL SELECT r::text FROM current_reservation r
	UNION ALL SELECT (cart_id, product_id, quantity)::text FROM reservation
	UNION ALL SELECT (product_id, category_id, name, price, stock, limit_per_attendee, reservation_duration, display_order)::text FROM product
	UNION ALL SELECT (category_id, name, required, limit_per_attendee, display_order)::text FROM category
	UNION ALL SELECT a::text FROM attendee a UNION ALL SELECT l::text FROM line_item l) t;
SELECT count(*) FROM our_view;
SQL
}

# All objects of a ledger, without the user's own: definitions, comments, owners, and
# who may use them.
sub objects
{
	my ($database) = @_;

	return $node->safe_psql($database, <<'SQL');
SET search_path = conf;
CREATE FUNCTION pg_temp.acl(aclitem[]) RETURNS text LANGUAGE sql AS $$
	SELECT string_agg(format('%s %s %s', grantee::regrole, privilege_type, is_grantable), ', ' ORDER BY grantee::regrole::text, privilege_type)
	FROM aclexplode($1)
$$;
SELECT 'relation', c.relname, c.relkind, c.reloptions, c.relrowsecurity, c.relowner::regrole, pg_temp.acl(c.relacl), obj_description(c.oid, 'pg_class')
FROM pg_class c
WHERE c.relnamespace = 'conf'::regnamespace AND c.relname !~ '^our' ORDER BY 2;
SELECT 'column', c.relname, t.attname, format_type(t.atttypid, t.atttypmod), t.attnotnull, t.attidentity, t.attgenerated,
	pg_get_expr(d.adbin, d.adrelid), pg_temp.acl(t.attacl), col_description(c.oid, t.attnum)
FROM pg_class c JOIN pg_attribute t ON t.attrelid = c.oid AND t.attnum > 0 AND NOT t.attisdropped
LEFT JOIN pg_attrdef d ON d.adrelid = c.oid AND d.adnum = t.attnum
WHERE c.relnamespace = 'conf'::regnamespace AND c.relname !~ '^our' AND t.attname <> 'note_of_ours' ORDER BY 2, 3;
SELECT 'constraint', conrelid::regclass, conname, pg_get_constraintdef(oid), obj_description(oid, 'pg_constraint')
FROM pg_constraint WHERE connamespace = 'conf'::regnamespace ORDER BY 2, 3;
SELECT 'index', pg_get_indexdef(indexrelid) FROM pg_index i JOIN pg_class c ON c.oid = indexrelid
WHERE c.relnamespace = 'conf'::regnamespace AND c.relname !~ '^our' ORDER BY c.relname;
SELECT 'trigger', pg_get_triggerdef(t.oid), tgenabled, obj_description(t.oid, 'pg_trigger')
FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE c.relnamespace = 'conf'::regnamespace AND NOT tgisinternal ORDER BY c.relname, tgname;
SELECT 'view', c.relname, pg_get_viewdef(c.oid) FROM pg_class c
WHERE c.relnamespace = 'conf'::regnamespace AND relkind = 'v' AND relname !~ '^our' ORDER BY 2;
SELECT 'policy', p.polrelid::regclass, polname, polcmd, polpermissive, (SELECT string_agg(r::regrole::text, ' ' ORDER BY r::regrole::text) FROM unnest(polroles) r),
	pg_get_expr(polqual, polrelid), pg_get_expr(polwithcheck, polrelid), obj_description(p.oid, 'pg_policy')
FROM pg_policy p JOIN pg_class c ON c.oid = polrelid WHERE c.relnamespace = 'conf'::regnamespace ORDER BY 2, 3;
SELECT 'schema', n.nspowner::regrole, pg_temp.acl(n.nspacl), obj_description(n.oid, 'pg_namespace') FROM pg_namespace n WHERE nspname = 'conf';
SQL
}

# That both have the same lines; those that differ, else.
sub same_lines
{
	my ($got, $expected, $name) = @_;
	my %is_got = map { $_ => 1 } lines($got);
	my %is_expected = map { $_ => 1 } lines($expected);

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	cmp_ok(scalar keys %is_expected, '>', 50, "$name: there is something to compare");
	is(join("\n", (map { "not expected: $_" } grep { !$is_expected{$_} } sort keys %is_got),
			map { "missing: $_" } grep { !$is_got{$_} } sort keys %is_expected), '', $name);
	return;
}

sub functions
{
	my ($database) = @_;

	return $node->safe_psql($database, <<'SQL');
SELECT pg_get_functiondef(p.oid), obj_description(p.oid, 'pg_proc'), p.proowner::regrole,
	(SELECT string_agg(a::text, ' ' ORDER BY a::text) FROM unnest(p.proacl) a)
FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'regpaydb') AND d.deptype = 'e'
ORDER BY p.proname;
SELECT t.typname, (SELECT string_agg(enumlabel, ' ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid), t.typacl, obj_description(t.oid, 'pg_type')
FROM pg_depend d JOIN pg_type t ON t.oid = d.objid AND d.classid = 'pg_type'::regclass
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'regpaydb') AND d.deptype = 'e'
ORDER BY 1
SQL
}

# What was granted by grant_access() is of the ledger's owner in this version.
sub has_function
{
	my ($database, $role, $function) = @_;

	return $node->safe_psql($database, "SELECT has_function_privilege('$role', 'regpaydb.$function', 'EXECUTE')");
}

# ---- a fresh one to hold them against ----

my $access = join ';', q{SELECT regpaydb.grant_access('upgrade_shop', 'app')}, q{SELECT regpaydb.grant_access('upgrade_shop', 'staff')},
  q{SELECT regpaydb.grant_access('upgrade_desk', 'staff')}, q{SELECT regpaydb.grant_access('upgrade_books', 'reports')};

sub fresh_ledger
{
	my ($currency) = @_;

	return <<"SQL";
CREATE EXTENSION regpaydb;
GRANT EXECUTE ON FUNCTION regpaydb.create_ledger TO upgrade_owner;
GRANT USAGE ON SCHEMA regpaydb TO upgrade_owner;
SET ROLE upgrade_owner;
SELECT regpaydb.create_ledger('conf', 'Old Conference', '$currency');
SET regpaydb.ledger = 'conf';
$access
SQL
}

$node->safe_psql('postgres', 'CREATE DATABASE fresh; GRANT CREATE ON DATABASE fresh TO upgrade_owner');
$node->safe_psql('fresh', fresh_ledger('AUD'));

# What is sold of each product, and what can be had of it, as versions before 0.3.0 say.
sub old_stock
{
	my ($database) = @_;

	return $node->safe_psql($database, <<'SQL');
SET search_path = conf;
SELECT p.product_id, p.sold, CASE WHEN p.stock IS NOT NULL THEN greatest(p.stock - p.sold - (SELECT coalesce(sum(r.quantity), 0) FROM current_reservation r WHERE r.product_id = p.product_id), 0) END
FROM product p ORDER BY 1;
SQL
}

sub stock
{
	my ($database) = @_;

	return $node->safe_psql($database, q{SET regpaydb.ledger = 'conf';
		SELECT product_id, sold, regpaydb.available_stock(product_id) FROM conf.product_stock ORDER BY 1});
}

# SQL by which an attendee buys so many of a product, with what is in the cart already.
sub buy
{
	my ($user_id, $product_id, $quantity) = @_;

	return <<"SQL";
SELECT regpaydb.set_quantity(regpaydb.current_cart(attendee_id), $product_id, $quantity) FROM attendee WHERE user_id = $user_id;
SELECT regpaydb.invoice_cart(cart_id) AS invoice FROM cart JOIN attendee USING (attendee_id) WHERE user_id = $user_id AND status = 'active' \\gset
SELECT regpaydb.pay(invoice_id, value - paid, 'card') FROM invoice WHERE invoice_id = :invoice AND status = 'unpaid' \\g /dev/null
SELECT status FROM invoice WHERE invoice_id = :invoice;
SQL
}

# That a ledger is of this version now: as a fresh one, its rows as they were, and
# everybody at work.
sub is_upgraded
{
	my ($database, $before, $stock) = @_;
	my $as = sub { my ($role, $sql) = @_; return $node->safe_psql($database, "SET regpaydb.ledger = 'conf'; $sql", extra_params => [ '-U', $role ]) };

	is($node->safe_psql($database, 'SELECT ledger_version FROM conf.conference'), $version, "$database: the ledger is of this version");
	is(content($database), $before, "$database: its rows are what they were");
	is(stock($database), $stock, "$database: so is its stock");
	same_lines(objects($database), objects('fresh'), "$database: its objects are those of a fresh ledger");
	integrity($node, $database, 'conf', "$database: sound");
	is($node->safe_psql($database, q{SELECT count(*), count(*) FILTER (WHERE reserved_until > '-infinity' AND reserved_until <= now()) FROM conf.reservation}) =~ /^[1-9]\d*\|0$/, 1,
		"$database: what has lapsed is not held");
	is($as->('upgrade_books', q{SELECT product_id FROM conf.product_stock p LEFT JOIN conf.stock_slot s USING (product_id)
			GROUP BY product_id, stock, reserved, sold HAVING count(s) <> 8 OR sum(s.free) <> coalesce(stock, 0) - reserved - sold
				OR max(s.free) - min(s.free) > 1 OR bool_or(owing) <> (stock IS NOT NULL AND sum(s.free) < 0)}),
		'', "$database: each product has its slots, which the books see");
	is($as->('upgrade_shop', q{BEGIN; SELECT set_config('regpaydb.user_id', '104', true) <> ''; SELECT regpaydb.record_payment(7, 599, 'rest', 'stripe', 'ch_9', '2026-11-01') > 0; COMMIT}),
		"t\nt", "$database: the shop records a payment by a function that is new");
	is($as->('upgrade_desk', q{SELECT regpaydb.refund_invoice(7, 'called off') > 0}), 't', "$database: the desk refunds by a function that has changed");
	is($as->('upgrade_books', q{SELECT closed_reason FROM conf.report_invoices WHERE invoice_id = 7}), 'called off', "$database: the books show it");
	is($node->safe_psql($database, q{SELECT entered_by, value_date, note_of_ours IS NULL FROM conf.payment WHERE provider_ref = 'ch_9'}), '104|2026-11-01|t', "$database: who did it is kept");
	is($as->('upgrade_owner', q{SELECT regpaydb.revoke_access('upgrade_desk', 'staff')}), '', "$database: an access is revoked");
	is(has_function($database, 'upgrade_desk', $_), 'f', "$database: with it goes $_") for 'refund_invoice(bigint, text)', 'apply_credit_note(bigint, bigint)';
	is(has_function($database, 'upgrade_shop', $_), 't', "$database: the others' stays") for 'refund_invoice(bigint, text)';
	return;
}

# That carts of before the upgrade are bought, and what there is, and nothing else.
sub sells
{
	my ($old, $database) = @_;
	my $sql = sub { my ($sql) = @_; return $node->safe_psql($database, "SET regpaydb.ledger = 'conf'; SET search_path = conf; $sql", extra_params => [ '-U', 'upgrade_owner' ]) };
	my $refuses = sub { my ($sql, $message, $name) = @_; return fails_with($node, $database, "SET regpaydb.ledger = 'conf'; SET search_path = conf; $sql", 'RP005', $message, "$database: $name") };
	my $status = 'SELECT status, paid FROM invoice WHERE invoice_id =';
	my $left = 'SELECT regpaydb.available_stock';

	$refuses->(buy(104, 3, 1), qr/"Dinner" is sold out/, 'what is reserved is not sold to others');
	is($sql->(qq{SELECT regpaydb.pay(9, 75.50, 'card') > 0; $status 9; $left(3)}), "t\npaid|75.50\n0", "$database: who has reserved it pays");
	is($sql->(qq{SELECT regpaydb.refund_invoice(9) > 0; $left(3)}), "t\n1", "$database: and gives it back");
	is($sql->(buy(104, 3, 1) . "$left(3)"), "\npaid\n0", "$database: another one buys it");
	is($sql->(qq{UPDATE category SET stock = 5 WHERE name = 'Ticket'; $left(1); $left(2)}), "2\n2", "$database: a category gets a stock");
	$refuses->(buy(103, 2, 3), qr/only 2 of "Ticket" are left/, 'which counts');
	is($sql->(buy(103, 2, 2) . "$left(1)"), "\npaid\n0", "$database: all of it is bought");

	# Of what was bought before the upgrade something is returned, by staff of before; a fee is charged.
	my $as_shop = sub { my ($sql) = @_; return $node->safe_psql($database, "SET regpaydb.ledger = 'conf'; $sql", extra_params => [ '-U', 'upgrade_shop' ]) };
	my $note = $as_shop->(q{SELECT regpaydb.return_items(1, '[{"line_item_id": 1}, {"line_item_id": 2}]', 'ill')});
	is($sql->("SELECT value, state FROM credit_note WHERE credit_note_id = $note; $status 1; $left(1); $left(3)"), "90.00|unclaimed\nrefunded|0.00\n1\n0",
		"$database: a ticket is returned, and the dinner is kept");
	is($sql->(q{SELECT i.status, i.value, i.paid, c.status, q.product_id, q.quantity FROM invoice i JOIN cart c USING (cart_id) JOIN cart_item q USING (cart_id) WHERE replaces = 1}),
		'paid|75.50|75.50|paid|3|1', "$database: on an invoice of its own");
	my $fee = $as_shop->(qq{SELECT regpaydb.charge_credit_note($note, '[{"description": "Handling", "price": 4.50}]')});
	is($sql->(qq{$status $fee; SELECT regpaydb.available_credit(attendee_id) FROM invoice WHERE invoice_id = $fee}), "paid|4.50\n85.50",
		"$database: a fee is charged");
	is($sql->(buy(104, 1, 1) . "$left(1)"), "\npaid\n0", "$database: another one buys the ticket");
	return if $old eq '0.1.0';

	# A lapsed cart whose workshops are not all there any more, and one whose poster is.
	$refuses->(q{SELECT regpaydb.pay(11, 40, 'late')}, qr/only 1 of "Workshop" are left/, 'a lapsed cart that others have bought of');
	is($sql->(qq{SELECT regpaydb.record_payment(11, 40, 'late', 'bank', 'b-9') > 0; $status 11; $left(4)}), "t\nvoid|0.00\n1", "$database: its money is credit");
	is($sql->(buy(101, 4, 1) . "$left(4)"), "\npaid\n0", "$database: the last workshop is bought");
	is($sql->(qq{SELECT regpaydb.pay(13, 20, 'card') > 0; $status 13; $left(4)}), "t\npaid|20.00\n0", "$database: and the one that was reserved");
	is($sql->(qq{SELECT regpaydb.pay(14, 8, 'late') > 0; $status 14; $left(5)}), "t\npaid|8.00\n0", "$database: a lapsed cart is paid late, of which the last one is there");
	$refuses->(buy(101, 5, 1), qr/"Poster" is sold out/, 'then it is gone');

	# Less in stock than what is sold, and all that is in stock is sold.
	$refuses->(buy(101, 6, 1), qr/"Shirt" is sold out/, 'of which less is in stock than sold');
	is($sql->(qq{SELECT regpaydb.refund_invoice(15) > 0; $left(6)}), "t\n1", "$database: two come back, and one may be sold");
	$refuses->(buy(101, 7, 1), qr/"Tour" is sold out/, 'all of which is sold');
	is($sql->(qq{UPDATE product SET stock = 3 WHERE product_id = 7; $left(7)} . ';' . buy(101, 7, 1) . "$left(7)"), "1\n\npaid\n0", "$database: until there is more");
	is($sql->("$left(8); " . buy(101, 8, 5) . "$left(8)"), "5\n\npaid\n0", "$database: what a lapsed cart has, and what was given back, is bought");
	return;
}

# That the money of before the upgrade is told of: where it is, what can go back, and that
# a refund of then, which does not say where to, went to where its money had come from.
# money() writes an amount of hundredths as the ledger does.
sub follows_money
{
	my ($database, $money) = @_;
	my $session = sub { my ($sql) = @_; return "SET regpaydb.ledger = 'conf'; SET search_path = conf; $sql" };
	my $sql = sub { my ($sql) = @_; return $node->safe_psql($database, $session->($sql), extra_params => [ '-U', 'upgrade_owner' ]) };
	my ($four_fifty, $forty, $rest) = map { $money->($_) } 450, 4000, 16550;
	my $reverse = sub { my ($amount, $ref) = @_; return "SELECT regpaydb.record_reversal('bank', 'b-1', $amount, '$ref')" };

	is($sql->('SELECT payment_id, provider_ref, amount, refundable = 0 FROM regpaydb.refund_sources(4)'), "3|b-1|$forty|t", "$database: where a refund's money came from");
	is($sql->('SELECT place, amount, credit_note_id, credit_note_refund_id FROM regpaydb.money_trail(3)'), "refund|$forty|4|1", "$database: where it is");
	is($sql->('SELECT place, amount, invoice_id FROM regpaydb.money_trail(1)'), "invoice|$rest|1\ninvoice|$four_fifty|3", "$database: money that went on by way of a note");
	is($sql->(q{SELECT regpaydb.payment_summary('bank', 'b-1')}), "$forty: $forty back by refund 1 (done: back)", "$database: in words");
	is($sql->(q{SELECT count(*) FROM payment p WHERE kind IN ('payment', 'manual') AND amount > 0
			AND amount IS DISTINCT FROM (SELECT sum(t.amount) FROM regpaydb.money_trail(p.payment_id) t)}), '0', "$database: all trails add up");
	is($sql->('SELECT count(*) FROM credit_note n WHERE value IS DISTINCT FROM (SELECT sum(s.amount) FROM regpaydb.refund_sources(n.credit_note_id) s)'), '0',
		"$database: so do all sources");
	is($sql->($reverse->($forty, 'back') . ' IS NULL'), 't', "$database: a platform tells of the refund");
	fails_with($node, $database, $session->($reverse->($forty, 'dispute')), 'RP003', qr/more of payment 3 is reversed than it brought/, "$database: it went back already");
	fails_with($node, $database, $session->(q{SELECT regpaydb.confirm_refund(1, 'bank', 'other')}), 'RP009', qr/not that of this refund/, "$database: it is done, without that reference");
	fails_with($node, $database, $session->(q{SELECT regpaydb.fail_refund(1, 'late')}), 'RP008', qr/refund 1 is done/, "$database: it can't fail any more");
	is($sql->('SELECT regpaydb.confirm_refund(1); SELECT state, closed_time IS NULL, provider IS NULL FROM credit_note_refund; SELECT parts IS NULL FROM report_credit_note_refunds'),
		"\ndone|t|t\nt", "$database: it is what it was");
	is($sql->(q{SELECT difference = 0, losses = 0 FROM regpaydb.reconciliation(now())}), 't|t', "$database: the figures agree");

	# A note of before is asked for, fails, and is asked for again.
	is($sql->(q{SELECT regpaydb.request_refund(13, 'new') AS id \gset
		SELECT regpaydb.fail_refund(:id, 'closed') AS note \gset
		SELECT n.value = o.value, n.state, n.attendee_id = o.attendee_id FROM credit_note n, credit_note o WHERE n.credit_note_id = :note AND o.credit_note_id = 13;
		SELECT regpaydb.confirm_refund(regpaydb.request_refund(:note, 'once more'), 'bank', 're_1');
		SELECT state, payment_id FROM credit_note_refund JOIN credit_note_refund_part USING (credit_note_refund_id) ORDER BY credit_note_refund_id}),
		"t|unclaimed|t\n\nfailed|10\ndone|10", "$database: refunds of now");
	return;
}

my @as_owner = (extra_params => [ '-U', 'upgrade_owner' ]);

# What each function raises that is called with what an argument of its type may be.
my $each_function = <<'SQL';
CREATE FUNCTION pg_temp.raises(call text) RETURNS text LANGUAGE plpgsql AS $$
BEGIN
	EXECUTE call;
	RETURN call || ': nothing';
EXCEPTION WHEN OTHERS THEN
	RETURN CASE WHEN SQLSTATE = 'RP012' THEN SQLSTATE ELSE format('%s: %s %s', call, SQLSTATE, SQLERRM) END;
END $$;
SET regpaydb.ledger = 'conf';
SELECT pg_temp.raises(format('SELECT %s(%s)', p.oid::regproc, (
	SELECT string_agg(format('%L::%s', CASE
			WHEN a.name = 'role' THEN 'upgrade_desk' WHEN a.name = 'access' THEN 'staff' WHEN a.name = 'currency' THEN 'AUD'
			WHEN p.proname = 'create_ledger' AND a.name = 'schema_name' THEN 'another'
			ELSE (SELECT value FROM (VALUES ('name', 'conf'), ('text', 'x'), ('bigint', '7'), ('integer', '1'), ('numeric', '1'), ('jsonb', '[]'),
				('date', '2026-11-28'), ('interval', '1 day'), ('timestamp with time zone', '2026-11-28')) v (type, value) WHERE type = a.type::regtype::text)
		END, a.type::regtype), ', ' ORDER BY a.number)
	FROM unnest(p.proargtypes::oid[], p.proargnames) WITH ORDINALITY a (type, name, number) WHERE a.type IS NOT NULL)))
FROM pg_depend d JOIN pg_proc p ON p.oid = d.objid AND d.classid = 'pg_proc'::regclass
WHERE d.refobjid = (SELECT oid FROM pg_extension WHERE extname = 'regpaydb') AND d.deptype = 'e'
	AND p.prorettype <> 'trigger'::regtype AND p.proname !~ '^actor_';
SELECT pg_temp.raises('INSERT INTO conf.payment (invoice_id, amount) VALUES (7, 1)');
SELECT pg_temp.raises('INSERT INTO conf.attendee (user_id) VALUES (999)');
SELECT pg_temp.raises('UPDATE conf.cart_item SET quantity = quantity + 1');
SQL

for my $old ('0.1.0', '0.2.0')
{
	my $name = $old =~ tr/./_/r;
	my ($upgraded, $restored, $repeatable, $at_once) = map { "${_}_$name" } 'upgraded', 'restored', 'repeatable', 'at_once';

	# ---- the ledger is upgraded where it is ----

	like(restore($old, $upgraded, qq{CREATE EXTENSION regpaydb VERSION '$old'}, "GRANT CREATE ON DATABASE $upgraded TO upgrade_owner"),
		qr/^[^\n]*ERROR:  schema "regpaydb" already exists\n*$/, "the ledger of $old is there");
	is($node->safe_psql($upgraded, q{SELECT extversion, ledger_version FROM pg_extension, conf.conference WHERE extname = 'regpaydb'}), "$old|$old", "it is of $old");
	my $before = content($upgraded);
	my $stock = old_stock($upgraded);

	# What users have of a function whose columns change is theirs to drop, too.
	$node->safe_psql($upgraded, 'GRANT EXECUTE ON FUNCTION regpaydb.reconciliation TO upgrade_owner');
	$node->safe_psql($upgraded, 'CREATE VIEW conf.our_figures AS SELECT money_received, difference FROM regpaydb.reconciliation(now())', @as_owner);
	fails_with($node, $upgraded, 'ALTER EXTENSION regpaydb UPDATE', '2BP01', qr/reconciliation.*DETAIL:.*view conf\.our_figures/s, "$old: a view that uses reconciliation() is told of");
	is($node->safe_psql($upgraded, q{SELECT extversion FROM pg_extension WHERE extname = 'regpaydb'}), $old, "$old: then the extension is what it was");
	$node->safe_psql($upgraded, 'DROP VIEW conf.our_figures', @as_owner);

	# The library is of this version as soon as it is installed, for all databases at once.
	like($node->safe_psql($upgraded, $each_function), qr/^RP012(\nRP012){20,}$/, "with the extension of $old no function does anything with this library");
	is(old_stock($upgraded), $stock, 'and nothing is changed');

	$node->safe_psql($upgraded, 'ALTER EXTENSION regpaydb UPDATE');
	same_lines(map({ functions($_) =~ s/ ?upgrade_\w+=\S+//gr } $upgraded, 'fresh'),
		"$old: the functions and types are those of a fresh extension");
	fails_with($node, $upgraded, q{SET regpaydb.ledger = 'conf'; SELECT regpaydb.balance_due(7)}, 'RP012', qr/upgrade_ledger\('conf'\)/, "the ledger of $old is not yet");

	# What users have of a column that goes is theirs to drop.
	$node->safe_psql($upgraded, 'CREATE VIEW conf.our_sales AS SELECT product_id, sold FROM conf.product', @as_owner);
	fails_with($node, $upgraded, q{SELECT regpaydb.upgrade_ledger('conf')}, '2BP01', qr/column "sold" of table "product" goes.*DETAIL:.*our_sales.*HINT:.*product_stock/s,
		"$old: a view that uses a column which goes is told of");
	is(old_stock($upgraded), $stock, "$old: then the ledger is what it was");
	$node->safe_psql($upgraded, 'DROP VIEW conf.our_sales', @as_owner);
	$node->safe_psql($upgraded, q{SELECT regpaydb.upgrade_ledger('conf')}, @as_owner);
	same_lines(functions($upgraded), functions('fresh'), "$old: the functions and those who may execute them, too");
	is_upgraded($upgraded, $before, $stock);
	follows_money($upgraded, sub { sprintf '%.2f', $_[0] / 100 });
	sells($old, $upgraded);
	integrity($node, $upgraded, 'conf', "$upgraded: sound afterwards");

	# ---- a dump of it is restored into this version ----

	my $errors = restore($old, $restored);
	my @gone = $errors =~ /ERROR:  (.*)/g;
	my $changed = $old eq '0.1.0' ? qr/^function regpaydb\.(check_integrity\(\)|void_invoice\(bigint\)|refund_invoice\(bigint\)|record_manual_payment\(bigint, numeric, text, bigint\)) does not exist$/
	  : qr/^function regpaydb\.check_integrity\(\) does not exist$/;
	is_deeply([ grep { !/$changed/ } @gone ], [], "a dump of $old restores, but for grants on functions that are not there any more");
	cmp_ok(scalar @gone, '>', 0, 'of which there are some');
	$node->safe_psql($restored, q{SELECT regpaydb.upgrade_ledger('conf')}, @as_owner);
	is_upgraded($restored, $before, $stock);
	follows_money($restored, sub { sprintf '%.2f', $_[0] / 100 });
	sells($old, $restored);
	integrity($node, $restored, 'conf', "$restored: sound afterwards");

	# ---- all in one transaction, as psql -c sends it, and in other currencies ----

	for my $currency ([ aud => 'AUD', 'numeric(14,2)', '.' ], [ kwd => 'KWD', 'numeric(15,3)', '.' ], [ jpy => 'JPY', 'numeric(12,0)', '' ])
	{
		my ($suffix, $code, $type, $point) = @$currency;
		my $database = "${at_once}_$suffix";
		my $fresh = "fresh_$suffix";
		my $text = slurp_file("$source/test/upgrade/ledger-$old.sql") =~ s/numeric\(14,2\)/$type/gr =~ s/\tAUD\t/\t$code\t/r
		  =~ s/(?<=\t)(-?\d+)\.(\d\d)(?=[\t\n])/$1$point$2/gr =~ s/\b0\.00\b/$code eq 'JPY' ? '0' : $code eq 'KWD' ? '0.000' : '0.00'/ger;

		restore_text($text, $database, qq{CREATE EXTENSION regpaydb VERSION '$old'}, "GRANT CREATE ON DATABASE $database TO upgrade_owner");
		command_ok([ 'psql', '-XAtq', '-v', 'ON_ERROR_STOP=1', '-d', $node->connstr($database), '-c',
				q{ALTER EXTENSION regpaydb UPDATE; SELECT regpaydb.upgrade_ledger('conf')} ], "$database: upgraded in one transaction");
		if ($node->safe_psql('postgres', "SELECT count(*) FROM pg_database WHERE datname = '$fresh'") eq '0')
		{
			$node->safe_psql('postgres', "CREATE DATABASE $fresh; GRANT CREATE ON DATABASE $fresh TO upgrade_owner");
			$node->safe_psql($fresh, fresh_ledger($code));
		}
		same_lines(objects($database), objects($fresh), "$database: its objects are those of a fresh ledger");
		integrity($node, $database, 'conf', "$database: sound");
		money_is_conserved($node, $database, 'conf', "$database: keeps the money");
		follows_money($database, sub { $code eq 'JPY' ? $_[0] : sprintf $code eq 'KWD' ? '%.3f' : '%.2f', $_[0] / 100 });
		is($node->safe_psql($database, <<'SQL'), "t|t\nrefunded", "$database: a platform takes money of before back");
SET regpaydb.ledger = 'conf';
SET search_path = conf;
SELECT regpaydb.record_reversal('stripe', 'ch_1', 4, 'dp_1') AS id \gset
SELECT loss = 0, amount = 4 FROM reversal WHERE reversal_id = :id;
SELECT status FROM invoice WHERE invoice_id = 1;
SQL
		integrity($node, $database, 'conf', "$database: sound afterwards");
	}

	# ---- in a transaction that sees less than what was committed ----

	restore($old, $repeatable);
	my $upgrade = session($node, $repeatable);
	is(ask($upgrade, 'BEGIN ISOLATION LEVEL REPEATABLE READ; SELECT count(*) > 0 FROM conf.reservation'), 't', "$old: a snapshot is taken");
	# What it does not see: who took the last one, and who had it until just before that.
	$node->safe_psql($repeatable, <<'SQL');
SET session_replication_role = replica;
SET search_path = conf;
UPDATE product SET stock = 2 WHERE product_id = 1;
WITH made AS (
	INSERT INTO cart (attendee_id, time_last_updated, reservation_duration, entry_count, revision)
	VALUES (1, now(), '1 day', 1, 2), (2, clock_timestamp() - interval '1 hour', '1 hour', 1, 2) RETURNING *)
, item AS (INSERT INTO cart_item (cart_id, product_id, quantity) SELECT cart_id, 1, 1 FROM made)
INSERT INTO reservation SELECT cart_id, 1, 1, (time_last_updated AT TIME ZONE 'UTC' + reservation_duration) AT TIME ZONE 'UTC' FROM made;
SQL
	$before = content($repeatable);
	$stock = old_stock($repeatable);
	like($stock, qr/^1\|1\|0$/m, "$old: all of a product is taken");
	ask($upgrade, q{SELECT regpaydb.upgrade_ledger('conf'); COMMIT});
	$upgrade->quit;
	is_upgraded($repeatable, $before, $stock);
	fails_with($node, $repeatable, q{SET regpaydb.ledger = 'conf'; SET search_path = conf; } . buy(103, 1, 1), 'RP005', qr/"Full" is sold out/, "$repeatable: nothing is sold twice");
}

done_testing();
