/**
 * Every bound in the server, one row each. Names end in their unit or in what they count; a value that an
 * administrator may change is also a key of the configuration.
 */
export const limits = {
  /** Largest message accepted on any protocol, bytes. */
  messageSizeMaxBytes: 150 * 1024 * 1024,
  /** From this size on message bytes live in the blob store, not in the mailbox file. */
  blobThresholdBytes: 64 * 1024,
  /** One text line of a command without its literals, bytes: IMAP recommends at least 8192 (RFC 7162 §4). */
  commandLineMaxBytes: 64 * 1024,
  /** One SMTP command line, bytes; RFC 5321 §4.5.3.1.4 asks for 512 and extensions add to it. */
  smtpCommandLineMaxBytes: 4096,
  /** One line of message text in SMTP, bytes including CRLF; RFC 5321 §4.5.3.1.6 asks for 1000. */
  smtpTextLineMaxBytes: 100_000,
  /** RCPT per message; RFC 5321 §4.5.3.1.8 asks for 100. */
  smtpRecipientsMax: 1000,
  /** Recipients of one message once its groups are opened. */
  queueRecipientsMax: 20_000,
  /** Recipients refused on one SMTP connection before it is closed: address harvesting. */
  smtpRefusedRecipientsMax: 100,
  /** Received headers before a message counts as looping; RFC 5321 §6.3 asks for at least 100. */
  receivedHeadersMax: 100,
  /** Commands in a row that failed before the connection is closed. */
  badCommandsMax: 20,
  /** Sign-ins that failed on one connection before it is closed. */
  badSignInsPerConnectionMax: 5,
  /** Nesting of MIME parts that is looked into; deeper parts are kept as opaque bytes. */
  mimeDepthMax: 64,
  /** MIME parts of one message that are looked into. */
  mimePartsMax: 1000,
  /** One header section, bytes; what follows is taken as body. */
  headerSectionMaxBytes: 1024 * 1024,
  /** Addresses of one header field that are looked at. */
  mimeAddressesMax: 20_000,
  /** Header text of all parts of one message that is kept in its index, characters. */
  mimeStoredMaxCharacters: 4 * 1024 * 1024,
  /** Text of one message that goes into the search index, characters. */
  searchTextMaxCharacters: 256 * 1024,
  /** HTML of one message that is made fit to show, characters, its tags and their nesting. */
  htmlCleanMaxCharacters: 4 * 1024 * 1024,
  htmlCleanTagsMax: 200_000,
  htmlCleanDepthMax: 1000,
  /** Nesting of lists and searches in one IMAP command. */
  imapDepthMax: 64,
  /** Literals of one IMAP command held in memory, bytes; APPEND data is streamed and not counted. */
  imapLiteralMaxBytes: 1024 * 1024,
  /** Literals of one IMAP command before somebody signed in, bytes: a name and a password. */
  imapSignInLiteralMaxBytes: 8 * 1024,
  /** Literals in one IMAP command. */
  imapLiteralsMax: 256,
  /** Announced data of a refused IMAP literal that is read and dropped to stay in step; above it, the end. */
  imapSkipMaxBytes: 1024 * 1024 * 1024,
  /** Ranges in one IMAP sequence set. */
  imapSequenceRangesMax: 20_000,
  /** Values in one parenthesized list of an IMAP command: flags, header fields, search keys. */
  imapListMax: 2000,
  /** UIDs of folders that were opened, remembered for the next who does, all together, bytes; four a message. */
  uidListsMaxBytes: 32 * 1024 * 1024,
  /** What folders are sorted and threaded by, remembered for the next who asks, all together, bytes. */
  folderKeysMaxBytes: 48 * 1024 * 1024,
  /** UIDs and marks of folders that were searched, remembered for the next search, bytes; five a message. */
  markColumnsMaxBytes: 16 * 1024 * 1024,
  /** Subjects and header fields of folders that were searched, remembered for the next search, bytes. */
  searchTextsMaxBytes: 64 * 1024 * 1024,
  /** Header fields of a message kept apart for lists; of more, the bytes of the message are read. */
  listedFieldsMaxBytes: 4096,
  /** Texts of one message of which trigrams are kept, bytes; a longer one is read at each search. */
  searchGramsMaxBytes: 1024 * 1024,
  /** One text of a search, characters: what is looked for in pieces must be far smaller than a piece. */
  searchTermMaxCharacters: 4096,
  /** One pattern of an IMAP LIST, characters. */
  imapPatternMaxCharacters: 1000,
  /** Messages one transaction of an IMAP STORE touches; a longer one is cut, each piece durable. */
  imapStoreBatchMessages: 1000,
  /** A sign of life to a client in IDLE, which also finds those that are gone. */
  imapIdleKeepAliveMs: 4 * 60_000,
  /** From this distance on FETCH CHANGEDSINCE looks at every row instead of the change log, commits. */
  imapChangedSinceCommitsMax: 5000,
  /** Mailboxes of others one IMAP connection holds open, and lists. */
  imapOtherMailboxesMax: 100,
  /** What one IMAP COPY takes from one mailbox into another, in one commit: bytes and messages. */
  imapCrossCopyMaxBytes: 256 * 1024 * 1024,
  imapCrossCopyMessagesMax: 2000,
  /** Folders of which all IMAP connections together remember what is new to whom. */
  imapFoldersRememberedMax: 20_000,
  /** Newest messages of a folder looked at when its first IMAP client opens it. */
  imapNewestMessagesMax: 1000,
  /** Keywords of a folder told as its FLAGS. */
  imapKeywordsToldMax: 200,
  /** How often a long IMAP command says that it is under way. */
  imapProgressMs: 10_000,
  /** Messages of one MULTIAPPEND. */
  imapMultiAppendMax: 200,
  /** Value of one annotation of a folder or mailbox (RFC 5464 §4.1 asks for at least 1024 bytes). */
  annotationMaxBytes: 64 * 1024,
  /** Annotations of one folder, shared ones and each person's counted apart (RFC 5464 §4.1 asks for at least 10). */
  annotationsPerFolderMax: 200,
  /** Names and values of all annotations of one mailbox together. */
  annotationsMaxBytes: 8 * 1024 * 1024,
  /** Name of one annotation, characters. */
  annotationNameMaxCharacters: 256,
  /** Event groups of one IMAP NOTIFY. */
  imapNotifyGroupsMax: 100,
  /** Folders one IMAP connection watches; more are refused with NOTIFICATIONOVERFLOW. */
  imapNotifyFoldersMax: 5000,
  /** Answers to one look at what changed; more end the watch with NOTIFICATIONOVERFLOW. */
  imapNotifyAnswersMax: 10_000,
  /** Shortest time between two looks at all folders of a mailbox for NOTIFY. */
  imapNotifyPauseMs: 200,
  /** Searches of one connection whose results are kept up to date. */
  imapContextsMax: 16,
  /** Results of all such searches of one connection together. */
  imapContextResultsMax: 1_000_000,
  /** FILTER keys put in place of FILTER keys, one inside the other (RFC 5466 §3.1 asks for at least 3). */
  imapFilterDepthMax: 8,
  /** APPENDs of one connection whose commit is awaited at once. */
  imapAppendsUnderWayMax: 32,
  /** Encoded bytes of one part that BINARY decodes. */
  imapDecodeMaxBytes: 160 * 1024 * 1024,
  /** Answers of one IMAP connection gathered before they are handed to the socket, bytes. */
  imapReplyFlushBytes: 32 * 1024,
  /** Payloads in one buffer of a MAPI client. */
  mapiPayloadsMax: 64,
  /** Payloads of one answer, the first left out. [MS-OXCRPC] 3.1.4.2.1.2 */
  mapiPackedPayloadsMax: 95,
  /** Body of one request of a MAPI client: a buffer of 256 KiB, and what stands around it. */
  mapiBodyMaxBytes: 1024 * 1024,
  /** One header field of a MAPI client, characters. */
  mapiHeaderMaxCharacters: 1000,
  /** Sessions of MAPI clients on one endpoint, of all and of one person. */
  mapiSessionsMax: 50_000,
  mapiSessionsPerPersonMax: 32,
  /** A session without a request ends after this long. [MS-OXCMAPIHTTP] 2.2.3.3.7 */
  mapiSessionIdleMs: 15 * 60_000,
  mapiSessionSweepMs: 60_000,
  /** Columns, sort keys, rows at once and bookmarks of one table of a MAPI client. */
  mapiColumnsMax: 500,
  mapiSortKeysMax: 50,
  mapiRowsMax: 1000,
  /** Levels of categories in one table. [MS-OXCTABL] 2.2.2.3 */
  mapiCategoriesMax: 4,
  /** Categories that one collapse state tells of: it has 64 KiB. */
  mapiCollapseMarksMax: 4000,
  mapiBookmarksMax: 1000,
  /** Rows that one message has in a table which shows the values of a property one by one. */
  mapiInstancesMax: 200,
  /** Messages that the full-text index may name for one text, and of them read at once. */
  textCandidatesMax: 200_000,
  textCandidatesSlice: 2000,
  /** What a search that does not go on has found, and is kept with its folder. */
  mapiSearchFoundMax: 50_000,
  /** Rows sorted in one go; a merge comes between. */
  sortSliceRows: 2000,
  /** Objects one session of a MAPI client holds open. */
  mapiHandlesMax: 20_000,
  /** ROPs in one Execute call. */
  mapiRopsPerCallMax: 4096,
  /** Registrations and tables of one session that are told what happens. */
  mapiSubscriptionsMax: 2000,
  /** Events that wait for one client's subscription; beyond, the oldest are forgotten. */
  mapiEventsMax: 500,
  /** Folders known as copies, of all mailboxes. */
  mapiCopiedFoldersMax: 1000,
  /** Row events that wait for one table; beyond, the client is told to read it again. */
  mapiTableEventsMax: 50,
  /** Text and bytes in one cell of a table. [MS-OXCTABL] 2.2.2.5 */
  mapiCellMaxCharacters: 255,
  mapiCellMaxBytes: 510,
  /** Rows of one table. */
  mapiTableRowsMax: 1_000_000,
  /** Rules of one folder, and permission entries that one call may change. */
  mapiRulesMax: 1000,
  /** Condition of an extended rule that a client saves, and its actions. */
  mapiExtendedRuleMaxBytes: 64 * 1024,
  /** What clients leave with a store and nobody else reads: one kind of it, bytes. */
  mapiKeptMaxBytes: 512 * 1024,
  mapiReceiveFoldersMax: 1000,
  /** Folders that one search looks into by name; those below them come on top. */
  mapiSearchScopeMax: 1000,
  /** Folders, and changes of them, held in memory for those who list them, of all mailboxes; and changes of one. */
  folderTreesRowsMax: 300_000,
  folderTreeStepsMax: 20_000,
  /** Regions locked in one value at once, and how long each lock holds. */
  mapiStreamLocksMax: 100,
  mapiStreamLockMs: 5 * 60_000,
  /** Ranges of one synchronization state that a client sends. */
  mapiSetRangesMax: 200_000,
  /** One value of a transfer stream that is kept whole; longer bytes come in parts. */
  mapiTransferWordMaxBytes: 64 * 1024 * 1024,
  mapiTransferNameMaxBytes: 1024,
  /** Bytes of a transfer stream in one answer. [MS-OXCROPS] 2.2.12.4.1 */
  mapiTransferBufferMaxBytes: 0x7c00,
  /** Makers of changes in one list of changes. */
  mapiPredecessorsMax: 1000,
  /** Attachments of one message that comes as a stream. */
  mapiTransferAttachmentsMax: 2000,
  /** Ids set aside for a client at once; programs ask for 65,536. */
  reservedIdsMax: 1_000_000,
  /** Ranges of ids that clients gave back unused, in one mailbox. */
  unusedIdRangesMax: 20_000,
  /** One part of a synchronization state. */
  mapiStateMaxBytes: 4 * 1024 * 1024,
  /** Messages embedded in one another in a transfer stream. */
  mapiTransferDepthMax: 20,
  /** Attachments up to this size are held whole on their way into a stream. */
  mapiAttachmentAtOnceMaxBytes: 512 * 1024,
  /** Bodies up to this size are told in other forms than their own; small ones without a stream. [MS-OXBBODY] 2.1.3 */
  mapiBodyMakeMaxBytes: 1024 * 1024,
  mapiBodyMakeAtOnceBytes: 8 * 1024,
  mapiPerUserOpenMax: 100,
  /** How long a client waits for events before it is told that there are none. [MS-OXCMAPIHTTP] 3.1.5.8 */
  mapiNotificationWaitMs: 5 * 60_000,
  /** Cookies of one request that are looked at. */
  cookiesMax: 100,
  /** Rows of the address book in one answer. */
  addressBookRowsMax: 500,
  /** Matches of one search in the address book. */
  addressBookMatchesMax: 1000,
  /** Blocks in one auxiliary buffer. */
  mapiAuxiliaryBlocksMax: 1000,
  /** Transactions that may wait for one mailbox before the next is refused as busy. */
  transactionsWaitingMax: 10_000,
  /** Transactions that share one disk sync. */
  groupCommitMax: 256,
  /** Folders in one mailbox. */
  foldersMax: 50_000,
  /** Ranges of what one reader read in one public folder before neighbours are joined. */
  readerRangesCompactMin: 256,
  /** Public folders of which one reader's marks are held in memory. */
  readerFoldersKeptMax: 100,
  /** People and groups one folder is opened to. */
  folderPermissionsMax: 1000,
  /** Values of one setting of a directory entry: senders a group takes mail from. */
  settingValuesMax: 1000,
  /** Properties that clients write on one folder, bytes. */
  folderPropertiesMaxBytes: 1024 * 1024,
  /** Nesting of folders below the root. */
  folderDepthMax: 300,
  folderNameMaxCharacters: 255,
  /** Named properties of one mailbox, ids 0x8000 to 0xFFFE. [MS-OXCPRPT] 2.2.12 */
  namedPropertiesMax: 0x7fff,
  /** Keywords (categories) on one message. */
  keywordsMax: 64,
  /** Rows read in one go on the thread that serves sockets. */
  sliceRows: 500,
  /** How long a client may stay silent: RFC 9051 §5.4 asks for 30 minutes, RFC 5321 §4.5.3.2.7 for 5. */
  imapIdleTimeoutMs: 30 * 60_000,
  imapSignInTimeoutMs: 60_000,
  smtpIdleTimeoutMs: 5 * 60_000,
  pop3IdleTimeoutMs: 10 * 60_000,
  pop3SignInTimeoutMs: 2 * 60_000,
  /** How long a POP3 sign-in waits for another session of the same maildrop to end. */
  pop3LockWaitMs: 5_000,
  /** POP3 sign-ins that wait for one maildrop. */
  pop3LockWaitersMax: 4,
  /** Time one SMTP message may take from DATA to the final dot. */
  smtpDataTimeoutMs: 30 * 60_000,
  /** How long a stopping server waits for work under way. */
  stopTimeoutMs: 10_000,
  /** Time a client has to finish the TLS handshake. */
  tlsHandshakeTimeoutMs: 30_000,
  /** A client that takes none of the bytes waiting for it is dropped after this. */
  writeStallTimeoutMs: 5 * 60_000,
  /** Time the last bytes of a closing connection may take. */
  closeFlushTimeoutMs: 30_000,
  /** Time a closed connection waits for the client to close its side, so that no reset eats the last reply. */
  closeLingerTimeoutMs: 2_000,
  /** Bytes and chunks read ahead of a protocol that is busy; reading pauses above. */
  readAheadMaxBytes: 64 * 1024,
  readAheadMaxChunks: 64,
  /** Refused connections that are told so at one time; more are dropped without a word. */
  refusalsUnderWayMax: 200,
  /** One POP3 command line; RFC 2449 §4 asks for 255, RFC 5034 §4 for 12288 in AUTH. */
  pop3CommandLineMaxBytes: 12_288,
  /** Name of a person in a sign-in, bytes; RFC 4616 §2 asks for 255. */
  signInNameMaxBytes: 1024,
  /** One SASL response in base64. */
  saslResponseMaxBytes: 12_288,
  /** One access token, bytes; those of large outside providers have some thousand. */
  bearerTokenMaxBytes: 8192,
  /** Header section of one HTTP request. */
  httpHeadMaxBytes: 64 * 1024,
  /** Time from the opening of a connection, or the end of the last answer, to the end of the next request's head. */
  httpHeadTimeoutMs: 2 * 60_000,
  /** Time without progress in a request's body or in an answer that the client should be reading. */
  httpStallTimeoutMs: 60_000,
  /** Rest of a request body that is read and dropped to keep a connection; above, the connection is closed. */
  httpDropMaxBytes: 64 * 1024,
  /** Fields of one request's head; more would be work without use. */
  httpFieldsMax: 200,
  /** A Host field, and what proxies say about a client, characters. */
  httpHostMaxCharacters: 300,
  httpForwardedMaxCharacters: 4096,
  /** Time a new connection has for the whole head of its first request. */
  httpFirstHeadTimeoutMs: 30_000,
  /** Body of a request where its route says nothing else, as sent and after decompression. */
  httpBodyMaxBytes: 1024 * 1024,
  /** Time the whole body of a request may take where its route says nothing else. */
  httpBodyTimeoutMs: 5 * 60_000,
  /** A body or an answer that moves slower than this, bytes a second, counts as not moving. */
  httpRateMinBytes: 32,
  /** Requests of one HTTP/1.1 connection that wait behind the one being answered. */
  httpPipelineMax: 100,
  /** How long browsers remember to use TLS only, seconds: half a year. */
  httpHstsSeconds: 180 * 24 * 3600,
  /** Answers shorter than this are not compressed, and the largest that is compressed in one go. */
  httpCompressMinBytes: 1024,
  httpCompressAtOnceMaxBytes: 64 * 1024,
  /** Pieces in which a long answer is handed to the socket, so that progress is seen. */
  httpPieceBytes: 64 * 1024,
  /** Requests under way on one HTTP/2 connection. */
  http2StreamsMax: 100,
  /** Body bytes a client may send ahead on one HTTP/2 stream. */
  http2WindowBytes: 256 * 1024,
  /** Memory of one HTTP/2 connection, in megabytes. */
  http2MemoryMaxMegabytes: 4,
  /** Streams a client may reset at once, and then each second (CVE-2023-44487). */
  http2ResetBurst: 200,
  http2ResetsPerSecond: 20,
  /** Unanswered pings, invalid frames and refused streams before an HTTP/2 connection ends. */
  http2PingsMax: 10,
  http2InvalidFramesMax: 50,
  http2RejectedStreamsMax: 100,
  /** The header of a proxy before the first byte of a connection, and the time it may take. */
  proxyHeaderMaxBytes: 4096,
  proxyHeaderTimeoutMs: 5_000,
  /** First message of a TLS handshake that is looked into while a certificate is being proved. */
  clientHelloMaxBytes: 16 * 1024,
  /** Names on one certificate that is asked for over ACME. */
  acmeNamesMax: 100,
  /** Time one request to the certificate authority, and all its waiting for a result, may take. */
  acmeRequestTimeoutMs: 30_000,
  /** After a failure: how long until the next attempt, doubled each time up to the second. */
  acmeRetryFirstMs: 5 * 60_000,
  acmeRetryMaxMs: 12 * 3_600_000,
  /** The longest wait an authority may ask for: its rate limits count a week. */
  acmeRetryAfterMaxMs: 7 * 24 * 3_600_000,
  /** How often the certificate is looked at. */
  acmeCheckIntervalMs: 3_600_000,
  /** A name that could not be proved is asked for again after this. */
  acmeNameRetryMs: 24 * 3_600_000,
  /** Open connections, all listeners together. */
  connectionsMax: 20_000,
  /** Open connections from one address. */
  connectionsPerAddressMax: 12_000,
  /** Addresses (aliases and foreign kinds) of one directory entry. */
  addressesPerEntryMax: 500,
  /** Direct members of one group, and mailboxes a group may expand to. */
  groupMembersMax: 50_000,
  /** One text attribute of the address book, characters. */
  attributeTextMaxCharacters: 4096,
  /** Values of one attribute of the address book. */
  attributeValuesMax: 100,
  /** A photo or certificate in the address book, bytes. */
  attributeBinaryMaxBytes: 1024 * 1024,
  /** Terms of one dynamic group's query. */
  groupQueryTermsMax: 50,
  /** A password in UTF-8, bytes; longer ones are refused before any work. */
  passwordMaxBytes: 1024,
  /** Password checks at once: libuv's four threads also read files. */
  passwordChecksMax: 2,
  /** Password checks that may wait; the next is refused as busy. */
  passwordChecksWaitingMax: 500,
  /** How long a verified sign-in answers without a new password check. */
  signInCacheMs: 10 * 60_000,
  signInCacheMax: 100_000,
  /** Failed sign-ins of one account from one network before each further one waits, twice as long each time. */
  signInFailuresFree: 3,
  signInDelayFirstMs: 250,
  signInDelayMaxMs: 8_000,
  /** Failed sign-ins of one account from one network before more are refused unread, and for how long. */
  signInFailuresMax: 15,
  /** Failures of unknown devices in one network, whatever the account, before they only try one after the other. */
  signInNetworkFailuresMax: 100,
  signInRefusalMs: 15 * 60_000,
  /** Accounts and networks whose failures are remembered. */
  signInFailuresTrackedMax: 50_000,
  /** A sign-in of a known device after too many failures: so far apart, and so many may wait. */
  signInLaneMs: 1000,
  signInLaneWaitingMax: 16,
  /** Password checks that may wait for one network. */
  passwordChecksWaitingPerNetworkMax: 50,
  /** How long a network or device counts as known after its last sign-in, and how long people can look back. */
  signInKeepMs: 90 * 24 * 3_600_000,
  /** Sign-ins gathered before they are written, and how long they are. */
  signInNotesMax: 5000,
  signInNotesMs: 5000,
  /** Rows of one person's sign-ins on one day; more programs and networks than that are not told apart. */
  signInRowsPerDayMax: 200,
  /** What tells a device from others, characters. */
  signInDeviceMaxCharacters: 120,
  /** App passwords and passkeys of one person. */
  appPasswordsMax: 50,
  passkeysMax: 20,
  /** Iterations of SCRAM keys; RFC 7677 §4 asks for at least 4096. */
  scramIterations: 50_000,
  /** One SCRAM message of a client, characters. */
  scramMessageMaxCharacters: 4096,
  /** How long a verified access token answers without being looked up again. */
  bearerCacheMs: 60_000,
  /** A browser signed in to the account pages. */
  webSessionMs: 12 * 3_600_000,
  /** Browsers signed in at one time, per person. */
  webSessionsMax: 50,
  /** Answers to forms that wait for their page to be looked at. */
  webToldMax: 1000,
  /** One form of the account pages, bytes. */
  webFormMaxBytes: 64 * 1024,
  /** Rows of the token provider: one payload, rows of those not signed in yet, and rows of one account. */
  oauthPayloadMaxBytes: 64 * 1024,
  oauthStrangerRowsMax: 20_000,
  oauthRowsPerAccountMax: 2000,
  /** Rows that are over and removed in one commit. */
  oauthSweepRows: 1000,
  /** Answers of an outside token provider: bytes and time. */
  outsideProviderMaxBytes: 1024 * 1024,
  outsideProviderTimeoutMs: 10_000,
  /** How long the audit trail keeps failed sign-ins. */
  auditSignInKeepMs: 90 * 24 * 3_600_000,
  /** Lines of the audit trail back to which failed sign-ins are kept: guessers must not fill the disk. */
  auditSignInKeepRows: 500_000,
  /** Directory lookups kept in memory, per kind. */
  directoryCacheMax: 20_000,
  /** Nesting of structures that hold themselves (restrictions, rule actions). */
  structureDepthMax: 256,
  /** Nesting of groups in RTF whose formatting is kept apart. */
  rtfDepthMax: 4096,
  /** Messages inside messages that TNEF and .msg files are followed into. */
  itemDepthMax: 64,
  /** Recipients or attachments of one message in TNEF or a .msg file. */
  itemPartsMax: 20_000,
  /** Properties of one TNEF or .msg file, recipients, attachments and messages inside included. */
  itemPropertiesMax: 500_000,
  /** Nodes of one personal folder file, nodes inside one node, and the bytes of one. */
  pstNodesMax: 20_000_000,
  pstSubnodesMax: 100_000,
  pstNodeMaxBytes: 512 * 1024 * 1024,
  /** Streams and storages of one compound file (.msg): its format allows 2048 recipients and as many attachments. */
  compoundEntriesMax: 250_000,
  /** Items of all lists in one decoded structure. */
  structureItemsMax: 1024 * 1024,
  /** One RRULE, characters, and one list in it. */
  recurrenceRuleMaxCharacters: 8192,
  recurrenceRuleListMax: 400,
  /** EXDATE and RDATE values, and changed occurrences, of one series. */
  recurrenceExceptionsMax: 20_000,
  /** Periods looked at for a rule that Exchange has no pattern for, and exceptions that stand for one in a series. */
  recurrencePeriodsMax: 100_000,
  recurrenceCoverMax: 3000,
  /** Occurrences that one change of all later ones is written into. */
  recurrenceRangeMax: 400,
  /** Occurrences that one look at a series gives. */
  occurrencesPerExpansionMax: 100_000,
  /** Lines of one vCard or iCalendar file, components inside components, and parameters of one line. */
  contentLinesMax: 1_000_000,
  contentDepthMax: 32,
  contentParametersMax: 1000,
  /** Members of one personal distribution list. */
  distributionMembersMax: 5000,
  /** What PidLidDistributionListMembers may hold; a longer list stands in the stream. [MS-OXOCNTC] 2.2.2.2.1 */
  distributionListMaxBytes: 15_000,
  /** Options of one vote. */
  votingOptionsMax: 100,
  /** Rules of one time zone definition. [MS-OXOCAL] 2.2.1.41 */
  timeZoneRulesMax: 1024,
  /** Lines of one VTIMEZONE, its STANDARD and DAYLIGHT parts, and their dates. */
  vtimezoneLinesMax: 5000,
  vtimezonePartsMax: 300,
  vtimezoneDatesMax: 5000,
  /** Unfolded lines of one iCalendar text, nesting of its components, and events it may hold. */
  calendarLinesMax: 500_000,
  calendarDepthMax: 16,
  calendarEventsMax: 100_000,
  /** Words of one list, CATEGORIES among them. */
  calendarListMax: 2000,
  /** Instances of all appointments together that one look at a calendar gives. */
  calendarInstancesMax: 100_000,
  /** One look at free/busy, days, and slots of its merged view: 62 days of 5 minutes. [MS-OXWAVLS] 3.1.4.1.3 */
  freeBusyWindowMaxDays: 62,
  freeBusySlotsMax: 62 * 288,
  /** FREEBUSY periods of one VFREEBUSY, and blocks of one published free/busy message. */
  freeBusyPeriodsMax: 50_000,
  /** Attendees of one request for suggestions, members of its groups included. */
  suggestionAttendeesMax: 1000,
  /** A working hours stream, and a dictionary of settings, bytes. [MS-OXOCFG] 2.2.5 */
  workingHoursMaxBytes: 64 * 1024,
  roamingStreamMaxBytes: 1024 * 1024,
  /** Bytes of attachments that a meeting takes along between a message and the calendar. */
  meetingAttachmentsMaxBytes: 32 * 1024 * 1024,
  /** People whose free/busy is told at once, and members of a group that are looked at one by one. [MS-OXWAVLS] */
  freeBusyAddressesMax: 100,
  freeBusyGroupMembersMax: 100,
  /** What a calendar remembers of meetings that it no longer shows, and for how long. */
  meetingTombstonesMax: 1000,
  meetingTombstonesKeptMs: 180 * 86_400_000,
  /** Conflicts that an answer to a booking tells. */
  bookingConflictsToldMax: 20,
  /** Nesting, elements, attributes of one element, one name and one run of text in an XML document. */
  xmlDepthMax: 128,
  xmlElementsMax: 1_000_000,
  xmlAttributesMax: 64,
  xmlNameMaxCharacters: 1024,
  xmlTextMaxCharacters: 16 * 1024 * 1024,
  /** A request of Autodiscover, bytes, and its elements; Outlook's longest asks for a hundred settings. */
  autodiscoverRequestMaxBytes: 256 * 1024,
  autodiscoverElementsMax: 5000,
  /** Time such a request may take to arrive. */
  autodiscoverBodyTimeoutMs: 30_000,
  /** Users or domains, and settings, that one SOAP request of Autodiscover asks for. */
  autodiscoverUsersMax: 100,
  autodiscoverSettingsMax: 500,
  /** An address typed into the settings page, characters: what RFC 5321 §4.5.3.1 allows and a little more. */
  welcomeAddressMax: 330,
  /** Mailboxes that Autodiscover tells one person to open beside their own. */
  alternativeMailboxesMax: 500,
  /** What doctor waits for: a connection and TLS, an answer, the name system, and everything together. */
  doctorConnectMs: 5000,
  doctorAnswerMs: 15_000,
  doctorLookupMs: 8000,
  doctorGroupMs: 120_000,
  /** Lines and bodies doctor reads of an answer. */
  doctorLineMaxBytes: 16 * 1024,
  doctorLinesMax: 500,
  doctorBodyMaxBytes: 4 * 1024 * 1024,
  /** Names of domains whose certificates are looked at. */
  doctorNamesMax: 120,
  /** Names and records doctor asks for one SPF record; RFC 7208 §4.6.4 */
  spfLookupsMax: 10,
  /** A property kept in the bag of its item, bytes; larger ones stand in rows of their own. */
  itemValueInBagMaxBytes: 4096,
  /** A MIME message read whole to be told as properties, bytes; of a larger one only the parts that are needed. */
  itemReadWholeMaxBytes: 1024 * 1024,
  /** A body of a MIME message held as a property, bytes of the message; a larger one is told from them when asked. */
  itemBodyHeldMaxBytes: 1024 * 1024,
  /** Messages told as properties, or rendered, in one transaction. */
  itemConvertAtOnce: 20,
  /** Tries to change an item that others change at the same time. */
  itemUpdateTriesMax: 5,
  /** Files an import looks at, and one that is read whole (iCalendar, vCard), bytes. */
  importFilesMax: 5_000_000,
  importTextMaxBytes: 64 * 1024 * 1024,
  /** Items of an import whose commit is awaited at once, and their bytes together. */
  importAtOnce: 16,
  importAtOnceMaxBytes: 64 * 1024 * 1024,
  /** Troubles that an import or export tells one by one; the others are counted. */
  importTroublesToldMax: 200,
  /** How often a long import or export says how far it is. */
  importProgressMs: 5_000,
  /** Header of a message that is held to find its like in a folder, bytes. */
  importHeadMaxBytes: 64 * 1024,
  /** Items of one exported iCalendar file together, bytes; more go into one file for each. */
  exportCalendarMaxBytes: 256 * 1024 * 1024,
  /** Of a message, what rules look at, bytes; its header fields, and the addresses of one name. */
  ruleReadMaxBytes: 1024 * 1024,
  ruleFieldsMax: 2000,
  ruleAddressesMax: 2000,
  /** Rules of one folder that are looked at, and one rule's condition and actions, bytes. */
  rulesPerFolderMax: 20_000,
  ruleMaxBytes: 256 * 1024,
  /** Addresses that one message is sent on to by all rules of a mailbox, and how often it may be sent on at all. */
  ruleForwardsMax: 20,
  ruleForwardHopsMax: 5,
  /** A message that is brought along in another one, bytes; and addresses of it that are looked up as the owner's. */
  ruleForwardWholeMaxBytes: 32 * 1024 * 1024,
  ruleOwnAddressesMax: 50,
  /** Automatic answers and duplicates that one mailbox remembers. */
  repliesRememberedMax: 2000,
  /** One text of an automatic reply, characters. */
  replyTextMaxCharacters: 256 * 1024,
  /** Entries of a list of blocked or safe senders. */
  senderListMax: 5000,
  /** A Sieve script, bytes; nesting, commands and tests, and strings in it. RFC 5228 §2.10.4 */
  sieveScriptMaxBytes: 256 * 1024,
  sieveDepthMax: 32,
  sieveNodesMax: 50_000,
  sieveStringsMax: 100_000,
  /** Redirects of one run, and actions of all kinds. RFC 5228 §10 */
  sieveRedirectsMax: 4,
  sieveActionsMax: 64,
  /** Variables of one script, and the characters of one. RFC 5229 §3, §8 */
  sieveVariablesMax: 256,
  sieveVariableMaxCharacters: 8192,
  /** Work of one run: characters compared, and tests. */
  sieveWorkMax: 20_000_000,
  /** What people read before they write to somebody, characters, and its languages. */
  mailTipMaxCharacters: 500,
  mailTipsMax: 20,
  /** Recipients that are asked about at once. */
  mailTipsRecipientsMax: 100,
  /** Lines of the audit of one mailbox, those that wait to be written, and those told at once. */
  mailboxAuditMax: 20_000,
  mailboxAuditWaitingMax: 10_000,
  mailboxAuditShownMax: 1000,
  /** Items of one act that the audit names by their subjects. */
  mailboxAuditSubjectsMax: 5,
  /** Removed items that are listed, or brought back in one transaction. */
  recoverListMax: 10_000,
  recoverAtOnce: 500,
  /** Links to calendars of one person, and instances that one of them tells. */
  publishedCalendarsMax: 50,
  publishedInstancesMax: 5000,
  /** Published calendars kept ready, and their bytes together. */
  publishedCacheMax: 200,
  publishedCacheMaxBytes: 32 * 1024 * 1024,
  /** Moderators of one group who are asked, and messages that wait for one that are listed at once. */
  moderatorsMax: 100,
  heldListedMax: 1000,
  /** XML of a message that shares a calendar, bytes. */
  sharingXmlMaxBytes: 64 * 1024,
} as const;
