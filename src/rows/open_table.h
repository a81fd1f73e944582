/*
 * open_table.h
 *	  A ledger's table that is open in an engine call, for its rows to be read and
 *	  written through the table and index interfaces.
 */
#ifndef REGPAYDB_OPEN_TABLE_H
#define REGPAYDB_OPEN_TABLE_H

#include "access/genam.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "storage/lockdefs.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "ledger/engine_call.h"
#include "rows/table_info.h"

/* What is to be done with a table's rows. */
typedef enum RowAccess
{
	ROW_FIND,					/* by their key */
	ROW_FIND_UNIQUE,			/* by the pair of columns that is unique */
	ROW_LIST,
	ROW_UPDATE,					/* or lock */
	ROW_INSERT,
	ROW_INSERT_ONCE,			/* by that pair */
	ROW_DELETE					/* what is listed */
} RowAccess;

typedef struct OpenTable
{
	const TableInfo *info;
	bool		read_only;		/* reads what the calling query sees */
	LOCKMODE	lockmode;
	Relation	rel;
	Relation	key_index;
	IndexScanDesc scan;
	ScanKeyData scan_key;		/* of it, for any key */
	Snapshot	snapshot;
	CommandId	command;		/* up to which it showed our own when it was taken */
	int64		last_written;	/* the highest key written since it was taken */
	bool		written;		/* whether there is one */
	bool		found;			/* whether slot holds a row, and of which key */
	int64		found_key;
	bool		locked;			/* and whether it is locked */
	TupleTableSlot *slot;
	TupleTableSlot *new_slot;
	TupleTableSlot *list_slot;
	EState	   *estate;			/* this and what follows: for writing */
	ResultRelInfo *result;
	bool		indexes_open;
	bool		indexes_once;
} OpenTable;

extern bool needs_no_sql(const TableInfo *info, RowAccess access);
extern OpenTable *open_table(Ledger *ledger, LedgerTable id, RowAccess access);
extern void open_tables_close(EngineCall *call);
extern void begin_sql(void);
extern void end_rows(EngineCall *call);

#endif							/* REGPAYDB_OPEN_TABLE_H */
