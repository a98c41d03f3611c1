//! The files of the tree as the rules see them.

use std::fs;
use std::path::{Path, PathBuf};

/// A Rust file.
pub(super) struct Source {
    /// Its path from the top of the tree.
    pub(super) path: String,
    /// All of it.
    pub(super) text: String,
    /// How many lines it has.
    pub(super) lines: usize,
    /// Its lines of code, numbered: without comments and without what stands under `cfg(test)`.
    pub(super) code: Vec<(usize, String)>,
}

/// The top of the tree.
pub(super) fn top() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_path_buf()
}

/// A file of the tree.
pub(super) fn read(path: &str) -> String {
    fs::read_to_string(top().join(path)).unwrap_or_else(|error| panic!("{path}: {error}"))
}

/// Every text file of the tree, by its path.
pub(super) fn texts() -> Vec<(String, String)> {
    let mut found = Vec::new();
    let mut directories = vec![top()];
    while let Some(directory) = directories.pop() {
        for entry in fs::read_dir(&directory).unwrap().map(Result::unwrap) {
            let path = entry.path();
            let name = entry.file_name().into_string().unwrap();
            // The RFCs stand as their authors wrote them.
            if matches!(name.as_str(), "target" | ".git" | "rfc") {
                continue;
            }
            if entry.file_type().unwrap().is_dir() {
                directories.push(path);
            } else if let Ok(text) = fs::read_to_string(&path) {
                let path = path.strip_prefix(top()).unwrap().to_str().unwrap().to_owned();
                found.push((path, text));
            }
        }
    }
    found.sort();
    found
}

/// Every Rust file of the tree.
pub(super) fn sources() -> Vec<Source> {
    texts()
        .into_iter()
        .filter(|(path, _)| path.ends_with(".rs"))
        .map(|(path, text)| {
            let test_file = path.ends_with("/tests.rs")
                || path.contains("/tests/")
                || path.starts_with("integration-tests/");
            let code = if test_file && !path.starts_with("integration-tests/src") {
                Vec::new()
            } else {
                code(&text)
            };
            Source { lines: text.lines().count(), code, path, text }
        })
        .collect()
}

fn code(text: &str) -> Vec<(usize, String)> {
    (1..)
        .zip(text.lines())
        .take_while(|(_, line)| !line.starts_with("#[cfg(test)]"))
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(number, line)| (number, without_comment(line).to_owned()))
        .collect()
}

/// The line without a comment at its end; a `//` inside a string is kept.
fn without_comment(line: &str) -> &str {
    line.match_indices("//")
        .find(|(at, _)| line.get(..*at).is_some_and(|before| before.matches('"').count() % 2 == 0))
        .map_or(line, |(at, _)| line.get(..at).unwrap_or(line))
}

/// Whether a line of code says a reply code in digits: `Code(226)`, `226 =>`, `== 226`, `"226 "`.
pub(super) fn reply_digits(line: &str) -> bool {
    let octets = line.as_bytes();
    (0..octets.len().saturating_sub(2)).any(|at| {
        let three = octets.get(at..at + 3).unwrap_or_default();
        let before = at.checked_sub(1).and_then(|at| octets.get(at)).copied().unwrap_or(b' ');
        let after = octets.get(at + 3).copied().unwrap_or(b' ');
        let number =
            three.iter().all(u8::is_ascii_digit) && (b'1'..=b'5').contains(three.first().unwrap_or(&0));
        let whole = !before.is_ascii_alphanumeric()
            && !matches!(before, b'.' | b'_' | b'-' | b'#')
            && !after.is_ascii_alphanumeric()
            && !matches!(after, b'.' | b'_');
        let start = line.get(..at).unwrap_or_default().trim_end();
        let rest = line.get(at + 3..).unwrap_or_default().trim_start();
        let an_arm = (start.is_empty() || start.ends_with('|') || start.ends_with('('))
            && (rest.starts_with("=>") || rest.starts_with("..=") || rest.starts_with('|'));
        let a_code = ["Code(", "==", "!="].iter().any(|end| start.ends_with(end))
            || an_arm
            || (before == b'"' && matches!(after, b' ' | b'-' | b'"'));
        number && whole && a_code
    })
}

#[test]
fn reply_digits_are_seen_where_they_are_codes() {
    for (line, seen) in [
        ("Code(226)", true),
        ("if reply.code == 226 {", true),
        ("226 | 250 => done(),", true),
        ("write(\"226 Transfer complete\")", true),
        ("Ok(number) if number > 255 => Some(number),", false),
        ("const SIZE: usize = 512;", false),
        ("\"sha-256\"", false),
        ("at(3600)", false),
        ("255.255.255.255", false),
    ] {
        assert_eq!(reply_digits(line), seen, "{line}");
    }
}
