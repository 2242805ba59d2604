//! The Merkle tree of RFC 6962 section 2.1 (the same as RFC 9162 section 2.1), pure: no IO, no database.

use ring::digest::{Context, SHA256, digest};

/// A SHA-256 hash of the tree.
pub type Hash = [u8; 32];

/// Levels a [`Frontier`] has room for: 2^40 leaves.
pub const LEVELS: usize = 40;
/// Hashes in a proof at most.
pub const PROOF_MAX: usize = 2 * LEVELS;

/// The hash of a leaf: SHA-256 of `0x00` and the record.
pub fn leaf_hash(record: &[u8]) -> Hash {
    let mut context = Context::new(&SHA256);
    context.update(&[0]);
    context.update(record);
    hash(context)
}

/// The hash of an inner node: SHA-256 of `0x01`, left and right.
pub fn node_hash(left: &Hash, right: &Hash) -> Hash {
    let mut input = [1_u8; 65];
    input[1..33].copy_from_slice(left);
    input[33..].copy_from_slice(right);
    let mut context = Context::new(&SHA256);
    context.update(&input);
    hash(context)
}

fn hash(context: Context) -> Hash {
    let mut out = [0; 32];
    out.copy_from_slice(context.finish().as_ref());
    out
}

/// The root of the tree without leaves: SHA-256 of nothing.
pub fn empty_root() -> Hash {
    let mut out = [0; 32];
    out.copy_from_slice(digest(&SHA256, &[]).as_ref());
    out
}

/// The right edge of a tree: all that is needed to append and to know the root. A fixed array, cheap to copy.
#[derive(Clone)]
pub struct Frontier {
    size: u64,
    /// `nodes[l]` is the root of a complete subtree of 2^l leaves; it counts when bit `l` of `size` is set.
    nodes: [Hash; LEVELS],
}

impl Default for Frontier {
    fn default() -> Self {
        Self { size: 0, nodes: [[0; 32]; LEVELS] }
    }
}

impl Frontier {
    /// Leaves in the tree.
    pub const fn size(&self) -> u64 {
        self.size
    }

    /// Appends a leaf. `complete` is told each subtree this completes: its level and hash, from level 1 up.
    pub fn append(&mut self, leaf: Hash, complete: impl FnMut(u32, &Hash)) {
        self.append_subtree(0, leaf, complete);
    }

    /// Appends a complete subtree of 2^`level` leaves, whose place the size must have reached
    /// (a multiple of 2^`level`); used to start from stored nodes.
    pub fn append_subtree(&mut self, level: u32, subtree: Hash, mut complete: impl FnMut(u32, &Hash)) {
        debug_assert_eq!(self.size & ((1 << level) - 1), 0, "a subtree begins where its size divides");
        let mut hash = subtree;
        let mut at = level;
        while self.size >> at & 1 == 1 {
            hash = node_hash(&self.nodes[at as usize], &hash);
            at += 1;
            complete(at, &hash);
        }
        self.nodes[at as usize] = hash;
        self.size += 1 << level;
    }

    /// The root of the tree.
    pub fn root(&self) -> Hash {
        let mut root = None;
        for level in 0..LEVELS {
            if self.size >> level & 1 == 1 {
                root = Some(root.map_or(self.nodes[level], |right| node_hash(&self.nodes[level], &right)));
            }
        }
        root.unwrap_or_else(empty_root)
    }
}

/// Where the hashes of complete subtrees come from.
pub trait Nodes {
    /// Why a hash could not be had.
    type Error;

    /// The root of the complete subtree of 2^`level` leaves that begins at leaf `index` * 2^`level`.
    fn node(&self, level: u32, index: u64) -> Result<Hash, Self::Error>;
}

/// The root of the first `size` leaves.
pub fn root_at<N: Nodes>(nodes: &N, size: u64) -> Result<Hash, N::Error> {
    if size == 0 { Ok(empty_root()) } else { range_root(nodes, 0, size) }
}

