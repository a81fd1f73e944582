/*
 * engine.h
 *	  Entering a ledger and leaving it.
 */
#ifndef REGPAYDB_ENGINE_H
#define REGPAYDB_ENGINE_H

#include "postgres.h"

#include "utils/acl.h"

#include "ledger/ledger.h"
#include "rows/direct.h"

/* Whom to be again when the engine is done. */
typedef struct EngineScope
{
	Oid			save_userid;
	int			save_sec_context;
	int			save_nestlevel; /* of settings; 0 where they are left alone */
	DirectScope direct;
	Ledger		reader;			/* see engine_begin_read */
} EngineScope;

extern Ledger *engine_begin(EngineScope *scope, LedgerTable table, const char *column,
							AclMode privilege);
extern Ledger *engine_begin_read(EngineScope *scope, LedgerTable table,
								 const char *column, AclMode privilege);
extern Ledger *engine_begin_read_in(EngineScope *scope, Ledger *ledger,
									LedgerTable table, const char *column,
									AclMode privilege);
extern void engine_check_privilege(LedgerTable table, const char *column,
								   AclMode privilege);
extern void engine_check_privilege_in(Ledger *ledger, LedgerTable table,
									  const char *column, AclMode privilege);
extern void engine_begin_as_owner(EngineScope *scope, Ledger *ledger);
extern void engine_check_version(Ledger *ledger, bool missing_ok);
extern void engine_leave(EngineScope *scope);
extern void engine_end(EngineScope *scope);

#endif							/* REGPAYDB_ENGINE_H */
