/*
 * grant_access.c
 *	  grant_access() and revoke_access(): who has access to a ledger.
 *
 * Which roles have which access is kept in the ledger itself, as policies of
 * the access's name on its table conference, so that it comes back with a dump
 * and goes with the role.
 *
 * The functions, and the schema of the extension, are shared by all ledgers.
 * They are granted by their owner, whichever ledger it is for, since DROP OWNED
 * takes from a role only what the owner of an object granted it.  So nothing
 * tells what a role was granted for which ledger; what it needs in another one
 * is found out when access is taken back.
 */
#include "postgres.h"

#include "catalog/namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/guc.h"

#include "admin/check_grants.h"
#include "admin/grant_access.h"
#include "admin/grants.h"
#include "admin/row_security.h"
#include "base/args.h"
#include "base/ddl.h"
#include "engine/engine.h"
#include "ledger/placement.h"

static const struct
{
	const char *name;
	int			access;
}			accesses[] = {
	{"app", ACCESS_APP},
	{"staff", ACCESS_STAFF},
	{"reports", ACCESS_REPORTS},
};

/* The number of an access in accesses.  Raises 22023. */
static int
access_arg(FunctionCallInfo fcinfo, int number)
{
	char	   *name = text_to_cstring(text_arg(fcinfo, number, "access", MAX_TEXT_LENGTH));

	for (int i = 0; i < (int) lengthof(accesses); i++)
		if (strcmp(name, accesses[i].name) == 0)
			return i;
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("there is no access \"%s\"", name),
			 errhint("Access is app, staff or reports.")));
}

/* The accesses that a role has in the ledger whose table conference this is. */
static int
access_of_role(Oid conference, Oid role)
{
	int			result = 0;

	for (int i = 0; i < (int) lengthof(accesses); i++)
		if (list_member_oid(policy_roles(conference, accesses[i].name), role))
			result |= accesses[i].access;
	return result;
}

/*
 * The accesses that a role has in any ledger of the database.  keeps_all tells
 * whether it needs functions for something else: it owns a ledger, or it was
 * granted something by hand in one that is not this.
 */
