# Who decides on what he has read must not act on what others have made of it since.  The
# time between is short, so the library is compiled with pauses (paused.h): wherever it takes a
# snapshot, finds, locks or writes a row, or runs a query, it sometimes waits for a moment.
# Then two sessions do at once what only one of them can do, or what matters to the
# other, over and over; and many take the last units of a product.  All of it by both ways to a row.
#
# REGPAYDB_DUELS says how many of each kind, if not a few.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RegpayLibrary;
use RegpayTest;
use Test::More;
use Time::HiRes qw(time);

plan skip_all => 'REGPAYDB_SRC, the folder of the sources, is not set' unless $ENV{REGPAYDB_SRC};

my $duels = $ENV{REGPAYDB_DUELS} || 4;
my $clients = 8;
my $start = time;
my $folder = PostgreSQL::Test::Utils::tempdir;
my $build = RegpayLibrary->new($ENV{REGPAYDB_SRC}, '-include', "$FindBin::RealBin/paused.h");
my $only_sql = [ '#ifdef REGPAYDB_ROWS_BY_SQL', '#ifndef REGPAYDB_ROWS_BY_SQL' ];
my %library = ('by the interfaces' => $build->library, 'by SQL' => $build->library($only_sql));

note(sprintf 'compiled in %.1f s', time - $start);

my $node = new_node('main');
$node->append_conf('postgresql.conf', <<'CONF');
max_connections = 60
shared_buffers = 32MB
fsync = off
deadlock_timeout = 1s
CONF
$node->start;

# ---- what there is ----

# A duel is two deeds, for the two who come next; its rule is what comes of them: "one" of
# them is done and the other refused, "both" are done, and say the "same"; a "unit" is one's, be
# it paid late or taken; what a platform took back has to be "told".
$node->safe_psql('postgres', 'CREATE DATABASE shop');
$node->safe_psql('shop', <<'SQL');
CREATE EXTENSION regpaydb;
SELECT regpaydb.create_ledger();
CREATE TABLE duel (turn int PRIMARY KEY, kind text NOT NULL, rule text NOT NULL, deed text NOT NULL);
CREATE TABLE told (turn int PRIMARY KEY, answer text, refused text);
CREATE SEQUENCE turns MINVALUE 0;
-- Whose turn it is.  A transaction that is repeated is for the same one.
CREATE TABLE player (client int PRIMARY KEY, turn int);
INSERT INTO player SELECT generate_series(0, 31);
CREATE FUNCTION next_turn(client int) RETURNS int LANGUAGE sql AS
$$ UPDATE player p SET turn = coalesce(p.turn, nextval('turns')) WHERE p.client = next_turn.client RETURNING turn $$;
CREATE FUNCTION turn_ends(client int) RETURNS void LANGUAGE sql AS
$$ UPDATE player p SET turn = NULL WHERE p.client = turn_ends.client $$;
CREATE FUNCTION fight(turn int) RETURNS void LANGUAGE plpgsql AS
$$ DECLARE
	deed text := (SELECT d.deed FROM duel d WHERE d.turn = fight.turn);
	answer text;
BEGIN
	IF deed IS NULL THEN
		RETURN;
	ELSIF deed LIKE 'SELECT %' THEN
		EXECUTE deed INTO answer;
	ELSE
		EXECUTE deed;
	END IF;
	INSERT INTO told VALUES (fight.turn, answer, NULL);
EXCEPTION WHEN OTHERS THEN
	IF SQLSTATE !~ '^RP0' THEN
		RAISE;
	END IF;
	INSERT INTO told VALUES (fight.turn, NULL, SQLSTATE);
END $$;
CREATE FUNCTION duel(kind text, rule text, VARIADIC deeds text[]) RETURNS void LANGUAGE sql AS
$$ INSERT INTO duel SELECT (SELECT count(*) FROM duel) - 1 + row_number() OVER (ORDER BY random()), kind, rule, deeds[n] FROM generate_series(1, 2) n $$;

