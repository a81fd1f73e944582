/*
 * cart.c
 *	  Carts: filled, amended, invoiced, and given up.
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/rel.h"
#include "utils/timestamp.h"
#include "utils/tuplestore.h"

#include "actor.h"
#include "call.h"
#include "engine.h"
#include "errors.h"
#include "settle.h"
#include "stock.h"
#include "store.h"
#include "trigger.h"

/*
 * Whether a locked cart reserves nothing any more.  Asked when its products are
 * locked: until then it may lapse, and another take what it held.
 */
static bool
cart_has_lapsed(Ledger *ledger, int64 cart_id)
{
	CartRow		cart;

	return !row_cart(ledger, cart_id, &cart) || cart.lapsed;
}

/*
 * A locked cart, with its products locked, has changed: what it holds is
 * reserved afresh, and the invoice that billed it as it was is given up.
 *
 * Raises RP005 where there is more in it than before and that can't be had.  A
 * lapsed cart of which less remains, but still more than can be had, stays
 * lapsed: renewing it would take from whoever reserved the rest meanwhile.
 */
static void
amend_cart(Ledger *ledger, int64 cart_id)
{
	bool		renew = true;
	int			ninvoices;
	int64	   *invoice_ids;

	if (row_cart_grows(ledger, cart_id))
		check_reservation(ledger, cart_id);
	else if (cart_has_lapsed(ledger, cart_id))
		renew = reservation_is_possible(ledger, cart_id);

	row_touch_products(ledger, cart_id);
	row_amend_cart(ledger, cart_id, row_count_entries(ledger, cart_id));
	if (renew)
		row_renew_cart(ledger, cart_id);
	row_reserve_items(ledger, cart_id);

	invoice_ids = row_unpaid_invoices_of_cart(ledger, cart_id, &ninvoices);
	for (int i = 0; i < ninvoices; i++)
	{
		InvoiceRow	invoice;

		if (settle_lock_invoice(ledger, invoice_ids[i], &invoice) &&
			invoice.state.status == INVOICE_UNPAID)
			settle_refund(ledger, &invoice);
	}
}

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
	EngineScope scope;
	Ledger	   *ledger = engine_begin(&scope, PAYMENT, "amount", ACL_INSERT);
	int64		attendee_id = int8_arg(fcinfo, 0, "attendee_id");
	AttendeeRow attendee;
	int64		cart_id;

	if (!row_attendee(ledger, attendee_id, &attendee) ||
		!actor_may_view(ledger, attendee_id))
		not_found("attendee", attendee_id);

	/* Where it can't be inserted, another session has made it meanwhile. */
	if ((cart_id = row_active_cart(ledger, attendee_id)) == 0 &&
		(cart_id = row_insert_cart(ledger, attendee_id)) == 0 &&
		(cart_id = row_active_cart(ledger, attendee_id)) == 0)
		store_not_written(ledger, CART);
	engine_end(&scope);
	PG_RETURN_INT64(cart_id);
}

