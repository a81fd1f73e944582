/*
 * errors.h
 *	  The SQLSTATEs of class RP.  Spec section 5.
 */
#ifndef REGPAYDB_ERRORS_H
#define REGPAYDB_ERRORS_H

#include "utils/elog.h"

#define RP_INVOICE_NOT_PAYABLE	MAKE_SQLSTATE('R', 'P', '0', '0', '1')
#define RP_NOT_FOUND			MAKE_SQLSTATE('R', 'P', '0', '0', '2')
#define RP_INVALID_AMOUNT		MAKE_SQLSTATE('R', 'P', '0', '0', '3')
#define RP_REGISTRATION_AMENDED MAKE_SQLSTATE('R', 'P', '0', '0', '4')
#define RP_CART_INVALID			MAKE_SQLSTATE('R', 'P', '0', '0', '5')
#define RP_CREDIT_NOTE_CLAIMED	MAKE_SQLSTATE('R', 'P', '0', '0', '6')
#define RP_INVOICE_HAS_PAYMENTS MAKE_SQLSTATE('R', 'P', '0', '0', '7')
#define RP_INVALID_STATE		MAKE_SQLSTATE('R', 'P', '0', '0', '8')
#define RP_IDEMPOTENCY_CONFLICT MAKE_SQLSTATE('R', 'P', '0', '0', '9')
#define RP_STAFF_ONLY			MAKE_SQLSTATE('R', 'P', '0', '1', '0')
#define RP_APPEND_ONLY			MAKE_SQLSTATE('R', 'P', '0', '1', '1')
#define RP_LEDGER_VERSION		MAKE_SQLSTATE('R', 'P', '0', '1', '2')

#endif							/* REGPAYDB_ERRORS_H */
