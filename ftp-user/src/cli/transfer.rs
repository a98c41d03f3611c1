//! The options that copy and append have in common: paths, relays and limits, those of sites too.

use super::passwords::Passwords;
use crate::config::{Consent, Relay, RelayAddress, Relays, Settings, check_tokens};
use crate::context::{Context, RateLimit};
use crate::failure::{Failure, Kind, Result};
use crate::job::{InPlace, Job, JobCount, Mode, Options, Overwrite, Verify, Work};
use crate::journal::as_text;
use crate::ladder::Allowed;
use crate::place::{Location, SiteLimits, smaller};
use clap::Args;
use ftp_io::program::size;
use ftp_io::program::terminal::Terminal;
use serde::{Deserialize, Serialize};
use std::ffi::OsString;
use std::num::{NonZeroU64, NonZeroUsize};
use std::path::PathBuf;
use std::sync::Arc;

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
    /// Move no more bytes per second, in all: 500KB, 2M
    ///
    /// Servers that know RATE keep to it themselves; the bytes of others pass this host.
    #[arg(long, value_name = "RATE", value_parser = size::parse_rate)]
    limit: Option<NonZeroU64>,
    /// Print what would be done; nothing is changed
    #[arg(short = 'n', long)]
    dry_run: bool,
    /// The same, with the path, why it is taken, and what else there is
    ///
    /// Nothing is changed.
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
    /// Whether a person is to be asked about relays.
    pub(super) fn asks_for_relays(&self) -> bool {
        self.paths.relays.relay_consent == Some(Consent::Ask)
    }

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
    pub(super) fn detached(&self) -> Result<Self> {
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

    /// Checks that the relays between these places can be used with these settings, where nobody can be asked. What no settings can
    /// put right is no fault of them: the run tells it.
    ///
    /// # Errors
    ///
    /// `--path relay`, and the settings have or permit none, or the token of one of theirs cannot be read.
    pub(super) fn check_relays(&self, settings: &Settings, places: &[Location]) -> Result<()> {
        let typed = &self.paths.relays;
        let forbids = match typed.relay_consent {
            Some(Consent::Never | Consent::Ask) => self.paths.path == Allowed::Relay,
            Some(Consent::Own | Consent::Any) | None => false,
        };
        if forbids || typed.typed().and_then(|typed| check_tokens(&typed)).is_err() {
            return Ok(());
        }
        let consent = typed.consent(settings.consent.unwrap_or_default());
        self.paths.relays(&settings.relays, consent, places.iter())?;
        if self.paths.path == Allowed::Relay && consent == Consent::Ask {
            return Err(none_is_permitted());
        }
        Ok(())
    }

    /// Sets in `context` what the job may use.
    pub(super) async fn apply(&self, context: &mut Context, job: &Job) -> Result<()> {
        context.settings.race = (self.race || !self.no_race) && !forbids_race(job);
        // Where the number is found by itself, a server without shared rates gets one file at a time.
        let most = match job.options.jobs.wanted {
            JobCount::Auto => NonZeroUsize::MIN,
            JobCount::Exactly(_) => job.options.jobs.most(),
        };
        let limit = rate_limit(job.work.places(), self.limit);
        if let Some(rate) = self.limit.filter(|rate| rate.get() < 1_000) {
            let text = format!("--limit {rate} is {rate} bytes per second; megabytes are {rate}MB");
            context.run.events.warn(text);
        }
        let limit = limit.map(|rate| RateLimit::new(rate, most, context.world));
        context.settings.limit = limit.transpose()?.map(Arc::new);
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
    ) -> Result<()> {
        self.refuse_local(places())?;
        context.settings.clear_data = self.allow_clear_data;
        let consent = self.relays.consent(context.settings.relay_consent);
        let relays = self.relays(&context.settings.known_relays, consent, places())?;
        context.run.relays = permitted(context, relays, consent).await?;
        if self.path == Allowed::Relay && context.run.relays.is_empty() {
            return Err(none_is_permitted());
        }
        Ok(())
    }

    /// Refuses a place of this host if the path must lie between two servers.
    fn refuse_local<'a>(&self, mut places: impl Iterator<Item = &'a Location>) -> Result<()> {
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
        consent: Consent,
        mut places: impl Iterator<Item = &'a Location>,
    ) -> Result<Relays> {
        let typed = self.relays.typed()?;
        let all: Relays = typed.iter().chain(configured.iter()).cloned().collect();
        if self.path == Allowed::Relay && all.is_empty() {
            return Err(Failure::usage("--path relay, and no relay is known")
                .hint("name one: --relay ADDR --relay-token-file FILE, or [[relays]] in the settings"));
        }
        check_tokens(&typed)?;
        let wanted = match self.path {
            Allowed::Auto | Allowed::Relay => true,
            Allowed::Direct | Allowed::User | Allowed::Symmetric => false,
        };
        if consent == Consent::Never && self.path == Allowed::Relay {
            return Err(Failure::usage("--path relay needs a relay, and --relay-consent never allows none"));
        }
        if !wanted || consent == Consent::Never {
            return Ok(Relays::default());
        }
        if places.any(Location::is_local) {
            return self.relays.to_reach_servers(configured, consent);
        }
        check_tokens(&all)?;
        Ok(all)
    }
}

