/*
 * access.c
 *	  can_view and access codes.  Spec section 3.
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "executor/spi.h"
#include "fmgr.h"
#include "port.h"
#include "utils/builtins.h"
#include "utils/rel.h"

#include "base/args.h"
#include "base/errors.h"
#include "base/trigger.h"
#include "engine/actor.h"
#include "engine/query_call.h"
#include "flow/find.h"
#include "ledger/snapshot_mark.h"
#include "rows/attendee_rows.h"
#include "rows/invoice_rows.h"
#include "rows/ledger_rows.h"

/* 32 characters, so that each is worth 5 bits; none that looks like another. */
static const char alphabet[] = "23456789ABCDEFGHJKLMNPQRSTUVWXYZ";

#define MIN_CODE_LENGTH 16
#define MAX_CODE_LENGTH 64

/*
 * What can_view's call site keeps.  A query asks for many invoices, most often
 * for one user, or for some of the staff.
 */
#define KEPT_USERS 128

typedef struct ViewSite
{
	QuerySite	query;

	/* Who is staff, each user in the place of its number. */
	Oid			schema;
	SnapshotMark seen;
	struct
	{
		int64		user_id;
		bool		is_known;
		bool		is_staff;
	}			users[KEPT_USERS];
} ViewSite;

/* The place of a user, forgetting all where they were of another snapshot. */
static int
user_place(ViewSite *site, const Ledger *ledger, int64 user_id)
{
	int			place = (uint64) user_id % KEPT_USERS;

	if (site->schema != ledger->schema || !snapshot_mark_is_current(&site->seen))
	{
		memset(site->users, 0, sizeof(site->users));
		site->schema = ledger->schema;
		set_snapshot_mark(&site->seen);
	}
	if (site->users[place].user_id != user_id)
		site->users[place].is_known = false;
	return place;
}

static bool
is_staff(ViewSite *site, Ledger *ledger, int64 user_id)
{
	int			place = user_place(site, ledger, user_id);
	bool		result;

	if (site->users[place].is_known)
		return site->users[place].is_staff;
	/* That may run SQL, which may call can_view() here for another user. */
	result = row_is_staff(ledger, user_id);
	place = user_place(site, ledger, user_id);
	site->users[place].user_id = user_id;
	site->users[place].is_staff = result;
	site->users[place].is_known = true;
	return result;
}

static bool
is_known_staff(ViewSite *site, const Ledger *ledger, int64 user_id)
{
	int			place = user_place(site, ledger, user_id);

	return site->users[place].is_known && site->users[place].is_staff;
}

/*
 * Whose invoice it is.  Looks for an attendee also where there is no such invoice,
 * which takes the time that it takes where there is.
 */
static bool
find_owner(Ledger *ledger, int64 invoice_id, bool with_code, AttendeeRow *attendee)
{
	int64		attendee_id;
	bool		exists = row_invoice_owner(ledger, invoice_id, &attendee_id);

	/* Any attendee will do where the answer is no. */
	return row_attendee_access(ledger, exists ? attendee_id : invoice_id, with_code, attendee) &&
		exists;
}

/*
 * Staff may view every invoice, so for known staff the owner is not looked up; the
 * owner may view hers, so whether she is staff is not.  Only a yes is faster by
 * that, which tells nothing about invoices that she may not view.
 */
static bool
may_view(ViewSite *site, Ledger *ledger, int64 invoice_id, const int64 *user_id,
		 const text *code)
{
	AttendeeRow attendee;
	int64		attendee_id;
	bool		exists;
	bool		by_staff;

	if (user_id != NULL && is_known_staff(site, ledger, *user_id))
		return row_invoice_owner(ledger, invoice_id, &attendee_id);
	exists = find_owner(ledger, invoice_id, code != NULL, &attendee);
	by_staff = user_id != NULL && !(exists && attendee.user_id == *user_id) &&
		is_staff(site, ledger, *user_id);
	return viewer_may_view(exists ? &attendee : NULL, user_id, by_staff,
						   code == NULL ? NULL : VARDATA_ANY(code),
						   code == NULL ? 0 : VARSIZE_ANY_EXHDR(code));
}

