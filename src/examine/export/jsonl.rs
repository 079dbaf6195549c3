//! JSON Lines: the entry itself, byte for byte, behind its index and leaf hash.

use crate::audit::Entry;

pub(super) fn write(entry: &Entry, out: &mut Vec<u8>) {
    let leaf = entry.leaf_hash();
    let head = format!("{{\"index\":{},\"leaf_hash\":\"{leaf}\",\"entry\":", entry.index);
    out.extend_from_slice(head.as_bytes());
    out.extend_from_slice(&entry.bytes);
    out.extend_from_slice(b"}\n");
}
