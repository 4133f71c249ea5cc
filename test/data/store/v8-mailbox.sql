CREATE TABLE schema_version (part TEXT PRIMARY KEY, version INTEGER NOT NULL) STRICT;
INSERT INTO schema_version VALUES ('mailbox', 4);
CREATE TABLE mailbox (
      mailbox_id INTEGER NOT NULL PRIMARY KEY,
      guid BLOB NOT NULL,
      replica_guid BLOB NOT NULL,
      language TEXT NOT NULL,
      created_ms INTEGER NOT NULL,
      cn INTEGER NOT NULL,
      next_counter INTEGER NOT NULL,
      next_item INTEGER NOT NULL,
      next_content INTEGER NOT NULL,
      next_uid_validity INTEGER NOT NULL,
      next_property_id INTEGER NOT NULL,
      message_count INTEGER NOT NULL,
      size_bytes INTEGER NOT NULL, access_cn INTEGER NOT NULL DEFAULT 0, fill_item INTEGER NOT NULL DEFAULT 0, quota_told_ms INTEGER NOT NULL DEFAULT 0, quota_told_level INTEGER NOT NULL DEFAULT 0) STRICT;
INSERT INTO mailbox VALUES (7, X'01010101010101010101010101010101', X'02020202020202020202020202020202', 'en', 1700000000000, 9, 52, 8, 5, 1700000046, 32768, 3, 163, 2, 0, 0, 0);
CREATE TABLE replica (
      mailbox_id INTEGER NOT NULL,
      replica_id INTEGER NOT NULL,
      guid BLOB NOT NULL,
      PRIMARY KEY (mailbox_id, replica_id)) STRICT;
INSERT INTO replica VALUES (7, 1, X'02020202020202020202020202020202');
CREATE TABLE folder (
      mailbox_id INTEGER NOT NULL,
      folder_id INTEGER NOT NULL,
      parent_id INTEGER,
      name TEXT NOT NULL,
      name_key TEXT NOT NULL,
      role TEXT,
      container_class TEXT NOT NULL,
      hidden INTEGER NOT NULL,
      search_folder INTEGER NOT NULL,
      cn INTEGER NOT NULL,
      created_ms INTEGER NOT NULL,
      modified_ms INTEGER NOT NULL,
      uid_validity INTEGER NOT NULL,
      uid_next INTEGER NOT NULL,
      highest_cn INTEGER NOT NULL,
      message_count INTEGER NOT NULL,
      unread_count INTEGER NOT NULL,
      associated_count INTEGER NOT NULL,
      size_bytes INTEGER NOT NULL,
      bag BLOB,
      PRIMARY KEY (mailbox_id, folder_id)) STRICT;
