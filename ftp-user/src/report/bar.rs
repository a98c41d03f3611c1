//! The progress of a job on standard error: a bar on a terminal, a line every few seconds elsewhere.

use super::progress::JobProgress;
use ftp_io::program::output;
use ftp_io::program::size;
use indicatif::{HumanDuration, ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// Shows the progress of a job.
#[derive(Debug)]
pub(super) struct Bar {
    drawn: Option<ProgressBar>,
    is_terminal: bool,
}

impl Bar {
    pub(super) fn new() -> Self {
        Self { drawn: None, is_terminal: io::stderr().is_terminal() }
    }

    /// Whether it is drawn, and no line of text.
    pub(super) const fn is_drawn(&self) -> bool {
        self.is_terminal
    }

    /// Shows how far the job is, and the file of which was spoken last.
    pub(super) fn show(&mut self, shown: &JobProgress, file: Option<&str>) {
        let name = file.map(|file| file.rsplit('/').next().unwrap_or(file)).unwrap_or_default();
        if self.is_terminal {
            self.draw(shown, name);
        } else {
            // Standard error may be closed: that is no reason to stop.
            let _ = writeln!(output::err(), "ftp-user: {}", named(sentence(shown), name, usize::MAX));
        }
    }

    fn draw(&mut self, shown: &JobProgress, name: &str) {
        let width = rustix::termios::tcgetwinsize(io::stderr()).map_or(0, |size| usize::from(size.ws_col));
        let width = if width == 0 { USUAL_WIDTH } else { width };
        // The last column stays empty: some terminals begin another line there.
        let text = named(short(shown, width.saturating_sub(1)), name, width.saturating_sub(1));
        let percent = percent(shown);
        let room = width.saturating_sub(text.chars().count() + 2).min(WIDEST_BAR);
        let bar = percent.filter(|_| room >= NARROWEST_BAR).map(|_| room);
        let style = style(bar, &text);
        let position = percent.unwrap_or(0);
        if self.drawn.is_some() {
            return self.redraw(style, position);
        }
        // It has its text before it is drawn the first time.
        let bar = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::hidden());
        let bar = bar.with_style(style).with_position(position);
        bar.set_draw_target(ProgressDrawTarget::stderr());
        bar.tick();
        self.drawn = Some(bar);
    }

    /// Draws once: the text is a part of the style, and only the position draws.
    fn redraw(&self, style: ProgressStyle, position: u64) {
        if let Some(bar) = &self.drawn {
            bar.set_style(style);
            bar.set_position(position);
        }
    }

    /// Does `write` while the bar is not on the screen.
    pub(super) fn beside<T>(&self, write: impl FnOnce() -> T) -> T {
        match &self.drawn {
            Some(bar) => bar.suspend(write),
            None => write(),
        }
    }

    /// Takes the bar off the screen.
    pub(super) fn clear(&mut self) {
        if let Some(bar) = self.drawn.take() {
            bar.finish_and_clear();
        }
    }
}

/// A bar of so many columns, if there is room for one, and a text.
fn style(bar: Option<usize>, text: &str) -> ProgressStyle {
    let text = text.replace('{', "{{").replace('}', "}}");
    let form = match bar {
        Some(room) => format!("{{bar:{room}}} {text}"),
        None => text,
    };
    let style = ProgressStyle::with_template(&form).unwrap_or_else(|_| ProgressStyle::default_bar());
    // Every terminal and every locale can show these.
    style.progress_chars("#-")
}

/// The text with the name of a file behind it, as much of it as there is room for.
fn named(text: String, name: &str, width: usize) -> String {
    let room = width.saturating_sub(text.chars().count() + 1).min(WIDEST_NAME);
    match name.chars().count() {
        0 => text,
        length if length <= room => format!("{text} {name}"),
        _ if room < NARROWEST_BAR => text,
        _ => format!("{text} {}..", name.chars().take(room - 2).collect::<String>()),
    }
}

/// The largest number of characters that are shown of the name of a file.
const WIDEST_NAME: usize = 24;
/// The width of a terminal that does not tell it.
const USUAL_WIDTH: usize = 80;
/// A bar of fewer columns shows nothing.
const NARROWEST_BAR: usize = 8;
/// A bar of more columns shows nothing more.
const WIDEST_BAR: usize = 40;