-- Each of these makes somebody or something new.
CREATE FUNCTION person() RETURNS bigint LANGUAGE sql AS
$$ INSERT INTO regpaydb.attendee (user_id) SELECT 1 + count(*) FROM regpaydb.attendee RETURNING attendee_id $$;
CREATE FUNCTION product(stock int, category bigint DEFAULT 1) RETURNS bigint LANGUAGE sql AS
$$ INSERT INTO regpaydb.product (category_id, name, price, stock) VALUES (category, 'Seat', 30, stock) RETURNING product_id $$;
CREATE FUNCTION category(stock int) RETURNS bigint LANGUAGE sql AS
$$ INSERT INTO regpaydb.category (name, stock) VALUES ('Hall', stock) RETURNING category_id $$;
CREATE FUNCTION cart(product bigint, quantity int) RETURNS bigint LANGUAGE plpgsql AS
$$ DECLARE
	basket bigint := regpaydb.current_cart(person());
BEGIN
	IF quantity > 0 THEN
		PERFORM regpaydb.set_quantity(basket, product, quantity);
	END IF;
	RETURN basket;
END $$;
CREATE FUNCTION lapsed(product bigint, quantity int) RETURNS bigint LANGUAGE plpgsql AS
$$ DECLARE
	basket bigint := cart(product, quantity);
	invoice bigint := regpaydb.invoice_cart(basket);
BEGIN
	UPDATE regpaydb.cart SET time_last_updated = now() - interval '1 day' WHERE cart_id = basket;
	RETURN invoice;
END $$;
CREATE FUNCTION bill(attendee bigint, price numeric) RETURNS bigint LANGUAGE sql RETURN
	regpaydb.manual_invoice(attendee, '1 day', jsonb_build_array(jsonb_build_object('description', 'Ticket', 'price', price)));
-- The note of what was paid too much.
CREATE FUNCTION note(price numeric, paid numeric, ref text, OUT note bigint, OUT attendee bigint) LANGUAGE plpgsql AS
$$ BEGIN
	attendee := person();
	PERFORM regpaydb.record_payment(bill(attendee, price), paid, '', 'p', ref);
	note := (SELECT max(credit_note_id) FROM regpaydb.credit_note);
END $$;
-- The same, after it has been on another invoice of this price.
CREATE FUNCTION far_note(price numeric, paid numeric, ref text, other_price numeric, OUT note bigint) LANGUAGE plpgsql AS
$$ DECLARE
	near record := note(price, paid, ref);
BEGIN
	PERFORM regpaydb.apply_credit_note(near.note, bill(near.attendee, other_price));
	note := (SELECT max(credit_note_id) FROM regpaydb.credit_note);
END $$;
CREATE FUNCTION take(cart bigint, product bigint, quantity int) RETURNS text LANGUAGE sql RETURN
	format('SELECT regpaydb.set_quantity(%s, %s, %s)', cart, product, quantity);
CREATE FUNCTION reverse(ref text, amount numeric, reversal_ref text) RETURNS text LANGUAGE sql RETURN
	format('SELECT regpaydb.record_reversal(''p'', %L, %s, %L)', ref, amount, reversal_ref);
