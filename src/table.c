/*
 * table.c
 *	  What the engine has to know of a ledger's tables to read and write their
 *	  rows without SQL, kept for the session.
 *
 * A ledger's tables belong to its owner, who may do with them what he likes.
 * What is found here is whether a table is still one in which a row that
 * direct.c writes becomes what the SQL text in store.c would make of it; where
 * it is not, the text is what is run.
 *
 * CHECK constraints and defaults are kept compiled, which the executor has to
 * do afresh for every statement, and which takes longer than all the rest.
 */
#include "postgres.h"

#include "access/genam.h"
#include "access/htup_details.h"
#include "catalog/namespace.h"
#include "catalog/pg_am.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_enum.h"
#include "catalog/pg_index.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_proc.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/acl.h"
#include "utils/builtins.h"
#include "utils/fmgroids.h"
#include "utils/inval.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"
#include "utils/numeric.h"
#include "utils/syscache.h"

#include "call.h"
#include "compat.h"
#include "rows.h"
#include "table.h"

/* numeric(14,2), as atttypmod has it. */
#define MONEY_TYPMOD	(((14 << 16) | 2) + VARHDRSZ)

typedef enum ColumnType
{
	TYPE_INT4,
	TYPE_INT8,
	TYPE_TEXT,
	TYPE_MONEY,
	TYPE_TIME,
	TYPE_INTERVAL,
	TYPE_BOOL,
	TYPE_ENUM					/* and those of EnumType follow */
} ColumnType;

typedef struct ColumnSpec
{
	const char *name;
	int			type;
	int			written;		/* INSERTED, UPDATED */
} ColumnSpec;

#define INSERTED	1
#define UPDATED		2

static const ColumnSpec invoice_columns[] = {
	[INVOICE_COL_ID] = {"invoice_id", TYPE_INT8, 0},
	[INVOICE_COL_ATTENDEE_ID] = {"attendee_id", TYPE_INT8, 0},
	[INVOICE_COL_STATUS] = {"status", TYPE_ENUM + ENUM_INVOICE_STATUS, UPDATED},
	[INVOICE_COL_VALUE] = {"value", TYPE_MONEY, 0},
	[INVOICE_COL_PAID] = {"paid", TYPE_MONEY, UPDATED},
	[INVOICE_COL_PAYMENT_COUNT] = {"payment_count", TYPE_INT8, UPDATED},
	[INVOICE_COL_LAST_PAYMENT_ID] = {"last_payment_id", TYPE_INT8, UPDATED},
	[INVOICE_COL_CART_ID] = {"cart_id", TYPE_INT8, 0},
	[INVOICE_COL_CART_REVISION] = {"cart_revision", TYPE_INT4, 0},
	[INVOICE_COL_PAID_TIME] = {"paid_time", TYPE_TIME, UPDATED},
	[INVOICE_COL_CLOSED_TIME] = {"closed_time", TYPE_TIME, UPDATED},
};

static const ColumnSpec payment_columns[] = {
	[PAYMENT_COL_ID] = {"payment_id", TYPE_INT8, INSERTED},
	[PAYMENT_COL_INVOICE_ID] = {"invoice_id", TYPE_INT8, INSERTED},
	[PAYMENT_COL_KIND] = {"kind", TYPE_ENUM + ENUM_PAYMENT_KIND, INSERTED},
	[PAYMENT_COL_AMOUNT] = {"amount", TYPE_MONEY, INSERTED},
	[PAYMENT_COL_REFERENCE] = {"reference", TYPE_TEXT, INSERTED},
	[PAYMENT_COL_PROVIDER] = {"provider", TYPE_TEXT, INSERTED},
	[PAYMENT_COL_PROVIDER_REF] = {"provider_ref", TYPE_TEXT, INSERTED},
	[PAYMENT_COL_ENTERED_BY] = {"entered_by", TYPE_INT8, INSERTED},
};

