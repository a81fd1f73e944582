/*
 * grants.h
 *	  What each use of a ledger needs.
 */
#ifndef REGPAYDB_GRANTS_H
#define REGPAYDB_GRANTS_H

#include "postgres.h"

#include "ledger/ledger.h"

/* Uses of a ledger, as bits. */
#define ACCESS_APP		1
#define ACCESS_STAFF	2
#define ACCESS_REPORTS	4

extern bool grants_explain(int access, const char *relation, const char *column,
						   const char *privilege);
extern void grants_set_relations(const Ledger *ledger, int access, bool grant,
								 const char *role_name);
extern void grants_set_functions(Oid functions_owner, int access, bool grant,
								 const char *role_name);
extern void grants_lock(Oid function);
extern Oid	grants_functions_owner(Oid function);
extern void grants_to_owner(Oid function, Oid owner);

#endif							/* REGPAYDB_GRANTS_H */
