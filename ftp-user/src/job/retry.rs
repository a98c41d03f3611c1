//! Whether something is tried again, and when: this is the only place that decides it, with [`Retry`], which is pure. Waits and
//! outages are carried out here, too: the retries of a server that does not answer run once for all who need it.
//!
//! | what happened | next |
//! |---|---|
//! | a temporary failure, and retries are left | wait, longer each time, then attempt |
//! | the source has changed while it was copied, and retries are left | the same |
//! | what an earlier attempt has stored turned out to be wrong | attempt at once, from the first byte |
//! | the directory of a copy was missing, and was made | attempt at once |
//! | a server was given up; any other failure; no retries left | give up |

use crate::context::{Context, KnownRelays, Patience};
use crate::endpoint::{Host, LocalEnd, files};
use crate::failure::{About, Failure, Kind, Result};
use crate::route::Ends;
use crate::session::Facts;
use ftp_proto::wire::PathName;
use std::time::Duration;

/// The retries of one thing: a file, a question, or an outage of a server.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Retry {
    used: u32,
    patience: Patience,
    /// Whether the server has answered in this run, and was not given up since. Otherwise it may not exist.
    is_answering: bool,
}

/// What happened to an attempt.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Event<'a> {
    /// The attempt has failed.
    Failed(&'a Failure),
    /// It continued what an earlier attempt had stored, and that was wrong.
    StoredIsWrong,
    /// It has failed because the directory of the copy was missing, and that is there now.
    DirectoriesAreThere,
}

/// What to do next.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Next {
    /// Attempt it again at once.
    Attempt,
    /// Wait so long, then attempt it again.
    Wait {
        /// How long to wait.
        pause: Duration,
        /// The number of the retry that follows, from 1.
        number: u32,
        /// How many there are.
        of: u32,
    },
    /// It has failed.
    GiveUp,
}

impl Retry {
    /// The retries of a file or a question.
    pub const fn new(patience: &Patience) -> Self {
        Self { used: 0, patience: *patience, is_answering: true }
    }

    /// The retries of an outage of a server.
    pub const fn of_outage(patience: &Patience, is_answering: bool) -> Self {
        Self { is_answering, ..Self::new(patience) }
    }

    /// Decides after each attempt at a file of a job. An outage of a relay has one round of retries for all of them: the file
    /// that has used them up gives the relay up, and others are tried once each, until one of them moves through a relay.
    pub fn after_attempt(&mut self, event: Event<'_>, relays: &KnownRelays) -> Next {
        let is_outage = matches!(event, Event::Failed(failure) if is_outage_of_relay(failure));
        if is_outage && relays.has_given_up() {
            return Next::GiveUp;
        }
        let next = self.after(event);
        if is_outage && next == Next::GiveUp {
            relays.give_up();
        }
        next
    }

    /// Decides after each attempt at something else.
    pub fn after(&mut self, event: Event<'_>) -> Next {
        let failure = match event {
            Event::Failed(failure) => failure,
            Event::StoredIsWrong | Event::DirectoriesAreThere => return Next::Attempt,
        };
        let Patience { retries, first_retries, .. } = self.patience;
        let limit = match failure.about {
            About::Operation
            | About::Login
            | About::Changed
            | About::Unfinished
            | About::NoRename
            | About::NotNamed
            | About::Nested
            | About::OldFile
            | About::Command
            | About::TakenOver
            | About::Claimed(_)
            | About::NoRoom
            | About::Relay
            | About::DataPorts
            | About::Unknown(_) => retries,
            About::NoAnswer if self.is_answering => retries,
            About::NoAnswer | About::NoRelay => first_retries,
            About::GivenUp => 0,
        };
        let may_pass = failure.kind == Kind::Temporary || failure.about == About::Changed;
        if !may_pass || self.used >= limit {
            return Next::GiveUp;
        }
        let pause = FIRST.saturating_mul(2_u32.saturating_pow(self.used)).min(LONGEST);
        self.used += 1;
        Next::Wait { pause, number: self.used, of: limit }
    }
}

/// Whether a relay is away that has answered in this run.
pub(super) fn is_outage_of_relay(failure: &Failure) -> bool {
    failure.about == About::Relay && failure.kind == Kind::Temporary
}

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// A question to a host, which is asked until it is answered or the retries are used up.
///
/// ```text
/// loop {
///     connect(context, &mut host).await?;
///     match files::facts(context, host, path).await {
///         Ok(facts) => return Ok(facts),
///         Err(failure) => question.again(failure).await?,
///     }
/// }
/// ```
#[derive(Debug)]
pub struct Question<'a> {
    context: &'a Context,
    retry: Retry,
}

