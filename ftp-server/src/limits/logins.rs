//! Logins: how many passwords are checked, how many hashes are made at the same time, and how long a
//! refusal waits. The rules are those of [`Guard`]; this file has the clock and the
//! threads, which are few and their own, so that neither files nor other sessions wait for slow hashes.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_io::lock::Lock;
use ftp_io::simulated;
use ftp_proto::address::Group;
use ftp_proto::shared::guard::{Guard, LoginOwner, Settings};
use ftp_proto::timer::Moment;
use tokio::sync::{Notify, oneshot};

use super::limit::{Limit, Use};

/// The logins of all sessions.
#[derive(Debug)]
pub struct Logins {
    clock: Clock,
    state: Mutex<State>,
    threads: Threads,
    /// How many of them there are.
    at_once: usize,
    /// There is another ban.
    banned: Notify,
    /// There is another known address.
    learned: Notify,
}

/// An address from which an account has logged in of late.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct KnownAddress {
    /// The name of the account.
    pub account: Vec<u8>,
    /// The first address of the host (IPv6: of its /64 network).
    pub host: IpAddr,
    /// How long it is known from now on.
    pub time: Duration,
}

#[derive(Debug)]
struct State {
    guard: Guard<u64>,
    /// Logins that wait for their next step.
    waiting: HashMap<u64, oneshot::Sender<()>>,
    next: u64,
    /// Whether a task waits for the next moment at which somebody may go on.
    timed: bool,
}

/// A login whose password may be checked. Dropping it counts as a wrong password. Otherwise a client could
/// guess without limit by hanging up.
#[derive(Debug)]
#[must_use]
pub struct LoginSlot {
    logins: Arc<Logins>,
    key: u64,
    /// Where it comes from.
    from: IpAddr,
}

/// A login that wants to be checked.
#[derive(Debug)]
pub enum LoginEntry {
    /// It may be checked now.
    Now(LoginSlot),
    /// It has to wait: its host guesses too much.
    Later(WaitingLogin),
}

/// A login that waits for its next step.
#[derive(Debug)]
#[must_use]
pub struct WaitingLogin {
    slot: LoginSlot,
    granted: oneshot::Receiver<()>,
}

impl Logins {
    /// Nothing is counted yet.
    pub fn new(settings: Settings, clock: Clock) -> Arc<Self> {
        let state = State { guard: Guard::new(settings), waiting: HashMap::new(), next: 0, timed: false };
        Arc::new(Self {
            clock,
            state: Mutex::new(state),
            threads: Threads::new(settings.most_hashes()),
            at_once: settings.at_once,
            banned: Notify::new(),
            learned: Notify::new(),
        })
    }

    /// A login of `from` for `name` begins.
    pub fn enter(self: &Arc<Self>, from: IpAddr, name: &[u8]) -> LoginEntry {
        let mut state = self.state.locked();
        let key = state.next;
        state.next += 1;
        state.guard.enter(key, Group::of(from), name.to_vec());
        let mut waiting = self.wait(&mut state, key, from);
        self.go_on(&mut state);
        drop(state);
        match waiting.granted.try_recv() {
            Ok(()) => LoginEntry::Now(waiting.slot),
            Err(_) => LoginEntry::Later(waiting),
        }
    }

    /// Changes the settings. The number of threads for hashes stays.
    pub fn set(&self, settings: Settings) {
        let at_once = settings.at_once.min(self.at_once);
        self.state.locked().guard.set(Settings { at_once, ..settings });
    }

    /// For how long connections from this address are still turned away; `None` if they are not.
    pub fn banned_for(&self, from: IpAddr) -> Option<Duration> {
        let now = self.clock.now();
        self.state.locked().guard.banned_for(now, Group::of(from))
    }

    /// The addresses that are banned, and for how long they still are.
    pub fn bans(&self) -> Vec<(IpAddr, Duration)> {
        let now = self.clock.now();
        self.state.locked().guard.bans(now).map(|(host, time)| (host.first(), time)).collect()
    }

    /// Whether hosts that guess too much are banned.
    pub fn bans_hosts(&self) -> bool {
        self.state.locked().guard.settings().ban.is_some()
    }

    /// Bans an address for so long.
    pub fn ban(&self, from: IpAddr, time: Duration) {
        let now = self.clock.now();
        self.state.locked().guard.ban(now, Group::of(from), now + time);
    }

    /// Waits for the next ban. Returns at once if an address was banned since the last call.
    pub async fn banned(&self) {
        self.banned.notified().await;
    }

    /// Whether a login from this address would be preferred: a named account has logged in from there of late.
    pub fn prefers(&self, from: IpAddr) -> bool {
        let now = self.clock.now();
        self.state.locked().guard.prefers(now, Group::of(from))
    }

