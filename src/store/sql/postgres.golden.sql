-- mailbox.copyFolder
INSERT INTO attachment (mailbox_id, attachment_id, item_id, number, method, file_name, size_bytes, content_id, embedded_item_id, bag) SELECT mailbox_id, $3, $4, number, method, file_name, size_bytes, content_id, $5, bag FROM attachment WHERE mailbox_id = $1 AND attachment_id = $2;
INSERT INTO folder (mailbox_id, folder_id, parent_id, name, name_key, role, container_class, hidden, search_folder, cn, created_ms, modified_ms, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, 1, $10, 0, 0, 0, 0);
INSERT INTO folder_permission (mailbox_id, folder_id, member_id, rights) SELECT mailbox_id, $3, member_id, rights FROM folder_permission WHERE mailbox_id = $1 AND folder_id = $2;
INSERT INTO message (mailbox_id, item_id, message_id, folder_id, uid, associated, flags, keywords, cn, read_cn, mod_seq, size_bytes, internal_ms, saved_ms, content_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $9, $10, $11, $12, $13);
INSERT INTO message_detail (mailbox_id, item_id, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, bag) SELECT mailbox_id, $3, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, bag FROM message_detail WHERE mailbox_id = $1 AND item_id = $2;
INSERT INTO message_detail (mailbox_id, item_id, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, owner_attachment_id, bag) SELECT mailbox_id, $3, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, $4, bag FROM message_detail WHERE mailbox_id = $1 AND item_id = $2;
INSERT INTO recipient (mailbox_id, item_id, row_id, kind, display_name, address_type, address, bag) SELECT mailbox_id, $3, row_id, kind, display_name, address_type, address, bag FROM recipient WHERE mailbox_id = $1 AND item_id = $2;
SELECT COUNT(*) AS n FROM folder WHERE mailbox_id = $1;
SELECT attachment_id, content_id, embedded_item_id FROM attachment WHERE mailbox_id = $1 AND item_id = $2;
SELECT folder_id FROM folder WHERE mailbox_id = $1 AND parent_id = $2 AND name_key = $3;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND parent_id = $2 ORDER BY folder_id;
SELECT m.item_id, m.message_id, m.uid, m.flags, m.keywords, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, m.content_id FROM message m WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4 ORDER BY m.uid LIMIT $5;
SELECT parent_id FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT size_bytes FROM mailbox WHERE mailbox_id = $1;
UPDATE content SET refs = refs + 1 WHERE mailbox_id = $1 AND content_id = $2;
UPDATE folder SET message_count = message_count + $3, unread_count = unread_count + $4, associated_count = associated_count + $5, size_bytes = size_bytes + $6, uid_next = uid_next + $7, highest_cn = $8 WHERE mailbox_id = $1 AND folder_id = $2 RETURNING uid_next;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE mailbox SET message_count = message_count + $2, size_bytes = size_bytes + $3 WHERE mailbox_id = $1;
UPDATE mailbox SET next_counter = next_counter + $2 WHERE mailbox_id = $1 RETURNING next_counter AS next;
UPDATE mailbox SET next_item = next_item + $2 WHERE mailbox_id = $1 RETURNING next_item AS next;
UPDATE mailbox SET next_uid_validity = next_uid_validity + 1 WHERE mailbox_id = $1 RETURNING next_uid_validity AS next;

