//! What can be shown at standard output.

use crate::report::Screen;
use rustix::termios::tcgetwinsize;
use std::ffi::{OsStr, OsString};
use std::io::{self, IsTerminal};

/// What can be shown at standard output. `color` says that standard error has colour, and `always` that what is no terminal
/// has it too. What is no terminal has 80 columns.
pub(super) fn screen(color: bool, always: bool) -> Screen {
    let columns = tcgetwinsize(io::stdout()).ok().map(|size| usize::from(size.ws_col));
    Screen {
        columns: columns.filter(|columns| *columns > 0).unwrap_or(COLUMNS),
        unicode: is_utf8(|name| std::env::var_os(name)),
        color: color && (always || io::stdout().is_terminal()),
    }
}

/// Whether the locale has UTF-8. The first of these variables that is set decides (POSIX, chapter 8.2).
fn is_utf8(get: impl Fn(&str) -> Option<OsString>) -> bool {
    let mut found = ["LC_ALL", "LC_CTYPE", "LANG"].into_iter().filter_map(get);
    let locale = found.find(|value| value != OsStr::new("")).unwrap_or_default();
    let locale = locale.to_string_lossy().to_ascii_lowercase();
    locale.contains("utf-8") || locale.contains("utf8")
}

/// Columns of what is no terminal.
const COLUMNS: usize = 80;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_locale_says_whether_more_than_ascii_can_be_shown() {
        for (set, expect) in [
            (&[("LANG", "en_US.UTF-8")][..], true),
            (&[("LANG", "C.utf8")], true),
            (&[("LANG", "C")], false),
            (&[("LC_ALL", "C"), ("LANG", "de_DE.UTF-8")], false),
            (&[("LC_ALL", ""), ("LC_CTYPE", "de_DE.UTF-8"), ("LANG", "C")], true),
            (&[], false),
        ] {
            let get = |name: &str| set.iter().find(|(key, _)| *key == name).map(|(_, value)| value.into());
            assert_eq!(is_utf8(get), expect, "{set:?}");
        }
    }
}
