/*
 * payment.c
 *	  Payments: pay, record_payment, record_manual_payment, and the trigger of
 *	  the table.
 *
 * A payment is inserted before its invoice is locked, by the functions as by a plain
 * INSERT, so that whoever waits in between waits in one order: two sessions with the
 * same provider's reference for each other, and the owner's triggers for what they
 * lock.  Where nobody can wait for the payment, the invoice is locked first: else
 * the foreign key's locks of all who pay it at once pile up on its row.  (Not that
 * of a cart, which is paid once, and whose products all buyers wait for.)
 */
#include "postgres.h"

#include "commands/trigger.h"
#include "executor/executor.h"
#include "fmgr.h"
#include "miscadmin.h"
#include "utils/builtins.h"
#include "utils/date.h"
#include "utils/memutils.h"
#include "utils/rel.h"
#include "utils/tuplestore.h"

#include "base/args.h"
#include "base/array.h"
#include "base/errors.h"
#include "base/money.h"
#include "base/trigger.h"
#include "engine/actor.h"
#include "flow/find.h"
#include "flow/payable.h"
#include "flow/settle.h"
#include "flow/settle_batch.h"
#include "ledger/placement.h"
#include "rows/payment_rows.h"
#include "rows/plan.h"
#include "rows/result.h"
#include "rows/row.h"

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