INSERT INTO folder VALUES (7, 1, null, 'Root', 'root', 'root', '', 0, 0, 1, 1700000000000, 1700000000000, 1700000000, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 2, 1, 'Deferred Action', 'deferred action', 'deferredAction', '', 0, 0, 1, 1700000000000, 1700000000000, 1700000001, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 3, 1, 'Spooler Queue', 'spooler queue', 'spoolerQueue', '', 0, 0, 1, 1700000000000, 1700000000000, 1700000002, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 4, 1, 'Top of Information Store', 'top of information store', 'ipmSubtree', '', 0, 0, 1, 1700000000000, 1700000000000, 1700000003, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 5, 4, 'Inbox', 'inbox', 'inbox', 'IPF.Note', 0, 0, 1, 1700000000000, 1700000000000, 1700000004, 5, 9, 2, 1, 0, 99, null);
INSERT INTO folder VALUES (7, 6, 4, 'Outbox', 'outbox', 'outbox', 'IPF.Note', 0, 0, 1, 1700000000000, 1700000000000, 1700000005, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 7, 4, 'Sent Items', 'sent items', 'sentItems', 'IPF.Note', 0, 0, 1, 1700000000000, 1700000000000, 1700000006, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 8, 4, 'Deleted Items', 'deleted items', 'deletedItems', 'IPF.Note', 0, 0, 1, 1700000000000, 1700000000000, 1700000007, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 9, 1, 'Common Views', 'common views', 'commonViews', '', 0, 0, 1, 1700000000000, 1700000000000, 1700000008, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 10, 1, 'Schedule', 'schedule', 'schedule', '', 0, 0, 1, 1700000000000, 1700000000000, 1700000009, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 11, 1, 'Finder', 'finder', 'finder', '', 0, 0, 1, 1700000000000, 1700000000000, 1700000010, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 12, 1, 'Views', 'views', 'views', '', 0, 0, 1, 1700000000000, 1700000000000, 1700000011, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 13, 1, 'Shortcuts', 'shortcuts', 'shortcuts', '', 0, 0, 1, 1700000000000, 1700000000000, 1700000012, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 14, 4, 'Drafts', 'drafts', 'drafts', 'IPF.Note', 0, 0, 1, 1700000000000, 1700000000000, 1700000013, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 15, 4, 'Calendar', 'calendar', 'calendar', 'IPF.Appointment', 0, 0, 1, 1700000000000, 1700000000000, 1700000014, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 16, 4, 'Contacts', 'contacts', 'contacts', 'IPF.Contact', 0, 0, 1, 1700000000000, 1700000000000, 1700000015, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 17, 4, 'Journal', 'journal', 'journal', 'IPF.Journal', 0, 0, 1, 1700000000000, 1700000000000, 1700000016, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 18, 4, 'Notes', 'notes', 'notes', 'IPF.StickyNote', 0, 0, 1, 1700000000000, 1700000000000, 1700000017, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 19, 4, 'Tasks', 'tasks', 'tasks', 'IPF.Task', 0, 0, 1, 1700000000000, 1700000000000, 1700000018, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 20, 1, 'Reminders', 'reminders', 'reminders', 'Outlook.Reminder', 0, 1, 1, 1700000000000, 1700000000000, 1700000019, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 21, 4, 'Junk Email', 'junk email', 'junkEmail', 'IPF.Note', 0, 0, 1, 1700000000000, 1700000000000, 1700000020, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 22, 4, 'Sync Issues', 'sync issues', 'syncIssues', 'IPF.Note', 0, 0, 1, 1700000000000, 1700000000000, 1700000021, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 23, 22, 'Conflicts', 'conflicts', 'conflicts', 'IPF.Note', 0, 0, 1, 1700000000000, 1700000000000, 1700000022, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 24, 22, 'Local Failures', 'local failures', 'localFailures', 'IPF.Note', 0, 0, 1, 1700000000000, 1700000000000, 1700000023, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 25, 22, 'Server Failures', 'server failures', 'serverFailures', 'IPF.Note', 0, 0, 1, 1700000000000, 1700000000000, 1700000024, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 26, 4, 'RSS Feeds', 'rss feeds', 'rssFeeds', 'IPF.Note.OutlookHomepage', 0, 0, 1, 1700000000000, 1700000000000, 1700000025, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 27, 1, 'Tracked Mail Processing', 'tracked mail processing', 'trackedMail', 'IPF.Note', 0, 1, 1, 1700000000000, 1700000000000, 1700000026, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 28, 1, 'To-Do Search', 'to-do search', 'toDo', 'IPF.Task', 0, 1, 1, 1700000000000, 1700000000000, 1700000027, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 29, 4, 'Conversation Action Settings', 'conversation action settings', 'conversationActions', 'IPF.Configuration', 1, 0, 1, 1700000000000, 1700000000000, 1700000028, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 30, 4, 'Quick Step Settings', 'quick step settings', 'quickSteps', 'IPF.Configuration', 1, 0, 1, 1700000000000, 1700000000000, 1700000029, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 31, 4, 'Suggested Contacts', 'suggested contacts', 'suggestedContacts', 'IPF.Contact', 0, 0, 1, 1700000000000, 1700000000000, 1700000030, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 32, 11, 'Contact Search', 'contact search', 'contactSearch', 'IPF.Contact', 0, 1, 1, 1700000000000, 1700000000000, 1700000031, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 33, 16, 'IM Contact List', 'im contact list', 'imContactList', 'IPF.Contact.MOC.ImContactList', 1, 0, 1, 1700000000000, 1700000000000, 1700000032, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 34, 16, 'Quick Contacts', 'quick contacts', 'quickContacts', 'IPF.Contact.MOC.QuickContacts', 1, 0, 1, 1700000000000, 1700000000000, 1700000033, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 35, 1, 'Freebusy Data', 'freebusy data', 'freeBusyData', '', 0, 0, 1, 1700000000000, 1700000000000, 1700000034, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 36, 4, 'Archive', 'archive', 'archive', 'IPF.Note', 0, 0, 1, 1700000000000, 1700000000000, 1700000035, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 37, 4, 'Conversation History', 'conversation history', 'conversationHistory', 'IPF.Note', 0, 0, 1, 1700000000000, 1700000000000, 1700000036, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 38, 1, 'Recoverable Items', 'recoverable items', 'recoverableItems', '', 0, 0, 1, 1700000000000, 1700000000000, 1700000037, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 39, 38, 'Deletions', 'deletions', 'recoverableDeletions', '', 0, 0, 1, 1700000000000, 1700000000000, 1700000038, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 40, 38, 'Versions', 'versions', 'recoverableVersions', '', 0, 0, 1, 1700000000000, 1700000000000, 1700000039, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 41, 38, 'Purges', 'purges', 'recoverablePurges', '', 0, 0, 1, 1700000000000, 1700000000000, 1700000040, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 42, 38, 'DiscoveryHolds', 'discoveryholds', 'recoverableDiscoveryHolds', '', 0, 0, 1, 1700000000000, 1700000000000, 1700000041, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 43, 38, 'Audits', 'audits', 'recoverableAudits', '', 0, 0, 1, 1700000000000, 1700000000000, 1700000042, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 44, 38, 'Calendar Logging', 'calendar logging', 'recoverableCalendarLogging', '', 0, 0, 1, 1700000000000, 1700000000000, 1700000043, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 45, 1, 'AllItems', 'allitems', 'allItems', 'IPF', 0, 1, 1, 1700000000000, 1700000000000, 1700000044, 1, 1, 0, 0, 0, 0, null);
INSERT INTO folder VALUES (7, 46, 5, 'Älter', 'älter', null, 'IPF.Note', 0, 0, 2, 1700000000000, 1700000000000, 1700000045, 2, 8, 1, 1, 0, 64, null);
CREATE UNIQUE INDEX folder_by_name ON folder (mailbox_id, parent_id, name_key);
CREATE INDEX folder_by_change ON folder (mailbox_id, cn);
CREATE TABLE message (
      mailbox_id INTEGER NOT NULL,
      item_id INTEGER NOT NULL,
      message_id INTEGER NOT NULL,
      folder_id INTEGER NOT NULL,
      uid INTEGER NOT NULL,
      associated INTEGER NOT NULL,
      flags INTEGER NOT NULL,
      keywords TEXT,
      cn INTEGER NOT NULL,
      read_cn INTEGER NOT NULL,
      mod_seq INTEGER NOT NULL,
      size_bytes INTEGER NOT NULL,
      internal_ms INTEGER NOT NULL,
      saved_ms INTEGER NOT NULL,
      content_id INTEGER,
      PRIMARY KEY (mailbox_id, item_id)) STRICT;