/// The failure of `--path relay` if data may pass no relay.
fn none_is_permitted() -> Failure {
    Failure::new(Kind::NoPath, "--path relay, and no relay is permitted")
        .hint("say yes at a terminal, or permit those that you have named: --relay-consent own")
}

/// What all sites of these places allow.
fn limits_of<'a>(places: impl Iterator<Item = &'a Location>) -> SiteLimits {
    let mut all = SiteLimits::default();
    for named in places.filter_map(Location::site).filter_map(|site| site.named.as_ref()) {
        all.rate = smaller(all.rate, named.limits.rate);
        all.jobs = smaller(all.jobs, named.limits.jobs);
        all.sessions = smaller(all.sessions, named.limits.sessions);
    }
    all
}

/// The rate between these places if this one was asked for.
pub(super) fn rate_limit<'a>(
    places: impl Iterator<Item = &'a Location>,
    asked: Option<NonZeroU64>,
) -> Option<NonZeroU64> {
    smaller(limits_of(places).rate, asked)
}

/// The same job with no more files at the same time than its sites allow. Each file needs a session, and the listing of a
/// tree one more.
pub(super) fn narrowed(mut job: Job) -> Job {
    let limits = limits_of(job.work.places());
    let by_sessions = limits
        .sessions
        .map(|most| NonZeroUsize::new(most.get().saturating_sub(1)).unwrap_or(NonZeroUsize::MIN));
    if let Some(most) = [limits.jobs, by_sessions].into_iter().flatten().min() {
        job.options.jobs = job.options.jobs.limited(most);
    }
    job
}

/// Whether a site has too few sessions for candidates beside each other.
fn forbids_race(job: &Job) -> bool {
    limits_of(job.work.places()).sessions.is_some_and(|most| most.get() < ENOUGH_TO_RACE)
}

/// A race has up to six sessions with each server; one more lists, and one looks how large a file has become.
const ENOUGH_TO_RACE: usize = 8;

/// Options that name relays.
#[derive(Args, Clone, Debug, Deserialize, Serialize)]
pub(super) struct RelayArgs {
    /// A relay agent or a hub to use, before those of the settings: HOST:PORT, or unix:/PATH for one of this host; repeatable
    #[arg(long, value_name = "ADDR")]
    #[serde(with = "as_text")]
    relay: Vec<RelayAddress>,
    /// File with the relay's token (mode 0600), once for each --relay
    #[arg(long, value_name = "FILE")]
    #[serde(with = "as_text")]
    relay_token_file: Vec<PathBuf>,
    /// Which relays data may pass: none, those for which you say yes at the terminal, or those that this command line
    /// and the settings name; default: [relay] consent of the settings, else own
    #[arg(long, value_enum, value_name = "WHO")]
    relay_consent: Option<Consent>,
}

