//! The date at the other end of a session: the ends of tokens depend on it. It is asked for and told in `Ext`; who does
//! not know it answers `Unsupported`.

use super::message::Text;
use crate::listing::When;
use crate::timer::Moment;

/// What the clock of this host has said, and when.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct DateAt {
    /// When it was asked.
    pub moment: Moment,
    /// What it has said.
    pub date: When,
}

impl DateAt {
    /// The date at a later moment.
    fn later(self, now: Moment) -> When {
        let When(date) = self.date;
        When(date.saturating_add_unsigned(now.since(self.moment).as_secs()))
    }
}

/// The name and the body of the question.
pub fn question() -> (Text, Vec<u8>) {
    (Text::of(NAME), Vec::new())
}

/// The answer to a message with this name, if it is the question and the date is known.
pub(super) fn answer(name: &Text, known: Option<DateAt>, now: Moment) -> Option<(Text, Vec<u8>)> {
    let When(date) = known.filter(|_| name.as_str() == NAME)?.later(now);
    Some((Text::of(NAME), date.to_be_bytes().to_vec()))
}

/// The date that a message tells, if it is the answer.
pub fn read(name: &Text, body: &[u8]) -> Option<When> {
    let date = body.try_into().ok().filter(|_| name.as_str() == NAME)?;
    Some(When(i64::from_be_bytes(date)))
}

const NAME: &str = "date";

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[test]
    fn r54_the_date_is_told_to_who_asks_for_it_and_goes_on() {
        let known = DateAt { moment: Moment::START, date: When(1_800_000_000) };
        let now = Moment::after_start(Duration::from_secs(600));
        let (name, body) = question();
        let (name, body) = answer(&name, Some(known), now).filter(|_| body.is_empty()).unwrap();
        assert_eq!(read(&name, &body), Some(When(1_800_000_600)));
        assert_eq!(answer(&name, None, now), None);
        assert_eq!(answer(&Text::of("seen"), Some(known), now), None);
        assert_eq!((read(&Text::of("seen"), &body), read(&name, &body[1..])), (None, None));
    }
}
