//! Path names as bytes, names of files, and which paths are in a directory. A name that could carry a second command cannot
//! be constructed.

use serde::{Deserialize, Serialize};
use std::fmt;

/// A path name as it stands in a command: at least one byte, no NUL and no LF.
///
/// A CR is allowed. In a command line it travels as CR NUL (RFC 2640 section 3.1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(try_from = "Vec<u8>")]
pub struct PathName(Vec<u8>);

/// Why bytes cannot be a path name.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[non_exhaustive]
pub enum BadName {
    /// There are no bytes at all.
    #[error("the name is empty")]
    Empty,
    /// The name contains NUL or LF, which no command line can carry.
    #[error("the name contains NUL or a line feed, which no FTP command can carry")]
    Control,
    /// The name contains CR, which is refused in names from users (conformance H25).
    #[error("the name contains a carriage return, which would end the command")]
    CarriageReturn,
}

impl TryFrom<Vec<u8>> for PathName {
    type Error = BadName;

    fn try_from(bytes: Vec<u8>) -> Result<Self, BadName> {
        Self::from_wire(bytes)
    }
}

impl PathName {
    /// The root directory, `/`, where every session begins.
    pub fn root() -> Self {
        Self(vec![b'/'])
    }

    /// The directory in which a session is, `.`: the login directory, unless somebody has left that.
    pub fn here() -> Self {
        Self(vec![b'.'])
    }

    /// Creates a name from a command line whose Telnet encoding is already removed. A CR is allowed
    /// (A14).
    ///
    /// # Errors
    ///
    /// Fails if the name is empty or contains NUL or LF.
    pub fn from_wire(bytes: impl Into<Vec<u8>>) -> Result<Self, BadName> {
        let bytes = bytes.into();
        Self::check_wire(&bytes)?;
        Ok(Self(bytes))
    }

    /// Creates a name that a person or a listing gave.
    ///
    /// # Errors
    ///
    /// Fails if the name is empty or contains NUL, LF or CR (H25).
    pub fn from_user(bytes: impl Into<Vec<u8>>) -> Result<Self, BadName> {
        let bytes = bytes.into();
        Self::check_user(&bytes)?;
        Ok(Self(bytes))
    }

    /// Makes this the name that [`Self::from_user`] would create, in the same memory.
    ///
    /// # Errors
    ///
    /// As those of [`Self::from_user`]. Then this name stays as it is.
    pub fn set_from_user(&mut self, bytes: &[u8]) -> Result<(), BadName> {
        Self::check_user(bytes)?;
        self.0.clear();
        self.0.extend_from_slice(bytes);
        Ok(())
    }

    /// The path of parts that are names already.
    pub(super) const fn joined(bytes: Vec<u8>) -> Self {
        Self(bytes)
    }

    fn check_wire(bytes: &[u8]) -> Result<(), BadName> {
        if bytes.is_empty() {
            return Err(BadName::Empty);
        }
        if memchr::memchr2(0, b'\n', bytes).is_some() { Err(BadName::Control) } else { Ok(()) }
    }

    fn check_user(bytes: &[u8]) -> Result<(), BadName> {
        Self::check_wire(bytes)?;
        if memchr::memchr(b'\r', bytes).is_some() { Err(BadName::CarriageReturn) } else { Ok(()) }
    }

    /// Returns the bytes of the name.
    pub fn as_bytes(&self) -> &[u8] {
        &self.0
    }

    /// Returns the name for people: UTF-8 as it is, control characters and other bytes as `%XX`.
    pub fn display(&self) -> String {
        show(&self.0)
    }

    /// Returns the name as it stands inside the quotes of a 257 reply, with quotes doubled (RFC 959
    /// appendix II).
    pub fn quoted(&self) -> Vec<u8> {
        let mut out = vec![b'"'];
        for &o in &self.0 {
            if o == b'"' {
                out.push(b'"');
            }
            out.push(o);
        }
        out.push(b'"');
        out
    }

    /// Reads the name out of the text of a 257 reply: from the first quote to the closing one, with
    /// doubled quotes undone (H25). Returns `None` if there is no such name.
    pub fn unquote(text: &[u8]) -> Option<Self> {
        let start = text.iter().position(|&o| o == b'"')? + 1;
        let mut name = Vec::new();
        let mut rest = text.get(start..)?.iter().peekable();
        while let Some(&o) = rest.next() {
            if o == b'"' {
                if rest.peek() == Some(&&b'"') {
                    rest.next();
                } else {
                    return Self::from_wire(name).ok();
                }
            }
            name.push(o);
        }
        None
    }
}

