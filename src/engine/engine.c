/*
 * engine.c
 *	  Where the engine begins and ends: may the caller do this here, is the
 *	  ledger of our version, and then acting as its owner.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "storage/lmgr.h"
#include "utils/builtins.h"
#include "utils/guc.h"
#include "utils/lsyscache.h"

#include "base/ddl.h"
#include "base/errors.h"
#include "engine/engine.h"
#include "rows/ledger_rows.h"
#include "rows/open_table.h"

/* A table that younger versions have brought; the call comes before the upgrade. */
pg_noreturn static void
table_is_missing(const Ledger *ledger, LedgerTable table)
{
	ereport(ERROR,
			(errcode(RP_LEDGER_VERSION),
			 errmsg("ledger \"%s\" has no table \"%s\"", ledger->schema_name,
					ledger_table_names[table]),
			 errdetail("It is of an older version than this library, which is of regpaydb %s.",
					   REGPAYDB_VERSION),
			 errhint("Run SELECT regpaydb.upgrade_ledger(%s).",
					 quote_literal_cstr(ledger->schema_name))));
}

/*
 * engine_check_privilege_in
 *		Check that the caller has privilege on this column of a table of the
 *		ledger, or on the whole table.  Spec section 1, "Access is per ledger".
 *
 * The engine acts as the ledger's owner, so this is all that stands between
 * a caller and somebody else's ledger.  Where Citus has the rows it is the shard that
 * counts, which comes without privileges that were granted on another node: a ledger
 * that moves away and back is not open to those who had access the first time.
 * Raises 42501.
 */
void
engine_check_privilege_in(Ledger *ledger, LedgerTable table, const char *column,
						  AclMode privilege)
{
	Oid			caller = GetUserId();
	Oid			relid = ledger_rows_relid(ledger, table);
	AttrNumber	number;

	if (schema_aclcheck(ledger->schema, caller, ACL_USAGE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_SCHEMA, ledger->schema_name);
	if (!OidIsValid(relid))
		table_is_missing(ledger, table);
	if (pg_class_aclcheck(relid, caller, privilege) == ACLCHECK_OK)
		return;
	number = get_attnum(relid, column);
	if (number == InvalidAttrNumber ||
		pg_attribute_aclcheck(relid, number, caller, privilege) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, get_rel_name(ledger->tables[table]));
}

/*
 * engine_check_privilege
 *		The same for the ledger of the setting, for one more privilege before
 *		engine_begin.
 */
void
engine_check_privilege(LedgerTable table, const char *column, AclMode privilege)
{
	engine_check_privilege_in(ledger_of_setting(), table, column, privilege);
}

/*
 * engine_check_version
 *		Check that the ledger is of the version of this library.
 *
 * With missing_ok, a ledger whose conference row is not there (yet: a dump is
 * being restored) passes.  Raises RP012.
 */
void
engine_check_version(Ledger *ledger, bool missing_ok)
{
	char	   *version;

	/*
	 * The lock keeps upgrade_ledger() out until the transaction ends, and
	 * taking it tells of an upgrade that came before.
	 */
	LockRelationOid(ledger->tables[CONFERENCE], AccessShareLock);
	if (ledger->version_checked && ledger->original->valid)
		return;

	version = row_ledger_version(ledger);
	if (version == NULL)
	{
		if (missing_ok)
			return;
		no_ledger(ledger->schema_name);
	}
	if (strcmp(version, REGPAYDB_VERSION) != 0)
		ereport(ERROR,
				(errcode(RP_LEDGER_VERSION),
				 errmsg("ledger \"%s\" is of version %s, but this session runs regpaydb %s",
						ledger->schema_name, version, REGPAYDB_VERSION),
				 errdetail("The tables and the library have to be of one version."),
				 errhint("Run ALTER EXTENSION regpaydb UPDATE and then SELECT regpaydb.upgrade_ledger(%s), or reconnect if that was done already.",
						 quote_literal_cstr(ledger->schema_name))));
	ledger_check_tables(ledger);
	ledger->version_checked = true;
}

/*
 * engine_begin_as_owner
 *		Act as the ledger's owner until engine_end.
 *
 * Triggers, defaults and the like on the tables now run as the owner, in the
 * session of somebody else.  Neither may gain by that: the owner leaves nothing
 * behind that then runs as the caller (deferred triggers, temporary objects,
 * prepared statements, settings), and the caller's search_path does not choose
 * what runs as the owner.  An error restores all of it by itself.
 */
void
engine_begin_as_owner(Ledger *ledger)
{
	EngineCall *call = engine_call_new(ledger);
	int			sec_context;

	GetUserIdAndSecContext(&call->save_userid, &call->save_sec_context);
	engine_call_push(call);
	sec_context = call->save_sec_context | SECURITY_LOCAL_USERID_CHANGE | SECURITY_NOFORCE_RLS;
	if (call->save_userid != ledger->owner)
	{
		sec_context |= SECURITY_RESTRICTED_OPERATION;
		call->save_nestlevel = NewGUCNestLevel();
		ddl_search_path(ledger->schema_name);
	}
	SetUserIdAndSecContext(ledger->owner, sec_context);
}

/*
 * engine_begin
 *		Enter the ledger of the setting: check that the caller has privilege on
 *		the column of table, act as the owner, check the version.
 *
 * Raises 42501 and RP012.
 */
Ledger *
engine_begin(LedgerTable table, const char *column, AclMode privilege)
{
	Ledger	   *ledger = ledger_of_setting();

	engine_check_privilege_in(ledger, table, column, privilege);
	engine_begin_as_owner(ledger);
	engine_check_version(ledger, false);
	return ledger;
}

/*
 * engine_reader
 *		The ledger of the running call, for reads that see what the query that
 *		calls it sees.
 */
Ledger *
engine_reader(void)
{
	engine_call->reader = *engine_call->ledger;
	engine_call->reader.read_only = true;
	return &engine_call->reader;
}

/*
 * engine_begin_read
 *		As engine_begin, for a function that is declared STABLE: what it reads is
 *		what the query that calls it sees, and it runs on a standby.
 */
Ledger *
engine_begin_read(LedgerTable table, const char *column, AclMode privilege)
{
	return engine_begin_read_in(ledger_of_setting(), table, column, privilege);
}

/* engine_begin_read_in: the same for a given ledger. */
Ledger *
engine_begin_read_in(Ledger *ledger, LedgerTable table, const char *column, AclMode privilege)
{
	Ledger	   *reader;

	engine_check_privilege_in(ledger, table, column, privilege);
	engine_begin_as_owner(ledger);
	reader = engine_reader();
	engine_check_version(reader, false);
	ledger->version_checked = true;
	return reader;
}

/* engine_leave: be the caller again, of a call that is not ended yet. */
void
engine_leave(void)
{
	EngineCall *call = engine_call;

	SetUserIdAndSecContext(call->save_userid, call->save_sec_context);
	if (call->save_nestlevel > 0)
		AtEOXact_GUC(false, call->save_nestlevel);
}

/* engine_end: close what is open, and be the caller again. */
void
engine_end(void)
{
	end_rows(engine_call);
	engine_leave();
	engine_call_pop();
}