CREATE FUNCTION pay(invoice bigint, amount numeric, ref text DEFAULT NULL) RETURNS text LANGUAGE sql RETURN
	format('SELECT regpaydb.%s(%s, %s, '''', %L, %L)', CASE WHEN ref IS NULL THEN 'pay' ELSE 'record_payment' END, invoice, amount, 'p' || left(ref, 0), ref);

CREATE FUNCTION return_one(invoice bigint) RETURNS text LANGUAGE sql RETURN
	(SELECT format('SELECT regpaydb.return_items(%s, ''[{"line_item_id": %s, "quantity": 1}]'')', invoice, line_item_id) FROM regpaydb.line_item l WHERE l.invoice_id = return_one.invoice);

CREATE PROCEDURE make_duels(i int) LANGUAGE plpgsql AS
$$ DECLARE
	n bigint;		-- a note
	r bigint;		-- a refund
	p bigint;		-- a product
	c bigint;		-- a cart
	v bigint;		-- an invoice
	who bigint;
	ref text := 'ch_' || i || '_';
BEGIN
	-- Money.
	UPDATE regpaydb.conference SET auto_apply_credit = false;
	r := regpaydb.request_refund(far_note(100, 150, ref || 1, 20), 're_' || i);
	PERFORM duel('fails, is reported', 'told', format('SELECT regpaydb.fail_refund(%s, '''')', r), reverse(ref || 1, 30, 're_' || i));
	n := (note(100, 140, ref || 2)).note;
	PERFORM duel('refund, applied', 'one', format('SELECT regpaydb.request_refund(%s, '''')', n), format('SELECT regpaydb.apply_credit_note(%s, %s)', n, bill(person(), 10)));
	n := far_note(100, 150, ref || 3, 20);
	PERFORM duel('refund, reversal', 'any', format('SELECT regpaydb.request_refund(%s, ''away'')', n), reverse(ref || 3, 150, 'dp_3_' || i));
	n := (note(100, 140, ref || 4)).note;
	PERFORM duel('refund, reversal of its invoice', 'any', format('SELECT regpaydb.refund_credit_note(%s, ''away'')', n), reverse(ref || 4, 140, 'dp_4_' || i));
	r := regpaydb.request_refund((note(100, 140, ref || 5)).note, '');
	PERFORM note(100, 110, ref || '5b');
	PERFORM duel('one reference', 'one', format('SELECT regpaydb.confirm_refund(%s, ''p'', %L)', r, 'x_' || i), reverse(ref || '5b', 10, 'x_' || i));
	r := regpaydb.request_refund((note(100, 140, ref || 6)).note, '');
	PERFORM duel('done, fails', 'one', format('SELECT regpaydb.confirm_refund(%s)', r), format('SELECT regpaydb.fail_refund(%s, '''')', r));
	n := (note(100, 140, ref || 7)).note;
	PERFORM duel('fee, refund', 'one', format('SELECT regpaydb.cancellation_fee(%s, 10)', n), format('SELECT regpaydb.refund_credit_note(%s, '''')', n));
	PERFORM note(90, 100, ref || 8);
	PERFORM duel('two reversals', 'one', reverse(ref || 8, 60, 'dp_8_' || i), reverse(ref || 8, 60, 'dp_8b_' || i));
	PERFORM note(90, 100, ref || 9);
	PERFORM duel('a reversal twice', 'same', reverse(ref || 9, 60, 'dp_9_' || i), reverse(ref || 9, 60, 'dp_9_' || i));
	v := bill(person(), 50);
	PERFORM duel('a payment twice', 'same', pay(v, 60, ref || 10), pay(v, 60, ref || 10));
	v := bill(person(), 50);
	PERFORM duel('two payments', 'one', pay(v, 50), pay(v, 50));
	v := bill(person(), 50);
	PERFORM duel('paid, void', 'one', pay(v, 50), format('SELECT regpaydb.void_invoice(%s)', v));
	v := bill(person(), 50);
	PERFORM duel('paid, by SQL', 'both', pay(v, 60, ref || 13), format('INSERT INTO regpaydb.payment (invoice_id, amount) VALUES (%s, 20), (%1$s, 7)', v));
	v := bill(person(), 50);
	n := (note(100, 140, ref || '13b')).note;
	PERFORM duel('applied, void', 'one', format('SELECT regpaydb.apply_credit_note(%s, %s)', n, v), format('SELECT regpaydb.void_invoice(%s)', v));
	v := bill(person(), 50);
	n := (note(100, 150, ref || '13c')).note;
	PERFORM duel('applied, paid', 'one', format('SELECT regpaydb.apply_credit_note(%s, %s)', n, v), pay(v, 50));
	n := (note(100, 150, ref || '13d')).note;
	PERFORM duel('charged, reversal', 'any', format('SELECT regpaydb.charge_credit_note(%s, ''[{"description": "Fee", "price": 20}]'')', n), reverse(ref || '13d', 150, 'dp_13d_' || i));
	SELECT note, attendee INTO n, who FROM note(100, 150, ref || '13e');
	PERFORM duel('refund, new invoice', 'any', format('SELECT regpaydb.request_refund(%s, '''')', n), format('SELECT bill(%s, 20)', who));
	who := person();
	PERFORM regpaydb.record_payment(bill(who, 10), 35, '', 'p', ref || 14);
	UPDATE regpaydb.conference SET auto_apply_credit = true;
	PERFORM duel('new invoices', 'both', format('SELECT bill(%s, 20)', who), format('SELECT bill(%s, 20)', who));

	-- Carts, and what is in them.
	p := product(100);
	who := person();
	PERFORM duel('a cart', 'same', format('SELECT regpaydb.current_cart(%s)', who), format('SELECT regpaydb.current_cart(%s)', who));
	c := cart(p, 1);
	PERFORM duel('a cart is billed', 'same', format('SELECT regpaydb.invoice_cart(%s)', c), format('SELECT regpaydb.invoice_cart(%s)', c));
	c := cart(p, 1);
	v := regpaydb.invoice_cart(c);
	PERFORM duel('paid, current cart', 'both', pay(v, 30), format('SELECT regpaydb.current_cart(attendee_id) > 0 FROM regpaydb.cart WHERE cart_id = %s', c));
	c := cart(p, 1);
	v := regpaydb.invoice_cart(c);
	PERFORM duel('paid, amended', 'one', pay(v, 30), take(c, p, 2));
	c := cart(p, 3);
	v := regpaydb.invoice_cart(c);
	PERFORM regpaydb.pay(v, 90, '');
	PERFORM duel('returned, refunded', 'one', return_one(v), format('SELECT regpaydb.refund_invoice(%s)', v));

	v := regpaydb.invoice_cart(cart(p, 2));
	PERFORM regpaydb.record_payment(v, 60, '', 'p', ref || 20);
	PERFORM duel('returned, reversal', 'any', return_one(v), reverse(ref || 20, 60, 'dp_20_' || i));
	c := cart(p, 1);
	PERFORM duel('amended twice', 'both', take(c, p, 2), take(c, p, 3));
	c := cart(p, 1);
	PERFORM duel('billed, amended', 'both', format('SELECT regpaydb.invoice_cart(%s)', c), take(c, p, 3));

	-- Stock.  Of two lapsed carts the second has taken the first one's unit.
	p := product(1);
	v := lapsed(p, 1);
	PERFORM duel('late, late', 'unit', pay(v, 30, ref || '21a'), pay(lapsed(p, 1), 30, ref || '21b'));
	who := category(1);
	p := product(5, who);
	r := product(NULL, who);
	PERFORM duel('the last of a category', 'one', take(cart(p, 0), p, 1), take(cart(r, 0), r, 1));
	who := category(1);
	p := product(5, who);
	r := product(NULL, who);
	v := lapsed(p, 1);
	PERFORM duel('late, the last of a category', 'unit', pay(v, 30, ref || '21c'), take(cart(r, 0), r, 1));
	p := product(1);
	v := regpaydb.invoice_cart(cart(p, 1));
	PERFORM regpaydb.pay(v, 30, '');
	PERFORM duel('returned, taken', 'any', return_one(v), take(cart(p, 0), p, 1));
	p := product(1);
	PERFORM duel('the last unit', 'one', take(cart(p, 0), p, 1), take(cart(p, 0), p, 1));
	p := product(1);
	v := lapsed(p, 1);
	PERFORM duel('late, taken', 'unit', pay(v, 30, ref || 22), take(cart(p, 0), p, 1));
	p := product(1);
	v := lapsed(p, 1);
	PERFORM duel('extended, taken', 'one', format('SELECT regpaydb.extend_reservation(cart_id, ''1 hour'') FROM regpaydb.invoice WHERE invoice_id = %s', v), take(cart(p, 0), p, 1));
	p := product(1);
	c := cart(p, 1);
	UPDATE regpaydb.cart SET time_last_updated = now() - interval '1 day' WHERE cart_id = c;
	PERFORM duel('touched, taken', 'any', format('UPDATE regpaydb.cart SET time_last_updated = now() WHERE cart_id = %s', c), take(cart(p, 0), p, 1));
	p := product(2);
	c := cart(p, 1);
	PERFORM duel('less, taken', 'any', format('UPDATE regpaydb.product SET stock = 1 WHERE product_id = %s', p), take(cart(p, 0), p, 1));
	p := product(NULL);
	c := cart(p, 1);
	PERFORM duel('limited, taken', 'any', format('UPDATE regpaydb.product SET stock = 1 WHERE product_id = %s', p), take(cart(p, 0), p, 1));
	p := product(NULL, category(NULL));
	c := cart(p, 1);
	PERFORM duel('limited by its category, taken', 'any', format('UPDATE regpaydb.category SET stock = 1 WHERE category_id = (SELECT category_id FROM regpaydb.product WHERE product_id = %s)', p), take(cart(p, 0), p, 1));
	p := product(NULL, category(5));
	c := cart(p, 1);
	PERFORM duel('moved, taken', 'any', format('UPDATE regpaydb.product SET category_id = %s WHERE product_id = %s', category(1), p), take(cart(p, 0), p, 1));
	p := product(5);
	c := cart(p, 1);
	PERFORM duel('counted anew, taken', 'both', format('DELETE FROM regpaydb.stock_slot WHERE product_id = %s', p), take(cart(p, 0), p, 1));
	p := product(5);
	DELETE FROM regpaydb.stock_slot WHERE product_id = p;
	PERFORM duel('counted by two', 'both', take(cart(p, 0), p, 1), take(cart(p, 0), p, 1));
	p := product(1);
	v := regpaydb.invoice_cart(cart(p, 1));
	PERFORM regpaydb.pay(v, 30, '');
	PERFORM duel('refunded, taken', 'any', format('SELECT regpaydb.refund_invoice(%s)', v), take(cart(p, 0), p, 1));
	IF i <= 3 THEN
		p := product(1);
		v := lapsed(p, 1);
		PERFORM duel('given up, paid', 'any', 'SELECT regpaydb.expire_invoices(3)', pay(v, 30, ref || 32));
	END IF;
