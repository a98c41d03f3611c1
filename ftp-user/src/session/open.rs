//! A session begins: connect, TLS where it is asked for, greeting, login, and what the server can.

use super::answer::Answer;
use super::certificate;
use super::closed_posture::ClosedPosture;
use super::connection::{ABORT_TIMEOUT, Role, Session};
use super::dial::{Dialled, dial};
use super::first::First;
use super::glance::glance;
use super::secrets::Secrets;
use super::secure::{self, UNSENT};
use super::tunnel::{ControlRelay, Tunnel};
use crate::context::Context;
use crate::failure::{Failure, Kind};
use crate::place::Site;
use crate::world::HostPort;
use ftp_io::connection::Connection;
use ftp_io::control::Control;
use ftp_io::tls::{Client, Versions};
use ftp_proto::address::unmapped;
use ftp_proto::client::{self, Event};
use ftp_proto::command::{Command, Verb};
use ftp_proto::manners::Manners;
use ftp_proto::wire::{PathName, Secret};
use std::collections::VecDeque;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::Duration;

impl Session {
    /// Connects, logs in and asks what the server can.
    ///
    /// # Errors
    ///
    /// See [`Self::open_by`].
    pub async fn open(context: &Context, site: &Site, role: Role) -> Result<Self, Failure> {
        Self::open_by(context, site, role, Versions::All, None).await
    }

    /// The same with these versions of TLS, where it is used. A person may be asked about an unknown certificate; the
    /// answer comes without a connection, so that no server waits for it. A server that takes commands behind those of
    /// the login is asked with them what is at `first`.
    ///
    /// # Errors
    ///
    /// The server cannot be reached, is no FTP server, refuses the login, shows a certificate that is not accepted, or
    /// has no TLS where it is demanded.
    pub async fn open_by(
        context: &Context,
        site: &Site,
        role: Role,
        tls: Versions,
        first: Option<&PathName>,
    ) -> Result<Self, Failure> {
        let context = &context.at(site);
        match Self::connect(context, site, role, tls, first).await {
            Err(failure) if certificate::ask_person(context, site, &failure).await => {
                Self::connect(context, site, role, tls, first).await
            }
            opened => opened,
        }
    }

    async fn connect(
        context: &Context,
        site: &Site,
        role: Role,
        tls: Versions,
        first: Option<&PathName>,
    ) -> Result<Self, Failure> {
        let place = context.session_place(site)?;
        // Nobody is spoken to before it is known what to expect.
        let client = secure::client(context, site, role, tls, &site.authority())?;
        let begun = context.world.clock.now();
        let Dialled { stream, to } = dial(context, site).await?;
        let round_trip = context.world.clock.now().since(begun);
        let (peer, host) = match to {
            HostPort::Address(peer) => (peer, None),
            HostPort::Name(host, port) => (SocketAddr::new(UNKNOWN, port), Some(host)),
        };
        let local = stream.local_addr().map_err(|error| {
            Failure::new(Kind::Temporary, format!("cannot connect to {}: {error}", site.authority()))
        })?;
        let mut session = Self::new(context, site, role, (stream.into(), client), (local, peer), None)?;
        session.place = place;
        if context.store.sites.has_greeted(&site.key()) {
            session.greeting_and_login(first).await?;
        } else {
            // What is no FTP server need not be waited for.
            tokio::select! {
                ready = session.greeting_and_login(first) => ready?,
                Some(wrong) = glance(context, site) => return Err(wrong),
            }
        }
        session.round_trip = round_trip;
        session.host = host;
        Ok(session)
    }

