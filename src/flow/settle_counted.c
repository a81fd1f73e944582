/*
 * settle_counted.c
 *	  Whether an invoice counts payments already.
 */
#include "postgres.h"

#include "common/hashfn.h"

#include "flow/settle_counted.h"
#include "rows/payment_rows.h"

/*
 * What this session knows of an invoice that it has settled lately: what the
 * payments up to an id come to, all of which are counted; and where the next milestone will be.
 */
typedef struct Milestone
{
	Oid			schema;
	int64		invoice_id;
	PaymentTotals counted;
	int64		next_id;		/* what counted moves on to: the highest id that was ... */
	int64		next_count;		/* ... when so many were counted, perhaps not all below it */
} Milestone;

static Milestone milestones[32];

/*
 * A milestone moves on when so many payments more were counted: by then whoever
 * has a lower id will hardly be waiting still.  If one is, all are added up again.
 */
#define MILESTONE_DISTANCE	32

static Milestone *
milestone_of(const Ledger *ledger, int64 invoice_id)
{
	return &milestones[hash_combine(ledger->schema, murmurhash32((uint32) invoice_id)) %
					   lengthof(milestones)];
}

/*
 * Begin with no payment counted.  What this transaction has written itself is no
 * milestone, as it may be rolled back.
 */
static void
begin_milestone(Milestone *milestone, const Ledger *ledger, const InvoiceRow *invoice)
{
	if (invoice->committed && invoice->has_payment)
		*milestone = (Milestone)
	{
		ledger->schema, invoice->invoice_id, {.last_payment_id = PG_INT64_MIN},
		invoice->last_payment_id, invoice->state.payment_count
	};
}

static bool
is_of(const Milestone *milestone, const Ledger *ledger, const InvoiceRow *invoice)
{
	return milestone->schema == ledger->schema &&
		milestone->invoice_id == invoice->invoice_id && invoice->has_payment &&
		milestone->next_id <= invoice->last_payment_id &&
		milestone->next_count <= invoice->state.payment_count;
}

static void
advance_milestone(Milestone *milestone, const InvoiceRow *invoice, const PaymentTotals *between)
{
	milestone->counted.amount += between->amount;
	milestone->counted.payment_count += between->payment_count;
	milestone->counted.last_payment_id = milestone->next_id;
	milestone->next_id = invoice->last_payment_id;
	milestone->next_count = invoice->state.payment_count;
}

/*
 * Whether none of the payments added is counted, if that can be told by looking
 * at the latest payments only.
 *
 * What was counted stays counted, so those above the milestone are the rest of
 * what is counted, and the ones added.  If the two are not apart, they are fewer.
 * That they come to the same amount makes sure that the invoice will have what
 * adding up all of them would give it.
 */
static bool
are_surely_new(Ledger *ledger, const InvoiceRow *invoice, const SettleAdded *added)
{
	Milestone  *milestone = milestone_of(ledger, invoice->invoice_id);
	PaymentTotals above;
	PaymentTotals between;

	if (!invoice->committed || !is_of(milestone, ledger, invoice) ||
		milestone->counted.last_payment_id >= added->first_id)
		return false;
	row_payments_above(ledger, invoice->invoice_id, milestone->counted.last_payment_id,
					   milestone->next_id, &above, &between);
	if (above.payment_count - added->npayments !=
		invoice->state.payment_count - milestone->counted.payment_count ||
		above.amount - added->amount != invoice->state.paid - milestone->counted.amount)
		return false;
	if (milestone->next_id < added->first_id &&
		invoice->state.payment_count - milestone->next_count >= MILESTONE_DISTANCE)
		advance_milestone(milestone, invoice, &between);
	return true;
}

/* settle_add: one more, of an id above the others'. */
void
settle_add(SettleAdded *added, const PaymentRow *payment)
{
	if (added->npayments == 0)
		added->first_id = payment->payment_id;
	added->last_id = payment->payment_id;
	added->amount += payment->amount;
	added->npayments++;
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
settle_is_counted(Ledger *ledger, const InvoiceRow *invoice, const SettleAdded *added,
				  PaymentTotals *totals)
{
	totals->known = false;
	if (!invoice->has_payment || added->first_id > invoice->last_payment_id ||
		are_surely_new(ledger, invoice, added))
		return false;
	*totals = row_payment_totals(ledger, invoice->invoice_id);
	begin_milestone(milestone_of(ledger, invoice->invoice_id), ledger, invoice);
	return totals->payment_count <= invoice->state.payment_count;
}
