/*
 * provenance.h
 *	  Where a credit note's money came from, and where a payment's is now.
 */
#ifndef REGPAYDB_PROVENANCE_H
#define REGPAYDB_PROVENANCE_H

#include "utils/hsearch.h"

#include "ledger/model.h"

/* What was found out so far about the invoices that were looked at. */
typedef struct Provenance
{
	Ledger	   *ledger;
	HTAB	   *flows;
} Provenance;

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
} MoneyPlace;

extern void begin_provenance(Provenance *provenance, Ledger *ledger);
extern MoneyPart *note_sources(Provenance *provenance, int64 credit_note_id, int *nsources);
extern MoneyPlace *money_places(Provenance *provenance, const PaymentRow *payment, int *nplaces);

#endif							/* REGPAYDB_PROVENANCE_H */
