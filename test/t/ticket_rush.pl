# A ticket rush: more people want seats than there are, all at once. Every seat
# is sold, none is sold twice, and who gets none is told so. And a tumult: people and
# staff do whatever they may, all at once, by single statements and by transactions that
# are taken back in part; no statement by itself is in a deadlock.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use IPC::Run;
use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RegpayTest;
use Test::More;
use Time::HiRes qw(time);

my $folder = PostgreSQL::Test::Utils::tempdir;
my $node = new_node('main');

# A lock that is waited for a little longer than usual is logged, and makes the
# server look for deadlocks.
$node->append_conf('postgresql.conf', <<'CONF');
max_connections = 60
shared_buffers = 32MB
log_lock_waits = on
deadlock_timeout = 10ms
CONF
$node->start;

my @levels = ('read committed', 'repeatable read', 'serializable');

# What a scheme of some products, on which the clients set upon, is made of.
my $scheme = <<'SQL';
CREATE EXTENSION regpaydb;
SELECT regpaydb.create_ledger();
INSERT INTO regpaydb.category (name) VALUES ('Seat');
-- The answers that are part of the game; every other error ends a client.
CREATE FUNCTION wish(cart_id bigint, product_id bigint, quantity int) RETURNS boolean LANGUAGE plpgsql AS
$$ BEGIN
	PERFORM regpaydb.set_quantity(cart_id, product_id, quantity);
	-- However busy the machine is, others come meanwhile.
	IF current_setting('transaction_isolation') = 'repeatable read' THEN
		PERFORM pg_sleep(0.002);
	END IF;
	RETURN true;
EXCEPTION WHEN SQLSTATE 'RP005' THEN
	RETURN false;
END $$;
-- Who is at the counter: somebody who has not been there yet, once the one before
-- is through. A transaction that is repeated is for the same person.
CREATE SEQUENCE visitor;
CREATE TABLE counter (client int PRIMARY KEY, attendee_id bigint, open boolean NOT NULL DEFAULT true);
CREATE TABLE outcome (attendee_id bigint PRIMARY KEY, client int NOT NULL, quantity int NOT NULL);
INSERT INTO counter SELECT generate_series(0, 31);
CREATE FUNCTION next_person(client int) RETURNS bigint LANGUAGE plpgsql AS
$$ DECLARE
	person bigint;
BEGIN
	SELECT c.attendee_id INTO person FROM counter c WHERE c.client = $1 AND NOT open;
	IF NOT FOUND THEN
		INSERT INTO regpaydb.attendee (user_id) VALUES (nextval('visitor')) RETURNING attendee_id INTO person;
		UPDATE counter c SET attendee_id = person, open = false WHERE c.client = $1;
	END IF;
	RETURN person;
END $$;
CREATE PROCEDURE goodbye(client int, person bigint, quantity int) LANGUAGE plpgsql AS
$$ BEGIN
	INSERT INTO outcome VALUES (person, client, quantity);
	UPDATE counter c SET open = true WHERE c.client = $1;
END $$;
SQL

# Every statement is a transaction. She wants a few of the product that she likes,
# or else one, or else one of the next.
append_to_file("$folder/rush", <<'SQL');
SELECT next_person(:client_id) AS person \gset
\set liked 1 + :person % :products
\set other 1 + (:person + 1) % :products
\set wanted 1 + :person / 2 % :most
SELECT regpaydb.current_cart(:person) AS cart \gset
SELECT wish(:cart, :liked, :wanted)::int AS happy \gset
\set quantity :wanted
\if :happy = 0 and :wanted > 1
SELECT wish(:cart, :liked, 1)::int AS happy \gset
\set quantity 1
\endif
\if :happy = 0
SELECT wish(:cart, :other, 1)::int AS happy \gset
\set quantity 1
\endif
\if :happy
SELECT regpaydb.invoice_cart(:cart) AS invoice \gset
SELECT regpaydb.pay(:invoice, regpaydb.balance_due(:invoice), 'rush', 'bank', 'rush-' || :person) AS payment \gset
\else
\set quantity 0
\endif
CALL goodbye(:client_id, :person, :quantity);
SQL

