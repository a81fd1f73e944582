/*
 * direct_table.h
 *	  An open table, shared by direct.c, direct_read.c and direct_write.c.
 */
#ifndef REGPAYDB_DIRECT_TABLE_H
#define REGPAYDB_DIRECT_TABLE_H

#include "postgres.h"

#include "access/genam.h"
#include "executor/tuptable.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"
#include "utils/snapshot.h"

#include "base/compat.h"
#include "rows/direct.h"

struct DirectTable
{
	const TableInfo *info;
	bool		read_only;		/* reads what the calling query sees */
	DirectAccess access;		/* what it is locked for */
	bool		deletes;		/* rows that are listed may be deleted */
	Relation	rel;
	Relation	key_index;
	IndexScanDesc scan;
	ScanKeyData scan_key;		/* of it, for any key */
	Snapshot	snapshot;
	int64		last_written;	/* keys up to this one were written since */
	bool		written;
	bool		found;			/* whether slot holds a row, and of which key */
	int64		found_key;
	bool		locked;			/* and whether it is locked */
	TupleTableSlot *slot;
	TupleTableSlot *new_slot;
	TupleTableSlot *list_slot;
	EState	   *estate;			/* and the rest, for writing */
	ResultRelInfo *result;
	bool		indexes_open;
	bool		indexes_once;
};

extern DirectScope *direct_current;

extern void direct_check_not_read_only(const char *command);
pg_noreturn extern void direct_concurrent_change(const char *change);

#endif							/* REGPAYDB_DIRECT_TABLE_H */
