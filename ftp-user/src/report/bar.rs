//! The progress of a job on standard error: a bar on a terminal, a line every few seconds elsewhere.

use super::gauge;
use super::overall::Shown;
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use std::io::{self, IsTerminal, Write};
use std::time::Duration;

/// Shows the progress of a job.
#[derive(Debug)]
pub(super) struct Bar {
    drawn: Option<ProgressBar>,
    is_terminal: bool,
    /// When the last line was written.
    last: Option<Duration>,
}

impl Bar {
    pub(super) fn new() -> Self {
        Self { drawn: None, is_terminal: io::stderr().is_terminal(), last: None }
    }

    /// Shows how far the job is. `at` is the time since its first event.
    pub(super) fn show(&mut self, shown: &Shown, at: Duration) {
        if self.is_terminal {
            self.draw(shown);
        } else if self.last.is_none_or(|last| at.saturating_sub(last) >= PERIOD) {
            self.last = Some(at);
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
        let form = match percent {
            Some(_) if room >= NARROWEST_BAR => format!("{{bar:{room}}} {{msg}}"),
            Some(_) | None => "{wide_msg}".to_owned(),
        };
        let style = ProgressStyle::with_template(&form).unwrap_or_else(|_| ProgressStyle::default_bar());
        let position = percent.unwrap_or(0);
        match &self.drawn {
            Some(bar) => {
                bar.set_style(style);
                bar.set_message(text);
                bar.set_position(position);
            }
            None => {
                // It has its text before it is drawn the first time.
                let bar = ProgressBar::with_draw_target(Some(100), ProgressDrawTarget::hidden());
                let bar = bar.with_style(style).with_message(text).with_position(position);
                bar.set_draw_target(ProgressDrawTarget::stderr());
                bar.tick();
                self.drawn = Some(bar);
            }
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

/// The time between two lines.
const PERIOD: Duration = Duration::from_secs(5);
/// The width of a terminal that does not tell it.
const USUAL_WIDTH: usize = 80;
/// A bar of fewer columns shows nothing.
const NARROWEST_BAR: usize = 8;
/// A bar of more columns shows nothing more.
const WIDEST_BAR: usize = 40;
