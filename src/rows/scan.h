/*
 * scan.h
 *	  Rows found by their key, locked, and listed by an index, through the table
 *	  and index interfaces.
 */
#ifndef REGPAYDB_SCAN_H
#define REGPAYDB_SCAN_H

#include "access/tableam.h"
#include "storage/itemptr.h"

#include "rows/open_table.h"

/* Rows of a table, one after the other. */
typedef struct RowScan
{
	OpenTable  *table;
	Relation	index;
	IndexScanDesc index_scan;
	TableScanDesc table_scan;	/* or this, of a whole table */
	Snapshot	snapshot;
} RowScan;

extern bool scan_find(OpenTable *table, int64 key);
extern bool scan_find_unique(OpenTable *table, Datum first, Datum second);
extern bool scan_try_lock(OpenTable *table, int64 key);
extern bool scan_lock(OpenTable *table, int64 key);
extern bool scan_wait(OpenTable *table, int64 key);

extern void scan_list(RowScan *scan, OpenTable *table, int which, int64 key);
extern void scan_list_all(RowScan *scan, OpenTable *table);
extern bool scan_next(RowScan *scan);
extern void scan_end(RowScan *scan);

extern void check_not_read_only(const char *command);
pg_noreturn extern void concurrent_change(const char *change);

#endif							/* REGPAYDB_SCAN_H */
