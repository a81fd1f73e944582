/*
 * policy.c
 *	  What the row-level security policies of a ledger's tables call.  Spec
 *	  section 1, "actor".
 *
 * A policy evaluates these for every row, so each keeps its result until
 * the snapshot, the actor or the table is another one.  That the planner knows their values too (they are
 * STABLE) lets it choose an index for an attendee and a scan for staff.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/lsyscache.h"

#include "base/actor_setting.h"
#include "base/args.h"
#include "engine/engine.h"
#include "ledger/placement.h"
#include "ledger/snapshot_mark.h"
#include "rows/attendee_rows.h"
#include "rows/ledger_rows.h"

/* A result, kept in the call site. */
typedef struct ActorResult
{
	uint64		actor;			/* actor_changes */
	Oid			ledger_table;
	SnapshotMark seen;
	bool		isnull;
	Datum		value;
} ActorResult;

static bool
is_current(const ActorResult *result, Oid ledger_table)
{
	return result->actor == actor_changes && result->ledger_table == ledger_table &&
		snapshot_mark_is_current(&result->seen);
}

/*
 * Look the result up, as the ledger's owner, in the ledger that the table is
 * in; whoever may not read that ledger's invoices gets 42501.
 */
static void
look_up(Oid ledger_table, bool is_floor, ActorKeys keys, ActorResult *result)
{
	Ledger	   *ledger = ledger_of_schema(get_rel_namespace(ledger_table));
	int64		user_id;
	bool		has_user = actor_user_id(&user_id);

	check_not_sent();
	ledger = engine_begin_read_in(ledger, INVOICE, "invoice_id", ACL_SELECT);
	if (is_floor)
	{
		result->isnull = !has_user || !row_is_staff(ledger, user_id);
		result->value = Int64GetDatum(PG_INT64_MIN);
	}
	else
		result->value = row_actor_keys(ledger, keys, has_user ? &user_id : NULL, actor_code());
	engine_end();
}

static Datum
actor_result(FunctionCallInfo fcinfo, bool is_floor, ActorKeys keys)
{
	ActorResult *result = fcinfo->flinfo->fn_extra;
	Oid			ledger_table;
	MemoryContext save_context;

	require_arg(fcinfo, 0, "ledger_table");
	ledger_table = PG_GETARG_OID(0);
	if (result == NULL || !is_current(result, ledger_table))
	{
		save_context = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
		fcinfo->flinfo->fn_extra = NULL;
		result = palloc0(sizeof(ActorResult));
		look_up(ledger_table, is_floor, keys, result);
		MemoryContextSwitchTo(save_context);

		result->actor = actor_changes;
		result->ledger_table = ledger_table;
		set_snapshot_mark(&result->seen);
		fcinfo->flinfo->fn_extra = result;
	}
	if (result->isnull)
		PG_RETURN_NULL();
	return result->value;
}

/*
 * actor_is_set() -> boolean
 *		Whether the session acts for somebody.  Raises RP012.
 */
PG_FUNCTION_INFO_V1(regpaydb_actor_is_set);
Datum
regpaydb_actor_is_set(PG_FUNCTION_ARGS)
{
	check_not_sent();
	PG_RETURN_BOOL(actor_is_set());
}

/*
 * actor_user() -> bigint
 *		The setting regpaydb.user_id; NULL where it is empty.  Raises 22023, RP012.
 */
PG_FUNCTION_INFO_V1(regpaydb_actor_user);
Datum
regpaydb_actor_user(PG_FUNCTION_ARGS)
{
	int64		user_id;

	check_not_sent();
	if (!actor_user_id(&user_id))
		PG_RETURN_NULL();
	PG_RETURN_INT64(user_id);
}

/*
 * actor_floor(ledger_table) -> bigint
 *		The lowest key from which on the actor may view every row of the table's
 *		ledger: the lowest there is, for staff; NULL for others.
 *
 * Raises 22004, 22023, 42501, RP012.
 */
PG_FUNCTION_INFO_V1(regpaydb_actor_floor);
Datum
regpaydb_actor_floor(PG_FUNCTION_ARGS)
{
	return actor_result(fcinfo, true, 0);
}

/*
 * actor_attendees(ledger_table) -> bigint[]
 *		The attendees of the table's ledger who the actor is.
 *
 * Raises 22004, 22023, 42501, RP012.
 */
PG_FUNCTION_INFO_V1(regpaydb_actor_attendees);
Datum
regpaydb_actor_attendees(PG_FUNCTION_ARGS)
{
	return actor_result(fcinfo, false, ACTOR_ATTENDEES);
}

/*
 * actor_invoices(ledger_table) -> bigint[]
 *		The invoices of those attendees.  Raises 22004, 22023, 42501, RP012.
 */
PG_FUNCTION_INFO_V1(regpaydb_actor_invoices);
Datum
regpaydb_actor_invoices(PG_FUNCTION_ARGS)
{
	return actor_result(fcinfo, false, ACTOR_INVOICES);
}

/*
 * actor_carts(ledger_table) -> bigint[]
 *		The carts of those attendees.  Raises 22004, 22023, 42501, RP012.
 */
PG_FUNCTION_INFO_V1(regpaydb_actor_carts);
Datum
regpaydb_actor_carts(PG_FUNCTION_ARGS)
{
	return actor_result(fcinfo, false, ACTOR_CARTS);
}
