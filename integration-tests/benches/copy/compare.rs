//! The table that compares this build with the baseline.

use crate::figures::{Spread, ratios};

/// One line of the table: what was measured, and its figure in each round.
pub(crate) struct Measure<'a> {
    pub(crate) name: &'a str,
    pub(crate) new: &'a [f64],
    pub(crate) baseline: &'a [f64],
}

/// Prints the medians of both builds and the ratio new/baseline, which is taken round by round.
pub(crate) fn table(part: &str, measures: &[Measure<'_>]) {
    let title = format!("{part}: new / baseline");
    println!("{title:<38}        new   baseline   ratio: min   median      max");
    for Measure { name, new, baseline } in measures {
        let medians = (Spread::of(new).median, Spread::of(baseline).median);
        print!("  {name:<36}   {:8.3}   {:8.3}", medians.0, medians.1);
        // The kernel counts processor time in hundredths of a second, so that a short run may show none.
        if baseline.contains(&0.0) {
            println!("   too short to compare");
            continue;
        }
        let ratio = ratios(new, baseline);
        println!("   {:10.2}   {:6.2}   {:6.2}", ratio.least, ratio.median, ratio.most);
    }
    println!();
}
