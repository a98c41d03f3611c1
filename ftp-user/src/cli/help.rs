//! What `-h` shows: one screen for each verb, with the options that are wanted most days and three examples. `--help` shows the
//! options of the verb, `ftp-user help options` those that all verbs share, and the manual shows both.

use super::generate::PAGES;
use clap::{Arg, Command};
use ftp_io::program::manual::Page;
use std::sync::LazyLock;

/// The options that `-h` shows of these verbs. Of every other verb it shows all that are its own, but those that name relays.
const SHOWN: &[(&str, &[&str])] = &[
    ("copy", &["recursive", "include", "exclude", "overwrite", "jobs", "limit", "dry_run", "explain"]),
    ("append", &["limit", "dry_run", "explain"]),
    ("move", &["recursive", "include", "exclude", "jobs", "limit", "dry_run", "explain"]),
    ("sync", &["compare", "delete", "max_delete", "backup_dir", "yes", "exclude", "limit", "dry_run"]),
    ("probe", &["path", "relay"]),
];

/// The options that name relays.
const OF_RELAYS: [&str; 3] = ["relay", "relay_token_file", "relay_consent"];

/// The groups of options that `-h` does not show.
const GROUPS: &[(&str, &[&str])] = &[
    ("For trees", &["filter_from", "from_file", "include", "exclude", "links"]),
    (
        "For each file",
        &["overwrite", "verify", "no_times", "perms", "changed_parts", "in_place", "no_resume"],
    ),
    ("For the whole run", &["jobs", "streams", "fail_fast", "explain", "id", "detach"]),
    ("For the queue", &["queue", "priority", "at", "every", "wait"]),
    ("For paths", &["path", "relay", "relay_token_file", "relay_consent", "allow_clear_data"]),
];

/// Options that state a default, and those that few need. Only the manual has them.
const OF_MANUAL: [&str; 6] = ["times", "resume", "race", "no_race", "daemon_ca", "daemon_pin"];

/// Leaves an option to `--help`, in its group, or to the manual.
fn behind_help(arg: Arg) -> Arg {
    let is_of_manual = OF_MANUAL.contains(&arg.get_id().as_str());
    let group = GROUPS.iter().find(|(_, ids)| ids.contains(&arg.get_id().as_str()));
    let arg = arg.hide_short_help(true).hide_long_help(is_of_manual);
    match group {
        Some((heading, _)) => arg.help_heading(*heading),
        None => arg,
    }
}

/// The first command lines of the manual page of a verb.
fn examples(verb: &str) -> impl Iterator<Item = &'static str> {
    // Every run makes the screens of all verbs.
    static ALL: LazyLock<Vec<Page>> = LazyLock::new(|| PAGES.all().collect());
    let page = ALL.iter().find(|page| page.verb == verb);
    page.into_iter().flat_map(|page| &page.examples).map(|(line, _)| *line).take(EXAMPLES)
}

/// The number of examples that `-h` shows.
const EXAMPLES: usize = 3;

/// Gives a verb its screen.
pub(super) fn screen(verb: Command) -> Command {
    let name = verb.get_name().to_owned();
    let shown = SHOWN.iter().find(|(of, _)| *of == name).map(|(_, options)| *options);
    let is_shown = |arg: &Arg| match shown {
        None => !OF_RELAYS.contains(&arg.get_id().as_str()),
        Some(options) => arg.is_positional() || options.contains(&arg.get_id().as_str()),
    };
    let verb = verb.mut_args(|arg| if is_shown(&arg) { arg } else { behind_help(arg) });
    let examples: Vec<_> = examples(&name).collect();
    verb.after_help(format!(
        "Examples:\n  {}\nftp-user help options: what every verb takes",
        examples.join("\n  ")
    ))
}

/// The page of `ftp-user help options`: the options that all verbs share.
pub(super) fn shared(program: &Command) -> String {
    let page =
        Command::new("ftp-user").about("Options of every verb, before or behind it").max_term_width(100);
    let shared = program.get_arguments().filter(|arg| arg.is_global_set()).cloned();
    let shared = shared.map(|arg| arg.hide_long_help(false));
    let page = page.override_usage("ftp-user [OPTIONS] VERB ...").disable_help_flag(true).args(shared);
    page.clone().render_long_help().to_string()
}

#[cfg(test)]
mod tests {
    use super::super::Cli;
    use super::*;
    use clap::CommandFactory;

    /// What `-h` shows on a terminal of 80 columns.
    fn lines(command: &Command) -> Vec<String> {
        command.clone().term_width(80).render_help().to_string().lines().map(str::to_owned).collect()
    }

    #[test]
    fn the_help_of_the_program_and_of_each_verb_is_a_screen() {
        let mut command = Cli::command();
        command.build();
        let of_all = lines(&command);
        assert!(of_all.len() <= 40, "{}\n{}", of_all.len(), of_all.join("\n"));
        let verbs = command.get_subcommands().filter(|verb| verb.get_name() != "help");
        let verbs = verbs.flat_map(|verb| std::iter::once(verb).chain(verb.get_subcommands()));
        let is_long = |(_, shown): &(&str, Vec<String>)| shown.len() > 30;
        let long: Vec<_> = verbs.map(|verb| (verb.get_name(), lines(verb))).filter(is_long).collect();
        assert!(long.is_empty(), "{long:#?}");
    }

    #[test]
    fn the_options_that_verbs_share_are_on_one_page_and_no_page_grows() {
        let mut command = Cli::command();
        let page = shared(&command);
        for option in ["--json", "--state", "--timeout", "--trust", "--insecure", "-4"] {
            assert!(page.contains(option), "{option}\n{page}");
        }
        assert!(!page.contains("--recursive") && page.lines().count() <= 96, "{page}");
        let own = |id: &str| {
            command.get_subcommands().any(|verb| verb.get_arguments().any(|arg| arg.get_id() == id))
        };
        let listed = GROUPS.iter().flat_map(|(_, ids)| *ids).chain(&OF_MANUAL);
        assert_eq!(listed.filter(|id| !own(id)).count(), 0, "an option of a group is gone");
        command.build();
        let length =
            |verb: &Command| verb.clone().term_width(100).render_long_help().to_string().lines().count();
        let longest = command.get_subcommands().map(|verb| (length(verb), verb.get_name())).max();
        assert!(longest.is_some_and(|(lines, _)| lines <= 210), "{longest:?}");
        for verb in command.get_subcommands() {
            let page = verb.clone().render_long_help().to_string();
            let twice =
                ["--trace", "--color", "--timeout", "--insecure"].iter().find(|one| page.contains(**one));
            assert!(verb.get_name() == "help" || twice.is_none(), "{twice:?}\n{page}");
        }
    }

    #[test]
    fn each_verb_has_three_examples_and_the_options_that_its_help_shows() {
        let command = Cli::command();
        for verb in command.get_subcommands() {
            let name = verb.get_name();
            for option in SHOWN.iter().filter(|(of, _)| *of == name).flat_map(|(_, options)| *options) {
                assert!(verb.get_arguments().any(|arg| arg.get_id() == option), "{name} {option}");
            }
            assert_eq!(examples(name).count(), EXAMPLES, "{name}");
        }
    }
}
