//! The configuration of `run`, `join` and `hub`: [`Options`] as they are typed, a policy file, and [`Config`] as what
//! both mean.

mod file;
mod keys;
mod options;
mod place;

pub use keys::{LimitKeys, RuleKeys};
pub use options::{HubOptions, JoinOptions, Operation, Options, RunOptions, ServeOptions, Serves};
pub use place::{ListenAt, Place};

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};

use ftp_io::program::log;
use ftp_io::program::settings::{Mistakes, Outline, Table};
use ftp_proto::relay::token::Token;
use ipnet::IpNet;

use self::file::File;
use crate::policy::Policy;

/// Why there is no configuration.
#[derive(Debug, thiserror::Error)]
pub enum ConfigError {
    /// The policy file has mistakes.
    #[error(transparent)]
    File(#[from] Mistakes),
    /// Something is missing.
    #[error("{0} is missing: give it on the command line, or in the file of --config")]
    Missing(&'static str),
}

/// Everything that a verb has to know, checked and complete.
#[derive(Clone, Debug)]
pub struct Config {
    /// Where it listens.
    pub listen: Vec<ListenAt>,
    /// The addresses of its connections with servers; those of `listen`, or of the route, if there is none.
    pub addresses: Vec<IpAddr>,
    /// The file that has the tokens.
    pub token_file: PathBuf,
    /// Who may do what.
    pub policy: Policy,
    /// What is served.
    pub serves: Serves,
    /// What the operator sees.
    pub shown: Shown,
    outline: Outline,
}

/// What the operator sees.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Shown {
    /// Where metrics are served.
    pub metrics: Option<SocketAddr>,
    /// The networks that may read them; all, if there is none.
    pub metrics_from: Vec<IpNet>,
    /// The file of the audit, and its largest size.
    pub audit: Option<(PathBuf, u64)>,
    /// The form of the log.
    pub log_format: log::Format,
    /// The least important level that is logged.
    pub log_level: log::Level,
}

impl Config {
    /// What the options and the policy file say together. The command line beats the file.
    ///
    /// # Errors
    /// The file cannot be read or has mistakes, or something is missing.
    pub fn read<O: Options>(options: &O, path: Option<&Path>) -> Result<Self, ConfigError> {
        let mut file = path.map(File::<O>::read).transpose()?.unwrap_or_default();
        let options: ServeOptions = options.clone().into();
        let options = options.over(std::mem::take(&mut file.options).into());
        if O::LISTENS && options.listen.is_empty() {
            return Err(ConfigError::Missing("--listen"));
        }
        let policy = file.policy(options.allow);
        let policy = policy.map_err(|mistake| Mistakes::new(path.unwrap_or(Path::new("")), vec![mistake]))?;
        Ok(Self {
            listen: options.listen,
            addresses: options.address,
            token_file: options.token_file.ok_or(ConfigError::Missing("--token-file"))?,
            policy: policy.with_data_ports(options.data_ports),
            serves: O::SERVES,
            shown: Shown::of(options.operation),
            outline: file.outline,
        })
    }

    /// What the policy file gives, and these tokens.
    pub fn outline(&self, tokens: &[Token]) -> Outline {
        self.outline.clone().with_names("token", tokens.iter().map(|token| token.name().to_owned()))
    }

    /// What was changed since the start and holds only after a restart.
    pub fn needs_restart(&self, started: &Self) -> Vec<&'static str> {
        let (now, then) = (&self.shown, &started.shown);
        let changed = [
            ("listen", self.listen != started.listen),
            ("address", self.addresses != started.addresses),
            ("metrics", now.metrics != then.metrics),
            ("metrics-from", now.metrics_from != then.metrics_from),
            ("audit", now.audit != then.audit),
            ("log-format", now.log_format != then.log_format),
            ("log-level", now.log_level != then.log_level),
        ];
        changed.into_iter().filter(|(_, changed)| *changed).map(|(key, _)| key).collect()
    }

    /// What is likely not meant, where these are the names of the tokens.
    pub fn warnings<'a>(&self, tokens: impl Iterator<Item = &'a str>) -> Vec<String> {
        let tokens: Vec<&str> = tokens.collect();
        let mut warnings = Vec::new();
        if let Some(identities) = self.policy.identities() {
            let identities: Vec<&str> = identities.collect();
            let without = |name: &&&str| !tokens.contains(*name);
            for name in identities.iter().filter(without) {
                warnings.push(format!("the policy names {name:?}, and no token has that name"));
            }
            for name in tokens.iter().filter(|name| !identities.contains(*name)) {
                warnings
                    .push(format!("the policy does not name the token {name:?}, which may do nothing here"));
            }
        }
        let reaches = |name: &&str| self.policy.terms(name).is_some_and(|terms| !terms.allow.is_empty());
        // If names do not fit, that is the reason.
        if self.serves == Serves::Relay && warnings.is_empty() && !tokens.iter().any(reaches) {
            warnings.push(
                "no server may be reached, so nothing is relayed; name servers with --allow".to_owned(),
            );
        }
        warnings
    }
}

impl Shown {
    fn of(operation: Operation) -> Self {
        let size = operation.audit_size.unwrap_or(AUDIT_SIZE);
        Self {
            metrics: operation.metrics,
            metrics_from: operation.metrics_from,
            audit: operation.audit.map(|path| (path, size)),
            log_format: operation.log_format.unwrap_or_default(),
            log_level: operation.log_level.unwrap_or_default(),
        }
    }
}

/// The tables of a policy file, as clap knows their keys.
pub fn tables() -> Vec<Table> {
    use clap::Args;
    let keys = |command: fn(clap::Command) -> clap::Command| command(clap::Command::new("keys"));
    let limits: Vec<clap::Id> =
        keys(LimitKeys::augment_args).get_arguments().map(|arg| arg.get_id().clone()).collect();
    let without_limits = |mut command: clap::Command| {
        for limit in &limits {
            command = command.mut_arg(limit, |arg| arg.hide(true));
        }
        command
    };
    let table = |heading, text, keys| Table { heading, text, keys };
    vec![
        table(
            "[limits]",
            "What all tokens share. An identity has a quarter of what it shares with others, unless its own table says \
             otherwise; a rate is not divided, because those who wait for it have their turns.",
            keys(LimitKeys::augment_args),
        ),
        table(
            "[[groups]]",
            "What some tokens share, once for each group. Every key of `[limits]` is a key of a group, too: what is \
             shared is shared by everybody in the group, and of the keys that begin with `max-` the strictest holds.",
            without_limits(keys(RuleKeys::augment_args)),
        ),
        table(
            "[[identities]]",
            "What the holder of one token may do, once for each. If there is any, a token without a table may not use \
             the relay or the hub. Every key of `[limits]` is a key of an identity, too.",
            without_limits(keys(RuleKeys::augment_args)).mut_args(|arg| match arg.get_id() == "name" {
                true => arg.help("The name of the token"),
                false => arg,
            }),
        ),
    ]
}

/// How large the file of an audit becomes.
const AUDIT_SIZE: u64 = 64 * 1024 * 1024;
