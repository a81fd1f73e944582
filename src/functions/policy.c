/*
 * policy.c
 *	  What the row-level security policies of a ledger's tables call.  Spec
 *	  section 1, "actor".
 *
 * A policy evaluates these for every row, so each keeps its result for as long
 * as the statement runs.  That the planner knows their values too (they are
 * STABLE) lets it choose an index for an attendee and a scan for staff.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/lsyscache.h"

#include "base/actor_setting.h"
#include "base/args.h"
#include "engine/engine.h"
#include "ledger/snapshot_mark.h"
#include "rows/attendee_rows.h"
#include "rows/ledger_rows.h"

/* A result, kept in the call site. */
typedef struct KeptResult
{
	uint64		actor;			/* actor_changes */
	Oid			ledger_table;
	SnapshotMark		seen;
	bool		isnull;
	Datum		value;
} KeptResult;

/* Fills in value, in the current memory context, for the actor of the settings. */
typedef void (*ActorQuery) (Ledger *ledger, const int64 *user_id, const char *code,
							KeptResult *result);

static bool
is_kept(const KeptResult *kept, Oid ledger_table)
{
	return kept->actor == actor_changes && kept->ledger_table == ledger_table &&
		snapshot_mark_is_current(&kept->seen);
}

/*
 * Look the result up, as the ledger's owner, in the ledger that the table is
 * in; whoever may not read that ledger's invoices gets 42501.
 */
static void
look_up(Oid ledger_table, ActorQuery query, KeptResult *result)
{
	Ledger	   *ledger = ledger_of_schema(get_rel_namespace(ledger_table));
	int64		user_id;
	bool		has_user = actor_user_id(&user_id);

	ledger = engine_begin_read_in(ledger, INVOICE, "invoice_id", ACL_SELECT);
	query(ledger, has_user ? &user_id : NULL, actor_code(), result);
	engine_end();
}

static Datum
actor_result(FunctionCallInfo fcinfo, ActorQuery query)
{
	KeptResult *kept = fcinfo->flinfo->fn_extra;
	Oid			ledger_table;
	MemoryContext save_context;

	require_arg(fcinfo, 0, "ledger_table");
	ledger_table = PG_GETARG_OID(0);
	if (kept == NULL || !is_kept(kept, ledger_table))
	{
		save_context = MemoryContextSwitchTo(fcinfo->flinfo->fn_mcxt);
		fcinfo->flinfo->fn_extra = NULL;
		kept = palloc0(sizeof(KeptResult));
		look_up(ledger_table, query, kept);
		MemoryContextSwitchTo(save_context);

		kept->actor = actor_changes;
		kept->ledger_table = ledger_table;
		set_snapshot_mark(&kept->seen);
		fcinfo->flinfo->fn_extra = kept;
	}
	if (kept->isnull)
		PG_RETURN_NULL();
	return kept->value;
}

/*
 * actor_is_set() -> boolean
 *		Whether the session acts for somebody.
 */
PG_FUNCTION_INFO_V1(regpaydb_actor_is_set);
Datum
regpaydb_actor_is_set(PG_FUNCTION_ARGS)
{
	PG_RETURN_BOOL(actor_is_set());
}

/*
 * actor_user() -> bigint
 *		The setting regpaydb.user_id; NULL where it is empty.  Raises 22023.
 */
PG_FUNCTION_INFO_V1(regpaydb_actor_user);
Datum
regpaydb_actor_user(PG_FUNCTION_ARGS)
{
	int64		user_id;

	if (!actor_user_id(&user_id))
		PG_RETURN_NULL();
	PG_RETURN_INT64(user_id);
}

static void
query_floor(Ledger *ledger, const int64 *user_id, const char *code, KeptResult *result)
{
	result->isnull = user_id == NULL || !row_is_staff(ledger, *user_id);
	result->value = Int64GetDatum(PG_INT64_MIN);
}

static void
query_attendees(Ledger *ledger, const int64 *user_id, const char *code, KeptResult *result)
{
	result->value = row_actor_attendees(ledger, user_id, code);
}

static void
query_invoices(Ledger *ledger, const int64 *user_id, const char *code, KeptResult *result)
{
	result->value = row_actor_invoices(ledger, user_id, code);
}

static void
query_carts(Ledger *ledger, const int64 *user_id, const char *code, KeptResult *result)
{
	result->value = row_actor_carts(ledger, user_id, code);
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
	return actor_result(fcinfo, query_floor);
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
	return actor_result(fcinfo, query_attendees);
}

/*
 * actor_invoices(ledger_table) -> bigint[]
 *		The invoices of those attendees.  Raises 22004, 22023, 42501, RP012.
 */
PG_FUNCTION_INFO_V1(regpaydb_actor_invoices);
Datum
regpaydb_actor_invoices(PG_FUNCTION_ARGS)
{
	return actor_result(fcinfo, query_invoices);
}

/*
 * actor_carts(ledger_table) -> bigint[]
 *		The carts of those attendees.  Raises 22004, 22023, 42501, RP012.
 */
PG_FUNCTION_INFO_V1(regpaydb_actor_carts);
Datum
regpaydb_actor_carts(PG_FUNCTION_ARGS)
{
	return actor_result(fcinfo, query_carts);
}
