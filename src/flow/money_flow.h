/*
 * money_flow.h
 *	  Whose money left an invoice with which of its negative payments.
 */
#ifndef REGPAYDB_MONEY_FLOW_H
#define REGPAYDB_MONEY_FLOW_H

#include "rows/flow_rows.h"

/* A payment that brought money to the invoice. */
typedef struct FlowIn
{
	int64		payment_id;		/* first, to be sorted by */
	bool		has_note;		/* whose money it is; else it is from outside */
	int64		credit_note_id;
	int64		left;			/* how much of it is on the invoice still */
} FlowIn;

/*
 * Some of that leaves with a payment: the piece of its money from one amount to another,
 * counted from the first that came in.
 */
typedef struct FlowTake
{
	const FlowRow *out;
	const FlowIn *in;
	int64		from;
	int64		to;
} FlowTake;

typedef struct MoneyFlow
{
	int64		invoice_id;		/* hash key */
	const FlowIn *ins;			/* by their ids */
	int			nins;
	const FlowTake *takes;		/* those of one payment: what came in last is first */
	int			ntakes;
} MoneyFlow;

extern void find_money_flow(Ledger *ledger, int64 invoice_id, MoneyFlow *flow);
extern const FlowIn *flow_in(const MoneyFlow *flow, int64 payment_id);

#endif							/* REGPAYDB_MONEY_FLOW_H */
