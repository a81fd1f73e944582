/*
 * catalog.h
 *	  The extension's types and functions in PostgreSQL's catalog.
 */
#ifndef REGPAYDB_CATALOG_H
#define REGPAYDB_CATALOG_H

#include "ledger/model.h"

/* Types of the extension that columns have. */
typedef enum EnumType
{
	ENUM_INVOICE_STATUS,
	ENUM_PAYMENT_KIND,
	ENUM_OUTBOX_KIND,
	ENUM_CART_STATUS,
	ENUM_CREDIT_NOTE_STATE,
	ENUM_REFUND_STATE,
	ENUM_TYPES
} EnumType;

/* Our trigger functions that let the engine's rows pass. */
typedef struct TriggerFunctions
{
	Oid			settle_payments;
	Oid			guard_rows;
	Oid			move_reservation;
	Oid			amend_carts;
} TriggerFunctions;

extern const char *const cart_status_names[CART_STATUS_RELEASED + 1];
extern const char *const credit_note_state_names[CREDIT_NOTE_REFUNDED + 1];
extern const char *const invoice_status_names[INVOICE_VOID + 1];
extern const char *const outbox_kind_names[OUTBOX_REVERSAL_LOSS + 1];
extern const char *const payment_kind_names[PAYMENT_REFUND_FAILED + 1];
extern const char *const refund_state_names[REFUND_FAILED + 1];

extern void catalog_init(void);
extern Oid	extension_type(const char *name);
extern Oid	enum_type(EnumType type);
extern const char *enum_type_name(EnumType type);
extern Oid	enum_oid(EnumType type, int value);
extern int	enum_value(EnumType type, Oid oid);
extern const TriggerFunctions *our_trigger_functions(void);
extern uint64 code_changes(void);

#endif							/* REGPAYDB_CATALOG_H */
