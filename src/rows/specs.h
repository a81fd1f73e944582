/*
 * specs.h
 *	  Which columns the engine reads and writes of which table, and what for.
 */
#ifndef REGPAYDB_SPECS_H
#define REGPAYDB_SPECS_H

#include "ledger/catalog.h"
#include "ledger/ledger.h"

typedef enum ColumnType
{
	TYPE_INT4,
	TYPE_INT8,
	TYPE_TEXT,
	TYPE_MONEY,
	TYPE_TIME,
	TYPE_DATE,
	TYPE_INTERVAL,
	TYPE_BOOL,
	TYPE_ENUM					/* and those of EnumType follow */
} ColumnType;

typedef struct ColumnSpec
{
	const char *name;
	int			type;
	int			written;		/* INSERTED, UPDATED */
} ColumnSpec;

#define INSERTED	1
#define UPDATED		2

/*
 * The columns that the engine reads and writes, table by table, the key first: their
 * numbers for C, their names, their types, and when they are written.
 */
#define INVOICE_SPEC(COLUMN) \
	COLUMN(INVOICE_COL_ID, "invoice_id", TYPE_INT8, 0) \
	COLUMN(INVOICE_COL_ATTENDEE_ID, "attendee_id", TYPE_INT8, 0) \
	COLUMN(INVOICE_COL_STATUS, "status", TYPE_ENUM + ENUM_INVOICE_STATUS, UPDATED) \
	COLUMN(INVOICE_COL_VALUE, "value", TYPE_MONEY, 0) \
	COLUMN(INVOICE_COL_PAID, "paid", TYPE_MONEY, UPDATED) \
	COLUMN(INVOICE_COL_PAYMENT_COUNT, "payment_count", TYPE_INT8, UPDATED) \
	COLUMN(INVOICE_COL_LAST_PAYMENT_ID, "last_payment_id", TYPE_INT8, UPDATED) \
	COLUMN(INVOICE_COL_CART_ID, "cart_id", TYPE_INT8, 0) \
	COLUMN(INVOICE_COL_CART_REVISION, "cart_revision", TYPE_INT4, 0) \
	COLUMN(INVOICE_COL_PAID_TIME, "paid_time", TYPE_TIME, UPDATED) \
	COLUMN(INVOICE_COL_CLOSED_TIME, "closed_time", TYPE_TIME, UPDATED) \
	COLUMN(INVOICE_COL_CLOSED_BY, "closed_by", TYPE_INT8, UPDATED) \
	COLUMN(INVOICE_COL_CLOSED_REASON, "closed_reason", TYPE_TEXT, UPDATED)

#define PAYMENT_SPEC(COLUMN) \
	COLUMN(PAYMENT_COL_ID, "payment_id", TYPE_INT8, INSERTED) \
	COLUMN(PAYMENT_COL_INVOICE_ID, "invoice_id", TYPE_INT8, INSERTED) \
	COLUMN(PAYMENT_COL_KIND, "kind", TYPE_ENUM + ENUM_PAYMENT_KIND, INSERTED) \
	COLUMN(PAYMENT_COL_TIME, "time", TYPE_TIME, INSERTED) \
	COLUMN(PAYMENT_COL_AMOUNT, "amount", TYPE_MONEY, INSERTED) \
	COLUMN(PAYMENT_COL_REFERENCE, "reference", TYPE_TEXT, INSERTED) \
	COLUMN(PAYMENT_COL_PROVIDER, "provider", TYPE_TEXT, INSERTED) \
	COLUMN(PAYMENT_COL_PROVIDER_REF, "provider_ref", TYPE_TEXT, INSERTED) \
	COLUMN(PAYMENT_COL_ENTERED_BY, "entered_by", TYPE_INT8, INSERTED) \
	COLUMN(PAYMENT_COL_VALUE_DATE, "value_date", TYPE_DATE, INSERTED)

