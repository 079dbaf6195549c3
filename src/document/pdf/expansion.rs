//! Refuses files whose packed streams unfold without bound, before anything unpacks them.
//!
//! Deflate packs at most 1,032 to 1, and filters may be chained. Streams that are too small to
//! exceed the limit at that ratio cost nothing here; the few others are unpacked once, counted and
//! thrown away.

use lopdf::{Dictionary, Object, Stream};

use crate::document::guard::Watch;
use crate::document::reason::{Reason, Unreadable};

/// Largest unpacked stream where text is read: the instructions of one page are far smaller.
const READ_BYTES_MAX: usize = 128 * 1024 * 1024;
/// Largest unpacked stream where a page is drawn: an A3 picture of 600 points per inch.
const DRAW_BYTES_MAX: usize = 256 * 1024 * 1024;
/// The best that deflate and LZW can do.
const RATIO_MAX: usize = 1_032;
/// How far before `stream` its dictionary is looked for.
const DICTIONARY_BYTES: usize = 2_048;
/// Streams that are looked at.
const STREAMS_MAX: usize = 1_000_000;

/// Whether the pictures of a file are going to be unpacked.
#[derive(Clone, Copy, Eq, PartialEq)]
pub(in crate::document) enum Pictures {
    /// No: its text is read.
    StayPacked,
    /// Yes: its pages are drawn.
    Unpack,
}

/// Checks every stream of a file that could exceed the limit.
pub(in crate::document) fn check(
    bytes: &[u8],
    pictures: Pictures,
    watch: &Watch,
) -> Result<(), Unreadable> {
    let limit = match pictures {
        Pictures::StayPacked => READ_BYTES_MAX,
        Pictures::Unpack => DRAW_BYTES_MAX,
    };
    let mut from = 0;
    for _ in 0..STREAMS_MAX {
        let Some(at) = find(bytes, from, b"stream") else { return Ok(()) };
        from = at + b"stream".len();
        let head = bytes.get(at.saturating_sub(DICTIONARY_BYTES)..at).unwrap_or_default();
        if head.ends_with(b"end") {
            continue;
        }
        let dictionary = own_dictionary(head);
        let filters = filters(dictionary);
        let skipped = pictures == Pictures::StayPacked && is_picture(dictionary);
        if filters.is_empty() || skipped {
            continue;
        }
        let body = bytes.get(from..).unwrap_or_default();
        let end = find(body, 0, b"endstream").unwrap_or(body.len());
        let body = body.get(..end).unwrap_or_default();
        let skip = body.iter().take_while(|byte| matches!(byte, b'\r' | b'\n')).count().min(2);
        let body = body.get(skip..).unwrap_or_default();
        let most = filters.iter().fold(body.len(), |size, _| size.saturating_mul(RATIO_MAX));
        if most > limit {
            watch.check()?;
            unpack(body, &filters, limit)?;
        }
        from += end;
    }
    Ok(())
}

/// Unpacks a stream within the limit; what cannot be unpacked is no bomb.
fn unpack(body: &[u8], filters: &[&'static [u8]], limit: usize) -> Result<(), Unreadable> {
    let names = filters.iter().map(|name| Object::Name(name.to_vec())).collect();
    let mut dict = Dictionary::new();
    dict.set("Filter", Object::Array(names));
    let stream = Stream::new(dict, body.to_vec());
    match stream.decompressed_content_with_limit(limit) {
        Err(lopdf::Error::Decompress(lopdf::DecompressError::MemoryLimitExceeded { .. })) => {
            let detail = format!("a stream of the file unpacks to more than {limit} bytes");
            Err(Unreadable::new(Reason::TooLarge, detail))
        }
        _ => Ok(()),
    }
}

/// The packing filters that a stream's dictionary names, in order.
fn filters(head: &[u8]) -> Vec<&'static [u8]> {
    const NAMES: [(&[u8], &[u8]); 4] = [
        (b"/FlateDecode", b"FlateDecode"),
        (b"/Fl", b"FlateDecode"),
        (b"/LZWDecode", b"LZWDecode"),
        (b"/LZW", b"LZWDecode"),
    ];
    let mut found = Vec::new();
    let mut at = 0;
    while let Some(rest) = head.get(at..).filter(|rest| !rest.is_empty()) {
        let named = NAMES.iter().find(|(name, _)| {
            let next = rest.get(name.len());
            rest.starts_with(name) && next.is_none_or(|byte| !byte.is_ascii_alphanumeric())
        });
        match named {
            Some((name, filter)) => {
                found.push(*filter);
                at += name.len();
            }
            None => at += 1,
        }
    }
    found
}

/// What follows the last ` obj`: the dictionary of this stream alone.
fn own_dictionary(head: &[u8]) -> &[u8] {
    let starts = head.windows(4).rposition(|window| window == b" obj");
    starts.and_then(|at| head.get(at..)).unwrap_or(head)
}

fn is_picture(dictionary: &[u8]) -> bool {
    let kind = find(dictionary, 0, b"/Subtype").and_then(|at| dictionary.get(at + 8..));
    kind.is_some_and(|rest| rest.trim_ascii_start().starts_with(b"/Image"))
}

fn find(bytes: &[u8], from: usize, word: &[u8]) -> Option<usize> {
    let rest = bytes.get(from..)?;
    let first = *word.first()?;
    let mut at = 0;
    loop {
        at += rest.get(at..)?.iter().position(|byte| *byte == first)?;
        if rest.get(at..)?.starts_with(word) {
            return Some(from + at);
        }
        at += 1;
    }
}
