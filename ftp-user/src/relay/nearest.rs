//! Which agents of a hub carry the control and data connections of some servers: the nearest ones, by the round trips that were
//! measured. Pure.

use ftp_proto::timer::Moment;
use std::time::Duration;

/// What agents have answered, and until when others are waited for: a nearer one may have begun later.
#[derive(Debug)]
pub(super) struct Answers {
    begun: Moment,
    /// Of each agent, the round trip to each server through it; `None` where it does not reach the server.
    round_trips: Vec<Vec<Option<Duration>>>,
    pub(super) until: Option<Moment>,
}

impl Answers {
    /// The agents are asked now.
    pub(super) const fn new(now: Moment) -> Self {
        Self { begun: now, round_trips: Vec::new(), until: None }
    }

    /// One more agent has answered. Once all servers are reached, others are waited for as long again, and not longer than
    /// [`LONGEST`].
    pub(super) fn answered(&mut self, now: Moment, round_trips: Vec<Option<Duration>>) {
        self.round_trips.push(round_trips);
        if self.until.is_none() && self.chosen().is_some() {
            self.until = Some(now + now.since(self.begun).min(LONGEST));
        }
    }

    /// The agent for each server, by the order of the answers; `None` if a server is not reached. One that reaches all of them
    /// serves them alone, because nothing passes the hub then.
    pub(super) fn chosen(&self) -> Option<Vec<usize>> {
        let agents = || self.round_trips.iter().enumerate();
        let of_all = |(index, times): (usize, &Vec<Option<Duration>>)| {
            let total: Option<Duration> = times.iter().copied().sum();
            total.map(|total| (total, index))
        };
        let servers = self.round_trips.first()?.len();
        if let Some((_, alone)) = agents().filter_map(of_all).min() {
            return Some(vec![alone; servers]);
        }
        let nearest = |server: usize| {
            let times = agents().filter_map(|(index, times)| Some(((*times.get(server)?)?, index)));
            times.min().map(|(_, index)| index)
        };
        (0..servers).map(nearest).collect()
    }
}

/// The longest time for which others are waited for.
const LONGEST: Duration = Duration::from_millis(500);

#[cfg(test)]
mod tests {
    use super::*;

    const fn ms(ms: u64) -> Duration {
        Duration::from_millis(ms)
    }

    fn at(millis: u64) -> Moment {
        Moment::after_start(ms(millis))
    }

    /// Agents that answer in this order, each with its round trips.
    fn chosen(answers: &[[Option<u64>; 2]]) -> Option<Vec<usize>> {
        let mut all = Answers::new(at(0));
        for answer in answers {
            all.answered(at(1), answer.map(|time| time.map(ms)).to_vec());
        }
        all.chosen()
    }

    #[test]
    fn r64_the_nearest_agent_is_chosen_and_not_the_first() {
        let (far, near) = (Some(90), Some(3));
        assert_eq!(chosen(&[]), None);
        assert_eq!(chosen(&[[far, None], [near, None]]), None, "nobody reaches the second server");
        assert_eq!(chosen(&[[far, None], [near, None], [None, far]]), Some(vec![1, 2]));
        assert_eq!(chosen(&[[None, near], [far, None], [None, far], [near, None]]), Some(vec![3, 0]));
        assert_eq!(
            chosen(&[[near, None], [near, None], [None, far]]),
            Some(vec![0, 2]),
            "the first of equal ones"
        );
        // One that reaches both joins their connections alone.
        assert_eq!(chosen(&[[near, None], [None, near], [far, far]]), Some(vec![2, 2]));
        assert_eq!(chosen(&[[far, far], [far, near], [Some(80), Some(80)]]), Some(vec![1, 1]));
    }

    #[test]
    fn r64_others_are_waited_for_as_long_again_as_the_first_has_taken() {
        for (taken, until) in [(0, 0), (40, 80), (500, 1_000), (3_000, 3_500)] {
            let mut answers = Answers::new(at(0));
            answers.answered(at(taken / 2), vec![Some(ms(9)), None]);
            assert_eq!(answers.until, None, "a server is not reached yet");
            answers.answered(at(taken), vec![None, Some(ms(9))]);
            assert_eq!(answers.until, Some(at(until)), "{taken}");
            answers.answered(at(taken + 1), vec![Some(ms(1)), Some(ms(1))]);
            assert_eq!(answers.until, Some(at(until)), "a later answer does not move it");
            assert_eq!(answers.chosen(), Some(vec![2, 2]));
        }
    }
}
