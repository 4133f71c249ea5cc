-- mailbox.copyFolder
INSERT INTO attachment (mailbox_id, attachment_id, item_id, number, method, file_name, size_bytes, content_id, embedded_item_id, bag) SELECT mailbox_id, $3, $4, number, method, file_name, size_bytes, content_id, $5, bag FROM attachment WHERE mailbox_id = $1 AND attachment_id = $2;
INSERT INTO folder (mailbox_id, folder_id, parent_id, name, name_key, role, container_class, hidden, search_folder, cn, created_ms, modified_ms, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, 1, $10, 0, 0, 0, 0);
INSERT INTO folder_permission (mailbox_id, folder_id, member_id, rights) SELECT mailbox_id, $3, member_id, rights FROM folder_permission WHERE mailbox_id = $1 AND folder_id = $2;
INSERT INTO message (mailbox_id, item_id, message_id, folder_id, uid, associated, flags, keywords, cn, read_cn, mod_seq, size_bytes, internal_ms, saved_ms, content_id) SELECT m.mailbox_id, $3 + list.position, $4 + list.position, $5, $6 + list.position, $7, m.flags, m.keywords, $8, $8, $8, m.size_bytes, m.internal_ms, $9, m.content_id FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list CROSS JOIN message m WHERE m.mailbox_id = $1 AND m.item_id = list.value ORDER BY list.position;
INSERT INTO message_detail (mailbox_id, item_id, owner_attachment_id, creator_id, came_from_id, came_from_folder_id, came_by, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, bag, origin, sensitivity, display_to, display_cc, conversation_key, item_size_bytes, modified_ms, extras, trouble) SELECT d.mailbox_id, $3 + list.position, NULL, $4, m.message_id, m.folder_id, $5, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, bag, origin, sensitivity, display_to, display_cc, conversation_key, item_size_bytes, modified_ms, extras, trouble FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list CROSS JOIN message m CROSS JOIN message_detail d WHERE m.mailbox_id = $1 AND m.item_id = list.value AND d.mailbox_id = $1 AND d.item_id = list.value ORDER BY list.position;
INSERT INTO message_detail (mailbox_id, item_id, owner_attachment_id, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, bag, origin, sensitivity, display_to, display_cc, conversation_key, item_size_bytes, modified_ms, extras, trouble) SELECT mailbox_id, $3, $4, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, bag, origin, sensitivity, display_to, display_cc, conversation_key, item_size_bytes, modified_ms, extras, trouble FROM message_detail WHERE mailbox_id = $1 AND item_id = $2 RETURNING extras;
INSERT INTO recipient (mailbox_id, item_id, row_id, kind, display_name, address_type, address, bag) SELECT mailbox_id, $3, row_id, kind, display_name, address_type, address, bag FROM recipient WHERE mailbox_id = $1 AND item_id = $2;
SELECT COUNT(*) AS n FROM folder WHERE mailbox_id = $1;
SELECT attachment_id, number, content_id, embedded_item_id FROM attachment WHERE mailbox_id = $1 AND item_id = $2;
SELECT b.size_bytes, b.message_count, COALESCE(SUM(f.message_count + f.associated_count), 0) AS removed, COALESCE(SUM(f.size_bytes), 0) AS removed_bytes FROM mailbox b LEFT JOIN folder f ON f.mailbox_id = b.mailbox_id AND f.role LIKE 'recoverable%' WHERE b.mailbox_id = $1 GROUP BY b.mailbox_id, b.size_bytes, b.message_count;
SELECT bag FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT d.item_id, list.position, d.extras FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list CROSS JOIN message_detail d WHERE d.mailbox_id = $1 AND d.item_id = list.value AND (d.origin <> 0 OR (d.extras & 7) <> 0 OR EXISTS (SELECT 1 FROM recipient r WHERE r.mailbox_id = $1 AND r.item_id = d.item_id) OR EXISTS (SELECT 1 FROM attachment a WHERE a.mailbox_id = $1 AND a.item_id = d.item_id)) ORDER BY list.position;
SELECT folder_id FROM folder WHERE mailbox_id = $1 AND parent_id = $2 AND name_key = $3;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND parent_id = $2 ORDER BY folder_id;
SELECT m.item_id, m.message_id, m.uid, m.flags, m.keywords, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, m.content_id FROM message m WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4 AND m.flags & $6 = $6 ORDER BY m.uid LIMIT $5;
SELECT parent_id FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT size_bytes FROM mailbox WHERE mailbox_id = $1;
UPDATE folder SET message_count = message_count + $3, unread_count = unread_count + $4, associated_count = associated_count + $5, size_bytes = size_bytes + $6, uid_next = uid_next + $7, highest_cn = $8 WHERE mailbox_id = $1 AND folder_id = $2 RETURNING uid_next;
UPDATE mailbox SET access_cn = $2 WHERE mailbox_id = $1;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE mailbox SET message_count = message_count + $2, size_bytes = size_bytes + $3 WHERE mailbox_id = $1;
UPDATE mailbox SET next_counter = next_counter + $2 WHERE mailbox_id = $1 RETURNING next_counter AS next;
UPDATE mailbox SET next_item = next_item + $2 WHERE mailbox_id = $1 RETURNING next_item AS next;
UPDATE mailbox SET next_uid_validity = next_uid_validity + 1 WHERE mailbox_id = $1 RETURNING next_uid_validity AS next;

