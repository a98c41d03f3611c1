//! Several coordinators and accounts at the same two servers, on one clock.

use super::run::Report;
use super::scenario::Scenario;
use super::shared::{PermitAnswer, Shared};
use super::world::{Event, World};
use std::cell::RefCell;
use std::rc::Rc;

/// Runs a scenario to its end.
pub fn simulate(scenario: Scenario) -> Report {
    together(vec![scenario]).into_iter().next().expect("one scenario has one report")
}

/// Runs several scenarios at the same time. Each has a user and sessions of its own; the sessions of one
/// server share its limits, as in a real server. Returns a report for each, in the same order.
pub fn together(scenarios: Vec<Scenario>) -> Vec<Report> {
    let shared = Rc::new(RefCell::new(Shared::default()));
    let new = |(number, scenario)| World::new(scenario, number, Rc::clone(&shared));
    let mut worlds: Vec<World> = scenarios.into_iter().enumerate().map(new).collect();
    worlds.iter_mut().for_each(World::begin);
    let mut open = vec![true; worlds.len()];
    loop {
        let times = worlds.iter().zip(&open).enumerate().filter(|(_, (_, open))| **open);
        let next = times.filter_map(|(number, (world, _))| Some((world.next_time()?, number))).min();
        let Some((now, number)) = next else { break };
        open[number] = worlds[number].step();
        let answers = shared.borrow_mut().take_answers();
        for PermitAnswer { permit: (number, ticket), side, may } in answers {
            worlds[number].permit_comes(now, side, ticket, may);
        }
        let stops = shared.borrow_mut().detached.take_stops();
        for (number, side, ticket) in stops {
            worlds[number].schedule(now, Event::End(side, ticket));
        }
    }
    worlds.into_iter().map(World::report).collect()
}
