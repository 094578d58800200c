DROP TABLE directory.contact_numbers;
DROP TABLE directory.contacts;
DROP FUNCTION directory.searched(text);
DROP FUNCTION directory.plain(text);
