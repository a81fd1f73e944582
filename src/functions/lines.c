/*
 * lines.c
 *	  Reads the lines of a manual invoice:
 *	  [{"description": ..., "price": ..., "quantity": 1, "product_id": null}, ...]
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/jsonb.h"
#include "utils/numeric.h"

#include "base/args.h"
#include "base/errors.h"
#include "base/money.h"
#include "functions/lines.h"

pg_noreturn static void
malformed(int line, const char *problem)
{
	ereport(ERROR,
			(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
			 line > 0 ? errmsg("line %d of the invoice: %s", line, problem) :
			 errmsg("lines of the invoice: %s", problem),
			 errhint("Lines look like [{\"description\": \"Ticket\", \"price\": 149.00, \"quantity\": 1, \"product_id\": null}].")));
}

pg_noreturn static void
bad_amount(int line, const char *problem, const char *hint)
{
	ereport(ERROR,
			(errcode(RP_INVALID_AMOUNT),
			 errmsg("line %d of the invoice: %s", line, problem),
			 errdetail("A line has a price in the conference's currency, and a whole quantity above zero."),
			 errhint("%s", hint)));
}

static text *
read_description(const JsonbValue *value, int line)
{
	text	   *description;
	int			blanks = 0;

	if (value->type != jbvString)
		malformed(line, "description is not a string");
	while (blanks < value->val.string.len && value->val.string.val[blanks] == ' ')
		blanks++;
	if (blanks == value->val.string.len)
		malformed(line, "description is empty");
	description = cstring_to_text_with_len(value->val.string.val, value->val.string.len);
	check_text_length(description, "description", MAX_TEXT_LENGTH);
	return description;
}

/* Far longer than any amount of money, far shorter than numeric's limits. */
#define MAX_PRICE_LENGTH	100

/* Whether a string is a decimal number, without exponent or spaces. */
static bool
is_decimal(const char *string)
{
	size_t		integer;
	size_t		fraction = 0;

	if (*string == '+' || *string == '-')
		string++;
	integer = strspn(string, "0123456789");
	string += integer;
	if (*string == '.')
	{
		string++;
		fraction = strspn(string, "0123456789");
		string += fraction;
	}
	return *string == '\0' && integer + fraction > 0;
}

/* A price: a number, or a string that is one, as decimals are often sent. */
static int64
read_price(const JsonbValue *value, int line, int decimals)
{
	char	   *name = psprintf("line %d of the invoice: price", line);

	if (value->type == jbvNumeric)
		return money_from_numeric(value->val.numeric, decimals, name);
	if (value->type == jbvString && value->val.string.len <= MAX_PRICE_LENGTH)
	{
		char	   *string = pnstrdup(value->val.string.val, value->val.string.len);

		if (is_decimal(string))
			return money_from_numeric(DatumGetNumeric(DirectFunctionCall3(numeric_in,
																		  CStringGetDatum(string),
																		  ObjectIdGetDatum(InvalidOid),
																		  Int32GetDatum(-1))),
									  decimals, name);
	}
	bad_amount(line, "price is not a number", "Give the price of one, such as 149.00.");
}

/*
 * A whole number; fits is whether it is an int64, or else the nearest that is goes
 * to result.
 */
static bool
read_integer(const JsonbValue *value, int64 *result, bool *fits)
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

static int32
read_quantity(const JsonbValue *value, int line)
{
	int64		quantity;
	bool		fits;

	if (!read_integer(value, &quantity, &fits))
		malformed(line, "quantity is not a whole number");
	if (quantity <= 0)
		bad_amount(line, "quantity must be above zero", "Give a discount as a negative price.");
	if (quantity > PG_INT32_MAX)
		bad_amount(line, "quantity is too large", "Give the quantity that is billed.");
	return (int32) quantity;
}

static int64 *
read_product_id(const JsonbValue *value, int line)
{
	int64	   *product_id;
	bool		fits;

	if (value->type == jbvNull)
		return NULL;
	product_id = palloc(sizeof(int64));
	if (!read_integer(value, product_id, &fits) || !fits)
		malformed(line, "product_id is not a whole number");
	return product_id;
}

/* Read one line; the iterator stands behind its opening brace. */
static void
read_line(JsonbIterator **iterator, int number, int decimals, LineItemRow *line)
{
	JsonbValue	key;
	JsonbValue	value;
	bool		has_price = false;

	memset(line, 0, sizeof(LineItemRow));
	line->quantity = 1;
	while (JsonbIteratorNext(iterator, &key, true) == WJB_KEY)
	{
		char	   *name = pnstrdup(key.val.string.val, key.val.string.len);

		JsonbIteratorNext(iterator, &value, true);
		if (strcmp(name, "description") == 0)
			line->description = read_description(&value, number);
		else if (strcmp(name, "price") == 0)
		{
			line->price = read_price(&value, number, decimals);
			has_price = true;
		}
		else if (strcmp(name, "quantity") == 0)
			line->quantity = read_quantity(&value, number);
		else if (strcmp(name, "product_id") == 0)
			line->product_id = read_product_id(&value, number);
		else
			malformed(number, psprintf("\"%s\" is not a part of a line", name));
	}
	if (line->description == NULL)
		malformed(number, "description is missing");
	if (!has_price)
		malformed(number, "price is missing");
}

/*
 * parse_lines
 *		The lines of an invoice, in a currency of so many decimals.
 *
 * Raises RP003 on amounts, 22023 on anything else that is not as documented,
 * 22001 on a description that is too long.
 */
LineItemRow *
parse_lines(Jsonb *lines, int decimals, int *nlines)
{
	JsonbIterator *iterator;
	JsonbValue	item;
	LineItemRow *result;

	if (!JB_ROOT_IS_ARRAY(lines) || JB_ROOT_IS_SCALAR(lines))
		malformed(0, "not an array");
	if (JB_ROOT_COUNT(lines) == 0)
		malformed(0, "there is none");

	result = palloc(JB_ROOT_COUNT(lines) * sizeof(LineItemRow));
	*nlines = 0;
	iterator = JsonbIteratorInit(&lines->root);
	JsonbIteratorNext(&iterator, &item, false);
	for (;;)
	{
		JsonbIteratorToken token = JsonbIteratorNext(&iterator, &item, false);

		CHECK_FOR_INTERRUPTS();
		if (token == WJB_END_ARRAY)
			break;
		if (token != WJB_BEGIN_OBJECT)
			malformed(*nlines + 1, "not an object");
		read_line(&iterator, *nlines + 1, decimals, &result[*nlines]);
		(*nlines)++;
	}
	return result;
}