impl<'a> Question<'a> {
    /// A question that has not been asked yet.
    pub const fn new(context: &'a Context) -> Self {
        Self { context, retry: Retry::new(&context.settings.patience) }
    }

    /// Waits before the question is asked again.
    ///
    /// # Errors
    ///
    /// `failure`, if it is not asked again; or an interruption.
    pub async fn again(&mut self, failure: Failure) -> Result<()> {
        match self.retry.after(Event::Failed(&failure)) {
            next @ (Next::Attempt | Next::Wait { .. }) => wait(self.context, &failure, next, "").await,
            Next::GiveUp => Err(failure),
        }
    }
}

/// Asks a host until it answers or the retries are used up: `ask!(context, host, question)`. The result is the answer, or the last
/// failure. `host` and `question` are evaluated for each attempt. A `?` belongs inside `async { .. }`: outside, it leaves the caller.
/// It is a macro because the compiler does not accept the future of a closure that borrows the host as `Send`.
macro_rules! ask {
    ($context:expr, $host:expr, $ask:expr) => {{
        let mut question = $crate::job::Question::new($context);
        loop {
            if let Err(failure) = $crate::job::connect($context, $host).await {
                break Err(failure);
            }
            match $ask.await {
                Ok(answer) => break Ok(answer),
                Err(failure) => {
                    if let Err(failure) = question.again(failure).await {
                        break Err(failure);
                    }
                }
            }
        }
    }};
}
pub(crate) use ask;

/// What is at `path` of `host`; `None` if nothing is. Temporary failures are tried again.
///
/// # Errors
///
/// The last failure.
pub async fn facts(context: &Context, host: &mut Host, path: &PathName) -> Result<Option<Facts>> {
    let mut question = Question::new(context);
    loop {
        host.will_be_asked(path);
        connect(context, host).await?;
        match files::facts(context, host, path).await {
            Ok(facts) => return Ok(facts),
            Err(failure) => {
                let failure = match host {
                    // A server says it when it refuses to make the directory.
                    Host::Local(LocalEnd::Destination(_)) => {
                        files::find_obstacle(context, host, path, failure).await
                    }
                    Host::Local(_) | Host::Server(_) => failure,
                };
                question.again(failure).await?;
            }
        }
    }
}

/// Checks that nobody has asked the program to stop.
pub(crate) fn check_cancel(context: &Context) -> Result<()> {
    if context.run.cancel.is_cancelled() { Err(Failure::interrupted()) } else { Ok(()) }
}

/// Connects to both ends at the same time.
pub(super) async fn connect_both(context: &Context, ends: &mut Ends) -> Result<()> {
    let Ends { source, destination, .. } = ends;
    tokio::try_join!(connect(context, source), connect(context, destination)).map(drop)
}

/// Opens a session with `host`, unless one is open. If the server does not answer, the retries of the outage
/// are run. Whoever needs the server meanwhile waits for them, and shares their result.
pub(crate) async fn connect(context: &Context, host: &mut Host) -> Result<()> {
    let Host::Server(server) = host else { return Ok(()) };
    if server.is_connected(context).await {
        return Ok(());
    }
    let pool = std::sync::Arc::clone(&server.pool);
    let _outage = context.run.cancel.unless_cancelled(pool.outage()).await?;
    let mut retry = Retry::of_outage(&context.settings.patience, pool.is_answering());
    loop {
        let Err(failure) = server.session(context).await else { return Ok(()) };
        match retry.after(Event::Failed(&failure)) {
            next @ (Next::Attempt | Next::Wait { .. }) => wait(context, &failure, next, "").await?,
            Next::GiveUp if context.run.cancel.is_cancelled() || failure.about == About::GivenUp => {
                return Err(failure);
            }
            Next::GiveUp => return Err(pool.give_up(failure)),
        }
    }
}

/// Waits as [`Retry`] has decided after `failure`. `plan` says what the next attempt will do differently.
pub(super) async fn wait(context: &Context, failure: &Failure, next: Next, plan: &str) -> Result<()> {
    let Next::Wait { pause, number, of } = next else { return Ok(()) };
    let seconds = pause.as_secs_f64();
    // What to do is said when nothing is tried again.
    let why = failure.why();
    context.run.events.warn(format!("{why}; trying again in {seconds:.1} s ({number} of {of}){plan}"));
    let until = context.world.clock.now() + pause;
    context.run.cancel.unless_cancelled(context.world.clock.sleep_until(Some(until))).await
}

#[cfg(test)]
mod tests {
    use super::*;

    fn patience(retries: u32, first_retries: u32) -> Patience {
        let second = Duration::from_secs(1);
        Patience { reply: second, stall: second, unseen: None, retries, first_retries }
    }

