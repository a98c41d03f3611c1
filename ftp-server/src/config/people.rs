//! `[[users]]` of the configuration file. The doc comments are the texts of the reference.

use std::ops::Range;
use std::path::Path;

use ftp_io::program::settings::{Reader, section};
use ftp_proto::server::{Right, Rights};
use toml::de::DeTable;

use super::raw::ForeignPolicy;
use crate::auth::{Credential, PasswordHash, User};
use crate::limits::AccountLimits;

/// One user of the configuration file.
#[derive(clap::Args, Debug)]
pub struct UserKeys {
    /// The name that the user logs in with
    #[arg(long, value_name = "NAME")]
    pub name: String,
    /// The hash of the password, as `ftp-server hash-password` prints it
    #[arg(long, value_name = "HASH", value_parser = hash)]
    pub password_hash: PasswordHash,
    /// What the user may do with files [default: everything]
    #[arg(long, value_name = "RIGHT[,RIGHT]...", value_delimiter = ',')]
    pub rights: Option<Vec<RightName>>,
    /// Who may be the other end of a transfer, where that is narrower than `foreign` of the server
    #[arg(long, value_name = "POLICY")]
    pub foreign: Option<ForeignPolicy>,
    /// Sessions of the user at the same time; 0 is no limit [default: 0]
    #[arg(long, value_name = "N")]
    pub max_sessions: Option<u32>,
    /// The same from one address (IPv6: one /64 network); 0 is no limit [default: 0]
    #[arg(long, value_name = "N")]
    pub max_sessions_per_address: Option<u32>,
}

/// The name of a right.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct RightName(Right);

impl clap::ValueEnum for RightName {
    fn value_variants<'a>() -> &'a [Self] {
        &ALL
    }

    fn to_possible_value(&self) -> Option<clap::builder::PossibleValue> {
        Some(clap::builder::PossibleValue::new(self.0.name()).help(self.0.permits()))
    }
}

const ALL: [RightName; 8] = [
    RightName(Right::List),
    RightName(Right::Read),
    RightName(Right::Write),
    RightName(Right::Append),
    RightName(Right::Delete),
    RightName(Right::Rename),
    RightName(Right::Mkdir),
    RightName(Right::Chmod),
];

fn hash(text: &str) -> Result<PasswordHash, crate::auth::BadHash> {
    PasswordHash::parse(text)
}

/// A limit as it is written: 0 is none.
fn limit(given: Option<u32>) -> Option<usize> {
    given.filter(|given| *given > 0).and_then(|given| usize::try_from(given).ok())
}

/// The user of one `[[users]]`. `None` after a mistake.
pub(super) fn user(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    at: &Range<usize>,
    base: &Path,
) -> Option<(User, Range<usize>)> {
    let (keys, places) = section::<UserKeys>(reader, table, at, (&[], "a user has", base))?;
    let name_at = places.get("name").cloned().unwrap_or_else(|| at.clone());
    if keys.name.is_empty() {
        reader.wrong(name_at, "a name has at least one character");
        return None;
    }
    let rights = keys.rights.map(|rights| rights.iter().map(|RightName(right)| *right).collect());
    let user = User {
        rights: rights.unwrap_or(Rights::ALL),
        foreign: keys.foreign.map(ForeignPolicy::policy),
        limits: AccountLimits {
            sessions: limit(keys.max_sessions),
            per_address: limit(keys.max_sessions_per_address),
        },
        ..User::new(keys.name, Credential::Hashed(keys.password_hash))
    };
    Some((user, name_at))
}
