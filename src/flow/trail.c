/*
 * trail.c
 *	  Where a payment's money is now: followed from invoice to note and from note to
 *	  invoice.
 *
 * Spec section 10.
 */
#include "postgres.h"

#include "base/array.h"
#include "flow/trail.h"

typedef struct Trail
{
	Provenance *provenance;
	MoneyPieces payments;		/* pieces of these are yet to be followed */
	MoneyPlace *places;
	int64		nplaces;
} Trail;

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
	const NoteFate *fate = note_fate(trail->provenance, note_id);

	if (fate->has_payment && fate->payment_id > note_id)
		add_piece(&trail->payments, fate->payment_id, fate->invoice_id, *span);
	else
		add_place(trail, (MoneyPlace)
				  {
					  .kind = fate->has_refund ? PLACE_REFUND : PLACE_CREDIT_NOTE,
					  .amount = span->to - span->from,
					  .credit_note_id = note_id,
					  .refund_id = fate->refund_id,
					  .has_parts = fate->has_parts
				  });
}

/* Follow a piece of a payment on, as far as it has left the invoice. */
static void
follow_on(Trail *trail, const MoneyFlow *flow, const FlowIn *in, const Span *piece)
{
	for (int64 i = first_take(&in->taken, piece, false); i < in->taken.ntakes; i++)
	{
		const FlowTake *take = in->taken.takes[i];
		const FlowRow *out = take->out->row;
		int64		shift = take->place.from - take->span.from; /* to the note */
		Span		span = take->span;

		if (!span_overlap(&span, piece))
			break;
		if (out->kind == PAYMENT_CREDIT_NOTE)
			follow_note(trail, out->payment_id, &(Span)
						{
							span.from + shift, span.to + shift
						});
		else
			add_place(trail, (MoneyPlace)
					  {
						  .kind = out->kind == PAYMENT_REVERSAL ? PLACE_REVERSED : PLACE_GIVEN_BACK,
						  .amount = span.to - span.from,
						  .invoice_id = flow->invoice_id
					  });
	}
}

/* What of a piece of a payment is on the invoice still. */
static void
find_rest(Trail *trail, const MoneyFlow *flow, const FlowIn *in, const Span *piece)
{
	for (int64 i = left_below(in, piece->to) - 1; i >= 0; i--)
	{
		Span		span = in->left[i];

		if (!span_overlap(&span, piece))
			break;
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
	MoneyPiece	piece;

	begin_pieces(&trail.payments, false);
	add_piece(&trail.payments, payment->payment_id, payment->invoice_id, (Span)
			  {
				  0, payment->amount
			  });
	while (next_piece(&trail.payments, &piece))
	{
		const MoneyFlow *flow = money_flow(provenance, piece.invoice_id);
		const FlowIn *in = bsearch(&piece.id, flow->ins, flow->nins, sizeof(FlowIn), compare_int8);

		if (in == NULL)
			continue;
		find_rest(&trail, flow, in, &piece.span);
		follow_on(&trail, flow, in, &piece.span);
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

/* places_have_note: whether some of the money is in this unclaimed note. */
bool
places_have_note(const MoneyPlace *places, int nplaces, int64 credit_note_id)
{
	MoneyPlace	place = {.kind = PLACE_CREDIT_NOTE, .credit_note_id = credit_note_id};

	return bsearch(&place, places, nplaces, sizeof(MoneyPlace), compare_places) != NULL;
}