END $$;
INSERT INTO regpaydb.category (name) VALUES ('Seat');
SQL

$start = time;
$node->safe_psql('shop', join '', map {"CALL make_duels($_);\n"} 1 .. $duels);
note(sprintf 'made in %.1f s', time - $start);

# For the rush: of each of some products there are this many, and more want one.
my $seats = 16;
my $wanted = 30;
my $rushes = 8;
$node->safe_psql('shop', <<"SQL");
CREATE TABLE rushed AS SELECT n, product($seats) AS product FROM generate_series(0, $rushes - 1) n;
CREATE TABLE queue AS SELECT n AS turn, cart(NULL, 0) AS cart FROM generate_series(0, $rushes * $wanted - 1) n;
CREATE FUNCTION rush(turn int) RETURNS void LANGUAGE plpgsql AS
\$\$ BEGIN
	PERFORM regpaydb.set_quantity(cart, product, 1) FROM queue q JOIN rushed r ON r.n = q.turn / $wanted WHERE q.turn = rush.turn;
EXCEPTION WHEN SQLSTATE 'RP005' THEN NULL;
END \$\$;
SQL

# ---- what they do ----

my $databases = 0;

# A shop of its own, with this library.
sub new_shop
{
	my ($library) = @_;
	my $database = 'shop' . ++$databases;

	$node->safe_psql('postgres', "CREATE DATABASE $database TEMPLATE shop");
	RegpayLibrary::use_library($node, $database, $library);
	return $database;
}