/// Returns bytes from the other end for people: UTF-8 as it is; what misleads ([`misleads`]) and other bytes as `%XX`. So two
/// names that look alike are the same, as far as the letters of different scripts differ.
pub fn show(bytes: &[u8]) -> String {
    // Nearly everything that is shown.
    let is_plain = bytes.iter().all(|byte| matches!(byte, b' '..=b'~'));
    if let Some(plain) = is_plain.then(|| std::str::from_utf8(bytes).ok()).flatten() {
        return plain.to_owned();
    }
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        let mut before = None;
        for c in chunk.valid().chars() {
            // It chooses the look of the character before it, if that one has several.
            let chooses =
                selects(c) && before.is_some_and(|before: char| !before.is_ascii() && !selects(before));
            before = Some(c);
            if misleads(c) && !chooses {
                for b in c.to_string().bytes() {
                    shown.push_str(&format!("%{b:02X}"));
                }
            } else {
                shown.push(c);
            }
        }
        for b in chunk.invalid() {
            shown.push_str(&format!("%{b:02X}"));
        }
    }
    shown
}

/// Whether a terminal or an editor would act on the character instead of showing it, or show nothing for it: control
/// characters, those that change the direction of a text, separators of lines, and characters without a width (nearly all that
/// Unicode calls default ignorable).
pub fn misleads(c: char) -> bool {
    // Nearly all characters are.
    if c.is_ascii() {
        return c.is_ascii_control();
    }
    c.is_control()
        || selects(c)
        || matches!(c,
            '\u{AD}' | '\u{34F}' | '\u{61C}' | '\u{115F}'..='\u{1160}' | '\u{17B4}'..='\u{17B5}' | '\u{180E}'
            | '\u{200B}'..='\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2060}'..='\u{206F}' | '\u{3164}' | '\u{FEFF}'
            | '\u{FFA0}' | '\u{FFF0}'..='\u{FFFB}' | '\u{1BCA0}'..='\u{1BCA3}' | '\u{1D173}'..='\u{1D17A}'
            | '\u{E0000}'..='\u{E0FFF}'
        )
}

/// Whether the character only chooses between several looks of the one before it, as of an emoji.
const fn selects(c: char) -> bool {
    matches!(c, '\u{180B}'..='\u{180D}' | '\u{180F}' | '\u{FE00}'..='\u{FE0F}' | '\u{E0100}'..='\u{E01EF}')
}

impl fmt::Debug for PathName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.display())
    }
}

impl PathName {
    /// Whether the path begins at the root, and not at the login directory.
    pub fn is_absolute(&self) -> bool {
        self.as_bytes().starts_with(b"/")
    }

    /// The names of the path, without empty ones and those that mean the same directory (`.`).
    pub fn names(&self) -> impl Iterator<Item = &[u8]> {
        self.as_bytes().split(|byte| *byte == b'/').filter(|name| !name.is_empty() && *name != b".")
    }

    /// Whether the path is `directory`, or is in it at any depth. An absolute path and one that is relative to the login
    /// directory cannot be compared, so that neither is in the other.
    ///
    /// ```
    /// use ftp_proto::wire::PathName;
    ///
    /// let path = |text: &str| PathName::from_user(text).unwrap();
    /// assert!(path("/a/b").is_at_or_below(&path("/a")));
    /// assert!(!path("/ab/c").is_at_or_below(&path("/a")));
    /// ```
    pub fn is_at_or_below(&self, directory: &Self) -> bool {
        self.names_below(directory).is_some()
    }

    /// Whether the path is in `directory`, at any depth.
    pub fn is_below(&self, directory: &Self) -> bool {
        self.names_below(directory).is_some_and(|mut names| names.next().is_some())
    }

    /// The names behind those of `directory`, if the path is `directory` or is in it.
    pub fn names_below(&self, directory: &Self) -> Option<impl Iterator<Item = &[u8]>> {
        let mut names = self.names();
        let begins_with = directory.names().all(|name| names.next() == Some(name));
        (begins_with && self.is_absolute() == directory.is_absolute()).then_some(names)
    }

    /// The path relative to `directory`. `None` if it is not in it, or if `..` follows: only the server knows where that leads.
    pub fn relative_to(&self, directory: &Self) -> Option<Self> {
        let names: Vec<&[u8]> = self.names_below(directory)?.collect();
        if names.contains(&b"..".as_slice()) { None } else { Self::from_wire(names.join(&b'/')).ok() }
    }
}

/// One name of a path: no slash, and neither `.` nor `..`. So it never leads out of its directory.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct FileName(PathName);

