/*
 * attendee_rows.h
 *	  Attendees, and what is whose.
 */
#ifndef REGPAYDB_ATTENDEE_ROWS_H
#define REGPAYDB_ATTENDEE_ROWS_H

#include "ledger/model.h"

extern bool row_attendee(Ledger *ledger, int64 attendee_id, AttendeeRow *attendee);
extern bool row_attendee_access(Ledger *ledger, int64 attendee_id, bool with_code,
								AttendeeRow *attendee);
extern Datum row_actor_attendees(Ledger *ledger, const int64 *user_id, const char *code);
extern Datum row_actor_invoices(Ledger *ledger, const int64 *user_id, const char *code);
extern Datum row_actor_carts(Ledger *ledger, const int64 *user_id, const char *code);
extern bool row_lock_attendee(Ledger *ledger, int64 attendee_id, text **recipient);
extern void row_set_access_code(Ledger *ledger, int64 attendee_id, const char *code);
extern bool row_access_code_exists(Ledger *ledger, const char *code);
extern bool row_invoice_for_access_code(Ledger *ledger, text *code, int64 *invoice_id);

#endif							/* REGPAYDB_ATTENDEE_ROWS_H */
