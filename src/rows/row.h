/*
 * row.h
 *	  The rows of a ledger's tables: found, locked, listed and written.
 *
 * Each of these goes through the table and index interfaces where that makes of a
 * row what SQL makes of it, and else by a statement that is made from the same
 * spec; who calls it can't tell.  A row's values are there until the next one of
 * these, or the next query.
 */
#ifndef REGPAYDB_ROW_H
#define REGPAYDB_ROW_H

#include "rows/scan.h"
#include "rows/values.h"

typedef struct RowList
{
	Row			row;			/* the one that was read */
	bool		is_scan;
	RowScan		scan;
	uint64		next;			/* of a query's result */
} RowList;

extern bool row_find(Ledger *ledger, LedgerTable table, int64 key, Row *row);
extern bool row_find_unique(Ledger *ledger, LedgerTable table, Datum first, Datum second,
							Row *row);
extern bool row_try_lock(Ledger *ledger, LedgerTable table, int64 key, Row *row);
extern bool row_wait(Ledger *ledger, LedgerTable table, int64 key);
extern bool row_lock(Ledger *ledger, LedgerTable table, int64 key, Row *row);

extern void row_list(RowList *list, Ledger *ledger, LedgerTable table, int which, int64 key);
extern void row_list_all(RowList *list, Ledger *ledger, LedgerTable table);
extern bool row_next(RowList *list);
extern void row_list_end(RowList *list);

extern void row_insert(Ledger *ledger, const RowValues *row, Row *written);
extern bool row_insert_once(Ledger *ledger, const RowValues *row, Row *written);
extern void row_update(Ledger *ledger, int64 key, const RowValues *row);
extern void row_delete_list(Ledger *ledger, LedgerTable table, int which, int64 key);

extern bool row_is_exact(Ledger *ledger, LedgerTable table);
extern bool row_runs_no_code(Ledger *ledger, LedgerTable table, RowAccess access);

#endif							/* REGPAYDB_ROW_H */
