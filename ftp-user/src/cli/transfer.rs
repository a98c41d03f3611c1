//! The options that copy and append have in common.

use super::relays::{RelayArgs, permitted};
use super::site_limits;
use crate::check::{Overwrite, Verify};
use crate::config::{self, Relays};
use crate::context::{Context, RateLimit};
use crate::failure::{Failure, Kind};
use crate::job::{InPlace, Job, Jobs, Mode, Options, Wanted, Work};
use crate::ladder::Allowed;
use crate::place::Location;
use clap::Args;
use ftp_io::program::size;
use serde::{Deserialize, Serialize};
use std::num::NonZeroU64;

/// Options of copy and append.
#[derive(Args, Clone, Debug, Deserialize, Serialize)]
pub(super) struct TransferArgs {
    /// How the copy is compared with its source (auto: as strongly as both ends can)
    #[arg(long, value_enum, default_value_t = Verify::Auto, value_name = "HOW")]
    verify: Verify,
    #[command(flatten)]
    #[serde(flatten)]
    paths: PathArgs,
    /// Whether a file may be stored under its final name where the destination cannot rename
    #[arg(long, value_enum, default_value_t = InPlace::Fallback, value_name = "WHEN")]
    in_place: InPlace,
    /// Continue a broken transfer, if what is stored can be compared (the default)
    #[arg(long, overrides_with = "no_resume")]
    resume: bool,
    /// Start each attempt with the first byte
    #[arg(long, overrides_with = "resume")]
    no_resume: bool,
    /// Try candidates beside each other if the first one is slow to begin (the default)
    #[arg(long, overrides_with = "no_race")]
    race: bool,
    /// Try candidates one after the other on the same sessions, and wait for each as long as its timeouts allow
    #[arg(long, overrides_with = "race")]
    no_race: bool,
    /// Move no more bytes per second, in all: 500KB, 2MiB. Servers that know RATE keep to it themselves; the bytes of
    /// others pass this host
    #[arg(long, value_name = "RATE", value_parser = rate)]
    limit: Option<NonZeroU64>,
    /// Print what would be done; nothing is changed
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// Print what would be done, by which path and why, and what would be tried next; nothing is changed
    #[arg(long)]
    explain: bool,
}

/// Options that say which paths there are between two servers.
#[derive(Args, Clone, Debug, Deserialize, Serialize)]
pub(super) struct PathArgs {
    /// Which paths the bytes may take
    #[arg(long, value_enum, default_value_t = Allowed::Auto, value_name = "PATH")]
    pub(super) path: Allowed,
    #[command(flatten)]
    #[serde(flatten)]
    relays: RelayArgs,
    /// Let data go in clear from server to server although a control connection runs TLS
    #[arg(long)]
    allow_clear_data: bool,
}

impl TransferArgs {
    /// The options of the job, with those of trees at their defaults.
    pub(super) fn options(&self, overwrite: Overwrite) -> Options {
        let (allowed, resume) = (self.paths.path, self.resume || !self.no_resume);
        let mode = match (self.explain, self.dry_run) {
            (true, _) => Mode::Explain,
            (false, true) => Mode::DryRun,
            (false, false) => Mode::Run,
        };
        let Self { verify, in_place, .. } = *self;
        Options { verify, overwrite, allowed, in_place, resume, mode, ..Options::default() }
    }

    /// The same for a file that goes on without this program: only from server to server.
    ///
    /// # Errors
    ///
    /// Another path was asked for.
    pub(super) fn detached(&self) -> Result<Self, Failure> {
        let path = match self.paths.path {
            Allowed::Auto | Allowed::Direct => Allowed::Direct,
            path @ (Allowed::Symmetric | Allowed::Relay) => path,
            Allowed::User => {
                return Err(Failure::usage("--detach needs a path that does not pass this host")
                    .hint("leave out --detach or --path"));
            }
        };
        let paths = PathArgs { path, ..self.paths.clone() };
        Ok(Self { paths, ..self.clone() })
    }

    /// How many files are copied at the same time. A server knows nothing of the others: with a limit, one file at a time has
    /// all of it.
    pub(super) const fn jobs(&self, asked: Wanted) -> Jobs {
        match asked {
            Wanted::Auto if self.limit.is_some() => Jobs::ONE,
            wanted @ (Wanted::Auto | Wanted::Exactly(_)) => Jobs { wanted, site_limit: None },
        }
    }

