-- How many calls somebody may have at once is his line's (routing.call_settings), whichever handset has them; that of a
-- device was never asked.
ALTER TABLE directory.devices DROP COLUMN call_limit;
