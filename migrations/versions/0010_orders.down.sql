DROP FUNCTION voicemail.put_mailboxes, voicemail.remove_mailboxes, voicemail.messages_kept;
REVOKE SELECT (max_message_s, silence_end_s, deliver_as_mail, email, audio_format, notify_email, copy_email,
               lamp_enabled, max_messages, retention_days, delete_after_mail) ON voicemail.mailboxes FROM pbx_routing;

DROP TRIGGER device_changed ON directory.devices;
CREATE TRIGGER device_changed AFTER INSERT OR UPDATE OR DELETE ON directory.devices
    FOR EACH ROW EXECUTE FUNCTION routing.directory_changed();
DROP TRIGGER subscriber_changed ON directory.subscribers;
CREATE TRIGGER subscriber_changed AFTER INSERT OR UPDATE OR DELETE ON directory.subscribers
    FOR EACH ROW EXECUTE FUNCTION routing.directory_changed();
DROP TRIGGER number_changed ON directory.numbers;
CREATE TRIGGER number_changed AFTER INSERT OR UPDATE OR DELETE ON directory.numbers
    FOR EACH ROW EXECUTE FUNCTION routing.directory_changed();
DROP TRIGGER mailbox_changed ON voicemail.mailboxes;
CREATE TRIGGER mailbox_changed AFTER INSERT OR UPDATE OF enabled OR DELETE ON voicemail.mailboxes
    FOR EACH ROW EXECUTE FUNCTION routing.directory_changed();
DROP FUNCTION routing.row_by_row;

DROP FUNCTION routing.taken_elsewhere;
DROP TABLE routing.orders;
