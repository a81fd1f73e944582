/*
 * reversal_rows.c
 *	  Money that platforms took back.
 */
#include "postgres.h"

#include "access/xact.h"
#include "common/hashfn.h"
#include "storage/lmgr.h"

#include "base/actor_setting.h"
#include "rows/plan.h"
#include "rows/result.h"
#include "rows/reversal_rows.h"
#include "rows/row.h"

/* row_reversal_by_ref: fills in its id, payment and amount. */
bool
row_reversal_by_ref(Ledger *ledger, text *provider, text *reversal_ref, ReversalRow *reversal)
{
	Row			row;

	if (!row_find_unique(ledger, REVERSAL, PointerGetDatum(provider),
						 PointerGetDatum(reversal_ref), &row))
		return false;
	reversal->reversal_id = row_int8(&row, REVERSAL_COL_ID);
	reversal->payment_id = row_int8(&row, REVERSAL_COL_PAYMENT_ID);
	reversal->amount = row_money(&row, REVERSAL_COL_AMOUNT);
	return true;
}

/*
 * How many locks references share, so that a transaction that records many does not fill
 * the table of locks.
 */
#define REF_LOCKS	256

/*
 * row_lock_ref
 *		Keep others from recording a platform's reference, until the transaction ends.
 *
 * It is that of one refund or one reversal, and those are in two tables: no index knows
 * both.  What is locked is a number that stands for it, of the table of reversals.
 */
void
row_lock_ref(Ledger *ledger, text *provider, text *ref)
{
	uint32		number = hash_combine(hash_bytes((unsigned char *) VARDATA_ANY(provider),
												 VARSIZE_ANY_EXHDR(provider)),
									  hash_bytes((unsigned char *) VARDATA_ANY(ref),
												 VARSIZE_ANY_EXHDR(ref)));

	LockDatabaseObject(ledger->tables[REVERSAL], number % REF_LOCKS, 0, ExclusiveLock);
}

/* row_ref_is_reversed: whether a reversal has this reference, as the ledger is now. */
bool
row_ref_is_reversed(Ledger *ledger, text *provider, text *ref)
{
	Datum		args[] = {PointerGetDatum(provider), PointerGetDatum(ref)};

	return run_query_now(ledger, Q_REVERSAL_OF_REF, args, NULL) > 0;
}

/*
 * row_insert_reversal
 *		Fills in its id; false where the platform's reference is recorded already,
 *		waiting for whoever is just recording it.
 */
bool
row_insert_reversal(Ledger *ledger, ReversalRow *reversal)
{
	RowValues  *row = begin_values(REVERSAL);
	int64		actor;
	Row			written;

	set_int8(row, REVERSAL_COL_PAYMENT_ID, reversal->payment_id);
	set_text_or_null(row, REVERSAL_COL_PROVIDER, reversal->provider);
	set_text_or_null(row, REVERSAL_COL_REVERSAL_REF, reversal->reversal_ref);
	set_now(row, REVERSAL_COL_TIME);
	set_money(row, REVERSAL_COL_AMOUNT, ledger, reversal->amount);
	set_money(row, REVERSAL_COL_LOSS, ledger, reversal->loss);
	set_int8_or_null(row, REVERSAL_COL_REVERSING_PAYMENT_ID,
					 reversal->loss < reversal->amount ? &reversal->reversing_payment_id : NULL);
	set_text_or_null(row, REVERSAL_COL_REFERENCE, reversal->reference);
	set_int8_or_null(row, REVERSAL_COL_ENTERED_BY, actor_user_id(&actor) ? &actor : NULL);
	if (!row_insert_once(ledger, row, &written))
		return false;
	row_check_time(&written, REVERSAL_COL_TIME);
	reversal->reversal_id = row_int8(&written, REVERSAL_COL_ID);
	return true;
}

/* row_seen_too_late: raise 40001 for what the transaction's snapshot does not show. */
void
row_seen_too_late(void)
{
	ereport(ERROR,
			(errcode(ERRCODE_T_R_SERIALIZATION_FAILURE),
			 errmsg("could not serialize access due to concurrent refund or reversal"),
			 errhint("Retry the transaction.")));
}

/*
 * row_gone_back
 *		What refunds, requested or done, and reversals took of a payment, which is locked
 *		unless that is only to be told.
 *
 * Those who change that lock the payment, but do not write it.  So who waited for them
 * does not see what they did, if his snapshot is older: raises 40001 then.
 */
int64
row_gone_back(Ledger *ledger, int64 payment_id)
{
	Datum		args[] = {Int64GetDatum(payment_id)};
	int64		gone;

	run_query(ledger, Q_GONE_BACK, args, NULL);
	gone = money_column(ledger, 0, 1);
	if (!ledger->read_only && IsolationUsesXactSnapshot())
	{
		run_query_now(ledger, Q_GONE_BACK, args, NULL);
		if (money_column(ledger, 0, 1) != gone)
			row_seen_too_late();
	}
	return gone;
}
