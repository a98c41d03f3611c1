//! The verbs: what was typed, one file per verb, and how the program ends.

mod asked;
mod conceal;
mod copy;
mod daemon;
mod doctor;
mod draft;
mod exit;
mod follow;
mod generate;
mod help;
mod job_options;
mod jobs;
mod later;
mod long_lines;
mod ls;
mod names;
mod outputs;
mod passwords;
mod places;
mod program;
mod queue;
mod remote;
mod series;
mod shell;
mod sites;
mod store;
mod transfer;
mod trees;
mod verb;
mod why;

pub use conceal::arguments;
pub use exit::{code, described, number};
pub use generate::PAGES;
pub use program::main;
pub use sites::imported_sites;

use self::passwords::{Answers, Passwords};
use self::verb::{JobVerb, Verb};
use crate::action::Grouping;
use crate::config::{self, Consent, DefaultKeys, Relays, Settings};
use crate::context::{
    self, Cancel, Context, ListedDirectories, ListingLimit, Patience, Run, TypedOptions, UnknownCertificates,
};
use crate::failure::{Failure, FtpUser, Kind, Result};
use crate::id::JobId;
use crate::job::Status;
use crate::journal::{SharedDocuments, StoreUrl};
use crate::queue::JobsAtOnce;
use crate::report::{Event, Exits, Listener, Output, Reporter, Style, complaint};
use crate::state::{self, OwnFiles};
use crate::world::World;
use asked::{AskedJob, JobPurpose, Start};
use clap::{ArgAction, Args, ColorChoice as When, CommandFactory, Parser};
use ftp_io::program::output;
use ftp_io::program::secret::without_password;
use ftp_io::signal::Stop;
use ftp_io::simulated;
use ftp_proto::address::Family;
use job_options::{JobOptions, TrustArgs};
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

/// Copies files and trees straight from one FTP server to another.
///
/// A place is ftp://user:password@host:port/path or a local path (./a:b when a name has a colon). In
/// a URL the path is relative to the login directory; // or %2F makes it absolute. Between two servers
/// the bytes go from server to server; with a local path this program is one end.
#[derive(Debug, Parser)]
#[command(
    name = "ftp-user",
    version,
    max_term_width = 100,
    infer_subcommands = false,
    mut_args(|arg| arg.hide_short_help(true).hide_long_help(true)), // help options shows them
    mut_subcommands(help::screen)
)]
pub struct Cli {
    #[command(flatten, next_help_heading = "General options")]
    general: General,
    #[command(subcommand)]
    verb: Verb,
    /// The options that were typed, as the journal keeps them of a job.
    #[arg(skip)]
    typed: Map<String, Value>,
}

/// The options of every verb. Those that say how one run is shown are not kept of a job.
#[derive(Args, Clone, Debug, Default)]
struct General {
    /// One JSON object per line on standard output
    #[arg(long, global = true)]
    json: bool,
    /// What is kept between runs (default: $FTP_USER_STATE, else ftp-user in $XDG_STATE_HOME or ~/.local/state)
    #[arg(long, global = true, value_name = "DIR")]
    state: Option<PathBuf>,
    /// The database that has the jobs: postgres://USER@HOST/DB (default: store in [daemon], else the state directory)
    #[arg(long, global = true, value_name = "URL", env = "FTP_USER_STORE", hide_short_help = true)]
    store: Option<StoreUrl>,
    /// Whether `store` stands on the command line.
    #[arg(skip)]
    is_store_typed: bool,
    /// The file of the password of --store (default: $PGPASSFILE, else ~/.pgpass)
    #[arg(long, global = true, value_name = "FILE", requires = "store", hide_short_help = true, value_hint = clap::ValueHint::FilePath)]
    store_password_file: Option<PathBuf>,
    /// Write the dialogue with both servers side by side, secrets removed
    #[arg(long, global = true, value_name = "FILE")]
    trace: Option<PathBuf>,
    /// Colour on standard error
    #[arg(long, global = true, value_enum, default_value_t = When::Auto, value_name = "WHEN")]
    color: When,
    /// A progress bar on standard error
    #[arg(long, global = true, value_enum, default_value_t = When::Auto, value_name = "WHEN")]
    progress: When,
    /// Say more about what happens
    #[arg(short, long, global = true, action = ArgAction::SetTrue, overrides_with = "verbose")]
    verbose: bool,
    /// Say only what failed
    #[arg(short, long, global = true, overrides_with = "quiet", conflicts_with = "verbose")]
    quiet: bool,
    #[command(flatten)]
    job: JobOptions,
    #[command(flatten, next_help_heading = "Certificates of servers")]
    trust: TrustArgs,
    /// Those of a job as they were typed, without defaults.
    #[arg(skip)]
    typed: JobOptions,
    #[arg(skip)]
    hands: ShellSession,
}

