/*
 * grant_access.h
 *	  Who has access to a ledger.
 */
#ifndef REGPAYDB_GRANT_ACCESS_H
#define REGPAYDB_GRANT_ACCESS_H

#include "postgres.h"

#include "ledger/ledger.h"

extern void grants_refresh(const Ledger *ledger, Oid function);

#endif							/* REGPAYDB_GRANT_ACCESS_H */