    /// The same through a relay that has connected to the server, with these versions of TLS. TLS is between this program
    /// and the server: the relay carries what it cannot read.
    ///
    /// # Errors
    ///
    /// See [`Self::open_by`].
    pub async fn open_tunnelled(
        context: &Context,
        site: &Site,
        role: Role,
        tls: Versions,
        tunnel: Tunnel,
    ) -> Result<Self, Failure> {
        let context = &context.at(site);
        let place = context.session_place(site)?;
        let Tunnel { stream, local, peer, relay } = tunnel;
        let title = tunnelled(site, &relay);
        let client = secure::client(context, site, role, tls, &title)?;
        let connected = (stream.into(), client);
        let mut session = Self::new(context, site, role, connected, (local, peer), Some(relay))?;
        session.place = place;
        session.greeting_and_login(None).await?;
        Ok(session)
    }

    /// A session over a connection on which nothing was said yet.
    fn new(
        context: &Context,
        site: &Site,
        role: Role,
        (connection, tls): (Connection, Option<Client>),
        (local, peer): (SocketAddr, SocketAddr),
        relay: Option<ControlRelay>,
    ) -> Result<Self, Failure> {
        let security = secure::security(context, site)?;
        let tls = tls.filter(|_| security != client::Security::Clear);
        let config = client::Config {
            user: site.login().to_vec(),
            password: match (&site.user, &site.password) {
                (None, None) => Some(Secret::new(ANONYMOUS_PASSWORD)),
                (_, password) => password.clone(),
            },
            account: site.account.clone(),
            security,
            reply_timeout: context.settings.patience.reply,
            abort_timeout: ABORT_TIMEOUT,
        };
        let title = match &relay {
            Some(relay) => tunnelled(site, relay),
            None => site.authority(),
        };
        let control = Control::new(connection, UNSENT)
            .map_err(|error| Failure::new(Kind::Temporary, format!("cannot connect to {title}: {error}")))?;
        Ok(Self {
            id: super::session_id::next(),
            is_answered: false,
            tls,
            refused: None,
            unawaited: None,
            time: super::sent_time::SentTime::default(),
            securing: site.security == client::Security::Implicit,
            role,
            title,
            site: site.clone(),
            secrets: Secrets::of_login(site.password.iter().chain(&site.account)),
            peer: unmapped(peer.ip()),
            host: None,
            local: unmapped(local.ip()),
            round_trip: Duration::ZERO,
            relay,
            context: context.clone(),
            closed: ClosedPosture::default(),
            manners: Manners::default(),
            no_listings: None,
            machine: client::Session::new(config, context.world.clock.now()),
            control: Some(control),
            over: None,
            transfers: VecDeque::new(),
            orphan: false,
            gathers: false,
            first: None,
            place: None,
        })
    }

    /// Waits until the session is ready, and for the answer to what was asked with the login.
    async fn greeting_and_login(&mut self, first: Option<&PathName>) -> Result<(), Failure> {
        let mut asked = None;
        loop {
            match self.next_or_cancelled().await? {
                Event::Ready { dialect, capabilities } => {
                    self.manners.dialect = dialect;
                    self.manners.settings.digest = capabilities.hash.first().copied();
                    self.manners.capabilities = capabilities;
                    break;
                }
                Event::TakesMore => {
                    asked = first.map(|path| (path, self.send(Command::Mlst(Some(path.clone())), None)));
                }
                Event::Ended(end) => return Err(self.lost(&end)),
                Event::TlsAbsent => self.stays_in_clear(),
                Event::Sent(_)
                | Event::Received { .. }
                | Event::Reply { .. }
                | Event::Unasked(_)
                | Event::AbortDone => {}
            }
        }
        if let Some((path, id)) = asked {
            let Answer { reply, class, .. } = self.answer_to(id, Verb::Mlst).await?;
            self.first = Some(First { path: path.clone(), reply, class });
        }
        Ok(())
    }
}

/// The address of a server that only a proxy knows.
const UNKNOWN: IpAddr = IpAddr::V4(Ipv4Addr::UNSPECIFIED);

/// The title of a session through a relay.
fn tunnelled(site: &Site, relay: &ControlRelay) -> String {
    format!("{} through relay {}", site.authority(), relay.name)
}

/// What anonymous logins say as their password.
const ANONYMOUS_PASSWORD: &[u8] = b"ftp-user@";
