//! Whether two files have gone the same way, by what was said of each. Pure.
//!
//! Words of servers are among what is said, so nobody can tell in general which part of a text is the name of a file. Both
//! texts are read side by side instead: where they differ, each has to have a name of its own file.

use std::collections::HashSet;

/// Whether both texts say the same, each of a file with names of its own.
pub(super) fn say_the_same(one: (&str, &[&str]), other: (&str, &[&str])) -> bool {
    let ((one, names), (other, other_names)) = (one, other);
    let mut open = vec![(0, 0)];
    let mut seen = HashSet::new();
    while let Some((at, other_at)) = open.pop() {
        let (Some(rest), Some(other_rest)) = (one.get(at..), other.get(other_at..)) else { continue };
        if rest.is_empty() && other_rest.is_empty() {
            return true;
        }
        if !seen.insert((at, other_at)) {
            continue;
        }
        for end in named(one, at, names) {
            open.extend(named(other, other_at, other_names).map(|other_end| (end, other_end)));
        }
        if let Some(next) = rest.chars().next().filter(|next| other_rest.starts_with(*next)) {
            open.push((at + next.len_utf8(), other_at + next.len_utf8()));
        }
    }
    false
}

/// Where the names end that are words of their own at this place of the text: the ends of their paths count too, since a
/// server knows a file by less than its URL.
fn named<'a>(text: &'a str, at: usize, names: &'a [&'a str]) -> impl Iterator<Item = usize> + 'a {
    let is_inside = |next: Option<char>| next.is_some_and(char::is_alphanumeric);
    let begins = !is_inside(text.get(..at).and_then(|before| before.chars().next_back()));
    let rest = text.get(at..).filter(|_| begins).unwrap_or_default();
    let paths = names.iter().flat_map(|name| {
        let parts = name.match_indices(['/', ':']).filter_map(|(at, _)| name.get(at + 1..));
        std::iter::once(*name).chain(parts)
    });
    let ends = paths.filter(move |path| !path.is_empty() && rest.starts_with(path));
    ends.map(move |path| at + path.len())
        .filter(move |end| !is_inside(text.get(*end..).and_then(|behind| behind.chars().next())))
}

/// Things that are alike, together: the first one of each kind, and the others.
pub(super) fn groups<T>(all: &[T], is_alike: impl Fn(&T, &T) -> bool) -> Vec<(&T, Vec<&T>)> {
    let mut groups: Vec<(&T, Vec<&T>)> = Vec::new();
    for one in all {
        match groups.iter_mut().find(|(first, _)| is_alike(first, one)) {
            Some((_, others)) => others.push(one),
            None => groups.push((one, Vec::new())),
        }
    }
    groups
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn n14_texts_say_the_same_if_they_differ_in_the_names_of_their_files_alone() {
        let check = |one: (&str, &str), other: (&str, &str), expect: bool| {
            for (one, other) in [(one, other), (other, one)] {
                let found = say_the_same((one.0, &[one.1]), (other.0, &[other.1]));
                assert_eq!(found, expect, "{one:?} {other:?}");
            }
        };
        check(("550 f1: no, f1", "h/t/f1"), ("550 f2: no, f2", "h/t/f2"), true);
        check(("550 f1: no", "f1"), ("550 f2: later", "f2"), false);
        check(("550 f1: no", "f1"), ("550 f2: no", "f3"), false);
        check(("550 f1: no", "f1"), ("550 no", "f2"), false);
        check(("f12", "f1"), ("f22", "f2"), false);
        check(("127.0.1.1: 550 /t/1", "1"), ("127.0.1.1: 550 /t/2", "2"), true);
        check(("127.0.1.1: 550 /t/1", "1"), ("127.0.3.1: 550 /t/2", "2"), false);
        check(("1.1: 550 1", "1"), ("1.1: 550 1.1", "1.1"), true);
        check(("cannot read a: b: 550", "a: b"), ("cannot read c: 550", "c"), true);
        check(("cannot read a: b: 550", "a"), ("cannot read c: d: 550", "c"), false);
        check(("550 d/\u{e9}", "h/d/\u{e9}"), ("550 e/\u{fc}", "h/e/\u{fc}"), true);
        check(("", ""), ("", ""), true);
    }

    #[test]
    fn alike_things_stay_behind_the_first_one() {
        let found = groups(&[1, 2, 11, 3, 12], |one, other| one % 10 == other % 10);
        assert_eq!(found, [(&1, vec![&11]), (&2, vec![&12]), (&3, vec![])]);
    }
}
