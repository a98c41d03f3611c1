//! What servers say of a broken disk, word for word: the fixtures in `fixtures/words` are what they say today. The judge of
//! deletions is tested with the same files.

use super::source::{SERVERS, Source};
use integration_tests::beside::each_of;
use integration_tests::foreign::{Kind, words};
use integration_tests::{or_skip, skip};
use std::fs;
use std::path::Path;

#[test]
fn the_words_of_every_server_are_those_of_the_table() {
    each_of(&SERVERS, |kind| says_what_the_table_says(*kind));
}

/// `FTP_WORDS=write` writes the table anew.
fn says_what_the_table_says(kind: Option<Kind>) {
    let source = or_skip!(Source::start(kind));
    let version = kind.map_or_else(String::new, |kind| {
        let version = kind.tool().map(|tool| tool.version(kind.package()));
        version.unwrap_or_default()
    });
    let rows = words::gather(source.name(), &source.disk, &|| source.login());
    let text = format!("# {} {version}\n{}", source.name(), words::lines(&rows));
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures/words");
    let file = file.join(format!("{}.tsv", source.name()));
    if std::env::var_os("FTP_WORDS").is_some_and(|value| value == "write") {
        fs::write(file, text).unwrap();
        return;
    }
    let known = fs::read_to_string(&file).unwrap_or_default();
    if kind.is_some() && known.lines().next() != text.lines().next() {
        skip!(format!("the table is that of {:?}, here is {version}", known.lines().next()));
    }
    let (known, now): (Vec<_>, Vec<_>) = (known.lines().collect(), text.lines().collect());
    let gone: Vec<_> = known.iter().filter(|line| !now.contains(line)).collect();
    let new: Vec<_> = now.iter().filter(|line| !known.contains(line)).collect();
    assert!(gone.is_empty() && new.is_empty(), "no longer said: {gone:#?}\nnew: {new:#?}");
}
