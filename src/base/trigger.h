/*
 * trigger.h
 *	  Checks that every trigger function makes before it believes anything.
 */
#ifndef REGPAYDB_TRIGGER_H
#define REGPAYDB_TRIGGER_H

#include "postgres.h"

#include "catalog/pg_type.h"
#include "commands/trigger.h"
#include "fmgr.h"

/* For check_trigger: INSERT, UPDATE or DELETE. */
#define TRIGGER_ANY_EVENT	((TriggerEvent) -1)

extern TriggerData *check_trigger(FunctionCallInfo fcinfo, const char *function,
								  TriggerEvent timing_and_level, TriggerEvent event);
extern int	find_trigger_column(TriggerData *trigger, const char *name, Oid type);

#endif							/* REGPAYDB_TRIGGER_H */
