-- search_path names schemas of an attacker's first, pg_temp among them, when the
-- extension is made, and a ledger, and an access, and when all of it is used: in a
-- database of its own.  What is planted says so when it runs.
SET client_min_messages = warning;
SELECT current_database() AS here \gset
DROP DATABASE IF EXISTS regress_path;
DROP ROLE IF EXISTS regress_path_app;
CREATE DATABASE regress_path TEMPLATE template0;
CREATE ROLE regress_path_app NOLOGIN;
\c regress_path
SET client_min_messages = warning;

CREATE SCHEMA hostile;
GRANT USAGE ON SCHEMA hostile TO PUBLIC;
CREATE FUNCTION hostile.planted() RETURNS boolean LANGUAGE plpgsql AS $$ BEGIN RAISE EXCEPTION 'planted code runs'; END $$;
-- Every operator and every function of PostgreSQL's that our texts use, for the
-- types that they use them with: all that have those names, with those arguments.
DO $$
DECLARE
	r record;
BEGIN
	FOR r IN SELECT DISTINCT oprname, oprleft::regtype AS l, oprright::regtype AS r, oprresult::regtype AS result FROM pg_operator
			WHERE oprnamespace = 'pg_catalog'::regnamespace AND oprleft <> 0
				AND oprname IN ('=', '<>', '<', '<=', '>', '>=', '+', '-', '*', '/', '||', '~', '!~', '->', '->>', '@>', '&&')
				AND 'internal'::regtype NOT IN (oprleft, oprright) AND 'cstring'::regtype NOT IN (oprleft, oprright) LOOP
		BEGIN
			EXECUTE format('CREATE FUNCTION hostile.op(%s, %s) RETURNS %s LANGUAGE plpgsql AS %L', r.l, r.r, r.result,
				format('BEGIN PERFORM hostile.planted(); RETURN NULL; END /* %s */', r.oprname));
		EXCEPTION WHEN duplicate_function THEN NULL; WHEN OTHERS THEN CONTINUE;
		END;
		BEGIN
			EXECUTE format('CREATE OPERATOR hostile.%s (LEFTARG = %s, RIGHTARG = %s, FUNCTION = hostile.op)', r.oprname, r.l, r.r);
		EXCEPTION WHEN OTHERS THEN NULL;
		END;
	END LOOP;
	FOR r IN SELECT p.proname, pg_get_function_identity_arguments(p.oid) AS arguments, p.prokind, p.prorettype::regtype AS result, p.proretset FROM pg_proc p
			WHERE pronamespace = 'pg_catalog'::regnamespace AND prokind IN ('f', 'a') AND prorettype <> 'internal'::regtype
				AND proname IN ('now', 'clock_timestamp', 'btrim', 'length', 'format', 'lower', 'upper', 'nextval', 'timezone', 'unnest', 'aclexplode',
					'pg_has_role', 'current_database', 'has_table_privilege', 'set_config', 'current_setting', 'int8', 'int4', 'numeric', 'text',
					'sum', 'max', 'min', 'count', 'array_agg', 'string_agg', 'generate_series', 'round', 'abs', 'date_trunc', 'quote_ident', 'like') LOOP
		BEGIN
			IF r.prokind = 'f' THEN
				EXECUTE format('CREATE FUNCTION hostile.%I(%s) RETURNS %s %s LANGUAGE plpgsql AS %L', r.proname, r.arguments,
					CASE WHEN r.proretset THEN 'SETOF' ELSE '' END, r.result,
					CASE WHEN r.proretset THEN 'BEGIN PERFORM hostile.planted(); END' ELSE 'BEGIN PERFORM hostile.planted(); RETURN NULL; END' END);
			END IF;
		EXCEPTION WHEN OTHERS THEN NULL;
		END;
	END LOOP;
	FOREACH r.proname IN ARRAY '{bigint,integer,numeric,text,interval,timestamptz}'::text[] LOOP
		EXECUTE format('CREATE FUNCTION hostile.step(%s, %1$s) RETURNS %1$s LANGUAGE plpgsql AS %L', r.proname, 'BEGIN PERFORM hostile.planted(); RETURN NULL; END');
		EXECUTE format('CREATE AGGREGATE hostile.sum(%s) (SFUNC = hostile.step, STYPE = %1$s, INITCOND = %L)', r.proname,
			CASE r.proname WHEN 'interval' THEN '0' WHEN 'timestamptz' THEN 'epoch' ELSE '0' END);
		EXECUTE format('CREATE AGGREGATE hostile.max(%s) (SFUNC = hostile.step, STYPE = %1$s)', r.proname);
		EXECUTE format('CREATE AGGREGATE hostile.min(%s) (SFUNC = hostile.step, STYPE = %1$s)', r.proname);
	END LOOP;
	-- Tables and types by our names, PostgreSQL's catalogs too.
	FOREACH r.proname IN ARRAY '{conference,attendee,staff,category,product,cart,cart_item,cart_discount,reservation,invoice,line_item,payment,
			credit_note,credit_note_claim,credit_note_application,credit_note_refund,credit_note_refund_part,reversal,outbox,status_history,current_reservation,cart_line,
			cart_problem,integrity_problem,pg_policy,pg_class,pg_namespace,pg_proc,pg_depend,pg_extension,pg_type,pg_operator,pg_database}'::text[] LOOP
		EXECUTE format('CREATE TABLE hostile.%I (x int)', r.proname);
	END LOOP;
