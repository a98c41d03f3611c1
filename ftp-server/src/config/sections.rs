//! `[limits]`, `[bans]`, `[timeouts]` and `[tls]` of the configuration file. The doc comments are the
//! texts of the reference.

use std::ffi::OsString;
use std::ops::Range;
use std::path::Path;
use std::time::Duration;

use clap::{Arg, Args, Command};
use ftp_io::program::settings::{KeyOption, Reader, Scope, given, values};
use ftp_io::program::{duration, size};
use ftp_proto::server::Timeouts;
use ftp_proto::shared::guard;
use toml::de::DeTable;

use super::error::ConfigError;
use super::raw::Options;
use crate::limits::{AtOnce, HookLimits, Limits};
use ftp_io::program::hook::Hook;

/// `[limits]`: what has no option of the command line.
#[derive(Args, Debug, Default)]
pub struct LimitKeys {
    /// Sessions before login from one address at the same time; 0 is no limit [default: 100]
    #[arg(long, value_name = "N")]
    pub max_unauthenticated_per_address: Option<u32>,
    /// Wrong passwords of one address that are checked in a second [default: 7]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub wrong_passwords_per_second: Option<u32>,
    /// Slow hashes that are made at the same time [default: half of the processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub hashes_at_once: Option<u32>,
    /// Commands about files that are carried out at the same time; one account gets at most half [default:
    /// 512]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=512))]
    pub file_commands_at_once: Option<u32>,
    /// Files that are read or written for transfers at the same time; one account gets at most half [default:
    /// 512]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(2..=512))]
    pub file_transfers_at_once: Option<u32>,
    /// Digests that are computed at the same time [default: the number of processors]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub digests_at_once: Option<u32>,
    /// Bytes that uploads leave free on each file system [default: 0]
    #[arg(long, value_name = "SIZE", value_parser = size::parse)]
    pub keep_free: Option<u64>,
    /// Delay of the first refused login; it doubles with each further one [default: 250ms]
    #[arg(long, value_name = "T", value_parser = duration::parse)]
    pub refusal_delay: Option<Duration>,
    /// The longest that a refusal of a login takes [default: 8s]
    #[arg(long, value_name = "T", value_parser = duration::parse)]
    pub longest_refusal_delay: Option<Duration>,
    /// How long failed logins of an address or a name count after the last one [default: 10m]
    #[arg(long, value_name = "T", value_parser = duration::parse)]
    pub failure_memory: Option<Duration>,
    /// How long an address is known, and preferred in a flood of logins, after the last login of a named user
    /// from there; 0s: never, and nothing is kept [default: 30d]
    #[arg(long, value_name = "T", value_parser = duration::parse)]
    pub known_address_memory: Option<Duration>,
}

/// `[bans]`: addresses that guess passwords are turned away for a time. No name is ever banned.
#[derive(Args, Debug, Default)]
pub struct BanKeys {
    /// Failed logins after which an address (IPv6: its /64 network) is banned [default: no bans]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
    pub after: Option<u32>,
    /// How long a ban lasts [default: 15m]
    #[arg(long, value_name = "T", value_parser = duration::parse)]
    pub time: Option<Duration>,
}

/// `[hooks]`: a program that runs after each upload.
#[derive(Args, Debug, Default)]
pub struct HookKeys {
    /// The program, by its absolute path, and its arguments; no shell reads them, and nothing is replaced in
    /// them
    #[arg(long, value_name = "WORD")]
    pub after_upload: Vec<OsString>,
    /// How long it may run; then it is killed, with everything that it has started [default: 60s]
    #[arg(long, value_name = "T", value_parser = duration::parse)]
    pub time: Option<Duration>,
    /// How many run at the same time, of which one account has at most half [default: 4]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=64))]
    pub at_once: Option<u32>,
    /// How many wait, with those of uploads under way; an account that has half of them waits before its next
    /// upload begins [default: 1000]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..=100_000))]
    pub waiting: Option<u32>,
}

/// `[pam]`: who checks the passwords of users with `pam = true`.
#[derive(Args, Debug, Default)]
pub struct PamKeys {
    /// The service: the name of a file of PAM, usually in /etc/pam.d [default: ftp-server]
    #[arg(long, value_name = "NAME", value_parser = clap::builder::NonEmptyStringValueParser::new())]
    pub service: Option<String>,
}

