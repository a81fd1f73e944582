/*
 * result.c
 *	  Reads the columns of a query's result, and makes its arguments.
 *
 * Rows count from 0, columns from 1.  The texts in query.h cast every column,
 * so that its type is known.
 */
#include "postgres.h"

#include "access/xact.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "utils/array.h"
#include "utils/builtins.h"
#include "utils/timestamp.h"

#include "base/money.h"
#include "ledger/engine_call.h"
#include "rows/result.h"

/* needed_column: a column of the last result that can't be null. */
Datum
needed_column(uint64 row, int number)
{
	bool		isnull;
	Datum		value = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
									  number, &isnull);

	if (isnull)
		elog(ERROR, "unexpected null in column \"%s\" of a ledger",
			 SPI_fname(SPI_tuptable->tupdesc, number));
	return value;
}

int32
int4_column(uint64 row, int number)
{
	return DatumGetInt32(needed_column(row, number));
}

int64
int8_column(uint64 row, int number)
{
	return DatumGetInt64(needed_column(row, number));
}

/* int8_or_null_column: false where it is null. */
bool
int8_or_null_column(uint64 row, int number, int64 *value)
{
	bool		isnull;
	Datum		datum = SPI_getbinval(SPI_tuptable->vals[row], SPI_tuptable->tupdesc,
									  number, &isnull);

	*value = isnull ? 0 : DatumGetInt64(datum);
	return !isnull;
}

/* key_of_result: the first column of a query's only row; false where it has none. */
bool
key_of_result(uint64 nrows, int64 *key)
{
	if (nrows == 0)
		return false;
	*key = int8_column(0, 1);
	return true;
}

/* money_column: in minor units. */
int64
money_column(const Ledger *ledger, uint64 row, int number)
{
	return money_from_numeric(DatumGetNumeric(needed_column(row, number)), ledger->decimals,
							  SPI_fname(SPI_tuptable->tupdesc, number));
}

/*
 * is_of_now
 *		Whether a time is that of this transaction, as a column with this modifier
 *		holds it.
 */
bool
is_of_now(TimestampTz time, int32 typmod)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();

	return time == now ||
		time == DatumGetTimestampTz(DirectFunctionCall2(timestamptz_scale,
														TimestampTzGetDatum(now),
														Int32GetDatum(typmod)));
}

/*
 * check_time
 *		Raise 09000 where the time of a row that was written is not that of this
 *		transaction, as a column with this modifier holds it: sums of the past stay
 *		what they were.
 */
void
check_time(TimestampTz time, int32 typmod, const char *table)
{
	if (!is_of_now(time, typmod))
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
				 errmsg("the time of a row of table \"%s\" was changed while it was recorded", table),
				 errdetail("New rows are of the time of their transaction."),
				 errhint("Triggers on a ledger's tables must let the engine's rows pass.")));
}

/* int8_columns: a column of every row of the last result. */
int64 *
int8_columns(int number, int *nvalues)
{
	int64	   *values = palloc(Max(SPI_processed, 1) * sizeof(int64));

	*nvalues = (int) SPI_processed;
	for (uint64 row = 0; row < SPI_processed; row++)
		values[row] = int8_column(row, number);
	return values;
}

Datum
money_datum(const Ledger *ledger, int64 minor_units)
{
	return NumericGetDatum(money_to_numeric(minor_units, ledger->decimals));
}

/* nullable_int8: an argument that may be NULL; null is its place in nulls. */
Datum
nullable_int8(const int64 *value, char *null)
{
	*null = value == NULL ? 'n' : ' ';
	return value == NULL ? (Datum) 0 : Int64GetDatum(*value);
}

Datum
nullable_text(text *value, char *null)
{
	*null = value == NULL ? 'n' : ' ';
	return PointerGetDatum(value);
}

/* copy_result: of pass-by-reference type, to where the engine call was made from. */
Datum
copy_result(Datum value)
{
	MemoryContext save_context = MemoryContextSwitchTo(engine_call->caller_context);
	Datum		copy = PointerGetDatum(PG_DETOAST_DATUM_COPY(value));

	MemoryContextSwitchTo(save_context);
	return copy;
}

Datum
int8_array_datum(const int64 *values, int nvalues)
{
	Datum	   *elements = palloc(Max(nvalues, 1) * sizeof(Datum));

	for (int i = 0; i < nvalues; i++)
		elements[i] = Int64GetDatum(values[i]);
	return PointerGetDatum(construct_array(elements, nvalues, INT8OID, sizeof(int64),
										   FLOAT8PASSBYVAL, TYPALIGN_DOUBLE));
}
