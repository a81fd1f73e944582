/*
 * refund.c
 *	  Credit notes that are paid out: at once, or by a platform that is asked to.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "base/args.h"
#include "base/array.h"
#include "base/errors.h"
#include "base/money.h"
#include "engine/actor.h"
#include "flow/find.h"
#include "flow/refund.h"
#include "functions/json_rows.h"

/* ---- [{"payment_id": 3, "amount": 100.00}, ...] ---- */

typedef struct PartRead
{
	MoneyPart	part;
	bool		has_id;
} PartRead;

static bool
read_part(const JsonPlace *place, const char *name, const JsonbValue *value, void *row,
		  void *context)
{
	PartRead   *read = row;
	const Ledger *ledger = context;

	if (strcmp(name, "payment_id") == 0)
	{
		read->part.payment_id = json_key(place, name, value);
		read->has_id = true;
	}
	else if (strcmp(name, "amount") == 0)
	{
		if (value->type != jbvNumeric)
			json_malformed(place, "amount is not a number");
		read->part.amount = money_from_numeric(value->val.numeric, ledger->decimals,
											   psprintf("%s: amount", json_place(place)));
		if (read->part.amount <= 0)
			ereport(ERROR,
					(errcode(RP_INVALID_AMOUNT),
					 errmsg("%s: amount must be above zero", json_place(place)),
					 errdetail("A part is an amount in the conference's currency."),
					 errhint("Leave out the payments that nothing goes back to.")));
	}
	else
		return false;
	return true;
}

static void
check_part(const JsonPlace *place, void *row)
{
	PartRead   *read = row;

	if (!read->has_id)
		json_malformed(place, "payment_id is missing");
	if (read->part.amount == 0)
		json_malformed(place, "amount is missing");
}

/* Sorted by the payments' ids; an empty array is allowed: all goes some other way. */
static MoneyPart *
parse_parts(Ledger *ledger, Jsonb *json, int *nparts)
{
	static const JsonForm form = {
		.array = "parts",
		.object = "part %d",
		.any_object = "a part",
		.example = "parts is such as [{\"payment_id\": 3, \"amount\": 100.00}].",
		.size = sizeof(PartRead),
		.read_field = read_part,
		.check_row = check_part
	};
	JsonPlace	all = {&form, 0};
	PartRead   *read = NULL;
	MoneyPart  *parts;

	*nparts = 0;
	if (!JB_ROOT_IS_ARRAY(json) || JB_ROOT_IS_SCALAR(json) || JB_ROOT_COUNT(json) > 0)
		read = read_json_rows(json, &form, ledger, nparts);
	parts = palloc(Max(*nparts, 1) * sizeof(MoneyPart));
	for (int i = 0; i < *nparts; i++)
		parts[i] = read[i].part;
	qsort(parts, *nparts, sizeof(MoneyPart), compare_int8);
	for (int i = 1; i < *nparts; i++)
		if (parts[i].payment_id == parts[i - 1].payment_id)
			json_malformed(&all, psprintf("payment " INT64_FORMAT " is named twice",
										  parts[i].payment_id));
	return parts;
}

/* ---- functions ---- */

/*
 * Begin a refund of the note and with the reference that the first two arguments say,
 * entered by the user of the argument of this number.
 */
static Ledger *
begin_refund(FunctionCallInfo fcinfo, int entered_by_number, int64 *credit_note_id,
			 RefundRow *refund)
{
	Ledger	   *ledger = staff_begin(CREDIT_NOTE_REFUND, "credit_note_id", ACL_INSERT);

	*credit_note_id = int8_arg(fcinfo, 0, "credit_note_id");
	refund->reference = text_arg(fcinfo, 1, "reference", MAX_TEXT_LENGTH);
	if (!PG_ARGISNULL(entered_by_number))
	{
		refund->entered_by = palloc(sizeof(int64));
		*refund->entered_by = PG_GETARG_INT64(entered_by_number);
		check_entered_by(ledger, *refund->entered_by);
	}
	return ledger;
}

