/*
 * specs.c
 *	  Which columns the engine reads and writes of which table, and what for.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "ledger/catalog.h"
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
	[ATTENDEE] = {
		.columns = attendee_columns,
		.ncolumns = lengthof(attendee_columns),
		.uses = USE_FIND,
	},
	[STAFF] = {
		.columns = staff_columns,
		.ncolumns = lengthof(staff_columns),
		.uses = USE_FIND,
	},
	[CATEGORY] = {
		.columns = category_columns,
		.ncolumns = lengthof(category_columns),
		.uses = USE_LIST,
	},
	[PRODUCT] = {
		.columns = product_columns,
		.ncolumns = lengthof(product_columns),
		.uses = USE_FIND | USE_UPDATE,
	},
	[CART] = {
		.columns = cart_columns,
		.ncolumns = lengthof(cart_columns),
		.uses = USE_FIND | USE_LIST | USE_UPDATE,
		.nlists = 1,
		.lists = {
			[CART_BY_ATTENDEE] = {CART_COL_ATTENDEE_ID, 0},
		},
	},
	[CART_ITEM] = {
		.columns = cart_item_columns,
		.ncolumns = lengthof(cart_item_columns),
		.uses = USE_LIST,
		.nlists = 1,
		.lists = {
			[CART_ITEM_BY_CART] = {CART_ITEM_COL_CART_ID, 0},
		},
	},
	[RESERVATION] = {
		.columns = reservation_columns,
		.ncolumns = lengthof(reservation_columns),
		.uses = USE_LIST | USE_DELETE,
		.nlists = 2,
		.lists = {
			[RESERVATION_BY_CART] = {RESERVATION_COL_CART_ID, 0},
			[RESERVATION_BY_PRODUCT] = {RESERVATION_COL_PRODUCT_ID, RESERVATION_COL_RESERVED_UNTIL},
		},
	},
	[INVOICE] = {
		.columns = invoice_columns,
		.ncolumns = lengthof(invoice_columns),
		.uses = USE_FIND | USE_UPDATE,
	},
	[PAYMENT] = {
		.columns = payment_columns,
		.ncolumns = lengthof(payment_columns),
		.uses = USE_INSERT,
		.has_unique = true,
		.unique = {PAYMENT_COL_PROVIDER, PAYMENT_COL_PROVIDER_REF},
	},
	[CREDIT_NOTE] = {
		.columns = credit_note_columns,
		.ncolumns = lengthof(credit_note_columns),
		.uses = USE_FIND | USE_UPDATE | USE_INSERT,
	},
	[CREDIT_NOTE_CLAIM] = {
		.columns = claim_columns,
		.ncolumns = lengthof(claim_columns),
		.uses = USE_INSERT,
	},
	[CREDIT_NOTE_APPLICATION] = {
		.columns = application_columns,
		.ncolumns = lengthof(application_columns),
		.uses = USE_INSERT,
	},
	[OUTBOX] = {
		.columns = outbox_columns,
		.ncolumns = lengthof(outbox_columns),
		.uses = USE_INSERT,
	},
};

/* Of the types that are PostgreSQL's; the names are for any search_path. */
static const struct
{
	Oid			type;
	const char *name;
}			types[TYPE_ENUM] = {
	[TYPE_INT4] = {INT4OID, "pg_catalog.int4"},
	[TYPE_INT8] = {INT8OID, "pg_catalog.int8"},
	[TYPE_TEXT] = {TEXTOID, "pg_catalog.text"},
	[TYPE_MONEY] = {NUMERICOID, "pg_catalog.numeric"},
	[TYPE_TIME] = {TIMESTAMPTZOID, "pg_catalog.timestamptz"},
	[TYPE_DATE] = {DATEOID, "pg_catalog.date"},
	[TYPE_INTERVAL] = {INTERVALOID, "pg_catalog.interval"},
	[TYPE_BOOL] = {BOOLOID, "pg_catalog.bool"},
};

/* column_type: the type that a column has as long as nobody has changed it. */
Oid
column_type(const ColumnSpec *column)
{
	return column->type < TYPE_ENUM ? types[column->type].type :
		enum_type(column->type - TYPE_ENUM);
}

/* column_type_name: the same for an SQL text. */
const char *
column_type_name(const ColumnSpec *column)
{
	return column->type < TYPE_ENUM ? types[column->type].name :
		enum_type_name(column->type - TYPE_ENUM);
}
