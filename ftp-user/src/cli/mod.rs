//! The verbs: what was typed, one file per verb, and how the program ends.

mod append;
mod asked;
mod cat;
mod conceal;
mod copy;
mod defaults;
mod doctor;
mod exit;
mod generate;
mod jobs;
mod later;
mod list;
mod ls;
mod names;
mod outputs;
mod pages;
mod password_sources;
mod passwords;
mod places;
mod probe;
mod program;
mod relays;
mod shell;
mod site_limits;
mod sites;
mod sync;
mod transfer;
mod trees;
mod trust;
mod verb;
mod waits;
mod why;

pub use conceal::arguments;
pub use exit::{code, meaning, number};
pub use pages::PAGES;
pub use program::main;

use self::passwords::{Answers, Passwords};
use self::verb::Verb;
use crate::action::Grouping;
use crate::config::{self, DefaultKeys, Settings};
use crate::context::{
    self, Cancel, Context, ListedDirectories, ListingLimit, Patience, Run, Store, TypedOptions,
    UnknownCertificates,
};
use crate::failure::{Failure, Kind};
use crate::id::JobId;
use crate::job::Status;
use crate::journal::as_text;
use crate::place::Proxy;
use crate::report::{Event, Exits, Reporter, Style, complaint};
use crate::state::{self, OwnFiles};
use crate::world::World;
use asked::{Asked, Purpose, READ_WORDS, Start, check_state};
use clap::{ArgAction, Args, CommandFactory, Parser, ValueEnum};
use ftp_io::program::output;
use ftp_proto::address::Family;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use std::ffi::OsString;
use std::io::{self, IsTerminal, Write};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use trust::TrustArgs;
use waits::Waits;

/// Copies files and trees straight from one FTP server to another.
///
/// A place is ftp://user:password@host:port/path or a local path (./a:b when a name has a colon). In
/// a URL the path is relative to the login directory; // or %2F makes it absolute. Between two servers
/// the bytes go from server to server; with a local path this program is one end.
#[derive(Debug, Parser)]
#[command(name = "ftp-user", version, max_term_width = 100, infer_subcommands = false)]
pub struct Cli {
    #[command(flatten, next_help_heading = "General options")]
    general: General,
    #[command(flatten, next_help_heading = "Certificates of servers")]
    trust: TrustArgs,
    #[command(subcommand)]
    verb: Verb,
    /// The options that were typed, as the journal keeps them of a job.
    #[arg(skip)]
    typed: Map<String, Value>,
}

/// The options of every verb. Those that say how one run is shown are not kept of a job.
#[derive(Args, Clone, Debug, Default, Deserialize, Serialize)]
#[serde(default)]
struct General {
    /// One JSON object per line on standard output
    #[arg(long, global = true)]
    #[serde(skip)]
    json: bool,
    /// Settings (default: $FTP_USER_CONFIG, else ftp-user/config.toml in $XDG_CONFIG_HOME or ~/.config)
    #[arg(long, global = true, value_name = "FILE")]
    #[serde(with = "as_text")]
    config: Option<PathBuf>,
    /// What is kept between runs (default: $FTP_USER_STATE, else ftp-user in $XDG_STATE_HOME or ~/.local/state)
    #[arg(long, global = true, value_name = "DIR")]
    #[serde(skip)]
    state: Option<PathBuf>,
    /// The password of the one server that lacks one: the only line of a file that only you can read (mode 0600).
    /// Without it $FTP_USER_PASSWORD is taken, else you are asked at the terminal
    #[arg(long, global = true, value_name = "FILE")]
    #[serde(with = "as_text")]
    password_file: Option<PathBuf>,
    /// Write the dialogue with both servers side by side, secrets removed
    #[arg(long, global = true, value_name = "FILE")]
    #[serde(skip)]
    trace: Option<PathBuf>,
    /// Colour on standard error
    #[arg(long, global = true, value_enum, default_value_t = When::Auto, value_name = "WHEN")]
    #[serde(skip)]
    color: When,
    /// A progress bar on standard error
    #[arg(long, global = true, value_enum, default_value_t = When::Auto, value_name = "WHEN")]
    #[serde(skip)]
    progress: When,
    /// Say more about what happens
    #[arg(short, long, global = true, action = ArgAction::SetTrue, overrides_with = "verbose")]
    #[serde(skip)]
    verbose: bool,
    /// Say only what failed
    #[arg(short, long, global = true, overrides_with = "quiet", conflicts_with = "verbose")]
    #[serde(skip)]
    quiet: bool,
    /// Connect through this SOCKS5 proxy: socks5://[USER:PASSWORD@]HOST:PORT
    #[arg(long, global = true, value_name = "URL")]
    #[serde(with = "as_text")]
    proxy: Option<Proxy>,
    /// Use IPv4 only
    #[arg(short = '4', global = true, conflicts_with = "v6")]
    v4: bool,
    /// Use IPv6 only
    #[arg(short = '6', global = true)]
    v6: bool,
    #[command(flatten)]
    #[serde(flatten)]
    waits: Waits,
    /// The same as it was typed, without defaults.
    #[arg(skip)]
    #[serde(skip)]
    typed: Waits,
    #[arg(skip)]
    #[serde(skip)]
    hands: Hands,
}

