/*
 * indexes.c
 *	  The indexes by which a table's rows are found as a query would.
 */
#include "postgres.h"

#include "access/genam.h"
#include "catalog/pg_am.h"
#include "catalog/pg_index.h"
#include "catalog/pg_opfamily.h"
#include "catalog/pg_type.h"
#include "nodes/primnodes.h"
#include "utils/rel.h"

#include "rows/indexes.h"

/* find_key_index: the primary key's index, if rows are found by it as a query would. */
Oid
find_key_index(const TableInfo *info, Relation rel)
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

/* Whether an index has all rows that are not null in its first column. */
static bool
has_all_keys(Relation index)
{
	List	   *predicate = RelationGetIndexPredicate(index);
	NullTest   *test;

	if (predicate == NIL)
		return true;
	test = linitial(predicate);
	return list_length(predicate) == 1 && IsA(test, NullTest) && test->nulltesttype == IS_NOT_NULL &&
		IsA(test->arg, Var) && ((Var *) test->arg)->varattno == index->rd_index->indkey.values[0];
}

/* Whether rows are found by an index as a query would that uses it. */
static bool
is_list_index(const TableInfo *info, Relation index, int column)
{
	Form_pg_index form = index->rd_index;

	return form->indisvalid && form->indisready && form->indislive && !form->indcheckxmin &&
		index->rd_rel->relam == BTREE_AM_OID && has_all_keys(index) &&
		form->indkey.values[0] == info->columns[column] &&
		index->rd_opfamily[0] == INTEGER_BTREE_FAM_OID && index->rd_opcintype[0] == INT8OID;
}

/* find_list_indexes: those of a table's lists; false where one is missing. */
bool
find_list_indexes(TableInfo *info, LedgerTable table, Relation rel)
{
	List	   *indexes = RelationGetIndexList(rel);
	int			nfound = 0;
	ListCell   *lc;

	for (int number = 0; number < table_specs[table].nlists; number++)
		foreach(lc, indexes)
		{
			Relation	index = index_open(lfirst_oid(lc), AccessShareLock);
			bool		fits = is_list_index(info, index, table_specs[table].lists[number]);

			if (fits)
			{
				info->list_indexes[number] = RelationGetRelid(index);
				nfound++;
			}
			index_close(index, NoLock);
			if (fits)
				break;
		}
	list_free(indexes);
	return nfound == table_specs[table].nlists;
}

/* Whether an index finds what is equal in this column, which is an int8 or a text. */
static bool
finds_equals(Relation index, int column, Form_pg_attribute att)
{
	return index->rd_opfamily[column] ==
		(att->atttypid == INT8OID ? INTEGER_BTREE_FAM_OID : TEXT_BTREE_FAM_OID) &&
		index->rd_opcintype[column] == att->atttypid &&
		index->rd_indcollation[column] == att->attcollation;
}

/*
 * find_unique_index
 *		The index of a table's unique pair of columns, if it is the only one that
 *		SQL would take for that and finds rows as a query would.
 */
Oid
find_unique_index(const TableInfo *info, LedgerTable table, Relation rel)
{
	AttrNumber	first = info->columns[table_specs[table].unique[0]];
	AttrNumber	second = info->columns[table_specs[table].unique[1]];
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
				fits = fits && finds_equals(index, i, TupleDescAttr(RelationGetDescr(rel),
																	(i == 0 ? first : second) - 1));
			if (fits)
				result = RelationGetRelid(index);
		}
		index_close(index, NoLock);
	}
	list_free(indexes);
	return nindexes == 1 ? result : InvalidOid;
}
