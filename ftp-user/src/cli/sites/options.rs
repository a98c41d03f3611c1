//! The options of `sites add` and `sites edit`, and the keys of the settings that they set.

use super::super::General;
use super::super::job_options::{JobOptions, absolute};
use crate::config::SITE_KEYS;
use crate::failure::{Failure, Result};
use clap::Args;
use ftp_io::program::size;
use std::ffi::OsString;
use std::net::IpAddr;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::{Path, PathBuf};
use toml_edit::{Array, InlineTable, Value};

/// A key of a site, and its value; `None` removes it.
pub(super) type Key = (String, Option<Value>);

/// What belongs to a site alone.
#[derive(Args, Clone, Debug, Default)]
pub(in crate::cli) struct SiteOptions {
    /// A program whose first line of output is the password: a line of /bin/sh
    #[arg(long, value_name = "COMMAND", conflicts_with = "keyring")]
    password_command: Option<String>,
    /// Keep the password in the keyring of this session (secret-tool), not in a file
    #[arg(long)]
    pub(super) keyring: bool,
    /// A relay of the settings that stands beside the site; repeatable
    #[arg(long, value_name = "NAME")]
    relay: Vec<String>,
    /// The address at which others reach its data connections; PEER is another site, or this-host; repeatable
    #[arg(long, value_name = "[PEER=]IP", value_parser = passive_address)]
    passive_address: Vec<(Option<String>, IpAddr)>,
    /// Bytes per second of a job in which it takes part
    #[arg(long, value_name = "RATE", value_parser = size::parse_rate)]
    rate: Option<NonZeroU64>,
    /// Files at the same time of such a job
    #[arg(long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
    /// Sessions with it at the same time
    #[arg(long, value_name = "N")]
    sessions: Option<NonZeroUsize>,
}

/// What `sites add` adds.
#[derive(Args, Debug)]
pub(in crate::cli) struct AddArgs {
    /// The name: 2 to 64 letters, digits, dots, dashes and underscores
    #[arg(value_name = "NAME")]
    pub(super) name: String,
    /// Where it is, such as ftpes://ann@host/path. A password in it is stored in a file of its own (mode 0600)
    #[arg(value_name = "URL")]
    pub(super) url: Option<OsString>,
    #[command(flatten)]
    pub(super) options: SiteOptions,
}

/// What `sites edit` changes.
#[derive(Args, Debug)]
pub(in crate::cli) struct EditArgs {
    /// The name of the site
    #[arg(value_name = "SITE")]
    pub(super) name: String,
    /// Where it is now. For another host, port or user it needs a new password, --unset or --keep-password
    #[arg(long, value_name = "URL")]
    pub(super) url: Option<OsString>,
    /// Remove a setting, such as pin or rate; repeatable
    #[arg(long, value_name = "KEY")]
    pub(super) unset: Vec<String>,
    /// Send the stored password to the new URL as well
    #[arg(long, requires = "url")]
    pub(super) keep_password: bool,
    #[command(flatten)]
    pub(super) options: SiteOptions,
}

/// The file of the settings.
///
/// # Errors
///
/// Nobody has named one, and there is no home directory.
pub(super) fn settings_file(general: &General) -> Result<PathBuf> {
    general.settings_file().ok_or_else(|| {
        Failure::usage("there is no place for the settings").hint("name a file with --config, or set HOME")
    })
}

impl SiteOptions {
    /// The keys that these options set, and those of every verb that are stored with a site.
    ///
    /// # Errors
    ///
    /// An option cannot be stored, or two contradict each other.
    pub(super) fn keys(&self, general: &General) -> Result<Vec<Key>> {
        let General { job: JobOptions { password_file, proxy, .. }, trust, .. } = general;
        if password_file.is_some() && (self.password_command.is_some() || self.keyring) {
            return Err(Failure::usage("--password-file is there, and another place for the password")
                .hint("leave one of them out"));
        }
        if proxy.as_ref().is_some_and(|proxy| proxy.login.is_some()) {
            let what = "the proxy has a password, which is not stored from the command line";
            return Err(Failure::usage(what).hint("write proxy into the settings by hand"));
        }
        let mut keys = Vec::new();
        let mut set = |key: &str, value: Option<Value>| {
            keys.extend(value.map(|value| (key.to_owned(), Some(value))));
        };
        let number = |number: Option<NonZeroUsize>| {
            number.and_then(|number| i64::try_from(number.get()).ok()).map(Value::from)
        };
        set("password-file", password_file.as_deref().map(path).transpose()?.map(Value::from));
        set("password-command", self.password_command.as_deref().map(Value::from));
        set("ca", trust.ca.as_deref().map(path).transpose()?.map(Value::from));
        set("pin", one_or_list(&trust.pin.iter().map(ToString::to_string).collect::<Vec<_>>()));
        set("trust", trust.trust.map(|trust| trust.name().into()));
        set("proxy", proxy.as_ref().map(|proxy| format!("socks5://{proxy}").into()));
        set("relay", one_or_list(&self.relay));
        set("passive-address", addresses(&self.passive_address));
        set("limits.rate", self.rate.map(|rate| rate.to_string().into()));
        set("limits.jobs", number(self.jobs));
        set("limits.sessions", number(self.sessions));
        Ok(keys)
    }
}

