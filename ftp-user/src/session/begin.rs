//! A transfer command up to the point where its data can move: the data connection is open, and the server has begun.
//! If the connection does not come about because the server listens, it connects, and the other way round; which
//! arrangement is next is decided by [`Arrangements`].

use super::answer::Answer;
use super::ask::SentCommand;
use super::data::{OpenError, OpenedData, socket_of};
use super::dial::within;
use super::drive::arrived;
use super::flow::Transfer;
use super::port::{ArrivedConnection, DataFailure, DataPort};
use crate::failure::{Failure, Kind, Result};
use ftp_io::tls::Data;
use ftp_proto::client::Event;
use ftp_proto::command::{Command, Verb};
use ftp_proto::dialect::Dialect;
use ftp_proto::reply::{Blame, Class};
use ftp_proto::transfer::{Arrangements, DataFault, Fault, is_same_socket};
use ftp_proto::wire::ByteRange;
use std::net::SocketAddr;
use std::pin::pin;
use std::time::Duration;

/// A transfer command that has begun, or was refused.
pub(super) enum BegunCommand {
    /// The server has begun. If it has replied finally already, that is the reply.
    /// The port stays open until the transfer is over, because somebody else may have connected to it first.
    Open(Data, SentCommand, Option<Answer>, Option<Box<DataPort>>),
    /// The server refused the command, or REST or RANG.
    Refused(Answer),
}

/// What is known while a server that was told to connect has not begun.
struct Arrival {
    arrived: Option<ArrivedConnection>,
    /// Its preliminary reply has come.
    begun: bool,
    last: Option<Answer>,
    /// The port from which it said that it connects.
    announced: Option<u16>,
}

