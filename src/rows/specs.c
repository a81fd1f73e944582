/*
 * specs.c
 *	  Which columns the engine reads and writes of which table, and what for.
 */
#include "postgres.h"

#include "rows/specs.h"

static const ColumnSpec invoice_columns[] = {
	[INVOICE_COL_ID] = {"invoice_id", TYPE_INT8, 0},
	[INVOICE_COL_ATTENDEE_ID] = {"attendee_id", TYPE_INT8, 0},
	[INVOICE_COL_STATUS] = {"status", TYPE_ENUM + ENUM_INVOICE_STATUS, UPDATED},
	[INVOICE_COL_VALUE] = {"value", TYPE_MONEY, 0},
	[INVOICE_COL_PAID] = {"paid", TYPE_MONEY, UPDATED},
	[INVOICE_COL_PAYMENT_COUNT] = {"payment_count", TYPE_INT8, UPDATED},
	[INVOICE_COL_LAST_PAYMENT_ID] = {"last_payment_id", TYPE_INT8, UPDATED},
	[INVOICE_COL_CART_ID] = {"cart_id", TYPE_INT8, 0},
	[INVOICE_COL_CART_REVISION] = {"cart_revision", TYPE_INT4, 0},
	[INVOICE_COL_PAID_TIME] = {"paid_time", TYPE_TIME, UPDATED},
	[INVOICE_COL_CLOSED_TIME] = {"closed_time", TYPE_TIME, UPDATED},
	[INVOICE_COL_CLOSED_BY] = {"closed_by", TYPE_INT8, UPDATED},
	[INVOICE_COL_CLOSED_REASON] = {"closed_reason", TYPE_TEXT, UPDATED},
};

static const ColumnSpec payment_columns[] = {
	[PAYMENT_COL_ID] = {"payment_id", TYPE_INT8, INSERTED},
	[PAYMENT_COL_INVOICE_ID] = {"invoice_id", TYPE_INT8, INSERTED},
	[PAYMENT_COL_KIND] = {"kind", TYPE_ENUM + ENUM_PAYMENT_KIND, INSERTED},
	[PAYMENT_COL_TIME] = {"time", TYPE_TIME, INSERTED},
	[PAYMENT_COL_AMOUNT] = {"amount", TYPE_MONEY, INSERTED},
	[PAYMENT_COL_REFERENCE] = {"reference", TYPE_TEXT, INSERTED},
	[PAYMENT_COL_PROVIDER] = {"provider", TYPE_TEXT, INSERTED},
	[PAYMENT_COL_PROVIDER_REF] = {"provider_ref", TYPE_TEXT, INSERTED},
	[PAYMENT_COL_ENTERED_BY] = {"entered_by", TYPE_INT8, INSERTED},
	[PAYMENT_COL_VALUE_DATE] = {"value_date", TYPE_DATE, INSERTED},
};

static const ColumnSpec outbox_columns[] = {
	[OUTBOX_COL_KIND] = {"kind", TYPE_ENUM + ENUM_OUTBOX_KIND, INSERTED},
	[OUTBOX_COL_INVOICE_ID] = {"invoice_id", TYPE_INT8, INSERTED},
	[OUTBOX_COL_OLD_STATUS] = {"old_status", TYPE_ENUM + ENUM_INVOICE_STATUS, INSERTED},
	[OUTBOX_COL_NEW_STATUS] = {"new_status", TYPE_ENUM + ENUM_INVOICE_STATUS, INSERTED},
	[OUTBOX_COL_CREDIT_NOTE_ID] = {"credit_note_id", TYPE_INT8, INSERTED},
	[OUTBOX_COL_CART_ID] = {"cart_id", TYPE_INT8, INSERTED},
	[OUTBOX_COL_ENTERED_BY] = {"entered_by", TYPE_INT8, INSERTED},
};

static const ColumnSpec attendee_columns[] = {
	[ATTENDEE_COL_ID] = {"attendee_id", TYPE_INT8, 0},
	[ATTENDEE_COL_USER_ID] = {"user_id", TYPE_INT8, 0},
	[ATTENDEE_COL_ACCESS_CODE] = {"access_code", TYPE_TEXT, 0},
	[ATTENDEE_COL_RECIPIENT] = {"recipient", TYPE_TEXT, 0},
};

static const ColumnSpec staff_columns[] = {
	[STAFF_COL_USER_ID] = {"user_id", TYPE_INT8, 0},
};

static const ColumnSpec category_columns[] = {
	[CATEGORY_COL_ID] = {"category_id", TYPE_INT8, 0},
	[CATEGORY_COL_REQUIRED] = {"required", TYPE_BOOL, 0},
	[CATEGORY_COL_LIMIT] = {"limit_per_attendee", TYPE_INT4, 0},
};

static const ColumnSpec product_columns[] = {
	[PRODUCT_COL_ID] = {"product_id", TYPE_INT8, 0},
	[PRODUCT_COL_CATEGORY_ID] = {"category_id", TYPE_INT8, 0},
	[PRODUCT_COL_STOCK] = {"stock", TYPE_INT4, 0},
	[PRODUCT_COL_LIMIT] = {"limit_per_attendee", TYPE_INT4, 0},
	[PRODUCT_COL_SOLD] = {"sold", TYPE_INT8, UPDATED},
};

