/*
 * provenance.c
 *	  Where a credit note's money came from, and where a payment's is now.
 */
#include "postgres.h"

#include "fmgr.h"
#include "funcapi.h"
#include "lib/stringinfo.h"
#include "utils/builtins.h"
#include "utils/tuplestore.h"

#include "base/args.h"
#include "base/errors.h"
#include "base/money.h"
#include "engine/actor.h"
#include "flow/find.h"
#include "flow/refund.h"
#include "ledger/catalog.h"
#include "rows/invoice_rows.h"
#include "rows/payment_rows.h"
#include "rows/refund_rows.h"
#include "rows/result.h"

static const char *const place_names[] = {
	[PLACE_INVOICE] = "invoice",
	[PLACE_CREDIT_NOTE] = "credit_note",
	[PLACE_REFUND] = "refund",
	[PLACE_GIVEN_BACK] = "refund",
	[PLACE_REVERSED] = "reversed",
};

/* Money is told to the staff, and to those who read reports. */
static Ledger *
begin_trail(void)
{
	Ledger	   *ledger;

	engine_check_privilege(CREDIT_NOTE_REFUND, "reference", ACL_SELECT);
	engine_check_privilege(REVERSAL, "amount", ACL_SELECT);
	ledger = engine_begin_read(PAYMENT, "amount", ACL_SELECT);
	actor_must_be_staff(ledger);
	return ledger;
}

static Datum
money_value(const Ledger *ledger, int64 amount)
{
	return NumericGetDatum(money_to_numeric(amount, ledger->decimals));
}

static Datum
text_or_null(text *value, bool *isnull)
{
	*isnull = value == NULL;
	return PointerGetDatum(value);
}

/*
 * refund_sources(credit_note_id) -> table (payment_id, provider, provider_ref, reference,
 *	   amount, refundable)
 *		Which payments from outside brought a credit note's money, how much each, and how
 *		much of each of these payments can be refunded still, in units of the ledger's
 *		currency.
 *
 * Raises RP002, RP010, RP012, 22004, 42501.  Spec section 10.
 */
