/*
 * ddl.c
 *	  Running DDL: texts that name objects, which can't be parameters.  Names in
 *	  them are quoted by quote_identifier(), or found through a search_path that
 *	  is pinned.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "base/ddl.h"

/*
 * ddl_execute
 *		Run statements; SPI is connected.
 *
 * One at a time, as an error shows the whole text that it occurs in.  They see the
 * rows as of now, as DDL sees the catalogs, whatever snapshot the transaction has.
 */
void
ddl_execute(const char *sql)
{
	ListCell   *cell;

	foreach(cell, raw_parser(sql, RAW_PARSE_DEFAULT))
	{
		RawStmt    *statement = lfirst_node(RawStmt, cell);
		const char *start = sql + statement->stmt_location;
		char	   *text = statement->stmt_len == 0 ? pstrdup(start) :
			pnstrdup(start, statement->stmt_len);
		SPIPlanPtr	plan = SPI_prepare(text, 0, NULL);
		int			result;

		if (plan == NULL)
			elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
		result = SPI_execute_snapshot(plan, NULL, NULL, GetLatestSnapshot(), InvalidSnapshot,
									  false, true, 0);
		if (result < 0)
			elog(ERROR, "SPI_execute_snapshot failed: %s", SPI_result_code_string(result));
		SPI_freeplan(plan);
		pfree(text);
	}
}

/* ddl_execute_as: the same as another role; an error restores the caller's. */
void
ddl_execute_as(Oid role, const char *sql)
{
	Oid			save_userid;
	int			save_sec_context;

	GetUserIdAndSecContext(&save_userid, &save_sec_context);
	SetUserIdAndSecContext(role, save_sec_context | SECURITY_LOCAL_USERID_CHANGE);
	ddl_execute(sql);
	SetUserIdAndSecContext(save_userid, save_sec_context);
}

/*
 * ddl_search_path
 *		Make the names in DDL texts mean the schema's, and nobody else's, until
 *		the caller's GUC nest level ends.
 */
void
ddl_search_path(const char *schema_name)
{
	char	   *path = psprintf("%s, pg_temp", quote_identifier(schema_name));

	(void) set_config_option("search_path", path, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

Oid
ddl_schema_owner(Oid schema)
{
	HeapTuple	tuple = SearchSysCache1(NAMESPACEOID, ObjectIdGetDatum(schema));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for schema %u", schema);
	owner = ((Form_pg_namespace) GETSTRUCT(tuple))->nspowner;
	ReleaseSysCache(tuple);
	return owner;
}

Oid
ddl_relation_owner(Oid relid)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", relid);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * ddl_check_schema_owner
 *		Raise 42501 where a schema does not belong to who owns what is in it, or is
 *		to own it: the schema's owner can drop that, and grants USAGE on the schema.
 */
void
ddl_check_schema_owner(Oid schema, Oid owner)
{
	Oid			schema_owner = ddl_schema_owner(schema);

	if (schema_owner != owner)
		ereport(ERROR,
				(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
				 errmsg("schema \"%s\" belongs to somebody else", get_namespace_name(schema)),
				 errdetail("It belongs to \"%s\", who can drop the tables in it, and they to \"%s\".",
						   GetUserNameFromId(schema_owner, true), GetUserNameFromId(owner, true)),
				 errhint("Give the schema and all of the ledger's tables to one role.")));
}

/*
 * Run a query for the names of objects that default privileges were in force for,
 * and for who has privileges on them besides their owner, who is the current
 * user; leave them with the owner's only, but with all of these.
 */
static void
own(const char *kind, const char *query, int nargs, Oid *argtypes, Datum *args)
{
	const char *objects;
	const char *others;

	if (SPI_execute_with_args(query, nargs, argtypes, args, NULL, false, 0) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not look at default privileges");
	objects = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
	others = SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 2);
	if (objects != NULL)
		ddl_execute(psprintf("GRANT ALL ON %s %s TO CURRENT_USER", kind, objects));
	if (objects != NULL && others != NULL)
		ddl_execute(psprintf("REVOKE ALL ON %s %s FROM %s CASCADE", kind, objects, others));
}

#define OTHERS(owner) \
	"pg_catalog.string_agg(DISTINCT CASE a.grantee WHEN 0 THEN 'PUBLIC' " \
	"ELSE a.grantee::pg_catalog.regrole::pg_catalog.text END, ', ') " \
	"FILTER (WHERE a.grantee <> " owner ") "

/*
 * ddl_own_schema
 *		Let a schema that was just made belong to nobody but its owner, whatever
 *		ALTER DEFAULT PRIVILEGES says; SPI is connected.
 */
void
ddl_own_schema(Oid schema)
{
	Oid			argtype = OIDOID;
	Datum		arg = ObjectIdGetDatum(schema);

	own("SCHEMA",
		"SELECT pg_catalog.min(n.oid::pg_catalog.regnamespace::pg_catalog.text), " OTHERS("n.nspowner")
		"FROM pg_catalog.pg_namespace n LEFT JOIN LATERAL pg_catalog.aclexplode(n.nspacl) a ON true "
		"WHERE n.oid = $1 AND n.nspacl IS NOT NULL",
		1, &argtype, &arg);
}

/*
 * ddl_relations
 *		The relations that are in a schema now, for ddl_own_relations; SPI is
 *		connected.
 */
Datum
ddl_relations(Oid schema)
{
	Oid			argtype = OIDOID;
	Datum		arg = ObjectIdGetDatum(schema);
	bool		isnull;

	if (SPI_execute_with_args("SELECT ARRAY(SELECT c.oid FROM pg_catalog.pg_class c "
							  "WHERE c.relnamespace = $1)",
							  1, &argtype, &arg, NULL, false, 0) != SPI_OK_SELECT ||
		SPI_processed != 1)
		elog(ERROR, "could not list the relations of a schema");
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1, &isnull);
}

/*
 * ddl_own_relations
 *		Let the tables, views and sequences that were made in a schema since before
 *		belong to nobody but their owner, who is the current user.
 */
void
ddl_own_relations(Oid schema, Datum before)
{
	Oid			argtypes[] = {OIDOID, OIDARRAYOID};
	Datum		args[] = {ObjectIdGetDatum(schema), before};

	own("TABLE",
		"SELECT pg_catalog.string_agg(DISTINCT c.oid::pg_catalog.regclass::pg_catalog.text, ', '), "
		OTHERS("c.relowner")
		"FROM pg_catalog.pg_class c LEFT JOIN LATERAL pg_catalog.aclexplode(c.relacl) a ON true "
		"WHERE c.relnamespace = $1 AND c.oid <> ALL ($2) AND c.relacl IS NOT NULL",
		2, argtypes, args);
}