INSERT INTO message VALUES (7, 1, 47, 5, 1, 0, 3, '["$Work"]', 7, 7, 7, 69, 1, 1700000000000, 1);
INSERT INTO message VALUES (7, 2, 51, 46, 1, 0, 0, '["$Work"]', 8, 8, 8, 64, 1, 1700000000000, 2);
INSERT INTO message VALUES (7, 4, 50, 5, 4, 0, 0, null, 6, 6, 6, 30, 1700000000000, 1700000000000, null);
CREATE UNIQUE INDEX message_by_uid ON message (mailbox_id, folder_id, associated, uid);
CREATE UNIQUE INDEX message_by_id ON message (mailbox_id, message_id);
CREATE INDEX message_by_change ON message (mailbox_id, folder_id, mod_seq);
CREATE INDEX message_by_content ON message (mailbox_id, content_id);
CREATE TABLE message_detail (
      mailbox_id INTEGER NOT NULL,
      item_id INTEGER NOT NULL,
      message_class TEXT NOT NULL,
      subject TEXT NOT NULL,
      normalized_subject TEXT NOT NULL,
      from_name TEXT NOT NULL,
      from_address TEXT NOT NULL,
      sent_ms INTEGER,
      message_id_header TEXT NOT NULL,
      in_reply_to TEXT NOT NULL,
      has_attachments INTEGER NOT NULL,
      importance INTEGER NOT NULL,
      preview TEXT NOT NULL,
      conversation_id BLOB,
      -- An embedded message: the attachment it is inside of; it has no row in message.
      owner_attachment_id INTEGER,
      -- Where a message in Recoverable Items came from.
      deleted_from_id INTEGER,
      bag BLOB, origin INTEGER NOT NULL DEFAULT 0, sensitivity INTEGER NOT NULL DEFAULT 0, display_to TEXT NOT NULL DEFAULT '', display_cc TEXT NOT NULL DEFAULT '', conversation_key BLOB, item_size_bytes INTEGER, modified_ms INTEGER, extras INTEGER NOT NULL DEFAULT 0, trouble TEXT, creator_id INTEGER, came_from_id INTEGER, came_from_folder_id INTEGER, came_by INTEGER, version_cn INTEGER, change_key BLOB, predecessors BLOB,
      PRIMARY KEY (mailbox_id, item_id)) STRICT;