static int
access_anywhere(const Ledger *ledger, Oid role, bool *keeps_all)
{
	SPITupleTable *tables;
	uint64		ntables;
	Oid		   *others;
	int			nothers = 0;
	int			result = 0;

	/* A table of that name is a ledger's if its guard is. */
	if (SPI_execute("SELECT c.oid, c.relnamespace, c.relowner FROM pg_catalog.pg_class c "
					"WHERE c.relname = 'conference' AND c.relkind = 'r' "
					"AND EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid "
					"AND t.tgfoid = 'regpaydb.guard_conference()'::pg_catalog.regprocedure)",
					false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look for ledgers");
	tables = SPI_tuptable;
	ntables = SPI_processed;
	others = palloc(Max(ntables, 1) * sizeof(Oid));
	*keeps_all = false;
	for (uint64 i = 0; i < ntables; i++)
	{
		Oid			values[3];	/* table, schema, owner */

		for (int j = 0; j < 3; j++)
		{
			bool		isnull;

			values[j] = DatumGetObjectId(SPI_getbinval(tables->vals[i], tables->tupdesc, j + 1,
													   &isnull));
		}
		result |= access_of_role(values[0], role);
		if (values[2] == role)
			*keeps_all = true;
		if (values[1] != ledger->schema)
			others[nothers++] = values[1];
	}
	*keeps_all = *keeps_all || is_granted_by_hand(others, nothers, role);
	return result;
}

static bool
can_execute_any(Oid functions_owner, Oid role)
{
	Oid			argtypes[] = {OIDOID, OIDOID};
	Datum		args[] = {ObjectIdGetDatum(functions_owner), ObjectIdGetDatum(role)};

	if (SPI_execute_with_args("SELECT 1 FROM pg_catalog.pg_proc p, pg_catalog.aclexplode(p.proacl) a "
							  "WHERE p.pronamespace = 'regpaydb'::pg_catalog.regnamespace "
							  "AND p.proowner = $1 AND a.grantee = $2 LIMIT 1",
							  2, argtypes, args, NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look at the functions' privileges");
	return SPI_processed > 0;
}

static void
set_extension_usage(bool grant, const char *role_name)
{
	ddl_execute_as(ddl_schema_owner(get_namespace_oid("regpaydb", false)),
				   psprintf(grant ? "GRANT USAGE ON SCHEMA regpaydb TO %s" :
							"REVOKE USAGE ON SCHEMA regpaydb FROM %s", role_name));
}

/* Grant a role what its accesses to a ledger need. */
static void
grant_needed(const Ledger *ledger, Oid functions_owner, Oid role, int access)
{
	const char *role_name = quote_identifier(GetUserNameFromId(role, false));

	if (access == 0)
		return;
	if ((access & ACCESS_APP) != 0)
		set_actor_policies(ledger, role, true);
	grants_set_relations(ledger, access, true, role_name);
	ddl_execute(psprintf("GRANT USAGE ON SCHEMA %s TO %s", ledger->quoted_schema, role_name));
	grants_set_functions(functions_owner, access, true, role_name);
	set_extension_usage(true, role_name);
}

/* Take from a role what its accesses to the ledger, and to others, don't need. */
static void
revoke_unneeded(const Ledger *ledger, Oid functions_owner, Oid role, int access)
{
	const char *role_name = quote_identifier(GetUserNameFromId(role, false));
	bool		keeps_all;
	int			access_of_all = access_anywhere(ledger, role, &keeps_all);

	if ((access & ACCESS_APP) == 0)
		set_actor_policies(ledger, role, false);
	grants_set_relations(ledger, access, false, role_name);
	if (access == 0 && strcmp(ledger->schema_name, "regpaydb") != 0)
		ddl_execute(psprintf("REVOKE USAGE ON SCHEMA %s FROM %s", ledger->quoted_schema, role_name));
	if (keeps_all)
		return;
	grants_set_functions(functions_owner, access_of_all, false, role_name);
	if (access_of_all == 0 && !can_execute_any(functions_owner, role))
		set_extension_usage(false, role_name);
}

/*
 * The ledger of the setting, which has to be the caller's in all its parts: what
 * is granted on its schema is granted by the schema's owner.
 */
static Ledger *
own_ledger(void)
{
	Ledger	   *ledger = ledger_of_setting();

	if (!relation_ownercheck(ledger->tables[CONFERENCE], GetUserId()))
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("must be owner of ledger \"%s\"", ledger->schema_name),
				 errhint("SET ROLE to its owner first.")));
	ddl_check_schema_owner(ledger->schema, ledger->owner);
	engine_begin_as_owner(ledger);
	engine_check_version(ledger, false);
	engine_end();
	return ledger;
}

/*
 * Give a role an access in the ledger of the setting, or take it back.  What
 * another access of the role's needs, in this ledger or for functions in any,
 * it keeps.
 */
static void
set_access(FunctionCallInfo fcinfo, bool grant)
{
	Oid			functions_owner = grants_functions_owner(fcinfo->flinfo->fn_oid);
	Ledger	   *ledger;
	Oid			conference;
	Oid			role;
	int			number;
	int			access;
	int			save_nestlevel;

	require_arg(fcinfo, 0, "role");
	role = get_role_oid(NameStr(*PG_GETARG_NAME(0)), false);
	number = access_arg(fcinfo, 1);
	grants_lock(fcinfo->flinfo->fn_oid);
	ledger = own_ledger();
	conference = ledger_rows_relid(ledger, CONFERENCE);
	if (role == ledger->owner)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("role \"%s\" is the owner of ledger \"%s\"",
						GetUserNameFromId(role, false), ledger->schema_name),
				 errhint("A ledger's owner may do everything in it, and has to.")));

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	save_nestlevel = NewGUCNestLevel();
	ddl_search_path(ledger->schema_name);
	if (ledger->distributed)
		allow_local_ddl();
	if (accesses[number].access == ACCESS_APP &&
		((access_of_role(conference, role) & ACCESS_APP) != 0) != grant)
		lock_policy_tables(ledger);
	set_policy(ledger, "conference", accesses[number].name, role, grant, "FOR SELECT",
			   "USING (true)", "Lists the roles that regpaydb.grant_access() gave this access.");
	access = access_of_role(conference, role);
	if (!grant)
		revoke_unneeded(ledger, functions_owner, role, access);
	grant_needed(ledger, functions_owner, role, access);
	AtEOXact_GUC(true, save_nestlevel);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}

/*
 * grant_access(role, access) -> void
 *		Grant a database role what a use of the ledger needs: access is app,
 *		staff or reports.
 *
 * For the ledger's owner; locks the ledger's tables against all use for a
 * moment.  Raises 22004, 22023, 42501, 42704, 55P03, RP012.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_grant_access);
Datum
regpaydb_grant_access(PG_FUNCTION_ARGS)
{
	set_access(fcinfo, true);
	PG_RETURN_VOID();
}

/*
 * revoke_access(role, access) -> void
 *		Take back what grant_access() granted, but for what the role's other
 *		accesses need, and for functions that it needs in other ledgers.
 *
 * Raises 22004, 22023, 42501, 42704, 55P03, RP012.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_revoke_access);
Datum
regpaydb_revoke_access(PG_FUNCTION_ARGS)
{
	set_access(fcinfo, false);
	PG_RETURN_VOID();
}

/*
 * grants_refresh
 *		Grant all roles with access to the ledger what it needs by now, after the
 *		ledger has another version or owner.  As the owner, who can execute the
 *		functions (grants_to_owner); SPI is connected, search_path is the ledger's.
 */
void
grants_refresh(const Ledger *ledger, Oid function)
{
	Oid			conference = ledger_rows_relid(ledger, CONFERENCE);
	List	   *roles = NIL;
	ListCell   *cell;

	for (int i = 0; i < (int) lengthof(accesses); i++)
		roles = list_concat_unique_oid(roles, policy_roles(conference, accesses[i].name));
	foreach(cell, roles)
		if (OidIsValid(lfirst_oid(cell)))	/* not PUBLIC, by somebody's own policy */
			grant_needed(ledger, grants_functions_owner(function), lfirst_oid(cell),
						 access_of_role(conference, lfirst_oid(cell)));
}