-- mailbox.copyItems
INSERT INTO attachment (mailbox_id, attachment_id, item_id, number, method, file_name, size_bytes, content_id, embedded_item_id, bag) SELECT mailbox_id, $3, $4, number, method, file_name, size_bytes, content_id, $5, bag FROM attachment WHERE mailbox_id = $1 AND attachment_id = $2;
INSERT INTO item_time (mailbox_id, item_id, start_ms, end_ms, recurring, busy_status, global_object_id, reminder_ms) SELECT mailbox_id, $3, start_ms, end_ms, recurring, busy_status, global_object_id, reminder_ms FROM item_time WHERE mailbox_id = $1 AND item_id = $2;
INSERT INTO item_value (mailbox_id, item_id, property_tag, value) SELECT mailbox_id, $3, property_tag, value FROM item_value WHERE mailbox_id = $1 AND item_id = $2;
INSERT INTO message (mailbox_id, item_id, message_id, folder_id, uid, associated, flags, keywords, cn, read_cn, mod_seq, size_bytes, internal_ms, saved_ms, content_id) SELECT m.mailbox_id, $3 + list.position, $4 + list.position, $5, $6 + list.position, $7, m.flags, m.keywords, $8, $8, $8, m.size_bytes, m.internal_ms, $9, m.content_id FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list CROSS JOIN message m WHERE m.mailbox_id = $1 AND m.item_id = list.value ORDER BY list.position;
INSERT INTO message_detail (mailbox_id, item_id, owner_attachment_id, creator_id, came_from_id, came_from_folder_id, came_by, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, bag, origin, sensitivity, display_to, display_cc, conversation_key, item_size_bytes, modified_ms, extras, trouble) SELECT d.mailbox_id, $3 + list.position, NULL, $4, m.message_id, m.folder_id, $5, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, bag, origin, sensitivity, display_to, display_cc, conversation_key, item_size_bytes, modified_ms, extras, trouble FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list CROSS JOIN message m CROSS JOIN message_detail d WHERE m.mailbox_id = $1 AND m.item_id = list.value AND d.mailbox_id = $1 AND d.item_id = list.value ORDER BY list.position;
INSERT INTO message_detail (mailbox_id, item_id, owner_attachment_id, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, bag, origin, sensitivity, display_to, display_cc, conversation_key, item_size_bytes, modified_ms, extras, trouble) SELECT mailbox_id, $3, $4, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, bag, origin, sensitivity, display_to, display_cc, conversation_key, item_size_bytes, modified_ms, extras, trouble FROM message_detail WHERE mailbox_id = $1 AND item_id = $2 RETURNING extras;
INSERT INTO message_text (mailbox_id, content_id, document) VALUES ($1, $2, setweight(to_tsvector('simple', $3), 'A') || setweight(to_tsvector('simple', $4), 'B') || setweight(to_tsvector('simple', $5), 'C') || setweight(to_tsvector('simple', $6), 'D'));
INSERT INTO recipient (mailbox_id, item_id, row_id, kind, display_name, address_type, address, bag) SELECT mailbox_id, $3, row_id, kind, display_name, address_type, address, bag FROM recipient WHERE mailbox_id = $1 AND item_id = $2;
SELECT attachment_id, number, content_id, embedded_item_id FROM attachment WHERE mailbox_id = $1 AND item_id = $2;
SELECT bag, extras FROM message_detail WHERE mailbox_id = $1 AND item_id = $2;
SELECT d.item_id, list.position, d.extras FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list CROSS JOIN message_detail d WHERE d.mailbox_id = $1 AND d.item_id = list.value AND (d.origin <> 0 OR (d.extras & 7) <> 0 OR EXISTS (SELECT 1 FROM recipient r WHERE r.mailbox_id = $1 AND r.item_id = d.item_id) OR EXISTS (SELECT 1 FROM attachment a WHERE a.mailbox_id = $1 AND a.item_id = d.item_id)) ORDER BY list.position;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT kind, display_name, address_type, address, bag FROM recipient WHERE mailbox_id = $1 AND item_id = $2 ORDER BY row_id;
SELECT m.item_id, m.message_id, m.uid, m.flags, m.keywords, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, m.content_id, m.folder_id, m.associated FROM message m WHERE m.mailbox_id = $1 AND m.message_id = $2;
SELECT number, method, file_name, size_bytes, bag, content_id, embedded_item_id FROM attachment WHERE mailbox_id = $1 AND item_id = $2 ORDER BY number;
SELECT property_id, property_set, lid, name FROM named_property WHERE mailbox_id = $1;
SELECT size_bytes FROM mailbox WHERE mailbox_id = $1;
SELECT uid, message_id FROM message WHERE mailbox_id = $1 AND folder_id = $2 AND associated = $3 AND uid BETWEEN $4 AND $5;
SELECT value FROM item_value WHERE mailbox_id = $1 AND item_id = $2 ORDER BY property_tag;
UPDATE folder SET message_count = message_count + $3, unread_count = unread_count + $4, associated_count = associated_count + $5, size_bytes = size_bytes + $6, uid_next = uid_next + $7, highest_cn = $8 WHERE mailbox_id = $1 AND folder_id = $2 RETURNING uid_next;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE mailbox SET message_count = message_count + $2, size_bytes = size_bytes + $3 WHERE mailbox_id = $1;
UPDATE mailbox SET next_counter = next_counter + $2 WHERE mailbox_id = $1 RETURNING next_counter AS next;
UPDATE mailbox SET next_item = next_item + $2 WHERE mailbox_id = $1 RETURNING next_item AS next;

