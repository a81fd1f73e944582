/*
 * modify.c
 *	  Rows inserted, updated and deleted.
 */
#include "postgres.h"

#include "access/sysattr.h"
#include "access/tableam.h"
#include "access/xact.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/nodeModifyTable.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/snapmgr.h"

#include "rows/modify.h"
#include "rows/scan.h"

static void
begin_writing(OpenTable *table, CmdType command)
{
	MemoryContext save_context;

	check_not_read_only(command == CMD_UPDATE ? "UPDATE" : "INSERT");
	CheckCmdReplicaIdentity(table->rel, command);
	engine_call->wrote = true;
	if (table->result != NULL)
	{
		ResetPerTupleExprContext(table->estate);
		return;
	}
	save_context = MemoryContextSwitchTo(engine_call->context);
	table->estate = CreateExecutorState();
	MemoryContextSwitchTo(table->estate->es_query_cxt);
	init_range_table(table->estate, table->rel, table->info->updated_columns);
	table->result = makeNode(ResultRelInfo);
	InitResultRelInfo(table->result, table->rel, 1, NULL, 0);
	set_compiled_checks(table->result, table->info->checks);
	table->estate->es_opened_result_relations = list_make1(table->result);
	MemoryContextSwitchTo(engine_call->context);
	table->new_slot = MakeSingleTupleTableSlot(RelationGetDescr(table->rel), &TTSOpsVirtual);
	MemoryContextSwitchTo(save_context);
}

/* once: to insert a row unless there is one of the same unique key. */
static void
open_indexes(OpenTable *table, bool once)
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

/* A row of what the table's columns are by default. */
static void
fill_in_defaults(OpenTable *table)
{
	TupleTableSlot *slot = table->new_slot;
	MemoryContext save_context = MemoryContextSwitchTo(GetPerTupleMemoryContext(table->estate));

	for (int i = 0; i < RelationGetDescr(table->rel)->natts; i++)
	{
		ExprState  *value = table->info->defaults[i];

		slot->tts_isnull[i] = true;
		slot->tts_values[i] = (Datum) 0;
		if (value != NULL)
			slot->tts_values[i] = ExecEvalExpr(value, GetPerTupleExprContext(table->estate),
											   &slot->tts_isnull[i]);
	}
	MemoryContextSwitchTo(save_context);
}

/*
 * Make the row that is to be written of the values that we give: with defaults for
 * the others, if it is a new one, and generated columns; and check it.
 *
 * Even functions of PostgreSQL's own, as query_to_xml(), may run somebody's code
 * there, and that may call the engine: what such a call writes to this very table
 * it has to write by SQL, as long as the expressions are being evaluated.
 */
static void
complete_row(OpenTable *table, CmdType command, const Datum *values, const bool *nulls,
			 const bool *replaced)
{
	const TableInfo *info = table->info;
	TupleConstr *constr = RelationGetDescr(table->rel)->constr;
	TupleTableSlot *slot = table->new_slot;

	engine_call->evaluated = info;
	if (command == CMD_INSERT)
		fill_in_defaults(table);
	for (int i = 0; i < info->ncolumns; i++)
		if (replaced == NULL ? info->inserted[i] : replaced[i])
		{
			slot->tts_values[info->columns[i] - 1] = values[i];
			slot->tts_isnull[info->columns[i] - 1] = nulls[i];
		}
	ExecStoreVirtualTuple(slot);
	slot->tts_tableOid = RelationGetRelid(table->rel);
	if (constr != NULL && constr->has_generated_stored)
		ExecComputeStoredGenerated(table->result, table->estate, slot, command);
	if (constr != NULL)
		ExecConstraints(table->result, slot, table->estate);
	engine_call->evaluated = NULL;
}

/*
 * Queue the triggers for a row that was written, and fire them.  tid is its
 * version before, NULL for a new row.
 */
