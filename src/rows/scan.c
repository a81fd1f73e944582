/*
 * scan.c
 *	  Rows found by their key, locked, and listed by an index.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/xact.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "storage/procarray.h"
#include "utils/fmgroids.h"
#include "utils/snapmgr.h"

#include "ledger/snapshot_mark.h"
#include "rows/scan.h"

/* ---- what stands against a change ---- */

/* check_not_read_only: raise 25006 where nothing can be written. */
void
check_not_read_only(const char *command)
{
	if (XactReadOnly)
		PreventCommandIfReadOnly(command);
	if (IsInParallelMode())
		PreventCommandIfParallelMode(command);
}

/* concurrent_change: raise 40001. */
void
concurrent_change(const char *change)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent %s", change)));
}

/* ---- finding and locking ---- */

static void
free_snapshot(OpenTable *table)
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

/* The key of the row in the slot; it can't be null. */
static int64
key_of(OpenTable *table)
{
	bool		isnull;
	Datum		key = slot_getattr(table->slot, table->info->columns[0], &isnull);

	if (isnull)
		elog(ERROR, "unexpected null in table \"%s\" of a ledger",
			 RelationGetRelationName(table->rel));
	return DatumGetInt64(key);
}

/*
 * Take a snapshot that shows what a query that begins now would see of the row of
 * this key.  False where the one that there is will do: nothing has changed since.
 */
static bool
take_snapshot(OpenTable *table, int64 key)
{
	Snapshot	now;

	if (table->read_only && table->snapshot != NULL)
		return false;
	if (table->written && key <= table->last_written)
		CommandCounterIncrement();
	now = table->read_only ? GetActiveSnapshot() : GetTransactionSnapshot();
	/* At REPEATABLE READ it is always the same one, whose curcid moves on. */
	if (table->snapshot != NULL && table->command == now->curcid &&
		snapshots_show_the_same(table->snapshot, now))
		return false;
	free_snapshot(table);
	table->snapshot = RegisterSnapshot(now);
	table->command = now->curcid;
	table->written = false;
	return true;
}

static bool
search(OpenTable *table, int64 key)
{
	MemoryContext save_context = MemoryContextSwitchTo(engine_call->context);

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
	table->found = index_getnext_slot(table->scan, ForwardScanDirection, table->slot);
	table->found_key = key;
	table->locked = false;
	MemoryContextSwitchTo(save_context);
	return table->found;
}

/*
 * Whether the row of this key is the one that was found, and still what a query
 * that begins now would see.  Even one that is locked may not be: a foreign key,
 * or an expression of the table's, may have run somebody's code since.
 */
static bool
is_found(OpenTable *table, int64 key)
{
	ItemPointerData tid;

	if (!table->found || table->found_key != key)
		return false;
	if (!take_snapshot(table, key))
		return true;
	tid = table->slot->tts_tid;
	table->found = table_tuple_fetch_row_version(table->rel, &tid, table->snapshot,
												 table->slot) &&
		key_of(table) == key;
	return table->found;
}

/*
 * scan_find
 *		Read the row of this key, as a query that begins now would; false where
 *		there is none.
 */
bool
scan_find(OpenTable *table, int64 key)
{
	if (is_found(table, key))
		return true;
	(void) take_snapshot(table, key);
	return search(table, key);
}

/*
 * scan_lock
 *		Find a row and lock it as FOR NO KEY UPDATE does: what is in the table
 *		then is its latest version.  False where there is none.  Raises 40001.
 */
