/*
 * direct_read.c
 *	  Rows found by their key, locked, and listed by an index.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/relscan.h"
#include "access/sysattr.h"
#include "access/tableam.h"
#include "access/visibilitymap.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/bufmgr.h"
#include "storage/predicate.h"
#include "utils/fmgroids.h"
#include "utils/memutils.h"
#include "utils/snapmgr.h"

#include "rows/direct_table.h"

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
	MemoryContext save_context = MemoryContextSwitchTo(direct_current->context);
	bool		found;

	if (table->slot == NULL)
		table->slot = table_slot_create(table->rel, NULL);
	if (table->scan == NULL)
	{
		table->key_index = index_open(table->info->key_index, AccessShareLock);
		table->scan = begin_index_scan(table->rel, table->key_index, table->snapshot, 1);
		ScanKeyInit(&table->scan_key, 1, BTEqualStrategyNumber, F_INT8EQ, (Datum) 0);
	}
	table->scan_key.sk_argument = Int64GetDatum(key);
	index_rescan(table->scan, &table->scan_key, 1, NULL, 0);
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

/* direct_is_own: whether this transaction has written the row that was found. */
bool
direct_is_own(DirectTable *table)
{
	bool		isnull;
	Datum		xmin = slot_getsysattr(table->slot, MinTransactionIdAttributeNumber, &isnull);

	return TransactionIdIsCurrentTransactionId(DatumGetTransactionId(xmin));
}

/*
 * Whether the row of this key was found by this very command, so that what others
 * have made of it since is found from there.
 */
static bool
is_just_found(DirectTable *table, int64 key)
{
	return table->found && table->found_key == key && table->snapshot != NULL &&
		table->snapshot->curcid == GetCurrentCommandId(false);
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

	direct_check_not_read_only("SELECT FOR NO KEY UPDATE");

	/* A snapshot from before may not show a row that is there now. */
	if (!is_just_found(table, key) && !direct_find(table, key))
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
				direct_concurrent_change("update");
			break;
		case TM_Deleted:
			if (IsolationUsesXactSnapshot())
				direct_concurrent_change("update");
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
	MemoryContext save_context = MemoryContextSwitchTo(direct_current->context);

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
	/* An index does not tell which version of a row is to be deleted. */
	if (info->list_columns[which][0] != 0 && !table->deletes)
		list->index_columns = info->list_columns[which];
	list->index = index_open(info->list_indexes[which], AccessShareLock);
	list->scan = begin_index_scan(table->rel, list->index, list->snapshot, nkeys);
	list->scan->xs_want_itup = list->index_columns != NULL;
	ScanKeyInit(&keys[0], 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(key));
	ScanKeyInit(&keys[1], 2, BTGreaterStrategyNumber, F_TIMESTAMPTZ_GT,
				TimestampTzGetDatum(after));
	index_rescan(list->scan, keys, nkeys, NULL, 0);
}

/*
 * direct_list_entries
 *		The same of what is in the index, and the table is not looked at: rows that
 *		were deleted, or are not committed, may be listed besides.  False where
 *		the index does not have all of the columns.
 */
bool
direct_list_entries(DirectList *list, DirectTable *table, int which, int64 key,
					TimestampTz after)
{
	if (table->info->list_columns[which][0] == 0 || table->deletes)
		return false;
	direct_list(list, table, which, key, after);
	list->any_version = true;
	list->in_index = true;
	return true;
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

		if (list->any_version)
			return true;
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

/* ---- unique keys ---- */

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
	MemoryContext save_context = MemoryContextSwitchTo(direct_current->context);
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
	table->found_key = table->found ? DatumGetInt64(direct_needed_value(table, 0)) : 0;
	table->locked = false;
	index_endscan(scan);
	UnregisterSnapshot(snapshot);
	index_close(index, NoLock);
	MemoryContextSwitchTo(save_context);
	return table->found;
}
