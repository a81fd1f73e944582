/*
 * pool.c
 *	  The free units of a product, or of a category: taken and given back.
 *
 * They are spread among a handful of rows, the slots, so that whoever takes some
 * does not wait for the commit of whoever took some just before.  Free are, over all
 * slots, stock - reserved - sold, with a stock of 0 where there is no limit; then it
 * is less than nothing, and nobody minds.
 *
 * One who takes uses a slot that nobody has locked and that suffices.  Where others
 * have all of those, he looks again a little later.  Only where none suffices he waits
 * for all of them in the order of their ids, and has to have locked none before: so
 * nobody waits for one who waits for him.
 *
 * Where stock was lowered below what is taken, all slots are marked as owing: what
 * comes back goes to any of them, but who takes has to look at all.
 */
#include "postgres.h"

#include "access/xact.h"
#include "miscadmin.h"
#include "storage/latch.h"
#include "utils/wait_event.h"

#include "flow/pool.h"
#include "rows/plan.h"
#include "rows/product_rows.h"
#include "rows/row.h"
#include "rows/slot_rows.h"

/*
 * How often to look at slots that others have, before all of them are waited for; and
 * how many of these times not to wait for one of them, but only for a while: its owner
 * may take his time, while others come and go.  All naps together take a second.
 */
#define MAX_LOOKS	100
#define MAX_NAPS	64
#define NAP_MS(look)	(1 << Min(look, 4))

/* pool_of_product: the product's own. */
StockPool
pool_of_product(const ProductRow *product)
{
	return (StockPool)
	{
		.id = product->product_id, .limited = product->has_stock
	};
}

/* pool_of_category: false where the category has no stock of its own. */
bool
pool_of_category(Ledger *ledger, int64 category_id, StockPool *pool)
{
	CategoryRow category;

	*pool = (StockPool)
	{
		.of_category = true, .id = category_id, .limited = true
	};
	return row_category(ledger, category_id, &category) && category.has_stock;
}

static void
nap(int look)
{
	(void) WaitLatch(MyLatch, WL_LATCH_SET | WL_TIMEOUT | WL_EXIT_ON_PM_DEATH, NAP_MS(look),
					 PG_WAIT_EXTENSION);
	ResetLatch(MyLatch);
	CHECK_FOR_INTERRUPTS();
}

/*
 * Lock the row of a pool that has no slots, so that nobody else makes them; false for a
 * category that has no stock, and needs none.
 *
 * Who gives a category a stock has its row, and waits for us who have taken of its
 * products.  So that row is not waited for, but looked at again: the category that
 * others see until then has no stock.
 */
static bool
lock_row(Ledger *ledger, const StockPool *pool)
{
	for (int look = 0; pool->of_category; look++)
	{
		CategoryRow category;

		if (!row_category(ledger, pool->id, &category) || !category.has_stock)
			return false;
		if (row_try_lock_category(ledger, pool->id))
			return true;
		if (look == MAX_NAPS || IsolationUsesXactSnapshot())
			break;
		nap(look);
	}
	row_lock_pool(ledger, pool);
	return true;
}

static SlotRow *
slots_of(Ledger *ledger, const StockPool *pool, int *nslots)
{
	SlotRow    *slots = row_slots(ledger, pool, nslots);

	if (*nslots > 0 || !lock_row(ledger, pool))
		return slots;
	pfree(slots);
	row_make_slots(ledger, pool);
	slots = row_slots(ledger, pool, nslots);
	if (*nslots == 0 && !pool->of_category)
		row_not_written(ledger, STOCK_SLOT);
	return slots;
}

/* Whether there is a stock may have changed while others were waited for. */
static void
look_at_limit(Ledger *ledger, StockPool *pool)
{
	ProductRow	product;

	if (!pool->of_category && row_product(ledger, pool->id, &product))
		pool->limited = product.has_stock;
}

static bool
slot_suffices(const StockPool *pool, const SlotRow *slot, int64 quantity, bool gives)
{
	return gives || !pool->limited || (!slot->owing && slot->free >= quantity);
}

