/*
 * check_grants.h
 *	  What roles were granted in a ledger, but not by grant_access().
 */
#ifndef REGPAYDB_CHECK_GRANTS_H
#define REGPAYDB_CHECK_GRANTS_H

#include "postgres.h"

extern bool is_granted_by_hand(const Oid *schemas, int nschemas, Oid role);

#endif							/* REGPAYDB_CHECK_GRANTS_H */
