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
        section::<Options>(reader, table, &(0..0), (&["more"], "a test has", Path::new("/base")))
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
    check("wait = \"5w\"", "2:8: write a unit after the number: ms, s, m, h or d, like 30s or 5m");
    check(
        "colour = [\"green\", \"dark-rde\"]",
        "2:20: expected one of green, dark-red; did you mean dark-red?",
    );
    check("count = \"many\"", "2:9: expected a whole number");
    check("count = -1", "2:9: -1 is not in 0..=4294967295");
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
}

#[test]
fn a_mistake_of_the_whole_file_has_no_line() {
    let mistakes = Mistakes::whole(Path::new("f.toml"), "others may read it");
    assert_eq!(mistakes.to_string(), "f.toml: others may read it");
    assert_eq!(mistakes.lines().collect::<Vec<_>>(), ["f.toml: others may read it"]);
}
