/*
 * check_grants.c
 *	  check_grants(): what roles were granted in a ledger, but not by
 *	  grant_access().
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "funcapi.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "admin/check_grants.h"
#include "admin/grants.h"
#include "engine/actor.h"
#include "rows/open_table.h"

/*
 * All privileges on a ledger's schema $1, and on what is in it, that others have
 * than the ledger's owner, and the accesses of those who have them.  The schema
 * of the extension serves every ledger, so there accesses to any of them count;
 * otherwise no other ledger is looked at, for there may be a thousand.
 */
static const char privileges_query[] =
"WITH ledger AS MATERIALIZED ("
"SELECT c.oid, c.relnamespace, c.relowner FROM pg_catalog.pg_class c "
"WHERE c.relname = 'conference' AND c.relkind = 'r' "
"AND (c.relnamespace = $1 OR $1 = 'regpaydb'::pg_catalog.regnamespace) "
"AND EXISTS (SELECT FROM pg_catalog.pg_trigger t WHERE t.tgrelid = c.oid "
"AND t.tgfoid = 'regpaydb.guard_conference()'::pg_catalog.regprocedure)), "
"access (role, here, anywhere) AS MATERIALIZED ("
"SELECT r.role, pg_catalog.bit_or(p.access) FILTER (WHERE l.relnamespace = $1), "
"pg_catalog.bit_or(p.access) FROM ledger l "
"JOIN (SELECT polrelid, polroles, CASE polname WHEN 'app' THEN " CppAsString2(ACCESS_APP)
" WHEN 'staff' THEN " CppAsString2(ACCESS_STAFF) " WHEN 'reports' THEN " CppAsString2(ACCESS_REPORTS)
" ELSE 0 END FROM pg_catalog.pg_policy) p (polrelid, polroles, access) ON p.polrelid = l.oid "
"CROSS JOIN LATERAL pg_catalog.unnest(p.polroles) r (role) GROUP BY r.role), "
"object (kind, shared, relation, attribute, acl) AS ("
"SELECT 'schema', n.nspname = 'regpaydb', n.nspname, NULL::pg_catalog.name, "
"coalesce(n.nspacl, pg_catalog.acldefault('n', n.nspowner)) "
"FROM pg_catalog.pg_namespace n WHERE n.oid = $1 UNION ALL "
"SELECT CASE c.relkind WHEN 'S' THEN 'sequence' WHEN 'v' THEN 'view' ELSE 'table' END, "
"false, c.relname, NULL, "
"coalesce(c.relacl, pg_catalog.acldefault(CASE c.relkind WHEN 'S' THEN 's' ELSE 'r' END::\"char\", "
"c.relowner)) FROM pg_catalog.pg_class c "
"WHERE c.relnamespace = $1 AND c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S') UNION ALL "
"SELECT 'column', false, c.relname, a.attname, a.attacl "
"FROM pg_catalog.pg_class c, pg_catalog.pg_attribute a "
"WHERE c.relnamespace = $1 AND a.attrelid = c.oid AND a.attacl IS NOT NULL) "
"SELECT a.grantee, o.kind, o.relation, o.attribute, a.privilege_type, a.is_grantable, o.shared, "
"o.shared AND EXISTS (SELECT FROM ledger l WHERE l.relowner = a.grantee), "
"coalesce(CASE WHEN o.shared THEN g.anywhere ELSE g.here END, 0) "
"FROM object o CROSS JOIN LATERAL pg_catalog.aclexplode(o.acl) a "
"LEFT JOIN access g ON g.role = a.grantee "
"WHERE a.grantee <> ALL (ARRAY(SELECT l.relowner FROM ledger l WHERE l.relnamespace = $1)) "
"ORDER BY a.grantee::pg_catalog.regrole::pg_catalog.text COLLATE \"C\", 2, 3, 4, 5";

typedef struct Privilege
{
	Oid			grantee;		/* InvalidOid is PUBLIC */
	const char *kind;			/* of the object */
	const char *relation;
	const char *column;			/* or NULL */
	const char *privilege;
	bool		grantable;
	bool		shared;			/* the object is the extension's schema */
	bool		has_ledger;		/* the grantee owns one */
	int			access;
} Privilege;

static SPIPlanPtr
prepare_privileges(void)
{
	Oid			argtype = OIDOID;
	SPIPlanPtr	plan = SPI_prepare(privileges_query, 1, &argtype);

	if (plan == NULL)
		elog(ERROR, "could not prepare to look at a ledger's privileges");
	return plan;
}