/// Who carries a command out, besides the command line: the shell.
#[derive(Clone, Debug, Default)]
struct Hands {
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
}

impl Hands {
    /// Whether nothing but the command line has asked for the command.
    const fn is_command_line(&self) -> bool {
        self.cancel.is_none() && self.one_job.is_none()
    }

    /// What stops the command.
    fn cancel(&self) -> Result<Cancel, Failure> {
        self.cancel.clone().map_or_else(watch_signals, Ok)
    }
}

/// The values of `--color` and `--progress`.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default, ValueEnum)]
enum When {
    #[default]
    Auto,
    Always,
    Never,
}

impl Cli {
    /// Does what was typed. `words` are its arguments.
    pub async fn run(self, words: &[OsString]) -> Status {
        if let Verb::Shell(args) = self.verb {
            return Box::pin(self.general.shell(self.trust, words, args)).await;
        }
        Box::pin(self.run_verb(words)).await
    }

    /// Carries out a verb that is about the program itself, before anything is started for the others: a shell waits for it at
    /// each press of Tab. What is not such a verb comes back.
    #[expect(clippy::wildcard_enum_match_arm, reason = "every other verb comes back")]
    pub(super) fn about_itself(self) -> Result<Status, Box<Self>> {
        let names = generate::NamesOfLine {
            settings: self.general.config.clone(),
            state: self.general.state.clone(),
        };
        let color = self.general.color;
        match self.verb {
            Verb::Completions(args) => {
                Ok(status_of(color, generate::completions(Self::command(), names, args)))
            }
            Verb::Man(args) => Ok(status_of(color, generate::man(Self::command(), args))),
            verb => Err(Box::new(Self { verb, ..self })),
        }
    }

    /// The same for every verb but the shell, which carries them out by this.
    async fn run_verb(self, words: &[OsString]) -> Status {
        let color = self.general.color;
        if let Verb::Resume(args) = &self.verb {
            return status_of(color, Box::pin(self.general.resume(&self.trust, args)).await);
        }
        if let Verb::Retry(args) = &self.verb {
            return status_of(color, Box::pin(self.general.retry(&self.trust, args)).await);
        }
        if let Verb::Cancel(args) = &self.verb {
            return status_of(color, Box::pin(self.general.cancel(&self.trust, args)).await);
        }
        if let Verb::Jobs(args) = &self.verb {
            return status_of(color, Box::pin(self.general.list(&self.trust, args)).await);
        }
        let answers = self.general.hands.answers.clone();
        Box::pin(self.perform(Start::Typed(words), &answers)).await
    }

