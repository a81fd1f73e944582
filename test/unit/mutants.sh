#!/bin/sh
# Plants faults in src/invoice_state.c, one at a time, and sees that the unit
# test notices each of them. Prints TAP. "make unit" runs it; by hand, from the
# project's folder:
#   sh test/unit/mutants.sh [compiler and flags...]
# Libraries to link with are in LDLIBS.
set -u

[ $# != 0 ] || set -- cc -DFRONTEND -I"$(pg_config --includedir-server)"
: "${LDLIBS:=-L$(pg_config --pkglibdir) -L$(pg_config --libdir) -lpgcommon -lpgport -lm}"
source=src/invoice_state.c
work=$(mktemp -d) || exit 1
trap 'rm -rf "$work"' EXIT
trap 'exit 1' HUP INT TERM
number=0 failures=0

# result <ok|not ok> <name>
result() {
    number=$((number + 1))
    echo "$1 $number - $2"
    [ "$1" = ok ] || failures=$((failures + 1))
}

# run_test <source> <compiler and flags...>: passed, failed or "did not compile"
run_test() {
    core=$1
    shift
    if ! "$@" -Isrc "$core" "$work/test.o" $LDLIBS -o "$work/test" 2>"$work/errors"; then
        sed 's/^/# /' "$work/errors"
        verdict="did not compile"
    elif timeout 60 "$work/test" stop >"$work/output" 2>&1; then
        verdict=passed
    else
        verdict=failed
    fi
}

# Undefined behaviour has to end the program, or it may pass unseen.
if ! "$@" -fsanitize=undefined -fno-sanitize-recover=all -Isrc -c test/unit/invoice_state.c \
    -o "$work/test.o" 2>/dev/null; then
    "$@" -Isrc -c test/unit/invoice_state.c -o "$work/test.o" || exit 1
else
    set -- "$@" -fsanitize=undefined -fno-sanitize-recover=all
fi

run_test "$source" "$@"
if [ "$verdict" = passed ]; then
    result ok "the test passes without a mutant"
else
    # Whatever the mutants do would tell nothing.
    result "not ok" "the test passes without a mutant"
    [ "$verdict" != failed ] || sed 's/^/# /' "$work/output"
    echo "1..1"
    exit 1
fi

# A mutant for each line: what it is, and the sed script that makes it.
while IFS='|' read -r name script; do
    sed "$script" "$source" >"$work/mutant.c"
    if cmp -s "$source" "$work/mutant.c"; then
        result "not ok" "mutant not made, the source has changed: $name"
        continue
    fi
    run_test "$work/mutant.c" "$@"
    case $verdict in
        failed) result ok "mutant killed: $name" ;;
        passed) result "not ok" "mutant survived: $name" ;;
        *) result "not ok" "mutant $verdict: $name" ;;
    esac
