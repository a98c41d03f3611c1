//! Completion: verbs, options, values, and places, of which those at servers come from the cache. Pure, and never waits: what the
//! cache lacks is named, so that somebody may look for the next time.

use super::cache::Cache;
use super::directory::{Directory, HostText, Split, behind, plain, split};
use super::grammar::{Command, Vocabulary};
use super::names::{Meaning, Operand, Scope};
use super::words::{ShellLine, Word, before, quoted};
use crate::place::Names;
use ftp_io::program::completion::{self, Candidate, ValueKind};
use std::cell::RefCell;
use std::collections::BTreeSet;

/// What completion may use.
pub struct CompletionInput<'a> {
    /// The verbs and their options.
    pub vocabulary: &'a Vocabulary,
    /// What places are completed from.
    pub places: CompletionPlaces<'a>,
    /// The jobs that a verb takes.
    pub jobs: &'a dyn Fn(&str) -> Vec<String>,
}

/// What the names of places are completed from.
pub struct CompletionPlaces<'a> {
    /// The names of sites, composite directories, and the current directory.
    pub scope: &'a Scope,
    /// What directories held.
    pub cache: &'a mut Cache,
    /// The names in a directory of this host, those of directories with a `/` at their end.
    pub here: &'a dyn Fn(&str) -> Vec<String>,
    /// Seconds since 1970.
    pub now: u64,
}

/// What could stand in the place of a word.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Offer {
    /// Whole words, in order, without quotes.
    pub words: Vec<String>,
    /// Directories whose names are not known, or have not been looked at for a while.
    pub wanted: Vec<Directory>,
    /// Whether there are more words than are shown.
    pub is_cut: bool,
}

/// Completes the word before the cursor of a line. Returns where that word begins, in bytes, and what could stand there,
/// quoted. A single word that is no directory has a blank behind it.
pub fn complete_line(text: &str, source: &mut CompletionInput<'_>) -> (usize, Offer) {
    let Some(typed) = before(text) else { return (text.len(), Offer::default()) };
    let mut found = words(&typed.words, &typed.last.text, source);
    let is_only = found.words.len() == 1;
    for word in &mut found.words {
        let goes_on = word.ends_with(['/', ':', ']', '=']);
        let end = if is_only && !goes_on { " " } else { "" };
        *word = format!("{}{end}", quoted(word));
    }
    (typed.last.at, found)
}

/// Completes the word that begins with `partial` behind these words.
fn words(typed: &[Word], partial: &str, source: &mut CompletionInput<'_>) -> Offer {
    let line = ShellLine { words: typed.to_vec(), is_background: false };
    let mut found = match Command::read(line, source.vocabulary) {
        Ok(Some(command)) => behind_verb(&command, partial, source),
        Ok(None) | Err(_) if typed.is_empty() => {
            Offer { words: verbs(source.vocabulary, partial), ..Offer::default() }
        }
        Ok(None) | Err(_) => Offer::default(),
    };
    found.words.sort_unstable();
    found.words.dedup();
    found.is_cut |= found.words.len() > MOST_SHOWN;
    found.words.truncate(MOST_SHOWN);
    found
}

fn verbs(vocabulary: &Vocabulary, partial: &str) -> Vec<String> {
    let partial = partial.to_ascii_lowercase();
    let names = vocabulary.verbs().into_iter().map(|verb| verb.get_name().to_owned());
    names.filter(|name| name.starts_with(&partial)).collect()
}

