/*
 * cart_triggers.c
 *	  The triggers of carts and of what is in them: plain SQL amends a cart, too.
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "executor/executor.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "base/array.h"
#include "base/trigger.h"
#include "engine/engine.h"
#include "flow/amend.h"
#include "flow/find.h"
#include "flow/stock.h"
#include "flow/stock_lock.h"
#include "ledger/engine_call.h"
#include "rows/cart_rows.h"
#include "rows/reservation_rows.h"

/* The carts in a transition table, but for those that the engine is changing. */
static void
collect_carts(TriggerData *trigger, Tuplestorestate *rows, int64 **cart_ids, int *ncarts)
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
		if (isnull || engine_is_writing(RelationGetRelid(trigger->tg_relation), cart_id) ||
			(*ncarts > 0 && (*cart_ids)[*ncarts - 1] == cart_id))
			continue;
		*cart_ids = room_for_one(*cart_ids, *ncarts, sizeof(int64));
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
amend_carts(Ledger *ledger, TriggerData *trigger, int64 *cart_ids, int ncarts)
{
	int			nlocked;
	CartRow    *carts = lock_carts(ledger, cart_ids, ncarts, &nlocked);
	int			n = 0;

	for (int i = 0; i < nlocked; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (is_replay(ledger, trigger, &carts[i]))
			continue;
		engine_check_version(ledger, false);
		if (carts[i].status != CART_STATUS_ACTIVE)
			cart_is_closed(&carts[i]);
		cart_ids[n++] = carts[i].cart_id;
	}
	if (n > 1)
		stock_lock(ledger, cart_ids, n);
	for (int i = 0; i < n; i++)
	{
		CHECK_FOR_INTERRUPTS();
		amend_cart(ledger, cart_ids[i]);
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
	int			ncarts = 0;
	int64	   *cart_ids = room_for_one(NULL, 0, sizeof(int64));

	if (trigger->tg_oldtable == NULL && trigger->tg_newtable == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"amend_carts\" needs a transition table")));
	ledger = ledger_of_relation(trigger->tg_relation, CART_ITEM, CART_DISCOUNT);
	if (trigger->tg_oldtable != NULL)
		collect_carts(trigger, trigger->tg_oldtable, &cart_ids, &ncarts);
	if (trigger->tg_newtable != NULL)
		collect_carts(trigger, trigger->tg_newtable, &cart_ids, &ncarts);
	if (ncarts > 0)
	{
		engine_begin_as_owner(ledger);
		engine_check_version(ledger, true);
		amend_carts(ledger, trigger, cart_ids, ncarts);
		engine_end();
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
	bool		isnull;
	Datum		cart_id = SPI_getbinval(trigger->tg_newtuple,
										RelationGetDescr(trigger->tg_relation),
										column, &isnull);

	if (!isnull)
	{
		engine_begin_as_owner(ledger);
		engine_check_version(ledger, false);
		row_move_reservation(ledger, DatumGetInt64(cart_id));
		engine_end();
	}
	return PointerGetDatum(NULL);
}