-- mailbox.copyMessages
INSERT INTO attachment (mailbox_id, attachment_id, item_id, number, method, file_name, size_bytes, content_id, embedded_item_id, bag) SELECT mailbox_id, $3, $4, number, method, file_name, size_bytes, content_id, $5, bag FROM attachment WHERE mailbox_id = $1 AND attachment_id = $2;
INSERT INTO message (mailbox_id, item_id, message_id, folder_id, uid, associated, flags, keywords, cn, read_cn, mod_seq, size_bytes, internal_ms, saved_ms, content_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $9, $10, $11, $12, $13);
INSERT INTO message_detail (mailbox_id, item_id, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, bag) SELECT mailbox_id, $3, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, bag FROM message_detail WHERE mailbox_id = $1 AND item_id = $2;
INSERT INTO message_detail (mailbox_id, item_id, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, owner_attachment_id, bag) SELECT mailbox_id, $3, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, $4, bag FROM message_detail WHERE mailbox_id = $1 AND item_id = $2;
INSERT INTO recipient (mailbox_id, item_id, row_id, kind, display_name, address_type, address, bag) SELECT mailbox_id, $3, row_id, kind, display_name, address_type, address, bag FROM recipient WHERE mailbox_id = $1 AND item_id = $2;
SELECT attachment_id, content_id, embedded_item_id FROM attachment WHERE mailbox_id = $1 AND item_id = $2;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT m.item_id, m.message_id, m.uid, m.flags, m.keywords, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, m.content_id FROM message m WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4 ORDER BY m.uid LIMIT $5;
SELECT size_bytes FROM mailbox WHERE mailbox_id = $1;
UPDATE content SET refs = refs + 1 WHERE mailbox_id = $1 AND content_id = $2;
UPDATE folder SET message_count = message_count + $3, unread_count = unread_count + $4, associated_count = associated_count + $5, size_bytes = size_bytes + $6, uid_next = uid_next + $7, highest_cn = $8 WHERE mailbox_id = $1 AND folder_id = $2 RETURNING uid_next;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE mailbox SET message_count = message_count + $2, size_bytes = size_bytes + $3 WHERE mailbox_id = $1;
UPDATE mailbox SET next_counter = next_counter + $2 WHERE mailbox_id = $1 RETURNING next_counter AS next;
UPDATE mailbox SET next_item = next_item + $2 WHERE mailbox_id = $1 RETURNING next_item AS next;

-- mailbox.createFolder
INSERT INTO folder (mailbox_id, folder_id, parent_id, name, name_key, role, container_class, hidden, search_folder, cn, created_ms, modified_ms, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, 1, $10, 0, 0, 0, 0);
INSERT INTO folder_permission (mailbox_id, folder_id, member_id, rights) SELECT mailbox_id, $3, member_id, rights FROM folder_permission WHERE mailbox_id = $1 AND folder_id = $2;
SELECT COUNT(*) AS n FROM folder WHERE mailbox_id = $1;
SELECT folder_id FROM folder WHERE mailbox_id = $1 AND parent_id = $2 AND name_key = $3;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT parent_id FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE mailbox SET next_counter = next_counter + $2 WHERE mailbox_id = $1 RETURNING next_counter AS next;
UPDATE mailbox SET next_uid_validity = next_uid_validity + 1 WHERE mailbox_id = $1 RETURNING next_uid_validity AS next;

-- mailbox.createItem
INSERT INTO attachment (mailbox_id, attachment_id, item_id, number, method, file_name, size_bytes, content_id, embedded_item_id, bag) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);
INSERT INTO content (mailbox_id, content_id, refs, size_bytes, hash, bytes) VALUES ($1, $2, 1, $3, $4, $5);
INSERT INTO message (mailbox_id, item_id, message_id, folder_id, uid, associated, flags, keywords, cn, read_cn, mod_seq, size_bytes, internal_ms, saved_ms, content_id) VALUES ($1, $2, $3, $4, $5, $6, $7, NULL, $8, $8, $8, $9, $10, $11, NULL);
INSERT INTO message_detail (mailbox_id, item_id, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, owner_attachment_id, bag) VALUES ($1, $2, $3, $4, $4, '', '', NULL, '', '', $5, 1, '', $6, $7);
INSERT INTO recipient (mailbox_id, item_id, row_id, kind, display_name, address_type, address, bag) VALUES ($1, $2, $3, $4, $5, $6, $7, $8);
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT size_bytes FROM mailbox WHERE mailbox_id = $1;
UPDATE folder SET message_count = message_count + $3, unread_count = unread_count + $4, associated_count = associated_count + $5, size_bytes = size_bytes + $6, uid_next = uid_next + $7, highest_cn = $8 WHERE mailbox_id = $1 AND folder_id = $2 RETURNING uid_next;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE mailbox SET message_count = message_count + $2, size_bytes = size_bytes + $3 WHERE mailbox_id = $1;
UPDATE mailbox SET next_content = next_content + 1 WHERE mailbox_id = $1 RETURNING next_content AS next;
UPDATE mailbox SET next_counter = next_counter + $2 WHERE mailbox_id = $1 RETURNING next_counter AS next;
UPDATE mailbox SET next_item = next_item + $2 WHERE mailbox_id = $1 RETURNING next_item AS next;