/// What can stand behind a verb: the one reader of command lines says what kind of word is expected, and this one what it
/// can be.
fn behind_verb(command: &Command<'_>, partial: &str, source: &mut CompletionInput<'_>) -> Offer {
    let verb = [command.verb.get_name()].into_iter();
    let texts = command.arguments.iter().map(|word| word.text.as_str());
    let typed: Vec<String> = verb.chain(texts).chain([partial]).map(str::to_owned).collect();
    let CompletionInput { vocabulary, places: kept, jobs } = source;
    // The reader asks while it borrows what was found before.
    let state = RefCell::new((kept, Offer::default()));
    let known = |name: &str, typed: &str| {
        let (kept, found) = &mut *state.borrow_mut();
        let words = match ValueKind::of(name) {
            ValueKind::File | ValueKind::Path => here(typed, kept, |_| true),
            ValueKind::Directory => here(typed, kept, |name| name.ends_with('/')),
            ValueKind::Place | ValueKind::Source | ValueKind::Destination => places(typed, kept, found),
            ValueKind::Other if name.starts_with("JOB") => {
                let mut words = jobs(command.verb.get_name());
                words.retain(|job| job.starts_with(typed));
                words
            }
            ValueKind::Other => Vec::new(),
        };
        let words = words.into_iter().map(|text| Candidate { text, help: String::new() });
        words.collect::<Vec<_>>().into()
    };
    let candidates = completion::complete(&vocabulary.root, &typed, known);
    let (_, found) = state.into_inner();
    Offer { words: candidates.words.into_iter().map(|word| word.text).collect(), ..found }
}

/// Places: names of sites and the like where nothing else was typed, and what the directory holds that was typed.
pub(super) fn places(partial: &str, source: &mut CompletionPlaces<'_>, found: &mut Offer) -> Vec<String> {
    let mut words = Vec::new();
    if !partial.contains('/') && !partial.contains(':') && !partial.contains(']') {
        let (open, close) = if partial.starts_with('[') { ("[", "]") } else { ("", ":") };
        let typed = partial.strip_prefix('[').unwrap_or(partial);
        let names = source.scope.all_names();
        let names = names.into_iter().filter(|name| name.starts_with(typed));
        words.extend(names.map(|name| format!("{open}{name}{close}")));
        if partial.starts_with('[') {
            return words;
        }
    }
    let (directory, name) = parts(partial);
    let meaning = if directory.is_empty() { Ok(Operand::AsTyped) } else { source.scope.operand(directory) };
    let meaning = match meaning {
        Ok(Operand::Place(meaning, _)) => meaning,
        Ok(Operand::AsTyped) if directory.is_empty() => source.scope.current.clone(),
        Ok(Operand::AsTyped) => match Directory::parse(directory, &source.scope.sites) {
            Ok(directory) => Meaning::At(directory),
            Err(_) => return words,
        },
        Err(_) => return words,
    };
    for one in source.scope.places_of(&meaning) {
        let names = names(&one, name, found, source);
        words.extend(names.iter().map(|known| behind(directory, known)));
    }
    words
}

/// What another shell can be offered for a place at a server: names that are known, and URLs of servers. No word has a
/// character that means something to such a shell. `directories` are those that are known, and `names` are names of one of
/// them; those that do not begin with the text that it is told are not wanted.
pub fn known_at_servers(
    partial: &str,
    sites: &Names,
    directories: impl FnOnce() -> Vec<Directory>,
    names: impl FnOnce(&Directory, &str) -> Vec<String>,
) -> Vec<String> {
    let is_host = partial.split_once("://").is_some_and(|(_, rest)| !rest.contains('/'));
    let words: Vec<String> = if is_host {
        let urls = directories().into_iter().filter_map(|directory| match directory.host {
            HostText::Url(url) => Some(format!("{url}/")),
            HostText::This | HostText::Site(_) => None,
        });
        urls.collect()
    } else {
        let (before, name) = parts(partial);
        let Ok(directory) = Directory::parse(before, sites) else { return Vec::new() };
        // What is a character of the name may be `%` and two digits here.
        let begin = name.split('%').next().unwrap_or_default();
        names(&directory, begin).iter().map(|known| behind(before, known)).collect()
    };
    // Whatever a word is, it passes here: the person has typed a URL, but not for this shell, and a server has chosen the names.
    let words = words.iter().map(|word| plain(word)).filter(|word| word.starts_with(partial));
    let words: BTreeSet<String> = words.collect();
    words.into_iter().take(MOST_SHOWN).collect()
}

