//! What a person has set up: the sites and relays of a TOML file, and those of the command line before them.
//!
//! ```toml
//! [defaults]
//! trust = "known"
//! timeout = "30s"                      # any option with a duration, a size, a count or a choice
//! proxy = "socks5://127.0.0.1:1080"
//!
//! [relay]
//! consent = "ask"
//!
//! [network]
//! congestion = "bbr"                   # of data connections of this host
//!
//! [[relays]]
//! name = "edge"
//! address = "relay.example.net:2190"
//! token-file = "edge.token"            # mode 0600; relative to this file's directory
//! near = ["src.example.net", "192.0.2.0/24", "lab"]
//!
//! [sites.lab]                          # lab:path and [lab]path are places there
//! url = "ftpes://ann@lab.example/pub"
//! password-command = "pass show lab"
//!
//! [daemon]                             # any option of ftp-user daemon, and where the jobs are
//! parallel = 8
//!
//! [tokens.ann]                         # what the jobs of a token of the scope submit may use
//! sites = ["lab"]
//!
//! [composites.data]                    # a composite directory of the shell
//! components = ["lab:pub", "backup:data", "/srv/incoming"]
//! ```

mod daemon;
mod edit;
mod read;
mod sites;

pub use daemon::{STORE, STORE_PASSWORD_FILE};
pub use edit::{Draft, SECRETS, change, secrets_directory};

pub use read::{Consent, DefaultKeys, MakeKeys, Near, RelayAddress, load, parse, settings_file};
pub use sites::{KEYS as SITE_KEYS, site_url};

use crate::failure::{Failure, Result};
use crate::place::{Names, OnUnknown, Proxy, Site, SiteLimits, SiteProxy, smaller};
use crate::queue::{JobsAtOnce, SharedLimits};
use crate::shell::Composites;
use crate::world::Congestion;
use ftp_io::link::token_file;
use ftp_io::program::settings::{Defaults, KeyOption};
use ftp_proto::relay::token::Token;
use std::collections::BTreeMap;
use std::net::IpAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// What the settings file says.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Settings {
    /// The relays, in the order of preference.
    pub relays: Relays,
    /// What to do with unknown certificates, if the file says so: the default of `--trust`.
    pub trust: Option<OnUnknown>,
    /// The proxy, if the file names one: the default of `--proxy`.
    pub proxy: Option<Proxy>,
    /// Whether data may pass a relay, if the file says so: the default of `--relay-consent`.
    pub consent: Option<Consent>,
    /// What data connections of this host use, if the file says so.
    pub congestion: Option<Congestion>,
    /// What other options mean where they are not typed.
    pub defaults: Defaults,
    /// Servers that have a name.
    pub sites: Names,
    /// What all jobs of the queue together may use of a site, by its name.
    pub shared_limits: BTreeMap<String, SharedLimits>,
    /// What `[daemon]` says of the options of the daemon.
    pub daemon: Vec<KeyOption>,
    /// The sites that the jobs of a token may use, by the name of the token.
    pub tokens: BTreeMap<String, Vec<String>>,
    /// Name spaces over directories of several sites, for the shell.
    pub composites: Composites,
}

impl Settings {
    /// The same for one of several jobs: it has its part of what all of them may use of a site.
    #[must_use]
    pub fn for_one_of(self, at_once: JobsAtOnce) -> Self {
        let sites = self.sites.with_limits(|name, limits| {
            let Some(shared) = self.shared_limits.get(name) else { return limits };
            SiteLimits {
                rate: smaller(limits.rate, shared.rate_of_job(at_once)),
                sessions: smaller(limits.sessions, shared.sessions_of_job(at_once)),
                ..limits
            }
        });
        Self { sites, ..self }
    }

    /// Whether they have a password themselves: that of a proxy.
    pub(crate) fn has_secrets(&self) -> bool {
        let of_sites = self.sites.iter().filter_map(|(_, remote)| match &remote.site.named.as_ref()?.proxy {
            Some(SiteProxy::Through(proxy)) => Some(proxy),
            Some(SiteProxy::None) | None => None,
        });
        self.proxy.iter().chain(of_sites).any(|proxy| proxy.login.is_some())
    }
}

/// A relay agent that may be used.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Relay {
    /// What reports call it.
    pub name: String,
    /// Where it listens.
    pub address: RelayAddress,
    /// The file of the token that both hold.
    pub token_file: PathBuf,
    /// The servers that it stands beside.
    pub near: Vec<Near>,
}

impl Relay {
    /// One of the command line: its address is its name.
    pub fn unnamed(address: RelayAddress, token_file: PathBuf) -> Self {
        Self { name: address.to_string(), address, token_file, near: Vec::new() }
    }

    /// The token that both hold.
    pub fn token(&self) -> Result<Token> {
        token_file::read_own(&self.token_file)
            .map_err(|error| Failure::usage(format!("the relay {} cannot be used: {error}", self.name)))
    }

    /// Whether it stands beside this server, which was reached at `address`.
    pub fn is_near(&self, site: &Site, address: IpAddr) -> bool {
        let names_it = site.named.as_ref().is_some_and(|named| named.relays.contains(&self.name));
        names_it || self.near.iter().any(|near| near.covers(&site.host, site.name(), address))
    }
}

/// All relays that may be used, in the order of preference. Clones share them.
pub type Relays = Arc<[Relay]>;

/// Looks at all token files: what is wrong with one is said before anything is sent to anybody.
///
/// # Errors
///
/// One of them cannot be used.
pub fn check_tokens(relays: &Relays) -> Result<()> {
    relays.iter().try_for_each(|relay| relay.token().map(drop))
}

#[cfg(test)]
mod tests;
