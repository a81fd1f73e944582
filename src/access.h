/*
 * access.h
 *	  Who may see what.
 */
#ifndef REGPAYDB_ACCESS_H
#define REGPAYDB_ACCESS_H

#include "store.h"

extern char *user_id_setting;
extern char *access_code_setting;

extern bool actor_may_view(Ledger *ledger, int64 attendee_id);

#endif							/* REGPAYDB_ACCESS_H */
