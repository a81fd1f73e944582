-- The databases of a server that is to move: for psql, run by a superuser.

CREATE ROLE gannet LOGIN PASSWORD 'between us';
CREATE ROLE tutor LOGIN CONNECTION LIMIT 40;
CREATE ROLE shop LOGIN;
CREATE ROLE desk LOGIN;
CREATE ROLE books LOGIN;
CREATE ROLE clerk;
CREATE ROLE terminal LOGIN VALID UNTIL '2100-01-01';
CREATE ROLE people NOLOGIN;
GRANT clerk TO books;
GRANT people TO desk WITH ADMIN OPTION;
COMMENT ON ROLE shop IS 'The web site.';

CREATE DATABASE conference OWNER gannet;
GRANT CREATE ON DATABASE conference TO tutor;
ALTER ROLE desk IN DATABASE conference SET regpaydb.ledger = 'Tutorials 2027';
ALTER ROLE shop SET idle_in_transaction_session_timeout = '10s';
ALTER DATABASE conference SET timezone = 'UTC';
ALTER DATABASE conference SET max_parallel_workers_per_gather = 1;
COMMENT ON DATABASE conference IS 'Gannet Conf.';
\c conference

-- Two ledgers of their owners' own, and one in a currency of three decimals.
SET ROLE gannet;
CREATE EXTENSION regpaydb;
SELECT regpaydb.create_ledger('regpaydb', 'Gannet Conf 2026', 'AUD') \g /dev/null
GRANT USAGE ON SCHEMA regpaydb TO tutor;
GRANT EXECUTE ON FUNCTION regpaydb.create_ledger TO tutor;
\set ledger regpaydb
\set references one_
\ir ledger.sql
RESET ROLE;

SET ROLE tutor;
SELECT regpaydb.create_ledger('Tutorials 2027', E'Tutorials\n"2027"', 'EUR') \g /dev/null
\set ledger 'Tutorials 2027'
\set references two_
\ir ledger.sql
RESET ROLE;

SET ROLE tutor;
SELECT regpaydb.create_ledger('dinar', 'Dinner', 'KWD') \g /dev/null
\set ledger dinar
\set references three_
\ir ledger.sql
RESET ROLE;

-- Of the application, outside of any ledger.
CREATE SCHEMA application AUTHORIZATION gannet;
SET ROLE gannet;
SET search_path = application;
RESET regpaydb.ledger;
CREATE TABLE stripe_payment (payment_id bigint PRIMARY KEY REFERENCES regpaydb.payment, charge jsonb NOT NULL);
INSERT INTO stripe_payment SELECT payment_id, jsonb_build_object('id', provider_ref) FROM regpaydb.payment WHERE provider = 'stripe';
CREATE TABLE visit (visit_id serial PRIMARY KEY, attendee_id bigint NOT NULL REFERENCES regpaydb.attendee, at timestamptz NOT NULL DEFAULT now()) PARTITION BY RANGE (visit_id);
CREATE TABLE visit_1 PARTITION OF visit FOR VALUES FROM (1) TO (1000000);
INSERT INTO visit (attendee_id) SELECT attendee_id FROM regpaydb.attendee;
-- What is made again where PostgreSQL lets nobody have a search_path of his own.
CREATE MATERIALIZED VIEW to_pay AS SELECT invoice_id, regpaydb.balance_due(invoice_id) AS due, regpaydb.can_view(invoice_id, 1001) AS hers
	FROM regpaydb.invoice;
CREATE INDEX ON to_pay (due);
RESET ROLE;
RESET search_path;

-- pg_cron, for what the README schedules, by a role that may do just that.
CREATE EXTENSION pg_cron;
CREATE ROLE sweeper LOGIN;
GRANT USAGE ON SCHEMA cron, regpaydb TO sweeper;
SET ROLE gannet;
GRANT EXECUTE ON FUNCTION regpaydb.expire_invoices TO sweeper;
GRANT UPDATE (status) ON regpaydb.invoice TO sweeper;
RESET ROLE;
SET ROLE sweeper;
SELECT cron.schedule('expire invoices', '* * * * *', 'SELECT regpaydb.expire_invoices()') \g /dev/null
RESET ROLE;
