//! The path between two servers, drawn: who connects to whom, where the bytes pass, and what protects them. Pure.

use super::style::Screen;
use crate::account::{DataPath, Dials, Leg, Picture, THIS};
use ftp_proto::wire::show;

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