#define OUTBOX_SPEC(COLUMN) \
	COLUMN(OUTBOX_COL_KIND, "kind", TYPE_ENUM + ENUM_OUTBOX_KIND, INSERTED) \
	COLUMN(OUTBOX_COL_INVOICE_ID, "invoice_id", TYPE_INT8, INSERTED) \
	COLUMN(OUTBOX_COL_OLD_STATUS, "old_status", TYPE_ENUM + ENUM_INVOICE_STATUS, INSERTED) \
	COLUMN(OUTBOX_COL_NEW_STATUS, "new_status", TYPE_ENUM + ENUM_INVOICE_STATUS, INSERTED) \
	COLUMN(OUTBOX_COL_CREDIT_NOTE_ID, "credit_note_id", TYPE_INT8, INSERTED) \
	COLUMN(OUTBOX_COL_CART_ID, "cart_id", TYPE_INT8, INSERTED) \
	COLUMN(OUTBOX_COL_ENTERED_BY, "entered_by", TYPE_INT8, INSERTED)

#define ATTENDEE_SPEC(COLUMN) \
	COLUMN(ATTENDEE_COL_ID, "attendee_id", TYPE_INT8, 0) \
	COLUMN(ATTENDEE_COL_USER_ID, "user_id", TYPE_INT8, 0) \
	COLUMN(ATTENDEE_COL_ACCESS_CODE, "access_code", TYPE_TEXT, 0) \
	COLUMN(ATTENDEE_COL_RECIPIENT, "recipient", TYPE_TEXT, 0)

#define STAFF_SPEC(COLUMN) \
	COLUMN(STAFF_COL_USER_ID, "user_id", TYPE_INT8, 0)

#define CATEGORY_SPEC(COLUMN) \
	COLUMN(CATEGORY_COL_ID, "category_id", TYPE_INT8, 0) \
	COLUMN(CATEGORY_COL_REQUIRED, "required", TYPE_BOOL, 0) \
	COLUMN(CATEGORY_COL_LIMIT, "limit_per_attendee", TYPE_INT4, 0)

#define PRODUCT_SPEC(COLUMN) \
	COLUMN(PRODUCT_COL_ID, "product_id", TYPE_INT8, 0) \
	COLUMN(PRODUCT_COL_CATEGORY_ID, "category_id", TYPE_INT8, 0) \
	COLUMN(PRODUCT_COL_STOCK, "stock", TYPE_INT4, 0) \
	COLUMN(PRODUCT_COL_LIMIT, "limit_per_attendee", TYPE_INT4, 0) \
	COLUMN(PRODUCT_COL_SOLD, "sold", TYPE_INT8, UPDATED)

#define CART_SPEC(COLUMN) \
	COLUMN(CART_COL_ID, "cart_id", TYPE_INT8, 0) \
	COLUMN(CART_COL_ATTENDEE_ID, "attendee_id", TYPE_INT8, 0) \
	COLUMN(CART_COL_STATUS, "status", TYPE_ENUM + ENUM_CART_STATUS, UPDATED) \
	COLUMN(CART_COL_REVISION, "revision", TYPE_INT4, 0) \
	COLUMN(CART_COL_ENTRY_COUNT, "entry_count", TYPE_INT4, 0) \
	COLUMN(CART_COL_TIME_LAST_UPDATED, "time_last_updated", TYPE_TIME, 0) \
	COLUMN(CART_COL_RESERVATION_DURATION, "reservation_duration", TYPE_INTERVAL, 0)

#define CART_ITEM_SPEC(COLUMN) \
	COLUMN(CART_ITEM_COL_CART_ID, "cart_id", TYPE_INT8, 0) \
	COLUMN(CART_ITEM_COL_PRODUCT_ID, "product_id", TYPE_INT8, 0) \
	COLUMN(CART_ITEM_COL_QUANTITY, "quantity", TYPE_INT4, 0)

#define RESERVATION_SPEC(COLUMN) \
	COLUMN(RESERVATION_COL_CART_ID, "cart_id", TYPE_INT8, 0) \
	COLUMN(RESERVATION_COL_PRODUCT_ID, "product_id", TYPE_INT8, 0) \
	COLUMN(RESERVATION_COL_QUANTITY, "quantity", TYPE_INT4, 0) \
	COLUMN(RESERVATION_COL_RESERVED_UNTIL, "reserved_until", TYPE_TIME, 0)

