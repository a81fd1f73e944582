/*
 * install.c
 *	  Ledgers: made, upgraded and checked.
 */
#include "postgres.h"

#include "catalog/catalog.h"
#include "catalog/namespace.h"
#include "catalog/pg_collation.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "admin/grant_access.h"
#include "admin/grants.h"
#include "admin/ledger_sql.h"
#include "base/args.h"
#include "base/ddl.h"
#include "base/errors.h"
#include "base/money.h"
#include "engine/actor.h"
#include "ledger/placement.h"
#include "rows/ledger_rows.h"

/*
 * What upgrade_ledger runs to bring a ledger from one version to the next, in
 * order; version_after of the last is REGPAYDB_VERSION.
 */
static const struct
{
	const char *version_before;
	const char *version_after;
	const char *sql;
}			upgrade_steps[] = {
#include "admin/upgrade_steps.h"
	{NULL, NULL, NULL}
};

/*
 * Refuse a schema in which somebody else may create objects, or has: a function
 * or an operator of the right types there is found before PostgreSQL's own when
 * our views are made, and then runs as whoever reads them.
 */
static void
check_nothing_planted(Oid schema, const char *schema_name)
{
	static const char query[] =
		"SELECT 1 FROM pg_catalog.pg_namespace n, pg_catalog.aclexplode(n.nspacl) a "
		"WHERE n.oid = $1 AND a.privilege_type = 'CREATE' AND a.grantee <> n.nspowner "
		"UNION ALL SELECT 1 FROM ("
		"SELECT 'pg_catalog.pg_proc'::pg_catalog.regclass AS class, oid, proowner AS owner "
		"FROM pg_catalog.pg_proc WHERE pronamespace = $1 UNION ALL "
		"SELECT 'pg_catalog.pg_operator'::pg_catalog.regclass, oid, oprowner "
		"FROM pg_catalog.pg_operator WHERE oprnamespace = $1 UNION ALL "
		"SELECT 'pg_catalog.pg_type'::pg_catalog.regclass, t.oid, t.typowner "
		"FROM pg_catalog.pg_type t WHERE t.typnamespace = $1 "
		/* An array type comes and goes with its element's, which is looked at. */
		"AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_type e WHERE e.typarray = t.oid)) o "
		"WHERE o.owner <> (SELECT nspowner FROM pg_catalog.pg_namespace WHERE oid = $1) "
		"AND NOT EXISTS (SELECT 1 FROM pg_catalog.pg_depend d WHERE d.classid = o.class "
		"AND d.objid = o.oid AND d.deptype = 'e') LIMIT 1";
	Oid			argtype = OIDOID;
	Datum		arg = ObjectIdGetDatum(schema);

	if (SPI_execute_with_args(query, 1, &argtype, &arg, NULL, true, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look at schema \"%s\"", schema_name);
	if (SPI_processed > 0)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("schema \"%s\" is open to others", schema_name),
				 errdetail("Somebody else may create objects in it, or has."),
				 errhint("Drop from it what is somebody else's, and grant nobody CREATE on it.")));
}

/*
 * Make the schema, or check that it is the caller's: its owner can drop the
 * tables in it, so that has to be who owns them.  Superusers too.
 */
static Oid
prepare_schema(const char *schema_name)
{
	Oid			schema = get_namespace_oid(schema_name, true);

	if (IsReservedName(schema_name) || strcmp(schema_name, "$user") == 0 ||
		strcmp(schema_name, "information_schema") == 0)
		ereport(ERROR,
				(errcode(ERRCODE_RESERVED_NAME),
				 errmsg("\"%s\" can't be the name of a ledger's schema", schema_name)));
	if (!OidIsValid(schema))
	{
		ddl_execute(psprintf("CREATE SCHEMA %s", quote_identifier(schema_name)));
		ddl_execute(psprintf("COMMENT ON SCHEMA %s IS 'A ledger of regpaydb.'",
						 quote_identifier(schema_name)));
		schema = get_namespace_oid(schema_name, false);
		ddl_own_schema(schema);
		return schema;
	}
	if (ddl_schema_owner(schema) != GetUserId())
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("schema \"%s\" belongs to somebody else", schema_name),
				 errdetail("The owner of a schema can drop the tables in it."),
				 errhint("Make the ledger as the schema's owner, or in another schema.")));
	if (OidIsValid(get_relname_relid("conference", schema)))
		ereport(ERROR,
				(errcode(ERRCODE_DUPLICATE_OBJECT),
				 errmsg("schema \"%s\" has a ledger already", schema_name),
				 errhint("Give the new ledger a schema of its own.")));
	check_nothing_planted(schema, schema_name);
	return schema;
}

