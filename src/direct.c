/*
 * direct.c
 *	  Rows of the ledger's tables, found, locked and written through the table
 *	  and index interfaces, as logical replication's apply worker does it.
 *
 * Everything that SQL keeps is kept: snapshots, row locks, predicate locks,
 * constraints, indexes, generated columns, and foreign keys.  direct_open says
 * where it can't be, and SQL has to do it: where code of somebody else's runs.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/tableam.h"
#include "access/visibilitymap.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/lmgr.h"
#include "storage/predicate.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/snapmgr.h"

#include "compat.h"
#include "direct.h"

struct DirectTable
{
	const TableInfo *info;
	bool		read_only;		/* reads what the calling query sees */
	DirectAccess access;		/* what it is locked for */
	Relation	rel;
	Relation	key_index;
	IndexScanDesc scan;
	Snapshot	snapshot;
	int64		last_written;	/* keys up to this one were written since */
	bool		written;
	bool		found;			/* whether slot holds a row, and of which key */
	int64		found_key;
	bool		locked;			/* and whether it is locked */
	TupleTableSlot *slot;
	TupleTableSlot *new_slot;
	TupleTableSlot *list_slot;
	EState	   *estate;			/* and the rest, for writing */
	ResultRelInfo *result;
	bool		indexes_open;
	bool		indexes_once;
};

/* Of the innermost engine call.  Not to be believed outside of one. */
static DirectScope *current;

/* ---- scopes ---- */

/* direct_begin: at the beginning of an engine call. */
void
direct_begin(DirectScope *scope)
{
	memset(scope, 0, sizeof(*scope));
	scope->outer = current;
	scope->caller_context = CurrentMemoryContext;
	current = scope;
}

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
	current = scope->outer;
}

/*
 * direct_begin_sql
 *		Get ready for running SQL: close what is open, connect to SPI, which is
 *		left until it is needed.
 */
DirectScope *
direct_begin_sql(void)
{
	close_tables(current);
	if (!current->connected)
	{
		MemoryContext save_context = CurrentMemoryContext;

		if (SPI_connect() != SPI_OK_CONNECT)
			elog(ERROR, "SPI_connect failed");
		current->connected = true;
		MemoryContextSwitchTo(save_context);
	}
	return current;
}

/*
 * direct_end_sql
 *		Somebody's code may have caught an error of an engine call, which has
 *		not come to its end.
 */
