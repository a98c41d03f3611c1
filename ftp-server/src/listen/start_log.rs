//! What the log says when the server starts.

use ftp_proto::address::{Kind, kind};
use ftp_proto::policy::Foreign;
use ftp_proto::server::TlsStart;
use ipnet::IpNet;

use super::listener::Place;
use crate::config::Config;
use crate::limits::{Limits, Shares};

/// Logs warnings about unsafe settings, then writes the first line of the audit.
pub(super) fn log(config: &Config, places: &[Place], shares: &Shares) {
    if let Some(sessions) = shares.descriptors.too_few_for(config.limits.sessions) {
        tracing::warn!(
            "the limit of open files is enough for {sessions} sessions: raise it (ulimit -n, LimitNOFILE) or set --max-sessions"
        );
    }
    warn_about_passwords(places);
    log_start(config, places);
}

/// The first line of the audit: which server this is, and what it allows.
fn log_start(config: &Config, places: &[Place]) {
    let Limits { sessions, per_address, per_account, unauthenticated, .. } = config.limits;
    let networks =
        |networks: &[IpNet]| networks.iter().map(ToString::to_string).collect::<Vec<_>>().join(",");
    tracing::info!(
        version = env!("CARGO_PKG_VERSION"),
        root = config.root.display().to_string(),
        listeners = listeners(places),
        tls = config.certificates.is_some(),
        foreign = policy(config.foreign),
        foreign_networks = config.foreign_networks.as_deref().map(networks),
        same_host = networks(&config.same_host),
        users = config.users.len(),
        anonymous = config.anonymous,
        require_tls = config.require_tls,
        passive_ports =
            config.passive_ports.as_ref().map(|ports| format!("{}-{}", ports.start(), ports.end())),
        run_as = config.run_as,
        max_sessions = sessions,
        max_sessions_per_address = per_address,
        max_sessions_per_account = per_account,
        max_unauthenticated = unauthenticated,
        "started"
    );
}

/// Where the server listens.
fn listeners(places: &[Place]) -> String {
    places.iter().map(|(at, ..)| at.to_string()).collect::<Vec<_>>().join(",")
}

/// The policy as the option has it.
const fn policy(foreign: Foreign) -> &'static str {
    match foreign {
        Foreign::Never => "never",
        Foreign::Proven => "proven",
        Foreign::Authenticated => "authenticated",
    }
}

/// Says once that passwords go in clear, if they can come from another host.
fn warn_about_passwords(places: &[Place]) {
    let open = |(at, _, begin): &&Place| *begin == TlsStart::Never && kind(at.ip()) != Kind::Loopback;
    if let Some((at, ..)) = places.iter().find(open) {
        tracing::warn!(
            %at,
            "passwords and files go in clear here: --tls-self-signed or --tls-cert gives TLS, --require-tls demands it"
        );
    }
}
