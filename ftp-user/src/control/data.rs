//! Data connections of which this program is one end: the server listens, this program connects.

use super::answer::Answer;
use super::dial::{via, within};
use super::reach::{HostPort, anywhere, reach};
use super::session::Session;
use crate::failure::{Failure, Kind, words};
use ftp_io::tls::Data;
use ftp_proto::address::{Family, parse_227, parse_229, parse_255};
use ftp_proto::command::{Command, Direction, Epsv};
use ftp_proto::dialect::Dialect;
use ftp_proto::policy::believe;
use ftp_proto::reply::Blame;
use std::io;
use std::net::{IpAddr, SocketAddr};
use tokio::net::TcpStream;

impl Session {
    /// The local address for data connections: that of the control connection, unless a relay carries it.
    pub const fn data_from(&self) -> IpAddr {
        if self.relay.is_some() { anywhere(self.peer) } else { self.local }
    }

    /// Connects to a data port of this server. If only the proxy knows its address, the host is named to the proxy.
    pub fn reach(&self, at: SocketAddr) -> impl Future<Output = io::Result<TcpStream>> + Send + use<> {
        let to = match &self.host {
            Some(host) => HostPort::Name(host.clone(), at.port()),
            None => HostPort::Address(at),
        };
        reach(&self.context, self.data_from(), to)
    }

    /// A fresh data connection to this server. The transfer command `next` is the next one to send.
    pub async fn open_data(&mut self, direction: Direction, next: &Command) -> Result<Data, Failure> {
        self.private_data().await?;
        let announced = self.capabilities.pret;
        if announced {
            self.announce(next).await?;
        }
        let mut at = self.listening(direction).await;
        // It had not said so in FEAT.
        if at.is_err() && self.capabilities.pret && !announced {
            self.announce(next).await?;
            at = self.listening(direction).await;
        }
        let at = at?;
        let limit = self.context.patience.reply;
        let via = via(&self.context);
        let what = || format!("no data connection to the {} {}{via}", self.role.name(), self.title);
        match within(&self.context, limit, self.reach(at)).await {
            Some(Ok(connection)) => Ok(self.data(connection)),
            Some(Err(error)) => Err(Failure::new(Kind::NoPath, format!("{}: {}", what(), words(&error)))
                .hint("check that its data ports can be reached from here")),
            None if self.context.cancel.is_cancelled() => Err(Failure::interrupted()),
            None => Err(Failure::new(Kind::NoPath, format!("{}: no answer in time", what()))
                .hint("check that its data ports can be reached from here")),
        }
    }

    /// PRET: servers that are made of several hosts choose one of them by the file. A refusal is one
    /// of the file (H34).
    async fn announce(&mut self, next: &Command) -> Result<(), Failure> {
        let answer = self.ask(Command::Pret(Box::new(next.clone()))).await?;
        let answer = Answer { verb: next.verb(), ..answer };
        if answer.is_done() || self.blame(&answer) == Blame::Unsupported {
            return Ok(()); // PASV will show whether it mattered
        }
        Err(self.refusal(format!("the server is not prepared for {}", next.verb().name()), &answer))
    }

    async fn listening(&mut self, direction: Direction) -> Result<SocketAddr, Failure> {
        match self.dialect {
            Dialect::Rfc354 => self.listening_1973(direction).await,
            Dialect::Rfc959 => self.listening_today().await,
        }
    }

    /// EPSV, else PASV (RFC 2428, 959).
    async fn listening_today(&mut self) -> Result<SocketAddr, Failure> {
        let v4 = Family::of(self.peer) == Family::V4;
        // Servers without FEAT may know EPSV all the same; over IPv6 there is nothing else.
        if self.capabilities.epsv || !self.capabilities.known || !v4 {
            let answer = self.ask(Command::Epsv(Epsv::Same)).await?;
            if let Some(port) = parse_229(answer.reply.text()).filter(|_| answer.is_done()) {
                return Ok(SocketAddr::new(self.peer, port));
            }
            self.capabilities.epsv = false;
            if !v4 || self.blame(&answer) == Blame::Busy {
                return Err(self.refusal("the server does not listen for a data connection", &answer));
            }
        }
        let answer = self.ask(Command::Pasv).await?;
        if !answer.is_done() {
            return Err(self.refusal("the server does not listen for a data connection", &answer));
        }
        let announced = parse_227(answer.reply.text()).ok_or_else(|| self.unusable(&answer.reply))?;
        let announced = SocketAddr::V4(announced);
        if self.host.is_some() {
            return Ok(SocketAddr::new(self.peer, announced.port()));
        }
        // A lying server could aim this program at somebody else.
        let believed = believe(self.peer, announced).map_err(|why| {
            self.context.events.warn(format!("{}: {why}", self.quote(&answer.reply)));
            Failure::new(Kind::NoPath, format!("the data connection was refused: {why}"))
                .said(self.quote(&answer.reply))
                .hint("ask the operator to announce the right address")
        })?;
        self.say_repair(announced, believed);
        Ok(believed)
    }

    /// Warns once if the announced address is replaced (H08).
    pub fn say_repair(&mut self, announced: SocketAddr, used: SocketAddr) {
        if announced != used && !self.repaired {
            self.repaired = true;
            let (role, title) = (self.role.name(), &self.title);
            self.context.events.warn(format!(
                "the {role} {title} announced {} for its data connections, which cannot be meant: {} is used",
                announced.ip(),
                used.ip()
            ));
        }
    }

    /// LSTN (RFC 438) or PASV (RFC 478); both answer with the number of the socket.
    async fn listening_1973(&mut self, direction: Direction) -> Result<SocketAddr, Failure> {
        let command = if self.capabilities.lstn { Command::Lstn(direction) } else { Command::Pasv };
        let answer = self.ask(command).await?;
        if !answer.is_done() {
            return Err(self.refusal("the server does not listen for a data connection", &answer));
        }
        let port = parse_255(answer.reply.text()).ok_or_else(|| self.unusable(&answer.reply))?;
        Ok(SocketAddr::new(self.peer, port))
    }

    fn unusable(&self, reply: &ftp_proto::reply::Reply) -> Failure {
        Failure::new(Kind::NoPath, "the server listens nowhere that can be read from its reply")
            .said(self.quote(reply))
    }
}
