//! Errors of the operating system in words for people: `connection refused`, without a number.

use std::error::Error;
use std::io;

/// The words of `error` as they stand in the middle of a sentence, without ` (os error 111)`.
pub fn words(error: &io::Error) -> String {
    let text = error.to_string();
    let Some(words) =
        error.raw_os_error().and_then(|number| text.strip_suffix(&format!(" (os error {number})")))
    else {
        return text;
    };
    let mut letters = words.chars();
    match letters.next() {
        Some(first) => first.to_lowercase().chain(letters).collect(),
        None => text,
    }
}

/// `error` and all that caused it, separated by colons.
pub fn chain(error: &(dyn Error + 'static)) -> String {
    let mut text = String::new();
    let mut next = Some(error);
    while let Some(error) = next {
        if !text.is_empty() {
            text.push_str(": ");
        }
        match error.downcast_ref::<io::Error>() {
            Some(error) => text.push_str(&words(error)),
            None => text.push_str(&error.to_string()),
        }
        next = error.source();
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn errors_of_the_system_have_words_and_no_number() {
        let refused = io::Error::from_raw_os_error(rustix::io::Errno::CONNREFUSED.raw_os_error());
        assert_eq!(words(&refused), "connection refused");
        assert_eq!(words(&io::Error::other("TLS says (os error 5)")), "TLS says (os error 5)");
    }

    #[test]
    fn a_chain_names_every_cause_once() {
        #[derive(Debug, thiserror::Error)]
        #[error("cannot listen")]
        struct Outer(#[source] io::Error);

        let denied = io::Error::from_raw_os_error(rustix::io::Errno::ACCESS.raw_os_error());
        assert_eq!(chain(&Outer(denied)), "cannot listen: permission denied");
    }
}
