/*
 * placement.c
 *	  Whether a ledger's rows are in its tables, on this server.
 *
 * A table may be something else than it seems: a foreign table, a view, a partition;
 * or one of Citus's, which leaves an empty or an old table here and takes what SQL says
 * of it elsewhere.  The engine reads and writes tables themselves, so it would answer
 * from what nobody else sees, and write there.  Raises RP012 instead.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "commands/extension.h"
#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"
#include "utils/syscache.h"

#include "base/compat.h"
#include "base/errors.h"
#include "ledger/placement.h"

/* ---- PostgreSQL's own kinds ---- */

static const char *
kind_of(const FormData_pg_class *class)
{
	switch (class->relkind)
	{
		case RELKIND_RELATION:
			return class->relispartition ? "a partition" : NULL;
		case RELKIND_FOREIGN_TABLE:
			return "a foreign table";
		case RELKIND_PARTITIONED_TABLE:
			return "a partitioned table";
		case RELKIND_VIEW:
			return "a view";
		case RELKIND_MATVIEW:
			return "a materialized view";
	}
	return "no table";
}

/*
 * check_table_kind
 *		Raise RP012 for a table that is not an ordinary one.  The outbox may be a
 *		partition: nothing happens when rows are put into it.
 */
void
check_table_kind(const Ledger *ledger, LedgerTable table)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(ledger->tables[table]));
	const char *kind;

	if (!HeapTupleIsValid(tuple))
		no_ledger(ledger->schema_name);
	kind = kind_of((Form_pg_class) GETSTRUCT(tuple));
	ReleaseSysCache(tuple);
	if (kind != NULL && !(table == OUTBOX && strcmp(kind, "a partition") == 0))
		ereport(ERROR,
				(errcode(RP_LEDGER_VERSION),
				 errmsg("table \"%s.%s\" is %s", ledger->schema_name, ledger_table_names[table],
						kind),
				 errdetail("The tables of a ledger have to be ordinary tables: rows would not be settled, or not be there."),
				 errhint("Give the ledger an ordinary table again, with the triggers and constraints that regpaydb.create_ledger() made.")));
}

/* ---- Citus ---- */

/* Whether Citus has a row for the table: then it is not, or not only, what is here. */
static bool
is_citus_table(Relation partitions, Oid relid)
{
	/* The first column of Citus's catalog is the table, in all of its versions. */
	ScanKeyData key;
	SysScanDesc scan;
	bool		found;

	ScanKeyInit(&key, 1, BTEqualStrategyNumber, F_OIDEQ, ObjectIdGetDatum(relid));
	scan = systable_beginscan(partitions,
							  get_relname_relid("pg_dist_partition_logical_relid_index",
												PG_CATALOG_NAMESPACE),
							  true, NULL, 1, &key);
	found = HeapTupleIsValid(systable_getnext(scan));
	systable_endscan(scan);
	return found;
}

/* The node that has a table's rows, "host:port"; NULL where there is none, or more. */
static char *
citus_node_of(Oid relid)
{
	Oid			argtype = OIDOID;
	Datum		arg = ObjectIdGetDatum(relid);
	MemoryContext save_context = CurrentMemoryContext;
	char	   *node = NULL;

	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_execute_with_args("SELECT DISTINCT pg_catalog.concat(n.nodename, ':', n.nodeport) "
							  "FROM pg_catalog.pg_dist_shard s "
							  "JOIN pg_catalog.pg_dist_placement p ON p.shardid OPERATOR(pg_catalog.=) s.shardid "
							  "JOIN pg_catalog.pg_dist_node n ON n.groupid OPERATOR(pg_catalog.=) p.groupid "
							  "WHERE s.logicalrelid::pg_catalog.oid OPERATOR(pg_catalog.=) $1 "
							  "AND n.noderole::pg_catalog.text OPERATOR(pg_catalog.=) 'primary'",
							  1, &argtype, &arg, NULL, true, 2) == SPI_OK_SELECT && SPI_processed == 1)
		node = MemoryContextStrdup(save_context,
								   SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1));
	PopActiveSnapshot();
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	return node;
}

pg_noreturn static void
refuse_citus_table(const Ledger *ledger, LedgerTable table)
{
	char	   *node = citus_node_of(ledger->tables[table]);

	ereport(ERROR,
			(errcode(RP_LEDGER_VERSION),
			 errmsg("table \"%s.%s\" is a table of Citus", ledger->schema_name,
					ledger_table_names[table]),
			 node == NULL ?
			 errdetail("Its rows are not in the table itself, which is what the engine works on.") :
			 errdetail("Its rows are on node %s, and not in the table itself, which is what the engine works on.",
					   node),
			 errhint("Dump the ledger by pg_dump, and restore it as ordinary tables on one node.")));
}

/* check_placement: raise RP012 where a table of the ledger is one of Citus's. */
void
check_placement(const Ledger *ledger)
{
	Oid			catalog;
	Relation	partitions;

	if (!OidIsValid(get_extension_oid("citus", true)))
		return;
	catalog = get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE);
	if (!OidIsValid(catalog))
		return;
	partitions = table_open(catalog, AccessShareLock);
	for (int i = 0; i < LEDGER_TABLES; i++)
		if (OidIsValid(ledger->tables[i]) && is_citus_table(partitions, ledger->tables[i]))
			refuse_citus_table(ledger, i);
	table_close(partitions, AccessShareLock);
}

/*
 * check_not_sent
 *		Raise RP012 for a call that another node of Citus has sent here: the caller's
 *		settings, which say what ledger is meant and who acts, stayed behind.
 */
void
check_not_sent(void)
{
	static const char internal[] = "citus_internal";

	if (strncmp(application_name, internal, strlen(internal)) == 0 &&
		OidIsValid(get_extension_oid("citus", true)))
		ereport(ERROR,
				(errcode(RP_LEDGER_VERSION),
				 errmsg("a function of regpaydb is called through another node"),
				 errdetail("The caller's settings regpaydb.ledger, regpaydb.user_id and regpaydb.access_code are not known here."),
				 errhint("Connect to the node that has the ledger, and do not call the function for rows of a distributed table.")));
}

/*
 * check_sharding_setting
 *		Raise RP012 where a schema that is made would be taken for a distributed one,
 *		though none of a ledger's tables is distributed then.
 */
void
check_sharding_setting(const char *schema_name)
{
	const char *setting = GetConfigOption("citus.enable_schema_based_sharding", true, false);
	bool		on;

	if (setting != NULL && parse_bool(setting, &on) && on)
		ereport(ERROR,
				(errcode(RP_LEDGER_VERSION),
				 errmsg("ledger \"%s\" can't be made under schema-based sharding", schema_name),
				 errdetail("Citus would call its schema distributed, and distribute none of its tables."),
				 errhint("SET citus.enable_schema_based_sharding = off first.")));
}
