/*
 * reversal.c
 *	  Money that a platform took back.
 */
#include "postgres.h"

#include "fmgr.h"
#include "utils/builtins.h"

#include "base/args.h"
#include "base/errors.h"
#include "engine/actor.h"
#include "flow/reversal.h"
#include "rows/payment_rows.h"

/* The payment whose money it was, of the platform's reference; raises RP002. */
static void
find_reversed(Ledger *ledger, text *provider, text *provider_ref, PaymentRow *payment)
{
	if (!row_payment_by_ref(ledger, provider, provider_ref, payment))
		ereport(ERROR,
				(errcode(RP_NOT_FOUND),
				 errmsg("there is no payment \"%s\" of \"%s\"", text_to_cstring(provider_ref),
						text_to_cstring(provider)),
				 errdetail("No payment with this provider's reference is in this ledger."),
				 errhint("Check the references, and the setting regpaydb.ledger; record the payment first, if its message has not arrived yet.")));
}

static void
check_brought(const PaymentRow *payment)
{
	if (payment->amount < 0)
		ereport(ERROR,
				(errcode(RP_INVALID_AMOUNT),
				 errmsg("payment " INT64_FORMAT " takes money off", payment->payment_id),
				 errdetail("It has brought none that could be taken back."),
				 errhint("Give the reference of the payment that brought the money.")));
}

static void
check_above_zero(int64 amount)
{
	if (amount <= 0)
		ereport(ERROR,
				(errcode(RP_INVALID_AMOUNT),
				 errmsg("amount must be above zero"),
				 errdetail("It is what was taken back."),
				 errhint("Record what comes in by regpaydb.record_payment().")));
}

/*
 * record_reversal(provider, provider_ref, amount, reversal_ref, reference DEFAULT '')
 *	   -> reversal_id
 *		Record that a platform took back money that this payment had brought: a dispute,
 *		or a refund that was made at the platform.
 *
 * amount is in units of the ledger's currency, and above zero.  Returns NULL where
 * reversal_ref is the reference of a refund of ours, which is confirmed.  The same
 * provider and reversal_ref again, with the same payment and amount, returns the first
 * reversal's id and does nothing.  Raises RP002, RP003, RP009, RP010, RP012, 22001,
 * 22004, 22023, 42501.  Spec section 10.
 */
PG_FUNCTION_INFO_V1(regpaydb_record_reversal);
Datum
regpaydb_record_reversal(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger = staff_begin(REVERSAL, "amount", ACL_INSERT);
	ReversalRow reversal = {0};
	PaymentRow	payment;
	text	   *provider_ref;
	bool		is_reversal;

	needed_provider_args(fcinfo, 0, "provider_ref", &reversal.provider, &provider_ref);
	reversal.amount = money_arg(ledger->decimals, fcinfo, 2, "amount");
	check_above_zero(reversal.amount);
	reversal.reversal_ref = text_arg(fcinfo, 3, "reversal_ref", MAX_PROVIDER_LENGTH);
	if (VARSIZE_ANY_EXHDR(reversal.reversal_ref) == 0)
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("reversal_ref must not be empty"),
				 errhint("Give the platform's own key of the reversal: it is recorded once.")));
	reversal.reference = text_arg(fcinfo, 4, "reference", MAX_TEXT_LENGTH);

	find_reversed(ledger, reversal.provider, provider_ref, &payment);
	check_brought(&payment);
	reversal.payment_id = payment.payment_id;
	is_reversal = reversal_is_recorded(ledger, &reversal) ||
		reverse_payment(ledger, &reversal, &payment);
	engine_end();
	if (!is_reversal)
		PG_RETURN_NULL();
	PG_RETURN_INT64(reversal.reversal_id);
}