bool
scan_lock(OpenTable *table, int64 key)
{
	uint8		flags = TUPLE_LOCK_FLAG_LOCK_UPDATE_IN_PROGRESS;
	TM_FailureData failure;
	ItemPointerData tid;

	check_not_read_only("SELECT FOR NO KEY UPDATE");

	/* What others have made of a row that this command has found is found from there. */
	if (!(table->found && table->found_key == key &&
		  table->command == GetCurrentCommandId(false)) && !scan_find(table, key))
		return false;
	if (table->locked)
		return true;
	if (!IsolationUsesXactSnapshot())
		flags |= TUPLE_LOCK_FLAG_FIND_LAST_VERSION;
	tid = table->slot->tts_tid;
	switch (table_tuple_lock(table->rel, &tid, table->snapshot, table->slot,
							 GetCurrentCommandId(false), LockTupleNoKeyExclusive,
							 LockWaitBlock, flags, &failure))
	{
		case TM_Ok:
			/* A later version of the row may be another one by its key. */
			table->found = table->locked = key_of(table) == key;
			return table->found;
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

/*
 * scan_try_lock
 *		Lock the row that was found last, which has to be of this key, as FOR NO KEY
 *		UPDATE SKIP LOCKED does.  False where somebody has it, or has made another one
 *		of it since: that one is not looked for, as the caller has not seen it.
 */
bool
scan_try_lock(OpenTable *table, int64 key)
{
	TM_FailureData failure;
	ItemPointerData tid;

	check_not_read_only("SELECT FOR NO KEY UPDATE");
	if (!table->found || table->found_key != key)
		return false;
	if (table->locked)
		return true;
	tid = table->slot->tts_tid;
	table->found = table->locked =
		table_tuple_lock(table->rel, &tid, table->snapshot, table->slot,
						 GetCurrentCommandId(false), LockTupleNoKeyExclusive,
						 LockWaitSkip, 0, &failure) == TM_Ok;
	return table->locked;
}

/*
 * scan_wait
 *		Wait until the transaction ends that has a row locked, without locking it.
 *		False where that can't be done.
 */
bool
scan_wait(OpenTable *table, int64 key)
{
	HeapTupleHeader tuple;
	ItemPointerData tid;
	TransactionId owner;

	if (IsolationUsesXactSnapshot() || !scan_find(table, key))
		return false;
	tid = table->slot->tts_tid;
	tuple = ExecFetchSlotHeapTuple(table->slot, false, NULL)->t_data;
	if (tuple->t_infomask & HEAP_XMAX_IS_MULTI)
		return false;
	owner = HeapTupleHeaderGetRawXmax(tuple);
	/* Nobody who cleans the page is to wait for us. */
	table->found = false;
	ExecClearTuple(table->slot);
	if (TransactionIdIsNormal(owner) && !TransactionIdIsCurrentTransactionId(owner) &&
		TransactionIdIsInProgress(owner))
		XactLockTableWait(owner, table->rel, &tid, XLTW_Lock);
	return true;
}

/*
 * scan_find_unique
 *		Read the row whose unique key is these two texts, as a query would that
 *		begins now; false where there is none.
 */
bool
scan_find_unique(OpenTable *table, Datum first, Datum second)
{
	MemoryContext save_context = MemoryContextSwitchTo(engine_call->context);
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
	if (!table->read_only)
		CommandCounterIncrement();
	snapshot = RegisterSnapshot(table->read_only ? GetActiveSnapshot() : GetTransactionSnapshot());
	scan = begin_index_scan(table->rel, index, snapshot, 2);
	index_rescan(scan, keys, 2, NULL, 0);
	table->found = index_getnext_slot(scan, ForwardScanDirection, table->slot);
	table->found_key = table->found ? key_of(table) : 0;
	table->locked = false;
	index_endscan(scan);
	UnregisterSnapshot(snapshot);
	index_close(index, NoLock);
	MemoryContextSwitchTo(save_context);
	return table->found;
}

/* ---- listing ---- */

static void
begin_list(RowScan *scan, OpenTable *table)
{
	MemoryContext save_context = MemoryContextSwitchTo(engine_call->context);

	memset(scan, 0, sizeof(*scan));
	scan->table = table;
	if (table->list_slot == NULL)
		table->list_slot = table_slot_create(table->rel, NULL);
	MemoryContextSwitchTo(save_context);
	if (table->written)
		CommandCounterIncrement();
	scan->snapshot = RegisterSnapshot(table->read_only ? GetActiveSnapshot() :
									  GetTransactionSnapshot());
}

/*
 * scan_list
 *		Begin to read rows by the key of one of the table's lists, as a query would
 *		that begins now.  The list is ended before anything else is done to the
 *		table.
 */
void
scan_list(RowScan *scan, OpenTable *table, int which, int64 key)
{
	ScanKeyData scan_key;

	begin_list(scan, table);
	scan->index = index_open(table->info->list_indexes[which], AccessShareLock);
	scan->index_scan = begin_index_scan(table->rel, scan->index, scan->snapshot, 1);
	ScanKeyInit(&scan_key, 1, BTEqualStrategyNumber, F_INT8EQ, Int64GetDatum(key));
	index_rescan(scan->index_scan, &scan_key, 1, NULL, 0);
}

/* scan_list_all: begin to read all rows of a table. */
void
scan_list_all(RowScan *scan, OpenTable *table)
{
	begin_list(scan, table);
	scan->table_scan = table_beginscan(table->rel, scan->snapshot, 0, NULL);
}

/* scan_next: whether there is one more row. */
bool
scan_next(RowScan *scan)
{
	TupleTableSlot *slot = scan->table->list_slot;

	CHECK_FOR_INTERRUPTS();
	if (scan->table_scan != NULL)
		return table_scan_getnextslot(scan->table_scan, ForwardScanDirection, slot);
	return index_getnext_slot(scan->index_scan, ForwardScanDirection, slot);
}

void
scan_end(RowScan *scan)
{
	ExecClearTuple(scan->table->list_slot);
	if (scan->table_scan != NULL)
		table_endscan(scan->table_scan);
	if (scan->index_scan != NULL)
	{
		index_endscan(scan->index_scan);
		index_close(scan->index, NoLock);
	}
	UnregisterSnapshot(scan->snapshot);
}
