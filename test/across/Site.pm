# What the moves share: servers of several versions on a private socket, the commands of
# docs/operations.md, clients that pay all the time, and what is compared.

package Site;

use strict;
use warnings FATAL => 'all';

use Exporter 'import';
use IPC::Open3;
use Test::More;
use Time::HiRes qw(sleep time);

our @EXPORT = qw(%block $work $log shell shell_fails run_block bin configure start_server stop_server
  sql value wait_until fingerprint same_fingerprint start_clients clients_go_to clients_have_paid stop_clients);

our $work = $ENV{ACROSS_WORK} // die "ACROSS_WORK is not set\n";
our $log = "$work/commands.log";
my $socket = "$work/s";
my $newest = bin(18);

sub bin { return "/usr/lib/postgresql/$_[0]/bin" }

# ---- commands ----

# A script for bash, as the servers' user unless as root: its status, and what it printed.
sub bash
{
	my ($user, $folder, $script) = @_;
	my $file = "$work/script.$$";
	my @env = ("HOME=$work", 'PATH=/usr/local/bin:/usr/bin:/bin', 'LANG=C.UTF-8', 'MAKEFLAGS=-j2 -- with_llvm=no');

	open my $out, '>', $file or die "$file: $!\n";
	print $out "exec 2>&1\nset -e -o pipefail\ncd '$folder'\n$script";
	close $out;
	chmod 0644, $file;
	my @become = $user eq 'root' ? () : ('runuser', '-u', $user, '--');
	# A wait that never ends is a failure; a server that was started stays.
	my $pid = open my $in, '-|', @become, 'env', '-i', @env, 'timeout', '120', 'bash', '-c', "bash $file >$file.out </dev/null; echo \$?";
	my $status = <$in> // "no answer\n";
	close $in;
	chomp $status;
	open my $result, '<', "$file.out" or die "$file.out: $!\n";
	my $printed = join '', <$result>;
	unlink $file, "$file.out";
	open my $to, '>>', $log or die "$log: $!\n";
	print $to "---- in $folder, as $user\n$script---- $status\n$printed";
	close $to;
	return ($status, $printed);
}

sub shell
{
	my ($script, $user, $folder) = @_;
	my ($status, $printed) = bash($user // 'postgres', $folder // $work, "$script\n");

	die "failed ($status): $script\n$printed" if $status ne '0';
	return $printed;
}

# ---- the page's commands ----

our (%block, @names);
{
	my (%run, $name);
	open my $page, '<', "$ENV{ACROSS_SOURCES}/docs/operations.md" or die "operations.md: $!\n";
	while (<$page>)
	{
		$name = $1 if /^<!-- not run: test\/across runs it: (\w+) -->$/;
		next if !defined $name || !/^```sh$/;
		my $text = '';
		while (<$page>) { last if /^```$/; $text .= $_ }
		die "two different commands are called $name\n" if defined $block{$name} && $block{$name} ne $text;
		$block{$name} = $text;
		undef $name;
	}
	close $page;
	@names = sort $block{names} =~ /(?:^|\s)(\w+)=/mg;
}

# A block of the page as it stands, with these names and in this folder: status and output.
our %was_run = (names => 1, functions => 1);
sub run_block
{
	my ($name, $folder, %value) = @_;
	my $user = $name eq 'install' ? 'root' : 'postgres';
	my %names = (%value, PGHOST => $socket, PGUSER => 'postgres');

	die "the page has no commands called $name\n" if !defined $block{$name};
	$was_run{$name} = 1;
	die 'the page speaks of ' . join(' ', @names) . ', the test of ' . join(' ', sort keys %names) . "\n"
	  if "@names" ne join ' ', sort keys %names;
	my $set = join '', map { "$_='$names{$_}'\n" } @names;
	return bash($user, $folder, "${set}export PGHOST PGUSER\n$block{functions}$block{$name}");
}

# ---- servers ----

sub configure
{
	my ($data, $port) = @_;

	shell(<<"END");
cat >>'$data'/postgresql.conf <<'CONF'
listen_addresses = ''
unix_socket_directories = '$socket'
port = $port
fsync = off
wal_level = logical
max_prepared_transactions = 2
wal_retrieve_retry_interval = 500ms
shared_preload_libraries = 'pg_cron'
cron.database_name = 'conference'
cron.host = '$socket'
CONF
END
	return;
}

