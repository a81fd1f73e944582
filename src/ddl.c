/*
 * ddl.c
 *	  Running DDL: texts that name objects, which can't be parameters.  Names in
 *	  them are quoted by quote_identifier(), or found through a search_path that
 *	  is pinned.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_namespace.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "nodes/parsenodes.h"
#include "parser/parser.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/syscache.h"

#include "ddl.h"

/*
 * ddl_execute
 *		Run statements; SPI is connected.
 *
 * One at a time, as an error shows the whole text that it occurs in.
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
		int			result = SPI_execute(text, false, 0);

		if (result < 0)
			elog(ERROR, "SPI_execute failed: %s", SPI_result_code_string(result));
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
