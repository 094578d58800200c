DROP FUNCTION directory.end_session;
DROP FUNCTION directory.exchange_token;
DELETE FROM directory.api_tokens WHERE exchanged_from IS NOT NULL;
ALTER TABLE directory.api_tokens DROP COLUMN exchanged_from;