void
direct_end_sql(DirectScope *scope)
{
	current = scope;
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
			return info->can_update;
		case DIRECT_INSERT:
			return info->can_insert;
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
	if (current->context == NULL)
	{
		current->context = AllocSetContextCreate(current->caller_context, "regpaydb rows",
												 ALLOCSET_DEFAULT_SIZES);
		/* See what was written before this call. */
		if (!ledger->read_only)
			CommandCounterIncrement();
	}
	table = MemoryContextAllocZero(current->context, sizeof(DirectTable));
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
 */
DirectTable *
direct_open(Ledger *ledger, LedgerTable id, DirectAccess access)
{
	DirectTable *table;

	ledger_check_name(ledger);
	table = current->tables[id];
	if (table != NULL && lock_mode(table->access) < lock_mode(access))
	{
		LockRelationOid(RelationGetRelid(table->rel), lock_mode(access));
		table->access = access;
	}
	if (table == NULL)
		table = current->tables[id] = open_table(ledger, id, access);
	else if (!ledger->original->valid || !is_usable(table->info, access))
		return NULL;
	return table;
}

/* ---- finding and locking ---- */

static void
free_snapshot(DirectTable *table)
{
	if (table->scan != NULL)
	{
		index_endscan(table->scan);
		index_close(table->key_index, NoLock);
		table->scan = NULL;
	}
	if (table->snapshot != NULL)
		UnregisterSnapshot(table->snapshot);
	table->snapshot = NULL;
}

/* A snapshot that shows all that we have written to the row of this key. */
static void
update_snapshot(DirectTable *table, int64 key)
{
	if (table->written && key <= table->last_written)
		CommandCounterIncrement();
	if (table->snapshot != NULL &&
		(table->read_only || table->snapshot->curcid == GetCurrentCommandId(false)))
		return;
	free_snapshot(table);
	table->snapshot = RegisterSnapshot(table->read_only ? GetActiveSnapshot() :
									   GetTransactionSnapshot());
	table->written = false;
}

static bool
scan_for(DirectTable *table, int64 key)
{
	MemoryContext save_context = MemoryContextSwitchTo(current->context);
	ScanKeyData scan_key;
	bool		found;

	if (table->slot == NULL)
		table->slot = table_slot_create(table->rel, NULL);
	if (table->scan == NULL)
	{
		table->key_index = index_open(table->info->key_index, AccessShareLock);
		table->scan = begin_index_scan(table->rel, table->key_index, table->snapshot, 1);
	}
	ScanKeyInit(&scan_key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(key));
	index_rescan(table->scan, &scan_key, 1, NULL, 0);
	found = index_getnext_slot(table->scan, ForwardScanDirection, table->slot);
	table->found = found;
	table->found_key = key;
	table->locked = false;
	MemoryContextSwitchTo(save_context);
	return found;
}

/*
 * direct_find
 *		Read the row of this key, as a query would; false where there is none.
 */
bool
direct_find(DirectTable *table, int64 key)
{
	update_snapshot(table, key);
	return scan_for(table, key);
}

/*
 * direct_find_at
 *		The same where the row was found before, at this place.
 */
bool
direct_find_at(DirectTable *table, ItemPointer tid, int64 key)
{
	update_snapshot(table, key);
	if (table->slot == NULL || tid == NULL || !ItemPointerIsValid(tid) ||
		!table_tuple_fetch_row_version(table->rel, tid, table->snapshot, table->slot) ||
		DatumGetInt64(direct_needed_value(table, 0)) != key)
		return scan_for(table, key);
	table->found = true;
	table->found_key = key;
	table->locked = false;
	return true;
}

/* direct_is_locked: whether the row of this key is locked, and what was found. */
bool
direct_is_locked(DirectTable *table, int64 key)
{
	return table->found && table->locked && table->found_key == key;
}

/*
 * direct_find_now
 *		Read the row of this key, as a query that begins now would, whatever was
 *		read before.
 */
bool
direct_find_now(DirectTable *table, int64 key)
{
	if (direct_is_locked(table, key))
		return true;
	free_snapshot(table);
	return direct_find(table, key);
}

/* direct_tid: the place of the row that was found. */
ItemPointer
direct_tid(DirectTable *table)
{
	return &table->slot->tts_tid;
}

static void
check_not_read_only(const char *command)
{
	if (XactReadOnly)
		PreventCommandIfReadOnly(command);
	if (IsInParallelMode())
		PreventCommandIfParallelMode(command);
}

pg_noreturn static void
concurrent_change(const char *change)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent %s", change)));
}

/*
 * direct_lock
 *		Find a row and lock it as FOR NO KEY UPDATE does: what is in the table
 *		then is its latest version.  False where there is none.  Raises 40001.
 */
bool
direct_lock(DirectTable *table, int64 key)
{
	uint8		flags = TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS;
	TM_FailureData failure;
	ItemPointerData tid;

	check_not_read_only("SELECT FOR NO KEY UPDATE");
	/* A snapshot from before may not show a row that is there now. */
	if (!direct_find(table, key))
	{
		free_snapshot(table);
		if (!direct_find(table, key))
			return false;
	}
	if (!IsolationUsesXactSnapshot())
		flags |= TUPLE_LOCK_FLAG_FIND_LAST_VERSION;
	tid = table->slot->tts_tid;
	switch (table_tuple_lock(table->rel, &tid, table->snapshot, table->slot,
							 GetCurrentCommandId(false), LockTupleNoKeyExclusive,
							 LockWaitBlock, flags, &failure))
	{
		case TM_Ok:
			/* A later version of the row may be another one by its key. */
			table->locked = DatumGetInt64(direct_needed_value(table, 0)) == key;
			return table->locked;
		case TM_Updated:
			if (IsolationUsesXactSnapshot())
				concurrent_change("update");
			break;
		case TM_Deleted:
			if (IsolationUsesXactSnapshot())
				concurrent_change("update");
			return false;
		default:
			break;
	}
	elog(ERROR, "could not lock row " INT64_FORMAT " of table \"%s\"", key,
		 RelationGetRelationName(table->rel));
}

/* direct_value: a column of the row that was found. */
Datum
direct_value(DirectTable *table, int column, bool *isnull)
{
	return slot_getattr(table->slot, table->info->columns[column], isnull);
}

Datum
direct_needed_value(DirectTable *table, int column)
{
	bool		isnull;
	Datum		value = direct_value(table, column, &isnull);

	if (isnull)
		elog(ERROR, "unexpected null in table \"%s\" of a ledger",
			 RelationGetRelationName(table->rel));
	return value;
}