    /// Sets in `context` what the job may use.
    ///
    /// # Errors
    ///
    /// A relay cannot be used, or one end is on this host and `--path` asks for two servers.
    pub(super) async fn apply(&self, context: &mut Context, job: &Job) -> Result<(), Failure> {
        context.settings.race = (self.race || !self.no_race) && !site_limits::forbids_race(job);
        context.settings.limit = site_limits::rate(job.work.places(), self.limit).map(|rate| {
            let share = share(rate, job.options.jobs);
            RateLimit::new(rate, share, context.world.clock)
        });
        let is_standard = matches!(job.work, Work::Output { .. } | Work::Input { .. });
        if is_standard && (self.resume || self.race) {
            return Err(Failure::usage("standard input and output (-) are neither resumed nor raced for")
                .hint("leave out --resume and --race"));
        }
        if matches!(job.work, Work::Input { .. }) && context.settings.patience.first_retries > 0 {
            return Err(Failure::usage(
                "standard input can be read only once, so a copy of it is not retried",
            )
            .hint("leave out --retries, and start it again if it fails"));
        }
        if is_standard && !matches!(self.paths.path, Allowed::Auto | Allowed::User) {
            return Err(Failure::usage(
                "this --path needs two servers, and standard input and output (-) are here",
            )
            .hint("leave out --path"));
        }
        self.paths.apply(context, || job.work.places()).await
    }
}

/// Reads a rate in bytes per second.
pub(super) fn rate(text: &str) -> Result<NonZeroU64, String> {
    let rate = size::parse(text.strip_suffix("/s").unwrap_or(text))?;
    NonZeroU64::new(rate).ok_or_else(|| "a job that moves nothing never ends".to_owned())
}

/// What each of the files has that go from server to server at the same time.
fn share(rate: NonZeroU64, jobs: Jobs) -> NonZeroU64 {
    let files = u64::try_from(jobs.most().get()).unwrap_or(u64::MAX);
    NonZeroU64::new(rate.get() / files).unwrap_or(NonZeroU64::MIN)
}

impl PathArgs {
    /// Sets in `context` what may be used between these places.
    ///
    /// # Errors
    ///
    /// A relay cannot be used, or one end is on this host and `--path` asks for two servers.
    pub(super) async fn apply<'a, P: Iterator<Item = &'a Location>>(
        &self,
        context: &mut Context,
        places: impl Fn() -> P,
    ) -> Result<(), Failure> {
        self.refuse_local(places())?;
        context.settings.clear_data = self.allow_clear_data;
        let consent = self.relays.consent(context.settings.relay_consent);
        let relays = self.relays(&context.settings.known_relays, consent, places())?;
        context.run.relays = permitted(context, relays, consent).await?;
        if self.path == Allowed::Relay && context.run.relays.is_empty() {
            return Err(Failure::new(Kind::NoPath, "--path relay, and no relay is permitted")
                .hint("say yes at a terminal, or permit those that you have named: --relay-consent own"));
        }
        Ok(())
    }

    /// Refuses a place of this host if the path must lie between two servers.
    fn refuse_local<'a>(&self, mut places: impl Iterator<Item = &'a Location>) -> Result<(), Failure> {
        match self.path {
            Allowed::Direct | Allowed::Relay | Allowed::Symmetric => {}
            Allowed::Auto | Allowed::User => return Ok(()),
        }
        let between = self.path.name();
        let Some(local) = places.find(|place| place.is_local()) else { return Ok(()) };
        Err(Failure::usage(format!("--path {between} needs two servers, and {local} is on this host"))
            .hint("leave out --path"))
    }

    /// The relays that may be used between these places, or to reach the one that is a server. Those of the command line
    /// come first. Their token files are checked before anything is sent to a server.
    fn relays<'a>(
        &self,
        configured: &Relays,
        consent: config::Consent,
        mut places: impl Iterator<Item = &'a Location>,
    ) -> Result<Relays, Failure> {
        let typed = self.relays.typed()?;
        let all: Relays = typed.iter().chain(configured.iter()).cloned().collect();
        if self.path == Allowed::Relay && all.is_empty() {
            return Err(Failure::usage("--path relay, and no relay is known")
                .hint("name one: --relay ADDR --relay-token-file FILE, or [[relays]] in the settings"));
        }
        config::check_tokens(&typed)?;
        let wanted = match self.path {
            Allowed::Auto | Allowed::Relay => true,
            Allowed::Direct | Allowed::User | Allowed::Symmetric => false,
        };
        if consent == config::Consent::Never && self.path == Allowed::Relay {
            return Err(Failure::usage("--path relay needs a relay, and --relay-consent never allows none"));
        }
        if !wanted || consent == config::Consent::Never {
            return Ok(Relays::default());
        }
        if places.any(Location::is_local) {
            return self.relays.to_reach_servers(configured, consent);
        }
        config::check_tokens(&all)?;
        Ok(all)
    }
}

