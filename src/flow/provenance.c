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

/* A negative payment of which some is still to be taken of what comes later. */
typedef struct OpenOut
{
	const FlowRow *out;
	int64		missing;
} OpenOut;

/* A piece of a note that is followed back. */
typedef struct NotePiece
{
	int64		note_id;
	Span		span;
	int64		shift;			/* to where it is in the note that was asked for */
} NotePiece;

/* A piece of the note that was asked for, and the payment that brought it. */
typedef struct SourcePiece
{
	int64		payment_id;
	Span		span;
} SourcePiece;

typedef struct BackTrace
{
	NotePiece  *notes;			/* yet to be followed */
	int64		nnotes;
	SourcePiece *sources;
	int64		nsources;
} BackTrace;

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

/* span_overlap: what two have in common; false for nothing. */
bool
span_overlap(Span *span, const Span *other)
{
	span->from = Max(span->from, other->from);
	span->to = Min(span->to, other->to);
	return span->from < span->to;
}

/* ---- a note, followed back ---- */

static void
add_note(BackTrace *trace, NotePiece note)
{
	trace->notes = room_for_one(trace->notes, trace->nnotes, sizeof(NotePiece));
	trace->notes[trace->nnotes++] = note;
}

static void
add_source(BackTrace *trace, SourcePiece source)
{
	trace->sources = room_for_one(trace->sources, trace->nsources, sizeof(SourcePiece));
	trace->sources[trace->nsources++] = source;
}

/*
 * Follow a piece of a note back to the payments of its invoice.  A note is older than the
 * payment that brings its money elsewhere; where it is not, somebody has changed the
 * ledger past its guards, and we would go in circles.
 */
static void
follow_back(const MoneyFlow *flow, const NotePiece *note, BackTrace *trace)
{
	int64		offset = 0;

	for (int64 i = flow->ntakes - 1; i >= 0; i--)
	{
		const FlowTake *take = &flow->takes[i];
		Span		span = {offset, offset + (take->span.to - take->span.from)};
		int64		shift = take->span.from - offset;	/* from the note to the payment */

		if (take->out->payment_id != note->note_id)
			continue;
		offset = span.to;
		if (!span_overlap(&span, &note->span))
			continue;
		if (!take->in->has_note || take->in->credit_note_id >= note->note_id)
			add_source(trace, (SourcePiece)
					   {
						   take->in->payment_id, {span.from + note->shift, span.to + note->shift}
					   });
		else
			add_note(trace, (NotePiece)
					 {
						 take->in->credit_note_id, {span.from + shift, span.to + shift},
						 note->shift - shift
					 });
	}
}

static BackTrace
begin_trace(int64 credit_note_id)
{
	BackTrace	trace = {0};

	add_note(&trace, (NotePiece)
			 {
				 credit_note_id, {0, PG_INT64_MAX}, 0
			 });
	return trace;
}

/* All of a note, followed back to payments from outside. */
static BackTrace
trace_back(Provenance *provenance, int64 credit_note_id)
{
	BackTrace	trace = begin_trace(credit_note_id);

	while (trace.nnotes > 0)
	{
		NotePiece	note = trace.notes[--trace.nnotes];
		PaymentRow	made;

		CHECK_FOR_INTERRUPTS();
		if (row_payment(provenance->ledger, note.note_id, &made))
			follow_back(money_flow(provenance, made.invoice_id), &note, &trace);
	}
	return trace;
}

/* The same as far as the invoice's own notes go, which is being replayed. */
static BackTrace
trace_within(const MoneyFlow *flow, int64 credit_note_id)
{
	BackTrace	trace = begin_trace(credit_note_id);

	while (trace.nnotes > 0)
	{
		NotePiece	note = trace.notes[--trace.nnotes];

		follow_back(flow, &note, &trace);
	}
	return trace;
}

/*
 * note_sources
 *		How much of a note's money each payment from outside has brought, by their ids.
 */
