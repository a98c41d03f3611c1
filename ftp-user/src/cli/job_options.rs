//! The options of every verb that the journal keeps of a job: what a run needs, how long it waits, and how often it tries again.

use crate::failure::{Failure, Kind, Result};
use crate::journal::as_text;
use crate::place::{OnUnknown, Proxy};
use clap::Args;
use clap::builder::{PossibleValuesParser, TypedValueParser};
use ftp_io::program::duration;
use ftp_io::tls::{Fingerprint, Trust};
use serde::{Deserialize, Serialize};
use std::path::{Path, PathBuf};
use std::time::Duration;

/// The options of every verb that the journal keeps of a job.
#[derive(Args, Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct JobOptions {
    /// Settings (default: $FTP_USER_CONFIG, else ftp-user/config.toml in $XDG_CONFIG_HOME or ~/.config)
    #[arg(long, global = true, value_name = "FILE")]
    #[serde(with = "as_text")]
    pub(super) config: Option<PathBuf>,
    /// The password of the one server that lacks one: the only line of a file that only you can read (mode 0600).
    /// Without it $FTP_USER_PASSWORD is taken, else you are asked at the terminal
    #[arg(long, global = true, value_name = "FILE")]
    #[serde(with = "as_text")]
    pub(super) password_file: Option<PathBuf>,
    /// Connect through this SOCKS5 proxy: socks5://[USER:PASSWORD@]HOST:PORT
    #[arg(long, global = true, value_name = "URL")]
    #[serde(with = "as_text")]
    pub(super) proxy: Option<Proxy>,
    /// Use IPv4 only
    #[arg(short = '4', global = true, conflicts_with = "v6")]
    pub(super) v4: bool,
    /// Use IPv6 only
    #[arg(short = '6', global = true)]
    pub(super) v6: bool,
    /// Timeout for a connection and for each reply (default: 60s)
    #[arg(long, global = true, value_name = "T", value_parser = duration::parse)]
    pub(super) timeout: Option<Duration>,
    /// Give up a transfer that moves nothing for this time (default: 60s)
    #[arg(long, global = true, value_name = "T", value_parser = duration::parse)]
    pub(super) stall: Option<Duration>,
    /// Give up a transfer whose progress neither server reports after this time in addition to --stall (default: by the
    /// size of the file, at most 6 hours for most files)
    #[arg(long, global = true, value_name = "T", value_parser = duration::parse)]
    pub(super) unseen: Option<Duration>,
    /// Retry a temporary failure N times (default: 5; a server that has not answered yet is asked once)
    #[arg(long, global = true, value_name = "N", allow_negative_numbers = true)]
    pub(super) retries: Option<u32>,
}

impl JobOptions {
    /// These, and the others where these say nothing.
    pub(super) fn or(&self, others: &Self) -> Self {
        let family = if self.v4 || self.v6 { self } else { others };
        Self {
            config: self.config.clone().or_else(|| others.config.clone()),
            password_file: self.password_file.clone().or_else(|| others.password_file.clone()),
            proxy: self.proxy.clone().or_else(|| others.proxy.clone()),
            v4: family.v4,
            v6: family.v6,
            timeout: self.timeout.or(others.timeout),
            stall: self.stall.or(others.stall),
            unseen: self.unseen.or(others.unseen),
            retries: self.retries.or(others.retries),
        }
    }

    /// The same with paths that do not depend on the current directory.
    pub(super) fn absolute(&self) -> Self {
        let (config, password_file) =
            (absolute(self.config.as_deref()), absolute(self.password_file.as_deref()));
        Self { config, password_file, ..self.clone() }
    }
}

/// A path that does not depend on the current directory.
pub(super) fn absolute(path: Option<&Path>) -> Option<PathBuf> {
    path.map(|path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()))
}

/// The options about certificates, for every verb.
#[derive(Args, Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
pub(super) struct TrustArgs {
    /// What to do with a certificate of ftpes:// or ftps:// that nobody vouches for: ask at the terminal, accept and
    /// keep it (new), or refuse it (known); default: [defaults] trust of the settings, else ask, which refuses it
    /// without a terminal
    #[arg(long, global = true, value_name = "HOW", value_parser = on_unknown())]
    pub(super) trust: Option<OnUnknown>,
    /// Roots (PEM) besides those of this host
    #[arg(long, global = true, value_name = "FILE")]
    #[serde(with = "as_text")]
    pub(super) ca: Option<PathBuf>,
    /// Accept this certificate and no other, SHA256: and 64 hexadecimal digits; once for each server
    #[arg(long, global = true, value_name = "SHA256:HEX", conflicts_with = "ca")]
    #[serde(with = "as_text")]
    pub(super) pin: Vec<Fingerprint>,
    /// Use ftp:// servers in clear, also where they offer TLS: for servers whose TLS does not work
    #[arg(long, global = true)]
    pub(super) no_tls: bool,
    /// Accept any certificate: anyone between can read and change everything
    #[arg(long, global = true, conflicts_with_all = ["ca", "pin"])]
    insecure: bool,
}

/// Reads the value of `--trust`.
fn on_unknown() -> impl TypedValueParser<Value = OnUnknown> {
    PossibleValuesParser::new(OnUnknown::ALL.map(OnUnknown::name)).try_map(|name| name.parse::<OnUnknown>())
}

