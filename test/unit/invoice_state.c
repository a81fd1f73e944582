/*
 * invoice_state.c
 *	  Unit test of the pure core: every small invoice with every small payment,
 *	  and the edges of the numbers, against the table of spec section 4.
 *
 * Prints TAP, a test for each property.  Run it with "make unit".  With any
 * argument it stops at the first failure.
 */
#include "base/invoice_state.h"

static const char *const status_names[] = {"UNPAID", "PAID", "REFUNDED", "VOID"};
static const char *const cart_names[] = {"unchanged", "pay", "release"};

/* ---- what is tried: an invoice and an event ---- */

typedef enum
{
	SETTLE,
	REFUND,
	VOIDING
} Operation;

typedef struct
{
	Operation	operation;
	InvoiceState before;
	int64		amount;			/* of settling */
	int64		payments;
	InvoiceRefusal refusal;
	InvoiceVerdict after;		/* unless it was refused */
} Case;

typedef bool (*Property) (const Case *c);

static bool
is_open(InvoiceStatus status)
{
	return status == INVOICE_UNPAID || status == INVOICE_PAID;
}

/* Whether the rows of a ledger can be like this between two statements. */
static bool
can_exist(InvoiceStatus status, int64 value, int64 paid, int64 count)
{
	if (count == 0 ? paid != 0 : count == 1 && paid == 0)
		return false;			/* no payment is 0 */
	switch (status)
	{
		case INVOICE_UNPAID:
			return paid < value && (paid > 0 || count == 0);
		case INVOICE_PAID:
			return paid == value;
		case INVOICE_REFUNDED:
			return paid == 0 && count >= 2;
		case INVOICE_VOID:
			return paid == 0;
	}
	return false;
}

/* What ledgers hold whose currency has none, two and three decimals. */
static const int64 limits[] = {
	INT64CONST(999999999999), INT64CONST(99999999999999), INT64CONST(999999999999999)
};

#define LIMIT limits[1]

/* The same, or an invoice of value zero that was just made. */
static bool
case_can_exist(const Case *c)
{
	const InvoiceState *i = &c->before;
	bool		just_made = i->status == INVOICE_UNPAID && i->value == 0 &&
		i->paid == 0 && i->payment_count == 0;

	return (just_made || can_exist(i->status, i->value, i->paid, i->payment_count)) &&
		(c->payments == 0 ? c->amount == 0 : c->payments > 1 || c->amount != 0);
}

/* ---- the oracle: spec section 4, word for word, in wide numbers ---- */

typedef __int128 Wide;

static InvoiceStatus
oracle_status(const Case *c)
{
	Wide		value = c->before.value;
	Wide		paid = (Wide) c->before.paid + c->amount;
	Wide		count = (Wide) c->before.payment_count + c->payments;
	bool		unpaid = c->before.status == INVOICE_UNPAID;
	bool		was_paid = c->before.status == INVOICE_PAID;

	if (c->operation == VOIDING)
		return INVOICE_VOID;
	if (c->operation == REFUND)
	{
		/* "NULL when nothing was paid (the invoice is then void)" */
		if (paid == 0 || unpaid)
			return INVOICE_VOID;
		return INVOICE_REFUNDED;
	}
	/* "Money that arrives for an invoice whose cart was amended ... makes a credit note" */
	if (unpaid && c->before.unsellable)
		return INVOICE_VOID;
	if (unpaid && paid >= value)
		return INVOICE_PAID;
	if (unpaid && paid < value && paid == 0 && count > 0)
		return INVOICE_VOID;
	if (was_paid && paid < value)
		return INVOICE_REFUNDED;
	return c->before.status;
}

/* The credit note, by the status that the invoice has now. */
static Wide
oracle_credit(const Case *c, InvoiceStatus status)
{
	Wide		paid = (Wide) c->before.paid + c->amount;

	if (c->operation == VOIDING)
		return 0;
	if (c->operation == REFUND)
		return paid;
	if (status == INVOICE_PAID)
		return paid > c->before.value ? paid - c->before.value : 0;
	if (status == INVOICE_VOID || status == INVOICE_REFUNDED)
		return paid;
	return 0;
}

