//! Paths: what a URL's path means to a server, and how paths are joined there.

use crate::failure::{Failure, Result};
use ftp_proto::listing::Pattern;
use ftp_proto::wire::{PathName, misleads};
use std::borrow::Cow;
use std::fmt;

/// A path on a server.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct RemotePath {
    /// As the server gets it: relative to the login directory unless it begins with `/`. `None` is
    /// the login directory itself.
    pub name: Option<PathName>,
    /// Whether it was written with a `/` at its end: a directory's contents, or a directory to be.
    pub contents: bool,
    /// The last name as a pattern, if it has `*`, `?` or `[...]` that were not written as `%2A`, `%3F` or `%5B`.
    pub glob: Option<Pattern>,
}

impl RemotePath {
    /// Reads the path of a URL, from the `/` after the authority on. That `/` is a separator: the
    /// path is relative to the login directory, `//` or `/%2F` makes it absolute (RFC 1738 3.2.2).
    pub fn parse(text: &[u8]) -> Result<Self> {
        Self::below(None, text.strip_prefix(b"/").unwrap_or(text))
    }

    /// The path that a text names: absolute, or relative to the directory `base`. It is written as the path of a URL is: `%` and
    /// two digits stand for a byte.
    pub(super) fn below(base: Option<&PathName>, text: &[u8]) -> Result<Self> {
        let decoded = decode(text)?;
        let contents = decoded.is_empty() || decoded.ends_with(b"/");
        let trimmed = match decoded.iter().rposition(|byte| *byte != b'/') {
            Some(last) => decoded.get(..=last).unwrap_or_default(),
            None if decoded.is_empty() => b"",
            None => b"/",
        };
        let name = match trimmed {
            b"" => base.cloned(),
            absolute if absolute.starts_with(b"/") => Some(user_name(absolute)?),
            relative => Some(join(base, &user_name(relative)?)),
        };
        Ok(Self { name, contents, glob: glob(text)? })
    }

    /// The path for commands that need one: `.` is the login directory.
    pub fn or_here(&self) -> PathName {
        self.name.clone().unwrap_or_else(PathName::here)
    }

    /// Appends the path as in a URL, without names that are `.`.
    pub(super) fn push_to(&self, text: &mut String) {
        let name = self.name.as_ref().map_or(&b""[..], PathName::as_bytes);
        let is_here = |name: &[u8]| name == b".";
        let names = || name.split(|byte| *byte == b'/');
        let shown = match names().any(is_here) {
            true => names().filter(|name| !is_here(name)).collect::<Vec<_>>().join(&b'/').into(),
            false => Cow::Borrowed(name),
        };
        text.push('/');
        text.push_str(&self.encoded(&shown));
        let is_root = name.starts_with(b"/") && shown.is_empty();
        if is_root || (self.contents && !matches!(&*shown, b"" | b"/")) {
            text.push('/');
        }
    }

    /// What is shown of its name, percent-encoded. What is typed again means this name: it is no pattern, unless this one is.
    pub(super) fn encoded(&self, shown: &[u8]) -> String {
        let text = encoded(shown);
        let names = text.trim_end_matches('/');
        let (above, last) = text.split_at(names.rfind('/').map_or(0, |slash| slash + 1));
        if self.glob.is_some() || Pattern::parse(last.trim_end_matches('/').as_bytes()).is_none() {
            return text;
        }
        format!("{above}{}", last.replace('*', "%2A").replace('[', "%5B"))
    }
}

impl fmt::Display for RemotePath {
    /// The path as in a URL, without names that are `.`.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut text = String::new();
        self.push_to(&mut text);
        f.write_str(&text)
    }
}

/// Converts a name that a user typed, or fails if no server could be sent it.
pub(super) fn user_name(bytes: &[u8]) -> Result<PathName> {
    PathName::from_user(bytes)
        .map_err(|bad| Failure::usage(format!("{:?} cannot be used: {bad}", String::from_utf8_lossy(bytes))))
}

/// The last name of a path, if it has one that can name a copy.
pub fn base_name(path: &PathName) -> Option<PathName> {
    let bytes = path.as_bytes();
    let end = bytes.iter().rposition(|o| *o != b'/')? + 1;
    let name = bytes.get(..end)?.rsplit(|o| *o == b'/').next()?;
    if matches!(name, b"." | b"..") { None } else { PathName::from_user(name).ok() }
}

/// The directory of a path; `None` when it is the login directory.
pub fn parent(path: &PathName) -> Option<PathName> {
    let bytes = path.as_bytes();
    match bytes.iter().rposition(|o| *o == b'/')? {
        0 => Some(PathName::root()),
        at => PathName::from_user(bytes.get(..at)?).ok(),
    }
}

/// A path and the directories above it, the deepest first.
pub fn with_those_above(path: &PathName) -> impl Iterator<Item = PathName> {
    let above = |path: &PathName| parent(path).filter(|above| above != path);
    std::iter::successors(Some(path.clone()), above)
}

/// The directory of a path, for commands that need one: `.` is the login directory.
pub fn parent_or_here(path: &PathName) -> PathName {
    parent(path).unwrap_or_else(PathName::here)
}

