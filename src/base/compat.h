/*
 * compat.h
 *	  Every difference between the supported PostgreSQL versions (15 to 18).
 */
#ifndef REGPAYDB_COMPAT_H
#define REGPAYDB_COMPAT_H

#include "access/genam.h"
#include "access/table.h"
#include "access/tableam.h"
#include "catalog/dependency.h"
#include "catalog/pg_class.h"
#include "catalog/pg_namespace.h"
#include "commands/sequence.h"
#include "executor/executor.h"
#include "nodes/nodeFuncs.h"
#include "parser/parse_relation.h"
#include "utils/acl.h"
#include "utils/rel.h"
#if PG_VERSION_NUM >= 160000
#include "varatt.h"				/* which was part of postgres.h */
#endif

#if PG_VERSION_NUM < 150000
#error "regpaydb needs PostgreSQL 15 or newer"
#endif

#if PG_VERSION_NUM < 180000
#define pg_noreturn pg_attribute_noreturn()
#endif

#if PG_VERSION_NUM >= 160000
#define schema_aclcheck(nspid, roleid, mode) \
	object_aclcheck(NamespaceRelationId, nspid, roleid, mode)
#define relation_ownercheck(relid, roleid) \
	object_ownercheck(RelationRelationId, relid, roleid)
#else
#define schema_aclcheck(nspid, roleid, mode) \
	pg_namespace_aclcheck(nspid, roleid, mode)
#define relation_ownercheck(relid, roleid) \
	pg_class_ownercheck(relid, roleid)
#endif

/* InvalidOid where the column is no identity column. */
static inline Oid
identity_sequence_of(Relation rel, AttrNumber attnum)
{
#if PG_VERSION_NUM >= 170000
	return getIdentitySequence(rel, attnum, true);
#else
	return getIdentitySequence(RelationGetRelid(rel), attnum, true);
#endif
}

static inline IndexScanDesc
begin_index_scan(Relation rel, Relation index, Snapshot snapshot, int nkeys)
{
#if PG_VERSION_NUM >= 180000
	return index_beginscan(rel, index, snapshot, NULL, nkeys, 0);
#else
	return index_beginscan(rel, index, snapshot, nkeys, 0);
#endif
}

/* Which indexes an update has to write. */
#if PG_VERSION_NUM >= 160000
typedef TU_UpdateIndexes UpdateIndexes;
#define ALL_INDEXES		TU_All
#define needs_index_tuples(indexes) ((indexes) != TU_None)
#else
typedef bool UpdateIndexes;
#define ALL_INDEXES		true
#define needs_index_tuples(indexes) (indexes)
#endif

static inline List *
insert_index_tuples(ResultRelInfo *result, TupleTableSlot *slot, EState *estate,
					bool update, UpdateIndexes indexes)
{
#if PG_VERSION_NUM >= 160000
	return ExecInsertIndexTuples(result, slot, estate, update, false, NULL, NIL,
								 indexes == TU_Summarizing);
#else
	return ExecInsertIndexTuples(result, slot, estate, update, false, NULL, NIL);
#endif
}

/* Insert into the indexes unless one of arbiters has the row's key already. */
static inline List *
insert_speculative_index_tuples(ResultRelInfo *result, TupleTableSlot *slot,
								EState *estate, bool *conflict, List *arbiters)
{
#if PG_VERSION_NUM >= 160000
	return ExecInsertIndexTuples(result, slot, estate, false, true, conflict, arbiters, false);
#else
	return ExecInsertIndexTuples(result, slot, estate, false, true, conflict, arbiters);
#endif
}

static inline bool
has_no_conflict(ResultRelInfo *result, TupleTableSlot *slot, EState *estate,
				ItemPointer conflict, List *arbiters)
{
#if PG_VERSION_NUM >= 180000
	ItemPointerData none;

	ItemPointerSetInvalid(&none);
	return ExecCheckIndexConstraints(result, slot, estate, conflict, &none, arbiters);
#else
	return ExecCheckIndexConstraints(result, slot, estate, conflict, arbiters);
#endif
}

/* A range table of one relation, whose columns given are updated, if any. */
static inline void
init_range_table(EState *estate, Relation rel, Bitmapset *updated_columns)
{
	RangeTblEntry *rte = makeNode(RangeTblEntry);
#if PG_VERSION_NUM >= 160000
	List	   *permissions = NIL;
#endif

	rte->rtekind = RTE_RELATION;
	rte->relid = RelationGetRelid(rel);
	rte->relkind = rel->rd_rel->relkind;
	rte->rellockmode = RowExclusiveLock;
#if PG_VERSION_NUM >= 160000
	addRTEPermissionInfo(&permissions, rte)->updatedCols = updated_columns;
#else
	rte->updatedCols = updated_columns;
#endif
#if PG_VERSION_NUM >= 180000
	ExecInitRangeTable(estate, list_make1(rte), permissions, bms_make_singleton(1));
#elif PG_VERSION_NUM >= 160000
	ExecInitRangeTable(estate, list_make1(rte), permissions);
#else
	ExecInitRangeTable(estate, list_make1(rte));
#endif
}

/* Give the executor the CHECK constraints, which it would compile otherwise. */
static inline void
set_compiled_checks(ResultRelInfo *result, ExprState **checks)
{
#if PG_VERSION_NUM >= 180000
	result->ri_CheckConstraintExprs = checks;
#else
	result->ri_ConstraintExprs = checks;
#endif
}

/*
 * The header of 15 declares the walker without arguments.  C23, and so gcc from
 * 15 on, takes that for one that has none, and refuses ours; by way of
 * void (*)(void) no compiler warns of the cast.
 */
static inline bool
walk_expression(Node *node, bool (*walker) (Node *node, void *context), void *context)
{
#if PG_VERSION_NUM >= 160000
	return expression_tree_walker(node, walker, context);
#else
	return expression_tree_walker(node, (bool (*) ()) (void (*) (void)) walker, context);
#endif
}

/* Whether the column is computed when it is read, and not in the row. */
static inline bool
is_virtual_column(Form_pg_attribute att)
{
#if PG_VERSION_NUM >= 180000
	return att->attgenerated == ATTRIBUTE_GENERATED_VIRTUAL;
#else
	return false;
#endif
}

static inline bool
check_is_enforced(const ConstrCheck *check)
{
#if PG_VERSION_NUM >= 180000
	return check->ccenforced;
#else
	return true;
#endif
}

#endif							/* REGPAYDB_COMPAT_H */