/// Files, percent, bytes, rate and remaining time, as many of them as fit into `width` columns. The most useful come
/// first when there is little room: files, percent, rate, time, bytes.
pub(super) fn short(shown: &JobProgress, width: usize) -> String {
    let files = (shown.of > 1 || shown.more)
        .then(|| format!("{}/{}{}", shown.files, shown.of, if shown.more { "+" } else { "" }));
    let percent = percent(shown).map(|percent| format!("{percent} %"));
    let bytes = Some(match shown.total {
        Some(total) => format!("{}/{}", size::bytes(shown.bytes), size::bytes(total)),
        None => size::bytes(shown.bytes),
    });
    let rate = shown.rate.and_then(|rate| size::rate(rate as u64, 1.0));
    let remaining = shown.remaining.map(|remaining| format!("{:#}", HumanDuration(remaining)));
    // In the order of the line, each with its rank.
    let pieces = [(files, 0), (percent, 1), (bytes, 4), (rate, 2), (remaining, 3)];
    let line = |ranks: &[usize]| {
        let taken = pieces.iter().filter(|(_, rank)| ranks.contains(rank));
        taken.filter_map(|(piece, _)| piece.as_deref()).collect::<Vec<_>>().join(" ")
    };
    let mut ranks = Vec::new();
    for rank in 0..pieces.len() {
        ranks.push(rank);
        if line(&ranks).chars().count() > width {
            ranks.pop();
        }
    }
    line(&ranks)
}

/// `12 of 345 files, 448.00 MiB of 2.00 GiB (21 %), 55.00 MiB/s, 28s left`: a line of its own.
pub(super) fn sentence(shown: &JobProgress) -> String {
    let so_far = if shown.more { " found so far" } else { "" };
    let files =
        (shown.of > 1 || shown.more).then(|| format!("{} of {} files{so_far}", shown.files, shown.of));
    let bytes = match shown.total {
        Some(total) => {
            let percent = percent(shown).map_or_else(String::new, |percent| format!(" ({percent} %)"));
            format!("{} of {}{percent}", size::bytes(shown.bytes), size::bytes(total))
        }
        None => size::bytes(shown.bytes),
    };
    let rate = shown.rate.and_then(|rate| size::rate(rate as u64, 1.0));
    let remaining = shown.remaining.map(|remaining| format!("{:#} left", HumanDuration(remaining)));
    files.into_iter().chain([bytes]).chain(rate).chain(remaining).collect::<Vec<_>>().join(", ")
}

/// How much of what was found is done: by bytes, or, if not all sizes are known, by files. It is not known while more
/// may be found.
pub(super) fn percent(shown: &JobProgress) -> Option<u64> {
    if shown.more {
        return None;
    }
    let (done, all) = match shown.total {
        Some(total) if total > 0 => (shown.bytes, total),
        Some(_) | None if shown.of > 1 => (shown.files, shown.of),
        Some(_) | None => return None,
    };
    u64::try_from(u128::from(done) * 100 / u128::from(all)).ok()
}

/// When it is told the next time how far a job is, also if nothing has happened. The times are those since the first event.
#[derive(Clone, Copy, Debug)]
pub(super) struct Due {
    period: Duration,
    /// When it was told last.
    last: Option<Duration>,
}

impl Due {
    /// A line on standard error, where no terminal is.
    pub(super) const LINE: Self = Self { period: Duration::from_secs(5), last: None };
    /// A drawing on a terminal, on which every event is drawn as well.
    pub(super) const DRAWING: Self = Self { period: Duration::from_secs(1), last: None };
    /// An event for a program, which knows that nothing has moved before the first second is over.
    pub(super) const EVENT: Self = Self { last: Some(Duration::ZERO), ..Self::DRAWING };

    /// Whether it is to be told at that time.
    pub(super) fn is_due(&self, at: Duration) -> bool {
        self.rest(at).is_zero()
    }

    /// How long it may still wait.
    pub(super) fn rest(&self, at: Duration) -> Duration {
        self.last.map_or(Duration::ZERO, |last| (last + self.period).saturating_sub(at))
    }

    /// It is told now.
    pub(super) const fn told(&mut self, at: Duration) {
        self.last = Some(at);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::TermLike;
    use std::sync::{Arc, Mutex, MutexGuard};

    #[test]
    fn progress_names_the_file_as_far_as_there_is_room() {
        let check = |name: &str, width: usize, expect: &str| {
            assert_eq!(named("1/2 50 %".to_owned(), name, width), expect, "{name} {width}");
        };
        check("a.bin", 79, "1/2 50 % a.bin");
        check("a-long-name.bin", 17, "1/2 50 % a-long..");
        check("a-long-name.bin", 16, "1/2 50 %");
        check("a-name-of-more-than-24-letters", usize::MAX, "1/2 50 % a-name-of-more-than-24..");
        check("", 79, "1/2 50 %");
    }

    /// A terminal that keeps what is written to it.
    #[derive(Clone, Debug, Default)]
    struct Screen(Arc<Mutex<String>>);

    impl Screen {
        fn written(&self) -> MutexGuard<'_, String> {
            self.0.lock().unwrap()
        }
    }