/// `directory/name`; a directory of `None` is the login directory.
pub fn join(directory: Option<&PathName>, name: &PathName) -> PathName {
    let Some(directory) = directory else { return name.clone() };
    let mut bytes = directory.as_bytes().to_vec();
    if !bytes.ends_with(b"/") {
        bytes.push(b'/');
    }
    bytes.extend_from_slice(name.as_bytes());
    // A join of two valid names is valid.
    PathName::from_wire(bytes).unwrap_or_else(|_| name.clone())
}

/// The path of something below a directory; `None` is the directory itself.
pub fn at_or_below(directory: &PathName, below: Option<&PathName>) -> PathName {
    below.map_or_else(|| directory.clone(), |below| join(Some(directory), below))
}

/// Another name in the directory of `path`.
pub fn sibling(path: &PathName, name: &PathName) -> PathName {
    join(parent(path).as_ref(), name)
}

/// Percent-decodes strictly: `%` without two hexadecimal digits is refused.
pub(crate) fn decode(text: &[u8]) -> Result<Vec<u8>> {
    let mut out = Vec::with_capacity(text.len());
    let mut rest = text.iter();
    while let Some(&byte) = rest.next() {
        if byte != b'%' {
            out.push(byte);
            continue;
        }
        let digits = [rest.next(), rest.next()];
        let [Some(high), Some(low)] = digits.map(|digit| digit.and_then(|d| char::from(*d).to_digit(16)))
        else {
            return Err(Failure::usage(
                "the URL is malformed: % is followed by something else than two hexadecimal digits",
            )
            .hint("write a percent sign as %25"));
        };
        out.push(u8::try_from(high * 16 + low).unwrap_or(b'?'));
    }
    Ok(out)
}

/// The last name of a path of a URL as a pattern. What is percent-encoded stands for itself.
fn glob(text: &[u8]) -> Result<Option<Pattern>> {
    let end = text.iter().rposition(|byte| *byte != b'/').map_or(0, |last| last + 1);
    let last = text.get(..end).and_then(|text| text.rsplit(|byte| *byte == b'/').next()).unwrap_or_default();
    // The second one has nothing in the place of what stands for itself.
    let (mut pattern, mut typed) = (Vec::with_capacity(last.len()), Vec::with_capacity(last.len()));
    let mut rest = last;
    while let Some((&first, after)) = rest.split_first() {
        let length = if first == b'%' { 3 } else { 1 };
        let (one, behind) = rest.split_at_checked(length).unwrap_or((rest, b""));
        rest = if first == b'%' { behind } else { after };
        match (first, decode(one)?.as_slice()) {
            (b'%', b"/") => (pattern, typed) = (Vec::new(), Vec::new()),
            (b'%', [byte @ (b'*' | b'?' | b'[')]) => pattern.extend([b'[', *byte, b']']),
            (_, decoded) => {
                pattern.extend(decoded);
                typed.extend(decoded);
            }
        }
    }
    Ok(Pattern::parse(&typed).and_then(|_| Pattern::parse(&pattern)))
}

/// Percent-encodes what would not survive in a URL, and what a terminal would act on.
pub(crate) fn encoded(bytes: &[u8]) -> String {
    let mut out = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            let is_plain = !matches!(c, ' ' | '%' | '#' | '?' | '"' | '@') && !misleads(c);
            push_unless_plain(&mut out, c, is_plain);
        }
        chunk.invalid().iter().for_each(|byte| push_escape(&mut out, *byte));
    }
    out
}

/// Percent-encodes everything but letters, digits, `-._~` and `kept`.
pub(crate) fn escaped(text: &[u8], kept: &[u8]) -> String {
    let mut out = String::new();
    for byte in text {
        match byte.is_ascii_alphanumeric() || b"-._~".contains(byte) || kept.contains(byte) {
            true => out.push(char::from(*byte)),
            false => push_escape(&mut out, *byte),
        }
    }
    out
}

/// Adds a character as it is, or its bytes percent-encoded.
pub(crate) fn push_unless_plain(out: &mut String, c: char, is_plain: bool) {
    match is_plain {
        true => out.push(c),
        false => c.encode_utf8(&mut [0; 4]).bytes().for_each(|byte| push_escape(out, byte)),
    }
}

fn push_escape(out: &mut String, byte: u8) {
    out.push_str(&format!("%{byte:02X}"));
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_directories_above_a_path_end_with_the_root() {
        use crate::place::tests::path as name;
        for (of, expect) in [("/a/b", &["/a/b", "/a", "/"][..]), ("a/b", &["a/b", "a"]), ("/", &["/"])] {
            let all: Vec<PathName> = with_those_above(&name(of)).collect();
            assert_eq!(all, expect.iter().map(name).collect::<Vec<_>>(), "{of}");
        }
    }

    #[test]
    fn what_a_terminal_would_act_on_is_encoded() {
        assert_eq!(
            encoded("a\u{202e}b\u{1b}[31m \u{2028}\u{17c}\u{9b}".as_bytes()),
            "a%E2%80%AEb%1B[31m%20%E2%80%A8\u{17c}%C2%9B"
        );
    }
}
