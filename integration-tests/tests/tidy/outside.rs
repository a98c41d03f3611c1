//! The seam of the user agent: what the outside gives is reached through `world`, so that a simulated one can take its place.

use super::none;
use super::source::{Source, sources};

/// Names that touch the outside.
const OUTSIDE: [&str; 14] = [
    "std::fs",
    "File::open(",
    "File::options(",
    "File::create(",
    ".canonicalize()",
    ".symlink_metadata()",
    "tempfile::",
    "tokio::fs",
    "tokio::net",
    "rustix::fs",
    "ftp_io::socket",
    "ftp_io::random",
    "SystemTime::now",
    "Instant::now",
];

/// Where they may stand: folders and files of `ftp-user/src`, each with its reason.
const ALLOWED: &[(&str, &str)] = &[
    ("world/", "this is the place"),
    ("cli/", "the program itself: its options, its terminal, what it makes of files that were named"),
    ("journal/", "the database, and the files beside it"),
    ("web/serve.rs", "the listeners of page and API"),
    ("web/guard/sessions.rs", "random cookies and tokens"),
    ("web/page/new.rs", "random names of jobs"),
    ("config/edit.rs", "the file of settings, still by its path"),
    ("config/read.rs", "the file of settings, still by its path"),
    ("state/file.rs", "files of the state directory, still by their paths"),
    ("job/removal/scope.rs", "what a place to be deleted contains, still by its path"),
    ("job/file/standard.rs", "the standard output and the null device"),
    ("job/spool.rs", "a temporary file without a name"),
];

/// What touches the outside in a file. The type `File` is allowed; opening one is not.
fn touches(file: &Source) -> impl Iterator<Item = String> {
    let touches = |line: &str| line != "use std::fs::File;" && OUTSIDE.iter().any(|name| line.contains(name));
    file.code
        .iter()
        .filter(move |(_, line)| touches(line))
        .map(|(number, line)| format!("{}:{number}: {}", file.path, line.trim()))
}

#[test]
fn the_user_agent_reaches_the_outside_through_world() {
    let files = sources();
    let own: Vec<(&str, &Source)> =
        files.iter().filter_map(|file| Some((file.path.strip_prefix("ftp-user/src/")?, file))).collect();
    let is_allowed = |path: &str| ALLOWED.iter().any(|(place, _)| path.starts_with(place));
    let outside = own.iter().filter(|(path, _)| !is_allowed(path));
    none(
        "go through `world`, or write the reason here",
        outside.flat_map(|(_, file)| touches(file)).collect(),
    );
    let needless = ALLOWED.iter().filter(|(place, _)| {
        let mut there = own.iter().filter(|(path, _)| path.starts_with(place));
        !there.any(|(_, file)| touches(file).next().is_some())
    });
    none("touches nothing outside any more", needless.map(|(place, _)| (*place).to_owned()).collect());
}

#[test]
fn only_the_journal_names_the_database() {
    let files = sources();
    let others = files.iter().filter(|file| {
        file.path.starts_with("ftp-user/src/") && !file.path.starts_with("ftp-user/src/journal/")
    });
    let named = others.filter(|file| {
        file.code.iter().any(|(_, line)| line.contains("rusqlite") || line.contains("tokio_postgres"))
    });
    none("ask the journal", named.map(|file| file.path.clone()).collect());
}