# Let clients take turns, so many in all; what they were told besides.
sub take_turns
{
	my ($database, $level, $nclients, $turns, $deed) = @_;
	my ($out, $err);

	append_to_file("$folder/$deed", <<"SQL") if !-e "$folder/$deed";
BEGIN ISOLATION LEVEL READ COMMITTED;
SELECT next_turn(:client_id) AS turn \\gset
COMMIT;
SELECT $deed(:turn), turn_ends(:client_id);
SQL
	local $ENV{PGOPTIONS} = '-c default_transaction_isolation=' . $level =~ s/ /\\ /r;
	my $ok = IPC::Run::run([
			'pgbench', '-n', '--max-tries=1000', '-c', $nclients, '-j', 2, '-t', int(($turns + $nclients - 1) / $nclients),
			'-f', "$folder/$deed", $node->connstr($database)
		], '>', \$out, '2>', \$err);

	return $ok && $err !~ /error|abort/i ? '' : "$out$err";
}

# What is not as the rule of the duel says.
my $against_rules = <<'SQL';
SELECT kind, min(turn), string_agg(concat_ws(' ', turn, left(deed, 40), CASE WHEN told IS NULL THEN 'not told' ELSE coalesce(refused, 'done: ' || coalesce(answer, 'nothing')) END), ', ' ORDER BY turn)
FROM duel LEFT JOIN told USING (turn) GROUP BY turn / 2, kind, rule
HAVING NOT CASE rule WHEN 'one' THEN count(refused) = 1 WHEN 'both' THEN count(refused) = 0
	WHEN 'same' THEN count(refused) = 0 AND count(answer) = 2 AND count(DISTINCT answer) = 1
	WHEN 'unit' THEN count(*) FILTER (WHERE deed ~ 'set_quantity' AND refused IS NULL) + (SELECT count(*) FROM regpaydb.invoice i
		WHERE i.status = 'paid' AND i.invoice_id = ANY (array_agg((regexp_match(deed, 'record_payment.(\d+)'))[1]::bigint))) = 1
	WHEN 'told' THEN count(refused) FILTER (WHERE deed ~ 'record_reversal') = 0 ELSE true END
