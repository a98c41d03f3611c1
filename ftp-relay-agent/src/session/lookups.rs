//! Names that sessions ask for. Each lookup keeps a thread until the system has answered, also if the session has given it
//! up, so what one token and all of them together have is bounded.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_io::lock::Lock;
use ftp_io::os_error::words;
use ftp_io::socket;
use ftp_proto::timer::Moment;
use tokio::sync::oneshot;

use crate::policy::Level;

/// The lookups of a relay. Clones are the same.
#[derive(Clone, Debug)]
pub struct Lookups {
    clock: Clock,
    state: Arc<Mutex<State>>,
}

#[derive(Debug, Default)]
struct State {
    /// Threads that each token has.
    running: HashMap<Level, usize>,
    /// Those who wait, the one that came first comes first.
    waiting: VecDeque<WaitingLookup>,
    /// Names that could not be resolved, why, and until when that counts.
    failed: HashMap<String, (Moment, String)>,
}

#[derive(Debug)]
struct WaitingLookup {
    token: Level,
    begin: oneshot::Sender<Place>,
}

/// The place of one lookup. Dropping it gives it back.
#[derive(Debug)]
struct Place {
    lookups: Lookups,
    token: Level,
}

impl Lookups {
    /// No lookup yet.
    pub fn new(clock: Clock) -> Self {
        Self { clock, state: Arc::default() }
    }

    /// The addresses of a name, at most [`MAX_ADDRESSES`], for a session of this token.
    ///
    /// # Errors
    ///
    /// The name cannot be resolved, or the token has too many names that wait.
    pub(super) async fn addresses(
        &self,
        token: &Level,
        host: String,
        port: u16,
    ) -> Result<Vec<SocketAddr>, String> {
        if let Some(why) = self.known_failure(&host) {
            return Err(why);
        }
        let place = self.place(token).ok_or("too many names wait")?;
        let place = place.await.map_err(|_| "the relay ends")?;
        // The task keeps the place until the lookup ends, although nobody may wait for it any more.
        let found = tokio::spawn(async move {
            let found = match socket::look_up(&host, port).await {
                Ok(found) if !found.is_empty() => Ok(found.into_iter().take(MAX_ADDRESSES).collect()),
                Ok(_) => Err("the name has no address".to_owned()),
                Err(error) => Err(words(&error)),
            };
            if let Err(why) = &found {
                place.lookups.note_failure(host, why.clone());
            }
            found
        });
        found.await.unwrap_or_else(|error| Err(error.to_string()))
    }

    fn known_failure(&self, host: &str) -> Option<String> {
        let now = self.clock.now();
        self.state.locked().failed.get(host).filter(|(until, _)| *until > now).map(|(_, why)| why.clone())
    }

    fn note_failure(&self, host: String, why: String) {
        let now = self.clock.now();
        let failed = &mut self.state.locked().failed;
        if failed.len() >= MOST_FAILED {
            failed.retain(|_, (until, _)| *until > now);
        }
        if failed.len() < MOST_FAILED {
            failed.insert(host, (now + FAILURE_COUNTS, why));
        }
    }

    /// A place for a lookup, when there is one; `None` if the token has too many that wait.
    fn place(&self, token: &Level) -> Option<oneshot::Receiver<Place>> {
        let (begin, begun) = oneshot::channel();
        let mut state = self.state.locked();
        // Whoever has given up waits no more.
        state.waiting.retain(|waiting| !waiting.begin.is_closed());
        if state.waiting.iter().filter(|waiting| waiting.token == *token).count() >= MOST_WAITING {
            return None;
        }
        state.waiting.push_back(WaitingLookup { token: token.clone(), begin });
        drop(state);
        self.begin();
        Some(begun)
    }

    /// Begins what may begin.
    fn begin(&self) {
        loop {
            let mut state = self.state.locked();
            let Some(at) = state.waiting.iter().position(|waiting| state.may_run(&waiting.token)) else {
                return;
            };
            let Some(WaitingLookup { token, begin }) = state.waiting.remove(at) else { return };
            *state.running.entry(token.clone()).or_default() += 1;
            drop(state);
            // A place that nobody takes is given back.
            drop(begin.send(Place { lookups: self.clone(), token }));
        }
    }
}

