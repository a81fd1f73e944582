/*
 * credit_note_rows.h
 *	  Credit notes, and what became of them.
 */
#ifndef REGPAYDB_CREDIT_NOTE_ROWS_H
#define REGPAYDB_CREDIT_NOTE_ROWS_H

#include "utils/numeric.h"

#include "ledger/model.h"

extern bool row_lock_credit_note(Ledger *ledger, int64 credit_note_id, CreditNoteRow *note);
extern bool row_lock_oldest_credit_note(Ledger *ledger, int64 attendee_id, CreditNoteRow *note);
extern void row_insert_credit_note(Ledger *ledger, const CreditNoteRow *note);
extern void row_claim_credit_note(Ledger *ledger, const CreditNoteRow *note,
								  CreditNoteState claim);
extern void row_insert_application(Ledger *ledger, int64 payment_id, int64 credit_note_id);
extern MoneyPart *row_own_notes(Ledger *ledger, const InvoiceRow *invoice, int *nnotes);
extern Numeric row_available_credit(Ledger *ledger, int64 attendee_id);

#endif							/* REGPAYDB_CREDIT_NOTE_ROWS_H */