-- mailbox.copyMessages
INSERT INTO attachment (mailbox_id, attachment_id, item_id, number, method, file_name, size_bytes, content_id, embedded_item_id, bag) SELECT mailbox_id, $3, $4, number, method, file_name, size_bytes, content_id, $5, bag FROM attachment WHERE mailbox_id = $1 AND attachment_id = $2;
INSERT INTO message (mailbox_id, item_id, message_id, folder_id, uid, associated, flags, keywords, cn, read_cn, mod_seq, size_bytes, internal_ms, saved_ms, content_id) SELECT m.mailbox_id, $3 + list.position, $4 + list.position, $5, $6 + list.position, $7, m.flags, m.keywords, $8, $8, $8, m.size_bytes, m.internal_ms, $9, m.content_id FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list CROSS JOIN message m WHERE m.mailbox_id = $1 AND m.item_id = list.value ORDER BY list.position;
INSERT INTO message_detail (mailbox_id, item_id, owner_attachment_id, creator_id, came_from_id, came_from_folder_id, came_by, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, bag, origin, sensitivity, display_to, display_cc, conversation_key, item_size_bytes, modified_ms, extras, trouble) SELECT d.mailbox_id, $3 + list.position, NULL, $4, m.message_id, m.folder_id, $5, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, bag, origin, sensitivity, display_to, display_cc, conversation_key, item_size_bytes, modified_ms, extras, trouble FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list CROSS JOIN message m CROSS JOIN message_detail d WHERE m.mailbox_id = $1 AND m.item_id = list.value AND d.mailbox_id = $1 AND d.item_id = list.value ORDER BY list.position;
INSERT INTO message_detail (mailbox_id, item_id, owner_attachment_id, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, bag, origin, sensitivity, display_to, display_cc, conversation_key, item_size_bytes, modified_ms, extras, trouble) SELECT mailbox_id, $3, $4, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, bag, origin, sensitivity, display_to, display_cc, conversation_key, item_size_bytes, modified_ms, extras, trouble FROM message_detail WHERE mailbox_id = $1 AND item_id = $2 RETURNING extras;
INSERT INTO recipient (mailbox_id, item_id, row_id, kind, display_name, address_type, address, bag) SELECT mailbox_id, $3, row_id, kind, display_name, address_type, address, bag FROM recipient WHERE mailbox_id = $1 AND item_id = $2;
SELECT attachment_id, number, content_id, embedded_item_id FROM attachment WHERE mailbox_id = $1 AND item_id = $2;
SELECT d.item_id, list.position, d.extras FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list CROSS JOIN message_detail d WHERE d.mailbox_id = $1 AND d.item_id = list.value AND (d.origin <> 0 OR (d.extras & 7) <> 0 OR EXISTS (SELECT 1 FROM recipient r WHERE r.mailbox_id = $1 AND r.item_id = d.item_id) OR EXISTS (SELECT 1 FROM attachment a WHERE a.mailbox_id = $1 AND a.item_id = d.item_id)) ORDER BY list.position;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT m.item_id, m.message_id, m.uid, m.flags, m.keywords, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, m.content_id FROM message m WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4 AND m.flags & $6 = $6 ORDER BY m.uid LIMIT $5;
SELECT size_bytes FROM mailbox WHERE mailbox_id = $1;
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
UPDATE mailbox SET access_cn = $2 WHERE mailbox_id = $1;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE mailbox SET next_counter = next_counter + $2 WHERE mailbox_id = $1 RETURNING next_counter AS next;
UPDATE mailbox SET next_uid_validity = next_uid_validity + 1 WHERE mailbox_id = $1 RETURNING next_uid_validity AS next;

-- mailbox.createItem
INSERT INTO attachment (mailbox_id, attachment_id, item_id, number, method, file_name, size_bytes, content_id, embedded_item_id, bag) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);
INSERT INTO content (mailbox_id, content_id, refs, size_bytes, hash, bytes) VALUES ($1, $2, 1, $3, $4, $5);
INSERT INTO item_time (mailbox_id, item_id, start_ms, end_ms, recurring, busy_status, global_object_id, reminder_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (mailbox_id, item_id) DO UPDATE SET start_ms = excluded.start_ms, end_ms = excluded.end_ms, recurring = excluded.recurring, busy_status = excluded.busy_status, global_object_id = excluded.global_object_id, reminder_ms = excluded.reminder_ms;
INSERT INTO item_value (mailbox_id, item_id, property_tag, value) VALUES ($1, $2, $3, $4);
INSERT INTO message (mailbox_id, item_id, message_id, folder_id, uid, associated, flags, keywords, cn, read_cn, mod_seq, size_bytes, internal_ms, saved_ms, content_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $9, $9, $10, $11, $12, NULL);
INSERT INTO message_detail (mailbox_id, item_id, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, owner_attachment_id, bag, origin, sensitivity, display_to, display_cc, conversation_key, item_size_bytes, modified_ms, extras) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24);
INSERT INTO message_text (mailbox_id, content_id, document) VALUES ($1, $2, setweight(to_tsvector('simple', $3), 'A') || setweight(to_tsvector('simple', $4), 'B') || setweight(to_tsvector('simple', $5), 'C') || setweight(to_tsvector('simple', $6), 'D'));
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
DELETE FROM annotation WHERE mailbox_id = $1 AND folder_id = $2;
DELETE FROM attachment WHERE mailbox_id = $1 AND attachment_id = $2;
DELETE FROM content WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element)) AND NOT EXISTS (SELECT 1 FROM message m WHERE m.mailbox_id = $1 AND m.content_id = content.content_id) AND NOT EXISTS (SELECT 1 FROM attachment a WHERE a.mailbox_id = $1 AND a.content_id = content.content_id) RETURNING content_id;
DELETE FROM content_fields WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM content_grams WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM content_keys WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
DELETE FROM folder_permission WHERE mailbox_id = $1 AND folder_id = $2;
DELETE FROM folder_retention WHERE mailbox_id = $1 AND folder_id = $2;
DELETE FROM message WHERE mailbox_id = $1 AND item_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM message_detail WHERE mailbox_id = $1 AND item_id = $2 RETURNING extras;
DELETE FROM message_detail WHERE mailbox_id = $1 AND item_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM message_text WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM mime WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM reader_folder WHERE mailbox_id = $1 AND folder_id = $2;
DELETE FROM recipient WHERE mailbox_id = $1 AND item_id = $2;
DELETE FROM tombstone WHERE mailbox_id = $1 AND folder_id = $2 AND kind <> 2;
INSERT INTO tombstone (mailbox_id, kind, object_id, folder_id, uid, cn) SELECT m.mailbox_id, $3, m.message_id, m.folder_id, m.uid, $4 FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list CROSS JOIN message m WHERE m.mailbox_id = $1 AND m.item_id = list.value;
INSERT INTO tombstone (mailbox_id, kind, object_id, folder_id, uid, cn) VALUES ($1, $2, $3, $4, $5, $6);
SELECT attachment_id, number, content_id, embedded_item_id FROM attachment WHERE mailbox_id = $1 AND item_id = $2;
SELECT d.item_id, list.position, d.extras FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list CROSS JOIN message_detail d WHERE d.mailbox_id = $1 AND d.item_id = list.value AND (d.origin <> 0 OR (d.extras & 7) <> 0 OR EXISTS (SELECT 1 FROM recipient r WHERE r.mailbox_id = $1 AND r.item_id = d.item_id) OR EXISTS (SELECT 1 FROM attachment a WHERE a.mailbox_id = $1 AND a.item_id = d.item_id)) ORDER BY list.position;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND parent_id = $2 ORDER BY folder_id;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND role = $2;
SELECT item_id, content_id, size_bytes FROM message WHERE mailbox_id = $1 AND folder_id = $2 AND associated = 1;
SELECT m.item_id, m.message_id, m.uid, m.flags, m.keywords, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, m.content_id FROM message m WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4 AND m.flags & $6 = $6 ORDER BY m.uid LIMIT $5;
SELECT reader_id FROM reader_folder WHERE mailbox_id = $1 AND folder_id = $2;
UPDATE folder SET message_count = message_count + $3, unread_count = unread_count + $4, associated_count = associated_count + $5, size_bytes = size_bytes + $6, uid_next = uid_next + $7, highest_cn = $8 WHERE mailbox_id = $1 AND folder_id = $2 RETURNING uid_next;
UPDATE mailbox SET access_cn = $2 WHERE mailbox_id = $1;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE mailbox SET message_count = message_count + $2, size_bytes = size_bytes + $3 WHERE mailbox_id = $1;
UPDATE mailbox SET next_counter = next_counter + $2 WHERE mailbox_id = $1 RETURNING next_counter AS next;
UPDATE message SET message_id = $3 + list.position, folder_id = $4, uid = $5 + list.position, flags = flags & ~CAST($6 AS BIGINT), cn = $7, read_cn = $7, mod_seq = $7, saved_ms = $8 FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list WHERE message.mailbox_id = $1 AND message.item_id = list.value;
UPDATE message_detail SET deleted_from_id = $3, came_from_folder_id = $4, came_by = $5, came_from_id = (SELECT m.message_id FROM message m WHERE m.mailbox_id = message_detail.mailbox_id AND m.item_id = message_detail.item_id) WHERE mailbox_id = $1 AND item_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));

