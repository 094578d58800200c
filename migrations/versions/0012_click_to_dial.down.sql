DROP FUNCTION callback.change_preferences, callback.change_limits, callback.change_company_limits;
DROP VIEW callback.preferences, callback.limits;
REVOKE SELECT ON callback.settings FROM pbx_routing;
REVOKE USAGE ON SCHEMA callback FROM pbx_routing;
DROP VIEW routing.remote_offices, routing.outgoing_ranges;
REVOKE SELECT (company_id, subscriber_id, remote_office_on, remote_office_number, barring_profile_id)
    ON routing.call_settings FROM pbx_callback;
REVOKE SELECT (company_id, site_id, barring_profile_id) ON routing.site_settings FROM pbx_callback;
REVOKE SELECT ON routing.barring_ranges FROM pbx_callback;
ALTER TABLE callback.first_legs DROP position;
DROP INDEX callback.attempts_of_company_under_way;
ALTER TABLE callback.attempts DROP first_leg, DROP press_1, DROP business_number, DROP presentation;
DROP TABLE callback.company_settings;
ALTER TABLE callback.settings DROP mode, DROP always_call_back, DROP first_leg, DROP device_id, DROP press_1,
    DROP countries;
