-- Until when the values of a change shall be good; none: nothing is said of that.
ALTER TABLE approval_requests ADD COLUMN good_until INTEGER;
