/*
 * stock_trigger.c
 *	  The trigger of products and categories: their stock changes by plain SQL.
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/datum.h"
#include "utils/lsyscache.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "base/array.h"
#include "base/compat.h"
#include "base/errors.h"
#include "base/trigger.h"
#include "engine/engine.h"
#include "flow/find.h"
#include "flow/stock_change.h"

/* The columns that are read, 0 for those that the table has not. */
typedef struct StockColumns
{
	int			product_id;
	int			category_id;
	int			stock;
	Form_pg_attribute stock_att;
} StockColumns;

static int64
get_id(TupleTableSlot *slot, int column)
{
	bool		isnull;
	Datum		id = column == 0 ? 0 : slot_getattr(slot, column, &isnull);

	return DatumGetInt64(id);
}

/* The owner may have given the column another type, or a text by which it is computed. */
static bool
is_integer(const StockColumns *columns)
{
	return getBaseType(columns->stock_att->atttypid) == INT4OID &&
		!is_virtual_column(columns->stock_att);
}

static StockLevel
get_level(TupleTableSlot *slot, const StockColumns *columns)
{
	StockLevel	level = {
		.product_id = get_id(slot, columns->product_id),
		.category_id = get_id(slot, columns->category_id)
	};
	Datum		stock = slot_getattr(slot, columns->stock, &level.unlimited);

	level.stock = level.unlimited || !is_integer(columns) ? 0 : DatumGetInt32(stock);
	return level;
}

/* Whether a stock that is not an integer may have changed. */
static bool
has_other_stock(TupleTableSlot *before, TupleTableSlot *after, const StockColumns *columns)
{
	bool		null_before;
	bool		null_after;
	Datum		stock_before = slot_getattr(before, columns->stock, &null_before);
	Datum		stock_after = slot_getattr(after, columns->stock, &null_after);

	if (is_integer(columns))
		return false;
	if (is_virtual_column(columns->stock_att) || null_before != null_after)
		return true;
	return !null_before && !datum_image_eq(stock_before, stock_after,
										   columns->stock_att->attbyval,
										   columns->stock_att->attlen);
}

static void
read_from_start(Tuplestorestate *rows)
{
	tuplestore_select_read_pointer(rows, tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND));
	tuplestore_rescan(rows);
}

/* What has changed; the transition tables have the rows in the same order. */
static StockUpdate *
read_updates(TriggerData *trigger, const StockColumns *columns, int *nupdates)
{
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	TupleTableSlot *before = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	TupleTableSlot *after = MakeSingleTupleTableSlot(desc, &TTSOpsMinimalTuple);
	StockUpdate *updates = room_for_one(NULL, 0, sizeof(StockUpdate));

	*nupdates = 0;
	read_from_start(trigger->tg_oldtable);
	read_from_start(trigger->tg_newtable);
	while (tuplestore_gettupleslot(trigger->tg_oldtable, true, false, before) &&
		   tuplestore_gettupleslot(trigger->tg_newtable, true, false, after))
	{
		StockUpdate update = {
			get_level(before, columns), get_level(after, columns),
			has_other_stock(before, after, columns)
		};

		CHECK_FOR_INTERRUPTS();
		if (!stock_differs(&update))
			continue;
		updates = room_for_one(updates, *nupdates, sizeof(StockUpdate));
		updates[(*nupdates)++] = update;
	}
	ExecDropSingleTupleTableSlot(before);
	ExecDropSingleTupleTableSlot(after);
	tuplestore_select_read_pointer(trigger->tg_oldtable, 0);
	tuplestore_select_read_pointer(trigger->tg_newtable, 0);
	return updates;
}

/*
 * change_stock()
 *		AFTER UPDATE statement trigger of product and category: what there is more of
 *		is free at once, and what there is less of is not.
 *
 * Raises RP012, 40001.  Spec section 8.
 */
PG_FUNCTION_INFO_V1(regpaydb_change_stock);
Datum
regpaydb_change_stock(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = check_trigger(fcinfo, "change_stock", TRIGGER_EVENT_AFTER,
										 TRIGGER_EVENT_UPDATE);
	Ledger	   *ledger;
	bool		of_product;
	StockColumns columns;
	StockUpdate *updates;
	int			nupdates;

	if (trigger->tg_oldtable == NULL || trigger->tg_newtable == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"change_stock\" needs both transition tables"),
				 errhint("Create the trigger with REFERENCING OLD TABLE and NEW TABLE.")));
	ledger = ledger_of_relation(trigger->tg_relation, PRODUCT, CATEGORY);
	of_product = RelationGetRelid(trigger->tg_relation) == ledger_rows_relid(ledger, PRODUCT);
	columns.product_id = of_product ? find_trigger_column(trigger, "product_id", INT8OID) : 0;
	columns.category_id = find_trigger_column(trigger, "category_id", INT8OID);
	columns.stock = find_trigger_column(trigger, "stock", InvalidOid);
	columns.stock_att = TupleDescAttr(RelationGetDescr(trigger->tg_relation), columns.stock - 1);
	updates = read_updates(trigger, &columns, &nupdates);
	if (nupdates > 0)
	{
		engine_begin_as_owner(ledger);
		engine_check_version(ledger, false);
		if (of_product)
			change_stock_of_products(ledger, updates, nupdates);
		else
			change_stock_of_categories(ledger, updates, nupdates);
		engine_end();
	}
	pfree(updates);
	return PointerGetDatum(NULL);
}
