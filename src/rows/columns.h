/*
 * columns.h
 *	  Between the columns of a query's result, or its arguments, and C.
 */
#ifndef REGPAYDB_COLUMNS_H
#define REGPAYDB_COLUMNS_H

#include "postgres.h"

#include "ledger/ledger.h"
#include "rows/direct.h"

extern Datum needed_column(uint64 row, int number);
extern int32 int4_column(uint64 row, int number);
extern int64 int8_column(uint64 row, int number);
extern bool int8_or_null_column(uint64 row, int number, int64 *value);
extern bool key_of_result(uint64 nrows, int64 *key);
extern int64 money_column(const Ledger *ledger, uint64 row, int number);
extern int	enum_column(uint64 row, int number, const char *const *names, int nnames);
extern bool is_of_now(TimestampTz time, int32 typmod);
extern void check_is_of_now(int number, const char *table);
extern int64 *int8_columns(int number, int *nvalues);

extern int64 direct_money(const Ledger *ledger, DirectTable *table, int column, const char *name);
extern Datum money_datum(const Ledger *ledger, int64 minor_units);
extern Datum nullable_int8(const int64 *value, char *null);
extern Datum nullable_text(text *value, char *null);
extern Datum int8_array_datum(const int64 *values, int nvalues);

#endif							/* REGPAYDB_COLUMNS_H */
