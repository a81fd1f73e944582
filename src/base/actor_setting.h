/*
 * actor_setting.h
 *	  The settings that say on whose behalf a session acts.
 */
#ifndef REGPAYDB_ACTOR_SETTING_H
#define REGPAYDB_ACTOR_SETTING_H

#include "postgres.h"

extern char *user_id_setting;
extern char *access_code_setting;
extern uint64 actor_changes;

extern void actor_changed(const char *newval, void *extra);
extern bool actor_user_id(int64 *user_id);
extern const char *actor_code(void);
extern bool actor_is_set(void);

#endif							/* REGPAYDB_ACTOR_SETTING_H */
