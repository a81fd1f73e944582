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

	/* Just dropped; that is for who looks at its owner next to say. */
	if (!HeapTupleIsValid(tuple))
		return;
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

/* How many of the ledger's tables are Citus's, and one that is. */
static int
count_citus_tables(const Ledger *ledger, LedgerTable *example)
{
	Oid			catalog = get_relname_relid("pg_dist_partition", PG_CATALOG_NAMESPACE);
	Relation	partitions;
	int			n = 0;

	if (!OidIsValid(catalog))
		return 0;
	partitions = table_open(catalog, AccessShareLock);
	for (int i = LEDGER_TABLES - 1; i >= 0; i--)
		if (OidIsValid(ledger->tables[i]) && is_citus_table(partitions, ledger->tables[i]))
		{
			n++;
			*example = i;
		}
	table_close(partitions, AccessShareLock);
	return n;
}

/* What Citus says of a table that has one shard in one place. */
typedef struct Shard
{
	bool		of_schema;		/* distributed by its schema; else nothing else is known */
	bool		is_here;
	char		name[NAMEDATALEN];
	char	   *node;			/* host:port */
} Shard;

static void
find_shard(const Ledger *ledger, LedgerTable table, Shard *shard)
{
	Oid			argtype = OIDOID;
	Datum		arg = ObjectIdGetDatum(ledger->tables[table]);
	MemoryContext save_context = CurrentMemoryContext;

	memset(shard, 0, sizeof(Shard));
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	PushActiveSnapshot(GetTransactionSnapshot());
	if (SPI_execute_with_args("SELECT s.shardid::pg_catalog.text, pg_catalog.concat(n.nodename, ':', n.nodeport), "
							  "p.groupid OPERATOR(pg_catalog.=) l.groupid "
							  "FROM pg_catalog.pg_dist_partition t "
							  "JOIN pg_catalog.pg_dist_schema c ON c.colocationid OPERATOR(pg_catalog.=) t.colocationid "
							  "JOIN pg_catalog.pg_dist_shard s ON s.logicalrelid::pg_catalog.oid OPERATOR(pg_catalog.=) t.logicalrelid::pg_catalog.oid "
							  "JOIN pg_catalog.pg_dist_placement p ON p.shardid OPERATOR(pg_catalog.=) s.shardid "
							  "JOIN pg_catalog.pg_dist_node n ON n.groupid OPERATOR(pg_catalog.=) p.groupid, "
							  "pg_catalog.pg_dist_local_group l "
							  "WHERE t.logicalrelid::pg_catalog.oid OPERATOR(pg_catalog.=) $1 "
							  "AND n.noderole::pg_catalog.text OPERATOR(pg_catalog.=) 'primary'",
							  1, &argtype, &arg, NULL, true, 2) == SPI_OK_SELECT && SPI_processed == 1)
	{
		HeapTuple	row = SPI_tuptable->vals[0];
		TupleDesc	desc = SPI_tuptable->tupdesc;
		bool		isnull;

		shard->of_schema = true;
		snprintf(shard->name, sizeof(shard->name), "%s_%s", ledger_table_names[table],
				 SPI_getvalue(row, desc, 1));
		shard->node = MemoryContextStrdup(save_context, SPI_getvalue(row, desc, 2));
		shard->is_here = DatumGetBool(SPI_getbinval(row, desc, 3, &isnull));
	}
	PopActiveSnapshot();
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}

pg_noreturn static void
refuse_citus_table(const Ledger *ledger, LedgerTable table)
{
	ereport(ERROR,
			(errcode(RP_LEDGER_VERSION),
			 errmsg("table \"%s.%s\" is a table of Citus", ledger->schema_name,
					ledger_table_names[table]),
			 errdetail("Its rows are not in the table itself, and a ledger is distributed as a whole schema or not at all."),
			 errhint("Distribute the ledger with citus_schema_distribute(), or restore it from a dump as ordinary tables.")));
}