impl RelayArgs {
    /// The consent of the command line, or else of the settings.
    pub(super) fn consent(&self, settings: Consent) -> Consent {
        self.relay_consent.unwrap_or(settings)
    }

    /// The relays of the command line.
    pub(super) fn typed(&self) -> Result<Relays> {
        let (relays, files) = (self.relay.len(), self.relay_token_file.len());
        if relays != files {
            return Err(Failure::usage(format!("{relays} --relay and {files} --relay-token-file"))
                .hint("give one --relay-token-file FILE for each --relay ADDR, in the same order"));
        }
        let pairs = self.relay.iter().cloned().zip(self.relay_token_file.iter().cloned());
        Ok(pairs.map(|(address, file)| Relay::unnamed(address, file)).collect())
    }

    /// The relays through which servers may be reached from this host. Those of the settings are looked at when they are
    /// needed. A person is asked about those of the command line only, because most servers answer without a relay.
    pub(super) fn to_reach_servers(&self, configured: &Relays, consent: Consent) -> Result<Relays> {
        let typed = self.typed()?;
        check_tokens(&typed)?;
        Ok(match consent {
            Consent::Never => Relays::default(),
            Consent::Ask => typed,
            Consent::Own | Consent::Any => typed.iter().chain(configured.iter()).cloned().collect(),
        })
    }

    /// The places of a verb with their passwords. Sets in `context` through which relays their servers may be reached.
    ///
    /// # Errors
    ///
    /// A place or a relay of the command line cannot be used, or the person has interrupted the run.
    pub(super) async fn locations(
        &self,
        context: &mut Context,
        passwords: &Passwords,
        places: &[OsString],
    ) -> Result<Vec<Location>> {
        let locations = passwords.locations(context, places).await?;
        self.apply(context).await?;
        Ok(locations)
    }

    /// Sets in `context` through which relays its servers may be reached.
    pub(super) async fn apply(&self, context: &mut Context) -> Result<()> {
        let consent = self.consent(context.settings.relay_consent);
        let relays = self.to_reach_servers(&context.settings.known_relays, consent)?;
        context.run.relays = permitted(context, relays, consent).await?;
        Ok(())
    }
}

/// The relays that may be used. If a person has to be asked, nothing has been sent to any of them yet.
pub(super) async fn permitted(context: &Context, relays: Relays, consent: Consent) -> Result<Relays> {
    if consent != Consent::Ask || relays.is_empty() {
        return Ok(relays);
    }
    let mut permitted = Vec::new();
    for relay in relays.iter() {
        let Some(terminal) = Terminal::open() else {
            context.run.events.warn("--relay-consent ask needs a terminal, so no relay is used");
            break;
        };
        let address = relay.address.to_string();
        let name = if relay.name == address { address } else { format!("{} ({address})", relay.name) };
        let question = format!("May the data pass the relay {name} if there is no direct path?");
        if context.run.cancel.unless_cancelled(terminal.confirm(question)).await? {
            permitted.push(relay.clone());
        }
    }
    Ok(permitted.into())
}

#[cfg(test)]
mod tests {
    use super::super::places::locations;
    use super::super::tests::words;
    use super::*;
    use crate::job::{Jobs, Options};
    use crate::place::tests::location;
    use crate::place::{Place, SiteSettings};
    use clap::Parser;
    use ftp_proto::relay::token::Token;
    use std::fs::{Permissions, set_permissions, write};
    use std::os::unix::fs::PermissionsExt;
    use std::sync::Arc;

    #[derive(Parser)]
    struct Typed {
        #[command(flatten)]
        transfer: PathArgs,
    }

    fn typed(words: &str) -> PathArgs {
        Typed::try_parse_from(["copy"].into_iter().chain(words.split_whitespace())).unwrap().transfer
    }

    fn places(text: &str) -> Vec<Location> {
        locations(&words(text), &crate::place::Names::default()).unwrap()
    }

