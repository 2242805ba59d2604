-- Which secrets the events of a block name in their details: one event of `variables` lists many. A block from before
-- has none and is looked at.
ALTER TABLE ledger_blocks ADD COLUMN mentions BLOB;
