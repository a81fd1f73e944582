/*
 * row.c
 *	  The rows of a ledger's tables: where it is decided which way each operation
 *	  on a row goes.
 */
#include "postgres.h"

#include "access/table.h"
#include "executor/spi.h"

#include "rows/inspect.h"
#include "rows/modify.h"
#include "rows/row.h"
#include "rows/statement.h"

/* ---- where a row is ---- */

static void
set_slot(Row *row, const OpenTable *open, TupleTableSlot *slot)
{
	row->slot = slot;
	row->numbers = open->info->columns;
}

/* The one of a query's result that has this number. */
static void
set_result(Row *row, uint64 number)
{
	row->slot = NULL;
	row->tuple = SPI_tuptable->vals[number];
	row->desc = SPI_tuptable->tupdesc;
}

/* The row that was found, by either way, if there was one. */
static bool
set_found(Row *row, const Ledger *ledger, LedgerTable table, const OpenTable *open, bool found)
{
	row->ledger = ledger;
	row->table = table;
	if (found && open != NULL)
		set_slot(row, open, open->slot);
	else if (found)
		set_result(row, 0);
	return found;
}

/* ---- finding and locking ---- */

/*
 * row_find
 *		Read the row of this key, as a query that begins now would; false where
 *		there is none.
 */
bool
row_find(Ledger *ledger, LedgerTable table, int64 key, Row *row)
{
	OpenTable  *open = open_table(ledger, table, ROW_FIND);
	Datum		args[] = {Int64GetDatum(key)};

	return set_found(row, ledger, table, open,
					 open != NULL ? scan_find(open, key) :
					 run_statement(ledger, table, STATEMENT_FIND, args) > 0);
}

/* row_find_unique: the same by the table's unique pair of columns. */
bool
row_find_unique(Ledger *ledger, LedgerTable table, Datum first, Datum second, Row *row)
{
	OpenTable  *open = open_table(ledger, table, ROW_FIND_UNIQUE);
	Datum		args[] = {first, second};

	return set_found(row, ledger, table, open,
					 open != NULL ? scan_find_unique(open, first, second) :
					 run_statement(ledger, table, STATEMENT_FIND_UNIQUE, args) > 0);
}

/*
 * row_lock
 *		Find a row and lock it as FOR NO KEY UPDATE does; it is what it is then.
 *		False where there is none.  Raises 40001.
 */
bool
row_lock(Ledger *ledger, LedgerTable table, int64 key, Row *row)
{
	OpenTable  *open = open_table(ledger, table, ROW_UPDATE);
	Datum		args[] = {Int64GetDatum(key)};

	return set_found(row, ledger, table, open,
					 open != NULL ? scan_lock(open, key) :
					 run_statement(ledger, table, STATEMENT_LOCK, args) > 0);
}

/*
 * row_try_lock
 *		Lock a row that was just found, and is what it was then: false where somebody
 *		else has it, or has changed it since.  False, too, where SQL has to: that may
 *		lock what somebody has made of the row, and can't let go of it.
 */
bool
row_try_lock(Ledger *ledger, LedgerTable table, int64 key, Row *row)
{
	OpenTable  *open = open_table(ledger, table, ROW_UPDATE);

	return set_found(row, ledger, table, open, open != NULL && scan_try_lock(open, key));
}

/*
 * row_wait
 *		Wait until whoever has the row locked has committed, or rolled back, without
 *		locking it; false where that can't be done.
 */
bool
row_wait(Ledger *ledger, LedgerTable table, int64 key)
{
	OpenTable  *open = open_table(ledger, table, ROW_FIND);

	return open != NULL && scan_wait(open, key);
}

/* ---- listing ---- */

/* Open the table for a scan, or else run the statement that lists, NULL then. */
static OpenTable *
begin_list(RowList *list, Ledger *ledger, LedgerTable table, StatementKind kind, int64 key)
{
	OpenTable  *open = open_table(ledger, table, ROW_LIST);
	Datum		args[] = {Int64GetDatum(key)};

	memset(list, 0, sizeof(*list));
	list->row.ledger = ledger;
	list->row.table = table;
	list->is_scan = open != NULL;
	if (open == NULL)
		run_statement(ledger, table, kind, args);
	return open;
}

/*
 * row_list
 *		Begin to read the rows of one of the table's lists that have this key.
 *		Nothing else is done to rows until it is ended.
 */
void
row_list(RowList *list, Ledger *ledger, LedgerTable table, int which, int64 key)
{
	OpenTable  *open = begin_list(list, ledger, table, STATEMENT_LIST + which, key);

	if (open != NULL)
		scan_list(&list->scan, open, which, key);
}

/* row_list_all: begin to read all rows of a table. */
void
row_list_all(RowList *list, Ledger *ledger, LedgerTable table)
{
	OpenTable  *open = begin_list(list, ledger, table, STATEMENT_LIST_ALL, 0);

	if (open != NULL)
		scan_list_all(&list->scan, open);
}

/* row_next: whether there is one more row, which is list->row then. */
bool
row_next(RowList *list)
{
	Row		   *row = &list->row;
	RowScan	   *scan = &list->scan;

	if (!list->is_scan)
	{
		if (list->next == SPI_processed)
			return false;
		set_result(row, list->next++);
		return true;
	}
	if (!scan_next(scan))
		return false;
	set_slot(row, scan->table, scan->table->list_slot);
	return true;
}

void
row_list_end(RowList *list)
{
	if (list->is_scan)
		scan_end(&list->scan);
}

/* ---- writing ---- */

