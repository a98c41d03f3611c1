//! What one token holder or one account can take from others: the time that another one's session takes at a relay or at a
//! server, alone and beside somebody who does the worst that his token or account permits, and what is held after he has left.

mod hub;
mod names;
mod relay;
mod server;

use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use integration_tests::performance::{Spread, USER};

use crate::figures::median;
use crate::plan::Plan;
use crate::process::{self, raise_descriptor_limit};
use crate::report::Report;

/// After this time an attack that is over must hold nothing.
const REST: Duration = Duration::from_secs(5);
/// The time between two looks at what is held, and between two tries of a refused attacker.
const POLL: Duration = Duration::from_millis(10);
/// How long a session of the other one waits for the next.
const PAUSE: Duration = Duration::from_millis(200);
/// A relay or a hub lets one token have a quarter of its 1,024 sessions.
const SESSIONS: usize = 256;
/// Threads of an attack.
const ATTACKERS: usize = 4;
/// Messages of a session that are sent without waiting for an answer.
const AHEAD: u32 = 64;
/// Sessions of the other one before the first attack.
const ALONE: usize = 20;
/// More descriptors than before are held if they are more than these: the log, a timer, a session that is just over. The row
/// of the target has the same number.
const SPARE: usize = 8;

/// Part `insiders`.
pub(crate) fn table(plan: &Plan, report: &mut Report) {
    raise_descriptor_limit();
    relay::table(plan, report);
    names::table(plan, report);
    hub::table(plan, report);
    server::table(plan, report);
}

/// Tells an attack to end.
#[derive(Clone, Default)]
struct Stop(Arc<(Mutex<bool>, Condvar)>);

impl Stop {
    fn tell(&self) {
        *self.0.0.lock().unwrap() = true;
        self.0.1.notify_all();
    }

    fn is_told(&self) -> bool {
        *self.0.0.lock().unwrap()
    }

    /// Waits until it is told, no longer than `limit`.
    fn is_told_within(&self, limit: Duration) -> bool {
        let told = self.0.0.lock().unwrap();
        *self.0.1.wait_timeout_while(told, limit, |told| !*told).unwrap().0
    }
}

/// What is attacked, and how the others notice it.
struct Scene<'a> {
    /// The process that serves both.
    id: u32,
    /// One session of another one: it ends in order, or the reason is told.
    probe: &'a dyn Fn() -> Result<(), String>,
}

impl Scene<'_> {
    /// The times of the other one's sessions in milliseconds, and how many of them have failed.
    fn probes(&self, is_over: impl Fn(usize) -> bool) -> (Vec<f64>, Vec<String>) {
        let (mut times, mut failed) = (Vec::new(), Vec::new());
        while !is_over(times.len() + failed.len()) {
            let start = Instant::now();
            match (self.probe)() {
                Ok(()) => times.push(start.elapsed().as_secs_f64() * 1e3),
                Err(why) => failed.push(why),
            }
            thread::sleep(PAUSE);
        }
        (times, failed)
    }

    /// The usual time of the other one's sessions, in milliseconds.
    fn alone(&self, name: &str, report: &mut Report) -> f64 {
        let (times, failed) = self.probes(|count| count >= ALONE);
        assert!(failed.is_empty(), "{failed:?}");
        report.rounds(name, "ms", "alone", &times);
        median(&times)
    }

    /// One attack, for as long as the plan says.
    fn beside(
        &self,
        plan: &Plan,
        alone: f64,
        name: &str,
        attack: impl FnOnce(&Stop) -> Vec<JoinHandle<()>>,
        report: &mut Report,
    ) {
        let before = descriptors(self.id);
        let (stop, end) = (Stop::default(), Instant::now() + Duration::from_secs(plan.seconds));
        let attackers = attack(&stop);
        let (times, failed) = self.probes(|_| Instant::now() >= end);
        stop.tell();
        for attacker in attackers {
            attacker.join().unwrap();
        }
        let rested = Instant::now() + REST;
        let held = loop {
            let held = descriptors(self.id).saturating_sub(before);
            if held <= SPARE || Instant::now() >= rested {
                break held;
            }
            thread::park_timeout(POLL);
        };
        if let Some(spread) = Spread::of(&times) {
            report.rounds(name, "ms", "beside", &times);
            report.add("longer beside an insider, median", "ms", USER, spread.median - alone);
            report.add("longer beside an insider, at the most", "ms", USER, spread.most - alone);
        }
        report.add("failed beside an insider", "sessions", USER, failed.len() as f64);
        report.add("held after an insider", "descriptors", USER, held as f64);
        if let Some(first) = failed.first() {
            println!("{name}: the first failure: {first}");
        }
    }
}

fn descriptors(id: u32) -> usize {
    std::fs::read_dir(format!("/proc/{id}/fd")).map_or(0, Iterator::count)
}

/// Goes on with `work` until it is told to stop; what fails begins anew.
fn again_and_again(stop: &Stop, work: impl Fn(&Stop) -> Option<()> + Send + 'static) -> JoinHandle<()> {
    let stop = stop.clone();
    thread::spawn(move || {
        while !stop.is_told() {
            if work(&stop).is_none() {
                // A refused attacker tries again soon.
                stop.is_told_within(POLL);
            }
        }
    })
}

/// Waits until the local ports of the attacks before are free again.
fn rest() {
    process::wait_for_local_ports();
}
