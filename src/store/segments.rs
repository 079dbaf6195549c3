//! Many small blobs in few files, each appended with one fdatasync.
//!
//! A record is `"AFB1" || length (u32, big endian) || first half of the blob's SHA-256 || blob`.
//! Segments are only ever appended to. A torn or damaged place is stepped over, never cut away: writing goes on in a
//! fresh segment. The index of what lies where is in memory and made by reading the records' heads.

use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File};
use std::io;
use std::os::unix::fs::FileExt as _;
use std::path::{Path, PathBuf};

use crate::domain::digest::Digest;
use crate::domain::limits::{RECORD_BYTES_MAX, SEGMENT_BYTES_MAX};
use crate::durable::{self, AppendFile, Lock, LockError, Readers};

/// The first half of a blob's digest, which is enough to tell blobs apart.
type Half = [u8; 16];

const MAGIC: [u8; 4] = *b"AFB1";
const HEAD_BYTES: u64 = 24;

/// Segments that cannot be read or written.
#[derive(Debug, thiserror::Error)]
pub enum SegmentError {
    /// Caller's fault.
    #[error("a blob of {bytes} bytes is too large for a segment")]
    TooLarge {
        /// Its length.
        bytes: usize,
    },
    /// Fatal: an append failed earlier and what is on disk is unknown; restart.
    #[error("the vault stopped writing after a failed append: free the disk and restart")]
    Stopped,
    /// Unavailable, and fatal for writing: the disk.
    #[error(transparent)]
    Io(#[from] io::Error),
}

#[derive(Clone, Copy)]
struct Place {
    segment: u32,
    offset: u32,
}

/// How far a segment was read.
#[derive(Clone, Copy, Default)]
struct Scanned {
    end: u64,
    /// Something after `end`, or before it, is not a record.
    damaged: bool,
}

/// All segments of a vault.
pub(super) struct Segments {
    dir: PathBuf,
    index: HashMap<Half, Place>,
    scanned: BTreeMap<u32, Scanned>,
    writer: Option<Writer>,
    stopped: bool,
}

struct Writer {
    segment: u32,
    file: AppendFile,
    _lock: Lock,
}

impl Segments {
    pub(super) fn open(dir: &Path) -> Result<Self, SegmentError> {
        let mut segments = Self {
            dir: dir.to_owned(),
            index: HashMap::new(),
            scanned: BTreeMap::new(),
            writer: None,
            stopped: false,
        };
        segments.refresh()?;
        Ok(segments)
    }

    /// Appends a blob; on disk on return.
    pub(super) fn append(&mut self, digest: Digest, blob: &[u8]) -> Result<(), SegmentError> {
        let too_large = || SegmentError::TooLarge { bytes: blob.len() };
        let len = u32::try_from(blob.len()).map_err(|_| too_large())?;
        if blob.len() > RECORD_BYTES_MAX {
            return Err(too_large());
        }
        if self.stopped {
            return Err(SegmentError::Stopped);
        }
        let mut writer = self.writer()?;
        let offset = writer.file.len();
        let mut record = Vec::with_capacity(blob.len() + HEAD_BYTES as usize);
        record.extend_from_slice(&MAGIC);
        record.extend_from_slice(&len.to_be_bytes());
        record.extend_from_slice(&half(digest));
        record.extend_from_slice(blob);
        if let Err(e) = writer.file.append(&record) {
            // Where only space was lacking, the next append reads what is there and steps over it.
            self.stopped = !durable::is_full(&e);
            return Err(e.into());
        }
        self.note(half(digest), writer.segment, offset);
        self.scanned.entry(writer.segment).or_default().end = writer.file.len();
        self.writer = Some(writer);
        Ok(())
    }

    /// The blob with this digest, unchecked; `None` where no record says to be it.
    pub(super) fn read(&mut self, digest: Digest) -> Result<Option<Vec<u8>>, SegmentError> {
        if !self.index.contains_key(&half(digest)) {
            // Another process of this home may have written since.
            self.refresh()?;
        }
        let Some(place) = self.index.get(&half(digest)).copied() else { return Ok(None) };
        let path = self.path(place.segment);
        let file = File::open(&path).map_err(|e| durable::at(&path, "open", e))?;
        let Some(head) = Head::read(&file, u64::from(place.offset))? else { return Ok(None) };
        let mut blob = vec![0; head.len as usize];
        match file.read_exact_at(&mut blob, u64::from(place.offset) + HEAD_BYTES) {
            Ok(()) => Ok(Some(blob)),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(e) => Err(durable::at(&path, "read", e).into()),
        }
    }

