-- Voicemail that is too large for a mail goes as a link; whoever is erased leaves nothing behind, in the spool either.

-- Once a server found it too large, or we did, it goes as a link in every further attempt.
ALTER TABLE voicemail.deliveries ADD COLUMN as_link boolean NOT NULL DEFAULT false;

-- The secret part of a link is only in the mail; each attempt makes its own, since an earlier mail may have arrived.
CREATE TABLE voicemail.audio_links (
    token_sha256    bytea PRIMARY KEY,
    company_id      bigint NOT NULL,
    message_id      uuid NOT NULL,
    expires_at      timestamptz NOT NULL,
    FOREIGN KEY (company_id, message_id) REFERENCES voicemail.messages ON DELETE CASCADE
);
CREATE INDEX audio_links_of_message ON voicemail.audio_links (company_id, message_id);
CREATE INDEX audio_links_by_end ON voicemail.audio_links (expires_at);
SELECT directory.keep_companies_apart('voicemail.audio_links');
GRANT SELECT, INSERT, DELETE ON voicemail.audio_links TO pbx_voicemail;

-- Who holds the link has no token and names no company: what it opens, as long as the message is there.
CREATE FUNCTION voicemail.open_audio_link(sha256 bytea)
RETURNS TABLE (company_id bigint, message_id uuid, left_at timestamptz, time_zone text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT m.company_id, m.message_id, m.left_at, t.time_zone
    FROM voicemail.audio_links k
    JOIN voicemail.messages m ON (m.company_id, m.message_id) = (k.company_id, k.message_id)
    JOIN directory.subscribers s ON (s.company_id, s.subscriber_id) = (m.company_id, m.subscriber_id)
    JOIN directory.sites t ON (t.company_id, t.site_id) = (s.company_id, s.site_id)
    WHERE k.token_sha256 = sha256 AND k.expires_at > now() AND m.deleted_at IS NULL
$$;
REVOKE ALL ON FUNCTION voicemail.open_audio_link FROM PUBLIC;
GRANT EXECUTE ON FUNCTION voicemail.open_audio_link TO pbx_voicemail;

-- A mailbox that is gone, whichever way. What its owner still has in the spool (a recording that waited for the
-- database, one nobody could place) is erased and not kept for the operator: two numbers, nothing of the person.
CREATE TABLE voicemail.erased_mailboxes (
    subscriber_id   bigint PRIMARY KEY,
    company_id      bigint NOT NULL,
    since           timestamptz NOT NULL DEFAULT now()
);
CREATE FUNCTION voicemail.note_erased_mailbox() RETURNS trigger
LANGUAGE plpgsql SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
BEGIN
    IF TG_OP = 'DELETE' THEN
        INSERT INTO voicemail.erased_mailboxes (subscriber_id, company_id)
        VALUES (OLD.subscriber_id, OLD.company_id) ON CONFLICT (subscriber_id) DO UPDATE SET since = now();
    ELSE
        DELETE FROM voicemail.erased_mailboxes e WHERE e.subscriber_id = NEW.subscriber_id;
    END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER mailbox_came_or_went AFTER INSERT OR DELETE ON voicemail.mailboxes
    FOR EACH ROW EXECUTE FUNCTION voicemail.note_erased_mailbox();
GRANT SELECT, DELETE ON voicemail.erased_mailboxes TO pbx_voicemail;
