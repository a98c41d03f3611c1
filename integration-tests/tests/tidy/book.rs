//! The book: every page of docs/ is a chapter, and every link to a heading finds it.

use super::source;
use std::collections::{BTreeMap, BTreeSet};
use std::path::{Component, Path, PathBuf};

/// The list of chapters.
const SUMMARY: &str = "docs/SUMMARY.md";

/// Pages that SUMMARY does not name, and why.
const ELSEWHERE: [(&str, &str); 2] =
    [(SUMMARY, "it is the list itself"), ("docs/decisions/0", ".ci/book makes a chapter of each decision")];

/// The targets of the links of a document: line, path, heading. Links to other hosts are left out.
fn links(text: &str) -> Vec<(usize, String, Option<String>)> {
    let mut found = Vec::new();
    for (number, line) in outside_code(text) {
        for rest in line.split("](").skip(1) {
            let target = rest.split(')').next().unwrap_or_default();
            if target.contains("://") {
                continue;
            }
            let (path, heading) = match target.split_once('#') {
                Some((path, heading)) => (path, Some(heading.to_owned())),
                None => (target, None),
            };
            found.push((number, path.to_owned(), heading));
        }
    }
    found
}

/// The numbered lines that stand in no code block.
fn outside_code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let mut inside = false;
    (1..).zip(text.lines()).filter(move |(_, line)| {
        let fence = line.trim_start().starts_with("```");
        inside ^= fence;
        !inside && !fence
    })
}

/// The names by which links find the headings of a document: those of GitHub and of mdBook.
fn headings(text: &str) -> BTreeSet<String> {
    let mut seen: BTreeMap<String, usize> = BTreeMap::new();
    let mut names = BTreeSet::new();
    for (_, line) in outside_code(text) {
        let title = line.trim_start_matches('#');
        if title.len() == line.len() || !title.starts_with(' ') {
            continue;
        }
        let name = slug(title.trim());
        let times = seen.entry(name.clone()).or_default();
        names.insert(if *times == 0 { name } else { format!("{name}-{times}") });
        *times += 1;
    }
    names
}

/// Letters and digits in lower case, dashes for blanks, nothing for the rest.
fn slug(title: &str) -> String {
    // Of a link in a heading, only its text counts.
    let mut text = String::new();
    let mut rest = title;
    while let Some((before, link)) = rest.split_once("](") {
        text.push_str(before);
        rest = link.split_once(')').map_or("", |(_, rest)| rest);
    }
    text.push_str(rest);
    let kept = text.chars().filter_map(|c| match c {
        ' ' => Some('-'),
        '-' | '_' => Some(c),
        _ if c.is_alphanumeric() => Some(c.to_ascii_lowercase()),
        _ => None,
    });
    kept.collect()
}

/// The path from the top of the tree to which a link of a page leads.
fn target(page: &str, link: &str) -> String {
    if link.is_empty() {
        return page.to_owned();
    }
    let mut path = PathBuf::new();
    for part in Path::new(page).parent().unwrap().join(link).components() {
        match part {
            Component::ParentDir => drop(path.pop()),
            Component::Normal(name) => path.push(name),
            Component::CurDir | Component::RootDir | Component::Prefix(_) => {}
        }
    }
    path.to_str().unwrap().to_owned()
}

/// The documents of the tree.
fn documents() -> BTreeMap<String, String> {
    source::texts().into_iter().filter(|(path, _)| path.ends_with(".md")).collect()
}

/// The pages of docs/ that are no chapters, and the chapters that are named twice.
fn strays(pages: impl IntoIterator<Item = String>, summary: &str) -> Vec<String> {
    let mut chapters = BTreeSet::new();
    let mut found = Vec::new();
    for (number, link, _) in links(summary) {
        let chapter = target(SUMMARY, &link);
        if !chapters.insert(chapter.clone()) {
            found.push(format!("{SUMMARY}:{number}: {chapter} is a chapter already"));
        }
    }
    for page in pages {
        let elsewhere = ELSEWHERE.iter().any(|(start, _)| page.starts_with(start));
        if page.starts_with("docs/") && !elsewhere && !chapters.contains(&page) {
            found.push(format!("{page} is no chapter: name it in {SUMMARY}"));
        }
    }
    found
}

