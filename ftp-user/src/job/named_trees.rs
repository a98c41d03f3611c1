//! Which destinations of a list are names of copies of trees. Pure.
//!
//! A tree goes to the name of its destination if nothing is there, and into the directory that is there otherwise. A run
//! that goes on finds the directory which the first one has made, so the journal has its name.

use std::collections::HashSet;

/// A destination: user, host and port (empty for this host), and the path there.
type Destination = (String, Vec<u8>);

/// The destinations of a job that are names of copies of trees.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub(super) struct NamedTrees(HashSet<Destination>);

impl NamedTrees {
    /// Adds one. Returns whether it is new.
    pub(super) fn add(&mut self, destination: Destination) -> bool {
        self.0.insert(destination)
    }

    /// Whether this is one of them.
    pub(super) fn has(&self, destination: &Destination) -> bool {
        self.0.contains(destination)
    }

    /// As the journal has them: for each a line with the path in hexadecimal digits, a blank, and the site.
    pub(super) fn to_word(&self) -> String {
        let mut lines: Vec<String> =
            self.0.iter().map(|(site, path)| format!("{} {site}", hex(path))).collect();
        lines.sort_unstable();
        lines.join("\n")
    }

    /// Reads what [`Self::to_word`] has written. What is not understood is left out.
    pub(super) fn of_word(word: &str) -> Self {
        let read = |line: &str| {
            let (path, site) = line.split_once(' ')?;
            Some((site.to_owned(), bytes(path)?))
        };
        Self(word.lines().filter_map(read).collect())
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

fn bytes(hex: &str) -> Option<Vec<u8>> {
    let pairs = hex.as_bytes().chunks(2);
    pairs.map(|pair| u8::from_str_radix(str::from_utf8(pair).ok()?, 16).ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read() {
        let one = |site: &str, path: &[u8]| (site.to_owned(), path.to_vec());
        let mut trees = NamedTrees::default();
        assert!(trees.add(one("a b@two:21", b"to\n\xff")) && !trees.add(one("a b@two:21", b"to\n\xff")));
        assert!(trees.add(one("", b"dir/to")));
        let read = NamedTrees::of_word(&trees.to_word());
        assert_eq!(read, trees);
        assert!(read.has(&one("", b"dir/to")) && !read.has(&one("", b"dir/t")));
        assert_eq!(NamedTrees::of_word(""), NamedTrees::default());
        assert_eq!(NamedTrees::of_word("name"), NamedTrees::default());
    }
}
