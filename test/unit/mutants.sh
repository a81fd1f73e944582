#!/bin/sh
# Plants faults in src/base/invoice_state.c, one at a time, and sees that the unit
# test notices each of them. Prints TAP. "make unit" runs it; by hand, from the
# project's folder:
#   sh test/unit/mutants.sh [compiler and flags...]
# Libraries to link with are in LDLIBS.
set -u

[ $# != 0 ] || set -- cc -DFRONTEND -I"$(pg_config --includedir-server)"
: "${LDLIBS:=-L$(pg_config --pkglibdir) -L$(pg_config --libdir) -lpgcommon -lpgport -lm}"
source=src/base/invoice_state.c
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
done <test/unit/mutants.txt
echo "1..$number"
[ "$failures" = 0 ]