impl Transfer<'_> {
    /// Opens a data connection and sends the transfer command, with REST or RANG before it if only that `part` is wanted.
    pub(super) async fn begin(&mut self, command: &Command, part: ByteRange) -> Result<BegunCommand> {
        if let Some(path) = command.path() {
            self.session.check_name(path).await?;
        }
        self.session.private_data().await?;
        if matches!(command, Command::Mlsd(_))
            && let Some(begun) = self.begin_over_kept(command).await?
        {
            return Ok(begun);
        }
        let mut arrangements = Arrangements::new(&self.session.party(), self.session.known_postures());
        let mut first = None;
        loop {
            let begun = match self.open_data(&arrangements, command).await {
                Ok(opened) => self.send_over(command, part, opened).await,
                Err(error) => Err(error),
            };
            let (fault, failure) = match begun {
                Ok(BegunCommand::Refused(answer)) if self.refuses_connection(&answer) => {
                    let what = format!("no data connection with {}", self.session.who());
                    let failure = self.session.refusal(what, &answer);
                    // There is nothing else, and the caller knows what the refusal means.
                    if first.is_none() && !arrangements.has_other() {
                        return Ok(BegunCommand::Refused(answer));
                    }
                    (Fault::NoConnection, failure)
                }
                Ok(begun) => {
                    self.session.learn(arrangements.known());
                    return Ok(begun);
                }
                Err(OpenError::Blocked(fault, failure)) => (fault, failure),
                Err(OpenError::Fatal(failure)) => return Err(failure),
            };
            if self.session.is_over() {
                return Err(failure);
            }
            if arrangements.after(fault).is_none() {
                self.session.learn(arrangements.known());
                return Err(self.unreachable(first, failure));
            }
            first.get_or_insert(failure);
        }
    }

    /// Begins a listing over the connection of the last one; `None` if that is not there any more.
    async fn begin_over_kept(&mut self, command: &Command) -> Result<Option<BegunCommand>> {
        // What has come may be this listing, if it was asked for ahead.
        if !self.session.awaits_listing() && !self.session.is_listing_over().await {
            return Ok(None);
        }
        let Some((mut kept, ahead)) = self.session.dialogue.listing.begin() else {
            self.session.close_listing();
            return Ok(None);
        };
        let sent = match ahead {
            Some(sent) => sent,
            None => {
                self.session.context.confirm_job().await?;
                SentCommand { id: self.session.send(command.clone(), None), verb: command.verb() }
            }
        };
        let mut last = self.session.first_reply(sent).await?;
        let Some(refused) = last.take_if(|answer| !answer.is_done()) else {
            return Ok(Some(BegunCommand::Open(kept.into(), sent, last, None)));
        };
        // The server has closed the connection, so it refuses what else was sent ahead. Otherwise nobody can tell what came of that.
        let mut is_clear = !matches!(arrived(&mut kept).await, Some(Ok(1..)));
        drop(kept);
        while let Some(sent) = self.session.dialogue.listing.take_ahead() {
            is_clear &= self.session.first_reply(sent).await?.is_some_and(|answer| !answer.is_done());
            if !is_clear {
                self.session.close();
                break;
            }
        }
        Ok((!self.refuses_connection(&refused)).then_some(BegunCommand::Refused(refused)))
    }

    /// Whether the refusal of a transfer command is about its data connection.
    fn refuses_connection(&self, answer: &Answer) -> bool {
        !matches!(answer.verb, Verb::Rest | Verb::Rang) && self.session.blame(answer) == Blame::Path
    }

    /// The failure if no arrangement has worked: what became of the first one and of the last one, if there was more
    /// than one.
    fn unreachable(&self, first: Option<Failure>, last: Failure) -> Failure {
        let Some(first) = first else { return last };
        let said = [first, last].map(|reason| reason.said.unwrap_or(reason.what)).join(" | ");
        let what = format!("no data connection with {}", self.session.who());
        Failure::new(Kind::NoPath, what)
            .said(said)
            .hint("check its data ports, and each firewall or NAT between")
    }

    /// Sends the transfer command over a data connection that is open, or that the server will open.
    async fn send_over(
        &mut self,
        command: &Command,
        part: ByteRange,
        opened: OpenedData,
    ) -> Result<BegunCommand, OpenError> {
        let command = &self.session.manners.part_transfer(command, part).unwrap_or_else(|| command.clone());
        if part != ByteRange::WHOLE && !matches!(command, Command::GridFtp(_)) {
            let names_part = match part.length {
                None => Command::Rest(part.first),
                Some(_) => Command::Rang(Some(part)),
            };
            let answer = self.session.ask(names_part).await?;
            if !answer.is_done() {
                return Ok(BegunCommand::Refused(answer));
            }
        }
        if let OpenedData::Expected(port, _) = &opened {
            // Whoever has come before the transfer command is not the server.
            port.turn_away();
        }
        if command.is_transfer() {
            self.session.context.confirm_job().await?;
        }
        let sent = SentCommand { id: self.session.send(command.clone(), None), verb: command.verb() };
        match opened {
            OpenedData::Connected(data) => {
                let mut last = self.session.first_reply(sent).await?;
                Ok(match last.take_if(|answer| !answer.is_done()) {
                    Some(refused) => BegunCommand::Refused(refused),
                    None => BegunCommand::Open(data, sent, last, None),
                })
            }
            OpenedData::Listening(at, limit) => self.connect_beside(sent, at, limit).await,
            OpenedData::Expected(port, announced) => {
                let begun = self.await_server(sent, port, announced).await;
                if let Err(OpenError::Blocked(..)) = &begun {
                    self.call_off().await?;
                }
                begun
            }
        }
    }

    /// Waits until the server has connected to the port and has begun, or will not.
    async fn await_server(
        &mut self,
        sent: SentCommand,
        port: DataPort,
        announced: Option<u16>,
    ) -> Result<BegunCommand, OpenError> {
        let clock = self.session.context.world.clock;
        let deadline = clock.now() + self.session.context.settings.patience.connect();
        let who = self.session.who();
        let nobody = |failure| Err(OpenError::Blocked(Fault::NoConnection, failure));
        let mut arrival = Arrival { arrived: None, begun: false, last: None, announced };
        loop {
            if let Some(refused) = arrival.last.take_if(|answer| !answer.is_done()) {
                return Ok(BegunCommand::Refused(refused));
            }
            if let Some(arrived) = arrival.arrived.take_if(|_| arrival.begun || arrival.last.is_some()) {
                if let Some(why) = arrival.other_port(arrived.from) {
                    let what = format!("the data connection of {who} was refused: {why}");
                    return nobody(Failure::new(Kind::NoPath, what));
                }
                let port = (!self.session.runs_tls()).then(|| Box::new(port));
                return Ok(BegunCommand::Open(
                    self.session.data(arrived.connection),
                    sent,
                    arrival.last,
                    port,
                ));
            }
            tokio::select! {
                biased;
                event = self.session.next_or_cancelled(), if arrival.last.is_none() => {
                    let event = event?;
                    arrival.note(self.session.manners.dialect, sent, &event);
                    arrival.last = sent.final_reply(self.session, event)?;
                }
                accepted = port.accept(), if arrival.arrived.is_none() => match accepted {
                    Ok(arrived) => arrival.arrived = Some(arrived),
                    Err(failed) => {
                        let what = format!("no data connection at {}", self.session.listener());
                        return match failed {
                            DataFailure::Path(failure) => nobody(failure.during(what)),
                            DataFailure::Relay(failure) => {
                                self.session.close();
                                Err(failure.during(what).into())
                            }
                        };
                    }
                },
                () = port.another(), if arrival.arrived.is_some() && !self.session.runs_tls() => {
                    return Err(self.session.intruded().into());
                }
                () = clock.sleep_until(Some(deadline)), if arrival.arrived.is_none() => {
                    let what = format!("{who} did not connect to {} in time (connect timer)", self.session.listener());
                    return nobody(Failure::new(Kind::NoPath, what));
                }
            }
        }
    }

    /// Connects to the data port of a server that has its transfer command already, and waits until the server begins the
    /// transfer or refuses it.
    async fn connect_beside(
        &mut self,
        sent: SentCommand,
        at: SocketAddr,
        limit: Duration,
    ) -> Result<BegunCommand, OpenError> {
        let context = self.session.context.clone();
        let mut connecting = pin!(within(&context, limit, self.session.connect_to_data_port(at)));
        let (mut data, mut last, mut begun) = (None, None::<Answer>, false);
        loop {
            if let Some(refused) = last.take_if(|answer| !answer.is_done()) {
                return Ok(BegunCommand::Refused(refused));
            }
            if let Some(data) = data.take_if(|_| begun || last.is_some()) {
                return Ok(BegunCommand::Open(data, sent, last, None));
            }
            tokio::select! {
                biased;
                event = self.session.next_or_cancelled(), if last.is_none() => {
                    let event = event?;
                    begun |= sent.has_begun(&event);
                    last = sent.final_reply(self.session, event)?;
                }
                connected = &mut connecting, if data.is_none() => match self.connected(connected) {
                    Ok(connected) => data = Some(connected),
                    Err(error) => {
                        self.call_off().await?;
                        return Err(error);
                    }
                },
            }
        }
    }

    /// Aborts the transfer command, so that the session is in step. The machine closes a session whose server does not
    /// react.
    async fn call_off(&mut self) -> Result<()> {
        self.session.abort();
        while !self.session.is_over() {
            if let Event::AbortDone | Event::Ended(_) = self.session.next_or_cancelled().await? {
                break;
            }
        }
        Ok(())
    }
}

impl Arrival {
    /// Why a connection is not the one that the server has announced with 255 (H37).
    fn other_port(&self, from: SocketAddr) -> Option<DataFault> {
        let from = from.port();
        let announced = self.announced.filter(|announced| !is_same_socket(*announced, from))?;
        Some(DataFault::OtherPort { announced, from })
    }

    /// Takes note of what the server has said.
    fn note(&mut self, dialect: Dialect, sent: SentCommand, event: &Event) {
        self.begun |= sent.has_begun(event);
        if let Event::Reply { reply, class: Class::Aside, .. } | Event::Unasked(reply) = event {
            // H04: a server that answers SOCK with 200 names its port later.
            self.announced = self.announced.or(socket_of(dialect, reply));
        }
    }
}