/// The directory of a place as it is typed, and the name in it.
fn parts(place: &str) -> (&str, &str) {
    let path = match split(place) {
        Split::Named(_, path) => path,
        Split::Url(..) | Split::Path => place,
    };
    let name = path.rsplit('/').next().unwrap_or_default();
    (place.strip_suffix(name).unwrap_or_default(), name)
}

/// Names of this host.
fn here(partial: &str, source: &CompletionPlaces<'_>, is_wanted: impl Fn(&str) -> bool) -> Vec<String> {
    let end = partial.rfind('/').map_or(0, |at| at + 1);
    let (directory, name) = partial.split_at_checked(end).unwrap_or(("", partial));
    let names = (source.here)(if directory.is_empty() { "./" } else { directory });
    let names = names.into_iter().filter(|known| known.starts_with(name) && is_wanted(known));
    names.map(|known| behind(directory, &known)).collect()
}

/// The names that a directory held, of those that begin so.
fn names(
    directory: &Directory,
    begin: &str,
    found: &mut Offer,
    source: &mut CompletionPlaces<'_>,
) -> Vec<String> {
    if directory.host == HostText::This {
        let mut names = (source.here)(&directory.place(true));
        names.retain(|name| name.starts_with(begin));
        return names;
    }
    let known = source.cache.find(directory);
    if known.is_none_or(|known| !known.is_fresh(source.now)) {
        found.wanted.push(directory.clone());
    }
    let Some(known) = known else { return Vec::new() };
    found.is_cut |= known.is_cut;
    known.beginning(begin).to_vec()
}

/// The largest number of words that are shown.
const MOST_SHOWN: usize = 1000;

#[cfg(test)]
mod tests {
    use super::super::cache::CachedListing;
    use super::super::directory::tests::{at, scope, sites};
    use super::super::grammar::tests::vocabulary;
    use super::*;

    struct Table {
        scope: Scope,
        cache: Cache,
        vocabulary: Vocabulary,
    }

    impl Table {
        fn new() -> Self {
            let scope = scope();
            let mut cache = Cache::of(sites());
            let known = |names: &str| {
                CachedListing::new(names.split_whitespace().map(str::to_owned).collect(), 1000, false)
            };
            cache.keep(at("lab:pub"), known("readme report.txt src/ a%20b"));
            cache.keep(at("home:d"), known("readme.old src/"));
            cache.keep(at("lab:pub/src"), known("main.rs"));
            Self { scope, cache, vocabulary: vocabulary() }
        }

        fn ask(&mut self, text: &str) -> (usize, Offer) {
            let here = |directory: &str| match directory {
                "./" => vec!["local.txt".to_owned(), "sub dir/".to_owned()],
                _ => Vec::new(),
            };
            let Self { scope, cache, vocabulary } = self;
            let places = CompletionPlaces { scope, cache, here: &here, now: 1010 };
            let jobs = |verb: &str| vec!["last".to_owned(), format!("{verb}-1")];
            complete_line(text, &mut CompletionInput { vocabulary, places, jobs: &jobs })
        }

        fn check(&mut self, text: &str, at: usize, expect: &[&str]) {
            let (found_at, found) = self.ask(text);
            assert_eq!(found.words, expect, "{text}");
            assert_eq!(found_at, at, "{text}");
        }
    }

    /// What another shell is offered of what is in the cache.
    fn offered(typed: &str, cache: &mut Cache) -> Vec<String> {
        let directories = cache.all().into_iter().map(|(directory, _)| directory.clone()).collect();
        let names = |directory: &Directory, begin: &str| {
            cache.find(directory).map(|known| known.beginning(begin).to_vec()).unwrap_or_default()
        };
        known_at_servers(typed, &sites(), || directories, names)
    }

