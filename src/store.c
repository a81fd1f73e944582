/*
 * store.c
 *	  Every SQL text that the engine runs, in one table, and a typed function
 *	  for each.
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
#include "commands/sequence.h"
#include "utils/builtins.h"
#include "utils/lsyscache.h"
#include "utils/memutils.h"

#include "money.h"
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

typedef enum StoreQuery
{
	Q_LEDGER_VERSION,
	Q_ACCESS_CODE_LENGTH,
	Q_HAS_PAYMENTS,
	Q_IS_STAFF,
	Q_ATTENDEE,
	Q_INVOICE_ATTENDEE,
	Q_LOCK_ATTENDEE,
	Q_SET_ACCESS_CODE,
	Q_ACCESS_CODE_EXISTS,
	Q_INVOICE_FOR_ACCESS_CODE,
	Q_AVAILABLE_CREDIT,
	Q_INVOICE,
	Q_LOCK_INVOICE,
	Q_INSERT_INVOICE,
	Q_UPDATE_INVOICE,
	Q_TAKES_CREDIT,
	Q_INSERT_LINE,
	Q_INSERT_PAYMENT,
	Q_PAYMENT_BY_REF,
	Q_COUNT_PAYMENTS,
	Q_PAYMENT_TOTALS,
	Q_CREDIT_NOTE,
	Q_LOCK_CREDIT_NOTE,
	Q_LOCK_OLDEST_CREDIT_NOTE,
	Q_INSERT_CREDIT_NOTE,
	Q_CLAIM_CREDIT_NOTE,
	Q_INSERT_APPLICATION,
	Q_INSERT_REFUND,
	Q_LOG,
	Q_INTEGRITY_PROBLEMS,
	STORE_QUERIES
} StoreQuery;

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

const char *const invoice_status_names[] = {
	[INVOICE_UNPAID] = "unpaid",
	[INVOICE_PAID] = "paid",
	[INVOICE_REFUNDED] = "refunded",
	[INVOICE_VOID] = "void",
};

const char *const payment_kind_names[] = {
	[PAYMENT_PLAIN] = "payment",
	[PAYMENT_MANUAL] = "manual",
	[PAYMENT_CREDIT_NOTE] = "credit_note",
	[PAYMENT_CREDIT_APPLICATION] = "credit_application",
};

static const char *const credit_note_state_names[] = {
	[CREDIT_NOTE_UNCLAIMED] = "unclaimed",
	[CREDIT_NOTE_APPLIED] = "applied",
	[CREDIT_NOTE_REFUNDED] = "refunded",
};

static const char *const outbox_kind_names[] = {
	[OUTBOX_INVOICE_CREATED] = "invoice_created",
	[OUTBOX_INVOICE_UPDATED] = "invoice_updated",
	[OUTBOX_CREDIT_NOTE_CREATED] = "credit_note_created",
	[OUTBOX_CREDIT_NOTE_APPLIED] = "credit_note_applied",
	[OUTBOX_CREDIT_NOTE_REFUNDED] = "credit_note_refunded",
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

/* store_make_plans: room for the plans of a ledger. */
void
store_make_plans(Ledger *ledger)
{
	ledger->plans = MemoryContextAllocZero(CacheMemoryContext,
										   STORE_QUERIES * sizeof(SPIPlanPtr));
}

/* store_forget_plans: the ledger's schema has another name now. */
void
store_forget_plans(Ledger *ledger)
{
	for (int i = 0; i < STORE_QUERIES; i++)
	{
		if (ledger->plans[i] != NULL)
			SPI_freeplan(ledger->plans[i]);
		ledger->plans[i] = NULL;
	}
}

static SPIPlanPtr
get_plan(Ledger *ledger, StoreQuery query)
{
	SPIPlanPtr	plan;
	StringInfoData text;

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

/* Run a query; returns the number of rows.  nulls as in SPI_execute_plan. */
static uint64
run(Ledger *ledger, StoreQuery query, Datum *args, const char *nulls)
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

/* Run a query that writes one row, and make sure that it did. */
static void
write_row(Ledger *ledger, StoreQuery query, LedgerTable table, Datum *args, const char *nulls)
{
	if (run(ledger, query, args, nulls) != 1)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
				 errmsg("a row of table \"%s\" was not written",
						get_rel_name(ledger->tables[table])),
				 errdetail("A trigger or rule on the table suppressed it."),
				 errhint("Triggers on a ledger's tables must let the engine's rows pass.")));
}

