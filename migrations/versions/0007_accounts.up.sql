-- Accounts: who may do what. An operator runs the system and belongs to no company; an administrator runs one
-- company and may be one of its people besides; a subscriber is a person of a company (X7). Owner: routing.

ALTER TABLE directory.api_tokens
    DROP CONSTRAINT api_tokens_role_check,
    DROP CONSTRAINT api_tokens_check,
    DROP CONSTRAINT api_tokens_check1,
    ADD CONSTRAINT api_tokens_role_check CHECK (role IN ('operator', 'administrator', 'subscriber')),
    ADD CONSTRAINT an_operator_belongs_to_no_company CHECK ((role = 'operator') = (company_id IS NULL)),
    ADD CONSTRAINT a_subscriber_is_a_person
        CHECK (CASE role WHEN 'subscriber' THEN subscriber_id IS NOT NULL
                         WHEN 'operator' THEN subscriber_id IS NULL ELSE true END);
