//! How a past run and a probe are told to people: what was tried, when, and what came of it.

use super::Screen;
use super::listed::date;
use super::receipt::others;
use crate::account::{
    CandidateAccount, DataPath, Dials, FailedFile, Fate, Leg, PairAccount, Picture, RouteAccount, RunAccount,
    THIS,
};
use ftp_proto::listing::When;
use ftp_proto::wire::{counted, show};
use std::collections::HashSet;

/// A past run, line by line.
pub(super) fn run(run: &RunAccount) -> Vec<String> {
    let RunAccount { id, verb, at, seconds, files, failed, pairs, failures, failed_files } = run;
    let at = date(When(i64::try_from(*at).unwrap_or(i64::MAX)));
    let mut lines = vec![format!(
        "run {id} of {at}: {verb}, {} done, {failed} failed, in {seconds:.1} s",
        counted(*files, "file")
    )];
    for pair in pairs {
        self::pair(pair, &mut lines);
    }
    if pairs.is_empty() {
        lines.push("no path was tried".to_owned());
    }
    let failures: Vec<(&String, &FailedFile)> = failures.iter().zip(failed_files).collect();
    for ((why, _), same) in groups(&failures, failed_alike) {
        lines.push(format!("failed: {why}"));
        if !same.is_empty() {
            lines.push("  for the same reason:".to_owned());
        }
        lines.extend(same.iter().take(NAMED).map(|(_, file)| format!("    {}", file.source)));
        if let Some(unnamed) = same.len().checked_sub(NAMED).filter(|unnamed| *unnamed > 0) {
            lines.push(format!("    {}", others(unnamed as u64)));
        }
    }
    lines.into_iter().map(|line| show(line.as_bytes())).collect()
}

/// Whether two files have failed for the same reason.
fn failed_alike(one: &(&String, &FailedFile), other: &(&String, &FailedFile)) -> bool {
    let ((why, file), (like, other)) = (one, other);
    say_the_same((why, &[&file.source, &file.dest]), (like, &[&other.source, &other.dest]))
}

fn pair(pair: &PairAccount, lines: &mut Vec<String>) {
    lines.push(format!("from {} to {}", pair.source, pair.destination));
    for races in by_course(&pair.races) {
        let [race, same @ ..] = races.as_slice() else { continue };
        lines.push(format!("  {}: {}", race.file, result(race)));
        let alike = race.tried.chunk_by(is_left_like);
        lines.extend(alike.flat_map(told).map(|line| format!("    {line}")));
        lines.extend(same.iter().take(NAMED).map(|race| format!("  {}: the same", race.file)));
        if let Some(unnamed) = same.len().checked_sub(NAMED).filter(|unnamed| *unnamed > 0) {
            lines.push(format!("  {}", others(unnamed as u64)));
        }
    }
    if pair.omitted > 0 {
        let more = counted(pair.omitted, "more race");
        lines.push(format!("  {more} not shown: most were like the one before"));
    }
}

/// Groups races without a winner that went the same way; every other race is a group of its own.
fn by_course(races: &[RouteAccount]) -> Vec<Vec<&RouteAccount>> {
    let all = groups(races, went_alike);
    all.into_iter().map(|(first, others)| std::iter::once(first).chain(others).collect()).collect()
}

/// Whether nothing has won either race, and the same came of their candidates, but for times and the names of the files.
fn went_alike(one: &RouteAccount, other: &RouteAccount) -> bool {
    let is_lost = |race: &RouteAccount| race.winner().or_else(|| race.begun()).is_none();
    let is_alike = |tried: &CandidateAccount, like: &CandidateAccount| {
        let same = |text: &str, words: &str| say_the_same((text, &[&one.file]), (words, &[&other.file]));
        let why = match (&tried.why, &like.why) {
            (Some(why), Some(words)) => same(why, words),
            (why, words) => why == words,
        };
        let mut said = tried.said.iter().zip(&like.said);
        (tried.name(), tried.fate, tried.probed, tried.said.len())
            == (like.name(), like.fate, like.probed, like.said.len())
            && why
            && said.all(|(one, other)| one.end == other.end && same(&one.reply, &other.reply))
    };
    is_lost(one)
        && is_lost(other)
        && one.tried.len() == other.tried.len()
        && one.tried.iter().zip(&other.tried).all(|(tried, like)| is_alike(tried, like))
}