impl FileName {
    /// Creates the name. Returns `None` if the bytes are no path name ([`PathName::from_wire`]), contain a slash, or are
    /// `.` or `..`.
    ///
    /// ```
    /// use ftp_proto::wire::{FileName, PathName};
    ///
    /// let name = FileName::from_wire(*b"a,b").expect("a name");
    /// assert_eq!(name.in_directory(&PathName::root()).as_bytes(), b"/a,b");
    /// assert_eq!(FileName::from_wire(*b".."), None);
    /// ```
    pub fn from_wire(bytes: impl Into<Vec<u8>>) -> Option<Self> {
        let path = PathName::from_wire(bytes).ok()?;
        let name = path.as_bytes();
        let is_one = memchr::memchr(b'/', name).is_none() && !matches!(name, b"." | b"..");
        is_one.then_some(Self(path))
    }

    /// Returns the bytes of the name.
    pub fn as_bytes(&self) -> &[u8] {
        self.0.as_bytes()
    }

    /// Returns the name as a path, which is relative.
    pub const fn as_path(&self) -> &PathName {
        &self.0
    }

    /// Returns the path of this name in `directory`.
    pub fn in_directory(&self, directory: &PathName) -> PathName {
        let directory = directory.as_bytes();
        let slash: &[u8] = if directory.ends_with(b"/") { b"" } else { b"/" };
        PathName::joined([directory, slash, self.as_bytes()].concat())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn h25_a_name_of_a_user_holds_no_cr_lf_or_nul() {
        for good in ["a b", "\"q\"", "é", "-la", " "] {
            assert_eq!(PathName::from_user(good).unwrap().as_bytes(), good.as_bytes());
        }
        assert_eq!(PathName::from_user(""), Err(BadName::Empty));
        assert_eq!(PathName::from_user("a\nDELE b"), Err(BadName::Control));
        assert_eq!(PathName::from_user("a\0b"), Err(BadName::Control));
        assert_eq!(PathName::from_user("a\r"), Err(BadName::CarriageReturn));
    }

    #[test]
    fn h25_a_name_becomes_another_one_only_if_that_is_good() {
        let mut name = PathName::root();
        assert_eq!(name.set_from_user(b"a longer name"), Ok(()));
        for (bad, why) in
            [(&b""[..], BadName::Empty), (b"a\n", BadName::Control), (b"a\r", BadName::CarriageReturn)]
        {
            assert_eq!(name.set_from_user(bad), Err(why));
            assert_eq!(name.as_bytes(), b"a longer name");
        }
        assert_eq!(name.set_from_user(b"b"), Ok(()));
        assert_eq!(name.as_bytes(), b"b");
    }

    #[test]
    fn what_a_terminal_would_act_on_is_escaped() {
        assert_eq!(show("a\u{1b}[2J\tb".as_bytes()), "a%1B[2J%09b");
        assert_eq!(
            show("\u{202e}gpj.exe \u{2028}x\u{2066}".as_bytes()),
            "%E2%80%AEgpj.exe %E2%80%A8x%E2%81%A6"
        );
        assert_eq!(show("żółw".as_bytes()), "żółw");
        assert_eq!(show(b"\xff"), "%FF");
    }

    #[test]
    fn what_is_not_seen_is_escaped() {
        for (c, is_escaped) in [
            ('\u{200B}', true),  // zero width space
            ('\u{200C}', true),  // zero width non-joiner
            ('\u{200D}', true),  // zero width joiner
            ('\u{200E}', true),  // left-to-right mark
            ('\u{202D}', true),  // left-to-right override
            ('\u{2060}', true),  // word joiner
            ('\u{2063}', true),  // invisible separator
            ('\u{2067}', true),  // right-to-left isolate
            ('\u{206E}', true),  // national digit shapes
            ('\u{FEFF}', true),  // zero width no-break space
            ('\u{AD}', true),    // soft hyphen
            ('\u{34F}', true),   // combining grapheme joiner
            ('\u{61C}', true),   // Arabic letter mark
            ('\u{115F}', true),  // Hangul choseong filler
            ('\u{3164}', true),  // Hangul filler
            ('\u{FFA0}', true),  // halfwidth Hangul filler
            ('\u{180E}', true),  // Mongolian vowel separator
            ('\u{FFF9}', true),  // interlinear annotation anchor
            ('\u{E0041}', true), // tag
            ('\u{FE0F}', true),  // a variation selector behind a letter of ASCII
            ('\u{E0100}', true),
            ('\u{A0}', false),  // no-break space
            ('\u{301}', false), // combining acute accent
            ('\u{3000}', false),
            ('\u{5D0}', false),
            ('\u{FFFD}', false),
            ('\u{1F600}', false),
        ] {
            let name = PathName::from_user(format!("a{c}b")).unwrap();
            let escaped: String = c.to_string().bytes().map(|byte| format!("%{byte:02X}")).collect();
            let expect = if is_escaped { format!("a{escaped}b") } else { format!("a{c}b") };
            assert_eq!(name.display(), expect, "{c:?}");
        }
        // Behind what has several looks a selector is no name of its own, and two of them are.
        assert_eq!(show("\u{2764}\u{FE0F}.jpg".as_bytes()), "\u{2764}\u{FE0F}.jpg");
        assert_eq!(show("\u{845B}\u{E0100}".as_bytes()), "\u{845B}\u{E0100}");
        assert_eq!(show("\u{2764}\u{FE0F}\u{FE0F}".as_bytes()), "\u{2764}\u{FE0F}%EF%B8%8F");
        assert_eq!(show("\u{FE0F}".as_bytes()), "%EF%B8%8F");
    }

    #[test]
    fn a14_a_name_of_the_wire_may_hold_cr_and_no_lf() {
        assert_eq!(PathName::from_wire("a\rb").unwrap().as_bytes(), b"a\rb");
        assert_eq!(PathName::from_wire("a\nb"), Err(BadName::Control));
    }

    #[test]
    fn h25_doubled_quotes_of_a_257_are_undone() {
        let check = |text: &str, expect: Option<&str>| {
            let name = PathName::unquote(text.as_bytes());
            assert_eq!(name.as_ref().map(PathName::as_bytes), expect.map(str::as_bytes), "{text}");
        };
        check("\"/a \"\"b\"\" c\" is current", Some("/a \"b\" c"));
        check("Created \"/x\" and \"/y\"", Some("/x"));
        check("\"\"\"\"", Some("\""));
        check("/x is current", None);
        check("\"\" is current", None);
        check("\"never closed", None);
        let name = PathName::from_wire("/\"x\"").unwrap();
        assert_eq!(PathName::unquote(&name.quoted()), Some(name));
    }

    #[test]
    fn unprintable_bytes_are_shown_in_hex() {
        assert_eq!(show("é\r\n\u{85}".as_bytes()), "é%0D%0A%C2%85");
        assert_eq!(show(b"a\xff\x1b[31m"), "a%FF%1B[31m");
    }

    #[test]
    fn a_path_is_in_the_directories_above_it_and_in_no_other() {
        for (directory, inside, is_at_or_below, is_below, relative) in [
            ("a", "a/b", true, true, Some("b")),
            ("a", "a/b/c", true, true, Some("b/c")),
            ("a", "./a//b/", true, true, Some("b")),
            ("a/", "a", true, false, None),
            ("a/", "a/b", true, true, Some("b")),
            ("a", "ab", false, false, None),
            ("a", "u/a", false, false, None),
            ("/a", "/ab/c", false, false, None),
            ("/a", "/a/b", true, true, Some("b")),
            ("/", "/a", true, true, Some("a")),
            ("/", "/", true, false, None),
            (".", "a", true, true, Some("a")),
            (".", "./a", true, true, Some("a")),
            (".", "/a", false, false, None),
            ("/", "a", false, false, None),
            ("/a", "a/b", false, false, None),
            ("a/b", "a", false, false, None),
            ("a", "a/../b", true, true, None),
            ("a/..", "a/../b", true, true, Some("b")),
            ("../a", "../a/b", true, true, Some("b")),
            (".", "../a", true, true, None),
        ] {
            let path = |text: &str| PathName::from_user(text).unwrap();
            let (directory, inside) = (path(directory), path(inside));
            let found = (inside.is_at_or_below(&directory), inside.is_below(&directory));
            assert_eq!(found, (is_at_or_below, is_below), "{} {}", directory.display(), inside.display());
            let found = inside.relative_to(&directory).map(|path| path.display());
            assert_eq!(found.as_deref(), relative, "{} {}", directory.display(), inside.display());
        }
    }

    #[test]
    fn a_name_stays_in_its_directory() {
        for name in ["", ".", "..", "/", "a/b", "a/", "/a", "../a"] {
            assert_eq!(FileName::from_wire(name), None, "{name:?}");
        }
        for name in [&b"a\0b"[..], b"a\nb"] {
            assert_eq!(FileName::from_wire(name), None, "{name:?}");
        }
        let check = |directory: &str, name: &str, expect: &str| {
            let directory = PathName::from_wire(directory).unwrap();
            let path = FileName::from_wire(name).unwrap().in_directory(&directory);
            assert_eq!(path.display(), expect);
        };
        check("/", "a", "/a");
        check("/d", "...", "/d/...");
        check("d/", " x ,-", "d/ x ,-");
    }
}
