//! Files of settings, right and wrong.

use std::path::{Path, PathBuf};
use std::time::Duration;

use clap::Args;

use super::*;
use crate::program::duration;

/// What a file of these tests may say.
#[derive(Args, PartialEq, Eq, Debug)]
struct Options {
    #[arg(long)]
    name: String,
    #[arg(long)]
    root: Option<PathBuf>,
    #[arg(long, value_parser = duration::parse)]
    wait: Option<Duration>,
    #[arg(long, value_delimiter = ',')]
    colour: Vec<Colour>,
    #[arg(long)]
    count: Option<u32>,
    #[arg(long)]
    quiet: bool,
}

#[derive(clap::ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
enum Colour {
    Green,
    DarkRed,
}

fn options(text: &str) -> Result<Options, String> {
    let found = read(text, |reader, table| {
        section::<Options>(
            reader,
            table,
            &(0..0),
            Scope { tables: &["more"], whose: "a test has", base: Path::new("/base") },
        )
    });
    match found {
        Ok(found) => Ok(found.unwrap().0),
        Err(list) => Err(Mistakes::new(Path::new("f.toml"), list).to_string()),
    }
}

#[test]
fn keys_are_options_of_a_command_line() {
    let text = "name = \"-a b\"\nroot = \"in\"\nwait = \"5m\"\ncolour = [\"green\", \"dark-red,green\"]\n\
                count = 7\nquiet = true\n[more]\n";
    let expect = Options {
        name: "-a b".to_owned(),
        root: Some("/base/in".into()),
        wait: Some(Duration::from_secs(300)),
        colour: vec![Colour::Green, Colour::DarkRed, Colour::Green],
        count: Some(7),
        quiet: true,
    };
    assert_eq!(options(text), Ok(expect));
    let least = options("name = \"x\"\nroot = \"/abs\"\nquiet = false\nwait = 3").unwrap();
    assert_eq!((least.root, least.quiet), (Some("/abs".into()), false));
    assert_eq!(least.wait, Some(Duration::from_secs(3)));
}

#[test]
fn every_mistake_is_told_with_its_place_and_what_was_expected() {
    let check = |text: &str, expect: &str| {
        let text = format!("name = \"x\"\n{text}");
        assert_eq!(options(&text), Err(format!("f.toml:{expect}")), "{text}");
    };
    check("wait = \"5w\"", "2:8: the unit must be ms, s, m, h or d, as in 30s or 5m");
    check(
        "colour = [\"green\", \"dark-rde\"]",
        "2:20: expected one of green, dark-red; did you mean dark-red?",
    );
    check("count = \"many\"", "2:9: expected a whole number");
    check("count = -1", "2:9: count must not be negative");
    check("count = 1.5", "2:9: expected text in quotes, found float");
    check("count = [1]", "2:9: expected one value, found a list");
    check("quiet = 1", "2:9: expected true or false, found integer");
    check(
        "quite = true",
        "2:1: unknown key \"quite\": a test has colour, count, name, quiet, root, wait, more; did you mean quiet?",
    );
    check(
        "wait = 0\ncount = true",
        "2:8: not between 1ms and 36500d | 3:9: expected text in quotes, found boolean",
    );
    assert_eq!(options("count = 1"), Err("f.toml:1:1: name is missing".to_owned()));
    // What is no TOML hides nothing behind it.
    check(
        "name = \"y\"\ncount = [1\nquiet = 1\n]\nquite = true\nwait = 0",
        "2:1: duplicate key | 3:9: expected one value, found a list | 4:1: missing comma between array elements, expected `,` | 6:1: unknown key \"quite\": a test has colour, count, name, quiet, root, wait, more; did you mean quiet? | 7:8: not between 1ms and 36500d",
    );
}

#[test]
fn a_mistake_of_the_whole_file_has_no_line() {
    let mistakes = Mistakes::whole(Path::new("f.toml"), "others may read it");
    assert_eq!(mistakes.to_string(), "f.toml: others may read it");
    assert_eq!(mistakes.lines().collect::<Vec<_>>(), ["f.toml: others may read it"]);
}

