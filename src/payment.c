/*
 * payment.c
 *	  Payments: pay, record_manual_payment, and the trigger of the table.
 *
 * A payment's row is inserted before its invoice is locked, by the functions
 * as by a plain INSERT, so that two sessions with the same provider reference
 * wait for each other in one order.  Without a reference nobody waits for the
 * payment, and an invoice that many pay at once is locked first: else the foreign
 * key's locks of all of them pile up on its row.
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "actor.h"
#include "call.h"
#include "engine.h"
#include "errors.h"
#include "invoice.h"
#include "money.h"
#include "settle.h"
#include "store.h"
#include "table.h"
#include "trigger.h"

static void
check_not_zero(int64 amount)
{
	if (amount == 0)
		ereport(ERROR,
				(errcode(RP_INVALID_AMOUNT),
				 errmsg("amount must not be zero"),
				 errdetail("A payment of nothing is no payment."),
				 errhint("Give the amount that was paid; a negative one is a refund.")));
}

/* The provider and its reference, of which both or the provider may be given. */
static void
get_provider_args(FunctionCallInfo fcinfo, int number, PaymentRow *payment)
{
	if (PG_ARGISNULL(number) && PG_ARGISNULL(number + 1))
		return;
	payment->provider = text_arg(fcinfo, number, "provider", MAX_PROVIDER_LENGTH);
	if (!PG_ARGISNULL(number + 1))
		payment->provider_ref = text_arg(fcinfo, number + 1, "provider_ref",
										 MAX_PROVIDER_LENGTH);
	if (VARSIZE_ANY_EXHDR(payment->provider) == 0 ||
		(payment->provider_ref != NULL && VARSIZE_ANY_EXHDR(payment->provider_ref) == 0))
		ereport(ERROR,
				(errcode(ERRCODE_INVALID_PARAMETER_VALUE),
				 errmsg("provider and provider_ref must not be empty"),
				 errhint("Leave out what is not known.")));
}

/*
 * If the provider's payment is recorded already, its id goes to payment.
 * Raises RP009 where it is recorded with another invoice or amount.
 */
static bool
recorded_before(Ledger *ledger, PaymentRow *payment)
{
	PaymentRow	first;

	if (payment->provider_ref == NULL ||
		!row_payment_by_ref(ledger, payment->provider, payment->provider_ref, &first))
		return false;
	if (first.invoice_id != payment->invoice_id || first.amount != payment->amount)
		ereport(ERROR,
				(errcode(RP_IDEMPOTENCY_CONFLICT),
				 errmsg("provider reference \"%s\" of \"%s\" is recorded with another payment",
						text_to_cstring(payment->provider_ref),
						text_to_cstring(payment->provider)),
				 errdetail("A provider's reference stands for one payment: one invoice and one amount."),
				 errhint("Send the same invoice and amount to repeat a call, or a new reference for a new payment.")));
	payment->payment_id = first.payment_id;
	return true;
}

/*
 * Settle a payment that was inserted: the invoice is found afresh, as another
 * session may have changed it since.
 */
static void
settle_inserted(Ledger *ledger, const PaymentRow *payment, SettleCheck check)
{
	InvoiceRow	invoice;

	if (settle_peek_invoice(ledger, payment->invoice_id, NULL, &invoice) &&
		actor_may_view(ledger, invoice.attendee_id) &&
		settle_payment(ledger, &invoice, payment, check, invoice.attendee_id))
		return;
	lock_invoice(ledger, payment->invoice_id, &invoice);
	(void) settle_payment(ledger, &invoice, payment, check, invoice.attendee_id);
}

