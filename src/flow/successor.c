/*
 * successor.c
 *	  What remains of an invoice of which lines are returned: lines, and a cart that
 *	  has them.
 *
 * Spec section 9.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/builtins.h"

#include "base/compat.h"
#include "base/errors.h"
#include "flow/successor.h"
#include "rows/cart_rows.h"

/* ---- lines ---- */

/* Both begin with the line's id, and are in the order of these. */
static int
compare_lines(const void *a, const void *b)
{
	int64		left = *(const int64 *) a;
	int64		right = *(const int64 *) b;

	StaticAssertStmt(offsetof(LineItemRow, line_item_id) == 0 &&
					 offsetof(ReturnedLine, line_item_id) == 0, "they begin with the id");
	return left < right ? -1 : left > right;
}

pg_noreturn static void
no_such_line(const InvoiceRow *invoice, int64 line_item_id)
{
	ereport(ERROR,
			(errcode(RP_NOT_FOUND),
			 errmsg("invoice " INT64_FORMAT " has no line " INT64_FORMAT, invoice->invoice_id,
					line_item_id),
			 errdetail("Lines are named by line_item_id, and a successor's are others."),
			 errhint("Look for the lines of the invoice in table line_item.")));
}

/* How many of a line remain. */
static int32
remaining(const LineItemRow *line, const ReturnedLine *returned)
{
	if (returned == NULL)
		return line->quantity;
	if (returned->quantity > line->quantity)
		ereport(ERROR,
				(errcode(RP_INVALID_AMOUNT),
				 errmsg("line " INT64_FORMAT " has less than what is returned",
						line->line_item_id),
				 errdetail("%d are on the invoice, and %d are returned.", line->quantity,
						   returned->quantity),
				 errhint("Without a quantity, all of the line is returned.")));
	return returned->quantity == 0 ? 0 : line->quantity - returned->quantity;
}

/*
 * find_successor
 *		The lines that remain of those of an invoice; none, where all is returned.  Both
 *		lists are in the order of the lines' ids.
 *
 * Raises RP002 for a line that is not one of them, RP003 where there is less of it.
 */
void
find_successor(const InvoiceRow *invoice, const LineItemRow *lines, int nlines,
			   const ReturnedLine *returned, int nreturned, Successor *successor)
{
	LineItemRow *kept = palloc(Max(nlines, 1) * sizeof(LineItemRow));
	int			nkept = 0;

	for (int i = 0; i < nreturned; i++)
		if (bsearch(&returned[i], lines, nlines, sizeof(LineItemRow), compare_lines) == NULL)
			no_such_line(invoice, returned[i].line_item_id);
	for (int i = 0; i < nlines; i++)
	{
		int32		quantity = remaining(&lines[i], bsearch(&lines[i], returned, nreturned,
														   sizeof(ReturnedLine), compare_lines));

		CHECK_FOR_INTERRUPTS();
		if (quantity == 0)
			continue;
		kept[nkept] = lines[i];
		kept[nkept++].quantity = quantity;
	}
	*successor = (Successor)
	{
		.lines = kept,
		.nlines = nkept,
		.all = lines,
		.nall = nlines
	};
}

/* ---- kinds of lines ---- */

/* Lines of a cart's invoice are its items or, with a price below zero, its discounts. */
static bool
is_item(const LineItemRow *line)
{
	return line->product_id != NULL && line->price >= 0;
}

static bool
is_discount(const LineItemRow *line)
{
	return line->product_id != NULL && line->price < 0;
}

static int
count_lines(const Successor *successor, bool (*is_kind) (const LineItemRow *line))
{
	int			n = 0;

	for (int i = 0; i < successor->nlines; i++)
		n += is_kind(&successor->lines[i]);
	return n;
}

/* successor_keeps: how many of a product remain. */
int32
successor_keeps(const Successor *successor, int64 product_id)
{
	int32		quantity = 0;

	for (int i = 0; i < successor->nlines; i++)
		if (is_item(&successor->lines[i]) && *successor->lines[i].product_id == product_id)
			quantity += successor->lines[i].quantity;
	return quantity;
}

/* ---- why discounts were given ---- */

/* As column cart_discount.description has it. */
#define MAX_REASON_LENGTH	150

/* The discount on a product that has this place in a list of lines, or of discounts. */
typedef struct PlacedDiscount
{
	int64		product_id;
	int			place;
} PlacedDiscount;

static int
compare_placed(const void *a, const void *b)
{
	const PlacedDiscount *left = a;
	const PlacedDiscount *right = b;

	if (left->product_id != right->product_id)
		return left->product_id < right->product_id ? -1 : 1;
	return left->place - right->place;
}

static PlacedDiscount *
place_lines(const LineItemRow *lines, int nlines, int *nplaced)
{
	PlacedDiscount *placed = palloc(Max(nlines, 1) * sizeof(PlacedDiscount));

	*nplaced = 0;
	for (int i = 0; i < nlines; i++)
		if (is_discount(&lines[i]))
			placed[(*nplaced)++] = (PlacedDiscount)
		{
			*lines[i].product_id, i
		};
	qsort(placed, *nplaced, sizeof(PlacedDiscount), compare_placed);
	return placed;
}

static PlacedDiscount *
place_discounts(const CartDiscountRow *discounts, int ndiscounts)
{
	PlacedDiscount *placed = palloc(Max(ndiscounts, 1) * sizeof(PlacedDiscount));

	for (int i = 0; i < ndiscounts; i++)
		placed[i] = (PlacedDiscount)
	{
		discounts[i].product_id, i
	};
	qsort(placed, ndiscounts, sizeof(PlacedDiscount), compare_placed);
	return placed;
}

