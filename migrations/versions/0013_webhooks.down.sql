DROP TRIGGER change_is_told ON callback.changes;
DROP FUNCTION callback.tell_webhooks();
DROP TABLE callback.deliveries;
DROP TABLE callback.webhooks;
