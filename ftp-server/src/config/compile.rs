//! Options become a configuration: defaults are filled in, contradictions are refused. Without an option for a listener
//! there are two.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::os::unix::ffi::OsStrExt;
use std::path::Path;
use std::time::Duration;

use ftp_io::tls::Files;
use ftp_proto::dialect::Dialect;
use ftp_proto::policy::Foreign;
use ftp_proto::server::{CloseNotify, Gender, Reuse, Timeouts, TlsStart};
use ftp_proto::shared::guard;

use super::error::ConfigError;
use super::file::File;
use super::raw::{ForeignPolicy, SessionReuse, SockReply, SocketGender, UploadEnd};
use super::{Certificates, Config, Listen, Log, Options};
use crate::auth::{User, is_anonymous, read_users};
use crate::limits::{AtOnce, HookLimits, Limits};
use crate::operate::is_below;
use crate::operate::public::PublicRule;
use crate::vfs::Durability;

impl Config {
    /// Fills in defaults and checks that the options fit together, and with what only a file can say.
    ///
    /// # Errors
    /// All contradictions, each with what to do about it.
    pub fn compile(options: Options, file: &File) -> Result<Self, Vec<ConfigError>> {
        let mut errors = Vec::new();
        let users = users(&options, file, &mut errors);
        if users.is_empty() && !options.anonymous && errors.is_empty() {
            errors.push(ConfigError::Nobody);
        }
        let foreign = options.foreign.map_or(Foreign::Proven, ForeignPolicy::policy);
        if foreign == Foreign::Never && !options.foreign_networks.is_empty() {
            errors.push(ConfigError::NetworksUnderNever);
        }
        let certificates = certificates(&options, &mut errors);
        if certificates.is_none() {
            let shows = |user: &&User| !user.terms.certificates.is_empty();
            let of = |user: &User| ConfigError::CertificateOfUser(user.shown_name());
            errors.extend(users.iter().filter(shows).map(of));
        }
        let listeners = listeners(&options, certificates.is_some(), &mut errors);
        let limits = file.sections.limit(limits(&options));
        let timeouts = timeouts(&options, file);
        let (session_reuse, close_notify) = (reuse(&options), close_notify(&options));
        let hook = file.sections.hook(&mut errors);
        let Some(root) = options.root.clone() else {
            errors.push(ConfigError::NoRoot);
            return Err(errors);
        };
        let general = options.public_address.map(|host| PublicRule { networks: Vec::new(), host });
        let config = Self {
            listeners,
            limits,
            keep_free: file.sections.keep_free(),
            log: Log {
                format: options.log_format.unwrap_or_default(),
                level: options.log_level.unwrap_or_default(),
            },
            root,
            users,
            anonymous: options.anonymous,
            certificates,
            client_authorities: options.tls_client_ca,
            require_tls: options.require_tls,
            session_reuse,
            close_notify,
            state: options.state,
            foreign,
            foreign_networks: (!options.foreign_networks.is_empty()).then_some(options.foreign_networks),
            proxy_from: options.proxy_from,
            same_host: options.same_host,
            gender: options.gender.map_or(Gender::Off, SocketGender::gender),
            defers_socket: options.sock_reply == Some(SockReply::Deferred),
            passive_ports: options.passive_ports,
            congestion: options.congestion,
            pam_service: file.sections.pam_service(),
            public: file.public.iter().cloned().chain(general).collect(),
            hook,
            metrics: options.metrics,
            metrics_from: options.metrics_from,
            run_as: options.run_as,
            strict_438_listen: options.strict_438_listen,
            site_copy: !options.no_site_copy,
            durability: if options.sync { Durability::Synced } else { Durability::Cached },
            xferlog: options.xferlog,
            shutdown_grace: options.shutdown_grace.unwrap_or(SHUTDOWN_GRACE),
            timeouts,
        };
        let secrets = options.users.as_deref().into_iter().chain(file.secret());
        config.refuse_below(secrets, &mut errors);
        config.unless(errors)
    }

