# The contenders, their ledgers, and what they have to have done.

package Bench;

use strict;
use warnings FATAL => 'all';

our $quick;

our $invoices = $quick ? 40_000 : 400_000;
our $million  = $quick ? 100_000 : 1_000_000;

# Which invoices of a ledger of so many: data.sql.
sub with_cart    { my ($of) = @_; return (1, $of / 4); }
sub without_cart { my ($of) = @_; return ($of / 4 + 1, $of * 0.6); }
sub void         { my ($of) = @_; return ($of * 0.85 + 1, $of * 0.15); }
sub endless      { my ($of) = @_; return ($of + 1, 1); }

our %contender = (
	'bare floor'    => { template => 'bare',     sql => 'bare' },
	'bare floor, same keys' => { template => 'promises', sql => 'bare' },
	'same promises' => { template => 'promises', sql => 'promises' },
	'same promises, uncounted' => { template => 'promises', sql => 'uncounted' },
	'PL/pgSQL twin' => { template => 'twin',     sql => 'insert' },
	'INSERT'        => { template => 'engine',   sql => 'insert' },
	'pay()'         => { template => 'engine',   sql => 'pay' },
	'regpaydb'      => { template => 'engine',   sql => 'pay' });
our @floors = ('bare floor', 'same promises');
our @bases  = (@floors, 'PL/pgSQL twin');
our @all    = (@bases, 'INSERT', 'pay()');

# The SQL of a contender for a job, from statements.sql.
sub statement
{
	my ($contender, $job) = @_;
	$job =~ s/ with a cart// if $contender !~ /floor|promises/;
	my ($text) = Server::slurp("$FindBin::RealBin/statements.sql") =~
	  /^-- \@ \Q$contender{$contender}{sql}: $job\E\n(.*?)(?=^-- |\z)/ms;
	return $text // die "$contender has no statement for \"$job\"\n";
}

# One template for each kind of contender and size of ledger.
sub make_templates
{
	my ($suffix, $size) = @_;
	my $engine = "engine$suffix";

	print STDERR 'making ledgers of ', commas($size), " invoices ...\n";
	Server::psql('postgres', '-c', "CREATE DATABASE $engine");
	Server::psql($engine, '-c', 'CREATE EXTENSION regpaydb',
		'-c', 'SELECT regpaydb.create_ledger()');
	Server::psql($engine, '-v', "invoices=$size", '-f', "$FindBin::RealBin/data.sql");
	derive($engine, "promises$suffix", 'promises.sql');
	derive("promises$suffix", "bare$suffix", 'bare.sql');
	derive("promises$suffix", "twin$suffix", 'twin.sql');
	return;
}

sub derive
{
	my ($from, $to, $file) = @_;
	Server::psql('postgres', '-c', "CREATE DATABASE $to TEMPLATE $from STRATEGY file_copy");
	Server::psql($to, '-f', "$FindBin::RealBin/$file");
	return;
}

# New databases for these contenders; settle is the trigger of the twin.
sub fresh
{
	my ($settle, @contenders) = @_;
	for my $name (@contenders)
	{
		my ($contender, $suffix) = $name =~ /^(.*?)(?:, (small))?$/;
		my $template = $contender{$contender}{template} . ($suffix ? '_small' : '');
		Server::copy_database($template, $name);
		Server::psql($name, '-c', $settle eq 'row'
			? 'CREATE TRIGGER settle AFTER INSERT ON payment FOR EACH ROW
				WHEN (NEW.kind <> \'credit_note\') EXECUTE FUNCTION settle_row()'
			: 'CREATE TRIGGER settle AFTER INSERT ON payment REFERENCING NEW TABLE AS new_payment
				FOR EACH STATEMENT EXECUTE FUNCTION settle_statement()')
		  if $template =~ /^twin/;
	}
	Server::psql('postgres', '-c', 'CHECKPOINT');
	return;
}

sub expect_rows
{
	my ($database, $query, $expected) = @_;
	my $found = Server::session($database)->ask($query);
	die "$query is $found instead of $expected\n" if $found ne $expected;
	return;
}

# Dies unless a contender did just this; what is left out has to be 0.  Floors count
# what is sold besides, unless counted_sold says otherwise.
sub expect_work
{
	my ($name, %work) = @_;
	my $counted = delete $work{counted_sold} // ($name =~ /uncounted/ ? 0 : $work{sold} // 0);
	my @columns = qw(payments paid counted paid_invoices paid_carts sold noted events);
	@columns = grep { $_ ne 'events' } @columns if $name =~ /bare/;
	expect_rows($name, 'SELECT ' . join(', ', @columns) . ' FROM work_done',
		join('|', map { $work{$_} // 0 } @columns));
	expect_rows($name, 'SELECT sum(sold) FROM counter', $counted) if $name =~ /floor|promises/;
	return;
}

sub expect_integrity
{
	my ($name) = @_;
	return if $name =~ /floor|promises/;
	expect_rows($name, 'SELECT count(*) FROM integrity_problem', 0);
	return;
}

1;