    #[test]
    fn verbs_options_and_values_are_completed() {
        let mut table = Table::new();
        table.check("ap", 0, &["append "]);
        table.check("M", 0, &["mkdir", "move", "mv"]);
        table.check("copy --re", 5, &["--recursive "]);
        table.check("copy -r --re", 8, &[]);
        table.check("copy --state ", 13, &["sub\\ dir/"]);
        table.check("cd --js", 3, &["--json "]);
        table.check("copy --path d", 12, &["direct "]);
        table.check("copy --path=", 5, &["--path=auto", "--path=direct"]);
        table.check("copy --limit ", 13, &[]);
        table.check("composite a", 10, &["add "]);
        table.check("help ap", 5, &["append "]);
        table.check("copy -- --re", 8, &[]);
        table.check("why l", 4, &["last "]);
        table.check("why ", 4, &["last", "why-1"]);
        table.check("xyzzy a", 6, &[]);
    }

    #[test]
    fn places_come_from_the_cache() {
        let mut table = Table::new();
        table.check("ls la", 3, &["lab:"]);
        table.check("ls [la", 3, &["[lab]"]);
        table.check("ls lab:pub/re", 3, &["lab:pub/readme", "lab:pub/report.txt"]);
        table.check("ls [lab]pub/a", 3, &["[lab]pub/a%20b "]);
        table.check("ls lab:pub/s", 3, &["lab:pub/src/"]);
        table.check("ls data:re", 3, &["data:readme", "data:readme.old", "data:report.txt"]);
        table.check("ls data:src/", 3, &["data:src/main.rs "]);
        table.check("copy (FILE) lab:pub/rep", 12, &["lab:pub/report.txt "]);
        table.check("ls lo", 3, &["local.txt "]);
        table.check("ls su", 3, &["sub\\ dir/"]);
        table.check("ls 'su", 3, &["sub\\ dir/"]);
        table.check("lcd ", 4, &["sub\\ dir/"]);
        table.scope.current = table.scope.directory("lab:pub").unwrap();
        table.check("cat rep", 4, &["report.txt "]);
        table.check("cat src/", 4, &["src/main.rs "]);
        table.check("cat []lo", 4, &["[]local.txt "]);
    }

    #[test]
    fn what_is_not_known_is_wanted_and_nobody_waits_for_it() {
        let mut table = Table::new();
        let wanted = |found: Offer| found.wanted.iter().map(Directory::to_string).collect::<Vec<_>>();
        let (_, found) = table.ask("ls far:x/y");
        assert_eq!((found.words.len(), wanted(found)), (0, vec!["far:x".to_owned()]));
        let (_, found) = table.ask("ls lab:pub/re");
        assert_eq!((found.words.len(), wanted(found)), (2, vec![]), "it is fresh");
        table.cache.keep(at("far:"), CachedListing::new(vec!["old".to_owned()], 1, false));
        let (_, found) = table.ask("ls far:");
        assert_eq!(
            (found.words.clone(), wanted(found)),
            (vec!["far:old ".to_owned()], vec!["far:".to_owned()])
        );
        let (_, found) = table.ask("ls data:none/x");
        assert_eq!(wanted(found), ["lab:pub/none", "home:d/none"]);
    }

    #[test]
    fn a_name_that_would_mean_another_site_or_an_option_is_completed_as_a_name() {
        let mut table = Table::new();
        let at = at("far:");
        let names = ["lab:precious", "this-host:keys", "--yes", "-r", "lab:d/", "plain"].map(str::to_owned);
        table.cache.keep(at.clone(), CachedListing::new(names.to_vec(), 1000, false));
        table.scope.current = Meaning::At(at);
        table.check("rm this", 3, &["./this-host:keys "]);
        table.check("rm ./this-host:k", 3, &["./this-host:keys "]);
        table.check("rm lab", 3, &["./lab:d/", "./lab:precious", "lab:"]);
        table.check("rm ./-", 3, &["./--yes", "./-r"]);
        table.check("rm -- -", 6, &["./--yes", "./-r"]);
        table.check("rm far:-", 3, &["far:--yes", "far:-r"]);
        table.check("rm pl", 3, &["plain "]);
        table.check("lcd -- -", 7, &[]);
    }

