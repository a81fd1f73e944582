/*
 * statement.h
 *	  What is done to the rows of a table by SQL, made from the table's spec.
 */
#ifndef REGPAYDB_STATEMENT_H
#define REGPAYDB_STATEMENT_H

#include "datatype/timestamp.h"

#include "ledger/ledger.h"

extern uint64 statement_find(Ledger *ledger, LedgerTable table, int64 key);
extern uint64 statement_find_unique(Ledger *ledger, LedgerTable table, Datum first,
									Datum second);
extern uint64 statement_lock(Ledger *ledger, LedgerTable table, int64 key);
extern uint64 statement_list(Ledger *ledger, LedgerTable table, int which, int64 key,
							 TimestampTz after);
extern uint64 statement_list_all(Ledger *ledger, LedgerTable table);
extern uint64 statement_insert(Ledger *ledger, LedgerTable table, const Datum *values,
							   const bool *nulls);
extern uint64 statement_insert_own(Ledger *ledger, LedgerTable table, const Datum *values,
								   const bool *nulls, bool once);
extern uint64 statement_update(Ledger *ledger, LedgerTable table, int64 key,
							   const Datum *values, const bool *nulls, const bool *replaced);
extern void statement_delete(Ledger *ledger, LedgerTable table, int which, int64 key);

#endif							/* REGPAYDB_STATEMENT_H */
