/*
 * modify.h
 *	  Rows inserted, updated and deleted through the table and index interfaces.
 */
#ifndef REGPAYDB_MODIFY_H
#define REGPAYDB_MODIFY_H

#include "rows/open_table.h"

extern bool modify_update(OpenTable *table, int64 key, const Datum *values, const bool *nulls,
						  const bool *replaced);
extern bool modify_insert(OpenTable *table, const Datum *values, const bool *nulls, bool once);
extern bool modify_delete(OpenTable *table, ItemPointer tid, int64 key);

#endif							/* REGPAYDB_MODIFY_H */
