//! The progress of a job on standard error: a bar on a terminal, a line every few seconds elsewhere.

use super::gauge;
use super::overall::Shown;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Write};

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

    /// Shows how far the job is.
    pub(super) fn show(&mut self, shown: &Shown) {
        if self.is_terminal {
            self.draw(shown);
        } else {
            // Standard error may be closed: that is no reason to stop.
            let _ = writeln!(io::stderr().lock(), "ftp-user: {}", gauge::sentence(shown));
        }
    }

    fn draw(&mut self, shown: &Shown) {
        let width = rustix::termios::tcgetwinsize(io::stderr()).map_or(0, |size| usize::from(size.ws_col));
        let width = if width == 0 { USUAL_WIDTH } else { width };
        // The last column stays empty: some terminals begin another line there.
        let text = gauge::short(shown, width.saturating_sub(1));
        let percent = gauge::percent(shown);
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
    ProgressStyle::with_template(&form).unwrap_or_else(|_| ProgressStyle::default_bar())
}

/// The width of a terminal that does not tell it.
const USUAL_WIDTH: usize = 80;
/// A bar of fewer columns shows nothing.
const NARROWEST_BAR: usize = 8;
/// A bar of more columns shows nothing more.
const WIDEST_BAR: usize = 40;

#[cfg(test)]
mod tests {
    use super::*;
    use indicatif::TermLike;
    use std::sync::{Arc, Mutex, MutexGuard};

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
                format!("{}{} {text}", "█".repeat(position / 25 * 2), "░".repeat(8 - position / 25 * 2));
            assert_eq!(written, expect);
        }
    }
}
