//! Every bound in one place, with its reason.

/// A question is a question, not a document; also bounds the prompt.
pub const QUESTION_CHARS_MAX: usize = 4_000;
/// Passages given to the generator where the asker names no number.
pub const TOP_K_DEFAULT: u32 = 8;
/// More than this does not fit any prompt and only slows the search.
pub const TOP_K_MAX: u32 = 100;
/// First-stage candidates from each half of the index, before fusion.
pub const CANDIDATES_MAX: usize = 100;
/// No law keeps a document for more than a hundred years.
pub const RETENTION_DAYS_MAX: u32 = 36_500;
/// A proposed change waits for a second person for a week.
pub const CHANGE_MS_MAX: u64 = 7 * 24 * 60 * 60 * 1000;
/// 45 CFR 164.312(a)(2)(ii), emergency access procedure: long enough to treat somebody.
pub const EMERGENCY_MS_DEFAULT: u64 = 60 * 60 * 1000;
/// No emergency lasts longer than a shift: by then there is a treatment relationship.
pub const EMERGENCY_MS_MAX: u64 = 8 * 60 * 60 * 1000;
/// Somebody looks at an emergency within three days of its end, also over a weekend.
pub const EMERGENCY_REVIEW_MS: u64 = 72 * 60 * 60 * 1000;
/// Emergencies of one person at a time: more is no emergency.
pub const EMERGENCIES_OPEN_MAX: usize = 10;
/// Names of sources of relationships.
pub const SOURCE_CHARS_MAX: usize = 64;
/// Lines of one file of relationships: every treatment relationship of a large hospital.
pub const RELATIONSHIPS_MAX: usize = 500_000;
/// Bytes of such a file.
pub const RELATIONSHIP_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Relationships of one person: read with every request of theirs.
pub const RELATIONSHIPS_OF_PERSON_MAX: usize = 20_000;
/// A stated reason is a sentence or two.
pub const REASON_CHARS_MAX: usize = 1_000;
/// A purpose is a code.
pub const PURPOSE_CHARS_MAX: usize = 64;
/// Label values are identifiers, not prose.
pub const LABEL_CHARS_MAX: usize = 200;
/// Account names appear in file names and headers.
pub const USER_NAME_CHARS_MAX: usize = 64;
/// Titles are shown in lists.
pub const TITLE_CHARS_MAX: usize = 300;

