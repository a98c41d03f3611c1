//! The program: reads the command line with the defaults of the settings, starts the scheduler, ends with the exit status.

use super::later::{elsewhere, hint_of_mistake, later, misplaced, mistyped, negative, page_of};
use super::verb::Verb;
use super::{Cli, General, When, arguments, code, colored, default_keys, help, print_failure};
use crate::config::{self, DefaultKeys, SITE_KEYS, STORE, STORE_PASSWORD_FILE, Settings};
use crate::failure::{Failure, Kind, Result};
use crate::job::Status;
use clap::{Arg, Command, CommandFactory, ValueEnum};
use ftp_io::program::args::{self, Rejected};
use ftp_io::program::completion::{Part, Reader};
use ftp_io::program::output;
use ftp_io::program::runtime::{self, Threads};
use ftp_io::program::settings::{Defaults, KeyOption, can_be_default};
use std::ffi::OsString;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

/// The whole program.
pub fn main() -> ExitCode {
    let arguments = match arguments() {
        Ok(arguments) => arguments,
        Err(failure) => return fail(&failure),
    };
    let words = arguments.get(1..).unwrap_or_default().to_vec();
    let cli = match read(arguments) {
        Ok(cli) => cli,
        Err(status) => return code(status),
    };
    if let Some(status) = cli.about_itself() {
        return code(status);
    }
    match runtime::start(THREADS) {
        Ok(runtime) => {
            let exit = runtime.block_on(cli.run(&words));
            // A blocking read of a dead disk must not keep the program.
            runtime.shutdown_background();
            code(exit)
        }
        Err(error) => fail(&Failure::new(Kind::Other, format!("cannot start the scheduler: {error}"))),
    }
}

/// Reads a command line, the name of the program first, with the defaults of the settings where nothing is typed. Mistakes are
/// reported; --help and --version are answered.
///
/// # Errors
///
/// There is nothing to carry out. The status says whether that is a mistake.
pub(super) fn read(arguments: Vec<OsString>) -> Result<Cli, Status> {
    let words = arguments.get(1..).unwrap_or_default().to_vec();
    if words == ["help", "options"] {
        let _ = write!(output::out(), "{}", help::shared(&Cli::command()));
        return Err(Status::Done);
    }
    let read = Cli::read_typed(arguments.clone()).and_then(|typed| {
        if matches!(typed.verb, Verb::Completions(_) | Verb::Man(_)) {
            return Ok(typed);
        }
        let settings = typed.general.job.config.clone();
        with_defaults(typed, arguments, settings.as_deref())
    });
    read.map_err(|rejected| {
        let told = |word: &str| {
            let meant_elsewhere = later(word, &words).or_else(|| elsewhere(word, &words));
            let meant = meant_elsewhere.or_else(|| misplaced(word, &words));
            meant.or_else(|| mistyped(word, &words)).or_else(|| negative(word, &words))
        };
        // -h among other letters is meant for another program: alone it asks for help.
        let is_meant_elsewhere = !rejected.is_mistake() && words.iter().any(has_h_among_letters);
        let unknown = if is_meant_elsewhere { Some("-h") } else { rejected.unknown() };
        let page = page_of(&words);
        let hint = hint_of_mistake(&rejected, &words);
        let mistake = || Some(Failure::usage(rejected.mistake_seeing(&page)?).hint_if(hint));
        match unknown.and_then(told).or_else(mistake) {
            Some(failure) => {
                print_failure(&failure, colored(typed_color(&words)));
                Status::Failed(failure.kind)
            }
            None => {
                rejected.print("ftp-user");
                if rejected.is_mistake() { Status::Failed(Kind::Usage) } else { Status::Done }
            }
        }
    })
}

/// What stands behind `--color` in a line that could not be read.
fn typed_color(words: &[OsString]) -> When {
    let mut command = Cli::command();
    command.build();
    let mut reader = Reader::at(&command);
    let values = words.iter().filter_map(|word| {
        let word = word.to_string_lossy();
        match reader.read(&word) {
            Part::ValueOf(option, at) if option.get_long() == Some("color") => {
                When::from_str(word.get(at..)?, false).ok()
            }
            Part::ValueOf(..) | Part::Verb(_) | Part::Option(_) | Part::End | Part::Operand(_) => None,
        }
    });
    values.last().unwrap_or(When::Auto)
}

/// Whether a word is several options of one letter, and one of them is `h`.
fn has_h_among_letters(word: &OsString) -> bool {
    let letters = word.to_str().and_then(|word| word.strip_prefix('-')).unwrap_or_default();
    letters.len() > 1 && letters.chars().all(|one| one.is_ascii_alphabetic()) && letters.contains('h')
}

fn fail(failure: &Failure) -> ExitCode {
    print_failure(failure, false);
    code(Status::Failed(failure.kind))
}

const THREADS: Threads = Threads { name: "ftp-user", workers: 2, blocking: 512 };