static void
fire_triggers(OpenTable *table, ItemPointer tid, List *recheck_indexes)
{
	EState	   *estate = table->estate;

	AfterTriggerBeginQuery();
	if (tid == NULL)
		ExecARInsertTriggers(estate, table->result, table->new_slot, recheck_indexes, NULL);
	else
		ExecARUpdateTriggers(estate, table->result, NULL, NULL, tid, NULL, table->new_slot,
							 recheck_indexes, NULL, false);
	AfterTriggerEndQuery(estate);
}

/*
 * Whether no trigger is to be queued for an update: all of them belong to
 * foreign keys, which it does not touch.  A row of this very transaction's is
 * different: the check that its insertion has queued will pass over it.
 */
static bool
needs_no_triggers(OpenTable *table)
{
	bool		isnull;
	Datum		xmin = slot_getsysattr(table->slot, MinTransactionIdAttributeNumber, &isnull);

	return table->info->update_keeps_keys &&
		!TransactionIdIsCurrentTransactionId(DatumGetTransactionId(xmin));
}

/* Remember that the row of this key was written: what was found of it is outdated. */
static void
has_written(OpenTable *table, int64 key)
{
	table->found = false;
	table->last_written = table->written ? Max(table->last_written, key) : key;
	table->written = true;
}

/*
 * modify_update
 *		Write a row that this transaction has locked.  replaced says which of the
 *		columns get new values.
 *
 * False where the row is gone.  Raises 40001, and what constraints and triggers
 * raise.
 */
bool
modify_update(OpenTable *table, int64 key, const Datum *values,
			  const bool *nulls, const bool *replaced)
{
	TupleDesc	desc = RelationGetDescr(table->rel);
	List	   *recheck_indexes = NIL;
	ItemPointerData tid;
	TM_FailureData failure;
	LockTupleMode lockmode;
	UpdateIndexes update_indexes;
	TupleTableSlot *slot;

	begin_writing(table, CMD_UPDATE);
	if (!scan_lock(table, key))
		return false;
	slot = table->new_slot;
	ExecClearTuple(slot);
	slot_getallattrs(table->slot);
	for (int i = 0; i < desc->natts; i++)
	{
		slot->tts_values[i] = table->slot->tts_values[i];
		slot->tts_isnull[i] = table->slot->tts_isnull[i] || TupleDescAttr(desc, i)->attisdropped;
	}
	complete_row(table, CMD_UPDATE, values, nulls, replaced);

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
 * modify_delete
 *		Delete a row of this key that was listed, at tid.  False where it is gone
 *		or has changed since.  Raises 40001.
 */
bool
modify_delete(OpenTable *table, ItemPointer tid, int64 key)
{
	TM_FailureData failure;

	check_not_read_only("DELETE");
	CheckCmdReplicaIdentity(table->rel, CMD_DELETE);
	engine_call->wrote = true;
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
check_conflict_is_visible(OpenTable *table, ItemPointer tid)
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
insert_once(OpenTable *table, List **recheck_indexes)
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
 * modify_insert
 *		A new row, with defaults where we give no value.  With once, false where
 *		there is one of the same unique key, waiting for whoever is just
 *		inserting it.
 */
bool
modify_insert(OpenTable *table, const Datum *values, const bool *nulls, bool once)
{
	TupleTableSlot *slot;
	List	   *recheck_indexes = NIL;

	begin_writing(table, CMD_INSERT);
	open_indexes(table, once);
	slot = table->new_slot;
	ExecClearTuple(slot);
	complete_row(table, CMD_INSERT, values, nulls, NULL);
	if (!once)
	{
		table_tuple_insert(table->rel, slot, GetCurrentCommandId(true), 0, NULL);
		recheck_indexes = insert_index_tuples(table->result, slot, table->estate, false,
											  ALL_INDEXES);
	}
	else if (!insert_once(table, &recheck_indexes))
		return false;
	/* Its key may be a default. */
	has_written(table, PG_INT64_MAX);
	if (table->info->insert_fires)
		fire_triggers(table, NULL, recheck_indexes);
	return true;
}
