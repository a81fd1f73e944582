/*
 * trail.h
 *	  Where a payment's money is now.
 */
#ifndef REGPAYDB_TRAIL_H
#define REGPAYDB_TRAIL_H

#include "flow/provenance.h"

typedef enum PlaceKind
{
	PLACE_INVOICE,
	PLACE_CREDIT_NOTE,
	PLACE_REFUND,				/* of a credit note */
	PLACE_GIVEN_BACK,			/* by a negative payment */
	PLACE_REVERSED
} PlaceKind;

/* Some of a payment's money; those of the ids that its kind has are set. */
typedef struct MoneyPlace
{
	PlaceKind	kind;
	int64		amount;
	int64		invoice_id;
	int64		credit_note_id;
	int64		refund_id;
	bool		has_parts;		/* whether that refund says where it goes back to */
} MoneyPlace;

extern MoneyPlace *money_places(Provenance *provenance, const PaymentRow *payment, int *nplaces);
extern bool places_have_note(const MoneyPlace *places, int nplaces, int64 credit_note_id);

#endif							/* REGPAYDB_TRAIL_H */