    /// The configuration if it has no mistakes. Otherwise the directories are looked at, too: the operator hears of all mistakes
    /// at once. Another user has other rights.
    fn unless(self, mut errors: Vec<ConfigError>) -> Result<Self, Vec<ConfigError>> {
        if errors.is_empty() {
            return Ok(self);
        }
        if self.run_as.is_none() {
            self.directories(&mut errors);
        }
        Err(errors)
    }

    /// Refuses files with secrets that users could read.
    fn refuse_below<'a>(&self, secrets: impl Iterator<Item = &'a Path>, errors: &mut Vec<ConfigError>) {
        for (secret, root) in secrets.flat_map(|secret| self.roots().map(move |root| (secret, root))) {
            let error = ConfigError::BelowRoot(secret.to_owned(), root.to_owned());
            if is_below(secret, root) && !errors.contains(&error) {
                errors.push(error);
            }
        }
    }
}

/// All users: those of the command line, of `--users`, of the configuration file.
fn users(options: &Options, file: &File, errors: &mut Vec<ConfigError>) -> Vec<User> {
    let mut given = Vec::new();
    for (number, text) in (1..).zip(&options.user) {
        match User::with_password(text.as_bytes()) {
            Ok(user) => given.push(user),
            Err(why) => errors.push(ConfigError::User { number, why }),
        }
    }
    if let Some(path) = &options.users {
        match read_users(path) {
            Ok(users) => given.extend(users),
            Err(mistakes) => errors.push(ConfigError::Users(mistakes)),
        }
    }
    given.extend(file.users.iter().cloned());
    let mut users: Vec<User> = Vec::new();
    for user in given {
        if users.iter().any(|other| other.name == user.name) {
            errors.push(ConfigError::UserTwice(user.shown_name()));
        }
        if options.anonymous && is_anonymous(&user.name) {
            errors.push(ConfigError::UserAnonymous(user.shown_name()));
        }
        users.push(user);
    }
    users
}

fn timeouts(options: &Options, file: &File) -> Timeouts {
    let usual = file.sections.time(Timeouts::default());
    Timeouts {
        listen_idle: options.listen_idle.unwrap_or(usual.listen_idle),
        connect: options.connect_timeout.unwrap_or(usual.connect),
        accept: options.accept_timeout.unwrap_or(usual.accept),
        ..usual
    }
}

fn limits(options: &Options) -> Limits {
    let limit = |given: Option<u32>, usual: u32| match given.unwrap_or(usual) {
        0 => None,
        some => usize::try_from(some).ok(),
    };
    let unauthenticated = limit(options.max_unauthenticated, 1_000);
    Limits {
        sessions: limit(options.max_sessions, 10_000),
        per_address: limit(options.max_sessions_per_address, 200),
        per_account: limit(options.max_sessions_per_account, 1_000),
        unauthenticated,
        unauthenticated_per_address: unauthenticated.map(|all| all.min(100)),
        logins: guard::Settings { at_once: hashes_at_once(), ..guard::Settings::default() },
        hooks: HookLimits::default(),
        at_once: AtOnce::default(),
    }
}

/// Hashes of passwords at the same time: half of the processors, so that transfers go on.
fn hashes_at_once() -> usize {
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    processors.div_ceil(2).clamp(1, 8)
}

/// The listeners to open. With a certificate the modern ones have explicit TLS.
pub(super) fn listeners(options: &Options, certificate: bool, errors: &mut Vec<ConfigError>) -> Vec<Listen> {
    let explicit = if certificate { TlsStart::Explicit } else { TlsStart::Never };
    let kinds = [
        (&options.listen, Dialect::Rfc959, explicit),
        (&options.listen_tls, Dialect::Rfc959, TlsStart::Implicit),
        (&options.listen_1973, Dialect::Rfc354, TlsStart::Never),
    ];
    let mut listeners: Vec<Listen> = Vec::new();
    for (addresses, dialect, begin) in kinds {
        listeners.extend(addresses.iter().map(|&address| Listen { address, dialect, begin, named: true }));
    }
    if listeners.is_empty() {
        let everywhere = [(Ipv4Addr::UNSPECIFIED, PORT).into(), (Ipv6Addr::UNSPECIFIED, PORT).into()];
        listeners.extend(everywhere.map(|address| Listen {
            address,
            dialect: Dialect::Rfc959,
            begin: explicit,
            named: false,
        }));
    }
    for (index, listen) in listeners.iter().enumerate() {
        let before = listeners.get(..index).unwrap_or_default();
        if listen.address.port() != 0 && before.iter().any(|other| other.address == listen.address) {
            errors.push(ConfigError::ListenTwice(listen.address));
        }
    }
    listeners
}

