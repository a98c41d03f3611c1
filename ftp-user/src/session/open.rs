//! A session begins: connect, TLS where it is asked for, greeting, login, and what the server can. A server that has never said
//! anything is looked at over connections of their own, so that nobody waits for a greeting where there is no FTP server.

use super::connection::{
    ABORT_TIMEOUT, Addresses, Dialogue, Role, SentLook, SentTime, Session, new_session_id,
};
use super::dial::{Dialed, dial, within};
use super::port::{ControlRelay, Tunnel};
use super::secrets::Secrets;
use super::tls::{self, UNSENT};
use crate::context::Context;
use crate::failure::{Failure, Kind, Result};
use crate::place::Site;
use crate::world::{HostPort, Stream, random_bytes};
use ftp_io::connection::Connection;
use ftp_io::control::Control;
use ftp_io::tls::{Client, Refusal, Versions};
use ftp_proto::address::unmapped;
use ftp_proto::client::{self, CommandId, Event, Security};
use ftp_proto::command::{Command, Direction, Verb};
use ftp_proto::manners::Manners;
use ftp_proto::reply::{Beginning, Protocol, beginning};
use ftp_proto::wire::{PathName, RendezvousSecret, Secret};
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What a server is asked together with its login, if it takes commands behind that.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct FirstQuestions {
    /// What is at this path.
    pub look: Option<PathName>,
    /// To listen for another server, which will send a file.
    pub listen: bool,
}

/// A session that is to be opened.
pub struct SessionOpening<'a> {
    context: Context,
    site: &'a Site,
    role: Role,
    /// The versions of TLS, where it is used.
    tls: Versions,
}

impl<'a> SessionOpening<'a> {
    /// A session with that site.
    pub fn new(context: &Context, site: &'a Site, role: Role) -> Self {
        Self { context: context.at(site), site, role, tls: Versions::All }
    }

    /// The same with these versions of TLS, where it is used.
    #[must_use]
    pub fn with_tls(self, tls: Versions) -> Self {
        Self { tls, ..self }
    }

    /// Connects, logs in and asks what the server can.
    ///
    /// # Errors
    ///
    /// See [`Self::open_asking`].
    pub async fn open(&self) -> Result<Session> {
        self.open_asking(&FirstQuestions::default()).await
    }

    /// The same. A person may be asked about an unknown certificate; the answer comes without a connection, so that no
    /// server waits for it.
    ///
    /// # Errors
    ///
    /// The server cannot be reached, is no FTP server, refuses the login, shows a certificate that is not accepted, or
    /// has no TLS where it is demanded.
    pub async fn open_asking(&self, first: &FirstQuestions) -> Result<Session> {
        match self.connect(first).await {
            Err(failure) if tls::ask_person(&self.context, self.site, &failure).await => {
                self.connect(first).await
            }
            opened => opened,
        }
    }

    async fn connect(&self, first: &FirstQuestions) -> Result<Session> {
        let Self { context, site, role, tls } = self;
        let place = context.session_place(site)?;
        // Nobody is spoken to before it is known what to expect.
        let client = tls::client(context, site, *role, *tls, &site.authority())?;
        let Dialed { stream, to, round_trip } = dial(context, site, *role).await?;
        let (peer, host) = match to {
            HostPort::Address(peer) => (peer, None),
            HostPort::Name(host, port) => (SocketAddr::new(UNKNOWN, port), Some(host)),
        };
        let local = stream.local_addr().map_err(|error| {
            Failure::new(Kind::Temporary, format!("cannot connect to {}: {error}", site.authority()))
        })?;
        let addresses =
            Addresses { peer: unmapped(peer.ip()), host, local: unmapped(local.ip()), round_trip };
        let mut session = self.session(stream.into(), client, addresses, None)?;
        session.place = place;
        if context.store.sites.has_greeted(&site.key()) {
            greeting_and_login(&mut session, first).await?;
        } else {
            // What is no FTP server need not be waited for.
            tokio::select! {
                biased;
                ready = greeting_and_login(&mut session, first) => ready?,
                Some(wrong) = glance(context, site) => return Err(wrong),
            }
        }
        Ok(session)
    }