/* ---- listing ---- */

static void
begin_list(DirectList *list, DirectTable *table)
{
	MemoryContext save_context = MemoryContextSwitchTo(current->context);

	memset(list, 0, sizeof(*list));
	list->table = table;
	list->map_buffer = InvalidBuffer;
	if (table->list_slot == NULL)
		table->list_slot = table_slot_create(table->rel, NULL);
	MemoryContextSwitchTo(save_context);
	if (table->written)
		CommandCounterIncrement();
	list->snapshot = RegisterSnapshot(table->read_only ? GetActiveSnapshot() :
									  GetTransactionSnapshot());
}

/*
 * direct_list
 *		Begin to read rows by the key of one of the table's lists and, where it
 *		has one, a time after the given one, as a query would that begins now.
 *		The list is ended before anything else is done to the table.
 */
void
direct_list(DirectList *list, DirectTable *table, int which, int64 key, TimestampTz after)
{
	const TableInfo *info = table->info;
	ScanKeyData keys[2];
	int			nkeys = info->list_has_time[which] ? 2 : 1;

	begin_list(list, table);
	if (info->list_columns[which][0] != 0)
		list->index_columns = info->list_columns[which];
	list->index = index_open(info->list_indexes[which], AccessShareLock);
	list->scan = begin_index_scan(table->rel, list->index, list->snapshot, nkeys);
	list->scan->xs_want_itup = list->index_columns != NULL;
	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(key));
	ScanKeyInit(&keys[1], 2, BTGreaterStrategyNumber, F_TIMESTAMPTZ_GT,
				TimestampTzGetDatum(after));
	index_rescan(list->scan, keys, nkeys, NULL, 0);
}

/* direct_list_all: begin to read all rows of a table. */
void
direct_list_all(DirectList *list, DirectTable *table)
{
	begin_list(list, table);
	list->table_scan = table_beginscan(table->rel, list->snapshot, 0, NULL);
}

/* As an index-only scan does it: read from the index what everybody sees. */
static bool
next_in_index(DirectList *list)
{
	Relation	rel = list->table->rel;
	ItemPointer tid;

	while ((tid = index_getnext_tid(list->scan, ForwardScanDirection)) != NULL)
	{
		BlockNumber block = ItemPointerGetBlockNumber(tid);

		list->in_index = VM_ALL_VISIBLE(rel, block, &list->map_buffer);
		if (list->in_index)
		{
			PredicateLockPage(rel, block, list->snapshot);
			return true;
		}
		if (index_fetch_heap(list->scan, list->table->list_slot))
			return true;
	}
	return false;
}

/* direct_list_next: whether there is one more row. */
bool
direct_list_next(DirectList *list)
{
	TupleTableSlot *slot = list->table->list_slot;

	if (list->table_scan != NULL)
		return table_scan_getnextslot(list->table_scan, ForwardScanDirection, slot);
	if (list->index_columns != NULL)
		return next_in_index(list);
	return index_getnext_slot(list->scan, ForwardScanDirection, slot);
}

/* direct_list_value: a column of the row. */
Datum
direct_list_value(DirectList *list, int column, bool *isnull)
{
	if (list->in_index)
		return index_getattr(list->scan->xs_itup, list->index_columns[column],
							 list->scan->xs_itupdesc, isnull);
	return slot_getattr(list->table->list_slot, list->table->info->columns[column], isnull);
}

Datum
direct_list_needed_value(DirectList *list, int column)
{
	bool		isnull;
	Datum		value = direct_list_value(list, column, &isnull);

	if (isnull)
		elog(ERROR, "unexpected null in table \"%s\" of a ledger",
			 RelationGetRelationName(list->table->rel));
	return value;
}

/* direct_list_tid: the place of the row, of a list that is not read from an index. */
ItemPointer
direct_list_tid(DirectList *list)
{
	Assert(list->index_columns == NULL);
	return &list->table->list_slot->tts_tid;
}

void
direct_list_end(DirectList *list)
{
	ExecClearTuple(list->table->list_slot);
	if (BufferIsValid(list->map_buffer))
		ReleaseBuffer(list->map_buffer);
	if (list->table_scan != NULL)
		table_endscan(list->table_scan);
	if (list->scan != NULL)
	{
		index_endscan(list->scan);
		index_close(list->index, NoLock);
	}
	UnregisterSnapshot(list->snapshot);
}

/* ---- writing ---- */

