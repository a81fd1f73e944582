/*
 * direct.h
 *	  Rows of the ledger's tables found, locked and written through the table
 *	  and index interfaces.
 */
#ifndef REGPAYDB_DIRECT_H
#define REGPAYDB_DIRECT_H

#include "postgres.h"

#include "access/genam.h"
#include "access/tableam.h"
#include "datatype/timestamp.h"
#include "storage/buf.h"
#include "storage/itemptr.h"

#include "ledger/ledger.h"
#include "rows/table.h"

typedef struct DirectTable DirectTable;

/* What an engine call has open.  The engine's, embedded in its own. */
typedef struct DirectScope
{
	struct DirectScope *outer;
	MemoryContext caller_context;
	MemoryContext parent;		/* of context */
	MemoryContext context;		/* NULL until something is opened */
	bool		steady;			/* standing.c looks whether the tables are good */
	bool		connected;		/* to SPI */
	bool		wrote;
	DirectTable *tables[LEDGER_TABLES];
} DirectScope;

typedef enum DirectAccess
{
	DIRECT_READ,
	DIRECT_LIST,
	DIRECT_UPDATE,				/* or lock */
	DIRECT_INSERT,
	DIRECT_DELETE				/* what is listed */
} DirectAccess;

/* Rows of a table, one after the other. */
typedef struct DirectList
{
	DirectTable *table;
	const AttrNumber *index_columns;	/* NULL where rows are read from the table */
	bool		in_index;		/* the row is read from there */
	bool		any_version;	/* rows that are gone are listed, too */
	Relation	index;
	IndexScanDesc scan;
	TableScanDesc table_scan;	/* or this, of a whole table */
	Snapshot	snapshot;
	Buffer		map_buffer;
} DirectList;

extern void direct_begin(DirectScope *scope);
extern void direct_end(DirectScope *scope);
extern void direct_resume(DirectScope *scope);
extern void direct_suspend(DirectScope *scope);
extern void direct_close(DirectScope *scope);
extern DirectScope *direct_begin_sql(void);
extern void direct_end_sql(DirectScope *scope);

extern DirectTable *direct_open(Ledger *ledger, LedgerTable table, DirectAccess access);
extern bool direct_find(DirectTable *table, int64 key);
extern bool direct_find_at(DirectTable *table, ItemPointer tid, int64 key);
extern bool direct_find_now(DirectTable *table, int64 key);
extern ItemPointer direct_tid(DirectTable *table);
extern bool direct_is_locked(DirectTable *table, int64 key);
extern bool direct_is_own(DirectTable *table);
extern bool direct_lock(DirectTable *table, int64 key);
extern Datum direct_value(DirectTable *table, int column, bool *isnull);
extern Datum direct_needed_value(DirectTable *table, int column);
extern bool direct_update(DirectTable *table, int64 key, bool locked, const Datum *values,
						  const bool *nulls, const bool *replaced);
extern bool direct_insert(DirectTable *table, const Datum *values, const bool *nulls,
						  bool once);
extern void direct_list(DirectList *list, DirectTable *table, int which, int64 key,
						TimestampTz after);
extern bool direct_list_entries(DirectList *list, DirectTable *table, int which, int64 key,
								TimestampTz after);
extern void direct_list_all(DirectList *list, DirectTable *table);
extern bool direct_list_next(DirectList *list);
extern Datum direct_list_value(DirectList *list, int column, bool *isnull);
extern Datum direct_list_needed_value(DirectList *list, int column);
extern ItemPointer direct_list_tid(DirectList *list);
extern void direct_list_end(DirectList *list);
extern bool direct_delete(DirectTable *table, ItemPointer tid, int64 key);
extern bool direct_has_unique_index(DirectTable *table);
extern bool direct_find_unique(DirectTable *table, Datum first, Datum second);

#endif							/* REGPAYDB_DIRECT_H */
