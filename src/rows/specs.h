/*
 * specs.h
 *	  Which columns the engine reads and writes of which table, and what for.
 */
#ifndef REGPAYDB_SPECS_H
#define REGPAYDB_SPECS_H

#include "ledger/catalog.h"
#include "ledger/ledger.h"

/* The columns that the engine reads and writes, table by table. */
typedef enum InvoiceColumn
{
	INVOICE_COL_ID,
	INVOICE_COL_ATTENDEE_ID,
	INVOICE_COL_STATUS,
	INVOICE_COL_VALUE,
	INVOICE_COL_PAID,
	INVOICE_COL_PAYMENT_COUNT,
	INVOICE_COL_LAST_PAYMENT_ID,
	INVOICE_COL_CART_ID,
	INVOICE_COL_CART_REVISION,
	INVOICE_COL_PAID_TIME,
	INVOICE_COL_CLOSED_TIME,
	INVOICE_COL_CLOSED_BY,
	INVOICE_COL_CLOSED_REASON,
	INVOICE_COLUMNS
} InvoiceColumn;

typedef enum PaymentColumn
{
	PAYMENT_COL_ID,
	PAYMENT_COL_INVOICE_ID,
	PAYMENT_COL_KIND,
	PAYMENT_COL_TIME,
	PAYMENT_COL_AMOUNT,
	PAYMENT_COL_REFERENCE,
	PAYMENT_COL_PROVIDER,
	PAYMENT_COL_PROVIDER_REF,
	PAYMENT_COL_ENTERED_BY,
	PAYMENT_COL_VALUE_DATE,
	PAYMENT_COLUMNS
} PaymentColumn;

typedef enum OutboxColumn
{
	OUTBOX_COL_KIND,
	OUTBOX_COL_INVOICE_ID,
	OUTBOX_COL_OLD_STATUS,
	OUTBOX_COL_NEW_STATUS,
	OUTBOX_COL_CREDIT_NOTE_ID,
	OUTBOX_COL_CART_ID,
	OUTBOX_COL_ENTERED_BY,
	OUTBOX_COLUMNS
} OutboxColumn;

typedef enum AttendeeColumn
{
	ATTENDEE_COL_ID,
	ATTENDEE_COL_USER_ID,
	ATTENDEE_COL_ACCESS_CODE,
	ATTENDEE_COL_RECIPIENT,
	ATTENDEE_COLUMNS
} AttendeeColumn;

typedef enum StaffColumn
{
	STAFF_COL_USER_ID,
	STAFF_COLUMNS
} StaffColumn;

typedef enum CategoryColumn
{
	CATEGORY_COL_ID,
	CATEGORY_COL_REQUIRED,
	CATEGORY_COL_LIMIT,
	CATEGORY_COLUMNS
} CategoryColumn;

typedef enum ProductColumn
{
	PRODUCT_COL_ID,
	PRODUCT_COL_CATEGORY_ID,
	PRODUCT_COL_STOCK,
	PRODUCT_COL_LIMIT,
	PRODUCT_COL_SOLD,
	PRODUCT_COLUMNS
} ProductColumn;

typedef enum CartColumn
{
	CART_COL_ID,
	CART_COL_ATTENDEE_ID,
	CART_COL_STATUS,
	CART_COL_REVISION,
	CART_COL_ENTRY_COUNT,
	CART_COL_TIME_LAST_UPDATED,
	CART_COL_RESERVATION_DURATION,
	CART_COLUMNS
} CartColumn;

typedef enum CartItemColumn
{
	CART_ITEM_COL_CART_ID,
	CART_ITEM_COL_PRODUCT_ID,
	CART_ITEM_COL_QUANTITY,
	CART_ITEM_COLUMNS
} CartItemColumn;

typedef enum ReservationColumn
{
	RESERVATION_COL_CART_ID,
	RESERVATION_COL_PRODUCT_ID,
	RESERVATION_COL_QUANTITY,
	RESERVATION_COL_RESERVED_UNTIL,
	RESERVATION_COLUMNS
} ReservationColumn;

typedef enum CreditNoteColumn
{
	CREDIT_NOTE_COL_ID,
	CREDIT_NOTE_COL_ATTENDEE_ID,
	CREDIT_NOTE_COL_VALUE,
	CREDIT_NOTE_COL_STATE,
	CREDIT_NOTE_COLUMNS
} CreditNoteColumn;

typedef enum ClaimColumn
{
	CLAIM_COL_CREDIT_NOTE_ID,
	CLAIM_COL_CLAIM,
	CLAIM_COLUMNS
} ClaimColumn;

typedef enum ApplicationColumn
{
	APPLICATION_COL_PAYMENT_ID,
	APPLICATION_COL_CREDIT_NOTE_ID,
	APPLICATION_COLUMNS
} ApplicationColumn;

#define MAX_TABLE_COLUMNS 13

/* The ways in which a table's rows are listed: by the beginning of an index. */
#define CART_BY_ATTENDEE		0
#define CART_ITEM_BY_CART		0
#define RESERVATION_BY_CART		0
#define RESERVATION_BY_PRODUCT	1	/* and reserved_until */
#define MAX_LISTS				2

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

/* What is done to the rows of a table; those without columns are SQL's. */
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
