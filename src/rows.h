/*
 * rows.h
 *	  The ledger's rows, read, locked and written.
 */
#ifndef REGPAYDB_ROWS_H
#define REGPAYDB_ROWS_H

#include "postgres.h"

#include "storage/itemptr.h"
#include "utils/date.h"
#include "utils/numeric.h"
#include "utils/timestamp.h"

#include "invoice_state.h"
#include "ledger.h"

typedef struct InvoiceRow
{
	bool		locked;			/* else another session may be changing it */
	bool		committed;		/* surely not written by this transaction */
	int64		invoice_id;
	int64		attendee_id;
	bool		has_payment;	/* whether last_payment_id is not null */
	int64		last_payment_id;
	bool		has_cart;		/* whether the next two are not null */
	int64		cart_id;
	int32		cart_revision;
	bool		cart_checked;	/* it was locked, and can be sold */
	struct Inventory *inventory;	/* of its statement, NULL for what the tables say */
	InvoiceState state;
} InvoiceRow;

typedef enum PaymentKind
{
	PAYMENT_PLAIN,
	PAYMENT_MANUAL,
	PAYMENT_CREDIT_NOTE,
	PAYMENT_CREDIT_APPLICATION
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

typedef struct LineItemRow
{
	text	   *description;
	int32		quantity;
	int64		price;
	int64	   *product_id;		/* NULL where there is none */
} LineItemRow;

typedef struct AttendeeRow
{
	int64		user_id;
	char	   *access_code;	/* NULL where it was not asked for, as the next */
	text	   *recipient;
} AttendeeRow;

typedef struct PaymentTotals
{
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
	OUTBOX_CART_RELEASED
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

typedef struct CartItemRow
{
	int64		product_id;
	int32		quantity;
} CartItemRow;

typedef struct ProductRow
{
	int64		product_id;
	int64		category_id;
	int32	   *stock;			/* NULL for any number, as the next one */
	int32	   *limit_per_attendee;
	int64		sold;
} ProductRow;

typedef struct ReservationRow
{
	ItemPointerData tid;
	int64		product_id;
	int32		quantity;
	TimestampTz reserved_until;
} ReservationRow;

typedef struct CategoryRow
{
	int64		category_id;
	bool		required;
	bool		unlimited;
	int32		limit_per_attendee;
} CategoryRow;

extern const char *const cart_status_names[];
extern const char *const credit_note_state_names[];
extern const char *const invoice_status_names[];
extern const char *const outbox_kind_names[];
extern const char *const payment_kind_names[];

extern char *row_ledger_version(Ledger *ledger);
extern int	row_access_code_length(Ledger *ledger);
extern bool row_has_payments(Ledger *ledger);
extern bool row_is_staff(Ledger *ledger, int64 user_id);

extern bool row_attendee(Ledger *ledger, int64 attendee_id, AttendeeRow *row);
extern bool row_attendee_access(Ledger *ledger, int64 attendee_id, bool with_code,
								AttendeeRow *row);
extern bool row_invoice_attendee(Ledger *ledger, int64 invoice_id, bool with_code,
								 AttendeeRow *row);
extern bool row_invoice_exists(Ledger *ledger, int64 invoice_id);
extern Datum row_actor_attendees(Ledger *ledger, const int64 *user_id, const char *code);
extern Datum row_actor_invoices(Ledger *ledger, const int64 *user_id, const char *code);
extern Datum row_actor_carts(Ledger *ledger, const int64 *user_id, const char *code);
extern bool row_lock_attendee(Ledger *ledger, int64 attendee_id, text **recipient);
extern void row_set_access_code(Ledger *ledger, int64 attendee_id, const char *code);
extern bool row_access_code_exists(Ledger *ledger, const char *code);
extern bool row_invoice_for_access_code(Ledger *ledger, text *code, int64 *invoice_id);
extern Numeric row_available_credit(Ledger *ledger, int64 attendee_id);

extern bool row_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *row);
extern bool row_peek_invoice(Ledger *ledger, int64 invoice_id, ItemPointer tid, InvoiceRow *row);
extern bool row_invoice_cart(Ledger *ledger, int64 invoice_id, ItemPointer tid, bool *has_cart,
							 int64 *cart_id);
extern bool row_lock_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *row);
extern int64 row_insert_invoice(Ledger *ledger, const InvoiceRow *invoice,
								text *recipient, Interval *due);
extern bool row_update_invoice(Ledger *ledger, const InvoiceRow *before,
							   const InvoiceVerdict *after, const int64 *last_payment_id,
							   text *closed_reason);
extern bool row_takes_credit(Ledger *ledger, const InvoiceRow *invoice);
extern void row_insert_line(Ledger *ledger, int64 invoice_id, const LineItemRow *line);

extern int64 row_next_payment_id(Ledger *ledger);
extern bool row_insert_payment(Ledger *ledger, const PaymentRow *payment);
extern bool row_payment_by_ref(Ledger *ledger, text *provider, text *provider_ref,
							   PaymentRow *payment);
extern PaymentTotals row_payment_totals(Ledger *ledger, int64 invoice_id);
extern void row_payments_above(Ledger *ledger, int64 invoice_id, int64 above_id, int64 up_to_id,
							   PaymentTotals *above, PaymentTotals *up_to);

