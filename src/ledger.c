/*
 * ledger.c
 *	  Finds the ledger that a call or a trigger works on, caches what is known
 *	  about it, and acts as its owner.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "compat.h"
#include "errors.h"
#include "ledger.h"
#include "store.h"

char	   *ledger_setting;

static HTAB *ledger_cache;
static uint64 changes_seen;		/* tells whether one came in during a load */

static const char *const table_names[LEDGER_TABLES] = {
	[CONFERENCE] = "conference",
	[ATTENDEE] = "attendee",
	[STAFF] = "staff",
	[INVOICE] = "invoice",
	[LINE_ITEM] = "line_item",
	[PAYMENT] = "payment",
	[CREDIT_NOTE] = "credit_note",
	[CREDIT_NOTE_APPLICATION] = "credit_note_application",
	[CREDIT_NOTE_REFUND] = "credit_note_refund",
	[OUTBOX] = "outbox",
};

/* Mark what a changed table belongs to; a backend is told of every change. */
static void
relation_changed(Datum arg, Oid relid)
{
	HASH_SEQ_STATUS scan;
	Ledger	   *ledger;

	changes_seen++;
	hash_seq_init(&scan, ledger_cache);
	while ((ledger = hash_seq_search(&scan)) != NULL)
	{
		for (int i = 0; ledger->valid && i < LEDGER_TABLES; i++)
			if (!OidIsValid(relid) || ledger->tables[i] == relid)
				ledger->valid = false;
	}
}

static void
schema_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	relation_changed(arg, InvalidOid);
}

/* ledger_init: make the cache, when the library is loaded. */
void
ledger_init(void)
{
	HASHCTL		info = {.keysize = sizeof(Oid), .entrysize = sizeof(Ledger)};

	ledger_cache = hash_create("regpaydb ledgers", 4, &info, HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(relation_changed, 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, schema_changed, 0);
}

pg_attribute_noreturn() static void
no_ledger(const char *schema_name)
{
	ereport(ERROR,
			(errcode(RP_LEDGER_VERSION),
			 errmsg("there is no ledger in schema \"%s\"", schema_name),
			 errdetail("The setting regpaydb.ledger says which schema a function works on."),
			 errhint("Make one with SELECT regpaydb.create_ledger(%s), or set regpaydb.ledger.",
					 quote_literal_cstr(schema_name))));
}

/*
 * The owner of a ledger's table.  A table of another owner's is none of the
 * ledger's: working on it as the ledger's owner would lend that owner's
 * rights to whoever put it there.
 */
static Oid
table_owner(Oid relid, const char *schema_name, LedgerTable table)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Form_pg_class class;
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		no_ledger(schema_name);
	class = (Form_pg_class) GETSTRUCT(tuple);
	if (class->relkind != RELKIND_RELATION)
		ereport(ERROR,
				(errcode(ERRCODE_WRONG_OBJECT_TYPE),
				 errmsg("\"%s.%s\" is not an ordinary table",
						schema_name, table_names[table])));
	owner = class->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

static void
load_ledger(Ledger *ledger, const char *schema_name)
{
	const char *quoted = quote_identifier(schema_name);
	uint64		changes_before = changes_seen;
	Relation	payment;

	if (strcmp(ledger->schema_name, schema_name) != 0)
		store_forget_plans(ledger);
	strlcpy(ledger->schema_name, schema_name, sizeof(ledger->schema_name));
	strlcpy(ledger->quoted_schema, quoted, sizeof(ledger->quoted_schema));
	ledger->version_checked = false;

	for (int i = 0; i < LEDGER_TABLES; i++)
	{
		Oid			owner;

		ledger->tables[i] = get_relname_relid(table_names[i], ledger->schema);
		if (!OidIsValid(ledger->tables[i]))
			no_ledger(schema_name);
		owner = table_owner(ledger->tables[i], schema_name, i);
		if (i == 0)
			ledger->owner = owner;
		else if (owner != ledger->owner)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("the tables of ledger \"%s\" have different owners", schema_name),
					 errdetail("Table \"%s\" belongs to \"%s\", but table \"%s\" to \"%s\".",
							   table_names[0], GetUserNameFromId(ledger->owner, true),
							   table_names[i], GetUserNameFromId(owner, true)),
					 errhint("Give all of the ledger's tables to one role with ALTER TABLE ... OWNER TO.")));
	}

	payment = table_open(ledger->tables[PAYMENT], AccessShareLock);
	ledger->payment_sequence =
		identity_sequence_of(payment, get_attnum(RelationGetRelid(payment), "payment_id"));
	table_close(payment, AccessShareLock);

	ledger->valid = (changes_seen == changes_before);
}

static Ledger *
find_ledger(Oid schema, const char *schema_name)
{
	bool		found;
	Ledger	   *ledger = hash_search(ledger_cache, &schema, HASH_ENTER, &found);

	if (!found)
	{
		memset(ledger, 0, sizeof(Ledger));
		ledger->schema = schema;
	}
	if (ledger->plans == NULL)
		store_make_plans(ledger);
	if (!ledger->valid)
		load_ledger(ledger, schema_name);
	return ledger;
}