/// The settings of this file, or of the usual one.
pub(super) fn settings(named: Option<&Path>) -> Result<Settings> {
    config::load(named, Some(default_keys))
}

/// The command line with the defaults of these settings where nothing is typed. `typed` is how it reads without them.
///
/// # Errors
///
/// The arguments cannot be read, which `typed` has shown to be possible.
pub(super) fn with_defaults(
    typed: Cli,
    arguments: Vec<OsString>,
    settings: Option<&Path>,
) -> Result<Cli, Rejected> {
    // A verb that needs the settings reads them again, and tells what is wrong with them.
    let settings = self::settings(settings).unwrap_or_default();
    let defaults = settings.defaults.without(typed.verb.refuses());
    let arguments = match matches!(&typed.verb, Verb::Daemon(args) if args.is_run()) {
        true => Some(with_daemon(arguments, &settings.daemon)),
        false => Some(arguments).filter(|_| !defaults.is_empty()),
    };
    let mut cli = match arguments {
        Some(arguments) => {
            let cli: Cli = args::parse_as(with(&defaults, Cli::command()), arguments)?;
            let general = General { typed: typed.general.typed, ..cli.general };
            Cli { general, typed: typed.typed, ..cli }
        }
        None => typed,
    };
    with_store(&mut cli.general, &settings.daemon);
    Ok(cli)
}

/// Takes the store that `[daemon]` names, if neither the command line nor the environment names one. It holds for every verb, so
/// that all of them find the same jobs.
fn with_store(general: &mut General, daemon: &[KeyOption]) {
    let value = |name: &str| {
        let option = daemon.iter().find(|option| option.name == name)?;
        let word = option.words.first()?.to_str()?;
        word.split_once('=').map(|(_, value)| value)
    };
    if general.store.is_none() {
        // It was read with the settings, so it can be read.
        general.store = value(STORE).and_then(|store| store.parse().ok());
        general.store_password_file = value(STORE_PASSWORD_FILE).map(PathBuf::from);
    }
}

/// The command line with the options of `[daemon]` that were not typed.
fn with_daemon(mut arguments: Vec<OsString>, daemon: &[KeyOption]) -> Vec<OsString> {
    let is_typed = |option: &&KeyOption| {
        let typed = format!("--{}", option.name);
        let is_it = |word: &OsString| {
            let rest = word.to_str().and_then(|word| word.strip_prefix(&typed));
            rest.is_some_and(|rest| rest.is_empty() || rest.starts_with('='))
        };
        arguments.iter().any(is_it)
    };
    let is_of_verb = |option: &&KeyOption| !OF_STORE.contains(&option.name.as_str());
    let others: Vec<_> = daemon.iter().filter(|option| is_of_verb(option) && !is_typed(option)).collect();
    arguments.extend(others.into_iter().flat_map(|option| option.words.iter().cloned()));
    arguments
}

/// The keys of `[defaults]`: the options of all verbs that can be defaults. One option is one key for all verbs that have it.
pub(super) fn keys_of(command: &Command) -> DefaultKeys {
    let verbs = command.get_subcommands().filter(|verb| has_defaults(verb));
    let mut options = Command::new("defaults");
    let mut elsewhere: Vec<(String, String)> = Vec::new();
    for arg in command.get_arguments().chain(verbs.flat_map(Command::get_arguments)) {
        let Some(name) = arg.get_long() else { continue };
        if is_key(name, arg) {
            if options.get_arguments().all(|other| other.get_long() != Some(name)) {
                options = options.arg(arg.clone());
            }
        } else {
            elsewhere.push((name.to_owned(), written_at(name).to_owned()));
        }
    }
    let daemon = command.get_subcommands().find(|verb| verb.get_name() == DAEMON);
    let is_of_store = |arg: &&Arg| arg.get_long().is_some_and(|name| OF_STORE.contains(&name));
    let own = daemon.into_iter().flat_map(Command::get_arguments).filter(|arg| arg.get_long().is_some());
    let own = own.chain(command.get_arguments().filter(is_of_store));
    let daemon = Command::new(DAEMON).args(own.cloned());
    DefaultKeys { options, daemon, elsewhere }
}

/// Whether the options of a verb say how it works. Those of `sites` say what is stored in the settings.
fn has_defaults(verb: &Command) -> bool {
    !matches!(verb.get_name(), "sites" | DAEMON)
}

/// Whether an option may stand in `[defaults]`: see decision 98.
fn is_key(name: &str, arg: &Arg) -> bool {
    name == "proxy" || can_be_default(arg) && name != "path" && name != RELAY_CONSENT
}

/// Where an option that is no key of `[defaults]` is written.
fn written_at(name: &str) -> &'static str {
    match name {
        RELAY_CONSENT => "as consent in [relay]",
        name if OF_STORE.contains(&name) => "in [daemon], or on the command line",
        name if SITE_KEYS.contains(&name) => "in [sites.NAME], or on the command line",
        _ => "on the command line",
    }
}

