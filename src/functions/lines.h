/*
 * lines.h
 *	  The lines of an invoice, and which of them are returned, as jsonb.
 */
#ifndef REGPAYDB_LINES_H
#define REGPAYDB_LINES_H

#include "postgres.h"

#include "utils/jsonb.h"

#include "ledger/model.h"

extern LineItemRow *parse_lines(Ledger *ledger, Jsonb *json, int *nlines);
extern ReturnedLine *parse_returned(Jsonb *json, int *nlines);

#endif							/* REGPAYDB_LINES_H */
