//! Keeps the status of sites: which of them answer. Pure, on a clock that is told.
//!
//! One missed probe says little, and one answer after many misses says little more. A site is down after three probes
//! without an answer, and up again after two with one.

use ftp_proto::timer::Moment;
use std::collections::BTreeMap;
use std::time::Duration;

/// Which sites answer.
#[derive(Clone, Debug, Default)]
pub struct Keeper {
    sites: BTreeMap<String, Watched>,
    /// The number of the last probe.
    probes: u64,
}

/// What is known of a site.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Health {
    /// It has not been asked often enough.
    Unknown,
    /// It answers when it is asked.
    Up,
    /// It does not answer: nobody waits for it.
    Down,
}

/// What the keeper is told.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Input {
    /// From now on this site is of interest.
    Watch(String),
    /// A probe has an answer.
    Answered(Probe),
    /// A probe has failed.
    Missed(Probe),
    /// A command has had an answer of this site, or none.
    Seen {
        /// The site of that command.
        site: String,
        /// Whether it has answered.
        answered: bool,
    },
    /// Time has passed.
    Time,
}

/// A probe under way. An answer to another one is ignored.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Probe {
    /// The site that is asked.
    pub site: String,
    number: u64,
}

/// What is to be done.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Output {
    /// Ask a site whether it answers.
    Probe(Probe),
    /// Wait until then for the next input; without a moment, for an input.
    Wait(Option<Moment>),
}

/// What a site waits for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Timer {
    /// The next probe.
    Pause,
    /// The answer to a probe.
    Answer,
}

#[derive(Clone, Debug)]
struct Watched {
    health: Health,
    /// How many probes in a row were missed, or answered.
    misses: u32,
    answers: u32,
    timer: Timer,
    until: Moment,
    /// The probe under way.
    probe: u64,
}

impl Keeper {
    /// Takes what happens.
    pub fn input(&mut self, now: Moment, input: Input) {
        self.expire(now);
        match input {
            Input::Time => {}
            Input::Watch(site) => {
                if self.sites.len() < MOST_SITES {
                    self.sites.entry(site).or_insert_with(|| Watched::new(now));
                }
            }
            Input::Answered(probe) => self.ended(now, &probe, true),
            Input::Missed(probe) => self.ended(now, &probe, false),
            Input::Seen { site, answered } => {
                if let Some(watched) = self.sites.get_mut(&site) {
                    watched.count(now, answered);
                }
            }
        }
    }

    /// What is to be done now.
    pub fn poll(&mut self, now: Moment) -> Output {
        self.expire(now);
        let probing = self.sites.values().filter(|watched| watched.timer == Timer::Answer).count();
        let due = self
            .sites
            .iter_mut()
            .filter(|(_, watched)| watched.timer == Timer::Pause && watched.until <= now);
        // The one that has waited longest comes first.
        if let Some((site, watched)) =
            due.min_by_key(|(_, watched)| watched.until).filter(|_| probing < MOST_PROBES)
        {
            self.probes += 1;
            (watched.timer, watched.until, watched.probe) = (Timer::Answer, now + ANSWER, self.probes);
            return Output::Probe(Probe { site: site.clone(), number: self.probes });
        }
        // While all places are taken, an answer or its time comes first.
        let waits = |watched: &&Watched| watched.timer == Timer::Answer || probing < MOST_PROBES;
        Output::Wait(self.sites.values().filter(waits).map(|watched| watched.until).min())
    }

    /// What is known of a site.
    pub fn health(&self, site: &str) -> Health {
        self.sites.get(site).map_or(Health::Unknown, |watched| watched.health)
    }

    /// All sites that are of interest.
    pub fn all(&self) -> impl Iterator<Item = (&str, Health)> {
        self.sites.iter().map(|(site, watched)| (site.as_str(), watched.health))
    }

    fn ended(&mut self, now: Moment, probe: &Probe, answered: bool) {
        if let Some(watched) = self.sites.get_mut(&probe.site)
            && watched.timer == Timer::Answer
            && watched.probe == probe.number
        {
            watched.count(now, answered);
        }
    }

    /// A probe without an answer in time is missed.
    fn expire(&mut self, now: Moment) {
        for watched in self.sites.values_mut() {
            if watched.timer == Timer::Answer && watched.until <= now {
                watched.count(now, false);
            }
        }
    }
}

impl Watched {
    const fn new(now: Moment) -> Self {
        Self { health: Health::Unknown, misses: 0, answers: 0, timer: Timer::Pause, until: now, probe: 0 }
    }

    fn count(&mut self, now: Moment, answered: bool) {
        (self.misses, self.answers) = match answered {
            true => (0, self.answers.saturating_add(1)),
            false => (self.misses.saturating_add(1), 0),
        };
        self.health = match self.health {
            Health::Up | Health::Unknown if self.misses >= MISSES => Health::Down,
            Health::Down if self.answers >= ANSWERS => Health::Up,
            Health::Unknown if answered => Health::Up,
            health @ (Health::Up | Health::Down | Health::Unknown) => health,
        };
        let pause = match (self.health, self.misses) {
            (Health::Up | Health::Unknown, 0) => CALM,
            (Health::Down, _) if self.answers == 0 => GONE,
            (Health::Up | Health::Unknown | Health::Down, _) => DOUBTFUL,
        };
        (self.timer, self.until) = (Timer::Pause, now + pause);
    }
}

