/*
 * table.h
 *	  What the engine knows of a ledger's table whose rows it reads and writes
 *	  without SQL.
 */
#ifndef REGPAYDB_TABLE_H
#define REGPAYDB_TABLE_H

#include "postgres.h"

#include "access/attnum.h"
#include "nodes/bitmapset.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"

#include "ledger.h"

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

/* The extension's types of which columns are. */
typedef enum EnumType
{
	ENUM_INVOICE_STATUS,
	ENUM_PAYMENT_KIND,
	ENUM_OUTBOX_KIND,
	ENUM_CART_STATUS,
	ENUM_CREDIT_NOTE_STATE,
	ENUM_TYPES
} EnumType;

/*
 * A table of a ledger.  Never changed once it is made, but for is_evaluated: when
 * the table or code that it uses changes, another one takes its place, and this
 * one lives on until the end of the transaction, as somebody may be using it.
 */
typedef struct TableInfo
{
	MemoryContext context;
	uint64		ledger_loads;	/* what it was made from */
	uint64		code_changes;

	/* Whether rows are read, updated, inserted as they are by SQL. */
	bool		can_read;		/* by its key; payments by the provider's reference */
	bool		can_list;
	bool		can_update;
	bool		can_insert;
	bool		can_delete;

	AttrNumber	columns[MAX_TABLE_COLUMNS];
	int			ncolumns;
	Bitmapset  *updated_columns;	/* as RangeTblEntry has them */
	Oid			key_index;		/* of the first of the columns */
	Oid			unique_index;	/* of two texts, by which rows are inserted once */
	Oid			list_indexes[MAX_LISTS];
	bool		list_has_time[MAX_LISTS];	/* as the second column */

	/* The columns in each of them, where all of ours are, else 0. */
	AttrNumber	list_columns[MAX_LISTS][MAX_TABLE_COLUMNS];

	ExprState **checks;			/* as ResultRelInfo has them */
	ExprState **defaults;		/* by column, NULL for those that have none */
	bool		is_evaluated;	/* these are, just now: once at a time is what they can */

	/* Whether triggers are fired after a row: those of keys and foreign keys. */
	bool		insert_fires;
	bool		update_fires;
	bool		update_keeps_keys;
} TableInfo;

extern void table_init(void);
extern const TableInfo *table_info(Ledger *ledger, LedgerTable table, Relation rel);
extern bool table_info_is_current(const Ledger *ledger, const TableInfo *info);
extern Oid	enum_type(EnumType type);
extern Oid	enum_oid(EnumType type, int value);
extern int	enum_value(EnumType type, Oid oid);

#endif							/* REGPAYDB_TABLE_H */