/// NIST SP 800-63B section 3.1.1.2: at least eight characters, no rules on which.
pub const PASSWORD_CHARS_MIN: usize = 8;
/// Guesses that a password withstands, as zxcvbn reckons: beyond every list of common ones (ASVS 5.0
/// 6.2.4 asks for the first 3,000), keyboard rows, dates, and what is written with 4 for a.
pub const PASSWORD_GUESSES_MIN: u64 = 1_000_000;
/// Names of accounts from this length on may not stand in their password.
pub const PASSWORD_NAME_CHARS_MIN: usize = 4;
/// Bounds what is hashed.
pub const PASSWORD_CHARS_MAX: usize = 256;
/// A working day: then sign in again, however busy. What a site sets instead is bounded below.
pub const SESSION_MS: u64 = 8 * 60 * 60 * 1000;
/// 45 CFR 164.312(a)(2)(iii), automatic logoff: an unattended screen closes.
pub const SESSION_IDLE_MS: u64 = 30 * 60 * 1000;
/// A shorter one ends between two clicks.
pub const SESSION_MINUTES_MIN: i64 = 5;
/// NIST SP 800-63B section 2.2.3: at AAL2 a session lasts a day at most …
pub const SESSION_MINUTES_MAX: i64 = 24 * 60;
/// … and an hour without use.
pub const SESSION_IDLE_MINUTES_MAX: i64 = 60;
/// How long a proof of who one is holds for sensitive acts: long enough for one task.
pub const CONFIRMED_MS_MAX: u64 = 5 * 60 * 1000;
/// After somebody else reset an account it confirms nothing for a day: its owner, who cannot sign in
/// any more, has time to notice.
pub const RESET_QUIET_MS: u64 = 24 * 60 * 60 * 1000;
/// Recovery codes of a second factor: enough for years, few enough to print.
pub const RECOVERY_CODES: usize = 10;
/// Tokens of one account: one for each script; more are forgotten ones.
pub const TOKENS_MAX: usize = 100;
/// A token's label is a name.
pub const TOKEN_LABEL_CHARS_MAX: usize = 80;
/// How exactly the last use of a session is noted; spares a write for each request.
pub const SESSION_SEEN_MS: u64 = 60 * 1000;
/// Tokens of scripts end, so that forgotten ones do: 90 days, at every door.
pub const TOKEN_MS_MAX: u64 = 90 * 24 * 60 * 60 * 1000;
/// Wrong passwords for one name from one place before it has to wait there.
pub const SIGN_IN_FAILURES_MAX: u32 = 5;
/// After this long one of them is forgotten.
pub const SIGN_IN_FORGET_MS: u64 = 15 * 60 * 1000;
/// The first wait; each further failure doubles it.
pub const SIGN_IN_WAIT_MS: u64 = 30 * 1000;
/// The longest wait: a nuisance to guessers, not a lock-out by strangers.
pub const SIGN_IN_WAIT_MS_MAX: u64 = 15 * 60 * 1000;
/// Wrong passwords for one name from anywhere before strangers have to wait with it: beyond what one
/// guesser has …
pub const SIGN_IN_NAME_FAILURES_MAX: u32 = 20;
/// … who goes on as fast as their own waits let them.
pub const SIGN_IN_NAME_FORGET_MS: u64 = 5 * 60 * 1000;
/// Wrong passwords from one address before it has to wait: a whole office may sit behind one …
pub const SIGN_IN_ADDRESS_FAILURES_MAX: u32 = 50;
/// … and mistypes all day.
pub const SIGN_IN_ADDRESS_FORGET_MS: u64 = 60 * 1000;
/// Names and addresses whose failures are remembered.
pub const SIGN_IN_NAMES_MAX: usize = 10_000;
/// Places of one account whose failures outlive a restart.
pub const SIGN_IN_PLACES_MAX: usize = 32;
/// Passwords checked at a time: each takes 19 MiB and a core …
pub const PASSWORD_CHECKS_MAX: usize = 4;
/// … and those that wait for it: a second's worth.
pub const PASSWORD_CHECKS_WAITING_MAX: usize = 32;
/// Groups that one person is in, and that the configuration names: a large firm has thousands.
pub const OPENID_GROUPS_MAX: usize = 10_000;
/// Largest reply of an OpenID provider: a token of somebody in very many groups.
pub const OPENID_REPLY_BYTES_MAX: u64 = 1024 * 1024;
/// Sign-ons that are open at a time: the oldest makes room for the newest.
pub const OPENID_OPEN_MAX: usize = 10_000;
/// Those of one address: a stranger must not push out the others'.
pub const OPENID_OPEN_OF_ONE_MAX: usize = 1_000;
/// From leaving for the provider to coming back: time to find a telephone and type a code.
pub const OPENID_OPEN_MS: u64 = 10 * 60 * 1000;
/// Requests that may wait for a provider at a time: one that hangs must not hold up the others.
pub const OPENID_CALLS_MAX: usize = 16;
/// Those of one address: a stranger must not take all of them.
pub const OPENID_CALLS_OF_ONE_MAX: usize = 4;
/// How far the provider's clock may be from ours.
pub const OPENID_LEEWAY_MS: u64 = 60 * 1000;
/// How long keys and addresses that the provider published are used before they are asked for again:
/// a withdrawn key opens no door for longer.
pub const OPENID_FRESH_MS: u64 = 5 * 60 * 1000;
/// Times that keys are asked for early, because a token names an unknown one, in that time.
pub const OPENID_REFRESHES_MAX: usize = 5;

/// Policy files of one directory; a set is a handful, each may be long.
pub const POLICY_FILES_MAX: usize = 200;
/// Largest policy or examples file.
pub const POLICY_BYTES_MAX: u64 = 1024 * 1024;
/// Past questions that policies are tried on at most, and where nothing else is said: a minute's
/// work at 100,000 passages.
pub const SIMULATED_MAX: usize = 10_000;
/// See [`SIMULATED_MAX`].
pub const SIMULATED_DEFAULT: usize = 1_000;
/// A policy set is kept in one piece, beside every answer that it decided.
pub const POLICY_SET_BYTES_MAX: u64 = 2 * 1024 * 1024;

/// Largest file that is taken in: larger ones are quarantined as `too_large`.
pub const FILE_BYTES_MAX: u64 = 256 * 1024 * 1024;
/// Files within one file, at any depth: the letters of a large case.
pub const MEMBERS_MAX: usize = 10_000;
/// Files within files within files: a document in a message in an archive, and one more.
pub const MEMBER_DEPTH_MAX: usize = 3;
/// Largest file within a file: the process that unpacks it holds it twice.
pub const MEMBER_BYTES_MAX: u64 = 128 * 1024 * 1024;
/// All files within one file, unpacked: what a disc of a case holds.
pub const UNPACKED_BYTES_MAX: u64 = 4 * 1024 * 1024 * 1024;
/// Largest number of pages of one document.
pub const PAGES_MAX: usize = 5_000;
/// Largest text of one page, in code points; spans are `u32`.
pub const PAGE_CHARS_MAX: usize = 4_000_000;
/// Longest time for parsing one document, in milliseconds.
pub const PARSE_MS_MAX: u64 = 60_000;
/// Memory of the process that reads one document, beside the document's own bytes.
pub const PARSE_MEMORY_BYTES_MAX: u64 = 512 * 1024 * 1024;
/// Longest reply of that process: it cannot hold more.
pub const PARSE_REPLY_BYTES_MAX: u64 = PARSE_MEMORY_BYTES_MAX;
/// Largest rendered page picture, in pixels on either side.
pub const PICTURE_PIXELS_MAX: u32 = 4_000;
/// Passages of one document; a 5,000-page file has about 25,000.
pub const PASSAGES_MAX: usize = 100_000;

