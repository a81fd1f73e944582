/*
 * row_security.h
 *	  Policies of a ledger's tables.
 */
#ifndef REGPAYDB_ROW_SECURITY_H
#define REGPAYDB_ROW_SECURITY_H

#include "postgres.h"

#include "nodes/pg_list.h"

#include "ledger/ledger.h"

extern List *policy_roles(Oid table, const char *policy);
extern void lock_policy_tables(const Ledger *ledger);
extern void set_policy(const Ledger *ledger, const char *table, const char *policy, Oid role,
					   bool member, const char *kind, const char *clauses,
					   const char *comment);
extern void set_actor_policies(const Ledger *ledger, Oid role, bool member);

#endif							/* REGPAYDB_ROW_SECURITY_H */
