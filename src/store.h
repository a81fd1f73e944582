/*
 * store.h
 *	  The ledger's rows, read, locked and written.
 */
#ifndef REGPAYDB_STORE_H
#define REGPAYDB_STORE_H

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

extern void store_make_plans(Ledger *ledger);
extern void store_forget_plans(Ledger *ledger);
extern bool store_is_writing(Oid relid, int64 id);

extern char *store_ledger_version(Ledger *ledger);
extern int	store_access_code_length(Ledger *ledger);
extern bool store_has_payments(Ledger *ledger);
extern bool store_is_staff(Ledger *ledger, int64 user_id);

extern bool store_attendee(Ledger *ledger, int64 attendee_id, AttendeeRow *row);
extern bool store_invoice_attendee(Ledger *ledger, int64 invoice_id, AttendeeRow *row);
extern bool store_lock_attendee(Ledger *ledger, int64 attendee_id, text **recipient);
extern void store_set_access_code(Ledger *ledger, int64 attendee_id, const char *code);
extern bool store_access_code_exists(Ledger *ledger, const char *code);
extern int64 store_invoice_for_access_code(Ledger *ledger, text *code);
extern int64 store_available_credit(Ledger *ledger, int64 attendee_id);

extern bool store_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *row);
extern bool store_lock_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *row);
extern int64 store_insert_invoice(Ledger *ledger, int64 attendee_id, text *recipient,
								  Interval *due, int64 value);
extern void store_update_invoice(Ledger *ledger, const InvoiceRow *before,
								 const InvoiceVerdict *after, int64 last_payment_id);
extern bool store_takes_credit(Ledger *ledger, const InvoiceRow *invoice);
extern void store_insert_line(Ledger *ledger, int64 invoice_id, const LineItemRow *line);

extern int64 store_next_payment_id(Ledger *ledger);
extern bool store_insert_payment(Ledger *ledger, const PaymentRow *payment);
extern bool store_payment_by_ref(Ledger *ledger, text *provider, text *provider_ref,
								 PaymentRow *payment);
extern int64 store_count_payments(Ledger *ledger, int64 invoice_id);
extern PaymentTotals store_payment_totals(Ledger *ledger, int64 invoice_id);

extern bool store_credit_note(Ledger *ledger, int64 credit_note_id, CreditNoteRow *row);
extern bool store_lock_credit_note(Ledger *ledger, int64 credit_note_id, CreditNoteRow *row);
extern bool store_lock_oldest_credit_note(Ledger *ledger, int64 attendee_id,
										  CreditNoteRow *row);
extern void store_insert_credit_note(Ledger *ledger, const CreditNoteRow *note);
extern void store_claim_credit_note(Ledger *ledger, const CreditNoteRow *note,
									CreditNoteState claim);
extern void store_insert_application(Ledger *ledger, int64 payment_id, int64 credit_note_id);
extern int64 store_insert_refund(Ledger *ledger, int64 credit_note_id, text *reference,
								 int64 *entered_by);

extern void store_log_invoice(Ledger *ledger, OutboxKind kind, int64 invoice_id,
							  const InvoiceStatus *before, InvoiceStatus after);
extern void store_log_credit_note(Ledger *ledger, OutboxKind kind, int64 credit_note_id,
								  int64 invoice_id);

extern void store_integrity_problems(Ledger *ledger);

#endif							/* REGPAYDB_STORE_H */