    /// Does what was asked for, now or in an earlier run.
    async fn perform(self, start: Start<'_>, answers: &Answers) -> Status {
        let Self { general, trust, verb, typed: options } = match self.about_itself() {
            Ok(done) => return done,
            Err(cli) => *cli,
        };
        let color = general.color;
        let (password_file, hands) = (general.password_file.clone(), general.hands.clone());
        let (grouping, here) = (hands.grouping, hands.here.as_deref());
        let site_options = general.of_site(&trust);
        let kept = general.kept();
        let settings = if verb.needs_no_settings() {
            Ok(Settings::default())
        } else {
            verb.settings(general.config.as_deref(), default_keys)
        };
        let state = general.state.as_deref().filter(|_| matches!(verb, Verb::Jobs(_)));
        let started = check_state(state)
            .and(settings)
            .and_then(|settings| general.start(settings, &trust, verb.writes_a_file()));
        let (context, reporter) = match started {
            Ok(started) => started,
            Err(failure) => return status_of(color, Err(failure)),
        };
        let is_typed =
            matches!(start, Start::Typed(_)) && hands.is_command_line() && !matches!(verb, Verb::Sites(_));
        if let Some((job, dest)) = hands.one_job {
            context.run.events.say(Event::OneJob { job, dest });
        }
        let asked = match start {
            Start::Typed(words) => Asked::typed(verb.name(), options, words, &context.settings.named),
            Start::Kept(asked) => asked,
        };
        let variable = std::env::var_os(passwords::VARIABLE);
        let passwords = Passwords::new(password_file, variable.as_deref(), context.run.cancel.clone());
        let passwords = passwords.with(answers.clone()).typed(is_typed);
        let (context, passwords) = match asked.purpose {
            Purpose::Run => (context, passwords),
            Purpose::GiveUp => (context, passwords.of_destination()),
            Purpose::Show => (context.for_inquiry(), passwords.of_destination().unasked()),
        };
        let done = match verb {
            Verb::Copy(args) => Ok(Box::pin(copy::run(context, &passwords, args, asked)).await),
            Verb::Move(args) => Ok(Box::pin(copy::run_move(context, &passwords, args, asked)).await),
            Verb::Sync(args) => Ok(Box::pin(sync::run(context, &passwords, args, asked)).await),
            Verb::Append(args) => Ok(append::run(context, &passwords, args, asked).await),
            Verb::Ls(args) => args.run(context, &passwords, grouping, here).await,
            Verb::Stat(args) => args.run(context, &passwords).await,
            Verb::Cat(args) => cat::run(context, &passwords, args).await,
            Verb::Tree(args) => args.run(context, &passwords, grouping).await,
            Verb::Mkdir(args) => args.run(context, &passwords).await,
            Verb::Rm(args) => Box::pin(args.run(context, &passwords)).await,
            Verb::Mv(args) => args.run(context, &passwords).await,
            Verb::Hash(args) => args.run(context, &passwords, here).await,
            Verb::Probe(args) => probe::run(context, &passwords, args).await,
            Verb::Why(args) => why::run(context, args).await,
            // They ask for others, or are done.
            Verb::Resume(_)
            | Verb::Retry(_)
            | Verb::Cancel(_)
            | Verb::Jobs(_)
            | Verb::Completions(_)
            | Verb::Man(_) => Ok(Status::Done),
            Verb::Shell(_) => Err(Failure::usage("this is a shell already").hint("leave shell out")),
            Verb::Doctor(args) => doctor::run(context, kept, args).await,
            Verb::Sites(args) => sites::run(context, &passwords, site_options, args).await,
        };
        let told = reporter.finish().await;
        status_of(color, done.and_then(|exit| told.map(|()| exit)))
    }
}

impl General {
    /// Where things are kept.
    fn kept(&self) -> doctor::Kept {
        let settings = config::settings_file(self.config.as_deref());
        doctor::Kept { settings, state: state::directory(self.state.clone()), keys: default_keys }
    }

    /// What this program needs itself.
    fn own_files(&self) -> OwnFiles {
        let settings = config::settings_file(self.config.as_deref());
        let secrets = settings.as_deref().map(config::secrets_directory);
        let state = state::directory(self.state.clone());
        OwnFiles::new(settings.as_deref(), secrets.as_deref(), state.as_deref())
    }

    /// What is stored with a site that is added or edited.
    fn of_site(&self, trust: &TrustArgs) -> sites::StoredOptions {
        sites::StoredOptions {
            file: config::settings_file(self.config.as_deref()),
            password_file: self.password_file.clone(),
            proxy: self.proxy.clone(),
            ..trust.of_site()
        }
    }

    /// How events are shown.
    fn style(&self) -> Style {
        let wanted = |when, terminal| match when {
            When::Auto => terminal,
            When::Always => true,
            When::Never => false,
        };
        Style {
            json: self.json,
            to_stderr: false,
            quiet: self.quiet,
            verbose: self.verbose,
            color: colored(self.color),
            screen: outputs::screen(colored(self.color), self.color == When::Always),
            progress: !self.json && !self.quiet && wanted(self.progress, io::stderr().is_terminal()),
            exits: Exits { of_kind: exit::of_kind, partly: number(Status::Partly) },
        }
    }

