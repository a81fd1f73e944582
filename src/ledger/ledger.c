/*
 * ledger.c
 *	  Finds the ledger that a call or a trigger works on, and caches what is
 *	  known about it.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "access/table.h"
#include "access/xact.h"
#include "catalog/namespace.h"
#include "catalog/pg_class.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/hsearch.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/syscache.h"

#include "base/errors.h"
#include "base/money.h"
#include "ledger/ledger.h"
#include "ledger/placement.h"

char	   *ledger_setting;

/*
 * Of how many ledgers plans and tables are kept from one transaction to the next:
 * more than most sessions work on in turn, as those of one take a megabyte or two.
 */
#define MAX_KEPT_LEDGERS 20

static HTAB *ledger_cache;

/* Those of which something is kept: what is said of changes is looked up in these only. */
static dlist_head kept_ledgers = DLIST_STATIC_INIT(kept_ledgers);
static int	nkept_ledgers;
static uint64 transactions;		/* that have ended */
static uint64 changes_seen;		/* tells whether one came in during a load */

/* Mark what a changed table belongs to; a backend is told of every change. */
static void
relation_changed(Datum arg, Oid relid)
{
	dlist_iter	iter;

	changes_seen++;
	dlist_foreach(iter, &kept_ledgers)
	{
		Ledger	   *ledger = dlist_container(Ledger, kept_node, iter.cur);

		for (int i = 0; ledger->valid && i < LEDGER_TABLES; i++)
			if (!OidIsValid(relid) || ledger->tables[i] == relid || ledger->shards[i] == relid)
				ledger->valid = false;
	}
}

/* One of them may be gone. */
static void
schema_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	dlist_iter	iter;

	relation_changed(arg, InvalidOid);
	dlist_foreach(iter, &kept_ledgers)
		dlist_container(Ledger, kept_node, iter.cur)->may_be_gone = true;
}

/* What privileges depend on besides the objects: see initialize_acl(). */
static void
roles_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	changes_seen++;
}

static void
make_room(Ledger *ledger)
{
	ledger->context = AllocSetContextCreate(CacheMemoryContext, "regpaydb ledger",
											ALLOCSET_SMALL_SIZES);
	memset(ledger->table_infos, 0, sizeof(ledger->table_infos));
	ledger->name_context = NULL;
	dlist_push_tail(&kept_ledgers, &ledger->kept_node);
	nkept_ledgers++;
}

static void
give_room_back(Ledger *ledger)
{
	MemoryContextDelete(ledger->context);
	ledger->context = NULL;
	ledger->valid = false;
	dlist_delete(&ledger->kept_node);
	nkept_ledgers--;
}

/*
 * Where too much is kept, those ledgers that this transaction has not found give
 * theirs back, and always those that may be gone.  Nobody is using it: engine calls, those
 * that a query keeps too, begin with finding their ledger, and end before their
 * transaction does.
 */
static void
transaction_ended(XactEvent event, void *arg)
{
	bool		too_many = nkept_ledgers > MAX_KEPT_LEDGERS;
	dlist_mutable_iter iter;

	if (event != XACT_EVENT_COMMIT && event != XACT_EVENT_ABORT && event != XACT_EVENT_PREPARE)
		return;
	dlist_foreach_modify(iter, &kept_ledgers)
	{
		Ledger	   *ledger = dlist_container(Ledger, kept_node, iter.cur);

		if (ledger->found_in != transactions && (too_many || ledger->may_be_gone))
			give_room_back(ledger);
	}
	transactions++;
}

/* ledger_init: make the cache, when the library is loaded. */
void
ledger_init(void)
{
	HASHCTL		info = {.keysize = sizeof(Oid), .entrysize = sizeof(Ledger)};

	ledger_cache = hash_create("regpaydb ledgers", 4, &info, HASH_ELEM | HASH_BLOBS);
	CacheRegisterRelcacheCallback(relation_changed, 0);
	CacheRegisterSyscacheCallback(NAMESPACEOID, schema_changed, 0);
	CacheRegisterSyscacheCallback(AUTHMEMROLEMEM, roles_changed, 0);
	CacheRegisterSyscacheCallback(AUTHOID, roles_changed, 0);
	CacheRegisterSyscacheCallback(DATABASEOID, roles_changed, 0);
	RegisterXactCallback(transaction_ended, NULL);
}

/* no_ledger: raise RP012. */
void
no_ledger(const char *schema_name)
{
	ereport(ERROR,
			(errcode(RP_LEDGER_VERSION),
			 errmsg("there is no ledger in schema \"%s\"", schema_name),
			 errdetail("A function works on the ledger in the schema that the setting regpaydb.ledger names."),
			 errhint("Make one with SELECT regpaydb.create_ledger(%s), or set regpaydb.ledger.",
					 quote_literal_cstr(schema_name))));
}

/*
 * The owner of a ledger's table.  A table of another owner's is none of the
 * ledger's: working on it as the ledger's owner would lend that owner's
 * rights to whoever put it there.
 */
