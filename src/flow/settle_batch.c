/*
 * settle_batch.c
 *	  All payments of a statement, settled invoice by invoice.
 */
#include "postgres.h"

#include "common/int.h"
#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/errors.h"
#include "engine/engine.h"
#include "flow/refuse.h"
#include "flow/settle.h"
#include "flow/settle_batch.h"
#include "flow/stock.h"

/*
 * What the payments of one invoice, sorted by id, add up to.  False where that is
 * more than an int64 holds.
 */
static bool
add_up(const NewPayment *payments, int64 npayments, SettleAdded *added)
{
	bool		fits = true;

	*added = (SettleAdded)
	{
		0, npayments, payments[0].payment_id, payments[npayments - 1].payment_id
	};
	for (int64 i = 0; i < npayments; i++)
		if (pg_add_s64_overflow(added->amount, payments[i].amount, &added->amount))
			fits = false;
	return fits;
}

/* Raise an error for what only a restore may bring: kinds of the engine's, another time. */
static void
check_new(const NewPayment *payments, int64 npayments)
{
	for (int64 i = 0; i < npayments; i++)
	{
		if (payments[i].engine_kind)
			ereport(ERROR,
					(errcode(RP_INVALID_STATE),
					 errmsg("payment " INT64_FORMAT " is of a kind that only the engine makes",
							payments[i].payment_id),
					 errdetail("Such payments belong to a credit note, a refund or a reversal."),
					 errhint("Use regpaydb.refund_invoice(), regpaydb.apply_credit_note(), regpaydb.fail_refund() or regpaydb.record_reversal().")));
		if (payments[i].other_time)
			ereport(ERROR,
					(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
					 errmsg("payment " INT64_FORMAT " is not of the time at which it is recorded",
							payments[i].payment_id),
					 errdetail("The time of a new payment is that of its transaction, so that sums of the past stay what they were."),
					 errhint("Leave out the column \"time\", and give the bank's date as value_date.")));
		if (payments[i].without_actor)
			ereport(ERROR,
					(errcode(RP_LEDGER_VERSION),
					 errmsg("payment " INT64_FORMAT " comes through another node",
							payments[i].payment_id),
					 errdetail("It takes money off an invoice, or says who entered it, and who acts is not known here."),
					 errhint("Connect to the node that has the ledger.")));
	}
}

/*
 * Settle the payments of one invoice, which are sorted by id.
 */
static void
settle_group(Ledger *ledger, NewPayment *payments, int64 npayments)
{
	InvoiceRow	invoice;
	PaymentTotals totals;
	SettleAdded added;
	bool		fits;

	if (!settle_lock_invoice(ledger, payments[0].invoice_id, &invoice))
		ereport(ERROR,
				(errcode(RP_NOT_FOUND),
				 errmsg("there is no invoice " INT64_FORMAT, payments[0].invoice_id),
				 errdetail("The foreign key of table \"payment\" did not refuse it."),
				 errhint("Restore the constraints that regpaydb.create_ledger() made.")));
	fits = add_up(payments, npayments, &added);
	if (settle_is_counted(ledger, &invoice, &added, &totals))
		return;
	engine_check_version(ledger, false);
	check_new(payments, npayments);
	if (!fits)
		settle_refuse(ledger, INVOICE_TOO_LARGE, &invoice);
	settle_added(ledger, &invoice, &added, &totals, invoice.attendee_id);
}

static int
compare_payments(const void *a, const void *b)
{
	const NewPayment *left = a;
	const NewPayment *right = b;

	if (left->invoice_id != right->invoice_id)
		return left->invoice_id < right->invoice_id ? -1 : 1;
	if (left->payment_id != right->payment_id)
		return left->payment_id < right->payment_id ? -1 : 1;
	return 0;
}

/* Lock what has to be locked before any of the invoices is. */
static void
lock_their_carts(Ledger *ledger, const NewPayment *payments, int64 npayments)
{
	int64	   *invoice_ids = MemoryContextAllocHuge(CurrentMemoryContext,
													 npayments * sizeof(int64));
	int64		ninvoices = 0;
	bool		leaves = false;
	CartRow    *carts;
	int			ncarts;

	for (int64 i = 0; i < npayments; i++)
	{
		if (i == 0 || payments[i].invoice_id != payments[i - 1].invoice_id)
			invoice_ids[ninvoices++] = payments[i].invoice_id;
		leaves = leaves || payments[i].amount < 0;
	}
	carts = lock_carts_of_invoices(ledger, invoice_ids, ninvoices, &ncarts);

	/* Of one invoice alone nothing is locked after its stock. */
	if (ninvoices > 1)
		lock_stock(ledger, carts, ncarts, leaves);
	pfree(carts);
	pfree(invoice_ids);
}

/*
 * settle_new_payments
 *		Settle payments that a statement inserted, each of their invoices once.
 *
 * Sorts them, so that invoices are locked in the order of their ids.  Raises
 * RP003 where an invoice would be left with less than nothing, RP008 for
 * kinds that only the engine makes, 22023 for times of the past, RP012.
 */
void
settle_new_payments(Ledger *ledger, NewPayment *payments, int64 npayments)
{
	MemoryContext group_context = AllocSetContextCreate(CurrentMemoryContext,
														"regpaydb invoice",
														ALLOCSET_SMALL_SIZES);
	MemoryContext save_context;
	int64		first = 0;

	qsort(payments, npayments, sizeof(NewPayment), compare_payments);
	lock_their_carts(ledger, payments, npayments);
	save_context = MemoryContextSwitchTo(group_context);
	for (int64 i = 1; i <= npayments; i++)
	{
		if (i < npayments && payments[i].invoice_id == payments[first].invoice_id)
			continue;
		CHECK_FOR_INTERRUPTS();
		settle_group(ledger, payments + first, i - first);
		MemoryContextReset(group_context);
		first = i;
	}
	MemoryContextSwitchTo(save_context);
	MemoryContextDelete(group_context);
}
