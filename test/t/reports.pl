# The reports of a generated conference hold against sums that this file makes
# from the raw rows by itself.

use strict;
use warnings FATAL => 'all';

use FindBin;
use lib $FindBin::RealBin;

use PostgreSQL::Test::Cluster;
use PostgreSQL::Test::Utils;
use RegpayConference;
use RegpayTest;
use Test::More;

my $SEED = 20260304;
my $NULL = '\N';
my $in_conf = q{SET search_path = conf; SET regpaydb.ledger = 'conf'; };

# ---------------------------------------------------------------------------
# Reading
# ---------------------------------------------------------------------------

# The results of queries by name, all from one read-only snapshot with one
# now(): lists of rows, which are lists, after one with the names of the columns.
sub read_all
{
	my ($node, %queries) = @_;
	my $folder = PostgreSQL::Test::Utils::tempdir();
	my $script = "\\set QUIET 1\n\\pset format unaligned\n\\pset fieldsep '\\x1f'\n\\pset footer off\n\\pset tuples_only off\n"
	  . "\\pset null '\\\\N'\n$in_conf SET TimeZone = 'UTC';\nBEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY;\n";
	my %results;

	$script .= "\\o $folder/$_\n$queries{$_};\n" foreach sort keys %queries;
	$node->safe_psql('postgres', "$script\\o\nCOMMIT;");
	$results{$_} = [ map { [ split /\x1f/, $_, -1 ] } lines(slurp_file("$folder/$_")) ] foreach keys %queries;
	return \%results;
}

# A result as a list of hashes, amounts in cents.
sub rows
{
	my ($result) = @_;
	my ($names, @rows) = @$result;
	my @hashes;

	for my $row (@rows)
	{
		my %hash;

		@hash{@$names} = map { $_ eq $NULL ? undef : $_ } @$row;
		/^(amount|value|paid|price|loss)$/ and $hash{$_} =~ tr/.//d foreach keys %hash;
		push @hashes, \%hash;
	}
	return @hashes;
}

my %raw_queries = (
	attendee => 'TABLE attendee', category => 'TABLE category', product => 'TABLE product', cart => 'TABLE cart',
	cart_item => 'TABLE cart_item', cart_discount => 'TABLE cart_discount',
	reservation => 'SELECT *, reserved_until > now() AS holds FROM reservation',
	invoice => 'SELECT *, extract(epoch FROM due_time) AS due_epoch FROM invoice',
	line_item => 'TABLE line_item', payment => 'SELECT *, extract(epoch FROM "time") AS epoch FROM payment',
	credit_note => 'TABLE credit_note', application => 'TABLE credit_note_application',
	refund => 'SELECT *, now() - "time" AS age FROM credit_note_refund', part => 'TABLE credit_note_refund_part', reversal => 'TABLE reversal',
	outbox => 'TABLE outbox', now => 'SELECT extract(epoch FROM now()) AS epoch, (now() - (SELECT "time" FROM outbox ORDER BY 1 LIMIT 1)) AS lag');

sub money
{
	my ($cents) = @_;
	return sprintf '%s%d.%02d', $cents < 0 ? '-' : '', abs($cents) / 100, abs($cents) % 100;
}

# ---------------------------------------------------------------------------
# What the reports should say
# ---------------------------------------------------------------------------

my @buckets = ('0-30 days', '31-60 days', '61-90 days', 'over 90 days');

sub age
{
	my ($now, $epoch) = @_;
	my $days = int(($now - $epoch) / 86400);

	return ($days, $buckets[ $days < 31 ? 0 : $days < 61 ? 1 : $days < 91 ? 2 : 3 ]);
}

# Rows from sums that are kept by key.
sub totals
{
	my ($sums, $row) = @_;
	return map { [ $row->($sums->{$_}) ] } keys %$sums;
}

