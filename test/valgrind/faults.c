/*
 * faults.c
 *	  What memcheck has to find, to show that it finds such things.
 *
 * test/valgrind/run builds this into a regpaydb.so of its own only, and calls
 * each of them once.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

PG_FUNCTION_INFO_V1(fault_uninitialised);
PG_FUNCTION_INFO_V1(fault_past_palloc);
PG_FUNCTION_INFO_V1(fault_past_malloc);
PG_FUNCTION_INFO_V1(fault_past_string);
PG_FUNCTION_INFO_V1(fault_freed);

static volatile int seen;

/* Out of the compiler's sight, which would warn. */
static pg_noinline void
look_at(volatile int64 *value)
{
	if (*value == 42)
		seen++;
}

Datum
fault_uninitialised(PG_FUNCTION_ARGS)
{
	look_at(palloc(sizeof(int64)));
	PG_RETURN_VOID();
}

Datum
fault_past_palloc(PG_FUNCTION_ARGS)
{
	look_at((int64 *) palloc0(3 * sizeof(int64)) + 3);
	PG_RETURN_VOID();
}

Datum
fault_past_malloc(PG_FUNCTION_ARGS)
{
	int64	   *block = calloc(3, sizeof(int64));

	look_at(block + 3);
	free(block);
	PG_RETURN_VOID();
}

Datum
fault_past_string(PG_FUNCTION_ARGS)
{
	volatile char *text = psprintf("%d", 1234567);

	if (text[8] == '8')
		seen++;
	PG_RETURN_VOID();
}

Datum
fault_freed(PG_FUNCTION_ARGS)
{
	int64	   *chunk = palloc0(sizeof(int64));

	pfree(chunk);
	look_at(chunk);
	PG_RETURN_VOID();
}
