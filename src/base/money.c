/*
 * money.c
 *	  numeric to int64 minor units and back; nothing is ever rounded.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"
#include "utils/memutils.h"

#include "base/errors.h"
#include "base/money.h"

/* Numbers that every amount is compared or multiplied with; kept for ever. */
static Datum limit;
static Datum negative_limit;
static Datum minor_per_unit[MAX_DECIMALS + 1];

static int64
power_of_ten(int exponent)
{
	int64		power = 1;

	while (exponent-- > 0)
		power *= 10;
	return power;
}

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
	for (int decimals = 0; decimals <= MAX_DECIMALS; decimals++)
		minor_per_unit[decimals] = make_constant(power_of_ten(decimals));
	negative_limit = make_constant(-power_of_ten(MONEY_DIGITS));
	limit = make_constant(power_of_ten(MONEY_DIGITS));
}

/*
 * currency_decimals
 *		How many decimals amounts in a currency have, by ISO 4217: two where it
 *		does not say otherwise.
 */
int
currency_decimals(const char *currency)
{
	static const struct
	{
		const char *currency;
		int			decimals;
	}			exceptions[] = {
		{"BIF", 0}, {"CLP", 0}, {"DJF", 0}, {"GNF", 0}, {"ISK", 0}, {"JPY", 0},
		{"KMF", 0}, {"KRW", 0}, {"PYG", 0}, {"RWF", 0}, {"UGX", 0}, {"UYI", 0},
		{"VND", 0}, {"VUV", 0}, {"XAF", 0}, {"XOF", 0}, {"XPF", 0},
		{"BHD", 3}, {"IQD", 3}, {"JOD", 3}, {"KWD", 3}, {"LYD", 3}, {"OMR", 3},
		{"TND", 3},
		{"CLF", 4}, {"UYW", 4},
	};

	for (int i = 0; i < (int) lengthof(exceptions); i++)
		if (strcmp(currency, exceptions[i].currency) == 0)
			return exceptions[i].decimals;
	return 2;
}

/* money_max: the most that a ledger's money columns hold, in minor units. */
int64
money_max(int decimals)
{
	return power_of_ten(MONEY_DIGITS + decimals) - 1;
}

/* The words for so many decimals at most, after "has" or "at most". */
static const char *
decimals_words(int decimals)
{
	return decimals == 2 ? "two decimals" : decimals == 3 ? "three decimals" : "no decimals";
}

static void
refuse_decimals(const char *what, int decimals)
{
	ereport(ERROR,
			(errcode(RP_INVALID_AMOUNT),
			 decimals == 0 ? errmsg("%s has decimals", what) :
			 errmsg("%s has more than %s", what, decimals_words(decimals)),
			 errdetail("Amounts are never rounded silently, and the conference's currency has %s.",
					   decimals_words(decimals)),
			 errhint("Round the amount first.")));
}

/*
 * money_from_numeric
 *		An amount of money as int64 minor units.
 *
 * what names the amount in messages.  Trailing zeros beyond the currency's
 * decimals are no loss and are accepted.
 *
 * Raises RP003 on NaN, infinity, more decimals than the currency has, and what
 * the ledger's columns can't hold.
 */
int64
money_from_numeric(Numeric amount, int decimals, const char *what)
{
	Datum		value = NumericGetDatum(amount);

	/* limit is made last. */
	if (limit == (Datum) 0)
		make_constants();
	if (numeric_is_nan(amount) || numeric_is_inf(amount))
		ereport(ERROR,
				(errcode(RP_INVALID_AMOUNT),
				 errmsg("%s must be a finite number", what),
				 errdetail("The value given is %s.",
						   DatumGetCString(DirectFunctionCall1(numeric_out, value))),
				 errhint("Give an amount of money, such as %s.",
						 money_to_cstring(149 * power_of_ten(decimals), decimals))));

	if (DatumGetBool(DirectFunctionCall2(numeric_ge, value, limit)) ||
		DatumGetBool(DirectFunctionCall2(numeric_le, value, negative_limit)))
		ereport(ERROR,
				(errcode(RP_INVALID_AMOUNT),
				 errmsg("%s is too large", what),
				 errdetail("An amount has at most %d digits before the decimal point.",
						   MONEY_DIGITS),
				 errhint("Check that the amount is in the units of the conference's currency.")));

	if (DatumGetInt32(DirectFunctionCall1(numeric_min_scale, value)) > decimals)
		refuse_decimals(what, decimals);

	return DatumGetInt64(DirectFunctionCall1(numeric_int8,
											 DirectFunctionCall2(numeric_mul, value,
																 minor_per_unit[decimals])));
}

/* money_to_numeric: minor units as a numeric with the currency's decimals. */
Numeric
money_to_numeric(int64 minor_units, int decimals)
{
	return int64_div_fast_to_numeric(minor_units, decimals);
}

/* money_to_cstring: minor units as messages show them. */
char *
money_to_cstring(int64 minor_units, int decimals)
{
	Datum		value = NumericGetDatum(money_to_numeric(minor_units, decimals));

	return DatumGetCString(DirectFunctionCall1(numeric_out, value));
}
