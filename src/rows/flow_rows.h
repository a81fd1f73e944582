/*
 * flow_rows.h
 *	  The ways of money: in and out of an invoice, and of a credit note.
 */
#ifndef REGPAYDB_FLOW_ROWS_H
#define REGPAYDB_FLOW_ROWS_H

#include "ledger/model.h"

/* A payment of an invoice, as far as it moves money. */
typedef struct FlowRow
{
	int64		payment_id;
	PaymentKind kind;
	int64		amount;
	bool		has_note;
	int64		credit_note_id; /* whose money it brings, if has_note */
	bool		has_reversed;
	int64		reversed_id;	/* the payment that it takes back, if has_reversed */
} FlowRow;

/* Where a credit note's money went. */
typedef struct NoteFate
{
	bool		has_payment;
	int64		payment_id;		/* that brings it to an invoice, if has_payment */
	int64		invoice_id;
	bool		has_refund;
	int64		refund_id;		/* which took it for good, if has_refund */
	bool		has_parts;		/* whether it says where it goes back to */
} NoteFate;

extern FlowRow *row_invoice_flow(Ledger *ledger, int64 invoice_id, int *nrows);
extern NoteFate row_note_fate(Ledger *ledger, int64 credit_note_id);

#endif							/* REGPAYDB_FLOW_ROWS_H */