MoneyPart *
note_sources(Provenance *provenance, int64 credit_note_id, int *nsources)
{
	BackTrace	trace = trace_back(provenance, credit_note_id);
	MoneyPart  *parts = palloc(Max(trace.nsources, 1) * sizeof(MoneyPart));

	*nsources = 0;
	qsort(trace.sources, trace.nsources, sizeof(SourcePiece), compare_int8);
	for (int64 i = 0; i < trace.nsources; i++)
	{
		const SourcePiece *source = &trace.sources[i];

		if (*nsources == 0 || parts[*nsources - 1].payment_id != source->payment_id)
			parts[(*nsources)++] = (MoneyPart)
		{
			.payment_id = source->payment_id
		};
		parts[*nsources - 1].amount += source->span.to - source->span.from;
	}
	return parts;
}

/* ---- an invoice, replayed ---- */

/* Take one of the spans of what is left out, but for what is below and above this part. */
static void
cut(FlowIn *in, int number, const Span *part)
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

/* Take what is missing of what is left of a payment within a span, as far as there is. */
static void
take(MoneyFlow *flow, const FlowRow *out, FlowIn *in, const Span *within, int64 *missing)
{
	for (int i = in->nleft - 1; i >= 0 && *missing > 0; i--)
	{
		Span		span = in->left[i];

		if (!span_overlap(&span, within))
			continue;
		span.from = Max(span.from, span.to - *missing);
		flow->takes = room_for_one(flow->takes, flow->ntakes, sizeof(FlowTake));
		flow->takes[flow->ntakes++] = (FlowTake)
		{
			out, in, span
		};
		*missing -= span.to - span.from;
		cut(in, i, &span);
	}
}

static const Span everything = {0, PG_INT64_MAX};

/*
 * Take the money of the payment that is reversed, also where the invoice's own notes have
 * brought it back.  By way of another invoice it does not come back: once money has left
 * an invoice, nothing but a reversal, or the failure of a refund, puts a note on it.
 */
static void
take_reversed(MoneyFlow *flow, const FlowRow *out, int64 *missing)
{
	for (int i = flow->nins - 1; i >= 0 && *missing > 0; i--)
	{
		FlowIn	   *in = &flow->ins[i];
		BackTrace	trace;

		if (in->payment_id == out->reversed_id)
			take(flow, out, in, &everything, missing);
		if (in->nleft == 0 || !in->has_note || in->credit_note_id >= out->payment_id)
			continue;
		trace = trace_within(flow, in->credit_note_id);
		for (int64 j = 0; j < trace.nsources; j++)
			if (trace.sources[j].payment_id == out->reversed_id)
				take(flow, out, in, &trace.sources[j].span, missing);
	}
}

static void
replay_out(MoneyFlow *flow, const FlowRow *out)
{
	int64		missing = -out->amount;

	if (out->has_reversed)
		take_reversed(flow, out, &missing);
	while (missing > 0 && flow->depth > 0)
	{
		FlowIn	   *in = &flow->ins[flow->stack[flow->depth - 1]];

		take(flow, out, in, &everything, &missing);
		if (in->nleft == 0)
			flow->depth--;
	}
	if (missing == 0)
		return;

	/* Of two that came at once, the later one may have the lower id. */
	flow->open = room_for_one(flow->open, flow->nopen, sizeof(OpenOut));
	flow->open[flow->nopen++] = (OpenOut)
	{
		out, missing
	};
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
	while (in->nleft > 0 && flow->first_open < flow->nopen)
	{
		OpenOut    *open = &flow->open[flow->first_open];

		take(flow, open->out, in, &everything, &open->missing);
		if (open->missing == 0)
			flow->first_open++;
	}
	flow->stack[flow->depth++] = flow->nins++;
}

static void
replay(Ledger *ledger, int64 invoice_id, MoneyFlow *flow)
{
	int			nrows;
	FlowRow    *rows = row_invoice_flow(ledger, invoice_id, &nrows);

	*flow = (MoneyFlow)
	{
		.invoice_id = invoice_id,
		.ins = MemoryContextAllocHuge(CurrentMemoryContext, Max(nrows, 1) * sizeof(FlowIn)),
		.stack = MemoryContextAllocHuge(CurrentMemoryContext, Max(nrows, 1) * sizeof(int))
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
