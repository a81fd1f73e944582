/*
 * specs.c
 *	  Which columns the engine reads and writes of which table, and what for.
 */
#include "postgres.h"

#include "catalog/pg_type.h"

#include "rows/specs.h"

#define COLUMN_SPEC(number, name, type, written) {name, type, written},

static const ColumnSpec invoice_columns[] = {INVOICE_SPEC(COLUMN_SPEC)};
static const ColumnSpec payment_columns[] = {PAYMENT_SPEC(COLUMN_SPEC)};
static const ColumnSpec outbox_columns[] = {OUTBOX_SPEC(COLUMN_SPEC)};
static const ColumnSpec attendee_columns[] = {ATTENDEE_SPEC(COLUMN_SPEC)};
static const ColumnSpec staff_columns[] = {STAFF_SPEC(COLUMN_SPEC)};
static const ColumnSpec category_columns[] = {CATEGORY_SPEC(COLUMN_SPEC)};
static const ColumnSpec product_columns[] = {PRODUCT_SPEC(COLUMN_SPEC)};
static const ColumnSpec cart_columns[] = {CART_SPEC(COLUMN_SPEC)};
static const ColumnSpec cart_item_columns[] = {CART_ITEM_SPEC(COLUMN_SPEC)};
static const ColumnSpec cart_discount_columns[] = {CART_DISCOUNT_SPEC(COLUMN_SPEC)};
static const ColumnSpec reservation_columns[] = {RESERVATION_SPEC(COLUMN_SPEC)};
static const ColumnSpec stock_slot_columns[] = {STOCK_SLOT_SPEC(COLUMN_SPEC)};
static const ColumnSpec line_item_columns[] = {LINE_ITEM_SPEC(COLUMN_SPEC)};
static const ColumnSpec credit_note_columns[] = {CREDIT_NOTE_SPEC(COLUMN_SPEC)};
static const ColumnSpec claim_columns[] = {CLAIM_SPEC(COLUMN_SPEC)};
static const ColumnSpec application_columns[] = {APPLICATION_SPEC(COLUMN_SPEC)};
static const ColumnSpec refund_columns[] = {REFUND_SPEC(COLUMN_SPEC)};
static const ColumnSpec refund_part_columns[] = {REFUND_PART_SPEC(COLUMN_SPEC)};
static const ColumnSpec reversal_columns[] = {REVERSAL_SPEC(COLUMN_SPEC)};

StaticAssertDecl(INVOICE_COLUMNS <= MAX_TABLE_COLUMNS, "invoice has the most columns");

const TableSpec table_specs[LEDGER_TABLES] = {
	[ATTENDEE] = {
		.columns = attendee_columns,
		.ncolumns = lengthof(attendee_columns),
		.uses = USE_FIND | USE_UPDATE,
	},
	[STAFF] = {
		.columns = staff_columns,
		.ncolumns = lengthof(staff_columns),
		.uses = USE_FIND,
	},
	[CATEGORY] = {
		.columns = category_columns,
		.ncolumns = lengthof(category_columns),
		.uses = USE_FIND | USE_LIST,
	},
	[PRODUCT] = {
		.columns = product_columns,
		.ncolumns = lengthof(product_columns),
		.uses = USE_FIND,
	},
	[CART] = {
		.columns = cart_columns,
		.ncolumns = lengthof(cart_columns),
		.uses = USE_FIND | USE_LIST | USE_UPDATE,
		.nlists = 1,
		.lists = {
			[CART_BY_ATTENDEE] = CART_COL_ATTENDEE_ID,
		},
	},
	[CART_ITEM] = {
		.columns = cart_item_columns,
		.ncolumns = lengthof(cart_item_columns),
		.uses = USE_LIST | USE_INSERT,
		.nlists = 1,
		.lists = {
			[CART_ITEM_BY_CART] = CART_ITEM_COL_CART_ID,
		},
		.has_unique = true,
		.unique = {CART_ITEM_COL_CART_ID, CART_ITEM_COL_PRODUCT_ID},
	},
	[CART_DISCOUNT] = {
		.columns = cart_discount_columns,
		.ncolumns = lengthof(cart_discount_columns),
		.uses = USE_LIST,
		.nlists = 1,
		.lists = {
			[CART_DISCOUNT_BY_CART] = CART_DISCOUNT_COL_CART_ID,
		},
	},
	[RESERVATION] = {
		.columns = reservation_columns,
		.ncolumns = lengthof(reservation_columns),
		.uses = USE_LIST | USE_INSERT | USE_DELETE,
		.nlists = 1,
		.lists = {
			[RESERVATION_BY_CART] = RESERVATION_COL_CART_ID,
		},
	},
	[STOCK_SLOT] = {
		.columns = stock_slot_columns,
		.ncolumns = lengthof(stock_slot_columns),
		.uses = USE_FIND | USE_LIST | USE_UPDATE,
		.nlists = 2,
		.lists = {
			[STOCK_SLOT_BY_PRODUCT] = STOCK_SLOT_COL_PRODUCT_ID,
			[STOCK_SLOT_BY_CATEGORY] = STOCK_SLOT_COL_CATEGORY_ID,
		},
	},
	[INVOICE] = {
		.columns = invoice_columns,
		.ncolumns = lengthof(invoice_columns),
		.uses = USE_FIND | USE_LIST | USE_UPDATE | USE_INSERT,
		.nlists = 1,
		.lists = {
			[INVOICE_BY_CART] = INVOICE_COL_CART_ID,
		},
	},
	[LINE_ITEM] = {
		.columns = line_item_columns,
		.ncolumns = lengthof(line_item_columns),
		.uses = USE_INSERT,
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
	[CREDIT_NOTE_REFUND] = {
		.columns = refund_columns,
		.ncolumns = lengthof(refund_columns),
		.uses = USE_FIND | USE_UPDATE | USE_INSERT,
	},
	[CREDIT_NOTE_REFUND_PART] = {
		.columns = refund_part_columns,
		.ncolumns = lengthof(refund_part_columns),
		.uses = USE_INSERT,
	},
	[REVERSAL] = {
		.columns = reversal_columns,
		.ncolumns = lengthof(reversal_columns),
		.uses = USE_INSERT,
		.has_unique = true,
		.unique = {REVERSAL_COL_PROVIDER, REVERSAL_COL_REVERSAL_REF},
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