/* Lock all slots, and add up what is free in them; makes them if it is to. */
static SlotRow *
lock_slots(Ledger *ledger, const StockPool *pool, bool make, int *nslots, int64 *total)
{
	for (;;)
	{
		SlotRow    *slots = make ? slots_of(ledger, pool, nslots) :
			row_slots(ledger, pool, nslots);
		bool		there = true;

		*total = 0;
		for (int i = 0; i < *nslots && there; i++)
		{
			CHECK_FOR_INTERRUPTS();
			there = row_lock_slot(ledger, &slots[i]);
			*total += slots[i].free;
		}
		if (there)
			return slots;
		/* Somebody has made them anew meanwhile. */
		pfree(slots);
	}
}

static void
take_from(Ledger *ledger, SlotRow *slot, int64 quantity)
{
	slot->free -= quantity;
	if (quantity != 0)
		row_write_slot(ledger, slot);
}

/*
 * Take from one slot where SQL has to lock it.  That may lock what somebody has just
 * made of it, which does not suffice any more; so all are locked, in order.
 *
 * Who gives takes any that nobody has, or that he has himself: it may be that SQL has
 * to only since a moment ago, when a slot was taken from that is given back to now.
 */
static bool
use_locked_slot(Ledger *ledger, StockPool *pool, int64 quantity, bool gives)
{
	int			nslots;
	int64		total;
	SlotRow    *slots;
	SlotRow		any;
	bool		used;

	if (gives && row_try_lock_any_slot(ledger, pool, &any))
	{
		take_from(ledger, &any, quantity);
		return true;
	}
	slots = lock_slots(ledger, pool, true, &nslots, &total);
	used = nslots == 0;
	look_at_limit(ledger, pool);
	for (int i = 0; i < nslots && !used; i++)
		if (slot_suffices(pool, &slots[i], quantity, gives))
		{
			take_from(ledger, &slots[i], quantity);
			used = true;
		}
	pfree(slots);
	return used;
}

/*
 * Take from, or with a quantity below zero give to, one slot that nobody has locked.
 * Who only gives does not care what is owed.  Where others have all that suffice, wait,
 * and look again.
 */
static bool
use_one_slot(Ledger *ledger, StockPool *pool, int64 quantity, bool gives)
{
	if (!row_runs_no_code(ledger, STOCK_SLOT, ROW_UPDATE))
		return use_locked_slot(ledger, pool, quantity, gives);
	for (int look = 0; look < MAX_LOOKS; look++)
	{
		int			nslots;
		SlotRow    *slots = slots_of(ledger, pool, &nslots);
		SlotRow    *taken = NULL;
		int			nsufficing = 0;

		if (nslots == 0)
			return true;
		if (look > 0)
			look_at_limit(ledger, pool);
		for (int i = 0; i < nslots; i++)
		{
			/* Sessions begin at different ones, and each with its own. */
			SlotRow    *slot = &slots[(MyProcPid + look + i) % nslots];

			CHECK_FOR_INTERRUPTS();
			if (!slot_suffices(pool, slot, quantity, gives))
				continue;
			if (nsufficing++ == 0)
				taken = slot;
			if (!row_find_slot(ledger, slot) || !slot_suffices(pool, slot, quantity, gives) ||
				!row_try_lock_slot(ledger, slot))
				continue;
			take_from(ledger, slot, quantity);
			pfree(slots);
			return true;
		}
		if (nsufficing > 1 && look < MAX_NAPS && !IsolationUsesXactSnapshot())
			nap(look);
		else if (nsufficing == 0 || !row_wait_for_slot(ledger, taken))
			break;
		pfree(slots);
	}
	/* It may be that SQL has to by now. */
	return !row_runs_no_code(ledger, STOCK_SLOT, ROW_UPDATE) &&
		use_locked_slot(ledger, pool, quantity, gives);
}

