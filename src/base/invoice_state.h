/*
 * invoice_state.h
 *	  The state machine of an invoice (spec section 4), as pure functions of
 *	  int64 minor units.  No server calls: this part is compiled by itself into
 *	  the unit tests.
 */
#ifndef REGPAYDB_INVOICE_STATE_H
#define REGPAYDB_INVOICE_STATE_H

#ifdef FRONTEND
#include "postgres_fe.h"
#else
#include "postgres.h"
#endif

typedef enum InvoiceStatus
{
	INVOICE_UNPAID,
	INVOICE_PAID,
	INVOICE_REFUNDED,
	INVOICE_VOID
} InvoiceStatus;

/* An invoice as its row has it; paid is the sum of its payment_count payments. */
typedef struct InvoiceState
{
	InvoiceStatus status;
	int64		value;
	int64		paid;
	int64		payment_count;
	int64		limit;			/* the most that an amount of the ledger can be */
	bool		unsellable;		/* its cart was amended, or its items are gone */
} InvoiceState;

typedef enum CartAction
{
	CART_UNCHANGED,
	CART_PAY,					/* its items are reserved for ever */
	CART_RELEASE				/* its items can be bought again */
} CartAction;

/*
 * What has to become of the invoice, unless that is refused.  paid and
 * payment_count are those after the credit note, a negative payment of credit,
 * has been made.
 */
typedef struct InvoiceVerdict
{
	InvoiceStatus status;
	int64		paid;
	int64		payment_count;
	int64		credit;			/* value of the credit note to make, or 0 */
	CartAction	cart;
} InvoiceVerdict;

typedef enum InvoiceRefusal
{
	INVOICE_OK,
	INVOICE_TOO_LARGE,			/* the payments add up to more than the limit */
	INVOICE_OVERDRAWN,			/* the payments add up to less than zero */
	INVOICE_HAS_PAYMENTS,		/* voiding needs nothing paid */
	INVOICE_CLOSED				/* the operation needs an invoice not closed */
} InvoiceRefusal;

extern InvoiceRefusal invoice_state_settle(const InvoiceState *invoice,
										   int64 amount, int64 payments,
										   InvoiceVerdict *verdict);
extern InvoiceRefusal invoice_state_refund(const InvoiceState *invoice,
										   InvoiceVerdict *verdict);
extern InvoiceRefusal invoice_state_void(const InvoiceState *invoice,
										 InvoiceVerdict *verdict);

#endif							/* REGPAYDB_INVOICE_STATE_H */
