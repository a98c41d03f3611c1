//! Which files of a tree are copied: `--include` and `--exclude`. Pure.

use crate::failure::{Failure, Result};
use ftp_proto::listing::{Entry, Kind};
use ftp_proto::wire::PathName;
use globset::{GlobBuilder, GlobSet, GlobSetBuilder};
use std::ffi::OsStr;
use std::os::unix::ffi::OsStrExt;
use std::path::Path;

/// Which files of a tree are copied. What `--exclude` matches is left out, a directory with everything in it. If there
/// is an `--include`, only those files are copied that one matches, or that are in a directory that one matches.
///
/// Of the lines of `--filter-from` the first one that matches a file decides, as in rclone: it is copied or left out. A
/// pattern with a slash at its end matches what is in such a directory, and another one files only. A file that no line
/// matches is copied.
///
/// A pattern without a slash matches the last name of a path, at any depth. Another one matches the path below the
/// tree; a slash at its beginning says no more. A pattern with a slash at its end matches directories only. `*` and `?`
/// match no slash, `**` matches directories at any depth, and `?` is one byte.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Filter {
    include: Patterns,
    exclude: Patterns,
    lines: Vec<FilterLine>,
}

/// A line of `--filter-from`.
#[derive(Clone, PartialEq, Eq, Debug)]
struct FilterLine {
    includes: bool,
    patterns: Patterns,
    /// Whether its pattern matches everything in the directories that it matches.
    is_of_directories: bool,
}

/// Patterns of one option.
#[derive(Clone, Debug, Default)]
struct Patterns {
    /// As they were typed. Those with a slash at their ends match directories only.
    texts: Vec<String>,
    set: GlobSet,
}

impl PartialEq for Patterns {
    fn eq(&self, other: &Self) -> bool {
        self.texts == other.texts
    }
}

impl Eq for Patterns {}

impl Filter {
    /// Reads the patterns of both options.
    pub fn new(include: &[String], exclude: &[String]) -> Result<Self> {
        Ok(Self { include: Patterns::new(include)?, exclude: Patterns::new(exclude)?, lines: Vec::new() })
    }

    /// Appends a line of `--filter-from`, which `includes` what `glob` matches, or leaves it out.
    ///
    /// # Errors
    ///
    /// The pattern cannot be read.
    pub fn push_line(&mut self, includes: bool, glob: &str) -> Result<()> {
        let patterns = Patterns::new(&[glob.to_owned()])?;
        let is_of_directories = glob.ends_with('/') || glob.ends_with("/**") || glob == "**";
        self.lines.push(FilterLine { includes, patterns, is_of_directories });
        Ok(())
    }

    /// Whether only some files are copied, so that a directory may stay without any.
    pub(in crate::job) fn selects(&self) -> bool {
        self.selecting().is_some()
    }

    /// The option by which only some files are copied, if there is one.
    pub(in crate::job) fn selecting(&self) -> Option<&'static str> {
        let mut from_first_include = self.lines.iter().skip_while(|line| !line.includes);
        match !self.include.texts.is_empty() {
            true => Some("--include"),
            false => from_first_include.any(|line| !line.includes).then_some("--filter-from"),
        }
    }

    /// Whether the directory at `path` below the tree is looked at.
    pub(in crate::job) fn enters(&self, path: &PathName) -> bool {
        !self.exclude.matches(path, true) && self.may_take_below(path)
    }

    /// Whether a line of `--filter-from` may take something in a directory.
    fn may_take_below(&self, path: &PathName) -> bool {
        for line in &self.lines {
            if line.includes {
                return true;
            }
            if line.is_of_directories && line.patterns.matches(path, true) {
                return false;
            }
        }
        true
    }

    /// Whether the first line of `--filter-from` that matches a file takes it.
    fn is_taken_by_line(&self, path: &PathName) -> bool {
        let decides = |line: &&FilterLine| {
            let mut above = std::iter::successors(crate::place::parent(path), crate::place::parent);
            line.patterns.matches(path, false)
                || above.any(|above| line.patterns.matching(&above).any(|text| text.ends_with('/')))
        };
        self.lines.iter().find(decides).is_none_or(|line| line.includes)
    }

    /// Whether what a directory holds is looked at, if it is a directory, or copied. Its name is the path below the tree.
    pub(in crate::job) fn takes_entry(&self, entry: &Entry) -> bool {
        match entry.kind {
            Kind::Directory => self.enters(&entry.name),
            Kind::File | Kind::Link | Kind::Current | Kind::Parent | Kind::Other => self.takes(&entry.name),
        }
    }

    /// Whether the file at `path` below the tree is copied, if the directories above it are looked at.
    pub(in crate::job) fn takes(&self, path: &PathName) -> bool {
        let includes = |path: &PathName| {
            let above = std::iter::successors(crate::place::parent(path), crate::place::parent);
            self.include.matches(path, false)
                || above.into_iter().any(|above| self.include.matches(&above, true))
        };
        let is_included = self.include.texts.is_empty() || includes(path);
        !self.exclude.matches(path, false) && is_included && self.is_taken_by_line(path)
    }
}

