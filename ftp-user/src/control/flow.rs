//! A transfer command beside the copy that moves its octets: what this program does when it is one
//! end of the data connection itself.

use super::answer::Answer;
use super::session::Session;
use crate::failure::{Failure, Kind};
use ftp_io::copy::Meter;
use ftp_proto::client::{CommandId, Event};
use ftp_proto::command::Command;
use std::pin::pin;
use std::time::Duration;

/// How far a copy is: told about once a second while it runs.
pub type Moving<'a> = &'a mut (dyn FnMut(u64) + Send);

/// What came of it.
#[derive(Debug)]
pub enum Flow<T> {
    /// The server accepted the command, the copy ran to its end, and this is the final reply.
    Over(T, Answer),
    /// The server refused the command; nothing was copied.
    Refused(Answer),
}

impl Session {
    /// Sends a transfer command, runs `copy` from its preliminary reply on, and waits for both ends.
    /// `copy` must end when `meter` is stopped.
    pub async fn run<T>(
        &mut self,
        command: Command,
        copy: impl Future<Output = T>,
        meter: &Meter,
        moving: Moving<'_>,
    ) -> Result<Flow<T>, Failure> {
        let verb = command.verb();
        let id = self.send(command, None);
        let mut last = None;
        // A lazy server says only that it is done (modern-servers 1).
        while last.is_none() {
            let (answer, started) = match self.next_or_cancelled().await? {
                Event::Reply { to, reply, class } if to == id => {
                    (class.is_final().then_some(Answer { reply, class, verb }), true)
                }
                Event::Ended(failure) => return Err(self.lost(&failure)),
                Event::Reply { .. }
                | Event::Sent(_)
                | Event::Received { .. }
                | Event::Ready { .. }
                | Event::Unasked(_)
                | Event::AbortDone => (None, false),
            };
            match answer {
                Some(answer) if !answer.is_done() => return Ok(Flow::Refused(answer)),
                Some(answer) => last = Some(answer),
                None if started => break,
                None => {}
            }
        }
        let mut copy = pin!(copy);
        let mut pulse = Pulse::new(self);
        let done = loop {
            let clock = self.context.clock;
            tokio::select! {
                biased;
                done = &mut copy => break done,
                event = self.next_or_cancelled(), if last.is_none() => {
                    match self.final_reply(event, id, verb) {
                        Ok(Some(answer)) => {
                            if !answer.is_done() {
                                meter.stop();
                            }
                            last = Some(answer);
                        }
                        Ok(None) => {}
                        Err(failure) => {
                            meter.stop();
                            copy.as_mut().await;
                            return Err(failure);
                        }
                    }
                }
                () = clock.sleep_until(Some(pulse.next)) => {
                    if let Err(failure) = pulse.beat(self, meter.moved(), moving) {
                        meter.stop();
                        copy.as_mut().await;
                        return Err(failure);
                    }
                }
            }
        };
        let patience = self.context.clock.now() + self.context.patience.reply.max(LAST_REPLY);
        while last.is_none() {
            let clock = self.context.clock;
            tokio::select! {
                event = self.next_or_cancelled() => last = self.final_reply(event, id, verb)?,
                () = clock.sleep_until(Some(patience)) => {
                    self.close();
                    return Err(Failure::new(
                        Kind::Temporary,
                        format!("the {} {} did not say how the transfer ended", self.role.name(), self.title),
                    ));
                }
            }
        }
        if let Some(failure) = self.impostor() {
            return Err(failure);
        }
        match last {
            Some(answer) => Ok(Flow::Over(done, answer)),
            None => Err(Failure::interrupted()),
        }
    }

    fn final_reply(
        &self,
        event: Result<Event, Failure>,
        id: CommandId,
        verb: ftp_proto::command::Verb,
    ) -> Result<Option<Answer>, Failure> {
        match event? {
            Event::Reply { to, reply, class } if to == id && class.is_final() => {
                Ok(Some(Answer { reply, class, verb }))
            }
            Event::Ended(failure) => Err(self.lost(&failure)),
            Event::Reply { .. }
            | Event::Sent(_)
            | Event::Received { .. }
            | Event::Ready { .. }
            | Event::Unasked(_)
            | Event::AbortDone => Ok(None),
        }
    }
}

/// Looks at a copy once in a while: it tells how far it is, and notices when it stands still.
struct Pulse {
    next: ftp_proto::timer::Moment,
    moved: u64,
    since: ftp_proto::timer::Moment,
}

impl Pulse {
    fn new(session: &Session) -> Self {
        let now = session.context.clock.now();
        Self { next: now + BEAT, moved: 0, since: now }
    }

    fn beat(&mut self, session: &mut Session, moved: u64, moving: Moving<'_>) -> Result<(), Failure> {
        let now = session.context.clock.now();
        self.next = now + BEAT.min(session.context.patience.stall);
        if moved != self.moved {
            (self.moved, self.since) = (moved, now);
            moving(moved);
            return Ok(());
        }
        if now.since(self.since) < session.context.patience.stall {
            return Ok(());
        }
        session.close();
        Err(Failure::new(
            Kind::Temporary,
            format!(
                "the transfer with the {} {} moved nothing for {} s",
                session.role.name(),
                session.title,
                session.context.patience.stall.as_secs()
            ),
        )
        .hint("try again later, or raise --stall"))
    }
}

const BEAT: Duration = Duration::from_millis(500);
/// A server may have to sync a large file before it says that it is done.
const LAST_REPLY: Duration = Duration::from_secs(60);
