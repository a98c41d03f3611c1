//! `[[users]]` of the configuration file, with their mounts and rules of exchange. The doc comments are the texts of the reference.

use std::collections::BTreeMap;
use std::num::NonZeroU64;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use ftp_io::program::settings::{Reader, Scope, section};
use ftp_io::program::size;
use ftp_proto::command::Direction;
use ftp_proto::listing::When;
use ftp_proto::policy::Exchange;
use ftp_proto::server::{Right, Rights};
use ftp_proto::wire::{Fingerprint, PathName, Secret};
use ipnet::IpNet;
use toml::de::DeTable;

use super::raw::{ForeignPolicy, network, path};
use crate::auth::{Credential, HAS_PAM, Home, LoginTerms, Mount, PasswordHash, Rates, User};
use crate::limits::AccountLimits;
use crate::vfs::QuotaLimits;

/// One user of the configuration file.
#[derive(clap::Args, Debug)]
pub struct UserKeys {
    /// The name that the user logs in with
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// The hash of the password, as `ftp-server hash-password` prints it; optional if `certificates` is set
    #[arg(long, value_name = "HASH", value_parser = PasswordHash::parse)]
    pub password_hash: Option<PasswordHash>,
    /// Certificates of which the client must show one inside TLS: SHA256: and 64 digits. With a password
    /// both are needed; without one, the certificate logs in alone
    #[arg(long, value_name = "FINGERPRINT[,FINGERPRINT]...", value_delimiter = ',')]
    pub certificates: Vec<Fingerprint>,
    /// PAM checks the password, in place of `password-hash`; needs a program that was built with PAM
    #[arg(long)]
    pub pam: bool,
    /// What the user has to name with ACCT after the password [default: nothing]
    #[arg(long, value_name = "NAME")]
    pub account: Option<String>,
    /// What the user may do [default: every right except `admin`]
    #[arg(long, value_name = "RIGHT[,RIGHT]...", value_delimiter = ',')]
    pub rights: Option<Vec<RightName>>,
    /// Who may be the other end of a transfer, where that is narrower than `foreign` of the server
    #[arg(long, value_name = "POLICY")]
    pub foreign: Option<ForeignPolicy>,
    /// Sessions of the user at the same time; 0 is no limit [default: `max-sessions-per-account` of the server]
    #[arg(long, value_name = "N")]
    pub max_sessions: Option<u32>,
    /// The same from one address (IPv6: one /64 network); 0 is no limit [default: 0]
    #[arg(long, value_name = "N")]
    pub max_sessions_per_address: Option<u32>,
    /// The directory that the user sees as / [default: `root` of the server]
    #[arg(long, value_name = "DIR")]
    pub root: Option<PathBuf>,
    /// Networks from which the user may log in [default: every network]
    #[arg(long, value_name = "CIDR[,CIDR]...", value_delimiter = ',', value_parser = network)]
    pub networks: Vec<IpNet>,
    /// The last day of the account, in UTC
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = last_day)]
    pub expires: Option<When>,
    /// The user logs in, and moves data, inside TLS only
    #[arg(long)]
    pub require_tls: bool,
    /// Bytes of all files in the directories of the user
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub quota_bytes: Option<u64>,
    /// Files, directories and links in the directories of the user
    #[arg(long, value_name = "N")]
    pub quota_files: Option<u64>,
    /// Bytes of one file that the user stores
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub max_file_size: Option<u64>,
    /// Bytes per second of files that the server receives, in all sessions of the user
    #[arg(long, value_name = "RATE", value_parser = size::parse_rate)]
    pub rate_up: Option<NonZeroU64>,
    /// Bytes per second of files and listings that the server sends, in all sessions of the user
    #[arg(long, value_name = "RATE", value_parser = size::parse_rate)]
    pub rate_down: Option<NonZeroU64>,
}

