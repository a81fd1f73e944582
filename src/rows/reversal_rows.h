/*
 * reversal_rows.h
 *	  Money that platforms took back.
 */
#ifndef REGPAYDB_REVERSAL_ROWS_H
#define REGPAYDB_REVERSAL_ROWS_H

#include "base/compat.h"
#include "ledger/model.h"

extern bool row_reversal_by_ref(Ledger *ledger, text *provider, text *reversal_ref,
								ReversalRow *reversal);
extern void row_lock_ref(Ledger *ledger, text *provider, text *ref);
extern bool row_ref_is_reversed(Ledger *ledger, text *provider, text *ref);
extern bool row_insert_reversal(Ledger *ledger, ReversalRow *reversal);
pg_noreturn extern void row_seen_too_late(void);
extern int64 row_gone_back(Ledger *ledger, int64 payment_id);

#endif							/* REGPAYDB_REVERSAL_ROWS_H */