    #[test]
    fn another_shell_is_offered_what_is_known_in_characters_that_mean_nothing_to_it() {
        let mut table = Table::new();
        let names = [
            "a;b", "a$(b)", "a'b", "a\"b", "a`b", "a&b", "a\\b", "a~b", "a%20b", "\u{fc}b/", "-x", "x:y",
            "a!b",
        ];
        let names = names.iter().map(|name| super::super::directory::name_at_server(name.as_bytes()));
        table.cache.keep(at("far:"), CachedListing::new(names.collect(), 1, false));
        table.cache.keep(at("ftp://ann@h/d"), CachedListing::new(vec!["one".to_owned()], 1, false));
        table.cache.keep(at("ftpes://h:99/"), CachedListing::new(vec!["two/".to_owned()], 1, false));
        let ask = |table: &mut Table, typed: &str| offered(typed, &mut table.cache);
        let found = ask(&mut table, "far:");
        assert_eq!(found.len(), 13, "{found:?}");
        for word in &found {
            let is_plain = |one: char| one.is_alphanumeric() || ":/.%-_".contains(one);
            assert!(word.chars().all(is_plain), "{word}");
            let place = crate::place::Place::parse_with(word.as_bytes(), &sites()).unwrap();
            assert!(matches!(place, crate::place::Place::Remote(_)), "{word}");
        }
        assert_eq!(ask(&mut table, "lab:pub/re"), ["lab:pub/readme", "lab:pub/report.txt"]);
        assert_eq!(ask(&mut table, "[lab]pub/s"), ["[lab]pub/src/"]);
        assert_eq!(ask(&mut table, "ftp://"), ["ftp://ann@h/"]);
        assert_eq!(ask(&mut table, "ftp"), [""; 0]);
        assert_eq!(ask(&mut table, "ftp://ann@h/d/"), ["ftp://ann@h/d/one"]);
        assert_eq!(ask(&mut table, "ftpes://h:99/t"), ["ftpes://h:99/two/"]);
        assert_eq!(ask(&mut table, "ftp://unknown/x"), [""; 0]);
        // What the first Tab has written, the second one reads.
        assert_eq!(ask(&mut table, "far:a%27"), ["far:a%27b"]);
        assert_eq!(
            ask(&mut table, "far:a%"),
            found.iter().filter(|word| word.contains("a%")).cloned().collect::<Vec<_>>()
        );
    }

    #[test]
    fn another_shell_is_offered_no_url_that_it_would_run() {
        let mut table = Table::new();
        let users = ["a;touch${IFS}x;", "b$(id)", "c&d", "DOM\\ann", "it's", "x|y", "e\"f", "g`h`", "i*?"];
        for user in users {
            let at = at(&format!("ftp://{user}@[::1]:2121/"));
            table.cache.keep(at, CachedListing::new(vec!["one".to_owned()], 1, false));
        }
        let found = offered("ftp://", &mut table.cache);
        assert_eq!(found.len(), users.len(), "{found:?}");
        let mut read = BTreeSet::new();
        for word in &found {
            let is_plain = |one: char| one.is_alphanumeric() || ":/.%-_@[]".contains(one);
            assert!(word.chars().all(is_plain), "{word}");
            let place = crate::place::Place::parse_with(word.as_bytes(), &sites()).unwrap();
            let crate::place::Place::Remote(remote) = place else { panic!("{word}") };
            read.insert(format!("{:?}", remote.site.user));
        }
        assert_eq!(read.len(), users.len(), "{read:?}");
    }

    #[test]
    fn a_list_that_is_too_long_is_cut() {
        let mut table = Table::new();
        let names = (0..2 * MOST_SHOWN).map(|number| format!("n{number:05}")).collect();
        table.cache.keep(at("far:"), CachedListing::new(names, 1000, false));
        let (_, found) = table.ask("ls far:n");
        assert!(found.is_cut && found.words.len() == MOST_SHOWN);
    }
}
