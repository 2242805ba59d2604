-- Up to which place of the ledger people were told what happened to their accounts.
CREATE TABLE told (
    one INTEGER PRIMARY KEY CHECK (one = 1),
    seq INTEGER NOT NULL
) STRICT;
