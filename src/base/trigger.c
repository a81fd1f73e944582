/*
 * trigger.c
 *	  Checks of the context that a trigger function is called in.  Anybody who
 *	  may execute one can attach it to a table of his own, or call it directly.
 */
#include "postgres.h"

#include "executor/spi.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "base/trigger.h"

#define TIMING_AND_LEVEL (TRIGGER_EVENT_TIMINGMASK | TRIGGER_EVENT_ROW)

/*
 * check_trigger
 *		The trigger's data, if the function is called by the trigger manager, at
 *		this timing and level (TRIGGER_EVENT_BEFORE or _AFTER, with
 *		TRIGGER_EVENT_ROW or without), for this event.
 *
 * Raises 39P01.
 */
TriggerData *
check_trigger(FunctionCallInfo fcinfo, const char *function,
			  TriggerEvent timing_and_level, TriggerEvent event)
{
	TriggerData *trigger = (TriggerData *) fcinfo->context;

	if (!CALLED_AS_TRIGGER(fcinfo))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was not called by the trigger manager", function)));
	if ((trigger->tg_event & TIMING_AND_LEVEL) != timing_and_level ||
		(event == TRIGGER_ANY_EVENT ? TRIGGER_FIRED_BY_TRUNCATE(trigger->tg_event) :
		 (trigger->tg_event & TRIGGER_EVENT_OPMASK) != event))
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"%s\" was called for the wrong event", function),
				 errhint("The triggers that regpaydb.create_ledger() makes show how it is used.")));
	return trigger;
}

/*
 * find_trigger_column
 *		The number of the trigger's table's column of this name and type, of any
 *		with InvalidOid.
 *
 * Raises 42703 or 42804.
 */
int
find_trigger_column(TriggerData *trigger, const char *name, Oid type)
{
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	int			number = SPI_fnumber(desc, name);

	if (number <= 0)
		ereport(ERROR,
				(errcode(ERRCODE_UNDEFINED_COLUMN),
				 errmsg("table \"%s\" has no column \"%s\"",
						RelationGetRelationName(trigger->tg_relation), name)));
	if (OidIsValid(type) && SPI_gettypeid(desc, number) != type)
		ereport(ERROR,
				(errcode(ERRCODE_DATATYPE_MISMATCH),
				 errmsg("column \"%s\" of table \"%s\" is of type %s, not %s", name,
						RelationGetRelationName(trigger->tg_relation),
						format_type_be(SPI_gettypeid(desc, number)), format_type_be(type))));
	return number;
}