    /// The same through a relay that has connected to the server. TLS is between this program
    /// and the server: the relay carries what it cannot read.
    ///
    /// # Errors
    ///
    /// See [`Self::open_asking`].
    pub async fn open_tunnelled(&self, tunnel: Tunnel) -> Result<Session> {
        let Self { context, site, role, tls } = self;
        let place = context.session_place(site)?;
        let Tunnel { stream, local, peer, relay, .. } = tunnel;
        let title = tunnelled(site, &relay);
        let client = tls::client(context, site, *role, *tls, &title)?;
        let (peer, local) = (unmapped(peer.ip()), unmapped(local.ip()));
        let addresses = Addresses { peer, host: None, local, round_trip: Duration::ZERO };
        let mut session = self.session(stream.into(), client, addresses, Some(relay))?;
        session.place = place;
        greeting_and_login(&mut session, &FirstQuestions::default()).await?;
        Ok(session)
    }

    /// A session over a connection on which nothing was said yet, with TLS where it may be used. `relay` carries it.
    fn session(
        &self,
        connection: Connection,
        tls: Option<Client>,
        addresses: Addresses,
        relay: Option<ControlRelay>,
    ) -> Result<Session> {
        let Self { context, site, role, .. } = self;
        let security = tls::security(context, site)?;
        let tls = tls.filter(|_| security != Security::Clear);
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
            traces: context.run.events.traces(),
        };
        let title = match &relay {
            Some(relay) => tunnelled(site, relay),
            None => site.authority(),
        };
        let control = Control::new(connection, UNSENT)
            .map_err(|error| Failure::new(Kind::Temporary, format!("cannot connect to {title}: {error}")))?;
        let machine = client::Session::new(config, context.world.clock.now());
        Ok(Session {
            id: new_session_id(),
            role: *role,
            title,
            site: (*site).clone(),
            manners: Manners::default(),
            no_listings: None,
            secrets: Secrets::of_login(site.password.iter().chain(&site.account)),
            addresses,
            relay,
            context: context.clone(),
            place: None,
            closed: Arc::default(),
            is_deaf: Arc::default(),
            aborts: false,
            tls,
            look: SentLook::None,
            time: SentTime::default(),
            why_no_tls: None,
            is_tls_due: site.security == Security::Implicit,
            dialogue: Dialogue::new(machine, control),
        })
    }
}

/// Waits until the session is ready, and for the answer to what was asked with the login.
async fn greeting_and_login(session: &mut Session, first: &FirstQuestions) -> Result<()> {
    let (mut looks, mut listens) = (None, None);
    loop {
        match session.next_or_cancelled().await? {
            Event::Ready { dialect, capabilities } => {
                session.manners.dialect = dialect;
                session.manners.settings.digest = capabilities.hash.first().copied();
                session.manners.capabilities = capabilities;
                break;
            }
            Event::TakesMore => {
                let look = |path: &PathName| Command::Mlst(Some(path.clone()));
                looks = first.look.as_ref().map(|path| (path, session.send(look(path), None)));
                listens = if first.listen { listen_ahead(session) } else { None };
            }
            Event::Ended(end) => return Err(session.lost(&end)),
            Event::TlsAbsent => stays_in_clear(session),
            Event::Sent(_)
            | Event::Received { .. }
            | Event::Reply { .. }
            | Event::Unasked(_)
            | Event::AbortDone => {}
        }
    }
    if let Some((path, id)) = looks {
        session.look = SentLook::Answered(path.clone(), session.answer_to(id, Verb::Mlst).await?);
    }
    if let Some(AskedListener { secret, rndz, lstn }) = listens {
        let is_secret = session.answer_to(rndz, Verb::Rndz).await?.is_done();
        let answer = session.answer_to(lstn, Verb::Lstn).await?;
        if is_secret {
            session.note_listener(Direction::Receive, secret, &answer);
        }
    }
    Ok(())
}

/// What was sent so that a server listens before it is known who connects: only who knows the secret can.
struct AskedListener {
    secret: RendezvousSecret,
    rndz: CommandId,
    lstn: CommandId,
}

/// Has a server listen for another one. Inside TLS it has to be known first which certificate that shows, and who is the client.
fn listen_ahead(session: &mut Session) -> Option<AskedListener> {
    let secret = random_bytes().ok().filter(|_| !session.runs_tls());
    let secret = RendezvousSecret::new(secret?);
    let rndz = session.send(Command::Rndz(Some(secret.clone())), None);
    let lstn = session.send(Command::Lstn(Direction::Receive), None);
    Some(AskedListener { secret, rndz, lstn })
}

