/*
 * inspect.h
 *	  Whether a ledger's table is one whose rows need no SQL.
 */
#ifndef REGPAYDB_INSPECT_H
#define REGPAYDB_INSPECT_H

#include "ledger/ledger.h"
#include "rows/table_info.h"

extern const TableInfo *table_info(Ledger *ledger, LedgerTable table, Relation rel);
extern bool table_info_is_current(const Ledger *ledger, const TableInfo *info);

#endif							/* REGPAYDB_INSPECT_H */