sub count_in_log
{
	my ($words, $from) = @_;
	my $log = substr(slurp_file($node->logfile), $from);
	my $count = () = $log =~ /$words/g;

	return $count;
}

sub deadlocks
{
	my ($database) = @_;

	return $node->safe_psql($database, 'SELECT pg_stat_clear_snapshot();'
		  . 'SELECT deadlocks FROM pg_stat_database WHERE datname = current_database()') =~ s/^\n//r;
}

# What pgbench says after "name:" or "name =", as a number.
sub said
{
	my ($out, $name) = @_;

	return $out =~ /^\Q$name\E(?::| =) (\d+(?:\.\d+)?)/m ? $1 : undef;
}

sub isolation
{
	my ($level) = @_;
	return '-c default_transaction_isolation=' . $level =~ s/ /\\ /r;
}

# A rush by pgbench at one isolation level; returns what it printed.
sub rush
{
	my ($database, $level, @options) = @_;
	my ($out, $err);

	local $ENV{PGOPTIONS} = isolation($level);
	my $ok = IPC::Run::run(
		[ 'pgbench', '-n', '-M', 'prepared', '--max-tries=100000', @options, $node->connstr($database) ],
		'>', \$out, '2>', \$err);

	ok($ok && $err !~ /error|abort/i, "$database: no client met an error") or diag(substr $err, 0, 2000);
	return $out;
}

# ---- 500 seats ----

my $clients = 32;

# How often each client comes, and how much it wants at most.
my %pace = ('read committed' => [ 10, 4 ], 'repeatable read' => [ 6, 6 ], 'serializable' => [ 6, 6 ]);

# Of one product, of two, or of four that have as many as anybody wants of a category that
# has not.
my %shop = (
	one => [ 1, q{(1, 'Floor', 30, 500)} ],
	two => [ 2, q{(1, 'Floor', 30, 200), (1, 'Balcony', 20, 300)} ],
	four => [ 4, q{(1, 'Floor', 30, NULL), (1, 'Balcony', 20, 500), (1, 'Box', 90, 1000), (1, 'Gallery', 10, NULL)} ]);

