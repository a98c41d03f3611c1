//! Every link of a document, and every path of the tree that it names, leads to a file or folder.

use super::super::source;
use std::path::Path;

/// The targets of the links of a document, as they are written; not those to other hosts.
fn links(text: &str) -> Vec<(usize, &str)> {
    let mut found = Vec::new();
    for (number, line) in (1..).zip(text.lines()) {
        for rest in line.split("](").skip(1) {
            let target = rest.split(')').next().unwrap_or_default();
            let target = target.split('#').next().unwrap_or_default();
            if !target.is_empty() && !target.contains("://") {
                found.push((number, target));
            }
        }
    }
    found
}

/// The files and folders of the tree that a document names: code that begins like a path from the top.
fn paths(text: &str) -> Vec<(usize, &str)> {
    const STARTS: [&str; 7] = [
        "ftp-proto/",
        "ftp-server/src",
        "ftp-user/src",
        "ftp-relay-agent/src",
        "integration-tests/",
        "docs/",
        ".ci/",
    ];
    let lines = (1..).zip(text.lines());
    let spans = lines.flat_map(|(number, line)| {
        line.split('`')
            .skip(1)
            .step_by(2)
            .map(move |span| (number, span.split(' ').next().unwrap_or_default()))
    });
    spans.filter(|(_, span)| STARTS.iter().any(|start| span.starts_with(start))).collect()
}

#[test]
fn every_path_that_a_document_names_is_there() {
    let mut missing = Vec::new();
    for (path, text) in source::texts().into_iter().filter(|(path, _)| path.ends_with(".md")) {
        for (number, named) in paths(&text) {
            if !source::top().join(named).exists() {
                missing.push(format!("{path}:{number}: {named}"));
            }
        }
    }
    assert!(missing.is_empty(), "{}", missing.join("\n"));
}

#[test]
fn every_link_of_the_documents_leads_somewhere() {
    let mut broken = Vec::new();
    for (path, text) in source::texts().into_iter().filter(|(path, _)| path.ends_with(".md")) {
        let folder = source::top().join(Path::new(&path).parent().unwrap());
        for (number, target) in links(&text) {
            if !folder.join(target).exists() {
                broken.push(format!("{path}:{number}: {target}"));
            }
        }
    }
    assert!(broken.is_empty(), "{}", broken.join("\n"));
}

#[test]
fn links_are_found_where_they_stand() {
    let text = "see [a](b.md) and [c](https://example.org/x)\n[d](#here) ([e](f/g.md#part))\n";
    assert_eq!(links(text), [(1, "b.md"), (2, "f/g.md")]);
    let text = "`ftp-user/src/x.rs` and `ftp-user copy`\nin `.ci/full matrix`, `ftp-user/config.toml`\n";
    assert_eq!(paths(text), [(1, "ftp-user/src/x.rs"), (2, ".ci/full")]);
}