-- mailbox.deleteFolder
DELETE FROM attachment WHERE mailbox_id = $1 AND item_id = $2;
DELETE FROM content WHERE mailbox_id = $1 AND content_id = $2;
DELETE FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
DELETE FROM folder_permission WHERE mailbox_id = $1 AND folder_id = $2;
DELETE FROM message WHERE mailbox_id = $1 AND item_id = $2;
DELETE FROM message_detail WHERE mailbox_id = $1 AND item_id = $2;
DELETE FROM message_text WHERE mailbox_id = $1 AND content_id = $2;
DELETE FROM mime WHERE mailbox_id = $1 AND content_id = $2;
DELETE FROM recipient WHERE mailbox_id = $1 AND item_id = $2;
DELETE FROM tombstone WHERE mailbox_id = $1 AND folder_id = $2 AND kind <> 2;
INSERT INTO tombstone (mailbox_id, kind, object_id, folder_id, uid, cn) VALUES ($1, $2, $3, $4, $5, $6);
SELECT attachment_id, content_id, embedded_item_id FROM attachment WHERE mailbox_id = $1 AND item_id = $2;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND parent_id = $2 ORDER BY folder_id;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND role = $2;
SELECT item_id, content_id, size_bytes FROM message WHERE mailbox_id = $1 AND folder_id = $2 AND associated = 1;
SELECT m.item_id, m.message_id, m.uid, m.flags, m.keywords, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, m.content_id FROM message m WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4 ORDER BY m.uid LIMIT $5;
UPDATE content SET refs = refs - 1 WHERE mailbox_id = $1 AND content_id = $2 RETURNING refs;
UPDATE folder SET message_count = message_count + $3, unread_count = unread_count + $4, associated_count = associated_count + $5, size_bytes = size_bytes + $6, uid_next = uid_next + $7, highest_cn = $8 WHERE mailbox_id = $1 AND folder_id = $2 RETURNING uid_next;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE mailbox SET message_count = message_count + $2, size_bytes = size_bytes + $3 WHERE mailbox_id = $1;
UPDATE mailbox SET next_counter = next_counter + $2 WHERE mailbox_id = $1 RETURNING next_counter AS next;
UPDATE message SET message_id = $3, folder_id = $4, uid = $5, flags = $6, cn = $7, read_cn = $7, mod_seq = $7, saved_ms = $8 WHERE mailbox_id = $1 AND item_id = $2;
UPDATE message_detail SET deleted_from_id = $3 WHERE mailbox_id = $1 AND item_id = $2;

-- mailbox.forgetDeliveries
DELETE FROM delivery WHERE mailbox_id = $1 AND delivered_ms < $2;

