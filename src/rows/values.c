/*
 * values.c
 *	  The values of a row: read from one that was found, and set in one that is to be
 *	  written.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/sysattr.h"
#include "access/xact.h"
#include "catalog/pg_type.h"
#include "fmgr.h"
#include "utils/datum.h"
#include "utils/fmgrprotos.h"
#include "utils/lsyscache.h"

#include "base/money.h"
#include "rows/result.h"
#include "rows/values.h"

/* ---- read ---- */

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
	return result_value(row, column, isnull);
}

/* row_is_null: whether a column is null, whatever its type. */
bool
row_is_null(const Row *row, int column)
{
	return row->slot != NULL ? slot_attisnull(row->slot, row->numbers[column]) :
		heap_attisnull(row->tuple, column + 1, row->desc);
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

/* row_copy_text: the same of a text. */
text *
row_copy_text(const Row *row, int column)
{
	bool		isnull;
	Datum		value = row_value(row, column, &isnull);

	return isnull ? NULL : DatumGetTextPCopy(value);
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

/* Whether a column has what was to be written, as STAYS has it. */
static bool
has_value(const Row *row, int column, const RowValues *values)
{
	int			type = table_specs[row->table].columns[column].type;
	Datum		wanted = values->values[column];
	bool		isnull;
	Datum		value = row_value(row, column, &isnull);

	if (isnull || values->nulls[column])
		return isnull == values->nulls[column];
	switch (type)
	{
		case TYPE_MONEY:
			return DatumGetBool(DirectFunctionCall2(numeric_eq, value, wanted));
		case TYPE_INT4:
			return DatumGetInt32(value) == DatumGetInt32(wanted);
		case TYPE_INT8:
			return DatumGetInt64(value) == DatumGetInt64(wanted);
		case TYPE_BOOL:
			return DatumGetBool(value) == DatumGetBool(wanted);
		case TYPE_TEXT:
			return datum_image_eq(value, wanted, false, -1);
		default:
			Assert(type >= TYPE_ENUM);
			return DatumGetObjectId(value) == DatumGetObjectId(wanted);
	}
}

/* Whether a column was set that stays what it is then. */
static bool
stays(const RowValues *row, int column)
{
	return row->set[column] && (table_specs[row->table].columns[column].written & STAYS) != 0;
}

/* row_has_values: whether a row that was written has what has to stay. */
bool
row_has_values(const Row *row, const RowValues *values)
{
	for (int i = 0; i < table_specs[row->table].ncolumns; i++)
		if (stays(values, i) && !has_value(row, i, values))
			return false;
	return true;
}

/*
 * row_check_time
 *		Raise 09000 where a time of a row that was written is not that of this
 *		transaction, if the column still holds times.
 */
void
row_check_time(const Row *row, int column)
{
	Form_pg_attribute att = row->slot != NULL ?
		TupleDescAttr(row->slot->tts_tupleDescriptor, row->numbers[column] - 1) :
		TupleDescAttr(row->desc, column);

	if (att->atttypid == TIMESTAMPTZOID)
		check_time(DatumGetTimestampTz(row_needed(row, column)), att->atttypmod,
				   ledger_table_names[row->table]);
}

/* ---- set ---- */

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

/* any_stays: whether anything was set that has to stay. */
bool
any_stays(const RowValues *row)
{
	for (int i = 0; i < table_specs[row->table].ncolumns; i++)
		if (stays(row, i))
			return true;
	return false;
}
