//! Carries out what [`Retry`] decides: waits, and runs the retries of an outage once for all who need the
//! server.

use crate::context::Context;
use crate::endpoint::Host;
use crate::failure::{About, Failure};
use crate::job::retrying::retry::{Event, Next, Retry};
use crate::route::Ends;
use crate::session::Facts;
use ftp_proto::wire::PathName;
use std::time::Duration;

/// A question to a host, which is asked until it is answered or the retries are used up.
///
/// ```text
/// loop {
///     question.connect(&mut host).await?;
///     match host.facts(context, path).await {
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

    /// Opens a session with `host`, unless one is open.
    ///
    /// # Errors
    ///
    /// The server does not answer, and the retries of this outage are used up.
    pub async fn connect(&self, host: &mut Host) -> Result<(), Failure> {
        connect(self.context, host).await
    }

    /// Waits before the question is asked again.
    ///
    /// # Errors
    ///
    /// `failure`, if it is not asked again; or an interruption.
    pub async fn again(&mut self, failure: Failure) -> Result<(), Failure> {
        again(self.context, &mut self.retry, failure).await
    }
}

/// Asks a host until it has answered or the retries are used up.
///
/// # Errors
///
/// The last failure.
pub(crate) async fn asked<T>(
    context: &Context,
    host: &mut Host,
    mut ask: impl AsyncFnMut(&mut Host) -> Result<T, Failure>,
) -> Result<T, Failure> {
    let mut question = Question::new(context);
    loop {
        question.connect(host).await?;
        match ask(host).await {
            Ok(answer) => return Ok(answer),
            Err(failure) => question.again(failure).await?,
        }
    }
}

/// The same as [`asked`] where a task of its own asks: `asked_of!(context, host, question)`. A future of a closure that borrows
/// the host cannot move to another thread, as far as the compiler can tell.
macro_rules! asked_of {
    ($context:expr, $host:ident, $ask:expr) => {{
        let mut question = $crate::job::Question::new($context);
        loop {
            if let Err(failure) = question.connect($host).await {
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
pub(in crate::job) use asked_of;

/// What is at `path` of `host`; `None` if nothing is. Temporary failures are tried again.
///
/// # Errors
///
/// The last failure.
pub async fn facts(context: &Context, host: &mut Host, path: &PathName) -> Result<Option<Facts>, Failure> {
    let mut question = Question::new(context);
    loop {
        host.will_be_asked(path);
        question.connect(host).await?;
        match host.facts(context, path).await {
            Ok(facts) => return Ok(facts),
            Err(failure) => question.again(failure).await?,
        }
    }
}

/// Connects to both ends at the same time.
pub(in crate::job) async fn connect_both(context: &Context, ends: &mut Ends) -> Result<(), Failure> {
    let Ends { source, destination, .. } = ends;
    tokio::try_join!(connect(context, source), connect(context, destination)).map(drop)
}

/// Opens a session with `host`, unless one is open. If the server does not answer, the retries of the outage
/// are run. Whoever needs the server meanwhile waits for them, and shares their result.
pub(in crate::job) async fn connect(context: &Context, host: &mut Host) -> Result<(), Failure> {
    let Host::Server(server) = host else { return Ok(()) };
    if server.is_connected(context).await {
        return Ok(());
    }
    let pool = std::sync::Arc::clone(&server.pool);
    let _outage = tokio::select! {
        outage = pool.outage() => outage,
        () = context.run.cancel.cancelled() => return Err(Failure::interrupted()),
    };
    let mut retry = Retry::of_outage(&context.settings.patience, pool.has_answered());
    loop {
        let Err(failure) = server.session(context).await else { return Ok(()) };
        match retry.after(Event::Failed(&failure)) {
            Next::Attempt => {}
            next @ Next::Wait { .. } => wait(context, &failure, next, "").await?,
            Next::GiveUp if context.run.cancel.is_cancelled() || failure.about == About::GivenUp => {
                return Err(failure);
            }
            Next::GiveUp => return Err(pool.give_up(failure)),
        }
    }
}

/// Waits before the next attempt, or returns `failure` if there is none.
pub(in crate::job) async fn again(
    context: &Context,
    retry: &mut Retry,
    failure: Failure,
) -> Result<(), Failure> {
    match retry.after(Event::Failed(&failure)) {
        Next::Attempt => Ok(()),
        next @ Next::Wait { .. } => wait(context, &failure, next, "").await,
        Next::GiveUp => Err(failure),
    }
}

/// Waits as [`Retry`] has decided after `failure`. `plan` says what the next attempt will do differently.
pub(in crate::job) async fn wait(
    context: &Context,
    failure: &Failure,
    next: Next,
    plan: &str,
) -> Result<(), Failure> {
    let Next::Wait { pause, number, of } = next else { return Ok(()) };
    let seconds = pause.as_secs_f64();
    context.run.events.warn(format!("{failure}; trying again in {seconds:.1} s ({number} of {of}){plan}"));
    sleep(context, pause).await
}

async fn sleep(context: &Context, pause: Duration) -> Result<(), Failure> {
    let until = context.world.clock.now() + pause;
    tokio::select! {
        () = context.world.clock.sleep_until(Some(until)) => Ok(()),
        () = context.run.cancel.cancelled() => Err(Failure::interrupted()),
    }
}