static Oid
table_owner(Oid relid, const char *schema_name)
{
	HeapTuple	tuple = SearchSysCache1(RELOID, ObjectIdGetDatum(relid));
	Oid			owner;

	if (!HeapTupleIsValid(tuple))
		no_ledger(schema_name);
	owner = ((Form_pg_class) GETSTRUCT(tuple))->relowner;
	ReleaseSysCache(tuple);
	return owner;
}

/*
 * Whether ledgers of some older version are without a table.  That they are of another
 * version is what engine_check_version() tells then.
 */
static bool
is_new_table(LedgerTable table)
{
	return table == STOCK_SLOT || table == CREDIT_NOTE_REFUND_PART || table == REVERSAL;
}

/*
 * How many decimals the ledger's amounts have: as most of its money columns, of
 * which an owner may have changed one or the other.  (The row of conference, which
 * has the currency, may not be there yet while a dump is restored.)
 */
static int
find_decimals(const Ledger *ledger)
{
	static const struct
	{
		LedgerTable table;
		const char *column;
	}			columns[] = {
		{PAYMENT, "amount"}, {INVOICE, "value"}, {INVOICE, "paid"}, {LINE_ITEM, "price"},
		{CREDIT_NOTE, "value"}, {PRODUCT, "price"}, {CART_DISCOUNT, "amount"},
	};
	int			count[MAX_DECIMALS + 1] = {0};
	int			result = 2;

	for (int i = 0; i < (int) lengthof(columns); i++)
	{
		Oid			relid = ledger->tables[columns[i].table];
		AttrNumber	number = get_attnum(relid, columns[i].column);
		Oid			type;
		int32		typmod = -1;
		Oid			collation;

		if (number != InvalidAttrNumber)
			get_atttypetypmodcoll(relid, number, &type, &typmod, &collation);
		for (int decimals = 0; decimals <= MAX_DECIMALS; decimals++)
			count[decimals] += typmod == MONEY_TYPMOD(decimals);
	}
	for (int decimals = 0; decimals <= MAX_DECIMALS; decimals++)
		if (count[decimals] > count[result])
			result = decimals;
	return result;
}

/*
 * Forget what was made with the ledger's name.  It may be in use: a trigger may
 * have brought us here meanwhile.  Nothing that uses it outlives the transaction,
 * as SPI lets nobody commit within an engine call.
 */
static void
forget_name(Ledger *ledger)
{
	MemoryContext context = AllocSetContextCreate(ledger->context, "regpaydb ledger name",
												  ALLOCSET_SMALL_SIZES);

	if (ledger->name_context != NULL)
		MemoryContextSetParent(ledger->name_context, TopTransactionContext);
	ledger->name_context = context;
	ledger->plans = NULL;
}

static void
load_ledger(Ledger *ledger, const char *schema_name)
{
	const char *quoted = quote_identifier(schema_name);
	uint64		changes_before = changes_seen;
	bool		complete = true;
	Relation	payment;

	if (ledger->context == NULL)
		make_room(ledger);
	if (ledger->name_context == NULL || strcmp(ledger->schema_name, schema_name) != 0)
		forget_name(ledger);
	strlcpy(ledger->schema_name, schema_name, sizeof(ledger->schema_name));
	strlcpy(ledger->quoted_schema, quoted, sizeof(ledger->quoted_schema));
	ledger->version_checked = false;
	ledger->may_be_gone = false;

	for (int i = 0; i < LEDGER_TABLES; i++)
	{
		Oid			owner;

		ledger->tables[i] = get_relname_relid(ledger_table_names[i], ledger->schema);
		if (!OidIsValid(ledger->tables[i]) && is_new_table(i))
		{
			complete = false;
			continue;
		}
		if (!OidIsValid(ledger->tables[i]))
			no_ledger(schema_name);
		check_table_kind(ledger, i);
		owner = table_owner(ledger->tables[i], schema_name);
		if (i == 0)
			ledger->owner = owner;
		else if (owner != ledger->owner)
			ereport(ERROR,
					(errcode(ERRCODE_INSUFFICIENT_PRIVILEGE),
					 errmsg("the tables of ledger \"%s\" have different owners", schema_name),
					 errdetail("Table \"%s\" belongs to \"%s\", but table \"%s\" to \"%s\".",
							   ledger_table_names[0], GetUserNameFromId(ledger->owner, true),
							   ledger_table_names[i], GetUserNameFromId(owner, true)),
					 errhint("Give all of the ledger's tables to one role with ALTER TABLE ... OWNER TO.")));
	}

	find_placement(ledger);
	payment = table_open(ledger->tables[PAYMENT], AccessShareLock);
	ledger->payment_sequence =
		identity_sequence_of(payment, get_attnum(RelationGetRelid(payment), "payment_id"));
	table_close(payment, AccessShareLock);
	ledger->decimals = find_decimals(ledger);

	ledger->checked_at = changes_before;
	ledger->loads++;
	ledger->valid = (complete && changes_seen == changes_before);
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
		ledger->original = ledger;
	}
	ledger->found_in = transactions;
	if (!ledger->valid)
		load_ledger(ledger, schema_name);
	return ledger;
}