ORDER BY 1, 2
SQL

# A reversal is told to be a refund of ours only where that is done.
my $wrong_answers = <<'SQL';
SELECT f.reference, f.state, t.answer FROM duel d JOIN told t USING (turn)
JOIN regpaydb.credit_note_refund f ON d.deed LIKE format('%%, %L)', f.reference)
WHERE rule = 'told' AND deed ~ 'record_reversal' AND (f.state = 'done') <> (t.answer IS NULL)
SQL

my $too_much_back = <<'SQL';
SELECT payment_id, amount, gone FROM (SELECT payment_id, p.amount,
	(SELECT coalesce(sum(t.amount), 0) FROM regpaydb.credit_note_refund_part t JOIN regpaydb.credit_note_refund r USING (credit_note_refund_id)
		WHERE t.payment_id = p.payment_id AND r.state <> 'failed')
	+ (SELECT coalesce(sum(v.amount), 0) FROM regpaydb.reversal v WHERE v.payment_id = p.payment_id) AS gone FROM regpaydb.payment p) b
WHERE gone > greatest(amount, 0)
SQL

my $money_lost = <<'SQL';
SELECT received, kept FROM (SELECT sum(amount) AS received FROM regpaydb.payment WHERE kind IN ('payment', 'manual', 'reversal')) r,
	(SELECT (SELECT sum(paid) FROM regpaydb.invoice) + (SELECT sum(value) FROM regpaydb.credit_note n LEFT JOIN regpaydb.credit_note_refund f USING (credit_note_id)
		WHERE n.state <> 'applied' AND f.state IS DISTINCT FROM 'failed') AS kept) k