/*
 * Write one row as the engine's own, past the triggers that guard its table.
 * Returns whether there was one to write; must_write makes that an error.
 */
static bool
write_own_row(Ledger *ledger, StoreQuery query, LedgerTable table, int64 id,
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
			write_row(ledger, query, table, args, nulls);
		else
			written = run(ledger, query, args, nulls) == 1;
	}
	PG_FINALLY();
	{
		writing.relid = save_relid;
		writing.id = save_id;
	}
	PG_END_TRY();
	return written;
}

/* A column of the first row of the last result; our texts decide on its type. */
static Datum
column(int number, bool *isnull)
{
	return SPI_getbinval(SPI_tuptable->vals[0], SPI_tuptable->tupdesc, number, isnull);
}

static Datum
needed_column(int number)
{
	bool		isnull;
	Datum		value = column(number, &isnull);

	if (isnull)
		elog(ERROR, "unexpected null in column \"%s\" of a ledger",
			 SPI_fname(SPI_tuptable->tupdesc, number));
	return value;
}

static int64
int8_column(int number)
{
	return DatumGetInt64(needed_column(number));
}

static int64
money_column(int number)
{
	return money_from_numeric(DatumGetNumeric(needed_column(number)),
							  SPI_fname(SPI_tuptable->tupdesc, number));
}

static int
enum_column(int number, const char *const *names, int nnames)
{
	char	   *label = TextDatumGetCString(needed_column(number));

	for (int i = 0; i < nnames; i++)
		if (strcmp(label, names[i]) == 0)
			return i;
	elog(ERROR, "unexpected value \"%s\" in column \"%s\" of a ledger",
		 label, SPI_fname(SPI_tuptable->tupdesc, number));
}

static Datum
money_datum(int64 minor_units)
{
	return NumericGetDatum(money_to_numeric(minor_units));
}

/* An argument that may be NULL. */
static Datum
nullable_int8(const int64 *value, char *null)
{
	*null = value == NULL ? 'n' : ' ';
	return value == NULL ? (Datum) 0 : Int64GetDatum(*value);
}

static Datum
nullable_text(text *value, char *null)
{
	*null = value == NULL ? 'n' : ' ';
	return PointerGetDatum(value);
}

/* ---- the ledger ---- */

/* store_ledger_version: the ledger's version, or NULL where there is no row. */
char *
store_ledger_version(Ledger *ledger)
{
	if (run(ledger, Q_LEDGER_VERSION, NULL, NULL) == 0)
		return NULL;
	return TextDatumGetCString(needed_column(1));
}

int
store_access_code_length(Ledger *ledger)
{
	if (run(ledger, Q_ACCESS_CODE_LENGTH, NULL, NULL) == 0)
		elog(ERROR, "ledger \"%s\" has no conference row", ledger->schema_name);
	return DatumGetInt32(needed_column(1));
}

bool
store_has_payments(Ledger *ledger)
{
	return run(ledger, Q_HAS_PAYMENTS, NULL, NULL) > 0;
}

bool
store_is_staff(Ledger *ledger, int64 user_id)
{
	Datum		args[] = {Int64GetDatum(user_id)};

	return run(ledger, Q_IS_STAFF, args, NULL) > 0;
}

/* store_integrity_problems: leaves (object, problem) rows in SPI_tuptable. */
void
store_integrity_problems(Ledger *ledger)
{
	run(ledger, Q_INTEGRITY_PROBLEMS, NULL, NULL);
}

/* ---- attendees ---- */

static bool
read_attendee(Ledger *ledger, StoreQuery query, int64 id, AttendeeRow *row)
{
	Datum		args[] = {Int64GetDatum(id)};

	if (run(ledger, query, args, NULL) == 0)
		return false;
	row->user_id = int8_column(1);
	row->access_code = TextDatumGetCString(needed_column(2));
	row->recipient = DatumGetTextPCopy(needed_column(3));
	return true;
}

