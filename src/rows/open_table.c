/*
 * open_table.c
 *	  The tables that an engine call has open.
 *
 * Rows are found, locked and written through the table and index interfaces, as
 * logical replication's apply worker does it.  All that SQL takes care of
 * is taken care of: snapshots, row locks, predicate locks, constraints, indexes, generated columns,
 * and foreign keys.  open_table() says where it can't be, and SQL has to do it:
 * where code of somebody else's runs.
 */
#include "postgres.h"

#include "access/table.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "rows/inspect.h"
#include "rows/open_table.h"

/* Release all that is held of a table. */
static void
close_table(OpenTable *table)
{
	if (table->scan != NULL)
	{
		index_endscan(table->scan);
		index_close(table->key_index, NoLock);
	}
	if (table->snapshot != NULL)
		UnregisterSnapshot(table->snapshot);
	if (table->estate != NULL)
	{
		/* Indexes, and tables whose triggers were fired. */
		ExecCloseResultRelations(table->estate);
		ExecResetTupleTable(table->estate->es_tupleTable, false);
		FreeExecutorState(table->estate);
	}
	if (table->new_slot != NULL)
		ExecDropSingleTupleTableSlot(table->new_slot);
	if (table->list_slot != NULL)
		ExecDropSingleTupleTableSlot(table->list_slot);
	if (table->slot != NULL)
		ExecDropSingleTupleTableSlot(table->slot);
	table_close(table->rel, NoLock);
	pfree(table);
}

/* open_tables_close: close what is open, so that other code sees what was written. */
void
open_tables_close(EngineCall *call)
{
	if (call->wrote)
		CommandCounterIncrement();
	call->wrote = false;
	for (int i = 0; i < LEDGER_TABLES; i++)
	{
		OpenTable  *table = call->tables[i];

		call->tables[i] = NULL;
		if (table != NULL)
			close_table(table);
	}
}

/* end_rows: at the end of an engine call that raised no error. */
void
end_rows(EngineCall *call)
{
	if (call->context != NULL)
	{
		open_tables_close(call);
		MemoryContextDelete(call->context);
	}
	if (call->connected && SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	MemoryContextSwitchTo(call->caller_context);
}

/*
 * begin_sql
 *		Before SQL is run: close what is open, and connect to SPI, if that was not
 *		done yet.
 */
void
begin_sql(void)
{
	MemoryContext save_context = CurrentMemoryContext;

	open_tables_close(engine_call);
	if (engine_call->connected)
		return;
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	engine_call->connected = true;
	MemoryContextSwitchTo(save_context);
}

static LOCKMODE
lock_mode(RowAccess access)
{
	return access == ROW_FIND || access == ROW_FIND_UNIQUE || access == ROW_LIST ?
		AccessShareLock : RowExclusiveLock;
}

/*
 * Whether an expression of the table's is being evaluated by a call that this one
 * was made in: what was compiled holds the arguments of functions that are just
 * running, so that nothing else may evaluate it.
 */
static bool
is_evaluated(const TableInfo *info)
{
	for (EngineCall *call = engine_call; call != NULL; call = call->outer)
		if (call->evaluated == info)
			return true;
	return false;
}

/* needs_no_sql: whether such an operation on rows needs no SQL, as things are. */
bool
needs_no_sql(const TableInfo *info, RowAccess access)
{
#ifdef REGPAYDB_ROWS_BY_SQL
	return false;
#endif
	switch (access)
	{
		case ROW_FIND:
			return info->can_find;
		case ROW_FIND_UNIQUE:
			return OidIsValid(info->unique_index);
		case ROW_LIST:
			return info->can_list;
		case ROW_UPDATE:
			return info->can_update && !is_evaluated(info);
		case ROW_INSERT:
			return info->can_insert && !is_evaluated(info);
		case ROW_INSERT_ONCE:
			return info->can_insert && OidIsValid(info->unique_index) && !is_evaluated(info);
		case ROW_DELETE:
			return info->can_delete;
	}
	return false;
}

static OpenTable *
open_new_table(Ledger *ledger, LedgerTable id, RowAccess access)
{
	Relation	rel = try_table_open(ledger->tables[id], lock_mode(access));
	const TableInfo *info = rel == NULL ? NULL : table_info(ledger, id, rel);
	OpenTable  *table;

	if (info == NULL || !needs_no_sql(info, access))
	{
		if (rel != NULL)
			table_close(rel, NoLock);
		return NULL;
	}
	if (engine_call->context == NULL)
	{
		engine_call->context = AllocSetContextCreate(engine_call->parent, "regpaydb rows",
													 ALLOCSET_DEFAULT_SIZES);
		/* See what was written before this call. */
		if (!ledger->read_only)
			CommandCounterIncrement();
	}
	table = MemoryContextAllocZero(engine_call->context, sizeof(OpenTable));
	table->info = info;
	table->read_only = ledger->read_only;
	table->lockmode = lock_mode(access);
	table->rel = rel;
	return table;
}

/*
 * open_table
 *		A table to read or write rows of, until the next SQL or the end of the
 *		engine call; NULL where SQL has to do that.  As the ledger's owner.
 */
OpenTable *
open_table(Ledger *ledger, LedgerTable id, RowAccess access)
{
	OpenTable  *table;

	/* A query that keeps the call looks itself whether the tables are good. */
	if (engine_call->is_kept)
		return engine_call->tables[id];
	ledger_check_name(ledger);
	table = engine_call->tables[id];
	if (table == NULL)
		return engine_call->tables[id] = open_new_table(ledger, id, access);
	if (table->lockmode < lock_mode(access))
	{
		LockRelationOid(RelationGetRelid(table->rel), lock_mode(access));
		table->lockmode = lock_mode(access);
	}
	if (!table_info_is_current(ledger, table->info) || !needs_no_sql(table->info, access))
		return NULL;
	return table;
}