/* Whether a line may be what a discount was billed by: see view cart_line. */
static bool
bills_discount(const LineItemRow *line, const CartDiscountRow *discount)
{
	Size		length = VARSIZE_ANY_EXHDR(discount->description);
	const char *begin = VARDATA_ANY(line->description);

	return *line->product_id == discount->product_id && line->price == -discount->amount &&
		line->quantity == discount->quantity &&
		VARSIZE_ANY_EXHDR(line->description) > length + 2 &&
		memcmp(begin, VARDATA_ANY(discount->description), length) == 0 &&
		memcmp(begin + length, " (", 2) == 0;
}

/*
 * Why the discounts of an invoice's lines were given, by the places of the lines; NULL
 * where that is not known.
 *
 * A line says it, too, but with the names of category and product behind it, which may
 * be others by now.  Of one product, the lines are in the order in which the cart has
 * the discounts, whatever order products have today.
 */
static text **
find_reasons(const LineItemRow *lines, int nlines, const CartDiscountRow *discounts,
			 int ndiscounts)
{
	text	  **reasons = palloc0(Max(nlines, 1) * sizeof(text *));
	int			nplaced;
	PlacedDiscount *of_lines = place_lines(lines, nlines, &nplaced);
	PlacedDiscount *of_cart = place_discounts(discounts, ndiscounts);

	for (int i = 0; i < nplaced && i < ndiscounts; i++)
	{
		int			place = of_lines[i].place;
		const CartDiscountRow *discount = &discounts[of_cart[i].place];

		if (bills_discount(&lines[place], discount))
			reasons[place] = discount->description;
	}
	return reasons;
}

/* The reason of a line that remains: as its predecessor's cart has it, or of its text. */
static text *
reason_of(const LineItemRow *line, const Successor *successor, text *const *reasons)
{
	const LineItemRow *had = bsearch(line, successor->all, successor->nall, sizeof(LineItemRow),
									 compare_lines);

	if (had != NULL && reasons[had - successor->all] != NULL)
		return reasons[had - successor->all];
	return DatumGetTextPP(DirectFunctionCall2(text_left, PointerGetDatum(line->description),
											  Int32GetDatum(MAX_REASON_LENGTH)));
}

/* ---- the cart that they are in ---- */

static void
insert_discount(Ledger *ledger, const Successor *successor, const LineItemRow *line,
				text *const *reasons)
{
	CartDiscountRow discount = {
		*line->product_id, reason_of(line, successor, reasons), line->quantity, -line->price
	};

	row_insert_discount(ledger, successor->cart_id, &discount);
}

/*
 * make_successor_cart
 *		A cart that is paid from the start, and has the items and discounts that remain
 *		of an invoice whose cart has just been released.
 *
 * Nobody is asked for units: they were its predecessor's, and never free.
 */
void
make_successor_cart(Ledger *ledger, const InvoiceRow *invoice, Successor *successor)
{
	int			ndiscounts;
	CartDiscountRow *discounts = row_cart_discounts(ledger, invoice->cart_id, &ndiscounts);
	text	  **reasons = find_reasons(successor->all, successor->nall, discounts, ndiscounts);

	successor->cart_id = row_insert_paid_cart(ledger, invoice->attendee_id,
											  count_lines(successor, is_item) +
											  count_lines(successor, is_discount));
	for (int i = 0; i < successor->nlines; i++)
	{
		const LineItemRow *line = &successor->lines[i];

		CHECK_FOR_INTERRUPTS();
		if (is_item(line))
			row_set_item(ledger, successor->cart_id, *line->product_id, line->quantity);
		if (is_discount(line))
			insert_discount(ledger, successor, line, reasons);
	}
}

/* Whether the cart has the items that remain, and no others. */
static bool
has_items(Ledger *ledger, const Successor *successor)
{
	int			nitems;
	CartItemRow *items = row_cart_items(ledger, successor->cart_id, &nitems);

	for (int i = 0; i < nitems; i++)
		if (items[i].quantity != successor_keeps(successor, items[i].product_id))
			return false;
	return nitems == count_lines(successor, is_item);
}

/* The same of its discounts, which were inserted in the order of the lines. */
static bool
has_discounts(Ledger *ledger, const Successor *successor)
{
	int			ndiscounts;
	CartDiscountRow *discounts = row_cart_discounts(ledger, successor->cart_id, &ndiscounts);
	int			n = 0;

	if (ndiscounts != count_lines(successor, is_discount))
		return false;
	for (int i = 0; i < successor->nlines; i++)
	{
		const LineItemRow *line = &successor->lines[i];

		if (!is_discount(line))
			continue;
		if (discounts[n].product_id != *line->product_id ||
			discounts[n].quantity != line->quantity || discounts[n].amount != -line->price)
			return false;
		n++;
	}
	return true;
}

/*
 * successor_cart_is_sound
 *		Whether what remains of an invoice is in its successor's cart, as it was made,
 *		and the invoice's own is released: triggers of users' may have had other ideas.
 */
bool
successor_cart_is_sound(Ledger *ledger, const InvoiceRow *invoice, const Successor *successor)
{
	CartRow		released;
	CartRow		cart;

	return row_cart(ledger, invoice->cart_id, &released) &&
		released.status == CART_STATUS_RELEASED &&
		row_cart(ledger, successor->cart_id, &cart) &&
		cart.status == CART_STATUS_PAID && cart.attendee_id == invoice->attendee_id &&
		cart.entry_count == count_lines(successor, is_item) + count_lines(successor, is_discount) &&
		has_items(ledger, successor) && has_discounts(ledger, successor);
}