bool
store_attendee(Ledger *ledger, int64 attendee_id, AttendeeRow *row)
{
	return read_attendee(ledger, Q_ATTENDEE, attendee_id, row);
}

/* store_invoice_attendee: the attendee whose invoice it is. */
bool
store_invoice_attendee(Ledger *ledger, int64 invoice_id, AttendeeRow *row)
{
	return read_attendee(ledger, Q_INVOICE_ATTENDEE, invoice_id, row);
}

/*
 * store_lock_attendee
 *		Lock an attendee, so that one invoice of hers is made at a time.
 */
bool
store_lock_attendee(Ledger *ledger, int64 attendee_id, text **recipient)
{
	Datum		args[] = {Int64GetDatum(attendee_id)};

	if (run(ledger, Q_LOCK_ATTENDEE, args, NULL) == 0)
		return false;
	*recipient = DatumGetTextPCopy(needed_column(1));
	return true;
}

void
store_set_access_code(Ledger *ledger, int64 attendee_id, const char *code)
{
	Datum		args[] = {Int64GetDatum(attendee_id), CStringGetTextDatum(code)};

	write_row(ledger, Q_SET_ACCESS_CODE, ATTENDEE, args, NULL);
}

bool
store_access_code_exists(Ledger *ledger, const char *code)
{
	Datum		args[] = {CStringGetTextDatum(code)};

	return run(ledger, Q_ACCESS_CODE_EXISTS, args, NULL) > 0;
}

/* store_invoice_for_access_code: the invoice to show, or 0. */
int64
store_invoice_for_access_code(Ledger *ledger, text *code)
{
	Datum		args[] = {PointerGetDatum(code)};

	if (run(ledger, Q_INVOICE_FOR_ACCESS_CODE, args, NULL) == 0)
		return 0;
	return int8_column(1);
}

int64
store_available_credit(Ledger *ledger, int64 attendee_id)
{
	Datum		args[] = {Int64GetDatum(attendee_id)};

	run(ledger, Q_AVAILABLE_CREDIT, args, NULL);
	return money_column(1);
}

/* ---- invoices ---- */

static bool
read_invoice(Ledger *ledger, StoreQuery query, int64 invoice_id, InvoiceRow *row)
{
	Datum		args[] = {Int64GetDatum(invoice_id)};

	if (run(ledger, query, args, NULL) == 0)
		return false;
	row->invoice_id = int8_column(1);
	row->attendee_id = int8_column(2);
	row->state.status = enum_column(3, invoice_status_names, lengthof(invoice_status_names));
	row->state.value = money_column(4);
	row->state.paid = money_column(5);
	row->state.payment_count = int8_column(6);
	row->last_payment_id = int8_column(7);
	return true;
}

bool
store_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *row)
{
	return read_invoice(ledger, Q_INVOICE, invoice_id, row);
}

bool
store_lock_invoice(Ledger *ledger, int64 invoice_id, InvoiceRow *row)
{
	return read_invoice(ledger, Q_LOCK_INVOICE, invoice_id, row);
}

/* store_insert_invoice: an unpaid invoice, issued now, due later; returns its id. */
int64
store_insert_invoice(Ledger *ledger, int64 attendee_id, text *recipient,
					 Interval *due, int64 value)
{
	Datum		args[] = {Int64GetDatum(attendee_id), PointerGetDatum(recipient),
		IntervalPGetDatum(due), money_datum(value)};

	write_row(ledger, Q_INSERT_INVOICE, INVOICE, args, NULL);
	return int8_column(1);
}

/* store_update_invoice: carry out a verdict on the locked invoice before. */
void
store_update_invoice(Ledger *ledger, const InvoiceRow *before,
					 const InvoiceVerdict *after, int64 last_payment_id)
{
	bool		changed = after->status != before->state.status;
	bool		paid = changed && after->status == INVOICE_PAID;
	bool		closed = changed && (after->status == INVOICE_REFUNDED ||
									 after->status == INVOICE_VOID);
	Datum		args[] = {Int64GetDatum(before->invoice_id),
		CStringGetTextDatum(invoice_status_names[after->status]),
		money_datum(after->paid), Int64GetDatum(after->payment_count),
	Int64GetDatum(last_payment_id), BoolGetDatum(paid), BoolGetDatum(closed)};
	char		nulls[] = "       ";

	if (last_payment_id == 0)
		nulls[4] = 'n';
	write_own_row(ledger, Q_UPDATE_INVOICE, INVOICE, before->invoice_id, args, nulls, true);
}

