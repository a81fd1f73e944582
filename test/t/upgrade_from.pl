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

# Restore the dump of a version; the error messages.
sub restore
{
	my ($old, $database, @first) = @_;
	my ($status, $out, $err);

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, join ';', @first) if @first;
	($status, $out, $err) = $node->psql($database, slurp_file("$source/test/upgrade/ledger-$old.sql"), on_error_stop => 0);
	return $err;
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

$node->safe_psql('postgres', 'CREATE DATABASE fresh; GRANT CREATE ON DATABASE fresh TO upgrade_owner');
$node->safe_psql('fresh', <<"SQL");
CREATE EXTENSION regpaydb;
GRANT EXECUTE ON FUNCTION regpaydb.create_ledger TO upgrade_owner;
GRANT USAGE ON SCHEMA regpaydb TO upgrade_owner;
SET ROLE upgrade_owner;
SELECT regpaydb.create_ledger('conf', 'Old Conference', 'AUD');
SET regpaydb.ledger = 'conf';
$access
SQL

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

my @as_owner = (extra_params => [ '-U', 'upgrade_owner' ]);

for my $old ('0.1.0', '0.2.0')
{
	my $name = $old =~ tr/./_/r;
	my ($upgraded, $restored, $repeatable) = map { "${_}_$name" } 'upgraded', 'restored', 'repeatable';

	# ---- the ledger is upgraded where it is ----

	like(restore($old, $upgraded, qq{CREATE EXTENSION regpaydb VERSION '$old'}, "GRANT CREATE ON DATABASE $upgraded TO upgrade_owner"),
		qr/^[^\n]*ERROR:  schema "regpaydb" already exists\n*$/, "the ledger of $old is there");
	is($node->safe_psql($upgraded, q{SELECT extversion, ledger_version FROM pg_extension, conf.conference WHERE extname = 'regpaydb'}), "$old|$old", "it is of $old");
	my $before = content($upgraded);
	my $stock = old_stock($upgraded);

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
	sells($old, $upgraded);
	integrity($node, $upgraded, 'conf', "$upgraded: sound afterwards");

	# ---- a dump of it is restored into this version ----

	my $errors = restore($old, $restored);
	my @gone = $errors =~ /ERROR:  (.*)/g;
	my $changed = $old eq '0.1.0' ? qr/^function regpaydb\.(void_invoice\(bigint\)|refund_invoice\(bigint\)|record_manual_payment\(bigint, numeric, text, bigint\)) does not exist$/ : qr/^$/;
	is_deeply([ grep { !/$changed/ } @gone ], [], "a dump of $old restores, but for grants on functions that are not there any more");
	cmp_ok(scalar @gone, '>', 0, 'of which there are some') if $old eq '0.1.0';
	$node->safe_psql($restored, q{SELECT regpaydb.upgrade_ledger('conf')}, @as_owner);
	is_upgraded($restored, $before, $stock);
	sells($old, $restored);
	integrity($node, $restored, 'conf', "$restored: sound afterwards");

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