/*
 * set_quantity(cart_id, product_id, quantity) -> void
 *		Put so many of a product into an active cart, in place of what it had;
 *		0 removes it.
 *
 * Raises RP002, RP003, RP005, RP008, RP012, 22004, 42501.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_set_quantity);
Datum
regpaydb_set_quantity(PG_FUNCTION_ARGS)
{
	EngineScope scope;
	Ledger	   *ledger = engine_begin(&scope, PAYMENT, "amount", ACL_INSERT);
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
				 errhint("A quantity of 0 removes the product from the cart.")));

	lock_active_cart(ledger, cart_id, &cart);
	if (!row_product_exists(ledger, product_id))
		not_found("product", product_id);
	if (quantity != row_reserved(ledger, cart_id, product_id))
	{
		if (quantity > 0)
			row_set_item(ledger, cart_id, product_id, quantity);
		else
			row_delete_item(ledger, cart_id, product_id);
		row_lock_products_of_carts(ledger, &cart_id, 1);
		amend_cart(ledger, cart_id);
	}
	engine_end(&scope);
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
	EngineScope scope;
	Ledger	   *ledger = engine_begin(&scope, INVOICE, "status", ACL_SELECT);
	int64		cart_id = int8_arg(fcinfo, 0, "cart_id");
	CartRow		cart;

	find_cart(ledger, cart_id, &cart);
	if (cart.status != CART_STATUS_ACTIVE)
		cart_is_closed(&cart);
	check_cart(ledger, cart_id);
	engine_end(&scope);
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
	EngineScope scope;
	Ledger	   *ledger = engine_begin(&scope, PAYMENT, "amount", ACL_INSERT);
	int64		cart_id = int8_arg(fcinfo, 0, "cart_id");
	CartRow		cart;

	require_arg(fcinfo, 1, "duration");
	check_duration(PG_GETARG_INTERVAL_P(1));
	lock_active_cart(ledger, cart_id, &cart);
	row_lock_products_of_carts(ledger, &cart_id, 1);
	if (cart_has_lapsed(ledger, cart_id))
		check_reservation(ledger, cart_id);
	row_touch_products(ledger, cart_id);
	row_extend_cart(ledger, cart_id, PG_GETARG_INTERVAL_P(1));
	engine_end(&scope);
	PG_RETURN_VOID();
}

/*
 * available_stock(product_id) -> integer
 *		How many of the product are neither sold nor reserved; NULL for any
 *		number.
 *
 * Raises RP002, RP012, 22004, 42501.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_available_stock);
Datum
regpaydb_available_stock(PG_FUNCTION_ARGS)
{
	EngineScope scope;
	Ledger	   *ledger = engine_begin_read(&scope, INVOICE, "invoice_id", ACL_SELECT);
	int64		product_id = int8_arg(fcinfo, 0, "product_id");
	int64		available;
	bool		unlimited;

	if (!row_available_stock(ledger, product_id, &available, &unlimited))
		not_found("product", product_id);
	engine_end(&scope);
	if (unlimited)
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
	EngineScope scope;
	Ledger	   *ledger = engine_begin(&scope, PAYMENT, "amount", ACL_INSERT);
	int64		cart_id = int8_arg(fcinfo, 0, "cart_id");
	CartRow		cart;
	text	   *recipient;
	int64		invoice_id;
	LineItemRow *lines;
	int			nlines;

	find_cart(ledger, cart_id, &cart);
	if (!row_lock_attendee(ledger, cart.attendee_id, &recipient) ||
		!row_lock_cart(ledger, cart_id, &cart))
		not_found("cart", cart_id);
	invoice_id = row_invoice_of_revision(ledger, &cart);
	if (invoice_id == 0)
	{
		if (cart.status != CART_STATUS_ACTIVE)
			cart_is_closed(&cart);
		row_lock_products_of_carts(ledger, &cart_id, 1);
		check_cart(ledger, cart_id);
		row_touch_cart(ledger, cart_id);
		lines = row_cart_lines(ledger, cart_id, &nlines);
		invoice_id = settle_new_invoice(ledger, cart.attendee_id, &cart, recipient, NULL,
										lines, nlines);
		settle_with_credit(ledger, invoice_id);
	}
	engine_end(&scope);
	PG_RETURN_INT64(invoice_id);
}

/* Give an unpaid invoice up, unless its cart can be sold after all. */
static bool
expire_invoice(Ledger *ledger, int64 invoice_id)
{
	InvoiceRow	invoice;

	lock_carts_of_invoices(ledger, &invoice_id, 1);
	if (!settle_lock_invoice(ledger, invoice_id, &invoice) ||
		invoice.state.status != INVOICE_UNPAID || !cart_is_invalid(ledger, &invoice))
		return false;
	settle_refund(ledger, &invoice);
	return true;
}

/*
 * expire_invoices(limit DEFAULT 100) -> integer
 *		Void, or refund to credit, unpaid invoices whose carts can't be had any
 *		more, so many at most; returns how many.
 *
 * Passes over carts that are in use just now.  Raises RP012, 22004, 22023,
 * 42501.
 */
PG_FUNCTION_INFO_V1(regpaydb_expire_invoices);
Datum
regpaydb_expire_invoices(PG_FUNCTION_ARGS)
{
	EngineScope scope;
	Ledger	   *ledger = engine_begin(&scope, INVOICE, "status", ACL_UPDATE);
	int64	   *invoice_ids;
	int			ninvoices;
	int32		expired = 0;

	require_arg(fcinfo, 0, "limit");
	if (PG_GETARG_INT32(0) < 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("limit must not be below zero")));
	invoice_ids = row_lock_expired(ledger, PG_GETARG_INT32(0), &ninvoices);
	lock_carts_of_invoices(ledger, invoice_ids, ninvoices);
	for (int i = 0; i < ninvoices; i++)
	{
		CHECK_FOR_INTERRUPTS();
		expired += expire_invoice(ledger, invoice_ids[i]);
	}
	engine_end(&scope);
	PG_RETURN_INT32(expired);
}

