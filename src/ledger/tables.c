/*
 * tables.c
 *	  The names of a ledger's tables.
 */
#include "postgres.h"

#include <ctype.h>

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

/*
 * ledger_table_name
 *		The name of the table that a relation of this name has the rows of: where it is
 *		one of Citus's shards, that without the shard's number.
 */
const char *
ledger_table_name(const char *relation)
{
	size_t		length = strlen(relation);

	while (length > 0 && isdigit((unsigned char) relation[length - 1]))
		length--;
	for (int i = 0; relation[length] != '\0' && i < LEDGER_TABLES; i++)
		if (strlen(ledger_table_names[i]) + 1 == length && relation[length - 1] == '_' &&
			strncmp(relation, ledger_table_names[i], length - 1) == 0)
			return ledger_table_names[i];
	return relation;
}