for my $shop (sort keys %shop)
{
	for my $level (@levels)
	{
		my $database = "${shop}_" . $level =~ s/ /_/r;
		my $name = "$shop, $level";
		my ($visits, $most) = @{ $pace{$level} };
		my ($products, $values) = @{ $shop{$shop} };
		my ($log_end, $out, $start);

		$node->safe_psql('postgres', "CREATE DATABASE $database");
		$node->safe_psql($database, $scheme . <<"SQL");
INSERT INTO regpaydb.product (category_id, name, price, stock) VALUES $values;
UPDATE regpaydb.category SET stock = 500 WHERE '$shop' = 'four';
SQL
		$log_end = -s $node->logfile;
		$start = time;
		$out = rush($database, $level, '-c', $clients, '-j', 2, '-t', $visits,
			'-D', "most=$most", '-D', "products=$products", '-f', "$folder/rush");
		note(sprintf '%s: %.0f visits a second, 500 seats sold in %.2f s; %s transactions retried, %s waits for a lock',
			$name, said($out, 'tps'), time - $start, said($out, 'number of transactions retried') // 0,
			count_in_log('still waiting for', $log_end));

		is(said($out, 'number of failed transactions'), 0, "$name: no visit failed");
		is($node->safe_psql($database, <<'SQL'), '500|0|0|500|0', "$name: all 500 seats are sold, once");
SELECT sum(stock), sum(free), sum(reserved), sum(sold), max(regpaydb.available_stock(product_id))
FROM (SELECT product_id, stock, free, reserved, sold FROM regpaydb.product_stock
	WHERE NOT EXISTS (SELECT FROM regpaydb.category_stock)
	UNION ALL SELECT 1, stock, free, reserved, sold FROM regpaydb.category_stock) s
SQL
		is($node->safe_psql($database, <<'SQL'), $clients * $visits . '|500|0', "$name: each got what she was told");
SELECT count(*), sum(o.quantity), count(*) FILTER (WHERE o.quantity <> coalesce(held.quantity, 0)
	OR o.quantity > 0 AND invoices.paid IS DISTINCT FROM 1 OR o.quantity = 0 AND invoices.number > 0)
FROM outcome o
LEFT JOIN LATERAL (SELECT sum(i.quantity) AS quantity FROM regpaydb.cart c JOIN regpaydb.cart_item i USING (cart_id)
	WHERE c.attendee_id = o.attendee_id AND c.status = 'paid') held ON true
LEFT JOIN LATERAL (SELECT count(*) FILTER (WHERE status = 'paid') AS paid, count(*) AS number FROM regpaydb.invoice i
	WHERE i.attendee_id = o.attendee_id) invoices ON true
SQL
		is($node->safe_psql($database, <<'SQL'), "500|$products|t", "$name: all of them are paid for");
SELECT sum(i.quantity), count(DISTINCT product_id),
	sum(i.quantity * p.price) = (SELECT sum(amount) FROM regpaydb.payment)
FROM regpaydb.cart c JOIN regpaydb.cart_item i USING (cart_id) JOIN regpaydb.product p USING (product_id)
WHERE c.status = 'paid'
SQL
		integrity($node, $database, 'regpaydb', "$name: sound");
		money_is_conserved($node, $database, 'regpaydb', "$name: keeps the money");
		is(deadlocks($database), 0, "$name: no deadlock counted");
		is(count_in_log('deadlock detected', $log_end), 0, "$name: no deadlock logged");

		# It was a rush indeed: with waits, or with transactions that had to be
		# repeated, for seats that all clients had their share of.
		my ($sold_out, $shares) = split /\|/, $node->safe_psql($database, <<'SQL');
SELECT count(*) FILTER (WHERE quantity = 0), count(DISTINCT client) FILTER (WHERE quantity > 0) FROM outcome
SQL
		cmp_ok($sold_out, '>=', 20, "$name: many came too late");
		cmp_ok($shares, '>=', $clients / 2, "$name: many clients bought some");

		# The last units of a category may be given back while a call fails for want of them.
		my $retried = said($out, 'number of transactions retried') // 0;
		if ($level ne $levels[0])
		{
			cmp_ok($retried, '>=', 1, "$name: repeated as often as can be expected");
		}
		else
		{
			cmp_ok($retried, '<=', $name =~ /^four/ ? 20 : 0, "$name: hardly anything had to be repeated");
		}
		$node->safe_psql('postgres', "DROP DATABASE $database");
	}
}

# ---- twenty sessions, five seats ----

# One transaction for each, which all begin, and have their snapshots, before any
# of them goes on.
append_to_file("$folder/five", <<'SQL');
\set person :client_id + 1
BEGIN;
SELECT pg_advisory_xact_lock_shared(1);
SELECT regpaydb.current_cart(:person) AS cart \gset
SELECT wish(:cart, 1, 1)::int AS happy \gset
\if :happy
SELECT regpaydb.invoice_cart(:cart) AS invoice \gset
SELECT regpaydb.pay(:invoice, 30, 'rush') AS payment \gset
\endif
INSERT INTO outcome VALUES (:person, :client_id, :happy);
COMMIT;
SQL
# And with money that comes after the reservations lapsed, for seats that all hold.
append_to_file("$folder/late", <<'SQL');
BEGIN;
SELECT pg_advisory_xact_lock_shared(1);
INSERT INTO regpaydb.payment (invoice_id, amount) VALUES (:first + :client_id, 30);
COMMIT;
SQL