static void
begin_writing(DirectTable *table, CmdType command)
{
	MemoryContext save_context;

	check_not_read_only(command == CMD_UPDATE ? "UPDATE" : "INSERT");
	CheckCmdReplicaIdentity(table->rel, command);
	current->wrote = true;
	if (table->result != NULL)
	{
		ResetPerTupleExprContext(table->estate);
		return;
	}
	save_context = MemoryContextSwitchTo(current->context);
	table->estate = CreateExecutorState();
	MemoryContextSwitchTo(table->estate->es_query_cxt);
	init_range_table(table->estate, table->rel, table->info->updated_columns);
	table->result = makeNode(ResultRelInfo);
	InitResultRelInfo(table->result, table->rel, 1, NULL, 0);
	set_compiled_checks(table->result, table->info->checks);
	table->estate->es_opened_result_relations = list_make1(table->result);
	MemoryContextSwitchTo(current->context);
	table->new_slot = MakeSingleTupleTableSlot(RelationGetDescr(table->rel), &TTSOpsVirtual);
	MemoryContextSwitchTo(save_context);
}

/* once: to insert a row unless there is one of the same unique key. */
static void
open_indexes(DirectTable *table, bool once)
{
	MemoryContext save_context;

	if (table->indexes_open && (table->indexes_once || !once))
		return;
	save_context = MemoryContextSwitchTo(table->estate->es_query_cxt);
	if (table->indexes_open)
		ExecCloseIndices(table->result);
	ExecOpenIndices(table->result, once);
	table->indexes_open = true;
	table->indexes_once = once;
	MemoryContextSwitchTo(save_context);
}

/*
 * Generated columns and constraints of the row that is to be written.
 *
 * Even functions of PostgreSQL's own, as query_to_xml(), may run somebody's code
 * there, or may have in a default: it may have caught an error of an engine call.
 */
static void
complete_row(DirectTable *table, CmdType command, DirectScope *scope)
{
	TupleConstr *constr = RelationGetDescr(table->rel)->constr;

	table->new_slot->tts_tableOid = RelationGetRelid(table->rel);
	if (constr != NULL && constr->has_generated_stored)
		ExecComputeStoredGenerated(table->result, table->estate, table->new_slot, command);
	if (constr != NULL)
		ExecConstraints(table->result, table->new_slot, table->estate);
	current = scope;
}

/*
 * Queue the triggers for a row that was written, and fire them.  tid is its
 * version before, NULL for a new row.
 */
static void
fire_triggers(DirectTable *table, ItemPointer tid, List *recheck_indexes)
{
	DirectScope *scope = current;
	EState	   *estate = table->estate;

	AfterTriggerBeginQuery();
	if (tid == NULL)
		ExecARInsertTriggers(estate, table->result, table->new_slot, recheck_indexes, NULL);
	else
		ExecARUpdateTriggers(estate, table->result, NULL, NULL, tid, NULL, table->new_slot,
							 recheck_indexes, NULL, false);
	AfterTriggerEndQuery(estate);

	/*
	 * A foreign key ON UPDATE CASCADE writes another table, whose triggers may
	 * have caught an error of an engine call.
	 */
	current = scope;
}

/*
 * Whether no trigger is to be queued for an update: all of them belong to
 * foreign keys, which it does not touch.  A row of this very transaction's is
 * different: the check that its insertion has queued will pass over it.
 */
static bool
needs_no_triggers(DirectTable *table)
{
	bool		isnull;

	return table->info->update_keeps_keys &&
		!TransactionIdIsCurrentTransactionId(DatumGetTransactionId(slot_getsysattr(table->slot,
																				   MinTransactionIdAttributeNumber,
																				   &isnull)));
}

/* The row of this key is not what it was any more. */
static void
has_written(DirectTable *table, int64 key)
{
	table->found = false;
	table->last_written = table->written ? Max(table->last_written, key) : key;
	table->written = true;
}

/*
 * direct_update
 *		Write a row that was locked or, if locked is false, one that was just
 *		found.  replaced says which of the columns get new values.
 *
 * False where the row is gone or, not being locked, has changed since it was
 * found.  Raises 40001, and what constraints and triggers raise.
 */
