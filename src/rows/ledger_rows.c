/*
 * ledger_rows.c
 *	  The ledger itself: its settings, its staff, its sums.
 */
#include "postgres.h"

#include "executor/spi.h"

#include "rows/ledger_rows.h"
#include "rows/plan.h"
#include "rows/result.h"
#include "rows/row.h"

/* row_ledger_version: the ledger's version as it is now, or NULL where there is no row. */
char *
row_ledger_version(Ledger *ledger)
{
	if (run_query_now(ledger, Q_LEDGER_VERSION, NULL, NULL) == 0)
		return NULL;
	return SPI_getvalue(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, 1);
}

int
row_access_code_length(Ledger *ledger)
{
	if (run_query(ledger, Q_ACCESS_CODE_LENGTH, NULL, NULL) == 0)
		no_ledger(ledger->schema_name);
	return DatumGetInt32(needed_column(0, 1));
}

/* row_has_payments: whether there are any now. */
bool
row_has_payments(Ledger *ledger)
{
	return run_query_now(ledger, Q_HAS_PAYMENTS, NULL, NULL) > 0;
}

bool
row_is_staff(Ledger *ledger, int64 user_id)
{
	Row			row;

	return row_find(ledger, STAFF, user_id, &row);
}

/*
 * row_integrity_problems: leaves (object, problem) rows in SPI_tuptable, those of what
 * moved since then, or of all of the ledger where that is NULL.
 */
void
row_integrity_problems(Ledger *ledger, const TimestampTz *since)
{
	if (since == NULL)
		run_query(ledger, Q_INTEGRITY_PROBLEMS, NULL, NULL);
	else
	{
		Datum		args[] = {TimestampTzGetDatum(*since)};

		run_query(ledger, Q_INTEGRITY_PROBLEMS_SINCE, args, NULL);
	}
}

/*
 * row_reconciliation: leaves the row of regpaydb.reconciliation() in
 * SPI_tuptable.
 */
void
row_reconciliation(Ledger *ledger, TimestampTz as_of)
{
	Datum		args[] = {TimestampTzGetDatum(as_of)};

	run_query(ledger, Q_RECONCILIATION, args, NULL);
}
