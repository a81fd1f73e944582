/*
 * guard.c
 *	  Triggers that keep what only the engine changes.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/datum.h"
#include "utils/rel.h"

#include "base/errors.h"
#include "base/money.h"
#include "base/trigger.h"
#include "engine/engine.h"
#include "ledger/engine_call.h"
#include "rows/ledger_rows.h"

static const char *
event_name(TriggerData *trigger)
{
	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
		return "inserted";
	if (TRIGGER_FIRED_BY_UPDATE(trigger->tg_event))
		return "updated";
	if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
		return "deleted";
	return "truncated";
}

/* What somebody can do instead who wants to change a table. */
static const char *
advice(const char *table)
{
	static const struct
	{
		const char *table;
		const char *advice;
	}			advices[] = {
		{"conference", "Make another ledger with regpaydb.create_ledger()."},
		{"cart", "Carts change by regpaydb.set_quantity(), and when their invoices are paid or refunded."},
		{"cart_item", "Delete the rows of active carts, or use regpaydb.set_quantity()."},
		{"cart_discount", "Delete the rows of active carts."},
		{"reservation", "Reservations change with their carts, by regpaydb.set_quantity() and regpaydb.extend_reservation()."},
		{"stock_slot", "Update product.stock or category.stock, or delete the slots: they are counted afresh when somebody buys."},
		{"product", "Insert another product."},
		{"outbox", "Delete the rows that were taken."},
	};

	for (int i = 0; i < (int) lengthof(advices); i++)
		if (strcmp(table, advices[i].table) == 0)
			return advices[i].advice;
	return "Correct a mistake with regpaydb.refund_invoice(), regpaydb.void_invoice() or regpaydb.record_manual_payment().";
}

pg_noreturn static void
refuse_change(TriggerData *trigger, const char *column)
{
	const char *table = ledger_table_name(RelationGetRelationName(trigger->tg_relation));

	ereport(ERROR,
			(errcode(RP_APPEND_ONLY),
			 column != NULL ?
			 errmsg("column \"%s\" of table \"%s\" can't be changed", column, table) :
			 errmsg("rows of table \"%s\" can't be %s", table, event_name(trigger)),
			 errdetail("What was recorded stays as it was recorded; the rest changes through regpaydb's functions."),
			 errhint("%s", advice(table)),
			 errtable(trigger->tg_relation)));
}

static bool
column_changed(TriggerData *trigger, int number)
{
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	Form_pg_attribute att = TupleDescAttr(desc, number - 1);
	bool		old_isnull;
	bool		new_isnull;
	Datum		old_value = SPI_getbinval(trigger->tg_trigtuple, desc, number, &old_isnull);
	Datum		new_value = SPI_getbinval(trigger->tg_newtuple, desc, number, &new_isnull);

	if (old_isnull || new_isnull)
		return old_isnull != new_isnull;
	return !datum_image_eq(old_value, new_value, att->attbyval, att->attlen);
}

/*
 * guard_rows(key column, guarded columns...)
 *		Trigger of the ledger's tables: refuse changes that are not the engine's.
 *
 * A row may be inserted by the table's owner, as whom the engine acts.  Every other
 * change has to be the engine's, which is writing the row of that key.  Otherwise,
 * with guarded columns named, an update may change the others; with none named,
 * nothing; a delete is refused always.  Without arguments every change but an insert
 * is refused.
 * Raises RP011.  Spec section 2.
 */
