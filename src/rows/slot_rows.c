/*
 * slot_rows.c
 *	  The slots among which the free units of a product, or of a category, are
 *	  spread.
 */
#include "postgres.h"

#include "base/array.h"
#include "rows/plan.h"
#include "rows/result.h"
#include "rows/row.h"
#include "rows/slot_rows.h"

static void
get_slot(const Row *row, SlotRow *slot)
{
	*slot = (SlotRow)
	{
		.slot_id = row_int8(row, STOCK_SLOT_COL_ID),
		.free = row_int8(row, STOCK_SLOT_COL_FREE),
		.owing = row_bool(row, STOCK_SLOT_COL_OWING),
	};
}

static int
compare_slots(const void *a, const void *b)
{
	int64		left = ((const SlotRow *) a)->slot_id;
	int64		right = ((const SlotRow *) b)->slot_id;

	return left < right ? -1 : left > right;
}

/* row_slots: those of a pool, in the order of their ids, as a query sees them. */
SlotRow *
row_slots(Ledger *ledger, const StockPool *pool, int *nslots)
{
	RowList		list;
	SlotRow    *slots = room_for_one(NULL, 0, sizeof(SlotRow));

	*nslots = 0;
	row_list(&list, ledger, STOCK_SLOT,
			 pool->of_category ? STOCK_SLOT_BY_CATEGORY : STOCK_SLOT_BY_PRODUCT, pool->id);
	while (row_next(&list))
	{
		slots = room_for_one(slots, *nslots, sizeof(SlotRow));
		get_slot(&list.row, &slots[(*nslots)++]);
	}
	row_list_end(&list);
	qsort(slots, *nslots, sizeof(SlotRow), compare_slots);
	return slots;
}

/*
 * row_touch_pool
 *		Lock and write the product's or the category's row, so that whoever else does
 *		is waited for, and REPEATABLE READ notices.
 */
void
row_touch_pool(Ledger *ledger, const StockPool *pool)
{
	Datum		args[] = {Int64GetDatum(pool->id)};

	write_own_by_query(ledger, pool->of_category ? Q_TOUCH_CATEGORY : Q_TOUCH_PRODUCT,
					   pool->of_category ? CATEGORY : PRODUCT, pool->id, false, args);
}

/* row_lock_pool: lock the product's or the category's row, which whoever makes slots does. */
void
row_lock_pool(Ledger *ledger, const StockPool *pool)
{
	Row			row;

	(void) row_lock(ledger, pool->of_category ? CATEGORY : PRODUCT, pool->id, &row);
}

/* row_try_lock_category: lock a category's row unless somebody else has it; false then. */
bool
row_try_lock_category(Ledger *ledger, int64 category_id)
{
	Datum		args[] = {Int64GetDatum(category_id)};

	return run_query(ledger, Q_TRY_LOCK_CATEGORY, args, NULL) > 0;
}

/*
 * row_make_slots
 *		Make the slots of a pool that has none, and count what is free.  There are
 *		none of a category that has no stock of its own any more.
 */
void
row_make_slots(Ledger *ledger, const StockPool *pool)
{
	Datum		args[] = {Int64GetDatum(pool->id), Int64GetDatum(pool->taken_back)};
	int			nslots;

	row_touch_pool(ledger, pool);
	pfree(row_slots(ledger, pool, &nslots));
	if (nslots == 0)
		run_query(ledger, pool->of_category ? Q_MAKE_CATEGORY_SLOTS : Q_MAKE_PRODUCT_SLOTS,
				  args, NULL);
}

/* row_count_free: what a pool with a stock has free, whether it has slots or not. */
int64
row_count_free(Ledger *ledger, const StockPool *pool)
{
	Datum		args[] = {Int64GetDatum(pool->id)};

	return run_query(ledger, pool->of_category ? Q_CATEGORY_FREE : Q_PRODUCT_FREE, args,
					 NULL) == 0 ? 0 : int8_column(0, 1);
}

/*
 * row_forget_slots
 *		Delete the slots of a pool; whoever takes next counts what is free.  Waits for
 *		whoever has one of them.
 */
void
row_forget_slots(Ledger *ledger, const StockPool *pool)
{
	row_delete_list(ledger, STOCK_SLOT,
					pool->of_category ? STOCK_SLOT_BY_CATEGORY : STOCK_SLOT_BY_PRODUCT,
					pool->id);
}

/* row_find_slot: a slot as a query that begins now sees it; false where it is gone. */
bool
row_find_slot(Ledger *ledger, SlotRow *slot)
{
	Row			row;

	if (!row_find(ledger, STOCK_SLOT, slot->slot_id, &row))
		return false;
	get_slot(&row, slot);
	return true;
}

/*
 * row_try_lock_slot
 *		Lock the slot that was just found unless somebody else has it, or has changed
 *		it since.
 */
bool
row_try_lock_slot(Ledger *ledger, SlotRow *slot)
{
	Row			row;

	if (!row_try_lock(ledger, STOCK_SLOT, slot->slot_id, &row))
		return false;
	get_slot(&row, slot);
	return true;
}

/* row_try_lock_any_slot: lock one that nobody else has; false where there is none. */
bool
row_try_lock_any_slot(Ledger *ledger, const StockPool *pool, SlotRow *slot)
{
	Datum		args[] = {Int64GetDatum(pool->id)};

	return key_of_result(run_query(ledger, pool->of_category ? Q_TRY_LOCK_CATEGORY_SLOT :
								   Q_TRY_LOCK_PRODUCT_SLOT, args, NULL), &slot->slot_id) &&
		row_lock_slot(ledger, slot);
}

/* row_wait_for_slot: wait for whoever has a slot, without locking it; false where that can't be. */
bool
row_wait_for_slot(Ledger *ledger, const SlotRow *slot)
{
	return row_wait(ledger, STOCK_SLOT, slot->slot_id);
}

/* row_lock_slot: lock a slot, waiting for it; false where it is gone. */
bool
row_lock_slot(Ledger *ledger, SlotRow *slot)
{
	Row			row;

	if (!row_lock(ledger, STOCK_SLOT, slot->slot_id, &row))
		return false;
	get_slot(&row, slot);
	return true;
}

/* row_write_slot: write a slot that is locked. */
void
row_write_slot(Ledger *ledger, const SlotRow *slot)
{
	RowValues  *values = begin_values(STOCK_SLOT);

	set_int8(values, STOCK_SLOT_COL_FREE, slot->free);
	set_value(values, STOCK_SLOT_COL_OWING, BoolGetDatum(slot->owing));
	row_update(ledger, slot->slot_id, values);
}