/// The value of a key that may have several.
fn one_or_list(texts: &[String]) -> Option<Value> {
    match texts {
        [] => None,
        [one] => Some(one.as_str().into()),
        all => Some(all.iter().map(String::as_str).collect::<Array>().into()),
    }
}

/// The value of `passive-address`: an address for all peers, or one for each.
fn addresses(typed: &[(Option<String>, IpAddr)]) -> Option<Value> {
    match typed {
        [] => None,
        [(None, address)] => Some(address.to_string().into()),
        pairs => {
            let mut table = InlineTable::new();
            for (peer, address) in pairs {
                table.insert(peer.as_deref().unwrap_or("*"), address.to_string().into());
            }
            Some(table.into())
        }
    }
}

/// The keys that a new value of one of them takes the place of.
pub(super) fn replaced(keys: &[Key]) -> Vec<Key> {
    const INSTEAD: [(&str, &str); 4] = [
        ("password-file", "password-command"),
        ("password-command", "password-file"),
        ("ca", "pin"),
        ("pin", "ca"),
    ];
    let has = |wanted: &str| keys.iter().any(|(key, value)| key == wanted && value.is_some());
    let gone = INSTEAD.iter().filter(|(new, old)| has(new) && !has(old));
    gone.map(|(_, old)| ((*old).to_owned(), None)).collect()
}

/// Reads the keys of `--unset`. A limit has its own name too, as the option that sets it.
///
/// # Errors
///
/// There is no such key, or a site needs it.
pub(super) fn unset(keys: &[String]) -> Result<Vec<Key>> {
    let mut unset = Vec::new();
    for key in keys {
        let key = match key.as_str() {
            limit @ ("rate" | "jobs" | "sessions") => format!("limits.{limit}"),
            key => key.to_owned(),
        };
        let outer = key.split('.').next().unwrap_or_default();
        if key == "url" {
            return Err(Failure::usage("a site needs its url").hint("use --url, or sites remove"));
        }
        if !SITE_KEYS.contains(&outer) || (outer != key && outer != "limits" && outer != "passive-address") {
            return Err(Failure::usage(format!("a site has no key {key}"))
                .hint(format!("the keys are {}", SITE_KEYS.join(", "))));
        }
        unset.push((key, None));
    }
    Ok(unset)
}

/// A path that does not depend on the current directory.
fn path(file: &Path) -> Result<String> {
    let whole = absolute(Some(file)).unwrap_or_default();
    whole.into_os_string().into_string().map_err(|_| {
        Failure::usage(format!("{} is not UTF-8, so the settings cannot name it", file.display()))
    })
}

fn passive_address(text: &str) -> Result<(Option<String>, IpAddr), String> {
    let (peer, address) = match text.split_once('=') {
        Some((peer, address)) => (Some(peer.to_owned()), address),
        None => (None, text),
    };
    let address = address.trim_matches(['[', ']']).parse();
    address.map(|address| (peer, address)).map_err(|_| "write IP or PEER=IP, like lab=10.0.0.5".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_limit_is_unset_by_the_name_of_its_option_too() {
        let found =
            |key: &str| unset(&[key.to_owned()]).ok().and_then(|mut keys| keys.pop()).map(|(key, _)| key);
        for (typed, expect) in [
            ("rate", Some("limits.rate")),
            ("jobs", Some("limits.jobs")),
            ("sessions", Some("limits.sessions")),
            ("limits.rate", Some("limits.rate")),
            ("limits", Some("limits")),
            ("pin", Some("pin")),
            ("colour", None),
            ("url", None),
        ] {
            assert_eq!(found(typed).as_deref(), expect, "{typed}");
        }
    }
}
