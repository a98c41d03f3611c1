//! What `-h` shows: one screen for each verb, with the options that are wanted most days and three examples. `--help` shows the
//! options of the verb, `ftp-user help options` those that all verbs share, and the manual shows both.

use clap::{Arg, Command};

/// The options that `-h` shows of a verb, and its examples.
struct Screen {
    verb: &'static str,
    options: &'static [&'static str],
    examples: &'static [&'static str],
}

/// The screens of all verbs.
const SCREENS: &[Screen] = &[
    Screen {
        verb: "copy",
        options: &["recursive", "include", "exclude", "overwrite", "jobs", "limit", "dry_run", "explain"],
        examples: &[
            "ftp-user copy ftp://ann@one.example/b.bin ftp://ann@two.example/",
            "ftp-user copy -r --exclude '*.tmp' one:photos ./backup/",
            "ftp-user copy -n -r one:data two:      # what would be done?",
        ],
    },
    Screen {
        verb: "append",
        options: &["limit", "dry_run", "explain"],
        examples: &[
            "ftp-user append ftp://ann@one.example/today ftp://ann@two.example/all",
            "ftp-user append today.log two:logs/all.log",
            "ftp-user append -n one:today.log two:all.log      # what would be done?",
        ],
    },
    Screen {
        verb: "move",
        options: &["recursive", "include", "exclude", "jobs", "limit", "dry_run", "explain"],
        examples: &[
            "ftp-user move one:out/report.pdf two:in/",
            "ftp-user move -r one:spool/ two:archive/",
            "ftp-user move -n 'one:out/*' two:in/      # what would be moved?",
        ],
    },
    Screen {
        verb: "sync",
        options: &["compare", "delete", "max_delete", "backup_dir", "yes", "exclude", "limit", "dry_run"],
        examples: &[
            "ftp-user sync one:site two:site",
            "ftp-user sync -n --delete one:site two:site      # what would be done?",
            "ftp-user sync --delete --max-delete 100 ./web two:htdocs",
        ],
    },
    Screen {
        verb: "ls",
        options: EVERY,
        examples: &[
            "ftp-user ls ftp://one.example/",
            "ftp-user ls -l one:pub two:pub",
            "ftp-user ls 'one:pub/*.iso'",
        ],
    },
    Screen {
        verb: "tree",
        options: EVERY,
        examples: &[
            "ftp-user tree one:pub",
            "ftp-user tree ftp://one.example/pub ./here",
            "ftp-user tree --json one:pub      # with sizes and times",
        ],
    },
    Screen {
        verb: "stat",
        options: EVERY,
        examples: &[
            "ftp-user stat one:a.iso",
            "ftp-user stat ftp://one.example/pub ./here",
            "ftp-user stat --json one:a.iso",
        ],
    },
    Screen {
        verb: "cat",
        options: EVERY,
        examples: &[
            "ftp-user cat one:README",
            "ftp-user cat one:log/today one:log/now",
            "ftp-user cat ftp://one.example/pub/list | sort",
        ],
    },
    Screen {
        verb: "mkdir",
        options: EVERY,
        examples: &[
            "ftp-user mkdir one:new",
            "ftp-user mkdir -p one:a/b/c",
            "ftp-user mkdir one:new two:new",
        ],
    },
    Screen {
        verb: "rm",
        options: EVERY,
        examples: &[
            "ftp-user rm one:old.iso",
            "ftp-user rm -r -n one:old      # what would be deleted?",
            "ftp-user rm -r --yes one:old",
        ],
    },
    Screen {
        verb: "mv",
        options: EVERY,
        examples: &[
            "ftp-user mv one:a.iso one:b.iso",
            "ftp-user mv one:a.iso one:old/",
            "ftp-user mv ./a ./b",
        ],
    },
    Screen {
        verb: "hash",
        options: EVERY,
        examples: &[
            "ftp-user hash one:a.iso",
            "ftp-user hash --alg md5 one:a.iso",
            "ftp-user hash 'one:pub/*' > SUMS",
        ],
    },
    Screen {
        verb: "probe",
        options: &["path", "relay"],
        examples: &[
            "ftp-user probe one: two:",
            "ftp-user probe ftp://ann@one.example/ ftp://ann@two.example/",
            "ftp-user probe --json one: two:",
        ],
    },
    Screen {
        verb: "resume",
        options: EVERY,
        examples: &["ftp-user resume", "ftp-user resume last", "ftp-user resume 0123456789abcdef"],
    },
    Screen {
        verb: "retry",
        options: EVERY,
        examples: &["ftp-user retry last", "ftp-user retry 0123456789abcdef", "ftp-user retry last --yes"],
    },
    Screen {
        verb: "jobs",
        options: EVERY,
        examples: &["ftp-user jobs", "ftp-user jobs --json", "ftp-user jobs --state /var/lib/nightly"],
    },
    Screen {
        verb: "cancel",
        options: EVERY,
        examples: &[
            "ftp-user cancel last",
            "ftp-user cancel 0123456789abcdef",
            "ftp-user cancel --forget last      # its server does not come back",
        ],
    },
    Screen {
        verb: "why",
        options: EVERY,
        examples: &["ftp-user why", "ftp-user why 0123456789abcdef", "ftp-user why --json last"],
    },
    Screen {
        verb: "sites",
        options: EVERY,
        examples: &[
            "ftp-user sites add one ftp://ann@one.example/",
            "ftp-user sites test one",
            "ftp-user sites list",
        ],
    },
    Screen {
        verb: "doctor",
        options: EVERY,
        examples: &["ftp-user doctor", "ftp-user doctor --json", "ftp-user doctor -v"],
    },
    Screen {
        verb: "shell",
        options: EVERY,
        examples: &["ftp-user shell", "ftp-user shell -f lines", "ftp-user shell < lines"],
    },
    Screen {
        verb: "completions",
        options: EVERY,
        examples: &[
            "ftp-user completions bash",
            "ftp-user completions zsh > _ftp-user",
            "ftp-user completions fish",
        ],
    },
    Screen {
        verb: "man",
        options: EVERY,
        examples: &["ftp-user man", "ftp-user man copy", "ftp-user man | man -l -"],
    },
];

