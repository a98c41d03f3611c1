//! One call: its place, its two ends, and the stream between them.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use ftp_io::clock::Clock;
use ftp_io::copy::{Join, JoinEnd, LegId, Meters, Pipes};
use ftp_io::meter::Meter;
use ftp_io::os_error::words;
use ftp_io::socket;
use ftp_proto::relay::hub::{CallId, Cause, End};
use ftp_proto::relay::message;
use tokio::net::TcpStream;

use crate::operate::audit::{Audit, Carried, Record, Who};
use crate::operate::tell_what_is_forbidden;
use crate::policy::{Share, Standing};

/// A call, from its place to its end.
#[derive(Debug)]
pub(super) struct Call {
    /// The session that calls.
    pub(super) who: Who,
    /// The caller's own number of the call.
    pub(super) id: u32,
    /// The agent that is called.
    pub(super) agent: String,
    /// What its token may do and uses.
    pub(super) standing: Standing,
    /// Given back when the call ends.
    pub(super) _place: Share,
}

/// How far a call is.
#[derive(Debug)]
pub(super) enum Stream {
    /// One end may have come: the caller, the agent.
    Waiting(Box<Call>, [Option<TcpStream>; 2]),
    Flowing(Flowing),
}

/// A stream that flows. Clones are the same.
#[derive(Clone, Debug)]
pub(super) struct Flowing {
    join: Join,
    /// Why it was stopped.
    cause: Arc<OnceLock<Cause>>,
}

impl Stream {
    /// One end has come.
    pub(super) fn attach(&mut self, end: End, stream: TcpStream) {
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
    /// The stream of this call: it has its rates and shares its bytes with those of its token.
    pub(super) fn flowing(&self, pipes: &Pipes) -> Flowing {
        // Both directions together have one rate.
        let limiters = self.standing.limiters();
        let limited = |limiters| Meters { taken: Meter::limited(limiters), given: Meter::default() };
        let (forth, back) = (limited(limiters.clone()), limited(limiters));
        let limit = self.standing.terms().each_bytes.unwrap_or(u64::MAX);
        let join = Join {
            forth,
            back,
            limit,
            volumes: self.standing.volumes(),
            pipes: pipes.clone(),
            digests: None,
        };
        Flowing { join, cause: Arc::default() }
    }

    /// Passes the bytes of each end to the other one, until both have closed or the call is stopped.
    pub(super) async fn carry(
        self,
        call: CallId,
        flowing: Flowing,
        [caller, agent]: [TcpStream; 2],
        (clock, audit): (Clock, &Audit),
    ) {
        for stream in [&caller, &agent] {
            // It will fail when it is used.
            drop(socket::control(stream).and_then(|()| socket::vanishes_after(stream, STALL)));
        }
        audit.record(&self.who, &Record::CallOpened { id: self.id, agent: &self.agent });
        let begun = clock.now();
        let Flowing { join, cause } = flowing;
        let end = join.run(caller, agent, |_, _| {}).await;
        tell_what_is_forbidden();
        let [_, a_to_b, _, b_to_a] = join.moved();
        let how = self.log_end(call, (a_to_b, b_to_a), end, cause.get());
        let carried = Carried { a_to_b, b_to_a, how, took: clock.now().since(begun) };
        audit.record(&self.who, &Record::CallEnded { id: self.id, agent: &self.agent, carried });
    }

    fn log_end(
        &self,
        CallId(id): CallId,
        (up, down): (u64, u64),
        end: JoinEnd,
        cause: Option<&Cause>,
    ) -> message::End {
        let token = self.who.token.as_deref().unwrap_or_default();
        match end {
            JoinEnd::Whole => {
                tracing::info!(call = id, token, up, down, "the call has ended");
                message::End::Eof
            }
            JoinEnd::Broken(leg, error) => {
                tracing::info!(call = id, token, up, down, error = words(&error), "the call was broken off");
                message::End::Reset(match leg {
                    LegId::A => message::LegId::A,
                    LegId::B => message::LegId::B,
                })
            }
            JoinEnd::Limit => {
                tracing::warn!(call = id, token, up, down, "the call has no bytes left");
                message::End::LimitBytes
            }
            JoinEnd::Stopped => {
                tracing::info!(call = id, token, up, down, "the call was stopped");
                match cause {
                    Some(Cause::Life) => message::End::LimitTime,
                    Some(Cause::Revoked) => message::End::Revoked,
                    Some(Cause::NotPaired) | None => message::End::Shutdown,
                }
            }
        }
    }
}

/// How long one end of a stream may take nothing although bytes wait for it.
const STALL: Duration = Duration::from_secs(60);
