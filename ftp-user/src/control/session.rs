//! One control connection: a socket and the client machine that thinks for it.
//!
//! Nothing runs in the background: whoever needs something from the session drives it with
//! [`Session::next`], which may be dropped at any point without losing an octet.

use super::answer::Answer;
use super::dial::dial;
use super::secure;
use super::tunnel::Tunnel;
use crate::context::{Cancel, Context};
use crate::failure::{Failure, Kind};
use crate::place::Site;
use crate::report::{Column, Event as Report};
use ftp_io::connection::Connection;
use ftp_io::control::{Control, Read};
use ftp_io::tls::{Client, Versions};
use ftp_proto::address::unmapped;
use ftp_proto::client::{self, CommandId, Event, Input, Output};
use ftp_proto::command::{Command, DataType, Partial, Verb};
use ftp_proto::dialect::Dialect;
use ftp_proto::digest::Algorithm;
use ftp_proto::feature::Capabilities;
use ftp_proto::reply::{Class, classify, wants_pret};
use ftp_proto::third_party::Party;
use ftp_proto::timer::Moment;
use ftp_proto::wire::Secret;
use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

/// What a session is for.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum Role {
    /// It sends files.
    Source,
    /// It receives them.
    Destination,
    /// There is only this one.
    Server,
}

impl Role {
    /// What people call that end.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Source => "source",
            Self::Destination => "destination",
            Self::Server => "server",
        }
    }

    /// Its column of the trace.
    pub(super) const fn column(self) -> Column {
        match self {
            Self::Source | Self::Server => Column::Source,
            Self::Destination => Column::Destination,
        }
    }
}

/// A logged-in control connection.
#[derive(Debug)]
pub struct Session {
    /// What it is for.
    pub role: Role,
    /// `host:port`, and the relay on the way there.
    pub title: String,
    /// Who is logged in.
    pub login: Vec<u8>,
    /// What the greeting decided.
    pub dialect: Dialect,
    /// What the server said it can.
    pub capabilities: Capabilities,
    /// The server's address, as this program or the relay reached it.
    pub peer: IpAddr,
    /// The address that the server sees: this program's on this connection, or the relay's.
    pub local: IpAddr,
    /// The relay that carries this connection.
    pub relay: Option<String>,
    pub(super) context: Context,
    /// The TYPE in force, where this program chose it.
    pub(super) data_type: Option<DataType>,
    /// The algorithm in force for HASH.
    pub(super) selected: Option<Algorithm>,
    /// REST named an octet that the next transfer may begin with.
    pub(super) restarts: bool,
    /// What OPTS STOR PARTIAL has said.
    pub(super) partial: Option<Partial>,
    /// It was said that this server announces addresses that cannot be meant.
    pub(super) repaired: bool,
    /// It was seen to keep names beyond ASCII.
    pub(super) kept: bool,
    /// TLS towards this server, where it is used.
    pub(super) tls: Option<Client>,
    /// Why there is no TLS.
    pub(super) refused: Option<Failure>,
    /// PROT C is in force.
    pub(super) in_clear: bool,
    /// The handshake is to come.
    securing: bool,
    machine: client::Session,
    /// `None` once closed.
    control: Option<Control>,
    over: Option<client::Failure>,
    /// The last transfer command.
    transfer: Option<CommandId>,
    /// A preliminary reply came that has found no transfer yet.
    orphan: bool,
}

impl Session {
    /// Connects, logs in and asks what the server can.
    pub async fn open(context: &Context, site: &Site, role: Role) -> Result<Self, Failure> {
        Self::open_by(context, site, role, Versions::All).await
    }

