/*
 * table_specs.h
 *	  Which columns the engine reads and writes of which table, and what for;
 *	  shared by the files that look at the tables.
 */
#ifndef REGPAYDB_TABLE_SPECS_H
#define REGPAYDB_TABLE_SPECS_H

#include "postgres.h"

#include "nodes/primnodes.h"
#include "nodes/execnodes.h"
#include "utils/rel.h"

#include "ledger.h"
#include "table.h"

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

#define USE_READ	0x01			/* found by the first column, its key */
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
} TableSpec;

extern const TableSpec table_specs[LEDGER_TABLES];

/* Our trigger functions that let the engine's rows pass. */
typedef struct TriggerFunctions
{
	Oid			settle_payments;
	Oid			guard_rows;
	Oid			move_reservation;
} TriggerFunctions;

extern const TriggerFunctions *our_trigger_functions(void);
extern uint64 code_changes(void);

extern Oid	find_key_index(const TableInfo *info, Relation rel);
extern bool find_list_indexes(TableInfo *info, LedgerTable table, Relation rel);
extern Oid	find_unique_index(const TableInfo *info, Relation rel);

#endif							/* REGPAYDB_TABLE_SPECS_H */
