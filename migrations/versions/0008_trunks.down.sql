DROP TABLE routing.spending, routing.call_limits;
DROP TRIGGER company_limits_changed ON directory.companies;
DROP TRIGGER gateways_changed ON directory.trunks;
DROP FUNCTION routing.trunks_changed;
DROP INDEX directory.trunk_labels;
REVOKE SELECT (company_id, trunk_id, name, position, enabled) ON directory.trunks
    FROM pbx_callback, pbx_voicemail, pbx_presence;
GRANT SELECT ON directory.trunks TO pbx_callback, pbx_voicemail, pbx_presence;
ALTER TABLE directory.trunks DROP CONSTRAINT registering_needs_a_login,
    DROP label, DROP host, DROP port, DROP transport, DROP username, DROP password, DROP register, DROP realm,
    DROP from_domain, DROP number_format, DROP caller_style, DROP privacy_style, DROP diversion_style, DROP enabled;