    /// The same with these versions of TLS, where it is used.
    pub async fn open_by(context: &Context, site: &Site, role: Role, tls: Versions) -> Result<Self, Failure> {
        let stream = dial(context, site).await?;
        let ends = stream.local_addr().and_then(|local| Ok((local, stream.peer_addr()?)));
        let ends = ends.map_err(|error| {
            Failure::new(Kind::Temporary, format!("cannot connect to {}: {error}", site.authority()))
        })?;
        let client = secure::client(context, site, role, tls, &site.authority())?;
        Self::begin(context, site, role, (stream.into(), client), ends, None).await
    }

    /// The same through a relay that has connected to the server.
    pub async fn open_tunnelled(
        context: &Context,
        site: &Site,
        role: Role,
        tunnel: Tunnel,
    ) -> Result<Self, Failure> {
        let Tunnel { stream, local, peer, relay } = tunnel;
        if site.security.is_secured() {
            return Err(Failure::new(Kind::NoPath, "there is no TLS through a relay yet"));
        }
        Self::begin(context, site, role, (stream.into(), None), (local, peer), Some(relay)).await
    }

    async fn begin(
        context: &Context,
        site: &Site,
        role: Role,
        (connection, tls): (Connection, Option<Client>),
        (local, peer): (SocketAddr, SocketAddr),
        relay: Option<String>,
    ) -> Result<Self, Failure> {
        let config = client::Config {
            user: site.login().to_vec(),
            password: site.password.clone().unwrap_or_else(|| {
                Secret::new(match site.user {
                    None => ANONYMOUS_PASSWORD,
                    Some(_) => &b""[..],
                })
            }),
            account: site.account.clone(),
            security: site.security,
            reply_timeout: context.patience.reply,
            abort_timeout: ABORT_TIMEOUT,
        };
        let title = match &relay {
            Some(relay) => format!("{} through relay {relay}", site.authority()),
            None => site.authority(),
        };
        let control = Control::new(connection, secure::UNSENT)
            .map_err(|error| Failure::new(Kind::Temporary, format!("cannot connect to {title}: {error}")))?;
        let mut session = Self {
            tls,
            refused: None,
            in_clear: false,
            securing: site.security == client::Security::Implicit,
            role,
            title,
            login: site.login().to_vec(),
            dialect: Dialect::Rfc959,
            capabilities: Capabilities::default(),
            peer: unmapped(peer.ip()),
            local: unmapped(local.ip()),
            relay,
            context: context.clone(),
            data_type: None,
            selected: None,
            restarts: false,
            partial: None,
            repaired: false,
            kept: false,
            machine: client::Session::new(config, context.clock.now()),
            control: Some(control),
            over: None,
            transfer: None,
            orphan: false,
        };
        session.greeting_and_login().await?;
        Ok(session)
    }

    /// Waits until the session is ready.
    async fn greeting_and_login(&mut self) -> Result<(), Failure> {
        loop {
            match self.next_or_cancelled().await? {
                Event::Ready { dialect, capabilities } => {
                    self.dialect = dialect;
                    self.selected = capabilities.hash.first().copied();
                    self.capabilities = capabilities;
                    return Ok(());
                }
                Event::Ended(end) => return Err(self.lost(&end)),
                Event::Sent(_)
                | Event::Received { .. }
                | Event::Reply { .. }
                | Event::Unasked(_)
                | Event::AbortDone => {}
            }
        }
    }

    /// What the two-party machine wants to know of it.
    pub fn party(&self) -> Party {
        Party {
            dialect: self.dialect,
            capabilities: self.capabilities.clone(),
            address: self.peer,
            standing: self.machine.standing(),
        }
    }

    /// Whether it has ended.
    pub const fn is_over(&self) -> bool {
        self.over.is_some()
    }

    /// Hears what has come while nobody listened: servers close what is idle for long, and say so.
    pub async fn catch_up(&mut self) {
        while !self.is_over() {
            tokio::select! {
                biased;
                _ = self.next() => {}
                () = std::future::ready(()) => return,
            }
        }
    }

    /// Whether it is one of our own servers: it says what it has moved.
    pub const fn is_ours(&self) -> bool {
        self.capabilities.rndz && self.capabilities.partial
    }

