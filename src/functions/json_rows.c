/*
 * json_rows.c
 *	  Reads arguments that are a jsonb array of objects.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "base/compat.h"
#include "base/errors.h"
#include "functions/json_rows.h"

/* json_place: where something is, for people. */
char *
json_place(const JsonPlace *place)
{
	const char *number = strstr(place->form->object, "%d");

	if (place->number == 0)
		return pstrdup(place->form->array);
	return psprintf("%.*s%d%s", (int) (number - place->form->object), place->form->object,
					place->number, number + 2);
}

/* json_malformed: raise 22023 for what is not as documented. */
void
json_malformed(const JsonPlace *place, const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 errmsg("%s: %s", json_place(place), problem),
			 errhint("%s", place->form->example)));
}

/*
 * json_integer
 *		A whole number; false for anything else.  fits is whether it is an int64, or
 *		else the nearest that is goes to result.
 */
bool
json_integer(const JsonbValue *value, int64 *result, bool *fits)
{
	Datum		number;

	if (value->type != jbvNumeric)
		return false;
	number = NumericGetDatum(value->val.numeric);
	if (DatumGetInt32(DirectFunctionCall1(numeric_min_scale, number)) > 0)
		return false;
	*fits = false;
	if (DatumGetBool(DirectFunctionCall2(numeric_gt, number,
										 NumericGetDatum(int64_to_numeric(PG_INT64_MAX)))))
		*result = PG_INT64_MAX;
	else if (DatumGetBool(DirectFunctionCall2(numeric_lt, number,
											  NumericGetDatum(int64_to_numeric(PG_INT64_MIN)))))
		*result = PG_INT64_MIN;
	else
	{
		*result = DatumGetInt64(DirectFunctionCall1(numeric_int8, number));
		*fits = true;
	}
	return true;
}

/* Raise RP002 for a number that is beyond those that may be keys. */
pg_noreturn static void
no_such_key(const JsonPlace *place, const char *name)
{
	ereport(ERROR,
			(errcode(RP_NOT_FOUND),
			 errmsg("%s: there is no such %s", json_place(place), name),
			 errdetail("No key is as far from zero."),
			 errhint("Give the %s of a row that is there.", name)));
}

/*
 * json_key
 *		A whole number that may be a key; raises RP002 for one that is none's, 22023 for
 *		anything else.
 */
int64
json_key(const JsonPlace *place, const char *name, const JsonbValue *value)
{
	int64		key;
	bool		fits;

	if (!json_integer(value, &key, &fits))
		json_malformed(place, psprintf("%s is not a whole number", name));
	if (!fits)
		no_such_key(place, name);
	return key;
}

/* Read one object; the iterator stands behind its opening brace. */
static void
read_row(JsonbIterator **iterator, const JsonPlace *place, void *row, void *context)
{
	JsonbValue	key;
	JsonbValue	value;

	while (JsonbIteratorNext(iterator, &key, true) == WJB_KEY)
	{
		char	   *name = pnstrdup(key.val.string.val, key.val.string.len);

		JsonbIteratorNext(iterator, &value, true);
		if (!place->form->read_field(place, name, &value, row, context))
			json_malformed(place, psprintf("\"%s\" is not a part of %s", name, place->form->any_object));
	}
	place->form->check_row(place, row);
}

/*
 * read_json_rows
 *		What the objects of an array are read into, in the current memory context.
 *
 * Raises 22023 on what is not as documented, and what the form's functions raise.
 */
void *
read_json_rows(Jsonb *json, const JsonForm *form, void *context, int *nrows)
{
	JsonPlace	place = {form, 0};
	JsonbIterator *iterator;
	JsonbValue	item;
	char	   *rows;

	if (!JB_ROOT_IS_ARRAY(json) || JB_ROOT_IS_SCALAR(json))
		json_malformed(&place, "not an array");
	if (JB_ROOT_COUNT(json) == 0)
		json_malformed(&place, "there is none");

	rows = palloc0(JB_ROOT_COUNT(json) * form->size);
	iterator = JsonbIteratorInit(&json->root);
	JsonbIteratorNext(&iterator, &item, false);
	for (;;)
	{
		JsonbIteratorToken token = JsonbIteratorNext(&iterator, &item, false);

		CHECK_FOR_INTERRUPTS();
		if (token == WJB_END_ARRAY)
			break;
		place.number++;
		if (token != WJB_BEGIN_OBJECT)
			json_malformed(&place, "not an object");
		read_row(&iterator, &place, rows + (place.number - 1) * form->size, context);
	}
	*nrows = place.number;
	return rows;
}
