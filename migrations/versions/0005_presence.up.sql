-- Whom a subscriber watches: key n of his handsets shows the person at position n. Owner: presence.

CREATE SCHEMA presence;
GRANT USAGE ON SCHEMA presence TO pbx_presence, pbx_routing, pbx_callback, pbx_voicemail;

CREATE TABLE presence.watched (
    company_id      bigint NOT NULL,
    subscriber_id   bigint NOT NULL,
    position        int NOT NULL CONSTRAINT at_most_eight_watched CHECK (position BETWEEN 1 AND 8),   -- P1
    watched_subscriber_id bigint NOT NULL,
    PRIMARY KEY (company_id, subscriber_id, position),
    CONSTRAINT watched_only_once UNIQUE (company_id, subscriber_id, watched_subscriber_id),
    CONSTRAINT nobody_watches_himself CHECK (subscriber_id <> watched_subscriber_id),
    FOREIGN KEY (company_id, subscriber_id) REFERENCES directory.subscribers ON DELETE CASCADE,
    -- Both of one company, by the key itself. A deleted colleague leaves his key dark.
    CONSTRAINT watched_in_the_same_company
        FOREIGN KEY (company_id, watched_subscriber_id) REFERENCES directory.subscribers ON DELETE CASCADE
);
CREATE INDEX watchers_of ON presence.watched (company_id, watched_subscriber_id);
SELECT directory.keep_companies_apart('presence.watched');
GRANT SELECT, INSERT, UPDATE, DELETE ON presence.watched TO pbx_presence;

-- The person behind a lamp key that was pressed, dialled as lamp+<extension>-<position>-<key>: one round
-- trip on a call's path. No row: no such key in this company, or nobody at this position.
CREATE FUNCTION presence.person_on_lamp(company bigint, own_extension text, key_position int, key text)
RETURNS TABLE (subscriber_id bigint, watched_subscriber_id bigint, watched_extension text)
LANGUAGE sql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
    SELECT own.subscriber_id, w.watched_subscriber_id, other.extension
    FROM directory.devices d
    JOIN directory.subscribers own ON (own.company_id, own.subscriber_id) = (d.company_id, d.subscriber_id)
    JOIN presence.watched w ON (w.company_id, w.subscriber_id) = (own.company_id, own.subscriber_id)
    JOIN directory.subscribers other
        ON (other.company_id, other.subscriber_id) = (w.company_id, w.watched_subscriber_id)
    WHERE d.company_id = company AND d.lamp_key = key
      AND own.extension = own_extension AND w.position = key_position
$$;
REVOKE ALL ON FUNCTION presence.person_on_lamp FROM PUBLIC;
GRANT EXECUTE ON FUNCTION presence.person_on_lamp TO pbx_routing;
