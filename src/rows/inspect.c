/*
 * inspect.c
 *	  What the engine has to know of a ledger's tables to read and write their
 *	  rows without SQL, kept until the table, or code that it uses, changes.
 *
 * A ledger's tables belong to its owner, who may do with them what he likes.
 * What is found here is whether a table is still one in which a row that
 * modify.c writes becomes what the SQL text would make of it; where
 * it is not, the text is what is run.
 *
 * CHECK constraints and defaults are kept compiled, which the executor has to
 * do afresh for every statement, and which takes longer than all the rest.  It
 * also lets them outlive the statement, as the executor does not expect; so
 * is_foreign() knows which kinds of nodes bear that.
 */
#include "postgres.h"

#include "access/htup_details.h"
#include "catalog/pg_am.h"
#include "catalog/pg_attribute.h"
#include "catalog/pg_class.h"
#include "catalog/pg_trigger.h"
#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "optimizer/optimizer.h"
#include "rewrite/rewriteHandler.h"
#include "utils/acl.h"
#include "utils/fmgroids.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "base/money.h"
#include "rows/indexes.h"
#include "rows/inspect.h"

/* ---- columns ---- */

/*
 * Whether a column is what SQL would put our values into, and get them out of,
 * without a conversion.  A generated column is not: what we write may change it
 * while we go by what it was, and a virtual one is not in the row at all.
 */
static bool
column_fits(const Ledger *ledger, Form_pg_attribute att, const ColumnSpec *spec)
{
	if (att->atttypid != column_type(spec))
		return false;
	if (att->atttypmod != -1 &&
		!(spec->type == TYPE_MONEY && att->atttypmod == MONEY_TYPMOD(ledger->decimals)))
		return false;
	return att->attgenerated == '\0' &&
		!(spec->written && att->attidentity == ATTRIBUTE_IDENTITY_ALWAYS);
}

