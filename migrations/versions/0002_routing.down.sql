DROP TRIGGER device_changed ON directory.devices;
DROP TRIGGER subscriber_changed ON directory.subscribers;
DROP TRIGGER number_changed ON directory.numbers;
DROP TRIGGER company_changed ON directory.companies;
DROP TRIGGER site_changed ON directory.sites;
DROP TRIGGER trunk_changed ON directory.trunks;
DROP SCHEMA routing CASCADE;