/// The number of files that are named, besides the first one, where all went the same way.
const NAMED: usize = 2;

/// How the file went in the end.
fn result(race: &RouteAccount) -> String {
    let Some(winner) = race.winner().or_else(|| race.begun()) else {
        return "nothing has moved it".to_owned();
    };
    let protection = winner.protection.as_ref().map_or_else(String::new, |words| format!(", {words}"));
    if winner.fate == Fate::Begun {
        return format!("{}{protection}, without this program", winner.name());
    }
    let verified = match race.verified.as_deref() {
        Some(by) => format!("verified {by}"),
        None => "not verified".to_owned(),
    };
    format!("{}{protection}, {verified}", winner.name())
}

/// Whether both candidates were left, and for the same reason.
fn is_left_like(one: &CandidateAccount, next: &CandidateAccount) -> bool {
    let reason =
        |tried: &CandidateAccount| (tried.started.is_none(), tried.why.clone(), tried.protection.is_some());
    reason(one).0 && reason(one) == reason(next)
}

/// What came of candidates that are alike: a reason that several have in common is said once, above them.
fn told(alike: &[CandidateAccount]) -> Vec<String> {
    match alike {
        [first, _, ..] if let Some(why) = &first.why => {
            let word = if first.protection.is_some() { "not tried" } else { "left out" };
            let names = alike.iter().map(|tried| format!("  {}", tried.name()));
            std::iter::once(format!("{word}: {why}")).chain(names).collect()
        }
        _ => alike.iter().flat_map(tried).collect(),
    }
}

/// What came of a candidate, and below it what the ends said last.
fn tried(tried: &CandidateAccount) -> Vec<String> {
    let name = tried.name();
    let why = match (&tried.why, tried.fate) {
        (Some(why), Fate::Begun) => format!("; {why}"),
        (Some(why), _) => format!(": {why}"),
        (None, _) => String::new(),
    };
    let Some(started) = tried.started else {
        let word = if tried.protection.is_some() { "not tried" } else { "not" };
        return vec![format!("{word} {name}{why}")];
    };
    let took = tried.ended.map_or(0.0, |ended| ended - started);
    let memory = tried.memory.as_ref().map_or_else(String::new, |memory| format!(" ({memory})"));
    let probed = if tried.probed { "probed, " } else { "" };
    let fate = match tried.fate {
        Fate::Moved => format!("it moved the file, in {took:.2} s"),
        Fate::Begun => format!("both servers began in {took:.2} s to move the file by themselves"),
        Fate::Proven => format!("its probe succeeded, in {took:.2} s"),
        Fate::Lost => format!("nothing came of it in {took:.2} s, and another one was sooner"),
        Fate::Failed => format!("failed after {took:.2} s"),
        Fate::Skipped => "it did not end".to_owned(),
    };
    let mut lines = vec![format!("at {started:.2} s {name}{memory}: {probed}{fate}{why}")];
    if matches!(tried.fate, Fate::Failed | Fate::Lost) {
        let said = tried.said.iter().map(|said| format!("  the {} said last \"{}\"", said.end, said.reply));
        lines.extend(said);
    }
    lines
}

/// What a probe has found, line by line: the candidates, then the picture of the best path.
pub(super) fn survey(survey: &PairAccount, screen: Screen) -> Vec<String> {
    let PairAccount { source, destination, races, .. } = survey;
    let (tried, picture) =
        (races.iter().flat_map(|race| &race.tried), races.iter().find_map(|race| race.picture.as_ref()));
    let mut lines = vec![format!("from {source} to {destination}")];
    let (asked, others): (Vec<&CandidateAccount>, Vec<&CandidateAccount>) =
        tried.partition(|tried| tried.started.is_some());
    for tried in asked {
        let since = tried.connecting.or(tried.started);
        let took = tried.ended.zip(since).map_or(0.0, |(ended, since)| ended - since);
        let private = tried.protection.as_deref().unwrap_or("clear");
        let word = if tried.fate == Fate::Proven { "works" } else { "fails" };
        let why = tried.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        lines.push(format!("  {word}  {:>6.0} ms  {}, {private}{why}", took * 1000.0, tried.name()));
    }
    for tried in others {
        let why = tried.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        lines.push(format!("  not             {}{why}", tried.name()));
    }
    match survey.best() {
        Some(best) => lines.push(format!("best: {}", best.name())),
        None => lines.push("no path works".to_owned()),
    }
    let mut lines: Vec<String> = lines.into_iter().map(|line| show(line.as_bytes())).collect();
    lines.extend(picture.iter().flat_map(|picture| picture.lines(screen)));
    lines
}

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

