//! A transfer command beside the copy that moves its data, if this program is one end of the data
//! connection.

use super::answer::Answer;
use super::ask::SentCommand;
use super::begin::BegunCommand;
use super::connection::Session;
use super::port::DataPort;
use super::stall::Stall;
use crate::context::Patience;
use crate::failure::{Failure, Kind, Result, words};
use ftp_io::copy::Meter;
use ftp_io::tls::Data;
use ftp_proto::command::Command;
use ftp_proto::wire::ByteRange;
use std::io;
use std::pin::pin;
use std::time::Duration;

/// Receives how many bytes have moved, and in which time, about twice a second while they do.
pub type Moving<'a> = &'a mut (dyn FnMut(u64, Duration) + Send);

/// How a transfer command ended.
#[derive(Debug)]
pub enum Flow<T> {
    /// The server accepted the command and the copy ran to its end. This is the result of the copy, and the
    /// final reply.
    Over(T, Answer),
    /// The copy ran to its end, but the session had ended before, so that there is no final reply.
    Lost(T, Failure),
    /// The server refused the command. Nothing was copied.
    Refused(Answer),
}

/// A transfer over a data connection with this program, in a session.
pub struct Transfer<'a> {
    pub(super) session: &'a mut Session,
}

impl<'a> Transfer<'a> {
    /// The next transfer of a session.
    pub const fn of(session: &'a mut Session) -> Self {
        Self { session }
    }

    /// Opens a data connection, sends a transfer command, runs `copy` from the server's preliminary reply on, and waits
    /// for both to end. REST or RANG asks the server for that part of the file. `copy` must end when `meter` is
    /// stopped. If the session ends meanwhile, the copy goes on: a firewall may have cut the control connection in
    /// the silence of a long transfer.
    ///
    /// # Errors
    ///
    /// No data connection came about, it was with somebody else, the session ended before, nothing moved for too
    /// long, or the work should stop.
    pub async fn run<T, F: Future<Output = T>>(
        mut self,
        command: (Command, ByteRange),
        copy: impl FnOnce(Data) -> F,
        meter: &Meter,
        moving: Moving<'_>,
    ) -> Result<Flow<T>> {
        let ended = self.move_data(command, copy, meter, moving).await;
        // What the data connection has shown says more than how the server or the session has ended.
        match self.session.impostor() {
            Some(failure) => Err(failure),
            None => ended,
        }
    }

    async fn move_data<T, F: Future<Output = T>>(
        &mut self,
        (command, part): (Command, ByteRange),
        copy: impl FnOnce(Data) -> F,
        meter: &Meter,
        moving: Moving<'_>,
    ) -> Result<Flow<T>> {
        // In a box: a future has room for everything that it awaits.
        let (data, sent, mut last, port) = match Box::pin(self.begin(&command, part)).await? {
            BegunCommand::Refused(answer) => return Ok(Flow::Refused(answer)),
            BegunCommand::Open(data, sent, last, port) => (data, sent, last, port),
        };
        let mut copy = pin!(copy(data));
        let beside = tokio::select! {
            biased;
            () = another(port.as_deref()) => Err(self.session.intruded()),
            done = self.copy_beside(sent, &mut last, copy.as_mut(), meter, moving) => done,
        };
        let done = match beside {
            Ok(done) => done,
            Err(failure) => {
                meter.stop();
                copy.await;
                return Err(failure);
            }
        };
        let answer = match last {
            Some(answer) => Ok(answer),
            None => tokio::select! {
                biased;
                () = another(port.as_deref()) => return Err(self.session.intruded()),
                answer = self.last_reply(sent) => answer,
            },
        };
        if port.is_some_and(|port| port.turn_away()) {
            return Err(self.session.intruded());
        }
        match answer {
            Ok(answer) => Ok(Flow::Over(done, answer)),
            Err(failure) if self.session.context.run.cancel.is_cancelled() => Err(failure),
            Err(failure) => Ok(Flow::Lost(done, failure)),
        }
    }

    /// Runs the copy to its end. A final reply that comes meanwhile is left in `last`.
    async fn copy_beside<T>(
        &mut self,
        sent: SentCommand,
        last: &mut Option<Answer>,
        mut copy: std::pin::Pin<&mut impl Future<Output = T>>,
        meter: &Meter,
        moving: Moving<'_>,
    ) -> Result<T> {
        let (clock, limit) = (self.session.context.world.clock, self.session.context.settings.patience.stall);
        let mut stall = Stall::new(PERIOD.min(limit));
        stall.start(clock.now());
        let cancel = self.session.context.run.cancel.clone();
        loop {
            tokio::select! {
                biased;
                done = &mut copy => return Ok(done),
                () = cancel.cancelled(), if self.session.is_over() => return Err(Failure::interrupted()),
                event = self.session.next_or_cancelled(), if last.is_none() && !self.session.is_over() => {
                    *last = match event.and_then(|event| sent.final_reply(self.session, event)) {
                        Err(_) if self.session.is_over() && !cancel.is_cancelled() => None,
                        last => last?,
                    };
                    if last.as_ref().is_some_and(|answer| !answer.is_done()) {
                        meter.stop();
                    }
                }
                () = clock.sleep_until(stall.next()) => {
                    let (now, moved) = (clock.now(), meter.moved());
                    if stall.saw(now, moved) {
                        moving(moved, stall.age(now));
                    }
                    if stall.look(now, limit) {
                        return Err(self.stalled(limit));
                    }
                }
            }
        }
    }

    /// Closes the session and says why.
    fn stalled(&mut self, limit: Duration) -> Failure {
        self.session.close();
        let (who, limit) = (self.session.who(), limit.as_secs());
        let what = format!("the transfer with {who} moved nothing for {limit} s (stall timer)");
        Failure::new(Kind::Temporary, what).hint("try again later, or raise --stall")
    }

    /// Waits for the final reply after the copy has ended.
    async fn last_reply(&mut self, sent: SentCommand) -> Result<Answer> {
        let clock = self.session.context.world.clock;
        // What this host has sent may still be on its way, and the server may have to sync the file.
        let Patience { reply, stall, .. } = self.session.context.settings.patience;
        let limit = reply.max(stall);
        tokio::select! {
            biased;
            answer = self.session.answer_to(sent.id, sent.verb) => return answer,
            () = clock.sleep_until(Some(clock.now() + limit)) => {}
        }
        self.session.close();
        let (who, limit) = (self.session.who(), limit.as_secs());
        let what = format!("{who} did not say in {limit} s how the transfer ended");
        Err(Failure::new(Kind::Temporary, what).hint("try again later, or raise --timeout or --stall"))
    }
}

/// Waits for a second connection of the server's address; for ever if none can come.
async fn another(port: Option<&DataPort>) {
    match port {
        Some(port) => port.another().await,
        None => std::future::pending().await,
    }
}

/// The failure of a transfer whose data connection broke.
pub fn data_connection_broke(what: &str, error: &io::Error) -> Failure {
    Failure::new(Kind::Temporary, format!("{what}: the data connection broke"))
        .said(format!("this host said \"{}\"", words(error)))
        .hint("try again later")
}

/// How often the meter is looked at.
const PERIOD: Duration = Duration::from_millis(500);
