//! The dialogue with both servers, side by side. Lines come masked: no secret gets here.

use ftp_proto::timer::Moment;
use ftp_proto::transfer::Side;
use ftp_proto::wire::counted;
use std::fs::File;
use std::io::{self, BufWriter, Write};

/// Writes the dialogue to a file.
#[derive(Debug)]
pub(super) struct Trace<W: Write = BufWriter<File>> {
    out: W,
    titles: [Option<String>; 2],
}

impl Trace {
    pub(super) fn new(file: File) -> Self {
        Self { out: BufWriter::new(file), titles: [None, None] }
    }
}

impl<W: Write> Trace<W> {
    /// Writes one line in its column; a new server in a column is announced there.
    pub(super) fn line(&mut self, side: Side, title: &str, at: Moment, line: &str) -> io::Result<()> {
        let [source, destination] = &mut self.titles;
        let known = match side {
            Side::Source => source,
            Side::Destination => destination,
        };
        if known.as_deref() != Some(title) {
            *known = Some(title.to_owned());
            self.put(side, None, &format!("== {title}"))?;
        }
        self.put(side, Some(at), line)?;
        self.out.flush()
    }

    /// Says that so many lines are left out.
    pub(super) fn left_out(&mut self, lines: u64) -> io::Result<()> {
        let lines = counted(lines, "line");
        self.put(Side::Source, None, &format!("== {lines} left out: this file was too slow"))?;
        self.out.flush()
    }

    pub(super) fn finish(&mut self) -> io::Result<()> {
        self.out.flush()
    }

    fn put(&mut self, side: Side, at: Option<Moment>, line: &str) -> io::Result<()> {
        let mut time = at.map_or_else(String::new, |at| format!("{:.3}", at.since_start().as_secs_f64()));
        for piece in pieces(line) {
            match side {
                Side::Source => writeln!(self.out, "{time:>9} {piece:<WIDTH$} |")?,
                Side::Destination => writeln!(self.out, "{time:>9} {:<WIDTH$} | {piece}", "")?,
            }
            time.clear();
        }
        Ok(())
    }
}

/// A line cut to the width of a column; what follows is indented.
fn pieces(line: &str) -> Vec<String> {
    let letters: Vec<char> = line.chars().collect();
    let (first, rest) = letters.split_at(WIDTH.min(letters.len()));
    let rest = rest.chunks(WIDTH - INDENT.len()).map(|piece| format!("{INDENT}{}", String::from_iter(piece)));
    std::iter::once(first.iter().collect()).chain(rest).collect()
}

const INDENT: &str = "    ";
const WIDTH: usize = 60;

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn the_two_servers_stand_side_by_side() {
        let mut trace = Trace { out: Vec::new(), titles: [None, None] };
        let at = Moment::START + Duration::from_millis(12);
        trace.line(Side::Source, "a:21", at, "> TYPE I").unwrap();
        trace.line(Side::Destination, "b:21", at, "< 200 Okay").unwrap();
        let blank = " ".repeat(60);
        let pad = |text: &str| format!("{text:<60}");
        assert_eq!(
            String::from_utf8(trace.out).unwrap(),
            format!(
                "          {} |\n    0.012 {} |\n          {blank} | == b:21\n    0.012 {blank} | < 200 Okay\n",
                pad("== a:21"),
                pad("> TYPE I"),
            )
        );
    }

    #[test]
    fn a_long_line_goes_on_below() {
        let lines = pieces(&"x".repeat(100));
        assert_eq!(lines, ["x".repeat(60), format!("    {}", "x".repeat(40))]);
    }
}
