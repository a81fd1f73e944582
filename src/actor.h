/*
 * actor.h
 *	  Who may view what.
 */
#ifndef REGPAYDB_ACTOR_H
#define REGPAYDB_ACTOR_H

#include "rows.h"

extern char *user_id_setting;
extern char *access_code_setting;
extern uint64 actor_changes;

extern bool viewer_may_view(const AttendeeRow *attendee, const int64 *user_id, bool is_staff,
							const char *code, size_t code_length);
extern void actor_changed(const char *newval, void *extra);
extern bool actor_user_id(int64 *user_id);
extern const char *actor_code(void);
extern void actor_must_be_staff(Ledger *ledger);
extern bool actor_may_view(Ledger *ledger, int64 attendee_id);

#endif							/* REGPAYDB_ACTOR_H */
