//! The manual pages: each verb has its examples, exit statuses and files, and each example can be typed.

use super::examples::commands;
use super::programs;
use ftp_io::program::manual::{Page, Pages};
use std::collections::BTreeSet;

/// The tables of the three programs, in the order of [`programs`].
fn pages() -> [Vec<Page>; 3] {
    [ftp_server::cli::pages::PAGES, ftp_user::cli::PAGES, ftp_relay_agent::cli::pages::PAGES]
        .map(|pages: Pages| pages.all().collect())
}

#[test]
fn every_verb_has_a_page_with_examples_and_exit_statuses() {
    let mut wrong = Vec::new();
    for (program, pages) in programs().into_iter().zip(pages()) {
        let name = program.get_name();
        let shown = program.get_subcommands().filter(|verb| !verb.is_hide_set());
        let verbs: BTreeSet<&str> = shown.map(clap::Command::get_name).chain([""]).collect();
        for verb in &verbs {
            match pages.iter().find(|page| page.verb == *verb) {
                Some(page) if page.examples.is_empty() => wrong.push(format!("{name} {verb}: no example")),
                Some(page) if page.exits.is_empty() => wrong.push(format!("{name} {verb}: no exit status")),
                Some(_) => {}
                None => wrong.push(format!("{name} {verb}: no page in cli/pages.txt")),
            }
        }
        let extra = pages.iter().filter(|page| !verbs.contains(page.verb));
        wrong.extend(extra.map(|page| format!("{name} {}: a page without a verb", page.verb)));
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_example_of_a_page_can_be_typed_and_is_of_its_verb() {
    let mut wrong = Vec::new();
    for (program, pages) in programs().into_iter().zip(pages()) {
        let there = |page: &&Page| page.verb.is_empty() || program.find_subcommand(page.verb).is_some();
        for page in pages.iter().filter(there) {
            for (line, _) in &page.examples {
                let typed = line.replace("<(", "").replace(')', "");
                let words = commands(typed.trim_start_matches("source ")).into_iter().next();
                let Some(words) = words else {
                    wrong.push(format!("{line}: no command line of {}", program.get_name()));
                    continue;
                };
                if !page.verb.is_empty() && !words.iter().any(|word| word == page.verb) {
                    wrong.push(format!("{line}: it stands on the page of {}", page.verb));
                }
                if let Err(error) = program.clone().try_get_matches_from(&words) {
                    wrong.push(format!("{line}: {error}"));
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
