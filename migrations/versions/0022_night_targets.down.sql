DROP FUNCTION routing.nobodys_facts;
DROP INDEX directory.pools_by_first_number;

CREATE OR REPLACE FUNCTION routing.owner_of(in_company bigint, dialled text) RETURNS bigint
LANGUAGE plpgsql STABLE AS $$
DECLARE
    found bigint;
BEGIN
    IF dialled LIKE '+%' THEN
        SELECT n.subscriber_id INTO found FROM directory.numbers n
        WHERE n.number = dialled AND n.company_id = in_company;
    ELSE
        SELECT s.subscriber_id INTO found FROM directory.subscribers s
        WHERE s.company_id = in_company AND s.extension = dialled;
    END IF;
    RETURN found;
END $$;

-- A mailbox cannot be the target any more; the person's telephones are nearest.
UPDATE routing.site_settings SET night_target = substr(night_target, 9) WHERE night_target LIKE 'mailbox:%';
ALTER TABLE routing.site_settings DROP CONSTRAINT site_settings_night_target_check,
    ADD CONSTRAINT site_settings_night_target_check CHECK (routing.is_target(night_target));
