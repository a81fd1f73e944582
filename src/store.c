/*
 * store.c
 *	  Every SQL text that the engine runs, in one table, and the plans made of
 *	  them.  rows.c has a typed function for each.
 *
 * A text stands for any ledger: '@' is the ledger's schema.  Whatever is
 * looked up through search_path is qualified, operators too, since the caller
 * chooses search_path; result columns are cast, so that their types are known
 * whatever was done to the table.
 *
 * Lock order, everywhere: attendee, invoice (by id), credit note (by id).
 */
#include "postgres.h"

#include "catalog/pg_type.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "store.h"

#define EQ	" OPERATOR(pg_catalog.=) "
#define NE	" OPERATOR(pg_catalog.<>) "

#define INVOICE_COLUMNS \
	"invoice_id::bigint, attendee_id::bigint, status::pg_catalog.text, " \
	"value::numeric, paid::numeric, payment_count::bigint, " \
	"COALESCE(last_payment_id, 0)::bigint FROM @.invoice WHERE invoice_id" EQ "$1"

#define CREDIT_NOTE_COLUMNS \
	"n.credit_note_id::bigint, n.attendee_id::bigint, n.value::numeric, " \
	"n.state::pg_catalog.text FROM @.credit_note n "

#define CREDIT_NOTE_IS_UNCLAIMED "n.state" EQ "'unclaimed'::regpaydb.credit_note_state"

#define MAX_ARGS 8