static InvoiceRefusal
oracle_refusal(const Case *c)
{
	Wide		paid = (Wide) c->before.paid + c->amount;
	Wide		count = (Wide) c->before.payment_count + c->payments +
		(oracle_credit(c, oracle_status(c)) > 0);

	switch (c->operation)
	{
		case SETTLE:
			if (paid < 0)
				return INVOICE_OVERDRAWN;
			if (paid > c->before.limit || count > PG_INT64_MAX)
				return INVOICE_TOO_LARGE;
			break;
		case REFUND:
			if (!is_open(c->before.status))
				return INVOICE_CLOSED;
			if (count > PG_INT64_MAX)
				return INVOICE_TOO_LARGE;
			break;
		case VOIDING:
			if (c->before.status == INVOICE_REFUNDED)
				return INVOICE_CLOSED;
			if (c->before.paid != 0)
				return INVOICE_HAS_PAYMENTS;
			break;
	}
	return INVOICE_OK;
}

/* ---- the properties ---- */

static bool
refused_as_by_the_oracle(const Case *c)
{
	return c->refusal == oracle_refusal(c);
}

static bool
status_as_by_the_oracle(const Case *c)
{
	return c->after.status == oracle_status(c);
}

static bool
credit_as_by_the_oracle(const Case *c)
{
	return c->after.credit == oracle_credit(c, oracle_status(c));
}

static bool
money_is_conserved(const Case *c)
{
	return (Wide) c->before.paid + c->amount == (Wide) c->after.paid + c->after.credit;
}

static bool
payments_are_counted(const Case *c)
{
	return c->after.payment_count == (Wide) c->before.payment_count + c->payments +
		(c->after.credit == 0 ? 0 : 1);
}

static bool
nothing_is_negative_or_too_large(const Case *c)
{
	return c->after.paid >= 0 && c->after.paid <= c->before.limit &&
		c->after.credit >= 0 && c->after.credit <= c->before.limit && c->after.payment_count >= 0;
}

static bool
closed_stays_closed(const Case *c)
{
	return is_open(c->before.status) ||
		(c->after.status == c->before.status && c->after.cart == CART_UNCHANGED);
}

/* UNPAID holds less than its value, PAID its value, the others nothing. */
static bool
residual_leaves(const Case *c)
{
	switch (c->after.status)
	{
		case INVOICE_UNPAID:
			return c->after.paid < c->before.value && c->after.credit == 0;
		case INVOICE_PAID:
			return c->after.paid == c->before.value;
		case INVOICE_REFUNDED:
		case INVOICE_VOID:
			return c->after.paid == 0;
	}
	return false;
}

static bool
verdict_can_exist(const Case *c)
{
	return can_exist(c->after.status, c->before.value, c->after.paid, c->after.payment_count);
}

static bool
cart_follows_status(const Case *c)
{
	if (c->before.status == INVOICE_UNPAID && c->after.status == INVOICE_PAID)
		return c->after.cart == CART_PAY;
	if (c->before.status == INVOICE_PAID && c->after.status != INVOICE_PAID)
		return c->after.cart == CART_RELEASE;
	return c->after.cart == CART_UNCHANGED;
}

static InvoiceState
invoice_after(const Case *c)
{
	InvoiceState after = c->before;

	after.status = c->after.status;
	after.paid = c->after.paid;
	after.payment_count = c->after.payment_count;
	return after;
}

static bool
same_again_changes_nothing(const Case *c)
{
	InvoiceState before = invoice_after(c);
	InvoiceVerdict again;

	return invoice_state_settle(&before, 0, 0, &again) == INVOICE_OK &&
		again.status == before.status && again.paid == before.paid &&
		again.payment_count == before.payment_count && again.credit == 0 &&
		again.cart == CART_UNCHANGED;
}