/// Where the certificates come from, if there are any.
pub(super) fn certificates(options: &Options, errors: &mut Vec<ConfigError>) -> Option<Certificates> {
    let Options { tls_cert, tls_key, tls_self_signed, .. } = options;
    if tls_cert.len() != tls_key.len() {
        errors.push(ConfigError::KeyMissing);
    }
    if *tls_self_signed && !tls_cert.is_empty() {
        errors.push(ConfigError::TwoCertificates);
    }
    if options.require_tls && !options.listen_1973.is_empty() {
        errors.push(ConfigError::ClearListener);
    }
    if *tls_self_signed {
        return Some(Certificates::SelfSigned);
    }
    if tls_cert.is_empty() {
        let wanted = [
            ("listen-tls", !options.listen_tls.is_empty()),
            ("require-tls", options.require_tls),
            ("tls-client-ca", options.tls_client_ca.is_some()),
        ];
        let wanted = wanted.into_iter().filter(|(_, wanted)| *wanted);
        errors.extend(wanted.map(|(option, _)| ConfigError::NoCertificate(option)));
        return None;
    }
    let pairs = tls_cert.iter().zip(tls_key);
    let files = pairs.map(|(certificate, key)| Files { certificate: certificate.clone(), key: key.clone() });
    Some(Certificates::Files(files.collect()))
}

pub(super) const fn close_notify(options: &Options) -> CloseNotify {
    match options.tls_close_notify {
        Some(UploadEnd::Required) | None => CloseNotify::Required,
        Some(UploadEnd::Optional) => CloseNotify::Optional,
    }
}

pub(super) const fn reuse(options: &Options) -> Reuse {
    match options.tls_session_reuse {
        Some(SessionReuse::Required) => Reuse::Required,
        Some(SessionReuse::Preferred) | None => Reuse::Preferred,
        Some(SessionReuse::Off) => Reuse::Off,
    }
}