/* ledger_rows_relid: what has a table's rows, and fires its triggers. */
Oid
ledger_rows_relid(const Ledger *ledger, LedgerTable table)
{
	return ledger->distributed ? ledger->shards[table] : ledger->tables[table];
}

/*
 * ledger_shard
 *		The shard that has the rows of a table of this name; InvalidOid where the table
 *		itself has them, or where there is no such table in a ledger.
 */
Oid
ledger_shard(const Ledger *ledger, const char *table)
{
	for (int i = 0; ledger->distributed && i < LEDGER_TABLES; i++)
		if (strcmp(ledger_table_names[i], table) == 0)
			return ledger->shards[i];
	return InvalidOid;
}

/* ledger_check_tables: raise RP012 where a table of this version is not there. */
void
ledger_check_tables(const Ledger *ledger)
{
	for (int i = 0; i < LEDGER_TABLES; i++)
		if (!OidIsValid(ledger->tables[i]))
			no_ledger(ledger->schema_name);
}

/*
 * ledger_refresh
 *		Look at the ledger again, after code of somebody else's has run, if that
 *		has changed it: the call goes on with it as it is now.  Raises RP012.
 */
void
ledger_refresh(Ledger *ledger)
{
	if (!ledger->original->valid)
	{
		char	   *name = get_namespace_name(ledger->schema);

		if (name == NULL)
			no_ledger(ledger->schema_name);
		load_ledger(ledger->original, name);
	}
}

/*
 * ledger_check_name
 *		Check that the ledger's schema has the name still that it had when the
 *		call began, since its queries go by that, and that its rows are where they
 *		were.  Raises 40001, RP012.
 */
void
ledger_check_name(Ledger *ledger)
{
	char	   *name;
	uint64		changes;

	AcceptInvalidationMessages();
	changes = changes_seen;
	if (changes == ledger->checked_at)
		return;
	name = get_namespace_name(ledger->schema);
	if (name == NULL || strcmp(name, ledger->schema_name) != 0)
		ereport(ERROR,
				(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
				 errmsg("ledger \"%s\" was renamed while it was worked on", ledger->schema_name),
				 errhint("Retry the transaction.")));
	pfree(name);
	if (!ledger->original->valid)
		check_still_placed(ledger);
	ledger->checked_at = changes;
}

/*
 * ledger_changes
 *		A number that is another one when a table, a schema, a role, or a
 *		privilege on one of them has changed.
 */
uint64
ledger_changes(void)
{
	AcceptInvalidationMessages();
	return changes_seen;
}

/* SET LOCAL before the library is loaded leaves '' behind at commit. */
static const char *
setting_schema(void)
{
	return ledger_setting[0] != '\0' ? ledger_setting : DEFAULT_LEDGER;
}

/*
 * ledger_is_of_setting
 *		Whether the ledger is the one that ledger_of_setting() finds, if no
 *		schema was renamed since it did.
 */
bool
ledger_is_of_setting(const Ledger *ledger)
{
	return strcmp(setting_schema(), ledger->schema_name) == 0;
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
	const char *schema_name = setting_schema();
	Oid			schema = get_namespace_oid(schema_name, true);

	check_not_sent();
	if (!OidIsValid(schema))
		no_ledger(schema_name);
	return find_ledger(schema, schema_name);
}

/*
 * ledger_of_schema
 *		The ledger in a schema.  Raises RP012 where there is none.
 */
Ledger *
ledger_of_schema(Oid schema)
{
	char	   *schema_name = get_namespace_name(schema);

	if (schema_name == NULL)
		no_ledger("");
	return find_ledger(schema, schema_name);
}

/*
 * ledger_of_relation
 *		The ledger of which rel is the given table, or the other one, for a
 *		trigger.
 *
 * Raises RP012 where rel is not such a table of a ledger.
 */
Ledger *
ledger_of_relation(Relation rel, LedgerTable table, LedgerTable other_table)
{
	Oid			schema = RelationGetNamespace(rel);
	char	   *schema_name = get_namespace_name(schema);
	Ledger	   *ledger = find_ledger(schema, schema_name);

	if (ledger_rows_relid(ledger, table) != RelationGetRelid(rel) &&
		ledger_rows_relid(ledger, other_table) != RelationGetRelid(rel))
		ereport(ERROR,
				(errcode(RP_LEDGER_VERSION),
				 errmsg("table \"%s.%s\" is not the table \"%s\" of a ledger", schema_name,
						RelationGetRelationName(rel), ledger_table_names[table]),
				 errdetail("A trigger works on the ledger that its table is in."),
				 errhint("The trigger functions of regpaydb are for the tables that regpaydb.create_ledger() makes.")));
	return ledger;
}
