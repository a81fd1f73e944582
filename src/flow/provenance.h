/*
 * provenance.h
 *	  Whose money left an invoice with which of its negative payments, and so where a
 *	  credit note's money came from.
 */
#ifndef REGPAYDB_PROVENANCE_H
#define REGPAYDB_PROVENANCE_H

#include "utils/hsearch.h"

#include "rows/flow_rows.h"

/* Money from one amount to another, counted from the first that came in. */
typedef struct Span
{
	int64		from;
	int64		to;
} Span;

/* A payment that brought money to an invoice. */
typedef struct FlowIn
{
	int64		payment_id;		/* first, to be sorted by */
	bool		has_note;		/* whose money it is; else it is from outside */
	int64		credit_note_id;
	Span	   *left;			/* what of it is on the invoice still */
	int			nleft;
} FlowIn;

/* What a payment took off: some of the money of one that had brought it. */
typedef struct FlowTake
{
	const FlowRow *out;
	const FlowIn *in;
	Span		span;
} FlowTake;

/* An invoice's payments, replayed. */
typedef struct MoneyFlow
{
	int64		invoice_id;		/* hash key */
	FlowIn	   *ins;
	int			nins;
	FlowTake   *takes;			/* those of one payment: what came in last is first */
	int64		ntakes;
	int		   *stack;			/* the numbers of those that may have something left */
	int			depth;
	struct OpenOut *open;		/* negative payments of which some is missing still */
	int64		nopen;
	int64		first_open;
} MoneyFlow;

/* What was found out so far about the invoices that were looked at. */
typedef struct Provenance
{
	Ledger	   *ledger;
	HTAB	   *flows;
} Provenance;

extern void begin_provenance(Provenance *provenance, Ledger *ledger);
extern const MoneyFlow *money_flow(Provenance *provenance, int64 invoice_id);
extern bool span_overlap(Span *span, const Span *other);
extern MoneyPart *note_sources(Provenance *provenance, int64 credit_note_id, int *nsources);

#endif							/* REGPAYDB_PROVENANCE_H */