    /// Sends a command; its replies come out of [`Session::next`].
    pub fn send(&mut self, command: Command, patience: Option<Duration>) -> CommandId {
        let transfer = command.is_transfer();
        if let Command::Rest(octets) = &command {
            self.restarts = *octets > 0;
        }
        let id = self.machine.send(self.context.clock.now(), command, patience);
        if transfer {
            self.transfer = Some(id);
        }
        id
    }

    /// Aborts what runs.
    pub fn abort(&mut self) {
        self.machine.input(self.context.clock.now(), Input::Abort);
    }

    /// Closes the connection without a word.
    pub fn close(&mut self) {
        self.machine.input(self.context.clock.now(), Input::Closed);
        self.control = None;
        self.orphan = false;
        self.over.get_or_insert(client::Failure::Closed);
    }

    /// How long it waits for a reply.
    pub const fn patience(&self) -> Duration {
        self.context.patience.reply
    }

    /// Takes over an idle session for another use.
    pub fn adopt(&mut self, context: &Context, role: Role) {
        self.context = context.clone();
        self.role = role;
    }

    /// From now on `cancel` interrupts the session, and nothing else does.
    pub fn cancel_by(&mut self, cancel: &Cancel) {
        self.context.cancel = cancel.clone();
    }

    /// Sends a command and waits for its final reply.
    pub async fn ask(&mut self, command: Command) -> Result<Answer, Failure> {
        self.ask_patiently(command, None).await
    }

    /// The same for a command that may take longer than others.
    pub async fn ask_patiently(
        &mut self,
        command: Command,
        patience: Option<Duration>,
    ) -> Result<Answer, Failure> {
        let verb = command.verb();
        let id = self.send(command, patience);
        loop {
            match self.next_or_cancelled().await? {
                Event::Reply { to, reply, class } if to == id && class.is_final() => {
                    return Ok(Answer { reply, class, verb });
                }
                Event::Ended(failure) => return Err(self.lost(&failure)),
                Event::Reply { .. }
                | Event::Sent(_)
                | Event::Received { .. }
                | Event::Ready { .. }
                | Event::Unasked(_)
                | Event::AbortDone => {}
            }
        }
    }

    /// Sets the data type, if it is not in force already.
    pub async fn set_type(&mut self, data_type: DataType) -> Result<(), Failure> {
        if self.data_type == Some(data_type) {
            return Ok(());
        }
        let answer = self.ask(Command::Type(data_type)).await?;
        if !answer.is_done() {
            return Err(self.refusal("cannot set the data type", &answer));
        }
        self.data_type = Some(data_type);
        Ok(())
    }

    /// The two-party machine sets the data type itself: this is what is known of it now.
    pub const fn note_type(&mut self, data_type: Option<DataType>) {
        self.data_type = data_type;
    }

    /// Says goodbye, without waiting long for the answer.
    pub async fn quit(mut self) {
        if self.is_over() {
            return;
        }
        self.machine.input(self.context.clock.now(), Input::Quit);
        let deadline = self.context.clock.now() + GOODBYE;
        let clock = self.context.clock;
        let farewell = async { while !matches!(self.next().await, Event::Ended(_)) {} };
        tokio::select! {
            () = farewell => {}
            () = clock.sleep_until(Some(deadline)) => {}
        }
    }

    /// The next event, or an interruption. An interrupted session is closed, since its replies cannot be
    /// told apart any more.
    pub(super) async fn next_or_cancelled(&mut self) -> Result<Event, Failure> {
        if let Some(failure) = &self.over {
            return Err(self.lost(&failure.clone()));
        }
        let cancel = self.context.cancel.clone();
        let event = tokio::select! {
            biased;
            () = cancel.cancelled() => None,
            event = self.next() => Some(event),
        };
        event.ok_or_else(|| {
            self.close();
            Failure::interrupted()
        })
    }