PG_FUNCTION_INFO_V1(regpaydb_refund_sources);
Datum
regpaydb_refund_sources(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Ledger	   *ledger;
	Provenance	provenance;
	int64		credit_note_id;
	PaymentRow	made;
	MoneyPart  *sources;
	int			nsources;

	InitMaterializedSRF(fcinfo, 0);
	ledger = begin_trail();
	credit_note_id = int8_arg(fcinfo, 0, "credit_note_id");
	if (!row_payment(ledger, credit_note_id, &made) || made.kind != PAYMENT_CREDIT_NOTE)
		not_found("credit note", credit_note_id);
	begin_provenance(&provenance, ledger);
	sources = note_sources(&provenance, credit_note_id, &nsources);
	for (int i = 0; i < nsources; i++)
	{
		PaymentRow	payment;
		Datum		values[6];
		bool		nulls[6] = {false};

		if (!row_payment(ledger, sources[i].payment_id, &payment))
			continue;
		values[0] = Int64GetDatum(payment.payment_id);
		values[1] = text_or_null(payment.provider, &nulls[1]);
		values[2] = text_or_null(payment.provider_ref, &nulls[2]);
		values[3] = text_or_null(payment.reference, &nulls[3]);
		values[4] = money_value(ledger, sources[i].amount);
		values[5] = money_value(ledger, payment_refundable(&provenance, &payment));
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	engine_end();
	return (Datum) 0;
}

/*
 * money_trail(payment_id) -> table (place, amount, invoice_id, credit_note_id,
 *	   credit_note_refund_id)
 *		Where the money that a payment brought is now: place is invoice, credit_note,
 *		refund or reversed; amounts are in units of the ledger's currency.
 *
 * Raises RP002, RP003 for a payment that takes money off, RP010, RP012, 22004, 42501.
 * Spec section 10.
 */
PG_FUNCTION_INFO_V1(regpaydb_money_trail);
Datum
regpaydb_money_trail(PG_FUNCTION_ARGS)
{
	ReturnSetInfo *result = (ReturnSetInfo *) fcinfo->resultinfo;
	Ledger	   *ledger;
	Provenance	provenance;
	int64		payment_id;
	PaymentRow	payment;
	MoneyPlace *places;
	int			nplaces;

	InitMaterializedSRF(fcinfo, 0);
	ledger = begin_trail();
	payment_id = int8_arg(fcinfo, 0, "payment_id");
	if (!row_payment(ledger, payment_id, &payment))
		not_found("payment", payment_id);
	if (payment.amount < 0)
		ereport(ERROR,
				(errcode(RP_INVALID_AMOUNT),
				 errmsg("payment " INT64_FORMAT " takes money off", payment_id),
				 errdetail("It has brought none that could be somewhere now."),
				 errhint("Ask for the payments that brought money; regpaydb.refund_sources() tells those of a credit note.")));
	begin_provenance(&provenance, ledger);
	places = money_places(&provenance, &payment, &nplaces);
	for (int i = 0; i < nplaces; i++)
	{
		Datum		values[5];
		bool		nulls[5] = {false};

		values[0] = CStringGetTextDatum(place_names[places[i].kind]);
		values[1] = money_value(ledger, places[i].amount);
		values[2] = Int64GetDatum(places[i].invoice_id);
		values[3] = Int64GetDatum(places[i].credit_note_id);
		values[4] = Int64GetDatum(places[i].refund_id);
		nulls[3] = places[i].kind != PLACE_CREDIT_NOTE && places[i].kind != PLACE_REFUND;
		nulls[2] = !nulls[3];
		nulls[4] = places[i].kind != PLACE_REFUND;
		tuplestore_putvalues(result->setResult, result->setDesc, values, nulls);
	}
	engine_end();
	return (Datum) 0;
}

/* Add where some of a payment's money is, for people. */
static void
describe_place(Ledger *ledger, const MoneyPlace *place, StringInfo summary)
{
	InvoiceRow	invoice;
	RefundRow	refund;

	appendStringInfoString(summary, money_to_cstring(place->amount, ledger->decimals));
	if (place->kind == PLACE_CREDIT_NOTE)
		appendStringInfo(summary, " in credit note " INT64_FORMAT, place->credit_note_id);
	else if (place->kind == PLACE_REVERSED)
		appendStringInfo(summary, " reversed on invoice " INT64_FORMAT, place->invoice_id);
	else if (place->kind == PLACE_GIVEN_BACK)
		appendStringInfo(summary, " given back on invoice " INT64_FORMAT, place->invoice_id);
	else if (place->kind == PLACE_REFUND && row_refund(ledger, place->refund_id, &refund))
		appendStringInfo(summary, " back by refund " INT64_FORMAT " (%s%s%s)", refund.refund_id,
						 refund_state_names[refund.state],
						 VARSIZE_ANY_EXHDR(refund.reference) > 0 ? ": " : "",
						 text_to_cstring(refund.reference));
	else if (row_invoice(ledger, place->invoice_id, &invoice))
		appendStringInfo(summary, " on invoice " INT64_FORMAT " (%s)", place->invoice_id,
						 invoice_status_names[invoice.state.status]);
}

/*
 * payment_summary(provider, provider_ref) -> text
 *		Where the money of a platform's payment is now, in words; NULL where there is no
 *		such payment.
 *
 * Raises RP010, RP012, 22001, 22004, 22023, 42501.  Spec section 10.
 */
PG_FUNCTION_INFO_V1(regpaydb_payment_summary);
Datum
regpaydb_payment_summary(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger = begin_trail();
	text	   *provider;
	text	   *provider_ref;
	PaymentRow	payment;
	Provenance	provenance;
	MoneyPlace *places;
	int			nplaces;
	StringInfoData summary;
	Datum		result;

	needed_provider_args(fcinfo, 0, "provider_ref", &provider, &provider_ref);
	if (!row_payment_by_ref(ledger, provider, provider_ref, &payment))
	{
		engine_end();
		PG_RETURN_NULL();
	}
	initStringInfo(&summary);
	appendStringInfoString(&summary, money_to_cstring(payment.amount, ledger->decimals));
	begin_provenance(&provenance, ledger);
	places = money_places(&provenance, &payment, &nplaces);
	for (int i = 0; i < nplaces; i++)
	{
		appendStringInfoString(&summary, i == 0 ? ": " : ", ");
		describe_place(ledger, &places[i], &summary);
	}
	result = copy_result(CStringGetTextDatum(summary.data));
	engine_end();
	PG_RETURN_DATUM(result);
}
