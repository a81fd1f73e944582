/*
 * statement.h
 *	  What is done to the rows of a table by SQL, made from the table's spec.
 */
#ifndef REGPAYDB_STATEMENT_H
#define REGPAYDB_STATEMENT_H

#include "rows/plan.h"

extern uint64 run_statement(Ledger *ledger, LedgerTable table, StatementKind kind,
							const Datum *args);
extern void run_delete(Ledger *ledger, LedgerTable table, int which, int64 key);
extern uint64 run_insert(Ledger *ledger, LedgerTable table, StatementKind kind,
						 const Datum *values, const bool *nulls);
extern uint64 run_own_insert(Ledger *ledger, LedgerTable table, StatementKind kind, int64 id,
							 const Datum *values, const bool *nulls);
extern uint64 run_update(Ledger *ledger, LedgerTable table, int64 key, const Datum *values,
						 const bool *nulls, const bool *replaced);

#endif							/* REGPAYDB_STATEMENT_H */