-- mailbox.fillColumns
SELECT fill_item FROM mailbox WHERE mailbox_id = $1;
SELECT m.item_id, x.mime_index FROM message m JOIN mime x ON x.mailbox_id = m.mailbox_id AND x.content_id = m.content_id WHERE m.mailbox_id = $1 AND m.item_id < $2 ORDER BY m.item_id DESC LIMIT $3;
UPDATE mailbox SET fill_item = $2 WHERE mailbox_id = $1;
UPDATE message_detail SET sensitivity = $3, display_to = $4, display_cc = $5, conversation_id = $6, conversation_key = $7 WHERE mailbox_id = $1 AND item_id = $2 AND conversation_key IS NULL;

-- mailbox.forgetDeliveries
DELETE FROM delivery WHERE mailbox_id = $1 AND delivered_ms < $2;

-- mailbox.insertMessage
INSERT INTO content (mailbox_id, content_id, refs, size_bytes, hash, bytes) VALUES ($1, $2, 1, $3, $4, $5);
INSERT INTO content_fields (mailbox_id, content_id, fields) SELECT $1, $2, $3 WHERE EXISTS (SELECT 1 FROM content c WHERE c.mailbox_id = $1 AND c.content_id = $2) ON CONFLICT (mailbox_id, content_id) DO NOTHING;
INSERT INTO content_grams (mailbox_id, content_id, grams) SELECT $1, $2, $3 WHERE EXISTS (SELECT 1 FROM content c WHERE c.mailbox_id = $1 AND c.content_id = $2) ON CONFLICT (mailbox_id, content_id) DO NOTHING;
INSERT INTO content_keys (mailbox_id, content_id, sent_ms, subject, people, ids) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (mailbox_id, content_id) DO NOTHING;
INSERT INTO delivery (mailbox_id, delivery_id, delivered_ms) VALUES ($1, $2, $3);
INSERT INTO message (mailbox_id, item_id, message_id, folder_id, uid, associated, flags, keywords, cn, read_cn, mod_seq, size_bytes, internal_ms, saved_ms, content_id) VALUES ($1, $2, $3, $4, $5, 0, $6, $7, $8, $8, $8, $9, $10, $11, $12);
INSERT INTO message_detail (mailbox_id, item_id, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, sensitivity, display_to, display_cc, conversation_key, extras, trouble, creator_id) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21);
INSERT INTO message_text (mailbox_id, content_id, document) VALUES ($1, $2, setweight(to_tsvector('simple', $3), 'A') || setweight(to_tsvector('simple', $4), 'B') || setweight(to_tsvector('simple', $5), 'C') || setweight(to_tsvector('simple', $6), 'D'));
INSERT INTO mime (mailbox_id, content_id, mime_index, head, head_names) VALUES ($1, $2, $3, $4, $5);
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

-- mailbox.keepFields
INSERT INTO content_fields (mailbox_id, content_id, fields) SELECT $1, $2, $3 WHERE EXISTS (SELECT 1 FROM content c WHERE c.mailbox_id = $1 AND c.content_id = $2) ON CONFLICT (mailbox_id, content_id) DO NOTHING;

-- mailbox.keepHeads
UPDATE mime SET head = $3, head_names = $4 WHERE mailbox_id = $1 AND content_id = $2;

-- mailbox.keepKeys
INSERT INTO content_keys (mailbox_id, content_id, sent_ms, subject, people, ids) VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (mailbox_id, content_id) DO NOTHING;
SELECT m.content_id, x.mime_index FROM message m JOIN mime x ON x.mailbox_id = m.mailbox_id AND x.content_id = m.content_id LEFT JOIN content_keys k ON k.mailbox_id = m.mailbox_id AND k.content_id = m.content_id WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4 AND k.content_id IS NULL ORDER BY m.uid LIMIT $5;

-- mailbox.moveFolder
SELECT folder_id FROM folder WHERE mailbox_id = $1 AND parent_id = $2 AND name_key = $3;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT parent_id FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
UPDATE folder SET parent_id = $3, name = $4, name_key = $5, cn = $6, modified_ms = $7 WHERE mailbox_id = $1 AND folder_id = $2;
UPDATE mailbox SET access_cn = $2 WHERE mailbox_id = $1;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;