/*
 * store_takes_credit
 *		Whether a new invoice takes its attendee's credit notes: the conference
 *		wants that, and it is the attendee's only unpaid invoice.
 */
bool
store_takes_credit(Ledger *ledger, const InvoiceRow *invoice)
{
	Datum		args[] = {Int64GetDatum(invoice->attendee_id),
	Int64GetDatum(invoice->invoice_id)};

	return run(ledger, Q_TAKES_CREDIT, args, NULL) > 0;
}

void
store_insert_line(Ledger *ledger, int64 invoice_id, const LineItemRow *line)
{
	char		nulls[] = "     ";
	Datum		args[] = {Int64GetDatum(invoice_id), PointerGetDatum(line->description),
		Int32GetDatum(line->quantity), money_datum(line->price),
	nullable_int8(line->product_id, &nulls[4])};

	write_row(ledger, Q_INSERT_LINE, LINE_ITEM, args, nulls);
}

/* ---- payments ---- */

int64
store_next_payment_id(Ledger *ledger)
{
	return nextval_internal(ledger->payment_sequence, false);
}

/*
 * store_insert_payment
 *		Insert a payment that the engine settles by itself; false where its
 *		provider's reference is recorded already.
 *
 * Waits for a session that is just recording the same reference.
 */
bool
store_insert_payment(Ledger *ledger, const PaymentRow *payment)
{
	char		nulls[] = "        ";
	Datum		args[] = {Int64GetDatum(payment->payment_id),
		Int64GetDatum(payment->invoice_id),
		CStringGetTextDatum(payment_kind_names[payment->kind]),
		money_datum(payment->amount), PointerGetDatum(payment->reference),
		nullable_text(payment->provider, &nulls[5]),
		nullable_text(payment->provider_ref, &nulls[6]),
	nullable_int8(payment->entered_by, &nulls[7])};
	bool		must_write = payment->provider_ref == NULL;

	if (!write_own_row(ledger, Q_INSERT_PAYMENT, PAYMENT, payment->payment_id,
					   args, nulls, must_write))
		return false;
	if (int8_column(1) != payment->payment_id || int8_column(2) != payment->invoice_id ||
		money_column(3) != payment->amount)
		ereport(ERROR,
				(errcode(ERRCODE_TRIGGERED_ACTION_EXCEPTION),
				 errmsg("payment " INT64_FORMAT " was changed while it was recorded",
						payment->payment_id),
				 errdetail("A trigger on the table changed its key, invoice or amount."),
				 errhint("Triggers on a ledger's tables must let the engine's rows pass.")));
	return true;
}

/* store_payment_by_ref: fills in the payment's id, invoice and amount. */
bool
store_payment_by_ref(Ledger *ledger, text *provider, text *provider_ref, PaymentRow *payment)
{
	Datum		args[] = {PointerGetDatum(provider), PointerGetDatum(provider_ref)};

	if (run(ledger, Q_PAYMENT_BY_REF, args, NULL) == 0)
		return false;
	payment->payment_id = int8_column(1);
	payment->invoice_id = int8_column(2);
	payment->amount = money_column(3);
	return true;
}

int64
store_count_payments(Ledger *ledger, int64 invoice_id)
{
	Datum		args[] = {Int64GetDatum(invoice_id)};

	run(ledger, Q_COUNT_PAYMENTS, args, NULL);
	return int8_column(1);
}

PaymentTotals
store_payment_totals(Ledger *ledger, int64 invoice_id)
{
	Datum		args[] = {Int64GetDatum(invoice_id)};
	PaymentTotals totals;

	run(ledger, Q_PAYMENT_TOTALS, args, NULL);
	totals.amount = money_column(1);
	totals.payment_count = int8_column(2);
	totals.last_payment_id = int8_column(3);
	return totals;
}

