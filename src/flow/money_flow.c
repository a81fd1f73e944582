/*
 * money_flow.c
 *	  Whose money left an invoice with which of its negative payments: the last that
 *	  came in leaves first, but a reversal takes the money of the payment that it
 *	  reverses before any other.
 *
 * That follows from the invoice's payments alone, in the order of their ids; nothing of
 * it is stored.  Spec section 10.
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
	int		   *stack;			/* the numbers of those that may have something left */
	int			depth;
	FlowTake   *takes;
	int64		ntakes;
	OpenOut    *open;
	int64		nopen;
	int64		first_open;
} Replay;

/* flow_in: the payment of this id that brought money to the invoice, or NULL. */
const FlowIn *
flow_in(const MoneyFlow *flow, int64 payment_id)
{
	FlowIn		key = {.payment_id = payment_id};

	return bsearch(&key, flow->ins, flow->nins, sizeof(FlowIn), compare_int8);
}

static void
take(Replay *replay, const FlowRow *out, FlowIn *in, int64 *missing)
{
	int64		amount = Min(in->left, *missing);

	if (amount == 0)
		return;
	replay->takes = room_for_one(replay->takes, replay->ntakes, sizeof(FlowTake));
	replay->takes[replay->ntakes++] = (FlowTake)
	{
		out, in, in->left - amount, in->left
	};
	in->left -= amount;
	*missing -= amount;
}

static void
replay_out(Replay *replay, const FlowRow *out)
{
	int64		missing = -out->amount;
	FlowIn		key = {.payment_id = out->reversed_id};
	FlowIn	   *reversed = !out->has_reversed ? NULL :
		bsearch(&key, replay->ins, replay->nins, sizeof(FlowIn), compare_int8);

	if (reversed != NULL)
		take(replay, out, reversed, &missing);
	while (missing > 0 && replay->depth > 0)
	{
		FlowIn	   *in = &replay->ins[replay->stack[replay->depth - 1]];

		take(replay, out, in, &missing);
		if (in->left == 0)
			replay->depth--;
	}
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
	FlowIn	   *in = &replay->ins[replay->nins];

	*in = (FlowIn)
	{
		.payment_id = row->payment_id,
		.has_note = row->has_note,
		.credit_note_id = row->credit_note_id,
		.left = row->amount
	};
	while (in->left > 0 && replay->first_open < replay->nopen)
	{
		OpenOut    *open = &replay->open[replay->first_open];

		take(replay, open->out, in, &open->missing);
		if (open->missing == 0)
			replay->first_open++;
	}
	replay->stack[replay->depth++] = replay->nins++;
}

/* find_money_flow: in the current memory context. */
void
find_money_flow(Ledger *ledger, int64 invoice_id, MoneyFlow *flow)
{
	int			nrows;
	FlowRow    *rows = row_invoice_flow(ledger, invoice_id, &nrows);
	Replay		replay = {
		.ins = MemoryContextAllocHuge(CurrentMemoryContext, Max(nrows, 1) * sizeof(FlowIn)),
		.stack = MemoryContextAllocHuge(CurrentMemoryContext, Max(nrows, 1) * sizeof(int))
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
		invoice_id, replay.ins, replay.nins, replay.takes, (int) replay.ntakes
	};
}
