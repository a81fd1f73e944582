/*
 * engine.h
 *	  Entering a ledger and leaving it.
 */
#ifndef REGPAYDB_ENGINE_H
#define REGPAYDB_ENGINE_H

#include "utils/acl.h"

#include "ledger/ledger.h"

extern Ledger *engine_begin(LedgerTable table, const char *column, AclMode privilege);
extern Ledger *engine_begin_read(LedgerTable table, const char *column, AclMode privilege);
extern Ledger *engine_begin_read_in(Ledger *ledger, LedgerTable table, const char *column,
									AclMode privilege);
extern void engine_begin_as_owner(Ledger *ledger);
extern Ledger *engine_reader(void);
extern void engine_check_privilege(LedgerTable table, const char *column, AclMode privilege);
extern void engine_check_privilege_in(Ledger *ledger, LedgerTable table, const char *column,
									  AclMode privilege);
extern void engine_check_version(Ledger *ledger, bool missing_ok);
extern void engine_leave(void);
extern void engine_end(void);

#endif							/* REGPAYDB_ENGINE_H */
