DROP TABLE routing.nights;
DROP TABLE routing.call_deletions;
ALTER TABLE directory.companies DROP COLUMN call_retention_days;
DROP INDEX routing.calls_of_caller, routing.calls_of_callee, routing.calls_by_time;
CREATE INDEX calls_by_time ON routing.calls (company_id, started_at DESC, call_id);
DROP TRIGGER line_takes_the_calls_time ON routing.call_log;
DROP FUNCTION routing.line_takes_the_calls_time;
DROP INDEX routing.deleted_lines;
ALTER TABLE routing.call_log DROP COLUMN at;

DROP FUNCTION directory.open_reset_link;
DROP TABLE directory.reset_links;
DROP TABLE directory.resets;
ALTER TABLE directory.companies DROP COLUMN pin_digits_at_least;
DROP FUNCTION directory.accounts_named;
DROP FUNCTION directory.count_attempt;
DROP TABLE directory.attempts;
ALTER TABLE directory.api_tokens DROP COLUMN login_id, DROP COLUMN token_id;
DROP INDEX directory.subscribers_by_email;
DROP TABLE directory.logins;

DELETE FROM directory.api_tokens WHERE role = 'administrator';
ALTER TABLE directory.api_tokens
    DROP CONSTRAINT api_tokens_role_check,
    DROP CONSTRAINT an_operator_belongs_to_no_company,
    DROP CONSTRAINT a_subscriber_is_a_person,
    ADD CONSTRAINT api_tokens_role_check CHECK (role IN ('operator', 'subscriber')),
    ADD CONSTRAINT api_tokens_check CHECK ((role = 'subscriber') = (subscriber_id IS NOT NULL)),
    ADD CONSTRAINT api_tokens_check1 CHECK ((role = 'subscriber') = (company_id IS NOT NULL));
