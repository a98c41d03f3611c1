//! A line of the shell as words: quoted as for a POSIX shell, without expansion. Pure.

use crate::failure::Failure;

/// A word of a line.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Word {
    /// What it means, without its quotes.
    pub text: String,
    /// Where it begins in the line, in bytes.
    pub at: usize,
    /// Whether it stands in parentheses: words in between, which only make a command easier to read.
    pub is_noise: bool,
}

/// A line that was taken apart.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct ShellLine {
    /// Its words in order.
    pub words: Vec<Word>,
    /// Whether it ends with `&`: it is carried out in the background.
    pub is_background: bool,
}

/// What stands before the cursor.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct TextBeforeCursor {
    /// The words that are complete.
    pub(super) words: Vec<Word>,
    /// The word that the cursor ends; empty behind a blank.
    pub(super) last: Word,
}

/// Takes a line apart.
///
/// # Errors
///
/// A quote or a parenthesis is open at the end, or a character has a meaning elsewhere that it does not have here.
pub fn split(line: &str) -> Result<ShellLine, Mistake> {
    let mut scan = Scan::default();
    scan.read(line)?;
    let mistake = |what: &str| Err(Mistake::at(scan.opened, what));
    match scan.open {
        Open::Nothing => {}
        Open::Single | Open::Double => return mistake("this quote is not closed"),
        Open::Noise => return mistake("this parenthesis is not closed"),
        Open::Backslash => return mistake("a backslash needs a character behind it"),
    }
    scan.end_word();
    Ok(ShellLine { words: scan.words, is_background: scan.is_background })
}

/// Takes apart what stands before the cursor. A word whose quote is open is the last one; what cannot be read has no words.
pub(super) fn before(text: &str) -> Option<TextBeforeCursor> {
    let mut scan = Scan::default();
    scan.read(text).ok()?;
    if scan.is_comment || scan.is_background || scan.open == Open::Noise {
        return None;
    }
    let end = Word { text: String::new(), at: text.len(), is_noise: false };
    Some(TextBeforeCursor { last: scan.word.unwrap_or(end), words: scan.words })
}

/// Writes a word so that [`split`] reads it again: every character that means something else has a backslash.
pub fn quoted(word: &str) -> String {
    if word.is_empty() {
        return "''".to_owned();
    }
    let mut out = String::with_capacity(word.len());
    for (index, one) in word.chars().enumerate() {
        let begins = index == 0 && matches!(one, '#' | '(');
        if begins || one.is_whitespace() || SPECIAL.contains(one) || matches!(one, '\'' | '"' | '\\' | '&') {
            out.push('\\');
        }
        out.push(one);
    }
    out
}

/// What is open.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
enum Open {
    #[default]
    Nothing,
    Single,
    Double,
    Noise,
    Backslash,
}

#[derive(Default)]
struct Scan {
    words: Vec<Word>,
    word: Option<Word>,
    open: Open,
    /// Where it was opened.
    opened: usize,
    is_comment: bool,
    is_background: bool,
}

impl Scan {
    fn read(&mut self, line: &str) -> Result<(), Mistake> {
        let mut rest = line.char_indices().peekable();
        while let Some((at, one)) = rest.next() {
            if self.is_background && !one.is_whitespace() && one != '#' {
                return Err(Mistake::at(at, "nothing stands behind &"));
            }
            match self.open {
                Open::Single if one == '\'' => self.open = Open::Nothing,
                Open::Noise if one == ')' => {
                    self.open = Open::Nothing;
                    self.end_word();
                }
                Open::Single | Open::Noise => self.push(at, one),
                Open::Double if one == '"' => self.open = Open::Nothing,
                Open::Double if one == '\\' => match rest.next_if(|(_, next)| "$`\"\\".contains(*next)) {
                    Some((_, next)) => self.push(at, next),
                    None => self.push(at, one),
                },
                Open::Double => self.push(at, one),
                Open::Nothing if one == '\\' => match rest.next() {
                    Some((_, next)) => self.push(at, next),
                    None => (self.open, self.opened) = (Open::Backslash, at),
                },
                Open::Nothing => {
                    if !self.bare(at, one)? {
                        return Ok(());
                    }
                }
                Open::Backslash => {}
            }
        }
        Ok(())
    }

    /// Takes a character outside quotes. Returns whether the line goes on behind it.
    fn bare(&mut self, at: usize, one: char) -> Result<bool, Mistake> {
        match one {
            '#' if self.word.is_none() => {
                self.is_comment = true;
                return Ok(false);
            }
            '(' if self.word.is_none() => {
                self.word = Some(Word { text: String::new(), at, is_noise: true });
                (self.open, self.opened) = (Open::Noise, at);
            }
            '\'' | '"' => {
                self.begin(at);
                (self.open, self.opened) = (if one == '"' { Open::Double } else { Open::Single }, at);
            }
            '&' => {
                self.end_word();
                self.is_background = true;
            }
            one if SPECIAL.contains(one) => {
                let what = format!(
                    "{one} has no meaning here: there are no pipes, redirections and lists of commands"
                );
                return Err(Mistake::at(at, what).hint(format!("write \\{one} for the character")));
            }
            one if one.is_whitespace() => self.end_word(),
            one => self.push(at, one),
        }
        Ok(true)
    }

