/*
 * provenance.h
 *	  Whose money left an invoice with which of its negative payments, and so where a
 *	  credit note's money came from.
 */
#ifndef REGPAYDB_PROVENANCE_H
#define REGPAYDB_PROVENANCE_H

#include "utils/hsearch.h"

#include "flow/pieces.h"
#include "rows/flow_rows.h"

/* What a payment took off: some of the money of one that had brought it. */
typedef struct FlowTake
{
	struct FlowOut *out;
	struct FlowIn *in;
	Span		span;			/* of the payment that brought it */
	Span		place;			/* in what was taken off */
} FlowTake;

/* Those of one payment, the highest first. */
typedef struct FlowTakes
{
	FlowTake  **takes;
	int64		ntakes;
} FlowTakes;

/* A payment that brought money to an invoice. */
typedef struct FlowIn
{
	int64		payment_id;		/* first, to be sorted by */
	bool		has_note;		/* whose money it is; else it is from outside */
	int64		credit_note_id;
	Span	   *left;			/* what of it is on the invoice still */
	int64		nleft;
	FlowTakes	taken;			/* by their spans */
	struct ReversedPiece *pieces;	/* where it was when it was reversed last */
	int64		npieces;
} FlowIn;

/* A payment that took money off. */
typedef struct FlowOut
{
	int64		payment_id;		/* first, to be sorted by */
	const FlowRow *row;
	int64		missing;		/* what it did not find yet */
	FlowTakes	took;			/* by their places */
	FlowIn	   *back;			/* by which the note that it made is here again */
} FlowOut;

/* An invoice's payments, replayed. */
typedef struct MoneyFlow
{
	int64		invoice_id;		/* hash key */
	FlowIn	   *ins;
	int64		nins;
	FlowOut    *outs;
	int64		nouts;
	int64	   *stack;			/* the numbers of those that may have something left */
	int64		depth;
	FlowOut   **open;			/* those of which some is missing still */
	int64		nopen;
	int64		first_open;
} MoneyFlow;

/* What was found out so far about the invoices that were looked at. */
typedef struct Provenance
{
	Ledger	   *ledger;
	HTAB	   *flows;
	HTAB	   *fates;
} Provenance;

extern void begin_provenance(Provenance *provenance, Ledger *ledger);
extern const MoneyFlow *money_flow(Provenance *provenance, int64 invoice_id);
extern const NoteFate *note_fate(Provenance *provenance, int64 credit_note_id);
extern int64 first_take(const FlowTakes *takes, const Span *span, bool by_place);
extern int64 left_below(const FlowIn *in, int64 amount);
extern MoneyPart *note_sources(Provenance *provenance, int64 credit_note_id, int *nsources);

#endif							/* REGPAYDB_PROVENANCE_H */
