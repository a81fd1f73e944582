/*
 * statement.c
 *	  What is done to the rows of a table by SQL, made from the table's spec.
 *
 * Each statement reads, or returns, the columns of the spec in their order, as of
 * whatever types they are; those that read add xmin.  Names and operators are
 * qualified, as in query.h.  The functions below return the number of rows, which
 * are in SPI_tuptable until the next query.
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"

#include "rows/statement.h"

/* ---- texts ---- */

static const char *
name_of(const TableSpec *spec, int column)
{
	return quote_identifier(spec->columns[column].name);
}

/* All columns, with a null for those that have one of these flags. */
static void
add_columns(StringInfo sql, const TableSpec *spec, int without)
{
	for (int i = 0; i < spec->ncolumns; i++)
		appendStringInfo(sql, "%s%s", i == 0 ? "" : ", ",
						 spec->columns[i].written & without ? "NULL" : name_of(spec, i));
}

static void
add_select(StringInfo sql, const TableSpec *spec, const char *table)
{
	appendStringInfoString(sql, "SELECT ");
	add_columns(sql, spec, NOT_READ);
	appendStringInfo(sql, ", xmin FROM @.%s", table);
}

/* column = the next argument */
static void
add_equals(StringInfo sql, const TableSpec *spec, int column, const char *before, QueryText *text)
{
	text->argtypes[text->nargs++] = column_type(&spec->columns[column]);
	appendStringInfo(sql, "%s%s" EQ "$%d", before, name_of(spec, column), text->nargs);
}

static void
add_insert(StringInfo sql, const TableSpec *spec, const char *table, QueryText *text)
{
	const char *comma = "";

	appendStringInfo(sql, "INSERT INTO @.%s (", table);
	for (int i = 0; i < spec->ncolumns; i++)
	{
		if ((spec->columns[i].written & INSERTED) == 0)
			continue;
		text->argtypes[text->nargs++] = column_type(&spec->columns[i]);
		appendStringInfo(sql, "%s%s", comma, name_of(spec, i));
		comma = ", ";
	}
	for (int i = 1; i <= text->nargs; i++)
		appendStringInfo(sql, "%s$%d", i == 1 ? ") VALUES (" : ", ", i);
	appendStringInfoChar(sql, ')');
}

static void
add_once(StringInfo sql, const TableSpec *spec)
{
	appendStringInfo(sql, " ON CONFLICT (%s, ", name_of(spec, spec->unique[0]));
	appendStringInfo(sql, "%s) DO NOTHING", name_of(spec, spec->unique[1]));
}

/*
 * All columns that the engine ever updates are named, so that the same triggers
 * are fired whichever of them get new values: two arguments for each, whether and
 * which.
 */
static void
add_update(StringInfo sql, const TableSpec *spec, const char *table, QueryText *text)
{
	const char *comma = "";

	text->argtypes[text->nargs++] = INT8OID;
	appendStringInfo(sql, "UPDATE @.%s SET ", table);
	for (int i = 0; i < spec->ncolumns; i++)
	{
		if ((spec->columns[i].written & UPDATED) == 0)
			continue;
		text->argtypes[text->nargs++] = BOOLOID;
		text->argtypes[text->nargs++] = column_type(&spec->columns[i]);
		appendStringInfo(sql, "%s%s = CASE WHEN $%d THEN $%d ", comma, name_of(spec, i),
						 text->nargs - 1, text->nargs);
		appendStringInfo(sql, "ELSE %s::%s END", name_of(spec, i),
						 column_type_name(&spec->columns[i]));
		comma = ", ";
	}
	appendStringInfo(sql, " WHERE %s" EQ "$1", name_of(spec, 0));
}