done <<'END'
paying the exact value does not pay|s/if (paid >= invoice->value)/if (paid > invoice->value)/
any payment pays|s/if (paid >= invoice->value)/if (paid > 0)/
nothing becomes void by payments|s/paid == 0 \&\& payment_count > 0/false/
void without a payment|s/paid == 0 \&\& payment_count > 0/paid == 0/
void while money is on it|s/paid == 0 \&\& payment_count > 0/payment_count > 0/
void takes two payments|s/payment_count > 0)/payment_count > 1)/
unsellable is paid for|s/if (invoice->unsellable)/if (false)/
unsellable when not enough came|s/if (invoice->unsellable)/if (invoice->unsellable \&\& paid < invoice->value)/
unsellable ends what was paid|s/return paid < invoice->value ?/return paid < invoice->value || invoice->unsellable ?/
void and refunded swapped|s/return INVOICE_VOID;/return INVOICE_REFUNDED;/
refunded at the exact value|s/return paid < invoice->value ?/return paid <= invoice->value ?/
refunded only at nothing|s/return paid < invoice->value ?/return paid == 0 ?/
paid never ends|s/? INVOICE_REFUNDED : INVOICE_PAID;/? INVOICE_PAID : INVOICE_PAID;/
paid goes back to unpaid|s/? INVOICE_REFUNDED : INVOICE_PAID;/? INVOICE_UNPAID : INVOICE_PAID;/
refunded comes back|/case INVOICE_REFUNDED:/,/break;/s/break;/return INVOICE_PAID;/
cart paid again|/^cart_action/,/^}/s/if (before == after)/if (before == after \&\& after != INVOICE_PAID)/
cart never paid|s/return CART_PAY;/return CART_UNCHANGED;/
cart never released|s/? CART_RELEASE : CART_UNCHANGED/? CART_UNCHANGED : CART_UNCHANGED/
cart released though unpaid|s/return before == INVOICE_PAID ? CART_RELEASE/return before == INVOICE_UNPAID ? CART_RELEASE/
overdrawn by one|s/if (paid < 0)/if (paid < -1)/
nothing may be left|s/if (paid < 0)/if (paid <= 0)/
one above the maximum|s/paid > invoice->limit/paid > invoice->limit + 1/
maximum refused|s/paid > invoice->limit/paid >= invoice->limit/
limit of two decimals for all|s/paid > invoice->limit/paid > INT64CONST(99999999999999)/
sum overflows|s/pg_add_s64_overflow(invoice->paid, amount, &paid)/((paid = invoice->paid + amount), false)/
sum wraps around|s/pg_add_s64_overflow(invoice->paid, amount, &paid)/((paid = (int64) ((uint64) invoice->paid + (uint64) amount)), false)/
refusals swapped at overflow|s/return amount < 0 ? INVOICE_OVERDRAWN : INVOICE_TOO_LARGE/return amount < 0 ? INVOICE_TOO_LARGE : INVOICE_OVERDRAWN/
no note for an overpayment|s/verdict->credit = paid - invoice->value;/verdict->credit = 0;/
all that was paid becomes the note|s/verdict->credit = paid - invoice->value;/verdict->credit = paid;/
note of the value|s/verdict->credit = paid - invoice->value;/verdict->credit = paid - invoice->value > 0 ? invoice->value : 0;/
no note from a closed invoice|/case INVOICE_VOID:/,/break;/s/verdict->credit = paid;/verdict->credit = 0;/
unpaid gives a note|/case INVOICE_UNPAID:/,/break;/s/verdict->credit = 0;/verdict->credit = paid;/
note stays on the invoice|s/verdict->paid = paid - verdict->credit;/verdict->paid = paid;/
note not counted|s/(verdict->credit > 0 ? 1 : 0)/0/
note counted twice|s/(verdict->credit > 0 ? 1 : 0)/(verdict->credit > 0 ? 2 : 0)/
payments not counted|s/pg_add_s64_overflow(invoice->payment_count, payments, &payment_count)/((payment_count = invoice->payment_count), false)/
count overflows by its note|s/^\t\tpayment_count == PG_INT64_MAX)/\t\tfalse)/
count overflows by a refund|s/if (invoice->payment_count == PG_INT64_MAX)/if (false)/
refunded is refunded again|s/if (invoice->status == INVOICE_REFUNDED || invoice->status == INVOICE_VOID)/if (invoice->status == INVOICE_VOID)/
void is refunded|s/if (invoice->status == INVOICE_REFUNDED || invoice->status == INVOICE_VOID)/if (invoice->status == INVOICE_REFUNDED)/
refund of nothing makes a note|s/if (invoice->paid == 0)/if (false)/
refund of unpaid is refunded|s/invoice->status == INVOICE_PAID ? INVOICE_REFUNDED : INVOICE_VOID/INVOICE_REFUNDED/
refund leaves the money|/^invoice_state_refund/,/^}/s/verdict->paid = 0;/verdict->paid = invoice->paid;/
refund does not count its note|s/invoice->payment_count + 1;/invoice->payment_count;/
refund without a note|s/verdict->credit = invoice->paid;/verdict->credit = 0;/
void of a refunded one|/^invoice_state_void/,/^}/s/if (invoice->status == INVOICE_REFUNDED)/if (false)/
void of a void one refused|/^invoice_state_void/,/^}/s/if (invoice->status == INVOICE_REFUNDED)/if (invoice->status != INVOICE_UNPAID \&\& invoice->status != INVOICE_PAID)/
void with money on it|s/if (invoice->paid != 0)/if (false)/
void of a paid one refused|s/if (invoice->paid != 0)/if (invoice->paid != 0 || invoice->status == INVOICE_PAID)/
void counts a payment|/^invoice_state_void/,/^}/s/verdict->payment_count = invoice->payment_count;/verdict->payment_count = 0;/
END
echo "1..$number"
[ "$failures" = 0 ]
