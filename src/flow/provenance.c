/*
 * provenance.c
 *	  Whose money left an invoice with which of its negative payments, and so where a
 *	  credit note's money came from.
 *
 * An invoice is replayed, payment by payment in the order of their ids: the last money
 * that came in leaves first, but a reversal takes the money of the payment that it
 * reverses before any other.  A note that is put on an invoice keeps the order of its
 * money, so that there, too, what came in last leaves first.
 *
 * Nothing of this is stored.  Spec section 10.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/array.h"
#include "flow/provenance.h"
#include "rows/payment_rows.h"

/* A piece of a payment that is reversed: on its invoice, or in a note that has left it. */
typedef struct ReversedPiece
{
	FlowIn	   *in;
	FlowOut    *note;			/* or NULL */
	Span		span;
} ReversedPiece;

typedef struct FateEntry
{
	int64		credit_note_id; /* hash key */
	NoteFate	fate;
} FateEntry;

static const Span everything = {0, PG_INT64_MAX};

static HTAB *
new_hash(const char *name, Size size)
{
	HASHCTL		control = {
		.keysize = sizeof(int64),
		.entrysize = size,
		.hcxt = CurrentMemoryContext
	};

	return hash_create(name, 16, &control, HASH_ELEM | HASH_BLOBS | HASH_CONTEXT);
}

/* begin_provenance: in the current memory context. */
void
begin_provenance(Provenance *provenance, Ledger *ledger)
{
	provenance->ledger = ledger;
	provenance->flows = new_hash("regpaydb money flows", sizeof(MoneyFlow));
	provenance->fates = new_hash("regpaydb note fates", sizeof(FateEntry));
}

/* note_fate: where a note went, looked up once. */
const NoteFate *
note_fate(Provenance *provenance, int64 credit_note_id)
{
	bool		found;
	FateEntry  *entry = hash_search(provenance->fates, &credit_note_id, HASH_ENTER, &found);

	if (!found)
		entry->fate = row_note_fate(provenance->ledger, credit_note_id);
	return &entry->fate;
}

/* ---- what is searched by amounts ---- */

/*
 * first_take
 *		The number of the first take, from the highest on, that may have some of a span,
 *		of the payment that brought it, or by_place of what was taken off.
 */
