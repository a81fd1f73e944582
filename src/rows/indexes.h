/*
 * indexes.h
 *	  The indexes by which a table's rows are found.
 */
#ifndef REGPAYDB_INDEXES_H
#define REGPAYDB_INDEXES_H

#include "rows/table_info.h"

extern Oid	find_key_index(const TableInfo *info, Relation rel);
extern bool find_list_indexes(TableInfo *info, LedgerTable table, Relation rel);
extern Oid	find_unique_index(const TableInfo *info, LedgerTable table, Relation rel);

#endif							/* REGPAYDB_INDEXES_H */
