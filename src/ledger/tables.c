/*
 * tables.c
 *	  The names of a ledger's tables.
 */
#include "postgres.h"

#include "ledger/tables.h"

const char *const ledger_table_names[LEDGER_TABLES] = {
	[CONFERENCE] = "conference",
	[ATTENDEE] = "attendee",
	[STAFF] = "staff",
	[CATEGORY] = "category",
	[PRODUCT] = "product",
	[CART] = "cart",
	[CART_ITEM] = "cart_item",
	[CART_DISCOUNT] = "cart_discount",
	[RESERVATION] = "reservation",
	[STOCK_SLOT] = "stock_slot",
	[INVOICE] = "invoice",
	[LINE_ITEM] = "line_item",
	[PAYMENT] = "payment",
	[CREDIT_NOTE] = "credit_note",
	[CREDIT_NOTE_CLAIM] = "credit_note_claim",
	[CREDIT_NOTE_APPLICATION] = "credit_note_application",
	[CREDIT_NOTE_REFUND] = "credit_note_refund",
	[CREDIT_NOTE_REFUND_PART] = "credit_note_refund_part",
	[REVERSAL] = "reversal",
	[OUTBOX] = "outbox",
};
