/*
 * pieces.c
 *	  Pieces of money that are followed from payment to payment, each payment once.
 *
 * Money that went by many ways, and then by one, would be followed along that one as
 * often as there were ways.  So what is followed next is all of the payment that comes
 * first, and pieces that lie together there are one.
 */
#include "postgres.h"

#include "miscadmin.h"

#include "flow/pieces.h"

/* span_overlap: what two have in common; false for nothing. */
bool
span_overlap(Span *span, const Span *other)
{
	span->from = Max(span->from, other->from);
	span->to = Min(span->to, other->to);
	return span->from < span->to;
}

/* The heap's first is the greatest. */
static int
compare_pieces(const pairingheap_node *a, const pairingheap_node *b, void *arg)
{
	const MoneyPiece *left = (const MoneyPiece *) a;
	const MoneyPiece *right = (const MoneyPiece *) b;

	if (left->order != right->order)
		return left->order < right->order ? 1 : -1;
	return left->span.from < right->span.from ? 1 : left->span.from > right->span.from ? -1 : 0;
}

/* begin_pieces: none yet, in the current memory context. */
void
begin_pieces(MoneyPieces *pieces, bool back)
{
	pieces->heap = pairingheap_allocate(compare_pieces, NULL);
	pieces->back = back;
}

void
add_piece(MoneyPieces *pieces, int64 id, int64 invoice_id, Span span)
{
	MoneyPiece *piece = palloc(sizeof(MoneyPiece));

	piece->order = pieces->back ? -id : id;
	piece->id = id;
	piece->invoice_id = invoice_id;
	piece->span = span;
	pairingheap_add(pieces->heap, &piece->node);
}

/*
 * next_piece
 *		Take out the lowest piece of the payment that comes first, with those that go on
 *		where it ends; false if there is none.
 */
bool
next_piece(MoneyPieces *pieces, MoneyPiece *piece)
{
	CHECK_FOR_INTERRUPTS();
	if (pairingheap_is_empty(pieces->heap))
		return false;
	*piece = *(MoneyPiece *) pairingheap_first(pieces->heap);
	pfree(pairingheap_remove_first(pieces->heap));
	while (!pairingheap_is_empty(pieces->heap))
	{
		MoneyPiece *next = (MoneyPiece *) pairingheap_first(pieces->heap);

		if (next->id != piece->id || next->invoice_id != piece->invoice_id ||
			next->span.from != piece->span.to)
			break;
		piece->span.to = next->span.to;
		pfree(pairingheap_remove_first(pieces->heap));
	}
	return true;
}
