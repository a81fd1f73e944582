/*
 * cart.c
 *	  Carts: filled, invoiced, and given up.
 */
#include "postgres.h"

#include "fmgr.h"
#include "miscadmin.h"
#include "storage/proc.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/timestamp.h"

#include "base/args.h"
#include "base/errors.h"
#include "engine/actor.h"
#include "flow/amend.h"
#include "flow/bill.h"
#include "flow/find.h"
#include "flow/settle.h"
#include "flow/stock.h"
#include "flow/stock_take.h"
#include "rows/attendee_rows.h"
#include "rows/cart_rows.h"
#include "rows/invoice_rows.h"
#include "rows/plan.h"
#include "rows/product_rows.h"
#include "rows/reservation_rows.h"

/*
 * current_cart(attendee_id) -> cart_id
 *		The attendee's active cart, made if there is none.
 *
 * Raises RP002, RP012, 22004, 42501.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_current_cart);
Datum
regpaydb_current_cart(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger = engine_begin(PAYMENT, "amount", ACL_INSERT);
	int64		attendee_id = int8_arg(fcinfo, 0, "attendee_id");
	AttendeeRow attendee;
	int64		cart_id;

	find_attendee(ledger, attendee_id, &attendee);

	/* Where it can't be inserted, another session has made it meanwhile. */
	if (!row_active_cart(ledger, attendee_id, &cart_id) &&
		!row_insert_cart(ledger, attendee_id, &cart_id) &&
		!row_active_cart(ledger, attendee_id, &cart_id))
		row_not_written(ledger, CART);
	engine_end();
	PG_RETURN_INT64(cart_id);
}

/* How long set_quantity waits for an item that somebody else is changing. */
#define ITEM_TIMEOUT_MS		100

static void
limit_lock_timeout(void)
{
	char		value[16];

	if (LockTimeout > 0 && LockTimeout <= ITEM_TIMEOUT_MS)
		return;
	snprintf(value, sizeof(value), "%d", ITEM_TIMEOUT_MS);
	(void) set_config_option("lock_timeout", value, PGC_USERSET, PGC_S_SESSION,
							 GUC_ACTION_SAVE, true, 0, false);
}

/*
 * Write an item of a locked cart, or delete it where the quantity is 0.
 *
 * Plain SQL has the item's row before its trigger can lock the cart, the other
 * way round.  So it may be waiting for us: give up soon, with the code that
 * says that the transaction can be repeated, rather than wait for a deadlock.
 */
static void
write_item(Ledger *ledger, int64 cart_id, int64 product_id, int32 quantity)
{
	MemoryContext context = CurrentMemoryContext;
	int			save_nestlevel = NewGUCNestLevel();

	limit_lock_timeout();
	PG_TRY();
	{
		row_set_item(ledger, cart_id, product_id, quantity);
	}
	PG_CATCH();
	{
		if (geterrcode() != ERRCODE_LOCK_NOT_AVAILABLE)
			PG_RE_THROW();
		MemoryContextSwitchTo(context);
		FlushErrorState();
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("product " INT64_FORMAT " in cart " INT64_FORMAT " is just being changed by somebody else",
						product_id, cart_id),
				 errdetail("Another transaction changes the row of table \"cart_item\" by plain SQL."),
				 errhint("Retry the transaction.")));
	}
	PG_END_TRY();
	AtEOXact_GUC(true, save_nestlevel);
}

/*
 * set_quantity(cart_id, product_id, quantity) -> void
 *		Put so many of a product into an active cart, in place of what it had;
 *		0 removes it.
 *
 * Raises RP002, RP003, RP005, RP008, RP012, 22004, 40001, 42501.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_set_quantity);
Datum
regpaydb_set_quantity(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger = engine_begin(PAYMENT, "amount", ACL_INSERT);
	int64		cart_id = int8_arg(fcinfo, 0, "cart_id");
	int64		product_id = int8_arg(fcinfo, 1, "product_id");
	int32		quantity;
	CartRow		cart;

	require_arg(fcinfo, 2, "quantity");
	quantity = PG_GETARG_INT32(2);
	if (quantity < 0)
		ereport(ERROR,
				(errcode(RP_INVALID_AMOUNT),
				 errmsg("quantity must not be below zero"),
				 errdetail("The quantity given is %d.", quantity),
				 errhint("A quantity of 0 removes the product from the cart.")));

	lock_active_cart(ledger, cart_id, &cart);
	if (!row_product_exists(ledger, product_id))
		not_found("product", product_id);
	if (quantity != row_reserved(ledger, cart_id, product_id))
	{
		write_item(ledger, cart_id, product_id, quantity);
		amend_cart(ledger, cart_id);
	}
	engine_end();
	PG_RETURN_VOID();
}

/*
 * validate_cart(cart_id) -> void
 *		Raise an error unless the cart can be invoiced and paid.
 *
 * Raises RP002, RP005, RP008 where it is paid or released already, RP012,
 * 22004, 42501.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_validate_cart);
Datum
regpaydb_validate_cart(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger = engine_begin(INVOICE, "status", ACL_SELECT);
	int64		cart_id = int8_arg(fcinfo, 0, "cart_id");
	CartRow		cart;

	find_cart(ledger, cart_id, &cart);
	if (cart.status != CART_STATUS_ACTIVE)
		cart_is_closed(&cart);
	check_cart(ledger, cart_id, CART_CHECK_ALL);
	engine_end();
	PG_RETURN_VOID();
}

/* Times beyond what PostgreSQL holds would make the cart's products unreadable. */
static void
check_duration(Interval *duration)
{
	Interval	longest = {.month = 100 * MONTHS_PER_YEAR};

	if (DatumGetBool(DirectFunctionCall2(interval_gt, IntervalPGetDatum(duration),
										 IntervalPGetDatum(&longest))))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("duration is too long"),
				 errdetail("A reservation lasts 100 years at most.")));
}

