//! A look at a server that has never said anything: where it is no FTP server, nobody waits for its greeting. It takes
//! connections of its own, and the session beside it goes on waiting.

use super::connection::Role;
use super::dial::{dial, within};
use super::secure;
use crate::context::Context;
use crate::failure::{Failure, Kind};
use crate::place::Site;
use crate::world::TcpStream;
use ftp_io::tls::{Refusal, Versions};
use ftp_proto::client::Security;
use ftp_proto::reply::{Beginning, Protocol, beginning};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};

/// What a server is that has not greeted for a while, if it shows that it is no FTP server.
pub(super) async fn glance(context: &Context, site: &Site) -> Option<Failure> {
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
    let hint = match there {
        _ if is_tls => "use ftps:// if it is an FTP server",
        Protocol::Ssh => "check host and port: FTP is usually at port 21; ftp-user does not speak SFTP",
        Protocol::Http
        | Protocol::Smtp
        | Protocol::Imap
        | Protocol::Pop3
        | Protocol::Nntp
        | Protocol::Rsync
        | Protocol::Vnc
        | Protocol::Tls => {
            "check host and port: FTP is usually at port 21, and with TLS from the first byte on at 990"
        }
    };
    let failure = Failure::new(Kind::Other, what).hint(hint);
    match said {
        Some(said) => failure.said(said),
        None => failure,
    }
}

/// Connects, listens, then says what web servers answer, then begins TLS. `None` if that shows nothing.
async fn look(context: &Context, site: &Site) -> Option<Protocol> {
    let mut stream = connected(context, site).await?;
    match hear(context, &mut stream).await {
        FirstBytes::Protocol(there) => return Some(there),
        FirstBytes::Ftp => return None,
        FirstBytes::Nothing => {}
    }
    stream.write_all(QUESTION).await.ok()?;
    match hear(context, &mut stream).await {
        FirstBytes::Protocol(there) => return Some(there),
        FirstBytes::Ftp => return None,
        FirstBytes::Nothing => drop(stream),
    }
    if site.security == Security::Implicit {
        return None;
    }
    let client = secure::client(context, site, Role::Server, Versions::All, &site.authority()).ok()??;
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

async fn connected(context: &Context, site: &Site) -> Option<TcpStream> {
    Some(within(context, PATIENCE, dial(context, site)).await?.ok()?.stream)
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
async fn hear(context: &Context, stream: &mut TcpStream) -> FirstBytes {
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