/* Spread units evenly among locked slots; writes those that change, or all. */
static void
spread(Ledger *ledger, const StockPool *pool, SlotRow *slots, int nslots, int64 total, bool all)
{
	bool		owing = pool->limited && total < 0;

	for (int i = 0; i < nslots; i++)
	{
		int64		share = total * (i + 1) / nslots - total * i / nslots;

		if (!all && slots[i].free == share && slots[i].owing == owing)
			continue;
		slots[i].free = share;
		slots[i].owing = owing;
		row_write_slot(ledger, &slots[i]);
	}
}

/*
 * pool_free
 *		How many units are free of a pool that has a stock, as a query sees it; below
 *		zero what is owed.  Makes no slots: who has a category's row to do so must not
 *		wait for products.
 */
int64
pool_free(Ledger *ledger, const StockPool *pool)
{
	int			nslots;
	SlotRow    *slots = row_slots(ledger, pool, &nslots);
	int64		total = 0;

	for (int i = 0; i < nslots; i++)
		total += slots[i].free;
	pfree(slots);
	return nslots == 0 ? row_count_free(ledger, pool) : total;
}

/* pool_take: take units without waiting; false where that can't be done. */
bool
pool_take(Ledger *ledger, StockPool *pool, int64 quantity)
{
	return use_one_slot(ledger, pool, quantity, false);
}

/*
 * pool_gather
 *		Take units from all slots, and from extra ones that the caller has; what is
 *		left of these is free.  False where all of it is not enough.
 */
bool
pool_gather(Ledger *ledger, StockPool *pool, int64 quantity, int64 extra)
{
	int			nslots;
	int64		total;
	SlotRow    *slots = lock_slots(ledger, pool, true, &nslots, &total);
	bool		enough;

	look_at_limit(ledger, pool);
	enough = !pool->limited || nslots == 0 || total + extra >= quantity;
	spread(ledger, pool, slots, nslots, total + extra - (enough ? quantity : 0), false);
	pfree(slots);
	return enough;
}

/* pool_give: give units back, or none; this transaction has a slot then, at least. */
void
pool_give(Ledger *ledger, StockPool *pool, int64 quantity)
{
	if (!use_one_slot(ledger, pool, -quantity, true))
		(void) pool_gather(ledger, pool, 0, quantity);
}

/*
 * pool_change
 *		The stock has changed by so many, or something else about the pool has; pool
 *		says whether there is a limit now.  Waits for whoever has a slot, and writes
 *		all of them, so that REPEATABLE READ notices.  Makes none: who does so counts
 *		what has changed.
 */
void
pool_change(Ledger *ledger, const StockPool *pool, int64 quantity)
{
	int			nslots;
	int64		total;
	SlotRow    *slots = lock_slots(ledger, pool, false, &nslots, &total);

	spread(ledger, pool, slots, nslots, total + quantity, true);
	pfree(slots);
}

/* pool_make: make the slots, if there are none. */
void
pool_make(Ledger *ledger, const StockPool *pool)
{
	int			nslots;

	pfree(slots_of(ledger, pool, &nslots));
}

/*
 * pool_forget
 *		Delete the slots, so that whoever takes next counts what is free.  Waits for
 *		whoever has one, in the order of all who do.
 */
void
pool_forget(Ledger *ledger, const StockPool *pool)
{
	int			nslots;
	int64		total;

	pfree(lock_slots(ledger, pool, false, &nslots, &total));
	if (nslots > 0)
		row_forget_slots(ledger, pool);
}

/*
 * pool_lock
 *		Lock all slots, waiting for whoever has one, or for whoever makes them; makes
 *		none, as it may be that nothing is to be taken: a dump is being restored.
 */
void
pool_lock(Ledger *ledger, const StockPool *pool)
{
	int			nslots;
	int64		total;

	pfree(row_slots(ledger, pool, &nslots));
	if (nslots == 0)
		(void) lock_row(ledger, pool);
	pfree(lock_slots(ledger, pool, false, &nslots, &total));
}