-- mailbox.moveItems
INSERT INTO tombstone (mailbox_id, kind, object_id, folder_id, uid, cn) SELECT m.mailbox_id, $3, m.message_id, m.folder_id, m.uid, $4 FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list CROSS JOIN message m WHERE m.mailbox_id = $1 AND m.item_id = list.value;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT m.item_id, m.message_id, m.uid, m.flags, m.keywords, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, m.content_id, m.folder_id, m.associated FROM message m WHERE m.mailbox_id = $1 AND m.message_id = $2;
SELECT uid, message_id FROM message WHERE mailbox_id = $1 AND folder_id = $2 AND associated = $3 AND uid BETWEEN $4 AND $5;
UPDATE folder SET message_count = message_count + $3, unread_count = unread_count + $4, associated_count = associated_count + $5, size_bytes = size_bytes + $6, uid_next = uid_next + $7, highest_cn = $8 WHERE mailbox_id = $1 AND folder_id = $2 RETURNING uid_next;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE mailbox SET next_counter = next_counter + $2 WHERE mailbox_id = $1 RETURNING next_counter AS next;
UPDATE message SET message_id = $3 + list.position, folder_id = $4, uid = $5 + list.position, flags = flags & ~CAST($6 AS BIGINT), cn = $7, read_cn = $7, mod_seq = $7, saved_ms = $8 FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list WHERE message.mailbox_id = $1 AND message.item_id = list.value;
UPDATE message_detail SET deleted_from_id = $3, came_from_folder_id = $4, came_by = $5, came_from_id = (SELECT m.message_id FROM message m WHERE m.mailbox_id = message_detail.mailbox_id AND m.item_id = message_detail.item_id) WHERE mailbox_id = $1 AND item_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));

-- mailbox.moveMessages
INSERT INTO tombstone (mailbox_id, kind, object_id, folder_id, uid, cn) SELECT m.mailbox_id, $3, m.message_id, m.folder_id, m.uid, $4 FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list CROSS JOIN message m WHERE m.mailbox_id = $1 AND m.item_id = list.value;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT m.item_id, m.message_id, m.uid, m.flags, m.keywords, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, m.content_id FROM message m WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4 AND m.flags & $6 = $6 ORDER BY m.uid LIMIT $5;
UPDATE folder SET message_count = message_count + $3, unread_count = unread_count + $4, associated_count = associated_count + $5, size_bytes = size_bytes + $6, uid_next = uid_next + $7, highest_cn = $8 WHERE mailbox_id = $1 AND folder_id = $2 RETURNING uid_next;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE mailbox SET next_counter = next_counter + $2 WHERE mailbox_id = $1 RETURNING next_counter AS next;
UPDATE message SET message_id = $3 + list.position, folder_id = $4, uid = $5 + list.position, flags = flags & ~CAST($6 AS BIGINT), cn = $7, read_cn = $7, mod_seq = $7, saved_ms = $8 FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list WHERE message.mailbox_id = $1 AND message.item_id = list.value;
UPDATE message_detail SET deleted_from_id = $3, came_from_folder_id = $4, came_by = $5, came_from_id = (SELECT m.message_id FROM message m WHERE m.mailbox_id = message_detail.mailbox_id AND m.item_id = message_detail.item_id) WHERE mailbox_id = $1 AND item_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));

-- mailbox.provision
INSERT INTO folder (mailbox_id, folder_id, parent_id, name, name_key, role, container_class, hidden, search_folder, cn, created_ms, modified_ms, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12, 1, $10, 0, 0, 0, 0);
INSERT INTO folder_permission (mailbox_id, folder_id, member_id, rights) VALUES ($1, $2, $3, $4) ON CONFLICT DO NOTHING;
INSERT INTO mailbox (mailbox_id, guid, replica_guid, language, created_ms, cn, next_counter, next_item, next_content, next_uid_validity, next_property_id, message_count, size_bytes) VALUES ($1, $2, $3, $4, $5, 0, 1, 1, 1, $6, 32768, 0, 0) ON CONFLICT (mailbox_id) DO NOTHING;
INSERT INTO replica (mailbox_id, replica_id, guid) VALUES ($1, 1, $2) ON CONFLICT DO NOTHING;
INSERT INTO subscription (mailbox_id, name) VALUES ($1, $2) ON CONFLICT DO NOTHING;
SELECT 1 AS found FROM subscription WHERE mailbox_id = $1;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 ORDER BY folder_id;
UPDATE mailbox SET access_cn = $2 WHERE mailbox_id = $1;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE mailbox SET next_counter = next_counter + $2 WHERE mailbox_id = $1 RETURNING next_counter AS next;
UPDATE mailbox SET next_uid_validity = next_uid_validity + 1 WHERE mailbox_id = $1 RETURNING next_uid_validity AS next;

-- mailbox.purgeRemoved
DELETE FROM content WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element)) AND NOT EXISTS (SELECT 1 FROM message m WHERE m.mailbox_id = $1 AND m.content_id = content.content_id) AND NOT EXISTS (SELECT 1 FROM attachment a WHERE a.mailbox_id = $1 AND a.content_id = content.content_id) RETURNING content_id;
DELETE FROM content_fields WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM content_grams WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM content_keys WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM message WHERE mailbox_id = $1 AND item_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM message_detail WHERE mailbox_id = $1 AND item_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM message_text WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM mime WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
INSERT INTO tombstone (mailbox_id, kind, object_id, folder_id, uid, cn) SELECT m.mailbox_id, $3, m.message_id, m.folder_id, m.uid, $4 FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list CROSS JOIN message m WHERE m.mailbox_id = $1 AND m.item_id = list.value;
SELECT d.item_id, list.position, d.extras FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list CROSS JOIN message_detail d WHERE d.mailbox_id = $1 AND d.item_id = list.value AND (d.origin <> 0 OR (d.extras & 7) <> 0 OR EXISTS (SELECT 1 FROM recipient r WHERE r.mailbox_id = $1 AND r.item_id = d.item_id) OR EXISTS (SELECT 1 FROM attachment a WHERE a.mailbox_id = $1 AND a.item_id = d.item_id)) ORDER BY list.position;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND role = $2;
SELECT m.item_id, m.message_id, m.uid, m.flags, m.keywords, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, m.content_id FROM message m WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 ORDER BY m.uid LIMIT $3;
UPDATE folder SET message_count = message_count + $3, unread_count = unread_count + $4, associated_count = associated_count + $5, size_bytes = size_bytes + $6, uid_next = uid_next + $7, highest_cn = $8 WHERE mailbox_id = $1 AND folder_id = $2 RETURNING uid_next;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE mailbox SET message_count = message_count + $2, size_bytes = size_bytes + $3 WHERE mailbox_id = $1;