/*
 * pay(invoice_id, amount, reference, provider DEFAULT NULL,
 *	   provider_ref DEFAULT NULL) -> payment_id
 *		Record a payment on an invoice that can be paid, and settle it.
 *
 * amount is in units of the ledger's currency.  What is paid too much becomes
 * a credit note.  The same provider and provider_ref again, with the same
 * invoice and amount, returns the first payment's id and does nothing.
 * Raises RP001-RP005, RP009, RP012, 22001, 22004, 22023, 42501.
 * Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_pay);
Datum
regpaydb_pay(PG_FUNCTION_ARGS)
{
	EngineScope scope;
	Ledger	   *ledger = engine_begin(&scope, PAYMENT, "amount", ACL_INSERT);
	PaymentRow	payment = {.kind = PAYMENT_PLAIN};
	InvoiceRow	invoice;

	payment.invoice_id = int8_arg(fcinfo, 0, "invoice_id");
	payment.amount = money_arg(fcinfo, 1, "amount");
	payment.reference = text_arg(fcinfo, 2, "reference", MAX_TEXT_LENGTH);
	get_provider_args(fcinfo, 3, &payment);
	check_not_zero(payment.amount);

	find_invoice(ledger, payment.invoice_id, &invoice);
	if (!recorded_before(ledger, &payment))
	{
		check_likely_payable(ledger, &invoice);
		if (payment.provider_ref == NULL && settle_is_contended(ledger, payment.invoice_id))
			lock_invoice(ledger, payment.invoice_id, &invoice);
		payment.payment_id = row_next_payment_id(ledger);
		if (row_insert_payment(ledger, &payment))
			settle_inserted(ledger, &payment, check_payable);
		else if (!recorded_before(ledger, &payment))
			store_not_written(ledger, PAYMENT);
	}
	engine_end(&scope);
	PG_RETURN_INT64(payment.payment_id);
}

static void
check_staff(Ledger *ledger, int64 user_id)
{
	if (!row_is_staff(ledger, user_id))
		ereport(ERROR,
				(errcode(RP_STAFF_ONLY),
				 errmsg("user " INT64_FORMAT " is not staff", user_id),
				 errdetail("Manual payments are entered by the users in the table staff."),
				 errhint("Add the user to the table staff, or use regpaydb.pay().")));
}

/*
 * record_manual_payment(invoice_id, amount, reference, entered_by) -> payment_id
 *		Record a payment that a staff member reports, whatever state the invoice
 *		is in: what it can't take becomes a credit note.
 *
 * amount is in units of the ledger's currency; a negative one is a refund.
 * Raises RP002, RP003, RP010, RP012, 22001, 22004, 42501.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_record_manual_payment);
Datum
regpaydb_record_manual_payment(PG_FUNCTION_ARGS)
{
	EngineScope scope;
	Ledger	   *ledger = engine_begin(&scope, PAYMENT, "entered_by", ACL_INSERT);
	PaymentRow	payment = {.kind = PAYMENT_MANUAL};
	int64		entered_by;
	int64		actor;
	InvoiceRow	invoice;

	payment.invoice_id = int8_arg(fcinfo, 0, "invoice_id");
	payment.amount = money_arg(fcinfo, 1, "amount");
	payment.reference = text_arg(fcinfo, 2, "reference", MAX_TEXT_LENGTH);
	entered_by = int8_arg(fcinfo, 3, "entered_by");
	payment.entered_by = &entered_by;
	check_not_zero(payment.amount);
	check_staff(ledger, entered_by);
	find_invoice(ledger, payment.invoice_id, &invoice);
	if (actor_user_id(&actor))
		check_staff(ledger, actor);

	payment.payment_id = row_next_payment_id(ledger);
	row_insert_payment(ledger, &payment);
	settle_inserted(ledger, &payment, NULL);
	engine_end(&scope);
	PG_RETURN_INT64(payment.payment_id);
}

/* The columns of the table payment that its trigger reads. */
typedef struct PaymentColumns
{
	int			payment_id;
	int			invoice_id;
	int			amount;
	int			kind;
	Oid			credit_note;	/* values of kind that only the engine writes */
	Oid			credit_application;
} PaymentColumns;

