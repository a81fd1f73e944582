/*
 * ledger_rows.h
 *	  The ledger itself: its settings, its staff, its sums.
 */
#ifndef REGPAYDB_LEDGER_ROWS_H
#define REGPAYDB_LEDGER_ROWS_H

#include "datatype/timestamp.h"

#include "ledger/ledger.h"

extern char *row_ledger_version(Ledger *ledger);
extern int	row_access_code_length(Ledger *ledger);
extern bool row_has_payments(Ledger *ledger);
extern bool row_is_staff(Ledger *ledger, int64 user_id);
extern void row_integrity_problems(Ledger *ledger, const TimestampTz *since);
extern void row_reconciliation(Ledger *ledger, TimestampTz as_of);

#endif							/* REGPAYDB_LEDGER_ROWS_H */
