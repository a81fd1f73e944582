/*
 * json_rows.h
 *	  Arguments that are a jsonb array of objects: rows, as it were.
 */
#ifndef REGPAYDB_JSON_ROWS_H
#define REGPAYDB_JSON_ROWS_H

#include "postgres.h"

#include "utils/jsonb.h"

/* Where something was read: the number of the object, from 1; 0 for the array itself. */
typedef struct JsonPlace
{
	const struct JsonForm *form;
	int			number;
} JsonPlace;

/* How such an argument looks. */
typedef struct JsonForm
{
	const char *array;			/* what it is, for people */
	const char *object;			/* the same of one object, with %d for its number */
	const char *any_object;		/* of any of them */
	const char *example;
	Size		size;			/* of what an object is read into, all of it zero at first */

	/* False for a name that there is not. */
	bool		(*read_field) (const JsonPlace *place, const char *name, const JsonbValue *value,
							   void *row, void *context);
	void		(*check_row) (const JsonPlace *place, void *row);
} JsonForm;

extern void *read_json_rows(Jsonb *json, const JsonForm *form, void *context, int *nrows);
extern char *json_place(const JsonPlace *place);
pg_noreturn extern void json_malformed(const JsonPlace *place, const char *problem);
extern bool json_integer(const JsonbValue *value, int64 *result, bool *fits);
extern int64 json_key(const JsonPlace *place, const char *name, const JsonbValue *value);

#endif							/* REGPAYDB_JSON_ROWS_H */