    /// Creates the context and starts the reporter.
    fn start(
        self,
        settings: Settings,
        trust: &TrustArgs,
        writes_a_file: bool,
    ) -> Result<(Context, Reporter), Failure> {
        let whom = trust.whom()?;
        let unknown = trust.unknown(settings.trust);
        let typed = TypedOptions { trust: trust.is_typed(), proxy: self.proxy.is_some() };
        let trace = self.trace.as_deref().map(outputs::create_trace).transpose()?;
        let style = Style { to_stderr: writes_a_file, ..self.style() };
        let (events, reporter) = Reporter::start(style, trace);
        let cancel = self.hands.cancel()?;
        let family = match (self.v4, self.v6) {
            (true, _) => Some(Family::V4),
            (_, true) => Some(Family::V6),
            (false, false) => None,
        };
        let patience = Patience {
            reply: self.waits.timeout.unwrap_or(PATIENCE),
            stall: self.waits.stall.unwrap_or(PATIENCE),
            unseen: self.waits.unseen,
            retries: self.waits.retries.unwrap_or(RETRIES),
            // A default is no wish to wait for this server.
            first_retries: self.typed.retries.unwrap_or(0),
        };
        let relay_consent = settings.consent.unwrap_or_default();
        let mut run = Run {
            relays: settings.relays.without_question(relay_consent),
            own_files: self.own_files(),
            ..Run::new(events, cancel)
        };
        let settings = context::Settings {
            patience,
            family,
            proxy: self.proxy.or(settings.proxy).map(Arc::new),
            known_relays: settings.relays,
            relay_consent,
            race: true,
            clear_data: false,
            takes_tls: !trust.no_tls,
            demands_tls: false,
            trust: whom,
            unknown: UnknownCertificates::new(unknown),
            named: settings.sites,
            typed,
            listing: ListingLimit::default(),
            limit: None,
        };
        let store = Store::at(state::directory(self.state), READ_WORDS);
        run.listed = self.hands.listed;
        Ok((Context { world: World::real(), store, settings, run }, reporter))
    }
}

/// The keys of `[defaults]` of the settings.
pub fn default_keys() -> DefaultKeys {
    defaults::keys_of(&Cli::command())
}

/// The first signal asks for an orderly end, the second ends at once. A terminal that is closed counts as a signal.
fn watch_signals() -> Result<Cancel, Failure> {
    let mut signals = ftp_io::signal::Stop::new()
        .and_then(ftp_io::signal::Stop::with_hangup)
        .map_err(|error| Failure::new(Kind::Other, format!("cannot watch for signals: {error}")))?;
    let (stop, cancel) = Cancel::new();
    tokio::spawn(async move {
        signals.wait().await;
        let _ = stop.send(true);
        signals.wait().await;
        std::process::exit(exit::INTERRUPTED.into());
    });
    Ok(cancel)
}

fn colored(when: When) -> bool {
    match when {
        When::Always => true,
        When::Never => false,
        When::Auto => output::is_coloured(),
    }
}

/// The status of a verb that has ended. A failure is printed.
fn status_of(color: When, done: Result<Status, Failure>) -> Status {
    done.unwrap_or_else(|failure| {
        print_failure(&failure, colored(color));
        Status::Failed(failure.kind)
    })
}

/// Prints a failure on one line of standard error. Errors of that write are ignored.
pub(crate) fn print_failure(failure: &Failure, color: bool) {
    let _ = writeln!(io::stderr().lock(), "{} {failure}", complaint(color));
}

/// The default of `--timeout` and `--stall`.
const PATIENCE: Duration = Duration::from_secs(60);
/// The default of `--retries`.
const RETRIES: u32 = 5;

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_command_line_is_well_formed() {
        Cli::command().debug_assert();
    }

    #[test]
    fn general_options_stand_before_or_after_the_verb() {
        let check = |args: &[&str]| {
            let cli = Cli::try_parse_from(args).unwrap();
            assert!(cli.general.json, "{args:?}");
            assert_eq!(cli.general.waits.timeout, Some(Duration::from_secs(5)), "{args:?}");
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
