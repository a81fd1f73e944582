# Random histories of a small conference, in which people buy and pay, and items are
# returned and substituted, against a plain model of it: after each deed the ledger has
# the invoices, lines, payments, credit notes, carts and free units that the model has,
# what the deed returns is what the model expects, and so is the error, if any.
#
# The model has no triggers, slots, locks or SQL, and whatever the ledger adds up, it
# counts afresh from the carts and payments that it remembers.
#
# REGPAYDB_HISTORIES says how many histories; REGPAYDB_HISTORY_SEED is the seed of the
# first one, the next one's is one more.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use List::Util qw(first shuffle sum0);
use PostgreSQL::Test::Utils;
use RegpayHistory;
use Test::More;
use Time::HiRes qw(time);

my $usual = 30;
my $histories = $ENV{REGPAYDB_HISTORIES} || $usual;
my $first_seed = $ENV{REGPAYDB_HISTORY_SEED} || int(time);
my $length = 150;	# deeds of a history
my @attendees = 1 .. 4;

# ---- the model ----

# Amounts are in cents.  What the ledger makes gets its id when the ledger is looked at,
# in the order in which the model has made it.
my ($auto_apply, %category, %product, @carts, @invoices, @notes);

# What has happened in all histories, by name.
my %seen;

sub saw { $seen{ $_[0] }++; return }

sub begin_history
{
	$auto_apply = 1;
	@carts = @invoices = @notes = ();
	%category = (1 => { name => 'Ticket' }, 2 => { name => 'Extra' });
	%product = (
		1 => { category => 1, name => 'Full', price => 10000 },
		2 => { category => 1, name => 'Student', price => 4010 },
		3 => { category => 2, name => 'Shirt', price => 2525, stock => 9 },
		4 => { category => 2, name => 'Badge', price => 0 },
		5 => { category => 2, name => 'Workshop', price => 9000, stock => 4 });
	$product{$_}{product} = $_ for keys %product;
	$category{$_}{category} = $_ for keys %category;
	return;
}

# ---- units ----

# How many units of a product, or of all products of a category, are among quantities
# by product.
sub units
{
	my ($pool, $quantities) = @_;

	return $quantities->{ $pool->{product} } // 0 if $pool->{product};
	return sum0(map { $product{$_}{category} == $pool->{category} ? $quantities->{$_} : 0 } keys %$quantities);
}

sub sold
{
	my ($pool, $attendee) = @_;

	return sum0(map { units($pool, $_->{items}) }
		  grep { $_->{status} eq 'paid' && (!defined $attendee || $_->{attendee} == $attendee) } @carts);
}

# Below zero where there is less stock than is taken, undef for any number.  What a
# cart that has lapsed reserved is everybody's.
sub available
{
	my ($pool) = @_;

	return if !defined $pool->{stock};
	return $pool->{stock} - sold($pool) - sum0(map { units($pool, $_->{held}) } grep { $_->{status} eq 'active' } @carts);
}

# The products of items, and their categories.
sub pools
{
	my ($items) = @_;
	my %in = map { $product{$_}{category} => 1 } keys %$items;

	return ((map { $product{$_} } sort keys %$items), map { $category{$_} } sort keys %in);
}

# Whether a cart can't have these items, for want of units.
sub is_sold_out
{
	my ($cart, $items) = @_;

	for my $pool (pools($items))
	{
		my ($wanted, $own) = map { units($pool, $_) } $items, $cart->{held};
		return 1 if defined $pool->{stock} && $wanted > $own && $wanted > available($pool) + $own;
	}
	return 0;
}

sub is_over_limit
{
	my ($cart, $items) = @_;

	return scalar grep { defined $_->{limit} && units($_, $items) + sold($_, $cart->{attendee}) > $_->{limit} } pools($items);
}

# Whether a cart can't be invoiced and paid.
sub has_problem
{
	my ($cart) = @_;
	return !%{ $cart->{items} } || is_sold_out($cart, $cart->{items}) || is_over_limit($cart, $cart->{items});
}

# ---- money ----

sub value_of { return sum0(map { $_->{quantity} * $_->{price} } @{ $_[0] }) }

sub make_note
{
	my ($invoice, $amount, $owner) = @_;
	my $note = { attendee => $owner, value => $amount, state => 'unclaimed' };

	return if $amount == 0;
	push @notes, $note;
	push @{ $invoice->{payments} }, [ credit_note => -$amount ];
	$invoice->{paid} -= $amount;
	return $note;
}

# An invoice becomes such; its cart is sold or released with that.
sub become
{
	my ($invoice, $status) = @_;
	my $was = $invoice->{status};
	my $cart = $invoice->{cart};

	$invoice->{status} = $status;
	return if !$cart || $status eq $was;
	$cart->{status} = $status eq 'paid' ? 'paid' : $was eq 'paid' ? 'released' : $cart->{status};
	$cart->{held} = {} if $cart->{status} ne 'active';
	return;
}

# Whether an unpaid invoice can't become paid any more.
sub is_unsellable
{
	my ($invoice) = @_;
	my $cart = $invoice->{cart};

	return $cart && !$invoice->{replaces}
	  && ($cart->{status} ne 'active' || $cart->{revision} != $invoice->{revision} || is_sold_out($cart, $cart->{items}));
}

