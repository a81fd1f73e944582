/*
 * What src/base/invoice_state.[ch] need of PostgreSQL's postgres_fe.h, so that the proof
 * needs no headers but its own.
 */
typedef _Bool bool;
typedef __INT64_TYPE__ int64;
typedef __UINT64_TYPE__ uint64;

#define true	((bool) 1)
#define false	((bool) 0)
#define INT64CONST(x)	(x##L)
#define PG_INT64_MAX	INT64CONST(0x7FFFFFFFFFFFFFFF)