-- mailbox.removeItems
DELETE FROM attachment WHERE mailbox_id = $1 AND attachment_id = $2;
DELETE FROM content WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element)) AND NOT EXISTS (SELECT 1 FROM message m WHERE m.mailbox_id = $1 AND m.content_id = content.content_id) AND NOT EXISTS (SELECT 1 FROM attachment a WHERE a.mailbox_id = $1 AND a.content_id = content.content_id) RETURNING content_id;
DELETE FROM content_fields WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM content_grams WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM content_keys WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM message WHERE mailbox_id = $1 AND item_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM message_detail WHERE mailbox_id = $1 AND item_id = $2 RETURNING extras;
DELETE FROM message_detail WHERE mailbox_id = $1 AND item_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM message_text WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM mime WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM recipient WHERE mailbox_id = $1 AND item_id = $2;
INSERT INTO tombstone (mailbox_id, kind, object_id, folder_id, uid, cn) SELECT m.mailbox_id, $3, m.message_id, m.folder_id, m.uid, $4 FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list CROSS JOIN message m WHERE m.mailbox_id = $1 AND m.item_id = list.value;
SELECT attachment_id, number, content_id, embedded_item_id FROM attachment WHERE mailbox_id = $1 AND item_id = $2;
SELECT d.item_id, list.position, d.extras FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list CROSS JOIN message_detail d WHERE d.mailbox_id = $1 AND d.item_id = list.value AND (d.origin <> 0 OR (d.extras & 7) <> 0 OR EXISTS (SELECT 1 FROM recipient r WHERE r.mailbox_id = $1 AND r.item_id = d.item_id) OR EXISTS (SELECT 1 FROM attachment a WHERE a.mailbox_id = $1 AND a.item_id = d.item_id)) ORDER BY list.position;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND role = $2;
SELECT m.item_id, m.message_id, m.uid, m.flags, m.keywords, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, m.content_id, m.folder_id, m.associated FROM message m WHERE m.mailbox_id = $1 AND m.message_id = $2;
UPDATE folder SET message_count = message_count + $3, unread_count = unread_count + $4, associated_count = associated_count + $5, size_bytes = size_bytes + $6, uid_next = uid_next + $7, highest_cn = $8 WHERE mailbox_id = $1 AND folder_id = $2 RETURNING uid_next;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE mailbox SET message_count = message_count + $2, size_bytes = size_bytes + $3 WHERE mailbox_id = $1;
UPDATE mailbox SET next_counter = next_counter + $2 WHERE mailbox_id = $1 RETURNING next_counter AS next;
UPDATE message SET message_id = $3 + list.position, folder_id = $4, uid = $5 + list.position, flags = flags & ~CAST($6 AS BIGINT), cn = $7, read_cn = $7, mod_seq = $7, saved_ms = $8 FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list WHERE message.mailbox_id = $1 AND message.item_id = list.value;
UPDATE message_detail SET deleted_from_id = $3, came_from_folder_id = $4, came_by = $5, came_from_id = (SELECT m.message_id FROM message m WHERE m.mailbox_id = message_detail.mailbox_id AND m.item_id = message_detail.item_id) WHERE mailbox_id = $1 AND item_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));

-- mailbox.removeMessages
DELETE FROM attachment WHERE mailbox_id = $1 AND attachment_id = $2;
DELETE FROM content WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element)) AND NOT EXISTS (SELECT 1 FROM message m WHERE m.mailbox_id = $1 AND m.content_id = content.content_id) AND NOT EXISTS (SELECT 1 FROM attachment a WHERE a.mailbox_id = $1 AND a.content_id = content.content_id) RETURNING content_id;
DELETE FROM message WHERE mailbox_id = $1 AND item_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM message_detail WHERE mailbox_id = $1 AND item_id = $2 RETURNING extras;
DELETE FROM message_detail WHERE mailbox_id = $1 AND item_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM recipient WHERE mailbox_id = $1 AND item_id = $2;
INSERT INTO tombstone (mailbox_id, kind, object_id, folder_id, uid, cn) SELECT m.mailbox_id, $3, m.message_id, m.folder_id, m.uid, $4 FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list CROSS JOIN message m WHERE m.mailbox_id = $1 AND m.item_id = list.value;
SELECT attachment_id, number, content_id, embedded_item_id FROM attachment WHERE mailbox_id = $1 AND item_id = $2;
SELECT d.item_id, list.position, d.extras FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list CROSS JOIN message_detail d WHERE d.mailbox_id = $1 AND d.item_id = list.value AND (d.origin <> 0 OR (d.extras & 7) <> 0 OR EXISTS (SELECT 1 FROM recipient r WHERE r.mailbox_id = $1 AND r.item_id = d.item_id) OR EXISTS (SELECT 1 FROM attachment a WHERE a.mailbox_id = $1 AND a.item_id = d.item_id)) ORDER BY list.position;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND role = $2;
SELECT m.item_id, m.message_id, m.uid, m.flags, m.keywords, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, m.content_id FROM message m WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4 AND m.flags & $6 = $6 ORDER BY m.uid LIMIT $5;
UPDATE folder SET message_count = message_count + $3, unread_count = unread_count + $4, associated_count = associated_count + $5, size_bytes = size_bytes + $6, uid_next = uid_next + $7, highest_cn = $8 WHERE mailbox_id = $1 AND folder_id = $2 RETURNING uid_next;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE mailbox SET message_count = message_count + $2, size_bytes = size_bytes + $3 WHERE mailbox_id = $1;
UPDATE mailbox SET next_counter = next_counter + $2 WHERE mailbox_id = $1 RETURNING next_counter AS next;
UPDATE message SET message_id = $3 + list.position, folder_id = $4, uid = $5 + list.position, flags = flags & ~CAST($6 AS BIGINT), cn = $7, read_cn = $7, mod_seq = $7, saved_ms = $8 FROM (SELECT ordinality - 1 AS position, CAST(element AS BIGINT) AS value FROM json_array_elements_text(CAST($2 AS JSON)) WITH ORDINALITY AS e (element, ordinality)) AS list WHERE message.mailbox_id = $1 AND message.item_id = list.value;
UPDATE message_detail SET deleted_from_id = $3, came_from_folder_id = $4, came_by = $5, came_from_id = (SELECT m.message_id FROM message m WHERE m.mailbox_id = message_detail.mailbox_id AND m.item_id = message_detail.item_id) WHERE mailbox_id = $1 AND item_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));

