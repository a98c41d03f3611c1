//! Octets and rates as people read them.

/// `512 B`, `2.00 GiB`.
pub fn octets(count: u64) -> String {
    if count < 1024 { format!("{count} B") } else { scaled(count as f64) }
}

/// Octets per second, `1.05 GiB/s`; nothing that took no time has a rate.
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
    fn sizes_are_read_at_a_glance() {
        let check = |count, expect: &str| assert_eq!(octets(count), expect);
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