/* Money that leaves is for those who may say so: spec section 7. */
static void
check_arrives(int64 amount)
{
	if (amount <= 0)
		ereport(ERROR,
				(errcode(RP_INVALID_AMOUNT),
				 errmsg("amount must be above zero"),
				 errdetail("This records money that comes in."),
				 errhint("Staff give money back by regpaydb.refund_invoice() and regpaydb.refund_credit_note(), or report what was given back by regpaydb.record_manual_payment().")));
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
 * Insert a payment that is not recorded yet, as far as is known, on an invoice
 * that was found, and settle it.
 */
static void
record(Ledger *ledger, PaymentRow *payment, InvoiceRow *invoice, SettleCheck check)
{
	if (payment->provider_ref == NULL && !invoice->has_cart &&
		row_runs_no_code(ledger, PAYMENT, ROW_INSERT))
		lock_found_invoice(ledger, invoice);
	payment->payment_id = row_next_payment_id(ledger);
	if (row_insert_payment(ledger, payment))
	{
		/*
		 * Triggers that the insert has fired may have changed the invoice, even
		 * though it is locked, or the settings that say who acts.
		 */
		if (!actor_may_view(ledger, invoice->attendee_id))
			not_found("invoice", invoice->invoice_id);
		lock_found_invoice(ledger, invoice);
		settle_payment(ledger, invoice, payment, check, invoice->attendee_id);
	}
	else if (!recorded_before(ledger, payment))
		row_not_written(ledger, PAYMENT);
}

static void
get_payment_args(FunctionCallInfo fcinfo, const Ledger *ledger, PaymentRow *payment)
{
	payment->invoice_id = int8_arg(fcinfo, 0, "invoice_id");
	payment->amount = money_arg(ledger->decimals, fcinfo, 1, "amount");
	payment->reference = text_arg(fcinfo, 2, "reference", MAX_TEXT_LENGTH);
}

/*
 * pay(invoice_id, amount, reference, provider DEFAULT NULL,
 *	   provider_ref DEFAULT NULL) -> payment_id
 *		Record a payment on an invoice that can be paid, and settle it.
 *
 * amount is in units of the ledger's currency, and above zero.  What is paid too
 * much becomes a credit note.  The same provider and provider_ref again, with the same
 * invoice and amount, returns the first payment's id and does nothing.
 * Raises RP001-RP005, RP009, RP012, 22001, 22004, 22023, 42501.
 * Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_pay);
Datum
regpaydb_pay(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger = engine_begin(PAYMENT, "amount", ACL_INSERT);
	PaymentRow	payment = {.kind = PAYMENT_PLAIN};
	InvoiceRow	invoice;

	get_payment_args(fcinfo, ledger, &payment);
	provider_args(fcinfo, 3, "provider_ref", &payment.provider, &payment.provider_ref);
	check_arrives(payment.amount);

	find_invoice(ledger, payment.invoice_id, &invoice);
	if (!recorded_before(ledger, &payment))
	{
		check_likely_payable(ledger, &invoice);
		record(ledger, &payment, &invoice, check_payable);
	}
	engine_end();
	PG_RETURN_INT64(payment.payment_id);
}

static DateADT *
date_arg(FunctionCallInfo fcinfo, int number)
{
	DateADT    *date;

	if (PG_ARGISNULL(number))
		return NULL;
	date = palloc(sizeof(DateADT));
	*date = PG_GETARG_DATEADT(number);
	return date;
}

/*
 * record_payment(invoice_id, amount, reference, provider, provider_ref,
 *				  value_date DEFAULT NULL) -> payment_id
 *		Record a payment that has arrived, as a payment platform or a bank tells,
 *		whatever state the invoice is in: what it can't take becomes a credit note.
 *
 * amount is in units of the ledger's currency, and above zero; value_date is the
 * day on which the bank says that it came.  The same provider and provider_ref
 * again, with the same invoice and amount, returns the first payment's id and
 * does nothing.  Raises RP002, RP003, RP009, RP012, 22001, 22004, 22023, 42501.
 * Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_record_payment);
Datum
regpaydb_record_payment(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger = engine_begin(PAYMENT, "amount", ACL_INSERT);
	PaymentRow	payment = {.kind = PAYMENT_PLAIN};
	InvoiceRow	invoice;

	get_payment_args(fcinfo, ledger, &payment);
	needed_provider_args(fcinfo, 3, "provider_ref", &payment.provider, &payment.provider_ref);
	payment.value_date = date_arg(fcinfo, 5);
	check_arrives(payment.amount);

	find_invoice(ledger, payment.invoice_id, &invoice);
	if (!recorded_before(ledger, &payment))
		record(ledger, &payment, &invoice, NULL);
	engine_end();
	PG_RETURN_INT64(payment.payment_id);
}

/*
 * record_manual_payment(invoice_id, amount, reference, entered_by DEFAULT NULL,
 *						 provider DEFAULT NULL, provider_ref DEFAULT NULL,
 *						 value_date DEFAULT NULL) -> payment_id
 *		Record a payment that a staff member reports, whatever state the invoice
 *		is in: what it can't take becomes a credit note.
 *
 * amount is in units of the ledger's currency; a negative one is a refund.
 * entered_by is the actor, where it is NULL.  Once per provider_ref, as
 * record_payment.  Raises RP002, RP003, RP009, RP010, RP012, 22001, 22004, 22023,
 * 42501.  Spec section 3.
 */
PG_FUNCTION_INFO_V1(regpaydb_record_manual_payment);
Datum
regpaydb_record_manual_payment(PG_FUNCTION_ARGS)
{
	Ledger	   *ledger = staff_begin(PAYMENT, "entered_by", ACL_INSERT);
	PaymentRow	payment = {.kind = PAYMENT_MANUAL};
	int64		entered_by;
	InvoiceRow	invoice;

	get_payment_args(fcinfo, ledger, &payment);
	if (!PG_ARGISNULL(3) || !actor_user_id(&entered_by))
		entered_by = int8_arg(fcinfo, 3, "entered_by");
	payment.entered_by = &entered_by;
	provider_args(fcinfo, 4, "provider_ref", &payment.provider, &payment.provider_ref);
	payment.value_date = date_arg(fcinfo, 6);
	check_not_zero(payment.amount);
	check_entered_by(ledger, entered_by);

	find_invoice(ledger, payment.invoice_id, &invoice);
	if (!recorded_before(ledger, &payment))
		record(ledger, &payment, &invoice, NULL);
	engine_end();
	PG_RETURN_INT64(payment.payment_id);
}

/* The columns of the table payment that its trigger reads. */
typedef struct PaymentColumns
{
	int			payment_id;
	int			invoice_id;
	int			amount;
	int			kind;
	int			time;
	int32		time_typmod;
	int			entered_by;		/* 0 where it is compared to no actor */
	bool		is_sent;		/* by another node of Citus, where the actor is known */
} PaymentColumns;

static void
find_payment_columns(TriggerData *trigger, PaymentColumns *columns)
{
	columns->payment_id = find_trigger_column(trigger, "payment_id", INT8OID);
	columns->invoice_id = find_trigger_column(trigger, "invoice_id", INT8OID);
	columns->amount = find_trigger_column(trigger, "amount", NUMERICOID);
	columns->kind = find_trigger_column(trigger, "kind", enum_type(ENUM_PAYMENT_KIND));
	columns->time = find_trigger_column(trigger, "time", TIMESTAMPTZOID);
	columns->time_typmod = TupleDescAttr(RelationGetDescr(trigger->tg_relation),
										 columns->time - 1)->atttypmod;
	columns->is_sent = is_sent();
	columns->entered_by = actor_is_set() || columns->is_sent ?
		find_trigger_column(trigger, "entered_by", INT8OID) : 0;
}

/* Whether only the engine writes payments of this kind. */
static bool
is_engine_kind(Oid kind)
{
	return kind != enum_oid(ENUM_PAYMENT_KIND, PAYMENT_PLAIN) &&
		kind != enum_oid(ENUM_PAYMENT_KIND, PAYMENT_MANUAL);
}

/* Whether somebody signs, who is the actor where there is one: nobody signs for another. */
static bool
is_signed(TupleTableSlot *slot, int number)
{
	bool		isnull;
	Datum		entered_by = slot_getattr(slot, number, &isnull);

	if (!isnull)
		actor_must_be(DatumGetInt64(entered_by));
	return !isnull;
}

/*
 * Whether a payment is of the time at which it is recorded.  Where another node of Citus
 * sends it, the default of the column was evaluated there: that is when the transaction
 * began there, by another clock, and it comes here with the transaction's first statement
 * for this node.  Anybody can pretend to be a node, so there is an end to what is believed.
 */
static bool
is_of_its_time(const Ledger *ledger, const PaymentColumns *columns, TimestampTz time)
{
	TimestampTz now = GetCurrentTransactionStartTimestamp();

	if (is_of_now(time, columns->time_typmod))
		return true;
	return ledger->distributed && columns->is_sent &&
		time >= now - USECS_PER_HOUR && time <= now + USECS_PER_HOUR;
}

static Datum
payment_column(TupleTableSlot *slot, int number)
{
	bool		isnull;
	Datum		value = slot_getattr(slot, number, &isnull);

	if (isnull)
		ereport(ERROR,
				(errcode(ERRCODE_NOT_NULL_VIOLATION),
				 errmsg("column \"%s\" of a new payment is null",
						NameStr(TupleDescAttr(slot->tts_tupleDescriptor, number - 1)->attname))));
	return value;
}

/*
 * The statement's payments, but for those that the engine is inserting: it settles
 * these itself.
 */
static NewPayment *
read_new_payments(TriggerData *trigger, const Ledger *ledger, int64 *npayments)
{
	Tuplestorestate *rows = trigger->tg_newtable;
	TupleTableSlot *slot = MakeSingleTupleTableSlot(RelationGetDescr(trigger->tg_relation),
													&TTSOpsMinimalTuple);
	int			pointer = tuplestore_alloc_read_pointer(rows, EXEC_FLAG_REWIND);
	NewPayment *payments = room_for_one(NULL, 0, sizeof(NewPayment));
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
		if (engine_is_writing(RelationGetRelid(trigger->tg_relation), payment.payment_id))
			continue;
		payment.without_actor = (columns.entered_by != 0 && is_signed(slot, columns.entered_by) &&
								 columns.is_sent);
		payment.invoice_id = DatumGetInt64(payment_column(slot, columns.invoice_id));
		MemoryContextReset(row_context);
		MemoryContextSwitchTo(row_context);
		payment.amount = money_from_numeric(DatumGetNumeric(payment_column(slot, columns.amount)),
											ledger->decimals, "amount");
		MemoryContextSwitchTo(save_context);
		payment.without_actor |= (columns.is_sent && payment.amount < 0);
		payment.engine_kind = is_engine_kind(kind);
		payment.other_time = !is_of_its_time(ledger, &columns,
											 DatumGetTimestampTz(payment_column(slot, columns.time)));
		payments = room_for_one(payments, *npayments, sizeof(NewPayment));
		payments[(*npayments)++] = payment;
	}
	MemoryContextDelete(row_context);
	ExecDropSingleTupleTableSlot(slot);
	tuplestore_select_read_pointer(rows, 0);
	return payments;
}