static void
find_payment_columns(TriggerData *trigger, PaymentColumns *columns)
{
	columns->payment_id = find_trigger_column(trigger, "payment_id", INT8OID);
	columns->invoice_id = find_trigger_column(trigger, "invoice_id", INT8OID);
	columns->amount = find_trigger_column(trigger, "amount", NUMERICOID);
	columns->kind = find_trigger_column(trigger, "kind", enum_type(ENUM_PAYMENT_KIND));
	columns->credit_note = enum_oid(ENUM_PAYMENT_KIND, PAYMENT_CREDIT_NOTE);
	columns->credit_application = enum_oid(ENUM_PAYMENT_KIND, PAYMENT_CREDIT_APPLICATION);
}

static Datum
payment_column(TupleTableSlot *slot, int number)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, number, &isnull);

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("column %d of a new payment is null", number)));
	return value;
}

/*
 * The statement's payments, in a growing array, without those that the engine
 * itself is inserting: it settles them by itself.
 */
static NewPayment *
read_new_payments(TriggerData *trigger, int64 *npayments)
{
	Tuplestorestate *rows = trigger->tg_newtable;
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(trigger->tg_relation),
													&TTSOpsMinimalTuple);
	int			pointer = tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND);
	int64		capacity = 16;
	NewPayment *payments = palloc(capacity * sizeof(NewPayment));
	MemoryContext row_context = AllocSetContextCreate(CurrentMemoryContext, "regpaydb payment",
													  ALLOCSET_SMALL_SIZES);
	MemoryContext save_context = CurrentMemoryContext;
	PaymentColumns columns;

	find_payment_columns(trigger, &columns);
	*npayments = 0;
	tuplestore_select_read_pointer(rows, pointer);
	tuplestore_rescan(rows);
	while (tuplestore_gettupleslot(rows, true, false, slot))
	{
		NewPayment	payment;
		Oid			kind = DatumGetObjectId(payment_column(slot, columns.kind));

		CHECK_FOR_INTERRUPTS();
		payment.payment_id = DatumGetInt64(payment_column(slot, columns.payment_id));
		if (store_is_writing(RelationGetRelid(trigger->tg_relation), payment.payment_id))
			continue;
		payment.invoice_id = DatumGetInt64(payment_column(slot, columns.invoice_id));
		MemoryContextReset(row_context);
		MemoryContextSwitchTo(row_context);
		payment.amount = money_from_numeric(DatumGetNumeric(payment_column(slot, columns.amount)),
											"amount");
		MemoryContextSwitchTo(save_context);
		payment.engine_kind = kind == columns.credit_note || kind == columns.credit_application;
		if (*npayments == capacity)
		{
			capacity *= 2;
			payments = repalloc_huge(payments, capacity * sizeof(NewPayment));
		}
		payments[(*npayments)++] = payment;
	}
	MemoryContextDelete(row_context);
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_select_read_pointer(rows, 0);
	return payments;
}

/*
 * settle_payments()
 *		AFTER INSERT statement trigger of payment: settle every invoice that the
 *		statement's payments are for, once.
 *
 * Raises what settle_new_payments does.  Spec sections 3 and 4.
 */
PG_FUNCTION_INFO_V1(regpaydb_settle_payments);
Datum
regpaydb_settle_payments(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = check_trigger(fcinfo, "settle_payments", TRIGGER_EVENT_AFTER,
										 TRIGGER_EVENT_INSERT);
	Ledger	   *ledger;
	EngineScope scope;
	NewPayment *payments;
	int64		npayments;

	if (trigger->tg_newtable == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"settle_payments\" needs a transition table"),
				 errhint("Create the trigger with REFERENCING NEW TABLE.")));
	ledger = ledger_of_relation(trigger->tg_relation, PAYMENT, PAYMENT);
	payments = read_new_payments(trigger, &npayments);
	if (npayments > 0)
	{
		engine_begin_as_owner(&scope, ledger);
		engine_check_version(ledger, true);
		settle_new_payments(ledger, payments, npayments);
		engine_end(&scope);
	}
	pfree(payments);
	return PointerGetDatum(NULL);
}
