//! The SHA-256 of what a join passes on, where its user agent asks for it. Both messages travel in `Ext`: an agent that
//! does not know them answers `Unsupported`, and the join goes on without a digest.

use super::message::{FromAgent, Id, Text, ToAgent};
use serde::{Deserialize, Serialize};

/// The digests of a join that has ended in order: 64 lower-case hexadecimal digits each.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Digests {
    /// The join that has ended.
    pub join: Id,
    /// Of the bytes from leg A to leg B.
    pub a_to_b: Text,
    /// Of the bytes from leg B to leg A.
    pub b_to_a: Text,
}

/// The request for the digests of a join. It follows the message that asks for the join.
pub fn request(join: Id) -> Option<ToAgent> {
    let body = postcard::to_allocvec(&join).ok()?;
    Some(ToAgent::Ext { name: Text::of(NAME), body })
}

/// The join of a message, if it is such a request.
pub(super) fn requested(name: &Text, body: &[u8]) -> Option<Id> {
    read(name, body)
}

impl Digests {
    /// The message to the user agent.
    pub(super) fn message(&self) -> Option<FromAgent> {
        let body = postcard::to_allocvec(self).ok()?;
        Some(FromAgent::Ext { name: Text::of(NAME), body })
    }

    /// What a message says, if it is this one.
    pub fn read(name: &Text, body: &[u8]) -> Option<Self> {
        let digests: Self = read(name, body)?;
        let is_digest = |text: &Text| {
            let text = text.as_str();
            text.len() == 64 && text.bytes().all(|digit| matches!(digit, b'0'..=b'9' | b'a'..=b'f'))
        };
        (is_digest(&digests.a_to_b) && is_digest(&digests.b_to_a)).then_some(digests)
    }
}

fn read<'a, T: Deserialize<'a>>(name: &Text, body: &'a [u8]) -> Option<T> {
    let (read, rest) = postcard::take_from_bytes(body).ok()?;
    (name.as_str() == NAME && rest.is_empty()).then_some(read)
}

const NAME: &str = "sha-256";

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_whole_message_with_two_digests_is_one() {
        let digests = |text: &str| Digests { join: Id(7), a_to_b: Text::of(text), b_to_a: Text::of(text) };
        let body = |digests: &Digests| match digests.message() {
            Some(FromAgent::Ext { name, body }) => (name, body),
            other => panic!("{other:?}"),
        };
        let right = digests(&"0af9".repeat(16));
        let (name, mut bytes) = body(&right);
        assert_eq!(Digests::read(&name, &bytes), Some(right));
        assert_eq!(Digests::read(&Text::of("seen"), &bytes), None);
        bytes.push(0);
        assert_eq!(Digests::read(&name, &bytes), None);
        for wrong in [String::new(), "0AF9".repeat(16), "0".repeat(63), "x".repeat(64)] {
            let (name, bytes) = body(&digests(&wrong));
            assert_eq!(Digests::read(&name, &bytes), None, "{wrong}");
        }
        let Some(ToAgent::Ext { name, body }) = request(Id(9)) else { panic!("no request") };
        assert_eq!(requested(&name, &body), Some(Id(9)));
        assert_eq!(requested(&name, &[]), None);
    }
}
