//! Lines of the log and of the audit that somebody can cause as often as he likes: a few for each token and
//! minute. The next line says how many were left out.

use std::hash::Hash;
use std::sync::Mutex;
use std::time::Duration;

use ftp_io::lock::Lock;
use ftp_proto::fair;
use ftp_proto::timer::Moment;

/// How many lines each token has had in its minute.
#[derive(Debug)]
pub(super) struct Seldom<K>(Mutex<fair::Seldom<K>>);

impl Seldom<Option<String>> {
    /// The lines of what the holders of tokens are refused, by the name of the token.
    pub(super) fn of_tokens() -> Self {
        Self::new(REFUSALS, MAX_TOKENS)
    }

    /// The sessions with lines of the holders of tokens, by the name of the token.
    pub(super) fn of_sessions() -> Self {
        Self::new(SESSIONS, MAX_TOKENS)
    }
}

impl Seldom<(Option<String>, &'static str)> {
    /// The lines of one kind of event, by the name of the token and of the event.
    pub(super) fn of_kinds() -> Self {
        Self::new(OF_A_KIND, MAX_TOKENS)
    }
}

impl<K: Eq + Hash> Seldom<K> {
    fn new(most: u32, remembered: usize) -> Self {
        Self(Mutex::new(fair::Seldom::new(most, remembered, PAUSE)))
    }

    /// Something happens that has a line. Returns `None` if it has to go without one, and otherwise how many had none
    /// before, of the same token and of those that are not remembered.
    pub(super) fn due(&self, from: impl Into<K>, now: Moment) -> Option<u64> {
        self.0.locked().due(from.into(), now)
    }

    /// How many of this token had no line, if that is to be told now. They are not told again.
    pub(super) fn take_untold(&self, of: &K) -> u64 {
        self.0.locked().take_untold(of)
    }

    /// The same of all.
    pub(super) fn take_all(&self) -> u64 {
        self.0.locked().take_all()
    }
}

/// How many refusals of one token the log and the audit tell in this time.
const REFUSALS: u32 = 60;
/// How many sessions of one token the log and the audit tell in this time.
const SESSIONS: u32 = 120;
/// How many lines of one kind of event the sessions of one token get in this time.
const OF_A_KIND: u32 = 60;
/// Lines are counted for this time.
pub(super) const PAUSE: Duration = Duration::from_secs(60);
/// Maximum number of tokens that are remembered. Only the operator makes them.
pub(super) const MAX_TOKENS: usize = 4_096;

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> Moment {
        Moment::after_start(Duration::from_secs(seconds))
    }

    #[test]
    fn a_token_takes_no_line_from_another_one() {
        let seldom = Seldom::of_tokens();
        let due = |name: &str| seldom.due(name.to_owned(), at(1));
        let told = (0..10_000).filter_map(|_| due("eve")).count();
        assert_eq!(told, 60);
        assert!((0..1_000).all(|number| due(&number.to_string()) == Some(0)));
        assert_eq!(seldom.due("eve".to_owned(), at(61)), Some(9_940));
    }
}
