-- Without routing an emergency call goes over the first two trunks of the entry: they must be ones the switch has.

CREATE OR REPLACE FUNCTION routing.directory_entry(of_user text, in_domain text) RETURNS TABLE (
    kind text, company_id bigint, domain text, subscriber_id bigint, extension text, name text, language text,
    main_number text, site_number text, country text, area_code text, device_id text, sip_ha1 text,
    devices text[], trunks text[], has_mailbox boolean, numbers text[]
)
LANGUAGE plpgsql STABLE SECURITY DEFINER SET search_path = pg_catalog, pg_temp AS $$
DECLARE
    owner   directory.subscribers;
    device  directory.devices;
BEGIN
    IF in_domain = 'numbers.invalid' THEN
        SELECT s.* INTO owner FROM directory.numbers n
        JOIN directory.subscribers s ON (s.company_id, s.subscriber_id) = (n.company_id, n.subscriber_id)
        WHERE n.number = of_user;
    ELSE
        SELECT d.* INTO device FROM directory.devices d
        JOIN directory.companies c ON c.company_id = d.company_id
        WHERE d.device_id = of_user AND c.sip_domain = in_domain;
        IF device.device_id IS NOT NULL THEN
            SELECT s.* INTO owner FROM directory.subscribers s
            WHERE s.company_id = device.company_id AND s.subscriber_id = device.subscriber_id;
        ELSE
            SELECT s.* INTO owner FROM directory.subscribers s
            JOIN directory.companies c ON c.company_id = s.company_id
            WHERE s.extension = of_user AND c.sip_domain = in_domain;
        END IF;
    END IF;
    RETURN QUERY
    SELECT CASE WHEN device.device_id IS NULL THEN 'person' ELSE 'device' END,
           c.company_id, c.sip_domain, owner.subscriber_id, owner.extension,
           btrim(owner.first_name || ' ' || owner.last_name), owner.language,
           (SELECT n.number FROM directory.numbers n
            WHERE n.company_id = c.company_id AND n.subscriber_id = owner.subscriber_id AND n.is_main),
           t.main_number, t.country::text, t.area_code, device.device_id, device.sip_ha1::text,
           ARRAY(SELECT d.device_id FROM directory.devices d
                 WHERE d.company_id = c.company_id AND d.subscriber_id = owner.subscriber_id ORDER BY 1),
           ARRAY(SELECT r.name FROM directory.trunks r
                 WHERE r.company_id = c.company_id AND r.enabled AND r.host IS NOT NULL ORDER BY r.position),
           EXISTS (SELECT FROM voicemail.mailbox_routing m
                   WHERE m.company_id = c.company_id AND m.subscriber_id = owner.subscriber_id),
           ARRAY(SELECT n.number FROM directory.numbers n
                 WHERE n.company_id = c.company_id AND n.subscriber_id = owner.subscriber_id ORDER BY 1)
    FROM directory.companies c
    JOIN directory.sites t ON t.company_id = c.company_id AND t.site_id = owner.site_id
    WHERE c.company_id = owner.company_id;
END $$;