static const ColumnSpec outbox_columns[] = {
	[OUTBOX_COL_KIND] = {"kind", TYPE_ENUM + ENUM_OUTBOX_KIND, INSERTED},
	[OUTBOX_COL_INVOICE_ID] = {"invoice_id", TYPE_INT8, INSERTED},
	[OUTBOX_COL_OLD_STATUS] = {"old_status", TYPE_ENUM + ENUM_INVOICE_STATUS, INSERTED},
	[OUTBOX_COL_NEW_STATUS] = {"new_status", TYPE_ENUM + ENUM_INVOICE_STATUS, INSERTED},
	[OUTBOX_COL_CREDIT_NOTE_ID] = {"credit_note_id", TYPE_INT8, INSERTED},
	[OUTBOX_COL_CART_ID] = {"cart_id", TYPE_INT8, INSERTED},
};

static const ColumnSpec attendee_columns[] = {
	[ATTENDEE_COL_ID] = {"attendee_id", TYPE_INT8, 0},
	[ATTENDEE_COL_USER_ID] = {"user_id", TYPE_INT8, 0},
	[ATTENDEE_COL_ACCESS_CODE] = {"access_code", TYPE_TEXT, 0},
	[ATTENDEE_COL_RECIPIENT] = {"recipient", TYPE_TEXT, 0},
};

static const ColumnSpec staff_columns[] = {
	[STAFF_COL_USER_ID] = {"user_id", TYPE_INT8, 0},
};

static const ColumnSpec category_columns[] = {
	[CATEGORY_COL_ID] = {"category_id", TYPE_INT8, 0},
	[CATEGORY_COL_REQUIRED] = {"required", TYPE_BOOL, 0},
	[CATEGORY_COL_LIMIT] = {"limit_per_attendee", TYPE_INT4, 0},
};

static const ColumnSpec product_columns[] = {
	[PRODUCT_COL_ID] = {"product_id", TYPE_INT8, 0},
	[PRODUCT_COL_CATEGORY_ID] = {"category_id", TYPE_INT8, 0},
	[PRODUCT_COL_STOCK] = {"stock", TYPE_INT4, 0},
	[PRODUCT_COL_LIMIT] = {"limit_per_attendee", TYPE_INT4, 0},
	[PRODUCT_COL_SOLD] = {"sold", TYPE_INT8, UPDATED},
};

static const ColumnSpec cart_columns[] = {
	[CART_COL_ID] = {"cart_id", TYPE_INT8, 0},
	[CART_COL_ATTENDEE_ID] = {"attendee_id", TYPE_INT8, 0},
	[CART_COL_STATUS] = {"status", TYPE_ENUM + ENUM_CART_STATUS, UPDATED},
	[CART_COL_REVISION] = {"revision", TYPE_INT4, 0},
	[CART_COL_ENTRY_COUNT] = {"entry_count", TYPE_INT4, 0},
	[CART_COL_TIME_LAST_UPDATED] = {"time_last_updated", TYPE_TIME, 0},
	[CART_COL_RESERVATION_DURATION] = {"reservation_duration", TYPE_INTERVAL, 0},
};

static const ColumnSpec cart_item_columns[] = {
	[CART_ITEM_COL_CART_ID] = {"cart_id", TYPE_INT8, 0},
	[CART_ITEM_COL_PRODUCT_ID] = {"product_id", TYPE_INT8, 0},
	[CART_ITEM_COL_QUANTITY] = {"quantity", TYPE_INT4, 0},
};

static const ColumnSpec reservation_columns[] = {
	[RESERVATION_COL_CART_ID] = {"cart_id", TYPE_INT8, 0},
	[RESERVATION_COL_PRODUCT_ID] = {"product_id", TYPE_INT8, 0},
	[RESERVATION_COL_QUANTITY] = {"quantity", TYPE_INT4, 0},
	[RESERVATION_COL_RESERVED_UNTIL] = {"reserved_until", TYPE_TIME, 0},
};

static const ColumnSpec credit_note_columns[] = {
	[CREDIT_NOTE_COL_ID] = {"credit_note_id", TYPE_INT8, INSERTED},
	[CREDIT_NOTE_COL_ATTENDEE_ID] = {"attendee_id", TYPE_INT8, INSERTED},
	[CREDIT_NOTE_COL_VALUE] = {"value", TYPE_MONEY, INSERTED},
	[CREDIT_NOTE_COL_STATE] = {"state", TYPE_ENUM + ENUM_CREDIT_NOTE_STATE, INSERTED | UPDATED},
};