INSERT INTO message_detail VALUES (7, 1, 'IPM.Note', 'Greetings', 'Greetings', 'Kim', 'kim@example.org', null, '', '', 0, 1, 'Words of version', X'aed511901fa15edc63abdac330badfd2', null, null, null, 0, 0, '', '', null, null, null, 8, null, null, null, null, null, null, null, null);
INSERT INTO message_detail VALUES (7, 2, 'IPM.Note', 'It''s', 'It''s', 'Kim', 'kim@example.org', null, '', '', 0, 1, 'Words of version', X'f297c539ac88dc72d49b039f13d8a21b', null, null, null, 0, 0, '', '', null, null, null, 8, null, null, 48, 5, 1, null, null, null);
INSERT INTO message_detail VALUES (7, 4, 'IPM.Note', 's', 's', '', '', null, '', '', 0, 1, '', X'00ff', null, null, X'0100000000', 1, 0, '', '', null, null, null, 0, null, null, null, null, null, null, null, null);
INSERT INTO message_detail VALUES (7, 7, 'IPM.Note', 's', 's', '', '', null, '', '', 0, 1, '', X'00ff', 6, null, X'0100000000', 1, 0, '', '', null, null, null, 0, null, null, null, null, null, null, null, null);
CREATE TABLE recipient (
      mailbox_id INTEGER NOT NULL,
      item_id INTEGER NOT NULL,
      row_id INTEGER NOT NULL,
      kind INTEGER NOT NULL,
      display_name TEXT NOT NULL,
      address_type TEXT NOT NULL,
      address TEXT NOT NULL,
      bag BLOB,
      PRIMARY KEY (mailbox_id, item_id, row_id)) STRICT;
INSERT INTO recipient VALUES (7, 4, 0, 1, 'Kim', 'SMTP', 'kim0@example.org', null);
CREATE TABLE attachment (
      mailbox_id INTEGER NOT NULL,
      attachment_id INTEGER NOT NULL,
      item_id INTEGER NOT NULL,
      number INTEGER NOT NULL,
      method INTEGER NOT NULL,
      file_name TEXT NOT NULL,
      size_bytes INTEGER NOT NULL,
      content_id INTEGER,
      embedded_item_id INTEGER,
      bag BLOB,
      PRIMARY KEY (mailbox_id, attachment_id)) STRICT;
INSERT INTO attachment VALUES (7, 5, 4, 0, 1, 'a.bin', 3, 4, null, null);
INSERT INTO attachment VALUES (7, 6, 4, 1, 5, '', 0, null, 7, null);
CREATE UNIQUE INDEX attachment_by_item ON attachment (mailbox_id, item_id, number);
CREATE INDEX attachment_by_content ON attachment (mailbox_id, content_id);
CREATE TABLE content (
      mailbox_id INTEGER NOT NULL,
      content_id INTEGER NOT NULL,
      refs INTEGER NOT NULL,
      size_bytes INTEGER NOT NULL,
      hash TEXT,
      bytes BLOB,
      PRIMARY KEY (mailbox_id, content_id)) STRICT;
INSERT INTO content VALUES (7, 1, 1, 69, null, X'46726f6d3a204b696d203c6b696d406578616d706c652e6f72673e0d0a5375626a6563743a204772656574696e67730d0a0d0a576f726473206f662076657273696f6e0d0a');
INSERT INTO content VALUES (7, 2, 1, 64, null, X'46726f6d3a204b696d203c6b696d406578616d706c652e6f72673e0d0a5375626a6563743a20497427730d0a0d0a576f726473206f662076657273696f6e0d0a');
INSERT INTO content VALUES (7, 4, 1, 3, null, X'010203');
CREATE TABLE mime (
      mailbox_id INTEGER NOT NULL,
      content_id INTEGER NOT NULL,
      mime_index TEXT NOT NULL, head BLOB, head_names TEXT,
      PRIMARY KEY (mailbox_id, content_id)) STRICT;
