/*
 * actor.h
 *	  Who may view and do what.
 */
#ifndef REGPAYDB_ACTOR_H
#define REGPAYDB_ACTOR_H

#include "base/actor_setting.h"
#include "engine/engine.h"
#include "ledger/model.h"

extern bool viewer_may_view(const AttendeeRow *attendee, const int64 *user_id, bool is_staff,
							const char *code, size_t code_length);
extern bool actor_may_view(Ledger *ledger, int64 attendee_id);
extern void actor_must_be_staff(Ledger *ledger);
extern void actor_must_be(int64 entered_by);
extern Ledger *staff_begin(LedgerTable table, const char *column, AclMode privilege);
extern void check_entered_by(Ledger *ledger, int64 entered_by);

#endif							/* REGPAYDB_ACTOR_H */