/* Whether any of the payments takes money off an invoice, and is not the engine's. */
static bool
money_leaves(const NewPayment *payments, int64 npayments)
{
	for (int64 i = 0; i < npayments; i++)
		if (payments[i].amount < 0 && !payments[i].engine_kind)
			return true;
	return false;
}

/*
 * settle_payments()
 *		AFTER INSERT statement trigger of payment: settle every invoice that the
 *		statement's payments are for, once.
 *
 * Negative payments are for those who may insert payment.entered_by, and for
 * staff where an actor is set, who signs for nobody else.  Raises 42501 and RP010
 * for others, and what settle_new_payments does.  Spec sections 3, 4 and 7.
 */
PG_FUNCTION_INFO_V1(regpaydb_settle_payments);
Datum
regpaydb_settle_payments(PG_FUNCTION_ARGS)
{
	TriggerData *trigger = check_trigger(fcinfo, "settle_payments", TRIGGER_EVENT_AFTER,
										 TRIGGER_EVENT_INSERT);
	Ledger	   *ledger;
	NewPayment *payments;
	int64		npayments;
	bool		leaves;

	if (trigger->tg_newtable == NULL)
		ereport(ERROR,
				(errcode(ERRCODE_E_R_I_E_TRIGGER_PROTOCOL_VIOLATED),
				 errmsg("function \"settle_payments\" needs a transition table"),
				 errhint("Create the trigger with REFERENCING NEW TABLE.")));
	ledger = ledger_of_relation(trigger->tg_relation, PAYMENT, PAYMENT);
	payments = read_new_payments(trigger, ledger, &npayments);
	if (npayments > 0)
	{
		leaves = money_leaves(payments, npayments);
		if (leaves)
			engine_check_privilege_in(ledger, PAYMENT, "entered_by", ACL_INSERT);
		engine_begin_as_owner(ledger);
		engine_check_version(ledger, true);
		if (leaves)
			actor_must_be_staff(ledger);
		settle_new_payments(ledger, payments, npayments);
		engine_end();
	}
	pfree(payments);
	return PointerGetDatum(NULL);
}
