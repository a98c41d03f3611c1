//! Path names as bytes. A name that could carry a second command cannot be constructed.

use std::fmt;

/// A path name as it stands in a command: at least one byte, no NUL and no LF.
///
/// A CR is allowed. In a command line it travels as CR NUL (RFC 2640 section 3.1).
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
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

impl PathName {
    /// The root directory, `/`, where every session begins.
    pub fn root() -> Self {
        Self(vec![b'/'])
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

    /// Whether this absolute path is `top` or lies beneath it; both without a slash at their end.
    pub fn is_at_or_beneath(&self, top: &Self) -> bool {
        self.0.strip_prefix(top.as_bytes()).is_some_and(|rest| rest.is_empty() || rest.starts_with(b"/"))
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

/// Returns bytes from the other end for people: UTF-8 as it is; control characters, characters that change the direction
/// of a text, separators of lines and other bytes as `%XX`.
pub fn show(bytes: &[u8]) -> String {
    // Nearly everything that is shown.
    let is_plain = bytes.iter().all(|byte| matches!(byte, b' '..=b'~'));
    if let Some(plain) = is_plain.then(|| std::str::from_utf8(bytes).ok()).flatten() {
        return plain.to_owned();
    }
    let mut shown = String::with_capacity(bytes.len());
    for chunk in bytes.utf8_chunks() {
        for c in chunk.valid().chars() {
            if misleads(c) {
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

/// Whether a terminal or an editor would act on the character instead of showing it: control characters, those that
/// change the direction of a text, and separators of lines.
pub fn misleads(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61C}' | '\u{200E}' | '\u{200F}' | '\u{2028}'..='\u{202E}' | '\u{2066}'..='\u{2069}')
}

impl fmt::Debug for PathName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.display())
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
}
