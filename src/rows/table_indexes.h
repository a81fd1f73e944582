/*
 * table_indexes.h
 *	  The indexes by which a table's rows are found.
 */
#ifndef REGPAYDB_TABLE_INDEXES_H
#define REGPAYDB_TABLE_INDEXES_H

#include "rows/table.h"

extern Oid	find_key_index(const TableInfo *info, Relation rel);
extern bool find_list_indexes(TableInfo *info, LedgerTable table, Relation rel);
extern Oid	find_unique_index(const TableInfo *info, Relation rel);

#endif							/* REGPAYDB_TABLE_INDEXES_H */
