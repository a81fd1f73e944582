/*
 * lines.h
 *	  The lines of a manual invoice, as jsonb.
 */
#ifndef REGPAYDB_LINES_H
#define REGPAYDB_LINES_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "rows.h"

extern LineItemRow *parse_lines(Jsonb *lines, int decimals, int *nlines);
extern int64 value_of_lines(const LineItemRow *lines, int nlines, int decimals);

#endif							/* REGPAYDB_LINES_H */
