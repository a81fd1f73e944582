/*
 * rows.h
 *	  The ledger's rows, read, locked and written.
 */
#ifndef REGPAYDB_ROWS_H
#define REGPAYDB_ROWS_H

#include "postgres.h"

#include "utils/timestamp.h"

#include "invoice_state.h"
#include "ledger.h"

typedef struct InvoiceRow
{
	int64		invoice_id;
	int64		attendee_id;
	int64		last_payment_id;	/* 0 where there is none */
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
	text	   *provider;		/* NULL where not given, as the next two */
	text	   *provider_ref;
	int64	   *entered_by;
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
	char	   *access_code;
	text	   *recipient;
} AttendeeRow;

typedef struct PaymentTotals
{
	int64		amount;
	int64		payment_count;
	int64		last_payment_id;
} PaymentTotals;

typedef enum OutboxKind
{
	OUTBOX_INVOICE_CREATED,
	OUTBOX_INVOICE_UPDATED,
	OUTBOX_CREDIT_NOTE_CREATED,
	OUTBOX_CREDIT_NOTE_APPLIED,
	OUTBOX_CREDIT_NOTE_REFUNDED
} OutboxKind;

extern const char *const invoice_status_names[];
extern const char *const payment_kind_names[];

extern char *row_ledger_version(Ledger *ledger);
extern int	row_access_code_length(Ledger *ledger);
extern bool row_has_payments(Ledger *ledger);
extern bool row_is_staff(Ledger *ledger, int64 user_id);

extern bool row_attendee(Ledger *ledger, int64 attendee_id, AttendeeRow *row);
extern bool row_invoice_attendee(Ledger *ledger, int64 invoice_id, AttendeeRow *row);
extern bool row_lock_attendee(Ledger *ledger, int64 attendee_id, text **recipient);
extern void row_set_access_code(Ledger *ledger, int64 attendee_id, const char *code);
extern bool row_access_code_exists(Ledger *ledger, const char *code);
extern int64 row_invoice_for_access_code(Ledger *ledger, text *code);
extern int64 row_available_credit(Ledger *ledger, int64 attendee_id);

extern bool row_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *row);
extern bool row_lock_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *row);
extern int64 row_insert_invoice(Ledger *ledger, int64 attendee_id, text *recipient,
								  Interval *due, int64 value);
extern void row_update_invoice(Ledger *ledger, const InvoiceRow *before,
								 const InvoiceVerdict *after, int64 last_payment_id);
extern bool row_takes_credit(Ledger *ledger, const InvoiceRow *invoice);
extern void row_insert_line(Ledger *ledger, int64 invoice_id, const LineItemRow *line);

extern int64 row_next_payment_id(Ledger *ledger);
extern bool row_insert_payment(Ledger *ledger, const PaymentRow *payment);
extern bool row_payment_by_ref(Ledger *ledger, text *provider, text *provider_ref,
								 PaymentRow *payment);
extern int64 row_count_payments(Ledger *ledger, int64 invoice_id);
extern PaymentTotals row_payment_totals(Ledger *ledger, int64 invoice_id);

extern bool row_credit_note(Ledger *ledger, int64 credit_note_id, CreditNoteRow *row);
extern bool row_lock_credit_note(Ledger *ledger, int64 credit_note_id, CreditNoteRow *row);
extern bool row_lock_oldest_credit_note(Ledger *ledger, int64 attendee_id,
										  CreditNoteRow *row);
extern void row_insert_credit_note(Ledger *ledger, const CreditNoteRow *note);
extern void row_claim_credit_note(Ledger *ledger, const CreditNoteRow *note,
									CreditNoteState claim);
extern void row_insert_application(Ledger *ledger, int64 payment_id, int64 credit_note_id);
extern int64 row_insert_refund(Ledger *ledger, int64 credit_note_id, text *reference,
								 int64 *entered_by);

extern void row_log_invoice(Ledger *ledger, OutboxKind kind, int64 invoice_id,
							  const InvoiceStatus *before, InvoiceStatus after);
extern void row_log_credit_note(Ledger *ledger, OutboxKind kind, int64 credit_note_id,
								  int64 invoice_id);

extern void row_integrity_problems(Ledger *ledger);

#endif							/* REGPAYDB_ROWS_H */