/// Who carries a command out, besides the command line: the shell, or a daemon.
#[derive(Clone, Debug, Default)]
struct ShellSession {
    /// What stops the command. Without it, signals do.
    cancel: Option<Cancel>,
    /// The passwords that were typed before.
    answers: Answers,
    /// Who wants to know what directories held.
    listed: ListedDirectories,
    /// How directories of several components are listed.
    grouping: Grouping,
    /// Where the shell is, as the command line reads it; nothing if that is the directory of this program.
    here: Option<OsString>,
    /// Which of several jobs this is, and its destination; nothing if it is the only one.
    one_job: Option<(JobId, String)>,
    /// Who reads the events of a job of the queue: nobody is at a terminal who could answer a question.
    unattended: Option<Listener>,
    /// How many jobs of the queue are carried at the same time, if this is one of them.
    at_once: Option<JobsAtOnce>,
    /// What several hosts remember together: all jobs of a daemon share a connection with it.
    memory: Option<SharedDocuments>,
}

impl ShellSession {
    /// What stops the command.
    fn cancel(&self) -> Result<Cancel> {
        self.cancel.clone().map_or_else(watch_signals, Ok)
    }
}

/// Does what a command line asks for, the name of the program first, within a scheduler that runs already. Returns the exit
/// status.
pub async fn run(arguments: Vec<OsString>) -> u8 {
    let words = arguments.get(1..).unwrap_or_default().to_vec();
    let status = match program::read(arguments) {
        Ok(cli) => Box::pin(cli.run(&words)).await,
        Err(status) => status,
    };
    number(status)
}

impl Cli {
    /// Does what was typed. `words` are its arguments.
    pub async fn run(self, words: &[OsString]) -> Status {
        if let Err(failure) = self.general.refuse_url_as_state() {
            return self.general.status_of(Err(failure), false);
        }
        if let Verb::Shell(args) = self.verb {
            return Box::pin(shell::run(self.general, words, args)).await;
        }
        Box::pin(self.run_verb(words)).await
    }

    /// Carries out a verb that is about the program itself, before anything is started for the others: a shell waits for it at
    /// each press of Tab. `None` if it is another one.
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other verb waits")]
    pub(super) fn about_itself(&self) -> Option<Status> {
        let General { state, job, .. } = &self.general;
        let done = match &self.verb {
            Verb::Completions(args) => {
                let names = generate::NamesOfLine { settings: job.config.clone(), state: state.clone() };
                generate::completions(Self::command(), names, *args)
            }
            Verb::Man(args) => generate::man(Self::command(), args.clone()),
            _ => return None,
        };
        Some(self.general.status_of(done, false))
    }

    /// The same for every verb but the shell, which carries them out by this.
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other verb is performed")]
    async fn run_verb(mut self, words: &[OsString]) -> Status {
        let tells = matches!(self.verb, Verb::Jobs(_) | Verb::Why(_) | Verb::Series(_));
        // A job of the queue is changed in the store. What is carried now needs the settings, and tells of them.
        let changes =
            matches!(self.verb, Verb::Resume(_) | Verb::Retry(_) | Verb::Cancel(_) | Verb::Pause(_));
        if (tells || changes) && self.verb.remote().is_none() {
            match store::despite_settings(self.general.clone(), tells).await {
                Ok(general) => self.general = general,
                Err(failure) => return self.general.status_of(Err(failure), false),
            }
        }
        let Self { general, verb, .. } = &self;
        general.set_options_in_messages();
        let done = match verb {
            verb if let Some(daemon) = verb.remote() => Box::pin(remote::run(&self, daemon, words)).await,
            Verb::Resume(args) => Box::pin(general.resume(args)).await,
            Verb::Retry(args) => Box::pin(general.retry(args)).await,
            Verb::Cancel(args) => Box::pin(general.cancel(args)).await,
            Verb::Jobs(args) => Box::pin(general.list(args)).await,
            Verb::Pause(args) => general.pause(args).await,
            Verb::Series(args) => series::run(general, args).await,
            Verb::Daemon(args) => Box::pin(daemon::run(general, args)).await,
            Verb::Job(job) if job.queue().queue => {
                Box::pin(general.submit(job, self.typed.clone(), words)).await
            }
            _ => return Box::pin(self.perform(Start::Typed(words))).await,
        };
        general.status_of(done, false)
    }