#define CREDIT_NOTE_SPEC(COLUMN) \
	COLUMN(CREDIT_NOTE_COL_ID, "credit_note_id", TYPE_INT8, INSERTED) \
	COLUMN(CREDIT_NOTE_COL_ATTENDEE_ID, "attendee_id", TYPE_INT8, INSERTED) \
	COLUMN(CREDIT_NOTE_COL_VALUE, "value", TYPE_MONEY, INSERTED) \
	COLUMN(CREDIT_NOTE_COL_STATE, "state", TYPE_ENUM + ENUM_CREDIT_NOTE_STATE, INSERTED | UPDATED)

#define CLAIM_SPEC(COLUMN) \
	COLUMN(CLAIM_COL_CREDIT_NOTE_ID, "credit_note_id", TYPE_INT8, INSERTED) \
	COLUMN(CLAIM_COL_CLAIM, "claim", TYPE_ENUM + ENUM_CREDIT_NOTE_STATE, INSERTED)

#define APPLICATION_SPEC(COLUMN) \
	COLUMN(APPLICATION_COL_PAYMENT_ID, "payment_id", TYPE_INT8, INSERTED) \
	COLUMN(APPLICATION_COL_CREDIT_NOTE_ID, "credit_note_id", TYPE_INT8, INSERTED)

#define COLUMN_NUMBER(number, name, type, written) number,

enum {INVOICE_SPEC(COLUMN_NUMBER) INVOICE_COLUMNS};
enum {PAYMENT_SPEC(COLUMN_NUMBER) PAYMENT_COLUMNS};
enum {OUTBOX_SPEC(COLUMN_NUMBER) OUTBOX_COLUMNS};
enum {ATTENDEE_SPEC(COLUMN_NUMBER) ATTENDEE_COLUMNS};
enum {STAFF_SPEC(COLUMN_NUMBER) STAFF_COLUMNS};
enum {CATEGORY_SPEC(COLUMN_NUMBER) CATEGORY_COLUMNS};
enum {PRODUCT_SPEC(COLUMN_NUMBER) PRODUCT_COLUMNS};
enum {CART_SPEC(COLUMN_NUMBER) CART_COLUMNS};
enum {CART_ITEM_SPEC(COLUMN_NUMBER) CART_ITEM_COLUMNS};
enum {RESERVATION_SPEC(COLUMN_NUMBER) RESERVATION_COLUMNS};
enum {CREDIT_NOTE_SPEC(COLUMN_NUMBER) CREDIT_NOTE_COLUMNS};
enum {CLAIM_SPEC(COLUMN_NUMBER) CLAIM_COLUMNS};
enum {APPLICATION_SPEC(COLUMN_NUMBER) APPLICATION_COLUMNS};

#define MAX_TABLE_COLUMNS 13

/* The ways in which a table's rows are listed: by the beginning of an index. */
#define CART_BY_ATTENDEE		0
#define CART_ITEM_BY_CART		0
#define RESERVATION_BY_CART		0
#define RESERVATION_BY_PRODUCT	1	/* and reserved_until */
#define MAX_LISTS				2

#define USE_FIND	0x01			/* by the first column, its key */
#define USE_LIST	0x02
#define USE_UPDATE	0x04
#define USE_INSERT	0x08
#define USE_DELETE	0x10

/* The columns that an index to list by begins with. */
typedef struct ListSpec
{
	int			column;
	int			time_column;	/* 0 for none */
} ListSpec;

/* What is done to the rows of a table; one without columns is used by queries only. */
typedef struct TableSpec
{
	const ColumnSpec *columns;
	int			ncolumns;
	int			uses;
	int			nlists;
	ListSpec	lists[MAX_LISTS];
	bool		has_unique;		/* two texts, by which rows are found and inserted once */
	int			unique[2];
} TableSpec;

extern const TableSpec table_specs[LEDGER_TABLES];

extern Oid	column_type(const ColumnSpec *column);
extern const char *column_type_name(const ColumnSpec *column);

#endif							/* REGPAYDB_SPECS_H */
