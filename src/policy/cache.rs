//! What is kept while nothing that it depends on has changed: decisions, and facts of the tree they are made from.
//!
//! The caller holds a number, the authorization epoch, that grows in the same commit as any change of a fact that
//! decisions are made from: grant, role, policy, membership, credential, and an environment's name, protection, tier,
//! flow, lock and place in the tree. What was kept in another epoch is invisible.

use std::collections::HashMap;
use std::collections::hash_map::RandomState;
use std::hash::{BuildHasher as _, Hash};
use std::sync::{Arc, PoisonError, RwLock};

use super::{Action, Decision, Node, PrincipalId};
use crate::types::{Id, kinds};

/// What a decision is kept under. Credentials are not part of it: a user's tokens share their decisions.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct CacheKey {
    /// Who asks.
    pub principal: PrincipalId,
    /// The organization acted in: one user may act in many, and permits in one are nothing in another.
    pub organization: Id<kinds::Organization>,
    /// What for.
    pub action: Action,
    /// On what.
    pub node: Node,
}

const SHARDS: usize = 16;

struct Shard<K, V> {
    epoch: u64,
    kept: HashMap<K, V>,
}

/// A bounded cache for many readers. A hit takes one shared lock and two hashes.
pub struct EpochCache<K, V> {
    hasher: RandomState,
    shards: [RwLock<Shard<K, V>>; SHARDS],
    per_shard: usize,
}

/// Decisions of the current epoch.
pub type DecisionCache = EpochCache<CacheKey, Arc<Decision>>;

impl DecisionCache {
    /// Decisions kept by default, at most; some 500 bytes each.
    pub const CAPACITY: usize = 65_536;
}

impl<K: Hash + Eq, V: Clone> std::fmt::Debug for EpochCache<K, V> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("EpochCache").field("kept", &self.len()).finish_non_exhaustive()
    }
}

impl Default for DecisionCache {
    fn default() -> Self {
        Self::new(Self::CAPACITY)
    }
}

impl<K: Hash + Eq, V: Clone> EpochCache<K, V> {
    /// A cache of at most `capacity` entries, rounded up to a multiple of 16.
    pub fn new(capacity: usize) -> Self {
        Self {
            hasher: RandomState::new(),
            shards: std::array::from_fn(|_| RwLock::new(Shard { epoch: 0, kept: HashMap::new() })),
            per_shard: capacity.div_ceil(SHARDS).max(1),
        }
    }

    /// What was kept under `key` in this very `epoch`.
    pub fn get(&self, epoch: u64, key: &K) -> Option<V> {
        let shard = self.shard(key).read().unwrap_or_else(PoisonError::into_inner);
        if shard.epoch == epoch { shard.kept.get(key).cloned() } else { None }
    }

    /// Keeps what was made in `epoch`: the epoch read in the same snapshot as the facts. What is older than the
    /// newest epoch seen is not kept; a full part of the cache is emptied first.
    pub fn put(&self, epoch: u64, key: K, value: V) {
        let mut shard = self.shard(&key).write().unwrap_or_else(PoisonError::into_inner);
        if epoch < shard.epoch {
            return;
        }
        if epoch > shard.epoch || shard.kept.len() >= self.per_shard {
            shard.epoch = epoch;
            shard.kept.clear();
        }
        shard.kept.insert(key, value);
    }

    /// How many entries are held, those of older epochs included until their part is used again.
    pub fn len(&self) -> usize {
        let counts = self.shards.iter().map(|s| s.read().unwrap_or_else(PoisonError::into_inner).kept.len());
        counts.sum()
    }

    /// Whether it holds none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn shard(&self, key: &K) -> &RwLock<Shard<K, V>> {
        // The map inside takes the low bits of a hash of its own; this one is only spread over the shards.
        let hash = self.hasher.hash_one(key);
        &self.shards[usize::try_from(hash % SHARDS as u64).unwrap_or(0)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn key(n: u32) -> CacheKey {
        let mut bytes = [0; 16];
        bytes[12..].copy_from_slice(&n.to_be_bytes());
        CacheKey {
            principal: PrincipalId::User(Id::from_bytes([1; 16])),
            organization: Id::from_bytes([2; 16]),
            action: Action::SecretUse,
            node: Node::Environment(Id::from_bytes(bytes)),
        }
    }

    fn decision(allow: bool) -> Arc<Decision> {
        let reasons = vec!["so the test says".to_owned()];
        Arc::new(if allow { Decision::allowed(Vec::new(), reasons) } else { Decision::denied(Vec::new(), reasons) })
    }

    #[test]
    fn a_decision_is_seen_in_its_own_epoch_only() {
        let cache = DecisionCache::default();
        cache.put(7, key(1), decision(true));
        assert_eq!(cache.get(7, &key(1)), Some(decision(true)));
        assert_eq!(cache.get(6, &key(1)), None);
        assert_eq!(cache.get(8, &key(1)), None);
        cache.put(8, key(1), decision(false));
        assert_eq!(cache.get(8, &key(1)), Some(decision(false)));
        assert_eq!(cache.get(7, &key(1)), None);
    }

    #[test]
    fn a_late_decision_of_an_older_epoch_replaces_nothing() {
        let cache = DecisionCache::default();
        cache.put(8, key(1), decision(false));
        cache.put(7, key(1), decision(true));
        assert_eq!(cache.get(8, &key(1)), Some(decision(false)));
        assert_eq!(cache.get(7, &key(1)), None);
    }

    #[test]
    fn every_part_of_the_key_tells_decisions_apart() {
        let cache = DecisionCache::default();
        cache.put(1, key(1), decision(true));
        let other_principal = PrincipalId::ServiceAccount(Id::from_bytes([1; 16]));
        let others = [
            key(2),
            CacheKey { principal: other_principal, ..key(1) },
            CacheKey { organization: Id::from_bytes([3; 16]), ..key(1) },
            CacheKey { action: Action::SecretReveal, ..key(1) },
            CacheKey { node: Node::Project(Id::from_bytes([0; 16])), ..key(1) },
        ];
        for other in others {
            assert_eq!(cache.get(1, &other), None, "{other:?}");
        }
    }

    #[test]
    fn it_never_holds_more_than_its_capacity() {
        let cache = DecisionCache::new(64);
        for n in 0..10_000 {
            cache.put(1, key(n), decision(true));
            assert_eq!(cache.get(1, &key(n)), Some(decision(true)));
            assert!(cache.len() <= 64);
        }
    }

    #[test]
    fn readers_and_writers_of_many_threads_see_only_their_epoch() {
        let cache = DecisionCache::default();
        std::thread::scope(|scope| {
            for thread in 0..4_u64 {
                let cache = &cache;
                scope.spawn(move || {
                    for n in 0..2_000_u32 {
                        let epoch = u64::from(n / 100) + thread % 2;
                        cache.put(epoch, key(n % 50), decision(epoch.is_multiple_of(2)));
                        if let Some(found) = cache.get(epoch, &key(n % 50)) {
                            assert_eq!(found.allow, epoch.is_multiple_of(2));
                        }
                    }
                });
            }
        });
        assert!(!cache.is_empty());
    }
}