# A payment, if amount is given, and what becomes of its invoice; the note of what is too
# much, if there is one.
sub settle
{
	my ($invoice, $kind, $amount, $owner) = @_;

	if (defined $amount)
	{
		push @{ $invoice->{payments} }, [ $kind => $amount ];
		$invoice->{paid} += $amount;
	}
	if ($invoice->{status} eq 'unpaid')
	{
		become($invoice,
			defined $amount && is_unsellable($invoice) ? 'void'
			: $invoice->{paid} >= $invoice->{value} ? 'paid'
			: $invoice->{paid} == 0 && @{ $invoice->{payments} } ? 'void'
			: 'unpaid');
	}
	elsif ($invoice->{status} eq 'paid' && $invoice->{paid} < $invoice->{value})
	{
		become($invoice, 'refunded');
	}
	return if $invoice->{status} eq 'unpaid';
	return make_note($invoice, $invoice->{paid} - ($invoice->{status} eq 'paid' ? $invoice->{value} : 0),
		$owner // $invoice->{attendee});
}

sub put_note_on
{
	my ($note, $invoice) = @_;

	$note->{state} = 'applied';
	return settle($invoice, 'credit_application', $note->{value}, $note->{attendee});
}

sub new_invoice
{
	my (%invoice) = @_;
	my $invoice = { %invoice, status => 'unpaid', paid => 0, payments => [], value => value_of($invoice{lines}) };

	push @invoices, $invoice;
	settle($invoice) if $invoice->{value} == 0;
	return $invoice;
}

sub take_credit
{
	my ($invoice) = @_;

	while ($auto_apply && $invoice->{status} eq 'unpaid')
	{
		my $note = first { $_->{attendee} == $invoice->{attendee} && $_->{state} eq 'unclaimed' } @notes;

		last if !$note || 1 < grep { $_->{attendee} == $invoice->{attendee} && $_->{status} eq 'unpaid' } @invoices;
		put_note_on($note, $invoice);
	}
	return;
}

# What was paid on an invoice that is not closed becomes a note.
sub give_up
{
	my ($invoice) = @_;

	become($invoice, $invoice->{status} eq 'paid' && $invoice->{paid} > 0 ? 'refunded' : 'void');
	return make_note($invoice, $invoice->{paid}, $invoice->{attendee});
}

sub is_closed { return $_[0]{status} eq 'void' || $_[0]{status} eq 'refunded' }

# ---- what each function comes to: an error's code, or what is returned ----

# (undef stands for what is not compared, such as the id of a payment, and '' for NULL or
# nothing at all.)

sub active_cart
{
	my ($attendee) = @_;

	return (first { $_->{attendee} == $attendee && $_->{status} eq 'active' } @carts)
	  // { attendee => $attendee, status => 'active', revision => 1, items => {}, held => {}, discounts => [], is_new => 1 };
}

# current_cart() has made it, and what was then done with it has not failed.
sub keep_cart
{
	my ($cart) = @_;

	push @carts, $cart if delete $cart->{is_new};
	return '';
}

sub amend
{
	my ($cart, $items) = @_;
	my $gone = is_sold_out($cart, $items);

	$cart->{items} = {%$items};
	$cart->{held} = $gone ? {} : {%$items};
	$cart->{revision}++;
	give_up($_) for grep { $_->{cart} && $_->{cart} == $cart && $_->{status} eq 'unpaid' } @invoices;
	return '';
}

sub set_quantity
{
	my ($cart, $product, $quantity) = @_;
	my %items = (%{ $cart->{items} }, $product => $quantity);
	my $before = $cart->{items}{$product} // 0;

	return 'RP008' if $cart->{status} ne 'active';
	return keep_cart($cart) if $quantity == $before;
	delete $items{$product} if $quantity == 0;
	return 'RP005' if $quantity > $before && (is_sold_out($cart, \%items) || is_over_limit($cart, \%items));
	keep_cart($cart);
	return amend($cart, \%items);
}

sub add_discount
{
	my ($cart, $discount) = @_;

	return 'RP008' if $cart->{status} ne 'active';
	push @{ $cart->{discounts} }, $discount;
	return amend($cart, $cart->{items});
}

# The lines of an invoice for a cart: each product, and what is off it.
sub cart_lines
{
	my ($cart) = @_;
	my %of = map { $_ => 1 } keys %{ $cart->{items} }, map { $_->{product} } @{ $cart->{discounts} };
	my @lines;

	for my $id (sort { $product{$a}{category} <=> $product{$b}{category} || $a <=> $b } keys %of)
	{
		my $name = "$category{ $product{$id}{category} }{name} - $product{$id}{name}";

		push @lines, { description => $name, quantity => $cart->{items}{$id}, price => $product{$id}{price}, product => $id }
		  if $cart->{items}{$id};
		push @lines, map { {
				description => "$_->{description} ($name)", quantity => $_->{quantity}, price => -$_->{amount},
				product => $id, discount => $_->{description} } } grep { $_->{product} == $id } @{ $cart->{discounts} };
	}
	return \@lines;
}

sub invoice_cart
{
	my ($cart) = @_;
	my $lines = cart_lines($cart);
	my $invoice = first { $_->{cart} && $_->{cart} == $cart && $_->{revision} == $cart->{revision} && !is_closed($_) } @invoices;

	return $invoice if $invoice;
	return 'RP008' if $cart->{status} ne 'active';
	return 'RP005' if has_problem($cart);
	return 'RP003' if value_of($lines) < 0;
	$invoice = new_invoice(attendee => $cart->{attendee}, cart => $cart, revision => $cart->{revision}, lines => $lines);
	take_credit($invoice);
	return $invoice;
}

sub manual_invoice
{
	my ($attendee, $lines) = @_;
	my $invoice;

	return 'RP003' if value_of($lines) < 0;
	$invoice = new_invoice(attendee => $attendee, lines => $lines);
	take_credit($invoice);
	return $invoice;
}

# Why an invoice can't be paid.
sub why_not_payable
{
	my ($invoice) = @_;
	my $cart = $invoice->{cart};

	return 'RP001' if $invoice->{status} ne 'unpaid';
	return if !$cart;
	return 'RP004' if $cart->{status} ne 'active' || $cart->{revision} != $invoice->{revision};
	return has_problem($cart) ? 'RP005' : undef;
}

sub pay
{
	my ($invoice, $amount) = @_;
	my $why = why_not_payable($invoice);

	return $why if $why;
	settle($invoice, 'payment', $amount);
	return;
}

sub record_payment
{
	my ($invoice, $amount) = @_;

	saw('late money for what was replaced') if grep { ($_->{replaces} // 0) == $invoice } @invoices;
	settle($invoice, 'payment', $amount);
	return;
}

sub manual_payment
{
	my ($invoice, $amount) = @_;

	return 'RP003' if $invoice->{paid} + $amount < 0;
	saw('money of a successor is taken back') if $amount < 0 && $invoice->{replaces} && $invoice->{status} eq 'paid';
	settle($invoice, 'manual', $amount);
	return;
}

sub refund_invoice
{
	my ($invoice) = @_;

	return 'RP008' if is_closed($invoice);
	saw('a successor is refunded') if $invoice->{replaces} && $invoice->{paid} > 0;
	return give_up($invoice) // '';
}

sub void_invoice
{
	my ($invoice) = @_;

	return 'RP008' if $invoice->{status} eq 'refunded';
	return 'RP007' if $invoice->{paid} > 0;
	give_up($invoice) if $invoice->{status} ne 'void';
	return '';
}

sub apply_credit_note
{
	my ($note, $invoice) = @_;
	my $why = why_not_payable($invoice);

	return $why if $why;
	return 'RP006' if $note->{state} ne 'unclaimed';
	put_note_on($note, $invoice);
	return;
}

sub refund_credit_note
{
	my ($note) = @_;

	return 'RP006' if $note->{state} ne 'unclaimed';
	$note->{state} = 'refunded';
	return;
}

sub charge_credit_note
{
	my ($note, $lines) = @_;
	my ($value, $invoice) = (value_of($lines));

	return 'RP006' if $note->{state} ne 'unclaimed';
	return 'RP003' if $value < 0 || $value > $note->{value};
	$invoice = new_invoice(attendee => $note->{attendee}, lines => $lines);
	saw($value == 0 ? 'charge: of nothing' : $value == $note->{value} ? 'charge: of all' : 'charge: of a part');
	put_note_on($note, $invoice) if $value > 0;
	return $invoice;
}

# percentage is in tenths.
sub cancellation_fee
{
	my ($note, $percentage) = @_;
	my $fee = int(($note->{value} * $percentage * 2 + 1000) / 2000);

	return 'RP003' if $percentage < 0 || $percentage > 1000;
	return 'RP006' if $note->{state} ne 'unclaimed';
	return '' if $fee == 0;
	return charge_credit_note($note, [ { description => sub {"Cancellation fee on credit note $note->{id}"}, quantity => 1, price => $fee } ]);
}

# returned is how many of each line, by its place; undef for all of it.
sub return_items
{
	my ($invoice, %returned) = @_;
	my $lines = $invoice->{lines};
	my (@kept, $note, $successor, $rest, $cart);

	return 'RP008' if $invoice->{status} ne 'paid';
	for my $n (0 .. $#$lines)
	{
		my $left = $lines->[$n]{quantity};

		$left -= $returned{$n} // $left if exists $returned{$n};
		return 'RP003' if $left < 0;
		push @kept, { %{ $lines->[$n] }, quantity => $left } if $left > 0;
	}
	return 'RP003' if value_of(\@kept) < 0 || value_of(\@kept) > $invoice->{value};
	saw($invoice->{cart} ? 'return: of a cart' : 'return: of an invoice by hand');
	saw('return: of a discount') if grep { $lines->[$_]{price} < 0 } keys %returned;
	saw('return: of a part of a line') if grep { defined $returned{$_} && $returned{$_} < $lines->[$_]{quantity} } keys %returned;
	if (!@kept)
	{
		saw('return: of everything');
		return give_up($invoice) // '';
	}

	# What is kept is sold again before it is free.
	if ($invoice->{cart})
	{
		my (%items, @discounts);

		for my $line (grep { $_->{product} } @kept)
		{
			$items{ $line->{product} } += $line->{quantity} if $line->{price} >= 0;
			push @discounts, { product => $line->{product}, description => $line->{discount}, quantity => $line->{quantity}, amount => -$line->{price} }
			  if $line->{price} < 0;
		}
		saw('return: a discount is kept') if @discounts;
		saw('return: what is kept has another price today')
		  if grep { $_->{product} && $_->{price} >= 0 && $_->{price} != $product{ $_->{product} }{price} } @kept;
		$cart = { attendee => $invoice->{attendee}, status => 'paid', revision => 1, items => \%items, held => {}, discounts => \@discounts };
		push @carts, $cart;
	}
	$note = give_up($invoice);
	$successor = new_invoice(attendee => $invoice->{attendee}, cart => $cart, revision => 1, lines => \@kept, replaces => $invoice,
		chain => 1 + ($invoice->{chain} // 0));
	saw('return: of a successor') if $invoice->{replaces};
	saw('return: of a successor of successors') if $successor->{chain} > 2;
	saw('return: what is kept is more than there is') if $cart && grep { defined $_->{stock} && sold($_) > $_->{stock} } pools($cart->{items});
	saw('return: what is kept is more than one may have')
	  if $cart && grep { defined $_->{limit} && sold($_, $cart->{attendee}) > $_->{limit} } pools($cart->{items});
	$rest = $successor->{status} eq 'unpaid' ? put_note_on($note, $successor) : $note;
	saw('return: of an invoice worth nothing') if $invoice->{value} == 0;
	saw('return: what is kept is worth nothing') if $invoice->{value} > 0 && $successor->{value} == 0;
	saw('return: nothing is left over') if $successor->{value} > 0 && !$rest;
	saw('return: something is left over') if $successor->{value} > 0 && $rest;
	return $rest // '';
}

sub expire
{
	give_up($_) for grep { $_->{status} eq 'unpaid' && $_->{cart} && has_problem($_->{cart}) } @invoices;
	return;
}

# ---- how the model is written down ----

sub or_none { return defined $_[0] ? $_[0] : '-' }

sub id { return $_[0] ? $_[0]{id} : '-' }

sub describe_model
{
	my @text;

	for my $i (@invoices)
	{
		push @text, sprintf 'invoice %s: %s, attendee %s, %s paid of %s, cart %s, replaces %s; %s; %s', $i->{id}, $i->{status}, $i->{attendee},
		  money($i->{paid}), money($i->{value}), id($i->{cart}), id($i->{replaces}) . ($i->{replaces} && $i->{cart} ? " at $i->{revision}" : ''),
		  join(', ', map { sprintf '%s x %s at %s of %s', $_->{quantity}, ref $_->{description} ? $_->{description}->() : $_->{description}, money($_->{price}), or_none($_->{product}) } @{ $i->{lines} }),
		  join(', ', map {"$_->[0] " . money($_->[1])} @{ $i->{payments} });
	}
	push @text, map { sprintf 'note %s: %s, attendee %s, %s', $_->{id}, $_->{state}, $_->{attendee}, money($_->{value}) } @notes;
	for my $c (@carts)
	{
		push @text, sprintf 'cart %s: %s, attendee %s; %s; %s', $c->{id}, $c->{status}, $c->{attendee},
		  join(', ', map {"$c->{items}{$_} x $_"} sort keys %{ $c->{items} }),
		  join(', ', sort map { sprintf '%s %s x %s of %s', $_->{description}, $_->{quantity}, money($_->{amount}), $_->{product} } @{ $c->{discounts} });
	}
	for my $p (map { $product{$_} } sort keys %product)
	{
		my ($least) = sort { $a <=> $b } grep {defined} map { available($_) } $p, $category{ $p->{category} };

		push @text, sprintf 'product %s: %s sold, %s available, %s to be had', $p->{product}, sold($p), or_none(available($p)),
		  or_none(defined $least && $least < 0 ? 0 : $least);
	}
	push @text, map { sprintf 'category %s: %s sold, %s available', $_->{category}, sold($_), available($_) }
	  grep { defined $_->{stock} } map { $category{$_} } sort keys %category;
	return @text;
}

# ---- the ledger ----

begin_server(<<'SQL');
-- What is new, with the lines of invoices, and all that there is.
CREATE FUNCTION look(last_invoice bigint, last_note bigint, last_cart bigint) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT concat_ws(' ', 'new invoice', i.invoice_id, (SELECT string_agg(l.line_item_id::text, ' ' ORDER BY l.line_item_id)
		FROM history.line_item l WHERE l.invoice_id = i.invoice_id)) FROM history.invoice i WHERE i.invoice_id > last_invoice ORDER BY i.invoice_id;
	RETURN QUERY SELECT format('new note %s', credit_note_id) FROM history.credit_note WHERE credit_note_id > last_note ORDER BY credit_note_id;
	RETURN QUERY SELECT format('new cart %s', cart_id) FROM history.cart WHERE cart_id > last_cart ORDER BY cart_id;
	RETURN QUERY SELECT format('invoice %s: %s, attendee %s, %s paid of %s, cart %s, replaces %s%s; %s; %s', i.invoice_id, i.status, i.attendee_id,
			i.paid, i.value, coalesce(i.cart_id::text, '-'), coalesce(i.replaces::text, '-'), CASE WHEN i.replaces IS NOT NULL THEN ' at ' || i.cart_revision END,
			(SELECT string_agg(format('%s x %s at %s of %s', l.quantity, l.description, l.price, coalesce(l.product_id::text, '-')), ', ' ORDER BY l.line_item_id)
				FROM history.line_item l WHERE l.invoice_id = i.invoice_id),
			(SELECT string_agg(format('%s %s', p.kind, p.amount), ', ' ORDER BY p.payment_id) FROM history.payment p WHERE p.invoice_id = i.invoice_id))
		FROM history.invoice i ORDER BY i.invoice_id;
	RETURN QUERY SELECT format('note %s: %s, attendee %s, %s', credit_note_id, state, attendee_id, value) FROM history.credit_note ORDER BY credit_note_id;
	RETURN QUERY SELECT format('cart %s: %s, attendee %s; %s; %s', c.cart_id, c.status, c.attendee_id,
			(SELECT string_agg(format('%s x %s', t.quantity, t.product_id), ', ' ORDER BY t.product_id) FROM history.cart_item t WHERE t.cart_id = c.cart_id),
			(SELECT string_agg(d.line, ', ' ORDER BY d.line COLLATE "C") FROM (SELECT format('%s %s x %s of %s', description, quantity, amount, product_id) AS line
				FROM history.cart_discount WHERE cart_id = c.cart_id) d))
		FROM history.cart c ORDER BY c.cart_id;
	RETURN QUERY SELECT format('product %s: %s sold, %s available, %s to be had', s.product_id, s.sold, coalesce(s.available::text, '-'),
			coalesce(regpaydb.available_stock(s.product_id)::text, '-')) FROM history.product_stock s ORDER BY s.product_id;
	RETURN QUERY SELECT format('category %s: %s sold, %s available', category_id, sold, available) FROM history.category_stock ORDER BY category_id;
END $$;
SQL

sub begin_ledger
{
	my @wrong = grep {/ERROR/} answers('DROP SCHEMA IF EXISTS history CASCADE; SELECT regpaydb.create_ledger(\'history\'); INSERT INTO staff VALUES (900);'
		  . 'INSERT INTO attendee (user_id) SELECT generate_series(1, ' . @attendees . ');'
		  . join('', map {"INSERT INTO category (name) VALUES ('$category{$_}{name}');"} sort keys %category)
		  . join('', map { my $p = $product{$_}; "INSERT INTO product (category_id, name, price, stock) VALUES ($p->{category}, '$p->{name}', "
			  . money($p->{price}) . ', ' . ($p->{stock} // 'NULL') . ');' } sort keys %product));
	BAIL_OUT("no ledger: @wrong") if @wrong;
	return;
}

# What the model has made gets its ids; what the two do not agree about.
sub compare
{
	my (@ledger) = @_;
	my %new = (invoice => [ grep { !$_->{id} } @invoices ], note => [ grep { !$_->{id} } @notes ], cart => [ grep { !$_->{id} } @carts ]);
	my (@differences, %is_in);

	while (@ledger && $ledger[0] =~ /^new (\w+) (\d+) ?(.*)/)
	{
		my $made = shift @{ $new{$1} };

		shift @ledger;
		$made->{id} = $2 if $made;
		push @differences, "not expected: $1 $2" if !$made;
		$made->{line_ids} = [ split / /, $3 ] if $made && $1 eq 'invoice';
	}
	push @differences, map {
		my $what = $_;
		map {"not made: $what"} @{ $new{$what} }
	} sort keys %new;
	return @differences if @differences;
	my @model = describe_model();
	$is_in{$_}++ for @model;
	$is_in{$_} -= 1 for @ledger;
	return ((map {"the model:  $_"} grep { ($is_in{$_} // 0) > 0 } @model), map {"the ledger: $_"} grep { ($is_in{$_} // 0) < 0 } @ledger);
}

# ---- deeds ----

sub active_carts { return grep { $_->{status} eq 'active' } @carts }

# Of those with this status, mostly.
sub any_invoice
{
	my ($status, $share) = @_;
	my @such = grep { $_->{status} eq $status } @invoices;

	return @such && chance($share // 0.85) ? any(@such) : any(@invoices);
}

# Mostly one that is paid, and of a cart.
sub any_returnable
{
	my @of_carts = grep { $_->{status} eq 'paid' && $_->{cart} } @invoices;
	return @of_carts && chance(0.65) ? any(@of_carts) : any_invoice('paid', 0.9);
}

# Mostly one that is unclaimed.
sub any_note
{
	my @unclaimed = grep { $_->{state} eq 'unclaimed' } @notes;
	return @unclaimed && chance(0.9) ? any(@unclaimed) : any(@notes);
}

# What is due, or less, or more.
sub some_amount
{
	my ($invoice) = @_;
	my $due = $invoice->{value} - $invoice->{paid};

	return 1 + int rand 9000 if $due <= 0;
	return chance(0.6) ? $due : chance(0.5) ? 1 + int rand $due : $due + 1 + int rand 5000;
}

sub some_lines
{
	my @lines = map { { description => any('Tutorial', 'Booth', 'Lunch'), quantity => 1 + int rand 3, price => any(0, 500, 1999, 10000) } } 1 .. 1 + int rand 3;

	push @lines, { description => 'Rebate', quantity => 1, price => -any(1, 500, 2500) } if chance(0.3);
	$_->{product} = any(sort keys %product) for grep { chance(0.3) } @lines;
	return \@lines;
}

sub lines_as_json
{
	my ($lines) = @_;
	return "'[" . join(', ', map { sprintf '{"description": "%s", "quantity": %d, "price": %s, "product_id": %s}',
			$_->{description}, $_->{quantity}, money($_->{price}), $_->{product} // 'null' } @$lines) . "]'";
}

sub set_quantity_of
{
	my ($attendee) = @_;
	my ($product, $quantity) = (any(sort keys %product), any(0, 1, 1, 2, 3, 5));

	# Now and then in a cart that is not hers to change any more.
	if (@carts && chance(0.06))
	{
		my $cart = any(@carts);
		return [ "SELECT regpaydb.set_quantity($cart->{id}, $product, $quantity)", sub { set_quantity($cart, $product, $quantity) } ];
	}
	return [ "SELECT regpaydb.set_quantity(regpaydb.current_cart($attendee), $product, $quantity)",
		sub { set_quantity(active_cart($attendee), $product, $quantity) } ];
}

sub bill_cart_of
{
	my ($attendee) = @_;
	return [ "SELECT regpaydb.invoice_cart(regpaydb.current_cart($attendee))",
		sub {
			my $cart = active_cart($attendee);
			my $result = invoice_cart($cart);
			keep_cart($cart) if ref $result;
			return $result;
		} ];
}

# What is not of the documented form, or not of that invoice, with its code.
sub wrong_items
{
	my ($invoice) = @_;
	my ($id) = $invoice->{line_ids}[0];
	my $other = first { $_ != $invoice } shuffle(@invoices);
	my $not_hers = $invoice->{status} eq 'paid' ? 'RP002' : 'RP008';

	return any(
		[ qq{[{"line_item_id": $id, "quantity": 0}]}, 'RP003' ], [ qq{[{"line_item_id": $id, "quantity": -1}]}, 'RP003' ],
		[ qq{[{"line_item_id": $id, "quantity": 99999999999}]}, 'RP003' ],
		[ qq{[{"line_item_id": $id, "quantity": 1.5}]}, '22023' ], [ qq{[{"line_item_id": $id, "quantity": "1"}]}, '22023' ],
		[ qq{[{"line_item_id": $id}, {"line_item_id": $id, "quantity": 1}]}, '22023' ],
		[ qq{[{"line_item_id": $id, "price": 1}]}, '22023' ], [ qq{[{"quantity": 1}]}, '22023' ],
		[ qq{{"line_item_id": $id}}, '22023' ], [ '[]', '22023' ], [ '[null]', '22023' ], [ 'null', '22023' ],
		[ '[{"line_item_id": 999999}]', $not_hers ],
		($other ? [ qq{[{"line_item_id": $other->{line_ids}[0]}]}, $not_hers ] : ()),
		[ undef, '22004' ]);
}

sub give_back
{
	my ($invoice) = @_;
	my $lines = $invoice->{lines};
	my $all = chance(0.06);
	my %returned;

	if (chance(0.15))
	{
		my ($items, $code) = @{ wrong_items($invoice) };
		return [ "SELECT regpaydb.return_items($invoice->{id}, " . (defined $items ? "'$items'" : 'NULL') . ')', sub { return $code } ];
	}
	return [ q{SELECT regpaydb.return_items(999999, '[{"line_item_id": 1}]')}, sub { return 'RP002' } ] if chance(0.02);
	for my $n (shuffle(0 .. $#$lines))
	{
		next if !$all && %returned && chance(0.6);
		$returned{$n} = $all || chance(0.25) ? undef : 1 + int rand($lines->[$n]{quantity} + (chance(0.1) ? 2 : 0));
	}
	# There is more to see where something is kept.
	return give_back(any_returnable()) if !$all && chance(0.8)
	  && !grep { !exists $returned{$_} || (defined $returned{$_} && $returned{$_} < $lines->[$_]{quantity}) } 0 .. $#$lines;
	my $items = join ', ', map { qq({"line_item_id": $invoice->{line_ids}[$_]) . (defined $returned{$_} ? qq(, "quantity": $returned{$_}}) : '}') } shuffle(sort keys %returned);
	return [ "SELECT regpaydb.return_items($invoice->{id}, '[$items]', " . any('NULL', "'ill'", "''") . ')', sub { return_items($invoice, %returned) } ];
}

sub change
{
	my ($table, $row, $column, $value, $written) = @_;
	return [ "UPDATE $table SET $column = " . ($written // $value // 'NULL') . " WHERE ${table}_id = " . $row->{$table} . " RETURNING ''",
		sub { $row->{ $column =~ s/_.*//r } = $value; return '' } ];
}

# Of each kind of deed: how often, whether it can be done now, and its statements, which
# are one transaction.
my @deeds = (
	[ 28, sub {1}, sub { set_quantity_of(any(@attendees)) } ],
	[ 7, sub { grep { %{ $_->{items} } } @carts }, sub {
			my $cart = any(grep { %{ $_->{items} } && ($_->{status} eq 'active' || chance(0.1)) } @carts) or return;
			my %discount = (product => any(sort keys %{ $cart->{items} }), description => any('Early', 'Early bird', 'Speaker'), quantity => 1 + int rand 2);

			$discount{amount} = any(1, 1000, $product{ $discount{product} }{price} || 1);
			return [ 'INSERT INTO cart_discount (cart_id, product_id, description, quantity, amount) VALUES '
				  . "($cart->{id}, $discount{product}, '$discount{description}', $discount{quantity}, " . money($discount{amount}) . ") RETURNING ''",
				sub { add_discount($cart, \%discount) } ];
		} ],
	[ 16, sub { active_carts() }, sub { bill_cart_of(any(active_carts())->{attendee}) } ],
	[ 2, sub {@carts}, sub { my $cart = any(@carts); return [ "SELECT regpaydb.invoice_cart($cart->{id})", sub { invoice_cart($cart) } ] } ],
	[ 4, sub {1}, sub {
			my ($attendee, $lines) = (any(@attendees), some_lines());
			return [ "SELECT regpaydb.manual_invoice($attendee, '1 day', " . lines_as_json($lines) . ')', sub { manual_invoice($attendee, $lines) } ];
		} ],
	[ 18, sub {@invoices}, sub {
			my $invoice = any_invoice('unpaid', 0.97);
			my $amount = some_amount($invoice);
			return [ "SELECT regpaydb.pay($invoice->{id}, " . money($amount) . ", '')", sub { pay($invoice, $amount) } ];
		} ],
	[ 7, sub {@invoices}, sub {
			my $invoice = any_invoice('unpaid', 0.5);
			my $amount = some_amount($invoice);
			return [ "SELECT regpaydb.record_payment($invoice->{id}, " . money($amount) . ", '', 'bank', '" . rand() . "')", sub { record_payment($invoice, $amount) } ];
		} ],
	[ 4, sub {@invoices}, sub {
			my $invoice = any_invoice(any('unpaid', 'paid'));
			my $amount = some_amount($invoice) * any(1, -1);

			# Of what was paid, a part.
			$amount = -1 - int rand $invoice->{paid} if $invoice->{status} eq 'paid' && $invoice->{paid} > 0 && chance(0.6);
			return [ "SELECT regpaydb.record_manual_payment($invoice->{id}, " . money($amount) . ", '', 900)", sub { manual_payment($invoice, $amount) } ];
		} ],
	[ 24, sub {@invoices}, sub { give_back(any_returnable()) } ],
	# Substitution: what is returned pays for something else.
	[ 5, sub { grep { $_->{status} eq 'paid' } @invoices }, sub {
			my $invoice = any_returnable();
			return (give_back($invoice), set_quantity_of($invoice->{attendee}), bill_cart_of($invoice->{attendee}));
		} ],
	# There is less of it, one may have less of it, or it has another price, when something is returned.
	[ 4, sub { grep { $_->{status} eq 'paid' && $_->{cart} } @invoices }, sub {
			my $invoice = any(grep { $_->{status} eq 'paid' && $_->{cart} } @invoices);
			my $p = $product{ any(sort keys %{ $invoice->{cart}{items} }) };
			my $half = int(sold($p) / 2);
			my $price = $p->{price} + 100;

			return (any(change('product', $p, 'stock', $half), change('product', $p, 'limit_per_attendee', 0), change('product', $p, 'price', $price, money($price))),
				give_back($invoice));
		} ],
	[ 4, sub {@invoices}, sub { my $invoice = any_invoice('paid', 0.7); return [ "SELECT regpaydb.refund_invoice($invoice->{id})", sub { refund_invoice($invoice) } ] } ],
	[ 3, sub {@invoices}, sub { my $invoice = any_invoice('unpaid', 0.6); return [ "SELECT regpaydb.void_invoice($invoice->{id})", sub { void_invoice($invoice) } ] } ],
	[ 6, sub {@notes}, sub {
			my ($note, $lines) = (any_note(), some_lines());

			# Of all of it, at times, or of nothing.
			$lines = [ { description => 'Fee', quantity => 1, price => any(0, $note->{value}, $note->{value}) } ] if chance(0.3);
			return [ "SELECT regpaydb.charge_credit_note($note->{id}, " . lines_as_json($lines) . any('', ", '1 month'") . ')', sub { charge_credit_note($note, $lines) } ];
		} ],
	[ 3, sub {@notes}, sub {
			my ($note, $percentage) = (any_note(), any(0, 1, 125, 333, 1000, 1001));
			return [ "SELECT regpaydb.cancellation_fee($note->{id}, " . $percentage / 10 . ')', sub { cancellation_fee($note, $percentage) } ];
		} ],
	[ 5, sub { @notes && @invoices }, sub {
			my ($note, $invoice) = (any_note(), any_invoice('unpaid'));
			return [ "SELECT regpaydb.apply_credit_note($note->{id}, $invoice->{id})", sub { apply_credit_note($note, $invoice) } ];
		} ],
	[ 3, sub {@notes}, sub { my $note = any_note(); return [ "SELECT regpaydb.refund_credit_note($note->{id}, '', 900)", sub { refund_credit_note($note) } ] } ],
	[ 4, sub { active_carts() }, sub {
			my $cart = any(active_carts());
			return [ "UPDATE cart SET time_last_updated = now() - interval '1 year' WHERE cart_id = $cart->{id} RETURNING ''", sub { $cart->{held} = {}; return '' } ];
		} ],
	[ 2, sub {1}, sub { [ 'SELECT regpaydb.expire_invoices(100)', \&expire ] } ],
	[ 5, sub {1}, sub { my $price = any(0, 500, 3333, 12000); return change('product', $product{ any(sort keys %product) }, 'price', $price, money($price)) } ],
	# Now and then there is less than what is sold, and one may have less than she has.
	[ 5, sub {1}, sub { my $p = $product{ any(sort keys %product) }; change('product', $p, 'stock', any(undef, undef, 6, 12, 20, int(sold($p) / 2))) } ],
	[ 2, sub {1}, sub { my $c = $category{ any(sort keys %category) }; change('category', $c, 'stock', any(undef, 5, 20, 40, int(sold($c) / 2))) } ],
	[ 5, sub {1}, sub {
			my $cart = any(grep { $_->{status} eq 'paid' && %{ $_->{items} } } @carts);
			my $p = $product{ any(sort keys %{ $cart ? $cart->{items} : \%product }) };
			return change('product', $p, 'limit_per_attendee', any(undef, 6, $cart ? int(sold($p, $cart->{attendee}) / 2) : 1));
		} ],
	[ 2, sub {1}, sub { my $c = $category{ any(sort keys %category) }; change('category', $c, 'limit_per_attendee', any(undef, undef, 12, int(sold($c, any(@attendees)) / 2))) } ],
	[ 1, sub {1}, sub { my $on = any(0, 1, 1); return [ "UPDATE conference SET auto_apply_credit = ($on = 1) RETURNING ''", sub { $auto_apply = $on; return '' } ] } ]);
my @deck = map { ($_) x $_->[0] } @deeds;

# The statements of a deed that can be done, if it can.
sub next_deed
{
	my $deed = any(@deck);
	return $deed->[1]->() ? $deed->[2]->() : ();
}

# ---- a history ----

# What the ledger answers to some statements, one transaction, which is rolled back in
# the end or is not: each statement's result, and what there is then.
sub do_in_ledger
{
	my ($end, @statements) = @_;
	my ($invoice, $note, $cart) = map { (grep {defined} map { $_->{id} } reverse @$_)[0] // 0 } \@invoices, \@notes, \@carts;
	my @lines = answers(join '', 'BEGIN;', (map {"SELECT attempt(\$deed\$$_->[0]\$deed\$);"} @statements), "$end; SELECT look($invoice, $note, $cart)");

	return ([ splice @lines, 0, scalar @statements ], @lines);
}

# What kind of statement it is, and what it came to.
sub saw_statement
{
	my ($sql, $got) = @_;
	my ($what) = $sql =~ /regpaydb\.(?!current_cart)(\w+)/ ? $1 : $sql =~ /^(\w+ (?:INTO )?\w+)/;

	saw("$what " . ($got =~ /^!(\w+)/ ? $1 : 'done'));
	return;
}

sub problems
{
	return map {"check_integrity: $_"} answers('SELECT * FROM regpaydb.check_integrity()');
}

# In the end: successors and predecessors name each other, and what is on invoices that
# are paid is what was sold.
sub look_at_documents
{
	my @answers = answers(<<'SQL');
SELECT i.invoice_id, coalesce((document->'replaces')::text, 'missing'), coalesce((document->'replaced_by')::text, 'missing')
FROM invoice i, LATERAL (SELECT regpaydb.invoice_document(i.invoice_id)::jsonb AS document) d ORDER BY 1;
SELECT 'sold', product_id, sum(quantity) FROM report_items_sold WHERE price >= 0 AND product_id IS NOT NULL GROUP BY 2 ORDER BY 2;
SQL
	my %next = map { $_->{replaces}{id} => $_->{id} } grep { $_->{replaces} } @invoices;
	my (%sold, @expected);

	for my $line (map { @{ $_->{lines} } } grep { $_->{status} eq 'paid' } @invoices)
	{
		$sold{ $line->{product} } += $line->{quantity} if $line->{product} && $line->{price} >= 0;
	}
	@expected = ((map { join '|', $_->{id}, $_->{replaces} ? $_->{replaces}{id} : 'null', $next{ $_->{id} } // 'null' } @invoices),
		map {"sold|$_|$sold{$_}"} sort keys %sold);
	return "@answers" eq "@expected" ? () : (map({"documents and report: $_"} @answers), map {"expected: $_"} @expected);
}

# A history with this seed: what is wrong, and what was done until then.
sub history
{
	my ($seed) = @_;
	my (@done, @wrong);

	alarm $PostgreSQL::Test::Utils::timeout_default;
	srand $seed;
	begin_history();
	begin_ledger();
	for my $n (1 .. $length)
	{
		my @statements = next_deed() or redo;
		my $undone = chance(0.04);
		my ($results, @ledger) = do_in_ledger($undone ? 'ROLLBACK' : 'COMMIT', @statements);
		my @expected;

		push @done, map { "$n: $statements[$_][0];  -- " . ($results->[$_] // '') . ($undone ? ', rolled back' : '') } 0 .. $#statements;
		@expected = map { scalar $_->[1]->() } @statements if !$undone;
		@wrong = compare(@ledger);
		push @wrong, map { differs($results->[$_], $expected[$_]) } 0 .. $#expected if !grep {/^not/} @wrong;
		push @wrong, problems() if $n % 10 == 0 || @wrong;
		last if @wrong;
		saw_statement($statements[$_][0], $results->[$_]) for 0 .. $#expected;
		saw('several in one transaction') if @expected > 1;
		saw('rolled back') if $undone;
	}
	@wrong = look_at_documents() if !@wrong;
	@wrong = misses() if !@wrong;
	return (\@wrong, \@done);
}

# ---- histories ----

my $statements = 0;
my $start = time;

note("the seed is $first_seed");
for my $seed ($first_seed .. $first_seed + $histories - 1)
{
	my ($wrong, $done) = history($seed);

	$statements += @$done;
	ok(!@$wrong, "the ledger and the model have the same history")
	  or diag(join "\n", @$wrong, "after:", @$done > 40 ? @$done[ -40 .. -1 ] : @$done, "REGPAYDB_HISTORY_SEED=$seed REGPAYDB_HISTORIES=1 does it again");
}
note(sprintf '%d statements in %.1f s', $statements, time - $start);
note(join ', ', map {"$_: $seen{$_}"} sort keys %seen);

# All that should happen in so many.
my @should_happen = (
	(map {"return: $_"} 'of a cart', 'of an invoice by hand', 'of a discount', 'of a part of a line', 'of everything', 'a discount is kept',
		'what is kept is more than there is', 'what is kept is more than one may have', 'what is kept has another price today',
		'of a successor', 'of a successor of successors', 'of an invoice worth nothing', 'what is kept is worth nothing', 'something is left over', 'nothing is left over'),
	(map {"return_items $_"} qw(done RP002 RP003 RP008 22023 22004)), (map {"charge: $_"} 'of nothing', 'of all', 'of a part'),
	(map {"charge_credit_note $_"} qw(RP003 RP006)), (map {"cancellation_fee $_"} qw(done RP003)), (map {"apply_credit_note $_"} qw(done RP001)),
	(map {"set_quantity $_"} qw(done RP005 RP008)), (map {"invoice_cart $_"} qw(done RP003 RP005 RP008)), (map {"pay $_"} qw(done RP001)),
	'INSERT INTO cart_discount done', 'INSERT INTO cart_discount RP008', 'refund_credit_note done', 'void_invoice RP007', 'refund_invoice RP008',
	'late money for what was replaced', 'money of a successor is taken back', 'a successor is refunded', 'several in one transaction', 'rolled back');

is(join(', ', grep { !$seen{$_} } @should_happen), '', 'there was some of everything') if $histories >= $usual;
end_server();
done_testing();
