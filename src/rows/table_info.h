/*
 * table_info.h
 *	  What the engine knows of a ledger's table whose rows it reads and writes
 *	  without SQL.
 */
#ifndef REGPAYDB_TABLE_INFO_H
#define REGPAYDB_TABLE_INFO_H

#include "access/attnum.h"
#include "nodes/bitmapset.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"

#include "ledger/ledger.h"
#include "rows/specs.h"

/*
 * A table of a ledger.  Never changed once it is made: when the table or code that
 * it uses changes, another one takes its place, and this one lives on until the
 * end of the transaction, as somebody may be using it.
 */
typedef struct TableInfo
{
	MemoryContext context;
	uint64		ledger_loads;	/* what it was made from */
	uint64		code_changes;

	bool		columns_fit;	/* they are of the types in the spec */

	/* Whether this makes of rows what SQL makes of them. */
	bool		can_find;		/* by the key */
	bool		can_list;
	bool		can_update;
	bool		can_insert;
	bool		can_delete;

	AttrNumber	columns[MAX_TABLE_COLUMNS];
	bool		inserted[MAX_TABLE_COLUMNS];	/* those whose values we give */
	int			ncolumns;
	Bitmapset  *updated_columns;	/* as RangeTblEntry has them */
	Oid			key_index;		/* of the first of the columns */
	Oid			unique_index;	/* of two columns, by which rows are inserted once */
	Oid			list_indexes[MAX_LISTS];

	/* One at a time may evaluate these: see open_table.c. */
	ExprState **checks;			/* as ResultRelInfo has them */
	ExprState **defaults;		/* by column, NULL for those that have none */

	/* Whether triggers are fired after a row: those of keys and foreign keys. */
	bool		insert_fires;
	bool		update_fires;
	bool		update_keeps_keys;
} TableInfo;

#endif							/* REGPAYDB_TABLE_INFO_H */
