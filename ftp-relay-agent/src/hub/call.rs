//! One call: its place, its two ends, and the stream between them.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_io::copy::{Join, JoinEnd, Pipes};
use ftp_io::os_error::words;
use ftp_io::socket::{self, Stream};
use ftp_proto::relay::hub::{CallId, Cause, End, SessionId};
use ftp_proto::relay::message;
use ftp_proto::timer::Moment;

use crate::operate::audit::{Carried, LinkOwner};
use crate::operate::tell_what_is_forbidden;
use crate::policy::{Share, Standing};

/// A call, from its place to its end.
#[derive(Debug)]
pub(super) struct Call {
    /// The session that calls.
    pub(super) who: LinkOwner,
    /// The caller's own number of the call.
    pub(super) id: u32,
    /// Who calls whom.
    pub(super) parties: Parties,
    /// What its token may do and uses.
    pub(super) standing: Standing,
    /// Given back when the call ends.
    pub(super) _place: Share,
}

/// Who calls whom.
#[derive(Debug)]
pub(super) struct Parties {
    /// The session that calls.
    pub(super) from: SessionId,
    /// The session of the agent.
    pub(super) to: SessionId,
    /// The name of the agent.
    pub(super) agent: String,
}

/// How far a call is.
#[derive(Debug)]
pub(super) enum CallStream {
    /// One end may have come: the caller, the agent.
    Waiting(Box<Call>, [Option<Stream>; 2]),
    Flowing(Flowing),
}

/// A stream that flows. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Flowing {
    join: Join,
    /// Why it was stopped.
    cause: Arc<OnceLock<Cause>>,
}

impl CallStream {
    /// One end has come.
    pub(super) fn attach(&mut self, end: End, stream: Stream) {
        match (self, end) {
            (Self::Waiting(_, [caller, _]), End::Caller) => *caller = Some(stream),
            (Self::Waiting(_, [_, agent]), End::Agent) => *agent = Some(stream),
            // A ticket is good for one connection, so this does not happen.
            (Self::Flowing(_), End::Caller | End::Agent) => socket::reset(stream),
        }
    }

    /// Resets what has come and what flows.
    pub(super) fn give_up(self, cause: Cause) {
        match self {
            Self::Waiting(_, held) => held.into_iter().flatten().for_each(socket::reset),
            Self::Flowing(Flowing { join, cause: told }) => {
                // The first cause is the one that counts.
                let _ = told.set(cause);
                join.stop();
            }
        }
    }
}

impl Call {
    /// The stream of this call.
    pub(super) fn flowing(&self, pipes: &Pipes) -> Flowing {
        let limit = self.standing.terms().each_bytes.unwrap_or(u64::MAX);
        Flowing { join: self.standing.join(limit, pipes.clone(), None), cause: Arc::default() }
    }

    /// Passes the bytes of each end to the other one, until both have closed or the call is stopped. The call has lasted since
    /// `since`.
    pub(super) async fn carry(
        &self,
        flowing: Flowing,
        [caller, agent]: [Stream; 2],
        clock: Clock,
        since: Moment,
    ) -> (JoinEnd, Carried) {
        for stream in [&caller, &agent] {
            // It will fail when it is used.
            drop(socket::control(stream).and_then(|()| socket::vanishes_after(stream, STALL)));
        }
        let Flowing { join, cause } = flowing;
        let end = join.run(caller, agent, |_, _| {}).await;
        tell_what_is_forbidden();
        let [_, a_to_b, _, b_to_a] = join.moved();
        let (how, took) = (how(&end, cause.get()), clock.now().since(since));
        (end, Carried { a_to_b, b_to_a, how, took })
    }

    /// Logs its end.
    pub(super) fn log_end(&self, CallId(id): CallId, carried: &Carried, end: &JoinEnd) {
        let token = self.who.token.as_deref().unwrap_or_default();
        let (up, down) = (carried.a_to_b, carried.b_to_a);
        match end {
            JoinEnd::Whole => tracing::info!(call = id, token, up, down, "the call has ended"),
            JoinEnd::Broken(_, error) => {
                tracing::info!(call = id, token, up, down, error = words(error), "the call was broken off");
            }
            JoinEnd::Limit => tracing::warn!(call = id, token, up, down, "the call has no bytes left"),
            JoinEnd::Stopped => tracing::info!(call = id, token, up, down, "the call was stopped"),
        }
    }
}

/// How a stream has ended; `cause` says why, if it was stopped.
const fn how(end: &JoinEnd, cause: Option<&Cause>) -> message::End {
    match (end, cause) {
        (JoinEnd::Whole, _) => message::End::Eof,
        (JoinEnd::Broken(leg, _), _) => message::End::Reset(*leg),
        (JoinEnd::Limit, _) => message::End::LimitBytes,
        (JoinEnd::Stopped, Some(Cause::Life)) => message::End::LimitTime,
        (JoinEnd::Stopped, Some(Cause::Revoked)) => message::End::Revoked,
        (JoinEnd::Stopped, Some(Cause::NotPaired) | None) => message::End::Shutdown,
    }
}

/// How long one end of a stream may take nothing although bytes wait for it.
const STALL: Duration = Duration::from_secs(60);