impl State {
    /// Whether a token may have one more thread. One that has none has a thread of its own beside the others.
    fn may_run(&self, token: &Level) -> bool {
        let all: usize = self.running.values().sum();
        match self.running.get(token).copied().unwrap_or(0) {
            0 => all < THREADS,
            some => some < MOST_OF_TOKEN && all < MOST,
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        let mut state = self.lookups.state.locked();
        if let Some(running) = state.running.get_mut(&self.token) {
            *running -= 1;
            if *running == 0 {
                state.running.remove(&self.token);
            }
        }
        drop(state);
        self.lookups.begin();
    }
}

/// Threads of one token, and of all tokens that have more than one.
const MOST_OF_TOKEN: usize = 4;
const MOST: usize = 32;
/// Threads that there are.
pub(crate) const THREADS: usize = 64;
/// Names of one token that wait.
const MOST_WAITING: usize = 64;
/// Addresses of one name that are judged.
const MAX_ADDRESSES: usize = 16;
/// How long a name is known to have failed, and how many of them are remembered.
const FAILURE_COUNTS: Duration = Duration::from_secs(5);
const MOST_FAILED: usize = 1_024;

#[cfg(test)]
mod tests {
    use super::*;

    fn places(lookups: &Lookups, token: &str, count: usize) -> Vec<Option<oneshot::Receiver<Place>>> {
        (0..count).map(|_| lookups.place(&Level::Identity(token.to_owned()))).collect()
    }

    fn begun(waiting: &mut [Option<oneshot::Receiver<Place>>]) -> Vec<Place> {
        waiting.iter_mut().flatten().filter_map(|place| place.try_recv().ok()).collect()
    }

    #[test]
    fn one_token_has_few_threads_and_each_other_one_has_its_own() {
        let lookups = Lookups::new(Clock::start());
        let mut of_attacker = places(&lookups, "eve", 100);
        assert_eq!(of_attacker.iter().flatten().count(), MOST_OF_TOKEN + MOST_WAITING);
        let held = begun(&mut of_attacker);
        assert_eq!(held.len(), MOST_OF_TOKEN);
        let names: Vec<String> = (0..MOST - MOST_OF_TOKEN).map(|number| number.to_string()).collect();
        let mut others: Vec<_> = names.iter().flat_map(|name| places(&lookups, name, 1)).collect();
        let mut of_others = begun(&mut others);
        assert_eq!(of_others.len(), MOST - MOST_OF_TOKEN, "each has one");
        others.extend(names.iter().flat_map(|name| places(&lookups, name, 1)));
        assert!(begun(&mut others).is_empty(), "nobody has a second one");
        let mut late = places(&lookups, "late", 2);
        let late_held = begun(&mut late);
        assert_eq!(late_held.len(), 1, "one that has none gets one beside the others");
        // Those whose last place has come back have none, so that their next names begin.
        of_others.truncate(of_others.len() - 2);
        assert_eq!(
            (begun(&mut of_attacker).len(), begun(&mut others).len(), begun(&mut late).len()),
            (0, 2, 0)
        );
        drop((held, of_others, late_held));
        drop((of_attacker, others, late));
        lookups.begin();
        assert!(lookups.state.locked().running.is_empty() && lookups.state.locked().waiting.is_empty());
    }

    #[test]
    fn whoever_gives_up_keeps_the_place_of_a_thread_and_no_other() {
        let lookups = Lookups::new(Clock::start());
        let mut first = places(&lookups, "eve", MOST_OF_TOKEN + 1);
        let held = begun(&mut first);
        drop(first);
        let mut second = places(&lookups, "eve", 1);
        assert!(begun(&mut second).is_empty(), "the threads are not back");
        drop(held);
        assert_eq!(begun(&mut second).len(), 1);
    }

    #[tokio::test]
    async fn a_name_that_has_failed_is_not_asked_for_again_at_once() {
        let lookups = Lookups::new(Clock::start());
        let ann = Level::Identity("ann".to_owned());
        lookups.note_failure("gone.example".to_owned(), "no such name".to_owned());
        let found = lookups.addresses(&ann, "gone.example".to_owned(), 21).await;
        assert_eq!(found, Err("no such name".to_owned()));
        let found = lookups.addresses(&ann, "127.0.0.1".to_owned(), 21).await;
        assert_eq!(found, Ok(vec!["127.0.0.1:21".parse().unwrap()]));
        assert!(lookups.state.locked().running.is_empty());
    }
}
