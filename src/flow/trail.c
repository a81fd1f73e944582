/*
 * trail.c
 *	  Where a payment's money is now: followed from invoice to note and from note to
 *	  invoice.
 *
 * Spec section 10.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "base/array.h"
#include "flow/trail.h"

/* A piece of a payment's money, which is yet to be followed. */
typedef struct PaymentPiece
{
	int64		payment_id;
	int64		invoice_id;
	Span		span;
} PaymentPiece;

typedef struct Trail
{
	Provenance *provenance;
	PaymentPiece *payments;
	int64		npayments;
	MoneyPlace *places;
	int64		nplaces;
} Trail;

static void
add_payment(Trail *trail, PaymentPiece payment)
{
	trail->payments = room_for_one(trail->payments, trail->npayments, sizeof(PaymentPiece));
	trail->payments[trail->npayments++] = payment;
}

static void
add_place(Trail *trail, MoneyPlace place)
{
	trail->places = room_for_one(trail->places, trail->nplaces, sizeof(MoneyPlace));
	trail->places[trail->nplaces++] = place;
}

/*
 * A piece of a note's money: on to the next invoice, or here.  A note is older than the
 * payment that brings its money there, see provenance.c.
 */
static void
follow_note(Trail *trail, int64 note_id, const Span *span)
{
	NoteFate	fate = row_note_fate(trail->provenance->ledger, note_id);

	if (fate.has_payment && fate.payment_id > note_id)
		add_payment(trail, (PaymentPiece)
					{
						fate.payment_id, fate.invoice_id, *span
					});
	else
		add_place(trail, (MoneyPlace)
				  {
					  .kind = fate.has_refund ? PLACE_REFUND : PLACE_CREDIT_NOTE,
					  .amount = span->to - span->from,
					  .credit_note_id = note_id,
					  .refund_id = fate.refund_id
				  });
}

/* Where in the money of a note what was taken begins. */
static int64
offset_in_note(const MoneyFlow *flow, int64 number)
{
	int64		offset = 0;

	for (int64 i = flow->ntakes - 1; i > number; i--)
		if (flow->takes[i].out == flow->takes[number].out)
			offset += flow->takes[i].span.to - flow->takes[i].span.from;
	return offset;
}

/* Follow a piece of a payment on, as far as it has left the invoice. */
static void
follow_on(Trail *trail, const MoneyFlow *flow, const PaymentPiece *payment)
{
	for (int64 i = 0; i < flow->ntakes; i++)
	{
		const FlowTake *take = &flow->takes[i];
		Span		span = take->span;

		if (take->in->payment_id != payment->payment_id || !span_overlap(&span, &payment->span))
			continue;
		if (take->out->kind == PAYMENT_CREDIT_NOTE)
		{
			int64		shift = offset_in_note(flow, i) - take->span.from;

			follow_note(trail, take->out->payment_id, &(Span)
						{
							span.from + shift, span.to + shift
						});
		}
		else
			add_place(trail, (MoneyPlace)
					  {
						  .kind = take->out->kind == PAYMENT_REVERSAL ? PLACE_REVERSED : PLACE_GIVEN_BACK,
						  .amount = span.to - span.from,
						  .invoice_id = flow->invoice_id
					  });
	}
}

/* What of a piece of a payment is on the invoice still. */
static void
find_rest(Trail *trail, const MoneyFlow *flow, const PaymentPiece *payment)
{
	const FlowIn *in = bsearch(&payment->payment_id, flow->ins, flow->nins, sizeof(FlowIn),
							   compare_int8);

	for (int i = 0; in != NULL && i < in->nleft; i++)
	{
		Span		span = in->left[i];

		if (span_overlap(&span, &payment->span))
			add_place(trail, (MoneyPlace)
					  {
						  .kind = PLACE_INVOICE,
						  .amount = span.to - span.from,
						  .invoice_id = flow->invoice_id
					  });
	}
}

static int
compare_ids(int64 left, int64 right)
{
	return compare_int8(&left, &right);
}

static int
compare_places(const void *a, const void *b)
{
	const MoneyPlace *left = a;
	const MoneyPlace *right = b;
	int			result = (int) left->kind - (int) right->kind;

	if (result == 0)
		result = compare_ids(left->invoice_id, right->invoice_id);
	if (result == 0)
		result = compare_ids(left->credit_note_id, right->credit_note_id);
	return result != 0 ? result : compare_ids(left->refund_id, right->refund_id);
}

/*
 * money_places
 *		Where the money that a payment brought is now, each place once.
 */
MoneyPlace *
money_places(Provenance *provenance, const PaymentRow *payment, int *nplaces)
{
	Trail		trail = {.provenance = provenance};

	add_payment(&trail, (PaymentPiece)
				{
					payment->payment_id, payment->invoice_id, {0, payment->amount}
				});
	while (trail.npayments > 0)
	{
		PaymentPiece piece = trail.payments[--trail.npayments];
		const MoneyFlow *flow = money_flow(provenance, piece.invoice_id);

		CHECK_FOR_INTERRUPTS();
		find_rest(&trail, flow, &piece);
		follow_on(&trail, flow, &piece);
	}
	qsort(trail.places, trail.nplaces, sizeof(MoneyPlace), compare_places);
	*nplaces = 0;
	for (int64 i = 0; i < trail.nplaces; i++)
	{
		if (*nplaces > 0 && compare_places(&trail.places[*nplaces - 1], &trail.places[i]) == 0)
			trail.places[*nplaces - 1].amount += trail.places[i].amount;
		else
			trail.places[(*nplaces)++] = trail.places[i];
	}
	return trail.places;
}