END $$;
CREATE TYPE hostile.invoice_status AS ENUM ('x');
CREATE TYPE hostile.payment_kind AS ENUM ('x');
CREATE TYPE hostile.refund_state AS ENUM ('x');
CREATE DOMAIN hostile.text AS pg_catalog.int4 CHECK (false);
CREATE DOMAIN hostile."interval" AS pg_catalog.int4 CHECK (false);
CREATE DOMAIN hostile.timestamptz AS pg_catalog.int4 CHECK (false);
CREATE DOMAIN hostile.regclass AS pg_catalog.int4 CHECK (false);
SELECT count(*) FILTER (WHERE oprname IN ('=', '<>', '>=')) > 50 AS operators FROM pg_operator WHERE oprnamespace = 'hostile'::regnamespace;
SELECT count(*) > 40 AS functions FROM pg_proc WHERE pronamespace = 'hostile'::regnamespace;

CREATE TEMP TABLE invoice (x int);
CREATE TEMP TABLE payment (x int);
CREATE TEMP TABLE conference (x int);
CREATE TEMP TABLE attendee (x int);
CREATE TEMP TABLE staff (x int);
CREATE TEMP TABLE credit_note (x int);
CREATE TEMP TABLE credit_note_refund (x int);
CREATE TEMP TABLE credit_note_refund_part (x int);
CREATE TEMP TABLE reversal (x int);
CREATE TEMP TABLE pg_policy (x int);
CREATE TEMP TABLE pg_proc (x int);
CREATE DOMAIN pg_temp.text AS pg_catalog.int4 CHECK (false);
GRANT ALL ON ALL TABLES IN SCHEMA pg_temp TO PUBLIC;
SET search_path = hostile, pg_temp, pg_catalog;
-- (What is planted does run.)
SELECT 1::pg_catalog.int8 = 1::pg_catalog.int8;
SELECT now();

CREATE EXTENSION regpaydb;
ALTER EXTENSION regpaydb UPDATE;
SELECT regpaydb.create_ledger();
SELECT regpaydb.create_ledger('second');
SELECT regpaydb.upgrade_ledger('second');
SELECT regpaydb.grant_access('regress_path_app', 'app'), regpaydb.grant_access('regress_path_app', 'staff');
SELECT regpaydb.revoke_access('regress_path_app', 'staff');
INSERT INTO regpaydb.attendee (user_id, recipient) VALUES (101, 'Alice');
INSERT INTO regpaydb.attendee (user_id, recipient, access_code) VALUES (102, 'Bob', 'BOBS-CODE');
INSERT INTO regpaydb.staff VALUES (900);
INSERT INTO regpaydb.category (name) VALUES ('Ticket');
INSERT INTO regpaydb.product (category_id, name, price, stock, limit_per_attendee) VALUES (1, 'Seat', 100, 3, 2);
SELECT regpaydb.manual_invoice(1, '1 day', '[{"description": "Ticket", "price": 100}]');
SELECT regpaydb.set_quantity(regpaydb.current_cart(2), 1, 1), regpaydb.invoice_cart(1);
SELECT regpaydb.rotate_access_code(1) IS NULL;

