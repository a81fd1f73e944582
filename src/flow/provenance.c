/*
 * provenance.c
 *	  Where a credit note's money came from, and where a payment's is now: followed
 *	  from invoice to note and from note to invoice.
 *
 * The money of an invoice's payment, or of a note, lies in the order in which it came,
 * and a piece of it is from one amount to another.  A note that is put on an invoice
 * keeps that order, so that there, too, the last that came in leaves first.
 *
 * Spec section 10.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "base/array.h"
#include "flow/money_flow.h"
#include "flow/provenance.h"
#include "rows/payment_rows.h"

/* A piece of the money of a note, or of a payment, which is yet to be followed. */
typedef struct Piece
{
	int64		id;
	int64		invoice_id;		/* of a payment */
	int64		from;
	int64		to;
} Piece;

typedef struct Pieces
{
	Piece	   *pieces;
	int64		npieces;
} Pieces;

/* begin_provenance: in the current memory context. */
void
begin_provenance(Provenance *provenance, Ledger *ledger)
{
	HASHCTL		control = {
		.keysize = sizeof(int64),
		.entrysize = sizeof(MoneyFlow),
		.hcxt = CurrentMemoryContext
	};

	provenance->ledger = ledger;
	provenance->flows = hash_create("regpaydb money flows", 16, &control,
									HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

static const MoneyFlow *
flow_of(Provenance *provenance, int64 invoice_id)
{
	bool		found;
	MoneyFlow  *flow = hash_search(provenance->flows, &invoice_id, HASH_ENTER, &found);

	CHECK_FOR_INTERRUPTS();
	if (!found)
		find_money_flow(provenance->ledger, invoice_id, flow);
	return flow;
}

static void
add_piece(Pieces *pieces, Piece piece)
{
	pieces->pieces = room_for_one(pieces->pieces, pieces->npieces, sizeof(Piece));
	pieces->pieces[pieces->npieces++] = piece;
}

static Pieces
begin_pieces(Piece first)
{
	Pieces		pieces = {0};

	add_piece(&pieces, first);
	return pieces;
}

/* ---- where a note's money came from ---- */

typedef struct Sources
{
	MoneyPart  *parts;
	int64		nparts;
} Sources;

static void
add_source(Sources *sources, int64 payment_id, int64 amount)
{
	sources->parts = room_for_one(sources->parts, sources->nparts, sizeof(MoneyPart));
	sources->parts[sources->nparts++] = (MoneyPart)
	{
		payment_id, amount
	};
}

/*
 * Follow a piece of a note back.  A note is older than the payment that brings its money
 * elsewhere; where it is not, somebody has changed the ledger past its guards, and
 * we would go in circles.
 */
static void
follow_back(const MoneyFlow *flow, const Piece *note, Pieces *notes, Sources *sources)
{
	int64		offset = 0;

	for (int64 i = flow->ntakes - 1; i >= 0; i--)
	{
		const FlowPiece *taken = &flow->takes[i];
		int64		from = offset;
		int64		to = offset + (taken->to - taken->from);
		int64		shift = taken->from - offset;

		if (taken->out->payment_id != note->id)
			continue;
		offset = to;
		if (!overlap(&from, &to, note->from, note->to))
			continue;
		if (taken->in->credit_note_id == 0 || taken->in->credit_note_id >= note->id)
			add_source(sources, taken->in->payment_id, to - from);
		else
			add_piece(notes, (Piece)
					  {
						  .id = taken->in->credit_note_id, .from = from + shift, .to = to + shift
					  });
	}
}

/*
 * note_sources
 *		How much of a note's money each payment from outside has brought, by their ids.
 */
MoneyPart *
note_sources(Provenance *provenance, int64 credit_note_id, int *nsources)
{
	Pieces		notes = begin_pieces((Piece)
									 {
										 .id = credit_note_id, .from = 0, .to = PG_INT64_MAX
									 });
	Sources		sources = {0};
	int64		n = 0;

	while (notes.npieces > 0)
	{
		Piece		note = notes.pieces[--notes.npieces];
		PaymentRow	made;

		if (row_payment(provenance->ledger, note.id, &made))
			follow_back(flow_of(provenance, made.invoice_id), &note, &notes, &sources);
	}
	qsort(sources.parts, sources.nparts, sizeof(MoneyPart), compare_int8);
	for (int64 i = 0; i < sources.nparts; i++)
	{
		if (n > 0 && sources.parts[n - 1].payment_id == sources.parts[i].payment_id)
			sources.parts[n - 1].amount += sources.parts[i].amount;
		else
			sources.parts[n++] = sources.parts[i];
	}
	*nsources = (int) n;
	return sources.parts;
}

/* ---- where a payment's money is now ---- */

typedef struct Places
{
	MoneyPlace *places;
	int64		nplaces;
} Places;

static void
add_place(Places *places, MoneyPlace place)
{
	places->places = room_for_one(places->places, places->nplaces, sizeof(MoneyPlace));
	places->places[places->nplaces++] = place;
}

/* A piece of a note's money: on to the next invoice, or here. */
static void
follow_note(Provenance *provenance, const Piece *note, Pieces *payments, Places *places)
{
	NoteFate	fate = row_note_fate(provenance->ledger, note->id);
	MoneyPlace	place = {
		.kind = fate.refund_id != 0 ? PLACE_REFUND : PLACE_CREDIT_NOTE,
		.amount = note->to - note->from,
		.credit_note_id = note->id,
		.refund_id = fate.refund_id
	};

	/* See follow_back(). */
	if (fate.payment_id > note->id)
		add_piece(payments, (Piece)
				  {
					  fate.payment_id, fate.invoice_id, note->from, note->to
				  });
	else
		add_place(places, place);
}

/* Where in the money of a note what was taken begins. */
static int64
offset_in_note(const MoneyFlow *flow, int64 number)
{
	int64		offset = 0;

	for (int64 i = flow->ntakes - 1; i > number; i--)
		if (flow->takes[i].out == flow->takes[number].out)
			offset += flow->takes[i].to - flow->takes[i].from;
	return offset;
}

/* As far as a piece of a payment is on the invoice still. */
static void
add_kept_places(const MoneyFlow *flow, const Piece *payment, Places *places)
{
	for (int64 i = 0; i < flow->nkept; i++)
	{
		const FlowPiece *kept = &flow->kept[i];
		int64		from = kept->from;
		int64		to = kept->to;

		if (kept->in->payment_id == payment->id &&
			overlap(&from, &to, payment->from, payment->to))
			add_place(places, (MoneyPlace)
					  {
						  .kind = PLACE_INVOICE, .amount = to - from, .invoice_id = flow->invoice_id
					  });
	}
}

/* Follow a piece of a payment on, as far as it has left the invoice. */
static void
follow_on(Provenance *provenance, const MoneyFlow *flow, const Piece *payment,
		  Pieces *payments, Places *places)
{
	for (int64 i = 0; i < flow->ntakes; i++)
	{
		const FlowPiece *taken = &flow->takes[i];
		int64		from = taken->from;
		int64		to = taken->to;

		if (taken->in->payment_id != payment->id ||
			!overlap(&from, &to, payment->from, payment->to))
			continue;
		if (taken->out->kind == PAYMENT_CREDIT_NOTE)
		{
			int64		shift = offset_in_note(flow, i) - taken->from;

			follow_note(provenance, &(Piece)
						{
							.id = taken->out->payment_id, .from = from + shift, .to = to + shift
						}, payments, places);
		}
		else
			add_place(places, (MoneyPlace)
					  {
						  .kind = taken->out->kind == PAYMENT_REVERSAL ? PLACE_REVERSED : PLACE_REFUND,
						  .amount = to - from,
						  .invoice_id = flow->invoice_id
					  });
	}
}

static int
compare_ids(int64 left, int64 right)
{
	return left < right ? -1 : left > right;
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
	Pieces		payments = begin_pieces((Piece)
										{
											payment->payment_id, payment->invoice_id, 0, payment->amount
										});
	Places		places = {0};
	int64		n = 0;

	while (payments.npieces > 0)
	{
		Piece		piece = payments.pieces[--payments.npieces];
		const MoneyFlow *flow = flow_of(provenance, piece.invoice_id);

		add_kept_places(flow, &piece, &places);
		follow_on(provenance, flow, &piece, &payments, &places);
	}
	qsort(places.places, places.nplaces, sizeof(MoneyPlace), compare_places);
	for (int64 i = 0; i < places.nplaces; i++)
	{
		if (n > 0 && compare_places(&places.places[n - 1], &places.places[i]) == 0)
			places.places[n - 1].amount += places.places[i].amount;
		else
			places.places[n++] = places.places[i];
	}
	*nplaces = (int) n;
	return places.places;
}