    /// The addresses from which named accounts have logged in of late.
    pub fn known(&self) -> Vec<KnownAddress> {
        let now = self.clock.now();
        let state = self.state.locked();
        let known = state.guard.known(now);
        known
            .map(|known| KnownAddress {
                account: known.account.to_vec(),
                host: known.host.first(),
                time: known.until.since(now),
            })
            .collect()
    }

    /// Takes up an address that was known before, for no longer than addresses are known at all.
    pub fn know(&self, known: &KnownAddress) {
        let now = self.clock.now();
        let mut state = self.state.locked();
        let time = known.time.min(state.guard.settings().known);
        state.guard.know(now, &known.account, Group::of(known.host), now + time);
    }

    /// Returns when another address is known: at once if that has happened since this was called before.
    pub async fn learned(&self) {
        self.learned.notified().await;
    }

    /// How far the limits of logins are used.
    pub fn uses(&self) -> [Use; 2] {
        let state = self.state.locked();
        let (guard, settings) = (&state.guard, state.guard.settings());
        [
            (Limit::WrongPasswords, guard.most_taken(self.clock.now()), settings.wrong_per_second),
            (Limit::Hashes, guard.hashes(), settings.at_once),
        ]
        .map(|(limit, used, bound)| Use { limit, used, bound: Some(bound) })
    }

    /// `key` waits for its next step.
    fn wait(self: &Arc<Self>, state: &mut State, key: u64, from: IpAddr) -> WaitingLogin {
        let (grant, granted) = oneshot::channel();
        state.waiting.insert(key, grant);
        WaitingLogin { slot: LoginSlot { logins: Arc::clone(self), key, from }, granted }
    }

    /// Wakes every login that may continue, and starts the timer for the others.
    fn go_on(self: &Arc<Self>, state: &mut State) {
        let now = self.clock.now();
        while let Some((key, _)) = state.guard.next(now) {
            if let Some(grant) = state.waiting.remove(&key) {
                // If that session has ended, it drops its slot, and the next login is called.
                let _ = grant.send(());
            }
        }
        if !state.timed && state.guard.deadline().is_some() {
            state.timed = true;
            tokio::spawn(Arc::clone(self).keep_time());
        }
    }

    /// Wakes logins when their time has come, until no login waits any more. Deadlines never become earlier.
    async fn keep_time(self: Arc<Self>) {
        loop {
            let deadline = {
                let mut state = self.state.locked();
                self.go_on(&mut state);
                let deadline = state.guard.deadline();
                state.timed = deadline.is_some();
                deadline
            };
            if deadline.is_none() {
                return;
            }
            self.clock.sleep_until(deadline).await;
        }
    }
}

impl WaitingLogin {
    /// Waits for the next step.
    pub async fn granted(mut self) -> LoginSlot {
        // The sender is dropped with the last of all logins only.
        let _ = (&mut self.granted).await;
        self.slot
    }
}

impl LoginSlot {
    /// Runs `work`, which makes a slow hash, on a thread for that, when it is this login's turn. The turn
    /// lasts until the work is done, even if the session has ended.
    pub async fn hash<T: Send + 'static>(
        self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Option<(Self, T)> {
        let logins = Arc::clone(&self.logins);
        let granted = {
            let mut state = logins.state.locked();
            state.guard.needs_hash(self.key);
            let (grant, granted) = oneshot::channel();
            state.waiting.insert(self.key, grant);
            logins.go_on(&mut state);
            granted
        };
        granted.await.ok()?;
        let (answer, answered) = oneshot::channel();
        logins.threads.run(Box::new(move || {
            let done = work();
            // If the session has ended, the slot is dropped here.
            let _ = answer.send((self, done));
        }));
        answered.await.ok()
    }

    /// The password was right.
    pub fn succeeded(self, whose: LoginOwner) {
        let mut state = self.logins.state.locked();
        let learned = state.guard.learned();
        state.guard.succeeded(self.logins.clock.now(), self.key, whose);
        if state.guard.learned() != learned {
            self.logins.learned.notify_one();
        }
        self.logins.go_on(&mut state);
    }

    /// Name or password was wrong. Returns when the refusal may be said.
    pub async fn failed(self) {
        let at = self.count_failure();
        self.logins.clock.sleep_until(Some(at)).await;
    }

    fn count_failure(&self) -> Moment {
        let mut state = self.logins.state.locked();
        let bans = state.guard.banned();
        let at = state.guard.failed(self.logins.clock.now(), self.key);
        if state.guard.banned() != bans {
            self.logins.banned.notify_one();
            let seconds = state.guard.settings().ban.map(|ban| ban.time.as_secs());
            tracing::warn!(host = self.from.to_string(), seconds, "banned");
        }
        state.waiting.remove(&self.key);
        self.logins.go_on(&mut state);
        at
    }
}