static const ColumnSpec claim_columns[] = {
	[CLAIM_COL_CREDIT_NOTE_ID] = {"credit_note_id", TYPE_INT8, INSERTED},
	[CLAIM_COL_CLAIM] = {"claim", TYPE_ENUM + ENUM_CREDIT_NOTE_STATE, INSERTED},
};

static const ColumnSpec application_columns[] = {
	[APPLICATION_COL_PAYMENT_ID] = {"payment_id", TYPE_INT8, INSERTED},
	[APPLICATION_COL_CREDIT_NOTE_ID] = {"credit_note_id", TYPE_INT8, INSERTED},
};

#define READ	0x01			/* found by the first column, its key */
#define LIST	0x02
#define UPDATE	0x04
#define INSERT	0x08
#define DELETE	0x10

/* The columns that an index to list by begins with. */
typedef struct ListSpec
{
	int			column;
	int			time_column;	/* 0 for none */
} ListSpec;

/* What is done to the rows of a table; those that are not here are SQL's. */
static const struct
{
	const ColumnSpec *columns;
	int			ncolumns;
	int			uses;
	int			nlists;
	ListSpec	lists[MAX_LISTS];
}			specs[LEDGER_TABLES] = {
	[ATTENDEE] = {attendee_columns, lengthof(attendee_columns), READ, 0, {{0}}},
	[STAFF] = {staff_columns, lengthof(staff_columns), READ, 0, {{0}}},
	[CATEGORY] = {category_columns, lengthof(category_columns), LIST, 0, {{0}}},
	[PRODUCT] = {product_columns, lengthof(product_columns), READ | UPDATE, 0, {{0}}},
	[CART] = {cart_columns, lengthof(cart_columns), READ | LIST | UPDATE, 1,
		{
			[CART_BY_ATTENDEE] = {CART_COL_ATTENDEE_ID, 0},
		}
	},
	[CART_ITEM] = {cart_item_columns, lengthof(cart_item_columns), LIST, 1,
		{
			[CART_ITEM_BY_CART] = {CART_ITEM_COL_CART_ID, 0},
		}
	},
	[RESERVATION] = {reservation_columns, lengthof(reservation_columns), LIST | DELETE, 2,
		{
			[RESERVATION_BY_CART] = {RESERVATION_COL_CART_ID, 0},
			[RESERVATION_BY_PRODUCT] = {RESERVATION_COL_PRODUCT_ID, RESERVATION_COL_RESERVED_UNTIL},
		}
	},
	[INVOICE] = {invoice_columns, lengthof(invoice_columns), READ | UPDATE, 0, {{0}}},
	[PAYMENT] = {payment_columns, lengthof(payment_columns), INSERT, 0, {{0}}},
	[CREDIT_NOTE] = {credit_note_columns, lengthof(credit_note_columns), READ | UPDATE | INSERT, 0, {{0}}},
	[CREDIT_NOTE_CLAIM] = {claim_columns, lengthof(claim_columns), INSERT, 0, {{0}}},
	[CREDIT_NOTE_APPLICATION] = {application_columns, lengthof(application_columns), INSERT, 0, {{0}}},
	[OUTBOX] = {outbox_columns, lengthof(outbox_columns), INSERT, 0, {{0}}},
};

/* ---- the extension's enum types ---- */

#define MAX_LABELS 8

static const struct
{
	const char *name;
	const char *const *labels;
	int			nlabels;
}			enum_specs[ENUM_TYPES] = {
	[ENUM_INVOICE_STATUS] = {"invoice_status", invoice_status_names, INVOICE_VOID + 1},
	[ENUM_PAYMENT_KIND] = {"payment_kind", payment_kind_names, PAYMENT_CREDIT_APPLICATION + 1},
	[ENUM_OUTBOX_KIND] = {"outbox_kind", outbox_kind_names, OUTBOX_CART_RELEASED + 1},
	[ENUM_CART_STATUS] = {"cart_status", cart_status_names, CART_STATUS_RELEASED + 1},
	[ENUM_CREDIT_NOTE_STATE] = {"credit_note_state", credit_note_state_names, CREDIT_NOTE_REFUNDED + 1},
};

