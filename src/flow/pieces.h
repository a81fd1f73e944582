/*
 * pieces.h
 *	  Pieces of money that are followed from payment to payment, each payment once.
 */
#ifndef REGPAYDB_PIECES_H
#define REGPAYDB_PIECES_H

#include "lib/pairingheap.h"

/* Money from one amount to another, counted from the first that came in. */
typedef struct Span
{
	int64		from;
	int64		to;
} Span;

/* A piece of the money of a payment that brought it, or of a note. */
typedef struct MoneyPiece
{
	pairingheap_node node;		/* first */
	int64		order;
	int64		id;				/* of the payment */
	int64		invoice_id;
	Span		span;
} MoneyPiece;

/* Pieces that are yet to be followed. */
typedef struct MoneyPieces
{
	pairingheap *heap;
	bool		back;			/* the newest payment is next, else the oldest */
} MoneyPieces;

extern bool span_overlap(Span *span, const Span *other);
extern void begin_pieces(MoneyPieces *pieces, bool back);
extern void add_piece(MoneyPieces *pieces, int64 id, int64 invoice_id, Span span);
extern bool next_piece(MoneyPieces *pieces, MoneyPiece *piece);

#endif							/* REGPAYDB_PIECES_H */