/// Takes note that the server offers no TLS.
fn stays_in_clear(session: &mut Session) {
    session.tls = None;
    if session.context.store.sites.note_in_clear(&session.site.key()) {
        let who = session.who();
        session.context.run.events.notice(format!("{who} offers no TLS: passwords and files are in clear"));
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

/// What a server is that has not greeted for a while, if it shows that it is no FTP server.
async fn glance(context: &Context, site: &Site) -> Option<Failure> {
    context.world.clock.sleep_until(Some(context.world.clock.now() + SILENCE)).await;
    if context.store.sites.has_greeted(&site.key()) {
        return None;
    }
    let there = look(context, site).await?;
    Some(wrong_server(&site.authority(), there, None, site.security))
}

/// The failure if a server is none of FTP. `title` is how people know it, and `said` what it has said.
pub(super) fn wrong_server(title: &str, there: Protocol, said: Option<String>, asked: Security) -> Failure {
    let is_tls = there == Protocol::Tls && asked != Security::Implicit;
    let what = match is_tls {
        true => format!("{title} speaks TLS on this port from the first byte on"),
        false => format!("{title} is {there}, not an FTP server"),
    };
    let hint = if is_tls {
        "use ftps:// if it is an FTP server"
    } else if there == Protocol::Ssh {
        "check host and port: FTP is usually at port 21; ftp-user does not speak SFTP"
    } else {
        "check host and port: FTP is usually at port 21, and with TLS from the first byte on at 990"
    };
    Failure { said, ..Failure::new(Kind::Other, what).hint(hint) }
}

/// Connects, listens, then says what web servers answer, then begins TLS. `None` if that shows nothing.
async fn look(context: &Context, site: &Site) -> Option<Protocol> {
    let mut stream = connected(context, site).await?;
    for question in [&b""[..], QUESTION] {
        stream.write_all(question).await.ok()?;
        match hear(context, &mut stream).await {
            FirstBytes::Protocol(there) => return Some(there),
            FirstBytes::Ftp => return None,
            FirstBytes::Nothing => {}
        }
    }
    drop(stream);
    if site.security == Security::Implicit {
        return None;
    }
    let client = tls::client(context, site, Role::Server, Versions::All, &site.authority()).ok()??;
    let stream = connected(context, site).await?;
    match within(context, PATIENCE, client.connect(stream)).await? {
        Ok(_)
        | Err(
            Refusal::Untrusted { .. }
            | Refusal::Changed { .. }
            | Refusal::Another(_)
            | Refusal::NothingInCommon(_)
            | Refusal::CertificateDemanded,
        ) => Some(Protocol::Tls),
        Err(Refusal::NotTls | Refusal::Failed(_)) => None,
    }
}

async fn connected(context: &Context, site: &Site) -> Option<Stream> {
    within(context, PATIENCE, dial(context, site, Role::Server)).await?.ok().map(|dialed| dialed.stream)
}

/// What came from a server.
enum FirstBytes {
    /// Words of another protocol.
    Protocol(Protocol),
    /// A greeting of FTP, or the beginning of one.
    Ftp,
    /// Nothing that is known, in time.
    Nothing,
}

/// The first words of a server, if they come in time.
async fn hear(context: &Context, stream: &mut Stream) -> FirstBytes {
    let mut said = Vec::new();
    let heard = async {
        let mut room = [0; 512];
        loop {
            let count = stream.read(&mut room).await.unwrap_or(0);
            said.extend_from_slice(room.get(..count).unwrap_or_default());
            if let Some(there) = Protocol::of_first_bytes(&said) {
                return FirstBytes::Protocol(there);
            }
            match beginning(&said) {
                Beginning::Greets | Beginning::Refuses(_) => return FirstBytes::Ftp,
                Beginning::NotFtp => return FirstBytes::Nothing,
                Beginning::Incomplete if count == 0 => return FirstBytes::Nothing,
                Beginning::Incomplete => {}
            }
        }
    };
    within(context, PATIENCE, heard).await.unwrap_or(FirstBytes::Nothing)
}

/// What every web server answers, and what changes nothing at one.
const QUESTION: &[u8] = b"OPTIONS * HTTP/1.0\r\n\r\n";
/// How long a server may say nothing before it is looked at. Most greet at once; some look for the name of their client first.
const SILENCE: Duration = Duration::from_secs(5);
/// How long each step of a look may take.
const PATIENCE: Duration = Duration::from_secs(2);
