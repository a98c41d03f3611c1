//! What a server allows, as far as it can be seen without moving a file: for a person who wants to know before a copy.

use super::look::entry_at_server;
use crate::failure::{Failure, Kind, Result};
use crate::session::{Answer, Session};
use ftp_io::tls::Client;
use ftp_proto::address::Family;
use ftp_proto::command::Command;
use ftp_proto::listing::{Precision, When};
use ftp_proto::wire::{Fingerprint, PathName, counted};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};

/// The certificate of a session that runs TLS.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct SeenCertificate {
    /// The fingerprint of it.
    pub fingerprint: Option<Fingerprint>,
    /// Why nobody vouches for it, if so.
    pub doubt: Option<String>,
}

/// Whether a server takes the address of another host for a data connection.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Foreign {
    /// It asks both ends to prove themselves first (RNDZ).
    Proven,
    /// It took the address. Some servers refuse later.
    Taken,
    /// It refused it, in these words; and what its operator can do, if that is known.
    Refused(String, Option<String>),
}

/// What the clock of a server says.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum ServerClock {
    /// It is ahead of this host by so many seconds, or behind if that is negative.
    Off(i64),
    /// It shows no time that can be compared.
    Unseen,
    /// Nothing may be made there: this is why.
    ReadOnly(String),
}

/// The certificate of the server, if the session runs TLS.
pub fn certificate_seen(session: &Session) -> Option<SeenCertificate> {
    let client = session.tls.as_ref()?;
    let doubt = client.doubt().map(|doubt| doubt.to_string());
    Some(SeenCertificate { fingerprint: Client::certificate(client), doubt })
}

/// Compares the clock of the server with that of this host: an empty directory is made, looked at and removed.
///
/// # Errors
///
/// The session is lost, or the directory cannot be removed.
pub async fn clock_of_server(session: &mut Session, directory: &PathName) -> Result<ServerClock> {
    let before = session.context.world.today().0;
    let made = session.ask(Command::Mkd(directory.clone())).await?;
    if !made.is_done() {
        return Ok(ServerClock::ReadOnly(session.quote(&made.reply)));
    }
    let entry = entry_at_server(session, directory).await;
    let after = session.context.world.today().0;
    let removed = session.ask(Command::Rmd(directory.clone())).await?;
    session.check_done(&removed, format!("cannot remove the empty directory {}", directory.display()))?;
    let Some(entry) = entry? else { return Ok(ServerClock::Unseen) };
    let Some(When(shown)) = entry.modified else { return Ok(ServerClock::Unseen) };
    if entry.precision != Precision::Exact {
        return Ok(ServerClock::Unseen);
    }
    Ok(ServerClock::Off(match shown {
        ahead if ahead > after => ahead - after,
        behind if behind < before => behind - before,
        _ => 0,
    }))
}

/// Whether the server takes the address of another host. Nothing is connected. The session must not move anything
/// afterwards: its next data connection would go there.
///
/// # Errors
///
/// The session is lost.
pub async fn takes_foreign(session: &mut Session) -> Result<Foreign> {
    if session.manners.capabilities.rndz {
        return Ok(Foreign::Proven);
    }
    // Addresses for documentation: no host has them (RFC 5737, RFC 3849).
    let command = match Family::of(session.addresses.peer) {
        Family::V4 => Command::Port(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), PORT)),
        Family::V6 => {
            let nobody = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
            Command::Eprt(SocketAddr::new(nobody.into(), PORT))
        }
    };
    let Answer { reply, verb, .. } = match session.ask(command).await? {
        answer if answer.is_done() => return Ok(Foreign::Taken),
        answer => answer,
    };
    let advice = session.foreign_advice(verb, &reply);
    Ok(Foreign::Refused(session.quote(&reply), advice))
}

/// Nobody listens there.
const PORT: u16 = 40_000;

/// How many bytes may come if `announced` are to come. A file may grow while it is read, but a server that sends without
/// an end must not fill the disk of this host, or of another one.
pub fn most(announced: Option<u64>) -> u64 {
    announced.map_or(u64::MAX, |announced| announced.saturating_mul(2).saturating_add(GROWTH))
}

/// The failure if more has come of a file of `size` bytes. The copy cannot be right.
pub fn sends_too_much(session: &Session, size: u64) -> Failure {
    let (who, size) = (session.who(), counted(size, "byte"));
    let why = format!("{who} sends more than the {size} that it announced");
    Failure::new(Kind::Unverified, why).hint("check the file at the server")
}

/// Bytes by which any file may grow while it is read.
const GROWTH: u64 = 16 * 1024 * 1024;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_may_grow_and_has_an_end() {
        assert_eq!(most(None), u64::MAX);
        assert_eq!(most(Some(0)), GROWTH);
        assert_eq!(most(Some(5)), 10 + GROWTH);
        assert_eq!(most(Some(u64::MAX)), u64::MAX);
    }
}
