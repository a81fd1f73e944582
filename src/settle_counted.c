/*
 * settle_counted.c
 *	  Whether an invoice counts payments already.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "settle.h"

/*
 * What this session knows of an invoice that it has settled lately: so many of
 * the payments up to last_id are counted; and where to go on from.
 */
typedef struct Milestone
{
	Oid			schema;
	int64		invoice_id;
	int64		last_id;
	int64		counted;
	int64		next_id;		/* the last one that was counted ... */
	int64		next_counted;	/* ... when so many were, some below it yet to come */
} Milestone;

static Milestone milestones[32];

/* After so many payments more, nobody waits who has a lower id; if so, no harm. */
#define MILESTONE_DISTANCE	32

static Milestone *
milestone_of(const Ledger *ledger, int64 invoice_id)
{
	return &milestones[hash_combine(ledger->schema, murmurhash32((uint32) invoice_id)) %
					   lengthof(milestones)];
}

/* Know nothing of an invoice yet.  What is not committed may be rolled back. */
static void
set_out(Milestone *milestone, const Ledger *ledger, const InvoiceRow *invoice)
{
	if (invoice->committed && invoice->last_payment_id != 0)
		*milestone = (Milestone)
	{
		ledger->schema, invoice->invoice_id, 0, 0,
		invoice->last_payment_id, invoice->state.payment_count
	};
}

static bool
is_of(const Milestone *milestone, const Ledger *ledger, const InvoiceRow *invoice)
{
	return milestone->schema == ledger->schema &&
		milestone->invoice_id == invoice->invoice_id &&
		milestone->next_id <= invoice->last_payment_id &&
		milestone->next_counted <= invoice->state.payment_count;
}

/*
 * Whether none of npayments new payments is counted, if that can be told by
 * looking at the latest payments only.
 *
 * What was counted stays counted, so those above the milestone are the new ones
 * and the rest of what is counted.  If the two are not apart, they are fewer.
 */
static bool
are_surely_new(Ledger *ledger, const InvoiceRow *invoice, int64 first_id, int64 npayments)
{
	Milestone  *milestone = milestone_of(ledger, invoice->invoice_id);
	int64		above;
	int64		between;

	if (!invoice->committed || !is_of(milestone, ledger, invoice) ||
		milestone->last_id >= first_id)
		return false;
	above = row_count_payments(ledger, invoice->invoice_id, milestone->last_id,
							   milestone->next_id, &between);
	if (above != invoice->state.payment_count - milestone->counted + npayments)
		return false;
	if (milestone->next_id < first_id &&
		invoice->state.payment_count - milestone->next_counted >= MILESTONE_DISTANCE)
	{
		milestone->last_id = milestone->next_id;
		milestone->counted += between;
		milestone->next_id = invoice->last_payment_id;
		milestone->next_counted = invoice->state.payment_count;
	}
	return true;
}

/*
 * settle_is_counted
 *		Whether the invoice's row counts these payments already, as it does when a
 *		dump is restored into tables that have their triggers, or when a trigger of
 *		a user's called update_status() meanwhile.
 *
 * Ids grow, so an id above the highest one counted is new.  Below it may also
 * be one of a session that waited: then there are more payments than counted.
 * Where only adding up all of them told that, totals says what they come to.
 */
bool
settle_is_counted(Ledger *ledger, const InvoiceRow *invoice, int64 first_id, int64 npayments,
				  PaymentTotals *totals)
{
	totals->payment_count = 0;
	if (first_id > invoice->last_payment_id ||
		are_surely_new(ledger, invoice, first_id, npayments))
		return false;
	*totals = row_payment_totals(ledger, invoice->invoice_id);
	set_out(milestone_of(ledger, invoice->invoice_id), ledger, invoice);
	return totals->payment_count <= invoice->state.payment_count;
}