#[test]
fn an_outline_tells_which_keys_and_tables_are_gone() {
    let whole = "a = 1\nb = 2\n[limits]\nx = 1\ny = 2\n[[users]]\nname = \"ann\"\nz = 1\n[[users.mounts]]\nat = \"/m\"\n[[users]]\nname = \"bob\"\n[[users.mounts]]\nat = \"/n\"\n[[rules]]\nk = 1\n[[rules]]\nk = 2\n";
    let lost = |text: &str| Outline::of(whole).lost_in(&Outline::of(text)).join(", ");
    assert_eq!(lost(whole), "");
    assert_eq!(lost(whole.rsplit_once("[[").unwrap().0), "rules 2");
    assert_eq!(lost(whole.split_once("[[rules").unwrap().0), "rules 1, rules 2");
    assert_eq!(lost(&whole.replace("[[users.mounts]]\nat = \"/m\"\n", "")), "mounts \"/m\" of users \"ann\"");
    assert_eq!(lost(&whole.replace("y = 2\n", "").replace("z = 1\n", "")), "y of limits, z of users \"ann\"");
    assert_eq!(lost("[limits]\nx = 1\ny = 2\n").split(", ").count(), 6);
    let named =
        |names: &[&str]| Outline::default().with_names("users", names.iter().map(ToString::to_string));
    assert_eq!(named(&["ann", "bob"]).lost_in(&named(&["bob"])), ["users \"ann\""]);
    assert_eq!(named(&["ann"]).lost_in(&Outline::of(whole)), [""; 0], "it stands in another file now");
}

/// A command line of which a file may say some defaults.
fn command() -> clap::Command {
    let arg = |name: &'static str, value: &'static str| clap::Arg::new(name).long(name).value_name(value);
    let verb = clap::Command::new("go")
        .arg(arg("most", "N").value_parser(clap::value_parser!(u32)).requires("delete"))
        .arg(arg("delete", "").num_args(0).action(clap::ArgAction::SetTrue))
        .arg(arg("how", "HOW").value_parser(["a", "b"]).default_value("a"));
    clap::Command::new("program")
        .arg(arg("wait", "T").value_parser(duration::parse).global(true))
        .arg(arg("file", "FILE"))
        .subcommand(verb)
}

#[test]
fn a_default_of_a_file_holds_where_nothing_is_typed_and_counts_as_not_typed() {
    let text = "wait = \"5m\"\nmost = 7\nhow = \"b\"\n";
    let all = command();
    let verb = all.find_subcommand("go").unwrap();
    let table = clap::Command::new("all")
        .args(all.get_arguments().chain(verb.get_arguments()).filter(|arg| can_be_default(arg)).cloned());
    let defaults = read(text, |reader, keys| Defaults::read(reader, keys, &table, "a test has")).unwrap();
    let names: Vec<&str> = defaults.iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["how", "most", "wait"]);
    let with = || defaults.apply(command()).mut_subcommand("go", |verb| defaults.apply(verb));
    let read = |words: &str| {
        let words = ["program"].into_iter().chain(words.split_whitespace());
        let matches = with().try_get_matches_from(words).unwrap();
        let (_, verb) = matches.subcommand().unwrap();
        let wait = verb.get_one::<Duration>("wait").unwrap().as_secs();
        (wait, *verb.get_one::<u32>("most").unwrap(), verb.get_one::<String>("how").unwrap().clone())
    };
    assert_eq!(read("go"), (300, 7, "b".to_owned()));
    assert_eq!(read("--wait 2s go --how a"), (2, 7, "a".to_owned()));
    assert_eq!(read("go --wait 2s --delete --most 9"), (2, 9, "b".to_owned()));
    assert!(
        with().try_get_matches_from(["program", "go", "--most", "9"]).is_err(),
        "typed, it needs --delete"
    );
    let wrong = super::read("file = \"x\"\n", |reader, keys| Defaults::read(reader, keys, &table, "it has"));
    assert_eq!(wrong.unwrap_err()[0].to_string(), "1:1: unknown key \"file\": it has how, most, wait");
}