/// `[timeouts]`: what has no option of the command line.
#[derive(Args, Debug, Default)]
pub struct TimeoutKeys {
    /// From the connection to the login [default: 60s]
    #[arg(long, value_name = "T", value_parser = duration::parse)]
    pub login: Option<Duration>,
    /// Logged in, without a command and without a transfer [default: 10m]
    #[arg(long, value_name = "T", value_parser = duration::parse)]
    pub idle: Option<Duration>,
    /// A data connection that came before the transfer command [default: 60s]
    #[arg(long, value_name = "T", value_parser = duration::parse)]
    pub held: Option<Duration>,
    /// A transfer that moves no byte [default: 5m]
    #[arg(long, value_name = "T", value_parser = duration::parse)]
    pub stall: Option<Duration>,
}

/// What the sections say.
#[derive(Debug, Default)]
pub(super) struct Sections {
    limits: LimitKeys,
    bans: BanKeys,
    timeouts: TimeoutKeys,
    pam: PamKeys,
    hooks: HookKeys,
    /// Where each key that is no option stands: `bans.time`.
    pub(super) places: Vec<(String, Range<usize>)>,
}

/// The names of the sections.
pub(super) const SECTIONS: [&str; 6] = ["limits", "bans", "pam", "timeouts", "hooks", "tls"];

/// The name under which an option stands in a section; `None` if it does not stand there.
fn name_in<'a>(section: &str, option: &'a str) -> Option<&'a str> {
    match section {
        "limits" => option.starts_with("max-").then_some(option),
        "timeouts" => {
            matches!(option, "listen-idle" | "connect-timeout" | "accept-timeout").then_some(option)
        }
        "tls" => option.strip_prefix("tls-"),
        _ => None,
    }
}

/// The keys of a section, as clap knows them: its own ones, and options.
pub(super) fn keys_of(section: &str) -> Command {
    let own = match section {
        "limits" => LimitKeys::augment_args(Command::new("limits")),
        "bans" => BanKeys::augment_args(Command::new("bans")),
        "pam" => PamKeys::augment_args(Command::new("pam")),
        "hooks" => HookKeys::augment_args(Command::new("hooks")),
        "timeouts" => TimeoutKeys::augment_args(Command::new("timeouts")),
        _ => Command::new("tls"),
    };
    let options = Options::augment_args(Command::new("options"));
    let here = options.get_arguments().filter_map(|arg| {
        let name = name_in(section, arg.get_long()?)?.to_owned();
        Some(Arg::clone(arg).long(name))
    });
    own.args(here.collect::<Vec<Arg>>())
}

/// Reads all sections. Options in them are added to `options`.
pub(super) fn read(
    reader: &mut Reader<'_>,
    table: &DeTable<'_>,
    base: &Path,
    options: &mut Vec<KeyOption>,
) -> Sections {
    let mut sections = Sections::default();
    for section in SECTIONS {
        let Some((_, table)) = reader.table(table, section) else { continue };
        let (keys, whose) = (keys_of(section), format!("[{section}] has"));
        let mut own = Vec::new();
        for given in given(reader, table, &keys, Scope { tables: &[], whose: &whose, base }) {
            match option_of(section, &given.name) {
                Some(option) if options.iter().any(|other| other.name == option) => {
                    reader.wrong(given.at, format!("{option} is given twice: leave one of them out"));
                }
                Some(option) => options.push(renamed(given, &option)),
                None => own.push(given),
            }
        }
        let places = own.iter().map(|given| (format!("{section}.{}", given.name), given.at.clone()));
        sections.places.extend(places);
        match section {
            "limits" => sections.limits = values(&own).unwrap_or_default(),
            "bans" => sections.bans = values(&own).unwrap_or_default(),
            "pam" => sections.pam = values(&own).unwrap_or_default(),
            "timeouts" => sections.timeouts = values(&own).unwrap_or_default(),
            "hooks" => sections.hooks = values(&own).unwrap_or_default(),
            _ => {}
        }
    }
    sections
}