/// Another directory of a user.
#[derive(clap::Args, Debug)]
pub struct MountKeys {
    /// The path at which the user sees the directory, absolute
    #[arg(long, value_name = "PATH", value_parser = path)]
    pub at: PathName,
    /// The directory itself
    #[arg(long, value_name = "DIR")]
    pub dir: PathBuf,
    /// What the user may do with files there [default: the rights of the user]
    #[arg(long, value_name = "RIGHT[,RIGHT]...", value_delimiter = ',')]
    pub rights: Option<Vec<RightName>>,
}

/// The name of a right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum RightName {
    /// A right about files.
    File(Right),
    /// STAT shows the limits of the server.
    Admin,
}

impl clap::ValueEnum for RightName {
    fn value_variants<'a>() -> &'a [Self] {
        static ALL: LazyLock<Vec<RightName>> =
            LazyLock::new(|| Right::ALL.into_iter().map(RightName::File).chain([RightName::Admin]).collect());
        &ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        let (name, help) = match self {
            Self::File(right) => (right.name(), right.permits()),
            Self::Admin => ("admin", "see the limits of the server in STAT"),
        };
        Some(clap::builder::PossibleValue::new(name).help(help))
    }
}

/// Where keys stand.
type Places = BTreeMap<String, Range<usize>>;

/// The mounts of one user, and where each of their directories is named.
fn mounts(reader: &mut Reader<'_>, table: &DeTable<'_>, base: &Path) -> (Vec<Mount>, Places) {
    let (mut mounts, mut dirs): (Vec<Mount>, Places) = (Vec::new(), Places::new());
    for (at, table) in reader.tables(table, MOUNTS, "directory") {
        let read =
            section::<MountKeys>(reader, table, &at, Scope { tables: &[], whose: "a mount has", base });
        let Some((keys, places)) = read else { continue };
        if mounts.iter().any(|other| other.at == keys.at) {
            let at = places.get("at").cloned().unwrap_or_else(|| at.clone());
            reader.wrong(at, "two mounts of one user have this path: choose another");
        }
        if is_admin(keys.rights.as_deref()) {
            let at = places.get("rights").cloned().unwrap_or(at);
            reader.wrong(at, "admin is a right of the user, not of a directory: write it there");
        }
        if let Some(dir) = places.get("dir") {
            dirs.insert(keys.dir.display().to_string(), dir.clone());
        }
        mounts.push(Mount { at: keys.at, dir: keys.dir, rights: rights(keys.rights.as_deref()) });
    }
    (mounts, dirs)
}

fn rights(names: Option<&[RightName]>) -> Option<Rights> {
    let about_files = |name: &RightName| match name {
        RightName::File(right) => Some(*right),
        RightName::Admin => None,
    };
    names.map(|names| names.iter().filter_map(about_files).collect())
}

fn is_admin(names: Option<&[RightName]>) -> bool {
    names.is_some_and(|names| names.contains(&RightName::Admin))
}

/// The moment at which a day ends, in UTC.
fn last_day(text: &str) -> Result<When, &'static str> {
    const EXPECTED: &str = "write a day, like 2027-12-31";
    let day: jiff::civil::Date = text.parse().map_err(|_| EXPECTED)?;
    let next =
        day.tomorrow().and_then(|next| next.to_zoned(jiff::tz::TimeZone::UTC)).map_err(|_| EXPECTED)?;
    Ok(When(next.timestamp().as_second()))
}

/// A limit as it is written: 0 is none.
fn limit(given: Option<u32>) -> Option<usize> {
    given.filter(|given| *given > 0).and_then(|given| usize::try_from(given).ok())
}