/// How long transfers may go on after the signal to stop.
const SHUTDOWN_GRACE: Duration = Duration::from_secs(30);
const PORT: u16 = 2121;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::BadUser;
    use crate::cli::Cli;
    use crate::config::Certificates;
    use clap::Parser;
    use ftp_io::program::log;
    use ftp_proto::dialect::Dialect;
    use ftp_proto::server::{CloseNotify, Reuse, TlsStart};

    fn compile(words: &str) -> Result<Config, Vec<ConfigError>> {
        let words = std::iter::once("ftp-server").chain(words.split_whitespace());
        Config::compile(*Cli::try_parse_from(words).unwrap().options, &File::default())
    }

    fn refused(words: &str, expect: &ConfigError, says: &str) {
        let errors = compile(words).unwrap_err();
        let [error] = errors.as_slice() else { panic!("{words}: {errors:?}") };
        assert_eq!(error, expect, "{words}");
        assert!(error.to_string().contains(says), "{error}");
        assert!(!error.to_string().contains('\n'), "one line: {error}");
        assert!(!error.to_string().contains("secret"), "{error}");
    }

    #[test]
    fn the_defaults_are_those_of_the_contract() {
        let config = compile("--root / --user ann:secret").unwrap();
        assert_eq!(config.foreign, Foreign::Proven);
        assert_eq!(config.listeners.len(), 2);
        assert!(config.listeners.iter().all(|listen| listen.address.port() == 2121 && !listen.named));
        assert_eq!(config.limits.sessions, Some(10_000));
        assert_eq!(config.limits.per_address, Some(200));
        assert_eq!(config.limits.unauthenticated, Some(1_000));
        assert_eq!(config.limits.unauthenticated_per_address, Some(100));
        let seconds = |duration: Duration| duration.as_secs();
        let Timeouts { listen_idle, connect, accept, .. } = config.timeouts;
        assert_eq!([seconds(listen_idle), seconds(connect), seconds(accept)], [300, 15, 60]);
        assert_eq!(config.log.level, log::Level::Info);
    }

    #[test]
    fn a_server_that_nobody_can_use_is_refused() {
        refused("--root /", &ConfigError::Nobody, "nobody can log in");
        refused("--user ann:secret", &ConfigError::NoRoot, "--root is missing");
        assert!(compile("--root / --anonymous").is_ok());
    }

    #[test]
    fn a_bad_user_is_named_by_its_number_and_never_shown() {
        let expect = ConfigError::User { number: 2, why: BadUser::NoColon };
        refused("--root / --user a:secret --user secret", &expect, "user 2");
        let expect = ConfigError::UserTwice("ann".into());
        refused("--root / --user ann:secret --user ann:secret2", &expect, "ann");
        let expect = ConfigError::UserAnonymous("ftp".into());
        refused("--root / --anonymous --user ftp:secret", &expect, "--anonymous");
    }

    #[test]
    fn contradictions_are_refused() {
        refused(
            "--root / --anonymous --foreign never --foreign-networks 192.0.2.0/24",
            &ConfigError::NetworksUnderNever,
            "no effect",
        );
        let twice = "127.0.0.2:2121".parse().unwrap();
        refused(
            "--root / --anonymous --listen 127.0.0.2:2121 --listen-1973 127.0.0.2:2121",
            &ConfigError::ListenTwice(twice),
            "127.0.0.2:2121",
        );
    }

    #[test]
    fn several_listeners_may_take_any_free_port() {
        let config =
            compile("--root / --anonymous --listen 127.0.0.2:0 --listen 127.0.0.2:0 --listen-1973 [::1]:0");
        let config = config.unwrap();
        assert_eq!(config.listeners.len(), 3);
        assert_eq!(config.listeners[2].dialect, Dialect::Rfc354);
    }

    #[test]
    fn tls_needs_a_certificate_and_each_certificate_a_key() {
        refused(
            "--root / --anonymous --listen-tls 127.0.0.2:0",
            &ConfigError::NoCertificate("listen-tls"),
            "--tls-self-signed",
        );
        refused(
            "--root / --anonymous --require-tls",
            &ConfigError::NoCertificate("require-tls"),
            "--tls-cert",
        );
        refused("--root / --anonymous --tls-cert a.pem", &ConfigError::KeyMissing, "--tls-key");
        refused(
            "--root / --anonymous --tls-cert a --tls-key a --tls-key b",
            &ConfigError::KeyMissing,
            "--tls-key",
        );
        refused(
            "--root / --anonymous --tls-cert a --tls-key a --tls-self-signed",
            &ConfigError::TwoCertificates,
            "one of them",
        );
        refused(
            "--root / --anonymous --tls-self-signed --require-tls --listen-1973 127.0.0.2:0",
            &ConfigError::ClearListener,
            "1973",
        );
    }

    #[test]
    fn a_certificate_brings_tls_to_the_modern_listeners() {
        let words = "--root / --anonymous --tls-self-signed --listen 127.0.0.2:0 --listen-tls 127.0.0.2:0 --listen-1973 127.0.0.2:0";
        let config = compile(words).unwrap();
        let begins: Vec<_> = config.listeners.iter().map(|listen| listen.begin).collect();
        assert_eq!(begins, [TlsStart::Explicit, TlsStart::Implicit, TlsStart::Never]);
        assert_eq!(config.certificates, Some(Certificates::SelfSigned));
        assert_eq!(config.session_reuse, Reuse::Preferred);
        assert_eq!(config.close_notify, CloseNotify::Required);
        let words = "--root / --anonymous --tls-cert a --tls-key b --tls-session-reuse off --tls-close-notify optional";
        let config = compile(words).unwrap();
        assert_eq!(config.close_notify, CloseNotify::Optional);
        assert_eq!(config.session_reuse, Reuse::Off);
        assert!(config.listeners.iter().all(|listen| listen.begin == TlsStart::Explicit));
    }

    #[test]
    fn lists_may_be_repeated_or_separated_by_commas() {
        let words = "--root / --anonymous --same-host 192.0.2.0/24,198.51.100.0/24 --same-host 2001:db8::/32";
        assert_eq!(compile(words).unwrap().same_host.len(), 3);
    }
}
