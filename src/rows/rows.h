/*
 * rows.h
 *	  The ledger's rows, read, locked and written.
 */
#ifndef REGPAYDB_ROWS_H
#define REGPAYDB_ROWS_H

#include "utils/numeric.h"

#include "ledger/model.h"

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