impl Patterns {
    fn new(texts: &[String]) -> Result<Self> {
        let mut set = GlobSetBuilder::new();
        let failed = |text: &str, error: globset::Error| {
            Failure::usage(format!("the pattern {text:?} cannot be read: {}", error.kind()))
        };
        for text in texts {
            let pattern = text.strip_suffix('/').unwrap_or(text);
            let anywhere = !pattern.contains('/');
            let pattern = pattern.strip_prefix('/').unwrap_or(pattern);
            if pattern.is_empty() {
                return Err(Failure::usage(format!("the pattern {text:?} matches nothing")));
            }
            // The library descends into braces by recursion.
            if pattern.matches('{').count() > BRACES {
                return Err(Failure::usage(format!("a pattern has more than {BRACES} braces")));
            }
            let pattern = if anywhere { format!("**/{pattern}") } else { pattern.to_owned() };
            let glob = GlobBuilder::new(&pattern).literal_separator(true).backslash_escape(true).build();
            set.add(glob.map_err(|error| failed(text, error))?);
        }
        let set = set.build().map_err(|error| failed(&texts.join(" "), error))?;
        Ok(Self { texts: texts.to_vec(), set })
    }

    fn matches(&self, path: &PathName, is_directory: bool) -> bool {
        self.matching(path).any(|text| is_directory || !text.ends_with('/'))
    }

    /// The patterns that match, as they were typed.
    fn matching(&self, path: &PathName) -> impl Iterator<Item = &String> {
        let matching = self.set.matches(Path::new(OsStr::from_bytes(path.as_bytes())));
        matching.into_iter().filter_map(|index| self.texts.get(index))
    }
}