/* The carts in a transition table, which the engine is not changing itself. */
static void
collect_carts(TriggerData *trigger, Tuplestorestate *rows, int64 **cart_ids, int *ncarts,
			  int *capacity)
{
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(trigger->tg_relation),
													&TTSOpsMinimalTuple);
	int			pointer = tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND);
	int			column = find_trigger_column(trigger, "cart_id", INT8OID);

	tuplestore_select_read_pointer(rows, pointer);
	tuplestore_rescan(rows);
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		bool		isnull;
		int64		cart_id = DatumGetInt64(slot_getattr(slot, column, &isnull));

		CHECK_FOR_INTERRUPTS();
		if (isnull || store_is_writing(RelationGetRelid(trigger->tg_relation), cart_id) ||
			(*ncarts > 0 && (*cart_ids)[*ncarts - 1] == cart_id))
			continue;
		if (*ncarts == *capacity)
		{
			*capacity *= 2;
			*cart_ids = repalloc_huge(*cart_ids, *capacity * sizeof(int64));
		}
		(*cart_ids)[(*ncarts)++] = cart_id;
	}
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_select_read_pointer(rows, 0);
}

/*
 * Whether the items or discounts that a statement inserted are what the cart
 * had when its revision was made: a dump is being restored.
 */
static bool
is_replay(Ledger *ledger, TriggerData *trigger, const CartRow *cart)
{
	return TRIGGER_FIRED_BY_INSERT(trigger->tg_event) &&
		row_count_entries(ledger, cart->cart_id) <= cart->entry_count;
}

static void
amend_carts(Ledger *ledger, TriggerData *trigger, const int64 *cart_ids, int ncarts)
{
	int			nlocked;
	CartRow    *carts = lock_carts(ledger, cart_ids, ncarts, &nlocked);

	for (int i = 0; i < nlocked; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (is_replay(ledger, trigger, &carts[i]))
			continue;
		engine_check_version(ledger, false);
		if (carts[i].status != CART_STATUS_ACTIVE)
			cart_is_closed(&carts[i]);
		amend_cart(ledger, carts[i].cart_id);
	}
}

/*
 * amend_carts()
 *		AFTER statement trigger of cart_item and cart_discount: amend the carts
 *		that the statement changes.
 *
 * Raises RP005, RP008, RP012.  Spec section 4.
 */
PG_FUNCTION_INFO_V1(regpaydb_amend_carts);
Datum
regpaydb_amend_carts(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = check_trigger(fcinfo, "amend_carts", TRIGGER_EVENT_AFTER,
										 TRIGGER_ANY_EVENT);
	Ledger	   *ledger;
	EngineScope scope;
	int			ncarts = 0;
	int			capacity = 16;
	int64	   *cart_ids = palloc(capacity * sizeof(int64));

	if (trigger->tg_oldtable == NULL && trigger->tg_newtable == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"amend_carts\" needs a transition table")));
	ledger = ledger_of_relation(trigger->tg_relation, CART_ITEM, CART_DISCOUNT);
	if (trigger->tg_oldtable != NULL)
		collect_carts(trigger, trigger->tg_oldtable, &cart_ids, &ncarts, &capacity);
	if (trigger->tg_newtable != NULL)
		collect_carts(trigger, trigger->tg_newtable, &cart_ids, &ncarts, &capacity);
	if (ncarts > 0)
	{
		engine_begin_as_owner(&scope, ledger);
		engine_check_version(ledger, true);
		amend_carts(ledger, trigger, cart_ids, ncarts);
		engine_end(&scope);
	}
	pfree(cart_ids);
	return PointerGetDatum(NULL);
}

/*
 * move_reservation()
 *		AFTER UPDATE trigger of cart, for a row whose times have changed: what it
 *		holds is reserved until then.
 *
 * Raises RP012.  Spec section 2.
 */
PG_FUNCTION_INFO_V1(regpaydb_move_reservation);
Datum
regpaydb_move_reservation(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = check_trigger(fcinfo, "move_reservation",
										 TRIGGER_EVENT_AFTER | TRIGGER_EVENT_ROW,
										 TRIGGER_EVENT_UPDATE);
	Ledger	   *ledger = ledger_of_relation(trigger->tg_relation, CART, CART);
	int			column = find_trigger_column(trigger, "cart_id", INT8OID);
	EngineScope scope;
	bool		isnull;
	Datum		cart_id = SPI_getbinval(trigger->tg_newtuple,
										RelationGetDescr(trigger->tg_relation),
										column, &isnull);

	if (!isnull)
	{
		engine_begin_as_owner(&scope, ledger);
		engine_check_version(ledger, false);
		row_move_reservation(ledger, DatumGetInt64(cart_id));
		engine_end(&scope);
	}
	return PointerGetDatum(NULL);
}