-- mailbox.renderMessage
INSERT INTO content (mailbox_id, content_id, refs, size_bytes, hash, bytes) VALUES ($1, $2, 1, $3, $4, $5);
INSERT INTO mime (mailbox_id, content_id, mime_index) VALUES ($1, $2, $3);
SELECT folder_id, size_bytes FROM message WHERE mailbox_id = $1 AND item_id = $2 AND cn = $3 AND content_id IS NULL;
UPDATE folder SET size_bytes = size_bytes + $3 WHERE mailbox_id = $1 AND folder_id = $2;
UPDATE mailbox SET next_content = next_content + 1 WHERE mailbox_id = $1 RETURNING next_content AS next;
UPDATE mailbox SET size_bytes = size_bytes + $2 WHERE mailbox_id = $1;
UPDATE message SET content_id = $3, size_bytes = $4 WHERE mailbox_id = $1 AND item_id = $2;

-- mailbox.setFlags
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT m.item_id, m.message_id, m.uid, m.flags, m.keywords, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, m.content_id FROM message m WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4 AND m.flags & $6 = $6 ORDER BY m.uid LIMIT $5;
UPDATE folder SET message_count = message_count + $3, unread_count = unread_count + $4, associated_count = associated_count + $5, size_bytes = size_bytes + $6, uid_next = uid_next + $7, highest_cn = $8 WHERE mailbox_id = $1 AND folder_id = $2 RETURNING uid_next;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE message SET flags = $3, keywords = $4, mod_seq = $5, cn = $5 WHERE mailbox_id = $1 AND item_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
UPDATE message SET flags = $3, keywords = $4, mod_seq = $5, cn = $5, read_cn = $5 WHERE mailbox_id = $1 AND item_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
UPDATE message SET flags = $3, keywords = $4, mod_seq = $5, read_cn = $5 WHERE mailbox_id = $1 AND item_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));

-- mailbox.setPermissions
DELETE FROM folder_permission WHERE mailbox_id = $1 AND folder_id = $2;
DELETE FROM folder_permission WHERE mailbox_id = $1 AND folder_id = $2 AND member_id = $3;
INSERT INTO folder_permission (mailbox_id, folder_id, member_id, rights) VALUES ($1, $2, $3, $4) ON CONFLICT (mailbox_id, folder_id, member_id) DO UPDATE SET rights = excluded.rights;
SELECT COUNT(*) AS n FROM folder_permission WHERE mailbox_id = $1 AND folder_id = $2;
UPDATE folder SET cn = $3 WHERE mailbox_id = $1 AND folder_id = $2;
UPDATE mailbox SET access_cn = $2 WHERE mailbox_id = $1;
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

-- mailbox.updateItem
DELETE FROM attachment WHERE mailbox_id = $1 AND attachment_id = $2;
DELETE FROM content WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element)) AND NOT EXISTS (SELECT 1 FROM message m WHERE m.mailbox_id = $1 AND m.content_id = content.content_id) AND NOT EXISTS (SELECT 1 FROM attachment a WHERE a.mailbox_id = $1 AND a.content_id = content.content_id) RETURNING content_id;
DELETE FROM content_fields WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM content_grams WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM content_keys WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM item_time WHERE mailbox_id = $1 AND item_id = $2;
DELETE FROM item_value WHERE mailbox_id = $1 AND item_id = $2;
DELETE FROM message_detail WHERE mailbox_id = $1 AND item_id = $2 RETURNING extras;
DELETE FROM message_text WHERE mailbox_id = $1 AND content_id = $2;
DELETE FROM message_text WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM mime WHERE mailbox_id = $1 AND content_id IN (SELECT CAST(element AS BIGINT) FROM json_array_elements_text(CAST($2 AS JSON)) AS e (element));
DELETE FROM recipient WHERE mailbox_id = $1 AND item_id = $2;
INSERT INTO attachment (mailbox_id, attachment_id, item_id, number, method, file_name, size_bytes, content_id, embedded_item_id, bag) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10);
INSERT INTO content (mailbox_id, content_id, refs, size_bytes, hash, bytes) VALUES ($1, $2, 1, $3, $4, $5);
INSERT INTO item_time (mailbox_id, item_id, start_ms, end_ms, recurring, busy_status, global_object_id, reminder_ms) VALUES ($1, $2, $3, $4, $5, $6, $7, $8) ON CONFLICT (mailbox_id, item_id) DO UPDATE SET start_ms = excluded.start_ms, end_ms = excluded.end_ms, recurring = excluded.recurring, busy_status = excluded.busy_status, global_object_id = excluded.global_object_id, reminder_ms = excluded.reminder_ms;
INSERT INTO item_value (mailbox_id, item_id, property_tag, value) VALUES ($1, $2, $3, $4);
INSERT INTO message_detail (mailbox_id, item_id, message_class, subject, normalized_subject, from_name, from_address, sent_ms, message_id_header, in_reply_to, has_attachments, importance, preview, conversation_id, owner_attachment_id, bag, origin, sensitivity, display_to, display_cc, conversation_key, item_size_bytes, modified_ms, extras) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19, $20, $21, $22, $23, $24);
INSERT INTO message_text (mailbox_id, content_id, document) VALUES ($1, $2, setweight(to_tsvector('simple', $3), 'A') || setweight(to_tsvector('simple', $4), 'B') || setweight(to_tsvector('simple', $5), 'C') || setweight(to_tsvector('simple', $6), 'D'));
INSERT INTO recipient (mailbox_id, item_id, row_id, kind, display_name, address_type, address, bag) VALUES ($1, $2, $3, $4, $5, $6, $7, $8);
INSERT INTO tombstone (mailbox_id, kind, object_id, folder_id, uid, cn) VALUES ($1, $2, $3, $4, $5, $6);
SELECT COALESCE((SELECT SUM(COALESCE(LENGTH(bag), 0)) FROM recipient WHERE mailbox_id = $1 AND item_id = $2), 0) + COALESCE((SELECT SUM(a.size_bytes + COALESCE(LENGTH(a.bag), 0) + COALESCE(( SELECT e.item_size_bytes FROM message_detail e WHERE e.mailbox_id = a.mailbox_id AND e.item_id = a.embedded_item_id), 0)) FROM attachment a WHERE a.mailbox_id = $1 AND a.item_id = $2), 0) AS size;
SELECT COALESCE(MAX(number) + 1, 0) AS next FROM attachment WHERE mailbox_id = $1 AND item_id = $2;
SELECT attachment_id, content_id, size_bytes FROM attachment WHERE mailbox_id = $1 AND item_id = $2 AND number = $3;
SELECT attachment_id, number, content_id, embedded_item_id FROM attachment WHERE mailbox_id = $1 AND item_id = $2;
SELECT m.item_id, m.folder_id, m.uid, m.associated, m.flags, m.keywords, m.cn, m.read_cn, m.mod_seq, m.size_bytes, m.content_id, d.origin, d.extras FROM message m JOIN message_detail d ON d.mailbox_id = m.mailbox_id AND d.item_id = m.item_id WHERE m.mailbox_id = $1 AND m.message_id = $2;
SELECT size_bytes FROM mailbox WHERE mailbox_id = $1;
UPDATE attachment SET method = $3, file_name = $4, bag = $5, content_id = $6, size_bytes = $7 WHERE mailbox_id = $1 AND attachment_id = $2;
UPDATE folder SET message_count = message_count + $3, unread_count = unread_count + $4, associated_count = associated_count + $5, size_bytes = size_bytes + $6, uid_next = uid_next + $7, highest_cn = $8 WHERE mailbox_id = $1 AND folder_id = $2 RETURNING uid_next;
UPDATE mailbox SET cn = cn + 1 WHERE mailbox_id = $1 RETURNING cn;
UPDATE mailbox SET message_count = message_count + $2, size_bytes = size_bytes + $3 WHERE mailbox_id = $1;
UPDATE mailbox SET next_content = next_content + 1 WHERE mailbox_id = $1 RETURNING next_content AS next;
UPDATE mailbox SET next_counter = next_counter + $2 WHERE mailbox_id = $1 RETURNING next_counter AS next;
UPDATE mailbox SET next_item = next_item + $2 WHERE mailbox_id = $1 RETURNING next_item AS next;
UPDATE message SET flags = $3, keywords = $4, cn = $5, mod_seq = $5, read_cn = $6, size_bytes = $7, uid = $8, content_id = $9 WHERE mailbox_id = $1 AND item_id = $2;
UPDATE message_detail SET bag = $3, message_class = $4, extras = $5, modified_ms = $6 WHERE mailbox_id = $1 AND item_id = $2;
UPDATE message_detail SET message_class = $3, subject = $4, normalized_subject = $5, from_name = $6, from_address = $7, sent_ms = $8, message_id_header = $9, in_reply_to = $10, has_attachments = $11, importance = $12, preview = $13, conversation_id = $14, bag = $15, origin = $16, sensitivity = $17, display_to = $18, display_cc = $19, item_size_bytes = $20, modified_ms = $21, extras = $22, conversation_key = COALESCE(conversation_key, $23), trouble = NULL WHERE mailbox_id = $1 AND item_id = $2;