/*
 * The new row, which code that was run may have changed, and the ledger with it.
 * Raises 09000 where a trigger has made something else of what has to stay.
 */
static void
set_written(Row *written, Ledger *ledger, const RowValues *row, const OpenTable *open)
{
	(void) set_found(written, ledger, row->table, NULL, open == NULL);
	if (open == NULL)
	{
		if (!row_has_values(written, row))
			row_not_written(ledger, row->table);
		return;
	}
	set_slot(written, open, open->new_slot);
	/* By SQL, a trigger finds it again. */
	ledger_refresh(ledger);
}

/*
 * row_insert
 *		A new row, with defaults in columns that the spec does not say are inserted.
 *		written, if it is not NULL, is what has become of it.  Raises 09000.
 */
void
row_insert(Ledger *ledger, const RowValues *row, Row *written)
{
	OpenTable  *open = open_table(ledger, row->table, ROW_INSERT);
	Row			seen;

	if (written == NULL && open == NULL && any_stays(row))
		written = &seen;
	if (open != NULL)
		(void) modify_insert(open, row->values, row->nulls, false);
	else if (run_insert(ledger, row->table, written == NULL ? STATEMENT_INSERT :
						STATEMENT_INSERT_RETURNING, row->values, row->nulls) != 1)
		row_not_written(ledger, row->table);
	if (written != NULL)
		set_written(written, ledger, row, open);
}

/*
 * row_insert_once
 *		The same for a row of the engine's own: the table's triggers can tell by
 *		engine_is_writing() and let it pass.  False where there is one of the same
 *		unique pair of columns, waiting for whoever is just inserting it.
 */
bool
row_insert_once(Ledger *ledger, const RowValues *row, Row *written)
{
	LedgerTable table = row->table;
	const int  *unique = table_specs[table].unique;
	bool		once = !row->nulls[unique[0]] && !row->nulls[unique[1]];
	OpenTable  *open = open_table(ledger, table, once ? ROW_INSERT_ONCE : ROW_INSERT);
	bool		inserted;

	if (open == NULL)
	{
		inserted = run_own_insert(ledger, table,
								  once ? STATEMENT_INSERT_ONCE : STATEMENT_INSERT_RETURNING,
								  DatumGetInt64(row->values[0]), row->values, row->nulls) == 1;
		if (!inserted && !once)
			row_not_written(ledger, table);
	}
	else
		inserted = modify_insert(open, row->values, row->nulls, once);
	if (inserted)
		set_written(written, ledger, row, open);
	return inserted;
}

/* Update by SQL, and look whether triggers of the owner's have let it be. */
static bool
update_by_sql(Ledger *ledger, int64 key, const RowValues *row)
{
	Row			written;

	return run_update(ledger, row->table, key, row->values, row->nulls, row->set) == 1 &&
		(!any_stays(row) || (row_find(ledger, row->table, key, &written) &&
							 row_has_values(&written, row)));
}

/*
 * row_update
 *		Write what was set of a row that this transaction has locked, as the engine's
 *		own.  Raises 09000 where it is gone, or a trigger has made something else of
 *		what has to stay.
 */
void
row_update(Ledger *ledger, int64 key, const RowValues *row)
{
	OpenTable  *open = open_table(ledger, row->table, ROW_UPDATE);

	if (open != NULL ? !modify_update(open, key, row->values, row->nulls, row->set) :
		!update_by_sql(ledger, key, row))
		row_not_written(ledger, row->table);
}

/* Delete the rows of a list by a scan; false where SQL has to, or to delete the rest. */
static bool
delete_by_scan(OpenTable *open, int which, int64 key)
{
	RowScan		scan;
	bool		deleted = true;

	if (open == NULL)
		return false;
	scan_list(&scan, open, which, key);
	while (deleted && scan_next(&scan))
		deleted = modify_delete(open, &open->list_slot->tts_tid, key);
	scan_end(&scan);
	return deleted;
}

/*
 * row_delete_list
 *		Delete the rows of this key in one of the table's lists, as the engine's
 *		own.  Raises 09000 where some of them stay.
 */
void
row_delete_list(Ledger *ledger, LedgerTable table, int which, int64 key)
{
	Datum		args[] = {Int64GetDatum(key)};

	if (delete_by_scan(open_table(ledger, table, ROW_DELETE), which, key))
		return;
	run_delete(ledger, table, which, key);
	if (run_statement(ledger, table, STATEMENT_LIST + which, args) != 0)
		row_not_written(ledger, table);
}

/* What is known of a table; NULL where it is just being changed. */
static const TableInfo *
look_at(Ledger *ledger, LedgerTable table)
{
	OpenTable  *open = engine_call->tables[table];
	Relation	rel;
	const TableInfo *info;

	if (open != NULL)
		return table_info_is_current(ledger, open->info) ? open->info : NULL;
	rel = table_open(ledger->tables[table], AccessShareLock);
	info = table_info(ledger, table, rel);
	table_close(rel, NoLock);
	return info;
}

/*
 * row_runs_no_code
 *		Whether such an operation on the table's rows runs no code but
 *		PostgreSQL's and the engine's.
 */
bool
row_runs_no_code(Ledger *ledger, LedgerTable table, RowAccess access)
{
	const TableInfo *info = look_at(ledger, table);

	return info != NULL && needs_no_sql(info, access);
}

/*
 * row_is_exact
 *		Whether the table's columns are of the types in its spec, so that reading
 *		them as such rounds nothing.
 */
bool
row_is_exact(Ledger *ledger, LedgerTable table)
{
	const TableInfo *info = look_at(ledger, table);

	return info != NULL && info->columns_fit;
}
