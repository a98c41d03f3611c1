//! A plan that breaks a law, made as small as it can be.

use super::manners::Manners;
use super::plan::{Files, Naming, Plan, When};
use super::run::{Ended, run};
use std::io;

/// The smallest plan that breaks a law as `plan` does: with the fewest faults and files.
///
/// # Errors
///
/// As for [`run`].
pub fn shrink(plan: &Plan) -> io::Result<(Plan, Ended)> {
    smallest(plan, smaller, |plan| run(plan).map(|ended| (!ended.violations.is_empty(), ended)))
}

/// The smallest plan that breaks a law as `plan` does. `smaller` makes the next smaller ones of a plan; `run` carries one out, and says
/// whether it breaks a law.
pub(super) fn smallest<AnyPlan: Clone, AnyEnd>(
    plan: &AnyPlan,
    smaller: impl Fn(&AnyPlan) -> Vec<AnyPlan>,
    run: impl Fn(&AnyPlan) -> io::Result<(bool, AnyEnd)>,
) -> io::Result<(AnyPlan, AnyEnd)> {
    let (mut least, (_, mut ended)) = (plan.clone(), run(plan)?);
    loop {
        let mut found = None;
        for fewer in smaller(&least) {
            let (breaks_law, again) = run(&fewer)?;
            if breaks_law {
                found = Some((fewer, again));
                break;
            }
        }
        match found {
            Some((fewer, again)) => (least, ended) = (fewer, again),
            None => return Ok((least, ended)),
        }
    }
}

/// Plans that are a little smaller: with fewer faults and files, and with less that is unusual.
fn smaller(least: &Plan) -> Vec<Plan> {
    let faults = (0..least.faults.len()).map(|at| {
        let mut fewer = least.clone();
        let (when, _) = fewer.faults.remove(at);
        // If both are counted in steps, what comes after it comes when it would have come.
        if let (When::After(steps), Some((When::After(after), _))) = (when, fewer.faults.get_mut(at)) {
            *after += steps;
        }
        fewer
    });
    let half = |files: &Files, second: bool| -> Files {
        let (count, all) = (files.len() / 2, files.clone().into_iter());
        if second { all.skip(count).collect() } else { all.take(count).collect() }
    };
    let halves = [false, true].into_iter().flat_map(|second| {
        let (source, destination) = (half(&least.source, second), half(&least.destination, second));
        [Plan { source, ..least.clone() }, Plan { destination, ..least.clone() }]
    });
    let ours = [0, 1].map(|end| {
        let mut ours = least.clone();
        ours.manners[end] = Manners::Ours;
        ours
    });
    let plain = Plan { options: Vec::new(), ..least.clone() };
    let tree = Plan { naming: Naming::Tree, ..least.clone() };
    let all = Plan { left_out: None, ..least.clone() };
    let alone = [Plan { second: None, ..least.clone() }, plain, tree, all].into_iter().chain(ours);
    let less_asked = (0..least.third.len()).map(|at| {
        let mut fewer = least.clone();
        fewer.third.remove(at);
        fewer
    });
    let one_less = least.source.keys().map(|name| {
        let mut fewer = least.clone();
        fewer.source.remove(name);
        fewer
    });
    alone
        .chain(less_asked)
        .chain(faults)
        .chain(halves)
        .chain(one_less)
        .filter(|fewer| !fewer.source.is_empty() && fewer.size() < least.size())
        .collect()
}