int64
first_take(const FlowTakes *takes, const Span *span, bool by_place)
{
	int64		low = 0;
	int64		high = takes->ntakes;

	while (low < high)
	{
		int64		middle = low + (high - low) / 2;
		const FlowTake *take = takes->takes[middle];

		if ((by_place ? take->place.from : take->span.from) < span->to)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* left_below: how many spans of what is left begin below an amount. */
int64
left_below(const FlowIn *in, int64 amount)
{
	int64		low = 0;
	int64		high = in->nleft;

	while (low < high)
	{
		int64		middle = low + (high - low) / 2;

		if (in->left[middle].from < amount)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

/* ---- a note, followed back ---- */

/*
 * Follow a piece of a note back to the payments of its invoice; those from outside are
 * added to parts.  A note is older than the payment that brings its money elsewhere;
 * where it is not, somebody has changed the ledger past its guards, and we would go in
 * circles.
 */
static MoneyPart *
follow_back(const MoneyFlow *flow, const MoneyPiece *note, MoneyPieces *pieces, MoneyPart *parts,
			int64 *nparts)
{
	const FlowOut *out = bsearch(&note->id, flow->outs, flow->nouts, sizeof(FlowOut),
								 compare_int8);

	if (out == NULL)
		return parts;
	for (int64 i = first_take(&out->took, &note->span, true); i < out->took.ntakes; i++)
	{
		const FlowTake *take = out->took.takes[i];
		int64		shift = take->span.from - take->place.from; /* to the payment */
		Span		span = take->place;

		if (!span_overlap(&span, &note->span))
			break;
		if (take->in->has_note && take->in->credit_note_id < note->id)
		{
			add_piece(pieces, take->in->credit_note_id, 0, (Span)
					  {
						  span.from + shift, span.to + shift
					  });
			continue;
		}
		parts = room_for_one(parts, *nparts, sizeof(MoneyPart));
		parts[(*nparts)++] = (MoneyPart)
		{
			.payment_id = take->in->payment_id, .amount = span.to - span.from
		};
	}
	return parts;
}

/* All of a note, followed back to payments from outside. */
static MoneyPart *
trace_back(Provenance *provenance, int64 credit_note_id, int64 *nparts)
{
	MoneyPart  *parts = room_for_one(NULL, 0, sizeof(MoneyPart));
	MoneyPieces pieces;
	MoneyPiece	note;
	int64		looked_up = 0;
	const MoneyFlow *flow = NULL;
	PaymentRow	made;

	*nparts = 0;
	begin_pieces(&pieces, true);
	add_piece(&pieces, credit_note_id, 0, everything);
	while (next_piece(&pieces, &note))
	{
		/* The pieces of one note come together. */
		if (flow == NULL || note.id != looked_up)
			flow = row_payment(provenance->ledger, note.id, &made) ?
				money_flow(provenance, made.invoice_id) : NULL;
		looked_up = note.id;
		if (flow != NULL)
			parts = follow_back(flow, &note, &pieces, parts, nparts);
	}
	return parts;
}

/*
 * note_sources
 *		How much of a note's money each payment from outside has brought, by their ids.
 */
MoneyPart *
note_sources(Provenance *provenance, int64 credit_note_id, int *nsources)
{
	int64		nparts;
	MoneyPart  *parts = trace_back(provenance, credit_note_id, &nparts);

	*nsources = 0;
	qsort(parts, nparts, sizeof(MoneyPart), compare_int8);
	for (int64 i = 0; i < nparts; i++)
	{
		if (*nsources > 0 && parts[*nsources - 1].payment_id == parts[i].payment_id)
			parts[*nsources - 1].amount += parts[i].amount;
		else
			parts[(*nsources)++] = parts[i];
	}
	return parts;
}

/* ---- an invoice, replayed ---- */

/* Take one of the spans of what is left out, but for what is below and above this part. */
static void
cut(FlowIn *in, int64 number, const Span *part)
{
	Span		whole = in->left[number];
	Span		rest[2];
	int			nrest = 0;

	if (whole.from < part->from)
		rest[nrest++] = (Span)
	{
		whole.from, part->from
	};
	if (part->to < whole.to)
		rest[nrest++] = (Span)
	{
		part->to, whole.to
	};
	in->left = room_for_one(in->left, in->nleft, sizeof(Span));
	memmove(in->left + number + nrest, in->left + number + 1,
			(in->nleft - number - 1) * sizeof(Span));
	memcpy(in->left + number, rest, nrest * sizeof(Span));
	in->nleft += nrest - 1;
}

static void
insert_take(FlowTakes *takes, FlowTake *take, bool by_place)
{
	int64		number = first_take(takes, by_place ? &take->place : &take->span, by_place);

	takes->takes = room_for_one(takes->takes, takes->ntakes, sizeof(FlowTake *));
	memmove(takes->takes + number + 1, takes->takes + number,
			(takes->ntakes - number) * sizeof(FlowTake *));
	takes->takes[number] = take;
	takes->ntakes++;
}

/* What a payment takes off is taken from its top. */
static void
add_take(FlowOut *out, FlowIn *in, const Span *span)
{
	FlowTake   *take = palloc(sizeof(FlowTake));
	int64		amount = span->to - span->from;

	*take = (FlowTake)
	{
		out, in, *span, {out->missing - amount, out->missing}
	};
	insert_take(&in->taken, take, false);
	insert_take(&out->took, take, true);
	out->missing -= amount;
}

/* Take what is missing of what is left of a payment within a span, as far as there is. */
static void
take(FlowOut *out, FlowIn *in, const Span *within)
{
	for (int64 i = left_below(in, within->to) - 1; i >= 0 && out->missing > 0; i--)
	{
		Span		span = in->left[i];

		if (!span_overlap(&span, within))
			break;
		span.from = Max(span.from, span.to - out->missing);
		add_take(out, in, &span);
		cut(in, i, &span);
	}
}

static void
keep_piece(FlowIn *reversed, ReversedPiece piece)
{
	reversed->pieces = room_for_one(reversed->pieces, reversed->npieces, sizeof(ReversedPiece));
	reversed->pieces[reversed->npieces++] = piece;
}

/*
 * Follow a piece of a payment that is reversed through the invoice's own notes to where
 * it is now.  As in follow_back(), notes only get newer.
 */
static void
carry_piece(FlowIn *reversed, FlowIn *in, const Span *piece, MoneyPieces *pieces)
{
	for (int64 i = Max(left_below(in, piece->from) - 1, 0); i < in->nleft; i++)
	{
		Span		span = in->left[i];

		if (span.from >= piece->to)
			break;
		if (span_overlap(&span, piece))
			keep_piece(reversed, (ReversedPiece)
					   {
						   in, NULL, span
					   });
	}
	for (int64 i = first_take(&in->taken, piece, false); i < in->taken.ntakes; i++)
	{
		const FlowTake *take = in->taken.takes[i];
		FlowOut    *out = take->out;
		int64		shift = take->place.from - take->span.from; /* to the note */
		Span		span = take->span;

		if (!span_overlap(&span, piece))
			break;
		if (out->row->kind != PAYMENT_CREDIT_NOTE ||
			(in->has_note && in->credit_note_id >= out->payment_id))
			continue;
		span = (Span)
		{
			span.from + shift, span.to + shift
		};
		if (out->back != NULL)
			add_piece(pieces, out->back->payment_id, 0, span);
		else
			keep_piece(reversed, (ReversedPiece)
					   {
						   NULL, out, span
					   });
	}
}

static FlowIn *
find_in(const MoneyFlow *flow, int64 payment_id)
{
	return bsearch(&payment_id, flow->ins, flow->nins, sizeof(FlowIn), compare_int8);
}

/*
 * Find out where a payment's money is, from where it was when it was reversed last: from
 * the beginning, reversals in many parts would each go all the way.
 */
static void
carry_on(MoneyFlow *flow, FlowIn *reversed)
{
	ReversedPiece *before = reversed->pieces;
	int64		nbefore = reversed->npieces;
	MoneyPieces pieces;
	MoneyPiece	piece;

	begin_pieces(&pieces, false);
	if (before == NULL)
		add_piece(&pieces, reversed->payment_id, 0, everything);
	reversed->pieces = room_for_one(NULL, 0, sizeof(ReversedPiece));
	reversed->npieces = 0;
	for (int64 i = 0; i < nbefore; i++)
	{
		if (before[i].note == NULL)
			add_piece(&pieces, before[i].in->payment_id, 0, before[i].span);
		else if (before[i].note->back != NULL)
			add_piece(&pieces, before[i].note->back->payment_id, 0, before[i].span);
		else
			keep_piece(reversed, before[i]);
	}
	while (next_piece(&pieces, &piece))
		carry_piece(reversed, find_in(flow, piece.id), &piece.span, &pieces);
	if (before != NULL)
		pfree(before);
}

/*
 * Take the money of the payment that is reversed, what came in last first, also where the
 * invoice's own notes have brought it back.  By way of another invoice it does not come
 * back: once money has left an invoice, nothing but a reversal, or the failure of a
 * refund, puts a note on it.
 */
static void
take_reversed(MoneyFlow *flow, FlowOut *out)
{
	FlowIn	   *reversed = find_in(flow, out->row->reversed_id);

	if (reversed == NULL)
		return;
	carry_on(flow, reversed);
	for (int64 i = reversed->npieces - 1; i >= 0 && out->missing > 0; i--)
		if (reversed->pieces[i].note == NULL)
			take(out, reversed->pieces[i].in, &reversed->pieces[i].span);
}

static void
replay_out(MoneyFlow *flow, const FlowRow *row)
{
	FlowOut    *out = &flow->outs[flow->nouts++];

	*out = (FlowOut)
	{
		.payment_id = row->payment_id, .row = row, .missing = -row->amount
	};
	if (row->has_reversed)
		take_reversed(flow, out);
	while (out->missing > 0 && flow->depth > 0)
	{
		FlowIn	   *in = &flow->ins[flow->stack[flow->depth - 1]];

		take(out, in, &everything);
		if (in->nleft == 0)
			flow->depth--;
	}
	if (out->missing == 0)
		return;

	/* Of two that came at once, the later one may have the lower id. */
	flow->open = room_for_one(flow->open, flow->nopen, sizeof(FlowOut *));
	flow->open[flow->nopen++] = out;
}

/* A note of the invoice's own is there again. */
static void
note_is_back(MoneyFlow *flow, FlowIn *in)
{
	FlowOut    *note = bsearch(&in->credit_note_id, flow->outs, flow->nouts, sizeof(FlowOut),
							   compare_int8);

	if (note != NULL && note->back == NULL)
		note->back = in;
}

static void
replay_in(MoneyFlow *flow, const FlowRow *row)
{
	FlowIn	   *in = &flow->ins[flow->nins];

	*in = (FlowIn)
	{
		.payment_id = row->payment_id,
		.has_note = row->has_note,
		.credit_note_id = row->credit_note_id,
		.left = room_for_one(NULL, 0, sizeof(Span)),
		.nleft = 1
	};
	in->left[0] = (Span)
	{
		0, row->amount
	};
	if (in->has_note)
		note_is_back(flow, in);
	while (in->nleft > 0 && flow->first_open < flow->nopen)
	{
		FlowOut    *open = flow->open[flow->first_open];

		take(open, in, &everything);
		if (open->missing == 0)
			flow->first_open++;
	}
	flow->stack[flow->depth++] = flow->nins++;
}

static void *
room_for(int64 n, Size size)
{
	return MemoryContextAllocHuge(CurrentMemoryContext, Max(n, 1) * size);
}

static void
replay(Ledger *ledger, int64 invoice_id, MoneyFlow *flow)
{
	int			nrows;
	FlowRow    *rows = row_invoice_flow(ledger, invoice_id, &nrows);

	*flow = (MoneyFlow)
	{
		.invoice_id = invoice_id,
		.ins = room_for(nrows, sizeof(FlowIn)),
		.outs = room_for(nrows, sizeof(FlowOut)),
		.stack = room_for(nrows, sizeof(int64))
	};
	for (int i = 0; i < nrows; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (rows[i].amount > 0)
			replay_in(flow, &rows[i]);
		else
			replay_out(flow, &rows[i]);
	}
}

/* money_flow: an invoice, replayed once. */
const MoneyFlow *
money_flow(Provenance *provenance, int64 invoice_id)
{
	bool		found;
	MoneyFlow  *flow = hash_search(provenance->flows, &invoice_id, HASH_ENTER, &found);

	if (!found)
		replay(provenance->ledger, invoice_id, flow);
	return flow;
}