    /// Does what was asked for, now or in an earlier run.
    async fn perform(self, start: Start<'_>) -> Status {
        let Self { general, verb, typed: options } = self;
        let settings = verb.settings(general.job.config.as_deref());
        let writes_a_file = verb.writes_a_file();
        let started = settings.and_then(|settings| general.start(settings, writes_a_file));
        let (context, reporter) = match started {
            Ok(started) => started,
            Err(failure) => return general.status_of(Err(failure), writes_a_file),
        };
        let hands = &general.hands;
        let is_of_shell = hands.cancel.is_some();
        let is_typed = matches!(start, Start::Typed(_)) && !is_of_shell && !matches!(verb, Verb::Sites(_));
        if let Some((job, dest)) = hands.one_job.clone() {
            context.run.events.say(Event::OneJob { job, dest });
        }
        let asked = match start {
            Start::Typed(words) => {
                let name = verb.job().map_or("", JobVerb::name);
                AskedJob::typed(name, options, words, &context.settings.named)
            }
            Start::Kept(asked) => asked,
        };
        let passwords = general.passwords(context.run.cancel.clone(), is_typed);
        let is_shown = asked.purpose == JobPurpose::Show;
        // A move has given its sources other names, which they get back.
        let has_set_aside = asked.purpose == JobPurpose::GiveUp && asked.job.verb == "move";
        let only_destination = asked.purpose != JobPurpose::Run && !has_set_aside;
        let asks = !is_shown && hands.unattended.is_none();
        let passwords = Passwords { only_destination, asks, ..passwords };
        let context = if is_shown { context.for_inquiry() } else { context };
        let done = match verb {
            Verb::Job(job) => Ok(Box::pin(job.run(context, &passwords, asked)).await),
            Verb::Place(verb) => Box::pin(verb.run(context, &passwords, hands)).await,
            Verb::Probe(args) => why::probe(context, &passwords, args).await,
            Verb::Why(args) => why::run(context, &general, args).await,
            // They ask for others, or are done.
            Verb::Resume(_)
            | Verb::Retry(_)
            | Verb::Cancel(_)
            | Verb::Jobs(_)
            | Verb::Pause(_)
            | Verb::Series(_)
            | Verb::Daemon(_)
            | Verb::Completions(_)
            | Verb::Man(_) => Ok(Status::Done),
            Verb::Shell(_) => Err(Failure::usage("this is a shell already")),
            Verb::Doctor(args) => doctor::run(context, &general, args).await,
            Verb::Sites(args) => sites::run(context, &passwords, &general, args).await,
        };
        let told = reporter.finish().await;
        general.status_of(done.and_then(|exit| told.map(|()| exit)), writes_a_file)
    }
}

impl General {
    fn settings_file(&self) -> Option<PathBuf> {
        config::settings_file(self.job.config.as_deref())
    }

    fn state_directory(&self) -> Option<PathBuf> {
        state::directory(self.state.clone())
    }

    /// Refuses a URL for the state directory: people take `--state` for `--store`.
    fn refuse_url_as_state(&self) -> Result<()> {
        let directory = self.state_directory().unwrap_or_default();
        let text = directory.to_string_lossy();
        if !text.contains("://") && !text.starts_with("sqlite:") {
            return Ok(());
        }
        let what = format!("{} is a URL, not a state directory", without_password(&text));
        Err(Failure::usage(what).hint("--store and FTP_USER_STORE take the URL of a store"))
    }

    /// What this program needs itself.
    fn own_files(&self) -> OwnFiles {
        let (settings, state) = (self.settings_file(), self.state_directory());
        let secrets = settings.as_deref().map(config::secrets_directory);
        OwnFiles::new(settings.as_deref(), secrets.as_deref(), state.as_deref())
    }

    /// Where the passwords come from that no URL and no `.netrc` has.
    fn passwords(&self, cancel: Cancel, is_typed: bool) -> Passwords {
        // That of whoever has started a daemon is for no server that somebody else names.
        let is_unattended = self.hands.unattended.is_some();
        let variable = simulated::variable(passwords::VARIABLE).filter(|_| !is_unattended);
        let passwords = Passwords::new(self.job.password_file.clone(), variable.as_deref(), cancel);
        Passwords { answers: self.hands.answers.clone(), is_typed, ..passwords }
    }