/*
 * A statement's payments count as one sum; if they are all money that comes
 * in, the invoice ends as if they had come one by one.
 */
static bool
batch_ends_as_one_by_one(const Case *c)
{
	for (int64 first = 1; first < c->amount; first++)
	{
		InvoiceState state = c->before;
		InvoiceVerdict one;
		InvoiceVerdict two;

		if (invoice_state_settle(&state, first, 1, &one) != INVOICE_OK)
			return false;
		state.status = one.status;
		state.paid = one.paid;
		state.payment_count = one.payment_count;
		if (invoice_state_settle(&state, c->amount - first, 1, &two) != INVOICE_OK ||
			two.status != c->after.status || two.paid != c->after.paid ||
			one.credit + two.credit != c->after.credit)
			return false;
	}
	return true;
}

/* Taking all money off by a payment ends as refunding does. */
static bool
refund_is_a_negative_payment(const Case *c)
{
	InvoiceVerdict by_payment;

	if (c->operation != REFUND || c->before.paid == 0)
		return true;
	return invoice_state_settle(&c->before, -c->before.paid, 1, &by_payment) == INVOICE_OK &&
		by_payment.status == c->after.status && by_payment.paid == c->after.paid &&
		by_payment.payment_count == c->after.payment_count &&
		by_payment.cart == c->after.cart && c->after.credit == c->before.paid;
}

static bool
void_changes_only_the_status(const Case *c)
{
	return c->operation != VOIDING ||
		(c->after.status == INVOICE_VOID && c->after.credit == 0 &&
		 c->after.paid == c->before.paid &&
		 c->after.payment_count == c->before.payment_count);
}

/* ---- the cases ---- */

static Property property;
static bool even_refused;		/* is it a property of refused cases too? */
static long ncases;
static long nfailed;
static Case failed;				/* the first that did */
static long transitions[4][4];

static void
try(Case *c)
{
	InvoiceState before = c->before;

	memset(&c->after, 0x7f, sizeof(c->after));
	switch (c->operation)
	{
		case SETTLE:
			c->refusal = invoice_state_settle(&before, c->amount, c->payments, &c->after);
			break;
		case REFUND:
			c->refusal = invoice_state_refund(&before, &c->after);
			break;
		case VOIDING:
			c->refusal = invoice_state_void(&before, &c->after);
			break;
	}
	if (c->refusal != INVOICE_OK && !even_refused)
		return;
	ncases++;
	if (c->refusal == INVOICE_OK && (int) c->after.status >= 0 && c->after.status <= INVOICE_VOID)
		transitions[c->before.status][c->after.status]++;
	if (!property(c) && nfailed++ == 0)
		failed = *c;
}

/* Every event that is to be tried on this invoice. */
static void
settle_case(InvoiceState before, int64 amount, int64 payments, bool all)
{
	Case		c = {SETTLE, before, amount, payments, 0, {0}};

	if (all || case_can_exist(&c))
		try(&c);
}

static void
close_cases(InvoiceState before, bool all)
{
	Case		refund = {REFUND, before, 0, 0, 0, {0}};
	Case		voiding = {VOIDING, before, 0, 0, 0, {0}};

	if (all || case_can_exist(&refund))
	{
		try(&refund);
		try(&voiding);
	}
}

static void
small_cases(bool all, bool unsellable)
{
	InvoiceState i = {.unsellable = unsellable, .limit = LIMIT};

	for (i.status = INVOICE_UNPAID; i.status <= INVOICE_VOID; i.status++)
		for (i.value = 0; i.value <= 6; i.value++)
			for (i.paid = 0; i.paid <= 6; i.paid++)
				for (i.payment_count = 0; i.payment_count <= 6; i.payment_count++)
				{
					for (int64 amount = -12; amount <= 12; amount++)
						for (int64 payments = 0; payments <= 3; payments++)
							settle_case(i, amount, payments, all);
					close_cases(i, all);
				}
}