impl Picture {
    /// The picture, line by line. No line is longer than the screen, unless that has fewer columns than 20.
    pub(super) fn lines(&self, screen: Screen) -> Vec<String> {
        let mut drawing = Drawing { screen, lines: Vec::new() };
        drawing.host(&self.source.name, "the source");
        match &self.path {
            DataPath::Direct(leg) => {
                drawing.leg(["the source", "the destination"], *leg);
            }
            DataPath::Through { host, source, destination } => {
                let short = host.split(' ').take(2).collect::<Vec<_>>().join(" ");
                drawing.leg(["the source", &short], *source);
                drawing.host(host, "passes the bytes on");
                drawing.leg([&short, "the destination"], *destination);
            }
        }
        drawing.host(&self.destination.name, "the destination");
        let passes = match &self.path {
            DataPath::Through { host, .. } if host == THIS => "",
            DataPath::Direct(_) | DataPath::Through { .. } => "; no byte of the file passes it",
        };
        let [source, destination] = [&self.source, &self.destination].map(|end| protection(end.is_private));
        let commands = match source == destination {
            true => format!("This host connects to both and sends the commands, {source}{passes}."),
            false => format!(
                "This host connects to both and sends the commands: {source} to the source, {destination} to the destination{passes}."
            ),
        };
        drawing.text("", &commands);
        drawing.lines
    }
}

/// What protects a connection. The blank inside the words ends no line.
const fn protection(is_private: bool) -> &'static str {
    if is_private { "inside\u{a0}TLS" } else { "in\u{a0}clear" }
}

/// Lines that are drawn.
struct Drawing {
    screen: Screen,
    lines: Vec<String>,
}

impl Drawing {
    fn host(&mut self, name: &str, does: &str) {
        let name = show(name.as_bytes());
        self.text("", &format!("[{name}] {does}"));
    }

    fn leg(&mut self, [above, below]: [&str; 2], leg: Leg) {
        let (bar, end) = if self.screen.unicode { ("\u{2502}", "\u{25bc}") } else { ("|", "v") };
        let bar = format!("  {bar}  ");
        let protection = protection(leg.is_private);
        let dials = match leg.dials {
            Dials::Above => format!("{above} connects to {below}"),
            Dials::Below => format!("{below} connects to {above}"),
            Dials::Both => format!("{above} and {below} connect to each other"),
            Dials::Either => format!("{above} connects to {below}, or the other way round"),
        };
        self.text(&bar, &dials);
        self.text(&bar, &format!("the bytes of the file, {protection}"));
        self.lines.push(format!("  {INDENT}{end}"));
    }

    /// Adds lines of text behind a beginning.
    fn text(&mut self, begin: &str, text: &str) {
        let room = self.screen.columns.saturating_sub(INDENT.len() + begin.chars().count()).max(NARROWEST);
        for line in wrapped(text, room) {
            let line = format!("{INDENT}{begin}{line}");
            self.lines.push(self.painted(&line));
        }
    }

    /// The line as it is shown: what protects a connection has a colour.
    fn painted(&self, line: &str) -> String {
        let mut line = line.to_owned();
        for (is_private, colour) in [(false, 33), (true, 32)] {
            let words = protection(is_private);
            let plain = words.replace('\u{a0}', " ");
            let shown = if self.screen.color { format!("\x1b[{colour}m{plain}\x1b[0m") } else { plain };
            line = line.replace(words, &shown);
        }
        line
    }
}

/// A line of text that may be longer than the screen, in lines that are not. Those behind the first have two blanks more at
/// their beginning.
pub(super) fn folded(begin: &str, text: &str, columns: usize) -> Vec<String> {
    let room = columns.saturating_sub(begin.len() + 2).max(NARROWEST);
    let more = |number: usize| if number == 0 { "" } else { "  " };
    let lines = wrapped(text, room).into_iter().enumerate();
    lines.map(|(number, line)| format!("{begin}{}{line}", more(number))).collect()
}

