/*
 * attendee_rows.h
 *	  Attendees, and what is whose.
 */
#ifndef REGPAYDB_ATTENDEE_ROWS_H
#define REGPAYDB_ATTENDEE_ROWS_H

#include "ledger/model.h"

/* What of an actor's keys are asked for. */
typedef enum ActorKeys
{
	ACTOR_ATTENDEES,
	ACTOR_INVOICES,
	ACTOR_CARTS
} ActorKeys;

extern bool row_attendee(Ledger *ledger, int64 attendee_id, AttendeeRow *attendee);
extern bool row_attendee_access(Ledger *ledger, int64 attendee_id, bool with_code,
								AttendeeRow *attendee);
extern Datum row_actor_keys(Ledger *ledger, ActorKeys which, const int64 *user_id,
							const char *code);
extern bool row_lock_attendee(Ledger *ledger, int64 attendee_id, text **recipient);
extern void row_set_access_code(Ledger *ledger, int64 attendee_id, const char *code);
extern bool row_access_code_exists(Ledger *ledger, const char *code);
extern bool row_invoice_for_access_code(Ledger *ledger, text *code, int64 *invoice_id);

#endif							/* REGPAYDB_ATTENDEE_ROWS_H */
