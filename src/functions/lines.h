/*
 * lines.h
 *	  The lines of a manual invoice, as jsonb.
 */
#ifndef REGPAYDB_LINES_H
#define REGPAYDB_LINES_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "ledger/model.h"

extern LineItemRow *parse_lines(Jsonb *lines, int decimals, int *nlines);

#endif							/* REGPAYDB_LINES_H */
