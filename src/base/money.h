/*
 * money.h
 *	  Between numeric, which SQL sees, and int64 minor units, which the engine
 *	  counts in.  Spec section 1.
 *
 * decimals is how many the ledger's currency has: 0, 2 or 3.
 */
#ifndef REGPAYDB_MONEY_H
#define REGPAYDB_MONEY_H

#include "postgres.h"

#include "utils/numeric.h"

/* An amount has so many digits before the decimal point at most. */
#define MONEY_DIGITS	12

/* ... and at most so many after it. */
#define MAX_DECIMALS	3

/* The type of a ledger's money columns, as atttypmod has it. */
#define MONEY_TYPMOD(decimals) \
	((((MONEY_DIGITS + (decimals)) << 16) | (decimals)) + (int32) VARHDRSZ)

extern int	currency_decimals(const char *currency);
extern int64 money_max(int decimals);
extern int64 money_from_numeric(Numeric amount, int decimals, const char *what);
extern Numeric money_to_numeric(int64 minor_units, int decimals);
extern char *money_to_cstring(int64 minor_units, int decimals);

#endif							/* REGPAYDB_MONEY_H */