static bool
find_columns(TableInfo *info, const Ledger *ledger, LedgerTable table, TupleDesc desc)
{
	info->ncolumns = table_specs[table].ncolumns;
	for (int i = 0; i < info->ncolumns; i++)
	{
		const ColumnSpec *spec = &table_specs[table].columns[i];

		for (int number = 1; number <= desc->natts; number++)
		{
			Form_pg_attribute att = TupleDescAttr(desc, number - 1);

			if (att->attisdropped || strcmp(NameStr(att->attname), spec->name) != 0)
				continue;
			if (column_fits(ledger, att, spec))
				info->columns[i] = number;
			break;
		}
		if (info->columns[i] == InvalidAttrNumber)
			return false;
		info->inserted[i] = (spec->written & INSERTED) != 0;
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
 *
 * Nor may it have what the executor keeps in memory of one query, while it is
 * the compiled expression that says that it is there: the row type of a whole
 * row, the hash table of a list that the planner decided to hash.  All other
 * kinds here keep nothing from one row to the next but in what they were
 * compiled into, which functions get as fn_mcxt, or in PostgreSQL's type cache.
 */
static bool
is_foreign(Node *node, void *context)
{
	if (node == NULL)
		return false;
	switch (nodeTag(node))
	{
		case T_Var:
			if (((Var *) node)->varattno == InvalidAttrNumber)
				return true;
			break;
		case T_ScalarArrayOpExpr:
			if (OidIsValid(((ScalarArrayOpExpr *) node)->hashfuncid))
				return true;
			break;
		case T_List:
		case T_Const:
		case T_FuncExpr:
		case T_OpExpr:
		case T_DistinctExpr:
		case T_NullIfExpr:
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
		walk_expression(node, is_foreign, context);
}

/* The planner puts in what functions written in SQL, as some of PostgreSQL's are, say. */
static bool
compile(Expr *expression, ExprState **state)
{
	Expr	   *planned;

	if (is_foreign((Node *) expression, NULL))
		return false;
	planned = expression_planner(expression);
	if (is_foreign((Node *) planned, NULL))
		return false;
	*state = ExecInitExpr(planned, NULL);
	return true;
}

/* The columns that are not in the row are not there for what we compile. */
static bool
has_virtual_columns(TupleDesc desc)
{
	for (int i = 0; i < desc->natts; i++)
		if (is_virtual_column(TupleDescAttr(desc, i)))
			return true;
	return false;
}

static bool
compile_checks(TableInfo *info, Relation rel)
{
	TupleConstr *constr = RelationGetDescr(rel)->constr;
	int			nchecks = constr == NULL ? 0 : constr->num_check;

	if (nchecks != rel->rd_rel->relchecks ||
		(nchecks > 0 && has_virtual_columns(RelationGetDescr(rel))))
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
			if (info->columns[i] == number && info->inserted[i])
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
	return trigger->tgfoid == our_trigger_functions()->guard_rows &&
		(key == NULL || (trigger->tgnargs > 0 && strcmp(trigger->tgargs[0], key) == 0));
}

/*
 * Whether the trigger is the one that moves a cart's reservation with its
 * times, and tells by those whether to: where the engine changes them, it writes
 * the reservation itself.
 */
static bool
follows_times(const Trigger *trigger)
{
	return trigger->tgfoid == our_trigger_functions()->move_reservation && trigger->tgqual != NULL &&
		!is_foreign(stringToNode(trigger->tgqual), NULL);
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

/* Whether the trigger writes rows that refer to one whose key is updated. */
static bool
follows_keys(const Trigger *trigger)
{
	return trigger->tgfoid == F_RI_FKEY_CASCADE_UPD ||
		trigger->tgfoid == F_RI_FKEY_SETNULL_UPD ||
		trigger->tgfoid == F_RI_FKEY_SETDEFAULT_UPD;
}

/* Whether a statement's trigger is ours, and does nothing about what the engine inserts. */
static bool
passes_over(const Trigger *trigger, LedgerTable table)
{
	const TriggerFunctions *ours = our_trigger_functions();

	return TRIGGER_FOR_AFTER(trigger->tgtype) && trigger->tgnewtable != NULL &&
		((table == PAYMENT && trigger->tgfoid == ours->settle_payments) ||
		 (table == CART_ITEM && trigger->tgfoid == ours->amend_carts));
}

/*
 * Look at the triggers for one event; false where there are others than those
 * of foreign keys and deferrable ones, and those of ours that do nothing about
 * what the engine writes.
 *
 * Whatever else is fired, and the condition on which it is, may look at what was
 * written before, by a snapshot that only SQL takes for it, and may write what is
 * open here.  So may a foreign key that follows a key, unless keys are kept.
 */
static bool
find_triggers(LedgerTable table, Relation rel, int16 event, const char *key, bool keeps_keys,
			  bool *fires)
{
	int			ntriggers = rel->trigdesc == NULL ? 0 : rel->trigdesc->numtriggers;

	for (int i = 0; i < ntriggers; i++)
	{
		const Trigger *trigger = &rel->trigdesc->triggers[i];

		if ((trigger->tgtype & event) == 0 || trigger->tgenabled == TRIGGER_DISABLED)
			continue;
		if (!TRIGGER_FOR_ROW(trigger->tgtype))
		{
			if (!passes_over(trigger, table))
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
			if ((RI_FKey_trigger_type(trigger->tgfoid) == RI_TRIGGER_NONE &&
				 trigger->tgfoid != F_UNIQUE_KEY_RECHECK) ||
				(!keeps_keys && follows_keys(trigger)))
				return false;
			*fires = true;
		}
	}
	return true;
}

/* ---- the table ---- */

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
	const ColumnSpec *key = &table_specs[table].columns[0];
	int			uses = table_specs[table].uses;
	bool		delete_fires = false;

	info->columns_fit = find_columns(info, ledger, table, RelationGetDescr(rel));
	/* Citus takes SQL to the rows, which are not in this table. */
	if (ledger->distributed)
		return;
	if (class->relkind != RELKIND_RELATION || class->relam != HEAP_TABLE_AM_OID ||
		class->relispartition || class->relhassubclass || rel->rd_rules != NULL)
		return;
	if (!info->columns_fit || !owner_may(ledger, rel, ACL_SELECT))
		return;
	if (uses & USE_FIND)
	{
		info->key_index = find_key_index(info, rel);
		info->can_find = OidIsValid(info->key_index);
	}
	if (table_specs[table].has_unique)
		info->unique_index = find_unique_index(info, table, rel);
	if (uses & USE_LIST)
		info->can_list = find_list_indexes(info, table, rel);
	if ((uses & (USE_UPDATE | USE_INSERT | USE_DELETE)) != 0 && has_foreign_code(rel))
		return;
	if (uses & USE_UPDATE)
	{
		info->update_keeps_keys = update_keeps_keys(info, rel);
		info->can_update = info->can_find &&
			owner_may(ledger, rel, ACL_UPDATE) &&
			compile_checks(info, rel) &&
			find_triggers(table, rel, TRIGGER_TYPE_UPDATE, key->name, info->update_keeps_keys,
						  &info->update_fires);
	}
	if (uses & USE_DELETE)
		info->can_delete = info->can_list && owner_may(ledger, rel, ACL_DELETE) &&
			find_triggers(table, rel, TRIGGER_TYPE_DELETE, key->name, true, &delete_fires) &&
			!delete_fires;
	/* What the executor keeps of generated columns is for one or the other. */
	if ((uses & USE_INSERT) && !(info->can_update && RelationGetDescr(rel)->constr != NULL &&
							 RelationGetDescr(rel)->constr->has_generated_stored))
		info->can_insert =
			owner_may(ledger, rel, ACL_INSERT) &&
			compile_checks(info, rel) && compile_defaults(info, rel) &&
			find_triggers(table, rel, TRIGGER_TYPE_INSERT, NULL, true, &info->insert_fires);
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
	info->code_changes = code_changes();
	fill_info(info, ledger, table, rel);
	MemoryContextSwitchTo(save_context);
	MemoryContextSetParent(context, ledger->original->context);
	return info;
}

/*
 * table_info_is_current
 *		Whether neither the table nor code that it uses has changed since this
 *		was made of it, as far as that is known.
 */
bool
table_info_is_current(const Ledger *ledger, const TableInfo *info)
{
	return ledger->original->valid && info->ledger_loads == ledger->original->loads &&
		info->code_changes == code_changes();
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
	TableInfo  *info = original->table_infos[table];

	if (!original->valid)
		return NULL;
	if (info == NULL || !table_info_is_current(ledger, info))
	{
		TableInfo  *made = make_info(ledger, table, rel);

		if (info != NULL)
			MemoryContextSetParent(info->context, TopTransactionContext);
		original->table_infos[table] = info = made;
	}
	/* Changes may have come in meanwhile. */
	return table_info_is_current(ledger, info) ? info : NULL;
}