PG_FUNCTION_INFO_V1(regpaydb_guard_rows);
Datum
regpaydb_guard_rows(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	int			nargs;
	char	  **args;
	int			key;
	bool		isnull;
	Datum		id;

	if (!CALLED_AS_TRIGGER(fcinfo))
		check_trigger(fcinfo, "guard_rows", 0, 0);
	nargs = trigger->tg_trigger->tgnargs;
	args = trigger->tg_trigger->tgargs;
	if (TRIGGER_FIRED_BY_INSERT(trigger->tg_event))
	{
		/* The engine acts as the owner, and so does who restores a dump. */
		check_trigger(fcinfo, "guard_rows", TRIGGER_EVENT_BEFORE | TRIGGER_EVENT_ROW,
					  TRIGGER_EVENT_INSERT);
		if (!relation_ownercheck(RelationGetRelid(trigger->tg_relation), GetUserId()))
			refuse_change(trigger, NULL);
		return PointerGetDatum(trigger->tg_trigtuple);
	}
	if (nargs == 0)
		refuse_change(trigger, NULL);

	check_trigger(fcinfo, "guard_rows", TRIGGER_EVENT_BEFORE | TRIGGER_EVENT_ROW,
				  TRIGGER_FIRED_BY_DELETE(trigger->tg_event) ?
				  TRIGGER_EVENT_DELETE : TRIGGER_EVENT_UPDATE);
	key = find_trigger_column(trigger, args[0], INT8OID);
	id = SPI_getbinval(trigger->tg_trigtuple, RelationGetDescr(trigger->tg_relation),
					   key, &isnull);
	if (!isnull && engine_is_writing(RelationGetRelid(trigger->tg_relation), DatumGetInt64(id)))
	{
		if (TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
			return PointerGetDatum(trigger->tg_trigtuple);
		engine_has_written();
		return PointerGetDatum(trigger->tg_newtuple);
	}

	if (nargs == 1 || TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
		refuse_change(trigger, NULL);
	for (int i = 0; i < nargs; i++)
	{
		int			number = SPI_fnumber(RelationGetDescr(trigger->tg_relation), args[i]);

		if (number > 0 && column_changed(trigger, number))
			refuse_change(trigger, args[i]);
	}
	return PointerGetDatum(trigger->tg_newtuple);
}

/* Raise 0A000 for a currency whose amounts the ledger's columns don't fit. */
static void
check_decimals(const Ledger *ledger, const char *currency)
{
	if (currency != NULL && currency_decimals(currency) != ledger->decimals)
		ereport(ERROR,
				(errcode(ERRCODE_FEATURE_NOT_SUPPORTED),
				 errmsg("the currency can't become %s", currency),
				 errdetail("Its amounts have %d decimals, those of this ledger %d.",
						   currency_decimals(currency), ledger->decimals),
				 errhint("Make another ledger with regpaydb.create_ledger().")));
}

/*
 * guard_conference()
 *		BEFORE UPDATE OR DELETE trigger of conference: keep the row, and its
 *		currency once there are payments; before that it can become another one
 *		of as many decimals.
 *
 * Raises RP011, 0A000.  Spec sections 1 and 2.
 */
PG_FUNCTION_INFO_V1(regpaydb_guard_conference);
Datum
regpaydb_guard_conference(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;
	Ledger	   *ledger;
	int			column;
	bool		has_payments;

	if (CALLED_AS_TRIGGER(fcinfo) && TRIGGER_FIRED_BY_DELETE(trigger->tg_event))
		refuse_change(trigger, NULL);
	check_trigger(fcinfo, "guard_conference", TRIGGER_EVENT_BEFORE | TRIGGER_EVENT_ROW,
				  TRIGGER_EVENT_UPDATE);
	ledger = ledger_of_relation(trigger->tg_relation, CONFERENCE, CONFERENCE);
	column = find_trigger_column(trigger, "currency", TEXTOID);
	if (column_changed(trigger, column))
	{
		/*
		 * Wait for whoever is just recording the first one, and keep others
		 * out.
		 */
		LockRelationOid(ledger_rows_relid(ledger, PAYMENT), ShareRowExclusiveLock);
		engine_begin_as_owner(ledger);
		has_payments = row_has_payments(engine_reader());
		engine_end();
		if (has_payments)
			refuse_change(trigger, "currency");
		check_decimals(ledger, SPI_getvalue(trigger->tg_newtuple,
											RelationGetDescr(trigger->tg_relation), column));
	}
	return PointerGetDatum(trigger->tg_newtuple);
}