/*
 * refund_credit_note(credit_note_id, reference, entered_by DEFAULT NULL)
 *	   -> credit_note_refund_id
 *		Record that a credit note was paid out in full: a refund that is requested and
 *		done at once.
 *
 * entered_by is a user of the staff's; the actor, where it is NULL.  Raises RP002,
 * RP006, RP010, RP012, 22001, 22004, 42501.  Spec sections 3 and 10.
 */
PG_FUNCTION_INFO_V1(regpaydb_refund_credit_note);
Datum
regpaydb_refund_credit_note(PG_FUNCTION_ARGS)
{
	RefundRow	refund = {.state = REFUND_DONE};
	int64		credit_note_id;
	Ledger	   *ledger = begin_refund(fcinfo, 2, &credit_note_id, &refund);
	CreditNoteRow note;

	lock_unclaimed_note(ledger, credit_note_id, &note);
	refund_note(ledger, &note, &refund, NULL, 0);
	engine_end();
	PG_RETURN_INT64(refund.refund_id);
}

/*
 * request_refund(credit_note_id, reference, parts DEFAULT NULL, entered_by DEFAULT NULL)
 *	   -> credit_note_refund_id
 *		Claim a credit note for a refund that a platform is to make, in full.
 *
 * parts says how much goes back to which payment, in units of the ledger's currency, the
 * rest goes some other way; NULL for what each of its sources can take.  Raises RP002,
 * RP003, RP006, RP010, RP012, 22001, 22004, 22023, 42501.  Spec section 10.
 */
PG_FUNCTION_INFO_V1(regpaydb_request_refund);
Datum
regpaydb_request_refund(PG_FUNCTION_ARGS)
{
	RefundRow	refund = {.state = REFUND_REQUESTED};
	int64		credit_note_id;
	Ledger	   *ledger = begin_refund(fcinfo, 3, &credit_note_id, &refund);
	CreditNoteRow note;
	MoneyPart  *parts = NULL;
	int			nparts = 0;

	if (!PG_ARGISNULL(2))
		parts = parse_parts(ledger, PG_GETARG_JSONB_P(2), &nparts);
	lock_unclaimed_note(ledger, credit_note_id, &note);
	refund_note(ledger, &note, &refund, parts, nparts);
	engine_end();
	PG_RETURN_INT64(refund.refund_id);
}

/*
 * confirm_refund(credit_note_refund_id, provider DEFAULT NULL, provider_ref DEFAULT NULL)
 *	   -> void
 *		A refund that was requested is done; again with the same reference nothing
 *		happens.
 *
 * Raises RP002, RP008, RP009, RP010, RP012, 22001, 22004, 22023, 42501.  Spec section 10.
 */
PG_FUNCTION_INFO_V1(regpaydb_confirm_refund);
Datum
regpaydb_confirm_refund(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger = staff_begin(CREDIT_NOTE_REFUND, "credit_note_id", ACL_INSERT);
	int64		refund_id = int8_arg(fcinfo, 0, "credit_note_refund_id");
	text	   *provider;
	text	   *provider_ref;

	provider_args(fcinfo, 1, "provider_ref", &provider, &provider_ref);
	refund_confirm(ledger, refund_id, provider, provider_ref);
	engine_end();
	PG_RETURN_VOID();
}

/*
 * fail_refund(credit_note_refund_id, reason) -> credit_note_id
 *		A refund that was requested has failed: its money is a new, unclaimed note.
 *
 * Raises RP002, RP008, RP010, RP012, 22001, 22004, 42501.  Spec section 10.
 */
PG_FUNCTION_INFO_V1(regpaydb_fail_refund);
Datum
regpaydb_fail_refund(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger = staff_begin(CREDIT_NOTE_REFUND, "credit_note_id", ACL_INSERT);
	int64		refund_id = int8_arg(fcinfo, 0, "credit_note_refund_id");
	text	   *reason = text_arg(fcinfo, 1, "reason", MAX_TEXT_LENGTH);
	int64		credit_note_id = refund_fail(ledger, refund_id, reason);

	engine_end();
	PG_RETURN_INT64(credit_note_id);
}