#[test]
fn every_page_of_the_documentation_is_a_chapter_of_the_book() {
    let strays = strays(documents().into_keys(), &source::read(SUMMARY));
    assert!(strays.is_empty(), "{}", strays.join("\n"));
}

#[test]
fn every_link_to_a_heading_finds_it() {
    let documents = documents();
    let mut broken = Vec::new();
    for (page, text) in &documents {
        for (number, link, heading) in links(text) {
            let Some(heading) = heading else { continue };
            let target = target(page, &link);
            let there = documents.get(&target).is_some_and(|text| headings(text).contains(&heading));
            if !there {
                broken.push(format!("{page}:{number}: {link}#{heading}"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

/// What the first page says: what it is, two commands, one picture, links.
#[test]
fn the_readme_stays_short() {
    let text = source::read("README.md");
    let lines = text.lines().count();
    assert!(lines <= 60, "README.md has {lines} lines: the guide is the place for more");
    assert_eq!(text.matches("\n```sh\n").count(), 2, "two commands");
    assert_eq!(text.matches("![").count(), 1, "one picture");
}

#[test]
fn the_documentation_shows_only_pictures_that_are_in_the_tree_and_says_what_they_show() {
    let mut wrong = Vec::new();
    for (page, text) in documents() {
        for (number, line) in outside_code(&text) {
            for rest in line.split("![").skip(1) {
                let (alternative, rest) = rest.split_once("](").unwrap_or_default();
                let link = rest.split(')').next().unwrap_or_default();
                let path = source::top().join(target(&page, link));
                if alternative.split(' ').count() < 4 {
                    wrong.push(format!("{page}:{number}: {link} has no text that says what it shows"));
                }
                match std::fs::read(&path) {
                    Ok(picture) => wrong.extend(
                        lacking(&picture).into_iter().map(|what| format!("{page}:{number}: {link} {what}")),
                    ),
                    Err(error) => wrong.push(format!("{page}:{number}: {link}: {error}")),
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// What a picture lacks so that people can see it: on a dark page too, and with a program that reads aloud. A screenshot is as it
/// is, and small.
fn lacking(picture: &[u8]) -> Vec<&'static str> {
    let mut found = Vec::new();
    if picture.starts_with(b"\x89PNG") {
        if picture.len() > LARGEST_SCREENSHOT {
            found.push("is larger than 60 KB");
        }
        return found;
    }
    let picture = String::from_utf8_lossy(picture);
    if !picture.contains("<title>") {
        found.push("has no <title>");
    }
    if !picture.contains("prefers-color-scheme: dark") {
        found.push("has no colours for a dark page");
    }
    if picture.contains("href=") || picture.contains("url(http") {
        found.push("fetches something");
    }
    found
}

/// The largest size of a screenshot in bytes.
const LARGEST_SCREENSHOT: usize = 60_000;

#[test]
fn a_page_that_is_no_chapter_and_a_heading_that_is_not_there_are_noticed() {
    let summary = "- [a](guide/a.md)\n- [b](b.md)\n- [b](b.md)\n- [c](../C.md)\n";
    let pages = ["docs/guide/a.md", "docs/b.md", "docs/d.md", "docs/decisions/0001-x.md", "README.md"];
    let found = strays(pages.map(str::to_owned), summary);
    assert_eq!(found.len(), 2, "{found:?}");
    assert!(found[0].contains("docs/b.md is a chapter already") && found[1].contains("docs/d.md is no"));
    let text = "# Who, what: `x`?\n```sh\n# no heading\n```\n## Who, what: x\n## A [link](x.md) in it\n";
    let names = ["a-link-in-it", "who-what-x", "who-what-x-1"];
    assert_eq!(headings(text).into_iter().collect::<Vec<_>>(), names);
    assert_eq!(links("[a](b.md#c)\n```\n[x](y#z)\n```\n").len(), 1);
    assert_eq!(target("docs/guide/a.md", "../b.md"), "docs/b.md");
    assert_eq!(lacking(b"<svg><title>x</title></svg>"), ["has no colours for a dark page"]);
    let screenshot = [b"\x89PNG".as_slice(), &[0; LARGEST_SCREENSHOT]].concat();
    assert_eq!(lacking(&screenshot), ["is larger than 60 KB"]);
    assert_eq!(lacking(&screenshot[..LARGEST_SCREENSHOT]), [""; 0]);
}
