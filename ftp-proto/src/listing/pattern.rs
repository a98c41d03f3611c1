//! Patterns of names (`*.txt`), as clients send them with NLST and LIST.

/// A pattern of names: `*` is any bytes, `?` one character, `[a-z]` one of these, `[!a-z]` none of these.
/// Hidden names (`.profile`) match only if the pattern begins with a dot, as in a shell.
///
/// Matching takes at most as many steps as the pattern and the name have bytes, multiplied.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Pattern(Vec<Part>);

#[derive(Clone, PartialEq, Eq, Debug)]
enum Part {
    /// Any bytes, or none.
    Any,
    /// Exactly one character.
    One,
    /// One ASCII character of these ranges, or one character that is none of them.
    Of { none: bool, ranges: Vec<(u8, u8)> },
    /// This very byte.
    Byte(u8),
}

/// Maximum number of bytes of a pattern: a longer one is the name of nothing but itself.
const LONGEST: usize = 128;

impl Pattern {
    /// Reads a pattern. `None` if the name has none of the characters that make it one, or is too long.
    ///
    /// ```
    /// use ftp_proto::listing::Pattern;
    ///
    /// let pattern = Pattern::parse(b"*.t[xa]?").unwrap();
    /// assert!(pattern.matches(b"a.txt") && pattern.matches("b.tar".as_bytes()));
    /// assert!(!pattern.matches(b".a.txt") && Pattern::parse(b"a.txt").is_none());
    /// ```
    pub fn parse(name: &[u8]) -> Option<Self> {
        // Most names are no pattern.
        if name.len() > LONGEST || !name.iter().any(|byte| matches!(byte, b'*' | b'?' | b'[')) {
            return None;
        }
        let mut parts = Vec::new();
        let mut rest = name;
        while let Some((&first, after)) = rest.split_first() {
            rest = after;
            let part = match first {
                b'*' => Part::Any,
                b'?' => Part::One,
                b'[' => match class(after) {
                    Some((part, behind)) => {
                        rest = behind;
                        part
                    }
                    None => Part::Byte(first),
                },
                other => Part::Byte(other),
            };
            if part != Part::Any || parts.last() != Some(&Part::Any) {
                parts.push(part);
            }
        }
        parts.iter().any(|part| !matches!(part, Part::Byte(_))).then_some(Self(parts))
    }

    /// Whether `name` matches the pattern.
    pub fn matches(&self, name: &[u8]) -> bool {
        if name.first() == Some(&b'.') && self.0.first() != Some(&Part::Byte(b'.')) {
            return false;
        }
        let (mut part, mut at) = (0, 0);
        // Behind the last `*`, and where what it stands for ends so far. An earlier one needs no second look.
        let mut back: Option<(usize, usize)> = None;
        loop {
            let rest = name.get(at..).unwrap_or_default();
            let taken = match self.0.get(part) {
                Some(Part::Any) => {
                    part += 1;
                    back = Some((part, at));
                    continue;
                }
                Some(other) => other.taken(rest),
                None if rest.is_empty() => return true,
                None => None,
            };
            match (taken, &mut back) {
                (Some(count), _) => (part, at) = (part + 1, at + count),
                (None, Some((behind, end))) if *end < name.len() => {
                    *end += 1;
                    (part, at) = (*behind, *end);
                }
                (None, _) => return false,
            }
        }
    }
}

impl Part {
    /// How many bytes at the beginning of `rest` this part stands for; `None` if it does not fit.
    fn taken(&self, rest: &[u8]) -> Option<usize> {
        let first = *rest.first()?;
        let fits = match self {
            Self::Any | Self::One => true,
            Self::Byte(byte) => return (*byte == first).then_some(1),
            Self::Of { none, ranges } => {
                ranges.iter().any(|(low, high)| (*low..=*high).contains(&first)) != *none
            }
        };
        // The bytes of one character in UTF-8.
        let more = rest.iter().skip(1).take_while(|byte| (0x80..0xc0).contains(*byte)).count();
        fits.then_some(if first < 0x80 { 1 } else { 1 + more })
    }
}

/// Reads what follows `[`: the ranges up to `]`, and what is behind that. `None` if there is no `]`.
fn class(text: &[u8]) -> Option<(Part, &[u8])> {
    let (none, mut rest) = match text.split_first() {
        Some((b'!' | b'^', rest)) => (true, rest),
        Some(_) | None => (false, text),
    };
    let mut ranges = Vec::new();
    loop {
        let (&low, after) = rest.split_first()?;
        rest = match (low, after) {
            // A bracket at the beginning stands for itself.
            (b']', behind) if !ranges.is_empty() => return Some((Part::Of { none, ranges }, behind)),
            (low, [b'-', high, behind @ ..]) if *high != b']' => {
                ranges.push((low, *high));
                behind
            }
            (low, behind) => {
                ranges.push((low, low));
                behind
            }
        };
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn patterns_match_as_in_a_shell() {
        for (pattern, yes, no) in [
            ("*", "a ab é", ".a"),
            ("*.txt", "a.txt b.txt.txt", "a.txt.gz txt .b.txt"),
            (".*", ".a .", "a"),
            ("a*b*c", "abc axxbyyc abcbc", "ab acb abcd"),
            ("?", "a é", "ab ."),
            ("a??", "abc aéz", "ab abcd"),
            ("[abc]x", "ax cx", "dx x"),
            ("[a-c]*", "a bb", "d"),
            ("[!a-c]?", "dx", "ax"),
            ("[^a]", "b é", "a"),
            ("[]]", "]", "["),
            ("[a-]", "a -", "b"),
            ("*[", "a[ [", "a"),
        ] {
            let read = Pattern::parse(pattern.as_bytes()).unwrap();
            for name in yes.split(' ') {
                assert!(read.matches(name.as_bytes()), "{pattern} {name}");
            }
            for name in no.split(' ') {
                assert!(!read.matches(name.as_bytes()), "{pattern} {name}");
            }
        }
    }

    #[test]
    fn a_name_without_special_characters_is_no_pattern_nor_is_a_very_long_one() {
        for name in ["a.txt", "", "a]b", "a[b", "-la"] {
            assert_eq!(Pattern::parse(name.as_bytes()), None, "{name}");
        }
        assert_eq!(Pattern::parse(&[b'*'; 129]), None);
    }

    #[test]
    fn many_asterisks_cost_little() {
        let pattern = Pattern::parse("*a".repeat(64).as_bytes()).unwrap();
        assert!(!pattern.matches(&[b'a'; 4_000].iter().copied().chain([b'b']).collect::<Vec<u8>>()));
    }

    /// The same by definition, for short names: slow.
    fn slow(parts: &[Part], name: &[u8]) -> bool {
        match parts.split_first() {
            None => name.is_empty(),
            Some((Part::Any, rest)) => (0..=name.len()).any(|n| slow(rest, &name[n..])),
            Some((part, rest)) => part.taken(name).is_some_and(|n| slow(rest, &name[n..])),
        }
    }

    proptest! {
        #[test]
        fn any_pattern_matches_what_its_definition_says(pattern in "[ab*?\\[\\]!-]{0,8}", name in "[ab-]{0,8}") {
            if let Some(read) = Pattern::parse(pattern.as_bytes()) {
                prop_assert_eq!(read.matches(name.as_bytes()), slow(&read.0, name.as_bytes()), "{:?}", read);
            }
        }
    }
}
