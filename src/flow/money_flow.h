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
	int64		payment_id;
	int64		credit_note_id; /* of the note whose money it is; 0 for money from outside */
} FlowIn;

/*
 * Some of its money, from one amount to another, counted from the first that came in:
 * what leaves with a payment, or what is on the invoice still (out is NULL).
 */
typedef struct FlowPiece
{
	const FlowRow *out;
	const FlowIn *in;
	int64		from;
	int64		to;
} FlowPiece;

typedef struct MoneyFlow
{
	int64		invoice_id;		/* hash key */
	const FlowPiece *kept;		/* what came in last is last */
	int64		nkept;
	const FlowPiece *takes;		/* those of one payment: what came in last is first */
	int64		ntakes;
} MoneyFlow;

extern void find_money_flow(Ledger *ledger, int64 invoice_id, MoneyFlow *flow);
extern bool overlap(int64 *from, int64 *to, int64 other_from, int64 other_to);

#endif							/* REGPAYDB_MONEY_FLOW_H */
