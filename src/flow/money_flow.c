/*
 * money_flow.c
 *	  Whose money left an invoice with which of its negative payments: the last that
 *	  came in leaves first, but a reversal takes the money of the payment that it
 *	  reverses before any other.
 *
 * That follows from the invoice's payments alone, in the order of their ids; nothing of
 * it is stored.  What a payment brought and what left the invoice as a credit note comes
 * back to it only by that note, when a refund fails or a reversal takes the note back: no
 * note is put on an invoice that is paid or closed.  Spec section 10.
 */
#include "postgres.h"

#include "miscadmin.h"
#include "utils/memutils.h"

#include "base/array.h"
#include "flow/money_flow.h"

/* A negative payment of which some is still to be taken of what comes later. */
typedef struct OpenOut
{
	const FlowRow *out;
	int64		missing;
} OpenOut;

typedef struct Replay
{
	FlowIn	   *ins;
	int			nins;
	FlowPiece  *kept;
	int64		nkept;
	FlowPiece  *takes;
	int64		ntakes;
	OpenOut    *open;
	int64		nopen;
	int64		first_open;
} Replay;

/* Some of what is kept: money of one payment, or of a note that may have some of it. */
typedef struct OwnPiece
{
	int64		from;			/* first, to be sorted by */
	int64		to;
	int64		credit_note_id; /* of the note, or 0 */
	int64		shift;			/* how much of what is kept is below the note's money */
} OwnPiece;

typedef struct OwnPieces
{
	OwnPiece   *pieces;
	int64		npieces;
} OwnPieces;

/* overlap: what two pieces have in common; false for nothing. */
bool
overlap(int64 *from, int64 *to, int64 other_from, int64 other_to)
{
	*from = Max(*from, other_from);
	*to = Min(*to, other_to);
	return *from < *to;
}

/* ---- the money of one payment ---- */

static void
add_own(OwnPieces *own, OwnPiece piece)
{
	own->pieces = room_for_one(own->pieces, own->npieces, sizeof(OwnPiece));
	own->pieces[own->npieces++] = piece;
}

/*
 * Look at a part of what came in, which is shift further up in what is kept: it is the
 * payment's own, or a note's that may have some of it.
 */
static void
look_at_in(const FlowIn *in, int64 payment_id, int64 from, int64 to, int64 shift,
		   OwnPieces *own, OwnPieces *notes)
{
	OwnPiece	piece = {from + shift, to + shift, in->credit_note_id, shift};

	if (from == to)
		return;
	if (in->payment_id == payment_id)
		add_own(own, piece);
	else if (in->credit_note_id > payment_id && in->credit_note_id < in->payment_id)
		add_own(notes, piece);
}

/* Look at what of the invoice's money a note took, if it is this invoice's. */
static void
look_at_note(const Replay *replay, int64 payment_id, const OwnPiece *note, OwnPieces *own,
			 OwnPieces *notes)
{
	int64		offset = note->shift;

	for (int64 i = replay->ntakes - 1; i >= 0; i--)
	{
		const FlowPiece *taken = &replay->takes[i];
		int64		shift = offset - taken->from;
		int64		from = offset;
		int64		to = offset + (taken->to - taken->from);

		if (taken->out->payment_id != note->credit_note_id)
			continue;
		offset = to;
		if (overlap(&from, &to, note->from, note->to))
			look_at_in(taken->in, payment_id, from - shift, to - shift, shift, own, notes);
	}
}

/* What of a piece that is kept a payment has brought, in its order. */
static OwnPieces
find_own(const Replay *replay, const FlowPiece *kept, int64 payment_id)
{
	OwnPieces	own = {0};
	OwnPieces	notes = {0};

	look_at_in(kept->in, payment_id, kept->from, kept->to, 0, &own, &notes);
	while (notes.npieces > 0)
	{
		OwnPiece	note = notes.pieces[--notes.npieces];

		CHECK_FOR_INTERRUPTS();
		look_at_note(replay, payment_id, &note, &own, &notes);
	}
	if (own.npieces > 1)
		qsort(own.pieces, own.npieces, sizeof(OwnPiece), compare_int8);
	return own;
}

/* ---- one payment after the other ---- */