WHERE received IS DISTINCT FROM kept
SQL

# Hold the duels that there are, or some of them; what is wrong then, by what is looked at.
sub come_of_duels
{
	my ($library, $level, $which) = @_;
	my $database = new_shop($library);
	my $result = sub { return $node->safe_psql($database, shift) };

	$result->("WITH kept AS (DELETE FROM duel RETURNING *) "
		  . "INSERT INTO duel SELECT row_number() OVER (ORDER BY turn) - 1, kind, rule, deed FROM kept WHERE rule = '$which'") if defined $which;
	my $turns = $result->('SELECT count(*) FROM duel');
	my @wrong = (
		'nobody met an error' => take_turns($database, $level, $clients, $turns, 'fight'),
		'all were told what came of it' => $result->('SELECT turn FROM duel EXCEPT SELECT turn FROM told'),
		'what can be done once was done once' => $result->($against_rules),
		'what is said to be a refund of ours is one' => $result->($wrong_answers),
		'no more goes back than was brought' => $result->($too_much_back),
		'money is kept' => $result->($money_lost),
		'the ledger is sound' => $result->('SELECT * FROM regpaydb.check_integrity()'),
		'there was no deadlock' => $result->('SELECT deadlocks FROM pg_stat_database WHERE datname = current_database() AND deadlocks > 0'));

	$node->safe_psql('postgres', "DROP DATABASE $database");
	return @wrong;
}

# What is wrong when many have wanted the same at once.
sub come_of_rush
{
	my ($library) = @_;
	my $database = new_shop($library);
	my $trouble = take_turns($database, 'read committed', 3 * $clients, $rushes * $wanted, 'rush');
	my $wrong = $node->safe_psql($database, <<'SQL');
SELECT s.product_id, stock, free, reserved, sold FROM regpaydb.product_stock s JOIN rushed r ON r.product = s.product_id
WHERE free <> 0 OR reserved <> stock
UNION ALL SELECT (regexp_match(object, '\d+'))[1]::bigint, NULL, NULL, NULL, NULL FROM regpaydb.check_integrity()
SQL

	$node->safe_psql('postgres', "DROP DATABASE $database");
	return $trouble . $wrong;
}

for my $way (sort keys %library)
{
	for my $level ('read committed', 'repeatable read', 'serializable')
	{
		$start = time;
		my @wrong = come_of_duels($library{$way}, $level);

		note(sprintf '%s, %s: %.1f s', $way, $level, time - $start);
		while (my ($what, $output) = splice @wrong, 0, 2)
		{
			is($output, '', "$way, $level: $what");
		}
	}
	is(come_of_rush($library{$way}), '', "$way: each unit is taken once");
}

# ---- faults of the kind are noticed ----

# In one of some tries.
sub is_noticed
{
	my ($what, $try) = @_;

	for (1 .. 10)
	{
		return pass("it is noticed that $what") if $try->();
	}
	fail("it is noticed that $what");
	return;
}

my $slot = $build->library([ <<'C', <<'C' ]);
	check_not_read_only("SELECT FOR NO KEY UPDATE");
	if (!table->found || table->found_key != key)
C
	check_not_read_only("SELECT FOR NO KEY UPDATE");
	if (!scan_find(table, key))
C
is_noticed('a slot is locked that others have made something else of', sub { come_of_rush($slot) ne '' });

my $refund = $build->library([ 'while (refund->state == REFUND_FAILED)', 'while (false)' ]);
is_noticed('a refund has failed that was looked for', sub { grep { $_ ne '' } @{ { come_of_duels($refund, 'read committed', 'told') } }{ 'what can be done once was done once', 'what is said to be a refund of ours is one' } });

$node->stop;
done_testing();