/* ---- credit notes ---- */

static bool
read_credit_note(Ledger *ledger, StoreQuery query, int64 id, CreditNoteRow *row)
{
	Datum		args[] = {Int64GetDatum(id)};

	if (run(ledger, query, args, NULL) == 0)
		return false;
	row->credit_note_id = int8_column(1);
	row->attendee_id = int8_column(2);
	row->value = money_column(3);
	row->state = enum_column(4, credit_note_state_names, lengthof(credit_note_state_names));
	return true;
}

bool
store_credit_note(Ledger *ledger, int64 credit_note_id, CreditNoteRow *row)
{
	return read_credit_note(ledger, Q_CREDIT_NOTE, credit_note_id, row);
}

bool
store_lock_credit_note(Ledger *ledger, int64 credit_note_id, CreditNoteRow *row)
{
	return read_credit_note(ledger, Q_LOCK_CREDIT_NOTE, credit_note_id, row);
}

/* store_lock_oldest_credit_note: the attendee's oldest unclaimed note, locked. */
bool
store_lock_oldest_credit_note(Ledger *ledger, int64 attendee_id, CreditNoteRow *row)
{
	return read_credit_note(ledger, Q_LOCK_OLDEST_CREDIT_NOTE, attendee_id, row);
}

void
store_insert_credit_note(Ledger *ledger, const CreditNoteRow *note)
{
	Datum		args[] = {Int64GetDatum(note->credit_note_id),
	Int64GetDatum(note->attendee_id), money_datum(note->value)};

	write_row(ledger, Q_INSERT_CREDIT_NOTE, CREDIT_NOTE, args, NULL);
}

/* store_claim_credit_note: the one claim of a locked, unclaimed note. */
void
store_claim_credit_note(Ledger *ledger, const CreditNoteRow *note, CreditNoteState claim)
{
	Datum		args[] = {Int64GetDatum(note->credit_note_id),
	CStringGetTextDatum(credit_note_state_names[claim])};

	write_own_row(ledger, Q_CLAIM_CREDIT_NOTE, CREDIT_NOTE, note->credit_note_id,
				  args, NULL, true);
}

void
store_insert_application(Ledger *ledger, int64 payment_id, int64 credit_note_id)
{
	Datum		args[] = {Int64GetDatum(payment_id), Int64GetDatum(credit_note_id)};

	write_row(ledger, Q_INSERT_APPLICATION, CREDIT_NOTE_APPLICATION, args, NULL);
}

int64
store_insert_refund(Ledger *ledger, int64 credit_note_id, text *reference, int64 *entered_by)
{
	char		nulls[] = "   ";
	Datum		args[] = {Int64GetDatum(credit_note_id), PointerGetDatum(reference),
	nullable_int8(entered_by, &nulls[2])};

	write_row(ledger, Q_INSERT_REFUND, CREDIT_NOTE_REFUND, args, nulls);
	return int8_column(1);
}

/* ---- outbox ---- */

/* store_log_invoice: before is NULL for an invoice that was just made. */
void
store_log_invoice(Ledger *ledger, OutboxKind kind, int64 invoice_id,
				  const InvoiceStatus *before, InvoiceStatus after)
{
	Datum		args[] = {CStringGetTextDatum(outbox_kind_names[kind]),
		Int64GetDatum(invoice_id),
		before == NULL ? (Datum) 0 : CStringGetTextDatum(invoice_status_names[*before]),
	CStringGetTextDatum(invoice_status_names[after]), (Datum) 0};

	write_row(ledger, Q_LOG, OUTBOX, args, before == NULL ? "  n n" : "    n");
}

/* store_log_credit_note: invoice_id is 0 where no invoice has to do with it. */
void
store_log_credit_note(Ledger *ledger, OutboxKind kind, int64 credit_note_id, int64 invoice_id)
{
	Datum		args[] = {CStringGetTextDatum(outbox_kind_names[kind]),
		Int64GetDatum(invoice_id), (Datum) 0, (Datum) 0,
	Int64GetDatum(credit_note_id)};

	write_row(ledger, Q_LOG, OUTBOX, args, invoice_id == 0 ? " nnn " : "  nn ");
}