/// The text in lines of at most so many characters. A word that is longer is cut.
fn wrapped(text: &str, room: usize) -> Vec<String> {
    let mut lines = vec![String::new()];
    for word in text.split(' ') {
        let letters: Vec<char> = word.chars().collect();
        for (number, piece) in letters.chunks(room).enumerate() {
            let Some(line) = lines.last_mut() else { continue };
            let used = line.chars().count();
            let blank = usize::from(used > 0 && number == 0);
            if used + blank + piece.len() > room {
                lines.push(piece.iter().collect());
            } else {
                line.extend(std::iter::repeat_n(' ', blank).chain(piece.iter().copied()));
            }
        }
    }
    lines
}

/// What all lines begin with.
const INDENT: &str = "  ";
/// Characters of a line of text, at least.
const NARROWEST: usize = 12;

#[cfg(test)]
mod tests {
    use super::*;
    use crate::account::{DataPath, Dials, Leg, Picture, PictureEnd, Said, THIS};

    fn tried(words: &str, fate: Fate, started: Option<f64>) -> CandidateAccount {
        CandidateAccount {
            rung: "dest-listens".to_owned(),
            path: "direct".to_owned(),
            words: words.to_owned(),
            how: Some("PASV and PORT".to_owned()),
            protection: Some("clear".to_owned()),
            started,
            ended: started.map(|at| at + 0.25),
            fate,
            ..CandidateAccount::default()
        }
    }

    #[test]
    fn n14_a_past_run_is_told_with_what_was_tried_and_what_was_said() {
        let said = vec![Said { end: "source".to_owned(), reply: "425 no\u{1b}[31m".to_owned() }];
        let failed = CandidateAccount {
            said,
            why: Some("nobody came".to_owned()),
            ..tried("a", Fate::Failed, Some(0.0))
        };
        let memory = Some("it worked 2 days ago".to_owned());
        let moved = CandidateAccount { probed: true, memory, ..tried("b", Fate::Moved, Some(0.25)) };
        let left = CandidateAccount { why: Some("too late".to_owned()), ..tried("c", Fate::Skipped, None) };
        let unknown = CandidateAccount { protection: None, how: None, ..left.clone() };
        let late = |words| CandidateAccount { why: left.why.clone(), ..tried(words, Fate::Skipped, None) };
        let (four, five) = (late("d"), late("e"));
        let race = RouteAccount {
            item: 1,
            file: "x.bin".to_owned(),
            tried: vec![failed, moved, left, unknown, four, five],
            verified: Some("sha-256".to_owned()),
            ..RouteAccount::default()
        };
        let pair = PairAccount {
            source: "ann@one:21".to_owned(),
            destination: "bob@two:21".to_owned(),
            races: vec![race],
            omitted: 3,
        };
        let past = RunAccount {
            id: "7".to_owned(),
            verb: "copy".to_owned(),
            files: 4,
            seconds: 1.5,
            pairs: vec![pair],
            ..RunAccount::default()
        };
        let expect = [
            "run 7 of 1970-01-01T00:00:00Z: copy, 4 files done, 0 failed, in 1.5 s",
            "from ann@one:21 to bob@two:21",
            "  x.bin: b by PASV and PORT, clear, verified sha-256",
            "    at 0.00 s a by PASV and PORT: failed after 0.25 s: nobody came",
            "      the source said last \"425 no%1B[31m\"",
            "    at 0.25 s b by PASV and PORT (it worked 2 days ago): probed, it moved the file, in 0.25 s",
            "    not tried c by PASV and PORT: too late",
            "    not c: too late",
            "    not tried: too late",
            "      d by PASV and PORT",
            "      e by PASV and PORT",
            "  3 more races not shown: most were like the one before",
        ];
        assert_eq!(run(&past), expect);
        let (failures, failed_files) = (vec!["no".to_owned()], vec![FailedFile::default()]);
        let nothing = run(&RunAccount { failures, failed_files, ..RunAccount::default() });
        assert_eq!(nothing[1..], ["no path was tried", "failed: no"]);
    }

