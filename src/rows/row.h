/*
 * row.h
 *	  The rows of a ledger's tables: found, locked, listed and written.
 *
 * Each of these goes through the table and index interfaces where that makes of a
 * row what SQL makes of it, and else by a statement that is made from the same
 * spec; who calls it can't tell.  A row's values are there until the next one of
 * these, or the next query.
 */
#ifndef REGPAYDB_ROW_H
#define REGPAYDB_ROW_H

#include "access/htup.h"
#include "access/itup.h"

#include "rows/scan.h"
#include "rows/specs.h"

/* A row's columns are those of the table's spec. */
typedef struct Row
{
	const Ledger *ledger;
	LedgerTable table;
	TupleTableSlot *slot;		/* it is in one of these three */
	IndexTuple	index_tuple;
	HeapTuple	tuple;			/* a query's result */
	TupleDesc	desc;			/* of the latter two */
	const AttrNumber *numbers;	/* of the columns, in the former two */
} Row;

/* What is to be written of a row; a new one is null in what was not set. */
typedef struct RowValues
{
	LedgerTable table;
	Datum		values[MAX_TABLE_COLUMNS];
	bool		nulls[MAX_TABLE_COLUMNS];
	bool		set[MAX_TABLE_COLUMNS];
} RowValues;

typedef struct RowList
{
	Row			row;			/* the one that was read */
	bool		is_scan;
	RowScan		scan;
	uint64		next;			/* of a query's result */
} RowList;

extern bool row_find(Ledger *ledger, LedgerTable table, int64 key, Row *row);
extern bool row_find_unique(Ledger *ledger, LedgerTable table, Datum first, Datum second,
							Row *row);
extern bool row_lock(Ledger *ledger, LedgerTable table, int64 key, Row *row);

extern void row_list(RowList *list, Ledger *ledger, LedgerTable table, int which, int64 key,
					 TimestampTz after);
extern void row_list_at_least(RowList *list, Ledger *ledger, LedgerTable table, int which,
							  int64 key, TimestampTz after);
extern void row_list_all(RowList *list, Ledger *ledger, LedgerTable table);
extern bool row_next(RowList *list);
extern void row_list_end(RowList *list);

extern RowValues *begin_values(LedgerTable table);
extern void set_value(RowValues *row, int column, Datum value);
extern void set_int8(RowValues *row, int column, int64 value);
extern void set_int8_or_null(RowValues *row, int column, const int64 *value);
extern void set_text_or_null(RowValues *row, int column, text *value);
extern void set_money(RowValues *row, int column, const Ledger *ledger, int64 minor_units);
extern void set_enum(RowValues *row, int column, int value);
extern void set_now(RowValues *row, int column);
extern void row_insert(Ledger *ledger, const RowValues *row);
extern bool row_insert_once(Ledger *ledger, const RowValues *row, Row *written);
extern void row_update(Ledger *ledger, int64 key, const RowValues *row);
extern void row_delete_list(Ledger *ledger, LedgerTable table, int which, int64 key);

extern bool row_is_exact(Ledger *ledger, LedgerTable table);
extern bool row_runs_no_code(Ledger *ledger, LedgerTable table, RowAccess access);

extern Datum row_value(const Row *row, int column, bool *isnull);
extern bool row_bool(const Row *row, int column);
extern int32 row_int4(const Row *row, int column);
extern int64 row_int8(const Row *row, int column);
extern int64 row_money(const Row *row, int column);
extern int	row_enum(const Row *row, int column);
extern Datum row_needed(const Row *row, int column);
extern bool row_int8_or_null(const Row *row, int column, int64 *value);
extern int32 *row_copy_int4(const Row *row, int column);
extern bool row_is_committed(const Row *row);

#endif							/* REGPAYDB_ROW_H */
