//! Every link of a document leads to a file or folder of the tree.

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
}