    #[test]
    fn n14_files_that_failed_for_one_reason_are_told_once() {
        let refused = |name: &str| CandidateAccount {
            why: Some(format!("550 {name}: no")),
            ended: Some(name.len() as f64),
            ..tried("a", Fate::Failed, Some(0.0))
        };
        let race = |name: &str, tried| RouteAccount {
            file: format!("ftp://h/t/{name}"),
            tried: vec![tried],
            ..RouteAccount::default()
        };
        let mut races: Vec<RouteAccount> =
            (0..5).map(|at| race(&format!("f{at}"), refused(&format!("f{at}")))).collect();
        races.insert(1, race("x", CandidateAccount { why: Some("451 later".to_owned()), ..refused("x") }));
        let pair = PairAccount { races, ..PairAccount::default() };
        let failures =
            (0..5).map(|at| format!("cannot copy f{at} to g{at}: 550 no")).chain(["odd: x".to_owned()]);
        let file = |at| FailedFile { source: format!("one:f{at}"), dest: format!("two:g{at}") };
        let failed_files = (0..6).map(file).collect();
        let past = RunAccount {
            pairs: vec![pair],
            failures: failures.collect(),
            failed_files,
            ..RunAccount::default()
        };
        let expect = [
            "  ftp://h/t/f0: nothing has moved it",
            "    at 0.00 s a by PASV and PORT: failed after 2.00 s: 550 f0: no",
            "  ftp://h/t/f1: the same",
            "  ftp://h/t/f2: the same",
            "  and 2 other files (--json names all)",
            "  ftp://h/t/x: nothing has moved it",
            "    at 0.00 s a by PASV and PORT: failed after 1.00 s: 451 later",
            "failed: cannot copy f0 to g0: 550 no",
            "  for the same reason:",
            "    one:f1",
            "    one:f2",
            "    and 2 other files (--json names all)",
            "failed: odd: x",
        ];
        assert_eq!(run(&past)[2..], expect);
    }

    #[test]
    fn n14_the_name_of_a_file_may_be_a_word_of_the_reason() {
        let race = |name: &str| RouteAccount {
            file: format!("ftp://127.0.1.1/t/{name}"),
            tried: vec![CandidateAccount {
                why: Some(format!("127.0.1.1 said \"550 /t/{name}: no\"")),
                ..tried("a", Fate::Failed, Some(0.0))
            }],
            ..RouteAccount::default()
        };
        for names in [["1", "2", "3"], ["a: b", "c", "d: e"], ["550", "t", "no"], ["1", "1.1", "0.1"]] {
            let races: Vec<RouteAccount> = names.iter().map(|name| race(name)).collect();
            assert_eq!(by_course(&races).len(), 1, "{names:?}");
        }
    }

    #[test]
    fn n9_n14_a_transfer_that_went_on_alone_is_not_called_moved() {
        let begun = |why: Option<&str>| CandidateAccount {
            why: why.map(str::to_owned),
            ..tried("a", Fate::Begun, Some(0.0))
        };
        for (why, expect) in [(None, ""), (Some("it was cancelled"), "; it was cancelled")] {
            let race = RouteAccount {
                item: 1,
                file: "x".to_owned(),
                tried: vec![begun(why)],
                ..RouteAccount::default()
            };
            assert_eq!(result(&race), "a by PASV and PORT, clear, without this program");
            let line =
                "at 0.00 s a by PASV and PORT: both servers began in 0.25 s to move the file by themselves";
            assert_eq!(super::tried(&begun(why)), [format!("{line}{expect}")]);
        }
    }