pg_noreturn static void
refuse_elsewhere(const Ledger *ledger, const Shard *shard)
{
	ereport(ERROR,
			(errcode(RP_LEDGER_VERSION),
			 errmsg("ledger \"%s\" is on node %s", ledger->schema_name, shard->node),
			 errdetail("Its rows are there, and functions work where the rows are."),
			 errhint("Connect to that node.")));
}

/*
 * find_placement
 *		Find what has the ledger's rows.  Raises RP012 where that is not on this node, or
 *		where some of its tables are Citus's in another way than by schema.
 */
void
find_placement(Ledger *ledger)
{
	LedgerTable example;
	int			n;

	ledger->distributed = false;
	memset(ledger->shards, 0, sizeof(ledger->shards));
	if (!OidIsValid(get_extension_oid("citus", true)))
		return;
	n = count_citus_tables(ledger, &example);
	if (n == 0)
		return;
	for (int i = 0; i < LEDGER_TABLES; i++)
	{
		Shard		shard;

		if (!OidIsValid(ledger->tables[i]))
			continue;
		find_shard(ledger, i, &shard);
		if (!shard.of_schema)
			refuse_citus_table(ledger, example);
		if (!shard.is_here)
			refuse_elsewhere(ledger, &shard);
		ledger->shards[i] = get_relname_relid(shard.name, ledger->schema);
		if (!OidIsValid(ledger->shards[i]))
			refuse_citus_table(ledger, i);
	}
	ledger->distributed = true;
}

/*
 * check_still_placed
 *		Check that the rows are where they were when the ledger was loaded, after its
 *		tables have changed.  Raises RP012, or 40001 where they are on this node still.
 */
void
check_still_placed(const Ledger *ledger)
{
	Ledger		now = *ledger;

	find_placement(&now);
	if (now.distributed != ledger->distributed ||
		memcmp(now.shards, ledger->shards, sizeof(now.shards)) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("ledger \"%s\" was distributed while it was worked on",
						ledger->schema_name),
				 errhint("Retry the transaction.")));
}

/*
 * is_sent
 *		Whether another node of Citus has sent here what runs: then the caller's settings,
 *		which say what ledger is meant and who acts, stayed behind.
 */
bool
is_sent(void)
{
	static const char internal[] = "citus_internal";

	return strncmp(application_name, internal, strlen(internal)) == 0 &&
		OidIsValid(get_extension_oid("citus", true));
}

/* check_not_sent: raise RP012 for a call that another node of Citus has sent here. */
void
check_not_sent(void)
{
	if (is_sent())
		ereport(ERROR,
				(errcode(RP_LEDGER_VERSION),
				 errmsg("a function of regpaydb is called through another node"),
				 errdetail("The caller's settings regpaydb.ledger, regpaydb.user_id and regpaydb.access_code are not known here."),
				 errhint("Connect to the node that has the ledger, and do not call the function for rows of a distributed table.")));
}

static void
switch_setting(const char *name, const char *value)
{
	(void) set_config_option(name, value, PGC_USERSET, PGC_S_SESSION, GUC_ACTION_SAVE, true, 0,
							 false);
}

/*
 * allow_local_ddl
 *		Let DDL on tables and shards be this node's alone, until the caller's GUC nest
 *		level ends.  What is granted on a distributed ledger here, the functions too, holds
 *		here; a shard that Citus moves away gets what the coordinator has of it.
 */
void
allow_local_ddl(void)
{
	if (!OidIsValid(get_extension_oid("citus", true)))
		return;
	switch_setting("citus.enable_ddl_propagation", "off");
	switch_setting("citus.enable_manual_changes_to_shards", "on");
}

/*
 * allow_nested
 *		Let the engine read and write a distributed ledger inside a query on one of its
 *		shards, until the caller's GUC nest level ends.  Citus refuses it, since such a
 *		function might run on another node; check_not_sent() keeps ours from that.
 */
void
allow_nested(void)
{
	switch_setting("citus.allow_nested_distributed_execution", "on");
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