static struct
{
	bool		valid;			/* set last */
	Oid			types[ENUM_TYPES];
	uint32		hashes[ENUM_TYPES]; /* as type_changed is told of them */
	Oid			values[ENUM_TYPES][MAX_LABELS];
	Oid			settle_payments;	/* our trigger functions */
	Oid			guard_rows;
	Oid			move_reservation;
}			catalog;

/* Changes seen of what is kept compiled, and of what is in catalog. */
static uint64 code_changes;

static void
function_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	catalog.valid = false;
	code_changes++;
}

/* Temporary tables make and drop types all the time: look whether it is ours. */
static void
type_changed(Datum arg, int cacheid, uint32 hashvalue)
{
	for (int type = 0; type < ENUM_TYPES; type++)
		if (hashvalue == 0 || hashvalue == catalog.hashes[type])
			function_changed(arg, cacheid, hashvalue);
}

/* table_init: when the library is loaded. */
void
table_init(void)
{
	CacheRegisterSyscacheCallback(PROCOID, function_changed, 0);
	CacheRegisterSyscacheCallback(ENUMOID, function_changed, 0);
	CacheRegisterSyscacheCallback(TYPEOID, type_changed, 0);
}

static Oid
trigger_function(const char *name)
{
	return GetSysCacheOid3(PROCNAMEARGSNSP, Anum_pg_proc_oid, CStringGetDatum(name),
						   PointerGetDatum(buildoidvector(NULL, 0)),
						   ObjectIdGetDatum(get_namespace_oid("regpaydb", false)));
}

static void
load_catalog(void)
{
	uint64		changes_before = code_changes;

	for (int type = 0; type < ENUM_TYPES; type++)
	{
		catalog.types[type] = extension_type(enum_specs[type].name);
		catalog.hashes[type] = GetSysCacheHashValue1(TYPEOID,
													 ObjectIdGetDatum(catalog.types[type]));
		for (int value = 0; value < enum_specs[type].nlabels; value++)
		{
			const char *label = enum_specs[type].labels[value];
			Oid			oid = GetSysCacheOid2(ENUMTYPOIDNAME, Anum_pg_enum_oid,
											  ObjectIdGetDatum(catalog.types[type]),
											  CStringGetDatum(label));

			if (!OidIsValid(oid))
				elog(ERROR, "type %s has no value \"%s\"",
					 format_type_be(catalog.types[type]), label);
			catalog.values[type][value] = oid;
		}
	}
	catalog.settle_payments = trigger_function("settle_payments");
	catalog.guard_rows = trigger_function("guard_rows");
	catalog.move_reservation = trigger_function("move_reservation");
	catalog.valid = code_changes == changes_before;
}

/* enum_type: the OID of a type of the extension's. */
Oid
enum_type(EnumType type)
{
	if (!catalog.valid)
		load_catalog();
	return catalog.types[type];
}

/* enum_oid: a value as columns hold it. */
Oid
enum_oid(EnumType type, int value)
{
	if (!catalog.valid)
		load_catalog();
	return catalog.values[type][value];
}

/* enum_value: which value a column holds. */
int
enum_value(EnumType type, Oid oid)
{
	if (!catalog.valid)
		load_catalog();
	for (int value = 0; value < enum_specs[type].nlabels; value++)
		if (catalog.values[type][value] == oid)
			return value;
	elog(ERROR, "unexpected value %u of type regpaydb.%s in a ledger", oid,
		 enum_specs[type].name);
}

/* ---- columns ---- */

static Oid
column_type(const ColumnSpec *spec)
{
	switch (spec->type)
	{
		case TYPE_INT4:
			return INT4OID;
		case TYPE_INT8:
			return INT8OID;
		case TYPE_TEXT:
			return TEXTOID;
		case TYPE_MONEY:
			return NUMERICOID;
		case TYPE_TIME:
			return TIMESTAMPTZOID;
		case TYPE_INTERVAL:
			return INTERVALOID;
		case TYPE_BOOL:
			return BOOLOID;
	}
	return enum_type(spec->type - TYPE_ENUM);
}

/*
 * Whether a column is what SQL would put our values into, and get them out of,
 * without a conversion.
 */