bool
direct_update(DirectTable *table, int64 key, bool locked, const Datum *values,
			  const bool *nulls, const bool *replaced)
{
	DirectScope *scope = current;
	TupleDesc	desc = RelationGetDescr(table->rel);
	List	   *recheck_indexes = NIL;
	ItemPointerData tid;
	TM_FailureData failure;
	LockTupleMode lockmode;
	UpdateIndexes update_indexes;
	TupleTableSlot *slot;

	begin_writing(table, CMD_UPDATE);
	if ((!table->found || table->found_key != key || (locked && !table->locked)) &&
		!(locked && direct_lock(table, key)))
		return false;
	slot = table->new_slot;
	ExecClearTuple(slot);
	slot_getallattrs(table->slot);
	for (int i = 0; i < desc->natts; i++)
	{
		slot->tts_values[i] = table->slot->tts_values[i];
		slot->tts_isnull[i] = table->slot->tts_isnull[i] || TupleDescAttr(desc, i)->attisdropped;
	}
	for (int i = 0; i < table->info->ncolumns; i++)
		if (replaced[i])
		{
			slot->tts_values[table->info->columns[i] - 1] = values[i];
			slot->tts_isnull[table->info->columns[i] - 1] = nulls[i];
		}
	ExecStoreVirtualTuple(slot);
	complete_row(table, CMD_UPDATE, scope);

	tid = table->slot->tts_tid;
	switch (table_tuple_update(table->rel, &tid, slot, GetCurrentCommandId(true),
							   table->snapshot, InvalidSnapshot, true, &failure,
							   &lockmode, &update_indexes))
	{
		case TM_Ok:
			break;
		case TM_Updated:
			if (IsolationUsesXactSnapshot())
				concurrent_change("update");
			table->found = false;
			return false;
		case TM_Deleted:
			if (IsolationUsesXactSnapshot())
				concurrent_change("delete");
			table->found = false;
			return false;
		default:
			elog(ERROR, "could not update row " INT64_FORMAT " of table \"%s\"", key,
				 RelationGetRelationName(table->rel));
	}
	has_written(table, key);
	if (needs_index_tuples(update_indexes))
	{
		open_indexes(table, false);
		recheck_indexes = insert_index_tuples(table->result, slot, table->estate, true,
											  update_indexes);
	}
	if (table->info->update_fires && (recheck_indexes != NIL || !needs_no_triggers(table)))
		fire_triggers(table, &tid, recheck_indexes);
	return true;
}

/*
 * direct_delete
 *		Delete a row of this key that was listed, at tid.  False where it is gone
 *		or has changed since.  Raises 40001.
 */
bool
direct_delete(DirectTable *table, ItemPointer tid, int64 key)
{
	TM_FailureData failure;

	check_not_read_only("DELETE");
	CheckCmdReplicaIdentity(table->rel, CMD_DELETE);
	current->wrote = true;
	switch (table_tuple_delete(table->rel, tid, GetCurrentCommandId(true),
							   GetTransactionSnapshot(), InvalidSnapshot, true, &failure, false))
	{
		case TM_Ok:
			has_written(table, key);
			return true;
		case TM_Updated:
			if (IsolationUsesXactSnapshot())
				concurrent_change("update");
			return false;
		case TM_Deleted:
			if (IsolationUsesXactSnapshot())
				concurrent_change("delete");
			return false;
		default:
			elog(ERROR, "could not delete a row of table \"%s\"",
				 RelationGetRelationName(table->rel));
	}
}

/*
 * A row of the same unique key is there.  One that this transaction's snapshot
 * does not show must not be acted upon.  Raises 40001.
 */
static void
check_conflict_is_visible(DirectTable *table, ItemPointer tid)
{
	bool		isnull;
	TupleTableSlot *slot;

	if (!IsolationUsesXactSnapshot())
		return;
	slot = table_slot_create(table->rel, NULL);
	if (!table_tuple_fetch_row_version(table->rel, tid, SnapshotAny, slot))
		elog(ERROR, "could not fetch the row of a unique key of table \"%s\"",
			 RelationGetRelationName(table->rel));
	if (!table_tuple_satisfies_snapshot(table->rel, slot, GetTransactionSnapshot()) &&
		!TransactionIdIsCurrentTransactionId(DatumGetTransactionId(slot_getsysattr(slot,
																				   MinTransactionIdAttributeNumber,
																				   &isnull))))
		concurrent_change("update");
	ExecDropSingleTupleTableSlot(slot);
}