    const EDGE: &str = "192.0.2.9:2190";

    /// The relays that may be used `between` places, with one of the settings if `configured`; `TOKEN` is a
    /// good token file.
    fn relays(words: &str, configured: bool, between: &str) -> Result<Vec<String>> {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("token");
        write(&file, Token::new("ann", None, [7; 32]).unwrap().line().as_str()).unwrap();
        set_permissions(&file, Permissions::from_mode(0o600)).unwrap();
        let typed = typed(&words.replace("TOKEN", file.to_str().unwrap()));
        let edge = configured.then(|| Relay::unnamed(EDGE.parse().unwrap(), file));
        let consent = typed.relays.consent(Consent::default());
        let relays = typed.relays(&edge.into_iter().collect(), consent, places(between).iter())?;
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
        let check = |words: &str, between: &str, refused| {
            let checked = typed(words).refuse_local(places(between).iter());
            let is_refused = checked.is_err_and(|failure| failure.kind == Kind::Usage);
            assert_eq!(is_refused, refused, "{words} {between}");
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

    fn job(limits: [Option<(u64, usize, usize)>; 2], jobs: Jobs) -> Job {
        let at = |(number, limits): (usize, &Option<(u64, usize, usize)>)| {
            let mut location = location(&format!("ftp://h{number}/{number}"));
            if let (Place::Remote(remote), Some((rate, jobs, sessions))) = (&mut location.place, limits) {
                let number = |number: usize| NonZeroUsize::new(number);
                let limits = SiteLimits {
                    rate: NonZeroU64::new(*rate),
                    jobs: number(*jobs),
                    sessions: number(*sessions),
                };
                remote.site.named = Some(Arc::new(SiteSettings { limits, ..SiteSettings::default() }));
            }
            location
        };
        let [source, destination]: [Location; 2] =
            limits.iter().enumerate().map(at).collect::<Vec<_>>().try_into().unwrap();
        Job::copy(vec![source], destination, Options { jobs, ..Options::default() }).unwrap()
    }

    #[test]
    fn the_smallest_limit_of_a_job_holds() {
        const AUTO: Jobs = Jobs { wanted: JobCount::Auto, site_limit: None };
        let number = |number| NonZeroUsize::new(number).unwrap();
        let exactly = |wanted| Jobs::of(JobCount::Exactly(number(wanted)));
        // The limits of both sites, what is wanted, what becomes of it and whether that is less; the rate likewise.
        for (limits, jobs, most, is_cut, asked, rate) in [
            ([None, None], AUTO, 8, false, 0, 0),
            ([None, None], exactly(9), 9, false, 5, 5),
            ([Some((0, 3, 0)), None], AUTO, 3, true, 0, 0),
            ([Some((0, 30, 0)), None], AUTO, 8, false, 0, 0),
            ([Some((0, 30, 0)), Some((0, 4, 0))], exactly(9), 4, true, 0, 0),
            ([Some((0, 0, 3)), None], exactly(9), 2, true, 0, 0),
            ([Some((0, 0, 3)), None], exactly(2), 2, false, 0, 0),
            ([Some((5, 0, 0)), None], AUTO, 8, false, 7, 5),
            ([Some((5, 0, 0)), Some((4, 0, 0))], exactly(2), 2, false, 3, 3),
        ] {
            let job = narrowed(job(limits, jobs));
            let found = job.options.jobs;
            assert_eq!((found.most(), found.is_cut()), (number(most), is_cut), "{limits:?}");
            assert_eq!(found.wanted, jobs.wanted, "{limits:?}");
            assert_eq!(
                rate_limit(job.work.places(), NonZeroU64::new(asked)),
                NonZeroU64::new(rate),
                "{limits:?}"
            );
        }
        assert!(forbids_race(&job([Some((0, 0, 2)), None], Jobs::default())));
        assert!(!forbids_race(&job([Some((1, 1, 0)), None], Jobs::default())));
    }
}