/// The largest number of braces in a pattern.
const BRACES: usize = 64;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::place::parent;

    fn filter(include: &[&str], exclude: &[&str]) -> Filter {
        let texts = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Filter::new(&texts(include), &texts(exclude)).unwrap()
    }

    fn of_lines(lines: &[&str]) -> Filter {
        let mut filter = Filter::default();
        for line in lines {
            let (sign, glob) = line.split_once(' ').unwrap();
            filter.push_line(sign == "+", glob).unwrap();
        }
        filter
    }

    /// Whether all directories above a file are entered.
    fn is_reached(filter: &Filter, file: &PathName) -> bool {
        std::iter::successors(parent(file), parent).all(|above| filter.enters(&above))
    }

    #[test]
    fn a_pattern_cannot_overflow_the_stack() {
        let nested = "{".repeat(20_000) + &"}".repeat(20_000);
        assert!(Filter::new(&[], &[nested]).is_err());
    }

    #[test]
    fn files_are_chosen_by_name_or_by_path() {
        let check = |include: &[&str], exclude: &[&str], path: &[u8], expect: bool| {
            let path = PathName::from_wire(path).unwrap();
            assert_eq!(
                filter(include, exclude).takes(&path),
                expect,
                "{include:?} {exclude:?} {}",
                path.display()
            );
        };
        check(&[], &[], b"a/b", true);
        check(&["*.txt"], &[], b"a/b/c.txt", true);
        check(&["*.txt"], &[], b"c.txt.gz", false);
        check(&["/*.txt"], &[], b"a/c.txt", false);
        check(&["a/*.txt"], &[], b"a/c.txt", true);
        check(&["a/*.txt"], &[], b"x/a/c.txt", false);
        check(&["a/**/c.txt"], &[], b"a/x/y/c.txt", true);
        check(&["photos/"], &[], b"x/photos/y/c.jpg", true);
        check(&["photos/"], &[], b"photos", false);
        check(&["photos"], &[], b"photos/a", true);
        check(&["*.txt", "*.md"], &["draft*"], b"draft.txt", false);
        check(&["*.txt", "*.md"], &["draft*"], b"final.md", true);
        check(&[], &["tmp/"], b"tmp", true);
        check(&[], &["*.{o,d}"], b"x/a.d", false);
        check(&[], &["[a-c]?"], b"b\xc3\xa9", true);
        check(&[], &["[a-c]??"], b"b\xc3\xa9", false);
        check(&[], &["*.tmp"], b"\xff.tmp", false);
        check(&[], &["\\*"], b"a", true);
        check(&[], &["\\*"], b"*", false);
    }

    #[test]
    fn a_directory_that_is_excluded_is_not_entered() {
        let check = |exclude: &str, path: &str, expect: bool| {
            let path = PathName::from_user(path).unwrap();
            assert_eq!(filter(&["*.txt"], &[exclude]).enters(&path), expect, "{exclude} {}", path.display());
        };
        check(".git", "a/.git", false);
        check(".git/", ".git", false);
        check("/build", "a/build", true);
        check("/build", "build", false);
        check("a/b", "a/b", false);
        check("a/b", "c/a/b", true);
    }

    #[test]
    fn the_first_line_that_matches_a_file_decides() {
        let check = |lines: &[&str], path: &str, expect: bool| {
            let (filter, path) = (of_lines(lines), PathName::from_user(path).unwrap());
            let is_taken = is_reached(&filter, &path) && filter.takes(&path);
            assert_eq!(is_taken, expect, "{lines:?} {}", path.display());
        };
        let pictures: &[&str] = &["+ *.jpg", "- *"];
        check(pictures, "a.jpg", true);
        check(pictures, "d/e/a.jpg", true);
        check(pictures, "d/b.txt", false);
        let no_logs: &[&str] = &["- *.log", "+ *.jpg"];
        check(no_logs, "a.jpg", true);
        check(no_logs, "b.txt", true);
        check(no_logs, "d/c.log", false);
        let one_log: &[&str] = &["+ /keep.log", "- *.log", "- cache/"];
        check(one_log, "keep.log", true);
        check(one_log, "d/keep.log", false);
        check(one_log, "d/cache/x", false);
        check(one_log, "cache", true);
        let kept: &[&str] = &["+ cache/keep/", "- cache/"];
        check(kept, "cache/keep/x", true);
        check(kept, "cache/x", false);
        check(&["- cache/", "+ cache/keep/"], "cache/keep/x", false);
        check(&["+ /d/**", "- **"], "d/e/f", true);
        check(&["+ /d/**", "- **"], "e", false);
        check(&["- name"], "name/file", true);
        check(&["- **/cache"], "d/cache/f", true);
        check(&["- **/cache"], "d/cache", false);
        check(&["- **/cache/"], "d/cache/f", false);
        check(&["- **/cache/**"], "d/cache/e/f", false);
        check(&[], "a", true);
    }

    #[test]
    fn what_the_lines_take_is_in_directories_that_they_enter() {
        let path = |text: &str| PathName::from_user(text).unwrap();
        let globs = [
            "*", "**", "a", "a/", "/a", "/a/", "a/b", "a/**", "**/a", "**/a/", "a/**/b", "**/b/**",
            "{a,a/**}", "a*/", "?", "/**/b/", "a/*", "[ab]/",
        ];
        let files: Vec<PathName> = ["a", "b", "ab"]
            .iter()
            .flat_map(|top| ["a", "b"].map(|middle| format!("{top}/{middle}")))
            .flat_map(|above| ["a", "b"].map(|last| path(&format!("{above}/{last}"))))
            .collect();
        let lines = globs.iter().flat_map(|glob| [(true, *glob), (false, *glob)]);
        for (first, second) in
            lines.clone().flat_map(|first| lines.clone().map(move |second| (first, second)))
        {
            let mut filter = Filter::default();
            for (includes, glob) in [first, second] {
                filter.push_line(includes, glob).unwrap();
            }
            for file in &files {
                let is_possible = is_reached(&filter, file) || !filter.takes(file);
                assert!(is_possible, "{first:?} {second:?} {}", file.display());
            }
        }
    }

    #[test]
    fn directories_without_a_file_are_made_unless_lines_select() {
        for (lines, expect) in [
            (&["+ *.jpg"][..], false),
            (&["- *.log"], false),
            (&["- *.log", "+ *.jpg"], false),
            (&["+ *.jpg", "- *"], true),
        ] {
            assert_eq!(of_lines(lines).selects(), expect, "{lines:?}");
        }
    }

    #[test]
    fn a_pattern_that_cannot_be_read_is_named() {
        for (text, words) in
            [("a[", "\"a[\""), ("{a", "\"{a\""), ("", "matches nothing"), ("/", "matches nothing")]
        {
            let failure = Filter::new(&[], &[text.to_owned()]).unwrap_err();
            assert!(failure.to_string().contains(words), "{failure}");
        }
    }
}
