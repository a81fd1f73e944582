/*
 * row_security.c
 *	  The row-level security policies of a ledger's tables, which show a role
 *	  of access app what the actor may view.  policy.c has what they call.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_class.h"
#include "catalog/pg_type.h"
#include "executor/spi.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/syscache.h"
#include "utils/wait_event.h"

#include "admin/row_security.h"
#include "base/ddl.h"

#define BY_ATTENDEE(table) \
	"attendee_id >= regpaydb.actor_floor('" table "') " \
	"OR attendee_id = ANY (regpaydb.actor_attendees('" table "'))"
#define BY_CART(table) \
	"cart_id >= regpaydb.actor_floor('" table "') " \
	"OR cart_id = ANY (regpaydb.actor_carts('" table "'))"
#define BY_INVOICE(table) \
	"invoice_id >= regpaydb.actor_floor('" table "') " \
	"OR invoice_id = ANY (regpaydb.actor_invoices('" table "'))"
#define BY_NOTE(table) \
	"EXISTS (SELECT FROM @credit_note n WHERE n.credit_note_id = @" table ".credit_note_id)"

/*
 * What a role of access app sees: nothing, without an actor.  What it may write,
 * where it has the privilege: without an actor that is what counts.  @ is before the
 * names of relations that have rows; the functions take tables.
 */
static const struct
{
	const char *table;
	const char *sees;
	const char *writes;			/* NULL for what it sees */
}			actor_policies[] = {
	{"attendee", BY_ATTENDEE("attendee") " OR user_id = regpaydb.actor_user()",
	"NOT regpaydb.actor_is_set() OR " BY_ATTENDEE("attendee") " OR user_id = regpaydb.actor_user()"},
	{"staff", "user_id >= regpaydb.actor_floor('staff') OR user_id = regpaydb.actor_user()", NULL},
	{"cart", BY_ATTENDEE("cart"), NULL},
	{"cart_item", BY_CART("cart_item"), NULL},
	{"cart_discount", BY_CART("cart_discount"), NULL},
	{"reservation", BY_CART("reservation"), NULL},
	{"invoice", BY_ATTENDEE("invoice"), NULL},
	{"line_item", BY_INVOICE("line_item"), NULL},
	{"payment", BY_INVOICE("payment"), "NOT regpaydb.actor_is_set() OR " BY_INVOICE("payment")},
	{"credit_note", BY_ATTENDEE("credit_note"), NULL},
	{"credit_note_claim", BY_NOTE("credit_note_claim"), NULL},
	{"credit_note_application", BY_NOTE("credit_note_application"), NULL},
	{"credit_note_refund", BY_NOTE("credit_note_refund"), NULL},
	{"credit_note_refund_part", "EXISTS (SELECT FROM @credit_note_refund r WHERE "
	"r.credit_note_refund_id = @credit_note_refund_part.credit_note_refund_id)", NULL},
	{"reversal", "EXISTS (SELECT FROM @payment p WHERE p.payment_id = @reversal.payment_id)", NULL},
	{"outbox", "outbox_id >= regpaydb.actor_floor('outbox')", NULL},
};

/*
 * policy_roles
 *		The roles that a policy on a table is for, or all of its policies where
 *		policy is NULL, as of now; NIL where there is none.
 */
List *
policy_roles(Oid table, const char *policy)
{
	Oid			argtypes[] = {OIDOID, TEXTOID};
	Datum		args[] = {ObjectIdGetDatum(table),
	policy == NULL ? (Datum) 0 : CStringGetTextDatum(policy)};
	List	   *roles = NIL;

	if (SPI_execute_with_args("SELECT r FROM pg_catalog.pg_policy p, pg_catalog.unnest(p.polroles) r "
							  "WHERE p.polrelid = $1 AND ($2 IS NULL OR p.polname = $2)",
							  2, argtypes, args, policy == NULL ? " n" : NULL, false, 0) != SPI_OK_SELECT)
		elog(ERROR, "could not read the policies");
	for (uint64 i = 0; i < SPI_processed; i++)
	{
		bool		isnull;

		roles = lappend_oid(roles, DatumGetObjectId(SPI_getbinval(SPI_tuptable->vals[i],
																  SPI_tuptable->tupdesc, 1, &isnull)));
	}
	return roles;
}

