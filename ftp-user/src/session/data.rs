//! Data connections of which this program is one end: the server listens and this program connects, or the other way
//! round.

use super::answer::Answer;
use super::dial::{via, within};
use super::flow::Transfer;
use super::port::{DataFailure, DataPort};
use crate::failure::{Failure, Kind, Result};
use crate::place::Peer;
use ftp_io::connection::Connection;
use ftp_io::tls::Data;
use ftp_proto::address::{parse_227, parse_229, parse_255};
use ftp_proto::command::{Command, Direction};
use ftp_proto::dialect::Dialect;
use ftp_proto::policy::believe;
use ftp_proto::reply::{Blame, Meaning, Reply};
use ftp_proto::transfer::{Arrangement, Arrangements, Fault, Opening, takes_sock_for_filter};
use std::net::SocketAddr;
use std::pin::Pin;
use std::time::Duration;

/// A data connection before its transfer command is sent.
#[derive(Debug)]
pub(super) enum OpenedData {
    /// It is open.
    Connected(Data),
    /// The server listens there, and takes its transfer command before somebody connects. So long may that take.
    Listening(SocketAddr, Duration),
    /// The server connects to this port when it gets its transfer command; from that port of its own, if it said so.
    Expected(DataPort, Option<u16>),
}

/// Why a data connection was not opened.
#[derive(Debug)]
pub(super) enum OpenError {
    /// This arrangement is blocked. Another one may work.
    Blocked(Fault, Failure),
    /// No other arrangement can help.
    Fatal(Failure),
}

/// What came of opening a data connection.
type Opened<T> = Result<T, OpenError>;

impl From<Failure> for OpenError {
    fn from(failure: Failure) -> Self {
        Self::Fatal(failure)
    }
}

