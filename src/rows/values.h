/*
 * values.h
 *	  The values of a row, read or to be written.
 */
#ifndef REGPAYDB_VALUES_H
#define REGPAYDB_VALUES_H

#include "access/htup.h"
#include "executor/tuptable.h"

#include "rows/specs.h"

/* A row's columns are those of the table's spec. */
typedef struct Row
{
	const Ledger *ledger;
	LedgerTable table;
	TupleTableSlot *slot;		/* it is in this */
	const AttrNumber *numbers;	/* of the columns there */
	HeapTuple	tuple;			/* or, with slot NULL, a query's result */
	TupleDesc	desc;			/* of that */
} Row;

/* What is to be written of a row; a new one is null in what was not set. */
typedef struct RowValues
{
	LedgerTable table;
	Datum		values[MAX_TABLE_COLUMNS];
	bool		nulls[MAX_TABLE_COLUMNS];
	bool		set[MAX_TABLE_COLUMNS];
} RowValues;

extern Datum row_value(const Row *row, int column, bool *isnull);
extern bool row_is_null(const Row *row, int column);
extern bool row_bool(const Row *row, int column);
extern int32 row_int4(const Row *row, int column);
extern int64 row_int8(const Row *row, int column);
extern int64 row_money(const Row *row, int column);
extern int	row_enum(const Row *row, int column);
extern Datum row_needed(const Row *row, int column);
extern bool row_int8_or_null(const Row *row, int column, int64 *value);
extern int32 *row_copy_int4(const Row *row, int column);
extern text *row_copy_text(const Row *row, int column);
extern bool row_is_committed(const Row *row);
extern bool row_has_values(const Row *row, const RowValues *values);
extern void row_check_time(const Row *row, int column);

extern RowValues *begin_values(LedgerTable table);
extern void set_value(RowValues *row, int column, Datum value);
extern void set_int8(RowValues *row, int column, int64 value);
extern void set_int8_or_null(RowValues *row, int column, const int64 *value);
extern void set_text_or_null(RowValues *row, int column, text *value);
extern void set_money(RowValues *row, int column, const Ledger *ledger, int64 minor_units);
extern void set_enum(RowValues *row, int column, int value);
extern void set_now(RowValues *row, int column);
extern bool any_stays(const RowValues *row);

#endif							/* REGPAYDB_VALUES_H */
