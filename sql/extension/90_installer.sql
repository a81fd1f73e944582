-- Whoever installs the extension may make ledgers, and let others do so; making one
-- grants its owner the other functions.
GRANT EXECUTE ON FUNCTION regpaydb.create_ledger(name, text, text) TO @extowner@ WITH GRANT OPTION;