-- mailbox.insertMessage
INSERT INTO content (mailbox_id, content_id, refs, size_bytes, hash, bytes) VALUES ($1, $2, 1, $3, $4, $5);
INSERT INTO delivery (mailbox_id, delivery_id, delivered_ms) VALUES ($1, $2, $3);
INSERT INTO message (mailbox_id, item_id, message_id, folder_id, uid, associated, flags, keywords, cn, read_cn, mod_seq, size_bytes, internal_ms, saved_ms, content_id) VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8, $8, $8, $9, $10, $11, $12);
INSERT INTO message_detail (mailbox_id, item_id, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13);
INSERT INTO message_text (mailbox_id, content_id, document) VALUES ($1, $2, setweight(to_tsvector('simple', $3), 'A') || setweight(to_tsvector('simple', $4), 'B') || setweight(to_tsvector('simple', $5), 'C') || setweight(to_tsvector('simple', $6), 'D'));
INSERT INTO mime (mailbox_id, content_id, mime_index) VALUES ($1, $2, $3);
SELECT 1 AS found FROM delivery WHERE mailbox_id = $1 AND delivery_id = $2;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND role = $2;
SELECT size_bytes FROM mailbox WHERE mailbox_id = $1;
UPDATE folder SET message_count = message_count + $3, unread_count = unread_count + $4, associated_count = associated_count + $5, size_bytes = size_bytes + $6, uid_next = uid_next + $7, highest_cn = $8 WHERE mailbox_id = $1 AND folder_id = $2 RETURNING uid_next;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE mailbox SET message_count = message_count + $2, size_bytes = size_bytes + $3 WHERE mailbox_id = $1;
UPDATE mailbox SET next_content = next_content + 1 WHERE mailbox_id = $1 RETURNING next_content AS next;
UPDATE mailbox SET next_counter = next_counter + $2 WHERE mailbox_id = $1 RETURNING next_counter AS next;
UPDATE mailbox SET next_item = next_item + $2 WHERE mailbox_id = $1 RETURNING next_item AS next;

-- mailbox.moveFolder
SELECT folder_id FROM folder WHERE mailbox_id = $1 AND parent_id = $2 AND name_key = $3;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT parent_id FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
UPDATE folder SET parent_id = $3, name = $4, name_key = $5, cn = $6, modified_ms = $7 WHERE mailbox_id = $1 AND folder_id = $2;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;

-- mailbox.moveMessages
INSERT INTO tombstone (mailbox_id, kind, object_id, folder_id, uid, cn) VALUES ($1, $2, $3, $4, $5, $6);
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT m.item_id, m.message_id, m.uid, m.flags, m.keywords, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, m.content_id FROM message m WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4 ORDER BY m.uid LIMIT $5;
UPDATE folder SET message_count = message_count + $3, unread_count = unread_count + $4, associated_count = associated_count + $5, size_bytes = size_bytes + $6, uid_next = uid_next + $7, highest_cn = $8 WHERE mailbox_id = $1 AND folder_id = $2 RETURNING uid_next;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE mailbox SET next_counter = next_counter + $2 WHERE mailbox_id = $1 RETURNING next_counter AS next;
UPDATE message SET message_id = $3, folder_id = $4, uid = $5, flags = $6, cn = $7, read_cn = $7, mod_seq = $7, saved_ms = $8 WHERE mailbox_id = $1 AND item_id = $2;
UPDATE message_detail SET deleted_from_id = $3 WHERE mailbox_id = $1 AND item_id = $2;