extern bool row_credit_note(Ledger *ledger, int64 credit_note_id, CreditNoteRow *row);
extern bool row_lock_credit_note(Ledger *ledger, int64 credit_note_id, CreditNoteRow *row);
extern bool row_lock_oldest_credit_note(Ledger *ledger, int64 attendee_id,
										CreditNoteRow *row);
extern void row_insert_credit_note(Ledger *ledger, const CreditNoteRow *note);
extern void row_claim_credit_note(Ledger *ledger, const CreditNoteRow *note,
								  CreditNoteState claim);
extern void row_insert_application(Ledger *ledger, int64 payment_id, int64 credit_note_id);
extern int64 row_insert_refund(Ledger *ledger, int64 credit_note_id, text *reference,
							   const int64 *entered_by);

extern void row_log_invoice(Ledger *ledger, OutboxKind kind, int64 invoice_id,
							const InvoiceStatus *before, InvoiceStatus after);
extern void row_log_credit_note(Ledger *ledger, OutboxKind kind, int64 credit_note_id,
								const int64 *invoice_id);

extern void row_log_cart(Ledger *ledger, OutboxKind kind, int64 cart_id);

extern bool row_product(Ledger *ledger, int64 product_id, ProductRow *row);
extern bool row_reserved_by_others(Ledger *ledger, int64 product_id, const int64 *cart_id,
								   int64 *quantity);
extern bool row_reserved_at_most(Ledger *ledger, int64 product_id, const int64 *cart_id,
								 int64 *quantity);
extern CategoryRow *row_categories(Ledger *ledger, int *ncategories);
extern int64 *row_paid_carts(Ledger *ledger, int64 attendee_id, int *ncarts);
extern bool row_product_exists(Ledger *ledger, int64 product_id);
extern bool row_available_stock(Ledger *ledger, int64 product_id, int64 *available,
								bool *unlimited);
extern void row_touch_products(Ledger *ledger, int64 cart_id);
extern void row_change_sold(Ledger *ledger, int64 product_id, int64 quantity);
extern bool row_cart(Ledger *ledger, int64 cart_id, CartRow *cart);
extern bool row_lock_cart(Ledger *ledger, int64 cart_id, CartRow *cart);
extern bool row_locked_cart(Ledger *ledger, int64 cart_id, CartRow *cart);
extern bool row_active_cart(Ledger *ledger, int64 attendee_id, int64 *cart_id);
extern bool row_insert_cart(Ledger *ledger, int64 attendee_id, int64 *cart_id);
extern int64 *row_carts_of_invoices(Ledger *ledger, const int64 *invoice_ids,
									int ninvoices, int *ncarts);
extern CartRow *row_lock_carts(Ledger *ledger, const int64 *cart_ids, int ncarts, int *nlocked);
extern void row_lock_products_of_carts(Ledger *ledger, const int64 *cart_ids, int ncarts);
extern char *row_cart_problem(Ledger *ledger, int64 cart_id);
extern char *row_reservation_problem(Ledger *ledger, int64 cart_id);
extern char *row_stock_problem(Ledger *ledger, int64 cart_id);
extern CartItemRow *row_listed_items(Ledger *ledger, int64 cart_id, int *nitems);
extern CartItemRow *row_cart_items(Ledger *ledger, int64 cart_id, int *nitems);
extern int32 row_reserved(Ledger *ledger, int64 cart_id, int64 product_id);
extern LineItemRow *row_cart_lines(Ledger *ledger, int64 cart_id, int *nlines);
extern int64 row_count_entries(Ledger *ledger, int64 cart_id);
extern void row_set_item(Ledger *ledger, int64 cart_id, int64 product_id, int32 quantity);
extern void row_amend_cart(Ledger *ledger, int64 cart_id, int64 entry_count);
extern void row_touch_cart(Ledger *ledger, int64 cart_id);
extern void row_renew_cart(Ledger *ledger, int64 cart_id);
extern bool row_cart_grows(Ledger *ledger, int64 cart_id);
extern void row_extend_cart(Ledger *ledger, int64 cart_id, Interval *duration);
extern void row_set_cart_status(Ledger *ledger, int64 cart_id, CartStatus status);
extern ReservationRow *row_reservations(Ledger *ledger, int64 cart_id, int *nreservations);
extern bool row_delete_reservations(Ledger *ledger, int64 cart_id, ReservationRow *reservations,
									int nreservations);
extern void row_release_items(Ledger *ledger, int64 cart_id);
extern void row_move_reservation(Ledger *ledger, int64 cart_id);
extern void row_reserve_items(Ledger *ledger, int64 cart_id);
extern int64 *row_unpaid_invoices_of_cart(Ledger *ledger, int64 cart_id, int *ninvoices);
extern bool row_invoice_of_revision(Ledger *ledger, const CartRow *cart, int64 *invoice_id);
extern int64 *row_lock_expired(Ledger *ledger, int32 limit, int *nexpired);

extern void row_integrity_problems(Ledger *ledger);
extern void row_reconciliation(Ledger *ledger, TimestampTz as_of);
extern bool row_invoice_document(Ledger *ledger, int64 invoice_id, Datum *document);

#endif							/* REGPAYDB_ROWS_H */