static bool
column_fits(Form_pg_attribute att, const ColumnSpec *spec)
{
	if (att->atttypid != column_type(spec))
		return false;
	if (att->atttypmod != -1 && !(spec->type == TYPE_MONEY && att->atttypmod == MONEY_TYPMOD))
		return false;
	return !spec->written ||
		(att->attgenerated == '\0' && att->attidentity != ATTRIBUTE_IDENTITY_ALWAYS);
}

static bool
find_columns(TableInfo *info, LedgerTable table, TupleDesc desc)
{
	info->ncolumns = specs[table].ncolumns;
	for (int i = 0; i < info->ncolumns; i++)
	{
		const ColumnSpec *spec = &specs[table].columns[i];

		for (int number = 1; number <= desc->natts; number++)
		{
			Form_pg_attribute att = TupleDescAttr(desc, number - 1);

			if (att->attisdropped || strcmp(NameStr(att->attname), spec->name) != 0)
				continue;
			if (column_fits(att, spec))
				info->columns[i] = number;
			break;
		}
		if (info->columns[i] == InvalidAttrNumber)
			return false;
		if (spec->written & UPDATED)
			info->updated_columns =
				bms_add_member(info->updated_columns,
							   info->columns[i] - FirstLowInvalidHeapAttributeNumber);
	}
	return true;
}

/* ---- expressions ---- */

static bool
is_foreign_function(Oid function, void *context)
{
	return function >= FirstNormalObjectId;
}

/*
 * Whether an expression is anything but PostgreSQL's own functions and
 * operators on columns and constants.
 */
static bool
is_foreign(Node *node, void *context)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_List:
		case T_Var:
		case T_Const:
		case T_FuncExpr:
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
		case T_ScalarArrayOpExpr:
		case T_BoolExpr:
		case T_RelabelType:
		case T_CoerceViaIO:
		case T_CaseExpr:
		case T_CaseWhen:
		case T_CoalesceExpr:
		case T_ArrayExpr:
		case T_NullTest:
		case T_BooleanTest:
		case T_NextValueExpr:
			break;
		default:
			return true;
	}
	return check_functions_in_node(node, is_foreign_function, context) ||
		expression_tree_walker(node, is_foreign, context);
}

static bool
compile(Expr *expression, ExprState **state)
{
	if (is_foreign((Node *) expression, NULL))
		return false;
	*state = ExecInitExpr(expression_planner(expression), NULL);
	return true;
}

static bool
compile_checks(TableInfo *info, Relation rel)
{
	TupleConstr *constr = RelationGetDescr(rel)->constr;
	int			nchecks = constr == NULL ? 0 : constr->num_check;

	if (nchecks != rel->rd_rel->relchecks)
		return false;
	info->checks = palloc0(Max(nchecks, 1) * sizeof(ExprState *));
	for (int i = 0; i < nchecks; i++)
		if (check_is_enforced(&constr->check[i]) &&
			!compile(stringToNode(constr->check[i].ccbin), &info->checks[i]))
			return false;
	return true;
}

/* What a row has in the columns that we don't give. */
static bool
compile_defaults(TableInfo *info, Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);

	info->defaults = palloc0(Max(desc->natts, 1) * sizeof(ExprState *));
	for (int number = 1; number <= desc->natts; number++)
	{
		Form_pg_attribute att = TupleDescAttr(desc, number - 1);
		Node	   *expression;
		bool		given = false;

		for (int i = 0; i < info->ncolumns; i++)
			if (info->columns[i] == number)
				given = true;
		if (given || att->attisdropped || att->attgenerated != '\0')
			continue;
		expression = build_column_default(rel, number);
		/* A domain may refuse even that a column is left out. */
		if (expression == NULL ? get_typtype(att->atttypid) == TYPTYPE_DOMAIN :
			!compile((Expr *) expression, &info->defaults[number - 1]))
			return false;
	}
	return true;
}

/*
 * Whether writing a row runs somebody's functions besides those of triggers: in
 * generated columns and in indexes.
 */
