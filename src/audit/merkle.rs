//! The Merkle tree of RFC 6962 section 2.1 (the same in RFC 9162): hashes, proofs, their checks.
//!
//! Nothing here knows where hashes are kept: whoever asks for a proof passes a [`Nodes`], which
//! answers with the hash of one perfect subtree.

use sha2::{Digest as _, Sha256};

/// A hash of the tree.
pub type Hash = [u8; 32];

/// The root of the empty tree: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    Sha256::digest(b"").into()
}

/// SHA-256(0x00 || entry).
pub fn leaf_hash(entry: &[u8]) -> Hash {
    Sha256::new_with_prefix([0]).chain_update(entry).finalize().into()
}

/// SHA-256(0x01 || left || right).
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    Sha256::new_with_prefix([1]).chain_update(left).chain_update(right).finalize().into()
}

/// The Merkle tree hash over `parts`: leaf hashes, or the roots of equal perfect subtrees of which
/// the last may be a smaller one.
pub fn root_of(parts: &[Hash]) -> Hash {
    match parts {
        [] => empty_root(),
        [one] => *one,
        more => {
            let (left, right) = more.split_at(split(more.len() as u64) as usize);
            node_hash(&root_of(left), &root_of(right))
        }
    }
}

/// The largest power of two that is strictly smaller than `size`, which is at least 2.
const fn split(size: u64) -> u64 {
    1 << (63 - (size - 1).leading_zeros())
}

/// Where the hashes of a tree come from.
pub trait Nodes {
    /// Why a hash could not be had.
    type Error;
    /// The root of the perfect subtree over the leaves `index << level .. (index + 1) << level`.
    ///
    /// # Errors
    /// Whatever the source of hashes meets.
    fn node(&mut self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// The Merkle tree hash of the leaves `start..end`; `start` is aligned as in RFC 6962.
///
/// # Errors
/// Those of `nodes`.
pub fn subtree<N: Nodes>(nodes: &mut N, start: u64, end: u64) -> Result<Hash, N::Error> {
    let size = end - start;
    if size == 0 {
        return Ok(empty_root());
    }
    if size.is_power_of_two() {
        let level = size.trailing_zeros();
        return nodes.node(level, start >> level);
    }
    let middle = start + split(size);
    let left = subtree(nodes, start, middle)?;
    Ok(node_hash(&left, &subtree(nodes, middle, end)?))
}

/// The inclusion proof of leaf `index` in the tree of `size` leaves, from leaf to root.
///
/// # Errors
/// Those of `nodes`.
pub fn inclusion<N: Nodes>(nodes: &mut N, index: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let (mut start, mut end) = (0, size);
    let mut path = Vec::new();
    while end - start > 1 {
        let middle = start + split(end - start);
        if index < middle {
            path.push(subtree(nodes, middle, end)?);
            end = middle;
        } else {
            path.push(subtree(nodes, start, middle)?);
            start = middle;
        }
    }
    path.reverse();
    Ok(path)
}

/// The consistency proof from the tree of `old` leaves to that of `new` (RFC 6962 section 2.1.2).
/// Empty where `old` is 0 or equals `new`.
///
/// # Errors
/// Those of `nodes`.
pub fn consistency<N: Nodes>(nodes: &mut N, old: u64, new: u64) -> Result<Vec<Hash>, N::Error> {
    if old == 0 || old >= new {
        return Ok(Vec::new());
    }
    let (mut start, mut end, mut known) = (0, new, true);
    let mut path = Vec::new();
    while old != end {
        let middle = start + split(end - start);
        if old <= middle {
            path.push(subtree(nodes, middle, end)?);
            end = middle;
        } else {
            path.push(subtree(nodes, start, middle)?);
            start = middle;
            known = false;
        }
    }
    if !known {
        path.push(subtree(nodes, start, end)?);
    }
    path.reverse();
    Ok(path)
}

/// Whether `path` proves that `leaf` is entry `index` of the tree with this size and root.
pub fn check_inclusion(leaf: &Hash, index: u64, size: u64, path: &[Hash], root: &Hash) -> bool {
    if index >= size {
        return false;
    }
    let mut path = path.iter();
    let mut climb = |hash: Hash, from_left: bool| {
        path.next().map(|sibling| match from_left {
            true => node_hash(sibling, &hash),
            false => node_hash(&hash, sibling),
        })
    };
    let (mut hash, mut position, mut last) = (*leaf, index, size - 1);
    while last > 0 {
        // A last node without sibling moves up unchanged.
        if position & 1 == 1 || position < last {
            let Some(parent) = climb(hash, position & 1 == 1) else { return false };
            hash = parent;
        }
        position >>= 1;
        last >>= 1;
    }
    path.next().is_none() && hash == *root
}

/// Whether `path` proves that the tree `old` is the beginning of the tree `new`; each is a size
/// and a root.
pub fn check_consistency(old: (u64, &Hash), new: (u64, &Hash), path: &[Hash]) -> bool {
    let ((old_size, old_root), (new_size, new_root)) = (old, new);
    if old_size > new_size {
        return false;
    }
    if old_size == new_size {
        return path.is_empty() && old_root == new_root;
    }
    if old_size == 0 {
        return path.is_empty() && *old_root == empty_root();
    }
    let mut path = path.iter();
    let (mut position, mut last) = (old_size - 1, new_size - 1);
    while position & 1 == 1 {
        position >>= 1;
        last >>= 1;
    }
    // A whole left subtree is known to the verifier: the old root itself.
    let first = if position == 0 { Some(old_root) } else { path.next() };
    let Some(&first) = first else { return false };
    let (mut old_hash, mut new_hash) = (first, first);
    while last > 0 {
        if position & 1 == 1 {
            let Some(sibling) = path.next() else { return false };
            old_hash = node_hash(sibling, &old_hash);
            new_hash = node_hash(sibling, &new_hash);
        } else if position < last {
            let Some(sibling) = path.next() else { return false };
            new_hash = node_hash(&new_hash, sibling);
        }
        position >>= 1;
        last >>= 1;
    }
    path.next().is_none() && old_hash == *old_root && new_hash == *new_root
}
