/*
 * lines.c
 *	  Reads the lines of an invoice, and which of them are returned:
 *	  [{"description": ..., "price": ..., "quantity": 1, "product_id": null}, ...]
 *	  [{"line_item_id": ..., "quantity": 1}, ...]
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/numeric.h"

#include "base/args.h"
#include "base/errors.h"
#include "base/money.h"
#include "flow/find.h"
#include "functions/json_rows.h"
#include "functions/lines.h"
#include "rows/product_rows.h"

/* What is said of a quantity that is none, by what it is of. */
typedef struct QuantityUse
{
	const char *detail;
	const char *if_too_small;	/* hints */
	const char *if_too_large;
} QuantityUse;

static const char line_detail[] =
"A line has a price in the conference's currency, and a whole quantity above zero.";

static const QuantityUse billed = {
	line_detail,
	"Give a discount as a negative price.",
	"Give the quantity that is billed."
};

static const QuantityUse taken_back = {
	"What is returned of a line is a whole quantity above zero.",
	"Leave out what is not returned; without a quantity, all of a line is.",
	"Without a quantity, all of the line is returned."
};

pg_noreturn static void
bad_amount(const JsonPlace *place, const char *problem, const char *detail, const char *hint)
{
	ereport(ERROR,
			(errcode(RP_INVALID_AMOUNT),
			 errmsg("%s: %s", json_place(place), problem),
			 errdetail("%s", detail),
			 errhint("%s", hint)));
}

static int32
read_quantity(const JsonPlace *place, const JsonbValue *value, const QuantityUse *use)
{
	int64		quantity;
	bool		fits;

	if (!json_integer(value, &quantity, &fits))
		json_malformed(place, "quantity is not a whole number");
	if (quantity <= 0)
		bad_amount(place, "quantity must be above zero", use->detail, use->if_too_small);
	if (quantity > PG_INT32_MAX)
		bad_amount(place, "quantity is too large", use->detail, use->if_too_large);
	return (int32) quantity;
}

/* ---- lines of a new invoice ---- */

/* A line, and what it has of what it has to have. */
typedef struct LineRead
{
	LineItemRow line;
	bool		has_price;
} LineRead;

static text *
read_description(const JsonPlace *place, const JsonbValue *value)
{
	text	   *description;
	int			blanks = 0;

	if (value->type != jbvString)
		json_malformed(place, "description is not a string");
	while (blanks < value->val.string.len && value->val.string.val[blanks] == ' ')
		blanks++;
	if (blanks == value->val.string.len)
		json_malformed(place, "description is empty");
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
read_price(const JsonPlace *place, const JsonbValue *value, int decimals)
{
	char	   *name = psprintf("%s: price", json_place(place));

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
	bad_amount(place, "price is not a number", line_detail, "Give the price of one, such as 149.00.");
}

static int64 *
read_product_id(const JsonPlace *place, const JsonbValue *value)
{
	int64	   *product_id;

	if (value->type == jbvNull)
		return NULL;
	product_id = palloc(sizeof(int64));
	*product_id = json_key(place, "product_id", value);
	return product_id;
}

static bool
read_line_field(const JsonPlace *place, const char *name, const JsonbValue *value, void *row,
				void *context)
{
	LineRead   *read = row;
	LineItemRow *line = &read->line;

	if (strcmp(name, "description") == 0)
		line->description = read_description(place, value);
	else if (strcmp(name, "price") == 0)
	{
		line->price = read_price(place, value, *(const int *) context);
		read->has_price = true;
	}
	else if (strcmp(name, "quantity") == 0)
		line->quantity = read_quantity(place, value, &billed);
	else if (strcmp(name, "product_id") == 0)
		line->product_id = read_product_id(place, value);
	else
		return false;
	return true;
}

static void
check_line(const JsonPlace *place, void *row)
{
	LineRead   *read = row;

	if (read->line.description == NULL)
		json_malformed(place, "description is missing");
	if (!read->has_price)
		json_malformed(place, "price is missing");
	if (read->line.quantity == 0)
		read->line.quantity = 1;
}

/*
 * parse_lines
 *		The lines of a new invoice.
 *
 * Raises RP002 for a product that does not exist, RP003 on amounts, 22023 on anything
 * else that is not as documented, 22001 on a description that is too long.
 */
LineItemRow *
parse_lines(Ledger *ledger, Jsonb *json, int *nlines)
{
	static const JsonForm form = {
		.array = "lines of the invoice",
		.object = "line %d of the invoice",
		.any_object = "a line",
		.example = "Lines look like [{\"description\": \"Ticket\", \"price\": 149.00, \"quantity\": 1, \"product_id\": null}].",
		.size = sizeof(LineRead),
		.read_field = read_line_field,
		.check_row = check_line
	};
	LineRead   *read = read_json_rows(json, &form, &ledger->decimals, nlines);
	LineItemRow *lines = palloc(*nlines * sizeof(LineItemRow));

	for (int i = 0; i < *nlines; i++)
	{
		lines[i] = read[i].line;
		CHECK_FOR_INTERRUPTS();
		if (lines[i].product_id != NULL && !row_product_exists(ledger, *lines[i].product_id))
			not_found("product", *lines[i].product_id);
	}
	return lines;
}

/* ---- lines that are returned ---- */

typedef struct ReturnRead
{
	ReturnedLine line;
	bool		has_id;
} ReturnRead;

static bool
read_return_field(const JsonPlace *place, const char *name, const JsonbValue *value, void *row,
				  void *context)
{
	ReturnRead *read = row;

	if (strcmp(name, "line_item_id") == 0)
	{
		read->line.line_item_id = json_key(place, name, value);
		read->has_id = true;
	}
	else if (strcmp(name, "quantity") == 0)
		read->line.quantity = value->type == jbvNull ? 0 : read_quantity(place, value, &taken_back);
	else
		return false;
	return true;
}

static void
check_return(const JsonPlace *place, void *row)
{
	if (!((ReturnRead *) row)->has_id)
		json_malformed(place, "line_item_id is missing");
}

static int
compare_returned(const void *a, const void *b)
{
	int64		left = ((const ReturnedLine *) a)->line_item_id;
	int64		right = ((const ReturnedLine *) b)->line_item_id;

	return left < right ? -1 : left > right;
}

/*
 * parse_returned
 *		What is returned of an invoice, in the order of the lines' ids.
 *
 * A quantity that is null is as one that is left out: all of the line.  Raises RP002
 * for an id that no line can have, RP003 on quantities, 22023 on anything else that is
 * not as documented, and where a line is named twice.
 */
ReturnedLine *
parse_returned(Jsonb *json, int *nlines)
{
	static const JsonForm form = {
		.array = "items",
		.object = "item %d",
		.any_object = "an item",
		.example = "Items look like [{\"line_item_id\": 7, \"quantity\": 1}].",
		.size = sizeof(ReturnRead),
		.read_field = read_return_field,
		.check_row = check_return
	};
	JsonPlace	all = {&form, 0};
	ReturnRead *read = read_json_rows(json, &form, NULL, nlines);
	ReturnedLine *lines = palloc(*nlines * sizeof(ReturnedLine));

	for (int i = 0; i < *nlines; i++)
		lines[i] = read[i].line;
	qsort(lines, *nlines, sizeof(ReturnedLine), compare_returned);
	for (int i = 1; i < *nlines; i++)
		if (lines[i].line_item_id == lines[i - 1].line_item_id)
			json_malformed(&all, psprintf("line " INT64_FORMAT " is named twice",
										  lines[i].line_item_id));
	return lines;
}