/// The command line with other defaults.
pub(super) fn with(defaults: &Defaults, command: Command) -> Command {
    let of_verb = |verb: Command| if has_defaults(&verb) { defaults.apply(verb) } else { verb };
    defaults.apply(command).mut_subcommands(of_verb)
}

const DAEMON: &str = "daemon";
/// The options that say where the jobs are.
const OF_STORE: [&str; 2] = [STORE, STORE_PASSWORD_FILE];
const RELAY_CONSENT: &str = "relay-consent";

#[cfg(test)]
mod tests {
    use super::super::tests::words;
    use super::*;

    #[test]
    fn the_colour_of_a_mistake_is_that_of_its_option_and_of_no_value() {
        for (typed, expect) in [
            ("copy --bogus", When::Auto),
            ("copy --color always --bogus", When::Always),
            ("--color=never copy --color=always --bogus", When::Always),
            ("copy --config --color=always --bogus", When::Auto),
            ("copy --bogus -- --color=always", When::Auto),
        ] {
            assert_eq!(typed_color(&words(typed)), expect, "{typed}");
        }
    }

    /// The verb of a line without the settings of this file, and the line with them.
    fn typed_and_read(line: &str, file: &Path) -> (String, Cli) {
        let line = words(&format!("ftp-user {line}"));
        let typed = args::parse::<Cli>(line.clone()).ok().unwrap();
        (format!("{:?}", typed.verb), with_defaults(typed, line, Some(file)).ok().unwrap())
    }

    #[test]
    fn the_store_of_the_settings_holds_for_every_verb_unless_one_is_typed() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.toml");
        let read = |words: &str| {
            let (_, read) = typed_and_read(words, &file);
            let General { store, store_password_file, .. } = read.general;
            (store.map(|store| store.to_string()), store_password_file)
        };
        let (url, password) = ("postgres://ann@db:5432/jobs".to_owned(), directory.path().join("password"));
        std::fs::write(&file, format!("[daemon]\nparallel = 2\nstore = \"{url}\"\n")).unwrap();
        for verb in ["daemon", "daemon --parallel 3", "jobs", "copy --queue a b", "copy -- --a b", "pause 1"]
        {
            assert_eq!(read(verb), (Some(url.clone()), None), "{verb}");
            assert_eq!(
                read(&format!("--store sqlite:/s/journal.db {verb}")).0.as_deref(),
                Some("sqlite:/s/journal.db")
            );
        }
        let text = format!(
            "[defaults]\ntimeout = \"9s\"\n[daemon]\nstore = \"{url}\"\nstore-password-file = \"password\"\n"
        );
        std::fs::write(&file, text).unwrap();
        for verb in ["daemon", "copy --queue a b"] {
            assert_eq!(read(verb), (Some(url.clone()), Some(password.clone())), "{verb}");
            assert_eq!(
                read(&format!("--store sqlite:/s/journal.db {verb}")).1,
                None,
                "the password is for the other store"
            );
        }
        std::fs::write(&file, "[daemon]\nstore = \"postgres://ann:secret@db/jobs\"\n").unwrap();
        let refused = settings(Some(&file)).unwrap_err().to_string();
        assert!(
            refused.contains("2:")
                && refused.contains("no password in its URL")
                && !refused.contains("secret"),
            "{refused}"
        );
        for (keys, expect) in [
            (
                "parallel = 2\nstore-password-file = \"password\"",
                "3:1: store-password-file needs store beside it",
            ),
            ("store = \"sqlite:jobs/journal.db\"", "2:9: expected a whole path, like sqlite:/DIR/journal.db"),
        ] {
            std::fs::write(&file, format!("[daemon]\n{keys}\n")).unwrap();
            let refused = settings(Some(&file)).unwrap_err().to_string();
            assert!(refused.contains(expect), "{refused}");
        }
    }

    #[test]
    fn a_default_that_a_verb_would_refuse_does_not_hold_for_it() {
        let directory = tempfile::tempdir().unwrap();
        let file = directory.path().join("config.toml");
        let check = |default: &str, words: &str, holds: bool| {
            std::fs::write(&file, format!("[defaults]\n{default}\n")).unwrap();
            let (typed, read) = typed_and_read(words, &file);
            assert_eq!(format!("{:?}", read.verb) != typed, holds, "{default} {words}");
        };
        for (default, refused, taken) in [
            ("verify = \"hash\"", "append a ftp://h/b", "copy a ftp://h/b"),
            ("verify = \"none\"", "move a ftp://h/b", "copy a ftp://h/b"),
            ("verify = \"size\"", "cat a", "append a ftp://h/b"),
            ("links = \"follow\"", "move a ftp://h/b", "copy a ftp://h/b"),
            ("overwrite = \"newer\"", "copy - ftp://h/b", "copy a ftp://h/b"),
            ("overwrite = \"newer\"", "copy - ftp://h/b", "move a ftp://h/b"),
        ] {
            check(default, refused, false);
            check(default, taken, true);
        }
    }
}