/* What the plan of a statement's number is made of. */
static void
make_text(int number, QueryText *text)
{
	LedgerTable table = (number - QUERIES) / STATEMENT_KINDS;
	int			kind = (number - QUERIES) % STATEMENT_KINDS;
	const TableSpec *spec = &table_specs[table];
	const char *name = ledger_table_names[table];
	StringInfoData sql;

	initStringInfo(&sql);
	text->nargs = 0;
	if (kind >= STATEMENT_INSERT)
	{
		if (kind == STATEMENT_UPDATE)
			add_update(&sql, spec, name, text);
		else
			add_insert(&sql, spec, name, text);
		if (kind == STATEMENT_INSERT_ONCE)
			add_once(&sql, spec);
		if (kind == STATEMENT_INSERT_ONCE || kind == STATEMENT_INSERT_RETURNING)
		{
			appendStringInfoString(&sql, " RETURNING ");
			add_columns(&sql, spec, 0);
		}
	}
	else if (kind >= STATEMENT_DELETE)
	{
		appendStringInfo(&sql, "DELETE FROM @.%s", name);
		add_equals(&sql, spec, spec->lists[kind - STATEMENT_DELETE], " WHERE ", text);
	}
	else
	{
		add_select(&sql, spec, name);
		if (kind >= STATEMENT_LIST)
			add_equals(&sql, spec, spec->lists[kind - STATEMENT_LIST], " WHERE ", text);
		else if (kind == STATEMENT_FIND_UNIQUE)
		{
			add_equals(&sql, spec, spec->unique[0], " WHERE ", text);
			add_equals(&sql, spec, spec->unique[1], " AND ", text);
		}
		else if (kind != STATEMENT_LIST_ALL)
			add_equals(&sql, spec, 0, " WHERE ", text);
		if (kind == STATEMENT_LOCK)
			appendStringInfoString(&sql, " FOR NO KEY UPDATE");
	}
	text->text = sql.data;
}

/* ---- running them ---- */

/* nulls is as SPI has it. */
static uint64
run_with_nulls(Ledger *ledger, LedgerTable table, StatementKind kind, const Datum *args,
			   const char *nulls)
{
	return run_plan(ledger, QUERIES + table * STATEMENT_KINDS + kind, make_text, (Datum *) args,
					nulls);
}

/* run_statement: run a statement that has keys for arguments. */
uint64
run_statement(Ledger *ledger, LedgerTable table, StatementKind kind, const Datum *args)
{
	return run_with_nulls(ledger, table, kind, args, NULL);
}

/*
 * run_delete
 *		Delete the rows of this key in a list, as the engine's own, past the triggers
 *		that guard the table.
 */
void
run_delete(Ledger *ledger, LedgerTable table, int which, int64 key)
{
	Datum		args[] = {Int64GetDatum(key)};

	begin_own_write(ledger, table, key, true);
	run_statement(ledger, table, STATEMENT_DELETE + which, args);
	end_own_write();
}

/* run_insert: values has all of the table's columns; of these it gives what it is to. */
uint64
run_insert(Ledger *ledger, LedgerTable table, StatementKind kind, const Datum *values,
		   const bool *nulls)
{
	const TableSpec *spec = &table_specs[table];
	Datum		args[MAX_TABLE_COLUMNS];
	char		null_chars[MAX_TABLE_COLUMNS];
	int			nargs = 0;

	for (int i = 0; i < spec->ncolumns; i++)
	{
		if ((spec->columns[i].written & INSERTED) == 0)
			continue;
		null_chars[nargs] = nulls[i] ? 'n' : ' ';
		args[nargs++] = values[i];
	}
	return run_with_nulls(ledger, table, kind, args, null_chars);
}

/* run_own_insert: the same for a row of the engine's own, which has this id. */
uint64
run_own_insert(Ledger *ledger, LedgerTable table, StatementKind kind, int64 id,
			   const Datum *values, const bool *nulls)
{
	uint64		nrows;

	begin_own_write(ledger, table, id, false);
	nrows = run_insert(ledger, table, kind, values, nulls);
	end_own_write();
	return nrows;
}

/* run_update: as the engine's own; replaced says which of the columns get new values. */
uint64
run_update(Ledger *ledger, LedgerTable table, int64 key, const Datum *values,
		   const bool *nulls, const bool *replaced)
{
	const TableSpec *spec = &table_specs[table];
	Datum		args[MAX_ARGS] = {Int64GetDatum(key)};
	char		null_chars[MAX_ARGS] = {' '};
	int			nargs = 1;
	uint64		nrows;

	StaticAssertStmt(1 + 2 * MAX_TABLE_COLUMNS <= MAX_ARGS, "all columns may be updated");
	for (int i = 0; i < spec->ncolumns; i++)
	{
		if ((spec->columns[i].written & UPDATED) == 0)
			continue;
		null_chars[nargs] = ' ';
		args[nargs++] = BoolGetDatum(replaced[i]);
		null_chars[nargs] = !replaced[i] || nulls[i] ? 'n' : ' ';
		args[nargs++] = values[i];
	}
	begin_own_write(ledger, table, key, false);
	nrows = run_with_nulls(ledger, table, STATEMENT_UPDATE, args, null_chars);
	end_own_write();
	return nrows;
}