/* As ON CONFLICT DO NOTHING does it; false where there is such a row. */
static bool
insert_once(DirectTable *table, List **recheck_indexes)
{
	TupleTableSlot *slot = table->new_slot;
	List	   *arbiters = list_make1_oid(table->info->unique_index);
	ItemPointerData conflict;
	bool		inserted = false;

	while (!inserted)
	{
		bool		in_conflict = false;
		uint32		token;

		CHECK_FOR_INTERRUPTS();
		if (!has_no_conflict(table->result, slot, table->estate, &conflict, arbiters))
		{
			check_conflict_is_visible(table, &conflict);
			return false;
		}
		token = SpeculativeInsertionLockAcquire(GetCurrentTransactionId());
		table_tuple_insert_speculative(table->rel, slot, GetCurrentCommandId(true), 0, NULL,
									   token);
		*recheck_indexes = insert_speculative_index_tuples(table->result, slot, table->estate,
														   &in_conflict, arbiters);
		table_tuple_complete_speculative(table->rel, slot, token, !in_conflict);
		/* Whoever waits for it waits for us, or goes on. */
		SpeculativeInsertionLockRelease(GetCurrentTransactionId());
		inserted = !in_conflict;
	}
	return true;
}

/*
 * direct_insert
 *		A new row, with defaults where we give no value.  With once, false where
 *		there is one of the same unique key, waiting for whoever is just
 *		inserting it.
 */
bool
direct_insert(DirectTable *table, const Datum *values, const bool *nulls, bool once)
{
	DirectScope *scope = current;
	TupleDesc	desc = RelationGetDescr(table->rel);
	const TableInfo *info = table->info;
	TupleTableSlot *slot;
	List	   *recheck_indexes = NIL;
	MemoryContext save_context;

	begin_writing(table, CMD_INSERT);
	open_indexes(table, once);
	slot = table->new_slot;
	ExecClearTuple(slot);
	save_context = MemoryContextSwitchTo(GetPerTupleMemoryContext(table->estate));
	for (int i = 0; i < desc->natts; i++)
	{
		slot->tts_isnull[i] = true;
		slot->tts_values[i] = (Datum) 0;
		if (info->defaults[i] != NULL)
			slot->tts_values[i] = ExecEvalExpr(info->defaults[i],
											   GetPerTupleExprContext(table->estate),
											   &slot->tts_isnull[i]);
	}
	MemoryContextSwitchTo(save_context);
	for (int i = 0; i < info->ncolumns; i++)
	{
		slot->tts_values[info->columns[i] - 1] = values[i];
		slot->tts_isnull[info->columns[i] - 1] = nulls[i];
	}
	ExecStoreVirtualTuple(slot);
	complete_row(table, CMD_INSERT, scope);
	if (!once)
	{
		table_tuple_insert(table->rel, slot, GetCurrentCommandId(true), 0, NULL);
		recheck_indexes = insert_index_tuples(table->result, slot, table->estate, false,
											  ALL_INDEXES);
	}
	else if (!insert_once(table, &recheck_indexes))
		return false;
	if (info->insert_fires)
		fire_triggers(table, NULL, recheck_indexes);
	return true;
}

/* direct_has_unique_index: whether rows can be inserted once. */
bool
direct_has_unique_index(DirectTable *table)
{
	return OidIsValid(table->info->unique_index);
}

/*
 * direct_find_unique
 *		Read the row whose unique key is these two texts, as a query would that
 *		begins now; false where there is none.
 */
bool
direct_find_unique(DirectTable *table, Datum first, Datum second)
{
	MemoryContext save_context = MemoryContextSwitchTo(current->context);
	Relation	index = index_open(table->info->unique_index, AccessShareLock);
	Datum		values[] = {first, second};
	Snapshot	snapshot;
	IndexScanDesc scan;
	ScanKeyData keys[2];

	if (table->slot == NULL)
		table->slot = table_slot_create(table->rel, NULL);
	for (int i = 0; i < 2; i++)
		ScanKeyEntryInitialize(&keys[i], 0, i + 1, BTEqualStrategyNumber, InvalidOid,
							   index->rd_indcollation[i], F_TEXTEQ, values[i]);
	CommandCounterIncrement();
	snapshot = RegisterSnapshot(GetTransactionSnapshot());
	scan = begin_index_scan(table->rel, index, snapshot, 2);
	index_rescan(scan, keys, 2, NULL, 0);
	table->found = index_getnext_slot(scan, ForwardScanDirection, table->slot);
	table->found_key = 0;
	table->locked = false;
	index_endscan(scan);
	UnregisterSnapshot(snapshot);
	index_close(index, NoLock);
	MemoryContextSwitchTo(save_context);
	return table->found;
}
