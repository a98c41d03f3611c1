//! Lines of a log in which every character is shown. Names and other words of strangers are in them.

use std::borrow::Cow;

use ftp_proto::wire::misleads;

/// A line without characters that a terminal or an editor would act on, or show nothing for. The colours of the log itself are
/// ASCII and stay. `is_json`: the line is JSON, and the characters are in strings of it.
pub(super) fn readable(line: &[u8], is_json: bool) -> Cow<'_, [u8]> {
    if line.is_ascii() {
        return Cow::Borrowed(line);
    }
    let mut shown = String::with_capacity(line.len());
    for c in String::from_utf8_lossy(line).chars() {
        if c.is_ascii() || !misleads(c) {
            shown.push(c);
        } else if is_json {
            let mut units = [0; 2];
            shown.extend(c.encode_utf16(&mut units).iter().map(|unit| format!("\\u{unit:04x}")));
        } else {
            shown.extend(c.escape_unicode());
        }
    }
    Cow::Owned(shown.into_bytes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_misleads_is_escaped_as_the_format_has_it() {
        let line = "user=\"a\u{200b}\u{3164}b\u{1d173}\" \u{e9}\u{4e2d}\u{301}\n";
        for (is_json, expect) in [
            (false, "user=\"a\\u{200b}\\u{3164}b\\u{1d173}\" \u{e9}\u{4e2d}\u{301}\n"),
            (true, "user=\"a\\u200b\\u3164b\\ud834\\udd73\" \u{e9}\u{4e2d}\u{301}\n"),
        ] {
            assert_eq!(String::from_utf8(readable(line.as_bytes(), is_json).into_owned()).unwrap(), expect);
        }
        let coloured = b"\x1b[33m WARN\x1b[0m plain\n";
        assert_eq!(*readable(coloured, false), *coloured);
    }
}