/// All options that are the verb's own, but those that name relays.
const EVERY: &[&str] = &[];
/// The options that name relays.
const OF_RELAYS: [&str; 3] = ["relay", "relay_token_file", "relay_consent"];

/// The groups of options that `-h` does not show.
const GROUPS: &[(&str, &[&str])] = &[
    ("For trees", &["filter_from", "from_file", "include", "exclude", "links"]),
    (
        "For each file",
        &["overwrite", "verify", "no_times", "perms", "changed_parts", "in_place", "no_resume"],
    ),
    ("For the whole run", &["jobs", "fail_fast", "explain", "id", "detach"]),
    ("For paths", &["path", "relay", "relay_token_file", "relay_consent", "allow_clear_data"]),
];

/// Options that state a default, and `--no-race`, which few need. Only the manual has them.
const OF_MANUAL: [&str; 4] = ["times", "resume", "race", "no_race"];

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

/// Leaves an option that every verb has to `ftp-user help options`.
pub(super) fn on_its_page(arg: Arg) -> Arg {
    arg.hide_short_help(true).hide_long_help(true)
}

/// Gives a verb its screen.
pub(super) fn screen(verb: Command) -> Command {
    let Some(Screen { options, examples, .. }) = SCREENS.iter().find(|screen| screen.verb == verb.get_name())
    else {
        return verb;
    };
    let is_shown = |arg: &Arg| match *options {
        [] => !OF_RELAYS.contains(&arg.get_id().as_str()),
        options => arg.is_positional() || options.contains(&arg.get_id().as_str()),
    };
    let verb = verb.mut_args(|arg| if is_shown(&arg) { arg } else { behind_help(arg) });
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
    use std::ffi::OsString;

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
        assert!(!page.contains("--recursive") && page.lines().count() <= 90, "{page}");
        let own = |id: &str| {
            command.get_subcommands().any(|verb| verb.get_arguments().any(|arg| arg.get_id() == id))
        };
        let listed = GROUPS.iter().flat_map(|(_, ids)| *ids).chain(&OF_MANUAL);
        assert_eq!(listed.filter(|id| !own(id)).count(), 0, "an option of a group is gone");
        command.build();
        let length =
            |verb: &Command| verb.clone().term_width(100).render_long_help().to_string().lines().count();
        let longest = command.get_subcommands().map(|verb| (length(verb), verb.get_name())).max();
        assert!(longest.is_some_and(|(lines, _)| lines <= 190), "{longest:?}");
        for verb in command.get_subcommands() {
            let page = verb.clone().render_long_help().to_string();
            let twice =
                ["--trace", "--color", "--timeout", "--insecure"].iter().find(|one| page.contains(**one));
            assert!(verb.get_name() == "help" || twice.is_none(), "{twice:?}\n{page}");
        }
    }

    #[test]
    fn each_verb_has_three_examples_that_can_be_typed() {
        let command = Cli::command();
        for verb in command.get_subcommands() {
            let name = verb.get_name();
            let screen = SCREENS.iter().find(|screen| screen.verb == name);
            let Some(Screen { options, examples, .. }) = screen else { panic!("{name} has no screen") };
            assert_eq!(examples.len(), 3, "{name}");
            for option in *options {
                assert!(verb.get_arguments().any(|arg| arg.get_id() == option), "{name} {option}");
            }
            for example in *examples {
                let typed = example.split(['#', '|', '>', '<']).next().unwrap_or_default();
                let words: Vec<OsString> =
                    typed.split_whitespace().map(|word| word.trim_matches('\'').into()).collect();
                let read = Cli::read_typed(words.clone());
                assert!(read.is_ok() && words.get(1).is_some_and(|word| word == name), "{example}: {read:?}");
            }
        }
    }
}