sub start_server { my ($version, $data) = @_; shell(bin($version) . "/pg_ctl start --pgdata='$data' --log='$data'/log"); return }

sub stop_server
{
	my ($version, $data) = @_;

	shell(bin($version) . "/pg_ctl stop --pgdata='$data' --mode=fast") if -e "$data/postmaster.pid";
	return;
}

# What psql prints, and whether there was no error; as a superuser unless a role is given.
sub try_sql
{
	my ($port, $database, $text, $role) = @_;
	my $pid = open3(my $in, my $out, undef, "$newest/psql", '-X', '-q', '-A', '-t', '-v', 'ON_ERROR_STOP=1', '-v', 'VERBOSITY=verbose',
		'-h', $socket, '-p', $port, '-U', $role // 'postgres', '-d', $database, '-f', '-');

	local $SIG{PIPE} = 'IGNORE';
	print $in $text;
	close $in;
	my $printed = join '', <$out>;
	waitpid $pid, 0;
	chomp $printed;
	return ($printed, $? == 0);
}

sub sql
{
	my ($port, $database, $text, $role) = @_;
	my ($printed, $good) = try_sql($port, $database, $text, $role);

	die "psql fails at port $port: $text\n$printed\n" if !$good;
	return $printed;
}

# What psql prints, an error too.
sub value { return (try_sql(@_))[0] }

sub wait_until
{
	my ($condition, $seconds) = @_;
	my $end = time + ($seconds // 60);

	until ($condition->())
	{
		return 0 if time > $end;
		sleep 0.1;
	}
	return 1;
}

# ---- what is compared ----

# Tables and so on that are no extension's.
my $ours = q{c.relnamespace::regnamespace::text !~ '^(pg_|information_schema$|cron$)'};
our %question = (
	'rows' => <<"SQL",
SELECT format('SELECT %1\$L, count(*), md5(string_agg(t::text, E''\\n'' ORDER BY t::text COLLATE "C")) FROM %1\$s t', oid::regclass)
FROM pg_class c WHERE relkind = 'r' AND $ours ORDER BY oid::regclass::text COLLATE "C" \\gexec
SQL
	'sequences' => <<"SQL",
SELECT format('SELECT %1\$L, last_value, is_called FROM %1\$s', oid::regclass)
FROM pg_class c WHERE relkind = 'S' AND $ours ORDER BY oid::regclass::text COLLATE "C" \\gexec
SQL
	# Who may do what by whose leave.  17 has a new privilege, which every owner gets.
	'privileges' => <<"SQL",
CREATE FUNCTION pg_temp.acl(acl aclitem[], kind "char", owner oid) RETURNS text LANGUAGE sql AS \$\$
	SELECT string_agg(format('%s %s%s by %s', CASE grantee WHEN 0 THEN 'PUBLIC' ELSE grantee::regrole::text END, privilege_type,
		CASE WHEN is_grantable THEN ' with grant option' END, grantor::regrole), ', ' ORDER BY grantee::regrole::text, privilege_type, grantor::regrole::text)
	FROM aclexplode(coalesce(acl, acldefault(kind, owner))) WHERE NOT (privilege_type = 'MAINTAIN' AND grantee = owner)
\$\$;
SELECT 'relation', oid::regclass, relowner::regrole, pg_temp.acl(relacl, CASE relkind WHEN 'S' THEN 's' ELSE 'r' END::"char", relowner)
	FROM pg_class c WHERE relkind IN ('r', 'p', 'v', 'm', 'S') AND $ours ORDER BY oid::regclass::text;
SELECT 'column', c.oid::regclass, attname, pg_temp.acl(attacl, 'c', relowner)
	FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid WHERE attacl IS NOT NULL AND $ours ORDER BY 2, 3;
SELECT 'function', oid::regprocedure, proowner::regrole, pg_temp.acl(proacl, 'f', proowner)
	FROM pg_proc WHERE pronamespace = 'regpaydb'::regnamespace ORDER BY oid::regprocedure::text;
SELECT 'type', oid::regtype, typowner::regrole, pg_temp.acl(typacl, 'T', typowner)
	FROM pg_type WHERE typnamespace = 'regpaydb'::regnamespace AND typtype = 'e' ORDER BY 2;
SELECT 'schema', nspname, nspowner::regrole, pg_temp.acl(nspacl, 'n', nspowner)
	FROM pg_namespace WHERE nspname !~ '^(pg_|information_schema\$|cron\$)' ORDER BY 2;
SELECT 'database', datdba::regrole, pg_temp.acl(datacl, 'd', datdba) FROM pg_database WHERE datname = current_database();
SELECT 'default', defaclrole::regrole, defaclnamespace::regnamespace, defaclobjtype, pg_temp.acl(defaclacl, 'r', defaclrole) FROM pg_default_acl ORDER BY 2, 3, 4;
SQL
	'policies' => <<"SQL",
SELECT c.oid::regclass, relrowsecurity, relforcerowsecurity FROM pg_class c WHERE relkind = 'r' AND $ours ORDER BY oid::regclass::text;
SELECT p.* FROM pg_policies p WHERE schemaname <> 'cron' ORDER BY schemaname, tablename, policyname;
SQL
	'comments' => <<'SQL',
SELECT pg_describe_object(classoid, objoid, objsubid) AS object, description FROM pg_description
	WHERE objoid >= 16384 AND pg_describe_object(classoid, objoid, objsubid) !~ '(\mcron\M|pg_cron)' ORDER BY 1;
SELECT pg_describe_object(classoid, objoid, 0) AS object, description FROM pg_shdescription WHERE objoid >= 16384 ORDER BY 1;
SQL
	# Since 18 that a column is NOT NULL is a constraint, too.  Views are told with
	# fewer names of tables since 16.  No way of moving keeps the extension's owner.
	'definitions' => <<"SQL",
SELECT 'column', c.oid::regclass, attname, format_type(atttypid, atttypmod), attnotnull, attidentity, attgenerated, attcollation::regcollation,
	pg_get_expr(adbin, adrelid)
	FROM pg_class c JOIN pg_attribute a ON attrelid = c.oid AND attnum > 0 AND NOT attisdropped
	LEFT JOIN pg_attrdef ON adrelid = c.oid AND adnum = attnum WHERE relkind IN ('r', 'p', 'v', 'm') AND $ours ORDER BY c.oid::regclass::text, attnum;
SELECT 'constraint', conrelid::regclass, conname, convalidated, pg_get_constraintdef(k.oid)
	FROM pg_constraint k JOIN pg_class c ON c.oid = conrelid WHERE contype <> 'n' AND $ours ORDER BY conrelid::regclass::text, conname;
SELECT 'index', pg_get_indexdef(indexrelid), indisvalid, indisclustered, indisreplident
	FROM pg_index JOIN pg_class c ON c.oid = indexrelid WHERE $ours ORDER BY indexrelid::regclass::text;
SELECT 'trigger', pg_get_triggerdef(t.oid), tgenabled FROM pg_trigger t JOIN pg_class c ON c.oid = tgrelid WHERE NOT tgisinternal AND $ours
	ORDER BY tgrelid::regclass::text, tgname;
SELECT 'view', c.oid::regclass, relispopulated, reloptions, md5(regexp_replace(pg_get_viewdef(c.oid), '\\s|[()]|("[^"]*"|\\m\\w+)\\.', '', 'g')) FROM pg_class c WHERE relkind IN ('v', 'm') AND $ours ORDER BY c.oid::regclass::text;
SELECT 'statistics', pg_get_statisticsobjdef(s.oid) FROM pg_statistic_ext s ORDER BY 2;
SELECT 'sequence', s.* FROM pg_class c, LATERAL (SELECT c.oid::regclass, seqtypid::regtype, seqstart, seqincrement, seqmin, seqmax, seqcache, seqcycle
	FROM pg_sequence WHERE seqrelid = c.oid) s WHERE $ours ORDER BY c.oid::regclass::text;
SELECT 'extension', extname, extversion, extnamespace::regnamespace FROM pg_extension WHERE extname = 'regpaydb';
SELECT 'member', pg_describe_object(classid, objid, 0) AS object FROM pg_depend
	WHERE refobjid = (SELECT oid FROM pg_extension WHERE extname = 'regpaydb') AND deptype = 'e' AND pg_describe_object(classid, objid, 0) !~ '\\[\\]\$' ORDER BY 2;
SQL
	'roles' => <<'SQL',
SELECT 'role', rolname, rolsuper, rolinherit, rolcreaterole, rolcreatedb, rolcanlogin, rolbypassrls, rolconnlimit, rolvaliduntil, rolpassword
	FROM pg_authid WHERE rolname !~ '^pg_' ORDER BY 2;
SELECT 'member', member::regrole, roleid::regrole, admin_option FROM pg_auth_members WHERE roleid >= 16384 ORDER BY member::regrole::text, 3;
SELECT 'setting', d.datname, setrole::regrole, unnest(setconfig) FROM pg_db_role_setting LEFT JOIN pg_database d ON d.oid = setdatabase
	ORDER BY 2, setrole::regrole::text, 4;
SELECT 'encoding', pg_encoding_to_char(encoding), datcollate, datctype, datconnlimit FROM pg_database WHERE datname = current_database();
SQL
	# What the extension says itself.
	'granted' => <<'SQL');
SELECT format('SET regpaydb.ledger = %L', n), format('SELECT %L, * FROM regpaydb.check_grants()', n)
	FROM (SELECT nspname AS n FROM pg_namespace m JOIN pg_class ON relnamespace = m.oid WHERE relname = 'credit_note_claim' AND relkind = 'r') s ORDER BY n \gexec
SQL

sub fingerprint
{
	my ($port, $database) = @_;
	my $setting = "SET timezone = 'UTC'; SET datestyle = ISO; SET search_path = pg_catalog; SET max_parallel_workers_per_gather = 0;\n";

	return { map { $_ => [ split /\n/, sql($port, $database, $setting . $question{$_}) ] } keys %question };
}

# The lines in which two fingerprints differ.
sub differences
{
	my ($got, $expected) = @_;
	my @differences;

	for my $aspect (sort keys %$expected)
	{
		my %got = map { $_ => 1 } @{ $got->{$aspect} };
		my %expected = map { $_ => 1 } @{ $expected->{$aspect} };
		push @differences, map { "$aspect, not expected: $_" } grep { !$expected{$_} } sort keys %got;
		push @differences, map { "$aspect, missing: $_" } grep { !$got{$_} } sort keys %expected;
	}
	return @differences;
}

sub same_fingerprint
{
	my ($got, $expected, $name) = @_;

	local $Test::Builder::Level = $Test::Builder::Level + 1;
	for my $aspect (sort keys %$expected)
	{
		is(join("\n", differences({ $aspect => $got->{$aspect} }, { $aspect => $expected->{$aspect} })), '',
			"$name: the same $aspect (" . @{ $expected->{$aspect} } . ')');
	}
	return;
}

# ---- clients ----

# Processes that pay, buy and give back all the time, on the server whose port is in a
# file.  What was not acknowledged is sent again, there or where the clients were sent
# meanwhile, and what was is put down in a list of the client's own.
my (%client, $starts);

sub turn
{
	my ($client, $ref) = @_;
	my ($ledger, $number) = @{$client}{qw(ledger turn)};
	my $attendee = $client->{first} + int($number / 6) % 400;
	my $text = "BEGIN;\nSET LOCAL regpaydb.ledger = '$ledger';\n"
	  . "SELECT regpaydb.record_payment(" . (1 + $number % 60) . ", 1.5, 'client', 'across', '$ref');\n";

	$text .= "SELECT set_config('regpaydb.user_id', '" . (1000 + $attendee) . "', true);\n" if $client->{role} eq 'shop';
	# A cart each, since nobody may have many tickets.
	$text .= "SELECT regpaydb.set_quantity(regpaydb.current_cart($attendee), 3, 1 + $number % 4),\n"
	  . "\tregpaydb.set_quantity(regpaydb.current_cart($attendee), 2, 1);\n" if $number % 3 == 0;
	$text .= "SELECT regpaydb.invoice_cart(regpaydb.current_cart($attendee)) AS invoice \\gset\n"
	  . "SELECT regpaydb.pay(:invoice, regpaydb.balance_due(:invoice), 'cart');\n" if $number % 6 == 3;
	$text .= "SELECT regpaydb.refund_invoice(max(invoice_id), 'client') FROM \"$ledger\".invoice WHERE status = 'paid' AND value > 0 "
	  . "HAVING count(*) > 20;\n" if $number % 7 == 5 && $client->{role} eq 'desk';
	return "$text COMMIT;\n";
}

sub slurp { my ($file) = @_; return '' if !-e $file; open my $in, '<', $file or die "$file: $!\n"; local $/; return <$in> // '' }
sub write_file { my ($file, $text) = @_; open my $out, '>', "$file.new" or die "$file: $!\n"; print $out $text; close $out; rename "$file.new", $file; return }

sub be_client
{
	my ($client) = @_;
	my $late = 0;
	my $out_of_reach = qr/FATAL: |could not connect|connection to server|server closed the connection|SSL SYSCALL/;

	open my $paid, '>>', $client->{paid} or die;
	$paid->autoflush(1);
	open my $wrong, '>>', $client->{wrong} or die;
	$wrong->autoflush(1);
	until (-e "$work/stop")
	{
		my $ref = "$client->{name}-" . ++$client->{turn};

		for (my $try = 0; ; $try++)
		{
			my ($printed, $good) = try_sql(slurp("$work/port"), 'conference', turn($client, $ref), $client->{role});

			if ($good)
			{
				print $paid slurp("$work/port") . " $ref\n";
				last;
			}
			if ($printed !~ $out_of_reach)
			{
				print $wrong "$ref: $printed\n";
				last if $try > 50;
			}
			if (-e "$work/stop" && ++$late > 100)
			{
				print $wrong "$ref: never acknowledged: $printed\n";
				last;
			}
			sleep 0.05;
		}
	}
	return;
}

sub start_clients
{
	my ($port, $hop) = @_;

	unlink "$work/stop";
	write_file("$work/port", $port);
	%client = ();
	$starts++;
	for my $c ([ 'desk', 'regpaydb' ], [ 'shop', 'Tutorials 2027' ])
	{
		my ($role, $ledger) = @$c;
		my %one = (role => $role, ledger => $ledger, name => "$hop-$role", turn => 0, first => 201 + 400 * ($starts - 1), paid => "$work/$hop-$role.paid", wrong => "$work/$hop-$role.wrong");
		my $pid = fork // die "fork: $!\n";

		if ($pid == 0)
		{
			eval { be_client(\%one); 1 } or write_file($one{wrong}, "client died: $@");
			require POSIX;
			POSIX::_exit(0);
		}
		$client{$pid} = \%one;
	}
	return clients_have_paid($port, 10);
}

sub paid { return map { split /\n/, slurp($_->{paid}) } values %client }

# Whether each client has this number of payments acknowledged by that server, or will.
sub clients_have_paid
{
	my ($port, $number) = @_;
	return wait_until(sub { !grep { my $c = $_; $number > grep {/^$port /} split /\n/, slurp($c->{paid}) } values %client });
}

sub clients_go_to { write_file("$work/port", shift); return }

# Stop them, and hold their lists against the server's rows.
sub stop_clients
{
	my ($port, $name) = @_;

	write_file("$work/stop", '');
	waitpid $_, 0 for keys %client;
	is(join('', map { slurp($_->{wrong}) } values %client), '', "$name: clients met nothing but that the server could not be reached");
	for my $c (sort { $a->{name} cmp $b->{name} } values %client)
	{
		my @acknowledged = sort map { (split / /)[1] } split /\n/, slurp($c->{paid});
		my @recorded = split /\n/, sql($port, 'conference',
			"SELECT provider_ref FROM \"$c->{ledger}\".payment WHERE provider = 'across' AND provider_ref LIKE '$c->{name}-%' ORDER BY provider_ref COLLATE \"C\"");

		is("@recorded", "@acknowledged", "$name: $c->{role}: no payment that was acknowledged is lost, none is there twice (" . @acknowledged . ')');
	}
	return;
}

1;