/*
 * can_view(invoice_id, user_id DEFAULT NULL, access_code DEFAULT NULL) -> boolean
 *		Whether this user, or the holder of this code, may view the invoice.
 *
 * False for anything unknown or NULL.  Never writes or locks.  Raises 42501,
 * RP012.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_can_view);
Datum
regpaydb_can_view(PG_FUNCTION_ARGS)
{
	static const LedgerTable tables[] = {INVOICE, ATTENDEE, STAFF};
	FmgrInfo   *flinfo = fcinfo->flinfo;
	ViewSite   *site = flinfo->fn_extra;
	text	   *code = PG_ARGISNULL(2) ? NULL : PG_GETARG_TEXT_PP(2);
	int64		user_id = PG_ARGISNULL(1) ? 0 : PG_GETARG_INT64(1);
	Ledger	   *ledger;
	bool		is_kept;
	bool		result;

	if (site == NULL)
		flinfo->fn_extra = site = MemoryContextAllocZero(flinfo->fn_mcxt, sizeof(ViewSite));
	ledger = query_call_resume(&site->query, flinfo, tables, lengthof(tables), "invoice_id");
	is_kept = ledger != NULL;
	if (!is_kept)
		ledger = engine_begin_read(INVOICE, "invoice_id", ACL_SELECT);

	result = !PG_ARGISNULL(0) &&
		may_view(site, ledger, PG_GETARG_INT64(0), PG_ARGISNULL(1) ? NULL : &user_id, code);

	if (is_kept)
		query_call_suspend();
	else
		engine_end();
	PG_RETURN_BOOL(result);
}

/*
 * invoice_for_access_code(access_code) -> invoice_id
 *		The invoice to show to the holder of an access code: the newest unpaid
 *		one, else the newest paid one, else the newest.
 *
 * Raises RP002 where there is none, 22004, 42501, RP012.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_invoice_for_access_code);
Datum
regpaydb_invoice_for_access_code(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger = engine_begin_read(INVOICE, "invoice_id", ACL_SELECT);
	int64		invoice_id;

	require_arg(fcinfo, 0, "access_code");
	if (!row_invoice_for_access_code(ledger, PG_GETARG_TEXT_PP(0), &invoice_id))
		ereport(ERROR,
				(errcode(RP_NOT_FOUND),
				 errmsg("there is no invoice for this access code"),
				 errdetail("The code is wrong, or its attendee has no invoice yet."),
				 errhint("Codes are case-sensitive; the attendee can look hers up.")));
	engine_end();
	PG_RETURN_INT64(invoice_id);
}

/* A random code that no attendee has; code has room for MAX_CODE_LENGTH + 1. */
static void
random_code(Ledger *ledger, char *code)
{
	int			length = row_access_code_length(ledger);
	unsigned char bytes[MAX_CODE_LENGTH];

	/* The table's check says so too, but its owner may have dropped that. */
	if (length < MIN_CODE_LENGTH || length > MAX_CODE_LENGTH)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("access_code_length is %d, not between %d and %d", length,
						MIN_CODE_LENGTH, MAX_CODE_LENGTH)));
	do
	{
		if (!pg_strong_random(bytes, length))
			ereport(ERROR,
					(errcode(ERRCODE_INTERNAL_ERROR),
					 errmsg("could not generate a random access code")));
		for (int i = 0; i < length; i++)
			code[i] = alphabet[bytes[i] % 32];
		code[length] = '\0';
	} while (row_access_code_exists(ledger, code));
}

/*
 * rotate_access_code(attendee_id) -> text
 *		Give the attendee a new access code; the old one stops working.
 *
 * For staff; where an actor is set, for the attendee herself, too.  Raises
 * RP002, RP010, 22004, 42501, RP012.  Spec sections 3 and 7.
 */
PG_FUNCTION_INFO_V1(regpaydb_rotate_access_code);
Datum
regpaydb_rotate_access_code(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger = engine_begin(ATTENDEE, "access_code", ACL_UPDATE);
	int64		attendee_id = int8_arg(fcinfo, 0, "attendee_id");
	char		code[MAX_CODE_LENGTH + 1];
	AttendeeRow attendee;
	bool		exists = row_attendee(ledger, attendee_id, &attendee);
	int64		actor;

	if (!(exists && actor_user_id(&actor) && actor == attendee.user_id))
		actor_must_be_staff(ledger);
	if (!exists)
		not_found("attendee", attendee_id);
	random_code(ledger, code);
	row_set_access_code(ledger, attendee_id, code);
	engine_end();
	PG_RETURN_TEXT_P(cstring_to_text(code));
}

/*
 * make_access_code()
 *		BEFORE INSERT trigger of attendee: a random access code for a row
 *		without one.
 */
PG_FUNCTION_INFO_V1(regpaydb_make_access_code);
Datum
regpaydb_make_access_code(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = check_trigger(fcinfo, "make_access_code",
										 TRIGGER_EVENT_BEFORE | TRIGGER_EVENT_ROW,
										 TRIGGER_EVENT_INSERT);
	Ledger	   *ledger = ledger_of_relation(trigger->tg_relation, ATTENDEE, ATTENDEE);
	TupleDesc	desc = RelationGetDescr(trigger->tg_relation);
	int			column = find_trigger_column(trigger, "access_code", TEXTOID);
	char		code[MAX_CODE_LENGTH + 1];
	Datum		value;
	bool		isnull;

	SPI_getbinval(trigger->tg_trigtuple, desc, column, &isnull);
	if (!isnull)
		return PointerGetDatum(trigger->tg_trigtuple);

	engine_begin_as_owner(ledger);
	engine_check_version(ledger, false);
	random_code(ledger, code);
	engine_end();

	value = CStringGetTextDatum(code);
	isnull = false;
	return PointerGetDatum(heap_modify_tuple_by_cols(trigger->tg_trigtuple, desc, 1,
													 &column, &value, &isnull));
}