/*
 * Values are 0 to the limit of the ledger's currency, as their column's type has
 * it; the rest is anything.
 */
static void
edge_cases(bool unsellable, int64 limit)
{
	const int64 edges[] = {
		PG_INT64_MIN, PG_INT64_MIN + 1, -limit - 1, -limit, -limit + 1, -1, 0, 1,
		limit - 1, limit, limit + 1, PG_INT64_MAX - 1, PG_INT64_MAX
	};
	static const int64 counts[] = {0, 1, 2, PG_INT64_MAX - 3};
	InvoiceState i = {.unsellable = unsellable, .limit = limit};

	for (i.status = INVOICE_UNPAID; i.status <= INVOICE_VOID; i.status++)
		for (size_t v = 0; v < lengthof(edges); v++)
			for (size_t p = 0; p < lengthof(edges); p++)
				for (size_t n = 0; n < lengthof(counts); n++)
				{
					i.value = edges[v];
					i.paid = edges[p];
					i.payment_count = counts[n];
					if (i.value < 0 || i.value > limit)
						continue;
					for (size_t a = 0; a < lengthof(edges); a++)
						for (int64 payments = 0; payments <= 2; payments++)
							settle_case(i, edges[a], payments, true);
					if (i.paid >= 0 && i.paid <= limit)
						close_cases(i, true);
				}
}

/* A number of payments that no invoice will ever reach. */
static void
count_cases(bool unsellable)
{
	InvoiceState i = {.unsellable = unsellable, .limit = LIMIT};

	for (i.status = INVOICE_UNPAID; i.status <= INVOICE_VOID; i.status++)
		for (i.value = 0; i.value <= 2; i.value++)
			for (i.paid = 0; i.paid <= 2; i.paid++)
				for (i.payment_count = PG_INT64_MAX - 2;; i.payment_count++)
				{
					for (int64 amount = 0; amount <= 3; amount++)
						for (int64 payments = 0; payments <= 3; payments++)
							settle_case(i, amount, payments, true);
					close_cases(i, true);
					if (i.payment_count == PG_INT64_MAX)
						break;
				}
}

/* ---- TAP ---- */

typedef enum
{
	SMALL_REAL,					/* states that can exist */
	SMALL_ALL,
	EDGES,
	COUNTS
} Cases;

static int	ntests;
static int	nfailed_tests;
static bool stop_at_failure;

static void
report(bool ok, const char *name)
{
	printf("%s %d - %s\n", ok ? "ok" : "not ok", ++ntests, name);
	if (!ok)
		nfailed_tests++;
	fflush(stdout);				/* before a sanitizer ends the program */
	if (!ok && stop_at_failure)
		exit(1);
}

static void
show_failed(const Case *c)
{
	static const char *const operations[] = {"settle", "refund", "void"};

	printf("# %ld of %ld cases failed, first: %s(%s%s value " INT64_FORMAT " paid " INT64_FORMAT
		   " payments " INT64_FORMAT ", amount " INT64_FORMAT " in " INT64_FORMAT ")\n",
		   nfailed, ncases, operations[c->operation], status_names[c->before.status],
		   c->before.unsellable ? " unsellable" : "",
		   c->before.value, c->before.paid, c->before.payment_count, c->amount, c->payments);
	if (c->refusal != INVOICE_OK)
		printf("# gave refusal %d\n", c->refusal);
	else
		printf("# gave %s paid " INT64_FORMAT " payments " INT64_FORMAT " credit " INT64_FORMAT
			   " cart %s\n",
			   (int) c->after.status <= INVOICE_VOID ? status_names[c->after.status] : "?",
			   c->after.paid, c->after.payment_count, c->after.credit,
			   (int) c->after.cart <= CART_RELEASE ? cart_names[c->after.cart] : "?");
}

