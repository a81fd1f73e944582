/*
 * find.h
 *	  What a caller names: found and locked, if the actor may view it.
 */
#ifndef REGPAYDB_FIND_H
#define REGPAYDB_FIND_H

#include "base/compat.h"
#include "ledger/model.h"

extern void find_attendee(Ledger *ledger, int64 attendee_id, AttendeeRow *attendee);
extern void find_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *invoice);
extern void lock_found_invoice(Ledger *ledger, InvoiceRow *invoice);
extern void lock_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *invoice);
extern void find_cart(Ledger *ledger, int64 cart_id, CartRow *cart);
extern void lock_active_cart(Ledger *ledger, int64 cart_id, CartRow *cart);
pg_noreturn extern void cart_is_closed(const CartRow *cart);
extern void lock_unclaimed_note(Ledger *ledger, int64 credit_note_id, CreditNoteRow *note);
pg_noreturn extern void not_found(const char *what, int64 id);

#endif							/* REGPAYDB_FIND_H */