    /// The segment being written, or the last one if it is whole, has room and nobody else writes
    /// it, or a fresh one.
    fn writer(&mut self) -> Result<Writer, SegmentError> {
        if let Some(writer) = self.writer.take()
            && writer.file.len() < SEGMENT_BYTES_MAX
        {
            return Ok(writer);
        }
        let mut segment = self.scanned.keys().next_back().copied().unwrap_or(1).max(1);
        loop {
            let path = self.path(segment);
            // A fresh segment's name must be durable too, and the lock alone would not make it so.
            match durable::create_new(&path, b"", Readers::Owner) {
                Err(e) if e.kind() != io::ErrorKind::AlreadyExists => return Err(e.into()),
                Err(_) | Ok(()) => {}
            }
            match Lock::try_acquire(&path) {
                Ok(lock) => {
                    self.scan(segment)?;
                    let file = AppendFile::open(&path)?;
                    let scanned = self.scanned.get(&segment).copied().unwrap_or_default();
                    let whole = scanned.end == file.len() && !scanned.damaged;
                    if whole && file.len() < SEGMENT_BYTES_MAX {
                        return Ok(Writer { segment, file, _lock: lock });
                    }
                }
                Err(LockError::Held { .. }) => {}
                Err(LockError::Io(e)) => return Err(e.into()),
            }
            segment += 1;
        }
    }

    fn refresh(&mut self) -> Result<(), SegmentError> {
        let list = |e| durable::at(&self.dir, "list", e);
        let mut found = Vec::new();
        for entry in fs::read_dir(&self.dir).map_err(list)? {
            let name = entry.map_err(list)?.file_name();
            found.extend(name.to_str().and_then(number));
        }
        found.sort_unstable();
        found.into_iter().try_for_each(|segment| self.scan(segment))
    }

    /// Reads on from where the last reading ended.
    fn scan(&mut self, segment: u32) -> Result<(), SegmentError> {
        let path = self.path(segment);
        let file = File::open(&path).map_err(|e| durable::at(&path, "open", e))?;
        let len = file.metadata().map_err(|e| durable::at(&path, "inspect", e))?.len();
        let mut scanned = self.scanned.get(&segment).copied().unwrap_or_default();
        while scanned.end < len {
            let at = match Head::read(&file, scanned.end)? {
                Some(head) if head.end(scanned.end) <= len => Some((scanned.end, head)),
                Some(_) | None => {
                    scanned.damaged = true;
                    next_whole(&file, scanned.end + 1, len)?
                }
            };
            let Some((offset, head)) = at else { break };
            self.note(head.half, segment, offset);
            scanned.end = head.end(offset);
        }
        self.scanned.insert(segment, scanned);
        Ok(())
    }

    fn note(&mut self, half: Half, segment: u32, offset: u64) {
        if let Ok(offset) = u32::try_from(offset) {
            self.index.insert(half, Place { segment, offset });
        }
    }

    fn path(&self, segment: u32) -> PathBuf {
        self.dir.join(format!("contents-{segment:06}.seg"))
    }
}

struct Head {
    len: u32,
    half: Half,
}

impl Head {
    /// `None` where no head of a record stands.
    fn read(file: &File, offset: u64) -> io::Result<Option<Self>> {
        let mut bytes = [0; HEAD_BYTES as usize];
        match file.read_exact_at(&mut bytes, offset) {
            Ok(()) => Ok(Self::parse(&bytes)),
            Err(e) if e.kind() == io::ErrorKind::UnexpectedEof => Ok(None),
            Err(e) => Err(e),
        }
    }

    fn parse(bytes: &[u8]) -> Option<Self> {
        let (magic, rest) = bytes.split_first_chunk::<4>()?;
        let (len, rest) = rest.split_first_chunk::<4>()?;
        let (half, _) = rest.split_first_chunk::<16>()?;
        let len = u32::from_be_bytes(*len);
        (*magic == MAGIC && len as usize <= RECORD_BYTES_MAX).then_some(Self { len, half: *half })
    }

    fn end(&self, offset: u64) -> u64 {
        offset + HEAD_BYTES + u64::from(self.len)
    }
}

/// The first record from `from` on whose blob is what its head says. Only after damage, so that its
/// cost (the rest of one segment in memory) does not matter.
fn next_whole(file: &File, from: u64, len: u64) -> io::Result<Option<(u64, Head)>> {
    let rest = usize::try_from(len.saturating_sub(from)).unwrap_or_default();
    let mut bytes = vec![0; rest.min(SEGMENT_BYTES_MAX as usize + RECORD_BYTES_MAX + 64)];
    file.read_exact_at(&mut bytes, from)?;
    let starts = bytes.windows(MAGIC.len()).enumerate().filter(|(_, found)| *found == MAGIC);
    for (at, _) in starts {
        let record = bytes.get(at..).unwrap_or_default();
        let Some(head) = Head::parse(record) else { continue };
        let blob = HEAD_BYTES as usize..HEAD_BYTES as usize + head.len as usize;
        if record.get(blob).is_some_and(|blob| half(Digest::of(blob)) == head.half) {
            return Ok(Some((from + at as u64, head)));
        }
    }
    Ok(None)
}

fn half(digest: Digest) -> Half {
    let mut half = [0; 16];
    half.iter_mut().zip(digest.as_bytes()).for_each(|(to, from)| *to = *from);
    half
}

fn number(name: &str) -> Option<u32> {
    name.strip_prefix("contents-")?.strip_suffix(".seg")?.parse().ok()
}
