/*
 * statement.h
 *	  What is done to the rows of a table by SQL, made from the table's spec.
 */
#ifndef REGPAYDB_STATEMENT_H
#define REGPAYDB_STATEMENT_H

#include "rows/plan.h"

extern uint64 run_statement(Ledger *ledger, LedgerTable table, StatementKind kind,
							const Datum *args, const bool *nulls);
extern uint64 run_own_statement(Ledger *ledger, LedgerTable table, StatementKind kind, int64 id,
								const Datum *args, const bool *nulls);
extern uint64 run_update(Ledger *ledger, LedgerTable table, int64 key, const Datum *values,
						 const bool *nulls, const bool *replaced);

#endif							/* REGPAYDB_STATEMENT_H */