/*
 * What the policies of a table are on: it and, where Citus has its rows, their shard.
 * Some queries take the table's, and then read the shard as if it had none, and others
 * the shard's.  Returns how many these are.
 */
static int
relations_of(const Ledger *ledger, const char *table, Oid *relids)
{
	relids[0] = get_relname_relid(table, ledger->schema);
	relids[1] = ledger_shard(ledger, table);
	return OidIsValid(relids[1]) ? 2 : 1;
}

/* A policy's condition, on shards or not, in place of each @. */
static char *
condition_on(const Ledger *ledger, bool shards, const char *text)
{
	StringInfoData result;

	initStringInfo(&result);
	for (const char *c = text; *c != '\0'; c++)
	{
		int			length;
		char	   *table;

		if (*c != '@')
		{
			appendStringInfoChar(&result, *c);
			continue;
		}
		length = strspn(++c, "abcdefghijklmnopqrstuvwxyz_");
		table = pnstrdup(c, length);
		appendStringInfoString(&result, !shards ? table :
							   quote_identifier(get_rel_name(ledger_shard(ledger, table))));
		c += length - 1;
	}
	return result.data;
}

static bool
has_row_security(Oid table)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(table));
	bool		result;

	if (!HeapTupleIsValid(tuple))
		elog(ERROR, "cache lookup failed for relation %u", table);
	result = ((Form_pg_class) GETSTRUCT(tuple))->relrowsecurity;
	ReleaseSysCache(tuple);
	return result;
}

/* How often a lock is tried, a millisecond apart, and all of them together. */
#define LOCK_TRIES	20
#define LOCK_ROUNDS	100

static bool
lock_soon(Oid table)
{
	for (int i = 0; i < LOCK_TRIES; i++)
	{
		if (ConditionalLockRelationOid(table, AccessExclusiveLock))
			return true;
		(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, 1,
						 PG_WAIT_EXTENSION);
		ResetLatch(MyLatch);
		CHECK_FOR_INTERRUPTS();
	}
	return false;
}

/*
 * Lock one of the tables, however long that takes, and then the others.  Where
 * one of them can't be had soon, none is locked, and it is the result; else -1.
 */
static int
try_to_lock_tables(const Oid *tables, int ntables, int first)
{
	LockRelationOid(tables[first], AccessExclusiveLock);
	for (int i = 0; i < ntables; i++)
	{
		if (i == first || lock_soon(tables[i]))
			continue;
		for (int j = 0; j < ntables; j++)
			if (j < i || j == first)
				UnlockRelationOid(tables[j], AccessExclusiveLock);
		return i;
	}
	return -1;
}

/*
 * lock_policy_tables
 *		Lock all tables that policies for attendees are on against all use.
 *
 * Whoever is at work has locked some of them and will want others, in an order
 * of his own.  To wait for one of them with another one locked would be to
 * deadlock, and it might be a payment that fails; so wait for one at a time.
 * Raises 55P03 on a ledger that is too busy for that.
 */
void
lock_policy_tables(const Ledger *ledger)
{
	Oid			tables[2 * (lengthof(actor_policies) + 1)];
	int			ntables = relations_of(ledger, "conference", tables);
	int			first = 0;

	for (int i = 0; i < (int) lengthof(actor_policies); i++)
		ntables += relations_of(ledger, actor_policies[i].table, tables + ntables);
	for (int round = 0; round < LOCK_ROUNDS; round++)
	{
		first = try_to_lock_tables(tables, ntables, first);
		if (first < 0)
			return;
	}
	ereport(ERROR,
			(errcode(ERRCODE_LOCK_NOT_AVAILABLE),
			 errmsg("could not lock the tables of ledger \"%s\"", ledger->schema_name),
			 errdetail("In each of %d attempts another transaction was at work in one of them.",
					   LOCK_ROUNDS),
			 errhint("Try again when there is less to do in the ledger.")));
}

static char *
role_names(List *roles)
{
	StringInfoData names;
	ListCell   *cell;

	initStringInfo(&names);
	foreach(cell, roles)
		appendStringInfo(&names, "%s%s", names.len > 0 ? ", " : "",
						 quote_identifier(GetUserNameFromId(lfirst_oid(cell), false)));
	return names.data;
}

