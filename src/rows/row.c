/*
 * row.c
 *	  The rows of a ledger's tables: where it is decided which way each operation
 *	  on a row goes.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/relscan.h"
#include "access/sysattr.h"
#include "access/table.h"
#include "access/xact.h"
#include "executor/spi.h"
#include "utils/lsyscache.h"

#include "base/money.h"
#include "rows/inspect.h"
#include "rows/modify.h"
#include "rows/result.h"
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
	row->index_tuple = NULL;
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
					 run_statement(ledger, table, STATEMENT_FIND, args, NULL) > 0);
}

/* row_find_unique: the same by the table's unique pair of columns. */
bool
row_find_unique(Ledger *ledger, LedgerTable table, Datum first, Datum second, Row *row)
{
	OpenTable  *open = open_table(ledger, table, ROW_FIND_UNIQUE);
	Datum		args[] = {first, second};

	return set_found(row, ledger, table, open,
					 open != NULL ? scan_find_unique(open, first, second) :
					 run_statement(ledger, table, STATEMENT_FIND_UNIQUE, args, NULL) > 0);
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
					 run_statement(ledger, table, STATEMENT_LOCK, args, NULL) > 0);
}

/* ---- listing ---- */

/* Open the table for a scan, or else run the statement that lists, NULL then. */
static OpenTable *
begin_list(RowList *list, Ledger *ledger, LedgerTable table, StatementKind kind, int64 key,
		   TimestampTz after)
{
	OpenTable  *open = open_table(ledger, table, ROW_LIST);
	Datum		args[] = {Int64GetDatum(key), TimestampTzGetDatum(after)};

	memset(list, 0, sizeof(*list));
	list->row.ledger = ledger;
	list->row.table = table;
	list->is_scan = open != NULL;
	if (open == NULL)
		run_statement(ledger, table, kind, args, NULL);
	return open;
}

/*
 * row_list
 *		Begin to read the rows of one of the table's lists that have this key and,
 *		if the list is one by time, a later time than the given one.  Nothing else
 *		is done to rows until it is ended.
 */
void
row_list(RowList *list, Ledger *ledger, LedgerTable table, int which, int64 key,
		 TimestampTz after)
{
	OpenTable  *open = begin_list(list, ledger, table, STATEMENT_LIST + which, key, after);

	if (open != NULL)
		scan_list(&list->scan, open, which, key, after);
}

/*
 * row_list_at_least
 *		The same, but it may have rows besides that are gone, or are not there yet,
 *		where that takes a fraction of the time.
 */
void
row_list_at_least(RowList *list, Ledger *ledger, LedgerTable table, int which, int64 key,
				  TimestampTz after)
{
	OpenTable  *open = begin_list(list, ledger, table, STATEMENT_LIST + which, key, after);

	if (open != NULL)
		scan_list_at_least(&list->scan, open, which, key, after);
}

/* row_list_all: begin to read all rows of a table. */
void
row_list_all(RowList *list, Ledger *ledger, LedgerTable table)
{
	OpenTable  *open = begin_list(list, ledger, table, STATEMENT_LIST_ALL, 0, 0);

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
	if (scan->in_index)
	{
		row->slot = NULL;
		row->index_tuple = scan->index_scan->xs_itup;
		row->desc = scan->index_scan->xs_itupdesc;
		row->numbers = scan->index_columns;
	}
	else
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

/* begin_values: of a row that is to be written, in the current memory context. */
RowValues *
begin_values(LedgerTable table)
{
	RowValues  *row = palloc0(sizeof(RowValues));

	row->table = table;
	memset(row->nulls, true, sizeof(row->nulls));
	return row;
}

void
set_value(RowValues *row, int column, Datum value)
{
	row->values[column] = value;
	row->nulls[column] = false;
	row->set[column] = true;
}

void
set_int8(RowValues *row, int column, int64 value)
{
	set_value(row, column, Int64GetDatum(value));
}

void
set_int8_or_null(RowValues *row, int column, const int64 *value)
{
	row->set[column] = true;
	if (value != NULL)
		set_int8(row, column, *value);
}

void
set_text_or_null(RowValues *row, int column, text *value)
{
	row->set[column] = true;
	if (value != NULL)
		set_value(row, column, PointerGetDatum(value));
}

void
set_money(RowValues *row, int column, const Ledger *ledger, int64 minor_units)
{
	set_value(row, column, money_datum(ledger, minor_units));
}

void
set_enum(RowValues *row, int column, int value)
{
	int			type = table_specs[row->table].columns[column].type - TYPE_ENUM;

	set_value(row, column, ObjectIdGetDatum(enum_oid(type, value)));
}

/* set_now: the time of the transaction. */
void
set_now(RowValues *row, int column)
{
	set_value(row, column, TimestampTzGetDatum(GetCurrentTransactionStartTimestamp()));
}

/* row_insert: a new row, with defaults in columns that are not in the spec. */
void
row_insert(Ledger *ledger, const RowValues *row)
{
	OpenTable  *open = open_table(ledger, row->table, ROW_INSERT);

	if (open != NULL)
		(void) modify_insert(open, row->values, row->nulls, false);
	else if (run_statement(ledger, row->table, STATEMENT_INSERT, row->values, row->nulls) != 1)
		row_not_written(ledger, row->table);
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
		inserted = run_own_statement(ledger, table,
									 once ? STATEMENT_INSERT_ONCE : STATEMENT_INSERT_OWN,
									 DatumGetInt64(row->values[0]), row->values,
									 row->nulls) == 1;
		if (!inserted && !once)
			row_not_written(ledger, table);
		return set_found(written, ledger, table, open, inserted);
	}
	inserted = modify_insert(open, row->values, row->nulls, once);
	written->ledger = ledger;
	written->table = table;
	set_slot(written, open, open->new_slot);
	/* Code that it ran may have changed the ledger; by SQL, a trigger finds it again. */
	ledger_refresh(ledger);
	return inserted;
}