static bool
has_foreign_code(Relation rel)
{
	TupleDesc	desc = RelationGetDescr(rel);
	List	   *indexes = RelationGetIndexList(rel);
	bool		result = false;
	ListCell   *lc;

	for (int number = 1; number <= desc->natts && !result; number++)
		if (TupleDescAttr(desc, number - 1)->attgenerated != '\0')
			result = is_foreign(build_column_default(rel, number), NULL);
	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);

		result = result || is_foreign((Node *) RelationGetIndexExpressions(index), NULL) ||
			is_foreign((Node *) RelationGetIndexPredicate(index), NULL);
		index_close(index, NoLock);
	}
	list_free(indexes);
	return result;
}

/* ---- triggers ---- */

/*
 * Whether the trigger is the guard, which lets the engine's own rows pass: new
 * ones (key is NULL) as they are the owner's, others by their key.
 */
static bool
is_our_guard(const Trigger *trigger, const char *key)
{
	return trigger->tgfoid == catalog.guard_rows &&
		(key == NULL || (trigger->tgnargs > 0 && strcmp(trigger->tgargs[0], key) == 0));
}

/*
 * Whether the trigger is the one that moves a cart's reservation with its
 * times, and tells by those whether to: the engine's updates leave them alone.
 */
static bool
follows_times(const Trigger *trigger)
{
	return trigger->tgfoid == catalog.move_reservation && trigger->tgqual != NULL &&
		!is_foreign(stringToNode(trigger->tgqual), NULL);
}

/*
 * Look at the triggers for one event; false where there are others than those
 * of foreign keys and deferrable ones, and those of ours that do nothing about
 * what the engine writes.
 *
 * Whatever else is fired, and the condition on which it is, may look at what was
 * written before, by a snapshot that only SQL takes for it.
 */
static bool
find_triggers(Relation rel, int16 event, const char *key, bool *fires)
{
	int			ntriggers = rel->trigdesc == NULL ? 0 : rel->trigdesc->numtriggers;

	for (int i = 0; i < ntriggers; i++)
	{
		const Trigger *trigger = &rel->trigdesc->triggers[i];

		if ((trigger->tgtype & event) == 0 || trigger->tgenabled == TRIGGER_DISABLED)
			continue;
		if (!TRIGGER_FOR_ROW(trigger->tgtype))
		{
			if (!TRIGGER_FOR_AFTER(trigger->tgtype) ||
				trigger->tgfoid != catalog.settle_payments)
				return false;
		}
		else if (TRIGGER_FOR_BEFORE(trigger->tgtype))
		{
			if (!is_our_guard(trigger, key))
				return false;
		}
		else
		{
			if (follows_times(trigger))
				continue;
			if (RI_FKey_trigger_type(trigger->tgfoid) == RI_TRIGGER_NONE &&
				trigger->tgfoid != F_UNIQUE_KEY_RECHECK)
				return false;
			*fires = true;
		}
	}
	return true;
}

/* Whether no column that we update is one of a key or a foreign key. */
static bool
update_keeps_keys(TableInfo *info, Relation rel)
{
	Bitmapset  *keys = RelationGetIndexAttrBitmap(rel, INDEX_ATTR_BITMAP_KEY);
	ListCell   *lc;

	foreach(lc, RelationGetFKeyList(rel))
	{
		ForeignKeyCacheInfo *foreign_key = lfirst(lc);

		for (int i = 0; i < foreign_key->nkeys; i++)
			keys = bms_add_member(keys, foreign_key->conkey[i] -
								  FirstLowInvalidHeapAttributeNumber);
	}
	return !bms_overlap(keys, info->updated_columns);
}

/* ---- the table ---- */

/* The primary key's index, if rows are found by it as a query would. */
static Oid
find_key_index(TableInfo *info, Relation rel)
{
	List	   *indexes = RelationGetIndexList(rel);
	Oid			result = InvalidOid;
	ListCell   *lc;

	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		Form_pg_index form = index->rd_index;

		if (form->indisprimary && form->indisvalid && form->indisready && form->indislive &&
			form->indimmediate && !form->indcheckxmin && form->indnkeyatts == 1 &&
			form->indkey.values[0] == info->columns[0] &&
			index->rd_rel->relam == BTREE_AM_OID &&
			index->rd_opfamily[0] == INTEGER_BTREE_FAM_OID &&
			index->rd_opcintype[0] == INT8OID)
			result = RelationGetRelid(index);
		index_close(index, NoLock);
	}
	list_free(indexes);
	return result;
}