/* Raise 22023 for what is no code of a currency, 0A000 for too many decimals. */
static int
decimals_of_currency(const char *currency)
{
	int			decimals;

	if (strlen(currency) != 3 ||
		strspn(currency, "ABCDEFGHIJKLMNOPQRSTUVWXYZ") != 3)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("currency \"%s\" is not an ISO 4217 code", currency),
				 errhint("Codes are three capital letters, such as USD.")));
	decimals = currency_decimals(currency);
	if (decimals > MAX_DECIMALS)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("currency %s has %d decimals", currency, decimals),
				 errdetail("A ledger's amounts have %d decimals at most.", MAX_DECIMALS),
				 errhint("Keep the ledger in another currency.")));
	return decimals;
}

static char *
replace(const char *string, const char *from, const char *to)
{
	return TextDatumGetCString(DirectFunctionCall3Coll(replace_text, C_COLLATION_OID,
													   CStringGetTextDatum(string),
													   CStringGetTextDatum(from),
													   CStringGetTextDatum(to)));
}

/* The files in sql/ledger are written for two decimals, as most currencies have. */
static const char *
for_decimals(const char *sql, int decimals)
{
	if (decimals == 2)
		return sql;
	sql = replace(sql, "numeric(14,2)",
				  psprintf("numeric(%d,%d)", MONEY_DIGITS + decimals, decimals));
	return replace(sql, "0.00", money_to_cstring(0, decimals));
}

/*
 * Raise RP012 where the extension is not of this library's version: the library is
 * installed for all databases at once, and the types and functions of each come by ALTER
 * EXTENSION UPDATE.
 */
static void
check_extension(void)
{
	const char *version;

	ddl_execute("SELECT extversion FROM pg_extension WHERE extname = 'regpaydb'");
	version = SPI_processed != 1 ? NULL :
		SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (version != NULL && strcmp(version, REGPAYDB_VERSION) != 0)
		ereport(ERROR,
				(errcode(RP_LEDGER_VERSION),
				 errmsg("extension regpaydb is of version %s, but this session runs its library of %s",
						version, REGPAYDB_VERSION),
				 errdetail("The extension and the library have to be of one version."),
				 errhint("Run ALTER EXTENSION regpaydb UPDATE first, or reconnect if that was done already.")));
}

/*
 * create_ledger(schema_name DEFAULT 'regpaydb', conference_name DEFAULT
 *				 'Conference', currency DEFAULT 'USD') -> void
 *		Make a ledger in a schema of the caller's; its tables are the caller's.
 *
 * currency is an ISO 4217 code; its decimals are those of the ledger's amounts.
 * Raises RP012, 0A000, 22004, 22023, 42501, 42710.  Spec section 1.
 */
