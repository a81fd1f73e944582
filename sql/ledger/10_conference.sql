CREATE TABLE conference (
	only_row boolean PRIMARY KEY DEFAULT true CHECK (only_row),
	name text NOT NULL CHECK (btrim(name) <> '' AND length(name) <= 1000),
	currency text NOT NULL CHECK (currency ~ '^[A-Z]{3}$'),
	auto_apply_credit boolean NOT NULL DEFAULT true,
	access_code_length integer NOT NULL DEFAULT 16
		CHECK (access_code_length BETWEEN 16 AND 64),
	stock_slots integer NOT NULL DEFAULT 8 CHECK (stock_slots BETWEEN 1 AND 1000),
	ledger_version text NOT NULL
);
COMMENT ON TABLE conference IS 'The conference that this ledger belongs to: one row.';
COMMENT ON COLUMN conference.only_row IS 'Always true: keeps the table to one row.';
COMMENT ON COLUMN conference.name IS 'Name of the conference.';
COMMENT ON COLUMN conference.currency IS 'ISO 4217 code of the one currency of all amounts. How many decimals it has is fixed, and the currency, too, once there are payments.';
COMMENT ON COLUMN conference.auto_apply_credit IS 'Whether a new invoice takes its attendee''s unclaimed credit notes.';
COMMENT ON COLUMN conference.access_code_length IS 'Length of new access codes; every character is worth 5 random bits.';
COMMENT ON COLUMN conference.stock_slots IS 'Among how many slots the free units of a product or a category are spread, whose slots are made from then on: about as many as there are sessions that buy at the same time.';
COMMENT ON COLUMN conference.ledger_version IS 'Version of regpaydb that this ledger''s tables are of; upgrade_ledger() sets it.';
