/*
 * call.h
 *	  What the SQL-callable functions share: their arguments, and finding what
 *	  they are called for.
 */
#ifndef REGPAYDB_CALL_H
#define REGPAYDB_CALL_H

#include "postgres.h"

#include "fmgr.h"

#include "compat.h"
#include "rows.h"

/* The longest texts that the tables take, in characters. */
#define MAX_TEXT_LENGTH		1000
#define MAX_PROVIDER_LENGTH 200

extern int64 int8_arg(FunctionCallInfo fcinfo, int number, const char *name);
extern int64 money_arg(const Ledger *ledger, FunctionCallInfo fcinfo, int number,
					   const char *name);
extern text *optional_text_arg(FunctionCallInfo fcinfo, int number, const char *name,
							   int max_length);
extern text *text_arg(FunctionCallInfo fcinfo, int number, const char *name,
					  int max_length);
extern void require_arg(FunctionCallInfo fcinfo, int number, const char *name);
extern void check_text_length(text *value, const char *name, int max_length);

extern Oid	extension_type(const char *name);

extern void find_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *invoice);
extern void lock_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *invoice);
extern void find_cart(Ledger *ledger, int64 cart_id, CartRow *cart);
extern void lock_active_cart(Ledger *ledger, int64 cart_id, CartRow *cart);
pg_noreturn extern void cart_is_closed(const CartRow *cart);
extern void find_credit_note(Ledger *ledger, int64 credit_note_id, CreditNoteRow *note);
extern void lock_unclaimed_note(Ledger *ledger, int64 credit_note_id, CreditNoteRow *note);
pg_noreturn extern void not_found(const char *what, int64 id);

#endif							/* REGPAYDB_CALL_H */