/// The option that a key of a section means, if it means one.
fn option_of(section: &str, key: &str) -> Option<String> {
    let options = Options::augment_args(Command::new("options"));
    let mut names = options.get_arguments().filter_map(Arg::get_long);
    names.find(|name| name_in(section, name) == Some(key)).map(str::to_owned)
}

/// The same value for the option `name`.
fn renamed(given: KeyOption, name: &str) -> KeyOption {
    let (old, new) = (format!("--{}", given.name), format!("--{name}"));
    let words = given.words.into_iter().map(|word| {
        use std::os::unix::ffi::{OsStrExt, OsStringExt};
        match word.as_bytes().strip_prefix(old.as_bytes()) {
            Some(rest) => OsString::from_vec([new.as_bytes(), rest].concat()),
            None => word,
        }
    });
    KeyOption { name: name.to_owned(), at: given.at, words: words.collect() }
}

impl Sections {
    /// The limits with what the sections say about them.
    pub(super) fn limit(&self, mut limits: Limits) -> Limits {
        let Self { limits: keys, bans, .. } = self;
        if let Some(given) = keys.max_unauthenticated_per_address {
            limits.unauthenticated_per_address = usize::try_from(given).ok().filter(|given| *given > 0);
        }
        let number = |given: Option<u32>| given.and_then(|given| usize::try_from(given).ok());
        let count = |given: Option<u32>, usual: usize| number(given).unwrap_or(usual);
        limits.hooks = HookLimits {
            at_once: count(self.hooks.at_once, HOOKS_AT_ONCE),
            waiting: count(self.hooks.waiting, HOOKS_WAITING),
        };
        limits.at_once = AtOnce {
            commands: number(keys.file_commands_at_once),
            transfers: number(keys.file_transfers_at_once),
            digests: number(keys.digests_at_once),
        };
        let usual = limits.logins;
        limits.logins = guard::Settings {
            wrong_per_second: count(keys.wrong_passwords_per_second, usual.wrong_per_second),
            at_once: count(keys.hashes_at_once, usual.at_once),
            first_delay: keys.refusal_delay.unwrap_or(usual.first_delay),
            longest_delay: keys.longest_refusal_delay.unwrap_or(usual.longest_delay),
            memory: keys.failure_memory.unwrap_or(usual.memory),
            known: keys.known_address_memory.unwrap_or(usual.known),
            ban: bans.after.map(|after| guard::Ban { after, time: bans.time.unwrap_or(BAN) }),
        };
        limits
    }

    /// Bytes that uploads leave free on each file system.
    pub(super) fn keep_free(&self) -> u64 {
        self.limits.keep_free.unwrap_or(0)
    }

    /// What runs after an upload.
    pub(super) fn hook(&self, errors: &mut Vec<ConfigError>) -> Option<Hook> {
        let (program, arguments) = self.hooks.after_upload.split_first()?;
        if !Path::new(program).is_absolute() {
            errors.push(ConfigError::Hook(program.to_string_lossy().into_owned()));
        }
        let time = self.hooks.time.unwrap_or(HOOK_TIME);
        Some(Hook { program: program.clone(), arguments: arguments.to_vec(), time })
    }

    /// The service of PAM.
    pub(super) fn pam_service(&self) -> String {
        self.pam.service.clone().unwrap_or_else(|| "ftp-server".to_owned())
    }

    /// The timeouts with what the sections say about them.
    pub(super) fn time(&self, usual: Timeouts) -> Timeouts {
        let keys = &self.timeouts;
        Timeouts {
            login: keys.login.unwrap_or(usual.login),
            idle: keys.idle.unwrap_or(usual.idle),
            held: keys.held.unwrap_or(usual.held),
            stall: keys.stall.unwrap_or(usual.stall),
            ..usual
        }
    }
}

/// Hooks that run at the same time.
const HOOKS_AT_ONCE: usize = 4;
/// Hooks that wait for their turn.
const HOOKS_WAITING: usize = 1_000;
/// How long a hook may run.
const HOOK_TIME: Duration = Duration::from_secs(60);
/// How long a ban lasts.
const BAN: Duration = Duration::from_secs(15 * 60);
