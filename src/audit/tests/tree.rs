//! The tree against published values and against another implementation.

use ct_merkle::mem_backed_tree::MemoryBackedTree;
use ct_merkle::{ConsistencyProof, InclusionProof};
use proptest::prelude::*;
use sha2::Sha256;

use crate::audit::merkle::{
    Hash, Nodes, check_consistency, check_inclusion, consistency, inclusion, leaf_hash, node_hash,
    root_of,
};
use crate::audit::tile::{Edge, Part, PartKind};

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Source: the reference leaves of Certificate Transparency's own tests.
#[test]
fn the_reference_tree_has_its_published_roots() {
    let leaves: [&[u8]; 8] = [
        b"",
        &[0x00],
        &[0x10],
        &[0x20, 0x21],
        &[0x30, 0x31],
        &[0x40, 0x41, 0x42, 0x43],
        &[0x50, 0x51, 0x52, 0x53, 0x54, 0x55, 0x56, 0x57],
        &[
            0x60, 0x61, 0x62, 0x63, 0x64, 0x65, 0x66, 0x67, 0x68, 0x69, 0x6a, 0x6b, 0x6c, 0x6d,
            0x6e, 0x6f,
        ],
    ];
    let roots = [
        "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855",
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let mut edge = Edge::default();
    assert_eq!(hex(&edge.root()), roots[0]);
    for (leaf, root) in leaves.iter().zip(&roots[1..]) {
        edge.push(leaf_hash(leaf));
        assert_eq!(hex(&edge.root()), *root);
    }
}

#[test]
fn paths_are_those_of_tlog_tiles() {
    let tile = |level, number, width| Part { kind: PartKind::Tile(level), number, width };
    let table = [
        (tile(0, 0, 256), "tile/0/000"),
        (tile(0, 999, 256), "tile/0/999"),
        (tile(1, 1000, 256), "tile/1/x001/000"),
        (tile(0, 1_234_067, 256), "tile/0/x001/x234/067"),
        (tile(0, 1_234_067, 17), "tile/0/x001/x234/067.p/17"),
        (Part { kind: PartKind::Entries, number: 3, width: 255 }, "tile/entries/003.p/255"),
    ];
    for (part, path) in table {
        assert_eq!(part.to_string(), path);
        assert_eq!(Part::parse(path), Some(part));
    }
    for wrong in [
        "checkpoint",
        "tile/0/0",
        "tile/0/0000",
        "tile/00/000",
        "tile/0/000.p/0",
        "tile/+0/000",
        "tile/0/000.p/256",
        "tile/0/000.p/07",
        "tile/0/001/000",
        "tile/0/x000/000",
        "tile/0/x001",
        "tile/0/000/",
        "tile//000",
        "tile/entries/000.p",
        "tile/0/000.gz",
        "tile/64a/000",
        "tile/0/x999/x999/x999/x999/x999/x999/x999/999",
    ] {
        assert_eq!(Part::parse(wrong), None, "{wrong}");
    }
}

#[test]
fn a_log_of_70000_has_exactly_the_files_that_the_specification_lists() {
    let partial = |level| PartKind::Tile(level).partial(70_000).map(|part| part.to_string());
    assert_eq!(PartKind::Tile(0).count(70_000) / 256, 273);
    assert_eq!(partial(0).as_deref(), Some("tile/0/273.p/112"));
    assert_eq!(partial(1).as_deref(), Some("tile/1/001.p/17"));
    assert_eq!(partial(2).as_deref(), Some("tile/2/000.p/1"));
    assert_eq!(partial(3), None);
    assert_eq!(PartKind::Entries.partial(512), None);
    assert!(Part::full(PartKind::Tile(1), 0).is_within(65_536));
    assert!(!Part::full(PartKind::Tile(1), 0).is_within(65_535));
}

/// The files of a level: how many full ones, and the width of the partial one.
fn files(level: u8, size: u64) -> (u64, u16) {
    let kind = PartKind::Tile(level);
    (kind.count(size) / 256, kind.partial(size).map_or(0, |part| part.width))
}

#[test]
fn tiles_are_counted_right_on_both_sides_of_every_power_of_256() {
    const CUBE: u64 = 256 * 256 * 256;
    // (entries, full tiles and partial width of levels 0 to 3)
    let table = [
        (0, [(0, 0), (0, 0), (0, 0), (0, 0)]),
        (1, [(0, 1), (0, 0), (0, 0), (0, 0)]),
        (255, [(0, 255), (0, 0), (0, 0), (0, 0)]),
        (256, [(1, 0), (0, 1), (0, 0), (0, 0)]),
        (257, [(1, 1), (0, 1), (0, 0), (0, 0)]),
        (65_535, [(255, 255), (0, 255), (0, 0), (0, 0)]),
        (65_536, [(256, 0), (1, 0), (0, 1), (0, 0)]),
        (65_537, [(256, 1), (1, 0), (0, 1), (0, 0)]),
        (CUBE - 1, [(65_535, 255), (255, 255), (0, 255), (0, 0)]),
        (CUBE, [(65_536, 0), (256, 0), (1, 0), (0, 1)]),
        (CUBE + 1, [(65_536, 1), (256, 0), (1, 0), (0, 1)]),
    ];
    for (size, levels) in table {
        for (level, expected) in (0..).zip(levels) {
            assert_eq!(files(level, size), expected, "level {level} of {size}");
            if let Some(last) = PartKind::Tile(level).partial(size) {
                let wider = Part { width: last.width + 1, ..last };
                assert!(last.is_within(size) && !wider.is_within(size), "{last} of {size}");
            }
        }
    }
    assert!(!Part::full(PartKind::Tile(7), u64::MAX).is_within(u64::MAX));
}

/// The root of `count` equal leaves, by the definition of RFC 6962 section 2.1.
fn uniform_root(leaf: &Hash, count: u64) -> Hash {
    if count == 1 {
        return *leaf;
    }
    if count.is_power_of_two() {
        let half = uniform_root(leaf, count / 2);
        return node_hash(&half, &half);
    }
    let left = 1 << (63 - (count - 1).leading_zeros());
    node_hash(&uniform_root(leaf, left), &uniform_root(leaf, count - left))
}

/// Trees of equal leaves stand for real ones of 16 million: each level's hashes are then known.
#[test]
fn the_edge_carries_through_every_level_at_once() {
    let leaf = leaf_hash(b"");
    for (power, levels) in [(256_u64, 1_u8), (65_536, 2), (256 * 65_536, 3), (1 << 32, 4)] {
        let size = power - 1;
        let below = (0..levels).map(|level| {
            let width = PartKind::Tile(level).count(size) % 256;
            vec![uniform_root(&leaf, 256_u64.pow(u32::from(level))); width as usize]
        });
        let mut edge = Edge::from_tiles(size, below.collect()).unwrap();
        assert_eq!(edge.root(), uniform_root(&leaf, size), "{size}");
        let full = edge.push(leaf);
        assert_eq!(full.len(), usize::from(levels), "{power}: every level's tile is full");
        assert!(full.iter().zip(0..).all(|(tile, level)| {
            tile.part.kind == PartKind::Tile(level) && tile.part.is_within(power)
        }));
        assert_eq!(edge.root(), uniform_root(&leaf, power), "{power}");
        assert_eq!(edge.push(leaf), []);
        assert_eq!(edge.root(), uniform_root(&leaf, power + 1), "{power} and one");
    }
}

#[test]
fn whole_tiles_build_the_same_edge_as_single_leaves() {
    let (mut one, mut other) = (Edge::default(), Edge::default());
    for tile in 0_u32..300 {
        let hashes: Vec<_> =
            (0..256).map(|at| leaf_hash(&(tile * 256 + at).to_be_bytes())).collect();
        let mut full: Vec<_> = hashes.iter().flat_map(|leaf| one.push(*leaf)).collect();
        let above = other.push_tile(root_of(&hashes));
        full.retain(|tile| tile.part.kind != PartKind::Tile(0));
        assert_eq!(above, full, "tile {tile}");
        assert_eq!(one, other);
    }
}

#[test]
fn the_edge_of_a_large_tree_has_the_root_of_all_its_leaves() {
    let mut edge = Edge::default();
    let mut leaves = Vec::new();
    let mut full = 0;
    for number in 0_u32..66_100 {
        let leaf = leaf_hash(&number.to_be_bytes());
        leaves.push(leaf);
        for tile in edge.push(leaf) {
            full += 1;
            assert_eq!(tile.hashes.len(), 256);
            assert!(tile.part.is_within(edge.size()));
        }
    }
    assert_eq!(full, 258 + 1);
    assert_eq!(edge.level_count(), 3);
    assert_eq!(edge.root(), root_of(&leaves));
    let levels: Vec<_> = (0..3).map(|level| edge.level(level).to_vec()).collect();
    let again = Edge::from_tiles(edge.size(), levels.clone()).unwrap();
    assert_eq!(again.root(), edge.root());
    assert_eq!(Edge::from_tiles(edge.size() + 1, levels), None);
}

/// Hashes straight from the leaves.
struct Leaves(Vec<Hash>);

impl Nodes for Leaves {
    type Error = std::convert::Infallible;

    fn node(&mut self, level: u32, index: u64) -> Result<Hash, Self::Error> {
        let start = (index << level) as usize;
        Ok(match level {
            0 => self.0[start],
            _ => {
                node_hash(&self.node(level - 1, 2 * index)?, &self.node(level - 1, 2 * index + 1)?)
            }
        })
    }
}

fn oracle(size: u64) -> MemoryBackedTree<Sha256, Vec<u8>> {
    let mut tree = MemoryBackedTree::new();
    (0..size).for_each(|number| tree.push(number.to_be_bytes().to_vec()));
    tree
}

fn ours(size: u64) -> (Leaves, Edge) {
    let leaves: Vec<_> = (0..size).map(|number| leaf_hash(&number.to_be_bytes())).collect();
    let mut edge = Edge::default();
    leaves.iter().for_each(|leaf| drop(edge.push(*leaf)));
    (Leaves(leaves), edge)
}

#[test]
fn every_root_up_to_2000_is_that_of_ct_merkle() {
    let mut tree = oracle(0);
    let mut edge = Edge::default();
    for number in 0_u64..2_000 {
        tree.push(number.to_be_bytes().to_vec());
        edge.push(leaf_hash(&number.to_be_bytes()));
        assert_eq!(edge.root().as_slice(), tree.root().as_bytes().as_slice(), "{number}");
    }
}

/// Sizes around the powers of two and of 256, up to 2,000.
const SIZES: [u64; 16] = [1, 2, 3, 7, 8, 9, 127, 255, 256, 257, 511, 512, 513, 1_024, 1_025, 2_000];

#[test]
fn every_leaf_of_a_small_tree_and_many_of_a_larger_one_are_proved_as_ct_merkle_does() {
    for size in SIZES {
        let tree = oracle(size);
        let (mut leaves, edge) = ours(size);
        for index in (0..size).step_by((size / 50 + 1) as usize).chain([size - 1]) {
            let Ok(path) = inclusion(&mut leaves, index, size);
            let theirs = tree.prove_inclusion(index as usize);
            assert_eq!(path.as_flattened(), theirs.as_bytes(), "{index} of {size}");
            let leaf = leaves.0[index as usize];
            assert!(check_inclusion(&leaf, index, size, &path, &edge.root()));
        }
        for old in (1..size).step_by((size / 50 + 1) as usize) {
            let Ok(path) = consistency(&mut leaves, old, size);
            let theirs = tree.prove_consistency((size - old) as usize);
            assert_eq!(path.as_flattened(), theirs.as_bytes(), "{old} to {size}");
            let old_root = ours(old).1.root();
            assert!(check_consistency((old, &old_root), (size, &edge.root()), &path));
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Source: RFC 6962 section 2.1.1. Proofs are byte for byte those of ct-merkle, hold for their
    /// leaf, and for no other leaf, place, size or path.
    #[test]
    fn inclusion_proofs_agree_with_ct_merkle((size, index) in (1_u64..=2_000)
        .prop_flat_map(|size| (Just(size), 0..size)))
    {
        let tree = oracle(size);
        let (mut leaves, edge) = ours(size);
        let Ok(path) = inclusion(&mut leaves, index, size);
        let theirs: InclusionProof<Sha256> = tree.prove_inclusion(index as usize);
        prop_assert_eq!(path.as_flattened(), theirs.as_bytes());
        let (leaf, root) = (leaves.0[index as usize], edge.root());
        prop_assert!(check_inclusion(&leaf, index, size, &path, &root));
        prop_assert!(!check_inclusion(&leaf_hash(b"no"), index, size, &path, &root));
        prop_assert!(!check_inclusion(&leaf, index + 1, size, &path, &root));
        prop_assert!(!check_inclusion(&leaf, size, size, &path, &root));
        prop_assert!(!check_inclusion(&leaf, index, size, &path, &leaf_hash(b"no")));
        let longer = [path.as_slice(), &[root]].concat();
        prop_assert!(!check_inclusion(&leaf, index, size, &longer, &root));
        if let Some((_, shorter)) = path.split_last() {
            prop_assert!(!check_inclusion(&leaf, index, size, shorter, &root));
        }
    }

    /// Source: RFC 6962 section 2.1.2.
    #[test]
    fn consistency_proofs_agree_with_ct_merkle((new, old) in (2_u64..=2_000)
        .prop_flat_map(|new| (Just(new), 1..new)))
    {
        let tree = oracle(new);
        let (mut leaves, edge) = ours(new);
        let Ok(path) = consistency(&mut leaves, old, new);
        let theirs: ConsistencyProof<Sha256> = tree.prove_consistency((new - old) as usize);
        prop_assert_eq!(path.as_flattened(), theirs.as_bytes());
        let (old_root, new_root) = (ours(old).1.root(), edge.root());
        prop_assert!(check_consistency((old, &old_root), (new, &new_root), &path));
        prop_assert!(!check_consistency((old, &new_root), (new, &old_root), &path));
        prop_assert!(!check_consistency((old, &leaf_hash(b"no")), (new, &new_root), &path));
        prop_assert!(!check_consistency((old, &old_root), (new, &leaf_hash(b"no")), &path));
        let longer = [path.as_slice(), &[new_root]].concat();
        prop_assert!(!check_consistency((old, &old_root), (new, &new_root), &longer));
    }
}

#[test]
fn trees_are_consistent_with_themselves_and_with_nothing() {
    let (mut leaves, edge) = ours(5);
    let root = edge.root();
    assert_eq!(consistency(&mut leaves, 0, 5), Ok(Vec::new()));
    assert!(check_consistency((0, &Edge::default().root()), (5, &root), &[]));
    assert!(!check_consistency((0, &root), (5, &root), &[]));
    assert!(check_consistency((5, &root), (5, &root), &[]));
    assert!(!check_consistency((5, &root), (5, &leaf_hash(b"no")), &[]));
    assert!(!check_consistency((6, &root), (5, &root), &[]));
}