static const struct
{
	const char *text;
	int			nargs;
	Oid			argtypes[MAX_ARGS];
}			queries[STORE_QUERIES] = {
	[Q_LEDGER_VERSION] = {
		"SELECT ledger_version::pg_catalog.text FROM @.conference",
		0, {0}
	},
	[Q_ACCESS_CODE_LENGTH] = {
		"SELECT access_code_length::integer FROM @.conference",
		0, {0}
	},
	[Q_HAS_PAYMENTS] = {
		"SELECT 1 FROM @.payment LIMIT 1",
		0, {0}
	},
	[Q_IS_STAFF] = {
		"SELECT 1 FROM @.staff WHERE user_id" EQ "$1",
		1, {INT8OID}
	},
	[Q_ATTENDEE] = {
		"SELECT user_id::bigint, access_code::pg_catalog.text, "
		"recipient::pg_catalog.text FROM @.attendee WHERE attendee_id" EQ "$1",
		1, {INT8OID}
	},
	[Q_INVOICE_ATTENDEE] = {
		"SELECT a.user_id::bigint, a.access_code::pg_catalog.text, "
		"a.recipient::pg_catalog.text "
		"FROM @.invoice i JOIN @.attendee a ON a.attendee_id" EQ "i.attendee_id "
		"WHERE i.invoice_id" EQ "$1",
		1, {INT8OID}
	},
	/* An update, so that REPEATABLE READ notices who came in between. */
	[Q_LOCK_ATTENDEE] = {
		"UPDATE @.attendee SET recipient = recipient WHERE attendee_id" EQ "$1 "
		"RETURNING recipient::pg_catalog.text",
		1, {INT8OID}
	},
	[Q_SET_ACCESS_CODE] = {
		"UPDATE @.attendee SET access_code = $2 WHERE attendee_id" EQ "$1",
		2, {INT8OID, TEXTOID}
	},
	[Q_ACCESS_CODE_EXISTS] = {
		"SELECT 1 FROM @.attendee WHERE access_code" EQ "$1",
		1, {TEXTOID}
	},
	[Q_INVOICE_FOR_ACCESS_CODE] = {
		"SELECT i.invoice_id::bigint "
		"FROM @.attendee a JOIN @.invoice i ON i.attendee_id" EQ "a.attendee_id "
		"WHERE a.access_code" EQ "$1 "
		"ORDER BY CASE WHEN i.status" EQ "'unpaid'::regpaydb.invoice_status THEN 0 "
		"WHEN i.status" EQ "'paid'::regpaydb.invoice_status THEN 1 ELSE 2 END, "
		"i.issue_time DESC, i.invoice_id DESC LIMIT 1",
		1, {TEXTOID}
	},
	[Q_AVAILABLE_CREDIT] = {
		"SELECT COALESCE(pg_catalog.sum(n.value), 0)::numeric FROM @.credit_note n "
		"WHERE n.attendee_id" EQ "$1 AND " CREDIT_NOTE_IS_UNCLAIMED,
		1, {INT8OID}
	},
	[Q_INVOICE] = {
		"SELECT " INVOICE_COLUMNS,
		1, {INT8OID}
	},
	[Q_LOCK_INVOICE] = {
		"SELECT " INVOICE_COLUMNS " FOR NO KEY UPDATE",
		1, {INT8OID}
	},
	[Q_INSERT_INVOICE] = {
		"INSERT INTO @.invoice (attendee_id, recipient, due_time, value) "
		"VALUES ($1, $2, pg_catalog.now() OPERATOR(pg_catalog.+) $3, $4) "
		"RETURNING invoice_id::bigint",
		4, {INT8OID, TEXTOID, INTERVALOID, NUMERICOID}
	},
	[Q_UPDATE_INVOICE] = {
		"UPDATE @.invoice SET status = $2::regpaydb.invoice_status, paid = $3, "
		"payment_count = $4, last_payment_id = $5, "
		"paid_time = CASE WHEN $6 THEN pg_catalog.now() ELSE paid_time END, "
		"closed_time = CASE WHEN $7 THEN pg_catalog.now() ELSE closed_time END "
		"WHERE invoice_id" EQ "$1",
		7, {INT8OID, TEXTOID, NUMERICOID, INT8OID, INT8OID, BOOLOID, BOOLOID}
	},
	[Q_TAKES_CREDIT] = {
		"SELECT 1 FROM @.conference WHERE auto_apply_credit AND NOT EXISTS ("
		"SELECT 1 FROM @.invoice i WHERE i.attendee_id" EQ "$1 "
		"AND i.status" EQ "'unpaid'::regpaydb.invoice_status AND i.invoice_id" NE "$2)",
		2, {INT8OID, INT8OID}
	},
	[Q_INSERT_LINE] = {
		"INSERT INTO @.line_item (invoice_id, description, quantity, price, product_id) "
		"VALUES ($1, $2, $3, $4, $5)",
		5, {INT8OID, TEXTOID, INT4OID, NUMERICOID, INT8OID}
	},
	[Q_INSERT_PAYMENT] = {
		"INSERT INTO @.payment (payment_id, invoice_id, kind, amount, reference, "
		"provider, provider_ref, entered_by) "
		"VALUES ($1, $2, $3::regpaydb.payment_kind, $4, $5, $6, $7, $8) "
		"ON CONFLICT (provider, provider_ref) DO NOTHING "
		"RETURNING payment_id::bigint, invoice_id::bigint, amount::numeric",
		8, {INT8OID, INT8OID, TEXTOID, NUMERICOID, TEXTOID, TEXTOID, TEXTOID, INT8OID}
	},
	[Q_PAYMENT_BY_REF] = {
		"SELECT payment_id::bigint, invoice_id::bigint, amount::numeric FROM @.payment "
		"WHERE provider" EQ "$1 AND provider_ref" EQ "$2",
		2, {TEXTOID, TEXTOID}
	},
	[Q_COUNT_PAYMENTS] = {
		"SELECT pg_catalog.count(*)::bigint FROM @.payment WHERE invoice_id" EQ "$1",
		1, {INT8OID}
	},
	[Q_PAYMENT_TOTALS] = {
		"SELECT COALESCE(pg_catalog.sum(amount), 0)::numeric, pg_catalog.count(*)::bigint, "
		"COALESCE(pg_catalog.max(payment_id), 0)::bigint FROM @.payment "
		"WHERE invoice_id" EQ "$1",
		1, {INT8OID}
	},
	[Q_CREDIT_NOTE] = {
		"SELECT " CREDIT_NOTE_COLUMNS "WHERE n.credit_note_id" EQ "$1",
		1, {INT8OID}
	},
	[Q_LOCK_CREDIT_NOTE] = {
		"SELECT " CREDIT_NOTE_COLUMNS "WHERE n.credit_note_id" EQ "$1 FOR NO KEY UPDATE",
		1, {INT8OID}
	},
	[Q_LOCK_OLDEST_CREDIT_NOTE] = {
		"SELECT " CREDIT_NOTE_COLUMNS
		"JOIN @.payment p ON p.payment_id" EQ "n.credit_note_id "
		"WHERE n.attendee_id" EQ "$1 AND " CREDIT_NOTE_IS_UNCLAIMED
		" ORDER BY p.\"time\", n.credit_note_id LIMIT 1 FOR NO KEY UPDATE OF n",
		1, {INT8OID}
	},
	[Q_INSERT_CREDIT_NOTE] = {
		"INSERT INTO @.credit_note (credit_note_id, attendee_id, value) VALUES ($1, $2, $3)",
		3, {INT8OID, INT8OID, NUMERICOID}
	},
	[Q_CLAIM_CREDIT_NOTE] = {
		"UPDATE @.credit_note n SET state = $2::regpaydb.credit_note_state "
		"WHERE n.credit_note_id" EQ "$1 AND " CREDIT_NOTE_IS_UNCLAIMED,
		2, {INT8OID, TEXTOID}
	},
	[Q_INSERT_APPLICATION] = {
		"INSERT INTO @.credit_note_application (payment_id, credit_note_id) VALUES ($1, $2)",
		2, {INT8OID, INT8OID}
	},
	[Q_INSERT_REFUND] = {
		"INSERT INTO @.credit_note_refund (credit_note_id, reference, entered_by) "
		"VALUES ($1, $2, $3) RETURNING credit_note_refund_id::bigint",
		3, {INT8OID, TEXTOID, INT8OID}
	},
	[Q_LOG] = {
		"INSERT INTO @.outbox (kind, invoice_id, old_status, new_status, credit_note_id) "
		"VALUES ($1::regpaydb.outbox_kind, $2, $3::regpaydb.invoice_status, "
		"$4::regpaydb.invoice_status, $5)",
		5, {TEXTOID, INT8OID, TEXTOID, TEXTOID, INT8OID}
	},
	[Q_INTEGRITY_PROBLEMS] = {
		"SELECT object::pg_catalog.text, problem::pg_catalog.text FROM @.integrity_problem",
		0, {0}
	},
};

