//! Logins that wait, in a queue for each host.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::hash::Hash;

/// Queues of those that wait, one for each host. Each has a number: the order in which they came.
#[derive(Debug)]
pub(super) struct Queue<H, K> {
    waiting: HashMap<H, VecDeque<(u64, K)>>,
    next: u64,
}

impl<H, K> Default for Queue<H, K> {
    fn default() -> Self {
        Self { waiting: HashMap::new(), next: 0 }
    }
}

impl<H: Copy + Eq + Hash, K: Copy + Eq> Queue<H, K> {
    /// Adds one at the end of the queue of its host.
    pub(super) fn push(&mut self, host: H, key: K) {
        self.waiting.entry(host).or_default().push_back((self.next, key));
        self.next = self.next.saturating_add(1);
    }

    /// Removes one, wherever it stands.
    pub(super) fn remove(&mut self, host: &H, key: &K) {
        if let Some(queue) = self.waiting.get_mut(host) {
            queue.retain(|(_, other)| other != key);
            if queue.is_empty() {
                self.waiting.remove(host);
            }
        }
    }

    /// Takes the first one of the host with the least rank, of those with equal rank the one that came
    /// first. Hosts without a rank have to wait.
    pub(super) fn pop_best(&mut self, rank: impl Fn(&H) -> Option<u32>) -> Option<K> {
        let ranked = self.waiting.iter().filter_map(|(host, queue)| {
            let (number, _) = queue.front()?;
            Some(((rank(host)?, *number), *host))
        });
        let (_, host) = ranked.collect::<BTreeMap<_, _>>().pop_first()?;
        let queue = self.waiting.get_mut(&host)?;
        let (_, key) = queue.pop_front()?;
        if queue.is_empty() {
            self.waiting.remove(&host);
        }
        Some(key)
    }

    /// The hosts of those that wait.
    pub(super) fn keys(&self) -> impl Iterator<Item = &H> {
        self.waiting.keys()
    }
}
