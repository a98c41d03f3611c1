//! Lines of a log that somebody can cause as often as he likes: a few for each key in a while. The next line says how many
//! were left out.

use crate::timer::Moment;
use std::collections::HashMap;
use std::hash::Hash;
use std::time::Duration;

/// How many lines each key has had of late.
///
/// ```
/// use ftp_proto::fair::Seldom;
/// use ftp_proto::timer::Moment;
/// use std::time::Duration;
///
/// let at = |seconds| Moment::after_start(Duration::from_secs(seconds));
/// let mut lines = Seldom::new(1, 100, Duration::from_secs(60));
/// assert_eq!(lines.due("eve", at(0)), Some(0));
/// assert_eq!(lines.due("eve", at(30)), None);
/// assert_eq!(lines.due("bob", at(30)), Some(0));
/// assert_eq!(lines.due("eve", at(60)), Some(1), "one had no line");
/// ```
#[derive(Clone, Debug)]
pub struct Seldom<K> {
    of: HashMap<K, Lines>,
    /// What had no line, of keys that are not remembered.
    untold: u64,
    most: u32,
    remembered: usize,
    pause: Duration,
}

#[derive(Clone, Debug)]
struct Lines {
    /// When the first of these lines was written.
    at: Moment,
    /// How many there were since.
    told: u32,
    /// What had no line since.
    untold: u64,
}

impl<K: Eq + Hash> Seldom<K> {
    /// At most `most` lines of a key in each `pause`. At most `remembered` keys have lines within one.
    pub fn new(most: u32, remembered: usize, pause: Duration) -> Self {
        Self { of: HashMap::new(), untold: 0, most, remembered, pause }
    }

    /// Something happens that has a line. Returns `None` if it has to go without one, and otherwise how many had none
    /// before, of the same key and of those that are not remembered.
    pub fn due(&mut self, key: K, now: Moment) -> Option<u64> {
        let Self { of, untold, most, pause, .. } = self;
        if let Some(lines) = of.get_mut(&key) {
            if now.since(lines.at) >= *pause {
                (lines.at, lines.told) = (now, 0);
            } else if lines.told >= *most {
                lines.untold = lines.untold.saturating_add(1);
                return None;
            }
            lines.told += 1;
            return Some(std::mem::take(&mut lines.untold).saturating_add(std::mem::take(untold)));
        }
        if !self.has_room(&key, now) {
            self.untold = self.untold.saturating_add(1);
            return None;
        }
        self.of.insert(key, Lines { at: now, told: 1, untold: 0 });
        Some(std::mem::take(&mut self.untold))
    }

    /// Whether this key may have lines: it is remembered, or there is room for one more.
    pub fn has_room(&mut self, key: &K, now: Moment) -> bool {
        let Self { of, untold, remembered, pause, .. } = self;
        if of.len() >= *remembered && !of.contains_key(key) {
            of.retain(|_, lines| {
                let counts = now.since(lines.at) < *pause;
                *untold = untold.saturating_add(if counts { 0 } else { lines.untold });
                counts
            });
        }
        of.len() < *remembered || of.contains_key(key)
    }

    /// How many of this key had no line, if that is to be told now. They are not told again.
    pub fn take_untold(&mut self, key: &K) -> u64 {
        self.of.get_mut(key).map_or(0, |lines| std::mem::take(&mut lines.untold))
    }

    /// The same of all keys, also of those that are not remembered.
    pub fn take_all(&mut self) -> u64 {
        let of_keys = self.of.values_mut().map(|lines| std::mem::take(&mut lines.untold));
        of_keys.fold(std::mem::take(&mut self.untold), u64::saturating_add)
    }

    /// How many keys are remembered.
    pub fn len(&self) -> usize {
        self.of.len()
    }

    /// Whether no key is remembered.
    pub fn is_empty(&self) -> bool {
        self.of.is_empty()
    }
}
