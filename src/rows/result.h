/*
 * result.h
 *	  Between the columns of a query's result, or its arguments, and C.
 */
#ifndef REGPAYDB_RESULT_H
#define REGPAYDB_RESULT_H

#include "datatype/timestamp.h"

#include "ledger/ledger.h"

extern Datum needed_column(uint64 row, int number);
extern int32 int4_column(uint64 row, int number);
extern int64 int8_column(uint64 row, int number);
extern bool int8_or_null_column(uint64 row, int number, int64 *value);
extern bool key_of_result(uint64 nrows, int64 *key);
extern int64 money_column(const Ledger *ledger, uint64 row, int number);
extern bool is_of_now(TimestampTz time, int32 typmod);
extern void check_time(TimestampTz time, int32 typmod, const char *table);
extern Datum copy_result(Datum value);
extern int64 *int8_columns(int number, int *nvalues);

extern Datum money_datum(const Ledger *ledger, int64 minor_units);
extern Datum nullable_int8(const int64 *value, char *null);
extern Datum nullable_text(text *value, char *null);
extern Datum int8_array_datum(const int64 *values, int nvalues);

#endif							/* REGPAYDB_RESULT_H */