impl Drop for LoginSlot {
    fn drop(&mut self) {
        // Nothing happens if the login is known to be right or wrong.
        self.count_failure();
    }
}

type Work = Box<dyn FnOnce() + Send>;

/// A fixed number of threads. They end when this is dropped.
#[derive(Debug)]
struct Threads(Sender<Work>);

impl Threads {
    /// Starts `count` threads, at least one. A thread that cannot be started is left out; work that no
    /// thread can do is dropped.
    fn new(count: usize) -> Self {
        let (sender, receiver) = channel::<Work>();
        let receiver = Arc::new(Mutex::new(receiver));
        // On a host of a simulation the work is done at once.
        let count = if simulated::host().is_some() { 0 } else { count.max(1) };
        for _ in 0..count {
            let receiver = Arc::clone(&receiver);
            let started = thread::Builder::new().name("ftp-hash".to_owned()).spawn(move || work(&receiver));
            if let Err(error) = started {
                tracing::error!(%error, "cannot start a thread for hashes of passwords");
            }
        }
        Self(sender)
    }

    /// Has `work` done as soon as a thread is free.
    fn run(&self, work: Work) {
        if simulated::host().is_some() {
            return work();
        }
        // Without a thread the work is dropped, and the login that waits for it is told.
        let _ = self.0.send(work);
    }
}

fn work(receiver: &Mutex<Receiver<Work>>) {
    loop {
        let next = receiver.locked().recv();
        match next {
            Ok(work) => work(),
            Err(_) => return,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANN: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 1));
    const BOB: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(192, 0, 2, 2));

    fn logins(at_once: usize) -> Arc<Logins> {
        Logins::new(Settings { at_once, ..Settings::default() }, Clock::start())
    }

    fn now(entered: LoginEntry) -> LoginSlot {
        match entered {
            LoginEntry::Now(slot) => slot,
            LoginEntry::Later(_) => panic!("it has to wait"),
        }
    }

    #[tokio::test]
    async fn an_eighth_guess_waits_until_a_place_is_free_and_others_do_not() {
        let logins = logins(1);
        let guesses: Vec<_> = (0..7).map(|_| now(logins.enter(ANN, b"ann"))).collect();
        let LoginEntry::Later(eighth) = logins.enter(ANN, b"ann") else { panic!("seven are checked") };
        now(logins.enter(BOB, b"ann")).succeeded(LoginOwner::Named);
        drop(guesses);
        eighth.granted().await.succeeded(LoginOwner::Named);
        assert!(!logins.state.locked().waiting.contains_key(&7));
    }

    #[tokio::test]
    async fn a_login_that_is_right_makes_room_at_once() {
        let logins = logins(1);
        let mut places: Vec<_> = (0..7).map(|_| now(logins.enter(ANN, b"ann"))).collect();
        let LoginEntry::Later(eighth) = logins.enter(ANN, b"ann") else { panic!("seven are checked") };
        places.pop().unwrap().succeeded(LoginOwner::Named);
        eighth.granted().await.succeeded(LoginOwner::Named);
    }

    #[tokio::test]
    async fn hashes_are_made_one_after_the_other_and_a_session_that_ends_keeps_its_turn_until_then() {
        let logins = logins(1);
        let (first, second) = (now(logins.enter(ANN, b"ann")), now(logins.enter(BOB, b"bob")));
        let (go, wait) = channel::<()>();
        let first = tokio::spawn(first.hash(move || wait.recv().is_ok()));
        tokio::task::yield_now().await;
        let second = tokio::spawn(second.hash(|| ()));
        tokio::task::yield_now().await;
        first.abort();
        tokio::task::yield_now().await;
        assert!(!second.is_finished(), "the first hash is still being made");
        go.send(()).unwrap();
        second.await.unwrap().unwrap().0.succeeded(LoginOwner::Named);
    }

    #[tokio::test]
    async fn a_session_that_ends_while_it_waits_leaves_the_queue() {
        let logins = logins(1);
        let guesses: Vec<_> = (0..7).map(|_| now(logins.enter(ANN, b"ann"))).collect();
        let LoginEntry::Later(eighth) = logins.enter(ANN, b"ann") else { panic!("seven are checked") };
        let LoginEntry::Later(ninth) = logins.enter(ANN, b"ann") else { panic!("seven are checked") };
        drop(eighth);
        for guess in guesses {
            guess.succeeded(LoginOwner::Named);
        }
        ninth.granted().await.succeeded(LoginOwner::Named);
        assert_eq!(logins.state.locked().waiting.len(), 0);
    }
}
