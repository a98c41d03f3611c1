//! The generated pages of docs/reference, and the command lines that stand in the documents.
//!
//! The pages are made of what the programs themselves are made of: the command lines of clap, the table of
//! verbs, the timers, the exit codes, the limits. A page that is out of date fails; this writes all of them again:
//!
//! ```text
//! UPDATE_REFERENCE=1 cargo test -p integration-tests --test all reference
//! ```

mod dependencies;
mod examples;
mod exits;
mod layers;
mod limits;
mod links;
mod log;
mod manuals;
mod options;
mod page;
mod timers;
mod verbs;
mod walks;

use super::source;
use clap::{Command, CommandFactory};
use page::Page;
use std::fs;

/// Set to write the pages instead of comparing them.
const UPDATE: &str = "UPDATE_REFERENCE";

/// Where the pages are.
const FOLDER: &str = "docs/reference";

/// The three programs, as clap sees them.
fn programs() -> [Command; 3] {
    [ftp_server::cli::Cli::command(), ftp_user::cli::Cli::command(), ftp_relay_agent::cli::Cli::command()]
}

/// All generated pages.
fn pages() -> Vec<Page> {
    let mut pages: Vec<Page> = programs().into_iter().map(options::page).collect();
    pages.extend([
        options::configuration(),
        options::policy(),
        verbs::page(),
        timers::page(),
        exits::page(),
        limits::page(),
        log::page(),
        log::audit(),
        dependencies::page(),
    ]);
    pages
}

#[test]
fn every_page_says_what_the_programs_say() {
    let mut stale = Vec::new();
    for page in pages() {
        let path = format!("{FOLDER}/{}", page.file);
        let found = fs::read_to_string(source::top().join(&path)).unwrap_or_default();
        if found == page.text() {
            continue;
        }
        if std::env::var_os(UPDATE).is_some() {
            fs::write(source::top().join(&path), page.text()).unwrap();
        } else {
            stale.push(format!("{path}: {}", page.first_difference(&found)));
        }
    }
    assert!(
        stale.is_empty(),
        "out of date; {UPDATE}=1 cargo test -p integration-tests --test all reference\n{}",
        stale.join("\n")
    );
}

#[test]
fn no_page_is_left_that_nothing_generates() {
    let files: Vec<String> = pages().into_iter().map(|page| page.file).collect();
    for entry in fs::read_dir(source::top().join(FOLDER)).unwrap().map(Result::unwrap) {
        let name = entry.file_name().into_string().unwrap();
        let generated = fs::read_to_string(entry.path()).unwrap().contains(page::MARK);
        assert_eq!(files.contains(&name), generated, "{FOLDER}/{name}");
    }
}
