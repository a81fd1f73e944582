-- What a database administrator does once, as a superuser, before
--     manage.py migrate --database=owner
-- Everything else is done by the owner, in the migration.

-- Owns the database and the ledger: for migrations. CREATEDB is for Django's
-- tests, which make a database of their own; leave it out in production.
CREATE ROLE gannet_owner LOGIN CREATEDB;

-- What the site's requests connect as: owns nothing.
CREATE ROLE gannet_site LOGIN;

-- What consume_outbox connects as: reads, and deletes from the outbox.
CREATE ROLE gannet_worker LOGIN;

-- What send_refunds connects as: may do to the ledger what staff may.
CREATE ROLE gannet_refunds LOGIN;

CREATE DATABASE gannet OWNER gannet_owner;