/* Run the query; returns how many rows there are. */
static uint64
find_privileges(SPIPlanPtr plan, Oid schema, bool read_only)
{
	Datum		arg = ObjectIdGetDatum(schema);

	if (SPI_execute_plan(plan, &arg, NULL, read_only, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not look at the ledger's privileges");
	return SPI_processed;
}

static void
read_privilege(uint64 number, Privilege *privilege)
{
	HeapTuple	row = SPI_tuptable->vals[number];
	TupleDesc	columns = SPI_tuptable->tupdesc;
	bool		isnull;

	privilege->grantee = DatumGetObjectId(SPI_getbinval(row, columns, 1, &isnull));
	privilege->kind = SPI_getvalue(row, columns, 2);
	privilege->relation = SPI_getvalue(row, columns, 3);
	privilege->column = SPI_getvalue(row, columns, 4);
	privilege->privilege = SPI_getvalue(row, columns, 5);
	privilege->grantable = DatumGetBool(SPI_getbinval(row, columns, 6, &isnull));
	privilege->shared = DatumGetBool(SPI_getbinval(row, columns, 7, &isnull));
	privilege->has_ledger = DatumGetBool(SPI_getbinval(row, columns, 8, &isnull));
	privilege->access = DatumGetInt32(SPI_getbinval(row, columns, 9, &isnull));
}

/* Whether grant_access(), or create_ledger(), has granted it. */
static bool
is_explained(const Privilege *privilege)
{
	if (privilege->grantable)
		return false;
	if (strcmp(privilege->kind, "schema") == 0)
		return strcmp(privilege->privilege, "USAGE") == 0 &&
			(privilege->access != 0 || (privilege->shared && privilege->has_ledger));
	return grants_explain(privilege->access, privilege->relation, privilege->column,
						  privilege->privilege);
}

/* Whether one of the privileges was granted by hand, and is of use to a role. */
static bool
has_by_hand(uint64 count, Oid role)
{
	for (uint64 i = 0; i < count; i++)
	{
		Privilege	privilege;

		read_privilege(i, &privilege);
		if (OidIsValid(privilege.grantee) && !privilege.shared && !is_explained(&privilege) &&
			has_privs_of_role(role, privilege.grantee))
			return true;
	}
	return false;
}

/*
 * is_granted_by_hand
 *		Whether a role, or one whose privileges it has, was granted something in
 *		the ledgers of these schemas that none of its accesses needs, but for USAGE
 *		on the extension's schema; SPI is connected.
 */
bool
is_granted_by_hand(const Oid *schemas, int nschemas, Oid role)
{
	SPIPlanPtr	plan = prepare_privileges();
	bool		found = false;

	for (int i = 0; i < nschemas && !found; i++)
	{
		CHECK_FOR_INTERRUPTS();
		found = has_by_hand(find_privileges(plan, schemas[i], false), role);
		SPI_freetuptable(SPI_tuptable);
	}
	SPI_freeplan(plan);
	return found;
}

/*
 * check_grants() -> table (role, object, privilege)
 *		The privileges on the ledger's schema, tables, views, sequences and
 *		columns that somebody else has than the ledger's owner, and that none of
 *		his accesses needs: what was granted by hand, or by default privileges.
 *
 * role PUBLIC is everybody.  Raises RP010 for an actor who is not staff, RP012,
 * 42501.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_check_grants);
Datum
regpaydb_check_grants(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Ledger	   *ledger;
	uint64		count;

	InitMaterializedSRF(fcinfo, 0);
	ledger = engine_begin_read(PAYMENT, "amount", ACL_SELECT);
	actor_must_be_staff(ledger);
	begin_sql();
	count = find_privileges(prepare_privileges(), ledger->schema, true);
	for (uint64 i = 0; i < count; i++)
	{
		Privilege	privilege;
		Datum		values[3];
		bool		nulls[3] = {false, false, false};
		NameData	role;
		const char *object;

		read_privilege(i, &privilege);
		if (is_explained(&privilege))
			continue;
		namestrcpy(&role, OidIsValid(privilege.grantee) ?
				   GetUserNameFromId(privilege.grantee, false) : "PUBLIC");
		object = quote_identifier(privilege.relation);
		if (privilege.column != NULL)
			object = psprintf("%s.%s", object, quote_identifier(privilege.column));
		values[0] = NameGetDatum(&role);
		values[1] = CStringGetTextDatum(psprintf("%s %s", privilege.kind, object));
		values[2] = CStringGetTextDatum(psprintf("%s%s", privilege.privilege,
												 privilege.grantable ? " WITH GRANT OPTION" : ""));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	engine_end();
	return (Datum) 0;
}