-- As the app, with plans that are made anew: the policies and all that it may call.
GRANT CREATE ON SCHEMA hostile TO regress_path_app;
SET ROLE regress_path_app;
SET regpaydb.user_id = '102';
SELECT invoice_id, value FROM regpaydb.invoice;
SELECT description FROM regpaydb.line_item;
SELECT cart_id FROM regpaydb.cart_line;
SELECT regpaydb.validate_allowed_to_pay(2), regpaydb.validate_cart(1), regpaydb.available_stock(1);
SELECT regpaydb.pay(2, 130, 'card', 'stripe', 'pi_1');
SELECT regpaydb.pay(2, 130, 'card', 'stripe', 'pi_1');
INSERT INTO regpaydb.payment (invoice_id, amount) VALUES (2, 5) RETURNING invoice_id;
SELECT regpaydb.total_payments(2), regpaydb.balance_due(2), regpaydb.available_credit(2), regpaydb.update_status(2);
SELECT regpaydb.can_view(1, 102), regpaydb.can_view(2, 102), regpaydb.invoice_for_access_code('BOBS-CODE');
SELECT new_status FROM regpaydb.status_history;
SELECT value, state FROM regpaydb.credit_note;
SELECT amount FROM regpaydb.payment;
SET regpaydb.user_id = '';
SELECT invoice_id FROM regpaydb.invoice;
SET regpaydb.access_code = 'BOBS-CODE';
SELECT invoice_id FROM regpaydb.invoice;
RESET ROLE;
RESET regpaydb.access_code;
-- What staff does.
SELECT regpaydb.record_manual_payment(1, 60, 'cash', 900), regpaydb.refund_credit_note(2, 'back');
SELECT regpaydb.refund_invoice(1), regpaydb.cancellation_fee(6, 10), regpaydb.expire_invoices();
SELECT regpaydb.manual_invoice(1, '1 day', '[{"description": "x", "price": 0}]');
SELECT regpaydb.void_invoice(4);
SELECT regpaydb.set_quantity(regpaydb.current_cart(1), 1, 2);
INSERT INTO regpaydb.cart_discount (cart_id, product_id, description, quantity, amount) VALUES (2, 1, 'Early bird', 2, 10);
SELECT regpaydb.pay(regpaydb.invoice_cart(2), 126, '') AS payment_id;
SELECT regpaydb.return_items(5, '[{"line_item_id": 5, "quantity": 1}, {"line_item_id": 6, "quantity": 1}]', 'ill') AS note \gset
SELECT regpaydb.charge_credit_note(:note, '[{"description": "Fee", "price": 15, "product_id": 1}]');
SELECT payment_id, amount, refundable FROM regpaydb.refund_sources((SELECT pg_catalog.max(credit_note_id) FROM regpaydb.credit_note));
SELECT place, amount FROM regpaydb.money_trail(1);
SELECT regpaydb.payment_summary('stripe', 'pi_1');
SELECT regpaydb.request_refund(pg_catalog.max(credit_note_id), 'to the card') AS refund FROM regpaydb.credit_note \gset
SELECT regpaydb.fail_refund(:refund, 'card closed') AS note \gset
SELECT regpaydb.confirm_refund(regpaydb.request_refund(:note, 'to the card', '[]'), 'stripe', 're_1');
SELECT regpaydb.record_payment(1, 5, 'late', 'stripe', 'pi_2');
SELECT regpaydb.record_reversal('stripe', 'pi_2', 5, 'dp_1');
SELECT invoice_id, status, value, replaces FROM regpaydb.invoice;
SELECT * FROM regpaydb.check_integrity();
-- Nothing that was made refers to anything that was planted.
RESET search_path;
SELECT what FROM (
	SELECT pg_get_viewdef(oid) AS what, relnamespace AS schema FROM pg_catalog.pg_class WHERE relkind = 'v' UNION ALL
	SELECT pg_get_constraintdef(oid), connamespace FROM pg_constraint UNION ALL
	SELECT pg_get_expr(adbin, adrelid), relnamespace FROM pg_attrdef JOIN pg_catalog.pg_class c ON c.oid = adrelid UNION ALL
	SELECT pg_get_indexdef(indexrelid), relnamespace FROM pg_index JOIN pg_catalog.pg_class c ON c.oid = indrelid UNION ALL
	SELECT pg_get_triggerdef(t.oid), relnamespace FROM pg_trigger t JOIN pg_catalog.pg_class c ON c.oid = tgrelid UNION ALL
	SELECT pg_get_expr(polqual, polrelid) || coalesce(pg_get_expr(polwithcheck, polrelid), ''), relnamespace
		FROM pg_catalog.pg_policy JOIN pg_catalog.pg_class c ON c.oid = polrelid UNION ALL
	SELECT format_type(atttypid, atttypmod), relnamespace FROM pg_attribute JOIN pg_catalog.pg_class c ON c.oid = attrelid) o
WHERE schema IN ('regpaydb'::regnamespace, 'second'::regnamespace) AND what ~ 'hostile|pg_temp';

\c :here
DROP DATABASE regress_path;
DROP ROLE regress_path_app;