    impl TermLike for Screen {
        fn width(&self) -> u16 {
            60
        }

        fn move_cursor_up(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_down(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_right(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn move_cursor_left(&self, _: usize) -> io::Result<()> {
            Ok(())
        }

        fn write_line(&self, text: &str) -> io::Result<()> {
            self.write_str(text)
        }

        fn write_str(&self, text: &str) -> io::Result<()> {
            self.written().push_str(text);
            Ok(())
        }

        fn clear_line(&self) -> io::Result<()> {
            Ok(())
        }

        fn flush(&self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn an_update_is_one_draw_with_its_bar_and_its_text() {
        let screen = Screen::default();
        let target = ProgressDrawTarget::term_like(Box::new(screen.clone()));
        let drawn = ProgressBar::with_draw_target(Some(100), target);
        let bar = Bar { drawn: Some(drawn), is_terminal: true };
        for (position, text) in [(50, "61/89 50 % {x}"), (75, "70/89 75 %")] {
            screen.written().clear();
            bar.redraw(style(Some(8), text), position as u64);
            let written = screen.written().trim_end().to_owned();
            let expect =
                format!("{}{} {text}", "#".repeat(position / 25 * 2), "-".repeat(8 - position / 25 * 2));
            assert_eq!(written, expect);
        }
    }

    const JOB: JobProgress = JobProgress {
        files: 12,
        of: 345,
        more: false,
        bytes: 448 << 20,
        total: Some(2 << 30),
        rate: Some((55 << 20) as f64),
        remaining: Some(Duration::from_secs(29)),
    };
    const FILE: JobProgress = JobProgress { files: 0, of: 1, ..JOB };

    #[test]
    fn a_line_fits_into_its_terminal() {
        let check = |shown: &JobProgress, width, expect: &str| {
            let line = short(shown, width);
            assert_eq!(line, expect, "{width}");
            assert!(line.chars().count() <= width);
        };
        check(&JOB, 80, "12/345 21 % 448.00 MiB/2.00 GiB 55.00 MiB/s 29s");
        check(&JOB, 30, "12/345 21 % 55.00 MiB/s 29s");
        check(&JOB, 20, "12/345 21 % 29s");
        check(&JOB, 5, "21 %");
        check(&JOB, 0, "");
        check(&JobProgress { more: true, remaining: None, ..JOB }, 30, "12/345+ 55.00 MiB/s");
        check(&FILE, 80, "21 % 448.00 MiB/2.00 GiB 55.00 MiB/s 29s");
        check(&FILE, 30, "21 % 55.00 MiB/s 29s");
        let unknown = JobProgress { total: None, rate: None, remaining: None, bytes: 0, ..FILE };
        check(&unknown, 30, "0 B");
        check(&JobProgress { total: None, ..JOB }, 80, "12/345 3 % 448.00 MiB 55.00 MiB/s 29s");
    }

    #[test]
    fn a_line_of_its_own_is_a_sentence() {
        let check = |shown: &JobProgress, expect: &str| assert_eq!(sentence(shown), expect);
        check(&JOB, "12 of 345 files, 448.00 MiB of 2.00 GiB (21 %), 55.00 MiB/s, 29s left");
        check(
            &JobProgress { more: true, remaining: None, ..JOB },
            "12 of 345 files found so far, 448.00 MiB of 2.00 GiB, 55.00 MiB/s",
        );
        check(&FILE, "448.00 MiB of 2.00 GiB (21 %), 55.00 MiB/s, 29s left");
        check(
            &JobProgress { bytes: u64::MAX, total: Some(u64::MAX), rate: None, remaining: None, ..FILE },
            "16.00 EiB of 16.00 EiB (100 %)",
        );
        check(&JobProgress { bytes: 0, total: Some(0), rate: None, remaining: None, ..FILE }, "0 B of 0 B");
    }

    #[test]
    fn it_is_told_again_after_the_period_of_its_form() {
        let at = Duration::from_millis;
        for (mut due, first, rest) in
            [(Due::LINE, 0, 4_900), (Due::EVENT, 1_000, 900), (Due::DRAWING, 0, 900)]
        {
            assert_eq!(due.rest(at(0)), at(first), "{due:?}");
            assert!(due.is_due(at(first)), "{due:?}");
            due.told(at(2_000));
            assert_eq!((due.is_due(at(2_100)), due.rest(at(2_100))), (false, at(rest)), "{due:?}");
            assert!(due.is_due(at(2_100 + rest)) && due.is_due(at(90_000)), "{due:?}");
        }
    }
}