# An element of an array's text.
sub element
{
	my ($text) = @_;
	return $text if $text =~ /^[^\s"{},\\]+$/;
	return '"' . $text =~ s/(["\\])/\\$1/gr . '"';
}

# Each report's rows, in no order, as the texts that psql shows.
sub expected_reports
{
	my ($raw) = @_;
	my %table = map { $_ => [ rows($raw->{$_}) ] } keys %$raw;
	my %attendee = map { $_->{attendee_id} => $_ } @{ $table{attendee} };
	my %invoice = map { $_->{invoice_id} => $_ } @{ $table{invoice} };
	my %payment = map { $_->{payment_id} => $_ } @{ $table{payment} };
	my %note = map { $_->{credit_note_id} => $_ } @{ $table{credit_note} };
	my %product = map { $_->{product_id} => $_ } @{ $table{product} };
	my %category = map { $_->{category_id} => $_ } @{ $table{category} };
	my %cart = map { $_->{cart_id} => $_ } @{ $table{cart} };
	my %reserved = map { ("$_->{cart_id} $_->{product_id}" => $_->{holds} eq 't') } @{ $table{reservation} };
	my %application_of = map { $_->{credit_note_id} => $_ } @{ $table{application} };
	my %applied_by = map { $_->{payment_id} => $note{ $_->{credit_note_id} } } @{ $table{application} };
	my %refund_of = map { $_->{credit_note_id} => $_ } @{ $table{refund} };
	my %returned_by = map { $_->{returned_payment_id} => $note{ $_->{credit_note_id} } }
	  grep { defined $_->{returned_payment_id} } @{ $table{refund} };
	my %parts_of;
	$parts_of{ $_->{credit_note_refund_id} }++ foreach @{ $table{part} };
	my $now = $table{now}[0]{epoch};
	my %expected;

	# Which kind of cart an item is in.
	my $held = sub {
		my ($entry) = @_;
		my $status = $cart{ $entry->{cart_id} }{status};

		return $status eq 'active' ? $reserved{"$entry->{cart_id} $entry->{product_id}"} ? 'reserved' : 'unreserved' : $status;
	};

	# What remained when something was returned was not given back, though it is in the
	# released cart, too.
	my %came_from = map { $_->{cart_id} => $invoice{ $_->{replaces} }{cart_id} }
	  grep { defined $_->{cart_id} && defined $_->{replaces} } @{ $table{invoice} };
	my $count = sub {
		my ($counts, $entry) = @_;

		$counts->{ $held->($entry) } += $entry->{quantity};
		$counts->{ $cart{ $came_from{ $entry->{cart_id} } }{status} } -= $entry->{quantity} if $came_from{ $entry->{cart_id} };
	};

	# ---- sales ----

	my ($sold, $part, $all, $received, $made, $applied, $refunded, $unclaimed, $returned) = (0) x 9;
	my (%item, %day, %by_provider);

	for my $line (@{ $table{line_item} })
	{
		my $invoice = $invoice{ $line->{invoice_id} };
		my $total = $line->{price} * $line->{quantity};
		my $product = defined $line->{product_id} ? $product{ $line->{product_id} } : undef;
		my $key = join ' ', $line->{product_id} // '', $line->{price}, $line->{description};

		push @{ $expected{report_product_line_items} }, [
			$invoice->{issue_time}, $line->{line_item_id}, $line->{invoice_id}, @{$invoice}{ 'status', 'paid_time', 'attendee_id' },
			$attendee{ $invoice->{attendee_id} }{user_id}, $invoice->{recipient}, $product->{category_id},
			$category{ $product->{category_id} }{name}, $product->{product_id}, $product->{name}, $line->{description},
			$line->{quantity}, money($line->{price}), money($total) ]
		  if $product;
		next if $invoice->{status} ne 'paid';
		$sold += $total;
		$item{$key} //= { %$line, quantity => 0 };
		$item{$key}{quantity} += $line->{quantity};
	}
	$expected{report_items_sold} = [ totals(\%item,
		sub { $_[0]{product_id}, $_[0]{description}, money($_[0]{price}), $_[0]{quantity}, money($_[0]{price} * $_[0]{quantity}) }) ];

	for my $invoice (@{ $table{invoice} })
	{
		my $attendee = $attendee{ $invoice->{attendee_id} };
		my $unpaid = $invoice->{status} eq 'unpaid';
		my $due = $unpaid ? $invoice->{value} - $invoice->{paid} : 0;

		$part += $invoice->{paid} if $unpaid;
		push @{ $expected{report_invoices} }, [
			@{$invoice}{ 'invoice_id', 'attendee_id' }, $attendee->{user_id}, $invoice->{recipient}, $attendee->{email},
			@{$invoice}{ 'status', 'issue_time', 'due_time', 'paid_time', 'closed_time' }, money($invoice->{value}),
			money($invoice->{paid}), money($due),
			@{$invoice}{ 'payment_count', 'cart_id', 'issued_by', 'closed_by', 'closed_reason' } ];
		push @{ $expected{report_overdue_ageing} }, [
			@{$invoice}{ 'invoice_id', 'attendee_id' }, $attendee->{user_id}, $invoice->{recipient}, $attendee->{email},
			@{$invoice}{ 'issue_time', 'due_time' }, money($invoice->{value}), money($invoice->{paid}), money($due),
			age($now, $invoice->{due_epoch}) ]
		  if $unpaid && $invoice->{due_epoch} < $now;
		if (defined $invoice->{paid_time})
		{
			my $day = $day{ substr $invoice->{paid_time}, 0, 10 } //= [ substr($invoice->{paid_time}, 0, 10), (0) x 4 ];

			$day->[1]++;
			$day->[2] += $invoice->{value};
			$day->[3]++ if $invoice->{status} eq 'paid';
			$day->[4] += $invoice->{value} if $invoice->{status} eq 'paid';
		}
	}
	$expected{report_paid_invoices_by_date} =
	  [ totals(\%day, sub { my $d = shift; $d->[0], $d->[1], money($d->[2]), $d->[3], money($d->[4]) }) ];

	# ---- carts ----

	my (%status_of, %discount);

	$count->($status_of{ $_->{product_id} } //= {}, $_) foreach @{ $table{cart_item} };
	for my $product (@{ $table{product} })
	{
		my @count = map { $_ // 0 } @{ $status_of{ $product->{product_id} } // {} }{qw(paid reserved unreserved released)};

		push @{ $expected{report_product_status} }, [
			$product->{category_id}, $category{ $product->{category_id} }{name}, @{$product}{ 'product_id', 'name' },
			money($product->{price}), $product->{stock}, @count,
			defined $product->{stock} ? $product->{stock} - $count[0] - $count[1] : undef ];
	}
	for my $given (@{ $table{cart_discount} })
	{
		my $sums = $discount{ join ' ', @{$given}{ 'product_id', 'amount', 'description' } } //= { %$given, paid => 0 };

		$count->($sums, $given);
	}
	$expected{report_discount_status} = [ totals(\%discount, sub {
		my ($d) = @_;
		$d->{description}, $d->{product_id}, $product{ $d->{product_id} }{name}, money($d->{amount}),
		  (map { $_ // 0 } @{$d}{qw(paid reserved unreserved released)}), money($d->{amount} * $d->{paid});
	}) ];

	# ---- money ----

	my $enter = sub {
		my ($time, $kind, $provider, $amount, $reference) = @_;
		my $day = substr $time, 0, 10;
		my $sums = $by_provider{ join ' ', $day, $kind, $provider // '' } //= [ $day, $kind, $provider, 0, 0, [] ];

		$sums->[3]++;
		$sums->[4] += $amount;
		push @{ $sums->[5] }, element($reference);
	};

	for my $payment (sort { $a->{payment_id} <=> $b->{payment_id} } @{ $table{payment} })
	{
		my $invoice = $invoice{ $payment->{invoice_id} };

		push @{ $expected{report_payments} }, [
			@{$payment}{ 'payment_id', 'time', 'kind' }, money($payment->{amount}),
			@{$payment}{ 'reference', 'provider', 'provider_ref', 'entered_by', 'invoice_id' },
			@{$invoice}{ 'status', 'attendee_id', 'recipient' }, $payment->{value_date} ];
		$all += $payment->{amount};
		$made -= $payment->{amount} if $payment->{kind} eq 'credit_note';
		$applied += $payment->{amount} if $payment->{kind} eq 'credit_application';
		$returned += $payment->{amount} if $payment->{kind} eq 'refund_failed';
		$received += $payment->{amount} if $payment->{kind} =~ /^(payment|manual|reversal)$/;
		next if $payment->{kind} !~ /^(payment|manual)$/;
		$enter->(@{$payment}{qw(time kind provider amount)}, $payment->{provider_ref} // $payment->{reference});
		push @{ $expected{report_received} }, [
			substr($payment->{time}, 0, 10), @{$payment}{qw(time kind provider provider_ref reference)}, money($payment->{amount}),
			$payment->{payment_id}, undef, @{$payment}{qw(invoice_id entered_by value_date)} ];
	}
	# Whole, as the platform's file has it, whatever the invoice still had.
	for my $reversal (sort { $a->{reversal_id} <=> $b->{reversal_id} } @{ $table{reversal} })
	{
		my $of = $payment{ $reversal->{payment_id} };

		$enter->($reversal->{time}, 'reversal', $reversal->{provider}, -$reversal->{amount}, $reversal->{reversal_ref});
		push @{ $expected{report_received} }, [
			substr($reversal->{time}, 0, 10), $reversal->{time}, 'reversal', @{$reversal}{qw(provider reversal_ref reference)},
			money(-$reversal->{amount}), @{$reversal}{qw(payment_id reversal_id)}, $of->{invoice_id}, $reversal->{entered_by}, undef ];
		push @{ $expected{report_reversals} }, [
			@{$reversal}{qw(reversal_id time provider reversal_ref)}, money($reversal->{amount}), money($reversal->{loss}),
			@{$reversal}{qw(reference entered_by payment_id)}, $of->{provider_ref}, money($of->{amount}), $of->{invoice_id},
			@{ $invoice{ $of->{invoice_id} } }{qw(status attendee_id recipient)} ];
	}
	$expected{report_received_by_day} = [ totals(\%by_provider, sub {
		my ($day, $kind, $provider, $payments, $amount, $refs) = @{ $_[0] };
		my @first = @$refs > 10 ? @{$refs}[ 0 .. 9 ] : @$refs;
		$day, $kind, $provider, $payments, money($amount), '{' . join(',', @first) . '}', @$refs - @first;
	}) ];
	for my $part (@{ $table{part} })
	{
		my ($out) = grep { $_->{credit_note_refund_id} == $part->{credit_note_refund_id} } @{ $table{refund} };
		my $to = defined $part->{payment_id} ? $payment{ $part->{payment_id} } : {};

		push @{ $expected{report_refund_parts} }, [
			@{$part}{qw(credit_note_refund_part_id credit_note_refund_id)}, $out->{state}, money($part->{amount}), $part->{payment_id},
			@{$to}{qw(provider provider_ref reference)}, defined $to->{amount} ? money($to->{amount}) : undef, $to->{invoice_id} ];
	}

	my %words = (requested => 'refund requested', failed => 'refund failed', done => 'refunded');
	for my $note (@{ $table{credit_note} })
	{
		my $id = $note->{credit_note_id};
		my $owner = $attendee{ $note->{attendee_id} };
		my $to = $application_of{$id} ? $payment{ $application_of{$id}{payment_id} } : undef;
		my $out = $refund_of{$id};
		my @status = $to ? ('applied', "applied to invoice $to->{invoice_id}")
		  : $out ? ('refunded', $words{ $out->{state} } . ($out->{reference} eq '' ? '' : ": $out->{reference}")) : ('unclaimed') x 2;
		my @whose = ($note->{attendee_id}, @{$owner}{qw(user_id recipient email)});

		push @{ $expected{report_credit_notes} }, [
			$id, $payment{$id}{time}, @whose, money($note->{value}), @status, $payment{$id}{invoice_id},
			$to ? $to->{invoice_id} : undef, $to ? $to->{time} : $out ? $out->{time} : undef, $out ? $out->{state} : undef ];
		push @{ $expected{report_credit_note_refunds} }, [
			@{$out}{ 'credit_note_refund_id', 'time' }, $id, money($note->{value}), @{$out}{ 'reference', 'entered_by' }, @whose,
			@{$out}{qw(state provider provider_ref closed_time closed_by failure_reason)},
			$parts_of{ $out->{credit_note_refund_id} } // 0 ]
		  if $out;
		push @{ $expected{report_refunds_in_flight} }, [
			@{$out}{qw(credit_note_refund_id time age)}, $id, money($note->{value}), @{$out}{ 'reference', 'entered_by' }, @whose ]
		  if $out && $out->{state} eq 'requested';
		$refunded += $note->{value} if $out && $out->{state} ne 'failed';
		next if $to || $out;
		$unclaimed += $note->{value};
		push @{ $expected{report_unclaimed_ageing} }, [
			$id, @whose, money($note->{value}), $payment{$id}{time}, $payment{$id}{invoice_id},
			$invoice{ $payment{$id}{invoice_id} }{status}, age($now, $payment{$id}{epoch}) ];
	}
	$expected{report_sales_and_payments} = [ [ map { money($_) } $sold, $all, $sold - $all, $part, $received, $made, $applied,
		$refunded, $unclaimed, $made - $applied - $refunded - $unclaimed - $returned, $returned ] ];
	$expected{report_outbox_lag} = [ [ scalar @{ $table{outbox} }, (sort map { $_->{time} } @{ $table{outbox} })[0], $table{now}[0]{lag} ] ];

	$expected{report_attendee_statement} = statement(\%table, \%invoice, \%payment, \%note, { %applied_by, %returned_by });
	return \%expected;
}

# Every attendee's statement, all notes gone through one by one.
sub statement
{
	my ($table, $invoice, $payment, $note, $brought_back) = @_;
	my (%entries, @rows);
	my %label = (payment => 'payment', manual => 'manual payment', credit_note => 'credit to somebody else',
		credit_application => 'credit of somebody else', refund_failed => 'refund of somebody else failed', reversal => 'payment reversed');
	my $enter = sub { my $attendee = shift; push @{ $entries{$attendee} }, [@_] };

	for my $i (values %$invoice)
	{
		$enter->($i->{attendee_id}, $i->{issue_time}, 1, $i->{invoice_id}, 'invoice', $i->{invoice_id}, undef, '', $i->{value});
		$enter->($i->{attendee_id}, $i->{closed_time}, 5, $i->{invoice_id}, "invoice $i->{status}", $i->{invoice_id}, undef, '', -$i->{value})
		  if $i->{status} =~ /void|refunded/;
	}
	for my $p (values %$payment)
	{
		my $n = $brought_back->{ $p->{payment_id} } // $note->{ $p->{payment_id} };
		my $whose = $invoice->{ $p->{invoice_id} }{attendee_id};
		my @details = ($p->{invoice_id}, $n ? $n->{credit_note_id} : undef, $p->{reference});

		next if $n && $n->{attendee_id} == $whose;
		my $entry = $label{ $p->{kind} } . ($p->{amount} < 0 && $p->{kind} =~ /^(payment|manual)$/ ? ' returned' : '');
		$enter->($whose, $p->{time}, 2, $p->{payment_id}, $entry, @details, -$p->{amount});
		next if !$n;
		$p->{kind} eq 'credit_note'
		  ? $enter->($n->{attendee_id}, $p->{time}, 3, $p->{payment_id}, "credit from somebody else's invoice", @details, $p->{amount})
		  : $enter->($n->{attendee_id}, $p->{time}, 4, $p->{payment_id}, "credit put on somebody else's invoice", @details, $p->{amount});
	}
	for my $r (@{ $table->{refund} })
	{
		my $n = $note->{ $r->{credit_note_id} };

		$enter->($n->{attendee_id}, $r->{time}, 6, $r->{credit_note_refund_id}, 'credit paid out', undef, $n->{credit_note_id},
			$r->{reference}, $n->{value});
		$enter->($n->{attendee_id}, $r->{closed_time}, 7, $r->{credit_note_refund_id}, 'credit not paid out', undef, $n->{credit_note_id},
			$r->{failure_reason}, -$n->{value})
		  if $r->{state} eq 'failed';
	}
	for my $attendee (keys %entries)
	{
		my ($number, $balance) = (0, 0);

		for my $e (sort { $a->[0] cmp $b->[0] || $a->[1] <=> $b->[1] || $a->[2] <=> $b->[2] } @{ $entries{$attendee} })
		{
			my ($time, undef, undef, @details) = @$e;
			my $amount = pop @details;

			$balance += $amount;
			push @rows, [ $attendee, ++$number, $time, @details, money($amount), money($balance) ];
		}
	}
	return \@rows;
}

# What is wrong with a report: '' if it has the expected rows, each as often.
sub difference
{
	my ($expected, $result) = @_;
	my (undef, @rows) = @$result;
	my %count;

	$count{ join '|', map { $_ // $NULL } @$_ }++ foreach @{ $expected // [] };
	$count{ join '|', @$_ }-- foreach @rows;
	my @wrong = map { ($count{$_} > 0 ? 'missing: ' : 'not expected: ') . $_ } sort grep { $count{$_} != 0 } keys %count;
	return @wrong ? join("\n", @wrong[ 0 .. ($#wrong < 5 ? $#wrong : 5) ]) : '';
}

# ---------------------------------------------------------------------------
# The conference
# ---------------------------------------------------------------------------

my $primary = new_node('reports', init => { allows_streaming => 1 });
$primary->start;
$primary->safe_psql('postgres', "CREATE EXTENSION regpaydb; SELECT regpaydb.create_ledger('conf')");
$primary->backup('base');
my $standby = PostgreSQL::Test::Cluster->new('reports_standby');
$standby->init_from_backup($primary, 'base', has_streaming => 1);
$standby->start;

my $seconds = seconds_to(sub { $primary->safe_psql('postgres', "\\o /dev/null\n$in_conf\n" . generate_conference($SEED)) });
note(sprintf 'generated in %.1f s', $seconds);
$primary->safe_psql('postgres', "$in_conf ANALYZE");
integrity($primary, 'postgres', 'conf', 'the conference is sound');
money_is_conserved($primary, 'postgres', 'conf', 'and keeps its money');

my $number = $primary->safe_psql('postgres', "$in_conf SELECT count(*) FROM invoice");
cmp_ok($number, '>=', 5000, "it has $number invoices");
# Every kind of event is in it.
my %number_of = (
	'paid invoices' => "invoice WHERE status = 'paid' AND value > 0", 'unpaid invoices' => "invoice WHERE status = 'unpaid'",
	'part-paid invoices' => "invoice WHERE status = 'unpaid' AND paid > 0", 'refunded invoices' => "invoice WHERE status = 'refunded'",
	'refunds by somebody, for a reason' => 'invoice WHERE closed_by = 900 AND closed_reason IS NOT NULL',
	'successors' => "invoice WHERE replaces IS NOT NULL AND status = 'paid' AND cart_id IS NOT NULL",
	'successors of those' => 'invoice s JOIN invoice p ON p.invoice_id = s.replaces WHERE p.replaces IS NOT NULL',
	'fixed fees' => "line_item WHERE description = 'Handling'",
	'dates of the bank' => 'payment WHERE value_date IS NOT NULL',
	'void invoices' => "invoice WHERE status = 'void' AND payment_count = 0",
	'void invoices that had money' => "invoice WHERE status = 'void' AND payment_count > 0",
	'zero-value invoices' => "invoice WHERE value = 0 AND status = 'paid'",
	'void zero-value invoices' => "invoice WHERE value = 0 AND status = 'void'",
	'overdue invoices' => "invoice WHERE status = 'unpaid' AND due_time < now()",
	'discounts on paid invoices' => "line_item JOIN invoice USING (invoice_id) WHERE price < 0 AND status = 'paid'",
	'manual payments' => "payment WHERE kind = 'manual' AND amount > 0", 'negative ones' => "payment WHERE kind = 'manual' AND amount < 0",
	'payments with references' => 'payment WHERE provider_ref IS NOT NULL',
	'several payments on a day' => "(SELECT FROM payment WHERE kind = 'payment' GROUP BY invoice_id, \"time\"::date HAVING count(*) > 1) p",
	'overpayments' => "credit_note n JOIN payment p ON payment_id = credit_note_id JOIN invoice i USING (invoice_id) WHERE i.status = 'paid'",
	'applied notes' => "credit_note WHERE state = 'applied'", 'refunded notes' => "credit_note WHERE state = 'refunded'",
	'refunds that are requested' => "credit_note_refund WHERE state = 'requested'",
	'failed ones' => "credit_note_refund WHERE state = 'failed'", 'confirmed ones' => "credit_note_refund WHERE provider_ref LIKE 're %'",
	'confirmed ones, by a reversal' => "credit_note_refund WHERE provider_ref LIKE 'rf %'",
	'failed ones of others' => 'credit_note_refund r JOIN credit_note n USING (credit_note_id) JOIN payment p ON p.payment_id = returned_payment_id '
	  . 'JOIN invoice i USING (invoice_id) WHERE n.attendee_id <> i.attendee_id',
	'refunds some other way' => 'credit_note_refund_part WHERE payment_id IS NULL',
	'refunds to several payments' => '(SELECT FROM credit_note_refund_part GROUP BY credit_note_refund_id HAVING count(payment_id) > 1) r',
	'reversals that cost no ticket' => "reversal JOIN payment USING (payment_id) JOIN invoice USING (invoice_id) WHERE loss = 0 AND status = 'paid'",
	'those of a part' => 'reversal v JOIN payment p USING (payment_id) WHERE v.amount < p.amount',
	'those of which a part is lost' => 'reversal WHERE loss > 0 AND loss < amount', 'those of which all is lost' => 'reversal WHERE loss = amount',
	'those that close an invoice' => 'reversal v JOIN payment USING (payment_id) JOIN invoice USING (invoice_id) WHERE closed_time = v."time"',
	'unclaimed notes' => "credit_note WHERE state = 'unclaimed'",
	'rests of notes' => 'credit_note JOIN payment p ON p.payment_id = credit_note_id JOIN payment a USING (invoice_id, "time") '
	  . "WHERE a.kind = 'credit_application'",
	'notes of others' => 'credit_note n JOIN payment p ON payment_id = credit_note_id JOIN invoice i USING (invoice_id) '
	  . 'WHERE n.attendee_id <> i.attendee_id',
	'fees' => "line_item WHERE description ~ '^Cancellation fee'",
	'paid carts' => "cart WHERE status = 'paid'", 'released carts' => "cart WHERE status = 'released'",
	'lapsed carts' => "cart_item JOIN reservation USING (cart_id) WHERE reserved_until < now()",
	'reserved carts' => "cart_item JOIN reservation USING (cart_id) WHERE reserved_until > now()",
	'amended carts' => "cart JOIN invoice USING (cart_id) WHERE invoice.cart_revision < revision AND payment_count > 0",
	'late money for sold-out carts' => "invoice i JOIN cart c USING (cart_id) WHERE i.status = 'void' AND payment_count = 2 "
	  . "AND cart_revision = revision AND c.status = 'active'");
is($primary->safe_psql('postgres', "$in_conf SELECT " . join ', ',
		map {"CASE (SELECT count(*) FROM $number_of{$_}) WHEN 0 THEN 'no $_' END"} sort keys %number_of),
	'|' x (keys(%number_of) - 1), 'with every kind of event');

# ---------------------------------------------------------------------------
# The reports
# ---------------------------------------------------------------------------

my @reports = lines($primary->safe_psql('postgres',
	"SELECT relname FROM pg_class WHERE relnamespace = 'conf'::regnamespace AND starts_with(relname, 'report_') ORDER BY 1"));
is(scalar(@reports), 19, 'there are 19 reports');

# read_all() reads in a read-only transaction.
sub reports_are_right
{
	my ($node, $where) = @_;
	my $read = read_all($node, (map { $_ => "TABLE $_" } @reports), %raw_queries);
	my $expected = expected_reports({ map { $_ => $read->{$_} } keys %raw_queries });

	is_deeply([ sort keys %$expected ], \@reports, "$where: every report is checked");
	is(difference($expected->{$_}, $read->{$_}), '', "$where: $_, " . (@{ $read->{$_} } - 1) . ' rows') foreach @reports;
	return $read;
}

my $read = reports_are_right($primary, 'primary');
cmp_ok(scalar @{ $read->{$_} }, '>', 1, "$_ has rows") foreach @reports;

# Filters that are pushed into a report give what the report has.
is($primary->safe_psql('postgres', "$in_conf " . <<'SQL'), '0', 'a statement by itself is what it is among all');
SELECT count(*) FROM (SELECT * FROM report_attendee_statement OFFSET 0) s
FULL JOIN (SELECT s.* FROM attendee a, LATERAL (SELECT * FROM report_attendee_statement r WHERE r.attendee_id = a.attendee_id) s) o
	ON s.attendee_id = o.attendee_id AND s.entry_number = o.entry_number
WHERE s IS DISTINCT FROM o
SQL
is($primary->safe_psql('postgres', "$in_conf " . <<'SQL'), '0', 'the last balance is what is due, less credit');
SELECT count(*) FROM attendee a
WHERE coalesce((SELECT balance FROM report_attendee_statement s WHERE s.attendee_id = a.attendee_id ORDER BY entry_number DESC LIMIT 1), 0)
	<> (SELECT coalesce(sum(value - paid), 0) FROM invoice i WHERE i.attendee_id = a.attendee_id AND i.status = 'unpaid')
		- regpaydb.available_credit(a.attendee_id)
SQL

# Every document, against the tables.
is($primary->safe_psql('postgres', "$in_conf " . <<'SQL'), "$number|0", 'invoice_document tells what the tables have');
SELECT count(*), count(*) FILTER (WHERE d IS DISTINCT FROM jsonb_build_object(
	'invoice_id', i.invoice_id, 'conference', 'Conference', 'currency', 'USD', 'status', i.status, 'attendee_id', i.attendee_id,
	'recipient', i.recipient, 'issue_time', i.issue_time, 'due_time', i.due_time, 'paid_time', i.paid_time, 'closed_time', i.closed_time,
	'replaces', i.replaces, 'replaced_by', (SELECT s.invoice_id FROM invoice s WHERE s.replaces = i.invoice_id),
	'lines', (SELECT coalesce(jsonb_agg(to_jsonb(l) - 'invoice_id'
		|| jsonb_build_object('total', l.quantity * l.price) ORDER BY line_item_id), '[]') FROM line_item l WHERE l.invoice_id = i.invoice_id),
	'payments', (SELECT coalesce(jsonb_agg(to_jsonb(p) - '{invoice_id,provider_ref,entered_by,value_date}'::text[]
		|| jsonb_build_object('credit_note_id', CASE p.kind WHEN 'credit_note' THEN p.payment_id WHEN 'credit_application' THEN
			(SELECT credit_note_id FROM credit_note_application a WHERE a.payment_id = p.payment_id) END) ORDER BY payment_id), '[]')
		FROM payment p WHERE p.invoice_id = i.invoice_id),
	'credit_notes', (SELECT coalesce(jsonb_agg(jsonb_build_object('credit_note_id', credit_note_id, 'time', "time", 'value', value,
		'state', state, 'applied_to_invoice_id', to_invoice_id, 'claim_time', claim_time,
		'reference', (SELECT reference FROM credit_note_refund r WHERE r.credit_note_id = n.credit_note_id),
		'refund_state', (SELECT state FROM credit_note_refund r WHERE r.credit_note_id = n.credit_note_id)) ORDER BY credit_note_id), '[]')
		FROM report_credit_notes n WHERE n.from_invoice_id = i.invoice_id),
	'totals', jsonb_build_object('value', i.value, 'paid', i.paid, 'due', regpaydb.balance_due(i.invoice_id))))
FROM invoice i, LATERAL regpaydb.invoice_document(i.invoice_id) d
SQL

# ---------------------------------------------------------------------------
# As of any time
# ---------------------------------------------------------------------------

my $as_of = <<'SQL';
SELECT s."time", r.* FROM public.snapshot s, LATERAL regpaydb.reconciliation(s."time") r ORDER BY 1
SQL
my $snapshots = $primary->safe_psql('postgres', "SELECT \"time\", money_received, on_paid_invoices, part_payments, "
	  . 'credit_notes_unclaimed, credit_notes_refunded, 0.00, sales, due, losses FROM snapshot ORDER BY 1');
my @snapshots = lines($snapshots);
cmp_ok(scalar @snapshots, '>', 20, scalar @snapshots . ' times at which the figures were taken down');
unlike($snapshots[-1], qr/\|0$/, 'the last of them after a loss');
my @reconciled = lines($primary->safe_psql('postgres', "$in_conf $as_of"));
s/\|0(?=\||$)/|0.00/g foreach @snapshots;
is($reconciled[$_], $snapshots[$_], "as of snapshot $_") foreach 0 .. $#snapshots;

# Between any two events money is conserved, too, and a later one changes nothing.
is($primary->safe_psql('postgres', "$in_conf " . <<'SQL'), '100|0', 'no difference as of a hundred other times');
SELECT count(*), count(*) FILTER (WHERE difference <> 0 OR money_received <> sum)
FROM (SELECT "time", sum(amount) FILTER (WHERE kind IN ('payment', 'manual', 'reversal')) OVER (ORDER BY "time") AS sum,
	row_number() OVER (ORDER BY "time", payment_id) AS n, count(*) OVER () AS total FROM payment) p,
	LATERAL regpaydb.reconciliation("time")
WHERE n % (total / 100) = 0 AND n <= total - total % 100
SQL
$primary->safe_psql('postgres', "$in_conf SELECT regpaydb.refund_invoice(min(invoice_id)) FROM invoice WHERE status = 'paid' AND paid > 0");
is($primary->safe_psql('postgres', "$in_conf $as_of"), join("\n", @reconciled), 'and what happens now does not change what was then');

# A transaction that began before a note was made can claim it.
my ($early, $late) = map { session($primary, 'postgres') } 1 .. 2;
ask($_, $in_conf) foreach $early, $late;
ask($early, 'BEGIN; SELECT regpaydb.manual_invoice(1, \'1 day\', \'[{"description": "x", "price": 1}]\')');
my $note = ask($late, <<'SQL');
UPDATE conference SET auto_apply_credit = false;
INSERT INTO payment (invoice_id, amount) SELECT max(invoice_id), 5000 FROM invoice WHERE attendee_id = 2;
SELECT max(credit_note_id) FROM credit_note;
SQL
my $claimed = ask($early, "SELECT regpaydb.apply_credit_note($note, max(invoice_id)) FROM invoice WHERE attendee_id = 1 AND status = 'unpaid'; COMMIT");
like($claimed, qr/^\d+$/, 'a note is claimed by a transaction that is older');
is($primary->safe_psql('postgres', "$in_conf SELECT c.\"time\" < n.\"time\" FROM payment c, payment n "
	  . "WHERE c.payment_id = $claimed AND n.payment_id = $note"), 't', 'and has an earlier time');
is($primary->safe_psql('postgres', "$in_conf " . <<"SQL"), "0.00\n0.00\n0.00", 'no difference before, between and after');
SELECT difference FROM (SELECT "time" - i FROM payment, unnest('{0,1 microsecond}'::interval[]) i WHERE payment_id = $note
	UNION SELECT "time" FROM payment WHERE payment_id = $claimed) t (t), LATERAL regpaydb.reconciliation(t)
SQL
$_->quit foreach $early, $late;
integrity($primary, 'postgres', 'conf', 'sound all the while');

# ---------------------------------------------------------------------------
# On a standby
# ---------------------------------------------------------------------------

$primary->wait_for_catchup($standby);
is($standby->safe_psql('postgres', 'SELECT pg_is_in_recovery()'), 't', 'this is a standby');
reports_are_right($standby, 'standby');
is($standby->safe_psql('postgres', "$in_conf $as_of"), join("\n", @reconciled), 'standby: reconciliation');
is($standby->safe_psql('postgres', "$in_conf SELECT count(*) FROM invoice, regpaydb.invoice_document(invoice_id)"),
	$number + 1, 'standby: invoice_document');
$standby->stop;

# ---------------------------------------------------------------------------
# The checks notice faults
# ---------------------------------------------------------------------------

# Wrong copies of each report: a row twice, a row less, and each column wrong in
# one row.
my @faults;
for my $report (@reports)
{
	my @columns = map { [ split /\|/ ] } lines($primary->safe_psql('postgres',
		"SELECT attname, format_type(atttypid, atttypmod) FROM pg_attribute WHERE attrelid = 'conf.$report'::regclass AND attnum > 0 ORDER BY attnum"));
	my $changed = sub {
		my ($name, $type) = @_;
		my $other = $type =~ /^(numeric|integer|bigint)/ ? "coalesce(\"$name\", 0) + 1"
		  : $type =~ /^(timestamp|date|interval)/ ? "coalesce(\"$name\" + interval '1 day', '2001-01-01')"
		  : $type eq 'text[]' ? "\"$name\" || 'x'::text" : "coalesce(\"$name\"::text, '') || 'x'";

		$other = "coalesce(\"$name\", '0') + interval '1 day'" if $type eq 'interval';
		return "CASE WHEN row_number() OVER () = 1 THEN ($other)::text ELSE \"$name\"::text END AS \"$name\"";
	};

	push @faults, [ "$report with a row twice", $report, "SELECT * FROM $report UNION ALL (SELECT * FROM $report LIMIT 1)" ];
	push @faults, [ "$report without a row", $report, "SELECT * FROM $report OFFSET 1" ];
	for my $column (@columns)
	{
		push @faults, [ "$report with another $column->[0]", $report, "SELECT "
			  . join(', ', map { $_ == $column ? $changed->(@$_) : "\"$_->[0]\"" } @columns) . " FROM $report" ];
	}
}
# Mistakes that were made elsewhere: joins that count twice, the day of the last
# payment, refunds and part payments taken for sales.
push @faults, [ 'payments joined to lines', 'report_payments', 'SELECT r.* FROM report_payments r JOIN line_item USING (invoice_id)' ],
  [ 'sales joined to payments', 'report_items_sold', <<'SQL' ],
SELECT l.product_id, l.description, l.price, sum(l.quantity), sum(l.price * l.quantity)
FROM line_item l JOIN invoice i USING (invoice_id) LEFT JOIN payment p USING (invoice_id) WHERE i.status = 'paid' GROUP BY 1, 2, 3
SQL
  [ 'invoices by the day of the last payment', 'report_paid_invoices_by_date', <<'SQL' ],
SELECT d, count(*), sum(value), count(*) FILTER (WHERE status = 'paid'), coalesce(sum(value) FILTER (WHERE status = 'paid'), 0.00)
FROM invoice i, LATERAL (SELECT coalesce(max("time"), paid_time)::date FROM payment p WHERE p.invoice_id = i.invoice_id) x (d)
WHERE paid_time IS NOT NULL GROUP BY 1
SQL
  [ 'only what is still paid, by date', 'report_paid_invoices_by_date', <<'SQL' ],
SELECT paid_time::date, count(*), sum(value), count(*), sum(value) FROM invoice WHERE status = 'paid' GROUP BY 1
SQL
  [ 'lapsed carts taken for reserved', 'report_product_status', <<'SQL' ],
SELECT category_id, category, product_id, product, price, stock, paid, reserved + unreserved, 0, refunded, available FROM report_product_status
SQL
  [ 'what is kept taken for refunded', 'report_product_status', <<'SQL' ],
SELECT category_id, category, product_id, product, price, stock, paid, reserved, unreserved,
	(SELECT coalesce(sum(quantity), 0) FROM cart_item i JOIN cart c USING (cart_id) WHERE i.product_id = r.product_id AND status = 'released'), available
FROM report_product_status r
SQL
  [ 'notes received as money', 'report_received_by_day', <<'SQL' ];
SELECT "time"::date, kind, provider, count(*), sum(amount), (array_agg(coalesce(provider_ref, reference) ORDER BY payment_id))[:10],
	greatest(count(*) - 10, 0) FROM payment GROUP BY 1, 2, 3
SQL
push @faults, [ 'failed refunds counted as paid out', 'report_sales_and_payments', <<'SQL' ],
SELECT items_on_paid_invoices, all_payments, sales_less_payments, part_payments, money_received, credit_notes, credit_notes_applied,
	credit_notes_refunded + credit_notes_returned, credit_notes_unclaimed, credit_notes_difference, credit_notes_returned
FROM report_sales_and_payments
SQL
  [ 'what is lost counted as taken off what was received', 'report_sales_and_payments', <<'SQL' ],
SELECT items_on_paid_invoices, all_payments, sales_less_payments, part_payments, money_received - (SELECT sum(loss) FROM reversal),
	credit_notes, credit_notes_applied, credit_notes_refunded, credit_notes_unclaimed, credit_notes_difference, credit_notes_returned
FROM report_sales_and_payments
SQL
  [ 'reversals without what is lost', 'report_received_by_day', <<'SQL' ],
SELECT "time"::date, kind, provider, count(*), sum(amount), (array_agg(reference ORDER BY id))[:10], greatest(count(*) - 10, 0)
FROM (SELECT "time", kind, provider, amount, coalesce(provider_ref, reference) AS reference, payment_id AS id
	FROM payment WHERE kind IN ('payment', 'manual')
	UNION ALL SELECT "time", 'reversal', provider, loss - amount, reversal_ref, reversal_id FROM reversal) e GROUP BY 1, 2, 3
SQL
  [ 'all references of a day', 'report_received_by_day', <<'SQL' ],
SELECT date, kind, provider, payments, amount, (SELECT array_agg(coalesce(p.provider_ref, p.reference) ORDER BY coalesce(reversal_id, payment_id))
	FROM report_received p WHERE (p.date, p.kind) = (r.date, r.kind) AND p.provider IS NOT DISTINCT FROM r.provider), more_references
FROM report_received_by_day r
SQL
  [ 'a day\'s last references', 'report_received_by_day', <<'SQL' ],
SELECT date, kind, provider, payments, amount, (SELECT (array_agg(coalesce(p.provider_ref, p.reference) ORDER BY coalesce(reversal_id, payment_id) DESC))[:10]
	FROM report_received p WHERE (p.date, p.kind) = (r.date, r.kind) AND p.provider IS NOT DISTINCT FROM r.provider), more_references
FROM report_received_by_day r
SQL
  [ 'notes received', 'report_received', <<'SQL' ],
SELECT "time"::date, "time", kind, provider, provider_ref, reference, amount, payment_id, NULL, invoice_id, entered_by, value_date FROM payment
SQL
  [ 'what was taken off invoices for what was taken back', 'report_received', <<'SQL' ],
SELECT date, "time", kind, provider, provider_ref, reference,
	amount + coalesce((SELECT loss FROM reversal v WHERE v.reversal_id = r.reversal_id), 0), payment_id, reversal_id, invoice_id, entered_by, value_date
FROM report_received r
SQL
  [ 'no reversals', 'report_received_by_day', q{SELECT * FROM report_received_by_day WHERE kind <> 'reversal'} ],
  [ 'reversals of which all is lost missing', 'report_reversals', <<'SQL' ],
SELECT r.* FROM report_reversals r JOIN reversal v USING (reversal_id) JOIN payment p ON p.payment_id = v.reversing_payment_id
SQL
  [ 'reversals joined to all that an invoice was paid by', 'report_reversals', 'SELECT r.* FROM report_reversals r JOIN payment USING (invoice_id)' ],
  [ 'refunds that have ended in flight', 'report_refunds_in_flight', <<'SQL' ],
SELECT r.credit_note_refund_id, "time", now() - "time", credit_note_id, value, reference, entered_by, attendee_id, user_id, owner, email
FROM report_credit_note_refunds r
SQL
  [ 'only those with a reference in flight', 'report_refunds_in_flight', q{SELECT * FROM report_refunds_in_flight WHERE reference <> ''} ],
  [ 'refunds by their parts', 'report_credit_note_refunds', 'SELECT r.* FROM report_credit_note_refunds r JOIN credit_note_refund_part USING (credit_note_refund_id)' ],
  [ 'what goes some other way missing', 'report_refund_parts', 'SELECT * FROM report_refund_parts WHERE payment_id IS NOT NULL' ],
  [ 'failed refunds called refunded', 'report_credit_notes', <<'SQL' ],
SELECT credit_note_id, "time", attendee_id, user_id, owner, email, value, state,
	replace(status, 'refund failed', 'refunded'), from_invoice_id, to_invoice_id, claim_time, refund_state
FROM report_credit_notes
SQL
  [ 'statements without refunds that failed', 'report_attendee_statement', <<'SQL' ],
SELECT attendee_id, row_number() OVER w, "time", entry, invoice_id, credit_note_id, reference, amount, sum(amount) OVER w
FROM report_attendee_statement WHERE entry <> 'credit not paid out' WINDOW w AS (PARTITION BY attendee_id ORDER BY entry_number)
SQL
  [ 'statements with what is lost', 'report_attendee_statement', <<'SQL' ];
SELECT attendee_id, entry_number, s."time", entry, invoice_id, credit_note_id, s.reference, s.amount + coalesce(v.loss, 0), balance
FROM report_attendee_statement s LEFT JOIN (SELECT p.invoice_id, v."time", loss FROM reversal v JOIN payment p USING (payment_id)) v
	USING (invoice_id, "time")
SQL

my $faulty = read_all($primary, (map { ("fault$_" => $faults[$_][2]) } 0 .. $#faults), %raw_queries);
my $expected = expected_reports({ map { $_ => $faulty->{$_} } keys %raw_queries });
my @unnoticed = map { $faults[$_][0] } grep { difference($expected->{ $faults[$_][1] }, $faulty->{"fault$_"}) eq '' } 0 .. $#faults;
cmp_ok(scalar @faults, '>', 150, scalar @faults . ' faults are planted');
is(join(', ', @unnoticed), '', 'and each is noticed');

# A note that is not what it was makes a difference as of every later time.
is($primary->safe_psql('postgres', "$in_conf " . <<'SQL'), '1', 'as is a note of another value, by reconciliation');
BEGIN;
SET LOCAL session_replication_role = replica;
UPDATE credit_note SET value = value + 1 WHERE credit_note_id = (SELECT min(credit_note_id) FROM credit_note WHERE state = 'refunded');
SELECT count(DISTINCT difference) FILTER (WHERE difference = -1) FROM public.snapshot s, LATERAL regpaydb.reconciliation(s."time");
ROLLBACK;
SQL

$primary->stop;
done_testing();