for my $level (@levels)
{
	my $database = 'five_' . $level =~ s/ /_/r;
	my $log_end = -s $node->logfile;

	$node->safe_psql('postgres', "CREATE DATABASE $database");
	$node->safe_psql($database, $scheme . <<'SQL');
INSERT INTO regpaydb.product (category_id, name, price, stock) VALUES (1, 'Seat', 30, 5), (1, 'Late seat', 30, 5);
INSERT INTO regpaydb.attendee (user_id) SELECT generate_series(1, 20);
SQL
	for my $script ('five', 'late')
	{
		my $product = $script eq 'five' ? 1 : 2;
		my ($gate, $bench, $first, $out, $err);

		$node->safe_psql($database, <<'SQL') if $script eq 'late';
INSERT INTO regpaydb.attendee (user_id) SELECT generate_series(21, 40);
DO $$
DECLARE
	person bigint;
	basket bigint;
BEGIN
	FOR person IN SELECT attendee_id FROM regpaydb.attendee WHERE user_id > 20 ORDER BY 1 LOOP
		basket := regpaydb.current_cart(person);
		PERFORM regpaydb.set_quantity(basket, 2, 1);
		PERFORM regpaydb.invoice_cart(basket);
		UPDATE regpaydb.cart SET time_last_updated = now() - interval '2 hours' WHERE cart_id = basket;
	END LOOP;
END $$;
SQL
		$gate = session($node, $database);
		ask($gate, 'SELECT pg_advisory_lock(1)');

		$first = $node->safe_psql($database,
			"SELECT coalesce(min(invoice_id), 0) FROM regpaydb.invoice WHERE status = 'unpaid'");

		{
			local $ENV{PGOPTIONS} = isolation($level);
			$bench = IPC::Run::start([
					'pgbench', '-n', '--max-tries=100000', '-c', 20, '-j', 2, '-t', 1,
					'-D', "first=$first", '-f', "$folder/$script", $node->connstr($database)
				], '<', \undef, '>', \$out, '2>', \$err);
		}
		ok(wait_until(sub {
					return $node->safe_psql($database,
						"SELECT count(*) FROM pg_locks WHERE locktype = 'advisory' AND NOT granted") == 20;
				}), "$database, $script: twenty sessions wait at the gate");
		ask($gate, 'SELECT pg_advisory_unlock(1)');
		$gate->quit;
		ok($bench->finish && $err !~ /error|abort/i, "$database, $script: no client met an error") or diag($err);
		note(sprintf '%s, %s: %s transactions retried, %s tries in all', $level, $script,
			said($out, 'number of transactions retried') // 0, said($out, 'total number of retries') // 0);

		is($node->safe_psql($database, <<"SQL"), '5|5|5', "$database, $script: exactly five are sold");
SELECT p.sold, count(*) FILTER (WHERE c.status = 'paid'), count(*) FILTER (WHERE v.status = 'paid' AND v.paid = 30)
FROM regpaydb.product_stock p JOIN regpaydb.cart_item i USING (product_id) JOIN regpaydb.cart c USING (cart_id)
LEFT JOIN regpaydb.invoice v USING (cart_id)
WHERE p.product_id = $product GROUP BY 1
SQL
		cmp_ok(said($out, 'number of transactions retried') // 0, $level eq $levels[0] ? '==' : '>=',
			$level eq $levels[0] ? 0 : 1, "$database, $script: repeated as often as can be expected");
	}
	is($node->safe_psql($database, 'SELECT count(*), sum(quantity) FROM outcome'), '20|5',
		"$database: five are happy, fifteen were told that it is sold out");
	is($node->safe_psql($database, <<'SQL'), '15|15|450.00', "$database: late money for what is gone is credit");
SELECT (SELECT count(*) FROM regpaydb.invoice WHERE status = 'void'), count(*), sum(value)
FROM regpaydb.credit_note WHERE state = 'unclaimed'
SQL
	integrity($node, $database, 'regpaydb', "$database: sound");
	money_is_conserved($node, $database, 'regpaydb', "$database: keeps the money");
	is(deadlocks($database), 0, "$database: no deadlock counted");
	is(count_in_log('deadlock detected', $log_end), 0, "$database: no deadlock logged");
}

# ---- a tumult ----

# What people and staff may do, of which each does something at random. Who changes
# products or categories does it one at a time, for such statements have the one before
# the other, or the other before the one.
my $tumult = <<'SQL';
INSERT INTO regpaydb.category (name, stock) VALUES ('Dinner', 40);
INSERT INTO regpaydb.product (category_id, name, price, stock) VALUES
	(1, 'Floor', 30, 20), (1, 'Balcony', 20, NULL), (2, 'Fish', 40, 15), (2, 'Soup', 10, 60);
INSERT INTO regpaydb.attendee (user_id) SELECT generate_series(1, 40);
CREATE FUNCTION one_of(query text) RETURNS text LANGUAGE plpgsql AS
$$ DECLARE
	result text;
BEGIN
	EXECUTE query || ' ORDER BY random() LIMIT 1' INTO result;
	RETURN coalesce(result, '0, 0');
END $$;
CREATE FUNCTION any_deed() RETURNS text LANGUAGE plpgsql AS
$$ DECLARE
	active text := 'SELECT cart_id FROM regpaydb.cart WHERE status = ''active''';
	unpaid text := 'SELECT format(''%s, %s'', invoice_id, value - paid) FROM regpaydb.invoice WHERE status = ''unpaid''';
	paid text := 'SELECT invoice_id FROM regpaydb.invoice WHERE status = ''paid''';
	-- One unit of a paid invoice, or all of a line.
	item text := 'SELECT format(''%s, jsonb_build_array(jsonb_build_object(''''line_item_id'''', %s%s))'', invoice_id, line_item_id,
		CASE WHEN random() < 0.6 THEN '', ''''quantity'''', 1'' END) FROM regpaydb.invoice JOIN regpaydb.line_item USING (invoice_id) WHERE status = ''paid''';
	credit text := 'SELECT credit_note_id FROM regpaydb.credit_note WHERE state = ''unclaimed''';
	which int := random() * 100;
	n int := floor(random() * 6);
	product int := 1 + floor(random() * 4);
	text_of text := CASE
		WHEN which < 30 THEN 'SELECT regpaydb.set_quantity(regpaydb.current_cart(#person), #product, #n)'
		WHEN which < 42 THEN 'SELECT regpaydb.invoice_cart(#cart)'
		WHEN which < 50 THEN 'SELECT regpaydb.record_payment(#unpaid, ''late'', ''bank'', ''#reference'')'
		WHEN which < 54 THEN 'SELECT regpaydb.pay(#unpaid, ''in time'')'
		WHEN which < 59 THEN 'INSERT INTO regpaydb.payment (invoice_id, amount) SELECT * FROM (VALUES (#unpaid), (#other), (#third)) v (i, a) WHERE a > 0'
		WHEN which < 62 THEN 'SELECT regpaydb.refund_invoice(#paid)'
		WHEN which < 68 THEN 'SELECT regpaydb.return_items(#item)'
		WHEN which < 70 THEN 'SELECT regpaydb.charge_credit_note(#credit, ''[{"description": "Fee", "price": 7}]'')'
		WHEN which < 73 THEN 'UPDATE regpaydb.cart SET time_last_updated = now() - interval ''1 day'' WHERE cart_id = #cart AND status = ''active'''
		WHEN which < 76 THEN 'SELECT regpaydb.expire_invoices(20)'
		WHEN which < 79 THEN 'SELECT regpaydb.extend_reservation(#cart, ''1 hour'')'
		WHEN which < 83 THEN 'UPDATE regpaydb.cart_item SET quantity = 1 + (quantity + #n) % 5 WHERE cart_id IN (#cart, #basket)'
		WHEN which < 86 THEN 'DELETE FROM regpaydb.cart_item WHERE cart_id = #cart'
		WHEN which < 90 THEN 'UPDATE regpaydb.product SET stock = nullif(#n, 0) * 10 WHERE product_id = #product'
		WHEN which < 93 THEN 'UPDATE regpaydb.product SET stock = greatest(stock + #n - 2, 0) WHERE product_id = #product'
		WHEN which < 97 THEN 'UPDATE regpaydb.category SET stock = nullif(#n, 0) * 20 WHERE category_id = 1 + #product % 2'
		ELSE 'UPDATE regpaydb.product SET category_id = 1 + #n % 2 WHERE product_id = #product' END;
BEGIN
	text_of := replace(replace(text_of, '#product', product::text), '#person', (1 + floor(random() * 40))::text);
	text_of := replace(replace(text_of, '#reference', nextval('visitor')::text), '#n', n::text);
	text_of := replace(replace(text_of, '#unpaid', one_of(unpaid)), '#other', one_of(unpaid));
	text_of := replace(text_of, '#item', coalesce(nullif(one_of(item), '0, 0'), '0, ''[{"line_item_id": 0}]'''));
	text_of := replace(text_of, '#credit', split_part(one_of(credit), ',', 1));
	text_of := replace(replace(text_of, '#third', one_of(unpaid)), '#paid', split_part(one_of(paid), ',', 1));
	RETURN replace(replace(text_of, '#cart', split_part(one_of(active), ',', 1)), '#basket', split_part(one_of(active), ',', 1));
END $$;
-- What is refused is refused; every other error ends a client.
CREATE FUNCTION attempt(deed text) RETURNS void LANGUAGE plpgsql AS
$$ BEGIN
	IF deed ~ '^UPDATE regpaydb.(product|category) ' THEN
		PERFORM pg_advisory_xact_lock(7);
	END IF;
	EXECUTE deed;
EXCEPTION WHEN OTHERS THEN
	IF SQLSTATE !~ '^RP0' THEN
		RAISE;
	END IF;
END $$;
-- All that is left of each product can be had, and not one more.
CREATE FUNCTION take_rest(OUT left_over text) LANGUAGE plpgsql AS
$$ DECLARE
	basket bigint := regpaydb.current_cart(41);
	available int;
BEGIN
	FOR p IN 1 .. 4 LOOP
		available := regpaydb.available_stock(p);
		left_over := concat(left_over, wish(basket, p, available), ' ', wish(basket, p, available + 1), '; ');
		PERFORM regpaydb.set_quantity(basket, p, 0);
	END LOOP;
END $$;
-- For a trigger of somebody's own, so that slots are reached by SQL.
CREATE FUNCTION pass() RETURNS trigger LANGUAGE plpgsql AS 'BEGIN RETURN NEW; END';
SQL

append_to_file("$folder/single", <<'SQL');
SELECT any_deed() AS deed \gset
SELECT attempt(:deed);
SQL
append_to_file("$folder/several", <<'SQL');
SELECT any_deed() AS first, any_deed() AS second, any_deed() AS third, (random() * 4)::int AS fate \gset
BEGIN;
SELECT attempt(:first);
SAVEPOINT s;
SELECT attempt(:second);
\if :fate = 0
ROLLBACK TO s;
\endif
SELECT attempt(:third);
\if :fate = 1
ROLLBACK;
\else
COMMIT;
\endif
SQL

for my $tumult_of ([ 'single', @levels ], [ 'several', @levels ], [ 'by_sql', $levels[0] ])
{
	my ($kind, @at) = @$tumult_of;

	for my $level (@at)
	{
		my $database = "${kind}_" . $level =~ s/ /_/r;
		my $name = "tumult, $kind, $level";
		my $log_end = -s $node->logfile;
		my $script = $kind eq 'several' ? 'several' : 'single';
		my $out;

		$node->safe_psql('postgres', "CREATE DATABASE $database");
		$node->safe_psql($database, $scheme . $tumult);
		# set_quantity() waits 100 ms for who has its item and waits for it: no deadlock must be
		# found before.  Transactions of several statements are in many, and wait for their end.
		$node->safe_psql($database, sprintf q{ALTER DATABASE %s SET deadlock_timeout = '%s'}, $database,
			$kind eq 'several' ? '150ms' : '1s');
		$node->safe_psql($database, 'CREATE TRIGGER pass BEFORE UPDATE ON regpaydb.stock_slot FOR EACH ROW EXECUTE FUNCTION pass()')
		  if $kind eq 'by_sql';
		$out = rush($database, $level, '-c', 12, '-j', 2, '-t', $kind eq 'several' ? 20 : 80, '-f', "$folder/$script");
		note(sprintf '%s: %s transactions, %s retried; %s', $name, said($out, 'number of transactions actually processed') // 0,
			said($out, 'number of transactions retried') // 0,
			$node->safe_psql($database, q{SELECT string_agg(format('%s %s', n, status), ', ' ORDER BY status) FROM (SELECT status, count(*) AS n FROM regpaydb.invoice GROUP BY 1) s}));
		integrity($node, $database, 'regpaydb', "$name: sound");
		money_is_conserved($node, $database, 'regpaydb', "$name: keeps the money");
		is(deadlocks($database), 0, "$name: no deadlock counted") if $script eq 'single';
		cmp_ok($node->safe_psql($database, 'SELECT count(*) FROM regpaydb.payment'), '>=', 10, "$name: much was paid");
		cmp_ok($node->safe_psql($database, 'SELECT count(*) FROM regpaydb.invoice WHERE replaces IS NOT NULL'),
			'>=', 1, "$name: items were returned");
		is($node->safe_psql($database, <<'SQL'), 't f; ' x 4, "$name: what is left can be had, and not one more");
UPDATE regpaydb.product SET stock = coalesce(stock, 0) + 1000;
INSERT INTO regpaydb.attendee (attendee_id, user_id) VALUES (41, 99);
SELECT take_rest();
SQL
		$node->safe_psql('postgres', "DROP DATABASE $database");
	}
}

# ---- who is told that it is sold out ----

# Has locked what others wait for, so no query of the engine's is compiled (by JIT), however
# high its cost is thought to be: here all are. Those of people are.
{
	my $from = -s $node->logfile;

	$node->safe_psql('postgres', 'CREATE DATABASE compiled');
	$node->safe_psql('compiled', $scheme . q{INSERT INTO regpaydb.product (category_id, name, price, stock) VALUES (1, 'Floor', 30, 1)});
	$node->safe_psql('compiled', <<'SQL');
LOAD 'auto_explain';
SET auto_explain.log_min_duration = 0;
SET auto_explain.log_nested_statements = on;
SET auto_explain.log_analyze = on;
SET jit = on;
SET jit_above_cost = 0;
INSERT INTO regpaydb.attendee (user_id) VALUES (1), (2);
SELECT wish(regpaydb.current_cart(1), 1, 1), wish(regpaydb.current_cart(2), 1, 1);
SELECT regpaydb.pay(regpaydb.invoice_cart(1), 30, 'rush');
SELECT regpaydb.refund_credit_note(regpaydb.refund_invoice(1), 'rush');
SELECT regpaydb.expire_invoices(1000);
SELECT regpaydb.invoice_document(1), regpaydb.reconciliation(now());
SELECT count(*) FROM regpaydb.check_integrity();
SELECT count(*) FROM regpaydb.check_integrity('-infinity');
SQL
	my @plans = split /(?= plan:\n\tQuery Text: )/, substr(slurp_file($node->logfile), $from);
	my ($ours, $theirs) = (0, 0);

	for my $plan (grep { /\A plan:/ } @plans)
	{
		my ($query) = $plan =~ /Query Text: (.*)/;
		my $compiled = $plan =~ /^\tJIT:/m;

		$theirs++ if $compiled && $query !~ /OPERATOR\(pg_catalog/;
		# A foreign key's check is PostgreSQL's.
		next if $query !~ /OPERATOR\(pg_catalog/ || $query =~ /FROM ONLY/;
		$ours++;
		ok(!$compiled, 'not compiled: ' . substr($query, 0, 80));
	}
	cmp_ok($ours, '>=', 10, 'the engine ran queries');
	cmp_ok($theirs, '>=', 5, 'and others were compiled');
}

done_testing();