-- mailbox.provision
INSERT INTO folder (mailbox_id, folder_id, parent_id, name, name_key, role, container_class, hidden, search_folder, cn, created_ms, modified_ms, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, 1, $10, 0, 0, 0, 0);
INSERT INTO folder_permission (mailbox_id, folder_id, member_id, rights) VALUES ($1, $2, 0, $3) ON CONFLICT DO NOTHING;
INSERT INTO mailbox (mailbox_id, guid, replica_guid, language, created_ms, cn, next_counter, next_item, next_content, next_uid_validity, next_property_id, message_count, size_bytes) VALUES ($1, $2, $3, $4, $5, 0, 1, 1, 1, $6, 32768, 0, 0) ON CONFLICT (mailbox_id) DO NOTHING;
INSERT INTO replica (mailbox_id, replica_id, guid) VALUES ($1, 1, $2) ON CONFLICT DO NOTHING;
INSERT INTO subscription (mailbox_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING;
SELECT 1 AS found FROM subscription WHERE mailbox_id = $1;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 ORDER BY folder_id;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE mailbox SET next_counter = next_counter + $2 WHERE mailbox_id = $1 RETURNING next_counter AS next;
UPDATE mailbox SET next_uid_validity = next_uid_validity + 1 WHERE mailbox_id = $1 RETURNING next_uid_validity AS next;

-- mailbox.purgeRemoved
DELETE FROM content WHERE mailbox_id = $1 AND content_id = $2;
DELETE FROM message WHERE mailbox_id = $1 AND item_id = $2;
DELETE FROM message_detail WHERE mailbox_id = $1 AND item_id = $2;
DELETE FROM message_text WHERE mailbox_id = $1 AND content_id = $2;
DELETE FROM mime WHERE mailbox_id = $1 AND content_id = $2;
DELETE FROM recipient WHERE mailbox_id = $1 AND item_id = $2;
INSERT INTO tombstone (mailbox_id, kind, object_id, folder_id, uid, cn) VALUES ($1, $2, $3, $4, $5, $6);
SELECT attachment_id, content_id, embedded_item_id FROM attachment WHERE mailbox_id = $1 AND item_id = $2;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND role = $2;
SELECT m.item_id, m.message_id, m.uid, m.flags, m.keywords, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, m.content_id FROM message m WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.saved_ms < $3 ORDER BY m.uid LIMIT $4;
UPDATE content SET refs = refs - 1 WHERE mailbox_id = $1 AND content_id = $2 RETURNING refs;
UPDATE folder SET message_count = message_count + $3, unread_count = unread_count + $4, associated_count = associated_count + $5, size_bytes = size_bytes + $6, uid_next = uid_next + $7, highest_cn = $8 WHERE mailbox_id = $1 AND folder_id = $2 RETURNING uid_next;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE mailbox SET message_count = message_count + $2, size_bytes = size_bytes + $3 WHERE mailbox_id = $1;

-- mailbox.removeMessages
DELETE FROM attachment WHERE mailbox_id = $1 AND item_id = $2;
DELETE FROM message WHERE mailbox_id = $1 AND item_id = $2;
DELETE FROM message_detail WHERE mailbox_id = $1 AND item_id = $2;
DELETE FROM recipient WHERE mailbox_id = $1 AND item_id = $2;
INSERT INTO tombstone (mailbox_id, kind, object_id, folder_id, uid, cn) VALUES ($1, $2, $3, $4, $5, $6);
SELECT attachment_id, content_id, embedded_item_id FROM attachment WHERE mailbox_id = $1 AND item_id = $2;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND role = $2;
SELECT m.item_id, m.message_id, m.uid, m.flags, m.keywords, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, m.content_id FROM message m WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4 ORDER BY m.uid LIMIT $5;
UPDATE content SET refs = refs - 1 WHERE mailbox_id = $1 AND content_id = $2 RETURNING refs;
UPDATE folder SET message_count = message_count + $3, unread_count = unread_count + $4, associated_count = associated_count + $5, size_bytes = size_bytes + $6, uid_next = uid_next + $7, highest_cn = $8 WHERE mailbox_id = $1 AND folder_id = $2 RETURNING uid_next;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE mailbox SET message_count = message_count + $2, size_bytes = size_bytes + $3 WHERE mailbox_id = $1;
UPDATE mailbox SET next_counter = next_counter + $2 WHERE mailbox_id = $1 RETURNING next_counter AS next;
UPDATE message SET message_id = $3, folder_id = $4, uid = $5, flags = $6, cn = $7, read_cn = $7, mod_seq = $7, saved_ms = $8 WHERE mailbox_id = $1 AND item_id = $2;
UPDATE message_detail SET deleted_from_id = $3 WHERE mailbox_id = $1 AND item_id = $2;

-- mailbox.setFlags
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT m.item_id, m.message_id, m.uid, m.flags, m.keywords, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, m.content_id FROM message m WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4 ORDER BY m.uid LIMIT $5;
UPDATE folder SET message_count = message_count + $3, unread_count = unread_count + $4, associated_count = associated_count + $5, size_bytes = size_bytes + $6, uid_next = uid_next + $7, highest_cn = $8 WHERE mailbox_id = $1 AND folder_id = $2 RETURNING uid_next;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE message SET flags = $3, keywords = $4, mod_seq = $5, cn = $5 , read_cn = $5 WHERE mailbox_id = $1 AND item_id = $2;
UPDATE message SET flags = $3, keywords = $4, mod_seq = $5, cn = $5 WHERE mailbox_id = $1 AND item_id = $2;
UPDATE message SET flags = $3, keywords = $4, mod_seq = $5, read_cn = $5 WHERE mailbox_id = $1 AND item_id = $2;

-- mailbox.setPermission
DELETE FROM folder_permission WHERE mailbox_id = $1 AND folder_id = $2 AND member_id = $3;
INSERT INTO folder_permission (mailbox_id, folder_id, member_id, rights) VALUES ($1, $2, $3, $4) ON CONFLICT (mailbox_id, folder_id, member_id) DO UPDATE SET rights = excluded.rights;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
UPDATE folder SET cn = $3 WHERE mailbox_id = $1 AND folder_id = $2;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;

-- mailbox.setSubscription
DELETE FROM subscription WHERE mailbox_id = $1 AND name = $2;
INSERT INTO subscription (mailbox_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING;
SELECT COUNT(*) AS n FROM subscription WHERE mailbox_id = $1;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;

-- mailbox.takePropertyIds
INSERT INTO named_property (mailbox_id, property_id, property_set, lid, name) VALUES ($1, $2, $3, $4, $5);
SELECT property_id FROM named_property WHERE mailbox_id = $1 AND property_set = $2 AND lid = $3 AND name = $4;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE mailbox SET next_property_id = next_property_id + 1 WHERE mailbox_id = $1 RETURNING next_property_id AS next;

-- reads
SELECT attachment_id, method, file_name, size_bytes, bag, content_id, embedded_item_id FROM attachment WHERE mailbox_id = $1 AND item_id = $2 ORDER BY number;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT kind, display_name, address_type, address, bag FROM recipient WHERE mailbox_id = $1 AND item_id = $2 ORDER BY row_id;
SELECT m.item_id, m.message_id, m.uid, m.flags, m.keywords, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, m.content_id FROM message m WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND (m.mod_seq > $3 OR (m.mod_seq = $3 AND m.uid > $4)) ORDER BY m.mod_seq, m.uid LIMIT $5;
SELECT m.item_id, m.message_id, m.uid, m.flags, m.keywords, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, m.content_id FROM message m WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4 ORDER BY m.uid LIMIT $5;
SELECT m.uid FROM message_text t JOIN message m ON m.mailbox_id = t.mailbox_id AND m.content_id = t.content_id WHERE t.document @@ plainto_tsquery('simple', $3) AND m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 ORDER BY m.uid;
SELECT message_class, subject, bag FROM message_detail WHERE mailbox_id = $1 AND item_id = $2;
SELECT property_id FROM named_property WHERE mailbox_id = $1 AND property_set = $2 AND lid = $3 AND name = $4;
SELECT property_set, lid, name FROM named_property WHERE mailbox_id = $1 AND property_id = $2;
SELECT string_agg(CAST(uid AS TEXT), ',') AS list FROM ( SELECT uid FROM message WHERE mailbox_id = $1 AND folder_id = $2 AND associated = 0 AND uid > $3 AND uid <= $4 ORDER BY uid LIMIT $5) AS slice;
SELECT uid FROM tombstone WHERE mailbox_id = $1 AND folder_id = $2 AND kind = 1 AND cn > $3 ORDER BY uid;