/*
 * The row that the engine itself is writing, which the triggers of its table
 * let pass.  Exact to the row, so that what a user's trigger does meanwhile
 * is treated as anybody's.
 */
static struct
{
	Oid			relid;
	int64		id;
}			writing;

/* store_is_writing: whether the engine itself is writing this row just now. */
bool
store_is_writing(Oid relid, int64 id)
{
	return writing.relid == relid && writing.id == id;
}

/* Plans whose texts name the schema of somebody else's ledger, by now. */
static void
forget_plans(Ledger *ledger)
{
	for (int i = 0; i < STORE_QUERIES; i++)
	{
		if (ledger->plans[i] != NULL)
			SPI_freeplan(ledger->plans[i]);
		ledger->plans[i] = NULL;
	}
	ledger->plans_stale = false;
}

static SPIPlanPtr
get_plan(Ledger *ledger, StoreQuery query)
{
	SPIPlanPtr	plan;
	StringInfoData text;

	if (ledger->plans_stale)
		forget_plans(ledger);
	plan = ledger->plans[query];
	if (plan != NULL)
	{
		if (SPI_plan_is_valid(plan))
			return plan;
		ledger->plans[query] = NULL;
		SPI_freeplan(plan);
	}

	initStringInfo(&text);
	for (const char *c = queries[query].text; *c != '\0'; c++)
	{
		if (*c == '@')
			appendStringInfoString(&text, ledger->quoted_schema);
		else
			appendStringInfoChar(&text, *c);
	}
	plan = SPI_prepare(text.data, queries[query].nargs, (Oid *) queries[query].argtypes);
	if (plan == NULL)
		elog(ERROR, "SPI_prepare failed: %s", SPI_result_code_string(SPI_result));
	if (SPI_keepplan(plan) != 0)
		elog(ERROR, "SPI_keepplan failed");
	ledger->plans[query] = plan;
	pfree(text.data);
	return plan;
}

/*
 * store_run
 *		Run a query; returns the number of rows, which are in SPI_tuptable until
 *		the next one.  nulls as in SPI_execute_plan.
 */
uint64
store_run(Ledger *ledger, StoreQuery query, Datum *args, const char *nulls)
{
	SPIPlanPtr	plan = get_plan(ledger, query);
	int			result;

	/* One result at a time, so that a long statement does not pile them up. */
	SPI_freetuptable(SPI_tuptable);
	SPI_tuptable = NULL;
	result = SPI_execute_plan(plan, args, nulls, ledger->read_only, 0);
	if (result < 0)
		elog(ERROR, "SPI_execute_plan failed: %s", SPI_result_code_string(result));
	return SPI_processed;
}

/* store_write: run a query that writes one row, and make sure that it did. */
void
store_write(Ledger *ledger, StoreQuery query, LedgerTable table, Datum *args, const char *nulls)
{
	if (store_run(ledger, query, args, nulls) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
				 errmsg("a row of table \"%s\" was not written",
						get_rel_name(ledger->tables[table])),
				 errdetail("A trigger or rule on the table suppressed it."),
				 errhint("Triggers on a ledger's tables must let the engine's rows pass.")));
}

/*
 * store_write_own
 *		Write one row as the engine's own, past the triggers that guard its
 *		table.  Returns whether there was one; must_write makes that an error.
 */
bool
store_write_own(Ledger *ledger, StoreQuery query, LedgerTable table, int64 id,
			  Datum *args, const char *nulls, bool must_write)
{
	Oid			save_relid = writing.relid;
	int64		save_id = writing.id;
	volatile bool written = true;

	PG_TRY();
	{
		writing.relid = ledger->tables[table];
		writing.id = id;
		if (must_write)
			store_write(ledger, query, table, args, nulls);
		else
			written = store_run(ledger, query, args, nulls) == 1;
	}
	PG_FINALLY();
	{
		writing.relid = save_relid;
		writing.id = save_id;
	}
	PG_END_TRY();
	return written;
}
