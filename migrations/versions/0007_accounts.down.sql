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