PG_FUNCTION_INFO_V1(regpaydb_create_ledger);
Datum
regpaydb_create_ledger(PG_FUNCTION_ARGS)
{
	Oid			argtypes[] = {TEXTOID, TEXTOID, TEXTOID};
	Datum		args[3];
	const char *schema_name;
	text	   *currency;
	int			decimals;
	Oid			schema;
	Datum		before;
	int			save_nestlevel;

	require_arg(fcinfo, 0, "schema_name");
	schema_name = NameStr(*PG_GETARG_NAME(0));
	args[0] = PointerGetDatum(text_arg(fcinfo, 1, "conference_name", MAX_TEXT_LENGTH));
	currency = text_arg(fcinfo, 2, "currency", MAX_TEXT_LENGTH);
	args[1] = PointerGetDatum(currency);
	args[2] = CStringGetTextDatum(REGPAYDB_VERSION);
	decimals = decimals_of_currency(text_to_cstring(currency));
	check_sharding_setting(schema_name);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	save_nestlevel = NewGUCNestLevel();
	ddl_search_path("pg_catalog");
	check_extension();
	schema = prepare_schema(schema_name);
	grants_lock(fcinfo->flinfo->fn_oid);
	grants_to_owner(fcinfo->flinfo->fn_oid, GetUserId());
	before = ddl_relations(schema);
	ddl_search_path(schema_name);
	/* Of each view Citus would tell that it stays here; it takes them along later. */
	allow_local_ddl();
	ddl_execute(for_decimals(ledger_sql, decimals));
	ddl_own_relations(schema, before);
	if (SPI_execute_with_args("INSERT INTO conference (name, currency, ledger_version) "
							  "VALUES ($1, $2, $3)",
							  3, argtypes, args, NULL, false, 0) != SPI_OK_INSERT ||
		SPI_processed != 1)
		elog(ERROR, "could not insert the conference row");
	AtEOXact_GUC(true, save_nestlevel);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	PG_RETURN_VOID();
}

/* Run the step that leads on from a version; returns the version it leads to, or NULL where there is none. */
static const char *
run_upgrade_step(const char *version, int decimals)
{
	for (int i = 0; i < (int) lengthof(upgrade_steps); i++)
	{
		if (upgrade_steps[i].sql == NULL ||
			strcmp(upgrade_steps[i].version_before, version) != 0)
			continue;
		ddl_execute(for_decimals(upgrade_steps[i].sql, decimals));
		return upgrade_steps[i].version_after;
	}
	return NULL;
}

/*
 * The owner of the ledger in a schema, of whatever version: the caller, or
 * somebody whose rights the caller has, as superusers have, or who can execute
 * the functions by the caller's leave.
 */
static Oid
ledger_to_upgrade(Oid schema, const char *schema_name, Oid function)
{
	Oid			conference = OidIsValid(schema) ?
		get_relname_relid("conference", schema) : InvalidOid;
	Oid			owner;

	if (!OidIsValid(conference))
		no_ledger(schema_name);
	owner = ddl_relation_owner(conference);
	if (!has_privs_of_role(GetUserId(), owner) &&
		!has_privs_of_role(GetUserId(), grants_functions_owner(function)))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of ledger \"%s\"", schema_name),
				 errhint("SET ROLE to its owner first.")));
	ddl_check_schema_owner(schema, owner);
	return owner;
}

/*
 * Bring a ledger to this version, step by step; search_path is the ledger's.
 * False where it is of this version already.
 */
static bool
upgrade_tables(const Ledger *ledger, const char *schema_name)
{
	int			decimals = ledger->decimals;
	const char *version;
	bool		upgraded = false;

	/*
	 * Sessions that use the ledger finish first, and then look at its
	 * version.
	 */
	ddl_execute("LOCK TABLE conference IN ACCESS EXCLUSIVE MODE");
	ddl_execute("SELECT ledger_version FROM conference FOR NO KEY UPDATE");
	version = SPI_processed != 1 ? NULL :
		SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	if (version == NULL)
		no_ledger(schema_name);
	if (ledger->distributed && strcmp(version, REGPAYDB_VERSION) != 0)
		ereport(ERROR,
				(errcode(RP_LEDGER_VERSION),
				 errmsg("ledger \"%s\" is of version %s, and distributed", schema_name, version),
				 errdetail("Citus lets nobody change its tables as an upgrade does."),
				 errhint("Dump it with pg_dump at the coordinator, restore it as ordinary tables, upgrade it, and distribute it again.")));
	while (strcmp(version, REGPAYDB_VERSION) != 0)
	{
		const char *next = run_upgrade_step(version, decimals);
		Oid			argtype = TEXTOID;
		Datum		arg;

		if (next == NULL)
			ereport(ERROR,
					(errcode(RP_LEDGER_VERSION),
					 errmsg("ledger \"%s\" is of version %s, which regpaydb %s can't upgrade",
							schema_name, version, REGPAYDB_VERSION),
					 errdetail("This session runs the library of version %s.", REGPAYDB_VERSION),
					 errhint("Run ALTER EXTENSION regpaydb UPDATE first, and reconnect.")));
		arg = CStringGetTextDatum(next);
		if (SPI_execute_with_args("UPDATE conference SET ledger_version = $1", 1, &argtype,
								  &arg, NULL, false, 0) != SPI_OK_UPDATE || SPI_processed != 1)
			elog(ERROR, "could not update the conference row");
		version = next;
		upgraded = true;
	}
	return upgraded;
}