    /// Has the commands of messages name the state and the settings that were typed.
    fn set_options_in_messages(&self) {
        let store = self.store.as_ref().map(|store| PathBuf::from(store.to_string()));
        FtpUser::set_options([
            ("--state", self.state.as_deref()),
            ("--store", store.as_deref()),
            ("--config", self.job.config.as_deref()),
        ]);
    }

    /// The exit status of what was done. A failure is printed, for a program as an event.
    fn status_of(&self, done: Result<Status>, writes_a_file: bool) -> Status {
        done.unwrap_or_else(|failure| {
            let style = self.style(writes_a_file);
            let event = style.line_of_failure(&failure);
            // Where the event cannot be written, standard error still says what failed.
            if event.is_none_or(|line| writeln!(style.output(), "{line}").is_err()) {
                print_failure(&failure, style.color);
            }
            Status::Failed(failure.kind)
        })
    }

    /// How events are shown, and where: standard output may receive a file.
    fn style(&self, writes_a_file: bool) -> Style {
        Style {
            json: self.json,
            output: match &self.hands.unattended {
                _ if writes_a_file => Output::Error,
                Some(listener) => Output::Listener(listener.clone()),
                None => Output::Standard,
            },
            quiet: self.quiet,
            verbose: self.verbose,
            color: colored(self.color),
            screen: outputs::screen(colored(self.color), self.color == When::Always),
            progress: !self.json && !self.quiet && is_wanted(self.progress, io::stderr().is_terminal()),
            exits: Exits { of_kind: exit::of_kind, partly: number(Status::Partly) },
        }
    }

    /// Creates the context and starts the reporter.
    fn start(&self, settings: Settings, writes_a_file: bool) -> Result<(Context, Reporter)> {
        let whom = self.trust.whom()?;
        let unknown = self.trust.unknown(settings.trust);
        let typed = TypedOptions { trust: self.trust.trust.is_some(), proxy: self.job.proxy.is_some() };
        let settings = match self.hands.at_once {
            Some(at_once) => settings.for_one_of(at_once),
            None => settings,
        };
        let trace = self.trace.as_deref().map(outputs::create_trace).transpose()?;
        let (events, reporter) = Reporter::start(self.style(writes_a_file), trace);
        let cancel = self.hands.cancel()?;
        let family = match (self.job.v4, self.job.v6) {
            (true, _) => Some(Family::V4),
            (_, true) => Some(Family::V6),
            (false, false) => None,
        };
        let patience = Patience {
            reply: self.job.timeout.unwrap_or(PATIENCE),
            stall: self.job.stall.unwrap_or(PATIENCE),
            unseen: self.job.unseen,
            retries: self.job.retries.unwrap_or(RETRIES),
            // A default is no wish to wait for this server.
            first_retries: self.typed.retries.unwrap_or(0),
        };
        let congestion = settings.congestion.filter(|chosen| match chosen.check() {
            Ok(()) => true,
            Err(error) => {
                events.warn(format!("{error}; data connections use that of the system"));
                false
            }
        });
        let relay_consent = settings.consent.unwrap_or_default();
        let mut run = Run {
            // Nobody was asked yet.
            relays: match relay_consent {
                Consent::Never | Consent::Ask => Relays::default(),
                Consent::Own | Consent::Any => settings.relays.clone(),
            },
            own_files: self.own_files(),
            ..Run::new(events, cancel)
        };
        let settings = context::Settings {
            patience,
            family,
            proxy: self.job.proxy.clone().or(settings.proxy).map(Arc::new),
            known_relays: settings.relays,
            relay_consent,
            race: true,
            clear_data: false,
            takes_tls: !self.trust.no_tls,
            demands_tls: false,
            trust: whom,
            unknown: match self.hands.unattended {
                Some(_) => UnknownCertificates::unasked(unknown),
                None => UnknownCertificates::new(unknown),
            },
            named: settings.sites,
            typed,
            listing: ListingLimit::default(),
            limit: None,
            congestion,
        };
        let store = store::kept(self)?;
        run.listed = self.hands.listed.clone();
        Ok((Context { world: World::real(), store, settings, run }, reporter))
    }
}