/*
 * extend_reservation(cart_id, duration) -> void
 *		Keep the items of an active cart reserved for at least this time from
 *		now.
 *
 * Raises RP002, RP005, RP008, RP012, 22004, 22023, 42501.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_extend_reservation);
Datum
regpaydb_extend_reservation(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger = engine_begin(PAYMENT, "amount", ACL_INSERT);
	int64		cart_id = int8_arg(fcinfo, 0, "cart_id");
	CartRow		cart;

	require_arg(fcinfo, 1, "duration");
	check_duration(PG_GETARG_INTERVAL_P(1));
	lock_active_cart(ledger, cart_id, &cart);
	if (cart_has_lapsed(ledger, cart_id))
		check_cart(ledger, cart_id, CART_CHECK_RESERVATION);
	if (!hold_cart(ledger, cart_id))
		refuse_cart(ledger, cart_id, CART_CHECK_STOCK);
	row_extend_cart(ledger, cart_id, PG_GETARG_INTERVAL_P(1));
	engine_end();
	PG_RETURN_VOID();
}

/*
 * available_stock(product_id) -> integer
 *		How many of the product are neither sold nor reserved, of its own stock and of
 *		its category's; NULL for any number.
 *
 * Raises RP002, RP012, 22004, 42501.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_available_stock);
Datum
regpaydb_available_stock(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger = engine_begin_read(INVOICE, "invoice_id", ACL_SELECT);
	int64		product_id = int8_arg(fcinfo, 0, "product_id");
	ProductRow	product;
	int64		available;
	bool		limited;

	if (!row_product(ledger, product_id, &product))
		not_found("product", product_id);
	limited = stock_available(ledger, &product, &available);
	engine_end();
	if (!limited)
		PG_RETURN_NULL();
	PG_RETURN_INT32((int32) Min(Max(available, 0), PG_INT32_MAX));
}

/*
 * invoice_cart(cart_id) -> invoice_id
 *		The invoice of the cart as it is now, made if there is none: items at
 *		their price, discounts as negative lines, due when the reservation ends.
 *
 * Raises RP002, RP003, RP005, RP008, RP012, 22004, 42501.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_invoice_cart);
Datum
regpaydb_invoice_cart(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger = engine_begin(PAYMENT, "amount", ACL_INSERT);
	int64		cart_id = int8_arg(fcinfo, 0, "cart_id");
	CartRow		cart;
	NewInvoice	bill = {.cart = &cart};
	int64		invoice_id;

	find_cart(ledger, cart_id, &cart);
	if (!row_lock_attendee(ledger, cart.attendee_id, &bill.recipient) ||
		!row_lock_cart(ledger, cart_id, &cart))
		not_found("cart", cart_id);
	bill.attendee_id = cart.attendee_id;
	if (!row_invoice_of_revision(ledger, &cart, &invoice_id))
	{
		if (cart.status != CART_STATUS_ACTIVE)
			cart_is_closed(&cart);
		check_cart(ledger, cart_id, CART_CHECK_ALL);
		row_touch_cart(ledger, &cart);
		bill.lines = row_cart_lines(ledger, cart_id, &bill.nlines);
		invoice_id = settle_new_invoice(ledger, &bill);
		settle_with_credit(ledger, invoice_id);
	}
	engine_end();
	PG_RETURN_INT64(invoice_id);
}

/* Give an unpaid invoice up, unless its cart can be sold after all. */
static bool
expire_invoice(Ledger *ledger, int64 invoice_id)
{
	InvoiceRow	invoice;
	int64		credit_note_id;

	if (!settle_lock_invoice(ledger, invoice_id, &invoice) ||
		invoice.state.status != INVOICE_UNPAID || !cart_is_invalid(ledger, &invoice))
		return false;
	(void) settle_refund(ledger, &invoice, NULL, &credit_note_id);
	return true;
}

/*
 * expire_invoices(limit DEFAULT 100) -> integer
 *		Void, or refund to credit, unpaid invoices whose carts can't be had any
 *		more, so many at most; returns how many.  What lapsed reservations have, so
 *		many of each product at most, can be had by others at once.
 *
 * Passes over carts that are in use just now.  Raises RP010 for an actor who
 * is not staff, RP012, 22004, 22023, 42501.
 */
PG_FUNCTION_INFO_V1(regpaydb_expire_invoices);
Datum
regpaydb_expire_invoices(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger = staff_begin(INVOICE, "status", ACL_UPDATE);
	int64	   *invoice_ids;
	int			ninvoices;
	int			ncarts;
	int32		expired = 0;

	require_arg(fcinfo, 0, "limit");
	if (PG_GETARG_INT32(0) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("limit must not be below zero")));
	invoice_ids = row_lock_expired(ledger, PG_GETARG_INT32(0), &ninvoices);
	pfree(lock_carts_of_invoices(ledger, invoice_ids, ninvoices, &ncarts));
	for (int i = 0; i < ninvoices; i++)
	{
		CHECK_FOR_INTERRUPTS();
		expired += expire_invoice(ledger, invoice_ids[i]);
	}
	if (PG_GETARG_INT32(0) > 0)
		stock_take_back(ledger, PG_GETARG_INT32(0));
	engine_end();
	PG_RETURN_INT32(expired);
}
