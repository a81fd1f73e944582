/*
 * model.h
 *	  The rows of a ledger's tables as C has them.
 */
#ifndef REGPAYDB_MODEL_H
#define REGPAYDB_MODEL_H

#include "utils/date.h"
#include "utils/timestamp.h"

#include "base/invoice_state.h"
#include "ledger/ledger.h"

typedef struct InvoiceRow
{
	bool		locked;			/* by this transaction; else it may be changing */
	bool		committed;		/* surely not written by this transaction */
	int64		invoice_id;
	int64		attendee_id;
	bool		has_payment;	/* whether last_payment_id is not null */
	int64		last_payment_id;
	bool		has_cart;		/* whether the next two are not null */
	int64		cart_id;
	int32		cart_revision;
	bool		cart_checked;	/* it was locked, and can be sold */
	bool		is_successor;	/* whether the next one is not null; its cart is paid */
	int64		replaces;
	InvoiceState state;
} InvoiceRow;

typedef enum PaymentKind
{
	PAYMENT_PLAIN,
	PAYMENT_MANUAL,
	PAYMENT_REVERSAL,
	PAYMENT_CREDIT_NOTE,
	PAYMENT_CREDIT_APPLICATION,
	PAYMENT_REFUND_FAILED
} PaymentKind;

typedef struct PaymentRow
{
	int64		payment_id;
	int64		invoice_id;
	PaymentKind kind;
	int64		amount;
	text	   *reference;
	text	   *provider;		/* NULL where not given, as the next three */
	text	   *provider_ref;
	int64	   *entered_by;		/* then it is the actor, if there is one */
	DateADT    *value_date;
} PaymentRow;

typedef enum CreditNoteState
{
	CREDIT_NOTE_UNCLAIMED,
	CREDIT_NOTE_APPLIED,
	CREDIT_NOTE_REFUNDED
} CreditNoteState;

typedef struct CreditNoteRow
{
	int64		credit_note_id;
	int64		attendee_id;
	int64		value;
	CreditNoteState state;
} CreditNoteRow;

typedef enum RefundState
{
	REFUND_REQUESTED,
	REFUND_DONE,
	REFUND_FAILED
} RefundState;

typedef struct RefundRow
{
	int64		refund_id;
	int64		credit_note_id;
	text	   *reference;
	int64	   *entered_by;		/* NULL for the actor, if there is one; not of one that was found */
	RefundState state;
	text	   *provider;		/* NULL where not known, as the next */
	text	   *provider_ref;
	text	   *failure_reason; /* of one that fails, as the next */
	int64		returned_payment_id;
} RefundRow;

/* Some of the money that a payment brought. */
typedef struct MoneyPart
{
	int64		payment_id;		/* first, to be sorted by */
	int64		amount;
	bool		no_payment;		/* of a refund: it goes some other way */
} MoneyPart;

typedef struct ReversalRow
{
	int64		reversal_id;	/* of one that was found */
	int64		payment_id;
	text	   *provider;
	text	   *reversal_ref;
	int64		amount;
	int64		loss;
	int64		reversing_payment_id;	/* none where all of it is a loss */
	text	   *reference;
} ReversalRow;

typedef struct LineItemRow
{
	int64		line_item_id;	/* of one that was found */
	text	   *description;
	int32		quantity;
	int64		price;
	int64	   *product_id;		/* NULL where there is none */
} LineItemRow;

/* What is returned of a line; all of it, where the quantity is 0. */
typedef struct ReturnedLine
{
	int64		line_item_id;
	int32		quantity;
} ReturnedLine;

/* What remains of an invoice of which lines are returned. */
typedef struct Successor
{
	const LineItemRow *lines;
	int			nlines;
	const LineItemRow *all;		/* of its predecessor's; the others are returned */
	int			nall;
	int64		cart_id;		/* where the invoice has a cart; once that is released */
} Successor;

typedef struct CartDiscountRow
{
	int64		product_id;
	text	   *description;
	int32		quantity;
	int64		amount;
} CartDiscountRow;

typedef struct AttendeeRow
{
	int64		user_id;
	char	   *access_code;	/* NULL where it was not asked for, as the next */
	text	   *recipient;
} AttendeeRow;

typedef struct PaymentTotals
{
	bool		known;			/* whether the payments were added up */
	int64		amount;
	int64		payment_count;
	int64		last_payment_id;	/* where there is one */
} PaymentTotals;

typedef enum OutboxKind
{
	OUTBOX_INVOICE_CREATED,
	OUTBOX_INVOICE_UPDATED,
	OUTBOX_CREDIT_NOTE_CREATED,
	OUTBOX_CREDIT_NOTE_APPLIED,
	OUTBOX_CREDIT_NOTE_REFUNDED,
	OUTBOX_CART_PAID,
	OUTBOX_CART_RELEASED,
	OUTBOX_REFUND_DONE,
	OUTBOX_REFUND_FAILED,
	OUTBOX_PAYMENT_REVERSED,
	OUTBOX_REVERSAL_LOSS
} OutboxKind;

typedef enum CartStatus
{
	CART_STATUS_ACTIVE,
	CART_STATUS_PAID,
	CART_STATUS_RELEASED
} CartStatus;

typedef struct CartRow
{
	int64		cart_id;
	int64		attendee_id;
	CartStatus	status;
	int32		revision;
	int32		entry_count;
	bool		lapsed;			/* its items are reserved no more */
} CartRow;

/* What is looked for in the view cart_problem; each value includes those before it. */
typedef enum CartCheck
{
	CART_CHECK_STOCK,
	CART_CHECK_RESERVATION,		/* limits, too */
	CART_CHECK_ALL				/* what is required, too, and that there is something */
} CartCheck;

typedef struct CartItemRow
{
	int64		product_id;
	int32		quantity;
} CartItemRow;

typedef struct ProductRow
{
	int64		product_id;
	int64		category_id;
	bool		has_stock;		/* else there is any number */
	int32	   *limit_per_attendee; /* NULL for any number; only if it was asked for */
} ProductRow;

typedef struct ReservationRow
{
	int64		product_id;
	int32		quantity;
	bool		held;			/* else its units were taken back when it lapsed */
	bool		lapsed;			/* its time is over */
} ReservationRow;

/* A reservation whose time is over, while the cart still has the units. */
typedef struct LapsedRow
{
	int64		cart_id;
	int64		product_id;
} LapsedRow;

/* The free units of a product, or of all products of a category together. */
typedef struct StockPool
{
	bool		of_category;
	int64		id;				/* of the product or the category */
	bool		limited;		/* whether there is a stock */
	int64		taken_back;		/* no lapsed cart's any more, but not given to the slots yet */
} StockPool;

/* Some of them. */
typedef struct SlotRow
{
	int64		slot_id;
	int64		free;
	bool		owing;			/* whether there is less than nothing in all slots together */
} SlotRow;

typedef struct CategoryRow
{
	int64		category_id;
	bool		required;
	bool		has_stock;		/* else there is any number */
	int32	   *limit_per_attendee; /* NULL for any number; only if it was asked for */
} CategoryRow;

#endif							/* REGPAYDB_MODEL_H */