-- reads
SELECT COUNT(*) AS n FROM message WHERE mailbox_id = $1 AND folder_id = $2 AND associated = 0 AND uid BETWEEN $3 AND $4;
SELECT bag, extras FROM message_detail WHERE mailbox_id = $1 AND item_id = $2;
SELECT folder_id, parent_id, name, role, container_class, hidden, search_folder, cn, uid_validity, uid_next, highest_cn, message_count, unread_count, associated_count, size_bytes FROM folder WHERE mailbox_id = $1 AND folder_id = $2;
SELECT kind, display_name, address_type, address, bag FROM recipient WHERE mailbox_id = $1 AND item_id = $2 ORDER BY row_id;
SELECT m.item_id, m.message_id, m.folder_id, m.uid, m.associated, m.flags, m.keywords, m.cn, m.read_cn, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, m.content_id, d.message_class, d.subject, d.normalized_subject, d.from_name, d.from_address, d.sent_ms, d.message_id_header, d.has_attachments, d.importance, d.preview, d.conversation_id, d.origin, d.sensitivity, d.display_to, d.display_cc, d.conversation_key, d.item_size_bytes, d.modified_ms, d.extras, d.creator_id, d.version_cn, d.change_key, d.predecessors FROM message m JOIN message_detail d ON d.mailbox_id = m.mailbox_id AND d.item_id = m.item_id WHERE m.mailbox_id = $1 AND m.message_id IN ($2);
SELECT m.item_id, m.message_id, m.uid, m.flags, m.keywords, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, m.content_id FROM message m WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND (m.mod_seq > $3 OR (m.mod_seq = $3 AND m.uid > $4)) ORDER BY m.mod_seq, m.uid LIMIT $5;
SELECT m.item_id, m.message_id, m.uid, m.flags, m.keywords, m.mod_seq, m.size_bytes, m.internal_ms, m.saved_ms, m.content_id FROM message m WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND m.uid BETWEEN $3 AND $4 ORDER BY m.uid LIMIT $5;
SELECT number, method, file_name, size_bytes, bag, content_id, embedded_item_id FROM attachment WHERE mailbox_id = $1 AND item_id = $2 ORDER BY number;
SELECT property_id FROM named_property WHERE mailbox_id = $1 AND property_set = $2 AND lid = $3 AND name = $4;
SELECT property_set, lid, name FROM named_property WHERE mailbox_id = $1 AND property_id = $2;
SELECT string_agg(CAST(uid AS TEXT), ',') AS list FROM ( SELECT uid FROM message WHERE mailbox_id = $1 AND folder_id = $2 AND associated = 0 AND uid > $3 AND uid <= $4 ORDER BY uid LIMIT $5) AS slice;
SELECT uid FROM tombstone WHERE mailbox_id = $1 AND folder_id = $2 AND kind IN (1, 4) AND cn > $3 ORDER BY uid;
WITH found (id) AS MATERIALIZED ( SELECT content_id FROM message_text WHERE mailbox_id = $1 AND document @@ plainto_tsquery('simple', $3)) SELECT m.uid FROM message m WHERE m.mailbox_id = $1 AND m.folder_id = $2 AND m.associated = 0 AND (m.content_id IN (SELECT id FROM found) OR -m.item_id IN (SELECT id FROM found)) ORDER BY m.uid;