static void
add_take(Replay *replay, FlowPiece piece)
{
	replay->takes = room_for_one(replay->takes, replay->ntakes, sizeof(FlowPiece));
	replay->takes[replay->ntakes++] = piece;
}

static void
add_kept(Replay *replay, FlowPiece piece)
{
	replay->kept = room_for_one(replay->kept, replay->nkept, sizeof(FlowPiece));
	replay->kept[replay->nkept++] = piece;
}

/* Take a part out of what is kept; nothing may remain of that. */
static void
cut_kept(Replay *replay, int64 number, int64 from, int64 to)
{
	FlowPiece  *kept = &replay->kept[number];
	FlowPiece	above = {.in = kept->in, .from = to, .to = kept->to};

	kept->to = from;
	if (above.from == above.to)
		return;
	add_kept(replay, above);
	memmove(&replay->kept[number + 2], &replay->kept[number + 1],
			(replay->nkept - number - 2) * sizeof(FlowPiece));
	replay->kept[number + 1] = above;
}

/* Take what the payment that is reversed has brought, the last that came in first. */
static void
take_own(Replay *replay, const FlowRow *out, int64 *missing)
{
	for (int64 i = replay->nkept - 1; i >= 0 && *missing > 0; i--)
	{
		const FlowIn *in = replay->kept[i].in;
		OwnPieces	own = find_own(replay, &replay->kept[i], out->reversed_id);

		for (int64 j = own.npieces - 1; j >= 0 && *missing > 0; j--)
		{
			int64		to = own.pieces[j].to;
			int64		from = Max(own.pieces[j].from, to - *missing);

			add_take(replay, (FlowPiece)
					 {
						 out, in, from, to
					 });
			cut_kept(replay, i, from, to);
			*missing -= to - from;
		}
	}
}

/* Take what came in last; open is what is to be taken of what comes later. */
static void
take_last(Replay *replay, const FlowRow *out, int64 *missing)
{
	while (*missing > 0 && replay->nkept > 0)
	{
		FlowPiece  *kept = &replay->kept[replay->nkept - 1];
		int64		from = Max(kept->from, kept->to - *missing);

		if (from < kept->to)
			add_take(replay, (FlowPiece)
					 {
						 out, kept->in, from, kept->to
					 });
		*missing -= kept->to - from;
		kept->to = from;
		if (kept->from == kept->to)
			replay->nkept--;
	}
}

static void
replay_out(Replay *replay, const FlowRow *out)
{
	int64		missing = -out->amount;

	if (out->reversed_id != 0)
		take_own(replay, out, &missing);
	take_last(replay, out, &missing);
	if (missing == 0)
		return;

	/* Of two that came at once, the later one may have the lower id. */
	replay->open = room_for_one(replay->open, replay->nopen, sizeof(OpenOut));
	replay->open[replay->nopen++] = (OpenOut)
	{
		out, missing
	};
}

static void
replay_in(Replay *replay, const FlowRow *row)
{
	FlowIn	   *in = &replay->ins[replay->nins++];

	*in = (FlowIn)
	{
		.payment_id = row->payment_id,
		.credit_note_id = row->credit_note_id
	};
	add_kept(replay, (FlowPiece)
			 {
				 .in = in, .from = 0, .to = row->amount
			 });
	while (replay->first_open < replay->nopen)
	{
		OpenOut    *open = &replay->open[replay->first_open];

		take_last(replay, open->out, &open->missing);
		if (open->missing > 0)
			break;
		replay->first_open++;
	}
}

/* find_money_flow: in the current memory context. */
void
find_money_flow(Ledger *ledger, int64 invoice_id, MoneyFlow *flow)
{
	int			nrows;
	FlowRow    *rows = row_invoice_flow(ledger, invoice_id, &nrows);
	Replay		replay = {
		.ins = MemoryContextAllocHuge(CurrentMemoryContext, Max(nrows, 1) * sizeof(FlowIn))
	};

	for (int i = 0; i < nrows; i++)
	{
		CHECK_FOR_INTERRUPTS();
		if (rows[i].amount > 0)
			replay_in(&replay, &rows[i]);
		else
			replay_out(&replay, &rows[i]);
	}
	*flow = (MoneyFlow)
	{
		invoice_id, replay.kept, replay.nkept, replay.takes, replay.ntakes
	};
}
