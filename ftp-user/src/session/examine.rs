//! What a server allows, as far as it can be seen without moving a file: for a person who wants to know before a copy.

use super::answer::Answer;
use super::connection::Session;
use crate::failure::Failure;
use ftp_io::tls::Client;
use ftp_proto::address::Family;
use ftp_proto::command::Command;
use ftp_proto::listing::{Precision, When};
use ftp_proto::wire::{Fingerprint, PathName};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr, SocketAddrV4};
use std::time::{SystemTime, UNIX_EPOCH};

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

impl Session {
    /// The certificate of the server, if the session runs TLS.
    pub fn certificate_seen(&self) -> Option<SeenCertificate> {
        let client = self.tls.as_ref()?;
        let doubt = client.doubt().map(|doubt| doubt.to_string());
        Some(SeenCertificate { fingerprint: Client::certificate(client), doubt })
    }

    /// Compares the clock of the server with that of this host: an empty directory is made, looked at and removed.
    ///
    /// # Errors
    ///
    /// The session is lost, or the directory cannot be removed.
    pub async fn clock_of_server(&mut self, directory: &PathName) -> Result<ServerClock, Failure> {
        let before = now();
        let made = self.ask(Command::Mkd(directory.clone())).await?;
        if !made.is_done() {
            return Ok(ServerClock::ReadOnly(self.quote(&made.reply)));
        }
        let entry = self.entry(directory).await;
        let after = now();
        let removed = self.ask(Command::Rmd(directory.clone())).await?;
        if !removed.is_done() {
            let what = format!("cannot remove the empty directory {}", directory.display());
            return Err(self.refusal(what, &removed));
        }
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
    pub async fn takes_foreign(&mut self) -> Result<Foreign, Failure> {
        if self.manners.capabilities.rndz {
            return Ok(Foreign::Proven);
        }
        // Addresses for documentation: no host has them (RFC 5737, RFC 3849).
        let command = match Family::of(self.peer) {
            Family::V4 => Command::Port(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), PORT)),
            Family::V6 => {
                let nobody = Ipv6Addr::new(0x2001, 0xdb8, 0, 0, 0, 0, 0, 1);
                Command::Eprt(SocketAddr::new(nobody.into(), PORT))
            }
        };
        let Answer { reply, verb, .. } = match self.ask(command).await? {
            answer if answer.is_done() => return Ok(Foreign::Taken),
            answer => answer,
        };
        let advice = self.foreign_advice(verb, &reply);
        Ok(Foreign::Refused(self.quote(&reply), advice))
    }
}

/// Seconds since 1970.
fn now() -> i64 {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |time| time.as_secs());
    i64::try_from(now).unwrap_or(i64::MAX)
}

/// Nobody listens there.
const PORT: u16 = 40_000;