/* Whether rows are found by an index as a query would that uses it. */
static bool
is_list_index(const TableInfo *info, Relation index, const ListSpec *list)
{
	Form_pg_index form = index->rd_index;

	if (!form->indisvalid || !form->indisready || !form->indislive || form->indcheckxmin ||
		index->rd_rel->relam != BTREE_AM_OID || RelationGetIndexPredicate(index) != NIL ||
		form->indkey.values[0] != info->columns[list->column] ||
		index->rd_opfamily[0] != INTEGER_BTREE_FAM_OID || index->rd_opcintype[0] != INT8OID)
		return false;
	return list->time_column == 0 ||
		(form->indnkeyatts > 1 &&
		 form->indkey.values[1] == info->columns[list->time_column] &&
		 index->rd_opcintype[1] == TIMESTAMPTZOID &&
		 get_opcode(get_opfamily_member(index->rd_opfamily[1], TIMESTAMPTZOID, TIMESTAMPTZOID,
										BTGreaterStrategyNumber)) == F_TIMESTAMPTZ_GT);
}

/* Where an index has all of the columns that we read. */
static void
find_covered_columns(TableInfo *info, int number, Relation index)
{
	Form_pg_index form = index->rd_index;
	int			ncovered = 0;

	for (int i = 0; i < info->ncolumns; i++)
		for (int place = 0; place < form->indnatts; place++)
			if (form->indkey.values[place] == info->columns[i] &&
				index_can_return(index, place + 1))
			{
				info->list_columns[number][i] = place + 1;
				ncovered++;
				break;
			}
	if (ncovered < info->ncolumns)
		memset(info->list_columns[number], 0, sizeof(info->list_columns[number]));
}

static bool
find_list_indexes(TableInfo *info, LedgerTable table, Relation rel)
{
	List	   *indexes = RelationGetIndexList(rel);
	int			nfound = 0;
	ListCell   *lc;

	for (int number = 0; number < specs[table].nlists; number++)
		foreach(lc, indexes)
		{
			Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
			bool		fits = is_list_index(info, index, &specs[table].lists[number]);

			if (fits)
			{
				info->list_indexes[number] = RelationGetRelid(index);
				info->list_has_time[number] = specs[table].lists[number].time_column != 0;
				find_covered_columns(info, number, index);
				nfound++;
			}
			index_close(index, NoLock);
			if (fits)
				break;
		}
	list_free(indexes);
	return nfound == specs[table].nlists;
}

/*
 * The index that makes a provider's payment unique, if it is the only one that
 * SQL would take for that and finds rows as a query would.
 */
static Oid
find_unique_index(TableInfo *info, Relation rel)
{
	AttrNumber	first = info->columns[PAYMENT_COL_PROVIDER];
	AttrNumber	second = info->columns[PAYMENT_COL_PROVIDER_REF];
	List	   *indexes = RelationGetIndexList(rel);
	Oid			result = InvalidOid;
	int			nindexes = 0;
	ListCell   *lc;

	foreach(lc, indexes)
	{
		Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
		Form_pg_index form = index->rd_index;
		bool		same = form->indisunique && form->indnkeyatts == 2 &&
			((form->indkey.values[0] == first && form->indkey.values[1] == second) ||
			 (form->indkey.values[0] == second && form->indkey.values[1] == first));

		if (same)
			nindexes++;
		if (same && form->indkey.values[0] == first && form->indisvalid &&
			form->indisready && form->indislive && form->indimmediate &&
			!form->indcheckxmin && RelationGetIndexPredicate(index) == NIL &&
			index->rd_rel->relam == BTREE_AM_OID)
		{
			bool		fits = true;

			for (int i = 0; i < 2; i++)
				fits = fits && index->rd_opfamily[i] == TEXT_BTREE_FAM_OID &&
					index->rd_opcintype[i] == TEXTOID &&
					index->rd_indcollation[i] ==
					TupleDescAttr(RelationGetDescr(rel), (i == 0 ? first : second) - 1)->attcollation;
			if (fits)
				result = RelationGetRelid(index);
		}
		index_close(index, NoLock);
	}
	list_free(indexes);
	return nindexes == 1 ? result : InvalidOid;
}

