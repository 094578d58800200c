-- The files stay in the spool for the service that still knows them.
DROP TABLE voicemail.greetings;
DROP FUNCTION voicemail.erase_audio_of_greeting();
