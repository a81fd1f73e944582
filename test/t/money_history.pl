# Random histories of money: payments that come too little, too late and twice, credit
# notes, refunds that are requested, done or fail, and reversals, against a plain model.
# After each deed the ledger has the invoices, payments, notes, refunds and reversals that
# the model has; after every few it tells of every payment where its money is, and of
# every note where it came from, what the model says.
#
# In the model money is coins, which are carried about.  A coin has an amount and the
# payments by which it came, the one from outside first; so where a payment's money is,
# is found by looking for its coins.  The ledger has no coins: it works that out from its
# payments.
#
# REGPAYDB_HISTORIES says how many histories; REGPAYDB_HISTORY_SEED is the seed of the
# first one, the next one's is one more.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use List::Util qw(first max min shuffle sum0);
use PostgreSQL::Test::Utils;
use RegpayHistory;
use Test::More;
use Time::HiRes qw(time);

my $usual = 40;
my $histories = $ENV{REGPAYDB_HISTORIES} || $usual;
my $first_seed = $ENV{REGPAYDB_HISTORY_SEED} || int(time);
my $length = 100;	# deeds of a history
my $often = 5;	# deeds between two looks at where all money is
my @attendees = 1 .. 4;
my %price = (1 => 10000, 2 => 4010, 3 => 2525);	# of the products, of which there are any number

# ---- the model ----

# Amounts are in cents.  What the ledger makes gets its id when the ledger is looked at,
# in the order in which the model has made it.
my ($auto_apply, %cart_of, @invoices, @payments, @notes, @refunds, @reversals, @gone);

# How many rows of each kind the outbox has.
my %told;

# What has happened in all histories, by name.
my %seen;

sub saw { $seen{ $_[0] }++; return }

sub begin_history
{
	$auto_apply = !chance(0.2);
	%cart_of = %told = ();
	@invoices = @payments = @notes = @refunds = @reversals = @gone = ();
	return;
}

# ---- coins ----

sub amount_of { return sum0(map { $_->{amount} } @_) }

# The coins as they are when they have come by one more payment.
sub carried
{
	my ($payment, @coins) = @_;
	return map { { amount => $_->{amount}, came_by => [ @{ $_->{came_by} }, $payment ] } } @coins;
}

# Take coins that add up to an amount from a purse, the last in it first, of those that
# are wanted.  Returned in the order in which they lay.
sub take
{
	my ($purse, $amount, $is_wanted) = @_;
	my @taken;

	for my $coin (reverse @$purse)
	{
		my $part = min($coin->{amount}, $amount);

		next if $part == 0 || ($is_wanted && !$is_wanted->($coin));
		unshift @taken, { %$coin, amount => $part };
		$coin->{amount} -= $part;
		$amount -= $part;
	}
	@$purse = grep { $_->{amount} > 0 } @$purse;
	return @taken;
}

sub has_come_by
{
	my ($coin, $payment) = @_;
	return scalar grep { $_ == $payment } @{ $coin->{came_by} };
}

# ---- payments ----

sub new_payment
{
	my ($invoice, $kind, $amount, %more) = @_;
	my $payment = { invoice => $invoice, kind => $kind, amount => $amount, %more };

	push @payments, $payment;
	$invoice->{payment_count}++;
	return $payment;
}

