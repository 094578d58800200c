-- Sessions of the web page: a token of a person or program is exchanged for one of the page's own, which ends after
-- hours, with a log-out, or with the token it came from. Owner: routing; presence has the two doors below.

ALTER TABLE directory.api_tokens
    ADD COLUMN exchanged_from bigint REFERENCES directory.api_tokens (token_id) ON DELETE CASCADE;
CREATE INDEX api_tokens_exchanged ON directory.api_tokens (exchanged_from) WHERE exchanged_from IS NOT NULL;

-- No row: the token is none, over, or itself a session's, which would never end if it could be exchanged again.
-- Known before the company is, hence with its owner's rights.
CREATE FUNCTION directory.exchange_token(sha256 bytea, session_sha256 bytea, longest interval)
RETURNS TABLE (role text, company_id bigint, subscriber_id bigint, expires_at timestamptz)
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    INSERT INTO directory.api_tokens AS made
        (token_sha256, role, company_id, subscriber_id, label, expires_at, login_id, exchanged_from)
    SELECT session_sha256, t.role, t.company_id, t.subscriber_id, 'web page',
           least(t.expires_at, now() + longest), t.login_id, t.token_id
    FROM directory.api_tokens t
    WHERE t.token_sha256 = sha256 AND (t.expires_at IS NULL OR t.expires_at > now()) AND t.exchanged_from IS NULL
    RETURNING made.role, made.company_id, made.subscriber_id, made.expires_at
$$;
REVOKE ALL ON FUNCTION directory.exchange_token FROM PUBLIC;
GRANT EXECUTE ON FUNCTION directory.exchange_token TO pbx_presence;

-- Ends a session: of a log-in, or one that was exchanged. A program's own token is not ended by a page.
CREATE FUNCTION directory.end_session(sha256 bytea) RETURNS void
LANGUAGE sql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    DELETE FROM directory.api_tokens
    WHERE token_sha256 = sha256 AND (exchanged_from IS NOT NULL OR login_id IS NOT NULL)
$$;
REVOKE ALL ON FUNCTION directory.end_session FROM PUBLIC;
GRANT EXECUTE ON FUNCTION directory.end_session TO pbx_presence;
