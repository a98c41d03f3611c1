//! Time as an argument, and every wait as a named timer.
//!
//! A machine never reads a clock. Its driver passes the time as a [`Moment`], and the machine answers
//! with the deadline at which it wants to hear from the driver again.

use std::ops::Add;
use std::time::Duration;

/// A point on the driver's clock: the time since a start that the driver chose.
///
/// ```
/// use ftp_proto::timer::Moment;
/// use std::time::Duration;
/// let later = Moment::START + Duration::from_secs(2);
/// assert_eq!(later.since(Moment::START), Duration::from_secs(2));
/// assert_eq!(Moment::START.since(later), Duration::ZERO);
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug, Default)]
pub struct Moment(Duration);

impl Moment {
    /// The start of the driver's clock.
    pub const START: Self = Self(Duration::ZERO);

    /// The moment that lies `offset` after the start of the driver's clock.
    pub const fn after_start(offset: Duration) -> Self {
        Self(offset)
    }

    /// The time since the start of the driver's clock.
    pub const fn since_start(self) -> Duration {
        self.0
    }

    /// The time that has passed since `earlier`; zero when `earlier` lies in the future.
    pub const fn since(self, earlier: Self) -> Duration {
        self.0.saturating_sub(earlier.0)
    }
}

impl Add<Duration> for Moment {
    type Output = Self;

    /// Saturates instead of overflowing.
    fn add(self, later: Duration) -> Self {
        Self(self.0.saturating_add(later))
    }
}

/// Every wait in every machine. The name stands in error texts and logs.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Timer {
    /// A client that has connected has yet to log in.
    Login,
    /// A logged-in session without a command and without a transfer.
    Idle,
    /// A LSTN or GSOC allocation that nothing uses (dialect-1973 7.6).
    ListenIdle,
    /// A listening end waits for its peer after the transfer command (RFC 614.3: at least 15 s).
    PeerArrival,
    /// A connecting end tries to reach its peer, retries included.
    Connect,
    /// The pause before the next attempt to connect.
    Retry,
    /// The oldest held candidate has waited long enough for a transfer command.
    Held,
    /// A transfer that moves nothing.
    Stall,
    /// A held question (password, file, permit) that its driver never answers.
    Question,
    /// A server's greeting.
    Greeting,
    /// A reply to a command.
    Reply,
    /// One end has finished, the other still owes its final reply.
    HalfDone,
    /// The pause between the active end's transfer command and the passive end's, at most.
    Preliminary,
    /// The replies to ABOR.
    AbortDrain,
    /// A connection that is being closed.
    Closing,
    /// Both legs of a relay's join have yet to stand.
    Leg,
    /// The time of a relay's grant, or of a ticket.
    Expiry,
    /// A relay's session says something before the other end takes it for dead.
    Ping,
}

impl Timer {
    /// All timers, in the order of declaration.
    pub const ALL: [Self; 18] = [
        Self::Login,
        Self::Idle,
        Self::ListenIdle,
        Self::PeerArrival,
        Self::Connect,
        Self::Retry,
        Self::Held,
        Self::Stall,
        Self::Question,
        Self::Greeting,
        Self::Reply,
        Self::HalfDone,
        Self::Preliminary,
        Self::AbortDrain,
        Self::Closing,
        Self::Leg,
        Self::Expiry,
        Self::Ping,
    ];

    /// The timer's name as people read it in an error text.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Login => "login",
            Self::Idle => "idle",
            Self::ListenIdle => "listen-idle",
            Self::PeerArrival => "peer arrival",
            Self::Connect => "connect",
            Self::Retry => "retry",
            Self::Held => "held connection",
            Self::Stall => "stall",
            Self::Question => "internal question",
            Self::Greeting => "greeting",
            Self::Reply => "reply",
            Self::HalfDone => "other end's final reply",
            Self::Preliminary => "preliminary reply",
            Self::AbortDrain => "abort",
            Self::Closing => "closing",
            Self::Leg => "leg",
            Self::Expiry => "expiry",
            Self::Ping => "ping",
        }
    }
}

/// The deadlines of one machine, at most one for each of its timers.
///
/// `T` is the machine's own enum of timers, so that a machine handles exactly the waits that it has.
#[derive(Clone, Debug)]
pub struct Timers<T = Timer> {
    armed: Vec<(T, Moment)>,
}

impl<T> Default for Timers<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Timers<T> {
    /// Creates a set with no timer armed.
    pub const fn new() -> Self {
        Self { armed: Vec::new() }
    }

    /// Disarms every timer.
    pub fn clear(&mut self) {
        self.armed.clear();
    }

    /// Returns the earliest deadline, or `None` if no timer is armed.
    pub fn next(&self) -> Option<Moment> {
        self.armed.iter().map(|(_, at)| *at).min()
    }
}

impl<T: Copy + Eq> Timers<T> {
    /// Arms `timer` to fire at `at`. An earlier deadline of the same timer is replaced.
    pub fn arm(&mut self, timer: T, at: Moment) {
        self.disarm(timer);
        self.armed.push((timer, at));
    }

    /// Disarms `timer` if it is armed.
    pub fn disarm(&mut self, timer: T) {
        self.armed.retain(|(armed, _)| *armed != timer);
    }

    /// Returns whether `timer` is armed.
    pub fn is_armed(&self, timer: T) -> bool {
        self.deadline(timer).is_some()
    }

    /// Returns when `timer` fires, or `None` if it is not armed.
    pub fn deadline(&self, timer: T) -> Option<Moment> {
        self.armed.iter().find(|(armed, _)| *armed == timer).map(|(_, at)| *at)
    }

    /// Disarms the earliest timer that is due at `now` and returns it. Call this until it returns
    /// `None`: several timers may be due at once.
    pub fn fire(&mut self, now: Moment) -> Option<T> {
        let (timer, _) = *self.armed.iter().filter(|(_, at)| *at <= now).min_by_key(|(_, at)| *at)?;
        self.disarm(timer);
        Some(timer)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn timers_fire_in_order_of_their_deadlines() {
        let mut timers = Timers::new();
        let at = |seconds| Moment::after_start(Duration::from_secs(seconds));
        timers.arm(Timer::Idle, at(9));
        timers.arm(Timer::Connect, at(3));
        timers.arm(Timer::Idle, at(5));
        assert_eq!(timers.next(), Some(at(3)));
        assert_eq!(timers.fire(at(2)), None);
        assert_eq!(timers.fire(at(5)), Some(Timer::Connect));
        assert_eq!(timers.fire(at(5)), Some(Timer::Idle));
        assert_eq!(timers.fire(at(99)), None);
        assert_eq!(timers.next(), None);
    }

    #[test]
    fn a_machine_has_timers_of_its_own() {
        let mut timers = Timers::default();
        timers.arm("tea", Moment::START);
        assert!(timers.is_armed("tea") && !timers.is_armed("toast"));
        assert_eq!(timers.fire(Moment::START), Some("tea"));
    }
}