static bool
owner_may(Ledger *ledger, Relation rel, AclMode privileges)
{
	return pg_class_aclmask(RelationGetRelid(rel), ledger->owner, privileges,
							ACLMASK_ALL) == privileges;
}

static void
fill_info(TableInfo *info, Ledger *ledger, LedgerTable table, Relation rel)
{
	Form_pg_class class = rel->rd_rel;
	const ColumnSpec *key = &specs[table].columns[0];
	int			uses = specs[table].uses;
	bool		delete_fires = false;

	if (class->relkind != RELKIND_RELATION || class->relam != HEAP_TABLE_AM_OID ||
		class->relispartition || class->relhassubclass || rel->rd_rules != NULL)
		return;
	if (!catalog.valid)
		load_catalog();
	if (!find_columns(info, table, RelationGetDescr(rel)) ||
		!owner_may(ledger, rel, ACL_SELECT))
		return;
	if (uses & READ)
	{
		info->key_index = find_key_index(info, rel);
		info->can_read = OidIsValid(info->key_index);
	}
	if (uses & LIST)
		info->can_list = find_list_indexes(info, table, rel);
	if ((uses & (UPDATE | INSERT | DELETE)) != 0 && has_foreign_code(rel))
		return;
	if (uses & UPDATE)
	{
		info->can_update = info->can_read &&
			owner_may(ledger, rel, ACL_UPDATE) &&
			compile_checks(info, rel) &&
			find_triggers(rel, TRIGGER_TYPE_UPDATE, key->name, &info->update_fires);
		info->update_keeps_keys = update_keeps_keys(info, rel);
	}
	if (table == PAYMENT)
	{
		info->unique_index = find_unique_index(info, rel);
		info->can_read = OidIsValid(info->unique_index);
	}
	if (uses & DELETE)
		info->can_delete = info->can_list && owner_may(ledger, rel, ACL_DELETE) &&
			find_triggers(rel, TRIGGER_TYPE_DELETE, key->name, &delete_fires) &&
			!delete_fires;
	/* What the executor keeps of generated columns is for one or the other. */
	if ((uses & INSERT) && !(info->can_update && RelationGetDescr(rel)->constr != NULL &&
							 RelationGetDescr(rel)->constr->has_generated_stored))
		info->can_insert =
			owner_may(ledger, rel, ACL_INSERT) &&
			compile_checks(info, rel) && compile_defaults(info, rel) &&
			find_triggers(rel, TRIGGER_TYPE_INSERT, NULL, &info->insert_fires);
}

static TableInfo *
make_info(Ledger *ledger, LedgerTable table, Relation rel)
{
	MemoryContext context = AllocSetContextCreate(CurrentMemoryContext, "regpaydb table",
												  ALLOCSET_SMALL_SIZES);
	MemoryContext save_context = MemoryContextSwitchTo(context);
	TableInfo  *info = palloc0(sizeof(TableInfo));

	info->context = context;
	info->ledger_loads = ledger->original->loads;
	info->code_changes = code_changes;
	fill_info(info, ledger, table, rel);
	MemoryContextSwitchTo(save_context);
	MemoryContextSetParent(context, CacheMemoryContext);
	return info;
}

/*
 * table_info
 *		What is known of a table of the ledger's, which is open as rel; NULL
 *		where it is just being changed.  Called as the ledger's owner.
 */
const TableInfo *
table_info(Ledger *ledger, LedgerTable table, Relation rel)
{
	Ledger	   *original = ledger->original;
	TableInfo  *info = original->tables_info[table];

	if (!original->valid)
		return NULL;
	if (info == NULL || info->ledger_loads != original->loads ||
		info->code_changes != code_changes)
	{
		TableInfo  *made = make_info(ledger, table, rel);

		if (info != NULL)
			MemoryContextSetParent(info->context, TopTransactionContext);
		original->tables_info[table] = info = made;
	}
	/* Changes may have come in meanwhile. */
	return original->valid && info->ledger_loads == original->loads &&
		info->code_changes == code_changes ? info : NULL;
}
