//! What one token holder or one account can take from others: the time that another one's session takes at a relay or at a
//! server, alone and beside somebody who does the worst that his token or account permits, and what is held after he has left.

mod hub;
mod names;
mod relay;
mod server;

use std::sync::{Arc, Condvar, Mutex};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::figures::{Spread, met};
use crate::plan::Plan;
use crate::process::{self, raise_descriptor_limit};

/// The target: how many milliseconds longer another one's session takes, in the median and at the most.
const MEDIAN: f64 = 100.0;
const MOST: f64 = 1_000.0;
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
/// More descriptors than before are held if they are more than these: the log, a timer, a session that is just over.
const SPARE: usize = 8;

/// Part `insiders`.
pub(crate) fn table(plan: &Plan) {
    raise_descriptor_limit();
    println!("another one's session beside              ms, median (min - max)   failed   descriptors held");
    relay::table(plan);
    names::table(plan);
    hub::table(plan);
    server::table(plan);
    println!(
        "target: {MEDIAN:.0} ms longer in the median and {MOST:.0} ms at the most, none fails, nothing is held after {} s\n",
        REST.as_secs()
    );
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

    fn alone(&self, name: &str) -> Spread {
        let (times, failed) = self.probes(|count| count >= ALONE);
        assert!(failed.is_empty(), "{failed:?}");
        let alone = Spread::of(&times);
        println!("{name:<40} {alone}");
        alone
    }

    /// One attack, for as long as the plan says.
    fn beside(
        &self,
        plan: &Plan,
        alone: &Spread,
        name: &str,
        attack: impl FnOnce(&Stop) -> Vec<JoinHandle<()>>,
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
        let figures = if times.is_empty() { "none".to_owned() } else { Spread::of(&times).to_string() };
        let is_met = failed.is_empty()
            && held <= SPARE
            && !times.is_empty()
            && Spread::of(&times).median - alone.median <= MEDIAN
            && Spread::of(&times).most - alone.median <= MOST;
        println!("{name:<40} {figures:<26} {:6}   {held:6}   {}", failed.len(), met(is_met));
        if let Some(first) = failed.first() {
            println!("    the first failure: {first}");
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