impl Transfer<'_> {
    /// Opens a data connection by the current arrangement, or prepares the server to open it. The transfer command `next` is
    /// the next one to send.
    ///
    /// # Errors
    ///
    /// This arrangement is blocked, or no other one can help either.
    pub(super) async fn open_data(
        &mut self,
        arrangements: &Arrangements,
        next: &Command,
    ) -> Opened<OpenedData> {
        // A transfer between two servers has failed before its connection, and this program proves nothing.
        if self.session.manners.settings.demands_proof {
            self.session.ask(Command::Rndz(None)).await?;
        }
        match arrangements.current() {
            Some(Arrangement::Active(_)) => self.expect_data(arrangements, next).await,
            Some(Arrangement::Passive(opening)) => {
                let at = self.announced_listening(opening, next).await?;
                let limit = arrangements.patience(self.session.context.settings.patience.connect());
                // What a relay says of a closed port comes before any command.
                if self.session.manners.capabilities.takes_ahead && self.session.relay.is_none() {
                    return Ok(OpenedData::Listening(at, limit));
                }
                let connecting = self.session.connect_to_data_port(at);
                let connected = within(&self.session.context, limit, connecting).await;
                self.connected(connected).map(OpenedData::Connected)
            }
            None => Err(self.no_arrangement().into()),
        }
    }

    /// The connection to the data port of the server, if it was made in time.
    pub(super) fn connected(&mut self, connected: Option<Result<Connection, DataFailure>>) -> Opened<Data> {
        let via = via(&self.session.context);
        let what = format!("no data connection to {}{via}", self.session.who());
        let connection = self.in_time(connected, &what).map_err(|mut error| {
            if let OpenError::Blocked(_, failure) = &mut error {
                let hint = || "check that its data ports can be reached from here".to_owned();
                failure.hint.get_or_insert_with(hint);
            }
            error
        })?;
        Ok(self.session.data(connection))
    }

    /// What was made in time.
    fn in_time<T>(&mut self, made: Option<Result<T, DataFailure>>, what: &str) -> Opened<T> {
        let failure = match made {
            Some(Ok(made)) => return Ok(made),
            Some(Err(DataFailure::Path(failure))) => failure,
            Some(Err(DataFailure::Relay(failure))) => {
                // Another session, through the same relay or another one, may have its data connections.
                self.session.close();
                return Err(failure.during(what).into());
            }
            None if self.session.context.run.cancel.is_cancelled() => {
                return Err(Failure::interrupted().into());
            }
            None => Failure::new(Kind::NoPath, "no answer in time"),
        };
        Err(OpenError::Blocked(Fault::NoConnection, failure.during(what)))
    }

    /// Listens for the server and tells it where.
    async fn expect_data(&mut self, arrangements: &Arrangements, next: &Command) -> Opened<OpenedData> {
        let what = format!("no port for {}", self.session.who());
        let limit = self.session.context.settings.patience.connect();
        let opened = within(&self.session.context, limit, self.session.data_port()).await;
        let port = self.in_time(opened, &what)?;
        let Some(command) = arrangements
            .current()
            .and_then(|arrangement| arrangement.command(direction(next), Some(port.at())))
        else {
            return Err(self.no_arrangement().into());
        };
        if matches!(command, Command::Sock(_)) && takes_sock_for_filter(&self.session.party(), false) {
            self.session.ask(Command::Actv).await?;
        }
        let answer = self.session.ask(command).await?;
        if !answer.is_done() {
            let what = format!("the server does not connect to {}", self.session.listener());
            let failure = self.session.refusal(what, &answer);
            return Err(self.blocked(&answer, failure));
        }
        Ok(OpenedData::Expected(port, socket_of(self.session.manners.dialect, &answer.reply)))
    }

    /// What the refusal of a command that prepares a data connection means.
    fn blocked(&self, answer: &Answer, failure: Failure) -> OpenError {
        match self.session.blame(answer) {
            Blame::Busy | Blame::Login => OpenError::Fatal(failure),
            Blame::Path | Blame::Unsupported | Blame::Peer | Blame::Missing | Blame::File | Blame::Space => {
                OpenError::Blocked(Fault::Refused, failure)
            }
        }
    }

    /// Asks the server to listen, after PRET if it requires that.
    async fn announced_listening(&mut self, opening: Opening, next: &Command) -> Opened<SocketAddr> {
        let announced = self.session.manners.capabilities.pret;
        if announced {
            self.announce(next).await?;
        }
        let at = self.listening(opening, next).await;
        // It had not said so in FEAT.
        if at.is_err() && self.session.manners.capabilities.pret && !announced {
            self.announce(next).await?;
            return self.listening(opening, next).await;
        }
        at
    }

    /// PRET: servers that are made of several hosts choose one of them by the file. A refusal is one
    /// of the file (H34).
    async fn announce(&mut self, next: &Command) -> Result<()> {
        let answer = self.session.ask(Command::Pret(Box::new(next.clone()))).await?;
        let answer = Answer { verb: next.verb(), ..answer };
        if answer.is_done() || self.session.blame(&answer) == Blame::Unsupported {
            return Ok(()); // PASV will show whether it mattered
        }
        Err(self.session.refusal(format!("the server is not prepared for {}", next.verb().name()), &answer))
    }

    /// LSTN (RFC 438), PASV (RFC 478, 959) or EPSV (RFC 2428), and where the server listens.
    async fn listening(&mut self, opening: Opening, next: &Command) -> Opened<SocketAddr> {
        let Some(command) = Arrangement::Passive(opening).command(direction(next), None) else {
            return Err(self.no_arrangement().into());
        };
        let answer = self.session.ask(command).await?;
        let refused = |transfer: &Self| {
            let failure =
                transfer.session.refusal("the server does not listen for a data connection", &answer);
            transfer.blocked(&answer, failure)
        };
        let text = answer.reply.text();
        if opening == Opening::Epsv {
            if let Some(port) = parse_229(text).filter(|_| answer.is_done()) {
                return Ok(SocketAddr::new(self.session.data_peer(), port));
            }
            self.session.manners.capabilities.epsv = false;
            return Err(refused(self));
        }
        if !answer.is_done() {
            return Err(refused(self));
        }
        if self.session.manners.dialect == Dialect::Rfc354 {
            let port = parse_255(text).ok_or_else(|| self.unusable(&answer.reply))?;
            return Ok(SocketAddr::new(self.session.data_peer(), port));
        }
        Ok(self.believed(&answer.reply)?)
    }

    /// The address in a 227, if it can be meant.
    fn believed(&mut self, reply: &Reply) -> Result<SocketAddr> {
        let announced = parse_227(reply.text()).ok_or_else(|| self.unusable(reply))?;
        let announced = SocketAddr::V4(announced);
        if self.session.addresses.host.is_some() {
            return Ok(SocketAddr::new(self.session.addresses.peer, announced.port()));
        }
        if let Some(address) = self.session.address_for(Peer::ThisHost).filter(|_| announced.port() != 0) {
            return Ok(SocketAddr::new(address, announced.port()));
        }
        // A lying server could aim this program at somebody else.
        let believed = believe(self.session.addresses.peer, announced).map_err(|why| {
            self.session.context.run.events.warn(format!("{}: {why}", self.session.quote(reply)));
            Failure::new(Kind::NoPath, format!("the data connection was refused: {why}"))
                .said(self.session.quote(reply))
                .hint("ask the operator to announce the right address")
        })?;
        self.session.say_repair(announced, believed);
        Ok(believed)
    }

    fn unusable(&self, reply: &Reply) -> Failure {
        Failure::new(Kind::NoPath, "the server listens nowhere that can be read from its reply")
            .said(self.session.quote(reply))
    }

    /// The failure if a data connection cannot be opened at all.
    fn no_arrangement(&self) -> Failure {
        let what = format!("no way is left to open a data connection with {}", self.session.who());
        Failure::new(Kind::NoPath, what)
    }
}

/// A port that is being opened. It may be dropped.
pub type OpeningPort = Pin<Box<dyn Future<Output = Result<DataPort, DataFailure>> + Send>>;

/// Which way the data of a transfer command goes.
const fn direction(next: &Command) -> Direction {
    let receives = matches!(next, Command::Stor(_) | Command::Appe(_));
    if receives { Direction::Receive } else { Direction::Send }
}

/// The port in a 255 reply.
pub(super) fn socket_of(dialect: Dialect, reply: &Reply) -> Option<u16> {
    if reply.code == Meaning::Socket.code(dialect) { parse_255(reply.text()) } else { None }
}