/*
 * ledger_of_setting
 *		The ledger that the setting regpaydb.ledger names.
 *
 * Raises RP012 where there is none.
 */
Ledger *
ledger_of_setting(void)
{
	Oid			schema = get_namespace_oid(ledger_setting, true);

	if (!OidIsValid(schema))
		no_ledger(ledger_setting);
	return find_ledger(schema, ledger_setting);
}

/*
 * ledger_of_relation
 *		The ledger of which rel is the given table, for a trigger.
 *
 * Raises RP012 where rel is not that table of a ledger.
 */
Ledger *
ledger_of_relation(Relation rel, LedgerTable table)
{
	Oid			schema = RelationGetNamespace(rel);
	char	   *schema_name = get_namespace_name(schema);
	Ledger	   *ledger = find_ledger(schema, schema_name);

	if (ledger->tables[table] != RelationGetRelid(rel))
		ereport(ERROR,
				(errcode(RP_LEDGER_VERSION),
				 errmsg("table \"%s.%s\" is not the table \"%s\" of a ledger", schema_name,
						RelationGetRelationName(rel), table_names[table]),
				 errhint("The trigger functions of regpaydb are for the tables that regpaydb.create_ledger() makes.")));
	return ledger;
}

/*
 * ledger_check_privilege
 *		Check that the caller has privilege on a table of the ledger, or on a
 *		column of it.  Spec section 1, "Access is per ledger".
 *
 * The engine acts as the ledger's owner, so this is all that stands between
 * a caller and somebody else's ledger.  Raises 42501.
 */
void
ledger_check_privilege(Ledger *ledger, LedgerTable table, AclMode privilege)
{
	Oid			caller = GetUserId();
	Oid			relid = ledger->tables[table];

	if (schema_aclcheck(ledger->schema, caller, ACL_USAGE) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_SCHEMA, ledger->schema_name);
	if (pg_class_aclcheck(relid, caller, privilege) != ACLCHECK_OK &&
		pg_attribute_aclcheck_all(relid, caller, privilege, ACLMASK_ANY) != ACLCHECK_OK)
		aclcheck_error(ACLCHECK_NO_PRIV, OBJECT_TABLE, table_names[table]);
}

/*
 * ledger_check_version
 *		Check that the ledger is of the version of this library.
 *
 * With missing_ok, a ledger whose conference row is not there (yet: a dump is
 * being restored) passes.  Raises RP012.
 */
void
ledger_check_version(Ledger *ledger, bool missing_ok)
{
	char	   *version;

	if (ledger->version_checked)
		return;

	version = store_ledger_version(ledger);
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
	ledger->version_checked = true;
}

/*
 * engine_begin_as_owner
 *		Connect to SPI and act as the ledger's owner until engine_end.
 *
 * An error restores the caller's identity by itself.
 */
void
engine_begin_as_owner(EngineScope *scope, Ledger *ledger)
{
	if (SPI_connect() != SPI_OK_CONNECT)
		elog(ERROR, "SPI_connect failed");
	GetUserIdAndSecContext(&scope->save_userid, &scope->save_sec_context);
	SetUserIdAndSecContext(ledger->owner,
						   scope->save_sec_context |
						   SECURITY_LOCAL_USERID_CHANGE |
						   SECURITY_NOFORCE_RLS);
}

/*
 * engine_begin
 *		Enter the ledger of the setting: check that the caller has privilege on
 *		table, act as the owner, check the version.
 *
 * Raises 42501 and RP012.
 */
Ledger *
engine_begin(EngineScope *scope, LedgerTable table, AclMode privilege)
{
	Ledger	   *ledger = ledger_of_setting();

	ledger_check_privilege(ledger, table, privilege);
	engine_begin_as_owner(scope, ledger);
	ledger_check_version(ledger, false);
	return ledger;
}

/*
 * engine_begin_read
 *		As engine_begin, for a function that is declared STABLE: what it reads is
 *		what the query that calls it sees, and it runs on a standby.
 */
Ledger *
engine_begin_read(EngineScope *scope, LedgerTable table, AclMode privilege)
{
	Ledger	   *ledger = ledger_of_setting();

	ledger_check_privilege(ledger, table, privilege);
	engine_begin_as_owner(scope, ledger);
	scope->reader = *ledger;
	scope->reader.read_only = true;
	ledger_check_version(&scope->reader, false);
	ledger->version_checked = true;
	return &scope->reader;
}

/* engine_end: be the caller again. */
void
engine_end(EngineScope *scope)
{
	SetUserIdAndSecContext(scope->save_userid, scope->save_sec_context);
	if (SPI_finish() != SPI_OK_FINISH)
		elog(ERROR, "SPI_finish failed");
}
