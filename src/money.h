/*
 * money.h
 *	  Between numeric, which SQL sees, and int64 minor units, which the engine
 *	  counts in.  Spec section 1.
 */
#ifndef REGPAYDB_MONEY_H
#define REGPAYDB_MONEY_H

#include "postgres.h"

#include "utils/numeric.h"

#include "invoice_state.h"

extern int64 money_from_numeric(Numeric amount, const char *what);
extern Numeric money_to_numeric(int64 minor_units);
extern char *money_to_cstring(int64 minor_units);

#endif							/* REGPAYDB_MONEY_H */
