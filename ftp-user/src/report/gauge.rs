//! How far a job is, in words that fit into a line of a terminal. Pure.

use super::overall::Shown;
use ftp_io::program::size;
use indicatif::HumanDuration;

/// Files, percent, bytes, rate and remaining time, as many of them as fit into `width` columns. The most useful come
/// first when there is little room: files, percent, rate, time, bytes.
pub(super) fn short(shown: &Shown, width: usize) -> String {
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
    let mut ranked: Vec<(usize, usize)> = pieces
        .iter()
        .enumerate()
        .filter(|(_, (piece, _))| piece.is_some())
        .map(|(at, (_, rank))| (*rank, at))
        .collect();
    ranked.sort_unstable();
    let mut is_taken = [false; 5];
    let mut room = width;
    for (_, at) in ranked {
        let length =
            pieces.get(at).and_then(|(piece, _)| piece.as_ref()).map_or(0, |piece| piece.chars().count());
        let needs = length + usize::from(room < width);
        if let Some(rest) = room.checked_sub(needs)
            && let Some(taken) = is_taken.get_mut(at)
        {
            (*taken, room) = (true, rest);
        }
    }
    let taken = pieces.into_iter().zip(is_taken).filter(|(_, is_taken)| *is_taken);
    taken.filter_map(|((piece, _), _)| piece).collect::<Vec<_>>().join(" ")
}

/// `12 of 345 files, 448.00 MiB of 2.00 GiB (21 %), 55.00 MiB/s, 28s left`: a line of its own.
pub(super) fn sentence(shown: &Shown) -> String {
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
pub(super) fn percent(shown: &Shown) -> Option<u64> {
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    const JOB: Shown = Shown {
        files: 12,
        of: 345,
        more: false,
        bytes: 448 << 20,
        total: Some(2 << 30),
        rate: Some((55 << 20) as f64),
        remaining: Some(Duration::from_secs(29)),
    };
    const FILE: Shown = Shown { files: 0, of: 1, ..JOB };

    #[test]
    fn a_line_fits_into_its_terminal() {
        let check = |shown: &Shown, width, expect: &str| {
            let line = short(shown, width);
            assert_eq!(line, expect, "{width}");
            assert!(line.chars().count() <= width);
        };
        check(&JOB, 80, "12/345 21 % 448.00 MiB/2.00 GiB 55.00 MiB/s 29s");
        check(&JOB, 30, "12/345 21 % 55.00 MiB/s 29s");
        check(&JOB, 20, "12/345 21 % 29s");
        check(&JOB, 5, "21 %");
        check(&JOB, 0, "");
        check(&Shown { more: true, remaining: None, ..JOB }, 30, "12/345+ 55.00 MiB/s");
        check(&FILE, 80, "21 % 448.00 MiB/2.00 GiB 55.00 MiB/s 29s");
        check(&FILE, 30, "21 % 55.00 MiB/s 29s");
        let unknown = Shown { total: None, rate: None, remaining: None, bytes: 0, ..FILE };
        check(&unknown, 30, "0 B");
        check(&Shown { total: None, ..JOB }, 80, "12/345 3 % 448.00 MiB 55.00 MiB/s 29s");
    }

    #[test]
    fn a_line_of_its_own_is_a_sentence() {
        let check = |shown: &Shown, expect: &str| assert_eq!(sentence(shown), expect);
        check(&JOB, "12 of 345 files, 448.00 MiB of 2.00 GiB (21 %), 55.00 MiB/s, 29s left");
        check(
            &Shown { more: true, remaining: None, ..JOB },
            "12 of 345 files found so far, 448.00 MiB of 2.00 GiB, 55.00 MiB/s",
        );
        check(&FILE, "448.00 MiB of 2.00 GiB (21 %), 55.00 MiB/s, 29s left");
        check(
            &Shown { bytes: u64::MAX, total: Some(u64::MAX), rate: None, remaining: None, ..FILE },
            "16.00 EiB of 16.00 EiB (100 %)",
        );
        check(&Shown { bytes: 0, total: Some(0), rate: None, remaining: None, ..FILE }, "0 B of 0 B");
    }
}