/// The keys of `[defaults]` of the settings.
pub fn default_keys() -> DefaultKeys {
    program::keys_of(&Cli::command())
}

fn signals() -> Result<Stop> {
    let signals = Stop::new().and_then(Stop::with_hangup);
    signals.map_err(|error| Failure::new(Kind::Other, format!("cannot watch for signals: {error}")))
}

/// The first signal asks for an orderly end, the second ends at once. A terminal that is closed counts as a signal.
fn watch_signals() -> Result<Cancel> {
    if simulated::host().is_some() {
        // Signals are for the simulation.
        return Ok(Cancel::never());
    }
    let mut signals = signals()?;
    let (stop, cancel) = Cancel::new();
    tokio::spawn(async move {
        signals.wait().await;
        let _ = stop.send(true);
        signals.wait().await;
        std::process::exit(exit::of_kind(Kind::Interrupted).into());
    });
    Ok(cancel)
}

fn colored(when: When) -> bool {
    is_wanted(when, output::is_coloured())
}

/// Whether something is wanted. `auto` is the answer where nobody has chosen.
const fn is_wanted(when: When, auto: bool) -> bool {
    match when {
        When::Auto => auto,
        When::Always => true,
        When::Never => false,
    }
}

/// Prints a failure on one line of standard error. Errors of that write are ignored.
pub(crate) fn print_failure(failure: &Failure, color: bool) {
    let _ = writeln!(output::err(), "{} {failure}", complaint(color));
}

/// The default of `--timeout` and `--stall`.
const PATIENCE: Duration = Duration::from_secs(60);
/// The default of `--retries`.
const RETRIES: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use ftp_io::program::args::Rejected;

    /// The words of a line, which are separated by blanks.
    pub(super) fn words(line: &str) -> Vec<OsString> {
        line.split_whitespace().map(OsString::from).collect()
    }

    /// Reads a command line, without the name of the program, as it was typed.
    pub(super) fn read_typed(line: &str) -> Result<Cli, Rejected> {
        Cli::read_typed([words("ftp-user"), words(line)].concat())
    }

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn a_database_is_no_state_directory() {
        let check =
            |state: &str| General { state: Some(state.into()), ..General::default() }.refuse_url_as_state();
        let refused = check("postgres://ftp:secret@db/ftp").unwrap_err();
        assert!(refused.hint.is_some_and(|hint| hint.contains("--store")));
        assert!(!refused.what.contains("secret"), "{}", refused.what);
        assert!(check("/srv/state:/x").is_ok());
    }

    #[test]
    fn general_options_stand_before_or_after_the_verb() {
        let check = |args: &[&str]| {
            let cli = Cli::try_parse_from(args).unwrap();
            assert!(cli.general.json, "{args:?}");
            assert_eq!(cli.general.job.timeout, Some(Duration::from_secs(5)), "{args:?}");
        };
        check(&["ftp-user", "--json", "--timeout", "5s", "copy", "a", "b"]);
        check(&["ftp-user", "copy", "--json", "a", "b", "--timeout", "5"]);
    }

    #[test]
    fn an_option_that_is_given_twice_is_given() {
        for twice in [["-v", "--verbose"], ["-q", "-q"]] {
            let typed = ["ftp-user"].into_iter().chain(twice).chain(["ls", "ftp://h/"]);
            assert!(Cli::try_parse_from(typed).is_ok(), "{twice:?}");
        }
        assert!(Cli::try_parse_from(["ftp-user", "-q", "-v", "ls", "ftp://h/"]).is_err());
    }

    #[test]
    fn options_have_the_names_that_other_programs_give_them() {
        for options in [["-r", "--dry-run"], ["-R", "-n"], ["--recursive", "-n"]] {
            let typed = ["ftp-user", "copy"].into_iter().chain(options).chain(["ftp://a/x", "ftp://b/y"]);
            let copy = format!("{:?}", Cli::try_parse_from(typed).unwrap());
            assert!(
                copy.contains("recursive: true") && copy.contains("dry_run: true"),
                "{options:?}: {copy}"
            );
        }
    }

    #[test]
    fn options_of_other_verbs_are_refused() {
        for args in
            [&["ftp-user", "shell", "x"][..], &["ftp-user", "copy", "--delete", "a", "b"], &["ftp-user"]]
        {
            assert_eq!(Cli::try_parse_from(args).unwrap_err().exit_code(), 2, "{args:?}");
        }
    }
}