/*
 * row_update
 *		Write what was set of a row that this transaction has locked, as the engine's
 *		own.  Raises 09000 where it is gone.
 */
void
row_update(Ledger *ledger, int64 key, const RowValues *row)
{
	OpenTable  *open = open_table(ledger, row->table, ROW_UPDATE);

	if (open != NULL ? !modify_update(open, key, row->values, row->nulls, row->set) :
		run_update(ledger, row->table, key, row->values, row->nulls, row->set) != 1)
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
	scan_list_to_delete(&scan, open, which, key);
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
	Datum		args[] = {Int64GetDatum(key), (Datum) 0};

	Assert(table_specs[table].lists[which].time_column == 0);
	if (delete_by_scan(open_table(ledger, table, ROW_DELETE), which, key))
		return;
	run_own_statement(ledger, table, STATEMENT_DELETE + which, key, args, NULL);
	if (run_statement(ledger, table, STATEMENT_LIST + which, args, NULL) != 0)
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

/* ---- values ---- */

/*
 * A column of a query's result.  One that the table's owner has made one of another
 * type is converted only where it is asked for.
 */
static Datum
result_value(const Row *row, int column, bool *isnull)
{
	Oid			type = TupleDescAttr(row->desc, column)->atttypid;
	Oid			wanted = column_type(&table_specs[row->table].columns[column]);
	Datum		value = heap_getattr(row->tuple, column + 1, row->desc, isnull);
	Oid			output;
	Oid			input;
	Oid			input_param;
	bool		is_varlena;

	if (*isnull || type == wanted)
		return value;
	getTypeOutputInfo(type, &output, &is_varlena);
	getTypeInputInfo(wanted, &input, &input_param);
	return OidInputFunctionCall(input, OidOutputFunctionCall(output, value), input_param, -1);
}

/* row_value: a column, as of its type in the spec. */
Datum
row_value(const Row *row, int column, bool *isnull)
{
	if (row->slot != NULL)
		return slot_getattr(row->slot, row->numbers[column], isnull);
	if (row->index_tuple != NULL)
		return index_getattr(row->index_tuple, row->numbers[column], row->desc, isnull);
	return result_value(row, column, isnull);
}

/* row_needed: a column that can't be null. */
Datum
row_needed(const Row *row, int column)
{
	bool		isnull;
	Datum		value = row_value(row, column, &isnull);

	if (isnull)
		elog(ERROR, "unexpected null in column \"%s\" of table \"%s\" of a ledger",
			 table_specs[row->table].columns[column].name, ledger_table_names[row->table]);
	return value;
}

bool
row_bool(const Row *row, int column)
{
	return DatumGetBool(row_needed(row, column));
}

int32
row_int4(const Row *row, int column)
{
	return DatumGetInt32(row_needed(row, column));
}

int64
row_int8(const Row *row, int column)
{
	return DatumGetInt64(row_needed(row, column));
}

/* row_money: in minor units. */
int64
row_money(const Row *row, int column)
{
	return money_from_numeric(DatumGetNumeric(row_needed(row, column)), row->ledger->decimals,
							  table_specs[row->table].columns[column].name);
}

/* row_enum: which of the type's values. */
int
row_enum(const Row *row, int column)
{
	return enum_value(table_specs[row->table].columns[column].type - TYPE_ENUM,
					  DatumGetObjectId(row_needed(row, column)));
}

/* row_int8_or_null: false where it is null. */
bool
row_int8_or_null(const Row *row, int column, int64 *value)
{
	bool		isnull;
	Datum		datum = row_value(row, column, &isnull);

	*value = isnull ? 0 : DatumGetInt64(datum);
	return !isnull;
}

/* row_copy_int4: in the current memory context; NULL where it is null. */
int32 *
row_copy_int4(const Row *row, int column)
{
	bool		isnull;
	Datum		value = row_value(row, column, &isnull);
	int32	   *copy;

	if (isnull)
		return NULL;
	copy = palloc(sizeof(int32));
	*copy = DatumGetInt32(value);
	return copy;
}

/*
 * row_is_committed
 *		Whether a row that was found or locked, not one of a list, was not written by
 *		this transaction.
 */
bool
row_is_committed(const Row *row)
{
	bool		isnull;
	Datum		xmin;

	if (row->slot != NULL)
		xmin = slot_getsysattr(row->slot, MinTransactionIdAttributeNumber, &isnull);
	else
		xmin = heap_getattr(row->tuple, table_specs[row->table].ncolumns + 1, row->desc, &isnull);
	return !TransactionIdIsCurrentTransactionId(DatumGetTransactionId(xmin));
}