#[cfg(test)]
mod tests {
    use super::super::places::locations;
    use super::*;
    use crate::config::Relay;
    use crate::failure::Kind;
    use clap::Parser;
    use ftp_proto::relay::token::Token;
    use std::ffi::OsString;
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        transfer: PathArgs,
    }

    const EDGE: &str = "192.0.2.9:2190";

    /// The relays that may be used between `places`, with one of the settings if `configured`; `TOKEN` is a
    /// good token file.
    fn relays(words: &str, configured: bool, places: &str) -> Result<Vec<String>, Failure> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("token");
        write(&file, Token::new("ann", None, [7; 32]).unwrap().line().as_str()).unwrap();
        set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let words = words.replace("TOKEN", file.to_str().unwrap());
        let typed = Typed::try_parse_from(["copy"].into_iter().chain(words.split_whitespace())).unwrap();
        let edge = configured.then(|| Relay::unnamed(EDGE.parse().unwrap(), file));
        let places: Vec<OsString> = places.split_whitespace().map(OsString::from).collect();
        let consent = typed.transfer.relays.consent(config::Consent::default());
        let places = locations(&places, &crate::place::Names::default()).unwrap();
        let relays = typed.transfer.relays(&edge.into_iter().collect(), consent, places.iter())?;
        Ok(relays.iter().map(|relay| relay.name.clone()).collect())
    }

    #[test]
    fn typed_relays_come_before_those_of_the_settings() {
        const SERVERS: &str = "ftp://127.0.0.2/a ftp://127.0.0.3/b";
        const TYPED: &str = "--relay h:1 --relay-token-file TOKEN --relay h:2 --relay-token-file TOKEN";
        let check = |words: &str, configured, places, expect: &[&str]| {
            assert_eq!(relays(words, configured, places).unwrap(), expect, "{words}");
        };
        check("", false, SERVERS, &[]);
        check("", true, SERVERS, &[EDGE]);
        check(TYPED, false, SERVERS, &["h:1", "h:2"]);
        check(TYPED, true, SERVERS, &["h:1", "h:2", EDGE]);
        check("--path relay", true, SERVERS, &[EDGE]);
        check("--path direct", true, SERVERS, &[]);
        check("--path user", true, SERVERS, &[]);
        check("", true, "ftp://127.0.0.2/a ./b", &[EDGE]);
        check(TYPED, true, "./b ftp://127.0.0.2/a", &["h:1", "h:2", EDGE]);
        check("--path user", true, "ftp://127.0.0.2/a ./b", &[]);
        check("--relay-consent never", true, "ftp://127.0.0.2/a ./b", &[]);
        let asked = format!("{TYPED} --relay-consent ask");
        check(&asked, true, "ftp://127.0.0.2/a ./b", &["h:1", "h:2"]);
        check(&asked, true, SERVERS, &["h:1", "h:2", EDGE]);
    }

    #[test]
    fn a_path_between_servers_is_refused_for_a_place_of_this_host() {
        let check = |words: &str, places: &str, refused| {
            let typed = Typed::try_parse_from(["copy"].into_iter().chain(words.split_whitespace())).unwrap();
            let places: Vec<OsString> = places.split_whitespace().map(OsString::from).collect();
            let checked = typed
                .transfer
                .refuse_local(locations(&places, &crate::place::Names::default()).unwrap().iter());
            assert_eq!(
                checked.is_err_and(|failure| failure.kind == Kind::Usage),
                refused,
                "{words} {places:?}"
            );
        };
        for path in ["direct", "relay", "symmetric"] {
            check(&format!("--path {path}"), "ftp://127.0.0.2/a ./b", true);
            check(&format!("--path {path}"), "./a ftp://127.0.0.2/b", true);
            check(&format!("--path {path}"), "ftp://127.0.0.2/a ftp://127.0.0.3/b", false);
        }
        check("--path user", "./a ftp://127.0.0.2/b", false);
        check("", "./a ftp://127.0.0.2/b", false);
    }

    #[test]
    fn relays_that_cannot_be_used_are_a_usage_error_that_says_why() {
        const SERVERS: &str = "ftp://127.0.0.2/a ftp://127.0.0.3/b";
        let check = |words: &str, expect: &str| {
            let failure = relays(words, false, SERVERS).unwrap_err();
            assert_eq!(failure.kind, Kind::Usage, "{failure}");
            assert!(failure.to_string().contains(expect), "{failure}");
        };
        check("--relay h:1", "1 --relay and 0 --relay-token-file");
        check("--relay-token-file TOKEN", "0 --relay and 1 --relay-token-file");
        check(
            "--relay h:1 --relay-token-file TOKEN --relay h:2",
            "one --relay-token-file FILE for each --relay ADDR",
        );
        check("--path relay", "--relay ADDR --relay-token-file FILE");
        check("--relay h:1 --relay-token-file TOKEN.none", "the relay h:1 cannot be used");
    }
}
