# regpaydb is built with PGXS: "make", "make install", "make installcheck".
# Without clang add with_llvm=no; for another server PG_CONFIG=/path/to/pg_config.
# "./dev test" does all of it on a throwaway server.

EXTENSION = regpaydb
MODULE_big = regpaydb
OBJS = $(patsubst %.c,%.o,$(sort $(wildcard src/*.c src/*/*.c)))

# The control file is the one source of the version. (Not named VERSION:
# PostgreSQL's own makefiles use that name.)
EXTVERSION := $(shell sed -n "s/^default_version *= *'\([^']*\)'.*/\1/p" regpaydb.control)

EXTENSION_SQL = $(sort $(wildcard sql/extension/*.sql))
LEDGER_SQL = $(sort $(wildcard sql/ledger/*.sql))
LEDGER_VIEWS = $(sort $(wildcard sql/ledger/8*.sql))
UPGRADE_SQL = $(sort $(wildcard sql/upgrade/*.sql))

DATA = $(wildcard sql/regpaydb--*--*.sql)
DATA_built = sql/regpaydb--$(EXTVERSION).sql

# PostgreSQL's own headers and PG_FUNCTION_ARGS leave parameters unused.
PG_CPPFLAGS = -Isrc -DREGPAYDB_VERSION='"$(EXTVERSION)"'
PG_CFLAGS = -Wall -Wextra -Wno-unused-parameter

# A private output folder is needed: pg_regress would prefer ./sql to test/sql.
# It looks for expected outputs beside its input, so links in that folder bring them
# together.  (Links in the sources would be lost in a zip.)
OUTPUT_DIR = output
REGRESS = $(patsubst test/sql/%.sql,%,$(sort $(wildcard test/sql/*.sql)))
REGRESS_OPTS = --inputdir=$(OUTPUT_DIR)/input --outputdir=$(OUTPUT_DIR)/regress
ISOLATION = $(patsubst test/specs/%.spec,%,$(sort $(wildcard test/specs/*.spec)))
ISOLATION_OPTS = --inputdir=$(OUTPUT_DIR)/input --outputdir=$(OUTPUT_DIR)/isolation

# A name that is nobody else's, for test/installcheck makes and drops that database.
USE_MODULE_DB = 1
NO_INSTALLCHECK = 1

# What whoever is no superuser can't run: tests that make roles, load rows with triggers
# off, take from the owner what a superuser keeps, or look at the server's memory.
SUPERUSERS_ONLY = 00_install append_only attack_app attack_input attack_owner attack_path \
	attack_schema batch_interrupted cart_amend cart_expire cart_integrity cart_pay catalog \
	entered_by grant_access grants_apart hostile integrity integrity_refunds integrity_since late_ids money_cost money_leaves odd_kinds odd_shop \
	odd_tables past privileges provenance record_payment refund_life reports return_items reversal \
	row_security session_memory staff_actor stock \
	update_status_loads view_query \
	gone_meanwhile grant_at_work grant_concurrent pay_trigger_made row_deleted

UNIT = $(patsubst test/unit/%.c,$(OUTPUT_DIR)/unit/%,$(sort $(wildcard test/unit/*.c)))

EXTRA_CLEAN = src/admin/ledger_sql.h src/admin/upgrade_steps.h $(OUTPUT_DIR) $(EXTENSION)-$(EXTVERSION).zip

PG_CONFIG = pg_config
PGXS := $(shell $(PG_CONFIG) --pgxs)
include $(PGXS)

.DELETE_ON_ERROR:

# The folders themselves are prerequisites, so that a removed file counts too.
$(DATA_built): $(EXTENSION_SQL) sql/extension Makefile regpaydb.control
	{ printf '%s\n' '\echo Use "CREATE EXTENSION regpaydb" to load this file. \quit'; \
	  cat $(EXTENSION_SQL) /dev/null; } >$@

# Text as a C string: a literal for each line.
C_STRING = sed -e 's/[\\"]/\\&/g' -e 's/.*/"&\\n"/'

# What create_ledger() runs; and what of it upgrade_ledger() runs again, which holds
# no data.  Views are replaced then, so that what uses them, and who may, stays.
src/admin/ledger_sql.h: $(LEDGER_SQL) sql/ledger Makefile
	{ printf '%s\n' '/* made from sql/ledger by the Makefile */' \
	    'static const char ledger_sql[] =' '""'; \
	  cat $(LEDGER_SQL) /dev/null | $(C_STRING); \
	  printf '%s\n' ';' 'static const char ledger_views_sql[] =' '""'; \
	  cat $(LEDGER_VIEWS) /dev/null | sed 's/^CREATE VIEW/CREATE OR REPLACE VIEW/' | $(C_STRING); \
	  printf '%s\n' ';'; } >$@

# The steps of upgrade_ledger(): {"version before", "version after", "SQL"}.
src/admin/upgrade_steps.h: $(UPGRADE_SQL) sql/upgrade Makefile
	{ printf '%s\n' '/* made from sql/upgrade by the Makefile */'; \
	  for file in $(UPGRADE_SQL); do \
	    basename $$file .sql | sed 's/\(.*\)--\(.*\)/{"\1", "\2",/'; \
	    $(C_STRING) $$file; \
	    printf '%s\n' '},'; \
	  done; } >$@

# Few and small files: any header that changes rebuilds them all.
$(OBJS) $(OBJS:.o=.bc): $(sort $(wildcard src/*/*.h) src/admin/ledger_sql.h src/admin/upgrade_steps.h) Makefile regpaydb.control

.PHONY: output-folders installcheck installcheck-regress installcheck-isolation unit valgrind dist pictures

output-folders:
	$(MKDIR_P) $(OUTPUT_DIR)/regress $(OUTPUT_DIR)/isolation $(OUTPUT_DIR)/input
	ln -sfn '$(CURDIR)/test/sql' '$(CURDIR)/test/specs' '$(CURDIR)/expected' $(OUTPUT_DIR)/input

# One of them alone: with REGRESS=seed no isolation test runs, with ISOLATION=one_note
# no other one.
chosen = $(foreach which,REGRESS ISOLATION,$(and $(filter command,$(origin $(which))),$($(which)),$(which)))
suites = $(or $(strip $(chosen)),$(foreach which,REGRESS ISOLATION,$(if $($(which)),$(which))))
installcheck: $(patsubst ISOLATION,installcheck-isolation,$(patsubst REGRESS,installcheck-regress,$(suites)))

# By sh, for what Python unzips is not executable.
installcheck-%: export BINDIR = $(bindir)
installcheck-%: export SUPERUSERS_ONLY := $(SUPERUSERS_ONLY)

installcheck-regress: export COMMAND = $(pg_regress_installcheck) $(REGRESS_OPTS)
installcheck-regress: export DATABASE = $(CONTRIB_TESTDB)
installcheck-regress: output-folders
	@sh test/installcheck regress $(REGRESS)

installcheck-isolation: export COMMAND = $(pg_isolation_regress_installcheck) $(ISOLATION_OPTS)
installcheck-isolation: export DATABASE = $(ISOLATION_TESTDB)
installcheck-isolation: output-folders
	@sh test/installcheck isolation $(ISOLATION)

# The pure core by itself, without a server. PostgreSQL's CFLAGS are left out
# because their -fwrapv would hide signed overflow from the sanitizer.
SANITIZE_FLAGS = -fsanitize=address,undefined -fno-sanitize-recover=all
SANITIZE = $(shell echo 'int main(void) { return 0; }' | \
	$(CC) $(SANITIZE_FLAGS) -x c -o /dev/null - 2>/dev/null && echo $(SANITIZE_FLAGS))
UNIT_LIBS = -L$(pkglibdir) -lpgcommon -lpgport -lm

$(OUTPUT_DIR)/unit/%: test/unit/%.c src/base/invoice_state.c $(wildcard src/base/*.h test/unit/*.h) Makefile
	@$(MKDIR_P) $(@D)
	$(CC) -g -O1 -Wall -Wextra $(COPT) $(SANITIZE) -DFRONTEND $(CPPFLAGS) -Isrc \
		$< src/base/invoice_state.c $(UNIT_LIBS) -o $@

# The second part plants faults in the core, which the test has to notice.
unit: $(UNIT)
	@status=0; for program in $(UNIT); do $$program || status=1; done; \
	LDLIBS="$(UNIT_LIBS)" sh test/unit/mutants.sh $(CC) -O1 -DFRONTEND $(CPPFLAGS) || status=1; \
	exit $$status

# The SQL tests under Valgrind, on a server of its own; TESTS="seed ..." for
# some of them. Leaves a library in this folder and on the server that is for
# Valgrind only: run "make clean install" afterwards, or "./dev valgrind" instead.
valgrind:
	PG_CONFIG=$(PG_CONFIG) bash test/valgrind/run $(TESTS)

# The pictures of the documentation, which only those who change them make: that
# needs Graphviz. Each says what it was made of, for the tests to compare.
pictures: $(patsubst %.dot,%.svg,$(wildcard docs/*.dot src/*.dot))

%.svg: %.dot
	{ dot -Tsvg $< && printf '<!-- made of %s: sha256 %s -->\n' \
	    $(<F) $$(sha256sum <$< | cut -c 1-64); } >$@

# For PGXN: what is committed.
dist:
	git show HEAD:META.json | grep -q '"version": "$(EXTVERSION)"'
	git archive --prefix=$(EXTENSION)-$(EXTVERSION)/ -o $(EXTENSION)-$(EXTVERSION).zip HEAD