/// The user of one `[[users]]`, and where each of its keys stands. `None` after a mistake.
pub(super) fn user(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    at: &Range<usize>,
    base: &Path,
) -> Option<(User, Places)> {
    let (mounts, dirs) = mounts(reader, table, base);
    let exchanges = exchanges(reader, table, base);
    let tables = [MOUNTS, EXCHANGES];
    let (keys, mut places) =
        section::<UserKeys>(reader, table, at, Scope { tables: &tables, whose: "a user has", base })?;
    places.extend(dirs);
    let name_at = places.get("name").cloned().unwrap_or_else(|| at.clone());
    if keys.name.is_empty() {
        reader.wrong(name_at, "a name has at least one character");
        return None;
    }
    if keys.pam && (keys.password_hash.is_some() || !HAS_PAM) {
        let at = places.get("pam").cloned().unwrap_or_else(|| at.clone());
        reader.wrong(at, if HAS_PAM { TWO_PASSWORDS } else { NO_PAM });
        return None;
    }
    let credential = match keys.password_hash {
        Some(hash) => Credential::Hashed(hash),
        None if keys.pam => Credential::Pam,
        None if !keys.certificates.is_empty() => Credential::Certificate,
        // A value that is no hash or no fingerprint has been told.
        None if ["password-hash", "certificates"].iter().any(|key| table.contains_key(*key)) => return None,
        None => {
            reader.missing(at.clone(), "password-hash is missing: give it, or certificates, or both");
            return None;
        }
    };
    if !exchanges.is_empty() && keys.foreign == Some(ForeignPolicy::Never) {
        let at = places.get("foreign").cloned().unwrap_or_else(|| at.clone());
        reader.wrong(at, "a user who exchanges nothing with other hosts needs no rules of exchange");
    }
    let user = User {
        exchanges,
        rights: rights(keys.rights.as_deref()).unwrap_or(Rights::ALL),
        admin: is_admin(keys.rights.as_deref()),
        terms: LoginTerms {
            networks: keys.networks,
            expires: keys.expires,
            require_tls: keys.require_tls,
            certificates: keys.certificates,
        },
        home: Home {
            root: keys.root,
            mounts,
            quota: QuotaLimits {
                bytes: keys.quota_bytes,
                files: keys.quota_files,
                file_bytes: keys.max_file_size,
            },
        },
        charged_to: keys.account.map(Secret::new),
        rates: Rates { up: keys.rate_up, down: keys.rate_down },
        foreign: keys.foreign.map(ForeignPolicy::policy),
        limits: AccountLimits {
            sessions: keys.max_sessions.map(|_| limit(keys.max_sessions).unwrap_or(usize::MAX)),
            per_address: limit(keys.max_sessions_per_address),
        },
        ..User::new(keys.name, credential)
    };
    Some((user, places))
}

/// A rule of exchange.
#[derive(clap::Args, Debug)]
pub struct ExchangeKeys {
    /// Networks of the other server [default: every network]
    #[arg(long, value_name = "CIDR[,CIDR]...", value_delimiter = ',', value_parser = network)]
    pub peers: Vec<IpNet>,
    /// Whether this server sends the files or receives them [default: both]
    #[arg(long, value_name = "DIRECTION")]
    pub direction: Option<DirectionName>,
    /// The file, or the directory that the files lie beneath, absolute [default: every file]
    #[arg(long, value_name = "PATH", value_parser = path)]
    pub path: Option<PathName>,
    /// Only inside TLS (PROT P)
    #[arg(long)]
    pub require_tls: bool,
}

/// The direction of files, seen from this server.
#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum DirectionName {
    /// This server sends them
    Send,
    /// This server receives them
    Receive,
}

/// The rules of one user.
pub(super) fn exchanges(reader: &mut Reader<'_>, table: &DeTable<'_>, base: &Path) -> Vec<Exchange> {
    let mut rules = Vec::new();
    for (at, table) in reader.tables(table, EXCHANGES, "rule") {
        let scope = Scope { tables: &[], whose: "a rule of exchange has", base };
        let read = section::<ExchangeKeys>(reader, table, &at, scope);
        let Some((keys, _)) = read else { continue };
        let direction = keys.direction.map(|direction| match direction {
            DirectionName::Send => Direction::Send,
            DirectionName::Receive => Direction::Receive,
        });
        let ExchangeKeys { peers, path, require_tls, .. } = keys;
        rules.push(Exchange { peers, direction, path, require_tls });
    }
    rules
}

const TWO_PASSWORDS: &str = "PAM or password-hash checks the password: leave one of them out";
const NO_PAM: &str = "this program was built without PAM: build it with --features pam";
/// The tables of a user.
const MOUNTS: &str = "mounts";
/// The tables of rules.
const EXCHANGES: &str = "exchanges";