static const ColumnSpec cart_columns[] = {
	[CART_COL_ID] = {"cart_id", TYPE_INT8, 0},
	[CART_COL_ATTENDEE_ID] = {"attendee_id", TYPE_INT8, 0},
	[CART_COL_STATUS] = {"status", TYPE_ENUM + ENUM_CART_STATUS, UPDATED},
	[CART_COL_REVISION] = {"revision", TYPE_INT4, 0},
	[CART_COL_ENTRY_COUNT] = {"entry_count", TYPE_INT4, 0},
	[CART_COL_TIME_LAST_UPDATED] = {"time_last_updated", TYPE_TIME, 0},
	[CART_COL_RESERVATION_DURATION] = {"reservation_duration", TYPE_INTERVAL, 0},
};

static const ColumnSpec cart_item_columns[] = {
	[CART_ITEM_COL_CART_ID] = {"cart_id", TYPE_INT8, 0},
	[CART_ITEM_COL_PRODUCT_ID] = {"product_id", TYPE_INT8, 0},
	[CART_ITEM_COL_QUANTITY] = {"quantity", TYPE_INT4, 0},
};

static const ColumnSpec reservation_columns[] = {
	[RESERVATION_COL_CART_ID] = {"cart_id", TYPE_INT8, 0},
	[RESERVATION_COL_PRODUCT_ID] = {"product_id", TYPE_INT8, 0},
	[RESERVATION_COL_QUANTITY] = {"quantity", TYPE_INT4, 0},
	[RESERVATION_COL_RESERVED_UNTIL] = {"reserved_until", TYPE_TIME, 0},
};

static const ColumnSpec credit_note_columns[] = {
	[CREDIT_NOTE_COL_ID] = {"credit_note_id", TYPE_INT8, INSERTED},
	[CREDIT_NOTE_COL_ATTENDEE_ID] = {"attendee_id", TYPE_INT8, INSERTED},
	[CREDIT_NOTE_COL_VALUE] = {"value", TYPE_MONEY, INSERTED},
	[CREDIT_NOTE_COL_STATE] = {"state", TYPE_ENUM + ENUM_CREDIT_NOTE_STATE, INSERTED | UPDATED},
};

static const ColumnSpec claim_columns[] = {
	[CLAIM_COL_CREDIT_NOTE_ID] = {"credit_note_id", TYPE_INT8, INSERTED},
	[CLAIM_COL_CLAIM] = {"claim", TYPE_ENUM + ENUM_CREDIT_NOTE_STATE, INSERTED},
};

static const ColumnSpec application_columns[] = {
	[APPLICATION_COL_PAYMENT_ID] = {"payment_id", TYPE_INT8, INSERTED},
	[APPLICATION_COL_CREDIT_NOTE_ID] = {"credit_note_id", TYPE_INT8, INSERTED},
};

const TableSpec table_specs[LEDGER_TABLES] = {
	[ATTENDEE] = {attendee_columns, lengthof(attendee_columns), USE_READ, 0, {{0}}},
	[STAFF] = {staff_columns, lengthof(staff_columns), USE_READ, 0, {{0}}},
	[CATEGORY] = {category_columns, lengthof(category_columns), USE_LIST, 0, {{0}}},
	[PRODUCT] = {product_columns, lengthof(product_columns), USE_READ | USE_UPDATE, 0, {{0}}},
	[CART] = {cart_columns, lengthof(cart_columns), USE_READ | USE_LIST | USE_UPDATE, 1,
		{
			[CART_BY_ATTENDEE] = {CART_COL_ATTENDEE_ID, 0},
		}
	},
	[CART_ITEM] = {cart_item_columns, lengthof(cart_item_columns), USE_LIST, 1,
		{
			[CART_ITEM_BY_CART] = {CART_ITEM_COL_CART_ID, 0},
		}
	},
	[RESERVATION] = {reservation_columns, lengthof(reservation_columns), USE_LIST | USE_DELETE, 2,
		{
			[RESERVATION_BY_CART] = {RESERVATION_COL_CART_ID, 0},
			[RESERVATION_BY_PRODUCT] = {RESERVATION_COL_PRODUCT_ID, RESERVATION_COL_RESERVED_UNTIL},
		}
	},
	[INVOICE] = {invoice_columns, lengthof(invoice_columns), USE_READ | USE_UPDATE, 0, {{0}}},
	[PAYMENT] = {payment_columns, lengthof(payment_columns), USE_INSERT, 0, {{0}}},
	[CREDIT_NOTE] = {credit_note_columns, lengthof(credit_note_columns), USE_READ | USE_UPDATE | USE_INSERT, 0, {{0}}},
	[CREDIT_NOTE_CLAIM] = {claim_columns, lengthof(claim_columns), USE_INSERT, 0, {{0}}},
	[CREDIT_NOTE_APPLICATION] = {application_columns, lengthof(application_columns), USE_INSERT, 0, {{0}}},
	[OUTBOX] = {outbox_columns, lengthof(outbox_columns), USE_INSERT, 0, {{0}}},
};