/*
 * upgrade_ledger(schema_name DEFAULT 'regpaydb') -> void
 *		Bring a ledger's tables to the version of the extension, which does
 *		nothing where they are of it, and grant the ledger's owner and the roles
 *		with access to it what they need by now.
 *
 * Acts as the ledger's owner.  Raises RP012, 22004, 42501.  Spec section 1.
 */
PG_FUNCTION_INFO_V1(regpaydb_upgrade_ledger);
Datum
regpaydb_upgrade_ledger(PG_FUNCTION_ARGS)
{
	Oid			function = fcinfo->flinfo->fn_oid;
	const char *schema_name;
	Oid			schema;
	Oid			owner;
	Ledger	   *ledger;
	int			decimals;
	Datum		before;
	Oid			save_userid;
	int			save_sec_context;
	int			save_nestlevel;

	require_arg(fcinfo, 0, "schema_name");
	schema_name = NameStr(*PG_GETARG_NAME(0));
	schema = get_namespace_oid(schema_name, true);
	owner = ledger_to_upgrade(schema, schema_name, function);

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	save_nestlevel = NewGUCNestLevel();
	ddl_search_path("pg_catalog");
	check_extension();
	check_nothing_planted(schema, schema_name);
	grants_lock(function);
	allow_local_ddl();
	grants_to_owner(function, owner);

	/* As in engine_begin_as_owner, which has no ledger yet. */
	GetUserIdAndSecContext(&save_userid, &save_sec_context);
	SetUserIdAndSecContext(owner, save_sec_context | SECURITY_LOCAL_USERID_CHANGE |
						   (owner != save_userid ? SECURITY_RESTRICTED_OPERATION : 0));
	before = ddl_relations(schema);
	ddl_search_path(schema_name);
	ledger = ledger_of_schema(schema);
	decimals = ledger->decimals;
	if (upgrade_tables(ledger, schema_name))
		ddl_execute(for_decimals(ledger_views_sql, decimals));
	ddl_own_relations(schema, before);
	grants_refresh(ledger_of_schema(schema), function);
	SetUserIdAndSecContext(save_userid, save_sec_context);

	/* Every session that knows the ledger looks at its version again. */
	CacheInvalidateRelcacheByRelid(get_relname_relid("conference", schema));
	AtEOXact_GUC(true, save_nestlevel);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	PG_RETURN_VOID();
}

/* Nothing moved since a time to come: to say that all is well would be no answer. */
static TimestampTz
time_to_check_since(TimestampTz since)
{
	if (since > GetCurrentTimestamp())
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("since is in the future: %s", timestamptz_to_str(since)),
				 errhint("Give the time of the last check, less the longest transaction, or NULL for all of the ledger.")));
	return since;
}

/*
 * check_integrity(since DEFAULT NULL) -> table (object, problem)
 *		Whatever in the ledger does not agree with the facts: no rows, when all
 *		is well.  With since, only of what moved since then, and of that only what
 *		can be told without reading the rest of the ledger.
 *
 * Raises RP010 for an actor who is not staff, RP012, 22023, 42501.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_check_integrity);
Datum
regpaydb_check_integrity(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Ledger	   *ledger;
	TimestampTz since = 0;

	InitMaterializedSRF(fcinfo, 0);
	ledger = engine_begin_read(PAYMENT, "amount", ACL_SELECT);
	actor_must_be_staff(ledger);
	if (!PG_ARGISNULL(0))
		since = time_to_check_since(PG_GETARG_TIMESTAMPTZ(0));
	row_integrity_problems(ledger, PG_ARGISNULL(0) ? NULL : &since);
	for (uint64 i = 0; i < SPI_processed; i++)
		tuplestore_puttuple(result->setResult, SPI_tuptable->vals[i]);
	engine_end();
	return (Datum) 0;
}
