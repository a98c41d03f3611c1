//! How a past run and a probe are told to people: what was tried, when, and what came of it.

use super::Screen;
use super::change::date;
use super::receipt::{about, failed_alike, others};
use crate::account::{
    CandidateAccount, CandidateFate, DataPath, Dials, Leg, PairAccount, Picture, RouteAccount, RunAccount,
    THIS,
};
use crate::outcome::FailedItem;
use ftp_proto::wire::{counted, show};
use std::collections::HashSet;

/// A past run, line by line.
pub(super) fn run(run: &RunAccount) -> Vec<String> {
    let RunAccount { id, verb, at, seconds, files, failed, interrupted, pairs, .. } = run;
    let at = date(*at);
    let interrupted = match interrupted {
        0 => String::new(),
        files => format!(", {files} interrupted"),
    };
    let mut lines = vec![format!(
        "run {id} of {at}: {verb}, {} done, {failed} failed{interrupted}, in {seconds:.1} s",
        counted(*files, "file")
    )];
    for pair in pairs {
        self::pair(pair, &mut lines);
    }
    if pairs.is_empty() {
        lines.push("no path was tried".to_owned());
    }
    lines.into_iter().map(|line| show(line.as_bytes())).collect()
}

/// The failures of a past run, each reason once.
pub(super) fn failures(failures: &[FailedItem]) -> Vec<String> {
    let mut lines = Vec::new();
    for (first, same) in groups(failures, failed_alike) {
        lines.push(format!("failed: {}", about(&first.source, &first.failure.what)));
        if !same.is_empty() {
            lines.push("  for the same reason:".to_owned());
        }
        lines.extend(some_of(&same, |failed| format!("    {}", failed.source), "    "));
    }
    lines
}

fn pair(pair: &PairAccount, lines: &mut Vec<String>) {
    lines.push(format!("from {} to {}", pair.source, pair.destination));
    for (race, same) in groups(&pair.races, went_alike) {
        lines.push(format!("  {}: {}", race.file, result(race)));
        let alike = race.tried.chunk_by(is_left_like);
        lines.extend(alike.flat_map(told).map(|line| format!("    {line}")));
        lines.extend(some_of(&same, |race| format!("  {}: the same", race.file), "  "));
    }
    if pair.omitted > 0 {
        let more = counted(pair.omitted, "more race");
        lines.push(format!("  {more} not shown: most were like the one before"));
    }
}

/// The first of several that went as another one did, each in a line, and how many more there are.
fn some_of<T>(same: &[&T], line: impl Fn(&T) -> String, begin: &str) -> Vec<String> {
    let unnamed = same.len().saturating_sub(NAMED);
    let unnamed = (unnamed > 0).then(|| format!("{begin}{}", others(unnamed as u64)));
    same.iter().take(NAMED).map(|one| line(one)).chain(unnamed).collect()
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
        return "no path has moved it whole".to_owned();
    };
    let protection = winner.protection.as_ref().map_or_else(String::new, |words| format!(", {words}"));
    if winner.fate == CandidateFate::Begun {
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
    let is_left = one.started.is_none() && next.started.is_none();
    is_left && one.why == next.why && one.protection.is_some() == next.protection.is_some()
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
        (Some(why), CandidateFate::Begun) => format!("; {why}"),
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
        CandidateFate::Moved => format!("it moved the file, in {took:.2} s"),
        CandidateFate::Begun => format!("both servers began in {took:.2} s to move the file by themselves"),
        CandidateFate::Proven => format!("its probe succeeded, in {took:.2} s"),
        CandidateFate::Lost => format!("nothing came of it in {took:.2} s, and another one was sooner"),
        CandidateFate::Failed => format!("failed after {took:.2} s"),
        CandidateFate::Skipped => "it did not end".to_owned(),
    };
    let mut lines = vec![format!("at {started:.2} s {name}{memory}: {probed}{fate}{why}")];
    if matches!(tried.fate, CandidateFate::Failed | CandidateFate::Lost) {
        let said = tried.said.iter().map(|said| format!("  the {} said last \"{}\"", said.end, said.reply));
        lines.extend(said);
    }
    lines
}

/// Candidates as people know them: of several with the same name, the one that came furthest. With `commands`, all of them.
pub(super) fn named_candidates<'a>(
    all: impl Iterator<Item = &'a CandidateAccount>,
    commands: bool,
) -> Vec<(String, &'a CandidateAccount)> {
    let rank = |tried: &CandidateAccount| (tried.fate == CandidateFate::Proven, tried.started.is_some());
    let mut named: Vec<(String, &CandidateAccount)> = Vec::new();
    for tried in all {
        let name = if commands { tried.name() } else { tried.plain_name() };
        match named.iter_mut().find(|(known, _)| *known == name) {
            Some((_, known)) if rank(tried) > rank(known) => *known = tried,
            Some(_) => {}
            None => named.push((name, tried)),
        }
    }
    named
}

/// What a probe has found, line by line: the candidates, with their `commands` if those are wanted, then the picture of the
/// best path.
pub(super) fn survey(survey: &PairAccount, screen: Screen, commands: bool) -> Vec<String> {
    let PairAccount { source, destination, races, .. } = survey;
    let (tried, picture) =
        (races.iter().flat_map(|race| &race.tried), races.iter().find_map(|race| race.picture.as_ref()));
    let mut lines = vec![format!("from {source} to {destination}")];
    let (asked, others): (Vec<_>, Vec<_>) =
        named_candidates(tried, commands).into_iter().partition(|(_, tried)| tried.started.is_some());
    for (name, tried) in asked {
        let since = tried.connecting.or(tried.started);
        let took = tried.ended.zip(since).map_or(0.0, |(ended, since)| ended - since);
        let private = tried.protection.as_deref().unwrap_or("clear");
        let word = if tried.fate == CandidateFate::Proven { "works" } else { "fails" };
        let why = tried.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        lines.push(format!("  {word}  {:>6.0} ms  {name}, {private}{why}", took * 1000.0));
    }
    for (name, tried) in others {
        let why = tried.why.as_ref().map_or_else(String::new, |why| format!(": {why}"));
        lines.push(format!("  not             {name}{why}"));
    }
    match survey.best() {
        Some(best) => lines.push(format!("best: {}", if commands { best.name() } else { best.plain_name() })),
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
mod tests;