    fn failure(kind: Kind, about: About) -> Failure {
        Failure::new(kind, "no").about(about)
    }

    fn wait(millis: u64, number: u32, of: u32) -> Next {
        Next::Wait { pause: Duration::from_millis(millis), number, of }
    }

    #[test]
    fn temporary_failures_are_retried_later_and_later() {
        let busy = failure(Kind::Temporary, About::Operation);
        let mut retry = Retry::new(&patience(3, 0));
        let steps = [(); 4].map(|()| retry.after(Event::Failed(&busy)));
        assert_eq!(steps, [wait(500, 1, 3), wait(1000, 2, 3), wait(2000, 3, 3), Next::GiveUp]);
        let mut retry = Retry::new(&patience(u32::MAX, 0));
        let pauses: Vec<u64> = (0..40)
            .map(|_| match retry.after(Event::Failed(&busy)) {
                Next::Wait { pause, .. } => pause.as_secs(),
                Next::Attempt | Next::GiveUp => panic!("no pause"),
            })
            .collect();
        assert_eq!(pauses.get(..8), Some(&[0, 1, 2, 4, 8, 16, 30, 30][..]));
        assert_eq!(pauses.last(), Some(&30));
    }

    #[test]
    fn a_source_that_has_changed_is_copied_again() {
        let mut retry = Retry::new(&patience(2, 0));
        let changed = failure(Kind::Unverified, About::Changed);
        let steps = [(); 3].map(|()| retry.after(Event::Failed(&changed)));
        assert_eq!(steps, [wait(500, 1, 2), wait(1000, 2, 2), Next::GiveUp]);
    }

    #[test]
    fn only_temporary_failures_are_retried_and_not_those_of_a_server_that_was_given_up() {
        let kinds = [Kind::Other, Kind::Usage, Kind::Missing, Kind::Refused, Kind::NoPath];
        let lasting = kinds.into_iter().chain([Kind::Unverified, Kind::Exists, Kind::Interrupted]);
        let given_up = failure(Kind::Temporary, About::GivenUp);
        for failure in lasting.map(|kind| failure(kind, About::Operation)).chain([given_up]) {
            let mut retry = Retry::new(&patience(5, 5));
            assert_eq!(retry.after(Event::Failed(&failure)), Next::GiveUp, "{failure:?}");
        }
    }

    #[test]
    fn a_server_or_relay_that_has_never_answered_is_asked_once_unless_retries_are_given() {
        for (about, first_retries, answered, expect) in [
            (About::NoAnswer, 0, false, Next::GiveUp),
            (About::NoAnswer, 2, false, wait(500, 1, 2)),
            (About::NoAnswer, 0, true, wait(500, 1, 5)),
            // A server that answers that it is busy exists.
            (About::Operation, 0, false, wait(500, 1, 5)),
            (About::NoRelay, 0, true, Next::GiveUp),
            (About::NoRelay, 2, true, wait(500, 1, 2)),
        ] {
            let mut retry = Retry::of_outage(&patience(5, first_retries), answered);
            let next = retry.after(Event::Failed(&failure(Kind::Temporary, about)));
            assert_eq!(next, expect, "{about:?} {first_retries} {answered}");
        }
    }

    #[test]
    fn an_outage_of_a_relay_has_one_round_of_retries_for_all_files() {
        let (away, busy) =
            (failure(Kind::Temporary, About::Relay), failure(Kind::Temporary, About::Operation));
        let (relays, retry) = (KnownRelays::default(), Retry::new(&patience(1, 0)));
        let mut first = retry;
        assert_eq!(first.after_attempt(Event::Failed(&away), &relays), wait(500, 1, 1));
        assert_eq!(first.after_attempt(Event::Failed(&away), &relays), Next::GiveUp);
        assert_eq!({ retry }.after_attempt(Event::Failed(&away), &relays), Next::GiveUp);
        assert_eq!({ retry }.after_attempt(Event::Failed(&busy), &relays), wait(500, 1, 1));
        relays.moved();
        assert_eq!({ retry }.after_attempt(Event::Failed(&away), &relays), wait(500, 1, 1));
    }

    #[test]
    fn a_wrong_beginning_and_a_directory_that_was_missing_cost_no_retry() {
        let busy = failure(Kind::Temporary, About::Operation);
        for event in [Event::StoredIsWrong, Event::DirectoriesAreThere] {
            let mut retry = Retry::new(&patience(1, 1));
            let steps = [event, Event::Failed(&busy), event].map(|event| retry.after(event));
            assert_eq!(steps, [Next::Attempt, wait(500, 1, 1), Next::Attempt], "{event:?}");
        }
    }
}
