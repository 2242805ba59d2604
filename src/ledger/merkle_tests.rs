//! The tree against the published vectors and against the definition in RFC 6962, written out naively.

use std::convert::Infallible;

use proptest::prelude::*;

use super::*;

/// MTH of RFC 6962 section 2.1, word for word.
pub(crate) fn naive_root(leaves: &[Hash]) -> Hash {
    match leaves {
        [] => empty_root(),
        [one] => *one,
        many => {
            let mut k = 1;
            while k * 2 < many.len() {
                k *= 2;
            }
            node_hash(&naive_root(&many[..k]), &naive_root(&many[k..]))
        }
    }
}

struct Leaves(Vec<Hash>);

impl Nodes for Leaves {
    type Error = Infallible;
    fn node(&self, level: u32, index: u64) -> Result<Hash, Infallible> {
        let start = usize::try_from(index << level).unwrap();
        Ok(naive_root(&self.0[start..start + (1 << level)]))
    }
}

fn leaves(n: u64) -> Vec<Hash> {
    (0..n).map(|i| leaf_hash(&i.to_be_bytes())).collect()
}

fn frontier(leaves: &[Hash]) -> Frontier {
    let mut frontier = Frontier::default();
    for leaf in leaves {
        frontier.append(*leaf, |_, _| ());
    }
    frontier
}

/// The inputs and roots of the reference tests of Certificate Transparency.
#[test]
fn roots_are_those_of_certificate_transparency() {
    let inputs = ["", "00", "10", "2021", "3031", "40414243", "5051525354555657", "606162636465666768696a6b6c6d6e6f"];
    let roots = [
        "6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d",
        "fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125",
        "aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77",
        "d37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7",
        "4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4",
        "76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef",
        "ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c",
        "5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328",
    ];
    let hex = &data_encoding::HEXLOWER;
    let mut tree = Frontier::default();
    let empty = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855";
    assert_eq!(hex.encode(&tree.root()), empty);
    for (input, root) in inputs.iter().zip(roots) {
        tree.append(leaf_hash(&hex.decode(input.as_bytes()).unwrap()), |_, _| ());
        assert_eq!(hex.encode(&tree.root()), root, "size {}", tree.size());
    }
}

#[test]
fn completed_subtrees_are_told_with_their_hash() {
    let all = leaves(32);
    let mut tree = Frontier::default();
    let mut told = Vec::new();
    for leaf in &all {
        let after = tree.size() + 1;
        tree.append(*leaf, |level, hash| told.push((level, (after >> level) - 1, *hash)));
    }
    assert_eq!(told.len(), 16 + 8 + 4 + 2 + 1);
    let source = Leaves(all);
    for (level, index, hash) in told {
        assert_eq!(source.node(level, index), Ok(hash));
    }
}

proptest! {
    #[test]
    fn the_frontier_has_the_root_of_the_definition(n in 0_u64..600) {
        let all = leaves(n);
        prop_assert_eq!(frontier(&all).root(), naive_root(&all));
    }

    #[test]
    fn a_tree_started_from_subtrees_is_the_same(n in 0_u64..600, more in 0_u64..40) {
        let all = leaves(n + more);
        let source = Leaves(all.clone());
        let mut tree = Frontier::default();
        for level in (0..10).rev().filter(|level| n >> level & 1 == 1) {
            tree.append_subtree(level, source.node(level, tree.size() >> level).unwrap(), |_, _| ());
        }
        for leaf in all.iter().skip(usize::try_from(n).unwrap()) {
            tree.append(*leaf, |_, _| ());
        }
        prop_assert_eq!(tree.root(), naive_root(&all));
    }

    #[test]
    fn inclusion_is_proved_for_the_leaf_and_no_other(n in 1_u64..300, index: u64, wrong: u64, bit in 0_usize..256) {
        let (index, wrong) = (index % n, wrong % (n + 1));
        let all = leaves(n);
        let root = naive_root(&all);
        let mut proof = inclusion_proof(&Leaves(all.clone()), index, n).unwrap();
        let leaf = all[usize::try_from(index).unwrap()];
        prop_assert_eq!(inclusion_root(leaf, index, n, &proof), Some(root));
        prop_assert_eq!(root_at(&Leaves(all), n), Ok(root));
        if wrong != index {
            prop_assert_ne!(inclusion_root(leaf, wrong, n, &proof), Some(root));
        }
        prop_assert_ne!(inclusion_root(leaf_hash(b"another"), index, n, &proof), Some(root));
        proof.push(root);
        prop_assert_ne!(inclusion_root(leaf, index, n, &proof), Some(root));
        proof.pop();
        if let Some(first) = proof.first_mut() {
            first[bit / 8] ^= 1 << (bit % 8);
            prop_assert_ne!(inclusion_root(leaf, index, n, &proof), Some(root));
        }
    }

    #[test]
    fn consistency_is_proved_for_a_prefix_and_nothing_else(n in 1_u64..300, old: u64, bit in 0_usize..256) {
        let old = old % n + 1;
        let all = leaves(n);
        let (old_root, root) = (naive_root(&all[..usize::try_from(old).unwrap()]), naive_root(&all));
        let mut proof = consistency_proof(&Leaves(all), old, n).unwrap();
        prop_assert!(is_consistent(old, n, &old_root, &root, &proof));
        prop_assert!(!is_consistent(old, n, &leaf_hash(b"another"), &root, &proof));
        prop_assert!(!is_consistent(old, n, &old_root, &leaf_hash(b"another"), &proof));
        prop_assert!(!is_consistent(n + 1, n, &old_root, &root, &proof));
        if let Some(last) = proof.last_mut() {
            last[bit / 8] ^= 1 << (bit % 8);
            prop_assert!(!is_consistent(old, n, &old_root, &root, &proof));
        }
    }

    #[test]
    fn any_proof_is_answered(index: u64, size: u64, old: u64, proof: Vec<Hash>) {
        let _ = inclusion_root([0; 32], index, size, &proof);
        let _ = is_consistent(old, size, &[0; 32], &[1; 32], &proof);
    }
}