impl TrustArgs {
    /// These options of a job, with those that were given to `verb`, which goes on with it or gives it up. What is added
    /// never demands less than the job does.
    ///
    /// # Errors
    ///
    /// The option that would.
    pub(super) fn and(self, verb: &str, more: &Self) -> Result<Self> {
        let demanded = self.trust.unwrap_or(OnUnknown::Refuse);
        let is_less_strict = more.trust.is_some_and(|how| how < demanded);
        let stricter = "with a stricter one, or with that of the settings";
        let refused = [
            (more.insecure && !self.insecure, "--insecure", "without it"),
            (more.no_tls && !self.no_tls, "--no-tls", "without it"),
            (more.ca.is_some() && !self.pin.is_empty(), "--ca", "with --pin"),
            (!more.pin.is_empty() && self.ca.is_some(), "--pin", "with --ca"),
            (is_less_strict, "this value of --trust", stricter),
        ];
        if let Some((_, option, why)) = refused.into_iter().find(|(is_refused, ..)| *is_refused) {
            return Err(Failure::usage(format!(
                "{verb} does not take {option}: the job was asked for {why}"
            ))
            .hint(format!("leave {option} out, or cancel the job and make it again")));
        }
        let names_some = more.ca.is_some() || !more.pin.is_empty();
        Ok(Self {
            trust: more.trust.or(self.trust),
            ca: more.ca.clone().or(self.ca),
            pin: [self.pin, more.pin.clone()].concat(),
            no_tls: self.no_tls,
            insecure: self.insecure && !names_some,
        })
    }

    /// The same with paths that do not depend on the current directory.
    pub(super) fn absolute(&self) -> Self {
        Self { ca: absolute(self.ca.as_deref()), ..self.clone() }
    }

    /// What to do with unknown certificates. `default` is what the settings say.
    pub(super) fn unknown(&self, default: Option<OnUnknown>) -> OnUnknown {
        self.trust.or(default).unwrap_or_default()
    }

    /// Whom to trust. A file of roots is read now.
    pub(super) fn whom(&self) -> Result<Trust> {
        if self.insecure {
            return Ok(Trust::anybody());
        }
        if !self.pin.is_empty() {
            return Ok(Trust::pinned(self.pin.iter().copied()));
        }
        Trust::by_roots(self.ca.as_deref()).map_err(|error| {
            let file = self.ca.as_deref().map(|file| file.display().to_string()).unwrap_or_default();
            Failure::new(Kind::Usage, format!("cannot read the roots in {file}: {error}"))
                .hint("it must have certificates in PEM")
        })
    }
}

#[cfg(test)]
mod trust_tests {
    use super::super::{Cli, Verb};
    use super::*;
    use clap::Parser;

    fn typed(words: &[&str]) -> TrustArgs {
        let words = ["ftp-user"].iter().chain(words).chain(&["jobs"]);
        let cli = Cli::try_parse_from(words).unwrap();
        assert!(matches!(cli.verb, Verb::Jobs(_)));
        cli.general.trust
    }

    #[test]
    fn what_is_given_to_resume_is_added_and_never_demands_less_than_the_job() {
        let pins = ["1", "2"].map(|digit| format!("SHA256:{}", digit.repeat(64)));
        let [one, two] = pins.each_ref().map(String::as_str);
        let whole = |args: &TrustArgs| format!("{args:?}");
        for (job, more, expect) in [
            (&[][..], &[][..], Some(&[][..])),
            (&[], &["--pin", one], Some(&["--pin", one])),
            (&["--pin", one], &["--pin", two], Some(&["--pin", one, "--pin", two])),
            (&["--pin", one], &[], Some(&["--pin", one])),
            (&["--pin", one], &["--ca", "/ca"], None),
            (&["--ca", "/ca"], &["--pin", one], None),
            (&["--ca", "/ca"], &["--ca", "/new"], Some(&["--ca", "/new"])),
            (&[], &["--ca", "/ca"], Some(&["--ca", "/ca"])),
            (&[], &["--insecure"], None),
            (&["--insecure"], &["--insecure"], Some(&["--insecure"])),
            (&["--insecure"], &["--pin", one], Some(&["--pin", one])),
            (&["--insecure"], &[], Some(&["--insecure"])),
            (&[], &["--no-tls"], None),
            (&["--no-tls"], &[], Some(&["--no-tls"])),
            (&[], &["--trust", "known"], Some(&["--trust", "known"])),
            (&[], &["--trust", "ask"], None),
            (&["--trust", "new"], &["--trust", "ask"], Some(&["--trust", "ask"])),
            (&["--trust", "ask"], &["--trust", "new"], None),
            (&["--trust", "new"], &[], Some(&["--trust", "new"])),
        ] {
            let found = typed(job).and("resume", &typed(more));
            let expect = expect.map(|words| whole(&typed(words)));
            assert_eq!(found.as_ref().ok().map(whole), expect, "{job:?} {more:?}");
            if let Err(failure) = found {
                assert_eq!(failure.kind, Kind::Usage, "{failure}");
                assert!(failure.to_string().contains("resume does not take"), "{failure}");
            }
        }
    }
}
