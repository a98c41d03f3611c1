//! Attempts as transcripts of both control connections.
//!
//! `src` is the source (SITE1 of RFC 438), `dst` the destination (SITE2).
//!
//! | line | meaning |
//! |---|---|
//! | `src: LSTN R` | the attempt sends this command to the source |
//! | `src< 255 SOCK 40002` | the source replies |
//! | `src? 425 no` | the source sends this without being asked |
//! | `src! abort`, `src! close` | the attempt aborts or closes the session of the source |
//! | `src. aborted`, `src. closed` | the abort is complete; the session is over |
//! | `src. broken` | the data connection of the source has failed |
//! | `cancel`, `wait n` | the caller cancels; n seconds pass |
//! | `moving` | bytes were seen to move |
//! | `= text` | the outcome |

mod ahead;
mod any;
mod behind;
mod digest;
mod given;
mod lost;
mod order;
mod parts;
mod play;
mod relayed;
mod rescue;
mod security;
mod setup;
mod socket;
mod through;

use super::*;
use crate::client::{self, Standing};
use crate::command::{Command, Verb};
use crate::dialect::Dialect;
use crate::digest::Algorithm;
use crate::feature::Capabilities;
use crate::rendezvous::RendezvousSecret;
use crate::reply::{Code, Reply, classify};
use crate::timer::Moment;
use crate::wire::{ByteRange, Fingerprint, PathName};
use play::Play;
use std::collections::VecDeque;
use std::time::Duration;

const SITE1: &str = "192.0.2.1";
const SITE2: &str = "192.0.2.2";

/// What a direct attempt begins with.
#[derive(Clone)]
struct Case {
    transfer: Transfer,
    roles: Roles,
    source: Party,
    destination: Party,
}

fn path(name: &str) -> PathName {
    PathName::from_user(name.as_bytes()).unwrap()
}

const fn name(side: Side) -> &'static str {
    match side {
        Side::Source => "src",
        Side::Destination => "dst",
    }
}

fn timeouts() -> Timeouts {
    let seconds = Duration::from_secs;
    Timeouts {
        reply: seconds(30),
        connect: seconds(20),
        preliminary: seconds(5),
        half_done: seconds(120),
        stored: seconds(5),
        abort: seconds(10),
    }
}

/// A server of today that lists these features.
fn party(address: &str, features: &str) -> Party {
    let has = |feature| features.split(' ').any(|f| f == feature);
    let capabilities = Capabilities {
        sock: has("SOCK"),
        lstn: has("LSTN"),
        rndz: has("RNDZ"),
        rsym: has("RSYM"),
        prob: has("PROB"),
        epsv: has("EPSV"),
        pret: has("PRET"),
        pinc: has("PINC"),
        eret: has("ERET"),
        esto: has("ESTO"),
        dgst: if has("DGST") { vec![Algorithm::Sha256, Algorithm::Crc32c] } else { Vec::new() },
        loses_early: has("EARLY"),
        takes_ahead: has("AHEAD"),
        known: true,
        ..Capabilities::default()
    };
    let dialect = if has("1973") { Dialect::Rfc354 } else { Dialect::Rfc959 };
    Party {
        dialect,
        capabilities,
        address: address.parse().unwrap(),
        standing: Standing::default(),
        given: false,
        leaf: None,
    }
}

/// The destination listens with a command that suits both. There is no filter and no proof.
fn case(source: Party, destination: Party) -> Case {
    let opening = opening(&destination, &source).unwrap();
    Case {
        transfer: Transfer {
            source_path: path("a"),
            destination_path: path("b"),
            store: Store::Replace,
            part: None,
            secret: None,
            probes: false,
            digest: None,
        },
        roles: Roles { passive: Side::Destination, opening, filter: false, first: None, tls: DataTls::Clear },
        source,
        destination,
    }
}

/// Two servers that list the same features.
fn both(features: &str) -> Case {
    case(party(SITE1, features), party(SITE2, features))
}

impl Case {
    fn source_listens(mut self) -> Self {
        self.roles.passive = Side::Source;
        self.roles.opening = opening(&self.source, &self.destination).unwrap();
        self
    }

    fn with(mut self, change: impl FnOnce(&mut Transfer, &mut Roles)) -> Self {
        change(&mut self.transfer, &mut self.roles);
        self
    }

    fn proven(self) -> Self {
        self.with(|transfer, _| transfer.secret = Some(RendezvousSecret::new([7; 32])))
    }

    fn start(&self) -> Play {
        let timeouts = Timeouts { connect: Duration::from_secs(60), ..timeouts() };
        let Self { transfer, roles, source, destination } = self.clone();
        let dialects = [source.dialect, destination.dialect];
        let attempt = Attempt::direct(transfer, roles, source, destination, timeouts, Moment::START);
        Play::new(attempt, dialects)
    }

    fn play(&self, script: &str) {
        self.start().play(script);
    }
}

/// Both ends accept TYPE I.
const TYPE: &str = "
    dst: TYPE I
    src: TYPE I
    src< 200 image
    dst< 200 image
";

/// Both ends are asked for TYPE I, the source first, which accepts it.
const SOURCE_TYPE: &str = "
    src: TYPE I
    dst: TYPE I
    src< 200 image
";

/// Two ends that know RNDZ are told the secret.
const PROVEN_TYPE: &str = "
    dst: TYPE I
    src: TYPE I
    dst< 200 ok
    dst: RNDZ ***
    src< 200 ok
    src: RNDZ ***
";

/// Two of today's servers, the destination listens with PASV, up to the transfer commands.
const PASV: &str = "
    dst: TYPE I
    src: TYPE I
    src< 200 image
    dst< 200 image
    dst: PASV
    dst< 227 Entering Passive Mode (192,0,2,2,156,66)
    src: PORT 192,0,2,2,156,66
    src< 200 PORT command successful
    src: RETR a
";

/// The same with the source listening: the active end is again the one that goes first.
const PASV_AT_SOURCE: &str = "
    src: TYPE I
    dst: TYPE I
    src< 200 image
    src: PASV
    dst< 200 image
    src< 227 Entering Passive Mode (192,0,2,1,156,66)
    dst: PORT 192,0,2,1,156,66
    dst< 200 PORT command successful
    dst: STOR b
";

/// Two servers that know nothing beyond RFC 959.
fn plain() -> Case {
    both("")
}