INSERT INTO mime VALUES (7, 1, '2 69 0 51 4 0 0
[null,"Greetings",["Kim",null,"kim","example.org"],0,0,[],[],[],null,null]
[2,0,51,69,1,"text","plain",["charset","us-ascii"],"7bit",0]
["Words of version"]
[]', null, null);
INSERT INTO mime VALUES (7, 2, '2 64 0 46 4 0 0
[null,"It''s",["Kim",null,"kim","example.org"],0,0,[],[],[],null,null]
[2,0,46,64,1,"text","plain",["charset","us-ascii"],"7bit",0]
["Words of version"]
[]', null, null);
CREATE TABLE tombstone (
      mailbox_id INTEGER NOT NULL,
      kind INTEGER NOT NULL,
      object_id INTEGER NOT NULL,
      folder_id INTEGER NOT NULL,
      uid INTEGER NOT NULL,
      cn INTEGER NOT NULL,
      PRIMARY KEY (mailbox_id, kind, object_id)) STRICT;
INSERT INTO tombstone VALUES (7, 1, 48, 5, 2, 8);
INSERT INTO tombstone VALUES (7, 1, 49, 5, 3, 9);
CREATE INDEX tombstone_by_change ON tombstone (mailbox_id, folder_id, cn);
CREATE TABLE named_property (
      mailbox_id INTEGER NOT NULL,
      property_id INTEGER NOT NULL,
      property_set BLOB NOT NULL,
      lid INTEGER NOT NULL,
      name TEXT NOT NULL,
      PRIMARY KEY (mailbox_id, property_id)) STRICT;
CREATE UNIQUE INDEX named_property_by_name ON named_property (mailbox_id, property_set, lid, name);
CREATE TABLE subscription (
      mailbox_id INTEGER NOT NULL,
      name TEXT NOT NULL,
      PRIMARY KEY (mailbox_id, name)) STRICT;
INSERT INTO subscription VALUES (7, 'INBOX');
INSERT INTO subscription VALUES (7, 'Drafts');
INSERT INTO subscription VALUES (7, 'Sent Items');
INSERT INTO subscription VALUES (7, 'Deleted Items');
INSERT INTO subscription VALUES (7, 'Junk Email');
INSERT INTO subscription VALUES (7, 'Archive');
CREATE TABLE folder_permission (
      mailbox_id INTEGER NOT NULL,
      folder_id INTEGER NOT NULL,
      member_id INTEGER NOT NULL,
      rights INTEGER NOT NULL,
      PRIMARY KEY (mailbox_id, folder_id, member_id)) STRICT;
INSERT INTO folder_permission VALUES (7, 15, 0, 2048);
CREATE TABLE delivery (
      mailbox_id INTEGER NOT NULL,
      delivery_id TEXT NOT NULL,
      delivered_ms INTEGER NOT NULL,
      PRIMARY KEY (mailbox_id, delivery_id)) STRICT;
INSERT INTO delivery VALUES (7, 'Greetings', 1700000000000);
INSERT INTO delivery VALUES (7, 'It''s', 1700000000000);
INSERT INTO delivery VALUES (7, 'Third', 1700000000000);
CREATE INDEX delivery_by_time ON delivery (mailbox_id, delivered_ms);
CREATE VIRTUAL TABLE message_text USING fts5(subject, addresses, body, attachment_names,
      content='', contentless_delete=1, tokenize='unicode61 remove_diacritics 2');
INSERT INTO message_text (rowid, subject, addresses, body, attachment_names) VALUES (1, 'Greetings', 'kim example org', 'words of version', '');
INSERT INTO message_text (rowid, subject, addresses, body, attachment_names) VALUES (2, 'Greetings', 'kim example org', 'words of version', '');
CREATE INDEX message_by_header ON message_detail (mailbox_id, message_id_header);
CREATE INDEX message_by_conversation ON message_detail (mailbox_id, conversation_key);
CREATE INDEX message_by_conversation_id ON message_detail (mailbox_id, conversation_id);
CREATE TABLE item_value (
      mailbox_id INTEGER NOT NULL,
      item_id INTEGER NOT NULL,
      property_tag INTEGER NOT NULL,
      value BLOB NOT NULL,
      PRIMARY KEY (mailbox_id, item_id, property_tag)) STRICT;
CREATE TABLE item_time (
      mailbox_id INTEGER NOT NULL,
      item_id INTEGER NOT NULL,
      start_ms INTEGER,
      end_ms INTEGER,
      recurring INTEGER NOT NULL,
      busy_status INTEGER,
      global_object_id BLOB,
      reminder_ms INTEGER,
      PRIMARY KEY (mailbox_id, item_id)) STRICT;
CREATE INDEX item_time_by_start ON item_time (mailbox_id, start_ms);
CREATE INDEX item_time_by_object ON item_time (mailbox_id, global_object_id);
CREATE INDEX item_time_by_reminder ON item_time (mailbox_id, reminder_ms);
CREATE INDEX message_creator ON message_detail (mailbox_id, creator_id) WHERE creator_id IS NOT NULL;
CREATE INDEX message_private ON message_detail (mailbox_id, item_id) WHERE sensitivity = 2;
CREATE TABLE folder_retention (
      mailbox_id INTEGER NOT NULL,
      folder_id INTEGER NOT NULL,
      days INTEGER NOT NULL,
      PRIMARY KEY (mailbox_id, folder_id)) STRICT;
CREATE TABLE mailbox_audit (
      mailbox_id INTEGER NOT NULL,
      audit_id INTEGER NOT NULL,
      at_ms INTEGER NOT NULL,
      actor TEXT NOT NULL,
      logon TEXT NOT NULL,
      action TEXT NOT NULL,
      folder TEXT NOT NULL,
      detail TEXT NOT NULL,
      repeated INTEGER NOT NULL,
      PRIMARY KEY (mailbox_id, audit_id)) STRICT;
CREATE TABLE reader_folder (
      mailbox_id INTEGER NOT NULL,
      reader_id INTEGER NOT NULL,
      folder_id INTEGER NOT NULL,
      cn INTEGER NOT NULL,
      PRIMARY KEY (mailbox_id, reader_id, folder_id)) STRICT;
CREATE INDEX reader_folder_folder ON reader_folder (mailbox_id, folder_id);
CREATE TABLE reader_range (
      mailbox_id INTEGER NOT NULL,
      reader_id INTEGER NOT NULL,
      folder_id INTEGER NOT NULL,
      first_uid INTEGER NOT NULL,
      last_uid INTEGER NOT NULL,
      is_read INTEGER NOT NULL,
      mod_seq INTEGER NOT NULL,
      PRIMARY KEY (mailbox_id, reader_id, folder_id, first_uid)) STRICT;
CREATE TABLE annotation (
      mailbox_id INTEGER NOT NULL,
      folder_id INTEGER NOT NULL,
      member_id INTEGER NOT NULL,
      name_key TEXT NOT NULL,
      name TEXT NOT NULL,
      value BLOB,
      cn INTEGER NOT NULL,
      PRIMARY KEY (mailbox_id, folder_id, member_id, name_key)) STRICT;
CREATE INDEX annotation_by_change ON annotation (mailbox_id, cn);
CREATE TABLE content_grams (
      mailbox_id INTEGER NOT NULL,
      content_id INTEGER NOT NULL,
      grams BLOB NOT NULL,
      PRIMARY KEY (mailbox_id, content_id)) STRICT;
INSERT INTO content_grams VALUES (7, 1, X'4018101880209b142020e120700013802201080108a10800018a048100012444');
INSERT INTO content_grams VALUES (7, 2, X'40180018882099342020e1207000130022010801282109000182008000002444');
CREATE TABLE content_keys (
      mailbox_id INTEGER NOT NULL,
      content_id INTEGER NOT NULL,
      sent_ms INTEGER,
      subject TEXT NOT NULL,
      people TEXT NOT NULL,
      ids TEXT NOT NULL,
      PRIMARY KEY (mailbox_id, content_id)) STRICT, WITHOUT ROWID;
INSERT INTO content_keys VALUES (7, 1, null, 'GREETINGS', 'KIMKIM', '-4sN4dCF/D0o4XXiv................');
INSERT INTO content_keys VALUES (7, 2, null, 'IT''S', 'KIMKIM', '-ssjHi7vv6xWSzPn9................');
CREATE TABLE content_fields (
      mailbox_id INTEGER NOT NULL,
      content_id INTEGER NOT NULL,
      fields TEXT,
      PRIMARY KEY (mailbox_id, content_id)) STRICT, WITHOUT ROWID;
INSERT INTO content_fields VALUES (7, 1, 'From: Kim <kim@example.org>
Subject: Greetings
');
INSERT INTO content_fields VALUES (7, 2, 'From: Kim <kim@example.org>
Subject: It''s
');
