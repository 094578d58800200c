DROP TRIGGER mailbox_came_or_went ON voicemail.mailboxes;
DROP FUNCTION voicemail.note_erased_mailbox();
DROP TABLE voicemail.erased_mailboxes;
DROP FUNCTION voicemail.open_audio_link(bytea);
DROP TABLE voicemail.audio_links;
ALTER TABLE voicemail.deliveries DROP COLUMN as_link;