# Money comes in, from outside if no coins are given.
sub put_in
{
	my ($invoice, $kind, $amount, $coins, %more) = @_;
	my $payment = new_payment($invoice, $kind, $amount, %more);

	push @{ $invoice->{purse} }, carried($payment, @{ $coins // [ { amount => $amount, came_by => [] } ] });
	return $payment;
}

sub paid { return amount_of(@{ $_[0]{purse} }) }

sub is_closed { return $_[0]{status} eq 'void' || $_[0]{status} eq 'refunded' }

# ---- invoices ----

sub announce { $told{ $_[0] }++; return }

sub become
{
	my ($invoice, $status) = @_;
	my $was = $invoice->{status};
	my $cart = $invoice->{cart};

	$invoice->{status} = $status;
	return if !$cart || $status eq $was;
	$cart->{status} = $status eq 'paid' ? 'paid' : $was eq 'paid' ? 'released' : $cart->{status};
	delete $cart_of{ $cart->{attendee} } if $cart->{status} ne 'active' && ($cart_of{ $cart->{attendee} } // 0) == $cart;
	return;
}

sub make_note
{
	my ($invoice, $amount, $owner) = @_;
	my ($note, @coins);

	return if $amount == 0;
	@coins = take($invoice->{purse}, $amount);
	$note = { attendee => $owner, value => $amount, state => 'unclaimed', coins => \@coins, invoice => $invoice };
	$note->{payment} = new_payment($invoice, 'credit_note', -$amount);
	push @notes, $note;
	announce('credit_note_created');
	saw('money of several payments in a note') if 1 < keys %{ { map { $_->{came_by}[0] => 1 } @coins } };
	return $note;
}

# What an invoice becomes; the note of what is too much, if there is one.
sub settle
{
	my ($invoice, $owner) = @_;

	if ($invoice->{status} eq 'unpaid')
	{
		become($invoice,
			paid($invoice) >= $invoice->{value} ? 'paid'
			: paid($invoice) == 0 && $invoice->{payment_count} > 0 ? 'void'
			: 'unpaid');
	}
	elsif ($invoice->{status} eq 'paid' && paid($invoice) < $invoice->{value})
	{
		become($invoice, 'refunded');
	}
	return if $invoice->{status} eq 'unpaid';
	return make_note($invoice, paid($invoice) - ($invoice->{status} eq 'paid' ? $invoice->{value} : 0), $owner // $invoice->{attendee});
}

sub lay_note_on
{
	my ($note, $invoice) = @_;

	$note->{state} = 'applied';
	announce('credit_note_applied');
	saw('money of a note that is of a note') if @{ $note->{coins}[0]{came_by} } > 2;
	saw('on somebody else\'s invoice') if $note->{attendee} != $invoice->{attendee};
	return put_in($invoice, 'credit_application', $note->{value}, $note->{coins});
}

sub put_note_on
{
	my ($note, $invoice) = @_;

	lay_note_on($note, $invoice);
	return settle($invoice, $note->{attendee});
}

sub value_of { return sum0(map { $_->{quantity} * $_->{price} } @{ $_[0] }) }

sub new_invoice
{
	my (%invoice) = @_;
	my $invoice = { %invoice, status => 'unpaid', purse => [], payment_count => 0, value => value_of($invoice{lines}) };

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
		saw('credit is taken');
		put_note_on($note, $invoice);
	}
	return;
}

# What was paid on an invoice that is not closed becomes a note.
sub give_up
{
	my ($invoice) = @_;

	become($invoice, $invoice->{status} eq 'paid' && paid($invoice) > 0 ? 'refunded' : 'void');
	return make_note($invoice, paid($invoice), $invoice->{attendee});
}

# ---- what each function comes to ----

# An error's code, what is returned, '' for NULL or nothing at all, or undef for what is
# not compared.

sub set_quantity
{
	my ($attendee, $product, $quantity) = @_;
	my $cart = $cart_of{$attendee} //= { attendee => $attendee, status => 'active', revision => 1, items => {} };

	return '' if $quantity == ($cart->{items}{$product} // 0);
	$cart->{items}{$product} = $quantity;
	delete $cart->{items}{$product} if $quantity == 0;
	$cart->{revision}++;
	for my $invoice (grep { $_->{cart} && $_->{cart} == $cart && $_->{status} eq 'unpaid' } @invoices)
	{
		saw(paid($invoice) > 0 ? 'amended: part-paid' : 'amended: unpaid');
		give_up($invoice);
	}
	return '';
}

sub invoice_cart
{
	my ($attendee) = @_;
	my $cart = $cart_of{$attendee};
	my $invoice = first { $_->{cart} && $_->{cart} == $cart && $_->{revision} == $cart->{revision} && !is_closed($_) } @invoices;

	return $invoice if $invoice;
	return 'RP005' if !%{ $cart->{items} };
	$invoice = new_invoice(
		attendee => $attendee, cart => $cart, revision => $cart->{revision},
		lines => [ map { { product => $_, quantity => $cart->{items}{$_}, price => $price{$_} } } sort keys %{ $cart->{items} } ]);
	take_credit($invoice);
	return $invoice;
}

sub manual_invoice
{
	my ($attendee, $lines) = @_;
	my $invoice = new_invoice(attendee => $attendee, lines => $lines);

	take_credit($invoice);
	return $invoice;
}

sub of_ref
{
	my ($provider, $ref) = @_;
	return if !defined $ref;
	return first { ($_->{ref} // '') eq $ref && $_->{provider} eq $provider } @payments;
}

# What a platform's reference that stands for a payment already comes to.
sub recorded
{
	my ($invoice, $amount, %from) = @_;
	my $payment = of_ref(@from{ 'provider', 'ref' });

	return if !$payment;
	return $payment->{invoice} == $invoice && $payment->{amount} == $amount ? $payment : 'RP009';
}

sub pay
{
	my ($invoice, $amount, %from) = @_;
	my $payment = recorded($invoice, $amount, %from);

	return $payment if $payment;
	return 'RP001' if $invoice->{status} ne 'unpaid';
	$payment = put_in($invoice, 'payment', $amount, undef, %from);
	settle($invoice);
	return $payment;
}

# Money that has arrived; a kind of its own where staff enter it.
sub record_payment
{
	my ($invoice, $kind, $amount, %from) = @_;
	my $payment = recorded($invoice, $amount, %from);

	return $payment if $payment;
	saw("late money for what is $invoice->{status}") if $invoice->{status} ne 'unpaid';
	$payment = put_in($invoice, $kind, $amount, undef, %from);
	settle($invoice);
	return $payment;
}

# Staff give money back past us.
sub give_back
{
	my ($invoice, $amount, %from) = @_;
	my $payment = recorded($invoice, -$amount, %from);

	return $payment if $payment;
	return 'RP003' if $amount > paid($invoice);
	$payment = new_payment($invoice, 'manual', -$amount, %from);
	push @gone, { place => 'refund', invoice => $invoice, coins => [ take($invoice->{purse}, $amount) ] };
	saw('given back on an invoice');
	settle($invoice);
	return $payment;
}

sub refund_invoice
{
	my ($invoice) = @_;

	return 'RP008' if is_closed($invoice);
	return give_up($invoice) // '';
}

sub void_invoice
{
	my ($invoice) = @_;

	return 'RP008' if $invoice->{status} eq 'refunded';
	return 'RP007' if paid($invoice) > 0;
	give_up($invoice) if $invoice->{status} ne 'void';
	return '';
}

sub apply_credit_note
{
	my ($note, $invoice) = @_;
	my $payment;

	return 'RP001' if $invoice->{status} ne 'unpaid';
	return 'RP006' if $note->{state} ne 'unclaimed';
	$payment = lay_note_on($note, $invoice);
	settle($invoice, $note->{attendee});
	return $payment;
}

sub charge_credit_note
{
	my ($note, $lines) = @_;
	my ($value, $invoice) = (value_of($lines));

	return 'RP006' if $note->{state} ne 'unclaimed';
	return 'RP003' if $value > $note->{value};
	$invoice = new_invoice(attendee => $note->{attendee}, lines => $lines);
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
	return charge_credit_note($note, [ { quantity => 1, price => $fee } ]);
}

# returned is how many of each line, by its place.
sub return_items
{
	my ($invoice, %returned) = @_;
	my ($note, $successor, $cart, @kept);

	return 'RP008' if $invoice->{status} ne 'paid';
	for my $n (0 .. $#{ $invoice->{lines} })
	{
		my $line = $invoice->{lines}[$n];
		my $left = $line->{quantity} - ($returned{$n} // 0);

		return 'RP003' if $left < 0;
		push @kept, { %$line, quantity => $left } if $left > 0;
	}
	return give_up($invoice) // '' if !@kept;
	$note = give_up($invoice);
	$cart = { attendee => $invoice->{attendee}, status => 'paid', revision => 1 } if $invoice->{cart};
	$successor = new_invoice(attendee => $invoice->{attendee}, lines => \@kept, cart => $cart, revision => 1);
	saw('a part is returned');
	return ($successor->{status} eq 'unpaid' ? put_note_on($note, $successor) : $note) // '';
}

# ---- refunds and reversals ----

# What of a payment can go back to it still.
sub refundable
{
	my ($payment) = @_;
	my $back = sum0(map { $_->{amount} } grep { $_->{payment} == $payment } @reversals)
	  + sum0(map { $_->{parts}{$payment} // 0 } grep { $_->{state} ne 'failed' } @refunds);

	return max(0, $payment->{amount} - $back);
}

# How much of a note each payment from outside brought, in the order of their ids.
sub sources
{
	my ($note) = @_;
	my (%amount, %payment);

	for my $coin (@{ $note->{coins} })
	{
		$payment{ $coin->{came_by}[0] } = $coin->{came_by}[0];
		$amount{ $coin->{came_by}[0] } += $coin->{amount};
	}
	return map { [ $payment{$_}, $amount{$_} ] } sort { $payment{$a}{id} <=> $payment{$b}{id} } keys %amount;
}

# parts is a list of payments and amounts, or undef for the sources.
sub request_refund
{
	my ($note, $state, $reference, $parts) = @_;
	my %of = map { $_->[0] => $_->[1] } sources($note);
	my $refund = { note => $note, reference => $reference, state => $state };

	return 'RP006' if $note->{state} ne 'unclaimed';
	if ($parts)
	{
		return 'RP003' if grep { !$of{ $_->[0] } || $_->[1] > refundable($_->[0]) } @$parts;
		return 'RP003' if sum0(map { $_->[1] } @$parts) > $note->{value};
		saw('a part is more than the note has of that payment') if grep { $_->[1] > $of{ $_->[0] } } @$parts;
	}
	$parts //= [ map { [ $_->[0], min($_->[1], refundable($_->[0])) ] } sources($note) ];
	$refund->{parts} = { map { $_->[0] => $_->[1] } grep { $_->[1] > 0 } @$parts };
	$refund->{rest} = $note->{value} - sum0(values %{ $refund->{parts} });
	saw('some goes another way') if $refund->{rest} > 0;
	saw('parts of several payments') if keys %{ $refund->{parts} } > 1;
	$note->{state} = 'refunded';
	$note->{refund} = $refund;
	push @refunds, $refund;
	announce('credit_note_refunded');
	announce('refund_done') if $state eq 'done';
	return $refund;
}

sub confirm_refund
{
	my ($refund, $provider, $ref) = @_;

	return 'RP008' if $refund->{state} eq 'failed';
	if ($refund->{state} eq 'done')
	{
		return defined $ref && ($ref ne ($refund->{ref} // '') || $provider ne $refund->{provider}) ? 'RP009' : '';
	}
	return 'RP009'
	  if defined $ref && grep { $_ != $refund && ($_->{ref} // '') eq $ref && $_->{provider} eq $provider } @refunds, @reversals;
	@{$refund}{qw(state provider ref)} = ('done', $provider, $ref);
	announce('refund_done');
	return '';
}

sub fail_refund
{
	my ($refund) = @_;
	my $note = $refund->{note};

	return 'RP008' if $refund->{state} ne 'requested';
	$refund->{state} = 'failed';
	saw('the refund of a note of somebody else\'s invoice fails') if $note->{attendee} != $note->{invoice}{attendee};
	put_in($note->{invoice}, 'refund_failed', $note->{value}, $note->{coins});
	announce('refund_failed');
	return settle($note->{invoice}, $note->{attendee});
}

# Of the refunds that a platform's reference may stand for, the one that it does.
sub refund_of_ref
{
	my ($payment, $provider, $ref) = @_;
	my @alive = grep { $_->{state} ne 'failed' } @refunds;
	my @named = grep { $_->{reference} eq $ref && $_->{parts}{$payment} } @alive;

	return (grep { ($_->{ref} // '') eq $ref && $_->{provider} eq $provider } @alive)[0]
	  // (grep { $_->{state} eq 'requested' } @named)[0] // $named[0];
}

# The invoice's own unclaimed notes that come to an amount, or all: those with money of
# the payment first, then the newest.
sub notes_to_take
{
	my ($payment, $amount) = @_;
	my $invoice = $payment->{invoice};
	my @own = reverse grep { $_->{invoice} == $invoice && $_->{attendee} == $invoice->{attendee} && $_->{state} eq 'unclaimed' } @notes;
	my @taken;

	for my $want (1, 0)
	{
		for my $note (grep { $want == !!grep { has_come_by($_, $payment) } @{ $_->{coins} } } @own)
		{
			push @taken, $note if $amount > value_of_notes(@taken);
		}
	}
	return grep { my $note = $_; grep { $_ == $note } @taken } @notes;
}

sub value_of_notes { return sum0(map { $_->{value} } @_) }

sub record_reversal
{
	my ($provider, $payment_ref, $amount, $ref) = @_;
	my $payment = of_ref($provider, $payment_ref);
	my ($recorded, $refund, $invoice, $reversal, @coins);

	return 'RP002' if !$payment;
	return 'RP003' if $payment->{amount} < 0;
	$recorded = first { $_->{provider} eq $provider && $_->{ref} eq $ref } @reversals;
	return $recorded->{payment} == $payment && $recorded->{amount} == $amount ? $recorded : 'RP009' if $recorded;
	$refund = refund_of_ref($payment, $provider, $ref);
	if ($refund)
	{
		return 'RP009' if ($refund->{parts}{$payment} // 0) != $amount;
		saw($refund->{state} eq 'requested' ? 'a reversal confirms a refund' : 'a reversal is a refund that is done');
		return confirm_refund($refund, $refund->{state} eq 'requested' ? ($provider, $ref) : ());
	}
	return 'RP003' if $amount > refundable($payment);

	$invoice = $payment->{invoice};
	saw("reversal on what is $invoice->{status}");
	lay_note_on($_, $invoice) foreach notes_to_take($payment, $amount);
	$reversal = { provider => $provider, ref => $ref, payment => $payment, amount => $amount, loss => max(0, $amount - paid($invoice)) };
	push @reversals, $reversal;
	announce('payment_reversed');
	announce('reversal_loss') if $reversal->{loss} > 0;
	if ($amount > $reversal->{loss})
	{
		my $was = $invoice->{status};

		$reversal->{reversing} = new_payment($invoice, 'reversal', $reversal->{loss} - $amount);
		@coins = take($invoice->{purse}, $amount - $reversal->{loss}, sub { has_come_by($_[0], $payment) });
		push @coins, take($invoice->{purse}, $amount - $reversal->{loss} - amount_of(@coins));
		saw('a reversal takes money of other payments') if grep { !has_come_by($_, $payment) } @coins;
		push @gone, { place => 'reversed', invoice => $invoice, coins => \@coins };
		settle($invoice);
		saw("reversal: $was stays so") if $was eq $invoice->{status};
		saw("reversal: $was is $invoice->{status}");
	}
	saw('loss: all') if $reversal->{loss} == $amount;
	saw('loss: a part') if $reversal->{loss} > 0 && $reversal->{loss} < $amount;
	return $reversal;
}

# ---- how the model is written down ----

sub id { return $_[0] ? $_[0]{id} : '-' }

sub describe_books
{
	return (
		(map { sprintf 'invoice %s: %s, %s paid of %s', $_->{id}, $_->{status}, money(paid($_)), money($_->{value}) } @invoices),
		(map { sprintf 'note %s: %s, attendee %s, %s', $_->{payment}{id}, $_->{state}, $_->{attendee}, money($_->{value}) } @notes),
		(map { sprintf 'refund %s: of note %s, %s, %s', $_->{id}, $_->{note}{payment}{id}, $_->{state}, join ' ', map { $_ // '-' } @{$_}{ 'provider', 'ref' } } @refunds),
		(map { sprintf 'reversal %s: %s of payment %s, %s lost, by payment %s', $_->{id}, money($_->{amount}), $_->{payment}{id}, money($_->{loss}), id($_->{reversing}) } @reversals));
}

# All places of money: what each is, and its coins.
sub places
{
	return (
		(map { [ "invoice, invoice $_->{id}", $_->{purse} ] } @invoices),
		(map { [ "$_->{place}, invoice $_->{invoice}{id}", $_->{coins} ] } @gone),
		(map { [ "credit_note, note $_->{payment}{id}", $_->{coins} ] } grep { $_->{state} eq 'unclaimed' } @notes),
		(map { [ "refund, note $_->{note}{payment}{id}, refund $_->{id}", $_->{note}{coins} ] } grep { $_->{state} ne 'failed' } @refunds));
}

sub trails
{
	my %trail;

	for my $place (places())
	{
		for my $coin (@{ $place->[1] })
		{
			$trail{ $_->{id} }{ $place->[0] } += $coin->{amount} foreach @{ $coin->{came_by} };
		}
	}
	return map {
		my $id = $_;
		map { "trail of $id: " . money($trail{$id}{$_}) . " $_" } keys %{ $trail{$id} };
	} keys %trail;
}

sub balance
{
	my ($attendee) = @_;
	return sum0(map { $_->{value} - paid($_) } grep { $_->{attendee} == $attendee && $_->{status} eq 'unpaid' } @invoices)
	  - value_of_notes(grep { $_->{attendee} == $attendee && $_->{state} eq 'unclaimed' } @notes);
}

sub describe_money
{
	my @refunded = grep { $_->{state} ne 'failed' } @refunds;
	my @outside = grep { $_->{kind} =~ /^(payment|manual|reversal)$/ } @payments;
	my %sum = map {
		my $status = $_;
		$status => sum0(map { paid($_) } grep { $_->{status} eq $status } @invoices)
	} qw(unpaid paid);
	my %notes = map {
		my $state = $_;
		$state => value_of_notes(grep { $_->{state} eq $state } @notes)
	} qw(unclaimed applied);

	return (
		trails(),
		(map {
			my $note = $_;
			map {"source of $note->{payment}{id}: payment $_->[0]{id}, " . money($_->[1]) . ', refundable ' . money(refundable($_->[0]))} sources($note);
		} @notes),
		(map {
			my $refund = $_;
			my %payment = map { $_->[0] => $_->[0] } sources($refund->{note});
			((map {"part of $refund->{id}: payment $payment{$_}{id}, " . money($refund->{parts}{$_})} keys %{ $refund->{parts} }),
				($refund->{rest} > 0 ? "part of $refund->{id}: payment -, " . money($refund->{rest}) : ()));
		} @refunds),
		(map { "told of $_: $told{$_}" } keys %told),
		(map { my $attendee = $_; (grep { $_->{attendee} == $attendee } @invoices) ? "attendee $attendee owes " . money(balance($attendee)) : () } @attendees),
		'reconciliation: ' . join(' ', map { money($_) } amount_of(@outside), @sum{qw(paid unpaid)}, $notes{unclaimed},
			value_of_notes(map { $_->{note} } @refunded), 0, sum0(map { $_->{loss} } @reversals)),
		'sales and payments: ' . join ' ', map { money($_) } amount_of(@outside), value_of_notes(@notes), $notes{applied},
		value_of_notes(map { $_->{note} } @refunded), $notes{unclaimed}, 0, value_of_notes(map { $_->{note} } grep { $_->{state} eq 'failed' } @refunds));
}

# What the model says itself about money, without the ledger.
sub model_is_sound
{
	my @wrong;

	for my $note (@notes)
	{
		push @wrong, "the model's note $note->{payment}{id} is not its coins" if amount_of(@{ $note->{coins} }) != $note->{value};
	}
	for my $payment (grep { $_->{amount} > 0 } @payments)
	{
		my $found = sum0(map { amount_of(grep { has_come_by($_, $payment) } @{ $_->[1] }) } places());

		push @wrong, "the model has $found of payment $payment->{id}" if $found != $payment->{amount};
		push @wrong, "more than payment $payment->{id} brought went back to it"
		  if refundable($payment) > $payment->{amount} || refundable($payment) < 0;
	}
	return @wrong;
}

# ---- the ledger ----

begin_server(<<'SQL');
-- What is new, with the lines of invoices, and the books.
CREATE FUNCTION look(last_invoice bigint, last_payment bigint, last_refund bigint, last_reversal bigint) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT concat_ws(' ', 'new invoice', i.invoice_id, (SELECT string_agg(l.line_item_id::text, ' ' ORDER BY l.line_item_id)
		FROM history.line_item l WHERE l.invoice_id = i.invoice_id)) FROM history.invoice i WHERE i.invoice_id > last_invoice ORDER BY i.invoice_id;
	RETURN QUERY SELECT format('new payment %s %s %s %s', payment_id, invoice_id, kind, amount) FROM history.payment WHERE payment_id > last_payment ORDER BY payment_id;
	RETURN QUERY SELECT format('new refund %s', credit_note_refund_id) FROM history.credit_note_refund WHERE credit_note_refund_id > last_refund ORDER BY credit_note_refund_id;
	RETURN QUERY SELECT format('new reversal %s', reversal_id) FROM history.reversal WHERE reversal_id > last_reversal ORDER BY reversal_id;
	RETURN QUERY SELECT format('invoice %s: %s, %s paid of %s', invoice_id, status, paid, value) FROM history.invoice;
	RETURN QUERY SELECT format('note %s: %s, attendee %s, %s', credit_note_id, state, attendee_id, value) FROM history.credit_note;
	RETURN QUERY SELECT format('refund %s: of note %s, %s, %s %s', credit_note_refund_id, credit_note_id, state, coalesce(provider, '-'), coalesce(provider_ref, '-'))
		FROM history.credit_note_refund;
	RETURN QUERY SELECT format('reversal %s: %s of payment %s, %s lost, by payment %s', reversal_id, amount, payment_id, loss, coalesce(reversing_payment_id::text, '-'))
		FROM history.reversal;
END $$;
-- Where all money is and came from, and the sums.
CREATE FUNCTION look_at_money() RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
	RETURN QUERY SELECT format('trail of %s: %s %s', p.payment_id, t.amount, concat_ws(', ', t.place, 'invoice ' || t.invoice_id, 'note ' || t.credit_note_id,
			'refund ' || t.credit_note_refund_id)) FROM history.payment p, regpaydb.money_trail(p.payment_id) t WHERE p.amount > 0;
	RETURN QUERY SELECT format('source of %s: payment %s, %s, refundable %s', n.credit_note_id, s.payment_id, s.amount, s.refundable)
		FROM history.credit_note n, regpaydb.refund_sources(n.credit_note_id) s;
	RETURN QUERY SELECT format('part of %s: payment %s, %s', credit_note_refund_id, coalesce(payment_id::text, '-'), amount) FROM history.credit_note_refund_part;
	RETURN QUERY SELECT format('told of %s: %s', kind, count(*)) FROM history.outbox WHERE kind::text ~ 'credit_note|refund_|revers' GROUP BY kind;
	RETURN QUERY SELECT DISTINCT ON (attendee_id) format('attendee %s owes %s', attendee_id, balance) FROM history.report_attendee_statement
		ORDER BY attendee_id, entry_number DESC;
	RETURN QUERY SELECT 'reconciliation: ' || concat_ws(' ', money_received, on_paid_invoices, part_payments, credit_notes_unclaimed, credit_notes_refunded, difference, losses)
		FROM regpaydb.reconciliation(now());
	RETURN QUERY SELECT 'sales and payments: ' || concat_ws(' ', money_received, credit_notes, credit_notes_applied, credit_notes_refunded, credit_notes_unclaimed,
			credit_notes_difference, credit_notes_returned) FROM history.report_sales_and_payments;
	RETURN QUERY SELECT concat_ws(': ', 'check_integrity', object, problem) FROM regpaydb.check_integrity();
END $$;
SQL

sub begin_ledger
{
	my @wrong = grep {/ERROR/} answers('DROP SCHEMA IF EXISTS history CASCADE; SELECT regpaydb.create_ledger(\'history\'); INSERT INTO staff VALUES (900);'
		  . 'INSERT INTO attendee (user_id) SELECT generate_series(1, ' . @attendees . q{); INSERT INTO category (name) VALUES ('Ticket');}
		  . join('', map {"INSERT INTO product (category_id, name, price) VALUES (1, 'Product $_', " . money($price{$_}) . ');'} sort keys %price)
		  . 'UPDATE conference SET auto_apply_credit = ' . ($auto_apply ? 'true' : 'false'));

	BAIL_OUT("no ledger: @wrong") if @wrong;
	return;
}

# What the model has and the ledger has not, and the other way round.
sub differences
{
	my ($model, $ledger) = @_;
	my %is_in;

	$is_in{$_}++ foreach @$model;
	$is_in{$_}-- foreach @$ledger;
	return ((map {"the model:  $_"} grep { $is_in{$_} > 0 } sort keys %is_in), map {"the ledger: $_"} grep { $is_in{$_} < 0 } sort keys %is_in);
}

# What the model has made gets its ids; what the two do not agree about.
sub compare
{
	my (@ledger) = @_;
	my %new = (invoice => \@invoices, payment => \@payments, refund => \@refunds, reversal => \@reversals);
	my @differences;

	$new{$_} = [ grep { !$_->{id} } @{ $new{$_} } ] foreach keys %new;
	while (@ledger && $ledger[0] =~ /^new (\w+) (\d+) ?(.*)/)
	{
		my $made = shift @{ $new{$1} };

		push @differences, 'not expected: ' . $ledger[0] if !$made;
		$made->{id} = $2 if $made;
		$made->{line_ids} = [ split / /, $3 ] if $made && $1 eq 'invoice';
		$made->{is} = $3 if $made && $1 eq 'payment';
		shift @ledger;
	}
	push @differences, map {
		my $what = $_;
		map { join ' ', "not made: $what", map { $_ // () } @{$_}{ 'kind', 'amount' } } @{ $new{$what} }
	} sort keys %new;
	return @differences if @differences;
	for my $payment (grep { $_->{is} } @payments)
	{
		my $expected = "$payment->{invoice}{id} $payment->{kind} " . money($payment->{amount});

		push @differences, "payment $payment->{id}: $payment->{is}, expected was $expected" if $payment->{is} ne $expected;
		delete $payment->{is};
	}
	return (@differences, differences([ describe_books() ], \@ledger));
}

# ---- deeds ----

# Of those with this status, mostly.
sub any_invoice
{
	my ($status, $share) = @_;
	my @such = grep { $_->{status} eq $status } @invoices;

	return @such && chance($share // 0.85) ? any(@such) : any(@invoices);
}

# Mostly one that is unclaimed.
sub any_note
{
	my @unclaimed = grep { $_->{state} eq 'unclaimed' } @notes;
	return @unclaimed && chance(0.93) ? any(@unclaimed) : any(@notes);
}

sub unpaid_of_carts { return grep { $_->{cart} && $_->{status} eq 'unpaid' } @invoices }

# What is due, or less, or more.
sub some_amount
{
	my ($invoice) = @_;
	my $due = $invoice->{value} - paid($invoice);

	return 1 + int rand 9000 if $due <= 0;
	return chance(0.45) ? $due : chance(0.6) ? 1 + int rand $due : $due + 1 + int rand 9000;
}

sub some_lines
{
	return [ map { { quantity => 1 + int rand 2, price => any(0, 500, 1999, 6000, 10000) } } 1 .. 1 + int rand 2 ];
}

sub lines_as_json
{
	my ($lines) = @_;
	return "'[" . join(', ', map { sprintf '{"description": "Thing", "quantity": %d, "price": %s}', $_->{quantity}, money($_->{price}) } @$lines) . "]'";
}

sub text { return defined $_[0] ? "'$_[0]'" : 'NULL' }

my $last_ref;

sub new_ref { return $_[0] . ++$last_ref }

# Where money comes from: a platform, mostly, and at times one that says so again.
sub some_source
{
	my ($share) = @_;
	my @known = grep { $_->{ref} } @payments;

	return () if !chance($share);
	if (@known && chance(0.08))
	{
		my $payment = any(@known);
		return (again => $payment, provider => $payment->{provider}, ref => $payment->{ref});
	}
	return (provider => any('card', 'card', 'bank'), ref => new_ref('p'));
}

# A payment on an invoice as a statement, by $write from its invoice and amount, and what
# it comes to, by $do.
sub payment_deed
{
	my ($invoice, $amount, $share, $write, $do) = @_;
	my %from = some_source($share);
	my $again = delete $from{again};

	# The same again, mostly, or the same reference with something else.
	($invoice, $amount) = ($again->{invoice}, abs $again->{amount}) if $again && chance(0.6);
	saw('a reference again') if $again;
	return [ $write->($invoice->{id}, $amount, join ', ', map { text($_) } @from{ 'provider', 'ref' }), sub { $do->($invoice, $amount, %from) } ];
}

# How a note's money may be divided: as it should, or by a wrong idea of that.
sub some_parts
{
	my ($note) = @_;
	my @parts = map { [ $_->[0], any($_->[1], refundable($_->[0]), 1 + int rand $_->[1]) ] } grep { chance(0.7) } sources($note);
	my $left = $note->{value};

	# Mostly together no more than the note has.
	if (chance(0.85))
	{
		for my $part (@parts)
		{
			$part->[1] = min($left, $part->[1]);
			$left -= $part->[1];
		}
	}
	push @parts, [ any(@payments), 100 ] if chance(0.05);
	my %once = map { $_->[0] => $_ } @parts;
	return [ grep { $_->[1] > 0 } shuffle(map { $once{$_} } sort { $once{$a}[0]{id} <=> $once{$b}[0]{id} } keys %once) ];
}

sub parts_as_json
{
	my ($parts) = @_;
	return "'[" . join(', ', map { sprintf '{"payment_id": %d, "amount": %s}', $_->[0]{id}, money($_->[1]) } @$parts) . "]'";
}

# Parts that no refund can have, with their code.
sub wrong_parts
{
	my ($note) = @_;
	my ($source) = sources($note);
	my $id = $source->[0]{id};

	return any([ '{}', '22023' ], [ '[1]', '22023' ], [ '[{"amount": 1}]', '22023' ], [ qq([{"payment_id": $id}]), '22023' ],
		[ qq([{"payment_id": $id, "amount": 0}]), 'RP003' ], [ qq([{"payment_id": $id, "amount": -1}]), 'RP003' ],
		[ qq([{"payment_id": $id, "amount": 0.001}]), 'RP003' ], [ qq([{"payment_id": $id, "amount": "1"}]), '22023' ],
		[ qq([{"payment_id": $id, "amount": 0.01}, {"payment_id": $id, "amount": 0.01}]), '22023' ],
		[ '[{"payment_id": 999999, "amount": 0.01}]', 'RP002' ]);
}

sub request_deed
{
	my @of_others = grep { $_->{state} eq 'unclaimed' && $_->{attendee} != $_->{invoice}{attendee} } @notes;
	my $note = @of_others && chance(0.3) ? any(@of_others) : any_note();
	my $reference = new_ref('r');

	if ($note->{state} eq 'unclaimed' && chance(0.1))
	{
		my ($parts, $code) = @{ wrong_parts($note) };
		return [ "SELECT regpaydb.request_refund($note->{payment}{id}, '$reference', '$parts')", sub { return $code } ];
	}
	my $parts = chance(0.5) ? some_parts($note) : undef;
	return [ "SELECT regpaydb.request_refund($note->{payment}{id}, '$reference'" . ($parts ? ', ' . parts_as_json($parts) : '') . ')',
		sub { request_refund($note, 'requested', $reference, $parts) } ];
}

# Mostly one that is requested.
sub any_refund
{
	my @requested = grep { $_->{state} eq 'requested' } @refunds;
	return @requested && chance(0.8) ? any(@requested) : any(@refunds);
}

# A platform's reference for a refund: a new one, none, its own, or somebody else's.
sub some_refund_ref
{
	my ($refund) = @_;
	my @known = grep { $_->{ref} } @refunds, @reversals;

	return (undef, undef) if chance(0.2);
	return @{$refund}{ 'provider', 'ref' } if $refund->{ref} && chance(0.5);
	return @{ any(@known) }{ 'provider', 'ref' } if @known && chance(0.15);
	return (any('card', 'bank'), new_ref('f'));
}

sub confirm_deed
{
	my $refund = any_refund();
	my ($provider, $ref) = some_refund_ref($refund);

	return [ "SELECT regpaydb.confirm_refund($refund->{id}" . (defined $ref ? ", '$provider', '$ref'" : '') . ')', sub { confirm_refund($refund, $provider, $ref) } ];
}

# What a platform calls a reversal of a payment, and its amount.
sub some_reversal
{
	my ($payment) = @_;
	my @refunds_of_it = grep { $_->{parts}{$payment} } @refunds;

	if (@reversals && chance(0.15))
	{
		my $reversal = any(@reversals);

		# The same again, or another one by that reference.
		return chance(0.6) ? @{$reversal}{ 'payment', 'amount', 'ref' } : ($payment, 1 + int rand 5000, $reversal->{ref});
	}
	if (@refunds_of_it && chance(0.4))
	{
		my $refund = any(@refunds_of_it);

		$refund = (grep { $_->{state} eq 'requested' } @refunds_of_it)[0] // $refund if chance(0.5);
		my $ref = defined $refund->{ref} && chance(0.7) ? $refund->{ref} : $refund->{reference};

		return ($payment, chance(0.85) ? $refund->{parts}{$payment} : 1 + int rand 5000, $ref);
	}
	return ($payment,
		chance(0.5) ? refundable($payment) || 1
		: chance(0.15) ? refundable($payment) + 1
		: chance(0.2) ? abs $payment->{amount}
		: 1 + int rand(refundable($payment) || 1000), new_ref('v'));
}

sub reversal_deed
{
	my @known = grep { $_->{ref} } @payments;
	my @on_unpaid = grep { $_->{invoice}{status} eq 'unpaid' } @known;
	my @refunded = grep {
		my $payment = $_;
		grep { $_->{parts}{$payment} && $_->{state} eq 'requested' } @refunds
	} @known;
	my ($payment, $amount, $ref) = some_reversal(@on_unpaid && chance(0.3) ? any(@on_unpaid) : @refunded && chance(0.4) ? any(@refunded) : any(@known));
	my $payment_ref = chance(0.04) ? 'nothing' : $payment->{ref};

	return [ "SELECT regpaydb.record_reversal('$payment->{provider}', '$payment_ref', " . money($amount) . ", '$ref')",
		sub { record_reversal($payment->{provider}, $payment_ref, $amount, $ref) } ];
}

sub return_deed
{
	my $invoice = any_invoice('paid', 0.9);
	my %returned;

	for my $n (0 .. $#{ $invoice->{lines} })
	{
		my $line = $invoice->{lines}[$n];
		my $quantity = chance(0.6) ? 1 + int rand($line->{quantity} + (chance(0.1) ? 1 : 0)) : 0;

		$returned{$n} = $quantity if $quantity > 0;
	}
	return if !%returned;
	my $items = join ', ', map {qq({"line_item_id": $invoice->{line_ids}[$_], "quantity": $returned{$_}})} sort keys %returned;
	return [ "SELECT regpaydb.return_items($invoice->{id}, '[$items]')", sub { return_items($invoice, %returned) } ];
}

# Of each kind of deed: how often, whether it can be done now, and its statement.
my @deeds = (
	[ 8, sub {1}, sub {
			my ($attendee, $product, $quantity) = (any(@attendees), any(sort keys %price), any(0, 1, 2, 3));
			return [ "SELECT regpaydb.set_quantity(regpaydb.current_cart($attendee), $product, $quantity)", sub { set_quantity($attendee, $product, $quantity) } ];
		} ],
	[ 7, sub {%cart_of}, sub {
			my $attendee = any(sort keys %cart_of);
			return [ "SELECT regpaydb.invoice_cart(regpaydb.current_cart($attendee))", sub { invoice_cart($attendee) } ];
		} ],
	# What is billed, and perhaps paid in part, is amended.
	[ 6, sub { unpaid_of_carts() }, sub {
			my $attendee = any(unpaid_of_carts())->{attendee};
			my ($product, $quantity) = (any(sort keys %price), any(1, 2, 3));
			return [ "SELECT regpaydb.set_quantity(regpaydb.current_cart($attendee), $product, $quantity)", sub { set_quantity($attendee, $product, $quantity) } ];
		} ],
	[ 10, sub {1}, sub {
			my ($attendee, $lines) = (any(@attendees), some_lines());
			return [ "SELECT regpaydb.manual_invoice($attendee, '1 day', " . lines_as_json($lines) . ')', sub { manual_invoice($attendee, $lines) } ];
		} ],
	[ 20, sub {@invoices}, sub {
			my $invoice = any_invoice('unpaid', 0.93);
			return payment_deed($invoice, some_amount($invoice), 0.85, sub { "SELECT regpaydb.pay($_[0], " . money($_[1]) . ", 'x', $_[2])" }, \&pay);
		} ],
	[ 11, sub {@invoices}, sub {
			my $invoice = any(@invoices);
			return payment_deed($invoice, some_amount($invoice), 1, sub { "SELECT regpaydb.record_payment($_[0], " . money($_[1]) . ", 'x', $_[2])" },
				sub { my ($i, $a, @from) = @_; record_payment($i, 'payment', $a, @from) });
		} ],
	[ 4, sub {@invoices}, sub {
			my $invoice = any(@invoices);
			return payment_deed($invoice, some_amount($invoice), 0.3, sub { "SELECT regpaydb.record_manual_payment($_[0], " . money($_[1]) . ", 'x', 900, $_[2])" },
				sub { my ($i, $a, @from) = @_; record_payment($i, 'manual', $a, @from) });
		} ],
	[ 4, sub {@invoices}, sub {
			my $invoice = any_invoice(any('paid', 'unpaid'));
			my $amount = paid($invoice) > 0 && chance(0.85) ? 1 + int rand paid($invoice) : 1 + int rand 5000;
			return payment_deed($invoice, $amount, 0.3, sub { "SELECT regpaydb.record_manual_payment($_[0], -" . money($_[1]) . ", 'x', 900, $_[2])" }, \&give_back);
		} ],
	[ 5, sub {@invoices}, sub { my $invoice = any_invoice('paid', 0.8); return [ "SELECT regpaydb.refund_invoice($invoice->{id})", sub { refund_invoice($invoice) } ] } ],
	[ 2, sub {@invoices}, sub { my $invoice = any_invoice('unpaid', 0.5); return [ "SELECT regpaydb.void_invoice($invoice->{id})", sub { void_invoice($invoice) } ] } ],
	[ 6, sub {@invoices}, \&return_deed ],
	[ 8, sub { @notes && @invoices }, sub {
			my ($note, $invoice) = (any_note(), any_invoice('unpaid', 0.95));
			return [ "SELECT regpaydb.apply_credit_note($note->{payment}{id}, $invoice->{id})", sub { apply_credit_note($note, $invoice) } ];
		} ],
	[ 5, sub {@notes}, sub {
			my ($note, $lines) = (any_note(), some_lines());
			$lines = [ { quantity => 1, price => any(0, $note->{value}, 1 + int rand $note->{value}) } ] if chance(0.6);
			return [ "SELECT regpaydb.charge_credit_note($note->{payment}{id}, " . lines_as_json($lines) . ')', sub { charge_credit_note($note, $lines) } ];
		} ],
	[ 3, sub {@notes}, sub {
			my ($note, $percentage) = (any_note(), any(0, 125, 333, 1000, 1001));
			return [ "SELECT regpaydb.cancellation_fee($note->{payment}{id}, " . $percentage / 10 . ')', sub { cancellation_fee($note, $percentage) } ];
		} ],
	[ 4, sub {@notes}, sub {
			my ($note, $reference) = (any_note(), new_ref('r'));
			return [ "SELECT regpaydb.refund_credit_note($note->{payment}{id}, '$reference', 900)", sub { request_refund($note, 'done', $reference) } ];
		} ],
	[ 11, sub {@notes}, \&request_deed ],
	[ 6, sub {@refunds}, \&confirm_deed ],
	[ 6, sub {@refunds}, sub { my $refund = any_refund(); return [ "SELECT regpaydb.fail_refund($refund->{id}, 'closed')", sub { fail_refund($refund) } ] } ],
	[ 15, sub { grep { $_->{ref} } @payments }, \&reversal_deed ]);
my @deck = map { ($_) x $_->[0] } @deeds;

sub next_deed
{
	my $deed = any(@deck);
	return $deed->[1]->() ? $deed->[2]->() : ();
}

# ---- a history ----

sub last_id
{
	my ($things) = @_;
	return @$things ? $things->[-1]{id} : 0;
}

# What the ledger answers to a statement, and what there is then.
sub do_in_ledger
{
	my ($sql) = @_;
	return answers("SELECT attempt(\$deed\$$sql\$deed\$); SELECT look(" . join(', ', map { last_id($_) } \@invoices, \@payments, \@refunds, \@reversals) . ')');
}

sub look_at_money
{
	return (model_is_sound(), differences([ describe_money() ], [ answers('SELECT look_at_money()') ]));
}

# What a statement's result is called: a note's id is its payment's.
sub made
{
	my ($result) = @_;
	return ref $result && $result->{coins} ? $result->{payment} : $result;
}

sub saw_statement
{
	my ($sql, $got) = @_;
	my ($what) = $sql =~ /regpaydb\.(?!current_cart)(\w+)/;

	saw("$what " . ($got =~ /^!(\w+)/ ? $1 : 'done'));
	return;
}

# A history with this seed: what is wrong, and what was done until then.
sub history
{
	my ($seed) = @_;
	my (@done, @wrong);

	alarm $PostgreSQL::Test::Utils::timeout_default;
	srand $seed;
	$last_ref = 0;
	begin_history();
	begin_ledger();
	for my $n (1 .. $length)
	{
		my $deed = next_deed() or redo;
		my ($result, @ledger) = do_in_ledger($deed->[0]);

		push @done, "$n: $deed->[0];  -- " . ($result // '');
		my $expected = made($deed->[1]->());
		@wrong = compare(@ledger);
		push @wrong, differs($result, $expected) if !grep {/^not/} @wrong;
		push @wrong, look_at_money() if !@wrong && ($n % $often == 0 || $n == $length);
		last if @wrong;
		saw_statement($deed->[0], $result);
	}
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
	ok(!@$wrong, "the ledger and the model know of the same money")
	  or diag(join "\n", @$wrong, "after:", @$done > 60 ? @$done[ -60 .. -1 ] : @$done, "REGPAYDB_HISTORY_SEED=$seed REGPAYDB_HISTORIES=1 does it again");
}
note(sprintf '%d statements in %.1f s', $statements, time - $start);
note(join ', ', map {"$_: $seen{$_}"} sort keys %seen);

# All that should happen in so many.
my @should_happen = (
	(map {"$_ done"} qw(set_quantity invoice_cart manual_invoice pay record_payment record_manual_payment refund_invoice void_invoice return_items
		apply_credit_note charge_credit_note cancellation_fee refund_credit_note request_refund confirm_refund fail_refund record_reversal)),
	(map {"pay $_"} qw(RP001 RP009)), 'record_manual_payment RP003', 'refund_invoice RP008', 'void_invoice RP007', 'return_items RP008',
	(map {"apply_credit_note $_"} qw(RP001 RP006)), (map {"charge_credit_note $_"} qw(RP003 RP006)), 'cancellation_fee RP003', 'refund_credit_note RP006',
	(map {"request_refund $_"} qw(RP003 RP006)), (map {"confirm_refund $_"} qw(RP008 RP009)), 'fail_refund RP008',
	(map {"record_reversal $_"} qw(RP002 RP003 RP009)),
	(map {"late money for what is $_"} qw(paid refunded void)), 'a reference again', 'amended: unpaid', 'amended: part-paid', 'credit is taken',
	'on somebody else\'s invoice', 'given back on an invoice', 'a part is returned',
	'money of several payments in a note', 'money of a note that is of a note', 'parts of several payments', 'some goes another way',
	'a reversal confirms a refund', 'a reversal is a refund that is done',
	'a reversal takes money of other payments', 'loss: all', 'loss: a part',
	(map {"reversal: $_"} 'paid is paid', 'paid is refunded', 'refunded is refunded', 'void is void', 'unpaid is unpaid'));

is(join(', ', grep { !$seen{$_} } @should_happen), '', 'there was some of everything') if $histories >= $usual;
end_server();
done_testing();