/* Do as set_policy() on one relation. */
static void
set_policy_on(Oid relid, const char *policy, Oid role, bool member, const char *kind,
			  const char *clauses, const char *comment)
{
	const char *name = quote_identifier(get_rel_name(relid));
	List	   *roles = policy_roles(relid, policy);

	if (list_member_oid(roles, role) == member)
		return;
	if (member && roles == NIL)
	{
		ddl_execute(psprintf("CREATE POLICY %s ON %s %s TO %s %s", policy, name, kind,
							 role_names(list_make1_oid(role)), clauses));
		ddl_execute(psprintf("COMMENT ON POLICY %s ON %s IS '%s'", policy, name, comment));
		return;
	}
	roles = member ? lappend_oid(roles, role) : list_delete_oid(roles, role);
	if (roles == NIL)
		ddl_execute(psprintf("DROP POLICY %s ON %s", policy, name));
	else
		ddl_execute(psprintf("ALTER POLICY %s ON %s TO %s", policy, name, role_names(roles)));
}

/*
 * set_policy
 *		Add a role to a policy, or make the policy, with these clauses, for
 *		it; or take it out, and drop the policy where it was the last one.
 */
void
set_policy(const Ledger *ledger, const char *table, const char *policy, Oid role,
		   bool member, const char *kind, const char *clauses, const char *comment)
{
	Oid			relids[2];
	int			nrelids = relations_of(ledger, table, relids);

	for (int i = 0; i < nrelids; i++)
		set_policy_on(relids[i], policy, role, member, kind, clauses, comment);
}

/*
 * Row-level security is off until a role is to see part of a table only.  Then
 * the policy "everyone" leaves the others what they had.  Where the table's
 * owner has switched it on, the policies for others are his.
 */
static void
enable_row_security(Oid relid)
{
	const char *name = quote_identifier(get_rel_name(relid));

	if (has_row_security(relid))
		return;
	ddl_execute(psprintf("ALTER TABLE %s ENABLE ROW LEVEL SECURITY", name));
	ddl_execute(psprintf("CREATE POLICY everyone ON %s USING (true) WITH CHECK (true)", name));
	ddl_execute(psprintf("COMMENT ON POLICY everyone ON %s IS "
						 "'What privileges allow, and no restrictive policy forbids.'", name));
}

/* Off again where nothing but that policy is left. */
static void
disable_row_security(Oid relid)
{
	const char *name = quote_identifier(get_rel_name(relid));

	if (policy_roles(relid, "everyone") == NIL ||
		list_length(policy_roles(relid, NULL)) > 1)
		return;
	ddl_execute(psprintf("DROP POLICY everyone ON %s", name));
	ddl_execute(psprintf("ALTER TABLE %s DISABLE ROW LEVEL SECURITY", name));
}

static void
set_actor_policy(const Ledger *ledger, int number, Oid relid, bool is_shard, Oid role, bool member)
{
	const char *sees = actor_policies[number].sees;
	const char *writes = actor_policies[number].writes;

	/* What is as it has to be may have been changed by the owner since. */
	if (member && list_member_oid(policy_roles(relid, "actor"), role))
		return;
	if (member)
		enable_row_security(relid);
	set_policy_on(relid, "actor", role, member, "AS RESTRICTIVE",
				  psprintf("USING (%s) WITH CHECK (%s)", condition_on(ledger, is_shard, sees),
						   condition_on(ledger, is_shard, writes != NULL ? writes : sees)),
				  "What the actor may view, for roles that act for attendees.");
	if (!member)
		disable_row_security(relid);
}

/*
 * set_actor_policies
 *		Let a role see what the actor may view only, in every table of the ledger;
 *		or all that it is granted again.
 */
void
set_actor_policies(const Ledger *ledger, Oid role, bool member)
{
	for (int i = 0; i < (int) lengthof(actor_policies); i++)
	{
		Oid			relids[2];
		int			nrelids = relations_of(ledger, actor_policies[i].table, relids);

		for (int j = 0; j < nrelids; j++)
			set_actor_policy(ledger, i, relids[j], j == 1, role, member);
	}
}
