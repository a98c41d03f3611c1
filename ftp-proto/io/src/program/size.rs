//! Sizes and rates: how people write them in options, and how they are printed.

use std::num::NonZeroU64;

/// Reads a number of bytes: `4096`, `64KiB` or `64K` (units of 1,024), `10MB` (units of 1,000). The case of
/// the unit does not matter, but bits (`Mb`, `Mbps`, `Mbit`) are refused.
///
/// ```
/// use ftp_io::program::size;
///
/// assert_eq!(size::parse("64KiB"), Ok(65_536));
/// assert_eq!(size::parse("10MB"), Ok(10_000_000));
/// ```
///
/// # Errors
///
/// The text says how a size is written, or that this one is too large for a file.
pub fn parse(text: &str) -> Result<u64, String> {
    let digits = text.bytes().take_while(u8::is_ascii_digit).count();
    let (number, unit) = text.split_at(digits);
    if number.is_empty() {
        return Err("write a number of bytes, like 4096, 64KiB or 10MB".to_owned());
    }
    if unit.starts_with(' ') {
        return Err("write the unit right behind the number, without a blank, like 64KiB or 10MB".to_owned());
    }
    let lower = unit.to_ascii_lowercase();
    let is_bits = unit.ends_with("bps")
        || lower.contains("bit")
        || unit.ends_with('b') && unit.starts_with(['K', 'M', 'G', 'T']);
    if is_bits {
        return Err(format!(
            "{number}{unit} is a number of bits; sizes and rates are in bytes: for 8Mb write 1MB"
        ));
    }
    if unit.starts_with(['.', ',']) {
        return Err("write a whole number in a smaller unit, like 1500KB for 1.5MB".to_owned());
    }
    let (base, power) = match lower.as_str() {
        "" | "b" => (1_u64, 0),
        "kb" => (1_000, 1),
        "mb" => (1_000, 2),
        "gb" => (1_000, 3),
        "tb" => (1_000, 4),
        "k" | "kib" => (1_024, 1),
        "m" | "mib" => (1_024, 2),
        "g" | "gib" => (1_024, 3),
        "t" | "tib" => (1_024, 4),
        _ => return Err("write KiB, MiB, GiB, KB, MB or GB after the number, or nothing".to_owned()),
    };
    let size = number.parse::<u64>().ok().and_then(|number| number.checked_mul(base.pow(power)));
    size.filter(|size| i64::try_from(*size).is_ok()).ok_or_else(|| "larger than any file".to_owned())
}

/// Reads a limit of bytes per second, at least 1: `10MB`, `10MB/s` or `10MBps`.
///
/// # Errors
///
/// Those of [`parse`], or the rate is 0.
pub fn parse_rate(text: &str) -> Result<NonZeroU64, String> {
    let per_second =
        text.strip_suffix("/s").or_else(|| text.strip_suffix("ps").filter(|rate| rate.ends_with('B')));
    let text = per_second.unwrap_or(text);
    let nothing = || "a rate is at least one byte per second; leave it out for no limit".to_owned();
    NonZeroU64::new(parse(text)?).ok_or_else(nothing)
}

/// Prints a number of bytes: `512 B`, `2.00 GiB`.
pub fn bytes(count: u64) -> String {
    if count < 1024 { format!("{count} B") } else { scaled(count as f64) }
}

/// Prints bytes per second: `1.05 GiB/s`. Without any time there is no rate.
pub fn rate(count: u64, seconds: f64) -> Option<String> {
    if seconds <= 0.0 {
        return None;
    }
    let rate = count as f64 / seconds;
    Some(if rate < 1024.0 { format!("{rate:.0} B/s") } else { format!("{}/s", scaled(rate)) })
}

fn scaled(mut value: f64) -> String {
    let mut unit = "B";
    for next in ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"] {
        // 1023.996 would be printed as 1024.00.
        if value < 1023.995 {
            break;
        }
        value /= 1024.0;
        unit = next;
    }
    format!("{value:.2} {unit}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_a_number_and_a_unit() {
        let check = |text: &str, expect: Option<u64>| assert_eq!(parse(text).ok(), expect, "{text}");
        check("0", Some(0));
        check("4096", Some(4_096));
        check("7B", Some(7));
        check("64KiB", Some(65_536));
        check("64kib", Some(65_536));
        check("10MB", Some(10_000_000));
        check("3GiB", Some(3 << 30));
        check("5M", Some(5 << 20));
        check("64k", Some(65_536));
        check("1TB", Some(1_000_000_000_000));
        check("9223372036854775807", Some(u64::MAX / 2));
        for wrong in ["", "KiB", "-1", "1.5MB", "1 MB", "5X", "9223372036854775808", "99999999TiB"] {
            check(wrong, None);
        }
        // Bits are no bytes, and nobody types these for bytes.
        for bits in ["10Mb", "1Gib", "5Kb", "1Tb", "10Mbps", "10mbps", "1.5Mbps", "1kbit", "3Mbit/s"] {
            assert!(parse(bits).unwrap_err().ends_with(": for 8Mb write 1MB"), "{bits}");
        }
        assert!(parse("1.5MB").unwrap_err().contains("a whole number in a smaller unit"));
        check("10mb", Some(10_000_000));
    }

    #[test]
    fn sizes_are_read_at_a_glance() {
        let check = |count, expect: &str| assert_eq!(bytes(count), expect);
        check(0, "0 B");
        check(1023, "1023 B");
        check(1024, "1.00 KiB");
        check(1536, "1.50 KiB");
        check(1024 * 1024 - 1, "1.00 MiB");
        check(2 << 30, "2.00 GiB");
        check(u64::MAX, "16.00 EiB");
    }

    #[test]
    fn a_rate_needs_time() {
        let check =
            |count, seconds, expect: Option<&str>| assert_eq!(rate(count, seconds).as_deref(), expect);
        check(2 << 30, 1.9, Some("1.05 GiB/s"));
        check(100, 2.0, Some("50 B/s"));
        check(100, 0.0, None);
    }
}