    /// The next event; never one after the end.
    pub async fn next(&mut self) -> Event {
        loop {
            let deadline = match self.drain() {
                Ok(event) => return event,
                Err(deadline) => deadline,
            };
            let clock = self.context.clock;
            let now = || clock.now();
            if std::mem::take(&mut self.securing) {
                let control = self.control.take();
                match self.secure(control).await {
                    Ok(control) => {
                        self.control = Some(control);
                        self.machine.input(now(), Input::Secured);
                    }
                    Err(failure) => {
                        self.refused = Some(failure);
                        self.machine.input(now(), Input::Closed);
                    }
                }
                continue;
            }
            let Some(control) = &mut self.control else {
                if self.over.is_some() {
                    std::future::pending::<()>().await;
                }
                self.machine.input(now(), Input::Closed);
                continue;
            };
            let mut piece = [0; 4096];
            tokio::select! {
                read = control.read(&mut piece) => match read {
                    Read::Bytes(n) => self.machine.input(now(), Input::Bytes(piece.get(..n).unwrap_or_default())),
                    Read::Room => {}
                    Read::Closed => self.machine.input(now(), Input::Closed),
                },
                () = clock.sleep_until(deadline) => self.machine.input(now(), Input::Timeout),
            }
        }
    }

    /// Does what the machine asks, up to its next event or its next deadline.
    fn drain(&mut self) -> Result<Event, Option<Moment>> {
        loop {
            match self.machine.poll() {
                Output::Send(bytes) => {
                    if let Some(control) = &mut self.control {
                        control.send(&bytes, self.context.clock.now());
                    }
                }
                Output::Event(Event::Sent(line)) => self.trace(format!("> {line}")),
                Output::Event(Event::Received { reply, lines }) => {
                    self.trace_reply(&lines);
                    self.capabilities.pret |= wants_pret(&reply);
                    self.orphan = classify(self.dialect, Verb::Retr, reply.code) == Class::Preliminary;
                }
                Output::Event(event) => {
                    if let Event::Reply { to, class: Class::Preliminary, .. } = &event
                        && self.transfer == Some(*to)
                    {
                        self.orphan = false;
                    }
                    if let Event::Ended(failure) = &event {
                        self.over = Some(failure.clone());
                    }
                    return Ok(event);
                }
                Output::StartTls => self.securing = true,
                Output::Close => self.control = None,
                Output::Wait(_) if self.orphan && self.transfer.is_some() => {
                    return Ok(self.lose_step());
                }
                Output::Wait(deadline) => return Err(deadline),
            }
        }
    }

    /// A transfer that is over says that it begins: its final reply will come, too, and would answer
    /// some other command (RFC 1123 4.1.4.4). Such a session is of no more use.
    fn lose_step(&mut self) -> Event {
        self.close();
        self.over = Some(client::Failure::OutOfStep);
        Event::Ended(client::Failure::OutOfStep)
    }

    /// The lines of a reply as they came, but for control characters.
    fn trace_reply(&self, lines: &[Vec<u8>]) {
        for line in lines {
            let shown: String = String::from_utf8_lossy(line)
                .chars()
                .map(|c| if c.is_control() { '\u{FFFD}' } else { c })
                .collect();
            self.trace(format!("< {shown}"));
        }
    }

    fn trace(&self, line: String) {
        self.context.events.say(Report::Dialogue {
            column: self.role.column(),
            title: self.title.clone(),
            at: self.context.clock.now(),
            line,
        });
    }
}

/// What anonymous logins say as their password.
const ANONYMOUS_PASSWORD: &[u8] = b"ftp-user@";
/// How long a server may take to answer ABOR before its control connection is closed.
pub const ABORT_TIMEOUT: Duration = Duration::from_secs(4);
/// For the reply to QUIT.
const GOODBYE: Duration = Duration::from_millis(500);
