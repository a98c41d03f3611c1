//! An attacker who commands connections to a victim, and observes everything that a client and a host of its
//! own can observe: replies, their times, and which connections reach its own host. Whatever the victim does,
//! all of that is the same ("No port scanner").

use super::Harness;
use super::harness::{FOREIGN, modern};
use crate::command::Direction;
use crate::server::ask::End;
use crate::shared::proofs::{ProofLimits, TryEnd, Verdict};
use std::time::Duration;

const SECRET: [u8; 32] = [7; 32];
/// The attacker's own host, which is not that of its control connection.
const OTHER: &str = "203.0.113.77";

/// What the victim does with a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Victim {
    /// It refuses each at once.
    Closed,
    /// It never answers.
    Silent,
    /// It accepts, and says nothing.
    Open,
    /// It accepts, and says something else than RNDZ has.
    Talks,
    /// It accepts, and closes.
    Closes,
    /// It accepts, and sends a hello as RNDZ has it: anybody can.
    SaysHello,
}

const VICTIMS: [Victim; 6] =
    [Victim::Closed, Victim::Silent, Victim::Open, Victim::Talks, Victim::Closes, Victim::SaysHello];

/// Small random numbers of a seed.
struct Dice(u64);

impl Dice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 11) % bound
    }
}

/// A session of the attacker, the limits of the server, and what the attacker has seen.
struct World {
    h: Harness,
    limits: ProofLimits<u64>,
    victim: Victim,
    next: u64,
    permit: Option<u64>,
    /// The clock of a fresh session begins at its start.
    seen: Vec<String>,
}

impl World {
    fn new(victim: Victim) -> Self {
        let mut h = modern();
        h.permit = None;
        Self { h, limits: ProofLimits::new(), victim, next: 0, permit: None, seen: Vec::new() }
    }

    fn see(&mut self, what: &str) {
        self.seen.push(format!("{:?} {what}", self.h.now));
    }

    /// One command; its replies are seen.
    fn say(&mut self, line: &str) {
        for reply in self.h.say(line) {
            self.see(&reply);
        }
        self.react();
    }

    /// Time goes on, in small steps, because the other ends react.
    fn pass(&mut self, millis: u64) {
        let end = self.h.now + Duration::from_millis(millis);
        while self.h.now < end {
            let left = end.since(self.h.now);
            self.h.pass(left.min(Duration::from_millis(if left > Duration::from_secs(1) {
                450
            } else {
                50
            })));
            self.react();
        }
    }

    /// The driver and the other ends do what is to be done.
    fn react(&mut self) {
        loop {
            let did = self.h.did();
            for reply in self.h.take() {
                self.see(&reply);
            }
            if did.is_empty() {
                return;
            }
            for did in did {
                self.react_to(&did);
            }
        }
    }

    fn react_to(&mut self, did: &str) {
        let now = self.h.now;
        if let Some(target) = did.strip_prefix("permit u ") {
            self.next += 1;
            let verdict = self.limits.ask(now, self.next, b"u", target.parse().unwrap());
            self.permit = (verdict == Verdict::Now).then_some(self.next);
            self.h.permit_late(verdict == Verdict::Now);
        } else if let Some(end) = did.strip_prefix("permit done ") {
            let end = match end {
                "Proven" => TryEnd::Proven,
                "Failed" => TryEnd::Failed,
                _ => TryEnd::GivenUp,
            };
            if let Some(permit) = self.permit.take() {
                self.limits.done(now, permit, end);
            }
        } else if let Some((_, to)) = did.split_once(" -> ") {
            if to.starts_with(OTHER) {
                self.see(&format!("somebody connects to {to}"));
            } else if self.h.is_connecting() {
                self.answer();
            }
        }
    }

    /// The victim does what it does.
    fn answer(&mut self) {
        match self.victim {
            Victim::Closed => self.h.refused(),
            Victim::Silent => {}
            Victim::Open => drop(self.h.connected()),
            Victim::Talks => {
                let conn = self.h.connected();
                self.h.bytes(conn, b"220 mail.example ESMTP\r\n");
            }
            Victim::Closes => {
                let conn = self.h.connected();
                self.h.lose(conn);
            }
            Victim::SaysHello => {
                let conn = self.h.connected();
                self.h.bytes(conn, b"RNDZ1\r\n\0\0abcdefghijklmnopqrstuvw");
            }
        }
    }

