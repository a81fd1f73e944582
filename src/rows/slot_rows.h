/*
 * slot_rows.h
 *	  The slots among which the free units of a product, or of a category, are
 *	  spread.
 */
#ifndef REGPAYDB_SLOT_ROWS_H
#define REGPAYDB_SLOT_ROWS_H

#include "ledger/model.h"

extern SlotRow *row_slots(Ledger *ledger, const StockPool *pool, int *nslots);
extern void row_lock_pool(Ledger *ledger, const StockPool *pool);
extern bool row_try_lock_category(Ledger *ledger, int64 category_id);
extern void row_touch_pool(Ledger *ledger, const StockPool *pool);
extern void row_make_slots(Ledger *ledger, const StockPool *pool);
extern int64 row_count_free(Ledger *ledger, const StockPool *pool);
extern void row_forget_slots(Ledger *ledger, const StockPool *pool);
extern bool row_find_slot(Ledger *ledger, SlotRow *slot);
extern bool row_try_lock_slot(Ledger *ledger, SlotRow *slot);
extern bool row_try_lock_any_slot(Ledger *ledger, const StockPool *pool, SlotRow *slot);
extern bool row_wait_for_slot(Ledger *ledger, const SlotRow *slot);
extern bool row_lock_slot(Ledger *ledger, SlotRow *slot);
extern void row_write_slot(Ledger *ledger, const SlotRow *slot);

#endif							/* REGPAYDB_SLOT_ROWS_H */
