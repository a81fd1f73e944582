/*
 * money.c
 *	  numeric to int64 minor units and back; nothing is ever rounded.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "errors.h"
#include "money.h"

#define MINOR_DIGITS	2
#define MINOR_PER_UNIT	100

/* Numbers that every amount is compared or multiplied with. */
static Datum limit;
static Datum negative_limit;
static Datum minor_per_unit;

static Datum
make_constant(int64 value)
{
	MemoryContext save_context = MemoryContextSwitchTo(TopMemoryContext);
	Datum		result = NumericGetDatum(int64_to_numeric(value));

	MemoryContextSwitchTo(save_context);
	return result;
}

static void
make_constants(void)
{
	limit = make_constant(MONEY_MAX / MINOR_PER_UNIT + 1);
	negative_limit = make_constant(-(MONEY_MAX / MINOR_PER_UNIT + 1));
	minor_per_unit = make_constant(MINOR_PER_UNIT);
}

/*
 * money_from_numeric
 *		An amount of money as int64 minor units.
 *
 * what names the amount in messages.  Trailing zeros beyond the second
 * decimal are no loss and are accepted.
 *
 * Raises RP003 on NaN, infinity, more than two decimals, and what
 * numeric(14,2) can't hold.
 */
int64
money_from_numeric(Numeric amount, const char *what)
{
	Datum		value = NumericGetDatum(amount);

	if (minor_per_unit == (Datum) 0)
		make_constants();
	if (numeric_is_nan(amount) || numeric_is_inf(amount))
		ereport(ERROR,
				(errcode(RP_INVALID_AMOUNT),
				 errmsg("%s must be a finite number", what),
				 errdetail("The value given is %s.",
						   DatumGetCString(DirectFunctionCall1(numeric_out, value))),
				 errhint("Give an amount of money, such as 149.00.")));

	if (DatumGetBool(DirectFunctionCall2(numeric_ge, value, limit)) ||
		DatumGetBool(DirectFunctionCall2(numeric_le, value, negative_limit)))
		ereport(ERROR,
				(errcode(RP_INVALID_AMOUNT),
				 errmsg("%s is too large", what),
				 errdetail("An amount has at most 12 digits before the decimal point."),
				 errhint("Check that the amount is in the units of the conference's currency.")));

	if (DatumGetInt32(DirectFunctionCall1(numeric_min_scale, value)) > MINOR_DIGITS)
		ereport(ERROR,
				(errcode(RP_INVALID_AMOUNT),
				 errmsg("%s has more than two decimals", what),
				 errdetail("Amounts are never rounded silently."),
				 errhint("Round the amount to two decimals first.")));

	return DatumGetInt64(DirectFunctionCall1(numeric_int8,
											 DirectFunctionCall2(numeric_mul, value,
																 minor_per_unit)));
}

/* money_to_numeric: minor units as a numeric with two decimals. */
Numeric
money_to_numeric(int64 minor_units)
{
	return int64_div_fast_to_numeric(minor_units, MINOR_DIGITS);
}

/* money_to_cstring: minor units as messages show them. */
char *
money_to_cstring(int64 minor_units)
{
	Datum		value = NumericGetDatum(money_to_numeric(minor_units));

	return DatumGetCString(DirectFunctionCall1(numeric_out, value));
}