static void
check(Cases cases, Property p, bool of_refused, const char *name)
{
	property = p;
	even_refused = of_refused;
	ncases = nfailed = 0;
	for (int unsellable = 0; unsellable <= 1; unsellable++)
	{
		if (cases == EDGES)
			for (size_t i = 0; i < lengthof(limits); i++)
				edge_cases(unsellable, limits[i]);
		else if (cases == COUNTS)
			count_cases(unsellable);
		else
			small_cases(cases == SMALL_ALL, unsellable);
	}
	/* The least set has some hundreds of cases: no loop may have come to nothing. */
	report(nfailed == 0 && ncases > 300, name);
	if (nfailed > 0)
		show_failed(&failed);
	else if (ncases <= 300)
		printf("# only %ld cases\n", ncases);
}

/* Each change of status that there is was met above, and no other one. */
static bool
transitions_met(void)
{
	static const bool possible[4][4] = {
		[INVOICE_UNPAID] = {true, true, false, true},
		[INVOICE_PAID] = {false, true, true, true},
		[INVOICE_REFUNDED] = {false, false, true, false},
		[INVOICE_VOID] = {false, false, false, true},
	};

	for (int from = 0; from < 4; from++)
		for (int to = 0; to < 4; to++)
			if ((transitions[from][to] > 0) != possible[from][to])
				return false;
	return true;
}

int
main(int argc, char **argv pg_attribute_unused())
{
	stop_at_failure = argc > 1;

	check(SMALL_REAL, refused_as_by_the_oracle, true, "refuses what the specification refuses");
	check(SMALL_REAL, status_as_by_the_oracle, false, "next status is that of the specification's table");
	check(SMALL_REAL, credit_as_by_the_oracle, false, "credit note has the value that the specification gives it");
	check(SMALL_REAL, residual_leaves, false, "what stays on an invoice is what its status allows");
	check(SMALL_REAL, verdict_can_exist, false, "what can exist becomes what can exist");
	check(SMALL_REAL, payments_are_counted, false, "payments are counted, the credit note too");
	check(SMALL_REAL, cart_follows_status, false, "cart is paid when first paid, released when no longer paid");
	check(SMALL_REAL, batch_ends_as_one_by_one, false, "payments at once end as the same ones one by one");
	check(SMALL_REAL, refund_is_a_negative_payment, false, "refunding ends as taking all money off does");
	check(SMALL_REAL, void_changes_only_the_status, false, "voiding changes nothing but the status");
	report(transitions_met(), "every possible change of status was met, and no other");

	check(SMALL_ALL, refused_as_by_the_oracle, true, "any state: refuses what the specification refuses");
	check(SMALL_ALL, status_as_by_the_oracle, false, "any state: next status is that of the table");
	check(SMALL_ALL, money_is_conserved, false, "any state: money is conserved");
	check(SMALL_ALL, nothing_is_negative_or_too_large, false, "any state: nothing becomes negative");
	check(SMALL_ALL, closed_stays_closed, false, "any state: refunded and void are for ever");
	check(SMALL_ALL, same_again_changes_nothing, false, "any state: settling once more changes nothing");

	check(EDGES, refused_as_by_the_oracle, true, "edges: what does not fit is refused");
	check(EDGES, status_as_by_the_oracle, false, "edges: next status is that of the table");
	check(EDGES, credit_as_by_the_oracle, false, "edges: credit note has the value that the specification gives it");
	check(EDGES, money_is_conserved, false, "edges: money is conserved");
	check(EDGES, nothing_is_negative_or_too_large, false, "edges: nothing becomes negative or too large");
	check(EDGES, payments_are_counted, false, "edges: payments are counted");

	check(COUNTS, refused_as_by_the_oracle, true, "counts: what does not fit is refused");
	check(COUNTS, payments_are_counted, false, "counts: payments are counted");
	check(COUNTS, same_again_changes_nothing, false, "counts: settling once more changes nothing");

	printf("1..%d\n", ntests);
	return nfailed_tests > 0;
}