/// The proof that leaf `index` is in the tree of the first `size` leaves; `index` < `size`.
pub fn inclusion_proof<N: Nodes>(nodes: &N, index: u64, size: u64) -> Result<Vec<Hash>, N::Error> {
    let (mut start, mut count, mut index) = (0, size, index);
    let mut proof = Vec::new();
    while count > 1 {
        let left = split(count);
        if index < left {
            proof.push(range_root(nodes, start + left, count - left)?);
            count = left;
        } else {
            proof.push(range_root(nodes, start, left)?);
            start += left;
            index -= left;
            count -= left;
        }
    }
    proof.reverse();
    Ok(proof)
}

/// The proof that the tree of `old` leaves is a prefix of that of `new`; 0 < `old` <= `new`.
pub fn consistency_proof<N: Nodes>(nodes: &N, old: u64, new: u64) -> Result<Vec<Hash>, N::Error> {
    let (mut start, mut count, mut old) = (0, new, old);
    let mut proof = Vec::new();
    let mut whole = true;
    while old != count {
        let left = split(count);
        if old <= left {
            proof.push(range_root(nodes, start + left, count - left)?);
            count = left;
        } else {
            proof.push(range_root(nodes, start, left)?);
            start += left;
            old -= left;
            count -= left;
            whole = false;
        }
    }
    if !whole {
        proof.push(range_root(nodes, start, count)?);
    }
    proof.reverse();
    Ok(proof)
}

/// The largest power of two smaller than `count`; `count` > 1.
const fn split(count: u64) -> u64 {
    1 << (count - 1).ilog2()
}

/// The root of `count` leaves from `start`, which is where a subtree of the tree begins.
fn range_root<N: Nodes>(nodes: &N, start: u64, count: u64) -> Result<Hash, N::Error> {
    if count.is_power_of_two() {
        let level = count.trailing_zeros();
        return nodes.node(level, start >> level);
    }
    // At most one call deeper per level: the left part is complete, only the right one can be ragged.
    let left = split(count);
    Ok(node_hash(&range_root(nodes, start, left)?, &range_root(nodes, start + left, count - left)?))
}

/// The root that `proof` leads to from a leaf (RFC 9162 section 2.1.3.2); none when it does not fit the place.
pub fn inclusion_root(leaf: Hash, index: u64, size: u64, proof: &[Hash]) -> Option<Hash> {
    if index >= size || proof.len() > PROOF_MAX {
        return None;
    }
    let (mut place, mut last, mut root) = (index, size - 1, leaf);
    for sibling in proof {
        if last == 0 {
            return None;
        }
        if place & 1 == 1 || place == last {
            root = node_hash(sibling, &root);
            skip_levels(&mut place, &mut last);
        } else {
            root = node_hash(&root, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    (last == 0).then_some(root)
}

/// Whether `proof` shows that `old_root` of `old` leaves is a prefix of `new_root` of `new` leaves
/// (RFC 9162 section 2.1.4.2). The empty tree is a prefix of every tree.
pub fn is_consistent(old: u64, new: u64, old_root: &Hash, new_root: &Hash, proof: &[Hash]) -> bool {
    if old == 0 || old == new {
        let roots = if old == 0 { *old_root == empty_root() } else { old_root == new_root };
        return roots && proof.is_empty() && old <= new;
    }
    if old > new || proof.len() > PROOF_MAX {
        return false;
    }
    let (first, rest) = match proof.split_first() {
        _ if old.is_power_of_two() => (old_root, proof),
        Some(parts) => parts,
        None => return false,
    };
    let (mut place, mut last) = (old - 1, new - 1);
    while place & 1 == 1 {
        place >>= 1;
        last >>= 1;
    }
    let (mut small, mut large) = (*first, *first);
    for sibling in rest {
        if last == 0 {
            return false;
        }
        if place & 1 == 1 || place == last {
            small = node_hash(sibling, &small);
            large = node_hash(sibling, &large);
            skip_levels(&mut place, &mut last);
        } else {
            large = node_hash(&large, sibling);
        }
        place >>= 1;
        last >>= 1;
    }
    last == 0 && small == *old_root && large == *new_root
}

/// Passes the levels on which the node has no sibling to its left.
const fn skip_levels(place: &mut u64, last: &mut u64) {
    while *place & 1 == 0 && *place != 0 {
        *place >>= 1;
        *last >>= 1;
    }
}

#[cfg(test)]
#[path = "merkle_tests.rs"]
pub(crate) mod tests;
