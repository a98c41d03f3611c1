//! How events are shown.

/// How events are shown.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Style {
    /// One JSON object per line instead of words.
    pub json: bool,
    /// Only failures are shown.
    pub quiet: bool,
    /// Every file and every path is shown.
    pub verbose: bool,
    /// Colour is used.
    pub color: bool,
    /// A progress bar is drawn.
    pub progress: bool,
}