/// Missed probes in a row after which a site counts as down.
const MISSES: u32 = 3;
/// So many answers in a row, and a site that was down is up.
const ANSWERS: u32 = 2;
/// How long a probe may take.
pub const ANSWER: Duration = Duration::from_secs(5);
/// The pause before the next probe of a site that answers.
pub const CALM: Duration = Duration::from_secs(60);
/// The same where the last probe contradicts what is known.
pub const DOUBTFUL: Duration = Duration::from_secs(5);
/// The same for a site that is down.
pub const GONE: Duration = Duration::from_secs(20);
/// The largest number of sites of interest. Of others nothing is known, and they are asked.
const MOST_SITES: usize = 64;
/// The largest number of probes at the same time.
const MOST_PROBES: usize = 4;

#[cfg(test)]
mod tests {
    use super::*;

    fn after(start: Moment, seconds: u64) -> Moment {
        start + Duration::from_secs(seconds)
    }

    /// Runs a keeper of one site whose probes end like this. Returns its health after each of them.
    fn run(answers: &[bool]) -> Vec<Health> {
        let (mut keeper, mut now) = (Keeper::default(), Moment::START);
        keeper.input(now, Input::Watch("lab".to_owned()));
        let mut healths = Vec::new();
        for answered in answers {
            let probe = loop {
                match keeper.poll(now) {
                    Output::Probe(probe) => break probe,
                    Output::Wait(until) => now = until.unwrap(),
                }
            };
            keeper.input(now, if *answered { Input::Answered(probe) } else { Input::Missed(probe) });
            healths.push(keeper.health("lab"));
        }
        healths
    }

    #[test]
    fn h30_a_site_is_down_after_three_missed_probes_and_up_after_two_good_ones() {
        use Health::{Down, Unknown, Up};
        let check = |probes: &str, expect: &[Health]| {
            let answers: Vec<bool> = probes.chars().map(|probe| probe == '+').collect();
            assert_eq!(run(&answers), expect, "{probes}");
        };
        check("+", &[Up]);
        check("---", &[Unknown, Unknown, Down]);
        check("+---", &[Up, Up, Up, Down]);
        check("+--+--+", &[Up; 7]);
        check("---+-+-", &[Unknown, Unknown, Down, Down, Down, Down, Down]);
        check("---++", &[Unknown, Unknown, Down, Down, Up]);
        check("---++--", &[Unknown, Unknown, Down, Down, Up, Up, Up]);
    }

    #[test]
    fn h30_a_probe_without_an_answer_is_missed_and_its_late_answer_is_ignored() {
        let start = Moment::START;
        let mut keeper = Keeper::default();
        keeper.input(start, Input::Watch("lab".to_owned()));
        let Output::Probe(first) = keeper.poll(start) else { panic!() };
        assert_eq!(keeper.poll(start), Output::Wait(Some(start + ANSWER)));
        let later = after(start, 100);
        keeper.input(later, Input::Answered(first.clone()));
        assert_eq!(keeper.health("lab"), Health::Unknown);
        let mut now = later;
        while keeper.health("lab") != Health::Down {
            if let Output::Wait(until) = keeper.poll(now) {
                now = until.unwrap();
            }
        }
        keeper.input(now, Input::Answered(first));
        keeper.input(now, Input::Seen { site: "lab".to_owned(), answered: true });
        assert_eq!(keeper.health("lab"), Health::Down, "one answer is not enough");
        keeper.input(now, Input::Seen { site: "lab".to_owned(), answered: true });
        assert_eq!(keeper.health("lab"), Health::Up, "what a command has seen counts");
    }

    #[test]
    fn the_number_of_probes_and_of_sites_is_bounded() {
        let start = Moment::START;
        let mut keeper = Keeper::default();
        for number in 0..100 {
            keeper.input(start, Input::Watch(format!("site{number}")));
        }
        assert_eq!(keeper.all().count(), MOST_SITES);
        let mut probes = 0;
        while let Output::Probe(_) = keeper.poll(start) {
            probes += 1;
        }
        assert_eq!(probes, MOST_PROBES);
        assert_eq!(Keeper::default().poll(start), Output::Wait(None));
    }

    /// Whatever answers, a keeper never waits without a timer, never has too many probes, and turns only as its laws say.
    #[test]
    fn h30_any_sequence_of_answers_keeps_the_laws() {
        for seed in 0..300_u64 {
            let mut random = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
            let mut next = move |below: u64| {
                random ^= random << 13;
                random ^= random >> 7;
                random ^= random << 17;
                random % below
            };
            let (mut keeper, mut now) = (Keeper::default(), Moment::START);
            let mut open: Vec<Probe> = Vec::new();
            for site in ["a", "b", "c", "d", "e", "f"] {
                keeper.input(now, Input::Watch(site.to_owned()));
            }
            for _ in 0..200 {
                match keeper.poll(now) {
                    Output::Probe(probe) => open.push(probe),
                    Output::Wait(until) => {
                        let until = until.unwrap();
                        assert!(until > now, "seed {seed}");
                        if open.is_empty() || next(3) == 0 {
                            now = until;
                        }
                    }
                }
                if !open.is_empty() && next(2) == 0 {
                    let probe = open.swap_remove(usize::try_from(next(open.len() as u64)).unwrap());
                    let before = keeper.health(&probe.site);
                    let site = probe.site.clone();
                    let answered = next(2) == 0;
                    keeper.input(now, if answered { Input::Answered(probe) } else { Input::Missed(probe) });
                    let turned = (before, keeper.health(&site));
                    assert!(answered || turned.1 != Health::Up || turned.0 == Health::Up, "seed {seed}");
                }
                let probing = keeper.sites.values().filter(|watched| watched.timer == Timer::Answer).count();
                assert!(probing <= MOST_PROBES, "seed {seed}");
            }
        }
    }
}