    /// One attempt at the victim or at the attacker's own host, and what is done while it waits.
    fn attempt(&mut self, dice: &mut Dice) {
        let own = dice.below(4) == 0;
        let host = if own { OTHER.to_owned() } else { format!("198.51.100.{}", 9 + dice.below(20)) };
        let port = 40_000 + dice.below(5);
        self.say(&format!("RNDZ {}", "07".repeat(32)));
        match dice.below(3) {
            0 => self.say(&format!("SOCK {host},{port}")),
            _ => self.say(&format!("EPRT |1|{host}|{port}|")),
        }
        let (transfer, direction) =
            [("RETR a", Some(Direction::Receive)), ("STOR c", Some(Direction::Send)), ("PROB S", None)]
                [usize::try_from(dice.below(3)).unwrap()];
        self.say(transfer);
        let proves = own && dice.below(3) == 0;
        if let Some(direction) = direction.filter(|_| proves && self.h.is_connecting()) {
            return self.prove(direction);
        }
        let wait = [0, 50, 100, 100, 300, 16_000][usize::try_from(dice.below(6)).unwrap()];
        self.pass(wait / 2);
        if dice.below(3) == 0 {
            self.say("STAT");
        }
        self.pass(wait / 2);
        if wait < 15_000 {
            self.say("ABOR");
        }
        self.say("NOOP");
        if dice.below(40) == 0 {
            self.h.pass(Duration::from_secs(dice.below(300)));
            self.react();
        }
    }

    /// The attacker's own host proves itself.
    fn prove(&mut self, direction: Direction) {
        let conn = self.h.connected();
        self.h.prove(conn, SECRET, direction);
        self.react();
        self.h.finish_quietly(0, End::WHOLE_FILE);
        self.react();
        self.pass(1_000);
    }
}

/// What the attacker sees of an attack that this seed makes.
fn attack(victim: Victim, seed: u64, attempts: u64) -> Vec<String> {
    let mut dice = Dice(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1);
    let mut world = World::new(victim);
    for _ in 0..attempts {
        world.attempt(&mut dice);
        if world.h.closed {
            break;
        }
    }
    world.seen
}

#[test]
fn what_a_victim_does_shows_in_nothing_that_the_attacker_sees_later() {
    let mut connections = 0;
    for seed in 0..1_000 {
        let seen = attack(Victim::Closed, seed, 45);
        connections += seen.iter().filter(|seen| seen.contains("somebody connects")).count();
        let victim = VICTIMS[1 + usize::try_from(seed).unwrap() % (VICTIMS.len() - 1)];
        let other = attack(victim, seed, 45);
        let differs = seen.iter().zip(&other).find(|(one, other)| one != other);
        assert!(seen == other, "seed {seed}, {victim:?}: {differs:?}");
    }
    assert!(connections > 1_000, "{connections}");
}

/// Thirty attempts that are given up in three seconds, and then one at the attacker's own host.
#[test]
fn attempts_that_are_given_up_count_whatever_the_victim_does() {
    for victim in VICTIMS {
        let mut world = World::new(victim);
        let attempt = |world: &mut World, host: &str| {
            world.say(&format!("RNDZ {}", "07".repeat(32)));
            world.say(&format!("EPRT |1|{host}|40000|"));
            world.say("RETR a");
            world.pass(100);
            world.say("ABOR");
        };
        let reached = |world: &World| world.seen.iter().any(|seen| seen.contains("somebody connects"));
        for _ in 0..29 {
            attempt(&mut world, FOREIGN);
        }
        attempt(&mut world, OTHER);
        assert!(reached(&world), "{victim:?} {:?}", world.seen);
        world.seen.clear();
        attempt(&mut world, OTHER);
        assert!(!reached(&world), "{victim:?}");
    }
}
