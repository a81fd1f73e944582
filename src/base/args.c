/*
 * args.c
 *	  Checks the arguments of SQL-callable functions.
 */
#include "postgres.h"

#include "mb/pg_wchar.h"

#include "base/args.h"
#include "base/compat.h"
#include "base/money.h"

/* require_arg: raise 22004 where an argument that is needed is NULL. */
void
require_arg(FunctionCallInfo fcinfo, int number, const char *name)
{
	if (PG_ARGISNULL(number))
		ereport(ERROR,
				(errcode(ERRCODE_NULL_VALUE_NOT_ALLOWED),
				 errmsg("argument \"%s\" must not be null", name)));
}

int64
int8_arg(FunctionCallInfo fcinfo, int number, const char *name)
{
	require_arg(fcinfo, number, name);
	return PG_GETARG_INT64(number);
}

/* money_arg: an amount in minor units; raises RP003. */
int64
money_arg(int decimals, FunctionCallInfo fcinfo, int number, const char *name)
{
	require_arg(fcinfo, number, name);
	return money_from_numeric(PG_GETARG_NUMERIC(number), decimals, name);
}

/* text_arg: a text of at most max_length characters; raises 22001. */
text *
text_arg(FunctionCallInfo fcinfo, int number, const char *name, int max_length)
{
	text	   *value;

	require_arg(fcinfo, number, name);
	value = PG_GETARG_TEXT_PP(number);
	check_text_length(value, name, max_length);
	return value;
}

/* optional_text_arg: the same, or NULL. */
text *
optional_text_arg(FunctionCallInfo fcinfo, int number, const char *name, int max_length)
{
	return PG_ARGISNULL(number) ? NULL : text_arg(fcinfo, number, name, max_length);
}

void
check_text_length(text *value, const char *name, int max_length)
{
	int			length = pg_mbstrlen_with_len(VARDATA_ANY(value), VARSIZE_ANY_EXHDR(value));

	if (length > max_length)
		ereport(ERROR,
				(errcode(ERRCODE_STRING_DATA_RIGHT_TRUNCATION),
				 errmsg("%s is too long", name),
				 errdetail("It has %d characters; at most %d are allowed.", length, max_length)));
}

/*
 * provider_args
 *		A platform and its reference, of which both or the platform, or none, may be
 *		given; those that are not are NULL.  Raises 22001, 22004, 22023.
 */
void
provider_args(FunctionCallInfo fcinfo, int number, const char *ref_name, text **provider,
			  text **ref)
{
	*provider = NULL;
	*ref = NULL;
	if (PG_ARGISNULL(number) && PG_ARGISNULL(number + 1))
		return;
	*provider = text_arg(fcinfo, number, "provider", MAX_PROVIDER_LENGTH);
	*ref = optional_text_arg(fcinfo, number + 1, ref_name, MAX_PROVIDER_LENGTH);
	if (VARSIZE_ANY_EXHDR(*provider) == 0 || (*ref != NULL && VARSIZE_ANY_EXHDR(*ref) == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("provider and %s must not be empty", ref_name),
				 errhint("Leave out what is not known.")));
}

/* needed_provider_args: the same where neither may be NULL. */
void
needed_provider_args(FunctionCallInfo fcinfo, int number, const char *ref_name, text **provider,
					 text **ref)
{
	require_arg(fcinfo, number, "provider");
	require_arg(fcinfo, number + 1, ref_name);
	provider_args(fcinfo, number, ref_name, provider, ref);
}
