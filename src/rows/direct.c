/*
 * direct.c
 *	  Rows of the ledger's tables, found, locked and written through the table
 *	  and index interfaces, as logical replication's apply worker does it: what
 *	  is open of them in an engine call.
 *
 * Everything that SQL keeps is kept: snapshots, row locks, predicate locks,
 * constraints, indexes, generated columns, and foreign keys.  direct_open says
 * where it can't be, and SQL has to do it: where code of somebody else's runs.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/table.h"
#include "access/xact.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "rows/direct_table.h"

/* Of the innermost engine call.  Not to be believed outside of one. */
DirectScope *direct_current;

/* ---- scopes ---- */

/* direct_begin: at the beginning of an engine call. */
void
direct_begin(DirectScope *scope)
{
	memset(scope, 0, sizeof(*scope));
	scope->outer = direct_current;
	scope->caller_context = scope->parent = CurrentMemoryContext;
	direct_current = scope;
}

/* Release all that is held of a table. */
static void
close_table(DirectTable *table)
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

/* Close what is open, as other code is to run, which sees what was written. */
static void
close_tables(DirectScope *scope)
{
	if (scope->wrote)
		CommandCounterIncrement();
	scope->wrote = false;
	for (int i = 0; i < LEDGER_TABLES; i++)
	{
		DirectTable *table = scope->tables[i];

		scope->tables[i] = NULL;
		if (table != NULL)
			close_table(table);
	}
}

/* direct_end: at the end of an engine call that raised no error. */
void
direct_end(DirectScope *scope)
{
	if (scope->context != NULL)
	{
		close_tables(scope);
		MemoryContextDelete(scope->context);
	}
	if (scope->connected && SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
	MemoryContextSwitchTo(scope->caller_context);
	direct_current = scope->outer;
}

/* direct_resume, direct_suspend: around each call of one that is not ended. */
void
direct_resume(DirectScope *scope)
{
	scope->outer = direct_current;
	direct_current = scope;
}

void
direct_suspend(DirectScope *scope)
{
	direct_current = scope->outer;
}

/* direct_close: close what such a call has open, as its memory context goes. */
void
direct_close(DirectScope *scope)
{
	close_tables(scope);
	scope->context = NULL;
}

/*
 * direct_begin_sql
 *		Get ready for running SQL: close what is open, connect to SPI, which is
 *		left until it is needed.
 */
DirectScope *
direct_begin_sql(void)
{
	close_tables(direct_current);
	if (!direct_current->connected)
	{
		MemoryContext save_context = CurrentMemoryContext;

		if (SPI_connect() != SPI_OK_CONNECT)
			elog(ERROR, "SPI_connect failed");
		direct_current->connected = true;
		MemoryContextSwitchTo(save_context);
	}
	return direct_current;
}

/*
 * direct_end_sql
 *		Somebody's code may have caught an error of an engine call, which has
 *		not come to its end.
 */
void
direct_end_sql(DirectScope *scope)
{
	direct_current = scope;
}

/* ---- opening tables ---- */

static LOCKMODE
lock_mode(DirectAccess access)
{
	return access == DIRECT_READ || access == DIRECT_LIST ? AccessShareLock : RowExclusiveLock;
}

static bool
is_usable(const TableInfo *info, DirectAccess access)
{
	switch (access)
	{
		case DIRECT_READ:
			return info->can_read;
		case DIRECT_LIST:
			return info->can_list;
		case DIRECT_UPDATE:
			return info->can_update && !info->is_evaluated;
		case DIRECT_INSERT:
			return info->can_insert && !info->is_evaluated;
		case DIRECT_DELETE:
			return info->can_delete;
	}
	return false;
}

static DirectTable *
open_table(Ledger *ledger, LedgerTable id, DirectAccess access)
{
	Relation	rel = try_table_open(ledger->tables[id], lock_mode(access));
	const TableInfo *info = rel == NULL ? NULL : table_info(ledger, id, rel);
	DirectTable *table;

	if (info == NULL || !is_usable(info, access))
	{
		if (rel != NULL)
			table_close(rel, NoLock);
		return NULL;
	}
	if (direct_current->context == NULL)
	{
		direct_current->context = AllocSetContextCreate(direct_current->parent, "regpaydb rows",
														ALLOCSET_DEFAULT_SIZES);
		/* See what was written before this call. */
		if (!ledger->read_only)
			CommandCounterIncrement();
	}
	table = MemoryContextAllocZero(direct_current->context, sizeof(DirectTable));
	table->info = info;
	table->read_only = ledger->read_only;
	table->access = access;
	table->rel = rel;
	return table;
}

/*
 * direct_open
 *		A table to read or write rows of, until the next SQL or the end of the
 *		engine call; NULL where SQL has to do that.  As the ledger's owner.
 *
 * Whether it is NULL may change from one moment to the next.  So whoever has a
 * table calls nothing that opens the same one again and would run SQL instead:
 * that closes all of them.
 */
DirectTable *
direct_open(Ledger *ledger, LedgerTable id, DirectAccess access)
{
	DirectTable *table = direct_current->tables[id];

	if (direct_current->steady)
		return table;
	ledger_check_name(ledger);
	table = direct_current->tables[id];
	if (table != NULL && lock_mode(table->access) < lock_mode(access))
	{
		LockRelationOid(RelationGetRelid(table->rel), lock_mode(access));
		table->access = access;
	}
	if (table == NULL)
		table = direct_current->tables[id] = open_table(ledger, id, access);
	else if (!table_info_is_current(ledger, table->info) || !is_usable(table->info, access))
		return NULL;
	if (table != NULL && access == DIRECT_DELETE)
		table->deletes = true;
	return table;
}

/* ---- what stands against a change ---- */

/* direct_check_not_read_only: raise 25006 where nothing can be written. */
void
direct_check_not_read_only(const char *command)
{
	if (XactReadOnly)
		PreventCommandIfReadOnly(command);
	if (IsInParallelMode())
		PreventCommandIfParallelMode(command);
}

/* direct_concurrent_change: raise 40001. */
void
direct_concurrent_change(const char *change)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent %s", change)));
}
