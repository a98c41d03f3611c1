//! What holds from the start: SIGHUP does not change it.

use ftp_proto::dialect::Dialect;
use ftp_proto::server::TlsStart;

use super::{Config, Listen, Log};
use crate::limits::{AtOnce, Limits};
use ftp_io::program::hook::Hook;

/// A key of the configuration, and whether its value has changed.
type Changed = (&'static str, bool);

/// The keys whose values in `new` hold only after a restart. Users, the anonymous account, the service
/// of PAM and limits are not among them: a server takes them over while it runs.
pub fn needs_restart(old: &Config, new: &Config) -> Vec<&'static str> {
    // Every field is named: a new one has to be put here or among those that are taken over.
    let Config {
        listeners: _,
        root,
        users: _,
        anonymous: _,
        certificates,
        client_authorities,
        require_tls,
        session_reuse,
        close_notify,
        state,
        foreign,
        foreign_networks,
        proxy_from,
        same_host,
        gender,
        defers_socket,
        strict_438_listen,
        site_copy,
        durability,
        passive_ports,
        congestion,
        public,
        pam_service: _,
        limits,
        keep_free: _,
        timeouts: _,
        shutdown_grace,
        hook,
        metrics,
        metrics_from,
        run_as,
        xferlog,
        log,
    } = old;
    let one = [
        ("root", *root != new.root),
        ("tls-cert, tls-key or tls-self-signed", *certificates != new.certificates),
        ("tls-client-ca", *client_authorities != new.client_authorities),
        ("require-tls", *require_tls != new.require_tls),
        ("tls-session-reuse", *session_reuse != new.session_reuse),
        ("tls-close-notify", *close_notify != new.close_notify),
        ("state", *state != new.state),
        ("foreign", *foreign != new.foreign),
        ("foreign-networks", *foreign_networks != new.foreign_networks),
        ("proxy-from", *proxy_from != new.proxy_from),
        ("same-host", *same_host != new.same_host),
        ("gender", *gender != new.gender),
        ("sock-reply", *defers_socket != new.defers_socket),
        ("passive-ports", *passive_ports != new.passive_ports),
        ("congestion", *congestion != new.congestion),
        ("public-address", *public != new.public),
    ];
    let other = [
        ("strict-438-listen", *strict_438_listen != new.strict_438_listen),
        ("no-site-copy", *site_copy != new.site_copy),
        ("sync", *durability != new.durability),
        ("shutdown-grace", *shutdown_grace != new.shutdown_grace),
        ("metrics", *metrics != new.metrics),
        ("metrics-from", *metrics_from != new.metrics_from),
        ("run-as", *run_as != new.run_as),
        ("xferlog", *xferlog != new.xferlog),
    ];
    let all = listeners(old, new).into_iter().chain(one).chain(limited(limits, &new.limits));
    let all = all.chain(waits(old, new)).chain(hooks(hook.as_ref(), new.hook.as_ref()));
    let all = all.chain(other).chain(logged(*log, new.log));
    all.filter(|(_, changed)| *changed).map(|(key, _)| key).collect()
}

fn listeners(old: &Config, new: &Config) -> [Changed; 3] {
    let key = |listen: &Listen| match (listen.dialect, listen.begin) {
        (Dialect::Rfc354, _) => "listen-1973",
        (Dialect::Rfc959, TlsStart::Implicit) => "listen-tls",
        (Dialect::Rfc959, TlsStart::Explicit | TlsStart::Never) => "listen",
    };
    ["listen", "listen-tls", "listen-1973"].map(|name| {
        let at = |config: &Config| -> Vec<_> {
            let these = config.listeners.iter().filter(|listen| key(listen) == name);
            these.map(|listen| listen.address).collect()
        };
        (name, at(old) != at(new))
    })
}

/// The limits that are made into threads and queues at the start.
fn limited(old: &Limits, new: &Limits) -> [Changed; 6] {
    let Limits {
        sessions: _,
        per_address: _,
        per_account: _,
        unauthenticated: _,
        unauthenticated_per_address: _,
        logins,
        hooks,
        at_once: AtOnce { commands, transfers, digests },
    } = old;
    [
        ("file-commands-at-once", *commands != new.at_once.commands),
        ("file-transfers-at-once", *transfers != new.at_once.transfers),
        ("digests-at-once", *digests != new.at_once.digests),
        // Fewer than at the start are taken over.
        ("hashes-at-once", logins.at_once < new.logins.at_once),
        ("at-once of [hooks]", hooks.at_once != new.hooks.at_once),
        ("waiting of [hooks]", hooks.waiting != new.hooks.waiting),
    ]
}

fn waits(old: &Config, new: &Config) -> [Changed; 7] {
    let (old, new) = (&old.timeouts, &new.timeouts);
    [
        ("listen-idle", old.listen_idle != new.listen_idle),
        ("connect-timeout", old.connect != new.connect),
        ("accept-timeout", old.accept != new.accept),
        ("login", old.login != new.login),
        ("idle", old.idle != new.idle),
        ("held", old.held != new.held),
        ("stall", old.stall != new.stall),
    ]
}

fn hooks(old: Option<&Hook>, new: Option<&Hook>) -> [Changed; 2] {
    let words = |hook: &Hook| (hook.program.clone(), hook.arguments.clone());
    let time = old.zip(new).is_some_and(|(old, new)| old.time != new.time);
    [("after-upload", old.map(words) != new.map(words)), ("time of [hooks]", time)]
}

fn logged(old: Log, new: Log) -> [Changed; 2] {
    [("log-format", old.format != new.format), ("log-level", old.level != new.level)]
}