/// tlog-tiles: an entry's length is a 16-bit number.
pub const ENTRY_BYTES_MAX: usize = 65_535;
/// Entries waiting for the sequencer; beyond this callers are told to retry.
pub const APPEND_QUEUE_MAX: usize = 4_096;
/// Entries of one batch: one append, one fsync, one signature.
pub const APPEND_BATCH_MAX: usize = 1_024;

/// How long a caller waits for its entry: a healthy disk needs milliseconds, and callers of one
/// that hangs are told to retry rather than pile up.
pub const APPEND_WAIT_MS_MAX: u64 = 10_000;
/// Space that the log keeps for a full disk: what waits to be published at a usual load, twice over
/// (as journal and as tiles), and the entry that says so.
pub const LOG_RESERVE_BYTES: u64 = 4 * 1024 * 1024;
/// How often a log whose storage is full looks for space.
pub const LOG_PROBE_MS: u64 = 1_000;
/// Between two heartbeats at most: the verifier takes twice as much for a silence.
pub const HEARTBEAT_SECONDS_MAX: u64 = 300;
/// Time of day and steady clock may drift so far apart in a second: NTP slews by half a millisecond
/// and steps from 128 ms on; what is left is a busy machine between two readings.
pub const CLOCK_STEP_MS_MAX: u64 = 1_000;

/// Tokens generated for one answer.
pub const COMPLETION_TOKENS_MAX: usize = 256;
/// Tokens of evidence and instructions: three to seven seconds of prefill on two cores at most.
pub const PROMPT_TOKENS_MAX: usize = 1_800;
/// Questions waiting for the model; beyond this the edge answers 429.
pub const QUESTION_QUEUE_MAX: usize = 32;
/// Uploads on their way at once: each may hold the largest file in memory.
pub const UPLOADS_MAX: usize = 4;
/// Largest vault blob.
pub const BLOB_BYTES_MAX: usize = 512 * 1024 * 1024;
/// Largest record of a vault segment; what is larger becomes a file of its own.
pub const RECORD_BYTES_MAX: usize = 4 * 1024 * 1024;
/// A vault segment is full at this size; offsets are `u32`.
pub const SEGMENT_BYTES_MAX: u64 = 64 * 1024 * 1024;
/// Data keys held open in memory; the rest are read again.
pub const KEYS_CACHED_MAX: usize = 4_096;
/// Keys that one payload needs at most: an asker, a matter, a patient, and documents with theirs.
pub const PAYLOAD_KEYS_MAX: usize = 3 + 3 * TOP_K_MAX as usize;
/// Memory that sled may use for its cache.
pub const STATE_CACHE_BYTES: u64 = 64 * 1024 * 1024;
/// Largest JSON request body.
pub const JSON_BYTES_MAX: usize = 256 * 1024;

const _: () = assert!(TOP_K_DEFAULT <= TOP_K_MAX);
const _: () = assert!(TOP_K_MAX as usize <= CANDIDATES_MAX);
const _: () = assert!(APPEND_BATCH_MAX <= APPEND_QUEUE_MAX);
const _: () = assert!(MEMBER_BYTES_MAX <= FILE_BYTES_MAX);
const _: () = assert!(3 * MEMBER_BYTES_MAX <= PARSE_MEMORY_BYTES_MAX);
const _: () = assert!(FILE_BYTES_MAX as usize <= BLOB_BYTES_MAX);
const _: () = assert!(RECORD_BYTES_MAX <= BLOB_BYTES_MAX);
const _: () = assert!(SEGMENT_BYTES_MAX + (RECORD_BYTES_MAX as u64) < u32::MAX as u64);
const _: () = assert!(SESSION_IDLE_MS < SESSION_MS);
const _: () = assert!((SESSION_SEEN_MS as i64) < SESSION_MINUTES_MIN * 60 * 1000);
const _: () = assert!(SESSION_IDLE_MINUTES_MAX <= SESSION_MINUTES_MAX);
const _: () = assert!(SIGN_IN_FAILURES_MAX < SIGN_IN_NAME_FAILURES_MAX);
const _: () = assert!(SIGN_IN_NAME_FAILURES_MAX < SIGN_IN_ADDRESS_FAILURES_MAX);
const _: () = assert!(EMERGENCY_MS_DEFAULT <= EMERGENCY_MS_MAX);
const _: () = assert!(SIGN_IN_NAME_FORGET_MS < SIGN_IN_FORGET_MS);
const _: () = assert!(SIGN_IN_WAIT_MS_MAX <= SIGN_IN_FORGET_MS);
const _: () = assert!(OPENID_CALLS_OF_ONE_MAX < OPENID_CALLS_MAX);
const _: () = assert!(OPENID_OPEN_OF_ONE_MAX < OPENID_OPEN_MAX);
const _: () = assert!(PAGE_CHARS_MAX <= u32::MAX as usize);
