/*
 * grants.h
 *	  What roles are granted.
 */
#ifndef REGPAYDB_GRANTS_H
#define REGPAYDB_GRANTS_H

#include "postgres.h"

extern void grant_functions_to_owner(Oid create_ledger, Oid owner);

#endif							/* REGPAYDB_GRANTS_H */