    #[test]
    fn n4_a_probe_is_told_as_a_matrix_and_a_picture() {
        let failed =
            CandidateAccount { why: Some("nobody came".to_owned()), ..tried("a", Fate::Failed, Some(0.0)) };
        let through = CandidateAccount {
            rung: "user".to_owned(),
            path: "user".to_owned(),
            how: None,
            ..tried("through this host", Fate::Proven, Some(0.0))
        };
        let left = CandidateAccount { why: Some("unknown".to_owned()), ..tried("c", Fate::Skipped, None) };
        let tried = vec![failed, through, left];
        let end = |name: &str| PictureEnd { name: name.to_owned(), is_private: false };
        let leg = Leg { dials: Dials::Either, is_private: false };
        let path = DataPath::Through { host: THIS.to_owned(), source: leg, destination: leg };
        let picture = Some(Box::new(Picture { source: end("one"), destination: end("two"), path }));
        let pair = |race| PairAccount::of("one".to_owned(), "two".to_owned(), race);
        let found = pair(RouteAccount { tried, picture, ..RouteAccount::default() });
        let screen = Screen { columns: 80, unicode: false, color: false };
        let expect = [
            "from one to two",
            "  fails     250 ms  a by PASV and PORT, clear: nobody came",
            "  works     250 ms  through this host, clear",
            "  not             c by PASV and PORT: unknown",
            "best: through this host",
            "  [one] the source",
        ];
        assert_eq!(survey(&found, screen)[..expect.len()], expect);
        assert_eq!(survey(&pair(RouteAccount::default()), screen)[1..], ["no path works"]);
    }
}

#[cfg(test)]
mod alike_tests {
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

#[cfg(test)]
mod picture_tests {
    use super::*;
    use crate::account::PictureEnd;

    fn screen(columns: usize, unicode: bool) -> Screen {
        Screen { columns, unicode, color: false }
    }

    fn picture(path: DataPath) -> Picture {
        let end = |name: &str, is_private| PictureEnd { name: name.to_owned(), is_private };
        Picture { source: end("ann@one.example:21", true), destination: end("bob@two:21", false), path }
    }

    #[test]
    fn a_long_line_is_folded_and_a_short_one_stays() {
        assert_eq!(folded("    ", "not a: b", 30), ["    not a: b"]);
        let expect = ["    if that is refused or", "      slow: the destination", "      listens"];
        assert_eq!(folded("    ", "if that is refused or slow: the destination listens", 30), expect);
    }

    #[test]
    fn a_direct_path_shows_who_connects_and_what_protects_it() {
        let path = DataPath::Direct(Leg { dials: Dials::Above, is_private: true });
        let expect = [
            "  [ann@one.example:21] the source",
            "    |  the source connects to the destination",
            "    |  the bytes of the file, inside TLS",
            "    v",
            "  [bob@two:21] the destination",
            "  This host connects to both and sends the commands: inside TLS to the source,",
            "  in clear to the destination; no byte of the file passes it.",
        ];
        assert_eq!(picture(path).lines(screen(80, false)), expect);
    }

    #[test]
    fn a_path_through_a_third_host_has_two_legs() {
        let leg = |dials| Leg { dials, is_private: false };
        let path = DataPath::Through {
            host: "the relay edge".to_owned(),
            source: leg(Dials::Below),
            destination: leg(Dials::Either),
        };
        let lines = picture(path).lines(screen(80, true));
        assert_eq!(lines[1], "    \u{2502}  the relay connects to the source");
        assert_eq!(lines[3], "    \u{25bc}");
        assert_eq!(lines[4], "  [the relay edge] passes the bytes on");
        assert_eq!(lines[5], "    \u{2502}  the relay connects to the destination, or the other way round");
        let own = DataPath::Through {
            host: THIS.to_owned(),
            source: leg(Dials::Either),
            destination: leg(Dials::Either),
        };
        assert!(!picture(own).lines(screen(80, false)).concat().contains("no byte"));
    }

    #[test]
    fn no_line_is_longer_than_the_screen() {
        let leg = Leg { dials: Dials::Both, is_private: true };
        let long = format!("the hub {}", "x".repeat(100));
        for path in [DataPath::Direct(leg), DataPath::Through { host: long, source: leg, destination: leg }] {
            for columns in [20, 40, 41, 79, 120] {
                for line in picture(path.clone()).lines(screen(columns, true)) {
                    assert!(line.chars().count() <= columns, "{columns}: {line:?}");
                }
            }
        }
    }

    #[test]
    fn colour_is_that_of_what_protects_it_and_a_name_paints_nothing() {
        let mut picture = picture(DataPath::Direct(Leg { dials: Dials::Above, is_private: false }));
        picture.source.name = "\x1b[31mred".to_owned();
        let lines = picture.lines(Screen { columns: 80, unicode: false, color: true });
        assert_eq!(lines[0], "  [%1B[31mred] the source");
        assert_eq!(lines[2], "    |  the bytes of the file, \x1b[33min clear\x1b[0m");
    }
}