    fn begin(&mut self, at: usize) -> &mut Word {
        self.word.get_or_insert_with(|| Word { text: String::new(), at, is_noise: false })
    }

    fn push(&mut self, at: usize, one: char) {
        self.begin(at).text.push(one);
    }

    fn end_word(&mut self) {
        self.words.extend(self.word.take());
    }
}

/// Characters with a meaning for a POSIX shell that this one does not have.
const SPECIAL: &str = "|<>;";

/// What is wrong with a line, and where.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Mistake {
    /// Where it stands in the line, in bytes.
    pub at: usize,
    /// What is wrong, and what to do about it.
    pub what: Box<Failure>,
}

impl Mistake {
    /// A mistake at this byte of the line.
    pub fn at(at: usize, what: impl Into<String>) -> Self {
        Self { at, what: Box::new(Failure::usage(what)) }
    }

    /// The same with what to do about it.
    #[must_use]
    pub fn hint(self, hint: impl Into<String>) -> Self {
        Self { what: Box::new(self.what.hint(hint)), ..self }
    }

    /// The character of the line where it stands; the first one is 1.
    pub fn column(&self, line: &str) -> usize {
        line.char_indices().take_while(|(at, _)| *at < self.at).count() + 1
    }

    /// The failure, with the place in the line.
    pub fn failure(self, line: &str) -> Failure {
        let column = self.column(line);
        self.what.during(format_args!("column {column}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn words(line: &str) -> Vec<String> {
        let shown = |word: Word| if word.is_noise { format!("({})", word.text) } else { word.text };
        split(line).unwrap().words.into_iter().map(shown).collect()
    }

    #[test]
    fn words_are_quoted_as_for_a_posix_shell() {
        let check = |line: &str, expect: &[&str]| assert_eq!(words(line), expect, "{line}");
        check("", &[]);
        check("   # all of it", &[]);
        check("ls lab:a  lab:b\t-l", &["ls", "lab:a", "lab:b", "-l"]);
        check("ls 'a b' \"c d\" e\\ f", &["ls", "a b", "c d", "e f"]);
        check("a'b'\"c\"d", &["abcd"]);
        check("'a\\b' \"a\\b\" \"a\\\"b\" \"a\\\\b\" a\\\\b", &["a\\b", "a\\b", "a\"b", "a\\b", "a\\b"]);
        check("'' \"\"", &["", ""]);
        check("a#b #c", &["a#b"]);
        check("$HOME ~ * `x` [a-z]?", &["$HOME", "~", "*", "`x`", "[a-z]?"]);
        check("APPEND (FILE) a (TO FILE) b", &["APPEND", "(FILE)", "a", "(TO FILE)", "b"]);
        check("cat '(a)' a(1)", &["cat", "(a)", "a(1)"]);
        check("ls '|' \\; a\\&b", &["ls", "|", ";", "a&b"]);
    }

    #[test]
    fn an_ampersand_at_the_end_means_the_background() {
        for (line, is_background) in
            [("ls a &", true), ("ls a& # b", true), ("ls 'a&'", false), ("ls a", false)]
        {
            assert_eq!(split(line).unwrap().is_background, is_background, "{line}");
        }
        assert_eq!(words("ls a&"), ["ls", "a"]);
    }

    #[test]
    fn a_mistake_is_told_with_its_column() {
        let check = |line: &str, column: usize, expect: &str| {
            let mistake = split(line).unwrap_err();
            assert_eq!(mistake.column(line), column, "{line}");
            assert!(mistake.what.what.contains(expect), "{line}: {}", mistake.what);
        };
        check("ls 'a", 4, "quote is not closed");
        check("ls \u{fc} \"a", 6, "quote is not closed");
        check("copy (FILE a b", 6, "parenthesis is not closed");
        check("ls a\\", 5, "needs a character");
        check("ls a | cat", 6, "there are no pipes");
        check("ls a > b", 6, "there are no pipes");
        check("ls a & b", 8, "nothing stands behind &");
        check("ls a; ls b", 5, "there are no pipes");
    }

    #[test]
    fn what_is_quoted_is_read_again() {
        for word in ["a", "", "a b", "'", "\"", "\\", "#x", "(x)", "a|b;c<d>e&f", "lab:a%20b", "-", "a\tb"] {
            let line = format!("x {} y", quoted(word));
            assert_eq!(words(&line), ["x", word, "y"], "{line}");
        }
    }

    #[test]
    fn the_word_before_the_cursor_may_have_an_open_quote() {
        let check = |text: &str, complete: &[&str], last: &str, at: usize| {
            let found = before(text).unwrap();
            let words: Vec<&str> = found.words.iter().map(|word| word.text.as_str()).collect();
            assert_eq!(
                (words.as_slice(), found.last.text.as_str(), found.last.at),
                (complete, last, at),
                "{text}"
            );
        };
        check("", &[], "", 0);
        check("l", &[], "l", 0);
        check("ls ", &["ls"], "", 3);
        check("ls 'a b", &["ls"], "a b", 3);
        check("ls a\\ b", &["ls"], "a b", 3);
        check("ls a\\", &["ls"], "a", 3);
        for nothing in ["ls # a", "ls a &", "ls (FI", "ls a | b"] {
            assert_eq!(before(nothing), None, "{nothing}");
        }
    }
}
